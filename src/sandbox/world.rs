//! What a person can do and see in a workspace, the same for Slack and Discord.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A workspace as its people use it. People and channels are named by their handles (`jeff`, `sales`).
///
/// In texts, `@desk` stands for the bot, `@jeff` for the person with that handle, `@channel`/`@everyone` for the
/// platform's own mass mention; the workspace turns them into the platform's own form, as its client would.
#[async_trait]
pub trait World: Send + Sync {
    /// `slack` or `discord`.
    fn platform(&self) -> &'static str;
    /// Everybody but the bot, in the order of the cast.
    fn people(&self) -> Vec<PersonInfo>;
    /// The channels (no direct messages, no threads).
    fn channels(&self) -> Vec<ChannelInfo>;
    /// Adds a person, who is a member of every public channel; returns the platform's id.
    fn add_person(&self, handle: &str, name: &str) -> String;

    /// Posts `text` as a person; `reply_to` is Discord's reply to a message (Slack has none: give a thread as `spot`).
    async fn say(&self, who: &str, spot: &Spot, text: &str, reply_to: Option<&str>) -> Result<MessageAt, WorldError>;
    /// Edits one's own message.
    async fn edit(&self, who: &str, message: &MessageAt, text: &str) -> Result<(), WorldError>;
    /// Deletes one's own message.
    async fn delete(&self, who: &str, message: &MessageAt) -> Result<(), WorldError>;
    /// Adds (or takes back) a reaction.
    async fn react(&self, who: &str, message: &MessageAt, emoji: &str, add: bool) -> Result<(), WorldError>;
    /// Presses a button, or chooses `value` in a select (for a choice of people: the handle). `control` is its id as
    /// the view shows it. Returns once the bot has acknowledged; an unacknowledged press is [`WorldError::NoAnswer`].
    async fn press(&self, who: &str, message: &MessageAt, control: &str, value: Option<&str>)
    -> Result<(), WorldError>;
    /// Chooses what the app offers in the menu of a message, or of its author, by its name ([`View::menus`],
    /// [`View::person_menus`]).
    async fn choose_menu(&self, who: &str, message: &MessageAt, name: &str) -> Result<(), WorldError>;
    /// Submits the open form. Errors that the bot shows at fields are [`WorldError::Fields`], and the form stays open.
    async fn submit(&self, who: &str, form: &str, values: &BTreeMap<String, String>) -> Result<(), WorldError>;
    /// Closes the open form without sending it.
    async fn dismiss(&self, who: &str, form: &str) -> Result<(), WorldError>;
    /// Gives the command `/desk text`. On Discord the words are laid into the registered options, as its client would.
    async fn command(&self, who: &str, spot: &Spot, text: &str) -> Result<(), WorldError>;

    /// Lets nobody (or somebody) write to this person directly.
    fn close_direct(&self, who: &str, closed: bool);
    /// Makes the platform misbehave.
    fn inject(&self, fault: Fault);
    /// What this person sees now.
    fn view(&self, who: &str) -> Result<View, WorldError>;
    /// Changes whenever anybody's view may have changed.
    fn changes(&self) -> watch::Receiver<u64>;
    /// Events that the bot has been sent and has not acknowledged (Slack), or not been sent yet for want of a connection.
    fn undelivered(&self) -> usize;
    /// Acts whose answer was said to be on its way and has not come.
    fn unanswered(&self) -> usize;
    /// Calls that the real platform would not know, or bodies that it would refuse: empty unless the bot is wrong.
    fn faults_seen(&self) -> Vec<String>;
    /// Waits until the bot is connected.
    async fn connected(&self);
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Spot {
    /// In a channel, by its name without `#`.
    Channel {
        /// Name without `#`.
        channel: String,
    },
    /// In the thread under a message (its id). On Discord the thread is started if there is none yet.
    Thread {
        /// Name of the channel without `#`.
        channel: String,
        /// Id of the message that the thread hangs under.
        root: String,
    },
    /// Directly to the bot; `root` is the thread in it (Slack only).
    Direct {
        /// Id of the message that the thread hangs under.
        #[serde(default)]
        root: Option<String>,
    },
}

impl Spot {
    /// In a channel.
    #[must_use]
    pub fn channel(name: &str) -> Self {
        Self::Channel { channel: name.to_owned() }
    }
    /// In a thread.
    #[must_use]
    pub fn thread(channel: &str, root: &str) -> Self {
        Self::Thread { channel: channel.to_owned(), root: root.to_owned() }
    }
    /// Directly to the bot.
    #[must_use]
    pub fn direct() -> Self {
        Self::Direct { root: None }
    }
}

/// A message and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAt {
    /// The platform's id of the channel (on Discord a thread's messages stand in the thread's own channel).
    pub channel: String,
    /// Slack's `ts`, Discord's snowflake, or the id of an ephemeral message.
    pub id: String,
}

/// A person of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonInfo {
    /// Short name used by tests and the page.
    pub handle: String,
    /// Display name.
    pub name: String,
    /// The platform's id.
    pub id: String,
    /// What the page shows beside the name ("employee", "agent", "admin", "engineer").
    pub part: String,
}

/// A channel of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelInfo {
    /// Name without `#`.
    pub name: String,
    /// The platform's id.
    pub id: String,
    /// Only members see it.
    pub private: bool,
}

/// All that one person sees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Channels that the person can see, then the direct messages with the bot (name `desk`, `direct` true).
    pub channels: Vec<ChannelView>,
    /// What the app offers in the menu of every message.
    #[serde(default)]
    pub menus: Vec<String>,
    /// What the app offers in the menu of every person.
    #[serde(default)]
    pub person_menus: Vec<String>,
    /// The form that is open before this person.
    pub form: Option<FormView>,
    /// What the platform itself told this person lately ("This interaction failed"), newest last.
    pub notices: Vec<String>,
}

/// One channel as one person sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelView {
    /// Name without `#`.
    pub name: String,
    /// The platform's id.
    pub id: String,
    /// Only members see it.
    pub private: bool,
    /// The conversation with the bot.
    pub direct: bool,
    /// Top-level messages, oldest first, ephemeral ones among them.
    pub messages: Vec<MessageView>,
}

/// One message as one person sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    /// Id of the channel (or thread channel) that it stands in.
    pub channel: String,
    /// Its id.
    pub id: String,
    /// Display name of the author.
    pub author: String,
    /// Whether the bot wrote it.
    pub bot: bool,
    /// What a reader reads: mentions as `@Name`, links as their labels with the address behind in angle brackets where
    /// it differs, time tokens as written for people, escapes undone; formatting marks stay. One line per block.
    pub text: String,
    /// Its table, row by row, the names of the columns first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub table: Vec<Vec<String>>,
    /// Only this person sees it.
    pub only_you: bool,
    /// It was edited.
    pub edited: bool,
    /// Handles of the people whom this message pinged.
    pub pings: Vec<String>,
    /// When it was posted, in epoch milliseconds.
    pub at_ms: i64,
    /// The message that it replies to (Discord).
    pub reply_to: Option<String>,
    /// Buttons and menus, in order.
    pub controls: Vec<ControlView>,
    /// Reactions as `emoji` and number.
    pub reactions: Vec<(String, usize)>,
    /// Messages of the thread under it, oldest first.
    pub thread: Vec<MessageView>,
}

/// A button or menu.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ControlView {
    /// Slack's `action_id`, Discord's `custom_id`.
    pub id: String,
    /// What it says.
    pub label: String,
    /// `primary`, `danger` or empty.
    pub style: String,
    /// Button or menu.
    pub kind: ControlKind,
    /// The choices of a menu.
    pub options: Vec<OptionView>,
}

/// What kind of control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlKind {
    /// Pressed.
    #[default]
    Button,
    /// One of its options is chosen.
    Select,
    /// A person is chosen.
    PersonSelect,
    /// Opens a page; the bot does not hear of it.
    Link,
    /// Two small buttons, for praise and for blame: its options.
    Feedback,
}

/// One choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OptionView {
    /// What it says.
    pub label: String,
    /// What the bot gets.
    pub value: String,
}

/// An open form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormView {
    /// Names it in [`World::submit`].
    pub id: String,
    /// Its title.
    pub title: String,
    /// What the sending button says.
    pub submit: String,
    /// Text above the fields.
    pub intro: String,
    /// Its fields.
    pub fields: Vec<FormField>,
}

/// One field of a form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormField {
    /// Names it in [`World::submit`].
    pub id: String,
    /// What it says.
    pub label: String,
    /// Several lines.
    pub multiline: bool,
    /// May stay empty.
    pub optional: bool,
    /// What stands in it at first.
    pub value: String,
    /// The choices, where it is a menu.
    pub options: Vec<OptionView>,
    /// It takes a person, by the handle.
    #[serde(default)]
    pub person: bool,
    /// What the bot found wrong with it.
    pub error: Option<String>,
}

/// A way to misbehave.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The next `times` calls of this method (Slack `chat.postMessage`; Discord `POST /channels/{id}/messages`, with
    /// the variable parts as `{…}`; `*` is any) fail with this HTTP status, undone.
    Fail {
        /// The method.
        method: String,
        /// HTTP status.
        status: u16,
        /// How often.
        times: u32,
    },
    /// The same, with 429 and this time to wait.
    RateLimit {
        /// The method.
        method: String,
        /// Time to wait, in the clock's time.
        retry_after: Duration,
        /// How often.
        times: u32,
    },
    /// The next `times` calls are carried out, but the answer is lost: the connection is cut.
    LoseAnswer {
        /// The method.
        method: String,
        /// How often.
        times: u32,
    },
    /// The next `times` calls never get an answer, and nothing is done.
    Hang {
        /// The method.
        method: String,
        /// How often.
        times: u32,
    },
    /// The next `times` events are delivered twice.
    DeliverTwice {
        /// How many events.
        times: u32,
    },
    /// The next `times` events come late, by so much real time. On Slack others overtake them; Discord's Gateway keeps
    /// its order, so that all that comes after them waits as well.
    Late {
        /// How late, in real time.
        by: Duration,
        /// How many events.
        times: u32,
    },
    /// The next `times` events come after the event that follows them (or a quarter of a second late if none does).
    OutOfOrder {
        /// How many events.
        times: u32,
    },
    /// Everything that was asked for and has not happened yet is forgotten.
    Calm,
    /// Every connection is dropped without a word.
    DropSockets,
    /// Events that are under way or wait for the bot are never delivered.
    Forget,
    /// The connections that are open now stay so and answer pings, but bring nothing more.
    Mute,
    /// The platform asks to reconnect, politely (Slack `disconnect`, Discord opcode 7).
    AskReconnect,
    /// Every connection that is open brings this now.
    Nonsense(Nonsense),
    /// The next `times` connections are greeted by this text in place of the platform's hello.
    Greeting {
        /// What they bring first.
        text: String,
        /// How many connections.
        times: u32,
    },
    /// The bot loses a channel: archived (Slack), or its rights there (Discord).
    CloseChannel {
        /// Name without `#`.
        channel: String,
    },
    /// The same channel is as it was before.
    OpenChannel {
        /// Name without `#`.
        channel: String,
    },
    /// A channel is deleted, with everything in it.
    DeleteChannel {
        /// Name without `#`.
        channel: String,
    },
    /// A channel is shared with another organisation (Slack).
    ShareChannel {
        /// Name without `#`.
        channel: String,
    },
    /// The bot is put out of its guilds (Discord). On Slack an app that is put out has lost its token.
    PutOut,
    /// Messages may hold only blocks that every workspace takes (Slack): neither tables nor buttons for praise and blame.
    OldBlocks,
    /// A granted scope (Slack) is taken away.
    RevokeScope {
        /// Name of the scope.
        scope: String,
    },
    /// A scope (Slack) is granted.
    GrantScope {
        /// Name of the scope.
        scope: String,
    },
    /// The platform is out of the bot's reach until [`Fault::Return`] (or [`Fault::Calm`]).
    Leave(Absence),
    /// It is in reach again.
    Return,
    /// What is posted shows in the history only so much later, in the clock's time.
    Lag {
        /// How much later.
        by: Duration,
    },
    /// The next `times` events of this name carry these fields besides, in place of their own of the same name.
    Odd {
        /// The platform's name of the event (Slack `message`, Discord `MESSAGE_CREATE`).
        event: String,
        /// The fields as they are written in JSON, without the braces around them.
        fields: String,
        /// How many events.
        times: u32,
    },
    /// The next `times` events of this name are left out (Discord): counted by their numbers, or not even that.
    LeaveOut {
        /// Discord's name of the event.
        event: String,
        /// Whether its number is used up; then a session that is resumed brings it.
        numbered: bool,
        /// How many events.
        times: u32,
    },
    /// So many more sessions may be begun until then (Discord); whoever begins more loses the token.
    Sessions {
        /// How many.
        remaining: u64,
        /// When there are a thousand again, in the clock's time from now.
        reset_after: Duration,
    },
    /// The next `times` sessions are closed as soon as they have begun, and cannot be resumed (Discord).
    Unsteady {
        /// How many.
        times: u32,
    },
    /// Events that were refused often enough are sent again every hour for a day (Slack's Delayed Events, over HTTP).
    DelayEvents,
    /// The bot may not read what was said in a channel (Discord): its history is empty.
    HideHistory {
        /// Name without `#`.
        channel: String,
    },
    /// It may again.
    ShowHistory {
        /// Name without `#`.
        channel: String,
    },
}

/// How a platform is out of reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It answers every call with 503; connections are cut, and new ones refused.
    Down,
    /// It refuses the bot's token, as after it was revoked; connections are cut, and new ones refused.
    TokenRefused,
    /// Somebody between (a proxy, a firewall) answers in its place. Connections that there are go on.
    Between {
        /// The calls that are answered so, as in [`Fault::Fail`].
        method: String,
        /// HTTP status.
        status: u16,
        /// The answer, which is none of the platform's.
        body: String,
    },
}

/// What a connection brings that a platform would not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nonsense {
    /// A frame of text.
    Text(String),
    /// A frame of bytes.
    Binary(Vec<u8>),
    /// Its end, with this code, or with none.
    Close(Option<u16>),
}

/// Why a person could not do it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WorldError {
    /// No such person, channel, message, control or form, or not visible to that person.
    #[error("no such {0}")]
    Unknown(String),
    /// The platform does not allow it.
    #[error("not allowed: {0}")]
    NotAllowed(String),
    /// The bot did not answer in time; the person saw the platform's own failure.
    #[error("the app did not answer in time")]
    NoAnswer,
    /// The bot showed errors at fields of the form.
    #[error("the form was not accepted: {0:?}")]
    Fields(BTreeMap<String, String>),
}
