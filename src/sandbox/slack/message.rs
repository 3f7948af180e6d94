//! The JSON of a message in answers and events.

use serde_json::{Map, Value, json};

use super::ids::Ts;
use super::state::{Author, BOT_NAME, Channel, Content, Message, State};
use super::text;

/// Returns the JSON of a message, without its channel.
pub(super) fn json(state: &State, channel: &Channel, message: &Message, with_metadata: bool) -> Value {
    let mut out = Map::new();
    let ts = message.ts.to_string();
    out.insert("type".into(), json!("message"));
    if message.tombstone {
        out.insert("subtype".into(), json!("tombstone"));
        out.insert("text".into(), json!("This message was deleted."));
        out.insert("user".into(), json!("USLACKBOT"));
        out.insert("hidden".into(), json!(true));
        out.insert("ts".into(), json!(ts));
    } else {
        if message.broadcast {
            out.insert("subtype".into(), json!("thread_broadcast"));
        }
        out.insert("user".into(), json!(author_id(state, &message.author)));
        if let Some(id) = &message.client_msg_id {
            out.insert("client_msg_id".into(), json!(id));
        }
        out.insert("ts".into(), json!(ts));
        if message.author == Author::Bot {
            out.extend(bot_fields(state));
        }
        out.insert("team".into(), json!(state.ids.team));
        content_into(&mut out, &message.content, message.ts);
        if let Some((user, at)) = &message.edited {
            out.insert("edited".into(), json!({"user": user, "ts": at.to_string()}));
        }
        if with_metadata && let Some(metadata) = &message.metadata {
            out.insert("metadata".into(), metadata.clone());
        }
        if !message.reactions.is_empty() {
            let reaction =
                |(name, users): &(String, Vec<String>)| json!({"name": name, "users": users, "count": users.len()});
            out.insert("reactions".into(), message.reactions.iter().map(reaction).collect());
        }
    }
    match message.thread {
        Some(root) => {
            out.insert("thread_ts".into(), json!(root.to_string()));
            if let Some(root) = channel.messages.get(&root) {
                out.insert("parent_user_id".into(), json!(author_id(state, &root.author)));
            }
        }
        None => thread_into(&mut out, state, channel, message.ts),
    }
    Value::Object(out)
}

/// Returns the user id of an author.
pub(super) fn author_id<'a>(state: &'a State, author: &'a Author) -> &'a str {
    match author {
        Author::Bot => &state.ids.bot_user,
        Author::Person(id) => id,
    }
}

/// Returns the fields that mark a message as the app's.
pub(super) fn bot_fields(state: &State) -> Map<String, Value> {
    let (bot, app, team) = (&state.ids.bot, &state.ids.app, &state.ids.team);
    let profile = json!({"id": bot, "app_id": app, "user_id": state.ids.bot_user, "name": BOT_NAME, "deleted": false,
        "updated": 1_700_000_000, "team_id": team});
    Map::from_iter([
        ("bot_id".to_owned(), json!(bot)),
        ("app_id".to_owned(), json!(app)),
        ("bot_profile".to_owned(), profile),
    ])
}

/// Adds text, blocks, files and attachments to `out`. A text without blocks gets the `rich_text` block that Slack makes
/// of it.
pub(super) fn content_into(out: &mut Map<String, Value>, content: &Content, ts: Ts) {
    out.insert("text".into(), json!(content.text));
    match &content.blocks {
        Some(blocks) => out.insert("blocks".into(), json!(blocks)),
        None if content.text.is_empty() => None,
        None => out.insert("blocks".into(), json!([text::rich_text(&content.text, &format!("r{}", ts.0 % 100_000))])),
    };
    if !content.files.is_empty() {
        out.insert("subtype".into(), json!("file_share"));
        out.insert("files".into(), json!(content.files));
        out.insert("upload".into(), json!(false));
    }
    if let Some(attachments) = &content.attachments {
        out.insert("attachments".into(), json!(attachments));
    }
}

fn thread_into(out: &mut Map<String, Value>, state: &State, channel: &Channel, ts: Ts) {
    let Some(replies) = channel.replies.get(&ts).filter(|replies| !replies.is_empty()) else { return };
    let mut users: Vec<&str> = Vec::new();
    for reply in replies.iter().filter_map(|ts| channel.messages.get(ts)) {
        let user = author_id(state, &reply.author);
        if users.len() < 5 && !users.contains(&user) {
            users.push(user);
        }
    }
    out.insert("thread_ts".into(), json!(ts.to_string()));
    out.insert("reply_count".into(), json!(replies.len()));
    out.insert("reply_users_count".into(), json!(users.len()));
    out.insert("latest_reply".into(), json!(replies.last().map(ToString::to_string)));
    out.insert("reply_users".into(), json!(users));
    out.insert("is_locked".into(), json!(false));
    out.insert("subscribed".into(), json!(true));
}
