//! Tickets in the database.

use jiff::Timestamp;

use crate::desk::tickets::state::{Stage, Ticket};
use crate::domain::ids::{Conversation, PersonRef, Place, Tenant, TicketId, TicketKey, TicketUid};
use crate::store::row::{Row, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, Statement, StoreError, Text, Tx, statement};

/// Makes the text of a query for the columns that [`ticket`] reads. The short form takes what follows `FROM tickets`.
/// The long form takes a `WITH` clause, further columns, and what follows `FROM`.
macro_rules! tickets {
    ($rest:literal) => {
        tickets!("", "", concat!("tickets ", $rest))
    };
    ($with:literal, $more:literal, $from:expr) => {
        concat!(
            $with,
            "SELECT id, key, title, requester_json, opened_by_json, origin_platform, origin_tenant, origin_channel, \
             origin_root, private, origin_message_json, opened_at_ms, status, status_json, assignee_json, \
             priority, answered_at_ms, active_at_ms, follows, merged_into, version, uid, titled_by_json",
            $more,
            " FROM ",
            $from
        )
    };
}

pub(in crate::desk) use tickets;

texts! {
    TICKET = Text::both(tickets!("WHERE id = $1"));
    TICKET_BY_KEY = Text::both(tickets!("WHERE key = $1"));
    THESE_TICKETS = Text::both(
        tickets!(
        "WITH v (n) AS (VALUES (CAST($1 AS BIGINT))) ", "", "tickets WHERE id IN (SELECT v.n FROM v)"
    )
    );
    /// Selects tickets with a lower id, newest first.
    TICKETS = Text::both(tickets!("WHERE id < $1 ORDER BY id DESC LIMIT $2"));
    /// Selects the newest open ticket of an account in a channel that no agent has answered. `stage <> 'over'` repeats
    /// the condition of the index `tickets_live`, so that the database can use it.
    BURST = Text::both(
        tickets!(
        "WITH v (n, requester, platform, tenant, channel, since_ms, until_ms) AS (VALUES (0, $1, $2, $3, $4, \
         CAST($5 AS BIGINT), CAST($6 AS BIGINT))) ",
        ", v.n",
        "v JOIN tickets ON tickets.id = (SELECT t.id FROM tickets AS t WHERE t.requester = v.requester \
         AND t.opened_at_ms > v.since_ms AND t.opened_at_ms <= v.until_ms AND t.origin_platform = v.platform \
         AND t.origin_tenant = v.tenant AND t.origin_channel = v.channel AND t.stage <> 'over' AND t.stage = 'open' \
         AND t.answered_at_ms IS NULL AND t.merged_into IS NULL ORDER BY t.opened_at_ms DESC, t.id DESC LIMIT 1)"
    )
    );
    /// Selects the open ticket of a direct conversation that was last active, or if there is none, the resolved one.
    /// (The stage `open` sorts before `resolved`.)
    LATEST_DIRECT = Text::both(
        tickets!(
        "WHERE private = 1 AND origin_platform = $1 AND origin_tenant = $2 AND origin_channel = $3 \
         AND active_at_ms > $4 AND stage <> 'over' AND merged_into IS NULL \
         ORDER BY stage, active_at_ms DESC, id DESC LIMIT 1"
    )
    );
    /// Selects the open tickets of an account, last active first.
    OPEN_OF = Text::both(
        tickets!(
        "WHERE requester = $1 AND stage <> 'over' AND stage = 'open' \
         AND private >= $3 ORDER BY active_at_ms DESC, id DESC LIMIT $2"
    )
    );
    INSERT_TICKET = Text::both(
        "INSERT INTO tickets (id, key, title, requester, requester_json, opened_by_json, origin_platform, origin_tenant, \
         origin_channel, origin_root, private, origin_message_json, opened_at_ms, status, status_json, assignee, \
         assignee_json, priority, answered_at_ms, active_at_ms, follows, merged_into, version, stage, uid, titled_by_json) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
         $23, $24, $25, $26)"
    );
    /// Updates the parts of a ticket that change while it is worked on, except `stage`: naming a column, changed or
    /// not, makes SQLite write the indexes of the column.
    UPDATE_TICKET = Text::both(
        "UPDATE tickets SET title = $2, status = $3, status_json = $4, assignee = $5, assignee_json = $6, priority = $7, \
         answered_at_ms = $8, active_at_ms = $9, follows = $10, merged_into = $11, version = $12 \
         WHERE id = $1 AND version = $12 - 1"
    );
    /// Updates the same parts of a ticket that was reopened, resolved or ended, and its `stage`.
    UPDATE_STAGE = Text::both(
        "UPDATE tickets SET title = $2, status = $3, status_json = $4, assignee = $5, assignee_json = $6, priority = $7, \
         answered_at_ms = $8, active_at_ms = $9, follows = $10, merged_into = $11, version = $12, stage = $13 \
         WHERE id = $1 AND version = $12 - 1"
    );
    /// Updates also the parts of a ticket that only an erasure changes, such as its requester.
    REWRITE_TICKET = Text::both(
        "UPDATE tickets SET key = $2, title = $3, requester = $4, requester_json = $5, opened_by_json = $6, \
         origin_platform = $7, origin_tenant = $8, origin_channel = $9, origin_root = $10, private = $11, \
         origin_message_json = $12, opened_at_ms = $13, status = $14, status_json = $15, assignee = $16, \
         assignee_json = $17, priority = $18, answered_at_ms = $19, active_at_ms = $20, follows = $21, \
         merged_into = $22, version = $23, stage = $24 WHERE id = $1 AND version = $23 - 1"
    );
    /// Selects the open and resolved tickets with a greater id that have no card in a channel and were not merged.
    WITHOUT_CARD = Text::both(
        "SELECT t.id FROM tickets AS t WHERE t.id > $1 AND t.stage <> 'over' \
         AND t.merged_into IS NULL AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.subject_kind = 'ticket' \
         AND s.subject_id = CAST(t.id AS TEXT) AND s.view = 'card' AND s.platform = $2 AND s.tenant = $3 AND s.place_channel = $4) ORDER BY t.id LIMIT $5"
    );
    /// Counts the open tickets.
    OPEN = Text::both(
        "SELECT count(*) AS open FROM tickets WHERE stage <> 'over' AND stage = 'open'"
    );
    TOTAL = Text::both("SELECT count(*) AS tickets FROM tickets");
}

/// Reads a ticket by its id.
///
/// # Errors
/// If the database is away.
pub async fn by_id(ask: &mut dyn Ask, id: TicketId) -> Result<Option<Ticket>, StoreError> {
    ask.one(statement(TICKET).bind(id.0), ticket).await
}

/// Reads a ticket by its key.
///
/// # Errors
/// If the database is away.
pub async fn by_key(ask: &mut dyn Ask, key: &TicketKey) -> Result<Option<Ticket>, StoreError> {
    ask.one(statement(TICKET_BY_KEY).bind(key.to_string()), ticket).await
}

/// Reads these tickets, in any order. Ids without a ticket are left out.
///
/// # Errors
/// If the database is away.
pub async fn these(ask: &mut dyn Ask, tickets: &[TicketId]) -> Result<Vec<Ticket>, StoreError> {
    ask.all_of(tickets.iter().map(|id| statement(THESE_TICKETS).bind(id.0)).collect(), ticket).await
}

/// Reads at most `limit` tickets with an id lower than `before` (if given), newest first.
///
/// # Errors
/// If the database is away.
pub async fn page(ask: &mut dyn Ask, before: Option<TicketId>, limit: u32) -> Result<Vec<Ticket>, StoreError> {
    let before = before.map_or(i64::MAX, |id| id.0);
    ask.all(statement(TICKETS).bind(before).bind(i64::from(limit)), ticket).await
}

/// Returns the queries, one for each account, for the newest open ticket that no agent has answered and that the
/// account opened in this channel (or a thread of it, or this direct conversation) after `since` and at or before
/// `until`.
#[must_use]
pub fn bursts(by: &[PersonRef], channel: &Place, since: Timestamp, until: Timestamp) -> Vec<Statement> {
    let of = |account: &PersonRef| {
        statement(BURST)
            .bind(account.to_string())
            .bind(channel.platform().as_str())
            .bind(&channel.tenant.id)
            .bind(channel.channel())
            .bind(ms(since))
            .bind(ms(until))
    };
    by.iter().map(of).collect()
}

/// Reads the newest of the tickets that the queries of [`bursts`] find.
///
/// # Errors
/// If the database is away.
pub async fn burst(
    ask: &mut dyn Ask,
    by: &[PersonRef],
    channel: &Place,
    since: Timestamp,
    until: Timestamp,
) -> Result<Option<Ticket>, StoreError> {
    let mut newest: Option<Ticket> = None;
    for query in bursts(by, channel, since, until) {
        let found = ask.one(query, ticket).await?;
        newest = newest.into_iter().chain(found).max_by_key(|ticket| (ticket.opened_at, ticket.id));
    }
    Ok(newest)
}

/// Reads the open ticket of this direct conversation that was last active, or if there is none, the resolved one, if
/// that was after `since`.
///
/// # Errors
/// If the database is away.
pub async fn latest_direct(ask: &mut dyn Ask, direct: &Place, since: Timestamp) -> Result<Option<Ticket>, StoreError> {
    let query = statement(LATEST_DIRECT)
        .bind(direct.platform().as_str())
        .bind(&direct.tenant.id)
        .bind(direct.channel())
        .bind(ms(since));
    ask.one(query, ticket).await
}

/// Which tickets of a person are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those that were opened in a direct conversation.
    Private,
}

/// Reads at most `limit` open tickets of these accounts, last active first.
///
/// # Errors
/// If the database is away.
pub async fn open_of(ask: &mut dyn Ask, by: &[PersonRef], which: Which, limit: u32) -> Result<Vec<Ticket>, StoreError> {
    let mut found: Vec<Ticket> = Vec::new();
    for account in by {
        let open = statement(OPEN_OF).bind(account.to_string()).bind(i64::from(limit));
        found.extend(ask.all(open.bind(i64::from(which == Which::Private)), ticket).await?);
    }
    found.sort_by_key(|ticket| std::cmp::Reverse((ticket.active_at, ticket.id)));
    found.dedup_by_key(|ticket| ticket.id);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Reads the ids of at most `limit` open or resolved tickets above `above` that have no card in this channel and were
/// not merged, oldest first.
///
/// # Errors
/// If the database is away.
pub async fn without_card(
    ask: &mut dyn Ask,
    channel: &Place,
    above: TicketId,
    limit: u32,
) -> Result<Vec<TicketId>, StoreError> {
    let query = statement(WITHOUT_CARD)
        .bind(above.0)
        .bind(channel.platform().as_str())
        .bind(&channel.tenant.id)
        .bind(channel.channel())
        .bind(i64::from(limit));
    ask.all(query, |row| row.get("id").map(TicketId)).await
}

/// Counts all tickets. Takes long in a large database, since it reads every row.
///
/// # Errors
/// If the database is away.
pub async fn total(ask: &mut dyn Ask) -> Result<u64, StoreError> {
    Ok(ask.one(statement(TOTAL), |row| row.count("tickets")).await?.unwrap_or_default())
}

/// Counts the open tickets.
///
/// # Errors
/// If the database is away.
pub async fn open(ask: &mut dyn Ask) -> Result<u64, StoreError> {
    Ok(ask.one(statement(OPEN), |row| row.count("open")).await?.unwrap_or_default())
}

/// Inserts a ticket.
///
/// # Errors
/// If the database is away.
pub fn insert(tx: &mut dyn Tx, ticket: &Ticket) -> Result<(), StoreError> {
    let insert = bind_all(statement(INSERT_TICKET), ticket)?
        .bind(ticket.status.stage().as_str())
        .bind(ticket.uid.as_str())
        .bind(ticket.titled_by.as_ref().map(json).transpose()?);
    tx.write(insert)
}

/// Updates the parts of a ticket that change while it is worked on. Its stage was `before`. Conflicts if the ticket was
/// changed meanwhile.
///
/// # Errors
/// If the database is away.
pub fn update(tx: &mut dyn Tx, before: Stage, ticket: &Ticket) -> Result<(), StoreError> {
    let stage = ticket.status.stage();
    let text = if stage == before { UPDATE_TICKET } else { UPDATE_STAGE };
    let update = bind_state(statement(text).bind(ticket.id.0).bind(&ticket.title), ticket)?;
    tx.write(if stage == before { update } else { update.bind(stage.as_str()) }.or_conflict())
}

/// Updates all parts of a ticket except `uid` and `titled_by`. Conflicts if the ticket was changed meanwhile.
///
/// # Errors
/// If the database is away.
pub fn rewrite(tx: &mut dyn Tx, ticket: &Ticket) -> Result<(), StoreError> {
    tx.write(bind_all(statement(REWRITE_TICKET), ticket)?.bind(ticket.status.stage().as_str()).or_conflict())
}

fn bind_all(query: Statement, ticket: &Ticket) -> Result<Statement, StoreError> {
    let query = query
        .bind(ticket.id.0)
        .bind(ticket.key.to_string())
        .bind(&ticket.title)
        .bind(ticket.requester.who.to_string())
        .bind(json(&ticket.requester)?)
        .bind(json(&ticket.opened_by)?)
        .bind_place(&ticket.origin)
        .bind(i64::from(ticket.is_private()))
        .bind(json(&ticket.origin_message)?)
        .bind(ms(ticket.opened_at));
    bind_state(query, ticket)
}

fn bind_state(query: Statement, ticket: &Ticket) -> Result<Statement, StoreError> {
    let assignee = ticket.assignee.as_ref();
    Ok(query
        .bind(ticket.status.name())
        .bind(json(&ticket.status)?)
        .bind(assignee.map(|person| person.who.to_string()))
        .bind(assignee.map(json).transpose()?)
        .bind(ticket.priority.as_str())
        .bind(ticket.answered_at.map(ms))
        .bind(ms(ticket.active_at))
        .bind(ticket.follows.as_ref().map(TicketKey::to_string))
        .bind(ticket.merged_into.as_ref().map(TicketKey::to_string))
        .bind(ticket.version))
}

/// Reads a ticket from a row.
///
/// # Errors
/// If a value of the row cannot be read.
pub fn ticket(row: &Row) -> Result<Ticket, StoreError> {
    let tenant = Tenant { platform: row.named("origin_platform")?, id: row.get("origin_tenant")? };
    let channel = row.get("origin_channel")?;
    let root: String = row.get("origin_root")?;
    let at = match (row.flag("private")?, root.is_empty()) {
        (true, _) => Conversation::Direct { channel },
        (false, true) => Conversation::Channel { channel },
        (false, false) => Conversation::Thread { channel, root },
    };
    let uid = TicketUid::stored(row.get("uid")?).map_err(|_| StoreError::Corrupt("a ticket's uid".to_owned()))?;
    Ok(Ticket {
        id: TicketId(row.get("id")?),
        key: row.named("key")?,
        uid,
        title: row.get("title")?,
        titled_by: row.json_if("titled_by_json")?,
        requester: row.json("requester_json")?,
        opened_by: row.json("opened_by_json")?,
        origin: Place { tenant, at },
        origin_message: row.json("origin_message_json")?,
        opened_at: row.moment("opened_at_ms")?,
        status: row.json("status_json")?,
        assignee: row.json_if("assignee_json")?,
        priority: row.named("priority")?,
        answered_at: row.moment_if("answered_at_ms")?,
        active_at: row.moment("active_at_ms")?,
        follows: row.named_if("follows")?,
        merged_into: row.named_if("merged_into")?,
        version: row.get("version")?,
    })
}
