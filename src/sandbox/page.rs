//! The page of the sandbox: both workspaces side by side, where one can be any of their people.
//!
//! It is a thin layer over [`World`]: the browser posts the acts of a person, and reads the view of that person. It is
//! meant for one machine: it answers only to loopback host names, so that no foreign page can reach it by DNS
//! rebinding.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header, request};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt as _, stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::world::{ChannelInfo, MessageAt, PersonInfo, Spot, View, World, WorldError};

/// What the browser may load and do: nothing from elsewhere, no inline script or style.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                                       form-action 'none'; frame-ancestors 'none'";
/// The number of messages of one channel that are sent to the browser. Older ones are only counted.
const SHOWN_MESSAGES: usize = 200;

/// Returns the routes of the page and its interface for these workspaces. `tips` say what to try first.
pub fn router(worlds: Vec<Arc<dyn World>>, tips: Vec<String>) -> Router {
    router_until(worlds, tips, CancellationToken::new())
}

/// Serves the page until `shutdown`.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    worlds: Vec<Arc<dyn World>>,
    tips: Vec<String>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let app = router_until(worlds, tips, shutdown.clone());
    axum::serve(listener, app)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("the sandbox's page cannot be served")
}

fn router_until(worlds: Vec<Arc<dyn World>>, tips: Vec<String>, shutdown: CancellationToken) -> Router {
    let page = Arc::new(Page { worlds, tips, direct_closed: Mutex::default(), shutdown });
    Router::new()
        .route("/", get(|| async { asset("text/html; charset=utf-8", include_str!("page/index.html")) }))
        .route("/page.css", get(|| async { asset("text/css; charset=utf-8", include_str!("page/page.css")) }))
        .route("/page.js", script(include_str!("page/page.js")))
        .route("/dom.js", script(include_str!("page/dom.js")))
        .route("/messages.js", script(include_str!("page/messages.js")))
        .route("/composer.js", script(include_str!("page/composer.js")))
        .route("/api/worlds", get(worlds_of))
        .route("/api/{platform}/view", get(view))
        .route("/api/{platform}/changes", get(changes))
        .route("/api/{platform}/say", post(say))
        .route("/api/{platform}/edit", post(edit))
        .route("/api/{platform}/delete", post(delete))
        .route("/api/{platform}/react", post(react))
        .route("/api/{platform}/press", post(press))
        .route("/api/{platform}/menu", post(menu))
        .route("/api/{platform}/submit", post(submit))
        .route("/api/{platform}/dismiss", post(dismiss))
        .route("/api/{platform}/command", post(command))
        .route("/api/{platform}/close_direct", post(close_direct))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "no such page") })
        .layer(middleware::from_fn(guard))
        .with_state(page)
}

struct Page {
    worlds: Vec<Arc<dyn World>>,
    tips: Vec<String>,
    /// The people who closed their direct messages on this page. The workspaces know it, too, but do not report it.
    direct_closed: Mutex<BTreeSet<(&'static str, String)>>,
    shutdown: CancellationToken,
}

impl Page {
    fn world(&self, platform: &str) -> Result<&Arc<dyn World>, Problem> {
        let found = self.worlds.iter().find(|world| world.platform() == platform);
        found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such platform"))
    }

    fn is_direct_closed(&self, platform: &'static str, who: &str) -> bool {
        let closed = self.direct_closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.contains(&(platform, who.to_owned()))
    }
}

type Shared = State<Arc<Page>>;

// Views.

#[derive(Serialize)]
struct WorldInfo {
    platform: &'static str,
    people: Vec<PersonInfo>,
    channels: Vec<ChannelInfo>,
}

async fn worlds_of(State(page): Shared) -> Json<Value> {
    let worlds: Vec<_> = page
        .worlds
        .iter()
        .map(|world| WorldInfo { platform: world.platform(), people: world.people(), channels: world.channels() })
        .collect();
    Json(json!({ "tips": page.tips, "worlds": worlds }))
}

#[derive(Deserialize)]
struct Who {
    who: String,
    since: Option<u64>,
}

#[derive(Serialize)]
struct Seen {
    /// The count of changes just before the view was taken. The view shows at least these.
    version: u64,
    /// The number of older messages that are left out, by the channel's id.
    earlier: BTreeMap<String, usize>,
    direct_closed: bool,
    #[serde(flatten)]
    view: View,
}

async fn view(State(page): Shared, Path(platform): Path<String>, Asked(who): Asked) -> Result<Json<Seen>, Problem> {
    let world = page.world(&platform)?;
    let version = *world.changes().borrow();
    let mut view = world.view(&who.who)?;
    let mut earlier = BTreeMap::new();
    for channel in &mut view.channels {
        let surplus = channel.messages.len().saturating_sub(SHOWN_MESSAGES);
        if surplus > 0 {
            channel.messages.drain(..surplus);
            earlier.insert(channel.id.clone(), surplus);
        }
    }
    let direct_closed = page.is_direct_closed(world.platform(), &who.who);
    Ok(Json(Seen { version, earlier, direct_closed, view }))
}

/// Sends the count of changes whenever it differs from the one that the browser knows. The browser then asks for the
/// view.
async fn changes(
    State(page): Shared,
    Path(platform): Path<String>,
    headers: HeaderMap,
    Asked(who): Asked,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let world = page.world(&platform)?;
    if !world.people().iter().any(|person| person.handle == who.who) {
        return Err(WorldError::Unknown(who.who).into());
    }
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let start = (world.changes(), resumed.or(who.since));
    let events = stream::unfold(start, |(mut changes, mut known)| async move {
        loop {
            let version = *changes.borrow_and_update();
            if known != Some(version) {
                known = Some(version);
                let event = Event::default().id(version.to_string()).data(version.to_string());
                return Some((Ok(event), (changes, known)));
            }
            changes.changed().await.ok()?;
        }
    });
    let events = events.take_until(page.shutdown.clone().cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

// Acts.

#[derive(Deserialize)]
struct Say {
    who: String,
    spot: Spot,
    text: String,
    reply_to: Option<String>,
}

async fn say(
    State(page): Shared,
    Path(platform): Path<String>,
    Body(body): Body<Say>,
) -> Result<Json<MessageAt>, Problem> {
    let world = page.world(&platform)?;
    Ok(Json(world.say(&body.who, &body.spot, &body.text, body.reply_to.as_deref()).await?))
}

#[derive(Deserialize)]
struct Edit {
    who: String,
    message: MessageAt,
    text: String,
}

async fn edit(State(page): Shared, Path(platform): Path<String>, Body(body): Body<Edit>) -> Done {
    page.world(&platform)?.edit(&body.who, &body.message, &body.text).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Delete {
    who: String,
    message: MessageAt,
}

async fn delete(State(page): Shared, Path(platform): Path<String>, Body(body): Body<Delete>) -> Done {
    page.world(&platform)?.delete(&body.who, &body.message).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct React {
    who: String,
    message: MessageAt,
    emoji: String,
    add: bool,
}

async fn react(State(page): Shared, Path(platform): Path<String>, Body(body): Body<React>) -> Done {
    page.world(&platform)?.react(&body.who, &body.message, &body.emoji, body.add).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Press {
    who: String,
    message: MessageAt,
    control: String,
    value: Option<String>,
}

async fn press(State(page): Shared, Path(platform): Path<String>, Body(body): Body<Press>) -> Done {
    page.world(&platform)?.press(&body.who, &body.message, &body.control, body.value.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Menu {
    who: String,
    message: MessageAt,
    name: String,
}

async fn menu(State(page): Shared, Path(platform): Path<String>, Body(body): Body<Menu>) -> Done {
    page.world(&platform)?.choose_menu(&body.who, &body.message, &body.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Submit {
    who: String,
    form: String,
    values: BTreeMap<String, String>,
}

async fn submit(State(page): Shared, Path(platform): Path<String>, Body(body): Body<Submit>) -> Done {
    page.world(&platform)?.submit(&body.who, &body.form, &body.values).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Dismiss {
    who: String,
    form: String,
}

async fn dismiss(State(page): Shared, Path(platform): Path<String>, Body(body): Body<Dismiss>) -> Done {
    page.world(&platform)?.dismiss(&body.who, &body.form).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Command {
    who: String,
    spot: Spot,
    text: String,
}

async fn command(State(page): Shared, Path(platform): Path<String>, Body(body): Body<Command>) -> Done {
    page.world(&platform)?.command(&body.who, &body.spot, &body.text).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct CloseDirect {
    who: String,
    closed: bool,
}

async fn close_direct(State(page): Shared, Path(platform): Path<String>, Body(body): Body<CloseDirect>) -> Done {
    let world = page.world(&platform)?;
    if !world.people().iter().any(|person| person.handle == body.who) {
        return Err(WorldError::Unknown(body.who).into());
    }
    world.close_direct(&body.who, body.closed);
    let mut closed = page.direct_closed.lock().unwrap_or_else(PoisonError::into_inner);
    let person = (world.platform(), body.who);
    if body.closed {
        closed.insert(person);
    } else {
        closed.remove(&person);
    }
    Ok(StatusCode::NO_CONTENT)
}

type Done = Result<StatusCode, Problem>;

// Admission.

/// Refuses requests that do not come from this machine and its own page. Headers tell the browser to load nothing from
/// elsewhere.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = match admit(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn admit(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let field = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = field("host").unwrap_or_default().to_ascii_lowercase();
    if !is_loopback(&host) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "only this machine may look: use 127.0.0.1 or localhost"));
    }
    if method != Method::POST {
        return Ok(());
    }
    // Programs send neither of these two headers. Every browser sends `Origin` with a POST.
    let foreign_origin = headers.contains_key("origin")
        && field("origin").is_none_or(|origin| origin.to_ascii_lowercase() != format!("http://{host}"));
    let foreign_site = field("sec-fetch-site").is_some_and(|site| site != "same-origin");
    if foreign_origin || foreign_site {
        return Err(Problem::new(StatusCode::FORBIDDEN, "only the sandbox's own page may act"));
    }
    Ok(())
}

/// Whether `host`, with or without a port, names this machine.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix("[::1]") {
        Some(rest) => ("[::1]", rest.strip_prefix(':').or(rest.is_empty().then_some("0"))),
        None => host.split_once(':').map_or((host, Some("0")), |(name, port)| (name, Some(port))),
    };
    ["127.0.0.1", "localhost", "[::1]"].contains(&name) && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

fn script(text: &'static str) -> MethodRouter<Arc<Page>> {
    get(move || async move { asset("text/javascript; charset=utf-8", text) })
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

/// A refusal of a request, with the body that the page shows.
struct Problem {
    status: StatusCode,
    body: Value,
}

impl Problem {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, body: json!({ "error": error.into() }) }
    }
}

impl From<WorldError> for Problem {
    fn from(error: WorldError) -> Self {
        let status = match error {
            WorldError::Unknown(_) => StatusCode::NOT_FOUND,
            WorldError::NotAllowed(_) => StatusCode::FORBIDDEN,
            WorldError::NoAnswer => StatusCode::FAILED_DEPENDENCY,
            WorldError::Fields(fields) => {
                return Self { status: StatusCode::UNPROCESSABLE_ENTITY, body: json!({ "fields": fields }) };
            }
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

/// A JSON body. Any other body or content type is refused with a [`Problem`].
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body: Result<Json<T>, JsonRejection> = Json::from_request(request, state).await;
        // 422 is reserved for the errors that the bot shows at fields.
        let refused = |rejection: JsonRejection| match rejection.status() {
            StatusCode::UNPROCESSABLE_ENTITY => Problem::new(StatusCode::BAD_REQUEST, rejection.body_text()),
            status => Problem::new(status, rejection.body_text()),
        };
        body.map(|Json(body)| Self(body)).map_err(refused)
    }
}

/// The query of a request: the person, and the count of changes that the browser knows.
struct Asked(Who);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let query: Result<Query<Who>, QueryRejection> = Query::from_request_parts(parts, state).await;
        query.map(|Query(who)| Self(who)).map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))
    }
}

#[cfg(test)]
mod tests;
