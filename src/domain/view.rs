//! Views: messages of the bot that are kept up to date. A view is rendered from the record when it is delivered, so
//! that it shows the current state. Its effect holds no text.

use serde::{Deserialize, Serialize};

use super::effect::Lane;
use super::ids::{MessageRef, Place};
use super::message::Message;
use super::subject::Subject;

/// A message that is kept up to date.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The card of a ticket in a channel of the desk.
    Card,
    /// The confirmation of a ticket, for its requester, in the place where it was asked.
    Confirmation,
    /// Words of people in the thread under a card, one line for each of these messages.
    Lines {
        /// The messages whose words it shows, in order.
        of: Vec<MessageRef>,
        /// The characters that the lines took at the time of the decision, by [`Message::max_chars`]; 0 for a refresh.
        room: usize,
    },
    /// The alarm about dead events, for the desk.
    DeadEvents,
    /// A notice in one of its places.
    Notice,
    /// The copy of an outage in one channel of its audience.
    Outage,
    /// News of an outage beside one of its copies. They are posted once and not changed.
    OutageNews {
        /// The version of the outage that made the news. Later versions have news of their own.
        version: i64,
        /// The number of the last copy that stood before the news. Later copies contain the news already.
        through: u64,
    },
    /// The card of an outage in a channel of the desk.
    OutageCard,
}

/// How effects of one view and place are coalesced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coalescing {
    /// One waiting effect replaces all others, since it will show the current state.
    Replace,
    /// A waiting, untried effect takes over the lines of the next one, as long as they fit into one message.
    Append,
    /// Each effect is delivered by itself.
    Apart,
}

/// The order key of a view's effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The view is delivered in one order with the other messages to the place.
    Place,
    /// The view is delivered in one order with the card and the messages under it.
    Card,
    /// The view is delivered in one order only with effects of this name in the place. Other messages to the place may
    /// overtake it.
    Own(&'static str),
}

/// The properties that all effects of a view share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewSpec {
    /// Its name in the database.
    pub name: &'static str,
    /// The label of `Show` effects in logs and metrics: `show_card`.
    pub shown: &'static str,
    /// The label of `Refresh` effects in logs and metrics: `refresh_card`.
    pub refreshed: &'static str,
    pub coalescing: Coalescing,
    /// The lane of `Show` effects.
    pub lane: Lane,
    /// The lane of `Refresh` effects.
    pub lane_later: Lane,
    pub order: Order,
}

/// Makes the properties of the view with this name.
macro_rules! named {
    ($name:literal, $coalescing:ident, $lane:ident, $lane_later:ident, $order:expr) => {
        ViewSpec {
            name: $name,
            shown: concat!("show_", $name),
            refreshed: concat!("refresh_", $name),
            coalescing: Coalescing::$coalescing,
            lane: Lane::$lane,
            lane_later: Lane::$lane_later,
            order: $order,
        }
    };
}

impl View {
    /// Returns the properties that all effects of this view share.
    #[must_use]
    pub const fn spec(&self) -> ViewSpec {
        match self {
            Self::Card => named!("card", Replace, Card, Card, Order::Card),
            Self::Confirmation => named!("confirmation", Replace, Answer, Card, Order::Place),
            Self::Lines { .. } => named!("lines", Append, Note, Note, Order::Card),
            Self::DeadEvents => named!("dead_events", Replace, Act, Act, Order::Own("dead")),
            Self::Outage => named!("outage", Replace, Broadcast, Broadcast, Order::Own("all")),
            Self::OutageNews { .. } => named!("outage_news", Apart, Broadcast, Broadcast, Order::Own("all")),
            Self::OutageCard => named!("outage_card", Replace, Card, Card, Order::Own("outage")),
            Self::Notice => named!("notice", Replace, Broadcast, Broadcast, Order::Own("all")),
        }
    }

    /// Returns the view's name in the database.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.spec().name
    }

    /// Returns the view of this name, if its variant has no fields.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(name)).ok()
    }

    /// Returns the messages whose words it shows. Only lines show words of messages.
    #[must_use]
    pub fn shows(&self) -> &[MessageRef] {
        match self {
            Self::Lines { of, .. } => of,
            _ => &[],
        }
    }
}

/// A view that is to be rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewRequest {
    pub about: Subject,
    pub view: View,
    /// The place. For lines: the channel in which their card stands.
    pub place: Place,
    /// Whether the view is posted for the first time. Only then may it ping.
    pub is_first: bool,
}

/// A view as rendered from the record, ready for delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedView {
    pub message: Message,
    /// Whether the standing message is over: later effects of the view post a new message.
    pub is_last: bool,
}

impl From<Message> for RenderedView {
    fn from(message: Message) -> Self {
        Self { message, is_last: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_found_by_its_name() {
        for view in [View::Card, View::Confirmation, View::DeadEvents, View::Notice, View::Outage, View::OutageCard] {
            assert_eq!(View::named(view.name()), Some(view));
        }
        for other in ["lines", "said", "", "moon"] {
            assert_eq!(View::named(other), None, "{other}");
        }
    }
}
