//! The HTTP server: Web API, sockets, `response_url`s.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::api::{self, Refusal};
use super::args::Args;
use super::faults::InjectedFault;
use super::{Core, hooks, socket};
use crate::sandbox::Absence;
use crate::sandbox::traffic::Direction;

/// The largest body of a request.
const BODY_BYTES: usize = 2 * 1024 * 1024;

/// Serves until the workspace stops.
pub(super) fn serve(core: &Arc<Core>, listener: TcpListener) {
    let router = Router::new()
        .route("/api/{method}", any(call))
        .route("/link", get(socket::link))
        .route("/actions/{team}/{app}/{secret}", post(hooks::respond))
        .route("/commands/{team}/{app}/{secret}", post(hooks::respond))
        .route("/app/{team}/{app}/{secret}", post(hooks::respond))
        .fallback(elsewhere)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES))
        .with_state(Arc::clone(core));
    let stop = core.stop.clone();
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the Slack sandbox has stopped serving");
        }
    });
}

async fn elsewhere(State(core): State<Arc<Core>>, verb: Method, uri: Uri) -> StatusCode {
    core.fault(format!("{verb} {}", uri.path()));
    StatusCode::NOT_FOUND
}

async fn call(
    State(core): State<Arc<Core>>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    verb: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(response) = absent(&core, &method) {
        return response;
    }
    let fault = core.injected_fault(&method);
    if let Some(response) = injected_answer(&core, &method, fault.as_ref()).await {
        return response;
    }
    let outcome = if verb == Method::GET || verb == Method::POST {
        Args::read(&verb, &query.unwrap_or_default(), &headers, &body)
    } else {
        Err(Refusal::of("http_method_not_supported"))
    };
    let outcome = match outcome {
        Ok(args) => {
            core.traffic.keep(Direction::FromBot, &method, || Value::Object(args.fields().clone()));
            api::call(&core, &method, &args)
        }
        Err(refusal) => {
            core.fault(format!("{method}: {}", refusal.error));
            core.note("refused", json!({"method": method, "error": refusal.error}));
            Err(refusal)
        }
    };
    if fault == Some(InjectedFault::LoseAnswer) { cut_off() } else { answer(&core, outcome) }
}

/// Returns the answer to a call while Slack is out of reach.
pub(super) fn absent(core: &Core, method: &str) -> Option<Response> {
    let absence = core.absence(method)?;
    core.note("absent", json!({"method": method}));
    Some(match absence {
        Absence::Down => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Absence::TokenRefused => answer(core, Err(Refusal::of("token_revoked"))),
        Absence::Intercepted { status, body, .. } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
            (status, [(header::CONTENT_TYPE, "text/html")], body).into_response()
        }
    })
}

/// Returns the answer of an injected fault, if the call is not to be carried out.
pub(super) async fn injected_answer(core: &Core, method: &str, fault: Option<&InjectedFault>) -> Option<Response> {
    match fault? {
        InjectedFault::LoseAnswer => None,
        InjectedFault::Fail(status) => {
            core.note("refused", json!({"method": method, "error": "injected", "status": status}));
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some((status, axum::Json(json!({"ok": false, "error": "internal_error"}))).into_response())
        }
        InjectedFault::RateLimit(wait) => {
            let seconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).div_ceil(1000).max(1);
            core.note(
                "refused",
                json!({"method": method, "error": "ratelimited", "retry_after": seconds, "injected": true}),
            );
            Some(answer(core, Err(Refusal::limited(seconds))))
        }
        InjectedFault::Hang => {
            core.note("refused", json!({"method": method, "error": "injected", "hangs": true}));
            core.stop.cancelled().await;
            Some(cut_off())
        }
    }
}

/// Returns an answer whose body fails, so that the connection is cut.
pub(super) fn cut_off() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut off")) });
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], Body::from_stream(broken)).into_response()
}

fn answer(core: &Core, outcome: Result<Value, Refusal>) -> Response {
    let (status, body, wait) = match outcome {
        Ok(mut body) => {
            if let Some(fields) = body.as_object_mut() {
                fields.shift_insert(0, "ok".to_owned(), json!(true));
            }
            (StatusCode::OK, body, None)
        }
        Err(refusal) => {
            let status = if refusal.retry_after_s.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
            (status, refusal.json(), refusal.retry_after_s)
        }
    };
    let scopes = core.lock().scopes.iter().cloned().collect::<Vec<_>>().join(",");
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Ok(scopes) = HeaderValue::from_str(&scopes) {
        headers.insert("x-oauth-scopes", scopes);
    }
    if let Some(seconds) = wait {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
