//! What happened, as the core is told of it: the same for every platform.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::act::{ActRef, Given};
use super::effect::{Call, Undeliverable};
use super::ids::{EffectId, MessageRef, Person, PersonRef, PingId, Place, PlatformName, Tenant};
use super::subject::Subject;

/// One fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Names the fact (not its delivery): what carries a key that was handled before is not handled again.
    pub key: DedupeKey,
    /// When it happened, by the platform's time.
    pub at: Timestamp,
    /// What happened.
    pub what: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody wrote something that the bot can see.
    MessagePosted(Said),
    /// Somebody changed the words of a message; it is given as it stands now.
    MessageEdited(Said),
    /// A message was deleted.
    MessageDeleted {
        /// Which.
        message: MessageRef,
    },
    /// Somebody did something with the desk: by a button, a menu, a form or a command.
    Acted(Acted),
    /// A read-back of a thread has come (the result of an effect).
    ThreadRead {
        /// For what.
        about: Subject,
        /// What was said there, oldest first.
        messages: Vec<Said>,
        /// Whether older messages were left unread.
        truncated: bool,
    },
    /// A reply of an agent, or another post that somebody waits for, has or has not been delivered.
    DeliverySettled(DeliverySettled),
    /// A call has ended (the result of an effect).
    CallEnded {
        /// About what.
        about: Subject,
        /// The call.
        call: Call,
        /// What it has found; nothing if it was late or failed.
        found: Option<serde_json::Value>,
    },
    /// A moment has come that was waited for.
    TimerFired(Timer),
    /// A message, and what was said before it, was looked up (the result of an effect).
    Looked {
        /// For what.
        look: Look,
        /// What was found; nothing where it cannot be read.
        found: Option<Box<Found>>,
    },
    /// The direct conversation with somebody who asked for something elsewhere was looked up (the result of an effect).
    DirectOpened {
        /// Who asks for what.
        request: DirectRequest,
        /// The conversation, or why there is none with this person.
        place: Result<Place, Undeliverable>,
    },
}

impl EventKind {
    /// Its name in logs and metrics.
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

/// What somebody asks for by a command or form where nobody else reads it: it is answered in their direct conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectRequest {
    /// Who asks.
    pub by: Person,
    /// What for, in their words.
    pub words: String,
    /// When.
    pub at: Timestamp,
    /// Where they gave the command.
    pub near: Option<Place>,
    /// How the command is answered.
    pub via: Option<ReplyHandle>,
    /// Who has passed it on for them, and which message of theirs that is: then it is they who hear how it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on: Option<PassedOn>,
}

impl DirectRequest {
    /// Who hears how it went: whoever asks, or has passed it on for them.
    #[must_use]
    pub fn asker(&self) -> &PersonRef {
        self.passed_on.as_ref().map_or(&self.by.who, |passed| &passed.by.who)
    }
}

/// A message that somebody has passed on to the desk for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassedOn {
    /// Who has passed it on.
    pub by: Person,
    /// The message.
    pub message: MessageRef,
}

/// A message, and what was said before it, is to be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Which message.
    pub message: MessageRef,
    /// Where it stands.
    pub place: Place,
    /// How many messages before it.
    pub before: u8,
    /// Since when somebody waits for it.
    pub at: Timestamp,
    /// For what.
    pub why: LookFor,
}

impl Look {
    /// How long after a ping it is still judged: later nobody is told any more.
    pub const JUDGED_WITHIN: SignedDuration = SignedDuration::from_secs(2);

    /// The same without the words and people that came with it.
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

    /// Whose words or account came with it.
    pub fn people(&self) -> impl Iterator<Item = &PersonRef> {
        let (by, author) = match &self.why {
            LookFor::Judge(_) => (None, None),
            LookFor::Request { by, .. } => (Some(by), None),
            LookFor::Behalf { by, handed, .. } => (Some(&by.who), handed.as_ref().map(|handed| &handed.author.who)),
        };
        by.into_iter().chain(author)
    }

    /// Whether nobody waits for it any more.
    #[must_use]
    pub fn is_in_vain(&self, now: Timestamp) -> bool {
        matches!(self.why, LookFor::Judge(_)) && now.duration_since(self.at) > Self::JUDGED_WITHIN
    }
}

/// For what a message is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookFor {
    /// To judge whether it asks for help: it pings staff.
    Judge(PingId),
    /// To make it a request, since its author says so.
    Request {
        /// Which ping the author was told of.
        ping: PingId,
        /// The author.
        by: PersonRef,
        /// How the author is answered.
        via: Option<ReplyHandle>,
        /// Why it cannot wait, if the author says so: whoever is on call is called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        urgent: Option<String>,
    },
    /// To make it a request of its author's, since somebody else says so.
    Behalf {
        /// Who says so.
        by: Person,
        /// How they are answered.
        via: Option<ReplyHandle>,
        /// What the platform has handed over of the message with that, for where it cannot be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handed: Option<Box<Handed>>,
    },
}

/// What a platform hands over of a message at whose menu an act was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handed {
    /// Who wrote it.
    pub author: Person,
    /// What it says.
    pub words: String,
}

/// A message as it stands now, and what was said before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The message; nothing if it is gone.
    pub message: Option<Said>,
    /// What was said before it, oldest first.
    pub before: Vec<Said>,
}

/// A message of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Who wrote it.
    pub author: Person,
    /// Where.
    pub place: Place,
    /// Which message.
    pub message: MessageRef,
    /// When it was written.
    pub at: Timestamp,
    /// Its words: the bot's own mention taken out, mentions of others as `@Name`, the platform's escapes undone, trimmed.
    pub text: String,
    /// The people mentioned, in order, the bot not among them.
    #[serde(default)]
    pub mentions: Vec<Person>,
    /// The groups of people mentioned: user groups on Slack, roles on Discord, the bot's own not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Mentioned>,
    /// Whom it notifies as an answer to a message of theirs (Discord's reply).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifies: Option<Person>,
    /// Whether the bot was mentioned. (What is said directly to the bot is meant for it without a mention.)
    pub mentions_bot: bool,
    /// The message that it answers (Discord's reply; in a direct conversation on Slack the root of its thread).
    #[serde(default)]
    pub reply_to: Option<MessageRef>,
    /// Files that came with it.
    #[serde(default)]
    pub files: Vec<File>,
}

impl Said {
    /// Whether it is meant for the desk: the bot was mentioned, or it was said to it directly.
    #[must_use]
    pub const fn addresses_desk(&self) -> bool {
        self.mentions_bot || self.place.is_direct()
    }
}

/// A group that was mentioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentioned {
    /// The platform's id of it.
    pub id: String,
    /// What stands for it in the words, without the `@`.
    pub name: String,
}

/// A file, by name and link (links of the platforms need a login, and Discord's expire).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Where it can be seen.
    pub url: String,
    /// Its size in bytes, 0 if unknown.
    pub bytes: u64,
}

/// Somebody did something with the desk, whichever way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// Who acted, with the roles that the event itself proves.
    pub actor: Person,
    /// From where, if that is known.
    pub place: Option<Place>,
    /// The way in, which decides how they are answered.
    pub way: Way,
    /// The message whose menu it was (or that of the form), or that they reacted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<MessageRef>,
    /// What they ask for.
    pub asks: Asks,
    /// Whether the button or menu, or that which opened the form, stands in a message that nobody else sees.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_private: bool,
    /// How to answer this person.
    pub reply: ReplyHandle,
}

impl Acted {
    /// Whether whoever acted is answered in any case: a command waits for words, and so does what takes the place of a private
    /// message, or was begun at a message that nobody else saw it at.
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
    /// A button was pressed.
    Button,
    /// Something was chosen from a menu.
    Menu,
    /// A form was sent.
    Form,
    /// The `/desk` command was given.
    Command,
    /// Something was chosen from the menu of a message.
    MessageMenu,
    /// Something was chosen from the menu of a person.
    PersonMenu,
    /// Somebody reacted to a message.
    Reaction,
}

impl Way {
    /// Every way in, for tests that try each.
    pub const ALL: [Self; 7] =
        [Self::Button, Self::Menu, Self::Form, Self::Command, Self::MessageMenu, Self::PersonMenu, Self::Reaction];
}

/// What somebody who acts asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// For an act, with what was given in fields: whatever they say, none is taken for another.
    Act {
        /// The act, and what it is done to.
        does: ActRef,
        /// What is given with it.
        #[serde(default, skip_serializing_if = "Given::is_empty")]
        given: Given,
    },
    /// For an act, by a page of a form that has several.
    Page {
        /// The act, and what it is done to; the draft has what the pages before were given.
        does: ActRef,
        /// What stands on this page.
        #[serde(default, skip_serializing_if = "Given::is_empty")]
        given: Given,
        /// Its number, from 0.
        page: u8,
        /// Whether it is the last.
        is_last: bool,
    },
    /// For what these words say, mentions in them as `@Name`.
    Words {
        /// What was typed after the command.
        words: String,
        /// The people mentioned, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<Person>,
    },
    /// For something that cannot be read (any more).
    Unknown,
}

impl Asks {
    /// The act that is asked for by its name, and what it is done to.
    #[must_use]
    pub const fn does(&self) -> Option<&ActRef> {
        match self {
            Self::Act { does, .. } | Self::Page { does, .. } => Some(does),
            Self::Words { .. } | Self::Unknown => None,
        }
    }

    /// What is given in fields.
    #[must_use]
    pub const fn given(&self) -> Option<&Given> {
        match self {
            Self::Act { given, .. } | Self::Page { given, .. } => Some(given),
            Self::Words { .. } | Self::Unknown => None,
        }
    }
}

/// How to answer the person who used a button, form or command: opaque to the core, worthless after minutes, a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplyHandle(pub String);

impl fmt::Debug for ReplyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyHandle(…)")
    }
}

/// The end of an effect that somebody waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliverySettled {
    /// Which effect.
    pub effect: EffectId,
    /// About what.
    pub about: Subject,
    /// What was to be delivered.
    pub awaited: super::effect::Awaited,
    /// The message that now stands there, or why none does.
    pub result: Result<MessageRef, super::effect::Undeliverable>,
}

/// A moment that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// For what.
    pub on: Subject,
    /// What is to happen.
    pub kind: TimerKind,
    /// Which of several of this kind for the same subject.
    #[serde(default)]
    pub slot: u16,
    /// When.
    pub due: Timestamp,
}

/// The kinds of timers, each with its name in the database.
macro_rules! timer_kinds {
    ($($(#[$meta:meta])* $kind:ident = $name:literal,)+) => {
        /// What is waited for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum TimerKind {
            $($(#[$meta])* #[serde(rename = $name)] $kind,)+
        }

        impl TimerKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Its name in the database.
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
    /// A resolved ticket is closed.
    AutoClose = "auto_close",
    /// A ticket has waited until the moment that was set.
    WaitOver = "wait_over",
    /// News of an outage are due.
    OutageNews = "outage_news",
    /// The card of an outage is to show how far its announcement has come.
    OutageProgress = "outage_progress",
    /// An article is still a draft.
    ArticleDraft = "article_draft",
}

/// The name of a fact. Every kind of key is made here, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DedupeKey(String);

impl DedupeKey {
    /// A key as it was stored.
    #[must_use]
    pub const fn stored(key: String) -> Self {
        Self(key)
    }

    /// A message was posted.
    #[must_use]
    pub fn message(message: &MessageRef) -> Self {
        Self(format!("m:{}", Self::of(message)))
    }

    /// It was edited; `edited` is the platform's time stamp of the edit.
    #[must_use]
    pub fn edit(message: &MessageRef, edited: &str) -> Self {
        Self(format!("e:{}:{edited}", Self::of(message)))
    }

    /// It was deleted.
    #[must_use]
    pub fn deletion(message: &MessageRef) -> Self {
        Self(format!("d:{}", Self::of(message)))
    }

    /// A Discord interaction (button, menu, form or command).
    #[must_use]
    pub fn interaction(platform: PlatformName, id: &str) -> Self {
        Self(format!("i:{platform}:{id}"))
    }

    /// A Slack button or menu.
    #[must_use]
    pub fn slack_click(tenant: &Tenant, user: &str, message_ts: &str, action_id: &str, action_ts: &str) -> Self {
        Self(format!("c:{}:{user}:{message_ts}:{action_id}:{action_ts}", tenant.id))
    }

    /// Somebody did an act by reacting to a message, at this `stamp`: who takes a reaction back may give it again.
    #[must_use]
    pub fn reaction(message: &MessageRef, who: &PersonRef, act: &str, stamp: &str) -> Self {
        Self(format!("r:{}:{}:{act}:{stamp}", Self::of(message), who.id))
    }

    /// A Slack form.
    #[must_use]
    pub fn slack_form(tenant: &Tenant, view_id: &str, hash: &str) -> Self {
        Self(format!("f:{}:{view_id}:{hash}", tenant.id))
    }

    /// A Slack command; `trigger_id` names the one act.
    #[must_use]
    pub fn slack_command(tenant: &Tenant, trigger_id: &str) -> Self {
        Self(format!("s:{}:{trigger_id}", tenant.id))
    }

    /// The result of an effect.
    #[must_use]
    pub fn effect(effect: &EffectId) -> Self {
        Self(format!("x:{effect}"))
    }

    /// The result of an effect that was held, and is delivered after all.
    #[must_use]
    pub fn effect_after_all(effect: &EffectId) -> Self {
        Self(format!("x:{effect}:late"))
    }

    /// What an effect left is to be removed.
    #[must_use]
    pub fn effect_removed(effect: &EffectId) -> Self {
        Self(format!("x:{effect}:remove"))
    }

    /// What an effect shows is to be brought up to date.
    #[must_use]
    pub fn effect_refreshed(effect: &EffectId) -> Self {
        Self(format!("x:{effect}:refresh"))
    }

    /// A timer has fired.
    #[must_use]
    pub fn timer(Timer { on, kind, slot, due }: &Timer) -> Self {
        Self(format!("t:{on}:{}:{slot}:{}", kind.as_str(), due.as_millisecond()))
    }

    /// The desk was told, within this hour, of a condition of this name.
    #[must_use]
    pub fn condition(name: &str, at: Timestamp) -> Self {
        Self(format!("a:{name}:{}", at.as_second().div_euclid(3600)))
    }

    /// The key as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(message: &MessageRef) -> String {
        // Tenant ids are left out on Discord: a guild's message and its snowflake are the same fact through any door.
        match message.tenant.platform {
            PlatformName::Slack => format!("slack:{}:{}:{}", message.tenant.id, message.channel, message.id),
            PlatformName::Discord => format!("discord:{}", message.id),
        }
    }
}
