//! Dead events: events whose handling failed by a fault of the program.

use jiff::Timestamp;

use super::port::{Ask, Tx};
use super::row::{Row, ms};
use super::statement::{Text, statement, texts};
use super::{Store, StoreError};
use crate::domain::event::DedupeKey;

texts! {
    /// Inserts a dead event, or counts another failure of it.
    INSERT_DEAD = Text::both(
        "INSERT INTO dead_events (key, event_json, fault, buried_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (key) DO UPDATE SET event_json = excluded.event_json, fault = excluded.fault, \
         buried_at_ms = excluded.buried_at_ms, times = dead_events.times + 1"
    );
    /// Selects dead events, oldest first.
    DEAD_EVENTS = Text::both("SELECT key, event_json, fault, times, buried_at_ms FROM dead_events ORDER BY buried_at_ms, key LIMIT $1");
    /// Counts the dead events.
    DEAD = Text::both("SELECT count(*) AS events FROM dead_events");
    /// Deletes a dead event.
    DELETE_DEAD = Text::both("DELETE FROM dead_events WHERE key = $1");
}

/// An event that could not be handled.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadEvent {
    pub key: DedupeKey,
    /// The whole event. It contains people's words.
    pub event_json: String,
    /// The error of the last failure.
    pub fault: String,
    /// How often it failed.
    pub times: u32,
    /// When it failed last.
    pub buried_at: Timestamp,
}

/// Stores an event whose handling failed by a fault of the program: the whole event as JSON, and the error.
///
/// # Errors
/// If the database is away.
pub fn insert(
    tx: &mut dyn Tx,
    key: &DedupeKey,
    event_json: &str,
    fault: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.write(statement(INSERT_DEAD).bind(key.as_str()).bind(event_json).bind(fault).bind(ms(now)))
}

/// Deletes a dead event, because it was handled after all or never will be.
///
/// # Errors
/// If the database is away.
pub fn delete(tx: &mut dyn Tx, key: &DedupeKey) -> Result<(), StoreError> {
    tx.write(statement(DELETE_DEAD).bind(key.as_str()))
}

/// Counts the dead events.
///
/// # Errors
/// If the database is away.
pub async fn count(ask: &mut dyn Ask) -> Result<u64, StoreError> {
    Ok(ask.one(statement(DEAD), |row| row.count("events")).await?.unwrap_or_default())
}

impl dyn Store + '_ {
    /// Returns dead events, oldest first.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn dead_events(&self, limit: u32) -> Result<Vec<DeadEvent>, StoreError> {
        let dead = |row: &Row| {
            Ok(DeadEvent {
                key: DedupeKey::stored(row.get("key")?),
                event_json: row.get("event_json")?,
                fault: row.get("fault")?,
                times: row.count("times")?,
                buried_at: row.moment("buried_at_ms")?,
            })
        };
        self.reader().await?.all(statement(DEAD_EVENTS).bind(i64::from(limit)), dead).await
    }
}
