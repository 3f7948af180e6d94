//! Makes a sound copy of the file while the bot goes on writing to it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection};

use super::SqliteStore;
use super::open::{self, OpenError};
use crate::store::COPY as IS_COPY;
use crate::store::memory::KEEP_IN_MIND;

/// Copies the committed data, as one state, into an empty file: <https://www.sqlite.org/lang_vacuum.html#vacuuminto>.
const COPY: &str = "VACUUM INTO $1";
/// Returns `ok`, or the problems found.
const INTEGRITY: &str = "PRAGMA integrity_check";
const TICKETS: &str = "SELECT count(*) FROM tickets";

/// A copy that was made and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    pub bytes: u64,
    pub tickets: i64,
}

/// Why no copy could be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database itself cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file already exists there.
    #[error("{} is there already: nothing is overwritten, choose another name", .0.display())]
    Exists(PathBuf),
    /// The copy cannot be written.
    #[error("{} cannot be written: {what}", path.display())]
    Write { path: PathBuf, what: String },
    /// The copy was written but is damaged.
    #[error("the copy is not sound and was removed again ({0}): is the disk all right?")]
    Unsound(String),
}

impl SqliteStore {
    /// Copies the database at `from` to `to`, while any process may write to it. `to` must not exist, and becomes
    /// readable by its owner only. The copy is checked before it gets its name.
    ///
    /// # Errors
    /// If no copy could be made; then nothing is left of it.
    pub async fn backup(from: &Path, to: &Path) -> Result<Backup, BackupError> {
        open::examine(from).await?.ok_or_else(|| OpenError::Older(from.to_owned()))?;
        let failed = |what: String| BackupError::Write { path: to.to_owned(), what };
        // A link counts as an existing file, wherever it leads: it would be replaced.
        match to.symlink_metadata() {
            Ok(_) => return Err(BackupError::Exists(to.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error.to_string())),
        }
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        open::new_private_file(&part).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(part.clone()),
            _ => failed(error.to_string()),
        })?;
        let made = copy(from, &part).await.and_then(|backup| {
            let named = std::fs::rename(&part, to).and_then(|()| sync_folder(to));
            named.map(|()| backup).map_err(|error| failed(error.to_string()))
        });
        if made.is_err() {
            // A failure to remove it as well does not change the first error.
            let _ = std::fs::remove_file(&part);
        }
        made
    }
}

async fn copy(from: &Path, to: &Path) -> Result<Backup, BackupError> {
    let failed = |what: String| BackupError::Write { path: to.to_owned(), what };
    let name = to.to_str().ok_or_else(|| failed("its name is not valid UTF-8".to_owned()))?.to_owned();
    let mut conn = open::reading(from).connect().await.map_err(|error| failed(error.to_string()))?;
    let copied = sqlx::query(COPY).bind(name).execute(&mut conn).await;
    // The file was only read, so a failure to close does no harm.
    let _ = conn.close().await;
    copied.map_err(|error| failed(error.to_string()))?;
    // Marks the file as a copy: a bot that starts with it skips numbers. (An older schema has no place for the mark.)
    if let Ok(mut conn) = open::reading(to).read_only(false).connect().await {
        let marked = sqlx::query(KEEP_IN_MIND.sqlite).bind(IS_COPY).bind("1").execute(&mut conn).await;
        let _ = conn.close().await;
        match marked {
            Err(error) if !error.to_string().contains("no such table") => return Err(failed(error.to_string())),
            _ => {}
        }
    }
    let synced = File::open(to).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    let bytes = synced.map_err(|error| failed(error.to_string()))?.len();
    let mut conn = open::reading(to).connect().await.map_err(|error| BackupError::Unsound(error.to_string()))?;
    let looked = look_through(&mut conn).await;
    let _ = conn.close().await;
    let (verdict, tickets) = looked.map_err(|error| BackupError::Unsound(error.to_string()))?;
    if verdict == "ok" { Ok(Backup { bytes, tickets }) } else { Err(BackupError::Unsound(verdict)) }
}

async fn look_through(conn: &mut SqliteConnection) -> Result<(String, i64), sqlx::Error> {
    let verdict = sqlx::query_scalar(INTEGRITY).fetch_one(&mut *conn).await?;
    Ok((verdict, sqlx::query_scalar(TICKETS).fetch_one(conn).await?))
}

/// Writes the folder of a file to disk, so that the file's name is on disk, too.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
