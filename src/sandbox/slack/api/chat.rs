//! `chat.postMessage`, `.postEphemeral`, `.update`, `.delete`, `.getPermalink`, `reactions.add` and `.remove`.

use serde_json::{Map, Value, json};

use super::{Call, Outcome, Refusal};
use crate::domain::limits::slack;
use crate::sandbox::slack::args::Args;
use crate::sandbox::slack::blocks::{self, Surface};
use crate::sandbox::slack::ids::Ts;
use crate::sandbox::slack::posting::Draft;
use crate::sandbox::slack::state::{Author, Content, Kind, State, TEAM_DOMAIN};
use crate::sandbox::slack::{message, text, view};

/// The most characters of all blocks of a message together. The limit is not documented, but many have met it (bolt-js
/// issue 2509).
const ALL_BLOCKS_CHARS: usize = 13_200;

/// `chat.postMessage`. A reply to a root that is gone becomes a message of the channel (slack-go issue 1571). A root
/// that stays as a tombstone still has its thread.
pub(in crate::sandbox::slack) fn post_message(call: &mut Call<'_>) -> Outcome {
    call.need("chat:write")?;
    let at = writable(call)?;
    let content = content(call.state, call.args)?;
    let metadata = metadata(call.args)?;
    let thread = match call.args.text("thread_ts") {
        Some(ts) => thread_root(call.state, at, &ts)?,
        None => None,
    };
    let broadcast = thread.is_some() && call.args.flag("reply_broadcast");
    let draft = Draft { author: Author::Bot, content, thread, broadcast, metadata };
    let ts = call.core.post(call.state, at, draft);
    let channel = &call.state.channels[at];
    let posted = message::json(call.state, channel, &channel.messages[&ts], true);
    Ok(json!({"channel": channel.id, "ts": ts.to_string(), "message": posted}))
}

/// `chat.postEphemeral`. In a thread without replies Slack answers `ok`, but shows the message to nobody.
pub(in crate::sandbox::slack) fn post_ephemeral(call: &mut Call<'_>) -> Outcome {
    call.need("chat:write")?;
    let at = writable(call)?;
    let user = call.args.required("user")?;
    let person = call.state.person_by_id(&user).ok_or_else(|| Refusal::of("user_not_found"))?;
    if !call.state.channels[at].seen_by(&user) {
        return Err(Refusal::of("user_not_in_channel"));
    }
    let content = content(call.state, call.args)?;
    let thread = match call.args.text("thread_ts") {
        Some(ts) => thread_root(call.state, at, &ts)?,
        None => None,
    };
    let ts = call.core.whisper(call.state, at, person, content, thread);
    Ok(json!({"message_ts": ts.to_string()}))
}

/// `chat.update`. A text without blocks removes the old blocks. With blocks, readers do not see that the message was
/// edited.
pub(in crate::sandbox::slack) fn update(call: &mut Call<'_>) -> Outcome {
    call.need("chat:write")?;
    let at = call.channel()?;
    let ts = own_message(call, at, "cant_update_message")?;
    if call.state.channels[at].archived {
        return Err(Refusal::of("is_archived"));
    }
    let given = call.args.text("text");
    if given.as_ref().is_some_and(|text| text.chars().count() > slack::TEXT_CHARS) {
        return Err(Refusal::of("msg_too_long"));
    }
    let mut content = content(call.state, call.args)?;
    let old = &call.state.channels[at].messages[&ts];
    if given.is_none() && call.args.json("blocks").is_none() {
        content.blocks = old.content.blocks.clone();
    }
    if call.args.json("attachments").is_none() {
        content.attachments = old.content.attachments.clone();
    }
    let shown = content.blocks.is_none();
    let metadata = metadata(call.args)?;
    if let (Some(metadata), Some(message)) = (metadata, call.state.channels[at].messages.get_mut(&ts)) {
        message.metadata = Some(metadata);
    }
    call.core.change(call.state, at, ts, content, shown);
    let channel = &call.state.channels[at];
    let message = &channel.messages[&ts];
    let mut out = json!({"channel": channel.id, "ts": ts.to_string(), "text": message.content.text,
        "message": message::json(call.state, channel, message, true)});
    if let Some(root) = message.thread {
        out["thread_ts"] = json!(root.to_string());
    }
    Ok(out)
}

/// `chat.delete`, for the bot's own messages. A root with replies stays as a tombstone.
pub(in crate::sandbox::slack) fn delete(call: &mut Call<'_>) -> Outcome {
    call.need("chat:write")?;
    let at = call.channel()?;
    let ts = own_message(call, at, "cant_delete_message")?;
    call.core.remove(call.state, at, ts);
    Ok(json!({"channel": call.state.channels[at].id, "ts": ts.to_string()}))
}

/// `reactions.add` and `reactions.remove`, for the bot's own reaction.
pub(in crate::sandbox::slack) fn react(call: &mut Call<'_>, add: bool) -> Outcome {
    call.need("reactions:write")?;
    let at = call.channel()?;
    let (name, ts) = (call.args.required("name")?, call.args.required("timestamp")?);
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+".contains(&byte)) {
        return Err(Refusal::of("invalid_name"));
    }
    let bot = call.state.ids.bot_user.clone();
    let channel = &mut call.state.channels[at];
    if channel.archived {
        return Err(Refusal::of("is_archived"));
    }
    if !matches!(channel.kind, Kind::Direct(_)) && !channel.bot {
        return Err(Refusal::of("not_in_channel"));
    }
    let message = Ts::parse(&ts).and_then(|ts| channel.messages.get_mut(&ts));
    let message = message.ok_or_else(|| Refusal::of("message_not_found"))?;
    let known = message.reactions.iter().position(|(known, _)| *known == name);
    let has = known.is_some_and(|known| message.reactions[known].1.contains(&bot));
    match (known, add) {
        (_, true) if has => return Err(Refusal::of("already_reacted")),
        (Some(known), true) => message.reactions[known].1.push(bot),
        (None, true) => message.reactions.push((name.clone(), vec![bot])),
        (Some(known), false) if has => message.reactions[known].1.retain(|user| *user != bot),
        (_, false) => return Err(Refusal::of("no_reaction")),
    }
    message.reactions.retain(|(_, users)| !users.is_empty());
    let id = channel.id.clone();
    call.core.note("signed", json!({"channel_id": id, "message": ts, "text": name, "added": add}));
    Ok(json!({}))
}

/// `chat.getPermalink`. The link to a reply names the root of its thread.
pub(in crate::sandbox::slack) fn permalink(call: &mut Call<'_>) -> Outcome {
    let at = call.channel()?;
    let channel = &call.state.channels[at];
    let ts = call.args.required("message_ts")?;
    let message = Ts::parse(&ts).and_then(|ts| channel.messages.get(&ts));
    let message = message.ok_or_else(|| Refusal::of("message_not_found"))?;
    let id = &channel.id;
    let mut link = format!("https://{TEAM_DOMAIN}.slack.com/archives/{id}/p{}", ts.replace('.', ""));
    if let Some(root) = message.thread {
        link.push_str(&format!("?thread_ts={root}&cid={id}"));
    }
    call.core.note("called", json!({"method": "chat.getPermalink", "channel_id": id}));
    Ok(json!({"channel": id, "permalink": link}))
}

/// Reads and checks the content of a message.
///
/// # Errors
/// Slack's errors for texts, blocks and attachments that it refuses.
pub(in crate::sandbox::slack) fn content(state: &mut State, args: &Args) -> Result<Content, Refusal> {
    let given = args.text("text").unwrap_or_default();
    if given.chars().count() > slack::TEXT_CHARS_MAX {
        return Err(Refusal::of("msg_too_long"));
    }
    let blocks = match args.json("blocks") {
        None => None,
        Some(Value::Null) => return Err(Refusal::of("invalid_blocks_format")),
        Some(blocks) => {
            let checked = blocks::check(&blocks, Surface::Message, &mut state.mint)
                .map_err(|problems| Refusal::of("invalid_blocks").saying(problems))?;
            let is_new = |block: &Value| matches!(block["type"].as_str(), Some("data_table" | "context_actions"));
            if state.only_old_blocks && checked.iter().any(is_new) {
                return Err(Refusal::wanted("invalid_blocks").saying(["unsupported type of block".to_owned()]));
            }
            if blocks::text_chars(&blocks) > ALL_BLOCKS_CHARS {
                return Err(Refusal::of("msg_blocks_too_long"));
            }
            Some(checked).filter(|blocks| !blocks.is_empty())
        }
    };
    let attachments = match args.json("attachments") {
        None => None,
        Some(Value::Array(items)) if items.iter().all(Value::is_object) => {
            Some(items).filter(|items| !items.is_empty())
        }
        Some(_) => return Err(Refusal::of("invalid_attachments")),
    };
    if given.trim().is_empty() && blocks.is_none() && attachments.is_none() {
        return Err(Refusal::of("no_text"));
    }
    let text = match &blocks {
        Some(blocks) if given.trim().is_empty() => text::escape(&view::lines(state, blocks).join(" ")),
        _ => text::normalise(&given),
    };
    Ok(Content { text, blocks, attachments, files: Vec::new() })
}

/// Returns the root of the thread `ts`; `None` if that root is gone.
///
/// # Errors
/// `thread_not_found`, if `ts` is a reply, or no time stamp.
pub(in crate::sandbox::slack) fn thread_root(state: &State, at: usize, ts: &str) -> Result<Option<Ts>, Refusal> {
    let ts = Ts::parse(ts).ok_or_else(|| Refusal::of("thread_not_found"))?;
    match state.channels[at].messages.get(&ts) {
        Some(message) if message.thread.is_none() => Ok(Some(ts)),
        Some(_) => Err(Refusal::of("thread_not_found")),
        None => Ok(None),
    }
}

/// Returns the index of the conversation in the argument `channel`, if the bot may write there. A person's id means the
/// direct conversation.
fn writable(call: &mut Call<'_>) -> Result<usize, Refusal> {
    let id = call.args.required("channel")?;
    let at = match call.state.person_by_id(&id) {
        Some(person) if call.state.people[person].closed => return Err(Refusal::of("restricted_action")),
        Some(person) => call.state.direct(person),
        None => call.channel()?,
    };
    let channel = &call.state.channels[at];
    if let Kind::Direct(user) = &channel.kind
        && call.state.person_by_id(user).is_some_and(|person| call.state.people[person].closed)
    {
        return Err(Refusal::of("restricted_action"));
    }
    if channel.archived {
        return Err(Refusal::of("is_archived"));
    }
    if !channel.bot && !call.state.scopes.contains("chat:write.public") {
        return Err(Refusal::of("not_in_channel"));
    }
    Ok(at)
}

fn own_message(call: &Call<'_>, at: usize, error: &'static str) -> Result<Ts, Refusal> {
    let ts = Ts::parse(&call.args.required("ts")?).ok_or_else(|| Refusal::of("message_not_found"))?;
    match call.state.channels[at].messages.get(&ts) {
        Some(message) if message.tombstone => Err(Refusal::of("message_not_found")),
        Some(message) if message.author != Author::Bot => Err(Refusal::of(error)),
        Some(_) => Ok(ts),
        None => Err(Refusal::of("message_not_found")),
    }
}

fn metadata(args: &Args) -> Result<Option<Value>, Refusal> {
    let Some(given) = args.json("metadata") else { return Ok(None) };
    let payload = given.get("event_payload").map_or(Some(Map::new()), |payload| payload.as_object().cloned());
    match (given.get("event_type").and_then(Value::as_str), payload) {
        (Some(kind), Some(payload)) if !kind.is_empty() => {
            Ok(Some(json!({"event_type": kind, "event_payload": payload})))
        }
        _ => Err(Refusal::of("invalid_metadata_format")),
    }
}
