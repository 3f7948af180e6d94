//! Who did what.

use super::StoreError;
use super::port::{Ask, Tx};
use super::row::{Row, json, ms};
use super::statement::{Text, statement, texts};
use crate::domain::audit::AuditEntry;
use crate::domain::subject::Subject;

macro_rules! audit {
    ($rest:literal) => {
        concat!("SELECT subject_kind, subject_id, at_ms, actor_json, act, from_json, fields_json FROM audit ", $rest)
    };
}

texts! {
    /// Everything done on a subject.
    AUDIT = Text::both(audit!("WHERE subject_kind = $1 AND subject_id = $2 ORDER BY id"));
    /// The last acts on a subject, newest first.
    LAST_AUDIT = Text::both(audit!("WHERE subject_kind = $1 AND subject_id = $2 ORDER BY id DESC LIMIT $3"));
    /// Somebody did something.
    NOTE = Text::both("INSERT INTO audit (subject_kind, subject_id, at_ms, actor_json, act, from_json, fields_json) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)");
}

/// Writes that somebody did something.
///
/// # Errors
/// If the database is away.
pub fn note(tx: &mut dyn Tx, entry: &AuditEntry) -> Result<(), StoreError> {
    let note = statement(NOTE)
        .bind_subject(&entry.about)
        .bind(ms(entry.at))
        .bind(entry.actor.as_ref().map(json).transpose()?)
        .bind(&entry.act)
        .bind(entry.from.as_ref().map(json).transpose()?)
        .bind(json(&entry.fields)?);
    tx.write(note)
}

/// Everything done on a subject, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn of(ask: &mut dyn Ask, about: &Subject) -> Result<Vec<AuditEntry>, StoreError> {
    ask.all(statement(AUDIT).bind_subject(about), entry).await
}

/// The last `limit` acts on a subject, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn last_of(ask: &mut dyn Ask, about: &Subject, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let mut last = ask.all(statement(LAST_AUDIT).bind_subject(about).bind(i64::from(limit)), entry).await?;
    last.reverse();
    Ok(last)
}

/// Reads an entry.
///
/// # Errors
/// If the row holds something unexpected.
pub fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        about: row.subject()?,
        at: row.moment("at_ms")?,
        actor: row.json_if("actor_json")?,
        act: row.get("act")?,
        from: row.json_if("from_json")?,
        fields: row.json("fields_json")?,
    })
}
