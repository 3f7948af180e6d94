//! Taking people out of the record. Compiled once for each database.

use jiff::Timestamp;

use super::dialect::{Conn, Row};
use super::record::{all, audit, one, put, run, ticket};
use super::rows::{self, json, ms};
use crate::domain::effect::EffectKind;
use crate::domain::erasure::Erasure;
use crate::domain::ids::{PersonRef, TicketId};
use crate::store::statement::{Statement, statement};
use crate::store::{Erased, StoreError, sql};

/// Tickets above `above` and up to `up_to` on which this account may have left something.
pub async fn concerned(
    conn: &mut Conn,
    account: &PersonRef,
    above: TicketId,
    up_to: TicketId,
) -> Result<Vec<TicketId>, StoreError> {
    let query =
        statement(sql::CONCERNED).bind(above.0).bind(up_to.0).bind(account.to_string()).bind(anywhere(account)?);
    all(conn, query, id).await
}

/// Tickets above `above` and up to `up_to` that ended, and were quiet, before `then`.
pub async fn expired(
    conn: &mut Conn,
    then: Timestamp,
    above: TicketId,
    up_to: TicketId,
) -> Result<Vec<TicketId>, StoreError> {
    all(conn, statement(sql::EXPIRED).bind(above.0).bind(up_to.0).bind(ms(then)), id).await
}

/// Takes whom `erasure` concerns out of a ticket. A conflict while something that holds their words is being delivered.
pub async fn erase(conn: &mut Conn, id: TicketId, erasure: &Erasure, now: Timestamp) -> Result<Erased, StoreError> {
    let mut erased = Erased::default();
    let Some(before) = ticket(conn, id).await? else { return Ok(erased) };
    let mut names = Vec::new();
    for person in [&before.requester, &before.opened_by].into_iter().chain(&before.assignee) {
        names.extend(erasure.names(person));
    }
    let requester = &before.requester.who;
    erased.is_requester_gone = requester.is_erased() || erasure.concerns(requester);
    if let Some((after, fields)) = erasure.ticket(&before, &audit(conn, id).await?) {
        put(conn, &after).await?;
        erased.ticket = true;
        erased.fields = fields;
    }
    let numbered = |row: &Row| Ok((rows::get::<i64>(row, "id")?, rows::record(row)?));
    for (number, record) in all(conn, statement(sql::NUMBERED_RECORDS).bind(id.0), numbered).await? {
        names.extend(erasure.names(&record.author));
        let Some(after) = erasure.record(&record, now) else {
            erased.others.extend(record.message);
            continue;
        };
        let query = statement(sql::ERASE_RECORD).bind(number).bind(json(&after.author)?).bind(after.deleted_at.map(ms));
        run(conn, query).await?;
        erased.records += 1;
        erased.gone.extend(record.message);
    }
    let numbered = |row: &Row| Ok((rows::get::<i64>(row, "id")?, rows::audit_entry(row)?));
    for (number, entry) in all(conn, statement(sql::NUMBERED_AUDIT).bind(id.0), numbered).await? {
        names.extend(entry.actor.iter().flat_map(|actor| erasure.names(actor)));
        if let Some(after) = erasure.entry(&entry) {
            let actor = after.actor.as_ref().map(json).transpose()?;
            run(conn, statement(sql::ERASE_ENTRY).bind(number).bind(actor).bind(json(&after.fields)?)).await?;
            erased.entries += 1;
        }
    }
    if names.is_empty() {
        return Ok(erased);
    }
    names.sort_unstable();
    names.dedup();
    let waiting = statement(sql::WAITING_ABOUT).bind(id.0);
    let holds = |what: &EffectKind| erasure.effect(what, &erased.gone, &names);
    erased.withdrawn = withdraw(conn, waiting, holds, now).await?;
    Ok(erased)
}

/// Forgets the mentions that were kept of an account; how many there were.
pub async fn forget_openings(conn: &mut Conn, account: &PersonRef) -> Result<u64, StoreError> {
    run(conn, statement(sql::FORGET_OPENINGS_OF).bind(i64::MIN).bind(anywhere(account)?)).await
}

/// Withdraws what waits to be told to an account alone; how much that was.
pub async fn withdraw_from(conn: &mut Conn, account: &PersonRef, now: Timestamp) -> Result<u64, StoreError> {
    let waiting = statement(sql::WAITING_FOR).bind(format!("to:{account}"));
    withdraw(conn, waiting, |_| true, now).await
}

/// What aliases are made with: a number that only this database knows. `fresh` is taken the first time.
pub async fn salt(conn: &mut Conn, fresh: i64) -> Result<i64, StoreError> {
    run(conn, statement(sql::KEEP_SALT).bind(fresh)).await?;
    let row = one(conn, statement(sql::SALT)).await?;
    rows::get(&row.ok_or_else(|| StoreError::Corrupt("the salt is missing".to_owned()))?, "value")
}

async fn withdraw(
    conn: &mut Conn,
    waiting: Statement,
    holds: impl Fn(&EffectKind) -> bool,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let read = |row: &Row| {
        let leased = rows::get::<String>(row, "state")? == "leased";
        // What cannot be read is never said.
        Ok((rows::get::<String>(row, "id")?, rows::read::<EffectKind>(row, "what_json").ok(), leased))
    };
    let mut count = 0;
    for (id, what, leased) in all(conn, waiting, read).await? {
        if !what.as_ref().is_some_and(&holds) {
            continue;
        }
        if leased {
            return Err(StoreError::Conflict);
        }
        count += run(conn, statement(sql::WITHDRAW).bind(id).bind(ms(now))).await?;
    }
    Ok(count)
}

/// A pattern for the account wherever it stands in JSON.
fn anywhere(account: &PersonRef) -> Result<String, StoreError> {
    Ok(format!("%{}%", json(account)?))
}

fn id(row: &Row) -> Result<TicketId, StoreError> {
    rows::get(row, "id").map(TicketId)
}
