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
//! nothing although something is said, is replaced (`watch`).
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
/// How long what has come may take to be handled once a stop is wanted.
const DRAIN: Duration = Duration::from_secs(10);

/// Receives until `stop`, or until going on is senseless.
pub(super) async fn run(shared: Arc<Shared>, intake: Intake, stop: CancellationToken) -> anyhow::Result<()> {
    let Some(opened) = opened(&intake, PlatformName::Discord, &stop).await else { return Ok(()) };
    // Set once: a second run would find the same.
    let _ = shared.opened_at.set(opened.at);
    let halt = stop.child_token();
    let tracker = TaskTracker::new();
    let pump = Arc::new(Pump::start(Arc::clone(&shared), intake.clone(), halt.clone(), tracker.clone()));
    let identified = Arc::new(Mutex::new(None));
    let mut shards = JoinSet::new();
    for number in 0..shared.shards {
        let keeper = Keeper {
            pump: Arc::clone(&pump),
            info: ShardInfo { id: ShardId(number), total: shared.shards },
            identified: Arc::clone(&identified),
            halt: halt.clone(),
        };
        shards.spawn(keeper.keep());
    }
    drop(pump);
    let mut result = Ok(());
    while let Some(ended) = shards.join_next().await {
        let ended = ended.unwrap_or_else(|fault| Err(anyhow!("the gateway's task failed: {fault}")));
        if ended.is_err() && result.is_ok() {
            result = ended;
        }
        halt.cancel();
    }
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

/// Keeps one shard connected.
struct Keeper {
    pump: Arc<Pump>,
    info: ShardInfo,
    /// When any shard last identified.
    identified: Arc<Mutex<Option<Instant>>>,
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
                () = self.halt.cancelled() => return Ok(()),
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
                () = self.halt.cancelled() => return Ok(()),
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
                () = self.halt.cancelled() => return Ok(()),
            }
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
            sleep(turn.lasting() / 3).await;
        }
    }

    /// Renews the hold; returns once it is lost. While the database is away nobody else can take it, and a second
    /// session would be harmless: events are handled once.
    async fn until_taken(&self) {
        let Some(turn) = self.pump.shared.turn.get() else { return std::future::pending().await };
        let number = self.info.id.0;
        loop {
            match turn.hold(&lease(number)).await {
                Ok(true) => {}
                Ok(false) => return self.note_turn(Some(false)),
                Err(error) => tracing::warn!(shard = number, %error, "the hold on Discord's gateway is not renewed"),
            }
            sleep(turn.lasting() / 3).await;
        }
    }

    /// Notes whether the shard is ours or another's; `None`: it is not known.
    fn note_turn(&self, ours: Option<bool>) {
        let mut turns = self.pump.shared.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match ours {
            Some(ours) => turns.insert(self.info.id.0, ours),
            None => turns.remove(&self.info.id.0),
        };
        if ours == Some(false) && before != ours {
            tracing::info!(shard = self.info.id.0, "standing by: another replica has this shard of Discord");
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
        let mut taken = pin!(self.until_taken());
        let mut deaf = pin!(watch::until_deaf(shared, self.info, hearing));
        let mut last_connected = Instant::now();
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                ended = &mut running => return self.ended(ended, was_connected.load(Ordering::Relaxed)),
                () = self.halt.cancelled() => {
                    messenger.send_to_shard(ShardRunnerMessage::Shutdown(self.info.id, 1000));
                    // Whether it says goodbye or not, the session ends.
                    let _ = timeout(Duration::from_secs(2), running).await;
                    return Ok(Ended::Stopped);
                }
                // Closed without a word: whoever has the shard now is served by another connection.
                () = &mut taken => return Ok(Ended::Taken),
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
