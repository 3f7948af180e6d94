//! Between rows and the domain's values. Compiled once for each database, with the types of its `dialect`.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use sqlx::{Decode, Row as _, Type};

use super::dialect::{Arguments, Db, Row, fault};
use crate::domain::ids::{Conversation, MessageRef, Place, PlatformName, Tenant, TicketId, TicketKey, TicketUid};
use crate::domain::record::{AuditEntry, Opening, Record, Standing};
use crate::domain::ticket::Ticket;
use crate::store::StoreError;
use crate::store::statement::{Statement, Value};

/// A statement as the library wants it.
pub fn query(statement: Statement) -> sqlx::query::Query<'static, Db, Arguments> {
    statement.values.into_iter().fold(sqlx::query(statement.text), bind_value)
}

/// Binds one value.
pub fn bind_value<'q>(
    query: sqlx::query::Query<'q, Db, Arguments>,
    value: Value,
) -> sqlx::query::Query<'q, Db, Arguments> {
    match value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
    }
}

/// A moment as it is stored.
#[must_use]
pub fn ms(moment: Timestamp) -> i64 {
    moment.as_millisecond()
}

/// Words as they are stored: PostgreSQL keeps no NUL character, and nobody can see one.
#[must_use]
pub fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A value as JSON.
///
/// # Errors
/// If it cannot be written as JSON: a fault of ours.
pub fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Work(error.to_string()))
}

/// The name of a value of an enum without fields.
///
/// # Errors
/// If it has fields: a fault of ours.
pub fn name(value: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(Json::String(name)) => Ok(name),
        Ok(other) => Err(StoreError::Work(format!("{other} is no name"))),
        Err(error) => Err(StoreError::Work(error.to_string())),
    }
}

/// Binds the four columns that name a message.
pub fn bind_message(query: Statement, message: &MessageRef) -> Statement {
    query.bind(message.tenant.platform.as_str()).bind(&message.tenant.id).bind(&message.channel).bind(&message.id)
}

/// Binds the four columns that name a place.
pub fn bind_place(query: Statement, place: &Place) -> Statement {
    query
        .bind(place.platform().as_str())
        .bind(&place.tenant.id)
        .bind(place.channel())
        .bind(place.root().unwrap_or_default())
}

/// Binds everything of a ticket, its id first and its version last.
///
/// # Errors
/// If a part cannot be written as JSON: a fault of ours.
pub fn bind_ticket(query: Statement, ticket: &Ticket) -> Result<Statement, StoreError> {
    let query = query
        .bind(ticket.id.0)
        .bind(ticket.key.to_string())
        .bind(ticket.key.number())
        .bind(name(&ticket.kind)?)
        .bind(clean(&ticket.title))
        .bind(ticket.requester.who.to_string())
        .bind(json(&ticket.requester)?)
        .bind(json(&ticket.opened_by)?);
    let query = bind_place(query, &ticket.origin)
        .bind(i64::from(ticket.is_private()))
        .bind(json(&ticket.origin_message)?)
        .bind(ms(ticket.opened_at));
    bind_state(query, ticket)
}

/// What names a ticket to others, and never changes but in an erasure.
pub fn bind_names(query: Statement, ticket: &Ticket) -> Result<Statement, StoreError> {
    Ok(query.bind(ticket.uid.as_str()).bind(ticket.titled_by.as_ref().map(json).transpose()?))
}

/// What may change of a ticket while it is worked on.
pub fn bind_changeable(query: Statement, ticket: &Ticket) -> Result<Statement, StoreError> {
    let query = query.bind(ticket.id.0).bind(name(&ticket.kind)?).bind(clean(&ticket.title));
    bind_state(query, ticket)
}

fn bind_state(query: Statement, ticket: &Ticket) -> Result<Statement, StoreError> {
    let assignee = ticket.assignee.as_ref();
    Ok(query
        .bind(ticket.status.name())
        .bind(json(&ticket.status)?)
        .bind(assignee.map(|person| person.who.to_string()))
        .bind(assignee.map(json).transpose()?)
        .bind(name(&ticket.impact)?)
        .bind(name(&ticket.urgency)?)
        .bind(ticket.priority.as_str())
        .bind(ticket.answered_at.map(ms))
        .bind(ms(ticket.active_at))
        .bind(ticket.follows.as_ref().map(TicketKey::to_string))
        .bind(ticket.merged_into.as_ref().map(TicketKey::to_string))
        .bind(ticket.version))
}

/// A ticket.
///
/// # Errors
/// If the row holds something unexpected.
pub fn ticket(row: &Row) -> Result<Ticket, StoreError> {
    let tenant = Tenant { platform: named(row, "origin_platform")?, id: get(row, "origin_tenant")? };
    let channel = get(row, "origin_channel")?;
    let root: String = get(row, "origin_root")?;
    let at = match (flag(row, "private")?, root.is_empty()) {
        (true, _) => Conversation::Direct { channel },
        (false, true) => Conversation::Channel { channel },
        (false, false) => Conversation::Thread { channel, root },
    };
    Ok(Ticket {
        id: TicketId(get(row, "id")?),
        key: named(row, "key")?,
        kind: named(row, "kind")?,
        title: get(row, "title")?,
        requester: read(row, "requester_json")?,
        opened_by: read(row, "opened_by_json")?,
        origin: Place { tenant, at },
        origin_message: read(row, "origin_message_json")?,
        opened_at: moment(get(row, "opened_at_ms")?)?,
        status: read(row, "status_json")?,
        assignee: read_some(row, "assignee_json")?,
        impact: named(row, "impact")?,
        urgency: named(row, "urgency")?,
        priority: named(row, "priority")?,
        answered_at: moment_if(row, "answered_at_ms")?,
        active_at: moment(get(row, "active_at_ms")?)?,
        follows: named_if(row, "follows")?,
        merged_into: named_if(row, "merged_into")?,
        version: get(row, "version")?,
        uid: TicketUid::stored(&get::<String>(row, "uid")?)
            .map_err(|_| StoreError::Corrupt("uid is none".to_owned()))?,
        titled_by: read_some(row, "titled_by_json")?,
    })
}

/// Something that was said.
///
/// # Errors
/// If the row holds something unexpected.
pub fn record(row: &Row) -> Result<Record, StoreError> {
    let message = get::<Option<String>>(row, "message")?.map(|_| message(row)).transpose()?;
    Ok(Record {
        ticket: TicketId(get(row, "ticket_id")?),
        message,
        author: read(row, "author_json")?,
        voice: named(row, "voice")?,
        at: moment(get(row, "at_ms")?)?,
        text: get(row, "text")?,
        edited_at: moment_if(row, "edited_at_ms")?,
        deleted_at: moment_if(row, "deleted_at_ms")?,
        joined: flag(row, "joined")?,
    })
}

/// Something that was done.
///
/// # Errors
/// If the row holds something unexpected.
pub fn audit_entry(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        ticket: TicketId(get(row, "ticket_id")?),
        at: moment(get(row, "at_ms")?)?,
        actor: read_some(row, "actor_json")?,
        act: get(row, "act")?,
        from: read_some(row, "from_json")?,
        fields: read(row, "fields_json")?,
    })
}

/// A kept mention.
///
/// # Errors
/// If the row holds something unexpected.
pub fn opening(row: &Row) -> Result<Opening, StoreError> {
    Ok(Opening {
        message: message(row)?,
        place: read(row, "place_json")?,
        author: read(row, "author_json")?,
        at: moment(get(row, "at_ms")?)?,
        text: get(row, "text")?,
    })
}

/// A message of the bot.
///
/// # Errors
/// If the row holds something unexpected.
pub fn standing(row: &Row) -> Result<Standing, StoreError> {
    Ok(Standing {
        ticket: TicketId(get(row, "ticket_id")?),
        card: flag(row, "card")?,
        place: read(row, "place_json")?,
        message: message(row)?,
        mirrors: read_some(row, "mirrors_json")?.into_iter().collect(),
    })
}

/// One more message whose words it shows.
///
/// # Errors
/// If the row holds something unexpected.
pub fn more(row: &Row) -> Result<Option<MessageRef>, StoreError> {
    read_some(row, "more_json")
}

/// A column.
///
/// # Errors
/// If it holds something unexpected.
pub fn get<'r, T: Decode<'r, Db> + Type<Db>>(row: &'r Row, column: &str) -> Result<T, StoreError> {
    row.try_get(column).map_err(fault)
}

/// A column of 0 or 1.
///
/// # Errors
/// If it holds something unexpected.
pub fn flag(row: &Row, column: &str) -> Result<bool, StoreError> {
    Ok(get::<i64>(row, column)? != 0)
}

/// A column of JSON.
///
/// # Errors
/// If it holds something unexpected.
pub fn read<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    parse(column, get(row, column)?)
}

/// A column that holds the name of something.
///
/// # Errors
/// If it holds something unexpected.
pub fn named<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    called(column, get(row, column)?)
}

/// A stored moment.
///
/// # Errors
/// If it lies outside of time.
pub fn moment(ms: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(ms).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// A column of a moment, if there is one.
///
/// # Errors
/// If it holds something unexpected.
pub fn moment_if(row: &Row, column: &str) -> Result<Option<Timestamp>, StoreError> {
    get::<Option<i64>>(row, column)?.map(moment).transpose()
}

/// The message that four columns name.
///
/// # Errors
/// If it holds something unexpected.
pub fn message(row: &Row) -> Result<MessageRef, StoreError> {
    let platform: PlatformName = named(row, "platform")?;
    let tenant = Tenant { platform, id: get(row, "tenant")? };
    Ok(MessageRef { tenant, channel: get(row, "channel")?, id: get(row, "message")? })
}

fn read_some<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, StoreError> {
    get::<Option<&str>>(row, column)?.map(|text| parse(column, text)).transpose()
}

/// A column that holds the name of something, if there is one.
///
/// # Errors
/// If it holds something unexpected.
pub fn named_if<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, StoreError> {
    get::<Option<String>>(row, column)?.map(|text| called(column, text)).transpose()
}

/// The fault names the place in the text, never the text: it may be people's.
fn parse<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        StoreError::Corrupt(format!("{column} is not readable (line {}, column {})", error.line(), error.column()))
    })
}

fn called<T: DeserializeOwned>(column: &str, text: String) -> Result<T, StoreError> {
    serde_json::from_value(Json::String(text))
        .map_err(|_| StoreError::Corrupt(format!("{column} holds a name that is not known")))
}
