//! The port of the bot: is it alive, is it ready, its metrics, and whatever else is merged in (Slack's requests in HTTP mode).
//!
//! It has no pages, so its answers tell browsers to do nothing with them.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use axum::{Router, serve as axum_serve};
use http_body_util::Limited;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use crate::metrics;

/// The longest body that is read. Slack's longest requests (forms with their view) are far below.
pub const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// How long requests that have begun may take to end once the bot is to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a health check waits.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// What must be so before the bot is ready. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Readiness {
    checks: Arc<watch::Sender<Vec<Check>>>,
}

/// One thing that must be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, such as `database` or `slack`.
    pub name: String,
    /// Whether it is so.
    pub ready: bool,
    /// More about it, for people. It is public: no secrets, no names.
    pub detail: String,
}

impl Readiness {
    /// Checks of these names, none of them ready.
    #[must_use]
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let starting = |name: N| Check { name: name.into(), ready: false, detail: "starting".to_owned() };
        Self { checks: Arc::new(watch::channel(names.into_iter().map(starting).collect()).0) }
    }

    /// Says how a check stands. A name that is new becomes a check.
    pub fn set(&self, name: &str, ready: bool, detail: impl Into<String>) {
        let new = Check { name: name.to_owned(), ready, detail: detail.into() };
        self.checks.send_if_modified(|checks| match checks.iter_mut().find(|check| check.name == name) {
            Some(check) if *check == new => false,
            Some(check) => {
                *check = new;
                true
            }
            None => {
                checks.push(new);
                true
            }
        });
    }

    /// Whether every check is ready.
    #[must_use]
    pub fn all(&self) -> bool {
        self.checks.borrow().iter().all(|check| check.ready)
    }

    /// How every check stands.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        self.checks.borrow().clone()
    }

    /// Waits until every check is ready.
    pub async fn wait(&self) {
        let mut checks = self.checks.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = checks.wait_for(|checks| checks.iter().all(|check| check.ready)).await;
    }
}

/// `/healthz`, `/readyz`, `/metrics` and `further` routes, with a limit on bodies and careful headers on every answer.
pub fn router(readiness: Readiness, further: Router) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|| async { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render()) }))
        .with_state(readiness)
        .merge(further)
        .layer(middleware::from_fn(limit_body))
        .layer(middleware::map_response(secure))
}

/// Serves until `stop`, then lets requests that have begun end, for ten seconds at most.
///
/// # Errors
/// If the listener fails for good.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    let serving = axum_serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = late => {
            tracing::warn!("requests were cut off at the stop");
            Ok(())
        }
    }
}

/// Where a bot that listens on `listen` is asked for its health from the same machine.
#[must_use]
pub fn health_url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}/healthz", SocketAddr::new(ip, listen.port()))
}

/// Asks `url` (plain `http://`) and blocks until it has answered 200, or has not: the health check of a container, which
/// has no `curl`.
///
/// # Errors
/// If nobody answers within three seconds, or not with 200.
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
    /// It is no address of the form `http://host:port/path`.
    #[error("not an address like http://127.0.0.1:8080/healthz")]
    Address,
    /// Nobody answers.
    #[error("no answer: {0}")]
    Io(#[from] io::Error),
    /// The answer is not 200.
    #[error("it answers, but not with 200")]
    Status,
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    #[derive(Serialize)]
    struct Answer {
        ready: bool,
        checks: Vec<Check>,
    }

    let checks = readiness.checks();
    let ready = checks.iter().all(|check| check.ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Answer { ready, checks })).into_response()
}

/// Bodies that say that they are too long are refused; others break off at the limit, whoever reads them.
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

    use super::*;

    async fn start() -> (SocketAddr, Readiness, CancellationToken, tokio::task::JoinHandle<io::Result<()>>) {
        let readiness = Readiness::new(["database", "slack"]);
        let echo = Router::new().route("/echo", post(|body: String| async move { body }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router(readiness.clone(), echo), stop.clone()));
        (address, readiness, stop, server)
    }

    #[tokio::test]
    async fn it_is_alive_at_once_ready_when_all_is_and_stops_when_told() {
        let (address, readiness, stop, server) = start().await;
        let probed = tokio::task::spawn_blocking(move || {
            (probe(&health_url(address)), probe(&format!("http://{address}/readyz")), probe("https://127.0.0.1/"))
        });
        let (health, ready, tls) = probed.await.expect("no panic");
        assert!(health.is_ok(), "{health:?}");
        assert!(matches!(ready, Err(ProbeError::Status)), "{ready:?}");
        assert!(matches!(tls, Err(ProbeError::Address)), "{tls:?}");

        readiness.set("database", true, "");
        assert!(!readiness.all());
        let answer = reqwest::get(format!("http://{address}/readyz")).await.expect("an answer");
        assert_eq!(answer.status(), 503);
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(body["checks"][1], serde_json::json!({"name": "slack", "ready": false, "detail": "starting"}));

        readiness.set("slack", true, "connected");
        readiness.wait().await;
        let answer = reqwest::get(format!("http://{address}/readyz")).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        stop.cancel();
        server.await.expect("no panic").expect("a clean end");
    }

    #[tokio::test]
    async fn long_bodies_are_refused_on_every_route() {
        let (address, _readiness, _stop, _server) = start().await;
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
