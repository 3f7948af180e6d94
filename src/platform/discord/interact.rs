//! Interactions: buttons, menus, forms and commands. Each is answered within Discord's three seconds, then handled.
//!
//! A button that opens a form is answered with the form and is no event. Every other interaction is deferred first,
//! which leaves time for handling it; the real answer is a whisper.
//!
//! Source: <https://docs.discord.com/developers/interactions/receiving-and-responding>.

use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use serenity::model::id::{ApplicationId, ChannelId, GuildId, InteractionId, MessageId, UserId};
use tokio::time::timeout;

use super::forms::{Named, gather, modal, paged};
use super::inbound::{Reader, time_of};
use super::outbound::{Deferred, Handle};
use super::payload::{Account, Channel, Member, Unreadable, file, guild_of, id, list};
use super::rest::RestError;
use super::{Shared, directory, render};
use crate::clock::real;
use crate::domain::act::{ActName, ActRef, CHOSEN, Given, SAID, Value as Arg};
use crate::domain::event::{Acted, Asks, DedupeKey, Event, EventKind, File, ReplyHandle, Way};
use crate::domain::ids::{Conversation, EffectId, MessageRef, Person, Place, PlatformName};
use crate::domain::limits::discord as limits;
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::intake::Intake;
use crate::intake::{self, text};

/// How long handling may take before the person is told to wait.
const HANDLING: Duration = Duration::from_millis(2_500);
/// Discord's error code for an interaction that was already answered, since its event arrived twice.
const ALREADY_ANSWERED: u64 = 40_060;
const EPHEMERAL: u32 = 1 << 6;

// Discord's numbers for the types of answers to interactions.
const DEFERRED_MESSAGE: u8 = 5;
const DEFERRED_UPDATE: u8 = 6;
const MODAL: u8 = 9;

// Discord's numbers for the types of a command's options.
const SUB_COMMAND_GROUP: u64 = 2;
const BOOLEAN: u64 = 5;
const USER: u64 = 6;
const ATTACHMENT: u64 = 11;

/// The kind of an interaction, with Discord's type number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A command (type 2).
    Command,
    /// A choice from the menu of a message (type 2 with a target).
    MessageMenu,
    /// A choice from the menu of a person (type 2 with a target).
    PersonMenu,
    /// A button or select menu (type 3).
    Component,
    /// A form (type 5).
    Form,
}

/// An act of a person as Discord reports it: a command, a click, a choice from a menu, or a submitted form.
#[derive(Clone, Debug)]
pub(super) struct Interaction {
    pub(super) kind: Kind,
    id: InteractionId,
    application: Option<ApplicationId>,
    token: String,
    guild: Option<GuildId>,
    channel: ChannelId,
    /// The channel object that the interaction includes.
    told: Option<Channel>,
    user: Account,
    /// Whether the interaction began at a message of the bot.
    at_message: bool,
    /// Whether only the acting person sees that message.
    in_private: bool,
    data: Value,
}

impl Interaction {
    /// Reads an interaction. Returns `Ok(None)` if the desk offers none of its kind.
    pub(super) fn read(interaction: &Value) -> Result<Option<Self>, Unreadable> {
        let kind = match interaction["type"].as_u64().ok_or(Unreadable)? {
            2 => match interaction["data"]["type"].as_u64() {
                None | Some(1) => Kind::Command,
                Some(2) => Kind::PersonMenu,
                Some(3) => Kind::MessageMenu,
                Some(_) => return Ok(None),
            },
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
            in_private: interaction["message"]["flags"].as_u64().is_some_and(|flags| flags & u64::from(EPHEMERAL) != 0),
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

    /// Returns a look-up of the people and files that the interaction names by their ids.
    const fn named<'i>(&'i self, reader: &'i Reader<'i>) -> Told<'i> {
        Told { interaction: self, reader }
    }

    /// Returns the reference of a message in the channel of the interaction.
    fn message(&self, reader: &Reader<'_>, message: MessageId) -> MessageRef {
        MessageRef { tenant: self.place(reader).tenant, channel: self.channel.to_string(), id: message.to_string() }
    }

    /// Returns the interaction as an event; the reply handle is added later.
    fn acted(&self, reader: &Reader<'_>, way: Way, asks: Asks) -> Acted {
        Acted {
            actor: self.actor(reader),
            place: Some(self.place(reader)),
            way,
            at: None,
            asks,
            in_private: self.in_private,
            reply: ReplyHandle(String::new()),
        }
    }

    fn handle(&self, shared: &Shared, deferred: Deferred) -> Handle {
        Handle {
            application: self.application.unwrap_or(shared.application),
            id: self.id,
            token: self.token.clone(),
            deferred,
            in_private: self.in_private,
            user: self.user.id,
            channel: self.channel,
        }
    }
}

/// Looks up people and files in an interaction's `resolved` data.
struct Told<'i> {
    interaction: &'i Interaction,
    reader: &'i Reader<'i>,
}

impl Named for Told<'_> {
    fn person(&self, user: UserId) -> Option<Person> {
        let (id, resolved) = (user.to_string(), &self.interaction.data["resolved"]);
        let member = Member::read(&resolved["members"][&id]);
        let account = Account::read(&resolved["users"][&id])?;
        Some(self.reader.person_as(&account, self.interaction.guild, member.as_ref()))
    }

    fn file(&self, id: &Value) -> Option<File> {
        let attachment = &self.interaction.data["resolved"]["attachments"][id.as_str()?];
        attachment.is_object().then(|| file(attachment))
    }
}

/// Answers an interaction and hands it to the intake.
pub(super) async fn take(shared: &Shared, intake: &Intake, interaction: &Interaction) {
    if !shared.serves(interaction.guild) {
        let guild = interaction.guild.map(GuildId::get);
        tracing::debug!(guild, "an interaction is dropped: the settings leave out its guild");
        return;
    }
    match interaction.kind {
        Kind::Component => take_component(shared, intake, interaction).await,
        Kind::Command => take_command(shared, intake, interaction).await,
        Kind::MessageMenu | Kind::PersonMenu => take_menu(shared, intake, interaction).await,
        Kind::Form => take_modal(shared, intake, interaction).await,
    }
}

async fn take_component(shared: &Shared, intake: &Intake, pressed: &Interaction) {
    let what = used(&shared.reader(), pressed);
    if open_form(shared, intake, pressed, &what).await {
        return;
    }
    if !first_answer(shared, pressed.id, &pressed.token, &json!({ "type": DEFERRED_UPDATE })).await {
        return;
    }
    let handle = pressed.handle(shared, Deferred::Update);
    let what = EventKind::Acted(Acted { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

async fn take_command(shared: &Shared, intake: &Intake, given: &Interaction) {
    let what = said(&shared.reader(), given);
    let opens_form = |does: &ActRef| Intake::command_with_form(does.act.as_str()).is_some();
    if what.asks.does().is_some_and(opens_form) && open_form(shared, intake, given, &what).await {
        return;
    }
    let answer = json!({ "type": DEFERRED_MESSAGE, "data": { "flags": EPHEMERAL } });
    if !first_answer(shared, given.id, &given.token, &answer).await {
        return;
    }
    let handle = given.handle(shared, Deferred::Message);
    let what = EventKind::Acted(Acted { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

async fn take_menu(shared: &Shared, intake: &Intake, chosen: &Interaction) {
    let what = match chosen.kind {
        Kind::PersonMenu => chosen_for_person(&shared.reader(), chosen),
        _ => chosen_for(&shared.reader(), chosen),
    };
    if open_form(shared, intake, chosen, &what).await {
        return;
    }
    let answer = json!({ "type": DEFERRED_MESSAGE, "data": { "flags": EPHEMERAL } });
    if !first_answer(shared, chosen.id, &chosen.token, &answer).await {
        return;
    }
    let handle = chosen.handle(shared, Deferred::Message);
    let what = EventKind::Acted(Acted { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

/// Answers with the form of the act, if it has one. Returns whether a form was opened or tried to be opened.
async fn open_form(shared: &Shared, intake: &Intake, interaction: &Interaction, what: &Acted) -> bool {
    if let Asks::Act { does, given } = &what.asks
        && let Some(spec) = intake::act(&does.act)
        && let Some((form, page)) = intake.form(spec, does, given, &what.actor).await
    {
        let form = form.page(page, limits::MODAL_INPUTS);
        let answer = json!({ "type": MODAL, "data": modal(&form) });
        first_answer(shared, interaction.id, &interaction.token, &answer).await;
        return true;
    }
    false
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
    let what = EventKind::Acted(Acted { reply: reply(&handle), ..what });
    settle(shared, intake, what, &handle).await;
}

/// Returns the event of a button or menu; the reply handle is added later.
pub(super) fn used(reader: &Reader<'_>, pressed: &Interaction) -> Acted {
    let choice = choice(reader, pressed);
    let way = if choice.is_some() { Way::Menu } else { Way::Button };
    let given = choice.map(|choice| (CHOSEN.to_owned(), choice)).into_iter().collect();
    pressed.acted(reader, way, carried(&pressed.data, given))
}

/// Returns the event of a choice from the menu of a message; the reply handle is added later.
pub(super) fn chosen_for(reader: &Reader<'_>, chosen: &Interaction) -> Acted {
    let name = chosen.data["name"].as_str();
    let spec = intake::acts().find(|spec| spec.menu.is_some() && spec.menu == name);
    let message = id::<MessageId>(&chosen.data["target_id"]);
    let asks = match (spec, message) {
        (Some(spec), Some(message)) => {
            let words =
                spec.takes_message_words().then(|| words_of(&chosen.data["resolved"]["messages"][message.to_string()]));
            let given = words.map(|words| (SAID.to_owned(), Arg::Text(words))).into_iter().collect();
            Asks::Act { does: ActRef::at_message(spec.act(), message.to_string()), given }
        }
        _ => Asks::Unknown,
    };
    let acted = chosen.acted(reader, Way::MessageMenu, asks);
    Acted { at: message.map(|message| chosen.message(reader, message)), ..acted }
}

/// Returns the text of a message, or if that is blank, the first text of its embeds (which monitoring systems use).
fn words_of(message: &Value) -> String {
    let embeds = list(&message["embeds"]).iter().flat_map(|embed| [&embed["title"], &embed["description"]]);
    let all = std::iter::once(&message["content"]).chain(embeds);
    all.filter_map(Value::as_str).find(|text| !text.trim().is_empty()).unwrap_or_default().to_owned()
}

/// Returns the event of a choice from the menu of a person; the reply handle is added later.
pub(super) fn chosen_for_person(reader: &Reader<'_>, chosen: &Interaction) -> Acted {
    let name = chosen.data["name"].as_str();
    let spec = intake::acts().find(|spec| spec.person_menu.is_some() && spec.person_menu == name);
    let person = id(&chosen.data["target_id"]).and_then(|user| chosen.named(reader).person(user));
    let asks = match (spec.and_then(|spec| Some((spec, spec.person()?))), person) {
        (Some((spec, param)), Some(person)) => Asks::Act {
            does: ActRef::bare(spec.act()),
            given: Given::from([(param.name.to_owned(), Arg::Person(person))]),
        },
        _ => Asks::Unknown,
    };
    chosen.acted(reader, Way::PersonMenu, asks)
}

/// Returns the act that the `custom_id` of a button, menu or form names, with these values.
pub(super) fn carried(data: &Value, given: Given) -> Asks {
    let does = data["custom_id"].as_str().and_then(|custom_id| custom_id.parse::<ActRef>().ok());
    does.map_or(Asks::Unknown, |does| Asks::Act { does, given })
}

/// Returns the event of a command; the reply handle is added later.
pub(super) fn said(reader: &Reader<'_>, given: &Interaction) -> Acted {
    let asks = typed(list(&given.data["options"]), &given.named(reader));
    given.acted(reader, Way::Command, asks)
}

/// Returns the event of a form; the reply handle is added later.
pub(super) fn filled_in(reader: &Reader<'_>, sent: &Interaction) -> Acted {
    let mut given = Given::new();
    gather(&sent.data["components"], &sent.named(reader), &mut given);
    let acted = sent.acted(reader, Way::Form, paged(&sent.data, carried(&sent.data, given)));
    // A form opened from a message's menu is about that message.
    let at = match acted.asks.does() {
        Some(ActRef { on: None, carried: Some(message), .. }) => id(&json!(message)),
        _ => None,
    };
    Acted { at: at.map(|message| sent.message(reader, message)), ..acted }
}

/// Sends the first answer. Returns `false` if it failed: the act must not be carried out, since Discord tells the
/// person that it failed.
async fn first_answer(shared: &Shared, id: InteractionId, token: &str, answer: &Value) -> bool {
    const TRIES: u32 = 3;
    let route = Route::InteractionResponse { interaction_id: id, token };
    for tried in 1..=TRIES {
        match shared.rest.call(LightMethod::Post, route, &[], Some(answer)).await {
            Ok(_) => return true,
            Err(error) if error.is(ALREADY_ANSWERED) => return true,
            // The answer may have arrived. If not, the person may repeat the act, which is another interaction.
            Err(RestError::Unknown { detail, .. }) => {
                tracing::warn!(
                    interaction = %id, why = detail,
                    "it is not known whether the answer to an interaction arrived; the program goes on as if it had"
                );
                return true;
            }
            Err(RestError::Away { .. } | RestError::RateLimited { .. }) if tried < TRIES => {
                real::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => {
                tracing::warn!(
                    interaction = %id, %error,
                    "an interaction could not be answered: it is not carried out, and Discord tells its person"
                );
                return false;
            }
        }
    }
    false
}

/// Hands the event to the intake. If handling takes longer than [`HANDLING`], the person is told to wait, so that the
/// act is not repeated, and later how it ended, if no answer of the act tells it.
async fn settle(shared: &Shared, intake: &Intake, what: EventKind, handle: &Handle) {
    let key = DedupeKey::interaction(PlatformName::Discord, &handle.id.to_string());
    let is_answered = matches!(&what, EventKind::Acted(acted) if acted.is_answered());
    let name = what.name();
    let event = Event { key: key.clone(), at: time_of(handle.id.get()), what };
    let mut handling = pin!(intake.handle(event));
    let mut is_slow = false;
    let end = if let Ok(end) = timeout(HANDLING, &mut handling).await {
        end
    } else {
        is_slow = true;
        tracing::warn!(key = key.as_str(), "an interaction takes longer than usual; its person is told to wait");
        let slow = text::takes_a_while();
        let ((), end) = tokio::join!(say(shared, handle, &slow, "slow"), handling);
        end
    };
    match end {
        Ok(outcome) => {
            tracing::debug!(key = key.as_str(), event = name, outcome = outcome.name(), "an interaction was handled");
            // A refusal already says why.
            if is_slow && !is_answered && !matches!(outcome, Outcome::Refused | Outcome::Dead) {
                say(shared, handle, &text::is_done(), "done").await;
            }
        }
        Err(error) => {
            tracing::warn!(
                key = key.as_str(), %error,
                "an interaction could not be handled; its person is asked to try again"
            );
            say(shared, handle, &text::try_again(), "try-again").await;
        }
    }
}

/// Sends the acting person a short message that is not stored.
async fn say(shared: &Shared, handle: &Handle, message: &Message, why: &str) {
    let effect = EffectId(format!("{why}-{}", handle.id));
    let rendered = render::message(message, &effect);
    // A private message with a menu is not replaced by this message, but later by the act's own answer.
    let beside = Handle { in_private: false, ..handle.clone() };
    if let Err(error) = shared.answer(&beside, &rendered, &effect).await {
        tracing::warn!(interaction = %handle.id, %error, why, "a short message to the acting person could not be sent");
    }
}

fn reply(handle: &Handle) -> ReplyHandle {
    ReplyHandle(json!(handle).to_string())
}

fn choice(reader: &Reader<'_>, pressed: &Interaction) -> Option<Arg> {
    // The types of select menus: 3 for texts, 5 for people.
    let first = list(&pressed.data["values"]).first()?;
    match pressed.data["component_type"].as_u64()? {
        3 => first.as_str().map(Arg::text),
        5 => pressed.named(reader).person(id(first)?).map(Arg::Person),
        _ => None,
    }
}

/// Reads a command's options by their types. A sub-command may be nested in a group.
fn typed(options: &[Value], named: &impl Named) -> Asks {
    let name = |option: &Value| option["name"].as_str().unwrap_or_default().to_owned();
    let Some(first) = options.first() else {
        return Asks::Words { words: String::new(), mentions: Vec::new() };
    };
    let (command, act) = match list(&first["options"]).first().filter(|_| first["type"] == SUB_COMMAND_GROUP) {
        Some(sub) => (sub, format!("{} {}", name(first), name(sub))),
        None => (first, name(first)),
    };
    let value = |option: &Value| match option["type"].as_u64() {
        Some(USER) => id(&option["value"]).and_then(|user| named.person(user)).map(Arg::Person),
        Some(ATTACHMENT) => named.file(&option["value"]).map(|file| Arg::Files(vec![file])),
        Some(BOOLEAN) => option["value"].as_bool().map(Arg::Flag),
        _ => option["value"].as_str().map(Arg::text),
    };
    let given = list(&command["options"]).iter().filter_map(|option| Some((name(option), value(option)?))).collect();
    Asks::Act { does: ActRef::bare(ActName::new(act)), given }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows every user as Mia, and a picture by the id 7.
    struct Mia;

    impl Named for Mia {
        fn person(&self, user: UserId) -> Option<Person> {
            Some(directory::person(user, "Mia", None, None))
        }

        fn file(&self, id: &Value) -> Option<File> {
            (id == "7").then(|| File { name: "a.png".to_owned(), url: "https://x/a".to_owned(), bytes: 12 })
        }
    }

    /// Returns the act of a command with these options, and the values for it.
    fn read(options: Value) -> (String, Given) {
        match typed(list(&options), &Mia) {
            Asks::Act { does, given } => {
                assert_eq!((does.on, does.carried), (None, None));
                (does.act.to_string(), given)
            }
            other => panic!("no act: {other:?}"),
        }
    }

    #[test]
    fn options_are_fields() {
        let key = json!({ "name": "key", "type": 3, "value": " IT-1042 " });
        let claim = read(json!([{ "name": "claim", "type": 1, "options": [key] }]));
        assert_eq!(claim, ("claim".to_owned(), Given::from([("key".to_owned(), Arg::text(" IT-1042 "))])));
        let person = json!({ "name": "person", "type": 6, "value": "5" });
        let (_, given) = read(json!([{ "name": "assign", "type": 1, "options": [key, person] }]));
        let mia = given["person"].person().map(|person| person.who.clone());
        assert_eq!(mia, Some(directory::account(UserId::new(5))));
        let text = json!({ "name": "text", "type": 3, "value": "IT-1007 is the same, see there" });
        let (_, given) = read(json!([{ "name": "reply", "type": 1, "options": [text] }]));
        assert_eq!(given, Given::from([("text".to_owned(), Arg::text("IT-1007 is the same, see there"))]));
        let log = json!({ "name": "log", "type": 11, "value": "7" });
        let (_, given) = read(json!([{ "name": "reply", "type": 1, "options": [log] }]));
        let file = File { name: "a.png".to_owned(), url: "https://x/a".to_owned(), bytes: 12 };
        assert_eq!(given, Given::from([("log".to_owned(), Arg::Files(vec![file]))]));
        let high = json!({ "name": "announce", "type": 1, "options": [text] });
        let (name, given) = read(json!([{ "name": "outage", "type": 2, "options": [high] }]));
        assert_eq!((name.as_str(), given.len()), ("outage announce", 1));
        assert_eq!(read(json!([{ "name": "help", "type": 1 }])), ("help".to_owned(), Given::new()));
        let bare = typed(&[], &Mia);
        assert_eq!(bare, Asks::Words { words: String::new(), mentions: Vec::new() });
    }

    #[test]
    fn the_handle_is_read_back() {
        let handle = Handle {
            application: 1.into(),
            id: 2.into(),
            token: "t".to_owned(),
            deferred: Deferred::Update,
            in_private: false,
            user: 3.into(),
            channel: 4.into(),
        };
        let again: Handle = serde_json::from_str(&reply(&handle).0).expect("is a handle");
        assert_eq!((again.id, again.deferred), (handle.id, Deferred::Update));
    }
}
