//! The port: what a capability's `record.rs` may do with the database, whichever that is.
//!
//! There are two verbs. [`Ask`] reads, in a transaction or outside of one; [`Tx::write`] writes, in a transaction. What a
//! capability stores is plain functions over these two, written once.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::row::Row;
use super::statement::Statement;
use super::{Store, StoreError};
use crate::domain::ids::EffectId;
use crate::domain::outcome::Outcome;

/// Reads.
#[async_trait]
pub trait Ask: Send {
    /// The rows of a query.
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError>;

    /// The rows of several queries of one text, asked as few as can be. Which row answers which query, the rows must tell.
    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError>;

    /// Milliseconds of real time since the Unix epoch, by the clock that all who share the database have in common.
    async fn real_ms(&mut self) -> Result<i64, StoreError>;
}

impl dyn Ask + '_ {
    /// The first row of a query, if there is one, read by `read`.
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

    /// Every row of a query, read by `read`.
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

    /// Every row of several queries of one text, read by `read`.
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

/// Reads and writes, inside one transaction.
#[async_trait]
pub trait Tx: Ask {
    /// Writes, some time before the next read and the end of the transaction. That a row is taken, or (with
    /// [`Statement::or_conflict`]) that none is touched, is a [`StoreError::Conflict`] there.
    ///
    /// # Errors
    /// If the database has failed this work before.
    fn write(&mut self, statement: Statement) -> Result<(), StoreError>;

    /// The next number of a sequence. Numbers that are drawn and not kept may be left out.
    ///
    /// # Errors
    /// If the database is away.
    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError>;

    /// So many numbers of a sequence are never drawn.
    ///
    /// # Errors
    /// If the database is away.
    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError>;

    /// What an effect's id is made of: see [`crate::store::outbox::enqueue`].
    fn effect_id(&mut self) -> EffectId;

    /// Whoever delivers is woken once this is committed.
    fn tell(&mut self, whom: News);
}

/// Who is woken by a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Those who wait in this process.
    Here,
    /// Those who wait in any process: there is something new to do.
    Everywhere,
}

/// A sequence of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sequence {
    /// The ids of tickets, from 1 on.
    Tickets,
}

impl Sequence {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tickets => "ticket_ids",
        }
    }
}

/// A piece of work in one transaction. It may be run again from the start, so that it has no effect but through its [`Tx`].
pub type Work = Arc<dyn for<'t> Fn(&'t mut dyn Tx) -> BoxFuture<'t, Result<Outcome, StoreError>> + Send + Sync>;

/// What is known of a work before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Nobody else decides about any of these names until the commit.
    pub names: Vec<String>,
    /// Queries that the work asks first, so that they can be asked together with those of others.
    pub ahead: Vec<Statement>,
}

/// How often a work that is no decision is begun again because somebody else was in its way.
const TRIES: u32 = 5;

impl dyn Store + '_ {
    /// Runs `work` in a transaction, again if somebody else was in its way, and says what it came to.
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
                    return value.ok_or_else(|| StoreError::Work("the work came to nothing".to_owned()));
                }
            }
        }
    }
}
