//! Deciding: pure. One match over what happened; one file per capability.

mod act;
mod draft;
mod message;
mod settle;

use crate::domain::decision::Decision;
use crate::domain::event::{Event, EventKind};

use super::facts::Facts;

/// What follows from an event, given the facts.
#[must_use]
pub fn decide(facts: &Facts, event: &Event) -> Decision {
    match &event.what {
        EventKind::MessagePosted(said) => message::posted(facts, said),
        EventKind::MessageEdited(said) => message::edited(facts, said, event.at),
        EventKind::MessageDeleted { message } => message::deleted(facts, message, event.at),
        EventKind::ActionTaken(taken) => act::button(facts, taken),
        EventKind::FormSubmitted(sent) => act::form(facts, sent, event.at),
        EventKind::CommandGiven(given) => act::command(facts, given),
        EventKind::ThreadRead { messages, truncated, .. } => settle::thread_read(facts, messages, *truncated),
        EventKind::DeliverySettled(settled) => settle::delivered(facts, settled),
        EventKind::TimerFired { timer, .. } => settle::timer(facts, *timer),
    }
}
