//! The bot's own messages that stand on a platform.

use super::port::{Ask, Tx};
use super::row::{Row, json};
use super::statement::{Statement, Text, statement, texts};
use super::{StoreError, TIDIED_AT_ONCE};
use crate::domain::ids::{MessageRef, Place, PlatformName, TicketId};
use crate::domain::standing::{LINES, SAID, Standing};
use crate::domain::subject::Subject;

/// The columns that [`read`] reads.
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
    /// The messages that stand for a subject.
    STANDING = Text::both(
        standing!("", "standing AS s WHERE s.subject_kind = $1 AND s.subject_id = $2 ORDER BY s.id")
    );
    /// In how many places something stands for a subject.
    STANDING_PLACES = Text::both("SELECT count(*) AS places FROM standing WHERE subject_kind = $1 AND subject_id = $2");
    /// In how many places a view of a subject stands.
    VIEW_PLACES = Text::both(
        "SELECT count(DISTINCT place_json) AS places FROM standing WHERE subject_kind = $1 AND subject_id = $2 AND view = $3 \
         AND platform = $4"
    );
    /// The number of the last message that stands as a view of a subject.
    LAST_OF_VIEW =
        Text::both("SELECT max(id) AS last FROM standing WHERE subject_kind = $1 AND subject_id = $2 AND view = $3");
    /// The messages that stand as a view of a subject, in the order in which they were posted.
    STANDING_BEHIND = Text::both(
        "SELECT s.id, s.subject_kind, s.subject_id, s.view, s.slot, s.part, s.place_json, s.platform, s.tenant, s.channel, s.message \
         FROM standing AS s WHERE s.subject_kind = $1 AND s.subject_id = $2 AND s.view = $3 AND s.id > $4 AND s.id <= $5 \
         ORDER BY s.id LIMIT $6"
    );
    /// The messages as which views of subjects stand in places.
    VIEWS = Text::both(standing!(
        "WITH v (subject_kind, subject_id, view, platform, tenant, place_channel, place_root) AS (VALUES ($1, $2, $3, $4, \
         $5, $6, $7)) ",
        "v JOIN standing AS s ON s.subject_kind = v.subject_kind AND s.subject_id = v.subject_id AND s.view = v.view \
         AND s.platform = v.platform AND s.tenant = v.tenant AND s.place_channel = v.place_channel \
         AND s.place_root = v.place_root"
    ));
    /// What stands as a message.
    STANDING_MESSAGE = Text::both(standing!(
        "",
        "standing AS s WHERE s.platform = $1 AND s.tenant = $2 AND s.channel = $3 AND s.message = $4 ORDER BY s.id"
    ));
    /// The messages that show the words of another.
    SHOWING = Text::both(standing!(
        "", "standing AS s WHERE s.slot = $1 AND s.slot <> '' AND s.view = $2 ORDER BY s.id"
    ));
    /// A message stands, in the place of what stood as the same.
    STAND = Text::both(
        "INSERT INTO standing (subject_kind, subject_id, view, platform, tenant, place_channel, place_root, slot, part, \
         place_json, channel, message) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (subject_kind, subject_id, view, platform, tenant, place_channel, place_root, slot, part) \
         DO UPDATE SET place_json = excluded.place_json, channel = excluded.channel, message = excluded.message"
    );
    /// A message stands no more.
    UNSTAND = Text::both("DELETE FROM standing WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4");
    /// Some of what stands for a subject that is forgotten is, too.
    FORGET_STANDING = Text::both(
        "DELETE FROM standing WHERE id IN (SELECT id FROM standing WHERE subject_kind = $1 AND subject_id = $2 \
         LIMIT $3) RETURNING id"
    );
    /// What stands for one subject as one of two views stands for another.
    MOVE_STANDING = Text::both(
        "UPDATE standing SET subject_id = $3 WHERE subject_kind = $1 AND subject_id = $2 AND view IN ($4, $5)"
    );
}

/// The messages that stand for a subject, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn of(ask: &mut dyn Ask, about: &Subject) -> Result<Vec<Standing>, StoreError> {
    ask.all(statement(STANDING).bind_subject(about), read).await
}

/// How many messages stand for a subject.
///
/// # Errors
/// If the database is away.
pub async fn count(ask: &mut dyn Ask, about: &Subject) -> Result<u64, StoreError> {
    Ok(ask.one(statement(STANDING_PLACES).bind_subject(about), |row| row.count("places")).await?.unwrap_or_default())
}

/// In how many places of a platform this view of a subject stands.
///
/// # Errors
/// If the database is away.
pub async fn places(ask: &mut dyn Ask, about: &Subject, view: &str, platform: PlatformName) -> Result<u64, StoreError> {
    let asked = statement(VIEW_PLACES).bind_subject(about).bind(view).bind(platform.as_str());
    Ok(ask.one(asked, |row| row.count("places")).await?.unwrap_or_default())
}

/// The number of the last message that stands as this view of a subject; 0 if none does.
///
/// # Errors
/// If the database is away.
pub async fn last(ask: &mut dyn Ask, about: &Subject, view: &str) -> Result<u64, StoreError> {
    let asked = statement(LAST_OF_VIEW).bind_subject(about).bind(view);
    let last = ask.one(asked, |row| row.get::<Option<i64>>("last")).await?.flatten();
    Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or_default())
}

/// The messages that stand as this view of a subject behind this number and up to that one, each with its own.
///
/// # Errors
/// If the database is away.
pub async fn behind(
    ask: &mut dyn Ask,
    about: &Subject,
    view: &str,
    (after, through): (u64, u64),
    limit: usize,
) -> Result<Vec<(u64, Standing)>, StoreError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let asked = statement(STANDING_BEHIND).bind_subject(about).bind(view).bind(number(after)).bind(number(through));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    ask.all(asked.bind(limit), |row| Ok((row.count("id")?, read(row)?))).await
}

/// The messages as which these views of subjects stand in these places.
///
/// # Errors
/// If the database is away.
pub async fn views(ask: &mut dyn Ask, of: &[(Subject, &'static str, Place)]) -> Result<Vec<Standing>, StoreError> {
    let asked =
        of.iter().map(|(about, view, place)| statement(VIEWS).bind_subject(about).bind(*view).bind_place(place));
    ask.all_of(asked.collect(), read).await
}

/// The messages that show the words of this message, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn showing(ask: &mut dyn Ask, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
    ask.all(statement(SHOWING).bind(of.to_string()).bind(LINES), read).await
}

/// What stands as this message: for lines, each of them.
///
/// # Errors
/// If the database is away.
pub async fn at(ask: &mut dyn Ask, message: &MessageRef) -> Result<Vec<Standing>, StoreError> {
    ask.all(statement(STANDING_MESSAGE).bind_message(message), read).await
}

/// What was said for one ticket, and the lines under its card, stand for another from now on; its views stay its own.
///
/// # Errors
/// If the database is away.
pub fn give(tx: &mut dyn Tx, from: TicketId, to: TicketId) -> Result<(), StoreError> {
    let (from, to) = (Subject::from(from), Subject::from(to));
    tx.write(statement(MOVE_STANDING).bind_subject(&from).bind(to.id()).bind(SAID).bind(LINES))
}

/// Forgets some of what stands for a subject that is forgotten; whether there may be more.
///
/// # Errors
/// If the database is away.
pub async fn forget(tx: &mut dyn Tx, about: &Subject) -> Result<bool, StoreError> {
    let some = statement(FORGET_STANDING).bind_subject(about).bind(i64::from(TIDIED_AT_ONCE));
    Ok(!tx.rows(some).await?.is_empty())
}

/// A message stands, in the place of what stood as the same.
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

/// A message stands no more.
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
