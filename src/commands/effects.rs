//! `deskbell effects`: lists effects that wait, that are held until an operator fixes the cause, and that failed for
//! good.

use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::terminal::say;
use crate::app;
use crate::cli::{EffectsArgs, EffectsCommand};
use crate::clock::Clock;
use crate::config::Config;
use crate::desk::tickets;
use crate::domain::effect::Outlet;
use crate::domain::ids::{EffectId, TicketId, TicketKey};
use crate::domain::plain::one_line;
use crate::domain::subject::Subject;
use crate::store::{Listed, ListedEffect, Release, Store, standing};

/// The lists: each with its heading, and the line that is printed if it is empty.
const LISTS: [(Listed, &str, &str); 3] = [
    (Listed::Waiting, "waiting", "Nothing waits."),
    (Listed::Held, "held", "Nothing is held."),
    (Listed::Failed, "failed", "Nothing failed for good."),
];

/// Lists effects, or releases held ones.
///
/// # Errors
/// If the database cannot be read, or cannot be written to.
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

/// Prints the requested lists, or all of them, each newest first.
async fn list(store: &dyn Store, args: &EffectsArgs) -> anyhow::Result<()> {
    let about = match &args.about {
        Some(text) => Some(subject(store, text).await?),
        None => None,
    };
    if let Some(about) = &about {
        let delivered = standing::count(&mut *store.reader().await?, about).await?;
        if args.json {
            say!("{}", json!({ "about": about, "delivered": delivered }));
        } else {
            say!("delivered: {delivered}");
        }
    }
    let asked = [args.waiting, args.held, args.failed];
    let is_any = asked.contains(&true);
    for ((which, name, nothing), _) in LISTS.into_iter().zip(asked).filter(|(_, is)| *is || !is_any) {
        let effects = store.listed(which, about.as_ref(), None, args.limit).await?;
        let keys = keys(store, &effects).await?;
        if args.json {
            for effect in effects {
                let mut line = serde_json::to_value(&effect)?;
                line["ticket"] = serde_json::to_value(keys.get(&effect.about))?;
                say!("{line}");
            }
            continue;
        }
        if effects.is_empty() {
            say!("{nothing}");
            continue;
        }
        say!("{name}:");
        for effect in &effects {
            say!("{}", line(effect, keys.get(&effect.about), which));
        }
        if which == Listed::Held {
            say!(
                "Mend what refuses them; they are tried again by themselves, or at once by: deskbell effects retry --all"
            );
        }
    }
    Ok(())
}

/// Reads a subject from the key of a ticket, or from the text of a [`Subject`].
async fn subject(store: &dyn Store, text: &str) -> anyhow::Result<Subject> {
    if let Ok(key) = text.parse::<TicketKey>() {
        let ticket = tickets::record::by_key(&mut *store.reader().await?, &key).await?;
        return Ok(ticket.with_context(|| format!("there is no ticket {key}"))?.id.into());
    }
    text.parse().ok().with_context(|| format!("{text:?} is no ticket (IT-1042), notice:NAME or outage:NUMBER"))
}

/// Returns the keys of the tickets that these effects are about.
async fn keys(store: &dyn Store, of: &[ListedEffect]) -> anyhow::Result<HashMap<Subject, TicketKey>> {
    let ids: BTreeSet<TicketId> = of.iter().filter_map(|effect| effect.about.ticket()).collect();
    let tickets = tickets::record::these(&mut *store.reader().await?, &Vec::from_iter(ids)).await?;
    Ok(tickets.into_iter().map(|ticket| (Subject::Ticket(ticket.id), ticket.key)).collect())
}

fn line(effect: &ListedEffect, ticket: Option<&TicketKey>, which: Listed) -> String {
    let about = match (ticket, &effect.about) {
        (Some(key), _) => key.to_string(),
        (None, Subject::Notice(name)) => format!("notice:{name}"),
        (None, _) => "-".to_owned(),
    };
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
    format!("{since:.0}  {id}{about:<10} {:<8} {:<14} {place}  {tries}{why}", effect.outlet, effect.kind)
}

/// Releases held effects; a running bot delivers them.
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
    for outlet in Outlet::ALL {
        let of = if all || held_in.is_some() { store.held_in(outlet).await? } else { Vec::new() };
        for (place, _) in of.into_iter().filter(|(place, _)| all || Some(place.as_str()) == held_in) {
            released += store.release(Release::In { outlet, held_in: place, limit: u32::MAX }, now).await?;
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
