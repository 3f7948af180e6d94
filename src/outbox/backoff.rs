//! The wait before a try is repeated: pure.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Returns the wait after try number `tries` (from 1). The longest wait doubles with each try, from one second to one
/// minute. `chance` (0 to 1) picks a wait between half of it and all of it, so that replicas do not try again at the
/// same time.
#[must_use]
pub fn wait(tries: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1).min(16)));
    doubled.min(LONGEST).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_bounds() {
        assert_eq!(wait(1, 1.0), Duration::from_secs(1));
        assert_eq!(wait(3, 1.0), Duration::from_secs(4));
        assert_eq!(wait(3, 0.0), Duration::from_secs(2));
        assert_eq!(wait(u32::MAX, 1.0), LONGEST);
    }
}
