//! Moments that are waited for.

use jiff::Timestamp;

use super::port::Tx;
use super::row::{Row, ms};
use super::statement::{Text, statement, texts};
use super::{Store, StoreError};
use crate::domain::event::TimerKind;
use crate::domain::ids::TicketId;

texts! {
    /// Timers that are due, of the kinds that are known: another version's are left to that one, and fill no page.
    DUE_TIMERS = Text::both(
        "SELECT ticket_id, kind, due_at_ms FROM timers WHERE due_at_ms <= $1 AND kind IN ('auto_close') \
         ORDER BY due_at_ms, ticket_id LIMIT $2"
    );
    /// A moment is waited for.
    SET_TIMER = Text::both(
        "INSERT INTO timers (ticket_id, kind, due_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (ticket_id, kind) DO UPDATE SET due_at_ms = excluded.due_at_ms"
    );
    /// It is not waited for any more.
    CLEAR_TIMER = Text::both("DELETE FROM timers WHERE ticket_id = $1 AND kind = $2");
}

/// A moment is waited for: one of a kind for each ticket.
///
/// # Errors
/// If the database is away.
pub fn set(tx: &mut dyn Tx, ticket: TicketId, timer: TimerKind, due: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(SET_TIMER).bind(ticket.0).bind(timer.as_str()).bind(ms(due)))
}

/// It is not waited for any more.
///
/// # Errors
/// If the database is away.
pub fn clear(tx: &mut dyn Tx, ticket: TicketId, timer: TimerKind) -> Result<(), StoreError> {
    tx.write(statement(CLEAR_TIMER).bind(ticket.0).bind(timer.as_str()))
}

impl dyn Store + '_ {
    /// Timers that are due, oldest first.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn due_timers(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(TicketId, TimerKind, Timestamp)>, StoreError> {
        let timer = |row: &Row| Ok((TicketId(row.get("ticket_id")?), row.named("kind")?, row.moment("due_at_ms")?));
        self.reader().await?.all(statement(DUE_TIMERS).bind(ms(now)).bind(i64::from(limit)), timer).await
    }
}
