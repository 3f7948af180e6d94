//! The dedupe keys of handled facts.

use jiff::Timestamp;

use super::port::{Ask, Tx};
use super::row::ms;
use super::statement::{Statement, Text, statement, texts};
use super::{StoreError, TIDIED_AT_ONCE};
use crate::domain::event::DedupeKey;

texts! {
    /// Checks whether a key is known.
    KNOWS = Text::both("WITH v (n, key) AS (VALUES (0, $1)) SELECT v.n FROM v JOIN seen ON seen.key = v.key");
    /// Inserts the key of a handled fact.
    REMEMBER = Text::both("INSERT INTO seen (key, at_ms) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING");
    /// Deletes at most `$2` keys from before the time `$1`, the oldest first.
    TIDY_SEEN = Text::both("DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE at_ms < $1 ORDER BY at_ms LIMIT $2) RETURNING key");
}

/// Returns the query that asks whether a fact was handled before.
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

/// Stores that the fact was handled. If another process stored it meanwhile, that is a conflict: the decision must be
/// made again.
///
/// # Errors
/// If the database is away.
pub fn remember(tx: &mut dyn Tx, key: &DedupeKey, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(REMEMBER).bind(key.as_str()).bind(ms(now)).or_conflict())
}

/// Deletes some keys of facts that were handled before `then`. Returns whether there may be more.
pub(super) async fn tidy(tx: &mut dyn Tx, then: Timestamp) -> Result<bool, StoreError> {
    let forgotten = tx.rows(statement(TIDY_SEEN).bind(ms(then)).bind(i64::from(TIDIED_AT_ONCE))).await?;
    Ok(forgotten.len() >= TIDIED_AT_ONCE as usize)
}
