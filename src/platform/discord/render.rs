//! Renders the bot's messages as Discord's markdown and components.
//!
//! People's words are neutralised so that they ping nobody, disguise no link, and do not change how the bot's own words
//! look. This takes zero-width spaces, angle brackets around addresses, and characters that close what was left open;
//! the words themselves read as they were written.
//!
//! Sources: <https://docs.discord.com/developers/reference#message-formatting>,
//! <https://docs.discord.com/developers/components/reference>.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use crate::domain::ids::{EffectId, PlatformName};
use crate::domain::limits::{LINK_CHARS, discord as limits};
use crate::domain::message::{Control, Message, Quotation, Span, Style, Tone};
use crate::domain::plain::is_bidi_control;

/// A zero-width space: breaks syntax that Discord would interpret.
const ZERO_WIDTH: char = '\u{200b}';
const FENCE: &str = "```";
/// Begins each line of a quotation.
const MARK: &str = "> ";
/// The largest number of people that one message may ping (Discord's limit of `allowed_mentions.users`).
const PINGS: usize = 100;
const OPTION_CHARS: usize = 100;
const PLACEHOLDER_CHARS: usize = 150;

/// A message ready to be sent: in several parts if it is long, with the controls under the last one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rendered {
    /// The texts, each short enough and none empty.
    pub(super) parts: Vec<String>,
    /// Rows of buttons and menus.
    pub(super) components: Vec<Value>,
    pings: Vec<String>,
    pings_everybody: bool,
    pub(super) tone: Tone,
}

/// The flag for no link previews. A preview would use up a link that works only once.
pub(super) const WITHOUT_PREVIEWS: u32 = 1 << 2;
/// The flag for no notification.
const SILENT: u32 = 1 << 12;

impl Rendered {
    /// Returns the accounts that the message may ping, and no others.
    pub(super) fn allowed_mentions(&self) -> Value {
        let parse: &[&str] = if self.pings_everybody { &["everyone"] } else { &[] };
        json!({ "parse": parse, "users": self.pings, "replied_user": false })
    }

    /// Returns the flags with which the message is posted.
    pub(super) fn flags(&self) -> u32 {
        if self.tone == Tone::Silent { WITHOUT_PREVIEWS | SILENT } else { WITHOUT_PREVIEWS }
    }

    /// Returns the id of the message to which this one is posted as a reply, if its tone is [`Tone::Anew`].
    pub(super) fn answers(&self) -> Option<&str> {
        if let Tone::Anew(message) = &self.tone { Some(&message.id) } else { None }
    }

    /// Returns the whole as one text, cut if it is too long. An edit cannot turn one message into several.
    pub(super) fn cut_to_one(&self) -> String {
        match self.parts.as_slice() {
            [only] => only.clone(),
            parts => {
                let mut text = parts.concat();
                cut(&mut text, limits::TEXT_CHARS - FENCE.len() - 2);
                text.push('…');
                if text.matches(FENCE).count() % 2 == 1 {
                    text.push_str("\n```");
                }
                text
            }
        }
    }
}

/// Renders a message; its controls carry the effect's mark.
pub(super) fn message(message: &Message, effect: &EffectId) -> Rendered {
    let mut text = String::new();
    let mut pings = Vec::new();
    let message = message.simplified();
    for (at, line) in message.lines.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        for span in &line.joined() {
            end_quotation(&mut text, span);
            push_span(&mut text, span, &mut pings);
        }
    }
    let mut parts = split(text.trim());
    if parts.is_empty() {
        // Discord accepts no message that is empty.
        parts.push(ZERO_WIDTH.to_string());
    }
    let pings_everybody = message.lines.iter().any(|line| line.0.contains(&Span::Everybody));
    Rendered { parts, components: rows(&message.controls, effect), pings, pings_everybody, tone: message.tone }
}

/// Whether a `custom_id` carries the mark of this effect.
pub(super) fn is_marked(custom_id: &str, effect: &EffectId) -> bool {
    custom_id.split_once('~').is_some_and(|(_, mark)| mark.ends_with(&effect.0))
}

/// Returns the name of a thread, made from people's words.
pub(super) fn thread_name(title: &str) -> String {
    let plain: String = title.chars().map(|c| if c.is_control() || is_bidi_control(c) { ' ' } else { c }).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut name = MASS_MENTION.replace_all(&plain, format!("@{ZERO_WIDTH}$1")).into_owned();
    cut(&mut name, limits::THREAD_NAME_CHARS);
    if name.trim().is_empty() { "request".to_owned() } else { name }
}

/// Neutralises people's words. Without its zero-width spaces, the result consists of the words (with addresses in angle
/// brackets), followed by the characters that close a code block or change of text direction that was left open.
pub(super) fn quoted(words: &str) -> String {
    let without_previews = without_previews(words);
    let words = without_previews.as_str();
    let mut text = String::with_capacity(words.len() + 16);
    let mut line_start = true;
    for (at, c) in words.char_indices() {
        text.push(c);
        if wakes(c, &words[at + c.len_utf8()..], line_start) {
            text.push(ZERO_WIDTH);
        }
        line_start = c == '\n';
    }
    if text.matches(FENCE).count() % 2 == 1 {
        text.push_str("\n```");
    }
    // A marker without a partner would change how the words after it look, the bot's and other people's.
    for pair in ["||", "~~", "**", "__"] {
        if text.matches(pair).count() % 2 == 1
            && let Some(last) = text.rfind(pair)
        {
            text.insert(last + 1, ZERO_WIDTH);
        }
    }
    text.extend(missing_closers(words));
    if text.ends_with(['@', '<', ']']) {
        text.push(ZERO_WIDTH);
    }
    text
}

/// Puts addresses into angle brackets, so that Discord opens no preview, which would use up a link that works only
/// once. Addresses in code stay as they are.
fn without_previews(words: &str) -> String {
    let mut out = String::with_capacity(words.len() + 8);
    for (at, part) in words.split('`').enumerate() {
        if at > 0 {
            out.push('`');
        }
        // Text between two backticks, or after an unclosed one, may be code, for which Discord makes no preview.
        if at % 2 == 1 {
            out.push_str(part);
            continue;
        }
        let mut from = 0;
        for found in ADDRESS.find_iter(part) {
            let (before, end) = (&part[..found.start()], found.as_str().trim_end_matches(TRAILING));
            out.push_str(&part[from..found.start()]);
            if before.ends_with('<') {
                out.push_str(end);
            } else {
                out.push_str(&format!("<{end}>"));
            }
            from = found.start() + end.len();
        }
        out.push_str(&part[from..]);
    }
    out
}

/// Characters at the end of an address that belong to the sentence around it.
const TRAILING: &[char] = &['.', ',', ';', ':', '!', '?', ')', ']', '\'', '"', '*', '_', '~', '|'];

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)https?://[^\s<>`]+").expect("the pattern is valid"));

static MASS_MENTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("(?i)@(everyone|here)").expect("the pattern is valid"));

/// Whether Discord would interpret a character together with the text after it. (`>>>` would make the rest of the
/// message a quotation.)
fn wakes(c: char, rest: &str, line_start: bool) -> bool {
    let goes_on = |word: &str| rest.get(..word.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(word));
    match c {
        '@' => goes_on("everyone") || goes_on("here"),
        '<' => rest.starts_with(['@', '#', ':', '/']) || ["a:", "t:", "id:", "sound:"].into_iter().any(goes_on),
        ']' => rest.starts_with('('),
        '>' => line_start && rest.starts_with(">>"),
        _ => false,
    }
}

fn push_span(text: &mut String, span: &Span, pings: &mut Vec<String>) {
    match span {
        Span::Said(words) => push_own(text, words),
        Span::Strong(words) if words.trim().is_empty() => {}
        Span::Strong(words) => {
            text.push_str("**");
            push_own(text, words);
            text.push_str("**");
        }
        Span::Quoted(words) => push_quoted(text, words),
        Span::Written(words) => push_written(text, words),
        Span::Struck(words) if words.trim().is_empty() || words.contains("~~") => push_written(text, words),
        Span::Struck(words) => {
            text.push_str("~~");
            text.push_str(quoted(words).trim());
            text.push_str("~~");
        }
        Span::Everybody => text.push_str("@everyone"),
        Span::Code(words) => {
            let closers: String = missing_closers(words).collect();
            text.push_str(&format!("```\n{}{closers}\n```", words.replace(FENCE, "'''").trim_matches('\n')));
        }
        Span::Web { to, label } => {
            let encoded = |c: char| match c {
                '<' => "%3C".to_owned(),
                '>' => "%3E".to_owned(),
                c if c.is_whitespace() || c.is_control() => "%20".to_owned(),
                c => c.to_string(),
            };
            let address: String = to.chars().map(encoded).collect();
            if address.len() > LINK_CHARS {
                return push_quoted(text, label);
            }
            let label = quoted(&label.replace(['[', ']', '\n'], " "));
            text.push_str(&format!("[{}](<{address}>)", if label.trim().is_empty() { "link" } else { label.trim() }));
        }
        Span::Ping(person) => {
            let is_id = !person.id.is_empty() && person.id.bytes().all(|byte| byte.is_ascii_digit());
            if person.platform == PlatformName::Discord && is_id {
                text.push_str(&format!("<@{}>", person.id));
                if pings.len() < PINGS && !pings.contains(&person.id) {
                    pings.push(person.id.clone());
                }
            }
        }
        Span::Link { to, label } => {
            let (tenant, channel, id) = (&to.tenant.id, &to.channel, &to.id);
            let address = match to.tenant.platform {
                PlatformName::Discord => format!("https://discord.com/channels/{tenant}/{channel}/{id}"),
                // The workspace's own address is not known here; this one works for anybody who is signed in.
                PlatformName::Slack => format!("https://app.slack.com/client/{tenant}/{channel}/thread/{channel}-{id}"),
            };
            text.push_str(&format!("[{}]({address})", label.replace(['[', ']'], "").trim()));
        }
        Span::In { place, .. } if place.platform() == PlatformName::Discord && !place.is_direct() => {
            text.push_str(&format!("<#{}>", place.channel()));
        }
        // The label may be a name that people gave to a channel.
        Span::In { label, .. } => push_quoted(text, label),
        Span::Ago(then) => text.push_str(&format!("<t:{}:R>", then.as_second())),
        Span::At(moment) => text.push_str(&format!("<t:{}:f>", moment.as_second())),
    }
}

/// Ends a quoted line before a span that does not belong to it.
fn end_quotation(text: &mut String, next: &Span) {
    let is_quoted = text.rsplit('\n').next().is_some_and(|line| line.starts_with(MARK));
    if is_quoted && !matches!(next, Span::Said(words) if words.starts_with('\n')) {
        text.push('\n');
    }
}

fn push_quoted(text: &mut String, words: &str) {
    let words = match Quotation::of(words) {
        Quotation::Inline(words) => words,
        Quotation::Apart(lines) => {
            text.truncate(text.trim_end_matches(' ').len());
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            let marked: Vec<String> =
                quoted(&lines.join("\n")).split('\n').map(|line| format!("{MARK}{line}")).collect();
            return text.push_str(&marked.join("\n"));
        }
    };
    push_written(text, words);
}

/// Adds words of people or of an article in the middle of a line.
fn push_written(text: &mut String, words: &str) {
    let begins_a_line = text.is_empty() || text.ends_with('\n');
    // A name must not become a heading, list or quotation.
    let is_syntax = begins_a_line && words.starts_with(|c: char| "#>-*+".contains(c) || c.is_ascii_digit());
    if text.ends_with(['@', '<', ']']) || is_syntax {
        text.push(ZERO_WIDTH);
    }
    text.push_str(&quoted(words));
}

fn push_own(text: &mut String, words: &str) {
    text.push_str(&MASS_MENTION.replace_all(words, format!("@{ZERO_WIDTH}$1")));
}

/// Returns the characters that close the embeddings, overrides and isolates left open, innermost first.
fn missing_closers(words: &str) -> impl Iterator<Item = char> {
    const POP_EMBEDDING: char = '\u{202c}';
    const POP_ISOLATE: char = '\u{2069}';
    let mut open = Vec::new();
    for c in words.chars() {
        match c {
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => open.push(POP_EMBEDDING),
            '\u{2066}'..='\u{2068}' => open.push(POP_ISOLATE),
            POP_EMBEDDING if open.last() == Some(&POP_EMBEDDING) => {
                open.pop();
            }
            POP_ISOLATE => {
                // Closing an isolate closes everything opened within it.
                if let Some(at) = open.iter().rposition(|closer| *closer == POP_ISOLATE) {
                    open.truncate(at);
                }
            }
            _ => {}
        }
    }
    open.into_iter().rev()
}

/// Cuts a text into parts that Discord accepts, at ends of lines or words where possible. A code block that is cut is
/// closed and opened again. The rest of a cut line is marked as a quotation. Apart from that, the parts together equal
/// the text. Blank parts are left out.
fn split(text: &str) -> Vec<String> {
    const REPAIR: usize = 6;
    let mut parts = Vec::new();
    let mut rest = text;
    let (mut in_code, mut goes_on) = (false, false);
    while !rest.is_empty() {
        // The rest of a cut line is marked, so that it cannot pass for a line of the bot.
        let mark = if goes_on { MARK } else { "" };
        let opening = match (in_code, goes_on || rest.starts_with(MARK)) {
            (true, true) => format!("{MARK}```\n{mark}"),
            (true, false) => "```\n".to_owned(),
            (false, _) => mark.to_owned(),
        };
        let room = limits::TEXT_CHARS - opening.len();
        let taken = if length(rest) <= room { rest.len() } else { cut_at(rest, room - REPAIR) };
        let (head, tail) = rest.split_at(taken);
        rest = tail;
        let mut part = format!("{opening}{head}");
        in_code = part.matches(FENCE).count() % 2 == 1;
        goes_on = !part.ends_with('\n');
        if in_code && !rest.is_empty() {
            let last = part.trim_end_matches('\n').rsplit('\n').next().unwrap_or_default();
            part.push_str(if last.starts_with(MARK) { "\n> ```" } else { "\n```" });
        }
        if !head.trim().is_empty() {
            parts.push(part);
        }
    }
    parts
}

/// Returns the byte at which to cut a text that is longer than `most`: after a line, after a word, or anywhere.
fn cut_at(text: &str, most: usize) -> usize {
    let hard = prefix(text, most);
    let head = &text[..hard];
    let good = |at: Option<usize>| at.map(|at| at + 1).filter(|at| *at > hard / 2);
    let cut = good(head.rfind('\n')).or_else(|| good(head.rfind(' '))).unwrap_or(hard);
    // A cut between backticks or after a backslash would change their meaning.
    let before = head[..cut].trim_end_matches(['`', '\\', ZERO_WIDTH]).len();
    if before > hard / 2 { before } else { cut }
}

fn cut(text: &mut String, most: usize) {
    let at = prefix(text, most);
    text.truncate(at);
}

/// Returns the length in bytes of the longest prefix with at most `most` UTF-16 code units, as Discord may count them.
fn prefix(text: &str, most: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.len_utf16();
        if used > most {
            return at;
        }
    }
    text.len()
}

fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn rows(controls: &[Control], effect: &EffectId) -> Vec<Value> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut open_row = false;
    for (index, control) in controls.iter().enumerate() {
        let Some(component) = component(control, index, effect) else { continue };
        let is_button = matches!(control, Control::Button { .. });
        match rows.last_mut() {
            Some(row) if is_button && open_row && row.len() < limits::BUTTONS_PER_ROW => row.push(component),
            _ => rows.push(vec![component]),
        }
        open_row = is_button;
    }
    if rows.len() > limits::ROWS {
        tracing::error!(
            %effect, rows = rows.len(),
            "a message has more rows of buttons and menus than Discord shows: the last rows are cut"
        );
        rows.truncate(limits::ROWS);
    }
    rows.into_iter().map(|row| json!({ "type": 1, "components": row })).collect()
}

fn component(control: &Control, index: usize, effect: &EffectId) -> Option<Value> {
    let custom_id = format!("{}~{index}{effect}", control.does());
    match control {
        // Simplifying the message has replaced such controls.
        Control::Feedback { .. } => None,
        Control::Button { label, style, .. } => {
            let style = match style {
                Style::Primary => 1,
                Style::Plain => 2,
                Style::Danger => 4,
            };
            let label = non_blank_label(label, limits::BUTTON_CHARS);
            Some(json!({ "type": 2, "style": style, "label": label, "custom_id": custom_id }))
        }
        Control::Choice { options, .. } if options.is_empty() => None,
        Control::Choice { label, options, .. } => {
            let options: Vec<Value> = options
                .iter()
                .take(limits::OPTIONS)
                .map(|(label, value)| {
                    json!({ "label": non_blank_label(label, OPTION_CHARS), "value": shortened(value, OPTION_CHARS) })
                })
                .collect();
            let placeholder = non_blank_label(label, PLACEHOLDER_CHARS);
            Some(json!({ "type": 3, "custom_id": custom_id, "placeholder": placeholder, "options": options }))
        }
        Control::People { label, .. } => {
            let placeholder = non_blank_label(label, PLACEHOLDER_CHARS);
            Some(json!({ "type": 5, "custom_id": custom_id, "placeholder": placeholder }))
        }
    }
}

/// Returns a label of at most `most` characters. A blank one is replaced, since Discord accepts none.
fn non_blank_label(label: &str, most: usize) -> String {
    if label.trim().is_empty() { "…".to_owned() } else { shortened(label, most) }
}

/// Shortens a text to `most` characters, with an ellipsis at the end if it was cut.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let mut short = text.to_owned();
    if length(text) > most {
        cut(&mut short, most.saturating_sub(1));
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
