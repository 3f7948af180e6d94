//! Readers of Discord's payloads. Each field is read on its own.
//!
//! A message to the desk must not be lost because a field has an unexpected form. A field that is unknown, null, of
//! another type or of a new kind is ignored, and the other fields are read. Only the indispensable fields must be
//! there: the id, channel and author of a message.
//!
//! Sources: <https://docs.discord.com/developers/resources/message>, `…/resources/channel`, `…/resources/guild`,
//! `…/topics/permissions`.

use std::num::NonZeroU64;

use jiff::Timestamp;
use serde_json::Value;
use serenity::model::Permissions;
use serenity::model::id::{ChannelId, GuildId, MessageId, RoleId, UserId};

use crate::domain::channel::{self, Access};
use crate::domain::event::File;
use crate::domain::words::is_blank;

/// The types of messages in which people say something: ordinary messages and replies.
const SAID: [u64; 2] = [0, 19];
/// The type of a reference that is a reply and not a forwarded message.
const REPLY: u64 = 0;
/// The types of channels that are threads, and of other channels that hold messages.
const THREADS: [u64; 3] = [10, 11, 12];
const WITH_MESSAGES: [u64; 4] = [0, 2, 5, 13];
/// The types of channels made for writing: text and announcements.
pub(super) const TEXT_CHANNELS: [u64; 2] = [0, 5];

/// Reads an id, which Discord writes as a string.
pub(super) fn id<T: From<NonZeroU64>>(value: &Value) -> Option<T> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    number.and_then(NonZeroU64::new).map(T::from)
}

/// Reads a list of ids, skipping invalid entries.
pub(super) fn ids<T: From<NonZeroU64>>(value: &Value) -> Vec<T> {
    list(value).iter().filter_map(id).collect()
}

/// Returns the items of a list; none if the value is no list.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the guild that a payload names. `Ok(None)` if it names none; an error if the value cannot be read, because a
/// guild's message must not be taken for a private one.
pub(super) fn guild_of(payload: &Value) -> Result<Option<GuildId>, Unreadable> {
    match &payload["guild_id"] {
        Value::Null => Ok(None),
        named => id(named).map(Some).ok_or(Unreadable),
    }
}

/// A payload that lacks an indispensable field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// An account of a person or a bot, or one that speaks for Discord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) id: UserId,
    pub(super) is_bot: bool,
    /// Whether the account speaks for Discord itself.
    pub(super) is_system: bool,
    /// The display name, or if there is none, the unique name.
    name: String,
    /// The membership in the guild of the payload, if included.
    pub(super) member: Option<Member>,
}

impl Account {
    /// Reads an account. `None` if it has no id; a blank name becomes "somebody".
    pub(super) fn read(user: &Value) -> Option<Self> {
        let shown = [&user["global_name"], &user["username"]].into_iter().filter_map(Value::as_str);
        let name = shown.map(str::trim).find(|name| !is_blank(name)).unwrap_or("somebody").to_owned();
        Some(Self {
            id: id(&user["id"])?,
            is_bot: user["bot"] == true,
            is_system: user["system"] == true,
            name,
            member: Member::read(&user["member"]),
        })
    }

    /// Returns the name that the guild's members see.
    pub(super) fn name(&self) -> &str {
        self.name_as(self.member.as_ref())
    }

    /// Like [`Self::name`], with a membership from another part of the payload.
    pub(super) fn name_as<'n>(&'n self, member: Option<&'n Member>) -> &'n str {
        member.and_then(|member| member.nick.as_deref()).unwrap_or(&self.name)
    }
}

/// A membership in a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    nick: Option<String>,
    /// The ids of the roles. `None` if the payload does not include them.
    pub(super) roles: Option<Vec<RoleId>>,
}

impl Member {
    /// Returns the membership of somebody who is not in the guild (any more).
    pub(super) const fn gone() -> Self {
        Self { nick: None, roles: Some(Vec::new()) }
    }

    /// Reads a membership, if it is included.
    pub(super) fn read(member: &Value) -> Option<Self> {
        member.is_object().then(|| Self {
            nick: member["nick"].as_str().filter(|nick| !is_blank(nick)).map(str::to_owned),
            roles: member["roles"].is_array().then(|| ids(&member["roles"])),
        })
    }
}

/// A message, as far as the desk needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: MessageId,
    pub(super) channel: ChannelId,
    pub(super) guild: Option<GuildId>,
    pub(super) author: Account,
    /// Whether a webhook posted the message, without an account.
    pub(super) is_webhook: bool,
    /// Whether somebody wrote the message. Otherwise Discord itself reports an occurrence, such as a new member.
    pub(super) is_said: bool,
    pub(super) content: String,
    /// The mentioned accounts; `None` if they are not included.
    pub(super) mentions: Option<Vec<Account>>,
    pub(super) mention_roles: Vec<RoleId>,
    pub(super) files: Vec<File>,
    /// The message to which this one replies.
    pub(super) reply_to: Option<(ChannelId, MessageId)>,
    /// The author of the answered message, if included.
    pub(super) answers: Option<UserId>,
    /// The text of the forwarded message.
    pub(super) forwarded: Option<String>,
    pub(super) stickers: Vec<String>,
    /// When it was last edited, as Discord writes it.
    pub(super) edited_at: Option<String>,
}

impl Message {
    /// Reads a message of the gateway or of the REST API.
    pub(super) fn read(message: &Value) -> Result<Self, Unreadable> {
        let mut author = Account::read(&message["author"]).ok_or(Unreadable)?;
        author.member = Member::read(&message["member"]);
        let reference = &message["message_reference"];
        let is_reply = matches!(&reference["type"], Value::Null) || reference["type"] == REPLY;
        let reply_to = || Some((id(&reference["channel_id"])?, id(&reference["message_id"])?));
        Ok(Self {
            id: id(&message["id"]).ok_or(Unreadable)?,
            channel: id(&message["channel_id"]).ok_or(Unreadable)?,
            guild: guild_of(message)?,
            is_webhook: !message["webhook_id"].is_null(),
            // A message without a type is an ordinary one.
            is_said: message["type"].as_u64().is_none_or(|kind| SAID.contains(&kind)) && !author.is_system,
            author,
            content: text(&message["content"]),
            mentions: message["mentions"].as_array().map(|all| all.iter().filter_map(Account::read).collect()),
            mention_roles: ids(&message["mention_roles"]),
            files: list(&message["attachments"]).iter().map(file).collect(),
            reply_to: if is_reply { reply_to() } else { None },
            answers: id(&message["referenced_message"]["author"]["id"]).filter(|_| is_reply),
            forwarded: list(&message["message_snapshots"]).first().map(|first| text(&first["message"]["content"])),
            stickers: list(&message["sticker_items"]).iter().map(|it| text(&it["name"])).collect(),
            edited_at: match &message["edited_timestamp"] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                odd => Some(odd.to_string()),
            },
        })
    }

    /// Reads a message from a page of the REST API, which does not name the guild.
    pub(super) fn read_in(message: &Value, guild: Option<GuildId>) -> Result<Self, Unreadable> {
        let mut message = Self::read(message)?;
        message.guild = guild;
        Ok(message)
    }

    /// Whether the message mentions this account.
    pub(super) fn names(&self, account: UserId) -> bool {
        match &self.mentions {
            Some(mentions) => mentions.iter().any(|user| user.id == account),
            None => [format!("<@{account}>"), format!("<@!{account}>")].iter().any(|it| self.content.contains(it)),
        }
    }

    /// Returns when the message was last edited. `None` if it never was, or if the time cannot be read.
    pub(super) fn edited(&self) -> Option<Timestamp> {
        self.edited_at.as_ref()?.parse().ok()
    }
}

/// A role of a guild.
pub(super) struct Role {
    pub(super) id: RoleId,
    pub(super) name: String,
    /// The bot for which Discord created the role.
    pub(super) bot: Option<UserId>,
}

impl Role {
    /// Reads a role. `None` if it has no id.
    pub(super) fn read(role: &Value) -> Option<Self> {
        Some(Self { id: id(&role["id"])?, name: text(&role["name"]), bot: id(&role["tags"]["bot_id"]) })
    }
}

/// A channel or thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) id: ChannelId,
    pub(super) name: String,
    pub(super) is_thread: bool,
    /// Whether the channel can hold messages.
    pub(super) holds_messages: bool,
    /// The parent channel of a thread.
    pub(super) parent: Option<ChannelId>,
    pub(super) last: Option<MessageId>,
    pub(super) is_archived: bool,
}

impl Channel {
    /// Reads a channel or thread.
    pub(super) fn read(channel: &Value) -> Option<Self> {
        let kind = channel["type"].as_u64();
        let is_thread = kind.map_or(channel["thread_metadata"].is_object(), |kind| THREADS.contains(&kind));
        Some(Self {
            id: id(&channel["id"])?,
            name: text(&channel["name"]),
            is_thread,
            // A channel without a type counts as one with messages.
            holds_messages: is_thread || kind.is_none_or(|kind| WITH_MESSAGES.contains(&kind)),
            parent: if is_thread { id(&channel["parent_id"]) } else { None },
            last: id(&channel["last_message_id"]),
            is_archived: channel["thread_metadata"]["archived"] == true,
        })
    }
}

/// Returns the text and announcement channels of a guild, each with whether the bot may write there. If the bot's roles
/// are unknown, it counts as allowed.
pub(super) fn channels_of(told: &Value, guild: GuildId, me: UserId) -> Vec<channel::Channel> {
    let mine = list(&told["members"]).iter().find(|member| id(&member["user"]["id"]) == Some(me));
    let mine: Option<Vec<RoleId>> = mine.map(|me| ids(&me["roles"]));
    let is_text = |channel: &&Value| channel["type"].as_u64().is_some_and(|kind| TEXT_CHANNELS.contains(&kind));
    let read = |channel: &Value| {
        let may_write = mine.as_ref().is_none_or(|mine| {
            permissions(channel, &told["roles"], guild, Some((me, mine)))
                .contains(Permissions::VIEW_CHANNEL | Permissions::SEND_MESSAGES)
        });
        let access = if may_write { Access::Open } else { Access::Closed };
        let channel_id: ChannelId = id(&channel["id"])?;
        Some(channel::Channel { id: channel_id.to_string(), name: text(&channel["name"]), access })
    };
    list(&told["channels"]).iter().filter(is_text).filter_map(read).collect()
}

/// Returns the permissions in a channel: those of a member with these roles, or with `None`, those of everybody.
///
/// Source: <https://docs.discord.com/developers/topics/permissions#permission-overwrites>.
pub(super) fn permissions(
    channel: &Value,
    roles: &Value,
    guild: GuildId,
    who: Option<(UserId, &[RoleId])>,
) -> Permissions {
    let everyone = RoleId::new(guild.get());
    let (user, mine) = who.map_or((None, &[][..]), |(user, roles)| (Some(user), roles));
    let mut allowed = Permissions::empty();
    for role in list(roles) {
        let role_id: Option<RoleId> = id(&role["id"]);
        if role_id.is_some_and(|role| role == everyone || mine.contains(&role)) {
            allowed |= bits(&role["permissions"]);
        }
    }
    if allowed.contains(Permissions::ADMINISTRATOR) {
        return Permissions::all();
    }
    let overwrites = list(&channel["permission_overwrites"]);
    let of = |is_of: &dyn Fn(u64, bool) -> bool| {
        let matching = overwrites.iter().filter(|overwrite| {
            let id = id::<NonZeroU64>(&overwrite["id"]).map(NonZeroU64::get).unwrap_or_default();
            is_of(id, overwrite["type"] == 0)
        });
        matching.fold((Permissions::empty(), Permissions::empty()), |(allow, deny), overwrite| {
            (allow | bits(&overwrite["allow"]), deny | bits(&overwrite["deny"]))
        })
    };
    let layers = [
        of(&|id, is_role| is_role && id == everyone.get()),
        of(&|id, is_role| is_role && id != everyone.get() && mine.iter().any(|role| role.get() == id)),
        of(&|id, is_role| !is_role && user.is_some_and(|user| user.get() == id)),
    ];
    for (allow, deny) in layers {
        allowed = (allowed - deny) | allow;
    }
    allowed
}

fn bits(value: &Value) -> Permissions {
    let bits = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    Permissions::from_bits_truncate(bits.unwrap_or_default())
}

/// Reads an attached file.
pub(super) fn file(attachment: &Value) -> File {
    let name = [&attachment["filename"], &attachment["title"]].into_iter().find_map(Value::as_str);
    File {
        name: name.unwrap_or("file").to_owned(),
        url: text(&attachment["url"]),
        bytes: attachment["size"].as_u64().unwrap_or_default(),
    }
}

/// Returns a text; empty if the value is no text.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns a minimal message.
    fn message() -> Value {
        json!({ "id": "30", "channel_id": "20", "author": { "id": "4", "username": "jeff" }, "content": "hello" })
    }

    #[test]
    fn a_field_that_is_odd_costs_no_more_than_itself() {
        let plain = Message::read(&message()).expect("is read");
        let odd =
            [Value::Null, json!(7), json!(-1.5), json!("odd"), json!([null, 7, {}]), json!({ "type": 99, "x": [] })];
        let fields = [
            "attachments",
            "embeds",
            "components",
            "referenced_message",
            "message_reference",
            "mention_roles",
            "flags",
            "member",
            "sticker_items",
            "message_snapshots",
            "poll",
            "edited_timestamp",
            "nonce",
            "timestamp",
            "thread",
        ];
        for field in fields {
            for value in &odd {
                let mut with = message();
                with[field] = value.clone();
                let read = Message::read(&with).unwrap_or_else(|_| panic!("{field}: {value} is read"));
                assert_eq!(
                    (read.id, &read.content, read.is_said),
                    (plain.id, &plain.content, true),
                    "{field}: {value}"
                );
            }
        }
        for (field, numeric) in [("id", json!(30)), ("channel_id", json!(20)), ("type", json!(null))] {
            let mut with = message();
            with[field] = numeric;
            assert_eq!(Message::read(&with).as_ref(), Ok(&plain), "{field}");
        }
    }

    #[test]
    fn an_attachment_is_there_whatever_is_not_told_of_it() {
        let mut with = message();
        with["attachments"] = json!([{ "filename": "a.png", "size": null, "url": "https://x/a" }, { "id": "1" }]);
        let files = Message::read(&with).expect("is read").files;
        let known: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.bytes)).collect();
        assert_eq!(known, [("a.png", 0), ("file", 0)]);
    }

    #[test]
    fn what_nothing_can_be_done_without_must_be_there() {
        for (field, value) in [
            ("id", json!(null)),
            ("id", json!("0")),
            ("channel_id", json!("x")),
            ("author", json!(null)),
            ("author", json!({ "id": [] })),
            ("guild_id", json!({})),
            ("guild_id", json!("?")),
        ] {
            let mut with = message();
            with[field] = value.clone();
            assert_eq!(Message::read(&with), Err(Unreadable), "{field}: {value}");
        }
    }

    #[test]
    fn overwrites_apply_from_everybody_to_the_person() {
        let guild = GuildId::new(10);
        let view = Permissions::VIEW_CHANNEL.bits().to_string();
        let roles = json!([{ "id": "10", "permissions": view }, { "id": "20", "permissions": "0" }]);
        let private = json!({ "permission_overwrites": [
            { "id": "10", "type": 0, "allow": "0", "deny": view },
            { "id": "20", "type": 0, "allow": view, "deny": "0" },
            { "id": "5", "type": 1, "allow": "0", "deny": view },
        ] });
        let sees = |who| permissions(&private, &roles, guild, who).contains(Permissions::VIEW_CHANNEL);
        let desk = [RoleId::new(20)];
        assert!(!sees(None));
        assert!(sees(Some((UserId::new(4), &desk[..]))));
        assert!(!sees(Some((UserId::new(5), &desk[..]))));
        assert!(permissions(&json!({}), &roles, guild, None).contains(Permissions::VIEW_CHANNEL));
    }
}
