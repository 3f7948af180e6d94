//! The outage.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::channel::Channel;
use crate::domain::ids::{OutageId, OutageKey, Person, Place, TicketId};
use crate::domain::outage::{Phase, Severity};
use crate::domain::rules::OutageSettings;

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

impl Outage {
    /// Whether it is over, and that is said anew wherever it stands.
    #[must_use]
    pub fn ends_anew(&self, settings: &OutageSettings) -> bool {
        self.phase == Phase::Resolved && self.severity == Severity::High && settings.ends_anew
    }
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
    /// Keys of services that it was about once: whoever follows them hears how it goes on where they have heard of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
    /// Channels that were named for it, besides those that follow its services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Place>,
    /// Whether every channel hears of it that the bot can write into.
    #[serde(default, skip_serializing_if = "is_false")]
    pub everywhere: bool,
    /// Whether everybody is mentioned when a channel hears of it first.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mentions_all: bool,
    /// The ticket on which it was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_on: Option<TicketId>,
    /// The version that told the newest: to rename whoever announced it is no news.
    #[serde(default)]
    pub news: i64,
    /// How many channels were to hear of it when it was written.
    #[serde(default)]
    pub reach: Reach,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(is: &bool) -> bool {
    !*is
}

/// A service, as it was called when the outage was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its key in the settings.
    pub key: String,
    /// What people call it.
    pub name: String,
}

/// How many channels an announcement reaches, as far as the platforms have told of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// On Slack.
    pub slack: u64,
    /// On Discord.
    pub discord: u64,
    /// How many the bot cannot write into.
    #[serde(default)]
    pub closed: u64,
    /// How many are left out since people of other organisations read there.
    #[serde(default)]
    pub shared: u64,
    /// Some of those that are not reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<Unreached>,
}

/// A channel that an announcement does not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreached {
    /// Where it is.
    pub place: Place,
    /// What is known of it.
    pub channel: Channel,
}

/// Who is to hear of an outage besides the channels that follow its services, and how many that are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Every channel that the bot can write into.
    pub everywhere: bool,
    /// Channels that were named.
    pub also: Vec<Place>,
    /// A name that no channel has.
    pub unknown: Option<String>,
    /// How many that are.
    pub reach: Reach,
}

impl Reach {
    /// On both.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.slack + self.discord
    }
}

/// What became of an announcement in its channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// On Slack.
    pub slack: Delivered,
    /// On Discord.
    pub discord: Delivered,
    /// Whether there are channels for which nothing is queued yet.
    pub is_spreading: bool,
    /// The number of the copy that was posted last.
    pub last_copy: u64,
}

/// What became of it in the channels of one platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Channels in which it stands.
    pub stands: u64,
    /// What waits to be said or changed.
    pub waiting: u64,
    /// What is held until somebody mends what refuses it.
    pub held: u64,
    /// What could not be said.
    pub failed: u64,
}

impl Ledger {
    /// Of both platforms.
    #[must_use]
    pub const fn total(&self) -> Delivered {
        Delivered {
            stands: self.slack.stands + self.discord.stands,
            waiting: self.slack.waiting + self.discord.waiting,
            held: self.slack.held + self.discord.held,
            failed: self.slack.failed + self.discord.failed,
        }
    }

    /// Whether something is still to be said or changed.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.is_spreading || self.total().waiting > 0
    }
}

/// A channel into which an announcement cannot be written, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The channel.
    pub place: Place,
    /// Its name, if it is known.
    pub name: String,
    /// What its platform said.
    pub why: String,
}

/// What those who announce see of an outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The outage.
    pub outage: Outage,
    /// What became of it in them.
    pub ledger: Ledger,
    /// Some of the channels in which it stands, with their names.
    pub copies: Vec<(Place, String)>,
    /// Some of the channels that refuse it.
    pub troubles: Vec<Trouble>,
}
