//! Impact, urgency and their matrix (ITIL).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::UnknownName;

/// How far it reaches, or how soon it hurts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Many people, or now.
    High,
    /// Some people, or today.
    #[default]
    Medium,
    /// One person, or whenever it suits.
    Low,
}

/// In which order tickets are worked, `P1` first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// Critical.
    P1,
    /// High.
    P2,
    /// Normal.
    P3,
    /// Low.
    P4,
}

impl Priority {
    /// Every priority, most urgent first.
    pub const ALL: [Self; 4] = [Self::P1, Self::P2, Self::P3, Self::P4];

    /// The matrix of impact and urgency.
    #[must_use]
    pub const fn of(impact: Level, urgency: Level) -> Self {
        match (impact, urgency) {
            (Level::High, Level::High) => Self::P1,
            (Level::High, Level::Medium) | (Level::Medium, Level::High) => Self::P2,
            (Level::High, Level::Low) | (Level::Medium, Level::Medium) | (Level::Low, Level::High) => Self::P3,
            (Level::Medium | Level::Low, Level::Low) | (Level::Low, Level::Medium) => Self::P4,
        }
    }

    /// `P1` to `P4`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|priority| priority.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownName)
    }
}
