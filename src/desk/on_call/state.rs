//! The people on call, and the accounts by which they are mentioned: pure.

use jiff::Timestamp;

use crate::domain::ids::{PersonRef, Place, PlatformName};
use crate::domain::permission::Roster;

/// A person on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCall {
    pub who: PersonRef,
    /// Until when, if on call by command. `None`: the settings list the person.
    pub until: Option<Timestamp>,
}

/// Returns the people on call who have an account on the platform of at least one of these channels.
#[must_use]
pub fn reachable(on_call: &[OnCall], channels: &[Place], roster: &Roster) -> Vec<OnCall> {
    let is_reached =
        |one: &&OnCall| channels.iter().any(|channel| roster.account_on(&one.who, channel.platform()).is_some());
    on_call.iter().filter(is_reached).cloned().collect()
}

/// Returns the accounts of the people on call on this platform, sorted, each once.
#[must_use]
pub fn reached_on(on_call: &[OnCall], platform: PlatformName, roster: &Roster) -> Vec<PersonRef> {
    let mut reached: Vec<PersonRef> = on_call.iter().filter_map(|one| roster.account_on(&one.who, platform)).collect();
    reached.sort();
    reached.dedup();
    reached
}
