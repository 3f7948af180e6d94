//! Thousands of cards wait for the limit of their channel, and a person asks something. The answer does not wait behind
//! the cards, and the work of sending it does not grow with their number.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deskbell::desk::decision::Change;
use deskbell::domain::effect::Lane;
use deskbell::domain::ids::{MessageRef, PlatformName};
use deskbell::outbox::Timing;
use deskbell::platform::{Delivery, DeliveryError, Operation, Receipt};
use deskbell::store::Store;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use crate::bare::{self, Delivers};
use crate::harness::patiently;
use crate::store_contract::kit::*;

const CARDS: i64 = 5_000;
/// The most effects that may be read for one delivery: a little more than one look at the outbox reads.
const FEW: usize = 200;

#[tokio::test]
async fn the_answer_to_one_who_asks_does_not_wait_behind_thousands_of_cards() {
    let reading = Reading::default();
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(reading.clone()));
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("desk.db")).await;
    for first in (1..=CARDS).step_by(500) {
        let tickets: Vec<_> = (first..first + 500).map(|number| ticket(number, &channel("C1"), "U1", at(0))).collect();
        let cards: Vec<_> = tickets.iter().map(|ticket| about(ticket, show_card("C9"))).collect();
        write(&store, tickets.into_iter().map(|ticket| Change::Open(Box::new(ticket))), cards).await;
    }
    let (intake, posts) = (intake(Arc::clone(&store)), Arc::new(Posts::default()));
    let timing = Timing {
        lease: Duration::from_secs(60),
        call_timeout: Duration::from_secs(10),
        take_over_pause: Duration::from_secs(1),
        retry_limit: Duration::from_secs(900),
        gather: Duration::ZERO,
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(bare::limited(&intake, &store, &posts, timing).run(stop.clone()));
    // The clock stands still: the first cards are posted, and then the channel's limit is used up.
    let cards_at_once = until_idle(&store, &posts).await;
    assert!((1..50).contains(&cards_at_once), "{cards_at_once}");

    for number in 0..10 {
        reading.0.store(0, Ordering::SeqCst);
        let asked =
            about(&ticket(1, &channel("C1"), "U1", at(0)), said(direct(&format!("D{number}")), "heard", Lane::Answer));
        write(&store, [], [asked]).await;
        patiently("the answer is there", async {
            while posts.in_channel(&format!("D{number}")) == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        until_idle(&store, &posts).await;
        let read = reading.0.load(Ordering::SeqCst);
        assert!((1..=FEW).contains(&read), "{read} effects were read for one answer");
    }
    // A card whose turn has come costs no more reads either.
    for _ in 0..10 {
        reading.0.store(0, Ordering::SeqCst);
        let before = posts.in_channel("C9");
        patiently("the next card is there", async {
            while posts.in_channel("C9") == before {
                if let Some(wake) = intake.clock().next_wake() {
                    intake.clock().advance_to(wake);
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        until_idle(&store, &posts).await;
        let read = reading.0.load(Ordering::SeqCst);
        assert!((1..=FEW).contains(&read), "{read} effects were read for one card");
    }
    stop.cancel();
    patiently("it stops", running).await.expect("it does not panic");
    store.close().await;
}

/// Waits until a card is posted and no effect is leased. Returns the number of posted cards.
async fn until_idle(store: &Arc<dyn Store>, posts: &Posts) -> usize {
    patiently("everything that may go has gone", async {
        while posts.in_channel("C9") == 0 || store.counts().await.expect("counts").leased > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    posts.in_channel("C9")
}

/// The channel of each post.
#[derive(Default)]
struct Posts(Mutex<Vec<String>>);

impl Posts {
    fn in_channel(&self, id: &str) -> usize {
        let posts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        posts.iter().filter(|channel| *channel == id).count()
    }
}

#[async_trait]
impl Delivers for Posts {
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let Operation::Post { to, .. } = &delivery.operation else { return Ok(Receipt::Changed) };
        let mut posts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        posts.push(to.channel().to_owned());
        assert_eq!(to.platform(), PlatformName::Slack);
        Ok(Receipt::Posted(MessageRef {
            tenant: to.tenant.clone(),
            channel: to.channel().to_owned(),
            id: posts.len().to_string(),
        }))
    }
}

/// Counts the effects that were read from the outbox, by the field `effects` in the trace log.
#[derive(Clone, Default)]
struct Reading(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Reading {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Effects(u64);
        impl tracing::field::Visit for Effects {
            fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
                if field.name() == "effects" {
                    self.0 = value;
                }
            }
            fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
        }
        if *event.metadata().level() == tracing::Level::TRACE {
            let mut effects = Effects(0);
            event.record(&mut effects);
            self.0.fetch_add(usize::try_from(effects.0).expect("a number"), Ordering::SeqCst);
        }
    }
}
