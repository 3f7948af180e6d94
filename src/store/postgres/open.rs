//! Opens a database: checks the server and whose the database is, and brings the schema up to date.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgPool, Row as _};

use super::link::fault;
use crate::store::StoreError;

/// The migrations of the schema.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations/postgres");

/// The oldest supported server, as a `server_version_num`.
const OLDEST_SERVER: i64 = 140_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a free connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is used before it is replaced, so that server memory and outdated addresses are released.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
const MIN_CONNECTIONS: u32 = 2;

/// Reads the server's version and encoding, and counts this program's tables and all tables of the schema (except those
/// of extensions). It is one statement, since another process may be creating the tables at this moment.
const LOOK: &str = "SELECT current_setting('server_version_num')::bigint AS version, \
     current_setting('server_encoding') AS encoding, count(c.oid) AS tables, \
     count(c.oid) FILTER (WHERE c.relname = '_sqlx_migrations') AS ours \
     FROM (SELECT 1) AS one LEFT JOIN pg_class AS c ON c.relkind IN ('r', 'p') \
     AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
     AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass \
     AND d.deptype = 'e')";
const STEPS: &str = "SELECT version, checksum FROM _sqlx_migrations ORDER BY version";

/// Why a database cannot be opened. No message contains the address or a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not valid.
    #[error("database.url is no address of a PostgreSQL database (postgres://user@host:5432/name): {0}")]
    Address(String),
    /// The database cannot be reached at the moment.
    #[error("the database cannot be reached: {0}")]
    Away(String),
    /// The database refuses the connection.
    #[error("the database does not let us in: {0}")]
    Refused(String),
    /// The server is too old.
    #[error("the server is PostgreSQL {}, but 14 or newer is needed", .0 / 10_000)]
    OldServer(i64),
    /// The database's encoding cannot hold every text.
    #[error("the database has the encoding {0}, but UTF8 is needed: create it with ENCODING 'UTF8'")]
    Encoding(String),
    /// The database was written by a newer version of this program.
    #[error(
        "the database was written by a newer version of this program (schema {found}, while this one knows {known}): \
         run that version, or restore a copy from before the update"
    )]
    Newer {
        /// The newest migration of its schema.
        found: i64,
        /// The newest migration that this program knows.
        known: i64,
    },
    /// The database was written by an older version, or is empty, and may only be read.
    #[error(
        "the database is empty or was written by an older version of this program: start the bot, or migrate it, first"
    )]
    Older,
    /// The database was written before the first release, when the schema was still changing.
    #[error(
        "the database is from before the first release of this program, and cannot be brought up to date: name another \
         database, such as an empty one"
    )]
    Unreleased,
    /// The database belongs to another program, or was altered.
    #[error("the database is no database of this program: {0}")]
    Foreign(String),
    /// The schema could not be brought up to date.
    #[error("the database could not be brought up to date: {0}")]
    Migration(String),
}

impl OpenError {
    /// Translates an error of the database while it is being opened.
    pub(super) fn database(error: StoreError) -> Self {
        match error {
            StoreError::Away(what) => Self::Away(what),
            other => Self::Foreign(other.to_string()),
        }
    }
}

/// The server's timeouts for this process, so that no lock is held for long, whatever happens to the process. The
/// transaction of a frozen process is ended while the processes that wait for its locks still wait.
const LIMITS: [(&str, &str); 3] =
    [("idle_in_transaction_session_timeout", "2s"), ("lock_timeout", "5s"), ("statement_timeout", "10s")];

/// A connection that was idle for longer than this is tested before it is used.
const TESTED_AFTER: Duration = Duration::from_secs(1);
/// How many statements stay prepared on a connection. Statements with many rows have a separate text for each of a few
/// numbers of rows.
const STATEMENTS: usize = 256;

/// Returns the options for connections.
pub fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| OpenError::Address(error.to_string()))?;
    let safe = [("synchronous_commit", "on"), ("client_min_messages", "warning")];
    Ok(options
        .application_name("deskbell")
        .options(safe)
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging())
}

/// Creates the pool for work.
pub fn pool(options: PgConnectOptions, connections: u32, is_read_only: bool) -> PgPool {
    let mut options = options.options(LIMITS);
    if is_read_only {
        options = options.options([("default_transaction_read_only", "on")]);
    }
    PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(MIN_CONNECTIONS.min(connections))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(MAX_LIFETIME)
        .test_before_acquire(false)
        .before_acquire(|conn, about| {
            Box::pin(async move {
                // A connection that was just used is alive; otherwise a round trip shows whether the server is gone.
                let is_there = about.idle_for < TESTED_AFTER || conn.ping().await.is_ok();
                Ok(is_there)
            })
        })
        .connect_lazy_with(options)
}

/// Opens a connection for checks and migrations. Its statements have no time limit, so it can wait for the migration of
/// another process.
pub async fn connect(options: &PgConnectOptions) -> Result<PgConnection, OpenError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(connected) => connected.map_err(refusal),
        Err(_) => Err(OpenError::Away("it does not answer".to_owned())),
    }
}

/// Translates a failed connection: either waiting may help, or the settings must be fixed.
fn refusal(error: sqlx::Error) -> OpenError {
    // Connection; resources; intervention by an operator, such as a start in progress; system errors.
    const PASSING: [&str; 4] = ["08", "53", "57", "58"];
    let code = error.as_database_error().and_then(|refused| refused.code()).unwrap_or_default().into_owned();
    match &error {
        sqlx::Error::Database(_) if !PASSING.iter().any(|class| code.starts_with(class)) => {
            OpenError::Refused(error.to_string())
        }
        _ => OpenError::Away(error.to_string()),
    }
}

/// Checks the server and the database without writing. Returns the newest migration of the schema, if there is one.
pub async fn examine(conn: &mut PgConnection) -> Result<Option<i64>, OpenError> {
    let failed = |error| OpenError::database(fault(error));
    let look = sqlx::query(LOOK).fetch_one(&mut *conn).await.map_err(failed)?;
    let number = |column: &str| look.try_get::<i64, _>(column).map_err(failed);
    let (version, tables, ours) = (number("version")?, number("tables")?, number("ours")?);
    let encoding: String = look.try_get("encoding").map_err(failed)?;
    if version < OLDEST_SERVER {
        return Err(OpenError::OldServer(version));
    }
    if encoding != "UTF8" {
        return Err(OpenError::Encoding(encoding));
    }
    let foreign = || OpenError::Foreign("there are tables of another program in it".to_owned());
    if ours == 0 {
        return if tables == 0 { Ok(None) } else { Err(foreign()) };
    }
    // The tables of a migration and its row in the list appear together.
    let mut found = None;
    for step in sqlx::query(STEPS).fetch_all(conn).await.map_err(failed)? {
        let (version, checksum): (i64, Vec<u8>) =
            step.try_get("version").and_then(|version| Ok((version, step.try_get("checksum")?))).map_err(failed)?;
        let same = MIGRATOR.iter().find(|known| known.version == version).map(|known| *known.checksum == *checksum);
        if same == Some(false) && version == 1 {
            return Err(OpenError::Unreleased);
        }
        if same == Some(false) || (same.is_none() && found.is_none()) {
            return Err(OpenError::Foreign(format!("step {version} of its schema is not ours")));
        }
        found = Some(version);
    }
    match found {
        None if tables > ours => Err(foreign()),
        Some(found) if found > known() => Err(OpenError::Newer { found, known: known() }),
        other => Ok(other),
    }
}

/// Brings the schema up to date. If several processes start together, one does it and the others wait.
pub async fn migrate(conn: &mut PgConnection) -> Result<(), OpenError> {
    MIGRATOR.run(conn).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) => OpenError::Newer { found, known: known() },
        other => OpenError::Migration(other.to_string()),
    })
}

/// Returns the newest migration that this program knows.
pub fn known() -> i64 {
    MIGRATOR.iter().map(|step| step.version).max().unwrap_or_default()
}
