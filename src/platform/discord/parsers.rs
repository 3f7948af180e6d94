//! Entry points for the fuzz targets (`fuzz/`): the parsers of Discord's payloads and the renderer, without a
//! connection.
//!
//! Nothing is parsed or rendered here. These functions call the adapter's own, with a directory that is empty at first.

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::Value;
use serenity::model::id::{ChannelId, GuildId, UserId};

use super::directory::{self, Directory};
use super::inbound::{self, Reader};
use super::interact::{self, Interaction, Kind};
use super::payload::{self, guild_of, id, ids};
use super::render;
use crate::domain::event::{Event, EventKind, Said};
use crate::domain::ids::{Conversation, EffectId, Place};
use crate::domain::message::Message;
use crate::platform::lenient;

/// A message in Discord's form.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The texts of the messages that are posted.
    pub parts: Vec<String>,
    /// The whole as one text for an edit, cut to Discord's limit.
    pub one: String,
    /// Rows of buttons and menus.
    pub components: Vec<Value>,
    /// The `allowed_mentions`: the accounts that the message may ping.
    pub allowed_mentions: Value,
}

/// Reads frames of the gateway, one JSON object per line, as one session would.
#[must_use]
pub fn gateway(frames: &[u8]) -> Vec<Event> {
    let (directory, none) = (Directory::new(ME), HashSet::new());
    let reader = Reader { directory: &directory, me: ME, listen_to_bots: &none };
    let frames = frames.split(|byte| *byte == b'\n').filter_map(lenient::json);
    let dispatches = frames.filter(|frame| frame["op"] == 0);
    dispatches.flat_map(|frame| translated(&reader, frame["t"].as_str().unwrap_or_default(), &frame["d"])).collect()
}

/// Whether a frame of the gateway may concern the desk; only channel 20 is known. `None` if it is no new message.
#[must_use]
pub fn may_concern(frame: &[u8]) -> Option<bool> {
    static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
        let directory = Directory::new(ME);
        directory.learn(ChannelId::new(20), Some(GuildId::new(10)), None);
        directory
    });
    let frame = lenient::json(frame).filter(|frame| frame["t"] == "MESSAGE_CREATE")?;
    let message = payload::Message::read(&frame["d"]).ok()?;
    Some(super::may_concern(&DIRECTORY, ME, &message))
}

/// Reads an interaction from a gateway payload.
#[must_use]
pub fn interaction(payload: &[u8]) -> Option<EventKind> {
    let (directory, none) = (Directory::new(ME), HashSet::new());
    let reader = Reader { directory: &directory, me: ME, listen_to_bots: &none };
    let interaction = Interaction::read(&lenient::json(payload)?).ok()??;
    Some(EventKind::Acted(match interaction.kind {
        Kind::Component => interact::used(&reader, &interaction),
        Kind::Command => interact::said(&reader, &interaction),
        Kind::MessageMenu => interact::chosen_for(&reader, &interaction),
        Kind::PersonMenu => interact::chosen_for_person(&reader, &interaction),
        Kind::Form => interact::filled_in(&reader, &interaction),
    }))
}

/// Reads a message of the REST API, as catching up does.
#[must_use]
pub fn message(payload: &[u8]) -> Option<Said> {
    let (directory, none) = (Directory::new(ME), HashSet::new());
    let reader = Reader { directory: &directory, me: ME, listen_to_bots: &none };
    let message = payload::Message::read_in(&lenient::json(payload)?, Some(GuildId::new(10))).ok()?;
    reader.said(&message, place(&directory, message.guild, message.channel))
}

/// Renders a message as the adapter posts it and as it edits one. The ids of controls carry the mark of `effect`.
#[must_use]
pub fn render(message: &Message, effect: &EffectId) -> Rendered {
    let rendered = render::message(message, effect);
    let (one, allowed_mentions) = (rendered.cut_to_one(), rendered.allowed_mentions());
    Rendered { parts: rendered.parts, one, components: rendered.components, allowed_mentions }
}

/// Returns the name of a thread, made from people's words.
#[must_use]
pub fn thread_name(title: &str) -> String {
    render::thread_name(title)
}

const ME: UserId = UserId::new(99);

fn translated(reader: &Reader<'_>, name: &str, data: &Value) -> Vec<Event> {
    let directory = reader.directory;
    let placed = |message: &payload::Message| place(directory, message.guild, message.channel);
    let read = || payload::Message::read(data).ok();
    match name {
        "GUILD_CREATE" => {
            if let Some(guild) = id(&data["id"]) {
                directory.take_guild(guild, data);
            }
            Vec::new()
        }
        "MESSAGE_CREATE" => {
            let posted = read().and_then(|message| {
                directory.saw(message.channel, message.guild, message.id);
                reader.posted(&message, placed(&message))
            });
            posted.into_iter().collect()
        }
        "MESSAGE_UPDATE" => read().and_then(|message| reader.edited(&message, placed(&message))).into_iter().collect(),
        "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => {
            let messages =
                if name == "MESSAGE_DELETE" { id(&data["id"]).into_iter().collect() } else { ids(&data["ids"]) };
            let (Some(channel), Ok(guild)) = (id(&data["channel_id"]), guild_of(data)) else { return Vec::new() };
            let place = place(directory, guild, channel);
            let deleted = |message: &_| inbound::deleted(&place, channel, *message, Timestamp::UNIX_EPOCH);
            messages.iter().map(deleted).collect()
        }
        other => {
            directory.take(other, data);
            Vec::new()
        }
    }
}

/// Returns the place of a channel. An unknown one, for which the adapter would ask Discord, counts as a channel.
fn place(directory: &Directory, guild: Option<GuildId>, channel: ChannelId) -> Place {
    let unknown = || Conversation::Channel { channel: channel.to_string() };
    directory.place(guild, channel).unwrap_or_else(|| Place { tenant: directory::tenant(guild), at: unknown() })
}
