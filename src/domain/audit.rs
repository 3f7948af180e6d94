//! Who did what.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::act::Spec;
use super::ids::{Person, Place};
use super::subject::Subject;

/// Declares what is done other than by an act, each with its name in the audit.
macro_rules! deeds {
    ($($(#[$meta:meta])* $did:ident = $name:literal,)+) => {
        /// What was done. Nothing else stands in the audit.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Did {
            /// What an act does.
            Act(&'static Spec),
            $($(#[$meta])* $did,)+
        }

        impl Did {
            /// What is done other than by an act.
            pub const OTHERS: &[Self] = &[$(Self::$did),+];

            /// Its name in the audit.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::Act(spec) => spec.audit,
                    $(Self::$did => $name,)+
                }
            }
        }
    };
}

deeds! {
    /// A ticket was opened.
    Opened = "opened",
    /// A message was joined to a ticket.
    Joined = "joined",
    /// Its requester wrote on a ticket that was resolved.
    ReopenedByWriting = "reopened by writing",
    /// Its requester wrote on a ticket that waited.
    WentOn = "went on",
    /// The moment came until which a ticket was to wait.
    WaitOver = "wait over",
    /// A resolved ticket was closed by the clock.
    Closed = "closed",
    /// A message was edited.
    WordsChanged = "words changed",
    /// A message was deleted.
    WordsDeleted = "words deleted",
    /// A reply was delivered.
    Replied = "replied",
    /// A reply could not be delivered.
    ReplyNotDelivered = "reply not delivered",
    /// The requester could not be told how it stands.
    NotTold = "not told",
    /// What was said in a thread before it became a request was read.
    ThreadReadBack = "thread read back",
    /// A person was taken out.
    Erased = "erased",
    /// It was kept long enough: words and names were taken out.
    Expired = "expired",
}

impl From<&'static Spec> for Did {
    fn from(spec: &'static Spec) -> Self {
        Self::Act(spec)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What somebody did, without a word of what was said: who, what, when, from where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// On what.
    pub about: Subject,
    /// When.
    pub at: Timestamp,
    /// Who; none for the clock.
    pub actor: Option<Person>,
    /// What: a [`Did`] by its name.
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
