//! How many sessions the bot may still begin at the Gateway.
//!
//! Source: <https://docs.discord.com/developers/events/gateway#session-start-limit-object>

use std::time::Duration;

use super::State;

/// How many sessions a bot may begin a day.
pub const SESSIONS_A_DAY: u64 = 1_000;
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// Sessions that may still be begun, and when they are counted anew.
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
    /// Lets the bot begin so many more sessions for a time.
    pub fn limit_sessions(&mut self, left: u64, reset_after: Duration) {
        let reset_after = i64::try_from(reset_after.as_millis()).unwrap_or(i64::MAX);
        self.sessions = Sessions { left, reset_at_ms: Some(self.now_ms().saturating_add(reset_after)) };
    }

    /// How many sessions may be begun until they are counted anew.
    pub fn sessions_left(&self) -> u64 {
        if self.sessions.reset_at_ms.is_some_and(|at| at <= self.now_ms()) {
            SESSIONS_A_DAY
        } else {
            self.sessions.left
        }
    }

    /// In how many milliseconds that is.
    pub fn sessions_reset_ms(&self) -> i64 {
        let left = self.sessions.reset_at_ms.map(|at| at - self.now_ms()).filter(|left| *left > 0);
        left.unwrap_or(DAY_MS)
    }

    /// Begins a session, if another one may be begun.
    pub fn takes_session(&mut self) -> bool {
        let left = self.sessions_left();
        if self.sessions.reset_at_ms.is_none_or(|at| at <= self.now_ms()) {
            self.sessions.reset_at_ms = Some(self.now_ms() + DAY_MS);
        }
        self.sessions.left = left.saturating_sub(1);
        left > 0
    }
}
