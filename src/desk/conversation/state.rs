//! The words of people on record: those of tickets, and mentions that opened no ticket yet.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{MessageRef, Person, Place, TicketId};

/// A record: words that were said on a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub ticket: TicketId,
    /// The message on a platform. `None` for words that came by a form or command.
    pub message: Option<MessageRef>,
    pub author: Person,
    pub voice: Voice,
    /// When the words were said.
    pub at: Timestamp,
    /// The words. Empty after their deletion.
    pub text: String,
    /// When the words were last changed.
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// Whether the words were joined to a request that their author had just made. The bot has posted nothing under
    /// them, so answers to them belong to no ticket.
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
    /// Every voice, in the order of the variants.
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

/// A mention that opened no ticket (empty, `help`, a greeting). It is stored so that its author's next words under it
/// open a ticket with the words of both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkippedMention {
    pub message: MessageRef,
    pub place: Place,
    pub author: Person,
    pub at: Timestamp,
    pub text: String,
}

/// The side of a ticket that a place belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The requester's side: the thread of the request, or of a request that was merged into it.
    Request,
    /// The thread under a card.
    Card,
}
