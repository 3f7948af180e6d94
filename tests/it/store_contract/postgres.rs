//! Several processes on one PostgreSQL, and databases that are refused.

use std::collections::HashSet;
use std::sync::Arc;

use deskbell::desk::decision::Change;

use deskbell::desk::conversation::state::Voice;
use deskbell::domain::event::EventKind;
use deskbell::domain::ids::TicketId;
use deskbell::domain::outcome::Outcome;
use deskbell::intake::Intake;
use deskbell::store::postgres::{OpenError, PostgresStore};
use deskbell::store::{Claim, Sequence, Store, StoreError, Work, WorkerId};
use futures_util::future::join_all;
use sqlx::Connection as _;
use tokio::sync::Notify;

use super::kit::*;
use crate::harness::patiently;
use crate::looks::{ReadRecord as _, WriteRecord as _};

#[tokio::test]
async fn an_event_that_comes_to_every_replica_at_once_has_one_outcome() {
    let Some((url, replicas)) = replicas(2).await else { return };
    let event = mention("U1", "1.5", "my printer is on fire");
    let outcomes = join_all((0..16).map(|number| replicas[number % 2].handle(event.clone()))).await;
    let outcomes: Vec<&str> = outcomes.iter().map(|outcome| outcome.as_ref().expect("it is handled").name()).collect();
    assert_eq!(outcomes.iter().filter(|name| **name == "opened").count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|name| **name == "repeated").count(), 15, "{outcomes:?}");
    assert_eq!(open_postgres(&url).await.total().await.expect("an answer"), 1);
}

#[tokio::test]
async fn first_messages_of_one_person_at_once_open_one_ticket() {
    let Some((url, replicas)) = replicas(2).await else { return };
    let burst = (0..8).map(|number| mention("U1", &format!("1.{number}"), &format!("words {number}")));
    let handled = burst.enumerate().map(|(number, event)| replicas[number % 2].handle(event));
    for outcome in join_all(handled).await {
        let name = outcome.expect("it is handled").name();
        assert!(name == "opened" || name == "merged", "{name}");
    }
    let store = open_postgres(&url).await;
    assert_eq!(store.tickets(None, 10).await.expect("tickets").len(), 1);
    assert_eq!(store.records(TicketId(1)).await.expect("records").len(), 8, "nothing is lost");
}

#[tokio::test]
async fn many_at_one_ticket_are_all_heard() {
    let Some((url, replicas)) = replicas(2).await else { return };
    replicas[0].handle(mention("U0", "1.0", "the network is down")).await.expect("it is handled");
    let thread = channel("C1").thread("1.0");
    let replies = (1..=20).map(|number| {
        let mut event = mention(&format!("U{number}"), &format!("1.{number}"), "here, too");
        if let EventKind::MessagePosted(said) = &mut event.what {
            said.place = thread.clone();
        }
        replicas[number % 2].handle(event)
    });
    for outcome in join_all(replies).await {
        assert_eq!(outcome.expect("it is handled").name(), "recorded");
    }
    assert_eq!(open_postgres(&url).await.records(TicketId(1)).await.expect("records").len(), 21);
}

#[tokio::test]
async fn numbers_are_given_once_though_works_fail() {
    let Some(url) = crate::postgres::database().await else { return };
    let store = open_postgres(&url).await;
    let opening = |number: i64| -> Work {
        Arc::new(move |tx| {
            Box::pin(async move {
                let ticket = ticket(tx.next(Sequence::Tickets).await?, &channel("C1"), "U1", at(0));
                tx.apply(&Change::Open(Box::new(ticket.clone())))?;
                match number % 3 {
                    0 => Err(StoreError::Conflict),
                    1 => Err(StoreError::Work("a fault".to_owned())),
                    _ => Ok(Outcome::Opened(ticket.key)),
                }
            })
        })
    };
    join_all((0..60).map(|number| store.transact(opening(number)))).await;
    join_all((0..30).map(|_| store.transact(opening(2)))).await;
    let ids: HashSet<i64> = store.tickets(None, 100).await.expect("tickets").iter().map(|ticket| ticket.id.0).collect();
    assert_eq!(ids.len(), 50, "every committed transaction has a number of its own");
    assert!(ids.iter().all(|id| (1..=90).contains(id)), "{ids:?}");
}

#[tokio::test]
async fn a_number_that_is_somebody_elses_is_not_tried_for_ever() {
    let Some(url) = crate::postgres::database().await else { return };
    let (one, other) = (open_postgres(&url).await, open_postgres(&url).await);
    // The other process takes a number without drawing it from the sequence, as another version of the program might.
    opened(&other, 1, &channel("C1"), "U1", at(0)).await;
    let opening: Work = Arc::new(|tx| {
        Box::pin(async move {
            let ticket = ticket(tx.next(Sequence::Tickets).await?, &channel("C1"), "U1", at(0));
            tx.apply(&Change::Open(Box::new(ticket)))?;
            Ok(Outcome::Done(None))
        })
    });
    assert!(matches!(one.transact(Arc::clone(&opening)).await, Err(StoreError::Conflict)));
    one.transact(opening).await.expect("the next one is free");
    assert_eq!(one.total().await.expect("an answer"), 2);
}

#[tokio::test]
async fn an_effect_is_leased_by_one_of_many() {
    let Some(url) = crate::postgres::database().await else { return };
    let stores = join_all((0..3).map(|_| open_postgres(&url))).await;
    let ticket = opened(&stores[0], 1, &channel("C1"), "U1", at(0)).await;
    let effects = (0..30).map(|number| about(&ticket, show_card(&format!("C{number}"))));
    write(&stores[0], [], effects).await;
    let claims: Vec<Claim> = due(&stores[0], 0).await.iter().map(|queued| claim(&queued.id)).collect();
    let leases = stores.iter().cycle().take(9).map(|store| {
        let (store, claims) = (Arc::clone(store), claims.clone());
        async move { store.lease(&WorkerId::new(), &claims, LONG).await.expect("an answer") }
    });
    let leased: Vec<_> = join_all(leases).await.into_iter().flatten().collect();
    assert_eq!(leased.len(), 30);
    assert_eq!(leased.into_iter().collect::<HashSet<_>>().len(), 30);
}

#[tokio::test]
async fn lines_that_are_being_joined_are_not_leased_without_them() {
    let Some(url) = crate::postgres::database().await else { return };
    let (one, other) = (open_postgres(&url).await, open_postgres(&url).await);
    let ticket = opened(&one, 1, &channel("C1"), "U1", at(0)).await;
    let line = |of: &str| about(&ticket, line_under("C9", of, 10));
    write(&one, [], [line("1.1")]).await;
    let found = due(&other, 0).await.remove(0);
    let as_found = claim(&found.id);
    let by = WorkerId::new();
    let lease = || other.lease(&by, std::slice::from_ref(&as_found), LONG);

    // A line is joined but not committed: a dispatcher gets no lease of the effect.
    let (joined, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let work: Work = {
        let (joined, go_on, line) = (Arc::clone(&joined), Arc::clone(&go_on), line("1.2"));
        Arc::new(move |tx| {
            let (joined, go_on, line) = (Arc::clone(&joined), Arc::clone(&go_on), line.clone());
            Box::pin(async move {
                tx.enqueue(&line, at(0)).await?;
                joined.notify_one();
                go_on.notified().await;
                Ok(Outcome::Done(None))
            })
        })
    };
    let joining = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.transact(work).await }
    });
    patiently("it is joined", joined.notified()).await;
    assert_eq!(lease().await.expect("an answer"), []);
    go_on.notify_one();
    patiently("it is committed", joining).await.expect("it ends").expect("it is committed");
    assert_eq!(lease().await.expect("an answer"), [], "the effect was read before the line was joined");
    assert_eq!(shown_by(&other, &found.id).await, ["1.1", "1.2"]);
    lease_as_it_is(&other, &found.id).await;

    // The effect is leased: the next line is an effect of its own.
    write(&one, [], [line("1.3")]).await;
    assert_eq!(one.counts().await.expect("counts").waiting, 2);
}

#[tokio::test]
async fn what_one_queues_wakes_the_others() {
    let Some(url) = crate::postgres::database().await else { return };
    let (one, other) = (open_postgres(&url).await, open_postgres(&url).await);
    let mut changed = other.changed();
    let ticket = opened(&one, 1, &channel("C1"), "U1", at(0)).await;
    write(&one, [], [about(&ticket, show_card("C9"))]).await;
    patiently("the other one is woken", async { changed.changed().await.expect("it lives") }).await;
}

#[tokio::test]
async fn order_is_the_databases_whoever_queues() {
    let Some(url) = crate::postgres::database().await else { return };
    let (one, other) = (open_postgres(&url).await, open_postgres(&url).await);
    let ticket = opened(&one, 1, &channel("C1"), "U1", at(0)).await;
    let mut ids = Vec::new();
    for number in 0..12 {
        let place = channel("C1").thread(&number.to_string());
        let store = if number % 2 == 0 { &one } else { &other };
        write(store, [], [about(&ticket, said(place, "x", deskbell::domain::effect::Lane::Answer))]).await;
        let newest = due(&one, 0).await.into_iter().map(|queued| queued.id).max().expect("one waits");
        assert_eq!(newest.0.len(), 26);
        ids.push(newest);
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[tokio::test]
async fn words_with_characters_that_the_database_does_not_know_are_kept() {
    let Some(url) = crate::postgres::database().await else { return };
    let store = open_postgres(&url).await;
    let mut ticket = ticket(1, &channel("C1"), "U1", at(0));
    ticket.title = "nul\0title".to_owned();
    ticket.requester.name = "nul\0name".to_owned();
    let said = record(ticket.id, "1.1", Voice::Requester, at(1), "nul\0words 🖨️");
    write(&store, [Change::Open(Box::new(ticket)), Change::Record(said)], []).await;
    let ticket = store.ticket(TicketId(1)).await.expect("an answer").expect("a ticket");
    assert_eq!((ticket.title.as_str(), ticket.requester.name.as_str()), ("nul\u{fffd}title", "nul\0name"));
    assert_eq!(store.records(TicketId(1)).await.expect("records")[0].text, "nul\u{fffd}words 🖨️");
}

#[tokio::test]
async fn replicas_that_start_together_migrate_once() {
    let Some(url) = crate::postgres::database().await else { return };
    let stores = join_all((0..4).map(|_| open_postgres(&url))).await;
    for store in &stores {
        store.ping().await.expect("it can be written to");
    }
}

#[tokio::test]
async fn a_reader_stands_beside_them_and_writes_nothing() {
    let Some(url) = crate::postgres::database().await else { return };
    let empty = PostgresStore::open_read_only(&postgres(&url)).await;
    assert!(matches!(empty, Err(OpenError::Older)), "{empty:?}");
    let store = open_postgres(&url).await;
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let reader: Arc<dyn Store> = PostgresStore::open_read_only(&postgres(&url)).await.expect("it may be read");
    assert_eq!(reader.tickets(None, 10).await.expect("tickets"), [ticket]);
    assert!(matches!(reader.ping().await, Err(StoreError::Away(_))));
    assert!(matches!(reader.transact(applying(vec![], vec![])).await, Err(StoreError::Away(_))));
    let claim = claim(&deskbell::domain::ids::EffectId("x".to_owned()));
    assert!(matches!(reader.lease(&worker(), &[claim], LONG).await, Err(StoreError::Away(_))));
    assert!(matches!(reader.take_lease("x", &worker(), LONG).await, Err(StoreError::Away(_))));
}

#[tokio::test]
async fn databases_of_others_and_of_later_versions_are_left_alone() {
    let Some(url) = crate::postgres::database().await else { return };
    let mut conn = sqlx::PgConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql("CREATE TABLE recipes (name TEXT)").execute(&mut conn).await.expect("another program's table");
    let foreign = PostgresStore::open(&postgres(&url)).await;
    assert!(matches!(foreign, Err(OpenError::Foreign(_))), "{foreign:?}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let count: i64 = sqlx::query_scalar(tables).fetch_one(&mut conn).await.expect("a count");
    assert_eq!(count, 1, "nothing was touched");
    sqlx::raw_sql("DROP TABLE recipes").execute(&mut conn).await.expect("it is gone");
    open_postgres(&url).await.close().await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9000, 'later', true, '\\x00', 0)";
    sqlx::raw_sql(later).execute(&mut conn).await.expect("a later step");
    for result in [PostgresStore::open(&postgres(&url)).await, PostgresStore::open_read_only(&postgres(&url)).await] {
        assert!(matches!(result, Err(OpenError::Newer { found: 9000, .. })), "{result:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_said_without_the_password() {
    for url in ["postgres://desk:s3cret-word@127.0.0.1:1/desk", "postgres://desk:s3cret-word@[nowhere/desk"] {
        let error = PostgresStore::open(&postgres(url)).await.expect_err("nobody is there");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        assert!(matches!(error, OpenError::Away(_) | OpenError::Address(_)), "{error:?}");
    }
}

/// Returns the URL of a new database, and the intakes of so many replicas on it.
async fn replicas(count: usize) -> Option<(String, Vec<Intake>)> {
    let url = crate::postgres::database().await?;
    let mut replicas = Vec::new();
    for _ in 0..count {
        replicas.push(intake(open_postgres(&url).await));
    }
    Some((url, replicas))
}
