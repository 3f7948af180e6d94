//! Tests specific to PostgreSQL: connection setup, lost connections, and transactions that go wrong.

use jiff::Timestamp;
use sqlx::{Connection as _, PgConnection};

use super::*;
use crate::domain::event::DedupeKey;
use crate::store::{Text, Tx, keys, statement};

#[tokio::test]
async fn connections_are_safe_and_bounded() {
    let Some(url) = crate::store::cluster::database().await else { return };
    let store = PostgresStore::open(&PostgresSettings::new(&url)).await.expect("it opens");
    for (setting, expected) in [
        ("synchronous_commit", "on"),
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "2s"),
        ("application_name", "deskbell"),
        ("client_encoding", "UTF8"),
    ] {
        let query = sqlx::query_scalar("SELECT current_setting($1)").bind(setting);
        let value: String = query.fetch_one(&store.pool).await.expect("an answer");
        assert_eq!(value, expected, "{setting}");
    }
    store.close().await;
    assert!(matches!(port(&store).ping().await, Err(StoreError::Away(_))), "it is closed");
}

#[tokio::test]
async fn a_work_that_passes_over_a_failed_statement_is_not_half_kept() {
    let Some(url) = crate::store::cluster::database().await else { return };
    let store = PostgresStore::open(&PostgresSettings::new(&url)).await.expect("it opens");
    let careless: Work = Arc::new(|tx: &mut dyn Tx| {
        Box::pin(async move {
            keys::remember(tx, &key(1), Timestamp::UNIX_EPOCH)?;
            const WRONG: Text = Text::both("SELECT CAST('none' AS BIGINT) AS number");
            let _ = tx.rows(statement(WRONG)).await;
            Ok(Outcome::Skipped)
        })
    });
    let answer = store.transact(careless).await;
    assert!(matches!(answer, Err(StoreError::Work(_))), "{answer:?}");
    let answer = store.transact(remembering(1)).await;
    assert_eq!(answer.expect("nothing was kept"), Outcome::Skipped);
    store.close().await;
}

#[tokio::test]
async fn what_waits_for_a_lock_for_too_long_is_away_and_comes_back() {
    let Some(url) = crate::store::cluster::database().await else { return };
    let store = PostgresStore::open(&PostgresSettings::new(&url)).await.expect("it opens");
    let mut other = PgConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql("BEGIN; LOCK TABLE seen IN ACCESS EXCLUSIVE MODE").execute(&mut other).await.expect("a lock");
    assert!(matches!(store.transact(remembering(1)).await, Err(StoreError::Away(_))));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("it ends");
    assert_eq!(store.transact(remembering(1)).await.expect("it is back"), Outcome::Skipped);
    store.close().await;
}

#[tokio::test]
async fn connections_that_the_server_ends_are_replaced() {
    let Some(url) = crate::store::cluster::database().await else { return };
    let settings = PostgresSettings { look_every: Duration::from_secs(3_600), ..PostgresSettings::new(&url) };
    let store = PostgresStore::open(&settings).await.expect("it opens");
    port(&store).ping().await.expect("it answers");
    let mut changed = store.changed();
    let mut other = PgConnection::connect(&url).await.expect("a connection");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'deskbell' \
               AND datname = current_database()";
    sqlx::raw_sql(end).execute(&mut other).await.expect("they end");
    changed.changed().await.expect("waiting tasks are woken after the listener has reconnected");
    assert_eq!(store.transact(remembering(1)).await.expect("it is back"), Outcome::Skipped);
    store.close().await;
}

fn remembering(number: u32) -> Work {
    Arc::new(move |tx: &mut dyn Tx| {
        Box::pin(async move {
            keys::remember(tx, &key(number), Timestamp::UNIX_EPOCH)?;
            Ok(Outcome::Skipped)
        })
    })
}

fn key(number: u32) -> DedupeKey {
    DedupeKey::stored(format!("test:{number}"))
}

fn port(store: &PostgresStore) -> &dyn Store {
    store
}
