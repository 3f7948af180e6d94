//! Views: messages of the bot that live. What a view shows is rendered from the record when it is delivered, so that the
//! newest is shown, and its effect holds no text.

use serde::{Deserialize, Serialize};

use super::effect::Lane;
use super::ids::{MessageRef, Place};
use super::message::Message;
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
    /// An outage in one of the channels that follow its services.
    Outage,
    /// News of an outage beside one of its copies: said once, and not changed any more.
    OutageNews {
        /// The version of the outage that made them: later ones have news of their own.
        version: i64,
        /// The number of the last copy that stood before them: who hears of the outage later hears them by that.
        through: u64,
    },
    /// An outage in a channel of the desk.
    OutageCard,
}

/// How effects that show a view in one place are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coalescing {
    /// One that waits stands for all: it will show the newest.
    Replace,
    /// One that waits untried shows the lines of the next, too, as long as they fit into one message.
    Append,
    /// Each is shown by itself.
    Apart,
}

/// Where effects of a view wait for their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// After each other with what is said in the place.
    Place,
    /// With the card and what stands under it.
    Card,
    /// With others of this name in the place; what else is said there passes them.
    Own(&'static str),
}

/// Everything that is the same for all effects of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewSpec {
    /// Its name in the database.
    pub name: &'static str,
    /// In logs and metrics: it is shown.
    pub shown: &'static str,
    /// In logs and metrics: it is brought up to date.
    pub refreshed: &'static str,
    /// How its effects are put together.
    pub coalescing: Coalescing,
    /// How urgent it is to show it.
    pub lane: Lane,
    /// How urgent it is to bring it up to date.
    pub lane_later: Lane,
    /// Where its effects wait for their turn.
    pub order: Order,
}

/// The view of this name.
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
    /// Everything that is the same for all effects of this view: its name, how they are put together, how urgent they are
    /// at first and later, where they wait.
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

    /// Its name in the database.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.spec().name
    }

    /// The view of this name, if it is one that shows the same in every message.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(name)).ok()
    }

    /// The messages whose words it shows.
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
