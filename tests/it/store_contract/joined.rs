//! Waiting lines under a card are coalesced into one effect.

use std::sync::Arc;

use deskbell::desk::conversation::state::Side;
use deskbell::desk::decision::Change;
use deskbell::domain::effect::{Destination, Effect, EffectKind, SilentAct};
use deskbell::domain::ids::EffectId;
use deskbell::domain::limits;
use deskbell::domain::outcome::Outcome;
use deskbell::domain::standing::Standing;
use deskbell::domain::subject::Subject;
use deskbell::domain::view::View;
use deskbell::store::outbox::withdraw_about;
use deskbell::store::{Settlement, Store, StoreError, Work};

use super::kit::*;
use crate::looks::{ReadRecord as _, WriteRecord as _};

pub async fn lines_that_wait_untried_share_one_effect(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let line = |of: &str| about(&ticket, line_under("C9", of, 10));
    // Lines of one decision are joined, and lines of several decisions.
    write(&store, [], [line("1.1"), line("1.2")]).await;
    write(&store, [], [line("1.3")]).await;
    let waiting = due(&store, 0).await;
    assert_eq!(waiting.len(), 1);
    let first = waiting[0].id.clone();
    assert_eq!(shown_by(&store, &first).await, ["1.1", "1.2", "1.3"]);

    // An effect that is leased or was tried is not changed, since its message may be posted already.
    lease_as_it_is(&store, &first).await;
    write(&store, [], [line("1.4"), line("1.5")]).await;
    store.settle(&first, &worker(), Settlement::Done, at(0)).await.expect("it is settled");
    let second = due(&store, 0).await.remove(0).id;
    assert_eq!(shown_by(&store, &second).await, ["1.4", "1.5"]);
    lease_as_it_is(&store, &second).await;
    let retry = Settlement::Retry { at: at(0), unsure: false, counts: false, error: "429".to_owned() };
    store.settle(&second, &worker(), retry, at(0)).await.expect("it waits again");
    write(&store, [], [line("1.6")]).await;
    assert_eq!(shown_by(&store, &second).await, ["1.4", "1.5"]);
    lease_and_settle(&store, Settlement::Done).await;
    assert_eq!(shown_by(&store, &due(&store, 0).await[0].id).await, ["1.6"]);
}

pub async fn lines_are_joined_only_to_what_they_follow(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let other = opened(&store, 2, &channel("C1"), "U2", at(0)).await;
    let waiting = async || store.counts().await.expect("counts").waiting;
    write(&store, [], [about(&ticket, line_under("C9", "1.1", 10))]).await;
    let first = due(&store, 0).await.remove(0).id;
    let apart = [
        (about(&other, line_under("C9", "1.2", 10)), 2),
        (about(&ticket, line_under("C8", "1.2", 10)), 3),
        // A refresh may change the words of the line before it. A later line must not be shown before that change.
        (about(&ticket, refresh("1.1")), 4),
        (about(&ticket, line_under("C9", "1.3", 10)), 5),
        (about(&ticket, show_card("C9")), 6),
        (about(&ticket, line_under("C9", "1.4", 10)), 7),
        // A post of the bot's own words is not joined.
        (about(&ticket, post(Destination::UnderCard(channel("C9")), "the bot's own")), 8),
        (about(&ticket, line_under("C9", "1.5", 10)), 9),
        (Effect { was_requeued: true, ..about(&ticket, line_under("C9", "1.6", 10)) }, 10),
        (about(&ticket, line_under("C9", "1.7", 10)), 11),
    ];
    for (effect, now) in apart {
        write(&store, [], [effect.clone()]).await;
        assert_eq!(waiting().await, now, "{effect:?}");
    }
    assert_eq!(shown_by(&store, &first).await, ["1.1"]);
    write(&store, [], [about(&ticket, line_under("C9", "1.8", 10))]).await;
    assert_eq!(waiting().await, 11, "a line is joined to the last effect, which was not joined itself");
}

pub async fn lines_share_an_effect_as_long_as_they_fit_into_one_message(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let line = |of: usize, room: usize| about(&ticket, line_under("C9", &format!("1.{of}"), room));
    let lines = || async {
        let mut lines = Vec::new();
        while let Some(queued) = due(&store, 0).await.first() {
            lines.push(shown(&queued.effect.what).len());
            lease_and_settle(&store, Settlement::Done).await;
        }
        lines
    };
    write(&store, [], (0..limits::JOINED_LINES + 3).map(|of| line(of, 10))).await;
    assert_eq!(lines().await, [limits::JOINED_LINES, 3]);
    let (half, whole) = (limits::slack::JOINED_CHARS / 2 + 1, limits::slack::BLOCK_TEXT_CHARS);
    write(&store, [], [line(21, half), line(22, 10), line(23, half), line(24, whole), line(25, 10)]).await;
    assert_eq!(lines().await, [2, 1, 1, 1]);
}

pub async fn a_post_of_several_lines_is_found_by_each_of_them(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1").thread("1.0"), "U1", at(0)).await;
    let bind = Change::Bind { place: channel("C9").thread("9.1"), ticket: ticket.id, side: Side::Card };
    write(&store, [bind], [about(&ticket, line_under("C9", "1.1", 10))]).await;
    let thread = channel("C9").thread("9.1");
    let standing = |of: &str, id: &str| line_of(&ticket, &thread, &message("C1", of), id);
    let three = ["1.1", "1.2", "1.3"].map(|of| standing(of, "9.2"));
    let alone = standing("1.4", "9.3");
    let all: Vec<Standing> = three.iter().cloned().chain([alone.clone()]).collect();
    lease_and_settle(&store, posted(vec![], all.clone())).await;
    for one in &all {
        let of = one.shows().expect("it shows a message");
        assert_eq!(store.showing(&of).await.expect("an answer"), std::slice::from_ref(one), "{of:?}");
    }
    assert_eq!(store.standing(ticket.id).await.expect("an answer"), all);
    let found = within(&store, |tx| Box::pin(async move { tx.ticket_of_message(&message("C9", "9.2")).await })).await;
    assert_eq!(found.map(|(ticket, side)| (ticket.id, side)), Some((ticket.id, Side::Card)));

    write(&store, [], [about(&ticket, SilentAct::Remove { message: message("C9", "9.2") }.into())]).await;
    lease_and_settle(&store, Settlement::Removed(vec![message("C9", "9.2")])).await;
    for one in &three {
        assert_eq!(store.showing(&one.shows().expect("a message")).await.expect("an answer"), [], "{one:?}");
    }
    assert_eq!(store.standing(ticket.id).await.expect("an answer"), [alone]);
}

pub async fn what_is_taken_back_is_not_joined_to(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let line = |of: &str| about(&ticket, line_under("C9", of, 10));
    let refresh = about(&ticket, refresh("1.1"));
    let elsewhere = about(&ticket, line_under("C8", "1.1", 10));
    write(&store, [], [line("1.1"), line("1.2"), refresh.clone(), line("1.3"), elsewhere.clone()]).await;
    let first = due(&store, 0).await.remove(0);
    assert_eq!(taken_back(&store, &first.id).await, [first.effect, refresh, line("1.3")], "with the effects behind it");
    assert_eq!(taken_back(&store, &first.id).await, [], "it has ended");
    let left = due(&store, 0).await;
    assert_eq!(left.iter().map(|queued| &queued.effect).collect::<Vec<_>>(), [&elsewhere]);
    lease_and_settle(&store, Settlement::Done).await;

    write(&store, [], [line("1.4")]).await;
    let second = due(&store, 0).await.remove(0).id;
    assert_eq!(shown_by(&store, &second).await, ["1.4"]);
    lease_as_it_is(&store, &second).await;
    write(&store, [], [line("1.5")]).await;
    assert_eq!(taken_back(&store, &second).await, [], "it is being delivered");
    assert_eq!(store.counts().await.expect("counts").waiting, 2);
}

fn refresh(of: &str) -> EffectKind {
    EffectKind::Refresh { view: View::Lines { of: vec![message("C1", of)], room: 0 }, at: channel("C9") }
}

async fn taken_back(store: &Arc<dyn Store>, effect: &EffectId) -> Vec<Effect> {
    let effect = effect.clone();
    within(store, move |tx| {
        let effect = effect.clone();
        Box::pin(async move { tx.take_back(&effect, at(0)).await })
    })
    .await
}

pub async fn what_was_added_to_meanwhile_does_not_end_unleased(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    write(&store, [], [about(&ticket, line_under("C9", "1.1", 10))]).await;
    let read = due(&store, 5).await.remove(0);
    write(&store, [], [about(&ticket, line_under("C9", "1.2", 10))]).await;
    let by = worker();
    let end = |revision| store.settle_unleased(&read.id, revision, &by, &Settlement::Done, at(5));
    assert!(!end(read.revision).await.expect("an answer"), "another line was joined to it");
    let again = due(&store, 5).await.remove(0);
    assert_eq!(again.id, read.id);
    assert!(end(again.revision).await.expect("an answer"));
    assert_eq!(store.counts().await.expect("counts").waiting, 0);
}

pub async fn an_erasure_waits_for_what_is_being_posted(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    write(&store, [], [about(&ticket, line_under("C9", "1.1", 10))]).await;
    let read = due(&store, 5).await.remove(0);
    let withdraw = || -> Work {
        let subject = Subject::Ticket(ticket.id);
        Arc::new(move |tx| {
            let subject = subject.clone();
            Box::pin(async move {
                withdraw_about(tx, &subject, |_| false, at(6)).await?;
                Ok(Outcome::Done(None))
            })
        })
    };
    store.transact(withdraw()).await.expect("nothing is under way");
    let stale = store.lease(&worker(), &[claim(&read.id)], LONG).await.expect("an answer");
    assert_eq!(stale, [], "an effect that was laid out before the erasure is not leased");
    lease_as_it_is(&store, &read.id).await;
    let waits = store.transact(withdraw()).await;
    assert!(matches!(waits, Err(StoreError::Conflict)), "{waits:?}");
}
