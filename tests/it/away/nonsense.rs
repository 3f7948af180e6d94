//! A platform, or a proxy before it, answers nonsense. A post is looked for before it is repeated, answers are read
//! only up to a limit, and nothing of them gets into the log.
//!
//! The program's calls go through a stand-in, which carries a call out or not, and answers as the test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HOST, LOCATION, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use deskbell::clock::Clock;
use deskbell::sandbox::stage::{Platforms, StageOptions, TRIAGE};
use futures_util::StreamExt as _;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tokio::net::TcpListener;

use super::{ask, confirmed, until};
use crate::harness::see;
use crate::program::Site;
use crate::program::child;

/// A word in the nonsense that must not get into the log.
const MARK: &str = "very-strange";
/// Length of a huge answer, far longer than any real one.
const HUGE_BYTES: usize = 50 * 1024 * 1024;
const REQUESTS: [(&str, &str, &str); 8] = [
    ("jeff", "sales", "the printer is jammed"),
    ("ana", "general", "my laptop does not start"),
    ("sam", "random", "the door is stuck"),
    ("jeff", "general", "a screen flickers"),
    ("ana", "random", "the phone is silent"),
    ("sam", "sales", "a mouse is missing"),
    ("jeff", "random", "the network is slow"),
    ("ana", "sales", "a password is forgotten"),
];

/// Number of kinds of nonsense. Each kind answers one post that was carried out, and one that was not.
const KINDS: usize = 8;

#[tokio::test]
async fn answers_that_make_no_sense_lead_to_no_second_copy_and_to_no_lost_one() {
    let options = StageOptions { patience: Duration::from_secs(30), ..StageOptions::by(Clock::system()) };
    let site = Site::open_with(options, Platforms::BOTH, "").await;
    let mut settings = site.stage.settings(&site.path("desk.db"), "", Platforms::BOTH);
    let mut stand_ins = Vec::new();
    for url in [site.stage.slack.api_url(), site.stage.discord.api_url()] {
        let stand_in = StandIn::before(&url).await;
        settings = settings.replace(&format!("\"{url}\""), &format!("\"{}\"", stand_in.url));
        stand_ins.push(stand_in);
    }
    site.write_settings(&settings);
    let child = site.serve();
    child.ready().await;
    let before_kib = child.peak_kib();
    stand_ins.iter().for_each(|stand_in| stand_in.state.answers_nonsense.store(true, Ordering::SeqCst));
    let worlds = site.stage.worlds();
    for world in &worlds {
        for (who, channel, text) in REQUESTS {
            ask(world, who, channel, text).await;
        }
    }
    let cards = 2 * REQUESTS.len();
    for world in &worlds {
        for (_, channel, text) in REQUESTS {
            confirmed(world, channel, text).await;
        }
        let what = format!("{}: {cards} cards", world.platform());
        until(world, "mia", &what, |view| (keys(&triage(view)).len() >= cards).then_some(())).await;
    }
    let after_kib = child.peak_kib();
    let ended = child.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for (stand_in, world) in stand_ins.iter().zip(&worlds) {
        let posts = stand_in.state.posts.load(Ordering::SeqCst);
        assert!(posts >= 4 * KINDS - 1, "{}: not every kind was answered: {posts} posts", world.platform());
        assert_eq!(stand_in.state.looks_spoilt.load(Ordering::SeqCst), SPOILT_LOOKS, "{}", world.platform());
        for (_, channel, text) in REQUESTS {
            let answers = super::answers_to(&see(world, "ada"), channel, text);
            assert_eq!(answers.len(), 1, "{}: {answers:#?}", world.platform());
        }
        let triage = triage(&see(world, "mia"));
        let mut once = keys(&triage);
        once.sort();
        once.dedup();
        assert_eq!((triage.len(), once.len()), (cards, cards), "{}: {triage:#?}", world.platform());
    }
    assert!(ended.err.contains("not delivered yet") && ended.err.contains("cannot be read"), "{}", ended.err);
    for hidden in [MARK, "jammed", "panicked", &site.stage.slack.bot_token(), &site.stage.discord.token()] {
        assert!(!ended.err.contains(hidden), "{hidden} is in the log: {}", ended.err);
    }
    if let (Some(before), Some(after)) = (before_kib, after_kib) {
        println!("most resident memory: {before} KiB before, {after} KiB after");
        assert!(after < before + 50 * 1024, "from {before} to {after} KiB");
    }
    site.stage.close().await;
}

#[tokio::test]
async fn events_that_make_no_sense_are_dropped() {
    let platforms = Platforms { discord: false, slack_http: true, ..Platforms::BOTH };
    let site = Site::open(platforms, "").await;
    let child = site.serve();
    let address = child.address().await;
    site.stage.slack.set_http_target(format!("http://{address}"));
    child.ready().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let cut_off = &br#"{"type":"event_callback","event":{"type":"mess"#[..];
    let invalid = &b"{\"type\":\"event_callback\",\"event\":{\"type\":\"message\",\"text\":\"\xff\xfe\"}}"[..];
    let mut bodies: Vec<Vec<u8>> =
        [cut_off, invalid, b"", b"null", b"[]", b"7", b"<html></html>"].map(<[u8]>::to_vec).into();
    for payload in [
        r#"{"type":"event_callback"}"#,
        r#"{"type":"event_callback","event":[]}"#,
        r#"{"type":"event_callback","event":{"type":"message","channel":[],"text":5,"user":{},"ts":null}}"#,
        r#"{"type":"event_callback","event":{"type":"message","channel":"C1","text":"<@U","user":"U1","ts":"x.y"}}"#,
        r#"{"type":"event_callback","event":{"type":"message","subtype":"message_changed","message":"no"}}"#,
        r#"{"type":"event_callback","event":{"type":"subteam_updated","subteam":7}}"#,
        r#"{"type":"no such thing"}"#,
    ] {
        bodies.push(payload.as_bytes().to_vec());
    }
    for path in ["events", "interactions", "commands"] {
        for body in &bodies {
            let form = [&b"payload="[..], body].concat();
            for body in [body, &form] {
                let stamp = site.stage.clock.now().as_second().to_string();
                let secret = site.stage.slack.signing_secret();
                let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key does");
                mac.update([b"v0:", stamp.as_bytes(), b":", body].concat().as_slice());
                let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
                let sent = client
                    .post(format!("http://{address}/slack/{path}"))
                    .header("x-slack-request-timestamp", stamp)
                    .header("x-slack-signature", signature)
                    .body(body.clone())
                    .send();
                let status = sent.await.expect("an answer").status();
                let shown = String::from_utf8_lossy(body);
                assert!(status == 200 || status == 400, "{path}: {status} to {shown}");
            }
        }
    }
    assert_eq!(child::get(&format!("http://{address}/readyz")).await, 200);
    let world = &site.stage.worlds()[0];
    ask(world, "jeff", "sales", "the printer is jammed").await;
    confirmed(world, "sales", "the printer is jammed").await;
    let ended = child.terminate().await;
    assert_eq!(ended.code, Some(0));
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    assert_eq!(site.run("tickets --json").await.succeeded().out.lines().count(), 1);
    site.stage.close().await;
}

/// Number of reads of a channel's or thread's history that are answered by nonsense.
const SPOILT_LOOKS: usize = 4;

/// A server that answers in a platform's place.
struct StandIn {
    url: String,
    state: Arc<Calls>,
}

struct Calls {
    target: String,
    client: reqwest::Client,
    answers_nonsense: AtomicBool,
    posts: AtomicUsize,
    looks_spoilt: AtomicUsize,
}

impl StandIn {
    /// Starts a stand-in for the API at `url`, with the same path.
    async fn before(url: &str) -> Self {
        let real = url::Url::parse(url).expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("it is bound"));
        let target = format!("http://{}:{}", real.host_str().expect("a host"), real.port().expect("a port"));
        let url = url.replace(&target, &origin);
        let state = Arc::new(Calls {
            target,
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            answers_nonsense: AtomicBool::new(false),
            posts: AtomicUsize::new(0),
            looks_spoilt: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }
}

async fn answer(
    State(calls): State<Arc<Calls>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    let is_discord = path.ends_with("/messages");
    let is_post = path.ends_with("/chat.postMessage") || (is_discord && method == Method::POST);
    let is_look = path.contains("/conversations.") && (path.ends_with("history") || path.ends_with("replies"))
        || (is_discord && method == Method::GET);
    if calls.answers_nonsense.load(Ordering::SeqCst) {
        if is_post {
            let number = calls.posts.fetch_add(1, Ordering::SeqCst);
            // Every other post is answered well: if all answers were nonsense, the platform would count as away.
            let number = if number % 2 == 0 { number / 2 } else { 2 * KINDS };
            if number < KINDS {
                let _ = calls.pass_on(method.clone(), &uri, headers.clone(), body.clone()).await;
            }
            if number < 2 * KINDS {
                return nonsense(number % KINDS);
            }
            return calls.pass_on(method, &uri, headers, body).await;
        }
        // The first reads of a history are answered by nonsense.
        let one_more = |looks| (looks < SPOILT_LOOKS).then_some(looks + 1);
        if is_look && calls.looks_spoilt.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok() {
            return another_shape();
        }
    }
    calls.pass_on(method, &uri, headers, body).await
}

impl Calls {
    async fn pass_on(&self, method: Method, uri: &Uri, mut headers: HeaderMap, body: Bytes) -> Response {
        headers.remove(HOST);
        let url = format!("{}{uri}", self.target);
        let sent = self.client.request(method, url).headers(headers).body(body).send().await;
        let Ok(answered) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
        let (status, mut headers) = (answered.status(), answered.headers().clone());
        headers.remove(TRANSFER_ENCODING);
        let body = answered.bytes().await.expect("it is whole");
        (status, headers, body).into_response()
    }
}

fn nonsense(kind: usize) -> Response {
    let json = |text: Vec<u8>| ([(CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response();
    match kind {
        0 => ([(CONTENT_TYPE, "text/html")], format!("<html><title>{MARK}</title></html>")).into_response(),
        1 => json(Vec::new()),
        2 => json(format!("{{\"ok\": true, \"ts\": \"{MARK}").into_bytes()),
        3 => another_shape(),
        4 => (StatusCode::FOUND, [(LOCATION, format!("http://127.0.0.1:1/{MARK}"))]).into_response(),
        5 => {
            let part = Bytes::from(vec![b' '; 1024 * 1024]);
            let parts = futures_util::stream::iter(0..HUGE_BYTES / part.len())
                .map(move |_| Ok::<_, std::io::Error>(part.clone()));
            ([(CONTENT_TYPE, "application/json")], Body::from_stream(parts)).into_response()
        }
        6 => json([&b"{\"ok\": true, \"id\": \"\xff\xfe"[..], MARK.as_bytes(), b"\"}"].concat()),
        _ => json(format!("[[[\"{MARK}\"]]]").into_bytes()),
    }
}

/// Returns JSON that says that the call succeeded, without the fields that were asked for.
fn another_shape() -> Response {
    axum::Json(serde_json::json!({"ok": true, "message": MARK, "messages": 7})).into_response()
}

/// Returns the texts of the bot's messages in the desk's channel.
fn triage(view: &deskbell::sandbox::View) -> Vec<String> {
    let channel = view.channels.iter().find(|channel| channel.name == TRIAGE).expect("the desk's channel");
    channel.messages.iter().filter(|message| message.bot).map(|message| message.text.clone()).collect()
}

/// Returns the ticket keys on cards.
fn keys(cards: &[String]) -> Vec<String> {
    let key = |card: &String| {
        let at = card.find("IT-")?;
        Some(card[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect())
    };
    cards.iter().filter_map(key).collect()
}
