//! Posting, editing and deleting, the same for the bot and for people.

use serde_json::{Value, json};

use super::errors::ApiError;
use super::gateway::{Happening, intents};
use super::mentions::Allowed;
use super::state::{EPHEMERAL, Message, Place, SILENT, State};
use super::validate::MessageBody;
use crate::domain::limits::discord as platform;

/// How a message of the bot came about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// Discord's type of the message.
    pub kind: u8,
    /// Whether it answers an interaction.
    pub by_webhook: bool,
}

impl State {
    /// Posts a message of the bot. Returns its JSON, or that of the earlier message with the same nonce.
    pub fn bot_posts(&mut self, channel: u64, body: &MessageBody, method: &str) -> Result<Value, ApiError> {
        let person = match self.open_to_bot(channel)?.place {
            Place::Direct { person } => self.users.get(&person),
            Place::Text { .. } | Place::Thread(_) => None,
        };
        if person.is_some_and(|user| user.closed) {
            return Err(ApiError::cannot_write_to_user());
        }
        if body.is_empty() {
            return Err(ApiError::empty_message());
        }
        let nonce = body.nonce.as_ref().filter(|_| body.enforce_nonce).map(nonce_key);
        if let Some(earlier) = nonce.as_ref().and_then(|nonce| self.earlier_with_nonce(channel, nonce)) {
            let mut fields = self.place_fields(channel);
            fields["method"] = json!(method);
            fields["message"] = json!(earlier.id.to_string());
            fields["nonce"] = json!(body.nonce);
            self.log("called", fields);
            return Ok(self.json_with_nonce(&earlier));
        }
        let reply_to = self.checked_reply(channel, body)?;
        let origin = Origin { kind: if reply_to.is_some() { 19 } else { 0 }, by_webhook: false };
        let message = self.compose(channel, body, reply_to, origin);
        let answer = self.publish(message, method)?;
        if let (Some(nonce), Some(id)) = (nonce, answer["id"].as_str().and_then(|id| id.parse().ok())) {
            let now_ms = self.now_ms();
            let window_ms = i64::try_from(platform::NONCE_WINDOW.as_millis()).unwrap_or(i64::MAX);
            if self.nonces.len() > 10_000 {
                self.nonces.retain(|_, (_, at_ms)| now_ms - *at_ms < window_ms);
            }
            self.nonces.insert((channel, nonce), (id, now_ms));
        }
        Ok(answer)
    }

    fn earlier_with_nonce(&self, channel: u64, nonce: &str) -> Option<Message> {
        let (id, at_ms) = *self.nonces.get(&(channel, nonce.to_owned()))?;
        let age_ms = u128::try_from(self.now_ms() - at_ms).unwrap_or(0);
        if age_ms >= platform::NONCE_WINDOW.as_millis() {
            return None;
        }
        self.message(channel, id).ok().cloned()
    }

    fn checked_reply(&self, channel: u64, body: &MessageBody) -> Result<Option<u64>, ApiError> {
        let Some(reply_to) = body.reply_to else { return Ok(None) };
        if self.message(channel, reply_to).is_ok() {
            Ok(Some(reply_to))
        } else if body.reply_must_exist {
            Err(ApiError::field("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message"))
        } else {
            Ok(None)
        }
    }

    /// Builds a message of the bot without posting it.
    pub fn compose(&mut self, channel: u64, body: &MessageBody, reply_to: Option<u64>, origin: Origin) -> Message {
        let mut message = Message::new(self.next_id(), channel, self.bot, self.now_ms());
        message.content = body.content.clone().unwrap_or_default();
        message.components = body.components.clone().unwrap_or_default();
        message.embeds = body.embeds.clone().unwrap_or_default();
        message.flags = body.flags & (SILENT | 1 << 2);
        message.nonce = body.nonce.clone();
        message.reply_to = reply_to;
        message.kind = origin.kind;
        message.by_webhook = origin.by_webhook;
        let allowed = body.allowed.clone().unwrap_or_else(Allowed::everything);
        self.set_mentions(&mut message, &allowed, true);
        message
    }

    /// Posts a composed message of the bot, notes it in the journal, and announces it. Returns its JSON.
    pub fn publish(&mut self, message: Message, method: &str) -> Result<Value, ApiError> {
        let (channel, id) = (message.channel, message.id);
        self.put(message)?;
        let message = self.message(channel, id)?;
        self.log_message("posted", message, json!({ "method": method }));
        let answer = self.json_with_nonce(message);
        self.announce_new(channel, id);
        Ok(answer)
    }

    /// Returns a message with its nonce, as in the answer to its posting. Later answers and events leave the nonce out.
    fn json_with_nonce(&self, message: &Message) -> Value {
        let mut json = self.message_json(message, true);
        if let Some(nonce) = &message.nonce {
            json["nonce"] = nonce.clone();
        }
        json
    }

    /// Stores a message in its channel. A post in an archived thread unarchives the thread.
    pub fn put(&mut self, mut message: Message) -> Result<(), ApiError> {
        let channel = message.channel;
        if self.thread(channel).is_some_and(|thread| thread.archived) {
            self.set_archived(channel, false)?;
            self.announce_thread(channel);
        }
        self.keep_alive(channel);
        let in_thread = self.thread(channel).is_some();
        let Some(stands) = self.channels.get_mut(&channel) else { return Err(ApiError::unknown_channel()) };
        if in_thread {
            message.position = Some(stands.sent);
        }
        stands.sent += 1;
        stands.last_message = Some(message.id);
        stands.messages.insert(message.id, message);
        self.touch();
        Ok(())
    }

    /// Tells the bot of a new message.
    pub fn announce_new(&mut self, channel: u64, id: u64) {
        self.announce(channel, id, "MESSAGE_CREATE");
    }

    /// Tells the bot of a changed message.
    pub fn announce_update(&mut self, channel: u64, id: u64) {
        self.announce(channel, id, "MESSAGE_UPDATE");
    }

    fn announce(&mut self, channel: u64, id: u64, name: &'static str) {
        let Ok(message) = self.message(channel, id) else { return };
        let event = |with_content: bool| {
            let mut json = self.message_event_json(message, with_content);
            if let Some(nonce) = message.nonce.as_ref().filter(|_| name == "MESSAGE_CREATE") {
                json["nonce"] = nonce.clone();
            }
            json
        };
        let full = event(true);
        let hidden = !self.readable_without_intent(message) || message.reply_to.is_some();
        let bare = hidden.then(|| event(false));
        let note = json!({ "message": id.to_string(), "who": self.handle(message.author) });
        self.dispatch_in(channel, Happening::new(name, self.message_intent(channel), full).bare(bare).note(note));
    }

    fn message_intent(&self, channel: u64) -> u64 {
        if self.is_direct(channel) { intents::DIRECT_MESSAGES } else { intents::GUILD_MESSAGES }
    }

    /// Edits a message of the bot. Returns its JSON.
    pub fn bot_edits(&mut self, channel: u64, id: u64, body: &MessageBody, method: &str) -> Result<Value, ApiError> {
        let message = self.message(channel, id)?;
        if message.author != self.bot {
            return Err(ApiError::not_the_author());
        }
        if self.thread(channel).is_some_and(|thread| thread.archived) {
            return Err(ApiError::archived());
        }
        let changed = self.changed(message.clone(), body)?;
        self.replace(changed);
        let message = self.message(channel, id)?;
        self.log_message("updated", message, json!({ "method": method }));
        let answer = self.message_json(message, true);
        self.announce_update(channel, id);
        Ok(answer)
    }

    /// Returns the message with the fields of the body changed.
    pub fn changed(&self, mut message: Message, body: &MessageBody) -> Result<Message, ApiError> {
        if let Some(content) = &body.content {
            message.content.clone_from(content);
        }
        if let Some(components) = &body.components {
            message.components.clone_from(components);
        }
        if let Some(embeds) = &body.embeds {
            message.embeds.clone_from(embeds);
        }
        if message.content.is_empty() && message.embeds.is_empty() {
            return Err(ApiError::empty_message());
        }
        message.edited_ms = Some(self.now_ms());
        let allowed = body.allowed.clone().unwrap_or_else(Allowed::everything);
        self.set_mentions(&mut message, &allowed, false);
        Ok(message)
    }

    /// Replaces a stored message by its changed form.
    pub fn replace(&mut self, message: Message) {
        if message.flags & EPHEMERAL != 0 {
            for messages in self.private.values_mut() {
                if let Some(known) = messages.get_mut(&message.id) {
                    *known = message;
                    break;
                }
            }
        } else if let Some(channel) = self.channels.get_mut(&message.channel) {
            channel.messages.insert(message.id, message);
        }
        self.touch();
    }

    /// Deletes a message. Its thread stays.
    pub fn remove(&mut self, channel: u64, id: u64) {
        let has_thread = self.thread(id).is_some();
        let Some(stands) = self.channels.get_mut(&channel) else { return };
        match stands.messages.get_mut(&id) {
            Some(message) if has_thread => {
                message.gone = true;
                message.content.clear();
                message.components.clear();
                message.embeds.clear();
            }
            Some(_) => {
                stands.messages.remove(&id);
            }
            None => return,
        }
        let mut data = json!({ "id": id.to_string(), "channel_id": channel.to_string() });
        if let Some(guild) = self.guild_of(channel) {
            data["guild_id"] = json!(guild.to_string());
        }
        let note = json!({ "message": id.to_string() });
        self.dispatch_in(channel, Happening::new("MESSAGE_DELETE", self.message_intent(channel), data).note(note));
        self.touch();
    }
}

fn nonce_key(nonce: &Value) -> String {
    nonce.as_str().map_or_else(|| nonce.to_string(), str::to_owned)
}
