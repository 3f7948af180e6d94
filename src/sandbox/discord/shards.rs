//! Distributes events over the connections of the Gateway.
//!
//! Source: <https://docs.discord.com/developers/events/gateway#sharding>.

use serde_json::Value;

/// A shard: a part of the guilds. The first shard also has the direct conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, counted from 0.
    pub number: u64,
    /// The number of shards.
    pub total: u64,
}

impl Shard {
    /// Returns the shard that an IDENTIFY asks for: the only one if it names none, and `None` if there is no such
    /// shard.
    pub fn asked_for(identify: &Value) -> Option<Self> {
        let shard = &identify["shard"];
        if shard.is_null() {
            return Some(Self { number: 0, total: 1 });
        }
        let [number, total] = shard.as_array()?.as_slice() else { return None };
        let shard = Self { number: number.as_u64()?, total: total.as_u64()? };
        (shard.number < shard.total).then_some(shard)
    }

    /// Whether this shard gets the events of a guild (`None`: of direct conversations).
    pub fn hears(self, guild: Option<u64>) -> bool {
        guild.map_or(0, |guild| (guild >> 22) % self.total) == self.number
    }
}

/// Returns the guild that an event names, if any.
pub fn guild_of(event: &Value) -> Option<u64> {
    event["guild_id"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_guild_belongs_to_one_part_and_direct_conversations_to_the_first() {
        let shards: Vec<Shard> = (0..3).map(|number| Shard { number, total: 3 }).collect();
        for guild in [None, Some(1 << 22), Some(2 << 22), Some(700_000_000_000_000_000)] {
            assert_eq!(shards.iter().filter(|shard| shard.hears(guild)).count(), 1, "{guild:?}");
        }
        assert!(shards[0].hears(None) && shards[1].hears(Some(1 << 22)) && shards[2].hears(Some(5 << 22)));
    }

    #[test]
    fn there_is_no_part_beyond_the_last() {
        assert_eq!(Shard::asked_for(&json!({})), Some(Shard { number: 0, total: 1 }));
        assert_eq!(Shard::asked_for(&json!({"shard": [1, 2]})), Some(Shard { number: 1, total: 2 }));
        for wrong in [json!([2, 2]), json!([0, 0]), json!([0]), json!(["0", "1"]), json!(7)] {
            assert_eq!(Shard::asked_for(&json!({"shard": wrong})), None);
        }
    }
}
