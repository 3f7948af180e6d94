//! Renders the bot's messages for Slack. Pure.
//!
//! Slack's text has a syntax of its own (`<@U…>`, `<!channel>`, `<https://…|label>`), which people's words must not
//! use. So `&`, `<` and `>` are escaped in all text, and only the tokens made here are tokens. Sections are `verbatim`:
//! Slack does not turn names or addresses in them into mentions or links.
//!
//! Sources: <https://docs.slack.dev/messaging/formatting-message-text>,
//! <https://docs.slack.dev/reference/block-kit/blocks>.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::domain::act::ActRef;
use crate::domain::ids::{MessageRef, PlatformName, Tenant};
use crate::domain::limits::{LINK_CHARS, slack as limits};
use crate::domain::message::{Cell, Control, Message, Quotation, Span, Style, Table};

/// Marks where text was cut off.
const SHORTENED: &str = "… (shortened)";
/// Replaces a blank text.
const BLANK: &str = "…";
/// The text of an empty cell of a table.
const EMPTY_CELL: &str = "–";
/// Begins and ends a block of code.
const FENCE: &str = "```";
/// Begins each line of a quotation, escaped as Slack itself keeps it.
const MARK: &str = "&gt; ";
/// An invisible character. Inside a piece of syntax, it keeps Slack from reading the piece as syntax.
const ZERO_WIDTH_SPACE: char = '\u{200b}';
/// The largest number of characters of all texts in one message's blocks: not documented, but refused beyond about
/// 13,200.
const ALL_BLOCKS_CHARS: usize = 13_000;
/// The largest number of choices of one menu.
const OPTIONS: usize = 100;
/// The largest number of characters of an option's label.
const OPTION_CHARS: usize = 75;
/// The largest number of characters of an option's value and of a placeholder.
const VALUE_CHARS: usize = 150;

/// The context of a rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderContext {
    /// The workspace for which messages are rendered.
    pub tenant: Tenant,
    /// The workspace's address, such as `https://acme.slack.com/`.
    pub team_url: String,
}

/// A message in Slack's form.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The text for notifications.
    pub text: String,
    /// The blocks that the message shows.
    pub blocks: Value,
}

/// Renders a message within Slack's limits.
#[must_use]
pub fn render(message: &Message, ctx: &RenderContext) -> Rendered {
    let atoms = atoms_of(message, ctx);
    let table = message.table.as_ref().and_then(table);
    let controls: Vec<Value> = table.into_iter().chain(controls(&message.controls)).collect();
    let mut sections = split(&atoms, limits::BLOCK_TEXT_CHARS);
    shorten(&mut sections, limits::BLOCKS - controls.len(), ALL_BLOCKS_CHARS.saturating_sub(chars(&controls)));
    // Notifications, and clients that do not show tables, get the table's rows as lines.
    let atoms = if message.table.is_some() { atoms_of(&message.simplified(), ctx) } else { atoms };
    let text = match shortened(&atoms, limits::TEXT_CHARS) {
        text if text.trim().is_empty() => labels(&message.controls),
        text => text,
    };
    if sections.is_empty() && controls.is_empty() {
        sections.push(text.clone());
    }
    let sections = sections
        .into_iter()
        .map(|text| json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}}));
    Rendered { text, blocks: sections.chain(controls).collect() }
}

/// Returns the lines of a message as atoms: pieces of text that must not be split.
fn atoms_of(message: &Message, ctx: &RenderContext) -> Vec<String> {
    let mut atoms = Vec::new();
    for (i, line) in message.lines.iter().enumerate() {
        if i > 0 {
            atoms.push("\n".to_owned());
        }
        for span in &line.joined() {
            end_quotation(&mut atoms, span);
            push_span(&mut atoms, span, ctx);
        }
    }
    atoms
}

/// Returns the message as text without any syntax, for places where Slack accepts nothing else.
#[must_use]
pub fn plain(message: &Message) -> String {
    let line = |spans: &[Span]| -> String {
        spans
            .iter()
            .map(|span| match span {
                Span::Said(text)
                | Span::Strong(text)
                | Span::Quoted(text)
                | Span::Written(text)
                | Span::Struck(text)
                | Span::Code(text) => Cow::Borrowed(text.as_str()),
                Span::Link { label, .. } | Span::In { label, .. } | Span::Web { label, .. } => {
                    Cow::Borrowed(label.as_str())
                }
                Span::At(moment) => Cow::Owned(in_utc(*moment)),
                Span::Ping(_) | Span::Ago(_) | Span::Everybody => Cow::Borrowed(""),
            })
            .collect()
    };
    message.lines.iter().map(|spans| line(&spans.0)).collect::<Vec<_>>().join("\n")
}

/// Shortens `text` to `most` characters, with an ellipsis at the end if it was cut.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let kept = text.graphemes(true).take_while(|grapheme| {
        let fits = width(grapheme) <= left;
        left = left.saturating_sub(width(grapheme));
        fits
    });
    kept.chain(std::iter::once("…")).collect()
}

/// Keeps at most `most` sections with `most_chars` characters in all. If some are removed, a last section says so.
fn shorten(sections: &mut Vec<String>, most: usize, most_chars: usize) {
    let total: usize = sections.iter().map(|section| width(section)).sum();
    if sections.len() <= most && total <= most_chars {
        return;
    }
    let mut left = most_chars.saturating_sub(width(SHORTENED));
    let fitting = sections.iter().take_while(|section| {
        let fits = width(section) <= left;
        left = left.saturating_sub(width(section));
        fits
    });
    sections.truncate(fitting.count().min(most.saturating_sub(1)));
    sections.push(SHORTENED.to_owned());
}

/// Counts the characters of every text in these blocks.
fn chars(blocks: &[Value]) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(of).sum(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| match value {
                    Value::String(text) if key == "text" => width(text),
                    value => of(value),
                })
                .sum(),
            _ => 0,
        }
    }
    blocks.iter().map(of).sum()
}

/// Adds a span as atoms.
fn push_span(atoms: &mut Vec<String>, span: &Span, ctx: &RenderContext) {
    match span {
        Span::Said(text) => push_text(atoms, text),
        Span::Strong(text) if text.trim().is_empty() || text.contains(['*', '\n']) || width(text) > 200 => {
            push_text(atoms, text);
        }
        Span::Strong(text) => atoms.push(format!("*{}*", escape(text.trim()))),
        Span::Quoted(text) => push_quoted(atoms, text),
        Span::Written(text) => push_text(atoms, &inert(text)),
        // Slack strikes through only within one line, and not around a `~`.
        Span::Struck(text) if text.trim().is_empty() || text.contains(['~', '\n']) || width(text) > 200 => {
            push_text(atoms, &inert(text));
        }
        Span::Struck(text) => atoms.push(format!("~{}~", escape(&inert(text.trim())))),
        Span::Everybody => atoms.push("<!channel>".to_owned()),
        Span::Code(text) => {
            atoms.push(FENCE.to_owned());
            push_text(atoms, &format!("\n{}\n", inert(text).replace(FENCE, "'''").trim_matches('\n')));
            atoms.push(FENCE.to_owned());
        }
        Span::Web { to, label } => match address(to) {
            address if address.len() <= LINK_CHARS => atoms.push(format!("<{address}|{}>", link_label(label))),
            _ => push_quoted(atoms, label),
        },
        Span::Ping(person) if person.platform == PlatformName::Slack => atoms.push(format!("<@{}>", id(&person.id))),
        Span::Ping(_) => {}
        Span::Link { to, label } => atoms.push(format!("<{}|{}>", permalink(to, ctx), link_label(label))),
        Span::In { place, .. } if place.tenant == ctx.tenant && !place.is_direct() => {
            atoms.push(format!("<#{}>", id(place.channel())));
        }
        // The label may be a name that people gave to a channel.
        Span::In { label, .. } => push_quoted(atoms, label),
        Span::Ago(then) => atoms.push(dated(*then, "{ago}")),
        Span::At(moment) => atoms.push(dated(*moment, "{date_short_pretty} at {time}")),
    }
}

/// Whether the last line of `atoms` is quoted.
fn is_quoted(atoms: &[String]) -> bool {
    let begins = atoms.iter().rposition(|atom| atom == "\n").map_or(0, |at| at + 1);
    atoms.get(begins).is_some_and(|atom| atom == MARK)
}

/// Ends a quoted line before a span that does not belong to it.
fn end_quotation(atoms: &mut Vec<String>, next: &Span) {
    if is_quoted(atoms) && !matches!(next, Span::Said(text) if text.starts_with('\n')) {
        atoms.push("\n".to_owned());
    }
}

fn push_quoted(atoms: &mut Vec<String>, text: &str) {
    let text = match Quotation::of(text) {
        Quotation::Inline(text) => text,
        Quotation::Apart(lines) => {
            if atoms.last().is_some_and(|atom| atom == " ") {
                atoms.pop();
            }
            if atoms.last().is_some_and(|atom| atom != "\n") {
                atoms.push("\n".to_owned());
            }
            for (at, line) in inert(&lines.join("\n")).split('\n').enumerate() {
                if at > 0 {
                    atoms.push("\n".to_owned());
                }
                atoms.push(MARK.to_owned());
                push_text(atoms, line);
            }
            return;
        }
    };
    if atoms.last().is_some_and(|before| before.ends_with('@')) {
        atoms.push(ZERO_WIDTH_SPACE.to_string());
    }
    push_text(atoms, &inert(text));
}

/// Adds escaped text, grapheme by grapheme. Fences and line ends are atoms of their own.
fn push_text(atoms: &mut Vec<String>, text: &str) {
    for (i, part) in text.split(FENCE).enumerate() {
        if i > 0 {
            atoms.push(FENCE.to_owned());
        }
        for grapheme in part.graphemes(true) {
            if width(grapheme) > 64 || grapheme == "\r\n" {
                atoms.extend(grapheme.chars().map(|c| escape(c.encode_utf8(&mut [0; 4]))));
            } else {
                atoms.push(escape(grapheme));
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Neutralises the syntax in people's words that [`escape`] leaves: breaks `@channel` and the like, breaks a code fence
/// without a partner, and closes changes of text direction that are left open.
fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (i, c) in text.char_indices() {
        out.push(c);
        let after = &text[i + c.len_utf8()..];
        if c == '@' && ["channel", "here", "everyone"].iter().any(|word| begins_with(after, word)) {
            out.push(ZERO_WIDTH_SPACE);
        }
    }
    if out.matches(FENCE).count() % 2 == 1
        && let Some(last) = out.rfind(FENCE)
    {
        out.insert(last + 1, ZERO_WIDTH_SPACE);
    }
    out.push_str(&missing_bidi_ends(text));
    out
}

fn begins_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Returns the characters that close the embeddings, overrides and isolates that a text leaves open
/// (<https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings>).
fn missing_bidi_ends(text: &str) -> String {
    const PDF: char = '\u{202c}';
    const PDI: char = '\u{2069}';
    let mut open = Vec::new();
    for c in text.chars() {
        match c {
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => open.push(PDF),
            '\u{2066}' | '\u{2067}' | '\u{2068}' => open.push(PDI),
            PDF if open.last() == Some(&PDF) => {
                open.pop();
            }
            PDI => {
                // Closing an isolate also closes every embedding inside it.
                if let Some(at) = open.iter().rposition(|end| *end == PDI) {
                    open.truncate(at);
                }
            }
            _ => {}
        }
    }
    open.into_iter().rev().collect()
}

fn permalink(to: &MessageRef, ctx: &RenderContext) -> String {
    match to.tenant.platform {
        PlatformName::Slack => {
            let digits: String = to.id.chars().filter(char::is_ascii_digit).collect();
            format!("{}/archives/{}/p{digits}", ctx.team_url.trim_end_matches('/'), id(&to.channel))
        }
        PlatformName::Discord => {
            format!("https://discord.com/channels/{}/{}/{}", id(&to.tenant.id), id(&to.channel), id(&to.id))
        }
    }
}

/// Removes every character from an id that could end the token around it.
fn id(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || "@_-.".contains(*c)).collect()
}

/// Encodes every character of an address that could end the token around it.
fn address(url: &str) -> String {
    let encoded = |c: char| match c {
        '<' => "%3C".to_owned(),
        '>' => "%3E".to_owned(),
        '|' => "%7C".to_owned(),
        '&' => "&amp;".to_owned(),
        c if c.is_whitespace() || c.is_control() => "%20".to_owned(),
        c => c.to_string(),
    };
    url.chars().map(encoded).collect()
}

fn link_label(label: &str) -> String {
    let label: String = label.chars().map(|c| if c == '|' || c == '\n' { ' ' } else { c }).collect();
    escape(&cut(if label.trim().is_empty() { "link" } else { label.trim() }, 200))
}

/// Returns a moment that Slack shows in the reader's time zone. (Source:
/// <https://docs.slack.dev/messaging/formatting-message-text#date-formatting>.)
fn dated(moment: Timestamp, format: &str) -> String {
    format!("<!date^{}^{format}|{}>", moment.as_second(), in_utc(moment))
}

/// Returns a moment in UTC, for a reader whose time zone is unknown.
fn in_utc(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Cuts text into pieces of at most `most` characters, at line ends or spaces where possible, never inside an atom. A
/// code block that is cut is closed and opened again. The rest of a cut line is marked as a quotation.
fn split(atoms: &[String], most: usize) -> Vec<String> {
    let most = most - 2 * (FENCE.len() + 1) - 3 * MARK.len();
    let mut pieces = Vec::new();
    let mut in_code = false;
    let mut from = 0;
    while from < atoms.len() {
        let mut end = from;
        let mut len = 0;
        while end < atoms.len() && len + width(&atoms[end]) <= most {
            len += width(&atoms[end]);
            end += 1;
        }
        if end == from {
            // An atom that is longer than a whole piece is left out. No span becomes such an atom: the longest are
            // links, which [`LINK_CHARS`] limits.
            from += 1;
            continue;
        }
        if end < atoms.len() {
            let later_half = from + (end - from) / 2;
            let last = |what: &str| (later_half..end).rev().find(|i| atoms[*i] == what).map(|i| i + 1);
            end = last("\n").or_else(|| last(" ")).unwrap_or(end);
        }
        let piece = &atoms[from..end];
        let opens = in_code;
        in_code ^= piece.iter().filter(|atom| *atom == FENCE).count() % 2 == 1;
        let body: String = piece.concat();
        if !body.trim().is_empty() {
            let body = body.trim_matches('\n');
            // The rest of a cut line is marked, so that it cannot pass for a line of the bot.
            let goes_on = from > 0 && atoms[from - 1] != "\n" && piece[0] != "\n";
            let mark = if goes_on { MARK } else { "" };
            let fence_mark = if !mark.is_empty() || body.starts_with(MARK) { MARK } else { "" };
            let start = if opens { format!("{fence_mark}```\n{mark}") } else { mark.to_owned() };
            let mut text = format!("{start}{body}");
            if in_code {
                let is_marked = text.rsplit('\n').next().is_some_and(|line| line.starts_with(MARK));
                text.push_str(if is_marked { "\n&gt; ```" } else { "\n```" });
            }
            pieces.push(text);
        }
        from = end;
    }
    pieces
}

/// Returns the beginning of a text, at most `most` characters.
fn shortened(atoms: &[String], most: usize) -> String {
    if atoms.iter().map(|atom| width(atom)).sum::<usize>() <= most {
        return atoms.concat();
    }
    split(atoms, most - width(SHORTENED)).into_iter().next().unwrap_or_default() + SHORTENED
}

/// Counts UTF-16 code units, as Slack does.
fn width(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn controls(controls: &[Control]) -> Vec<Value> {
    let of = |is_feedback: bool, most: usize, kind: &str| -> Vec<Value> {
        let these = controls.iter().enumerate();
        let these = these.filter(|(_, control)| matches!(control, Control::Feedback { .. }) == is_feedback);
        let elements: Vec<Value> = these.filter_map(|(i, control)| element(i, control)).collect();
        elements.chunks(most).map(|elements| json!({"type": kind, "elements": elements})).collect()
    };
    [of(false, limits::ACTIONS, "actions"), of(true, limits::CONTEXT_ACTIONS, "context_actions")].concat()
}

fn element(index: usize, control: &Control) -> Option<Value> {
    // Slack requires action ids to be unique in a message.
    let action_id = format!("{}~{index}", control.does());
    let element = match control {
        Control::Button { label, style, .. } => {
            let mut button = json!({
                "type": "button", "action_id": action_id, "text": plain_text(label, limits::BUTTON_CHARS),
            });
            match style {
                Style::Plain => {}
                Style::Primary => button["style"] = json!("primary"),
                Style::Danger => button["style"] = json!("danger"),
            }
            button
        }
        Control::Choice { options, .. } if options.is_empty() => return None,
        Control::Choice { label, options, .. } => {
            let options: Vec<Value> = options
                .iter()
                .take(OPTIONS)
                .map(
                    |(label, value)| json!({"text": plain_text(label, OPTION_CHARS), "value": cut(value, VALUE_CHARS)}),
                )
                .collect();
            json!({
                "type": "static_select", "action_id": action_id, "placeholder": plain_text(label, VALUE_CHARS),
                "options": options,
            })
        }
        Control::People { label, .. } => {
            json!({"type": "users_select", "action_id": action_id, "placeholder": plain_text(label, VALUE_CHARS)})
        }
        // The value says which of the two buttons was pressed.
        Control::Feedback { praise, does, blame, else_does } => {
            let half = |label: &str, does: &ActRef| {
                json!({
                    "text": plain_text(label, limits::BUTTON_CHARS), "value": does.to_string(),
                    "accessibility_label": cut(label, limits::BUTTON_CHARS),
                })
            };
            json!({
                "type": "feedback_buttons", "action_id": action_id,
                "positive_button": half(praise, does), "negative_button": half(blame, else_does),
            })
        }
    };
    Some(element)
}

/// Renders a table, with as many rows as Slack accepts. If there are more, the last row says so. Cells have no syntax.
/// (Source: <https://docs.slack.dev/reference/block-kit/blocks/data-table-block>.)
fn table(table: &Table) -> Option<Value> {
    if table.rows.is_empty() || table.columns.is_empty() {
        return None;
    }
    let raw = |text: &str| json!({"type": "raw_text", "text": cut(shown_label(text), limits::TABLE_CELL_CHARS)});
    let cell = |cell: &Cell| match cell {
        Cell::Key(text) => raw(text),
        Cell::Words(text) if text.trim().is_empty() => raw(EMPTY_CELL),
        Cell::Words(text) => raw(&inert(text)),
        Cell::Number(number) => json!({"type": "raw_number", "value": number, "text": number.to_string()}),
    };
    let columns = table.columns.iter().take(limits::TABLE_COLUMNS);
    let mut rows: Vec<Value> = vec![columns.map(|column| raw(column)).collect()];
    let mut left = limits::TABLE_CHARS.saturating_sub(chars(&rows) + 2 * limits::TABLE_CELL_CHARS);
    for (at, row) in table.rows.iter().enumerate() {
        let cells: Value = row.iter().take(limits::TABLE_COLUMNS).map(cell).collect();
        let taken = chars(std::slice::from_ref(&cells));
        let is_last = at + 1 == table.rows.len();
        if (!is_last && rows.len() + 1 >= limits::TABLE_ROWS) || rows.len() >= limits::TABLE_ROWS || taken > left {
            let rest = std::iter::once(raw(SHORTENED)).chain((1..table.columns.len()).map(|_| raw(EMPTY_CELL)));
            rows.push(rest.take(limits::TABLE_COLUMNS).collect());
            break;
        }
        left -= taken;
        rows.push(cells);
    }
    let caption = cut(&table.columns.join(", "), limits::TABLE_CELL_CHARS);
    Some(json!({"type": "data_table", "caption": caption, "page_size": limits::TABLE_PAGE, "rows": rows}))
}

/// Returns a text object without any syntax.
pub(super) fn plain_text(text: &str, most: usize) -> Value {
    json!({"type": "plain_text", "text": cut(shown_label(text), most), "emoji": false})
}

/// Replaces a blank text, since Slack accepts none.
fn shown_label(text: &str) -> &str {
    if text.trim().is_empty() { BLANK } else { text }
}

/// Returns the notification text of a message without text of its own: the labels of its controls.
fn labels(controls: &[Control]) -> String {
    let labels: Vec<String> = controls
        .iter()
        .map(|control| match control {
            Control::Button { label, .. } | Control::Choice { label, .. } | Control::People { label, .. } => {
                escape(shown_label(label))
            }
            Control::Feedback { praise, blame, .. } => escape(&format!("{praise} · {blame}")),
        })
        .collect();
    if labels.is_empty() { BLANK.to_owned() } else { cut(&labels.join(" · "), limits::TEXT_CHARS) }
}

#[cfg(test)]
mod tests;
