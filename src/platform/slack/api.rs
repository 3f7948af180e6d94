//! Calls of the Web API: through the SDK's client, each within a time, with errors that hold no secrets.
//!
//! Requests and answers are JSON as Slack documents it rather than the SDK's types: what those leave out (metadata, new
//! fields) or lose (a message's text, if another field of it does not parse) cannot be left out or lost here. The SDK's
//! own throttle is off: it holds all posts of a workspace to one per second, while Slack counts by channel.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hyper_util::client::legacy::connect::HttpConnector;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::SlackClientHyperConnector;
use slack_morphism::{SlackApiToken, SlackClient, SlackClientApiCallContext, SlackClientHttpConnector as _};
use tokio::time::Instant;
use url::Url;

use super::bounded::Bounded;
use crate::domain::effect::Undeliverable;
use crate::domain::ids::PlatformName;
use crate::metrics;
use crate::platform::{ANSWER_BYTES, DeliveryError};

/// Where Slack itself answers.
const SLACK: &str = "https://slack.com/api";
/// How long to wait where Slack does not say.
const UNSAID_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The connector below the SDK's client.
pub(super) type Connector = SlackClientHyperConnector<Bounded<hyper_rustls::HttpsConnector<HttpConnector>>>;

/// The Web API at one base address, with the bot's token.
pub(super) struct Api {
    client: Arc<SlackClient<Connector>>,
    bot: SlackApiToken,
    base: Url,
    is_slack: bool,
    timeout: Duration,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// Slack asks to wait. Nothing was done.
    #[error("rate limited")]
    RateLimited(Duration),
    /// Slack refused, in its own word.
    #[error("{0}")]
    Refused(String),
    /// Another HTTP status than 200 and 429.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The request did not leave.
    #[error("no connection")]
    NotSent,
    /// The request left, and no answer came (in time).
    #[error("no answer")]
    Lost,
    /// The answer is none of Slack's: no JSON, or JSON that makes no sense.
    #[error("the answer cannot be read")]
    Unreadable,
}

/// What it means for a call if its outcome is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It can be repeated without harm.
    Harmless,
    /// It must not be repeated without looking.
    Doubles,
}

impl Api {
    /// The API at `base` (Slack's own if there is none).
    ///
    /// # Errors
    /// If the address is of no use.
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
        Ok(Self { client, bot: token(bot_token), base, is_slack, timeout })
    }

    /// The SDK's client, for Socket Mode.
    pub(super) fn client(&self) -> &Arc<SlackClient<Connector>> {
        &self.client
    }

    /// When a call that begins now must have ended.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Address of a method.
    pub(super) fn method_url(&self, method: &str) -> String {
        format!("{}/{method}", self.base.as_str().trim_end_matches('/'))
    }

    /// Calls a method with a JSON body.
    pub(super) async fn post(&self, method: &str, body: &Value, deadline: Instant) -> Result<Value, CallError> {
        self.post_as(&self.bot, method, body, deadline).await
    }

    /// The same with another token.
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

    /// Answers through a `response_url`, which is a secret, and gets no token. Only Slack's own host for these, or the
    /// host of the other base address, is ever written to.
    pub(super) async fn respond(&self, url: &str, body: &Value, deadline: Instant) -> Result<(), CallError> {
        let url = Url::parse(url).map_err(|_| CallError::Refused("invalid_response_url".to_owned()))?;
        if !self.may_respond_to(&url) {
            return Err(CallError::Refused("foreign_response_url".to_owned()));
        }
        let span = tracing::Span::none();
        let context = SlackClientApiCallContext {
            rate_control_params: None,
            token: None,
            tracing_span: &span,
            is_sensitive_url: true,
        };
        let connector = &self.client.http_api.connector;
        match within(deadline, connector.http_post_uri::<Value, Value>(url, body, context)).await {
            // Slack answers these with the bare word `ok`.
            Ok(_) | Err(CallError::Unreadable) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether this is Slack itself, not what stands in its place.
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

/// A token as the SDK wants it.
pub(super) fn token(secret: &SecretString) -> SlackApiToken {
    SlackApiToken::new(secret.expose_secret().into())
}

impl CallError {
    /// Slack's word, if it refused.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(code) => Some(code),
            _ => None,
        }
    }

    /// Whether the token is of no use, so that an operator must mend it.
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

    /// How long to wait before asking again, if that may help; zero where Slack names no time.
    pub(super) fn passes_after(&self) -> Option<Duration> {
        const CODES: &[&str] =
            &["fatal_error", "internal_error", "request_timeout", "service_unavailable", "ratelimited", "rate_limited"];
        match self {
            Self::RateLimited(retry_after) => Some(*retry_after),
            Self::Refused(code) => CODES.contains(&code.as_str()).then_some(Duration::ZERO),
            Self::Status(status) => (*status < 400 || *status >= 500 || *status == 408).then_some(Duration::ZERO),
            Self::NotSent | Self::Lost | Self::Unreadable => Some(Duration::ZERO),
        }
    }

    /// What the dispatcher is to make of it.
    pub(super) fn into_delivery(self, repeat: Repeat) -> DeliveryError {
        let unsure = |detail: String| match repeat {
            Repeat::Harmless => DeliveryError::Temporary(detail),
            Repeat::Doubles => DeliveryError::Unknown(detail),
        };
        let detail = self.to_string();
        match self {
            Self::RateLimited(retry_after) => DeliveryError::RateLimited { retry_after, global: false },
            Self::NotSent | Self::Status(500..) => DeliveryError::Temporary(detail),
            // Slack neither redirects nor succeeds in another way: somebody between has answered.
            Self::Lost | Self::Unreadable | Self::Status(..400) => unsure(detail),
            Self::Status(_) => DeliveryError::Permanent { reason: Undeliverable::Invalid, detail },
            Self::Refused(code) => match code.as_str() {
                // "It's possible some aspect of the operation succeeded before the error was raised."
                "fatal_error" | "internal_error" | "request_timeout" => unsure(code),
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

/// Why Slack's word is final; `None` for what may pass, or be mended, and for words that are not known.
fn reason(code: &str) -> Option<Undeliverable> {
    let reason = match code {
        "is_archived"
        | "not_in_channel"
        | "channel_not_found"
        | "channel_is_archived"
        | "posting_to_general_channel_denied" => Undeliverable::ChannelClosed,
        "cannot_dm_bot" | "user_disabled" | "messages_tab_disabled" | "user_not_visible" | "cannot_dm_user" => {
            Undeliverable::DirectClosed
        }
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

async fn within<T>(deadline: Instant, call: impl Future<Output = Result<T, SlackClientError>>) -> Result<T, CallError> {
    if Instant::now() >= deadline {
        return Err(CallError::NotSent);
    }
    match tokio::time::timeout_at(deadline, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(plain(error)),
        Err(_) => Err(CallError::Lost),
    }
}

/// The SDK's error without what it holds of bodies and addresses.
fn plain(error: SlackClientError) -> CallError {
    match error {
        SlackClientError::ApiError(refusal) => CallError::Refused(refusal.code),
        SlackClientError::RateLimitError(limit) => {
            metrics::refusal(PlatformName::Slack);
            CallError::RateLimited(limit.retry_after.unwrap_or(UNSAID_RETRY_AFTER))
        }
        SlackClientError::HttpError(answer) => CallError::Status(answer.status_code.as_u16()),
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

/// An answer that does not say `"ok": true` is none.
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
        let lost = CallError::Lost;
        assert!(matches!(lost.clone().into_delivery(Repeat::Doubles), DeliveryError::Unknown(_)));
        assert!(matches!(lost.into_delivery(Repeat::Harmless), DeliveryError::Temporary(_)));
        assert!(matches!(CallError::NotSent.into_delivery(Repeat::Doubles), DeliveryError::Temporary(_)));
        let archived = CallError::Refused("is_archived".to_owned()).into_delivery(Repeat::Doubles);
        assert!(matches!(archived, DeliveryError::Permanent { reason: Undeliverable::ChannelClosed, .. }));
        assert!(matches!(CallError::Status(302).into_delivery(Repeat::Doubles), DeliveryError::Unknown(_)));
        let revoked = CallError::Refused("token_revoked".to_owned());
        assert!(revoked.is_about_the_token());
        assert!(matches!(revoked.into_delivery(Repeat::Doubles), DeliveryError::Temporary(_)));
    }
}
