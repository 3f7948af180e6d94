//! What the desk does, one folder a capability.

pub mod alarms;
mod closing;
pub mod conversation;
pub mod decision;
pub mod facts;
pub mod help;
mod plan;
pub mod privacy;
pub mod tickets;

use jiff::Timestamp;

use self::decision::{Change, Decision};
use self::facts::Facts;
use crate::domain::event::{Event, EventKind};
use crate::store::outbox::enqueue;
use crate::store::{News, StoreError, Tx, audit, standing, timers};

/// What follows from an event, given the facts.
#[must_use]
pub fn decide(facts: &Facts, event: &Event) -> Decision {
    match &event.what {
        EventKind::MessagePosted(said) => conversation::decide::posted(facts, said),
        EventKind::MessageEdited(said) => conversation::decide::edited(facts, said, event.at),
        EventKind::MessageDeleted { message } => conversation::decide::deleted(facts, message, event.at),
        EventKind::ActionTaken(taken) => tickets::decide::button(facts, taken),
        EventKind::FormSubmitted(sent) => tickets::decide::form(facts, sent, event.at),
        EventKind::CommandGiven(given) => tickets::decide::command(facts, given),
        EventKind::ThreadRead { messages, truncated, .. } => {
            conversation::decide::thread_read(facts, messages, *truncated)
        }
        EventKind::DeliverySettled(settled) => conversation::decide::delivered(facts, settled),
        EventKind::TimerFired { timer, .. } => closing::decide::timer(facts, *timer),
    }
}

/// Writes everything that follows from an event.
///
/// # Errors
/// If the database is away, or somebody else changed the same meanwhile.
pub async fn write(tx: &mut dyn Tx, decision: &Decision, now: Timestamp) -> Result<(), StoreError> {
    let (mut opened, mut queued) = (None, Vec::new());
    for change in &decision.changes {
        apply(tx, change)?;
        if let Change::Open(ticket) = change {
            opened = Some(ticket.id);
        }
    }
    for entry in &decision.audit {
        audit::note(tx, entry)?;
    }
    for effect in &decision.effects {
        // Nothing waits in the threads and under the cards of a ticket that is opened just now, but what this queues.
        let order_key = effect.order_key();
        let is_new = opened.is_some() && effect.ticket == opened && !queued.contains(&order_key);
        queued.push(order_key);
        enqueue(tx, effect, is_new, now).await?;
    }
    Ok(())
}

/// Writes a change.
///
/// # Errors
/// If the database is away.
pub fn apply(tx: &mut dyn Tx, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Open(ticket) => tickets::record::insert(tx, ticket),
        Change::Put(ticket) => tickets::record::update(tx, ticket),
        Change::Bind { place, ticket, side } => conversation::record::bind(tx, place, *ticket, *side),
        Change::Record(said) => conversation::record::insert(tx, said),
        Change::Rewrite { message, text, at } => conversation::record::reword(tx, message, text, *at),
        Change::Erase { message, at } => conversation::record::erase(tx, message, *at),
        Change::Part { message, to } => conversation::record::part(tx, message, *to),
        Change::Move { from, to } => {
            conversation::record::give(tx, *from, *to)?;
            standing::give(tx, *from, *to)
        }
        Change::Keep(opening) => conversation::record::keep(tx, opening),
        Change::Forget { message } => conversation::record::forget(tx, message),
        Change::SetTimer { ticket, timer, due } => {
            tx.tell(News::Everywhere);
            timers::set(tx, *ticket, *timer, *due)
        }
        Change::ClearTimer { ticket, timer } => timers::clear(tx, *ticket, *timer),
    }
}

#[cfg(test)]
mod tests {
    use super::{conversation, privacy, tickets};
    use crate::store::{Text, plans};

    /// Every SQL text of the program.
    fn texts() -> Vec<(&'static str, Text)> {
        let own = [conversation::record::TEXTS, privacy::record::TEXTS, tickets::record::TEXTS];
        [plans::of_the_store(), own.concat()].concat()
    }

    #[tokio::test]
    async fn every_text_is_valid_on_sqlite_and_finds_its_rows_by_an_index() {
        plans::hold_on_sqlite(&texts()).await;
    }

    #[tokio::test]
    async fn every_text_is_valid_on_postgres_and_finds_its_rows_by_an_index() {
        plans::hold_on_postgres(&texts()).await;
    }

    #[test]
    fn values_of_rows_come_in_the_order_of_their_numbers() {
        plans::hold_in_order(&texts());
    }
}
