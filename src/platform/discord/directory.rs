//! What the gateway has told of guilds: names, roles, which thread hangs where, who was seen with which roles.
//!
//! A small memory of our own instead of the library's cache: it is read by translation, which needs little, and it knows
//! up to which message each channel was seen, which a new session needs to read what it missed.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serenity::model::channel::{ChannelType, GuildChannel, PartialChannel};
use serenity::model::event::Event;
use serenity::model::guild::{Guild, Role};
use serenity::model::id::{ChannelId, GuildId, MessageId, RoleId, UserId};

use crate::domain::ids::{Conversation, Person, PersonRef, Place, PlatformName, Tenant};

/// Id of the tenant that direct messages belong to.
pub(super) const DIRECT: &str = "@me";

/// The memory.
pub(super) struct Directory {
    me: UserId,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    guilds: HashMap<GuildId, HashMap<RoleId, KnownRole>>,
    channels: HashMap<ChannelId, KnownChannel>,
    people: HashMap<UserId, KnownPerson>,
    directs: HashMap<UserId, ChannelId>,
}

struct KnownRole {
    name: String,
    /// The role that Discord made for the bot itself.
    own: bool,
}

struct KnownChannel {
    guild: Option<GuildId>,
    name: String,
    /// Of a thread, the channel that it hangs in.
    parent: Option<ChannelId>,
    /// The newest message that was seen, or had been posted when it was first heard of.
    last: Option<MessageId>,
    /// Of a thread: put away by Discord, until somebody writes in it.
    archived: bool,
}

#[derive(Default)]
struct KnownPerson {
    name: String,
    roles: HashMap<GuildId, Vec<RoleId>>,
}

/// Messages of a channel that were posted after this one and have not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The channel or thread.
    pub(super) channel: ChannelId,
    /// Its guild.
    pub(super) guild: Option<GuildId>,
    /// The last message that came.
    pub(super) after: MessageId,
}

impl Directory {
    /// A memory that knows nothing but who the bot is.
    pub(super) fn new(me: UserId) -> Self {
        Self { me, known: RwLock::default() }
    }

    /// Takes in a guild as it is now. If it was known before, tells where messages may have been missed.
    pub(super) fn take_guild(&self, guild: &Guild) -> Vec<Gap> {
        let mut known = self.write();
        let roles = guild.roles.values().map(|role| (role.id, self.role(role))).collect();
        let was_known = known.guilds.insert(guild.id, roles).is_some();
        let mut gaps = Vec::new();
        for channel in guild.channels.values().chain(&guild.threads) {
            let seen = known.channels.get(&channel.id).map_or(Some(MessageId::new(channel.id.get())), |it| it.last);
            if was_known
                && let (Some(after), Some(last)) = (seen, channel.last_message_id)
                && last > after
            {
                gaps.push(Gap { channel: channel.id, guild: Some(guild.id), after });
            }
            known.take(channel, guild.id);
        }
        // Only active threads are listed: what was said in one that has been archived since is read, too.
        let listed: HashSet<ChannelId> = guild.threads.iter().map(|thread| thread.id).collect();
        let mine = known.channels.iter_mut().filter(|(_, channel)| channel.guild == Some(guild.id));
        for (id, thread) in mine.filter(|(id, it)| it.parent.is_some() && !it.archived && !listed.contains(id)) {
            thread.archived = true;
            gaps.extend(thread.last.map(|after| Gap { channel: *id, guild: Some(guild.id), after }));
        }
        // A thread's parent comes first: what opened it must not be overtaken.
        gaps.sort_by_key(|gap| gap.after);
        gaps
    }

    /// Direct conversations that were seen; a new session does not tell whether something was said in them.
    pub(super) fn directs(&self) -> Vec<Gap> {
        let known = self.read();
        let directs = known.channels.iter().filter(|(_, channel)| channel.guild.is_none());
        directs.filter_map(|(id, it)| it.last.map(|after| Gap { channel: *id, guild: None, after })).collect()
    }

    /// Forgets a guild that the bot has left.
    pub(super) fn forget_guild(&self, guild: GuildId) {
        let mut known = self.write();
        known.guilds.remove(&guild);
        known.channels.retain(|_, channel| channel.guild != Some(guild));
    }

    /// Takes in a role.
    pub(super) fn take_role(&self, role: &Role) {
        let own = self.role(role);
        self.write().guilds.entry(role.guild_id).or_default().insert(role.id, own);
    }

    /// Forgets a role.
    pub(super) fn forget_role(&self, guild: GuildId, role: RoleId) {
        if let Some(roles) = self.write().guilds.get_mut(&guild) {
            roles.remove(&role);
        }
    }

    /// Takes in a channel or thread.
    pub(super) fn take_channel(&self, channel: &GuildChannel) {
        self.write().take(channel, channel.guild_id);
    }

    /// Takes in what the gateway tells of roles, channels and threads.
    pub(super) fn take(&self, event: &Event) {
        match event {
            Event::GuildDelete(event) if !event.guild.unavailable => self.forget_guild(event.guild.id),
            Event::GuildRoleCreate(event) => self.take_role(&event.role),
            Event::GuildRoleUpdate(event) => self.take_role(&event.role),
            Event::GuildRoleDelete(event) => self.forget_role(event.guild_id, event.role_id),
            Event::ChannelCreate(event) => self.take_channel(&event.channel),
            Event::ChannelUpdate(event) => self.take_channel(&event.channel),
            Event::ChannelDelete(event) => self.forget_channel(event.channel.id),
            Event::ThreadCreate(event) => self.take_channel(&event.thread),
            Event::ThreadUpdate(event) => self.take_channel(&event.thread),
            Event::ThreadDelete(event) => self.forget_channel(event.thread.id),
            Event::ThreadListSync(event) => event.threads.iter().for_each(|it| self.take_channel(it)),
            _ => {}
        }
    }

    /// Takes in a channel as an interaction tells of it.
    pub(super) fn take_partial(&self, channel: &PartialChannel, guild: Option<GuildId>) {
        let parent = if is_thread(channel.kind) { channel.parent_id } else { None };
        let name = channel.name.clone().unwrap_or_default();
        let fresh = KnownChannel { guild, name, parent, last: None, archived: false };
        self.write().channels.entry(channel.id).or_insert(fresh);
    }

    /// Remembers that a thread exists, or a direct conversation.
    pub(super) fn learn(&self, channel: ChannelId, guild: Option<GuildId>, parent: Option<ChannelId>) {
        let fresh = KnownChannel { guild, name: String::new(), parent, last: None, archived: false };
        self.write().channels.entry(channel).or_insert(fresh);
    }

    /// Forgets a channel or thread that is gone.
    pub(super) fn forget_channel(&self, channel: ChannelId) {
        self.write().channels.remove(&channel);
    }

    /// Whether the channel, thread or direct conversation is known to exist.
    pub(super) fn knows(&self, channel: ChannelId) -> bool {
        self.read().channels.contains_key(&channel)
    }

    /// Whether a thread is known to be archived.
    pub(super) fn is_archived(&self, thread: ChannelId) -> bool {
        self.read().channels.get(&thread).is_some_and(|known| known.archived)
    }

    /// Notes that a message was seen.
    pub(super) fn saw(&self, channel: ChannelId, guild: Option<GuildId>, message: MessageId) {
        let mut known = self.write();
        match known.channels.get_mut(&channel) {
            Some(channel) => channel.last = channel.last.max(Some(message)),
            None if guild.is_none() => {
                let direct =
                    KnownChannel { guild, name: String::new(), parent: None, last: Some(message), archived: false };
                known.channels.insert(channel, direct);
            }
            // An unknown thread: where it hangs is asked for when its message is read.
            None => {}
        }
    }

    /// The channel that orders what happens in this one: a thread's parent, else itself.
    pub(super) fn lane(&self, channel: ChannelId) -> ChannelId {
        self.read().channels.get(&channel).and_then(|known| known.parent).unwrap_or(channel)
    }

    /// Where this channel, thread or direct conversation is; `None` if it has not been heard of.
    pub(super) fn place(&self, guild: Option<GuildId>, channel: ChannelId) -> Option<Place> {
        let Some(guild) = guild else {
            let at = Conversation::Direct { channel: channel.to_string() };
            return Some(Place { tenant: tenant(None), at });
        };
        let at = match self.read().channels.get(&channel)?.parent {
            Some(parent) => Conversation::Thread { channel: parent.to_string(), root: channel.to_string() },
            None => Conversation::Channel { channel: channel.to_string() },
        };
        Some(Place { tenant: tenant(Some(guild)), at })
    }

    /// The guilds that the bot is in.
    pub(super) fn guilds(&self) -> Vec<GuildId> {
        self.read().guilds.keys().copied().collect()
    }

    /// The name of a channel.
    pub(super) fn channel_name(&self, channel: ChannelId) -> Option<String> {
        let known = self.read();
        known.channels.get(&channel).map(|channel| channel.name.clone()).filter(|name| !name.is_empty())
    }

    /// The name of a role of the guild, and whether it is the bot's own.
    pub(super) fn role_name(&self, guild: GuildId, role: RoleId) -> Option<(String, bool)> {
        self.read().guilds.get(&guild)?.get(&role).map(|role| (role.name.clone(), role.own))
    }

    /// Remembers a person as an event shows them.
    pub(super) fn saw_person(&self, guild: Option<GuildId>, user: UserId, name: &str, roles: Option<&[RoleId]>) {
        let mut known = self.write();
        let person = known.people.entry(user).or_default();
        if person.name != name {
            name.clone_into(&mut person.name);
        }
        if let (Some(guild), Some(roles)) = (guild, roles)
            && person.roles.get(&guild).is_none_or(|known| known != roles)
        {
            person.roles.insert(guild, roles.to_vec());
        }
    }

    /// A person by what was seen of them. Rights are never read from the roles remembered here.
    pub(super) fn person_name(&self, user: UserId) -> Option<String> {
        self.read().people.get(&user).map(|person| person.name.clone())
    }

    /// People who were last seen with a role, by guild.
    pub(super) fn seen_with(&self, role: RoleId) -> HashSet<(GuildId, UserId)> {
        let known = self.read();
        let mut found = HashSet::new();
        for (user, person) in &known.people {
            let guilds = person.roles.iter().filter(|(_, roles)| roles.contains(&role));
            found.extend(guilds.map(|(guild, _)| (*guild, *user)));
        }
        found
    }

    /// The direct conversation with a person.
    pub(super) fn direct_with(&self, user: UserId) -> Option<ChannelId> {
        self.read().directs.get(&user).copied()
    }

    /// Remembers the direct conversation with a person.
    pub(super) fn learn_direct(&self, user: UserId, channel: ChannelId) {
        self.write().directs.insert(user, channel);
    }

    fn role(&self, role: &Role) -> KnownRole {
        KnownRole { name: role.name.clone(), own: role.tags.bot_id == Some(self.me) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn take(&mut self, channel: &GuildChannel, guild: GuildId) {
        let parent = if is_thread(channel.kind) { channel.parent_id } else { None };
        let last = self.channels.get(&channel.id).and_then(|known| known.last).max(channel.last_message_id);
        // What has no message yet was seen to its end, which is where its own id stands.
        let last = last.or(Some(MessageId::new(channel.id.get())));
        let archived = channel.thread_metadata.as_ref().is_some_and(|thread| thread.archived);
        let known = KnownChannel { guild: Some(guild), name: channel.name.clone(), parent, last, archived };
        self.channels.insert(channel.id, known);
    }
}

/// A guild, or the direct messages, as a tenant.
pub(super) fn tenant(guild: Option<GuildId>) -> Tenant {
    let id = guild.map_or_else(|| DIRECT.to_owned(), |guild| guild.to_string());
    Tenant { platform: PlatformName::Discord, id }
}

/// The account of a user.
pub(super) fn account(user: UserId) -> PersonRef {
    PersonRef::new(PlatformName::Discord, user.to_string())
}

/// A person with the roles that an event proves: where it tells them, everybody's role (whose id is the guild's) is among
/// them, so that a person without any other is not taken for one of whom nothing is known.
pub(super) fn person(user: UserId, name: &str, guild: Option<GuildId>, roles: Option<&[RoleId]>) -> Person {
    let groups = match (guild, roles) {
        (Some(guild), Some(roles)) => {
            roles.iter().map(ToString::to_string).chain(std::iter::once(guild.to_string())).collect()
        }
        _ => Vec::new(),
    };
    Person { who: account(user), name: name.to_owned(), groups }
}

fn is_thread(kind: ChannelType) -> bool {
    matches!(kind, ChannelType::PublicThread | ChannelType::PrivateThread | ChannelType::NewsThread)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn channel(id: &str, kind: u8, parent: Option<&str>, last: Option<&str>) -> Value {
        let mut channel = json!({
            "id": id, "type": kind, "guild_id": "10", "name": format!("c{id}"), "position": 0,
            "permission_overwrites": [], "nsfw": false, "parent_id": parent, "last_message_id": last,
        });
        if kind == 11 {
            channel["thread_metadata"] = json!({
                "archived": false, "archive_timestamp": "2026-11-21T10:00:00+00:00", "auto_archive_duration": 60,
                "locked": false,
            });
        }
        channel
    }

    fn guild(channels: &[Value], threads: &[Value]) -> Guild {
        serde_json::from_value(json!({
            "id": "10", "name": "Sandbox", "owner_id": "1", "afk_timeout": 300, "verification_level": 1,
            "default_message_notifications": 1, "explicit_content_filter": 0, "roles": [], "emojis": [],
            "features": [], "mfa_level": 0, "system_channel_flags": 0, "premium_tier": 0, "preferred_locale": "en-US",
            "nsfw_level": 0, "premium_progress_bar_enabled": false, "joined_at": "2026-11-21T10:00:00+00:00",
            "large": false, "member_count": 1, "voice_states": [], "members": [], "channels": channels,
            "threads": threads, "presences": [], "stage_instances": [], "guild_scheduled_events": [], "stickers": [],
        }))
        .expect("is a guild")
    }

    #[test]
    fn a_new_session_tells_what_was_missed() {
        let directory = Directory::new(UserId::new(99));
        let gap = |channel: u64, after: u64| Gap {
            channel: ChannelId::new(channel),
            guild: Some(GuildId::new(10)),
            after: MessageId::new(after),
        };
        let before = guild(
            &[channel("20", 0, Some("15"), Some("100")), channel("21", 0, None, None)],
            &[channel("101", 11, Some("20"), Some("102")), channel("103", 11, Some("20"), Some("104"))],
        );
        assert_eq!(directory.take_guild(&before), []);
        directory.saw(ChannelId::new(20), Some(GuildId::new(10)), MessageId::new(110));
        let after = guild(
            &[channel("20", 0, Some("15"), Some("110")), channel("21", 0, None, Some("120"))],
            &[channel("101", 11, Some("20"), Some("105")), channel("130", 11, Some("21"), Some("131"))],
        );
        assert_eq!(directory.take_guild(&after), [gap(21, 21), gap(101, 102), gap(103, 104), gap(130, 130)]);
        assert!(directory.is_archived(ChannelId::new(103)));
        assert_eq!(directory.lane(ChannelId::new(130)), ChannelId::new(21));
        assert_eq!(directory.lane(ChannelId::new(20)), ChannelId::new(20));
        assert_eq!(directory.take_guild(&after), []);
    }
}
