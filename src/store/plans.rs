//! Tests of the query plans: each SQL text is valid and finds its rows by an index.

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};

use super::postgres::{PostgresSettings, PostgresStore};
use super::sqlite::SqliteStore;
use super::statement::around_row;
use super::{Store as _, Text, audit, channels, dead, keys, memory, outbox, positions, sqlite, standing, timers};
use crate::clock::Clock;

/// On SQLite: texts that may scan a whole index, and which index.
const ALONG_ON_SQLITE: &[(&str, &[&str])] = &[
    ("OPEN", &["INDEX"]),
    ("DEAD", &["INDEX"]),
    ("COUNTS", &["INDEX", "CONSTANT ROW"]),
    ("COUNTS_ABOUT", &["INDEX", "CONSTANT ROW"]),
    ("TOTAL", &["INDEX"]),
    ("ENQUEUE_VIEW", &["CONSTANT ROW"]),
    ("DUE", &["INDEX effects_pending"]),
    ("UNSETTLED_ABOUT", &["INDEX effects_in_order"]),
    ("DEAD_EVENTS", &["INDEX dead_events_by_age"]),
    ("LIVE_THREADS", &["INDEX tickets_live"]),
    ("LIVE_DIRECT", &["INDEX tickets_live"]),
];
/// On SQLite: texts that sort or join a few rows.
const MAY_SORT: &[&str] = &[
    "COUNTS",
    "COUNTS_ABOUT",
    "VIEW_PLACES",
    "STANDING_AFTER",
    "LIVE_THREADS",
    "LIVE_DIRECT",
    "LATEST_DIRECT",
    "OPEN_OF",
    "DUE_UNBLOCKED",
    "RELEASE",
    "HELD",
    "HELD_SINCE",
    "STANDING",
    "STANDING_MESSAGE",
    "SHOWING",
    "DUE_TIMERS",
];
/// On PostgreSQL: texts that may read a whole table, because they are rarely used or the table has one row.
const WHOLE_TABLE: &[&str] = &["COUNTS", "COUNTS_ABOUT", "DEAD", "OPEN", "TOTAL"];
/// On PostgreSQL: texts that may scan a whole index, and which index.
const ALONG_ON_POSTGRES: &[(&str, &str)] = &[
    ("UNSETTLED_ABOUT", "effects_held"),
    ("DEAD_EVENTS", "dead_events_by_age"),
    ("LIVE_THREADS", "tickets_live"),
    ("LIVE_DIRECT", "tickets_live"),
];
/// A small model of a desk's data after some years.
const YEARS: &str = "\
    INSERT INTO tickets SELECT n, 'IT-' || n, '', 't', NULL, 'slack:U' || n % 500, '{}', '{}', 'slack', 'T1', \
    'C' || n % 50, CASE WHEN n % 10 = 0 THEN '' ELSE n::text END, CASE WHEN n % 10 = 0 THEN 1 ELSE 0 END, '{}', n, \
    CASE WHEN n % 20 = 0 THEN 'new' ELSE 'closed' END, CASE WHEN n % 20 = 0 THEN 'open' ELSE 'over' END, '{}', NULL, NULL, 'P4', n, n, NULL, NULL, 1 \
    FROM generate_series(1, 20000) AS n; \
    INSERT INTO conversations SELECT 'slack', 'T1', 'C' || n % 50, n::text, n, 'request' FROM generate_series(1, \
    20000) AS n; \
    INSERT INTO messages (ticket_id, platform, tenant, channel, message, author_json, voice, at_ms, text) SELECT \
    n, 'slack', 'T1', 'C' || n % 50, n::text, '{}', 'requester', n, 'x' FROM generate_series(1, 20000) AS n; \
    INSERT INTO standing (subject_kind, subject_id, view, slot, part, place_channel, place_root, place_json, platform, \
    tenant, channel, message) SELECT 'ticket', n::text, v, n::text, 0, 'C9', '', '{}', 'slack', 'T1', 'C9', v || n \
    FROM generate_series(1, 20000) AS n, unnest(ARRAY['card', 'lines', 'said']) AS v; \
    INSERT INTO audit (subject_kind, subject_id, at_ms, act, fields_json) SELECT 'ticket', n::text, n, 'x', '[]' \
    FROM generate_series(1, 20000) AS n; \
    INSERT INTO skipped_mentions SELECT 'slack', 'T1', 'C1', n::text, '{}', '{}', n, 'x' FROM generate_series(1, 20000) AS \
    n; \
    INSERT INTO drafts SELECT n::text, 'slack:U1', 'x:', '{}', 0, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO articles SELECT n, 'KB-' || n, CASE WHEN n % 3 = 0 THEN 'draft' ELSE 'published' END, '{}', NULL, NULL, NULL, \
    NULL, NULL, n || '.md', NULL, 1, n, n, n, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO article_versions SELECT n, 1, '{}', NULL, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO suggestions SELECT n, '{}', 1, n, NULL, NULL FROM generate_series(1, 20000) AS n; \
    INSERT INTO outages SELECT n, 'MI-' || n, CASE WHEN n % 100 = 0 THEN 'investigating' ELSE 'resolved' END, 'low', '{}', \
    'slack:U1', '{}', 1, n, n, CASE WHEN n % 100 = 0 THEN NULL ELSE n END FROM generate_series(1, 20000) AS n; \
    INSERT INTO followed_services (service, place_json, at_ms) SELECT 's' || n % 20, 'p' || n, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO channels (platform, tenant, channel, name, access, told_at_ms) SELECT 'slack', 'T' || n % 20, 'C' || n, 'c' || n, \
    CASE WHEN n % 100 = 0 THEN 'closed' ELSE 'open' END, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO article_marks SELECT n, 'shown', n, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO timers SELECT 'ticket', n::text, 'auto_close', 0, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO seen SELECT n::text, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO effects (id, subject_kind, subject_id, outlet, lane, gate, order_key, kind, what_json, state, due_at_ms, \
    created_at_ms, leased_at_ms, lease_until_ms, tried_at_ms, settled_at_ms, last_error, held_in, held_at_ms) SELECT \
    lpad(n::text, 26, '0'), 'ticket', n::text, 'slack', n % 5, 'C' || n % 50, 'k' || n / 3, 'say', '{}', s, n, n, \
    CASE WHEN s = 'leased' THEN n END, CASE WHEN s = 'leased' THEN n END, n, CASE WHEN s IN ('done', 'failed') THEN n \
    END, CASE WHEN s IN ('failed', 'held') THEN 'x' END, CASE WHEN s = 'held' THEN 'C' || n % 50 END, CASE WHEN s = \
    'held' THEN n END FROM (SELECT n, CASE WHEN n % 4 = 0 THEN 'pending' WHEN n % 100 = 1 THEN 'leased' WHEN n % 100 = \
    2 THEN 'failed' WHEN n % 100 = 3 THEN 'held' ELSE 'done' END AS s FROM generate_series(1, 20000) AS n) AS made; \
    INSERT INTO dead_events SELECT n::text, '{}', 'x', 1, n FROM generate_series(1, 20000) AS n; \
    INSERT INTO positions SELECT 'slack', 'T' || n % 100, n::text, '1' FROM generate_series(1, 20000) AS n; \
    INSERT INTO holds SELECT n::text, 'x', n FROM generate_series(1, 2000) AS n; \
    ANALYZE;";
/// The types of the parameters of `ENQUEUE_VIEW`. PostgreSQL cannot infer the type of a parameter that is only
/// selected.
const TYPES_OF_AN_EFFECT: &str =
    "(text, text, text, text, bigint, text, text, text, text, bigint, bigint, bigint, bigint, text)";

/// Returns every SQL text of the store itself.
pub fn of_the_store() -> Vec<(&'static str, Text)> {
    let own = [
        audit::TEXTS,
        channels::TEXTS,
        dead::TEXTS,
        keys::TEXTS,
        memory::TEXTS,
        positions::TEXTS,
        sqlite::TEXTS,
        standing::TEXTS,
        timers::TEXTS,
    ];
    [own.concat(), outbox::texts()].concat()
}

/// Checks SQLite's plan for each of these texts.
pub async fn hold_on_sqlite(texts: &[(&str, Text)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let store = SqliteStore::open(&path, Clock::system()).await.expect("it opens");
    let mut conn = SqliteConnectOptions::new().filename(&path).connect().await.expect("a connection");
    let mut told = 0;
    for (name, text) in texts {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", text.sqlite));
        let plan: Vec<SqliteRow> = sqlx::query(explain).fetch_all(&mut conn).await.expect(name);
        for step in plan {
            let step: String = step.get("detail");
            told += 1;
            // These steps scan no table, only rows that the statement itself contains or computes.
            if ["SCAN CONSTANT ROW", "SCAN v", "SCAN g"].contains(&step.as_str()) || step.starts_with("SCAN json_each ")
            {
                continue;
            }
            let allowed = ALONG_ON_SQLITE.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, along)| along);
            assert!(
                !step.starts_with("SCAN") || allowed.iter().any(|index| step.contains(index)),
                "{name} reads a whole table: {step}"
            );
            assert!(!step.contains("TEMP B-TREE") || MAY_SORT.contains(name), "{name} sorts without an index: {step}");
        }
    }
    assert!(told > 30, "only {told} steps were looked at");
    store.close().await;
}

/// Checks PostgreSQL's plan for each of these texts, if a database is available.
pub async fn hold_on_postgres(texts: &[(&str, Text)]) {
    let Some(url) = super::cluster::database().await else { return };
    let store = PostgresStore::open(&PostgresSettings::new(&url)).await.expect("it opens");
    let mut conn = PgConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql(YEARS).execute(&mut conn).await.expect("years");
    // PostgreSQL scans small tables as a whole and joins them by hash or merge, which it would not do with large
    // tables. So these kinds of plans are switched off.
    let setup = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
                 SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(setup).execute(&mut conn).await.expect("settings");
    // Texts that only SQLite uses are left out.
    let is_asked = |name: &str| !sqlite::TEXTS.iter().any(|(known, _)| *known == name);
    for (name, text) in texts.iter().filter(|(name, _)| is_asked(name)) {
        let text = text.postgres;
        let parameters = (1..).take_while(|number| text.contains(&format!("${number}"))).count();
        let nulls = vec!["NULL"; parameters].join(", ");
        let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
        let types = if *name == "ENQUEUE_VIEW" { TYPES_OF_AN_EFFECT } else { "" };
        let prepare = AssertSqlSafe(format!("PREPARE asked {types} AS {text}"));
        sqlx::raw_sql(prepare).execute(&mut conn).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let explain = AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE asked{nulls}"));
        let row = sqlx::raw_sql(explain).fetch_one(&mut conn).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let plan: Value = row.try_get(0).expect("a plan");
        look(name, &plan[0]["Plan"]);
        sqlx::raw_sql("DEALLOCATE asked").execute(&mut conn).await.expect("forgotten");
    }
    store.close().await;
}

fn look(name: &str, step: &Value) {
    let kind = step["Node Type"].as_str().unwrap_or_default();
    let index = step["Index Name"].as_str().unwrap_or_default();
    if !WHOLE_TABLE.contains(&name) {
        assert_ne!(kind, "Seq Scan", "{name} reads a whole table: {step:#}");
        let along = ALONG_ON_POSTGRES.contains(&(name, index));
        let is_index = kind.contains("Index");
        assert!(!is_index || along || step.get("Index Cond").is_some(), "{name} scans a whole index: {step:#}");
    }
    for part in step["Plans"].as_array().into_iter().flatten() {
        look(name, part);
    }
}

/// Checks that the parameters of each `VALUES` row are numbered in order: a merged statement numbers the parameters of
/// further rows by counting on.
pub fn hold_in_order(texts: &[(&str, Text)]) {
    let mut told = 0;
    for (name, text) in texts {
        for text in [text.sqlite, text.postgres] {
            let Some((_, row, _)) = around_row(text) else { continue };
            let numbers = row.split('$').skip(1).map(|part| part.chars().take_while(char::is_ascii_digit).collect());
            let numbers: Vec<String> = numbers.collect();
            let expected: Vec<String> = (1..=numbers.len()).map(|number| number.to_string()).collect();
            assert_eq!(numbers, expected, "{name}");
            told += 1;
        }
    }
    assert!(told > 20, "only {told} have rows");
}
