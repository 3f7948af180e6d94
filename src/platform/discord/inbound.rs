//! Translates Discord's payloads into events for the intake. It makes no decisions.
//!
//! Sources: <https://docs.discord.com/developers/resources/message>, `…/events/gateway-events#message-create`.

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::{Captures, Regex};
use serenity::model::id::{ChannelId, GuildId, MessageId, RoleId, UserId};

use super::directory::{self, Directory};
use super::payload::{Account, Member, Message};
use crate::domain::event::{DedupeKey, Event, EventKind, Mentioned, Said};
use crate::domain::ids::{MessageRef, Person, Place};
use crate::domain::plain::one_line;

/// The beginning of snowflake time, in milliseconds since the Unix epoch.
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

/// Reads messages with the names and roles that the directory knows.
pub(super) struct Reader<'d> {
    pub(super) directory: &'d Directory,
    /// The bot's own account.
    pub(super) me: UserId,
    /// Ids of the bots whose messages are handled like people's.
    pub(super) listen_to_bots: &'d HashSet<String>,
}

impl Reader<'_> {
    /// Returns a new message as an event; `None` if it is not a person's.
    pub(super) fn posted(&self, message: &Message, place: Place) -> Option<Event> {
        let said = self.said(message, place)?;
        Some(Event { key: DedupeKey::message(&said.message), at: said.at, what: EventKind::MessagePosted(said) })
    }

    /// Returns the edit of a message, with its present text, as an event. `None` if the message was never edited, or is
    /// not a person's.
    pub(super) fn edited(&self, message: &Message, place: Place) -> Option<Event> {
        let written = message.edited_at.as_ref()?;
        let said = self.said(message, place)?;
        // The time is written in one form, so that the same edit has the same key whatever its source.
        let edited = message.edited();
        let key = edited.map_or_else(|| written.clone(), |edited| edited.to_string());
        let at = edited.unwrap_or(said.at);
        Some(Event { key: DedupeKey::edit(&said.message, &key), at, what: EventKind::MessageEdited(said) })
    }

    /// Reads a person's message. `None` for messages of Discord, of bots that are not listed, and of Deskbell itself.
    pub(super) fn said(&self, message: &Message, place: Place) -> Option<Said> {
        if !message.is_said {
            return None;
        }
        let author = &message.author;
        let is_bot = author.is_bot || message.is_webhook;
        if author.id == self.me || (is_bot && !self.listen_to_bots.contains(&author.id.to_string())) {
            return None;
        }
        let guild = message.guild;
        let (text, mentions_bot) = self.text(message);
        let files = message.files.clone();
        if text.is_empty() && files.is_empty() && !mentions_bot && guild.is_some() {
            // The message has no text: it is a poll, or the bot may not read the content.
            return None;
        }
        let here = MessageRef {
            tenant: place.tenant.clone(),
            channel: message.channel.to_string(),
            id: message.id.to_string(),
        };
        let reply_to = message.reply_to.map(|(channel, id)| MessageRef {
            tenant: place.tenant.clone(),
            channel: channel.to_string(),
            id: id.to_string(),
        });
        let mentions = self.mentions(message);
        let groups = self.groups(message);
        let notifies = self.notifies(message);
        let author = self.person(author, guild);
        let at = time_of(message.id.get());
        Some(Said { author, place, message: here, at, text, mentions, groups, notifies, mentions_bot, reply_to, files })
    }

    /// Returns a person as a payload shows them, and remembers them.
    pub(super) fn person(&self, user: &Account, guild: Option<GuildId>) -> Person {
        self.person_as(user, guild, user.member.as_ref())
    }

    /// Like [`Self::person`], with a membership from another part of the payload.
    pub(super) fn person_as(&self, user: &Account, guild: Option<GuildId>, member: Option<&Member>) -> Person {
        let (name, roles) = (user.name_as(member), member.and_then(|member| member.roles.as_deref()));
        self.directory.saw_person(guild, user.id, name, roles);
        directory::person(user.id, name, guild, roles)
    }

    /// Returns the mentioned roles in the order of the text, without the bot's own.
    fn groups(&self, message: &Message) -> Vec<Mentioned> {
        let Some(guild) = message.guild else { return Vec::new() };
        let name = |role: RoleId| match self.directory.role_name(guild, role) {
            Some((_, true)) => None,
            Some((name, false)) => Some(Mentioned { id: role.to_string(), name: one_line(&name) }),
            None => Some(Mentioned { id: role.to_string(), name: "role".to_owned() }),
        };
        message.mention_roles.iter().copied().filter_map(name).collect()
    }

    /// Returns the person whom a reply notifies: the author of the answered message. If the payload does not include
    /// that message, the person is the mentioned account that the reply's text does not name.
    fn notifies(&self, message: &Message) -> Option<Person> {
        message.reply_to?;
        let is_named = |user: &Account| {
            let id = user.id;
            [format!("<@{id}>"), format!("<@!{id}>")].iter().any(|token| message.content.contains(token.as_str()))
        };
        let is_answered = |user: &Account| match message.answers {
            Some(author) => user.id == author,
            None => !is_named(user),
        };
        let user = message.mentions.iter().flatten().find(|user| user.id != self.me && is_answered(user))?;
        Some(self.person(user, message.guild))
    }

    fn mentions(&self, message: &Message) -> Vec<Person> {
        // Discord's list of mentions has no fixed order, so the order in the text is taken.
        let place = |user: &Account| {
            let id = user.id;
            [format!("<@{id}>"), format!("<@!{id}>")].iter().filter_map(|token| message.content.find(token)).min()
        };
        let mut users: Vec<(usize, &Account)> = message
            .mentions
            .iter()
            .flatten()
            .filter(|user| user.id != self.me)
            .filter_map(|user| place(user).map(|at| (at, user)))
            .collect();
        users.sort_by_key(|(at, _)| *at);
        users.into_iter().map(|(_, user)| self.person(user, message.guild)).collect()
    }

    /// Returns the text as people read it, and whether it mentions the bot.
    fn text(&self, message: &Message) -> (String, bool) {
        let mut content = message.content.clone();
        if content.is_empty()
            && let Some(forwarded) = &message.forwarded
        {
            content.clone_from(forwarded);
        }
        if content.is_empty() && !message.stickers.is_empty() {
            let names: Vec<String> = message.stickers.iter().map(|name| format!(":{name}:")).collect();
            content = names.join(" ");
        }
        let mut plain = String::with_capacity(content.len());
        let mut mentions_bot = false;
        let mut read_to = 0;
        for found in TOKENS.captures_iter(&content) {
            let Some(token) = found.get(0) else { continue };
            plain.push_str(&content[read_to..token.start()]);
            read_to = token.end();
            if self.is_own_mention(&found, message) {
                mentions_bot = true;
                read_to += after_mention(&plain, &content[read_to..]);
            } else {
                plain.push_str(&self.readable(&found, message));
            }
        }
        plain.push_str(&content[read_to..]);
        (plain.trim().to_owned(), mentions_bot)
    }

    /// Whether a token mentions the bot. Discord's list of mentions decides: a token in a code block is no mention.
    fn is_own_mention(&self, token: &Captures<'_>, message: &Message) -> bool {
        if let Some(user) = id_of::<UserId>(token, "user") {
            return user == self.me && message.names(self.me);
        }
        if let (Some(role), Some(guild)) = (id_of::<RoleId>(token, "role"), message.guild) {
            let is_own = self.directory.role_name(guild, role).is_some_and(|(_, own)| own);
            return is_own && message.mention_roles.contains(&role);
        }
        false
    }

    fn readable(&self, token: &Captures<'_>, message: &Message) -> String {
        if let Some(user) = id_of::<UserId>(token, "user") {
            let mentioned = message.mentions.iter().flatten().find(|mentioned| mentioned.id == user);
            let shown = mentioned.map(|user| user.name().to_owned());
            let shown = shown.or_else(|| self.directory.person_name(user));
            return format!("@{}", one_line(shown.as_deref().unwrap_or("somebody")));
        }
        if let Some(role) = id_of::<RoleId>(token, "role") {
            let known = message.guild.and_then(|guild| self.directory.role_name(guild, role));
            return format!("@{}", known.map_or_else(|| "role".to_owned(), |(name, _)| name));
        }
        if let Some(channel) = id_of::<ChannelId>(token, "channel") {
            let known = self.directory.channel_name(channel);
            return format!("#{}", known.as_deref().unwrap_or("channel"));
        }
        if let Some(emoji) = token.name("emoji") {
            return format!(":{}:", emoji.as_str());
        }
        token.name("command").map_or_else(|| token[0].to_owned(), |command| format!("/{}", command.as_str()))
    }
}

/// Returns a deletion as an event. Discord does not say when it happened; `now` is close.
pub(super) fn deleted(place: &Place, channel: ChannelId, message: MessageId, now: Timestamp) -> Event {
    let message = MessageRef { tenant: place.tenant.clone(), channel: channel.to_string(), id: message.to_string() };
    Event { key: DedupeKey::deletion(&message), at: now, what: EventKind::MessageDeleted { message } }
}

/// Returns the time that a snowflake (Discord's id) contains.
pub(super) fn time_of(snowflake: u64) -> Timestamp {
    let since = i64::try_from(snowflake >> 22).unwrap_or_default();
    Timestamp::from_millisecond(DISCORD_EPOCH_MS + since).unwrap_or_default()
}

/// Returns the smallest snowflake of this time: every id made from then on is at least as large.
pub(super) fn snowflake_at(time: Timestamp) -> u64 {
    let since = time.as_millisecond() - DISCORD_EPOCH_MS;
    u64::try_from(since).unwrap_or_default() << 22
}

static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"<@!?(?<user>\d{1,20})>|<@&(?<role>\d{1,20})>|<#(?<channel>\d{1,20})>|<a?:(?<emoji>\w{1,64}):\d{1,20}>|</(?<command>[^:<>\n]{1,100}):\d{1,20}>";
    Regex::new(pattern).expect("the pattern is valid")
});

fn id_of<T: From<std::num::NonZeroU64>>(token: &Captures<'_>, group: &str) -> Option<T> {
    token.name(group)?.as_str().parse().ok().map(T::from)
}

/// Returns how many bytes after the bot's mention are removed with it: a colon or comma, and a space that would be
/// doubled.
fn after_mention(before: &str, rest: &str) -> usize {
    let mark = usize::from(rest.starts_with([':', ',']));
    let gap = if before.is_empty() || before.ends_with(char::is_whitespace) {
        let after = &rest[mark..];
        after.len() - after.trim_start_matches([' ', '\t']).len()
    } else {
        0
    };
    mark + gap
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::ids::Conversation;
    use crate::platform::discord::payload::Role;

    const ME: u64 = 99;

    fn message(content: &str) -> Value {
        let user = |id: u64, name: &str| {
            json!({ "id": id.to_string(), "username": name.to_lowercase(), "global_name": name, "discriminator": "0",
                "avatar": null, "bot": id == ME })
        };
        let mut mia = user(5, "Mia");
        mia["member"] = json!({ "nick": "Mia (IT)", "roles": ["70"], "joined_at": null, "deaf": false, "mute": false });
        json!({
            "id": "1443036000000000001", "channel_id": "20", "guild_id": "10", "type": 0, "content": content,
            "author": user(4, "Jeff"), "timestamp": "2026-11-21T10:00:00.000000+00:00", "edited_timestamp": null,
            "member": { "nick": null, "roles": ["71"], "joined_at": null, "deaf": false, "mute": false },
            "tts": false, "mention_everyone": false, "mentions": [user(ME, "Desk"), mia], "mention_roles": ["80"],
            "attachments": [], "embeds": [], "pinned": false, "components": [],
        })
    }

    fn directory() -> Directory {
        let directory = Directory::new(UserId::new(ME));
        for (id, name, bot) in [("80", "Desk", true), ("81", "Ops", false)] {
            let mut role = json!({ "id": id, "name": name });
            if bot {
                role["tags"] = json!({ "bot_id": ME.to_string() });
            }
            directory.take_role(GuildId::new(10), &Role::read(&role).expect("is a role"));
        }
        directory
    }

    fn read(payload: Value) -> Option<Said> {
        let directory = directory();
        let listen_to_bots = HashSet::from(["6".to_owned()]);
        let reader = Reader { directory: &directory, me: UserId::new(ME), listen_to_bots: &listen_to_bots };
        let message = Message::read(&payload).expect("is a message");
        let at = Conversation::Channel { channel: "20".to_owned() };
        reader.said(&message, Place { tenant: directory::tenant(message.guild), at })
    }

    fn words(content: &str) -> (String, bool) {
        let said = read(message(content)).expect("is said by a person");
        (said.text, said.mentions_bot)
    }

    #[test]
    fn the_bots_mention_is_taken_out_and_others_become_names() {
        let yes = |text: &str| (text.to_owned(), true);
        assert_eq!(words("<@99> printer"), yes("printer"));
        assert_eq!(words("<@!99>: printer"), yes("printer"));
        assert_eq!(words("hey <@99>, it's <@5> again"), yes("hey it's @Mia (IT) again"));
        assert_eq!(words("<@&80> vpn"), yes("vpn"));
        assert_eq!(words("<@99>"), yes(""));
        assert_eq!(words("look, <@99>"), yes("look,"));
        assert_eq!(words("a\n<@99>\nb"), yes("a\n\nb"));
    }

    #[test]
    fn other_tokens_are_readable() {
        let no = |text: &str| (text.to_owned(), false);
        assert_eq!(
            words("<@&81> in <#20> <:ricoh:12> </desk:9> <t:1:R>"),
            no("@Ops in #channel :ricoh: /desk <t:1:R>")
        );
        assert_eq!(words("<@12345> is away"), no("@somebody is away"));
    }

    #[test]
    fn a_reply_to_the_bot_is_no_mention() {
        let mut payload = message("it still blinks");
        payload["type"] = json!(19);
        payload["message_reference"] = json!({ "type": 0, "message_id": "7", "channel_id": "20", "guild_id": "10" });
        let said = read(payload).expect("is said by a person");
        assert!(!said.mentions_bot);
        assert_eq!(said.reply_to.map(|reply_to| reply_to.id), Some("7".to_owned()));
    }

    #[test]
    fn people_come_with_names_and_proven_roles() {
        let said = read(message("<@99> <@5> knows")).expect("is said by a person");
        assert_eq!((said.author.name.as_str(), &said.author.groups), ("Jeff", &vec!["71".to_owned(), "10".to_owned()]));
        assert_eq!(said.mentions.len(), 1);
        assert_eq!(said.mentions[0].groups, ["70", "10"]);
        assert_eq!(said.at, "2025-11-26T00:29:52.712Z".parse().expect("is a time"));
    }

    #[test]
    fn bots_and_the_system_say_nothing() {
        let mut bot = message("beep");
        bot["author"] = json!({ "id": "5", "username": "beep", "discriminator": "0", "avatar": null, "bot": true });
        assert_eq!(read(bot.clone()), None);
        bot["author"]["id"] = json!("6");
        assert!(read(bot).is_some());
        let mut starter = message("");
        starter["type"] = json!(21);
        assert_eq!(read(starter), None);
    }

    #[test]
    fn an_edit_has_one_key_wherever_it_is_read() {
        let directory = directory();
        let none = HashSet::new();
        let reader = Reader { directory: &directory, me: UserId::new(ME), listen_to_bots: &none };
        let key = |written: Value| {
            let mut payload = message("changed");
            payload["edited_timestamp"] = written;
            let at = Conversation::Channel { channel: "20".to_owned() };
            let place = Place { tenant: directory::tenant(Some(GuildId::new(10))), at };
            reader.edited(&Message::read(&payload).expect("is a message"), place).map(|event| event.key)
        };
        let live = key(json!("2026-11-21T10:00:00.120000+00:00"));
        assert!(live.is_some());
        assert_eq!(live, key(json!("2026-11-21T10:00:00.12Z")));
        assert_ne!(live, key(json!("2026-11-21T10:00:01+00:00")));
        assert!(key(json!(7)).is_some(), "the edit counts even if its time cannot be read");
        assert_eq!(key(json!(null)), None);
    }

    #[test]
    fn where_mentions_are_not_told_the_words_decide() {
        let mut payload = message("<@99> printer");
        payload["mentions"] = json!(null);
        assert!(read(payload).expect("is said").mentions_bot);
    }

    #[test]
    fn snowflakes_hold_their_time() {
        let time = "2026-11-21T10:00:00.123Z".parse().expect("is a time");
        assert_eq!(time_of(snowflake_at(time)), time);
    }
}
