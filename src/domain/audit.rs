//! Who did what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{Person, Place};
use super::subject::Subject;

/// What somebody did, without a word of what was said: who, what, when, from where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// On what.
    pub about: Subject,
    /// When.
    pub at: Timestamp,
    /// Who; none for the clock.
    pub actor: Option<Person>,
    /// What.
    pub act: String,
    /// From where; none for the clock.
    pub from: Option<Place>,
    /// Which fields changed. Replaying these gives status, assignee, priority and links.
    pub fields: Vec<FieldChange>,
}

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What it was; none where it was empty.
    pub from: Option<String>,
    /// What it is.
    pub to: Option<String>,
}
