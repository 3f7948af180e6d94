//! The gates whose limits are used up, which a look at the outbox skips: pure.
//!
//! Reading every waiting effect at each look would take longer the more effects wait. So effects are grouped in gates
//! ([`Gate`]). When one effect of a gate finds its limit used up, the whole gate is skipped until there is room again.

use std::collections::HashMap;

use jiff::Timestamp;

use super::limits::{Cost, Windows};
use crate::domain::effect::{Gate, Lane};

/// The gates whose limits are used up.
#[derive(Debug, Default)]
pub struct Gates {
    blocked: HashMap<Gate, (Vec<Cost>, Lane)>,
}

impl Gates {
    /// Blocks the gate of an effect that cannot start because a limit is used up, and returns the blocked gate. This is
    /// the effect's own gate if the used-up limit is one of the whole workspace. Otherwise it is a new gate for the
    /// effect's place alone, since other effects of the old gate have room.
    pub fn block(&mut self, gate: &Gate, costs: &[Cost], lane: Lane, windows: &mut Windows, now: Timestamp) -> Gate {
        let is_shared = costs.first().is_none_or(|narrowest| narrowest.pace.is_some())
            || windows.shared_free_at(costs, lane, now) > now;
        if is_shared {
            let shared = costs.iter().filter(|cost| cost.pace.is_some()).cloned().collect();
            self.blocked.insert(gate.clone(), (shared, lane));
            return gate.clone();
        }
        let own = Gate(format!("{}{}", lane as i64, costs[0].key));
        self.blocked.insert(own.clone(), (costs.to_vec(), lane));
        own
    }

    /// Whether this gate is blocked.
    pub fn is_blocked(&self, gate: &Gate) -> bool {
        self.blocked.contains_key(gate)
    }

    /// Returns the gates that are still blocked, and when the first of them may open.
    pub fn blocked(&mut self, windows: &mut Windows, now: Timestamp) -> (Vec<Gate>, Option<Timestamp>) {
        let mut next: Option<Timestamp> = None;
        self.blocked.retain(|_, (costs, lane)| {
            let free_at = windows.free_at(costs, *lane, now);
            let stays = free_at > now;
            if stays {
                next = Some(next.map_or(free_at, |next| next.min(free_at)));
            }
            stays
        });
        (self.blocked.keys().cloned().collect(), next)
    }
}
