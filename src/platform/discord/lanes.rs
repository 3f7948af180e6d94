//! Hands the gateway's events to the intake, in order. `pump` sorts them into the lanes.
//!
//! Each channel, together with its threads (a *family*), belongs to one of a few lanes, and the worker of a lane
//! handles one event after another. While a family has missed messages that are not read yet (`catch_up`), its live
//! events wait behind them; other families of the lane go on.
//!
//! Discord's gateway has no acknowledgement, so events wait here while the database is away. A lane keeps a limited
//! number of events. Further messages are not kept; they are read from Discord later.

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

/// The number of lanes. A family always belongs to the same lane.
pub(super) const LANES: usize = 16;
/// The largest number of events that a lane keeps.
const KEPT: usize = 500;
/// The wait before the next try, the first and the longest.
pub(super) const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Sorts events into lanes.
pub(super) struct Pump {
    pub(super) shared: Arc<Shared>,
    pub(super) intake: Intake,
    lanes: Vec<Lane>,
    pub(super) halt: CancellationToken,
    pub(super) tracker: TaskTracker,
    /// The guilds whose positions are stored by a task (`None`: the direct conversations).
    kept: Mutex<HashSet<Option<GuildId>>>,
    /// The guilds that READY has named and whose data has not arrived yet.
    pub(super) awaited: Mutex<HashSet<GuildId>>,
    /// When all guilds were last read again because of an unreadable event.
    pub(super) reread_at: Mutex<Option<Instant>>,
    /// The guilds in which the bot's rights have changed, and whose channels will be read again.
    pub(super) judging: Arc<Mutex<HashSet<GuildId>>>,
}

struct Lane {
    sender: mpsc::UnboundedSender<LaneMessage>,
    load: Arc<Load>,
}

/// How many events wait in a lane, and which messages were not kept.
#[derive(Default)]
pub(super) struct Load {
    waiting: AtomicUsize,
    /// By family and channel, the first message that was not kept.
    overflow: Mutex<HashMap<ChannelId, BTreeMap<ChannelId, Overflow>>>,
}

pub(super) struct Overflow {
    pub(super) guild: Option<GuildId>,
    pub(super) first: MessageId,
    /// Holds the position below this message.
    pub(super) handling: Handling,
}

/// Counts an event of the gateway when it is dropped: once all consequences of the event are handled.
pub(super) struct CountOnDrop(pub(super) Option<Arc<Shared>>);

impl CountOnDrop {
    /// Creates one that counts nothing, for work that no gateway event has caused.
    pub(super) const fn uncounted() -> Self {
        Self(None)
    }
}

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.count_received();
        }
    }
}

/// An event that waits in a lane.
struct Waiting {
    /// The family in whose order it is handled.
    family: ChannelId,
    item: Item,
    _counted: CountOnDrop,
}

pub(super) enum Item {
    Posted(Box<Message>, Handling),
    /// A posted message whose payload cannot be read.
    Unread(GuildOrUnreadable, ChannelId, MessageId, Handling),
    Edited(Box<Message>),
    /// An edited message that must be read again.
    Changed(GuildOrUnreadable, ChannelId, MessageId),
    Deleted(Option<GuildId>, ChannelId, Vec<MessageId>),
    Reacted(Box<Reaction>),
}

/// The guild of a message, if any. `Unreadable`: the guild is not known, and Discord must be asked.
pub(super) type GuildOrUnreadable = Result<Option<GuildId>, Unreadable>;

/// A message to a lane.
enum LaneMessage {
    Event(Waiting),
    Missed(Arc<Plan>),
}

impl Pump {
    /// Starts the lanes. They end once the pump is dropped and all their events are handled. After `halt` they leave
    /// events that cannot be handled at once to the next start.
    pub(super) fn start(shared: Arc<Shared>, intake: Intake, halt: CancellationToken, tracker: TaskTracker) -> Self {
        let pace = Arc::new(Pace::new(shared.clock.clone()));
        let lanes = (0..LANES).map(|number| {
            let (sender, messages) = mpsc::unbounded_channel();
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
            tracker.spawn(worker.work(messages));
            Lane { sender, load }
        });
        let lanes = lanes.collect();
        let (kept, awaited, reread_at) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { shared, intake, lanes, halt, tracker, kept, awaited, reread_at, judging: Arc::default() }
    }

    /// Notes that events of a guild, or of the direct conversations, may have been missed, and starts to read them.
    pub(super) fn missed(
        &self,
        guild: Option<GuildId>,
        joined_at: Option<Timestamp>,
        listed: Vec<super::directory::Listed>,
        counted: CountOnDrop,
    ) {
        let progress = self.shared.positions(guild);
        if self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(guild) {
            let (progress, intake, halt) = (progress.clone(), self.intake.clone(), self.halt.clone());
            self.tracker.spawn(async move { progress.keep(&intake, &halt).await });
        }
        let plan = Arc::new(Plan::new(&self.shared, guild, joined_at, listed, counted));
        for lane in &self.lanes {
            if lane.sender.send(LaneMessage::Missed(Arc::clone(&plan))).is_err() {
                tracing::error!(
                    guild = guild.map(GuildId::get),
                    "a queue of Discord's events has ended by a fault: restart the bot, so that its channels are read"
                );
            }
        }
    }

    pub(super) fn posted(&self, message: Message, counted: CountOnDrop) {
        let (channel, id) = (message.channel, message.id);
        // A message in a known guild channel is not private just because the payload lacks the guild.
        let guild = message.guild.or_else(|| self.shared.directory.guild_of(channel));
        if !self.shared.serves(guild) {
            return;
        }
        let message = Message { guild, ..message };
        if !self.shared.may_concern(&message, &self.intake) {
            // The author is remembered, since roles are known only from events.
            self.shared.reader().person(&message.author, guild);
            self.shared.directory.saw(channel, guild, id);
            return self.shared.positions(guild).begin(&channel.to_string(), &id.to_string()).done();
        }
        if let Some(handling) = self.begin(guild, channel, id) {
            self.put(channel, Item::Posted(Box::new(message), handling), counted);
        }
    }

    pub(super) fn unread(&self, home: GuildOrUnreadable, channel: ChannelId, message: MessageId, counted: CountOnDrop) {
        if home.is_ok_and(|guild| !self.shared.serves(guild)) {
            return;
        }
        if let Some(handling) = self.begin(home.unwrap_or_default(), channel, message) {
            self.put(channel, Item::Unread(home, channel, message, handling), counted);
        }
    }

    /// Notes that a message has arrived. Returns `None` if its lane is full: the message is read later.
    fn begin(&self, guild: Option<GuildId>, channel: ChannelId, message: MessageId) -> Option<Handling> {
        self.shared.directory.saw(channel, guild, message);
        let progress = self.shared.positions(guild);
        let family = self.shared.directory.family_of(channel);
        let load = &self.lanes[lane_of(family)].load;
        let mut overflow = load.overflow.lock().unwrap_or_else(PoisonError::into_inner);
        let handling = progress.begin(&channel.to_string(), &message.to_string());
        if load.waiting.load(Ordering::Relaxed) < KEPT && !overflow.contains_key(&family) {
            return Some(handling);
        }
        let first = || Overflow { guild, first: message, handling };
        overflow.entry(family).or_default().entry(channel).or_insert_with(first);
        None
    }

    pub(super) fn is_full(&self, channel: ChannelId) -> bool {
        let family = self.shared.directory.family_of(channel);
        self.lanes[lane_of(family)].load.waiting.load(Ordering::Relaxed) >= KEPT
    }

    pub(super) fn put(&self, channel: ChannelId, item: Item, counted: CountOnDrop) {
        let family = self.shared.directory.family_of(channel);
        let lane = &self.lanes[lane_of(family)];
        lane.load.waiting.fetch_add(1, Ordering::Relaxed);
        if lane.sender.send(LaneMessage::Event(Waiting { family, item, _counted: counted })).is_err() {
            tracing::error!(
                %channel,
                "an event of Discord is dropped, since its queue has ended by a fault: restart the bot; a message is \
                 read then"
            );
        }
    }

    pub(super) fn register_commands(&self, guild: GuildId) {
        let shared = Arc::clone(&self.shared);
        self.tracker.spawn(async move {
            let route = Route::GuildCommands { application_id: shared.application, guild_id: guild };
            let commands = manifest::commands();
            if let Err(error) = shared.rest.call_patiently(LightMethod::Put, route, &[], Some(&commands)).await {
                tracing::warn!(
                    %guild, %error,
                    "the /desk command could not be registered in a guild; tried again with the next session"
                );
            }
        });
    }
}

/// Returns the lane of a family.
pub(super) fn lane_of(family: ChannelId) -> usize {
    let mut hasher = DefaultHasher::new();
    family.hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0)
}

/// Handles the events of one lane. Events that it cannot handle before the stop are left to the next start, with all
/// later events of the same family.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) intake: Intake,
    pub(super) halt: CancellationToken,
    pub(super) pace: Arc<Pace>,
    pub(super) number: usize,
    load: Arc<Load>,
    backlog: VecDeque<Waiting>,
    pub(super) gaps: Vec<Gap>,
    /// Families with an event that was not handled before the stop.
    lost: HashSet<ChannelId>,
    /// Members that were asked for while missed messages were read.
    pub(super) members: HashMap<(GuildId, UserId), Option<Member>>,
    /// Families whose messages the bot may not read, kept until the gaps are filled.
    pub(super) hidden: HashSet<ChannelId>,
}

impl Worker {
    async fn work(mut self, mut messages: mpsc::UnboundedReceiver<LaneMessage>) {
        loop {
            let mut is_closed = false;
            loop {
                match messages.try_recv() {
                    Ok(message) => self.take_message(message).await,
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
                self.take_overflow();
            }
            if self.gaps.is_empty() && is_closed {
                return;
            }
            let calm =
                async { if self.gaps.is_empty() { std::future::pending().await } else { self.pace.calm().await } };
            tokio::select! {
                received = messages.recv() => match received {
                    Some(message) => self.take_message(message).await,
                    None if self.gaps.is_empty() => return,
                    None => {}
                },
                () = calm => {}
            }
        }
    }

    async fn take_message(&mut self, message: LaneMessage) {
        match message {
            LaneMessage::Event(waiting) => self.backlog.push_back(waiting),
            LaneMessage::Missed(plan) => match self.survey(&plan).await {
                Missed::Gaps(gaps) => gaps.into_iter().for_each(|gap| self.add(gap)),
                // The gaps cannot be determined before the stop, so the waiting events must not overtake them.
                Missed::Unknown => self.lost.extend(self.backlog.iter().map(|waiting| waiting.family)),
            },
        }
    }

    /// Removes and returns the oldest event whose family has no missed messages to read first.
    fn next(&mut self) -> Option<Waiting> {
        let blocked: HashSet<ChannelId> = self.gaps.iter().filter(|gap| gap.blocks()).map(|gap| gap.family).collect();
        let at = self.backlog.iter().position(|waiting| !blocked.contains(&waiting.family))?;
        self.backlog.remove(at)
    }

    /// Adds gaps for the messages that were not kept. Called once all earlier events are handled.
    fn take_overflow(&mut self) {
        let overflow = std::mem::take(&mut *self.load.overflow.lock().unwrap_or_else(PoisonError::into_inner));
        for (family, channels) in overflow {
            for (channel, overflow) in channels {
                self.add(Gap::of_overflow(family, channel, overflow));
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

    /// Handles a message. Returns `false` if it was stopped before the event was committed.
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

    /// Handles a reaction. Returns `false` if it was stopped before the event was committed.
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

    /// Asks Discord for a single message.
    async fn message(&self, home: GuildOrUnreadable, channel: ChannelId, id: MessageId) -> Asked<Message> {
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

    /// Returns the place of a channel. Asks Discord if the channel is not known.
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

    /// Asks Discord until it answers, or until a stop.
    pub(super) async fn ask(&self, route: Route<'_>, query: &[(&str, String)]) -> Asked<Value> {
        let mut wait = RETRY_FIRST;
        loop {
            match self.shared.rest.call_patiently(LightMethod::Get, route, query, None).await {
                Ok(found) => return Asked::Found(found),
                Err(error @ RestError::Refused { .. }) => {
                    tracing::warn!(path = %route.path(), %error, "Discord refuses a request: its data is left out");
                    return Asked::Refused;
                }
                Err(error) => {
                    tracing::warn!(path = %route.path(), %error, "Discord does not answer: events wait; asking again")
                }
            }
            if !self.pause(&mut wait).await {
                return Asked::Halted;
            }
        }
    }

    /// Hands an event to the intake, until it is committed. Returns `false` if it was stopped before.
    async fn handle(&self, event: Event) -> bool {
        let mut wait = RETRY_FIRST;
        loop {
            match self.intake.handle(event.clone()).await {
                Ok(outcome) => {
                    tracing::debug!(
                        key = event.key.as_str(),
                        event = event.what.name(),
                        outcome = outcome.name(),
                        "an event was handled"
                    );
                    return true;
                }
                Err(error) => {
                    tracing::warn!(key = event.key.as_str(), %error, "an event could not be stored; trying again")
                }
            }
            if !self.pause(&mut wait).await {
                tracing::warn!(
                    key = event.key.as_str(),
                    "an event was not handled before the stop: a message is read at the next start, a reaction is lost"
                );
                return false;
            }
        }
    }

    /// Waits before another try, longer each time. Returns `false` at a stop: there must be no other try.
    pub(super) async fn pause(&self, wait: &mut Duration) -> bool {
        let this_time = *wait;
        *wait = (this_time * 2).min(RETRY_LONGEST);
        tokio::select! {
            () = real::sleep(this_time) => true,
            () = self.halt.cancelled() => false,
        }
    }

    /// Marks a family whose missed messages were not read before the stop: its later events are left to the next start.
    pub(super) fn leave(&mut self, family: ChannelId) {
        self.lost.insert(family);
    }
}

/// Discord's answer to a request.
pub(super) enum Asked<T> {
    Found(T),
    /// The requested thing does not exist, or the bot may not see it.
    Refused,
    /// There was no answer before the stop.
    Halted,
}
