//! Posting, changing and removing messages, the same for people and for the bot. Each step is noted in the journal and
//! sent to the bot as an event.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ids::Ts;
use super::state::{Author, BOT_HANDLE, Content, Message, State, Whisper};
use super::{Core, message, place, view};

/// A message to post.
pub(super) struct Draft {
    pub author: Author,
    pub content: Content,
    pub thread: Option<Ts>,
    pub broadcast: bool,
    pub metadata: Option<Value>,
}

impl Draft {
    pub(super) fn of(author: Author, content: Content) -> Self {
        Self { author, content, thread: None, broadcast: false, metadata: None }
    }
}

impl Core {
    /// Posts a message. Returns its time stamp.
    pub(super) fn post(self: &Arc<Self>, state: &mut State, at: usize, draft: Draft) -> Ts {
        let ts = state.next_ts();
        let client_msg_id = matches!(draft.author, Author::Person(_)).then(|| state.mint.uuid());
        let pings = view::pings(state, at, &draft.author, &draft.content);
        let message = Message {
            ts,
            author: draft.author,
            content: draft.content,
            thread: draft.thread,
            broadcast: draft.broadcast,
            edited: None,
            edit_shown: false,
            reactions: Vec::new(),
            metadata: draft.metadata,
            client_msg_id,
            pings,
            tombstone: false,
        };
        let channel = &mut state.channels[at];
        match message.thread {
            Some(root) => {
                channel.replies.entry(root).or_default().insert(ts);
                if message.broadcast {
                    channel.tops.insert(ts);
                }
            }
            None => {
                channel.tops.insert(ts);
            }
        }
        channel.messages.insert(ts, message);
        self.note_message(state, at, ts, "said", "posted");
        if state.bot_gets(at, "message") {
            let channel = &state.channels[at];
            let mut event = message::json(state, channel, &channel.messages[&ts], false);
            event["channel"] = json!(channel.id);
            event["channel_type"] = json!(channel.event_type());
            event["event_ts"] = json!(ts.to_string());
            self.tell(state, &format!("message.{}", state.channels[at].family()), event, Some(at));
        }
        self.touch();
        ts
    }

    /// Changes the content of a message. `shown`: readers see that it was edited.
    pub(super) fn change(self: &Arc<Self>, state: &mut State, at: usize, ts: Ts, content: Content, shown: bool) {
        let now = state.next_ts();
        let Some(old) = state.channels[at].messages.get(&ts).cloned() else { return };
        let editor = message::author_id(state, &old.author).to_owned();
        let before = message::json(state, &state.channels[at], &old, false);
        if let Some(message) = state.channels[at].messages.get_mut(&ts) {
            message.content = content;
            message.edited = Some((editor, now));
            message.edit_shown |= shown;
        }
        self.note_message(state, at, ts, "edited", "updated");
        self.tell_changed(state, at, ts, before, now);
        self.touch();
    }

    /// Removes a message. A root with replies stays as a tombstone.
    pub(super) fn remove(self: &Arc<Self>, state: &mut State, at: usize, ts: Ts) {
        let now = state.next_ts();
        let Some(old) = state.channels[at].messages.get(&ts).cloned() else { return };
        self.note_message(state, at, ts, "deleted", "removed");
        let before = message::json(state, &state.channels[at], &old, false);
        let channel = &mut state.channels[at];
        if channel.has_replies(ts) {
            if let Some(message) = channel.messages.get_mut(&ts) {
                message.tombstone = true;
                message.content = Content::default();
                message.metadata = None;
                message.reactions.clear();
                message.pings.clear();
            }
            self.tell_changed(state, at, ts, before, now);
        } else {
            channel.messages.remove(&ts);
            channel.tops.remove(&ts);
            let root_gone = old.thread.is_some_and(|root| {
                let replies = channel.replies.entry(root).or_default();
                replies.remove(&ts);
                replies.is_empty() && channel.messages.get(&root).is_some_and(|root| root.tombstone)
            });
            if let Some(root) = old.thread.filter(|_| root_gone) {
                channel.messages.remove(&root);
                channel.tops.remove(&root);
            }
            if state.bot_gets(at, "message") {
                let channel = &state.channels[at];
                let event = json!({"type": "message", "subtype": "message_deleted", "previous_message": before,
                    "channel": channel.id, "hidden": true, "deleted_ts": ts.to_string(), "ts": now.to_string(),
                    "event_ts": now.to_string(), "channel_type": channel.event_type()});
                self.tell(state, &format!("message.{}", state.channels[at].family()), event, Some(at));
            }
        }
        self.touch();
    }

    /// Posts an ephemeral message for one person. Returns its time stamp.
    pub(super) fn whisper(&self, state: &mut State, at: usize, to: usize, content: Content, thread: Option<Ts>) -> Ts {
        let ts = state.next_ts();
        let shown = thread.is_none_or(|root| state.channels[at].has_replies(root));
        let person = &state.people[to];
        let whisper = Whisper { to: person.id.clone(), thread, content, shown };
        let mut entry = place(state, at);
        entry["who"] = json!(BOT_HANDLE);
        entry["visible_to"] = json!(if shown { vec![person.handle.clone()] } else { Vec::new() });
        entry["to"] = json!(person.handle);
        entry["shown"] = json!(shown);
        entry["thread"] = json!(thread.map(|root| root.to_string()));
        entry["message"] = json!(ts.to_string());
        entry["text"] = json!(view::read(state, &whisper.content));
        entry["controls"] = json!(view::control_ids(&whisper.content));
        self.note("whispered", entry);
        state.channels[at].whispers.insert(ts, whisper);
        self.touch();
        ts
    }

    /// Changes an ephemeral message or, without content, removes it. Returns false if there is none with this time
    /// stamp.
    pub(super) fn rewhisper(&self, state: &mut State, at: usize, ts: Ts, content: Option<Content>) -> bool {
        let Some(whisper) = state.channels[at].whispers.get(&ts).cloned() else { return false };
        let mut entry = place(state, at);
        entry["who"] = json!(BOT_HANDLE);
        entry["visible_to"] = json!([state.handle(&whisper.to)]);
        entry["ephemeral"] = json!(true);
        entry["thread"] = json!(whisper.thread.map(|root| root.to_string()));
        entry["message"] = json!(ts.to_string());
        match content {
            Some(content) => {
                entry["text"] = json!(view::read(state, &content));
                entry["controls"] = json!(view::control_ids(&content));
                self.note("updated", entry);
                state.channels[at].whispers.insert(ts, Whisper { content, ..whisper });
            }
            None => {
                self.note("removed", entry);
                state.channels[at].whispers.remove(&ts);
            }
        }
        self.touch();
        true
    }

    pub(super) fn tell_changed(self: &Arc<Self>, state: &mut State, at: usize, ts: Ts, before: Value, now: Ts) {
        if !state.bot_gets(at, "message") {
            return;
        }
        let channel = &state.channels[at];
        let after = message::json(state, channel, &channel.messages[&ts], false);
        let event = json!({"type": "message", "subtype": "message_changed", "message": after,
            "previous_message": before, "channel": channel.id, "hidden": true, "ts": now.to_string(),
            "event_ts": now.to_string(), "channel_type": channel.event_type()});
        self.tell(state, &format!("message.{}", state.channels[at].family()), event, Some(at));
    }

    fn note_message(&self, state: &State, at: usize, ts: Ts, by_person: &'static str, by_bot: &'static str) {
        let Some(message) = state.channels[at].messages.get(&ts) else { return };
        let mut entry = place(state, at);
        entry["who"] = json!(state.handle(message::author_id(state, &message.author)));
        entry["visible_to"] = json!(state.audience(at));
        entry["thread"] = json!(message.thread.map(|root| root.to_string()));
        entry["message"] = json!(ts.to_string());
        entry["text"] = json!(view::read(state, &message.content));
        entry["pings"] = json!(message.pings);
        let kind = match message.author {
            Author::Person(_) => by_person,
            Author::Bot => {
                entry["controls"] = json!(view::control_ids(&message.content));
                by_bot
            }
        };
        self.note(kind, entry);
    }
}
