//! Discord's refusals, with Discord's own codes.
//!
//! Source: <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>.

use serde_json::{Map, Value, json};

/// A refusal.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Discord's code.
    pub code: u32,
    /// Discord's words.
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

    pub fn not_found() -> Self {
        Self::new(404, 0, "404: Not Found")
    }
    pub fn unauthorized() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }
    pub fn unknown_channel() -> Self {
        Self::new(404, 10003, "Unknown Channel")
    }
    pub fn unknown_guild() -> Self {
        Self::new(404, 10004, "Unknown Guild")
    }
    pub fn unknown_member() -> Self {
        Self::new(404, 10007, "Unknown Member")
    }
    pub fn unknown_message() -> Self {
        Self::new(404, 10008, "Unknown Message")
    }
    pub fn unknown_webhook() -> Self {
        Self::new(404, 10015, "Unknown Webhook")
    }
    pub fn unknown_interaction() -> Self {
        Self::new(404, 10062, "Unknown interaction")
    }
    pub fn already_acknowledged() -> Self {
        Self::new(400, 40060, "Interaction has already been acknowledged.")
    }
    pub fn missing_access() -> Self {
        Self::new(403, 50001, "Missing Access")
    }
    pub fn not_the_author() -> Self {
        Self::new(403, 50005, "Cannot edit a message authored by another user")
    }
    pub fn empty_message() -> Self {
        Self::new(400, 50006, "Cannot send an empty message")
    }
    pub fn cannot_write_to_user() -> Self {
        Self::new(403, 50007, "Cannot send messages to this user")
    }
    pub fn missing_permissions() -> Self {
        Self::new(403, 50013, "Missing Permissions")
    }
    pub fn wrong_channel_type() -> Self {
        Self::new(400, 50024, "Cannot execute action on this channel type")
    }
    pub fn invalid_recipient() -> Self {
        Self::new(400, 50033, "Invalid Recipient(s)")
    }
    pub fn archived() -> Self {
        Self::new(400, 50083, "Thread is archived")
    }
    pub fn invalid_json() -> Self {
        Self::new(400, 50109, "The request body contains invalid JSON.")
    }
    pub fn thread_exists() -> Self {
        Self::new(400, 160_004, "A thread has already been created for this message")
    }
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
