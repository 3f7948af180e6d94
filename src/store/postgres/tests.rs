//! What only this store has: plans, how connections are set up, and transactions that go wrong.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::*;
use crate::store::{Tx, sql};

#[path = "../../../tests/it/postgres.rs"]
mod cluster;

/// Statements that may read a whole table: they are asked rarely, or the table is one line.
const WHOLE_TABLE: &[&str] = &["COUNTS", "TOTAL", "SKIP_TICKETS", "SKIP_NUMBERS"];
/// Statements that may run along a whole index, and along which.
const ALONG_AN_INDEX: &[(&str, &str)] = &[
    ("WAITING_ABOUT", "effects_held"),
    ("DEAD_EVENTS", "dead_events_by_age"),
    ("LIVE_THREADS", "tickets_live"),
    ("LIVE_DIRECT", "tickets_live"),
];
/// A desk after some years, in small.
const YEARS: &str = "\
    INSERT INTO tickets SELECT n, 'IT-' || n, n, 'incident', 't', 'slack:U' || n % 500, '{}', '{}', 'slack', 'T1', \
    'C' || n % 50, CASE WHEN n % 10 = 0 THEN '' ELSE n::text END, CASE WHEN n % 10 = 0 THEN 1 ELSE 0 END, '{}', n, \
    CASE WHEN n % 20 = 0 THEN 'new' ELSE 'closed' END, '{}', NULL, NULL, 'low', 'low', 'P4', n, n, NULL, NULL, 1 \
    FROM generate_series(1, 20000) AS n; \
    INSERT INTO conversations SELECT 'slack', 'T1', 'C' || n % 50, n::text, n, 'request' FROM generate_series(1, \
    20000) AS n; \
    INSERT INTO messages (ticket_id, platform, tenant, channel, message, author_json, voice, at_ms, text) SELECT \
    n, 'slack', 'T1', 'C' || n % 50, n::text, '{}', 'requester', n, 'x' FROM generate_series(1, 20000) AS n; \
    INSERT INTO standing (ticket_id, card, place_channel, place_json, platform, tenant, channel, message, \
    mirrors_json) SELECT n, 1, 'C9', '{}', 'slack', 'T1', 'C9', n::text, n::text FROM generate_series(1, 20000) AS \
    n; \
    INSERT INTO standing_more SELECT id, 1, id::text FROM standing; \
    INSERT INTO audit (ticket_id, at_ms, act, fields_json) SELECT n, n, 'x', '[]' FROM generate_series(1, 20000) \
    AS n; \
    INSERT INTO openings SELECT 'slack', 'T1', 'C1', n::text, '{}', '{}', n, 'x' FROM generate_series(1, 20000) AS \
    n; \
    INSERT INTO timers SELECT n, 'auto_close', n FROM generate_series(1, 20000) AS n; \
    INSERT INTO seen SELECT n::text, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO effects (id, ticket_id, platform, lane, gate, order_key, kind, what_json, state, due_at_ms, \
    created_at_ms, leased_at_ms, lease_until_ms, tried_at_ms, settled_at_ms, last_error, held_in, held_at_ms) SELECT \
    lpad(n::text, 26, '0'), n, 'slack', n % 5, 'C' || n % 50, 'k' || n / 3, 'post', '{}', s, n, n, CASE WHEN s = \
    'leased' THEN n END, CASE WHEN s = 'leased' THEN n END, n, CASE WHEN s IN ('done', 'failed') THEN n END, CASE \
    WHEN s IN ('failed', 'held') THEN 'x' END, CASE WHEN s = 'held' THEN 'C' || n % 50 END, CASE WHEN s = 'held' \
    THEN n END FROM (SELECT n, CASE WHEN n % 4 = 0 THEN 'pending' WHEN n % 100 = 1 THEN 'leased' WHEN n % 100 = 2 \
    THEN 'failed' WHEN n % 100 = 3 THEN 'held' ELSE 'done' END AS s FROM generate_series(1, 20000) AS n) AS made; \
    INSERT INTO dead_events SELECT n::text, '{}', 'x', 1, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO positions SELECT 'slack', 'T' || n % 100, n::text, '1' FROM generate_series(1, 20000) AS n; \
    INSERT INTO holds SELECT n::text, 'x', n FROM generate_series(1, 2000) AS n; \
    ANALYZE;";
const TYPES_OF_AN_EFFECT: &str = "(text, bigint, text, bigint, text, text, text, bigint, bigint, bigint, text)";
/// Statements that have no plan.
const NO_PLAN: &[&str] = &["BEGIN", "COMMIT", "ROLLBACK"];

#[tokio::test]
async fn every_statement_is_valid_and_finds_its_rows_by_an_index() {
    let Some(url) = cluster::database().await else { return };
    let store = PostgresStore::open(&PostgresSettings::new(&url)).await.expect("it opens");
    let mut conn = PgConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql(YEARS).execute(&mut conn).await.expect("years");
    // Small tables are read as a whole and joined at once, where large ones would not be.
    let setup = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
                 SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(setup).execute(&mut conn).await.expect("settings");
    let mut told = 0;
    for (name, text) in sql::ALL.iter().chain(dialect::ALL).filter(|(name, _)| !NO_PLAN.contains(name)) {
        let parameters = (1..).take_while(|number| text.contains(&format!("${number}"))).count();
        let nulls = vec!["NULL"; parameters].join(", ");
        let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
        // What is chosen and not compared has no type of its own.
        let types = if *name == "ENQUEUE_CARD" { TYPES_OF_AN_EFFECT } else { "" };
        let prepare = AssertSqlSafe(format!("PREPARE asked {types} AS {text}"));
        sqlx::raw_sql(prepare).execute(&mut conn).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let explain = AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE asked{nulls}"));
        let row = sqlx::raw_sql(explain).fetch_one(&mut conn).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let plan: Value = row.try_get(0).expect("a plan");
        told += 1;
        look(name, &plan[0]["Plan"]);
        sqlx::raw_sql("DEALLOCATE asked").execute(&mut conn).await.expect("forgotten");
    }
    assert!(told > 60, "only {told} statements were looked at");
    store.close().await;
}

fn look(name: &str, step: &Value) {
    let kind = step["Node Type"].as_str().unwrap_or_default();
    let index = step["Index Name"].as_str().unwrap_or_default();
    if !WHOLE_TABLE.contains(&name) {
        assert_ne!(kind, "Seq Scan", "{name} reads a whole table: {step:#}");
        let along = ALONG_AN_INDEX.contains(&(name, index));
        let is_index = kind.contains("Index");
        assert!(!is_index || along || step.get("Index Cond").is_some(), "{name} runs along a whole index: {step:#}");
    }
    for part in step["Plans"].as_array().into_iter().flatten() {
        look(name, part);
    }
}

#[tokio::test]
async fn connections_are_safe_and_bounded() {
    let Some(url) = cluster::database().await else { return };
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
    assert!(matches!(store.ping().await, Err(StoreError::Away(_))), "it is closed");
}

#[tokio::test]
async fn a_work_that_passes_over_a_failed_statement_is_not_half_kept() {
    let Some(url) = cluster::database().await else { return };
    let store = PostgresStore::open(&PostgresSettings::new(&url)).await.expect("it opens");
    let careless: Work = Arc::new(|tx: &mut dyn Tx| {
        Box::pin(async move {
            tx.remember(&key(1), Timestamp::UNIX_EPOCH).await?;
            // PostgreSQL keeps no NUL character.
            let _ = tx.knows(&DedupeKey::stored("\0".to_owned())).await;
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
    let Some(url) = cluster::database().await else { return };
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
    let Some(url) = cluster::database().await else { return };
    let settings = PostgresSettings { look_every: Duration::from_secs(3_600), ..PostgresSettings::new(&url) };
    let store = PostgresStore::open(&settings).await.expect("it opens");
    store.ping().await.expect("it answers");
    let mut changed = store.changed();
    let mut other = PgConnection::connect(&url).await.expect("a connection");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'deskbell' \
               AND datname = current_database()";
    sqlx::raw_sql(end).execute(&mut other).await.expect("they end");
    changed.changed().await.expect("what was not heard meanwhile is looked for");
    assert_eq!(store.transact(remembering(1)).await.expect("it is back"), Outcome::Skipped);
    store.close().await;
}

fn remembering(number: u32) -> Work {
    Arc::new(move |tx: &mut dyn Tx| {
        Box::pin(async move {
            tx.remember(&key(number), Timestamp::UNIX_EPOCH).await?;
            Ok(Outcome::Skipped)
        })
    })
}

fn key(number: u32) -> DedupeKey {
    DedupeKey::stored(format!("test:{number}"))
}
