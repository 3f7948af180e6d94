//! The bot's own messages.

use super::ids::{MessageRef, Place};
use super::subject::Subject;
use super::view::View;

/// What a standing message that is no view is stored as.
pub const SAID: &str = "said";

/// A message of the bot that stands on a platform for a subject. A message that shows the words of several messages stands
/// once for each of them, and a view that was too long for one message once for each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// For what.
    pub about: Subject,
    /// The name of the view, or [`SAID`].
    pub view: String,
    /// Which of several: for lines the message whose words it shows, for what was said its effect.
    pub slot: String,
    /// Which part, from 0 on.
    pub part: u32,
    /// Where: for a card its channel.
    pub place: Place,
    /// The message.
    pub message: MessageRef,
}

impl Standing {
    /// A message as which a view of a subject stands in a place.
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

    /// The message whose words it shows.
    #[must_use]
    pub fn shows(&self) -> Option<MessageRef> {
        if self.view == LINES { self.slot.parse().ok() } else { None }
    }
}

/// What lines are stored as.
pub const LINES: &str = "lines";
