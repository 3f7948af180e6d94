//! Opens a database file: takes ownership, checks whose file it is, and brings its schema up to date.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::link::{WriteConnection, fault, write_fault};
use crate::store::StoreError;

/// The migrations of the schema.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations/sqlite");

/// How many statements the writer's connection keeps prepared: more than the program has SQL texts.
const STATEMENTS: usize = 400;
/// The size of the writer's page cache, in KiB if negative. Each change to one of many tickets touches different pages,
/// and reading a page again costs more than changing it.
const CACHE: i64 = -32_768;
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// The first bytes of every SQLite file: <https://www.sqlite.org/fileformat.html>.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Why a database file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns the file.
    #[error("{} is in use by another process: stop that one first, or choose another file for this one", .0.display())]
    Locked(PathBuf),
    /// The file was written by a newer version of this program.
    #[error(
        "{} was written by a newer version of this program (schema {found}, while this one knows {known}): \
         run that version, or restore a copy from before the update", path.display()
    )]
    Newer {
        path: PathBuf,
        /// The newest migration of its schema.
        found: i64,
        /// The newest migration that this program knows.
        known: i64,
    },
    /// The file was written by an older version and may only be read.
    #[error("{} was written by an older version of this program: start the bot, or migrate it, first", .0.display())]
    Older(PathBuf),
    /// The file was written before the first release, when the schema was still changing.
    #[error(
        "{} is from before the first release of this program, and cannot be brought up to date: move it away, and start \
         with a new one", .0.display()
    )]
    Unreleased(PathBuf),
    /// The file is no database, belongs to another program, or is damaged.
    #[error("{} is no database of this program, or damaged: {what}", path.display())]
    Corrupt { path: PathBuf, what: String },
    /// There is no such file, and none may be created.
    #[error("there is no database at {}: run this where the bot runs, or give --config", .0.display())]
    Missing(PathBuf),
    /// The file cannot be reached: a missing folder, a missing permission, a full disk.
    #[error("{} cannot be opened: {what}", path.display())]
    Io { path: PathBuf, what: String },
}

impl OpenError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io { path: path.to_owned(), what: error.to_string() }
    }

    /// Translates an error of the database while it is being opened.
    pub(super) fn database(path: &Path, error: StoreError) -> Self {
        match error {
            StoreError::Away(what) => Self::Io { path: path.to_owned(), what },
            other => Self::Corrupt { path: path.to_owned(), what: other.to_string() },
        }
    }
}

/// Fails if there is no file at `path`.
pub fn must_exist(path: &Path) -> Result<(), OpenError> {
    // Whether a file can be read is found out by reading it.
    if matches!(path.try_exists(), Ok(false)) {
        return Err(OpenError::Missing(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())));
    }
    Ok(())
}

/// Holds the lock of the file's owner. The system releases it when the process ends, in any way.
#[derive(Debug)]
pub struct Owner {
    _lock: File,
}

impl Owner {
    /// Becomes the owner of the database at `path`.
    pub fn of(path: &Path) -> Result<Self, OpenError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let file = private_file(Path::new(&name)).map_err(|error| OpenError::io(path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _lock: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(OpenError::io(path, &error)),
        }
    }
}

/// Returns the options of the connection that runs the migrations.
pub fn migrating(path: &Path) -> SqliteConnectOptions {
    reading(path).read_only(false).journal_mode(SqliteJournalMode::Wal).pragma("secure_delete", "ON")
}

/// The options of the writer's connection.
#[derive(Clone, Debug)]
pub struct Writing {
    path: PathBuf,
    /// How long the writer waits for another process that writes.
    busy_timeout: Duration,
    /// The most pages that the file may have; `None`: no limit.
    max_pages: Option<u32>,
}

impl Writing {
    /// Returns the usual options for the file at `path`.
    pub fn to(path: &Path) -> Self {
        Self { path: path.to_owned(), busy_timeout: BUSY_TIMEOUT, max_pages: None }
    }

    /// Changes how long the writer waits for another process that writes.
    #[cfg(test)]
    pub fn waiting(self, busy_timeout: Duration) -> Self {
        Self { busy_timeout, ..self }
    }

    /// Limits the number of pages that the file may have.
    #[cfg(test)]
    pub fn of_pages(self, most: u32) -> Self {
        Self { max_pages: Some(most), ..self }
    }

    /// Opens the file, which must exist and have our schema.
    pub fn connect(&self) -> Result<WriteConnection, StoreError> {
        let open = || -> rusqlite::Result<rusqlite::Connection> {
            // Only the writer's thread uses the connection, so SQLite need not lock it.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let conn = rusqlite::Connection::open_with_flags(&self.path, flags)?;
            conn.busy_timeout(self.busy_timeout)?;
            conn.set_prepared_statement_cache_capacity(STATEMENTS);
            conn.pragma_update(None, "foreign_keys", "ON")?;
            conn.pragma_update(None, "journal_mode", "WAL")?;
            conn.pragma_update(None, "synchronous", "FULL")?;
            // Deleted data is overwritten, so that deleted words do not stay in the file.
            conn.pragma_update(None, "secure_delete", "ON")?;
            conn.pragma_update(None, "cache_size", CACHE)?;
            if let Some(most) = self.max_pages {
                conn.pragma_update(None, "max_page_count", most)?;
            }
            Ok(conn)
        };
        open().map(WriteConnection::new).map_err(write_fault)
    }
}

/// Returns the options of a read-only connection.
pub fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .read_only(true)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Creates the folder of the file.
pub fn create_folder(path: &Path) -> Result<(), OpenError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).map_err(|error| OpenError::io(path, &error))
        }
        _ => Ok(()),
    }
}

/// Creates the file if there is none, readable by its owner only (it will contain what people said).
pub fn create(path: &Path) -> Result<(), OpenError> {
    private_file(path).map(drop).map_err(|error| OpenError::io(path, &error))
}

/// Checks the file without writing to it. Returns the newest migration of its schema, if it has one.
pub async fn examine(path: &Path) -> Result<Option<i64>, OpenError> {
    let corrupt = |what: &str| OpenError::Corrupt { path: path.to_owned(), what: what.to_owned() };
    let mut head = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    opened.map_err(|error| OpenError::io(path, &error))?;
    if head.is_empty() {
        return Ok(None);
    }
    if head != MAGIC {
        return Err(corrupt("it does not begin as a SQLite file does"));
    }
    let failed = |error| OpenError::database(path, fault(error));
    let mut conn = reading(path).connect().await.map_err(failed)?;
    let looked = look(&mut conn).await;
    // Nothing was written, so a failure to close does no harm.
    let _ = conn.close().await;
    let (ours, tables, found, first) = looked.map_err(failed)?;
    if !ours && tables > 0 {
        return Err(corrupt("it belongs to another program"));
    }
    let is_ours = |first: &Vec<u8>| MIGRATOR.iter().next().is_some_and(|step| *step.checksum == **first);
    if first.is_some_and(|first| !is_ours(&first)) {
        return Err(OpenError::Unreleased(path.to_owned()));
    }
    let known = known();
    match found {
        Some(found) if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        other => Ok(other),
    }
}

/// Brings the schema up to date.
pub async fn migrate(path: &Path, conn: &mut SqliteConnection) -> Result<(), OpenError> {
    MIGRATOR.run(conn).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            OpenError::database(path, fault(error))
        }
        MigrateError::VersionMissing(found) => OpenError::Newer { path: path.to_owned(), found, known: known() },
        other => OpenError::Corrupt { path: path.to_owned(), what: other.to_string() },
    })
}

/// Returns the newest migration that this program knows.
pub fn known() -> i64 {
    MIGRATOR.iter().map(|step| step.version).max().unwrap_or_default()
}

/// Reads whether the file has this program's list of migrations, how many tables it has, its newest migration, and the
/// checksum of its first.
async fn look(conn: &mut SqliteConnection) -> Result<(bool, i64, Option<i64>, Option<Vec<u8>>), sqlx::Error> {
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master").fetch_one(&mut *conn).await?;
    let ours: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut *conn)
        .await?;
    if ours == 0 {
        return Ok((false, tables, None, None));
    }
    let found: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut *conn).await?;
    let first: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT checksum FROM _sqlx_migrations WHERE version = 1").fetch_optional(conn).await?;
    Ok((true, tables, found, first))
}

/// Creates a new file, readable by its owner only.
pub fn new_private_file(path: &Path) -> io::Result<()> {
    private(OpenOptions::new().write(true).create_new(true)).open(path).map(drop)
}

fn private_file(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
