//! The best possible speed, computed from the table of limits alone, to measure the dispatcher against.
//!
//! This code uses no windows, paces or shares, so that it cannot contain the same mistakes.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::ids::{Place, PlatformName};
use crate::domain::limits::{Rate, discord, slack};

/// Returns the least time from the first to the last post if one message goes to each of these places on `platform` (a
/// place that is named twice gets two), and nothing else is sent.
#[must_use]
pub fn bound(platform: PlatformName, destinations: &[Place]) -> Duration {
    let (in_channel, overall) = match platform {
        PlatformName::Slack => (slack::POST_PER_CHANNEL, slack::POST_PER_WORKSPACE),
        PlatformName::Discord => (discord::POST_PER_CHANNEL, discord::REQUESTS),
    };
    let mut channels: HashMap<&str, u32> = HashMap::new();
    for place in destinations.iter().filter(|place| place.platform() == platform) {
        let channel = match platform {
            PlatformName::Slack => place.channel(),
            PlatformName::Discord => place.root().unwrap_or_else(|| place.channel()),
        };
        *channels.entry(channel).or_default() += 1;
    }
    let busiest = channels.values().copied().max().unwrap_or_default();
    least(overall, channels.values().sum()).max(least(in_channel, busiest))
}

/// Returns the least time from the first to the last change of this many messages of a broadcast, each in its own
/// place. On Slack, half of the changes are reserved for tickets.
#[must_use]
pub fn bound_of_changes(platform: PlatformName, messages: usize) -> Duration {
    let rate = match platform {
        PlatformName::Slack => slack::BROADCAST_UPDATE,
        PlatformName::Discord => discord::REQUESTS,
    };
    least(rate, u32::try_from(messages).unwrap_or(u32::MAX))
}

/// Calls that fit into one window can be made at once; the next ones follow a whole window later.
fn least(rate: Rate, calls: u32) -> Duration {
    rate.per * (calls.saturating_sub(1) / rate.count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{Conversation, Tenant};

    fn places(platform: PlatformName, count: usize, channels: usize) -> Vec<Place> {
        let tenant = Tenant { platform, id: "1".to_owned() };
        let place = |number: usize| Conversation::Channel { channel: format!("{}", number % channels) };
        (0..count).map(|number| Place { tenant: tenant.clone(), at: place(number) }).collect()
    }

    #[test]
    fn the_workspace_or_the_busiest_channel_is_the_bound() {
        let seconds = |platform, count, channels| bound(platform, &places(platform, count, channels)).as_secs();
        assert_eq!(seconds(PlatformName::Slack, 0, 1), 0);
        assert_eq!(seconds(PlatformName::Slack, 300, 300), 0);
        assert_eq!(seconds(PlatformName::Slack, 301, 301), 60);
        assert_eq!(seconds(PlatformName::Slack, 10_000, 10_000), 33 * 60);
        assert_eq!(seconds(PlatformName::Slack, 100, 1), 99);
        assert_eq!(seconds(PlatformName::Discord, 10_000, 10_000), 199);
        assert_eq!(seconds(PlatformName::Discord, 50, 1), 45);
        assert_eq!(bound_of_changes(PlatformName::Slack, 10_000).as_secs(), 399 * 60);
        assert_eq!(bound_of_changes(PlatformName::Discord, 10_000).as_secs(), 199);
        assert_eq!(bound(PlatformName::Discord, &places(PlatformName::Slack, 500, 500)), Duration::ZERO);
    }
}
