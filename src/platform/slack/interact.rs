//! Interactions: buttons, menus, forms, reactions and the slash command.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use super::Workspace;
use super::forms::{at_fields, given, origin, people_in, view};
use super::inbound::{is_direct, person, text_of, time};
use super::render::plain;
use super::words;
use crate::clock::real;
use crate::domain::act::{AUTHOR, ActName, ActRef, CHOSEN, Given, SAID, Spec, Value as Arg};
use crate::domain::event::{Acted, Asks, DedupeKey, Event, EventKind, ReplyHandle, Way};
use crate::domain::form::Form;
use crate::domain::ids::{Person, Place};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::intake::Intake;
use crate::intake::StoreError;
use crate::intake::{self, text};

/// How long opening a form may take: a `trigger_id` is valid for three seconds.
const OPENING: Duration = Duration::from_millis(2_500);
/// How long the acknowledgement of a click or command waits until the act is handled, at most. Slack waits for three
/// seconds.
const HANDLING: Duration = Duration::from_millis(2_200);

/// The data for answering a person who used a button, form or command. It contains a secret: never print it.
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
    /// Whether the act was a slash command. Its answer always goes through the `response_url` first.
    #[serde(default)]
    pub command: bool,
    /// Whether the act was done on a message that only its person sees. The answer replaces that message.
    #[serde(default)]
    pub in_private: bool,
}

impl Handle {
    /// Reads a handle written by [`Handle::pack`].
    pub(super) fn unpack(reply: &ReplyHandle) -> Option<Self> {
        serde_json::from_str(&reply.0).ok()
    }

    fn pack(&self) -> ReplyHandle {
        ReplyHandle(serde_json::to_string(self).unwrap_or_default())
    }
}

impl Workspace {
    /// Handles one interaction. Returns the body of the acknowledgement, if it needs one.
    pub(super) async fn act(self: &Arc<Self>, payload: &Value, intake: &Intake) -> Result<Option<Value>, StoreError> {
        if !self.is_ours(payload) {
            return Ok(None);
        }
        match payload["type"].as_str().unwrap_or_default() {
            "block_actions" => {
                if let Some(click) = click(payload) {
                    self.take_action(&click, payload, intake).await?;
                }
                Ok(None)
            }
            "message_action" => {
                self.take_menu(payload, intake).await?;
                Ok(None)
            }
            "view_submission" => self.take_form(payload, intake).await,
            other => {
                tracing::debug!(kind = other, "an interaction is dropped: the bot uses none of its kind");
                Ok(None)
            }
        }
    }

    /// Handles one slash command.
    pub(super) async fn handle_command(self: &Arc<Self>, payload: &Value, intake: &Intake) -> Result<(), StoreError> {
        if !self.is_ours(payload) {
            return Ok(());
        }
        let field = |name: &str| text_of(&payload[name]);
        let (Some(user), Some(channel), Some(trigger)) = (field("user_id"), field("channel_id"), field("trigger_id"))
        else {
            tracing::warn!("Slack sent a command without a user, a channel or a trigger; it is dropped");
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
            actor: self.zoned(person(user, name)),
            place: Some(self.place(channel, None, is_direct(channel, &Value::Null))),
            way: Way::Command,
            at: None,
            asks: match Intake::command_with_form(raw) {
                Some(spec) => Asks::Act { does: ActRef::bare(spec.act()), given: Given::new() },
                None => Asks::Words { words: words.text, mentions: words.mentions },
            },
            in_private: false,
            reply: reply.pack(),
        };
        let event = Event {
            key: DedupeKey::slack_command(&self.me.tenant, trigger),
            at: self.clock.now(),
            what: EventKind::Acted(command),
        };
        self.take_act(event, reply, payload, intake).await
    }

    /// Hands in the event of an interaction, which Slack does not send again. If handling takes longer than
    /// [`HANDLING`], this returns, so that the interaction is acknowledged. Otherwise Slack would report a failure, and
    /// the person would repeat an act that is still being handled. The person is told to wait, and later how the act
    /// ended.
    async fn hand_in(self: &Arc<Self>, event: Event, reply: Handle, intake: &Intake) -> Result<(), StoreError> {
        let (key, door) = (event.key.clone(), intake.clone());
        let is_answered = matches!(&event.what, EventKind::Acted(acted) if acted.is_answered());
        let mut handling = self.acts.spawn(async move { door.handle(event).await }.in_current_span());
        match timeout(HANDLING, &mut handling).await {
            Ok(Ok(end)) => return end.map(drop),
            Ok(Err(error)) => {
                tracing::error!(
                    key = key.as_str(), %error,
                    "handling an interaction failed by a fault of the program; its person is told"
                );
                self.say(&reply, &text::our_fault()).await;
                return Ok(());
            }
            Err(_) => {}
        }
        tracing::warn!(key = key.as_str(), "an interaction takes longer than usual; its person is told to wait");
        let workspace = Arc::clone(self);
        self.acts.spawn(async move {
            let slow = text::takes_a_while();
            let ((), end) = tokio::join!(workspace.say(&reply, &slow), handling);
            match end {
                // The person already has an answer: the reason of the refusal, or an apology for the dead event.
                Ok(Ok(Outcome::Refused | Outcome::Dead)) => {}
                Ok(Ok(_)) if is_answered => {}
                Ok(Ok(_)) => workspace.say(&reply, &text::is_done()).await,
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!(
                        key = key.as_str(),
                        "an interaction could not be handled; its person is asked to try again"
                    );
                    workspace.say(&reply, &text::try_again()).await;
                }
            }
        });
        Ok(())
    }

    /// Sends the acting person a short message that is not stored.
    async fn say(&self, reply: &Handle, said: &Message) {
        let answer = json!({"response_type": "ephemeral", "replace_original": false, "text": plain(said)});
        if let Some(url) = &reply.url
            && let Err(error) = self.api.respond(url, &answer, self.api.deadline()).await
        {
            tracing::warn!(user = reply.user, %error, "a short message to the person who acted could not be sent");
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
        let choice = match (&click.chosen_user, &click.chosen_value) {
            (Some(user), _) => Some(Arg::Person(person(user, self.directory.name(user).await))),
            (None, Some(value)) => Some(Arg::Text(value.clone())),
            (None, None) => None,
        };
        let way = if choice.is_some() { Way::Menu } else { Way::Button };
        let given = choice.map(|choice| (CHOSEN.to_owned(), choice)).into_iter().collect();
        let asks = click.action_id.parse().map_or(Asks::Unknown, |does| Asks::Act { does, given });
        let event = Event {
            key: self.click_key(&click.user, &click.message, &click.action_id, &click.action_ts),
            at: time(&click.action_ts).unwrap_or_else(|| self.clock.now()),
            what: EventKind::Acted(Acted {
                actor,
                place: Some(place),
                way,
                at: None,
                asks,
                in_private: click.in_private,
                reply: reply.pack(),
            }),
        };
        self.take_act(event, reply, payload, intake).await
    }

    /// Handles an act chosen from the menu of a message.
    async fn take_menu(self: &Arc<Self>, payload: &Value, intake: &Intake) -> Result<(), StoreError> {
        let field = |value: &Value| text_of(value).map(str::to_owned);
        let (user, name, stamp) =
            (field(&payload["user"]["id"]), field(&payload["callback_id"]), field(&payload["action_ts"]));
        let channel = field(&payload["channel"]["id"]);
        let message = field(&payload["message_ts"]).or_else(|| field(&payload["message"]["ts"]));
        let (Some(user), Some(name), Some(channel), Some(message)) = (user, name, channel, message) else {
            tracing::warn!(
                "Slack sent a choice from a message's menu without a user, name, channel or message; it is dropped"
            );
            return Ok(());
        };
        let actor = self.actor(&payload["user"]).await;
        let thread = field(&payload["message"]["thread_ts"]).filter(|root| *root != message);
        let place = self.place(&channel, thread.as_deref(), is_direct(&channel, &Value::Null));
        let reply = Handle {
            url: field(&payload["response_url"]),
            channel: Some(channel.clone()),
            thread,
            user: user.clone(),
            command: false,
            in_private: false,
        };
        let does = ActRef::at_message(ActName::new(name.clone()), message.as_str());
        let takes_words = intake::act(&does.act).is_some_and(Spec::takes_message_words);
        let words = match takes_words {
            true => {
                let raw = words_of(&payload["message"]);
                let names = self.directory.names(&words::asked(&raw, &self.me.user)).await;
                let said = (SAID.to_owned(), Arg::Text(words::read(&raw, &self.me.user, &names).text));
                // A message of a bot is taken as one without an author.
                let author = match field(&payload["message"]["user"]) {
                    Some(author) if payload["message"]["bot_id"].is_null() => {
                        Some((AUTHOR.to_owned(), Arg::Person(person(&author, self.directory.name(&author).await))))
                    }
                    _ => None,
                };
                author.into_iter().chain([said]).collect()
            }
            false => Given::new(),
        };
        let stamp = stamp.unwrap_or_default();
        let event = Event {
            key: self.click_key(&user, &message, &name, &stamp),
            at: time(&stamp).unwrap_or_else(|| self.clock.now()),
            what: EventKind::Acted(Acted {
                actor,
                place: Some(place),
                way: Way::MessageMenu,
                at: Some(self.message_ref(&channel, &message)),
                asks: Asks::Act { does, given: words },
                in_private: false,
                reply: reply.pack(),
            }),
        };
        self.take_act(event, reply, payload, intake).await
    }

    fn click_key(&self, user: &str, message: &str, what: &str, stamp: &str) -> DedupeKey {
        DedupeKey::slack_click(&self.me.tenant, user, message, what, stamp)
    }

    /// Opens the form of an act that has one, or hands the act in.
    async fn take_act(
        self: &Arc<Self>,
        event: Event,
        reply: Handle,
        payload: &Value,
        intake: &Intake,
    ) -> Result<(), StoreError> {
        if let EventKind::Acted(Acted { actor, place: Some(place), asks: Asks::Act { does, given }, .. }) = &event.what
            && let Some(spec) = intake::act(&does.act).filter(|spec| spec.opens_form())
        {
            let trigger = payload["trigger_id"].as_str().unwrap_or_default().to_owned();
            let (workspace, intake) = (self.clone(), intake.clone());
            let (does, given, actor, place) = (does.clone(), given.clone(), actor.clone(), place.clone());
            // The form is opened in parallel with the acknowledgement, not before it.
            self.acts.spawn(async move {
                let deadline = real::now() + OPENING;
                match intake.form(spec, &does, &given, &actor).await {
                    // Slack shows all fields on one page.
                    Some((form, _)) => workspace.open_form(&form, &place, &trigger, &reply, deadline).await,
                    None => {
                        if workspace.hand_in(event, reply.clone(), &intake).await.is_err() {
                            workspace.say(&reply, &text::try_again()).await;
                        }
                    }
                }
            });
            return Ok(());
        }
        self.hand_in(event, reply, intake).await
    }

    /// Returns the event of a reaction. `None` if the reaction triggers no act, is the bot's own, or its person has no
    /// right to the act.
    pub(super) async fn reacted(&self, event: &Value, intake: &Intake) -> Option<Event> {
        let item = &event["item"];
        let (user, emoji) = (text_of(&event["user"])?, text_of(&event["reaction"])?);
        let (channel, message) = (text_of(&item["channel"])?, text_of(&item["ts"])?);
        // A skin tone follows the name of the emoji after `::`.
        let emoji = emoji.split("::").next()?;
        let spec = intake::acts().find(|spec| spec.sign.is_some_and(|sign| sign.slack == emoji))?;
        if item["type"] != "message" || user == self.me.user {
            return None;
        }
        if !intake.may_matter(spec, &person(user, None)) {
            return None;
        }
        let stamp = text_of(&event["event_ts"]).unwrap_or_default();
        let at = self.message_ref(channel, message);
        let actor = self.zoned(person(user, self.directory.name(user).await));
        let reply = Handle {
            url: None,
            channel: Some(channel.to_owned()),
            thread: None,
            user: user.to_owned(),
            command: false,
            in_private: false,
        };
        Some(Event {
            key: DedupeKey::reaction(&at, &actor.who, spec.name, stamp),
            at: time(stamp).unwrap_or_else(|| self.clock.now()),
            what: EventKind::Acted(Acted {
                actor,
                place: Some(self.place(channel, None, is_direct(channel, &Value::Null))),
                way: Way::Reaction,
                at: Some(at),
                asks: Asks::Act { does: ActRef::at_message(spec.act(), message), given: Given::new() },
                in_private: false,
                reply: reply.pack(),
            }),
        })
    }

    async fn open_form(&self, form: &Form, place: &Place, trigger: &str, reply: &Handle, deadline: Instant) {
        let url = reply.url.clone().filter(|_| reply.in_private);
        let body = json!({"trigger_id": trigger, "view": view(form, place, url)});
        if let Err(error) = self.api.post("views.open", &body, deadline).await {
            tracing::warn!(form = %form.does, %error, "a form could not be opened; its person is asked to try again");
            self.say(reply, &text::try_again()).await;
        }
    }

    async fn take_form(&self, payload: &Value, intake: &Intake) -> Result<Option<Value>, StoreError> {
        let view = &payload["view"];
        let Some(view_id) = text_of(&view["id"]) else {
            tracing::warn!("Slack sent a form without an id; it is dropped");
            return Ok(None);
        };
        let mut people = HashMap::new();
        for user in people_in(view) {
            let name = self.directory.name(&user).await;
            people.insert(user.clone(), person(&user, name));
        }
        let named = |user: &str| people.get(user).cloned().unwrap_or_else(|| person(user, None));
        let (origin, given) = (origin(view), given(view, named));
        let actor = self.actor(&payload["user"]).await;
        let does: Option<ActRef> = origin.form.parse().ok();
        if let Some(does) = &does
            && let Some(spec) = intake::act(&does.act)
            && let Err(faults) = intake.check(spec, does, &given, &actor)
        {
            return Ok(Some(json!({"response_action": "errors", "errors": at_fields(&faults)})));
        }
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
        // A form opened from a message's menu is about that message.
        let at = does.as_ref().filter(|does| does.on.is_none()).and_then(|does| does.carried.as_deref());
        let submitted = Acted {
            at: at.zip(place).map(|(message, channel)| self.message_ref(channel, message)),
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
        self.zoned(person(id, self.directory.name(id).await.or(said)))
    }

    /// Returns the person with the time zone of the profile.
    pub(super) fn zoned(&self, person: Person) -> Person {
        let zone = self.directory.zone(&person.who.id);
        Person { zone, ..person }
    }
}

/// Returns the text of a message, or if that is blank, the first text of its attachments (which monitoring systems
/// use).
fn words_of(message: &Value) -> String {
    let attached = message["attachments"].as_array().into_iter().flatten();
    let words = attached.flat_map(|one| ["title", "text", "fallback"].map(|field| &one[field]));
    let all = std::iter::once(&message["text"]).chain(words);
    all.filter_map(text_of).find(|text| !text.trim().is_empty()).unwrap_or_default().to_owned()
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
    /// Whether only this person sees the message.
    pub in_private: bool,
}

/// Reads a use of a button or menu. `None` for a link, and outside of messages (such as in a form).
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
        // A feedback element has two buttons, and its value says which of them was pressed.
        action_id: match action["type"].as_str() {
            Some("feedback_buttons") => owned(&action["value"])?,
            _ => owned(&action["action_id"])?,
        },
        action_ts: owned(&action["action_ts"]).unwrap_or_default(),
        chosen_value: owned(&action["selected_option"]["value"]),
        chosen_user: owned(&action["selected_user"]),
        in_private: container["is_ephemeral"] == true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut feedback = payload.clone();
        feedback["actions"][0] = json!({"type": "feedback_buttons", "action_id": "helpful:IT-1~mKB-1~4",
            "value": "unhelpful:IT-1~mKB-1", "action_ts": "6.000001"});
        assert_eq!(click(&feedback).map(|click| click.action_id), Some("unhelpful:IT-1~mKB-1".to_owned()));
        let mut link = payload;
        link["actions"][0]["url"] = json!("https://a.example");
        assert_eq!(click(&link), None);
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
