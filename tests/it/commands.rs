//! `/desk …` as a command and as words in a mention, and the answers to wrong input.

use deskbell::sandbox::Spot;

use crate::harness::{Desk, on_both};
use crate::looks::ReadRecord as _;

#[tokio::test]
async fn a_ticket_is_worked_by_commands_alone() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer smokes").await;
        for (command, told) in [
            ("claim IT-1001", "Done: IT-1001 is in progress, P3, with Mia."),
            ("claim IT-1001", "You already have IT-1001."),
            ("priority P1 IT-1001", "Done: IT-1001 is in progress, P1, with Mia."),
            ("pending IT-1001 waiting for a fuser", "Done: IT-1001 is pending, P1, with Mia."),
            (
                "reply IT-1001 it comes tomorrow",
                "On its way to Jeff. You'll see it under the card once it's delivered.",
            ),
            ("release IT-1001", "Done: IT-1001 is new, P1, and nobody has it yet."),
            ("release IT-1001", "Nobody has IT-1001, so there's nothing to release."),
            ("assign @omar IT-1001", "Done: IT-1001 is in progress, P1, with Omar."),
            ("resolve IT-1001 new fuser", "Done: IT-1001 is resolved."),
            ("reopen IT-1001", "Done: IT-1001 is in progress, P1, with Omar."),
        ] {
            desk.command(world, "mia", command).await;
            assert_eq!(desk.last_private(world, "mia"), told, "{} {command}", world.platform());
        }
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.priority.to_string(), "P1");
        let audit = desk.store().audit(ticket.id).await.expect("audit");
        let acts: Vec<&str> = audit.iter().map(|entry| entry.act.as_str()).collect();
        let expected = [
            "opened",
            "claimed",
            "prioritised",
            "set to pending",
            "replied",
            "released",
            "assigned",
            "resolved",
            "reopened",
        ];
        assert_eq!(acts, expected);
        assert!(audit.iter().all(|entry| !format!("{entry:?}").contains("fuser")), "the audit holds no words");
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_said_privately_with_the_way_out() {
    on_both(async |desk, world| {
        desk.command(world, "mia", "claim IT-9999").await;
        assert!(desk.last_private(world, "mia").starts_with("I can't find IT-9999"));
        desk.command(world, "mia", "claim").await;
        assert!(desk.last_private(world, "mia").starts_with("Which request?"));
        desk.command(world, "mia", "help").await;
        assert!(desk.last_private(world, "mia").contains("For the desk's agents"));
        desk.command(world, "jeff", "help").await;
        let help = desk.last_private(world, "jeff");
        assert!(help.starts_with("How to reach the desk") && !help.contains("For the desk's agents"), "{help}");
        assert_eq!(desk.store().total().await.expect("a number"), 0);
    })
    .await;
}

#[tokio::test]
async fn slack_takes_free_words_after_the_command_and_says_what_it_understands() {
    let desk = Desk::open().await;
    let slack = desk.slack();
    for (words, told) in [
        ("", "How to reach the desk"),
        ("frobnicate", "I don't know that command."),
        ("resolve IT-1", "Almost there: write it as"),
        ("priority IT-1", "Almost there: write it as"),
        ("priority P9 IT-1", "Almost there: write it as"),
    ] {
        desk.command(&slack, "mia", words).await;
        let last = desk.last_private(&slack, "mia");
        assert!(last.starts_with(told), "{words}: {last}");
    }
    let ask = desk.ask(&slack, "jeff", "@desk printer smokes").await;
    let in_thread = slack.command("mia", &Spot::thread("sales", &ask.id), "claim").await;
    assert!(in_thread.is_err(), "Slack has no slash commands inside threads");
    desk.end().await;
}

#[tokio::test]
async fn discord_takes_commands_inside_a_thread_without_a_key() {
    let desk = Desk::open().await;
    let discord = desk.discord();
    let ask = desk.ask(&discord, "jeff", "@desk printer smokes").await;
    discord.command("mia", &Spot::thread("sales", &ask.id), "claim").await.expect("given");
    desk.settle().await;
    assert_eq!(desk.last_private(&discord, "mia"), "Done: IT-1001 is in progress, P3, with Mia.");
    desk.end().await;
}

#[tokio::test]
async fn words_in_a_thread_do_the_same() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        let thread = Spot::thread("sales", &ask.id);
        for (words, status, holder) in [
            ("@desk claim", "in_progress", Some("Mia Wong")),
            ("@desk pending", "pending", Some("Mia Wong")),
            ("@desk assign @omar", "pending", Some("Omar Haddad")),
            ("@desk release", "new", None),
            ("@desk resolve new fuser", "resolved", None),
            ("@desk reopen", "new", None),
        ] {
            desk.say(world, "mia", &thread, words).await;
            let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
            let found = ticket.assignee.map(|agent| agent.name);
            assert_eq!((ticket.status.name(), found.as_deref()), (status, holder), "{words}");
        }
        // A command is no part of the conversation.
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(desk.store().records(ticket.id).await.expect("records").len(), 1);
    })
    .await;
}
