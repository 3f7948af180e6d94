//! A statement with its values, not sent yet: what a work writes is gathered and sent together, since on SQLite each
//! trip to the database's own thread costs more than the statement itself.

use std::fmt::Write as _;

/// A value of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
}

/// A text of [`super::sql`] (or of a dialect) with its values, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    pub text: &'static str,
    pub values: Vec<Value>,
    /// That no row was touched means that somebody else was faster.
    pub or_conflict: bool,
}

/// A statement without its values.
pub(super) const fn statement(text: &'static str) -> Statement {
    Statement { text, values: Vec::new(), or_conflict: false }
}

impl Statement {
    /// With one more value.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// It is a conflict if it touches no row.
    pub const fn or_conflict(mut self) -> Self {
        self.or_conflict = true;
        self
    }
}

/// Several statements as one text, the numbers of their values counted through.
pub(super) fn joined(statements: &[Statement]) -> (String, Vec<Value>) {
    let mut text = String::with_capacity(statements.iter().map(|one| one.text.len() + 8).sum());
    let mut values = Vec::with_capacity(statements.iter().map(|one| one.values.len()).sum());
    for statement in statements {
        let mut parts = statement.text.split('$');
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = part[..digits].parse().unwrap_or_default();
            // Writing into a text cannot fail.
            let _ = write!(text, "${}{}", number + values.len(), &part[digits..]);
        }
        text.push(';');
        values.extend(statement.values.iter().cloned());
    }
    (text, values)
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
        Self::Text(Some(value))
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_through() {
        let statements = [
            statement("UPDATE a SET x = $2 WHERE id = $1").bind(1).bind("two"),
            statement("DELETE FROM b"),
            statement("INSERT INTO c VALUES ($1, $1)").bind(None::<String>),
        ];
        let (text, values) = joined(&statements);
        assert_eq!(text, "UPDATE a SET x = $2 WHERE id = $1;DELETE FROM b;INSERT INTO c VALUES ($3, $3);");
        assert_eq!(values, [Value::Int(Some(1)), Value::Text(Some("two".to_owned())), Value::Text(None)]);
    }
}
