//! SQL texts and statements. A statement is a text with its values, not sent yet.
//!
//! Writes are gathered and sent together, since each round trip to the database (on SQLite, to its own thread) costs
//! more than the statement itself.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

/// One SQL text, in the dialect of each database.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

impl Text {
    /// Creates a text that both databases understand.
    #[must_use]
    pub const fn both(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }

    /// Creates a separate text for each database.
    #[must_use]
    pub const fn each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }
}

// The SQLite text tells texts apart: no two texts share it.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.sqlite == other.sqlite
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sqlite.hash(state);
    }
}

/// Names SQL texts and lists them as `TEXTS`, so that tests can check the plan of each on both databases.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* pub(crate) const $name: crate::store::Text = $text;)+

        /// Every text of this file with its name.
        #[cfg(test)]
        pub(crate) const TEXTS: &[(&str, crate::store::Text)] = &[$((stringify!($name), $name),)+];
    };
}

pub(crate) use texts;

/// The largest number of rows of one statement.
const ROWS: usize = 64;

/// The numbers of rows that a merged statement may have. Each number makes a separate SQL text, and the database must
/// prepare a text before its first use, so few texts are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Powers of two, up to [`ROWS`].
    Powers,
    /// Any number up to this one, and powers of two beyond.
    UpTo(usize),
}

impl Rows {
    /// Returns how many of `waiting` rows go into the next statement.
    fn next(self, waiting: usize) -> usize {
        match self {
            Self::UpTo(most) if waiting <= most => waiting,
            _ => (1 << waiting.max(1).ilog2()).min(ROWS),
        }
    }
}

/// A value of a statement. `None` is the NULL of SQL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Int(Option<i64>),
    Text(Option<String>),
}

/// A [`Text`] with its values, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    pub(super) text: Text,
    pub(super) values: Vec<Value>,
    /// Whether touching no row is a conflict.
    pub(super) or_conflict: bool,
}

/// Creates a statement without values.
#[must_use]
pub const fn statement(text: Text) -> Statement {
    Statement { text, values: Vec::new(), or_conflict: false }
}

impl Statement {
    /// Adds a value after the others: the first one stands for `$1` in the text, the second one for `$2`.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Makes touching no row a conflict.
    #[must_use]
    pub const fn or_conflict(mut self) -> Self {
        self.or_conflict = true;
        self
    }
}

/// A statement in the dialect of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DialectStatement {
    pub text: &'static str,
    pub values: Vec<Value>,
    pub or_conflict: bool,
}

impl Statement {
    /// Returns the statement for SQLite.
    pub(super) fn for_sqlite(self) -> DialectStatement {
        DialectStatement { text: self.text.sqlite, values: self.values, or_conflict: self.or_conflict }
    }

    /// Returns the statement for PostgreSQL.
    pub(super) fn for_postgres(self) -> DialectStatement {
        DialectStatement { text: self.text.postgres, values: self.values, or_conflict: self.or_conflict }
    }
}

/// One statement that replaces several of the same text, with one row for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Merged {
    pub text: Cow<'static, str>,
    pub values: Vec<Value>,
    /// How many statements it replaces.
    pub rows: usize,
    /// Whether touching fewer rows is a conflict, as in [`Statement`].
    pub or_conflict: bool,
}

/// Merges the writes of several works into one sequence with as few statements as possible. Statements of one work keep
/// their order; those of different works do not depend on each other.
pub(super) fn merged(works: impl IntoIterator<Item = Vec<DialectStatement>>, rows: Rows) -> Vec<Merged> {
    let mut alike: Vec<Vec<DialectStatement>> = Vec::new();
    for work in works {
        let mut at = 0;
        for statement in work {
            let fits = |others: &Vec<DialectStatement>| can_share(others, &statement);
            match alike[at..].iter().position(fits) {
                Some(further) => {
                    at += further;
                    alike[at].push(statement);
                }
                None => {
                    at = alike.len();
                    alike.push(vec![statement]);
                }
            }
        }
    }
    alike.into_iter().flat_map(|alike| with_rows(alike, rows)).collect()
}

/// Whether `one` can become another row of the statement that `others` make up. Both must have the same text, and `one`
/// must not update (`DO UPDATE`) a row that another of them writes. The conflict columns must be the first values.
fn can_share(others: &[DialectStatement], one: &DialectStatement) -> bool {
    let is_alike = |other: &DialectStatement| other.text == one.text && other.or_conflict == one.or_conflict;
    if !others.first().is_some_and(is_alike) {
        return false;
    }
    let key = one.text.split_once("ON CONFLICT (").filter(|(_, rest)| rest.contains("DO UPDATE"));
    let columns = key.and_then(|(_, rest)| rest.split_once(')')).map(|(columns, _)| columns.split(',').count());
    columns.is_none_or(|columns| others.iter().all(|other| other.values[..columns] != one.values[..columns]))
}

/// Merges statements of one text into statements with many rows.
fn with_rows(alike: Vec<DialectStatement>, sizes: Rows) -> Vec<Merged> {
    let as_it_is =
        |DialectStatement { text, values, or_conflict }| Merged { text: text.into(), values, rows: 1, or_conflict };
    let Some((head, row, tail)) = alike.first().and_then(|first| around_row(first.text)) else {
        return alike.into_iter().map(as_it_is).collect();
    };
    let mut all = Vec::new();
    let mut rest = alike.into_iter();
    while rest.len() > 0 {
        let rows = sizes.next(rest.len());
        let mut some = rest.by_ref().take(rows);
        if rows == 1 {
            all.extend(some.next().map(as_it_is));
            continue;
        }
        let (mut text, mut values, mut or_conflict) = (head.to_owned(), Vec::new(), false);
        for statement in some {
            text.push_str(if values.is_empty() { "" } else { ", " });
            counted_on(&mut text, row, values.len());
            values.extend(statement.values);
            or_conflict = statement.or_conflict;
        }
        text.push_str(tail);
        all.push(Merged { text: text.into(), values, rows, or_conflict });
    }
    all
}

/// Splits a text into the parts before, inside and after the row of its `VALUES`, if all its values are in that row.
pub(super) fn around_row(text: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    let begin = text.find("VALUES (")? + "VALUES ".len();
    let mut depth = 0;
    let length = text[begin..].find(|sign| {
        depth += i32::from(sign == '(') - i32::from(sign == ')');
        depth == 0
    })?;
    let (head, row, tail) = (&text[..begin], &text[begin..=begin + length], &text[begin + length + 1..]);
    (!head.contains('$') && !tail.contains('$')).then_some((head, row, tail))
}

/// Appends a text, with the numbers of its placeholders (`$1`, `$2`) raised by `from`.
pub(super) fn counted_on(to: &mut String, text: &str, from: usize) {
    let mut parts = text.split('$');
    to.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = part[..digits].parse().unwrap_or_default();
        // Writing into a text cannot fail.
        let _ = write!(to, "${}{}", number + from, &part[digits..]);
    }
}

/// Replaces NUL characters, which PostgreSQL cannot store.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(clean(value)))
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        value.clone().into()
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        value.to_owned().into()
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value.map(clean))
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        value.map(str::to_owned).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a statement of this text.
    fn statement(text: &'static str) -> DialectStatement {
        super::statement(Text::both(text)).for_sqlite()
    }

    impl DialectStatement {
        fn bind(mut self, value: impl Into<Value>) -> Self {
            self.values.push(value.into());
            self
        }

        fn or_conflict(self) -> Self {
            Self { or_conflict: true, ..self }
        }
    }

    const KEEP: &str = "INSERT INTO a (x, y) VALUES ($1, up(down($2), 1)) ON CONFLICT (x) DO UPDATE SET y = excluded.y";
    const DROP: &str = "DELETE FROM a WHERE x = $1";

    #[test]
    fn statements_of_one_text_become_rows_of_one_statement_and_keep_their_order() {
        let keep = |x: i64, y: &str| statement(KEEP).bind(x).bind(y);
        let works = [
            vec![keep(1, "a"), statement(DROP).bind(1), keep(2, "b")],
            vec![keep(3, "c"), statement(DROP).bind(3)],
            vec![statement(DROP).bind(4), keep(5, "d")],
        ];
        let merged = merged(works, Rows::Powers);
        let told: Vec<(&str, usize)> = merged.iter().map(|one| (&*one.text, one.rows)).collect();
        let two = "INSERT INTO a (x, y) VALUES ($1, up(down($2), 1)), ($3, up(down($4), 1)) \
                   ON CONFLICT (x) DO UPDATE SET y = excluded.y";
        assert_eq!(told, [(two, 2), (DROP, 1), (DROP, 1), (DROP, 1), (two, 2)]);
        assert_eq!(merged[0].values, [1.into(), "a".into(), 3.into(), "c".into()]);
        assert_eq!(merged[4].values, [2.into(), "b".into(), 5.into(), "d".into()]);
    }

    #[test]
    fn a_row_is_not_written_twice_by_one_statement() {
        let keep = |x: i64, y: &str| statement(KEEP).bind(x).bind(y);
        let merged = merged([vec![keep(1, "a"), keep(2, "b"), keep(1, "c")]], Rows::Powers);
        let values: Vec<usize> = merged.iter().map(|one| one.rows).collect();
        assert_eq!(values, [2, 1]);
        assert_eq!(merged[1].values, [1.into(), "c".into()]);
    }

    #[test]
    fn rows_come_in_few_numbers() {
        let works = |count| (0..count).map(|x| vec![statement(KEEP).bind(x).bind("a").or_conflict()]);
        let all = merged(works(100), Rows::Powers);
        assert_eq!(all.iter().map(|one| one.rows).collect::<Vec<_>>(), [64, 32, 4]);
        assert!(all.iter().all(|one| one.or_conflict && one.values.len() == 2 * one.rows));
        let rows = |count, rows| merged(works(count), rows).iter().map(|one| one.rows).collect::<Vec<_>>();
        assert_eq!((rows(7, Rows::Powers), rows(7, Rows::UpTo(16))), (vec![4, 2, 1], vec![7]));
        assert_eq!(rows(45, Rows::UpTo(16)), [32, 13]);
    }
}
