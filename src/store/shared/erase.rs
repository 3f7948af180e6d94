//! Taking people out of the record. Compiled once for each database.

use jiff::Timestamp;

use super::dialect::{Conn, Row};
use super::outbox;
use super::record::{all, audit, one, put, run, run_all, ticket};
use super::rows::{self, json, ms};
use crate::domain::effect::EffectKind;
use crate::domain::erasure::{Erasure, Remains};
use crate::domain::ids::{EffectId, PersonRef, TicketId};
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

/// Takes whom `erasure` concerns out of a ticket. A conflict while something that holds their words is being delivered,
/// or may stand without our knowing.
pub async fn erase(conn: &mut Conn, id: TicketId, erasure: &Erasure, now: Timestamp) -> Result<Erased, StoreError> {
    let mut erased = Erased::default();
    let Some(before) = ticket(conn, id).await? else { return Ok(erased) };
    let (mut names, mut words) = (Vec::new(), Vec::new());
    for person in [&before.requester, &before.opened_by].into_iter().chain(&before.assignee) {
        names.extend(erasure.names(person));
    }
    let requester = &before.requester.who;
    erased.is_requester_gone = requester.is_erased() || erasure.concerns(requester);
    if let Some((after, fields)) = erasure.ticket(&before, &audit(conn, id).await?) {
        if after.title != before.title {
            words.push(before.title.clone());
        }
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
        words.push(record.text);
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
    let remains = |what: &EffectKind| erasure.effect(what, &erased.gone, &names, &words);
    erased.withdrawn = withdraw(conn, waiting, remains, now).await?;
    Ok(erased)
}

/// Forgets the mentions that were kept of an account; how many there were.
pub async fn forget_openings(conn: &mut Conn, account: &PersonRef) -> Result<u64, StoreError> {
    run(conn, statement(sql::FORGET_OPENINGS_OF).bind(i64::MIN).bind(anywhere(account)?)).await
}

/// Withdraws what waits to be told to an account alone; how much that was.
pub async fn withdraw_from(conn: &mut Conn, account: &PersonRef, now: Timestamp) -> Result<u64, StoreError> {
    let waiting = statement(sql::WAITING_FOR).bind(format!("to:{account}"));
    withdraw(conn, waiting, |_| Remains::Nothing, now).await
}

/// What aliases are made with: a number that only this database knows. `fresh` is taken the first time.
pub async fn salt(conn: &mut Conn, fresh: i64) -> Result<i64, StoreError> {
    run(conn, statement(sql::KEEP_SALT).bind(fresh)).await?;
    let row = one(conn, statement(sql::SALT)).await?;
    rows::get(&row.ok_or_else(|| StoreError::Corrupt("the salt is missing".to_owned()))?, "value")
}

/// Withdraws what waits, or a part of it; how many effects that concerned. A conflict if one is being delivered, may stand
/// already without our knowing, or is not any more what it was when it was read.
async fn withdraw(
    conn: &mut Conn,
    waiting: Statement,
    remains: impl Fn(&EffectKind) -> Remains,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let read = |row: &Row| {
        // What is held waits for an operator, perhaps for weeks: it goes, though a copy may stand where nobody can look.
        let state = rows::get::<String>(row, "state")?;
        let may_stand = state == "leased" || (state == "pending" && rows::flag(row, "unsure")?);
        Ok((EffectId(rows::get(row, "id")?), rows::get::<String>(row, "what_json")?, may_stand))
    };
    let mut withdrawn = Vec::new();
    for (id, what_json, may_stand) in all(conn, waiting, read).await? {
        // What cannot be read is never said.
        let Ok(what) = serde_json::from_str::<EffectKind>(&what_json) else { continue };
        let remains = remains(&what);
        if may_stand && remains != Remains::Whole {
            return Err(StoreError::Conflict);
        }
        match remains {
            Remains::Whole => {}
            Remains::Part(rest) => withdrawn.push(outbox::reword(&id, what_json, &rest)?),
            Remains::Nothing => withdrawn.push(outbox::withdraw(&id, what_json, now)),
        }
    }
    let count = withdrawn.len();
    run_all(conn, withdrawn).await?;
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// A pattern for the account wherever it stands in JSON.
fn anywhere(account: &PersonRef) -> Result<String, StoreError> {
    Ok(format!("%{}%", json(account)?))
}

fn id(row: &Row) -> Result<TicketId, StoreError> {
    rows::get(row, "id").map(TicketId)
}
