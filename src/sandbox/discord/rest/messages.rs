//! Messages of a channel. Source: <https://docs.discord.com/developers/resources/message>.

use std::ops::Bound;

use serde_json::{Value, json};

use super::{Call, Done};
use crate::sandbox::discord::acts::change_reaction;
use crate::sandbox::discord::errors::ApiError;
use crate::sandbox::discord::state::{Message, State};
use crate::sandbox::discord::validate::MessageBody;

impl State {
    pub(super) fn create_message(&mut self, channel: u64, call: &Call) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        let body = MessageBody::read(&call.body, "")?;
        self.note_unknown(&body.unknown, call.template);
        self.bot_posts(channel, &body, call.template).map(Done::Json)
    }

    pub(super) fn get_message(&self, channel: u64, message: u64) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        if self.blind.contains(&self.parent(channel)) {
            return Err(ApiError::missing_permissions());
        }
        let message = self.message(channel, message)?;
        Ok(Done::Json(self.message_json(message, self.message_content)))
    }

    pub(super) fn edit_message(&mut self, channel: u64, message: u64, call: &Call) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        let body = MessageBody::read(&call.body, "")?;
        self.note_unknown(&body.unknown, call.template);
        self.bot_edits(channel, message, &body, call.template).map(Done::Json)
    }

    pub(super) fn delete_message(&mut self, channel: u64, id: u64, call: &Call) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        let message = self.message(channel, id)?;
        if message.author != self.bot {
            return Err(if self.is_direct(channel) {
                ApiError::new(403, 50003, "Cannot execute action on a DM channel")
            } else {
                ApiError::missing_permissions()
            });
        }
        self.log_message("removed", message, json!({ "method": call.template }));
        self.remove(channel, id);
        Ok(Done::Empty)
    }

    /// Adds or removes the bot's own reaction. A new one needs the right to add reactions, which the bot has everywhere
    /// here, and the right to read the history.
    pub(super) fn react(&mut self, channel: u64, id: u64, emoji: &str, add: bool) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        self.message(channel, id)?;
        if add && self.blind.contains(&self.parent(channel)) {
            return Err(ApiError::missing_permissions());
        }
        let emoji = url::form_urlencoded::parse(emoji.as_bytes()).next().map(|(emoji, _)| emoji.into_owned());
        let emoji = emoji.unwrap_or_default();
        if emoji.is_ascii() {
            return Err(ApiError::new(400, 10014, "Unknown Emoji"));
        }
        let bot = self.bot;
        if let Some(message) = self.channels.get_mut(&channel).and_then(|channel| channel.messages.get_mut(&id)) {
            change_reaction(&mut message.reactions, &emoji, bot, add);
        }
        let mut fields = self.place_fields(channel);
        fields["message"] = json!(id.to_string());
        fields["text"] = json!(emoji);
        fields["added"] = json!(add);
        self.log("signed", fields);
        self.touch();
        Ok(Done::Empty)
    }

    /// Returns the messages of a channel, newest first.
    pub(super) fn list_messages(&self, channel: u64, call: &Call) -> Result<Done, ApiError> {
        let limit = call.limit(50, 100)?;
        let (before, after, around) = (call.number("before")?, call.number("after")?, call.number("around")?);
        if [before, after, around].iter().flatten().count() > 1 {
            let message = "before, after and around are mutually exclusive.";
            return Err(ApiError::field("", "MESSAGE_LIST_EXCLUSIVE", message));
        }
        let messages = &self.open_to_bot(channel)?.messages;
        // Without the right to read the history, Discord reports no error and returns an empty list.
        if self.blind.contains(&self.parent(channel)) {
            return Ok(Done::Json(json!([])));
        }
        let lag_ms = i64::try_from(self.faults.lag.as_millis()).unwrap_or(i64::MAX);
        let shown_ms = if lag_ms == 0 { i64::MAX } else { self.now_ms().saturating_sub(lag_ms) };
        let there = |message: &&Message| !message.gone && message.at_ms <= shown_ms;
        let older = |than: u64, limit: usize| {
            messages.range(..than).rev().map(|(_, message)| message).filter(there).take(limit).collect::<Vec<_>>()
        };
        let newer = |than: Bound<u64>, limit: usize| {
            let range = messages.range((than, Bound::Unbounded)).map(|(_, message)| message);
            let mut found = range.filter(there).take(limit).collect::<Vec<_>>();
            found.reverse();
            found
        };
        let found = match (after, around) {
            (Some(after), _) => newer(Bound::Excluded(after), limit),
            (None, Some(around)) => {
                let mut found = newer(Bound::Included(around), limit.div_ceil(2));
                found.extend(older(around, limit - found.len()));
                found
            }
            (None, None) => older(before.unwrap_or(u64::MAX), limit),
        };
        let found: Vec<Value> =
            found.into_iter().map(|message| self.message_json(message, self.message_content)).collect();
        Ok(Done::Json(Value::Array(found)))
    }
}
