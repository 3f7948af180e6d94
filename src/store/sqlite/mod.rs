//! The record of the desk in one SQLite file.
//!
//! One process owns the file, by a lock beside it, so that an owner's death is certain and its leases need not run out.
//! One task writes, many works to a commit; reads go by a few connections of their own, and see what was committed. Moments are
//! kept to the millisecond.

mod backup;
mod dialect;
#[path = "../shared/erase.rs"]
mod erase;
mod open;
#[path = "../shared/outbox.rs"]
mod outbox;
#[path = "../shared/record.rs"]
mod record;
#[path = "../shared/rows.rs"]
mod rows;
#[cfg(test)]
mod tests;
#[path = "../shared/tx.rs"]
mod tx;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions, Sqlite, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

pub use self::backup::{Backup, BackupError};
use self::dialect::{Ids, fault};
pub use self::open::OpenError;
use self::open::Owner;
use self::writer::{Done, Job, Task, Writer};
use super::statement::statement;
use super::{
    About, Claim, Counts, Current, DeadEvent, Due, EndedHeld, Listed, ListedEffect, Position, Release, Settled,
    Settlement, Store, StoreError, TAKE_OVER_PAUSE, Work, WorkerId,
};
use crate::clock::Clock;
use crate::domain::decision::Outcome;
use crate::domain::effect::{Gate, Lane};
use crate::domain::event::{DedupeKey, TimerKind};
use crate::domain::ids::{EffectId, MessageRef, PersonRef, Place, PlatformName, Tenant, TicketId, TicketKey};
use crate::domain::record::{AuditEntry, Record, Standing};
use crate::domain::ticket::Ticket;
use crate::metrics;

const READERS: u32 = 4;
const READER_WAIT: Duration = Duration::from_secs(5);
/// How many jobs may wait for the writer before those who ask have to wait to ask.
const WAITING_JOBS: usize = 1_024;

/// The record of the desk in a SQLite file.
///
/// Dropping it without [`Store::close`] loses nothing that was answered; the file is let go of soon after.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    jobs: Option<mpsc::Sender<Job>>,
    // Kept here too, so that who waits for a change is not told of a closed channel without end.
    changed: watch::Sender<u64>,
    writer: Mutex<Option<oneshot::Receiver<()>>>,
}

impl SqliteStore {
    /// Opens the file, which is made if there is none, becomes its owner and brings its schema up to date. What a former
    /// owner was delivering when it died waits again, marked as unsure. Ids of effects follow `clock`.
    ///
    /// # Errors
    /// If the file is another process's or cannot be used; then nothing in it was changed.
    pub async fn open(path: &Path, clock: Clock) -> Result<Arc<Self>, OpenError> {
        Self::open_with_pause(path, clock, TAKE_OVER_PAUSE).await
    }

    /// The same with another pause (real time) between the end of a lease, as [`Store::take_over`] will count it, and the
    /// taking over.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn open_with_pause(path: &Path, clock: Clock, pause: Duration) -> Result<Arc<Self>, OpenError> {
        Self::open_as(path, clock, open::writing(path), pause).await
    }

    /// Opens the file to read it only, beside its owner. Whatever writes fails with [`StoreError::Away`].
    ///
    /// # Errors
    /// If there is no such file, its schema is not this program's, or it cannot be read.
    pub async fn open_read_only(path: &Path) -> Result<Arc<Self>, OpenError> {
        if open::examine(path).await? != Some(open::known()) {
            return Err(OpenError::Older(path.to_owned()));
        }
        let changed = watch::Sender::new(0);
        Ok(Arc::new(Self { readers: readers(path), jobs: None, changed, writer: Mutex::new(None) }))
    }

    /// Opens the file to read and write beside its owner, or where there is none. A guest leases nothing and recovers
    /// nothing; it takes its turn to write, and the owner sees what it has written within a second or so.
    ///
    /// # Errors
    /// If there is no such file, its schema is not this program's, or it cannot be used.
    pub async fn open_beside(path: &Path, clock: Clock) -> Result<Arc<Self>, OpenError> {
        if open::examine(path).await? != Some(open::known()) {
            return Err(OpenError::Older(path.to_owned()));
        }
        let failed = |error| OpenError::database(path, error);
        let options = open::writing(path);
        let conn = options.connect().await.map_err(fault).map_err(failed)?;
        Self::start(path, clock, conn, options, None).await
    }

    async fn open_as(
        path: &Path,
        clock: Clock,
        options: SqliteConnectOptions,
        pause: Duration,
    ) -> Result<Arc<Self>, OpenError> {
        if path.is_dir() {
            return Err(OpenError::Io { path: path.to_owned(), what: "it is a folder".to_owned() });
        }
        open::create_folder(path)?;
        let owner = Owner::of(path)?;
        open::create(path)?;
        open::examine(path).await?;
        let failed = |error| OpenError::database(path, error);
        let mut conn = options.connect().await.map_err(fault).map_err(failed)?;
        open::migrate(path, &mut conn).await?;
        // The former owner is certainly dead, so that only its last calls have to end.
        let ended_ms = dialect::now_ms() - i64::try_from(pause.as_millis()).unwrap_or_default();
        let recover = statement(dialect::RECOVER).bind(ended_ms);
        let unsure = record::run(&mut conn, recover).await.map_err(failed)?;
        if unsure > 0 {
            tracing::info!(effects = unsure, "a former owner left deliveries whose end is not known");
        }
        Self::start(path, clock, conn, options, Some(owner)).await
    }

    async fn start(
        path: &Path,
        clock: Clock,
        mut conn: SqliteConnection,
        options: SqliteConnectOptions,
        owner: Option<Owner>,
    ) -> Result<Arc<Self>, OpenError> {
        let ids = Ids::above_known(&mut conn, clock).await.map_err(|error| OpenError::database(path, error))?;
        let changed = watch::Sender::new(0);
        let (jobs, asked) = mpsc::channel(WAITING_JOBS);
        let writer = Writer::new(conn, options, ids, changed.clone(), owner);
        let writer = writer.begin(asked).map_err(|error| OpenError::io(path, &error))?;
        let writer = Mutex::new(Some(writer));
        Ok(Arc::new(Self { readers: readers(path), jobs: Some(jobs), changed, writer }))
    }

    async fn ask(&self, task: Task) -> Result<Done, StoreError> {
        let Some(jobs) = &self.jobs else {
            return Err(StoreError::Away("it was opened to be read only".to_owned()));
        };
        let closed = || StoreError::Away("it was closed".to_owned());
        let (answer, end) = oneshot::channel();
        jobs.send(Job { task, answer }).await.map_err(|_| closed())?;
        end.await.map_err(|_| closed())?
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.map_err(fault)
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
    async fn decide(&self, about: About, work: Work) -> Result<Outcome, StoreError> {
        match self.ask(Task::Work(about, work)).await? {
            Done::Work(outcome) => Ok(outcome),
            other => Err(other.unexpected()),
        }
    }

    async fn due(
        &self,
        platform: PlatformName,
        now: Timestamp,
        after: Option<(Lane, EffectId)>,
        beside: &[Gate],
        limit: u32,
    ) -> Result<Due, StoreError> {
        outbox::due(&mut *self.reader().await?, platform, now, after.as_ref(), beside, limit).await
    }

    async fn regate(&self, gates: &[(EffectId, Gate)]) -> Result<(), StoreError> {
        if gates.is_empty() {
            return Ok(());
        }
        self.ask(Task::Regate { gates: gates.to_vec() }).await.map(drop)
    }

    async fn held_in(&self, platform: PlatformName) -> Result<Vec<(String, u64)>, StoreError> {
        outbox::held_in(&mut *self.reader().await?, platform).await
    }

    async fn release(&self, by: Release, now: Timestamp) -> Result<u64, StoreError> {
        match self.ask(Task::Release { by, now }).await? {
            Done::Counted(count) => Ok(count),
            other => Err(other.unexpected()),
        }
    }

    async fn end_held(&self, then: Timestamp, now: Timestamp) -> Result<Vec<EndedHeld>, StoreError> {
        match self.ask(Task::EndHeld { then, now }).await? {
            Done::Ended(effects) => Ok(effects),
            other => Err(other.unexpected()),
        }
    }

    async fn remembered(&self, name: &str) -> Result<Option<String>, StoreError> {
        record::remembered(&mut *self.reader().await?, name).await
    }

    async fn keep_in_mind(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.ask(Task::KeepInMind { name: name.to_owned(), value: value.to_owned() }).await.map(drop)
    }

    /// A file does not know where it lies; a copy that was made by `backup` is marked.
    async fn lies_in(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn without_card(&self, channel: &Place, above: TicketId, limit: u32) -> Result<Vec<TicketId>, StoreError> {
        record::without_card(&mut *self.reader().await?, channel, above, limit).await
    }

    async fn next_due(&self, platform: PlatformName, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        outbox::next_due(&mut *self.reader().await?, platform, now).await
    }

    async fn lease(&self, by: &WorkerId, claims: &[Claim], lasting: Duration) -> Result<Vec<EffectId>, StoreError> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        match self.ask(Task::Lease { by: by.clone(), claims: claims.to_vec(), lasting }).await? {
            Done::Leased(effects) => Ok(effects),
            other => Err(other.unexpected()),
        }
    }

    async fn settle(
        &self,
        effect: &EffectId,
        by: &WorkerId,
        end: Settlement,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        match self.ask(Task::Settle { effect: effect.clone(), by: by.clone(), end: Box::new(end), now }).await? {
            Done::Settled(settled) => Ok(settled),
            other => Err(other.unexpected()),
        }
    }

    async fn current(&self, effects: &[EffectId]) -> Result<Vec<Current>, StoreError> {
        outbox::current(&mut *self.reader().await?, effects).await
    }

    async fn take_over(
        &self,
        by: &WorkerId,
        platform: PlatformName,
        margin: Duration,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        match self.ask(Task::TakeOver { by: by.clone(), platform, margin, now }).await? {
            Done::Counted(count) => Ok(count),
            other => Err(other.unexpected()),
        }
    }

    async fn spent(&self, platform: PlatformName, since: Duration) -> Result<Vec<(Vec<String>, Duration)>, StoreError> {
        outbox::spent(&mut *self.reader().await?, platform, since).await
    }

    async fn listed(
        &self,
        which: Listed,
        before: Option<EffectId>,
        limit: u32,
    ) -> Result<Vec<ListedEffect>, StoreError> {
        outbox::listed(&mut *self.reader().await?, which, before.as_ref(), limit).await
    }

    /// The file has one owner, so whatever there is to hold is that one's.
    async fn hold(&self, _name: &str, _by: &WorkerId, _lasting: Duration) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn let_go(&self, _name: &str, _by: &WorkerId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn positions(&self, tenant: &Tenant) -> Result<Vec<Position>, StoreError> {
        record::positions(&mut *self.reader().await?, tenant).await
    }

    async fn advance(&self, positions: &[Position]) -> Result<(), StoreError> {
        if positions.is_empty() {
            return Ok(());
        }
        self.ask(Task::Advance { positions: positions.to_vec() }).await.map(drop)
    }

    async fn live(&self, tenant: &Tenant, since: Timestamp) -> Result<Vec<Place>, StoreError> {
        record::live(&mut *self.reader().await?, tenant, since).await
    }

    async fn said_in(&self, tenant: &Tenant, channel: &str, from: &str, limit: u32) -> Result<Vec<Record>, StoreError> {
        record::said_in(&mut *self.reader().await?, tenant, channel, from, limit).await
    }

    async fn dead_events(&self, limit: u32) -> Result<Vec<DeadEvent>, StoreError> {
        record::dead_events(&mut *self.reader().await?, limit).await
    }

    async fn exhume(&self, key: &DedupeKey) -> Result<(), StoreError> {
        self.ask(Task::Exhume { key: key.clone() }).await.map(drop)
    }

    async fn standing(&self, ticket: TicketId) -> Result<Vec<Standing>, StoreError> {
        record::standing(&mut *self.reader().await?, ticket).await
    }

    async fn cards(&self, tickets: &[TicketId]) -> Result<Vec<Standing>, StoreError> {
        record::cards(&mut *self.reader().await?, tickets).await
    }

    async fn these(&self, tickets: &[TicketId]) -> Result<Vec<Ticket>, StoreError> {
        record::these(&mut *self.reader().await?, tickets).await
    }

    async fn mirrors(&self, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
        record::mirrors(&mut *self.reader().await?, of).await
    }

    async fn record(&self, message: &MessageRef) -> Result<Option<Record>, StoreError> {
        record::record(&mut *self.reader().await?, message).await
    }

    async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>, StoreError> {
        record::ticket(&mut *self.reader().await?, id).await
    }

    async fn ticket_by_key(&self, key: &TicketKey) -> Result<Option<Ticket>, StoreError> {
        record::ticket_by_key(&mut *self.reader().await?, key).await
    }

    async fn tickets(&self, before: Option<TicketId>, limit: u32) -> Result<Vec<Ticket>, StoreError> {
        record::tickets(&mut *self.reader().await?, before, limit).await
    }

    async fn records(&self, ticket: TicketId) -> Result<Vec<Record>, StoreError> {
        record::records(&mut *self.reader().await?, ticket).await
    }

    async fn audit(&self, ticket: TicketId) -> Result<Vec<AuditEntry>, StoreError> {
        record::audit(&mut *self.reader().await?, ticket).await
    }

    async fn due_timers(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(TicketId, TimerKind, Timestamp)>, StoreError> {
        record::due_timers(&mut *self.reader().await?, now, limit).await
    }

    async fn bury(&self, key: &DedupeKey, event_json: &str, fault: &str, now: Timestamp) -> Result<(), StoreError> {
        let (event_json, fault) = (event_json.to_owned(), fault.to_owned());
        self.ask(Task::Bury { key: key.clone(), event_json, fault, now }).await.map(drop)
    }

    async fn concerned(
        &self,
        account: &PersonRef,
        above: TicketId,
        up_to: TicketId,
    ) -> Result<Vec<TicketId>, StoreError> {
        erase::concerned(&mut *self.reader().await?, account, above, up_to).await
    }

    async fn expired(&self, then: Timestamp, above: TicketId, up_to: TicketId) -> Result<Vec<TicketId>, StoreError> {
        erase::expired(&mut *self.reader().await?, then, above, up_to).await
    }

    async fn scrub(&self) -> Result<bool, StoreError> {
        match self.ask(Task::Scrub).await? {
            Done::Scrubbed(is_all_gone) => Ok(is_all_gone),
            other => Err(other.unexpected()),
        }
    }

    async fn tidy(&self, then: Timestamp) -> Result<bool, StoreError> {
        match self.ask(Task::Tidy { then }).await? {
            Done::Tidied(is_more) => Ok(is_more),
            other => Err(other.unexpected()),
        }
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        metrics::pool("sqlite_readers", self.readers.size().into(), self.readers.num_idle() as u64);
        record::counts(&mut *self.reader().await?).await
    }

    async fn total(&self) -> Result<u64, StoreError> {
        record::total(&mut *self.reader().await?).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ask(Task::Ping).await.map(drop)
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn close(&self) {
        // The readers go first, so that the writer is the last one and tidies the log of SQLite away.
        self.readers.close().await;
        // Closed before, by us or another caller: then there is nothing to finish.
        let _ = self.ask(Task::Close).await;
        if let Some(writer) = self.writer.lock().await.take()
            && writer.await.is_err()
        {
            tracing::error!("the database's writer did not end well");
        }
    }
}
