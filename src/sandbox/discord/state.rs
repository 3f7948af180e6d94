//! The guild: people, roles, channels, threads, messages.

mod sessions;
mod threads;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

pub use self::sessions::SESSIONS_A_DAY;
use self::sessions::Sessions;
use super::errors::ApiError;
use super::faults::InjectedFaults;
use super::gateway::{Gateway, Happening, intents};
use super::guilds::Guild;
use super::ids::{Snowflakes, fixed, token};
use super::interactions::{Form, Interaction};
use super::limits::Limits;
use super::{DiscordSetup, Member};
use crate::clock::Clock;
use crate::sandbox::traffic::Traffic;
use crate::sandbox::{Absence, Journal, WorldError};

/// The state of the sandbox.
pub struct State {
    pub clock: Clock,
    pub journal: Journal,
    pub seed: u64,
    pub token: String,
    /// The address of the Gateway.
    pub gateway_url: String,
    /// The guild with the roles and the desk.
    pub guild: u64,
    /// All guilds, that one first.
    pub guilds: Vec<Guild>,
    pub bot: u64,
    pub message_content: bool,
    pub members_intent: bool,
    /// The number of shards that the bot is advised to open, and the number that it may open at once.
    pub shards: u32,
    pub max_concurrency: u32,
    /// The sessions begun in the present period, their limit, and the end of the period.
    sessions: Sessions,
    /// Text channels whose history the bot may not read.
    pub blind: HashSet<u64>,
    /// The users who are no members of a guild any more: the guild, and the user.
    pub left: HashSet<(u64, u64)>,
    pub users: HashMap<u64, User>,
    /// Everybody but the bot, in the order of the cast.
    pub people: Vec<u64>,
    pub handles: HashMap<String, u64>,
    pub roles: Vec<Role>,
    pub channels: HashMap<u64, Channel>,
    /// Text channels in their order, guild after guild.
    pub channel_order: Vec<u64>,
    /// Channels by name; if several guilds have the name, the first guild's.
    pub channel_names: HashMap<String, u64>,
    /// The conversation of each person with the bot.
    pub directs: HashMap<u64, u64>,
    /// Ephemeral messages, by person and id.
    pub private: HashMap<u64, BTreeMap<u64, Message>>,
    /// The message and time (epoch ms) of each recently used nonce, by channel and nonce.
    pub nonces: HashMap<(u64, String), (u64, i64)>,
    pub commands: Vec<RegisteredCommand>,
    pub interactions: HashMap<u64, Interaction>,
    pub interaction_tokens: HashMap<String, u64>,
    pub gateway: Gateway,
    pub limits: Limits,
    pub faults: InjectedFaults,
    pub faults_seen: Vec<String>,
    pub traffic: Traffic,
    pub ids: Snowflakes,
    /// The active threads, by the time (epoch ms) at which they are archived for inactivity.
    expiries: BTreeSet<(i64, u64)>,
    dirty: bool,
}

/// A person, or the bot.
#[derive(Debug)]
pub struct User {
    pub id: u64,
    pub handle: String,
    pub name: String,
    pub part: String,
    pub bot: bool,
    /// Whether the user accepts no direct messages.
    pub closed: bool,
    pub notices: Vec<String>,
    pub form: Option<Form>,
}

/// A role of the desk's guild that people can have.
#[derive(Debug)]
pub struct Role {
    pub id: u64,
    pub name: String,
    pub members: HashSet<u64>,
}

/// A command as registered.
#[derive(Debug)]
pub struct RegisteredCommand {
    /// The guild that it belongs to, unless it is global.
    pub guild: Option<u64>,
    pub json: Value,
}

/// A text channel, a thread, or a conversation with the bot.
#[derive(Debug)]
pub struct Channel {
    pub id: u64,
    /// None for a direct conversation.
    pub guild: Option<u64>,
    /// Its index among the guild's channels.
    pub position: usize,
    pub name: String,
    pub place: Place,
    pub messages: BTreeMap<u64, Message>,
    pub last_message: Option<u64>,
    /// Messages ever sent here.
    pub sent: u64,
    pub created_ms: i64,
}

/// The kind of a channel.
#[derive(Debug)]
pub enum Place {
    /// A text channel of the guild.
    Text {
        private: bool,
        members: HashSet<u64>,
        /// Whether the bot sees it.
        bot: bool,
    },
    /// A public thread; its id is that of the message that it hangs under.
    Thread(Thread),
    /// A person's conversation with the bot.
    Direct { person: u64 },
}

/// The properties of a thread.
#[derive(Debug)]
pub struct Thread {
    pub parent: u64,
    pub owner: u64,
    pub archived: bool,
    pub locked: bool,
    pub auto_archive_minutes: i64,
    /// When it was last archived or unarchived.
    pub turned_ms: i64,
    /// When it will be archived, while it is not.
    pub expires_ms: i64,
    /// Whether the bot has joined it.
    pub joined: bool,
}

/// A message in a channel, a thread or a direct conversation, ordinary or ephemeral.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: u64,
    pub channel: u64,
    pub author: u64,
    pub content: String,
    pub at_ms: i64,
    pub edited_ms: Option<i64>,
    pub nonce: Option<Value>,
    pub components: Vec<Value>,
    pub embeds: Vec<Value>,
    /// Discord's flags, except for [`HAS_THREAD`], which is derived.
    pub flags: u64,
    /// Discord's type: 0, 19 (reply) or 20 (answer to a command).
    pub kind: u8,
    pub reply_to: Option<u64>,
    pub mentions: Vec<u64>,
    pub mention_roles: Vec<u64>,
    pub mention_everyone: bool,
    /// The users that it pinged when it was posted.
    pub pings: Vec<u64>,
    pub reactions: Vec<(String, Vec<u64>)>,
    pub position: Option<u64>,
    /// Whether it answers an interaction.
    pub by_webhook: bool,
    /// Whether it was deleted while its thread lives on.
    pub gone: bool,
}

/// The flag of a message that only one person sees.
pub const EPHEMERAL: u64 = 1 << 6;
/// The flag of an answer that is still being prepared.
pub const LOADING: u64 = 1 << 7;
/// The flag of a message that has a thread.
pub const HAS_THREAD: u64 = 1 << 5;
/// The flag of a message that notifies nobody.
pub const SILENT: u64 = 1 << 12;

impl State {
    /// Creates the guilds, channels, people and roles of a setup. Fails if a guild has too many channels for Discord.
    pub fn new(setup: DiscordSetup, gateway_url: String) -> anyhow::Result<Self> {
        let seed = setup.seed;
        let (guild, bot) = (fixed(seed, "guild", "guild"), fixed(seed, "user", "\u{0}desk"));
        let mut state = Self {
            clock: setup.clock,
            journal: setup.journal,
            seed,
            token: token(seed, bot),
            gateway_url,
            guild,
            guilds: vec![Guild {
                id: guild,
                name: "Sandbox".to_owned(),
                bot_role: fixed(seed, "role", "\u{0}desk"),
                channels: Vec::new(),
            }],
            bot,
            message_content: setup.message_content_intent,
            members_intent: false,
            shards: setup.shards,
            max_concurrency: setup.max_concurrency,
            sessions: Sessions::default(),
            blind: HashSet::new(),
            left: HashSet::new(),
            users: HashMap::new(),
            people: Vec::new(),
            handles: HashMap::new(),
            roles: Vec::new(),
            channels: HashMap::new(),
            channel_order: Vec::new(),
            channel_names: HashMap::new(),
            directs: HashMap::new(),
            private: HashMap::new(),
            nonces: HashMap::new(),
            commands: Vec::new(),
            interactions: HashMap::new(),
            interaction_tokens: HashMap::new(),
            gateway: Gateway::default(),
            limits: Limits::new(setup.limits),
            faults: InjectedFaults::default(),
            faults_seen: Vec::new(),
            traffic: Traffic::default(),
            ids: Snowflakes::default(),
            expiries: BTreeSet::new(),
            dirty: false,
        };
        state.users.insert(bot, User::new(bot, "desk", "Desk", "bot", true));
        for member in &setup.people {
            state.add_person(member);
        }
        state.add_text_channels(guild, setup.channels, "")?;
        for role in setup.roles {
            let members = role.members.iter().filter_map(|handle| state.person(handle).ok()).collect();
            state.roles.push(Role { id: fixed(seed, "role", &role.name), name: role.name, members });
        }
        state.add_guilds(setup.more_guilds)?;
        Ok(state)
    }

    /// Adds a person and the direct conversation with the bot. The id is the same in every run.
    pub fn add_person(&mut self, member: &Member) -> u64 {
        if let Some(known) = self.handles.get(&member.handle) {
            return *known;
        }
        let mut id = fixed(self.seed, "user", &member.handle);
        while self.users.contains_key(&id) {
            id += 1;
        }
        self.users.insert(id, User::new(id, &member.handle, &member.name, &member.part, false));
        self.people.push(id);
        self.handles.insert(member.handle.clone(), id);
        let direct = fixed(self.seed, "direct", &member.handle);
        self.directs.insert(id, direct);
        self.add_channel(direct, String::new(), Place::Direct { person: id });
        self.touch();
        id
    }

    /// Adds a channel of any kind. The bot is not told of it.
    pub fn add_channel(&mut self, id: u64, name: String, place: Place) {
        let guild = match &place {
            Place::Thread(thread) => self.guild_of(thread.parent),
            Place::Text { .. } => Some(self.guild),
            Place::Direct { .. } => None,
        };
        let channel = Channel {
            id,
            guild,
            position: 0,
            name,
            place,
            messages: BTreeMap::new(),
            last_message: None,
            sent: 0,
            created_ms: self.now_ms(),
        };
        self.channels.insert(id, channel);
    }

    /// Returns the clock's time, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Returns a new snowflake for the present time.
    pub fn next_id(&mut self) -> u64 {
        let now_ms = self.now_ms();
        self.ids.next(now_ms)
    }

    /// Notes that a person's view may have changed.
    pub fn touch(&mut self) {
        self.dirty = true;
    }

    /// Returns whether a view may have changed since the last call.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// Notes, each text once, that the bot sent something that Discord does not know or would refuse.
    pub fn fault(&mut self, what: String) {
        tracing::warn!(fault = %what, "the bot called Discord wrongly");
        if !self.faults_seen.contains(&what) {
            self.faults_seen.push(what);
        }
    }

    /// Returns the id of the person with this handle, or [`WorldError::Unknown`].
    pub fn person(&self, handle: &str) -> Result<u64, WorldError> {
        self.handles.get(handle).copied().ok_or_else(|| WorldError::Unknown(format!("person {handle}")))
    }

    /// Returns the id of the text channel with this name, of the first guild that has one.
    pub fn channel_named(&self, name: &str) -> Option<u64> {
        self.channel_names.get(name).copied()
    }

    /// A user's handle; the bot's is `desk`.
    pub fn handle(&self, user: u64) -> &str {
        self.users.get(&user).map_or("", |user| user.handle.as_str())
    }

    /// Returns the channel, whether or not the bot may see it. The refusal is "Unknown Channel".
    pub fn channel(&self, id: u64) -> Result<&Channel, ApiError> {
        self.channels.get(&id).ok_or_else(ApiError::unknown_channel)
    }

    /// The channel, if the bot may see it.
    pub fn open_to_bot(&self, id: u64) -> Result<&Channel, ApiError> {
        let channel = self.channel(id)?;
        if self.sees(self.bot, id) { Ok(channel) } else { Err(ApiError::missing_access()) }
    }

    /// Returns the properties of a thread; `None` if the channel is none, or does not exist.
    pub fn thread(&self, id: u64) -> Option<&Thread> {
        match &self.channels.get(&id)?.place {
            Place::Thread(thread) => Some(thread),
            Place::Text { .. } | Place::Direct { .. } => None,
        }
    }

    fn thread_mut(&mut self, id: u64) -> Option<&mut Thread> {
        match &mut self.channels.get_mut(&id)?.place {
            Place::Thread(thread) => Some(thread),
            Place::Text { .. } | Place::Direct { .. } => None,
        }
    }

    /// The text channel of a thread; any other channel itself.
    pub fn parent(&self, channel: u64) -> u64 {
        self.thread(channel).map_or(channel, |thread| thread.parent)
    }

    /// Whether this channel is a person's conversation with the bot.
    pub fn is_direct(&self, channel: u64) -> bool {
        matches!(self.channels.get(&channel).map(|channel| &channel.place), Some(Place::Direct { .. }))
    }

    /// Whether this user can see the channel.
    pub fn sees(&self, user: u64, channel: u64) -> bool {
        if self.guild_of(channel).is_some_and(|guild| self.left.contains(&(guild, user))) {
            return false;
        }
        match self.channels.get(&self.parent(channel)).map(|channel| &channel.place) {
            Some(Place::Text { private, members, bot }) => {
                if user == self.bot {
                    *bot
                } else {
                    !private || members.contains(&user)
                }
            }
            Some(Place::Direct { person }) => user == self.bot || user == *person,
            Some(Place::Thread(_)) | None => false,
        }
    }

    /// Returns the message, unless it is ephemeral or deleted.
    pub fn message(&self, channel: u64, id: u64) -> Result<&Message, ApiError> {
        let message = self.channel(channel)?.messages.get(&id).ok_or_else(ApiError::unknown_message)?;
        if message.gone { Err(ApiError::unknown_message()) } else { Ok(message) }
    }

    /// The roles of a user in a guild, the bot's own among them.
    pub fn roles_of(&self, guild: u64, user: u64) -> Vec<u64> {
        if user == self.bot {
            return self.guild_with(guild).map(|guild| guild.bot_role).into_iter().collect();
        }
        if guild != self.guild {
            return Vec::new();
        }
        self.roles.iter().filter(|role| role.members.contains(&user)).map(|role| role.id).collect()
    }

    /// Gives the bot the right to see a channel, or takes it away.
    pub fn let_bot_in(&mut self, name: &str, may: bool) {
        let Some(id) = self.channel_named(name) else { return };
        if let Some(Place::Text { bot, .. }) = self.channels.get_mut(&id).map(|channel| &mut channel.place) {
            *bot = may;
        }
        let data = self.channel_json(id);
        let note = self.place_fields(id);
        self.dispatch(Happening::new("CHANNEL_UPDATE", intents::GUILDS, data).note(note));
    }

    /// Sets whether the bot may read the history of a channel and its threads.
    pub fn show_history(&mut self, name: &str, may: bool) {
        let Some(id) = self.channel_named(name) else { return };
        if may {
            self.blind.remove(&id)
        } else {
            self.blind.insert(id)
        };
        let data = self.channel_json(id);
        let note = self.place_fields(id);
        self.dispatch_in(id, Happening::new("CHANNEL_UPDATE", intents::GUILDS, data).note(note));
    }

    /// Deletes a text channel with its threads and everything in it.
    pub fn delete_channel(&mut self, name: &str) {
        let Some(id) = self.channel_named(name) else { return };
        let data = self.channel_json(id);
        let note = self.place_fields(id);
        self.dispatch_in(id, Happening::new("CHANNEL_DELETE", intents::GUILDS, data).note(note));
        self.channel_names.remove(name);
        self.channel_order.retain(|known| *known != id);
        self.guilds.iter_mut().for_each(|guild| guild.channels.retain(|known| *known != id));
        let gone: Vec<u64> = self.channels.keys().copied().filter(|known| self.parent(*known) == id).collect();
        self.expiries.retain(|(_, thread)| !gone.contains(thread));
        gone.iter().for_each(|channel| drop(self.channels.remove(channel)));
        self.touch();
    }

    /// Removes the bot from every guild.
    pub fn put_bot_out(&mut self) {
        let guilds = std::mem::take(&mut self.guilds);
        for guild in &guilds {
            let data = json!({ "id": guild.id.to_string() });
            self.dispatch(Happening::new("GUILD_DELETE", intents::GUILDS, data));
            for channel in &guild.channels {
                if let Some(Place::Text { bot, .. }) = self.channels.get_mut(channel).map(|known| &mut known.place) {
                    *bot = false;
                }
            }
        }
        self.touch();
    }

    /// Sets how Discord is out of the bot's reach; `None`: it is in reach. Cuts all connections if Discord is down or
    /// refuses the token.
    pub fn leave(&mut self, absence: Option<Absence>) {
        if matches!(absence, Some(Absence::Down | Absence::TokenRefused)) {
            self.gateway.cut_all();
        }
        self.faults.absence = absence;
    }

    /// Removes a person from the desk's guild, with a ban if `is_banned`.
    pub fn put_out(&mut self, who: &str, is_banned: bool) {
        let Ok(user) = self.person(who) else { return };
        self.left.insert((self.guild, user));
        let data = json!({ "guild_id": self.guild.to_string(), "user": self.user_json(user) });
        if is_banned {
            self.dispatch(Happening::new("GUILD_BAN_ADD", intents::GUILD_MODERATION, data.clone()));
        }
        self.dispatch(Happening::new("GUILD_MEMBER_REMOVE", intents::GUILD_MEMBERS, data));
        for role in &mut self.roles {
            role.members.remove(&user);
        }
        self.touch();
    }

    /// Deletes a role of the desk's guild, and tells the bot. An unknown name changes nothing.
    pub fn delete_role(&mut self, name: &str) {
        let Some(at) = self.roles.iter().position(|role| role.name == name) else { return };
        let role = self.roles.remove(at);
        let data = json!({ "guild_id": self.guild.to_string(), "role_id": role.id.to_string() });
        self.dispatch(Happening::new("GUILD_ROLE_DELETE", intents::GUILDS, data));
        self.touch();
    }

    /// Gives the role to exactly these people.
    pub fn set_role(&mut self, name: &str, members: &[String]) {
        let members: HashSet<u64> = members.iter().filter_map(|handle| self.person(handle).ok()).collect();
        let touched: Vec<u64> = match self.roles.iter_mut().find(|role| role.name == name) {
            Some(role) => {
                let before = std::mem::replace(&mut role.members, members.clone());
                before.symmetric_difference(&members).copied().collect()
            }
            None => {
                let id = fixed(self.seed, "role", name);
                self.roles.push(Role { id, name: name.to_owned(), members: members.clone() });
                let data = json!({ "guild_id": self.guild.to_string(), "role": self.role_json(self.guild, id, name) });
                self.dispatch(Happening::new("GUILD_ROLE_CREATE", intents::GUILDS, data));
                members.into_iter().collect()
            }
        };
        for user in touched {
            let mut data = self.member_json(self.guild, user, true);
            data["guild_id"] = json!(self.guild.to_string());
            self.dispatch(Happening::new("GUILD_MEMBER_UPDATE", intents::GUILD_MEMBERS, data));
        }
        self.touch();
    }
}

impl User {
    fn new(id: u64, handle: &str, name: &str, part: &str, bot: bool) -> Self {
        Self {
            id,
            handle: handle.to_owned(),
            name: name.to_owned(),
            part: part.to_owned(),
            bot,
            closed: false,
            notices: Vec::new(),
            form: None,
        }
    }

    /// Shows this person a notice of the platform; the last twenty are kept.
    pub fn notice(&mut self, text: &str) {
        self.notices.push(text.to_owned());
        if self.notices.len() > 20 {
            self.notices.remove(0);
        }
    }
}

impl Message {
    /// A message with nothing in it yet.
    pub fn new(id: u64, channel: u64, author: u64, at_ms: i64) -> Self {
        Self {
            id,
            channel,
            author,
            content: String::new(),
            at_ms,
            edited_ms: None,
            nonce: None,
            components: Vec::new(),
            embeds: Vec::new(),
            flags: 0,
            kind: 0,
            reply_to: None,
            mentions: Vec::new(),
            mention_roles: Vec::new(),
            mention_everyone: false,
            pings: Vec::new(),
            reactions: Vec::new(),
            position: None,
            by_webhook: false,
            gone: false,
        }
    }

    /// Whether only one person sees it, by its flags.
    pub fn is_ephemeral(&self) -> bool {
        self.flags & EPHEMERAL != 0
    }
}
