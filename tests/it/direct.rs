//! To which request words and commands belong: in a direct conversation, which may hold several requests of one person,
//! and in a channel or thread.

use std::time::Duration;

use deskbell::sandbox::Spot;

use crate::harness::on_both;
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
    let asks = "Which one? Write it with its key, like \"cancel IT-1003\":\n• IT-1003 and I need a second screen, please\n\
                • IT-1002 my mouse is gone";
    assert_eq!(which, asks);
}

#[tokio::test]
async fn a_command_that_names_nothing_opens_no_request_in_a_channel() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk cancel").await;
        assert!(desk.last_private(world, "jeff").starts_with("Which request?"), "{}", world.platform());
        desk.ask(world, "sam", "@desk claim").await;
        assert!(
            desk.last_private(world, "sam").starts_with("Sorry, only the desk can do that"),
            "{}",
            world.platform()
        );
        assert!(desk.store().tickets(None, 10).await.expect("tickets").is_empty(), "{}", world.platform());
        desk.ask(world, "jeff", "@desk the printer is jammed").await;
        desk.ask(world, "jeff", "@desk cancel").await;
        let told = desk.last_private(world, "jeff");
        assert!(told.starts_with("Which one? Write it with its key, like \"@desk cancel IT-1001\":"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn whoever_mentions_the_desk_in_somebodys_thread_learns_where_the_words_went() {
    on_both(async |desk, world| {
        let asked = desk.ask(world, "jeff", "@desk the printer is jammed").await;
        let thread = Spot::thread("sales", &asked.id);
        desk.say(world, "sam", &thread, "@desk my screen is dark, too").await;
        let told = desk.last_private(world, "sam");
        assert!(told.starts_with("I've added that to Jeff's request IT-1001, so the desk sees it."), "{told}");
        desk.press(world, "sam", if world.platform() == "slack" { "sales" } else { "desk" }, "Ask for myself").await;
        let form = desk.form(world, "sam").await;
        assert_eq!(form.fields[0].value, "my screen is dark, too", "{}", world.platform());
        desk.fill_in(world, "sam", &[("text", "my screen is dark, too")]).await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!((ticket.key.number(), ticket.requester.name.as_str()), (1002, "Sam Reyes"), "{}", world.platform());
    })
    .await;
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
        let asked = desk.ask(world, "jeff", "@desk the printer is jammed").await;
        let thread = Spot::thread("sales", &asked.id);
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
async fn words_open_a_request_again_that_an_agent_took_for_none() {
    on_both(async |desk, world| {
        let asked = desk.ask(world, "jeff", "@desk the printer is jammed").await;
        desk.press(world, "mia", "desk-triage", "Not a request").await;
        let thread = Spot::thread("sales", &asked.id);
        let status = async || desk.store().tickets(None, 10).await.expect("tickets").remove(0).status.name();
        desk.say(world, "jeff", &thread, "thanks").await;
        desk.say(world, "sam", &thread, "mine, too").await;
        assert_eq!(status().await, "cancelled", "{}", world.platform());
        desk.say(world, "jeff", &thread, "but it still prints nothing").await;
        assert_eq!(status().await, "new", "{}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn whoever_writes_on_a_cancelled_request_learns_once_that_nobody_works_on_it() {
    on_both(async |desk, world| {
        let asked = desk.ask(world, "jeff", "@desk the printer is jammed").await;
        desk.press(world, "jeff", "sales", "Cancel").await;
        let thread = Spot::thread("sales", &asked.id);
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
