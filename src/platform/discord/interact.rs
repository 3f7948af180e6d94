//! Interactions: buttons, menus, forms and commands. Each is answered within Discord's three seconds, then handled.
//!
//! A button that opens a form is answered with the form and is no event. Everything else is deferred first, so that what
//! the core has to say may take its time, and comes as a whisper.
//!
//! Source: <https://docs.discord.com/developers/interactions/receiving-and-responding>.

use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use serenity::model::id::{ApplicationId, ChannelId, GuildId, InteractionId, UserId};
use tokio::time::{sleep, timeout};

use super::inbound::{Reader, time_of};
use super::outbound::{Deferred, Handle};
use super::payload::{Account, Channel, Member, Unreadable, guild_of, id, list};
use super::rest::RestError;
use super::{Shared, directory, render};
use crate::domain::action::TicketAction;
use crate::domain::command::Typed;
use crate::domain::event::{
    ActionTaken, Choice, CommandGiven, DedupeKey, Event, EventKind, FormSubmitted, ReplyHandle,
};
use crate::domain::form::{Form, FormRef, Values};
use crate::domain::ids::{Conversation, EffectId, Person, Place, PlatformName};
use crate::domain::limits::discord as limits;
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::intake::Intake;
use crate::intake::text;

/// How long handling may take before the person is told to try again, so that they hear of it within the three seconds.
const HANDLING: Duration = Duration::from_millis(2_500);
/// Discord's code for an interaction that was answered already: the same event came twice.
const ALREADY_ANSWERED: u64 = 40_060;
const EPHEMERAL: u32 = 1 << 6;

/// Types of answers.
const DEFERRED_MESSAGE: u8 = 5;
const DEFERRED_UPDATE: u8 = 6;
const MODAL: u8 = 9;

/// The type of an option that is a person.
const USER: u64 = 6;

/// What an interaction is, and the type by which Discord calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 2: a command.
    Command,
    /// 3: a button or menu.
    Component,
    /// 5: a form.
    Form,
}

/// An interaction.
#[derive(Clone, Debug)]
pub(super) struct Interaction {
    pub(super) kind: Kind,
    id: InteractionId,
    application: Option<ApplicationId>,
    token: String,
    guild: Option<GuildId>,
    channel: ChannelId,
    /// The channel as Discord tells of it.
    told: Option<Channel>,
    user: Account,
    /// It was begun at a message.
    at_message: bool,
    data: Value,
}

impl Interaction {
    /// Reads an interaction; `Ok(None)` if it is of a kind that the desk does not offer.
    pub(super) fn read(interaction: &Value) -> Result<Option<Self>, Unreadable> {
        let kind = match interaction["type"].as_u64().ok_or(Unreadable)? {
            2 => Kind::Command,
            3 => Kind::Component,
            5 => Kind::Form,
            _ => return Ok(None),
        };
        let member = &interaction["member"];
        let user = if member.is_object() { &member["user"] } else { &interaction["user"] };
        let mut user = Account::read(user).ok_or(Unreadable)?;
        user.member = Member::read(member);
        let places = [&interaction["channel_id"], &interaction["channel"]["id"], &interaction["message"]["channel_id"]];
        Ok(Some(Self {
            kind,
            id: id(&interaction["id"]).ok_or(Unreadable)?,
            application: id(&interaction["application_id"]),
            token: interaction["token"].as_str().ok_or(Unreadable)?.to_owned(),
            guild: guild_of(interaction)?,
            channel: places.into_iter().find_map(id).ok_or(Unreadable)?,
            told: Channel::read(&interaction["channel"]),
            user,
            at_message: interaction["message"].is_object(),
            data: interaction["data"].clone(),
        }))
    }

    fn actor(&self, reader: &Reader<'_>) -> Person {
        reader.person(&self.user, self.guild)
    }

    fn place(&self, reader: &Reader<'_>) -> Place {
        if let Some(told) = self.told.as_ref().filter(|told| told.id == self.channel && self.guild.is_some()) {
            reader.directory.take_partial(told, self.guild);
        }
        reader.directory.place(self.guild, self.channel).unwrap_or_else(|| Place {
            tenant: directory::tenant(self.guild),
            at: Conversation::Channel { channel: self.channel.to_string() },
        })
    }

    /// Somebody whom it names.
    fn resolved(&self, reader: &Reader<'_>, user: UserId) -> Option<Person> {
        let (id, resolved) = (user.to_string(), &self.data["resolved"]);
        let member = Member::read(&resolved["members"][&id]);
        Some(reader.person_as(&Account::read(&resolved["users"][&id])?, self.guild, member.as_ref()))
    }

    fn handle(&self, shared: &Shared, deferred: Deferred) -> Handle {
        Handle {
            application: self.application.unwrap_or(shared.application),
            id: self.id,
            token: self.token.clone(),
            deferred,
            user: self.user.id,
            channel: self.channel,
        }
    }
}

/// Answers an interaction and hands it to the core.
pub(super) async fn take(shared: &Shared, intake: &Intake, interaction: &Interaction) {
    if !shared.serves(interaction.guild) {
        tracing::debug!("an interaction that the desk does not serve");
        return;
    }
    match interaction.kind {
        Kind::Component => take_component(shared, intake, interaction).await,
        Kind::Command => take_command(shared, intake, interaction).await,
        Kind::Form => take_modal(shared, intake, interaction).await,
    }
}

async fn take_component(shared: &Shared, intake: &Intake, pressed: &Interaction) {
    let what = used(&shared.reader(), pressed);
    if let Some(does) = &what.does
        && let Some(kind) = does.action.opens()
    {
        let form = intake.form(&FormRef { kind, ticket: does.ticket.clone() }, &what.actor).await;
        let answer = json!({ "type": MODAL, "data": modal(&form) });
        first_answer(shared, pressed.id, &pressed.token, &answer).await;
        return;
    }
    if !first_answer(shared, pressed.id, &pressed.token, &json!({ "type": DEFERRED_UPDATE })).await {
        return;
    }
    let handle = pressed.handle(shared, Deferred::Update);
    let what = EventKind::ActionTaken(ActionTaken { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

async fn take_command(shared: &Shared, intake: &Intake, given: &Interaction) {
    let answer = json!({ "type": DEFERRED_MESSAGE, "data": { "flags": EPHEMERAL } });
    if !first_answer(shared, given.id, &given.token, &answer).await {
        return;
    }
    let handle = given.handle(shared, Deferred::Message);
    let what = said(&shared.reader(), given);
    let what = EventKind::CommandGiven(CommandGiven { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

async fn take_modal(shared: &Shared, intake: &Intake, sent: &Interaction) {
    let (deferred, answer) = if sent.at_message {
        (Deferred::Update, json!({ "type": DEFERRED_UPDATE }))
    } else {
        (Deferred::Message, json!({ "type": DEFERRED_MESSAGE, "data": { "flags": EPHEMERAL } }))
    };
    if !first_answer(shared, sent.id, &sent.token, &answer).await {
        return;
    }
    let handle = sent.handle(shared, deferred);
    let what = filled_in(&shared.reader(), sent);
    let what = EventKind::FormSubmitted(FormSubmitted { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

/// What a button or menu says; the reply is added once there is one.
pub(super) fn used(reader: &Reader<'_>, pressed: &Interaction) -> ActionTaken {
    ActionTaken {
        place: pressed.place(reader),
        actor: pressed.actor(reader),
        does: pressed.data["custom_id"].as_str().and_then(|custom_id| custom_id.parse::<TicketAction>().ok()),
        choice: choice(reader, pressed),
        reply: no_reply(),
    }
}

/// What a command says; the reply is added once there is one.
pub(super) fn said(reader: &Reader<'_>, given: &Interaction) -> CommandGiven {
    let (place, actor) = (given.place(reader), given.actor(reader));
    let typed = typed(list(&given.data["options"]), |user| given.resolved(reader, user));
    CommandGiven { actor, place, words: String::new(), mentions: Vec::new(), typed: Some(typed), reply: no_reply() }
}

/// What a form says; the reply is added once there is one.
pub(super) fn filled_in(reader: &Reader<'_>, sent: &Interaction) -> FormSubmitted {
    let mut values = Values::new();
    gather(&sent.data["components"], &mut values);
    FormSubmitted {
        actor: sent.actor(reader),
        place: Some(sent.place(reader)),
        form: sent.data["custom_id"].as_str().and_then(|custom_id| custom_id.parse().ok()),
        values,
        reply: no_reply(),
    }
}

/// What stands in the inputs of a form, in whatever rows and labels they lie.
fn gather(components: &Value, values: &mut Values) {
    for component in list(components) {
        if let (Some(name), Some(value)) = (component["custom_id"].as_str(), component["value"].as_str()) {
            values.insert(name.to_owned(), value.to_owned());
        } else if let Some(name) = component["custom_id"].as_str().filter(|_| component["value"].is_null()) {
            values.insert(name.to_owned(), String::new());
        }
        gather(&component["components"], values);
        if component["component"].is_object() {
            gather(&Value::Array(vec![component["component"].clone()]), values);
        }
    }
}

/// Sends the first answer. `false`: it came too late, and the person was told by Discord that nothing was done.
async fn first_answer(shared: &Shared, id: InteractionId, token: &str, answer: &Value) -> bool {
    const TRIES: u32 = 3;
    let route = Route::InteractionResponse { interaction_id: id, token };
    for tried in 1..=TRIES {
        match shared.rest.call(LightMethod::Post, route, &[], Some(answer)).await {
            Ok(_) => return true,
            Err(error) if error.is(ALREADY_ANSWERED) => return true,
            // It may have been answered; if not, the same act comes again under another id.
            Err(RestError::Unknown { detail, .. }) => {
                tracing::warn!(why = detail, "whether an interaction was answered is not known");
                return true;
            }
            Err(RestError::Away { .. } | RestError::RateLimited { .. }) if tried < TRIES => {
                sleep(Duration::from_millis(200)).await;
            }
            Err(error) => {
                tracing::warn!(%error, "an interaction could not be answered in time: it is not carried out");
                return false;
            }
        }
    }
    false
}

/// Hands the event to the core. Who acted hears if that takes a while, and then how it ends, since nothing else may come: what
/// goes on must not be done a second time.
async fn settle(shared: &Shared, intake: &Intake, what: EventKind, handle: &Handle) {
    let key = DedupeKey::interaction(PlatformName::Discord, &handle.id.to_string());
    let (name, is_command) = (what.name(), matches!(what, EventKind::CommandGiven(_)));
    let event = Event { key: key.clone(), at: time_of(handle.id.get()), what };
    let mut handling = pin!(intake.handle(event));
    let mut is_slow = false;
    let end = if let Ok(end) = timeout(HANDLING, &mut handling).await {
        end
    } else {
        is_slow = true;
        tracing::warn!(key = key.as_str(), "an interaction takes longer than usual");
        let slow = text::takes_a_while();
        let ((), end) = tokio::join!(say(shared, handle, &slow, "slow"), handling);
        end
    };
    match end {
        Ok(outcome) => {
            tracing::debug!(key = key.as_str(), event = name, outcome = outcome.name());
            // A command is answered in any case, and a refusal tells why.
            if is_slow && !is_command && !matches!(outcome, Outcome::Refused | Outcome::Dead) {
                say(shared, handle, &text::is_done(), "done").await;
            }
        }
        Err(error) => {
            tracing::warn!(key = key.as_str(), %error, "an interaction is not carried out");
            say(shared, handle, &text::try_again(), "try-again").await;
        }
    }
}

/// Tells whoever acted something that is not worth keeping.
async fn say(shared: &Shared, handle: &Handle, message: &Message, why: &str) {
    let effect = EffectId(format!("{why}-{}", handle.id));
    let rendered = render::message(message, &effect);
    if let Err(error) = shared.answer(handle, &rendered, &effect).await {
        tracing::warn!(%error, why, "the person could not be told");
    }
}

fn reply(handle: &Handle) -> ReplyHandle {
    ReplyHandle(json!(handle).to_string())
}

const fn no_reply() -> ReplyHandle {
    ReplyHandle(String::new())
}

fn choice(reader: &Reader<'_>, pressed: &Interaction) -> Option<Choice> {
    // The types of menus: of texts, of people.
    let first = list(&pressed.data["values"]).first()?;
    match pressed.data["component_type"].as_u64()? {
        3 => first.as_str().map(|value| Choice::Value(value.to_owned())),
        5 => pressed.resolved(reader, id(first)?).map(Choice::Person),
        _ => None,
    }
}

/// A command's options: each is what it is, whatever it says.
fn typed(options: &[Value], resolve: impl Fn(UserId) -> Option<Person>) -> Typed {
    let Some(sub) = options.first() else { return Typed::default() };
    let mut typed = Typed { verb: sub["name"].as_str().unwrap_or_default().to_owned(), ..Typed::default() };
    for option in list(&sub["options"]) {
        let text = option["value"].as_str().map(str::to_owned);
        match option["name"].as_str().unwrap_or_default() {
            "key" => typed.key = text,
            "level" => typed.level = text,
            "person" if option["type"] == USER => typed.person = id(&option["value"]).and_then(&resolve),
            "resolution" | "reason" | "text" => typed.text = text,
            other => tracing::warn!(option = other, "an option that is not known"),
        }
    }
    typed
}

fn modal(form: &Form) -> Value {
    const HINT_CHARS: usize = 100;
    if form.fields.len() > limits::MODAL_INPUTS {
        tracing::error!(form = %form.form, "a form has more fields than Discord shows");
    }
    let rows = form.fields.iter().take(limits::MODAL_INPUTS).map(|field| {
        let max_length = field.max_chars.clamp(1, limits::INPUT_CHARS);
        let mut input = json!({
            "type": 4, "custom_id": field.id, "style": if field.multiline { 2 } else { 1 },
            "label": render::shortened(&field.label, limits::MODAL_TITLE_CHARS),
            "required": field.required, "max_length": max_length,
        });
        if !field.hint.is_empty() {
            input["placeholder"] = json!(render::shortened(&field.hint, HINT_CHARS));
        }
        if !field.value.is_empty() {
            input["value"] = json!(render::shortened(&field.value, max_length));
        }
        json!({ "type": 1, "components": [input] })
    });
    json!({
        "custom_id": form.form.to_string(),
        "title": render::shortened(&form.title, limits::MODAL_TITLE_CHARS),
        "components": rows.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::form::{Field, FormKind};
    use crate::domain::ids::TicketKey;

    fn read(options: Value) -> Typed {
        typed(list(&options), |user| Some(directory::person(user, "Mia", None, None)))
    }

    #[test]
    fn options_are_fields() {
        let key = json!({ "name": "key", "type": 3, "value": " IT-1042 " });
        let claim = read(json!([{ "name": "claim", "type": 1, "options": [key] }]));
        let expected = Typed { verb: "claim".to_owned(), key: Some(" IT-1042 ".to_owned()), ..Typed::default() };
        assert_eq!(claim, expected);
        let person = json!({ "name": "person", "type": 6, "value": "5" });
        let assign = read(json!([{ "name": "assign", "type": 1, "options": [key, person] }]));
        assert_eq!(assign.person.map(|person| person.who), Some(directory::account(UserId::new(5))));
        let text = json!({ "name": "text", "type": 3, "value": "IT-1007 is the same, see there" });
        let reply = read(json!([{ "name": "reply", "type": 1, "options": [text] }]));
        assert_eq!((reply.key, reply.text.as_deref()), (None, Some("IT-1007 is the same, see there")));
        let level = json!({ "name": "level", "type": 3, "value": "P1" });
        let priority = read(json!([{ "name": "priority", "type": 1, "options": [level, key] }]));
        assert_eq!(priority.level.as_deref(), Some("P1"));
        assert_eq!(read(json!([{ "name": "help", "type": 1 }])).verb, "help");
        assert_eq!(read(json!([])), Typed::default());
    }

    #[test]
    fn a_form_fits_discords_limits() {
        let field = Field {
            id: "text",
            label: "x".repeat(60),
            hint: "Say it".to_owned(),
            multiline: true,
            required: true,
            value: String::new(),
            max_chars: 9_000,
        };
        let form = Form {
            form: FormRef { kind: FormKind::Reply, ticket: TicketKey::new("IT", 7).into() },
            title: "Reply".to_owned(),
            submit: "Send".to_owned(),
            fields: vec![field],
        };
        let modal = modal(&form);
        assert_eq!(modal["custom_id"], "reply:IT-7");
        let input = &modal["components"][0]["components"][0];
        assert_eq!(input["label"].as_str().map(|label| label.chars().count()), Some(45));
        assert_eq!(input["max_length"], 4_000);
        assert_eq!(input.get("value"), None);
    }

    #[test]
    fn the_handle_is_read_back() {
        let handle = Handle {
            application: 1.into(),
            id: 2.into(),
            token: "t".to_owned(),
            deferred: Deferred::Update,
            user: 3.into(),
            channel: 4.into(),
        };
        let again: Handle = serde_json::from_str(&reply(&handle).0).expect("is a handle");
        assert_eq!((again.id, again.deferred), (handle.id, Deferred::Update));
    }
}
