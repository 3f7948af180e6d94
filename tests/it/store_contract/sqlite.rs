//! The database file: a crash, a second owner, a newer schema, other files, damage, and deleted words.

use std::sync::Arc;
use std::time::Duration;

use deskbell::desk::conversation::state::Voice;
use deskbell::desk::decision::Change;
use deskbell::domain::effect::Lane;
use deskbell::domain::ids::PlatformName;
use deskbell::store::sqlite::{OpenError, SqliteStore};
use deskbell::store::{Settlement, Store, StoreError, TAKE_OVER_PAUSE, WorkerId};

use super::kit::*;
use crate::looks::ReadRecord as _;

#[tokio::test]
async fn after_a_crash_nothing_is_lost_and_leases_are_unsure() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let store = open(&path).await;
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let to = |root: &str| about(&ticket, said(channel("C1").thread(root), root, Lane::Answer));
    write(&store, [], [to("1"), to("2")]).await;
    let leased = due(&store, 0).await.remove(0);
    lease(&store, std::slice::from_ref(&leased.id)).await;
    drop(store);

    // The writer releases the lock once it has noticed that the store was dropped.
    let store = loop {
        match SqliteStore::open(&path, clock()).await {
            Ok(store) => break store as Arc<dyn Store>,
            Err(OpenError::Locked(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(store.ticket(ticket.id).await.expect("an answer"), Some(ticket.clone()));
    assert_eq!(due(&store, 0).await.len(), 1, "its last call may still be under way");
    let own = store
        .take_over(&worker(), PlatformName::Slack, TAKE_OVER_PAUSE, Duration::ZERO, at(0))
        .await
        .expect("an answer");
    assert_eq!(own, 0, "a worker does not take over its own leases, whatever the machine's clock says");
    let early = store
        .take_over(&WorkerId::new(), PlatformName::Slack, TAKE_OVER_PAUSE + LONG, Duration::ZERO, at(0))
        .await
        .expect("an answer");
    assert_eq!(early, 0);
    assert_eq!(
        store
            .take_over(&WorkerId::new(), PlatformName::Slack, Duration::ZERO, TAKE_OVER_PAUSE, at(0))
            .await
            .expect("an answer"),
        1
    );
    let waiting = due(&store, 0).await;
    // The dead owner may have sent it just before this process started, whatever the pause of a take-over.
    assert_eq!(waiting[0].unsure_at, Some(at(0)));
    assert_eq!(waiting.iter().map(|queued| queued.is_unsure()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(waiting[0].id, leased.id);
    write(&store, [], [to("3")]).await;
    let newest = due(&store, 0).await.into_iter().map(|queued| queued.id).max();
    assert!(newest > waiting.into_iter().map(|queued| queued.id).max(), "ids go on growing");
    store.close().await;
}

#[tokio::test]
async fn one_process_owns_the_file_and_others_may_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let missing = SqliteStore::open_read_only(&path).await;
    assert!(matches!(missing, Err(OpenError::Missing(_))), "{missing:?}");
    let owner = open(&path).await;
    let ticket = opened(&owner, 1, &channel("C1"), "U1", at(0)).await;
    let second = SqliteStore::open(&path, clock()).await;
    assert!(matches!(second, Err(OpenError::Locked(_))), "{second:?}");
    let reader: Arc<dyn Store> = SqliteStore::open_read_only(&path).await.expect("it may be read");
    assert_eq!(reader.tickets(None, 10).await.expect("tickets"), std::slice::from_ref(&ticket));
    assert!(matches!(reader.ping().await, Err(StoreError::Away(_))));
    assert!(matches!(reader.transact(applying(vec![], vec![])).await, Err(StoreError::Away(_))));
    reader.close().await;
    owner.close().await;
    let owner = open(&path).await;
    assert_eq!(owner.ticket(ticket.id).await.expect("an answer"), Some(ticket));
    owner.close().await;
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    open(&path).await.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9000, 'later', 1, x'00', 0)";
    sqlx::query(later).execute(&mut conn).await.expect("a later step");
    conn.close().await.expect("it closes");
    let before = std::fs::read(&path).expect("a file");
    for result in [SqliteStore::open(&path, clock()).await, SqliteStore::open_read_only(&path).await] {
        assert!(matches!(result, Err(OpenError::Newer { found: 9000, .. })), "{result:?}");
    }
    assert!(std::fs::read(&path).expect("a file") == before, "nothing was touched");
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_left_alone() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let mut damaged = b"SQLite format 3\0".to_vec();
    damaged.resize(8_192, 0xA5);
    for content in [b"Dear diary".to_vec(), vec![0; 4_096], damaged] {
        std::fs::write(&path, &content).expect("a file");
        for result in [SqliteStore::open(&path, clock()).await, SqliteStore::open_read_only(&path).await] {
            assert!(matches!(result, Err(OpenError::Corrupt { .. })), "{result:?}");
        }
        assert!(std::fs::read(&path).expect("a file") == content, "nothing was touched");
    }
    std::fs::remove_file(&path).expect("it is removed");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    sqlx::query("CREATE TABLE recipes (name TEXT)").execute(&mut conn).await.expect("another program's table");
    conn.close().await.expect("it closes");
    let result = SqliteStore::open(&path, clock()).await;
    assert!(matches!(result, Err(OpenError::Corrupt { .. })), "{result:?}");
    let result = SqliteStore::open(folder.path(), clock()).await;
    assert!(matches!(result, Err(OpenError::Io { .. })), "{result:?}");
}

#[tokio::test]
async fn deleted_and_delivered_words_are_not_in_the_file_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let store = open(&path).await;
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    // The words are long enough to fill pages of their own.
    let words = "xylophone-secret ".repeat(700);
    write(
        &store,
        [Change::Record(record(ticket.id, "1.1", Voice::Requester, at(1), &words))],
        [about(&ticket, said(channel("C1").thread("1.1"), &words, Lane::Answer))],
    )
    .await;
    write(&store, [Change::Erase { message: message("C1", "1.1"), at: at(2) }], []).await;
    lease_and_settle(&store, Settlement::Done).await;
    store.close().await;
    let bytes = std::fs::read(&path).expect("a file");
    assert!(!bytes.windows(16).any(|window| window == b"xylophone-secret"), "the words are still there");
}
