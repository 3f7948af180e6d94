//! The desk's record in a PostgreSQL database, which any number of processes share.
//!
//! Each work is a transaction of its own, at READ COMMITTED. Decisions that must not be made at the same time lock
//! names ([`crate::store::Scope`]), and a ticket is written only if its version is the one that was read. Leases end by
//! the database's clock. Moments are stored in milliseconds.

mod grouped;
mod lent;
mod link;
mod open;
#[cfg(test)]
mod tests;
mod wake;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument as _;

use self::grouped::QueuedWrite;
use self::lent::{Fate, Lent, in_time};
use self::link::PgTx;
pub(super) use self::link::fault;
pub use self::open::OpenError;
use self::wake::{Notifier, bump};
use super::port::{Ask, Pace, Scope, Wake, Work};
use super::row::Row;
use super::statement::Statement;
use super::tx::{StoreTx, Unsent};
use super::{Store, StoreError};
use crate::domain::outcome::Outcome;
use crate::metrics;

/// How many writes outside of works may wait in the queue before callers have to wait to queue theirs.
const QUEUED_WRITES: usize = 256;

/// The settings of the database connection.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// The address, `postgres://user:password@host:5432/name`, with parameters such as `sslmode` after a question mark.
    pub url: SecretString,
    /// The largest number of connections for work. One more listens for notifications of other processes.
    pub connections: u32,
    /// How often to look for work without a notification, in real time.
    pub look_every: Duration,
}

impl PostgresSettings {
    /// Creates the default settings for this address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: SecretString::from(url.into()), connections: 8, look_every: Duration::from_secs(2) }
    }
}

/// The desk's record in a PostgreSQL database.
///
/// Dropping the store without [`Store::close`] loses nothing that was confirmed.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    changed: watch::Sender<u64>,
    // `None` if the store is read-only.
    notifier: Option<Notifier>,
    writes: Option<mpsc::Sender<QueuedWrite>>,
}

impl PostgresStore {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// If it cannot be reached or must not be used; then nothing in it was changed.
    pub async fn open(settings: &PostgresSettings) -> Result<Arc<Self>, OpenError> {
        let options = open::options(settings.url.expose_secret())?;
        let mut conn = open::connect(&options).await?;
        open::examine(&mut conn).await?;
        open::migrate(&mut conn).await?;
        // Everything is written, so a failure to close the connection does no harm.
        let _ = conn.close().await;
        let pool = open::pool(options.clone(), settings.connections, false);
        let changed = watch::Sender::new(0);
        let notifier =
            Notifier::begin(&pool, options, &changed, settings.look_every).await.map_err(OpenError::database)?;
        let (writes, queued) = mpsc::channel(QUEUED_WRITES);
        tokio::spawn(grouped::run(pool.clone(), queued).in_current_span());
        Ok(Arc::new(Self { pool, changed, notifier: Some(notifier), writes: Some(writes) }))
    }

    /// Opens the database read-only. Every write fails with [`StoreError::Away`].
    ///
    /// # Errors
    /// If it cannot be reached, or its schema is not this program's.
    pub async fn open_read_only(settings: &PostgresSettings) -> Result<Arc<Self>, OpenError> {
        let options = open::options(settings.url.expose_secret())?;
        let mut conn = open::connect(&options).await?;
        let found = open::examine(&mut conn).await?;
        // Nothing was written, so a failure to close the connection does no harm.
        let _ = conn.close().await;
        if found != Some(open::known()) {
            return Err(OpenError::Older);
        }
        let pool = open::pool(options, settings.connections, true);
        Ok(Arc::new(Self { pool, changed: watch::Sender::new(0), notifier: None, writes: None }))
    }

    fn wake(&self, wake: Wake) {
        bump(&self.changed);
        if let (Wake::Everywhere, Some(notifier)) = (wake, &self.notifier) {
            notifier.notify();
        }
    }
}

/// A connection that reads committed data.
struct Reader(Lent);

#[async_trait]
impl Ask for Reader {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        self.0.run(async |conn: &mut PgConnection| link::rows(conn, query).await).await
    }

    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        self.0.run(async |conn: &mut PgConnection| link::rows_of(conn, queries).await).await
    }

    async fn real_ms(&mut self) -> Result<i64, StoreError> {
        self.0.run(link::real_ms).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn decide(&self, about: Scope, work: Work) -> Result<Outcome, StoreError> {
        if self.notifier.is_none() {
            return Err(StoreError::Away("it was opened read-only".to_owned()));
        }
        // The caller may be dropped while it waits; the work is still finished.
        let begun = tokio::spawn(decide(self.pool.clone(), about, work).in_current_span());
        let (answer, wake) = begun.await.map_err(|error| StoreError::Away(error.to_string()))?;
        if let Some(wake) = wake {
            self.wake(wake);
        }
        answer
    }

    /// Writes are grouped whatever their pace: they wait for the connection that writes them.
    async fn write(&self, statements: Vec<Statement>, wake: Wake, _: Pace) -> Result<(), StoreError> {
        let closed = || StoreError::Away("it was closed, or opened read-only".to_owned());
        let (answer, stored) = oneshot::channel();
        let write = QueuedWrite { statements, answer };
        self.writes.as_ref().ok_or_else(closed)?.send(write).await.map_err(|_| closed())?;
        let stored = stored.await.map_err(|_| closed())?;
        if stored.is_ok() {
            self.wake(wake);
        }
        stored
    }

    async fn reader(&self) -> Result<Box<dyn Ask + '_>, StoreError> {
        Ok(Box::new(Reader(Lent::of(&self.pool).await?)))
    }

    async fn identity(&self) -> Result<Option<String>, StoreError> {
        let database: String =
            sqlx::query_scalar(link::DATABASE_IDENTITY).fetch_one(&self.pool).await.map_err(link::fault)?;
        let server: Result<String, sqlx::Error> = sqlx::query_scalar(link::SERVER_IDENTITY).fetch_one(&self.pool).await;
        let server = match server {
            Ok(server) => server,
            // Not every account may ask this, and not every server knows it.
            Err(sqlx::Error::Database(_)) => String::new(),
            Err(error) => return Err(link::fault(error)),
        };
        Ok(Some(format!("{server}/{database}")))
    }

    fn measure(&self) {
        metrics::pool("postgres", self.pool.size().into(), self.pool.num_idle() as u64);
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Never complete: overwritten data stays in the files until PostgreSQL's own VACUUM and log rotation.
    async fn scrub(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn close(&self) {
        if let Some(notifier) = &self.notifier {
            notifier.end().await;
        }
        self.pool.close().await;
    }
}

/// Runs one work in one transaction. Also returns which dispatchers to wake, if anything was (or may have been)
/// committed.
async fn decide(pool: PgPool, about: Scope, work: Work) -> (Result<Outcome, StoreError>, Option<Wake>) {
    let mut lent = match Lent::in_transaction(&pool, &about.names).await {
        Ok(lent) => lent,
        Err(error) => return (Err(error), None),
    };
    let (answer, wake) = {
        let mut conn = PgTx(lent.conn());
        let mut unsent = Unsent::new();
        let mut tx = StoreTx::new(&mut conn, &mut unsent, Vec::new());
        let done = AssertUnwindSafe(in_time(work(&mut tx))).catch_unwind().await;
        let answer = match done {
            Ok(Ok(outcome)) => in_time(tx.flush()).await.map(|()| outcome),
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(StoreError::Work(panic_text(panic.as_ref()))),
        };
        (answer, tx.to_wake())
    };
    let (answer, fate) = lent.end(answer).await;
    (answer, wake.filter(|_| fate != Fate::RolledBack))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", words.unwrap_or("no message"))
}
