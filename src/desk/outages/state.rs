//! The outage.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{OutageId, OutageKey, Person};
use crate::domain::outage::{Phase, Severity};

/// How many characters a title has at most.
pub const LONGEST_TITLE: usize = 150;

/// A major incident, which is announced to whoever follows its services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The database's number of it.
    pub id: OutageId,
    /// What people quote.
    pub key: OutageKey,
    /// How far it has come.
    pub phase: Phase,
    /// How bad it is.
    pub severity: Severity,
    /// What is said of it.
    pub content: Content,
    /// Who announced it, and is reminded of news.
    pub owner: Person,
    /// Counts what was changed.
    pub version: i64,
    /// When it was announced; until then, when it was written.
    pub opened_at: Timestamp,
    /// When anything of it was last changed.
    pub changed_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// What is said of an outage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What does not work, on one line.
    pub title: String,
    /// The services that it is about.
    pub services: Vec<Named>,
    /// What is known of it, for everybody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub known: String,
    /// What people can do meanwhile.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workaround: String,
    /// What the desk alone sees.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub internal: String,
    /// When there will be news.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// How many channels followed its services when it was written.
    #[serde(default)]
    pub reach: Reach,
}

/// A service, as it was called when the outage was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its key in the settings.
    pub key: String,
    /// What people call it.
    pub name: String,
}

/// How many channels an announcement reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// On Slack.
    pub slack: u64,
    /// On Discord.
    pub discord: u64,
}

impl Reach {
    /// On both.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.slack + self.discord
    }
}

/// What became of an announcement in its channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Channels in which it stands.
    pub stands: u64,
    /// What waits to be said or changed.
    pub waiting: u64,
    /// What is held until an operator mends something.
    pub held: u64,
    /// What could not be said.
    pub failed: u64,
}

/// What those who announce see of an outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The outage.
    pub outage: Outage,
    /// What became of it in them.
    pub ledger: Ledger,
}
