//! The vocabulary of knowledge articles that every part of the program uses.

use serde::{Deserialize, Serialize};

use super::ids::UnknownName;
use super::machine::{self, START, Step, step};

/// The state machine of an article. `import` reads a file whose front matter names the status; `prune` is an option of
/// the import. The other steps are acts in chat.
pub const STEPS: [Step; 14] = [
    step(START, "write", "draft"),
    step(START, "import", "draft"),
    step(START, "import", "published"),
    step(START, "import", "retired"),
    step("draft", "publish", "published"),
    step("retired", "publish", "published"),
    step("draft", "retire", "retired"),
    step("published", "retire", "retired"),
    step("draft", "import", "published"),
    step("draft", "import", "retired"),
    step("published", "import", "draft"),
    step("published", "import", "retired"),
    step("retired", "import", "published"),
    step("published", "prune", "retired"),
];

/// The status of an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArticleStatus {
    /// Shown only to people who may write articles: agents and publishers.
    Draft,
    /// Found by searches, and suggested.
    Published,
    /// Kept, but neither found nor suggested.
    Retired,
}

impl ArticleStatus {
    pub const ALL: [Self; 3] = [Self::Draft, Self::Published, Self::Retired];

    /// Returns the name in the database, in front matter and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Retired => "retired",
        }
    }

    /// Whether an article of this status allows the act `by`: `publish`, `retire`.
    #[must_use]
    pub fn can(self, by: &str) -> bool {
        machine::can(&STEPS, self.as_str(), by)
    }
}

/// The people who may find an article.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    #[default]
    Everyone,
    /// Only the desk's agents.
    Agents,
}

impl Audience {
    pub const ALL: [Self; 2] = [Self::Everyone, Self::Agents];

    /// Returns the name in the database and in front matter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Agents => "agents",
        }
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
