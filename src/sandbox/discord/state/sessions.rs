//! The number of sessions that the bot may still begin at the Gateway.
//!
//! Source: <https://docs.discord.com/developers/events/gateway#session-start-limit-object>

use std::time::Duration;

use super::State;

/// The number of sessions that a bot may begin a day.
pub const SESSIONS_A_DAY: u64 = 1_000;
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// The number of sessions that may still be begun, and the time (epoch ms) of the next reset.
#[derive(Debug)]
pub(super) struct Sessions {
    left: u64,
    reset_at_ms: Option<i64>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { left: SESSIONS_A_DAY, reset_at_ms: None }
    }
}

impl State {
    /// Lets the bot begin `left` more sessions until the reset.
    pub fn limit_sessions(&mut self, left: u64, reset_after: Duration) {
        let reset_after = i64::try_from(reset_after.as_millis()).unwrap_or(i64::MAX);
        self.sessions = Sessions { left, reset_at_ms: Some(self.now_ms().saturating_add(reset_after)) };
    }

    /// Returns the number of sessions that may still be begun until the reset.
    pub fn sessions_left(&self) -> u64 {
        if self.sessions.reset_at_ms.is_some_and(|at| at <= self.now_ms()) {
            SESSIONS_A_DAY
        } else {
            self.sessions.left
        }
    }

    /// Returns the time until the reset, in milliseconds; a day if no session was begun since the last one.
    pub fn sessions_reset_ms(&self) -> i64 {
        let left = self.sessions.reset_at_ms.map(|at| at - self.now_ms()).filter(|left| *left > 0);
        left.unwrap_or(DAY_MS)
    }

    /// Counts a session that begins. Returns false if none was left.
    pub fn count_session(&mut self) -> bool {
        let left = self.sessions_left();
        if self.sessions.reset_at_ms.is_none_or(|at| at <= self.now_ms()) {
            self.sessions.reset_at_ms = Some(self.now_ms() + DAY_MS);
        }
        self.sessions.left = left.saturating_sub(1);
        left > 0
    }
}
