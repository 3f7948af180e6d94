//! One clock for the bot and for the sandbox.
//!
//! All times that matter to the desk (limits, windows, auto-close, the platforms' time stamps) are read from a
//! [`Clock`], so that a test or a replay can stop, scale or move the time. Network time-outs use real time ([`real`]).
//!
//! In production the clock runs evenly. When the machine's clock is set (by a correction, or after sleep), this clock
//! steps to the new time, forwards or back, because the times of signed requests are compared with this clock. So code
//! that measures a window must bear a step back.

pub mod real;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

/// A clock that can be scaled and moved forward. Clones share one state, so they show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    state: Arc<Mutex<State>>,
    moved: Arc<watch::Sender<u64>>,
}

/// A function that returns the machine's time.
type Wall = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The smallest difference from the machine's clock that shows that the machine's clock was set. A smaller difference
/// can arise because the two clocks are read one after the other.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// The longest real sleep before the clock is read again, since the machine's clock may have been set meanwhile.
const LONGEST_NAP: Duration = Duration::from_secs(60);

struct State {
    /// The machine's clock, if this clock follows it.
    wall: Option<Wall>,
    real: Instant,
    shown: Timestamp,
    scale: f64,
    /// The number of sleeping tasks, by the moment at which they wake.
    sleepers: BTreeMap<Timestamp, usize>,
    /// For each registered task, the last commit that it has acted on.
    workers: Vec<Weak<AtomicU64>>,
}

/// The value of a [`Worker`] that is acting.
const BUSY: u64 = u64::MAX;

/// A registered task ([`Clock::worker`]), until it is dropped.
#[derive(Debug)]
pub struct Worker {
    acted_on: Arc<AtomicU64>,
}

impl Worker {
    /// Shows that the task is about to act.
    pub fn begins(&self) {
        self.acted_on.store(BUSY, Ordering::SeqCst);
    }

    /// Shows that the task has acted on everything up to this commit, as the store counts them.
    pub fn has_acted_on(&self, commit: u64) {
        self.acted_on.store(commit, Ordering::SeqCst);
    }
}

impl Clock {
    /// Creates the clock of production: it shows the machine's time, and follows it when it is set.
    #[must_use]
    pub fn system() -> Self {
        Self::following(Arc::new(real::timestamp))
    }

    /// Creates a clock that runs evenly from the time of `wall`, and follows `wall` when it is set.
    fn following(wall: Wall) -> Self {
        let clock = Self::starting_at(wall(), 1.0);
        clock.lock().wall = Some(wall);
        clock
    }

    /// Creates a clock that shows `start` now and runs `scale` times as fast as the machine's. With `0.0` it stands
    /// still until [`Clock::advance`] moves it.
    #[must_use]
    pub fn starting_at(start: Timestamp, scale: f64) -> Self {
        let state = State {
            wall: None,
            real: real::now(),
            shown: start,
            scale,
            sleepers: BTreeMap::new(),
            workers: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), moved: Arc::new(watch::channel(0).0) }
    }

    /// Returns the time that the clock shows. If it follows the machine's clock and that was set, it first steps to the
    /// new time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let mut state = self.lock();
        let shown = state.now();
        let Some(wall) = &state.wall else { return shown };
        let set_to = wall();
        let by = set_to.duration_since(shown);
        if by.abs() < STEP {
            return shown;
        }
        (state.shown, state.real) = (set_to, real::now());
        drop(state);
        tracing::warn!(by_seconds = by.as_secs(), "the machine's clock was set; its time is followed");
        self.moved.send_modify(|count| *count += 1);
        set_to
    }

    /// Returns the time that the clock shows, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }

    /// Moves the clock forward by `by`, and wakes the tasks whose moment has come. The clock no longer follows the
    /// machine's.
    pub fn advance(&self, by: Duration) {
        self.change(|state| state.shown += SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX));
    }

    /// Moves the clock forward to `to`. A moment in the past changes nothing.
    pub fn advance_to(&self, to: Timestamp) {
        self.change(|state| state.shown = state.shown.max(to));
    }

    /// Makes the clock run `scale` times as fast as the machine's from now on.
    pub fn set_scale(&self, scale: f64) {
        self.change(|state| state.scale = scale);
    }

    /// Registers a task that acts after each commit and at moments of this clock.
    #[must_use]
    pub fn worker(&self) -> Worker {
        let worker = Worker { acted_on: Arc::new(AtomicU64::new(BUSY)) };
        self.lock().workers.push(Arc::downgrade(&worker.acted_on));
        worker
    }

    /// Whether every registered task has acted on this commit, so that only the clock can give it more to do. A caller
    /// that moves the clock by hand waits for this.
    #[must_use]
    pub fn have_all_acted_on(&self, commit: u64) -> bool {
        let workers = &mut self.lock().workers;
        workers.retain(|worker| worker.strong_count() > 0);
        workers.iter().filter_map(Weak::upgrade).all(|worker| worker.load(Ordering::SeqCst) == commit)
    }

    /// Waits until `duration` of this clock's time has passed.
    pub async fn sleep(&self, duration: Duration) {
        let until = self.now() + SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        self.sleep_until(until).await;
    }

    /// Returns the earliest moment at which a sleeping task wakes. A caller that moves the clock by hand can move it
    /// there in one step.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.lock().sleepers.first_key_value().map(|(until, _)| *until)
    }

    /// Waits until this clock shows `until` or later.
    pub async fn sleep_until(&self, until: Timestamp) {
        let _sleeper = Sleeper::new(self, until);
        let mut moved = self.moved.subscribe();
        loop {
            let (now, scale) = (self.now(), self.lock().scale);
            if now >= until {
                return;
            }
            let left = until.duration_since(now).as_secs_f64();
            if scale > 0.0 {
                // One millisecond more than computed: the runtime's timer counts whole milliseconds.
                let real = Duration::try_from_secs_f64(left / scale).unwrap_or(Duration::from_secs(3600));
                let nap = real.min(LONGEST_NAP) + Duration::from_millis(1);
                tokio::select! {
                    () = real::sleep(nap) => {}
                    _ = moved.changed() => {}
                }
            } else {
                let _ = moved.changed().await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        state.shown = state.now();
        state.real = real::now();
        // A clock that is changed by hand no longer follows the machine's.
        state.wall = None;
        change(&mut state);
        drop(state);
        self.moved.send_modify(|count| *count += 1);
    }
}

/// Counts a sleeping task in [`State::sleepers`] until it is dropped.
struct Sleeper<'c> {
    clock: &'c Clock,
    until: Timestamp,
}

impl<'c> Sleeper<'c> {
    fn new(clock: &'c Clock, until: Timestamp) -> Self {
        *clock.lock().sleepers.entry(until).or_default() += 1;
        Self { clock, until }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut state = self.clock.lock();
        if let Some(count) = state.sleepers.get_mut(&self.until) {
            *count -= 1;
            if *count == 0 {
                state.sleepers.remove(&self.until);
            }
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("shown", &self.shown).field("scale", &self.scale).finish_non_exhaustive()
    }
}

impl State {
    fn now(&self) -> Timestamp {
        let passed = self.real.elapsed().as_secs_f64() * self.scale;
        self.shown + SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stopped_clock_moves_only_when_told_and_wakes_sleepers() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 0.0);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(60));
        sleeper.await.expect("the sleeper ends");
        assert_eq!(clock.now_ms(), 60_000);
    }

    #[tokio::test]
    async fn it_follows_the_machine_when_that_is_set_forwards_and_back() {
        let wall = Arc::new(Mutex::new(Timestamp::from_second(1_000_000).expect("a time")));
        let read = Arc::clone(&wall);
        let clock = Clock::following(Arc::new(move || *read.lock().expect("nobody panicked")));
        let start = clock.now();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(3_000)).await }
        });
        tokio::task::yield_now().await;
        for seconds in [3_600, -7_200] {
            *wall.lock().expect("nobody panicked") += SignedDuration::from_secs(seconds);
            assert_eq!(clock.now(), *wall.lock().expect("nobody panicked"));
        }
        assert!(clock.now() < start);
        *wall.lock().expect("nobody panicked") += SignedDuration::from_secs(7_200);
        let _ = clock.now();
        sleeper.await.expect("the sleeper ends");
    }

    #[test]
    fn moving_it_by_hand_never_sets_it_back() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 0.0);
        clock.advance(Duration::from_secs(5));
        clock.advance_to(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now_ms(), 5_000);
    }
}
