//! Events that come twice, answers that are lost and connections that break: each request has one ticket, one answer
//! and one card.

use std::time::Duration;

use deskbell::intake;
use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Fault, MessageView, Spot};
use deskbell::store::{Listed, Release};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::harness::{Desk, Setup, on_each, patiently, see};
use crate::looks::ReadRecord as _;

const SLACK: Platforms = Platforms { slack: true, discord: false, slack_http: false };
const DISCORD: Platforms = Platforms { slack: false, discord: true, slack_http: false };
const POSTING: [(Platforms, &str); 2] = [(SLACK, "chat.postMessage"), (DISCORD, "POST /channels/{id}/messages")];
/// A time limit for calls that is short enough for a test.
const HASTY: &str = "[timing]\ncall_timeout = \"1s\"\n";

impl Desk {
    async fn on(platforms: Platforms, more: &'static str) -> Self {
        Self::open_with(Setup { platforms, extra_settings: more, ..Setup::default() }).await
    }

    async fn tickets(&self) -> u64 {
        self.store().total().await.expect("a number")
    }

    /// The bot's messages that are in a channel and its threads now, without those for one person alone.
    fn said_in(&self, channel: &str) -> Vec<MessageView> {
        let view = see(&self.worlds()[0], "mia");
        let channel = view.channels.into_iter().find(|known| known.name == channel).expect("it is there");
        let all = channel.messages.into_iter().flat_map(|mut message| {
            let thread = std::mem::take(&mut message.thread);
            std::iter::once(message).chain(thread)
        });
        all.filter(|message| message.bot && !message.only_you).collect()
    }

    /// Asserts that there is exactly one ticket, one answer under the mention and one card.
    async fn assert_once(&self, what: &str) {
        let transcript = self.transcript(&self.worlds()[0]);
        assert_eq!(self.tickets().await, 1, "{what}: one ticket\n{transcript}");
        assert_eq!(self.said_in("sales").len(), 1, "{what}: one answer\n{transcript}");
        assert_eq!(self.said_in("desk-triage").len(), 1, "{what}: one card\n{transcript}");
    }

    /// Waits until `so` returns true. It is called again after each change of the journal or the store.
    async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let (mut grown, mut changed) = (self.stage.journal.grown(), self.store().changed());
        patiently(what, async {
            loop {
                grown.mark_unchanged();
                changed.mark_unchanged();
                if so().await {
                    return;
                }
                tokio::select! {
                    _ = grown.changed() => {}
                    _ = changed.changed() => {}
                }
            }
        })
        .await;
    }

    /// Stops the program, moves the clock by five seconds, and starts the program again.
    async fn restart(&mut self) {
        self.stop().await;
        self.stage.clock.advance(Duration::from_secs(5));
        self.start().await;
    }

    /// Moves the clock in eight steps of ten seconds, so that failed tries are repeated.
    async fn pass_slowly(&self) {
        for _ in 0..8 {
            self.pass(Duration::from_secs(10)).await;
        }
    }
}

#[tokio::test]
async fn an_event_that_comes_twice_counts_once() {
    for slack_http in [false, true] {
        let desk = Desk::on(Platforms { slack_http, ..SLACK }, "").await;
        let world = desk.slack();
        world.inject(Fault::DeliverTwice { times: 3 });
        let ask = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        let thread = Spot::thread("sales", &ask.id);
        desk.say(&world, "jeff", &thread, "it is the blue one").await;
        desk.say(&world, "mia", &thread, "@desk claim").await;
        desk.pass_slowly().await;
        assert_eq!(desk.tickets().await, 1);
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        let records = desk.store().records(ticket.id).await.expect("records");
        let blue = records.iter().filter(|record| record.text == "it is the blue one").count();
        assert_eq!(blue, 1, "{records:#?}");
        let transcript = desk.transcript(&world);
        // In the desk's channel: the card and the line under it. In #sales: the answer, and the news that Mia has the
        // ticket.
        assert_eq!(desk.said_in("desk-triage").len(), 2, "{transcript}");
        assert_eq!(desk.said_in("sales").len(), 2, "{transcript}");
        desk.end().await;
    }
}

#[tokio::test]
async fn a_socket_that_drops_before_the_acknowledgement_loses_nothing() {
    let desk = Desk::on(SLACK, "").await;
    let world = desk.slack();
    for (text, at) in [("@desk one", 1), ("@desk two", 2), ("@desk three", 3)] {
        let who = ["jeff", "ana", "sam"][at - 1];
        world.say(who, &Spot::channel("sales"), text, None).await.expect("said");
        world.inject(Fault::DropSockets);
        patiently("it connects again", world.connected()).await;
        desk.settle().await;
        assert_eq!(desk.tickets().await, at as u64, "{}", desk.transcript(&world));
    }
    assert_eq!(desk.said_in("desk-triage").len(), 3);
    // Slack's SDK logs a broken connection as an error. The program's own log leaves this out.
    let errors = desk.end_with_errors().await;
    assert!(errors.iter().all(|error| error.contains("slack_wss_client_id")), "{errors:?}");
}

#[tokio::test]
async fn what_is_said_while_nobody_is_connected_is_heard_afterwards() {
    let mut desk = Desk::on(SLACK, "").await;
    let world = desk.slack();
    desk.stop().await;
    world.say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");
    desk.start().await;
    desk.settle().await;
    desk.assert_once("after a stop").await;
    desk.end().await;
}

#[tokio::test]
async fn when_slack_asks_to_reconnect_it_goes_on() {
    let desk = Desk::on(SLACK, "").await;
    let world = desk.slack();
    world.inject(Fault::AskReconnect);
    desk.ask(&world, "jeff", "@desk the printer is jammed").await;
    desk.until("a second socket is opened", async || {
        desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "connected").count() >= 2
    })
    .await;
    desk.settle().await;
    desk.assert_once("asked to reconnect").await;
    desk.ask(&world, "ana", "@desk the door is stuck").await;
    assert_eq!(desk.tickets().await, 2);
    desk.end().await;
}

#[tokio::test]
async fn a_broken_gateway_connection_is_resumed_or_caught_up() {
    for fault in [Fault::DropSockets, Fault::AskReconnect] {
        let desk = Desk::on(DISCORD, "").await;
        let world = desk.discord();
        world.inject(fault.clone());
        world.say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");
        patiently("it connects again", world.connected()).await;
        desk.until("it is answered", async || {
            desk.said_in("sales").len() == 1 && desk.said_in("desk-triage").len() == 1
        })
        .await;
        world.say("ana", &Spot::channel("sales"), "@desk the door is stuck", None).await.expect("said");
        desk.until("it goes on", async || desk.said_in("sales").len() == 2 && desk.said_in("desk-triage").len() == 2)
            .await;
        assert_eq!(desk.tickets().await, 2, "{fault:?}");
        assert_eq!(world.faults_seen(), Vec::<String>::new());
        desk.stop_unchecked().await;
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_not_repeated() {
    for (platforms, method) in POSTING {
        let desk = Desk::on(platforms, "").await;
        let world = desk.worlds()[0].clone();
        world.inject(Fault::LoseAnswer { method: method.to_owned(), times: 2 });
        desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        desk.pass_slowly().await;
        desk.assert_once(method).await;
        // The card that was found is on record: it is changed, not posted again.
        desk.press(&world, "mia", "desk-triage", "Take it").await;
        desk.pass_slowly().await;
        assert_eq!(desk.said_in("desk-triage").len(), 1, "{}", desk.transcript(&world));
        desk.end().await;
    }
}

#[tokio::test]
async fn what_was_posted_unknown_to_us_goes_with_the_words_that_it_shows() {
    for (platforms, method) in POSTING {
        // The requester's words have a button under the card, a third person's have none.
        for who in ["jeff", "ana"] {
            let desk = Desk::on(platforms, "").await;
            let world = desk.worlds()[0].clone();
            let ask = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
            world.inject(Fault::LoseAnswer { method: method.to_owned(), times: 1 });
            let line = desk.say(&world, who, &Spot::thread("sales", &ask.id), "my number is 4711").await;
            let shown = || desk.said_in("desk-triage").iter().filter(|shown| shown.text.contains("4711")).count();
            assert_eq!(shown(), 1, "{method}: it was posted\n{}", desk.transcript(&world));
            world.delete(who, &line).await.expect("deleted");
            desk.settle().await;
            desk.pass_slowly().await;
            assert_eq!(shown(), 0, "{method}, {who}: it is still there\n{}", desk.transcript(&world));
            desk.end().await;
        }
    }
}

#[tokio::test]
async fn what_fails_for_a_while_is_delivered_later_and_once() {
    for (platforms, method) in POSTING {
        let mut desk = Desk::on(platforms, "").await;
        let world = desk.worlds()[0].clone();
        world.inject(Fault::Fail { method: method.to_owned(), status: 500, times: 4 });
        desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        assert_eq!(desk.said_in("sales").len() + desk.said_in("desk-triage").len(), 0, "nothing is posted yet");
        desk.pass_slowly().await;
        desk.assert_once(method).await;
        desk.expect_refusals(4);
        let logged = desk.end_with_errors().await;
        assert_eq!(logged.len(), 1, "{logged:?}");
        assert!(logged[0].contains("the platform takes nothing"), "{logged:?}");
    }
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_and_made_again() {
    for (platforms, method) in POSTING {
        let mut desk = Desk::on(platforms, HASTY).await;
        let world = desk.worlds()[0].clone();
        world.inject(Fault::Hang { method: method.to_owned(), times: 2 });
        desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        desk.pass_slowly().await;
        desk.assert_once(method).await;
        desk.expect_refusals(2);
        desk.end().await;
    }
}

#[tokio::test]
async fn stopped_and_started_again_it_keeps_its_tickets_and_works_on() {
    for platforms in [SLACK, Platforms { slack_http: true, ..SLACK }, DISCORD] {
        let mut desk = Desk::on(platforms, "").await;
        let world = desk.worlds()[0].clone();
        let ask = desk.ask(&world, "jeff", "@desk the printer is jammed").await;
        desk.restart().await;
        desk.assert_once("after a restart").await;
        let thread = Spot::thread("sales", &ask.id);
        desk.say(&world, "jeff", &thread, "it is the blue one").await;
        desk.press(&world, "mia", "desk-triage", "Take it").await;
        desk.restart().await;
        desk.press(&world, "mia", "desk-triage", "Reply to requester").await;
        desk.fill(&world, "mia", "Use the red one.").await;
        desk.say(&world, "mia", &thread, "@desk resolve moved to the red one").await;
        desk.ask(&world, "ana", "@desk the door is stuck").await;
        let tickets = desk.store().tickets(None, 10).await.expect("tickets");
        let all: Vec<_> = tickets.iter().map(|ticket| (ticket.key.to_string(), ticket.status.name())).collect();
        assert_eq!(all, [("IT-1002".to_owned(), "new"), ("IT-1001".to_owned(), "resolved")]);
        let transcript = desk.transcript(&world);
        assert!(transcript.contains("Use the red one."), "{transcript}");
        desk.end().await;
    }
}

#[tokio::test]
async fn by_signed_http_the_whole_job_is_done() {
    let desk = Desk::on(Platforms { slack_http: true, ..SLACK }, "").await;
    let world = desk.slack();
    let ask = desk.ask(&world, "jeff", "@desk printer on 3 prints blank pages").await;
    let thread = Spot::thread("sales", &ask.id);
    desk.press(&world, "mia", "desk-triage", "Take it").await;
    desk.press(&world, "mia", "desk-triage", "Reply to requester").await;
    desk.fill(&world, "mia", "I've moved you to the printer next door.").await;
    desk.say(&world, "jeff", &thread, "thanks, works!").await;
    desk.command(&world, "mia", "show IT-1001").await;
    assert!(desk.last_private(&world, "mia").contains("IT-1001"), "{}", desk.last_private(&world, "mia"));
    desk.say(&world, "mia", &thread, "@desk resolve moved").await;
    let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
    assert_eq!(ticket.status.name(), "resolved");
    assert!(desk.transcript(&world).contains("I've moved you to the printer next door."));
    desk.end().await;
}

#[tokio::test]
async fn what_is_not_signed_by_slack_now_opens_nothing() {
    let desk = Desk::on(Platforms { slack_http: true, ..SLACK }, "").await;
    let stage = &desk.stage;
    let body = serde_json::json!({
        "type": "event_callback", "team_id": stage.slack.team_id(), "event_id": "Ev1", "event_time": 1,
        "authorizations": [{"team_id": stage.slack.team_id(), "user_id": stage.slack.bot_user_id(), "is_bot": true}],
        "event": {"type": "message", "channel": stage.slack.channel_id("sales"), "channel_type": "channel",
            "user": stage.slack.person_id("jeff"), "ts": "1772442000.000100", "event_ts": "1772442000.000100",
            "text": format!("<@{}> the printer is jammed", stage.slack.bot_user_id())},
    })
    .to_string();
    let now = stage.clock.now().as_second();
    let secret = stage.slack.signing_secret();
    let cases = [
        ("right, but for another body", now, sign(&secret, now, "another"), 401),
        ("by another secret", now, sign("guess", now, &body), 401),
        ("unsigned", now, String::new(), 401),
        ("stale", now - 301, sign(&secret, now - 301, &body), 401),
        ("of another time", now, sign(&secret, now - 10, &body), 401),
        ("right", now, sign(&secret, now, &body), 200),
    ];
    for (what, stamp, signature, expected) in cases {
        for path in ["events", "interactions", "commands"] {
            if expected == 200 && path != "events" {
                continue;
            }
            let request = reqwest::Client::builder().no_proxy().build().expect("a client");
            let answer = request
                .post(format!("http://{}/slack/{path}", desk.app().address()))
                .header("content-type", "application/json")
                .header("x-slack-request-timestamp", stamp)
                .header("x-slack-signature", &signature)
                .body(body.clone())
                .send()
                .await
                .expect("an answer");
            assert_eq!(answer.status().as_u16(), expected, "{what}, to {path}");
        }
        desk.settle().await;
        // The last case shows that only the signatures and times of the others were wrong.
        assert_eq!(desk.tickets().await, u64::from(expected == 200), "{what}");
    }
    end_quietly(desk).await;
}

/// The app's signing secret is the same in every workspace that installs the app.
#[tokio::test]
async fn nothing_of_another_workspace_is_handled() {
    let desk = Desk::on(Platforms { slack_http: true, ..SLACK }, "").await;
    let world = desk.slack();
    desk.ask(&world, "jeff", "@desk printer on 3 prints blank pages").await;
    let slack = &desk.stage.slack;
    let ticket = desk.store().tickets(None, 1).await.expect("tickets").remove(0);
    let claim = intake::acts().find(|spec| spec.name == "claim").expect("an act").on(ticket.tag()).to_string();
    let (channel, mia) = (slack.channel_id("desk-triage"), slack.person_id("mia"));
    let click = |team: &str, number: u32| {
        let click = serde_json::json!({
            "type": "block_actions", "team": {"id": team, "domain": "x"}, "user": {"id": mia, "username": "mia"},
            "container": {"type": "message", "message_ts": "5.000001", "channel_id": channel},
            "trigger_id": "1.2.x", "channel": {"id": channel, "name": "desk-triage"},
            "message": {"ts": "5.000001", "text": "…"},
            "actions": [{"action_id": claim, "block_id": "b", "type": "button", "action_ts": format!("6.00000{number}")}],
        });
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &click.to_string()).finish()
    };
    let now = desk.stage.clock.now().as_second();
    for (number, team, status) in [(1, "TOTHER".to_owned(), "new"), (2, slack.team_id(), "in_progress")] {
        let body = click(&team, number);
        let request = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = request
            .post(format!("http://{}/slack/interactions", desk.app().address()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", now)
            .header("x-slack-signature", sign(&slack.signing_secret(), now, &body))
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 200, "{team}");
        desk.settle().await;
        let ticket = desk.store().ticket(ticket.id).await.expect("an answer").expect("a ticket");
        assert_eq!(ticket.status.name(), status, "{team}");
    }
    desk.end_with_errors().await;
}

/// With Slack's Delayed Events, refused events are sent again every hour for a day. Each opens one request, however
/// late.
#[tokio::test]
async fn what_comes_hours_late_opens_one_request() {
    let http = Platforms { slack: true, discord: false, slack_http: true };
    let desk = Desk::on(http, "").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let refusing = listener.local_addr().expect("it is bound");
    let refuses = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let _ = stream.read(&mut [0; 65_536]).await;
                let _ = stream.write_all(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
            });
        }
    });
    desk.slack().inject(Fault::DelayEvents);
    desk.stage.slack.set_http_target(format!("http://{refusing}"));
    desk.slack().say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");
    let tries = || {
        let entries = desk.stage.journal.since(0);
        entries.iter().filter(|entry| entry.kind == "delivered" && entry.text("type") == "message").count()
    };
    desk.until("it was refused four times", async || tries() >= 4).await;
    assert_eq!(desk.tickets().await, 0);
    desk.stage.slack.set_http_target(format!("http://{}", desk.app().address()));
    patiently("it comes an hour later", async {
        while desk.tickets().await == 0 {
            desk.stage.clock.advance(Duration::from_secs(60));
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(tries(), 5);
    refuses.abort();
    end_quietly(desk).await;
}

/// Ends a test without checks. (An answer to a message that the test has made up is refused.)
async fn end_quietly(desk: Desk) {
    desk.stop_unchecked().await;
}

fn sign(secret: &str, stamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key does");
    mac.update(format!("v0:{stamp}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_card_that_could_not_be_shown_is_shown_before_the_next_line_under_it() {
    on_each(Setup::default(), async |mut desk, world| {
        world.inject(Fault::CloseChannel { channel: "desk-triage".to_owned() });
        let ask = desk.ask(&world, "jeff", "@desk printer smokes").await;
        desk.say(&world, "jeff", &Spot::thread("sales", &ask.id), "and now it burns").await;
        let held = desk.store().listed(Listed::Held, None, None, 10).await.expect("a list");
        assert_eq!(held.len(), 2, "{}: {held:#?}", world.platform());
        world.inject(Fault::OpenChannel { channel: "desk-triage".to_owned() });
        desk.pass(Duration::from_secs(1)).await;
        // Only the line is released: its card is delivered before it.
        let line = held.iter().find(|effect| effect.kind == "show_lines").expect("the line is held");
        let released = desk.store().release(Release::One(line.id.clone()), desk.stage.clock.now()).await;
        assert_eq!(released.expect("it is released"), 1);
        desk.settle().await;
        let transcript = desk.transcript(&world);
        assert!(transcript.contains("Desk: IT-1001  printer smokes"), "{transcript}");
        assert!(transcript.contains("└ Desk: Jeff: and now it burns"), "{transcript}");
        let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
        desk.expect_refusals(refused);
        desk.end_with_errors().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_handled_by_a_fault_of_ours_is_kept_whole_and_said() {
    use sqlx::Connection as _;
    let desk = Desk::open().await;
    for world in desk.worlds() {
        desk.ask(&world, "jeff", "@desk printer smokes").await;
    }
    // The rows of the tickets are damaged, so that the tickets cannot be read.
    let file = desk.folder.path().join("desk.db");
    let mut raw = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("opened");
    sqlx::query("UPDATE tickets SET origin_message_json = '{}'").execute(&mut raw).await.expect("written");
    raw.close().await.expect("closed");
    for (world, key) in desk.worlds().into_iter().zip(["IT-1001", "IT-1002"]) {
        desk.command(&world, "mia", &format!("claim {key}")).await;
        assert!(desk.last_private(&world, "mia").starts_with("Sorry, something went wrong on my side"));
        // Other requests are handled.
        desk.say(&world, "ana", &deskbell::sandbox::Spot::channel("general"), "@desk my badge is lost").await;
    }
    let counts = desk.store().counts().await.expect("counts");
    assert_eq!((counts.dead, desk.store().total().await.expect("a number")), (2, 4));
    desk.stop_unchecked().await;
}

#[tokio::test]
async fn a_note_under_a_card_that_is_posted_and_not_known_yet_is_kept() {
    for (platforms, method) in POSTING {
        let desk = Desk::on(platforms, "").await;
        let world = desk.worlds()[0].clone();
        let triage = || see(&world, "mia").channels.into_iter().find(|channel| channel.name == "desk-triage");
        let card = || triage()?.messages.into_iter().find(|message| message.bot);
        // Card and confirmation are posted, but the answers to both calls are lost.
        world.inject(Fault::LoseAnswer { method: method.to_owned(), times: 2 });
        world.say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");
        desk.until("the card is posted", async || card().is_some()).await;
        let thread = Spot::thread("desk-triage", &card().expect("it stands").id);
        world.say("mia", &thread, "he means the blue one", None).await.expect("said");
        let is_recorded = async || {
            let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
            let records = desk.store().records(ticket.id).await.expect("records");
            records.iter().any(|record| record.text == "he means the blue one")
        };
        patiently("the note is on record", async {
            let mut grown = desk.stage.journal.grown();
            while !is_recorded().await {
                // The clock is moved whenever nothing has happened for ten milliseconds.
                grown.mark_unchanged();
                if tokio::time::timeout(Duration::from_millis(10), grown.changed()).await.is_err() {
                    desk.stage.clock.advance(Duration::from_millis(200));
                }
            }
        })
        .await;
        desk.pass_slowly().await;
        assert_eq!(desk.tickets().await, 1, "{method}");
        desk.end().await;
    }
}
