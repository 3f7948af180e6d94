//! Rights, which acts require. The settings give them to people and groups (`[rights]`).

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::ids::UnknownName;
use super::permission::Principal;
use super::settings::{Reader, Section};

/// Declares the rights, each with its name in the settings and its default holders besides the admins.
macro_rules! rights {
    ($($(#[$meta:meta])* $right:ident = $name:literal, $default:expr;)+) => {
        /// A right of a person.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Right {
            $($(#[$meta])* $right,)+
        }

        impl Right {
            /// Every right, in the order of the declarations.
            pub const ALL: &[Self] = &[$(Self::$right),+];

            /// The name of each right, in the same order.
            pub const NAMES: &[&str] = &[$($name),+];

            /// Returns the right's name in the settings.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$right => $name,)+
                }
            }

            /// Returns who has the right by default, besides the admins.
            #[must_use]
            pub const fn default_holders(self) -> &'static [Holder] {
                match self {
                    $(Self::$right => $default,)+
                }
            }
        }
    };
}

rights! {
    /// Sees, takes, answers and resolves every ticket: an agent.
    TicketWork = "ticket_work", &[Holder::Agents];
    /// Publishes, reviews and retires articles. It suffices for writing and editing them, too.
    ArticlePublish = "article_publish", &[Holder::Agents];
    /// Announces outages, and reports their progress and end.
    OutageAnnounce = "outage_announce", &[Holder::Agents];
    /// Announces outages of high severity, or to every channel at once. `outage_announce` is needed, too.
    OutageAnnounceHigh = "outage_announce_high", &[];
    /// Mentions everybody in an announcement. Admins do not have it by themselves.
    OutageMentionAll = "outage_mention_all", &[];
    /// Sets the guard mode of channels, and sees the report about pings of all staff.
    GuardSet = "guard_set", &[];
}

impl Right {
    /// Whether admins always have the right, whatever the settings say.
    #[must_use]
    pub const fn is_admins(self) -> bool {
        !matches!(self, Self::OutageMentionAll)
    }
}

impl FromStr for Right {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|right| right.as_str() == text).ok_or(UnknownName)
    }
}

/// A holder of a right, by the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    Agents,
    Admins,
    /// A person or a group.
    Principal(Principal),
}

impl Holder {
    /// Returns the person or group, if the holder is one.
    #[must_use]
    pub const fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Principal(principal) => Some(principal),
            Self::Agents | Self::Admins => None,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agents => f.write_str("agents"),
            Self::Admins => f.write_str("admins"),
            Self::Principal(principal) => principal.fmt(f),
        }
    }
}

/// `[rights]`: the holders of rights, where they differ from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RightsSettings {
    /// The holders of each right, besides the admins.
    pub holders: HashMap<Right, Vec<Holder>>,
}

impl Section for RightsSettings {
    const KEYS: &'static [&'static str] = Right::NAMES;

    fn read(from: &mut dyn Reader) -> Self {
        let given = Right::ALL.iter().filter_map(|right| Some((*right, from.holders(right.as_str())?)));
        Self { holders: given.collect() }
    }
}
