//! The draft of a form.

use jiff::{SignedDuration, Timestamp};

use crate::domain::act::{ActRef, Given};
use crate::domain::ids::{DraftId, PersonRef};

/// How long a draft is kept after its last change.
pub const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// What was filled in of an unfinished form.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The id by which buttons and forms carry the draft.
    pub id: DraftId,
    /// The person whose draft it is.
    pub who: PersonRef,
    /// The act that it is for.
    pub does: ActRef,
    /// The values so far. They are not checked before the form is finished.
    pub given: Given,
    /// The page that is to be filled in next, from 0.
    pub page: u8,
    /// When something was last filled in.
    pub at: Timestamp,
}
