//! A memory of the gateway's reports about guilds: names, roles, parents of threads, and the roles of people seen.
//!
//! It is used in place of the library's cache, of which translation needs only a little. It also holds the newest
//! message seen in each channel, by which a deaf session is noticed.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Value, json};
use serenity::model::Permissions;
use serenity::model::id::{ChannelId, GuildId, MessageId, RoleId, UserId};

use super::payload::{Channel, Role, guild_of, id, ids, list, permissions};
use crate::domain::ids::{Conversation, Person, PersonRef, Place, PlatformName, Tenant};

/// The id of the tenant of direct messages.
pub(super) const DIRECT: &str = "@me";

/// The memory of guilds, channels, roles and people.
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
    /// The roles of each guild and those of the bot, as in the last complete report.
    rights: HashMap<GuildId, Value>,
}

struct KnownRole {
    name: String,
    /// Whether Discord made the role for the bot itself.
    own: bool,
}

struct KnownChannel {
    guild: Option<GuildId>,
    name: String,
    /// The parent channel of a thread.
    parent: Option<ChannelId>,
    /// The newest message that was seen, or that the gateway has named as the channel's last.
    last: Option<MessageId>,
    /// Whether Discord has archived the thread. A new message in it unarchives it.
    archived: bool,
    /// Whether the channel holds messages that the bot may read.
    readable: bool,
}

#[derive(Default)]
struct KnownPerson {
    name: String,
    roles: HashMap<GuildId, Vec<RoleId>>,
}

/// A channel or thread with messages that the bot may read, as a new session lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) channel: ChannelId,
    /// The newest message. `None` if unknown, because the thread was archived since the last report.
    pub(super) last: Option<MessageId>,
}

impl Directory {
    /// Creates a memory that knows only the bot's own id.
    pub(super) fn new(me: UserId) -> Self {
        Self { me, known: RwLock::default() }
    }

    /// Stores a guild as it is now. Returns its channels and threads with messages that the bot may read.
    pub(super) fn take_guild(&self, guild: GuildId, told: &Value) -> Vec<Listed> {
        let mut known = self.write();
        known.take_rights(self.me, guild, told);
        let (channels, threads) = (list(&told["channels"]), list(&told["threads"]));
        let roles = list(&told["roles"]).iter().filter_map(Role::read);
        known.guilds.insert(guild, roles.map(|role| (role.id, self.role(&role))).collect());
        let my_roles = list(&told["members"]).iter().find(|member| id(&member["user"]["id"]) == Some(self.me));
        let my_roles: Option<Vec<RoleId>> = my_roles.map(|me| ids(&me["roles"]));
        let by_id: HashMap<ChannelId, &Value> =
            channels.iter().filter_map(|channel| Some((id(&channel["id"])?, channel))).collect();
        let mut listed = Vec::new();
        for (payload, channel) in channels.iter().chain(threads).filter_map(|it| Some((it, Channel::read(it)?))) {
            known.take(&channel, guild);
            let ruling = channel.parent.and_then(|parent| by_id.get(&parent).copied()).unwrap_or(payload);
            // If the bot's roles are unknown, reading is tried.
            let may_read = my_roles.as_ref().is_none_or(|mine| {
                permissions(ruling, &told["roles"], guild, Some((self.me, mine)))
                    .contains(Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY)
            });
            if let Some(known) = known.channels.get_mut(&channel.id) {
                known.readable = may_read && channel.holds_messages;
                if known.readable {
                    // A channel without messages counts as seen up to its own id.
                    let last = channel.last.unwrap_or(MessageId::new(channel.id.get()));
                    listed.push(Listed { channel: channel.id, last: Some(last) });
                }
            }
        }
        // The guild lists only active threads. A thread that was archived since the last report must be read, too.
        let active: HashSet<ChannelId> = threads.iter().filter_map(|thread| id(&thread["id"])).collect();
        let mine = known.channels.iter_mut().filter(|(_, channel)| channel.guild == Some(guild));
        for (id, thread) in mine.filter(|(id, it)| it.parent.is_some() && !it.archived && !active.contains(id)) {
            thread.archived = true;
            listed.push(Listed { channel: *id, last: None });
        }
        listed
    }

    /// Returns the readable channels of a guild, with the newest message seen in each.
    pub(super) fn seen_in(&self, guild: GuildId) -> HashMap<ChannelId, MessageId> {
        let known = self.read();
        let mine = known.channels.iter().filter(|(_, it)| it.guild == Some(guild) && it.readable && !it.archived);
        mine.filter_map(|(id, it)| Some((*id, it.last?))).collect()
    }

    /// Returns the direct conversations, the most recent first, with the newest message seen in each.
    pub(super) fn directs_seen(&self) -> Vec<(ChannelId, MessageId)> {
        let known = self.read();
        let directs = known.channels.iter().filter(|(_, it)| it.guild.is_none());
        let mut directs: Vec<_> = directs.filter_map(|(id, it)| Some((*id, it.last?))).collect();
        directs.sort_by_key(|(_, last)| std::cmp::Reverse(*last));
        directs
    }

    /// Stores the roles of a guild and those of the bot.
    pub(super) fn take_rights(&self, guild: GuildId, whole: &Value) {
        self.write().take_rights(self.me, guild, whole);
    }

    /// Returns a channel in the form of a complete guild: with the guild's roles and those of the bot.
    pub(super) fn as_told(&self, guild: GuildId, channel: &Value) -> Value {
        let rights = self.read().rights.get(&guild).cloned().unwrap_or_default();
        json!({ "channels": [channel], "roles": rights["roles"], "members": rights["members"] })
    }

    /// Forgets a guild that the bot has left.
    pub(super) fn forget_guild(&self, guild: GuildId) {
        let mut known = self.write();
        known.guilds.remove(&guild);
        known.channels.retain(|_, channel| channel.guild != Some(guild));
    }

    pub(super) fn take_role(&self, guild: GuildId, role: &Role) {
        let known = self.role(role);
        self.write().guilds.entry(guild).or_default().insert(role.id, known);
    }

    pub(super) fn forget_role(&self, guild: GuildId, role: RoleId) {
        if let Some(roles) = self.write().guilds.get_mut(&guild) {
            roles.remove(&role);
        }
    }

    /// Stores a gateway event about roles, channels or threads. Unreadable data is ignored, and asked for when needed.
    pub(super) fn take(&self, event: &str, told: &Value) {
        let guild: Option<GuildId> = guild_of(told).ok().flatten();
        match (event, guild) {
            ("GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE", Some(guild)) => {
                if let Some(role) = Role::read(&told["role"]) {
                    self.take_role(guild, &role);
                }
            }
            ("GUILD_ROLE_DELETE", Some(guild)) => {
                if let Some(role) = id(&told["role_id"]) {
                    self.forget_role(guild, role);
                }
            }
            ("CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE", Some(guild)) => {
                self.take_channel(guild, told);
            }
            ("CHANNEL_DELETE" | "THREAD_DELETE", _) => {
                if let Some(channel) = id(&told["id"]) {
                    self.forget_channel(channel);
                }
            }
            ("THREAD_LIST_SYNC", Some(guild)) => {
                list(&told["threads"]).iter().for_each(|thread| self.take_channel(guild, thread));
            }
            _ => {}
        }
    }

    fn take_channel(&self, guild: GuildId, told: &Value) {
        if let Some(channel) = Channel::read(told) {
            self.write().take(&channel, guild);
        }
    }

    /// Stores a channel from an interaction, unless the channel is known.
    pub(super) fn take_partial(&self, channel: &Channel, guild: Option<GuildId>) {
        let (name, parent) = (channel.name.clone(), channel.parent);
        let fresh = KnownChannel { guild, name, parent, last: None, archived: false, readable: true };
        self.write().channels.entry(channel.id).or_insert(fresh);
    }

    /// Remembers that a channel, thread or direct conversation exists.
    pub(super) fn learn(&self, channel: ChannelId, guild: Option<GuildId>, parent: Option<ChannelId>) {
        let fresh = KnownChannel { guild, name: String::new(), parent, last: None, archived: false, readable: true };
        self.write().channels.entry(channel).or_insert(fresh);
    }

    /// Forgets a channel or thread that is gone.
    pub(super) fn forget_channel(&self, channel: ChannelId) {
        self.write().channels.remove(&channel);
    }

    /// Returns the guild that a channel or thread is known to be in.
    pub(super) fn guild_of(&self, channel: ChannelId) -> Option<GuildId> {
        self.read().channels.get(&channel)?.guild
    }

    /// Whether the channel, thread or direct conversation is known to exist.
    pub(super) fn knows(&self, channel: ChannelId) -> bool {
        self.read().channels.contains_key(&channel)
    }

    /// Whether a thread is known to be archived.
    pub(super) fn is_archived(&self, thread: ChannelId) -> bool {
        self.read().channels.get(&thread).is_some_and(|known| known.archived)
    }

    /// Notes that a message of this channel has arrived or was read.
    pub(super) fn saw(&self, channel: ChannelId, guild: Option<GuildId>, message: MessageId) {
        let mut known = self.write();
        match known.channels.get_mut(&channel) {
            Some(channel) => channel.last = channel.last.max(Some(message)),
            None if guild.is_none() => {
                let name = String::new();
                let last = Some(message);
                let direct = KnownChannel { guild, name, parent: None, last, archived: false, readable: true };
                known.channels.insert(channel, direct);
            }
            // An unknown thread of a guild: its parent is asked for when the message is handled.
            None => {}
        }
    }

    /// Returns the channel whose lane keeps the events of this one in order: a thread's parent, otherwise the channel
    /// itself.
    pub(super) fn family_of(&self, channel: ChannelId) -> ChannelId {
        self.read().channels.get(&channel).and_then(|known| known.parent).unwrap_or(channel)
    }

    /// Returns the place of this channel, thread or direct conversation; `None` if it is unknown.
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

    /// Returns the guilds that the bot is in.
    pub(super) fn guilds(&self) -> Vec<GuildId> {
        self.read().guilds.keys().copied().collect()
    }

    /// Returns the name of a channel.
    pub(super) fn channel_name(&self, channel: ChannelId) -> Option<String> {
        let known = self.read();
        known.channels.get(&channel).map(|channel| channel.name.clone()).filter(|name| !name.is_empty())
    }

    /// Returns the name of a role of the guild, and whether it is the bot's own.
    pub(super) fn role_name(&self, guild: GuildId, role: RoleId) -> Option<(String, bool)> {
        self.read().guilds.get(&guild)?.get(&role).map(|role| (role.name.clone(), role.own))
    }

    /// Stores a person as an event shows them.
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

    /// Returns the name under which a person was last seen.
    pub(super) fn person_name(&self, user: UserId) -> Option<String> {
        self.read().people.get(&user).map(|person| person.name.clone())
    }

    /// Whether the guild is known to have this role.
    pub(super) fn has_role(&self, guild: GuildId, role: RoleId) -> bool {
        self.read().guilds.get(&guild).is_some_and(|roles| roles.contains_key(&role))
    }

    /// Returns the people who were last seen with a role of the guild. This proves no right: they may have lost the
    /// role.
    pub(super) fn seen_with(&self, guild: GuildId, role: RoleId) -> Vec<UserId> {
        let known = self.read();
        let has = |person: &KnownPerson| person.roles.get(&guild).is_some_and(|roles| roles.contains(&role));
        known.people.iter().filter(|(_, person)| has(person)).map(|(user, _)| *user).collect()
    }

    /// Returns the direct conversation with a person.
    pub(super) fn direct_with(&self, user: UserId) -> Option<ChannelId> {
        self.read().directs.get(&user).copied()
    }

    /// Remembers the direct conversation with a person.
    pub(super) fn learn_direct(&self, user: UserId, channel: ChannelId) {
        self.write().directs.insert(user, channel);
    }

    fn role(&self, role: &Role) -> KnownRole {
        KnownRole { name: role.name.clone(), own: role.bot == Some(self.me) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn take_rights(&mut self, me: UserId, guild: GuildId, told: &Value) {
        let mine = list(&told["members"]).iter().find(|member| id(&member["user"]["id"]) == Some(me));
        self.rights.insert(guild, json!({ "roles": told["roles"], "members": mine.into_iter().collect::<Vec<_>>() }));
    }

    fn take(&mut self, channel: &Channel, guild: GuildId) {
        let last = self.channels.get(&channel.id).and_then(|known| known.last).max(channel.last);
        // A channel without messages counts as seen up to its own id.
        let last = last.or(Some(MessageId::new(channel.id.get())));
        let readable = self.channels.get(&channel.id).map_or(channel.holds_messages, |known| known.readable);
        let (name, parent, archived) = (channel.name.clone(), channel.parent, channel.is_archived);
        let known = KnownChannel { guild: Some(guild), name, parent, last, archived, readable };
        self.channels.insert(channel.id, known);
    }
}

/// Returns the tenant of a guild, or of direct messages.
pub(super) fn tenant(guild: Option<GuildId>) -> Tenant {
    let id = guild.map_or_else(|| DIRECT.to_owned(), |guild| guild.to_string());
    Tenant { platform: PlatformName::Discord, id }
}

/// Returns the account of a user.
pub(super) fn account(user: UserId) -> PersonRef {
    PersonRef::new(PlatformName::Discord, user.to_string())
}

/// Returns a person with the roles that an event proves. If the event includes roles, the role of everybody (with the
/// guild's id) is among them, so that a person without other roles is not taken for one whose roles are unknown.
pub(super) fn person(user: UserId, name: &str, guild: Option<GuildId>, roles: Option<&[RoleId]>) -> Person {
    let person = Person::new(account(user), name);
    match (guild, roles) {
        (Some(guild), Some(roles)) => {
            // Everybody in a guild has the role with the guild's id.
            let groups = roles.iter().map(ToString::to_string).chain(std::iter::once(guild.to_string())).collect();
            Person { groups, guild: Some(guild.to_string()), ..person }
        }
        _ => person,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: &str, kind: u8, parent: Option<&str>, last: Option<&str>) -> Value {
        let mut channel = json!({
            "id": id, "type": kind, "guild_id": "10", "name": format!("c{id}"), "permission_overwrites": [],
            "parent_id": parent, "last_message_id": last,
        });
        if kind == 11 {
            channel["thread_metadata"] = json!({ "archived": false });
        }
        channel
    }

    fn guild(channels: &[Value], threads: &[Value]) -> Value {
        json!({ "id": "10", "name": "Sandbox", "roles": [], "members": [], "channels": channels, "threads": threads })
    }

    const GUILD: GuildId = GuildId::new(10);

    #[test]
    fn a_session_tells_what_can_be_read() {
        let directory = Directory::new(UserId::new(99));
        let listed = |guild: &Value| {
            let mut listed = directory.take_guild(GUILD, guild);
            listed.sort_by_key(|it| it.channel);
            listed.into_iter().map(|it| (it.channel.get(), it.last.map(MessageId::get))).collect::<Vec<_>>()
        };
        let before = guild(
            &[channel("20", 0, Some("15"), Some("100")), channel("21", 0, None, None), channel("15", 4, None, None)],
            &[channel("101", 11, Some("20"), Some("102")), channel("103", 11, Some("20"), Some("104"))],
        );
        assert_eq!(listed(&before), [(20, Some(100)), (21, Some(21)), (101, Some(102)), (103, Some(104))]);
        directory.saw(ChannelId::new(20), Some(GuildId::new(10)), MessageId::new(110));
        let after = guild(
            &[channel("20", 0, Some("15"), Some("110")), channel("21", 0, None, Some("120"))],
            &[channel("101", 11, Some("20"), Some("105")), channel("130", 11, Some("21"), Some("131"))],
        );
        let expected = [(20, Some(110)), (21, Some(120)), (101, Some(105)), (103, None), (130, Some(131))];
        assert_eq!(listed(&after), expected);
        assert!(directory.is_archived(ChannelId::new(103)));
        assert_eq!(directory.family_of(ChannelId::new(130)), ChannelId::new(21));
        assert_eq!(directory.family_of(ChannelId::new(20)), ChannelId::new(20));
        assert_eq!(directory.seen_in(GuildId::new(10)).get(&ChannelId::new(20)), Some(&MessageId::new(110)));
    }

    #[test]
    fn what_the_bot_may_not_see_is_not_read() {
        let directory = Directory::new(UserId::new(99));
        let mut hidden = channel("20", 0, None, Some("100"));
        hidden["permission_overwrites"] = json!([{ "id": "10", "type": 0, "allow": "0", "deny": "1024" }]);
        let mut guild = guild(&[hidden, channel("21", 0, None, Some("101"))], &[]);
        guild["roles"] = json!([{ "id": "10", "name": "@everyone", "permissions": "66560" }]);
        guild["members"] = json!([{ "user": { "id": "99" }, "roles": [] }]);
        let listed = directory.take_guild(GUILD, &guild);
        assert_eq!(listed, [Listed { channel: ChannelId::new(21), last: Some(MessageId::new(101)) }]);
    }
    #[test]
    fn a_guild_is_taken_in_whatever_is_odd_in_it() {
        let directory = Directory::new(UserId::new(99));
        let mut odd = channel("20", 0, None, Some("100"));
        odd["permission_overwrites"] = json!(null);
        odd["nsfw"] = json!([]);
        let mut guild = guild(&[odd, json!(null), json!({ "id": 7.5 }), json!({ "id": "22" })], &[json!("odd")]);
        guild["roles"] = json!([null, { "id": "70", "name": null, "tags": 3 }]);
        guild["members"] = json!({});
        guild["nsfw_level"] = json!("unknown");
        let mut listed = directory.take_guild(GUILD, &guild);
        listed.sort_by_key(|it| it.channel);
        assert_eq!(listed.iter().map(|it| it.channel.get()).collect::<Vec<_>>(), [20, 22]);
        assert!(directory.role_name(GUILD, RoleId::new(70)).is_some());
    }
}
