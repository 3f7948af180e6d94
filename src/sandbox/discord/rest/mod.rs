//! REST v10: finds the route, applies injected faults and limits, checks the token, and answers.
//!
//! Source: <https://docs.discord.com/developers/reference>. There is one file for each group of routes.

mod applications;
mod channels;
mod guilds;
mod messages;
mod routes;
mod webhooks;

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State as Extracted};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use url::form_urlencoded;

use self::routes::{Matched, Route};
use super::Shared;
use super::errors::ApiError;
use super::faults::InjectedFault;
use super::ids::fixed;
use super::journaling::join;
use super::limits::{Bucket, TooMany};
use super::state::State;
use crate::domain::limits::discord as platform;
use crate::sandbox::Absence;
use crate::sandbox::traffic::Direction;

/// The largest body of a request.
const BODY_BYTES: usize = 25 * 1024 * 1024;

/// A request with its parsed query and body.
struct Call {
    /// The method and the path with its variable parts as `{…}`.
    template: &'static str,
    query: Vec<(String, String)>,
    body: Value,
}

impl Call {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns a parameter that must be a number.
    fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        let number = text
            .parse()
            .map_err(|_| ApiError::field(name, "NUMBER_TYPE_COERCE", &format!("Value \"{text}\" is not int.")))?;
        Ok(Some(number))
    }

    /// Returns the `limit` of a list: `usual` if not given, refused above `most`.
    fn limit(&self, usual: usize, most: usize) -> Result<usize, ApiError> {
        match self.number("limit")?.map(usize::try_from) {
            None => Ok(usual),
            Some(Ok(limit)) if (1..=most).contains(&limit) => Ok(limit),
            Some(_) => {
                let message = format!("Value must be between 1 and {most}.");
                Err(ApiError::field("limit", "NUMBER_TYPE_MAX", &message))
            }
        }
    }
}

/// The successful result of a route.
enum Done {
    /// Status 200, with this JSON.
    Json(Value),
    /// Status 201, with the JSON of what was created.
    Created(Value),
    /// Status 204, without a body.
    Empty,
}

enum Outcome {
    Answer(Answer),
    /// The connection is cut without an answer.
    Cut,
    /// The call never gets an answer.
    Hang,
}

struct Answer {
    status: u16,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
    /// The body of a proxy's answer, used in place of `body`.
    foreign: Option<String>,
}

/// Answers every request except the Gateway's.
pub async fn handle(Extracted(shared): Extracted<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned();
    let query = query.filter(|(name, _)| !name.is_empty()).collect();
    let Ok(bytes) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return respond(refusal(&ApiError::new(413, 40005, "Request entity too large")));
    };
    let outcome = shared.with(|state| state.serve(&method, &path, query, &parts.headers, &bytes));
    match outcome {
        Outcome::Answer(answer) => respond(answer),
        Outcome::Cut => cut(),
        Outcome::Hang => {
            shared.stop.cancelled().await;
            cut()
        }
    }
}

impl State {
    fn serve(
        &mut self,
        method: &str,
        path: &str,
        query: Vec<(String, String)>,
        headers: &HeaderMap,
        bytes: &Bytes,
    ) -> Outcome {
        let Some(matched) = routes::find(method, path) else {
            self.fault(format!("{method} {path}: no such route"));
            self.log(
                "refused",
                json!({ "method": format!("{method} {path}"), "error": "404: Not Found", "status": 404 }),
            );
            return Outcome::Answer(refusal(&ApiError::not_found()));
        };
        let template = matched.template;
        if let Some(answer) = self.absent(&matched) {
            self.log("absent", json!({ "method": template }));
            return Outcome::Answer(answer);
        }
        let fault = self.faults.take(template);
        match fault {
            Some(InjectedFault::Hang) => {
                self.log("refused", json!({ "method": template, "error": "no answer", "injected": true }));
                return Outcome::Hang;
            }
            Some(InjectedFault::Fail(status)) => {
                let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
                let error = ApiError::new(status, 0, &format!("{status}: {}", words.unwrap_or("Error")));
                self.log_refusal(&matched, &error, true);
                return Outcome::Answer(refusal(&error));
            }
            Some(InjectedFault::LoseAnswer | InjectedFault::RateLimit(_)) | None => {}
        }
        let (bucket_state, too_many) = self.limits.count(&self.bucket(&matched), self.now_ms());
        let injected = match &fault {
            Some(InjectedFault::RateLimit(wait)) => {
                let retry_after_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                Some(TooMany { retry_after_ms, global: false })
            }
            _ => None,
        };
        let is_injected = injected.is_some();
        let mut answer = match injected.or(too_many) {
            Some(too_many) => {
                let error = ApiError::new(429, 0, "You are being rate limited.");
                self.log_refusal(&matched, &error, is_injected);
                Answer { status: 429, body: Some(too_many.body()), headers: too_many.headers(), foreign: None }
            }
            None => self.answer_to(&matched, query, headers, bytes),
        };
        answer.headers.extend(bucket_state.headers());
        if matches!(fault, Some(InjectedFault::LoseAnswer)) { Outcome::Cut } else { Outcome::Answer(answer) }
    }

    /// Returns the answer to a call while Discord is out of reach. Answers to interactions carry no bot token.
    fn absent(&self, matched: &Matched) -> Option<Answer> {
        let is_without_token = matches!(
            matched.route,
            Route::Callback(..) | Route::FollowUp(..) | Route::WebhookMessage(..) | Route::Gateway
        );
        Some(match self.faults.absent(matched.template)? {
            Absence::TokenRefused if is_without_token => return None,
            Absence::TokenRefused => refusal(&ApiError::unauthorized()),
            Absence::Down => Answer { status: 503, body: None, headers: Vec::new(), foreign: None },
            Absence::Intercepted { status, body, .. } => {
                Answer { status: *status, body: None, headers: Vec::new(), foreign: Some(body.clone()) }
            }
        })
    }

    fn answer_to(
        &mut self,
        matched: &Matched,
        query: Vec<(String, String)>,
        headers: &HeaderMap,
        bytes: &Bytes,
    ) -> Answer {
        let done = self.check_token(&matched.route, headers).and_then(|()| {
            let body = read_body(headers, bytes)?;
            self.traffic.keep(Direction::FromBot, matched.template, || body.clone());
            let call = Call { template: matched.template, query, body };
            self.run(&matched.route, &call)
        });
        match done {
            Ok(done) => {
                if matched.route.is_plain_call() {
                    let mut fields = json!({ "method": matched.template });
                    if let Some(channel) = matched.route.channel() {
                        join(&mut fields, self.place_fields(channel));
                    }
                    self.log("called", fields);
                }
                let (status, body) = match done {
                    Done::Json(body) => (200, Some(body)),
                    Done::Created(body) => (201, Some(body)),
                    Done::Empty => (204, None),
                };
                Answer { status, body, headers: Vec::new(), foreign: None }
            }
            Err(error) => {
                if error.is_bad_body() {
                    let details = error.errors.as_ref().map(Value::to_string).unwrap_or_default();
                    self.fault(format!("{}: {} {details}", matched.template, error.message));
                }
                self.log_refusal(matched, &error, false);
                refusal(&error)
            }
        }
    }

    fn log_refusal(&self, matched: &Matched, error: &ApiError, injected: bool) {
        let mut fields = matched.route.channel().map_or_else(|| json!({}), |channel| self.place_fields(channel));
        fields["method"] = json!(matched.template);
        fields["status"] = json!(error.status);
        fields["code"] = json!(error.code);
        fields["error"] = json!(error.message);
        if injected {
            fields["injected"] = json!(true);
        }
        self.log("refused", fields);
    }

    fn bucket(&self, matched: &Matched) -> Bucket {
        match &matched.route {
            Route::CreateMessage(channel) => Bucket::Post(*channel),
            Route::EditMessage(channel, message) if self.is_old(*channel, *message) => Bucket::EditOld(*channel),
            Route::Callback(_, token) | Route::FollowUp(_, token) | Route::WebhookMessage(_, _, token, _) => {
                Bucket::Interaction(matched.template, fixed(0, "token", token))
            }
            route => Bucket::Other(matched.template, route.channel().unwrap_or(0)),
        }
    }

    fn is_old(&self, channel: u64, message: u64) -> bool {
        let age_ms = self.message(channel, message).map_or(0, |message| self.now_ms() - message.at_ms);
        u128::try_from(age_ms).is_ok_and(|age_ms| age_ms > platform::EDIT_OLD_AGE.as_millis())
    }

    /// Checks the bot's token. Answers to interactions have their own token in the path, and need no other.
    fn check_token(&self, route: &Route, headers: &HeaderMap) -> Result<(), ApiError> {
        if matches!(route, Route::Callback(..) | Route::FollowUp(..) | Route::WebhookMessage(..) | Route::Gateway) {
            return Ok(());
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if given.and_then(|given| given.strip_prefix("Bot ")) == Some(self.token.as_str()) {
            Ok(())
        } else {
            Err(ApiError::unauthorized())
        }
    }

    fn run(&mut self, route: &Route, call: &Call) -> Result<Done, ApiError> {
        match route {
            Route::BadId(part) => {
                let message = format!("Value \"{part}\" is not snowflake.");
                Err(ApiError::field("id", "NUMBER_TYPE_COERCE", &message))
            }
            Route::Gateway => Ok(self.gateway_address()),
            Route::GatewayBot => Ok(self.gateway_bot()),
            Route::Me => Ok(Done::Json(self.me_json())),
            Route::MyGuilds => Ok(self.my_guilds()),
            Route::Application => Ok(self.application()),
            Route::ListCommands(app, guild) => self.list_commands(*app, *guild),
            Route::PutCommands(app, guild) => self.put_commands(*app, *guild, call),
            Route::PostCommand(app, guild) => self.post_command(*app, *guild, call),
            Route::OpenDirect => self.open_direct(call),
            Route::GetChannel(channel) => self.get_channel(*channel),
            Route::PatchChannel(channel) => self.patch_channel(*channel, call),
            Route::JoinThread(channel) => self.join_thread(*channel),
            Route::StartThread(channel, message) => self.start_thread_from(*channel, *message, call),
            Route::ListMessages(channel) => self.list_messages(*channel, call),
            Route::CreateMessage(channel) => self.create_message(*channel, call),
            Route::GetMessage(channel, message) => self.get_message(*channel, *message),
            Route::EditMessage(channel, message) => self.edit_message(*channel, *message, call),
            Route::DeleteMessage(channel, message) => self.delete_message(*channel, *message, call),
            Route::React(channel, message, emoji, add) => self.react(*channel, *message, emoji, *add),
            Route::GetGuild(guild) => self.get_guild(*guild),
            Route::GuildChannels(guild) => self.guild_channels(*guild),
            Route::GuildRoles(guild) => self.guild_roles(*guild),
            Route::GuildMember(guild, user) => self.guild_member(*guild, *user),
            Route::GuildMembers(guild) => self.guild_members(*guild, call),
            Route::ActiveThreads(guild) => self.guild_active_threads(*guild),
            Route::Callback(id, token) => self.answer_interaction(*id, token, call),
            Route::FollowUp(app, token) => self.post_follow_up(*app, token, call),
            Route::WebhookMessage(verb, app, token, message) => {
                self.webhook_message_call(*verb, *app, token, *message, call)
            }
        }
    }
}

fn read_body(headers: &HeaderMap, bytes: &Bytes) -> Result<Value, ApiError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        let message = "Expected \"Content-Type\" header to be one of {'application/json'}.";
        return Err(ApiError::field("", "CONTENT_TYPE_INVALID", message));
    }
    serde_json::from_slice(bytes).map_err(|_| ApiError::invalid_json())
}

fn refusal(error: &ApiError) -> Answer {
    Answer { status: error.status, body: Some(error.body()), headers: Vec::new(), foreign: None }
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = match answer.body {
        _ if answer.foreign.is_some() => {
            response = response.header(header::CONTENT_TYPE, "text/html");
            Body::from(answer.foreign.unwrap_or_default())
        }
        Some(body) => {
            response = response.header(header::CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    response.body(body).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer of the Discord sandbox could not be built");
        cut()
    })
}

/// Returns an answer whose body fails before anything is written, so that the server cuts the connection.
fn cut() -> Response {
    let failing = futures_util::stream::once(async { Err::<Bytes, _>(io::Error::other("the connection is cut")) });
    Response::new(Body::from_stream(failing))
}
