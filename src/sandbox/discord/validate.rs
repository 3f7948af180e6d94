//! Reads and checks the bodies of requests, and refuses them as Discord does: all errors of a body at once.

use serde_json::Value;

use super::components::{chars, check_rows};
use super::errors::{ApiError, Wrong};
use super::mentions::Allowed;
use crate::domain::limits::discord as platform;

/// The flag of messages made of the newer components, which the sandbox does not model.
const COMPONENTS_V2: u64 = 1 << 15;

/// The body of a message to post or edit. `None`: the field was not given.
#[derive(Debug, Default)]
pub struct MessageBody {
    pub content: Option<String>,
    pub components: Option<Vec<Value>>,
    pub embeds: Option<Vec<Value>>,
    pub allowed: Option<Allowed>,
    pub flags: u64,
    pub nonce: Option<Value>,
    pub enforce_nonce: bool,
    pub reply_to: Option<u64>,
    /// Whether a missing message to reply to is an error.
    pub reply_must_exist: bool,
    /// Names of fields that Discord does not know, or that the sandbox does not model.
    pub unknown: Vec<String>,
}

const MESSAGE_FIELDS: [&str; 16] = [
    "content",
    "nonce",
    "tts",
    "embeds",
    "allowed_mentions",
    "message_reference",
    "components",
    "sticker_ids",
    "flags",
    "attachments",
    "enforce_nonce",
    "poll",
    "payload_json",
    "thread_name",
    "username",
    "avatar_url",
];

impl MessageBody {
    /// Reads and checks a body. `prefix` is its place in the request (empty, or `data`).
    pub fn read(body: &Value, prefix: &str) -> Result<Self, ApiError> {
        let Some(fields) = body.as_object() else {
            return Err(ApiError::field(prefix, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType"));
        };
        let mut read = Self { reply_must_exist: true, ..Self::default() };
        let mut wrong = Wrong::default();
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("content", Value::String(text)) => {
                    let text = text.trim();
                    if chars(text) > platform::TEXT_CHARS {
                        let message = format!("Must be {} or fewer in length.", platform::TEXT_CHARS);
                        wrong.add("content", "BASE_TYPE_MAX_LENGTH", &message);
                    }
                    read.content = Some(text.to_owned());
                }
                ("content", Value::Null) => read.content = Some(String::new()),
                ("components", Value::Array(rows)) => {
                    check_rows(rows, &mut wrong);
                    read.components = Some(rows.clone());
                }
                ("components", Value::Null) => read.components = Some(Vec::new()),
                ("embeds", Value::Array(embeds)) => {
                    check_embeds(embeds, &mut wrong);
                    read.embeds = Some(embeds.clone());
                }
                ("embeds", Value::Null) => read.embeds = Some(Vec::new()),
                ("allowed_mentions", Value::Object(_)) => read.allowed = Some(check_allowed(value, &mut wrong)),
                ("message_reference", Value::Object(reference)) => {
                    read.reply_to = reference.get("message_id").and_then(snowflake);
                    read.reply_must_exist = reference.get("fail_if_not_exists") != Some(&Value::Bool(false));
                    if read.reply_to.is_none() {
                        wrong.add("message_reference.message_id", "BASE_TYPE_REQUIRED", "This field is required");
                    }
                }
                ("flags", Value::Number(flags)) => read.flags = flags.as_u64().unwrap_or(0),
                ("nonce", Value::String(nonce)) => {
                    if chars(nonce) > platform::NONCE_CHARS {
                        let message = format!("Must be {} or fewer in length.", platform::NONCE_CHARS);
                        wrong.add("nonce", "BASE_TYPE_MAX_LENGTH", &message);
                    }
                    read.nonce = Some(value.clone());
                }
                ("nonce", Value::Number(number)) if number.is_i64() || number.is_u64() => {
                    read.nonce = Some(value.clone());
                }
                ("enforce_nonce", Value::Bool(enforce)) => read.enforce_nonce = *enforce,
                ("tts", Value::Bool(_)) => {}
                ("sticker_ids" | "attachments", Value::Array(list)) if list.is_empty() => {}
                ("sticker_ids" | "attachments" | "poll" | "thread_name", value) if !value.is_null() => {
                    read.unknown.push(format!("{name} (not modelled)"));
                }
                (name, Value::Null) if MESSAGE_FIELDS.contains(&name) => {}
                (name, _) if MESSAGE_FIELDS.contains(&name) => {
                    wrong.add(name, "BASE_TYPE_BAD_TYPE", "This field has the wrong type");
                }
                (name, _) => read.unknown.push(name.to_owned()),
            }
        }
        if read.flags & COMPONENTS_V2 != 0 {
            wrong.add("flags", "NOT_MODELLED", "This sandbox does not model the newer components");
        }
        wrong.finish().map_err(|error| under(error, prefix))?;
        Ok(read)
    }

    /// Whether a new message with this body would have neither text nor embeds.
    pub fn is_empty(&self) -> bool {
        self.content.as_deref().unwrap_or_default().is_empty() && self.embeds.as_ref().is_none_or(Vec::is_empty)
    }
}

/// Moves the errors below `prefix`, the part of the request where the body is.
fn under(mut error: ApiError, prefix: &str) -> ApiError {
    if !prefix.is_empty()
        && let Some(tree) = error.errors.take()
    {
        error.errors = Some(serde_json::json!({ prefix: tree }));
    }
    error
}

fn check_embeds(embeds: &[Value], wrong: &mut Wrong) {
    if embeds.len() > 10 {
        wrong.add("embeds", "BASE_TYPE_BAD_LENGTH", "Must be 10 or fewer in length.");
    }
    for (at, embed) in embeds.iter().enumerate() {
        if !embed.is_object() {
            wrong.add(&format!("embeds.{at}"), "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType");
            continue;
        }
        wrong.length(&format!("embeds.{at}.title"), embed["title"].as_str().map_or(0, chars), 0, 256);
        wrong.length(&format!("embeds.{at}.description"), embed["description"].as_str().map_or(0, chars), 0, 4096);
        wrong.length(&format!("embeds.{at}.fields"), embed["fields"].as_array().map_or(0, Vec::len), 0, 25);
    }
}

fn check_allowed(value: &Value, wrong: &mut Wrong) -> Allowed {
    let mut allowed = Allowed { replied_user: value["replied_user"] == true, ..Allowed::default() };
    let path = "allowed_mentions";
    match &value["parse"] {
        Value::Null => {}
        Value::Array(kinds) => {
            for (at, kind) in kinds.iter().enumerate() {
                match kind.as_str() {
                    Some("users") => allowed.all_users = true,
                    Some("roles") => allowed.all_roles = true,
                    Some("everyone") => allowed.everyone = true,
                    _ => wrong.add(
                        &format!("{path}.parse.{at}"),
                        "BASE_TYPE_CHOICES",
                        "Value must be one of ('users', 'roles', 'everyone').",
                    ),
                }
            }
        }
        _ => wrong.add(&format!("{path}.parse"), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType"),
    }
    allowed.users = check_ids(value, "users", wrong);
    allowed.roles = check_ids(value, "roles", wrong);
    for (all, named, kind) in [
        (allowed.all_users, !allowed.users.is_empty(), "users"),
        (allowed.all_roles, !allowed.roles.is_empty(), "roles"),
    ] {
        if all && named {
            let message = format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
            wrong.add(path, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", &message);
        }
    }
    allowed
}

fn check_ids(value: &Value, kind: &str, wrong: &mut Wrong) -> Vec<u64> {
    let path = format!("allowed_mentions.{kind}");
    let list = match &value[kind] {
        Value::Null => return Vec::new(),
        Value::Array(list) => list,
        _ => {
            wrong.add(&path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
            return Vec::new();
        }
    };
    wrong.length(&path, list.len(), 0, 100);
    let mut ids = Vec::new();
    for (at, id) in list.iter().enumerate() {
        match snowflake(id) {
            Some(id) => ids.push(id),
            None => wrong.add(
                &format!("{path}.{at}"),
                "NUMBER_TYPE_COERCE",
                &format!("Value \"{}\" is not snowflake.", id.as_str().unwrap_or_default()),
            ),
        }
    }
    ids
}

/// Reads an id in a body: a string of digits, or a number, which Discord tolerates.
pub fn snowflake(value: &Value) -> Option<u64> {
    value.as_str().and_then(|id| id.parse().ok()).or(value.as_u64()).filter(|id| *id > 0)
}
