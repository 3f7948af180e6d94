//! Clicks, forms and commands: a person acts, the bot has three seconds to acknowledge, and its answer is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::api::views;
use super::delivery::{Parcel, ParcelKind};
use super::ids::Ts;
use super::state::{Channel, Kind, State, TEAM_DOMAIN};
use super::text::Names as _;
use super::{Core, blocks, hooks, message, people, place, text};
use crate::sandbox::world::{MessageAt, Spot, WorldError};

/// The most characters of a text field without a `max_length`.
const INPUT_CHARS: u64 = 3_000;

impl Core {
    /// Presses a button or chooses from a menu.
    pub(super) async fn press(
        self: &Arc<Self>,
        who: &str,
        at: &MessageAt,
        control: &str,
        value: Option<&str>,
    ) -> Result<(), WorldError> {
        let (person, parcel) = {
            let mut state = self.lock();
            let person = people::person(&state, who)?;
            (person, self.click(&mut state, person, at, control, value)?)
        };
        if self.ask(parcel).await.is_err() {
            self.fail(person, "The app did not respond to your click. Please try again.");
            return Err(WorldError::NoAnswer);
        }
        Ok(())
    }

    /// Chooses an entry of a message's menu (<https://docs.slack.dev/interactivity/implementing-shortcuts>).
    pub(super) async fn choose_menu(self: &Arc<Self>, who: &str, at: &MessageAt, name: &str) -> Result<(), WorldError> {
        let (person, parcel) = {
            let mut state = self.lock();
            let person = people::person(&state, who)?;
            (person, self.shortcut(&mut state, person, at, name)?)
        };
        if self.ask(parcel).await.is_err() {
            self.fail(person, "The app did not respond. Please try again.");
            return Err(WorldError::NoAnswer);
        }
        Ok(())
    }

    fn shortcut(
        &self,
        state: &mut State,
        person: usize,
        message: &MessageAt,
        name: &str,
    ) -> Result<Parcel, WorldError> {
        let (at, ts) = people::visible(state, person, message)?;
        let known = state.shortcuts.iter().find(|(known, _)| known == name);
        let callback = known.ok_or_else(|| WorldError::Unknown(format!("menu {name}")))?.1.clone();
        let channel = &state.channels[at];
        let Some(posted) = channel.messages.get(&ts) else {
            return Err(WorldError::NotAllowed("an ephemeral message has no such menu".to_owned()));
        };
        let mut payload = actor(state, person, "message_action");
        payload["callback_id"] = json!(callback);
        payload["channel"] = json!({"id": channel.id, "name": client_name(channel)});
        payload["message_ts"] = json!(ts.to_string());
        payload["message"] = message::json(state, channel, posted, false);
        let user = state.people[person].id.clone();
        payload["trigger_id"] = json!(state.trigger(&user));
        payload["response_url"] = json!(self.response_url(state, "app", &user, at, None));
        payload["action_ts"] = json!(state.next_ts().to_string());
        let mut about = about(state, person, at, Some(ts));
        about.insert("control".into(), json!(callback));
        let parcel = self.parcel(state, ParcelKind::Interactive, payload, about.clone(), false);
        about.insert("event".into(), json!(parcel.event));
        about.insert("text".into(), json!(name));
        self.note("pressed", Value::Object(about));
        Ok(parcel)
    }

    /// Submits the topmost form.
    pub(super) async fn submit(
        self: &Arc<Self>,
        who: &str,
        form: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<(), WorldError> {
        let (person, parcel) = {
            let mut state = self.lock();
            let person = people::person(&state, who)?;
            (person, self.submission(&mut state, person, form, values)?)
        };
        let Ok(answer) = self.ask(parcel).await else {
            self.fail(person, "We had some trouble connecting. Try again?");
            return Err(WorldError::NoAnswer);
        };
        let outcome = self.answered(person, form, answer.unwrap_or_default());
        self.touch();
        outcome
    }

    /// Closes the topmost form.
    pub(super) fn dismiss(self: &Arc<Self>, who: &str, form: &str) -> Result<(), WorldError> {
        let mut state = self.lock();
        let person = people::person(&state, who)?;
        if state.people[person].forms.last().is_none_or(|top| top.id != form) {
            return Err(WorldError::Unknown(format!("form {form}")));
        }
        let Some(closed) = state.people[person].forms.pop() else { return Ok(()) };
        if closed.view["notify_on_close"] == true {
            let mut payload = actor(&state, person, "view_closed");
            payload["view"] = views::form_json(&state, &closed, Value::Null, json!({"values": {}}));
            payload["is_cleared"] = json!(false);
            let parcel = self.parcel(&mut state, ParcelKind::Interactive, payload, Map::new(), false);
            let core = Arc::clone(self);
            tokio::spawn(async move { core.ask(parcel).await });
        }
        drop(state);
        self.touch();
        Ok(())
    }

    /// Enters the command `/desk text`.
    pub(super) async fn command(self: &Arc<Self>, who: &str, spot: &Spot, typed: &str) -> Result<(), WorldError> {
        let (person, at, parcel) = {
            let mut state = self.lock();
            let person = people::person(&state, who)?;
            let (at, thread) = people::resolve_spot(&mut state, person, spot)?;
            if thread.is_some() {
                return Err(WorldError::NotAllowed("/desk is not supported in threads. Sorry!".to_owned()));
            }
            if !state.scopes.contains("commands") {
                return Err(WorldError::NotAllowed("/desk is not a valid command".to_owned()));
            }
            (person, at, self.command_parcel(&mut state, person, at, typed))
        };
        let Ok(answer) = self.ask(parcel).await else {
            self.fail(person, "/desk failed with the error \"operation_timeout\"");
            return Err(WorldError::NoAnswer);
        };
        let answer =
            answer.filter(|answer| ["text", "blocks", "attachments"].iter().any(|key| answer.get(*key).is_some()));
        if let Some(answer) = answer {
            let mut state = self.lock();
            let user = state.people[person].id.clone();
            if let Err(refusal) = self.respond(&mut state, &user, at, &hooks::answer_args(answer)) {
                self.fault(format!("the answer to /desk: {}", refusal.error));
                state.notice(person, "/desk failed with the error \"invalid_command_response\"");
            }
        }
        self.touch();
        Ok(())
    }

    fn fail(&self, person: usize, notice: &str) {
        self.lock().notice(person, notice);
        self.touch();
    }

    fn click(
        &self,
        state: &mut State,
        person: usize,
        message: &MessageAt,
        control: &str,
        value: Option<&str>,
    ) -> Result<Parcel, WorldError> {
        let (at, ts) = people::visible(state, person, message)?;
        let channel = &state.channels[at];
        let (content, thread, ephemeral) = match (channel.messages.get(&ts), channel.whispers.get(&ts)) {
            (Some(message), _) => (&message.content, message.thread, false),
            (None, Some(whisper)) => (&whisper.content, whisper.thread, true),
            (None, None) => return Err(WorldError::Unknown(format!("message {}", message.id))),
        };
        let all = content.blocks.clone().unwrap_or_default();
        let found = all.iter().find_map(|block| {
            let element = blocks::elements(block).into_iter().find(|element| element["action_id"] == control)?;
            Some((block["block_id"].clone(), element))
        });
        let (block_id, element) = found.ok_or_else(|| WorldError::Unknown(format!("control {control}")))?;
        let mut action = chosen(state, element, value)?;
        let filled = filled_in(&all, &block_id, control, &action);
        action["action_id"] = json!(control);
        action["block_id"] = block_id;
        let channel = &state.channels[at];
        let mut payload = actor(state, person, "block_actions");
        payload["container"] = json!({"type": "message", "message_ts": ts.to_string(), "channel_id": channel.id,
            "is_ephemeral": ephemeral});
        if let Some(root) = thread.filter(|_| !ephemeral) {
            payload["container"]["thread_ts"] = json!(root.to_string());
        }
        payload["channel"] = json!({"id": channel.id, "name": client_name(channel)});
        if let Some(posted) = channel.messages.get(&ts) {
            payload["message"] = message::json(state, channel, posted, false);
        }
        payload["state"] = json!({"values": filled});
        let user = state.people[person].id.clone();
        payload["trigger_id"] = json!(state.trigger(&user));
        payload["response_url"] = json!(self.response_url(state, "actions", &user, at, Some(ts)));
        action["action_ts"] = json!(state.next_ts().to_string());
        let label = element["text"]["text"].clone();
        payload["actions"] = json!([action]);
        let mut about = about(state, person, at, Some(ts));
        about.insert("thread".into(), json!(thread.map(|root| root.to_string())));
        about.insert("control".into(), json!(control));
        let parcel = self.parcel(state, ParcelKind::Interactive, payload, about.clone(), false);
        about.insert("event".into(), json!(parcel.event));
        about.insert("value".into(), json!(value));
        about.insert("text".into(), label);
        self.note("pressed", Value::Object(about));
        Ok(parcel)
    }

    fn submission(
        &self,
        state: &mut State,
        person: usize,
        form: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Parcel, WorldError> {
        let Some(top) = state.people[person].forms.last_mut().filter(|top| top.id == form) else {
            return Err(WorldError::Unknown(format!("form {form}")));
        };
        top.errors.clear();
        let inputs: Vec<Value> =
            top.view["blocks"].as_array().into_iter().flatten().filter(|b| b["type"] == "input").cloned().collect();
        let names = |block: &Value| [block["block_id"].clone(), block["element"]["action_id"].clone()];
        if let Some(stray) =
            values.keys().find(|key| !inputs.iter().any(|block| names(block).iter().any(|name| name == *key)))
        {
            return Err(WorldError::Unknown(format!("field {stray}")));
        }
        let (mut filled, mut errors) = (Map::new(), BTreeMap::new());
        for block in &inputs {
            let [block_id, action_id] = names(block).map(|name| name.as_str().unwrap_or_default().to_owned());
            let given = values.get(&block_id).or_else(|| values.get(&action_id)).map(String::as_str);
            match answer_to(state, block, given) {
                Ok(value) => drop(filled.insert(block_id, json!({action_id: value}))),
                Err(problem) => drop(errors.insert(block_id, problem)),
            }
        }
        if !errors.is_empty() {
            if let Some(top) = state.people[person].forms.last_mut() {
                top.errors.clone_from(&errors);
            }
            self.touch();
            return Err(WorldError::Fields(errors));
        }
        let mut payload = actor(state, person, "view_submission");
        let user = state.people[person].id.clone();
        payload["trigger_id"] = json!(state.trigger(&user));
        let forms = &state.people[person].forms;
        let previous = forms.len().checked_sub(2).map_or(Value::Null, |below| json!(forms[below].id));
        if let Some(top) = forms.last() {
            payload["view"] = views::form_json(state, top, previous, json!({"values": filled}));
        }
        payload["response_urls"] = json!([]);
        let mut about = Map::new();
        about.insert("who".into(), json!(state.people[person].handle));
        about.insert("form".into(), json!(form));
        about.insert("callback_id".into(), payload["view"]["callback_id"].clone());
        let parcel = self.parcel(state, ParcelKind::Interactive, payload, about.clone(), true);
        about.insert("event".into(), json!(parcel.event));
        about.insert("values".into(), json!(values));
        self.note("submitted", Value::Object(about));
        Ok(parcel)
    }

    /// Carries out the bot's answer to a form.
    fn answered(&self, person: usize, form: &str, answer: Value) -> Result<(), WorldError> {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(index) = state.people[person].forms.iter().position(|open| open.id == form) else { return Ok(()) };
        match answer.get("response_action").and_then(Value::as_str) {
            None => {
                if answer.as_object().is_some_and(|fields| !fields.is_empty()) {
                    self.fault("view_submission: an answer without response_action");
                }
                state.people[person].forms.remove(index);
            }
            Some("clear") => state.people[person].forms.clear(),
            Some("errors") => {
                let form = &mut state.people[person].forms[index];
                let known = |id: &str| {
                    form.view["blocks"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .any(|b| b["type"] == "input" && b["block_id"] == id)
                };
                let errors: BTreeMap<String, String> = answer["errors"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(id, what)| (id.clone(), what.as_str().unwrap_or_default().to_owned()))
                    .collect();
                if errors.is_empty() || !errors.keys().all(|id| known(id)) {
                    self.fault("view_submission: no errors, or errors at fields that the form does not have");
                    state.notice(person, "We had some trouble connecting. Try again?");
                }
                state.people[person].forms[index].errors.clone_from(&errors);
                return Err(WorldError::Fields(errors));
            }
            Some(action @ ("update" | "push")) => match blocks::check_modal(&answer["view"], &mut state.mint) {
                Ok(view) if action == "update" => {
                    let hash = views::new_hash(state);
                    let form = &mut state.people[person].forms[index];
                    (form.view, form.hash) = (view, hash);
                }
                Ok(view) => {
                    let form = views::new_form(state, view);
                    state.people[person].forms.push(form);
                }
                Err(problems) => {
                    self.fault(format!("view_submission: {}", problems.join("; ")));
                    state.notice(person, "We had some trouble connecting. Try again?");
                }
            },
            Some(other) => self.fault(format!("view_submission: unknown response_action {other}")),
        }
        Ok(())
    }

    fn command_parcel(&self, state: &mut State, person: usize, at: usize, typed: &str) -> Parcel {
        let user = state.people[person].id.clone();
        let trigger = state.trigger(&user);
        let response_url = self.response_url(state, "commands", &user, at, None);
        let channel = &state.channels[at];
        let payload = json!({"token": "verification-token", "team_id": state.ids.team, "team_domain": TEAM_DOMAIN,
            "channel_id": channel.id, "channel_name": client_name(channel), "user_id": user,
            "user_name": state.people[person].handle, "command": "/desk", "text": text::typed(state, typed, true),
            "api_app_id": state.ids.app, "is_enterprise_install": "false", "response_url": response_url,
            "trigger_id": trigger});
        let mut about = about(state, person, at, None);
        let parcel = self.parcel(state, ParcelKind::Command, payload, about.clone(), true);
        about.insert("event".into(), json!(parcel.event));
        about.insert("text".into(), json!(format!("/desk {typed}").trim_end()));
        self.note("commanded", Value::Object(about));
        parcel
    }

    fn parcel(
        &self,
        state: &mut State,
        kind: ParcelKind,
        payload: Value,
        mut about: Map<String, Value>,
        takes_answer: bool,
    ) -> Parcel {
        let event = state.mint.random("Ix", 9);
        about.insert("type".into(), payload.get("type").cloned().unwrap_or_else(|| json!("slash_command")));
        Parcel { kind, event, payload, about, takes_answer }
    }
}

/// Returns the part of a payload that names the acting person.
fn actor(state: &State, person: usize, kind: &str) -> Value {
    let person = &state.people[person];
    let ids = &state.ids;
    json!({"type": kind, "user": {"id": person.id, "username": person.handle, "name": person.handle, "team_id": ids.team},
        "api_app_id": ids.app, "token": "verification-token", "team": {"id": ids.team, "domain": TEAM_DOMAIN},
        "enterprise": null, "is_enterprise_install": false})
}

/// Returns the journal's fields about an act.
fn about(state: &State, person: usize, at: usize, ts: Option<Ts>) -> Map<String, Value> {
    let mut about = place(state, at).as_object().cloned().unwrap_or_default();
    about.insert("who".into(), json!(state.people[person].handle));
    if let Some(ts) = ts {
        about.insert("message".into(), json!(ts.to_string()));
    }
    about
}

fn client_name(channel: &Channel) -> &str {
    match channel.kind {
        Kind::Public => &channel.name,
        Kind::Private => "privategroup",
        Kind::Direct(_) => "directmessage",
    }
}

/// Returns the `action` of pressing `element`, or of choosing `value` in it.
fn chosen(state: &State, element: &Value, value: Option<&str>) -> Result<Value, WorldError> {
    let kind = element["type"].as_str().unwrap_or_default();
    let mut action = json!({"type": kind});
    match (kind, value) {
        ("button", _) => {
            for key in ["text", "value", "style", "url"] {
                if let Some(value) = element.get(key) {
                    action[key] = value.clone();
                }
            }
        }
        ("static_select" | "overflow" | "radio_buttons", Some(value)) => {
            action["selected_option"] = option(element, value)?;
        }
        ("feedback_buttons", Some(value)) => {
            let halves = [&element["positive_button"], &element["negative_button"]];
            let half = halves.into_iter().find(|half| half["value"] == value);
            let half = half.ok_or_else(|| WorldError::Unknown(format!("button {value}")))?;
            (action["text"], action["value"]) = (half["text"].clone(), half["value"].clone());
        }
        ("users_select", Some(value)) => action["selected_user"] = json!(user(state, value)?),
        (_, None) => return Err(WorldError::NotAllowed("nothing was chosen".to_owned())),
        _ => return Err(WorldError::NotAllowed(format!("this workspace has no {kind}"))),
    }
    Ok(action)
}

fn option(element: &Value, value: &str) -> Result<Value, WorldError> {
    let found = blocks::options(element).into_iter().find(|option| option["value"] == value);
    found.cloned().ok_or_else(|| WorldError::Unknown(format!("option {value}")))
}

fn user<'a>(state: &'a State, value: &'a str) -> Result<&'a str, WorldError> {
    let by_id = state.person_by_id(value).map(|at| state.people[at].id.as_str());
    state.person_by_handle(value).or(by_id).ok_or_else(|| WorldError::Unknown(format!("person {value}")))
}

/// Returns `state.values` of a message: the values that its menus show after the act.
fn filled_in(all: &[Value], pressed_block: &Value, control: &str, action: &Value) -> Map<String, Value> {
    let mut filled = Map::new();
    for block in all {
        for element in blocks::elements(block) {
            let (Some(block_id), Some(id)) = (block["block_id"].as_str(), element["action_id"].as_str()) else {
                continue;
            };
            let pressed = block["block_id"] == *pressed_block && id == control;
            let key = match element["type"].as_str() {
                Some("static_select" | "radio_buttons") => "selected_option",
                Some("users_select") => "selected_user",
                _ => continue,
            };
            let initial = element.get(key.replace("selected", "initial").as_str());
            let value = if pressed { action.get(key) } else { initial };
            let entry = filled.entry(block_id).or_insert_with(|| json!({}));
            entry[id] = json!({"type": element["type"], key: value});
        }
    }
    filled
}

/// Returns a field's value as in `state.values`, or the error that the client shows instead of submitting.
fn answer_to(state: &State, block: &Value, given: Option<&str>) -> Result<Value, String> {
    let element = &block["element"];
    let kind = element["type"].as_str().unwrap_or_default();
    let missing = |empty: bool| {
        if empty && block["optional"] != true { Err("Please complete this required field.".to_owned()) } else { Ok(()) }
    };
    match kind {
        "static_select" | "radio_buttons" => {
            let selected = match given {
                Some("") => None,
                Some(value) => Some(option(element, value).map_err(|error| error.to_string())?),
                None => element.get("initial_option").cloned(),
            };
            missing(selected.is_none())?;
            Ok(json!({"type": kind, "selected_option": selected}))
        }
        "checkboxes" => {
            let values = given.unwrap_or_default().split(',').map(str::trim).filter(|value| !value.is_empty());
            let selected: Result<Vec<Value>, WorldError> = values.map(|value| option(element, value)).collect();
            let selected = selected.map_err(|error| error.to_string())?;
            missing(selected.is_empty())?;
            Ok(json!({"type": kind, "selected_options": selected}))
        }
        "users_select" => {
            let selected = match given {
                Some("") => None,
                Some(value) => Some(user(state, value).map_err(|error| error.to_string())?),
                None => element["initial_user"].as_str(),
            };
            missing(selected.is_none())?;
            Ok(json!({"type": kind, "selected_user": selected}))
        }
        _ => {
            let value = given.or_else(|| element["initial_value"].as_str()).unwrap_or_default();
            missing(value.trim().is_empty())?;
            let chars = value.chars().count() as u64;
            let (least, most) = (element["min_length"].as_u64().unwrap_or(0), element["max_length"].as_u64());
            if chars > most.unwrap_or(INPUT_CHARS) {
                return Err(format!("Must be less than {} characters.", most.unwrap_or(INPUT_CHARS) + 1));
            }
            if chars < least && chars > 0 {
                return Err(format!("Must be at least {least} characters."));
            }
            Ok(json!({"type": kind, "value": Some(value).filter(|value| !value.is_empty())}))
        }
    }
}
