//! Presses, commands and forms: the events for the bot, and its possible answers.
//!
//! Source: <https://docs.discord.com/developers/interactions/receiving-and-responding>. The first answer is due within
//! the person's deadline; the token then works for fifteen minutes of the clock's time.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::components::{check_modal, fields};
use super::errors::{ApiError, Wrong};
use super::gateway::{Happening, intents};
use super::ids::fixed;
use super::posting::Origin;
use super::state::{EPHEMERAL, LOADING, Message, State};
use super::validate::MessageBody;
use crate::domain::limits::discord as platform;
use crate::sandbox::FormView;

/// The number of ephemeral messages that are kept for each person.
const KEPT_EPHEMERALS: usize = 200;
/// The number of interactions above which those with expired tokens are forgotten.
const KEPT_INTERACTIONS: usize = 10_000;

/// The kind of an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Command,
    Component,
    Modal,
}

/// The place of a message: in a channel, or (`private`) among the ephemeral messages of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagePlace {
    pub channel: u64,
    pub id: u64,
    pub private: bool,
}

/// One act of a person that the bot has to answer.
#[derive(Debug)]
pub struct Interaction {
    pub act: Act,
    pub person: u64,
    pub channel: u64,
    created_ms: i64,
    /// The message whose control was pressed.
    source: Option<MessagePlace>,
    stage: Stage,
    followups: Vec<MessagePlace>,
    answered: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// The person has been told that it failed.
    Failed,
    /// Deferred: this message is the placeholder of the answer.
    Thinking(MessagePlace),
    /// Answered; `@original` is this message, if there is one.
    Answered(Option<MessagePlace>),
}

/// A form that is open before a person.
#[derive(Clone, Debug)]
pub struct Form {
    pub id: String,
    pub modal: Value,
    pub channel: u64,
    pub source: Option<MessagePlace>,
}

impl Form {
    /// Returns the form as its person sees it.
    pub fn view(&self) -> FormView {
        FormView {
            id: self.id.clone(),
            title: self.modal["title"].as_str().unwrap_or_default().to_owned(),
            submit: "Submit".to_owned(),
            intro: String::new(),
            fields: fields(self.modal["components"].as_array().map_or(&[][..], Vec::as_slice)),
        }
    }
}

impl State {
    /// Hands a person's act to the bot. Returns the interaction's id and a receiver for the bot's first answer. `note`
    /// goes into the journal as `kind`.
    pub fn act(
        &mut self,
        act: Act,
        person: u64,
        channel: u64,
        source: Option<MessagePlace>,
        data: Value,
        (kind, note): (&'static str, Value),
    ) -> (u64, oneshot::Receiver<()>) {
        let id = self.next_id();
        let token = format!("aW50{:018}{:018}", id, fixed(self.seed, "interaction", &id.to_string()));
        let full = self.interaction_json(id, &token, act, person, channel, source, data);
        let mut fields = self.place_fields(channel);
        fields["who"] = json!(self.handle(person));
        fields["visible_to"] = json!([self.handle(person)]);
        fields["event"] = json!(id.to_string());
        super::journaling::join(&mut fields, note);
        self.log(kind, fields);

        let (sender, receiver) = oneshot::channel();
        let created_ms = self.now_ms();
        let interaction = Interaction {
            act,
            person,
            channel,
            created_ms,
            source,
            stage: Stage::Waiting,
            followups: Vec::new(),
            answered: Some(sender),
        };
        if self.interactions.len() >= KEPT_INTERACTIONS {
            self.forget_old_interactions();
        }
        self.interactions.insert(id, interaction);
        self.interaction_tokens.insert(token, id);
        let mut note = self.place_fields(channel);
        note["who"] = json!(self.handle(person));
        let happening = Happening::new("INTERACTION_CREATE", intents::NONE, full).id(id.to_string()).note(note);
        self.dispatch(happening);
        (id, receiver)
    }

    /// Returns the number of interactions that the bot has deferred and can still answer.
    pub fn unanswered(&self) -> usize {
        let now_ms = self.now_ms();
        let waits = |interaction: &&Interaction| {
            matches!(interaction.stage, Stage::Thinking(_)) && now_ms - interaction.created_ms < token_life_ms()
        };
        self.interactions.values().filter(waits).count()
    }

    fn forget_old_interactions(&mut self) {
        let now_ms = self.now_ms();
        self.interactions.retain(|_, interaction| now_ms - interaction.created_ms < token_life_ms());
        let interactions = &self.interactions;
        self.interaction_tokens.retain(|_, id| interactions.contains_key(id));
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parts that every interaction has")]
    fn interaction_json(
        &self,
        id: u64,
        token: &str,
        act: Act,
        person: u64,
        channel: u64,
        source: Option<MessagePlace>,
        data: Value,
    ) -> Value {
        let guild = self.guild_of(channel);
        let kind = match act {
            Act::Command => 2,
            Act::Component => 3,
            Act::Modal => 5,
        };
        let installed = guild.unwrap_or_default().to_string();
        let mut json = json!({
            "id": id.to_string(), "application_id": self.bot.to_string(), "type": kind, "data": data,
            "channel_id": channel.to_string(), "channel": self.channel_json(channel), "token": token, "version": 1,
            "locale": "en-US", "app_permissions": self.bot_permissions(), "entitlements": [],
            "authorizing_integration_owners": { "0": installed }, "context": u8::from(guild.is_none()),
            "attachment_size_limit": 10_485_760,
        });
        if let Some(guild) = guild {
            json["guild_id"] = json!(guild.to_string());
            json["guild"] = json!({ "id": guild.to_string(), "locale": "en-US", "features": [] });
            json["guild_locale"] = json!("en-US");
            json["member"] = self.acting_member_json(guild, person);
        } else {
            json["user"] = self.user_json(person);
        }
        if let Some(message) = source.and_then(|source| self.message_at(person, source)) {
            json["message"] = self.message_json(message, true);
        }
        json
    }

    /// Returns the message at this place, if it still exists.
    fn message_at(&self, person: u64, place: MessagePlace) -> Option<&Message> {
        if place.private {
            self.private.get(&person)?.get(&place.id)
        } else {
            self.message(place.channel, place.id).ok()
        }
    }

    /// Stops waiting for the first answer, and shows `notice` to the person. Returns false if the answer has arrived
    /// after all.
    pub fn give_up(&mut self, interaction: u64, notice: &str) -> bool {
        let Some(waiting) = self.interactions.get_mut(&interaction) else { return false };
        if waiting.stage != Stage::Waiting {
            return false;
        }
        waiting.stage = Stage::Failed;
        let person = waiting.person;
        if let Some(user) = self.users.get_mut(&person) {
            user.notice(notice);
        }
        self.touch();
        true
    }

    /// Carries out the bot's first answer. Returns the message that it made or changed, or null.
    pub fn callback(&mut self, id: u64, token: &str, body: &Value, method: &str) -> Result<Value, ApiError> {
        let interaction = self.interactions.get(&id).filter(|_| self.interaction_tokens.get(token) == Some(&id));
        let interaction = interaction.ok_or_else(ApiError::unknown_interaction)?;
        match interaction.stage {
            Stage::Waiting => {}
            Stage::Failed => return Err(ApiError::unknown_interaction()),
            Stage::Thinking(_) | Stage::Answered(_) => return Err(ApiError::already_acknowledged()),
        }
        let (act, person, channel, source) =
            (interaction.act, interaction.person, interaction.channel, interaction.source);
        let kind = body["type"].as_u64().unwrap_or(0);
        let data = &body["data"];
        match (kind, source) {
            (4, _) => {
                let read = self.read_answer(data, method)?;
                if read.is_empty() {
                    return Err(ApiError::empty_message());
                }
                self.acknowledge(id, kind, method);
                let place = self.answer(id, &read, read.flags & EPHEMERAL != 0, true, method)?;
                self.settle(id, Stage::Answered(Some(place)));
                Ok(self.placed_json(person, place))
            }
            (5, _) => {
                self.acknowledge(id, kind, method);
                let private = data["flags"].as_u64().unwrap_or(0) & EPHEMERAL != 0;
                let place = self.thinking(id, private)?;
                self.settle(id, Stage::Thinking(place));
                Ok(self.placed_json(person, place))
            }
            (6, Some(source)) => {
                self.acknowledge(id, kind, method);
                self.settle(id, Stage::Answered(Some(source)));
                Ok(self.placed_json(person, source))
            }
            (7, Some(source)) => {
                let read = self.read_answer(data, method)?;
                let message = self.message_at(person, source).ok_or_else(ApiError::unknown_message)?;
                let changed = self.changed(message.clone(), &read)?;
                self.acknowledge(id, kind, method);
                self.change(person, source, changed, "updated", method);
                self.settle(id, Stage::Answered(Some(source)));
                Ok(self.placed_json(person, source))
            }
            (9, _) if act != Act::Modal => {
                let mut wrong = Wrong::default();
                check_modal(data, &mut wrong);
                wrong.finish()?;
                self.acknowledge(id, kind, method);
                let form = Form { id: id.to_string(), modal: data.clone(), channel, source };
                let mut fields = self.place_fields(channel);
                fields["who"] = json!(self.handle(person));
                fields["visible_to"] = json!([self.handle(person)]);
                fields["form"] = json!(form.id);
                fields["text"] = data["title"].clone();
                fields["event"] = json!(id.to_string());
                fields["method"] = json!(method);
                self.log("opened", fields);
                if let Some(user) = self.users.get_mut(&person) {
                    user.form = Some(form);
                }
                self.settle(id, Stage::Answered(None));
                Ok(Value::Null)
            }
            _ => {
                let message = "This type of answer does not fit this interaction.";
                Err(ApiError::field("type", "BASE_TYPE_CHOICES", message))
            }
        }
    }

    fn read_answer(&mut self, data: &Value, method: &str) -> Result<MessageBody, ApiError> {
        let read = MessageBody::read(data, "data")?;
        self.note_unknown(&read.unknown, method);
        Ok(read)
    }

    /// Notes the unknown fields of a body as faults.
    pub fn note_unknown(&mut self, unknown: &[String], method: &str) {
        for name in unknown {
            self.fault(format!("{method}: unknown field {name}"));
        }
    }

    fn acknowledge(&mut self, id: u64, kind: u64, method: &str) {
        let Some(interaction) = self.interactions.get_mut(&id) else { return };
        let (person, channel, answered) = (interaction.person, interaction.channel, interaction.answered.take());
        let mut fields = self.place_fields(channel);
        fields["who"] = json!(self.handle(person));
        fields["event"] = json!(id.to_string());
        fields["answer"] = json!(kind);
        fields["method"] = json!(method);
        self.log("acked", fields);
        if let Some(answered) = answered {
            // Sending fails if the person has stopped waiting.
            let _ = answered.send(());
        }
    }

    fn settle(&mut self, id: u64, stage: Stage) {
        if let Some(interaction) = self.interactions.get_mut(&id) {
            interaction.stage = stage;
        }
        self.touch();
    }

    fn placed_json(&self, person: u64, place: MessagePlace) -> Value {
        self.message_at(person, place).map_or(Value::Null, |message| self.message_json(message, true))
    }

    /// Posts a message that answers an interaction, for all or (`private`) for its person only.
    fn answer(
        &mut self,
        id: u64,
        body: &MessageBody,
        private: bool,
        first: bool,
        method: &str,
    ) -> Result<MessagePlace, ApiError> {
        let interaction = self.interactions.get(&id).ok_or_else(ApiError::unknown_webhook)?;
        let (person, channel, act) = (interaction.person, interaction.channel, interaction.act);
        let reply_to = interaction.source.filter(|source| first && !source.private && source.channel == channel);
        let reply_to = reply_to.map(|source| source.id).filter(|id| self.message(channel, *id).is_ok());
        let kind = match act {
            Act::Command if first => 20,
            _ if reply_to.is_some() => 19,
            _ => 0,
        };
        let mut message = self.compose(channel, body, reply_to, Origin { kind, by_webhook: true });
        let place = MessagePlace { channel, id: message.id, private };
        if private {
            message.flags |= EPHEMERAL;
            message.pings.clear();
            self.show_privately(person, message);
            self.log_private(person, place, "whispered", method);
        } else {
            self.publish(message, method)?;
        }
        Ok(place)
    }

    fn show_privately(&mut self, person: u64, message: Message) {
        let shown = self.private.entry(person).or_default();
        shown.insert(message.id, message);
        if shown.len() > KEPT_EPHEMERALS {
            shown.pop_first();
        }
        self.touch();
    }

    fn log_private(&self, person: u64, place: MessagePlace, kind: &'static str, method: &str) {
        if let Some(message) = self.message_at(person, place) {
            self.log_message(kind, message, json!({ "visible_to": [self.handle(person)], "method": method }));
        }
    }

    /// Posts the placeholder of a deferred answer.
    fn thinking(&mut self, id: u64, private: bool) -> Result<MessagePlace, ApiError> {
        let interaction = self.interactions.get(&id).ok_or_else(ApiError::unknown_webhook)?;
        let (person, channel) = (interaction.person, interaction.channel);
        let kind = if interaction.act == Act::Command { 20 } else { 0 };
        let origin = Origin { kind, by_webhook: true };
        let mut message = self.compose(channel, &MessageBody::default(), None, origin);
        message.flags |= LOADING;
        let place = MessagePlace { channel, id: message.id, private };
        if private {
            message.flags |= EPHEMERAL;
            self.show_privately(person, message);
        } else {
            self.put(message)?;
            self.announce_new(channel, place.id);
        }
        Ok(place)
    }

    /// Replaces a message by its changed form, and announces a public one.
    fn change(&mut self, person: u64, place: MessagePlace, mut changed: Message, kind: &'static str, method: &str) {
        if place.private {
            changed.pings.clear();
        }
        self.replace(changed);
        if place.private {
            self.log_private(person, place, kind, method);
        } else {
            if let Ok(message) = self.message(place.channel, place.id) {
                self.log_message(kind, message, json!({ "method": method }));
            }
            self.announce_update(place.channel, place.id);
        }
    }

    /// Returns the interaction of a token that is valid: it has not expired, and the first answer was given.
    fn by_token(&self, application: u64, token: &str) -> Result<(u64, &Interaction), ApiError> {
        let id = *self.interaction_tokens.get(token).ok_or_else(ApiError::unknown_webhook)?;
        let interaction = self.interactions.get(&id).ok_or_else(ApiError::unknown_webhook)?;
        let expired = self.now_ms() - interaction.created_ms >= token_life_ms();
        let unanswered = matches!(interaction.stage, Stage::Waiting | Stage::Failed);
        if application != self.bot || expired || unanswered {
            return Err(ApiError::unknown_webhook());
        }
        Ok((id, interaction))
    }

    /// Posts a further message. After a deferral, the first one replaces the placeholder, and has its privacy.
    pub fn follow_up(
        &mut self,
        application: u64,
        token: &str,
        body: &MessageBody,
        method: &str,
    ) -> Result<Value, ApiError> {
        let (id, interaction) = self.by_token(application, token)?;
        let person = interaction.person;
        if body.is_empty() {
            return Err(ApiError::empty_message());
        }
        let place = if let Stage::Thinking(place) = interaction.stage {
            self.fill(id, person, place, body, method)?;
            place
        } else {
            let place = self.answer(id, body, body.flags & EPHEMERAL != 0, false, method)?;
            if let Some(interaction) = self.interactions.get_mut(&id) {
                interaction.followups.push(place);
            }
            place
        };
        Ok(self.placed_json(person, place))
    }

    /// Replaces the placeholder of a deferred answer by the answer.
    fn fill(
        &mut self,
        id: u64,
        person: u64,
        place: MessagePlace,
        body: &MessageBody,
        method: &str,
    ) -> Result<(), ApiError> {
        let message = self.message_at(person, place).ok_or_else(ApiError::unknown_message)?;
        let mut filled = self.changed(message.clone(), body)?;
        filled.flags &= !LOADING;
        filled.edited_ms = None;
        let allowed = body.allowed.clone().unwrap_or_else(super::mentions::Allowed::everything);
        self.set_mentions(&mut filled, &allowed, true);
        self.change(person, place, filled, if place.private { "whispered" } else { "posted" }, method);
        self.settle(id, Stage::Answered(Some(place)));
        Ok(())
    }

    /// Finds a message of an interaction by its id (`None`: `@original`). Returns the interaction, its person, the
    /// message's place, and whether it is still the placeholder.
    fn webhook_message(
        &self,
        application: u64,
        token: &str,
        message: Option<u64>,
    ) -> Result<(u64, u64, MessagePlace, bool), ApiError> {
        let (id, interaction) = self.by_token(application, token)?;
        let (original, thinking) = match interaction.stage {
            Stage::Thinking(place) => (Some(place), true),
            Stage::Answered(place) => (place, false),
            Stage::Waiting | Stage::Failed => (None, false),
        };
        let is_meant = |place: &MessagePlace| message.is_none_or(|message| message == place.id);
        let followup = interaction.followups.iter().copied().find(|place| message == Some(place.id));
        let place = original.filter(is_meant).or(followup).ok_or_else(ApiError::unknown_message)?;
        if self.message_at(interaction.person, place).is_none() {
            return Err(ApiError::unknown_message());
        }
        Ok((id, interaction.person, place, thinking && Some(place) == original))
    }

    /// Returns the JSON of a message of an interaction (`message` `None`: `@original`).
    pub fn webhook_get(&self, application: u64, token: &str, message: Option<u64>) -> Result<Value, ApiError> {
        let (_, person, place, _) = self.webhook_message(application, token, message)?;
        Ok(self.placed_json(person, place))
    }

    /// Edits a message of an interaction, and returns its JSON. The edit of a placeholder is the deferred answer.
    pub fn webhook_edit(
        &mut self,
        application: u64,
        token: &str,
        message: Option<u64>,
        body: &MessageBody,
        method: &str,
    ) -> Result<Value, ApiError> {
        let (id, person, place, thinking) = self.webhook_message(application, token, message)?;
        if thinking {
            self.fill(id, person, place, body, method)?;
        } else {
            let known = self.message_at(person, place).ok_or_else(ApiError::unknown_message)?;
            let changed = self.changed(known.clone(), body)?;
            self.change(person, place, changed, "updated", method);
        }
        Ok(self.placed_json(person, place))
    }

    /// Deletes a message of an interaction. A deferred answer whose placeholder is deleted counts as given.
    pub fn webhook_delete(
        &mut self,
        application: u64,
        token: &str,
        message: Option<u64>,
        method: &str,
    ) -> Result<(), ApiError> {
        let (id, person, place, thinking) = self.webhook_message(application, token, message)?;
        if place.private {
            self.log_private(person, place, "removed", method);
            if let Some(shown) = self.private.get_mut(&person) {
                shown.remove(&place.id);
            }
        } else {
            if let Ok(message) = self.message(place.channel, place.id) {
                self.log_message("removed", message, json!({ "method": method }));
            }
            self.remove(place.channel, place.id);
        }
        if thinking {
            self.settle(id, Stage::Answered(None));
        }
        self.touch();
        Ok(())
    }
}

fn token_life_ms() -> i64 {
    i64::try_from(platform::INTERACTION_TOKEN.as_millis()).unwrap_or(i64::MAX)
}
