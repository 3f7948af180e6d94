//! The outbox of the store, as the property test uses it.

use std::sync::Arc;
use std::time::Duration;

use deskbell::clock::Clock;
use deskbell::domain::effect::{Destination, Effect, EffectKind, Lane, Post, Undeliverable};
use deskbell::domain::ids::{EffectId, PlatformName};
use deskbell::domain::message::{Message, Span};
use deskbell::domain::outcome::Outcome;
use deskbell::domain::subject::Subject;
use deskbell::store::sqlite::SqliteStore;
use deskbell::store::{Claim, Queued, Settlement, Store, TAKE_OVER_PAUSE, Work, WorkerId};
use jiff::SignedDuration;
use proptest::prelude::*;
use tempfile::TempDir;

use super::{at, channel};
use crate::looks::WriteRecord as _;
use crate::store_contract::kit::claim;

// Without broadcasts, which have an order key of their own and so do not keep the order of the place.
const LANES: [Lane; 4] = [Lane::Answer, Lane::Act, Lane::Card, Lane::Note];

#[derive(Clone, Copy, Debug)]
pub enum Act {
    Put { key: usize, lane: usize },
    Lease { most: u32 },
    LeaseAgain,
    Settle { which: usize, end: End },
    Wait { seconds: u64 },
    Restart,
}

#[derive(Clone, Copy, Debug)]
pub enum End {
    Done,
    Failed,
    Retry { seconds: i64, unsure: bool },
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    let end = prop_oneof![
        3 => Just(End::Done),
        1 => Just(End::Failed),
        2 => (0..20_i64, any::<bool>()).prop_map(|(seconds, unsure)| End::Retry { seconds, unsure }),
    ];
    let act = prop_oneof![
        8 => (0..4_usize, 0..LANES.len()).prop_map(|(key, lane)| Act::Put { key, lane }),
        6 => (1..5_u32).prop_map(|most| Act::Lease { most }),
        1 => Just(Act::LeaseAgain),
        7 => (any::<usize>(), end).prop_map(|(which, end)| Act::Settle { which, end }),
        2 => (0..15_u64).prop_map(|seconds| Act::Wait { seconds }),
        1 => Just(Act::Restart),
    ];
    proptest::collection::vec(act, 5..60)
}

/// An effect. `key` is its order key, `number` its place in the order of all decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: usize,
    pub number: u32,
    id: EffectId,
}

pub struct Outbox {
    store: Arc<dyn Store>,
    clock: Clock,
    folder: TempDir,
    worker: WorkerId,
}

impl Outbox {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::open_in(folder, Clock::starting_at(at(0), 0.0)).await
    }

    /// Closes the store, and opens it again as another process that takes over the leases.
    pub async fn restart(self) -> Self {
        self.store.close().await;
        Self::open_in(self.folder, self.clock).await
    }

    /// Queues the message `number` for the thread `key`, in the lane with this index.
    pub async fn put(&self, key: usize, number: u32, lane: usize) {
        let to = Destination::Place(channel("C1").thread(&key.to_string()));
        let post = Post::new(to, Message::said(number.to_string()), LANES[lane]);
        let effect = Effect::about(Subject::Desk, EffectKind::Say(post));
        let now = self.clock.now();
        let work: Work = Arc::new(move |tx| {
            let effect = effect.clone();
            Box::pin(async move {
                tx.enqueue(&effect, now).await?;
                Ok(Outcome::Done(None))
            })
        });
        self.store.transact(work).await.expect("it is committed");
    }

    /// Returns the effects that may be delivered now, at most `most`.
    pub async fn due(&self, most: u32) -> Vec<Entry> {
        let due = self.store.due(PlatformName::Slack, self.clock.now(), None, &[], most).await.expect("effects");
        due.ready.iter().map(entry).collect()
    }

    /// Leases these effects. Returns those for which it got a lease.
    pub async fn lease(&self, wanted: &[Entry]) -> Vec<Entry> {
        let claims: Vec<Claim> = wanted.iter().map(|one| claim(&one.id)).collect();
        let lasting = Duration::from_secs(3_600);
        let ours = self.store.lease(&self.worker, &claims, lasting).await.expect("an answer");
        wanted.iter().filter(|one| ours.contains(&one.id)).cloned().collect()
    }

    /// Stores how a delivery ended.
    pub async fn settle(&self, one: &Entry, end: End) {
        let now = self.clock.now();
        let end = match end {
            End::Done => Settlement::Done,
            End::Failed => Settlement::Failed(Undeliverable::Gone),
            End::Retry { seconds, unsure } => {
                let at = now + SignedDuration::from_secs(seconds);
                Settlement::Retry { at, unsure, counts: true, error: "503".to_owned() }
            }
        };
        self.store.settle(&one.id, &self.worker, end, now).await.expect("it is settled");
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn open_in(folder: TempDir, clock: Clock) -> Self {
        let store = SqliteStore::open(&folder.path().join("desk.db"), clock.clone()).await.expect("it opens");
        let store: Arc<dyn Store> = store;
        // Effects that the dead process had leased wait again.
        let worker = WorkerId::new();
        store
            .take_over(&worker, PlatformName::Slack, TAKE_OVER_PAUSE, Duration::ZERO, clock.now())
            .await
            .expect("an answer");
        Self { store, clock, folder, worker }
    }
}

fn entry(queued: &Queued) -> Entry {
    let EffectKind::Say(Post { to: Destination::Place(place), message, .. }) = &queued.effect.what else {
        panic!("{queued:?}")
    };
    let Span::Said(number) = &message.lines[0].0[0] else { panic!("{message:?}") };
    Entry {
        key: place.root().and_then(|root| root.parse().ok()).expect("a key"),
        number: number.parse().expect("a number"),
        id: queued.id.clone(),
    }
}
