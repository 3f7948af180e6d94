//! Keeping the platforms' limits: pure bookkeeping of when which call was made.
//!
//! The numbers stand in [`crate::domain::limits`]. A library for rate limits was considered and left out: these windows
//! must run on the shared clock, which tests and replays move, and several windows must be taken together or not at all.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

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

/// What a delivery counts against on its platform. `old` says whether a message to be edited is older than an hour.
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
            let mut all = vec![cost("all".to_owned(), discord::REQUESTS)];
            let channel = |place: &Place| place.root().unwrap_or(place.channel()).to_owned();
            match act {
                Act::Post { to: place, .. } | Act::Hint { place, .. } => {
                    all.push(cost(format!("post:{}", channel(place)), discord::POST_PER_CHANNEL));
                }
                Act::Update { message, .. } if old => {
                    all.push(cost(format!("edit:{}", message.channel), discord::EDIT_OLD_PER_CHANNEL));
                }
                Act::Update { .. } | Act::Remove { .. } | Act::Whisper { .. } | Act::ReadThread { .. } => {}
            }
            all
        }
    }
}

/// When which call was made, and what the platform itself said.
#[derive(Debug, Default)]
pub struct Windows {
    made: HashMap<String, VecDeque<Timestamp>>,
    blocked: HashMap<String, Timestamp>,
    all_blocked: Option<Timestamp>,
}

impl Windows {
    /// When a call that costs this may be made: `now`, or later.
    #[must_use]
    pub fn free_at(&self, costs: &[Cost], now: Timestamp) -> Timestamp {
        let blocked = costs.iter().filter_map(|cost| self.blocked.get(&cost.key)).chain(&self.all_blocked).copied();
        let windows = costs.iter().filter_map(|cost| {
            let made = self.made.get(&cost.key)?;
            let index = made.len().checked_sub(cost.rate.count as usize)?;
            later(made[index], cost.rate.per)
        });
        blocked.chain(windows).fold(now, Timestamp::max)
    }

    /// Notes that such a call is made now.
    pub fn take(&mut self, costs: &[Cost], now: Timestamp) {
        for cost in costs {
            let made = self.made.entry(cost.key.clone()).or_default();
            made.push_back(now);
            while made.len() > cost.rate.count as usize {
                made.pop_front();
            }
        }
        if self.made.len() > 10_000 {
            let recent = |made: &VecDeque<Timestamp>| made.back().is_some_and(|last| later(*last, HOUR) > Some(now));
            self.made.retain(|_, made| recent(made));
        }
    }

    /// Notes that the call begun at `began` has ended: the platform counted it somewhere between, so the end counts here.
    pub fn done(&mut self, costs: &[Cost], began: Timestamp, ended: Timestamp) {
        for cost in costs {
            let made = self.made.get_mut(&cost.key);
            let Some(call) = made.and_then(|made| made.iter_mut().find(|call| **call == began)) else { continue };
            *call = ended;
        }
        for cost in costs {
            if let Some(made) = self.made.get_mut(&cost.key) {
                made.make_contiguous().sort_unstable();
            }
        }
    }

    /// The platform asked to wait.
    pub fn block(&mut self, costs: &[Cost], global: bool, until: Timestamp) {
        if global {
            self.all_blocked = Some(self.all_blocked.map_or(until, |old| old.max(until)));
        }
        // The narrowest limit comes first or last, but a refusal does not say which it was: all of them wait.
        for cost in costs {
            self.blocked.insert(cost.key.clone(), until);
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
            let free = windows.free_at(&five_in_five(), now);
            now = free.max(now + SignedDuration::from_millis(step % 7));
            windows.take(&five_in_five(), now);
            made.push(now);
        }
        for window in made.windows(6) {
            assert!(window[5].duration_since(window[0]) >= SignedDuration::from_secs(5));
        }
    }

    #[test]
    fn what_the_platform_says_is_obeyed() {
        let mut windows = Windows::default();
        windows.block(&five_in_five(), false, at(9_000));
        assert_eq!(windows.free_at(&five_in_five(), at(1)), at(9_000));
        let other = vec![Cost { key: "y".to_owned(), rate: discord::REQUESTS }];
        assert_eq!(windows.free_at(&other, at(1)), at(1));
        windows.block(&other, true, at(20_000));
        assert_eq!(windows.free_at(&five_in_five(), at(1)), at(20_000));
    }
}
