//! Forms, as data: which fields, which limits. The adapters open them; what is submitted is decided in `intake`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::{TicketTag, UnknownName};

/// Which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormKind {
    /// The requester adds details.
    Details,
    /// The requester starts another request from a direct conversation.
    NewRequest,
    /// An agent answers the requester.
    Reply,
    /// An agent says what the ticket waits for.
    Pending,
    /// An agent says how it was resolved.
    Resolve,
}

impl FormKind {
    const ALL: [Self; 5] = [Self::Details, Self::NewRequest, Self::Reply, Self::Pending, Self::Resolve];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Details => "details",
            Self::NewRequest => "new_request",
            Self::Reply => "reply",
            Self::Pending => "pending",
            Self::Resolve => "resolve",
        }
    }
}

/// Which form about which ticket. Its text (`reply:IT-1042~u` and the ticket's uid) is what the platform carries from opening to submitting.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FormRef {
    /// Which form.
    pub kind: FormKind,
    /// About which ticket.
    #[serde(flatten)]
    pub ticket: TicketTag,
}

impl fmt::Display for FormRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.ticket)
    }
}

impl FromStr for FormRef {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (kind, ticket) = text.split_once(':').ok_or(UnknownName)?;
        let kind = FormKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(UnknownName)?;
        Ok(Self { kind, ticket: ticket.parse()? })
    }
}

/// A form to open: texts are the bot's own, but for the `value`s, which may be people's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Comes back when it is submitted.
    pub form: FormRef,
    /// Its title, at most 24 characters (Slack).
    pub title: String,
    /// What the sending button says, at most 24 characters.
    pub submit: String,
    /// Its fields, at most five (Discord).
    pub fields: Vec<Field>,
}

/// A field for text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Names it among the submitted values.
    pub id: &'static str,
    /// What it says, at most 45 characters (Discord).
    pub label: String,
    /// Grey words in the empty field, at most 100 characters.
    pub hint: String,
    /// Several lines.
    pub multiline: bool,
    /// Must be filled in.
    pub required: bool,
    /// What stands in it at first.
    pub value: String,
    /// Most characters, at most 3,000 (Slack) and 4,000 (Discord).
    pub max_chars: usize,
}

/// What was filled in, by field id.
pub type Values = BTreeMap<String, String>;
