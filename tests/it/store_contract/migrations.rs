//! The schema's steps: the same on both databases, and replayed over data.

use std::path::Path;
use std::sync::Arc;

use deskbell::domain::effect::EffectKind;
use deskbell::domain::ids::PlatformName;
use deskbell::store::sqlite::SqliteStore;
use deskbell::store::{Settlement, Store, TAKE_OVER_PAUSE};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, Executor as _};

use super::kit::*;
use crate::looks::Looks as _;

/// What a bot of the first schema leaves behind: a ticket, an effect that was being delivered, a line that stands under a
/// card, and one that waits.
const DATA: &str = "INSERT INTO tickets (id, key, number, kind, title, requester, requester_json, opened_by_json, \
    origin_platform, origin_tenant, origin_channel, origin_root, private, origin_message_json, opened_at_ms, status, \
    status_json, impact, urgency, priority, active_at_ms, version) VALUES (1, 'IT-1001', 1001, 'incident', 'printer', \
    'slack:U1', '{\"who\":\"slack:U1\",\"name\":\"Jeff\"}', '{\"who\":\"slack:U1\",\"name\":\"Jeff\"}', 'slack', 'T1', \
    'C1', '1.0', 0, '{\"tenant\":{\"platform\":\"slack\",\"id\":\"T1\"},\"channel\":\"C1\",\"id\":\"1.0\"}', 5, 'new', \
    '{\"is\":\"new\"}', 'medium', 'medium', 'P3', 5, 1); \
    INSERT INTO effects (id, ticket_id, platform, lane, order_key, kind, what_json, state, due_at_ms, created_at_ms, \
    leased_at_ms) VALUES ('01ARZ3NDEKTSV4RRFFQ69G5FAV', 1, 'slack', 2, 'card:1', 'show_card', \
    '{\"show_card\":{\"channel\":{\"tenant\":{\"platform\":\"slack\",\"id\":\"T1\"},\"at\":{\"channel\":{\"channel\":\
    \"C9\"}}}}}', 'leased', 5, 5, 5); \
    INSERT INTO standing (ticket_id, card, place_channel, place_json, platform, tenant, channel, message, mirrors_json) \
    VALUES (1, 0, 'C9', '{\"tenant\":{\"platform\":\"slack\",\"id\":\"T1\"},\"at\":{\"thread\":{\"channel\":\"C9\",\
    \"root\":\"9.1\"}}}', 'slack', 'T1', 'C9', '9.2', '{\"tenant\":{\"platform\":\"slack\",\"id\":\"T1\"},\
    \"channel\":\"C1\",\"id\":\"1.1\"}'); \
    INSERT INTO effects (id, ticket_id, platform, lane, order_key, kind, what_json, state, due_at_ms, created_at_ms) \
    VALUES ('01ARZ3NDEKTSV4RRFFQ69G5FAW', 1, 'slack', 3, 'card:1:slack:C9', 'post', '{\"post\":{\"to\":{\"under_card\":\
    {\"tenant\":{\"platform\":\"slack\",\"id\":\"T1\"},\"at\":{\"channel\":{\"channel\":\"C9\"}}}},\"message\":\
    {\"lines\":[[{\"quoted\":\"Jeff\"},{\"said\":\": \"},{\"quoted\":\"it smokes\"}]]},\"awaited\":null,\"mirrors\":\
    {\"tenant\":{\"platform\":\"slack\",\"id\":\"T1\"},\"channel\":\"C1\",\"id\":\"1.2\"},\"thread_title\":\"IT-1001\",\
    \"urgency\":\"note\"}}', 'pending', 5, 5);";

#[test]
fn steps_are_paired() {
    let names = |database: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(names("sqlite").len() >= 2);
}

#[tokio::test]
async fn later_steps_keep_what_was_there_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    steps("sqlite").await.run_to(1, &mut conn).await.expect("the first step");
    conn.execute(sqlx::raw_sql(DATA)).await.expect("data");
    conn.close().await.expect("it closes");
    let store = SqliteStore::open(&path, clock()).await.expect("it opens");
    is_kept(store).await;
}

#[tokio::test]
async fn later_steps_keep_what_was_there_on_postgres() {
    let Some(url) = crate::postgres::database().await else { return };
    let mut conn = sqlx::PgConnection::connect(&url).await.expect("a connection");
    steps("postgres").await.run_to(1, &mut conn).await.expect("the first step");
    conn.execute(sqlx::raw_sql(DATA)).await.expect("data");
    conn.close().await.expect("it closes");
    is_kept(open_postgres(&url).await).await;
}

async fn is_kept(store: Arc<dyn Store>) {
    let ticket = store.ticket_by_key(&"IT-1001".parse().expect("a key")).await.expect("an answer").expect("a ticket");
    assert_eq!(ticket.title, "printer");
    let line = due(&store, 0).await.remove(0);
    let EffectKind::Post { mirrors, .. } = &line.effect.what else { panic!("{line:?}") };
    assert_eq!(mirrors, &[message("C1", "1.2")], "a line of an earlier version");
    let stands = store.mirrors(&message("C1", "1.1")).await.expect("it stands");
    assert_eq!(stands.len(), 1);
    assert_eq!((stands[0].message.clone(), &stands[0].mirrors), (message("C9", "9.2"), &vec![message("C1", "1.1")]));
    // What is said now is joined to it.
    write(&store, [], [about(&ticket, line_under("C9", "1.3", "still"))]).await;
    assert_eq!(texts_of(&store, &line.id).await, ["it smokes", "still"]);
    deliver(&store, Settlement::Done).await;
    assert_eq!(due(&store, 0).await, [], "it may still be under way");
    assert_eq!(store.take_over(&worker(), PlatformName::Slack, TAKE_OVER_PAUSE, at(0)).await.expect("an answer"), 1);
    let waiting = due(&store, 0).await;
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].is_unsure(), "whoever delivered it may have done so");
    store.close().await;
}

async fn steps(database: &str) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    Migrator::new(folder).await.expect("steps")
}
