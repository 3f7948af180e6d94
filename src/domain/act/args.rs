//! The arguments of an act, and the one function that checks them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{MOST_FILES, Spec, Takes};
use crate::domain::event::File;
use crate::domain::ids::KeyRef;
use crate::domain::ids::{Person, TicketTag};
use crate::domain::when::{self, Now};

/// The name under which the value of a menu is given. It counts as the act's first parameter.
pub const CHOSEN: &str = "";
/// The name of the field that holds the key of the ticket, as in Discord's commands.
pub const KEY: &str = "key";

/// The name under which the words of a message are given, if the menu of the message was used.
pub const SAID: &str = "said";

/// The name under which the author of that message is given.
pub const AUTHOR: &str = "author";

/// Values that came with an act, by the names of its parameters. They are not checked yet.
pub type Given = BTreeMap<String, Value>;

/// One value that came with an act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Text, or the value of a choice.
    Text(String),
    /// A person whom the platform has resolved.
    Person(Person),
    /// Whether a box was ticked.
    Flag(bool),
    /// A date and time, already read in its author's time zone.
    Date(Timestamp),
    Files(Vec<File>),
}

impl Value {
    /// Returns the value for text as it was typed, or for a choice.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Returns the person, if the value is one.
    #[must_use]
    pub const fn person(&self) -> Option<&Person> {
        match self {
            Self::Person(person) => Some(person),
            Self::Text(_) | Self::Flag(_) | Self::Date(_) | Self::Files(_) => None,
        }
    }

    fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Files(files) => files.is_empty(),
            Self::Person(_) | Self::Flag(_) | Self::Date(_) => false,
        }
    }
}

/// A fault of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The parameter's name, which is also that of its field.
    pub param: &'static str,
    pub why: Why,
}

/// Why an argument is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The argument is required and was not given.
    Missing,
    /// The value is not one of the choices, or not of the kind that the parameter takes.
    NotOffered,
    NoPerson,
    NoKey,
    NoDate,
    /// The date and time is not in the future.
    Past,
}

/// The checked arguments of an act: all required ones are there, and each has the kind that its parameter takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(BTreeMap<&'static str, Value>);

impl Spec {
    /// Checks the given values and reads dates relative to `now`. Values that the act does not take are left out.
    ///
    /// # Errors
    /// All faults.
    pub fn check(&self, given: &Given, now: &Now<'_>) -> Result<Args, Vec<Fault>> {
        let (mut args, mut faults) = (BTreeMap::new(), Vec::new());
        for (index, param) in self.takes.iter().enumerate() {
            let chosen = given.get(CHOSEN).filter(|_| index == 0);
            let value = match given.get(param.name).or(chosen).filter(|value| !value.is_blank()) {
                Some(value) => value,
                None if param.is_required => {
                    faults.push(Fault { param: param.name, why: Why::Missing });
                    continue;
                }
                None => continue,
            };
            match fitting(param.takes, value, now) {
                Ok(value) => {
                    args.insert(param.name, value);
                }
                Err(why) => faults.push(Fault { param: param.name, why }),
            }
        }
        if faults.is_empty() { Ok(Args(args)) } else { Err(faults) }
    }
}

/// Returns the value in the form that the parameter takes.
fn fitting(takes: Takes, value: &Value, now: &Now<'_>) -> Result<Value, Why> {
    match (takes, value) {
        (Takes::Text | Takes::Message, Value::Text(text)) => Ok(Value::text(text.trim())),
        (Takes::Article | Takes::Outage, Value::Text(text)) => {
            let seen: KeyRef = text.trim().parse().map_err(|_| Why::NoKey)?;
            Ok(Value::Text(seen.to_string()))
        }
        (Takes::Choice(options), Value::Text(text)) => {
            let text = text.trim();
            let chosen = options.iter().find(|(value, _)| value.eq_ignore_ascii_case(text)).ok_or(Why::NotOffered)?;
            Ok(Value::text(chosen.0))
        }
        (Takes::Ticket, Value::Text(text)) => {
            let tag: TicketTag = text.parse().map_err(|_| Why::NotOffered)?;
            Ok(Value::Text(tag.to_string()))
        }
        (Takes::Person, Value::Person(_)) | (Takes::Flag, Value::Flag(_)) => Ok(value.clone()),
        (Takes::Files, Value::Files(files)) if files.len() <= MOST_FILES => Ok(value.clone()),
        (Takes::Date, value) => moment(value, now).map(Value::Date),
        (Takes::Future, value) => {
            let at = moment(value, now)?;
            if now.is_before(at) { Ok(Value::Date(at)) } else { Err(Why::Past) }
        }
        (Takes::Person, _) => Err(Why::NoPerson),
        (_, _) => Err(Why::NotOffered),
    }
}

fn moment(value: &Value, now: &Now<'_>) -> Result<Timestamp, Why> {
    match value {
        Value::Date(at) => Ok(*at),
        Value::Text(text) => when::read(text, now).ok_or(Why::NoDate),
        Value::Person(_) | Value::Flag(_) | Value::Files(_) => Err(Why::NoDate),
    }
}

impl Args {
    /// Returns the checked values.
    #[must_use]
    pub fn given(&self) -> Given {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// Returns the text or the chosen value of this parameter. Empty if it was not given.
    #[must_use]
    pub fn text(&self, param: &str) -> &str {
        match self.0.get(param) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// Returns the person of this parameter.
    #[must_use]
    pub fn person(&self, param: &str) -> Option<&Person> {
        self.0.get(param).and_then(Value::person)
    }

    /// Whether the box of this parameter was ticked.
    #[must_use]
    pub fn is_set(&self, param: &str) -> bool {
        self.0.get(param) == Some(&Value::Flag(true))
    }

    /// Returns the files of this parameter.
    #[must_use]
    pub fn files(&self, param: &str) -> &[File] {
        match self.0.get(param) {
            Some(Value::Files(files)) => files,
            _ => &[],
        }
    }

    /// Returns the article or outage of this parameter.
    #[must_use]
    pub fn key(&self, param: &str) -> Option<KeyRef> {
        self.text(param).parse().ok()
    }

    /// Returns the date and time of this parameter.
    #[must_use]
    pub fn date(&self, param: &str) -> Option<Timestamp> {
        match self.0.get(param) {
            Some(Value::Date(at)) => Some(*at),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Param;
    use super::*;
    use crate::domain::ids::{PersonRef, PlatformName};

    const LEVELS: &[(&str, &str)] = &[("P1", "critical"), ("P2", "high")];
    const SPEC: Spec = Spec {
        name: "toy",
        takes: &[
            Param { name: "level", takes: Takes::Choice(LEVELS), ..Param::BASE },
            Param { name: "to", takes: Takes::Person, is_required: false, ..Param::BASE },
            Param { name: "why", is_required: false, ..Param::BASE },
            Param { name: "until", takes: Takes::Date, is_required: false, ..Param::BASE },
            Param { name: "loud", takes: Takes::Flag, is_required: false, ..Param::BASE },
            Param { name: "due", takes: Takes::Future, is_required: false, ..Param::BASE },
            Param { name: "files", takes: Takes::Files, is_required: false, ..Param::BASE },
        ],
        ..Spec::BASE
    };

    fn given<const N: usize>(of: [(&str, Value); N]) -> Given {
        of.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn check(given: &Given) -> Result<Args, Vec<Fault>> {
        SPEC.check(given, &Now::named("2026-11-28T14:00:00Z".parse().expect("a time"), "Europe/Berlin"))
    }

    #[test]
    fn what_is_given_is_checked_once() {
        let mia = Person::new(PersonRef::new(PlatformName::Slack, "U1"), "Mia");
        let all = given([
            ("level", Value::text(" p2 ")),
            ("to", Value::Person(mia.clone())),
            ("why", Value::text(" IT-7 is the same\n")),
            ("until", Value::text("tomorrow 9")),
            ("loud", Value::Flag(true)),
            ("due", Value::text("in 5 min")),
            ("else", Value::text("?")),
        ]);
        let args = check(&all).expect("it fits");
        assert_eq!((args.text("level"), args.person("to"), args.text("why")), ("P2", Some(&mia), "IT-7 is the same"));
        assert_eq!(args.text("else"), "");
        assert_eq!(args.date("due"), "2026-11-28T14:05:00Z".parse().ok());
        assert_eq!((args.date("until"), args.is_set("loud")), ("2026-11-29T08:00:00Z".parse().ok(), true));
        let file = |name: &str| File { name: name.to_owned(), url: "https://x/a".to_owned(), bytes: 1 };
        let with = |files: Vec<File>| given([("level", Value::text("P1")), ("files", Value::Files(files))]);
        assert_eq!(check(&with(vec![file("a.png")])).map(|args| args.files("files").to_vec()), Ok(vec![file("a.png")]));
        assert_eq!(check(&with(Vec::new())).map(|args| args.files("files").len()), Ok(0));
        assert!(check(&with(vec![file("a.png"); MOST_FILES + 1])).is_err());
        let chosen = check(&given([(CHOSEN, Value::text("P1"))])).expect("a choice is the first parameter");
        assert_eq!((chosen.text("level"), chosen.text("why"), chosen.person("to")), ("P1", "", None));
        let fault = |param, why| Fault { param, why };
        for (level, why) in [("", Why::Missing), (" \n", Why::Missing), ("P5", Why::NotOffered)] {
            let wrong = given([("level", Value::text(level)), ("to", Value::text("mia"))]);
            assert_eq!(check(&wrong), Err(vec![fault("level", why), fault("to", Why::NoPerson)]), "{level}");
        }
        for passed in ["now", "2026-11-27 9:00", "today 9:00"] {
            let due = given([("level", Value::text("P1")), ("due", Value::text(passed))]);
            assert_eq!(check(&due), Err(vec![fault("due", Why::Past)]), "{passed}");
        }
        let soon = given([("level", Value::text("P1")), ("until", Value::text("soon")), ("loud", Value::text("yes"))]);
        assert_eq!(check(&soon), Err(vec![fault("until", Why::NoDate), fault("loud", Why::NotOffered)]));
        let person = given([("level", Value::Person(mia))]);
        assert_eq!(check(&person), Err(vec![fault("level", Why::NotOffered)]));
    }
}
