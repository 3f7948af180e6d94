//! The vocabulary of outages and services that every part of the program uses.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::UnknownName;
use super::machine::{self, END, START, Step, step};

/// The severity of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Many people cannot work.
    High,
    /// Some people cannot work, or many can work less well.
    Medium,
    /// Few people notice.
    Low,
}

impl Severity {
    /// Every severity, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// Returns the severity's name in the database and in forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// The state machine of an outage.
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

/// The phase of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Written, and not announced yet.
    Drafted,
    /// The cause is being looked for.
    Investigating,
    /// The cause is known, and is being fixed.
    Identified,
    /// The cause is fixed, and the service is being watched.
    Monitoring,
    /// The outage is over.
    Resolved,
    /// The outage was announced by mistake.
    Retracted,
}

impl Phase {
    pub const ALL: [Self; 6] =
        [Self::Drafted, Self::Investigating, Self::Identified, Self::Monitoring, Self::Resolved, Self::Retracted];

    /// Returns the phase's name in the database and in forms.
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

    /// Whether the outage is announced and not over.
    #[must_use]
    pub fn is_running(self) -> bool {
        self.can("resolve")
    }

    /// Whether an outage in this phase allows the act `by`: `announce`, `update`, `resolve`, `retract`.
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
    /// Its key in commands and in the database: `vpn`.
    pub key: String,
    /// Its name for people: `VPN`.
    pub name: String,
    /// The team or person that is responsible for it, shown to the desk. Empty: nobody is named.
    pub owner: String,
    /// Tags, each of which may name several services: a region, a kind.
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

    /// Whether a text mentions this service: by its key, its name, or another word for it.
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

/// Returns the services that the comma-separated `words` name by key, name, other word or tag, in the order of the
/// catalogue.
///
/// # Errors
/// The first part between commas that names no service.
pub fn services_named_in<'s>(services: &'s [Service], words: &str) -> Result<Vec<&'s Service>, String> {
    let mut found: Vec<&Service> = Vec::new();
    for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let of = |word: &str| -> Vec<&'s Service> {
            services.iter().filter(|service| service.is_called(word) || service.is_tagged(word)).collect()
        };
        let these = of(word);
        // A name may contain spaces. If the whole part is no name, its spaces separate words, too.
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
            services_named_in(&all, words)
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
