//! The single writer: takes waiting tasks, runs them in one transaction, and answers them once the transaction is on
//! disk.
//!
//! A task is mostly a *work*: a closure that reads and writes in the transaction ([`Work`]). Each work sees the writes
//! of the works before it. A transaction first runs without savepoints. If a work fails, the transaction is rolled back
//! and runs again with a savepoint for each work, so that a failure rolls back only its own work. A commit waits for
//! the disk once, for one work or many, so works that arrive together share a commit.

use std::any::Any;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument as _;

use super::link::{Ids, SqliteTx, WriteConnection};
use super::open::{Owner, Writing};
use crate::clock::real;
use crate::domain::outcome::Outcome;
use crate::store::StoreError;
use crate::store::port::{Pace, Scope, Work};
use crate::store::statement::Statement;
use crate::store::tx::{ReadAhead, StoreTx, Unsent};

/// The largest number of tasks per commit.
pub const WORKS_PER_COMMIT: usize = 64;
const COMMIT_TRIES: u32 = 3;
/// How often to check whether another process has written, while there is nothing to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a write with [`Pace::Shared`] waits for others, in real time.
const COMPANY_WITHIN: Duration = Duration::from_millis(5);

/// A task of the writer.
pub enum Task {
    /// Run a work, which may read.
    Work(Scope, Work),
    /// Run statements that nobody's work depends on: those of a batch are written together, at its end.
    Write(Vec<Statement>, Pace),
    /// Empty SQLite's log, outside of a transaction.
    Scrub,
    /// Stop: accept no more tasks, and finish those queued.
    Close,
}

/// The result of a task.
#[derive(Debug)]
pub enum Done {
    Work(Outcome),
    /// Whether SQLite's log was emptied completely. A reader may prevent that.
    Scrubbed(bool),
    Nothing,
}

impl Done {
    /// Returns the error for a result of the wrong kind, which is a fault of the program.
    pub fn unexpected(self) -> StoreError {
        StoreError::Work(format!("the writer answered {self:?}"))
    }
}

/// The result of a task, or its error.
pub type Answer = Result<Done, StoreError>;

/// A task, and where to send its result.
pub struct Job {
    pub task: Task,
    pub answer: oneshot::Sender<Answer>,
}

impl Job {
    /// Sends the answer. The caller may be gone; the task stays done.
    fn end(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// Whether the works of a transaction have savepoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Savepoints {
    /// There are no savepoints, so a failure rolls back all works. This saves two statements per work, and failures are
    /// rare.
    None,
    /// Each work has a savepoint, so it can be rolled back alone.
    PerWork,
}

/// Why nothing of a transaction was kept.
enum Failure {
    /// Something failed in a transaction without savepoints: all works must run again, with savepoints.
    NeedsSavepoints,
    /// The transaction could not be begun or committed.
    Whole(StoreError),
    /// At this work (its index in the batch), SQLite gave up the whole transaction.
    AtWork(usize, StoreError),
}

/// The owner of the write connection and of the file's lock.
pub struct Writer {
    conn: WriteConnection,
    options: Writing,
    ids: Ids,
    changed: watch::Sender<u64>,
    /// The data version at the last check. It changes with the commits of other connections: those of a guest (a
    /// process that writes without the file's lock), or those of the lock's owner if this store is the guest.
    data_version: Option<i64>,
    // Dropped last: while it is held, no other process becomes the owner of the file. A guest has none.
    owner: Option<Owner>,
}

impl Writer {
    /// Creates a writer. [`Writer::begin`] starts it.
    pub fn new(
        conn: WriteConnection,
        options: Writing,
        ids: Ids,
        changed: watch::Sender<u64>,
        owner: Option<Owner>,
    ) -> Self {
        Self { conn, options, ids, changed, data_version: None, owner }
    }

    /// Starts a thread that writes until the channel is closed. SQLite runs in this thread, so no statement wakes
    /// another thread, and waiting for the disk blocks nobody else. The returned receiver is told when the thread has
    /// ended.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn begin(self, jobs: mpsc::Receiver<Job>) -> std::io::Result<oneshot::Receiver<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (ended, end) = oneshot::channel();
        let span = tracing::Span::current();
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || {
            let _log = tracing::dispatcher::set_default(&dispatch);
            runtime.block_on(self.run(jobs).instrument(span));
            // The receiver may be gone.
            let _ = ended.send(());
        })?;
        Ok(end)
    }

    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(WORKS_PER_COMMIT);
        loop {
            let asked = tokio::time::timeout(LOOK_EVERY, jobs.recv_many(&mut batch, WORKS_PER_COMMIT)).await;
            match asked {
                Ok(0) => break,
                Ok(_) => {
                    wait_for_company(&mut jobs, &mut batch).await;
                    if batch.iter().any(|job| matches!(job.task, Task::Close)) {
                        jobs.close();
                    }
                    self.scrub_if_asked(&mut batch);
                    self.group(&mut batch).await;
                }
                // An error is ignored here, since it shows again at the next write.
                Err(_) => drop(self.check_other_writers()),
            }
        }
        let Self { conn, owner, .. } = self;
        if let Err(error) = conn.close() {
            tracing::warn!(%error, "the database was not closed cleanly; what was committed is safe");
        }
        drop(owner);
    }

    /// Runs all jobs of a batch and answers them. A failed commit keeps nothing, so every work is run again. A work
    /// that brings the whole transaction down is left out of it.
    async fn group(&mut self, batch: &mut Vec<Job>) {
        let (mut tries, mut savepoints) = (0, Savepoints::None);
        while !batch.is_empty() {
            match self.attempt(batch, savepoints).await {
                Ok((answers, touched)) => {
                    if touched {
                        self.changed.send_modify(|count| *count += 1);
                    }
                    for (job, answer) in batch.drain(..).zip(answers) {
                        job.end(answer);
                    }
                }
                Err(Failure::NeedsSavepoints) => {
                    self.roll_back();
                    savepoints = Savepoints::PerWork;
                }
                Err(Failure::AtWork(index, error)) => {
                    tracing::warn!(%error, "a write broke its transaction: this write fails, the others run again");
                    self.roll_back();
                    batch.remove(index).end(Err(StoreError::Away(error.to_string())));
                }
                Err(Failure::Whole(error)) => {
                    tracing::warn!(%error, works = batch.len(), "a transaction failed; it is tried three times in all");
                    self.roll_back();
                    tries += 1;
                    if tries == COMMIT_TRIES {
                        for job in batch.drain(..) {
                            job.end(Err(StoreError::Away(error.to_string())));
                        }
                    }
                }
            }
        }
    }

    /// Runs a batch in one transaction. Returns the answer to each job, and whether to wake the dispatchers. If it
    /// fails, nothing of the transaction is kept.
    async fn attempt(&mut self, batch: &[Job], savepoints: Savepoints) -> Result<(Vec<Answer>, bool), Failure> {
        self.conn.execute("BEGIN IMMEDIATE").map_err(Failure::Whole)?;
        // From here on no other connection can write.
        self.check_other_writers().map_err(Failure::Whole)?;
        let mut answers = Vec::with_capacity(batch.len());
        let mut any_touched = false;
        // The statements of `Task::Write` concern no work of this transaction, so they are written together at its end.
        let mut alone = Unsent::new();
        let mut unsent = Unsent::new();
        let mut read_ahead = match savepoints {
            Savepoints::None => self.read_ahead(batch).map_err(|_| Failure::NeedsSavepoints)?,
            Savepoints::PerWork => Vec::new(),
        };
        for (index, job) in batch.iter().enumerate() {
            if savepoints == Savepoints::None {
                if let Task::Write(statements, _) = &job.task {
                    alone.push(statements.clone());
                    answers.push(Ok(Done::Nothing));
                    continue;
                }
                let read_ahead = read_ahead.get_mut(index).map(std::mem::take).unwrap_or_default();
                let (answer, touched) = self.perform(&job.task, read_ahead, &mut unsent).await;
                if answer.is_err() {
                    return Err(Failure::NeedsSavepoints);
                }
                any_touched |= touched;
                answers.push(answer);
                continue;
            }
            self.conn.execute("SAVEPOINT work").map_err(Failure::Whole)?;
            let (answer, touched) = self.perform_alone(&job.task).await;
            // If SQLite gave up the whole transaction, the savepoint is gone, whatever the work returned.
            let gone = match &answer {
                Ok(_) => self.conn.execute("RELEASE SAVEPOINT work").err(),
                Err(_) => match self.conn.execute("ROLLBACK TO SAVEPOINT work") {
                    Ok(()) => self.conn.execute("RELEASE SAVEPOINT work").err(),
                    Err(error) => Some(error),
                },
            };
            if let Some(gone) = gone {
                return Err(Failure::AtWork(index, answer.err().unwrap_or(gone)));
            }
            any_touched |= touched && answer.is_ok();
            answers.push(answer);
        }
        if savepoints == Savepoints::None {
            unsent.push(self.ids.write_down());
            self.conn.run_all(unsent).map_err(|_| Failure::NeedsSavepoints)?;
            any_touched |= !alone.is_empty();
            self.conn.run_all(alone).map_err(|_| Failure::NeedsSavepoints)?;
        }
        self.conn.execute("COMMIT").map_err(Failure::Whole)?;
        Ok((answers, any_touched))
    }

    /// Checks whether another process has written since the last check. If so, wakes the dispatchers and continues with
    /// ids above those of the other process.
    fn check_other_writers(&mut self) -> Result<(), StoreError> {
        let version = Some(self.conn.data_version()?);
        if version != self.data_version {
            self.ids.go_on_above(&mut self.conn)?;
            // The first check has no earlier version to compare with.
            if self.data_version.is_some() {
                self.changed.send_modify(|count| *count += 1);
            }
            self.data_version = version;
        }
        Ok(())
    }

    /// Empties SQLite's log if a job asks for it: until then, deleted data is still in the log.
    fn scrub_if_asked(&mut self, batch: &mut Vec<Job>) {
        for index in (0..batch.len()).rev() {
            if matches!(batch[index].task, Task::Scrub) {
                batch.remove(index).end(self.conn.scrub().map(Done::Scrubbed));
            }
        }
    }

    /// Runs the first queries of the works (`Scope::ahead`) before any work begins. A work that shares a name
    /// (`Scope::names`) with an earlier work of the transaction is left out, since that one may change the rows. Works
    /// that share no name do not change each other's rows. On PostgreSQL, where such works run at the same time, they
    /// rely on this, too.
    fn read_ahead(&mut self, batch: &[Job]) -> Result<Vec<ReadAhead>, StoreError> {
        let (mut names, mut queries, mut whose) = (HashSet::new(), Vec::new(), HashMap::new());
        for (index, job) in batch.iter().enumerate() {
            let Task::Work(about, _) = &job.task else { continue };
            let known_names = names.len();
            names.extend(&about.names);
            if names.len() == known_names + about.names.len() {
                for query in about.ahead.iter().cloned() {
                    // If an earlier work has the same query, the later one runs its query itself.
                    if let Entry::Vacant(free) = whose.entry(query.clone()) {
                        free.insert(index);
                        queries.push(query);
                    }
                }
            }
        }
        let mut read_ahead: Vec<ReadAhead> = batch.iter().map(|_| ReadAhead::new()).collect();
        for (query, rows) in self.conn.ask_all(queries)? {
            if let Some(index) = whose.get(&query) {
                read_ahead[*index].push((query, rows));
            }
        }
        Ok(read_ahead)
    }

    /// Runs a task. The writes that it has not sent yet are left in `unsent`. Returns the answer, and whether to wake
    /// the dispatchers.
    async fn perform(&mut self, task: &Task, read_ahead: ReadAhead, unsent: &mut Unsent) -> (Answer, bool) {
        let work = match task {
            Task::Work(_, work) => work,
            Task::Write(statements, _) => {
                unsent.push(statements.clone());
                return (Ok(Done::Nothing), true);
            }
            Task::Scrub | Task::Close => return (Ok(Done::Nothing), false),
        };
        let mut conn = SqliteTx { conn: &mut self.conn, ids: &mut self.ids };
        let mut tx = StoreTx::new(&mut conn, unsent, read_ahead);
        let done = AssertUnwindSafe(work(&mut tx)).catch_unwind().await;
        let done = done.unwrap_or_else(|panic| Err(StoreError::Work(panic_text(panic.as_ref()))));
        (done.and_then(|outcome| tx.check_sound().map(|()| Done::Work(outcome))), tx.to_wake().is_some())
    }

    /// Runs a task and sends its writes.
    async fn perform_alone(&mut self, task: &Task) -> (Answer, bool) {
        let mut unsent = Unsent::new();
        let (mut answer, touched) = self.perform(task, ReadAhead::new(), &mut unsent).await;
        if answer.is_ok() {
            unsent.push(self.ids.write_down());
            answer = self.conn.run_all(unsent).and(answer);
        }
        if answer.is_err() {
            self.ids.forget();
        }
        (answer, touched)
    }

    /// Rolls back the open transaction, if any. A connection that cannot even do that is replaced.
    fn roll_back(&mut self) {
        self.ids.forget();
        // A failed `ROLLBACK` statement means that SQLite has already ended the transaction.
        if let Ok(()) | Err(StoreError::Work(_)) = self.conn.execute("ROLLBACK") {
            return;
        }
        match self.options.connect() {
            Ok(conn) => {
                // The data version of a new connection cannot be compared with that of the former one.
                self.data_version = None;
                self.conn = conn;
            }
            Err(error) => tracing::error!(%error, "the database cannot be opened again; the next write tries it again"),
        }
    }
}

/// Waits for more jobs, as long as the batch holds only writes that nobody waits for ([`Pace::Shared`]). Otherwise each
/// end of a delivery would cost a commit of its own.
async fn wait_for_company(jobs: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) {
    let until = real::now() + COMPANY_WITHIN;
    while batch.len() < WORKS_PER_COMMIT && batch.iter().all(|job| matches!(job.task, Task::Write(_, Pace::Shared))) {
        let room = WORKS_PER_COMMIT - batch.len();
        match tokio::time::timeout_at(until, jobs.recv_many(batch, room)).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", words.unwrap_or("no message"))
}
