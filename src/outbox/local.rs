//! The dispatcher for effects that need no platform: calls, and spreading a view over its places. Any replica can take
//! one, by lease.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::places::UNREADABLE;
use super::{ASK_AGAIN_AFTER, LOOK_AGAIN_EVERY, TAKE_OVER_EVERY, Timing, backoff, pause, signed};
use crate::clock::real;
use crate::domain::effect::{Call, EffectKind, Outlet, Undeliverable};
use crate::domain::event::{DedupeKey, Event, EventKind};
use crate::intake::Intake;
use crate::store::{Claim, Queued, Release, Settlement, Store, StoreError, WorkerId};

/// The largest number of effects under way at once.
const AT_ONCE: u32 = 16;

/// Makes calls. A call only reads, because it may be made twice: if a process dies before it stores the result, another
/// process makes the call again.
#[async_trait]
pub trait Calls: Send + Sync {
    /// Makes a call and returns what it finds.
    ///
    /// # Errors
    /// Why the call finds nothing, for operators; it must not contain words of people.
    async fn call(&self, call: &Call) -> Result<Option<Value>, String>;
}

/// Implements [`Calls`] without any call: each one fails.
#[derive(Clone, Copy, Debug)]
pub struct NoCalls;

#[async_trait]
impl Calls for NoCalls {
    async fn call(&self, call: &Call) -> Result<Option<Value>, String> {
        Err(format!("no call is named {}", call.name))
    }
}

/// Carries out the effects that need no platform.
#[derive(Clone)]
pub struct LocalDispatcher {
    store: Arc<dyn Store>,
    intake: Intake,
    calls: Arc<dyn Calls>,
    timing: Timing,
    worker: WorkerId,
}

impl LocalDispatcher {
    /// Creates a dispatcher that leases as `worker`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, intake: Intake, calls: Arc<dyn Calls>, timing: Timing, worker: WorkerId) -> Self {
        Self { store, intake, calls, timing, worker }
    }

    /// Carries out effects until `stop`, then finishes those under way.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.work(&stop, &mut under_way).await {
                tracing::warn!(%error, "effects that need no platform (calls, spreads) cannot be read; trying again");
                // Effects may be leased without this process knowing. They are taken over like those of a dead process.
                self.worker = WorkerId::new();
                pause(ASK_AGAIN_AFTER, &stop).await;
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn work(&self, stop: &CancellationToken, under_way: &mut JoinSet<()>) -> Result<(), StoreError> {
        let mut changed = self.store.changed();
        let mut take_over = real::interval(TAKE_OVER_EVERY);
        take_over.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // A process of another version may have held effects that this process can read. The first tick comes at once.
        let mut look_again = real::interval(LOOK_AGAIN_EVERY);
        look_again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let worker = self.intake.clock().worker();
        loop {
            let commit = *changed.borrow_and_update();
            self.start_due(under_way).await?;
            let wake_at = self.store.next_due(Outlet::Local, self.intake.clock().now()).await?;
            worker.has_acted_on(commit);
            let sleep = async {
                match wake_at {
                    Some(at) => self.intake.clock().sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                // Every commit wakes this loop, but few commits concern it. So it looks less often than the dispatchers
                // of platforms.
                _ = changed.changed() => {
                    worker.begins();
                    real::sleep(self.timing.gather * 2).await;
                }
                Some(_) = under_way.join_next() => {}
                () = sleep => {}
                _ = look_again.tick() => {
                    let unreadable =
                        Release::In { outlet: Outlet::Local, held_in: UNREADABLE.to_owned(), limit: u32::MAX };
                    self.store.release(unreadable, self.intake.clock().now()).await?;
                }
                _ = take_over.tick() => {
                    let (call, pause) = (self.timing.call_timeout, self.timing.take_over_pause);
                    self.store.take_over(&self.worker, Outlet::Local, call, pause, self.intake.clock().now()).await?;
                }
            }
            worker.begins();
        }
    }

    async fn start_due(&self, under_way: &mut JoinSet<()>) -> Result<(), StoreError> {
        let room = AT_ONCE.saturating_sub(u32::try_from(under_way.len()).unwrap_or(u32::MAX));
        if room == 0 {
            return Ok(());
        }
        let now = self.intake.clock().now();
        let page = self.store.due(Outlet::Local, now, None, &[], room).await?;
        for unreadable in &page.unreadable {
            tracing::error!(
                effect = %unreadable,
                "an effect cannot be read (damaged, or another version's): it is held, and read again every ten minutes"
            );
            let error = Undeliverable::Unreadable.to_string();
            let held = Settlement::Held { held_in: UNREADABLE.to_owned(), error, unsure: false };
            self.store.settle(unreadable, &self.worker, held, now).await?;
        }
        let claim = |queued: &Queued| Claim {
            effect: queued.id.clone(),
            revision: queued.revision,
            costs: Vec::new(),
            sent: Vec::new(),
        };
        let claims: Vec<Claim> = page.ready.iter().map(claim).collect();
        let since = real::now();
        let ours = self.store.lease(&self.worker, &claims, self.timing.lease).await?;
        for queued in page.ready.into_iter().filter(|queued| ours.contains(&queued.id)) {
            let (this, kind) = (self.clone(), queued.effect.what.label());
            let span = tracing::info_span!("effect", id = %queued.id, kind, platform = "local");
            under_way.spawn(async move { this.carry(queued, since).await }.instrument(span));
        }
        Ok(())
    }

    /// Carries out one effect and settles it.
    async fn carry(&self, queued: Queued, since: Instant) {
        let carried = AssertUnwindSafe(self.carry_out(&queued, since)).catch_unwind().await;
        let Err(error) = carried.unwrap_or_else(|_| Err(StoreError::Work("it panicked".to_owned()))) else { return };
        tracing::warn!(%error, "a local effect failed; trying again");
        let now = self.intake.clock().now();
        let at = now + signed(backoff::wait(queued.attempts + 1, real::random()));
        let retry = Settlement::Retry { at, unsure: false, counts: true, error: error.to_string() };
        // The lease of a living process is never taken over, so it is given back however long the database is away. If
        // another process took it over after all, this one does not hold it any more, and nothing is written.
        while let Err(error) = self.store.settle(&queued.id, &self.worker, retry.clone(), now).await {
            tracing::warn!(%error, "the result of a local effect cannot be stored; trying again");
            real::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn carry_out(&self, queued: &Queued, since: Instant) -> Result<(), StoreError> {
        match &queued.effect.what {
            EffectKind::Spread { view, after } => {
                self.intake.spread(&queued.effect.about, view, *after, &queued.id, &self.worker).await
            }
            EffectKind::Do(call) => self.call(queued, call, since).await,
            _ => Err(StoreError::Work("this needs a platform".to_owned())),
        }
    }

    /// Makes a call, hands in its result, and only then settles the effect. A crash between the two repeats both, and
    /// the dedupe key makes that harmless.
    async fn call(&self, queued: &Queued, call: &Call, since: Instant) -> Result<(), StoreError> {
        let clock = self.intake.clock();
        let within = Duration::from_millis(call.within_ms).min(self.timing.call_timeout);
        let waited = clock.now().duration_since(queued.created_at);
        let found = if waited > signed(within) && queued.is_unsure() {
            // The process that began the call is dead, and nobody waits for the result any more.
            Err("it was begun by a process that has ended".to_owned())
        } else {
            let called = AssertUnwindSafe(self.calls.call(call)).catch_unwind();
            match tokio::time::timeout(within.saturating_sub(since.elapsed()), called).await {
                Ok(Ok(found)) => found,
                Ok(Err(_)) => Err("it panicked".to_owned()),
                Err(_) => Err(format!("it took longer than {within:?}")),
            }
        };
        let found = found.unwrap_or_else(|why| {
            tracing::warn!(call = call.name, why, "a call failed: the desk goes on as if the call had found nothing");
            None
        });
        let (about, call) = (queued.effect.about.clone(), call.clone());
        let what = EventKind::CallEnded { about, call, found };
        self.intake.handle(Event { key: DedupeKey::effect(&queued.id), at: clock.now(), what }).await?;
        self.store.settle(&queued.id, &self.worker, Settlement::Done, clock.now()).await.map(drop)
    }
}
