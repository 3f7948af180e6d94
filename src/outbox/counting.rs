//! Metrics of deliveries.

use jiff::Timestamp;

use crate::domain::ids::PlatformName;
use crate::metrics;
use crate::store::{Queued, Settlement};

/// Counts how one try at an effect ended. The lag of an effect with a planned moment starts at that moment.
pub fn settled(platform: PlatformName, queued: &Queued, end: &Settlement, now: Timestamp) {
    let due = queued.effect.not_before.map_or(queued.created_at, |moment| moment.max(queued.created_at));
    let ended = |end| metrics::delivery(platform, queued.effect.what.label(), end, metrics::lag(due, now));
    match end {
        Settlement::Done | Settlement::Posted { .. } | Settlement::Removed(_) => ended(metrics::DONE),
        // A private answer exists nowhere else: it is lost, and nobody is told.
        Settlement::Failed(_) if queued.effect.what.is_private() => ended(metrics::DROPPED),
        Settlement::Failed(_) => ended(metrics::FAILED),
        Settlement::Held { .. } => ended(metrics::HELD),
        Settlement::Retry { .. } | Settlement::Repost(_) => metrics::retry(platform),
    }
}
