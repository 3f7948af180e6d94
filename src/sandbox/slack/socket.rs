//! Socket Mode, with one task for each connection (<https://docs.slack.dev/apis/events-api/using-socket-mode/>).
//!
//! An app has at most ten connections. A further one gets `too_many_websockets` instead of the hello, and is closed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::sync::mpsc;

use super::Core;
use super::delivery::Out;
use crate::clock::real;
use crate::sandbox::{Absence, Nonsense};

/// How often the server pings, in real time.
const PING: Duration = Duration::from_secs(10);

/// The frame for a connection beyond the limit.
const TOO_MANY: &str =
    r#"{"type":"disconnect","reason":"too_many_websockets","debug_info":{"host":"applink-sandbox"}}"#;

/// Answers the request for a socket. A ticket from `apps.connections.open` opens one socket.
pub(super) async fn link(
    State(core): State<Arc<Core>>,
    Query(query): Query<HashMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    match core.absence("link") {
        Some(Absence::Down) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Absence::TokenRefused) => return StatusCode::UNAUTHORIZED.into_response(),
        Some(Absence::Intercepted { .. }) | None => {}
    }
    if !query.get("ticket").is_some_and(|ticket| core.hub.admit(ticket)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    upgrade.on_upgrade(move |socket| async move {
        core.hub.count_tasks(|count| *count += 1);
        serve(&core, socket).await;
        core.hub.count_tasks(|count| *count -= 1);
    })
}

async fn serve(core: &Arc<Core>, mut socket: WebSocket) {
    let (sender, mut orders) = mpsc::unbounded_channel();
    let Some(id) = core.socket_opened(sender) else {
        let _ = socket.send(Message::Text(TOO_MANY.into())).await;
        let _ = socket.send(farewell(Some(1000))).await;
        return;
    };
    let mut ping = real::interval(PING);
    ping.tick().await;
    loop {
        let sent = tokio::select! {
            () = core.stop.cancelled() => break,
            order = orders.recv() => match order {
                Some(Out::Frame(frame)) => socket.send(Message::Text(frame.into())).await,
                Some(Out::Nonsense(Nonsense::Text(text))) => socket.send(Message::Text(text.into())).await,
                Some(Out::Nonsense(Nonsense::Binary(bytes))) => socket.send(Message::Binary(bytes.into())).await,
                Some(Out::Nonsense(Nonsense::Close(code))) => {
                    let _ = socket.send(farewell(code)).await;
                    break;
                }
                Some(Out::Close) => {
                    let _ = socket.send(farewell(Some(1000))).await;
                    break;
                }
                Some(Out::Cut) | None => break,
            },
            _ = ping.tick() => socket.send(Message::Ping("sandbox".into())).await,
            frame = socket.recv() => match frame {
                Some(Ok(Message::Text(text))) => {
                    heard(core, &text);
                    Ok(())
                }
                Some(Ok(Message::Binary(_))) => {
                    core.fault("socket: a binary frame");
                    Ok(())
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        };
        if sent.is_err() {
            break;
        }
    }
    core.socket_closed(id);
}

fn farewell(code: Option<u16>) -> Message {
    Message::Close(code.map(|code| CloseFrame { code, reason: "".into() }))
}

fn heard(core: &Core, text: &str) {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    match frame["envelope_id"].as_str() {
        Some(envelope) => core.acknowledged(envelope, frame.get("payload").cloned()),
        None => core.fault("socket: a frame that is no acknowledgement"),
    }
}
