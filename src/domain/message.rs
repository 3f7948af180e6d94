//! Messages of the bot, before they are rendered for a platform.
//!
//! A message knows which words are the bot's own and which are people's, so that a renderer can neutralise the latter.
//! It knows nothing of blocks, embeds or limits.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::act::ActRef;
use super::ids::{MessageRef, PersonRef, Place};
use super::plain::is_line_break;

/// The most characters of a rendered link to a message, without its label and its ids.
const ADDRESS_CHARS: usize = 100;
/// The most characters of a rendered time or age.
const AGE_CHARS: usize = 50;

/// A message: lines of text, then a table, then buttons and menus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub lines: Vec<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<Control>,
    /// The people whom it notifies when it is posted.
    #[serde(default, skip_serializing_if = "Tone::is_usual")]
    pub tone: Tone,
}

/// The people whom a message notifies when it is posted, besides those whom it pings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// People who follow the place are notified.
    #[default]
    Usual,
    /// Nobody is notified, on platforms that can post silently (Discord).
    Silent,
    /// The message is a reply to this message of the bot, and everybody in the channel is to see it. On Slack the reply
    /// is posted in the message's thread and also shown in the channel.
    Anew(Box<MessageRef>),
}

impl Tone {
    /// Whether it is the usual tone.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::Usual
    }
}

/// A table. On a platform without tables each row becomes a line ([`Message::simplified`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The names of the columns (the bot's own words).
    pub columns: Vec<String>,
    /// Its rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// The bot's own words that name the row: a key.
    Key(String),
    /// Words, which are neutralised like words of people. May be empty.
    Words(String),
    Number(u64),
}

/// One line (a quotation in it may itself run over several).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Line(pub Vec<Span>);

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// The bot's own words.
    Said(String),
    /// The bot's own words, emphasised.
    Strong(String),
    /// Words of people, including names. They are neutralised: they ping nobody, and their links cannot be disguised.
    Quoted(String),
    /// Words of an article. They are neutralised like words of people, but not set apart, since they are the desk's.
    Written(String),
    /// Words that no longer hold, struck through. They are neutralised like words of people.
    Struck(String),
    /// A mention of everybody in the channel.
    Everybody,
    /// Code of an article, on lines of its own.
    Code(String),
    /// A link to a page elsewhere.
    Web {
        to: String,
        /// The link's label (words of an article).
        label: String,
    },
    /// A mention that pings a person.
    Ping(PersonRef),
    /// A link to a message.
    Link {
        to: MessageRef,
        /// The link's label (the bot's own words).
        label: String,
    },
    /// A channel or direct conversation, by the name that its platform shows. On another platform only `label` is
    /// shown.
    In {
        place: Place,
        /// The text where the platform cannot show the place.
        label: String,
    },
    /// The time that has passed since a moment. Platforms that can count it on by themselves do so.
    Ago(Timestamp),
    /// A date and time, in the reader's time zone.
    At(Timestamp),
}

/// A button or a menu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    Button {
        label: String,
        does: ActRef,
        #[serde(default)]
        style: Style,
    },
    /// A menu of choices.
    Choice {
        /// The text that the menu shows before a choice is made.
        label: String,
        does: ActRef,
        /// The choices: (label, value).
        options: Vec<(String, String)>,
    },
    /// A menu of people.
    People {
        /// The text that the menu shows before a choice is made.
        label: String,
        does: ActRef,
    },
    /// Two small buttons, for praise and for blame. On a platform without them only a button for blame is shown, since
    /// praise says less than the other buttons of the message.
    Feedback {
        /// The label for praise.
        praise: String,
        /// The act of praise.
        does: ActRef,
        /// The label for blame.
        blame: String,
        /// The act of blame.
        else_does: ActRef,
    },
}

/// The style of a button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    #[default]
    Plain,
    /// The button that is most likely wanted.
    Primary,
    /// A button that takes something away.
    Danger,
}

impl Message {
    /// Returns a message of these lines.
    #[must_use]
    pub fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        Self { lines: lines.into_iter().collect(), ..Self::default() }
    }

    /// Returns a message of one line of the bot's own words.
    #[must_use]
    pub fn said(text: impl Into<String>) -> Self {
        Self::new([Line::said(text)])
    }

    /// Adds these controls after those that the message already has.
    #[must_use]
    pub fn with(mut self, controls: impl IntoIterator<Item = Control>) -> Self {
        self.controls.extend(controls);
        self
    }

    /// Sets whom the message notifies when it is posted, besides those whom it pings.
    #[must_use]
    pub fn in_tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    /// Sets the table, which is shown below the lines. It replaces a table that was set before.
    #[must_use]
    pub fn with_table(self, table: Table) -> Self {
        Self { table: Some(table), ..self }
    }

    /// Returns the message for a platform without tables and feedback buttons: rows become lines, and feedback becomes
    /// a button for blame.
    #[must_use]
    pub fn simplified(&self) -> Self {
        let rows = self.table.iter().flat_map(|table| table.rows.iter().map(|row| Line::of_row(&table.columns, row)));
        let lines = self.lines.iter().cloned().chain(rows).collect();
        let simple = |control: &Control| match control {
            Control::Feedback { blame, else_does, .. } => Control::button(blame, else_does.clone()),
            other => other.clone(),
        };
        Self { lines, table: None, controls: self.controls.iter().map(simple).collect(), tone: self.tone.clone() }
    }

    /// Whether [`simplified`](Self::simplified) changes nothing.
    #[must_use]
    pub fn is_simple(&self) -> bool {
        self.table.is_none() && !self.controls.iter().any(|control| matches!(control, Control::Feedback { .. }))
    }

    /// Appends another message. A control that is in both appears once.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.lines.extend(more.lines);
        self.table = self.table.or(more.table);
        for control in more.controls {
            if !self.controls.contains(&control) {
                self.controls.push(control);
            }
        }
        self
    }

    /// Returns the most characters (UTF-16 code units) that its lines and table take on any platform, after they are
    /// neutralised.
    #[must_use]
    pub fn max_chars(&self) -> usize {
        let simple = if self.is_simple() { Cow::Borrowed(self) } else { Cow::Owned(self.simplified()) };
        simple.lines.iter().map(|line| 1 + line.0.iter().map(Span::max_chars).sum::<usize>()).sum()
    }
}

/// Words of people that are longer than this (in UTF-16 code units) are set apart even if they are one line: if they
/// are split over several messages, each part must show that it is a quotation.
const INLINE_CHARS: usize = 500;
/// The most characters of the mark of a quoted line together with the line's end.
const MARK_CHARS: usize = 6;

/// How words of people are quoted in a message of the bot, so that none of their lines can pass for one of the bot's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quotation<'w> {
    /// One short line, inside the line that says whose words they are.
    Inline(&'w str),
    /// Lines of their own, each with a mark.
    Apart(Vec<&'w str>),
}

impl<'w> Quotation<'w> {
    /// Returns how these words are quoted.
    #[must_use]
    pub fn of(words: &'w str) -> Self {
        let words = words.trim_matches(is_line_break);
        let lines: Vec<&str> =
            words.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split(is_line_break)).collect();
        match lines.as_slice() {
            // A block of code becomes several lines when it is shown.
            [line] if line.chars().map(char::len_utf16).sum::<usize>() <= INLINE_CHARS && !line.contains("```") => {
                Self::Inline(line)
            }
            _ => Self::Apart(lines),
        }
    }
}

/// Returns the most characters (UTF-16 code units) that words take on any platform, after they are neutralised.
#[must_use]
pub fn max_chars_of(words: &str) -> usize {
    let of = |c: char| match c {
        // These become entities.
        '&' | '<' | '>' => 5,
        // These get a zero-width space behind them, or a closing character at the end.
        '@' | ']' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => 2,
        c => c.len_utf16(),
    };
    // An open block of code gets closed.
    let fence = if words.contains("```") { 4 } else { 0 };
    // Addresses get brackets.
    let brackets = 2 * words.matches("://").count();
    words.chars().map(of).sum::<usize>() + fence + brackets
}

/// Returns the bot's own words as a span.
#[must_use]
pub fn said(text: impl Into<String>) -> Span {
    Span::Said(text.into())
}

/// Returns words of people as a span.
#[must_use]
pub fn quoted(text: impl Into<String>) -> Span {
    Span::Quoted(text.into())
}

/// Returns the bot's own words as an emphasised span.
#[must_use]
pub fn strong(text: impl ToString) -> Span {
    Span::Strong(text.to_string())
}

impl Span {
    fn max_chars(&self) -> usize {
        match self {
            Self::Said(words) => max_chars_of(words),
            Self::Quoted(words) => {
                let marks = match Quotation::of(words) {
                    Quotation::Inline(_) => 0,
                    Quotation::Apart(lines) => MARK_CHARS * (lines.len() + 1),
                };
                max_chars_of(words) + marks
            }
            Self::Strong(words) => max_chars_of(words) + 4,
            Self::Written(words) => max_chars_of(words),
            Self::Struck(words) => max_chars_of(words) + 4,
            Self::Everybody => "@everyone".len(),
            Self::Code(words) => max_chars_of(words) + 2 * MARK_CHARS,
            Self::Web { to, label } => max_chars_of(to) + max_chars_of(label) + MARK_CHARS,
            Self::Ping(person) => person.id.len() + 4,
            Self::Link { to, label } => {
                max_chars_of(label) + to.tenant.id.len() + 2 * to.channel.len() + to.id.len() + ADDRESS_CHARS
            }
            Self::In { place, label } => max_chars_of(label).max(place.channel().len() + 4),
            Self::Ago(_) | Self::At(_) => AGE_CHARS,
        }
    }
}

impl Line {
    /// Returns its pieces, with neighbouring quotations joined: two that are harmless apart may not be harmless
    /// together.
    #[must_use]
    pub fn joined(&self) -> Vec<Span> {
        let mut joined: Vec<Span> = Vec::with_capacity(self.0.len());
        for span in &self.0 {
            match (joined.last_mut(), span) {
                (Some(Span::Quoted(words)), Span::Quoted(more)) => words.push_str(more),
                _ => joined.push(span.clone()),
            }
        }
        joined
    }

    /// Returns a line of the bot's own words.
    #[must_use]
    pub fn said(text: impl Into<String>) -> Self {
        Self(vec![Span::Said(text.into())])
    }

    /// Returns a row of a table as a line.
    fn of_row(columns: &[String], row: &[Cell]) -> Self {
        let mut spans = Vec::with_capacity(2 * row.len());
        for (cell, column) in row.iter().zip(columns) {
            let span = match cell {
                Cell::Key(key) => strong(key),
                Cell::Words(words) if words.trim().is_empty() => continue,
                Cell::Words(words) => Span::Written(words.clone()),
                Cell::Number(number) => said(format!("{} {number}", column.to_lowercase())),
            };
            if !spans.is_empty() {
                spans.push(said(" · "));
            }
            spans.push(span);
        }
        Self(spans)
    }
}

impl Control {
    /// Returns a plain button.
    #[must_use]
    pub fn button(label: &str, does: ActRef) -> Self {
        Self::Button { label: label.to_owned(), does, style: Style::Plain }
    }

    /// Sets the style of a button. A menu stays as it is.
    #[must_use]
    pub fn styled(self, style: Style) -> Self {
        match self {
            Self::Button { label, does, .. } => Self::Button { label, does, style },
            menu => menu,
        }
    }

    /// Returns its act. Of two buttons: the act of the first.
    #[must_use]
    pub const fn does(&self) -> &ActRef {
        match self {
            Self::Button { does, .. }
            | Self::Choice { does, .. }
            | Self::People { does, .. }
            | Self::Feedback { does, .. } => does,
        }
    }
}
