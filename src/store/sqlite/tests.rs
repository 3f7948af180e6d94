//! Tests specific to SQLite: settings of the connection, and a database that is busy, full or fails to commit.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::*;
use crate::domain::event::DedupeKey;
use crate::domain::ids::{MessageRef, PlatformName, Tenant};
use crate::store::{Tx, keys};

#[tokio::test]
async fn it_is_safe_and_private_on_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new").join("desk.db");
    let store = SqliteStore::open(&path, Clock::system()).await.expect("it opens");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut conn = open::migrating(&path).connect().await.expect("a connection");
    for (pragma, expected) in
        [("PRAGMA journal_mode", "wal"), ("PRAGMA synchronous", "2"), ("PRAGMA foreign_keys", "1")]
    {
        let row = sqlx::query(pragma).fetch_one(&mut conn).await.expect(pragma);
        let value = row.try_get::<String, _>(0).or_else(|_| row.try_get::<i64, _>(0).map(|value| value.to_string()));
        assert_eq!(value.expect(pragma), expected, "{pragma}");
    }
    conn.close().await.expect("it closes");
    store.close().await;
    assert!(!path.with_file_name("desk.db-wal").exists(), "SQLite's log is tidied away");
}

#[tokio::test]
async fn a_busy_database_is_away_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let options = Writing::to(&path).waiting(Duration::from_millis(20));
    let store = SqliteStore::open_as(&path, Clock::system(), options, TAKE_OVER_PAUSE).await.expect("it opens");
    let mut other = open::migrating(&path).connect().await.expect("a connection");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("it is free");
    assert!(matches!(port(&store).ping().await, Err(StoreError::Away(_))));
    assert!(matches!(store.transact(remembering(1, 1)).await, Err(StoreError::Away(_))));
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("it ends");
    port(&store).ping().await.expect("it is back");
    assert_eq!(store.transact(remembering(1, 1)).await.expect("it is back"), Outcome::Skipped);
    store.close().await;
    assert!(matches!(port(&store).ping().await, Err(StoreError::Away(_))), "it is closed");
}

#[tokio::test]
async fn a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    SqliteStore::open(&path, Clock::system()).await.expect("it opens").close().await;
    let options = Writing::to(&path).of_pages(80);
    let store = SqliteStore::open_as(&path, Clock::system(), options, TAKE_OVER_PAUSE).await.expect("it opens");
    // A work that goes on although the disk is full must not keep half of what it wrote.
    let stubborn: Work = Arc::new(|tx| {
        Box::pin(async move {
            for number in 0..20_000 {
                let _ = keys::remember(tx, &key(number), Timestamp::UNIX_EPOCH);
            }
            Ok(Outcome::Ignored)
        })
    });
    let before = remembering(30_000, 30_010);
    let after = remembering(40_000, 40_010);
    let (before, full, after) = tokio::join!(store.transact(before), store.transact(stubborn), store.transact(after));
    assert_eq!(before.expect("it fits"), Outcome::Skipped);
    assert!(matches!(full, Err(StoreError::Away(_))), "{full:?}");
    assert_eq!(after.expect("it fits"), Outcome::Skipped);
    let mut conn = open::reading(&path).connect().await.expect("a connection");
    assert_eq!(rows_of_seen(&mut conn).await, 22);
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_fails_is_decided_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let store = SqliteStore::open(&path, Clock::system()).await.expect("it opens");
    let mut conn = open::migrating(&path).connect().await.expect("a connection");
    // A foreign key that is checked only at the commit. It is violated by the first run, and not by the second.
    let schema = "CREATE TABLE tripwire (run INTEGER REFERENCES counters (name) DEFERRABLE INITIALLY DEFERRED); \
                  CREATE TRIGGER trip AFTER INSERT ON seen WHEN new.key LIKE '%:1' AND new.at_ms = 0 \
                  BEGIN INSERT INTO tripwire VALUES ('nobody'); END";
    sqlx::raw_sql(schema).execute(&mut conn).await.expect("a tripwire");
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let work: Work = Arc::new(move |tx| {
        let run = counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let at = Timestamp::from_millisecond(i64::from(run)).unwrap_or_default();
            keys::remember(tx, &key(1), at)?;
            Ok(Outcome::Skipped)
        })
    });
    let other = store.transact(remembering(5, 6));
    let (first, other) = tokio::join!(store.transact(work), other);
    assert_eq!(first.expect("the second run is committed"), Outcome::Skipped);
    assert_eq!(other.expect("so is what shared the commit"), Outcome::Skipped);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(rows_of_seen(&mut conn).await, 3);
    conn.close().await.expect("it closes");
    store.close().await;
}

async fn rows_of_seen(conn: &mut SqliteConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM seen").fetch_one(conn).await.expect("a count")
}

fn remembering(from: u32, to: u32) -> Work {
    Arc::new(move |tx: &mut dyn Tx| {
        Box::pin(async move {
            for number in from..=to {
                keys::remember(tx, &key(number), Timestamp::UNIX_EPOCH)?;
            }
            Ok(Outcome::Skipped)
        })
    })
}

fn key(number: u32) -> DedupeKey {
    let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
    DedupeKey::message(&MessageRef { tenant, channel: "C1".to_owned(), id: number.to_string() })
}

fn port(store: &SqliteStore) -> &dyn Store {
    store
}
