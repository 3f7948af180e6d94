//! What became of an event.

use super::ids::TicketKey;

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
