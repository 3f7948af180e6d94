//! What the settings decide for the core.

use jiff::{SignedDuration, Timestamp};

use super::ids::{Place, TicketKey};

/// The settings that a decision may see.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// What keys begin with: `IT` in `IT-1042`.
    pub key_prefix: String,
    /// How long, from the first on, one author's messages belong together. Zero: never.
    pub burst_window: SignedDuration,
    /// Whether greetings, thanks and bare emoji open nothing.
    pub greeting_filter: bool,
    /// How long after the last activity a direct message still belongs to the same ticket.
    pub direct_window: SignedDuration,
    /// How long after it was resolved a ticket is closed; `None`: never.
    pub auto_close: Option<SignedDuration>,
    /// The desk's channels: each shows every ticket's card.
    pub triage: Vec<Place>,
}

impl Rules {
    /// The key of the ticket with this number.
    #[must_use]
    pub fn key(&self, number: i64) -> TicketKey {
        TicketKey::new(&self.key_prefix, number)
    }

    /// Whether this is (a thread in) one of the desk's own channels.
    #[must_use]
    pub fn is_triage(&self, place: &Place) -> bool {
        self.triage.iter().any(|triage| triage.tenant == place.tenant && triage.channel() == place.channel())
    }

    /// The earliest moment that a message at `at` may be joined to (exclusive).
    #[must_use]
    pub fn burst_since(&self, at: Timestamp) -> Timestamp {
        at.checked_sub(self.burst_window).unwrap_or(Timestamp::MIN)
    }

    /// The earliest activity that a direct message at `at` goes on from (exclusive).
    #[must_use]
    pub fn direct_since(&self, at: Timestamp) -> Timestamp {
        at.checked_sub(self.direct_window).unwrap_or(Timestamp::MIN)
    }
}
