//! Discord's rate limits, on the sandbox's clock.
//!
//! Source: <https://docs.discord.com/developers/topics/rate-limits>. Windows are fixed: one begins with its first call.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::limits::Rate;
use crate::domain::limits::discord as platform;

/// The limit for calls other than posts and late edits.
const OTHERS: Rate = Rate { count: 50, per: Duration::from_secs(1) };

/// The bucket in which a call is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Messages posted in a channel.
    Post(u64),
    /// Edits of old messages in a channel.
    EditOld(u64),
    /// Another route, for one channel, or 0 for a route without a channel.
    Other(&'static str, u64),
    /// A route for answers to interactions, for one token. The overall limit does not count them.
    Interaction(&'static str, u64),
}

impl Bucket {
    fn rate(&self) -> Rate {
        match self {
            Self::Post(_) => platform::POST_PER_CHANNEL,
            Self::EditOld(_) => platform::EDIT_OLD_PER_CHANNEL,
            Self::Other(..) | Self::Interaction(..) => OTHERS,
        }
    }

    /// Returns the opaque name that Discord gives a bucket. It is the same for every channel.
    fn name(&self) -> String {
        let route = match self {
            Self::Post(_) => "post",
            Self::EditOld(_) => "edit-old",
            Self::Other(route, _) | Self::Interaction(route, _) => route,
        };
        format!("{:016x}", super::ids::fixed(0, "bucket", route))
    }
}

#[derive(Clone, Copy, Debug)]
struct Window {
    ends_ms: i64,
    used: u32,
}

/// The windows of all buckets, and of the overall limit.
#[derive(Debug)]
pub struct Limits {
    enforced: bool,
    windows: HashMap<Bucket, Window>,
    overall: Window,
}

/// The state of a bucket, as the headers of an answer give it.
#[derive(Clone, Debug)]
pub struct BucketState {
    limit: u32,
    remaining: u32,
    reset_ms: i64,
    reset_after_ms: i64,
    bucket: String,
}

/// The refusal of a call that exceeds a limit.
#[derive(Clone, Debug)]
pub struct TooMany {
    /// The time to wait, in milliseconds of the clock.
    pub retry_after_ms: i64,
    /// Whether the overall limit was hit.
    pub global: bool,
}

impl Limits {
    /// Creates limits of which nothing is used up. Calls are refused only if they are `enforced`.
    pub fn new(enforced: bool) -> Self {
        Self { enforced, windows: HashMap::new(), overall: Window { ends_ms: i64::MIN, used: 0 } }
    }

    /// Counts a call, or refuses it without counting it. In both cases the state is for the headers of the answer.
    /// Nothing is counted while limits are not enforced.
    pub fn count(&mut self, bucket: &Bucket, now_ms: i64) -> (BucketState, Option<TooMany>) {
        if self.windows.len() > 10_000 {
            self.windows.retain(|_, window| window.ends_ms > now_ms);
        }
        let rate = bucket.rate();
        let window = open(self.windows.entry(bucket.clone()).or_insert(CLOSED), rate, now_ms);
        let overall = open(&mut self.overall, platform::REQUESTS, now_ms);
        let counts_overall = !matches!(bucket, Bucket::Interaction(..));
        let refusal = if !self.enforced {
            None
        } else if window.used >= rate.count {
            Some(TooMany { retry_after_ms: window.ends_ms - now_ms, global: false })
        } else if counts_overall && overall.used >= platform::REQUESTS.count {
            Some(TooMany { retry_after_ms: overall.ends_ms - now_ms, global: true })
        } else {
            None
        };
        if refusal.is_none() && self.enforced {
            window.used += 1;
            overall.used += u32::from(counts_overall);
        }
        let bucket_state = BucketState {
            limit: rate.count,
            remaining: rate.count.saturating_sub(window.used),
            reset_ms: window.ends_ms,
            reset_after_ms: window.ends_ms - now_ms,
            bucket: bucket.name(),
        };
        (bucket_state, refusal)
    }
}

impl BucketState {
    /// Returns the headers that every answer has.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("X-RateLimit-Limit", self.limit.to_string()),
            ("X-RateLimit-Remaining", self.remaining.to_string()),
            ("X-RateLimit-Reset", seconds(self.reset_ms)),
            ("X-RateLimit-Reset-After", seconds(self.reset_after_ms)),
            ("X-RateLimit-Bucket", self.bucket.clone()),
        ]
    }
}

impl TooMany {
    /// Returns the further headers of a 429.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let whole = (self.retry_after_ms + 999) / 1000;
        let mut headers = vec![
            ("X-RateLimit-Scope", if self.global { "global" } else { "user" }.to_owned()),
            ("Retry-After", whole.to_string()),
        ];
        if self.global {
            headers.push(("X-RateLimit-Global", "true".to_owned()));
        }
        headers
    }

    /// Returns the JSON of a 429, with the time to wait in seconds.
    pub fn body(&self) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "a time to wait is far below the limit")]
        let retry_after = self.retry_after_ms as f64 / 1000.0;
        json!({ "message": "You are being rate limited.", "retry_after": retry_after, "global": self.global })
    }
}

const CLOSED: Window = Window { ends_ms: i64::MIN, used: 0 };

fn open(window: &mut Window, rate: Rate, now_ms: i64) -> &mut Window {
    if now_ms >= window.ends_ms {
        let per_ms = i64::try_from(rate.per.as_millis()).unwrap_or(i64::MAX);
        *window = Window { ends_ms: now_ms.saturating_add(per_ms), used: 0 };
    }
    window
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixth_post_in_five_seconds_is_refused_and_uncounted() {
        let mut limits = Limits::new(true);
        for _ in 0..5 {
            assert!(limits.count(&Bucket::Post(1), 1_000).1.is_none());
        }
        let (bucket_state, refusal) = limits.count(&Bucket::Post(1), 2_500);
        assert_eq!(refusal.expect("refused").retry_after_ms, 3_500);
        assert_eq!(bucket_state.remaining, 0);
        assert!(limits.count(&Bucket::Post(2), 2_500).1.is_none());
        assert!(limits.count(&Bucket::Post(1), 6_000).1.is_none());
    }

    #[test]
    fn the_overall_limit_leaves_interactions_out() {
        let mut limits = Limits::new(true);
        for channel in 0..50 {
            assert!(limits.count(&Bucket::Post(channel), 0).1.is_none());
        }
        assert!(limits.count(&Bucket::Post(99), 0).1.expect("refused").global);
        assert!(limits.count(&Bucket::Interaction("x", 1), 0).1.is_none());
    }
}
