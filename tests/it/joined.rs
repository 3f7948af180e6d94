//! Many messages about one request at once: the desk reads all of them, in few messages under the card.

mod race;

use std::sync::Arc;
use std::time::Duration;

use deskbell::domain::ids::{PersonRef, PlatformName};
use deskbell::domain::limits::discord;
use deskbell::intake::erase;
use deskbell::sandbox::{Fault, MessageAt, MessageView, Spot, World};
use deskbell::store::Store;
use deskbell::store::sqlite::SqliteStore;

use crate::harness::{Desk, normal, on_both, patiently, see};
use crate::looks::ReadRecord as _;

/// Messages that are posted at once: the author, the words, and the line under the card.
const SAID: [(&str, &str, &str); 8] = [
    ("jeff", "it began at nine", "Jeff: @Mia Wong it began at nine"),
    ("jeff", "first the left one", "Jeff: @Mia Wong first the left one"),
    ("ana", "mine, too", "Ana (also in the thread): mine, too"),
    ("jeff", "then the right one", "Jeff: @Mia Wong then the right one"),
    ("mia", "a moment please", "Mia answered in the thread: a moment please"),
    ("jeff", "this & <that>", "Jeff: @Mia Wong this & <that>"),
    ("ana", "and the mouse", "Ana (also in the thread): and the mouse"),
    ("jeff", "thanks so far", "Jeff: @Mia Wong thanks so far"),
];

/// The same from people who are neither requester nor agent.
const THIRDS: [(&str, &str, &str); 3] = [
    ("ana", "mine, too", "Ana (also in the thread): mine, too"),
    ("sam", "and mine", "Sam (also in the thread): and mine"),
    ("ana", "since noon", "Ana (also in the thread): since noon"),
];

#[tokio::test]
async fn what_is_said_while_the_desks_channel_is_at_its_limit_comes_in_one_message() {
    on_both(async |desk, world| {
        let (said, before) = much_is_said(desk, world).await;
        let one_more = |world: &Arc<dyn World>, before: usize| -> MessageView {
            let lines = under_card(world);
            assert_eq!(lines.len(), before + 1, "{}: {lines:#?}", world.platform());
            lines[before].clone()
        };
        for (world, before) in desk.worlds().iter().zip(&before) {
            let shown = one_more(world, *before);
            assert_eq!(read(&shown), SAID.map(|(_, _, line)| line), "every word once, in order");
            assert_eq!(shown.pings, ["mia"], "the assignee is pinged");
            assert_eq!(shown.controls.len(), 1, "one button for all lines");
        }

        // One message is edited and another deleted: only their lines change, and nobody is pinged again.
        world.edit("ana", &said[2], "mine is fine").await.expect("edited");
        world.delete("jeff", &said[3]).await.expect("deleted");
        desk.settle().await;
        let mut wanted = SAID.map(|(_, _, line)| line.replace("@Mia Wong ", "")).to_vec();
        wanted[2] = "Ana (also in the thread): mine is fine (edited)".to_owned();
        wanted.remove(3);
        for (world, before) in desk.worlds().iter().zip(&before) {
            assert_eq!(read(&one_more(world, *before)), wanted, "{}", world.platform());
        }

        // A line that grows too long is cut. The other lines stay whole.
        world.edit("jeff", &said[0], &"it began at nine and went on ".repeat(100)).await.expect("edited");
        desk.settle().await;
        for (world, before) in desk.worlds().iter().zip(&before) {
            let lines = read(&one_more(world, *before));
            // Long words are a quotation on a line of its own.
            assert_eq!((lines[0].trim(), lines[2].trim()), ("Jeff:", "(edited)"), "{lines:#?}");
            assert!(lines[1].starts_with("> it began at nine and went on it") && lines[1].ends_with('…'), "{lines:#?}");
            assert_eq!(lines[3..], wanted[1..], "{}", world.platform());
        }

        for (at, (who, ..)) in SAID.iter().enumerate().filter(|(at, _)| *at != 3) {
            world.delete(who, &said[at]).await.expect("deleted");
        }
        desk.settle().await;
        for (world, before) in desk.worlds().iter().zip(&before) {
            assert_eq!(under_card(world).len(), *before, "the message under the card is left on {}", world.platform());
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_before_it_was_posted_is_left_out() {
    on_both(async |desk, world| {
        let thread = at_its_limit(desk, world).await;
        let before: Vec<usize> = desk.worlds().iter().map(|world| under_card(world).len()).collect();
        let said = say_at_once(desk, world, &thread, &SAID).await;
        for at in [1, 4] {
            world.delete(SAID[at].0, &said[at]).await.expect("deleted");
        }
        desk.settle().await;
        for (world, before) in desk.worlds().iter().zip(before) {
            let lines = under_card(world);
            let all = lines[before..].iter().flat_map(read).collect::<Vec<_>>().join("\n");
            for (at, (_, words, _)) in SAID.iter().enumerate() {
                let times = usize::from(![1, 4].contains(&at));
                assert_eq!(all.matches(words).count(), times, "{words} on {}: {all}", world.platform());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_posted_unknown_to_us_is_found_though_a_line_of_it_was_deleted() {
    on_both(async |desk, world| {
        let thread = at_its_limit(desk, world).await;
        let before = under_card(world).len();
        let method = if world.platform() == "slack" { "chat.postMessage" } else { "POST /channels/{id}/messages" };
        world.inject(Fault::LoseAnswer { method: method.to_owned(), times: 1 });
        // These lines have no button, so the post carries no mark that a look-up could find.
        let said = say_at_once(desk, world, &thread, &THIRDS).await;
        desk.settle_until("it is posted", Duration::from_mins(1), || under_card(world).len() > before).await;
        world.delete(THIRDS[1].0, &said[1]).await.expect("deleted");
        desk.settle().await;
        // Discord recognises a nonce for some minutes only.
        desk.pass(Duration::from_mins(20)).await;
        let all = under_card(world)[before..].iter().flat_map(read).collect::<Vec<_>>();
        assert_eq!(all, [THIRDS[0].2, THIRDS[2].2], "on {}", world.platform());
    })
    .await;
}

#[tokio::test]
async fn who_is_taken_out_takes_nobody_elses_words_along() {
    on_both(async |desk, world| {
        let (_, before) = much_is_said(desk, world).await;
        let file = desk.folder.path().join("desk.db");
        let guest: Arc<dyn Store> = SqliteStore::open_beside(&file, desk.stage.clock.clone()).await.expect("a guest");
        let ana = [
            PersonRef::new(PlatformName::Slack, desk.stage.slack.person_id("ana").expect("a person")),
            PersonRef::new(PlatformName::Discord, desk.stage.discord.person_id("ana").expect("a person")),
        ];
        let done = erase::person(&guest, &desk.stage.clock, &ana, false).await.expect("erased");
        assert_eq!(done.messages, 2, "{done:?}");

        desk.settle().await;
        let wanted = SAID.iter().filter(|(who, ..)| *who != "ana").map(|(_, _, line)| line.replace("@Mia Wong ", ""));
        let wanted: Vec<String> = wanted.collect();
        for (world, before) in desk.worlds().iter().zip(before) {
            let lines = under_card(world);
            assert_eq!(lines.len(), before + 1, "{lines:#?}");
            assert_eq!(read(&lines[before]), wanted, "{}", world.platform());
        }
        guest.close().await;
    })
    .await;
}

/// Says [`SAID`] while nothing can be posted under the card, and settles. Returns the messages, and for each platform
/// how many messages were under the card before.
async fn much_is_said(desk: &Desk, world: &Arc<dyn World>) -> (Vec<MessageAt>, Vec<usize>) {
    let thread = at_its_limit(desk, world).await;
    let before = desk.worlds().iter().map(|world| under_card(world).len()).collect();
    let said = say_at_once(desk, world, &thread, &SAID).await;
    desk.settle().await;
    (said, before)
}

/// Opens a ticket and says so much in its thread that nothing more can be posted under the card until the clock moves.
/// Returns the thread.
async fn at_its_limit(desk: &Desk, world: &Arc<dyn World>) -> Spot {
    let ask = desk.ask(world, "jeff", "@desk my screen flickers").await;
    let thread = Spot::thread("sales", &ask.id);
    desk.say(world, "mia", &thread, "@desk claim").await;
    desk.pass(discord::POST_PER_CHANNEL.per).await;
    // Discord takes this number of posts at once. Slack takes one post, and then the other lines in one post.
    let there = desk.discord();
    for number in 1..=discord::POST_PER_CHANNEL.count as usize {
        world.say("jeff", &thread, &format!("line {number}"), None).await.expect("said");
        desk.settle_until("it is posted", Duration::ZERO, || under_card(&there).len() == number).await;
    }
    desk.settle().await;
    assert_eq!(under_card(&desk.slack()).len(), 2);
    thread
}

/// Says `lines` in the thread, and waits until all are on record. The clock does not move.
async fn say_at_once(
    desk: &Desk,
    world: &Arc<dyn World>,
    thread: &Spot,
    lines: &[(&str, &str, &str)],
) -> Vec<MessageAt> {
    let store = desk.store();
    let ticket = store.tickets(None, 1).await.expect("tickets").remove(0).id;
    let known = async || store.records(ticket).await.expect("records").len();
    let all = known().await + lines.len();
    let mut changed = store.changed();
    let mut said = Vec::new();
    for (who, words, _) in lines {
        said.push(world.say(who, thread, words, None).await.expect("said"));
    }
    patiently("all is on record", async {
        while known().await < all {
            changed.changed().await.expect("the store lives");
        }
    })
    .await;
    said
}

/// The messages under the newest card.
fn under_card(world: &Arc<dyn World>) -> Vec<MessageView> {
    let seen = see(world, "mia");
    let triage = seen.channels.into_iter().find(|channel| channel.name == "desk-triage").expect("the desk's channel");
    triage.messages.last().expect("a card").thread.clone()
}

fn read(shown: &MessageView) -> Vec<String> {
    normal(&shown.text).lines().map(str::to_owned).collect()
}
