//! The people mentioned in a text, and the people that it really pings.
//!
//! Source: <https://docs.discord.com/developers/resources/message#allowed-mentions-object>.

use std::sync::LazyLock;

use regex::Regex;

use super::state::{Message, Place, SILENT, State};
use super::text::pieces;

/// The pings that a bot allows its message. Without it, the whole text may ping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    pub all_users: bool,
    pub all_roles: bool,
    pub everyone: bool,
    pub users: Vec<u64>,
    pub roles: Vec<u64>,
    pub replied_user: bool,
}

impl Allowed {
    /// Discord's default for bots: everything, @everyone too.
    pub fn everything() -> Self {
        Self { all_users: true, all_roles: true, everyone: true, replied_user: true, ..Self::default() }
    }

    /// Returns the pings allowed to people: anybody and any role, but not everyone at once.
    pub fn of_people() -> Self {
        Self { everyone: false, ..Self::everything() }
    }
}

static TOKENS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"<@!?(?<user>\d{1,20})>|<@&(?<role>\d{1,20})>|@everyone|@here").expect("is valid"));

impl State {
    /// Finds the mentions of the message's text, as far as they are allowed, and sets them on it. A `fresh` message
    /// pings; an edited one does not.
    pub fn set_mentions(&self, message: &mut Message, allowed: &Allowed, fresh: bool) {
        let direct = self.is_direct(message.channel);
        message.mentions.clear();
        message.mention_roles.clear();
        message.mention_everyone = false;
        for piece in pieces(&message.content).filter(|piece| !piece.code) {
            for found in TOKENS.captures_iter(piece.text) {
                if let Some(user) = number(&found, "user") {
                    let may = allowed.all_users || allowed.users.contains(&user);
                    if may && self.users.contains_key(&user) && !message.mentions.contains(&user) {
                        message.mentions.push(user);
                    }
                } else if let Some(role) = number(&found, "role") {
                    let may = allowed.all_roles || allowed.roles.contains(&role);
                    let known = self.roles.iter().any(|known| known.id == role);
                    if may && known && !direct && !message.mention_roles.contains(&role) {
                        message.mention_roles.push(role);
                    }
                } else {
                    message.mention_everyone |= allowed.everyone && !direct;
                }
            }
        }
        let replied = message.reply_to.and_then(|id| self.message(message.channel, id).ok());
        if let Some(replied) = replied.filter(|_| allowed.replied_user)
            && replied.author != message.author
            && !message.mentions.contains(&replied.author)
        {
            message.mentions.push(replied.author);
        }
        if fresh {
            message.pings = self.pinged(message);
        }
    }

    fn pinged(&self, message: &Message) -> Vec<u64> {
        if message.flags & SILENT != 0 {
            return Vec::new();
        }
        let in_role = |user: &u64| {
            let mut roles = self.roles.iter().filter(|role| message.mention_roles.contains(&role.id));
            roles.any(|role| role.members.contains(user))
        };
        if !message.mention_everyone && message.mention_roles.is_empty() {
            let mut named = message.mentions.clone();
            named.retain(|user| *user != self.bot && *user != message.author && self.sees(*user, message.channel));
            return named;
        }
        let mut people = self.people.clone();
        people.retain(|user| {
            let meant = message.mention_everyone || message.mentions.contains(user) || in_role(user);
            meant && *user != message.author && self.sees(*user, message.channel)
        });
        people
    }

    /// Whether an app without the privileged intent may read the message all the same.
    pub fn readable_without_intent(&self, message: &Message) -> bool {
        message.author == self.bot || message.mentions.contains(&self.bot) || self.is_direct(message.channel)
    }

    /// Turns what a person typed into what the client sends: `@handle` and `@role` become tokens, the rest stays.
    pub fn as_typed(&self, typed: &str) -> String {
        let mut sent = String::with_capacity(typed.len());
        let mut before: Option<char> = None;
        let mut rest = typed;
        while let Some(first) = rest.chars().next() {
            if first == '@'
                && !before.is_some_and(|before| before.is_alphanumeric() || before == '<')
                && let Some((token, length)) = self.token_for(&rest[1..])
            {
                sent.push_str(&token);
                rest = &rest[1 + length..];
                before = Some('>');
                continue;
            }
            sent.push(first);
            before = Some(first);
            rest = &rest[first.len_utf8()..];
        }
        sent
    }

    /// Returns the token for the longest handle or role at the start of `text`, and its length in bytes.
    fn token_for(&self, text: &str) -> Option<(String, usize)> {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let mut length = text.find(|c| !is_part(c)).unwrap_or(text.len());
        while length > 0 {
            let word = &text[..length];
            if word == "desk" {
                return Some((format!("<@{}>", self.bot), length));
            }
            if let Some(user) = self.handles.get(word) {
                return Some((format!("<@{user}>"), length));
            }
            if let Some(role) = self.roles.iter().find(|role| role.name == word) {
                return Some((format!("<@&{}>", role.id), length));
            }
            let last = word.chars().next_back().filter(|c| matches!(c, '.' | '-' | '_'))?;
            length -= last.len_utf8();
        }
        None
    }

    /// Returns the handles of the people who can see the channel; `["*"]` if more than fifty people all can.
    pub fn audience(&self, channel: u64) -> Vec<String> {
        let public = |channel: u64| {
            matches!(self.channels.get(&channel).map(|c| &c.place), Some(Place::Text { private: false, .. }))
        };
        if self.people.len() > 50 && public(self.parent(channel)) {
            return vec!["*".to_owned()];
        }
        let people = self.people.iter().filter(|user| self.sees(**user, channel));
        people.map(|user| self.handle(*user).to_owned()).collect()
    }
}

fn number(found: &regex::Captures<'_>, group: &str) -> Option<u64> {
    found.name(group)?.as_str().parse().ok()
}
