//! One connection to Discord's gateway, from its HELLO to its end. It passes each dispatch on without interpreting it.
//!
//! No library does this. serenity returns only its own types, and drops events that do not fit them. `twilight-gateway`
//! 0.18 returns the text of a frame, but it reconnects by itself, at once and without end, to any address that READY
//! has named, before the caller can check it. So neither a growing wait between connections could be ensured, nor that
//! the token goes to no other host. It also takes a sequence number from the first `"s":` in a frame. The protocol
//! itself is small: the greeting, heartbeats, and reading one object.
//!
//! Sources: <https://docs.discord.com/developers/events/gateway>, `…/topics/opcodes-and-status-codes#gateway`.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use serenity::model::gateway::GatewayIntents;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use crate::clock::real;
use crate::platform::lenient;

/// The longest frame, in bytes: a large guild arrives in a single frame.
const FRAME_BYTES: usize = 64 << 20;
/// How long closing the connection may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// The code for closing a connection whose session is to be resumed.
const TO_BE_RESUMED: u16 = 4_000;

/// Close codes of Discord after which the same attempt would be refused again.
pub(super) mod refused {
    /// The token is not valid.
    pub(crate) const TOKEN: u16 = 4_004;
    /// There is no such shard, or there must be more of them.
    pub(crate) const SHARD: u16 = 4_010;
    pub(crate) const TOO_FEW_SHARDS: u16 = 4_011;
    /// Another version of the API is asked for.
    pub(crate) const VERSION: u16 = 4_012;
    /// An intent does not exist, or was not granted.
    pub(crate) const INTENTS_UNKNOWN: u16 = 4_013;
    pub(crate) const INTENTS_NOT_GRANTED: u16 = 4_014;
}

/// Close codes after which the session is gone.
const SESSION_GONE: [u16; 2] = [4_007, 4_009];

/// The state with which a connection continues where another one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) id: String,
    /// The address for resuming, if the token may be sent there.
    pub(super) url: Option<String>,
    /// The number of the last dispatch that was passed on.
    pub(super) seq: u64,
}

/// A dispatch: the gateway's report of an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dispatch {
    pub(super) seq: Option<u64>,
    pub(super) name: String,
    pub(super) data: Value,
}

/// What a frame of the gateway reports, if it is not about the connection itself.
#[derive(Debug)]
pub(super) enum Received {
    Dispatch(Dispatch),
    /// A frame that is not JSON, or has no opcode, or is a dispatch without a name.
    Unreadable,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The connection was closed with this code; `None` if it was cut off or silent, or if Discord asked to reconnect.
    Closed(Option<u16>),
    /// Discord does not know the session, or does not allow resuming it.
    SessionGone,
}

impl CloseReason {
    /// Whether the session cannot be resumed.
    pub(super) fn is_for_good(self) -> bool {
        match self {
            Self::SessionGone => true,
            Self::Closed(code) => code.is_some_and(|code| SESSION_GONE.contains(&code)),
        }
    }
}

/// The data with which a connection identifies itself.
#[derive(Debug)]
pub(super) struct Identity<'t> {
    /// The token, without a leading `Bot `.
    pub(super) token: &'t str,
    pub(super) intents: GatewayIntents,
    pub(super) shard: u32,
    pub(super) shards: u32,
}

/// An open connection to the gateway with its heartbeat. A session was begun or resumed on it.
pub(super) struct Link {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    interval: Duration,
    beat_at: Instant,
    /// Whether nothing has arrived since the last heartbeat.
    is_unanswered: bool,
    /// The number of the last dispatch that arrived.
    seq: Option<u64>,
}

impl Link {
    /// Connects, and begins or resumes a session. `None` if Discord cannot be reached or sends no HELLO.
    pub(super) async fn open(
        address: &str,
        identity: &Identity<'_>,
        resume: Option<&Session>,
        patience: Duration,
    ) -> Option<Self> {
        let url = with_version(address)?;
        let opened = async {
            let limits =
                WebSocketConfig::default().max_message_size(Some(FRAME_BYTES)).max_frame_size(Some(FRAME_BYTES));
            let (socket, _) = connect_async_with_config(url.as_str(), Some(limits), true).await.ok()?;
            let now = real::now();
            let seq = resume.map(|session| session.seq);
            let mut link = Self { socket, interval: Duration::MAX, beat_at: now, is_unanswered: false, seq };
            link.interval = link.greeted().await?;
            link.beat_at = now + link.interval.mul_f64(real::random::<f64>());
            let hello = match resume {
                Some(Session { id, seq, .. }) => {
                    json!({ "op": 6, "d": { "token": identity.token, "session_id": id, "seq": seq } })
                }
                None => json!({ "op": 2, "d": {
                    "token": identity.token, "intents": identity.intents.bits(), "shard": [identity.shard, identity.shards],
                    "properties": { "os": std::env::consts::OS, "browser": "deskbell", "device": "deskbell" },
                } }),
            };
            link.send(&hello).await?;
            Some(link)
        };
        timeout(patience, opened).await.ok().flatten()
    }

    /// Waits for HELLO. Returns the interval of the heartbeats.
    async fn greeted(&mut self) -> Option<Duration> {
        loop {
            let text = match self.socket.next().await?.ok()? {
                Frame::Text(text) => text,
                Frame::Ping(_) | Frame::Pong(_) => continue,
                _ => return None,
            };
            let hello = lenient::json(text.as_bytes()).filter(|frame| frame["op"] == 10)?;
            let interval = hello["d"]["heartbeat_interval"].as_u64().filter(|interval| *interval > 0)?;
            return Some(Duration::from_millis(interval));
        }
    }

    /// Passes incoming frames on until the connection ends.
    pub(super) async fn listen(&mut self, mut hear: impl FnMut(Received)) -> CloseReason {
        loop {
            let frame = tokio::select! {
                frame = self.socket.next() => frame,
                () = real::sleep_until(self.beat_at) => {
                    // Any incoming frame counts as an answer.
                    if self.is_unanswered || self.beat().await.is_none() {
                        return CloseReason::Closed(None);
                    }
                    continue;
                }
            };
            let payload = match frame {
                Some(Ok(Frame::Text(text))) => lenient::json(text.as_bytes()),
                Some(Ok(Frame::Binary(bytes))) => lenient::json(&bytes),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => continue,
                Some(Ok(Frame::Close(frame))) => return CloseReason::Closed(frame.map(|frame| frame.code.into())),
                Some(Err(_)) | None => return CloseReason::Closed(None),
            };
            self.is_unanswered = false;
            let Some(mut payload) = payload else {
                hear(Received::Unreadable);
                continue;
            };
            match payload["op"].as_u64() {
                Some(0) => {
                    let (seq, name) = (payload["s"].as_u64(), payload["t"].as_str().map(str::to_owned));
                    self.seq = self.seq.max(seq);
                    hear(match name {
                        Some(name) => Received::Dispatch(Dispatch { seq, name, data: payload["d"].take() }),
                        None => Received::Unreadable,
                    });
                }
                Some(1) => {
                    if self.beat().await.is_none() {
                        return CloseReason::Closed(None);
                    }
                }
                Some(7) => return CloseReason::Closed(None),
                Some(9) => {
                    return if payload["d"] == true { CloseReason::Closed(None) } else { CloseReason::SessionGone };
                }
                Some(_) => {}
                None => hear(Received::Unreadable),
            }
        }
    }

    /// Closes the connection and ends the session for good.
    pub(super) async fn say_goodbye(self) {
        self.close(CloseCode::Normal).await;
    }

    /// Closes the connection; the session can be resumed.
    pub(super) async fn break_off(self) {
        self.close(CloseCode::Library(TO_BE_RESUMED)).await;
    }

    async fn close(mut self, code: CloseCode) {
        let farewell = async {
            // The other side may be gone already.
            let _ = self.socket.close(Some(CloseFrame { code, reason: "".into() })).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = timeout(GOODBYE, farewell).await;
    }

    async fn beat(&mut self) -> Option<()> {
        self.beat_at = real::now() + self.interval;
        self.is_unanswered = true;
        self.send(&json!({ "op": 1, "d": self.seq })).await
    }

    async fn send(&mut self, frame: &Value) -> Option<()> {
        self.socket.send(Frame::text(frame.to_string())).await.ok()
    }
}

/// Returns the address with the API version and encoding used here.
fn with_version(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "ws" | "wss"))?;
    url.query_pairs_mut().clear().append_pair("v", "10").append_pair("encoding", "json");
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_what_is_spoken() {
        let with = |address| with_version(address).map(String::from);
        let real = Some("wss://gateway.discord.gg/?v=10&encoding=json".to_owned());
        assert_eq!(with("wss://gateway.discord.gg"), real);
        assert_eq!(with("wss://gateway.discord.gg/?v=9"), real);
        assert_eq!(with("ws://127.0.0.1:4/gateway"), Some("ws://127.0.0.1:4/gateway?v=10&encoding=json".to_owned()));
        for none in ["", "gateway", "https://discord.gg", "file:///tmp/x"] {
            assert_eq!(with(none), None, "{none}");
        }
    }

    #[test]
    fn what_ends_a_session_is_known() {
        assert!(CloseReason::SessionGone.is_for_good());
        assert!(CloseReason::Closed(Some(4_009)).is_for_good());
        assert!(!CloseReason::Closed(Some(1_001)).is_for_good());
        assert!(!CloseReason::Closed(None).is_for_good());
    }
}
