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
use crate::platform::Operation;

/// The time from a refusal to the first probe. It doubles up to [`PROBE_LONGEST`].
const PROBE_FIRST: Duration = Duration::from_secs(5 * 60);
const PROBE_LONGEST: Duration = Duration::from_secs(3600);
/// The place of effects that this version cannot read. They are released at the next start, which may be of another
/// version.
pub const UNREADABLE: &str = "unreadable";

/// The places that refuse, and the effects that keep failing. A place is written as a kind of call with a channel or a
/// conversation (`post:C1`, `post:C1/1.1`). An effect that fails on its own has the place `effect:` and its id.
#[derive(Debug, Default)]
pub struct Refusals {
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
    /// What refuses, with the kind of call, as `effects --held` names it: `post:C0123456789`.
    pub held_in: String,
    pub reason: Undeliverable,
    /// The platform's own words.
    pub detail: String,
}

/// Returns the kind of a call.
pub fn verb(operation: &Operation) -> Verb {
    match operation {
        Operation::Post { .. } | Operation::Hint { .. } => "post",
        Operation::Update { .. } => "change",
        Operation::Silent(act) => act.spec().verb,
        Operation::Whisper { .. } => "whisper",
    }
}

fn platform(operation: &Operation) -> PlatformName {
    match operation {
        Operation::Post { to: place, .. } | Operation::Hint { place, .. } => place.tenant.platform,
        Operation::Update { message, .. } => message.tenant.platform,
        Operation::Silent(act) => act.spec().platform,
        Operation::Whisper { to, .. } => to.platform,
    }
}

/// Returns the two places whose refusal stops a call: its channel as a whole, and its conversation, since a right may
/// be missing for one thread alone.
fn needs(operation: &Operation) -> [String; 2] {
    let (channel, root) = match operation {
        Operation::Post { to: place, .. } | Operation::Hint { place, .. } => (place.channel(), place.root()),
        Operation::Update { message, .. } => (message.channel.as_str(), None),
        Operation::Silent(act) => {
            let spec = act.spec();
            (spec.channel, spec.root)
        }
        Operation::Whisper { to, .. } => (to.id.as_str(), None),
    };
    let channel = format!("{}:{channel}", verb(operation));
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

impl Refusals {
    /// Adds the places in which earlier processes held effects. Each is probed soon, since the fault may have been
    /// fixed before this start.
    pub fn load(&mut self, held_in: impl IntoIterator<Item = String>, now: Timestamp) {
        for held_in in held_in.into_iter().filter(|held_in| held_in != UNREADABLE) {
            let unknown = Closed {
                refused_at: None,
                reason: Undeliverable::NotPermitted,
                detail: String::new(),
                refusals: 0,
                probe_at: now,
            };
            self.closed.entry(held_in).or_insert(unknown);
        }
    }

    /// Returns why a call need not be tried, if its place has refused lately. An effect released since that refusal is
    /// tried.
    pub fn refuses(
        &mut self,
        operation: &Operation,
        released_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Refused> {
        if self.closed.is_empty() {
            return None;
        }
        needs(operation).into_iter().find_map(|held_in| {
            let closed = self.closed.get_mut(&held_in)?;
            let refused_at = closed.refused_at?;
            if released_at.is_some_and(|released_at| released_at > refused_at) {
                return None;
            }
            if now >= closed.probe_at {
                // This effect is the probe; the others wait for its result.
                closed.probe_at = now + signed(PROBE_FIRST);
                return None;
            }
            Some(Refused { held_in, reason: closed.reason, detail: closed.detail.clone() })
        })
    }

    /// Returns the current refusal of a place, if any. A refusal does not count for an effect that was released after
    /// it.
    pub fn refusal(&self, held_in: &str, released_at: Option<Timestamp>) -> Option<Refused> {
        let closed = self.closed.get(held_in)?;
        let refused_at = closed.refused_at?;
        if released_at.is_some_and(|released_at| released_at > refused_at) {
            return None;
        }
        Some(Refused { held_in: held_in.to_owned(), reason: closed.reason, detail: closed.detail.clone() })
    }

    /// Notes that a call was refused for a reason that an operator can fix. Returns the place in which its effect is
    /// held.
    pub fn refused(&mut self, operation: &Operation, reason: Undeliverable, detail: &str, now: Timestamp) -> String {
        let [channel, conversation] = needs(operation);
        // On Discord, a single thread may be closed to the bot; on Slack, only the channel around it can be.
        let is_whole = match reason {
            Undeliverable::ChannelGone => true,
            Undeliverable::ChannelClosed => platform(operation) == PlatformName::Slack,
            _ => false,
        };
        let held_in = if is_whole { channel } else { conversation };
        self.close(held_in.clone(), reason, detail, now);
        held_in
    }

    /// Notes that an effect fails on its own. Returns the place in which it is held.
    pub fn stuck(&mut self, effect: &EffectId, detail: &str, now: Timestamp) -> String {
        self.failing.remove(effect);
        let held_in = alone(effect);
        self.close(held_in.clone(), Undeliverable::Stuck, detail, now);
        held_in
    }

    fn close(&mut self, held_in: String, reason: Undeliverable, detail: &str, now: Timestamp) {
        let refusals = self.closed.get(&held_in).map_or(0, |closed| closed.refusals);
        let wait = PROBE_FIRST.saturating_mul(2_u32.saturating_pow(refusals.min(16))).min(PROBE_LONGEST);
        let (refused_at, detail, probe_at) = (Some(now), detail.to_owned(), now + signed(wait));
        self.closed.insert(held_in, Closed { refused_at, reason, detail, refusals: refusals + 1, probe_at });
    }

    /// Notes that a call succeeded. Returns the places that were closed and are open now.
    pub fn opened(&mut self, operation: &Operation, now: Timestamp) -> Vec<String> {
        self.succeeded.insert(verb(operation), now);
        if self.closed.is_empty() {
            return Vec::new();
        }
        let mut opened: Vec<String> =
            needs(operation).into_iter().filter(|held_in| self.closed.remove(held_in).is_some()).collect();
        opened.dedup();
        opened
    }

    /// Returns the places whose probe is due, and sets the time of the next probe of each.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<String> {
        let due = self.closed.iter_mut().filter(|(_, closed)| closed.probe_at <= now);
        due.map(|(held_in, closed)| {
            closed.probe_at = now + signed(PROBE_FIRST);
            held_in.clone()
        })
        .collect()
    }

    /// Returns when the next probe is due. `None`: no place refuses.
    pub fn next_probe(&self) -> Option<Timestamp> {
        self.closed.values().map(|closed| closed.probe_at).min()
    }

    /// Forgets a place in which nothing is held any more.
    pub fn forget(&mut self, held_in: &str) {
        self.closed.remove(held_in);
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

    fn post(channel: &str, root: Option<&str>) -> Operation {
        let channel = channel.to_owned();
        let at = match root {
            Some(root) => Conversation::Thread { channel, root: root.to_owned() },
            None => Conversation::Channel { channel },
        };
        let to = Place { tenant: Tenant { platform: PlatformName::Slack, id: "T1".to_owned() }, at };
        Operation::Post { to, message: Message::default(), thread_title: None }
    }

    fn message(channel: &str) -> MessageRef {
        let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
        MessageRef { tenant, channel: channel.to_owned(), id: "1.1".to_owned() }
    }

    #[test]
    fn a_channel_that_is_closed_closes_its_threads_and_a_thread_only_itself() {
        let mut refusals = Refusals::default();
        let held_in = refusals.refused(&post("C1", Some("1.1")), Undeliverable::ChannelClosed, "is_archived", at(0));
        assert_eq!(held_in, "post:C1");
        let refused = |refusals: &mut Refusals, operation: &Operation| {
            refusals.refuses(operation, None, at(1)).map(|refused| refused.held_in)
        };
        assert_eq!(refused(&mut refusals, &post("C1", Some("2.1"))), Some("post:C1".to_owned()));
        assert_eq!(refused(&mut refusals, &post("C2", None)), None);
        let held_in = refusals.refused(&post("C2", Some("1.1")), Undeliverable::NotPermitted, "thread_locked", at(0));
        assert_eq!(held_in, "post:C2/1.1");
        assert_eq!(refused(&mut refusals, &post("C2", Some("2.1"))), None);
        assert_eq!(refused(&mut refusals, &post("C2", Some("1.1"))), Some(held_in));
        // A private Discord thread that lost the bot says nothing about other threads.
        let on_discord = |root: &str| match post("C3", Some(root)) {
            Operation::Post { mut to, message, thread_title } => {
                to.tenant.platform = PlatformName::Discord;
                Operation::Post { to, message, thread_title }
            }
            other => other,
        };
        let held_in = refusals.refused(&on_discord("1"), Undeliverable::ChannelClosed, "Missing Access", at(0));
        assert_eq!(held_in, "post:C3/1");
        assert_eq!(refused(&mut refusals, &on_discord("2")), None);
        let held_in = refusals.refused(&on_discord("2"), Undeliverable::ChannelGone, "Unknown Channel", at(0));
        assert_eq!(
            (held_in.as_str(), refused(&mut refusals, &on_discord("3"))),
            ("post:C3", Some("post:C3".to_owned()))
        );
    }

    #[test]
    fn it_is_looked_at_ever_more_rarely_and_opened_by_any_success() {
        let mut refusals = Refusals::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..6 {
            refusals.refused(&post("C1", None), Undeliverable::NotPermitted, "no", at(now));
            let next = refusals.next_probe().expect("it is closed");
            waits.push((next.as_second() - at(now).as_second()) / 60);
            now = next.as_second() / 60;
            assert_eq!(refusals.take_due(at(now)), ["post:C1"]);
            assert_eq!(refusals.take_due(at(now)), [""; 0], "one at a time");
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        assert_eq!(refusals.opened(&post("C1", None), at(now)), ["post:C1"]);
        assert_eq!(refusals.refuses(&post("C1", None), None, at(now)), None);
        assert_eq!(refusals.next_probe(), None);
    }

    #[test]
    fn what_fails_while_others_of_its_kind_do_not_is_stuck() {
        let mut refusals = Refusals::default();
        let (effect, limit) = (EffectId("1".to_owned()), Duration::from_secs(15 * 60));
        let change = Operation::Silent(SilentAct::Remove { message: message("C1") });
        assert!(!refusals.failed(&effect, "post", limit, at(0)));
        refusals.opened(&change, at(5));
        assert!(!refusals.failed(&effect, "post", limit, at(20)), "no post was taken");
        refusals.opened(&post("C2", None), at(21));
        assert!(refusals.failed(&effect, "post", limit, at(22)));
        assert_eq!(refusals.stuck(&effect, "500", at(22)), "effect:1");
        assert_eq!(refusals.take_due(at(27)), ["effect:1"]);
        assert!(refusals.failed(&effect, "post", limit, at(27)), "one failed probe is enough");
        refusals.ended(&effect);
        assert!(!refusals.failed(&effect, "post", limit, at(23)), "failures are counted anew");
        refusals.opened(&post("C2", None), at(24));
        assert!(!refusals.failed(&effect, "post", limit, at(25)), "it has not failed for long");
        refusals.forget_failures();
        assert!(!refusals.failed(&effect, "post", limit, at(60)));
    }

    #[test]
    fn who_was_let_go_since_the_refusal_is_tried_and_so_is_what_another_process_left() {
        let mut refusals = Refusals::default();
        refusals.load(["post:C1".to_owned(), UNREADABLE.to_owned()], at(0));
        assert_eq!(refusals.refuses(&post("C1", None), None, at(0)), None);
        assert_eq!(refusals.take_due(at(0)), ["post:C1"]);
        refusals.refused(&post("C1", None), Undeliverable::NotPermitted, "no", at(1));
        assert!(refusals.refuses(&post("C1", None), Some(at(1)), at(2)).is_some());
        assert!(refusals.refuses(&post("C1", None), Some(at(2)), at(2)).is_none());
    }
}
