//! Channels, threads and direct messages.
//!
//! Sources: <https://docs.discord.com/developers/resources/channel>, `…/topics/threads`, `…/resources/user#create-dm`.

use serde_json::{Value, json};

use super::{Call, Done};
use crate::domain::limits::discord as platform;
use crate::sandbox::discord::components::chars;
use crate::sandbox::discord::errors::{ApiError, Wrong};
use crate::sandbox::discord::state::State;
use crate::sandbox::discord::validate::snowflake;

/// The choices for the minutes without activity after which a thread is archived.
const ARCHIVE_AFTER_MINUTES: [i64; 4] = [60, 1_440, 4_320, 10_080];

impl State {
    pub(super) fn open_direct(&self, call: &Call) -> Result<Done, ApiError> {
        let recipient = call.body.get("recipient_id").and_then(snowflake);
        let recipient =
            recipient.ok_or_else(|| ApiError::field("recipient_id", "BASE_TYPE_REQUIRED", "This field is required"))?;
        let direct = self.directs.get(&recipient).ok_or_else(ApiError::invalid_recipient)?;
        Ok(Done::Json(self.channel_json(*direct)))
    }

    pub(super) fn get_channel(&self, channel: u64) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        Ok(Done::Json(self.channel_json(channel)))
    }

    pub(super) fn join_thread(&mut self, channel: u64) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        let thread = self.thread(channel).ok_or_else(ApiError::wrong_channel_type)?;
        if thread.archived {
            return Err(ApiError::archived());
        }
        self.change_thread(channel, |thread| thread.joined = true);
        Ok(Done::Empty)
    }

    pub(super) fn start_thread_from(&mut self, channel: u64, message: u64, call: &Call) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        let mut wrong = Wrong::default();
        let name = call.body["name"].as_str().unwrap_or_default().trim();
        wrong.length("name", chars(name), 1, platform::THREAD_NAME_CHARS);
        let minutes = check_minutes(&call.body, &mut wrong).unwrap_or(1_440);
        wrong.finish()?;
        self.note_other_fields(call, &["name", "auto_archive_duration", "rate_limit_per_user", "type"]);
        self.start_thread(channel, message, self.bot, name, minutes)?;
        Ok(Done::Created(self.channel_json(message)))
    }

    /// Archives, unarchives, locks or renames a thread.
    pub(super) fn patch_channel(&mut self, channel: u64, call: &Call) -> Result<Done, ApiError> {
        self.open_to_bot(channel)?;
        let Some(thread) = self.thread(channel) else {
            return Err(if self.is_direct(channel) {
                ApiError::new(403, 50003, "Cannot execute action on a DM channel")
            } else {
                ApiError::missing_permissions()
            });
        };
        let was_archived = thread.archived;
        let mut wrong = Wrong::default();
        let flag = |field: &str, wrong: &mut Wrong| match &call.body[field] {
            Value::Null => None,
            Value::Bool(flag) => Some(*flag),
            _ => {
                wrong.add(field, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
                None
            }
        };
        let (archived, locked) = (flag("archived", &mut wrong), flag("locked", &mut wrong));
        let name = call.body["name"].as_str().map(str::trim);
        if let Some(name) = name {
            wrong.length("name", chars(name), 1, platform::THREAD_NAME_CHARS);
        }
        let minutes = check_minutes(&call.body, &mut wrong);
        wrong.finish()?;
        let known =
            ["archived", "locked", "name", "auto_archive_duration", "rate_limit_per_user", "invitable", "flags"];
        self.note_other_fields(call, &known);
        if was_archived && archived != Some(false) && (locked.is_some() || name.is_some() || minutes.is_some()) {
            return Err(ApiError::archived());
        }
        if let Some(archived) = archived {
            self.set_archived(channel, archived)?;
        }
        self.change_thread(channel, |thread| {
            thread.locked = locked.unwrap_or(thread.locked);
            thread.auto_archive_minutes = minutes.unwrap_or(thread.auto_archive_minutes);
        });
        if let (Some(name), Some(channel)) = (name, self.channels.get_mut(&channel)) {
            name.clone_into(&mut channel.name);
        }
        self.announce_thread(channel);
        self.touch();
        Ok(Done::Json(self.channel_json(channel)))
    }

    /// Notes the fields of a body other than `known` as faults.
    pub(super) fn note_other_fields(&mut self, call: &Call, known: &[&str]) {
        let fields = call.body.as_object().into_iter().flatten().map(|(name, _)| name.clone());
        let unknown: Vec<String> = fields.filter(|name| !known.contains(&name.as_str())).collect();
        self.note_unknown(&unknown, call.template);
    }
}

fn check_minutes(body: &Value, wrong: &mut Wrong) -> Option<i64> {
    let given = &body["auto_archive_duration"];
    if given.is_null() {
        return None;
    }
    let minutes = given.as_i64().filter(|minutes| ARCHIVE_AFTER_MINUTES.contains(minutes));
    if minutes.is_none() {
        let message = format!("Value must be one of {}.", json!(ARCHIVE_AFTER_MINUTES));
        wrong.add("auto_archive_duration", "BASE_TYPE_CHOICES", &message);
    }
    minutes
}
