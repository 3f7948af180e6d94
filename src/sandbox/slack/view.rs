//! The views of people: text and blocks as lines, controls, pings, and everything that one person sees.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ids::Ts;
use super::state::{Author, BOT_HANDLE, BOT_NAME, Channel, Content, Form, Kind, Message, Person, State, Whisper};
use super::text::{self, Names as _, Piece};
use super::{blocks, message};
use crate::sandbox::world::{
    ChannelView, ControlKind, ControlView, FormField, FormView, MessageView, OptionView, View,
};

/// The number of newest top-level messages of a channel in a view.
const SHOWN: usize = 200;

/// Returns a message as a reader sees it. With blocks, `text` is only for notifications.
pub(super) fn read(state: &State, content: &Content) -> String {
    let mut all = match &content.blocks {
        Some(blocks) => lines(state, blocks),
        None if content.text.is_empty() => Vec::new(),
        None => vec![text::read(state, &content.text)],
    };
    for attachment in content.attachments.iter().flatten() {
        match attachment["blocks"].as_array() {
            Some(blocks) => all.extend(lines(state, blocks)),
            None => {
                let said = attachment["text"].as_str().or_else(|| attachment["fallback"].as_str());
                all.extend(said.map(|said| text::read(state, said)));
            }
        }
    }
    all.join("\n")
}

/// Returns a line for each block that shows something.
pub(super) fn lines(state: &State, blocks: &[Value]) -> Vec<String> {
    blocks.iter().filter_map(|block| line(state, block)).collect()
}

/// Returns the ids of a message's controls.
pub(super) fn control_ids(content: &Content) -> Vec<String> {
    let elements = content.blocks.iter().flatten().flat_map(blocks::elements);
    elements.filter_map(|element| element["action_id"].as_str()).map(str::to_owned).collect()
}

/// Returns the handles of the people whom a message pings: only people who see the channel, and never the author.
pub(super) fn pings(state: &State, at: usize, author: &Author, content: &Content) -> Vec<String> {
    let mut ids = BTreeSet::new();
    let mut everybody = false;
    let group = |id: &str, ids: &mut BTreeSet<String>| {
        ids.extend(state.groups.iter().filter(|group| group.id == id).flat_map(|group| group.members.iter().cloned()));
    };
    let in_text = |text: &str, ids: &mut BTreeSet<String>, everybody: &mut bool| {
        for piece in text::pieces(text) {
            match piece {
                Piece::User(id) => drop(ids.insert(id.to_owned())),
                Piece::Broadcast(_) => *everybody = true,
                Piece::Group(id) => group(id, ids),
                _ => {}
            }
        }
    };
    match &content.blocks {
        None => in_text(&content.text, &mut ids, &mut everybody),
        Some(blocks) => {
            let mut todo: Vec<&Value> = blocks.iter().collect();
            while let Some(value) = todo.pop() {
                match value["type"].as_str() {
                    Some("mrkdwn" | "markdown") => {
                        in_text(value["text"].as_str().unwrap_or_default(), &mut ids, &mut everybody);
                    }
                    Some("user") => ids.extend(value["user_id"].as_str().map(str::to_owned)),
                    Some("broadcast") => everybody = true,
                    Some("usergroup") => {
                        let token = format!("<!subteam^{}>", value["usergroup_id"].as_str().unwrap_or_default());
                        in_text(&token, &mut ids, &mut everybody);
                    }
                    Some("plain_text") => {}
                    _ => match value {
                        Value::Object(fields) => todo.extend(fields.values()),
                        Value::Array(items) => todo.extend(items),
                        _ => {}
                    },
                }
            }
        }
    }
    let channel = &state.channels[at];
    let author = message::author_id(state, author);
    let pinged = |person: &&Person| person.id != author && (everybody || ids.contains(&person.id));
    if ids.is_empty() && !everybody {
        return Vec::new();
    }
    state.members(channel).filter(pinged).map(|person| person.handle.clone()).collect()
}

/// Returns everything that one person sees.
pub(super) fn view(state: &State, person: usize) -> View {
    let me = &state.people[person];
    let mut channels: Vec<ChannelView> = (state.channels.iter())
        .filter(|channel| !matches!(channel.kind, Kind::Direct(_)) && channel.seen_by(&me.id))
        .map(|channel| ChannelView {
            name: channel.name.clone(),
            id: channel.id.clone(),
            private: channel.kind == Kind::Private,
            direct: false,
            messages: messages(state, channel, &me.id),
        })
        .collect();
    let direct = state.direct_id(person);
    let said = state.channel_by_id(&direct).map(|at| messages(state, &state.channels[at], &me.id));
    channels.push(ChannelView {
        name: BOT_HANDLE.to_owned(),
        id: direct,
        private: true,
        direct: true,
        messages: said.unwrap_or_default(),
    });
    View {
        channels,
        menus: state.shortcuts.iter().map(|(name, _)| name.clone()).collect(),
        // Slack's apps have no entries in the menu of a person.
        person_menus: Vec::new(),
        form: me.forms.last().map(|form| form_view(state, form)),
        notices: me.notices.iter().cloned().collect(),
    }
}

fn messages(state: &State, channel: &Channel, me: &str) -> Vec<MessageView> {
    let tops: Vec<Ts> = channel.tops.iter().rev().take(SHOWN).copied().collect();
    let from = if tops.len() < channel.tops.len() { tops.last().copied() } else { None };
    let mut shown: Vec<(Ts, MessageView)> = (tops.into_iter())
        .filter_map(|ts| channel.messages.get(&ts))
        .map(|message| (message.ts, message_view(state, channel, message, me)))
        .collect();
    let whispers = channel.whispers.range(from.unwrap_or(Ts(0))..);
    let whispers = whispers.filter(|(_, whisper)| whisper.to == me && whisper.shown && whisper.thread.is_none());
    shown.extend(whispers.map(|(ts, whisper)| (*ts, whisper_view(state, channel, *ts, whisper))));
    shown.sort_by_key(|(ts, _)| *ts);
    shown.into_iter().map(|(_, view)| view).collect()
}

fn message_view(state: &State, channel: &Channel, message: &Message, me: &str) -> MessageView {
    let mut thread: Vec<(Ts, MessageView)> = Vec::new();
    if message.thread.is_none() {
        for reply in channel.replies.get(&message.ts).into_iter().flatten() {
            if let Some(reply) = channel.messages.get(reply) {
                thread.push((reply.ts, message_view(state, channel, reply, me)));
            }
        }
        let whispers = channel.whispers.range(message.ts..);
        let whispers = whispers.filter(|(_, w)| w.to == me && w.shown && w.thread == Some(message.ts));
        thread.extend(whispers.map(|(ts, whisper)| (*ts, whisper_view(state, channel, *ts, whisper))));
        thread.sort_by_key(|(ts, _)| *ts);
    }
    let bot = message.author == Author::Bot;
    let author = message::author_id(state, &message.author);
    MessageView {
        channel: channel.id.clone(),
        id: message.ts.to_string(),
        author: if message.tombstone { String::new() } else { state.person_name(author).unwrap_or(author).to_owned() },
        bot,
        text: if message.tombstone { "This message was deleted.".to_owned() } else { read(state, &message.content) },
        table: table(&message.content),
        only_you: false,
        edited: message.edit_shown,
        pings: message.pings.clone(),
        at_ms: message.ts.millis(),
        reply_to: None,
        controls: controls(state, &message.content),
        reactions: message.reactions.iter().map(|(name, users)| (name.clone(), users.len())).collect(),
        thread: thread.into_iter().map(|(_, view)| view).collect(),
    }
}

fn whisper_view(state: &State, channel: &Channel, ts: Ts, whisper: &Whisper) -> MessageView {
    MessageView {
        channel: channel.id.clone(),
        id: ts.to_string(),
        author: BOT_NAME.to_owned(),
        bot: true,
        text: read(state, &whisper.content),
        table: table(&whisper.content),
        only_you: true,
        at_ms: ts.millis(),
        controls: controls(state, &whisper.content),
        ..MessageView::default()
    }
}

fn controls(state: &State, content: &Content) -> Vec<ControlView> {
    let elements = content.blocks.iter().flatten().flat_map(blocks::elements);
    elements
        .filter_map(|element| {
            let kind = match element["type"].as_str()? {
                "button" if element["url"].is_string() => ControlKind::Link,
                "button" => ControlKind::Button,
                "static_select" | "overflow" | "radio_buttons" => ControlKind::Select,
                "users_select" => ControlKind::PersonSelect,
                "feedback_buttons" => ControlKind::Feedback,
                _ => return None,
            };
            let label = element.get("text").or_else(|| element.get("placeholder"));
            Some(ControlView {
                id: element["action_id"].as_str().unwrap_or_default().to_owned(),
                label: label.map(|label| text_object(state, label)).unwrap_or_default(),
                style: element["style"].as_str().unwrap_or_default().to_owned(),
                kind,
                options: option_views(state, element),
            })
        })
        .collect()
}

/// Returns the rows of a message's table. The first one holds the names of the columns.
fn table(content: &Content) -> Vec<Vec<String>> {
    let tables = content.blocks.iter().flatten().filter(|block| block["type"] == "data_table");
    let rows = tables.flat_map(|table| table["rows"].as_array().into_iter().flatten());
    let cell = |cell: &Value| cell["text"].as_str().unwrap_or_default().to_owned();
    rows.map(|row| row.as_array().into_iter().flatten().map(cell).collect()).collect()
}

fn option_views(state: &State, element: &Value) -> Vec<OptionView> {
    if element["type"] == "feedback_buttons" {
        let halves = [&element["positive_button"], &element["negative_button"]].into_iter();
        let view = |half: &Value| OptionView {
            label: text_object(state, &half["text"]),
            value: half["value"].as_str().unwrap_or_default().to_owned(),
        };
        return halves.map(view).collect();
    }
    let view = |option: &Value| OptionView {
        label: text_object(state, &option["text"]),
        value: option["value"].as_str().unwrap_or_default().to_owned(),
    };
    blocks::options(element).into_iter().map(view).collect()
}

fn form_view(state: &State, form: &Form) -> FormView {
    let all = form.view["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (inputs, others): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|block| block["type"] == "input");
    let intro: Vec<String> = others.into_iter().filter_map(|block| line(state, block)).collect();
    let fields = inputs.into_iter().map(|block| {
        let element = &block["element"];
        let id = block["block_id"].as_str().unwrap_or_default();
        let person = element["initial_user"].as_str().map(|user| state.handle(user));
        let value =
            element["initial_value"].as_str().or_else(|| element["initial_option"]["value"].as_str()).or(person);
        FormField {
            id: id.to_owned(),
            label: text_object(state, &block["label"]),
            multiline: element["multiline"] == true,
            optional: block["optional"] == true,
            value: value.unwrap_or_default().to_owned(),
            options: option_views(state, element),
            person: element["type"] == "users_select",
            error: form.errors.get(id).cloned(),
        }
    });
    FormView {
        id: form.id.clone(),
        title: text_object(state, &form.view["title"]),
        submit: text_object(state, &form.view["submit"]),
        intro: intro.join("\n"),
        fields: fields.collect(),
    }
}

fn line(state: &State, block: &Value) -> Option<String> {
    let texts = |key: &str| -> Vec<String> {
        block[key].as_array().into_iter().flatten().map(|value| text_object(state, value)).collect()
    };
    let said = match block["type"].as_str()? {
        "section" => {
            let mut parts: Vec<String> = block.get("text").map(|value| text_object(state, value)).into_iter().collect();
            parts.extend(texts("fields"));
            parts.join(" | ")
        }
        "context" => texts("elements").join(" "),
        "header" => text_object(state, &block["text"]),
        "markdown" => block["text"].as_str().unwrap_or_default().to_owned(),
        "divider" => "---".to_owned(),
        "image" => format!("[image: {}]", block["alt_text"].as_str().unwrap_or_default()),
        "rich_text" => rich(state, &block["elements"]).join("\n"),
        _ => return None,
    };
    Some(said)
}

fn text_object(state: &State, value: &Value) -> String {
    let said = value["text"].as_str().unwrap_or_default();
    match value["type"].as_str() {
        Some("mrkdwn") => text::read(state, said),
        Some("image") => format!("[image: {}]", value["alt_text"].as_str().unwrap_or_default()),
        _ => text::unescape(said),
    }
}

fn rich(state: &State, parts: &Value) -> Vec<String> {
    let parts = parts.as_array().into_iter().flatten();
    parts
        .map(|part| {
            let inner = || part["elements"].as_array().into_iter().flatten().map(|piece| inline(state, piece));
            match part["type"].as_str() {
                Some("rich_text_list") => rich(state, &part["elements"])
                    .into_iter()
                    .map(|item| format!("• {item}"))
                    .collect::<Vec<_>>()
                    .join("\n"),
                Some("rich_text_quote") => format!("> {}", inner().collect::<String>()),
                Some("rich_text_preformatted") => format!("```{}```", inner().collect::<String>()),
                _ => inner().collect(),
            }
        })
        .collect()
}

fn inline(state: &State, piece: &Value) -> String {
    let field = |key: &str| piece[key].as_str().unwrap_or_default();
    match piece["type"].as_str() {
        Some("user") => format!("@{}", state.person_name(field("user_id")).unwrap_or(field("user_id"))),
        Some("channel") => format!("#{}", state.channel_name(field("channel_id")).unwrap_or(field("channel_id"))),
        Some("usergroup") => format!("@{}", state.group_handle(field("usergroup_id")).unwrap_or(field("usergroup_id"))),
        Some("broadcast") => format!("@{}", field("range")),
        Some("emoji") => format!(":{}:", field("name")),
        Some("date") => field("fallback").to_owned(),
        Some("link") if field("text").is_empty() || field("text") == field("url") => field("url").to_owned(),
        Some("link") => format!("{} <{}>", field("text"), field("url")),
        _ => field("text").to_owned(),
    }
}
