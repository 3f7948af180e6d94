//! The audit: who did what.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::act::Spec;
use super::ids::{Person, Place};
use super::subject::Subject;

/// Declares the deeds that are no acts, each with its name in the audit.
macro_rules! deeds {
    ($($(#[$meta:meta])* $did:ident = $name:literal,)+) => {
        /// A deed that the audit can record.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Did {
            Act(&'static Spec),
            $($(#[$meta])* $did,)+
        }

        impl Did {
            /// The deeds that are no acts.
            pub const OTHERS: &[Self] = &[$(Self::$did),+];

            /// Returns the deed's name in the audit.
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
    Opened = "opened",
    /// A message was joined to a ticket that its author had opened a moment before.
    Joined = "joined",
    /// The requester wrote on a resolved ticket.
    ReopenedByWriting = "reopened by writing",
    /// The requester wrote on a pending ticket, which ended the wait.
    WentOn = "went on",
    /// The wait of a ticket ended by its timer.
    WaitOver = "wait over",
    /// A resolved ticket was closed by its timer.
    Closed = "closed",
    /// A message was edited.
    WordsChanged = "words changed",
    /// A message was deleted.
    WordsDeleted = "words deleted",
    /// A reply was delivered.
    Replied = "replied",
    /// A reply could not be delivered.
    ReplyNotDelivered = "reply not delivered",
    /// A message to the requester could not be delivered.
    NotTold = "not told",
    /// The messages of a thread from before it became a request were read.
    ThreadReadBack = "thread read back",
    /// A person was erased.
    Erased = "erased",
    /// Words and names were erased because the ticket had been kept for `privacy.keep_tickets_days`.
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

/// An entry of the audit: who did what, when, and from where. It holds no words of people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub about: Subject,
    pub at: Timestamp,
    /// The person who did it. `None` for timers and the program.
    pub actor: Option<Person>,
    /// The deed: the name of a [`Did`].
    pub act: String,
    /// The place that the person acted from. `None` for timers and the program.
    pub from: Option<Place>,
    /// The changed fields. Replaying them gives status, assignee, priority and links.
    pub fields: Vec<FieldChange>,
}

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    /// The former value. `None` if it was empty.
    pub from: Option<String>,
    /// The new value. `None` if it is empty.
    pub to: Option<String>,
}
