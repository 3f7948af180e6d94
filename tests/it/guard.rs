//! The guard: a person who pings an agent with a request is offered the desk.

use std::sync::Arc;
use std::time::Duration;

use deskbell::sandbox::{ChannelView, MessageAt, MessageView, Spot, World};

use crate::harness::{Desk, Setup, by_platform, find_control, on_both_with, see};
use crate::looks::ReadRecord as _;

const NUDGE: &str = "[guard]\nmode = \"nudge\"\n";
const HELP: &str = "@mia my laptop does not start any more, can you help me?";

fn nudging() -> Setup {
    Setup { extra_settings: NUDGE, ..Setup::default() }
}

fn sales(world: &Arc<dyn World>, who: &str) -> ChannelView {
    see(world, who).channels.into_iter().find(|channel| channel.name == "sales").expect("the channel")
}

/// The bot's messages in #sales that this person sees, without the announcement that the guard is on in the channel.
fn said(world: &Arc<dyn World>, who: &str) -> Vec<MessageView> {
    let messages = sales(world, who).messages.into_iter().filter(|message| message.bot);
    messages.filter(|message| !message.text.starts_with("From now on")).collect()
}

fn texts(world: &Arc<dyn World>, who: &str) -> Vec<String> {
    said(world, who).into_iter().map(|message| message.text).collect()
}

async fn say(desk: &Desk, world: &Arc<dyn World>, who: &str, text: &str) -> MessageAt {
    desk.say(world, who, &Spot::channel("sales"), text).await
}

/// Whether this person sees the guard's question in #sales.
fn is_asked(world: &Arc<dyn World>, who: &str) -> bool {
    find_control(&see(world, who), "sales", "Make it a request").is_some()
}

#[tokio::test]
async fn whoever_pings_an_agent_with_a_request_is_asked_and_one_click_makes_it_one() {
    on_both_with(nudging(), async |desk, world| {
        let at = say(desk, world, "ana", HELP).await;
        assert!(is_asked(world, "ana"));
        let asked = texts(world, "ana").pop().expect("a notice");
        assert!(asked.contains("The desk can take this") && !asked.contains("laptop"), "{asked}");
        // On Slack nobody else sees the question. On Discord everybody does, but it names nobody and is removed.
        assert_eq!(texts(world, "mia").len(), by_platform(world, "", "x").len());
        desk.press(world, "ana", "sales", "Make it a request").await;
        let view = sales(world, "ana");
        let message = view.messages.iter().find(|message| message.id == at.id).expect("the message");
        assert!(message.text.contains("laptop") && !message.reactions.is_empty(), "{message:?}");
        let ticket = &desk.store().tickets(None, 1).await.expect("tickets")[0];
        assert_eq!(ticket.title, "@Mia Wong my laptop does not start any more, can you help me?");
        desk.pass(Duration::from_secs(120)).await;
        assert!(!is_asked(world, "ana"), "the question is removed");
        desk.store().tickets(None, 10).await.expect("tickets").len()
    })
    .await;
}

#[tokio::test]
async fn by_default_pings_are_counted_and_nobody_is_told() {
    on_both_with(Setup::default(), async |desk, world| {
        say(desk, world, "ana", HELP).await;
        assert_eq!(texts(world, "ana"), Vec::<String>::new());
        desk.command(world, "mia", "guard report").await;
        let told = desk.last_private(world, "mia");
        assert!(
            told.contains("Pings of you in the last 7 days: 1. Looked like a request: 1. I spoke up about: 0."),
            "{told}"
        );
        assert!(told.contains("I would also have asked about: 1.") && told.contains("I only count"), "{told}");
        assert!(!told.contains("anybody on the staff") && !told.to_lowercase().contains("ana"), "{told}");
        desk.command(world, "ana", "guard report").await;
        let refused = desk.last_private(world, "ana");
        assert!(refused.contains("only the desk can do that"), "{refused}");
        desk.store().tickets(None, 10).await.expect("tickets").len()
    })
    .await;
}

#[tokio::test]
async fn where_it_is_said_so_a_request_goes_to_the_desk_at_once_and_can_be_taken_back() {
    let route = Setup { extra_settings: "[guard]\nmode = \"route\"\n", ..Setup::default() };
    on_both_with(route, async |desk, world| {
        say(desk, world, "ana", HELP).await;
        let told = texts(world, "ana");
        assert!(told.iter().any(|text| text.contains("I've passed this on to the desk: it's IT-1001")), "{told:?}");
        let signs = |world: &Arc<dyn World>| {
            let message = sales(world, "ana").messages.into_iter().find(|message| !message.bot).expect("her message");
            message.reactions.len()
        };
        assert_eq!(signs(world), 1);
        desk.press(world, "ana", "sales", "Undo").await;
        let ticket = desk.store().tickets(None, 1).await.expect("tickets")[0].clone();
        // After the undo the sign on the message is removed, and the guard leaves these two people alone.
        assert_eq!(signs(world), 0);
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "ana", HELP).await;
        assert_eq!(desk.store().tickets(None, 10).await.expect("tickets").len(), 1);
        ticket.status.name().to_owned()
    })
    .await;
}

#[tokio::test]
async fn talk_is_left_alone() {
    on_both_with(nudging(), async |desk, world| {
        for talk in [
            "@mia thanks, that worked!",
            "@mia the meeting is at three in the small room.",
            "see you tomorrow @mia",
            "> @mia can you help me with my laptop?\nwhat a question",
            "I wrote `@mia please help me, my laptop is broken` into the log",
            "```\n@mia how do I reset my password?\n```",
        ] {
            say(desk, world, "ana", talk).await;
            assert!(!is_asked(world, "ana"), "{talk}");
        }
        // The guard does not ask agents.
        say(desk, world, "omar", HELP).await;
        assert!(!is_asked(world, "omar"));
        texts(world, "ana")
    })
    .await;
}

#[tokio::test]
async fn who_asks_a_person_and_the_desk_makes_one_request_and_is_asked_nothing() {
    on_both_with(nudging(), async |desk, world| {
        say(desk, world, "ana", "@desk @mia @omar @ada my laptop does not start any more, can you help me?").await;
        assert!(!is_asked(world, "ana"));
        desk.store().tickets(None, 10).await.expect("tickets").len()
    })
    .await;
}

#[tokio::test]
async fn nobody_is_asked_twice_a_day_and_several_people_are_one_question() {
    on_both_with(nudging(), async |desk, world| {
        say(desk, world, "ana", "@mia @omar my laptop does not start any more, can you help me?").await;
        let asked = |world: &Arc<dyn World>| {
            let all = desk.stage.journal.since(0);
            let is_notice = |text: &str| text.contains("Shall I pass it on?");
            let posted = all.iter().filter(|entry| ["posted", "whispered"].contains(&entry.kind));
            posted.filter(|entry| entry.platform == world.platform() && is_notice(entry.text("text"))).count()
        };
        assert_eq!(asked(world), 1);
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "ana", "@omar how do I reset my password? It does not work.").await;
        assert_eq!(asked(world), 1);
        desk.pass(Duration::from_secs(24 * 3600)).await;
        say(desk, world, "ana", "@omar how do I reset my password? It does not work.").await;
        assert_eq!(asked(world), 2);
        let last = desk.stage.journal.since(0).into_iter().rfind(|entry| entry.text("text").contains("Shall I"));
        assert!(last.expect("a notice").text("text").contains("this one, too"), "the second question has other words");
    })
    .await;
}

#[tokio::test]
async fn who_says_that_it_was_no_request_is_left_alone_with_that_person_for_a_month() {
    let always = Setup { extra_settings: "[guard]\nmode = \"nudge\"\nnotice_every = \"0s\"\n", ..Setup::default() };
    on_both_with(always, async |desk, world| {
        say(desk, world, "ana", HELP).await;
        desk.press(world, "ana", "sales", "Not a request").await;
        let told = texts(world, "ana").join("\n");
        assert!(told.contains("for 30 days"), "{told}");
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "ana", HELP).await;
        assert!(!is_asked(world, "ana"));
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "ana", "@omar my laptop does not start any more, can you help me?").await;
        assert!(is_asked(world, "ana"), "somebody else was pinged");
        desk.pass(Duration::from_secs(31 * 24 * 3600)).await;
        say(desk, world, "ana", HELP).await;
        assert!(is_asked(world, "ana"), "the month is over");
    })
    .await;
}

#[tokio::test]
async fn whoever_is_asked_is_told_why_and_can_have_it_stop_there() {
    let always = Setup { extra_settings: "[guard]\nmode = \"nudge\"\nnotice_every = \"0s\"\n", ..Setup::default() };
    on_both_with(always, async |desk, world| {
        say(desk, world, "ana", HELP).await;
        desk.press(world, "ana", "sales", "Why did I get this?").await;
        let told = texts(world, "ana").join("\n");
        assert!(told.contains("What spoke for a request") && told.contains("the chance that it's a request"), "{told}");
        desk.press(world, "ana", "sales", "Don't ask me in this channel").await;
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "ana", HELP).await;
        assert!(!is_asked(world, "ana"));
    })
    .await;
}

#[tokio::test]
async fn the_message_is_passed_on_as_it_is_when_that_is_said_or_not_at_all_if_it_is_gone() {
    let always = Setup { extra_settings: "[guard]\nmode = \"nudge\"\nnotice_every = \"0s\"\n", ..Setup::default() };
    on_both_with(always, async |desk, world| {
        let at = say(desk, world, "ana", HELP).await;
        world
            .edit("ana", &at, "@mia my laptop and my phone do not start any more, can you help me?")
            .await
            .expect("edited");
        desk.settle().await;
        desk.press(world, "ana", "sales", "Make it a request").await;
        let tickets = desk.store().tickets(None, 10).await.expect("tickets");
        assert!(tickets[0].title.contains("and my phone"), "{}", tickets[0].title);
        desk.pass(Duration::from_secs(3600)).await;
        let at = say(desk, world, "ana", "@mia how do I reset my password? It does not work.").await;
        world.delete("ana", &at).await.expect("deleted");
        desk.settle().await;
        desk.press(world, "ana", "sales", "Make it a request").await;
        let told = texts(world, "ana").join("\n");
        assert!(told.contains("That message is gone"), "{told}");
        desk.store().tickets(None, 10).await.expect("tickets").len()
    })
    .await;
}

#[tokio::test]
async fn who_answers_an_expert_in_their_conversation_is_not_asked() {
    on_both_with(nudging(), async |desk, world| {
        let at = say(desk, world, "mia", "I am on call this week, if the laptops make trouble again.").await;
        let thread = Spot::thread("sales", &at.id);
        desk.say(world, "ana", &thread, HELP).await;
        assert!(!is_asked(world, "ana"));
        let asked = desk.stage.journal.since(0);
        assert!(!asked.iter().any(|entry| entry.text("text").contains("Shall I pass it on?")));
    })
    .await;
}

#[tokio::test]
async fn an_edit_that_turns_a_ping_to_the_desk_is_heard() {
    on_both_with(nudging(), async |desk, world| {
        let at = say(desk, world, "ana", "@mia the meeting is at three in the small room.").await;
        world.edit("ana", &at, "@desk the beamer in the small room stays dark").await.expect("edited");
        desk.settle().await;
        let tickets = desk.store().tickets(None, 10).await.expect("tickets");
        tickets.iter().map(|ticket| ticket.title.clone()).collect::<Vec<_>>()
    })
    .await;
}

#[tokio::test]
async fn a_mention_that_an_edit_adds_counts_once() {
    on_both_with(nudging(), async |desk, world| {
        let at = say(desk, world, "ana", "my laptop does not start any more, can you help me?").await;
        assert!(!is_asked(world, "ana"));
        world.edit("ana", &at, HELP).await.expect("edited");
        desk.settle().await;
        assert!(is_asked(world, "ana"));
        desk.press(world, "ana", "sales", "Not a request").await;
        world.edit("ana", &at, "@mia @omar my laptop does not start any more, can you help me?").await.expect("edited");
        desk.settle().await;
        let all = desk.stage.journal.since(0);
        let notices = all.iter().filter(|entry| ["posted", "whispered"].contains(&entry.kind));
        notices.filter(|entry| entry.text("text").contains("Shall I pass it on?")).count()
    })
    .await;
}

#[tokio::test]
async fn anybody_can_send_a_message_to_the_desk_for_whoever_wrote_it() {
    on_both_with(Setup::default(), async |desk, world| {
        let at = say(desk, world, "ana", "the beamer in room 4 stays dark since this morning").await;
        world.choose_menu("sam", &at, "Send to desk").await.expect("it is in the menu");
        desk.settle().await;
        let ticket = desk.store().tickets(None, 1).await.expect("tickets")[0].clone();
        assert_eq!((ticket.requester.name.as_str(), ticket.key.to_string().as_str()), ("Ana Lima", "IT-1001"));
        let told = desk.last_private(world, "sam");
        assert!(told.contains("Done: it's IT-1001") && told.contains("I'm letting them know"), "{told}");
        let author = texts(world, "ana").join("\n");
        assert!(author.contains("has passed this on to the desk for you"), "{author}");
        // When it is sent a second time, the desk has it already.
        world.choose_menu("jeff", &at, "Send to desk").await.expect("it is in the menu");
        desk.settle().await;
        let told = desk.last_private(world, "jeff");
        assert!(told.contains("The desk already has that message."), "{told}");
        desk.press(world, "ana", "sales", "Undo").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets")[0].clone();
        assert_eq!(ticket.status.name(), "cancelled");
        // A message of the bot is not passed on.
        let bots = said(world, "ana").into_iter().rfind(|message| !message.only_you);
        if let Some(message) = bots {
            let at = MessageAt { channel: message.channel.clone(), id: message.id.clone() };
            world.choose_menu("sam", &at, "Send to desk").await.expect("it is in the menu");
            desk.settle().await;
            let told = desk.last_private(world, "sam");
            assert!(told.contains("wasn't written by a person") || told.contains("already"), "{told}");
        }
        desk.store().tickets(None, 10).await.expect("tickets").len()
    })
    .await;
}

#[tokio::test]
async fn nobody_else_can_say_what_becomes_of_a_message() {
    let desk = Desk::open_with(nudging()).await;
    let world = desk.discord();
    say(&desk, &world, "ana", HELP).await;
    // On Discord everybody sees the question.
    desk.press(&world, "jeff", "sales", "Make it a request").await;
    let told = desk.last_private(&world, "jeff");
    assert!(told.contains("Only the person who wrote that message"), "{told}");
    assert_eq!(desk.store().tickets(None, 10).await.expect("tickets").len(), 0);
    desk.end().await;
}

#[tokio::test]
async fn what_its_author_has_just_asked_the_desk_is_not_asked_again() {
    on_both_with(nudging(), async |desk, world| {
        say(desk, world, "ana", "@desk my laptop does not start any more").await;
        say(desk, world, "ana", HELP).await;
        assert!(!is_asked(world, "ana"));
        desk.store().tickets(None, 10).await.expect("tickets").len()
    })
    .await;
}
