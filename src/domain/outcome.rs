//! The outcomes of handling an event.

use super::ids::TicketKey;

/// The outcome of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The event opened a ticket.
    Opened(TicketKey),
    /// The event was recorded on its ticket.
    Recorded(TicketKey),
    /// The message was joined to a ticket that its author had opened a moment before.
    Merged(TicketKey),
    /// A greeting, thanks, or a bare mention. It was answered, and opened no ticket.
    Skipped,
    /// A command, button or form was carried out.
    Done(Option<TicketKey>),
    /// An act was refused, and the person told why.
    Refused,
    /// The event does not concern the desk. None of its content is stored.
    Ignored,
    /// The event had been handled before.
    Repeated,
    /// Handling the event failed by a fault of the program. It is kept whole for an operator.
    Dead,
}

impl Outcome {
    /// Returns the outcome's name in logs and metrics.
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

    /// Returns the ticket that was opened or changed, if any.
    #[must_use]
    pub const fn ticket(&self) -> Option<&TicketKey> {
        match self {
            Self::Opened(key) | Self::Recorded(key) | Self::Merged(key) => Some(key),
            Self::Done(key) => key.as_ref(),
            Self::Skipped | Self::Refused | Self::Ignored | Self::Repeated | Self::Dead => None,
        }
    }
}
