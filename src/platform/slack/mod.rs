//! The Slack adapter, on the unmodified SDK (slack-morphism).
//!
//! Inbound (`inbound`, `interact`) turns a payload from `socket` or `http` into one event; `outbound` carries out
//! deliveries. Nothing here knows what a ticket is.
//!
//! The SDK logs addresses that contain secrets (the key in a socket's address). So the logging setup must leave out the
//! target `slack_morphism` altogether.

mod api;
mod bounded;
mod catch_up;
mod channels;
mod check;
mod directory;
mod forms;
mod http;
mod inbound;
mod interact;
mod look;
mod manifest;
mod outbound;
#[doc(hidden)]
pub mod parsers;
mod render;
mod socket;
mod words;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

pub use self::manifest::{EVENTS, SCOPES, manifest};
pub use self::render::{RenderContext, Rendered, render};

use self::api::{Api, Repeat};
use self::directory::Directory;
use self::inbound::Me;
use crate::clock::Clock;
use crate::domain::effect::{Sent, Undeliverable};
use crate::domain::event::Event;
use crate::domain::ids::{EffectId, MessageRef, PersonRef, PlatformName, Tenant};
use crate::domain::limits::slack as limits;
use crate::health::Health;
use crate::intake::Intake;
use crate::platform::catch_up::{Progress, opened};
use crate::platform::{
    Delivery, DeliveryError, Finding, Listed, Operation, Platform, Proven, Receipt, TokenRefused, Unreached, Wanted,
};

/// How to reach Slack.
#[derive(Clone, Debug)]
pub struct SlackSettings {
    /// The bot's token, `xoxb-…`.
    pub bot_token: SecretString,
    /// The app-level token, `xapp-…`; needed for Socket Mode.
    pub app_token: Option<SecretString>,
    /// Verifies HTTP requests; needed for events by HTTP.
    pub signing_secret: Option<SecretString>,
    /// Replaces `https://slack.com/api`. If it is set, nothing is sent to Slack itself.
    pub api_url: Option<Url>,
    pub mode: SlackMode,
    /// The time limit of a delivery (T), in real time.
    pub timeout: Duration,
    /// User or bot ids of the bots whose messages are handled like people's.
    pub listen_to_bots: Vec<String>,
    /// The shortest time from the start of one connection to the next one, and the wait after a failed one.
    pub reconnect_wait: Duration,
    /// How long a connection may be silent, in real time, before it counts as dead.
    pub silence: Duration,
}

/// The way in which events arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlackMode {
    /// Through a WebSocket that the bot opens: no public address is needed.
    #[default]
    Socket,
    /// Through signed HTTP requests to [`SlackPlatform::http_routes`].
    Http,
}

/// A connected Slack workspace.
pub struct SlackPlatform {
    workspace: Arc<Workspace>,
}

impl SlackPlatform {
    /// Asks Slack who the bot is. Events are received only after [`Platform::run`].
    ///
    /// # Errors
    /// If settings are missing, Slack cannot be reached ([`Unreached`]) or refuses the token, or the workspace is part
    /// of an Enterprise Grid.
    pub async fn connect(settings: SlackSettings, clock: Clock) -> anyhow::Result<Arc<Self>> {
        match settings.mode {
            SlackMode::Socket => {
                settings.app_token.as_ref().context("Socket Mode needs an app-level token: set slack.app_token")?;
            }
            SlackMode::Http => {
                let secret = settings.signing_secret.as_ref();
                secret.context("events by HTTP need the signing secret: set slack.signing_secret")?;
            }
        }
        let api = Arc::new(Api::new(&settings.bot_token, settings.api_url.as_ref(), settings.timeout)?);
        let answer = api.post("auth.test", &json!({}), api.deadline()).await;
        let answer = answer.map_err(|error| {
            if error.is_about_the_token() {
                let what = format!("Slack does not accept the bot's token ({error}): set slack.bot_token to the app's Bot User OAuth Token (xoxb-…)");
                TokenRefused { what }.into()
            } else {
                let what =
                    format!("Slack does not say who the bot is ({error}): see whether this machine reaches Slack");
                match error.passes_after() {
                    Some(wait) => {
                        Unreached { what, retry_after: Some(wait).filter(|wait| !wait.is_zero()) }.into()
                    }
                    None => anyhow::anyhow!(what),
                }
            }
        })?;
        let is_grid = answer["is_enterprise_install"] == true || inbound::text_of(&answer["enterprise_id"]).is_some();
        anyhow::ensure!(!is_grid, "this workspace is part of an Enterprise Grid, which is not supported");
        let field = |name: &str| inbound::text_of(&answer[name]).map(str::to_owned);
        let me = Me {
            tenant: Tenant {
                platform: PlatformName::Slack,
                id: field("team_id").context("Slack does not say which workspace the token is for")?,
            },
            team_url: field("url").unwrap_or_else(|| "https://slack.com/".to_owned()),
            user: field("user_id").context("Slack does not say who the bot is")?,
            bot: field("bot_id").context("slack.bot_token is no bot's token: take the one that begins with xoxb-")?,
            listened_bots: settings.listen_to_bots.into_iter().collect(),
        };
        let tenant = me.tenant.clone();
        let workspace = Workspace {
            directory: Directory::new(api.clone()),
            api,
            me,
            clock,
            mode: settings.mode,
            bot_token: settings.bot_token,
            app_token: settings.app_token,
            signing_secret: settings.signing_secret,
            timeout: settings.timeout,
            reconnect_wait: settings.reconnect_wait,
            silence: settings.silence,
            connected: AtomicBool::new(false),
            told_about_token: AtomicBool::new(false),
            received: AtomicU64::new(0),
            progress: Progress::new(tenant),
            deletions: Mutex::default(),
            readers: Mutex::default(),
            acts: TaskTracker::new(),
        };
        Ok(Arc::new(Self { workspace: Arc::new(workspace) }))
    }

    /// Returns the routes `/slack/events`, `/slack/interactions` and `/slack/commands`.
    pub fn http_routes(self: &Arc<Self>, intake: Intake, health: Health) -> axum::Router {
        http::routes(self.workspace.clone(), intake, health)
    }

    /// Returns the tenant of the workspace that the bot's token belongs to.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        self.workspace.me.tenant.clone()
    }
}

#[async_trait]
impl Platform for SlackPlatform {
    fn name(&self) -> PlatformName {
        PlatformName::Slack
    }

    async fn run(&self, intake: Intake, stop: CancellationToken) -> anyhow::Result<()> {
        let workspace = &self.workspace;
        let Some(opened) = opened(&intake, PlatformName::Slack, &stop).await else { return Ok(()) };
        let warm_up = tokio::spawn({
            let workspace = workspace.clone();
            async move { workspace.directory.warm_up().await }
        });
        workspace.progress.stand_still();
        let halt = stop.child_token();
        let receive = async {
            let end = match (&workspace.mode, &workspace.app_token) {
                (SlackMode::Socket, Some(token)) => socket::run(workspace, &api::token(token), &intake, &stop).await,
                (SlackMode::Socket | SlackMode::Http, _) => {
                    workspace.connected.store(true, Ordering::Relaxed);
                    workspace.progress.fall_behind();
                    stop.cancelled().await;
                    workspace.connected.store(false, Ordering::Relaxed);
                    Ok(())
                }
            };
            halt.cancel();
            end
        };
        let catch_up = catch_up::run(workspace, &intake, opened, &halt);
        let (end, (), ()) = tokio::join!(receive, catch_up, workspace.progress.keep(&intake, &halt));
        if let Err(error) = workspace.progress.store(&intake).await {
            tracing::debug!(%error, "positions could not be stored; more messages are read again at the next start");
        }
        warm_up.abort();
        workspace.acts.close();
        if tokio::time::timeout(ACTS_END_WITHIN, workspace.acts.wait()).await.is_err() {
            tracing::warn!("stopped before all acts were handled; their people are not told the result");
        }
        workspace.acts.reopen();
        end
    }

    fn is_connected(&self) -> bool {
        self.workspace.connected.load(Ordering::Relaxed)
    }

    fn is_behind(&self) -> bool {
        self.workspace.progress.is_behind()
    }

    fn received(&self) -> u64 {
        self.workspace.received.load(Ordering::Acquire)
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        self.workspace.deliver(delivery).await
    }

    async fn find(&self, delivery: &Delivery) -> Result<Option<Receipt>, DeliveryError> {
        self.workspace.find(delivery).await
    }

    async fn find_second(
        &self,
        delivery: &Delivery,
        known: &[MessageRef],
    ) -> Result<Option<MessageRef>, DeliveryError> {
        self.workspace.find_second(delivery, known).await
    }

    fn fingerprint(&self, _: &EffectId, _: &Operation) -> Option<Sent> {
        None
    }

    fn history_lag(&self) -> Duration {
        limits::HISTORY_LAG
    }

    async fn members(&self, group: &str) -> Result<Listed, DeliveryError> {
        let members = outbound::group_members(&self.workspace.api, group).await;
        members.map(|members| Listed { guild: None, members, is_complete: true }).map_err(|error| {
            if error.passes_after().is_some() || error.is_about_the_token() {
                return self.workspace.failed(error, Repeat::Harmless);
            }
            let is_gone = error.code().is_some_and(outbound::is_no_group);
            // Any other error code is final for this call (for example a plan without user groups).
            let reason = if is_gone { Undeliverable::Gone } else { Undeliverable::NotPermitted };
            DeliveryError::Permanent { reason, detail: error.to_string() }
        })
    }

    /// Slack lists a whole group at once.
    async fn prove(&self, group: &str, _: &PersonRef) -> Result<Proven, DeliveryError> {
        self.members(group).await.map(Proven::All)
    }

    async fn check(&self, wanted: &Wanted) -> Vec<Finding> {
        self.workspace.check(wanted).await
    }
}

/// How long a stop waits for acts that are being handled, in real time.
const ACTS_END_WITHIN: Duration = Duration::from_secs(5);

/// The state of the adapter, shared by inbound and outbound.
struct Workspace {
    api: Arc<Api>,
    me: Me,
    directory: Directory,
    clock: Clock,
    mode: SlackMode,
    bot_token: SecretString,
    app_token: Option<SecretString>,
    signing_secret: Option<SecretString>,
    timeout: Duration,
    reconnect_wait: Duration,
    silence: Duration,
    connected: AtomicBool,
    told_about_token: AtomicBool,
    received: AtomicU64,
    progress: Progress,
    /// Deletions that arrived while the workspace was behind. A catch-up hands them in again.
    deletions: Mutex<Vec<Event>>,
    /// People's acts that are being handled; a stop waits for them.
    acts: TaskTracker,
    /// Direct conversations, each with the time of the last check and whether its person's account was active.
    readers: Mutex<HashMap<String, (Timestamp, bool)>>,
}
