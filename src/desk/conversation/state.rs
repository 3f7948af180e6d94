//! The words of people on record: those of tickets, and mentions that opened no ticket yet.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{MessageRef, Person, Place, TicketId};

/// Words that were said on a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The ticket.
    pub ticket: TicketId,
    /// The message on a platform. `None` for words that came by a form or command.
    pub message: Option<MessageRef>,
    /// The author.
    pub author: Person,
    /// The role in which the author spoke.
    pub voice: Voice,
    /// When.
    pub at: Timestamp,
    /// The words; empty once deleted.
    pub text: String,
    /// When the words were last changed.
    pub edited_at: Option<Timestamp>,
    /// When the words were deleted.
    pub deleted_at: Option<Timestamp>,
    /// Whether the words were joined to a request that their author had just made. No line of the bot stands where they
    /// were said, so answers to them belong to no ticket.
    #[serde(default)]
    pub joined: bool,
}

/// The role in which the author of a record spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// The requester of the ticket.
    Requester,
    /// An agent, to the requester.
    Agent,
    /// Somebody else in the request's thread.
    Third,
    /// An agent, to the desk only.
    Note,
    /// Said in the thread before it became a request.
    Before,
}

impl Voice {
    /// Every voice.
    pub const ALL: [Self; 5] = [Self::Requester, Self::Agent, Self::Third, Self::Note, Self::Before];

    /// Returns the voice's name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::Agent => "agent",
            Self::Third => "third",
            Self::Note => "note",
            Self::Before => "before",
        }
    }

    /// Whether the requester may read the record.
    #[must_use]
    pub const fn is_public(self) -> bool {
        !matches!(self, Self::Note)
    }
}

/// A mention that opened no ticket (empty, `help`, a greeting). It is kept so that its author's next words under it
/// open a ticket with both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkippedMention {
    /// The message.
    pub message: MessageRef,
    /// The place of the message.
    pub place: Place,
    /// The author.
    pub author: Person,
    /// When.
    pub at: Timestamp,
    /// Its words.
    pub text: String,
}

/// How a place belongs to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The requester's side: the request's own thread, or one that was merged into it.
    Request,
    /// The thread under a card.
    Card,
}
