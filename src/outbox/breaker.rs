//! Whether a platform takes anything at all: pure.
//!
//! A platform that is away refuses every call. Trying every effect would cost many calls and show nothing new. The
//! breaker opens on evidence that the platform, not one message, is at fault. While open it lets one probe through from
//! time to time: the oldest waiting effect of the most urgent lane. Meanwhile no effect is given up, and no try counts
//! as a failure of its effect. The first delivery that the platform itself answers (and no proxy) closes the breaker.
//!
//! A probe may be refused for its own content (for example by a firewall). So where the probe itself may be at fault,
//! every second probe is the next effect in line: if that effect is delivered, the platform is there.

use std::time::Duration;

use jiff::Timestamp;

use super::{backoff, signed};
use crate::platform::Absence;

/// The number of failures in a row, of any effects, that opens the breaker. One failure proves nothing, unless the
/// bot's token is refused.
const FAILURES: u32 = 3;
/// The longest time between two probes.
const PROBE_EVERY: Duration = Duration::from_secs(30);
/// The number of failed probes after which every second probe may be the next effect in line.
const PROBES_OF_ONE: u32 = 2;

/// The breaker of one platform.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    open: Option<Open>,
}

/// The state of an open breaker: the platform is away.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// When the breaker opened.
    pub since: Timestamp,
    pub cause: Absence,
    /// Details for operators.
    pub detail: String,
    probes: u32,
    probe_at: Timestamp,
    is_probing: bool,
}

/// Which deliveries the breaker lets start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// All that the limits allow.
    All,
    /// None before this moment; without a moment, none before the probe under way has ended.
    Nothing(Option<Timestamp>),
    /// One effect: the first in line after skipping this many.
    Probe(usize),
}

impl Breaker {
    /// Returns which deliveries may start now.
    pub fn admits(&self, now: Timestamp) -> Admits {
        match &self.open {
            None => Admits::All,
            Some(open) if open.is_probing => Admits::Nothing(None),
            Some(open) if now < open.probe_at => Admits::Nothing(Some(open.probe_at)),
            Some(open) => {
                let is_doubtful = open.cause == Absence::Failing || open.cause == Absence::Between;
                Admits::Probe(usize::from(is_doubtful && open.probes >= PROBES_OF_ONE && open.probes % 2 == 1))
            }
        }
    }

    /// Notes that the probe has begun.
    pub fn begin_probe(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_probing = true;
        }
    }

    /// Notes that a probe ended without proof, for example because there was nothing to send after all.
    pub fn end_probe(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_probing = false;
        }
    }

    /// Notes that the platform itself answered a delivery. If the breaker was open, returns since when.
    pub fn answered(&mut self) -> Option<Timestamp> {
        self.failures = 0;
        self.open.take().map(|open| open.since)
    }

    /// Notes that the platform as a whole did not take a delivery. `chance` (0 to 1) varies the wait before the next
    /// probe. Returns whether this failure opened the breaker.
    pub fn failed(&mut self, now: Timestamp, cause: Absence, detail: &str, chance: f64) -> bool {
        if let Some(open) = &mut self.open {
            // Deliveries that were under way when the breaker opened are no probes.
            if std::mem::take(&mut open.is_probing) {
                open.probes += 1;
                open.probe_at = now + signed(backoff::wait(open.probes + 1, chance).min(PROBE_EVERY));
            }
            (open.cause, open.detail) = (cause, detail.to_owned());
            return false;
        }
        self.failures += 1;
        if self.failures < FAILURES && cause != Absence::Token {
            return false;
        }
        self.open = Some(Open {
            since: now,
            cause,
            detail: detail.to_owned(),
            probes: 0,
            probe_at: now + signed(backoff::wait(1, chance)),
            is_probing: false,
        });
        true
    }

    /// Returns the state of the breaker while it is open.
    pub const fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).expect("a time")
    }

    fn away(breaker: &mut Breaker, secs: i64, cause: Absence) -> bool {
        breaker.failed(at(secs), cause, "it is away", 1.0)
    }

    #[test]
    fn one_failure_proves_nothing_but_a_refused_token_does() {
        let mut breaker = Breaker::default();
        assert!(!away(&mut breaker, 0, Absence::Failing));
        assert!(!away(&mut breaker, 1, Absence::Failing));
        assert_eq!(breaker.answered(), None, "it was never open");
        assert!(!away(&mut breaker, 3, Absence::Failing) && !away(&mut breaker, 3, Absence::Failing));
        assert_eq!(breaker.admits(at(3)), Admits::All);
        assert!(away(&mut breaker, 4, Absence::Failing));
        assert_eq!(breaker.answered(), Some(at(4)));
        assert!(away(&mut breaker, 6, Absence::Token));
        assert_eq!(breaker.admits(at(6)), Admits::Nothing(Some(at(7))));
    }

    #[test]
    fn while_it_is_open_there_is_one_probe_at_a_time_ever_more_rarely() {
        let mut breaker = Breaker::default();
        assert!(away(&mut breaker, 0, Absence::Token));
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let Admits::Nothing(Some(next)) = breaker.admits(at(now)) else { panic!("it is open") };
            waits.push(next.as_second() - now);
            now = next.as_second();
            assert_eq!(breaker.admits(at(now)), Admits::Probe(0), "a token is not one effect's fault");
            breaker.begin_probe();
            assert_eq!(breaker.admits(at(now + 9)), Admits::Nothing(None));
            // A delivery that is no probe fails, too, and does not move the next probe.
            breaker.end_probe();
            assert!(!away(&mut breaker, now, Absence::Token));
            breaker.begin_probe();
            assert!(!away(&mut breaker, now, Absence::Token));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn a_probe_that_may_fail_by_itself_takes_turns_with_the_next_in_line() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            away(&mut breaker, 0, Absence::Between);
        }
        let mut chosen = Vec::new();
        let mut now = 0;
        for _ in 0..6 {
            let Admits::Nothing(Some(next)) = breaker.admits(at(now)) else { panic!("it is open") };
            now = next.as_second();
            let Admits::Probe(leaving_out) = breaker.admits(at(now)) else { panic!("it is time") };
            chosen.push(leaving_out);
            breaker.begin_probe();
            away(&mut breaker, now, Absence::Between);
        }
        assert_eq!(chosen, [0, 0, 0, 1, 0, 1]);
    }
}
