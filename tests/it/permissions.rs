//! Rights are decided at each act, by whichever way it comes in. A refusal is told privately.

use deskbell::sandbox::Spot;

use crate::harness::{Desk, on_both, see};
use crate::looks::ReadRecord as _;

#[tokio::test]
async fn only_the_desk_may_work_tickets() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        let thread = Spot::thread("sales", &ask.id);
        // By the menu that everybody sees, by words, and by command.
        desk.press(world, "sam", "sales", "Desk…").await;
        assert_eq!(
            desk.last_private(world, "sam"),
            "Sorry, only the desk can do that; /desk help shows what you can do."
        );
        desk.say(world, "jeff", &thread, "@desk claim").await;
        let why = "Sorry, only the desk can do that; /desk help shows what you can do. \
                   Your request is with the desk; to add something, just write where I answered you.";
        assert_eq!(desk.last_private(world, "jeff"), why);
        for command in
            ["claim IT-1001", "release IT-1001", "resolve IT-1001 done", "pending IT-1001", "priority P1 IT-1001"]
        {
            desk.command(world, "jeff", command).await;
            assert_eq!(desk.last_private(world, "jeff"), why, "{command}");
        }
        desk.command(world, "jeff", "assign @mia IT-1001").await;
        assert_eq!(desk.last_private(world, "jeff"), why);
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!((ticket.status.name(), ticket.assignee.is_none()), ("new", true));
    })
    .await;
}

#[tokio::test]
async fn only_the_requester_may_cancel_or_add_and_learns_how_it_stands() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer smokes").await;
        desk.press(world, "sam", "sales", "Cancel").await;
        assert!(desk.last_private(world, "sam").starts_with("IT-1001 is Jeff's request"));
        // Jeff opens the form, and Sam sends it, which no page of a platform allows.
        desk.press(world, "jeff", "sales", "Add details").await;
        let form = desk.form(world, "jeff").await;
        let values = form.fields.iter().map(|field| (field.id.clone(), "it is mine really".to_owned())).collect();
        assert!(world.submit("sam", &form.id, &values).await.is_err(), "{}", world.platform());
        // In another place they are answered as if there were no such ticket.
        desk.command(world, "sam", "show IT-1001").await;
        assert!(desk.last_private(world, "sam").starts_with("I can't find IT-1001"));
        desk.command(world, "jeff", "show IT-1001").await;
        let shown = desk.last_private(world, "jeff");
        assert!(shown.starts_with("IT-1001  printer smokes\nIt is new; nobody has it yet."), "{shown}");
        desk.press(world, "jeff", "sales", "Cancel").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "cancelled");
    })
    .await;
}

#[tokio::test]
async fn a_private_request_is_unknown_to_others_and_notes_to_the_requester() {
    on_both(async |desk, world| {
        desk.say(world, "ana", &Spot::direct(), "my salary slip is wrong").await;
        desk.command(world, "sam", "show IT-1001").await;
        assert!(desk.last_private(world, "sam").starts_with("I can't find IT-1001"));
        let card = see(world, "mia");
        let card = card.channels.iter().find(|channel| channel.name == "desk-triage").expect("the desk's channel");
        let under = Spot::thread("desk-triage", &card.messages[0].id);
        desk.say(world, "omar", &under, "payroll again, sigh").await;
        desk.command(world, "ana", "show IT-1001").await;
        let shown = desk.last_private(world, "ana");
        assert!(shown.contains("my salary slip is wrong") && !shown.contains("sigh"), "{shown}");
        desk.command(world, "omar", "show IT-1001").await;
        let shown = desk.last_private(world, "omar");
        assert!(shown.contains("payroll again, sigh") && shown.contains("History"), "{shown}");
    })
    .await;
}

#[tokio::test]
async fn whoever_leaves_the_desk_loses_the_rights_at_once() {
    let desk = Desk::open().await;
    desk.ask(&desk.slack(), "jeff", "@desk printer smokes").await;
    desk.stage.slack.set_group("it-desk", &["omar"]);
    desk.stage.discord.set_role("it-desk", &["omar".to_owned()]);
    desk.settle().await;
    for world in desk.worlds() {
        // She still sees the button, but has lost the right.
        desk.press(&world, "mia", "desk-triage", "Take it").await;
    }
    let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
    assert_eq!(ticket.assignee, None);
    desk.press(&desk.slack(), "omar", "desk-triage", "Take it").await;
    let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
    assert!(ticket.assignee.is_some_and(|agent| agent.name.starts_with("Omar")));
    desk.end().await;
}

#[tokio::test]
async fn a_ticket_is_given_only_to_the_desks_people() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk printer smokes").await;
        desk.command(world, "mia", "assign @sam IT-1001").await;
        assert!(desk.last_private(world, "mia").starts_with("Sam isn't one of the desk's agents"));
        desk.press(world, "mia", "desk-triage", "More…").await;
        desk.choose(world, "mia", "desk-triage", "Assign to…", Some("omar")).await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert!(ticket.assignee.is_some_and(|agent| agent.name.starts_with("Omar")));
    })
    .await;
}
