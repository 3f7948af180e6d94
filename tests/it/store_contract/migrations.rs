//! The migrations: both databases have the same steps, and a database with an older schema is refused.

use std::path::Path;

use deskbell::store::Store as _;
use deskbell::store::postgres::PostgresStore;
use deskbell::store::sqlite::SqliteStore;
use sqlx::{Connection as _, Executor as _};

use super::kit::*;

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
    assert_eq!(names("sqlite").len(), 1, "before the first release there is one step");
}

/// A database as the program made it before its first release.
const OLDER: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, \
    execution_time BIGINT NOT NULL); \
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
    VALUES (1, 'desk', TRUE, 'another', 1); \
    CREATE TABLE tickets (id BIGINT NOT NULL PRIMARY KEY); INSERT INTO tickets VALUES (1);";
const REFUSED: &str = "is from before the first release of this program, and cannot be brought up to date";

#[tokio::test]
async fn an_older_shape_is_refused_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    conn.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(OLDER.replace("BYTEA", "BLOB")))).await.expect("an older shape");
    for opened in [
        SqliteStore::open(&path, clock()).await,
        SqliteStore::open_beside(&path, clock()).await,
        SqliteStore::open_read_only(&path).await,
    ] {
        let refused = opened.expect_err("it is refused").to_string();
        assert!(refused.contains(REFUSED) && refused.contains("desk.db"), "{refused}");
    }
    let tickets: i64 = sqlx::query_scalar("SELECT count(*) FROM tickets").fetch_one(&mut conn).await.expect("a count");
    assert_eq!(tickets, 1, "nothing in it was changed");
}

#[tokio::test]
async fn an_older_shape_is_refused_on_postgres() {
    let Some(url) = crate::postgres::database().await else { return };
    let mut conn = sqlx::PgConnection::connect(&url).await.expect("a connection");
    conn.execute(sqlx::raw_sql(OLDER)).await.expect("an older shape");
    for opened in [PostgresStore::open(&postgres(&url)).await, PostgresStore::open_read_only(&postgres(&url)).await] {
        let refused = opened.expect_err("it is refused").to_string();
        assert!(refused.contains(REFUSED), "{refused}");
    }
}

#[tokio::test]
async fn what_is_of_this_shape_is_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("desk.db");
    for _ in 0..2 {
        SqliteStore::open(&path, clock()).await.expect("it opens").close().await;
    }
}
