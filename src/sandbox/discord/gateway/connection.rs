//! One connection of the Gateway: the frames that the bot sends, and the answers.

use super::GATEWAY;
use super::HEARTBEAT_INTERVAL_MS;
use super::Out;
use super::intents;
use crate::clock::real;
use crate::sandbox::Absence;
use crate::sandbox::Nonsense;
use crate::sandbox::discord::Shared;
use crate::sandbox::discord::shards::Shard;
use crate::sandbox::traffic::Direction;
use axum::extract::Query;
use axum::extract::State as Extracted;
use axum::extract::ws::CloseFrame;
use axum::extract::ws::Message as Frame;
use axum::extract::ws::WebSocket;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The query parameters of the address.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    v: Option<String>,
    encoding: Option<String>,
    compress: Option<String>,
}

/// Accepts a WebSocket of the bot, and serves it until it ends. Refuses with 503 while Discord is down.
pub async fn upgrade(
    Extracted(shared): Extracted<Arc<Shared>>,
    Query(parameters): Query<Parameters>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if shared.with(|state| state.faults.absence == Some(Absence::Down)) {
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
            // Sending fails if the other side has closed the connection already.
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
            state.faults.greetings.pop_front()
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
                            && let Some(by) = self.shared.with(|state| state.faults.late.pop_front())
                        {
                            real::sleep(by).await;
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
            if !state.count_session() {
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
                    session.push(&mut state.faults, "GUILD_MEMBERS_CHUNK", &reply.to_string(), None);
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

/// Returns an event with further fields. Of two fields of the same name, the later one counts.
pub(super) fn with_fields(data: &str, fields: &str) -> String {
    data.strip_suffix('}').map_or_else(|| data.to_owned(), |data| format!("{data},{fields}}}"))
}

pub(super) fn frame_json(frame: &str) -> Value {
    serde_json::from_str(frame).unwrap_or_default()
}

fn ids_of(value: &Value) -> Vec<u64> {
    let number = |value: &Value| value.as_str().and_then(|id| id.parse().ok()).or(value.as_u64());
    match value {
        Value::Array(list) => list.iter().filter_map(number).collect(),
        single => number(single).into_iter().collect(),
    }
}
