//! Places that refuse while the platform itself works: pure.
//!
//! A fault that an operator can fix (a missing right, a closed channel) makes the platform refuse every effect for that
//! place. So after one refusal the other effects for the place are held without a call. From time to time one of them
//! is released as a probe, to see whether the fault is fixed; any success in the place releases all of them. An effect
//! that keeps failing on its own, while others of its kind are delivered, is held too, in a place of its own.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::signed;
use crate::domain::effect::Undeliverable;
use crate::domain::ids::{EffectId, PlatformName};
use crate::platform::Act;

/// The time from a refusal to the first probe. It doubles up to [`PROBE_LONGEST`].
const PROBE_FIRST: Duration = Duration::from_secs(5 * 60);
const PROBE_LONGEST: Duration = Duration::from_secs(3600);
/// The place of effects that this version cannot read. They are released at the next start, which may be of another
/// version.
pub const UNREADABLE: &str = "unreadable";

/// The places that refuse, and the effects that keep failing. A place is written as a kind of call with a channel or a
/// conversation (`post:C1`, `post:C1/1.1`). An effect that fails on its own has the place `effect:` and its id.
#[derive(Debug, Default)]
pub struct Places {
    closed: HashMap<String, Closed>,
    failing: HashMap<EffectId, Timestamp>,
    /// When a call of each kind last succeeded.
    succeeded: HashMap<Verb, Timestamp>,
}

/// A kind of call. A platform that takes no posts may still take changes, so the success of one kind says nothing about
/// another.
pub type Verb = &'static str;

#[derive(Debug)]
struct Closed {
    /// When the place last refused; `None` if that was noted by another process.
    refused_at: Option<Timestamp>,
    reason: Undeliverable,
    detail: String,
    refusals: u32,
    probe_at: Timestamp,
}

/// Why an effect need not be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The refusing place.
    pub by: String,
    pub reason: Undeliverable,
    /// The platform's own words.
    pub detail: String,
}

/// Returns the kind of a call.
pub fn verb(act: &Act) -> Verb {
    match act {
        Act::Post { .. } | Act::Hint { .. } => "post",
        Act::Update { .. } => "change",
        Act::Silent(act) => act.spec().verb,
        Act::Whisper { .. } => "whisper",
    }
}

fn platform(act: &Act) -> PlatformName {
    match act {
        Act::Post { to: place, .. } | Act::Hint { place, .. } => place.tenant.platform,
        Act::Update { message, .. } => message.tenant.platform,
        Act::Silent(act) => act.spec().platform,
        Act::Whisper { to, .. } => to.platform,
    }
}

/// Returns the two places whose refusal stops a call: its channel as a whole, and its conversation, since a right may
/// be missing for one thread alone.
fn needs(act: &Act) -> [String; 2] {
    let (channel, root) = match act {
        Act::Post { to: place, .. } | Act::Hint { place, .. } => (place.channel(), place.root()),
        Act::Update { message, .. } => (message.channel.as_str(), None),
        Act::Silent(act) => {
            let spec = act.spec();
            (spec.channel, spec.root)
        }
        Act::Whisper { to, .. } => (to.id.as_str(), None),
    };
    let channel = format!("{}:{channel}", verb(act));
    let conversation = root.map_or_else(|| channel.clone(), |root| format!("{channel}/{root}"));
    [channel, conversation]
}

/// Returns the place in which posts into a channel are held, if the channel refuses them.
pub fn posts_in(channel: &str) -> String {
    format!("post:{channel}")
}

/// Returns the place in which an effect is held that fails on its own.
pub fn alone(effect: &EffectId) -> String {
    format!("effect:{effect}")
}

impl Places {
    /// Adds the places in which earlier processes held effects. Each is probed soon, since the fault may have been
    /// fixed before this start.
    pub fn load(&mut self, held_in: impl IntoIterator<Item = String>, now: Timestamp) {
        for by in held_in.into_iter().filter(|by| by != UNREADABLE) {
            let unknown = Closed {
                refused_at: None,
                reason: Undeliverable::NotPermitted,
                detail: String::new(),
                refusals: 0,
                probe_at: now,
            };
            self.closed.entry(by).or_insert(unknown);
        }
    }

    /// Returns why a call need not be tried, if its place has refused lately. An effect released since that refusal is
    /// tried.
    pub fn refuses(&mut self, act: &Act, released_at: Option<Timestamp>, now: Timestamp) -> Option<Refused> {
        if self.closed.is_empty() {
            return None;
        }
        needs(act).into_iter().find_map(|by| {
            let closed = self.closed.get_mut(&by)?;
            let refused_at = closed.refused_at?;
            if released_at.is_some_and(|released_at| released_at > refused_at) {
                return None;
            }
            if now >= closed.probe_at {
                // This effect is the probe; the others wait for its result.
                closed.probe_at = now + signed(PROBE_FIRST);
                return None;
            }
            Some(Refused { by, reason: closed.reason, detail: closed.detail.clone() })
        })
    }

    /// Returns the current refusal of a place, if any. A refusal does not count for an effect that was released after
    /// it.
    pub fn refusal(&self, by: &str, released_at: Option<Timestamp>) -> Option<Refused> {
        let closed = self.closed.get(by)?;
        let refused_at = closed.refused_at?;
        if released_at.is_some_and(|released_at| released_at > refused_at) {
            return None;
        }
        Some(Refused { by: by.to_owned(), reason: closed.reason, detail: closed.detail.clone() })
    }

    /// Notes that a call was refused for a reason that an operator can fix. Returns the place in which its effect is
    /// held.
    pub fn refused(&mut self, act: &Act, reason: Undeliverable, detail: &str, now: Timestamp) -> String {
        let [channel, conversation] = needs(act);
        // On Discord, a single thread may be closed to the bot; on Slack, only the channel around it can be.
        let is_whole = match reason {
            Undeliverable::ChannelGone => true,
            Undeliverable::ChannelClosed => platform(act) == PlatformName::Slack,
            _ => false,
        };
        let by = if is_whole { channel } else { conversation };
        self.close(by.clone(), reason, detail, now);
        by
    }

    /// Notes that an effect fails on its own. Returns the place in which it is held.
    pub fn stuck(&mut self, effect: &EffectId, detail: &str, now: Timestamp) -> String {
        self.failing.remove(effect);
        let by = alone(effect);
        self.close(by.clone(), Undeliverable::Stuck, detail, now);
        by
    }

    fn close(&mut self, by: String, reason: Undeliverable, detail: &str, now: Timestamp) {
        let refusals = self.closed.get(&by).map_or(0, |closed| closed.refusals);
        let wait = PROBE_FIRST.saturating_mul(2_u32.saturating_pow(refusals.min(16))).min(PROBE_LONGEST);
        let (refused_at, detail, probe_at) = (Some(now), detail.to_owned(), now + signed(wait));
        self.closed.insert(by, Closed { refused_at, reason, detail, refusals: refusals + 1, probe_at });
    }

    /// Notes that a call succeeded. Returns the places that were closed and are open now.
    pub fn opened(&mut self, act: &Act, now: Timestamp) -> Vec<String> {
        self.succeeded.insert(verb(act), now);
        if self.closed.is_empty() {
            return Vec::new();
        }
        let mut opened: Vec<String> = needs(act).into_iter().filter(|by| self.closed.remove(by).is_some()).collect();
        opened.dedup();
        opened
    }

    /// Returns the places whose probe is due, and sets the time of the next probe of each.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<String> {
        let due = self.closed.iter_mut().filter(|(_, closed)| closed.probe_at <= now);
        due.map(|(by, closed)| {
            closed.probe_at = now + signed(PROBE_FIRST);
            by.clone()
        })
        .collect()
    }

    /// Returns when the next probe is due. `None`: no place refuses.
    pub fn next_probe(&self) -> Option<Timestamp> {
        self.closed.values().map(|closed| closed.probe_at).min()
    }

    /// Forgets a place in which nothing is held any more.
    pub fn forget(&mut self, by: &str) {
        self.closed.remove(by);
    }

    /// Notes that a try at an effect failed. Returns whether it has failed for longer than `limit` while others of its
    /// kind succeeded. For an effect that was already held for this and is only being probed, one failure is enough.
    pub fn failed(&mut self, effect: &EffectId, verb: Verb, limit: Duration, now: Timestamp) -> bool {
        if self.closed.contains_key(&alone(effect)) {
            return true;
        }
        let since = *self.failing.entry(effect.clone()).or_insert(now);
        let is_long = now.duration_since(since) > signed(limit);
        is_long && self.succeeded.get(verb).is_some_and(|success| *success > since)
    }

    /// Notes that an effect has ended.
    pub fn ended(&mut self, effect: &EffectId) {
        self.failing.remove(effect);
        if !self.closed.is_empty() {
            self.closed.remove(&alone(effect));
        }
    }

    /// Forgets all failures of effects: while the platform is away, no effect counts as failing on its own.
    pub fn forget_failures(&mut self) {
        self.failing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::SilentAct;
    use crate::domain::ids::{Conversation, MessageRef, Place, Tenant};
    use crate::domain::message::Message;

    fn at(mins: i64) -> Timestamp {
        Timestamp::from_second(60 * mins).expect("a time")
    }

    fn post(channel: &str, root: Option<&str>) -> Act {
        let channel = channel.to_owned();
        let at = match root {
            Some(root) => Conversation::Thread { channel, root: root.to_owned() },
            None => Conversation::Channel { channel },
        };
        let to = Place { tenant: Tenant { platform: PlatformName::Slack, id: "T1".to_owned() }, at };
        Act::Post { to, message: Message::default(), thread_title: None }
    }

    fn message(channel: &str) -> MessageRef {
        let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
        MessageRef { tenant, channel: channel.to_owned(), id: "1.1".to_owned() }
    }

    #[test]
    fn a_channel_that_is_closed_closes_its_threads_and_a_thread_only_itself() {
        let mut places = Places::default();
        let by = places.refused(&post("C1", Some("1.1")), Undeliverable::ChannelClosed, "is_archived", at(0));
        assert_eq!(by, "post:C1");
        let refused = |places: &mut Places, act: &Act| places.refuses(act, None, at(1)).map(|refused| refused.by);
        assert_eq!(refused(&mut places, &post("C1", Some("2.1"))), Some("post:C1".to_owned()));
        assert_eq!(refused(&mut places, &post("C2", None)), None);
        let by = places.refused(&post("C2", Some("1.1")), Undeliverable::NotPermitted, "thread_locked", at(0));
        assert_eq!(by, "post:C2/1.1");
        assert_eq!(refused(&mut places, &post("C2", Some("2.1"))), None);
        assert_eq!(refused(&mut places, &post("C2", Some("1.1"))), Some(by));
        // A private Discord thread that lost the bot says nothing about other threads.
        let on_discord = |root: &str| match post("C3", Some(root)) {
            Act::Post { mut to, message, thread_title } => {
                to.tenant.platform = PlatformName::Discord;
                Act::Post { to, message, thread_title }
            }
            other => other,
        };
        let by = places.refused(&on_discord("1"), Undeliverable::ChannelClosed, "Missing Access", at(0));
        assert_eq!(by, "post:C3/1");
        assert_eq!(refused(&mut places, &on_discord("2")), None);
        let by = places.refused(&on_discord("2"), Undeliverable::ChannelGone, "Unknown Channel", at(0));
        assert_eq!((by.as_str(), refused(&mut places, &on_discord("3"))), ("post:C3", Some("post:C3".to_owned())));
    }

    #[test]
    fn it_is_looked_at_ever_more_rarely_and_opened_by_any_success() {
        let mut places = Places::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..6 {
            places.refused(&post("C1", None), Undeliverable::NotPermitted, "no", at(now));
            let next = places.next_probe().expect("it is closed");
            waits.push((next.as_second() - at(now).as_second()) / 60);
            now = next.as_second() / 60;
            assert_eq!(places.take_due(at(now)), ["post:C1"]);
            assert_eq!(places.take_due(at(now)), [""; 0], "one at a time");
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        assert_eq!(places.opened(&post("C1", None), at(now)), ["post:C1"]);
        assert_eq!(places.refuses(&post("C1", None), None, at(now)), None);
        assert_eq!(places.next_probe(), None);
    }

    #[test]
    fn what_fails_while_others_of_its_kind_do_not_is_stuck() {
        let mut places = Places::default();
        let (effect, limit) = (EffectId("1".to_owned()), Duration::from_secs(15 * 60));
        let change = Act::Silent(SilentAct::Remove { message: message("C1") });
        assert!(!places.failed(&effect, "post", limit, at(0)));
        places.opened(&change, at(5));
        assert!(!places.failed(&effect, "post", limit, at(20)), "no post was taken");
        places.opened(&post("C2", None), at(21));
        assert!(places.failed(&effect, "post", limit, at(22)));
        assert_eq!(places.stuck(&effect, "500", at(22)), "effect:1");
        assert_eq!(places.take_due(at(27)), ["effect:1"]);
        assert!(places.failed(&effect, "post", limit, at(27)), "one failed probe is enough");
        places.ended(&effect);
        assert!(!places.failed(&effect, "post", limit, at(23)), "failures are counted anew");
        places.opened(&post("C2", None), at(24));
        assert!(!places.failed(&effect, "post", limit, at(25)), "it has not failed for long");
        places.forget_failures();
        assert!(!places.failed(&effect, "post", limit, at(60)));
    }

    #[test]
    fn who_was_let_go_since_the_refusal_is_tried_and_so_is_what_another_process_left() {
        let mut places = Places::default();
        places.load(["post:C1".to_owned(), UNREADABLE.to_owned()], at(0));
        assert_eq!(places.refuses(&post("C1", None), None, at(0)), None);
        assert_eq!(places.take_due(at(0)), ["post:C1"]);
        places.refused(&post("C1", None), Undeliverable::NotPermitted, "no", at(1));
        assert!(places.refuses(&post("C1", None), Some(at(1)), at(2)).is_some());
        assert!(places.refuses(&post("C1", None), Some(at(2)), at(2)).is_none());
    }
}
