//! The machine's own time, and randomness: for leases, deadlines, pauses and backoff. No decision and no message
//! depends on them, since a repeated decision must have the same result. Everything else uses the
//! [`Clock`](super::Clock)'s time.
//!
//! `clippy.toml` forbids the underlying functions elsewhere.

#![expect(clippy::disallowed_methods, reason = "this is the place")]

use std::time::Duration;

use jiff::Timestamp;
use rand::Rng as _;
use rand::distr::{Distribution, StandardUniform};
pub use tokio::time::{Instant, Interval, Sleep};
use ulid::Ulid;

/// Returns the present moment of the monotonic clock.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the time of the machine's clock, which can jump when that clock is set.
#[must_use]
pub fn timestamp() -> Timestamp {
    Timestamp::now()
}

/// Returns the milliseconds since the Unix epoch, by the machine's clock.
#[must_use]
pub fn epoch_ms() -> i64 {
    timestamp().as_millisecond()
}

/// Returns a new ULID, which no other process ever draws.
#[must_use]
pub fn unique_name() -> String {
    Ulid::new().to_string()
}

/// Waits for a duration of real time.
pub fn sleep(duration: Duration) -> Sleep {
    tokio::time::sleep(duration)
}

/// Waits until a moment of real time.
pub fn sleep_until(moment: Instant) -> Sleep {
    tokio::time::sleep_until(moment)
}

/// Ticks at once, and then once per `period`.
#[must_use]
pub fn interval(period: Duration) -> Interval {
    tokio::time::interval(period)
}

/// Returns a random value: any integer, or a fraction from 0 up to, but not including, 1.
#[must_use]
pub fn random<T>() -> T
where
    StandardUniform: Distribution<T>,
{
    rand::random()
}

/// Returns a random number below `end`.
#[must_use]
pub fn below(end: usize) -> usize {
    rand::rng().random_range(0..end)
}
