//! One transaction, as a work sees it. Writes are gathered, and sent before the next read and at the end.

use async_trait::async_trait;

use super::StoreError;
use super::port::{Ask, News, Sequence, Tx};
use super::row::Row;
use super::statement::Statement;
use crate::domain::ids::EffectId;

/// A connection to one of the databases.
#[async_trait]
pub(super) trait Link: Send {
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
pub(super) type Known = Vec<(Statement, Vec<Row>)>;

/// A work's view of the database. Once the database has failed, every further call fails: the database may have rolled
/// back the whole transaction, and a later write would be kept without the earlier ones.
pub(super) struct StoreTx<'c> {
    link: &'c mut dyn Link,
    unsent: &'c mut Unsent,
    /// Rows that were read before the work began. The first write of the work clears them.
    known: Known,
    away: Option<String>,
    news: Option<News>,
}

impl<'c> StoreTx<'c> {
    /// Begins a work. Its writes go into a new, last entry of `unsent`.
    pub fn new(link: &'c mut dyn Link, unsent: &'c mut Unsent, known: Known) -> Self {
        unsent.push(Vec::new());
        Self { link, unsent, known, away: None, news: None }
    }

    /// Returns which dispatchers to wake once the transaction is committed. `None`: none.
    pub const fn news(&self) -> Option<News> {
        self.news
    }

    /// Sends the pending writes. Later reads see them.
    ///
    /// # Errors
    /// If they cannot be written, or if they conflict with another transaction.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        self.is_sound()?;
        if self.unsent.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let unsent = std::mem::replace(self.unsent, vec![Vec::new()]);
        let sent = self.link.run_all(unsent).await;
        self.kept(sent)
    }

    /// Fails if the database was away at an earlier call of this transaction.
    pub fn is_sound(&self) -> Result<(), StoreError> {
        match &self.away {
            None => Ok(()),
            Some(why) => Err(StoreError::Away(why.clone())),
        }
    }

    /// Returns `result`. If it says that the database was away, all later calls of this transaction fail.
    fn kept<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Away(why)) = &result {
            self.away.get_or_insert_with(|| why.clone());
        }
        result
    }
}

#[async_trait]
impl Ask for StoreTx<'_> {
    /// Returns the rows that were read ahead for this query, if there are any. Otherwise sends the pending writes
    /// first, so that the query sees them.
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        self.is_sound()?;
        if let Some(place) = self.known.iter().position(|(known, _)| *known == query) {
            return Ok(self.known.swap_remove(place).1);
        }
        self.flush().await?;
        let rows = self.link.rows(query).await;
        self.kept(rows)
    }

    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        self.flush().await?;
        let rows = self.link.rows_of(queries).await;
        self.kept(rows)
    }

    async fn real_ms(&mut self) -> Result<i64, StoreError> {
        self.is_sound()?;
        let now = self.link.real_ms().await;
        self.kept(now)
    }
}

#[async_trait]
impl Tx for StoreTx<'_> {
    fn write(&mut self, statement: Statement) -> Result<(), StoreError> {
        self.is_sound()?;
        self.known.clear();
        if let Some(own) = self.unsent.last_mut() {
            own.push(statement);
        }
        Ok(())
    }

    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError> {
        self.is_sound()?;
        let next = self.link.next(sequence).await;
        self.kept(next)
    }

    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError> {
        self.is_sound()?;
        let skipped = self.link.skip(sequence, by).await;
        self.kept(skipped)
    }

    fn effect_id(&mut self) -> EffectId {
        self.link.effect_id()
    }

    fn tell(&mut self, whom: News) {
        self.news = self.news.max(Some(whom));
    }
}
