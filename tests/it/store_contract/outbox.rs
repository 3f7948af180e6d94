//! The outbox, timers and dead events.

use std::sync::Arc;

use deskbell::desk::decision::Change;
use deskbell::desk::tickets::state::Status;
use deskbell::domain::effect::{Awaited, Destination, Effect, EffectKind, Lane, Post, SilentAct, Undeliverable};
use deskbell::domain::event::{DedupeKey, ReplyHandle, Timer, TimerKind};
use deskbell::domain::ids::{EffectId, PlatformName, TicketId};
use deskbell::domain::message::{Line, Message, Span};
use deskbell::domain::standing::{SAID, Standing};
use deskbell::domain::subject::Subject;
use deskbell::domain::view::View;
use deskbell::store::{Claim, Counts, Settlement, Store, StoreError, Work, WorkerId};

use super::kit::*;
use crate::looks::{ReadRecord as _, WriteRecord as _};

pub async fn effects_are_read_back_as_they_were_written(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let words = Message::new([Line(vec![Span::Quoted("<!channel> \"@everyone\" 🙈".to_owned()), Span::Ago(at(3))])]);
    let kinds = [
        EffectKind::Say(Post {
            to: Destination::UnderCard(channel("C9")),
            message: words.clone(),
            awaited: Some(Awaited::Reply { by: person(PlatformName::Slack, "U9", "Mia"), text: "moved".to_owned() }),
            thread_title: Some("printer".to_owned()),
            urgency: Lane::Broadcast,
        }),
        show_card("C8"),
        SilentAct::Remove { message: message("C1", "1.1") }.into(),
        EffectKind::Whisper {
            to: account("U1"),
            near: Some(channel("C1")),
            via: Some(ReplyHandle("https://example.invalid".to_owned())),
            message: words.clone(),
        },
        EffectKind::Hint {
            to: account("U2"),
            place: channel("C1"),
            reply_to: message("C1", "1.2"),
            message: words.clone(),
        },
        SilentAct::ReadThread { place: channel("C1").thread("1.1"), before: message("C1", "1.9") }.into(),
    ];
    let mut effects: Vec<Effect> = kinds.into_iter().map(|what| about(&ticket, what)).collect();
    effects[3].about = Subject::Person(account("U1"));
    effects[4].was_requeued = true;
    effects[5].not_before = Some(at(5));
    write(&store, [], effects.clone()).await;
    assert_eq!(due(&store, 4).await.len(), 5);
    let mut queued = due(&store, 5).await;
    queued.sort_by_key(|queued| queued.id.clone());
    assert!(queued.iter().all(|queued| queued.lane == queued.effect.lane() && queued.created_at == at(0)));
    assert_eq!(queued.into_iter().map(|queued| queued.effect).collect::<Vec<_>>(), effects);
    let elsewhere = store.due(PlatformName::Discord, at(5), None, &[], 100).await.expect("an answer").ready;
    assert_eq!(elsewhere, []);
}

pub async fn effects_come_by_lane_and_one_of_an_order_key(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let to = |root: &str, text: &str, lane| about(&ticket, said(channel("C1").thread(root), text, lane));
    let effects = [
        to("1", "a note", Lane::Note),
        to("1", "an answer after the note", Lane::Answer),
        to("2", "a broadcast", Lane::Broadcast),
        to("3", "an act", Lane::Act),
        to("4", "an answer", Lane::Answer),
        to("5", "another answer", Lane::Answer),
    ];
    write(&store, [], effects).await;
    let first = due(&store, 0).await;
    assert_eq!(texts(&first), ["an answer", "another answer", "an act", "a note", "a broadcast"]);
    let two = store.due(PlatformName::Slack, at(0), None, &[], 2).await.expect("effects").ready;
    assert_eq!(texts(&two), ["an answer", "another answer"]);

    let ids: Vec<EffectId> = first.iter().map(|queued| queued.id.clone()).collect();
    lease(&store, &ids).await;
    assert_eq!(due(&store, 0).await, [], "leased ones hold their order keys");
    let claim = claim(&ids[0]);
    let twice = store.lease(&WorkerId::new(), &[claim], LONG).await.expect("an answer");
    assert_eq!(twice, [], "it is somebody else's");
    store.settle(&ids[3], &worker(), Settlement::Done, at(1)).await.expect("it is settled");
    assert_eq!(texts(&due(&store, 1).await), ["an answer after the note"]);
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.waiting, counts.leased), (5, 4));
}

pub async fn a_try_that_failed_holds_its_order_key_back(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let to = |text: &str| about(&ticket, said(channel("C1").thread("1"), text, Lane::Answer));
    write(&store, [], [to("first"), to("second")]).await;
    let retry = |second, unsure, counts| Settlement::Retry { at: at(second), unsure, counts, error: "503".to_owned() };
    let next = async |second| store.next_due(PlatformName::Slack, at(second)).await.expect("an answer");
    lease_and_settle(&store, retry(10, false, false)).await;
    assert_eq!(due(&store, 9).await, []);
    assert_eq!(next(9).await, Some(at(10)));
    assert_eq!(next(10).await, None, "it is due");
    let tries = async |second| {
        let queued = due(&store, second).await.remove(0);
        (queued.attempts, queued.is_unsure())
    };
    assert_eq!(tries(10).await, (0, false));
    lease_and_settle(&store, retry(11, true, true)).await;
    assert_eq!(tries(11).await, (1, true));
    lease_and_settle(&store, retry(12, false, true)).await;
    assert_eq!(tries(12).await, (2, true), "unsure once is unsure for good");
    let first = due(&store, 12).await.remove(0);
    lease(&store, std::slice::from_ref(&first.id)).await;
    store.settle(&first.id, &worker(), Settlement::Failed(Undeliverable::Gone), at(12)).await.expect("it is settled");
    assert_eq!(texts(&due(&store, 12).await), ["second"]);
    store.settle(&first.id, &worker(), retry(1, false, false), at(13)).await.expect("an answer");
    assert_eq!(texts(&due(&store, 13).await), ["second"], "what has ended stays so");
    assert_eq!(store.counts().await.expect("counts").failed, 1);
}

pub async fn a_card_that_waits_is_not_queued_twice(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let card = || about(&ticket, show_card("C9"));
    write(&store, [], [card(), card(), about(&ticket, show_card("C8"))]).await;
    write(&store, [], [card()]).await;
    let waiting = due(&store, 0).await;
    assert_eq!(waiting.len(), 2);
    let (first, other) = (&waiting[0].id, &waiting[1].id);
    // This claim was laid out before the effect was changed, so it gets no lease.
    let stale = Claim { revision: waiting[0].revision - 1, ..claim(first) };
    assert_eq!(store.lease(&worker(), &[stale], LONG).await.expect("an answer"), []);
    lease_as_it_is(&store, first).await;
    lease_as_it_is(&store, other).await;
    write(&store, [], [card(), card()]).await;
    assert_eq!(store.counts().await.expect("counts").waiting, 3, "the state may have changed since the lease");
    store.settle(first, &worker(), Settlement::Done, at(0)).await.expect("it is settled");
    store.settle(other, &worker(), Settlement::Done, at(0)).await.expect("it is settled");
    lease_and_settle(&store, Settlement::Done).await;
    // A card that was scheduled for later is due at once if it is queued again without a delay.
    write(&store, [], [Effect { not_before: Some(at(60)), ..card() }]).await;
    assert_eq!(due(&store, 0).await, []);
    write(&store, [], [card()]).await;
    assert_eq!(due(&store, 0).await.len(), 1);
    // But the pause after a failed try is kept.
    lease_and_settle(&store, Settlement::Retry { at: at(30), unsure: false, counts: true, error: "429".to_owned() })
        .await;
    write(&store, [], [card()]).await;
    assert_eq!(due(&store, 29).await, []);
    assert_eq!(due(&store, 30).await.len(), 1);
    // A card whose try had an unknown outcome may be posted with its old state. So one more card is queued behind it,
    // and only one.
    let card_waiting = due(&store, 30).await.remove(0).id;
    lease_as_it_is(&store, &card_waiting).await;
    let unsure = Settlement::Retry { at: at(31), unsure: true, counts: true, error: "no answer".to_owned() };
    store.settle(&card_waiting, &worker(), unsure, at(30)).await.expect("it waits again");
    write(&store, [], [card()]).await;
    write(&store, [], [card()]).await;
    assert_eq!(store.counts().await.expect("counts").waiting, 2);
}

pub async fn what_ended_loses_its_words_and_stands(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let thread = channel("C1").thread("1.1");
    let stands = Standing {
        slot: "an effect".to_owned(),
        view: SAID.to_owned(),
        ..Standing::of(ticket.id, &View::Card, thread.clone(), message("C1", "1.2"))
    };
    write(&store, [], [about(&ticket, said(thread, "secret words", Lane::Answer))]).await;
    lease_and_settle(&store, posted(Vec::new(), vec![stands.clone()])).await;
    assert_eq!(store.standing(ticket.id).await.expect("it stands"), std::slice::from_ref(&stands));
    write(&store, [], [about(&ticket, SilentAct::Remove { message: stands.message.clone() }.into())]).await;
    lease_and_settle(&store, Settlement::Removed(vec![stands.message])).await;
    assert_eq!(store.standing(ticket.id).await.expect("an answer"), []);
    assert_eq!(store.counts().await.expect("counts").waiting, 0);
}

pub async fn timers_are_set_moved_and_cleared(store: Arc<dyn Store>) {
    let due = async |second| store.due_timers(at(second), 10).await.expect("timers");
    for number in [1, 2] {
        let ticket = opened(&store, number, &channel("C1"), "U1", at(0)).await;
        let set = |second| Change::SetTimer(timer(ticket.id, second));
        write(&store, [set(50), set(12 - number)], []).await;
    }
    assert_eq!(due(9).await, []);
    let both = [timer(TicketId(2), 10), timer(TicketId(1), 11)];
    assert_eq!(due(60).await, both);
    assert_eq!(due(10).await, both[..1]);
    let clear = |slot| Change::ClearTimer { on: TicketId(2).into(), kind: TimerKind::AutoClose, slot };
    write(&store, [clear(0)], []).await;
    assert_eq!(due(60).await, both[1..]);
    // A subject may have several timers of a kind.
    let several = [1, 2].map(|slot| Timer { slot, ..timer(TicketId(2), 20 + i64::from(slot)) });
    write(&store, several.clone().map(Change::SetTimer), []).await;
    assert_eq!(due(60).await, [&both[1..], &several].concat());
    write(&store, [clear(1)], []).await;
    assert_eq!(due(60).await, [&both[1..], &several[1..]].concat());
}

fn timer(on: TicketId, second: i64) -> Timer {
    Timer { on: on.into(), kind: TimerKind::AutoClose, slot: 0, due: at(second) }
}

pub async fn who_delivers_is_woken(store: Arc<dyn Store>) {
    let mut changed = store.changed();
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    assert!(!changed.has_changed().expect("the store lives"), "a commit without effects wakes nobody");
    write(&store, [], [about(&ticket, show_card("C9"))]).await;
    assert!(changed.has_changed().expect("the store lives"));
    changed.mark_unchanged();
    let work: Work = Arc::new(|tx| {
        Box::pin(async move {
            let set = Change::SetTimer(timer(TicketId(1), 1));
            tx.apply(&set)?;
            Err(StoreError::Work("a fault".to_owned()))
        })
    });
    assert!(store.transact(work).await.is_err());
    assert!(!changed.has_changed().expect("the store lives"), "a transaction that was rolled back wakes nobody");
    lease_and_settle(&store, Settlement::Done).await;
    assert!(changed.has_changed().expect("the store lives"));
}

pub async fn dead_events_counts_and_tidying(store: Arc<dyn Store>) {
    store.ping().await.expect("it can be written to");
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let second = opened(&store, 2, &channel("C1"), "U1", at(0)).await;
    let mut closed = second.clone();
    closed.version += 1;
    closed.status = Status::Closed { at: at(1), resolution: String::new() };
    write(&store, [Change::put(&second, closed)], [about(&ticket, show_card("C9"))]).await;
    lease_and_settle(&store, Settlement::Failed(Undeliverable::ChannelClosed)).await;
    write(&store, [], [about(&ticket, show_card("C9"))]).await;
    let key = DedupeKey::message(&message("C1", "1.1"));
    for fault in ["a fault", "another"] {
        store.keep_dead(&key, "{}", fault, at(1)).await.expect("it is kept");
    }
    assert_eq!(store.total().await.expect("a number"), 2);
    assert_eq!(store.open().await.expect("a number"), 1);
    let counts = Counts { waiting: 1, leased: 0, held: 0, failed: 1, dead: 1, oldest_waiting_at: Some(at(0)) };
    assert_eq!(store.counts().await.expect("counts"), counts);
    store.tidy(at(100)).await.expect("it tidies");
    let counts = Counts { failed: 0, ..counts };
    assert_eq!(store.counts().await.expect("counts"), counts, "waiting effects and dead events are kept");
}
