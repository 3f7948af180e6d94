//! Who is on call: pure.

use jiff::Timestamp;

use crate::domain::ids::{PersonRef, PlatformName};
use crate::domain::permission::Roster;

/// Somebody who is on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCall {
    /// Their account.
    pub who: PersonRef,
    /// Until when, by their own word; `None` if the settings list them.
    pub until: Option<Timestamp>,
}

/// The accounts by which those on call are reached on this platform, each person once.
#[must_use]
pub fn reached_on(on_call: &[OnCall], platform: PlatformName, roster: &Roster) -> Vec<PersonRef> {
    let mut reached: Vec<PersonRef> = on_call.iter().filter_map(|one| roster.account_on(&one.who, platform)).collect();
    reached.sort();
    reached.dedup();
    reached
}
