//! The desk's own side: cards, notes, stale buttons.

use deskbell::sandbox::Spot;

use crate::harness::{Desk, find_control, on_both, see};
use crate::looks::ReadRecord as _;

#[tokio::test]
async fn every_copy_of_a_card_shows_the_present_state() {
    let desk = Desk::open().await;
    let (slack, discord) = (desk.slack(), desk.discord());
    desk.ask(&slack, "jeff", "@desk vpn is dead").await;
    desk.press(&discord, "omar", "desk-triage", "Take it").await;
    for world in [&slack, &discord] {
        let view = see(world, "mia");
        let triage = view.channels.iter().find(|channel| channel.name == "desk-triage").expect("the desk's channel");
        assert_eq!(triage.messages.len(), 1, "one card");
        let card = &triage.messages[0];
        assert!(card.text.contains("Omar") && card.text.contains("in progress"), "{}", card.text);
        assert!(!card.controls.iter().any(|control| control.label == "Take it"));
    }
    desk.end().await;
}

#[tokio::test]
async fn notes_stay_at_the_desk_and_reach_the_other_desk_channel() {
    let desk = Desk::open().await;
    let (slack, discord) = (desk.slack(), desk.discord());
    desk.ask(&slack, "jeff", "@desk vpn is dead").await;
    let card = see(&slack, "mia");
    let card = card.channels.iter().find(|channel| channel.name == "desk-triage").expect("the desk's channel");
    let under = Spot::thread("desk-triage", &card.messages[0].id);
    desk.say(&slack, "omar", &under, "fuser again? third time this month").await;
    assert!(desk.transcript(&discord).contains("Omar noted: fuser again? third time this month"));
    for (world, who) in [(&slack, "jeff"), (&discord, "jeff")] {
        assert!(!format!("{:?}", see(world, who)).contains("third time"), "the requester sees a note");
    }
    desk.end().await;
}

#[tokio::test]
async fn a_button_of_yesterday_says_what_happened_since() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk vpn is dead").await;
        let (card, take) = find_control(&see(world, "mia"), "desk-triage", "Take it").expect("a card");
        let (answer, cancel) = find_control(&see(world, "jeff"), "sales", "Cancel").expect("an answer");
        world.press("jeff", &answer, &cancel.id, None).await.expect("pressed");
        desk.settle().await;
        desk.pass(std::time::Duration::from_secs(26 * 3600)).await;
        // Neither the card nor the answer has such a button any more.
        assert!(world.press("mia", &card, &take.id, None).await.is_err());
        assert!(world.press("jeff", &answer, &cancel.id, None).await.is_err());
        desk.command(world, "jeff", "cancel IT-1001").await;
        assert_eq!(desk.last_private(world, "jeff"), "IT-1001 was cancelled yesterday by you.");
        desk.press(world, "jeff", "sales", "Ask again").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "new");
    })
    .await;
}

#[tokio::test]
async fn not_a_request_is_told_kindly_and_can_be_taken_back() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk lunch at the usual place?").await;
        desk.press(world, "mia", "desk-triage", "Not a request").await;
        let transcript = desk.transcript(world);
        assert!(
            transcript.contains("Mia closed IT-1001, since there was nothing in it for the desk to do."),
            "{transcript}"
        );
        desk.press(world, "jeff", "sales", "Ask again").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "new");
    })
    .await;
}

#[tokio::test]
async fn the_menu_in_the_request_s_own_thread_is_private_to_the_agent() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk vpn is dead").await;
        desk.press(world, "mia", "sales", "Desk…").await;
        assert!(find_control(&see(world, "mia"), "sales", "Resolve…").is_some());
        assert!(
            find_control(&see(world, "jeff"), "sales", "Resolve…").is_none(),
            "agents' tools shown to the requester"
        );
        desk.press(world, "mia", "sales", "Resolve…").await;
        desk.fill(world, "mia", "the tunnel was restarted").await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.status.name(), "resolved");
    })
    .await;
}

#[tokio::test]
async fn a_form_names_the_request_as_people_do() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk vpn is dead").await;
        desk.press(world, "mia", "desk-triage", "Take it").await;
        desk.press(world, "mia", "desk-triage", "Reply to requester").await;
        let form = see(world, "mia").form.expect("it is open");
        assert_eq!(form.title, "Reply on IT-1001", "{}", world.platform());
        desk.fill(world, "mia", "on my way").await;
    })
    .await;
}
