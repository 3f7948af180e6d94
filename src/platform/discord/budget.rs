//! The number of sessions that Discord allows, and the wait between two of them.
//!
//! Discord allows a number of sessions per day (a thousand), and revokes the token of a bot that begins more. So the
//! wait between connections grows while sessions end soon. Before each new session Discord is asked how many are left;
//! the last quarter is spread over the time until the next reset.
//!
//! Source: <https://docs.discord.com/developers/events/gateway#session-start-limit-object>.

use std::sync::Arc;
use std::time::Duration;

use serenity::http::{LightMethod, Route};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Shared;
use crate::clock::real;

/// The time that Discord requires between two IDENTIFYs.
const BETWEEN_IDENTIFIES: Duration = Duration::from_secs(5);
/// If fewer sessions are left than the day's total divided by this number, they are spread over the rest of the day.
const RESERVE: u64 = 4;
/// The wait after a session that was open for long, or that could not be resumed.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait while the gateway cannot be reached.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait while the gateway can be reached, but sessions end soon.
const LONGEST_UNSTEADY: Duration = Duration::from_secs(600);
/// How long a session must be open so that the wait begins anew.
const HELD: Duration = Duration::from_secs(60);

/// The wait before another connection.
#[derive(Debug)]
pub(super) struct Patience {
    next: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { next: FIRST_WAIT }
    }
}

impl Patience {
    /// Returns the wait after a connection whose session was open for this time (`None`: it never was).
    pub(super) fn after(&mut self, connected: Option<Duration>) -> Duration {
        if connected.is_some_and(|connected| connected >= HELD) {
            *self = Self::default();
        }
        let longest = if connected.is_some() { LONGEST_UNSTEADY } else { LONGEST_WAIT };
        let wait = self.next.min(longest);
        self.next = (self.next * 2).min(LONGEST_UNSTEADY);
        wait
    }
}

/// The sessions that the shards of this process may begin.
pub(super) struct Budget {
    shared: Arc<Shared>,
    /// When the last session began.
    last: Mutex<Option<Instant>>,
}

/// Discord's `session_start_limit`: how many sessions are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    total: u64,
    remaining: u64,
    reset_after: Duration,
}

impl Left {
    /// Returns how much time must have passed since the last session.
    fn pause(self) -> Duration {
        match self.remaining {
            0 => self.reset_after,
            few if few < self.total / RESERVE => self.reset_after / u32::try_from(few).unwrap_or(u32::MAX),
            _ => Duration::ZERO,
        }
    }
}

impl Budget {
    /// Creates a budget for a process that has begun no session yet.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, last: Mutex::default() }
    }

    /// Waits until another session may be begun.
    pub(super) async fn turn(&self) {
        let mut last = self.last.lock().await;
        if let Some(last) = *last
            && self.shared.api_url.is_none()
        {
            real::sleep_until(last + BETWEEN_IDENTIFIES).await;
        }
        loop {
            // If Discord does not answer, only the growing wait applies.
            let Some(left) = self.left().await else { break };
            let since = last.map_or(Duration::MAX, |last| last.elapsed());
            // The first session of this process does not wait as long as any session is left.
            let pause = if left.remaining > 0 { left.pause().saturating_sub(since) } else { left.pause() };
            if pause.is_zero() {
                break;
            }
            let (remaining, wait_secs) = (left.remaining, pause.as_secs());
            tracing::error!(
                remaining,
                wait_secs,
                "Discord permits few more sessions today: a shard that needs one waits, and receives nothing"
            );
            self.shared.clock.sleep(pause).await;
            if left.remaining > 0 {
                break;
            }
        }
        *last = Some(real::now());
    }

    async fn left(&self) -> Option<Left> {
        let asked = self.shared.rest.call_patiently(LightMethod::Get, Route::GatewayBot, &[], None).await;
        let limit = &asked.ok()?["session_start_limit"];
        Some(Left {
            total: limit["total"].as_u64()?,
            remaining: limit["remaining"].as_u64()?,
            reset_after: Duration::from_millis(limit["reset_after"].as_u64()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_until_a_session_holds() {
        let mut patience = Patience::default();
        let brief = Some(Duration::from_secs(1));
        let waits: Vec<u64> = (0..14).map(|_| patience.after(brief).as_secs()).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(patience.after(None), LONGEST_WAIT, "the gateway cannot be reached, which costs no session");
        assert_eq!(patience.after(Some(HELD)), FIRST_WAIT);
        let a_day: u64 = 24 * 3_600;
        assert!(a_day / LONGEST_UNSTEADY.as_secs() < 1_000);
    }

    #[test]
    fn the_last_sessions_of_a_day_are_spread() {
        let hour = Duration::from_secs(3_600);
        let pause = |remaining| Left { total: 1_000, remaining, reset_after: hour }.pause();
        assert_eq!((pause(0), pause(1), pause(100), pause(250)), (hour, hour, hour / 100, Duration::ZERO));
    }
}
