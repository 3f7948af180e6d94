//! Socket Mode, with the SDK's connections and the adapter's own listener.
//!
//! The SDK opens the WebSocket, pings it, sends the answers, and passes each frame on as text. The answer is the
//! acknowledgement, so it is sent only after the event is committed. An event that could not be committed gets no
//! answer, and Slack sends it again. (It does not send clicks, forms and commands again.) One connection serves at a
//! time, which keeps the order. When Slack announces that it will close a connection, the next one is opened first
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
/// The kinds of envelopes that are handled.
const KINDS: [&str; 3] = ["events_api", "interactive", "slash_commands"];

/// Receives until `stop`.
///
/// # Errors
/// If Slack does not accept the app-level token.
pub(super) async fn run(
    workspace: &Arc<Workspace>,
    token: &SlackApiToken,
    intake: &Intake,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (sender, mut reports) = unbounded_channel();
    let mut connections: Vec<Connection> = Vec::new();
    let mut next_id = 0;
    let mut not_before = real::now();
    // Messages may have been posted before the start, so the first connection makes a catch-up due.
    let mut missed = true;
    let mut silences = 0;
    let mut refusals = 0;
    loop {
        let serving = connections.iter().any(|it| it.state != State::Leaving);
        if !serving && real::now() >= not_before {
            let is_ours = tokio::select! {
                is_ours = address_is_trusted(workspace, token) => is_ours?,
                () = stop.cancelled() => break,
            };
            if !is_ours {
                not_before = real::now() + workspace.reconnect_wait;
                continue;
            }
            next_id += 1;
            let listener = Listener {
                id: next_id,
                workspace: workspace.clone(),
                intake: intake.clone(),
                reports: sender.clone(),
                stop: stop.clone(),
            };
            connections.push(Connection::open(workspace, token, listener).await?);
        }
        workspace.connected.store(connections.iter().any(|it| it.state != State::Opening), Ordering::Relaxed);
        let opening = connections.iter().find(|it| it.state == State::Opening).map(|it| it.since + workspace.opening());
        let patience = workspace.silence.saturating_mul(1 << silences.min(SILENCES));
        let silent = connections.iter().filter(|it| it.state == State::Open).map(|it| it.heard + patience).min();
        let reconnect = (!serving).then_some(not_before);
        let wake = [opening, silent, reconnect].into_iter().flatten().min();
        tokio::select! {
            () = stop.cancelled() => break,
            Some((id, report)) = reports.recv() => {
                let Some(at) = connections.iter().position(|it| it.id == id) else { continue };
                match report {
                    Report::Hello => {
                        connections[at].state = State::Open;
                        connections[at].heard = real::now();
                        refusals = 0;
                        tracing::info!("connected to Slack");
                        if std::mem::take(&mut missed) {
                            workspace.progress.fall_behind();
                        }
                        for connection in connections.extract_if(.., |it| it.state == State::Leaving) {
                            connection.manager.shutdown().await;
                        }
                    }
                    Report::Leaving(reason) if connections[at].state == State::Opening => {
                        connections.remove(at).manager.shutdown().await;
                        let wait = workspace.reconnect_wait.saturating_mul(1 << refusals.min(REFUSALS));
                        refusals += 1;
                        not_before = real::now() + wait;
                        let (wait_ms, hint) = (wait.as_millis(), hint(&reason));
                        tracing::warn!(reason, wait_ms, "Slack refuses a connection; {hint}");
                    }
                    Report::Leaving(reason) => {
                        tracing::debug!(reason, "Slack will close the connection");
                        connections[at].state = State::Leaving;
                        not_before = not_before.max(connections[at].since + workspace.reconnect_wait);
                    }
                    Report::Envelope => {
                        connections[at].heard = real::now();
                        silences = 0;
                    }
                    Report::Closed => {
                        let connection = connections.remove(at);
                        if !connections.iter().any(|it| it.state == State::Open) {
                            // From now on events may be missed.
                            missed = true;
                            workspace.progress.stand_still();
                        }
                        connection.manager.shutdown().await;
                        // The next connection follows at once if this one has been open for a while.
                        let since = if connection.state == State::Opening { real::now() } else { connection.since };
                        not_before = since + workspace.reconnect_wait;
                        if connection.state != State::Leaving {
                            tracing::warn!("the connection to Slack is lost; connecting again");
                        }
                    }
                }
            }
            () = sleep_until(wake), if wake.is_some() => {
                let opened_by = |it: &Connection| it.since + workspace.opening();
                let late = |it: &mut Connection| it.state == State::Opening && opened_by(it) <= real::now();
                for connection in connections.extract_if(.., late) {
                    connection.manager.shutdown().await;
                    not_before = real::now() + workspace.reconnect_wait;
                    diagnose(workspace, token).await?;
                }
                let now = real::now();
                let is_silent = |it: &&mut Connection| it.state == State::Open && it.heard + patience <= now;
                for connection in connections.iter_mut().filter(is_silent) {
                    // The connection may be dead although its pings are answered. Or there may just be no events, so
                    // the next connection may be silent for longer. The old one is closed once the new one is open.
                    let silent_secs = patience.as_secs();
                    tracing::warn!(silent_secs, "no events arrive from Slack; the connection is replaced");
                    connection.state = State::Leaving;
                    silences += 1;
                    missed = true;
                    workspace.progress.stand_still();
                }
            }
        }
    }
    workspace.connected.store(false, Ordering::Relaxed);
    for connection in connections {
        connection.manager.shutdown().await;
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

/// A Socket Mode connection, which the SDK's manager opens and serves.
struct Connection {
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
enum Report {
    Hello,
    /// Slack will close the connection, for this reason.
    Leaving(String),
    Envelope,
    Closed,
}

impl Connection {
    async fn open(workspace: &Arc<Workspace>, token: &SlackApiToken, listener: Listener) -> anyhow::Result<Self> {
        let client = workspace.api.client();
        let environment = Arc::new(SlackClientEventsListenerEnvironment::new(client.clone()));
        let manager = client.http_api.connector.new_clients_manager(environment);
        let config = SlackClientSocketModeConfig::new()
            .with_max_connections_count(1)
            .with_initial_backoff_in_seconds(0)
            .with_reconnect_timeout_in_seconds(workspace.reconnect_wait.as_secs().max(1))
            .with_ping_interval_in_seconds(PING_SECS)
            .with_ping_failure_threshold_times(PONGS_MISSED);
        let id = listener.id;
        manager.register_new_token(&config, token.clone(), Arc::new(listener)).await.map_err(|_| {
            // The SDK's error is not shown, since it may contain addresses. It has only one cause.
            anyhow::anyhow!("the Socket Mode client did not take the app-level token")
        })?;
        manager.start().await;
        let since = real::now();
        Ok(Self { id, manager, state: State::Opening, since, heard: since })
    }
}

/// Listens to one connection.
struct Listener {
    id: u64,
    workspace: Arc<Workspace>,
    intake: Intake,
    reports: UnboundedSender<(u64, Report)>,
    stop: CancellationToken,
}

#[async_trait]
impl SlackSocketModeClientListener for Listener {
    async fn on_message(&self, _client: &SlackSocketModeWssClientId, body: String) -> Option<String> {
        // The frame's content is never logged, since it may hold people's words or secrets.
        let Some(frame) = lenient::json(body.as_bytes()).filter(Value::is_object) else {
            metrics::unreadable(PlatformName::Slack);
            tracing::warn!(bytes = body.len(), "a frame from Slack cannot be read: it is dropped");
            return None;
        };
        match frame["type"].as_str().unwrap_or_default() {
            "hello" => {
                self.report(Report::Hello);
                None
            }
            "disconnect" => {
                let reason = frame["reason"].as_str().unwrap_or_default().to_owned();
                if reason == "link_disabled" {
                    tracing::error!("Socket Mode is off in the app's settings: nothing is received; switch it on");
                }
                self.report(Report::Leaving(reason));
                None
            }
            // Events that arrive during a stop are not acknowledged, so that Slack sends them to the next process.
            _ if self.stop.is_cancelled() => None,
            _ => {
                self.report(Report::Envelope);
                self.take(frame).await
            }
        }
    }

    async fn on_error(&self, _error: Box<dyn std::error::Error + Send + Sync + 'static>) {
        // The error is not logged, since it may contain the data that was sent.
        tracing::warn!(
            "a connection to Slack has failed and is opened again, or has brought an unreadable frame, which is dropped"
        );
    }

    async fn on_disconnect(&self, _client: &SlackSocketModeWssClientId) {
        self.report(Report::Closed);
    }
}

impl Listener {
    fn report(&self, report: Report) {
        // The receiver is gone once the program is stopping.
        let _ = self.reports.send((self.id, report));
    }

    /// Handles an envelope. Returns the acknowledgement. `None` if the envelope is not acknowledged: Slack then sends
    /// an event again, and tells a person that their act failed.
    async fn take(&self, mut frame: Value) -> Option<String> {
        let Some(envelope_id) = frame["envelope_id"].as_str().map(str::to_owned) else {
            tracing::warn!("Slack sent a frame of a kind that is not known; it is dropped");
            return None;
        };
        let accepts_payload = frame["accepts_response_payload"] == true;
        let kind = frame["type"].as_str().unwrap_or_default().to_owned();
        // Only a known kind is logged, since nothing else of a frame may be.
        let known_kind = KINDS.into_iter().find(|known| *known == kind);
        let payload = frame["payload"].take();
        if !payload.is_object() {
            tracing::warn!(
                kind = known_kind,
                "Slack sent an envelope without a payload; it is acknowledged and dropped"
            );
        }
        let (workspace, intake) = (self.workspace.clone(), self.intake.clone());
        // In a task of its own, so that a panic does not end the connection.
        let handled = tokio::spawn(async move { handle(&workspace, &intake, &kind, &payload).await }).await;
        let answer = match handled {
            Ok(Ok(answer)) => answer.filter(|_| accepts_payload),
            Ok(Err(error)) => {
                tracing::warn!(
                    kind = known_kind, %error,
                    "an envelope could not be stored: Slack sends it again, or tells its person that it failed"
                );
                return None;
            }
            Err(_) => {
                tracing::error!(
                    kind = known_kind,
                    "handling an envelope failed by a fault of the program: it is acknowledged; a message is read again"
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
    workspace: &Arc<Workspace>,
    intake: &Intake,
    kind: &str,
    payload: &Value,
) -> Result<Option<Value>, StoreError> {
    let end = match kind {
        "events_api" => workspace.handle_payload(payload, intake).await.map(|()| None),
        "interactive" => workspace.act(payload, intake).await,
        "slash_commands" => workspace.handle_command(payload, intake).await.map(|()| None),
        _ => {
            tracing::warn!("Slack sent an envelope of an unknown kind; it is acknowledged and dropped");
            Ok(None)
        }
    };
    workspace.received.fetch_add(1, Ordering::Release);
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
async fn address_is_trusted(workspace: &Workspace, token: &SlackApiToken) -> anyhow::Result<bool> {
    if workspace.api.is_slack() {
        return Ok(true);
    }
    match workspace.api.post_as(token, "apps.connections.open", &json!({}), workspace.api.deadline()).await {
        Ok(answer) if workspace.api.may_connect_to(answer["url"].as_str().unwrap_or_default()) => Ok(true),
        Ok(_) => {
            tracing::error!("the address for Socket Mode is not on the host of slack.api_url: fix slack.api_url");
            Ok(false)
        }
        Err(error) => report_refusal(error).map(|()| false),
    }
}

/// Requests an address for Socket Mode to find out why the connection failed, since the SDK does not tell.
async fn diagnose(workspace: &Workspace, token: &SlackApiToken) -> anyhow::Result<()> {
    match workspace.api.post_as(token, "apps.connections.open", &json!({}), workspace.api.deadline()).await {
        Ok(_) => tracing::warn!("Slack gives an address for Socket Mode, but connecting to it fails; trying again"),
        Err(error) => report_refusal(error)?,
    }
    Ok(())
}

fn report_refusal(error: CallError) -> anyhow::Result<()> {
    if error.is_about_the_token() {
        anyhow::bail!(
            "Slack does not accept the app-level token ({error}): make a new one with the scope connections:write"
        );
    }
    tracing::warn!(%error, "Slack gives no address for Socket Mode; trying again");
    Ok(())
}
