//! The HTTP ports of the bot. One is for operators: liveness, readiness with details, and metrics. In HTTP mode another
//! one takes Slack's requests. It also answers liveness, and readiness without details.
//!
//! No answer is a page, so the headers of every answer forbid browsers to frame or cache it, to guess its type, or to
//! load anything for it.

mod serve;

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use http_body_util::Limited;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tower::ServiceExt as _;
use url::{Host, Url};

use crate::clock::real;
use crate::health::{Check, Condition, Health};
use crate::metrics;

pub use self::serve::serve;

/// The longest body of a request. Slack's longest requests (forms with their view) are far shorter.
pub const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// The time limit of a health check.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a test write may take before the database counts as away.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the result of a test write is used again, so that frequent health checks share one write.
const STORED_LATELY: Duration = Duration::from_millis(500);

/// A test write: returns whether the database accepts writes now.
pub type WriteProbe = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The state from which the ports answer. Clones share it.
#[derive(Clone, Default)]
pub struct Port {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    health: Health,
    write_probe: OnceLock<WriteProbe>,
    /// When the last test write was made, and whether it succeeded.
    stored: Mutex<Option<(Instant, bool)>>,
    /// Whether a platform's requests arrive at this port.
    takes_requests: bool,
    /// The routes for these requests, once their platform is connected.
    routes: OnceLock<Router>,
}

impl Port {
    /// Creates the state of a port that reports `health`. `takes_requests` says whether a platform's requests arrive at
    /// it.
    #[must_use]
    pub fn new(health: Health, takes_requests: bool) -> Self {
        Self { inner: Arc::new(Inner { health, takes_requests, ..Inner::default() }) }
    }

    /// Sets the test write, once the database is open.
    pub fn set_write_probe(&self, write_probe: WriteProbe) {
        // A second call changes nothing.
        let _ = self.inner.write_probe.set(write_probe);
    }

    /// Sets the routes for the platform's requests, once it is connected.
    pub fn set_routes(&self, routes: Router) {
        // A second call changes nothing.
        let _ = self.inner.routes.set(routes);
    }

    /// Whether this process can store a request now: a test write succeeds, and, if requests arrive at this port, their
    /// routes are set.
    pub async fn is_ready(&self) -> bool {
        let Inner { write_probe, stored, takes_requests, routes, .. } = &*self.inner;
        let Some(write_probe) = write_probe.get() else { return false };
        if *takes_requests && routes.get().is_none() {
            return false;
        }
        let mut stored = stored.lock().await;
        if let Some((at, could)) = *stored
            && at.elapsed() < STORED_LATELY
        {
            return could;
        }
        let could = tokio::time::timeout(STORE_TIMEOUT, write_probe()).await.unwrap_or(false);
        *stored = Some((real::now(), could));
        could
    }
}

/// Returns the routes for operators: `/healthz`, `/readyz` with details, and `/metrics`.
pub fn own_router(port: Port) -> Router {
    let metrics = get(|| async { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render()) });
    with_limits_and_headers(port, Router::new().route("/readyz", get(ready)).route("/metrics", metrics))
}

/// Returns the routes of the port that is open to anybody: the platform's own routes once it is connected, `/healthz`,
/// and `/readyz` with only yes or no, for a load balancer.
pub fn public_router(port: Port) -> Router {
    with_limits_and_headers(port, Router::new().route("/readyz", get(bare_ready)).fallback(further))
}

/// Adds `/healthz`, a limit on bodies, and protective headers on every answer.
fn with_limits_and_headers(port: Port, router: Router<Port>) -> Router {
    router
        .route("/healthz", get(|| async { "ok" }))
        .with_state(port)
        .layer(middleware::from_fn(limit_body))
        .layer(middleware::map_response(secure))
}

/// Returns the URL of `/healthz`, for a check from the same machine, of a bot that listens on `listen`.
#[must_use]
pub fn health_url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}/healthz", SocketAddr::new(ip, listen.port()))
}

/// Requests `url` (plain `http://`) and blocks until the answer has come: the health check of a container without
/// `curl`.
///
/// # Errors
/// If `url` is not such an address, if connecting, writing or reading takes longer than three seconds or fails, or if
/// the status is not 200.
pub fn probe(url: &str) -> Result<(), ProbeError> {
    let url = Url::parse(url).map_err(|_| ProbeError::Address)?;
    let port = url.port_or_known_default().ok_or(ProbeError::Address)?;
    let host = match url.host() {
        Some(Host::Domain(name)) if url.scheme() == "http" => name.to_owned(),
        Some(Host::Ipv4(ip)) if url.scheme() == "http" => ip.to_string(),
        Some(Host::Ipv6(ip)) if url.scheme() == "http" => ip.to_string(),
        _ => return Err(ProbeError::Address),
    };
    let address = (host.as_str(), port).to_socket_addrs()?.next().ok_or(ProbeError::Address)?;
    let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT)?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    stream.set_write_timeout(Some(PROBE_TIMEOUT))?;
    write!(stream, "GET {} HTTP/1.0\r\nHost: {address}\r\n\r\n", url.path())?;
    let mut line = [0; "HTTP/1.0 200".len()];
    stream.read_exact(&mut line)?;
    if line.starts_with(b"HTTP/1.") && line.ends_with(b" 200") { Ok(()) } else { Err(ProbeError::Status) }
}

/// Why a health check failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The address is not of the form `http://host:port/path`.
    #[error("not an address like http://127.0.0.1:8080/healthz")]
    Address,
    /// There is no connection, or no answer in time.
    #[error("no answer: {0}")]
    Io(#[from] io::Error),
    /// The status of the answer is not 200.
    #[error("it answers, but not with 200")]
    Status,
}

#[derive(Deserialize)]
struct Asked {
    /// Names of platforms, separated by commas.
    platform: Option<String>,
}

/// Answers 200 if this process can store a request now, and if each platform that the query names is connected and has
/// no condition.
async fn ready(State(port): State<Port>, Query(asked): Query<Asked>) -> Response {
    #[derive(Serialize)]
    struct Answer {
        ready: bool,
        checks: Vec<Check>,
        conditions: Vec<Condition>,
    }

    let (status, checks, conditions) = look(&port, &asked).await;
    (status, Json(Answer { ready: status.is_success(), checks, conditions })).into_response()
}

/// Answers like [`ready`], without details.
async fn bare_ready(State(port): State<Port>, Query(asked): Query<Asked>) -> Response {
    let (status, ..) = look(&port, &asked).await;
    (status, Json(serde_json::json!({ "ready": status.is_success() }))).into_response()
}

async fn look(port: &Port, asked: &Asked) -> (StatusCode, Vec<Check>, Vec<Condition>) {
    let can_store = port.is_ready().await;
    let (checks, conditions) = (port.inner.health.checks(), port.inner.health.conditions());
    let is_well = |platform: &str| {
        let works = checks.iter().any(|check| check.name == platform && check.ready);
        works && conditions.iter().all(|condition| condition.platform.as_str() != platform)
    };
    let platforms = asked.platform.as_deref().unwrap_or_default().split(',').filter(|name| !name.is_empty());
    let ready = can_store && platforms.into_iter().all(is_well);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, checks, conditions)
}

/// Passes requests to the platform's routes. Until these are set it answers 503, so that the platform sends them again.
async fn further(State(port): State<Port>, request: Request) -> Response {
    match port.inner.routes.get() {
        Some(routes) => routes.clone().oneshot(request).await.into_response(),
        None if port.inner.takes_requests => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Answers 413 to a body whose announced length is above the limit. A body without a length is cut off at the limit.
async fn limit_body(request: Request, next: Next) -> Response {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|bytes| bytes > BODY_LIMIT_BYTES) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    next.run(request.map(|body| Body::new(Limited::new(body, BODY_LIMIT_BYTES)))).await
}

async fn secure(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use jiff::Timestamp;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::domain::ids::PlatformName;
    use crate::health::Kind;

    async fn start() -> (SocketAddr, Port, CancellationToken, tokio::task::JoinHandle<io::Result<()>>) {
        let port = Port::new(Health::new(["database", "slack"]), true);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, public_router(port.clone()), stop.clone()));
        (address, port, stop, server)
    }

    fn echo() -> Router {
        Router::new().route("/echo", post(|body: String| async move { body }))
    }

    async fn asked(address: SocketAddr, query: &str) -> (u16, serde_json::Value) {
        let answer = reqwest::get(format!("http://{address}/readyz{query}")).await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    #[tokio::test]
    async fn it_is_alive_at_once_and_ready_when_a_request_can_be_stored() {
        let (address, port, stop, server) = start().await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let own = listener.local_addr().expect("it is bound");
        let _own_server = tokio::spawn(serve(listener, own_router(port.clone()), stop.clone()));
        let probed = tokio::task::spawn_blocking(move || {
            (probe(&health_url(address)), probe(&format!("http://{address}/readyz")), probe("https://127.0.0.1/"))
        });
        let (health, ready, tls) = probed.await.expect("no panic");
        assert!(health.is_ok(), "{health:?}");
        assert!(matches!(ready, Err(ProbeError::Status)), "{ready:?}");
        assert!(matches!(tls, Err(ProbeError::Address)), "{tls:?}");

        port.set_write_probe(Arc::new(|| Box::pin(async { true })));
        assert_eq!(asked(address, "").await.0, 503, "the platform's routes are not set yet");
        let post = || reqwest::Client::new().post(format!("http://{address}/echo")).body("x").send();
        assert_eq!(post().await.expect("an answer").status(), 503, "the platform will send the request again");
        port.set_routes(echo());
        assert_eq!(post().await.expect("an answer").status(), 200);
        assert_eq!(asked(address, "").await, (200, serde_json::json!({"ready": true})), "no details in public");
        for path in ["metrics", "echo"] {
            let status =
                |at| async move { reqwest::get(format!("http://{at}/{path}")).await.expect("an answer").status() };
            assert_eq!(
                (status(address).await.is_success(), status(own).await.is_success()),
                (false, path == "metrics")
            );
        }
        let (status, body) = asked(own, "").await;
        assert_eq!(status, 200, "a platform that is away does not make the process unready for the others");
        assert_eq!(body["checks"][1], serde_json::json!({"name": "slack", "ready": false, "detail": "starting"}));
        assert_eq!(asked(address, "?platform=slack").await.0, 503);
        port.inner.health.set("slack", true, "connected");
        assert_eq!(asked(address, "?platform=slack").await.0, 200);
        assert_eq!(asked(address, "?platform=slack,discord").await.0, 503, "there is no check of this name");
        port.inner.health.raise(PlatformName::Slack, Kind::Token, "refused", Timestamp::UNIX_EPOCH);
        let (status, body) = asked(own, "?platform=slack").await;
        assert_eq!((status, body["conditions"][0]["kind"].as_str()), (503, Some("token")));
        assert_eq!(asked(address, "").await.0, 200);
        let answer = reqwest::get(format!("http://{address}/readyz")).await.expect("an answer");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        stop.cancel();
        server.await.expect("no panic").expect("a clean end");
    }

    #[tokio::test]
    async fn long_bodies_are_refused_on_every_route() {
        let (address, port, _stop, _server) = start().await;
        port.set_routes(echo());
        let post = |bytes| reqwest::Client::new().post(format!("http://{address}/echo")).body("x".repeat(bytes)).send();
        assert_eq!(post(1000).await.expect("an answer").status(), 200);
        assert_eq!(post(BODY_LIMIT_BYTES + 1).await.expect("an answer").status(), 413);
    }

    #[test]
    fn health_is_asked_for_on_this_machine() {
        let url = |listen: &str| health_url(listen.parse().expect("an address"));
        assert_eq!(url("0.0.0.0:9000"), "http://127.0.0.1:9000/healthz");
        assert_eq!(url("[::]:9000"), "http://[::1]:9000/healthz");
    }
}
