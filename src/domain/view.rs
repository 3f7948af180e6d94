//! Views: messages of the bot that live. What a view shows is rendered from the record when it is delivered, so that the
//! newest is shown, and its effect holds no text.

use serde::{Deserialize, Serialize};

use super::effect::Lane;
use super::ids::{MessageRef, Place};
use super::message::Message;
use super::standing::LINES;
use super::subject::Subject;

/// A message that lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// A ticket in a channel of the desk.
    Card,
    /// What its requester sees of a ticket where it was asked.
    Confirmation,
    /// Words of people in the thread under a card, one line for each of these messages.
    Lines {
        /// The messages whose words it shows, in order.
        of: Vec<MessageRef>,
        /// How much room these words take in a message, in the limits' characters, as they were when it was decided.
        room: usize,
    },
    /// What the desk is told of events that could not be handled.
    DeadEvents,
    /// A notice in one of its places.
    Notice,
}

/// How effects that show a view in one place are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coalescing {
    /// One that waits stands for all: it will show the newest.
    Replace,
    /// One that waits untried shows the lines of the next, too, as long as they fit into one message.
    Append,
}

impl View {
    /// Its name in the database, in logs and in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Confirmation => "confirmation",
            Self::Lines { .. } => LINES,
            Self::DeadEvents => "dead_events",
            Self::Notice => "notice",
        }
    }

    /// How its effects are put together.
    #[must_use]
    pub const fn coalescing(&self) -> Coalescing {
        match self {
            Self::Card | Self::Confirmation | Self::DeadEvents | Self::Notice => Coalescing::Replace,
            Self::Lines { .. } => Coalescing::Append,
        }
    }

    /// How urgent it is: to be posted for the first time, or to be changed.
    #[must_use]
    pub const fn lane(&self, is_first: bool) -> Lane {
        match self {
            Self::Confirmation if is_first => Lane::Answer,
            Self::Confirmation | Self::Card => Lane::Card,
            Self::Lines { .. } => Lane::Note,
            Self::DeadEvents => Lane::Act,
            Self::Notice => Lane::Broadcast,
        }
    }

    /// The messages whose words it shows.
    #[must_use]
    pub fn shows(&self) -> &[MessageRef] {
        match self {
            Self::Lines { of, .. } => of,
            Self::Card | Self::Confirmation | Self::DeadEvents | Self::Notice => &[],
        }
    }
}

/// A view that is to be rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Of what.
    pub about: Subject,
    /// Which.
    pub view: View,
    /// Where; for lines, the channel in which their card stands.
    pub place: Place,
    /// Whether it is posted for the first time: then it may ping.
    pub is_first: bool,
}

/// What a view shows now.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The message.
    pub message: Message,
    /// Whether it is the last that it shows: what comes later is another message.
    pub is_last: bool,
}

impl From<Message> for Shown {
    fn from(message: Message) -> Self {
        Self { message, is_last: false }
    }
}
