//! The guilds that the bot is in, according to the gateway, and the guilds that it must serve but is not in.

use std::collections::HashSet;

use serenity::model::id::GuildId;

use super::watch::shard_of;

/// The guilds of the shards that this process runs. The guilds of other shards are unknown.
#[derive(Debug, Default)]
pub(super) struct Membership {
    joined: HashSet<GuildId>,
    /// The shards whose list of guilds is known.
    heard: HashSet<u32>,
}

impl Membership {
    /// Replaces the guilds of a shard.
    pub(super) fn named(&mut self, shard: u32, shards: u32, guilds: impl IntoIterator<Item = GuildId>) {
        self.joined.retain(|guild| shard_of(*guild, shards) != shard);
        self.joined.extend(guilds);
        self.heard.insert(shard);
    }

    /// Forgets the guilds of a shard that another process runs now.
    pub(super) fn handed_over(&mut self, shard: u32, shards: u32) {
        self.joined.retain(|guild| shard_of(*guild, shards) != shard);
        self.heard.remove(&shard);
    }

    pub(super) fn joined(&mut self, guild: GuildId) {
        self.joined.insert(guild);
    }

    pub(super) fn left(&mut self, guild: GuildId) {
        self.joined.remove(&guild);
    }

    /// Returns a description of the missing guilds, if any. `wanted` are the guilds that the bot must serve. If it is
    /// empty, the bot serves every guild that it is in, and must be in one.
    pub(super) fn missing(&self, wanted: &HashSet<GuildId>, shards: u32) -> Option<String> {
        let is_missing =
            |guild: &&GuildId| self.heard.contains(&shard_of(**guild, shards)) && !self.joined.contains(guild);
        match wanted.iter().filter(is_missing).count() {
            0 if !wanted.is_empty() => None,
            0 => {
                let is_all_known = (0..shards).all(|shard| self.heard.contains(&shard));
                (is_all_known && self.joined.is_empty()).then(|| "the bot is in no guild".to_owned())
            }
            missing if missing == wanted.len() => Some("the bot is in no guild that it is to serve".to_owned()),
            missing => Some(format!("the bot is not in {missing} of the {} guilds that it is to serve", wanted.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a guild whose events come through this shard of two.
    fn guild(number: u64, shard: u64) -> GuildId {
        GuildId::new((2 * number + shard) << 22 | 1)
    }

    #[test]
    fn only_what_a_shard_of_this_process_does_not_name_is_missing() {
        let (even, odd) = (guild(1, 0), guild(2, 1));
        let wanted = HashSet::from([even, odd]);
        let mut membership = Membership::default();
        assert_eq!(membership.missing(&wanted, 2), None, "nothing is known yet");
        membership.named(0, 2, [even]);
        assert_eq!(membership.missing(&wanted, 2), None, "the guilds of the other shard are unknown");
        membership.named(1, 2, []);
        assert!(membership.missing(&wanted, 2).is_some_and(|told| told.contains("1 of the 2")));
        membership.joined(odd);
        assert_eq!(membership.missing(&wanted, 2), None);
        membership.left(even);
        membership.left(odd);
        assert!(membership.missing(&wanted, 2).is_some_and(|told| told.contains("no guild that")));
        membership.handed_over(0, 2);
        membership.handed_over(1, 2);
        assert_eq!(membership.missing(&wanted, 2), None, "another process knows");
    }

    #[test]
    fn a_bot_that_serves_whichever_guild_is_to_be_in_one() {
        let (any, mut membership) = (HashSet::new(), Membership::default());
        membership.named(0, 2, []);
        assert_eq!(membership.missing(&any, 2), None, "the other shard may have one");
        membership.named(1, 2, []);
        assert_eq!(membership.missing(&any, 2).as_deref(), Some("the bot is in no guild"));
        membership.named(1, 2, [guild(1, 1)]);
        assert_eq!(membership.missing(&any, 2), None);
    }
}
