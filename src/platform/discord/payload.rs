//! What Discord's payloads hold, each field read by itself.
//!
//! Nothing that is said to the desk hangs on what a library expects: fields that are unknown, null, of another type or of a
//! new kind cost no more than themselves. Only what nothing can be done without must be there: of a message its id, its
//! channel and its author.
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

/// Types of messages by which people say something: an ordinary one and a reply.
const SAID: [u64; 2] = [0, 19];
/// The type of a reference that is a reply, not something forwarded.
const REPLY: u64 = 0;
/// Types of channels that are threads, and of those that hold messages besides.
const THREADS: [u64; 3] = [10, 11, 12];
const WITH_MESSAGES: [u64; 4] = [0, 2, 5, 13];
/// Types of channels that are made for writing in: text, announcements.
pub(super) const TEXT_CHANNELS: [u64; 2] = [0, 5];

/// Reads an id, which Discord writes as a text.
pub(super) fn id<T: From<NonZeroU64>>(value: &Value) -> Option<T> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    number.and_then(NonZeroU64::new).map(T::from)
}

/// A list of ids, without what is none.
pub(super) fn ids<T: From<NonZeroU64>>(value: &Value) -> Vec<T> {
    list(value).iter().filter_map(id).collect()
}

/// A list; what is none is empty.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The guild that a payload names: `Ok(None)` if it names none, an error if what it names cannot be read. What is said in a
/// guild must not pass for something private.
pub(super) fn guild_of(payload: &Value) -> Result<Option<GuildId>, Unreadable> {
    match &payload["guild_id"] {
        Value::Null => Ok(None),
        named => id(named).map(Some).ok_or(Unreadable),
    }
}

/// A payload without what nothing can be done without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) id: UserId,
    pub(super) is_bot: bool,
    /// It speaks for Discord itself.
    pub(super) is_system: bool,
    /// The name that it shows, by its own choice or else its unique name.
    name: String,
    /// What it is in the guild that the payload is about, where that is told.
    pub(super) member: Option<Member>,
}

impl Account {
    /// Reads an account.
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

    /// The name that a guild's members see.
    pub(super) fn name(&self) -> &str {
        self.name_as(self.member.as_ref())
    }

    /// The same, for whom the payload tells elsewhere what they are in the guild.
    pub(super) fn name_as<'n>(&'n self, member: Option<&'n Member>) -> &'n str {
        member.and_then(|member| member.nick.as_deref()).unwrap_or(&self.name)
    }
}

/// What somebody is in a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    nick: Option<String>,
    /// `None`: not told.
    pub(super) roles: Option<Vec<RoleId>>,
}

impl Member {
    /// Somebody who is not in the guild (any more).
    pub(super) const fn gone() -> Self {
        Self { nick: None, roles: Some(Vec::new()) }
    }

    /// Reads what somebody is in a guild, if that is told.
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
    /// Posted in the name of no account.
    pub(super) is_webhook: bool,
    /// Somebody says something; else Discord tells of something that happened.
    pub(super) is_said: bool,
    pub(super) content: String,
    /// Accounts that it names; `None`: not told.
    pub(super) mentions: Option<Vec<Account>>,
    pub(super) mention_roles: Vec<RoleId>,
    pub(super) files: Vec<File>,
    /// What it answers.
    pub(super) reply_to: Option<(ChannelId, MessageId)>,
    /// Who wrote that, where it is told.
    pub(super) answers: Option<UserId>,
    /// Words that were forwarded by it.
    pub(super) forwarded: Option<String>,
    pub(super) stickers: Vec<String>,
    /// When it was last edited, as Discord wrote it.
    pub(super) edited_at: Option<String>,
}

impl Message {
    /// Reads a message, of the gateway or the REST API.
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
            // What does not tell its type is an ordinary one.
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

    /// A message of a page of the REST API, which does not tell the guild.
    pub(super) fn read_in(message: &Value, guild: Option<GuildId>) -> Result<Self, Unreadable> {
        let mut message = Self::read(message)?;
        message.guild = guild;
        Ok(message)
    }

    /// Whether it names this account.
    pub(super) fn names(&self, account: UserId) -> bool {
        match &self.mentions {
            Some(mentions) => mentions.iter().any(|user| user.id == account),
            None => [format!("<@{account}>"), format!("<@!{account}>")].iter().any(|it| self.content.contains(it)),
        }
    }

    /// When it was last edited.
    pub(super) fn edited(&self) -> Option<Timestamp> {
        self.edited_at.as_ref()?.parse().ok()
    }
}

/// A role of a guild.
pub(super) struct Role {
    pub(super) id: RoleId,
    pub(super) name: String,
    /// The bot that Discord made it for.
    pub(super) bot: Option<UserId>,
}

impl Role {
    /// Reads a role.
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
    /// It holds messages.
    pub(super) holds_messages: bool,
    /// Of a thread, the channel that it hangs in.
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
            // One of a kind that is not told is looked into.
            holds_messages: is_thread || kind.is_none_or(|kind| WITH_MESSAGES.contains(&kind)),
            parent: if is_thread { id(&channel["parent_id"]) } else { None },
            last: id(&channel["last_message_id"]),
            is_archived: channel["thread_metadata"]["archived"] == true,
        })
    }
}

/// The channels of a guild that hold messages of everybody, as the guild tells of them, and whether the bot may write there.
/// What cannot be found out is tried.
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

/// What somebody may do in a channel: a member with these roles, or (`None`) anybody.
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

/// A file that was attached.
pub(super) fn file(attachment: &Value) -> File {
    let name = [&attachment["filename"], &attachment["title"]].into_iter().find_map(Value::as_str);
    File {
        name: name.unwrap_or("file").to_owned(),
        url: text(&attachment["url"]),
        bytes: attachment["size"].as_u64().unwrap_or_default(),
    }
}

/// A text; what is none is empty.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A message with as little as possible.
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
