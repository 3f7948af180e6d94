//! Interactions: buttons, menus, forms and commands. Each is answered within Discord's three seconds, then handled.
//!
//! A button that opens a form is answered with the form and is no event. Everything else is deferred first, so that what
//! the core has to say may take its time, and comes as a whisper.
//!
//! Source: <https://docs.discord.com/developers/interactions/receiving-and-responding>.

use std::time::Duration;

use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use serenity::model::application::{
    ActionRowComponent, CommandDataOption, CommandDataOptionValue, CommandInteraction, ComponentInteraction,
    ComponentInteractionDataKind, Interaction, ModalInteraction,
};
use serenity::model::channel::PartialChannel;
use serenity::model::id::{ChannelId, GuildId, InteractionId};
use tokio::time::{sleep, timeout};

use super::inbound::{Reader, time_of};
use super::outbound::{Deferred, Handle};
use super::rest::RestError;
use super::{Shared, directory, render};
use crate::domain::action::TicketAction;
use crate::domain::event::{
    ActionTaken, Choice, CommandGiven, DedupeKey, Event, EventKind, FormSubmitted, ReplyHandle,
};
use crate::domain::form::{Form, FormRef, Values};
use crate::domain::ids::{Conversation, EffectId, Person, Place, PlatformName};
use crate::domain::limits::discord as limits;
use crate::domain::text;
use crate::intake::Intake;

/// How long handling may take before the person is told to try again, so that they hear of it within the three seconds.
const HANDLING: Duration = Duration::from_millis(2_500);
/// Discord's code for an interaction that was answered already: the same event came twice.
const ALREADY_ANSWERED: u64 = 40_060;
const EPHEMERAL: u32 = 1 << 6;

/// Types of answers.
const DEFERRED_MESSAGE: u8 = 5;
const DEFERRED_UPDATE: u8 = 6;
const MODAL: u8 = 9;

/// Answers an interaction and hands it to the core.
pub(super) async fn take(shared: &Shared, intake: &Intake, interaction: Interaction) {
    match interaction {
        Interaction::Component(component) if shared.serves(component.guild_id) => {
            take_component(shared, intake, &component).await;
        }
        Interaction::Command(command) if shared.serves(command.guild_id) => {
            take_command(shared, intake, &command).await;
        }
        Interaction::Modal(modal) if shared.serves(modal.guild_id) => take_modal(shared, intake, &modal).await,
        _ => tracing::debug!("an interaction that the desk does not serve"),
    }
}

async fn take_component(shared: &Shared, intake: &Intake, pressed: &ComponentInteraction) {
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
    let handle = Handle {
        application: pressed.application_id,
        id: pressed.id,
        token: pressed.token.clone(),
        deferred: Deferred::Update,
        user: pressed.user.id,
        channel: pressed.channel_id,
    };
    let what = EventKind::ActionTaken(ActionTaken { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

async fn take_command(shared: &Shared, intake: &Intake, given: &CommandInteraction) {
    let answer = json!({ "type": DEFERRED_MESSAGE, "data": { "flags": EPHEMERAL } });
    if !first_answer(shared, given.id, &given.token, &answer).await {
        return;
    }
    let handle = Handle {
        application: given.application_id,
        id: given.id,
        token: given.token.clone(),
        deferred: Deferred::Message,
        user: given.user.id,
        channel: given.channel_id,
    };
    let what = said(&shared.reader(), given);
    let what = EventKind::CommandGiven(CommandGiven { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

async fn take_modal(shared: &Shared, intake: &Intake, sent: &ModalInteraction) {
    let (deferred, answer) = if sent.message.is_some() {
        (Deferred::Update, json!({ "type": DEFERRED_UPDATE }))
    } else {
        (Deferred::Message, json!({ "type": DEFERRED_MESSAGE, "data": { "flags": EPHEMERAL } }))
    };
    if !first_answer(shared, sent.id, &sent.token, &answer).await {
        return;
    }
    let handle = Handle {
        application: sent.application_id,
        id: sent.id,
        token: sent.token.clone(),
        deferred,
        user: sent.user.id,
        channel: sent.channel_id,
    };
    let what = filled_in(&shared.reader(), sent);
    let what = EventKind::FormSubmitted(FormSubmitted { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

/// What a button or menu says; the reply is added once there is one.
pub(super) fn used(reader: &Reader<'_>, pressed: &ComponentInteraction) -> ActionTaken {
    ActionTaken {
        place: place(reader, pressed.guild_id, pressed.channel_id, pressed.channel.as_ref()),
        actor: reader.actor(&pressed.user, pressed.guild_id, pressed.member.as_ref()),
        does: pressed.data.custom_id.parse::<TicketAction>().ok(),
        choice: choice(reader, pressed),
        reply: no_reply(),
    }
}

/// What a command says; the reply is added once there is one.
pub(super) fn said(reader: &Reader<'_>, given: &CommandInteraction) -> CommandGiven {
    let place = place(reader, given.guild_id, given.channel_id, given.channel.as_ref());
    let actor = reader.actor(&given.user, given.guild_id, given.member.as_deref());
    let (words, mentions) = words(&given.data.options, |user| {
        let resolved = &given.data.resolved;
        let user = resolved.users.get(&user)?;
        Some(reader.remembered(user, given.guild_id, resolved.members.get(&user.id)))
    });
    CommandGiven { actor, place, words, mentions, reply: no_reply() }
}

/// What a form says; the reply is added once there is one.
pub(super) fn filled_in(reader: &Reader<'_>, sent: &ModalInteraction) -> FormSubmitted {
    let mut values = Values::new();
    for component in sent.data.components.iter().flat_map(|row| &row.components) {
        if let ActionRowComponent::InputText(input) = component {
            values.insert(input.custom_id.clone(), input.value.clone().unwrap_or_default());
        }
    }
    FormSubmitted {
        actor: reader.actor(&sent.user, sent.guild_id, sent.member.as_ref()),
        place: Some(place(reader, sent.guild_id, sent.channel_id, sent.channel.as_ref())),
        form: sent.data.custom_id.parse().ok(),
        values,
        reply: no_reply(),
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

/// Hands the event to the core; if that cannot store it now, the person is told, since nothing else will come.
async fn settle(shared: &Shared, intake: &Intake, what: EventKind, handle: &Handle) {
    let key = DedupeKey::interaction(PlatformName::Discord, &handle.id.to_string());
    let name = what.name();
    let event = Event { key: key.clone(), at: time_of(handle.id.get()), what };
    let error = match timeout(HANDLING, intake.handle(event)).await {
        Ok(Ok(outcome)) => {
            tracing::debug!(key = key.as_str(), event = name, outcome = outcome.name());
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it takes too long".to_owned(),
    };
    tracing::warn!(key = key.as_str(), error, "an interaction is not carried out");
    let effect = EffectId(format!("try-again-{}", handle.id));
    let rendered = render::message(&text::try_again(), &effect);
    if let Err(error) = shared.answer(handle, &rendered, &effect).await {
        tracing::warn!(%error, "nor could the person be told");
    }
}

fn reply(handle: &Handle) -> ReplyHandle {
    ReplyHandle(json!(handle).to_string())
}

const fn no_reply() -> ReplyHandle {
    ReplyHandle(String::new())
}

fn place(reader: &Reader<'_>, guild: Option<GuildId>, channel: ChannelId, told: Option<&PartialChannel>) -> Place {
    if let Some(told) = told.filter(|told| told.id == channel && guild.is_some()) {
        reader.directory.take_partial(told, guild);
    }
    reader.directory.place(guild, channel).unwrap_or_else(|| Place {
        tenant: directory::tenant(guild),
        at: Conversation::Channel { channel: channel.to_string() },
    })
}

fn choice(reader: &Reader<'_>, pressed: &ComponentInteraction) -> Option<Choice> {
    match &pressed.data.kind {
        ComponentInteractionDataKind::StringSelect { values } => values.first().cloned().map(Choice::Value),
        ComponentInteractionDataKind::UserSelect { values } => {
            let resolved = &pressed.data.resolved;
            let user = resolved.users.get(values.first()?)?;
            let member = resolved.members.get(&user.id);
            Some(Choice::Person(reader.remembered(user, pressed.guild_id, member)))
        }
        _ => None,
    }
}

/// Lays a command's options out as words: `<sub> [@Name] [level] [key] [text]`.
fn words(
    options: &[CommandDataOption],
    resolve: impl Fn(serenity::model::id::UserId) -> Option<Person>,
) -> (String, Vec<Person>) {
    let Some(sub) = options.first() else { return (String::new(), Vec::new()) };
    let CommandDataOptionValue::SubCommand(options) = &sub.value else { return (sub.name.clone(), Vec::new()) };
    let mut mentions = Vec::new();
    let mut words = vec![sub.name.clone()];
    for wanted in ["person", "level", "key", "resolution", "reason", "text"] {
        let Some(option) = options.iter().find(|option| option.name == wanted) else { continue };
        match &option.value {
            CommandDataOptionValue::User(user) => {
                if let Some(person) = resolve(*user) {
                    words.push(format!("@{}", person.name));
                    mentions.push(person);
                }
            }
            CommandDataOptionValue::String(text) if !text.trim().is_empty() => words.push(text.trim().to_owned()),
            _ => {}
        }
    }
    (words.join(" "), mentions)
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
    use serenity::model::id::UserId;

    use super::*;
    use crate::domain::form::{Field, FormKind};
    use crate::domain::ids::TicketKey;

    fn laid_out(options: Value) -> (String, Vec<Person>) {
        let options: Vec<CommandDataOption> = serde_json::from_value(options).expect("are options");
        words(&options, |user| Some(directory::person(user, "Mia", None, None)))
    }

    #[test]
    fn options_become_words() {
        let key = json!({ "name": "key", "type": 3, "value": " IT-1042 " });
        let claim = json!([{ "name": "claim", "type": 1, "options": [key] }]);
        assert_eq!(laid_out(claim).0, "claim IT-1042");
        let person = json!({ "name": "person", "type": 6, "value": "5" });
        let (assign, mentions) = laid_out(json!([{ "name": "assign", "type": 1, "options": [key, person] }]));
        assert_eq!(assign, "assign @Mia IT-1042");
        assert_eq!(mentions[0].who, directory::account(UserId::new(5)));
        let done = json!({ "name": "resolution", "type": 3, "value": "replaced toner" });
        let resolve = json!([{ "name": "resolve", "type": 1, "options": [done, key] }]);
        assert_eq!(laid_out(resolve).0, "resolve IT-1042 replaced toner");
        let level = json!({ "name": "level", "type": 3, "value": "P1" });
        let priority = json!([{ "name": "priority", "type": 1, "options": [level, key] }]);
        assert_eq!(laid_out(priority).0, "priority P1 IT-1042");
        assert_eq!(laid_out(json!([{ "name": "help", "type": 1, "options": [] }])).0, "help");
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
            form: FormRef { kind: FormKind::Reply, ticket: TicketKey::new("IT", 7) },
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
