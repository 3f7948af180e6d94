//! Direct conversations, which may hold several requests of one person: to which request words and commands belong.

use std::time::Duration;

use deskbell::sandbox::Spot;

use crate::harness::{on_both, see};
use crate::looks::ReadRecord as _;

const LONG: Duration = Duration::from_secs(2 * 3600);

#[tokio::test]
async fn a_command_that_is_nothing_but_its_name_means_the_only_open_request() {
    let told = on_both(async |desk, world| {
        desk.say(world, "jeff", &Spot::direct(), "my badge is broken").await;
        let mut told = Vec::new();
        for words in ["show", "resolve", "Cancel", "reopen"] {
            desk.say(world, "jeff", &Spot::direct(), words).await;
            told.push(desk.last_private(world, "jeff"));
        }
        desk.say(world, "jeff", &Spot::direct(), "my mouse is gone").await;
        desk.pass(LONG).await;
        desk.say(world, "jeff", &Spot::direct(), "and I need a second screen, please").await;
        desk.press(world, "jeff", "desk", "Make it a request of its own").await;
        // With two open requests, no command guesses which one is meant.
        desk.say(world, "jeff", &Spot::direct(), "cancel").await;
        told.push(desk.last_private(world, "jeff"));
        let open = desk.store().tickets(None, 10).await.expect("tickets");
        assert_eq!(open.iter().filter(|ticket| ticket.status.is_open()).count(), 2, "{}", world.platform());
        told
    })
    .await;
    let [shown, resolve, cancelled, reopened, which] = told.try_into().expect("five answers");
    assert!(shown.contains("IT-1001") && shown.contains("my badge is broken"), "{shown}");
    assert!(resolve.starts_with("Only the desk can do that, so I've added your words to IT-1001."), "{resolve}");
    assert!(cancelled.contains("IT-1001 is cancelled, as you asked."), "{cancelled}");
    assert!(reopened.starts_with("Which request?"), "a cancelled one is opened again by its button: {reopened}");
    assert!(which.starts_with("Which request?"), "{which}");
}

#[tokio::test]
async fn words_long_after_a_request_can_be_made_another_one() {
    on_both(async |desk, world| {
        desk.say(world, "jeff", &Spot::direct(), "my badge is broken").await;
        desk.pass(LONG).await;
        desk.say(world, "jeff", &Spot::direct(), "thanks!").await;
        assert!(!desk.last_private(world, "jeff").contains("something else"), "{}: small talk", world.platform());
        desk.pass(LONG).await;
        desk.say(world, "jeff", &Spot::direct(), "the printer on 3 is jammed").await;
        let told = desk.last_private(world, "jeff");
        let wanted = "I've added “the printer on 3 is jammed” to IT-1001 (“my badge is broken”), which is still open. \
                      Was that about something else?";
        assert!(told.contains(wanted), "{}: {told}", world.platform());
        desk.press(world, "jeff", "desk", "Make it a request of its own").await;
        let tickets = desk.store().tickets(None, 10).await.expect("tickets");
        let titles: Vec<_> = tickets.iter().map(|ticket| ticket.title.as_str()).collect();
        assert_eq!(titles, ["the printer on 3 is jammed", "my badge is broken"], "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn words_belong_to_the_open_request_though_another_was_resolved_since() {
    on_both(async |desk, world| {
        desk.say(world, "jeff", &Spot::direct(), "my badge is broken").await;
        desk.press(world, "jeff", "desk", "New request").await;
        desk.fill(world, "jeff", "the printer on 3 is jammed").await;
        desk.command(world, "mia", "resolve IT-1001 here is a new one").await;
        desk.say(world, "jeff", &Spot::direct(), "it's the big one by the stairs").await;
        let tickets = desk.store().tickets(None, 10).await.expect("tickets");
        let stand: Vec<_> = tickets.iter().map(|ticket| (ticket.key.number(), ticket.status.name())).collect();
        assert_eq!(stand, [(1002, "new"), (1001, "resolved")], "{}", world.platform());
        let words = desk.store().records(tickets[0].id).await.expect("records");
        assert!(words.iter().any(|record| record.text.contains("by the stairs")), "{}: {words:?}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn a_requesters_command_of_the_desk_is_on_record_and_changes_nothing() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk the printer is jammed").await;
        let sales = see(world, "jeff").channels.into_iter().find(|channel| channel.name == "sales").expect("a channel");
        let root = sales.messages[0].id.clone();
        let thread = Spot::thread("sales", &root);
        desk.say(world, "jeff", &thread, "@desk resolve").await;
        let told = desk.last_private(world, "jeff");
        assert!(told.starts_with("Only the desk can do that, so I've added your words to IT-1001."), "{told}");
        desk.command(world, "mia", "resolve IT-1001 paper removed").await;
        desk.say(world, "jeff", &thread, "@desk resolve it was the tray").await;
        let told = desk.last_private(world, "jeff");
        assert!(told.starts_with("Only the desk can do that, so I've added your words to IT-1001."), "{told}");
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "resolved", "{}: it is not opened again", world.platform());
    })
    .await;
}

#[tokio::test]
async fn whoever_writes_on_a_cancelled_request_learns_once_that_nobody_works_on_it() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk the printer is jammed").await;
        desk.press(world, "mia", "desk-triage", "Not a request").await;
        let sales = see(world, "jeff").channels.into_iter().find(|channel| channel.name == "sales").expect("a channel");
        let thread = Spot::thread("sales", &sales.messages[0].id);
        desk.say(world, "jeff", &thread, "thanks").await;
        assert!(!desk.last_private(world, "jeff").contains("nobody is working"), "{}: thanks", world.platform());
        desk.pass(LONG).await;
        desk.say(world, "jeff", &thread, "but it still prints nothing").await;
        let told = desk.last_private(world, "jeff");
        assert!(told.starts_with("IT-1001 is cancelled, so nobody is working on it."), "{}: {told}", world.platform());
        desk.command(world, "jeff", "help").await;
        desk.say(world, "jeff", &thread, "not one page").await;
        assert!(desk.last_private(world, "jeff").starts_with("How to reach the desk"), "{}", world.platform());
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "cancelled", "{}", world.platform());
    })
    .await;
}
