//! The database: one port for reading and writing ([`port`]) with two databases behind it, and the tables that every
//! capability shares: the outbox, dedupe keys, positions, timers, the audit, and standing messages.
//!
//! An event is handled in one call of [`Store::decide`]. The call runs a *work* ([`Work`]): a closure that reads and
//! writes through [`Tx`], inside one transaction. A store may run several works in one transaction, and may run a work
//! again from the start if a commit fails. So a work must have no effect except through its [`Tx`].

pub mod audit;
pub mod channels;
#[cfg(test)]
#[path = "../../tests/it/postgres.rs"]
mod cluster;
pub mod dead;
pub mod keys;
mod memory;
pub mod outbox;
#[cfg(test)]
pub(crate) mod plans;
pub mod port;
mod positions;
pub mod postgres;
pub mod row;
pub mod sqlite;
pub mod standing;
pub(crate) mod statement;
pub mod timers;
mod tx;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

pub use self::dead::DeadEvent;
pub use self::memory::{COPY, salt};
pub use self::outbox::{Claim, Counts, Due, EndedHeld, Listed, ListedEffect, Queued, Release, Settled, Settlement};
pub use self::port::{Ask, Pace, Scope, Sequence, Tx, Wake, Work};
pub use self::positions::Position;
pub use self::row::Row;
pub use self::statement::{Statement, Text, statement};
use crate::domain::outcome::Outcome;

/// The pause, in real time, before another process takes over the effect of a lease that has ended. The pause begins
/// when no call made under the lease can be under way any more. It is needed because the machines' clocks and the
/// network are not exact.
pub const TAKE_OVER_PAUSE: Duration = Duration::from_secs(5);
/// The largest number of rows of one kind (dedupe keys, mentions, effects, standing messages) that one transaction
/// deletes or ends, so that other writers do not wait long.
pub const TIDIED_AT_ONCE: u32 = 1_000;

/// The database of the desk: SQLite or PostgreSQL.
#[async_trait]
pub trait Store: Send + Sync {
    /// Runs `work` in a transaction and commits it. If this returns `Ok`, all its writes are on disk.
    ///
    /// # Errors
    /// If the work failed (nothing of it is kept), or if the database is away. If the connection to PostgreSQL is lost
    /// during the commit, it stays unknown whether the work was committed.
    async fn decide(&self, about: Scope, work: Work) -> Result<Outcome, StoreError>;

    /// Like [`Store::decide`], but locks no names and reads nothing ahead.
    ///
    /// # Errors
    /// As [`Store::decide`].
    async fn transact(&self, work: Work) -> Result<Outcome, StoreError> {
        self.decide(Scope::default(), work).await
    }

    /// Commits statements that depend on nothing that was read, together with those of other callers.
    ///
    /// # Errors
    /// If the database is away, or another process was faster ([`StoreError::Conflict`]); then none of them is kept.
    async fn write(&self, statements: Vec<Statement>, wake: Wake, pace: Pace) -> Result<(), StoreError>;

    /// Returns a reader outside of any transaction. Each answer shows what is committed at that moment.
    ///
    /// # Errors
    /// If the database is away.
    async fn reader(&self) -> Result<Box<dyn Ask + '_>, StoreError>;

    /// Returns a text that identifies the database, or `None` if the database has no identity of its own (SQLite). The
    /// text changes when the database is restored from a copy.
    ///
    /// # Errors
    /// If the database is away.
    async fn identity(&self) -> Result<Option<String>, StoreError>;

    /// Removes deleted data from SQLite's write-ahead log. Returns whether none is left. On PostgreSQL it does nothing
    /// and returns `false`.
    ///
    /// # Errors
    /// If the database is away.
    async fn scrub(&self) -> Result<bool, StoreError>;

    /// Updates the metrics of the connections for `/metrics`.
    fn measure(&self);

    /// Returns a counter that changes after each commit that wakes dispatchers, of this process or another. It may also
    /// change without such a commit.
    fn changed(&self) -> watch::Receiver<u64>;

    /// Whether other processes may use the same database.
    fn is_shared(&self) -> bool;

    /// Finishes the tasks under way and closes the database.
    async fn close(&self);
}

impl dyn Store + '_ {
    /// Deletes dedupe keys and settled effects from before `then`, at most [`TIDIED_AT_ONCE`] of each, so that no other
    /// writer waits long. Returns whether there may be more.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn tidy(&self, then: Timestamp) -> Result<bool, StoreError> {
        self.within(move |tx| {
            Box::pin(async move {
                let are_keys_left = keys::tidy(tx, then).await?;
                Ok(outbox::tidy(tx, then).await? || are_keys_left)
            })
        })
        .await
    }
}

/// A running process of the program as a holder of leases. Each start gets a new id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerId(pub String);

impl WorkerId {
    /// Creates an id that no other process has.
    #[must_use]
    pub fn new() -> Self {
        Self(crate::clock::real::unique_name())
    }
}

impl Default for WorkerId {
    fn default() -> Self {
        Self::new()
    }
}

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, full or busy: try again later.
    #[error("the database is away: {0}")]
    Away(String),
    /// Another transaction changed the same data meanwhile: decide again.
    #[error("another transaction changed the same data meanwhile")]
    Conflict,
    /// The event may belong to a message that is just being posted: decide again once the id of that message is known.
    #[error("the event may belong to a card that is being posted")]
    Early,
    /// Data cannot be read: a fault of the program, or another version's data.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    /// The work itself failed by a fault of the program.
    #[error("deciding failed: {0}")]
    Work(String),
}
