//! Menus that only one person sees are replaced in place: after each act they show how the ticket stands now, and what can be
//! done with it next.

use std::fmt::Write as _;
use std::sync::Arc;

use deskbell::sandbox::World;
use expect_test::expect;

use crate::harness::{Desk, normal, see};
use crate::looks::Looks as _;

/// What this person alone sees, everywhere.
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
    let mut scripts = Vec::new();
    for index in 0..2 {
        let desk = Desk::open().await;
        let world = desk.worlds()[index].clone();
        desk.ask(&world, "jeff", "@desk printer smokes").await;
        let mut script = String::new();
        let mut note = |what: &str| {
            let _ = write!(script, "{what}\n{}", private(&world, "mia"));
        };
        desk.press(&world, "mia", "desk-triage", "More…").await;
        note("More…");
        // The card says "Take it", too; the menu is newer.
        desk.press(&world, "mia", "desk-triage", "Take it").await;
        note("Take it");
        desk.choose(&world, "mia", "desk-triage", "Priority…", Some("P1")).await;
        note("Priority");
        desk.choose(&world, "mia", "desk-triage", "Assign to…", Some("sam")).await;
        note("Assign to Sam, who is no agent");
        desk.press(&world, "mia", "desk-triage", "Release").await;
        note("Release");
        desk.press(&world, "mia", "desk-triage", "Resolve…").await;
        desk.fill(&world, "mia", "a new fuser").await;
        note("Resolve…");
        desk.press(&world, "mia", "desk-triage", "Show").await;
        note("Show");
        scripts.push(script);
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!((ticket.status.name(), ticket.priority.as_str()), ("resolved", "P1"));
        desk.end().await;
    }
    assert_eq!(scripts[0], scripts[1], "Slack (left) and Discord (right) differ");
    expect![[r#"
        More…
        IT-1001  printer smokes ⏎ new · P3 · nobody yet [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Assign to…] [Priority…]
        Take it
        Done: IT-1001 is in progress, P3, with Mia. ⏎ IT-1001  printer smokes ⏎ in progress · P3 · Mia Wong has it [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Assign to…] [Priority…]
        Priority
        Done: IT-1001 is in progress, P1, with Mia. ⏎ IT-1001  printer smokes ⏎ in progress · P1 · Mia Wong has it [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Assign to…] [Priority…]
        Assign to Sam, who is no agent
        Sam is not on the desk's list, so can't be given tickets. An operator can add them. ⏎ IT-1001  printer smokes ⏎ in progress · P1 · Mia Wong has it [Reply to requester] [Resolve…] [Pending…] [Release] [Show] [Not a request] [Assign to…] [Priority…]
        Release
        Done: IT-1001 is new, P1, with nobody yet. ⏎ IT-1001  printer smokes ⏎ new · P1 · nobody yet [Take it] [Reply to requester] [Resolve…] [Pending…] [Show] [Not a request] [Assign to…] [Priority…]
        Resolve…
        Done: IT-1001 is resolved. ⏎ IT-1001  printer smokes ⏎ resolved [Reopen] [Show]
        Show
        IT-1001  printer smokes ⏎ It is resolved. Asked by Jeff a moment ago. ⏎ Resolved: a new fuser ⏎ Priority P1. ⏎ • Jeff: printer smokes ⏎ What was done ⏎ • Jeff: opened, a moment ago ⏎ • Mia: claimed, a moment ago ⏎ • Mia: prioritised, a moment ago ⏎ • Mia: released, a moment ago ⏎ • Mia: resolved, a moment ago ⏎ IT-1001  printer smokes ⏎ resolved [Reopen] [Show]
    "#]].assert_eq(&scripts[0]);
}

#[tokio::test]
async fn a_private_line_is_replaced_by_what_became_of_it() {
    for index in 0..2 {
        let desk = Desk::open().await;
        let world = desk.worlds()[index].clone();
        desk.ask(&world, "jeff", "@desk printer smokes").await;
        desk.ask(&world, "jeff", "@desk and my badge is lost").await;
        if world.platform() == "slack" {
            let before = private(&world, "jeff");
            assert!(before.contains("[Make it a request of its own]"), "{before}");
            desk.press(&world, "jeff", "sales", "Make it a request of its own").await;
            let after = private(&world, "jeff");
            assert_eq!(after, "Done: that is IT-1002 now, and no part of IT-1001 any more.\n");
        }
        desk.end().await;
    }
}
