//! The port of the store: how a capability's `record.rs` uses the database. It is the same for SQLite and PostgreSQL.
//!
//! There are two verbs. [`Ask`] reads, inside or outside of a transaction; [`Tx::write`] writes, inside a transaction.
//! A capability's storage is plain functions over these two, written once.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::row::Row;
use super::statement::Statement;
use super::{Store, StoreError};
use crate::domain::ids::EffectId;
use crate::domain::outcome::Outcome;

/// Reads from the database.
#[async_trait]
pub trait Ask: Send {
    /// Returns the rows of a query.
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError>;

    /// Returns the rows of several queries that differ only in their values. They are merged into as few queries as
    /// possible, and all rows come in one list. So a column must show which query a row answers.
    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError>;

    /// Returns the milliseconds of real time since the Unix epoch, by the clock that all users of the database share.
    async fn real_ms(&mut self) -> Result<i64, StoreError>;
}

impl dyn Ask + '_ {
    /// Returns the first row of a query, if any, read by `read`.
    ///
    /// # Errors
    /// If the database is away, or `read` fails.
    pub async fn one<T>(
        &mut self,
        query: Statement,
        read: impl FnOnce(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.rows(query).await?.first().map(read).transpose()
    }

    /// Returns every row of a query, read by `read`.
    ///
    /// # Errors
    /// If the database is away, or `read` fails.
    pub async fn all<T>(
        &mut self,
        query: Statement,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.rows(query).await?.iter().map(read).collect()
    }

    /// Returns every row of several queries of one text, read by `read`.
    ///
    /// # Errors
    /// If the database is away, or `read` fails.
    pub async fn all_of<T>(
        &mut self,
        queries: Vec<Statement>,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.rows_of(queries).await?.iter().map(read).collect()
    }
}

/// Reads and writes inside one transaction.
#[async_trait]
pub trait Tx: Ask {
    /// Queues a statement. It is sent before the next read, or at the end of the transaction. Only when it is sent can
    /// it fail with [`StoreError::Conflict`]: if there is already a row with the same unique key, or, with
    /// [`Statement::or_conflict`], if it touches no row.
    ///
    /// # Errors
    /// If the database was away at an earlier call of this transaction.
    fn write(&mut self, statement: Statement) -> Result<(), StoreError>;

    /// Draws the next number of a sequence. Numbers that are drawn but not used may be skipped for good.
    ///
    /// # Errors
    /// If the database is away.
    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError>;

    /// Skips `by` numbers of a sequence.
    ///
    /// # Errors
    /// If the database is away.
    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError>;

    /// Draws the id of a new effect (on PostgreSQL only the random part of it): see [`crate::store::outbox::enqueue`].
    fn effect_id(&mut self) -> EffectId;

    /// Wakes dispatchers once this transaction is committed.
    fn wake(&mut self, wake: Wake);
}

/// Which dispatchers a commit wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// Those in this process.
    Here,
    /// Those in all processes, since there is something new to do.
    Everywhere,
}

/// Whether a write that nobody waits for may wait itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It is committed as soon as possible.
    AtOnce,
    /// It may wait some milliseconds for another write or work, to share its commit.
    Shared,
}

/// A sequence of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sequence {
    /// The ids of tickets, from 1 on.
    Tickets,
}

impl Sequence {
    /// Returns the name of the sequence in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tickets => "ticket_ids",
        }
    }
}

/// A piece of work in one transaction. It may be run again from the start, so it has no effect except through its
/// [`Tx`].
pub type Work = Arc<dyn for<'t> Fn(&'t mut dyn Tx) -> BoxFuture<'t, Result<Outcome, StoreError>> + Send + Sync>;

/// What a store may prepare before a work begins: names to lock, and queries to read ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The names of the people, conversations and messages that the work decides about. Works that share a name run one
    /// after the other. (PostgreSQL locks the names until the commit. SQLite runs all works one after the other.)
    pub names: Vec<String>,
    /// The first queries of the work. SQLite runs them together with those of other works, before any of the works
    /// begins. PostgreSQL ignores them.
    pub ahead: Vec<Statement>,
}

/// How many times `within` runs a work at most, if it conflicts each time. The intake has its own limit for decisions.
const TRIES: u32 = 5;

impl dyn Store + '_ {
    /// Runs `work` in a transaction and returns its result. If the transaction conflicts with another one, the work
    /// runs again, a few times at most.
    ///
    /// # Errors
    /// If the database is away, or the work fails.
    pub async fn within<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t mut dyn Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + Sync + 'static,
    {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        let work: Work = Arc::new(move |tx| {
            let (working, filled) = (work(tx), Arc::clone(&filled));
            Box::pin(async move {
                let value = working.await?;
                *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
                Ok(Outcome::Ignored)
            })
        });
        let mut tries = 0;
        loop {
            tries += 1;
            match self.transact(Arc::clone(&work)).await {
                Err(StoreError::Conflict) if tries < TRIES => {}
                end => {
                    end?;
                    let value = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                    return value.ok_or_else(|| StoreError::Work("the work ended without a result".to_owned()));
                }
            }
        }
    }
}
