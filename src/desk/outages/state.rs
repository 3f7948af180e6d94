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
    /// Its phase.
    pub phase: Phase,
    /// Its severity.
    pub severity: Severity,
    /// The text of the announcement, and its audience.
    pub content: Content,
    /// The person who announced it, and is reminded of news.
    pub owner: Person,
    /// The number of its current version.
    pub version: i64,
    /// When it was announced. For a draft: when it was written.
    pub opened_at: Timestamp,
    /// When anything about it was last changed.
    pub changed_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Outage {
    /// Whether the outage is over and its end is posted as a new message beside each copy.
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
    /// What is known of it, for everybody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub known: String,
    /// What people can do meanwhile.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workaround: String,
    /// Text for the desk alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub internal: String,
    /// When the next news are promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Keys of services that it was about before. Their channels that have a copy hear how the outage goes on.
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
    /// The ticket on which it was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_on: Option<TicketId>,
    /// The version with the latest news. A version that merely renames the announcer is no news.
    #[serde(default)]
    pub news: i64,
    /// The number of channels that it was to reach when it was written.
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
    /// Its name.
    pub name: String,
}

/// The number of channels that an announcement reaches, as far as the platforms have reported their channels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Channels on Slack.
    pub slack: u64,
    /// Channels on Discord.
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
    /// The channel's place.
    pub place: Place,
    /// What is known of the channel.
    pub channel: Channel,
}

/// The audience of an outage besides the channels that follow its services, and the number of all its channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Whether it includes every channel that the bot can write into.
    pub everywhere: bool,
    /// Channels that were named.
    pub also: Vec<Place>,
    /// A name that no channel has.
    pub unknown: Option<String>,
    /// The number of channels that are reached.
    pub reach: Reach,
}

impl Reach {
    /// Returns the number of channels on both platforms.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.slack + self.discord
    }
}

/// The ledger of an announcement: what became of it in its channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// On Slack.
    pub slack: Delivered,
    /// On Discord.
    pub discord: Delivered,
    /// Whether the spread still has channels for which no effect is queued.
    pub is_spreading: bool,
    /// The number of the copy that was posted last.
    pub last_copy: u64,
}

/// The counts of an announcement on one platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Channels with a copy.
    pub stands: u64,
    /// Posts and changes that wait.
    pub waiting: u64,
    /// Posts and changes that are held because a channel refuses them.
    pub held: u64,
    /// Posts and changes that have failed.
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

    /// Whether posts or changes still wait, or are still to be queued.
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
    /// The platform's reason.
    pub why: String,
}

/// An outage as announcers see it, with its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The outage.
    pub outage: Outage,
    /// What became of it in its channels.
    pub ledger: Ledger,
    /// Some of the channels with a copy, with their names.
    pub copies: Vec<(Place, String)>,
    /// Some of the channels that refuse it.
    pub troubles: Vec<Trouble>,
}
