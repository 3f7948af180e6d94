//! Bursts: a second request right after the first is joined to its ticket. The author is told at once and can make it a
//! request of its own. Messages of other people are not recorded.

use std::sync::Arc;

use deskbell::desk::conversation::state::Record;
use deskbell::desk::tickets::state::Ticket;
use deskbell::domain::ids::TicketId;
use deskbell::sandbox::{Absence, Fault, MessageView, Spot, World};
use deskbell::store::Listed;

use crate::harness::{Desk, find_control, on_both, see};
use crate::looks::ReadRecord as _;
use crate::platform_away::said;

const OWN: &str = "Make it a request of its own";

/// Returns the channel in which a person sees private answers (`desk` is the direct conversation).
fn private(world: &Arc<dyn World>) -> &'static str {
    if world.platform() == "slack" { "sales" } else { "desk" }
}

async fn tickets(desk: &Desk) -> Vec<Ticket> {
    let mut tickets = desk.store().tickets(None, 10).await.expect("tickets");
    tickets.sort_by_key(|ticket| ticket.id);
    tickets
}

async fn words(desk: &Desk, ticket: TicketId) -> Vec<String> {
    let records: Vec<Record> = desk.store().records(ticket).await.expect("records");
    records.into_iter().map(|record| record.text).collect()
}

async fn acts(desk: &Desk, ticket: TicketId) -> Vec<String> {
    desk.store().audit(ticket).await.expect("an audit").into_iter().map(|entry| entry.act).collect()
}

fn message(world: &Arc<dyn World>, text: &str) -> MessageView {
    let view = see(world, "jeff");
    let all = view.channels.into_iter().flat_map(|channel| channel.messages);
    all.into_iter().find(|message| message.text.contains(text)).expect("it stands there")
}

#[tokio::test]
async fn a_conversation_of_others_is_never_bound_by_a_burst() {
    on_both(async |desk, world| {
        let lunch = desk.say(world, "ana", &Spot::channel("sales"), "where do we have lunch?").await;
        desk.say(world, "sam", &Spot::thread("sales", &lunch.id), "the usual place").await;
        desk.ask(world, "jeff", "@desk the printer jams").await;
        desk.say(world, "jeff", &Spot::thread("sales", &lunch.id), "@desk also the scanner").await;
        let known = tickets(desk).await;
        assert_eq!(known.len(), 2, "{}: it is a request of its own", world.platform());
        assert_eq!(words(desk, known[0].id).await, ["the printer jams"]);
        // People in this thread are told that the desk reads it.
        let told = said(world, "ana", "sales");
        assert!(
            told.iter().any(|line| line.contains("IT-1002") && line.contains("can see what's written")),
            "{told:#?}"
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_is_overheard_under_what_was_joined() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk the scanner jams").await;
        let second = desk.ask(world, "jeff", "@desk wifi in room 4 is slow").await;
        // Messages in a thread under the second request, and a reply to it.
        desk.say(world, "ana", &Spot::thread("sales", &second.id), "my new salary would be 90k").await;
        if world.platform() == "discord" {
            world.say("sam", &Spot::channel("sales"), "mine 95k", Some(&second.id)).await.expect("said");
            desk.settle().await;
        }
        desk.say(world, "jeff", &Spot::thread("sales", &second.id), "not here, please").await;
        let known = tickets(desk).await;
        assert_eq!(known.len(), 1);
        assert_eq!(words(desk, known[0].id).await, ["the scanner jams", "wifi in room 4 is slow"]);
        let cards = said(world, "mia", "desk-triage").join("\n");
        assert!(!cards.contains("90k") && !cards.contains("95k") && !cards.contains("not here"), "{cards}");
    })
    .await;
}

#[tokio::test]
async fn what_is_joined_shows_that_at_once_and_can_be_a_request_of_its_own() {
    on_both(async |desk, world| {
        let what = world.platform();
        desk.ask(world, "jeff", "@desk the scanner jams").await;
        let second = desk.ask(world, "jeff", "@desk wifi in room 4 is slow").await;
        assert_eq!(message(world, "wifi in room 4").reactions.len(), 1, "{what}: the message has a reaction");
        let told = desk.last_private(world, "jeff");
        assert!(told.starts_with("I've added “wifi in room 4 is slow” to IT-1001"), "{what}: {told}");
        assert!(find_control(&see(world, "ana"), "sales", OWN).is_none(), "{what}: nobody else sees it");
        let first = tickets(desk).await.remove(0);
        assert_eq!(acts(desk, first.id).await, ["opened", "joined"]);
        assert!(said(world, "mia", "desk-triage").iter().any(|line| line.contains("wifi")), "{what}");

        desk.press(world, "jeff", private(world), OWN).await;
        let known = tickets(desk).await;
        assert_eq!(known.len(), 2, "{what}");
        assert_eq!(words(desk, known[0].id).await, ["the scanner jams"]);
        assert_eq!(words(desk, known[1].id).await, ["wifi in room 4 is slow"]);
        assert_eq!(
            (known[1].title.as_str(), known[1].origin.root()),
            ("wifi in room 4 is slow", Some(second.id.as_str()))
        );
        assert_eq!(acts(desk, known[0].id).await, ["opened", "joined", "message made a request of its own"]);
        assert_eq!(acts(desk, known[1].id).await, ["opened"]);
        assert_eq!(message(world, "wifi in room 4").reactions, [], "{what}: the reaction is gone");
        let told = desk.last_private(world, "jeff");
        assert!(told.starts_with("Done: that's IT-1002 now"), "{what}: {told}");
        // The first card no longer shows the message, and the new ticket has its own card.
        let desk_reads = said(world, "mia", "desk-triage");
        assert_eq!(desk_reads.iter().filter(|line| line.contains("wifi")).count(), 1, "{what}: {desk_reads:#?}");
        // The bot has now written under the message, so messages in its thread are recorded.
        desk.say(world, "ana", &Spot::thread("sales", &second.id), "in room 5 as well").await;
        assert_eq!(words(desk, known[1].id).await.len(), 2, "{what}");

        // The button works once. On Slack its private line is gone; in the direct conversation on Discord it stays.
        let is_direct = private(world) == "desk";
        assert_eq!(find_control(&see(world, "jeff"), private(world), OWN).is_some(), is_direct, "{what}");
        if is_direct {
            desk.press(world, "jeff", private(world), OWN).await;
            assert_eq!(tickets(desk).await.len(), 2, "{what}");
            assert!(desk.last_private(world, "jeff").contains("no longer part of IT-1001"), "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn so_it_is_in_the_direct_conversation() {
    on_both(async |desk, world| {
        desk.say(world, "jeff", &Spot::direct(), "my badge is broken").await;
        desk.say(world, "jeff", &Spot::direct(), "and I need a new mouse").await;
        assert_eq!(message(world, "a new mouse").reactions.len(), 1);
        desk.press(world, "jeff", "desk", OWN).await;
        let known = tickets(desk).await;
        assert_eq!(known.len(), 2, "{}", world.platform());
        assert_eq!(words(desk, known[1].id).await, ["and I need a new mouse"]);
        assert!(known[1].is_private());
    })
    .await;
}

#[tokio::test]
async fn without_the_right_to_react_it_is_told_all_the_same() {
    on_both(async |desk, world| {
        let (method, status, body) = match world.platform() {
            "slack" => ("reactions.add", 200, r#"{"ok":false,"error":"missing_scope"}"#),
            _ => {
                let react = "PUT /channels/{id}/messages/{mid}/reactions/{emoji}/@me";
                (react, 403, r#"{"message":"Missing Permissions","code":50013}"#)
            }
        };
        let (method, body) = (method.to_owned(), body.to_owned());
        world.inject(Fault::Leave(Absence::Intercepted { method, status, body }));
        desk.ask(world, "jeff", "@desk the scanner jams").await;
        desk.ask(world, "jeff", "@desk wifi in room 4 is slow").await;
        assert_eq!(message(world, "wifi in room 4").reactions, []);
        assert!(desk.last_private(world, "jeff").starts_with("I've added “wifi in room 4 is slow” to IT-1001"));
        let failed = desk.store().listed(Listed::Failed, None, None, 10).await.expect("a list");
        let held = desk.store().listed(Listed::Held, None, None, 10).await.expect("a list");
        assert!(failed.is_empty() && held.is_empty(), "a refused reaction is not left to an operator");
    })
    .await;
}

#[tokio::test]
async fn what_follows_in_the_direct_conversation_is_about_the_new_one() {
    on_both(async |desk, world| {
        desk.say(world, "jeff", &Spot::direct(), "my badge is broken").await;
        desk.say(world, "jeff", &Spot::direct(), "and I need a new mouse").await;
        desk.press(world, "jeff", "desk", OWN).await;
        desk.pass(std::time::Duration::from_secs(300)).await;
        desk.say(world, "jeff", &Spot::direct(), "a small one").await;
        let known = tickets(desk).await;
        assert_eq!(words(desk, known[0].id).await, ["my badge is broken"], "{}", world.platform());
        assert_eq!(words(desk, known[1].id).await, ["and I need a new mouse", "a small one"]);
    })
    .await;
}

#[tokio::test]
async fn a_thread_in_which_somebody_else_has_asked_stays_theirs() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk the scanner jams").await;
        let second = desk.ask(world, "jeff", "@desk wifi in room 4 is slow").await;
        let thread = Spot::thread("sales", &second.id);
        desk.say(world, "ana", &thread, "@desk and my phone is dead").await;
        desk.press(world, "jeff", private(world), OWN).await;
        let told = desk.last_private(world, "jeff");
        assert!(told.starts_with("Meanwhile another request was started"), "{}: {told}", world.platform());
        desk.say(world, "ana", &thread, "since this morning").await;
        let known = tickets(desk).await;
        assert_eq!(known.len(), 2);
        assert!(words(desk, known[1].id).await.contains(&"since this morning".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn what_was_taken_back_at_once_is_nothing_to_go_on_from() {
    on_both(async |desk, world| {
        let slip = desk.ask(world, "jeff", "@desk my password is hunter2").await;
        world.delete("jeff", &slip).await.expect("deleted");
        desk.settle().await;
        desk.ask(world, "jeff", "@desk I cannot log in").await;
        let known = tickets(desk).await;
        assert_eq!(known.len(), 2, "{}", world.platform());
        assert_eq!(known[1].title, "I cannot log in");
    })
    .await;
}
