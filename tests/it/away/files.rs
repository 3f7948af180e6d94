//! A database file that is not to be used: the program says why, ends, and changes no byte of the file.

use deskbell::sandbox::stage::Platforms;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::program::Site;

#[tokio::test]
async fn what_is_not_the_programs_own_is_refused_and_left_as_it_was() {
    let site = Site::open(Platforms::BOTH, "").await;
    refused(&site, "is no database", Some(b"what somebody wrote down".to_vec())).await;
    let spoilt = b"SQLite format 3\0 and then something else, long enough to look like a page of a database".repeat(60);
    refused(&site, "is no database", Some(spoilt)).await;

    std::fs::remove_file(site.path("desk.db")).expect("it is there");
    write(&site, "CREATE TABLE recipes (name TEXT)").await;
    refused(&site, "it belongs to another program", None).await;

    std::fs::remove_file(site.path("desk.db")).expect("it is there");
    site.run("migrate").await.succeeded();
    let whole = std::fs::read(site.path("desk.db")).expect("it is there");
    write(
        &site,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', true, x'00', 0)",
    )
    .await;
    refused(&site, "a newer version of this program", None).await;

    // The file is cut off after its first page.
    refused(&site, "desk.db", Some(whole[..4_096.min(whole.len())].to_vec())).await;

    std::fs::remove_file(site.path("desk.db")).expect("it is there");
    std::fs::create_dir(site.path("desk.db")).expect("a folder");
    let ended = site.run("serve").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("cannot be opened"), "{}", ended.err);
    assert_eq!(std::fs::read_dir(site.path("desk.db")).expect("it is a folder").count(), 0);
    site.stage.close().await;
}

/// Writes `content` in place of the database, if it is given, and asserts that the program refuses the file and says
/// why.
async fn refused(site: &Site, why: &str, content: Option<Vec<u8>>) {
    let file = site.path("desk.db");
    if let Some(content) = content {
        std::fs::write(&file, content).expect("written");
    }
    let before = std::fs::read(&file).expect("it is there");
    let ended = site.run("serve").await;
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let last = ended.err.lines().last().unwrap_or_default();
    assert!(last.contains("desk.db") && last.contains(why), "{last}");
    assert!(std::fs::read(&file).expect("it is there") == before, "{why}: it was touched");
}

async fn write(site: &Site, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(site.path("desk.db")).create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options).await.expect("it opens");
    sqlx::raw_sql(statement).execute(&mut conn).await.expect("it is written");
    conn.close().await.expect("it closes");
}
