//! Routes for answers to interactions.
//!
//! Source: <https://docs.discord.com/developers/interactions/receiving-and-responding>.

use serde_json::json;

use super::routes::Verb;
use super::{Call, Done};
use crate::sandbox::discord::errors::ApiError;
use crate::sandbox::discord::state::State;
use crate::sandbox::discord::validate::MessageBody;

impl State {
    pub(super) fn answer_interaction(&mut self, id: u64, token: &str, call: &Call) -> Result<Done, ApiError> {
        self.note_other_fields(call, &["type", "data"]);
        let message = self.callback(id, token, &call.body, call.template)?;
        if call.parameter("with_response") != Some("true") {
            return Ok(Done::Empty);
        }
        let kind = match self.interactions.get(&id).map(|interaction| interaction.act) {
            Some(crate::sandbox::discord::interactions::Act::Command) => 2,
            Some(crate::sandbox::discord::interactions::Act::Modal) => 5,
            _ => 3,
        };
        let mut answer = json!({ "interaction": { "id": id.to_string(), "type": kind } });
        answer["resource"] = json!({ "type": call.body["type"] });
        if !message.is_null() {
            answer["interaction"]["response_message_id"] = message["id"].clone();
            answer["resource"]["message"] = message;
        }
        Ok(Done::Json(answer))
    }

    pub(super) fn post_follow_up(&mut self, application: u64, token: &str, call: &Call) -> Result<Done, ApiError> {
        let body = MessageBody::read(&call.body, "")?;
        self.note_unknown(&body.unknown, call.template);
        self.follow_up(application, token, &body, call.template).map(Done::Json)
    }

    pub(super) fn webhook_message_call(
        &mut self,
        verb: Verb,
        application: u64,
        token: &str,
        message: Option<u64>,
        call: &Call,
    ) -> Result<Done, ApiError> {
        match verb {
            Verb::Get => self.webhook_get(application, token, message).map(Done::Json),
            Verb::Edit => {
                let body = MessageBody::read(&call.body, "")?;
                self.note_unknown(&body.unknown, call.template);
                self.webhook_edit(application, token, message, &body, call.template).map(Done::Json)
            }
            Verb::Delete => {
                self.webhook_delete(application, token, message, call.template)?;
                Ok(Done::Empty)
            }
        }
    }
}
