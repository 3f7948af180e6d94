//! Conversion between rows and values of the domain.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use super::statement::{Statement, Value};
use super::{StoreError, postgres, sqlite};
use crate::domain::ids::{MessageRef, PersonRef, Place, PlatformName, Tenant};
use crate::domain::subject::Subject;

/// A row of a query's result, from either database.
#[derive(Debug)]
pub struct Row(Inner);

#[derive(Debug)]
enum Inner {
    Own(OwnRow),
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A row that was read by SQLite's writer.
#[derive(Debug)]
pub(super) struct OwnRow {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl OwnRow {
    /// Creates a row from the names of its columns and their values, in the same order.
    pub const fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    fn get<'r, T: FromValue<'r>>(&'r self, column: &str) -> Result<T, StoreError> {
        let value = self.columns.iter().position(|name| name == column).and_then(|at| self.values.get(at));
        value
            .and_then(T::from_value)
            .ok_or_else(|| StoreError::Corrupt(format!("{column} is missing or of another type")))
    }
}

impl From<OwnRow> for Row {
    fn from(row: OwnRow) -> Self {
        Self(Inner::Own(row))
    }
}

/// A type into which a value that SQLite's writer has read can be converted.
pub trait FromValue<'r>: Sized {
    /// Converts a value. Returns `None` if the value has another type.
    fn from_value(value: &'r Value) -> Option<Self>;
}

impl<'r> FromValue<'r> for i64 {
    fn from_value(value: &'r Value) -> Option<Self> {
        if let Value::Int(number) = value { *number } else { None }
    }
}

impl<'r> FromValue<'r> for &'r str {
    fn from_value(value: &'r Value) -> Option<Self> {
        if let Value::Text(text) = value { text.as_deref() } else { None }
    }
}

impl<'r> FromValue<'r> for String {
    fn from_value(value: &'r Value) -> Option<Self> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl<'r, T: FromValue<'r>> FromValue<'r> for Option<T> {
    fn from_value(value: &'r Value) -> Option<Self> {
        match value {
            Value::Int(None) | Value::Text(None) => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self(Inner::Sqlite(row))
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self(Inner::Postgres(row))
    }
}

/// A type that columns of both databases can hold: `i64`, `String`, `&str`, and options of these.
pub trait Column<'r>:
    FromValue<'r> + Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T: FromValue<'r> + Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>> Column<'r>
    for T
{
}

/// Each method takes the name of the column that it reads. The error is [`StoreError::Corrupt`] if the column holds
/// something unexpected. The error names the position in the text, never the text itself, which may be people's words.
impl Row {
    /// Reads a number or a text.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn get<'r, T: Column<'r>>(&'r self, column: &str) -> Result<T, StoreError> {
        match &self.0 {
            Inner::Own(row) => row.get(column),
            Inner::Sqlite(row) => row.try_get(column).map_err(sqlite::fault),
            Inner::Postgres(row) => row.try_get(column).map_err(postgres::fault),
        }
    }

    /// Reads a count. A number that does not fit into `N`, such as a negative one, is read as zero.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn count<N: TryFrom<i64> + Default>(&self, column: &str) -> Result<N, StoreError> {
        self.get::<i64>(column).map(|count| N::try_from(count).unwrap_or_default())
    }

    /// Reads a flag: 0 or 1.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.get::<i64>(column)? != 0)
    }

    /// Reads a value from JSON.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        parse(column, self.get(column)?)
    }

    /// Reads a value from JSON, if there is one.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn json_if<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        self.get::<Option<&str>>(column)?.map(|text| parse(column, text)).transpose()
    }

    /// Reads a value of an enum without fields from its name.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn named<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        parse_name(column, self.get(column)?)
    }

    /// Reads a value of an enum without fields from its name, if there is one.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn named_if<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        self.get::<Option<String>>(column)?.map(|text| parse_name(column, text)).transpose()
    }

    /// Reads a moment, stored as milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn moment(&self, column: &str) -> Result<Timestamp, StoreError> {
        moment(self.get(column)?)
    }

    /// Reads a moment, if there is one.
    ///
    /// # Errors
    /// If the column holds something unexpected.
    pub fn moment_if(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        self.get::<Option<i64>>(column)?.map(moment).transpose()
    }

    /// Reads the subject that the columns `subject_kind` and `subject_id` name.
    ///
    /// # Errors
    /// If a column holds something unexpected.
    pub fn subject(&self) -> Result<Subject, StoreError> {
        Subject::of(self.get("subject_kind")?, self.get("subject_id")?)
            .map_err(|_| StoreError::Corrupt("subject_kind holds a name that is not known".to_owned()))
    }

    /// Reads the message that the columns `platform`, `tenant`, `channel` and `message` name.
    ///
    /// # Errors
    /// If a column holds something unexpected.
    pub fn message(&self) -> Result<MessageRef, StoreError> {
        let platform: PlatformName = self.named("platform")?;
        let tenant = Tenant { platform, id: self.get("tenant")? };
        Ok(MessageRef { tenant, channel: self.get("channel")?, id: self.get("message")? })
    }
}

impl Statement {
    /// Adds the two values that name a subject.
    #[must_use]
    pub fn bind_subject(self, subject: &Subject) -> Self {
        self.bind(subject.kind()).bind(subject.id())
    }

    /// Adds the four values that name a message.
    #[must_use]
    pub fn bind_message(self, message: &MessageRef) -> Self {
        let tenant = &message.tenant;
        self.bind(tenant.platform.as_str()).bind(&tenant.id).bind(&message.channel).bind(&message.id)
    }

    /// Adds the four values that name a place.
    #[must_use]
    pub fn bind_place(self, place: &Place) -> Self {
        let root = place.root().unwrap_or_default();
        self.bind(place.platform().as_str()).bind(&place.tenant.id).bind(place.channel()).bind(root)
    }
}

/// Returns a moment as it is stored: in milliseconds since the Unix epoch.
#[must_use]
pub fn ms(moment: Timestamp) -> i64 {
    moment.as_millisecond()
}

/// Returns a value as JSON.
///
/// # Errors
/// If the value cannot be written as JSON, which is a fault of the program.
pub fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Work(error.to_string()))
}

/// Returns a `LIKE` pattern that finds an account anywhere in JSON. It may match too much, so the caller must check
/// each row.
///
/// # Errors
/// If the value cannot be written as JSON, which is a fault of the program.
pub fn account_anywhere(account: &PersonRef) -> Result<String, StoreError> {
    Ok(format!("%{}%", json(account)?))
}

/// Returns the name of a value of an enum without fields.
///
/// # Errors
/// If the value has fields, which is a fault of the program.
pub fn name(value: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(Json::String(name)) => Ok(name),
        Ok(other) => Err(StoreError::Work(format!("{other} is no name"))),
        Err(error) => Err(StoreError::Work(error.to_string())),
    }
}

fn moment(ms: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(ms).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn parse<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        StoreError::Corrupt(format!("{column} is not readable (line {}, column {})", error.line(), error.column()))
    })
}

fn parse_name<T: DeserializeOwned>(column: &str, text: String) -> Result<T, StoreError> {
    serde_json::from_value(Json::String(text))
        .map_err(|_| StoreError::Corrupt(format!("{column} holds a name that is not known")))
}
