//! Subjects, which effects, standing messages, timers, audit entries and ends of deliveries are about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::{ArticleId, OutageId, PersonRef, TicketId, UnknownName};

/// A subject. In the database it is two columns, kind and id; elsewhere it is a text: `ticket:12`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    Ticket(TicketId),
    Article(ArticleId),
    Outage(OutageId),
    /// A notice to many places, by its name.
    Notice(String),
    /// An account of a person, for effects that only answer that person.
    Person(PersonRef),
    Desk,
}

impl Subject {
    /// Returns the kind as it is stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ticket(_) => "ticket",
            Self::Article(_) => "article",
            Self::Outage(_) => "outage",
            Self::Notice(_) => "notice",
            Self::Person(_) => "person",
            Self::Desk => "desk",
        }
    }

    /// Returns the id within the kind, as it is stored.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Ticket(id) => id.0.to_string(),
            Self::Article(id) => id.0.to_string(),
            Self::Outage(id) => id.0.to_string(),
            Self::Notice(name) => name.clone(),
            Self::Person(who) => who.to_string(),
            Self::Desk => String::new(),
        }
    }

    /// Returns the subject of this kind and id.
    ///
    /// # Errors
    /// If there is no such kind, or if the id is not valid for it.
    pub fn of(kind: &str, id: &str) -> Result<Self, UnknownName> {
        match kind {
            "ticket" => id.parse().map(|id| Self::Ticket(TicketId(id))).map_err(|_| UnknownName),
            "article" => id.parse().map(|id| Self::Article(ArticleId(id))).map_err(|_| UnknownName),
            "outage" => id.parse().map(|id| Self::Outage(OutageId(id))).map_err(|_| UnknownName),
            "notice" => Ok(Self::Notice(id.to_owned())),
            "person" => id.parse().map(Self::Person),
            "desk" if id.is_empty() => Ok(Self::Desk),
            _ => Err(UnknownName),
        }
    }

    /// Returns the ticket, if the subject is one.
    #[must_use]
    pub const fn ticket(&self) -> Option<TicketId> {
        match self {
            Self::Ticket(id) => Some(*id),
            Self::Article(_) | Self::Outage(_) | Self::Notice(_) | Self::Person(_) | Self::Desk => None,
        }
    }
}

impl From<TicketId> for Subject {
    fn from(id: TicketId) -> Self {
        Self::Ticket(id)
    }
}

impl From<OutageId> for Subject {
    fn from(id: OutageId) -> Self {
        Self::Outage(id)
    }
}

impl From<ArticleId> for Subject {
    fn from(id: ArticleId) -> Self {
        Self::Article(id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.id())
    }
}

impl FromStr for Subject {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (kind, id) = text.split_once(':').ok_or(UnknownName)?;
        Self::of(kind, id)
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::PlatformName;
    use super::*;

    #[test]
    fn a_subject_is_read_back_as_it_was_written() {
        let subjects = [
            Subject::Ticket(TicketId(12)),
            Subject::Article(ArticleId(7)),
            Subject::Outage(OutageId(7)),
            Subject::Notice("payroll: is down".to_owned()),
            Subject::Person(PersonRef::new(PlatformName::Slack, "U1")),
            Subject::Desk,
        ];
        for subject in subjects {
            assert_eq!(subject.to_string().parse(), Ok(subject.clone()));
            assert_eq!(Subject::of(subject.kind(), &subject.id()), Ok(subject));
        }
        for junk in ["", "ticket", "ticket:", "ticket:x", "person:U1", "desk:1", "moon:1"] {
            assert_eq!(junk.parse::<Subject>(), Err(UnknownName), "{junk}");
        }
    }
}
