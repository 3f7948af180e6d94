//! What the bot says, before it is rendered for a platform.
//!
//! A message knows which words are the bot's own and which are people's, so that a renderer can neutralise the latter;
//! it knows nothing of blocks, embeds or limits.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::act::ActRef;
use super::ids::{MessageRef, PersonRef, Place};
use super::plain::is_line_break;

/// Characters of a link but for its label and the ids in it, and of a moment or an age that counts by itself.
const ADDRESS_CHARS: usize = 100;
const AGE_CHARS: usize = 50;

/// A message: lines of text, then a table, then buttons and menus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its lines, each on a line of its own.
    pub lines: Vec<Line>,
    /// Its table, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// Its buttons and menus, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<Control>,
    /// Whom it is to reach when it is posted.
    #[serde(default, skip_serializing_if = "Tone::is_usual")]
    pub tone: Tone,
}

/// Whom a message is to reach when it is posted, beyond what its words say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Whoever follows the place.
    #[default]
    Usual,
    /// Nobody is notified, where the platform can (Discord).
    Silent,
    /// A reply to this message of the bot that everybody in the channel is to see: on Slack, posted into its thread, it is shown in the
    /// channel, too.
    Anew(Box<MessageRef>),
}

impl Tone {
    /// Whether nothing is said of it.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::Usual
    }
}

/// A list with columns. Where the platform has no tables each row is a line ([`Message::simplified`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What the columns are called (the bot's own words).
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
    /// Words, neutralised like words of people. May be empty.
    Words(String),
    /// A number.
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
    /// Words of people, names included: whatever they hold, nobody is pinged, and nothing is dressed as something else.
    Quoted(String),
    /// Words of an article: neutralised like words of people, and not set apart, since they are the desk's.
    Written(String),
    /// Words that do not hold any more, struck through; neutralised like words of people.
    Struck(String),
    /// Everybody in the channel is mentioned.
    Everybody,
    /// Code of an article, on lines of its own.
    Code(String),
    /// A link to a page elsewhere.
    Web {
        /// Its address.
        to: String,
        /// What the link says (words of an article).
        label: String,
    },
    /// A person, pinged.
    Ping(PersonRef),
    /// A link to a message.
    Link {
        /// The message.
        to: MessageRef,
        /// What the link says (the bot's own words).
        label: String,
    },
    /// A channel or direct conversation by its name, as the platform shows it; on another platform only `label`.
    In {
        /// The place.
        place: Place,
        /// What is said where the platform cannot show it.
        label: String,
    },
    /// The time that has passed since, counting by itself where the platform can.
    Ago(Timestamp),
    /// A moment, in the zone of whoever reads it.
    At(Timestamp),
}

/// A button or a menu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// A button.
    Button {
        /// What it says.
        label: String,
        /// What it does.
        does: ActRef,
        /// How it looks.
        #[serde(default)]
        style: Style,
    },
    /// A menu of choices: (label, value).
    Choice {
        /// What it says before a choice.
        label: String,
        /// What it does.
        does: ActRef,
        /// Its choices.
        options: Vec<(String, String)>,
    },
    /// A menu of people.
    People {
        /// What it says before a choice.
        label: String,
        /// What it does.
        does: ActRef,
    },
    /// Two small buttons, for praise and for blame. Where the platform has none such, a button for blame alone: praise says
    /// less than the buttons beside it.
    Feedback {
        /// What praise says.
        praise: String,
        /// What praise does.
        does: ActRef,
        /// What blame says.
        blame: String,
        /// What blame does.
        else_does: ActRef,
    },
}

/// How a button looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Like any other.
    #[default]
    Plain,
    /// The one that is most likely wanted.
    Primary,
    /// Takes something away.
    Danger,
}

impl Message {
    /// A message of these lines.
    #[must_use]
    pub fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        Self { lines: lines.into_iter().collect(), ..Self::default() }
    }

    /// A message of one line of the bot's own words.
    #[must_use]
    pub fn said(text: impl Into<String>) -> Self {
        Self::new([Line::said(text)])
    }

    /// The same with these controls.
    #[must_use]
    pub fn with(mut self, controls: impl IntoIterator<Item = Control>) -> Self {
        self.controls.extend(controls);
        self
    }

    /// The same in this tone.
    #[must_use]
    pub fn in_tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    /// The same with this table.
    #[must_use]
    pub fn with_table(self, table: Table) -> Self {
        Self { table: Some(table), ..self }
    }

    /// The same for where there are neither tables nor buttons for praise and blame: rows as lines, and a button for blame.
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

    /// Whether [`simplified`](Self::simplified) shows anything in another way.
    #[must_use]
    pub fn is_simple(&self) -> bool {
        self.table.is_none() && !self.controls.iter().any(|control| matches!(control, Control::Feedback { .. }))
    }

    /// This and then what `more` says, as one message. A control that is in both stands once.
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

    /// How many characters its lines take at most, on whichever platform and however they are neutralised there.
    #[must_use]
    pub fn room(&self) -> usize {
        let simple = if self.is_simple() { Cow::Borrowed(self) } else { Cow::Owned(self.simplified()) };
        simple.lines.iter().map(|line| 1 + line.0.iter().map(Span::room).sum::<usize>()).sum()
    }
}

/// From this length on, words of people are set apart even if they are one line: what is split over several messages must be
/// seen to be theirs in each.
const INLINE_CHARS: usize = 500;
/// Characters of the mark of a quoted line and of the line's end, at most.
const MARK_CHARS: usize = 6;

/// How words of people stand in a message of the bot: so that no line of theirs can pass for one of the bot's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quotation<'w> {
    /// One short line, which goes on in the line that says whose words they are.
    Inline(&'w str),
    /// Lines of their own, each of them marked.
    Apart(Vec<&'w str>),
}

impl<'w> Quotation<'w> {
    /// How these words are to stand.
    #[must_use]
    pub fn of(words: &'w str) -> Self {
        let words = words.trim_matches(is_line_break);
        let lines: Vec<&str> =
            words.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split(is_line_break)).collect();
        match lines.as_slice() {
            // A block of code is several lines once it is shown.
            [line] if line.chars().map(char::len_utf16).sum::<usize>() <= INLINE_CHARS && !line.contains("```") => {
                Self::Inline(line)
            }
            _ => Self::Apart(lines),
        }
    }
}

/// How many characters words take at most (as UTF-16 counts them), on whichever platform and however they are neutralised
/// there.
#[must_use]
pub fn room_of(words: &str) -> usize {
    let of = |c: char| match c {
        // As entities.
        '&' | '<' | '>' => 5,
        // With a zero-width space behind them, or what closes them at the end.
        '@' | ']' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => 2,
        c => c.len_utf16(),
    };
    // A block of code that was left open is closed.
    let fence = if words.contains("```") { 4 } else { 0 };
    // Addresses are put into brackets.
    let brackets = 2 * words.matches("://").count();
    words.chars().map(of).sum::<usize>() + fence + brackets
}

/// The bot's own words.
#[must_use]
pub fn said(text: impl Into<String>) -> Span {
    Span::Said(text.into())
}

/// Words of people.
#[must_use]
pub fn quoted(text: impl Into<String>) -> Span {
    Span::Quoted(text.into())
}

/// The bot's own words, emphasised.
#[must_use]
pub fn strong(text: impl ToString) -> Span {
    Span::Strong(text.to_string())
}

impl Span {
    fn room(&self) -> usize {
        match self {
            Self::Said(words) => room_of(words),
            Self::Quoted(words) => {
                let marks = match Quotation::of(words) {
                    Quotation::Inline(_) => 0,
                    Quotation::Apart(lines) => MARK_CHARS * (lines.len() + 1),
                };
                room_of(words) + marks
            }
            Self::Strong(words) => room_of(words) + 4,
            Self::Written(words) => room_of(words),
            Self::Struck(words) => room_of(words) + 4,
            Self::Everybody => "@everyone".len(),
            Self::Code(words) => room_of(words) + 2 * MARK_CHARS,
            Self::Web { to, label } => room_of(to) + room_of(label) + MARK_CHARS,
            Self::Ping(person) => person.id.len() + 4,
            Self::Link { to, label } => {
                room_of(label) + to.tenant.id.len() + 2 * to.channel.len() + to.id.len() + ADDRESS_CHARS
            }
            Self::In { place, label } => room_of(label).max(place.channel().len() + 4),
            Self::Ago(_) | Self::At(_) => AGE_CHARS,
        }
    }
}

impl Line {
    /// Its pieces, with neighbouring quotations as one: two that are harmless apart may not be so together.
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

    /// A line of the bot's own words.
    #[must_use]
    pub fn said(text: impl Into<String>) -> Self {
        Self(vec![Span::Said(text.into())])
    }

    /// A row of a table.
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
    /// A plain button.
    #[must_use]
    pub fn button(label: &str, does: ActRef) -> Self {
        Self::Button { label: label.to_owned(), does, style: Style::Plain }
    }

    /// The same button, looking like `style`; a menu stays as it is.
    #[must_use]
    pub fn styled(self, style: Style) -> Self {
        match self {
            Self::Button { label, does, .. } => Self::Button { label, does, style },
            menu => menu,
        }
    }

    /// What it does; of two buttons, the first.
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
