//! Buttons, menus, forms and the command.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use super::Workspace;
use super::inbound::{is_direct, person, text_of, time};
use super::render::{cut, plain, plain_text};
use super::words;
use crate::domain::act::{ActRef, CHOSEN, Fault, Given, Takes, Value as Arg};
use crate::domain::event::{Acted, Asks, DedupeKey, Event, EventKind, ReplyHandle, Way};
use crate::domain::form::{Field, Form};
use crate::domain::ids::{Person, Place};
use crate::domain::limits::slack as limits;
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::intake::Intake;
use crate::intake::StoreError;
use crate::intake::{self, text};

/// Marks the forms that are ours.
const CALLBACK_ID: &str = "deskbell";
/// Within this time a form must have been opened: a `trigger_id` lives three seconds.
const OPENING: Duration = Duration::from_millis(2_500);
/// Within this time it must be known what came of a click or command: Slack waits three seconds.
const HANDLING: Duration = Duration::from_millis(2_200);
/// Characters of a field's label and of its hint.
const LABEL_CHARS: usize = 2_000;
const HINT_CHARS: usize = 150;
/// Characters of a choice.
const OPTION_CHARS: usize = 75;
/// The value of a box that was ticked.
const SET: &str = "yes";

/// How to answer somebody who used a button, form or command. Holds a secret: never to be printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handle {
    /// The `response_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    pub user: String,
    /// Whether it was a command: these can be answered by the `response_url` alone.
    #[serde(default)]
    pub command: bool,
    /// Whether they acted by a message that only they see: the answer takes its place.
    #[serde(default)]
    pub in_private: bool,
}

impl Handle {
    /// Reads what [`Handle::pack`] wrote.
    pub(super) fn unpack(reply: &ReplyHandle) -> Option<Self> {
        serde_json::from_str(&reply.0).ok()
    }

    fn pack(&self) -> ReplyHandle {
        ReplyHandle(serde_json::to_string(self).unwrap_or_default())
    }
}

/// Where a form was opened; travels with it. Holds a secret: never to be printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub form: String,
    /// The `response_url` of the private message in which it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default)]
    pub channel: Option<String>,
    #[serde(default)]
    pub thread: Option<String>,
    #[serde(default)]
    pub direct: bool,
}

impl Workspace {
    /// Handles one interaction. What is returned is to be the answer's body, if anything.
    pub(super) async fn act(self: &Arc<Self>, payload: &Value, intake: &Intake) -> Result<Option<Value>, StoreError> {
        match payload["type"].as_str().unwrap_or_default() {
            "block_actions" => {
                if let Some(click) = click(payload) {
                    self.take_action(&click, payload, intake).await?;
                }
                Ok(None)
            }
            "view_submission" => self.take_form(payload, intake).await,
            other => {
                tracing::debug!(kind = other, "an interaction that is not listened to");
                Ok(None)
            }
        }
    }

    /// Handles one slash command.
    pub(super) async fn obey(self: &Arc<Self>, payload: &Value, intake: &Intake) -> Result<(), StoreError> {
        if !self.is_ours(payload) {
            return Ok(());
        }
        let field = |name: &str| text_of(&payload[name]);
        let (Some(user), Some(channel), Some(trigger)) = (field("user_id"), field("channel_id"), field("trigger_id"))
        else {
            tracing::warn!("a command without user, channel or trigger");
            return Ok(());
        };
        let raw = payload["text"].as_str().unwrap_or_default();
        let names = self.directory.names(&words::asked(raw, &self.me.user)).await;
        let name = self.directory.name(user).await.or_else(|| field("user_name").map(str::to_owned));
        let words = words::read(raw, &self.me.user, &names);
        let reply = Handle {
            url: field("response_url").map(str::to_owned),
            channel: Some(channel.to_owned()),
            thread: None,
            user: user.to_owned(),
            command: true,
            in_private: false,
        };
        let command = Acted {
            actor: person(user, name),
            place: Some(self.place(channel, None, is_direct(channel, &Value::Null))),
            way: Way::Command,
            asks: Asks::Words { words: words.text, mentions: words.mentions },
            in_private: false,
            reply: reply.pack(),
        };
        let event = Event {
            key: DedupeKey::slack_command(&self.me.tenant, trigger),
            at: self.clock.now(),
            what: EventKind::Acted(command),
        };
        self.settle(event, reply, intake).await
    }

    /// Hands in what Slack does not send again, and tells the person that it failed if it hears nothing in time: then they are
    /// told first that it takes a while, and in the end how it went. What goes on must not be done a second time.
    async fn settle(self: &Arc<Self>, event: Event, reply: Handle, intake: &Intake) -> Result<(), StoreError> {
        let (key, door) = (event.key.clone(), intake.clone());
        let mut handling = self.acts.spawn(async move { door.handle(event).await }.in_current_span());
        match timeout(HANDLING, &mut handling).await {
            Ok(Ok(end)) => return end.map(drop),
            Ok(Err(error)) => {
                tracing::error!(key = key.as_str(), %error, "an interaction has failed");
                self.say(&reply, &text::our_fault()).await;
                return Ok(());
            }
            Err(_) => {}
        }
        tracing::warn!(key = key.as_str(), "an interaction takes longer than usual");
        let desk = Arc::clone(self);
        self.acts.spawn(async move {
            let slow = text::takes_a_while();
            let ((), end) = tokio::join!(desk.say(&reply, &slow), handling);
            match end {
                // A command is answered in any case, and a refusal tells why.
                Ok(Ok(Outcome::Refused | Outcome::Dead)) => {}
                Ok(Ok(_)) if reply.command => {}
                Ok(Ok(_)) => desk.say(&reply, &text::is_done()).await,
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!(key = key.as_str(), "an interaction is not carried out");
                    desk.say(&reply, &text::try_again()).await;
                }
            }
        });
        Ok(())
    }

    /// Tells whoever acted something that is not worth keeping.
    async fn say(&self, reply: &Handle, said: &Message) {
        let answer = json!({"response_type": "ephemeral", "replace_original": false, "text": plain(said)});
        if let Some(url) = &reply.url
            && let Err(error) = self.api.respond(url, &answer, self.api.deadline()).await
        {
            tracing::warn!(%error, "the person could not be told");
        }
    }

    async fn take_action(self: &Arc<Self>, click: &Click, payload: &Value, intake: &Intake) -> Result<(), StoreError> {
        let actor = self.actor(&payload["user"]).await;
        let place = self.place(&click.channel, click.thread.as_deref(), is_direct(&click.channel, &Value::Null));
        if let Some(root) = &click.thread {
            self.directory.learn_thread(&click.channel, root);
        }
        let reply = Handle {
            url: text_of(&payload["response_url"]).map(str::to_owned),
            channel: Some(click.channel.clone()),
            thread: click.thread.clone(),
            user: click.user.clone(),
            command: false,
            in_private: click.in_private,
        };
        let does: Option<ActRef> = click.action_id.parse().ok();
        if let Some(does) = &does
            && let Some(spec) = intake::act(&does.act).filter(|spec| spec.opens_form())
        {
            let trigger = payload["trigger_id"].as_str().unwrap_or_default().to_owned();
            let (desk, intake, does) = (self.clone(), intake.clone(), does.clone());
            // The form is opened beside the acknowledgement, not before it.
            tokio::spawn(async move {
                let deadline = Instant::now() + OPENING;
                if let Some(form) = intake.form(spec, &does, &actor).await {
                    desk.open_form(&form, &place, &trigger, &reply, deadline).await;
                }
            });
            return Ok(());
        }
        let choice = match (&click.chosen_user, &click.chosen_value) {
            (Some(user), _) => Some(Arg::Person(person(user, self.directory.name(user).await))),
            (None, Some(value)) => Some(Arg::Text(value.clone())),
            (None, None) => None,
        };
        let way = if choice.is_some() { Way::Menu } else { Way::Button };
        let given = choice.map(|choice| (CHOSEN.to_owned(), choice)).into_iter().collect();
        let asks = does.map_or(Asks::Unknown, |does| Asks::Act { does, given });
        let tenant = &self.me.tenant;
        let event = Event {
            key: DedupeKey::slack_click(tenant, &click.user, &click.message, &click.action_id, &click.action_ts),
            at: time(&click.action_ts).unwrap_or_else(|| self.clock.now()),
            what: EventKind::Acted(Acted {
                actor,
                place: Some(place),
                way,
                asks,
                in_private: click.in_private,
                reply: reply.pack(),
            }),
        };
        self.settle(event, reply, intake).await
    }

    async fn open_form(&self, form: &Form, place: &Place, trigger: &str, reply: &Handle, deadline: Instant) {
        let url = reply.url.clone().filter(|_| reply.in_private);
        let body = json!({"trigger_id": trigger, "view": view(form, place, url)});
        if let Err(error) = self.api.post("views.open", &body, deadline).await {
            tracing::warn!(form = %form.does, %error, "a form could not be opened");
            self.say(reply, &text::try_again()).await;
        }
    }

    async fn take_form(&self, payload: &Value, intake: &Intake) -> Result<Option<Value>, StoreError> {
        let view = &payload["view"];
        let Some(view_id) = text_of(&view["id"]) else {
            tracing::warn!("a form without an id");
            return Ok(None);
        };
        let mut people = HashMap::new();
        for user in people_in(view) {
            let name = self.directory.name(&user).await;
            people.insert(user.clone(), person(&user, name));
        }
        let named = |user: &str| people.get(user).cloned().unwrap_or_else(|| person(user, None));
        let (origin, given) = (origin(view), given(view, named));
        let does: Option<ActRef> = origin.form.parse().ok();
        if let Some(Err(faults)) =
            does.as_ref().and_then(|does| intake::act(&does.act)).map(|spec| intake.check(spec, &given))
        {
            return Ok(Some(json!({"response_action": "errors", "errors": at_fields(&faults)})));
        }
        let actor = self.actor(&payload["user"]).await;
        let in_private = origin.url.is_some();
        let reply = Handle {
            url: origin.url.clone(),
            channel: origin.channel.clone(),
            thread: origin.thread.clone(),
            user: actor.who.id.clone(),
            command: false,
            in_private,
        };
        let place = origin.channel.as_deref();
        let submitted = Acted {
            place: place.map(|channel| self.place(channel, origin.thread.as_deref(), origin.direct)),
            way: Way::Form,
            asks: does.map_or(Asks::Unknown, |does| Asks::Act { does, given }),
            in_private,
            reply: reply.pack(),
            actor,
        };
        let hash = view["hash"].as_str().unwrap_or_default();
        let event = Event {
            key: DedupeKey::slack_form(&self.me.tenant, view_id, hash),
            at: self.clock.now(),
            what: EventKind::Acted(submitted),
        };
        intake.handle(event).await?;
        Ok(None)
    }

    async fn actor(&self, user: &Value) -> Person {
        let id = user["id"].as_str().unwrap_or_default();
        let said = [&user["name"], &user["username"]].into_iter().find_map(text_of).map(str::to_owned);
        person(id, self.directory.name(id).await.or(said))
    }
}

/// One use of a button or menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Click {
    pub user: String,
    pub channel: String,
    pub message: String,
    pub thread: Option<String>,
    pub action_id: String,
    pub action_ts: String,
    pub chosen_value: Option<String>,
    pub chosen_user: Option<String>,
    /// Whether the message is one that only this person sees.
    pub in_private: bool,
}

/// What was used; `None` for a link, and for what stands in no message.
pub(super) fn click(payload: &Value) -> Option<Click> {
    let action = payload["actions"].as_array()?.first()?;
    if text_of(&action["url"]).is_some() {
        return None;
    }
    let container = &payload["container"];
    let channel = text_of(&payload["channel"]["id"]).or_else(|| text_of(&container["channel_id"]))?;
    let message = text_of(&container["message_ts"]).or_else(|| text_of(&payload["message"]["ts"])).unwrap_or_default();
    let thread = text_of(&payload["message"]["thread_ts"]).or_else(|| text_of(&container["thread_ts"]));
    let owned = |value: &Value| text_of(value).map(str::to_owned);
    Some(Click {
        user: owned(&payload["user"]["id"])?,
        channel: channel.to_owned(),
        message: message.to_owned(),
        thread: thread.filter(|root| *root != message).map(str::to_owned),
        action_id: owned(&action["action_id"])?,
        action_ts: owned(&action["action_ts"]).unwrap_or_default(),
        chosen_value: owned(&action["selected_option"]["value"]),
        chosen_user: owned(&action["selected_user"]),
        in_private: container["is_ephemeral"] == true,
    })
}

fn view(form: &Form, place: &Place, url: Option<String>) -> Value {
    let origin = Origin {
        form: form.does.to_string(),
        url,
        channel: Some(place.channel().to_owned()),
        thread: place.root().map(str::to_owned),
        direct: place.is_direct(),
    };
    let blocks: Vec<Value> = form
        .fields
        .iter()
        .map(|field| {
            json!({
                "type": "input", "block_id": field.id, "optional": !field.required || field.takes == Takes::Flag,
                "label": plain_text(&field.label, LABEL_CHARS), "element": element(field),
            })
        })
        .collect();
    json!({
        "type": "modal", "callback_id": CALLBACK_ID,
        "private_metadata": serde_json::to_string(&origin).unwrap_or_default(),
        "title": plain_text(&form.title, limits::MODAL_TITLE_CHARS),
        "submit": plain_text(&form.submit, limits::MODAL_TITLE_CHARS),
        "blocks": blocks,
    })
}

/// What is filled in or chosen.
fn element(field: &Field) -> Value {
    let option = |(value, label): &(&str, &str)| json!({"text": plain_text(label, OPTION_CHARS), "value": value});
    let mut element = match field.takes {
        Takes::Choice(options) => {
            let mut element =
                json!({"type": "static_select", "options": options.iter().map(option).collect::<Vec<_>>()});
            if let Some(chosen) = options.iter().find(|(value, _)| *value == field.value) {
                element["initial_option"] = option(chosen);
            }
            element
        }
        Takes::Person => json!({"type": "users_select"}),
        Takes::Flag => {
            let yes = if field.hint.is_empty() { "Yes" } else { field.hint.as_str() };
            json!({"type": "checkboxes", "options": [option(&(SET, yes))]})
        }
        Takes::Text | Takes::Date | Takes::Ticket | Takes::Message => {
            let most = field.max_chars.clamp(1, limits::BLOCK_TEXT_CHARS);
            let mut element = json!({
                "type": "plain_text_input", "multiline": field.takes == Takes::Text, "max_length": most,
            });
            if !field.value.is_empty() {
                element["initial_value"] = json!(cut(&field.value, most));
            }
            element
        }
    };
    element["action_id"] = json!(field.id);
    if !field.hint.trim().is_empty() && field.takes != Takes::Flag {
        element["placeholder"] = plain_text(&field.hint, HINT_CHARS);
    }
    element
}

/// Where a submitted form was opened; nothing of it if the form is not ours.
pub(super) fn origin(view: &Value) -> Origin {
    match text_of(&view["private_metadata"]).map(serde_json::from_str) {
        Some(Ok(origin)) if view["callback_id"] == CALLBACK_ID => origin,
        _ => Origin::default(),
    }
}

/// What was filled in, by field; people by what `named` makes of their ids.
pub(super) fn given(view: &Value, named: impl Fn(&str) -> Person) -> Given {
    let mut given = Given::new();
    for block in view["state"]["values"].as_object().into_iter().flat_map(Map::values) {
        for (field, entered) in block.as_object().into_iter().flatten() {
            let value = match entered["type"].as_str().unwrap_or_default() {
                "static_select" => entered["selected_option"]["value"].as_str().map(Arg::text),
                "users_select" => text_of(&entered["selected_user"]).map(|user| Arg::Person(named(user))),
                "checkboxes" => {
                    let chosen = entered["selected_options"].as_array().into_iter().flatten();
                    Some(Arg::Flag(chosen.into_iter().any(|option| option["value"] == SET)))
                }
                _ => entered["value"].as_str().map(Arg::text),
            };
            given.extend(value.map(|value| (field.clone(), value)));
        }
    }
    given
}

/// The people whom a form names.
fn people_in(view: &Value) -> Vec<String> {
    let blocks = view["state"]["values"].as_object().into_iter().flat_map(Map::values);
    let fields = blocks.filter_map(Value::as_object).flat_map(Map::values);
    fields.filter_map(|entered| text_of(&entered["selected_user"])).map(str::to_owned).collect()
}

/// What is wrong with the fields, as Slack shows it beside them. (Slack itself asks only for a character.)
pub(super) fn at_fields(faults: &[Fault]) -> Map<String, Value> {
    faults.iter().map(|fault| (fault.param.to_owned(), json!(plain(&text::faulty_field(fault))))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{Conversation, PlatformName, Tenant, TicketKey, TicketTag};
    use crate::domain::when::Now;

    #[test]
    fn clicks_are_read() {
        let payload = json!({
            "type": "block_actions", "team": {"id": "T1", "domain": "acme"}, "user": {"id": "U1", "username": "mia", "team_id": "T1"},
            "api_app_id": "A1", "container": {"type": "message", "message_ts": "5.000001", "channel_id": "C1", "is_ephemeral": false},
            "trigger_id": "1.2.x", "channel": {"id": "C1", "name": "privategroup"},
            "message": {"ts": "5.000001", "thread_ts": "4.000001", "text": "…"},
            "response_url": "https://hooks.slack.com/actions/T1/2/x",
            "actions": [{"action_id": "assign:IT-1~2", "block_id": "b", "type": "users_select", "selected_user": "U9", "action_ts": "6.000001"}],
        });
        let read = click(&payload).expect("a click");
        assert_eq!(
            (read.channel.as_str(), read.thread.as_deref(), read.message.as_str()),
            ("C1", Some("4.000001"), "5.000001")
        );
        assert_eq!((read.chosen_user.as_deref(), read.in_private), (Some("U9"), false));
        assert_eq!(read.action_id.parse::<ActRef>().map(|does| does.to_string()), Ok("assign:IT-1".to_owned()));
        let mut link = payload;
        link["actions"][0]["url"] = json!("https://a.example");
        assert_eq!(click(&link), None);
    }

    #[test]
    fn a_form_comes_back_to_where_it_was_opened() {
        let spec = intake::acts().find(|spec| spec.name == "resolve").expect("it is an act");
        let does = spec.on(TicketTag::from(TicketKey::new("IT", 7)));
        let begun = Given::from([("resolution".to_owned(), Arg::text("it <was> the fuser"))]);
        let form = Form::of(spec, &does, &begun).expect("it has a form");
        let place = Place {
            tenant: Tenant { platform: PlatformName::Slack, id: "T1".to_owned() },
            at: Conversation::Thread { channel: "C1".to_owned(), root: "5.000001".to_owned() },
        };
        let mut view = view(&form, &place, None);
        let origin: Origin = serde_json::from_str(view["private_metadata"].as_str().expect("text")).expect("an origin");
        assert_eq!(origin.form.parse(), Ok(does));
        assert_eq!((origin.channel.as_deref(), origin.thread.as_deref()), (Some("C1"), Some("5.000001")));
        let element = &view["blocks"][0]["element"];
        assert_eq!(element["initial_value"], "it <was> the fuser");

        let field = form.fields[0].id;
        view["state"] = json!({"values": {field: {field: {"type": "plain_text_input", "value": " \n "}}}});
        let now = Now::named(jiff::Timestamp::UNIX_EPOCH, "UTC");
        let faults = spec.check(&given(&view, |user| person(user, None)), &now).expect_err("it is empty");
        assert!(at_fields(&faults).contains_key(field));
        view["state"]["values"][field][field]["value"] = json!(" done ");
        assert_eq!(
            spec.check(&given(&view, |user| person(user, None)), &now).expect("it is filled in").text(field),
            "done"
        );
    }

    #[test]
    fn handles_keep_their_secret() {
        let handle = Handle {
            url: Some("https://hooks.slack.com/x".into()),
            channel: None,
            thread: None,
            user: "U1".into(),
            command: true,
            in_private: false,
        };
        let packed = handle.pack();
        assert!(!format!("{packed:?}").contains("hooks"));
        assert!(Handle::unpack(&packed) == Some(handle));
    }
}
