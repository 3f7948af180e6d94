//! What is kept of what people say: on a ticket, or until they say more.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{MessageRef, Person, Place, TicketId};

/// Something that was said about a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// On which ticket.
    pub ticket: TicketId,
    /// The message that stands on a platform; none for words that came by a form.
    pub message: Option<MessageRef>,
    /// Who said it.
    pub author: Person,
    /// As what.
    pub voice: Voice,
    /// When.
    pub at: Timestamp,
    /// The words; empty once deleted.
    pub text: String,
    /// When the words were last changed.
    pub edited_at: Option<Timestamp>,
    /// When the words were deleted.
    pub deleted_at: Option<Timestamp>,
    /// Whether it was joined to a request that its author had just made: no line of the bot stands where it was said, so that
    /// what others answer there is nobody's.
    #[serde(default)]
    pub joined: bool,
}

/// As what somebody spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// The requester.
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

    /// Its name in the database.
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

    /// Whether the requester may read it.
    #[must_use]
    pub const fn is_public(self) -> bool {
        !matches!(self, Self::Note)
    }
}

/// A mention that opened nothing (empty, `help`, a greeting): kept so that its author's next words under it open a ticket
/// with both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Which message.
    pub message: MessageRef,
    /// Where its author would be answered.
    pub place: Place,
    /// Who wrote it.
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
