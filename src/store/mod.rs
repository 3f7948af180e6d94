//! The database: one port for reading and writing ([`port`]), two databases behind it, and what every capability needs of
//! it: the outbox, keys of facts, positions, timers, the audit, what stands on the platforms.
//!
//! One event is one call of [`Store::decide`]: the work reads facts and writes a decision through [`Tx`], inside one
//! transaction. A store may run several works in one transaction (each in a savepoint) and may run a work again from the
//! start if a commit fails, so a work must have no effect but through its [`Tx`].

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
pub use self::port::{About, Ask, News, Sequence, Tx, Work};
pub use self::positions::Position;
pub use self::row::Row;
pub use self::statement::{Statement, Text, statement};
use crate::domain::outcome::Outcome;

/// How long after the end of a lease, and of the last call that may have been made under it, somebody else takes over:
/// clocks of machines, and networks, are not exact. Real time.
pub const TAKE_OVER_PAUSE: Duration = Duration::from_secs(5);
/// How many keys, kept mentions and effects are forgotten in one transaction.
pub const TIDIED_AT_ONCE: u32 = 1_000;

/// The database.
#[async_trait]
pub trait Store: Send + Sync {
    /// Runs `work` in a transaction and commits it. When this returns `Ok`, everything that it wrote is on the disk.
    ///
    /// # Errors
    /// If the work failed (nothing of it is kept) or the database is away.
    async fn decide(&self, about: About, work: Work) -> Result<Outcome, StoreError>;

    /// The same for a work that nobody else's can cross.
    ///
    /// # Errors
    /// As [`Store::decide`].
    async fn transact(&self, work: Work) -> Result<Outcome, StoreError> {
        self.decide(About::default(), work).await
    }

    /// Commits statements that depend on nothing that is read, together with those of others.
    ///
    /// # Errors
    /// If the database is away, or somebody else was faster ([`StoreError::Conflict`]): then nothing of these is kept.
    async fn write(&self, statements: Vec<Statement>, news: News) -> Result<(), StoreError>;

    /// Somebody to ask, outside of a transaction. Each answer is of what is committed by then.
    ///
    /// # Errors
    /// If the database is away.
    async fn reader(&self) -> Result<Box<dyn Ask + '_>, StoreError>;

    /// Where the database lies, if that can be told: it changes when it was put back from a copy.
    ///
    /// # Errors
    /// If the database is away.
    async fn lies_in(&self) -> Result<Option<String>, StoreError>;

    /// Overwrites what was deleted wherever the database still keeps it; whether all of it is gone.
    ///
    /// # Errors
    /// If the database is away.
    async fn scrub(&self) -> Result<bool, StoreError>;

    /// Takes the figures of its connections for `/metrics`.
    fn measure(&self);

    /// Changes with every commit that woke anybody, of whichever process.
    fn changed(&self) -> watch::Receiver<u64>;

    /// Whether other processes may use the same database.
    fn is_shared(&self) -> bool;

    /// Finishes what was begun and lets go of the database.
    async fn close(&self);
}

impl dyn Store + '_ {
    /// Forgets keys of facts and settled effects from before `then`, at most [`TIDIED_AT_ONCE`] of each, so that nobody
    /// waits long for it; whether there may be more.
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

/// A running process of the program, as who holds leases: another one after each start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerId(pub String);

impl WorkerId {
    /// A new one.
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
    /// It is away, full or busy: try again later.
    #[error("the database is away: {0}")]
    Away(String),
    /// Somebody else changed the same ticket meanwhile: decide again.
    #[error("the ticket was changed meanwhile")]
    Conflict,
    /// What it may belong to is being posted just now: decide again, when that is known.
    #[error("a card is being posted that it may belong to")]
    Early,
    /// What stands in it cannot be read: a fault of ours, or another version's.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    /// The work itself failed by a fault of ours.
    #[error("deciding failed: {0}")]
    Work(String),
}
