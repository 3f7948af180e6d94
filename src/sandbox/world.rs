//! The acts and views of a person in a workspace, in the same form for Slack and Discord.

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
    /// Returns `slack` or `discord`, the platform's name in the settings and in the journal.
    fn platform(&self) -> &'static str;
    /// Everybody but the bot, in the order of the cast.
    fn people(&self) -> Vec<PersonInfo>;
    /// The channels (no direct messages, no threads).
    fn channels(&self) -> Vec<ChannelInfo>;
    /// Adds a person, who is a member of every public channel; returns the platform's id.
    fn add_person(&self, handle: &str, name: &str) -> String;

    /// Posts `text` as a person. `reply_to` is the message that it replies to (Discord only; on Slack give a thread as
    /// `spot`).
    async fn say(&self, who: &str, spot: &Spot, text: &str, reply_to: Option<&str>) -> Result<MessageAt, WorldError>;
    /// Edits the person's own message.
    async fn edit(&self, who: &str, message: &MessageAt, text: &str) -> Result<(), WorldError>;
    /// Deletes the person's own message.
    async fn delete(&self, who: &str, message: &MessageAt) -> Result<(), WorldError>;
    /// Adds a reaction, or takes it back.
    async fn react(&self, who: &str, message: &MessageAt, emoji: &str, add: bool) -> Result<(), WorldError>;
    /// Presses a button, or chooses `value` in a menu (a handle in a menu of people). `control` is its id as the view
    /// shows it. Returns when the bot has acknowledged; without an acknowledgement it fails with
    /// [`WorldError::NoAnswer`].
    async fn press(&self, who: &str, message: &MessageAt, control: &str, value: Option<&str>)
    -> Result<(), WorldError>;
    /// Chooses an entry of the app, by its name, in the menu of a message ([`View::menus`]) or of its author
    /// ([`View::person_menus`]).
    async fn choose_menu(&self, who: &str, message: &MessageAt, name: &str) -> Result<(), WorldError>;
    /// Submits the open form. If the bot shows errors at fields, it fails with [`WorldError::Fields`], and the form
    /// stays open.
    async fn submit(&self, who: &str, form: &str, values: &BTreeMap<String, String>) -> Result<(), WorldError>;
    /// Closes the open form without submitting it.
    async fn dismiss(&self, who: &str, form: &str) -> Result<(), WorldError>;
    /// Enters the command `/desk text`. On Discord the words fill the registered options, as in its client.
    async fn command(&self, who: &str, spot: &Spot, text: &str) -> Result<(), WorldError>;

    /// Sets whether this person refuses direct messages.
    fn close_direct(&self, who: &str, closed: bool);
    /// Arms a fault, or lets it happen at once. Faults of the other platform do nothing.
    fn inject(&self, fault: Fault);
    /// Returns what this person sees now.
    fn view(&self, who: &str) -> Result<View, WorldError>;
    /// Returns a receiver that is notified whenever a view may have changed.
    fn changes(&self) -> watch::Receiver<u64>;
    /// Returns the number of events that the bot has not acknowledged (Slack), or that no connection has delivered yet
    /// (Discord).
    fn undelivered(&self) -> usize;
    /// Returns the number of acts whose answer the bot has deferred and not given yet (Discord; 0 on Slack).
    fn unanswered(&self) -> usize;
    /// Returns the calls that the real platform does not know, and the bodies that it refuses. Empty unless the bot is
    /// wrong.
    fn faults_seen(&self) -> Vec<String>;
    /// Waits until the bot is connected.
    async fn connected(&self);
}

/// The place where a person writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Spot {
    /// A channel, by its name without `#`.
    Channel { channel: String },
    /// The thread under the message with the id `root`, in a channel by its name without `#`. On Discord the thread is
    /// started if there is none yet.
    Thread { channel: String, root: String },
    /// The direct conversation with the bot, or (Slack only) the thread in it under the message with the id `root`.
    Direct {
        #[serde(default)]
        root: Option<String>,
    },
}

impl Spot {
    /// Returns the spot of a channel, by its name without `#`.
    #[must_use]
    pub fn channel(name: &str) -> Self {
        Self::Channel { channel: name.to_owned() }
    }
    /// Returns the spot of the thread under a message.
    #[must_use]
    pub fn thread(channel: &str, root: &str) -> Self {
        Self::Thread { channel: channel.to_owned(), root: root.to_owned() }
    }
    /// Returns the spot of the direct conversation with the bot.
    #[must_use]
    pub fn direct() -> Self {
        Self::Direct { root: None }
    }
}

/// The identity of a message: its channel, and its id there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAt {
    /// The platform's id of the channel. (On Discord a thread is a channel of its own.)
    pub channel: String,
    /// Slack's `ts`, Discord's snowflake, or the id of an ephemeral message.
    pub id: String,
}

/// A person of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonInfo {
    /// Short name, used by tests and the page.
    pub handle: String,
    /// The display name, such as `Jeff Park`.
    pub name: String,
    pub id: String,
    /// The person's role, which the page shows beside the name ("employee", "agent", "admin", "engineer").
    pub part: String,
}

/// A channel of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelInfo {
    /// The name, without `#`.
    pub name: String,
    pub id: String,
    /// Whether only members see it.
    pub private: bool,
}

/// All that one person sees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The channels that the person can see, then the direct conversation with the bot (name `desk`, `direct` true).
    pub channels: Vec<ChannelView>,
    /// The names of the app's entries in the menu of a message.
    #[serde(default)]
    pub menus: Vec<String>,
    /// The names of the app's entries in the menu of a person.
    #[serde(default)]
    pub person_menus: Vec<String>,
    /// The form that this person has open.
    pub form: Option<FormView>,
    /// The platform's own recent notices to this person ("This interaction failed"), newest last.
    pub notices: Vec<String>,
}

/// One channel as one person sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelView {
    /// The name, without `#`. Of the conversation with the bot: `desk`.
    pub name: String,
    pub id: String,
    /// Whether only members see it.
    pub private: bool,
    /// Whether it is the conversation with the bot.
    pub direct: bool,
    /// Top-level messages, oldest first, ephemeral ones among them.
    pub messages: Vec<MessageView>,
}

/// One message as one person sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    /// Id of its channel (on Discord, of its thread, if it is in one).
    pub channel: String,
    pub id: String,
    /// Display name of the author.
    pub author: String,
    /// Whether the bot wrote it.
    pub bot: bool,
    /// The text as a reader sees it: mentions as `@Name`, a link as its label followed by the address in angle brackets
    /// (if it differs), time tokens as dates or ages, escapes undone. Formatting marks stay. One line per block.
    pub text: String,
    /// The rows of its table. The first row holds the names of the columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub table: Vec<Vec<String>>,
    /// Whether only this person sees it.
    pub only_you: bool,
    pub edited: bool,
    /// Handles of the people whom the message pinged.
    pub pings: Vec<String>,
    /// When it was posted, in epoch milliseconds.
    pub at_ms: i64,
    /// The message that it replies to (Discord).
    pub reply_to: Option<String>,
    /// Buttons and menus, in order.
    pub controls: Vec<ControlView>,
    /// Reactions: the emoji, and the number of people.
    pub reactions: Vec<(String, usize)>,
    /// Messages of the thread under it, oldest first.
    pub thread: Vec<MessageView>,
}

/// A button or menu.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ControlView {
    /// Slack's `action_id`, Discord's `custom_id`.
    pub id: String,
    pub label: String,
    /// `primary`, `danger` or empty.
    pub style: String,
    pub kind: ControlKind,
    /// The choices of a menu.
    pub options: Vec<OptionView>,
}

/// The kind of a control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlKind {
    #[default]
    Button,
    /// A menu of options.
    Select,
    /// A menu of people.
    PersonSelect,
    /// A button that opens a page. The bot is not told of it.
    Link,
    /// Two small buttons, for praise and for blame. They are its options.
    Feedback,
}

/// An option of a menu.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OptionView {
    pub label: String,
    /// The value that the bot receives.
    pub value: String,
}

/// A form (a modal) that is open before one person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormView {
    /// The `form` of [`World::submit`].
    pub id: String,
    pub title: String,
    /// Label of the button that submits it.
    pub submit: String,
    /// Text above the fields.
    pub intro: String,
    pub fields: Vec<FormField>,
}

/// One field of a form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormField {
    /// Its key in the `values` of [`World::submit`].
    pub id: String,
    pub label: String,
    pub multiline: bool,
    pub optional: bool,
    pub value: String,
    /// The options, if it is a menu.
    pub options: Vec<OptionView>,
    /// Whether it takes a person, by the handle.
    #[serde(default)]
    pub person: bool,
    /// The error that the bot shows at the field.
    pub error: Option<String>,
}

/// A fault that a test injects into a sandbox.
///
/// A `method` is Slack's `chat.postMessage`, Discord's `POST /channels/{id}/messages` (with the variable parts as
/// `{…}`), or `*` for any call. A `channel` is a name without `#`.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The next `times` calls of a method fail with this HTTP status, and are not carried out.
    Fail { method: String, status: u16, times: u32 },
    /// The next `times` calls of a method are refused with 429, and are not carried out.
    RateLimit {
        method: String,
        /// The time to wait that the answer names, in the clock's time.
        retry_after: Duration,
        times: u32,
    },
    /// The next `times` calls of a method are carried out, but the connection is cut before the answer.
    LoseAnswer { method: String, times: u32 },
    /// The next `times` calls of a method are not carried out, and never get an answer.
    Hang { method: String, times: u32 },
    /// The next `times` events are delivered twice.
    DeliverTwice { times: u32 },
    /// The next `times` events are delivered late. On Slack later events overtake them. Discord's Gateway keeps its
    /// order, so that all later events wait as well.
    Late {
        /// The delay, in real time.
        by: Duration,
        times: u32,
    },
    /// The next `times` events are delivered after the event that follows them, or a quarter of a second late if none
    /// follows.
    OutOfOrder { times: u32 },
    /// Cancels the faults of calls and deliveries that have not happened yet, an absence and a lag. On Slack, `Odd`,
    /// `OldBlocks` and `DelayEvents` stay. Changed rights, scopes and channels stay on both platforms.
    Calm,
    /// Every connection is cut without a close frame.
    DropSockets,
    /// Missed events are never delivered. Slack gives up all events that are not acknowledged. On Discord no session of
    /// the present can be resumed.
    Forget,
    /// The connections that are open now stay open and answer pings, but deliver nothing more.
    Mute,
    /// The platform asks the bot to reconnect (Slack `disconnect`, Discord opcode 7).
    AskReconnect,
    /// Every open connection sends this frame to the bot at once.
    Nonsense(Nonsense),
    /// The next `times` connections begin with this text instead of the platform's hello.
    Greeting { text: String, times: u32 },
    /// The bot loses a channel: the channel is archived (Slack), or the bot loses its rights there (Discord).
    CloseChannel { channel: String },
    /// Undoes [`Fault::CloseChannel`]: the channel is unarchived, or the bot has its rights again.
    OpenChannel { channel: String },
    /// A channel is deleted, with everything in it.
    DeleteChannel { channel: String },
    /// A channel is shared with another organisation (Slack).
    ShareChannel { channel: String },
    /// The bot is removed from all its guilds (Discord). An app that is removed from a Slack workspace loses its token:
    /// use [`Absence::TokenRefused`].
    PutOut,
    /// Slack refuses the blocks that not every workspace takes: tables, and buttons for praise and blame.
    OldBlocks,
    /// The bot loses a scope (Slack).
    RevokeScope { scope: String },
    /// The bot is granted a scope (Slack).
    GrantScope { scope: String },
    /// The bot cannot reach the platform until [`Fault::Return`] (or [`Fault::Calm`]).
    Leave(Absence),
    /// The bot can reach the platform again.
    Return,
    /// Messages appear in the history only some time after they were posted.
    Lag {
        /// The delay, in the clock's time.
        by: Duration,
    },
    /// The next `times` events of this name have additional fields, which replace their own of the same names.
    Odd {
        /// The platform's name of the event (Slack `message`, Discord `MESSAGE_CREATE`).
        event: String,
        /// The fields as they are written in JSON, without the braces around them.
        fields: String,
        times: u32,
    },
    /// The next `times` events of this name are not sent (Discord).
    LeaveOut {
        /// Discord's name of the event.
        event: String,
        /// Whether the event uses up a sequence number. If so, a resumed session delivers it.
        numbered: bool,
        times: u32,
    },
    /// Limits how many sessions the bot may still begin (Discord). A bot that begins more loses its token.
    Sessions {
        remaining: u64,
        /// The time until the limit is a thousand again, in the clock's time.
        reset_after: Duration,
    },
    /// The next `times` sessions are closed right after their beginning, and cannot be resumed (Discord).
    Unsteady { times: u32 },
    /// After the usual retries, events that were refused are sent again every hour for a day (Slack's Delayed Events,
    /// over HTTP).
    DelayEvents,
    /// The bot loses the right to read the history of a channel (Discord), which then looks empty.
    HideHistory { channel: String },
    /// Undoes [`Fault::HideHistory`]: the bot may read the history of the channel again.
    ShowHistory { channel: String },
}

/// How a platform is out of the bot's reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It answers every call with 503. Connections are cut, and new ones refused.
    Down,
    /// It refuses the bot's token, as if it had been revoked. Connections are cut, and new ones refused.
    TokenRefused,
    /// A proxy or firewall answers calls in the platform's place. Open connections go on.
    Intercepted {
        /// The calls that it answers, as in [`Fault`].
        method: String,
        status: u16,
        body: String,
    },
}

/// A frame that a real platform does not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nonsense {
    Text(String),
    Binary(Vec<u8>),
    /// A close frame, with this code or with none.
    Close(Option<u16>),
}

/// Why an act of a person failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WorldError {
    /// There is no such person, channel, message, control or form, or the person does not see it.
    #[error("no such {0}")]
    Unknown(String),
    /// The platform does not allow it.
    #[error("not allowed: {0}")]
    NotAllowed(String),
    /// The bot did not answer in time, and the person saw the platform's own error.
    #[error("the app did not answer in time")]
    NoAnswer,
    /// The bot showed errors at fields of the form.
    #[error("the form was not accepted: {0:?}")]
    Fields(BTreeMap<String, String>),
}
