//! Held effects, effects that wait for a limit that is used up, and what an erasure removes of both.

use std::sync::Arc;

use deskbell::desk::decision::Change;

use deskbell::desk::conversation::state::{Record, Voice};
use deskbell::desk::privacy::state::Erasure;
use deskbell::desk::tickets::state::Status;
use deskbell::domain::effect::{Destination, Effect, EffectKind, Gate, Lane, Outlet, Post, Undeliverable};
use deskbell::domain::event::ReplyHandle;
use deskbell::domain::ids::{EffectId, Person, PersonRef, PlatformName, TicketId};
use deskbell::domain::message::{Line, Message, Span};
use deskbell::domain::outcome::Outcome;
use deskbell::store::{Listed, Queued, Release, Settlement, Store, Work};

use super::kit::*;
use crate::looks::{ReadRecord as _, WriteRecord as _};

fn held(held_in: &str) -> Settlement {
    Settlement::Held { held_in: held_in.to_owned(), error: "a permission is missing: no".to_owned(), unsure: false }
}

async fn hold(store: &Arc<dyn Store>, effect: &EffectId, held_in: &str) {
    store.settle(effect, &worker(), held(held_in), at(5)).await.expect("it is held");
}

async fn release(store: &Arc<dyn Store>, by: Release, second: i64) -> u64 {
    store.release(by, at(second)).await.expect("an answer")
}

fn all_in(held_in: &str) -> Release {
    Release::In { outlet: PlatformName::Slack.into(), held_in: held_in.to_owned(), limit: u32::MAX }
}

pub async fn what_is_held_keeps_its_words_until_it_is_let_go(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let to = |text: &str| about(&ticket, said(channel("C1").thread("1"), text, Lane::Answer));
    write(&store, [], [to("first"), to("second"), to("third")]).await;
    let first = due(&store, 0).await.remove(0);
    lease(&store, std::slice::from_ref(&first.id)).await;
    hold(&store, &first.id, "post:C1").await;
    let second = due(&store, 5).await.remove(0);
    assert_eq!(texts(std::slice::from_ref(&second)), ["second"], "the effects behind a held one go on");
    // A dispatcher that knows that the place refuses holds an effect without a lease.
    hold(&store, &second.id, "post:C1").await;
    assert_eq!(texts(&due(&store, 5).await), ["third"]);
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.waiting, counts.held, counts.failed), (1, 2, 0));
    assert_eq!(store.held_in(PlatformName::Slack).await.expect("places"), [("post:C1".to_owned(), 2)]);
    let listed = store.listed(Listed::Held, None, None, 10).await.expect("a list");
    assert_eq!(listed.iter().map(|effect| &effect.id).collect::<Vec<_>>(), [&second.id, &first.id]);
    assert_eq!((listed[0].held_in.as_deref(), listed[0].held_at), (Some("post:C1"), Some(at(5))));
    assert_eq!(listed[0].error, "a permission is missing: no");
    store.tidy(at(1_000_000)).await.expect("it tidies");
    // A try that ends after its effect was held changes nothing.
    store.settle(&first.id, &worker(), Settlement::Done, at(6)).await.expect("an answer");
    assert_eq!(store.counts().await.expect("counts").held, 2);

    let nothing = [Release::One(EffectId("none".to_owned())), all_in("post:C2")];
    for by in nothing {
        assert_eq!(release(&store, by, 7).await, 0);
    }
    let one = Release::In { outlet: PlatformName::Slack.into(), held_in: "post:C1".to_owned(), limit: 1 };
    assert_eq!(release(&store, one, 7).await, 1, "the oldest");
    let back = due(&store, 7).await.remove(0);
    assert_eq!((&back.id, back.was_held(), back.released_at), (&first.id, true, Some(at(7))));
    assert_eq!(texts(&[back]), ["first"], "it has its words");
    lease_and_settle(&store, Settlement::Done).await;
    assert_eq!(release(&store, Release::One(second.id.clone()), 8).await, 1);
    assert_eq!(release(&store, Release::One(second.id.clone()), 8).await, 0, "it is already released");
    assert_eq!(texts(&due(&store, 8).await), ["second"]);
    assert_eq!(store.held_in(PlatformName::Slack).await.expect("places"), []);
    // Held effects are released in turn: one that was released and refused again comes last.
    assert_eq!(texts(&due(&store, 8).await), ["second"], "the third is behind it");
    hold(&store, &second.id, "post:C1").await;
    let third = due(&store, 8).await.remove(0);
    hold(&store, &third.id, "post:C1").await;
    let one = || Release::In { outlet: PlatformName::Slack.into(), held_in: "post:C1".to_owned(), limit: 1 };
    assert_eq!(release(&store, one(), 9).await, 1);
    assert_eq!(texts(&due(&store, 9).await), ["third"]);
    lease_and_settle(&store, Settlement::Done).await;
    assert_eq!(release(&store, one(), 10).await, 1);
    assert_eq!(texts(&due(&store, 10).await), ["second"]);
    // An effect that is held again counts as held since the first time.
    hold(&store, &second.id, "post:C1").await;
    store.settle(&second.id, &worker(), held("post:C1"), at(9)).await.expect("an answer");
    let listed = store.listed(Listed::Held, None, None, 10).await.expect("a list");
    assert_eq!(listed[0].held_at, Some(at(5)));
}

pub async fn a_card_that_is_held_is_not_queued_twice_and_goes_before_its_lines(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let card = || about(&ticket, show_card("C9"));
    write(&store, [], [card()]).await;
    let queued = due(&store, 0).await.remove(0);
    hold(&store, &queued.id, "post:C9").await;
    write(&store, [], [card(), card()]).await;
    assert_eq!(due(&store, 9).await, [], "the held card will show the newest state");
    write(&store, [], [about(&ticket, line_under("C9", "1.1", 10))]).await;
    assert_eq!(due(&store, 9).await.len(), 1);
    assert_eq!(release(&store, Release::Card(queued.effect.order_key()), 9).await, 1);
    let first: Vec<EffectId> = due(&store, 9).await.into_iter().map(|queued| queued.id).collect();
    assert_eq!(first, [queued.id], "the line is behind the card");
}

pub async fn what_is_held_for_too_long_ends_and_is_told(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    write(&store, [], [about(&ticket, said(channel("C1"), "secret words", Lane::Answer))]).await;
    let queued = due(&store, 0).await.remove(0);
    hold(&store, &queued.id, "post:C1").await;
    assert_eq!(store.end_held(at(5), at(6)).await.expect("an answer"), [], "not yet");
    let ended = store.end_held(at(6), at(7)).await.expect("an answer");
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (&ended[0].id, ended[0].outlet, ended[0].kind.as_str()),
        (&queued.id, Outlet::Platform(PlatformName::Slack), "say")
    );
    assert_eq!(ended[0].error, "a permission is missing: no");
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.held, counts.failed), (0, 1));
    assert_eq!(store.end_held(at(6), at(7)).await.expect("an answer"), []);
    assert_eq!(release(&store, Release::One(queued.id), 8).await, 0, "its words are gone");
}

/// `due` leaves out the gates whose limits are used up, and finds the effects of other gates, however many wait in the
/// full ones.
pub async fn gates_whose_limits_are_used_up_are_left_out(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let in_thread = |channel_id: &str, number: i64, lane: Lane| {
        let place = channel(channel_id).thread(&number.to_string());
        about(&ticket, said(place, &format!("{channel_id} {number}"), lane))
    };
    write(&store, [], (0..300).map(|number| in_thread("C1", number, Lane::Answer))).await;
    write(&store, [], [in_thread("C2", 1, Lane::Act), in_thread("C3", 1, Lane::Note)]).await;
    let gate = |queued: &Queued| queued.gate.clone();
    let first = due(&store, 0).await;
    let full = gate(&first[0]);
    assert!(first.iter().all(|queued| queued.gate == full), "one channel, one gate");
    let beside = async |gates: &[Gate]| {
        let found = store.due(PlatformName::Slack, at(0), None, gates, 100).await.expect("effects");
        (texts(&found.ready), found.is_more)
    };
    assert_eq!(beside(std::slice::from_ref(&full)).await, (vec!["C2 1".to_owned(), "C3 1".to_owned()], false));
    let other = gate(
        &store.due(PlatformName::Slack, at(0), None, std::slice::from_ref(&full), 1).await.expect("effects").ready[0],
    );
    assert_eq!(beside(&[full.clone(), other]).await.0, ["C3 1"]);
    // An effect that waits for another limit than was guessed is moved to another gate.
    let own = Gate("0thread:7".to_owned());
    store.regate(&[(first[7].id.clone(), own.clone())]).await.expect("it is changed");
    let found =
        store.due(PlatformName::Slack, at(0), None, std::slice::from_ref(&full), 100).await.expect("effects").ready;
    assert_eq!(texts(&found), ["C1 7", "C2 1", "C3 1"]);
    assert_eq!(found[0].gate, own);
    // An effect that is not due, or is behind a leased one, is not found in another gate, either.
    lease(&store, std::slice::from_ref(&found[0].id)).await;
    write(&store, [], [in_thread("C1", 7, Lane::Answer)]).await;
    write(&store, [], [Effect { not_before: Some(at(60)), ..in_thread("C4", 1, Lane::Answer) }]).await;
    assert_eq!(beside(&[full]).await.0, ["C2 1", "C3 1"]);
}

pub async fn what_is_to_be_known_again_is(store: Arc<dyn Store>) {
    let known = async |name: &str| store.remembered(name).await.expect("an answer");
    assert_eq!(known("slack:tenant").await, None);
    store.keep_in_mind("slack:tenant", "T1").await.expect("it is kept");
    store.keep_in_mind("slack:triage", "T1/C9").await.expect("it is kept");
    store.keep_in_mind("slack:tenant", "T2").await.expect("it is kept");
    assert_eq!(known("slack:tenant").await.as_deref(), Some("T2"));
    assert_eq!(known("slack:triage").await.as_deref(), Some("T1/C9"));
}

pub async fn tickets_that_lack_a_card_in_a_channel_are_found(store: Arc<dyn Store>) {
    let mut tickets = Vec::new();
    for number in 1..=5 {
        tickets.push(opened(&store, number, &channel("C1"), "U1", at(0)).await);
    }
    let mut closed = tickets[3].clone();
    closed.version += 1;
    closed.status = Status::Closed { at: at(1), resolution: String::new() };
    write(&store, [Change::put(&tickets[3], closed)], []).await;
    for (ticket, place) in [(&tickets[1], "C9"), (&tickets[2], "C8")] {
        write(&store, [], [about(ticket, show_card(place))]).await;
        let stands = card_of(ticket, &channel(place), &ticket.id.0.to_string());
        lease_and_settle(&store, posted(vec![stands.message.clone()], vec![stands])).await;
    }
    let lacking = async |above: i64, limit| {
        let found = store.without_card(&channel("C9"), TicketId(above), limit).await.expect("an answer");
        found.into_iter().map(|ticket| ticket.0).collect::<Vec<_>>()
    };
    assert_eq!(lacking(0, 10).await, [1, 3, 5], "2 has one, 3 has one elsewhere, 4 is over");
    assert_eq!(lacking(0, 2).await, [1, 3]);
    assert_eq!(lacking(3, 2).await, [5]);
}

/// An erasure finds every effect that may hold words of the person, including held effects and whispers.
pub async fn who_is_erased_goes_from_what_is_held_and_from_whispers(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let author = Person::new(account("U2"), "Ana");
    let words = "my pin is four digits long";
    let recorded = Change::Record(Record { author, ..record(ticket.id, "1.1", Voice::Third, at(1), words) });
    let quoting = |words: &str| Message::new([Line(vec![Span::Said("On record: ".to_owned()), quoted(words)])]);
    let whisper = |to: &str, message: Message| EffectKind::Whisper {
        to: account(to),
        near: Some(channel("C1")),
        via: Some(ReplyHandle("https://hooks.test/1".to_owned())),
        message,
    };
    let effects = [
        about(&ticket, line_under("C9", "1.1", 10)),
        about(&ticket, said_quoting(quoting("my pin is fou…"))),
        about(&ticket, said_quoting(quoting("another one's words"))),
        about(&ticket, whisper("U3", quoting(words))),
        about(&ticket, whisper("U4", Message::said("It is done."))),
        about(&ticket, whisper("U2", Message::said("It is done."))),
    ];
    write(&store, [recorded], effects).await;
    let all = due(&store, 5).await;
    let of = |find: &dyn Fn(&EffectKind) -> bool| {
        let found = all.iter().filter(|queued| find(&queued.effect.what));
        found.map(|queued| queued.id.clone()).collect::<Vec<_>>()
    };
    let posts = of(&|what| matches!(what, EffectKind::Say(_)));
    assert_eq!((posts.len(), all.len()), (1, 5), "the second post to the same place is behind the first");
    for post in &posts {
        hold(&store, post, "post:C1").await;
    }
    let third = due(&store, 5).await.into_iter().find(|queued| matches!(queued.effect.what, EffectKind::Say(_)));
    hold(&store, &third.expect("it waits").id, "post:C1").await;
    let erasure = Erasure::of(|who| (*who == account("U2")).then(|| PersonRef::erased(PlatformName::Slack, "x")));
    let id = ticket.id;
    let work: Work = Arc::new(move |tx| {
        let erasure = erasure.clone();
        Box::pin(async move {
            tx.erase(id, &erasure, at(9)).await?;
            Ok(Outcome::Done(None))
        })
    });
    store.transact(work).await.expect("she is erased");
    release(&store, all_in("post:C1"), 10).await;
    let left = due(&store, 10).await;
    let kept: Vec<String> = left.iter().map(|queued| format!("{:?}", queued.effect.what)).collect();
    let kept = kept.join("\n");
    assert!(!kept.contains("pin") && !kept.contains("U2"), "{kept}");
    assert_eq!(left.len(), 3, "the effects without her words and her emptied line are left: {kept}");
    assert!(kept.contains("another one's words") && kept.contains("U4"), "{kept}");
}

fn quoted(words: &str) -> Span {
    Span::Quoted(words.to_owned())
}

fn said_quoting(message: Message) -> EffectKind {
    EffectKind::Say(Post::new(Destination::Place(channel("C1").thread("1.0")), message, Lane::Note))
}

pub async fn what_failed_is_no_more_to_be_let_go(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    write(&store, [], [about(&ticket, said(channel("C1"), "words", Lane::Answer))]).await;
    let queued = due(&store, 0).await.remove(0);
    lease_and_settle(&store, Settlement::Failed(Undeliverable::Gone)).await;
    assert_eq!(release(&store, Release::One(queued.id), 1).await, 0);
    assert_eq!(store.counts().await.expect("counts").waiting, 0);
}
