//! Orphans: effects, standing messages, timers and audit entries whose subject does not exist.
//!
//! A subject is two columns without a foreign key, so the schema does not prevent orphans. `Desk::end` looks for them.

use deskbell::config::DatabaseUrl;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::harness::{Desk, Setup};
use crate::postgres;

/// Selects all rows about a subject that does not exist, or of an unknown kind of subject.
const ORPHANS: &str = "
    SELECT s.held_as || ' about ' || s.subject_kind || ':' || s.subject_id
    FROM (SELECT 'effect' AS held_as, subject_kind, subject_id FROM effects
          UNION SELECT 'standing', subject_kind, subject_id FROM standing
          UNION SELECT 'timer', subject_kind, subject_id FROM timers
          UNION SELECT 'audit', subject_kind, subject_id FROM audit) AS s
    WHERE NOT (CASE s.subject_kind
        WHEN 'ticket' THEN EXISTS (SELECT 1 FROM tickets AS t WHERE CAST(t.id AS TEXT) = s.subject_id)
        WHEN 'article' THEN EXISTS (SELECT 1 FROM articles AS a WHERE CAST(a.id AS TEXT) = s.subject_id)
        WHEN 'outage' THEN EXISTS (SELECT 1 FROM outages AS o WHERE CAST(o.id AS TEXT) = s.subject_id)
        WHEN 'notice' THEN EXISTS (SELECT 1 FROM notices AS n WHERE n.name = s.subject_id)
        WHEN 'person' THEN s.subject_id LIKE '%:%'
        WHEN 'desk' THEN s.subject_id = ''
        ELSE 1 = 0 END)
    ORDER BY 1";

/// Returns the orphans of a database, as "table about subject".
pub async fn of(database: &DatabaseUrl) -> Vec<String> {
    if database.sqlite_path().is_some() {
        let mut raw = SqliteConnection::connect(database.expose()).await.expect("opened");
        sqlx::query_scalar(ORPHANS).fetch_all(&mut raw).await.expect("an answer")
    } else {
        let mut raw = PgConnection::connect(database.expose()).await.expect("opened");
        sqlx::query_scalar(ORPHANS).fetch_all(&mut raw).await.expect("an answer")
    }
}

#[tokio::test]
async fn what_is_about_nothing_is_found_on_sqlite() {
    check(None).await;
}

#[tokio::test]
async fn what_is_about_nothing_is_found_on_postgres() {
    if let Some(database) = postgres::database().await {
        check(Some(database)).await;
    }
}

async fn check(database: Option<String>) {
    let mut desk = Desk::open_with(Setup { database, ..Setup::default() }).await;
    let slack = desk.slack();
    desk.ask(&slack, "jeff", "@desk printer smokes").await;
    desk.press(&slack, "mia", "desk-triage", "Take it").await;
    let database = desk.config.database.url.clone();
    desk.stop().await;
    assert_eq!(of(&database).await, Vec::<String>::new());
    // Delete the ticket without the rows about it.
    let lose = "DELETE FROM messages; DELETE FROM conversations; DELETE FROM tickets";
    if database.sqlite_path().is_some() {
        let mut raw = SqliteConnection::connect(database.expose()).await.expect("opened");
        sqlx::raw_sql(lose).execute(&mut raw).await.expect("lost");
    } else {
        let mut raw = PgConnection::connect(database.expose()).await.expect("opened");
        sqlx::raw_sql(lose).execute(&mut raw).await.expect("lost");
    }
    assert_eq!(of(&database).await, ["audit about ticket:1", "effect about ticket:1", "standing about ticket:1"]);
    desk.stop_unchecked().await;
}
