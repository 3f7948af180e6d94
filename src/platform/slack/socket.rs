//! Socket Mode, with the SDK's connections and a listener of its own.
//!
//! The SDK opens the WebSocket, pings it, sends the answers, and passes each frame on as text. The answer is the
//! acknowledgement, so it is sent only after the event is committed. An event that could not be committed gets no
//! answer, and Slack sends it again. One connection serves at a time, which keeps the order. When Slack announces that
//! it will close a connection, the next one is opened first
//! (<https://docs.slack.dev/apis/events-api/using-socket-mode>).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use slack_morphism::clients_manager::{SlackSocketModeClientsManager, SlackSocketModeClientsManagerFactory as _};
use slack_morphism::listener::SlackClientEventsListenerEnvironment;
use slack_morphism::{
    SlackApiToken, SlackClientSocketModeConfig, SlackSocketModeClientListener, SlackSocketModeWssClientId,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Workspace;
use super::api::CallError;
use crate::clock::real;
use crate::domain::ids::PlatformName;
use crate::intake::Intake;
use crate::intake::StoreError;
use crate::metrics;
use crate::platform::lenient;

/// The interval of the SDK's pings in seconds, and the number of pongs that may be missing.
const PING_SECS: u64 = 10;
const PONGS_MISSED: u64 = 3;
/// How often in a row the allowed silence of a connection may double.
const SILENCES: u32 = 5;
/// How often in a row the wait may double while Slack refuses connections.
const REFUSALS: u32 = 5;

/// Receives until `stop`.
///
/// # Errors
/// If Slack does not accept the app-level token.
pub(super) async fn run(
    desk: &Arc<Workspace>,
    token: &SlackApiToken,
    intake: &Intake,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (tell, mut told) = unbounded_channel();
    let mut lines: Vec<Line> = Vec::new();
    let mut next_id = 0;
    let mut not_before = real::now();
    // Messages may have been posted before the start, so the first connection makes a catch-up due.
    let mut missed = true;
    let mut silences = 0;
    let mut refusals = 0;
    loop {
        let serving = lines.iter().any(|line| line.state != State::Leaving);
        if !serving && real::now() >= not_before {
            let is_ours = tokio::select! {
                is_ours = leads_home(desk, token) => is_ours?,
                () = stop.cancelled() => break,
            };
            if !is_ours {
                not_before = real::now() + desk.reconnect_wait;
                continue;
            }
            next_id += 1;
            let ear =
                Ear { id: next_id, desk: desk.clone(), intake: intake.clone(), tell: tell.clone(), stop: stop.clone() };
            lines.push(Line::open(desk, token, ear).await?);
        }
        desk.connected.store(lines.iter().any(|line| line.state != State::Opening), Ordering::Relaxed);
        let opening = lines.iter().find(|line| line.state == State::Opening).map(|line| line.since + desk.opening());
        let patience = desk.silence.saturating_mul(1 << silences.min(SILENCES));
        let silent = lines.iter().filter(|line| line.state == State::Open).map(|line| line.heard + patience).min();
        let reconnect = (!serving).then_some(not_before);
        let wake = [opening, silent, reconnect].into_iter().flatten().min();
        tokio::select! {
            () = stop.cancelled() => break,
            Some((id, news)) = told.recv() => {
                let Some(at) = lines.iter().position(|line| line.id == id) else { continue };
                match news {
                    News::Hello => {
                        lines[at].state = State::Open;
                        lines[at].heard = real::now();
                        refusals = 0;
                        tracing::info!("connected to Slack");
                        if std::mem::take(&mut missed) {
                            desk.progress.fall_behind();
                        }
                        for line in lines.extract_if(.., |line| line.state == State::Leaving) {
                            line.manager.shutdown().await;
                        }
                    }
                    News::Leaving(reason) if lines[at].state == State::Opening => {
                        lines.remove(at).manager.shutdown().await;
                        let wait = desk.reconnect_wait.saturating_mul(1 << refusals.min(REFUSALS));
                        refusals += 1;
                        not_before = real::now() + wait;
                        tracing::warn!(reason, wait_ms = wait.as_millis(), "Slack refuses a connection; {}", hint(&reason));
                    }
                    News::Leaving(reason) => {
                        tracing::debug!(reason, "Slack will close the connection");
                        lines[at].state = State::Leaving;
                        not_before = not_before.max(lines[at].since + desk.reconnect_wait);
                    }
                    News::Envelope => {
                        lines[at].heard = real::now();
                        silences = 0;
                    }
                    News::Closed => {
                        let line = lines.remove(at);
                        if !lines.iter().any(|line| line.state == State::Open) {
                            // From now on events may be missed.
                            missed = true;
                            desk.progress.stand_still();
                        }
                        line.manager.shutdown().await;
                        // The next connection follows at once if this one has been open for a while.
                        let since = if line.state == State::Opening { real::now() } else { line.since };
                        not_before = since + desk.reconnect_wait;
                        if line.state != State::Leaving {
                            tracing::warn!("the connection to Slack is lost; connecting again");
                        }
                    }
                }
            }
            () = sleep_until(wake), if wake.is_some() => {
                let late = |line: &mut Line| line.state == State::Opening && line.since + desk.opening() <= real::now();
                for line in lines.extract_if(.., late) {
                    line.manager.shutdown().await;
                    not_before = real::now() + desk.reconnect_wait;
                    say_why(desk, token).await?;
                }
                let now = real::now();
                for line in lines.iter_mut().filter(|line| line.state == State::Open && line.heard + patience <= now) {
                    // The connection may be dead although its pings are answered. Or there may just be no events, so
                    // the next connection may be silent for longer. The old one is closed once the new one is open.
                    tracing::warn!(silent_secs = patience.as_secs(), "no events arrive from Slack; the connection is replaced");
                    line.state = State::Leaving;
                    silences += 1;
                    missed = true;
                    desk.progress.stand_still();
                }
            }
        }
    }
    desk.connected.store(false, Ordering::Relaxed);
    for line in lines {
        line.manager.shutdown().await;
    }
    Ok(())
}

/// Returns what an operator can do about a connection that Slack refuses.
fn hint(reason: &str) -> &'static str {
    match reason {
        "too_many_websockets" => {
            "an app has ten at most: stop other programs that use this app's token, or some replicas"
        }
        _ => "it is tried again",
    }
}

impl Workspace {
    /// Returns how long a connection may take until Slack's `hello` arrives.
    fn opening(&self) -> Duration {
        self.reconnect_wait + self.timeout * 2
    }
}

/// One connection.
struct Line {
    id: u64,
    manager: Arc<dyn SlackSocketModeClientsManager + Send + Sync>,
    state: State,
    since: Instant,
    /// When the `hello` or an envelope last arrived.
    heard: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Slack's `hello` has not arrived yet.
    Opening,
    Open,
    /// The connection will be closed or replaced; until then it may still deliver events.
    Leaving,
}

/// A listener's report about its connection.
enum News {
    Hello,
    /// Slack will close the connection, for this reason.
    Leaving(String),
    /// An envelope arrived.
    Envelope,
    Closed,
}

impl Line {
    async fn open(desk: &Arc<Workspace>, token: &SlackApiToken, ear: Ear) -> anyhow::Result<Self> {
        let client = desk.api.client();
        let environment = Arc::new(SlackClientEventsListenerEnvironment::new(client.clone()));
        let manager = client.http_api.connector.new_clients_manager(environment);
        let config = SlackClientSocketModeConfig::new()
            .with_max_connections_count(1)
            .with_initial_backoff_in_seconds(0)
            .with_reconnect_timeout_in_seconds(desk.reconnect_wait.as_secs().max(1))
            .with_ping_interval_in_seconds(PING_SECS)
            .with_ping_failure_threshold_times(PONGS_MISSED);
        let id = ear.id;
        manager.register_new_token(&config, token.clone(), Arc::new(ear)).await.map_err(|_| {
            // The SDK's error is not shown, since it may contain addresses. It has only one cause.
            anyhow::anyhow!("the Socket Mode client did not take the app-level token")
        })?;
        manager.start().await;
        let since = real::now();
        Ok(Self { id, manager, state: State::Opening, since, heard: since })
    }
}

/// Listens to one connection.
struct Ear {
    id: u64,
    desk: Arc<Workspace>,
    intake: Intake,
    tell: UnboundedSender<(u64, News)>,
    stop: CancellationToken,
}

#[async_trait]
impl SlackSocketModeClientListener for Ear {
    async fn on_message(&self, _client: &SlackSocketModeWssClientId, body: String) -> Option<String> {
        // The frame's content is never logged, since it may hold people's words or secrets.
        let Some(frame) = lenient::json(body.as_bytes()).filter(Value::is_object) else {
            metrics::unreadable(PlatformName::Slack);
            tracing::warn!(bytes = body.len(), "Slack sent a frame that makes no sense; it is dropped");
            return None;
        };
        match frame["type"].as_str().unwrap_or_default() {
            "hello" => {
                self.tell(News::Hello);
                None
            }
            "disconnect" => {
                let reason = frame["reason"].as_str().unwrap_or_default().to_owned();
                if reason == "link_disabled" {
                    tracing::error!("Socket Mode is switched off in the app's settings");
                }
                self.tell(News::Leaving(reason));
                None
            }
            // Events that arrive during a stop are not acknowledged, so that Slack sends them to the next process.
            _ if self.stop.is_cancelled() => None,
            _ => {
                self.tell(News::Envelope);
                self.take(frame).await
            }
        }
    }

    async fn on_error(&self, _error: Box<dyn std::error::Error + Send + Sync + 'static>) {
        // The error is not logged, since it may contain the data that was sent.
        tracing::warn!("a connection to Slack is broken, or has brought a frame that cannot be read");
    }

    async fn on_disconnect(&self, _client: &SlackSocketModeWssClientId) {
        self.tell(News::Closed);
    }
}

impl Ear {
    fn tell(&self, news: News) {
        // The receiver is gone once the program is stopping.
        let _ = self.tell.send((self.id, news));
    }

    /// Handles an envelope. Returns the acknowledgement; `None` if there is none, so that Slack sends the envelope
    /// again.
    async fn take(&self, mut frame: Value) -> Option<String> {
        let Some(envelope_id) = frame["envelope_id"].as_str().map(str::to_owned) else {
            tracing::warn!("Slack sent a frame of a kind that is not known; it is dropped");
            return None;
        };
        let accepts_payload = frame["accepts_response_payload"] == true;
        let kind = frame["type"].as_str().unwrap_or_default().to_owned();
        let payload = frame["payload"].take();
        if !payload.is_object() {
            tracing::warn!("Slack sent an envelope with nothing in it; it is acknowledged and dropped");
        }
        let (desk, intake) = (self.desk.clone(), self.intake.clone());
        // In a task of its own, so that a panic does not end the connection.
        let handled = tokio::spawn(async move { handle(&desk, &intake, &kind, &payload).await }).await;
        let answer = match handled {
            Ok(Ok(answer)) => answer.filter(|_| accepts_payload),
            Ok(Err(error)) => {
                tracing::warn!(%error, "not acknowledged: Slack will send it again");
                return None;
            }
            Err(_) => {
                tracing::error!(
                    "handling an envelope failed by a fault of the program; it is acknowledged, and read again if it is a message"
                );
                None
            }
        };
        let acknowledgement = match answer {
            Some(payload) => json!({"envelope_id": envelope_id, "payload": payload}),
            None => json!({"envelope_id": envelope_id}),
        };
        Some(acknowledgement.to_string())
    }
}

async fn handle(
    desk: &Arc<Workspace>,
    intake: &Intake,
    kind: &str,
    payload: &Value,
) -> Result<Option<Value>, StoreError> {
    let end = match kind {
        "events_api" => desk.hear(payload, intake).await.map(|()| None),
        "interactive" => desk.act(payload, intake).await,
        "slash_commands" => desk.handle_command(payload, intake).await.map(|()| None),
        _ => {
            tracing::warn!("Slack sent an envelope of a kind that is not known; it is acknowledged and dropped");
            Ok(None)
        }
    };
    desk.received.fetch_add(1, Ordering::Release);
    end
}

async fn sleep_until(wake: Option<Instant>) {
    if let Some(wake) = wake {
        real::sleep_until(wake).await;
    }
}

/// Whether the address that Slack gives for Socket Mode is on the right host. The SDK connects to any address that it
/// is given. So with another base address, the socket's address is requested and checked once before. The address from
/// Slack itself is trusted, since Slack allows few such requests.
async fn leads_home(desk: &Workspace, token: &SlackApiToken) -> anyhow::Result<bool> {
    if desk.api.is_slack() {
        return Ok(true);
    }
    match desk.api.post_as(token, "apps.connections.open", &json!({}), desk.api.deadline()).await {
        Ok(answer) if desk.api.may_connect_to(answer["url"].as_str().unwrap_or_default()) => Ok(true),
        Ok(_) => {
            tracing::error!("the address for Socket Mode is not on the host of slack.api_url: nothing is sent there");
            Ok(false)
        }
        Err(error) => tell_why(error).map(|()| false),
    }
}

/// Requests an address for Socket Mode to find out why the connection failed, since the SDK does not tell.
async fn say_why(desk: &Workspace, token: &SlackApiToken) -> anyhow::Result<()> {
    match desk.api.post_as(token, "apps.connections.open", &json!({}), desk.api.deadline()).await {
        Ok(_) => tracing::warn!("Slack gives an address for Socket Mode, but connecting to it fails"),
        Err(error) => tell_why(error)?,
    }
    Ok(())
}

fn tell_why(error: CallError) -> anyhow::Result<()> {
    if error.is_about_the_token() {
        anyhow::bail!(
            "Slack does not accept the app-level token ({error}): make a new one with the scope connections:write"
        );
    }
    tracing::warn!(%error, "Slack gives no address for Socket Mode");
    Ok(())
}
