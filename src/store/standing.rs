//! The bot's own messages that stand on a platform.

use super::StoreError;
use super::port::{Ask, Tx};
use super::row::{Row, json};
use super::statement::{Statement, Text, statement, texts};
use crate::domain::ids::{MessageRef, TicketId};
use crate::domain::standing::Standing;

/// What stands, a row for each message whose words it shows beyond the first.
macro_rules! standing {
    ($rest:literal) => {
        concat!(
            "SELECT s.ticket_id, s.card, s.place_json, s.platform, s.tenant, s.channel, s.message, s.mirrors_json, \
             m.mirrors_json AS more_json FROM standing AS s LEFT JOIN standing_more AS m ON m.standing_id = s.id ",
            $rest
        )
    };
}

texts! {
    /// The bot's messages that stand for a ticket.
    STANDING = Text::both(standing!("WHERE s.ticket_id = $1 ORDER BY s.id, m.position"));
    /// The cards that stand for tickets.
    CARDS = Text::both(
        "WITH v (ticket_id) AS (VALUES (CAST($1 AS BIGINT))) SELECT s.ticket_id, s.card, s.place_json, s.platform, \
         s.tenant, s.channel, s.message, s.mirrors_json FROM v JOIN standing AS s ON s.ticket_id = v.ticket_id \
         AND s.card = 1"
    );
    /// The bot's message.
    STANDING_MESSAGE = Text::both(
        "SELECT ticket_id, card, place_json, platform, tenant, channel, message, mirrors_json FROM standing \
         WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4"
    );
    /// The bot's messages that show the words of another.
    MIRRORS = Text::both(
        standing!(
        "WHERE s.id IN (SELECT id FROM standing WHERE mirrors_json = $1 \
         UNION ALL SELECT standing_id FROM standing_more WHERE mirrors_json = $1) ORDER BY s.id, m.position"
    )
    );
    /// A message of the bot stands.
    STAND = Text::both(
        "INSERT INTO standing (platform, tenant, channel, message, ticket_id, card, place_channel, place_json, \
         mirrors_json) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (platform, tenant, channel, message) DO UPDATE SET \
         ticket_id = excluded.ticket_id, card = excluded.card, place_channel = excluded.place_channel, \
         place_json = excluded.place_json, mirrors_json = excluded.mirrors_json"
    );
    /// It shows the words of another message, too.
    STAND_MORE = Text::both(
        "INSERT INTO standing_more (standing_id, position, mirrors_json) SELECT id, CAST($5 AS BIGINT), $6 FROM standing \
         WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4 \
         ON CONFLICT (standing_id, position) DO UPDATE SET mirrors_json = excluded.mirrors_json"
    );
    /// The card that stood in this channel gives way to another message.
    REPLACE_CARD = Text::both(
        "WITH v (platform, tenant, ticket_id, place_channel, channel, message) AS (VALUES ($1, $2, CAST($3 AS BIGINT), \
         $4, $5, $6)) DELETE FROM standing WHERE id IN (SELECT s.id FROM v JOIN standing AS s \
         ON s.ticket_id = v.ticket_id AND s.card = 1 AND s.platform = v.platform AND s.tenant = v.tenant \
         AND s.place_channel = v.place_channel AND NOT (s.channel = v.channel AND s.message = v.message))"
    );
    /// A message of the bot stands no more.
    UNSTAND = Text::both("DELETE FROM standing WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4");
    /// What stands for a ticket, but for cards, stands for another.
    MOVE_STANDING = Text::both("UPDATE standing SET ticket_id = $2 WHERE ticket_id = $1 AND card = 0");
}

/// The messages that stand for a ticket, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn of(ask: &mut dyn Ask, ticket: TicketId) -> Result<Vec<Standing>, StoreError> {
    several(ask, statement(STANDING).bind(ticket.0)).await
}

/// The cards that stand for these tickets.
///
/// # Errors
/// If the database is away.
pub async fn cards(ask: &mut dyn Ask, tickets: &[TicketId]) -> Result<Vec<Standing>, StoreError> {
    ask.all_of(tickets.iter().map(|id| statement(CARDS).bind(id.0)).collect(), read).await
}

/// The messages that show the words of this message.
///
/// # Errors
/// If the database is away.
pub async fn mirrors(ask: &mut dyn Ask, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
    several(ask, statement(MIRRORS).bind(json(of)?)).await
}

/// What stands as this message.
///
/// # Errors
/// If the database is away.
pub async fn at(ask: &mut dyn Ask, message: &MessageRef) -> Result<Option<Standing>, StoreError> {
    ask.one(statement(STANDING_MESSAGE).bind_message(message), read).await
}

/// What stands for one ticket, but for cards, stands for another from now on.
///
/// # Errors
/// If the database is away.
pub fn give(tx: &mut dyn Tx, from: TicketId, to: TicketId) -> Result<(), StoreError> {
    tx.write(statement(MOVE_STANDING).bind(from.0).bind(to.0))
}

/// A message stands. A card takes the place of the one that stood in its channel.
pub(super) fn stand(stands: &Standing) -> Result<Vec<Statement>, StoreError> {
    let message = &stands.message;
    let mut all = Vec::new();
    if stands.card {
        all.push(
            statement(REPLACE_CARD)
                .bind(message.tenant.platform.as_str())
                .bind(&message.tenant.id)
                .bind(stands.ticket.0)
                .bind(stands.place.channel())
                .bind(&message.channel)
                .bind(&message.id),
        );
    }
    all.push(
        statement(STAND)
            .bind_message(message)
            .bind(stands.ticket.0)
            .bind(i64::from(stands.card))
            .bind(stands.place.channel())
            .bind(json(&stands.place)?)
            .bind(stands.mirrors.first().map(json).transpose()?),
    );
    for (position, of) in (1..).zip(stands.mirrors.iter().skip(1)) {
        all.push(statement(STAND_MORE).bind_message(message).bind(position).bind(json(of)?));
    }
    Ok(all)
}

/// A message stands no more.
pub(super) fn unstand(message: &MessageRef) -> Statement {
    statement(UNSTAND).bind_message(message)
}

async fn several(ask: &mut dyn Ask, query: Statement) -> Result<Vec<Standing>, StoreError> {
    let mut found: Vec<Standing> = Vec::new();
    for (mut stands, more) in ask.all(query, |row| Ok((read(row)?, row.json_if("more_json")?))).await? {
        match found.last_mut().filter(|last| last.message == stands.message) {
            Some(last) => last.mirrors.extend(more),
            None => {
                stands.mirrors.extend(more);
                found.push(stands);
            }
        }
    }
    Ok(found)
}

fn read(row: &Row) -> Result<Standing, StoreError> {
    Ok(Standing {
        ticket: TicketId(row.get("ticket_id")?),
        card: row.flag("card")?,
        place: row.json("place_json")?,
        message: row.message()?,
        mirrors: row.json_if("mirrors_json")?.into_iter().collect(),
    })
}
