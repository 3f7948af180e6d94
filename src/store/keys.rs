//! Facts that were handled, by their keys.

use jiff::Timestamp;

use super::port::{Ask, Tx};
use super::row::ms;
use super::statement::{Statement, Text, statement, texts};
use super::{StoreError, TIDIED_AT_ONCE};
use crate::domain::event::DedupeKey;

texts! {
    /// Whether a fact was handled.
    KNOWS = Text::both("WITH v (n, key) AS (VALUES (0, $1)) SELECT v.n FROM v JOIN seen ON seen.key = v.key");
    /// A fact was handled.
    REMEMBER = Text::both("INSERT INTO seen (key, at_ms) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING");
    /// Old facts are forgotten.
    TIDY_SEEN = Text::both("DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE at_ms < $1 ORDER BY at_ms LIMIT $2) RETURNING key");
}

/// The query whether the fact was handled before.
#[must_use]
pub fn known(key: &DedupeKey) -> Statement {
    statement(KNOWS).bind(key.as_str())
}

/// Whether the fact was handled before.
///
/// # Errors
/// If the database is away.
pub async fn knows(ask: &mut dyn Ask, key: &DedupeKey) -> Result<bool, StoreError> {
    Ok(!ask.rows(known(key)).await?.is_empty())
}

/// Remembers that the fact was handled. If somebody else did meanwhile, that is a conflict: what follows from it must be
/// decided again.
///
/// # Errors
/// If the database is away.
pub fn remember(tx: &mut dyn Tx, key: &DedupeKey, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(REMEMBER).bind(key.as_str()).bind(ms(now)).or_conflict())
}

/// Forgets some of what was handled before `then`; whether there may be more.
pub(super) async fn tidy(tx: &mut dyn Tx, then: Timestamp) -> Result<bool, StoreError> {
    let forgotten = tx.rows(statement(TIDY_SEEN).bind(ms(then)).bind(i64::from(TIDIED_AT_ONCE))).await?;
    Ok(forgotten.len() >= TIDIED_AT_ONCE as usize)
}
