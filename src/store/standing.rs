//! The table of standing messages: the record of the bot's own messages on the platforms.

use super::port::{Ask, Tx};
use super::row::{Row, json};
use super::statement::{Statement, Text, statement, texts};
use super::{StoreError, TIDIED_AT_ONCE};
use crate::domain::ids::{MessageRef, Place, PlatformName, TicketId};
use crate::domain::standing::{LINES, SAID, Standing};
use crate::domain::subject::Subject;

/// Builds a query with the columns that [`read`] reads.
macro_rules! standing {
    ($with:literal, $rest:literal) => {
        concat!(
            $with,
            "SELECT s.subject_kind, s.subject_id, s.view, s.slot, s.part, s.place_json, s.platform, s.tenant, s.channel, \
             s.message FROM ",
            $rest
        )
    };
}

texts! {
    /// Selects the standing messages of a subject.
    STANDING = Text::both(
        standing!("", "standing AS s WHERE s.subject_kind = $1 AND s.subject_id = $2 ORDER BY s.id")
    );
    /// Counts the standing messages of a subject.
    COUNT_STANDING = Text::both("SELECT count(*) AS places FROM standing WHERE subject_kind = $1 AND subject_id = $2");
    /// Counts the places in which a view of a subject stands.
    VIEW_PLACES = Text::both(
        "SELECT count(DISTINCT place_json) AS places FROM standing WHERE subject_kind = $1 AND subject_id = $2 AND view = $3 \
         AND platform = $4"
    );
    /// Reads the number of the last standing message of a view of a subject.
    LAST_OF_VIEW =
        Text::both("SELECT max(id) AS last FROM standing WHERE subject_kind = $1 AND subject_id = $2 AND view = $3");
    /// Selects the standing messages of a view of a subject, in the order in which they were posted.
    STANDING_AFTER = Text::both(
        "SELECT s.id, s.subject_kind, s.subject_id, s.view, s.slot, s.part, s.place_json, s.platform, s.tenant, s.channel, s.message \
         FROM standing AS s WHERE s.subject_kind = $1 AND s.subject_id = $2 AND s.view = $3 AND s.id > $4 AND s.id <= $5 \
         ORDER BY s.id LIMIT $6"
    );
    /// Selects the standing messages of views of subjects in given places.
    VIEWS = Text::both(standing!(
        "WITH v (subject_kind, subject_id, view, platform, tenant, place_channel, place_root) AS (VALUES ($1, $2, $3, $4, \
         $5, $6, $7)) ",
        "v JOIN standing AS s ON s.subject_kind = v.subject_kind AND s.subject_id = v.subject_id AND s.view = v.view \
         AND s.platform = v.platform AND s.tenant = v.tenant AND s.place_channel = v.place_channel \
         AND s.place_root = v.place_root"
    ));
    /// Selects the rows of one message.
    STANDING_MESSAGE = Text::both(standing!(
        "",
        "standing AS s WHERE s.platform = $1 AND s.tenant = $2 AND s.channel = $3 AND s.message = $4 ORDER BY s.id"
    ));
    /// Selects the bot's messages that show the words of a given message.
    SHOWING = Text::both(standing!(
        "", "standing AS s WHERE s.slot = $1 AND s.slot <> '' AND s.view = $2 ORDER BY s.id"
    ));
    /// Inserts a standing message, or replaces the one in the same slot.
    STAND = Text::both(
        "INSERT INTO standing (subject_kind, subject_id, view, platform, tenant, place_channel, place_root, slot, part, \
         place_json, channel, message) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (subject_kind, subject_id, view, platform, tenant, place_channel, place_root, slot, part) \
         DO UPDATE SET place_json = excluded.place_json, channel = excluded.channel, message = excluded.message"
    );
    /// Deletes a standing message.
    UNSTAND = Text::both("DELETE FROM standing WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4");
    /// Deletes some of the standing messages of a subject.
    FORGET_STANDING = Text::both(
        "DELETE FROM standing WHERE id IN (SELECT id FROM standing WHERE subject_kind = $1 AND subject_id = $2 \
         LIMIT $3) RETURNING id"
    );
    /// Moves the standing messages of two views from one subject to another.
    MOVE_STANDING = Text::both(
        "UPDATE standing SET subject_id = $3 WHERE subject_kind = $1 AND subject_id = $2 AND view IN ($4, $5)"
    );
}

/// Returns the standing messages of a subject, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn of(ask: &mut dyn Ask, about: &Subject) -> Result<Vec<Standing>, StoreError> {
    ask.all(statement(STANDING).bind_subject(about), read).await
}

/// Counts the standing messages of a subject.
///
/// # Errors
/// If the database is away.
pub async fn count(ask: &mut dyn Ask, about: &Subject) -> Result<u64, StoreError> {
    Ok(ask.one(statement(COUNT_STANDING).bind_subject(about), |row| row.count("places")).await?.unwrap_or_default())
}

/// Counts the places of a platform in which this view of a subject stands.
///
/// # Errors
/// If the database is away.
pub async fn places(ask: &mut dyn Ask, about: &Subject, view: &str, platform: PlatformName) -> Result<u64, StoreError> {
    let asked = statement(VIEW_PLACES).bind_subject(about).bind(view).bind(platform.as_str());
    Ok(ask.one(asked, |row| row.count("places")).await?.unwrap_or_default())
}

/// Returns the number (row id) of the last standing message of this view of a subject, or 0.
///
/// # Errors
/// If the database is away.
pub async fn last(ask: &mut dyn Ask, about: &Subject, view: &str) -> Result<u64, StoreError> {
    let asked = statement(LAST_OF_VIEW).bind_subject(about).bind(view);
    let last = ask.one(asked, |row| row.get::<Option<i64>>("last")).await?.flatten();
    Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or_default())
}

/// Returns the standing messages of this view of a subject whose number (row id) is above `after` and at most
/// `through`, in order, each with its number.
///
/// # Errors
/// If the database is away.
pub async fn page_after(
    ask: &mut dyn Ask,
    about: &Subject,
    view: &str,
    (after, through): (u64, u64),
    limit: usize,
) -> Result<Vec<(u64, Standing)>, StoreError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let asked = statement(STANDING_AFTER).bind_subject(about).bind(view).bind(number(after)).bind(number(through));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    ask.all(asked.bind(limit), |row| Ok((row.count("id")?, read(row)?))).await
}

/// Returns the standing messages of these views of subjects in these places.
///
/// # Errors
/// If the database is away.
pub async fn views(ask: &mut dyn Ask, of: &[(Subject, &'static str, Place)]) -> Result<Vec<Standing>, StoreError> {
    let asked =
        of.iter().map(|(about, view, place)| statement(VIEWS).bind_subject(about).bind(*view).bind_place(place));
    ask.all_of(asked.collect(), read).await
}

/// Returns the bot's messages that show the words of this message, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn showing(ask: &mut dyn Ask, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
    ask.all(statement(SHOWING).bind(of.to_string()).bind(LINES), read).await
}

/// Returns the entries of one message of the bot. A message that shows several lines has an entry for each of them.
///
/// # Errors
/// If the database is away.
pub async fn at(ask: &mut dyn Ask, message: &MessageRef) -> Result<Vec<Standing>, StoreError> {
    ask.all(statement(STANDING_MESSAGE).bind_message(message), read).await
}

/// Moves the bot's messages about a ticket that are no views, and the lines under its card, to another ticket. Its
/// views stay with the first ticket.
///
/// # Errors
/// If the database is away.
pub fn move_to_ticket(tx: &mut dyn Tx, from: TicketId, to: TicketId) -> Result<(), StoreError> {
    let (from, to) = (Subject::from(from), Subject::from(to));
    tx.write(statement(MOVE_STANDING).bind_subject(&from).bind(to.id()).bind(SAID).bind(LINES))
}

/// Deletes at most [`TIDIED_AT_ONCE`] standing messages of a subject that is being deleted. Returns whether there may
/// be more.
///
/// # Errors
/// If the database is away.
pub async fn forget(tx: &mut dyn Tx, about: &Subject) -> Result<bool, StoreError> {
    let some = statement(FORGET_STANDING).bind_subject(about).bind(i64::from(TIDIED_AT_ONCE));
    Ok(!tx.rows(some).await?.is_empty())
}

/// Returns the statement that records a standing message, replacing the one in the same slot.
pub(super) fn stand(stands: &Standing) -> Result<Statement, StoreError> {
    let Standing { about, view, slot, part, place, message } = stands;
    Ok(statement(STAND)
        .bind_subject(about)
        .bind(view)
        .bind(message.tenant.platform.as_str())
        .bind(&message.tenant.id)
        .bind(place.channel())
        .bind(place.root().unwrap_or_default())
        .bind(slot)
        .bind(i64::from(*part))
        .bind(json(place)?)
        .bind(&message.channel)
        .bind(&message.id))
}

/// Returns the statement that deletes a standing message.
pub(super) fn unstand(message: &MessageRef) -> Statement {
    statement(UNSTAND).bind_message(message)
}

fn read(row: &Row) -> Result<Standing, StoreError> {
    Ok(Standing {
        about: row.subject()?,
        view: row.get("view")?,
        slot: row.get("slot")?,
        part: row.count("part")?,
        place: row.json("place_json")?,
        message: row.message()?,
    })
}
