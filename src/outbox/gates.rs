//! Which gates need not be looked at, since their limits are used up: pure.
//!
//! Looking at everything that waits, whenever anything happens, would take ever longer the more there is. So effects stand
//! in gates ([`Gate`]), and one effect of a gate that finds its limit used up speaks for all of them until there is room.

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
    /// An effect of this lane and gate cannot be started, since it costs this. The gate that speaks for it: its own, if what
    /// it waits for is a limit of the whole workspace; else one of its own place, where others of the same gate wait for
    /// nothing.
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

    /// Whether this one is blocked.
    pub fn is_blocked(&self, gate: &Gate) -> bool {
        self.blocked.contains_key(gate)
    }

    /// Those that are blocked still; and when the first of them may not be any more.
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
