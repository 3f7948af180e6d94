//! The JSON of users, members, roles, channels, guilds and messages, as Discord writes it.
//!
//! Sources: <https://docs.discord.com/developers/resources/message>, `…/channel`, `…/guild`, `…/user`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::guilds::Guild;
use super::state::{Channel, HAS_THREAD, Message, Place, State};

/// The permissions of `@everyone`: react, see, write, embed, attach, read the history, use commands, threads.
const EVERYONE_MAY: u64 = 1 << 6 | VIEW | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 31 | 1 << 35 | 1 << 38;
/// The bot's role may also manage threads and mention everyone, so that a mass mention that slips into its text pings.
const BOT_MAY: u64 = EVERYONE_MAY | 1 << 17 | 1 << 34;
const VIEW: u64 = 1 << 10;
const READ_HISTORY: u64 = 1 << 16;

/// Returns a time as Discord writes it.
pub fn stamp(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

impl State {
    /// Returns a user as others see it. An unknown id gets the name "Deleted User".
    pub fn user_json(&self, id: u64) -> Value {
        let (handle, name, bot) = match self.users.get(&id) {
            Some(user) => (user.handle.as_str(), user.name.as_str(), user.bot),
            None => ("deleted_user", "Deleted User", false),
        };
        json!({
            "id": id.to_string(), "username": handle, "discriminator": if bot { "1042" } else { "0" },
            "global_name": if bot { None } else { Some(name) }, "avatar": null, "bot": bot, "system": false,
            "public_flags": 0, "flags": 0, "banner": null, "accent_color": null, "avatar_decoration_data": null,
        })
    }

    /// Returns the bot's user as the owner of the token sees it.
    pub fn me_json(&self) -> Value {
        let mut me = self.user_json(self.bot);
        me["mfa_enabled"] = json!(true);
        me["verified"] = json!(true);
        me["locale"] = json!("en-US");
        me
    }

    /// Returns a member of a guild with its roles. `with_user` adds the user, which events about messages leave out.
    pub fn member_json(&self, guild: u64, id: u64, with_user: bool) -> Value {
        let roles: Vec<String> = self.roles_of(guild, id).iter().map(u64::to_string).collect();
        let nick = (id == self.bot).then(|| self.users.get(&id).map(|user| user.name.clone())).flatten();
        let mut member = json!({
            "nick": nick, "avatar": null, "banner": null, "roles": roles, "joined_at": "2024-01-08T09:00:00.000000+00:00",
            "premium_since": null, "deaf": false, "mute": false, "flags": 0, "pending": false,
            "communication_disabled_until": null,
        });
        if with_user {
            member["user"] = self.user_json(id);
        }
        member
    }

    /// Returns a member as interactions have it, with its permissions in the channel.
    pub fn acting_member_json(&self, guild: u64, id: u64) -> Value {
        let mut member = self.member_json(guild, id, true);
        member["permissions"] = json!(EVERYONE_MAY.to_string());
        member
    }

    /// Returns the permissions of the bot's role as the decimal number that Discord writes. They are the same
    /// everywhere.
    pub fn bot_permissions(&self) -> String {
        BOT_MAY.to_string()
    }

    /// Returns a role. The role whose id is the guild's is `@everyone`, and the bot's own role is managed.
    pub fn role_json(&self, guild: u64, id: u64, name: &str) -> Value {
        let is_bot = self.guilds.iter().any(|guild| guild.bot_role == id);
        let permissions = if id == guild {
            EVERYONE_MAY
        } else if is_bot {
            BOT_MAY
        } else {
            0
        };
        let mut role = json!({
            "id": id.to_string(), "name": name, "color": 0,
            "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
            "hoist": false, "icon": null, "unicode_emoji": null, "position": u8::from(id != guild),
            "permissions": permissions.to_string(), "managed": is_bot, "mentionable": id != guild && !is_bot,
            "flags": 0,
        });
        if is_bot {
            role["tags"] = json!({ "bot_id": self.bot.to_string() });
        }
        role
    }

    /// Returns the roles of a guild: `@everyone`, the bot's, and in the desk's guild those of people.
    pub fn roles_json(&self, guild: &Guild) -> Value {
        let role = |id, name| self.role_json(guild.id, id, name);
        let mut roles = vec![role(guild.id, "@everyone"), role(guild.bot_role, "Desk")];
        if guild.id == self.guild {
            roles.extend(self.roles.iter().map(|own| role(own.id, &own.name)));
        }
        Value::Array(roles)
    }

    /// Returns a text channel, thread or direct conversation; null if there is none with this id.
    pub fn channel_json(&self, id: u64) -> Value {
        let Some(channel) = self.channels.get(&id) else { return Value::Null };
        let last = channel.last_message.map(|id| id.to_string());
        let guild = channel.guild.map(|id| id.to_string());
        match &channel.place {
            Place::Text { .. } => {
                json!({
                    "id": id.to_string(), "type": 0, "guild_id": guild, "name": channel.name,
                    "position": channel.position, "permission_overwrites": self.overwrites_json(channel), "topic": null,
                    "nsfw": false, "last_message_id": last, "rate_limit_per_user": 0, "parent_id": null, "flags": 0,
                })
            }
            Place::Direct { person } => json!({
                "id": id.to_string(), "type": 1, "last_message_id": last, "flags": 0,
                "recipients": [self.user_json(*person)],
            }),
            Place::Thread(thread) => {
                let mut json = json!({
                    "id": id.to_string(), "type": 11, "guild_id": guild, "name": channel.name,
                    "parent_id": thread.parent.to_string(), "owner_id": thread.owner.to_string(),
                    "last_message_id": last, "message_count": channel.messages.len(), "member_count": 2,
                    "total_message_sent": channel.sent, "rate_limit_per_user": 0, "flags": 0,
                    "thread_metadata": {
                        "archived": thread.archived, "archive_timestamp": stamp(thread.turned_ms),
                        "auto_archive_duration": thread.auto_archive_minutes, "locked": thread.locked,
                        "create_timestamp": stamp(channel.created_ms),
                    },
                });
                if thread.joined {
                    json["member"] = self.thread_member_json(channel);
                }
                json
            }
        }
    }

    /// Returns the bot as a member of a thread.
    pub fn thread_member_json(&self, channel: &Channel) -> Value {
        json!({
            "id": channel.id.to_string(), "user_id": self.bot.to_string(), "flags": 0,
            "join_timestamp": stamp(channel.created_ms),
        })
    }

    fn overwrites_json(&self, channel: &Channel) -> Value {
        let Place::Text { private, members, bot } = &channel.place else { return json!([]) };
        let overwrite = |id: u64, kind: u8, allow: u64, deny: u64| {
            json!({
                "id": id.to_string(), "type": kind, "allow": allow.to_string(), "deny": deny.to_string(),
            })
        };
        let mut overwrites = Vec::new();
        if *private {
            overwrites.push(overwrite(channel.guild.unwrap_or(self.guild), 0, 0, VIEW));
            let people = self.people.iter().filter(|user| members.contains(user));
            overwrites.extend(people.map(|user| overwrite(*user, 1, VIEW, 0)));
        }
        if self.blind.contains(&channel.id) {
            overwrites.push(overwrite(self.bot, 1, if *private { VIEW } else { 0 }, READ_HISTORY));
            return Value::Array(overwrites);
        }
        match (private, bot) {
            (true, true) => overwrites.push(overwrite(self.bot, 1, VIEW, 0)),
            (_, false) => overwrites.push(overwrite(self.bot, 1, 0, VIEW)),
            (false, true) => {}
        }
        Value::Array(overwrites)
    }

    /// Returns a guild with its roles, but without channels, members and threads.
    pub fn guild_json(&self, guild: &Guild) -> Value {
        let owner = self.people.first().copied().unwrap_or(self.bot);
        json!({
            "id": guild.id.to_string(), "name": guild.name, "icon": null, "icon_hash": null, "splash": null,
            "discovery_splash": null, "owner_id": owner.to_string(), "afk_channel_id": null, "afk_timeout": 300,
            "widget_enabled": false, "widget_channel_id": null, "verification_level": 1,
            "default_message_notifications": 1, "explicit_content_filter": 0, "roles": self.roles_json(guild),
            "emojis": [], "stickers": [], "features": [], "mfa_level": 0, "application_id": null,
            "system_channel_id": null, "system_channel_flags": 0, "hub_type": null, "rules_channel_id": null, "max_presences": null,
            "max_members": 500_000, "vanity_url_code": null, "description": null, "banner": null, "premium_tier": 0,
            "premium_subscription_count": 0, "preferred_locale": "en-US", "public_updates_channel_id": null,
            "max_video_channel_users": 25, "max_stage_video_channel_users": 50, "nsfw_level": 0,
            "premium_progress_bar_enabled": false, "safety_alerts_channel_id": null, "incidents_data": null,
        })
    }

    /// Returns a guild as GUILD_CREATE has it.
    pub fn whole_guild_json(&self, of: &Guild, all_members: bool) -> Value {
        let mut guild = self.guild_json(of);
        let mut members = vec![self.member_json(of.id, self.bot, true)];
        if all_members {
            members.extend(self.people.iter().map(|user| self.member_json(of.id, *user, true)));
        }
        let channels: Vec<Value> = of.channels.iter().map(|id| self.channel_json(*id)).collect();
        guild["joined_at"] = json!("2024-01-08T09:00:00.000000+00:00");
        guild["large"] = json!(self.people.len() > 250);
        guild["unavailable"] = json!(false);
        guild["member_count"] = json!(self.people.len() + 1);
        guild["members"] = Value::Array(members);
        guild["channels"] = Value::Array(channels);
        guild["threads"] = Value::Array(self.active_threads_json(of.id));
        for empty in ["voice_states", "presences", "stage_instances", "guild_scheduled_events", "soundboard_sounds"] {
            guild[empty] = json!([]);
        }
        guild
    }

    /// Returns the threads of a guild that are not archived and that the bot can see.
    pub fn active_threads_json(&self, guild: u64) -> Vec<Value> {
        let visible = self.active_threads(guild).filter(|id| self.sees(self.bot, *id));
        visible.map(|id| self.channel_json(id)).collect()
    }

    /// Returns a message as REST has it. Without `with_content`, the content is left empty, unless the message is the
    /// bot's, mentions the bot, or is direct.
    pub fn message_json(&self, message: &Message, with_content: bool) -> Value {
        let hidden = !with_content && !self.readable_without_intent(message);
        let has_thread = !message.is_ephemeral() && self.thread(message.id).is_some();
        let ids = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>();
        let mentions: Vec<Value> = message.mentions.iter().map(|user| self.user_json(*user)).collect();
        let reactions: Vec<Value> =
            message.reactions.iter().map(|(emoji, users)| reaction_json(emoji, users)).collect();
        let mut json = json!({
            "id": message.id.to_string(), "channel_id": message.channel.to_string(), "type": message.kind,
            "author": self.user_json(message.author), "content": if hidden { "" } else { &message.content },
            "timestamp": stamp(message.at_ms), "edited_timestamp": message.edited_ms.map(stamp), "tts": false,
            "mention_everyone": message.mention_everyone, "mentions": mentions,
            "mention_roles": ids(&message.mention_roles), "attachments": [],
            "embeds": if hidden { &[] } else { message.embeds.as_slice() },
            "components": if hidden { &[] } else { message.components.as_slice() },
            "pinned": false, "flags": message.flags | if has_thread { HAS_THREAD } else { 0 },
        });
        if !reactions.is_empty() {
            json["reactions"] = Value::Array(reactions);
        }
        if let Some(position) = message.position {
            json["position"] = json!(position);
        }
        if has_thread {
            json["thread"] = self.channel_json(message.id);
        }
        if message.by_webhook {
            json["webhook_id"] = json!(self.bot.to_string());
            json["application_id"] = json!(self.bot.to_string());
        }
        if let Some(reply_to) = message.reply_to {
            let mut reference = json!({
                "type": 0, "message_id": reply_to.to_string(), "channel_id": message.channel.to_string(),
            });
            if let Some(guild) = self.guild_of(message.channel) {
                reference["guild_id"] = json!(guild.to_string());
            }
            json["message_reference"] = reference;
            let referenced = self.message(message.channel, reply_to).ok();
            json["referenced_message"] = referenced.map_or(Value::Null, |referenced| {
                let alone = Message { reply_to: None, ..referenced.clone() };
                self.message_json(&alone, with_content)
            });
        }
        json
    }

    /// Returns a message as an event has it: with the guild, and with the memberships of its author and the mentioned
    /// users.
    pub fn message_event_json(&self, message: &Message, with_content: bool) -> Value {
        let mut json = self.message_json(message, with_content);
        if let Some(guild) = self.guild_of(message.channel) {
            json["guild_id"] = json!(guild.to_string());
            json["member"] = self.member_json(guild, message.author, false);
            for (mention, user) in json["mentions"].as_array_mut().into_iter().flatten().zip(&message.mentions) {
                mention["member"] = self.member_json(guild, *user, false);
            }
        }
        json
    }
}

fn reaction_json(emoji: &str, users: &[u64]) -> Value {
    json!({
        "emoji": { "id": null, "name": emoji }, "count": users.len(),
        "count_details": { "normal": users.len(), "burst": 0 }, "burst_colors": [], "me_burst": false,
        "burst_me": false, "burst_count": 0, "me": false,
    })
}
