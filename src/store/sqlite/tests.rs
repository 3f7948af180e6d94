//! What only this store has: plans, and a disk that is full, busy or gone.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::*;
use crate::domain::ids::{MessageRef, Tenant};
use crate::store::Tx;
use crate::store::sql;
use crate::store::statement;

/// Statements that may run along a whole index, and along which.
const ALONG_AN_INDEX: &[(&str, &[&str])] = &[
    ("COUNTS", &["INDEX", "CONSTANT ROW"]),
    ("TOTAL", &["INDEX"]),
    ("ENQUEUE_CARD", &["CONSTANT ROW"]),
    ("DUE", &["INDEX effects_pending"]),
    ("RECOVER", &["INDEX effects_lease_ends"]),
    ("WAITING_ABOUT", &["INDEX effects_in_order"]),
    ("DEAD_EVENTS", &["INDEX dead_events_by_age"]),
    ("LIVE_THREADS", &["INDEX tickets_live"]),
    ("LIVE_DIRECT", &["INDEX tickets_live"]),
];

/// Statements that are asked rarely, and sort or join a few rows.
const MAY_SORT: &[&str] =
    &["COUNTS", "LIVE_THREADS", "LIVE_DIRECT", "OPEN_OF", "DUE_BESIDE", "RELEASE", "HELD", "HELD_SINCE"];

#[tokio::test]
async fn every_statement_is_valid_and_finds_its_rows_by_an_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let store = SqliteStore::open(&path, Clock::system()).await.expect("it opens");
    let mut conn = open::reading(&path).connect().await.expect("a connection");
    let mut told = 0;
    for (name, text) in sql::ALL.iter().chain(dialect::ALL) {
        if matches!(*name, "BEGIN" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "ROLLBACK_TO") {
            continue;
        }
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
        let plan: Vec<SqliteRow> = sqlx::query(explain).fetch_all(&mut conn).await.expect(name);
        for step in plan {
            let step: String = step.get("detail");
            told += 1;
            // The rows that the statement brings or has made itself.
            if ["SCAN CONSTANT ROW", "SCAN v", "SCAN g"].contains(&step.as_str()) || step.starts_with("SCAN json_each ")
            {
                continue;
            }
            let allowed = ALONG_AN_INDEX.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, along)| along);
            assert!(
                !step.starts_with("SCAN") || allowed.iter().any(|index| step.contains(index)),
                "{name} reads a whole table: {step}"
            );
            assert!(!step.contains("TEMP B-TREE") || MAY_SORT.contains(name), "{name} sorts by hand: {step}");
        }
    }
    assert!(told > 30, "only {told} steps were looked at");
    store.close().await;
}

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
    let mut conn = open::writing(&path).connect().await.expect("a connection");
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
    let options = open::writing(&path).create_if_missing(true).busy_timeout(Duration::from_millis(20));
    let store = SqliteStore::open_as(&path, Clock::system(), options, TAKE_OVER_PAUSE).await.expect("it opens");
    let mut other = open::writing(&path).connect().await.expect("a connection");
    sqlx::query(dialect::BEGIN).execute(&mut other).await.expect("it is free");
    assert!(matches!(store.ping().await, Err(StoreError::Away(_))));
    assert!(matches!(store.transact(remembering(1, 1)).await, Err(StoreError::Away(_))));
    sqlx::query(dialect::ROLLBACK).execute(&mut other).await.expect("it ends");
    store.ping().await.expect("it is back");
    assert_eq!(store.transact(remembering(1, 1)).await.expect("it is back"), Outcome::Skipped);
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Away(_))), "it is closed");
}

#[tokio::test]
async fn a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    SqliteStore::open(&path, Clock::system()).await.expect("it opens").close().await;
    let options = open::writing(&path).pragma("max_page_count", "80");
    let store = SqliteStore::open_as(&path, Clock::system(), options, TAKE_OVER_PAUSE).await.expect("it opens");
    // A work that tries on after the disk has failed it must not keep the half of what it wrote.
    let stubborn: Work = Arc::new(|tx| {
        Box::pin(async move {
            for number in 0..20_000 {
                let _ = tx.remember(&key(number), Timestamp::UNIX_EPOCH).await;
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
    let mut conn = open::writing(&path).connect().await.expect("a connection");
    // A check that is made at the commit only, and that the second run passes.
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
            tx.remember(&key(1), at).await?;
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
                tx.remember(&key(number), Timestamp::UNIX_EPOCH).await?;
            }
            Ok(Outcome::Skipped)
        })
    })
}

fn key(number: u32) -> DedupeKey {
    let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
    DedupeKey::message(&MessageRef { tenant, channel: "C1".to_owned(), id: number.to_string() })
}

#[test]
fn values_of_rows_come_in_the_order_of_their_numbers() {
    let mut told = 0;
    for (name, text) in sql::ALL.iter().chain(dialect::ALL) {
        if let Some((_, row, _)) = statement::around_row(text) {
            let numbers = row.split('$').skip(1).map(|part| part.trim_end_matches(|sign: char| !sign.is_ascii_digit()));
            let numbers: Vec<String> =
                numbers.map(|part| part.chars().take_while(char::is_ascii_digit).collect()).collect();
            let expected: Vec<String> = (1..=numbers.len()).map(|number| number.to_string()).collect();
            assert_eq!(numbers, expected, "{name}");
            told += 1;
        }
    }
    assert!(told > 10, "only {told} have rows");
}
