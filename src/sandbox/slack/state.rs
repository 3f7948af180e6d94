//! The state of the workspace: people, channels, groups, messages and open forms. One lock guards it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use serde_json::Value;

use super::ids::{Mint, Ts};
use super::limits::Windows;
use super::text::Names;
use crate::clock::Clock;
use crate::clock::real;

/// Handle of the bot.
pub(super) const BOT_HANDLE: &str = "desk";
/// Display name of the bot.
pub(super) const BOT_NAME: &str = "Desk";
/// Name of the workspace.
pub(super) const TEAM_NAME: &str = "Sandbox";
/// Domain of the workspace.
pub(super) const TEAM_DOMAIN: &str = "sandbox";

/// The app's and the workspace's ids.
pub(super) struct Ids {
    pub team: String,
    pub app: String,
    pub bot: String,
    pub bot_user: String,
}

pub(super) struct Person {
    /// Whether the account was deactivated.
    pub deleted: bool,
    pub id: String,
    pub handle: String,
    pub name: String,
    pub part: String,
    /// Whether this person refuses direct messages.
    pub closed: bool,
    /// Slack's own recent notices to this person.
    pub notices: VecDeque<String>,
    /// The stack of open forms. The last one is on top.
    pub forms: Vec<Form>,
}

/// A modal that a person has open (`views.open`).
pub(super) struct Form {
    pub id: String,
    /// As the app sent it, with ids where it left them out.
    pub view: Value,
    pub hash: String,
    pub errors: BTreeMap<String, String>,
}

pub(super) struct Group {
    pub id: String,
    pub handle: String,
    pub name: String,
    pub members: Vec<String>,
    pub updated_s: i64,
}

/// The kind of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Public,
    Private,
    /// Between the bot and this person.
    Direct(String),
}

/// A conversation and its messages.
pub(super) struct Channel {
    pub id: String,
    pub name: String,
    pub kind: Kind,
    /// Ids of the members, for a private channel.
    pub members: HashSet<String>,
    pub bot: bool,
    pub archived: bool,
    /// Whether people of another organisation read it (Slack Connect).
    pub shared: bool,
    /// Whether it is deleted: nobody sees it, and no call finds it.
    pub deleted: bool,
    pub created_s: i64,
    pub messages: BTreeMap<Ts, Message>,
    /// The messages at the top level of the channel: roots and broadcast replies.
    pub tops: BTreeSet<Ts>,
    /// The replies in each thread, by the time stamp of its root.
    pub replies: HashMap<Ts, BTreeSet<Ts>>,
    pub whispers: BTreeMap<Ts, Whisper>,
}

impl Channel {
    pub(super) fn new(id: String, name: String, kind: Kind, created_s: i64) -> Self {
        Self {
            id,
            name,
            kind,
            members: HashSet::new(),
            bot: false,
            archived: false,
            shared: false,
            deleted: false,
            created_s,
            messages: BTreeMap::new(),
            tops: BTreeSet::new(),
            replies: HashMap::new(),
            whispers: BTreeMap::new(),
        }
    }

    /// Whether the person with this id sees it.
    pub(super) fn seen_by(&self, person: &str) -> bool {
        match &self.kind {
            _ if self.deleted => false,
            Kind::Public => true,
            Kind::Private => self.members.contains(person),
            Kind::Direct(with) => with == person,
        }
    }

    /// Returns `channel`, `group` or `im`, as events name its kind.
    pub(super) fn event_type(&self) -> &'static str {
        match self.kind {
            Kind::Public => "channel",
            Kind::Private => "group",
            Kind::Direct(_) => "im",
        }
    }

    /// Returns `channels`, `groups` or `im`, as scopes and subscriptions name its kind.
    pub(super) fn family(&self) -> &'static str {
        match self.kind {
            Kind::Public => "channels",
            Kind::Private => "groups",
            Kind::Direct(_) => "im",
        }
    }

    /// Whether a thread under `root` has replies.
    pub(super) fn has_replies(&self, root: Ts) -> bool {
        self.replies.get(&root).is_some_and(|replies| !replies.is_empty())
    }
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Bot,
    Person(String),
}

/// The content of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Content {
    /// Stored text, see [`super::text`].
    pub text: String,
    pub blocks: Option<Vec<Value>>,
    pub attachments: Option<Vec<Value>>,
    /// The files of the message. A deleted file stays as a tombstone.
    pub files: Vec<Value>,
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub ts: Ts,
    pub author: Author,
    pub content: Content,
    /// Root of the thread that it replies in.
    pub thread: Option<Ts>,
    pub broadcast: bool,
    /// The id of the last editor, and the time stamp of the edit.
    pub edited: Option<(String, Ts)>,
    /// Whether readers see that it was edited. They do not if an app only updated it with blocks.
    pub edit_shown: bool,
    pub reactions: Vec<(String, Vec<String>)>,
    pub metadata: Option<Value>,
    pub client_msg_id: Option<String>,
    /// Handles of the people whom it pinged when it was posted.
    pub pings: Vec<String>,
    /// Whether it is a deleted root whose thread goes on.
    pub tombstone: bool,
}

/// A message that only one person sees (ephemeral).
#[derive(Clone, Debug)]
pub(super) struct Whisper {
    /// Id of the person who sees it.
    pub to: String,
    pub thread: Option<Ts>,
    pub content: Content,
    /// Whether the person sees it. Slack accepts an ephemeral message in a thread without replies, but shows it to
    /// nobody.
    pub shown: bool,
}

/// A `trigger_id`, which can open one modal.
pub(super) struct Trigger {
    pub user: String,
    pub made: Instant,
    pub used: bool,
}

/// The act that a `response_url` answers.
#[derive(Clone)]
pub(super) struct Hook {
    pub user: String,
    pub channel: usize,
    /// The message that was acted on.
    pub source: Option<Ts>,
    pub uses_left: u32,
    pub expires_ms: i64,
}

/// The state of the workspace.
pub(super) struct State {
    pub clock: Clock,
    pub ids: Ids,
    pub mint: Mint,
    pub people: Vec<Person>,
    pub channels: Vec<Channel>,
    pub groups: Vec<Group>,
    pub scopes: BTreeSet<String>,
    pub subscriptions: BTreeSet<String>,
    /// The app's entries in the menu of a message: name and `callback_id`.
    pub shortcuts: Vec<(String, String)>,
    pub triggers: HashMap<String, Trigger>,
    pub hooks: HashMap<String, Hook>,
    pub windows: Windows,
    /// The time, by the clock, after which a posted message appears in a history.
    pub lag: Duration,
    /// Whether tables and feedback buttons are refused.
    pub only_old_blocks: bool,
    people_by_id: HashMap<String, usize>,
    people_by_handle: HashMap<String, usize>,
    channels_by_id: HashMap<String, usize>,
    channels_by_name: HashMap<String, usize>,
    last_ts: Ts,
}

impl State {
    pub(super) fn new(clock: Clock, ids: Ids, mint: Mint) -> Self {
        Self {
            clock,
            ids,
            mint,
            people: Vec::new(),
            channels: Vec::new(),
            groups: Vec::new(),
            scopes: BTreeSet::new(),
            subscriptions: BTreeSet::new(),
            shortcuts: Vec::new(),
            triggers: HashMap::new(),
            hooks: HashMap::new(),
            windows: Windows::default(),
            lag: Duration::ZERO,
            only_old_blocks: false,
            people_by_id: HashMap::new(),
            people_by_handle: HashMap::new(),
            channels_by_id: HashMap::new(),
            channels_by_name: HashMap::new(),
            last_ts: Ts(0),
        }
    }

    /// Returns a new time stamp: the clock's time, or later, so that it is greater than all before.
    pub(super) fn next_ts(&mut self) -> Ts {
        self.last_ts = Ts(self.clock.now().as_microsecond().max(self.last_ts.0 + 1));
        self.last_ts
    }

    /// Adds a person, unless one has that handle already. Returns the person's index.
    pub(super) fn add_person(&mut self, handle: &str, name: &str, part: &str) -> usize {
        if let Some(at) = self.people_by_handle.get(handle) {
            return *at;
        }
        let id = self.mint.named('U', handle);
        let at = self.people.len();
        self.people_by_id.insert(id.clone(), at);
        self.people_by_handle.insert(handle.to_owned(), at);
        self.people.push(Person {
            deleted: false,
            id,
            handle: handle.to_owned(),
            name: name.to_owned(),
            part: part.to_owned(),
            closed: false,
            notices: VecDeque::new(),
            forms: Vec::new(),
        });
        at
    }

    /// Adds a channel. Returns its index.
    pub(super) fn add_channel(&mut self, name: &str, kind: Kind) -> usize {
        let id = match &kind {
            Kind::Direct(person) => format!("D{}", &person[1..]),
            _ => self.mint.named('C', name),
        };
        let at = self.channels.len();
        self.channels_by_id.insert(id.clone(), at);
        if !matches!(kind, Kind::Direct(_)) {
            self.channels_by_name.insert(name.to_owned(), at);
        }
        self.channels.push(Channel::new(id, name.to_owned(), kind, self.clock.now().as_second()));
        at
    }

    /// Deletes a channel with everything in it.
    pub(super) fn delete_channel(&mut self, at: usize) {
        let channel = &mut self.channels[at];
        channel.deleted = true;
        channel.bot = false;
        self.channels_by_id.remove(&channel.id);
        self.channels_by_name.remove(&channel.name);
    }

    pub(super) fn person(&self, handle: &str) -> Option<usize> {
        self.people_by_handle.get(handle).copied()
    }

    pub(super) fn person_by_id(&self, id: &str) -> Option<usize> {
        self.people_by_id.get(id).copied()
    }

    pub(super) fn channel(&self, name: &str) -> Option<usize> {
        self.channels_by_name.get(name).copied()
    }

    pub(super) fn channel_by_id(&self, id: &str) -> Option<usize> {
        self.channels_by_id.get(id).copied()
    }

    /// Returns the index of the direct conversation between the bot and this person. Opens it if there is none.
    pub(super) fn direct(&mut self, person: usize) -> usize {
        let id = self.people[person].id.clone();
        let channel = self.channel_by_id(&format!("D{}", &id[1..]));
        channel.unwrap_or_else(|| {
            let at = self.add_channel(BOT_HANDLE, Kind::Direct(id));
            self.channels[at].bot = true;
            at
        })
    }

    /// Returns the id of the direct conversation with this person, even if it is not open.
    pub(super) fn direct_id(&self, person: usize) -> String {
        format!("D{}", &self.people[person].id[1..])
    }

    /// Returns the people who see a channel, in the order of the cast.
    pub(super) fn members<'a>(&'a self, channel: &'a Channel) -> impl Iterator<Item = &'a Person> + 'a {
        self.people.iter().filter(|person| channel.seen_by(&person.id))
    }

    /// Returns the handles of the people who see a channel; `["*"]` for a public channel in a workspace of more than
    /// fifty people.
    pub(super) fn audience(&self, channel: usize) -> Vec<String> {
        const SPELT_OUT: usize = 50;
        let channel = &self.channels[channel];
        if channel.kind == Kind::Public && self.people.len() > SPELT_OUT {
            return vec!["*".to_owned()];
        }
        self.members(channel).map(|person| person.handle.clone()).collect()
    }

    /// Returns the name of a channel in the journal: `direct:jeff` for a direct conversation.
    pub(super) fn label(&self, channel: usize) -> String {
        match &self.channels[channel].kind {
            Kind::Direct(person) => format!("direct:{}", self.handle(person)),
            _ => self.channels[channel].name.clone(),
        }
    }

    /// Returns the handle of a person or the bot, by id.
    pub(super) fn handle<'a>(&'a self, id: &'a str) -> &'a str {
        if id == self.ids.bot_user {
            return BOT_HANDLE;
        }
        self.person_by_id(id).map_or(id, |at| &self.people[at].handle)
    }

    /// Shows a person a notice of Slack itself. The last twenty are kept.
    pub(super) fn notice(&mut self, person: usize, text: impl Into<String>) {
        const KEPT: usize = 20;
        let notices = &mut self.people[person].notices;
        notices.push_back(text.into());
        if notices.len() > KEPT {
            notices.pop_front();
        }
    }

    /// Creates a `trigger_id` for this person.
    pub(super) fn trigger(&mut self, user: &str) -> String {
        let id = format!("{}.{}", self.next_ts(), self.mint.random("", 24).to_lowercase());
        self.triggers.insert(id.clone(), Trigger { user: user.to_owned(), made: real::now(), used: false });
        id
    }

    /// Whether the bot gets this event of a channel: it is a member, subscribes to it, and has the scope.
    pub(super) fn bot_gets(&self, channel: usize, event: &str) -> bool {
        let channel = &self.channels[channel];
        channel.bot
            && self.subscriptions.contains(&format!("{event}.{}", channel.family()))
            && self.scopes.contains(&format!("{}:history", channel.family()))
    }
}

impl Names for State {
    fn now_s(&self) -> i64 {
        self.clock.now_ms() / 1000
    }
    fn person_name(&self, id: &str) -> Option<&str> {
        if id == self.ids.bot_user {
            return Some(BOT_NAME);
        }
        self.person_by_id(id).map(|at| self.people[at].name.as_str())
    }

    fn channel_name(&self, id: &str) -> Option<&str> {
        self.channel_by_id(id).map(|at| self.channels[at].name.as_str())
    }

    fn group_handle(&self, id: &str) -> Option<&str> {
        self.groups.iter().find(|group| group.id == id).map(|group| group.handle.as_str())
    }

    fn person_by_handle(&self, handle: &str) -> Option<&str> {
        if handle == BOT_HANDLE {
            return Some(&self.ids.bot_user);
        }
        self.person(handle).map(|at| self.people[at].id.as_str())
    }

    fn channel_by_name(&self, name: &str) -> Option<&str> {
        self.channel(name).filter(|at| self.channels[*at].kind == Kind::Public).map(|at| self.channels[at].id.as_str())
    }

    fn group_by_handle(&self, handle: &str) -> Option<&str> {
        self.groups.iter().find(|group| group.handle == handle).map(|group| group.id.as_str())
    }
}
