//! `deskbell effects --failed`: what could not be delivered for good.

use std::process::ExitCode;

use crate::app;
use crate::config::Config;

/// Lists what failed, newest first. Reads only, beside a running bot if need be.
///
/// # Errors
/// If the database cannot be read.
pub async fn failed(config: &Config, as_json: bool, limit: u32) -> anyhow::Result<ExitCode> {
    let store = app::open_to_read(config).await?;
    let failed = store.failed(None, limit).await?;
    if failed.is_empty() && !as_json {
        println!("Nothing: everything was delivered, or still is tried.");
    }
    for effect in failed {
        if as_json {
            println!("{}", serde_json::to_string(&effect)?);
            continue;
        }
        let ticket = effect.ticket.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let tries = match effect.attempts + 1 {
            1 => "1 try".to_owned(),
            tries => format!("{tries} tries"),
        };
        println!(
            "{:.0}  {:<10} {:<8} {:<14} {}  {tries}: {}",
            effect.failed_at, ticket, effect.platform, effect.kind, effect.place, effect.error
        );
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
