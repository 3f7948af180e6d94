//! The outbox dispatcher: takes effects that are due, keeps the platform's rate limits, delivers, stores the receipt,
//! and retries temporary failures.
//!
//! One process at a time delivers for a platform, because platforms count calls per workspace. The other processes
//! stand by. An effect is leased before it is sent. So a process that continues after a crash or a freeze knows which
//! effects may have been sent: it waits until no such call can be under way, looks for the messages, and only then
//! repeats a delivery. Each delivery is a task of its own (`carry`). The content is laid out from the record just
//! before the lease (`lay_out`), and an effect that changes in between is not leased, so the newest state is sent.

pub mod backoff;
mod breaker;
mod carry;
mod counting;
mod gates;
mod lay_out;
pub mod limits;
pub mod local;
mod places;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::breaker::{Admits, Breaker};
use self::carry::Leased;
use self::gates::Gates;
use self::lay_out::{LaidOut, Ready};
use self::limits::Windows;
use self::places::{Refusals, UNREADABLE};
use crate::clock::Clock;
use crate::clock::real;
use crate::domain::effect::{Gate, Undeliverable};
use crate::domain::ids::EffectId;
use crate::domain::limits::discord;
use crate::domain::standing::Standing;
use crate::health::{Health, Kind};
use crate::intake::Intake;
use crate::platform::{Absence, Operation, Platform};
use crate::store::{Claim, Queued, Release, Settlement, Store, StoreError, WorkerId, standing};

/// How many effects one page of a look holds. A look reads the effects that are due, page by page, and starts their
/// deliveries. A page holds as many effects as there is room for, within this range.
const LOOK: RangeInclusive<usize> = 32..=128;
/// The largest number of deliveries under way at once.
const AT_ONCE: usize = 128;
/// How often effects that could not be read are released for another try, in real time.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(600);
/// How often leases of dead processes are looked for, in real time.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before asking a database again that did not answer, in real time.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The longest window of the platforms' limits.
const LONGEST_WINDOW: Duration = Duration::from_secs(60);

/// The time limits of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a lease lasts, in real time. Longer than `call_timeout`.
    pub lease: Duration,
    /// How long one delivery may take, in real time.
    pub call_timeout: Duration,
    /// How long another process waits, after the end of a lease plus `call_timeout`, before it takes over the effect;
    /// in real time. The machines' clocks and the network are not exact.
    pub take_over_pause: Duration,
    /// How long an effect may fail on its own, while others of its kind are delivered, before it is held and the
    /// effects behind it go on; in the clock's time.
    pub retry_limit: Duration,
    /// The least time between two looks, in real time. Effects that arrive meanwhile are gathered, since each look
    /// costs several reads and a commit, whether for one effect or many. While more than half of the
    /// deliveries that are possible at once are under way, the least time is half as long.
    pub gather: Duration,
}

/// What the dispatcher knows about the platform, apart from its rate limits.
#[derive(Debug, Default)]
struct Knowledge {
    breaker: Breaker,
    refusals: Refusals,
    gates: Gates,
    /// Channels where the bot may not read the messages before a ping of staff.
    unreadable_channels: BTreeSet<String>,
}

/// Delivers the effects of one platform.
#[derive(Clone)]
pub struct Dispatcher {
    platform: Arc<dyn Platform>,
    store: Arc<dyn Store>,
    intake: Intake,
    clock: Clock,
    timing: Timing,
    worker: WorkerId,
    health: Health,
    windows: Arc<Mutex<Windows>>,
    knowledge: Arc<Mutex<Knowledge>>,
}

impl Dispatcher {
    /// Creates a dispatcher that leases as `worker` and reports problems to `health`.
    #[must_use]
    pub fn new(
        platform: Arc<dyn Platform>,
        store: Arc<dyn Store>,
        intake: Intake,
        timing: Timing,
        worker: WorkerId,
        health: Health,
    ) -> Self {
        let clock = intake.clock().clone();
        let (windows, knowledge) = (Arc::default(), Arc::default());
        Self { platform, store, intake, clock, timing, worker, health, windows, knowledge }
    }

    /// Lifts the platform's rate limits, to measure what the program itself can do.
    #[must_use]
    pub fn without_limits(self) -> Self {
        Self { windows: Arc::new(Mutex::new(Windows::lifted())), ..self }
    }

    /// Delivers until `stop`, whenever this process holds the lease of the outbox. Then finishes the deliveries under
    /// way.
    pub async fn run(mut self, stop: CancellationToken) {
        let name = format!("outbox:{}", self.platform.name());
        let mut is_unsure = false;
        while !stop.is_cancelled() {
            // If the answer to a commit was lost, effects may be leased without this process knowing. No delivery is
            // under way now. So this process goes on as a new worker, and takes those effects over like those of a dead
            // process.
            if is_unsure {
                if let Err(error) = self.store.release_lease(&name, &self.worker).await {
                    tracing::debug!(
                        platform = %self.platform.name(), %error,
                        "the lease of the outbox cannot be released; trying again"
                    );
                    pause(ASK_AGAIN_AFTER, &stop).await;
                    continue;
                }
                self.worker = WorkerId::new();
                is_unsure = false;
            }
            match self.store.take_lease(&name, &self.worker, self.timing.lease).await {
                Ok(true) => {
                    tracing::debug!(platform = %self.platform.name(), "this process now delivers for the platform");
                    if let Err(error) = self.deliver_while_held(&name, &stop).await {
                        tracing::warn!(
                            platform = %self.platform.name(), %error,
                            "the outbox cannot be read; trying again"
                        );
                        is_unsure = true;
                        pause(ASK_AGAIN_AFTER, &stop).await;
                    }
                }
                Ok(false) => pause(self.timing.lease / 5, &stop).await,
                Err(error) => {
                    tracing::warn!(
                        platform = %self.platform.name(), %error,
                        "the outbox's lease cannot be taken; trying again"
                    );
                    pause(ASK_AGAIN_AFTER, &stop).await;
                }
            }
        }
        // Spares the next process the wait until the lease ends. If this fails, that process waits.
        if let Err(error) = self.store.release_lease(&name, &self.worker).await {
            tracing::debug!(
                platform = %self.platform.name(), %error,
                "the lease of the outbox cannot be released; it ends by itself"
            );
        }
    }

    /// Delivers as long as this process holds the lease of the outbox.
    async fn deliver_while_held(&self, name: &str, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut under_way = JoinSet::new();
        let delivered = self.deliver(name, stop, &mut under_way).await;
        // Each delivery holds its own lease and ends it.
        while under_way.join_next().await.is_some() {}
        // The next process that delivers finds out itself which histories the bot may not read.
        self.knowledge().unreadable_channels.clear();
        self.health.clear(self.platform.name(), Kind::Guard);
        delivered
    }

    async fn deliver(
        &self,
        name: &str,
        stop: &CancellationToken,
        under_way: &mut JoinSet<()>,
    ) -> Result<(), StoreError> {
        let spent = self.store.spent(self.platform.name(), LONGEST_WINDOW).await?;
        self.windows().seed(&spent, self.clock.now());
        self.load_held().await?;
        let mut changed = self.store.changed();
        let mut renew = real::interval(self.timing.lease / 5);
        renew.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut take_over = real::interval(TAKE_OVER_EVERY);
        take_over.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut look_again = real::interval(LOOK_AGAIN_EVERY);
        look_again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let worker = self.clock.worker();
        loop {
            let commit = *changed.borrow_and_update();
            let looked_at = real::now();
            let wake_at = self.start_due(under_way).await?;
            worker.has_acted_on(commit);
            let sleep = async {
                match wake_at {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = changed.changed() => {}
                Some(_) = under_way.join_next() => {}
                () = sleep => {}
                _ = take_over.tick() => self.take_over().await?,
                // A process of another version, which has ended since, may have held effects that this process can
                // read.
                _ = look_again.tick() => self.release_unreadable().await?,
                _ = renew.tick() => {
                    if !self.store.take_lease(name, &self.worker, self.timing.lease).await? {
                        tracing::info!(platform = %self.platform.name(), "another process delivers now; standing by");
                        return Ok(());
                    }
                }
            }
            worker.begins();
            // New effects and ended deliveries are gathered before the next look. If the last look was longer ago than
            // that, the next one begins at once.
            if under_way.len() <= AT_ONCE / 2 {
                real::sleep_until(looked_at + self.timing.gather).await;
                while under_way.try_join_next().is_some() {}
                continue;
            }
            let gathered = real::sleep_until(looked_at + self.timing.gather / 2);
            tokio::pin!(gathered);
            while under_way.len() > AT_ONCE / 2 {
                tokio::select! {
                    () = &mut gathered => break,
                    Some(_) = under_way.join_next() => {}
                }
            }
            gathered.await;
        }
    }

    /// Plans another try of the held effects soon: an operator may have fixed the cause, or this version may be able to
    /// read them.
    async fn load_held(&self) -> Result<(), StoreError> {
        let (platform, now) = (self.platform.name(), self.clock.now());
        let held = self.store.held_in(platform).await?;
        self.knowledge().refusals.load(held.into_iter().map(|(held_in, _)| held_in), now);
        self.release_unreadable().await
    }

    /// Releases the effects that are held as unreadable, so that this process tries to read them.
    async fn release_unreadable(&self) -> Result<(), StoreError> {
        let unreadable =
            Release::In { outlet: self.platform.name().into(), held_in: UNREADABLE.to_owned(), limit: u32::MAX };
        self.store.release(unreadable, self.clock.now()).await.map(drop)
    }

    /// Releases the first held effect of each refusing place whose probe is due.
    async fn probe_places(&self, now: Timestamp) -> Result<(), StoreError> {
        let due = self.knowledge().refusals.take_due(now);
        for held_in in due {
            let one = Release::In { outlet: self.platform.name().into(), held_in: held_in.clone(), limit: 1 };
            if self.store.release(one, now).await? == 0 {
                self.knowledge().refusals.forget(&held_in);
            }
        }
        Ok(())
    }

    /// Takes over the leases of dead or frozen processes, once none of their calls can be under way any more.
    async fn take_over(&self) -> Result<(), StoreError> {
        let (platform, Timing { call_timeout, take_over_pause, .. }) = (self.platform.name(), self.timing);
        let effects =
            self.store.take_over(&self.worker, platform, call_timeout, take_over_pause, self.clock.now()).await?;
        if effects > 0 {
            tracing::info!(
                %platform, effects,
                "effects of a dead or frozen process were taken over; messages are looked for before they are sent"
            );
        }
        Ok(())
    }

    /// Starts the deliveries that may start now. Returns when to look again if nothing else happens.
    async fn start_due(&self, under_way: &mut JoinSet<()>) -> Result<Option<Timestamp>, StoreError> {
        let name = self.platform.name();
        let now = self.clock.now();
        self.probe_places(now).await?;
        let room = AT_ONCE.saturating_sub(under_way.len());
        if room == 0 {
            return Ok(None);
        }
        let admits = self.knowledge().breaker.admits(now);
        let mut wake_at = self.knowledge().refusals.next_probe();
        let ready = match admits {
            Admits::Nothing(until) => return Ok(until),
            Admits::All => self.ready(now, room, &mut wake_at).await?,
            Admits::Probe(leaving_out) => {
                let mut in_line = self.ready(now, leaving_out + 1, &mut wake_at).await?;
                let probe = in_line.pop();
                in_line.iter().for_each(|one| self.windows().undo(&one.costs, one.queued.lane));
                probe.into_iter().collect()
            }
        };
        if ready.len() < room {
            // If all the room is used, the end of a delivery triggers the next look, so no moment is needed.
            let next_due = self.store.next_due(name, now).await?;
            wake_at = wake_at.into_iter().chain(next_due).min();
        }
        if ready.is_empty() {
            return Ok(wake_at);
        }
        let since = real::now();
        let laid_out = self.lay_out(ready).await?;
        let claims: Vec<Claim> = laid_out.iter().map(LaidOut::claim).collect();
        let ours = self.store.lease(&self.worker, &claims, self.timing.lease).await;
        for one in laid_out {
            if !ours.as_ref().is_ok_and(|ours| ours.contains(&one.queued.id)) {
                self.windows().undo(&one.costs, one.queued.lane);
                continue;
            }
            let is_probe = admits != Admits::All;
            if is_probe {
                self.knowledge().breaker.begin_probe();
            }
            let (this, kind) = (self.clone(), one.queued.effect.what.label());
            let span = tracing::info_span!("effect", id = %one.queued.id, kind, platform = %name);
            let leased = Leased { laid_out: one, since, is_probe };
            // Boxed at once: the future is large and would otherwise be moved several times as a whole before it runs.
            let carried: BoxFuture<'static, ()> = Box::pin(async move { this.carry(leased).await });
            under_way.spawn(carried.instrument(span));
        }
        ours.map(|_| wake_at)
    }

    /// Returns up to `room` effects that may start. Their calls already count in the windows. Gates whose limits are
    /// used up are skipped, so the work of a look depends on how much can be sent, not on how much waits.
    async fn ready(
        &self,
        now: Timestamp,
        room: usize,
        wake_at: &mut Option<Timestamp>,
    ) -> Result<Vec<Ready>, StoreError> {
        let name = self.platform.name();
        let (mut ready, mut after) = (Vec::new(), None);
        loop {
            let (blocked, free_at) = self.blocked_gates(now);
            *wake_at = wake_at.iter().copied().chain(free_at).min();
            let look = (room - ready.len()).clamp(*LOOK.start(), *LOOK.end());
            let page = self.store.due(name, now, after, &blocked, u32::try_from(look).unwrap_or(u32::MAX)).await?;
            tracing::trace!(platform = %name, effects = page.ready.len(), "the outbox is read");
            for unreadable in &page.unreadable {
                self.set_aside(unreadable).await?;
            }
            let standing = self.standing(&page.ready).await?;
            let mut gates = Vec::new();
            for queued in page.ready {
                if ready.len() == room {
                    break;
                }
                if self.knowledge().gates.is_blocked(&queued.gate) {
                    continue;
                }
                let Some(addressed) = self.address_or_settle(&queued, &standing).await? else { continue };
                let operation = &addressed.operation;
                let refused = self.knowledge().refusals.refuses(operation, queued.released_at, now);
                if let Some(refused) = refused {
                    self.hold_unleased(&queued, &refused).await?;
                    continue;
                }
                let costs = limits::costs(name, operation, is_old(operation, now));
                let mut windows = self.windows();
                let free_at = windows.free_at(&costs, queued.lane, now);
                if free_at <= now {
                    windows.begin(&costs, queued.lane, now);
                    drop(windows);
                    ready.push(Ready { queued, addressed, costs });
                    continue;
                }
                *wake_at = Some(wake_at.map_or(free_at, |at| at.min(free_at)));
                let gate = self.knowledge().gates.block(&queued.gate, &costs, queued.lane, &mut windows, now);
                drop(windows);
                if gate != queued.gate {
                    gates.push((queued.id, gate));
                }
            }
            self.store.regate(&gates).await?;
            if !page.is_more || ready.len() == room {
                return Ok(ready);
            }
            after = page.last;
        }
    }

    /// Returns the gates whose limits are used up, and when the first of them opens again.
    fn blocked_gates(&self, now: Timestamp) -> (Vec<Gate>, Option<Timestamp>) {
        let mut windows = self.windows();
        self.knowledge().gates.blocked(&mut windows, now)
    }

    /// Returns the standing messages of the views that these effects need. A standing message that cannot be read is
    /// logged and left out.
    async fn standing(&self, of: &[Queued]) -> Result<Vec<Standing>, StoreError> {
        let needed = lay_out::needed(of);
        let mut reader = self.store.reader().await?;
        let mut standing = Vec::new();
        match standing::views(&mut *reader, &needed).await {
            Err(StoreError::Corrupt(_)) => {}
            known => return known,
        }
        for one in &needed {
            match standing::views(&mut *reader, std::slice::from_ref(one)).await {
                Err(error @ StoreError::Corrupt(_)) => {
                    tracing::error!(
                        about = %one.0, view = one.1, %error,
                        "a standing message cannot be read: it counts as not there, so a second copy may be posted"
                    );
                }
                known => standing.extend(known?),
            }
        }
        Ok(standing)
    }

    /// Holds an effect that cannot be read, for example one of another version, for a process that can read it. It
    /// blocks nothing.
    async fn set_aside(&self, effect: &EffectId) -> Result<(), StoreError> {
        tracing::error!(
            %effect, platform = %self.platform.name(),
            "an effect cannot be read (damaged, or another version's): it is held, and read again every ten minutes"
        );
        let (held_in, error) = (UNREADABLE.to_owned(), Undeliverable::Unreadable.to_string());
        let held = Settlement::Held { held_in, error, unsure: false };
        self.store.settle(effect, &self.worker, held, self.clock.now()).await.map(drop)
    }

    /// Notes that the platform itself answered, and no proxy, which closes the breaker.
    fn platform_answered(&self, now: Timestamp) {
        if let Some(since) = self.knowledge().breaker.answered() {
            let platform = self.platform.name();
            let away_s = now.duration_since(since).as_secs_f64();
            tracing::info!(%platform, away_s, "the platform takes messages again");
            self.health.clear(platform, Kind::Delivery);
            self.health.clear(platform, Kind::Token);
        }
    }

    /// Notes that a delivery, or a look-up of one, shows that the platform as a whole takes nothing.
    fn platform_failed(&self, cause: Absence, detail: &str, now: Timestamp) {
        let platform = self.platform.name();
        let mut knowledge = self.knowledge();
        if knowledge.breaker.failed(now, cause, detail, real::random()) {
            tracing::error!(
                %platform, cause = cause.name(), detail,
                "the platform takes nothing: all effects wait, and one of them is sent as a probe from time to time"
            );
        }
        let Some(open) = knowledge.breaker.open().cloned() else { return };
        knowledge.refusals.forget_failures();
        drop(knowledge);
        let (kind, other) =
            if open.cause == Absence::Token { (Kind::Token, Kind::Delivery) } else { (Kind::Delivery, Kind::Token) };
        self.health.raise(platform, kind, open.cause.told(), open.since);
        self.health.clear(platform, other);
    }

    fn knowledge(&self) -> MutexGuard<'_, Knowledge> {
        self.knowledge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pause(how_long: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = real::sleep(how_long) => {}
        () = stop.cancelled() => {}
    }
}

/// Whether the message to edit is so old that Discord's lower limit for edits applies. The message id tells its age.
fn is_old(operation: &Operation, now: Timestamp) -> bool {
    let Operation::Update { message, .. } = operation else { return false };
    message.posted_at().is_some_and(|at| now.duration_since(at) > signed(discord::EDIT_OLD_AGE))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
