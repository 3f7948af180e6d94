//! Closing by itself.

use jiff::{SignedDuration, Timestamp};

use crate::desk::decision::{Change, Decision};
use crate::desk::facts::Facts;
use crate::desk::plan::Plan;
use crate::desk::tickets::state::Status;
use crate::domain::event::{Timer, TimerKind};
use crate::domain::ids::TicketId;
use crate::domain::outcome::Outcome;

/// A moment has come.
pub(in crate::desk) fn timer(facts: &Facts, timer: &Timer) -> Decision {
    let mut plan = Plan::new(facts, None, None);
    let Some(ticket) = &facts.named else { return plan.end(Outcome::Ignored) };
    match timer.kind {
        TimerKind::AutoClose => {
            let mut after = ticket.clone();
            let due = match &ticket.status {
                Status::Resolved { at, .. } => close_at(facts, *at),
                _ => None,
            };
            // Timers are kept to the millisecond.
            if due.is_some_and(|due| due.as_millisecond() > facts.now.as_millisecond()) {
                // It was reopened and resolved again meanwhile, or the settings give it longer.
                if let Some(due) = due {
                    plan.change(Change::SetTimer(closing_timer(ticket.id, due)));
                }
                return plan.end(Outcome::Done(None));
            }
            plan.change(Change::ClearTimer { on: timer.on.clone(), kind: timer.kind, slot: timer.slot });
            // Without a moment it is not resolved any more, or nothing is closed by itself any more.
            if due.is_none() || after.close(facts.now).is_err() {
                return plan.end(Outcome::Done(None));
            }
            plan.put(ticket, after, "closed");
            plan.end(Outcome::Done(Some(ticket.key.clone())))
        }
    }
}

/// When a ticket that was resolved at `at` is closed.
pub(in crate::desk) fn close_at(facts: &Facts, at: Timestamp) -> Option<Timestamp> {
    let after: SignedDuration = facts.rules.auto_close()?;
    at.checked_add(after).ok()
}

/// The timer by which a ticket is closed.
pub(in crate::desk) fn closing_timer(ticket: TicketId, due: Timestamp) -> Timer {
    Timer { on: ticket.into(), kind: TimerKind::AutoClose, slot: 0, due }
}
