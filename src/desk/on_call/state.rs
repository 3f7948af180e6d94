//! The people on call: pure.

use jiff::Timestamp;

use crate::domain::ids::{PersonRef, Place, PlatformName};
use crate::domain::permission::Roster;

/// A person on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCall {
    /// Their account.
    pub who: PersonRef,
    /// Until when, by their own word; `None` if the settings list them.
    pub until: Option<Timestamp>,
}

/// Returns the people on call who can be mentioned in one of these channels.
#[must_use]
pub fn reachable(on_call: &[OnCall], channels: &[Place], roster: &Roster) -> Vec<OnCall> {
    let is_reached =
        |one: &&OnCall| channels.iter().any(|channel| roster.account_on(&one.who, channel.platform()).is_some());
    on_call.iter().filter(is_reached).cloned().collect()
}

/// Returns the accounts by which the people on call are reached on this platform, each person once.
#[must_use]
pub fn reached_on(on_call: &[OnCall], platform: PlatformName, roster: &Roster) -> Vec<PersonRef> {
    let mut reached: Vec<PersonRef> = on_call.iter().filter_map(|one| roster.account_on(&one.who, platform)).collect();
    reached.sort();
    reached.dedup();
    reached
}
