//! The parsers of what Discord sends, with no connection behind them, and what people's words look like when they are
//! sent there: what the fuzz targets (`fuzz/`) call.
//!
//! Nothing is parsed or rendered here: these are the adapter's own functions, with a memory that is empty at first.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;
use serenity::model::application::Interaction;
use serenity::model::event::{Event as Dispatch, GatewayEvent};
use serenity::model::id::{ChannelId, GuildId, UserId};

use super::directory::{self, Directory};
use super::inbound::{self, Reader};
use super::{interact, render};
use crate::domain::event::{Event, EventKind, Said};
use crate::domain::ids::{Conversation, EffectId, Place};
use crate::domain::message::Message;

/// A message as Discord takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Its texts, one message each.
    pub parts: Vec<String>,
    /// The same in one text, cut.
    pub one: String,
    /// Rows of buttons and menus.
    pub components: Vec<Value>,
    /// Whom it may ping.
    pub allowed_mentions: Value,
}

/// Reads frames of the gateway, one JSON object a line, as one session would. What serenity cannot read is left out.
#[must_use]
pub fn gateway(frames: &[u8]) -> Vec<Event> {
    let (directory, none) = (Directory::new(ME), HashSet::new());
    let reader = Reader { directory: &directory, me: ME, listen_to_bots: &none };
    let mut events = Vec::new();
    for frame in frames.split(|byte| *byte == b'\n') {
        if let Ok(GatewayEvent::Dispatch(_, event)) = serde_json::from_slice(frame) {
            events.extend(translated(&reader, event));
        }
    }
    events
}

/// Reads an interaction as the gateway tells of it.
#[must_use]
pub fn interaction(payload: &[u8]) -> Option<EventKind> {
    let (directory, none) = (Directory::new(ME), HashSet::new());
    let reader = Reader { directory: &directory, me: ME, listen_to_bots: &none };
    match serde_json::from_slice(payload).ok()? {
        Interaction::Component(pressed) => Some(EventKind::ActionTaken(interact::used(&reader, &pressed))),
        Interaction::Command(given) => Some(EventKind::CommandGiven(interact::said(&reader, &given))),
        Interaction::Modal(sent) => Some(EventKind::FormSubmitted(interact::filled_in(&reader, &sent))),
        _ => None,
    }
}

/// Reads a message of the REST API, as catching up does.
#[must_use]
pub fn message(payload: &[u8]) -> Option<Said> {
    let (directory, none) = (Directory::new(ME), HashSet::new());
    let reader = Reader { directory: &directory, me: ME, listen_to_bots: &none };
    let message = inbound::lenient(serde_json::from_slice(payload).ok()?, Some(GuildId::new(10)))?;
    reader.said(&message, place(&directory, message.guild_id, message.channel_id))
}

/// Renders a message.
#[must_use]
pub fn render(message: &Message, effect: &EffectId) -> Rendered {
    let rendered = render::message(message, effect);
    let (one, allowed_mentions) = (rendered.cut_to_one(), rendered.allowed_mentions());
    Rendered { parts: rendered.parts, one, components: rendered.components, allowed_mentions }
}

/// The name of a thread, from people's words.
#[must_use]
pub fn thread_name(title: &str) -> String {
    render::thread_name(title)
}

const ME: UserId = UserId::new(99);

fn translated(reader: &Reader<'_>, event: Dispatch) -> Vec<Event> {
    let directory = reader.directory;
    let deleted = |guild, channel, message| {
        inbound::deleted(&place(directory, guild, channel), channel, message, Timestamp::UNIX_EPOCH)
    };
    match event {
        Dispatch::GuildCreate(event) => {
            directory.take_guild(&event.guild);
            Vec::new()
        }
        Dispatch::MessageCreate(event) => {
            let message = &event.message;
            directory.saw(message.channel_id, message.guild_id, message.id);
            let place = place(directory, message.guild_id, message.channel_id);
            reader.posted(message, place).into_iter().collect()
        }
        Dispatch::MessageUpdate(update) if update.author.is_some() => {
            let message = inbound::whole(update);
            let place = place(directory, message.guild_id, message.channel_id);
            reader.edited(&message, place).into_iter().collect()
        }
        Dispatch::MessageDelete(event) => vec![deleted(event.guild_id, event.channel_id, event.message_id)],
        Dispatch::MessageDeleteBulk(event) => {
            event.ids.iter().map(|message| deleted(event.guild_id, event.channel_id, *message)).collect()
        }
        event => {
            directory.take(&event);
            Vec::new()
        }
    }
}

/// Where a channel is; one that was not heard of (and that the adapter would ask for) is taken for a channel.
fn place(directory: &Directory, guild: Option<GuildId>, channel: ChannelId) -> Place {
    let unknown = || Conversation::Channel { channel: channel.to_string() };
    directory.place(guild, channel).unwrap_or_else(|| Place { tenant: directory::tenant(guild), at: unknown() })
}
