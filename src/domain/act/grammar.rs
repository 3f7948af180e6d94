//! Commands in words, read by an exact grammar. Text that does not match as a whole is no command.

use jiff::Timestamp;

use super::{Given, May, On, Spec, Takes, Value};
use crate::domain::ids::{ArticleKey, Person, TicketKey};
use crate::domain::when::{self, Now};

/// The result of reading words.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// A command with correct syntax. Its arguments are still to be checked.
    Act {
        /// The act that the first words name.
        spec: &'static Spec,
        /// The key of the ticket that it names.
        key: Option<TicketKey>,
        given: Given,
    },
    /// The words begin like this command, but something is missing or wrong.
    Malformed(&'static Spec),
    /// The words are no command.
    Words,
}

/// Where the words were written, which decides what they can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// After `/desk`. More words are read as a command than elsewhere.
    Slash,
    /// In a mention inside a ticket's thread.
    TicketThread,
    /// In a mention in the thread under a card.
    CardThread,
    /// Anywhere else. A command to a ticket must name the ticket's key. Only a requester's command without arguments
    /// may be its name alone, like "cancel".
    Elsewhere,
}

/// The greatest number of words in a date and time: "tomorrow at 14:30".
const LONGEST_DATE: usize = 3;

/// Reads words as one of these commands, and dates relative to `now`. Only keys with this `prefix` count as keys:
/// `KB-5034` is a word.
#[must_use]
pub fn parse(
    specs: impl Iterator<Item = &'static Spec> + Clone,
    words: &str,
    mentions: &[Person],
    place: Where,
    prefix: &str,
    now: &Now<'_>,
) -> Read {
    let words = words.trim();
    let Some((spec, command, rest)) = named(specs, words) else { return Read::Words };
    if command.is_plain_in_thread && place == Where::TicketThread {
        return Read::Words;
    }
    // Outside of `/desk`, "search my laptop for viruses" is a request, and not the command `search` with free text.
    if spec.on == On::Nothing && spec.takes_words() && place != Where::Slash {
        return Read::Words;
    }
    let (key, rest) = match spec.on {
        On::Nothing => (None, rest.to_owned()),
        On::Ticket => {
            // A key may stand last only if the words before it are not free text.
            take_key(rest, prefix, !spec.takes.is_empty() && !spec.takes_words())
        }
    };
    let is_requesters = matches!(spec.may, May::Requester | May::RequesterOr(_));
    let is_bare = rest.is_empty() && spec.takes.is_empty() && is_requesters;
    if spec.on == On::Ticket && key.is_none() {
        match place {
            Where::Elsewhere if rest.is_empty() && !is_bare => return Read::Malformed(spec),
            Where::Elsewhere if !is_bare => return Read::Words,
            _ => {}
        }
    }
    if spec.takes.is_empty() && place == Where::Slash && spec.on == On::Nothing {
        return Read::Act { spec, key, given: Given::new() };
    }
    match params(spec, &rest, mentions, now) {
        Ok(given) => Read::Act { spec, key, given },
        Err(NoMatch { almost }) => {
            // After `/desk`, "show nonsense" is a wrong command; "claim my expenses" may be meant as a request.
            let is_meant = place == Where::Slash && (!spec.takes.is_empty() || is_requesters);
            if almost || is_meant { Read::Malformed(spec) } else { Read::Words }
        }
    }
}

/// Reads a word as a ticket's key: `it-7` is a key, `KB-5034` is not.
#[must_use]
pub fn key_of(word: &str, prefix: &str) -> Option<TicketKey> {
    word.parse::<TicketKey>().ok().filter(|key| key.prefix().eq_ignore_ascii_case(prefix))
}

/// Returns the command that these words begin with, and the rest of the words.
fn named(
    specs: impl Iterator<Item = &'static Spec> + Clone,
    words: &str,
) -> Option<(&'static Spec, super::Command, &str)> {
    let first_words = |count: usize| {
        let mut rest = words;
        let mut name = String::new();
        for _ in 0..count {
            let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            if word.is_empty() {
                return None;
            }
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(&word.to_lowercase());
            rest = behind.trim_start();
        }
        Some((name, rest))
    };
    // A group and a command in it are two words, so two words are tried first.
    [2, 1].into_iter().filter_map(first_words).find_map(|(name, rest)| {
        let mut commands = specs.clone().filter_map(|spec| Some((spec, spec.command?)));
        let found = commands.find(|(spec, _)| spec.name == name || spec.synonyms.contains(&name.as_str()));
        found.map(|(spec, command)| (spec, command, rest))
    })
}

/// The words do not match the command. `almost`: there are so few of them that only the command can be meant.
struct NoMatch {
    almost: bool,
}

/// Reads an act's arguments. Free text takes the words that are left over.
fn params(spec: &Spec, words: &str, mentions: &[Person], now: &Now<'_>) -> Result<Given, NoMatch> {
    let count = words.split_whitespace().count();
    // A person's name may be two words.
    let few = if spec.takes.iter().any(|param| param.takes == Takes::Person) { 2 } else { 1 };
    let no_match = || NoMatch { almost: !spec.takes.is_empty() && count <= few };
    let (mut given, mut rest) = (Given::new(), words);
    for param in spec.in_words() {
        let (value, behind) = match param.takes {
            Takes::Text => (Some(Value::text(rest)).filter(|_| !rest.is_empty()), ""),
            Takes::Choice(options) => {
                let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                match options.iter().any(|(value, _)| value.eq_ignore_ascii_case(word)) {
                    true => (Some(Value::text(word)), behind.trim_start()),
                    false => (None, rest),
                }
            }
            Takes::Person => match mentioned(rest, mentions) {
                Some((person, behind)) => (Some(Value::Person(person.clone())), behind),
                None => (None, rest),
            },
            Takes::Date | Takes::Future => {
                let (date, behind) = dated(rest, now);
                (date.map(Value::Date), behind)
            }
            Takes::Article | Takes::Outage => {
                let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let key = word.parse::<ArticleKey>().ok();
                (key.map(|key| Value::text(key.to_string())), behind.trim_start())
            }
            // Only fields, menus and buttons give these.
            Takes::Flag | Takes::Files | Takes::Ticket | Takes::Message => (None, rest),
        };
        match value {
            Some(value) => {
                given.insert(param.name.to_owned(), value);
            }
            None if param.is_required => return Err(no_match()),
            None => {}
        }
        rest = behind;
    }
    if rest.is_empty() { Ok(given) } else { Err(no_match()) }
}

/// Returns the longest date and time that the words begin with, and the rest.
fn dated<'w>(words: &'w str, now: &Now<'_>) -> (Option<Timestamp>, &'w str) {
    let ends = words.match_indices(char::is_whitespace).map(|(at, _)| at).chain([words.len()]);
    let ends: Vec<usize> = ends.take(LONGEST_DATE).collect();
    let read = |end: &usize| Some((when::read(&words[..*end], now)?, words[*end..].trim_start()));
    ends.iter().rev().find_map(read).map_or((None, words), |(date, rest)| (Some(date), rest))
}

/// Returns the person that the words begin with, and the rest.
fn mentioned<'w, 'p>(words: &'w str, mentions: &'p [Person]) -> Option<(&'p Person, &'w str)> {
    let behind = |person: &'p Person| {
        let rest = words.strip_prefix('@')?.strip_prefix(person.name.as_str())?;
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| (person, rest.trim_start()))
    };
    // Of "Mia" and "Mia Wong" the longer name is meant.
    mentions.iter().filter_map(behind).min_by_key(|(_, rest)| rest.len())
}

/// Takes a key from the first word, or, if `may_end`, from the last one.
fn take_key(rest: &str, prefix: &str, may_end: bool) -> (Option<TicketKey>, String) {
    let key = |word: &str| key_of(word, prefix);
    let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if let Some(key) = key(first) {
        return (Some(key), after.trim().to_owned());
    }
    if let Some((before, last)) = rest.rsplit_once(char::is_whitespace)
        && may_end
        && let Some(key) = key(last)
    {
        return (Some(key), before.trim().to_owned());
    }
    (None, rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Param};
    use super::*;
    use crate::domain::ids::{PersonRef, PlatformName};
    use crate::domain::right::Right;

    const LEVELS: &[(&str, &str)] = &[("P1", "critical"), ("P2", "high")];
    const ON_TICKET: Spec = Spec { on: On::Ticket, command: Some(Command::new("")), ..Spec::BASE };
    const REPLY: Command = Command { is_plain_in_thread: true, ..Command::new("") };

    const fn param(name: &'static str, takes: Takes, is_required: bool) -> Param {
        Param { name, takes, is_required, ..Param::BASE }
    }

    static SPECS: [Spec; 12] = [
        Spec {
            name: "lunch",
            command: Some(Command::new("")),
            takes: &[param("where", Takes::Text, false)],
            ..Spec::BASE
        },
        Spec { name: "help", command: Some(Command::new("")), ..Spec::BASE },
        Spec { name: "claim", synonyms: &["take"], ..ON_TICKET },
        Spec { name: "release", ..ON_TICKET },
        Spec { name: "cancel", may: May::RequesterOr(Right::TicketWork), ..ON_TICKET },
        Spec { name: "resolve", takes: &[param("how", Takes::Text, true)], ..ON_TICKET },
        Spec {
            name: "pending",
            takes: &[param("why", Takes::Text, false), param("until", Takes::Date, false)],
            ..ON_TICKET
        },
        Spec { name: "reply", takes: &[param("words", Takes::Text, true)], command: Some(REPLY), ..ON_TICKET },
        Spec { name: "assign", takes: &[param("to", Takes::Person, true)], ..ON_TICKET },
        Spec { name: "priority", takes: &[param("level", Takes::Choice(LEVELS), true)], ..ON_TICKET },
        Spec {
            name: "remind",
            takes: &[param("at", Takes::Date, true), param("what", Takes::Text, false)],
            ..ON_TICKET
        },
        Spec {
            name: "hand over",
            takes: &[
                param("level", Takes::Choice(LEVELS), false),
                param("to", Takes::Person, true),
                param("why", Takes::Text, false),
            ],
            ..ON_TICKET
        },
    ];

    fn read(words: &str, mentions: &[Person], place: Where) -> Read {
        let now = Now::named("2026-11-28T14:00:00Z".parse().expect("a time"), "Europe/Berlin");
        parse(SPECS.iter(), words, mentions, place, "IT", &now)
    }

    /// Returns the result in short: the name, the key, the arguments; `~` before the name of a malformed command; `-`
    /// for words.
    fn short(words: &str, place: Where) -> String {
        let people = ["Mia", "Mia Wong", "Omar"];
        let mentioned = |name: &&str| words.contains(&format!("@{name}"));
        let person = |name: &str| Person::new(PersonRef::new(PlatformName::Slack, name), name);
        let mentions: Vec<Person> = people.iter().filter(|name| mentioned(name)).map(|name| person(name)).collect();
        match read(words, &mentions, place) {
            Read::Words => "-".to_owned(),
            Read::Malformed(spec) => format!("~{}", spec.name),
            Read::Act { spec, key, given } => {
                let key = key.map_or_else(String::new, |key| format!(" {key}"));
                let given = given.iter().map(|(name, value)| match value {
                    Value::Text(text) => format!(" {name}={text}"),
                    Value::Person(person) => format!(" {name}=@{}", person.name),
                    Value::Date(at) => format!(" {name}={at}"),
                    Value::Flag(is_set) => format!(" {name}={is_set}"),
                    Value::Files(files) => format!(" {name}={} files", files.len()),
                });
                format!("{}{key}{}", spec.name, given.collect::<String>())
            }
        }
    }

    #[test]
    fn words_are_commands_only_where_they_can_be() {
        use super::Where::{CardThread, Elsewhere, Slash, TicketThread};
        let table = [
            ("resolve my dns problem", Elsewhere, "-"),
            ("resolve it-7 new fuser", Elsewhere, "resolve IT-7 how=new fuser"),
            ("resolve new fuser", TicketThread, "resolve how=new fuser"),
            ("resolve", TicketThread, "~resolve"),
            ("resolve", Slash, "~resolve"),
            ("resolve KB-5034 installed", TicketThread, "resolve how=KB-5034 installed"),
            ("resolve duplicate IT-9", TicketThread, "resolve how=duplicate IT-9"),
            ("pending PO-12345 still missing", Elsewhere, "-"),
            ("pending", CardThread, "pending"),
            ("pending a part", CardThread, "pending why=a part"),
            // Free text takes the words that are left over, wherever its parameter is declared.
            ("pending in 2h for a part", CardThread, "pending until=2026-11-28T16:00:00Z why=for a part"),
            ("pending tomorrow 9", CardThread, "pending until=2026-11-29T08:00:00Z"),
            ("claim", TicketThread, "claim"),
            ("claim", Elsewhere, "~claim"),
            ("claim my expenses", Elsewhere, "-"),
            ("Cancel ", Elsewhere, "cancel"),
            ("cancel it-7", Elsewhere, "cancel IT-7"),
            ("cancel my badge", Elsewhere, "-"),
            ("cancel my badge", Slash, "~cancel"),
            ("resolve", Elsewhere, "~resolve"),
            ("Claim IT-7", Elsewhere, "claim IT-7"),
            ("take IT-7", Elsewhere, "claim IT-7"),
            ("claim my expenses", TicketThread, "-"),
            ("claim my expenses", Slash, "-"),
            ("release the hounds", TicketThread, "-"),
            ("reply thanks", TicketThread, "-"),
            ("reply thanks", CardThread, "reply words=thanks"),
            ("reply IT-7 \n thanks\nall ", Elsewhere, "reply IT-7 words=thanks\nall"),
            ("help", Elsewhere, "help"),
            ("HELP", TicketThread, "help"),
            ("help me with dns", Elsewhere, "-"),
            ("help me", Slash, "help"),
            ("priority p1 IT-7", Slash, "priority IT-7 level=p1"),
            ("priority IT-7 P2", Elsewhere, "priority IT-7 level=P2"),
            ("priority", TicketThread, "~priority"),
            ("priority high", TicketThread, "~priority"),
            ("priority is what we need", TicketThread, "-"),
            ("priority is what we need", Slash, "~priority"),
            ("assign @Mia Wong IT-7", Slash, "assign IT-7 to=@Mia Wong"),
            ("assign IT-7 @Mia Wong", Elsewhere, "assign IT-7 to=@Mia Wong"),
            ("assign @Mia", TicketThread, "assign to=@Mia"),
            ("assign mia", TicketThread, "~assign"),
            ("assign @Mia @Omar", TicketThread, "~assign"),
            ("assign this to @Mia Wong please", TicketThread, "-"),
            ("assign this to mia please", Slash, "~assign"),
            ("hand over @Omar on holiday", TicketThread, "hand over to=@Omar why=on holiday"),
            ("Hand  over P1 @Mia Wong IT-7 is the same", Slash, "hand over level=P1 to=@Mia Wong why=IT-7 is the same"),
            ("hand over IT-7 p2 @Omar", Elsewhere, "hand over IT-7 level=p2 to=@Omar"),
            ("hand it over", TicketThread, "-"),
            ("remind tomorrow at 9am to call", TicketThread, "remind at=2026-11-29T08:00:00Z what=to call"),
            ("lunch at the usual place", Slash, "lunch where=at the usual place"),
            ("lunch at the usual place?", Elsewhere, "-"),
            ("lunch at the usual place?", TicketThread, "-"),
            ("remind IT-7 16:30", Elsewhere, "remind IT-7 at=2026-11-28T15:30:00Z"),
            ("remind me", TicketThread, "~remind"),
            ("remind me about lunch", TicketThread, "-"),
            ("remind me", Slash, "~remind"),
            ("", Slash, "-"),
            ("my screen is black", Slash, "-"),
        ];
        for (words, place, expected) in table {
            assert_eq!(short(words, place), expected, "{words:?} {place:?}");
        }
    }
}
