//! What an act is given, and the one check of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{MOST_FILES, Spec, Takes};
use crate::domain::event::File;
use crate::domain::ids::KeyRef;
use crate::domain::ids::{Person, TicketTag};
use crate::domain::when::{self, Now};

/// The name under which the choice of a menu is given: it is the first parameter of its act.
pub const CHOSEN: &str = "";
/// The name under which the ticket's key is given, where it is a field.
pub const KEY: &str = "key";

/// The name under which the words of the message are given at whose menu an act was chosen, where its form begins with them.
pub const SAID: &str = "said";

/// The name under which whoever wrote that message is given with its words.
pub const AUTHOR: &str = "author";

/// What came with an act, as it was given: by the names of its parameters. Nothing of it has been checked.
pub type Given = BTreeMap<String, Value>;

/// One thing that came with an act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Words, or the value of a choice.
    Text(String),
    /// Somebody whom the platform has resolved.
    Person(Person),
    /// Whether a box was ticked.
    Flag(bool),
    /// A moment that was read in the zone of whoever wrote it.
    Date(Timestamp),
    /// Files.
    Files(Vec<File>),
}

impl Value {
    /// Words as they were typed, or the value of a choice.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The person, if it is one.
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

/// What is wrong with a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The parameter's name, which is also that of its field.
    pub param: &'static str,
    /// Why it cannot be taken.
    pub why: Why,
}

/// Why what was given for a parameter cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It must be given, and is not.
    Missing,
    /// It is none of those that it may be.
    NotOffered,
    /// It is no person.
    NoPerson,
    /// It is no key.
    NoKey,
    /// It is no moment.
    NoDate,
    /// It is a moment that has passed.
    Past,
}

/// What an act is given, checked: what must be there is there, and each is what its parameter takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(BTreeMap<&'static str, Value>);

impl Spec {
    /// Checks what is given, dates against `now`; what the act does not take is left out.
    ///
    /// # Errors
    /// Everything that is wrong with it.
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

/// The value as the parameter takes it.
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
    /// What was given, as it was checked.
    #[must_use]
    pub fn given(&self) -> Given {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// The words, or the value of the choice, of this parameter; empty if none were given.
    #[must_use]
    pub fn text(&self, param: &str) -> &str {
        match self.0.get(param) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// The person of this parameter.
    #[must_use]
    pub fn person(&self, param: &str) -> Option<&Person> {
        self.0.get(param).and_then(Value::person)
    }

    /// Whether this parameter was switched on.
    #[must_use]
    pub fn is_set(&self, param: &str) -> bool {
        self.0.get(param) == Some(&Value::Flag(true))
    }

    /// The files of this parameter.
    #[must_use]
    pub fn files(&self, param: &str) -> &[File] {
        match self.0.get(param) {
            Some(Value::Files(files)) => files,
            _ => &[],
        }
    }

    /// The article or outage of this parameter.
    #[must_use]
    pub fn key(&self, param: &str) -> Option<KeyRef> {
        self.text(param).parse().ok()
    }

    /// The moment of this parameter.
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
