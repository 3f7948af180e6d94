//! Connections of the pool: lent for one piece of work, and taken back only in a state that is known.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres};

use super::link::{self, fault};
use crate::store::StoreError;

/// How long one piece of work may take on the way to the database and back: the database itself ends every statement
/// before that, unless the network swallows its answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection. If whoever has it goes away in the middle of something, it is closed, which ends its transaction.
pub struct Lent {
    conn: PoolConnection<Postgres>,
    is_sound: bool,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on the disk.
    Committed,
    /// It left nothing.
    RolledBack,
    /// The connection was lost while it was being committed.
    Unknown,
}

impl Lent {
    /// A connection of the pool.
    pub async fn of(pool: &PgPool) -> Result<Self, StoreError> {
        Ok(Self { conn: pool.acquire().await.map_err(fault)?, is_sound: false })
    }

    /// The same, with a transaction begun in which nobody else decides about these names.
    pub async fn in_transaction(pool: &PgPool, names: &[String]) -> Result<Self, StoreError> {
        let text = link::begin_about(names);
        let mut tries = 0;
        loop {
            let mut lent = Self::of(pool).await?;
            let begin = sqlx::raw_sql(AssertSqlSafe(text.clone())).execute(&mut *lent.conn);
            match tokio::time::timeout(PATIENCE, begin).await {
                Ok(Ok(_)) => return Ok(lent),
                // The server has closed it while it was in the pool, and perhaps all of them.
                Ok(Err(error)) if link::is_closed(&error) && tries <= pool.size() => tries += 1,
                Ok(Err(error)) => return Err(fault(error)),
                Err(_) => return Err(StoreError::Away("it does not answer".to_owned())),
            }
        }
    }

    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    /// Runs a statement that answers nothing.
    pub async fn execute(&mut self, text: &'static str) -> Result<(), StoreError> {
        in_time(async { sqlx::raw_sql(text).execute(&mut *self.conn).await.map(drop).map_err(fault) }).await
    }

    /// Runs a statement outside of a transaction, and says whether the connection can be used again.
    pub async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.is_sound = false;
        let answer = in_time(work(&mut self.conn)).await;
        self.is_sound = !matches!(answer, Err(StoreError::Away(_)));
        answer
    }

    /// Commits what worked, rolls back what did not. What is to be asked afterwards is asked before the connection is
    /// dropped.
    pub async fn end<T>(&mut self, answer: Result<T, StoreError>) -> (Result<T, StoreError>, Fate) {
        let error = match answer {
            Ok(value) => match self.execute(link::COMMIT).await {
                Ok(()) => {
                    self.is_sound = true;
                    return (Ok(value), Fate::Committed);
                }
                Err(StoreError::Away(why)) => return (Err(StoreError::Away(why)), Fate::Unknown),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // A database that is away rolls back by itself: nothing was committed.
        if !matches!(error, StoreError::Away(_)) {
            self.is_sound = self.execute(link::ROLLBACK).await.is_ok();
        }
        (Err(error), Fate::RolledBack)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_sound {
            self.conn.close_on_drop();
        }
    }
}

/// Waits for the database, but not for ever.
pub async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(StoreError::Away("it does not answer".to_owned())))
}
