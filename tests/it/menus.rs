//! Menus that only one person sees are replaced in place: after each act they show the ticket's state and the next
//! acts.

use std::fmt::Write as _;
use std::sync::Arc;

use deskbell::sandbox::{MessageAt, Spot, World};
use expect_test::expect;

use crate::harness::{normal, on_both, see};
use crate::looks::ReadRecord as _;

/// The messages in channels that only this person sees, with the labels of their controls.
fn private(world: &Arc<dyn World>, who: &str) -> String {
    let view = see(world, who);
    let mut seen = String::new();
    for channel in view.channels.iter().filter(|channel| !channel.direct) {
        for message in channel.messages.iter().flat_map(|message| std::iter::once(message).chain(&message.thread)) {
            if message.only_you {
                let labels: String = message.controls.iter().map(|control| format!(" [{}]", control.label)).collect();
                let _ = writeln!(seen, "{}{labels}", normal(&message.text).replace('\n', " ⏎ "));
            }
        }
    }
    seen
}

#[tokio::test]
async fn the_agents_menu_is_replaced_in_place() {
    let script = on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer smokes").await;
        let mut script = String::new();
        let mut note = |what: &str| {
            let _ = write!(script, "{what}\n{}", private(world, "mia"));
        };
        desk.press(world, "mia", "desk-triage", "More…").await;
        note("More…");
        // The card has a button "Take it", too, but the menu is newer.
        desk.press(world, "mia", "desk-triage", "Take it").await;
        note("Take it");
        desk.choose(world, "mia", "desk-triage", "Priority…", Some("P1")).await;
        note("Priority");
        desk.choose(world, "mia", "desk-triage", "Assign to…", Some("sam")).await;
        note("Assign to Sam, who is no agent");
        desk.press(world, "mia", "desk-triage", "Release").await;
        note("Release");
        desk.press(world, "mia", "desk-triage", "Resolve…").await;
        desk.fill(world, "mia", "a new fuser").await;
        note("Resolve…");
        desk.press(world, "mia", "desk-triage", "Show").await;
        note("Show");
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!((ticket.status.name(), ticket.priority.as_str()), ("resolved", "P1"));
        script
    })
    .await;
    expect![[r#"
        More…
        IT-1001  printer smokes ⏎ new · P3 · nobody yet [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        Take it
        Done: IT-1001 is in progress, P3, with Mia. ⏎ IT-1001  printer smokes ⏎ in progress · P3 · Mia Wong has it [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        Priority
        Done: IT-1001 is in progress, P1, with Mia. ⏎ IT-1001  printer smokes ⏎ in progress · P1 · Mia Wong has it [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        Assign to Sam, who is no agent
        Sam isn't one of the desk's agents, so I can't give them tickets. Whoever runs this bot can add them. ⏎ IT-1001  printer smokes ⏎ in progress · P1 · Mia Wong has it [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        Release
        Done: IT-1001 is new, P1, and nobody has it yet. ⏎ IT-1001  printer smokes ⏎ new · P1 · nobody yet [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Send article…] [Declare an outage…] [Assign to…] [Priority…]
        Resolve…
        Done: IT-1001 is resolved. ⏎ IT-1001  printer smokes ⏎ resolved [Reopen] [Show]
        Show
        IT-1001  printer smokes ⏎ It is resolved. Asked by Jeff a moment ago. ⏎ Resolved: a new fuser ⏎ Priority P1. ⏎ • Jeff: printer smokes ⏎ History ⏎ • Jeff: opened, a moment ago ⏎ • Mia: claimed, a moment ago ⏎ • Mia: prioritised, a moment ago ⏎ • Mia: released, a moment ago ⏎ • Mia: resolved, a moment ago ⏎ IT-1001  printer smokes ⏎ resolved [Reopen] [Show]
    "#]].assert_eq(&script);
}

#[tokio::test]
async fn a_private_line_is_replaced_by_what_became_of_it() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer smokes").await;
        desk.ask(world, "jeff", "@desk and my badge is lost").await;
        if world.platform() == "slack" {
            let before = private(world, "jeff");
            assert!(before.contains("[Make it a request of its own]"), "{before}");
            desk.press(world, "jeff", "sales", "Make it a request of its own").await;
            let after = private(world, "jeff");
            assert_eq!(after, "Done: that's IT-1002 now, separate from IT-1001.\n");
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_has_a_menu_of_acts() {
    on_both(async |desk, world| {
        let what = world.platform();
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        let lunch = desk.say(world, "sam", &Spot::channel("sales"), "lunch?").await;
        let menus = see(world, "mia").menus;
        assert_eq!(
            menus,
            ["Take the request", "Reply to the requester", "Show the request", "Announce an outage", "Send to desk"],
            "{what}"
        );

        // A person who is no agent is refused, and so is a message that is no request.
        let choose = async |who: &str, at: &MessageAt, name: &str| {
            world.choose_menu(who, at, name).await.expect("answered");
            desk.settle().await;
            desk.last_private(world, who)
        };
        let told = choose("jeff", &ask, "Take the request").await;
        assert!(told.starts_with("Sorry, only the desk can do that"), "{what}: {told}");
        let told = choose("mia", &lunch, "Take the request").await;
        assert!(told.starts_with("I can't find a request for that message"), "{what}: {told}");
        world.choose_menu("mia", &lunch, "Reply to the requester").await.expect("answered");
        desk.fill(world, "mia", "a long answer").await;
        let told = desk.last_private(world, "mia");
        assert!(told.contains("Nothing was sent.") && told.ends_with("Your words: a long answer"), "{what}: {told}");
        let told = choose("jeff", &ask, "Show the request").await;
        assert!(told.contains("nobody has it yet"), "{what}: {told}");

        let told = choose("mia", &ask, "Take the request").await;
        assert_eq!(told, "Done: IT-1001 is in progress, P3, with Mia.", "{what}");
        // A form that a message's menu opens is about the request of that message.
        world.choose_menu("mia", &ask, "Reply to the requester").await.expect("answered");
        desk.settle().await;
        let title = see(world, "mia").form.map(|form| form.title);
        assert_eq!(title.as_deref(), Some("Reply to the requester"), "{what}");
        desk.fill(world, "mia", "I am on my way.").await;
        assert!(desk.last_private(world, "mia").starts_with("On its way"), "{what}: the agent is told");
        let answered = said_in_thread(world, &ask);
        assert!(answered.iter().any(|line| line == "Mia (IT): I am on my way."), "{what}: {answered:?}");
    })
    .await;
}

#[tokio::test]
async fn a_requester_has_their_own_menu() {
    let script = on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer smokes").await;
        let mut script = String::new();
        let mut note = |what: &str| {
            let _ = write!(script, "{what}\n{}", private(world, "jeff"));
        };
        desk.command(world, "jeff", "show IT-1001").await;
        note("show");
        desk.press(world, "jeff", "random", "Add details").await;
        desk.fill(world, "jeff", "since this morning").await;
        note("Add details");
        desk.press(world, "jeff", "random", "Cancel").await;
        note("Cancel");
        desk.press(world, "jeff", "random", "Ask again").await;
        note("Ask again");
        script
    })
    .await;
    expect![[r#"
        show
        IT-1001  printer smokes ⏎ It is new; nobody has it yet. Asked by Jeff a moment ago. ⏎ • Jeff: printer smokes [Add details] [Cancel]
        Add details
        Added to IT-1001. The desk can see it. [Add details] [Cancel]
        Cancel
        Done: IT-1001 is cancelled. [Ask again]
        Ask again
        Done: the desk has IT-1001 again. [Add details] [Cancel]
    "#]].assert_eq(&script);
}

#[tokio::test]
async fn words_typed_into_a_form_that_is_refused_are_given_back() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer smokes").await;
        desk.press(world, "mia", "desk-triage", "More…").await;
        desk.press(world, "mia", "desk-triage", "Resolve…").await;
        desk.command(world, "omar", "resolve IT-1001 switched off").await;
        desk.fill(world, "mia", "a new fuser, ordered with the last three of them").await;
        let told = desk.last_private(world, "mia");
        assert!(told.starts_with("IT-1001 was resolved"), "{told}");
        assert!(told.contains("Your words: a new fuser, ordered with the last three of them"), "{told}");
    })
    .await;
}

/// The texts of the thread under a message.
fn said_in_thread(world: &Arc<dyn World>, ask: &MessageAt) -> Vec<String> {
    let view = see(world, "ada");
    let all = view.channels.into_iter().flat_map(|channel| channel.messages);
    let under = all.filter(|message| message.id == ask.id).flat_map(|message| message.thread);
    under.map(|message| normal(&message.text)).collect()
}

#[tokio::test]
async fn an_agent_takes_a_request_by_a_reaction() {
    on_both(async |desk, world| {
        let (what, eyes) = (world.platform(), if world.platform() == "slack" { "eyes" } else { "👀" });
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        let lunch = desk.say(world, "sam", &Spot::channel("sales"), "lunch?").await;
        let react = async |who: &str, at: &MessageAt, emoji: &str, add: bool| {
            world.react(who, at, emoji, add).await.expect("it stands");
            desk.settle().await;
        };
        let holder = async || desk.store().tickets(None, 10).await.expect("tickets")[0].assignee.clone();
        // Another emoji, a reaction of somebody who is no agent, or one on another message: nothing changes, no answer.
        react("mia", &ask, "tada", true).await;
        react("jeff", &ask, eyes, true).await;
        react("mia", &lunch, eyes, true).await;
        assert_eq!(holder().await, None, "{what}");
        assert_eq!((private(world, "jeff"), private(world, "mia")), (String::new(), String::new()), "{what}");

        react("mia", &ask, eyes, true).await;
        assert!(holder().await.is_some_and(|agent| agent.name.starts_with("Mia")), "{what}");
        // Removing the reaction changes nothing. An agent who has the ticket already is told so. After a release it
        // works again.
        react("mia", &ask, eyes, false).await;
        assert!(holder().await.is_some(), "{what}");
        desk.pass(std::time::Duration::from_secs(60)).await;
        react("mia", &ask, eyes, true).await;
        assert_eq!(desk.last_private(world, "mia"), "You already have IT-1001.", "{what}");
        react("mia", &ask, eyes, false).await;
        desk.command(world, "mia", "release IT-1001").await;
        desk.pass(std::time::Duration::from_secs(60)).await;
        react("mia", &ask, eyes, true).await;
        assert!(holder().await.is_some(), "{what}");
        let taken = said_in_thread(world, &ask).iter().filter(|line| *line == "Mia is on it.").count();
        assert_eq!(taken, 2, "{what}");
        // Another agent is told who has it.
        react("omar", &ask, eyes, true).await;
        assert!(desk.last_private(world, "omar").starts_with("Mia already has IT-1001"), "{what}");
    })
    .await;
}

#[tokio::test]
async fn open_requests_are_listed_for_oneself_and_for_the_desk() {
    let script = on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        desk.say(world, "jeff", &Spot::direct(), "my salary is wrong").await;
        desk.press(world, "mia", "desk-triage", "Take it").await;
        let mut script = String::new();
        let mut note = |who: &str, what: &str| {
            let _ = writeln!(script, "{who}: {what}\n{}", normal(&desk.last_private(world, who)));
        };
        for (who, words) in
            [("jeff", "requests"), ("sam", "requests"), ("sam", "requests @jeff"), ("mia", "requests @jeff")]
        {
            desk.command(world, who, words).await;
            note(who, &format!("/desk {words}"));
        }
        // By a mention, too.
        desk.ask(world, "jeff", "@desk requests").await;
        note("jeff", "@desk requests");
        let menus = see(world, "mia").person_menus;
        if world.platform() == "slack" {
            assert_eq!(menus, Vec::<String>::new(), "apps on Slack have no menu of a person");
        } else {
            desk.command(world, "mia", "requests @jeff").await;
            let listed = desk.last_private(world, "mia");
            assert_eq!(menus, ["Show their open requests"]);
            for (who, expected) in [
                ("mia", listed.as_str()),
                ("sam", "Sorry, only the desk can do that; /desk help shows what you can do."),
            ] {
                world.choose_menu(who, &ask, "Show their open requests").await.expect("answered");
                desk.settle().await;
                assert_eq!(desk.last_private(world, who), expected, "{who}");
            }
        }
        script
    })
    .await;
    expect![[r#"
        jeff: /desk requests
        Your open requests:
        • IT-1002  my salary is wrong · in progress · Mia has it · (age)
        • IT-1001  printer smokes · new · (age) · open
        sam: /desk requests
        You have no open requests. Need something? Mention me or write to me.
        sam: /desk requests @jeff
        Sorry, only the desk can do that; /desk help shows what you can do.
        mia: /desk requests @jeff
        Open requests from Jeff Park:
        • IT-1002  my salary is wrong · in progress · Mia has it · (age)
        • IT-1001  printer smokes · new · (age) · open
        jeff: @desk requests
        Your open requests:
        • IT-1002  my salary is wrong · in progress · Mia has it · (age)
        • IT-1001  printer smokes · new · (age) · open
    "#]]
    .assert_eq(&script);
}
