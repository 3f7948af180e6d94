//! Calls of the Web API through the SDK's client, each with a time limit, and with errors that contain no secrets.
//!
//! Requests and answers are plain JSON and not the SDK's types. Those types omit some fields (metadata, new fields),
//! and lose others (a message's text, if another of its fields does not parse). The SDK's own throttle is off: it
//! limits all posts of a workspace to one per second, while Slack counts per channel.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::header::RETRY_AFTER;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::SlackClientHyperConnector;
use slack_morphism::{SlackApiToken, SlackClient};
use tokio::time::Instant;
use url::Url;

use super::bounded::Bounded;
use crate::clock::real;
use crate::domain::effect::Undeliverable;
use crate::domain::ids::PlatformName;
use crate::metrics;
use crate::platform::{ANSWER_BYTES, Absence, DeliveryError, lenient};

/// The address of Slack itself.
const SLACK: &str = "https://slack.com/api";
/// The wait if Slack names no time.
const UNSAID_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The connector under the SDK's client.
pub(super) type Connector = SlackClientHyperConnector<Bounded<hyper_rustls::HttpsConnector<HttpConnector>>>;

/// The Web API at one base address, with the bot's token.
pub(super) struct Api {
    client: Arc<SlackClient<Connector>>,
    /// For `response_url`s. Created on first use, since it has its own connections and certificates.
    hooks: OnceLock<reqwest::Client>,
    bot: SlackApiToken,
    base: Url,
    is_slack: bool,
    timeout: Duration,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// Nothing was done; Slack asks to wait.
    #[error("rate limited")]
    RateLimited(Duration),
    /// Slack refused, with this error code.
    #[error("{0}")]
    Refused(String),
    /// Slack fails, with an HTTP status of 500 or more, or 408.
    #[error("HTTP status {0}")]
    Status(u16),
    /// Another HTTP status than 200 and 429, without Slack's own answer: a proxy or firewall has answered.
    #[error("HTTP status {0} without an answer of Slack's: a proxy or firewall has answered")]
    Foreign(u16),
    /// The request was not sent.
    #[error("no connection")]
    NotSent,
    /// The request was sent, and no answer came (in time).
    #[error("no answer")]
    Lost,
    /// The answer is not in Slack's form: it is not JSON, or lacks a required field.
    #[error("the answer cannot be read")]
    Unreadable,
}

/// Whether a call may be repeated after an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The call can be repeated without harm.
    Harmless,
    /// The call must not be repeated without looking for its result.
    Doubles,
    /// The result cannot be looked for, so the call must not be repeated if it may have been made.
    Unfindable,
}

impl Api {
    /// Creates a client for the API at `base`, or for Slack's own.
    ///
    /// # Errors
    /// If the address cannot be used.
    pub(super) fn new(bot_token: &SecretString, base: Option<&Url>, timeout: Duration) -> anyhow::Result<Self> {
        let is_slack = base.is_none();
        let base = match base {
            Some(base) => base.clone(),
            None => Url::parse(SLACK).context("Slack's address")?,
        };
        anyhow::ensure!(matches!(base.scheme(), "http" | "https"), "slack.api_url must begin with http:// or https://");
        anyhow::ensure!(base.host_str().is_some(), "slack.api_url must name a host");
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .context("TLS cannot be set up")?;
        let https = if base.scheme() == "https" { https.https_only() } else { https.https_or_http() };
        let connector = Connector::with_connector(Bounded::new(https.enable_http1().build(), ANSWER_BYTES))
            .with_slack_api_url(base.as_str().trim_end_matches('/'));
        let client = Arc::new(SlackClient::new(connector));
        Ok(Self { client, hooks: OnceLock::new(), bot: token(bot_token), base, is_slack, timeout })
    }

    /// Returns the SDK's client, for Socket Mode.
    pub(super) fn client(&self) -> &Arc<SlackClient<Connector>> {
        &self.client
    }

    /// Returns when a call that begins now must have ended.
    pub(super) fn deadline(&self) -> Instant {
        real::now() + self.timeout
    }

    /// Returns the address of a method.
    pub(super) fn method_url(&self, method: &str) -> String {
        format!("{}/{method}", self.base.as_str().trim_end_matches('/'))
    }

    /// Calls a method with a JSON body.
    pub(super) async fn post(&self, method: &str, body: &Value, deadline: Instant) -> Result<Value, CallError> {
        self.post_as(&self.bot, method, body, deadline).await
    }

    /// Calls a method with another token.
    pub(super) async fn post_as(
        &self,
        token: &SlackApiToken,
        method: &str,
        body: &Value,
        deadline: Instant,
    ) -> Result<Value, CallError> {
        let session = self.client.open_session(token);
        within(deadline, session.http_session_api.http_post::<Value, Value>(method, body, None))
            .await
            .and_then(succeeded)
    }

    /// Calls a method that reads.
    pub(super) async fn get(
        &self,
        method: &str,
        params: &[(&str, String)],
        deadline: Instant,
    ) -> Result<Value, CallError> {
        let params: Vec<(&str, Option<&str>)> =
            params.iter().map(|(key, value)| (*key, Some(value.as_str()))).collect();
        let session = self.client.open_session(&self.bot);
        within(deadline, session.http_session_api.http_get::<Value, _, _>(method, &params, None))
            .await
            .and_then(succeeded)
    }

    /// Answers through a `response_url`, which is a secret and gets no token. Only Slack's own host for such addresses
    /// is called, or the host of another base address.
    pub(super) async fn respond(&self, url: &str, body: &Value, deadline: Instant) -> Result<(), CallError> {
        let url = Url::parse(url).map_err(|_| CallError::Refused("invalid_response_url".to_owned()))?;
        if !self.may_respond_to(&url) {
            return Err(CallError::Refused("foreign_response_url".to_owned()));
        }
        // Not through the SDK, which turns any text that is not JSON into an empty answer. A login page would then pass
        // for Slack's `ok`.
        let call = async {
            let answer = self.hooks()?.post(url).json(body).send().await.map_err(|error| {
                if error.is_connect() || error.is_builder() { CallError::NotSent } else { CallError::Lost }
            })?;
            let status = answer.status().as_u16();
            let wait = answer.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
            let mut said = Vec::new();
            let mut answer = answer;
            while let Some(part) = answer.chunk().await.map_err(|_| CallError::Lost)? {
                said.extend_from_slice(&part);
                if said.len() > ANSWER_BYTES {
                    return Err(CallError::Unreadable);
                }
            }
            responded(status, wait, &String::from_utf8_lossy(&said))
        };
        tokio::time::timeout_at(deadline, call).await.unwrap_or(Err(CallError::Lost))
    }

    /// Returns the client for `response_url`s.
    fn hooks(&self) -> Result<&reqwest::Client, CallError> {
        if let Some(hooks) = self.hooks.get() {
            return Ok(hooks);
        }
        // Proxies from the environment are not used, since the address is a secret.
        let plain =
            reqwest::Client::builder().timeout(self.timeout).redirect(reqwest::redirect::Policy::none()).no_proxy();
        let made = plain.build().map_err(|_| CallError::NotSent)?;
        Ok(self.hooks.get_or_init(|| made))
    }

    /// Whether the base address is Slack's own.
    pub(super) const fn is_slack(&self) -> bool {
        self.is_slack
    }

    /// Whether a socket at this address is on the host of the other base address.
    pub(super) fn may_connect_to(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "ws" | "wss") && url.host_str() == self.base.host_str())
    }

    fn may_respond_to(&self, url: &Url) -> bool {
        if self.is_slack {
            url.scheme() == "https" && url.host_str() == Some("hooks.slack.com") && url.port().is_none()
        } else {
            url.scheme() == self.base.scheme() && url.host_str() == self.base.host_str()
        }
    }
}

/// Converts a token to the SDK's type.
pub(super) fn token(secret: &SecretString) -> SlackApiToken {
    SlackApiToken::new(secret.expose_secret().into())
}

impl CallError {
    /// Returns Slack's error code, if it refused.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(code) => Some(code),
            _ => None,
        }
    }

    /// Whether Slack refused the token, so that an operator must renew it.
    pub(super) fn is_about_the_token(&self) -> bool {
        const CODES: &[&str] = &[
            "invalid_auth",
            "not_authed",
            "account_inactive",
            "token_revoked",
            "token_expired",
            "not_allowed_token_type",
        ];
        self.code().is_some_and(|code| CODES.contains(&code))
    }

    /// Returns the wait before another try; zero if Slack names none. `None` if another try is pointless.
    pub(super) fn passes_after(&self) -> Option<Duration> {
        const CODES: &[&str] =
            &["fatal_error", "internal_error", "request_timeout", "service_unavailable", "ratelimited", "rate_limited"];
        match self {
            Self::RateLimited(retry_after) => Some(*retry_after),
            Self::Refused(code) => CODES.contains(&code.as_str()).then_some(Duration::ZERO),
            Self::Status(_) | Self::Foreign(_) | Self::NotSent | Self::Lost | Self::Unreadable => Some(Duration::ZERO),
        }
    }

    /// Translates the error for the dispatcher.
    pub(super) fn into_delivery(self, repeat: Repeat) -> DeliveryError {
        let detail = self.to_string();
        let away = |cause| DeliveryError::Away { cause, detail: detail.clone() };
        let unsure = |cause| match (repeat, cause) {
            // A proxy that answers itself has not passed the request on, so nothing was done. A post is looked for all
            // the same.
            (Repeat::Harmless, _) | (Repeat::Unfindable, Absence::Between) => away(cause),
            (Repeat::Doubles | Repeat::Unfindable, _) => DeliveryError::Unknown { cause, detail: detail.clone() },
        };
        let is_token = self.is_about_the_token();
        match self {
            Self::RateLimited(retry_after) => DeliveryError::RateLimited { retry_after, global: false },
            Self::NotSent => away(Absence::Unreachable),
            // A gateway that got no answer does not know whether the post was made.
            Self::Status(502 | 504) if repeat == Repeat::Doubles => unsure(Absence::Failing),
            Self::Status(_) => away(Absence::Failing),
            Self::Lost => unsure(Absence::Failing),
            // Slack uses no redirects and no other success status.
            Self::Unreadable | Self::Foreign(..400) => unsure(Absence::Between),
            Self::Foreign(_) => away(Absence::Between),
            Self::Refused(_) if is_token => away(Absence::Token),
            Self::Refused(code) => match code.as_str() {
                // "It's possible some aspect of the operation succeeded before the error was raised."
                "fatal_error" | "internal_error" | "request_timeout" => unsure(Absence::Failing),
                "service_unavailable" => away(Absence::Failing),
                "ratelimited" | "rate_limited" => {
                    DeliveryError::RateLimited { retry_after: UNSAID_RETRY_AFTER, global: false }
                }
                code => match reason(code) {
                    Some(reason) => DeliveryError::Permanent { reason, detail },
                    None => DeliveryError::Temporary(detail),
                },
            },
        }
    }
}

/// Returns the reason if an error code is final for a delivery. `None` if the cause may pass or the code is unknown.
fn reason(code: &str) -> Option<Undeliverable> {
    let reason = match code {
        "is_archived" | "not_in_channel" | "channel_not_found" | "channel_is_archived" => Undeliverable::ChannelClosed,
        "cannot_dm_bot" | "user_disabled" | "user_not_visible" | "cannot_dm_user" => Undeliverable::DirectClosed,
        "message_not_found"
        | "thread_not_found"
        | "cant_update_message"
        | "edit_window_closed"
        | "user_not_found"
        | "users_not_found"
        | "no_such_subteam"
        | "subteam_not_found"
        | "cannot_reply_to_message" => Undeliverable::Gone,
        "missing_scope"
        | "no_permission"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_non_threadable_channel"
        | "restricted_action_thread_locked"
        | "posting_to_general_channel_denied"
        | "messages_tab_disabled"
        | "accesslimited"
        | "enterprise_is_restricted"
        | "access_denied"
        | "ekm_access_denied"
        | "team_access_not_granted"
        | "cant_delete_message"
        | "compliance_exports_prevent_deletion"
        | "not_allowed" => Undeliverable::NotPermitted,
        "invalid_blocks"
        | "invalid_blocks_format"
        | "msg_too_long"
        | "msg_blocks_too_long"
        | "no_text"
        | "too_many_attachments"
        | "invalid_arguments"
        | "invalid_arg_name"
        | "invalid_metadata_format"
        | "invalid_metadata_schema"
        | "metadata_too_large"
        | "invalid_json"
        | "json_not_object"
        | "missing_post_type"
        | "invalid_response_url"
        | "foreign_response_url" => Undeliverable::Invalid,
        "expired_url" | "used_url" | "expired_trigger_id" | "trigger_expired" => Undeliverable::Expired,
        _ => return None,
    };
    Some(reason)
}

async fn within(
    deadline: Instant,
    call: impl Future<Output = Result<Value, SlackClientError>>,
) -> Result<Value, CallError> {
    if real::now() >= deadline {
        return Err(CallError::NotSent);
    }
    match tokio::time::timeout_at(deadline, call).await {
        Ok(Ok(answer)) => Ok(answer),
        // The SDK's parser may refuse people's words that the lenient parser can read.
        Ok(Err(SlackClientError::ProtocolError(failure))) => {
            failure.json_body.and_then(|body| lenient::json(body.as_bytes())).ok_or(CallError::Unreadable)
        }
        Ok(Err(error)) => Err(translate_error(error)),
        Err(_) => Err(CallError::Lost),
    }
}

/// Translates the SDK's error, leaving out bodies and addresses.
fn translate_error(error: SlackClientError) -> CallError {
    match error {
        SlackClientError::ApiError(refusal) => match error_code_in(refusal.http_response_body.as_deref()) {
            Some(code) => CallError::Refused(code),
            None => CallError::Unreadable,
        },
        SlackClientError::RateLimitError(limit) => {
            metrics::refusal(PlatformName::Slack);
            CallError::RateLimited(limit.retry_after.unwrap_or(UNSAID_RETRY_AFTER))
        }
        SlackClientError::HttpError(answer) => {
            let status = answer.status_code.as_u16();
            match error_code_in(answer.http_response_body.as_deref()) {
                _ if is_failing(status) => CallError::Status(status),
                Some(code) => CallError::Refused(code),
                None => CallError::Foreign(status),
            }
        }
        SlackClientError::ProtocolError(_) => CallError::Unreadable,
        SlackClientError::HttpProtocolError(failure) => {
            let cause =
                failure.cause.as_ref().and_then(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>());
            if cause.is_some_and(hyper_util::client::legacy::Error::is_connect) {
                CallError::NotSent
            } else {
                CallError::Lost
            }
        }
        SlackClientError::EndOfStream(_)
        | SlackClientError::SystemError(_)
        | SlackClientError::SocketModeProtocolError(_) => CallError::Lost,
    }
}

/// Returns Slack's error code in a refusal. `None` if the refusal is not Slack's, which contains `"ok": false`.
fn error_code_in(body: Option<&str>) -> Option<String> {
    let said = serde_json::from_str::<Value>(body?).ok()?;
    (said["ok"] == false).then(|| said["error"].as_str().map(str::to_owned)).flatten()
}

const fn is_failing(status: u16) -> bool {
    status >= 500 || status == 408
}

/// Returns the result of a call of a `response_url`. Slack answers with the bare word `ok`, with JSON, or with nothing.
fn responded(status: u16, wait_s: Option<u64>, said: &str) -> Result<(), CallError> {
    let said = said.trim();
    match status {
        200..300 if said.is_empty() || said == "ok" => Ok(()),
        200..300 => match serde_json::from_str::<Value>(said) {
            Ok(answer) if answer["ok"] == true => Ok(()),
            _ => error_code_in(Some(said)).map_or(Err(CallError::Unreadable), |code| Err(CallError::Refused(code))),
        },
        429 => {
            metrics::refusal(PlatformName::Slack);
            Err(CallError::RateLimited(wait_s.map_or(UNSAID_RETRY_AFTER, Duration::from_secs)))
        }
        _ if is_failing(status) => Err(CallError::Status(status)),
        // Some of Slack's errors come as a bare word, too.
        _ if ["used_url", "expired_url", "no_text", "invalid_payload"].contains(&said) => {
            Err(CallError::Refused(said.to_owned()))
        }
        _ => Err(error_code_in(Some(said)).map_or(CallError::Foreign(status), CallError::Refused)),
    }
}

/// Accepts only an answer with `"ok": true`.
fn succeeded(answer: Value) -> Result<Value, CallError> {
    if answer["ok"] == true { Ok(answer) } else { Err(CallError::Unreadable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(base: Option<&str>) -> Api {
        let base = base.map(|base| Url::parse(base).expect("a URL"));
        Api::new(&SecretString::from("xoxb-1"), base.as_ref(), Duration::from_secs(1)).expect("an API")
    }

    #[test]
    fn answers_go_to_slack_or_to_the_other_base_and_nowhere_else() {
        let may = |base, url| api(base).may_respond_to(&Url::parse(url).expect("a URL"));
        assert!(may(None, "https://hooks.slack.com/actions/T1/2/x"));
        for url in [
            "http://hooks.slack.com/x",
            "https://hooks.slack.com.evil.example/x",
            "https://slack.com/x",
            "https://hooks.slack.com:1/x",
        ] {
            assert!(!may(None, url), "{url}");
        }
        assert!(may(Some("http://127.0.0.1:4000/api"), "http://127.0.0.1:4000/hooks/1"));
        assert!(!may(Some("http://127.0.0.1:4000/api"), "https://hooks.slack.com/actions/T1/2/x"));
    }

    #[test]
    fn with_another_base_sockets_are_on_its_host() {
        let elsewhere = api(Some("http://127.0.0.1:4000/api"));
        assert!(elsewhere.may_connect_to("ws://127.0.0.1:4001/link?ticket=1"));
        for url in ["wss://wss-primary.slack.com/link/?ticket=1", "ws://127.0.0.2/", "http://127.0.0.1:4000/", ""] {
            assert!(!elsewhere.may_connect_to(url), "{url}");
        }
    }

    #[test]
    fn errors_say_whether_it_was_done() {
        let away = |error: CallError, repeat| match error.into_delivery(repeat) {
            DeliveryError::Away { cause, .. } => Some((false, cause)),
            DeliveryError::Unknown { cause, .. } => Some((true, cause)),
            _ => None,
        };
        let (unsure, undone) = (|cause| Some((true, cause)), |cause| Some((false, cause)));
        for (error, doubles, harmless, unfindable) in [
            (CallError::Lost, unsure(Absence::Failing), undone(Absence::Failing), unsure(Absence::Failing)),
            (
                CallError::NotSent,
                undone(Absence::Unreachable),
                undone(Absence::Unreachable),
                undone(Absence::Unreachable),
            ),
            (CallError::Status(503), undone(Absence::Failing), undone(Absence::Failing), undone(Absence::Failing)),
            (CallError::Status(504), unsure(Absence::Failing), undone(Absence::Failing), undone(Absence::Failing)),
            (CallError::Foreign(403), undone(Absence::Between), undone(Absence::Between), undone(Absence::Between)),
            (CallError::Foreign(302), unsure(Absence::Between), undone(Absence::Between), undone(Absence::Between)),
            (CallError::Unreadable, unsure(Absence::Between), undone(Absence::Between), undone(Absence::Between)),
        ] {
            assert_eq!(away(error.clone(), Repeat::Doubles), doubles, "{error}");
            assert_eq!(away(error.clone(), Repeat::Harmless), harmless, "{error}");
            assert_eq!(away(error.clone(), Repeat::Unfindable), unfindable, "{error}");
        }
        let archived = CallError::Refused("is_archived".to_owned()).into_delivery(Repeat::Doubles);
        assert!(matches!(archived, DeliveryError::Permanent { reason: Undeliverable::ChannelClosed, .. }));
        let revoked = CallError::Refused("token_revoked".to_owned());
        assert!(revoked.is_about_the_token());
        assert_eq!(away(revoked, Repeat::Doubles), undone(Absence::Token));
        let unheard_of = CallError::Refused("something_new".to_owned()).into_delivery(Repeat::Doubles);
        assert!(matches!(unheard_of, DeliveryError::Temporary(_)));
    }

    #[test]
    fn only_slacks_own_words_are_a_refusal() {
        assert_eq!(error_code_in(Some(r#"{"ok":false,"error":"is_archived"}"#)), Some("is_archived".to_owned()));
        for foreign in ["", "{}", "null", "<html>blocked</html>", r#"{"error":"forbidden"}"#, r#"{"ok":true}"#, "[]"] {
            assert_eq!(error_code_in(Some(foreign)), None, "{foreign}");
        }
        for fine in ["", "ok", " ok\n", r#"{"ok":true}"#] {
            assert_eq!(responded(200, None, fine), Ok(()), "{fine}");
        }
        assert_eq!(responded(200, None, "<html>sign in</html>"), Err(CallError::Unreadable));
        assert_eq!(responded(404, None, "used_url"), Err(CallError::Refused("used_url".to_owned())));
        assert_eq!(responded(404, None, "<html>"), Err(CallError::Foreign(404)));
        assert_eq!(responded(503, None, r#"{"ok":false,"error":"x"}"#), Err(CallError::Status(503)));
        assert_eq!(responded(429, Some(7), ""), Err(CallError::RateLimited(Duration::from_secs(7))));
    }
}
