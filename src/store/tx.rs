//! One transaction, as a work sees it. What the work writes is gathered, and sent before it reads and at its end.

use async_trait::async_trait;

use super::StoreError;
use super::port::{Ask, News, Sequence, Tx};
use super::row::Row;
use super::statement::Statement;
use crate::domain::ids::EffectId;

/// A connection of one of the databases, with what only it has.
#[async_trait]
pub(super) trait Link: Send {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError>;
    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError>;
    async fn real_ms(&mut self) -> Result<i64, StoreError>;
    /// Runs what each of several works writes, with as few statements as can be.
    async fn run_all(&mut self, works: Vec<Vec<Statement>>) -> Result<(), StoreError>;
    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError>;
    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError>;
    fn effect_id(&mut self) -> EffectId;
}

/// What was written and not sent yet, by each work of a transaction: what several have written goes together.
pub(super) type Unsent = Vec<Vec<Statement>>;

/// Queries with their rows, for as long as these are as they were.
pub(super) type Known = Vec<(Statement, Vec<Row>)>;

/// A work's view of the database. Once the database has failed it, it fails in everything: the database may have given the
/// whole transaction up, and what is written after that would stand alone.
pub(super) struct StoreTx<'c> {
    link: &'c mut dyn Link,
    unsent: &'c mut Unsent,
    /// What was read before the work began, and nothing of which it has changed since.
    known: Known,
    away: Option<String>,
    news: Option<News>,
}

impl<'c> StoreTx<'c> {
    pub fn new(link: &'c mut dyn Link, unsent: &'c mut Unsent, known: Known) -> Self {
        unsent.push(Vec::new());
        Self { link, unsent, known, away: None, news: None }
    }

    /// Who is to be woken once this is committed.
    pub const fn news(&self) -> Option<News> {
        self.news
    }

    /// Sends what was written. What is read afterwards sees it.
    ///
    /// # Errors
    /// If it cannot be written, or somebody else was faster.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        self.is_sound()?;
        if self.unsent.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let unsent = std::mem::replace(self.unsent, vec![Vec::new()]);
        let sent = self.link.run_all(unsent).await;
        self.kept(sent)
    }

    /// Fails if the database has failed this work before.
    pub fn is_sound(&self) -> Result<(), StoreError> {
        match &self.away {
            None => Ok(()),
            Some(why) => Err(StoreError::Away(why.clone())),
        }
    }

    /// Passes a result on, keeping in mind whether the database has failed.
    fn kept<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Away(why)) = &result {
            self.away.get_or_insert_with(|| why.clone());
        }
        result
    }
}

#[async_trait]
impl Ask for StoreTx<'_> {
    /// Answers from what was read ahead; otherwise sends the pending writes first, so that the query sees them.
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
