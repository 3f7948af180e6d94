//! Events: facts that the desk decides about, in the same form for every platform.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::act::{ActRef, Given};
use super::effect::{Call, Undeliverable};
use super::ids::{EffectId, MessageRef, Person, PersonRef, PingId, Place, PlatformName, Tenant};
use super::subject::Subject;

/// One event: a fact that the core decides about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The dedupe key. It names the fact, not its delivery: an event whose key was handled is not handled again.
    pub key: DedupeKey,
    /// When it happened, by the platform's clock.
    pub at: Timestamp,
    pub what: EventKind,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A person has posted a message that the bot can see.
    MessagePosted(Said),
    /// A person has edited a message. The message has its new words.
    MessageEdited(Said),
    /// A message was deleted.
    MessageDeleted { message: MessageRef },
    /// A person has used a button, a menu, a form, a reaction or a command.
    Acted(Acted),
    /// A thread was read back (the result of an effect).
    ThreadRead {
        /// The subject of the effect.
        about: Subject,
        /// The messages, oldest first.
        messages: Vec<Said>,
        /// Whether older messages were left unread.
        truncated: bool,
    },
    /// The delivery of an awaited post, such as an agent's reply, has ended.
    DeliverySettled(DeliverySettled),
    /// A call has ended (the result of an effect).
    CallEnded {
        /// The subject of the effect.
        about: Subject,
        call: Call,
        /// The result. `None` if the call was late or failed.
        found: Option<serde_json::Value>,
    },
    /// A timer has fired.
    TimerFired(Timer),
    /// A message was read, with the messages before it (the result of an effect).
    Looked {
        /// The request to read it, with its purpose.
        look: Look,
        /// The messages. `None` if the place cannot be read.
        found: Option<Box<Found>>,
    },
    /// The direct conversation of a person who asked elsewhere was looked up (the result of an effect).
    DirectOpened {
        request: DirectRequest,
        /// The conversation, or the reason why there is none.
        place: Result<Place, Undeliverable>,
    },
}

impl EventKind {
    /// Returns the name of its kind in logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MessagePosted(_) => "message_posted",
            Self::MessageEdited(_) => "message_edited",
            Self::MessageDeleted { .. } => "message_deleted",
            Self::Acted(_) => "acted",
            Self::ThreadRead { .. } => "thread_read",
            Self::DeliverySettled(_) => "delivery_settled",
            Self::CallEnded { .. } => "call_ended",
            Self::TimerFired(_) => "timer_fired",
            Self::Looked { .. } => "looked",
            Self::DirectOpened { .. } => "direct_opened",
        }
    }
}

/// A request by a command or form, which nobody else reads. It is answered in its author's direct conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectRequest {
    /// The requester. If a message was passed on, this is its author.
    pub by: Person,
    pub words: String,
    pub at: Timestamp,
    /// The place where the command was given.
    pub near: Option<Place>,
    /// The handle for answering the command.
    pub via: Option<ReplyHandle>,
    /// The message that was passed on, and the person who did so. `None` if the requester has asked in person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on: Option<PassedOn>,
}

impl DirectRequest {
    /// Returns the person who is told the result: the one who passed the message on, else the requester.
    #[must_use]
    pub fn asker(&self) -> &PersonRef {
        self.passed_on.as_ref().map_or(&self.by.who, |passed| &passed.by.who)
    }
}

/// A message that a person has passed on to the desk for its author.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassedOn {
    /// The person who has passed it on.
    pub by: Person,
    pub message: MessageRef,
}

/// A request to read a message, and messages before it, from the platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    pub message: MessageRef,
    pub place: Place,
    /// How many messages before it are read.
    pub before: u8,
    /// When the request was made.
    pub at: Timestamp,
    pub why: LookFor,
}

impl Look {
    /// How long after this request its result may be used to judge a ping. A later result is only counted.
    pub const JUDGED_WITHIN: SignedDuration = SignedDuration::from_secs(2);

    /// Returns the request without the words and people that came with it.
    #[must_use]
    pub fn without_words(&self) -> Self {
        let mut look = self.clone();
        match &mut look.why {
            LookFor::Judge(_) => {}
            LookFor::Request { urgent, .. } => *urgent = None,
            LookFor::Behalf { handed, .. } => *handed = None,
        }
        look
    }

    /// Returns the accounts of the people whom the request names.
    pub fn people(&self) -> impl Iterator<Item = &PersonRef> {
        let (by, author) = match &self.why {
            LookFor::Judge(_) => (None, None),
            LookFor::Request { by, .. } => (Some(by), None),
            LookFor::Behalf { by, handed, .. } => (Some(&by.who), handed.as_ref().map(|handed| &handed.author.who)),
        };
        by.into_iter().chain(author)
    }

    /// Whether the result is too late to be used.
    #[must_use]
    pub fn is_too_late(&self, now: Timestamp) -> bool {
        matches!(self.why, LookFor::Judge(_)) && now.duration_since(self.at) > Self::JUDGED_WITHIN
    }
}

/// The purpose of reading a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookFor {
    /// To judge whether a message that pings staff asks for help.
    Judge(PingId),
    /// To make the message a request, for its author.
    Request {
        /// The ping that the author was told about.
        ping: PingId,
        /// The author of the message, whose request it becomes.
        by: PersonRef,
        /// The handle for answering the author.
        via: Option<ReplyHandle>,
        /// The author's reason why it cannot wait, if it cannot. The people on call are then called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        urgent: Option<String>,
    },
    /// To make the message a request of its author, as another person has asked.
    Behalf {
        /// The person who has passed it on.
        by: Person,
        /// The handle for answering that person.
        via: Option<ReplyHandle>,
        /// The message as the platform has handed it over, in case it cannot be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handed: Option<Box<Handed>>,
    },
}

/// The message whose menu was used, as the platform hands it over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handed {
    pub author: Person,
    pub words: String,
}

/// A message as it is now, and the messages before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The message. `None` if it is gone.
    pub message: Option<Said>,
    /// The messages before it, oldest first.
    pub before: Vec<Said>,
}

/// A message of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    pub author: Person,
    pub place: Place,
    pub message: MessageRef,
    pub at: Timestamp,
    /// Its words, trimmed. The bot's mention is taken out, other mentions read `@Name`, escapes are undone.
    pub text: String,
    /// The people who are mentioned, in order, without the bot.
    #[serde(default)]
    pub mentions: Vec<Person>,
    /// The groups that are mentioned, without the bot's own: user groups on Slack, roles on Discord.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Mentioned>,
    /// The person whom it notifies as an answer to their message (Discord's reply).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifies: Option<Person>,
    /// Whether the bot is mentioned. (A direct message is meant for the bot without a mention.)
    pub mentions_bot: bool,
    /// The message that it answers (Discord's reply; in a direct conversation on Slack the root of its thread).
    #[serde(default)]
    pub reply_to: Option<MessageRef>,
    #[serde(default)]
    pub files: Vec<File>,
}

impl Said {
    /// Whether it is meant for the desk: it mentions the bot, or is a direct message.
    #[must_use]
    pub const fn addresses_desk(&self) -> bool {
        self.mentions_bot || self.place.is_direct()
    }
}

/// A group that was mentioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentioned {
    /// The platform's id of the group.
    pub id: String,
    /// The name that stands for it in the words, without the `@`.
    pub name: String,
}

/// A file, by name and link (links of the platforms need a login, and Discord's expire).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    pub url: String,
    /// Its size in bytes, 0 if unknown.
    pub bytes: u64,
}

/// An act that a person asks for, by any way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// The actor, with the roles that the event itself proves.
    pub actor: Person,
    /// The place that the actor acted from, if it is known.
    pub place: Option<Place>,
    /// The way of acting, which decides how the actor is answered.
    pub way: Way,
    /// The message whose menu was used (also to open the form), or that the actor reacted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<MessageRef>,
    pub asks: Asks,
    /// Whether the button or menu (also one that opened the form) stands in a message that nobody else sees.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_private: bool,
    /// The handle for answering the actor.
    pub reply: ReplyHandle,
}

impl Acted {
    /// Whether the actor always gets an answer: after a command; after an act from the menu of a message or a person,
    /// which nobody else sees; and after an act in a private message, which the answer replaces.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        match self.way {
            Way::Command | Way::MessageMenu | Way::PersonMenu => true,
            Way::Form => self.at.is_some() || self.in_private,
            Way::Button | Way::Menu | Way::Reaction => self.in_private,
        }
    }
}

/// The ways in which people act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Button,
    /// A value was chosen from a menu.
    Menu,
    Form,
    /// The `/desk` command was given.
    Command,
    /// An act was chosen from the menu of a message.
    MessageMenu,
    /// An act was chosen from the menu of a person.
    PersonMenu,
    /// A reaction to a message was given.
    Reaction,
}

impl Way {
    /// Every way, for tests that try each.
    pub const ALL: [Self; 7] =
        [Self::Button, Self::Menu, Self::Form, Self::Command, Self::MessageMenu, Self::PersonMenu, Self::Reaction];
}

/// What an actor asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// An act, with values that were given in fields.
    Act {
        does: ActRef,
        #[serde(default, skip_serializing_if = "Given::is_empty")]
        given: Given,
    },
    /// An act, by one page of a form with several pages.
    Page {
        /// The act and its subject, with the draft that holds the values of the former pages.
        does: ActRef,
        /// The values on this page.
        #[serde(default, skip_serializing_if = "Given::is_empty")]
        given: Given,
        /// The page's number, from 0.
        page: u8,
        /// Whether it is the last page.
        is_last: bool,
    },
    /// A command in words. Mentions in them are written `@Name`.
    Words {
        /// The words that were typed after `/desk`.
        words: String,
        /// The people who are mentioned, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<Person>,
    },
    /// An act that cannot be read (any more).
    Unknown,
}

impl Asks {
    /// Returns the act and its subject, if the act is asked for by its name.
    #[must_use]
    pub const fn does(&self) -> Option<&ActRef> {
        match self {
            Self::Act { does, .. } | Self::Page { does, .. } => Some(does),
            Self::Words { .. } | Self::Unknown => None,
        }
    }

    /// Returns the values that were given in fields.
    #[must_use]
    pub const fn given(&self) -> Option<&Given> {
        match self {
            Self::Act { given, .. } | Self::Page { given, .. } => Some(given),
            Self::Words { .. } | Self::Unknown => None,
        }
    }
}

/// The handle for answering a button, form or command. It is a secret that only the adapter understands, and it expires
/// after minutes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplyHandle(pub String);

impl fmt::Debug for ReplyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyHandle(…)")
    }
}

/// The end of an awaited effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliverySettled {
    pub effect: EffectId,
    pub about: Subject,
    pub awaited: super::effect::Awaited,
    /// The delivered message, or the reason why there is none.
    pub result: Result<MessageRef, super::effect::Undeliverable>,
}

/// A timer: one for each subject, kind and slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    pub on: Subject,
    pub kind: TimerKind,
    /// The slot, where a subject has several timers of a kind.
    #[serde(default)]
    pub slot: u16,
    pub due: Timestamp,
}

/// The kinds of timers, each with its name in the database.
macro_rules! timer_kinds {
    ($($(#[$meta:meta])* $kind:ident = $name:literal,)+) => {
        /// The kinds of timers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum TimerKind {
            $($(#[$meta])* #[serde(rename = $name)] $kind,)+
        }

        impl TimerKind {
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Returns the kind's name in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

timer_kinds! {
    /// A resolved ticket is to be closed.
    AutoClose = "auto_close",
    /// The wait of a ticket is over.
    WaitOver = "wait_over",
    /// News of an outage are due.
    OutageNews = "outage_news",
    /// The card of an outage is to show how far its announcement has come.
    OutageProgress = "outage_progress",
    /// If an article is still a draft, its owner is to be reminded.
    ArticleDraft = "article_draft",
}

/// The dedupe key of a fact. Only the functions here make keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DedupeKey(String);

impl DedupeKey {
    /// Returns a key from its stored text.
    #[must_use]
    pub const fn stored(key: String) -> Self {
        Self(key)
    }

    /// Returns the key of a posted message.
    #[must_use]
    pub fn message(message: &MessageRef) -> Self {
        Self(format!("m:{}", Self::of(message)))
    }

    /// Returns the key of an edit. `edited` is the platform's time stamp of the edit.
    #[must_use]
    pub fn edit(message: &MessageRef, edited: &str) -> Self {
        Self(format!("e:{}:{edited}", Self::of(message)))
    }

    /// Returns the key of a deletion.
    #[must_use]
    pub fn deletion(message: &MessageRef) -> Self {
        Self(format!("d:{}", Self::of(message)))
    }

    /// Returns the key of a Discord interaction (button, menu, form or command).
    #[must_use]
    pub fn interaction(platform: PlatformName, id: &str) -> Self {
        Self(format!("i:{platform}:{id}"))
    }

    /// Returns the key of a click on a Slack button or menu.
    #[must_use]
    pub fn slack_click(tenant: &Tenant, user: &str, message_ts: &str, action_id: &str, action_ts: &str) -> Self {
        Self(format!("c:{}:{user}:{message_ts}:{action_id}:{action_ts}", tenant.id))
    }

    /// Returns the key of an act by a reaction. The `stamp` tells apart reactions that are removed and given again.
    #[must_use]
    pub fn reaction(message: &MessageRef, who: &PersonRef, act: &str, stamp: &str) -> Self {
        Self(format!("r:{}:{}:{act}:{stamp}", Self::of(message), who.id))
    }

    /// Returns the key of a Slack form.
    #[must_use]
    pub fn slack_form(tenant: &Tenant, view_id: &str, hash: &str) -> Self {
        Self(format!("f:{}:{view_id}:{hash}", tenant.id))
    }

    /// Returns the key of a Slack command, which its `trigger_id` identifies.
    #[must_use]
    pub fn slack_command(tenant: &Tenant, trigger_id: &str) -> Self {
        Self(format!("s:{}:{trigger_id}", tenant.id))
    }

    /// Returns the key of an effect's result.
    #[must_use]
    pub fn effect(effect: &EffectId) -> Self {
        Self(format!("x:{effect}"))
    }

    /// Returns the key of the result of an effect that was held and is delivered after all.
    #[must_use]
    pub fn effect_after_all(effect: &EffectId) -> Self {
        Self(format!("x:{effect}:late"))
    }

    /// Returns the key under which the removal of an effect's message is queued once.
    #[must_use]
    pub fn effect_removed(effect: &EffectId) -> Self {
        Self(format!("x:{effect}:remove"))
    }

    /// Returns the key of a fired timer.
    #[must_use]
    pub fn timer(Timer { on, kind, slot, due }: &Timer) -> Self {
        Self(format!("t:{on}:{}:{slot}:{}", kind.as_str(), due.as_millisecond()))
    }

    /// Returns the key of a message to the desk about a condition: one for each hour.
    #[must_use]
    pub fn condition(name: &str, at: Timestamp) -> Self {
        Self(format!("a:{name}:{}", at.as_second().div_euclid(3600)))
    }

    /// Returns the key as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(message: &MessageRef) -> String {
        // Tenant ids are left out on Discord, where a snowflake alone identifies a message.
        match message.tenant.platform {
            PlatformName::Slack => format!("slack:{}:{}:{}", message.tenant.id, message.channel, message.id),
            PlatformName::Discord => format!("discord:{}", message.id),
        }
    }
}
