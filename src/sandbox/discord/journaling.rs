//! Journal entries about messages and calls.

use serde_json::{Value, json};

use super::state::{Message, State};

impl State {
    /// Writes an entry of this kind into the journal, at the clock's present time.
    pub fn log(&self, kind: &'static str, fields: Value) {
        self.journal.write(self.now_ms(), "discord", kind, fields);
    }

    /// Returns the fields about a channel: `channel` (its name, the parent's for a thread, `desk` for a direct
    /// conversation), `channel_id` and `thread`.
    pub fn place_fields(&self, channel: u64) -> Value {
        let parent = self.parent(channel);
        let name = if self.is_direct(channel) {
            "desk"
        } else {
            self.channels.get(&parent).map_or("", |parent| parent.name.as_str())
        };
        let mut fields = json!({ "channel": name, "channel_id": channel.to_string() });
        if parent != channel {
            fields["thread"] = json!(channel.to_string());
        }
        fields
    }

    /// Returns the fields about a message.
    pub fn message_fields(&self, message: &Message) -> Value {
        let pings: Vec<&str> = message.pings.iter().map(|user| self.handle(*user)).collect();
        let mut fields = self.place_fields(message.channel);
        fields["who"] = json!(self.handle(message.author));
        fields["message"] = json!(message.id.to_string());
        fields["visible_to"] = json!(self.audience(message.channel));
        fields["text"] = json!(self.readable(message));
        fields["pings"] = json!(pings);
        if let Some(nonce) = &message.nonce {
            fields["nonce"] = nonce.clone();
        }
        if let Some(reply_to) = message.reply_to {
            fields["reply_to"] = json!(reply_to.to_string());
        }
        fields
    }

    /// Writes an entry about a message, with further fields.
    pub fn log_message(&self, kind: &'static str, message: &Message, more: Value) {
        let mut fields = self.message_fields(message);
        join(&mut fields, more);
        self.log(kind, fields);
    }
}

/// Adds the fields of `more` to `fields`.
pub fn join(fields: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (fields, more) {
        fields.extend(more);
    }
}
