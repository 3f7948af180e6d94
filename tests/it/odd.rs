//! Events with unexpected fields are heard all the same. Events that were left out are noticed and read afterwards. A
//! message that a history does not show is not taken for deleted. The bot does not connect so often that it loses its
//! token.

use std::time::Duration;

use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Fault, Spot};

use crate::harness::{Desk, Setup, patiently, see};
use crate::looks::ReadRecord as _;

const DISCORD: Platforms = Platforms { slack: false, discord: true, slack_http: false };
const SLACK: Platforms = Platforms { slack: true, discord: false, slack_http: false };
const EACH_A_TICKET: &str = "[intake]\nburst_window = \"0s\"\ndirect_window = \"0s\"\n";

async fn on(platforms: Platforms) -> Desk {
    Desk::open_with(Setup { platforms, extra_settings: EACH_A_TICKET, ..Setup::default() }).await
}

async fn tickets(desk: &Desk) -> u64 {
    desk.store().total().await.expect("a number")
}

/// Waits until there are at least `count` tickets.
async fn until_tickets(desk: &Desk, count: u64, what: &str) {
    let mut grown = desk.stage.journal.grown();
    patiently(what, async {
        while tickets(desk).await < count {
            // The journal may not change, so look again after a while.
            let _ = tokio::time::timeout(Duration::from_millis(20), grown.changed()).await;
        }
    })
    .await;
}

/// All words on record, oldest ticket first.
async fn texts(desk: &Desk) -> Vec<String> {
    let mut all = Vec::new();
    for ticket in desk.store().tickets(None, 1_000).await.expect("tickets").into_iter().rev() {
        all.extend(desk.store().records(ticket.id).await.expect("records"));
    }
    all.into_iter().map(|record| record.text).collect()
}

/// Fields of a message that Discord does not describe, or with values of other types than it describes.
fn odd_fields() -> Vec<String> {
    let component = r#"{"type":1,"components":[{"type":99,"custom_id":null,"new":[]}]}"#;
    let other =
        format!(r#"{{"id":"1","channel_id":"2","type":77,"content":null,"components":[{component}],"author":null}}"#);
    let mut all: Vec<String> = [
        format!(r#""components":[{component}]"#),
        format!(r#""referenced_message":{other}"#),
        format!(r#""message_snapshots":[{{"message":{other}}}]"#),
        r#""attachments":[{"id":"1","filename":"a.png","size":null,"url":"https://cdn.example/a.png"}]"#.to_owned(),
        r#""attachments":[{"id":1,"size":"big","height":1.5,"flags":{}}],"flags":-1"#.to_owned(),
        r#""nonce":{"a":1e999},"position":1e999,"tts":"no""#.to_owned(),
        r#""embeds":[{"type":"hologram","title":"half \ud83d of a pair"}]"#.to_owned(),
        r#""poll":{"question":null},"activity":7,"application":[],"thread":{"id":null}"#.to_owned(),
        r#""interaction_metadata":{"type":900},"resolved":3,"call":{},"role_subscription_data":[]"#.to_owned(),
        r#""mention_channels":{},"sticker_items":null,"reactions":[{"count":null}],"edited_timestamp":null"#.to_owned(),
        r#""timestamp":"yesterday","type":null,"webhook_id":null,"member":{"roles":null,"joined_at":7,"flags":"x"}"#
            .to_owned(),
        r#""member":null"#.to_owned(),
        r#""message_reference":{"type":99,"message_id":[]},"mention_everyone":"perhaps""#.to_owned(),
    ]
    .into();
    all.push(format!(r#""deep":{}1{}"#, "[".repeat(500), "]".repeat(500)));
    all
}

#[tokio::test]
async fn on_discord_a_request_is_heard_whatever_comes_with_it() {
    let desk = on(DISCORD).await;
    let (mut said, spots) = (0, [Spot::channel("sales"), Spot::direct()]);
    for fields in odd_fields() {
        for spot in &spots {
            said += 1;
            let (event, fields) = ("MESSAGE_CREATE".to_owned(), fields.clone());
            desk.discord().inject(Fault::Odd { event, fields: fields.clone(), times: 1 });
            desk.discord().say("jeff", spot, &format!("@desk trouble {said}"), None).await.expect("said");
            until_tickets(&desk, said, &fields).await;
        }
    }
    let heard = texts(&desk).await;
    for number in 1..=said {
        assert!(heard.iter().any(|text| text.contains(&format!("trouble {number}"))), "{number}: {heard:?}");
    }
    desk.end().await;
}

#[tokio::test]
async fn on_discord_a_message_that_cannot_be_read_is_asked_for() {
    let desk = on(DISCORD).await;
    for (number, fields) in (1..).zip([r#""author":null"#, r#""author":{"id":{}}"#, r#""guild_id":{}"#]) {
        desk.discord().inject(Fault::Odd { event: "MESSAGE_CREATE".into(), fields: fields.into(), times: 1 });
        let at = desk.discord().say("jeff", &Spot::channel("sales"), "@desk no sound", None).await.expect("said");
        until_tickets(&desk, number, fields).await;
        desk.discord().inject(Fault::Odd { event: "MESSAGE_UPDATE".into(), fields: fields.into(), times: 1 });
        desk.discord().edit("jeff", &at, &format!("@desk no sound at all {number}")).await.expect("edited");
        patiently(fields, async {
            while !texts(&desk).await.iter().any(|text| text.contains(&format!("at all {number}"))) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    desk.end().await;
}

/// A desk on Discord that was stopped while somebody asked, and is started again with this fault.
async fn away_until(fault: Fault) -> Desk {
    let mut desk = on(DISCORD).await;
    desk.settle().await;
    desk.stop().await;
    desk.stage.clock.advance(Duration::from_secs(600));
    desk.discord().say("jeff", &Spot::channel("sales"), "@desk while you were away", None).await.expect("said");
    desk.discord().inject(fault);
    desk.start().await;
    desk
}

#[tokio::test]
async fn on_discord_a_guild_is_served_whatever_it_is_told_with() {
    let oddities = [
        r#""nsfw_level":null,"verification_level":99,"roles_new":[],"owner_id":7"#,
        r#""emojis":{},"members":null,"voice_states":7,"features":[null],"joined_at":9"#,
        // These parts of a guild cannot be read, and are asked for.
        r#""channels":null"#,
        r#""roles":"none""#,
    ];
    for fields in oddities {
        let fault = Fault::Odd { event: "GUILD_CREATE".into(), fields: fields.into(), times: 1 };
        let desk = away_until(fault).await;
        until_tickets(&desk, 1, fields).await;
        desk.discord().say("jeff", &Spot::channel("general"), "@desk and now", None).await.expect("said");
        until_tickets(&desk, 2, fields).await;
        desk.end().await;
    }
}

#[tokio::test]
async fn on_discord_a_guild_that_did_not_come_is_asked_for() {
    let event = || "GUILD_CREATE".to_owned();
    let faults = [
        Fault::LeaveOut { event: event(), numbered: false, times: 1 },
        Fault::Odd { event: event(), fields: r#""id":null"#.to_owned(), times: 1 },
    ];
    for fault in faults {
        let desk = away_until(fault.clone()).await;
        until_tickets(&desk, 1, "the request that was missed").await;
        let errors = desk.end_with_errors().await;
        assert_eq!(errors.len(), usize::from(matches!(fault, Fault::Odd { .. })), "{errors:?}");
    }
}

#[tokio::test]
async fn on_discord_an_event_that_was_left_out_is_noticed_by_the_next() {
    let desk = on(DISCORD).await;
    desk.discord().inject(Fault::LeaveOut { event: "MESSAGE_CREATE".into(), numbered: true, times: 1 });
    desk.discord().say("jeff", &Spot::direct(), "the printer is jammed", None).await.expect("said");
    desk.discord().say("ana", &Spot::channel("sales"), "@desk no sound", None).await.expect("said");
    until_tickets(&desk, 2, "the message that was left out, and the next one").await;
    desk.end().await;
}

#[tokio::test]
async fn on_discord_no_more_sessions_are_begun_than_are_left() {
    let desk = on(DISCORD).await;
    let begun = || desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "connected").count();
    assert_eq!(begun(), 1);
    desk.discord().inject(Fault::Sessions { remaining: 0, reset_after: Duration::from_secs(3_600) });
    desk.discord().inject(Fault::Forget);
    desk.discord().inject(Fault::DropSockets);
    let left = || desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "disconnected").count();
    let mut grown = desk.stage.journal.grown();
    patiently("the session ends", async {
        while left() < 1 {
            grown.changed().await.expect("grows");
        }
    })
    .await;
    // The bot asks how many sessions are left, and waits in the clock's time.
    desk.discord().say("jeff", &Spot::channel("sales"), "@desk no sound", None).await.expect("said");
    patiently("a session begins once one is left", async {
        while begun() < 2 {
            desk.stage.clock.advance(Duration::from_secs(60));
            // The journal may not change, so look again after a while.
            let _ = tokio::time::timeout(Duration::from_millis(5), grown.changed()).await;
        }
    })
    .await;
    until_tickets(&desk, 1, "the request from meanwhile").await;
    desk.end().await;
}

#[tokio::test]
async fn on_slack_a_request_is_heard_whatever_comes_with_it() {
    let desk = on(SLACK).await;
    let fields = [
        r#""blocks":[{"type":"hologram","elements":null}]"#,
        r#""blocks":null,"attachments":{},"files":[null,7]"#,
        r#""metadata":{"event_payload":{"a":1.5}},"client_msg_id":7"#,
        r#""edited":null,"thread_ts":null,"user_team":[]"#,
        r#""unfurl":"half \ud83d of a pair","bot_profile":null"#,
        r#""channel_type":"hologram","subtype":null"#,
    ];
    for (number, fields) in (1..).zip(fields) {
        desk.slack().inject(Fault::Odd { event: "app_mention".into(), fields: fields.into(), times: 1 });
        desk.slack().inject(Fault::Odd { event: "message".into(), fields: fields.into(), times: 1 });
        desk.slack()
            .say("jeff", &Spot::channel("sales"), &format!("@desk trouble {number}"), None)
            .await
            .expect("said");
        until_tickets(&desk, number, fields).await;
    }
    let words = r#""text":"<@UDESK> half \ud83d of a pair""#.replace("UDESK", &desk.stage.slack.bot_user_id());
    desk.slack().inject(Fault::Odd { event: "app_mention".into(), fields: words.clone(), times: 1 });
    desk.slack().inject(Fault::Odd { event: "message".into(), fields: words, times: 1 });
    desk.slack().say("jeff", &Spot::channel("sales"), "@desk half of a pair", None).await.expect("said");
    until_tickets(&desk, 7, "half of a pair").await;
    assert!(texts(&desk).await.iter().any(|text| text.contains("half \u{fffd} of a pair")));
    desk.end().await;
}

/// Each ticket's title and words.
async fn on_record(desk: &Desk) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for ticket in desk.store().tickets(None, 1_000).await.expect("tickets") {
        let records = desk.store().records(ticket.id).await.expect("records");
        all.push((ticket.title.clone(), records.into_iter().map(|record| record.text).collect()));
    }
    all
}

#[tokio::test]
async fn what_a_history_does_not_show_stays_on_record() {
    let lag = || Fault::Lag { by: Duration::from_secs(3_600) };
    let hide = || Fault::HideHistory { channel: "sales".to_owned() };
    for (platforms, fault) in [(DISCORD, lag()), (DISCORD, hide()), (SLACK, lag())] {
        let mut desk = on(platforms).await;
        let world = desk.worlds().remove(0);
        for number in 1..=3 {
            let at = world.say("jeff", &Spot::channel("sales"), &format!("@desk trouble {number}"), None).await;
            let thread = Spot::thread("sales", &at.expect("said").id);
            desk.settle().await;
            world.say("jeff", &thread, &format!("more of {number}"), None).await.expect("said");
            desk.settle().await;
        }
        let before = on_record(&desk).await;
        desk.stop().await;
        desk.stage.clock.advance(Duration::from_secs(600));
        world.inject(fault.clone());
        desk.start().await;
        let what = format!("{}: {fault:?}", world.platform());
        assert_eq!(on_record(&desk).await, before, "{what}");
        let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
        assert!(refused <= 1, "{what}: a channel that is not shown is asked once, not {refused} times");
        desk.expect_refusals(refused);
        world.inject(Fault::Calm);
        world.inject(Fault::ShowHistory { channel: "sales".to_owned() });
        desk.end().await;
    }
}

#[tokio::test]
async fn where_a_history_is_not_shown_nothing_is_posted_twice() {
    let mut desk = on(DISCORD).await;
    let world = desk.discord();
    world.inject(Fault::HideHistory { channel: "sales".to_owned() });
    let at = world.say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");
    desk.settle().await;
    let standing = || {
        let view = see(&world, "jeff");
        let sales = view.channels.iter().find(|channel| channel.name == "sales").expect("a channel");
        let asked = sales.messages.iter().find(|message| message.id == at.id).expect("a message");
        asked.thread.iter().filter(|message| message.bot).map(|message| message.text.clone()).collect::<Vec<_>>()
    };
    let before = standing().len();
    // A message is posted, but the answer to the call is lost. Then Discord forgets its nonce, and the history is
    // empty.
    world.inject(Fault::LoseAnswer { method: "POST /channels/{id}/messages".to_owned(), times: 1 });
    let desk_channel = "desk-triage";
    desk.press(&world, "mia", desk_channel, "Take it").await;
    desk.pass(Duration::from_secs(2_400)).await;
    let now = standing();
    assert!(now.len() <= before + 1, "{now:?}");
    world.inject(Fault::ShowHistory { channel: "sales".to_owned() });
    desk.pass(Duration::from_secs(7_200)).await;
    assert_eq!(standing().len(), before + 1, "{:?}", standing());
    desk.expect_refusals(0);
    desk.end_with_errors().await;
}

#[tokio::test]
async fn on_discord_a_gateway_that_closes_whatever_begins_is_asked_less_and_less() {
    let desk = on(DISCORD).await;
    desk.discord().inject(Fault::Unsteady { times: 3 });
    desk.discord().inject(Fault::Forget);
    desk.discord().inject(Fault::DropSockets);
    let begun = || -> Vec<u64> {
        let entries = desk.stage.journal.since(0);
        entries.iter().filter(|entry| entry.kind == "connected").map(|entry| entry.wall_us / 1_000).collect()
    };
    let mut grown = desk.stage.journal.grown();
    patiently("a session that holds", async {
        while begun().len() < 5 {
            grown.changed().await.expect("grows");
        }
    })
    .await;
    let pauses_ms: Vec<u64> = begun().windows(2).skip(1).map(|two| two[1] - two[0]).collect();
    for (pause_ms, least_ms) in pauses_ms.iter().zip([500, 1_000, 2_000]) {
        assert!(*pause_ms >= least_ms, "{pauses_ms:?}");
    }
    desk.end().await;
}

#[tokio::test]
async fn on_slack_names_are_asked_for_sparingly_and_keep_nobody_waiting() {
    let mut desk = on(SLACK).await;
    let journal = desk.stage.journal.clone();
    let asked = || {
        let entries = journal.since(0);
        entries.iter().filter(|entry| entry.text("method") == "users.info").count()
    };
    let many: String = (0..1_500).map(|number| format!("<@U{number:010}> ")).collect();
    let say = async |mention: &str, names: &str, spot: &str| {
        for event in ["message", "app_mention"] {
            let fields = format!(r#""text":"{mention}trouble {names}""#);
            desk.slack().inject(Fault::Odd { event: event.to_owned(), fields, times: 1 });
        }
        desk.slack().say("jeff", &Spot::channel(spot), &format!("{mention}trouble"), None).await.expect("said");
    };
    desk.slack().say("jeff", &Spot::channel("general"), "nothing of the desk's", None).await.expect("said");
    desk.settle().await;
    let fields = format!(r#""text":"lunch? {many}""#);
    desk.slack().inject(Fault::Odd { event: "message".to_owned(), fields, times: 1 });
    desk.slack().say("jeff", &Spot::channel("sales"), "lunch?", None).await.expect("said");
    desk.settle().await;
    assert_eq!(asked(), 0, "nobody asked the desk");
    let bot = format!("<@{}> ", desk.stage.slack.bot_user_id());
    say(&bot, &many, "sales").await;
    until_tickets(&desk, 1, "a request that names very many").await;
    assert!((1..=20).contains(&asked()), "{} names were asked for", asked());
    // `users.info` no longer answers: events are stored all the same, and acknowledged in time.
    desk.slack().inject(Fault::Hang { method: "users.info".to_owned(), times: 1_000 });
    for number in 0..30_u64 {
        say(&bot, &format!("<@U9{number:09}>"), "sales").await;
        until_tickets(&desk, 2 + number, "a request that names somebody unknown").await;
    }
    let again = desk.stage.journal.since(0);
    let again = again
        .iter()
        .filter(|entry| entry.kind == "delivered" && entry.fields.get("attempt").is_some_and(|it| *it != 0));
    assert_eq!(again.count(), 0, "events were sent again");
    desk.slack().inject(Fault::Calm);
    // These people do not exist, so the calls for their names were refused.
    let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    desk.expect_refusals(refused);
    desk.end().await;
}
