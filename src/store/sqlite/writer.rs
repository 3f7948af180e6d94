//! The one writer: it takes what waits, does it in one transaction, and answers when that is on the disk.
//!
//! Each work stands in a savepoint of its own and sees what its predecessors wrote; a fault rolls back one. A commit
//! costs a wait for the disk whether it holds one work or many, so that works that come together share it.

use std::any::Any;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument as _;

use super::link::{Ids, SqliteLink, WriteConnection};
use super::open::{Owner, Writing};
use crate::domain::outcome::Outcome;
use crate::store::StoreError;
use crate::store::port::{About, Work};
use crate::store::statement::Statement;
use crate::store::tx::{Known, StoreTx, Unsent};

/// How many works share a commit at most.
pub const WORKS_PER_COMMIT: usize = 64;
const COMMIT_TRIES: u32 = 3;
/// How often it is looked whether another process has written, while there is nothing to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Something to be written.
pub enum Task {
    /// A work, which may read.
    Work(About, Work),
    /// Statements alone.
    Write(Vec<Statement>),
    /// Empties SQLite's log; not within a transaction.
    Scrub,
    /// Nothing: nobody may ask any more, and what was asked before is finished.
    Close,
}

/// What a task came to.
#[derive(Debug)]
pub enum Done {
    Work(Outcome),
    Scrubbed(bool),
    Nothing,
}

impl Done {
    /// A task came to something that is not its own: a fault of ours.
    pub fn unexpected(self) -> StoreError {
        StoreError::Work(format!("the writer answered {self:?}"))
    }
}

/// A task's end.
pub type Answer = Result<Done, StoreError>;

/// A task, and who waits for its end.
pub struct Job {
    pub task: Task,
    pub answer: oneshot::Sender<Answer>,
}

impl Job {
    /// Answers. Who asked may have gone meanwhile; what was done stays done.
    fn end(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// Whether each work of a transaction can be given up alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// It cannot: two statements less for each, and nearly always nothing fails.
    All,
    /// It can: each is in a savepoint.
    Each,
}

/// Why a transaction left nothing.
enum Failure {
    /// A work failed, and it was not in a savepoint: all of it is to be done again with care.
    Careless,
    /// It could not be begun or committed.
    Whole(StoreError),
    /// This work of it brought it down.
    Of(usize, StoreError),
}

/// The owner of the write connection and of the file's lock.
pub struct Writer {
    conn: WriteConnection,
    options: Writing,
    ids: Ids,
    changed: watch::Sender<u64>,
    /// What SQLite counts other connections' commits by; those of a guest, or of the owner that this is a guest of.
    others: Option<i64>,
    // Let go of last: as long as it is held, nobody else opens the file. A guest has none.
    owner: Option<Owner>,
}

impl Writer {
    pub fn new(
        conn: WriteConnection,
        options: Writing,
        ids: Ids,
        changed: watch::Sender<u64>,
        owner: Option<Owner>,
    ) -> Self {
        Self { conn, options, ids, changed, others: None, owner }
    }

    /// Writes until nobody can ask any more, on a thread of its own: it waits for SQLite's thread dozens of times for each
    /// commit, and waking a thread that waits for nothing else is cheaper than waking one that waits for the network, too.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn begin(self, jobs: mpsc::Receiver<Job>) -> std::io::Result<oneshot::Receiver<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (ended, end) = oneshot::channel();
        let span = tracing::Span::current();
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || {
            let _log = tracing::dispatcher::set_default(&dispatch);
            runtime.block_on(self.run(jobs).instrument(span));
            // Nobody may wait for it.
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
                    if batch.iter().any(|job| matches!(job.task, Task::Close)) {
                        jobs.close();
                    }
                    self.scrub_if_asked(&mut batch);
                    self.group(&mut batch).await;
                }
                // A fault shows when there is something to write.
                Err(_) => drop(self.look_for_others()),
            }
        }
        let Self { conn, owner, .. } = self;
        if let Err(error) = conn.close() {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
        drop(owner);
    }

    /// Does all of it and answers. A commit that fails leaves nothing, so that everything is decided again; a work that
    /// brings the whole transaction down is left out of it.
    async fn group(&mut self, batch: &mut Vec<Job>) {
        let (mut tries, mut care) = (0, Care::All);
        while !batch.is_empty() {
            match self.attempt(batch, care).await {
                Ok((answers, touched)) => {
                    if touched {
                        self.changed.send_modify(|count| *count += 1);
                    }
                    for (job, answer) in batch.drain(..).zip(answers) {
                        job.end(answer);
                    }
                }
                Err(Failure::Careless) => {
                    self.give_up();
                    care = Care::Each;
                }
                Err(Failure::Of(index, error)) => {
                    tracing::warn!(%error, "a transaction was brought down by one work");
                    self.give_up();
                    batch.remove(index).end(Err(StoreError::Away(error.to_string())));
                }
                Err(Failure::Whole(error)) => {
                    tracing::warn!(%error, works = batch.len(), "a transaction failed and is given up");
                    self.give_up();
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

    /// One transaction. Fails only as a whole.
    async fn attempt(&mut self, batch: &[Job], care: Care) -> Result<(Vec<Answer>, bool), Failure> {
        self.conn.execute("BEGIN IMMEDIATE").map_err(Failure::Whole)?;
        // From here on nobody else writes.
        self.look_for_others().map_err(Failure::Whole)?;
        let mut answers = Vec::with_capacity(batch.len());
        let mut any_touched = false;
        // Statements that come alone concern nobody else in this transaction: they are written together.
        let mut alone = Unsent::new();
        let mut unsent = Unsent::new();
        let mut known = match care {
            Care::All => self.read_ahead(batch).map_err(|_| Failure::Careless)?,
            Care::Each => Vec::new(),
        };
        for (index, job) in batch.iter().enumerate() {
            if care == Care::All {
                if let Task::Write(statements) = &job.task {
                    alone.push(statements.clone());
                    answers.push(Ok(Done::Nothing));
                    continue;
                }
                let known = known.get_mut(index).map(std::mem::take).unwrap_or_default();
                let (answer, touched) = self.perform(&job.task, known, &mut unsent).await;
                if answer.is_err() {
                    return Err(Failure::Careless);
                }
                any_touched |= touched;
                answers.push(answer);
                continue;
            }
            self.conn.execute("SAVEPOINT work").map_err(Failure::Whole)?;
            let (answer, touched) = self.perform_alone(&job.task).await;
            // The savepoint is gone where SQLite gave the whole transaction up, whatever the work made of that.
            let gone = match &answer {
                Ok(_) => self.conn.execute("RELEASE SAVEPOINT work").err(),
                Err(_) => match self.conn.execute("ROLLBACK TO SAVEPOINT work") {
                    Ok(()) => self.conn.execute("RELEASE SAVEPOINT work").err(),
                    Err(error) => Some(error),
                },
            };
            if let Some(gone) = gone {
                return Err(Failure::Of(index, answer.err().unwrap_or(gone)));
            }
            any_touched |= touched && answer.is_ok();
            answers.push(answer);
        }
        if care == Care::All {
            unsent.push(self.ids.write_down());
            self.conn.run_all(unsent).map_err(|_| Failure::Careless)?;
            any_touched |= !alone.is_empty();
            self.conn.run_all(alone).map_err(|_| Failure::Careless)?;
        }
        self.conn.execute("COMMIT").map_err(Failure::Whole)?;
        Ok((answers, any_touched))
    }

    /// If another process has written since the last look: whoever delivers is woken, and ids go on above theirs.
    fn look_for_others(&mut self) -> Result<(), StoreError> {
        let version = Some(self.conn.data_version()?);
        if version != self.others {
            self.ids.go_on_above(&mut self.conn)?;
            // The first look finds nothing that is new to anybody.
            if self.others.is_some() {
                self.changed.send_modify(|count| *count += 1);
            }
            self.others = version;
        }
        Ok(())
    }

    /// Empties SQLite's log, where that was asked for: what was overwritten is in it until then.
    fn scrub_if_asked(&mut self, batch: &mut Vec<Job>) {
        for index in (0..batch.len()).rev() {
            if matches!(batch[index].task, Task::Scrub) {
                batch.remove(index).end(self.conn.scrub().map(Done::Scrubbed));
            }
        }
    }

    /// What the works will read first, in few trips for all of them. Not for a work that shares a name with an earlier one
    /// of the same transaction: that one's writes may change what it will find. The others' cannot, just as where works
    /// run beside each other and only their names keep them apart.
    fn read_ahead(&mut self, batch: &[Job]) -> Result<Vec<Known>, StoreError> {
        let (mut names, mut queries, mut whose) = (HashSet::new(), Vec::new(), HashMap::new());
        for (index, job) in batch.iter().enumerate() {
            let Task::Work(about, _) = &job.task else { continue };
            let known_names = names.len();
            names.extend(&about.names);
            if names.len() == known_names + about.names.len() {
                for query in about.ahead.iter().cloned() {
                    // Who asks the same shares a name; the later one asks by itself.
                    if let Entry::Vacant(free) = whose.entry(query.clone()) {
                        free.insert(index);
                        queries.push(query);
                    }
                }
            }
        }
        let mut known: Vec<Known> = batch.iter().map(|_| Known::new()).collect();
        for (query, rows) in self.conn.ask_all(queries)? {
            if let Some(index) = whose.get(&query) {
                known[*index].push((query, rows));
            }
        }
        Ok(known)
    }

    /// Does a task, but for sending all that it writes; whether anybody is to be woken.
    async fn perform(&mut self, task: &Task, known: Known, unsent: &mut Unsent) -> (Answer, bool) {
        let work = match task {
            Task::Work(_, work) => work,
            Task::Write(statements) => {
                unsent.push(statements.clone());
                return (Ok(Done::Nothing), true);
            }
            Task::Scrub | Task::Close => return (Ok(Done::Nothing), false),
        };
        let mut link = SqliteLink { conn: &mut self.conn, ids: &mut self.ids };
        let mut tx = StoreTx::new(&mut link, unsent, known);
        let done = AssertUnwindSafe(work(&mut tx)).catch_unwind().await;
        let done = done.unwrap_or_else(|panic| Err(StoreError::Work(words_of(panic.as_ref()))));
        (done.and_then(|outcome| tx.is_sound().map(|()| Done::Work(outcome))), tx.news().is_some())
    }

    /// Does a task, and sends what it writes.
    async fn perform_alone(&mut self, task: &Task) -> (Answer, bool) {
        let mut unsent = Unsent::new();
        let (mut answer, touched) = self.perform(task, Known::new(), &mut unsent).await;
        if answer.is_ok() {
            unsent.push(self.ids.write_down());
            answer = self.conn.run_all(unsent).and(answer);
        }
        if answer.is_err() {
            self.ids.forget();
        }
        (answer, touched)
    }

    /// Ends the transaction, if one is open; a connection that does not answer is replaced.
    fn give_up(&mut self) {
        self.ids.forget();
        // That no transaction is open is a fault of the statement: SQLite has ended it by itself.
        if let Ok(()) | Err(StoreError::Work(_)) = self.conn.execute("ROLLBACK") {
            return;
        }
        match self.options.connect() {
            Ok(conn) => {
                // It counts anew.
                self.others = None;
                self.conn = conn;
            }
            Err(error) => tracing::error!(%error, "the database cannot be opened again"),
        }
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", words.unwrap_or("no words"))
}
