//! `deskbell events`: lists dead events, whose handling failed by a fault of the program, and handles them again.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::terminal::say;
use crate::app;
use crate::cli::{EventsArgs, EventsCommand};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::event::{DedupeKey, Event};
use crate::domain::outcome::Outcome;
use crate::domain::plain::one_line;
use crate::intake::{Intake, erase};
use crate::store::{DeadEvent, Store, StoreError};

/// Lists dead events, or handles them again.
///
/// # Errors
/// If the database or a platform does not answer, or if there is no such event.
pub async fn run(config: &Config, args: EventsArgs) -> anyhow::Result<ExitCode> {
    match (args.command, args.show) {
        (Some(EventsCommand::Replay { keys, all }), _) => replay(config, &keys, all).await,
        (None, Some(key)) => show(config, &key).await,
        (None, None) => list(config, args.json).await,
    }
}

/// The result of handling a dead event again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// The event was handled, and is no longer kept.
    Handled(Outcome),
    /// Handling the event failed again for this reason, and the event is kept.
    Failed(String),
}

/// Handles a dead event again, and deletes it if that succeeds.
///
/// # Errors
/// If the database is away. The event is then kept.
pub async fn handle_again(store: &Arc<dyn Store>, intake: &Intake, dead: &DeadEvent) -> Result<Replayed, StoreError> {
    let event: Event = match serde_json::from_str(&dead.event_json) {
        Ok(event) => event,
        // The message names the position of the error, but not the text there, which may be people's words.
        Err(error) => return Ok(Replayed::Failed(format!("it cannot be read (column {})", error.column()))),
    };
    match intake.replay(event).await {
        Ok(outcome) => {
            erase::forget_dead(store, &dead.key, intake.clock().now()).await?;
            Ok(Replayed::Handled(outcome))
        }
        Err(StoreError::Away(why)) => Err(StoreError::Away(why)),
        Err(fault) => {
            let fault = fault.to_string();
            intake.keep_dead(&dead.key, &dead.event_json, &fault, intake.clock().now()).await?;
            Ok(Replayed::Failed(fault))
        }
    }
}

async fn list(config: &Config, as_json: bool) -> anyhow::Result<ExitCode> {
    let store = app::open_to_read(config).await?;
    let dead = store.dead_events(u32::MAX).await?;
    if dead.is_empty() && !as_json {
        say!("None: everything that came in was handled.");
    }
    for event in &dead {
        let (key, kind) = (event.key.as_str(), kind(event));
        if as_json {
            let line = json!({
                "key": key, "kind": kind, "buried_at": event.buried_at, "times": event.times, "fault": event.fault,
            });
            say!("{line}");
        } else {
            let times = if event.times == 1 { "once".to_owned() } else { format!("{} times", event.times) };
            say!("{:.0}  {kind:<16} {key}  failed {times}: {}", event.buried_at, one_line(&event.fault));
        }
    }
    if !dead.is_empty() && !as_json {
        say!("\nTo handle them again: deskbell events replay --all");
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn show(config: &Config, key: &str) -> anyhow::Result<ExitCode> {
    let store = app::open_to_read(config).await?;
    let dead = store.dead_events(u32::MAX).await?;
    store.close().await;
    let event = dead.iter().find(|event| event.key.as_str() == key).with_context(|| unknown(key))?;
    match serde_json::from_str::<serde_json::Value>(&event.event_json) {
        Ok(whole) => say!("{}", serde_json::to_string_pretty(&whole)?),
        Err(_) => say!("{}", event.event_json),
    }
    Ok(ExitCode::SUCCESS)
}

async fn replay(config: &Config, keys: &[String], all: bool) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let store = app::open_beside(config, clock.clone()).await?;
    let mut dead = store.dead_events(u32::MAX).await?;
    if !all {
        for key in keys {
            if !dead.iter().any(|event| event.key.as_str() == key) {
                bail!("{}", unknown(key));
            }
        }
        dead.retain(|event| keys.iter().any(|key| event.key == DedupeKey::stored(key.clone())));
    }
    if dead.is_empty() {
        say!("None: everything that came in was handled.");
        store.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    let (intake, is_roster_known) = app::intake_for_command(config, Arc::clone(&store), clock).await?;
    if !is_roster_known {
        eprintln!("Note: who is in the groups of desk.agents could not be read; acts of their members may be refused.");
    }
    let mut code = ExitCode::SUCCESS;
    for event in &dead {
        let (key, kind) = (event.key.as_str(), kind(event));
        match handle_again(&store, &intake, event).await? {
            Replayed::Handled(Outcome::Repeated) => say!("{key}  {kind}: had been handled meanwhile"),
            Replayed::Handled(outcome) => match outcome.ticket() {
                Some(ticket) => say!("{key}  {kind}: {} {ticket}", outcome.name()),
                None => say!("{key}  {kind}: {}", outcome.name()),
            },
            Replayed::Failed(why) => {
                code = ExitCode::FAILURE;
                say!("{key}  {kind}: failed again and is kept ({why})");
            }
        }
    }
    store.close().await;
    Ok(code)
}

fn kind(dead: &DeadEvent) -> &'static str {
    serde_json::from_str::<Event>(&dead.event_json).map_or("unreadable", |event| event.what.name())
}

fn unknown(key: &str) -> String {
    format!("there is no dead event {key}: `deskbell events` lists them")
}
