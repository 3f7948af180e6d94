//! Catching up on Discord. A new session of the gateway does not repeat missed events, so only reading finds them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deskbell::domain::permission::Roster;
use deskbell::domain::rules::{IntakeSettings, Rules};
use deskbell::intake::{Intake, StoreError};
use deskbell::platform::discord::{DiscordPlatform, DiscordSettings};
use deskbell::platform::{Leases, Platform as _};
use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Fault, MessageAt, Spot};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::harness::{Desk, Setup, patiently};
use crate::looks::ReadRecord as _;

const DISCORD: Platforms = Platforms { slack: false, discord: true, slack_http: false };
/// Longer than the five minutes that catching up goes back before a position.
const LONG: Duration = Duration::from_secs(600);
const EACH_A_TICKET: &str = "[intake]\nburst_window = \"0s\"\n";
const LIST: &str = "GET /channels/{id}/messages";

async fn on(more: &'static str) -> Desk {
    Desk::open_with(Setup { platforms: DISCORD, extra_settings: more, ..Setup::default() }).await
}

/// Stops the bot and lets time pass.
async fn leave(desk: &mut Desk) {
    desk.settle().await;
    desk.stop().await;
    desk.stage.clock.advance(LONG);
}

async fn say(desk: &Desk, who: &str, spot: &Spot, text: &str) -> MessageAt {
    desk.discord().say(who, spot, text, None).await.unwrap_or_else(|error| panic!("{who} says {text}: {error}"))
}

async fn tickets(desk: &Desk) -> u64 {
    desk.store().total().await.expect("a number")
}

/// Returns all texts on record, oldest ticket first.
async fn texts(desk: &Desk) -> Vec<String> {
    let mut all = Vec::new();
    for ticket in desk.store().tickets(None, 1000).await.expect("tickets").into_iter().rev() {
        all.extend(desk.store().records(ticket.id).await.expect("records"));
    }
    all.into_iter().map(|record| record.text).collect()
}

async fn sorted(desk: &Desk) -> Vec<String> {
    let mut all = texts(desk).await;
    all.sort();
    all
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

/// Returns how often messages were listed after the first `since` entries of the journal.
fn lists(desk: &Desk, since: usize) -> usize {
    let entries = desk.stage.journal.since(0);
    let calls = entries.iter().skip(since);
    calls.filter(|entry| entry.kind == "called" && shape(entry.text("method")) == shape(LIST)).count()
}

fn shape(method: &str) -> String {
    method.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn what_is_said_edited_and_deleted_while_it_is_down_is_found() {
    let mut desk = on("").await;
    let world = desk.discord();
    let sales = Spot::channel("sales");
    let ask = desk.ask(&world, "jeff", "@desk the printer is jamed").await;
    let thread = Spot::thread("sales", &ask.id);
    let blue = desk.say(&world, "jeff", &thread, "it is the blue one").await;
    let secret = desk.say(&world, "jeff", &thread, "my password is hunter2").await;
    desk.say(&world, "omar", &Spot::direct(), "my screen is cracked").await;
    let wrong = desk.say(&world, "omar", &Spot::direct(), "no, it is not").await;
    leave(&mut desk).await;

    say(&desk, "ana", &sales, "@desk the door is stuck").await;
    say(&desk, "ana", &sales, "lunch, anybody?").await;
    say(&desk, "omar", &Spot::direct(), "from side to side").await;
    say(&desk, "jeff", &thread, "now it smokes").await;
    say(&desk, "mia", &thread, "@desk claim").await;
    world.edit("jeff", &blue, "it is the green one").await.expect("edited");
    world.edit("jeff", &ask, "@desk the printer is jammed").await.expect("edited");
    world.delete("jeff", &secret).await.expect("deleted");
    world.delete("omar", &wrong).await.expect("deleted");
    desk.start().await;

    let mut wanted = [
        "",
        "",
        "from side to side",
        "it is the green one",
        "my screen is cracked",
        "now it smokes",
        "the door is stuck",
        "the printer is jammed",
    ];
    wanted.sort_unstable();
    assert_eq!(sorted(&desk).await, wanted, "{}", desk.transcript(&world));
    assert_eq!(tickets(&desk).await, 3);
    let claimed = desk.store().tickets(None, 10).await.expect("tickets").pop().expect("the first");
    assert_eq!(claimed.status.name(), "in_progress", "the agent's role was asked for");
    let transcript = desk.transcript(&world);
    assert!(!transcript.contains("hunter2") && transcript.contains("Jeff: it is the green one"), "{transcript}");

    // Once more, with and without a while between: nothing is new.
    for wait in [Duration::from_secs(5), LONG] {
        desk.stop().await;
        desk.stage.clock.advance(wait);
        desk.start().await;
        assert_eq!(sorted(&desk).await, wanted);
        assert_eq!(desk.transcript(&world), transcript);
    }
    // Opening a thread that exists already is refused, and the bot takes it as done.
    let entries = desk.stage.journal.since(0);
    let refused = entries.iter().filter(|entry| entry.kind == "refused");
    // Reading a deleted message by itself is refused, too: there are two.
    desk.expect_refusals(refused.filter(|entry| entry.text("method").ends_with("/threads")).count() + 2);
    desk.end().await;
}

#[tokio::test]
async fn an_agents_words_are_an_act_even_if_the_role_can_be_read_only_later() {
    let mut desk = on("").await;
    let world = desk.discord();
    let ask = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
    leave(&mut desk).await;
    say(&desk, "mia", &Spot::thread("sales", &ask.id), "@desk claim").await;
    world.inject(Fault::Fail { method: "GET /guilds/{id}/members/{uid}".to_owned(), status: 503, times: 1 });
    desk.start().await;
    assert_eq!(texts(&desk).await, ["the printer is jammed"]);
    let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
    assert_eq!(ticket.status.name(), "in_progress");
    desk.expect_refusals(1);
    desk.end().await;
}

#[tokio::test]
async fn the_very_first_start_reads_nothing_of_what_was_before() {
    let mut desk = on("").await;
    leave(&mut desk).await;
    for ending in ["", "-wal", "-shm"] {
        let path = desk.folder.path().join(format!("desk.db{ending}"));
        assert!(std::fs::remove_file(path).is_ok() || !ending.is_empty());
    }
    let sales = Spot::channel("sales");
    say(&desk, "jeff", &sales, "@desk from before the desk was there").await;
    let before = desk.stage.journal.since(0).len();
    desk.start().await;
    assert_eq!((tickets(&desk).await, lists(&desk, before)), (0, 0));
    // The second start does not find that message either, although it reads from a while before its position.
    desk.stop().await;
    desk.stage.clock.advance(Duration::from_secs(1));
    say(&desk, "ana", &sales, "@desk from after").await;
    desk.start().await;
    assert_eq!(texts(&desk).await, ["from after"]);
    desk.end().await;
}

#[tokio::test]
async fn many_pages_are_read_oldest_first_and_a_refusal_is_waited_out() {
    let mut desk = on(EACH_A_TICKET).await;
    leave(&mut desk).await;
    let mut wanted = Vec::new();
    for index in 0..250 {
        let is_request = index % 50 == 0;
        let text = if is_request { format!("@desk request {index}") } else { "chatter".to_owned() };
        say(&desk, "jeff", &Spot::channel("sales"), &text).await;
        if is_request {
            wanted.push(format!("request {index}"));
        }
    }
    let world = desk.discord();
    let retry_after = Duration::from_secs(30);
    world.inject(Fault::RateLimit { method: LIST.to_owned(), retry_after, times: 2 });
    let before = desk.stage.journal.since(0).len();
    desk.begin().await;
    until(&desk, Duration::from_secs(1), "it has caught up", async || {
        lists(&desk, before) >= 3 && !desk.app().is_behind()
    })
    .await;
    desk.settle().await;
    assert_eq!(texts(&desk).await, wanted);
    let entries = desk.stage.journal.since(0);
    let refused: Vec<i64> = entries.iter().filter(|entry| entry.kind == "refused").map(|entry| entry.at_ms).collect();
    assert!(refused[1] - refused[0] >= 30_000, "the platform's Retry-After is obeyed: {refused:?}");
    desk.expect_refusals(2);
    desk.end().await;
}

#[tokio::test]
async fn channels_in_which_nothing_is_new_cost_no_call() {
    let mut desk = on("").await;
    let world = desk.discord();
    desk.say(&world, "ana", &Spot::channel("sales"), "lunch, anybody?").await;
    desk.say(&world, "sam", &Spot::channel("random"), "yes").await;
    leave(&mut desk).await;
    let before = desk.stage.journal.since(0).len();
    desk.start().await;
    assert_eq!(lists(&desk, before), 0);
    leave(&mut desk).await;
    say(&desk, "ana", &Spot::channel("random"), "@desk the door is stuck").await;
    let before = desk.stage.journal.since(0).len();
    desk.start().await;
    assert_eq!((tickets(&desk).await, lists(&desk, before)), (1, 1));
    desk.end().await;
}

#[tokio::test]
async fn what_comes_live_waits_for_what_was_missed_in_its_channel_and_nowhere_else() {
    let mut desk = on("[timing]\ncall_timeout = \"3s\"\n").await;
    leave(&mut desk).await;
    let ask = say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    let world = desk.discord();
    world.inject(Fault::Hang { method: LIST.to_owned(), times: 1 });
    desk.begin().await;
    until(&desk, Duration::ZERO, "the request is being read", async || {
        desk.stage.journal.since(0).iter().any(|entry| entry.kind == "refused" && entry.text("error") == "no answer")
    })
    .await;
    // An answer in the request's thread comes live, before the request itself was read.
    say(&desk, "jeff", &Spot::thread("sales", &ask.id), "it is the blue one").await;
    say(&desk, "ana", &Spot::direct(), "the door is stuck").await;
    until(&desk, Duration::ZERO, "elsewhere it goes on", async || tickets(&desk).await == 1).await;
    assert!(desk.app().is_behind(), "it is ready long before it has caught up");
    desk.settle().await;
    let found = texts(&desk).await;
    assert_eq!(found, ["the door is stuck", "the printer is jammed", "it is the blue one"]);
    desk.expect_refusals(1);
    desk.end().await;
}

#[tokio::test]
async fn a_start_that_is_cut_short_forgets_nothing() {
    let mut desk = on("").await;
    leave(&mut desk).await;
    say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    desk.stage.clock.advance(LONG);
    let world = desk.discord();
    world.inject(Fault::Fail { method: LIST.to_owned(), status: 500, times: 1_000 });
    desk.begin().await;
    say(&desk, "ana", &Spot::channel("sales"), "@desk the door is stuck").await;
    say(&desk, "sam", &Spot::channel("random"), "@desk the lift hangs").await;
    until(&desk, Duration::ZERO, "what comes live elsewhere is handled", async || tickets(&desk).await == 1).await;
    desk.stop().await;
    world.inject(Fault::Forget);
    desk.stage.clock.advance(LONG);
    // Cancel the failures that are still to come.
    desk.stage.discord.cancel_faults();
    desk.start().await;
    assert_eq!(sorted(&desk).await, ["the door is stuck", "the lift hangs", "the printer is jammed"]);
    // Reading a thread that the bot had no time to open is refused, too.
    let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    desk.expect_refusals(refused);
    desk.end().await;
}

#[tokio::test]
async fn a_session_that_cannot_be_resumed_is_caught_up() {
    let desk = on("").await;
    let world = desk.discord();
    let ask = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
    world.inject(Fault::Forget);
    world.inject(Fault::DropSockets);
    say(&desk, "jeff", &Spot::thread("sales", &ask.id), "it is the blue one").await;
    say(&desk, "ana", &Spot::channel("sales"), "@desk the door is stuck").await;
    until(&desk, Duration::ZERO, "it is found", async || texts(&desk).await.len() == 3).await;
    assert_eq!(texts(&desk).await, ["the printer is jammed", "it is the blue one", "the door is stuck"]);
    close(desk).await;
}

#[tokio::test]
async fn a_session_that_hears_nothing_is_replaced_and_a_quiet_one_is_left_alone() {
    let desk = on("[timing]\nsilence = \"200ms\"\n").await;
    let world = desk.discord();
    let sessions = || desk.stage.journal.since(0).iter().filter(|it| it.kind == "connected").count();
    let asked = |since: usize| {
        let entries = desk.stage.journal.since(0);
        entries.iter().skip(since).filter(|it| shape(it.text("method")) == "GET /guilds/{}/threads/active").count()
    };
    let before = desk.stage.journal.since(0).len();
    until(&desk, Duration::from_millis(100), "it has looked", async || asked(before) >= 2).await;
    assert_eq!(sessions(), 1, "nothing was said, so silence is no fault");
    world.inject(Fault::Mute);
    say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    until(&desk, Duration::from_millis(100), "it is found", async || tickets(&desk).await == 1).await;
    assert_eq!(sessions(), 2);
    close(desk).await;
}

#[tokio::test]
async fn a_quiet_session_is_left_alone_after_a_restart_too() {
    let mut desk = on("[timing]\nsilence = \"200ms\"\n").await;
    let world = desk.discord();
    for words in ["my screen is cracked", "from side to side"] {
        desk.say(&world, "omar", &Spot::direct(), words).await;
    }
    desk.say(&world, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    leave(&mut desk).await;
    let before = desk.stage.journal.since(0).len();
    desk.start().await;
    let since = |kind: &str, method: &str| {
        let entries = desk.stage.journal.since(0);
        let later = entries.iter().skip(before).filter(|it| it.kind == kind);
        later.filter(|it| method.is_empty() || shape(it.text("method")) == method).count()
    };
    until(&desk, Duration::from_millis(100), "it has looked", async || {
        since("called", "GET /guilds/{}/threads/active") >= 4
    })
    .await;
    assert_eq!(since("connected", ""), 1, "all that was said is on record");
    desk.end().await;
}

/// Ends a desk that has had a second session: events are counted by session, so nobody can tell whether all is quiet.
async fn close(desk: Desk) {
    assert_eq!(desk.discord().faults_seen(), Vec::<String>::new());
    desk.stop_unchecked().await;
}

/// The leases that several platforms share: the holder of each name.
#[derive(Default)]
struct SharedLeases {
    holders: Mutex<HashMap<String, u8>>,
}

struct LeaseHolder {
    number: u8,
    leases: Arc<SharedLeases>,
}

impl SharedLeases {
    fn set(&self, holder: u8) {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).insert("discord:shard:0".to_owned(), holder);
    }

    fn holder(&self) -> Option<u8> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).get("discord:shard:0").copied()
    }
}

#[async_trait]
impl Leases for LeaseHolder {
    async fn take_lease(&self, name: &str) -> Result<bool, StoreError> {
        let mut holders = self.leases.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = *holders.entry(name.to_owned()).or_insert(self.number);
        Ok(holder == self.number)
    }

    async fn release_lease(&self, name: &str) {
        let mut holders = self.leases.holders.lock().unwrap_or_else(PoisonError::into_inner);
        if holders.get(name) == Some(&self.number) {
            holders.remove(name);
        }
    }

    fn lease_duration(&self) -> Duration {
        Duration::from_millis(30)
    }
}

#[tokio::test]
async fn a_standby_takes_the_shard_over_and_reads_what_was_missed() {
    // The program only creates the database. The platforms of this test run without it.
    let mut desk = on("").await;
    desk.stop().await;
    let store: Arc<dyn deskbell::store::Store> =
        deskbell::store::sqlite::SqliteStore::open(&desk.folder.path().join("desk.db"), desk.stage.clock.clone())
            .await
            .expect("opened");
    let rules = Rules {
        intake: IntakeSettings { burst_window: std::time::Duration::ZERO, ..IntakeSettings::default() },
        ..Rules::default()
    };
    let intake = Intake::new(Arc::clone(&store), desk.stage.clock.clone(), rules, Roster::default());
    let leases = Arc::new(SharedLeases::default());
    let stop = [CancellationToken::new(), CancellationToken::new()];
    let mut platforms = Vec::new();
    let mut tasks = Vec::new();
    let sessions = || desk.stage.journal.since(0).iter().filter(|it| it.kind == "connected").count();
    let begun = sessions();
    for number in [0, 1] {
        let settings = DiscordSettings {
            token: SecretString::from(desk.stage.discord.token()),
            api_url: Some(desk.stage.discord.api_url().parse().expect("an address")),
            timeout: Duration::from_secs(10),
            guilds: vec![desk.stage.discord.guild_id()],
            listen_to_bots: Vec::new(),
            silence: Duration::from_secs(600),
        };
        let platform = DiscordPlatform::connect(settings, desk.stage.clock.clone()).await.expect("connected");
        platform.share(Arc::new(LeaseHolder { number, leases: Arc::clone(&leases) }));
        let (here, door, halt) = (Arc::clone(&platform), intake.clone(), stop[usize::from(number)].clone());
        tasks.push(tokio::spawn(async move { here.run(door, halt).await }));
        if number == 0 {
            until(&desk, Duration::ZERO, "the first is connected", async || platform.is_connected()).await;
        }
        platforms.push(platform);
    }
    let count = async || store.total().await.expect("a number");
    until(&desk, Duration::ZERO, "the second stands by", async || platforms[1].stands_by()).await;
    assert!(platforms[1].is_connected() && !platforms[0].stands_by(), "who stands by is ready");
    assert_eq!(sessions() - begun, 1);
    say(&desk, "jeff", &Spot::channel("sales"), "@desk the printer is jammed").await;
    until(&desk, Duration::ZERO, "the first hears", async || count().await == 1).await;

    // The first loses its lease on the shard, as if it were frozen or cut off. The second reads what was said
    // meanwhile.
    leases.set(9);
    until(&desk, Duration::ZERO, "nobody listens", async || {
        platforms.iter().all(|platform| platform.stands_by()) && desk.stage.discord.links() == 0
    })
    .await;
    desk.stage.clock.advance(Duration::from_secs(10));
    say(&desk, "ana", &Spot::channel("sales"), "@desk the door is stuck").await;
    leases.set(1);
    until(&desk, Duration::ZERO, "the second has read it", async || count().await == 2).await;
    assert!(platforms[0].stands_by() && !platforms[1].stands_by());
    assert_eq!(sessions() - begun, 2);

    // A stop gives the lease back at once, after the events that were taken in are stored.
    stop[1].cancel();
    until(&desk, Duration::ZERO, "it was given back", async || leases.holder() != Some(1)).await;
    until(&desk, Duration::ZERO, "the first takes it", async || {
        !platforms[0].stands_by() && platforms[0].is_connected()
    })
    .await;
    stop[0].cancel();
    for task in tasks {
        patiently("it stops", task).await.expect("no panic").expect("no fault");
    }
    assert_eq!(leases.holder(), None);
    store.close().await;
    desk.stop_unchecked().await;
}
