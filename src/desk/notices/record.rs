//! Notices and their places in the database.

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::Place;
use crate::domain::limits;
use crate::domain::message::Message;
use crate::domain::subject::Subject;
use crate::store::row::{Row, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, TIDIED_AT_ONCE, Text, Tx, standing, statement};

texts! {
    NOTICE = Text::both("SELECT message_json FROM notices WHERE name = $1");
    KEEP_NOTICE = Text::both(
        "INSERT INTO notices (name, message_json, created_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET message_json = excluded.message_json, created_at_ms = excluded.created_at_ms"
    );
    /// The greatest number of a notice's places.
    LAST_PLACE = Text::both("SELECT max(number) AS number FROM notice_places WHERE notice = $1");
    /// Adds a place to a notice, unless it has the place already.
    ADD_PLACE = Text::both(
        "INSERT INTO notice_places (notice, number, place_json) VALUES ($1, $2, $3) ON CONFLICT (notice, place_json) DO NOTHING"
    );
    /// Selects the next places of a notice, in the order of their numbers.
    PLACES = Text::both(
        "SELECT number, place_json FROM notice_places WHERE notice = $1 AND number > $2 ORDER BY number LIMIT $3"
    );
    /// Selects the oldest notice, if its message was set before a moment.
    OLD_NOTICE = Text::both("SELECT name FROM notices WHERE created_at_ms < $1 ORDER BY created_at_ms LIMIT 1");
    FORGET_NOTICE = Text::both("DELETE FROM notices WHERE name = $1");
    /// Deletes some places of a notice.
    TIDY_PLACES = Text::both(
        "DELETE FROM notice_places WHERE notice = $1 AND number IN (SELECT number FROM notice_places WHERE notice = $1 \
         ORDER BY number LIMIT $2) RETURNING number"
    );
}

/// Reads the message of a notice.
///
/// # Errors
/// If the database is away.
pub async fn message(ask: &mut dyn Ask, name: &str) -> Result<Option<Message>, StoreError> {
    ask.one(statement(NOTICE).bind(name), |row| row.json("message_json")).await
}

/// Sets the message of a notice. Returns whether the message is new or changed.
///
/// # Errors
/// If the database is away.
pub async fn keep(tx: &mut dyn Tx, name: &str, says: &Message, now: Timestamp) -> Result<bool, StoreError> {
    if message(tx, name).await?.as_ref() == Some(says) {
        return Ok(false);
    }
    tx.write(statement(KEEP_NOTICE).bind(name).bind(json(says)?).bind(ms(now)))?;
    Ok(true)
}

/// Adds places to a notice. If any place is new, returns the last number from before: new places have greater numbers.
///
/// # Errors
/// If the database is away.
pub async fn add(tx: &mut dyn Tx, name: &str, places: &[Place]) -> Result<Option<u64>, StoreError> {
    let last = last(tx, name).await?;
    for (number, place) in (last + 1..).zip(places) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        tx.write(statement(ADD_PLACE).bind(name).bind(number).bind(json(place)?))?;
    }
    let is_any_new = self::last(tx, name).await? > last;
    Ok(is_any_new.then_some(last))
}

async fn last(ask: &mut dyn Ask, name: &str) -> Result<u64, StoreError> {
    let last = |row: &Row| Ok(u64::try_from(row.get::<Option<i64>>("number")?.unwrap_or_default()).unwrap_or_default());
    Ok(ask.one(statement(LAST_PLACE).bind(name), last).await?.unwrap_or_default())
}

/// Reads at most `limit` places of a notice whose number is greater than `after`, each with its number.
///
/// # Errors
/// If the database is away.
pub async fn places(ask: &mut dyn Ask, name: &str, after: u64, limit: usize) -> Result<Vec<(u64, Place)>, StoreError> {
    let (after, limit) = (i64::try_from(after).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    let place = |row: &Row| Ok((row.count("number")?, row.json("place_json")?));
    ask.all(statement(PLACES).bind(name).bind(after).bind(limit), place).await
}

/// Deletes the oldest notice whose message was set long enough before `then`, with its places and standing messages, a
/// part at a time. Returns whether there may be more to delete. All effects of such a notice have ended and are no
/// longer listed.
///
/// # Errors
/// If the database is away.
pub async fn tidy(tx: &mut dyn Tx, then: Timestamp) -> Result<bool, StoreError> {
    // An effect of the notice may be held for this long. After its end, it is listed as long as other ended effects.
    let held = SignedDuration::try_from(limits::HELD_AT_MOST).unwrap_or(SignedDuration::MAX);
    let then = then.checked_sub(held).unwrap_or(Timestamp::MIN);
    let Some(name) =
        (tx as &mut dyn Ask).one(statement(OLD_NOTICE).bind(ms(then)), |row| row.get::<String>("name")).await?
    else {
        return Ok(false);
    };
    let some = statement(TIDY_PLACES).bind(&name).bind(i64::from(TIDIED_AT_ONCE));
    if tx.rows(some).await?.is_empty() && !standing::forget(tx, &Subject::Notice(name.clone())).await? {
        tx.write(statement(FORGET_NOTICE).bind(name))?;
    }
    Ok(true)
}
