//! Hands what the gateway brings (`pump`) to the core, in order.
//!
//! Each channel (a thread with the channel that it hangs in: a *family*) belongs to one of a few lanes, and a lane's worker
//! handles one event after another. While something of a family is still to be read that was missed (`catch_up`), what
//! comes live of that family waits behind it; other families of the lane go on.
//!
//! Discord's gateway has no acknowledgement: while the database is away, events wait here. A lane keeps so many of them;
//! what is said beyond that is not kept but read again, in its turn.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use serenity::http::{LightMethod, Route};
use serenity::model::id::{ChannelId, GuildId, MessageId, UserId};
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::catch_up::{Gap, Missed, Pace, Plan};
use super::inbound;
use super::payload::{self, Channel, Member, Message, Unreadable};
use super::reactions::Reaction;
use super::rest::RestError;
use super::{Shared, manifest};
use crate::clock::real;
use crate::domain::event::Event;
use crate::domain::ids::Place;
use crate::intake::Intake;
use crate::platform::catch_up::Handling;

/// Queues of events; a channel always has the same one.
pub(super) const LANES: usize = 16;
/// Events that a lane keeps.
const KEPT: usize = 500;
/// How long an event waits before it is tried again, at first and at most.
pub(super) const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Sorts events into lanes.
pub(super) struct Pump {
    pub(super) shared: Arc<Shared>,
    pub(super) intake: Intake,
    lanes: Vec<Lane>,
    pub(super) halt: CancellationToken,
    pub(super) tracker: TaskTracker,
    /// Whose progress is being stored.
    kept: Mutex<HashSet<Option<GuildId>>>,
    /// The guilds that READY has named, and of which nothing more was heard yet.
    pub(super) awaited: Mutex<HashSet<GuildId>>,
    /// When everything was last read again, since something could not be.
    pub(super) reread_at: Mutex<Option<Instant>>,
    /// The guilds in which the bot's rights have changed, and whose channels are about to be looked at.
    pub(super) judging: Arc<Mutex<HashSet<GuildId>>>,
}

struct Lane {
    sender: mpsc::UnboundedSender<Told>,
    load: Arc<Load>,
}

/// How much waits in a lane, and what was not kept there.
#[derive(Default)]
pub(super) struct Load {
    waiting: AtomicUsize,
    /// Of each family, the first message of each channel that was not kept.
    beyond: Mutex<HashMap<ChannelId, BTreeMap<ChannelId, Beyond>>>,
}

pub(super) struct Beyond {
    pub(super) guild: Option<GuildId>,
    pub(super) first: MessageId,
    /// Holds the position below it.
    pub(super) handling: Handling,
}

/// Counts an event of the gateway once all that follows from it has been dealt with.
pub(super) struct Dealt(pub(super) Option<Arc<Shared>>);

impl Dealt {
    /// What did not come by the gateway.
    pub(super) const fn uncounted() -> Self {
        Self(None)
    }
}

impl Drop for Dealt {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.count_received();
        }
    }
}

/// What waits in a lane.
struct Waiting {
    /// What keeps its order with it.
    family: ChannelId,
    item: Item,
    _dealt: Dealt,
}

pub(super) enum Item {
    Posted(Box<Message>, Handling),
    /// The same, of which the gateway's words cannot be read.
    Unread(Home, ChannelId, MessageId, Handling),
    Edited(Box<Message>),
    /// The same, to be read again.
    Changed(Home, ChannelId, MessageId),
    Deleted(Option<GuildId>, ChannelId, Vec<MessageId>),
    Reacted(Box<Reaction>),
}

/// The guild that something is said in, or none; `Unreadable`: Discord is to be asked.
pub(super) type Home = Result<Option<GuildId>, Unreadable>;

/// What is told to a lane.
enum Told {
    Event(Waiting),
    Missed(Arc<Plan>),
}

impl Pump {
    /// Starts the lanes. They end once this is dropped and all that they hold is done, or, after `halt`, cannot be done.
    pub(super) fn start(shared: Arc<Shared>, intake: Intake, halt: CancellationToken, tracker: TaskTracker) -> Self {
        let pace = Arc::new(Pace::new(shared.clock.clone()));
        let lanes = (0..LANES).map(|number| {
            let (sender, told) = mpsc::unbounded_channel();
            let load = Arc::new(Load::default());
            let worker = Worker {
                shared: Arc::clone(&shared),
                intake: intake.clone(),
                halt: halt.clone(),
                pace: Arc::clone(&pace),
                number,
                load: Arc::clone(&load),
                backlog: VecDeque::new(),
                gaps: Vec::new(),
                lost: HashSet::new(),
                members: HashMap::new(),
                hidden: HashSet::new(),
            };
            tracker.spawn(worker.work(told));
            Lane { sender, load }
        });
        let lanes = lanes.collect();
        let (kept, awaited, reread_at) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { shared, intake, lanes, halt, tracker, kept, awaited, reread_at, judging: Arc::default() }
    }

    /// Something may have been missed of a guild, or of the direct conversations.
    pub(super) fn missed(
        &self,
        guild: Option<GuildId>,
        joined_at: Option<Timestamp>,
        listed: Vec<super::directory::Listed>,
        dealt: Dealt,
    ) {
        let progress = self.shared.progress(guild);
        if self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(guild) {
            let (progress, intake, halt) = (progress.clone(), self.intake.clone(), self.halt.clone());
            self.tracker.spawn(async move { progress.keep(&intake, &halt).await });
        }
        let plan = Arc::new(Plan::new(&self.shared, guild, joined_at, listed, dealt));
        for lane in &self.lanes {
            if lane.sender.send(Told::Missed(Arc::clone(&plan))).is_err() {
                tracing::error!("a lane of Discord's events has ended too early");
            }
        }
    }

    pub(super) fn posted(&self, message: Message, dealt: Dealt) {
        let (channel, id) = (message.channel, message.id);
        // What a guild's channel holds is not private because the guild is not told.
        let guild = message.guild.or_else(|| self.shared.directory.guild_of(channel));
        if !self.shared.serves(guild) {
            return;
        }
        let message = Message { guild, ..message };
        if !self.shared.may_concern(&message, &self.intake) {
            // Who spoke is remembered: roles are known by what events show.
            self.shared.reader().person(&message.author, guild);
            self.shared.directory.saw(channel, guild, id);
            return self.shared.progress(guild).begin(&channel.to_string(), &id.to_string()).done();
        }
        if let Some(handling) = self.begin(guild, channel, id) {
            self.put(channel, Item::Posted(Box::new(message), handling), dealt);
        }
    }

    pub(super) fn unread(&self, home: Home, channel: ChannelId, message: MessageId, dealt: Dealt) {
        if home.is_ok_and(|guild| !self.shared.serves(guild)) {
            return;
        }
        if let Some(handling) = self.begin(home.unwrap_or_default(), channel, message) {
            self.put(channel, Item::Unread(home, channel, message, handling), dealt);
        }
    }

    /// Notes that a message has come; `None` if its lane is full, and it is to be read later.
    fn begin(&self, guild: Option<GuildId>, channel: ChannelId, message: MessageId) -> Option<Handling> {
        self.shared.directory.saw(channel, guild, message);
        let progress = self.shared.progress(guild);
        let family = self.shared.directory.lane(channel);
        let load = &self.lanes[lane_of(family)].load;
        let mut beyond = load.beyond.lock().unwrap_or_else(PoisonError::into_inner);
        let handling = progress.begin(&channel.to_string(), &message.to_string());
        if load.waiting.load(Ordering::Relaxed) < KEPT && !beyond.contains_key(&family) {
            return Some(handling);
        }
        let first = || Beyond { guild, first: message, handling };
        beyond.entry(family).or_default().entry(channel).or_insert_with(first);
        None
    }

    pub(super) fn is_full(&self, channel: ChannelId) -> bool {
        let family = self.shared.directory.lane(channel);
        self.lanes[lane_of(family)].load.waiting.load(Ordering::Relaxed) >= KEPT
    }

    pub(super) fn put(&self, channel: ChannelId, item: Item, dealt: Dealt) {
        let family = self.shared.directory.lane(channel);
        let lane = &self.lanes[lane_of(family)];
        lane.load.waiting.fetch_add(1, Ordering::Relaxed);
        if lane.sender.send(Told::Event(Waiting { family, item, _dealt: dealt })).is_err() {
            tracing::error!("an event of Discord came after the end");
        }
    }

    pub(super) fn register_commands(&self, guild: GuildId) {
        let shared = Arc::clone(&self.shared);
        self.tracker.spawn(async move {
            let route = Route::GuildCommands { application_id: shared.application, guild_id: guild };
            let commands = manifest::commands();
            if let Err(error) = shared.rest.call_patiently(LightMethod::Put, route, &[], Some(&commands)).await {
                tracing::warn!(%guild, %error, "the /desk command could not be registered");
            }
        });
    }
}

/// The lane of a family.
pub(super) fn lane_of(family: ChannelId) -> usize {
    let mut hasher = DefaultHasher::new();
    family.hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0)
}

/// Handles what waits in one lane. What it could not do before the end it leaves to the next start, and with it whatever
/// comes after that in the same family.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) intake: Intake,
    pub(super) halt: CancellationToken,
    pub(super) pace: Arc<Pace>,
    pub(super) number: usize,
    load: Arc<Load>,
    backlog: VecDeque<Waiting>,
    pub(super) gaps: Vec<Gap>,
    lost: HashSet<ChannelId>,
    /// People asked for while reading what was missed.
    pub(super) members: HashMap<(GuildId, UserId), Option<Member>>,
    /// Families whose history the bot may not read, while what was missed is being read.
    pub(super) hidden: HashSet<ChannelId>,
}

impl Worker {
    async fn work(mut self, mut told: mpsc::UnboundedReceiver<Told>) {
        loop {
            let mut is_closed = false;
            loop {
                match told.try_recv() {
                    Ok(told) => self.hear(told).await,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        is_closed = true;
                        break;
                    }
                }
            }
            if self.halt.is_cancelled() {
                let left = std::mem::take(&mut self.gaps);
                self.lost.extend(left.into_iter().map(Gap::leave));
            }
            if let Some(waiting) = self.next() {
                self.load.waiting.fetch_sub(1, Ordering::Relaxed);
                self.do_one(waiting).await;
                continue;
            }
            if let Some(gap) = self.next_gap() {
                self.fill(gap).await;
                continue;
            }
            if self.gaps.is_empty() {
                self.members.clear();
                self.hidden.clear();
                self.take_beyond();
            }
            if self.gaps.is_empty() && is_closed {
                return;
            }
            let calm =
                async { if self.gaps.is_empty() { std::future::pending().await } else { self.pace.calm().await } };
            tokio::select! {
                heard = told.recv() => match heard {
                    Some(heard) => self.hear(heard).await,
                    None if self.gaps.is_empty() => return,
                    None => {}
                },
                () = calm => {}
            }
        }
    }

    async fn hear(&mut self, told: Told) {
        match told {
            Told::Event(waiting) => self.backlog.push_back(waiting),
            Told::Missed(plan) => match self.survey(&plan).await {
                Missed::Gaps(gaps) => gaps.into_iter().for_each(|gap| self.add(gap)),
                // Nothing more can be done before the end.
                Missed::Unknown => self.lost.extend(self.backlog.iter().map(|waiting| waiting.family)),
            },
        }
    }

    /// The oldest event of a family of which nothing older is to be read.
    fn next(&mut self) -> Option<Waiting> {
        let blocked: HashSet<ChannelId> = self.gaps.iter().filter(|gap| gap.blocks()).map(|gap| gap.family).collect();
        let at = self.backlog.iter().position(|waiting| !blocked.contains(&waiting.family))?;
        self.backlog.remove(at)
    }

    /// What was not kept is to be read, once everything that came before it is done.
    fn take_beyond(&mut self) {
        let beyond = std::mem::take(&mut *self.load.beyond.lock().unwrap_or_else(PoisonError::into_inner));
        for (family, channels) in beyond {
            for (channel, beyond) in channels {
                self.add(Gap::beyond(family, channel, beyond));
            }
        }
    }

    async fn do_one(&mut self, waiting: Waiting) {
        if self.lost.contains(&waiting.family) {
            return;
        }
        let is_done = match waiting.item {
            Item::Posted(message, handling) => {
                let is_done = self.posted(&message).await;
                if is_done {
                    handling.done();
                }
                is_done
            }
            Item::Unread(home, channel, id, handling) => {
                let is_done = match self.message(home, channel, id).await {
                    Asked::Found(message) => self.posted(&message).await,
                    Asked::Refused => true,
                    Asked::Halted => false,
                };
                if is_done {
                    handling.done();
                }
                is_done
            }
            Item::Edited(message) => self.edited_to(&message).await,
            Item::Changed(home, channel, id) => match self.message(home, channel, id).await {
                Asked::Found(message) => self.edited_to(&message).await,
                Asked::Refused => true,
                Asked::Halted => false,
            },
            Item::Deleted(guild, channel, messages) => self.deleted(guild, channel, &messages).await,
            Item::Reacted(reaction) => self.reacted(&reaction).await,
        };
        if !is_done {
            self.lost.insert(waiting.family);
        }
    }

    /// Whether all that follows from a message is committed; `false` only at the end.
    pub(super) async fn posted(&self, message: &Message) -> bool {
        if message.author.id == self.shared.me || !self.shared.may_concern(message, &self.intake) {
            return true;
        }
        let place = match self.place(message.guild, message.channel).await {
            Asked::Found(place) => place,
            Asked::Refused => return true,
            Asked::Halted => return false,
        };
        match self.shared.reader().posted(message, place) {
            Some(event) => self.handle(event).await,
            None => true,
        }
    }

    /// Whether all that follows from a reaction is committed; `false` only at the end.
    async fn reacted(&self, reaction: &Reaction) -> bool {
        let actor = self.shared.reader().person(&reaction.user, Some(reaction.guild));
        if !self.intake.may_matter(reaction.spec, &actor) {
            return true;
        }
        let place = match self.place(Some(reaction.guild), reaction.channel).await {
            Asked::Found(place) => place,
            Asked::Refused => return true,
            Asked::Halted => return false,
        };
        self.handle(reaction.event(actor, place)).await
    }

    /// Reads a message by itself.
    async fn message(&self, home: Home, channel: ChannelId, id: MessageId) -> Asked<Message> {
        let guild = match home {
            Ok(guild) => guild,
            Err(Unreadable) => match self.ask(Route::Channel { channel_id: channel }, &[]).await {
                Asked::Found(found) => payload::id(&found["guild_id"]),
                Asked::Refused => return Asked::Refused,
                Asked::Halted => return Asked::Halted,
            },
        };
        match self.ask(Route::ChannelMessage { channel_id: channel, message_id: id }, &[]).await {
            Asked::Found(message) => match Message::read_in(&message, guild) {
                Ok(message) => Asked::Found(message),
                Err(Unreadable) => {
                    self.shared.count_unreadable("a message that was asked for");
                    Asked::Refused
                }
            },
            Asked::Refused => Asked::Refused,
            Asked::Halted => Asked::Halted,
        }
    }

    pub(super) async fn edited_to(&self, message: &Message) -> bool {
        if message.author.id == self.shared.me {
            return true;
        }
        let place = match self.place(message.guild, message.channel).await {
            Asked::Found(place) => place,
            Asked::Refused => return true,
            Asked::Halted => return false,
        };
        match self.shared.reader().edited(message, place) {
            Some(event) => self.handle(event).await,
            None => true,
        }
    }

    pub(super) async fn deleted(&self, guild: Option<GuildId>, channel: ChannelId, messages: &[MessageId]) -> bool {
        let place = match self.place(guild, channel).await {
            Asked::Found(place) => place,
            Asked::Refused => return true,
            Asked::Halted => return false,
        };
        for message in messages {
            let now = self.shared.clock.now();
            if !self.handle(inbound::deleted(&place, channel, *message, now)).await {
                return false;
            }
        }
        true
    }

    /// Where a channel is; asks Discord if the gateway has not told.
    async fn place(&self, guild: Option<GuildId>, channel: ChannelId) -> Asked<Place> {
        if let Some(place) = self.shared.directory.place(guild, channel) {
            return Asked::Found(place);
        }
        let found = match self.ask(Route::Channel { channel_id: channel }, &[]).await {
            Asked::Found(found) => found,
            Asked::Refused => return Asked::Refused,
            Asked::Halted => return Asked::Halted,
        };
        let parent = Channel::read(&found).and_then(|found| found.parent);
        self.shared.directory.learn(channel, guild, parent);
        self.shared.directory.place(guild, channel).map_or(Asked::Refused, Asked::Found)
    }

    /// Asks Discord until it answers.
    pub(super) async fn ask(&self, route: Route<'_>, query: &[(&str, String)]) -> Asked<Value> {
        let mut wait = RETRY_FIRST;
        loop {
            match self.shared.rest.call_patiently(LightMethod::Get, route, query, None).await {
                Ok(found) => return Asked::Found(found),
                Err(error @ RestError::Refused { .. }) => {
                    tracing::warn!(%error, "Discord does not show what was asked for, and will not");
                    return Asked::Refused;
                }
                Err(error) => tracing::warn!(%error, "Discord does not answer: an event waits"),
            }
            if !self.pause(&mut wait).await {
                return Asked::Halted;
            }
        }
    }

    /// Hands an event to the core, as often as it takes; `false` if it could not be handled before the end.
    async fn handle(&self, event: Event) -> bool {
        let mut wait = RETRY_FIRST;
        loop {
            match self.intake.handle(event.clone()).await {
                Ok(outcome) => {
                    tracing::debug!(key = event.key.as_str(), event = event.what.name(), outcome = outcome.name());
                    return true;
                }
                Err(error) => tracing::warn!(key = event.key.as_str(), %error, "an event waits"),
            }
            if !self.pause(&mut wait).await {
                tracing::warn!(key = event.key.as_str(), "an event is left to be read at the next start");
                return false;
            }
        }
    }

    /// Waits before another try, a little longer each time; `false` if there is to be none.
    pub(super) async fn pause(&self, wait: &mut Duration) -> bool {
        let this_time = *wait;
        *wait = (this_time * 2).min(RETRY_LONGEST);
        tokio::select! {
            () = real::sleep(this_time) => true,
            () = self.halt.cancelled() => false,
        }
    }

    /// A family of which something was left unread: what comes after it is left, too.
    pub(super) fn leave(&mut self, family: ChannelId) {
        self.lost.insert(family);
    }
}

/// What came of a question to Discord.
pub(super) enum Asked<T> {
    /// This.
    Found(T),
    /// There is no such thing, or it is not to be seen.
    Refused,
    /// It did not answer before the end.
    Halted,
}
