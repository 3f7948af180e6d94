//! Effects: intents of the desk, such as a message to post. An effect is not yet a call to a platform.

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

/// One effect. It is stored in the transaction of the decision that it follows from, and delivered later.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    pub about: Subject,
    /// The earliest time of delivery.
    pub not_before: Option<Timestamp>,
    /// Whether the effect was already queued anew behind the card that it needs. This happens once at most.
    pub was_requeued: bool,
    pub what: EffectKind,
}

/// The kinds of effects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Post a message whose words are fixed.
    Say(Post),
    /// Show a view of the subject: post it, or update its standing message.
    Show {
        view: View,
        at: Destination,
        /// Who waits for the end of the delivery, if anybody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        awaited: Option<Awaited>,
        /// The name of a thread that may have to be started for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread_title: Option<String>,
    },
    /// Update the standing message of a view in this place, if there is one.
    Refresh {
        view: View,
        /// The place. For lines: the channel in which their card stands.
        at: Place,
    },
    /// Do something on a platform without saying anything.
    Silent(SilentAct),
    /// Tell one person something that nobody else may see.
    Whisper {
        to: PersonRef,
        /// The place near which the person sees it best.
        near: Option<Place>,
        /// The handle for answering a button, form or command.
        via: Option<ReplyHandle>,
        message: Message,
    },
    /// Answer a person whose message was no request: privately if the platform can, else by a public reply that is
    /// removed after a minute. The answer holds no words of people.
    Hint {
        to: PersonRef,
        /// The place of their message.
        place: Place,
        reply_to: MessageRef,
        message: Message,
    },
    /// Show a view of the subject in every place of its audience. One effect queues one page of places, and another
    /// spread for the rest.
    Spread {
        view: View,
        /// The number of the last place that is done. Places are counted from 1.
        after: u64,
    },
    /// Make a call: work that needs no platform and takes longer than a read. Its end comes back as an event.
    Do(Call),
}

/// A call. Its capability defines the input and the result. A call that is late or fails has no result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub name: String,
    pub input: serde_json::Value,
    /// How long it may take, in milliseconds of real time.
    pub within_ms: u64,
}

/// The dispatcher that delivers an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Outlet {
    /// The dispatcher of a platform.
    Platform(PlatformName),
    /// The local dispatcher, which needs no platform.
    Local,
}

impl Outlet {
    pub const ALL: [Self; 3] =
        [Self::Platform(PlatformName::Slack), Self::Platform(PlatformName::Discord), Self::Local];

    /// Returns the name in the database and in logs.
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

/// A message whose words are fixed by the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Post {
    pub to: Destination,
    pub message: Message,
    /// Who waits for the end of the delivery, if anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited: Option<Awaited>,
    /// The name of a thread that may have to be started for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_title: Option<String>,
    /// The lane of the effect.
    pub urgency: Lane,
}

impl Post {
    /// Returns a message that nobody waits for.
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
    /// Returns the name of its kind in the database.
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

    /// Returns the name in logs and metrics: the kind, and the view if there is one.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Show { view, .. } => view.spec().shown,
            Self::Refresh { view, .. } => view.spec().refreshed,
            other => other.name(),
        }
    }

    /// Returns the view that it shows, if any.
    #[must_use]
    pub const fn view(&self) -> Option<&View> {
        match self {
            Self::Show { view, .. } | Self::Refresh { view, .. } | Self::Spread { view, .. } => Some(view),
            _ => None,
        }
    }

    /// Whether this effect is unnecessary while an effect of the same subject, view and place waits.
    #[must_use]
    pub fn is_replaceable(&self) -> bool {
        let is_shown = matches!(self, Self::Show { .. } | Self::Refresh { .. });
        is_shown && self.view().is_some_and(|view| view.spec().coalescing == Coalescing::Replace)
    }

    /// Whether it may be joined to the last waiting effect of its order key, if that one is untried.
    #[must_use]
    pub fn is_joinable(&self) -> bool {
        match self {
            Self::Show { view, .. } => view.spec().coalescing == Coalescing::Append,
            Self::Spread { .. } => true,
            _ => false,
        }
    }

    /// Whether it is meant for one person alone. (A hint is public where the platform has no other way.)
    #[must_use]
    pub const fn is_private(&self) -> bool {
        matches!(self, Self::Whisper { .. } | Self::Hint { .. })
    }

    /// Returns who waits for its end, if anybody.
    #[must_use]
    pub const fn awaited(&self) -> Option<&Awaited> {
        match self {
            Self::Say(Post { awaited, .. }) | Self::Show { awaited, .. } => awaited.as_ref(),
            _ => None,
        }
    }

    /// Returns the dispatcher that delivers it.
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

    /// Joins this effect with `next`, which comes right behind it: lines under the same card that fit into one message,
    /// or two spreads of a view, of which the joined one begins where the earlier one does. `None` if they cannot be
    /// joined.
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

/// Returns how many characters the lines of one message may have together.
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

/// The destination of a post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    Place(Place),
    /// The thread under the subject's card in this channel, once the card stands.
    UnderCard(Place),
}

impl Destination {
    /// Returns the place, or the channel of the card.
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
    /// An agent's reply to the requester. It is shown as sent only once it was delivered.
    Reply { by: Person, text: String },
    /// A message that the requester must get (the request was received, claimed, resolved). The desk is told if the
    /// delivery fails.
    Notice,
}

/// The lanes of effects, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Answers to the people who write or act, and the calls that such answers need.
    Answer = 0,
    /// Messages that follow from claims and other acts of agents.
    Act = 1,
    Card = 2,
    /// Notes and mirrored lines.
    Note = 3,
    Broadcast = 4,
}

impl Effect {
    /// Returns an effect about a subject, to be delivered at once.
    #[must_use]
    pub fn about(subject: impl Into<Subject>, what: EffectKind) -> Self {
        Self { about: subject.into(), not_before: None, was_requeued: false, what }
    }

    /// Returns the lane of the effect.
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

    /// Returns the order key. Effects of the same order key are delivered one after another, in the order of the
    /// decisions.
    #[must_use]
    pub fn order_key(&self) -> String {
        let about = &self.about;
        let card = |channel: &Place| format!("card:{about}:{}:{}", channel.platform(), channel.channel());
        match &self.what {
            EffectKind::Say(Post { to: Destination::UnderCard(channel), .. }) => card(channel),
            // Broadcasts have an order key of their own, so that a long notice does not delay other messages to the
            // place.
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

/// The gate of an effect. Effects of one gate mostly wait for the same limit of their platform, so a gate whose limit
/// is used up is skipped until there is room. The number of gates is small, however many effects and conversations
/// there are, since a look at the outbox steps from gate to gate. The gate is a guess, made with the decision; the
/// dispatcher corrects it if it was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gate(pub String);

/// What is known of earlier messages and effects when an effect is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prior {
    /// The subject is new: no message stands, and no effect waits under the same order key.
    NewSubject,
    /// A message stands on the platform, and the effect will change it.
    MessageStands,
    /// It is not known whether a message stands or an effect waits.
    Unknown,
}

impl Effect {
    /// Returns the gate of this effect. Posts and changes have separate gates for broadcasts, since Slack limits the
    /// two separately: in one gate they would wait for each other.
    #[must_use]
    pub fn gate(&self, prior: Prior) -> Gate {
        // Slack counts posts by channel, Discord by thread. A gate for each thread or person would make too many gates.
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
            EffectKind::Show { .. } if self.lane() == Lane::Broadcast && prior == Prior::MessageStands => {
                "change".to_owned()
            }
            _ if self.lane() == Lane::Broadcast => "all".to_owned(),
            EffectKind::Say(Post { to: Destination::UnderCard(channel), .. })
            | EffectKind::Show { at: Destination::UnderCard(channel), .. } => under(channel),
            EffectKind::Say(Post { to: Destination::Place(place), .. }) => posts_in(place),
            EffectKind::Show { at: Destination::Place(place), .. } if prior == Prior::NewSubject => posts_in(place),
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

/// Returns a place as a part of order keys. Slack orders by thread, Discord by channel (a thread is a channel); this
/// text serves both.
fn at(place: &Place) -> String {
    format!("{}:{}:{}", place.platform(), place.channel(), place.root().unwrap_or_default())
}

/// Hashes of the texts that one try has sent. A look-up on the platform compares messages with these hashes, not with
/// the text that would be rendered now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sent(pub Vec<String>);

/// Why an effect cannot be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Undeliverable {
    /// The person accepts no direct messages from the bot.
    #[error("direct messages are closed")]
    DirectClosed,
    /// The person's account was deactivated, so nobody reads there.
    #[error("the account is deactivated")]
    Deactivated,
    /// The channel is archived, or the bot is not in it or may not write there.
    #[error("the channel cannot be written to")]
    ChannelClosed,
    /// The channel is gone.
    #[error("the channel is gone")]
    ChannelGone,
    /// The thread, message or person is gone.
    #[error("the thread, message or person is gone")]
    Gone,
    /// The answer came too late (an expired interaction).
    #[error("too late to answer")]
    Expired,
    /// The bot lacks a scope or permission.
    #[error("a permission is missing")]
    NotPermitted,
    /// The platform found the message invalid, which is a fault of the program.
    #[error("the platform refused the message")]
    Invalid,
    /// This effect was refused again and again while others were delivered.
    #[error("the platform refuses it again and again")]
    Stuck,
    /// The effect was written by another version of the program, or is damaged.
    #[error("this version of the program cannot read the effect")]
    Unreadable,
    /// The effect was tried, or held, for too long.
    #[error("the effect was held for too long")]
    GivenUp,
}

impl Undeliverable {
    /// Whether an operator can fix the cause: a right, a scope, a channel. The effect is then held, not ended.
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
