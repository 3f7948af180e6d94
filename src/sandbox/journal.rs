//! A record of everything that people said, that the bot did, and that each person could see, as JSON Lines.
//!
//! Tests and checkers judge the bot by this record, and not by its own database or log. Each action is one entry. The
//! entries are in the order in which the platform saw the actions.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

use crate::clock::real;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::watch;

/// One action of a person, the platform or the bot.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Position in the journal, from 0.
    pub seq: u64,
    /// The clock's time, in epoch milliseconds.
    pub at_ms: i64,
    /// Real microseconds since the journal began, from a clock that never steps back.
    pub wall_us: u64,
    /// `slack` or `discord`.
    pub platform: &'static str,
    /// The kind of action. People: `said`, `edited`, `deleted`, `reacted`, `pressed`, `submitted`, `commanded`. The
    /// platform: `delivered` (an event was sent to the bot; `event` names it, `attempt` counts), `acked` (the bot
    /// acknowledged the same `event`), `dropped` (an event was given up), `connected`, `disconnected`, `refused` (a
    /// call of the bot got an error), `absent` (a call came while the platform was out of reach). The bot: `posted`,
    /// `updated`, `removed`, `whispered` (visible to one person), `opened` (a form), `signed` (its reaction changed),
    /// `called` (any other call).
    pub kind: &'static str,
    /// Further fields: `who` and `visible_to` (handles), `channel`, `thread`, `message`, `text`, `event`, `method`,
    /// `error` …
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Entry {
    /// Returns a field as text; empty if it is absent or no text.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A journal. Clones share its entries and file.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Mutex<Inner>>,
    grown: Arc<watch::Sender<u64>>,
}

struct Inner {
    began: Instant,
    entries: Vec<Entry>,
    file: Option<BufWriter<File>>,
}

impl Journal {
    /// Creates a journal in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(None)
    }

    /// Creates a journal in memory that is also written to `path`, one line for each entry.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        Ok(Self::with(Some(BufWriter::new(File::create(path)?))))
    }

    fn with(file: Option<BufWriter<File>>) -> Self {
        let inner = Inner { began: real::now(), entries: Vec::new(), file };
        Self { inner: Arc::new(Mutex::new(inner)), grown: Arc::new(watch::channel(0).0) }
    }

    /// Appends an entry; `fields` is a JSON object.
    pub fn write(&self, at_ms: i64, platform: &'static str, kind: &'static str, fields: Value) {
        let Value::Object(fields) = fields else { unreachable!("journal fields are an object") };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = inner.entries.len() as u64;
        let wall_us = u64::try_from(inner.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let entry = Entry { seq, at_ms, wall_us, platform, kind, fields };
        if let Some(file) = &mut inner.file
            && let Err(error) = serde_json::to_writer(&mut *file, &entry)
                .map_err(io::Error::from)
                .and_then(|()| file.write_all(b"\n"))
                .and_then(|()| file.flush())
        {
            tracing::error!(%error, "the journal's file cannot be written; entries are kept in memory only");
            inner.file = None;
        }
        inner.entries.push(entry);
        drop(inner);
        self.grown.send_modify(|count| *count += 1);
    }

    /// Returns all entries from position `from` on.
    #[must_use]
    pub fn since(&self, from: u64) -> Vec<Entry> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.entries.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default().to_vec()
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).entries.len() as u64
    }

    /// Whether there is no entry yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a receiver that is notified of every entry.
    #[must_use]
    pub fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}
