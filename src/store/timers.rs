//! Timers.

use jiff::Timestamp;

use super::port::{Tx, Wake};
use super::row::{Row, json, ms};
use super::statement::{Text, statement, texts};
use super::{Store, StoreError};
use crate::domain::event::{Timer, TimerKind};
use crate::domain::subject::Subject;

texts! {
    /// Selects due timers of the kinds that this version knows. Timers of other kinds are left to the version that set
    /// them, and must not fill the page.
    DUE_TIMERS = Text::each(
        "SELECT subject_kind, subject_id, kind, slot, due_at_ms FROM timers WHERE due_at_ms <= $1 \
         AND kind IN (SELECT value FROM json_each($3)) ORDER BY due_at_ms, subject_kind, subject_id LIMIT $2",
        "SELECT subject_kind, subject_id, kind, slot, due_at_ms FROM timers WHERE due_at_ms <= $1 \
         AND kind IN (SELECT value FROM json_array_elements_text($3::json)) \
         ORDER BY due_at_ms, subject_kind, subject_id LIMIT $2"
    );
    /// Reads the earliest moment after `$1` for which a timer is set.
    NEXT_TIMER = Text::both("SELECT min(due_at_ms) AS due_at_ms FROM timers WHERE due_at_ms > $1");
    /// Sets a timer, or moves the one of the same subject, kind and slot.
    SET_TIMER = Text::both(
        "INSERT INTO timers (subject_kind, subject_id, kind, slot, due_at_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (subject_kind, subject_id, kind, slot) DO UPDATE SET due_at_ms = excluded.due_at_ms"
    );
    CLEAR_TIMER =
        Text::both("DELETE FROM timers WHERE subject_kind = $1 AND subject_id = $2 AND kind = $3 AND slot = $4");
    /// Deletes a timer that has fired, unless it was set to another moment since.
    CLEAR_FIRED = Text::both(
        "DELETE FROM timers WHERE subject_kind = $1 AND subject_id = $2 AND kind = $3 AND slot = $4 AND due_at_ms = $5"
    );
    /// Deletes all timers of a subject.
    FORGET_TIMERS = Text::both("DELETE FROM timers WHERE subject_kind = $1 AND subject_id = $2 RETURNING kind");
}

/// Sets a timer. It replaces the timer of the same subject, kind and slot, if there is one.
///
/// # Errors
/// If the database is away.
pub fn set(tx: &mut dyn Tx, timer: &Timer) -> Result<(), StoreError> {
    tx.wake(Wake::Everywhere);
    tx.write(
        statement(SET_TIMER)
            .bind_subject(&timer.on)
            .bind(timer.kind.as_str())
            .bind(i64::from(timer.slot))
            .bind(ms(timer.due)),
    )
}

/// Deletes a timer.
///
/// # Errors
/// If the database is away.
pub fn clear(tx: &mut dyn Tx, on: &Subject, kind: TimerKind, slot: u16) -> Result<(), StoreError> {
    tx.write(statement(CLEAR_TIMER).bind_subject(on).bind(kind.as_str()).bind(i64::from(slot)))
}

/// Deletes all timers of this subject, and returns how many there were.
///
/// # Errors
/// If the database is away.
pub async fn forget(tx: &mut dyn Tx, on: &Subject) -> Result<u64, StoreError> {
    Ok(tx.rows(statement(FORGET_TIMERS).bind_subject(on)).await?.len() as u64)
}

impl dyn Store + '_ {
    /// Returns the next moment after `now` for which a timer is set.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn next_timer(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let asked = statement(NEXT_TIMER).bind(ms(now));
        Ok(self.reader().await?.one(asked, |row| row.moment_if("due_at_ms")).await?.flatten())
    }

    /// Deletes a timer whose firing was handled before, unless the timer was set to another moment since.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn clear_fired(&self, timer: &Timer) -> Result<(), StoreError> {
        let clear = statement(CLEAR_FIRED)
            .bind_subject(&timer.on)
            .bind(timer.kind.as_str())
            .bind(i64::from(timer.slot))
            .bind(ms(timer.due));
        self.within(move |tx| {
            let clear = clear.clone();
            Box::pin(async move { tx.write(clear) })
        })
        .await
    }

    /// Returns due timers, oldest first.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn due_timers(&self, now: Timestamp, limit: u32) -> Result<Vec<Timer>, StoreError> {
        let timer = |row: &Row| {
            let (on, kind) = (row.subject()?, row.named("kind")?);
            Ok(Timer { on, kind, slot: row.count("slot")?, due: row.moment("due_at_ms")? })
        };
        let known = json(&TimerKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())?;
        let query = statement(DUE_TIMERS).bind(ms(now)).bind(i64::from(limit)).bind(known);
        self.reader().await?.all(query, timer).await
    }
}
