//! The bot's own messages.

use serde::{Deserialize, Serialize};

use super::ids::{MessageRef, Place, TicketId};

/// A message of the bot that stands on a platform for a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// For which ticket.
    pub ticket: TicketId,
    /// As what: a card, or anything else.
    pub card: bool,
    /// Where: for a card its triage channel.
    pub place: Place,
    /// Which message.
    pub message: MessageRef,
    /// The messages whose words it shows.
    #[serde(default)]
    pub mirrors: Vec<MessageRef>,
}
