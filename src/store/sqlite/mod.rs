//! The desk's record in one SQLite file.
//!
//! One process owns the file, by a lock on a file beside it. A process that gets this lock knows that the former owner
//! is dead, so the former owner's leases need not run out. One thread writes, many works per commit. Reads use a few
//! connections of their own and see committed data. Moments are stored in milliseconds.

mod backup;
mod link;
mod open;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

pub use self::backup::{Backup, BackupError};
#[cfg(test)]
pub(super) use self::link::TEXTS;
pub(super) use self::link::fault;
use self::link::{Ids, WriteConnection};
pub use self::open::OpenError;
use self::open::{Owner, Writing};
use self::writer::{Done, Job, Task, Writer};
use super::outbox::RECOVER;
use super::port::{Ask, Pace, Scope, Wake, Work};
use super::row::Row;
use super::statement::{Statement, statement};
use super::{Store, StoreError, TAKE_OVER_PAUSE};
use crate::clock::Clock;
use crate::domain::outcome::Outcome;
use crate::metrics;

const READERS: u32 = 4;
const READER_WAIT: Duration = Duration::from_secs(5);
/// How many jobs may wait for the writer before callers have to wait to queue theirs.
const WAITING_JOBS: usize = 1_024;

/// The desk's record in a SQLite file.
///
/// Dropping the store without [`Store::close`] loses nothing that was confirmed; the file is released soon after.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    jobs: Option<mpsc::Sender<Job>>,
    // Kept here as well as in the writer: without any sender, waiting tasks would wake at once, over and over.
    changed: watch::Sender<u64>,
    writer: Mutex<Option<oneshot::Receiver<()>>>,
}

impl SqliteStore {
    /// Opens the file (creating it if necessary), becomes its owner and brings its schema up to date. Ends the leases
    /// of a former owner, so that its effects are soon taken over and looked for. Ids of effects follow `clock`.
    ///
    /// # Errors
    /// If another process owns the file or it cannot be used; then nothing in it was changed.
    pub async fn open(path: &Path, clock: Clock) -> Result<Arc<Self>, OpenError> {
        Self::open_with_pause(path, clock, TAKE_OVER_PAUSE).await
    }

    /// Like [`SqliteStore::open`], with a pause (real time) other than [`TAKE_OVER_PAUSE`]. It must be the dispatchers'
    /// `take_over_pause`, since the leases of a former owner then count as ended that long ago.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn open_with_pause(path: &Path, clock: Clock, pause: Duration) -> Result<Arc<Self>, OpenError> {
        Self::open_as(path, clock, Writing::to(path), pause).await
    }

    /// Opens the file read-only, beside its owner. Every write fails with [`StoreError::Away`].
    ///
    /// # Errors
    /// If there is no such file, its schema is not this program's, or it cannot be read.
    pub async fn open_read_only(path: &Path) -> Result<Arc<Self>, OpenError> {
        open::must_exist(path)?;
        if open::examine(path).await? != Some(open::known()) {
            return Err(OpenError::Older(path.to_owned()));
        }
        let changed = watch::Sender::new(0);
        Ok(Arc::new(Self { readers: readers(path), jobs: None, changed, writer: Mutex::new(None) }))
    }

    /// Opens the file for reading and writing as a *guest*: beside its owner, or without one. A guest never takes or
    /// recovers leases. It waits its turn to write, and the owner sees its writes within about a second.
    ///
    /// # Errors
    /// If there is no such file, its schema is not this program's, or it cannot be used.
    pub async fn open_beside(path: &Path, clock: Clock) -> Result<Arc<Self>, OpenError> {
        open::must_exist(path)?;
        if open::examine(path).await? != Some(open::known()) {
            return Err(OpenError::Older(path.to_owned()));
        }
        let failed = |error| OpenError::database(path, error);
        let options = Writing::to(path);
        let conn = options.connect().map_err(failed)?;
        Self::start(path, clock, conn, options, None)
    }

    async fn open_as(path: &Path, clock: Clock, options: Writing, pause: Duration) -> Result<Arc<Self>, OpenError> {
        if path.is_dir() {
            return Err(OpenError::Io { path: path.to_owned(), what: "it is a folder".to_owned() });
        }
        open::create_folder(path)?;
        let owner = Owner::of(path)?;
        open::create(path)?;
        open::examine(path).await?;
        let failed = |error| OpenError::database(path, error);
        let mut conn = open::migrating(path).connect().await.map_err(fault).map_err(failed)?;
        open::migrate(path, &mut conn).await?;
        conn.close().await.map_err(fault).map_err(failed)?;
        let mut conn = options.connect().map_err(failed)?;
        // The former owner is certainly dead, so only its last calls still have to end. That is why its leases count as
        // ended `pause` ago.
        let ended_ms = crate::clock::real::epoch_ms() - i64::try_from(pause.as_millis()).unwrap_or_default();
        let unsure = conn.rows(statement(RECOVER).bind(ended_ms)).map_err(failed)?;
        if !unsure.is_empty() {
            tracing::info!(
                effects = unsure.len(),
                "deliveries were interrupted: they are taken over, and messages are looked for before they are sent"
            );
        }
        Self::start(path, clock, conn, options, Some(owner))
    }

    fn start(
        path: &Path,
        clock: Clock,
        mut conn: WriteConnection,
        options: Writing,
        owner: Option<Owner>,
    ) -> Result<Arc<Self>, OpenError> {
        let ids = Ids::above_known(&mut conn, clock).map_err(|error| OpenError::database(path, error))?;
        let changed = watch::Sender::new(0);
        let (jobs, asked) = mpsc::channel(WAITING_JOBS);
        let writer = Writer::new(conn, options, ids, changed.clone(), owner);
        let writer = writer.begin(asked).map_err(|error| OpenError::io(path, &error))?;
        let writer = Mutex::new(Some(writer));
        Ok(Arc::new(Self { readers: readers(path), jobs: Some(jobs), changed, writer }))
    }

    async fn ask(&self, task: Task) -> Result<Done, StoreError> {
        let Some(jobs) = &self.jobs else {
            return Err(StoreError::Away("it was opened read-only".to_owned()));
        };
        let closed = || StoreError::Away("it was closed".to_owned());
        let (answer, end) = oneshot::channel();
        jobs.send(Job { task, answer }).await.map_err(|_| closed())?;
        end.await.map_err(|_| closed())?
    }
}

/// A connection that reads committed data.
struct Reader(PoolConnection<Sqlite>);

#[async_trait]
impl Ask for Reader {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        link::rows(&mut self.0, query).await
    }

    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        link::rows_of(&mut self.0, queries).await
    }

    async fn real_ms(&mut self) -> Result<i64, StoreError> {
        Ok(crate::clock::real::epoch_ms())
    }
}

fn readers(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_WAIT)
        .test_before_acquire(false)
        .connect_lazy_with(open::reading(path))
}

#[async_trait]
impl Store for SqliteStore {
    async fn decide(&self, about: Scope, work: Work) -> Result<Outcome, StoreError> {
        match self.ask(Task::Work(about, work)).await? {
            Done::Work(outcome) => Ok(outcome),
            other => Err(other.unexpected()),
        }
    }

    async fn write(&self, statements: Vec<Statement>, _: Wake, pace: Pace) -> Result<(), StoreError> {
        self.ask(Task::Write(statements, pace)).await.map(drop)
    }

    async fn reader(&self) -> Result<Box<dyn Ask + '_>, StoreError> {
        Ok(Box::new(Reader(self.readers.acquire().await.map_err(fault)?)))
    }

    /// A file has no identity of its own; a copy made by `backup` is marked instead.
    async fn identity(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn scrub(&self) -> Result<bool, StoreError> {
        match self.ask(Task::Scrub).await? {
            Done::Scrubbed(is_all_gone) => Ok(is_all_gone),
            other => Err(other.unexpected()),
        }
    }

    fn measure(&self) {
        metrics::pool("sqlite_readers", self.readers.size().into(), self.readers.num_idle() as u64);
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn close(&self) {
        // The readers close first. The last connection to close removes SQLite's write-ahead log, which a read-only
        // connection cannot do.
        self.readers.close().await;
        // If the store was closed before, by this or another caller, there is nothing to finish.
        let _ = self.ask(Task::Close).await;
        if let Some(writer) = self.writer.lock().await.take()
            && writer.await.is_err()
        {
            tracing::error!("the database's writer has ended by a panic; what it had not committed is not stored");
        }
    }
}
