//! Slack's rate limits (from `domain::limits`), in the clock's time.

use std::collections::{HashMap, VecDeque};

use crate::domain::limits::{Rate, slack};

/// How much too early a call may come, since clocks and networks are not exact.
const TOLERANCE_MS: i64 = 50;

/// The times of recent calls (epoch ms), by the key of their limit.
#[derive(Default)]
pub(super) struct Windows {
    calls: HashMap<String, VecDeque<i64>>,
}

impl Windows {
    /// Checks whether another call fits into all `rates`. `Err`: the time to wait, in whole seconds.
    pub(super) fn check(&mut self, rates: &[(String, Rate)], now_ms: i64) -> Result<(), u64> {
        let mut wait_ms = 0;
        for (key, rate) in rates {
            let window_ms = i64::try_from(rate.per.as_millis()).unwrap_or(i64::MAX) - TOLERANCE_MS;
            let calls = self.calls.entry(key.clone()).or_default();
            while calls.front().is_some_and(|at| now_ms - at >= window_ms) {
                calls.pop_front();
            }
            let over = (calls.len() + 1).saturating_sub(rate.count as usize);
            if over > 0 {
                wait_ms = wait_ms.max(calls.get(over - 1).map_or(0, |at| at + window_ms - now_ms));
            }
        }
        if wait_ms > 0 { Err(u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000)) } else { Ok(()) }
    }

    /// Counts a call that was carried out.
    pub(super) fn count(&mut self, rates: Vec<(String, Rate)>, now_ms: i64) {
        for (key, _) in rates {
            self.calls.entry(key).or_default().push_back(now_ms);
        }
    }
}

/// Returns the limits of a call, each with its key.
pub(super) fn rates(method: &str, channel: &str) -> Vec<(String, Rate)> {
    let one = |rate| vec![(method.to_owned(), rate)];
    match method {
        "chat.postMessage" => vec![
            (format!("post in {channel}"), slack::POST_PER_CHANNEL),
            ("post in workspace".to_owned(), slack::POST_PER_WORKSPACE),
        ],
        "chat.update" => one(slack::UPDATE),
        "chat.delete" => one(slack::DELETE),
        "reactions.add" | "reactions.remove" => one(slack::REACTION),
        "chat.postEphemeral" => one(slack::EPHEMERAL),
        "conversations.history" | "conversations.replies" => one(slack::HISTORY),
        _ => one(slack::OTHER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_post_a_second_in_each_channel() {
        let mut windows = Windows::default();
        let mut post = |channel: &str, now_ms| {
            let rates = rates("chat.postMessage", channel);
            windows.check(&rates, now_ms).map(|()| windows.count(rates, now_ms))
        };
        assert_eq!(post("C1", 0), Ok(()));
        assert_eq!(post("C1", 500), Err(1));
        assert_eq!(post("C2", 500), Ok(()));
        assert_eq!(post("C1", 960), Ok(()));
    }
}
