//! Reading and writing the record: tickets, places, what was said, what was done. Compiled once for each database.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::dialect::{self, Conn, ROWS, Row, fault};
use super::rows::{self, bind_message, bind_place, clean, json, ms, name};
use crate::domain::decision::Change;
use crate::domain::event::{DedupeKey, TimerKind};
use crate::domain::ids::{Conversation, MessageRef, PersonRef, Place, Tenant, TicketId, TicketKey};
use crate::domain::record::{AuditEntry, Opening, Record, Side, Standing, Voice};
use crate::domain::ticket::Ticket;
use crate::store::statement::{Merged, Statement, merged, statement};
use crate::store::{Counts, DeadEvent, Position, Read, StoreError, TIDIED_AT_ONCE, sql};

/// Where rows come from: the database, or what was read of it a moment ago.
pub trait Asks: Send {
    /// The rows of a query.
    fn rows(&mut self, query: Statement) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
}

impl Asks for Conn {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        rows::query(query).fetch_all(self).await.map_err(fault)
    }
}

/// The queries that answer a question.
#[allow(dead_code, reason = "PostgreSQL answers one question at a time")]
pub fn queries(read: &Read) -> Vec<Statement> {
    match read {
        Read::Known(key) => vec![known(key)],
        Read::TicketAt(place) => vec![at(place)],
        Read::Burst { by, channel, since, until } => {
            by.iter().map(|account| burst_of(account, channel, *since, *until)).collect()
        }
    }
}

pub async fn knows(asks: &mut impl Asks, key: &DedupeKey) -> Result<bool, StoreError> {
    Ok(!asks.rows(known(key)).await?.is_empty())
}

/// Remembers a fact. If somebody else did meanwhile, what follows from it must be decided again.
pub fn remember(key: &DedupeKey, now: Timestamp) -> Statement {
    statement(sql::REMEMBER).bind(key.as_str()).bind(ms(now)).or_conflict()
}

pub async fn ticket(conn: &mut Conn, id: TicketId) -> Result<Option<Ticket>, StoreError> {
    one_ticket(conn, statement(sql::TICKET).bind(id.0)).await
}

pub async fn ticket_by_key(conn: &mut Conn, key: &TicketKey) -> Result<Option<Ticket>, StoreError> {
    one_ticket(conn, statement(sql::TICKET_BY_KEY).bind(key.to_string())).await
}

pub async fn tickets(conn: &mut Conn, before: Option<TicketId>, limit: u32) -> Result<Vec<Ticket>, StoreError> {
    let before = before.map_or(i64::MAX, |id| id.0);
    all(conn, statement(sql::TICKETS).bind(before).bind(i64::from(limit)), rows::ticket).await
}

pub async fn ticket_at(asks: &mut impl Asks, place: &Place) -> Result<Option<(Ticket, Side)>, StoreError> {
    let found = asks.rows(at(place)).await?;
    found.first().map(|row| Ok((rows::ticket(row)?, rows::named(row, "side")?))).transpose()
}

/// The first of: the ticket on whose record the message is; the one that it stands for as a message of the bot; the one
/// whose thread hangs under it.
pub async fn ticket_of_message(conn: &mut Conn, message: &MessageRef) -> Result<Option<(Ticket, Side)>, StoreError> {
    if let Some(known) = record(conn, message).await? {
        let side = if known.voice == Voice::Note { Side::Card } else { Side::Request };
        return with_side(conn, known.ticket, side).await;
    }
    let row = one(conn, bind_message(statement(sql::STANDING_MESSAGE), message)).await?;
    if let Some(stands) = row.as_ref().map(rows::standing).transpose()? {
        let side = match bound(conn, &stands.place).await? {
            _ if stands.card => Side::Card,
            Some((_, side)) => side,
            None => Side::Request,
        };
        return with_side(conn, stands.ticket, side).await;
    }
    let at = Conversation::Thread { channel: message.channel.clone(), root: message.id.clone() };
    ticket_at(conn, &Place { tenant: message.tenant.clone(), at }).await
}

pub async fn burst(
    asks: &mut impl Asks,
    by: &[PersonRef],
    channel: &Place,
    since: Timestamp,
    until: Timestamp,
) -> Result<Option<Ticket>, StoreError> {
    let mut newest: Option<Ticket> = None;
    for account in by {
        let found = asks.rows(burst_of(account, channel, since, until)).await?;
        let found = found.first().map(rows::ticket).transpose()?;
        newest = newest.into_iter().chain(found).max_by_key(|ticket| (ticket.opened_at, ticket.id));
    }
    Ok(newest)
}

pub async fn latest_direct(conn: &mut Conn, direct: &Place, since: Timestamp) -> Result<Option<Ticket>, StoreError> {
    let query = statement(sql::LATEST_DIRECT)
        .bind(direct.platform().as_str())
        .bind(&direct.tenant.id)
        .bind(direct.channel())
        .bind(ms(since));
    one_ticket(conn, query).await
}

pub async fn open_of(conn: &mut Conn, by: &[PersonRef], limit: u32) -> Result<Vec<Ticket>, StoreError> {
    let mut found: Vec<Ticket> = Vec::new();
    for account in by {
        let query = statement(sql::OPEN_OF).bind(account.to_string()).bind(i64::from(limit));
        let of_account = all(conn, query, rows::ticket).await?;
        found.extend(of_account);
    }
    found.sort_by_key(|ticket| std::cmp::Reverse((ticket.active_at, ticket.id)));
    found.dedup_by_key(|ticket| ticket.id);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

pub async fn opening(conn: &mut Conn, message: &MessageRef) -> Result<Option<Opening>, StoreError> {
    let row = one(conn, bind_message(statement(sql::OPENING), message)).await?;
    row.as_ref().map(rows::opening).transpose()
}

pub async fn record(conn: &mut Conn, message: &MessageRef) -> Result<Option<Record>, StoreError> {
    let row = one(conn, bind_message(statement(sql::RECORD), message)).await?;
    row.as_ref().map(rows::record).transpose()
}

pub async fn records(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Record>, StoreError> {
    all(conn, statement(sql::RECORDS).bind(ticket.0), rows::record).await
}

pub async fn last_records(conn: &mut Conn, ticket: TicketId, limit: u32) -> Result<Vec<Record>, StoreError> {
    let query = statement(sql::LAST_RECORDS).bind(ticket.0).bind(i64::from(limit));
    let mut last = all(conn, query, rows::record).await?;
    last.reverse();
    Ok(last)
}

pub async fn audit(conn: &mut Conn, ticket: TicketId) -> Result<Vec<AuditEntry>, StoreError> {
    all(conn, statement(sql::AUDIT).bind(ticket.0), rows::audit_entry).await
}

pub async fn last_audit(conn: &mut Conn, ticket: TicketId, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let query = statement(sql::LAST_AUDIT).bind(ticket.0).bind(i64::from(limit));
    let mut last = all(conn, query, rows::audit_entry).await?;
    last.reverse();
    Ok(last)
}

pub fn note(entry: &AuditEntry) -> Result<Statement, StoreError> {
    Ok(statement(sql::NOTE)
        .bind(entry.ticket.0)
        .bind(ms(entry.at))
        .bind(entry.actor.as_ref().map(json).transpose()?)
        .bind(&entry.act)
        .bind(entry.from.as_ref().map(json).transpose()?)
        .bind(json(&entry.fields)?))
}

/// What a change writes.
pub fn apply(change: &Change) -> Result<Vec<Statement>, StoreError> {
    Ok(vec![match change {
        Change::Open(ticket) => rows::bind_names(rows::bind_ticket(statement(sql::INSERT_TICKET), ticket)?, ticket)?,
        Change::Put(ticket) => rows::bind_changeable(statement(sql::UPDATE_TICKET), ticket)?.or_conflict(),
        Change::Bind { place, ticket, side } => bind(sql::BIND, place, *ticket, *side)?,
        Change::Record(said) => insert_record(said)?,
        Change::Rewrite { message, text, at } => {
            bind_message(statement(sql::REWRITE), message).bind(clean(text)).bind(ms(*at))
        }
        Change::Erase { message, at } => bind_message(statement(sql::ERASE), message).bind(ms(*at)),
        Change::SkipNumbers { by } => statement(dialect::SKIP_NUMBERS).bind(*by),
        Change::Part { message, to } => bind_message(statement(sql::PART), message).bind(to.0).or_conflict(),
        Change::Move { from, to } => {
            let texts = [sql::MOVE_RECORDS, sql::MOVE_CONVERSATIONS, sql::MOVE_STANDING];
            return Ok(texts.map(|text| statement(text).bind(from.0).bind(to.0)).to_vec());
        }
        Change::Keep(opening) => bind_message(statement(sql::KEEP), &opening.message)
            .bind(json(&opening.place)?)
            .bind(json(&opening.author)?)
            .bind(ms(opening.at))
            .bind(clean(&opening.text)),
        Change::Forget { message } => bind_message(statement(sql::FORGET), message),
        Change::SetTimer { ticket, timer, due } => {
            statement(sql::SET_TIMER).bind(ticket.0).bind(timer.as_str()).bind(ms(*due))
        }
        Change::ClearTimer { ticket, timer } => statement(sql::CLEAR_TIMER).bind(ticket.0).bind(timer.as_str()),
    }])
}

pub async fn standing(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Standing>, StoreError> {
    stands(conn, statement(sql::STANDING).bind(ticket.0)).await
}

/// The cards that stand for tickets.
pub async fn cards(conn: &mut Conn, tickets: &[TicketId]) -> Result<Vec<Standing>, StoreError> {
    all_of(conn, tickets.iter().map(|id| statement(sql::CARDS).bind(id.0)).collect(), rows::standing).await
}

pub async fn these(conn: &mut Conn, tickets: &[TicketId]) -> Result<Vec<Ticket>, StoreError> {
    all_of(conn, tickets.iter().map(|id| statement(sql::THESE_TICKETS).bind(id.0)).collect(), rows::ticket).await
}

pub async fn mirrors(conn: &mut Conn, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
    stands(conn, statement(sql::MIRRORS).bind(json(of)?)).await
}

async fn stands(conn: &mut Conn, query: Statement) -> Result<Vec<Standing>, StoreError> {
    let mut found: Vec<Standing> = Vec::new();
    for (mut stands, more) in all(conn, query, |row| Ok((rows::standing(row)?, rows::more(row)?))).await? {
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

/// A message of the bot stands. A card takes the place of the one that stood in its channel, and the thread under it
/// belongs to its ticket (or stays with the ticket that it was moved to).
pub fn stand(stands: &Standing) -> Result<Vec<Statement>, StoreError> {
    let message = &stands.message;
    let mut all = Vec::new();
    if stands.card {
        all.push(
            statement(sql::REPLACE_CARD)
                .bind(message.tenant.platform.as_str())
                .bind(&message.tenant.id)
                .bind(stands.ticket.0)
                .bind(stands.place.channel())
                .bind(&message.channel)
                .bind(&message.id),
        );
        let thread = stands.place.thread(&message.id);
        if thread.root().is_some() {
            all.push(bind(sql::BIND_IF_FREE, &thread, stands.ticket, Side::Card)?);
        }
    }
    all.push(
        bind_message(statement(sql::STAND), message)
            .bind(stands.ticket.0)
            .bind(i64::from(stands.card))
            .bind(stands.place.channel())
            .bind(json(&stands.place)?)
            .bind(stands.mirrors.first().map(json).transpose()?),
    );
    for (position, of) in (1..).zip(stands.mirrors.iter().skip(1)) {
        all.push(bind_message(statement(sql::STAND_MORE), message).bind(position).bind(json(of)?));
    }
    Ok(all)
}

/// A message of the bot stands no more.
pub fn unstand(message: &MessageRef) -> Statement {
    bind_message(statement(sql::UNSTAND), message)
}

pub async fn due_timers(
    conn: &mut Conn,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(TicketId, TimerKind, Timestamp)>, StoreError> {
    let query = statement(sql::DUE_TIMERS).bind(ms(now)).bind(i64::from(limit));
    all(conn, query, |row| {
        let due = rows::moment(rows::get(row, "due_at_ms")?)?;
        Ok((TicketId(rows::get(row, "ticket_id")?), rows::named(row, "kind")?, due))
    })
    .await
}

/// What was kept in mind by this name.
pub async fn remembered(conn: &mut Conn, name: &str) -> Result<Option<String>, StoreError> {
    let row = one(conn, statement(sql::REMEMBERED).bind(name)).await?;
    row.map(|row| rows::get(&row, "value")).transpose()
}

pub async fn keep_in_mind(conn: &mut Conn, name: &str, value: &str) -> Result<(), StoreError> {
    run(conn, statement(sql::KEEP_IN_MIND).bind(name).bind(value)).await.map(drop)
}

/// Tickets above `above` that are not over and have no card in this channel.
pub async fn without_card(
    conn: &mut Conn,
    channel: &Place,
    above: TicketId,
    limit: u32,
) -> Result<Vec<TicketId>, StoreError> {
    let query = statement(sql::WITHOUT_CARD)
        .bind(above.0)
        .bind(channel.platform().as_str())
        .bind(&channel.tenant.id)
        .bind(channel.channel())
        .bind(i64::from(limit));
    all(conn, query, |row| rows::get(row, "id").map(TicketId)).await
}

pub async fn dead_events(conn: &mut Conn, limit: u32) -> Result<Vec<DeadEvent>, StoreError> {
    all(conn, statement(sql::DEAD_EVENTS).bind(i64::from(limit)), |row| {
        Ok(DeadEvent {
            key: DedupeKey::stored(rows::get(row, "key")?),
            event_json: rows::get(row, "event_json")?,
            fault: rows::get(row, "fault")?,
            times: count(row, "times")?,
            buried_at: rows::moment(rows::get(row, "buried_at_ms")?)?,
        })
    })
    .await
}

pub async fn exhume(conn: &mut Conn, key: &DedupeKey) -> Result<(), StoreError> {
    run(conn, statement(sql::EXHUME).bind(key.as_str())).await.map(drop)
}

pub async fn positions(conn: &mut Conn, tenant: &Tenant) -> Result<Vec<Position>, StoreError> {
    let query = statement(sql::POSITIONS).bind(tenant.platform.as_str()).bind(&tenant.id);
    all(conn, query, |row| {
        Ok(Position {
            tenant: tenant.clone(),
            conversation: rows::get(row, "conversation")?,
            through: rows::get(row, "through")?,
        })
    })
    .await
}

/// Moves positions on, never back.
pub async fn advance(conn: &mut Conn, positions: &[Position]) -> Result<(), StoreError> {
    let advance = |position: &Position| {
        statement(sql::ADVANCE)
            .bind(position.tenant.platform.as_str())
            .bind(&position.tenant.id)
            .bind(&position.conversation)
            .bind(&position.through)
    };
    run_all(conn, positions.iter().map(advance).collect()).await.map(drop)
}

/// Conversations of tickets that are open, or were active after `since`; last active first, each once.
pub async fn live(conn: &mut Conn, tenant: &Tenant, since: Timestamp) -> Result<Vec<Place>, StoreError> {
    let mut found: Vec<(i64, Place)> = Vec::new();
    for text in [sql::LIVE_THREADS, sql::LIVE_DIRECT] {
        let query = statement(text).bind(tenant.platform.as_str()).bind(&tenant.id).bind(ms(since));
        let read = |row: &Row| {
            let (channel, root): (String, String) = (rows::get(row, "channel")?, rows::get(row, "root")?);
            let at = match (rows::flag(row, "private")?, root.is_empty()) {
                (true, _) => Conversation::Direct { channel },
                (false, true) => Conversation::Channel { channel },
                (false, false) => Conversation::Thread { channel, root },
            };
            Ok((rows::get(row, "active_at_ms")?, Place { tenant: tenant.clone(), at }))
        };
        found.extend(all(conn, query, read).await?);
    }
    found.sort_by_key(|(active_at_ms, _)| std::cmp::Reverse(*active_at_ms));
    let mut known = HashSet::new();
    Ok(found.into_iter().map(|(_, place)| place).filter(|place| known.insert(place.clone())).collect())
}

pub async fn said_in(
    conn: &mut Conn,
    tenant: &Tenant,
    channel: &str,
    from: &str,
    limit: u32,
) -> Result<Vec<Record>, StoreError> {
    let query = statement(sql::SAID_IN)
        .bind(tenant.platform.as_str())
        .bind(&tenant.id)
        .bind(channel.to_owned())
        .bind(from.to_owned())
        .bind(i64::from(limit));
    all(conn, query, rows::record).await
}

pub async fn bury(
    conn: &mut Conn,
    key: &DedupeKey,
    event_json: &str,
    fault: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    run(conn, statement(sql::BURY).bind(key.as_str()).bind(event_json).bind(fault).bind(ms(now))).await.map(drop)
}

/// Forgets some of what is from before `then`; whether there may be more.
pub async fn tidy(conn: &mut Conn, then: Timestamp) -> Result<bool, StoreError> {
    let mut is_more = false;
    for text in [sql::TIDY_SEEN, sql::TIDY_OPENINGS, sql::TIDY_EFFECTS] {
        let forgotten = run(conn, statement(text).bind(ms(then)).bind(i64::from(TIDIED_AT_ONCE))).await?;
        is_more |= forgotten >= u64::from(TIDIED_AT_ONCE);
    }
    Ok(is_more)
}

pub async fn counts(conn: &mut Conn) -> Result<Counts, StoreError> {
    let row = rows::query(statement(sql::COUNTS)).fetch_one(conn).await.map_err(fault)?;
    Ok(Counts {
        open: count(&row, "open")?,
        waiting: count(&row, "waiting")?,
        leased: count(&row, "leased")?,
        held: count(&row, "held")?,
        failed: count(&row, "failed")?,
        dead: count(&row, "dead")?,
        oldest_waiting_at: rows::moment_if(&row, "oldest_waiting_at_ms")?,
    })
}

pub async fn total(conn: &mut Conn) -> Result<u64, StoreError> {
    let row = rows::query(statement(sql::TOTAL)).fetch_one(conn).await.map_err(fault)?;
    count(&row, "tickets")
}

/// A column that holds a count.
pub fn count<N: TryFrom<i64> + Default>(row: &Row, column: &str) -> Result<N, StoreError> {
    rows::get::<i64>(row, column).map(|count| N::try_from(count).unwrap_or_default())
}

pub async fn ping(conn: &mut Conn) -> Result<(), StoreError> {
    run(conn, statement(sql::PING)).await.map(drop)
}

/// Runs a statement; how many rows it touched.
pub async fn run(conn: &mut Conn, statement: Statement) -> Result<u64, StoreError> {
    Ok(rows::query(statement).execute(conn).await.map_err(fault)?.rows_affected())
}

/// Runs statements in order, as few at a time as the database allows; how many rows they touched together.
pub async fn run_all(conn: &mut Conn, statements: Vec<Statement>) -> Result<u64, StoreError> {
    dialect::run_all(conn, vec![statements]).await
}

/// Asks queries (or runs statements that answer) of one text, as few as can be; every row.
pub async fn all_of<T>(
    conn: &mut Conn,
    statements: Vec<Statement>,
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::with_capacity(statements.len());
    for Merged { text, values, .. } in merged([statements], ROWS) {
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text.into_owned())), rows::bind_value);
        for row in query.fetch_all(&mut *conn).await.map_err(fault)? {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

/// The one row of a query, if there is one.
pub async fn one(conn: &mut Conn, query: Statement) -> Result<Option<Row>, StoreError> {
    rows::query(query).fetch_optional(conn).await.map_err(fault)
}

/// Every row of a query.
pub async fn all<T>(
    conn: &mut Conn,
    query: Statement,
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows::query(query).fetch_all(conn).await.map_err(fault)?.iter().map(read).collect()
}

/// A ticket as it is now; a conflict if somebody else changed it meanwhile.
pub async fn put(conn: &mut Conn, ticket: &Ticket) -> Result<(), StoreError> {
    let update = rows::bind_ticket(statement(sql::REWRITE_TICKET), ticket)?.or_conflict();
    run_all(conn, vec![update]).await.map(drop)
}

fn insert_record(said: &Record) -> Result<Statement, StoreError> {
    let query = statement(sql::INSERT_RECORD);
    let query = match &said.message {
        Some(message) => bind_message(query, message),
        None => (0..4).fold(query, |query, _| query.bind(None::<String>)),
    };
    Ok(query
        .bind(said.ticket.0)
        .bind(json(&said.author)?)
        .bind(said.voice.as_str())
        .bind(ms(said.at))
        .bind(if said.deleted_at.is_some() { String::new() } else { clean(&said.text) })
        .bind(said.edited_at.map(ms))
        .bind(said.deleted_at.map(ms))
        .bind(i64::from(said.joined)))
}

fn known(key: &DedupeKey) -> Statement {
    statement(sql::KNOWS).bind(key.as_str())
}

fn at(place: &Place) -> Statement {
    bind_place(statement(sql::TICKET_AT), place)
}

fn burst_of(account: &PersonRef, channel: &Place, since: Timestamp, until: Timestamp) -> Statement {
    statement(sql::BURST)
        .bind(account.to_string())
        .bind(channel.platform().as_str())
        .bind(&channel.tenant.id)
        .bind(channel.channel())
        .bind(ms(since))
        .bind(ms(until))
}

fn bind(text: &'static str, place: &Place, ticket: TicketId, side: Side) -> Result<Statement, StoreError> {
    Ok(bind_place(statement(text), place).bind(ticket.0).bind(name(&side)?))
}

async fn bound(conn: &mut Conn, place: &Place) -> Result<Option<(TicketId, Side)>, StoreError> {
    let row = one(conn, bind_place(statement(sql::CONVERSATION), place)).await?;
    row.map(|row| Ok((TicketId(rows::get(&row, "ticket_id")?), rows::named(&row, "side")?))).transpose()
}

async fn one_ticket(conn: &mut Conn, query: Statement) -> Result<Option<Ticket>, StoreError> {
    one(conn, query).await?.as_ref().map(rows::ticket).transpose()
}

async fn with_side(conn: &mut Conn, id: TicketId, side: Side) -> Result<Option<(Ticket, Side)>, StoreError> {
    Ok(ticket(conn, id).await?.map(|ticket| (ticket, side)))
}
