//! Connects to the database and the platforms.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::clock::Clock;
use crate::clock::real;
use crate::config::{Config, DISCORD_API_URL, DiscordConfig, SLACK_API_URL, SlackConfig, SlackConnection};
use crate::health::Health;
use crate::outbox;
use crate::platform::discord::{DiscordPlatform, DiscordSettings};
use crate::platform::slack::{SlackMode, SlackPlatform, SlackSettings};
use crate::store::{StoreError, postgres};

/// Repeats `attempt` as long as the database cannot be reached. Any other error is returned, since an operator must fix
/// its cause. The waits are real time, because nobody knows when the database comes back.
pub(super) async fn persevere<T, F>(part: &str, health: &Health, attempt: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let mut tries = 0;
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let is_away = matches!(error.downcast_ref(), Some(postgres::OpenError::Away(_)))
            || matches!(error.downcast_ref(), Some(StoreError::Away(_)));
        if !is_away {
            return Err(error);
        }
        tries += 1;
        let wait = outbox::backoff::wait(tries, real::random());
        let again_in_s = wait.as_secs_f64();
        tracing::warn!(part, error = format!("{error:#}"), again_in_s, "cannot start yet; trying again");
        health.set(part, false, "cannot be reached; trying again");
        real::sleep(wait).await;
    }
}

/// Connects to Slack. Fails with the reason why that is not possible.
pub(super) async fn connect_slack(
    slack: &SlackConfig,
    config: &Config,
    clock: &Clock,
) -> anyhow::Result<Arc<SlackPlatform>> {
    SlackPlatform::connect(slack_settings(slack, config)?, clock.clone()).await.context("Slack")
}

/// Connects to Discord. Fails with the reason why that is not possible.
pub(super) async fn connect_discord(
    discord: &DiscordConfig,
    config: &Config,
    clock: &Clock,
) -> anyhow::Result<Arc<DiscordPlatform>> {
    DiscordPlatform::connect(discord_settings(discord, config)?, clock.clone()).await.context("Discord")
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
