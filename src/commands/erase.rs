//! `deskbell erase`: removes one person's words and names. Keys, times, states, priorities and counts stay.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;

use super::terminal::say;
use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::PersonRef;
use crate::intake::erase::{self as erase, Tally};
use crate::store::StoreError;

/// Removes a person's words and names, or, without `yes`, prints what would be removed.
///
/// # Errors
/// If the database cannot be written to, or if words of the person are being delivered or may stand on a platform after
/// a try with an unknown outcome.
pub async fn erase(config: &Config, given: &[PersonRef], yes: bool) -> anyhow::Result<ExitCode> {
    let roster = config.roster();
    let accounts: BTreeSet<PersonRef> = given.iter().flat_map(|who| roster.accounts(who)).collect();
    let accounts: Vec<PersonRef> = accounts.into_iter().collect();
    let names: Vec<String> = accounts.iter().map(|account| named(account, given)).collect();
    let whom = names.join(", ");
    let clock = Clock::system();
    let store = app::open_beside(config, clock.clone()).await?;
    let tally = match erase::person(&store, &clock, &accounts, !yes).await {
        Err(StoreError::Conflict) => bail!(
            "a message with the person's words is being delivered, or may stand on a platform after an interrupted \
             delivery: let the bot run for a minute, or until the platform answers, then give this command again. What \
             is erased already stays erased."
        ),
        other => other?,
    };
    if tally.is_empty() {
        say!("Nothing is on record of {whom}: it was erased before, or never there. Is the id right?");
        store.close().await;
        return Ok(ExitCode::FAILURE);
    }
    say!("{} of {whom}:", if yes { "Erased" } else { "This would be erased" });
    print(&tally);
    if yes {
        // PostgreSQL overwrites nothing: its own VACUUM frees the room.
        if !store.is_shared() && !store.scrub().await? {
            say!("What was deleted is overwritten in the file as soon as nobody reads it any more.");
        }
        say!("The cards and lines on the platforms follow by the outbox, in a moment if the bot runs.");
    } else {
        let person: Vec<String> = given.iter().map(|who| format!("--person {who}")).collect();
        say!("Nothing was changed. To do it: deskbell erase {} --yes", person.join(" "));
    }
    say!("Not in reach: what they wrote on the platforms themselves, what others wrote about them, and backups.");
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Reads `slack:U0123456789` or `discord:42`.
///
/// # Errors
/// If the text names no account.
pub fn account(text: &str) -> Result<PersonRef, String> {
    let said = || format!("{text:?} is no account: it is slack:U0123456789 or discord:1000000000000000005");
    let who: PersonRef = text.parse().map_err(|_| said())?;
    if who.id.chars().all(|c| c.is_ascii_alphanumeric()) { Ok(who) } else { Err(said()) }
}

fn named(account: &PersonRef, given: &[PersonRef]) -> String {
    if given.contains(account) { account.to_string() } else { format!("{account} (the same person by [[people]])") }
}

fn print(tally: &Tally) {
    for (count, what) in [
        (tally.tickets, "tickets that hold anything of theirs"),
        (tally.messages, "messages on record: words and author"),
        (tally.acts, "entries of the audit: the name"),
        (tally.cards, "cards to be shown anew"),
        (tally.lines, "lines of the bot to be removed from the platforms"),
        (tally.waiting, "messages that waited to be sent"),
        (tally.dead_events, "events that could not be handled"),
    ] {
        say!("{count:>8}  {what}");
    }
    for (what, count) in &tally.outside_tickets {
        say!("{count:>8}  {what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_and_nothing_else() {
        assert_eq!(account("slack:U0123").map(|who| who.to_string()), Ok("slack:U0123".to_owned()));
        for wrong in ["U0123", "slack:", "slack:group:S1", "teams:1", "discord:%", "slack:erased-12"] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
    }
}
