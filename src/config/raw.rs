//! Reads the settings as they are written, and checks only their types. In sections where a setting may depend on
//! others, or holds a secret, every key is optional here. The other sections are declared with their defaults
//! (`sections!`).
//!
//! Each key is read on its own, so that ten wrong keys give ten problems and not one.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use config::{ConfigError, Value};
use secrecy::SecretString;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{PrivacyConfig, TimingConfig, check, parse_duration};
use crate::domain::permission::Principal;
use crate::domain::right::{Holder, RightsSettings};
use crate::domain::rules::{DeskSettings, GuardSettings, IntakeSettings, KnowledgeSettings, OutageSettings};
use crate::domain::settings::{Reader, Section};

/// A table of the settings file.
pub(super) type Table = HashMap<String, Value>;

/// All sections, with all their keys.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) slack: Slack,
    pub(super) discord: Discord,
    pub(super) database: Database,
    pub(super) http: Http,
    pub(super) desk: DeskSettings,
    pub(super) rights: RightsSettings,
    pub(super) intake: IntakeSettings,
    pub(super) knowledge: KnowledgeSettings,
    pub(super) outages: OutageSettings,
    pub(super) guard: GuardSettings,
    pub(super) timing: TimingConfig,
    pub(super) log: Log,
    pub(super) privacy: PrivacyConfig,
    pub(super) people: Vec<LinkedPeople>,
    pub(super) services: Vec<Service>,
}

impl Raw {
    /// The names of the sections, with their keys.
    pub(super) const SECTIONS: [(&'static str, &'static [&'static str]); 15] = [
        ("slack", Slack::KEYS),
        ("discord", Discord::KEYS),
        ("database", Database::KEYS),
        ("http", Http::KEYS),
        ("desk", DeskSettings::KEYS),
        ("rights", RightsSettings::KEYS),
        ("intake", IntakeSettings::KEYS),
        ("knowledge", KnowledgeSettings::KEYS),
        ("outages", OutageSettings::KEYS),
        ("guard", GuardSettings::KEYS),
        ("timing", TimingConfig::KEYS),
        ("log", Log::KEYS),
        ("privacy", PrivacyConfig::KEYS),
        ("people", LinkedPeople::KEYS),
        ("services", Service::KEYS),
    ];

    /// Splits the settings into sections. Unknown keys and wrong types are problems.
    pub(super) fn read(mut table: Table, problems: &mut Vec<String>) -> Self {
        let mut section = |name: &str, problems: &mut Vec<String>| match table.remove(name).map(Value::into_table) {
            None => Table::new(),
            Some(Ok(section)) => section,
            Some(Err(_)) => {
                problems.push(format!("{name} is a section: write its settings under [{name}]."));
                Table::new()
            }
        };
        let mut raw = Self {
            slack: Slack::read("slack", section("slack", problems), problems),
            discord: Discord::read("discord", section("discord", problems), problems),
            database: Database::read("database", section("database", problems), problems),
            http: Http::read("http", section("http", problems), problems),
            desk: declared("desk", section("desk", problems), problems),
            rights: declared("rights", section("rights", problems), problems),
            intake: declared("intake", section("intake", problems), problems),
            knowledge: declared("knowledge", section("knowledge", problems), problems),
            outages: declared("outages", section("outages", problems), problems),
            guard: declared("guard", section("guard", problems), problems),
            timing: declared("timing", section("timing", problems), problems),
            log: Log::read("log", section("log", problems), problems),
            privacy: declared("privacy", section("privacy", problems), problems),
            people: Vec::new(),
            services: Vec::new(),
        };
        raw.people = listed(&mut table, "people", "person", problems)
            .map(|(section, one)| LinkedPeople::read(&section, one, problems))
            .collect();
        raw.services = listed(&mut table, "services", "service", problems)
            .map(|(section, one)| Service::read(&section, one, problems))
            .collect();
        let mut unknown: Vec<_> = table.into_keys().collect();
        unknown.sort();
        let known = Self::SECTIONS.map(|(name, _)| name).join(", ");
        problems.extend(unknown.iter().map(|name| format!("There is no section [{name}]; there are {known}.")));
        raw
    }
}

macro_rules! optional {
    ($($name:ident { $($key:ident: $kind:ty),* $(,)? })*) => {$(
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $key: Option<$kind>,)*
        }

        impl $name {
            pub(super) const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];

            fn read(section: &str, mut table: Table, problems: &mut Vec<String>) -> Self {
                let read = Self { $($key: take(section, stringify!($key), &mut table, problems),)* };
                report_unknown(section, Self::KEYS, table, problems);
                read
            }
        }
    )*};
}

optional! {
    Slack {
        bot_token: SecretString,
        bot_token_file: PathBuf,
        app_token: SecretString,
        app_token_file: PathBuf,
        signing_secret: SecretString,
        signing_secret_file: PathBuf,
        mode: String,
        triage_channel: String,
        listen_to_bots: Words,
        api_url: String,
    }
    Discord {
        token: SecretString,
        token_file: PathBuf,
        guilds: Words,
        guild: String,
        triage_channel: String,
        listen_to_bots: Words,
        api_url: String,
    }
    Database { url: String, url_file: PathBuf, connections: u32 }
    Http { listen: String, health_listen: String }
    Log { format: String, level: String }
    LinkedPeople { name: String, accounts: Words }
    Service { key: String, name: String, owner: String, tags: Words, words: Words }
}

/// Returns the sections of a list such as `[[people]]`, each with its name for messages: `people (number 1)`.
fn listed(
    table: &mut Table,
    name: &str,
    each: &str,
    problems: &mut Vec<String>,
) -> impl Iterator<Item = (String, Table)> + use<> {
    let all = table.remove(name).map(Value::try_deserialize::<Vec<Table>>).transpose();
    let all = all.unwrap_or_else(|_| {
        problems.push(format!("{name} is a list of sections: write [[{name}]] for each {each}, in the settings file."));
        None
    });
    let name = name.to_owned();
    all.into_iter().flatten().enumerate().map(move |(index, one)| (format!("{name} (number {})", index + 1), one))
}

/// Reads a section that is declared with `sections!`.
fn declared<S: Section>(name: &str, table: Table, problems: &mut Vec<String>) -> S {
    let mut reading = Reading { section: name, table, problems };
    let section = S::read(&mut reading);
    report_unknown(name, S::KEYS, reading.table, reading.problems);
    section
}

/// Reads the settings of one section.
struct Reading<'a> {
    section: &'a str,
    table: Table,
    problems: &'a mut Vec<String>,
}

impl Reading<'_> {
    fn take<T: Kind>(&mut self, key: &str) -> Option<T> {
        take(self.section, key, &mut self.table, self.problems)
    }
}

impl Reader for Reading<'_> {
    fn text(&mut self, key: &'static str) -> Option<String> {
        self.take(key)
    }

    fn choice(&mut self, key: &'static str, of: &'static [&'static str]) -> Option<&'static str> {
        let text = self.take::<String>(key)?;
        let chosen = of.iter().find(|one| **one == text.trim()).copied();
        if chosen.is_none() {
            self.problems.push(format!("{}.{key} must be one of: {}.", self.section, of.join(", ")));
        }
        chosen
    }

    fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.take::<Words>(key).map(|words| words.0)
    }

    fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.take(key)
    }

    fn count(&mut self, key: &'static str) -> Option<u32> {
        self.take(key)
    }

    fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let duration = parse_duration(&self.take::<String>(key)?);
        if let Err(error) = duration {
            self.problems.push(format!("{}.{key}: {error}.", self.section));
        }
        duration.ok()
    }

    fn principals(&mut self, key: &'static str) -> Option<Vec<Principal>> {
        let words = self.take::<Words>(key)?;
        Some(check::principals(&format!("{}.{key}", self.section), words, self.problems))
    }

    fn holders(&mut self, key: &'static str) -> Option<Vec<Holder>> {
        let words = self.take::<Words>(key)?;
        Some(check::holders(&format!("{}.{key}", self.section), words, self.problems))
    }
}

/// A list of texts; in the environment separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrText;

        impl<'de> Visitor<'de> for ListOrText {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(<Words as Kind>::NAME)
            }

            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Ok(Words(words.map(str::to_owned).collect()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Words, E> {
                Ok(Words(vec![number.to_string()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element::<String>()? {
                    words.push(word.trim().to_owned());
                }
                Ok(Words(words))
            }
        }

        deserializer.deserialize_any(ListOrText)
    }
}

/// A type that a setting can have, with its description for messages.
trait Kind: DeserializeOwned {
    const NAME: &'static str;
}

impl Kind for String {
    const NAME: &'static str = "text in quotes";
}

impl Kind for SecretString {
    const NAME: &'static str = "text in quotes";
}

impl Kind for PathBuf {
    const NAME: &'static str = "the path of a file, in quotes";
}

impl Kind for Words {
    const NAME: &'static str = "a list of texts, like [\"a\", \"b\"] (in the environment: a,b)";
}

impl Kind for u32 {
    const NAME: &'static str = "a whole number, 0 or more";
}

impl Kind for bool {
    const NAME: &'static str = "true or false";
}

fn take<T: Kind>(section: &str, key: &str, table: &mut Table, problems: &mut Vec<String>) -> Option<T> {
    let read = table.remove(key)?.try_deserialize();
    if read.is_err() {
        // The error would repeat the value, which may be a secret in the wrong place.
        problems.push(format!("{section}.{key} must be {}.", T::NAME));
    }
    read.ok()
}

fn report_unknown(section: &str, known: &[&str], rest: Table, problems: &mut Vec<String>) {
    let mut unknown: Vec<_> = rest.into_keys().collect();
    unknown.sort();
    let known = known.join(", ");
    problems.extend(unknown.iter().map(|key| format!("{section}.{key} is not a setting; there are {known}.")));
}

/// Returns the parser's error without the quoted line, which may contain a secret.
pub(super) fn without_excerpt(error: &ConfigError) -> String {
    let text = error.to_string();
    let is_excerpt = |line: &&str| {
        line.trim_start().trim_start_matches(|digit: char| digit.is_ascii_digit()).trim_start().starts_with('|')
    };
    let lines: Vec<_> =
        text.lines().filter(|line| !is_excerpt(line)).map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("The settings are not readable: {}.", lines.join(": "))
}
