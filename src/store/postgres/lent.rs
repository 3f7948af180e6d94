//! Connections of the pool, each lent for one piece of work and returned only in a known state.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres};

use super::link::{self, fault};
use crate::store::StoreError;

/// How long one piece of work may take, including the way to the database and back. The database itself ends every
/// statement earlier, unless the network swallows its answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A lent connection. If its user is dropped in the middle of the work, the connection is closed, which ends its
/// transaction.
pub struct Lent {
    conn: PoolConnection<Postgres>,
    is_sound: bool,
}

/// The end of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its writes are on disk.
    Committed,
    /// Nothing of it was kept.
    RolledBack,
    /// The connection was lost during the commit.
    Unknown,
}

impl Lent {
    /// Takes a connection from the pool.
    pub async fn of(pool: &PgPool) -> Result<Self, StoreError> {
        Ok(Self { conn: pool.acquire().await.map_err(fault)?, is_sound: false })
    }

    /// Takes a connection and begins a transaction that holds the locks of these names.
    pub async fn in_transaction(pool: &PgPool, names: &[String]) -> Result<Self, StoreError> {
        let text = link::begin_about(names);
        let mut tries = 0;
        loop {
            let mut lent = Self::of(pool).await?;
            let begin = sqlx::raw_sql(AssertSqlSafe(text.clone())).execute(&mut *lent.conn);
            match tokio::time::timeout(PATIENCE, begin).await {
                Ok(Ok(_)) => return Ok(lent),
                // The server closed this connection while it was in the pool, and perhaps all of them.
                Ok(Err(error)) if link::is_closed(&error) && tries <= pool.size() => tries += 1,
                Ok(Err(error)) => return Err(fault(error)),
                Err(_) => return Err(StoreError::Away("it does not answer".to_owned())),
            }
        }
    }

    /// Returns the connection, for statements of the open transaction.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    /// Runs a statement that returns no rows.
    pub async fn execute(&mut self, text: &'static str) -> Result<(), StoreError> {
        in_time(async { sqlx::raw_sql(text).execute(&mut *self.conn).await.map(drop).map_err(fault) }).await
    }

    /// Runs a query outside of a transaction, and notes whether the connection can be used again.
    pub async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.is_sound = false;
        let answer = in_time(work(&mut self.conn)).await;
        self.is_sound = !matches!(answer, Err(StoreError::Away(_)));
        answer
    }

    /// Commits after a success and rolls back after an error. The caller must ask any further questions before it drops
    /// the connection.
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
        // A database that is away rolls back on its own: nothing was committed.
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

/// Waits for the database, but at most as long as `PATIENCE`.
pub async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(StoreError::Away("it does not answer".to_owned())))
}
