//! A process freezes in the middle of a call until its lease has ended. After the thaw, its call posts a second copy of
//! a message that another process has posted meanwhile, and the process gets no receipt. The copy is found and removed.
//!
//! This test freezes a single call, on SQLite. `crash::freeze` freezes whole processes, on PostgreSQL.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use deskbell::domain::effect::{Lane, SilentAct};
use deskbell::domain::ids::{EffectId, MessageRef};
use deskbell::outbox::{Dispatcher, Timing};
use deskbell::platform::{Delivery, DeliveryError, Operation, Receipt};
use deskbell::store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::bare::{self, Delivers};
use crate::harness::patiently;
use crate::looks::ReadRecord as _;
use crate::store_contract::kit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_thawed_process_sends_without_a_receipt_is_taken_away() {
    let folder = tempfile::tempdir().expect("a folder");
    one_copy_stays(open(&folder.path().join("desk.db")).await).await;
}

async fn one_copy_stays(store: Arc<dyn Store>) {
    let ticket = opened(&store, 1, &channel("C1"), "U1", at(0)).await;
    let platform = Arc::new(FakePlatform::default());
    let (thaw, thawed) = mpsc::channel();
    let freezing = Arc::new(Connection {
        platform: Arc::clone(&platform),
        thawed: Mutex::new(Some(thawed)),
        frozen: AtomicBool::default(),
    });
    let steady = Arc::new(Connection {
        platform: Arc::clone(&platform),
        thawed: Mutex::new(None),
        frozen: AtomicBool::default(),
    });

    let stop = CancellationToken::new();
    let first = tokio::spawn(dispatcher(&store, &freezing).run(stop.clone()));
    let answer = about(&ticket, said(channel("C1"), "you have been heard", Lane::Answer));
    write(&store, [], [answer]).await;
    let mut grown = platform.grown.subscribe();
    patiently("it is frozen", grown.wait_for(|_| freezing.frozen.load(Ordering::SeqCst)))
        .await
        .expect("the platform lives");
    let second = tokio::spawn(dispatcher(&store, &steady).run(stop.clone()));
    let mut changed = store.changed();
    patiently("the other one takes over", async {
        while store.counts().await.expect("counts").waiting > 0 || platform.posts().is_empty() {
            // The end of a lease is no change of the store, so look again after a while.
            let _ = tokio::time::timeout(Duration::from_millis(20), changed.changed()).await;
        }
    })
    .await;
    thaw.send(()).expect("it waits for that");
    patiently("the second copy comes and goes", grown.wait_for(|_| platform.removed.load(Ordering::SeqCst) > 0))
        .await
        .expect("the platform lives");
    let posts = platform.posts();
    assert_eq!(posts.len(), 1);
    let standing = store.standing(ticket.id).await.expect("it can be read");
    assert_eq!(standing.iter().map(|one| &one.message).collect::<Vec<_>>(), [&posts[0].1], "the recorded copy stays");
    stop.cancel();
    for running in [first, second] {
        patiently("it stops", running).await.expect("it stops");
    }
    store.close().await;
}

fn dispatcher(store: &Arc<dyn Store>, connection: &Arc<Connection>) -> Dispatcher {
    let timing = Timing {
        lease: Duration::from_millis(300),
        call_timeout: Duration::from_millis(100),
        take_over_pause: Duration::from_millis(100),
        retry_limit: Duration::from_secs(900),
        gather: Duration::ZERO,
    };
    bare::dispatcher(store, connection, timing)
}

/// The messages that are on the platform.
struct FakePlatform {
    posts: Mutex<Vec<(EffectId, MessageRef)>>,
    ids: AtomicU64,
    removed: AtomicU64,
    grown: watch::Sender<()>,
}

impl Default for FakePlatform {
    fn default() -> Self {
        let (posts, ids, removed) = (Mutex::default(), AtomicU64::default(), AtomicU64::default());
        Self { posts, ids, removed, grown: watch::channel(()).0 }
    }
}

impl FakePlatform {
    fn posts(&self) -> Vec<(EffectId, MessageRef)> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn post(&self, delivery: &Delivery) -> MessageRef {
        let id = self.ids.fetch_add(1, Ordering::SeqCst).to_string();
        let message = MessageRef { tenant: channel("C1").tenant, channel: "C1".to_owned(), id };
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        posts.push((delivery.effect.clone(), message.clone()));
        message
    }

    fn remove(&self, message: &MessageRef) {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, known)| known != message);
        self.removed.fetch_add(1, Ordering::SeqCst);
        self.grown.send_replace(());
    }
}

/// The connection of one process to the platform. If `thawed` is set, its first post freezes until the test sends.
struct Connection {
    platform: Arc<FakePlatform>,
    thawed: Mutex<Option<mpsc::Receiver<()>>>,
    frozen: AtomicBool,
}

#[async_trait]
impl Delivers for Connection {
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        if let Operation::Silent(SilentAct::Remove { message }) = &delivery.operation {
            self.platform.remove(message);
            return Ok(Receipt::Changed);
        }
        let thawed = self.thawed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thawed) = thawed else { return Ok(Receipt::Posted(self.platform.post(delivery))) };
        self.frozen.store(true, Ordering::SeqCst);
        self.platform.grown.send_replace(());
        // The task is blocked, so its time limit does not act meanwhile, as in a process that is stopped.
        tokio::task::block_in_place(|| thawed.recv()).expect("it is thawed");
        self.platform.post(delivery);
        // The answer never comes.
        std::future::pending().await
    }

    async fn find_second(&self, delivery: &Delivery, known: &[MessageRef]) -> Option<MessageRef> {
        let posts = self.platform.posts();
        let other = posts.into_iter().find(|(effect, message)| *effect == delivery.effect && !known.contains(message));
        other.map(|(_, message)| message)
    }
}
