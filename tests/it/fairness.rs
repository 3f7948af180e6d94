//! A notice to many channels is posted evenly within the platforms' limits, and an answer to a person who asks
//! meanwhile does not wait for it.

use std::collections::HashMap;
use std::time::Duration;

use deskbell::domain::ids::PlatformName;
use deskbell::domain::message::Message;
use deskbell::domain::outcome::Outcome;
use deskbell::outbox::limits::bound;
use deskbell::sandbox::{Entry, Spot};

use crate::harness::{Desk, Setup};

/// More places than one window of either platform takes.
const DESTINATIONS: usize = 312;
/// How many places have the notice when a person asks. At the last numbers Slack's window is full.
const ASKED_AT: [usize; 4] = [20, 150, 298, 305];
/// The furthest that the clock is moved at once: longer than any wait of the bot in this test.
const STEP: Duration = Duration::from_millis(800);

#[tokio::test]
async fn a_notice_keeps_the_limits_and_delays_an_answer_by_a_second_at_most() {
    let more = "[intake]\nburst_window = \"0s\"\n";
    let desk = Desk::open_with(Setup { extra_settings: more, destinations: DESTINATIONS, ..Setup::default() }).await;
    let notice = Message::said("The printers on all floors are out of order.");
    for (platform, world) in PlatformName::ALL.into_iter().zip(desk.worlds()) {
        let places = desk.stage.destinations(platform);
        let begin = desk.stage.journal.len();
        let posted = || {
            let entries = desk.stage.journal.since(begin).into_iter();
            entries.filter(|entry| entry.kind == "posted" && entry.text("channel").starts_with("branch"))
        };
        let intake = desk.app().intake();
        assert_eq!(intake.notice("printers", &notice, &places).await.expect("is queued"), Outcome::Done(None));
        for count in ASKED_AT {
            desk.settle_until("the notice goes out", STEP, || posted().count() >= count).await;
            let text = format!("@desk scanner {count} is jammed");
            let asked = world.say("ana", &Spot::channel("sales"), &text, None).await.expect("said");
            let entry = |kind: &str, field: &str| {
                let entries = desk.stage.journal.since(begin);
                entries.into_iter().find(|entry| entry.kind == kind && entry.text(field) == asked.id)
            };
            let answered = || entry("posted", "thread").is_some();
            desk.settle_until("she is answered", STEP, answered).await;
            let at_ms = |entry: Option<Entry>| entry.expect("is in the journal").at_ms;
            let waited_ms = at_ms(entry("posted", "thread")) - at_ms(entry("said", "message"));
            assert!(waited_ms <= 1_000, "{platform}: at {count} posts she waits {waited_ms} ms");
        }
        desk.settle_until("everybody has the notice", STEP, || posted().count() >= DESTINATIONS).await;
        desk.settle().await;

        let mut times: HashMap<String, u32> = HashMap::new();
        posted().for_each(|entry| *times.entry(entry.text("channel_id").to_owned()).or_default() += 1);
        assert!(times.len() == DESTINATIONS && times.values().all(|times| *times == 1), "{platform}: {times:?}");
        let moments: Vec<i64> = posted().map(|entry| entry.at_ms).collect();
        let took = Duration::from_millis(u64::try_from(moments[DESTINATIONS - 1] - moments[0]).expect("it took time"));
        let least = bound(platform, &places);
        // If the clock is moved while a call is under way, the platform may count the call in another window and refuse
        // it. The call is then put off by a second, and so are those behind it.
        let most = least * 12 / 10 + Duration::from_secs(2);
        assert!(took >= least && took <= most, "{platform}: {took:?}, where {least:?} is the least");

        // A repeated notice, as after a failure, is posted only to places that do not have it.
        assert_eq!(intake.notice("printers", &notice, &places).await.expect("is queued"), Outcome::Repeated);
        desk.settle().await;
        assert_eq!(posted().count(), DESTINATIONS);
    }
    desk.end().await;
}
