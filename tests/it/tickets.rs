//! The main job: somebody asks, and an agent claims, answers and resolves the ticket.

use std::sync::Arc;
use std::time::Duration;

use deskbell::sandbox::{Spot, World};
use expect_test::expect;

use crate::harness::{Desk, see};
use crate::looks::ReadRecord as _;

/// Plays a scene on both platforms, and returns its transcript, which must be the same on both.
async fn on_both(scene: impl AsyncFn(&Desk, &Arc<dyn World>)) -> String {
    crate::harness::on_both(async |desk, world| {
        scene(desk, world).await;
        desk.transcript(world)
    })
    .await
}

#[tokio::test]
async fn a_mention_is_answered_claimed_and_resolved() {
    let transcript = on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer on 3 prints blank pages, meeting at 11").await;
        let thread = Spot::thread("sales", &ask.id);
        desk.say(world, "jeff", &thread, "it's the big Ricoh").await;
        desk.press(world, "mia", "desk-triage", "Take it").await;
        desk.press(world, "mia", "desk-triage", "Reply to requester").await;
        desk.fill(world, "mia", "I've moved you to the printer next door: RICOH-3B.").await;
        desk.say(world, "jeff", &thread, "thanks, works!").await;
        desk.say(world, "mia", &thread, "@desk resolve moved to RICOH-3B, fuser ordered").await;
    })
    .await;
    expect![[r#"
        #sales
         Jeff Park: @Desk printer on 3 prints blank pages, meeting at 11
         └ Desk: Got it, Jeff: IT-1001. It is resolved. Not right? Just write here. The desk can see what's written in this thread. [Add details] [Desk…]
         └ Jeff Park: it's the big Ricoh
         └ Desk: Mia is on it.
         └ Desk: Mia (IT): I've moved you to the printer next door: RICOH-3B.
         └ Jeff Park: thanks, works!
         └ Mia Wong: @Desk resolve moved to RICOH-3B, fuser ordered
         └ Desk: IT-1001 is resolved: moved to RICOH-3B, fuser ordered ⏎ Not right? Just write here.
        #desk-triage
         Desk: IT-1001  printer on 3 prints blank pages, meeting at 11 ⏎ Jeff Park in #sales · open ⏎ resolved · Mia Wong had it · P3 · (age) ⏎ Resolved: moved to RICOH-3B, fuser ordered [More…]
         └ Desk: Jeff: it's the big Ricoh [Reply to requester]
         └ Desk: Mia to Jeff: I've moved you to the printer next door: RICOH-3B.
         └ Desk: Jeff: @Mia Wong thanks, works! [Reply to requester] (pings mia)
    "#]].assert_eq(&transcript);
}

#[tokio::test]
async fn two_agents_one_ticket() {
    on_both(async |desk, world| {
        desk.ask(world, "jeff", "@desk vpn is dead").await;
        // Both press at the same moment, on the same unclaimed card.
        let (card, take) =
            crate::harness::find_control(&see(world, "mia"), "desk-triage", "Take it").expect("an unclaimed card");
        let (one, two) =
            tokio::join!(world.press("mia", &card, &take.id, None), world.press("omar", &card, &take.id, None));
        one.expect("answered");
        two.expect("answered");
        desk.settle().await;
        let ticket = &desk.store().tickets(None, 10).await.expect("tickets")[0];
        let winner = ticket.assignee.as_ref().expect("one of them has it").name.clone();
        let (loser, first) = if winner.starts_with("Mia") { ("omar", "Mia") } else { ("mia", "Omar") };
        let told = desk.last_private(world, loser);
        assert_eq!(told, format!("{first} already has IT-1001. To take it over, press More…, then Assign to…."));
    })
    .await;
}

#[tokio::test]
async fn resolved_and_not() {
    let transcript = on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        let thread = Spot::thread("sales", &ask.id);
        desk.say(world, "mia", &thread, "@desk claim").await;
        desk.say(world, "mia", &thread, "@desk resolve fuser changed").await;
        desk.say(world, "jeff", &thread, "thank you!").await;
        desk.say(world, "jeff", &thread, "hm, now it prints everything twice").await;
    })
    .await;
    expect![[r#"
        #sales
         Jeff Park: @Desk printer smokes
         └ Desk: Got it, Jeff: IT-1001. Mia has it and will answer here. The desk can see what's written in this thread. [Add details] [Cancel] [Desk…]
         └ Mia Wong: @Desk claim
         └ Desk: Mia is on it.
         └ Mia Wong: @Desk resolve fuser changed
         └ Desk: IT-1001 is resolved: fuser changed ⏎ Not right? Just write here.
         └ Jeff Park: thank you!
         └ Jeff Park: hm, now it prints everything twice
         └ Desk: Reopened: Mia has it again.
        #desk-triage
         Desk: IT-1001  printer smokes ⏎ Jeff Park in #sales · open ⏎ in progress · @Mia Wong has it · P3 · (age) [Reply to requester] [Not a request] [More…]
         └ Desk: Jeff: @Mia Wong thank you! [Reply to requester] (pings mia)
         └ Desk: Jeff: @Mia Wong hm, now it prints everything twice [Reply to requester] (pings mia)
    "#]].assert_eq(&transcript);
}

#[tokio::test]
async fn what_is_resolved_is_closed_after_days_and_then_starts_a_linked_one() {
    let transcript = on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk printer smokes").await;
        let thread = Spot::thread("sales", &ask.id);
        desk.say(world, "mia", &thread, "@desk resolve fuser changed").await;
        desk.pass(Duration::from_secs(6 * 24 * 3600)).await;
        assert_eq!(status_of(desk, 0).await, "resolved");
        desk.pass(Duration::from_secs(2 * 24 * 3600)).await;
        assert_eq!(status_of(desk, 0).await, "closed");
        desk.say(world, "jeff", &thread, "thanks").await;
        assert_eq!(desk.store().tickets(None, 10).await.expect("tickets").len(), 1, "thanks start nothing");
        desk.say(world, "jeff", &thread, "it smokes again").await;
        assert_eq!(status_of(desk, 0).await, "new");
    })
    .await;
    expect![[r#"
        #sales
         Jeff Park: @Desk printer smokes
         └ Desk: Got it, Jeff: IT-1001. It is closed. Need more help? Just write here. The desk can see what's written in this thread. [Desk…]
         └ Mia Wong: @Desk resolve fuser changed
         └ Desk: IT-1001 is resolved: fuser changed ⏎ Not right? Just write here.
         └ Jeff Park: thanks
         └ Jeff Park: it smokes again
         └ Desk: Got it: IT-1002, following on from IT-1001. Someone from the desk will answer here. They can see what's written in this thread. [Add details] [Cancel] [Desk…]
        #desk-triage
         Desk: IT-1001  printer smokes ⏎ Jeff Park in #sales · open ⏎ closed · P3 · (age) ⏎ Resolved: fuser changed [More…]
         └ Desk: Jeff: thanks [Reply to requester]
         Desk: IT-1002  it smokes again ⏎ Jeff Park in #sales · open ⏎ new · nobody yet · P3 · (age) · follows IT-1001 [Take it] [Not a request] [More…]
    "#]].assert_eq(&transcript);
}

#[tokio::test]
async fn a_direct_message_stays_private() {
    let transcript = on_both(async |desk, world| {
        desk.say(world, "ana", &Spot::direct(), "I think I clicked on something bad").await;
        desk.press(world, "mia", "desk-triage", "Take it").await;
        desk.press(world, "mia", "desk-triage", "Reply to requester").await;
        desk.fill(world, "mia", "Please switch it off; I am coming.").await;
        desk.say(world, "ana", &Spot::direct(), "ok, it is off").await;
    })
    .await;
    expect![[r#"
        #desk-triage
         Desk: IT-1001  I think I clicked on something bad ⏎ Ana Lima in private ⏎ in progress · @Mia Wong has it · P3 · (age) [Reply to requester] [Not a request] [More…]
         └ Desk: Mia to Ana: Please switch it off; I am coming.
         └ Desk: Ana: @Mia Wong ok, it is off [Reply to requester] (pings mia)
        ana ↔ Desk
         Ana Lima: I think I clicked on something bad
         Desk: Got it, Ana: IT-1001. Only you and the desk can see this; Mia has it and will answer here. [Add details] [Cancel] [New request]
         Desk: Mia is on it: IT-1001.
         Desk: Mia (IT): Please switch it off; I am coming.
         Ana Lima: ok, it is off
    "#]].assert_eq(&transcript);
}

#[tokio::test]
async fn a_request_on_one_platform_is_worked_on_the_other() {
    let desk = Desk::open().await;
    let (slack, discord) = (desk.slack(), desk.discord());
    let ask = desk.ask(&slack, "jeff", "@desk laptop does not wake up").await;
    desk.press(&discord, "mia", "desk-triage", "Take it").await;
    desk.press(&discord, "mia", "desk-triage", "Reply to requester").await;
    desk.fill(&discord, "mia", "Hold the power key for ten seconds.").await;
    desk.say(&slack, "jeff", &Spot::thread("sales", &ask.id), "that did it").await;
    expect![[r#"
        #sales
         Jeff Park: @Desk laptop does not wake up
         └ Desk: Got it, Jeff: IT-1001. Mia has it and will answer here. The desk can see what's written in this thread. [Add details] [Cancel] [Desk…]
         └ Desk: Mia is on it.
         └ Desk: Mia (IT): Hold the power key for ten seconds.
         └ Jeff Park: that did it
        #desk-triage
         Desk: IT-1001  laptop does not wake up ⏎ Jeff Park in #sales · open ⏎ in progress · @Mia Wong has it · P3 · (age) [Reply to requester] [Not a request] [More…]
         └ Desk: Mia to Jeff: Hold the power key for ten seconds.
         └ Desk: Jeff: @Mia Wong that did it [Reply to requester] (pings mia)
    "#]].assert_eq(&desk.transcript(&slack));
    expect![[r#"
        #desk-triage
         Desk: IT-1001  laptop does not wake up ⏎ Jeff Park in a Slack channel · open ⏎ in progress · @Mia Wong has it · P3 · (age) [Reply to requester] [Not a request] [More…]
         └ Desk: Mia to Jeff: Hold the power key for ten seconds.
         └ Desk: Jeff: @Mia Wong that did it [Reply to requester] (pings mia)
    "#]].assert_eq(&desk.transcript(&discord));
    desk.end().await;
}

#[tokio::test]
async fn a_mention_in_a_running_thread_reads_it_back() {
    let transcript = on_both(async |desk, world| {
        let first = desk.ask(world, "ana", "is anybody's badge working today?").await;
        let thread = Spot::thread("sales", &first.id);
        desk.say(world, "jeff", &thread, "mine is dead too").await;
        desk.say(world, "ana", &thread, "@desk badge readers on 2 are down").await;
        desk.say(world, "jeff", &thread, "same at the garage").await;
        let ticket = &desk.store().tickets(None, 10).await.expect("tickets")[0];
        let records = desk.store().records(ticket.id).await.expect("records");
        let mut said: Vec<String> =
            records.iter().map(|record| format!("{} {}", record.voice.as_str(), record.text)).collect();
        said.sort();
        assert_eq!(
            said,
            [
                "before is anybody's badge working today?",
                "before mine is dead too",
                "requester badge readers on 2 are down",
                "third same at the garage"
            ]
        );
    })
    .await;
    expect![[r#"
        #sales
         Ana Lima: is anybody's badge working today?
         └ Jeff Park: mine is dead too
         └ Ana Lima: @Desk badge readers on 2 are down
         └ Desk: Got it, Ana: IT-1001. Someone from the desk will answer here. They can see what's written in this thread. [Add details] [Cancel] [Desk…]
         └ Jeff Park: same at the garage
        #desk-triage
         Desk: IT-1001  badge readers on 2 are down ⏎ Ana Lima in #sales · open ⏎ new · nobody yet · P3 · (age) [Take it] [Not a request] [More…]
         └ Desk: I've added 2 earlier messages from that thread. To read everything, press More…, then Show.
         └ Desk: Jeff (also in the thread): same at the garage
    "#]].assert_eq(&transcript);
}

#[tokio::test]
async fn edits_and_deletions_change_the_record() {
    crate::harness::on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "@desk the red printer is jammed").await;
        let more = desk.say(world, "jeff", &Spot::thread("sales", &ask.id), "my password is hunter2").await;
        world.edit("jeff", &ask, "@desk the blue printer is jammed").await.expect("edited");
        desk.settle().await;
        let ticket = desk.store().tickets(None, 10).await.expect("tickets").remove(0);
        assert_eq!(ticket.title, "the blue printer is jammed");
        world.delete("jeff", &more).await.expect("deleted");
        desk.settle().await;
        let records = desk.store().records(ticket.id).await.expect("records");
        assert!(records.iter().all(|record| !record.text.contains("hunter2")), "the words are gone");
        assert!(records.iter().any(|record| record.deleted_at.is_some()), "that there was a message is kept");
        world.delete("jeff", &ask).await.expect("deleted");
        desk.settle().await;
        assert_eq!(desk.store().tickets(None, 10).await.expect("tickets")[0].title, "(deleted by its author)");
    })
    .await;
}

#[tokio::test]
async fn edits_and_deletions_reach_what_the_desk_reads() {
    let desk = Desk::open().await;
    for world in desk.worlds() {
        let ask = desk.ask(&world, "jeff", "@desk my screen flickers").await;
        let thread = Spot::thread("sales", &ask.id);
        let long = format!("my pin is 4711 {}", "and so on ".repeat(300));
        let more = desk.say(&world, "jeff", &thread, &long).await;
        let card = see(&world, "mia");
        let card = card.channels.iter().find(|channel| channel.name == "desk-triage").expect("the desk's channel");
        let card = card.messages.last().expect("a card");
        let note = desk.say(&world, "omar", &Spot::thread("desk-triage", &card.id), "he told me 4711 before").await;
        let seen = |word: &str| -> Vec<String> {
            let all = desk.worlds().into_iter().map(|world| desk.transcript(&world)).collect::<String>();
            all.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
        };
        assert!(!seen("4711").is_empty());
        world.edit("jeff", &more, "my pin is 4712").await.expect("edited");
        world.edit("omar", &note, "he told me 4712 before").await.expect("edited");
        desk.settle().await;
        assert_eq!(seen("4711"), Vec::<String>::new(), "old words are still shown somewhere");
        assert!(seen("4712").iter().any(|line| line.contains("Jeff: my pin is 4712 (edited)")), "{:?}", seen("4712"));
        world.delete("jeff", &more).await.expect("deleted");
        world.delete("omar", &note).await.expect("deleted");
        desk.settle().await;
        assert_eq!(seen("4712"), Vec::<String>::new(), "deleted words are still shown somewhere");
        assert_eq!(seen("so on"), Vec::<String>::new(), "a part of a deleted long message is still shown somewhere");
    }
    desk.end().await;
}

#[tokio::test]
async fn an_edit_that_first_mentions_the_desk_opens_a_ticket_once() {
    on_both(async |desk, world| {
        let ask = desk.ask(world, "jeff", "the printer is jammed").await;
        assert_eq!(desk.store().total().await.expect("a number"), 0);
        world.edit("jeff", &ask, "@desk the printer is jammed").await.expect("edited");
        // Two edits at the same moment would count as one.
        desk.pass(Duration::from_secs(1)).await;
        world.edit("jeff", &ask, "@desk the printer is jammed!").await.expect("edited");
        desk.settle().await;
        assert_eq!(desk.store().total().await.expect("a number"), 1);
    })
    .await;
}

async fn status_of(desk: &Desk, index: usize) -> &'static str {
    desk.store().tickets(None, 10).await.expect("tickets")[index].status.name()
}
