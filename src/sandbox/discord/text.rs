//! A message's text as a reader sees it.
//!
//! Source: <https://docs.discord.com/developers/reference#message-formatting>.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::{Captures, Regex};
use serde_json::Value;

use super::state::{LOADING, Message, State};

/// A part of a text: within back-ticks or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    pub code: bool,
    pub text: &'a str,
}

/// Splits a text into code and the rest; the back-ticks belong to the code.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (start, end) = code_span(rest).unwrap_or((rest.len(), rest.len()));
        let (code, until) = if start == 0 { (true, end) } else { (false, start) };
        let (piece, left) = rest.split_at(until);
        rest = left;
        Some(Piece { code, text: piece })
    })
}

/// Returns the beginning and the end of the first code span of the text.
fn code_span(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find('`') {
        let start = from + found;
        let ticks = run(&text[start..]);
        let mut at = start + ticks;
        while let Some(found) = text[at..].find('`') {
            let closing = run(&text[at + found..]);
            at += found + closing;
            if closing == ticks {
                return Some((start, at));
            }
        }
        from = start + ticks;
    }
    None
}

fn run(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'`').count()
}

static MARKS: LazyLock<Regex> = LazyLock::new(|| {
    let alternatives = [
        r"\\(?<escaped>[!-/:-@\[-`{-~])",
        r"<@!?(?<user>\d{1,20})>",
        r"<@&(?<role>\d{1,20})>",
        r"<#(?<channel>\d{1,20})>",
        r"<t:(?<time>-?\d{1,13})(?::(?<style>[tTdDfFR]))?>",
        r"<a?(?<emoji>:\w+:)\d+>",
        r"<(?<command>/[^:<>]+):\d+>",
        r"\[(?<label>(?:\\.|[^\]\\\n])+)\]\(<?(?<address>https?://[^)\s>]+)>?\)",
    ];
    Regex::new(&alternatives.join("|")).expect("is valid")
});

static ESCAPES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\([!-/:-@\[-`{-~])").expect("is valid"));

impl State {
    /// Returns the whole message as a reader sees it: its text, then its embeds.
    pub fn readable(&self, message: &Message) -> String {
        if message.flags & LOADING != 0 {
            return "thinking …".to_owned();
        }
        let mut lines = Vec::new();
        if !message.content.is_empty() {
            lines.push(self.rendered(&message.content));
        }
        for embed in &message.embeds {
            let text = |value: &Value| value.as_str().map(|text| self.rendered(text));
            lines.extend(text(&embed["title"]));
            lines.extend(text(&embed["description"]));
            for field in embed["fields"].as_array().into_iter().flatten() {
                lines.extend(text(&field["name"]));
                lines.extend(text(&field["value"]));
            }
        }
        lines.join("\n")
    }

    /// Returns a text with its tokens as a reader sees them.
    pub fn rendered(&self, text: &str) -> String {
        let shown = |piece: Piece<'_>| {
            if piece.code {
                piece.text.to_owned()
            } else {
                MARKS.replace_all(piece.text, |found: &Captures<'_>| self.shown(found)).into_owned()
            }
        };
        pieces(text).map(shown).collect()
    }

    fn shown(&self, found: &Captures<'_>) -> String {
        let group = |name: &str| found.name(name).map(|group| group.as_str());
        let number = |name: &str| group(name).and_then(|digits| digits.parse::<u64>().ok());
        let as_written = || found[0].to_owned();
        if let Some(escaped) = group("escaped") {
            escaped.to_owned()
        } else if let Some(user) = number("user") {
            self.users.get(&user).map_or_else(as_written, |user| format!("@{}", user.name))
        } else if let Some(role) = number("role") {
            let role = self.roles.iter().find(|known| known.id == role);
            role.map_or_else(as_written, |role| format!("@{}", role.name))
        } else if let Some(channel) = number("channel") {
            let channel = self.channels.get(&channel);
            channel.map_or_else(as_written, |channel| format!("#{}", channel.name))
        } else if let Some(time) = group("time").and_then(|digits| digits.parse::<i64>().ok()) {
            moment(time, group("style").unwrap_or("f"), self.clock.now()).unwrap_or_else(as_written)
        } else if let (Some(label), Some(address)) = (group("label"), group("address")) {
            let label = ESCAPES.replace_all(label, "$1");
            if label == address { address.to_owned() } else { format!("{label} <{address}>") }
        } else {
            group("emoji").or(group("command")).map_or_else(as_written, str::to_owned)
        }
    }
}

/// Returns a time token as a date, a time or an age, in UTC.
fn moment(epoch_seconds: i64, style: &str, now: Timestamp) -> Option<String> {
    let at = Timestamp::from_second(epoch_seconds).ok()?;
    let format = match style {
        "R" => return Some(relative(at.as_second() - now.as_second())),
        "t" => "%H:%M",
        "T" => "%H:%M:%S",
        "d" => "%d/%m/%Y",
        "D" => "%-d %B %Y",
        "F" => "%A, %-d %B %Y %H:%M",
        _ => "%-d %B %Y %H:%M",
    };
    Some(at.strftime(format).to_string())
}

fn relative(seconds: i64) -> String {
    const UNITS: [(&str, i64); 6] =
        [("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    let Some((unit, length)) = UNITS.iter().find(|(_, length)| seconds.abs() >= *length) else {
        return "now".to_owned();
    };
    let count = seconds.abs() / length;
    let plural = if count == 1 { "" } else { "s" };
    if seconds < 0 { format!("{count} {unit}{plural} ago") } else { format!("in {count} {unit}{plural}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_text() {
        let found: Vec<_> = pieces("a `b` ``c ` d`` `e").map(|piece| (piece.code, piece.text)).collect();
        assert_eq!(found, [(false, "a "), (true, "`b`"), (false, " "), (true, "``c ` d``"), (false, " `e")]);
    }

    #[test]
    fn ages_read_as_words() {
        assert_eq!(relative(-180), "3 minutes ago");
        assert_eq!(relative(3_700), "in 1 hour");
        assert_eq!(relative(0), "now");
    }
}
