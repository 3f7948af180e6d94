//! Lines of a mirror that wait are one effect.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use deskbell::desk::conversation::state::{Record, Side, Voice};
use deskbell::desk::decision::Change;
use deskbell::desk::privacy::record::Erased;
use deskbell::desk::privacy::state::Erasure;
use deskbell::desk::tickets::state::Ticket;
use deskbell::domain::effect::{Destination, Effect, EffectKind};
use deskbell::domain::ids::{EffectId, Person, PersonRef, PlatformName};
use deskbell::domain::limits;
use deskbell::domain::outcome::Outcome;
use deskbell::domain::standing::Standing;
use deskbell::store::{Settlement, Store, StoreError, Work};

use super::kit::*;
use crate::looks::{Looks as _, Works as _};

pub async fn lines_that_wait_untried_share_one_effect(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let line = |of: &str| about(&ticket, line_under("C9", of, of));
    // Of one decision, and of several.
    write(&store, [], [line("1.1"), line("1.2")]).await;
    write(&store, [], [line("1.3")]).await;
    let waiting = due(&store, 0).await;
    assert_eq!(waiting.len(), 1);
    let first = waiting[0].id.clone();
    assert_eq!(texts_of(&store, &first).await, ["1.1", "1.2", "1.3"]);
    let EffectKind::Post { mirrors, .. } = &waiting[0].effect.what else { panic!("{waiting:?}") };
    assert_eq!(mirrors, &["1.1", "1.2", "1.3"].map(|of| message("C1", of)));

    // What is being sent, or was tried, stays as it is: somebody may read it already.
    lease(&store, std::slice::from_ref(&first)).await;
    write(&store, [], [line("1.4"), line("1.5")]).await;
    assert_eq!(texts_of(&store, &first).await, ["1.1", "1.2", "1.3"]);
    store.settle(&first, &worker(), Settlement::Done, at(0)).await.expect("it is settled");
    assert_eq!(store.current(std::slice::from_ref(&first)).await.expect("an answer"), [], "it has ended");
    let second = due(&store, 0).await.remove(0).id;
    assert_eq!(texts_of(&store, &second).await, ["1.4", "1.5"]);
    lease(&store, std::slice::from_ref(&second)).await;
    let retry = Settlement::Retry { at: at(0), unsure: false, counts: false, error: "429".to_owned() };
    store.settle(&second, &worker(), retry, at(0)).await.expect("it waits again");
    write(&store, [], [line("1.6")]).await;
    assert_eq!(texts_of(&store, &second).await, ["1.4", "1.5"]);
    deliver(&store, Settlement::Done).await;
    assert_eq!(texts_of(&store, &due(&store, 0).await[0].id).await, ["1.6"]);
}

pub async fn lines_are_joined_only_to_what_they_follow(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let other = opened(&store, 2, &channel("C1"), "U2", at(0)).await;
    let waiting = async || store.counts().await.expect("counts").waiting;
    write(&store, [], [about(&ticket, line_under("C9", "1.1", "one"))]).await;
    let first = due(&store, 0).await.remove(0).id;
    let apart = [
        (about(&other, line_under("C9", "1.2", "another ticket")), 2),
        (about(&ticket, line_under("C8", "1.2", "another channel")), 3),
        // The words of the line before may change by this: what comes later must not be said before.
        (about(&ticket, EffectKind::RefreshMirror { channel: channel("C9"), of: message("C1", "1.1") }), 4),
        (about(&ticket, line_under("C9", "1.3", "behind the change")), 5),
        (about(&ticket, show_card("C9")), 6),
        (about(&ticket, line_under("C9", "1.4", "behind the card")), 7),
        // What is no mirror of a message stands alone.
        (about(&ticket, post(Destination::UnderCard(channel("C9")), "the bot's own")), 8),
        (about(&ticket, line_under("C9", "1.5", "behind that")), 9),
        (Effect { not_before: Some(at(60)), ..about(&ticket, line_under("C9", "1.6", "later")) }, 10),
        (about(&ticket, line_under("C9", "1.7", "behind what comes later")), 11),
    ];
    for (effect, now) in apart {
        write(&store, [], [effect.clone()]).await;
        assert_eq!(waiting().await, now, "{effect:?}");
    }
    assert_eq!(texts_of(&store, &first).await, ["one"]);
    write(&store, [], [about(&ticket, line_under("C9", "1.8", "last"))]).await;
    assert_eq!(waiting().await, 11, "what was not joined can be joined to");
}

pub async fn lines_share_an_effect_as_long_as_they_fit_into_one_message(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let line = |of: usize, words: &str| about(&ticket, line_under("C9", &format!("1.{of}"), words));
    let lines = || async {
        let mut lines = Vec::new();
        while let Some(queued) = due(&store, 0).await.first() {
            lines.push(texts_of(&store, &queued.id).await.len());
            deliver(&store, Settlement::Done).await;
        }
        lines
    };
    write(&store, [], (0..limits::JOINED_LINES + 3).map(|of| line(of, "short"))).await;
    assert_eq!(lines().await, [limits::JOINED_LINES, 3]);
    let (half, whole) = ("x".repeat(limits::slack::JOINED_CHARS / 2), "x".repeat(limits::slack::BLOCK_TEXT_CHARS));
    write(&store, [], [line(21, &half), line(22, "short"), line(23, &half), line(24, &whole), line(25, "short")]).await;
    assert_eq!(lines().await, [2, 1, 1, 1]);
    // Escapes count.
    let ampersands = "&".repeat(limits::slack::JOINED_CHARS / 6);
    write(&store, [], [line(31, &ampersands), line(32, &ampersands)]).await;
    assert_eq!(lines().await, [1, 1]);
}

pub async fn a_post_of_several_lines_is_found_by_each_of_them(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1").thread("1.0"), "U1", at(0)).await;
    let bind = Change::Bind { place: channel("C9").thread("9.1"), ticket: ticket.id, side: Side::Card };
    write(&store, [bind], [about(&ticket, line_under("C9", "1.1", "one"))]).await;
    let stands = Standing {
        ticket: ticket.id,
        card: false,
        place: channel("C9").thread("9.1"),
        message: message("C9", "9.2"),
        mirrors: ["1.1", "1.2", "1.3"].map(|of| message("C1", of)).to_vec(),
    };
    let alone = Standing { message: message("C9", "9.3"), mirrors: vec![message("C1", "1.4")], ..stands.clone() };
    deliver(&store, posted(vec![], vec![stands.clone(), alone.clone()])).await;
    for of in &stands.mirrors {
        assert_eq!(store.mirrors(of).await.expect("an answer"), std::slice::from_ref(&stands), "{of:?}");
    }
    assert_eq!(store.mirrors(&alone.mirrors[0]).await.expect("an answer"), std::slice::from_ref(&alone));
    assert_eq!(store.standing(ticket.id).await.expect("an answer"), [stands.clone(), alone.clone()]);
    let found = within(&store, |tx| Box::pin(async move { tx.ticket_of_message(&message("C9", "9.2")).await })).await;
    assert_eq!(found.map(|(ticket, side)| (ticket.id, side)), Some((ticket.id, Side::Card)));

    write(&store, [], [about(&ticket, EffectKind::Remove { message: stands.message.clone() })]).await;
    deliver(&store, Settlement::Removed(vec![stands.message])).await;
    for of in &stands.mirrors {
        assert_eq!(store.mirrors(of).await.expect("an answer"), [], "{of:?}");
    }
    assert_eq!(store.standing(ticket.id).await.expect("an answer"), [alone]);
}

pub async fn what_is_taken_back_is_not_joined_to(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let line = |of: &str| about(&ticket, line_under("C9", of, of));
    let refresh = about(&ticket, EffectKind::RefreshMirror { channel: channel("C9"), of: message("C1", "1.1") });
    let elsewhere = about(&ticket, line_under("C8", "1.1", "1.1"));
    write(&store, [], [line("1.1"), line("1.2"), refresh.clone(), line("1.3"), elsewhere.clone()]).await;
    let first = due(&store, 0).await.remove(0);
    assert_eq!(taken_back(&store, &first.id).await, [first.effect, refresh, line("1.3")], "with what waits behind it");
    assert_eq!(taken_back(&store, &first.id).await, [], "it has ended");
    let left = due(&store, 0).await;
    assert_eq!(left.iter().map(|queued| &queued.effect).collect::<Vec<_>>(), [&elsewhere]);
    deliver(&store, Settlement::Done).await;

    write(&store, [], [line("1.4")]).await;
    let second = due(&store, 0).await.remove(0).id;
    assert_eq!(texts_of(&store, &second).await, ["1.4"]);
    lease(&store, std::slice::from_ref(&second)).await;
    write(&store, [], [line("1.5")]).await;
    assert_eq!(taken_back(&store, &second).await, [], "it is being delivered");
    assert_eq!(store.counts().await.expect("counts").waiting, 2);
}

pub async fn who_is_erased_goes_from_lines_that_wait(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let said = |of: &str, by: &str, name: &str| {
        let author = Person::new(account(by), name);
        Change::Record(Record { author, ..record(ticket.id, of, Voice::Third, at(1), of) })
    };
    let changes = [said("1.1", "U2", "Ana"), said("1.2", "U3", "Omar"), said("1.3", "U2", "Ana")];
    let lines = ["1.1", "1.2", "1.3"].map(|of| about(&ticket, line_under("C9", of, of)));
    write(&store, changes, lines).await;
    write(&store, [], [about(&ticket, line_under("C8", "1.1", "1.1"))]).await;
    let due_in = async |channel: &str| {
        let waiting = due(&store, 0).await.into_iter();
        waiting
            .filter(|queued| queued.effect.order_key().ends_with(channel))
            .map(|queued| queued.id)
            .collect::<Vec<_>>()
    };
    let (first, alone) = (due_in("C9").await.remove(0), due_in("C8").await);
    assert_eq!(alone.len(), 1);

    // While it is being delivered it is waited for.
    lease(&store, std::slice::from_ref(&first)).await;
    assert!(matches!(erased(&store, &ticket).await, Err(StoreError::Conflict)));
    let retry = Settlement::Retry { at: at(0), unsure: false, counts: false, error: "429".to_owned() };
    store.settle(&first, &worker(), retry, at(0)).await.expect("it waits again");
    assert_eq!(erased(&store, &ticket).await.expect("erased").withdrawn, 2);
    assert_eq!(texts_of(&store, &first).await, ["1.2"], "what others have said is said");
    assert_eq!(due_in("C8").await, [], "of the other nothing is left");
}

/// Whoever delivers is told which words are gone.
pub async fn words_that_are_gone_are_told_with_what_shows_them(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let said = ["1.1", "1.2"].map(|of| Change::Record(record(ticket.id, of, Voice::Third, at(1), of)));
    write(&store, said, ["1.1", "1.2"].map(|of| about(&ticket, line_under("C9", of, of)))).await;
    write(&store, [], [about(&ticket, line_under("C8", "1.2", "1.2"))]).await;
    let effects: Vec<EffectId> = due(&store, 0).await.into_iter().map(|queued| queued.id).collect();
    let gone = async || {
        let current = store.current(&effects).await.expect("an answer");
        assert_eq!(current.iter().map(|current| &current.effect).collect::<HashSet<_>>().len(), 2);
        let mut gone = HashMap::new();
        for current in current {
            gone.insert(current.what.mirrors().len(), store.gone(&current.what).await.expect("an answer"));
        }
        gone
    };
    assert_eq!(gone().await, HashMap::from([(2, vec![]), (1, vec![])]));
    write(&store, [Change::Erase { message: message("C1", "1.2"), at: at(2) }], []).await;
    let it = message("C1", "1.2");
    assert_eq!(gone().await, HashMap::from([(2, vec![it.clone()]), (1, vec![it])]));
}

/// As long as words may stand without our knowing, what would find them is not withdrawn.
pub async fn who_is_erased_waits_for_what_may_stand(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let author = Person::new(account("U2"), "Ana");
    let said = Change::Record(Record { author, ..record(ticket.id, "1.1", Voice::Third, at(1), "1.1") });
    write(&store, [said], [about(&ticket, line_under("C9", "1.1", "1.1"))]).await;
    deliver(&store, Settlement::Retry { at: at(0), unsure: true, counts: true, error: "cut".to_owned() }).await;
    assert!(matches!(erased(&store, &ticket).await, Err(StoreError::Conflict)));
    deliver(&store, Settlement::Done).await;
    assert_eq!(erased(&store, &ticket).await.expect("erased").records, 1);
}

/// Takes Ana out.
async fn erased(store: &Arc<dyn Store>, ticket: &Ticket) -> Result<Erased, StoreError> {
    let (slot, id) = (Arc::new(std::sync::Mutex::new(Erased::default())), ticket.id);
    let filled = Arc::clone(&slot);
    let erasure = Erasure::of(|who| (*who == account("U2")).then(|| PersonRef::erased(PlatformName::Slack, "x")));
    let work: Work = Arc::new(move |tx| {
        let (filled, erasure) = (Arc::clone(&filled), erasure.clone());
        Box::pin(async move {
            let erased = tx.erase(id, &erasure, at(2)).await?;
            *filled.lock().expect("nobody panicked") = erased;
            Ok(Outcome::Done(None))
        })
    });
    store.transact(work).await?;
    let erased = slot.lock().expect("nobody panicked").clone();
    Ok(erased)
}

async fn taken_back(store: &Arc<dyn Store>, effect: &EffectId) -> Vec<Effect> {
    let effect = effect.clone();
    within(store, move |tx| {
        let effect = effect.clone();
        Box::pin(async move { tx.take_back(&effect, at(0)).await })
    })
    .await
}
