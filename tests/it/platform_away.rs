//! A platform that takes no calls for a long time, while people on both platforms go on writing. Awaited effects are
//! neither given up nor doubled, and are delivered once the platform takes calls again.

use std::sync::Arc;
use std::time::Duration;

use deskbell::sandbox::{Absence, Fault, MessageView, Spot, World};
use deskbell::store::Listed;

use crate::harness::{Desk, Setup, as_typed, by_platform, on_each, patiently, see};
use crate::looks::ReadRecord as _;

/// A short `retry_limit` (how long one effect may fail while others do not), so that an hour is much longer.
const HASTY: &str = "[timing]\nretry_limit = \"3s\"\n";
const HOUR: Duration = Duration::from_secs(3600);

fn between(status: u16, body: &str) -> Absence {
    Absence::Intercepted { method: "*".to_owned(), status, body: body.to_owned() }
}

/// The ways for a platform to be away while its events still arrive.
fn absences() -> Vec<(&'static str, Absence)> {
    vec![
        ("503", between(503, "")),
        ("a blocking proxy", between(403, "<html>blocked</html>")),
        ("a page that is not there", between(404, "{}")),
        ("a proxy's bad request", between(400, "<h1>Bad Request</h1>")),
        ("a login page", between(200, "<html>please sign in</html>")),
    ]
}

impl Desk {
    /// Moves the clock by `how_long` while a platform takes no calls, from one try of the bot to the next.
    pub async fn wait_out(&self, platform: &str, how_long: Duration) {
        self.await_dispatchers().await;
        let end = self.stage.clock.now() + jiff::SignedDuration::try_from(how_long).expect("a span");
        while self.stage.clock.now() < end {
            let before = self.tries(platform);
            let wake = self.stage.clock.next_wake();
            let step = self.stage.clock.now() + jiff::SignedDuration::from_secs(60);
            let until = wake.map_or(step, |wake| wake.min(step)).min(end);
            self.stage.clock.advance_to(until);
            if wake.is_none_or(|wake| wake > until) {
                continue;
            }
            let tried = async {
                while self.tries(platform) == before
                    && self.stage.clock.next_wake().is_none_or(|next| Some(next) == wake)
                {
                    tokio::task::yield_now().await;
                }
            };
            patiently("the next try", tried).await;
            self.await_dispatchers().await;
        }
    }

    /// Whether every dispatcher has acted on the newest commit and has leased nothing. The clock must not be moved
    /// before: an effect would be delivered later than the dispatcher assumed when it composed the message.
    pub async fn dispatchers_wait(&self) -> bool {
        let have_acted = || self.stage.clock.have_all_acted_on(*self.store().changed().borrow());
        have_acted() && self.store().counts().await.expect("counts").leased == 0 && have_acted()
    }

    async fn await_dispatchers(&self) {
        patiently("the dispatchers wait", async {
            while !self.dispatchers_wait().await {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Returns how many calls the platform has not taken because it was away.
    pub fn tries(&self, platform: &str) -> usize {
        let entries = self.stage.journal.since(0);
        entries.iter().filter(|entry| entry.kind == "absent" && entry.platform == platform).count()
    }
}

/// The texts of the bot in a channel and its threads, as `who` sees them, without those for `who` alone.
pub fn said(world: &Arc<dyn World>, who: &str, channel: &str) -> Vec<String> {
    let view = see(world, who);
    let channel = view.channels.into_iter().find(|known| known.name == channel).expect("it is there");
    let all = channel.messages.into_iter().flat_map(|mut message: MessageView| {
        let thread = std::mem::take(&mut message.thread);
        std::iter::once(message).chain(thread)
    });
    all.filter(|message| message.bot && !message.only_you).map(|message| message.text.replace('*', "")).collect()
}

#[tokio::test]
async fn what_a_platform_refuses_for_an_hour_goes_out_once_when_it_is_well() {
    for (what, absence) in absences() {
        on_each(Setup { extra_settings: HASTY, ..Setup::default() }, async |mut desk, world| {
            let other = desk.other(&world);
            let platform = world.platform();
            world.inject(Fault::Leave(absence.clone()));
            world.say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");
            other.say("ana", &Spot::channel("sales"), "@desk no sound", None).await.expect("said");
            patiently("both are heard", async {
                while desk.store().total().await.expect("a number") < 2 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            desk.wait_out(platform, HOUR).await;
            assert_eq!(said(&world, "mia", "sales"), Vec::<String>::new(), "{platform}, {what}");
            let tries = desk.tries(platform);
            // The exact number depends on how the clock is moved. The breaker's unit tests check it.
            assert!((1..400).contains(&tries), "{platform}, {what}: {tries} tries in an hour");
            // People on the other platform are answered.
            let told = said(&other, "mia", "sales");
            assert_eq!(told.len(), 1, "{platform}, {what}: {told:?}");
            world.inject(Fault::Return);
            desk.settle_until("it goes out", HOUR, || said(&world, "mia", "sales").len() == 1).await;
            desk.settle().await;
            let told = said(&world, "mia", "sales");
            assert!(told[0].contains("IT-100"), "{platform}, {what}: {told:?}");
            let cards = said(&world, "mia", "desk-triage");
            assert_eq!(cards.iter().filter(|text| text.starts_with("IT-100")).count(), 2, "{what}: {cards:#?}");
            let failed = desk.store().listed(Listed::Failed, None, None, 10).await.expect("a list");
            assert!(failed.is_empty(), "{platform}, {what}: {failed:?}");
            // A login page is an answer of unknown outcome, so the post is looked for. On Discord the look-up is
            // refused: the thread was never made.
            let looks = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
            assert!(looks == 0 || (platform == "discord" && what == "a login page"), "{platform}, {what}: {looks}");
            desk.expect_refusals(looks);
            desk.end_with_errors().await;
        })
        .await;
    }
}

#[tokio::test]
async fn while_it_is_away_one_look_is_taken_now_and_then_whatever_waits() {
    on_each(Setup { extra_settings: HASTY, ..Setup::default() }, async |desk, world| {
        let platform = world.platform();
        world.inject(Fault::Leave(between(503, "")));
        for number in 0..40 {
            let who = world.add_person(&format!("p{number}"), &format!("Pat {number}"));
            assert!(!who.is_empty());
            world.say(&format!("p{number}"), &Spot::channel("sales"), "@desk no sound", None).await.expect("said");
        }
        patiently("all are heard", async {
            while desk.store().total().await.expect("a number") < 40 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        desk.wait_out(platform, Duration::from_secs(120)).await;
        let before = desk.tries(platform);
        desk.wait_out(platform, HOUR).await;
        let tries = desk.tries(platform) - before;
        assert!((1..260).contains(&tries), "{platform}: {tries} tries in an hour while 40 requests wait");
        world.inject(Fault::Return);
        desk.settle_until("all is said", HOUR, || said(&world, "mia", "sales").len() == 40).await;
        desk.settle().await;
        let waiting = desk.store().counts().await.expect("counts").waiting;
        assert_eq!(waiting, 0, "{platform}");
        desk.end_with_errors().await;
    })
    .await;
}

#[tokio::test]
async fn a_revoked_token_is_waited_out_and_told_on_the_other_platform() {
    on_each(Setup { extra_settings: HASTY, ..Setup::default() }, async |desk, world| {
        let other = desk.other(&world);
        let ask = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        world.inject(Fault::Leave(Absence::TokenRefused));
        // An agent on the other platform goes on.
        let at = Spot::channel("random");
        other.command("mia", &at, &as_typed(&other, "reply IT-1001 try the one next door")).await.expect("given");
        // Wait for the private answer to the agent before the clock moves: within the hour, the token for it runs out.
        patiently("the agent is answered", async {
            while desk.last_private(&other, "mia").is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        desk.wait_out(world.platform(), HOUR).await;
        let is_told = || said(&other, "mia", "desk-triage").iter().any(|text| text.contains("token"));
        desk.settle_until("the desk is told", Duration::ZERO, is_told).await;
        world.inject(Fault::Return);
        let thread = |text: &str| said(&world, "mia", "sales").iter().any(|line| line.contains(text));
        desk.settle_until("the reply is there", HOUR, || thread("try the one next door")).await;
        let replies = said(&world, "mia", "sales");
        assert_eq!(replies.iter().filter(|text| text.contains("next door")).count(), 1, "{replies:#?}");
        assert!(!ask.id.is_empty());
        desk.end_with_errors().await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_seen_late_in_the_history_is_not_posted_again() {
    on_each(Setup::default(), async |desk, world| {
        let method = by_platform(&world, "chat.postMessage", "POST /channels/{id}/messages");
        world.inject(Fault::Lag { by: Duration::from_secs(6) });
        world.inject(Fault::LoseAnswer { method: method.to_owned(), times: 1 });
        desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        for _ in 0..40 {
            desk.pass(Duration::from_secs(1)).await;
        }
        let told = said(&world, "mia", "sales");
        assert_eq!(told.len(), 1, "{}: {told:?}", world.platform());
        desk.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_under_a_request_that_is_gone_never_stands_in_the_channel() {
    let desk = Desk::open().await;
    let world = desk.slack();
    // The request is deleted before it is answered, so its thread no longer exists.
    world.inject(Fault::Leave(Absence::Intercepted {
        method: "chat.postMessage".to_owned(),
        status: 503,
        body: String::new(),
    }));
    let ask = world.say("jeff", &Spot::channel("sales"), "@desk my password is hunter2", None).await.expect("said");
    patiently("it is heard", async {
        while desk.store().total().await.expect("a number") < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.delete("jeff", &ask).await.expect("deleted");
    world.inject(Fault::Return);
    desk.settle_until("the desk hears of it", Duration::from_secs(60), || {
        said(&world, "mia", "desk-triage").iter().any(|text| text.contains("gone"))
    })
    .await;
    desk.settle().await;
    assert_eq!(said(&world, "mia", "sales"), Vec::<String>::new());
    // An agent's reply does not appear in the channel, either.
    desk.command(&world, "mia", "reply IT-1001 I have changed it").await;
    assert_eq!(said(&world, "mia", "sales"), Vec::<String>::new());
    let told = desk.last_private(&world, "mia");
    assert!(told.contains("gone"), "{told}");
    desk.end_with_errors().await;
}

#[tokio::test]
async fn an_answer_that_went_astray_unknown_to_us_is_found_and_taken_away() {
    let mut desk = Desk::open().await;
    let world = desk.slack();
    let method = "chat.postMessage".to_owned();
    world.inject(Fault::Leave(Absence::Intercepted { method: method.clone(), status: 503, body: String::new() }));
    let ask = world.say("jeff", &Spot::channel("sales"), "@desk my password is hunter2", None).await.expect("said");
    patiently("it is heard", async {
        while desk.store().total().await.expect("a number") < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.delete("jeff", &ask).await.expect("deleted");
    world.inject(Fault::LoseAnswer { method, times: 1 });
    world.inject(Fault::Return);
    for _ in 0..60 {
        desk.pass(Duration::from_secs(1)).await;
    }
    assert_eq!(said(&world, "mia", "sales"), Vec::<String>::new());
    let posted = desk.stage.journal.since(0);
    let posted = posted.iter().filter(|entry| entry.kind == "posted" && entry.text("channel") == "sales").count();
    assert!(posted <= 1, "it is not posted a second time: {posted}");
    let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    desk.expect_refusals(refused);
    desk.end_with_errors().await;
}

#[tokio::test]
async fn an_answer_under_a_request_of_which_a_tombstone_stands_goes_into_its_thread() {
    let desk = Desk::open().await;
    let world = desk.slack();
    let ask = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
    world.delete("jeff", &ask).await.expect("deleted");
    desk.settle().await;
    desk.command(&world, "mia", "reply IT-1001 it prints again").await;
    let view = see(&world, "mia");
    let sales = view.channels.iter().find(|channel| channel.name == "sales").expect("it is there");
    let top: Vec<&str> =
        sales.messages.iter().filter(|message| message.bot).map(|message| message.text.as_str()).collect();
    assert_eq!(top, Vec::<&str>::new(), "nothing stands in the channel itself");
    let told = said(&world, "mia", "sales");
    assert_eq!(told.iter().filter(|text| text.contains("it prints again")).count(), 1, "{told:?}");
    desk.end().await;
}
