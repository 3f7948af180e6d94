//! The draft of a form.

use jiff::{SignedDuration, Timestamp};

use crate::domain::act::{ActRef, Given};
use crate::domain::ids::{DraftId, PersonRef};

/// How long a draft is kept after its last change.
pub const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// The values of an unfinished form, with the act that the form is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The id by which buttons and forms carry the draft.
    pub id: DraftId,
    /// The account that filled the form in.
    pub who: PersonRef,
    /// The act that the form is for, with its subject.
    pub does: ActRef,
    /// The values so far. They may be incomplete or not valid.
    pub given: Given,
    /// The page that is to be filled in next, from 0.
    pub page: u8,
    /// When the draft was last changed.
    pub at: Timestamp,
}
