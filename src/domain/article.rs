//! What every part of the program knows of articles.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{ArticleKey, UnknownName};

/// How an article stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArticleStatus {
    /// It is written, and shown to nobody yet but to those who may publish it.
    Draft,
    /// It is found and suggested.
    Published,
    /// It is kept, and neither found nor suggested.
    Retired,
}

impl ArticleStatus {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Published, Self::Retired];

    /// Its name in the database, in front matter and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Retired => "retired",
        }
    }
}

/// Who may find an article.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody.
    #[default]
    Everyone,
    /// The desk's agents alone.
    Agents,
}

impl Audience {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Everyone, Self::Agents];

    /// Its name in the database and in front matter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Agents => "agents",
        }
    }
}

/// An article as a button carries it: by its key and, where it matters that nobody has changed it since, its version. As text
/// it is `KB-7` or `KB-7.3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArticleRef {
    /// What people quote.
    pub key: ArticleKey,
    /// The version that was seen.
    pub version: Option<i64>,
}

impl fmt::Display for ArticleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}.{version}", self.key),
            None => self.key.fmt(f),
        }
    }
}

impl std::str::FromStr for ArticleRef {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (key, version) = match text.split_once('.') {
            Some((key, version)) => (key, Some(version.parse().map_err(|_| UnknownName)?)),
            None => (text, None),
        };
        Ok(Self { key: key.parse().map_err(|_| UnknownName)?, version })
    }
}

impl std::str::FromStr for ArticleStatus {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownName)
    }
}

impl std::str::FromStr for Audience {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|audience| audience.as_str() == text).ok_or(UnknownName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_read_back_as_a_button_carries_it() {
        for text in ["KB-7", "KB-7.3"] {
            assert_eq!(text.parse::<ArticleRef>().map(|article| article.to_string()), Ok(text.to_owned()));
        }
        for junk in ["", "KB", "KB-7.", "KB-7.x", "KB-7.3.1", ".3"] {
            assert_eq!(junk.parse::<ArticleRef>(), Err(UnknownName), "{junk}");
        }
    }
}
