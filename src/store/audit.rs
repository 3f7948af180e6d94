//! The audit: which account did what to which subject.

use super::StoreError;
use super::port::{Ask, Tx};
use super::row::{Row, account_anywhere, json, ms};
use super::statement::{Text, statement, texts};
use crate::domain::audit::AuditEntry;
use crate::domain::ids::{Person, PersonRef};
use crate::domain::subject::Subject;

macro_rules! audit {
    ($rest:literal) => {
        concat!("SELECT subject_kind, subject_id, at_ms, actor_json, act, from_json, fields_json FROM audit ", $rest)
    };
}

texts! {
    /// Selects all entries of a subject.
    AUDIT = Text::both(audit!("WHERE subject_kind = $1 AND subject_id = $2 ORDER BY id"));
    /// Selects the last entries of a subject, newest first.
    LAST_AUDIT = Text::both(audit!("WHERE subject_kind = $1 AND subject_id = $2 ORDER BY id DESC LIMIT $3"));
    /// Selects the entries on subjects of one kind whose actor may be a given account. `$2` is a `LIKE` pattern.
    THEIRS = Text::both("SELECT id, actor_json FROM audit WHERE subject_kind = $1 AND actor_json LIKE $2");
    /// Replaces the account of an entry.
    SIGN = Text::both("UPDATE audit SET actor_json = $2 WHERE id = $1");
    NOTE = Text::both("INSERT INTO audit (subject_kind, subject_id, at_ms, actor_json, act, from_json, fields_json) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)");
}

/// Writes an entry.
///
/// # Errors
/// If the database is away.
pub fn append(tx: &mut dyn Tx, entry: &AuditEntry) -> Result<(), StoreError> {
    let note = statement(NOTE)
        .bind_subject(&entry.about)
        .bind(ms(entry.at))
        .bind(entry.actor.as_ref().map(json).transpose()?)
        .bind(&entry.act)
        .bind(entry.from.as_ref().map(json).transpose()?)
        .bind(json(&entry.fields)?);
    tx.write(note)
}

/// Replaces an account by `alias` in all entries on subjects of this kind. Returns how many entries changed.
///
/// # Errors
/// If the database is away.
pub async fn rename(tx: &mut dyn Tx, kind: &str, account: &PersonRef, alias: &Person) -> Result<u64, StoreError> {
    let mut found = 0;
    for row in tx.rows(statement(THEIRS).bind(kind).bind(account_anywhere(account)?)).await? {
        if row.json_if::<Person>("actor_json")?.is_some_and(|actor| actor.who == *account) {
            found += 1;
            tx.write(statement(SIGN).bind(row.get::<i64>("id")?).bind(json(alias)?))?;
        }
    }
    Ok(found)
}

/// Returns all entries of a subject, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn of(ask: &mut dyn Ask, about: &Subject) -> Result<Vec<AuditEntry>, StoreError> {
    ask.all(statement(AUDIT).bind_subject(about), entry).await
}

/// Returns the last `limit` entries of a subject, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn last_of(ask: &mut dyn Ask, about: &Subject, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let mut last = ask.all(statement(LAST_AUDIT).bind_subject(about).bind(i64::from(limit)), entry).await?;
    last.reverse();
    Ok(last)
}

/// Reads an entry from a row.
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
