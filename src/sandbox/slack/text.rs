//! The forms of Slack's text: as people type it, as it is stored, and as it is read.
//!
//! In stored text `&`, `<` and `>` are escaped, and angle brackets enclose a token
//! (<https://docs.slack.dev/messaging/formatting-message-text>).

use serde_json::{Value, json};

/// Looks up the names and ids that tokens stand for.
pub(super) trait Names {
    /// The time, in seconds since the Unix epoch.
    fn now_s(&self) -> i64;
    /// Display name of a person or the bot.
    fn person_name(&self, id: &str) -> Option<&str>;
    /// Name of a channel.
    fn channel_name(&self, id: &str) -> Option<&str>;
    /// Handle of a user group.
    fn group_handle(&self, id: &str) -> Option<&str>;
    /// Id of the person (or the bot) with this handle.
    fn person_by_handle(&self, handle: &str) -> Option<&str>;
    /// Id of the channel with this name.
    fn channel_by_name(&self, name: &str) -> Option<&str>;
    /// Id of the user group with this handle.
    fn group_by_handle(&self, handle: &str) -> Option<&str>;
}

/// A piece of stored text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text outside of tokens, still escaped.
    Plain(&'a str),
    /// `<@U…>`.
    User(&'a str),
    /// `<#C…>`.
    Channel(&'a str),
    /// `<!subteam^S…>`.
    Group(&'a str),
    /// `<!channel>`, `<!here>`, `<!everyone>`.
    Broadcast(&'a str),
    /// `<!date^epoch^format|fallback>`.
    Date {
        /// Seconds since the Unix epoch.
        epoch: i64,
        /// How it is to be shown.
        format: &'a str,
        /// The text to show if it cannot be formatted.
        fallback: &'a str,
    },
    /// `<https://…|label>`.
    Link(&'a str, Option<&'a str>),
}

/// Splits stored text into its pieces. Text in angle brackets that is no token is [`Piece::Plain`], with its brackets.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut plain_from, mut at) = (0, 0);
    while let Some(open) = text[at..].find('<').map(|i| at + i) {
        let inner_end = text[open + 1..].find(['<', '>', '\n']).map(|i| open + 1 + i);
        let token = inner_end.filter(|end| text[*end..].starts_with('>')).and_then(|end| token(&text[open + 1..end]));
        if let (Some(end), Some(token)) = (inner_end, token) {
            if plain_from < open {
                found.push(Piece::Plain(&text[plain_from..open]));
            }
            found.push(token);
            at = end + 1;
            plain_from = at;
        } else {
            at = open + 1;
        }
    }
    if plain_from < text.len() {
        found.push(Piece::Plain(&text[plain_from..]));
    }
    found
}

fn token(inner: &str) -> Option<Piece<'_>> {
    let (what, label) = inner.split_once('|').map_or((inner, None), |(what, label)| (what, Some(label)));
    let is_id = |id: &str| id.len() > 1 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if let Some(id) = what.strip_prefix('@') {
        return is_id(id).then_some(Piece::User(id));
    }
    if let Some(id) = what.strip_prefix('#') {
        return is_id(id).then_some(Piece::Channel(id));
    }
    if let Some(special) = what.strip_prefix('!') {
        if let Some(id) = special.strip_prefix("subteam^") {
            return is_id(id).then_some(Piece::Group(id));
        }
        if special.starts_with("date^") {
            let mut parts = special.split('^').skip(1);
            let epoch = parts.next()?.parse().ok()?;
            return Some(Piece::Date { epoch, format: parts.next()?, fallback: label.unwrap_or_default() });
        }
        return matches!(special, "channel" | "here" | "everyone").then_some(Piece::Broadcast(special));
    }
    let (scheme, rest) = what.split_once(':')?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    (is_scheme && !rest.is_empty() && !what.contains(' ')).then_some(Piece::Link(what, label))
}

/// Returns a text as a reader sees it.
pub(super) fn read(names: &dyn Names, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(plain) => out.push_str(&unescape(plain)),
            Piece::User(id) => out.push_str(&format!("@{}", names.person_name(id).unwrap_or(id))),
            Piece::Channel(id) => out.push_str(&format!("#{}", names.channel_name(id).unwrap_or(id))),
            Piece::Group(id) => out.push_str(&format!("@{}", names.group_handle(id).unwrap_or(id))),
            Piece::Broadcast(range) => out.push_str(&format!("@{range}")),
            Piece::Date { epoch, format: "{ago}", .. } => out.push_str(&ago(names.now_s() - epoch)),
            Piece::Date { fallback, .. } => out.push_str(&unescape(fallback)),
            Piece::Link(url, label) => {
                let url = unescape(url);
                match label.map(unescape).filter(|label| *label != url) {
                    Some(label) => out.push_str(&format!("{label} <{url}>")),
                    None => out.push_str(&url),
                }
            }
        }
    }
    out
}

/// Returns the text of an app as Slack stores it: tokens stay, and every other `&`, `<` and `>` is escaped.
pub(super) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for piece in pieces(text) {
        let len = piece_len(text, at, piece);
        let raw = &text[at..at + len];
        at += len;
        if let Piece::Plain(plain) = piece {
            for (i, c) in plain.char_indices() {
                match c {
                    '&' if ["&amp;", "&lt;", "&gt;"].iter().any(|entity| plain[i..].starts_with(entity)) => {
                        out.push('&')
                    }
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    c => out.push(c),
                }
            }
        } else {
            out.push_str(raw);
        }
    }
    out
}

fn piece_len(text: &str, at: usize, piece: Piece<'_>) -> usize {
    match piece {
        Piece::Plain(plain) => plain.len(),
        _ => text[at..].find('>').map_or(text.len() - at, |i| i + 1),
    }
}

/// Escapes `&`, `<` and `>`.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the text with `&`, `<` and `>` in place of their entities: the inverse of [`escape`].
pub(super) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Returns the text that a person typed as Slack's client sends it: `@handle`, `#channel` and addresses become tokens,
/// except within code. Everything else is escaped. With `labels` (for commands) tokens have names: `<@U…|jeff>`.
pub(super) fn typed(names: &dyn Names, text: &str, labels: bool) -> String {
    let text = text.trim();
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let taken = if c == '`' {
            code_len(rest).map(|len| (len, escape(&rest[..len])))
        } else if before.is_alphanumeric() || before == '_' {
            None
        } else {
            match c {
                '@' => mention(names, rest, labels),
                '#' => channel(names, rest, labels),
                'h' => address(rest),
                _ => None,
            }
        };
        let (len, written) = taken.unwrap_or_else(|| (c.len_utf8(), escape(c.encode_utf8(&mut [0; 4]))));
        out.push_str(&written);
        at += len;
        before = text[..at].chars().next_back().unwrap_or(' ');
    }
    out
}

fn code_len(rest: &str) -> Option<usize> {
    if let Some(inner) = rest.strip_prefix("```") {
        return inner.find("```").map(|i| i + 6);
    }
    let inner = &rest[1..];
    inner.find(['`', '\n']).filter(|i| *i > 0 && inner[*i..].starts_with('`')).map(|i| i + 2)
}

fn mention(names: &dyn Names, rest: &str, labels: bool) -> Option<(usize, String)> {
    let word = &rest[1..];
    named_prefix(word, |name| {
        let token = match name {
            "channel" | "everyone" => "<!channel>".to_owned(),
            "here" => "<!here>".to_owned(),
            _ => {
                if let Some(id) = names.person_by_handle(name) {
                    if labels { format!("<@{id}|{}>", escape(name)) } else { format!("<@{id}>") }
                } else {
                    format!("<!subteam^{}>", names.group_by_handle(name)?)
                }
            }
        };
        Some(token)
    })
}

fn channel(names: &dyn Names, rest: &str, labels: bool) -> Option<(usize, String)> {
    named_prefix(&rest[1..], |name| {
        let id = names.channel_by_name(name)?;
        Some(if labels { format!("<#{id}|{name}>") } else { format!("<#{id}>") })
    })
}

/// Looks for the longest beginning of `word` that `find` knows and that a delimiter follows. Returns its token, and its
/// length in bytes including the sign before `word`.
fn named_prefix(word: &str, find: impl Fn(&str) -> Option<String>) -> Option<(usize, String)> {
    let run = word.find(char::is_whitespace).unwrap_or(word.len());
    let ends: Vec<usize> = word[..run].char_indices().map(|(i, c)| i + c.len_utf8()).take(64).collect();
    ends.into_iter().rev().filter(|end| delimited(&word[*end..])).find_map(|end| Some((end + 1, find(&word[..end])?)))
}

fn delimited(after: &str) -> bool {
    let mut chars = after.chars();
    match chars.next() {
        None => true,
        Some('-' | '.') => !chars.next().is_some_and(|c| c.is_alphanumeric() || c == '_'),
        Some(c) => !(c.is_alphanumeric() || c == '_'),
    }
}

fn address(rest: &str) -> Option<(usize, String)> {
    let after = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://"))?;
    let end = rest.find(|c: char| c.is_whitespace() || "<>\"`".contains(c)).unwrap_or(rest.len());
    let url = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'', ']', '*', '_']);
    (after.chars().next().is_some_and(char::is_alphanumeric) && url.len() > rest.len() - after.len())
        .then(|| (url.len(), format!("<{}>", escape(url).replace('|', "%7C"))))
}

/// Returns the `rich_text` block that Slack makes of a text without blocks.
pub(super) fn rich_text(text: &str, block_id: &str) -> Value {
    let elements: Vec<Value> = pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Plain(plain) => json!({"type": "text", "text": unescape(plain)}),
            Piece::User(id) => json!({"type": "user", "user_id": id}),
            Piece::Channel(id) => json!({"type": "channel", "channel_id": id}),
            Piece::Group(id) => json!({"type": "usergroup", "usergroup_id": id}),
            Piece::Broadcast(range) => json!({"type": "broadcast", "range": range}),
            Piece::Date { fallback, .. } => json!({"type": "text", "text": unescape(fallback)}),
            Piece::Link(url, None) => json!({"type": "link", "url": unescape(url)}),
            Piece::Link(url, Some(label)) => json!({"type": "link", "url": unescape(url), "text": unescape(label)}),
        })
        .collect();
    json!({"type": "rich_text", "block_id": block_id, "elements": [{"type": "rich_text_section", "elements": elements}]})
}

/// Returns the words for `{ago}`, as Slack's client writes them.
fn ago(seconds: i64) -> String {
    let (number, unit) = match seconds {
        ..60 => return "a few seconds ago".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400.. => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cast;

    impl Names for Cast {
        fn now_s(&self) -> i64 {
            0
        }
        fn person_name(&self, id: &str) -> Option<&str> {
            (id == "U0000JEFF").then_some("Jeff")
        }
        fn channel_name(&self, id: &str) -> Option<&str> {
            (id == "C000SALES").then_some("sales")
        }
        fn group_handle(&self, _: &str) -> Option<&str> {
            None
        }
        fn person_by_handle(&self, handle: &str) -> Option<&str> {
            match handle {
                "jeff" => Some("U0000JEFF"),
                "desk" => Some("U000DESKB"),
                _ => None,
            }
        }
        fn channel_by_name(&self, name: &str) -> Option<&str> {
            (name == "sales").then_some("C000SALES")
        }
        fn group_by_handle(&self, _: &str) -> Option<&str> {
            None
        }
    }

    #[test]
    fn people_cannot_type_tokens() {
        assert_eq!(
            typed(&Cast, "<@U0000JEFF> <!channel> a & b", false),
            "&lt;@U0000JEFF&gt; &lt;!channel&gt; a &amp; b"
        );
        assert_eq!(read(&Cast, "&lt;@U0000JEFF&gt; &amp;lt;"), "<@U0000JEFF> &lt;");
    }

    #[test]
    fn handles_become_tokens_only_where_known_and_delimited() {
        assert_eq!(
            typed(&Cast, "@desk: @jeff, @jeffrey a@jeff @nobody", false),
            "<@U000DESKB>: <@U0000JEFF>, @jeffrey a@jeff @nobody"
        );
        assert_eq!(
            typed(&Cast, "@channel @here `@jeff` #sales #1", false),
            "<!channel> <!here> `@jeff` <#C000SALES> #1"
        );
        assert_eq!(typed(&Cast, "assign IT-1 @jeff", true), "assign IT-1 <@U0000JEFF|jeff>");
        assert_eq!(
            typed(&Cast, "see (https://a.example/x?a=1&b=2).", false),
            "see (<https://a.example/x?a=1&amp;b=2>)."
        );
    }

    #[test]
    fn texts_read_as_people_read_them() {
        let text = "<@U0000JEFF> <#C000SALES> <https://a.example|the page> <https://a.example> <!date^1^{date}|today> <!here> 1 &lt; 2 <x";
        assert_eq!(
            read(&Cast, text),
            "@Jeff #sales the page <https://a.example> https://a.example today @here 1 < 2 <x"
        );
    }

    #[test]
    fn an_apps_text_keeps_its_tokens_and_is_escaped_elsewhere() {
        assert_eq!(normalise("a & b &amp; <@U0000JEFF> <b> 1 > 0"), "a &amp; b &amp; <@U0000JEFF> &lt;b&gt; 1 &gt; 0");
    }
}
