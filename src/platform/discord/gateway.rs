//! Keeps the gateway connection and hands what comes to the core, in order.
//!
//! Serenity's `Client` dispatches every event in a task of its own, so that the answer in a thread can overtake the mention
//! that opened it; its `Shard` cannot be read from outside. Between the two stands `ShardRunner`, which is public: it is
//! made and run here, one for each session, with a collector added *before* it runs. A collector is called in the runner's
//! own loop, for every event, in the order of the gateway. It only sorts: each channel (a thread with the channel that it
//! hangs in) belongs to one of a few lanes, and a lane's worker handles one event after another.
//!
//! Serenity resumes sessions by itself. When it gives one up it asks its manager for a new runner, which would have no
//! collector; so the manager is an idle one, whose queue nobody serves, and the next runner is made here. What was missed
//! between two sessions is read again (`catch_up`).
//!
//! A session runs only while this process holds its shard, so that replicas share them; a session that is open, yet hears
//! nothing although something is said, is replaced (`watch`). Who is told to stop gives the shard back at once and goes on
//! listening until another replica has its own session: what nobody heard could not all be read afterwards (a first
//! direct message, a click). What both hear is handled once.
//!
//! What serenity cannot parse (a reply to another bot's message with components that it does not know) it drops, and says
//! so in a log line that holds the payload; there is no hook for it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use secrecy::ExposeSecret as _;
use serenity::cache::{Cache, Settings as CacheSettings};
use serenity::gateway::{
    CollectorCallback, ConnectionStage, GatewayError, Shard, ShardManager, ShardManagerOptions, ShardMessenger,
    ShardRunner, ShardRunnerInfo, ShardRunnerMessage, ShardRunnerOptions,
};
use serenity::http::Http;
use serenity::model::event::Event as GatewayEvent;
use serenity::model::gateway::{GatewayIntents, ShardInfo};
use serenity::model::id::ShardId;
use serenity::prelude::TypeMap;
use tokio::sync::{Mutex, RwLock, watch as signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lanes::Pump;
use super::rest::bare;
use super::{Shared, manifest, watch};
use crate::domain::ids::PlatformName;
use crate::intake::Intake;
use crate::platform::Turn;
use crate::platform::catch_up::opened;

/// The runners of one shard's manager, where the library writes their stage.
pub(super) type Runners = Arc<Mutex<HashMap<ShardId, ShardRunnerInfo>>>;

/// Said where the privileged intent is missing.
pub(super) const DEGRADED: &str = "DEGRADED: Discord does not give the bot the content of messages, so it reads only \
     mentions of it and direct messages, and misses what is said in threads. Switch on the Message Content Intent in the \
     developer portal (Bot), then start again";
/// Discord wants this much time between two IDENTIFYs.
const BETWEEN_IDENTIFIES: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A session that is not connected for so long is given up.
const STUCK_AFTER: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often in the time that a hold lasts those who stand by look whether the shard is free.
const LOOKS_IN_A_HOLD: u32 = 15;
/// How long a session that is to end waits for another replica's.
const HAND_OVER: Duration = Duration::from_secs(8);
/// How long what has come may take to be handled once a stop is wanted.
const DRAIN: Duration = Duration::from_secs(10);

/// Receives until `stop`, or until going on is senseless.
pub(super) async fn run(shared: Arc<Shared>, intake: Intake, stop: CancellationToken) -> anyhow::Result<()> {
    let Some(opened) = opened(&intake, PlatformName::Discord, &stop).await else { return Ok(()) };
    // Set once: a second run would find the same.
    let _ = shared.opened_at.set(opened.at);
    let halt = CancellationToken::new();
    let tracker = TaskTracker::new();
    let pump = Arc::new(Pump::start(Arc::clone(&shared), intake.clone(), halt.clone(), tracker.clone()));
    let identified = Arc::new(Mutex::new(None));
    let mut shards = JoinSet::new();
    for number in 0..shared.shards {
        let keeper = Keeper {
            pump: Arc::clone(&pump),
            info: ShardInfo { id: ShardId(number), total: shared.shards },
            identified: Arc::clone(&identified),
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
        tracing::warn!("events of Discord were still being handled when the time to stop was over");
    }
    for progress in shared.all_progress() {
        if let Err(error) = progress.store(&intake).await {
            tracing::warn!(%error, "how far Discord was read could not be stored; some of it is read again");
        }
    }
    // Whoever takes over begins where all that was taken in here has been stored.
    let held = std::mem::take(&mut *shared.turns.lock().unwrap_or_else(PoisonError::into_inner));
    for (number, _) in held.into_iter().filter(|(_, is_ours)| *is_ours) {
        if let Some(turn) = shared.turn.get() {
            turn.let_go(&lease(number)).await;
        }
    }
    result
}

/// Whether every shard is connected, here or by another replica.
pub(super) fn is_connected(shared: &Shared) -> bool {
    let links = shared.links.lock().unwrap_or_else(PoisonError::into_inner);
    let is_linked = |number: u32| {
        links.get(&number).is_some_and(|runners| match runners.try_lock() {
            Ok(runners) => runners.get(&ShardId(number)).is_some_and(|it| it.stage == ConnectionStage::Connected),
            // The library is writing the stage at this moment, which it does for heartbeats of a living connection.
            Err(_) => true,
        })
    };
    let turns = shared.turns.lock().unwrap_or_else(PoisonError::into_inner);
    (0..shared.shards).all(|number| turns.get(&number) == Some(&false) || is_linked(number))
}

/// Whether another replica has every shard.
pub(super) fn stands_by(shared: &Shared) -> bool {
    let turns = shared.turns.lock().unwrap_or_else(PoisonError::into_inner);
    (0..shared.shards).all(|number| turns.get(&number) == Some(&false))
}

/// The name of what a process holds while it runs a shard.
fn lease(shard: u32) -> String {
    format!("discord:shard:{shard}")
}

/// The name of what a process takes once its session of a shard is open.
fn is_open(shard: u32) -> String {
    format!("discord:shard:{shard}:open")
}

/// Keeps one shard connected.
struct Keeper {
    pump: Arc<Pump>,
    info: ShardInfo,
    /// When any shard last identified.
    identified: Arc<Mutex<Option<Instant>>>,
    /// The program is to end.
    stop: CancellationToken,
    /// Receiving ends, whoever else receives.
    halt: CancellationToken,
}

/// How a session ended.
enum Ended {
    Stopped,
    /// To be connected again; whether it had been connected.
    Lost(bool),
    /// Discord does not give the bot the content of messages.
    ContentRefused,
    /// Another replica has the shard now.
    Taken,
}

impl Keeper {
    async fn keep(self) -> anyhow::Result<()> {
        let mut wait = FIRST_WAIT;
        loop {
            tokio::select! {
                () = self.until_turn() => {}
                () = self.until_over() => return Ok(()),
            }
            let turn = async {
                let mut identified = self.identified.lock().await;
                if let Some(last) = *identified
                    && !self.pump.shared.is_elsewhere
                {
                    tokio::time::sleep_until(last + BETWEEN_IDENTIFIES).await;
                }
                *identified = Some(Instant::now());
            };
            tokio::select! {
                () = turn => {}
                () = self.until_over() => return Ok(()),
            }
            let ended = self.session().await;
            self.pump.shared.links.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.info.id.0);
            match ended? {
                Ended::Stopped => return Ok(()),
                Ended::Taken => {
                    tracing::warn!(shard = self.info.id.0, "another replica has taken this shard of Discord over");
                    wait = FIRST_WAIT;
                    continue;
                }
                Ended::Lost(true) => wait = FIRST_WAIT,
                Ended::Lost(false) => wait = (wait * 2).min(LONGEST_WAIT),
                Ended::ContentRefused => {
                    self.pump.shared.without_content.store(true, Ordering::Relaxed);
                    tracing::warn!("{DEGRADED}");
                }
            }
            tracing::warn!(shard = self.info.id.0, wait_ms = wait.as_millis(), "connecting to Discord again");
            tokio::select! {
                () = sleep(wait) => {}
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

    /// Waits until this process holds the shard.
    async fn until_turn(&self) {
        let Some(turn) = self.pump.shared.turn.get() else { return };
        let number = self.info.id.0;
        loop {
            match turn.hold(&lease(number)).await {
                Ok(true) => return self.note_turn(Some(true)),
                Ok(false) => self.note_turn(Some(false)),
                Err(error) => {
                    tracing::warn!(shard = number, %error, "whose turn it is at Discord's gateway is not known");
                    self.note_turn(None);
                }
            }
            sleep(turn.lasting() / LOOKS_IN_A_HOLD).await;
        }
    }

    /// Renews the hold; returns once the session is not needed any more: the hold is lost, or the program is to end and
    /// has handed the shard over. While the database is away nobody else can take it, and a second session would be
    /// harmless: events are handled once.
    async fn until_dispensable(&self, was_connected: &AtomicBool) -> Ended {
        let Some(turn) = self.pump.shared.turn.get() else {
            self.stop.cancelled().await;
            return Ended::Stopped;
        };
        let number = self.info.id.0;
        let mut is_announced = false;
        // A hold that was asked for is waited for: it must not be taken after it was given back.
        while !self.stop.is_cancelled() {
            match turn.hold(&lease(number)).await {
                Ok(true) => {}
                Ok(false) => {
                    self.note_turn(Some(false));
                    return Ended::Taken;
                }
                Err(error) => tracing::warn!(shard = number, %error, "the hold on Discord's gateway is not renewed"),
            }
            if !is_announced && was_connected.load(Ordering::Relaxed) {
                // Whoever had the shard before looks there, and may stand in the way for a moment.
                is_announced = turn.hold(&is_open(number)).await.unwrap_or(false);
            }
            let looks = if is_announced { 3 } else { LOOKS_IN_A_HOLD };
            tokio::select! {
                () = sleep(turn.lasting() / looks) => {}
                () = self.stop.cancelled() => {}
            }
        }
        if was_connected.load(Ordering::Relaxed) && timeout(HAND_OVER, self.hand_over(turn.as_ref())).await.is_err() {
            tracing::warn!(shard = number, "no other replica has connected to Discord in time");
        }
        Ended::Stopped
    }

    /// Gives the shard back; returns once another replica has connected, or if nobody wants the shard.
    async fn hand_over(&self, turn: &dyn Turn) {
        let number = self.info.id.0;
        let look = turn.lasting() / LOOKS_IN_A_HOLD;
        turn.let_go(&is_open(number)).await;
        turn.let_go(&lease(number)).await;
        // Whoever stands by has looked by then.
        sleep(look * 3).await;
        if !matches!(turn.hold(&lease(number)).await, Ok(false)) {
            return;
        }
        self.note_turn(Some(false));
        while let Ok(true) = turn.hold(&is_open(number)).await {
            turn.let_go(&is_open(number)).await;
            sleep(look).await;
        }
    }

    /// Notes whether the shard is ours or another's; `None`: it is not known.
    fn note_turn(&self, ours: Option<bool>) {
        let mut turns = self.pump.shared.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match ours {
            Some(ours) => turns.insert(self.info.id.0, ours),
            None => turns.remove(&self.info.id.0),
        };
        drop(turns);
        if ours == Some(false) && before != ours {
            tracing::info!(shard = self.info.id.0, "standing by: another replica has this shard of Discord");
            let shared = &self.pump.shared;
            shared.note_guilds(|membership| membership.handed_over(self.info.id.0, shared.shards));
        }
    }

    /// Runs one session, resumes included, to its end.
    async fn session(&self) -> anyhow::Result<Ended> {
        let shared = &self.pump.shared;
        let http = Arc::new(Http::new(""));
        let mut cache = CacheSettings::default();
        cache.cache_guilds = false;
        cache.cache_channels = false;
        cache.cache_users = false;
        cache.max_messages = 0;
        let cache = Arc::new(Cache::new_with_settings(cache));
        let data = Arc::new(RwLock::new(TypeMap::new()));
        let ws_url = Arc::new(Mutex::new(shared.gateway_url.clone()));
        let intents = self.intents();
        let (manager, _ended) = idle_manager(ShardManagerOptions {
            data: Arc::clone(&data),
            event_handlers: Vec::new(),
            raw_event_handlers: Vec::new(),
            shard_index: self.info.id.0,
            shard_init: 1,
            shard_total: self.info.total,
            ws_url: Arc::clone(&ws_url),
            cache: Arc::clone(&cache),
            http: Arc::clone(&http),
            intents,
            presence: None,
        })?;
        let token = bare(shared.token.expose_secret());
        let shard = match timeout(shared.timeout, Shard::new(ws_url, token, self.info, intents, None)).await {
            Ok(Ok(shard)) => shard,
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(shard = self.info.id.0, "Discord's gateway cannot be reached");
                return Ok(Ended::Lost(false));
            }
        };
        let mut runner = ShardRunner::new(ShardRunnerOptions {
            data,
            event_handlers: Vec::new(),
            raw_event_handlers: Vec::new(),
            manager: Arc::clone(&manager),
            shard,
            cache,
            http,
        });
        let messenger = ShardMessenger::new(&runner);
        let was_connected = Arc::new(AtomicBool::new(false));
        let (pump, connected) = (Arc::clone(&self.pump), Arc::clone(&was_connected));
        let (heard, hearing) = signal::channel(Instant::now());
        let number = self.info.id.0;
        messenger.add_collector(CollectorCallback(Box::new(move |event| {
            heard.send_replace(Instant::now());
            if matches!(event, GatewayEvent::Ready(_)) {
                connected.store(true, Ordering::Relaxed);
            }
            pump.take(event, number);
            true
        })));
        // A runner that gives up waits until its manager hears that it has ended; ours hears it beforehand.
        manager.shutdown_finished(self.info.id);
        let runner_tx = messenger.clone();
        let link = ShardRunnerInfo { latency: None, runner_tx, stage: ConnectionStage::Disconnected };
        manager.runners.lock().await.insert(self.info.id, link);
        let runners = Arc::clone(&manager.runners);
        shared.links.lock().unwrap_or_else(PoisonError::into_inner).insert(self.info.id.0, Arc::clone(&runners));

        let mut running = pin!(runner.run());
        let mut dispensable = pin!(self.until_dispensable(&was_connected));
        let mut deaf = pin!(watch::until_deaf(shared, self.info, hearing));
        let mut last_connected = Instant::now();
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                ended = &mut running => return self.ended(ended, was_connected.load(Ordering::Relaxed)),
                () = self.halt.cancelled() => return Ok(goodbye(&messenger, self.info, running).await),
                why = &mut dispensable => return match why {
                    Ended::Stopped => Ok(goodbye(&messenger, self.info, running).await),
                    // Closed without a word: whoever has the shard now is served by another connection.
                    why => Ok(why),
                },
                () = &mut deaf => {
                    tracing::warn!(shard = self.info.id.0, "a session of Discord's gateway is open and hears nothing");
                    return Ok(Ended::Lost(true));
                }
                _ = look.tick() => {
                    let stage = runners.lock().await.get(&self.info.id).map(|runner| runner.stage);
                    if stage == Some(ConnectionStage::Connected) {
                        last_connected = Instant::now();
                    } else if last_connected.elapsed() > STUCK_AFTER {
                        tracing::warn!(shard = self.info.id.0, "a session of Discord's gateway hangs");
                        return Ok(Ended::Lost(was_connected.load(Ordering::Relaxed)));
                    }
                }
            }
        }
    }

    fn intents(&self) -> GatewayIntents {
        let mut intents = manifest::intents();
        if self.pump.shared.without_content.load(Ordering::Relaxed) {
            intents.remove(GatewayIntents::MESSAGE_CONTENT);
        }
        intents
    }

    fn ended(&self, ended: serenity::Result<()>, was_connected: bool) -> anyhow::Result<Ended> {
        match ended {
            Err(serenity::Error::Gateway(GatewayError::InvalidAuthentication)) => {
                Err(anyhow!("Discord's gateway refuses the bot's token: make a new one and set discord.token"))
            }
            Err(serenity::Error::Gateway(GatewayError::InvalidGatewayIntents)) => {
                Err(anyhow!("Discord's gateway does not know the intents that it was asked for"))
            }
            Err(serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents)) => {
                if self.intents().contains(GatewayIntents::MESSAGE_CONTENT) {
                    Ok(Ended::ContentRefused)
                } else {
                    Err(anyhow!("Discord's gateway refuses the intents that the bot asks for"))
                }
            }
            Ok(()) | Err(_) => Ok(Ended::Lost(was_connected)),
        }
    }
}

/// Ends a session, whether the other side says goodbye or not.
async fn goodbye(messenger: &ShardMessenger, shard: ShardInfo, running: impl Future) -> Ended {
    messenger.send_to_shard(ShardRunnerMessage::Shutdown(shard.id, 1000));
    let _ = timeout(Duration::from_secs(2), running).await;
    Ended::Stopped
}

/// A manager whose queue nobody serves, since it was made in a runtime that is gone; and what it would tell a client,
/// which the library expects somebody to hold.
fn idle_manager(options: ShardManagerOptions) -> anyhow::Result<(Arc<ShardManager>, impl Sized + Send)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("no runtime can be made")?;
    let made = {
        let _inside = runtime.enter();
        ShardManager::new(options)
    };
    runtime.shutdown_background();
    Ok(made)
}
