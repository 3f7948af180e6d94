//! The pace of the calls that a catch-up makes.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::span;
use crate::clock::Clock;
use crate::domain::limits::discord as limits;

/// The divisor for the part of the allowed calls that a catch-up may use. The rest is left to the dispatcher.
const PART: u32 = 5;
/// The number of calls that may be made at once after a quiet time.
const AT_ONCE: u32 = 20;

/// Limits a catch-up to its part of the calls, and lets urgent gaps go first.
pub(in crate::platform::discord) struct Pace {
    clock: Clock,
    /// The time at which all calls so far would have been made at an even pace.
    even: Mutex<Timestamp>,
    urgent: Arc<watch::Sender<usize>>,
}

/// Counts one urgent gap until it is dropped.
pub(in crate::platform::discord) struct Urgent(Arc<watch::Sender<usize>>);

impl Drop for Urgent {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Pace {
    pub(in crate::platform::discord) fn new(clock: Clock) -> Self {
        let even = Mutex::new(clock.now());
        Self { clock, even, urgent: Arc::new(watch::channel(0).0) }
    }

    /// Waits until another call may be made.
    pub(super) async fn wait(&self) {
        let step = limits::REQUESTS.per / (limits::REQUESTS.count / PART);
        let until = {
            let mut even = self.even.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            *even = (*even).max(now) + span(step);
            *even - span(step * AT_ONCE)
        };
        self.clock.sleep_until(until).await;
    }

    pub(super) fn urgent(&self) -> Urgent {
        self.urgent.send_modify(|count| *count += 1);
        Urgent(Arc::clone(&self.urgent))
    }

    pub(super) fn is_urgent(&self) -> bool {
        *self.urgent.borrow() > 0
    }

    /// Waits until no gap is urgent.
    pub(in crate::platform::discord) async fn calm(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.urgent.subscribe().wait_for(|count| *count == 0).await;
    }
}
