//! Commands: by words, in exact grammar (what does not match wholly is no command), or by fields, each of which is what it is.

use serde::{Deserialize, Serialize};

use super::ids::{Person, TicketKey};
use super::priority::Priority;

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The ticket that it names.
    pub ticket: Option<TicketKey>,
    /// What to do.
    pub verb: Verb,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// `help`
    Help,
    /// `show`
    Show,
    /// `claim`
    Claim,
    /// `assign @x`
    Assign(Person),
    /// `release`
    Release,
    /// `pending [reason]`
    Pending(String),
    /// `resolve reason`
    Resolve(String),
    /// `reopen`
    Reopen,
    /// `cancel`
    Cancel,
    /// `priority P1`
    Priority(Priority),
    /// `reply text`
    Reply(String),
}

/// A command whose parts were typed into fields of their own: whatever they say, none is taken for another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Typed {
    /// The name of what is to be done.
    pub verb: String,
    /// The ticket's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// To whom it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// The priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Free words: an answer, a reason, a resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Typed {
    /// Reads the fields as a command.
    #[must_use]
    pub fn read(&self, prefix: &str) -> Parsed {
        let given = |field: &Option<String>| field.as_deref().map(str::trim).unwrap_or_default().to_owned();
        let (key, text) = (given(&self.key), given(&self.text));
        let ticket = match key.as_str() {
            "" => None,
            key => match key_of(key, prefix) {
                Some(key) => Some(key),
                None => return Parsed::Malformed("key: IT-1042"),
            },
        };
        let verb = match self.verb.as_str() {
            "help" => return command(None, Verb::Help),
            "show" => Verb::Show,
            "claim" => Verb::Claim,
            "release" => Verb::Release,
            "reopen" => Verb::Reopen,
            "cancel" => Verb::Cancel,
            "pending" => Verb::Pending(text),
            "resolve" if text.is_empty() => return Parsed::Malformed(RESOLVE),
            "resolve" => Verb::Resolve(text),
            "reply" if text.is_empty() => return Parsed::Malformed(REPLY),
            "reply" => Verb::Reply(text),
            "assign" => match &self.person {
                Some(person) => Verb::Assign(person.clone()),
                None => return Parsed::Malformed(ASSIGN),
            },
            "priority" => match given(&self.level).parse() {
                Ok(priority) => Verb::Priority(priority),
                Err(_) => return Parsed::Malformed(PRIORITY),
            },
            _ => return Parsed::Words,
        };
        command(ticket, verb)
    }
}

const RESOLVE: &str = "resolve how it was solved";
const REPLY: &str = "reply your words";
const ASSIGN: &str = "assign @name, with the name picked from the list that opens after the @";
const PRIORITY: &str = "priority P1 (or P2, P3, P4)";

/// What words turn out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// A command.
    Command(Command),
    /// It begins as a command does, but something is missing: how it is written right.
    Malformed(&'static str),
    /// Not a command.
    Words,
}

/// Where the words stand, which decides what they can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// After `/desk`: nothing but a command can be meant.
    Slash,
    /// In a mention inside a ticket's thread.
    TicketThread,
    /// In a mention in the thread under a card.
    CardThread,
    /// Anywhere else: only with a key, or a bare `help`.
    Elsewhere,
}

/// Reads words as a command. Only keys that begin with `prefix` are keys: `KB-5034` is a word.
#[must_use]
pub fn parse(words: &str, mentions: &[Person], place: Where, prefix: &str) -> Parsed {
    let words = words.trim();
    let (first, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let rest = rest.trim();
    let first = first.to_lowercase();
    if first == "help" {
        let bare = rest.is_empty() || place == Where::Slash;
        return if bare { command(None, Verb::Help) } else { Parsed::Words };
    }
    let (ticket, rest) = take_key(rest, prefix, matches!(first.as_str(), "assign" | "priority"));
    if ticket.is_none() && place == Where::Elsewhere {
        return Parsed::Words;
    }
    let alone = |verb: Verb| if rest.is_empty() { command(ticket.clone(), verb) } else { Parsed::Words };
    match first.as_str() {
        "show" => alone(Verb::Show),
        "claim" | "take" => alone(Verb::Claim),
        "release" => alone(Verb::Release),
        "reopen" => alone(Verb::Reopen),
        "cancel" => alone(Verb::Cancel),
        "pending" => command(ticket, Verb::Pending(rest)),
        "resolve" if rest.is_empty() => Parsed::Malformed(RESOLVE),
        "resolve" => command(ticket, Verb::Resolve(rest)),
        "reply" if matches!(place, Where::TicketThread) => Parsed::Words,
        "reply" if rest.is_empty() => Parsed::Malformed(REPLY),
        "reply" => command(ticket, Verb::Reply(rest)),
        "assign" => match mentions {
            [person] if rest == format!("@{}", person.name) => command(ticket, Verb::Assign(person.clone())),
            _ if rest.split_whitespace().count() <= 2 || place == Where::Slash => Parsed::Malformed(ASSIGN),
            _ => Parsed::Words,
        },
        "priority" => match rest.parse() {
            Ok(priority) => command(ticket, Verb::Priority(priority)),
            Err(_) if rest.split_whitespace().count() <= 1 => Parsed::Malformed(PRIORITY),
            Err(_) => Parsed::Words,
        },
        _ => Parsed::Words,
    }
}

const fn command(ticket: Option<TicketKey>, verb: Verb) -> Parsed {
    Parsed::Command(Command { ticket, verb })
}

/// A word as a key: `it-7` is one, `KB-5034` is a word.
fn key_of(word: &str, prefix: &str) -> Option<TicketKey> {
    word.parse::<TicketKey>().ok().filter(|key| key.prefix().eq_ignore_ascii_case(prefix))
}

/// Takes a key that stands first; where what precedes it cannot be free words (`assign @x IT-1`, `priority P1 IT-1`),
/// also one that stands last.
fn take_key(rest: &str, prefix: &str, ends: bool) -> (Option<TicketKey>, String) {
    let key = |word: &str| key_of(word, prefix);
    let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if let Some(key) = key(first) {
        return (Some(key), after.trim().to_owned());
    }
    if let Some((before, last)) = rest.rsplit_once(char::is_whitespace)
        && ends
        && let Some(key) = key(last)
    {
        return (Some(key), before.trim().to_owned());
    }
    (None, rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{PersonRef, PlatformName};

    fn key(number: i64) -> Option<TicketKey> {
        Some(TicketKey::new("IT", number))
    }

    #[test]
    fn words_are_commands_only_where_they_can_be() {
        let parse = |words, place| super::parse(words, &[], place, "IT");
        assert_eq!(parse("resolve my dns problem", Where::Elsewhere), Parsed::Words);
        assert_eq!(
            parse("resolve it-7 new fuser", Where::Elsewhere),
            command(key(7), Verb::Resolve("new fuser".into()))
        );
        assert_eq!(parse("resolve new fuser", Where::TicketThread), command(None, Verb::Resolve("new fuser".into())));
        assert_eq!(parse("claim", Where::TicketThread), command(None, Verb::Claim));
        assert_eq!(parse("Claim IT-7", Where::Elsewhere), command(key(7), Verb::Claim));
        assert_eq!(parse("claim my expenses", Where::TicketThread), Parsed::Words);
        assert_eq!(parse("help", Where::Elsewhere), command(None, Verb::Help));
        assert_eq!(parse("help me with dns", Where::Elsewhere), Parsed::Words);
        assert_eq!(parse("release the hounds", Where::TicketThread), Parsed::Words);
        assert_eq!(parse("priority p1 IT-7", Where::Slash), command(key(7), Verb::Priority(Priority::P1)));
        let kb = command(None, Verb::Resolve("KB-5034 installed".into()));
        assert_eq!(parse("resolve KB-5034 installed", Where::TicketThread), kb);
        let duplicate = command(None, Verb::Resolve("duplicate IT-9".into()));
        assert_eq!(parse("resolve duplicate IT-9", Where::TicketThread), duplicate);
        assert_eq!(parse("pending PO-12345 still missing", Where::Elsewhere), Parsed::Words);
        assert!(matches!(parse("resolve", Where::TicketThread), Parsed::Malformed(_)));
        assert!(matches!(parse("assign mia", Where::TicketThread), Parsed::Malformed(_)));
    }

    #[test]
    fn what_is_typed_into_a_field_is_that_field_whatever_it_says() {
        let words = "IT-1007 is the same, see there";
        for (verb, expected) in [
            ("reply", Verb::Reply(words.to_owned())),
            ("resolve", Verb::Resolve(words.to_owned())),
            ("pending", Verb::Pending(words.to_owned())),
        ] {
            let typed = Typed { verb: verb.to_owned(), text: Some(format!(" {words}\n")), ..Typed::default() };
            assert_eq!(typed.read("IT"), command(None, expected.clone()));
            assert_eq!(Typed { key: Some(" it-7 ".to_owned()), ..typed }.read("IT"), command(key(7), expected));
        }
        let claim = |key: &str| Typed { verb: "claim".to_owned(), key: Some(key.to_owned()), ..Typed::default() };
        assert_eq!(claim("").read("IT"), command(None, Verb::Claim));
        for junk in ["KB-7", "IT-7 please", "7"] {
            assert!(matches!(claim(junk).read("IT"), Parsed::Malformed(_)), "{junk}");
        }
        for verb in ["resolve", "reply", "assign", "priority"] {
            let empty = Typed { verb: verb.to_owned(), text: Some("  ".to_owned()), ..Typed::default() };
            assert!(matches!(empty.read("IT"), Parsed::Malformed(_)), "{verb}");
        }
    }

    #[test]
    fn assign_wants_exactly_one_person() {
        let mia = Person::new(PersonRef::new(PlatformName::Slack, "U1"), "Mia Wong");
        let mentions = std::slice::from_ref(&mia);
        let expected = command(key(7), Verb::Assign(mia.clone()));
        assert_eq!(parse("assign @Mia Wong IT-7", mentions, Where::Slash, "IT"), expected);
        assert_eq!(parse("assign IT-7 @Mia Wong", mentions, Where::Slash, "IT"), expected);
        assert_eq!(
            parse("assign @Mia Wong", mentions, Where::TicketThread, "IT"),
            command(None, Verb::Assign(mia.clone()))
        );
        assert_eq!(parse("assign this to @Mia Wong please", mentions, Where::TicketThread, "IT"), Parsed::Words);
    }
}
