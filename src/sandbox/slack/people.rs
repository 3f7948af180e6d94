//! The acts of people on messages.

use std::sync::Arc;

use serde_json::json;

use super::ids::Ts;
use super::posting::Draft;
use super::state::{Author, Content, State};
use super::{Core, place, text};
use crate::domain::limits::slack;
use crate::sandbox::world::{MessageAt, Spot, WorldError};

impl Core {
    /// Posts the text that a person typed.
    pub(super) fn say(self: &Arc<Self>, who: &str, spot: &Spot, typed: &str) -> Result<MessageAt, WorldError> {
        let mut state = self.lock();
        let person = person(&state, who)?;
        let (at, thread) = resolve_spot(&mut state, person, spot)?;
        let content = written(&state, typed)?;
        let author = Author::Person(state.people[person].id.clone());
        let ts = self.post(&mut state, at, Draft { thread, ..Draft::of(author, content) });
        Ok(MessageAt { channel: state.channels[at].id.clone(), id: ts.to_string() })
    }

    /// Posts the text that a person typed, with a file of this name.
    pub(super) fn share(
        self: &Arc<Self>,
        who: &str,
        spot: &Spot,
        typed: &str,
        name: &str,
    ) -> Result<MessageAt, WorldError> {
        let mut state = self.lock();
        let person = person(&state, who)?;
        let (at, thread) = resolve_spot(&mut state, person, spot)?;
        let id = format!("F{}", state.next_ts().0);
        let link = format!("https://files.example/{id}/{name}");
        let file = json!({"id": id, "name": name, "title": name, "mode": "hosted", "size": 1_024,
            "mimetype": "text/plain", "user": state.people[person].id, "permalink": link, "url_private": link});
        let content = Content { files: vec![file], ..written(&state, typed)? };
        let author = Author::Person(state.people[person].id.clone());
        let ts = self.post(&mut state, at, Draft { thread, ..Draft::of(author, content) });
        Ok(MessageAt { channel: state.channels[at].id.clone(), id: ts.to_string() })
    }

    /// Deletes the files of the person's own message. Tombstones stay, and the message does not count as edited.
    pub(super) fn delete_files(self: &Arc<Self>, who: &str, message: &MessageAt) -> Result<(), WorldError> {
        let mut state = self.lock();
        let (at, ts) = own(&state, who, message)?;
        let Some(old) = state.channels[at].messages.get(&ts).cloned() else { return Ok(()) };
        let before = super::message::json(&state, &state.channels[at], &old, false);
        if let Some(message) = state.channels[at].messages.get_mut(&ts) {
            for file in &mut message.content.files {
                *file = json!({"id": file["id"], "mode": "tombstone"});
            }
        }
        let now = state.next_ts();
        self.tell_changed(&mut state, at, ts, before, now);
        self.touch();
        Ok(())
    }

    /// Edits the person's own message.
    pub(super) fn edit(self: &Arc<Self>, who: &str, message: &MessageAt, typed: &str) -> Result<(), WorldError> {
        let mut state = self.lock();
        let (at, ts) = own(&state, who, message)?;
        let content = written(&state, typed)?;
        if content != state.channels[at].messages[&ts].content {
            self.change(&mut state, at, ts, content, true);
        }
        Ok(())
    }

    /// Deletes the person's own message.
    pub(super) fn delete(self: &Arc<Self>, who: &str, message: &MessageAt) -> Result<(), WorldError> {
        let mut state = self.lock();
        let (at, ts) = own(&state, who, message)?;
        self.remove(&mut state, at, ts);
        Ok(())
    }

    /// Adds a reaction or takes it back.
    pub(super) fn react(
        self: &Arc<Self>,
        who: &str,
        message: &MessageAt,
        emoji: &str,
        add: bool,
    ) -> Result<(), WorldError> {
        let mut state = self.lock();
        let person = person(&state, who)?;
        let (at, ts) = visible(&state, person, message)?;
        let user = state.people[person].id.clone();
        let name = emoji.trim_matches(':').to_owned();
        let Some(target) = state.channels[at].messages.get_mut(&ts) else {
            return Err(WorldError::NotAllowed("nobody can react to an ephemeral message".to_owned()));
        };
        let reactions = &mut target.reactions;
        let index = reactions.iter().position(|(known, _)| *known == name);
        let users = match index {
            Some(index) => &mut reactions[index].1,
            None if add => {
                reactions.push((name.clone(), Vec::new()));
                let last = reactions.len() - 1;
                &mut reactions[last].1
            }
            None => return Ok(()),
        };
        if users.contains(&user) == add {
            return Ok(());
        }
        if add {
            users.push(user.clone())
        } else {
            users.retain(|id| *id != user)
        }
        reactions.retain(|(_, users)| !users.is_empty());
        let item_user = super::message::author_id(&state, &state.channels[at].messages[&ts].author).to_owned();
        let mut entry = place(&state, at);
        entry["who"] = json!(who);
        entry["message"] = json!(ts.to_string());
        entry["emoji"] = json!(name);
        entry["add"] = json!(add);
        self.note("reacted", entry);
        if state.channels[at].bot && state.scopes.contains("reactions:read") {
            let kind = if add { "reaction_added" } else { "reaction_removed" };
            let item = json!({"type": "message", "channel": state.channels[at].id, "ts": ts.to_string()});
            let event = json!({"type": kind, "user": user, "reaction": name, "item_user": item_user, "item": item});
            self.tell(&mut state, kind, event, Some(at));
        }
        drop(state);
        self.touch();
        Ok(())
    }
}

/// Returns the index of the person with this handle.
pub(super) fn person(state: &State, who: &str) -> Result<usize, WorldError> {
    state.person(who).ok_or_else(|| WorldError::Unknown(format!("person {who}")))
}

/// Returns the channel of a spot, and the root of its thread.
pub(super) fn resolve_spot(state: &mut State, person: usize, spot: &Spot) -> Result<(usize, Option<Ts>), WorldError> {
    let (at, root) = match spot {
        Spot::Channel { channel } => (channel_at(state, person, channel)?, None),
        Spot::Thread { channel, root } => (channel_at(state, person, channel)?, Some(root)),
        Spot::Direct { root } => (state.direct(person), root.as_ref()),
    };
    if state.channels[at].archived {
        return Err(WorldError::NotAllowed("the channel is archived".to_owned()));
    }
    let Some(root) = root else { return Ok((at, None)) };
    let message = Ts::parse(root).and_then(|ts| state.channels[at].messages.get(&ts));
    let message = message.ok_or_else(|| WorldError::Unknown(format!("message {root}")))?;
    Ok((at, Some(message.thread.unwrap_or(message.ts))))
}

/// Finds a message, public or ephemeral, that this person sees.
pub(super) fn visible(state: &State, person: usize, message: &MessageAt) -> Result<(usize, Ts), WorldError> {
    let unknown = || WorldError::Unknown(format!("message {}", message.id));
    let at = state.channel_by_id(&message.channel).ok_or_else(unknown)?;
    let ts = Ts::parse(&message.id).ok_or_else(unknown)?;
    let (channel, me) = (&state.channels[at], &state.people[person].id);
    let posted = channel.messages.get(&ts).is_some_and(|message| !message.tombstone);
    let whispered = channel.whispers.get(&ts).is_some_and(|whisper| whisper.shown && whisper.to == *me);
    if channel.seen_by(me) && (posted || whispered) { Ok((at, ts)) } else { Err(unknown()) }
}

fn channel_at(state: &State, person: usize, name: &str) -> Result<usize, WorldError> {
    let at = state.channel(name).or_else(|| state.channel_by_id(name));
    at.filter(|at| state.channels[*at].seen_by(&state.people[person].id))
        .ok_or_else(|| WorldError::Unknown(format!("channel {name}")))
}

fn own(state: &State, who: &str, message: &MessageAt) -> Result<(usize, Ts), WorldError> {
    let person = person(state, who)?;
    let (at, ts) = visible(state, person, message)?;
    let author = state.channels[at].messages.get(&ts).map(|message| &message.author);
    if author != Some(&Author::Person(state.people[person].id.clone())) {
        return Err(WorldError::NotAllowed("only one's own messages".to_owned()));
    }
    if state.channels[at].archived {
        return Err(WorldError::NotAllowed("the channel is archived".to_owned()));
    }
    Ok((at, ts))
}

fn written(state: &State, typed: &str) -> Result<Content, WorldError> {
    let text = text::typed(state, typed, false);
    if text.is_empty() {
        return Err(WorldError::NotAllowed("a message needs text".to_owned()));
    }
    if text.chars().count() > slack::TEXT_CHARS_MAX {
        return Err(WorldError::NotAllowed("the message is too long".to_owned()));
    }
    Ok(Content { text, ..Content::default() })
}
