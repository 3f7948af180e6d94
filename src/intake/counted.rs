//! Counts a decision in the metrics once it is committed, since it may be made several times before that.

use std::sync::{Arc, Mutex, PoisonError};

use crate::desk::decision::{Change, Decision};
use crate::desk::guard::state::Ping;
use crate::metrics;

/// The pings of staff that the decision keeps.
#[derive(Clone, Default)]
pub(super) struct Counted(Arc<Mutex<Vec<Ping>>>);

impl Counted {
    /// Begins another try of the decision.
    pub(super) fn begin(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Keeps what is to be counted of a decision.
    pub(super) fn decided(&self, decision: &Decision) {
        let kept = decision.changes.iter().filter_map(|change| match change {
            Change::KeepPing(ping) => Some((**ping).clone()),
            _ => None,
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept.collect();
    }

    /// Counts the committed decision.
    pub(super) fn count(&self) {
        for ping in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let (ruling, ends) = ping.counts();
            ruling.into_iter().for_each(metrics::ping);
            ends.into_iter().for_each(metrics::ping_end);
        }
    }
}
