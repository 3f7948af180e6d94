//! `deskbell effects`: what waits to be said, what is held until an operator has mended something, what failed for good.

use std::process::ExitCode;

use super::terminal::say;
use crate::app;
use crate::cli::{EffectsArgs, EffectsCommand};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::{EffectId, PlatformName};
use crate::domain::plain::one_line;
use crate::store::{Listed, ListedEffect, Release, Store};

/// What each list is called.
const LISTS: [(Listed, &str, &str); 3] = [
    (Listed::Waiting, "waiting", "Nothing waits."),
    (Listed::Held, "held", "Nothing is held."),
    (Listed::Failed, "failed", "Nothing failed for good."),
];

/// Lists effects, or lets some that are held be tried again.
///
/// # Errors
/// If the database cannot be read, or not be written to.
pub async fn run(config: &Config, args: EffectsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(EffectsCommand::Retry { effects, all, held_in }) => {
            let store = app::open_beside(config, Clock::system()).await?;
            let code = retry(store.as_ref(), effects, *all, held_in.as_deref()).await?;
            store.close().await;
            Ok(code)
        }
        None => {
            let store = app::open_to_read(config).await?;
            list(store.as_ref(), &args).await?;
            store.close().await;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Lists what was asked for, or everything, each newest first.
async fn list(store: &dyn Store, args: &EffectsArgs) -> anyhow::Result<()> {
    let asked = [args.waiting, args.held, args.failed];
    let is_any = asked.contains(&true);
    for ((which, name, nothing), _) in LISTS.into_iter().zip(asked).filter(|(_, is)| *is || !is_any) {
        let effects = store.listed(which, None, args.limit).await?;
        if args.json {
            for effect in effects {
                say!("{}", serde_json::to_string(&effect)?);
            }
            continue;
        }
        if effects.is_empty() {
            say!("{nothing}");
            continue;
        }
        say!("{name}:");
        for effect in &effects {
            say!("{}", line(effect, which));
        }
        if which == Listed::Held {
            say!(
                "Mend what refuses them; they are tried again by themselves, or at once by: deskbell effects retry --all"
            );
        }
    }
    Ok(())
}

fn line(effect: &ListedEffect, which: Listed) -> String {
    let ticket = effect.ticket.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let tries = effect.attempts + u32::from(which == Listed::Failed);
    let tries = match tries {
        0 => "not tried yet".to_owned(),
        1 => "1 try".to_owned(),
        tries => format!("{tries} tries"),
    };
    let since = match which {
        Listed::Waiting => effect.created_at,
        Listed::Held => effect.held_at.unwrap_or(effect.created_at),
        Listed::Failed => effect.failed_at.unwrap_or(effect.created_at),
    };
    let why = match (which, effect.error.is_empty()) {
        (Listed::Waiting, true) => String::new(),
        (Listed::Waiting, false) => format!(", last: {}", effect.error),
        (Listed::Held | Listed::Failed, _) => format!(": {}", effect.error),
    };
    let id = if which == Listed::Failed { String::new() } else { format!("{}  ", effect.id) };
    let place = effect.held_in.as_ref().unwrap_or(&effect.place);
    let why = one_line(&why);
    format!("{since:.0}  {id}{ticket:<10} {:<8} {:<14} {place}  {tries}{why}", effect.platform, effect.kind)
}

/// Lets effects that are held wait again; a running bot delivers them.
async fn retry(store: &dyn Store, effects: &[String], all: bool, held_in: Option<&str>) -> anyhow::Result<ExitCode> {
    let now = Clock::system().now();
    let mut released = 0;
    let mut unknown = Vec::new();
    for effect in effects {
        match store.release(Release::One(EffectId(effect.clone())), now).await? {
            0 => unknown.push(effect),
            count => released += count,
        }
    }
    for platform in PlatformName::ALL {
        let of = if all || held_in.is_some() { store.held_in(platform).await? } else { Vec::new() };
        for (place, _) in of.into_iter().filter(|(place, _)| all || Some(place.as_str()) == held_in) {
            released += store.release(Release::In { platform, held_in: place, limit: u32::MAX }, now).await?;
        }
    }
    for effect in &unknown {
        say!("{effect} is not held: “deskbell effects --held” lists what is.");
    }
    match released {
        0 if effects.is_empty() => say!("Nothing is held{}.", if all { "" } else { " there" }),
        0 => {}
        1 => say!("1 effect is tried again now, by the bot that runs or at its next start."),
        released => say!("{released} effects are tried again now, by the bot that runs or at its next start."),
    }
    let is_missing = !unknown.is_empty() || (released == 0 && held_in.is_some());
    Ok(if is_missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
