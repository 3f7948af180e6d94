//! Catching up on Slack. In these tests Slack forgets its undelivered events while the bot is away, so only reading
//! finds them.

use std::path::Path;
use std::time::Duration;

use deskbell::desk::conversation::state::Record;
use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Fault, MessageAt, Spot};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use sqlx::{Connection as _, Executor as _};

use crate::harness::{Desk, Setup, patiently};
use crate::looks::ReadRecord as _;

const SOCKET: Platforms = Platforms { slack: true, discord: false, slack_http: false };
const HTTP: Platforms = Platforms { slack_http: true, ..SOCKET };
/// Longer than the five minutes that catching up goes back before a position.
const LONG: Duration = Duration::from_secs(600);
const HASTY: &str = "[timing]\ncall_timeout = \"1s\"\n";

async fn on(platforms: Platforms, more: &'static str) -> Desk {
    Desk::open_with(Setup { platforms, extra_settings: more, ..Setup::default() }).await
}

/// Stops the bot and lets time pass.
async fn leave(desk: &mut Desk) {
    desk.settle().await;
    desk.stop().await;
    desk.stage.clock.advance(LONG);
}

/// Makes Slack forget its undelivered events, and starts the bot.
async fn come_back(desk: &mut Desk) {
    desk.slack().inject(Fault::Forget);
    desk.start().await;
}

async fn say(desk: &Desk, who: &str, spot: &Spot, text: &str) -> MessageAt {
    desk.slack().say(who, spot, text, None).await.unwrap_or_else(|error| panic!("{who} says {text}: {error}"))
}

async fn tickets(desk: &Desk) -> u64 {
    desk.store().total().await.expect("a number")
}

/// Returns all messages on record, oldest ticket first.
async fn records(desk: &Desk) -> Vec<Record> {
    let mut all = Vec::new();
    for ticket in desk.store().tickets(None, 1000).await.expect("tickets").into_iter().rev() {
        all.extend(desk.store().records(ticket.id).await.expect("records"));
    }
    all
}

async fn texts(desk: &Desk) -> Vec<String> {
    records(desk).await.into_iter().map(|record| record.text).collect()
}

/// Waits until `so` holds, and moves the clock by `step` each time that it does not.
async fn until(desk: &Desk, step: Duration, what: &str, so: impl AsyncFn() -> bool) {
    let mut grown = desk.stage.journal.grown();
    patiently(what, async {
        while !so().await {
            desk.stage.clock.advance(step);
            // Even if nothing changes, `so` is checked again.
            let _ = tokio::time::timeout(Duration::from_millis(5), grown.changed()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_said_edited_and_deleted_while_it_is_down_is_found() {
    for platforms in [SOCKET, HTTP] {
        let mut desk = on(platforms, "").await;
        let world = desk.slack();
        let sales = Spot::channel("sales");
        let ask = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        let thread = Spot::thread("sales", &ask.id);
        let blue = desk.say(&world, "jeff", &thread, "it is the blue one").await;
        let secret = desk.say(&world, "jeff", &thread, "my password is hunter2").await;
        let direct = desk.say(&world, "omar", &Spot::direct(), "my screen is cracked").await;
        let wrong = desk.say(&world, "omar", &Spot::direct(), "no, it is not").await;
        leave(&mut desk).await;

        say(&desk, "ana", &sales, "@desk the door is stuck").await;
        say(&desk, "ana", &sales, "lunch, anybody?").await;
        say(&desk, "sam", &Spot::direct(), "my laptop is gone").await;
        say(&desk, "omar", &Spot::Direct { root: Some(direct.id.clone()) }, "from side to side").await;
        say(&desk, "jeff", &thread, "now it smokes").await;
        let chat = say(&desk, "ana", &sales, "does the lift work?").await;
        say(&desk, "sam", &Spot::thread("sales", &chat.id), "@desk the lift hangs").await;
        world.edit("jeff", &blue, "it is the green one").await.expect("edited");
        world.delete("jeff", &secret).await.expect("deleted");
        world.delete("omar", &wrong).await.expect("deleted");
        come_back(&mut desk).await;

        let mut found = texts(&desk).await;
        found.sort();
        let mut wanted = [
            "",
            "",
            "does the lift work?",
            "from side to side",
            "it is the green one",
            "my laptop is gone",
            "my screen is cracked",
            "now it smokes",
            "the door is stuck",
            "the lift hangs",
            "the printer is jammed",
        ];
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{}", desk.transcript(&world));
        assert_eq!(tickets(&desk).await, 5);
        let transcript = desk.transcript(&world);
        assert!(!transcript.contains("hunter2") && transcript.contains("Jeff: it is the green one"), "{transcript}");

        // Both deleted messages are looked for in their threads and by themselves, and each of these calls is refused.
        desk.expect_refusals(4);
        // Once more, with and without a while between: nothing is new.
        for wait in [Duration::from_secs(5), LONG] {
            desk.stop().await;
            desk.stage.clock.advance(wait);
            desk.start().await;
            assert_eq!(texts(&desk).await.len(), wanted.len());
            assert_eq!(tickets(&desk).await, 5);
            assert_eq!(desk.transcript(&world), transcript);
        }
        desk.end().await;
    }
}

#[tokio::test]
async fn the_very_first_start_reads_nothing_of_what_was_before() {
    let mut desk = on(SOCKET, "").await;
    leave(&mut desk).await;
    for ending in ["", "-wal", "-shm"] {
        let path = desk.folder.path().join(format!("desk.db{ending}"));
        assert!(std::fs::remove_file(path).is_ok() || !ending.is_empty());
    }
    let sales = Spot::channel("sales");
    say(&desk, "jeff", &sales, "@desk from before the desk was there").await;
    desk.stage.clock.advance(Duration::from_secs(1));
    come_back(&mut desk).await;
    assert_eq!(tickets(&desk).await, 0);
    // The second start does not find that message either, although it reads from a while before its position.
    desk.stop().await;
    desk.stage.clock.advance(Duration::from_secs(1));
    say(&desk, "ana", &sales, "@desk from after").await;
    come_back(&mut desk).await;
    assert_eq!(texts(&desk).await, ["from after"]);
    desk.end().await;
}

#[tokio::test]
async fn many_pages_are_read_oldest_first_and_a_refusal_is_waited_out() {
    let mut desk = on(SOCKET, "[intake]\nburst_window = \"0s\"\n").await;
    leave(&mut desk).await;
    let sales = Spot::channel("sales");
    let mut wanted = Vec::new();
    for index in 0..450 {
        let text = format!("@desk request {index}");
        let is_request = index % 90 == 0;
        say(&desk, "jeff", &sales, if is_request { &text } else { "chatter" }).await;
        if is_request {
            wanted.push(text.trim_start_matches("@desk ").to_owned());
        }
    }
    let world = desk.slack();
    world.inject(Fault::Forget);
    let retry_after = Duration::from_secs(30);
    world.inject(Fault::RateLimit { method: "conversations.history".to_owned(), retry_after, times: 2 });
    world.inject(Fault::Fail { method: "conversations.replies".to_owned(), status: 500, times: 1 });
    desk.begin().await;
    until(&desk, Duration::from_secs(1), "it has caught up", async || !desk.app().is_behind()).await;
    desk.settle().await;
    assert_eq!(texts(&desk).await, wanted);
    let entries = desk.stage.journal.since(0);
    let refused: Vec<i64> = entries
        .iter()
        .filter(|entry| entry.kind == "refused" && entry.text("method") == "conversations.history")
        .map(|entry| entry.at_ms)
        .collect();
    assert!(refused[1] - refused[0] >= 30_000, "the platform's Retry-After is obeyed: {refused:?}");
    desk.expect_refusals(3);
    desk.end().await;
}

#[tokio::test]
async fn a_catch_up_leaves_room_for_other_calls() {
    let mut desk = on(SOCKET, "[intake]\nburst_window = \"0s\"\n").await;
    let world = desk.slack();
    for index in 0..30 {
        desk.ask(&world, "jeff", &format!("@desk request {index}")).await;
    }
    leave(&mut desk).await;
    let before = desk.stage.journal.since(0).len();
    desk.begin().await;
    until(&desk, Duration::from_millis(500), "it has caught up", async || !desk.app().is_behind()).await;
    let calls: Vec<i64> = desk
        .stage
        .journal
        .since(0)
        .iter()
        .skip(before)
        .filter(|entry| entry.kind == "called" && entry.text("method") == "conversations.replies")
        .map(|entry| entry.at_ms)
        .collect();
    // Each request has two threads to read: its own, and that of its card.
    assert!(calls.len() >= 60, "{}", calls.len());
    assert!(calls.windows(26).all(|calls| calls[25] - calls[0] >= 59_000), "{calls:?}");
    desk.end().await;
}

#[tokio::test]
async fn an_answer_that_comes_before_its_request_was_read_is_not_lost() {
    let mut desk = on(SOCKET, HASTY).await;
    leave(&mut desk).await;
    let ask = say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    let world = desk.slack();
    world.inject(Fault::Forget);
    // The list of names fails and the author's name does not come, so the request is read but not handled.
    world.inject(Fault::Fail { method: "users.list".to_owned(), status: 500, times: 1 });
    world.inject(Fault::Hang { method: "users.info".to_owned(), times: 1 });
    desk.begin().await;
    until(&desk, Duration::ZERO, "the request is being handled", async || {
        desk.stage.journal.since(0).iter().any(|entry| entry.text("method") == "users.info")
    })
    .await;
    say(&desk, "ana", &Spot::thread("sales", &ask.id), "it is the blue one").await;
    until(&desk, Duration::ZERO, "the answer was heard", async || world.undelivered() == 0).await;
    desk.settle().await;
    assert_eq!(texts(&desk).await, ["the printer is jammed", "it is the blue one"]);
    desk.expect_refusals(2);
    desk.end().await;
}

#[tokio::test]
async fn a_start_that_is_cut_short_forgets_nothing() {
    let mut desk = on(SOCKET, "").await;
    leave(&mut desk).await;
    let sales = Spot::channel("sales");
    say(&desk, "jeff", &sales, "@desk the printer is jammed").await;
    desk.stage.clock.advance(LONG);
    let world = desk.slack();
    world.inject(Fault::Forget);
    world.inject(Fault::Hang { method: "conversations.history".to_owned(), times: 1 });
    desk.begin().await;
    say(&desk, "ana", &sales, "@desk the door is stuck").await;
    until(&desk, Duration::ZERO, "what comes live is handled", async || tickets(&desk).await == 1).await;
    assert!(desk.app().is_behind(), "it is ready long before it has caught up");
    desk.stop().await;
    desk.stage.clock.advance(LONG);
    come_back(&mut desk).await;
    let mut found = texts(&desk).await;
    found.sort();
    assert_eq!(found, ["the door is stuck", "the printer is jammed"]);
    desk.expect_refusals(1);
    desk.end().await;
}

#[tokio::test]
async fn a_broken_channel_does_not_stop_the_others() {
    let mut desk = on(SOCKET, "").await;
    leave(&mut desk).await;
    say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    let world = desk.slack();
    world.inject(Fault::Forget);
    world.inject(Fault::Fail { method: "conversations.history".to_owned(), status: 500, times: 3 });
    world.inject(Fault::Fail { method: "users.conversations".to_owned(), status: 500, times: 1 });
    say(&desk, "ana", &Spot::direct(), "my laptop is gone").await;
    world.inject(Fault::Forget);
    desk.start().await;
    // The direct conversation is last in line, but it is read before the failed ones are tried again.
    assert_eq!(texts(&desk).await, ["my laptop is gone", "the printer is jammed"]);
    desk.expect_refusals(4);
    desk.end().await;
}

#[tokio::test]
async fn what_is_said_while_the_connection_is_broken_is_found() {
    let desk = on(SOCKET, "").await;
    let world = desk.slack();
    desk.stage.clock.advance(LONG);
    world.inject(Fault::DropSockets);
    say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    world.inject(Fault::Forget);
    patiently("it connects again", world.connected()).await;
    until(&desk, Duration::ZERO, "it is found", async || tickets(&desk).await == 1).await;
    // Slack's library logs a broken connection as an error. The program's own log leaves that library out.
    let errors = desk.end_with_errors().await;
    assert!(errors.iter().all(|error| error.contains("slack_wss_client_id")), "{errors:?}");
}

#[tokio::test]
async fn a_planned_change_of_connections_reads_nothing() {
    let desk = on(SOCKET, "").await;
    let before = desk.stage.journal.since(0).len();
    desk.slack().inject(Fault::AskReconnect);
    until(&desk, Duration::ZERO, "a second connection", async || {
        desk.stage.journal.since(0).iter().skip(before).any(|entry| entry.kind == "disconnected")
    })
    .await;
    desk.settle().await;
    let read = desk.stage.journal.since(0).iter().any(|entry| entry.text("method") == "conversations.history");
    assert!(!read);
    desk.end().await;
}

#[tokio::test]
async fn a_connection_that_is_open_and_silent_is_replaced_and_what_it_swallowed_is_read() {
    let desk = on(SOCKET, "[timing]\nsilence = \"1s\"\n").await;
    let world = desk.slack();
    desk.stage.clock.advance(LONG);
    world.inject(Fault::Mute);
    say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    world.inject(Fault::Forget);
    until(&desk, Duration::ZERO, "it is found", async || tickets(&desk).await == 1).await;
    // The new connection is open before the old one is closed.
    let entries = desk.stage.journal.since(0);
    let changes: Vec<(&str, Option<u64>)> = entries
        .iter()
        .filter(|entry| ["connected", "disconnected"].contains(&entry.kind))
        .map(|entry| (entry.kind, entry.fields.get("sockets").and_then(serde_json::Value::as_u64)))
        .collect();
    assert_eq!(changes[..2], [("connected", Some(1)), ("connected", Some(2))], "{changes:?}");
    desk.ask(&world, "ana", "@desk the door is stuck").await;
    assert_eq!(tickets(&desk).await, 2);
    desk.end().await;
}

#[tokio::test]
async fn what_slack_holds_back_is_read_when_it_says_so() {
    let desk = on(HTTP, "").await;
    desk.stage.clock.advance(LONG);
    say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    desk.slack().inject(Fault::Forget);
    let body = format!(
        r#"{{"type": "app_rate_limited", "team_id": "{}", "minute_rate_limited": 1518467820, "api_app_id": "A1"}}"#,
        desk.stage.slack.team_id()
    );
    let stamp = desk.stage.clock.now().as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(desk.stage.slack.signing_secret().as_bytes()).expect("any key does");
    mac.update(format!("v0:{stamp}:{body}").as_bytes());
    let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    let answer = reqwest::Client::new()
        .post(format!("http://{}/slack/events", desk.app().address()))
        .header("x-slack-request-timestamp", stamp)
        .header("x-slack-signature", signature)
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    until(&desk, Duration::ZERO, "it is found", async || tickets(&desk).await == 1).await;
    desk.end().await;
}

#[tokio::test]
async fn what_could_not_be_stored_is_read_once_the_database_is_back() {
    let mut desk = on(SOCKET, "").await;
    desk.stage.clock.advance(LONG);
    let mut other = Locked::take(&desk.folder.path().join("desk.db")).await;
    say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    // The event is delivered, and will not be delivered again.
    until(&desk, Duration::ZERO, "it is handed over", async || {
        desk.stage.journal.since(0).iter().any(|entry| entry.kind == "delivered")
    })
    .await;
    until(&desk, Duration::ZERO, "it is left behind", async || desk.app().is_behind()).await;
    desk.slack().inject(Fault::Forget);
    desk.stage.clock.advance(LONG);
    say(&desk, "ana", &Spot::channel("sales"), "@desk the door is stuck").await;
    other.let_go().await;
    until(&desk, Duration::ZERO, "both are there", async || tickets(&desk).await == 2).await;
    desk.settle().await;
    leave(&mut desk).await;
    come_back(&mut desk).await;
    assert_eq!(tickets(&desk).await, 2);
    desk.end().await;
}

/// A connection that holds the write lock of the database.
struct Locked(sqlx::SqliteConnection);

impl Locked {
    async fn take(path: &Path) -> Self {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("it opens");
        connection.execute("BEGIN IMMEDIATE").await.expect("it is free");
        Self(connection)
    }

    async fn let_go(&mut self) {
        self.0.execute("ROLLBACK").await.expect("it ends");
    }
}
