//! The Gateway: sessions, their intents, and the events that they missed.
//!
//! Sources: <https://docs.discord.com/developers/events/gateway>, `…/events/gateway-events`, `…/topics/opcodes-and-status-codes`.
//! Payloads go out as plain text: `compress` in IDENTIFY allows compression, it does not demand it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State as Extracted};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Shared;
use super::faults::Troubles;
use super::ids::fixed;
use super::journaling::join;
use super::shards::{self, Shard};
use super::state::State;
use crate::sandbox::traffic::Direction;
use crate::sandbox::{Absence, Nonsense};

/// The bits of IDENTIFY's `intents`.
pub mod intents {
    pub const GUILDS: u64 = 1;
    pub const GUILD_MEMBERS: u64 = 1 << 1;
    pub const GUILD_MODERATION: u64 = 1 << 2;
    pub const GUILD_PRESENCES: u64 = 1 << 8;
    pub const GUILD_MESSAGES: u64 = 1 << 9;
    pub const GUILD_REACTIONS: u64 = 1 << 10;
    pub const DIRECT_MESSAGES: u64 = 1 << 12;
    pub const DIRECT_REACTIONS: u64 = 1 << 13;
    pub const MESSAGE_CONTENT: u64 = 1 << 15;
    /// Sent to every session.
    pub const NONE: u64 = 0;
    /// All bits that mean something.
    pub const KNOWN: u64 = (1 << 26) - 1;
}

const HEARTBEAT_INTERVAL_MS: u64 = 41_250;
/// Events that a session keeps for a resume.
const KEPT_EVENTS: usize = 8_000;
const KEPT_SESSIONS: usize = 8;
/// Under which name frames are kept.
const GATEWAY: &str = "gateway";

/// Something that the bot is told.
pub struct Happening {
    name: &'static str,
    need: u64,
    full: Value,
    bare: Option<Value>,
    id: Option<String>,
    note: Value,
}

impl Happening {
    /// An event for the sessions that have one of the intents of `need`.
    pub fn new(name: &'static str, need: u64, full: Value) -> Self {
        Self { name, need, full, bare: None, id: None, note: json!({}) }
    }

    /// What sessions without the message content get instead.
    pub fn bare(mut self, bare: Option<Value>) -> Self {
        self.bare = bare;
        self
    }

    /// The id by which the journal knows it.
    pub fn id(mut self, id: String) -> Self {
        self.id = Some(id);
        self
    }

    /// Further fields for the journal.
    pub fn note(mut self, note: Value) -> Self {
        join(&mut self.note, note);
        self
    }
}

/// All sessions.
#[derive(Default)]
pub struct Gateway {
    sessions: Vec<Session>,
    events: u64,
    connections: u64,
    /// What waits to be overtaken.
    held: Vec<Happening>,
}

struct Session {
    id: String,
    shard: Shard,
    intents: u64,
    seq: u64,
    /// The last event that was written to a socket.
    written: u64,
    kept: VecDeque<Arc<Kept>>,
    link: Option<Link>,
    /// It cannot be resumed.
    forgotten: bool,
}

struct Link {
    connection: u64,
    outgoing: mpsc::UnboundedSender<Out>,
    /// Events do not come by it.
    muted: bool,
}

struct Kept {
    seq: u64,
    frame: String,
    /// The journal's fields, unless the event is only the protocol's own.
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
    /// Number of identified connections.
    pub fn links(&self) -> usize {
        self.sessions.iter().filter(|session| session.link.is_some()).count()
    }

    /// Events that wait: not written yet, or missed by the session that may still be resumed.
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

    /// Events sent, or to be sent, to the connections that there are.
    pub fn sent(&self) -> u64 {
        self.sessions.iter().filter(|session| session.link.is_some()).map(|session| session.seq).sum()
    }

    /// Drops every connection without a word.
    pub fn cut_all(&mut self) {
        self.tell_all(|| Out::Cut);
    }

    /// No session that there is can be resumed any more.
    pub fn forget_all(&mut self) {
        self.sessions.retain(|session| session.link.is_some());
        self.sessions.iter_mut().for_each(|session| session.forgotten = true);
    }

    /// The connections that there are bring nothing more, and answer heartbeats.
    pub fn mute_all(&mut self) {
        self.sessions.iter_mut().filter_map(|session| session.link.as_mut()).for_each(|link| link.muted = true);
    }

    /// Every connection brings this now.
    pub fn bring(&mut self, nonsense: &Nonsense) {
        self.tell_all(|| Out::Nonsense(nonsense.clone()));
    }

    /// Asks every connection to come again.
    pub fn ask_reconnect(&mut self) {
        self.tell_all(|| Out::Plain(json!({ "op": 7, "d": null }).to_string()));
    }

    fn tell_all(&self, out: impl Fn() -> Out) {
        for link in self.sessions.iter().filter_map(|session| session.link.as_ref()) {
            // A connection that has just ended hears nothing, and need not.
            let _ = link.outgoing.send(out());
        }
    }

    fn session(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }
}

impl Session {
    fn push(&mut self, troubles: &mut Troubles, name: &str, data: &str, note: Option<Value>) {
        let left_out = troubles.leaves_out(name);
        if left_out == Some(false) {
            return;
        }
        let odd = troubles.odd_fields(name).map(|fields| with_fields(data, &fields));
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
    /// Tells every session that wants to hear it and has its guild; what was to be overtaken comes after it.
    pub fn dispatch(&mut self, happening: Happening) {
        if self.troubles.swaps > 0 {
            self.troubles.swaps -= 1;
            self.gateway.held.push(happening);
            return;
        }
        self.hand_out(&happening);
        self.release_overtaken();
    }

    /// Tells what waited to be overtaken.
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
        let times = if self.troubles.twice > 0 { 2 } else { 1 };
        self.troubles.twice = self.troubles.twice.saturating_sub(1);
        let full = happening.full.to_string();
        let bare = happening.bare.as_ref().map(Value::to_string);
        let mut note = json!({ "event": id, "type": happening.name });
        join(&mut note, happening.note.clone());
        for session in self.gateway.sessions.iter_mut().filter(|session| wants(session)) {
            let with_content = session.intents & intents::MESSAGE_CONTENT != 0;
            let data = if with_content { &full } else { bare.as_ref().unwrap_or(&full) };
            let first = session.seq;
            for _ in 0..times {
                session.push(&mut self.troubles, happening.name, data, Some(note.clone()));
            }
            if times == 2
                && let Some(second) = session.kept.iter().rev().find(|kept| kept.seq == first + 2)
            {
                second.attempts.store(1, Ordering::Relaxed);
            }
        }
    }

    /// The same, for something that happened in a channel, if the bot sees it.
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
        session.push(&mut self.troubles, "READY", &ready.to_string(), None);
        for guild in whole {
            session.push(&mut self.troubles, "GUILD_CREATE", &guild.to_string(), None);
        }
        if self.troubles.unsteady > 0
            && let Some(link) = &session.link
        {
            self.troubles.unsteady -= 1;
            session.forgotten = true;
            let _ = link.outgoing.send(Out::Close(4000, "Unknown error."));
        }
        self.gateway.sessions.push(session);
        self.log("connected", json!({ "session": id, "resumed": false, "shard": shard.number }));
        (id, connection)
    }

    /// Continues a session after `seq`; fails if that is not possible any more.
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
        session.push(&mut self.troubles, "RESUMED", r#"{"_trace":[]}"#, None);
        self.log("connected", json!({ "session": id, "resumed": true }));
        Some(connection)
    }

    /// Writes down that an event is handed over now.
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

    /// Whether the payload carries a token that is taken, with or without "Bot ".
    fn takes_token(&self, data: &Value) -> bool {
        let given = data["token"].as_str().map(|given| given.strip_prefix("Bot ").unwrap_or(given));
        given == Some(self.token.as_str()) && self.troubles.absence != Some(Absence::TokenRefused)
    }

    /// The application's flags; an app of one guild has its intents in the "limited" form.
    pub fn application_flags(&self) -> u64 {
        let content = if self.message_content { 1 << 19 } else { 0 };
        let members = if self.members_intent { 1 << 15 } else { 0 };
        content | members
    }
}

/// The parameters of the address.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    v: Option<String>,
    encoding: Option<String>,
    compress: Option<String>,
}

/// Takes a connection.
pub async fn upgrade(
    Extracted(shared): Extracted<Arc<Shared>>,
    Query(parameters): Query<Parameters>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if shared.with(|state| state.troubles.absence == Some(Absence::Down)) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade.on_upgrade(move |socket| async move {
        let (sender, outgoing) = mpsc::unbounded_channel();
        let connection = Connection { shared, socket, sender, session: None };
        connection.serve(&parameters, outgoing).await;
    })
}

struct Connection {
    shared: Arc<Shared>,
    socket: WebSocket,
    sender: mpsc::UnboundedSender<Out>,
    session: Option<(String, u64)>,
}

/// Why a connection ends.
enum End {
    Gone,
    Close(u16, &'static str),
}

#[derive(Deserialize)]
struct Incoming {
    op: u8,
    #[serde(default)]
    d: Value,
}

impl Connection {
    async fn serve(mut self, parameters: &Parameters, outgoing: mpsc::UnboundedReceiver<Out>) {
        let end = self.run(parameters, outgoing).await;
        if let Some((id, connection)) = &self.session {
            self.shared.with(|state| state.unlink(id, *connection));
        }
        if let End::Close(code, reason) = end {
            tracing::debug!(code, reason, "the gateway closes a connection");
            // The other side may have gone already.
            let _ = self.socket.send(Frame::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        }
    }

    async fn run(&mut self, parameters: &Parameters, mut outgoing: mpsc::UnboundedReceiver<Out>) -> End {
        if parameters.v.as_deref().is_some_and(|version| version != "10") {
            return End::Close(4012, "Invalid API version.");
        }
        if parameters.encoding.as_deref().is_some_and(|encoding| encoding != "json") || parameters.compress.is_some() {
            self.shared.with(|state| state.fault("gateway: this sandbox speaks uncompressed JSON only".to_owned()));
            return End::Close(4002, "Decode error.");
        }
        let hello = json!({ "op": 10, "s": null, "t": null, "d": { "heartbeat_interval": HEARTBEAT_INTERVAL_MS } });
        let greeting = self.shared.with(|state| {
            state.traffic.keep(Direction::ToBot, GATEWAY, || hello.clone());
            state.troubles.greetings.pop_front()
        });
        if self.socket.send(Frame::text(greeting.unwrap_or_else(|| hello.to_string()))).await.is_err() {
            return End::Gone;
        }
        let stop = self.shared.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return End::Close(1001, "Going away."),
                out = outgoing.recv() => match out {
                    Some(Out::Event(kept)) => {
                        if kept.note.is_some()
                            && let Some(by) = self.shared.with(|state| state.troubles.late.pop_front())
                        {
                            tokio::time::sleep(by).await;
                        }
                        if let Some((id, _)) = &self.session {
                            self.shared.with(|state| state.hand_over(id, &kept));
                        }
                        if self.socket.send(Frame::text(kept.frame.clone())).await.is_err() {
                            return End::Gone;
                        }
                    }
                    Some(Out::Plain(text)) => {
                        self.shared.with(|state| state.traffic.keep(Direction::ToBot, GATEWAY, || frame_json(&text)));
                        if self.socket.send(Frame::text(text)).await.is_err() {
                            return End::Gone;
                        }
                    }
                    Some(Out::Nonsense(nonsense)) => {
                        let end = matches!(nonsense, Nonsense::Close(_));
                        let frame = match nonsense {
                            Nonsense::Text(text) => Frame::text(text),
                            Nonsense::Binary(bytes) => Frame::binary(bytes),
                            Nonsense::Close(code) => {
                                Frame::Close(code.map(|code| CloseFrame { code, reason: "".into() }))
                            }
                        };
                        if self.socket.send(frame).await.is_err() || end {
                            return End::Gone;
                        }
                    }
                    Some(Out::Close(code, reason)) => return End::Close(code, reason),
                    Some(Out::Cut) | None => return End::Gone,
                },
                incoming = self.socket.recv() => match incoming {
                    Some(Ok(Frame::Text(text))) => match serde_json::from_str(&text) {
                        Ok(incoming) => {
                            self.shared.with(|state| state.traffic.keep(Direction::FromBot, GATEWAY, || frame_json(&text)));
                            self.take(incoming);
                        }
                        Err(_) => return End::Close(4002, "Error while decoding payload."),
                    },
                    Some(Ok(Frame::Binary(_))) => return End::Close(4002, "Error while decoding payload."),
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return End::Gone,
                },
            }
        }
    }

    fn take(&mut self, incoming: Incoming) {
        match (incoming.op, self.session.is_some()) {
            (1, _) => self.reply(json!({ "op": 11 })),
            (2, false) => self.take_identify(&incoming.d),
            (6, false) => self.take_resume(&incoming.d),
            (2 | 6, true) => self.close(4005, "Already authenticated."),
            (3 | 4 | 8, false) => self.close(4003, "Not authenticated."),
            (3 | 4, true) => {}
            (8, true) => self.take_request_members(&incoming.d),
            _ => self.close(4001, "Unknown opcode."),
        }
    }

    fn take_identify(&mut self, data: &Value) {
        let Some(wanted) = data["intents"].as_u64().filter(|wanted| wanted & !intents::KNOWN == 0) else {
            return self.close(4013, "Invalid intent(s).");
        };
        if !data["properties"].is_object() {
            return self.close(4002, "Error while decoding payload.");
        }
        let Some(shard) = Shard::asked_for(data) else { return self.close(4010, "Invalid shard.") };
        let sender = self.sender.clone();
        let identified = self.shared.with(|state| {
            if !state.takes_token(data) {
                return Err((4004, "Authentication failed."));
            }
            let members = if state.members_intent { intents::GUILD_MEMBERS } else { 0 };
            let content = if state.message_content { intents::MESSAGE_CONTENT } else { 0 };
            let privileged = intents::GUILD_MEMBERS | intents::GUILD_PRESENCES | intents::MESSAGE_CONTENT;
            if wanted & privileged & !(members | content) != 0 {
                return Err((4014, "Disallowed intent(s)."));
            }
            if !state.takes_session() {
                state.fault("gateway: more sessions begun than are left: the token is reset".to_owned());
                state.leave(Some(Absence::TokenRefused));
                return Err((4004, "Authentication failed."));
            }
            Ok(state.identify(wanted, shard, sender))
        });
        match identified {
            Ok(session) => self.session = Some(session),
            Err((code, reason)) => self.close(code, reason),
        }
    }

    fn take_resume(&mut self, data: &Value) {
        let id = data["session_id"].as_str().unwrap_or_default();
        let seq = data["seq"].as_u64().unwrap_or(u64::MAX);
        let sender = self.sender.clone();
        let resumed = self.shared.with(|state| {
            if !state.takes_token(data) {
                return Err((4004, "Authentication failed."));
            }
            Ok(state.resume(id, seq, sender))
        });
        match resumed {
            Ok(Some(connection)) => self.session = Some((id.to_owned(), connection)),
            Ok(None) => self.reply(json!({ "op": 9, "d": false })),
            Err((code, reason)) => self.close(code, reason),
        }
    }

    fn take_request_members(&self, data: &Value) {
        let asked: Vec<u64> = ids_of(&data["user_ids"]);
        let guild = ids_of(&data["guild_id"]).first().copied();
        let reply = self.shared.with(|state| {
            let guild = guild.and_then(|guild| state.guild_with(guild)).map_or(state.guild, |guild| guild.id);
            if asked.is_empty() && !state.members_intent {
                state.fault("gateway: all members requested without the members intent".to_owned());
                return None;
            }
            let known: Vec<u64> = if asked.is_empty() { state.people.clone() } else { asked.clone() };
            let (found, missing): (Vec<u64>, Vec<u64>) =
                known.into_iter().partition(|user| state.users.contains_key(user));
            let members: Vec<Value> = found.iter().map(|user| state.member_json(guild, *user, true)).collect();
            let missing: Vec<String> = missing.iter().map(u64::to_string).collect();
            Some(json!({
                "guild_id": guild.to_string(), "members": members, "chunk_index": 0, "chunk_count": 1,
                "not_found": missing, "presences": [], "nonce": data["nonce"],
            }))
        });
        if let (Some(reply), Some((id, _))) = (reply, &self.session) {
            self.shared.with(|state| {
                if let Some(session) = state.gateway.sessions.iter_mut().find(|session| session.id == *id) {
                    session.push(&mut state.troubles, "GUILD_MEMBERS_CHUNK", &reply.to_string(), None);
                }
            });
        }
    }

    fn reply(&self, frame: Value) {
        let _ = self.sender.send(Out::Plain(frame.to_string()));
    }

    fn close(&self, code: u16, reason: &'static str) {
        let _ = self.sender.send(Out::Close(code, reason));
    }
}

/// An event with further fields; of two with one name the later one counts.
fn with_fields(data: &str, fields: &str) -> String {
    data.strip_suffix('}').map_or_else(|| data.to_owned(), |data| format!("{data},{fields}}}"))
}

fn frame_json(frame: &str) -> Value {
    serde_json::from_str(frame).unwrap_or_default()
}

fn ids_of(value: &Value) -> Vec<u64> {
    let number = |value: &Value| value.as_str().and_then(|id| id.parse().ok()).or(value.as_u64());
    match value {
        Value::Array(list) => list.iter().filter_map(number).collect(),
        single => number(single).into_iter().collect(),
    }
}
