//! The acts of people, as their client would send them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::components::{chars, flat, input_bounds, inputs};
use super::errors::ApiError;
use super::gateway::{Happening, intents};
use super::interactions::{Act, MessagePlace};
use super::mentions::Allowed;
use super::state::{Message, State};
use crate::domain::limits::discord as platform;
use crate::sandbox::{MessageAt, Spot, WorldError};

/// The most characters in a message of a person with a subscription. All people here have one; without it, the bot's
/// limit would apply.
const PERSON_TEXT_CHARS: usize = 4_000;
/// Discord's type of a command in the menu of a person.
pub const MENU_OF_PERSON: u8 = 2;
/// Discord's type of a command in the menu of a message.
pub const MENU_OF_MESSAGE: u8 = 3;

/// An act that the bot must answer: the interaction's id, and the receiver of its first answer.
pub type Awaited = (u64, oneshot::Receiver<()>);

impl State {
    /// Returns the channel of a spot; a missing thread is started by this person.
    fn place_for(&mut self, person: u64, spot: &Spot) -> Result<u64, WorldError> {
        match spot {
            Spot::Channel { channel } => self.visible_channel(person, channel),
            Spot::Direct { .. } => {
                self.directs.get(&person).copied().ok_or_else(|| WorldError::Unknown("direct messages".to_owned()))
            }
            Spot::Thread { channel, root } => {
                let parent = self.visible_channel(person, channel)?;
                let root = number(root, "message")?;
                if self.thread(root).is_some_and(|thread| thread.parent == parent) {
                    return Ok(root);
                }
                let message = self.message(parent, root).map_err(unknown)?;
                let name = self.thread_name(message);
                self.start_thread(parent, root, person, &name, 1_440).map_err(refused)?;
                Ok(root)
            }
        }
    }

    fn visible_channel(&self, person: u64, name: &str) -> Result<u64, WorldError> {
        let channel = self.channel_named(name).filter(|channel| self.sees(person, *channel));
        channel.ok_or_else(|| WorldError::Unknown(format!("channel {name}")))
    }

    /// Returns the name of a thread that a person starts: the first line of its message.
    fn thread_name(&self, message: &Message) -> String {
        let text = self.rendered(&message.content);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("thread");
        line.chars().take(platform::THREAD_NAME_CHARS).collect()
    }

    /// Returns a message that this person can see, and its place.
    fn visible_message(&self, person: u64, at: &MessageAt) -> Result<(&Message, MessagePlace), WorldError> {
        let (channel, id) = (number(&at.channel, "channel")?, number(&at.id, "message")?);
        if let Some(message) = self.private.get(&person).and_then(|messages| messages.get(&id)) {
            return Ok((message, MessagePlace { channel: message.channel, id, private: true }));
        }
        if !self.sees(person, channel) {
            return Err(WorldError::Unknown(format!("channel {channel}")));
        }
        let message = self.message(channel, id).map_err(unknown)?;
        Ok((message, MessagePlace { channel, id, private: false }))
    }

    /// Posts a person's message, which pings whom it mentions, and returns where it stands. A locked thread refuses it.
    pub fn person_says(
        &mut self,
        who: &str,
        spot: &Spot,
        text: &str,
        reply_to: Option<&str>,
    ) -> Result<MessageAt, WorldError> {
        let person = self.person(who)?;
        let content = self.checked_text(text)?;
        let channel = self.place_for(person, spot)?;
        if self.thread(channel).is_some_and(|thread| thread.locked) {
            return Err(WorldError::NotAllowed("the thread is locked".to_owned()));
        }
        let reply_to = match reply_to {
            None => None,
            Some(id) => Some(self.message(channel, number(id, "message")?).map_err(unknown)?.id),
        };
        let mut message = Message::new(self.next_id(), channel, person, self.now_ms());
        message.content = content;
        message.reply_to = reply_to;
        message.kind = if reply_to.is_some() { 19 } else { 0 };
        self.set_mentions(&mut message, &Allowed::of_people(), true);
        let id = message.id;
        self.put(message).map_err(refused)?;
        if let Ok(message) = self.message(channel, id) {
            self.log_message("said", message, json!({}));
        }
        self.announce_new(channel, id);
        Ok(MessageAt { channel: channel.to_string(), id: id.to_string() })
    }

    /// Returns the text that the client sends for a typed one.
    fn checked_text(&self, typed: &str) -> Result<String, WorldError> {
        let content = self.as_typed(typed).trim().to_owned();
        if content.is_empty() {
            return Err(WorldError::NotAllowed("an empty message cannot be sent".to_owned()));
        }
        if chars(&content) > PERSON_TEXT_CHARS {
            return Err(WorldError::NotAllowed(format!("a message has at most {PERSON_TEXT_CHARS} characters")));
        }
        Ok(content)
    }

    /// Edits a person's own message. It pings nobody anew, and is refused in an archived thread.
    pub fn person_edits(&mut self, who: &str, at: &MessageAt, text: &str) -> Result<(), WorldError> {
        let person = self.person(who)?;
        let content = self.checked_text(text)?;
        let mut message = self.own_message(person, at)?.clone();
        let (channel, id) = (message.channel, message.id);
        if self.thread(channel).is_some_and(|thread| thread.archived) {
            return Err(WorldError::NotAllowed("the thread is archived".to_owned()));
        }
        message.content = content;
        message.edited_ms = Some(self.now_ms());
        self.set_mentions(&mut message, &Allowed::of_people(), false);
        self.log_message("edited", &message, json!({}));
        self.replace(message);
        self.announce_update(channel, id);
        Ok(())
    }

    /// Deletes a person's own message, in an archived thread as well.
    pub fn person_deletes(&mut self, who: &str, at: &MessageAt) -> Result<(), WorldError> {
        let person = self.person(who)?;
        let message = self.own_message(person, at)?;
        let (channel, id) = (message.channel, message.id);
        self.log_message("deleted", message, json!({}));
        self.remove(channel, id);
        Ok(())
    }

    fn own_message(&self, person: u64, at: &MessageAt) -> Result<&Message, WorldError> {
        let (message, _) = self.visible_message(person, at)?;
        if message.author == person {
            Ok(message)
        } else {
            Err(WorldError::NotAllowed("somebody else wrote it".to_owned()))
        }
    }

    /// Adds a person's reaction, or takes it back. Ephemeral messages and archived threads take no reactions.
    pub fn person_reacts(&mut self, who: &str, at: &MessageAt, emoji: &str, add: bool) -> Result<(), WorldError> {
        let person = self.person(who)?;
        let (message, place) = self.visible_message(person, at)?;
        let author = message.author;
        if place.private {
            return Err(WorldError::NotAllowed("nobody can react to what only one person sees".to_owned()));
        }
        if self.thread(place.channel).is_some_and(|thread| thread.archived) {
            return Err(WorldError::NotAllowed("the thread is archived".to_owned()));
        }
        let channel = self.channels.get_mut(&place.channel);
        let Some(message) = channel.and_then(|channel| channel.messages.get_mut(&place.id)) else {
            return Err(WorldError::Unknown(format!("message {}", place.id)));
        };
        if !change_reaction(&mut message.reactions, emoji, person, add) {
            return Ok(());
        }
        let mut fields = self.place_fields(place.channel);
        fields["who"] = json!(who);
        fields["visible_to"] = json!(self.audience(place.channel));
        fields["message"] = json!(place.id.to_string());
        fields["text"] = json!(emoji);
        fields["added"] = json!(add);
        self.log("reacted", fields);
        let (direct, guild) = (self.is_direct(place.channel), self.guild_of(place.channel));
        let mut data = json!({
            "user_id": person.to_string(), "channel_id": place.channel.to_string(), "message_id": place.id.to_string(),
            "emoji": { "id": null, "name": emoji }, "burst": false, "type": 0,
        });
        if let Some(guild) = guild {
            data["guild_id"] = json!(guild.to_string());
        }
        if add {
            data["message_author_id"] = json!(author.to_string());
            if let Some(guild) = guild {
                data["member"] = self.member_json(guild, person, true);
            }
        }
        let name = if add { "MESSAGE_REACTION_ADD" } else { "MESSAGE_REACTION_REMOVE" };
        let need = if direct { intents::DIRECT_REACTIONS } else { intents::GUILD_REACTIONS };
        let note = json!({ "message": place.id.to_string(), "who": who });
        self.dispatch_in(place.channel, Happening::new(name, need, data).note(note));
        self.touch();
        Ok(())
    }

    /// Chooses a command of the app from the menu of a message, or from that of its author.
    pub fn person_chooses_menu(&mut self, who: &str, at: &MessageAt, name: &str) -> Result<Awaited, WorldError> {
        let person = self.person(who)?;
        let (message, place) = self.visible_message(person, at)?;
        if place.private {
            return Err(WorldError::NotAllowed("what only one person sees has no such menu".to_owned()));
        }
        let (target, author) = (self.message_json(message, true), message.author);
        let (channel, guild) = (place.channel, self.guild_of(place.channel));
        let offered = || [MENU_OF_MESSAGE, MENU_OF_PERSON].into_iter().flat_map(|kind| self.menus_in(guild, kind));
        let command = offered().find(|command| command["name"] == name).cloned();
        let command = command.ok_or_else(|| WorldError::Unknown(format!("menu {name}")))?;
        let mut resolved = self.resolved_json(&[author], guild);
        let target_id = if command["type"] == MENU_OF_MESSAGE {
            resolved["messages"] = json!({ place.id.to_string(): target });
            place.id
        } else {
            author
        };
        let mut data = json!({
            "id": command["id"], "name": name, "type": command["type"], "target_id": target_id.to_string(),
            "resolved": resolved,
        });
        if let Some(guild) = guild {
            data["guild_id"] = json!(guild.to_string());
        }
        let note = json!({ "message": place.id.to_string(), "control": name, "value": null });
        Ok(self.act(Act::Command, person, channel, None, data, ("pressed", note)))
    }

    /// Returns the app's entries in menus of this kind.
    pub fn menus_in(&self, guild: Option<u64>, kind: u8) -> impl Iterator<Item = &Value> {
        let here = move |command: &&super::state::RegisteredCommand| command.guild.is_none() || command.guild == guild;
        self.commands.iter().filter(here).map(|command| &command.json).filter(move |json| json["type"] == kind)
    }

    /// Presses a button or chooses in a menu. Returns `None` for a link, of which the bot is not told.
    pub fn person_presses(
        &mut self,
        who: &str,
        at: &MessageAt,
        control: &str,
        value: Option<&str>,
    ) -> Result<Option<Awaited>, WorldError> {
        let person = self.person(who)?;
        let (message, place) = self.visible_message(person, at)?;
        let component =
            flat(&message.components).find(|found| found["custom_id"] == control || found["url"] == control);
        let component = component.ok_or_else(|| WorldError::Unknown(format!("control {control}")))?.clone();
        if component["disabled"] == true {
            return Err(WorldError::NotAllowed("it is switched off".to_owned()));
        }
        if component["url"].is_string() {
            return Ok(None);
        }
        let kind = component["type"].as_u64().unwrap_or(0);
        let mut data = json!({ "custom_id": control, "component_type": kind, "id": 1 });
        match (kind, value) {
            (2, _) => {}
            (3, Some(value)) => {
                let mut options = component["options"].as_array().into_iter().flatten();
                if !options.any(|option| option["value"] == value) {
                    return Err(WorldError::NotAllowed(format!("{value} is not one of the choices")));
                }
                data["values"] = json!([value]);
            }
            (5, Some(handle)) => {
                let chosen = if handle == "desk" { self.bot } else { self.person(handle)? };
                data["values"] = json!([chosen.to_string()]);
                data["resolved"] = self.resolved_json(&[chosen], self.guild_of(place.channel));
            }
            (_, Some(_)) => return Err(WorldError::NotAllowed("this kind of menu is not modelled".to_owned())),
            (_, None) => return Err(WorldError::NotAllowed("nothing was chosen".to_owned())),
        }
        let note = json!({ "message": place.id.to_string(), "control": control, "value": value });
        let channel = place.channel;
        Ok(Some(self.act(Act::Component, person, channel, Some(place), data, ("pressed", note))))
    }

    /// Submits the open form. If a field is wrong, the client refuses, and nothing is sent.
    pub fn person_submits(
        &mut self,
        who: &str,
        form: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Awaited, WorldError> {
        let person = self.person(who)?;
        let open = self.users.get(&person).and_then(|user| user.form.clone()).filter(|open| open.id == form);
        let open = open.ok_or_else(|| WorldError::Unknown(format!("form {form}")))?;
        let rows = open.modal["components"].as_array().map_or(&[][..], Vec::as_slice);
        let is_field = |name: &str| inputs(rows).any(|(input, _)| input["custom_id"] == name);
        if let Some(stranger) = values.keys().find(|name| !is_field(name)) {
            return Err(WorldError::Unknown(format!("field {stranger}")));
        }
        let (mut sent, mut chosen) = (Vec::new(), Vec::new());
        for (index, row) in rows.iter().enumerate() {
            let Some((input, _)) = inputs(std::slice::from_ref(row)).next() else { continue };
            let given = values.get(input["custom_id"].as_str().unwrap_or_default()).map(String::as_str);
            let mut filled = self.fill_input(input, given, &mut chosen)?;
            filled["id"] = json!(2 * index + 2);
            sent.push(if row["type"] == 18 {
                json!({ "type": 18, "id": 2 * index + 1, "component": filled })
            } else {
                json!({ "type": 1, "id": 2 * index + 1, "components": [filled] })
            });
        }
        let mut data = json!({ "custom_id": open.modal["custom_id"], "components": sent });
        if !chosen.is_empty() {
            data["resolved"] = self.resolved_json(&chosen, self.guild_of(open.channel));
        }
        let note = json!({ "form": form, "control": open.modal["custom_id"], "values": values });
        let source = open.source.filter(|source| self.still_exists(person, *source));
        Ok(self.act(Act::Modal, person, open.channel, source, data, ("submitted", note)))
    }

    /// Returns the component that the client sends for one field. A chosen person is added to `chosen`.
    fn fill_input(&self, input: &Value, given: Option<&str>, chosen: &mut Vec<u64>) -> Result<Value, WorldError> {
        let (id, kind) = (&input["custom_id"], &input["type"]);
        let missing = || WorldError::NotAllowed(format!("the field {id} is required"));
        let is_required = input["required"] != false;
        match kind.as_u64() {
            Some(3 | 21) => {
                let options = || input["options"].as_array().into_iter().flatten();
                let preset =
                    || options().find(|option| option["default"] == true).and_then(|option| option["value"].as_str());
                let value = given.or_else(preset).filter(|value| !value.is_empty());
                if value.is_none() && is_required {
                    return Err(missing());
                }
                if let Some(value) = value
                    && !options().any(|option| option["value"] == value)
                {
                    return Err(WorldError::NotAllowed(format!("the field {id} has no choice {value}")));
                }
                Ok(if kind == 21 {
                    json!({ "type": kind, "custom_id": id, "value": value })
                } else {
                    json!({ "type": kind, "custom_id": id, "values": value.into_iter().collect::<Vec<_>>() })
                })
            }
            Some(5) => {
                let person = given.filter(|given| !given.is_empty()).map(|given| self.person(given)).transpose()?;
                if person.is_none() && is_required {
                    return Err(missing());
                }
                chosen.extend(person);
                let values: Vec<String> = person.iter().map(ToString::to_string).collect();
                Ok(json!({ "type": kind, "custom_id": id, "values": values }))
            }
            Some(23) => {
                let is_set = given.map_or(input["default"] == true, |given| given == "true");
                Ok(json!({ "type": kind, "custom_id": id, "value": is_set }))
            }
            Some(4) => {
                let value = given.or(input["value"].as_str()).unwrap_or_default();
                let (least, most) = input_bounds(input);
                let length = chars(value);
                if value.trim().is_empty() && is_required {
                    return Err(missing());
                }
                if length > most || (length > 0 && length < least) {
                    return Err(WorldError::NotAllowed(format!("the field {id} takes {least} to {most} characters")));
                }
                Ok(json!({ "type": kind, "custom_id": id, "value": value }))
            }
            _ => Err(WorldError::NotAllowed(format!("this client cannot fill in the field {id}"))),
        }
    }

    fn still_exists(&self, person: u64, place: MessagePlace) -> bool {
        if place.private {
            self.private.get(&person).is_some_and(|messages| messages.contains_key(&place.id))
        } else {
            self.message(place.channel, place.id).is_ok()
        }
    }

    /// Closes the open form, if it is this one.
    pub fn close_form(&mut self, who: &str, form: &str) -> Result<(), WorldError> {
        let person = self.person(who)?;
        let user = self.users.get_mut(&person).filter(|user| user.form.as_ref().is_some_and(|open| open.id == form));
        user.ok_or_else(|| WorldError::Unknown(format!("form {form}")))?.form = None;
        self.touch();
        Ok(())
    }

    /// Enters the command `/desk text`. The words fill the options that the bot has registered.
    pub fn person_commands(&mut self, who: &str, spot: &Spot, text: &str) -> Result<Awaited, WorldError> {
        let person = self.person(who)?;
        let channel = self.place_for(person, spot)?;
        let data = self.fill_command(text, self.guild_of(channel))?;
        let note = json!({ "text": format!("/desk {text}") });
        Ok(self.act(Act::Command, person, channel, None, data, ("commanded", note)))
    }
}

/// Adds one person's reaction, or takes it back. Returns whether anything changed.
pub(super) fn change_reaction(reactions: &mut Vec<(String, Vec<u64>)>, emoji: &str, person: u64, add: bool) -> bool {
    let known = reactions.iter().position(|(known, _)| known == emoji);
    match (known, add) {
        (Some(at), true) if !reactions[at].1.contains(&person) => reactions[at].1.push(person),
        (None, true) => reactions.push((emoji.to_owned(), vec![person])),
        (Some(at), false) if reactions[at].1.contains(&person) => {
            reactions[at].1.retain(|user| *user != person);
            reactions.retain(|(_, users)| !users.is_empty());
        }
        _ => return false,
    }
    true
}

fn number(id: &str, what: &str) -> Result<u64, WorldError> {
    id.parse().map_err(|_| WorldError::Unknown(format!("{what} {id}")))
}

fn unknown(error: ApiError) -> WorldError {
    WorldError::Unknown(error.message)
}

fn refused(error: ApiError) -> WorldError {
    WorldError::NotAllowed(error.message)
}
