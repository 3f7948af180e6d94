//! Discord's refusals, with Discord's own codes.
//!
//! Source: <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>.

use serde_json::{Map, Value, json};

/// A refusal of the REST API: the status and the JSON body of the answer.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub status: u16,
    /// Discord's JSON error code; 0 if the HTTP status says all.
    pub code: u32,
    pub message: String,
    /// Which fields were wrong, if the body was.
    pub errors: Option<Value>,
}

impl ApiError {
    /// Creates a refusal with an HTTP status, and Discord's code and message.
    pub fn new(status: u16, code: u32, message: &str) -> Self {
        Self { status, code, message: message.to_owned(), errors: None }
    }

    /// Returns the JSON of the refusal.
    pub fn body(&self) -> Value {
        let mut body = json!({ "message": self.message, "code": self.code });
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        body
    }

    /// Whether the request itself was wrong, whatever the state of the guild.
    pub fn is_bad_body(&self) -> bool {
        matches!(self.code, 50006 | 50035 | 50109)
    }

    /// Refuses a call of a route that does not exist.
    pub fn not_found() -> Self {
        Self::new(404, 0, "404: Not Found")
    }
    /// Refuses a call without the bot's token.
    pub fn unauthorized() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }
    /// Refuses the id of a channel or thread that does not exist.
    pub fn unknown_channel() -> Self {
        Self::new(404, 10003, "Unknown Channel")
    }
    /// Refuses the id of a guild that the bot is not in.
    pub fn unknown_guild() -> Self {
        Self::new(404, 10004, "Unknown Guild")
    }
    /// Refuses the id of a person who is not in the guild.
    pub fn unknown_member() -> Self {
        Self::new(404, 10007, "Unknown Member")
    }
    /// Refuses the id of a message that does not exist in this channel, or was deleted.
    pub fn unknown_message() -> Self {
        Self::new(404, 10008, "Unknown Message")
    }
    /// Refuses an interaction's token that is unknown or expired, or whose interaction has no first answer.
    pub fn unknown_webhook() -> Self {
        Self::new(404, 10015, "Unknown Webhook")
    }
    /// Refuses a first answer that comes too late, or to an interaction that does not exist.
    pub fn unknown_interaction() -> Self {
        Self::new(404, 10062, "Unknown interaction")
    }
    /// Refuses a second first answer to an interaction.
    pub fn already_acknowledged() -> Self {
        Self::new(400, 40060, "Interaction has already been acknowledged.")
    }
    /// Refuses what the bot may not see: a hidden channel, a guild that it is not in, members without the intent.
    pub fn missing_access() -> Self {
        Self::new(403, 50001, "Missing Access")
    }
    /// Refuses the edit of a message that the bot has not written.
    pub fn not_the_author() -> Self {
        Self::new(403, 50005, "Cannot edit a message authored by another user")
    }
    /// Refuses a message without content and embeds.
    pub fn empty_message() -> Self {
        Self::new(400, 50006, "Cannot send an empty message")
    }
    /// Refuses a direct message to a person who accepts none.
    pub fn cannot_write_to_user() -> Self {
        Self::new(403, 50007, "Cannot send messages to this user")
    }
    /// Refuses an act in a channel that the bot sees, but for which it lacks a permission.
    pub fn missing_permissions() -> Self {
        Self::new(403, 50013, "Missing Permissions")
    }
    /// Refuses an act that channels of this type do not have, such as joining a channel that is no thread.
    pub fn wrong_channel_type() -> Self {
        Self::new(400, 50024, "Cannot execute action on this channel type")
    }
    /// Refuses a direct conversation with an unknown person.
    pub fn invalid_recipient() -> Self {
        Self::new(400, 50033, "Invalid Recipient(s)")
    }
    /// Refuses a change in an archived thread, which must be unarchived first.
    pub fn archived() -> Self {
        Self::new(400, 50083, "Thread is archived")
    }
    /// Refuses a body that is not JSON.
    pub fn invalid_json() -> Self {
        Self::new(400, 50109, "The request body contains invalid JSON.")
    }
    /// Refuses to start a second thread under a message.
    pub fn thread_exists() -> Self {
        Self::new(400, 160_004, "A thread has already been created for this message")
    }
    /// Refuses a thread in a guild that already has 1,000 active ones.
    pub fn too_many_threads() -> Self {
        Self::new(400, 160_006, "Maximum number of active threads reached")
    }

    /// Creates the refusal of a body with one wrong field.
    pub fn field(path: &str, code: &str, message: &str) -> Self {
        let mut wrong = Wrong::default();
        wrong.add(path, code, message);
        wrong.into_error()
    }
}

/// Collects the errors of a body's fields into Discord's tree of errors.
#[derive(Debug, Default)]
pub struct Wrong {
    tree: Map<String, Value>,
}

impl Wrong {
    /// Adds an error of the field at `path` (parts joined by dots).
    pub fn add(&mut self, path: &str, code: &str, message: &str) {
        let mut node = &mut self.tree;
        for part in path.split('.').filter(|part| !part.is_empty()) {
            let next = node.entry(part).or_insert_with(|| json!({}));
            let Value::Object(map) = next else { return };
            node = map;
        }
        if let Value::Array(list) = node.entry("_errors").or_insert_with(|| json!([])) {
            list.push(json!({ "code": code, "message": message }));
        }
    }

    /// Adds an error if the length of the field at `path` is not in `min..=max`.
    pub fn length(&mut self, path: &str, length: usize, min: usize, max: usize) {
        if length == 0 && min > 0 {
            self.add(path, "BASE_TYPE_REQUIRED", "This field is required");
        } else if !(min..=max).contains(&length) {
            let message = if min == 0 {
                format!("Must be {max} or fewer in length.")
            } else {
                format!("Must be between {min} and {max} in length.")
            };
            self.add(path, if min == 0 { "BASE_TYPE_MAX_LENGTH" } else { "BASE_TYPE_BAD_LENGTH" }, &message);
        }
    }

    /// Returns the refusal, if there is an error.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.tree.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }

    fn into_error(self) -> ApiError {
        let mut error = ApiError::new(400, 50035, "Invalid Form Body");
        error.errors = Some(Value::Object(self.tree));
        error
    }
}
