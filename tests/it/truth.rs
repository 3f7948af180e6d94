//! What the bot says is true: a person whose act takes long is told so, and the act happens once; a timer follows the
//! settings; a title follows its message; a deleted file is gone; and a reply that nobody can read is not called sent.

use std::sync::Arc;
use std::time::Duration;

use deskbell::desk::tickets::state::Ticket;
use deskbell::sandbox::{MessageAt, Spot, World};
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection};

use crate::harness::{Desk, Setup, as_typed, on_both, patiently, see};
use crate::looks::ReadRecord as _;
use crate::platform_away::said;
use crate::postgres;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn ticket(desk: &Desk) -> Ticket {
    let key = deskbell::domain::ids::TicketKey::new("IT", 1001);
    desk.store().ticket_by_key(&key).await.expect("a database").expect("it is there")
}

/// Takes the lock that decisions about this person need, so that they wait, as on a database under load. Returns the
/// connection that holds the lock.
async fn hold_up(database: &str, account: &str) -> PgConnection {
    let mut conn = PgConnection::connect(database).await.expect("the cluster answers");
    let hash = Sha256::digest(format!("person:{account}").as_bytes());
    let lock = hash.iter().take(8).fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
    sqlx::query("SELECT pg_advisory_lock($1)").bind(lock).execute(&mut conn).await.expect("it is held");
    conn
}

fn private_lines(desk: &Desk, world: &Arc<dyn World>, who: &str) -> Vec<String> {
    let entries = desk.stage.journal.since(0);
    let of_who = entries.iter().filter(|entry| {
        let alone = entry.fields.get("visible_to").and_then(|to| to.as_array());
        entry.platform == world.platform() && alone.is_some_and(|to| to.len() == 1 && to[0] == who)
    });
    of_who.map(|entry| entry.text("text").to_owned()).filter(|text| !text.is_empty()).collect()
}

#[tokio::test]
async fn what_takes_a_while_is_told_so_and_happens_once() {
    for index in 0..2 {
        let Some(database) = postgres::database().await else { return };
        let setup = Setup { database: Some(database.clone()), linked: false, ..Setup::default() };
        let desk = Desk::open_with(setup).await;
        let world = desk.worlds()[index].clone();
        let what = world.platform();
        desk.ask(&world, "jeff", "@desk the printer jams").await;
        let id = match what {
            "slack" => desk.stage.slack.person_id("mia"),
            _ => desk.stage.discord.person_id("mia"),
        };
        let mut holder = hold_up(&database, &format!("{what}:{}", id.expect("an id"))).await;
        let words = as_typed(&world, "reply IT-1001 try the one next door");
        let given = {
            let world = world.clone();
            tokio::spawn(async move { world.command("mia", &Spot::channel("random"), &words).await })
        };
        patiently("she is told that it takes a while", async {
            while !private_lines(&desk, &world, "mia").iter().any(|line| line.contains("a little longer")) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut holder).await.expect("it is released");
        given.await.expect("no panic").expect("the platform got its answer in time");
        patiently("it is carried out", async {
            while !private_lines(&desk, &world, "mia").iter().any(|line| line.contains("On its way")) {
                desk.settle().await;
            }
        })
        .await;
        desk.settle().await;
        let lines = private_lines(&desk, &world, "mia");
        assert!(lines.iter().any(|line| line.contains("On its way to Jeff")), "{what}: {lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("nothing was changed")), "{what}: {lines:#?}");
        let replies = said(&world, "jeff", "sales").iter().filter(|line| line.contains("next door")).count();
        assert_eq!(replies, 1, "{what}");
        desk.end().await;
    }
}

/// Restarts the program with another number of days until a resolved request is closed.
async fn close_after(desk: &mut Desk, days: u32) {
    desk.stop().await;
    desk.config.desk.auto_close_days = days;
    desk.start().await;
}

#[tokio::test]
async fn timers_follow_the_settings_and_hold_up_nobody() {
    let mut desk = Desk::open().await;
    let world = desk.slack();
    desk.ask(&world, "jeff", "@desk the printer jams").await;
    desk.command(&world, "mia", "resolve IT-1001 new fuser").await;
    close_after(&mut desk, 14).await;
    for _ in 0..8 {
        desk.pass(DAY).await;
    }
    assert_eq!(ticket(&desk).await.status.name(), "resolved", "seven days were the old setting");
    let due = desk.store().due_timers(desk.stage.clock.now(), 10).await.expect("timers");
    assert_eq!(due, [], "a timer is left that would fire again and again");
    for _ in 0..7 {
        desk.pass(DAY).await;
    }
    assert_eq!(ticket(&desk).await.status.name(), "closed");
    desk.end().await;
}

#[tokio::test]
async fn without_a_number_of_days_nothing_is_closed_by_itself() {
    let mut desk = Desk::open().await;
    let world = desk.discord();
    desk.ask(&world, "jeff", "@desk the printer jams").await;
    desk.command(&world, "mia", "resolve IT-1001 new fuser").await;
    close_after(&mut desk, 0).await;
    for _ in 0..9 {
        desk.pass(DAY).await;
    }
    assert_eq!(ticket(&desk).await.status.name(), "resolved");
    assert_eq!(desk.store().due_timers(desk.stage.clock.now(), 10).await.expect("timers"), []);
    desk.end().await;
}

#[tokio::test]
async fn a_title_follows_its_message_and_not_its_words() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk the printer jams").await;
        let thread = Spot::thread("sales", &ask.id);
        let same = desk.say(world, "ana", &thread, "the printer jams").await;
        let again = desk.say(world, "jeff", &thread, "the printer jams").await;
        world.edit("ana", &same, "mine is fine").await.expect("edited");
        desk.settle().await;
        for (who, message) in [("ana", &same), ("jeff", &again)] {
            world.delete(who, message).await.expect("deleted");
            desk.settle().await;
            assert_eq!(ticket(desk).await.title, "the printer jams", "{}: {who}", world.platform());
        }
        world.edit("jeff", &ask, "@desk the scanner jams").await.expect("edited");
        desk.settle().await;
        assert_eq!(ticket(desk).await.title, "the scanner jams");
        world.delete("jeff", &ask).await.expect("deleted");
        desk.settle().await;
        assert_eq!(ticket(desk).await.title, "(deleted by its author)");
    })
    .await;
}

async fn record_of(desk: &Desk, message: &MessageAt) -> String {
    let records = desk.store().records(ticket(desk).await.id).await.expect("records");
    let of = |record: &deskbell::desk::conversation::state::Record| {
        record.message.as_ref().is_some_and(|known| known.id == message.id)
    };
    records.into_iter().find(of).expect("it is on record").text
}

#[tokio::test]
async fn a_deleted_file_is_gone_from_the_record_and_the_card() {
    for was_away in [false, true] {
        let mut desk = Desk::open().await;
        let world = desk.slack();
        let at = Spot::channel("sales");
        let ask = desk.stage.slack.share("jeff", &at, "@desk see this", "salaries.xlsx").expect("said");
        desk.settle().await;
        assert!(record_of(&desk, &ask).await.contains("salaries.xlsx"));
        assert!(said(&world, "mia", "desk-triage").join("\n").contains("salaries.xlsx"));
        if was_away {
            desk.stop().await;
        }
        desk.stage.slack.delete_files("jeff", &ask).expect("deleted");
        if was_away {
            desk.start().await;
        }
        desk.settle().await;
        assert_eq!(record_of(&desk, &ask).await, "see this", "away: {was_away}");
        assert!(!said(&world, "mia", "desk-triage").join("\n").contains("salaries.xlsx"), "away: {was_away}");
        desk.end().await;
    }
}

#[tokio::test]
async fn a_reply_that_nobody_reads_is_not_said_to_be_sent() {
    let desk = Desk::open().await;
    let world = desk.slack();
    desk.say(&world, "jeff", &Spot::direct(), "my badge is broken").await;
    desk.stage.slack.deactivate("jeff");
    desk.pass(Duration::from_secs(6 * 60)).await;
    desk.command(&world, "mia", "reply IT-1001 a new one lies at the desk").await;
    let told = desk.last_private(&world, "mia");
    assert!(told.contains("deactivated") && told.contains("a new one lies at the desk"), "{told}");
    let cards = said(&world, "omar", "desk-triage").join("\n");
    assert!(cards.contains("deactivated") && !cards.contains("Mia to Jeff"), "{cards}");
    let read = see(&world, "jeff").channels.into_iter().flat_map(|channel| channel.messages);
    assert!(!read.into_iter().any(|message| message.text.contains("lies at the desk")));
    desk.end().await;
}

#[tokio::test]
async fn words_that_were_taken_out_of_a_message_may_come_back() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk the printer jams").await;
        for (text, title) in [("@desk", "(deleted by its author)"), ("@desk the scanner jams", "the scanner jams")] {
            desk.pass(Duration::from_secs(1)).await;
            world.edit("jeff", &ask, text).await.expect("edited");
            desk.settle().await;
            assert_eq!(ticket(desk).await.title, title, "{}", world.platform());
        }
        assert_eq!(record_of(desk, &ask).await, "the scanner jams");
    })
    .await;
}
