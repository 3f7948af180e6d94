//! Ids and keys: of places, accounts, messages, tickets, articles, outages and effects.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::event::DedupeKey;
use super::plain;

/// A chat platform that the program has an adapter for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformName {
    Slack,
    Discord,
}

impl PlatformName {
    /// Every platform, in the order in which they are listed to people.
    pub const ALL: [Self; 2] = [Self::Slack, Self::Discord];

    /// Returns `slack` or `discord`, as in the settings and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Discord => "discord",
        }
    }

    /// Returns `Slack` or `Discord`, as people write it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::Discord => "Discord",
        }
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PlatformName {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or(UnknownName)
    }
}

/// A text that names nothing known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a known name")]
pub struct UnknownName;

/// A Slack workspace or a Discord guild (or Discord's direct messages, whose id is `@me`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tenant {
    pub platform: PlatformName,
    /// The platform's id of the workspace or guild.
    pub id: String,
}

/// The uid of a ticket, made from the fact that opened it. A restored database may give a key again that another ticket
/// had, but never a uid, since no fact happens twice. Buttons and forms on a platform identify their ticket by it. It
/// is no secret, and proves no right. Empty for a ticket from before tickets had a uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketUid(String);

impl TicketUid {
    /// Returns the uid of the ticket that the fact of this key opens: the first 64 bits of the key's SHA-256.
    #[must_use]
    pub fn of(key: &DedupeKey) -> Self {
        Self(digest(key))
    }

    /// Reads an id as it was stored or carried.
    ///
    /// # Errors
    /// If the text is no such id.
    pub fn stored(text: &str) -> Result<Self, UnknownName> {
        let is_one = text.is_empty() || is_digest(text);
        is_one.then(|| Self(text.to_owned())).ok_or(UnknownName)
    }

    /// Whether the ticket has no uid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the uid as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tag by which a button, menu or form carries a ticket. Its text is `IT-1042~u` and the ticket's uid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TicketTag {
    /// The key that people quote.
    #[serde(rename = "ticket")]
    pub key: TicketKey,
    /// The uid, which tells apart tickets of the same key.
    #[serde(default, skip_serializing_if = "TicketUid::is_empty")]
    pub uid: TicketUid,
}

impl From<TicketKey> for TicketTag {
    /// Returns the tag of a ticket from before tickets had a uid.
    fn from(key: Key) -> Self {
        Self { key, uid: TicketUid::default() }
    }
}

impl fmt::Display for TicketTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.uid.is_empty() { self.key.fmt(f) } else { write!(f, "{}~u{}", self.key, self.uid.0) }
    }
}

impl FromStr for TicketTag {
    type Err = UnknownName;

    /// Reads the text of a [`TicketTag`]. Other parts after a `~` are skipped.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let mut parts = text.split('~');
        let key = parts.next().unwrap_or_default().parse()?;
        let uid = parts.next().and_then(|part| part.strip_prefix('u')).unwrap_or_default();
        Ok(Self { key, uid: TicketUid::stored(uid)? })
    }
}

/// Declares ids that are made from the dedupe key of a fact.
macro_rules! ids_of_facts {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the id for the fact of this key.
            #[must_use]
            pub fn of(key: &DedupeKey) -> Self {
                Self(digest(key))
            }

            /// Reads an id as it was stored or carried.
            ///
            /// # Errors
            /// If the text is no such id.
            pub fn stored(text: &str) -> Result<Self, UnknownName> {
                is_digest(text).then(|| Self(text.to_owned())).ok_or(UnknownName)
            }

            /// Returns the id as it is stored and carried.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )+};
}

ids_of_facts! {
    /// The id of a draft, made from the fact that began it. It proves no right: a draft is found by its id and its
    /// person.
    DraftId;
    /// The id of a ping of staff, made from the message that pings. It proves no right.
    PingId;
}

/// Returns the first 64 bits of the key's SHA-256, in hexadecimal digits.
fn digest(key: &DedupeKey) -> String {
    Sha256::digest(key.as_str()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn is_digest(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The prefix of an alias. No platform's ids begin with it.
const ERASED: &str = "erased-";

/// One account on one platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PersonRef {
    pub platform: PlatformName,
    /// The platform's id of the account.
    pub id: String,
}

impl PersonRef {
    /// Returns the account `id` on `platform`.
    #[must_use]
    pub fn new(platform: PlatformName, id: impl Into<String>) -> Self {
        Self { platform, id: id.into() }
    }

    /// Returns the alias of an erased account. The same token gives the same alias.
    #[must_use]
    pub fn erased(platform: PlatformName, token: &str) -> Self {
        Self { platform, id: format!("{ERASED}{token}") }
    }

    /// Whether this is an alias of an erased account. Nobody can be reached by it.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.id.starts_with(ERASED)
    }
}

impl fmt::Display for PersonRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.platform, self.id)
    }
}

impl From<PersonRef> for String {
    fn from(person: PersonRef) -> Self {
        person.to_string()
    }
}

impl FromStr for PersonRef {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (platform, id) = text.split_once(':').ok_or(UnknownName)?;
        if id.is_empty() {
            return Err(UnknownName);
        }
        Ok(Self::new(platform.parse()?, id))
    }
}

impl TryFrom<String> for PersonRef {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

/// A person, as an event describes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub who: PersonRef,
    /// The display name, as one line.
    pub name: String,
    /// Groups (Discord roles) that the event itself proves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The guild that `groups` belong to. They are all groups that the person has there. `None` if the event says
    /// nothing about groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild: Option<String>,
    /// The person's time zone, by its IANA name, if the platform tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl Person {
    /// Returns a person without groups.
    #[must_use]
    pub fn new(who: PersonRef, name: impl Into<String>) -> Self {
        Self { who, name: plain::one_line(&name.into()), groups: Vec::new(), guild: None, zone: None }
    }
}

/// A place: a channel, thread or direct conversation of a workspace or guild.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub tenant: Tenant,
    pub at: Conversation,
}

/// A channel, thread or direct conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversation {
    /// The top level of a channel.
    Channel {
        /// The platform's id of the channel.
        channel: String,
    },
    /// A thread. On Discord a thread that was started from a message has that message's id, so `root` is both.
    Thread {
        /// The id of the channel that the thread is in (Discord: its parent).
        channel: String,
        /// The id of the message that the thread hangs under.
        root: String,
    },
    /// The direct conversation of one person with the bot.
    Direct {
        /// The platform's id of the conversation.
        channel: String,
    },
}

impl Place {
    /// Returns the id of the channel, a thread's parent, or the direct conversation.
    #[must_use]
    pub fn channel(&self) -> &str {
        match &self.at {
            Conversation::Channel { channel }
            | Conversation::Thread { channel, .. }
            | Conversation::Direct { channel } => channel,
        }
    }

    /// Returns the id of the message that the thread hangs under, if it is a thread.
    #[must_use]
    pub fn root(&self) -> Option<&str> {
        match &self.at {
            Conversation::Thread { root, .. } => Some(root),
            Conversation::Channel { .. } | Conversation::Direct { .. } => None,
        }
    }

    /// Whether only one person and the bot are there.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        matches!(self.at, Conversation::Direct { .. })
    }

    /// Returns the channel, also for a thread. A direct conversation stays itself.
    #[must_use]
    pub fn parent_channel(&self) -> Self {
        let at = match &self.at {
            Conversation::Thread { channel, .. } => Conversation::Channel { channel: channel.clone() },
            Conversation::Channel { .. } | Conversation::Direct { .. } => self.at.clone(),
        };
        Self { tenant: self.tenant.clone(), at }
    }

    /// Returns the thread under `root` in the same channel. A direct conversation stays itself.
    #[must_use]
    pub fn thread(&self, root: &str) -> Self {
        let at = match &self.at {
            Conversation::Channel { channel } | Conversation::Thread { channel, .. } => {
                Conversation::Thread { channel: channel.clone(), root: root.to_owned() }
            }
            direct @ Conversation::Direct { .. } => direct.clone(),
        };
        Self { tenant: self.tenant.clone(), at }
    }

    /// Returns the platform that it is on.
    #[must_use]
    pub const fn platform(&self) -> PlatformName {
        self.tenant.platform
    }
}

/// One message on a platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageRef {
    pub tenant: Tenant,
    /// The platform's id of the channel that it stands in (on Discord a thread's messages stand in the thread itself).
    pub channel: String,
    /// Slack's `ts`, Discord's snowflake.
    pub id: String,
}

impl fmt::Display for MessageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.tenant.platform, self.tenant.id, self.channel, self.id)
    }
}

impl FromStr for MessageRef {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let mut parts = text.splitn(4, ':').map(str::to_owned);
        let mut next = || parts.next().ok_or(UnknownName);
        let (platform, id, channel) = (next()?.parse()?, next()?, next()?);
        Ok(Self { tenant: Tenant { platform, id }, channel, id: next()? })
    }
}

impl MessageRef {
    /// Returns when it was posted, by its id: Slack's is seconds with a fraction, Discord's holds milliseconds since
    /// 2015 (<https://docs.discord.com/developers/reference#snowflakes>).
    #[must_use]
    pub fn posted_at(&self) -> Option<Timestamp> {
        const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;
        match self.tenant.platform {
            PlatformName::Slack => Timestamp::from_second(self.id.split('.').next()?.parse().ok()?).ok(),
            PlatformName::Discord => {
                let snowflake: i64 = self.id.parse().ok()?;
                Timestamp::from_millisecond((snowflake >> 22) + DISCORD_EPOCH_MS).ok()
            }
        }
    }
}

/// An article or outage as a button carries it: its key, and its version if the act is to be refused after a change by
/// somebody else. As text it is `KB-7` or `KB-7.3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// The key that people quote.
    pub key: Key,
    /// The version that the actor has seen.
    pub version: Option<i64>,
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}.{version}", self.key),
            None => self.key.fmt(f),
        }
    }
}

impl FromStr for KeyRef {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (key, version) = match text.split_once('.') {
            Some((key, version)) => (key, Some(version.parse().map_err(|_| UnknownName)?)),
            None => (text, None),
        };
        Ok(Self { key: key.parse().map_err(|_| UnknownName)?, version })
    }
}

/// The key of a ticket: `IT-1042`.
pub type TicketKey = Key;

/// The key of an article: `KB-7`.
pub type ArticleKey = Key;

/// The key of an outage (a major incident): `MI-7`.
pub type OutageKey = Key;

/// A key that people quote: a prefix of letters for the kind, and a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Key {
    prefix: String,
    number: i64,
}

impl Key {
    /// Returns the key with this prefix (in capital letters) and number.
    #[must_use]
    pub fn new(prefix: &str, number: i64) -> Self {
        Self { prefix: prefix.to_ascii_uppercase(), number }
    }

    /// Returns the prefix, always in capital letters: `IT` in `IT-1042`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the number after the hyphen: 1042 in `IT-1042`.
    #[must_use]
    pub const fn number(&self) -> i64 {
        self.number
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prefix, self.number)
    }
}

impl From<Key> for String {
    fn from(key: TicketKey) -> Self {
        key.to_string()
    }
}

impl FromStr for Key {
    type Err = UnknownName;

    /// Reads `IT-1042` and `it-1042`: two to ten letters, a hyphen, up to twelve digits.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (prefix, digits) = text.split_once('-').ok_or(UnknownName)?;
        let letters = (2..=10).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_alphabetic());
        let number = (1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !letters || !number {
            return Err(UnknownName);
        }
        Ok(Self::new(prefix, digits.parse().map_err(|_| UnknownName)?))
    }
}

impl TryFrom<String> for Key {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

/// The id of a ticket in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketId(pub i64);

/// The id of an article in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArticleId(pub i64);

/// The id of an outage in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutageId(pub i64);

/// The id of an effect in the outbox. Ids sort in the order of the decisions: on SQLite an id is a ULID, on PostgreSQL
/// it is a number of a sequence and a random part.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(pub String);

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_a_button_carries_it() {
        for text in ["KB-7", "KB-7.3"] {
            assert_eq!(text.parse::<KeyRef>().map(|seen| seen.to_string()), Ok(text.to_owned()));
        }
        for junk in ["", "KB", "KB-7.", "KB-7.x", "KB-7.3.1", ".3"] {
            assert_eq!(junk.parse::<KeyRef>(), Err(UnknownName), "{junk}");
        }
    }
}
