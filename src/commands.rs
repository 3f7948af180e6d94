//! The operator's commands.

pub mod backup;
pub mod effects;
pub mod erase;
pub mod events;
mod export;
pub mod knowledge;
mod terminal;

use std::process::ExitCode;

use serde_json::json;

use terminal::say;
pub use terminal::shown;

use crate::app::{self, App};
use crate::cli::{Cli, Command, ManifestPlatform};
use crate::clock::Clock;
use crate::config::Config;
use crate::desk::tickets;
use crate::domain::plain::one_line;
use crate::domain::words;
use crate::platform::{Verdict, discord, slack};
use crate::{http, logging, sandbox};

/// Runs the command of the command line.
///
/// # Errors
/// If the command fails. The error is written for the person who typed the command.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = || Config::load(cli.config.as_deref());
    match cli.command {
        Command::Serve => serve(&config()?).await,
        Command::Sandbox(args) => sandbox::run::run(args).await,
        Command::Check => check(&config()?).await,
        Command::Migrate => migrate(&config()?).await,
        Command::Manifest { platform } => {
            let manifest = match platform {
                ManifestPlatform::Slack => slack::manifest(),
                ManifestPlatform::Discord => discord::manifest(),
            };
            say!("{}", serde_json::to_string_pretty(&manifest)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Tickets { json, limit } => tickets(&config()?, json, limit).await,
        Command::Export => export::export(&config()?).await,
        Command::Effects(args) => effects::run(&config()?, args).await,
        Command::Events(args) => events::run(&config()?, args).await,
        Command::Knowledge(args) => knowledge::run(&config()?, args.command).await,
        Command::Restored => restored(&config()?).await,
        Command::Backup { file } => backup::backup(&config()?, &file).await,
        Command::Erase { person, yes } => erase::erase(&config()?, &person, yes).await,
        Command::Health { url } => {
            let url = match url {
                Some(url) => url,
                None => {
                    let config = config()?;
                    let takes_requests = config.slack.as_ref().is_some_and(|slack| slack.connection.is_http());
                    http::health_url(config.http.health(takes_requests))
                }
            };
            tokio::task::spawn_blocking(move || http::probe(&url)).await??;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Marks the database as restored from a copy.
async fn restored(config: &Config) -> anyhow::Result<ExitCode> {
    let store = app::open_beside(config, Clock::system()).await?;
    store.keep_in_mind(crate::store::COPY, "1").await?;
    store.close().await;
    say!("Noted. At its next start the bot skips numbers, so that no key is given a second time.");
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    logging::init(config.log.format, &config.log.level, &config.secrets())?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    // One listener receives signals from beginning to end: a signal between two listeners would be missed.
    let asked_to_stop = asked_to_stop();
    tokio::pin!(asked_to_stop);
    // The start may wait long for a database or platform that cannot be reached.
    let app = tokio::select! {
        started = App::start(config, Clock::system()) => started?,
        asked = &mut asked_to_stop => {
            asked?;
            tracing::info!("stopped before it had started");
            return Ok(ExitCode::SUCCESS);
        }
    };
    asked_to_stop.await?;
    app.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let findings = app::check(config).await?;
    let mut code = ExitCode::SUCCESS;
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Good => "ok  ",
            Verdict::Degraded => "note",
            Verdict::Bad => {
                code = ExitCode::FAILURE;
                "BAD "
            }
        };
        say!("{mark}  {}", logging::redact(&finding.what));
        for line in finding.mend.lines() {
            say!("      {line}");
        }
    }
    Ok(code)
}

async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    app::open_store(config, Clock::system()).await?.close().await;
    say!("The database {} is up to date.", config.database.url);
    Ok(ExitCode::SUCCESS)
}

async fn tickets(config: &Config, as_json: bool, limit: u32) -> anyhow::Result<ExitCode> {
    let store = app::open_to_read(config).await?;
    let page = tickets::record::page(&mut *store.reader().await?, None, limit).await?;
    if page.is_empty() && !as_json {
        say!("There are no tickets yet.");
    }
    for ticket in page {
        if as_json {
            let line = json!({
                "key": ticket.key, "status": ticket.status.name(), "priority": ticket.priority, "title": ticket.title,
                "requester": ticket.requester.name, "requester_account": ticket.requester.who,
                "assignee": ticket.assignee.as_ref().map(|agent| &agent.name),
                "private": ticket.is_private(), "platform": ticket.origin.platform(),
                "opened_at": ticket.opened_at, "answered_at": ticket.answered_at, "active_at": ticket.active_at,
                "follows": ticket.follows, "merged_into": ticket.merged_into,
            });
            say!("{line}");
        } else {
            let assignee = ticket.assignee.as_ref().map_or("nobody yet", words::first_name);
            say!(
                "{:<10} {:<12} {:<3} {:<12} {:<12} {}",
                ticket.key.to_string(),
                tickets::text::status(&ticket.status),
                ticket.priority,
                words::first_name(&ticket.requester),
                assignee,
                one_line(&ticket.title)
            );
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Waits for SIGTERM or Ctrl-C.
///
/// # Errors
/// If signals cannot be received.
pub async fn asked_to_stop() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminated.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        }
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await?)
}
