//! The local dispatcher: calls that find something, fail, hang, panic or lose their process, and spreads of a view over
//! many places.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deskbell::desk::knowledge::decide::SUGGEST;
use deskbell::desk::notices;
use deskbell::domain::effect::{Call, Effect, EffectKind, Outlet};
use deskbell::domain::event::DedupeKey;
use deskbell::domain::ids::{EffectId, PlatformName, TicketId};
use deskbell::domain::message::Message;
use deskbell::domain::outcome::Outcome;
use deskbell::domain::standing::Standing;
use deskbell::domain::subject::Subject;
use deskbell::domain::view::View;
use deskbell::outbox::Timing;
use deskbell::outbox::local::{Calls, LocalDispatcher, NoCalls};
use deskbell::store::{Counts, Listed, ListedEffect, Settlement, Store, WorkerId, standing};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::patiently;
use crate::looks::{ReadRecord as _, WriteRecord as _};
use crate::store_contract::kit::*;

/// Real times. They are short, so that the lease of a dead process ends soon.
const TIMING: Timing = Timing {
    lease: Duration::from_millis(200),
    call_timeout: Duration::from_millis(100),
    take_over_pause: Duration::ZERO,
    retry_limit: Duration::from_secs(900),
    gather: Duration::ZERO,
};

/// Ends each call in the way that its name says, and counts the calls.
#[derive(Default)]
struct ScriptedCalls {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

#[async_trait]
impl Calls for ScriptedCalls {
    async fn call(&self, call: &Call) -> Result<Option<Value>, String> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        match call.name.as_str() {
            "find" => {}
            "fail" => return Err("the index is damaged".to_owned()),
            "panic" => panic!("a fault of the call's"),
            _ => std::future::pending().await,
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
        Ok(Some(call.input.clone()))
    }
}

fn calling(name: &str) -> Effect {
    Effect::about(
        Subject::Desk,
        EffectKind::Do(Call { name: name.to_owned(), input: json!({ "words": 3 }), within_ms: 50 }),
    )
}

/// The id of the first call that waits.
async fn waiting(store: &Arc<dyn Store>) -> EffectId {
    store.due(Outlet::Local, at(0), None, &[], 10).await.expect("an answer").ready.remove(0).id
}

/// Runs a local dispatcher until no local effect waits.
async fn until_nothing_waits(store: &Arc<dyn Store>, calls: Arc<dyn Calls>) {
    let stop = CancellationToken::new();
    let dispatcher = LocalDispatcher::new(Arc::clone(store), intake(Arc::clone(store)), calls, TIMING, WorkerId::new());
    let working = tokio::spawn(dispatcher.run(stop.clone()));
    let mut changed = store.changed();
    patiently("it is done", async {
        // In one query: an effect that is leased in one query may wait again in the next.
        let is_local = |effect: &ListedEffect| effect.outlet == Outlet::Local;
        while store.listed(Listed::Waiting, None, None, u32::MAX).await.expect("a list").iter().any(is_local) {
            changed.changed().await.expect("the store lives");
        }
    })
    .await;
    stop.cancel();
    patiently("it stops", working).await.expect("it stops");
}

async fn is_handled(store: &Arc<dyn Store>, effect: &EffectId) -> bool {
    let key = DedupeKey::effect(effect);
    within(store, move |tx| {
        let key = key.clone();
        Box::pin(async move { tx.knows(&key).await })
    })
    .await
}

pub async fn a_call_ends_as_an_event_whatever_becomes_of_it(store: Arc<dyn Store>) {
    for (name, ends) in [("find", 1), ("fail", 0), ("hang", 0), ("panic", 0)] {
        write(&store, [], [calling(name)]).await;
        let (effect, calls) = (waiting(&store).await, Arc::new(ScriptedCalls::default()));
        until_nothing_waits(&store, calls.clone()).await;
        let seen = (calls.begun.load(Ordering::SeqCst), calls.ended.load(Ordering::SeqCst));
        assert_eq!(seen, (1, ends), "{name} is called once, and not again");
        assert!(is_handled(&store, &effect).await, "{name}: its end came as an event");
        let counts = store.counts().await.expect("counts");
        assert_eq!((counts.waiting, counts.failed, counts.dead), (0, 0, 0), "{name}");
    }
    // A call that this version does not know ends as nothing found.
    write(&store, [], [calling("fly")]).await;
    let effect = waiting(&store).await;
    until_nothing_waits(&store, Arc::new(NoCalls)).await;
    assert!(is_handled(&store, &effect).await);
}

/// Notes for each call which ticket is on record when the call is made.
struct OnRecord {
    store: Arc<dyn Store>,
    noted: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Calls for OnRecord {
    async fn call(&self, call: &Call) -> Result<Option<Value>, String> {
        let id = TicketId(call.input["ticket"].as_i64().unwrap_or_default());
        let ticket = self.store.ticket(id).await.map_err(|error| error.to_string())?;
        let key = ticket.map(|ticket| ticket.key.to_string()).unwrap_or_default();
        self.noted.lock().expect("nobody panicked").push((call.name.clone(), key));
        Ok(None)
    }
}

pub async fn a_request_has_its_key_before_anything_is_searched_for_it(store: Arc<dyn Store>) {
    let intake = intake(Arc::clone(&store));
    intake.knows_articles(true);
    intake.handle(mention("U1", "m1", "@desk the vpn drops every ten minutes")).await.expect("it is handled");
    let calls = Arc::new(OnRecord { store: Arc::clone(&store), noted: Mutex::default() });
    until_nothing_waits(&store, calls.clone()).await;
    let noted = calls.noted.lock().expect("nobody panicked").clone();
    assert_eq!(noted, [(SUGGEST.to_owned(), "IT-1001".to_owned())]);
}

pub async fn a_call_of_a_dead_process_is_made_by_another(store: Arc<dyn Store>) {
    write(&store, [], [calling("find")]).await;
    let effect = waiting(&store).await;
    let dead = WorkerId("01DEAD".to_owned());
    let leased = store.lease(&dead, &[claim(&effect)], Duration::from_millis(50)).await.expect("an answer");
    assert_eq!(leased, std::slice::from_ref(&effect));
    let calls = Arc::new(ScriptedCalls::default());
    until_nothing_waits(&store, calls.clone()).await;
    assert_eq!(calls.ended.load(Ordering::SeqCst), 1);
    assert!(is_handled(&store, &effect).await);
    assert_eq!(store.counts().await.expect("counts").waiting, 0);
}

pub async fn a_call_whose_end_was_handed_in_is_settled_and_no_more(store: Arc<dyn Store>) {
    write(&store, [], [calling("find")]).await;
    let effect = waiting(&store).await;
    let key = DedupeKey::effect(&effect);
    within(&store, move |tx| Box::pin(std::future::ready(tx.remember(&key, at(0))))).await;
    until_nothing_waits(&store, Arc::new(ScriptedCalls::default())).await;
    assert_eq!(store.counts().await.expect("counts").waiting, 0);
}

/// More than one page of places, and no multiple of a page.
const PLACES: usize = 1_050;

/// Counts the notice's waiting effects on Slack, by place.
async fn queued(store: &Arc<dyn Store>) -> HashMap<String, usize> {
    let mut queued = HashMap::new();
    let about = Subject::Notice("payroll".to_owned());
    for effect in store.listed(Listed::Waiting, Some(&about), None, u32::MAX).await.expect("a list") {
        if effect.outlet == Outlet::Platform(PlatformName::Slack) {
            *queued.entry(effect.place).or_default() += 1;
        }
    }
    queued
}

pub async fn a_spread_that_is_killed_again_and_again_reaches_each_place_once(store: Arc<dyn Store>) {
    let places: Vec<_> = (0..PLACES).map(|number| channel(&format!("C{number}"))).collect();
    let (intake, words) = (intake(Arc::clone(&store)), Message::said("Payroll is down."));
    assert_eq!(intake.notice("payroll", &words, &places).await.expect("it is kept"), Outcome::Done(None));
    // The seed of a generator, so that every run kills after the same numbers of steps.
    let kills: Arc<Mutex<u64>> = Arc::new(Mutex::new(7));
    for _ in 0..12 {
        let steps = {
            let mut seed = kills.lock().expect("nobody panicked");
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *seed >> 58
        };
        let (stop, worker) = (CancellationToken::new(), WorkerId::new());
        let dispatcher = LocalDispatcher::new(Arc::clone(&store), intake.clone(), Arc::new(NoCalls), TIMING, worker);
        let working = tokio::spawn(dispatcher.run(stop));
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        working.abort();
        let _ = working.await;
    }
    until_nothing_waits(&store, Arc::new(NoCalls)).await;
    let reached = queued(&store).await;
    assert_eq!(reached.len(), PLACES);
    assert!(reached.values().all(|times| *times == 1), "a place is reached twice");

    // The same notice again does nothing. With one more place it is posted there alone. Other words go to every place.
    assert_eq!(intake.notice("payroll", &words, &places).await.expect("an answer"), Outcome::Repeated);
    let more = [places.as_slice(), &[channel("C-more")]].concat();
    assert_eq!(intake.notice("payroll", &words, &more).await.expect("an answer"), Outcome::Done(None));
    until_nothing_waits(&store, Arc::new(NoCalls)).await;
    assert_eq!(queued(&store).await.len(), PLACES + 1);
    let about = Subject::Notice("payroll".to_owned());
    let spread = EffectKind::Spread { view: View::Notice, after: 800 };
    write(&store, [], [Effect::about(about.clone(), spread)]).await;
    assert_eq!(
        intake.notice("payroll", &Message::said("It is mended."), &[]).await.expect("it is kept"),
        Outcome::Done(None)
    );
    let waiting = store.due(Outlet::Local, at(0), None, &[], 10).await.expect("an answer").ready;
    let from_the_first = EffectKind::Spread { view: View::Notice, after: 0 };
    assert_eq!(
        waiting.iter().map(|one| &one.effect.what).collect::<Vec<_>>(),
        [&from_the_first],
        "the two spreads are one effect, from the first place on"
    );
}

pub async fn a_notice_that_is_forgotten_leaves_nothing(store: Arc<dyn Store>) {
    let (intake, places) = (intake(Arc::clone(&store)), [channel("C1"), channel("C2")]);
    intake.notice("payroll", &Message::said("Payroll is down."), &places).await.expect("it is kept");
    until_nothing_waits(&store, Arc::new(NoCalls)).await;
    let about = Subject::Notice("payroll".to_owned());
    for place in &places {
        let stands = Standing::of(about.clone(), &View::Notice, place.clone(), message(place.channel(), "1.0"));
        lease_and_settle(&store, posted(vec![message(place.channel(), "1.0")], vec![stands])).await;
    }
    let of_it = about.clone();
    let standing = within(&store, move |tx| {
        let about = of_it.clone();
        Box::pin(async move { standing::count(tx, &about).await })
    });
    assert_eq!(standing.await, 2);
    while within(&store, |tx| Box::pin(notices::record::tidy(tx, at(1 + 31 * 24 * 3_600)))).await {}
    let left = within(&store, move |tx| {
        let about = about.clone();
        Box::pin(async move {
            let places = notices::record::places(tx, "payroll", 0, 10).await?.len();
            let says = notices::record::message(tx, "payroll").await?;
            Ok((standing::count(tx, &about).await?, places, says))
        })
    });
    assert_eq!(left.await, (0, 0, None));
}

pub async fn a_notice_that_was_broken_off_is_made_up_for(store: Arc<dyn Store>) {
    let places: Vec<_> = (0..450).map(|number| channel(&format!("C{number}"))).collect();
    let words = Message::said("Payroll is down.");
    for (steps, name) in (0..24).map(|step| (step * step, format!("notice {step}"))) {
        let (intake, again) = (intake(Arc::clone(&store)), intake(Arc::clone(&store)));
        let broken = {
            let (name, words, places) = (name.clone(), words.clone(), places.clone());
            tokio::spawn(async move { intake.notice(&name, &words, &places).await.map(drop) })
        };
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        broken.abort();
        let _ = broken.await;
        again.notice(&name, &words, &places).await.expect("it is kept");
        until_nothing_waits(&store, Arc::new(NoCalls)).await;
        let about = Subject::Notice(name.clone());
        let all = store.listed(Listed::Waiting, Some(&about), None, u32::MAX).await.expect("a list");
        assert_eq!(all.len(), places.len(), "{name}, broken off after {steps} steps");
    }
}

pub async fn what_another_version_has_set_aside_is_taken_up_again(store: Arc<dyn Store>) {
    write(&store, [], [calling("find")]).await;
    let effect = waiting(&store).await;
    let aside =
        Settlement::Held { held_in: "unreadable".to_owned(), error: "it cannot be read".to_owned(), unsure: false };
    store.settle(&effect, &WorkerId::new(), aside, at(0)).await.expect("it is held");
    let (stop, calls) = (CancellationToken::new(), Arc::new(ScriptedCalls::default()));
    let intake = intake(Arc::clone(&store));
    let dispatcher = LocalDispatcher::new(Arc::clone(&store), intake, calls.clone(), TIMING, WorkerId::new());
    let working = tokio::spawn(dispatcher.run(stop.clone()));
    let mut changed = store.changed();
    patiently("it is taken up", async {
        while store.counts().await.expect("counts") != Counts::default() {
            changed.changed().await.expect("the store lives");
        }
    })
    .await;
    stop.cancel();
    patiently("it stops", working).await.expect("it stops");
    assert_eq!(calls.ended.load(Ordering::SeqCst), 1);
    assert!(is_handled(&store, &effect).await);
}
