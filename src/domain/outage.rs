//! What every part of the program knows of outages and of the services that they are about.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::UnknownName;
use super::machine::{self, END, START, Step, step};

/// How bad an outage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Many people cannot work.
    High,
    /// Some cannot, or many work worse.
    Medium,
    /// Few notice.
    Low,
}

impl Severity {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// Its name in the database and in forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// How outages change.
pub const STEPS: [Step; 15] = [
    step(START, "write", "drafted"),
    step("drafted", "announce", "investigating"),
    step("drafted", "forget", END),
    step("investigating", "update", "identified"),
    step("investigating", "update", "monitoring"),
    step("identified", "update", "investigating"),
    step("identified", "update", "monitoring"),
    step("monitoring", "update", "investigating"),
    step("monitoring", "update", "identified"),
    step("investigating", "resolve", "resolved"),
    step("identified", "resolve", "resolved"),
    step("monitoring", "resolve", "resolved"),
    step("investigating", "retract", "retracted"),
    step("identified", "retract", "retracted"),
    step("monitoring", "retract", "retracted"),
];

/// How far an outage has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is written, and announced to nobody yet.
    Drafted,
    /// What is wrong is being looked for.
    Investigating,
    /// What is wrong is known, and being mended.
    Identified,
    /// It is mended, and watched.
    Monitoring,
    /// It is over.
    Resolved,
    /// It was announced by mistake.
    Retracted,
}

impl Phase {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Drafted, Self::Investigating, Self::Identified, Self::Monitoring, Self::Resolved, Self::Retracted];

    /// Its name in the database and in forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drafted => "drafted",
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
            Self::Retracted => "retracted",
        }
    }

    /// Whether it has been announced and is not over.
    #[must_use]
    pub fn is_running(self) -> bool {
        self.can("resolve")
    }

    /// Whether an outage of this phase can be changed so: `announce`, `update`, `resolve`, `retract`.
    #[must_use]
    pub fn can(self, by: &str) -> bool {
        machine::can(&STEPS, self.as_str(), by)
    }
}

impl FromStr for Severity {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or(UnknownName)
    }
}

impl FromStr for Phase {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text).ok_or(UnknownName)
    }
}

/// A service of the catalogue in the settings (`[[services]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Names it in commands and in the database: `vpn`.
    pub key: String,
    /// What people call it: `VPN`.
    pub name: String,
    /// Who looks after it, for the desk: a team or a person. Empty: nobody is named.
    pub owner: String,
    /// Words that name several services at once: a region, a kind.
    pub tags: Vec<String>,
    /// Other words that people use for it.
    pub words: Vec<String>,
}

impl Service {
    /// Whether a word means this service: its key, its name, or another word for it.
    #[must_use]
    pub fn is_called(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let others = self.words.iter().map(|other| other.to_lowercase());
        self.key == word || self.name.to_lowercase() == word || others.into_iter().any(|other| other == word)
    }

    /// Whether words speak of this service: by its key, its name, or another word for it.
    #[must_use]
    pub fn is_named_in(&self, text: &str) -> bool {
        let spaced = |text: &str| {
            let lower = text.to_lowercase();
            let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            format!(" {} ", words.collect::<Vec<_>>().join(" "))
        };
        let text = spaced(text);
        let mut names = [&self.key, &self.name].into_iter().chain(&self.words).map(|name| spaced(name));
        names.any(|name| !name.trim().is_empty() && text.contains(&name))
    }

    /// Whether a word is one of its tags.
    #[must_use]
    pub fn is_tagged(&self, word: &str) -> bool {
        self.tags.iter().any(|tag| tag.to_lowercase() == word.to_lowercase())
    }
}

/// The services that a list of words means, by comma, in the order of the catalogue; the first word that means none.
///
/// # Errors
/// That word.
pub fn meant<'s>(services: &'s [Service], words: &str) -> Result<Vec<&'s Service>, String> {
    let mut found: Vec<&Service> = Vec::new();
    for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let of = |word: &str| -> Vec<&'s Service> {
            services.iter().filter(|service| service.is_called(word) || service.is_tagged(word)).collect()
        };
        let these = of(word);
        // Names may hold spaces; else spaces stand between words, too.
        let parts = if these.is_empty() { word.split_whitespace().map(of).collect() } else { vec![these] };
        if parts.iter().any(Vec::is_empty) {
            return Err(word.to_owned());
        }
        found.extend(parts.into_iter().flatten());
    }
    Ok(services.iter().filter(|service| found.iter().any(|one| one.key == service.key)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_meant_by_key_name_word_or_tag() {
        let service = |key: &str, name: &str, tags: &[&str], words: &[&str]| Service {
            key: key.to_owned(),
            name: name.to_owned(),
            owner: String::new(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            words: words.iter().map(|&word| word.to_owned()).collect(),
        };
        let all = [
            service("vpn", "VPN", &["network"], &["anyconnect"]),
            service("mail", "Email", &[], &["outlook"]),
            service("wifi", "Office Wi-Fi", &["Network"], &[]),
        ];
        let keys = |words: &str| {
            meant(&all, words)
                .map(|found| found.iter().map(|service| service.key.clone()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(keys("Outlook, AnyConnect"), Ok("vpn mail".to_owned()));
        assert_eq!(keys("network"), Ok("vpn wifi".to_owned()));
        assert_eq!(keys("office wi-fi, wifi"), Ok("wifi".to_owned()));
        assert_eq!(keys("vpn, moon"), Err("moon".to_owned()));
        assert_eq!(keys("outlook vpn"), Ok("vpn mail".to_owned()));
        assert!(all[2].is_named_in("is the Office WI-FI down?") && all[0].is_named_in("(AnyConnect)"));
        assert!(!all[0].is_named_in("my vpns") && !all[1].is_named_in("mailbox"), "whole words count");
        assert_eq!(keys("vpn moon"), Err("vpn moon".to_owned()));
        assert_eq!(keys(" , "), Ok(String::new()));
    }

    #[test]
    fn names_are_read_back() {
        assert!(Severity::ALL.iter().all(|severity| severity.as_str().parse() == Ok(*severity)));
        assert!(Phase::ALL.iter().all(|phase| phase.as_str().parse() == Ok(*phase)));
    }
}
