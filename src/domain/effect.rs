//! What the bot is to do, as the core decides it: intents, not calls.

mod silent;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::silent::{SilentAct, SilentSpec};
use super::event::ReplyHandle;
use super::ids::{MessageRef, Person, PersonRef, Place, PlatformName, UnknownName};
use super::limits;
use super::message::Message;
use super::subject::Subject;
use super::view::{Coalescing, Order, View};

/// One intent, stored with the state that it follows from, and delivered later.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// What it is about.
    pub about: Subject,
    /// Not before this moment.
    pub not_before: Option<Timestamp>,
    /// Whether it was put behind the card that it needs, which happens once.
    pub put_behind: bool,
    /// What to do.
    pub what: EffectKind,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Say something.
    Say(Post),
    /// Show a view of the subject: post it, or make what stands of it show the newest.
    Show {
        /// Which view.
        view: View,
        /// Where.
        at: Destination,
        /// Who wants to know whether it was posted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        awaited: Option<Awaited>,
        /// The name of a thread that may have to be started for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread_title: Option<String>,
    },
    /// Make a view of the subject show the newest, where it stands in this place.
    Refresh {
        /// Which view.
        view: View,
        /// Where; for lines, the channel in which their card stands.
        at: Place,
    },
    /// Do something on a platform without saying anything.
    Silent(SilentAct),
    /// Tell one person something that nobody else may see.
    Whisper {
        /// Whom.
        to: PersonRef,
        /// Near which place it is best seen.
        near: Option<Place>,
        /// How to answer a button, form or command.
        via: Option<ReplyHandle>,
        /// What.
        message: Message,
    },
    /// Answer somebody whose message was no request: privately where the platform can, else briefly. Holds no words of people.
    Hint {
        /// Whom.
        to: PersonRef,
        /// Where they wrote.
        place: Place,
        /// What they wrote.
        reply_to: MessageRef,
        /// What to say.
        message: Message,
    },
    /// Show a view of the subject in every place of its audience: a page of them at a time, the rest by another of these.
    Spread {
        /// Which view.
        view: View,
        /// Behind this place of the audience, counted from 1.
        after: u64,
    },
    /// Call something that needs no platform, and takes longer than a read. Its end comes back as an event.
    Do(Call),
}

/// A call. What it is called with and what it finds are its capability's; late or failed, it finds nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// What is called.
    pub name: String,
    /// With what.
    pub input: serde_json::Value,
    /// How long it may take, in milliseconds of real time.
    pub within_ms: u64,
}

/// Who delivers an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Outlet {
    /// A platform.
    Platform(PlatformName),
    /// The program itself.
    Local,
}

impl Outlet {
    /// Every outlet.
    pub const ALL: [Self; 3] =
        [Self::Platform(PlatformName::Slack), Self::Platform(PlatformName::Discord), Self::Local];

    /// Its name in the database and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform(platform) => platform.as_str(),
            Self::Local => "local",
        }
    }
}

impl From<PlatformName> for Outlet {
    fn from(platform: PlatformName) -> Self {
        Self::Platform(platform)
    }
}

impl From<Outlet> for &'static str {
    fn from(outlet: Outlet) -> Self {
        outlet.as_str()
    }
}

impl TryFrom<String> for Outlet {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|outlet| outlet.as_str() == text).ok_or(UnknownName)
    }
}

impl fmt::Display for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message whose words are fixed when it is decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// Where.
    pub to: Destination,
    /// What.
    pub message: Message,
    /// Who wants to know whether it was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited: Option<Awaited>,
    /// The name of a thread that may have to be started for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_title: Option<String>,
    /// How urgent.
    pub urgency: Lane,
}

impl Post {
    /// A message that nobody waits for, to this place.
    #[must_use]
    pub const fn new(to: Destination, message: Message, urgency: Lane) -> Self {
        Self { to, message, awaited: None, thread_title: None, urgency }
    }
}

impl From<SilentAct> for EffectKind {
    fn from(act: SilentAct) -> Self {
        Self::Silent(act)
    }
}

impl EffectKind {
    /// Its name in the database.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "say",
            Self::Show { .. } => "show",
            Self::Refresh { .. } => "refresh",
            Self::Silent(act) => act.spec().name,
            Self::Whisper { .. } => "whisper",
            Self::Hint { .. } => "hint",
            Self::Spread { .. } => "spread",
            Self::Do(_) => "do",
        }
    }

    /// What it does, and to which view, in logs and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Show { view, .. } => view.spec().shown,
            Self::Refresh { view, .. } => view.spec().refreshed,
            other => other.name(),
        }
    }

    /// The view that it shows.
    #[must_use]
    pub const fn view(&self) -> Option<&View> {
        match self {
            Self::Show { view, .. } | Self::Refresh { view, .. } | Self::Spread { view, .. } => Some(view),
            _ => None,
        }
    }

    /// Whether one like it that waits stands for it, too.
    #[must_use]
    pub fn is_replaceable(&self) -> bool {
        let is_shown = matches!(self, Self::Show { .. } | Self::Refresh { .. });
        is_shown && self.view().is_some_and(|view| view.spec().coalescing == Coalescing::Replace)
    }

    /// Whether it may be joined to one that waits, untried, as the last of its order key.
    #[must_use]
    pub fn is_joinable(&self) -> bool {
        match self {
            Self::Show { view, .. } => view.spec().coalescing == Coalescing::Append,
            Self::Spread { .. } => true,
            _ => false,
        }
    }

    /// Whether it tells one person something that is shown nowhere else.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        matches!(self, Self::Whisper { .. } | Self::Hint { .. })
    }

    /// Who waits for its end.
    #[must_use]
    pub const fn awaited(&self) -> Option<&Awaited> {
        match self {
            Self::Say(Post { awaited, .. }) | Self::Show { awaited, .. } => awaited.as_ref(),
            _ => None,
        }
    }

    /// Who delivers it.
    #[must_use]
    pub fn outlet(&self) -> Outlet {
        Outlet::Platform(match self {
            Self::Say(Post { to, .. }) | Self::Show { at: to, .. } => to.place().platform(),
            Self::Refresh { at, .. } => at.platform(),
            Self::Hint { place, .. } => place.platform(),
            Self::Silent(act) => act.spec().platform,
            Self::Whisper { to, .. } => to.platform,
            Self::Spread { .. } | Self::Do(_) => return Outlet::Local,
        })
    }

    /// What stands for this and for `next`, which comes right behind it: lines under the same card that fit into one message,
    /// or a spread that begins where the earlier of two does. `None` if they stay two.
    #[must_use]
    pub fn joined_with(&self, next: &Self) -> Option<Self> {
        if let (Self::Spread { view, after }, Self::Spread { view: next_view, after: next_after }) = (self, next) {
            return (view == next_view).then(|| Self::Spread { view: view.clone(), after: *after.min(next_after) });
        }
        let (
            Self::Show { view: View::Lines { of, room }, at, awaited: None, thread_title },
            Self::Show { view: View::Lines { of: more, room: more_room }, at: next_at, awaited: None, .. },
        ) = (self, next)
        else {
            return None;
        };
        let (of, room) = ([of.as_slice(), more.as_slice()].concat(), room + more_room);
        let fits = of.len() <= limits::JOINED_LINES && room <= joined_chars(at.place().platform());
        (at == next_at && fits).then(|| Self::Show {
            view: View::Lines { of, room },
            at: at.clone(),
            awaited: None,
            thread_title: thread_title.clone(),
        })
    }
}

/// Characters of lines that share a message.
#[must_use]
pub const fn joined_chars(platform: PlatformName) -> usize {
    match platform {
        PlatformName::Slack => limits::slack::JOINED_CHARS,
        PlatformName::Discord => limits::discord::JOINED_CHARS,
    }
}

/// A sign on a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// The message was joined to a request.
    Joined,
    /// The message became a request.
    Request,
}

/// Where a post goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// To this place.
    Place(Place),
    /// Into the thread under the subject's card in this channel, once the card stands.
    UnderCard(Place),
}

impl Destination {
    /// The place, or the channel in which the card stands.
    #[must_use]
    pub const fn place(&self) -> &Place {
        match self {
            Self::Place(place) | Self::UnderCard(place) => place,
        }
    }
}

/// A delivery that somebody waits for: its end comes back as an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaited {
    /// An agent's reply to the requester: shown as sent only once it is.
    Reply {
        /// The agent.
        by: Person,
        /// The agent's words.
        text: String,
    },
    /// What the requester must hear (that the request was heard, taken, resolved): a failure is told to the desk.
    Notice,
}

/// How urgent an effect is, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Answers to requesters.
    Answer = 0,
    /// What follows from claims and other acts of agents.
    Act = 1,
    /// Cards.
    Card = 2,
    /// Notes and mirrored lines.
    Note = 3,
    /// Broadcasts.
    Broadcast = 4,
}

impl Effect {
    /// An intent about a subject, to be done at once.
    #[must_use]
    pub fn about(subject: impl Into<Subject>, what: EffectKind) -> Self {
        Self { about: subject.into(), not_before: None, put_behind: false, what }
    }

    /// How urgent it is.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match &self.what {
            EffectKind::Say(Post { urgency, .. }) => *urgency,
            EffectKind::Show { view, .. } => view.spec().lane,
            EffectKind::Refresh { view, .. } => view.spec().lane_later,
            EffectKind::Whisper { .. } | EffectKind::Hint { .. } | EffectKind::Do(_) => Lane::Answer,
            EffectKind::Silent(act) => act.spec().lane,
            EffectKind::Spread { .. } => Lane::Broadcast,
        }
    }

    /// Effects of the same order key are delivered one after another, in the order in which they were decided.
    #[must_use]
    pub fn order_key(&self) -> String {
        let about = &self.about;
        let card = |channel: &Place| format!("card:{about}:{}:{}", channel.platform(), channel.channel());
        match &self.what {
            EffectKind::Say(Post { to: Destination::UnderCard(channel), .. }) => card(channel),
            // What waits its turn in a long notice holds up nothing that is said there meanwhile.
            EffectKind::Say(Post { to: Destination::Place(place), urgency: Lane::Broadcast, .. }) => {
                format!("all:{}", at(place))
            }
            EffectKind::Say(Post { to: Destination::Place(place), .. }) => at(place),
            EffectKind::Show { view, at: Destination::Place(place) | Destination::UnderCard(place), .. }
            | EffectKind::Refresh { view, at: place } => match view.spec().order {
                Order::Card => card(place),
                Order::Place => at(place),
                Order::Own(name) => format!("{name}:{}", at(place)),
            },
            EffectKind::Silent(act) => act.spec().order_key,
            EffectKind::Whisper { to, .. } => format!("to:{to}"),
            EffectKind::Hint { to, .. } => format!("to:{to}"),
            EffectKind::Spread { view, .. } => format!("spread:{}:{about}", view.name()),
            EffectKind::Do(call) => format!("do:{}:{about}", call.name),
        }
    }
}

/// Effects of one gate mostly wait for the same limit of their platform: a gate whose limit is used up need not be looked at
/// again before there is room. Gates are few, whatever the number of effects and conversations, since a look steps from one
/// to the next. It is a guess, made when the effect is decided; who delivers corrects it where it was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gate(pub String);

/// What is known of the message that an effect shows, when the effect is put into the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing stands, and nothing waits in the same order: its subject is new.
    IsNew,
    /// A message stands, which will be changed.
    Stands,
    /// Neither.
    Nothing,
}

impl Effect {
    /// The gate of this effect. On Slack posts and changes have limits of their own: broadcasts of the two that shared a
    /// gate would wait for each other.
    #[must_use]
    pub fn gate(&self, known: Known) -> Gate {
        // Slack counts posts by channel, Discord by thread: a gate for each thread or person would be too many.
        let posts_in = |place: &Place| match (place.platform(), place.root()) {
            _ if place.is_direct() => "direct".to_owned(),
            (PlatformName::Discord, Some(_)) => "thread".to_owned(),
            (PlatformName::Slack, _) | (PlatformName::Discord, None) => format!("post:{}", place.channel()),
        };
        let under = |channel: &Place| match channel.platform() {
            PlatformName::Slack => format!("post:{}", channel.channel()),
            PlatformName::Discord => "thread".to_owned(),
        };
        let what = match &self.what {
            EffectKind::Refresh { .. } if self.lane() == Lane::Broadcast => "change".to_owned(),
            EffectKind::Show { .. } if self.lane() == Lane::Broadcast && known == Known::Stands => "change".to_owned(),
            _ if self.lane() == Lane::Broadcast => "all".to_owned(),
            EffectKind::Say(Post { to: Destination::UnderCard(channel), .. })
            | EffectKind::Show { at: Destination::UnderCard(channel), .. } => under(channel),
            EffectKind::Say(Post { to: Destination::Place(place), .. }) => posts_in(place),
            EffectKind::Show { at: Destination::Place(place), .. } if known == Known::IsNew => posts_in(place),
            EffectKind::Show { .. } | EffectKind::Refresh { .. } => "change".to_owned(),
            EffectKind::Silent(act) => act.spec().name.to_owned(),
            EffectKind::Whisper { .. } => "whisper".to_owned(),
            EffectKind::Hint { place, .. } => match place.platform() {
                PlatformName::Slack => "whisper".to_owned(),
                PlatformName::Discord => posts_in(place),
            },
            EffectKind::Spread { .. } | EffectKind::Do(_) => "local".to_owned(),
        };
        Gate(format!("{}{what}", self.lane() as i64))
    }
}

/// Slack orders by thread, Discord by channel (a thread is one): the same text for both.
fn at(place: &Place) -> String {
    format!("{}:{}:{}", place.platform(), place.channel(), place.root().unwrap_or_default())
}

/// What one try has sent, as hashes: a look for it matches these, not what would be sent now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sent(pub Vec<String>);

/// Why something can never be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Undeliverable {
    /// The person accepts no direct messages from the bot.
    #[error("direct messages are closed")]
    DirectClosed,
    /// The person's account was deactivated: nobody reads there.
    #[error("the account is deactivated")]
    Deactivated,
    /// The channel is archived, or the bot is not (any more) in it, or may not write there.
    #[error("the channel cannot be written to")]
    ChannelClosed,
    /// The channel is gone.
    #[error("the channel is gone")]
    ChannelGone,
    /// Thread, message or person is gone.
    #[error("it is gone")]
    Gone,
    /// The answer came too late (an expired interaction).
    #[error("too late to answer")]
    Expired,
    /// The bot lacks a scope or permission.
    #[error("a permission is missing")]
    NotPermitted,
    /// The platform found the message invalid: a fault of ours.
    #[error("the platform refused the message")]
    Invalid,
    /// This place alone refused it again and again, while others took what was theirs.
    #[error("it is refused again and again")]
    Stuck,
    /// It was written by another version of this program, or is damaged.
    #[error("it cannot be read by this version")]
    Unreadable,
    /// It was tried, or held, for too long.
    #[error("it was held for too long")]
    GivenUp,
}

impl Undeliverable {
    /// Whether an operator can mend it: a right, a scope, a channel. Then it is held, not ended.
    #[must_use]
    pub const fn is_mendable(self) -> bool {
        match self {
            Self::ChannelClosed | Self::ChannelGone | Self::NotPermitted | Self::Stuck | Self::Unreadable => true,
            Self::DirectClosed | Self::Deactivated | Self::Gone | Self::Expired | Self::Invalid | Self::GivenUp => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
