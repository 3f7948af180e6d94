//! Who did what.

use super::StoreError;
use super::port::{Ask, Tx};
use super::row::{Row, json, ms};
use super::statement::{Text, statement, texts};
use crate::domain::audit::AuditEntry;
use crate::domain::ids::TicketId;

macro_rules! audit {
    ($rest:literal) => {
        concat!("SELECT ticket_id, at_ms, actor_json, act, from_json, fields_json FROM audit ", $rest)
    };
}

texts! {
    /// Everything done on a ticket.
    AUDIT = Text::both(audit!("WHERE ticket_id = $1 ORDER BY id"));
    /// The last acts on a ticket, newest first.
    LAST_AUDIT = Text::both(audit!("WHERE ticket_id = $1 ORDER BY id DESC LIMIT $2"));
    /// Somebody did something.
    NOTE = Text::both("INSERT INTO audit (ticket_id, at_ms, actor_json, act, from_json, fields_json) VALUES ($1, $2, $3, $4, $5, $6)");
}

/// Writes that somebody did something.
///
/// # Errors
/// If the database is away.
pub fn note(tx: &mut dyn Tx, entry: &AuditEntry) -> Result<(), StoreError> {
    let note = statement(NOTE)
        .bind(entry.ticket.0)
        .bind(ms(entry.at))
        .bind(entry.actor.as_ref().map(json).transpose()?)
        .bind(&entry.act)
        .bind(entry.from.as_ref().map(json).transpose()?)
        .bind(json(&entry.fields)?);
    tx.write(note)
}

/// Everything done on a ticket, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn of(ask: &mut dyn Ask, ticket: TicketId) -> Result<Vec<AuditEntry>, StoreError> {
    ask.all(statement(AUDIT).bind(ticket.0), entry).await
}

/// The last `limit` acts on a ticket, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn last_of(ask: &mut dyn Ask, ticket: TicketId, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let mut last = ask.all(statement(LAST_AUDIT).bind(ticket.0).bind(i64::from(limit)), entry).await?;
    last.reverse();
    Ok(last)
}

/// Reads an entry.
///
/// # Errors
/// If the row holds something unexpected.
pub fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        ticket: TicketId(row.get("ticket_id")?),
        at: row.moment("at_ms")?,
        actor: row.json_if("actor_json")?,
        act: row.get("act")?,
        from: row.json_if("from_json")?,
        fields: row.json("fields_json")?,
    })
}
