//! Drafts of forms in the database.

use jiff::Timestamp;

use super::state::{Draft, KEPT};
use crate::domain::ids::{DraftId, PersonRef};
use crate::store::row::{Row, account_anywhere, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, statement};

texts! {
    /// Selects a draft, unless it is from before a time.
    DRAFT = Text::both(
        "SELECT id, person, does, given_json, page, at_ms FROM drafts WHERE id = $1 AND at_ms >= $2"
    );
    /// Inserts a draft, or updates it if it belongs to the same account.
    KEEP = Text::both(
        "INSERT INTO drafts (id, person, does, given_json, page, at_ms) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET does = excluded.does, given_json = excluded.given_json, page = excluded.page, \
         at_ms = excluded.at_ms WHERE drafts.person = excluded.person"
    );
    FORGET = Text::both("DELETE FROM drafts WHERE id = $1");
    /// Deletes the drafts of an account, and the drafts with a value that names it.
    FORGET_OF = Text::both("DELETE FROM drafts WHERE at_ms >= $1 AND (person = $2 OR given_json LIKE $3) RETURNING id");
    /// Deletes the drafts from before a time.
    TIDY = Text::both("DELETE FROM drafts WHERE at_ms < $1");
}

/// Reads the draft of this id, if it belongs to one of these accounts (of one person) and has not expired.
///
/// # Errors
/// If the database is away.
pub async fn of(
    ask: &mut dyn Ask,
    id: &DraftId,
    accounts: &[PersonRef],
    now: Timestamp,
) -> Result<Option<Draft>, StoreError> {
    let read = |row: &Row| {
        Ok(Draft {
            id: id.clone(),
            who: row.named("person")?,
            does: row.named("does")?,
            given: row.json("given_json")?,
            page: u8::try_from(row.get::<i64>("page")?).unwrap_or_default(),
            at: row.moment("at_ms")?,
        })
    };
    let found = ask.one(statement(DRAFT).bind(id.as_str()).bind(ms(kept_since(now))), read).await?;
    Ok(found.filter(|draft| accounts.contains(&draft.who)))
}

/// Inserts a draft, or updates it if it belongs to the same account. Deletes expired drafts.
///
/// # Errors
/// If the database is away.
pub fn keep(tx: &mut dyn Tx, draft: &Draft) -> Result<(), StoreError> {
    tidy(tx, draft.at)?;
    let whose = statement(KEEP).bind(draft.id.as_str()).bind(draft.who.to_string()).bind(draft.does.to_string());
    tx.write(whose.bind(json(&draft.given)?).bind(i64::from(draft.page)).bind(ms(draft.at)))
}

/// Deletes a draft.
///
/// # Errors
/// If the database is away.
pub fn forget(tx: &mut dyn Tx, id: &DraftId) -> Result<(), StoreError> {
    tx.write(statement(FORGET).bind(id.as_str()))
}

/// Deletes the drafts of an account, and the drafts with a value that names it. Returns their number.
///
/// # Errors
/// If the database is away.
pub async fn forget_of(tx: &mut dyn Tx, account: &PersonRef) -> Result<u64, StoreError> {
    // The condition on the time makes the database use the index by age.
    let theirs = statement(FORGET_OF).bind(i64::MIN).bind(account.to_string()).bind(account_anywhere(account)?);
    Ok(tx.rows(theirs).await?.len() as u64)
}

/// Deletes the drafts that have expired.
///
/// # Errors
/// If the database is away.
pub fn tidy(tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(TIDY).bind(ms(kept_since(now))))
}

fn kept_since(now: Timestamp) -> Timestamp {
    now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)
}
