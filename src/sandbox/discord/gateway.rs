//! The Gateway: sessions, their intents, and the events that they missed.
//!
//! Sources: <https://docs.discord.com/developers/events/gateway>, `…/events/gateway-events`,
//! `…/topics/opcodes-and-status-codes`.
//! Payloads are sent uncompressed: `compress` in IDENTIFY allows compression, but does not demand it.

mod connection;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::sync::mpsc;

pub use self::connection::upgrade;
use self::connection::{frame_json, with_fields};
use super::faults::InjectedFaults;
use super::ids::fixed;
use super::journaling::join;
use super::shards::{self, Shard};
use super::state::State;
use crate::sandbox::traffic::Direction;
use crate::sandbox::{Absence, Nonsense};

/// The bits of IDENTIFY's `intents`.
pub mod intents {
    /// Guilds, channels, roles and threads.
    pub const GUILDS: u64 = 1;
    /// Members who join, leave or change. It is privileged: the sandbox has to grant it.
    pub const GUILD_MEMBERS: u64 = 1 << 1;
    /// Bans, which the sandbox sends, and entries of the audit log, which it does not send.
    pub const GUILD_MODERATION: u64 = 1 << 2;
    /// Presences. It is privileged, and the sandbox never grants it.
    pub const GUILD_PRESENCES: u64 = 1 << 8;
    /// Messages in channels and threads of guilds.
    pub const GUILD_MESSAGES: u64 = 1 << 9;
    /// Reactions to messages in channels and threads of guilds.
    pub const GUILD_REACTIONS: u64 = 1 << 10;
    /// Messages in direct conversations with the bot.
    pub const DIRECT_MESSAGES: u64 = 1 << 12;
    /// Reactions in direct conversations with the bot.
    pub const DIRECT_REACTIONS: u64 = 1 << 13;
    /// The content of messages that neither mention the bot nor are direct. It is privileged: the setup may grant it.
    pub const MESSAGE_CONTENT: u64 = 1 << 15;
    /// For events that need no intent.
    pub const NONE: u64 = 0;
    /// All bits that IDENTIFY may set.
    pub const KNOWN: u64 = (1 << 26) - 1;
}

const HEARTBEAT_INTERVAL_MS: u64 = 41_250;
/// Events that a session keeps for a resume.
const KEPT_EVENTS: usize = 8_000;
const KEPT_SESSIONS: usize = 8;
/// The name of frames in the recorded traffic.
const GATEWAY: &str = "gateway";

/// An event for the bot.
pub struct Happening {
    name: &'static str,
    need: u64,
    full: Value,
    bare: Option<Value>,
    id: Option<String>,
    note: Value,
}

impl Happening {
    /// Creates an event for the sessions that have one of the intents in `need`.
    pub fn new(name: &'static str, need: u64, full: Value) -> Self {
        Self { name, need, full, bare: None, id: None, note: json!({}) }
    }

    /// Sets the payload for sessions without the message content intent.
    pub fn bare(mut self, bare: Option<Value>) -> Self {
        self.bare = bare;
        self
    }

    /// Sets the id of the event in the journal.
    pub fn id(mut self, id: String) -> Self {
        self.id = Some(id);
        self
    }

    /// Adds fields to the journal's entry.
    pub fn note(mut self, note: Value) -> Self {
        join(&mut self.note, note);
        self
    }
}

/// The Gateway's sessions, connected or waiting for a resume, and the events that are held back to be overtaken.
#[derive(Default)]
pub struct Gateway {
    sessions: Vec<Session>,
    events: u64,
    connections: u64,
    /// The events that wait to be overtaken.
    held: Vec<Happening>,
}

struct Session {
    id: String,
    shard: Shard,
    intents: u64,
    seq: u64,
    /// The sequence number of the last event that was written to a socket.
    written: u64,
    kept: VecDeque<Arc<Kept>>,
    link: Option<Link>,
    /// Whether it cannot be resumed any more.
    forgotten: bool,
}

struct Link {
    connection: u64,
    outgoing: mpsc::UnboundedSender<Out>,
    /// Whether it delivers no more events.
    muted: bool,
}

struct Kept {
    seq: u64,
    frame: String,
    /// The fields of the journal's entry; `None` for events of the protocol itself, such as READY.
    note: Option<Value>,
    attempts: AtomicU32,
}

enum Out {
    Event(Arc<Kept>),
    Plain(String),
    Nonsense(Nonsense),
    Close(u16, &'static str),
    Cut,
}

impl Gateway {
    /// Returns the number of identified connections.
    pub fn links(&self) -> usize {
        self.sessions.iter().filter(|session| session.link.is_some()).count()
    }

    /// Returns the number of events that wait: not written to a connection yet, or, for a shard without a connection,
    /// missed by its last session.
    pub fn waiting(&self) -> usize {
        let waits = |session: &Session| usize::try_from(session.seq - session.written).unwrap_or(usize::MAX);
        let total = self.sessions.last().map_or(0, |session| session.shard.total);
        let unwritten = (0..total).map(|number| {
            let mut sessions = self.sessions.iter().filter(|session| session.shard == Shard { number, total });
            if sessions.clone().any(|session| session.link.is_some()) {
                sessions.filter(|session| session.link.is_some()).map(waits).sum()
            } else {
                sessions.next_back().map_or(0, waits)
            }
        });
        unwritten.sum::<usize>() + self.held.len()
    }

    /// Returns the number of events that were sent, or wait to be sent, over the open connections.
    pub fn sent(&self) -> u64 {
        self.sessions.iter().filter(|session| session.link.is_some()).map(|session| session.seq).sum()
    }

    /// Cuts every connection without a close frame.
    pub fn cut_all(&mut self) {
        self.tell_all(|| Out::Cut);
    }

    /// Makes it impossible to resume any present session.
    pub fn forget_all(&mut self) {
        self.sessions.retain(|session| session.link.is_some());
        self.sessions.iter_mut().for_each(|session| session.forgotten = true);
    }

    /// Makes the present connections deliver no more events. They still answer heartbeats.
    pub fn mute_all(&mut self) {
        self.sessions.iter_mut().filter_map(|session| session.link.as_mut()).for_each(|link| link.muted = true);
    }

    /// Sends this frame over every connection.
    pub fn bring(&mut self, nonsense: &Nonsense) {
        self.tell_all(|| Out::Nonsense(nonsense.clone()));
    }

    /// Asks the bot to reconnect every connection.
    pub fn ask_reconnect(&mut self) {
        self.tell_all(|| Out::Plain(json!({ "op": 7, "d": null }).to_string()));
    }

    fn tell_all(&self, out: impl Fn() -> Out) {
        for link in self.sessions.iter().filter_map(|session| session.link.as_ref()) {
            // Sending fails only if the connection has just ended.
            let _ = link.outgoing.send(out());
        }
    }

    fn session(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }
}

impl Session {
    fn push(&mut self, faults: &mut InjectedFaults, name: &str, data: &str, note: Option<Value>) {
        let left_out = faults.leaves_out(name);
        if left_out == Some(false) {
            return;
        }
        let odd = faults.odd_fields(name).map(|fields| with_fields(data, &fields));
        let data = odd.as_deref().unwrap_or(data);
        self.seq += 1;
        let seq = self.seq;
        let frame = format!(r#"{{"t":"{name}","s":{seq},"op":0,"d":{data}}}"#);
        let kept = Arc::new(Kept { seq, frame, note, attempts: AtomicU32::new(0) });
        self.kept.push_back(Arc::clone(&kept));
        if self.kept.len() > KEPT_EVENTS {
            self.kept.pop_front();
        }
        if let Some(link) = self.link.as_ref().filter(|link| !link.muted && left_out.is_none()) {
            let _ = link.outgoing.send(Out::Event(kept));
        }
    }
}

impl State {
    /// Sends an event to every session that subscribed to it and has its guild. Events waiting to be overtaken follow
    /// it.
    pub fn dispatch(&mut self, happening: Happening) {
        if self.faults.swaps > 0 {
            self.faults.swaps -= 1;
            self.gateway.held.push(happening);
            return;
        }
        self.hand_out(&happening);
        self.release_overtaken();
    }

    /// Sends the events that waited to be overtaken.
    pub fn release_overtaken(&mut self) {
        for held in std::mem::take(&mut self.gateway.held) {
            self.hand_out(&held);
        }
    }

    fn hand_out(&mut self, happening: &Happening) {
        let guild = shards::guild_of(&happening.full);
        let wants = |session: &Session| {
            session.shard.hears(guild) && (happening.need == 0 || session.intents & happening.need != 0)
        };
        if !self.gateway.sessions.iter().any(wants) {
            return;
        }
        self.gateway.events += 1;
        let id = happening.id.clone().unwrap_or_else(|| format!("{}:{}", happening.name, self.gateway.events));
        let times = if self.faults.twice > 0 { 2 } else { 1 };
        self.faults.twice = self.faults.twice.saturating_sub(1);
        let full = happening.full.to_string();
        let bare = happening.bare.as_ref().map(Value::to_string);
        let mut note = json!({ "event": id, "type": happening.name });
        join(&mut note, happening.note.clone());
        for session in self.gateway.sessions.iter_mut().filter(|session| wants(session)) {
            let with_content = session.intents & intents::MESSAGE_CONTENT != 0;
            let data = if with_content { &full } else { bare.as_ref().unwrap_or(&full) };
            let first = session.seq;
            for _ in 0..times {
                session.push(&mut self.faults, happening.name, data, Some(note.clone()));
            }
            if times == 2
                && let Some(second) = session.kept.iter().rev().find(|kept| kept.seq == first + 2)
            {
                second.attempts.store(1, Ordering::Relaxed);
            }
        }
    }

    /// Like [`Self::dispatch`], for an event in a channel. Does nothing if the bot does not see the channel.
    pub fn dispatch_in(&mut self, channel: u64, happening: Happening) {
        if self.sees(self.bot, channel) {
            let place = self.place_fields(channel);
            self.dispatch(happening.note(place));
        }
    }

    fn identify(&mut self, wanted: u64, shard: Shard, outgoing: mpsc::UnboundedSender<Out>) -> (String, u64) {
        self.gateway.connections += 1;
        let connection = self.gateway.connections;
        let id = format!("{:032x}", u128::from(fixed(self.seed, "session", &connection.to_string())));
        if self.gateway.sessions.len() >= KEPT_SESSIONS
            && let Some(oldest) = self.gateway.sessions.iter().position(|session| session.link.is_none())
        {
            self.gateway.sessions.remove(oldest);
        }
        let link = Some(Link { connection, outgoing, muted: false });
        let (id_kept, kept) = (id.clone(), VecDeque::new());
        let mut session =
            Session { id: id_kept, shard, intents: wanted, seq: 0, written: 0, kept, link, forgotten: false };
        let unavailable = |id: u64| json!({ "id": id.to_string(), "unavailable": true });
        let mine = || self.guilds.iter().filter(|guild| shard.hears(Some(guild.id)));
        let guilds: Vec<Value> = mine().map(|guild| unavailable(guild.id)).collect();
        let ready = json!({
            "v": 10, "user": self.me_json(), "user_settings": {}, "relationships": [], "private_channels": [],
            "presences": [], "guilds": guilds,
            "session_id": id, "session_type": "normal", "resume_gateway_url": self.gateway_url,
            "shard": [shard.number, shard.total],
            "application": {
                "id": self.bot.to_string(), "flags": self.application_flags(),
                "flags_new": self.application_flags().to_string(),
            },
            "guild_join_requests": [], "geo_ordered_rtc_regions": [],
        });
        let whole: Vec<Value> = if wanted & intents::GUILDS == 0 {
            Vec::new()
        } else {
            mine().map(|guild| self.whole_guild_json(guild, wanted & intents::GUILD_MEMBERS != 0)).collect()
        };
        session.push(&mut self.faults, "READY", &ready.to_string(), None);
        for guild in whole {
            session.push(&mut self.faults, "GUILD_CREATE", &guild.to_string(), None);
        }
        if self.faults.unsteady > 0
            && let Some(link) = &session.link
        {
            self.faults.unsteady -= 1;
            session.forgotten = true;
            let _ = link.outgoing.send(Out::Close(4000, "Unknown error."));
        }
        self.gateway.sessions.push(session);
        self.log("connected", json!({ "session": id, "resumed": false, "shard": shard.number }));
        (id, connection)
    }

    /// Resumes a session after `seq`. Returns the new connection's number; `None` if the session cannot be resumed.
    fn resume(&mut self, id: &str, seq: u64, outgoing: mpsc::UnboundedSender<Out>) -> Option<u64> {
        self.gateway.connections += 1;
        let connection = self.gateway.connections;
        let session = self.gateway.sessions.iter_mut().find(|session| session.id == id)?;
        let oldest = session.kept.front().map_or(session.seq, |kept| kept.seq - 1);
        if session.forgotten || seq > session.seq || seq < oldest {
            return None;
        }
        if let Some(old) = session.link.take() {
            let _ = old.outgoing.send(Out::Cut);
        }
        for kept in session.kept.iter().filter(|kept| kept.seq > seq) {
            let _ = outgoing.send(Out::Event(Arc::clone(kept)));
        }
        session.link = Some(Link { connection, outgoing, muted: false });
        session.push(&mut self.faults, "RESUMED", r#"{"_trace":[]}"#, None);
        self.log("connected", json!({ "session": id, "resumed": true }));
        Some(connection)
    }

    /// Marks an event as written, and notes its delivery in the journal.
    fn hand_over(&mut self, id: &str, kept: &Kept) {
        self.traffic.keep(Direction::ToBot, GATEWAY, || frame_json(&kept.frame));
        if let Some(session) = self.gateway.session(id) {
            session.written = session.written.max(kept.seq);
        }
        let attempt = kept.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(note) = &kept.note {
            let mut fields = note.clone();
            fields["attempt"] = json!(attempt);
            self.log("delivered", fields);
        }
    }

    fn unlink(&mut self, id: &str, connection: u64) {
        if let Some(session) = self.gateway.session(id)
            && session.link.as_ref().is_some_and(|link| link.connection == connection)
        {
            session.link = None;
        }
        self.log("disconnected", json!({ "session": id }));
    }

    /// Whether the payload has the valid token, with or without "Bot ", and the token is not refused at present.
    fn takes_token(&self, data: &Value) -> bool {
        let given = data["token"].as_str().map(|given| given.strip_prefix("Bot ").unwrap_or(given));
        given == Some(self.token.as_str()) && self.faults.absence != Some(Absence::TokenRefused)
    }

    /// Returns the application's flags. Small apps such as this one have their intents in the "limited" form.
    pub fn application_flags(&self) -> u64 {
        let content = if self.message_content { 1 << 19 } else { 0 };
        let members = if self.members_intent { 1 << 15 } else { 0 };
        content | members
    }
}
