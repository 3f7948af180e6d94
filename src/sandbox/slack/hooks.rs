//! `response_url`s: five uses within 30 minutes (<https://docs.slack.dev/interactivity/handling-user-interaction/>).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Core;
use super::api::{Refusal, chat};
use super::args::Args;
use super::faults::InjectedFault;
use super::ids::Ts;
use super::posting::Draft;
use super::server;
use super::state::{Author, Content, Hook, State as Workspace};
use crate::domain::limits::slack;
use crate::sandbox::Absence;
use crate::sandbox::traffic::Direction;

/// The name of these requests in faults, in the journal and in the recorded traffic.
const METHOD: &str = "response_url";

impl Core {
    /// Creates a `response_url` for an act of a person.
    pub(super) fn response_url(
        &self,
        state: &mut Workspace,
        kind: &str,
        user: &str,
        channel: usize,
        source: Option<Ts>,
    ) -> String {
        let secret = state.mint.random("", 24);
        let lives_ms = i64::try_from(slack::RESPONSE_URL.as_millis()).unwrap_or(i64::MAX);
        let expires_ms = state.clock.now_ms().saturating_add(lives_ms);
        let uses_left = slack::RESPONSE_URL_USES;
        state.hooks.insert(secret.clone(), Hook { user: user.to_owned(), channel, source, uses_left, expires_ms });
        format!("http://{}/{kind}/{}/{}/{secret}", self.base, state.ids.team, state.ids.app)
    }

    /// Posts the message that a command's acknowledgement or a request to a `response_url` holds.
    pub(super) fn respond(
        self: &Arc<Self>,
        state: &mut Workspace,
        user: &str,
        at: usize,
        args: &Args,
    ) -> Result<(), Refusal> {
        let content = chat::content(state, args)?;
        let thread = match args.text("thread_ts") {
            Some(ts) => chat::thread_root(state, at, &ts)?,
            None => None,
        };
        if args.text("response_type").as_deref() == Some("in_channel") {
            if state.channels[at].archived {
                return Err(Refusal::of("is_archived"));
            }
            self.post(state, at, Draft { thread, ..Draft::of(Author::Bot, content) });
        } else if let Some(person) = state.person_by_id(user) {
            self.whisper(state, at, person, content, thread);
        }
        Ok(())
    }
}

/// Answers a POST to a `response_url`.
pub(super) async fn respond(
    State(core): State<Arc<Core>>,
    Path((_, _, secret)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // These requests have no token, so a refused token does not matter to them.
    if core.absence(METHOD) != Some(Absence::TokenRefused)
        && let Some(response) = server::absent(&core, METHOD)
    {
        return response;
    }
    let fault = core.injected_fault(METHOD);
    if let Some(response) = server::injected_answer(&core, METHOD, fault.as_ref()).await {
        return response;
    }
    let outcome = Args::read(&Method::POST, "", &headers, &body).and_then(|args| {
        core.traffic.keep(Direction::FromBot, METHOD, || Value::Object(args.fields().clone()));
        carry_out(&core, &secret, &args)
    });
    if fault == Some(InjectedFault::LoseAnswer) {
        return server::cut_off();
    }
    match outcome {
        Ok(()) => axum::Json(json!({"ok": true})).into_response(),
        Err(refusal) => {
            core.note("refused", json!({"method": METHOD, "error": refusal.error}));
            let gone = matches!(refusal.error, "used_url" | "expired_url" | "no_such_url");
            if !gone && refusal.is_fault() {
                core.fault(format!("{METHOD}: {}", refusal.error));
            }
            (if gone { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST }, axum::Json(refusal.json()))
                .into_response()
        }
    }
}

fn carry_out(core: &Arc<Core>, secret: &str, args: &Args) -> Result<(), Refusal> {
    let mut state = core.lock();
    let state = &mut *state;
    let now_ms = state.clock.now_ms();
    let hook = state.hooks.get_mut(secret).ok_or_else(|| Refusal::of("no_such_url"))?;
    if now_ms > hook.expires_ms {
        return Err(Refusal::of("expired_url"));
    }
    if hook.uses_left == 0 {
        return Err(Refusal::of("used_url"));
    }
    hook.uses_left -= 1;
    let hook = hook.clone();
    match (args.flag("delete_original"), args.flag("replace_original"), hook.source) {
        (true, _, Some(source)) => replace(core, state, &hook, source, None),
        (_, true, Some(source)) => {
            let content = chat::content(state, args)?;
            replace(core, state, &hook, source, Some(content))
        }
        _ => core.respond(state, &hook.user, hook.channel, args),
    }
}

fn replace(
    core: &Arc<Core>,
    state: &mut Workspace,
    hook: &Hook,
    source: Ts,
    content: Option<Content>,
) -> Result<(), Refusal> {
    let at = hook.channel;
    let own = state.channels[at]
        .messages
        .get(&source)
        .is_some_and(|message| message.author == Author::Bot && !message.tombstone);
    match content {
        content if !own => {
            if !core.rewhisper(state, at, source, content) {
                return Err(Refusal::of("message_not_found"));
            }
        }
        Some(content) => core.change(state, at, source, content, false),
        None => core.remove(state, at, source),
    }
    Ok(())
}

/// Returns the answer in an acknowledgement as arguments.
pub(super) fn answer_args(answer: Value) -> Args {
    match answer {
        Value::Object(fields) => Args::of(fields),
        _ => Args::default(),
    }
}
