//! Decides about the timer that closes resolved tickets.

use jiff::{SignedDuration, Timestamp};

use crate::desk::decision::{Change, Decision};
use crate::desk::hear::Desk;
use crate::desk::plan::Plan;
use crate::desk::tickets::state::{Status, Ticket};
use crate::domain::audit::Did;
use crate::domain::event::{Timer, TimerKind};
use crate::domain::ids::TicketId;
use crate::domain::outcome::Outcome;

/// Decides about the timer that closes a ticket. Closes a resolved ticket, or sets the timer again if the ticket is now
/// due later. Otherwise only clears the timer.
pub(in crate::desk) fn close_by_itself(desk: &Desk, timer: &Timer, ticket: Option<&Ticket>) -> Decision {
    let mut plan = Plan::of(desk);
    let due = ticket.and_then(|ticket| match &ticket.status {
        Status::Resolved { at, .. } => close_at(desk, *at),
        _ => None,
    });
    // Timers are stored in milliseconds, so the times are compared in milliseconds.
    if let (Some(ticket), Some(due)) = (ticket, due)
        && due.as_millisecond() > desk.now.as_millisecond()
    {
        // The ticket was reopened and resolved again meanwhile, or the settings allow more time now.
        plan.change(Change::SetTimer(closing_timer(ticket.id, due)));
        return plan.end(Outcome::Done(None));
    }
    plan.change(Change::ClearTimer { on: timer.on.clone(), kind: timer.kind, slot: timer.slot });
    // Without a due time, the ticket is no longer resolved, or the settings no longer close tickets.
    let (Some(ticket), Some(_)) = (ticket, due) else { return plan.end(Outcome::Done(None)) };
    let mut after = ticket.clone();
    if after.close(desk.now).is_err() {
        return plan.end(Outcome::Done(None));
    }
    plan.update_with_audit(ticket, after, Did::Closed);
    plan.end(Outcome::Done(Some(ticket.key.clone())))
}

/// Returns when a ticket that was resolved at `at` is closed. `None`: the settings close no tickets.
pub(in crate::desk) fn close_at(desk: &Desk, at: Timestamp) -> Option<Timestamp> {
    let after: SignedDuration = desk.rules.auto_close()?;
    at.checked_add(after).ok()
}

/// Returns the timer that closes a ticket.
pub(in crate::desk) fn closing_timer(ticket: TicketId, due: Timestamp) -> Timer {
    Timer { on: ticket.into(), kind: TimerKind::AutoClose, slot: 0, due }
}
