//! Stores and deletes dead events, and queues the message to the desk that shows their number.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use crate::domain::effect::{Destination, Effect, EffectKind, Prior};
use crate::domain::event::DedupeKey;
use crate::domain::ids::Place;
use crate::domain::subject::Subject;
use crate::domain::view::View;
use crate::store::{StoreError, Tx, dead, outbox, standing};

/// How long after a dead event a standing message is updated with the new count. All dead events within that time share
/// one update, which leaves the platform's limit for edits to other messages.
const COUNT_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// Stores a dead event (the whole event as JSON, and the error), and queues the message with the count for each of
/// these channels of the desk.
///
/// # Errors
/// If the database is away.
pub async fn keep(
    tx: &mut dyn Tx,
    key: &DedupeKey,
    event_json: &str,
    fault: &str,
    channels: &[Place],
    now: Timestamp,
) -> Result<(), StoreError> {
    dead::insert(tx, key, event_json, fault, now)?;
    let known = places(tx).await?;
    for channel in channels {
        let not_before = known.contains(channel).then(|| now + COUNT_EVERY);
        let at = Destination::Place(channel.clone());
        let show = EffectKind::Show { view: View::DeadEvents, at, awaited: None, thread_title: None };
        let show = Effect { not_before, ..Effect::about(Subject::Desk, show) };
        outbox::enqueue(tx, &show, Prior::Unknown, now).await?;
    }
    Ok(())
}

/// Deletes a dead event, because it was handled after all or an operator dismissed it. Refreshes the messages that show
/// the count.
///
/// # Errors
/// If the database is away.
pub async fn forget(tx: &mut dyn Tx, key: &DedupeKey, now: Timestamp) -> Result<(), StoreError> {
    dead::delete(tx, key)?;
    let mut at = places(tx).await?;
    // A message that is being posted at this moment shows the former count, so it is refreshed too.
    for what in outbox::waiting_about(tx, &Subject::Desk).await? {
        if let EffectKind::Show { view: View::DeadEvents, at: there, .. } = what {
            at.push(there.place().clone());
        }
    }
    let mut seen = HashSet::new();
    at.retain(|place| seen.insert(place.clone()));
    for at in at {
        let refresh = EffectKind::Refresh { view: View::DeadEvents, at };
        outbox::enqueue(tx, &Effect::about(Subject::Desk, refresh), Prior::Unknown, now).await?;
    }
    Ok(())
}

/// Reads the places of the messages that show the count.
async fn places(tx: &mut dyn Tx) -> Result<Vec<Place>, StoreError> {
    let standing = standing::of(tx, &Subject::Desk).await?;
    let counts = standing.into_iter().filter(|one| one.view == View::DeadEvents.name());
    Ok(counts.map(|one| one.place).collect())
}
