//! Slack over HTTP: events, interactions and commands, each signed.
//!
//! No content of a request is used before its signature is verified
//! (<https://docs.slack.dev/authentication/verifying-requests-from-slack>).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Workspace;
use crate::clock::Clock;
use crate::domain::ids::PlatformName;
use crate::domain::limits::slack as limits;
use crate::health::{Health, Kind};
use crate::intake::{Intake, StoreError};
use crate::metrics;
use crate::platform::lenient;

/// The longest body that is read: more than Slack ever sends.
const BODY_BYTES: usize = 1024 * 1024;
/// The largest number of bytes of all bodies that are held at once.
const UNDER_WAY_BYTES: usize = 16 * BODY_BYTES;
/// How long a cancelled request may take to give back the bytes that it reserved.
const ROOM_WITHIN: Duration = Duration::from_millis(50);
/// How long reading a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the routes that Slack calls.
pub(super) fn routes(workspace: Arc<Workspace>, intake: Intake, health: Health) -> axum::Router {
    axum::Router::new()
        .route("/slack/events", post(events))
        .route("/slack/interactions", post(interactions))
        .route("/slack/commands", post(commands))
        .layer(DefaultBodyLimit::disable())
        .with_state(Door {
            workspace,
            intake,
            health,
            refused: Arc::default(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_BYTES)),
            open_bodies: OpenBodies::default(),
        })
}

#[derive(Clone)]
struct Door {
    /// A permit for each byte of a body that may still be held.
    under_way: Arc<Semaphore>,
    open_bodies: OpenBodies,
    workspace: Arc<Workspace>,
    intake: Intake,
    health: Health,
    refused: Arc<Refused>,
}

/// Counts and logs a request whose body exceeds [`UNDER_WAY_BYTES`]. Returns its status.
fn full() -> StatusCode {
    metrics::door_refusal(PlatformName::Slack, "full");
    tracing::warn!(
        "a request at the port is refused: too much is under way at once; Slack repeats it, or tells its person"
    );
    StatusCode::SERVICE_UNAVAILABLE
}

/// The bodies that are being read, oldest first.
#[derive(Clone, Default)]
struct OpenBodies(Arc<Mutex<Bodies>>);

#[derive(Default)]
struct Bodies {
    next: u64,
    /// The tokens that cancel the reading, by a number that grows.
    leave: BTreeMap<u64, CancellationToken>,
}

/// Keeps one body registered as being read until it is dropped.
struct Reader {
    all: OpenBodies,
    number: u64,
}

impl OpenBodies {
    fn push(&self, leave: CancellationToken) -> Reader {
        let mut bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.next += 1;
        let number = bodies.next;
        bodies.leave.insert(number, leave);
        Reader { all: self.clone(), number }
    }

    /// Removes and returns the token of the body that has been read for the longest time.
    fn pop(&self) -> Option<CancellationToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).leave.pop_first().map(|(_, leave)| leave)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).leave.remove(&self.number);
    }
}

/// Counts requests refused since the last accepted one.
#[derive(Default)]
struct Refused {
    count: AtomicU32,
    /// When refusals were last logged, in seconds of the clock.
    logged_s: AtomicI64,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unproven {
    /// The request names no signature or no time.
    Unsigned,
    /// The request was signed with another secret or altered, or its signature or time is malformed.
    Forged,
    /// The time of the request is this many seconds ago; negative if it is in the future. The signature was not
    /// verified.
    Stale(i64),
}

/// The number of refusals in a row that raises the condition `door`.
const REFUSALS: u32 = 3;
/// How often refusals are logged, in seconds.
const LOG_EVERY_S: i64 = 60;

async fn events(State(door): State<Door>, request: Request) -> Response {
    let (body, _room) = match door.admit(request).await {
        Ok(admitted) => admitted,
        Err(status) => return status.into_response(),
    };
    let Some(payload) = lenient::json(&body) else {
        metrics::unreadable(PlatformName::Slack);
        tracing::warn!(bytes = body.len(), "a request at the port cannot be read: it is refused with status 400");
        return StatusCode::BAD_REQUEST.into_response();
    };
    if payload["type"] == "url_verification" {
        return Json(json!({"challenge": payload["challenge"]})).into_response();
    }
    let end = door.workspace.handle_payload(&payload, &door.intake).await.map(|()| None);
    door.workspace.received.fetch_add(1, Ordering::Release);
    answer(end)
}

async fn interactions(State(door): State<Door>, request: Request) -> Response {
    let (body, _room) = match door.admit(request).await {
        Ok(admitted) => admitted,
        Err(status) => return status.into_response(),
    };
    let payload = form(&body).get("payload").and_then(Value::as_str).and_then(|text| lenient::json(text.as_bytes()));
    let Some(payload) = payload else { return StatusCode::BAD_REQUEST.into_response() };
    let end = door.workspace.act(&payload, &door.intake).await;
    door.workspace.received.fetch_add(1, Ordering::Release);
    answer(end)
}

async fn commands(State(door): State<Door>, request: Request) -> Response {
    let (body, _room) = match door.admit(request).await {
        Ok(admitted) => admitted,
        Err(status) => return status.into_response(),
    };
    let end = door.workspace.handle_command(&Value::Object(form(&body)), &door.intake).await.map(|()| None);
    door.workspace.received.fetch_add(1, Ordering::Release);
    answer(end)
}

impl Door {
    /// Returns the body of a request that is from Slack and recent, with the permit for its bytes. The body is read
    /// only if the headers name a signature and a recent time, and if its bytes can be reserved.
    async fn admit(&self, request: Request) -> Result<(Bytes, OwnedSemaphorePermit), StatusCode> {
        let (head, body) = request.into_parts();
        if let Err(why) = proof(&head.headers, &self.workspace.clock) {
            self.refuse(why);
            return Err(StatusCode::UNAUTHORIZED);
        }
        let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > BODY_BYTES) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let bytes = u32::try_from(length.unwrap_or(BODY_BYTES)).unwrap_or(u32::MAX);
        let room = self.room(bytes).await.ok_or_else(full)?;
        let leave = CancellationToken::new();
        let registered = self.open_bodies.push(leave.clone());
        let read = tokio::select! {
            read = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, BODY_BYTES)) => read,
            () = leave.cancelled() => return Err(full()),
        };
        drop(registered);
        let body = match read {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
        };
        if self.is_signed(&head.headers, &body) { Ok((body, room)) } else { Err(StatusCode::UNAUTHORIZED) }
    }

    /// Reserves bytes for a body. If too few are left, cancels the requests whose bodies have been arriving for the
    /// longest time, since Slack sends a body at once. Returns `None` if that frees too few.
    async fn room(&self, bytes: u32) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(room) = Arc::clone(&self.under_way).try_acquire_many_owned(bytes) {
                return Some(room);
            }
            let left = self.open_bodies.pop()?;
            left.cancel();
            // A cancelled request gives its bytes back in a moment.
            let next = Arc::clone(&self.under_way).acquire_many_owned(bytes);
            if let Ok(room) = tokio::time::timeout(ROOM_WITHIN, next).await {
                return room.ok();
            }
        }
    }

    /// Whether a request is from Slack and recent.
    fn is_signed(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let Some(secret) = &self.workspace.signing_secret else { return false };
        let Err(why) = prove(secret, headers, body, &self.workspace.clock) else {
            if self.refused.count.swap(0, Ordering::Relaxed) > 0 {
                self.health.clear(PlatformName::Slack, Kind::Door);
            }
            return true;
        };
        self.refuse(why);
        false
    }

    /// Counts and reports a refusal: with a wrong secret or a wrong clock the bot receives nothing from Slack.
    fn refuse(&self, why: Unproven) {
        let now = self.workspace.clock.now();
        let (name, told) = match why {
            Unproven::Unsigned => ("unsigned", "it is not signed, so it is not from Slack".to_owned()),
            Unproven::Forged => ("forged", "the signature is wrong: see slack.signing_secret".to_owned()),
            Unproven::Stale(by_s) => {
                ("stale", format!("its time is {by_s} s from this machine's: see this machine's clock"))
            }
        };
        metrics::door_refusal(PlatformName::Slack, name);
        let count = self.refused.count.fetch_add(1, Ordering::Relaxed) + 1;
        if now.as_second() - self.refused.logged_s.load(Ordering::Relaxed) >= LOG_EVERY_S {
            self.refused.logged_s.store(now.as_second(), Ordering::Relaxed);
            tracing::warn!(why = name, told, refused = count, "a request at the port is refused");
        }
        // Anybody who finds the port can send unsigned requests, so these raise no condition.
        if count >= REFUSALS && why != Unproven::Unsigned {
            self.health.raise(PlatformName::Slack, Kind::Door, told, now);
        }
    }
}

/// Whether the request is from Slack and recent.
pub(super) fn is_signed(secret: &SecretString, headers: &HeaderMap, body: &[u8], clock: &Clock) -> bool {
    prove(secret, headers, body, clock).is_ok()
}

/// Returns the time and the signature that a request names, if the time is recent. The signature is not verified.
fn proof<'h>(headers: &'h HeaderMap, clock: &Clock) -> Result<(&'h str, Vec<u8>), Unproven> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(stamp), Some(signature)) = (header("x-slack-request-timestamp"), header("x-slack-signature")) else {
        return Err(Unproven::Unsigned);
    };
    let (Some(Ok(signature)), Ok(sent)) = (signature.strip_prefix("v0=").map(hex::decode), stamp.parse::<i64>()) else {
        return Err(Unproven::Forged);
    };
    let now = clock.now().as_second();
    if now.abs_diff(sent) <= limits::SIGNATURE_WINDOW.as_secs() {
        Ok((stamp, signature))
    } else {
        Err(Unproven::Stale(now.saturating_sub(sent)))
    }
}

/// Verifies that the request is signed by Slack and recent.
pub(super) fn prove(secret: &SecretString, headers: &HeaderMap, body: &[u8], clock: &Clock) -> Result<(), Unproven> {
    let (stamp, signature) = proof(headers, clock)?;
    let secret = secret.expose_secret().as_bytes();
    if secret.is_empty() {
        return Err(Unproven::Forged);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Unproven::Forged)?;
    for part in [b"v0:", stamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    // `verify_slice` takes constant time, so that its duration does not reveal a part of the right signature.
    mac.verify_slice(&signature).map_err(|_| Unproven::Forged)
}

/// Returns the fields of a form-encoded body.
pub(super) fn form(body: &[u8]) -> Map<String, Value> {
    url::form_urlencoded::parse(body)
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect()
}

/// Turns a result into a response. An event that was not committed is not acknowledged: Slack sends it again, or (for
/// an interaction) tells the person that it failed.
fn answer(handled: Result<Option<Value>, StoreError>) -> Response {
    match handled {
        Ok(Some(body)) => Json(body).into_response(),
        Ok(None) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::warn!(
                %error,
                "a request could not be stored: Slack sends it again, or tells its person that it failed"
            );
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    const BODY: &[u8] = b"test-body";

    fn headers(stamp: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-slack-request-timestamp", stamp.parse().expect("a header"));
        headers.insert("x-slack-signature", signature.parse().expect("a header"));
        headers
    }

    /// The example from the SDK's own tests.
    fn right() -> HeaderMap {
        headers("1531420618", "v0=baa91ef62d346e56607bbdd278a8acd570b91226854f15a382f43d33be42f666")
    }

    #[test]
    fn only_what_slack_signed_lately_is_taken() {
        let secret = SecretString::from("fa2c05deeef5a4077494e89f54394de0");
        let at = |secs: i64| Clock::starting_at(Timestamp::from_second(1_531_420_618 + secs).expect("a time"), 0.0);
        let clock = at(2);
        assert!(is_signed(&secret, &right(), BODY, &clock));
        assert!(is_signed(&secret, &right(), BODY, &at(300)));
        assert!(is_signed(&secret, &right(), BODY, &at(-300)));
        clock.advance(Duration::from_secs(299));
        assert!(!is_signed(&secret, &right(), BODY, &clock), "stale");
        assert!(!is_signed(&secret, &right(), BODY, &at(-301)), "from the future");
        assert!(!is_signed(&secret, &right(), b"test-bodY", &at(0)), "another body");
        assert!(!is_signed(&SecretString::from("other"), &right(), BODY, &at(0)), "another secret");
        assert!(!is_signed(&SecretString::from(""), &right(), BODY, &at(0)), "no secret");
        assert!(!is_signed(&secret, &HeaderMap::new(), BODY, &at(0)), "unsigned");
        for signature in ["v0=", "v0=00", "v1=baa91ef62d346e56607bbdd278a8acd570b91226854f15a382f43d33be42f666", "junk"]
        {
            assert!(!is_signed(&secret, &headers("1531420618", signature), BODY, &at(0)), "{signature}");
        }
        assert!(!is_signed(&secret, &headers("-9223372036854775808", "v0=00"), BODY, &at(0)));
    }
}
