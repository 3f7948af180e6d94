//! Commands by words, in exact grammar: what does not match wholly is no command.

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
        "resolve" if rest.is_empty() => Parsed::Malformed("resolve how it was solved"),
        "resolve" => command(ticket, Verb::Resolve(rest)),
        "reply" if matches!(place, Where::TicketThread) => Parsed::Words,
        "reply" if rest.is_empty() => Parsed::Malformed("reply your words"),
        "reply" => command(ticket, Verb::Reply(rest)),
        "assign" => match mentions {
            [person] if rest == format!("@{}", person.name) => command(ticket, Verb::Assign(person.clone())),
            _ if rest.split_whitespace().count() <= 2 || place == Where::Slash => {
                Parsed::Malformed("assign @name, with the name picked from the list that opens after the @")
            }
            _ => Parsed::Words,
        },
        "priority" => match rest.parse() {
            Ok(priority) => command(ticket, Verb::Priority(priority)),
            Err(_) if rest.split_whitespace().count() <= 1 => Parsed::Malformed("priority P1 (or P2, P3, P4)"),
            Err(_) => Parsed::Words,
        },
        _ => Parsed::Words,
    }
}

const fn command(ticket: Option<TicketKey>, verb: Verb) -> Parsed {
    Parsed::Command(Command { ticket, verb })
}

/// Takes a key that stands first; where what precedes it cannot be free words (`assign @x IT-1`, `priority P1 IT-1`),
/// also one that stands last.
fn take_key(rest: &str, prefix: &str, ends: bool) -> (Option<TicketKey>, String) {
    let key = |word: &str| word.parse::<TicketKey>().ok().filter(|key| key.prefix().eq_ignore_ascii_case(prefix));
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
