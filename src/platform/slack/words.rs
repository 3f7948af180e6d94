//! Turns people's messages from Slack's syntax into plain text. Pure.
//!
//! Slack escapes `&`, `<` and `>`, and puts all tokens into angle brackets
//! (<https://docs.slack.dev/messaging/formatting-message-text>).

use super::directory::{Asked, Names, once};
use crate::domain::event::Mentioned;
use crate::domain::ids::{Person, PersonRef, PlatformName};
use crate::domain::plain::one_line;

/// Stands for the name of a person whose name is unknown.
pub(super) const SOMEONE: &str = "someone";

/// A text of people, read from Slack's syntax.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// The words, without the bot's own mention, trimmed.
    pub text: String,
    /// The people mentioned, in order, each once, without the bot.
    pub mentions: Vec<Person>,
    /// The user groups mentioned, in order, each once.
    pub groups: Vec<Mentioned>,
    /// Whether the bot is mentioned.
    pub mentions_bot: bool,
}

/// Returns the ids whose names are needed to read this text.
pub(super) fn asked(raw: &str, bot_user: &str) -> Asked {
    let mut asked = Asked::default();
    for piece in pieces(raw) {
        match piece {
            Piece::Person { id, .. } if id != bot_user => asked.people.push(id.to_owned()),
            Piece::Channel { id, label: None } => asked.channels.push(id.to_owned()),
            Piece::Group { id, label: None } => asked.groups.push(id.to_owned()),
            Piece::Person { .. } | Piece::Channel { .. } | Piece::Group { .. } | Piece::Plain(_) | Piece::Other(_) => {}
        }
    }
    Asked { people: once(asked.people), channels: once(asked.channels), groups: once(asked.groups) }
}

/// Returns the ids of the user groups that a text mentions.
pub(super) fn groups(raw: &str) -> Vec<String> {
    let group = |piece| if let Piece::Group { id, .. } = piece { Some(id.to_owned()) } else { None };
    once(pieces(raw).into_iter().filter_map(group).collect::<Vec<_>>())
}

/// Reads a text from Slack's syntax, with these names.
pub(super) fn read(raw: &str, bot_user: &str, names: &Names) -> Words {
    let mut words = Words::default();
    let mut after_own_mention = false;
    for piece in pieces(raw) {
        let swallow = std::mem::take(&mut after_own_mention);
        match piece {
            Piece::Plain(text) => {
                let mut text = unescape(text);
                if swallow {
                    text = without_address_mark(&text, &words.text);
                }
                words.text.push_str(&text);
            }
            Piece::Person { id, .. } if id == bot_user => {
                words.mentions_bot = true;
                after_own_mention = true;
            }
            Piece::Person { id, label } => {
                let label = label.map(unescape);
                let name = names.people.get(id).cloned().or(label).unwrap_or_else(|| SOMEONE.to_owned());
                let name = one_line(&name);
                let name = name.trim_start_matches('@').to_owned();
                words.text.push('@');
                words.text.push_str(&name);
                let who = PersonRef::new(PlatformName::Slack, id);
                if !words.mentions.iter().any(|person| person.who == who) {
                    words.mentions.push(Person::new(who, name));
                }
            }
            Piece::Channel { id, label } => {
                let name = label.map(unescape).or_else(|| names.channels.get(id).cloned());
                words.text.push('#');
                words.text.push_str(name.as_deref().unwrap_or("channel"));
            }
            Piece::Group { id, label } => {
                let name = label.map(unescape).or_else(|| names.groups.get(id).cloned());
                let name = name.as_deref().unwrap_or("group").trim_start_matches('@');
                words.text.push('@');
                words.text.push_str(name);
                if !words.groups.iter().any(|group| group.id == id) {
                    words.groups.push(Mentioned { id: id.to_owned(), name: name.to_owned() });
                }
            }
            Piece::Other(text) => words.text.push_str(&text),
        }
    }
    words.text = words.text.trim().to_owned();
    words
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Plain(&'a str),
    Person {
        id: &'a str,
        label: Option<&'a str>,
    },
    Channel {
        id: &'a str,
        label: Option<&'a str>,
    },
    Group {
        id: &'a str,
        label: Option<&'a str>,
    },
    /// Anything else in angle brackets, as readable text.
    Other(String),
}

fn pieces(raw: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = raw;
    while let Some(open) = rest.find('<') {
        let inner = &rest[open + 1..];
        match inner.find(['<', '>']) {
            Some(close) if inner[close..].starts_with('>') => {
                found.push(Piece::Plain(&rest[..open]));
                found.push(token(&inner[..close]));
                rest = &inner[close + 1..];
            }
            // This `<` begins no token. Slack would have escaped it, but it is kept as text.
            _ => {
                found.push(Piece::Plain(&rest[..=open]));
                rest = inner;
            }
        }
    }
    found.push(Piece::Plain(rest));
    found.retain(|piece| *piece != Piece::Plain(""));
    found
}

fn token(inner: &str) -> Piece<'_> {
    let (what, label) = match inner.split_once('|') {
        Some((what, label)) => (what, Some(label).filter(|label| !label.is_empty())),
        None => (inner, None),
    };
    let is_id = |id: &str| id.len() > 1 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if let Some(id) = what.strip_prefix('@').filter(|id| is_id(id)) {
        return Piece::Person { id, label };
    }
    if let Some(id) = what.strip_prefix('#').filter(|id| is_id(id)) {
        return Piece::Channel { id, label };
    }
    if let Some(special) = what.strip_prefix('!') {
        if let Some(id) = special.strip_prefix("subteam^").filter(|id| is_id(id)) {
            return Piece::Group { id, label };
        }
        return Piece::Other(match label {
            Some(label) => unescape(label),
            None => format!("@{}", special.split('^').next().unwrap_or_default()),
        });
    }
    let address = unescape(what);
    let Some(label) = label.map(unescape) else { return Piece::Other(address) };
    let bare = address.split_once("://").map_or(address.as_str(), |(_, bare)| bare);
    let is_page = address.starts_with("http://") || address.starts_with("https://");
    Piece::Other(if label == address || !is_page || label.trim_end_matches('/') == bare.trim_end_matches('/') {
        label
    } else {
        format!("{label} ({address})")
    })
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Returns the text after the bot's mention, without a leading `:` or `,`, and without spaces that would be doubled.
fn without_address_mark(text: &str, before: &str) -> String {
    let text = text.strip_prefix([':', ',']).unwrap_or(text);
    let joined = before.is_empty() || before.ends_with(char::is_whitespace);
    if joined { text.trim_start_matches(' ').to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(raw: &str) -> Words {
        let names = Names {
            people: [("U1".to_owned(), "Sam Lee".to_owned())].into(),
            channels: [("C1".to_owned(), "sales".to_owned())].into(),
            groups: [("S1".to_owned(), "it-desk".to_owned())].into(),
        };
        read(raw, "UBOT", &names)
    }

    #[test]
    fn texts_are_read_as_people_read_them() {
        for (raw, text) in [
            ("<@UBOT> printer on 3", "printer on 3"),
            ("<@UBOT>: printer, please", "printer, please"),
            ("<@UBOT|desk>, help", "help"),
            ("hey <@UBOT> the printer", "hey the printer"),
            ("the printer <@UBOT>", "the printer"),
            ("<@UBOT>", ""),
            (" <@UBOT> \n ", ""),
            ("a &lt; b &amp;&amp; c &gt; d &amp;lt;", "a < b && c > d &lt;"),
            ("<@U1> and <@U2|omar> and <@U3>", "@Sam Lee and @omar and @someone"),
            ("<#C1> <#C1|> <#C2|ops> <#C3>", "#sales #sales #ops #channel"),
            ("<!subteam^S1> <!subteam^S2|@helpers> <!here> <!channel>", "@it-desk @helpers @here @channel"),
            ("<http://a.example/x?a=1&amp;b=2>", "http://a.example/x?a=1&b=2"),
            ("<http://a.example|the page>", "the page (http://a.example)"),
            ("<http://a.example|a.example> <https://a.example|https://a.example>", "a.example https://a.example"),
            ("<mailto:a@b.example|a@b.example>", "a@b.example"),
            ("<!date^1^{date}|1 January>", "1 January"),
            ("x < y <<@U1>", "x < y <@Sam Lee"),
            ("שלום <@UBOT> 👩‍💻", "שלום 👩‍💻"),
        ] {
            assert_eq!(words(raw).text, text, "{raw}");
        }
    }

    #[test]
    fn mentions_are_told_in_order_and_once() {
        let words = words("<@U1> <@UBOT> <@U2|omar> <@U1>");
        let ids: Vec<&str> = words.mentions.iter().map(|person| person.who.id.as_str()).collect();
        assert_eq!(ids, ["U1", "U2"]);
        assert!(words.mentions_bot);
        assert_eq!(words.mentions[1].name, "omar");
    }
}
