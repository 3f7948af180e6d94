//! What the bot is to do, as the core decides it: intents, not calls.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::ReplyHandle;
use super::ids::{MessageRef, Person, PersonRef, Place, PlatformName, TicketId};
use super::message::Message;

/// One intent, stored with the state that it follows from, and delivered later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The ticket that it is about, if any.
    pub ticket: Option<TicketId>,
    /// Not before this moment.
    pub not_before: Option<Timestamp>,
    /// What to do.
    pub what: EffectKind,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Post a message.
    Post {
        /// Where.
        to: Destination,
        /// What.
        message: Message,
        /// Who wants to know whether it was delivered.
        #[serde(default)]
        awaited: Option<Awaited>,
        /// The message whose words it shows: if those change or go, it does too.
        #[serde(default)]
        mirrors: Option<MessageRef>,
        /// The name of a thread that may have to be started for it.
        #[serde(default)]
        thread_title: Option<String>,
        /// How urgent.
        urgency: Lane,
    },
    /// Make the ticket's card in this triage channel show the present state; post it if there is none yet.
    ShowCard {
        /// The triage channel.
        channel: Place,
    },
    /// Make what shows the words of a message under the ticket's card in this triage channel show them as they are now,
    /// or nothing if they are gone.
    RefreshMirror {
        /// The triage channel.
        channel: Place,
        /// The message.
        of: MessageRef,
    },
    /// Delete a message of the bot.
    Remove {
        /// Which.
        message: MessageRef,
    },
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
    /// Read what was said in a thread before (the last hundred messages).
    ReadThread {
        /// Which thread.
        place: Place,
        /// Up to and without this message.
        before: MessageRef,
    },
}

impl EffectKind {
    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Post { .. } => "post",
            Self::ShowCard { .. } => "show_card",
            Self::RefreshMirror { .. } => "refresh_mirror",
            Self::Remove { .. } => "remove",
            Self::Whisper { .. } => "whisper",
            Self::Hint { .. } => "hint",
            Self::ReadThread { .. } => "read_thread",
        }
    }

    /// The platform that it is for.
    #[must_use]
    pub const fn platform(&self) -> PlatformName {
        match self {
            Self::Post { to: Destination::Place(place) | Destination::UnderCard(place), .. }
            | Self::ShowCard { channel: place }
            | Self::RefreshMirror { channel: place, .. }
            | Self::Hint { place, .. }
            | Self::ReadThread { place, .. } => place.platform(),
            Self::Remove { message } => message.tenant.platform,
            Self::Whisper { to, .. } => to.platform,
        }
    }
}

/// Where a post goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// To this place.
    Place(Place),
    /// Into the thread under the ticket's card in this triage channel, once the card stands.
    UnderCard(Place),
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

/// A plain notice: the same message to each of these places, behind everything that somebody waits for.
pub fn notice(message: &Message, channels: &[Place]) -> impl Iterator<Item = Effect> {
    channels.iter().map(|place| Effect {
        ticket: None,
        not_before: None,
        what: EffectKind::Post {
            to: Destination::Place(place.clone()),
            message: message.clone(),
            awaited: None,
            mirrors: None,
            thread_title: None,
            urgency: Lane::Broadcast,
        },
    })
}

impl Effect {
    /// An intent about a ticket, to be done at once.
    #[must_use]
    pub const fn about(ticket: TicketId, what: EffectKind) -> Self {
        Self { ticket: Some(ticket), not_before: None, what }
    }

    /// How urgent it is.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match &self.what {
            EffectKind::Post { urgency, .. } => *urgency,
            EffectKind::Whisper { .. } | EffectKind::Hint { .. } => Lane::Answer,
            EffectKind::ShowCard { .. } => Lane::Card,
            EffectKind::RefreshMirror { .. } | EffectKind::Remove { .. } | EffectKind::ReadThread { .. } => Lane::Note,
        }
    }

    /// Effects of the same order key are delivered one after another, in the order in which they were decided.
    #[must_use]
    pub fn order_key(&self) -> String {
        let ticket = self.ticket.map_or_else(String::new, |ticket| ticket.0.to_string());
        match &self.what {
            // What waits its turn in a long notice holds up nothing that is said there meanwhile.
            EffectKind::Post { to: Destination::Place(place), urgency: Lane::Broadcast, .. } => {
                format!("all:{}", at(place))
            }
            EffectKind::Post { to: Destination::Place(place), .. } => at(place),
            EffectKind::Post { to: Destination::UnderCard(channel), .. }
            | EffectKind::ShowCard { channel }
            | EffectKind::RefreshMirror { channel, .. } => {
                format!("card:{ticket}:{}:{}", channel.platform(), channel.channel())
            }
            EffectKind::Remove { message } => {
                format!("rm:{}:{}:{}", message.tenant.platform, message.channel, message.id)
            }
            EffectKind::Whisper { to, .. } => format!("to:{to}"),
            EffectKind::Hint { to, .. } => format!("to:{to}"),
            EffectKind::ReadThread { place, .. } => format!("read:{}", at(place)),
        }
    }
}

/// Slack orders by thread, Discord by channel (a thread is one): the same text for both.
fn at(place: &Place) -> String {
    format!("{}:{}:{}", place.platform(), place.channel(), place.root().unwrap_or_default())
}

/// Why something can never be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Undeliverable {
    /// The person accepts no direct messages from the bot.
    #[error("direct messages are closed")]
    DirectClosed,
    /// The channel is archived, or the bot is not (any more) in it, or may not write there.
    #[error("the channel cannot be written to")]
    ChannelClosed,
    /// Channel, thread, message or person is gone.
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
    /// It was tried for too long.
    #[error("it was tried for too long")]
    GivenUp,
}
