//! Held effects: an effect that is refused for a cause that an operator can remove keeps its words, the desk is told,
//! and it is delivered once when the cause is gone. An effect that fails alone or cannot be read holds up no other
//! effect.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deskbell::desk::conversation::state::Voice;
use deskbell::domain::effect::Lane;
use deskbell::domain::ids::PlatformName;
use deskbell::domain::message::Span;
use deskbell::outbox::Timing;
use deskbell::platform::{Delivery, DeliveryError, Operation, Receipt};
use deskbell::sandbox::{Absence, Fault, Spot};
use deskbell::store::{Listed, ListedEffect, Release};
use sqlx::Connection as _;
use tokio_util::sync::CancellationToken;

use crate::bare::{self, Delivers};
use crate::harness::{Desk, Setup, on_each, patiently, see};
use crate::looks::ReadRecord as _;
use crate::platform_away::said;
use crate::program::child::run;
use crate::store_contract::kit;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Desk {
    async fn held(&self) -> Vec<ListedEffect> {
        self.store().listed(Listed::Held, None, None, 100).await.expect("a list")
    }

    /// Releases every held effect, as the command `effects retry --all` does, and settles.
    async fn release_all(&self) {
        self.stage.clock.advance(Duration::from_secs(1));
        for platform in PlatformName::ALL {
            for (held_in, _) in self.store().held_in(platform).await.expect("places") {
                let all = Release::In { outlet: platform.into(), held_in, limit: u32::MAX };
                self.store().release(all, self.stage.clock.now()).await.expect("they are released");
            }
        }
        self.settle().await;
    }

    /// Makes this channel the desk's channel of a platform, in the settings for the next start.
    fn set_triage(&mut self, platform: &str, channel: &str) {
        match platform {
            "slack" => {
                let slack = self.config.slack.as_mut().expect("it is configured");
                slack.triage_channel = self.stage.slack.channel_id(channel);
            }
            _ => {
                let triage = self.config.discord.as_mut().and_then(|discord| discord.triage.as_mut());
                triage.expect("it is configured").channel =
                    self.stage.discord.channel_id(channel).expect("it is there");
            }
        }
    }

    /// Ends a test in which any number of refused calls and logged errors is expected.
    pub async fn end_with_refusals(mut self) {
        let refused = self.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
        self.expect_refusals(refused);
        self.end_with_errors().await;
    }
}

/// The ways in which the bot may lose a right on a platform, each with the fault that gives it back.
fn rights(platform: &str) -> Vec<(Fault, Fault)> {
    let channel = || "sales".to_owned();
    let mut rights = vec![(Fault::CloseChannel { channel: channel() }, Fault::OpenChannel { channel: channel() })];
    if platform == "slack" {
        let scope = || "chat:write".to_owned();
        rights.push((Fault::RevokeScope { scope: scope() }, Fault::GrantScope { scope: scope() }));
    }
    rights
}

#[tokio::test]
async fn what_a_missing_right_refuses_goes_out_once_when_it_is_mended() {
    for index in 0..2 {
        let platform = ["slack", "discord"][index];
        for (lost, mended) in rights(platform) {
            let desk = Desk::open().await;
            let world = desk.worlds()[index].clone();
            let what = format!("{platform}: {lost:?}");
            let first = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
            world.inject(lost);
            desk.command(&world, "mia", "reply IT-1001 try the one next door").await;
            desk.command(&world, "mia", "reply IT-1001 it has paper").await;
            let held = desk.held().await;
            assert!(held.len() >= 2, "{what}: {held:#?}");
            assert!(held.iter().all(|effect| effect.about.to_string() == "ticket:1"));
            let failed = desk.store().listed(Listed::Failed, None, None, 10).await.expect("a list");
            assert!(failed.is_empty(), "{what}: {failed:#?}");
            // After the first refusal, other effects for that place are held without a call.
            let calls = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
            desk.command(&world, "mia", "reply IT-1001 and toner").await;
            let more = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count() - calls;
            assert!(more <= 1, "{what}: {more} calls more");

            world.inject(mended);
            desk.release_all().await;
            assert_eq!(desk.held().await.len(), 0, "{what}");
            let told = said(&world, "ada", "sales");
            let wanted = ["next door", "it has paper", "and toner"];
            let found: Vec<&str> =
                told.iter().filter_map(|text| wanted.iter().find(|words| text.contains(**words))).copied().collect();
            assert_eq!(found, wanted, "{what}: once, and in order: {told:#?}");
            assert!(!first.id.is_empty());
            desk.end_with_refusals().await;
        }
    }
}

#[tokio::test]
async fn what_is_mended_without_a_word_goes_out_by_itself_and_says_sorry() {
    on_each(Setup::default(), async |desk, world| {
        desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        world.inject(Fault::CloseChannel { channel: "sales".to_owned() });
        desk.command(&world, "mia", "reply IT-1001 try the one next door").await;
        let told = desk.last_private(&world, "mia");
        assert!(told.starts_with("Not delivered") && told.contains("I've kept it"), "{told}");
        let looks = || desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
        let before = looks();
        desk.stage.clock.advance(HOUR);
        patiently("the held effect is tried again, and is held again", async {
            while looks() == before || desk.held().await.len() != 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        world.inject(Fault::OpenChannel { channel: "sales".to_owned() });
        desk.stage.clock.advance(HOUR);
        patiently("it goes out", async {
            while !said(&world, "ada", "sales").iter().any(|text| text.contains("next door")) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        desk.settle().await;
        let told = said(&world, "ada", "sales");
        let answers: Vec<&String> = told.iter().filter(|text| text.contains("next door")).collect();
        assert_eq!(answers.len(), 1, "{}: {told:#?}", world.platform());
        assert!(answers[0].starts_with("Sorry for the wait"), "{answers:?}");
        assert!(!told[0].contains("Sorry"), "an answer that came in time has no apology: {told:#?}");
        // The desk sees that the reply was delivered after all, and the reply is on record as the agent's.
        let desks = said(&world, "mia", "desk-triage");
        assert!(desks.iter().any(|text| text.contains("Not delivered")), "{desks:#?}");
        assert!(desks.iter().any(|text| text.contains("next door") && !text.contains("Not delivered")), "{desks:#?}");
        let records = desk.store().records(desk.store().tickets(None, 1).await.expect("tickets")[0].id).await;
        let voices: Vec<_> = records.expect("records").into_iter().map(|record| (record.voice, record.text)).collect();
        assert!(voices.iter().any(|(voice, text)| *voice == Voice::Agent && text.contains("next door")), "{voices:#?}");
        desk.end_with_refusals().await;
    })
    .await;
}

#[tokio::test]
async fn cards_wait_for_a_desks_channel_that_is_deleted_and_go_to_its_successor() {
    on_each(Setup::default(), async |mut desk, world| {
        let other = desk.other(&world);
        let platform = world.platform();
        let before = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        world.inject(Fault::DeleteChannel { channel: "desk-triage".to_owned() });
        let ask = desk.ask(&world, "ana", "@desk no sound").await;
        desk.say(&world, "ana", &Spot::thread("sales", &ask.id), "since this morning").await;
        let told = said(&world, "ada", "sales");
        assert_eq!(told.iter().filter(|text| text.contains("IT-100")).count(), 2, "people are answered: {told:#?}");
        let held = desk.held().await;
        assert!(held.iter().any(|effect| effect.kind == "show_card"), "{held:#?}");
        let conditions = desk.app().health().conditions();
        let triage = conditions.iter().find(|condition| condition.kind.name() == "triage").expect("it is known");
        assert_eq!(triage.platform.as_str(), platform);
        let elsewhere = said(&other, "mia", "desk-triage");
        assert!(elsewhere.iter().any(|text| text.contains("I can't write in the desk's channel")), "{elsewhere:#?}");

        // The operator sets another channel, and restarts the bot.
        desk.stop().await;
        desk.set_triage(platform, "general");
        desk.start().await;
        patiently("nothing is held any more", async {
            while desk.store().counts().await.expect("counts").held > 0 {
                desk.settle().await;
            }
        })
        .await;
        desk.pass(HOUR).await;
        let cards = said(&world, "mia", "general");
        for (key, title) in [("IT-1001", "the printer is jammed"), ("IT-1002", "no sound")] {
            let count = cards.iter().filter(|text| text.starts_with(key) && text.contains(title)).count();
            assert_eq!(count, 1, "{platform}, {key}: {cards:#?}");
        }
        let lines = cards.iter().filter(|text| text.contains("since this morning")).count();
        assert_eq!(lines, 1, "{platform}: the line under the card comes along: {cards:#?}");
        assert_eq!(desk.held().await, [], "{platform}");
        assert!(desk.app().health().conditions().is_empty(), "{platform}");
        assert!(!before.id.is_empty());
        desk.end_with_refusals().await;
    })
    .await;
}

#[tokio::test]
async fn a_private_answer_whose_time_has_passed_reaches_its_person_alone_or_nobody() {
    for is_closed in [false, true] {
        on_each(Setup::default(), async |desk, world| {
            let what = format!("{}, direct messages closed: {is_closed}", world.platform());
            desk.say(&world, "jeff", &Spot::direct(), "my badge is broken").await;
            if is_closed {
                world.close_direct("jeff", true);
            }
            // Events still arrive. The calls that answer a person privately are refused: on Slack all calls.
            let method = match world.platform() {
                "slack" => "*",
                _ => "PATCH /webhooks/{app}/{token}/messages/@original",
            };
            world.inject(Fault::Leave(Absence::Intercepted {
                method: method.to_owned(),
                status: 503,
                body: String::new(),
            }));
            let _ = world.command("jeff", &Spot::channel("random"), "show IT-1001").await;
            // The answer must be decided and have been tried before the clock is moved.
            patiently("the answer is tried", async {
                while desk.tries(world.platform()) == 0 || desk.store().counts().await.expect("counts").waiting == 0 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            desk.wait_out(world.platform(), 2 * HOUR).await;
            world.inject(Fault::Return);
            desk.pass(HOUR).await;
            desk.settle().await;
            let told = desk.last_private(&world, "jeff");
            let is_told = told.contains("IT-1001") && told.contains("Sorry for the wait");
            // Slack has a private way in the channel, too (ephemeral), which needs no direct conversation.
            assert_eq!(is_told, !is_closed || world.platform() == "slack", "{what}: {told}");
            for channel in ["random", "sales", "general"] {
                assert_eq!(said(&world, "ada", channel), Vec::<String>::new(), "{what}: nobody else sees it");
            }
            let counts = desk.store().counts().await.expect("counts");
            assert_eq!((counts.waiting, counts.held), (0, 0), "{what}: the private answer has ended");
            assert_eq!(counts.failed, u64::from(is_closed && !is_told), "{what}");
            desk.end_with_refusals().await;
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_held_for_a_month_ends_and_is_listed() {
    on_each(Setup::default(), async |desk, world| {
        desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        world.inject(Fault::CloseChannel { channel: "sales".to_owned() });
        desk.command(&world, "mia", "reply IT-1001 try the one next door").await;
        desk.pass(29 * DAY).await;
        assert_eq!(desk.store().listed(Listed::Failed, None, None, 10).await.expect("a list"), []);
        desk.pass(2 * DAY).await;
        patiently("it ends", async {
            while desk.store().counts().await.expect("counts").failed == 0 {
                desk.pass(DAY).await;
            }
        })
        .await;
        assert_eq!(desk.held().await, []);
        let failed = desk.store().listed(Listed::Failed, None, None, 10).await.expect("a list");
        assert_eq!(failed.len(), 1, "{failed:#?}");
        assert!(!failed[0].error.is_empty());
        desk.end_with_refusals().await;
    })
    .await;
}

#[tokio::test]
async fn effects_of_another_version_are_set_aside_and_kept_for_it() {
    let mut desk = Desk::open_with(Setup::default()).await;
    let file = desk.folder.path().join("desk.db");
    for world in desk.worlds() {
        desk.ask(&world, "jeff", "@desk the printer is jammed").await;
    }
    desk.stop().await;
    // Effects of an unknown kind: more than a page of the outbox, and older than all later effects.
    let mut raw = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("opened");
    let unknown = "INSERT INTO effects (id, subject_kind, subject_id, outlet, lane, gate, order_key, kind, what_json, state, \
                   due_at_ms, created_at_ms) WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 300) SELECT \
                   printf('0%025d', n), 'ticket', '1', CASE n % 2 WHEN 0 THEN 'slack' ELSE 'discord' END, 0, '0sing', 'sing:' || n, \
                   'sing', '{\"kind\":\"sing\",\"song\":\"la\"}', 'pending', 0, 0 FROM n";
    sqlx::raw_sql(unknown).execute(&mut raw).await.expect("written");
    raw.close().await.expect("closed");
    for _ in 0..2 {
        desk.start().await;
        for world in desk.worlds() {
            let before = said(&world, "ada", "sales").len();
            desk.pass(HOUR).await;
            desk.ask(&world, "ana", "@desk no sound").await;
            assert_eq!(said(&world, "ada", "sales").len(), before + 1, "{}", world.platform());
        }
        let held = desk.store().listed(Listed::Held, None, None, 1_000).await.expect("a list");
        assert_eq!(held.iter().filter(|effect| effect.kind == "sing").count(), 300, "they are kept");
        desk.stop().await;
    }
    // Their words are kept for a version that knows the kind.
    let mut raw = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("opened");
    let kept = "SELECT count(*) FROM effects WHERE what_json LIKE '%song%'";
    let kept: i64 = sqlx::query_scalar(kept).fetch_one(&mut raw).await.expect("a number");
    assert_eq!(kept, 300);
    sqlx::raw_sql("DELETE FROM effects WHERE kind = 'sing'").execute(&mut raw).await.expect("gone");
    raw.close().await.expect("closed");
    desk.start().await;
    desk.end_with_errors().await;
}

#[tokio::test]
async fn what_fails_alone_is_held_so_that_those_behind_it_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = kit::open(&folder.path().join("desk.db")).await;
    let ticket = kit::opened(&store, 1, &kit::channel("C1"), "U1", kit::at(0)).await;
    let (intake, platform) = (kit::intake(Arc::clone(&store)), Arc::new(RefusesOne::default()));
    let timing = Timing {
        lease: Duration::from_secs(60),
        call_timeout: Duration::from_secs(10),
        take_over_pause: Duration::from_secs(1),
        retry_limit: Duration::from_secs(15 * 60),
        gather: Duration::ZERO,
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(bare::limited(&intake, &store, &platform, timing).without_limits().run(stop.clone()));
    let say = async |root: &str, words: &str| {
        let place = kit::channel("C1").thread(root);
        kit::write(&store, [], [kit::about(&ticket, kit::said(place, words, Lane::Answer))]).await;
    };
    platform.refuses.store(true, Ordering::SeqCst);
    say("1", "ill-fated").await;
    say("1", "behind it").await;
    let all_is_done = async || {
        patiently("nothing is under way", async {
            while store.counts().await.expect("counts").leased > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    let mut minutes = 0;
    while store.counts().await.expect("counts").held == 0 {
        minutes += 1;
        assert!(minutes < 120, "the effect is never held");
        assert!(
            !platform.said().contains(&"behind it".to_owned()),
            "the next effect waits until the first one is held"
        );
        let words = format!("well {minutes}");
        say(&format!("9{minutes}"), &words).await;
        patiently("others are delivered", async {
            while !platform.said().contains(&words) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        intake.clock().advance(Duration::from_secs(60));
        all_is_done().await;
    }
    assert!(minutes > 15, "it was held before the time limit of the settings: {minutes} minutes");
    patiently("the effect behind it is delivered", async {
        while !platform.said().contains(&"behind it".to_owned()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let held = store.listed(Listed::Held, None, None, 10).await.expect("a list");
    assert_eq!(held.len(), 1);
    assert!(held[0].held_in.as_ref().is_some_and(|by| by.starts_with("effect:")), "{held:#?}");
    // A held effect is tried again from time to time.
    platform.refuses.store(false, Ordering::SeqCst);
    patiently("it is delivered after all", async {
        while !platform.said().iter().any(|words| words == "ill-fated") {
            intake.clock().advance(Duration::from_secs(60));
            tokio::task::yield_now().await;
        }
    })
    .await;
    all_is_done().await;
    assert_eq!(platform.said().iter().filter(|words| *words == "ill-fated").count(), 1);
    assert_eq!(store.counts().await.expect("counts").held, 0);
    stop.cancel();
    running.await.expect("it does not panic");
    store.close().await;
}

/// A platform that refuses one message with HTTP status 500 while `refuses` is set.
#[derive(Default)]
struct RefusesOne {
    refuses: AtomicBool,
    said: Mutex<Vec<String>>,
}

impl RefusesOne {
    fn said(&self) -> Vec<String> {
        self.said.lock().expect("nobody panicked").clone()
    }
}

#[async_trait]
impl Delivers for RefusesOne {
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let Operation::Post { to, message, .. } = &delivery.operation else { return Ok(Receipt::Changed) };
        let words = message.lines.last().and_then(|line| line.0.first()).map(|span| match span {
            Span::Said(text) | Span::Quoted(text) => text.clone(),
            other => format!("{other:?}"),
        });
        let words = words.unwrap_or_default();
        if words == "ill-fated" && self.refuses.load(Ordering::SeqCst) {
            return Err(DeliveryError::Temporary("HTTP status 500".to_owned()));
        }
        let mut said = self.said.lock().expect("nobody panicked");
        said.push(words);
        Ok(Receipt::Posted(kit::message(to.channel(), &said.len().to_string())))
    }
}

#[tokio::test]
async fn an_operator_lists_what_is_held_and_sends_it_beside_the_running_bot() {
    on_each(Setup::default(), async |desk, world| {
        let url = format!("sqlite://{}", desk.folder.path().join("desk.db").display());
        let environment = [("DESKBELL__DATABASE__URL", url.as_str())];
        let effects = async |line: &str| run(desk.folder.path(), line, &environment).await.succeeded().out;
        desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        world.inject(Fault::CloseChannel { channel: "sales".to_owned() });
        desk.command(&world, "mia", "reply IT-1001 try the one next door").await;
        let listed = effects("effects").await;
        assert!(listed.contains("Nothing waits.") && listed.contains("Nothing failed for good."), "{listed}");
        assert!(
            listed.contains("held:") && listed.contains("IT-1001") && listed.contains("cannot be written to"),
            "{listed}"
        );
        assert!(!listed.contains("next door"), "{listed}");
        let json: serde_json::Value =
            serde_json::from_str(&effects("effects --held --json").await).expect("one object");
        let place = json["held_in"].as_str().expect("a place").to_owned();
        assert!(listed.contains(&place), "{listed}");
        // The channel is still closed: the effect is held again, and nobody is told a second time.
        desk.pass(HOUR / 60).await;
        let desks = said(&world, "mia", "desk-triage").len();
        let tried = effects("effects retry --all").await;
        assert!(tried.contains("1 effect is tried again"), "{tried}");
        patiently("it is tried and held again", async {
            while desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count() < 2
                || desk.store().counts().await.expect("counts").held == 0
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
        desk.settle().await;
        assert_eq!(said(&world, "mia", "desk-triage").len(), desks, "nobody is told again");
        world.inject(Fault::OpenChannel { channel: "sales".to_owned() });
        desk.pass(HOUR / 60).await;
        let tried = effects(&format!("effects retry --in {place}")).await;
        assert!(tried.contains("1 effect is tried again"), "{tried}");
        patiently("it is there", async {
            while !said(&world, "ada", "sales").iter().any(|text| text.contains("next door")) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(see(&world, "ada").channels.iter().filter(|channel| channel.direct).count(), 1);
        desk.end_with_refusals().await;
    })
    .await;
}
