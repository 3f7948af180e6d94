//! Standing messages: the bot's own messages on the platforms.

use super::ids::{MessageRef, Place};
use super::subject::Subject;
use super::view::View;

/// The name under which a standing message that is no view is stored.
pub const SAID: &str = "said";

/// A standing message: a message of the bot that stands on a platform for a subject. A message that shows the words of
/// several messages has an entry for each of them, and a view that was too long for one message has an entry for each
/// part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub about: Subject,
    /// The name of the view, or [`SAID`].
    pub view: String,
    /// The slot. For lines: the message whose words are shown. For messages that are no view: the effect.
    pub slot: String,
    /// The number of the part, from 0.
    pub part: u32,
    /// The place. For a card: its channel.
    pub place: Place,
    pub message: MessageRef,
}

impl Standing {
    /// Returns the standing message of a view in a place.
    #[must_use]
    pub fn of(about: impl Into<Subject>, view: &View, place: Place, message: MessageRef) -> Self {
        let (about, view) = (about.into(), view.name().to_owned());
        Self { about, view, slot: String::new(), part: 0, place, message }
    }

    /// Whether it is a card.
    #[must_use]
    pub fn is_card(&self) -> bool {
        self.view == View::Card.name()
    }

    /// Returns the message whose words it shows, if it is a line.
    #[must_use]
    pub fn shows(&self) -> Option<MessageRef> {
        if self.view == LINES { self.slot.parse().ok() } else { None }
    }
}

/// The name under which lines are stored.
pub const LINES: &str = "lines";
