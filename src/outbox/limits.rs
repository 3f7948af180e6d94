//! Keeping the platforms' limits: pure bookkeeping of when which call was made.
//!
//! The numbers stand in [`crate::domain::limits`]. A library for rate limits was considered and left out: these windows
//! must run on the shared clock, which tests and replays move, and several windows must be taken together or not at all.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::effect::Lane;
use crate::domain::ids::{Place, PlatformName};
use crate::domain::limits::{Rate, discord, slack};
use crate::platform::Act;

/// One limit that a call counts against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What is limited: a method, or a method in a channel.
    pub key: String,
    /// How much of it is allowed.
    pub rate: Rate,
}

/// What a delivery counts against on its platform, the narrowest limit first. `old` says whether a message to be edited is older than an hour.
#[must_use]
pub fn costs(platform: PlatformName, act: &Act, old: bool) -> Vec<Cost> {
    let cost = |key: String, rate| Cost { key, rate };
    match platform {
        PlatformName::Slack => {
            let post = |place: &Place| {
                vec![
                    cost(format!("post:{}", place.channel()), slack::POST_PER_CHANNEL),
                    cost("post".to_owned(), slack::POST_PER_WORKSPACE),
                ]
            };
            match act {
                Act::Post { to, .. } => post(to),
                Act::Whisper { near: Some(place), .. } | Act::Hint { place, .. } if place.is_direct() => post(place),
                Act::Update { .. } => vec![cost("update".to_owned(), slack::UPDATE)],
                Act::Remove { .. } => vec![cost("delete".to_owned(), slack::DELETE)],
                Act::Whisper { .. } | Act::Hint { .. } => vec![cost("ephemeral".to_owned(), slack::EPHEMERAL)],
                Act::ReadThread { .. } => vec![cost("replies".to_owned(), slack::HISTORY)],
            }
        }
        PlatformName::Discord => {
            let mut all = Vec::new();
            let channel = |place: &Place| place.root().unwrap_or(place.channel()).to_owned();
            match act {
                Act::Post { to: place, .. } | Act::Hint { place, .. } => {
                    all.push(cost(format!("post:{}", channel(place)), discord::POST_PER_CHANNEL));
                }
                Act::Update { message, .. } if old => {
                    all.push(cost(format!("edit:{}", message.channel), discord::EDIT_OLD_PER_CHANNEL));
                }
                Act::Update { message, .. } | Act::Remove { message } => {
                    all.push(cost(format!("change:{}", message.channel), discord::REQUESTS));
                }
                Act::Whisper { to, .. } => all.push(cost(format!("whisper:{}", to.id), discord::REQUESTS)),
                Act::ReadThread { place, .. } => all.push(cost(format!("read:{}", channel(place)), discord::REQUESTS)),
            }
            all.push(cost("all".to_owned(), discord::REQUESTS));
            all
        }
    }
}

/// When which call was made, and what the platform itself said.
///
/// The platform counts a call somewhere between its beginning and its end, so a call counts from its beginning on (it is
/// under way) until a whole window after its end.
#[derive(Debug, Default)]
pub struct Windows {
    calls: HashMap<String, Calls>,
    blocked: HashMap<String, Timestamp>,
    all_blocked: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Calls {
    under_way: usize,
    ended: VecDeque<Timestamp>,
}

impl Windows {
    /// When a call that costs this may be made: `now`, or later. While only the end of another call can tell, it is a
    /// whole window from now.
    #[must_use]
    pub fn free_at(&self, costs: &[Cost], _lane: Lane, now: Timestamp) -> Timestamp {
        let blocked = costs.iter().filter_map(|cost| self.blocked.get(&cost.key)).chain(&self.all_blocked).copied();
        let windows = costs.iter().filter_map(|cost| {
            let calls = self.calls.get(&cost.key)?;
            let room = (cost.rate.count as usize).saturating_sub(calls.under_way);
            if room == 0 {
                return later(now, cost.rate.per);
            }
            let index = calls.ended.len().checked_sub(room)?;
            later(calls.ended[index], cost.rate.per)
        });
        blocked.chain(windows).fold(now, Timestamp::max)
    }

    /// Notes that such a call begins.
    pub fn begin(&mut self, costs: &[Cost], _lane: Lane, _now: Timestamp) {
        for cost in costs {
            self.calls.entry(cost.key.clone()).or_default().under_way += 1;
        }
    }

    /// Notes that such a call has ended.
    pub fn end(&mut self, costs: &[Cost], now: Timestamp) {
        for cost in costs {
            let calls = self.calls.entry(cost.key.clone()).or_default();
            calls.under_way = calls.under_way.saturating_sub(1);
            calls.ended.push_back(now);
            while calls.ended.len() > cost.rate.count as usize {
                calls.ended.pop_front();
            }
        }
        if self.calls.len() > 10_000 {
            let recent = |last: &Timestamp| later(*last, HOUR) > Some(now);
            self.calls.retain(|_, calls| calls.under_way > 0 || calls.ended.back().is_some_and(recent));
        }
    }

    /// What a predecessor spent: the names of the limits, and how long ago.
    pub fn seed(&mut self, _spent: &[(Vec<String>, Duration)], _now: Timestamp) {}

    /// The platform asked to wait.
    pub fn block(&mut self, costs: &[Cost], global: bool, until: Timestamp) {
        if global {
            self.all_blocked = Some(self.all_blocked.map_or(until, |old| old.max(until)));
        } else if let Some(narrowest) = costs.first() {
            let blocked = self.blocked.entry(narrowest.key.clone()).or_insert(until);
            *blocked = (*blocked).max(until);
        }
        self.blocked.retain(|_, end| later(*end, HOUR) > Some(until));
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn later(then: Timestamp, by: Duration) -> Option<Timestamp> {
    then.checked_add(SignedDuration::try_from(by).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a time")
    }

    fn five_in_five() -> Vec<Cost> {
        vec![Cost { key: "x".to_owned(), rate: discord::POST_PER_CHANNEL }]
    }

    #[test]
    fn no_window_ever_holds_more_than_its_count() {
        let mut windows = Windows::default();
        let mut made = Vec::new();
        let mut now = at(0);
        for step in 0..200 {
            let free = windows.free_at(&five_in_five(), Lane::Answer, now);
            now = free.max(now + SignedDuration::from_millis(step % 7));
            windows.begin(&five_in_five(), Lane::Answer, at(0));
            windows.end(&five_in_five(), now);
            made.push(now);
        }
        for window in made.windows(6) {
            assert!(window[5].duration_since(window[0]) >= SignedDuration::from_secs(5));
        }
    }

    #[test]
    fn a_call_under_way_counts_however_long_it_takes() {
        let post = vec![Cost { key: "c".to_owned(), rate: slack::POST_PER_CHANNEL }];
        let mut windows = Windows::default();
        windows.begin(&post, Lane::Answer, at(0));
        assert!(windows.free_at(&post, Lane::Answer, at(100_000)) > at(100_000));
        windows.end(&post, at(100_000));
        assert_eq!(windows.free_at(&post, Lane::Answer, at(100_001)), at(101_000));
    }

    #[test]
    fn what_the_platform_says_is_obeyed() {
        let mut windows = Windows::default();
        windows.block(&five_in_five(), false, at(9_000));
        assert_eq!(windows.free_at(&five_in_five(), Lane::Answer, at(1)), at(9_000));
        let other = vec![Cost { key: "y".to_owned(), rate: discord::REQUESTS }];
        assert_eq!(windows.free_at(&other, Lane::Answer, at(1)), at(1));
        windows.block(&other, true, at(20_000));
        assert_eq!(windows.free_at(&five_in_five(), Lane::Answer, at(1)), at(20_000));
    }
}
