//! The draft.

use jiff::{SignedDuration, Timestamp};

use crate::domain::act::{ActRef, Given};
use crate::domain::ids::{DraftId, PersonRef};

/// How long a draft is kept after something was last filled in.
pub const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// What was filled in of a form that is not finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Names it to buttons and forms.
    pub id: DraftId,
    /// Whose it is.
    pub who: PersonRef,
    /// The act that it is for.
    pub does: ActRef,
    /// What was filled in so far. Nothing of it is relied upon: all of it is checked when the form is finished.
    pub given: Given,
    /// The page that is to be filled in next, from 0.
    pub page: u8,
    /// When something was last filled in.
    pub at: Timestamp,
}
