//! Calls to Discord's REST API.
//!
//! The paths come from the library ([`serenity::http::Route`]). The requests are made by a client of this project,
//! because:
//! - the library's rate limiter ignores its `proxy` setting, so that requests (and the token) would reach the real
//!   Discord although another base URL is set; without the limiter, the `retry_after` of a 429 is lost;
//! - the limiter retries a 429 for ever inside the call, beyond any lease, but the dispatcher must decide on retries;
//! - `Request::build` writes the whole request, with an interaction's token and people's words, into a tracing span.
//!
//! Only [`Rest::call_patiently`] retries, after a rate limit. A rate-limit bucket that is known to be empty is not used
//! before its reset. When refusals come near the number at which Discord bans an address, no calls are made for a
//! while.
//!
//! Sources: <https://docs.discord.com/developers/topics/rate-limits>, <https://docs.discord.com/developers/reference>.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::redirect;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use serenity::http::{LightMethod, RatelimitingBucket, Route};
use url::Url;

use super::errors::code;
use crate::clock::Clock;
use crate::domain::ids::PlatformName;
use crate::domain::limits::discord as limits;
use crate::metrics;
use crate::platform::{ANSWER_BYTES, Absence, lenient};

/// The address of the real Discord, with which the library's routes begin.
const DISCORD: &str = "https://discord.com";
/// The number of refusals from which on no calls are made: four fifths of the number at which Discord bans.
const REFUSALS_STOP: usize = limits::REFUSALS.count as usize / 5 * 4;
/// The wait if Discord names none.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);
/// The number of known buckets from which on those past their reset are forgotten.
const BUCKETS_KEPT: usize = 1_024;

/// Why a call did not succeed. No text in it holds a token or an address.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum RestError {
    /// Nothing was done: Discord asks to wait, a limit is known to be used up, or a ban is near.
    #[error("rate limited for {retry_after:?}")]
    RateLimited { retry_after: Duration, global: bool },
    /// Discord as a whole accepts no calls at the moment: it cannot be reached, it answers with 5xx or 408, or somebody
    /// in between refuses the call. The call counts as not done.
    #[error("{detail}")]
    Away { cause: Absence, detail: String },
    /// The request was sent, and nothing shows whether Discord carried it out: the answer is missing, or it reports no
    /// refusal and is not in Discord's form.
    #[error("{detail}")]
    Unknown { cause: Absence, detail: String },
    /// Nothing was done: Discord refuses the token, and an operator must renew it.
    #[error("401: Discord refuses the bot's token")]
    Unauthorized,
    /// Discord refused the call.
    #[error("{status}: {message} ({code})")]
    Refused { status: u16, code: u64, message: String },
}

impl RestError {
    /// Returns the error for an answer that is not in Discord's form or lacks a required field.
    pub(super) fn nonsense(detail: impl Into<String>) -> Self {
        Self::Unknown { cause: Absence::Between, detail: detail.into() }
    }

    /// Whether Discord refused with this code.
    pub(super) fn is(&self, wanted: u64) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == wanted)
    }

    /// Whether Discord refused with this HTTP status.
    pub(super) fn is_status(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }
}

/// A client for the REST API.
pub(super) struct Rest {
    client: reqwest::Client,
    base: String,
    authorization: HeaderValue,
    clock: Clock,
    memory: Mutex<Memory>,
    told_unauthorized: AtomicBool,
}

#[derive(Default)]
struct Memory {
    buckets: HashMap<BucketKey, Bucket>,
    global_until: Option<Timestamp>,
    refusals: VecDeque<Timestamp>,
}

type BucketKey = (LightMethod, RatelimitingBucket);

struct Bucket {
    remaining: u32,
    reset: Timestamp,
}

impl Rest {
    /// Creates a client for the API at `api_url`, or for the real Discord.
    pub(super) fn new(
        token: &SecretString,
        api_url: Option<&Url>,
        timeout: Duration,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let mut authorization = HeaderValue::from_str(&format!("Bot {}", bare(token.expose_secret())))
            .ok()
            .context("the Discord token holds characters that no token has")?;
        authorization.set_sensitive(true);
        let mut builder = reqwest::Client::builder().timeout(timeout).redirect(redirect::Policy::none());
        if api_url.is_some() {
            builder = builder.no_proxy();
        }
        let client = builder.build().context("the HTTP client cannot be built")?;
        let base = api_url.map_or_else(|| DISCORD.to_owned(), |url| url.as_str().trim_end_matches('/').to_owned());
        let told_unauthorized = AtomicBool::new(false);
        Ok(Self { client, base, authorization, clock, memory: Mutex::default(), told_unauthorized })
    }

    /// Calls a route with the bot's token.
    pub(super) async fn call(
        &self,
        method: LightMethod,
        route: Route<'_>,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, RestError> {
        let path = route.path();
        let path = path.strip_prefix(DISCORD).unwrap_or(&path);
        let is_interaction = matches!(
            route,
            Route::InteractionResponse { .. }
                | Route::WebhookOriginalInteractionResponse { .. }
                | Route::WebhookFollowupMessages { .. }
                | Route::WebhookFollowupMessage { .. }
        );
        // The buckets of interactions depend on the token in the path, which the library's bucket ignores.
        let bucket = (!is_interaction).then(|| (method, route.ratelimiting_bucket()));
        self.request(method, path, bucket, query, body).await
    }

    /// Calls a path that the library has no route for.
    pub(super) async fn get_path(&self, path: &str) -> Result<Value, RestError> {
        self.request(LightMethod::Get, path, None, &[], None).await
    }

    /// Calls a route. Waits for rate limits, up to a minute in total, and then repeats the call.
    pub(super) async fn call_patiently(
        &self,
        method: LightMethod,
        route: Route<'_>,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, RestError> {
        let mut patience = Duration::from_secs(60);
        loop {
            match self.call(method, route, query, body).await {
                Err(RestError::RateLimited { retry_after, .. }) if retry_after <= patience => {
                    patience -= retry_after;
                    self.clock.sleep(retry_after).await;
                }
                other => return other,
            }
        }
    }

    async fn request(
        &self,
        method: LightMethod,
        path: &str,
        bucket: Option<BucketKey>,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, RestError> {
        self.take_call(bucket)?;
        let mut request = self
            .client
            .request(method.reqwest_method(), format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(USER_AGENT, concat!("DiscordBot (deskbell, ", env!("CARGO_PKG_VERSION"), ")"));
        if !query.is_empty() {
            request = request.query(query);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| unsent_or_unknown(&error))?;
        let status = response.status().as_u16();
        self.note_limits(bucket, response.headers());
        let headers = response.headers().clone();
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|_| lost("the answer was cut off"))? {
            if answer.len() + part.len() > ANSWER_BYTES {
                return Err(RestError::nonsense("the answer is longer than any of Discord's"));
            }
            answer.extend_from_slice(&part);
        }
        if (200..300).contains(&status) {
            self.told_unauthorized.store(false, Ordering::Relaxed);
            if answer.is_empty() {
                return Ok(Value::Null);
            }
            return lenient::json(&answer).ok_or_else(|| RestError::nonsense("the answer cannot be read"));
        }
        Err(self.failed(status, bucket, &headers, serde_json::from_slice(&answer).ok().filter(is_discords)))
    }

    /// Fails if a limit is known to be used up, or after too many refusals. Otherwise takes one call from the bucket.
    fn take_call(&self, bucket: Option<BucketKey>) -> Result<(), RestError> {
        let now = self.clock.now();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        while memory.refusals.front().is_some_and(|first| after(*first, limits::REFUSALS.per) <= now) {
            memory.refusals.pop_front();
        }
        if memory.refusals.len() >= REFUSALS_STOP
            && let Some(first) = memory.refusals.front()
        {
            return Err(wait(after(*first, limits::REFUSALS.per), now, true));
        }
        let Some(key) = bucket else { return Ok(()) };
        if let Some(until) = memory.global_until.filter(|until| *until > now) {
            return Err(wait(until, now, true));
        }
        if let Some(known) = memory.buckets.get_mut(&key).filter(|known| known.reset > now) {
            if known.remaining == 0 {
                return Err(wait(known.reset, now, false));
            }
            known.remaining -= 1;
        }
        Ok(())
    }

    fn note_limits(&self, bucket: Option<BucketKey>, headers: &HeaderMap) {
        let Some(key) = bucket else { return };
        let remaining = header(headers, "x-ratelimit-remaining").and_then(|text| text.parse().ok());
        let reset_after = header(headers, "x-ratelimit-reset-after").and_then(seconds);
        let (Some(remaining), Some(reset_after)) = (remaining, reset_after) else { return };
        let now = self.clock.now();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.buckets.len() >= BUCKETS_KEPT {
            memory.buckets.retain(|_, bucket| bucket.reset > now);
        }
        memory.buckets.insert(key, Bucket { remaining, reset: after(now, reset_after) });
    }

    /// Translates an answer with this status. `own` is the answer's body, if it is in Discord's form.
    fn failed(&self, status: u16, bucket: Option<BucketKey>, headers: &HeaderMap, own: Option<Value>) -> RestError {
        let now = self.clock.now();
        if status == 429 {
            let body = own.clone().unwrap_or_default();
            metrics::refusal(PlatformName::Discord);
            let told = body["retry_after"].as_f64().and_then(|secs| Duration::try_from_secs_f64(secs).ok());
            let retry_after =
                told.or_else(|| header(headers, "retry-after").and_then(seconds)).unwrap_or(RETRY_AFTER_DEFAULT);
            // An answer that is not in Discord's form comes from Cloudflare, which counts all calls.
            let global = body["global"] == true || header(headers, "x-ratelimit-global").is_some() || own.is_none();
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            // A limit shared by all bots of a channel does not count towards a ban.
            if header(headers, "x-ratelimit-scope") != Some("shared") {
                memory.refusals.push_back(now);
            }
            let until = after(now, retry_after);
            if global {
                memory.global_until = Some(until);
            } else if let Some(key) = bucket {
                memory.buckets.insert(key, Bucket { remaining: 0, reset: until });
            }
            return RestError::RateLimited { retry_after, global };
        }
        if status >= 500 || status == 408 {
            return RestError::Away { cause: Absence::Failing, detail: format!("Discord answers {status}") };
        }
        let detail = format!("the answer is a {status} without Discord's own words: a proxy or firewall has answered");
        let Some(body) = own else {
            return if status < 400 {
                RestError::nonsense(detail)
            } else {
                RestError::Away { cause: Absence::Between, detail }
            };
        };
        if status == 401 || status == 403 {
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).refusals.push_back(now);
        }
        let code = body["code"].as_u64().unwrap_or_default();
        // An expired interaction token is refused with 401, too.
        if status == 401 && code != code::INVALID_WEBHOOK_TOKEN {
            if !self.told_unauthorized.swap(true, Ordering::Relaxed) {
                tracing::error!("Discord refuses the bot's token: make a new one, set discord.token, and restart");
            }
            return RestError::Unauthorized;
        }
        let mut message = body["message"].as_str().unwrap_or("refused").to_owned();
        if let Some(errors) = body.get("errors") {
            message.push(' ');
            message.extend(errors.to_string().chars().take(300));
        }
        RestError::Refused { status, code, message }
    }
}

/// Returns the token without a leading `Bot `.
pub(super) fn bare(token: &str) -> &str {
    token.trim().trim_start_matches("Bot ").trim()
}

/// Whether a body is an error of Discord's: <https://docs.discord.com/developers/reference#error-messages>.
fn is_discords(body: &Value) -> bool {
    body["message"].is_string() && (body["code"].is_u64() || body["retry_after"].is_number())
}

fn unsent_or_unknown(error: &reqwest::Error) -> RestError {
    // The error's own text contains the address, which may contain an interaction token.
    if error.is_connect() || error.is_builder() {
        RestError::Away { cause: Absence::Unreachable, detail: "Discord cannot be reached".to_owned() }
    } else if error.is_timeout() {
        lost("no answer in time")
    } else {
        lost("the connection was cut")
    }
}

fn lost(detail: &str) -> RestError {
    RestError::Unknown { cause: Absence::Failing, detail: detail.to_owned() }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

fn after(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn wait(until: Timestamp, now: Timestamp, global: bool) -> RestError {
    let retry_after = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    RestError::RateLimited { retry_after, global }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serenity::model::id::ChannelId;

    use super::*;

    fn rest() -> Rest {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 0.0);
        let url = Url::parse("http://127.0.0.1:9/").expect("is an address");
        Rest::new(&SecretString::from("secret".to_owned()), Some(&url), Duration::from_secs(1), clock).expect("works")
    }

    fn key(channel: u64) -> Option<BucketKey> {
        let route = Route::ChannelMessages { channel_id: ChannelId::new(channel) };
        Some((LightMethod::Post, route.ratelimiting_bucket()))
    }

    #[test]
    fn an_empty_bucket_is_not_called_before_its_reset() {
        let rest = rest();
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining", HeaderValue::from_static("1"));
        headers.insert("x-ratelimit-reset-after", HeaderValue::from_static("4.5"));
        rest.note_limits(key(1), &headers);
        assert_eq!(rest.take_call(key(1)), Ok(()));
        let retry_after = Duration::from_millis(4_500);
        assert_eq!(rest.take_call(key(1)), Err(RestError::RateLimited { retry_after, global: false }));
        assert_eq!(rest.take_call(key(2)), Ok(()));
        rest.clock.advance(retry_after);
        assert_eq!(rest.take_call(key(1)), Ok(()));
    }

    #[test]
    fn refusals_near_a_ban_stop_every_call() {
        let rest = rest();
        let denied = json!({ "code": 50013, "message": "Missing Permissions" });
        for _ in 0..REFUSALS_STOP {
            assert!(rest.failed(403, None, &HeaderMap::new(), Some(denied.clone())).is(50013));
        }
        assert!(matches!(rest.take_call(None), Err(RestError::RateLimited { global: true, .. })));
        rest.clock.advance(limits::REFUSALS.per);
        assert_eq!(rest.take_call(None), Ok(()));
    }

    #[test]
    fn what_is_not_discords_own_is_somebody_between() {
        let rest = rest();
        let own = |text: &str| serde_json::from_str(text).ok().filter(is_discords);
        for foreign in ["", "{}", "<html>blocked</html>", r#"{"message":"no"}"#, r#"{"error":"forbidden","code":"x"}"#]
        {
            for status in [400, 401, 403, 404, 405, 407, 413, 451] {
                let error = rest.failed(status, None, &HeaderMap::new(), own(foreign));
                assert!(
                    matches!(error, RestError::Away { cause: Absence::Between, .. }),
                    "{status} {foreign}: {error:?}"
                );
            }
            assert!(matches!(rest.failed(302, None, &HeaderMap::new(), own(foreign)), RestError::Unknown { .. }));
            let limited = rest.failed(429, None, &HeaderMap::new(), own(foreign));
            assert!(matches!(limited, RestError::RateLimited { global: true, .. }), "{limited:?}");
        }
        assert!(
            rest.failed(404, None, &HeaderMap::new(), own(r#"{"message":"Unknown Message","code":10008}"#)).is(10_008)
        );
        let refused = rest.failed(401, None, &HeaderMap::new(), own(r#"{"message":"401: Unauthorized","code":0}"#));
        assert_eq!(refused, RestError::Unauthorized);
        let expired = own(r#"{"message":"Invalid Webhook Token","code":50027}"#);
        assert!(rest.failed(401, None, &HeaderMap::new(), expired).is(50_027), "the bot's own token is valid");
    }

    #[test]
    fn a_429_is_obeyed_to_the_millisecond() {
        let rest = rest();
        let body = json!({ "message": "You are being rate limited.", "retry_after": 1.337, "global": true });
        let retry_after = Duration::from_millis(1_337);
        let told = RestError::RateLimited { retry_after, global: true };
        assert_eq!(rest.failed(429, key(1), &HeaderMap::new(), Some(body)), told);
        assert_eq!(rest.take_call(key(2)), Err(told));
    }
}
