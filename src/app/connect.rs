//! Connecting with the platforms, however long they cannot be reached, while the port says that the program lives.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{DISCORD, SLACK};
use crate::clock::Clock;
use crate::config::{Config, DISCORD_API_URL, DiscordConfig, SLACK_API_URL, SlackConfig, SlackConnection};
use crate::http::{self, Readiness};
use crate::outbox;
use crate::platform::Unreached;
use crate::platform::discord::{DiscordPlatform, DiscordSettings};
use crate::platform::slack::{SlackMode, SlackPlatform, SlackSettings};
use crate::store::postgres;

/// Says that the program lives and is not ready, while it waits for what it needs to start.
pub(super) struct Waiting {
    stop: CancellationToken,
    server: JoinHandle<()>,
}

/// Answers on the port already; the listener that is given back is another handle of the same port.
pub(super) fn wait_in_public(listener: TcpListener, readiness: &Readiness) -> anyhow::Result<(TcpListener, Waiting)> {
    let listener = listener.into_std()?;
    let ours = TcpListener::from_std(listener.try_clone()?)?;
    let stop = CancellationToken::new();
    // Slack sends again what is refused like that.
    let others = axum::Router::new().fallback(|| async { axum::http::StatusCode::SERVICE_UNAVAILABLE });
    let (router, halt) = (http::router(readiness.clone(), others), stop.clone());
    let server = tokio::spawn(async move {
        if let Err(error) = http::serve(ours, router, halt).await {
            tracing::warn!(%error, "the HTTP port has failed while starting");
        }
    });
    Ok((TcpListener::from_std(listener)?, Waiting { stop, server }))
}

impl Waiting {
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        // It ends by itself; its panic would have been logged.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Tries until it works, or fails for a reason that an operator must mend. The waits are real time: nobody knows when
/// the other side comes back.
pub(super) async fn persevere<T, F>(part: &str, readiness: &Readiness, attempt: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let mut tries = 0;
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let asked = match (error.downcast_ref::<Unreached>(), error.downcast_ref::<postgres::OpenError>()) {
            (Some(unreached), _) => unreached.retry_after.unwrap_or_default(),
            (None, Some(postgres::OpenError::Away(_))) => Duration::ZERO,
            (None, _) => return Err(error),
        };
        tries += 1;
        let wait = asked.max(outbox::backoff::wait(tries, rand::random()));
        let again_in_s = wait.as_secs_f64();
        tracing::warn!(part, error = format!("{error:#}"), again_in_s, "cannot start yet; trying again");
        readiness.set(part, false, "cannot be reached; trying again");
        tokio::time::sleep(wait).await;
    }
}

pub(super) struct Connected {
    pub(super) slack: Option<Arc<SlackPlatform>>,
    pub(super) discord: Option<Arc<DiscordPlatform>>,
}

/// Connects with every configured platform, however long they cannot be reached.
pub(super) async fn connect_patiently(
    config: &Config,
    clock: &Clock,
    readiness: &Readiness,
) -> anyhow::Result<Connected> {
    let slack = persevere(SLACK, readiness, || connect_slack(config, clock));
    let discord = persevere(DISCORD, readiness, || connect_discord(config, clock));
    let (slack, discord) = tokio::try_join!(slack, discord)?;
    Ok(Connected { slack, discord })
}

/// Connects with every configured platform, or says at once why not.
pub(super) async fn connect(config: &Config, clock: &Clock) -> anyhow::Result<Connected> {
    let (slack, discord) = tokio::try_join!(connect_slack(config, clock), connect_discord(config, clock))?;
    Ok(Connected { slack, discord })
}

async fn connect_slack(config: &Config, clock: &Clock) -> anyhow::Result<Option<Arc<SlackPlatform>>> {
    let Some(slack) = &config.slack else { return Ok(None) };
    let settings = slack_settings(slack, config)?;
    Ok(Some(SlackPlatform::connect(settings, clock.clone()).await.context("Slack")?))
}

async fn connect_discord(config: &Config, clock: &Clock) -> anyhow::Result<Option<Arc<DiscordPlatform>>> {
    let Some(discord) = &config.discord else { return Ok(None) };
    let settings = discord_settings(discord, config)?;
    Ok(Some(DiscordPlatform::connect(settings, clock.clone()).await.context("Discord")?))
}

pub(super) fn slack_settings(slack: &SlackConfig, config: &Config) -> anyhow::Result<SlackSettings> {
    let (mode, app_token, signing_secret) = match &slack.connection {
        SlackConnection::Socket { app_token } => (SlackMode::Socket, Some(app_token.clone()), None),
        SlackConnection::Http { signing_secret } => (SlackMode::Http, None, Some(signing_secret.clone())),
    };
    Ok(SlackSettings {
        bot_token: slack.bot_token.clone(),
        app_token,
        signing_secret,
        api_url: other_base(&slack.api_url, SLACK_API_URL)?,
        mode,
        timeout: config.timing.call_timeout,
        listen_to_bots: slack.listen_to_bots.clone(),
        reconnect_wait: Duration::from_secs(1),
        silence: config.timing.silence,
    })
}

pub(super) fn discord_settings(discord: &DiscordConfig, config: &Config) -> anyhow::Result<DiscordSettings> {
    Ok(DiscordSettings {
        token: discord.token.clone(),
        api_url: other_base(&discord.api_url, DISCORD_API_URL)?,
        timeout: config.timing.call_timeout,
        guilds: discord.guilds.clone(),
        listen_to_bots: discord.listen_to_bots.clone(),
        silence: config.timing.silence,
    })
}

fn other_base(url: &str, usual: &str) -> anyhow::Result<Option<url::Url>> {
    Ok(if url == usual { None } else { Some(url.parse()?) })
}
