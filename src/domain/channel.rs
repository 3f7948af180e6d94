//! What the platforms tell of channels: what they are called, and whether the bot can write there.

use serde::{Deserialize, Serialize};

use super::ids::{Conversation, Place, Tenant};

/// Whether the bot can write into a channel, as its platform last said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It can.
    Open,
    /// It can, and people of another organisation read there (Slack Connect).
    Shared,
    /// It cannot: it is not in the channel, may not write there, or the channel is gone.
    Closed,
}

impl Access {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Shared => "shared",
            Self::Closed => "closed",
        }
    }
}

/// A channel, as its platform last told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The platform's id of it.
    pub id: String,
    /// Its name, without `#`.
    pub name: String,
    /// Whether the bot can write there.
    pub access: Access,
}

impl Channel {
    /// It as a place.
    #[must_use]
    pub fn place(&self, tenant: &Tenant) -> Place {
        Place { tenant: tenant.clone(), at: Conversation::Channel { channel: self.id.clone() } }
    }
}
