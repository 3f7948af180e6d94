//! The people on call in the database.

use jiff::Timestamp;

use super::state::OnCall;
use crate::domain::ids::PersonRef;
use crate::domain::permission::Roster;
use crate::store::row::ms;
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, statement};

texts! {
    /// Selects the people on call by command, the earliest end first.
    ON_CALL = Text::both("SELECT person, until_ms FROM on_call WHERE until_ms > $1 ORDER BY until_ms");
    /// Stores until when a person is on call by command.
    BE_ON_CALL = Text::both(
        "INSERT INTO on_call (person, until_ms) VALUES ($1, $2) \
         ON CONFLICT (person) DO UPDATE SET until_ms = excluded.until_ms"
    );
    /// Deletes the entry of a person who is no longer on call by command.
    END_ON_CALL = Text::both("DELETE FROM on_call WHERE person = $1");
    /// Deletes the entry of an erased account.
    FORGET_ON_CALL = Text::both("DELETE FROM on_call WHERE person = $1 RETURNING person");
    /// Deletes entries that are over.
    TIDY_ON_CALL = Text::both("DELETE FROM on_call WHERE until_ms < $1");
}

/// Reads the people on call now, each once: first those by command, the earliest end first, then those by the settings.
///
/// # Errors
/// If the database is away.
pub async fn now(ask: &mut dyn Ask, roster: &Roster, now: Timestamp) -> Result<Vec<OnCall>, StoreError> {
    let by_word = ask
        .all(statement(ON_CALL).bind(ms(now)), |row| {
            Ok(OnCall { who: row.named("person")?, until: Some(row.moment("until_ms")?) })
        })
        .await?;
    let by_settings = roster.known_on_call(now).into_iter().map(|who| OnCall { who, until: None });
    let mut on_call: Vec<OnCall> = Vec::new();
    for one in by_word.into_iter().chain(by_settings) {
        if !on_call.iter().any(|other| roster.same(&other.who, &one.who)) {
            on_call.push(one);
        }
    }
    Ok(on_call)
}

/// Stores until when a person is on call by command. `None`: no longer.
///
/// # Errors
/// If the database is away.
pub fn put(tx: &mut dyn Tx, who: &PersonRef, until: Option<Timestamp>) -> Result<(), StoreError> {
    match until {
        Some(until) => tx.write(statement(BE_ON_CALL).bind(who.to_string()).bind(ms(until))),
        None => tx.write(statement(END_ON_CALL).bind(who.to_string())),
    }
}

/// Deletes the entry of an account. Returns the number of entries.
///
/// # Errors
/// If the database is away.
pub async fn forget_of(tx: &mut dyn Tx, account: &PersonRef) -> Result<u64, StoreError> {
    Ok(tx.rows(statement(FORGET_ON_CALL).bind(account.to_string())).await?.len() as u64)
}

/// Deletes entries that are over.
///
/// # Errors
/// If the database is away.
pub fn tidy(tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(TIDY_ON_CALL).bind(ms(now)))
}
