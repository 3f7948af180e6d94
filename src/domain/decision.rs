//! What follows from an event: everything that is committed together.

use jiff::Timestamp;

use super::effect::Effect;
use super::event::TimerKind;
use super::ids::{MessageRef, Place, TicketId, TicketKey};
use super::record::{AuditEntry, Opening, Record, Side};
use super::ticket::Ticket;

/// Everything that follows from one event, in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What became of the event, for logs, metrics and the replay.
    pub outcome: Outcome,
    /// What changes in the record.
    pub changes: Vec<Change>,
    /// Who did what.
    pub audit: Vec<AuditEntry>,
    /// What the bot is to do.
    pub effects: Vec<Effect>,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It opened a ticket.
    Opened(TicketKey),
    /// It was recorded on the ticket that it belongs to.
    Recorded(TicketKey),
    /// It was joined to a ticket that its author opened a moment ago.
    Merged(TicketKey),
    /// A greeting, thanks, or nothing but a mention: answered, and not kept as a request.
    Skipped,
    /// A command, button or form was carried out.
    Done(Option<TicketKey>),
    /// It was refused, and the person told why.
    Refused,
    /// It is none of the desk's business; nothing of it is kept.
    Ignored,
    /// It had been handled before.
    Repeated,
    /// Handling it failed by a fault of ours: it is kept whole, for an operator to look at.
    Dead,
}

impl Outcome {
    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Recorded(_) => "recorded",
            Self::Merged(_) => "merged",
            Self::Skipped => "skipped",
            Self::Done(_) => "done",
            Self::Refused => "refused",
            Self::Ignored => "ignored",
            Self::Repeated => "repeated",
            Self::Dead => "dead",
        }
    }

    /// The ticket that it went to.
    #[must_use]
    pub const fn ticket(&self) -> Option<&TicketKey> {
        match self {
            Self::Opened(key) | Self::Recorded(key) | Self::Merged(key) => Some(key),
            Self::Done(key) => key.as_ref(),
            Self::Skipped | Self::Refused | Self::Ignored | Self::Repeated | Self::Dead => None,
        }
    }
}

/// A change of the record.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new ticket; its number is taken from the counter.
    Open(Box<Ticket>),
    /// A ticket as it is now; its `version` is one more than what was read. Whose it is and where it came from never change.
    Put(Box<Ticket>),
    /// This place belongs to the ticket from now on (and to no other any more).
    Bind {
        /// The place.
        place: Place,
        /// The ticket.
        ticket: TicketId,
        /// As what.
        side: Side,
    },
    /// Something was said.
    Record(Record),
    /// The words of a recorded message are these now.
    Rewrite {
        /// Which message.
        message: MessageRef,
        /// Its words.
        text: String,
        /// Since when.
        at: Timestamp,
    },
    /// The words of a recorded message are gone.
    Erase {
        /// Which message.
        message: MessageRef,
        /// Since when.
        at: Timestamp,
    },
    /// What was joined to one ticket belongs to another, and is joined no more.
    Part {
        /// Which message.
        message: MessageRef,
        /// To this ticket.
        to: TicketId,
    },
    /// So many numbers are never given to a ticket.
    SkipNumbers {
        /// How many.
        by: i64,
    },
    /// Everything said on one ticket, and every place of it, belongs to another.
    Move {
        /// From this ticket.
        from: TicketId,
        /// To that one.
        to: TicketId,
    },
    /// A mention that opened nothing is kept (a later one of the same message replaces it).
    Keep(Opening),
    /// A kept mention has served.
    Forget {
        /// Which message.
        message: MessageRef,
    },
    /// A moment is waited for (one of a kind for each ticket).
    SetTimer {
        /// For which ticket.
        ticket: TicketId,
        /// Which.
        timer: TimerKind,
        /// When.
        due: Timestamp,
    },
    /// It is not waited for any more.
    ClearTimer {
        /// For which ticket.
        ticket: TicketId,
        /// Which.
        timer: TimerKind,
    },
}
