//! The view of one work ([`Work`](super::port::Work)) on its transaction. Writes are gathered, and sent before the next
//! read and at the end.

use async_trait::async_trait;

use super::StoreError;
use super::port::{Ask, Sequence, Tx, Wake};
use super::row::Row;
use super::statement::Statement;
use crate::domain::ids::EffectId;

/// The connection of a transaction, to one of the databases.
#[async_trait]
pub(super) trait TxConnection: Send {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError>;
    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError>;
    async fn real_ms(&mut self) -> Result<i64, StoreError>;
    /// Runs the writes of several works with as few statements as possible.
    async fn run_all(&mut self, works: Vec<Vec<Statement>>) -> Result<(), StoreError>;
    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError>;
    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError>;
    fn effect_id(&mut self) -> EffectId;
}

/// The writes of each work that are not sent yet. Those of several works are sent together.
pub(super) type Unsent = Vec<Vec<Statement>>;

/// Queries, each with the rows that were read for it. They are valid until one of the rows changes.
pub(super) type ReadAhead = Vec<(Statement, Vec<Row>)>;

/// A work's view of the database. Once the database has failed, every further call fails: the database may have rolled
/// back the whole transaction, and a later write would be kept without the earlier ones.
pub(super) struct StoreTx<'c> {
    conn: &'c mut dyn TxConnection,
    unsent: &'c mut Unsent,
    /// Rows that were read before the work began. The first write of the work clears them.
    read_ahead: ReadAhead,
    away: Option<String>,
    wake: Option<Wake>,
}

impl<'c> StoreTx<'c> {
    /// Begins a work. Its writes go into a new, last entry of `unsent`.
    pub fn new(conn: &'c mut dyn TxConnection, unsent: &'c mut Unsent, read_ahead: ReadAhead) -> Self {
        unsent.push(Vec::new());
        Self { conn, unsent, read_ahead, away: None, wake: None }
    }

    /// Returns which dispatchers to wake once the transaction is committed. `None`: none.
    pub const fn to_wake(&self) -> Option<Wake> {
        self.wake
    }

    /// Sends the pending writes. Later reads see them.
    ///
    /// # Errors
    /// If they cannot be written, or if they conflict with another transaction.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        self.check_sound()?;
        if self.unsent.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let unsent = std::mem::replace(self.unsent, vec![Vec::new()]);
        let sent = self.conn.run_all(unsent).await;
        self.note_failure(sent)
    }

    /// Fails if the database was away at an earlier call of this work.
    pub fn check_sound(&self) -> Result<(), StoreError> {
        match &self.away {
            None => Ok(()),
            Some(why) => Err(StoreError::Away(why.clone())),
        }
    }

    /// Returns `result`. If it says that the database was away, all later calls of this work fail.
    fn note_failure<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Away(why)) = &result {
            self.away.get_or_insert_with(|| why.clone());
        }
        result
    }
}

#[async_trait]
impl Ask for StoreTx<'_> {
    /// Returns the rows that were read ahead, if this query was read ahead. Otherwise sends the pending writes first,
    /// so that the query sees them, and then runs the query.
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        self.check_sound()?;
        if let Some(place) = self.read_ahead.iter().position(|(asked, _)| *asked == query) {
            return Ok(self.read_ahead.swap_remove(place).1);
        }
        self.flush().await?;
        let rows = self.conn.rows(query).await;
        self.note_failure(rows)
    }

    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        self.flush().await?;
        let rows = self.conn.rows_of(queries).await;
        self.note_failure(rows)
    }

    async fn real_ms(&mut self) -> Result<i64, StoreError> {
        self.check_sound()?;
        let now = self.conn.real_ms().await;
        self.note_failure(now)
    }
}

#[async_trait]
impl Tx for StoreTx<'_> {
    fn write(&mut self, statement: Statement) -> Result<(), StoreError> {
        self.check_sound()?;
        self.read_ahead.clear();
        if let Some(own) = self.unsent.last_mut() {
            own.push(statement);
        }
        Ok(())
    }

    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError> {
        self.check_sound()?;
        let next = self.conn.next(sequence).await;
        self.note_failure(next)
    }

    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError> {
        self.check_sound()?;
        let skipped = self.conn.skip(sequence, by).await;
        self.note_failure(skipped)
    }

    fn effect_id(&mut self) -> EffectId {
        self.conn.effect_id()
    }

    fn wake(&mut self, wake: Wake) {
        self.wake = self.wake.max(Some(wake));
    }
}
