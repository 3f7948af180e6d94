//! Signed HTTP delivery (<https://docs.slack.dev/authentication/verifying-requests-from-slack/>).

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;
use url::form_urlencoded::Serializer;

use super::Core;
use super::delivery::{Next, Parcel, ParcelKind, as_written};
use crate::clock::real;

/// The pause between tries to connect to an endpoint, in real time.
const KNOCK: Duration = Duration::from_millis(50);

impl Core {
    /// Sends the bot's endpoint a challenge, as Slack does when the address is set. A wrong answer is noted as a fault.
    /// Then the endpoint counts as connected.
    pub(super) async fn verify_target(self: Arc<Self>) {
        let Some(target) = self.reachable().await else { return };
        let body = json!({"token": "verification-token", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
            "type": "url_verification"});
        let sent = self.signed(&format!("{target}/slack/events"), "application/json", body.to_string()).send().await;
        let answer = match sent {
            Ok(response) => response.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        if !body["challenge"].as_str().is_some_and(|challenge| answer.contains(challenge)) {
            self.fault("url_verification: the challenge was not answered");
        }
        self.note("connected", json!({"http": target}));
        self.hub.set_connected(true);
        self.flush_waiting();
    }

    /// Delivers one parcel, with Slack's retries if it is an event.
    pub(super) async fn deliver_by_http(self: Arc<Self>, id: u64) {
        let mut reason = "";
        loop {
            let Some(parcel) = self.http_parcel(id) else { return };
            let target = if parcel.kind == ParcelKind::Event { self.reachable().await } else { self.hub.target() };
            let Some(target) = target else { return };
            let Some((parcel, attempt, copies)) = self.http_try(id) else { return };
            let (path, kind, body) = request_of(&parcel);
            let url = format!("{target}{path}");
            let send = |attempt: u32| {
                let mut request = self.signed(&url, kind, body.clone());
                if attempt > 0 {
                    let reason = if reason.is_empty() { "http_timeout" } else { reason };
                    request = request.header("x-slack-retry-num", attempt).header("x-slack-retry-reason", reason);
                }
                request.send()
            };
            if copies > 1 {
                let _ = send(attempt + 1).await;
            }
            let outcome = tokio::select! {
                outcome = send(attempt) => outcome,
                () = self.stop.cancelled() => return,
            };
            let no_retry = match outcome {
                Ok(response) if response.status().is_success() => {
                    let answer = response.text().await.unwrap_or_default();
                    let answer = serde_json::from_str::<Value>(&answer).ok().filter(Value::is_object);
                    self.http_accepted(id, answer.filter(|_| parcel.takes_answer));
                    return;
                }
                Ok(response) => {
                    reason = "http_error";
                    response.headers().get("x-slack-no-retry").is_some_and(|value| value == "1")
                }
                Err(error) => {
                    reason = if error.is_timeout() { "http_timeout" } else { "connection_failed" };
                    false
                }
            };
            match self.http_refused(id, no_retry) {
                Next::AtOnce => {}
                Next::InAnHour => tokio::select! {
                    () = self.clock.sleep(Duration::from_secs(3_600)) => {}
                    () = self.stop.cancelled() => return,
                },
                Next::Never => return,
            }
        }
    }

    /// Waits until the bot's endpoint takes connections.
    async fn reachable(&self) -> Option<String> {
        let _turn = self.hub.door.lock().await;
        loop {
            let target = self.hub.target()?;
            let address = url::Url::parse(&target).ok().and_then(|url| url.socket_addrs(|| None).ok())?;
            if TcpStream::connect(address.as_slice()).await.is_ok() {
                return Some(target);
            }
            tokio::select! {
                () = real::sleep(KNOCK) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    fn signed(&self, url: &str, content_type: &str, body: String) -> reqwest::RequestBuilder {
        let seconds = self.clock.now().as_second();
        let signature = signature(&self.secrets.signing, seconds, &body);
        self.client
            .post(url)
            .timeout(self.ack_deadline)
            .header("content-type", content_type)
            .header("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
            .header("x-slack-request-timestamp", seconds)
            .header("x-slack-signature", signature)
            .body(body)
    }
}

/// Returns `v0=` and the HMAC-SHA256 of `v0:{seconds}:{body}` in hex.
pub(super) fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("v0:{seconds}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn request_of(parcel: &Parcel) -> (&'static str, &'static str, String) {
    const FORM: &str = "application/x-www-form-urlencoded";
    match parcel.kind {
        ParcelKind::Event => ("/slack/events", "application/json", as_written(&parcel.payload)),
        ParcelKind::Interactive => {
            let body = Serializer::new(String::new()).append_pair("payload", &parcel.payload.to_string()).finish();
            ("/slack/interactions", FORM, body)
        }
        ParcelKind::Command => {
            let mut form = Serializer::new(String::new());
            for (key, value) in parcel.payload.as_object().into_iter().flatten() {
                form.append_pair(key, value.as_str().unwrap_or_default());
            }
            ("/slack/commands", FORM, form.finish())
        }
    }
}
