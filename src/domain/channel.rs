//! Channels as the platforms report them: their names, and whether the bot can write there.

use serde::{Deserialize, Serialize};

use super::ids::{Conversation, Place, Tenant};

/// Whether the bot can write into a channel, by the platform's last report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// The bot can write there.
    Open,
    /// The bot can write there, and people of another organisation read there (Slack Connect).
    Shared,
    /// The bot cannot write there: it is not in the channel, may not write, or the channel is gone.
    Closed,
}

impl Access {
    /// Returns the name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Shared => "shared",
            Self::Closed => "closed",
        }
    }
}

/// A channel, by its platform's last report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The platform's id of the channel.
    pub id: String,
    /// Its name, without `#`.
    pub name: String,
    pub access: Access,
}

impl Channel {
    /// Returns the channel as a place.
    #[must_use]
    pub fn place(&self, tenant: &Tenant) -> Place {
        Place { tenant: tenant.clone(), at: Conversation::Channel { channel: self.id.clone() } }
    }
}
