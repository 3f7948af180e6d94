//! The rules of the intake: bursts, greetings, direct messages, words that may be commands, and reopening.

use std::time::Duration;

use deskbell::sandbox::Spot;

use crate::harness::{Desk, Setup, on_both, on_both_with, see};
use crate::looks::ReadRecord as _;

async fn tickets(desk: &Desk) -> u64 {
    desk.store().total().await.expect("a number")
}

#[tokio::test]
async fn a_burst_is_one_ticket_up_to_two_minutes_from_the_first() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer on 3 is broken").await;
        desk.pass(Duration::from_secs(60)).await;
        let second = desk.ask(world, "jeff", "@desk it says PC LOAD LETTER").await;
        assert_eq!(tickets(desk).await, 1, "joined");
        // Answers of others to the second message are not recorded.
        desk.say(world, "ana", &Spot::thread("sales", &second.id), "mine says that as well").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(desk.store().records(ticket.id).await.expect("records").len(), 2);
        // Another channel, another person: another ticket.
        desk.say(world, "jeff", &Spot::channel("general"), "@desk and my badge is lost").await;
        desk.ask(world, "ana", "@desk my screen flickers").await;
        assert_eq!(tickets(desk).await, 3);
        // The window is counted from the first message, and excludes its end.
        desk.pass(Duration::from_secs(60)).await;
        desk.ask(world, "jeff", "@desk now something else").await;
        assert_eq!(tickets(desk).await, 4);
    })
    .await;
}

#[tokio::test]
async fn a_burst_ends_before_two_minutes_not_at_them() {
    for (index, after_ms, expected) in [(0, 119_999, 1), (1, 119_999, 1), (0, 120_000, 2), (1, 120_000, 2)] {
        let desk = Desk::open().await;
        let world = desk.worlds()[index].clone();
        desk.ask(&world, "jeff", "@desk printer on 3 is broken").await;
        let opened = desk.store().tickets(None, 1).await.expect("tickets")[0].opened_at;
        desk.stage.clock.advance_to(opened + jiff::SignedDuration::from_millis(after_ms));
        desk.ask(&world, "jeff", "@desk it says PC LOAD LETTER").await;
        assert_eq!(tickets(&desk).await, expected, "{} after {after_ms} ms", world.platform());
        desk.end().await;
    }
}

#[tokio::test]
async fn once_an_agent_has_answered_a_burst_is_over() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer on 3 is broken").await;
        desk.say(world, "mia", &Spot::thread("sales", &ask.id), "I'll come by").await;
        desk.ask(world, "jeff", "@desk and I need a new mouse").await;
        assert_eq!(tickets(desk).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_burst_window_of_zero_joins_nothing() {
    on_both_with(
        Setup { extra_settings: "[intake]\nburst_window = \"0s\"", ..Setup::default() },
        async |desk, world| {
            desk.ask(world, "jeff", "@desk one").await;
            desk.ask(world, "jeff", "@desk two").await;
            assert_eq!(tickets(desk).await, 2);
        },
    )
    .await;
}

#[tokio::test]
async fn small_talk_opens_nothing_but_is_answered() {
    on_both(async |desk, world| {
        for text in ["@desk", "@desk hello!", "@desk thanks a lot", "@desk 👍"] {
            desk.ask(world, "jeff", text).await;
            desk.pass(Duration::from_secs(180)).await;
        }
        assert_eq!(tickets(desk).await, 0);
        let answers =
            see(world, "jeff").channels.iter().flat_map(|channel| &channel.messages).filter(|one| one.bot).count();
        // Discord's answers are public, and were removed by now.
        assert_eq!(answers, if world.platform() == "slack" { 4 } else { 0 });
        let hints = desk.stage.journal.since(0);
        let hints = hints.iter().filter(|entry| entry.platform == world.platform());
        let hints = hints.filter(|entry| ["whispered", "posted"].contains(&entry.kind)).count();
        assert_eq!(hints, 4);
    })
    .await;
}

#[tokio::test]
async fn who_goes_on_under_a_greeting_or_help_opens_a_ticket_with_both_texts() {
    for (index, first) in [(0, "@desk hi"), (1, "@desk hi"), (0, "@desk help"), (1, "@desk help")] {
        let desk = Desk::open().await;
        let world = desk.worlds()[index].clone();
        let hello = desk.ask(&world, "jeff", first).await;
        let thread = Spot::thread("sales", &hello.id);
        desk.say(&world, "ana", &thread, "hi Jeff, what is it?").await;
        assert_eq!(tickets(&desk).await, 0, "others open nothing");
        desk.say(&world, "jeff", &thread, "my screen is upside down").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.title, "my screen is upside down");
        let said: Vec<String> =
            desk.store().records(ticket.id).await.expect("records").into_iter().map(|record| record.text).collect();
        assert_eq!(said, [first.trim_start_matches("@desk "), "my screen is upside down"]);
        desk.end().await;
    }
}

#[tokio::test]
async fn with_the_filter_off_greetings_open_tickets() {
    on_both_with(
        Setup { extra_settings: "[intake]\ngreeting_filter = false", ..Setup::default() },
        async |desk, world| {
            desk.ask(world, "jeff", "@desk hello").await;
            desk.ask(world, "ana", "@desk help").await;
            assert_eq!(tickets(desk).await, 1, "a bare help is always the command");
        },
    )
    .await;
}

#[tokio::test]
async fn words_are_a_command_only_where_they_can_be_one() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk resolve my dns problem").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!((ticket.title.as_str(), ticket.status.name()), ("resolve my dns problem", "new"));
        // A requester cannot resolve, so the words are no command, and are recorded.
        desk.say(world, "jeff", &Spot::thread("sales", &ask.id), "@desk resolve it by noon please").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "new");
        assert_eq!(desk.store().records(ticket.id).await.expect("records").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_key_of_the_desk_makes_no_command_and_grammar_is_for_agents() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk resolve ISO-27001 question for the audit").await;
        assert_eq!(tickets(desk).await, 1, "a request, not a command about a ticket ISO-27001");
        let thread = Spot::thread("sales", &ask.id);
        desk.say(world, "jeff", &thread, "@desk priority urgent").await;
        desk.say(world, "mia", &thread, "@desk resolve duplicate of IT-9").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "resolved");
        let records = desk.store().records(ticket.id).await.expect("records");
        assert_eq!(records.last().map(|record| record.text.as_str()), Some("priority urgent"), "words are kept");
    })
    .await;
}

#[tokio::test]
async fn details_after_it_was_resolved_reopen_it_and_praise_does_not() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        let thread = Spot::thread("sales", &ask.id);
        desk.say(world, "mia", &thread, "@desk resolve fuser changed").await;
        desk.say(world, "jeff", &thread, "works now 👍").await;
        assert_eq!(desk.store().tickets(None, 1).await.expect("tickets")[0].status.name(), "resolved");
        desk.press(world, "jeff", "sales", "Add details").await;
        desk.fill(world, "jeff", "it still smokes").await;
        assert_eq!(desk.store().tickets(None, 1).await.expect("tickets")[0].status.name(), "new");
        desk.pass(Duration::from_secs(8 * 24 * 3600)).await;
        assert_eq!(desk.store().tickets(None, 1).await.expect("tickets")[0].status.name(), "new", "nothing closes it");
    })
    .await;
}

#[tokio::test]
async fn direct_messages_belong_to_the_latest_open_ticket_for_twelve_hours() {
    on_both(async |desk, world| {
        desk.say(world, "ana", &Spot::direct(), "my disk is full").await;
        desk.pass(Duration::from_secs(11 * 3600)).await;
        desk.say(world, "ana", &Spot::direct(), "now it is really full").await;
        assert_eq!(tickets(desk).await, 1);
        desk.pass(Duration::from_secs(13 * 3600)).await;
        desk.say(world, "ana", &Spot::direct(), "I need a new chair").await;
        assert_eq!(tickets(desk).await, 2);
        // The person can correct both cases: begin a new request, or merge a request into another.
        desk.press(world, "ana", "desk", "New request").await;
        desk.fill(world, "ana", "and a lamp").await;
        assert_eq!(tickets(desk).await, 3);
        let others = desk.store().tickets(None, 10).await.expect("tickets");
        assert_eq!(others[0].title, "and a lamp");
        desk.choose(world, "ana", "desk", "Add to another request…", Some("IT-1002")).await;
        let lamp = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(lamp.merged_into.map(|key| key.to_string()), Some("IT-1002".to_owned()));
        let chair = desk.store().tickets(None, 10).await.expect("tickets").remove(1);
        assert_eq!(desk.store().records(chair.id).await.expect("records").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn third_persons_are_recorded_and_neither_reopen_nor_ping() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        let thread = Spot::thread("sales", &ask.id);
        desk.say(world, "mia", &thread, "@desk claim").await;
        desk.say(world, "mia", &thread, "@desk resolve fuser changed").await;
        desk.say(world, "sam", &thread, "it does that every week").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "resolved");
        let view = see(world, "mia");
        let triage = view.channels.iter().find(|channel| channel.name == "desk-triage").expect("the desk's channel");
        let mirrored = triage.messages[0].thread.iter().find(|one| one.text.contains("every week")).expect("mirrored");
        assert_eq!(mirrored.pings, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn what_is_said_without_the_desk_is_never_stored() {
    on_both(async |desk, world| {
        let chat = desk.ask(world, "jeff", "the secret word is swordfish").await;
        desk.say(world, "ana", &Spot::thread("sales", &chat.id), "swordfish, noted").await;
        desk.ask(world, "jeff", "@desk my keyboard is broken").await;
        for entry in std::fs::read_dir(desk.folder.path()).expect("the folder") {
            let path = entry.expect("a file").path();
            let bytes = std::fs::read(&path).expect("readable");
            assert!(!bytes.windows(9).any(|window| window == b"swordfish"), "{} holds it", path.display());
        }
    })
    .await;
}
