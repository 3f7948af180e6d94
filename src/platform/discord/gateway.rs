//! Keeps the gateway's sessions open and passes their events on to the lanes, in order.
//!
//! A connection (`link`) passes on each dispatch (one event of Discord) without interpreting it. `pump` sorts the
//! dispatches: each channel, together with its threads, belongs to one of a few lanes, and the worker of a lane handles
//! one event after another (`lanes`).
//!
//! When a connection ends, another one resumes the session where it stopped, at the address that Discord named for
//! this. If Discord does not resume the session, a new one begins, and the events between the two are read afterwards
//! (`catch_up`). The wait before the next connection grows while sessions end soon, and the number of sessions that
//! Discord allows per day is respected (`budget`). Dispatches are numbered: if a number is missing, the session is
//! resumed from there.
//!
//! A session runs only while this process holds the lease of its shard, so replicas share the shards. A session that is
//! open but receives nothing although there is something to receive is replaced (`watch`). A process that is told to
//! stop gives the shard back at once, but goes on listening until another replica has its own session, because not all
//! missed events could be read afterwards (a first direct message, a click). Events that both receive are handled once.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use secrecy::ExposeSecret as _;
use serenity::model::gateway::{GatewayIntents, ShardInfo};
use serenity::model::id::ShardId;
use tokio::sync::{Notify, watch as signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::budget::{Budget, FIRST_WAIT, Patience};
use super::lanes::Pump;
use super::link::{CloseReason, Identity, Link, Received, Session, refused};
use super::rest::bare;
use super::{Shared, check_gateway, manifest, watch};
use crate::clock::real;
use crate::domain::ids::PlatformName;
use crate::intake::Intake;
use crate::metrics::{self, Gap};
use crate::platform::Leases;
use crate::platform::catch_up::opened;

/// The log message if the bot lacks the message content intent.
pub(super) const DEGRADED: &str = "DEGRADED: Discord does not give the bot the content of messages, so it reads only \
     mentions of it and direct messages, and misses what is said in threads. Switch on the Message Content Intent in the \
     developer portal (Bot), then start again";
/// How long a connection may take until READY or RESUMED arrives, before it is replaced.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// The interval of the checks of a connection.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long after READY the data of a guild that it names may take to arrive.
const GUILDS_WITHIN: Duration = Duration::from_secs(10);
/// How often in a row a session may be resumed without receiving anything, before it is given up.
const RESUMED_IN_VAIN: u32 = 3;
/// Gaps within this time count as one fault: a remedy that did not help before is not tried again.
const SAME_FAULT: Duration = Duration::from_secs(600);
/// How often per lease time a process on standby checks whether the shard is free.
const CHECKS_PER_LEASE: u32 = 15;
/// How long an ending session waits for another replica's session.
const HAND_OVER: Duration = Duration::from_secs(8);
/// How long received events may take to be handled after a stop was requested.
const DRAIN: Duration = Duration::from_secs(10);

/// Receives events until `stop`. Fails if continuing is pointless.
pub(super) async fn run(shared: Arc<Shared>, intake: Intake, stop: CancellationToken) -> anyhow::Result<()> {
    let Some(opened) = opened(&intake, PlatformName::Discord, &stop).await else { return Ok(()) };
    // Set only once: a second run would find the same value.
    let _ = shared.opened_at.set(opened.at);
    let halt = CancellationToken::new();
    let tracker = TaskTracker::new();
    let pump = Arc::new(Pump::start(Arc::clone(&shared), intake.clone(), halt.clone(), tracker.clone()));
    let budget = Arc::new(Budget::new(Arc::clone(&shared)));
    let mut shards = JoinSet::new();
    for number in 0..shared.shards {
        let keeper = Keeper {
            pump: Arc::clone(&pump),
            info: ShardInfo { id: ShardId(number), total: shared.shards },
            budget: Arc::clone(&budget),
            stop: stop.clone(),
            halt: halt.clone(),
        };
        shards.spawn(keeper.keep());
    }
    drop(pump);
    let mut result = Ok(());
    while let Some(ended) = shards.join_next().await {
        let ended = ended.unwrap_or_else(|fault| Err(anyhow!("the gateway's task failed: {fault}")));
        if ended.is_err() {
            halt.cancel();
            result = result.and(ended);
        }
    }
    halt.cancel();
    shared.links.lock().unwrap_or_else(PoisonError::into_inner).clear();
    tracker.close();
    if timeout(DRAIN, tracker.wait()).await.is_err() {
        tracing::warn!("stopped before all events of Discord were handled; their messages are read at the next start");
    }
    for progress in shared.all_positions() {
        if let Err(error) = progress.store(&intake).await {
            tracing::warn!(%error, "positions could not be stored; more messages are read again at the next start");
        }
    }
    // The shards are given back only after the positions are stored, so that a successor reads these positions.
    let held = std::mem::take(&mut *shared.shards_held.lock().unwrap_or_else(PoisonError::into_inner));
    for (number, _) in held.into_iter().filter(|(_, is_ours)| *is_ours) {
        if let Some(leases) = shared.leases.get() {
            leases.release_lease(&shard_lease_name(number)).await;
        }
    }
    result
}

/// Whether every shard is connected, here or by another replica.
pub(super) fn is_connected(shared: &Shared) -> bool {
    let linked = shared.links.lock().unwrap_or_else(PoisonError::into_inner);
    let shards_held = shared.shards_held.lock().unwrap_or_else(PoisonError::into_inner);
    (0..shared.shards).all(|number| shards_held.get(&number) == Some(&false) || linked.contains(&number))
}

/// Whether other replicas hold all shards.
pub(super) fn stands_by(shared: &Shared) -> bool {
    let shards_held = shared.shards_held.lock().unwrap_or_else(PoisonError::into_inner);
    (0..shared.shards).all(|number| shards_held.get(&number) == Some(&false))
}

/// Returns the name of the lease that a process holds while it runs a shard.
fn shard_lease_name(shard: u32) -> String {
    format!("discord:shard:{shard}")
}

/// Returns the name of the lease that a process takes once its session of a shard is open.
fn open_lease_name(shard: u32) -> String {
    format!("discord:shard:{shard}:open")
}

/// Keeps one shard connected.
struct Keeper {
    pump: Arc<Pump>,
    info: ShardInfo,
    budget: Arc<Budget>,
    /// Cancelled when the program is to stop.
    stop: CancellationToken,
    /// Cancelled when receiving must end, even without a successor.
    halt: CancellationToken,
}

/// How a connection ended.
enum ConnectionOutcome {
    Stopped,
    /// The connection is lost and another one must follow. Contains how long its session was open, if it was.
    Lost(Option<Duration>),
    /// Discord did not resume the session: a new one must be begun.
    Forgotten,
    /// Discord refuses the members intent.
    MembersRefused,
    /// Discord refuses the message content intent.
    ContentRefused,
    /// Another replica holds the shard now.
    Taken,
}

/// The state of a shard and its connection. The session, `in_vain` and `gap` are kept for the next connection.
#[derive(Default)]
struct ShardState {
    session: Option<Session>,
    /// When READY or RESUMED arrived on the connection.
    connected_at: Option<Instant>,
    /// Whether missing guilds of the shard have been asked for.
    has_asked: bool,
    /// How often in a row the session was resumed without receiving anything.
    in_vain: u32,
    /// When a number was last missing, and how often within [`SAME_FAULT`] of each other.
    gap: Option<(Instant, u32)>,
    /// Whether further events of the connection are ignored, because Discord will send them again.
    is_over: bool,
}

impl ShardState {
    /// Returns whether a dispatch with this number is to be handled. It is not if a number before it is missing. Then
    /// the session is resumed; if that did not help, a new session is begun; if that did not help either, the gap is
    /// accepted and the dispatch is handled.
    fn follows(&mut self, seq: Option<u64>, shard: u32) -> bool {
        let (Some(session), Some(seq)) = (&mut self.session, seq) else { return true };
        let (missing, last) = (seq.saturating_sub(session.seq + 1), session.seq);
        if missing == 0 {
            session.seq = last.max(seq);
            return true;
        }
        metrics::gap(Gap::Numbers);
        let before = self.gap.filter(|(at, _)| at.elapsed() < SAME_FAULT).map_or(0, |(_, times)| times);
        self.gap = Some((real::now(), before + 1));
        tracing::warn!(
            shard,
            missing,
            after = last,
            tried = before,
            "events of Discord are missing: the session is resumed, then replaced; after that the events are given up"
        );
        match before {
            0 => {}
            1 => self.session = None,
            _ => {
                session.seq = seq;
                return true;
            }
        }
        self.is_over = true;
        false
    }
}

impl Keeper {
    async fn keep(self) -> anyhow::Result<()> {
        let mut patience = Patience::default();
        let state = Mutex::new(ShardState::default());
        loop {
            tokio::select! {
                () = self.until_leased() => {}
                () = self.until_over() => return Ok(()),
            }
            if lock(&state).session.is_none() {
                tokio::select! {
                    () = self.budget.turn() => {}
                    () = self.until_over() => return Ok(()),
                }
            }
            let outcome = self.connection(&state).await;
            self.pump.shared.links.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.info.id.0);
            let wait = match outcome? {
                ConnectionOutcome::Stopped => return Ok(()),
                ConnectionOutcome::Taken => {
                    tracing::warn!(
                        shard = self.info.id.0,
                        "another replica has taken over this shard of Discord; this process stands by"
                    );
                    // The other replica receives the events from now on, so this session is never resumed.
                    *lock(&state) = ShardState::default();
                    patience = Patience::default();
                    continue;
                }
                ConnectionOutcome::Lost(held) => patience.after(held),
                ConnectionOutcome::Forgotten => FIRST_WAIT,
                ConnectionOutcome::MembersRefused => {
                    self.pump.shared.hears_members.store(false, Ordering::Relaxed);
                    tracing::warn!("Discord refuses the members intent: roles are looked up when they are needed");
                    patience.after(None)
                }
                ConnectionOutcome::ContentRefused => {
                    self.pump.shared.without_content.store(true, Ordering::Relaxed);
                    tracing::warn!("{DEGRADED}");
                    patience.after(None)
                }
            };
            tracing::warn!(shard = self.info.id.0, wait_ms = wait.as_millis(), "connecting to Discord again");
            tokio::select! {
                () = real::sleep(wait) => {}
                () = self.until_over() => return Ok(()),
            }
        }
    }

    async fn until_over(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.halt.cancelled() => {}
        }
    }

    /// Waits until this process holds the lease of the shard.
    async fn until_leased(&self) {
        let Some(leases) = self.pump.shared.leases.get() else { return };
        let number = self.info.id.0;
        loop {
            match leases.take_lease(&shard_lease_name(number)).await {
                Ok(true) => return self.note_holder(Some(true)),
                Ok(false) => self.note_holder(Some(false)),
                Err(error) => {
                    tracing::warn!(
                        shard = number, %error,
                        "the lease of a shard of Discord cannot be taken; trying again"
                    );
                    self.note_holder(None);
                }
            }
            real::sleep(leases.lease_duration() / CHECKS_PER_LEASE).await;
        }
    }

    /// Renews the lease of the shard until the session is not needed any more: the lease is lost, or the program stops
    /// and has handed the shard over. If the database is away, the session goes on: no other process can take the lease
    /// then, and a second session would be harmless, since each event is handled once.
    async fn until_dispensable(&self, was_connected: &AtomicBool) -> ConnectionOutcome {
        let Some(leases) = self.pump.shared.leases.get() else {
            self.stop.cancelled().await;
            return ConnectionOutcome::Stopped;
        };
        let number = self.info.id.0;
        let mut is_announced = false;
        // A stop does not cancel a running call that takes the lease: a cancelled call could still take it after
        // `hand_over` has released it.
        while !self.stop.is_cancelled() {
            match leases.take_lease(&shard_lease_name(number)).await {
                Ok(true) => {}
                Ok(false) => {
                    self.note_holder(Some(false));
                    return ConnectionOutcome::Taken;
                }
                Err(error) => {
                    tracing::warn!(
                        shard = number, %error,
                        "the lease of a shard of Discord was not renewed; its session goes on"
                    )
                }
            }
            if !is_announced && was_connected.load(Ordering::Relaxed) {
                // A try may fail: the previous holder takes this lease for a moment to check it (`hand_over`).
                is_announced = leases.take_lease(&open_lease_name(number)).await.unwrap_or(false);
            }
            let checks = if is_announced { 3 } else { CHECKS_PER_LEASE };
            tokio::select! {
                () = real::sleep(leases.lease_duration() / checks) => {}
                () = self.stop.cancelled() => {}
            }
        }
        if was_connected.load(Ordering::Relaxed) && timeout(HAND_OVER, self.hand_over(leases.as_ref())).await.is_err() {
            tracing::warn!(
                shard = number,
                "no other replica has connected to Discord in time; this process stops all the same"
            );
        }
        ConnectionOutcome::Stopped
    }

    /// Gives the shard back. Returns once another replica has connected, or if no replica wants the shard.
    async fn hand_over(&self, leases: &dyn Leases) {
        let number = self.info.id.0;
        let interval = leases.lease_duration() / CHECKS_PER_LEASE;
        leases.release_lease(&open_lease_name(number)).await;
        leases.release_lease(&shard_lease_name(number)).await;
        // By then, every process on standby has tried to take the lease.
        real::sleep(interval * 3).await;
        if !matches!(leases.take_lease(&shard_lease_name(number)).await, Ok(false)) {
            return;
        }
        self.note_holder(Some(false));
        while let Ok(true) = leases.take_lease(&open_lease_name(number)).await {
            leases.release_lease(&open_lease_name(number)).await;
            real::sleep(interval).await;
        }
    }

    /// Notes whether this process or another one holds the shard; `None` if that is unknown.
    fn note_holder(&self, ours: Option<bool>) {
        let mut shards_held = self.pump.shared.shards_held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match ours {
            Some(ours) => shards_held.insert(self.info.id.0, ours),
            None => shards_held.remove(&self.info.id.0),
        };
        drop(shards_held);
        if ours == Some(false) && before != ours {
            tracing::info!(shard = self.info.id.0, "on standby: another replica holds this shard of Discord");
            let shared = &self.pump.shared;
            shared.note_guilds(|membership| membership.handed_over(self.info.id.0, shared.shards));
        }
    }

    /// Runs one connection to its end.
    async fn connection(&self, state: &Mutex<ShardState>) -> anyhow::Result<ConnectionOutcome> {
        let (shared, number) = (&self.pump.shared, self.info.id.0);
        let identity = Identity {
            token: bare(shared.token.expose_secret()),
            intents: self.intents(),
            shard: number,
            shards: self.info.total,
        };
        let resumed = {
            let mut state = lock(state);
            *state = ShardState {
                session: state.session.take(),
                in_vain: state.in_vain,
                gap: state.gap,
                ..ShardState::default()
            };
            state.session.clone()
        };
        let address = resumed.as_ref().and_then(|session| session.url.clone());
        let address = address.unwrap_or_else(|| shared.gateway_url.clone());
        let Some(mut link) = Link::open(&address, &identity, resumed.as_ref(), shared.timeout).await else {
            tracing::warn!(shard = number, "Discord's gateway cannot be reached; trying again");
            if let Some(session) = &mut lock(state).session {
                // The next try resumes the session at the general address of the gateway.
                session.url = None;
            }
            return Ok(ConnectionOutcome::Lost(None));
        };
        let was_connected = AtomicBool::new(false);
        let (heard, hearing) = signal::channel(real::now());
        let is_over = Notify::new();
        let reason = {
            let mut listening = pin!(link.listen(|what| {
                heard.send_replace(real::now());
                self.take_received(&what, &mut lock(state), &was_connected);
                if lock(state).is_over {
                    is_over.notify_one();
                }
            }));
            let mut dispensable = pin!(self.until_dispensable(&was_connected));
            let mut deaf = pin!(watch::until_deaf(shared, self.info, hearing));
            let began = real::now();
            let mut look = real::interval(LOOK_EVERY);
            loop {
                tokio::select! {
                    closed = &mut listening => break StopReason::Closed(closed),
                    () = self.halt.cancelled() => break StopReason::Stop,
                    () = is_over.notified() => break StopReason::Again,
                    why = &mut dispensable => {
                        let is_stop = matches!(why, ConnectionOutcome::Stopped);
                        break if is_stop { StopReason::Stop } else { StopReason::Taken };
                    }
                    () = &mut deaf => {
                        tracing::warn!(
                            shard = number,
                            "a session of Discord's gateway is open and receives no events; it is replaced"
                        );
                        lock(state).session = None;
                        break StopReason::Again;
                    }
                    _ = look.tick() => {
                        let connected_at = lock(state).connected_at;
                        if connected_at.is_none() && began.elapsed() > STUCK_AFTER {
                            tracing::warn!(
                                shard = number,
                                "a session of Discord's gateway has not opened in time; it is replaced"
                            );
                            break StopReason::Again;
                        }
                        let is_time = connected_at.is_some_and(|at| at.elapsed() > GUILDS_WITHIN);
                        if is_time && !std::mem::replace(&mut lock(state).has_asked, true) {
                            self.pump.ask_for_missing(number);
                        }
                    }
                }
            }
        };
        let held = {
            let mut state = lock(state);
            if resumed.is_some() && state.session == resumed {
                state.in_vain += 1;
            }
            // The session's next event may be the cause that breaks each connection, so the session is given up.
            if state.in_vain >= RESUMED_IN_VAIN {
                (state.session, state.in_vain) = (None, 0);
            }
            state.connected_at.map(|at| at.elapsed())
        };
        match reason {
            StopReason::Stop => {
                link.say_goodbye().await;
                Ok(ConnectionOutcome::Stopped)
            }
            // No goodbye is needed: the shard's new holder has a session of its own.
            StopReason::Taken => Ok(ConnectionOutcome::Taken),
            StopReason::Again => {
                link.break_off().await;
                Ok(ConnectionOutcome::Lost(held))
            }
            StopReason::Closed(why) => {
                if why.is_for_good() {
                    lock(state).session = None;
                    if resumed.is_some() && held.is_none() {
                        return Ok(ConnectionOutcome::Forgotten);
                    }
                }
                self.outcome_of(why, held)
            }
        }
    }

    /// Handles one frame that a connection passes on.
    fn take_received(&self, what: &Received, state: &mut ShardState, was_connected: &AtomicBool) {
        let (shared, number) = (&self.pump.shared, self.info.id.0);
        if state.is_over {
            return;
        }
        if let Received::Dispatch(dispatch) = what {
            match dispatch.name.as_str() {
                "READY" => {
                    let url = dispatch.data["resume_gateway_url"].as_str();
                    let url = url.filter(|url| check_gateway(url, shared.api_url.as_ref()).is_ok());
                    state.session = dispatch.data["session_id"].as_str().map(|id| Session {
                        id: id.to_owned(),
                        url: url.map(str::to_owned),
                        seq: dispatch.seq.unwrap_or_default(),
                    });
                    state.in_vain = 0;
                }
                _ if !state.follows(dispatch.seq, number) => return,
                _ => {}
            }
            if matches!(dispatch.name.as_str(), "READY" | "RESUMED") {
                was_connected.store(true, Ordering::Relaxed);
                state.connected_at = Some(real::now());
                shared.links.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
            }
        }
        self.pump.take(what, number);
    }

    fn intents(&self) -> GatewayIntents {
        let mut intents = manifest::intents();
        // This privileged intent is requested only if it was granted. Without it, roles are looked up when needed.
        intents.set(GatewayIntents::GUILD_MEMBERS, self.pump.shared.hears_members.load(Ordering::Relaxed));
        if self.pump.shared.without_content.load(Ordering::Relaxed) {
            intents.remove(GatewayIntents::MESSAGE_CONTENT);
        }
        intents
    }

    fn outcome_of(&self, why: CloseReason, held: Option<Duration>) -> anyhow::Result<ConnectionOutcome> {
        let CloseReason::Closed(Some(code)) = why else { return Ok(ConnectionOutcome::Lost(held)) };
        match code {
            refused::TOKEN => {
                Err(anyhow!("Discord's gateway refuses the bot's token: make a new one and set discord.token"))
            }
            refused::INTENTS_UNKNOWN => {
                Err(anyhow!("Discord's gateway does not know the intents that it was asked for"))
            }
            refused::INTENTS_NOT_GRANTED if self.intents().contains(GatewayIntents::GUILD_MEMBERS) => {
                Ok(ConnectionOutcome::MembersRefused)
            }
            refused::INTENTS_NOT_GRANTED if self.intents().contains(GatewayIntents::MESSAGE_CONTENT) => {
                Ok(ConnectionOutcome::ContentRefused)
            }
            refused::INTENTS_NOT_GRANTED => Err(anyhow!("Discord's gateway refuses the intents that the bot asks for")),
            refused::SHARD | refused::TOO_FEW_SHARDS => {
                Err(anyhow!("Discord's gateway wants another number of shards ({code}): the bot connects again"))
            }
            refused::VERSION => Err(anyhow!("Discord's gateway has left version 10 ({code}): update Deskbell")),
            code => {
                let shard = self.info.id.0;
                tracing::info!(shard, code, "Discord's gateway has closed the connection; it is opened again");
                Ok(ConnectionOutcome::Lost(held))
            }
        }
    }
}

/// Why listening to a connection has ended.
enum StopReason {
    /// The connection ended by itself.
    Closed(CloseReason),
    /// The connection must be replaced.
    Again,
    Stop,
    /// Another replica holds the shard now.
    Taken,
}

fn lock(state: &Mutex<ShardState>) -> MutexGuard<'_, ShardState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(seq: u64) -> ShardState {
        ShardState { session: Some(Session { id: "s".to_owned(), url: None, seq }), ..ShardState::default() }
    }

    #[test]
    fn a_number_that_is_missing_is_asked_for_then_begun_anew_then_borne() {
        let mut state = state(5);
        assert!(state.follows(Some(6), 0) && state.follows(None, 0));
        assert!(state.follows(Some(4), 0), "a repeated dispatch is handled");
        assert!(!state.follows(Some(8), 0));
        assert_eq!(state.session.as_ref().map(|session| session.seq), Some(6), "resumed from the last dispatch");
        state.is_over = false;
        assert!(!state.follows(Some(8), 0));
        assert_eq!(state.session, None, "a new session is begun");
        state.session = Some(Session { id: "t".to_owned(), url: None, seq: 1 });
        state.is_over = false;
        assert!(state.follows(Some(3), 0) && state.follows(Some(4), 0), "the gap is accepted");
        assert_eq!(state.gap.map(|(_, times)| times), Some(3));
    }
}
