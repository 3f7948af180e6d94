//! Conversations in the database: records (the words of people), the places of tickets, and skipped mentions (table
//! `skipped_mentions`).

use std::collections::HashSet;

use jiff::Timestamp;

use crate::desk::conversation::state::{Record, Side, SkippedMention, Voice};
use crate::desk::tickets::record::{by_id, ticket, tickets};
use crate::desk::tickets::state::Ticket;
use crate::domain::ids::{Conversation, MessageRef, PersonRef, Place, Tenant, TicketId};
use crate::domain::standing::Standing;
use crate::store::row::{Row, account_anywhere, json, ms, name};
use crate::store::statement::texts;
use crate::store::{Ask, Statement, StoreError, TIDIED_AT_ONCE, Text, Tx, standing, statement};

/// The columns that [`record`] reads.
macro_rules! records {
    ($rest:literal) => {
        concat!(
            "SELECT ticket_id, platform, tenant, channel, message, author_json, voice, at_ms, text, edited_at_ms, \
             deleted_at_ms, joined FROM messages ",
            $rest
        )
    };
}

texts! {
    /// Selects the ticket of a place, with the side of the place.
    TICKET_AT = Text::both(
        tickets!(
        "WITH v (n, platform, tenant, channel, root) AS (VALUES (0, $1, $2, $3, $4)) ",
        ", c.side, v.n",
        "v JOIN conversations AS c ON c.platform = v.platform AND c.tenant = v.tenant AND c.channel = v.channel \
         AND c.root = v.root JOIN tickets ON tickets.id = c.ticket_id"
    )
    );
    /// Selects the id of a place's ticket, with the side of the place.
    CONVERSATION = Text::both("SELECT ticket_id, side FROM conversations WHERE platform = $1 AND tenant = $2 AND channel = $3 AND root = $4");
    /// Binds a place to a ticket. A place that was bound to another ticket no longer belongs to that one.
    BIND = Text::both(
        "INSERT INTO conversations (platform, tenant, channel, root, ticket_id, side) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (platform, tenant, channel, root) DO UPDATE SET ticket_id = excluded.ticket_id, side = excluded.side"
    );
    /// Binds a place to a ticket, unless the place belongs to a ticket already.
    BIND_IF_FREE = Text::both(
        "INSERT INTO conversations (platform, tenant, channel, root, ticket_id, side) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (platform, tenant, channel, root) DO NOTHING"
    );
    /// Moves every place of a ticket to another ticket.
    MOVE_CONVERSATIONS = Text::both("UPDATE conversations SET ticket_id = $2 WHERE ticket_id = $1");
    /// Selects the record of a message.
    RECORD = Text::both(records!("WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4"));
    /// Selects all records of a ticket, oldest first.
    RECORDS = Text::both(records!("WHERE ticket_id = $1 ORDER BY at_ms, id"));
    /// Selects the last records of a ticket, newest first.
    LAST_RECORDS = Text::both(records!("WHERE ticket_id = $1 ORDER BY at_ms DESC, id DESC LIMIT $2"));
    /// Inserts a record, unless its message is on record already.
    INSERT_RECORD = Text::both(
        "INSERT INTO messages (platform, tenant, channel, message, ticket_id, author_json, voice, at_ms, text, \
         edited_at_ms, deleted_at_ms, joined) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (platform, tenant, channel, message) DO NOTHING"
    );
    /// Replaces the words of a record, unless they were deleted or a later edit is stored.
    REWRITE = Text::both(
        "UPDATE messages SET text = $5, edited_at_ms = $6 WHERE platform = $1 AND tenant = $2 AND channel = $3 \
         AND message = $4 AND deleted_at_ms IS NULL AND (edited_at_ms IS NULL OR edited_at_ms <= $6)"
    );
    /// Removes the words of a record, and marks the record as deleted.
    DELETE_WORDS = Text::both(
        "UPDATE messages SET text = '', deleted_at_ms = $5 WHERE platform = $1 AND tenant = $2 AND channel = $3 \
         AND message = $4 AND deleted_at_ms IS NULL"
    );
    /// Moves a joined record to another ticket. The record is then no longer marked as joined.
    SEPARATE = Text::both(
        "UPDATE messages SET ticket_id = $5, joined = 0 WHERE platform = $1 AND tenant = $2 AND channel = $3 \
         AND message = $4 AND joined = 1"
    );
    /// Moves all records of a ticket to another ticket.
    MOVE_RECORDS = Text::both("UPDATE messages SET ticket_id = $2 WHERE ticket_id = $1");
    /// Selects the skipped mention of a message.
    SKIPPED_MENTION = Text::both(
        "SELECT platform, tenant, channel, message, place_json, author_json, at_ms, text FROM skipped_mentions \
         WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4"
    );
    /// Inserts or replaces a skipped mention.
    STORE_SKIPPED = Text::both(
        "INSERT INTO skipped_mentions (platform, tenant, channel, message, place_json, author_json, at_ms, text) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (platform, tenant, channel, message) DO UPDATE SET \
         place_json = excluded.place_json, author_json = excluded.author_json, at_ms = excluded.at_ms, \
         text = excluded.text"
    );
    /// Deletes a skipped mention.
    DELETE_SKIPPED = Text::both("DELETE FROM skipped_mentions WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message = $4");
    /// Deletes some skipped mentions from before a time, oldest first.
    TIDY_SKIPPED = Text::both(
        "DELETE FROM skipped_mentions WHERE (platform, tenant, channel, message) IN (SELECT platform, tenant, channel, message \
         FROM skipped_mentions WHERE at_ms < $1 ORDER BY at_ms LIMIT $2) RETURNING message"
    );
    /// Deletes the skipped mentions of an account.
    FORGET_OF = Text::both("DELETE FROM skipped_mentions WHERE at_ms >= $1 AND author_json LIKE $2 RETURNING message");
    /// Selects the threads of tickets that are open or resolved, or were active after a time and not merged.
    LIVE_THREADS = Text::both(
        "SELECT c.channel, c.root, CAST(0 AS BIGINT) AS private, t.active_at_ms FROM tickets AS t JOIN conversations AS c \
         ON c.ticket_id = t.id WHERE t.id IN (SELECT id FROM tickets \
         WHERE stage <> 'over' \
         UNION SELECT id FROM tickets WHERE stage = 'over' AND merged_into IS NULL AND active_at_ms > $3) \
         AND c.platform = $1 AND c.tenant = $2 AND c.root <> ''"
    );
    /// Selects the direct conversations of the same kinds of tickets.
    LIVE_DIRECT = Text::both(
        "SELECT origin_channel AS channel, '' AS root, CAST(1 AS BIGINT) AS private, active_at_ms FROM tickets \
         WHERE id IN (SELECT id FROM tickets WHERE stage <> 'over' \
         UNION SELECT id FROM tickets WHERE stage = 'over' AND merged_into IS NULL AND active_at_ms > $3) \
         AND private = 1 AND origin_platform = $1 AND origin_tenant = $2"
    );
    /// Selects the records of a channel from a message on, newest first.
    SAID_IN = Text::both(
        records!(
        "WHERE platform = $1 AND tenant = $2 AND channel = $3 AND message >= $4 ORDER BY message DESC LIMIT $5"
    )
    );
    /// Selects the records of several messages.
    THESE_RECORDS = Text::both(
        "WITH v (platform, tenant, channel, message) AS (VALUES ($1, $2, $3, $4)) SELECT m.ticket_id, m.platform, \
         m.tenant, m.channel, m.message, m.author_json, m.voice, m.at_ms, m.text, m.edited_at_ms, m.deleted_at_ms, \
         m.joined FROM v JOIN messages AS m ON m.platform = v.platform AND m.tenant = v.tenant \
         AND m.channel = v.channel AND m.message = v.message"
    );
}

/// Returns the query for the ticket that a thread belongs to, so that it can be read ahead.
#[must_use]
pub fn ticket_query(place: &Place) -> Statement {
    statement(TICKET_AT).bind_place(place)
}

/// Reads the ticket that a thread belongs to, and the side of the thread.
///
/// # Errors
/// If the database is away.
pub async fn ticket_at(ask: &mut dyn Ask, place: &Place) -> Result<Option<(Ticket, Side)>, StoreError> {
    ask.one(ticket_query(place), |row| Ok((ticket(row)?, row.named("side")?))).await
}

/// Reads the ticket that a message belongs to, and the side of the message. The first of these counts: the ticket on
/// whose record the message is; the subject of the message, if it is a standing message of the bot; the ticket of the
/// thread under the message.
///
/// # Errors
/// If the database is away.
pub async fn ticket_of_message(ask: &mut dyn Ask, message: &MessageRef) -> Result<Option<(Ticket, Side)>, StoreError> {
    let (id, side) = if let Some(known) = of_message(ask, message).await? {
        (known.ticket, if known.voice == Voice::Note { Side::Card } else { Side::Request })
    } else if let Some((ticket, stands)) = ticket_message(standing::at(ask, message).await?) {
        let side = match bound(ask, &stands.place).await? {
            _ if stands.is_card() => Side::Card,
            Some((_, side)) => side,
            None => Side::Request,
        };
        (ticket, side)
    } else {
        let at = Conversation::Thread { channel: message.channel.clone(), root: message.id.clone() };
        return ticket_at(ask, &Place { tenant: message.tenant.clone(), at }).await;
    };
    Ok(by_id(ask, id).await?.map(|ticket| (ticket, side)))
}

/// Returns the first standing message that is about a ticket, with the ticket.
fn ticket_message(standing: Vec<Standing>) -> Option<(TicketId, Standing)> {
    standing.into_iter().find_map(|stands| Some((stands.about.ticket()?, stands)))
}

/// Binds a place to a ticket. The place then belongs to no other ticket.
///
/// # Errors
/// If the database is away.
pub fn bind(tx: &mut dyn Tx, place: &Place, ticket: TicketId, side: Side) -> Result<(), StoreError> {
    tx.write(bound_to(BIND, place, ticket, side)?)
}

/// Returns the statement to write when a message of the bot is posted: if the message is a card, the thread under it is
/// bound to the card's ticket. A thread that already belongs to a ticket stays with it. `None`: the message is no card.
///
/// # Errors
/// If a value cannot be written as JSON, which is a fault of the program.
pub fn card_thread_binding(standing: &Standing) -> Result<Option<Statement>, StoreError> {
    let thread = standing.place.thread(&standing.message.id);
    let ticket = standing.about.ticket().filter(|_| standing.is_card() && thread.root().is_some());
    ticket.map(|ticket| bound_to(BIND_IF_FREE, &thread, ticket, Side::Card)).transpose()
}

/// Moves all records and places of a ticket to another ticket.
///
/// # Errors
/// If the database is away.
pub fn give(tx: &mut dyn Tx, from: TicketId, to: TicketId) -> Result<(), StoreError> {
    for text in [MOVE_RECORDS, MOVE_CONVERSATIONS] {
        tx.write(statement(text).bind(from.0).bind(to.0))?;
    }
    Ok(())
}

/// Reads the record of a message.
///
/// # Errors
/// If the database is away.
pub async fn of_message(ask: &mut dyn Ask, message: &MessageRef) -> Result<Option<Record>, StoreError> {
    ask.one(statement(RECORD).bind_message(message), record).await
}

/// Reads all records of a ticket, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn of_ticket(ask: &mut dyn Ask, ticket: TicketId) -> Result<Vec<Record>, StoreError> {
    ask.all(statement(RECORDS).bind(ticket.0), record).await
}

/// Reads the last `limit` records of a ticket, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn last_of_ticket(ask: &mut dyn Ask, ticket: TicketId, limit: u32) -> Result<Vec<Record>, StoreError> {
    let mut last = ask.all(statement(LAST_RECORDS).bind(ticket.0).bind(i64::from(limit)), record).await?;
    last.reverse();
    Ok(last)
}

/// Reads the records of these messages, in any order. Messages that are not on record are left out.
///
/// # Errors
/// If the database is away.
pub async fn of_messages<'m>(
    ask: &mut dyn Ask,
    messages: impl Iterator<Item = &'m MessageRef>,
) -> Result<Vec<Record>, StoreError> {
    let asked = messages.map(|message| statement(THESE_RECORDS).bind_message(message)).collect();
    ask.all_of(asked, record).await
}

/// Reads the records of a channel (on Discord a thread is a channel) from this message on, newest first, `limit` at
/// most.
///
/// # Errors
/// If the database is away.
pub async fn said_in(
    ask: &mut dyn Ask,
    tenant: &Tenant,
    channel: &str,
    from: &str,
    limit: u32,
) -> Result<Vec<Record>, StoreError> {
    let place = statement(SAID_IN).bind(tenant.platform.as_str()).bind(&tenant.id).bind(channel);
    ask.all(place.bind(from).bind(i64::from(limit)), record).await
}

/// Reads the conversations (direct ones, threads of requests and of cards) of tickets that are open or resolved, or
/// were active after `since` and not merged. Each comes once, the last active one first.
///
/// # Errors
/// If the database is away.
pub async fn active_conversations(
    ask: &mut dyn Ask,
    tenant: &Tenant,
    since: Timestamp,
) -> Result<Vec<Place>, StoreError> {
    let mut found: Vec<(i64, Place)> = Vec::new();
    for text in [LIVE_THREADS, LIVE_DIRECT] {
        let query = statement(text).bind(tenant.platform.as_str()).bind(&tenant.id).bind(ms(since));
        let read = |row: &Row| {
            let (channel, root): (String, String) = (row.get("channel")?, row.get("root")?);
            let at = match (row.flag("private")?, root.is_empty()) {
                (true, _) => Conversation::Direct { channel },
                (false, true) => Conversation::Channel { channel },
                (false, false) => Conversation::Thread { channel, root },
            };
            Ok((row.get("active_at_ms")?, Place { tenant: tenant.clone(), at }))
        };
        found.extend(ask.all(query, read).await?);
    }
    found.sort_by_key(|(active_at_ms, _)| std::cmp::Reverse(*active_at_ms));
    let mut known = HashSet::new();
    Ok(found.into_iter().map(|(_, place)| place).filter(|place| known.insert(place.clone())).collect())
}

/// Inserts a record. If the message is on record already, nothing changes.
///
/// # Errors
/// If the database is away.
pub fn insert(tx: &mut dyn Tx, said: &Record) -> Result<(), StoreError> {
    let query = statement(INSERT_RECORD);
    let query = match &said.message {
        Some(message) => query.bind_message(message),
        None => (0..4).fold(query, |query, _| query.bind(None::<String>)),
    };
    tx.write(
        query
            .bind(said.ticket.0)
            .bind(json(&said.author)?)
            .bind(said.voice.as_str())
            .bind(ms(said.at))
            .bind(if said.deleted_at.is_some() { String::new() } else { said.text.clone() })
            .bind(said.edited_at.map(ms))
            .bind(said.deleted_at.map(ms))
            .bind(i64::from(said.joined)),
    )
}

/// Replaces the words of a message, unless they were deleted or a later edit is stored.
///
/// # Errors
/// If the database is away.
pub fn reword(tx: &mut dyn Tx, message: &MessageRef, text: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(REWRITE).bind_message(message).bind(text).bind(ms(at)))
}

/// Removes the words of a message on record, and marks the record as deleted.
///
/// # Errors
/// If the database is away.
pub fn delete_words(tx: &mut dyn Tx, message: &MessageRef, at: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(DELETE_WORDS).bind_message(message).bind(ms(at)))
}

/// Moves a joined message to another ticket, where it is no longer marked as joined. If the message is not joined, the
/// transaction conflicts.
///
/// # Errors
/// If the database is away.
pub fn separate(tx: &mut dyn Tx, message: &MessageRef, to: TicketId) -> Result<(), StoreError> {
    tx.write(statement(SEPARATE).bind_message(message).bind(to.0).or_conflict())
}

/// Reads the skipped mention of this message.
///
/// # Errors
/// If the database is away.
pub async fn skipped_mention(ask: &mut dyn Ask, message: &MessageRef) -> Result<Option<SkippedMention>, StoreError> {
    let read = |row: &Row| {
        Ok(SkippedMention {
            message: row.message()?,
            place: row.json("place_json")?,
            author: row.json("author_json")?,
            at: row.moment("at_ms")?,
            text: row.get("text")?,
        })
    };
    ask.one(statement(SKIPPED_MENTION).bind_message(message), read).await
}

/// Stores a mention that opened no ticket. It replaces the stored mention of the same message.
///
/// # Errors
/// If the database is away.
pub fn store_skipped(tx: &mut dyn Tx, skipped: &SkippedMention) -> Result<(), StoreError> {
    tx.write(
        statement(STORE_SKIPPED)
            .bind_message(&skipped.message)
            .bind(json(&skipped.place)?)
            .bind(json(&skipped.author)?)
            .bind(ms(skipped.at))
            .bind(&skipped.text),
    )
}

/// Deletes a skipped mention.
///
/// # Errors
/// If the database is away.
pub fn delete_skipped(tx: &mut dyn Tx, message: &MessageRef) -> Result<(), StoreError> {
    tx.write(statement(DELETE_SKIPPED).bind_message(message))
}

/// Deletes skipped mentions from before `then`, [`TIDIED_AT_ONCE`] at most. Returns whether there may be more.
///
/// # Errors
/// If the database is away.
pub async fn tidy(tx: &mut dyn Tx, then: Timestamp) -> Result<bool, StoreError> {
    let tidy = statement(TIDY_SKIPPED).bind(ms(then)).bind(i64::from(TIDIED_AT_ONCE));
    Ok(tx.rows(tidy).await?.len() >= TIDIED_AT_ONCE as usize)
}

/// Deletes the skipped mentions of an account. Returns their number.
///
/// # Errors
/// If the database is away.
pub async fn forget_of(tx: &mut dyn Tx, account: &PersonRef) -> Result<u64, StoreError> {
    // The condition on the time makes the database use the index by age.
    let theirs = statement(FORGET_OF).bind(i64::MIN).bind(account_anywhere(account)?);
    Ok(tx.rows(theirs).await?.len() as u64)
}

async fn bound(ask: &mut dyn Ask, place: &Place) -> Result<Option<(TicketId, Side)>, StoreError> {
    let read = |row: &Row| Ok((TicketId(row.get("ticket_id")?), row.named("side")?));
    ask.one(statement(CONVERSATION).bind_place(place), read).await
}

fn bound_to(text: Text, place: &Place, ticket: TicketId, side: Side) -> Result<Statement, StoreError> {
    Ok(statement(text).bind_place(place).bind(ticket.0).bind(name(&side)?))
}

/// Reads a record from a row.
///
/// # Errors
/// If a column is missing or its value is not valid.
pub fn record(row: &Row) -> Result<Record, StoreError> {
    let message = row.get::<Option<&str>>("message")?.map(|_| row.message()).transpose()?;
    Ok(Record {
        ticket: TicketId(row.get("ticket_id")?),
        message,
        author: row.json("author_json")?,
        voice: row.named("voice")?,
        at: row.moment("at_ms")?,
        text: row.get("text")?,
        edited_at: row.moment_if("edited_at_ms")?,
        deleted_at: row.moment_if("deleted_at_ms")?,
        joined: row.flag("joined")?,
    })
}
