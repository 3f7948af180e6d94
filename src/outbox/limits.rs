//! The platforms' rate limits: pure bookkeeping of when which call was made.
//!
//! The limits themselves are in [`crate::domain::limits`]. A limit allows a number of calls within any period of a
//! given length, its *window*. A rate-limit library was considered and rejected: these windows must run on the shared
//! clock, which tests and replays move, and several windows must be taken together or not at all.
//!
//! All deliveries share a limit of the whole workspace. A notice to thousands of channels would fill its window at
//! once, and the next answer would wait until the window has passed. So broadcasts use such a limit evenly, one call
//! per slot of time, and leave a little of it free. Then a place in the window frees up every moment, and the most
//! urgent effect takes it.

mod bound;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use self::bound::{bound, bound_of_changes};
use crate::domain::effect::Lane;
use crate::domain::ids::{Place, PlatformName};
use crate::domain::limits::{Rate, discord, slack};
use crate::platform::Operation;

/// One limit that a call counts against. A call that the platform counts twice names it twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What is limited: a method, or a method in one channel.
    pub key: String,
    pub rate: Rate,
    /// For a limit of the whole workspace: the time between two broadcasts that count against it.
    pub pace: Option<Duration>,
    /// Whether half of it is reserved for effects that are more urgent than broadcasts.
    pub is_halved: bool,
}

/// Returns the limits that a delivery counts against on its platform, narrowest first. `old` says whether a message to
/// edit is older than an hour.
#[must_use]
pub fn costs(platform: PlatformName, operation: &Operation, old: bool) -> Vec<Cost> {
    match platform {
        PlatformName::Slack => slack_costs(operation),
        PlatformName::Discord => discord_costs(operation, old),
    }
}

fn slack_costs(operation: &Operation) -> Vec<Cost> {
    let post = |place: &Place| {
        let channel = Cost::narrow(format!("post:{}", place.channel()), slack::POST_PER_CHANNEL);
        vec![channel, Cost::shared("post", slack::POST_PER_WORKSPACE)]
    };
    match operation {
        Operation::Post { to, .. } => post(to),
        Operation::Whisper { near: Some(place), .. } | Operation::Hint { place, .. } if place.is_direct() => {
            post(place)
        }
        Operation::Update { .. } => vec![Cost::halved("update", slack::UPDATE)],
        Operation::Silent(act) => {
            let limit = act.spec().slack;
            vec![if limit.is_halved {
                Cost::halved(limit.name, limit.rate)
            } else {
                Cost::shared(limit.name, limit.rate)
            }]
        }
        Operation::Whisper { .. } | Operation::Hint { .. } => vec![Cost::shared("ephemeral", slack::EPHEMERAL)],
    }
}

fn discord_costs(operation: &Operation, old: bool) -> Vec<Cost> {
    let channel = |place: &Place| place.root().unwrap_or(place.channel()).to_owned();
    let narrowest = match operation {
        Operation::Post { to: place, .. } | Operation::Hint { place, .. } => {
            Cost::narrow(format!("post:{}", channel(place)), discord::POST_PER_CHANNEL)
        }
        Operation::Update { message, .. } if old => {
            Cost::narrow(format!("edit:{}", message.channel), discord::EDIT_OLD_PER_CHANNEL)
        }
        Operation::Update { message, .. } => Cost::narrow(format!("change:{}", message.channel), discord::REQUESTS),
        Operation::Silent(act) => {
            let spec = act.spec();
            let limit = spec.discord;
            Cost::narrow(format!("{}:{}", limit.name, spec.root.unwrap_or(spec.channel)), limit.rate)
        }
        Operation::Whisper { to, .. } => Cost::narrow(format!("whisper:{}", to.id), discord::REQUESTS),
    };
    // A thread may have to be started first, or a direct conversation opened, by a second request.
    let requests = match operation {
        Operation::Post { thread_title: Some(_), .. } | Operation::Whisper { via: None, .. } => 2,
        _ => 1,
    };
    let overall = std::iter::repeat_n(Cost::shared("all", discord::REQUESTS), requests);
    std::iter::once(narrowest).chain(overall).collect()
}

impl Cost {
    /// Returns a limit of one place or person.
    fn narrow(key: String, rate: Rate) -> Self {
        Self { key, rate, pace: None, is_halved: false }
    }

    /// Returns a limit of the whole workspace, of which broadcasts leave a hundredth free.
    fn shared(key: &str, rate: Rate) -> Self {
        let pace = Some(rate.per * 100 / (rate.count * 99));
        Self { key: key.to_owned(), rate, pace, is_halved: false }
    }

    /// Returns a limit of the whole workspace, half of which broadcasts leave to more urgent effects.
    fn halved(key: &str, rate: Rate) -> Self {
        let pace = Some(rate.per / (rate.count / 2).max(1));
        Self { key: key.to_owned(), rate, pace, is_halved: true }
    }

    /// Returns how many calls of a window effects of this lane may use.
    fn count_for(&self, lane: Lane) -> usize {
        let kept = if self.is_paced(lane) { self.rate.count / 100 } else { 0 };
        (self.rate.count - kept) as usize
    }

    fn is_paced(&self, lane: Lane) -> bool {
        lane == Lane::Broadcast && self.pace.is_some()
    }

    /// Returns how far a call of this lane moves the next broadcast slot. An urgent call does not wait for a slot; it
    /// uses up a broadcast's slot, since otherwise the window would fill up before it has passed and no call could be
    /// made. If half of the limit is reserved for urgent calls, they use that half instead.
    fn slot_shift(&self, lane: Lane) -> Option<Duration> {
        match (self.pace?, lane) {
            (pace, Lane::Broadcast) => Some(pace),
            _ if self.is_halved => None,
            _ => Some(self.rate.per / self.rate.count),
        }
    }
}

/// The largest number of delayed broadcasts that catch up at once. More of them would make urgent effects wait for a
/// place.
const CATCH_UP_AT_MOST: u32 = 4;
/// The number of windows in memory before past ones are forgotten.
const SWEEP_AT_LEAST: usize = 1_024;

/// When calls were made, and how long the platform asked to wait.
///
/// The platform counts a call at some moment between its beginning and its end. So a call counts from its beginning,
/// while it is under way, until a whole window after its end.
#[derive(Debug, Default)]
pub struct Windows {
    lifted: bool,
    calls: HashMap<String, Calls>,
    /// When the next broadcast slot of each limit begins.
    next: HashMap<String, Timestamp>,
    blocked: HashMap<String, Timestamp>,
    all_blocked: Option<Timestamp>,
    sweep_at: usize,
    /// The latest moment that a caller has passed as `now`.
    seen: Option<Timestamp>,
}

/// How much earlier than the latest time a call may come without meaning that the clock was set back: calls come from
/// many tasks.
const OUT_OF_ORDER: SignedDuration = SignedDuration::from_secs(1);

#[derive(Debug, Default)]
struct Calls {
    under_way: usize,
    /// When calls ended, in ascending order.
    ended: VecDeque<Timestamp>,
    /// The length of the window. After that time, the calls may be forgotten.
    per: Duration,
}

impl Windows {
    /// Creates windows without limits, except for waits that the platform itself asked for. For measuring what the
    /// program can do.
    #[must_use]
    pub fn lifted() -> Self {
        Self { lifted: true, ..Self::default() }
    }

    /// Returns when a call of this lane with these costs may be made: `now`, or later. If that depends on the end of
    /// another call, it is a whole window from now.
    #[must_use]
    pub fn free_at(&mut self, costs: &[Cost], lane: Lane, now: Timestamp) -> Timestamp {
        self.look_at_clock(now);
        let blocked = costs.iter().filter_map(|cost| self.blocked.get(&cost.key)).copied();
        let windows = (0..costs.len()).filter_map(|at| self.window_free_at(costs, at, lane, now));
        blocked.chain(windows).chain(self.all_blocked).fold(now, Timestamp::max)
    }

    /// Like [`Self::free_at`], but only for limits of the whole workspace. Until then, no other call of this lane with
    /// the same shared costs may be made either, whatever its channel.
    #[must_use]
    pub fn shared_free_at(&mut self, costs: &[Cost], lane: Lane, now: Timestamp) -> Timestamp {
        self.look_at_clock(now);
        let shared = (0..costs.len()).filter(|at| costs[*at].pace.is_some());
        let windows = shared.filter_map(|at| self.window_free_at(costs, at, lane, now));
        windows.chain(self.all_blocked).fold(now, Timestamp::max)
    }

    fn window_free_at(&self, costs: &[Cost], at: usize, lane: Lane, now: Timestamp) -> Option<Timestamp> {
        if self.lifted {
            return None;
        }
        let cost = &costs[at];
        let turn = if cost.is_paced(lane) { self.next.get(&cost.key).copied() } else { None };
        let window = self.calls.get(&cost.key).and_then(|calls| {
            let before = costs[..at].iter().filter(|other| other.key == cost.key).count();
            let room = cost.count_for(lane).saturating_sub(calls.under_way + before);
            if room == 0 {
                return later(now, cost.rate.per);
            }
            let index = calls.ended.len().checked_sub(room)?;
            // `now` may be a moment old, so a call may have ended after it.
            later(calls.ended[index].min(now), cost.rate.per)
        });
        turn.max(window)
    }

    /// Notes that a call with these costs begins.
    pub fn begin(&mut self, costs: &[Cost], lane: Lane, now: Timestamp) {
        self.look_at_clock(now);
        for cost in costs {
            self.calls.entry(cost.key.clone()).or_default().under_way += 1;
            if let Some(shift) = cost.slot_shift(lane) {
                let earliest = earlier(now, shift * CATCH_UP_AT_MOST);
                let turn = self.next.get(&cost.key).map_or(now, |turn| (*turn).max(earliest));
                self.next.insert(cost.key.clone(), later(turn, shift).unwrap_or(turn));
            }
        }
    }

    /// Notes that a call with these costs has ended.
    pub fn end(&mut self, costs: &[Cost], now: Timestamp) {
        self.look_at_clock(now);
        for cost in costs {
            let calls = self.calls.entry(cost.key.clone()).or_default();
            calls.under_way = calls.under_way.saturating_sub(1);
            calls.ended.push_back(now);
            calls.per = calls.per.max(cost.rate.per);
            while calls.ended.len() > cost.rate.count as usize {
                calls.ended.pop_front();
            }
        }
        self.sweep(now);
    }

    /// Takes back a begun call that is not made after all.
    pub fn undo(&mut self, costs: &[Cost], lane: Lane) {
        for cost in costs {
            if let Some(calls) = self.calls.get_mut(&cost.key) {
                calls.under_way = calls.under_way.saturating_sub(1);
            }
            if let (Some(shift), Some(turn)) = (cost.slot_shift(lane), self.next.get_mut(&cost.key)) {
                *turn = earlier(*turn, shift);
            }
        }
    }

    /// Notes that the platform asked to wait.
    pub fn block(&mut self, costs: &[Cost], global: bool, until: Timestamp) {
        if global {
            self.all_blocked = Some(self.all_blocked.map_or(until, |old| old.max(until)));
        } else if let Some(narrowest) = costs.first() {
            let blocked = self.blocked.entry(narrowest.key.clone()).or_insert(until);
            *blocked = (*blocked).max(until);
        }
        self.blocked.retain(|_, end| later(*end, HOUR) > Some(until));
    }

    /// Adds the calls of an earlier process: for each call, the keys of its [`Cost`]s, and how long ago its lease
    /// began.
    pub fn seed(&mut self, spent: &[(Vec<String>, Duration)], now: Timestamp) {
        for (keys, ago) in spent {
            let then = earlier(now, *ago);
            for key in keys {
                let calls = self.calls.entry(key.clone()).or_default();
                let at = calls.ended.partition_point(|ended| *ended <= then);
                calls.ended.insert(at, then);
                // The key does not tell the length of the window. An hour is longer than any window.
                calls.per = HOUR;
            }
        }
    }

    /// Moves all remembered moments back if the clock was set back. Otherwise no call could be made until the clock
    /// reaches its old time again.
    fn look_at_clock(&mut self, now: Timestamp) {
        let back = self.seen.map_or(SignedDuration::ZERO, |seen| seen.duration_since(now));
        if back <= OUT_OF_ORDER {
            self.seen = self.seen.max(Some(now));
            return;
        }
        self.seen = Some(now);
        let ended = self.calls.values_mut().flat_map(|calls| &mut calls.ended);
        let turns = self.next.values_mut().chain(self.blocked.values_mut());
        for moment in ended.chain(turns).chain(&mut self.all_blocked) {
            *moment = moment.checked_sub(back).unwrap_or(Timestamp::MIN);
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        if self.calls.len() < self.sweep_at.max(SWEEP_AT_LEAST) {
            return;
        }
        let counts = |calls: &Calls| calls.ended.back().is_some_and(|last| later(*last, calls.per) > Some(now));
        self.calls.retain(|_, calls| calls.under_way > 0 || counts(calls));
        self.sweep_at = 2 * self.calls.len();
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn later(then: Timestamp, by: Duration) -> Option<Timestamp> {
    then.checked_add(SignedDuration::try_from(by).ok()?).ok()
}

fn earlier(then: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| then.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
