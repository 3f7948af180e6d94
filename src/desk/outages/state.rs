//! Outages, their content and their ledger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::channel::Channel;
use crate::domain::ids::{OutageId, OutageKey, Person, Place, TicketId};
use crate::domain::outage::{Phase, Severity};
use crate::domain::rules::OutageSettings;

/// The greatest length of a title, in characters.
pub const LONGEST_TITLE: usize = 150;

/// A major incident, which is announced to the channels that follow its services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Its id in the database.
    pub id: OutageId,
    /// The key that people quote.
    pub key: OutageKey,
    pub phase: Phase,
    pub severity: Severity,
    /// The text of the announcement, and its audience.
    pub content: Content,
    /// The person who announced it, and is reminded when news are due.
    pub owner: Person,
    /// The number of its current version.
    pub version: i64,
    /// When it was announced. For a draft: when it was written.
    pub opened_at: Timestamp,
    /// When anything about it was last changed.
    pub changed_at: Timestamp,
    /// When it was resolved or retracted. `None` while it runs.
    pub ended_at: Option<Timestamp>,
}

impl Outage {
    /// Whether the outage is resolved and its end is posted as a new message beside each copy.
    #[must_use]
    pub fn ends_anew(&self, settings: &OutageSettings) -> bool {
        self.phase == Phase::Resolved && self.severity == Severity::High && settings.ends_anew
    }
}

/// The content of an outage: its text, its services and its audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The title: what does not work, on one line.
    pub title: String,
    /// The services that it is about.
    pub services: Vec<Named>,
    /// What is known of it, as everybody reads it.
    #[serde(rename = "known", default, skip_serializing_if = "String::is_empty")]
    pub public_text: String,
    /// What people can do until it is over.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workaround: String,
    /// Text for the desk alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub internal: String,
    /// When the next news are promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Keys of services that it was about before. Channels that follow them and have a copy still get the news.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
    /// Channels that were named for it, besides those that follow its services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Place>,
    /// Whether it goes to every channel that the bot can write into.
    #[serde(default, skip_serializing_if = "is_false")]
    pub everywhere: bool,
    /// Whether everybody is mentioned in the first post in a channel.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mentions_all: bool,
    /// The ticket from which it was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_on: Option<TicketId>,
    /// The version that brought the latest news. A version that only replaces an erased owner brings none.
    #[serde(default)]
    pub news: i64,
    /// The number of channels that it would reach, when the draft was written.
    #[serde(default)]
    pub reach: Reach,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(is: &bool) -> bool {
    !*is
}

/// A service, with the name that it had when the outage was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its key in the settings.
    pub key: String,
    pub name: String,
}

/// The number of channels that an announcement reaches, as far as the platforms have reported their channels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    pub slack: u64,
    pub discord: u64,
    /// Channels that the bot cannot write into.
    #[serde(default)]
    pub closed: u64,
    /// Channels that are left out because people of other organisations read them.
    #[serde(default)]
    pub shared: u64,
    /// Some of the channels that are not reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<Unreached>,
}

/// A channel that an announcement does not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreached {
    pub place: Place,
    pub channel: Channel,
}

/// The audience of a new outage besides the channels that follow its services, and the number of all its channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Whether it includes every channel that the bot can write into.
    pub everywhere: bool,
    /// Channels that were named in the form.
    pub also: Vec<Place>,
    /// The first of the names in the form that no channel has.
    pub unknown: Option<String>,
    /// The number of all channels of the audience, those that follow the services included.
    pub reach: Reach,
}

impl Reach {
    /// Returns the number of channels on both platforms.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.slack + self.discord
    }
}

/// The ledger of an announcement: how far it has been delivered to its channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub slack: Delivered,
    pub discord: Delivered,
    /// Whether the spread still has channels for which no effect is queued.
    pub is_spreading: bool,
    /// The greatest number of a copy. News beside the copies go to the copies up to this one.
    pub last_copy: u64,
}

/// The counts of an announcement on one platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Channels with a copy.
    pub stands: u64,
    /// Posts and updates that wait for delivery.
    pub waiting: u64,
    /// Posts and updates that are held because a channel refuses them.
    pub held: u64,
    /// Posts and updates that have failed.
    pub failed: u64,
}

impl Ledger {
    /// Returns the sums of both platforms.
    #[must_use]
    pub const fn total(&self) -> Delivered {
        Delivered {
            stands: self.slack.stands + self.discord.stands,
            waiting: self.slack.waiting + self.discord.waiting,
            held: self.slack.held + self.discord.held,
            failed: self.slack.failed + self.discord.failed,
        }
    }

    /// Whether posts or updates still wait for delivery, or are still to be queued.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.is_spreading || self.total().waiting > 0
    }
}

/// A channel into which an announcement cannot be written, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub place: Place,
    /// Its name; empty if unknown.
    pub name: String,
    /// The reason that the platform gave.
    pub why: String,
}

/// An outage as announcers see it, with its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutageWithLedger {
    pub outage: Outage,
    /// How far it has been delivered.
    pub ledger: Ledger,
    /// Some of the channels with a copy, with their names (empty if unknown).
    pub copies: Vec<(Place, String)>,
    /// Some of the channels that refuse it.
    pub troubles: Vec<Trouble>,
}
