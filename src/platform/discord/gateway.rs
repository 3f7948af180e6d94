//! Keeps the gateway connection and hands what comes to the core, in order.
//!
//! Serenity's `Client` dispatches every event in a task of its own, so that the answer in a thread can overtake the mention
//! that opened it; its `Shard` cannot be read from outside. Between the two stands `ShardRunner`, which is public: it is
//! made and run here, one for each session, with a collector added *before* it runs. A collector is called in the runner's
//! own loop, for every event, in the order of the gateway. It only sorts: each channel (a thread with the channel that it
//! hangs in) belongs to one of a few lanes, and a lane's worker handles one event after another.
//!
//! Serenity resumes sessions by itself. When it gives one up it asks its manager for a new runner, which would have no
//! collector; so the manager is an idle one, whose queue nobody serves, and the next runner is made here. A new session
//! tells each channel's newest message, so that what was missed between the sessions is read before what comes after.
//!
//! Discord's gateway has no acknowledgement: while the database is away, events wait in their lanes.
//!
//! What serenity cannot parse (a reply to another bot's message with components that it does not know) it drops, and says
//! so in a log line that holds the payload; there is no hook for it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use serenity::cache::{Cache, Settings as CacheSettings};
use serenity::gateway::{
    CollectorCallback, ConnectionStage, GatewayError, Shard, ShardManager, ShardManagerOptions, ShardMessenger,
    ShardRunner, ShardRunnerInfo, ShardRunnerMessage, ShardRunnerOptions,
};
use serenity::http::{Http, LightMethod, Route};
use serenity::model::channel::Message;
use serenity::model::event::{Event as GatewayEvent, MessageUpdateEvent};
use serenity::model::gateway::{GatewayIntents, ShardInfo};
use serenity::model::id::{ChannelId, GuildId, MessageId, ShardId};
use serenity::prelude::TypeMap;
use tokio::sync::{Mutex, RwLock, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::directory::Gap;
use super::inbound::{self, lenient};
use super::rest::{RestError, bare};
use super::{Shared, interact, manifest};
use crate::domain::event::Event;
use crate::domain::ids::Place;
use crate::intake::Intake;

/// The runners of one shard's manager, where the library writes their stage.
pub(super) type Runners = Arc<Mutex<HashMap<ShardId, ShardRunnerInfo>>>;

/// Said where the privileged intent is missing.
pub(super) const DEGRADED: &str = "DEGRADED: Discord does not give the bot the content of messages, so it reads only \
     mentions of it and direct messages, and misses what is said in threads. Switch on the Message Content Intent in the \
     developer portal (Bot), then start again";
/// Queues of events; a channel always has the same one.
const LANES: usize = 16;
/// Discord wants this much time between two IDENTIFYs.
const BETWEEN_IDENTIFIES: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A session that is not connected for so long is given up.
const STUCK_AFTER: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long an event waits before it is tried again, at first and at most.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);
/// How long what has come may take to be handled once a stop is wanted.
const DRAIN: Duration = Duration::from_secs(10);
const PAGE: usize = 100;

/// Receives until `stop`, or until going on is senseless.
pub(super) async fn run(shared: Arc<Shared>, intake: Intake, stop: CancellationToken) -> anyhow::Result<()> {
    let halt = stop.child_token();
    let tracker = TaskTracker::new();
    let pump = Arc::new(Pump::start(Arc::clone(&shared), intake, halt.clone(), tracker.clone()));
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
    result
}

/// Whether every shard is connected.
pub(super) fn is_connected(shared: &Shared) -> bool {
    let links = shared.links.lock().unwrap_or_else(PoisonError::into_inner);
    (0..shared.shards).all(|number| {
        links.get(&number).is_some_and(|runners| match runners.try_lock() {
            Ok(runners) => runners.get(&ShardId(number)).is_some_and(|it| it.stage == ConnectionStage::Connected),
            // The library is writing the stage at this moment, which it does for heartbeats of a living connection.
            Err(_) => true,
        })
    })
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
}

impl Keeper {
    async fn keep(self) -> anyhow::Result<()> {
        let mut wait = FIRST_WAIT;
        loop {
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
            match self.session().await? {
                Ended::Stopped => return Ok(()),
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
        messenger.add_collector(CollectorCallback(Box::new(move |event| {
            if matches!(event, GatewayEvent::Ready(_)) {
                connected.store(true, Ordering::Relaxed);
            }
            pump.take(event);
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

/// Sorts events into lanes and handles them.
struct Pump {
    shared: Arc<Shared>,
    intake: Intake,
    lanes: Vec<mpsc::UnboundedSender<Waiting>>,
    tracker: TaskTracker,
}

/// What waits in a lane, and whether it is the end of an event.
struct Waiting {
    item: Item,
    ends_event: bool,
}

enum Item {
    Posted(Box<Message>),
    Edited(Box<MessageUpdateEvent>),
    Deleted(Option<GuildId>, ChannelId, Vec<MessageId>),
    Missed(Gap),
}

impl Pump {
    fn start(shared: Arc<Shared>, intake: Intake, halt: CancellationToken, tracker: TaskTracker) -> Self {
        let lanes = (0..LANES).map(|_| {
            let (sender, lane) = mpsc::unbounded_channel();
            let worker = Worker { shared: Arc::clone(&shared), intake: intake.clone(), halt: halt.clone() };
            tracker.spawn(worker.work(lane));
            sender
        });
        let lanes = lanes.collect();
        Self { shared, intake, lanes, tracker }
    }

    /// Called by the library for each event, in order; must not take long.
    fn take(&self, event: &GatewayEvent) {
        if self.sort(event) {
            self.shared.count_received();
        }
    }

    /// Sees to an event, now or by a lane or task; whether everything that follows from it is done.
    fn sort(&self, event: &GatewayEvent) -> bool {
        let directory = &self.shared.directory;
        match event {
            GatewayEvent::Ready(_) => {
                tracing::info!("connected to Discord");
                for gap in directory.directs() {
                    self.put(gap.channel, Item::Missed(gap), false);
                }
            }
            GatewayEvent::Resumed(_) => tracing::info!("connected to Discord again, nothing was missed"),
            GatewayEvent::GuildCreate(event) if self.shared.serves(Some(event.guild.id)) => {
                for gap in directory.take_guild(&event.guild) {
                    self.put(gap.channel, Item::Missed(gap), false);
                }
                self.register_commands(event.guild.id);
                return false;
            }
            GatewayEvent::MessageCreate(event) if self.shared.serves(event.message.guild_id) => {
                let message = &event.message;
                directory.saw(message.channel_id, message.guild_id, message.id);
                self.put(message.channel_id, Item::Posted(Box::new(message.clone())), true);
                return false;
            }
            GatewayEvent::MessageUpdate(event)
                if event.edited_timestamp.is_some()
                    && event.content.is_some()
                    && self.shared.serves(event.guild_id) =>
            {
                self.put(event.channel_id, Item::Edited(Box::new(event.clone())), true);
                return false;
            }
            GatewayEvent::MessageDelete(event) if self.shared.serves(event.guild_id) => {
                let item = Item::Deleted(event.guild_id, event.channel_id, vec![event.message_id]);
                self.put(event.channel_id, item, true);
                return false;
            }
            GatewayEvent::MessageDeleteBulk(event) if self.shared.serves(event.guild_id) => {
                let item = Item::Deleted(event.guild_id, event.channel_id, event.ids.clone());
                self.put(event.channel_id, item, true);
                return false;
            }
            GatewayEvent::InteractionCreate(event) => {
                let (shared, intake) = (Arc::clone(&self.shared), self.intake.clone());
                let interaction = event.interaction.clone();
                self.tracker.spawn(async move {
                    interact::take(&shared, &intake, interaction).await;
                    shared.count_received();
                });
                return false;
            }
            _ => directory.take(event),
        }
        true
    }

    fn put(&self, channel: ChannelId, item: Item, ends_event: bool) {
        let mut hasher = DefaultHasher::new();
        self.shared.directory.lane(channel).hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0);
        if self.lanes[lane].send(Waiting { item, ends_event }).is_err() {
            tracing::error!("an event of Discord came after the end");
        }
    }

    fn register_commands(&self, guild: GuildId) {
        let shared = Arc::clone(&self.shared);
        self.tracker.spawn(async move {
            let route = Route::GuildCommands { application_id: shared.application, guild_id: guild };
            let commands = manifest::commands();
            if let Err(error) = shared.rest.call_patiently(LightMethod::Put, route, &[], Some(&commands)).await {
                tracing::warn!(%guild, %error, "the /desk command could not be registered");
            }
            shared.count_received();
        });
    }
}

/// Handles what waits in one lane, one after another.
struct Worker {
    shared: Arc<Shared>,
    intake: Intake,
    halt: CancellationToken,
}

impl Worker {
    async fn work(self, mut lane: mpsc::UnboundedReceiver<Waiting>) {
        while let Some(Waiting { item, ends_event }) = lane.recv().await {
            match item {
                Item::Posted(message) => self.posted(&message).await,
                Item::Edited(update) => self.edited(*update).await,
                Item::Deleted(guild, channel, messages) => {
                    if let Some(place) = self.place(guild, channel).await {
                        for message in messages {
                            let now = self.shared.clock.now();
                            self.handle(inbound::deleted(&place, channel, message, now)).await;
                        }
                    }
                }
                Item::Missed(gap) => self.catch_up(gap).await,
            }
            if ends_event {
                self.shared.count_received();
            }
        }
    }

    async fn posted(&self, message: &Message) {
        if message.author.id == self.shared.me {
            return;
        }
        let Some(place) = self.place(message.guild_id, message.channel_id).await else { return };
        if let Some(event) = self.shared.reader().posted(message, place) {
            self.handle(event).await;
        }
    }

    async fn edited(&self, update: MessageUpdateEvent) {
        let (guild, channel, id) = (update.guild_id, update.channel_id, update.id);
        let message = if update.author.is_some() {
            Some(inbound::whole(update))
        } else {
            let route = Route::ChannelMessage { channel_id: channel, message_id: id };
            self.ask(route, &[]).await.and_then(|message| lenient(message, guild))
        };
        let Some(message) = message.filter(|message| message.author.id != self.shared.me) else { return };
        let Some(place) = self.place(guild, channel).await else { return };
        if let Some(event) = self.shared.reader().edited(&message, place) {
            self.handle(event).await;
        }
    }

    /// Reads what was posted in a channel between two sessions.
    async fn catch_up(&self, gap: Gap) {
        let mut after = gap.after.get();
        loop {
            let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
            let Some(page) = self.ask(Route::ChannelMessages { channel_id: gap.channel }, &query).await else { return };
            let Value::Array(mut page) = page else { return };
            let is_full = page.len() >= PAGE;
            page.sort_by_key(|message| message["id"].as_str().and_then(|id| id.parse::<u64>().ok()));
            for message in page {
                after = message["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(after).max(after);
                match lenient(message, gap.guild) {
                    Some(message) => {
                        self.shared.directory.saw(gap.channel, gap.guild, message.id);
                        self.posted(&message).await;
                    }
                    None => self.shared.count_unreadable("a message that was missed"),
                }
            }
            if !is_full {
                return;
            }
        }
    }

    /// Where a channel is; asks Discord if the gateway has not told. `None`: it is gone, or not to be seen.
    async fn place(&self, guild: Option<GuildId>, channel: ChannelId) -> Option<Place> {
        if let Some(place) = self.shared.directory.place(guild, channel) {
            return Some(place);
        }
        let found = self.ask(Route::Channel { channel_id: channel }, &[]).await?;
        let is_thread = found["type"].as_u64().is_some_and(|kind| (10..=12).contains(&kind));
        let parent = found["parent_id"].as_str().filter(|_| is_thread).and_then(super::id);
        self.shared.directory.learn(channel, guild, parent);
        self.shared.directory.place(guild, channel)
    }

    /// Asks Discord until it answers. `None`: it answers that there is no such thing.
    async fn ask(&self, route: Route<'_>, query: &[(&str, String)]) -> Option<Value> {
        let mut wait = RETRY_FIRST;
        loop {
            match self.shared.rest.call_patiently(LightMethod::Get, route, query, None).await {
                Ok(found) => return Some(found),
                Err(error @ RestError::Refused { .. }) => {
                    tracing::warn!(%error, "Discord does not show what an event is about: it is dropped");
                    return None;
                }
                Err(error) => tracing::warn!(%error, "Discord does not answer: an event waits"),
            }
            if !self.pause(&mut wait).await {
                return None;
            }
        }
    }

    /// Hands an event to the core, as often as it takes.
    async fn handle(&self, event: Event) {
        let mut wait = RETRY_FIRST;
        loop {
            match self.intake.handle(event.clone()).await {
                Ok(outcome) => {
                    tracing::debug!(key = event.key.as_str(), event = event.what.name(), outcome = outcome.name());
                    return;
                }
                Err(error) => tracing::warn!(key = event.key.as_str(), %error, "an event waits"),
            }
            if !self.pause(&mut wait).await {
                tracing::error!(key = event.key.as_str(), "an event could not be handled before the end");
                return;
            }
        }
    }

    /// Waits before another try, a little longer each time; `false` if there is to be none.
    async fn pause(&self, wait: &mut Duration) -> bool {
        let this_time = *wait;
        *wait = (this_time * 2).min(RETRY_LONGEST);
        tokio::select! {
            () = sleep(this_time) => true,
            () = self.halt.cancelled() => false,
        }
    }
}
