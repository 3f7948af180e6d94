//! What people can set about the guard (its mode in a channel, who is on call, who is away), and its reports.

use std::sync::Arc;
use std::time::Duration;

use deskbell::sandbox::{Fault, MessageAt, Spot, World};

use crate::harness::{Desk, Setup, by_platform, find_control, on_both_with, see};
use crate::looks::ReadRecord as _;
use crate::outages::subscribe;
use crate::{announcing, postgres};

const HELP: &str = "my laptop does not start any more, can you help me?";

fn nudging() -> Setup {
    Setup { extra_settings: "[guard]\nmode = \"nudge\"\nnotice_every = \"0s\"\n", ..Setup::default() }
}

async fn say(desk: &Desk, world: &Arc<dyn World>, who: &str, text: &str) -> MessageAt {
    desk.say(world, who, &Spot::channel("sales"), text).await
}

fn is_asked(world: &Arc<dyn World>, who: &str) -> bool {
    find_control(&see(world, who), "sales", "Make it a request").is_some()
}

/// The texts of the bot's messages in a channel, threads included, as this person sees them.
fn bot_says(world: &Arc<dyn World>, who: &str, channel: &str) -> String {
    let channel = see(world, who).channels.into_iter().find(|one| one.name == channel).expect("the channel");
    let mut says = Vec::new();
    for message in channel.messages {
        says.extend(message.bot.then_some(message.text));
        says.extend(message.thread.into_iter().filter(|reply| reply.bot).map(|reply| reply.text));
    }
    says.join("\n")
}

/// The answer to `guard report`.
async fn report(desk: &Desk, world: &Arc<dyn World>, who: &str) -> String {
    desk.command(world, who, "guard report").await;
    desk.last_private(world, who)
}

/// Omar says that he is on call until tomorrow.
async fn omar_is_on_call(desk: &Desk, world: &Arc<dyn World>) {
    let until = by_platform(world, "oncall until tomorrow 9", "oncall until until:tomorrow 9");
    desk.command_in(world, "omar", "random", until).await;
}

#[tokio::test]
async fn what_cannot_wait_reaches_whoever_is_on_call_and_nobody_else() {
    on_both_with(nudging(), async |desk, world| {
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(find_control(&see(world, "ana"), "sales", "It's urgent").is_none(), "nobody is on call");
        desk.press(world, "ana", "sales", "Not a request").await;
        desk.pass(Duration::from_secs(3600)).await;

        omar_is_on_call(desk, world).await;
        desk.command(world, "mia", "oncall who").await;
        assert!(desk.last_private(world, "mia").contains("Omar Haddad until"), "{}", desk.last_private(world, "mia"));
        say(desk, world, "jeff", "@mia the payroll server does not answer any more, can you help me?").await;
        desk.press(world, "jeff", "sales", "It's urgent").await;
        let told = bot_says(world, "jeff", "sales");
        assert!(told.contains("I can call @Omar Haddad, who is on call."), "{told}");
        assert!(desk.store().tickets(None, 1).await.expect("tickets").is_empty(), "the reason is asked for first");
        desk.press(world, "jeff", "sales", "Call them…").await;
        desk.fill(world, "jeff", "Salaries are paid at noon.").await;

        let ticket = desk.store().tickets(None, 1).await.expect("tickets")[0].clone();
        assert_eq!(ticket.priority.to_string(), "P1");
        let told = bot_says(world, "jeff", "sales");
        assert!(told.contains("I'm calling @Omar Haddad. You'll get the answer"), "{told}");
        let triage = bot_says(world, "omar", "desk-triage");
        assert!(triage.contains("Jeff Park says this can't wait:") && triage.contains("Salaries are paid"), "{triage}");
        let audit = desk.store().audit(ticket.id).await.expect("an audit");
        let called = audit.iter().find(|entry| entry.act == "called").expect("it is audited");
        assert_eq!(called.actor.as_ref().map(|actor| actor.name.as_str()), Some("Jeff Park"));
        // Only the person on call is pinged.
        let pings = |who: &str| {
            let channels = see(world, who).channels;
            let all = channels
                .into_iter()
                .flat_map(|one| one.messages)
                .flat_map(|one| [one.thread.clone(), vec![one]].concat());
            all.filter(|one| one.bot && one.pings.iter().any(|pinged| pinged == who)).count()
        };
        assert_eq!((pings("omar"), pings("mia")), (1, 0));
        // A minute later nobody has been pinged again.
        desk.pass(Duration::from_secs(60)).await;
        assert_eq!(pings("omar"), 1);
        desk.command(world, "omar", "oncall end").await;
        desk.command(world, "mia", "oncall who").await;
        assert!(desk.last_private(world, "mia").contains("Nobody is on call right now."));
    })
    .await;
}

#[tokio::test]
async fn a_channel_has_a_mode_of_its_own_once_an_admin_says_so_and_everybody_there_is_told() {
    on_both_with(Setup::default(), async |desk, world| {
        let nudge = by_platform(world, "guard mode nudge", "guard mode mode:nudge");
        desk.command_in(world, "mia", "sales", nudge).await;
        assert!(desk.last_private(world, "mia").contains("guard_set"), "{}", desk.last_private(world, "mia"));
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(!is_asked(world, "ana"));
        desk.pass(Duration::from_secs(3600)).await;

        desk.command_in(world, "ada", "sales", nudge).await;
        desk.pass(Duration::from_secs(60)).await;
        let said = bot_says(world, "jeff", "sales");
        assert!(
            said.contains("I ask whether the desk may take it") && said.contains("Ada Berg set this up."),
            "{said}"
        );
        let told = || {
            let all = desk.stage.journal.since(0);
            all.iter().filter(|entry| entry.text("text").contains("I offer them the desk")).count()
        };
        let staff = told();
        desk.command_in(world, "ada", "general", nudge).await;
        desk.pass(Duration::from_secs(60)).await;
        assert_eq!(told(), staff, "each is told once");
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(is_asked(world, "ana"));
        desk.command_in(world, "ada", "sales", by_platform(world, "guard mode default", "guard mode mode:default"))
            .await;
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "jeff", &format!("@mia {HELP}")).await;
        assert!(!is_asked(world, "jeff"));
        // The desk's own channel has no mode.
        desk.command_in(world, "ada", "desk-triage", nudge).await;
        assert!(desk.last_private(world, "ada").contains("say this in the channel"));
        staff > 0
    })
    .await;
}

#[tokio::test]
async fn where_the_settings_switch_it_off_no_command_switches_it_on() {
    let off = Setup { extra_settings: "[guard]\nmode = \"off\"\n", ..Setup::default() };
    on_both_with(off, async |desk, world| {
        desk.command_in(world, "ada", "sales", by_platform(world, "guard mode nudge", "guard mode mode:nudge")).await;
        assert!(desk.last_private(world, "ada").contains("switch the guard off"));
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(!is_asked(world, "ana"));
    })
    .await;
}

#[tokio::test]
async fn what_the_settings_set_is_told_in_a_channel_and_to_the_staff_before_it_is_done_there() {
    on_both_with(nudging(), async |desk, world| {
        let said = |word: &str| bot_says(world, "jeff", "sales").matches(word).count();
        let told = || {
            let all = desk.stage.journal.since(0);
            all.iter().filter(|entry| entry.text("text").contains("I offer them the desk")).count()
        };
        say(desk, world, "jeff", "@mia thanks, that worked!").await;
        assert_eq!((said("From now on"), told()), (0, 0), "nothing is told before the guard does something there");
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        desk.pass(Duration::from_secs(60)).await;
        assert!(is_asked(world, "ana") || !bot_says(world, "ana", "sales").is_empty());
        assert_eq!(said("It's set up this way for your company."), 1);
        let staff = told();
        assert!(staff > 0);
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "jeff", &format!("@mia {HELP}")).await;
        desk.pass(Duration::from_secs(60)).await;
        assert_eq!((said("From now on"), told()), (1, staff), "once");
        // A mode that is set by a command is told in the channel, also `observe`, unless it is the mode as before.
        let set = |mode: &str| {
            by_platform(world, &format!("guard mode {mode}"), &format!("guard mode mode:{mode}")).to_owned()
        };
        desk.command_in(world, "ada", "sales", &set("nudge")).await;
        assert_eq!(said("From now on"), 1, "as before");
        desk.command_in(world, "ada", "sales", &set("observe")).await;
        assert_eq!((said("From now on"), said("I no longer say anything")), (2, 1));
        desk.command_in(world, "mia", "sales", "guard report").await;
        let report = desk.last_private(world, "mia");
        assert!(report.contains("In this channel, I only count"), "{report}");
        assert!(report.contains("In channels with no setting of their own, I ask"), "{report}");
        (said("From now on"), told())
    })
    .await;
}

#[tokio::test]
async fn whoever_does_not_want_to_be_asked_in_a_channel_can_be_asked_there_again() {
    on_both_with(nudging(), async |desk, world| {
        let me = |word: &str| {
            by_platform(world, &format!("guard me {word}"), &format!("guard me guarded:{word}")).to_owned()
        };
        desk.command_in(world, "ana", "sales", &me("off")).await;
        assert!(desk.last_private(world, "ana").contains("I won't ask you in this channel any more"));
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(!is_asked(world, "ana"));
        desk.command_in(world, "ana", "sales", &me("on")).await;
        assert!(desk.last_private(world, "ana").contains("I may ask you again"));
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(is_asked(world, "ana"));
        // The explanation replaces the question, so it has all buttons of the question.
        omar_is_on_call(desk, world).await;
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "jeff", &format!("@mia {HELP}")).await;
        desk.press(world, "jeff", "sales", "Why did I get this?").await;
        for choice in ["Make it a request", "Not a request", "It's urgent", "Don't ask me in this channel"] {
            assert!(find_control(&see(world, "jeff"), "sales", choice).is_some(), "{choice}");
        }
    })
    .await;
}

#[tokio::test]
async fn who_has_only_spoken_into_the_channel_is_in_no_conversation_and_small_talk_is_no_request() {
    on_both_with(nudging(), async |desk, world| {
        say(desk, world, "ana", "@mia are you coming to lunch?").await;
        assert!(!is_asked(world, "ana"));
        say(desk, world, "ana", "good morning all").await;
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(is_asked(world, "ana"));
    })
    .await;
}

#[tokio::test]
async fn the_desk_hears_that_what_was_said_before_may_not_be_read_and_that_it_may_again() {
    let mut desk = Desk::open_with(nudging()).await;
    // Discord only: a Slack bot that may not read the history of a channel gets no events of that channel either.
    let world = desk.discord();
    let channel = || "sales".to_owned();
    world.inject(Fault::HideHistory { channel: channel() });
    say(&desk, &world, "ana", &format!("@mia {HELP}")).await;
    desk.pass(Duration::from_secs(60)).await;
    assert!(!is_asked(&world, "ana"));
    for platform in [desk.slack(), desk.discord()] {
        let triage = bot_says(&platform, "omar", "desk-triage");
        assert!(triage.contains("I may not read what is said on Discord in a channel"), "{triage}");
    }
    world.inject(Fault::ShowHistory { channel: channel() });
    desk.pass(Duration::from_secs(3600)).await;
    say(&desk, &world, "ana", &format!("@mia {HELP}")).await;
    assert!(is_asked(&world, "ana"));
    desk.pass(Duration::from_secs(60)).await;
    let triage = bot_says(&world, "omar", "desk-triage");
    assert!(triage.contains("I can read what is said on Discord again"), "{triage}");
    let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    desk.expect_refusals(refused);
    desk.end().await;
}

#[tokio::test]
async fn staff_say_where_they_want_to_be_pinged_and_that_they_are_away() {
    on_both_with(Setup::default(), async |desk, world| {
        for refused in ["guard report", "guard away tomorrow"] {
            let typed = match refused {
                "guard away tomorrow" => by_platform(world, refused, "guard away until:tomorrow"),
                other => other,
            };
            desk.command_in(world, "ana", "sales", typed).await;
            assert!(desk.last_private(world, "ana").contains("only the desk can do that"), "{refused}");
        }
        // A person who pings an absent agent is asked, even where pings are only counted.
        desk.command_in(
            world,
            "mia",
            "sales",
            by_platform(world, "guard away tomorrow 9", "guard away until:tomorrow 9"),
        )
        .await;
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(is_asked(world, "ana"));
        let asked = bot_says(world, "ana", "sales");
        assert!(asked.contains("The person you're asking is away until") && !asked.contains("Mia"), "{asked}");
        desk.press(world, "ana", "sales", "Make it a request").await;
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "jeff", &format!("@mia @omar {HELP}")).await;
        assert!(!is_asked(world, "jeff"), "Omar is there");
        desk.command(world, "mia", "guard back").await;
        say(desk, world, "sam", &format!("@mia {HELP}")).await;
        assert!(!is_asked(world, "sam"), "back");

        desk.command_in(world, "ada", "sales", by_platform(world, "guard mode nudge", "guard mode mode:nudge")).await;
        desk.command_in(world, "mia", "sales", by_platform(world, "guard me off", "guard me guarded:off")).await;
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "sam", "@mia how do I reset my password? It does not work.").await;
        assert!(!is_asked(world, "sam"), "Mia wants it");
        desk.command_in(world, "mia", "sales", by_platform(world, "guard me on", "guard me guarded:on")).await;
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "sam", "@mia how do I reset my password? It still does not work.").await;
        assert!(is_asked(world, "sam"));
    })
    .await;
}

#[tokio::test]
async fn hours_and_announced_outages_let_pings_pass() {
    // The clock begins on a Monday at 9:00.
    let more = "[guard]\nmode = \"nudge\"\nnotice_every = \"0s\"\nexempt_hours = [\"mon 08:00-10:00\"]\n";
    on_both_with(Setup { extra_settings: more, ..Setup::default() }, async |desk, world| {
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(!is_asked(world, "ana"));
        desk.pass(Duration::from_secs(2 * 3600)).await;
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(is_asked(world, "ana"));
        desk.press(world, "ana", "sales", "Make it a request").await;
        desk.pass(Duration::from_secs(120)).await;

        omar_is_on_call(desk, world).await;
        subscribe(desk, world, "general", "vpn").await;
        announcing::write(desk, world, &[("services", "vpn"), ("severity", "low")]).await;
        desk.press(world, "mia", "random", "Announce it now").await;
        say(desk, world, "jeff", "@omar the vpn does not work here either, can you help me?").await;
        assert!(!is_asked(world, "jeff"), "Omar is on call");
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "jeff", "@mia the vpn does not work here either, can you help me?").await;
        assert!(is_asked(world, "jeff"), "Mia is not");
        let told = report(desk, world, "omar").await;
        assert!(told.contains("Pings of you in the last 7 days: 1. Looked like a request: 0."), "{told}");
    })
    .await;
}

#[tokio::test]
async fn admins_see_what_would_have_been_asked_and_agents_why() {
    on_both_with(Setup::default(), async |desk, world| {
        let at = say(desk, world, "ana", &format!("@mia {HELP}")).await;
        let told = report(desk, world, "ada").await;
        assert!(told.contains("I would have asked about these") && told.contains("this message in"), "{told}");
        assert!(!told.contains("Ana"), "{told}");
        let told = report(desk, world, "mia").await;
        assert!(!told.contains("I would have asked about these"), "{told}");
        let link = match world.platform() {
            "slack" => format!("https://acme.slack.com/archives/{}/p{}", at.channel, at.id.replace('.', "")),
            _ => format!("https://discord.com/channels/{}/{}/{}", desk.stage.discord.guild_id(), at.channel, at.id),
        };
        desk.command_in(
            world,
            "mia",
            "random",
            &format!("{}{link}", by_platform(world, "guard why ", "guard why link:")),
        )
        .await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("I took it for a request. I told nobody.") && told.contains("in 100"), "{told}");
        assert!(!told.contains("laptop"), "no words of hers are kept: {told}");
        desk.command_in(world, "mia", "random", by_platform(world, "guard why x", "guard why link:x")).await;
        assert!(desk.last_private(world, "mia").contains("I don't know anything about that message"));
    })
    .await;
}

#[tokio::test]
async fn a_whole_group_counts_like_a_person() {
    on_both_with(nudging(), async |desk, world| {
        say(desk, world, "ana", &format!("@it-desk {HELP}")).await;
        assert!(is_asked(world, "ana"));
        let told = report(desk, world, "ada").await;
        assert!(told.contains(by_platform(world, "slack:group:", "discord:role:")), "{told}");
    })
    .await;
}

#[tokio::test]
async fn where_what_was_said_before_cannot_be_read_a_ping_is_only_counted() {
    on_both_with(nudging(), async |desk, world| {
        let method = by_platform(world, "conversations.history", "GET /channels/{id}/messages").to_owned();
        world.inject(Fault::Hang { method, times: 1 });
        world.say("ana", &Spot::channel("sales"), &format!("@mia {HELP}"), None).await.expect("said");
        desk.pass(Duration::from_secs(30)).await;
        assert!(!is_asked(world, "ana"));
        let told = report(desk, world, "mia").await;
        assert!(
            told.contains("Pings of you in the last 7 days: 1. Looked like a request: 0. I spoke up about: 0."),
            "{told}"
        );
        let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
        desk.expect_refusals(refused);
        world.inject(Fault::Calm);
        desk.pass(Duration::from_secs(3600)).await;
        say(desk, world, "ana", &format!("@mia {HELP}")).await;
        assert!(is_asked(world, "ana"), "the next one can be read");
    })
    .await;
}

/// The test has a recorder of its own, set for its thread. All tasks of the program run on that thread.
#[tokio::test]
async fn pings_and_what_came_of_them_are_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let desk = Desk::open_with(nudging()).await;
    let world = desk.slack();
    say(&desk, &world, "ana", &format!("@mia {HELP}")).await;
    desk.press(&world, "ana", "sales", "Not a request").await;
    say(&desk, &world, "jeff", "@mia thanks, that worked!").await;
    desk.pass(Duration::from_secs(3600)).await;
    say(&desk, &world, "jeff", &format!("@omar {HELP}")).await;
    desk.press(&world, "jeff", "sales", "Make it a request").await;
    let text = recorder.handle().render();
    for line in [
        "deskbell_pings_total{ruling=\"request\"} 2",
        "deskbell_pings_total{ruling=\"talk\"} 1",
        "deskbell_ping_ends_total{end=\"asked\"} 2",
        "deskbell_ping_ends_total{end=\"dismissed\"} 1",
        "deskbell_ping_ends_total{end=\"accepted\"} 1",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
    }
    desk.end().await;
}

#[tokio::test]
async fn what_is_read_back_late_is_only_counted() {
    on_both_with(nudging(), async |desk, world| {
        desk.stop().await;
        world.say("ana", &Spot::channel("sales"), &format!("@mia {HELP}"), None).await.expect("said");
        desk.stage.clock.advance_to(desk.stage.clock.now() + Duration::from_secs(300));
        desk.start().await;
        assert!(!is_asked(world, "ana"));
        report(desk, world, "mia").await.contains("Pings of you in the last 7 days: 1.")
    })
    .await;
}

#[tokio::test]
async fn what_the_bot_cannot_read_is_passed_on_by_the_menu_and_lives_with_its_author() {
    let mut desk = Desk::open().await;
    let world = desk.slack();
    let at =
        world.say("ana", &Spot::channel("leads"), "my badge does not open the lab any more", None).await.expect("said");
    desk.settle().await;
    assert!(desk.stage.journal.since(0).iter().all(|entry| entry.platform != "slack" || entry.kind != "posted"));
    for _ in 0..2 {
        world.choose_menu("jeff", &at, "Send to desk").await.expect("it is in the menu");
        desk.settle().await;
    }
    let tickets = desk.store().tickets(None, 10).await.expect("tickets");
    assert_eq!(tickets.len(), 1, "once: {tickets:?}");
    assert_eq!((tickets[0].requester.name.as_str(), tickets[0].is_private()), ("Ana Lima", true));
    assert_eq!(tickets[0].title, "my badge does not open the lab any more");
    let told = bot_says(&world, "jeff", "leads");
    assert!(told.contains("Done: it's IT-1001") && told.contains("The desk already has that message."), "{told}");
    let told = bot_says(&world, "ana", "desk");
    assert!(
        told.contains("Somebody in that conversation thought the desk could help") && told.contains("my badge"),
        "{told}"
    );
    desk.press(&world, "ana", "desk", "Undo").await;
    assert_eq!(desk.store().tickets(None, 10).await.expect("tickets")[0].status.name(), "cancelled");
    let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    desk.expect_refusals(refused);
    desk.end().await;
}

#[tokio::test]
async fn a_command_that_an_edit_of_a_ping_gives_is_carried_out_once() {
    on_both_with(nudging(), async |desk, world| {
        let at = say(desk, world, "ana", "@mia the meeting is at three in the small room.").await;
        let told = || {
            let all = desk.stage.journal.since(0);
            all.iter().filter(|entry| entry.text("text").contains("You have no open requests")).count()
        };
        let mut counts = Vec::new();
        for text in ["@desk requests", "@desk requests ", "@desk  requests"] {
            world.edit("ana", &at, text).await.expect("edited");
            desk.settle().await;
            desk.pass(Duration::from_secs(5)).await;
            counts.push(told());
        }
        assert!(counts[0] > 0 && counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    })
    .await;
}

#[tokio::test]
async fn who_answers_an_expert_and_names_them_is_not_asked() {
    let desk = Desk::open_with(nudging()).await;
    let world = desk.discord();
    let at = say(&desk, &world, "mia", "I am on call this week, if the laptops make trouble again.").await;
    world.say("ana", &Spot::channel("sales"), &format!("@mia {HELP}"), Some(&at.id)).await.expect("said");
    desk.settle().await;
    assert!(!is_asked(&world, "ana"));
    desk.end().await;
}

/// PostgreSQL is sent the rows of equal statements together, as one statement. So these commands are tried there, too.
#[tokio::test]
async fn on_postgres_staff_come_and_go_by_commands() {
    let Some(database) = postgres::database().await else { return };
    let setup = Setup { database: Some(database), ..nudging() };
    let mut desk = Desk::open_with(setup).await;
    for world in [desk.slack(), desk.discord()] {
        let said = [
            (by_platform(&world, "oncall until tomorrow 9", "oncall until until:tomorrow 9"), "You are on call until"),
            ("oncall end", "You're no longer on call."),
            ("oncall end", "You weren't on call."),
            (
                by_platform(&world, "guard away tomorrow 9", "guard away until:tomorrow 9"),
                "You're marked as away until",
            ),
            ("guard back", "You're not marked as away"),
            (by_platform(&world, "guard me off", "guard me guarded:off"), "I leave messages that ping you"),
            (by_platform(&world, "guard me on", "guard me guarded:on"), "I offer them the desk again"),
            ("guard report", "Pings of you"),
        ];
        for (command, answer) in said {
            desk.command_in(&world, "mia", "sales", command).await;
            let told = desk.last_private(&world, "mia");
            assert!(told.contains(answer), "{command}: {told}");
        }
        for (command, answer) in [
            (
                by_platform(&world, "guard mode route", "guard mode mode:route"),
                "From now on, when somebody pings the desk's people here with a request, I pass it on",
            ),
            (
                by_platform(&world, "guard mode default", "guard mode mode:default"),
                "I ask whether the desk may take it",
            ),
        ] {
            desk.command_in(&world, "ada", "sales", command).await;
            let told = desk.last_private(&world, "ada");
            assert!(told.contains(answer), "{command}: {told}");
        }
        // The accounts of Ana and of Mia are linked, so the answer on Slack holds on Discord, too.
        say(&desk, &world, "ana", &format!("@mia {HELP}")).await;
        assert_eq!(is_asked(&world, "ana"), world.platform() == "slack");
        if world.platform() == "slack" {
            desk.press(&world, "ana", "sales", "Not a request").await;
        }
        desk.pass(Duration::from_secs(3_700)).await;
    }
    let refused = desk.stage.journal.since(0).iter().filter(|entry| entry.kind == "refused").count();
    desk.expect_refusals(refused);
    desk.end().await;
}

#[tokio::test]
async fn nobody_is_on_call_for_ever_nor_where_they_cannot_be_reached() {
    on_both_with(Setup::default(), async |desk, world| {
        let typed = by_platform(world, "oncall until 2099-01-01", "oncall until until:2099-01-01");
        desk.command_in(world, "mia", "sales", typed).await;
        assert!(desk.last_private(world, "mia").contains("within the next 31 days"));
        // The accounts are linked: the last command counts, whichever account gives it.
        let other = desk.other(world);
        desk.command_in(
            world,
            "mia",
            "sales",
            by_platform(world, "oncall until tomorrow 9", "oncall until until:tomorrow 9"),
        )
        .await;
        desk.command_in(&other, "mia", "sales", by_platform(&other, "oncall until 18:00", "oncall until until:18:00"))
            .await;
        desk.command(world, "omar", "oncall who").await;
        let told = desk.last_private(world, "omar");
        assert_eq!(told.matches("Mia Wong until").count(), 1, "{told}");
        desk.command(world, "mia", "oncall end").await;
        desk.command(world, "omar", "oncall who").await;
        assert!(desk.last_private(world, "omar").contains("Nobody is on call right now."));
    })
    .await;
}

#[tokio::test]
async fn where_the_bot_is_not_no_mode_is_set() {
    let desk = Desk::open().await;
    let world = desk.discord();
    world.inject(Fault::CloseChannel { channel: "general".to_owned() });
    desk.settle().await;
    desk.command_in(&world, "ada", "general", "guard mode mode:nudge").await;
    assert!(desk.last_private(&world, "ada").contains("Invite me first"), "{}", desk.last_private(&world, "ada"));
    desk.stop_unchecked().await;
}
