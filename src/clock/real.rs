//! The machine's own time, and chance: for leases, deadlines, pauses and backoff. Nothing that is decided or said depends on
//! either, since a decision must come out the same when it is made again. Everything else counts in the [`Clock`](super::Clock)'s
//! time.
//!
//! `clippy.toml` forbids both elsewhere.

#![expect(clippy::disallowed_methods, reason = "this is the place")]

use std::time::Duration;

use jiff::Timestamp;
use rand::Rng as _;
use rand::distr::{Distribution, StandardUniform};
pub use tokio::time::{Instant, Interval, Sleep};
use ulid::Ulid;

/// This moment, by a clock that only goes forward.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// This moment, by the machine's clock, which may be set.
#[must_use]
pub fn timestamp() -> Timestamp {
    Timestamp::now()
}

/// Milliseconds since the Unix epoch, by the machine's clock.
#[must_use]
pub fn epoch_ms() -> i64 {
    timestamp().as_millisecond()
}

/// A name that nothing else has, nor had, nor will have.
#[must_use]
pub fn unique_name() -> String {
    Ulid::new().to_string()
}

/// Waits so long.
pub fn sleep(duration: Duration) -> Sleep {
    tokio::time::sleep(duration)
}

/// Waits until then.
pub fn sleep_until(moment: Instant) -> Sleep {
    tokio::time::sleep_until(moment)
}

/// Ticks once at once, then each time so long after.
#[must_use]
pub fn interval(period: Duration) -> Interval {
    tokio::time::interval(period)
}

/// A random value: a fraction from 0 to 1, or bits.
#[must_use]
pub fn random<T>() -> T
where
    StandardUniform: Distribution<T>,
{
    rand::random()
}

/// A random number below `end`.
#[must_use]
pub fn below(end: usize) -> usize {
    rand::rng().random_range(0..end)
}
