//! The outbox: effects that wait, are being delivered, or have ended. Compiled once for each database.
//!
//! Leases count in real time (`real_ms`), by the database's clock where several machines share it.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::dialect::{self, Conn, DUE_BESIDE, ENQUEUE, ENQUEUE_CARD, LAST_IN_ORDER, LEASE, Row, WAITING_FROM, real_ms};
use super::record::{all, all_of, count, one, run, stand, unstand};
use super::rows::{self, json, ms};
use crate::domain::effect::{Effect, EffectKind, Gate, Lane};
use crate::domain::ids::{EffectId, MessageRef, Place, PlatformName, TicketId};
use crate::store::statement::{Statement, statement};
use crate::store::{
    Claim, Current, Due, EndedHeld, Listed, ListedEffect, Queued, Release, Settled, Settlement, StoreError,
    TIDIED_AT_ONCE, WorkerId, sql,
};

/// What puts an effect into the outbox, unless it is to show a card that waits to be shown already: that one is shown no
/// later than this one would be. Where it `is_new` that anything is to be done there, none waits.
pub fn enqueue(id: EffectId, effect: &Effect, is_new: bool, now: Timestamp) -> Result<Vec<Statement>, StoreError> {
    let order_key = effect.order_key();
    let due = effect.not_before.map_or(now, |moment| moment.max(now));
    let is_card = matches!(effect.what, EffectKind::ShowCard { .. }) && !is_new;
    let mut all = Vec::new();
    if is_card {
        all.push(statement(sql::HASTEN_CARD).bind(&order_key).bind(ms(due)));
    }
    let insert = statement(if is_card { ENQUEUE_CARD } else { ENQUEUE })
        .bind(id.0)
        .bind(effect.ticket.map(|ticket| ticket.0))
        .bind(effect.what.platform().as_str())
        .bind(effect.lane() as i64)
        .bind(order_key)
        .bind(effect.what.name())
        .bind(json(&effect.what)?)
        .bind(effect.not_before.map(ms))
        .bind(ms(due))
        .bind(ms(now))
        .bind(effect.gate(is_new).0);
    all.push(insert);
    Ok(all)
}

/// What joins these lines of a mirror to those that wait in front of them: if that is the last thing that waits of their
/// order key, and nobody has tried to send it. (It is locked then, so that nobody sends it without them.)
pub async fn join(conn: &mut Conn, effect: &Effect) -> Result<Option<Statement>, StoreError> {
    if !effect.what.is_mirror() || effect.not_before.is_some() {
        return Ok(None);
    }
    let Some(row) = one(conn, statement(LAST_IN_ORDER).bind(effect.order_key())).await? else { return Ok(None) };
    let is_tried = rows::get::<Option<i64>>(&row, "tried_at_ms")?.is_some();
    let is_held = rows::get::<Option<i64>>(&row, "not_before_ms")?.is_some();
    if is_tried || is_held || rows::get::<String>(&row, "state")? != "pending" {
        return Ok(None);
    }
    let what_json: String = rows::get(&row, "what_json")?;
    // What cannot be read is left to itself.
    let waiting = serde_json::from_str::<EffectKind>(&what_json).ok();
    let Some(joined) = waiting.and_then(|waiting| waiting.joined_with(&effect.what)) else { return Ok(None) };
    reword(&EffectId(rows::get(&row, "id")?), what_json, &joined).map(Some)
}

/// What effects that have not ended are to do, as it is now.
pub async fn current(conn: &mut Conn, effects: &[EffectId]) -> Result<Vec<Current>, StoreError> {
    let asked = effects.iter().map(|effect| statement(sql::CURRENT).bind(&effect.0)).collect();
    let read = |row: &Row| {
        Ok(Current { effect: EffectId(rows::get(row, "id")?), what: rows::read(row, "what_json")?, gone: Vec::new() })
    };
    let mut all = all_of(conn, asked, read).await?;
    let shown = all.iter().flat_map(|current| current.what.mirrors());
    let asked = shown.map(|of| rows::bind_message(statement(sql::WORDLESS), of)).collect();
    let wordless: HashSet<MessageRef> = all_of(conn, asked, rows::message).await?.into_iter().collect();
    for current in &mut all {
        current.gone = current.what.mirrors().iter().filter(|of| wordless.contains(of)).cloned().collect();
    }
    Ok(all)
}

/// Takes an effect that waits out of the outbox, with what waits behind it: what they were to do, and what ends them.
pub async fn take_back(
    conn: &mut Conn,
    effect: &EffectId,
    now: Timestamp,
) -> Result<(Vec<Effect>, Vec<Statement>), StoreError> {
    let waiting = all(conn, statement(WAITING_FROM).bind(&effect.0), |row| {
        let id = EffectId(rows::get(row, "id")?);
        let ends = withdraw(&id, rows::get(row, "what_json")?, now);
        Ok((id, intent(row).ok(), ends))
    })
    .await?;
    if waiting.first().is_none_or(|(id, ..)| id != effect) {
        return Ok((Vec::new(), Vec::new()));
    }
    // What cannot be read is left where it is, and what waits behind it.
    Ok(waiting.into_iter().map_while(|(_, effect, ends)| Some((effect?, ends))).unzip())
}

/// What waits says something else; a conflict if it is not any more what it was.
pub fn reword(effect: &EffectId, was_json: String, what: &EffectKind) -> Result<Statement, StoreError> {
    Ok(statement(sql::REWORD).bind(&effect.0).bind(was_json).bind(json(what)?).or_conflict())
}

/// What waits will not be said; a conflict if it is not any more what it was.
pub fn withdraw(effect: &EffectId, was_json: String, now: Timestamp) -> Statement {
    statement(sql::WITHDRAW).bind(&effect.0).bind(was_json).bind(ms(now)).or_conflict()
}

pub async fn due(
    conn: &mut Conn,
    platform: PlatformName,
    now: Timestamp,
    after: Option<&(Lane, EffectId)>,
    beside: &[Gate],
    limit: u32,
) -> Result<Due, StoreError> {
    let (lane, id) = after.map_or((-1, String::new()), |(lane, id)| (*lane as i64, id.0.clone()));
    let text = if beside.is_empty() { sql::DUE } else { DUE_BESIDE };
    let mut query = statement(text).bind(platform.as_str()).bind(ms(now)).bind(i64::from(limit)).bind(lane).bind(id);
    if !beside.is_empty() {
        query = query.bind(json(&beside)?);
    }
    // One row that cannot be read must not stop the others.
    let rows = all(conn, query, |row| {
        Ok(match queued(row) {
            Ok(queued) => (queued.lane, Ok(queued)),
            Err(error) => {
                let unreadable = EffectId(rows::get(row, "id")?);
                tracing::debug!(%error, effect = %unreadable, "an effect cannot be read");
                // A lane that is not known either comes after all that are.
                (lane_of(rows::get(row, "lane")?).unwrap_or(Lane::Broadcast), Err(unreadable))
            }
        })
    })
    .await?;
    let is_more = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let mut due = Due { is_more, ..Due::default() };
    due.last = rows.last().map(|(lane, row)| match row {
        Ok(Queued { id, .. }) | Err(id) => (*lane, id.clone()),
    });
    for (_, row) in rows {
        match row {
            Ok(queued) => due.ready.push(queued),
            Err(unreadable) => due.unreadable.push(unreadable),
        }
    }
    Ok(due)
}

/// Effects that wait for other limits than it seemed.
pub async fn regate(conn: &mut Conn, gates: &[(EffectId, Gate)]) -> Result<(), StoreError> {
    let regate = |(id, gate): &(EffectId, Gate)| statement(sql::REGATE).bind(&id.0).bind(&gate.0);
    dialect::run_all(conn, gates.iter().map(|gate| vec![regate(gate)]).collect()).await.map(drop)
}

/// What refuses effects that are held, and how many.
pub async fn held_in(conn: &mut Conn, platform: PlatformName) -> Result<Vec<(String, u64)>, StoreError> {
    all(conn, statement(sql::HELD_IN).bind(platform.as_str()), |row| {
        Ok((rows::get(row, "held_in")?, count(row, "effects")?))
    })
    .await
}

/// Effects that are held wait again; how many.
pub async fn release(conn: &mut Conn, by: &Release, now: Timestamp) -> Result<u64, StoreError> {
    let release = match by {
        Release::One(effect) => statement(sql::RELEASE_ONE).bind(&effect.0).bind(ms(now)),
        Release::Card(order_key) => statement(sql::RELEASE_CARD).bind(order_key).bind(ms(now)),
        Release::In { platform, held_in, limit } => {
            statement(sql::RELEASE).bind(platform.as_str()).bind(held_in).bind(ms(now)).bind(i64::from(*limit))
        }
    };
    run(conn, release).await
}

/// Ends what was held for too long; which that was.
pub async fn end_held(conn: &mut Conn, then: Timestamp, now: Timestamp) -> Result<Vec<EndedHeld>, StoreError> {
    let query = statement(sql::HELD_SINCE).bind(ms(then)).bind(i64::from(TIDIED_AT_ONCE));
    let ended = all(conn, query, |row| {
        Ok(EndedHeld {
            id: EffectId(rows::get(row, "id")?),
            platform: rows::named(row, "platform")?,
            kind: rows::get(row, "kind")?,
            error: rows::get(row, "last_error")?,
        })
    })
    .await?;
    for effect in &ended {
        run(conn, statement(sql::END_HELD).bind(&effect.id.0).bind(ms(now))).await?;
    }
    Ok(ended)
}

pub async fn next_due(
    conn: &mut Conn,
    platform: PlatformName,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    match one(conn, statement(sql::NEXT_DUE).bind(platform.as_str()).bind(ms(now))).await? {
        Some(row) => rows::moment_if(&row, "due_at_ms"),
        None => Ok(None),
    }
}

/// Leases what still waits; which that was.
pub async fn lease(
    conn: &mut Conn,
    by: &WorkerId,
    claims: &[Claim],
    lasting: Duration,
) -> Result<Vec<EffectId>, StoreError> {
    let now_ms = real_ms(conn).await?;
    let mut all = Vec::with_capacity(claims.len());
    for claim in claims {
        all.push(
            statement(LEASE)
                .bind(&claim.effect.0)
                .bind(now_ms)
                .bind(now_ms + span_ms(lasting))
                .bind(&by.0)
                .bind(json(&claim.costs)?),
        );
    }
    let effects: Vec<&EffectId> = claims.iter().map(|claim| &claim.effect).collect();
    let ours: HashSet<EffectId> = dialect::lease(conn, all, &effects).await?.into_iter().collect();
    Ok(claims.iter().map(|claim| &claim.effect).filter(|effect| ours.contains(effect)).cloned().collect())
}

/// How one delivery ended, as this worker says.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    pub effect: &'a EffectId,
    pub by: &'a WorkerId,
    pub end: &'a Settlement,
    pub now: Timestamp,
}

/// Stores how a delivery ended, if that is still its worker's to say.
pub async fn settle(conn: &mut Conn, ending: &Ending<'_>) -> Result<Settled, StoreError> {
    match settle_all(conn, &[*ending]).await {
        Err(StoreError::Conflict) => Ok(Settled::Taken(posted(conn, ending.effect).await?)),
        done => done.map(|()| Settled::Kept),
    }
}

/// Stores how deliveries ended; a conflict if not all of that is still their workers' to say.
pub async fn settle_all(conn: &mut Conn, endings: &[Ending<'_>]) -> Result<(), StoreError> {
    let mut closings = Vec::with_capacity(endings.len());
    let mut follow_up = Vec::with_capacity(endings.len());
    for ending in endings {
        closings.push(vec![closing(ending)?]);
        follow_up.push(match ending.end {
            Settlement::Done(stands) | Settlement::Posted { stands, .. } => {
                let all = stands.iter().map(stand).collect::<Result<Vec<_>, _>>()?;
                all.into_iter().flatten().collect()
            }
            Settlement::Removed(messages) => messages.iter().map(unstand).collect(),
            Settlement::Failed(_) | Settlement::Held { .. } | Settlement::Retry { .. } => Vec::new(),
        });
    }
    dialect::run_all(conn, closings).await?;
    dialect::run_all(conn, follow_up).await.map(drop)
}

/// What closes an effect, or lets it wait again. It touches no row if the effect is not this worker's, or has ended.
fn closing(ending: &Ending<'_>) -> Result<Statement, StoreError> {
    let Ending { effect, by, end, now } = ending;
    let close = |state: &'static str, error: Option<String>, messages: &[MessageRef]| {
        Ok(statement(sql::SETTLE)
            .bind(&effect.0)
            .bind(state)
            .bind(error)
            .bind(ms(*now))
            .bind(&by.0)
            .bind(json(&messages)?)
            .or_conflict())
    };
    match end {
        Settlement::Done(_) | Settlement::Removed(_) => close("done", None, &[]),
        Settlement::Posted { messages, .. } => close("done", None, messages),
        Settlement::Failed(why) => close("failed", Some(why.to_string()), &[]),
        Settlement::Retry { at, unsure, counts, error } => Ok(statement(sql::RETRY)
            .bind(&effect.0)
            .bind(ms(*at))
            .bind(i64::from(*counts))
            .bind(i64::from(*unsure))
            .bind(error)
            .bind(&by.0)
            .bind(ms(*now))
            .or_conflict()),
        Settlement::Held { by: held_in, error, unsure } => Ok(statement(sql::HOLD_BACK)
            .bind(&effect.0)
            .bind(held_in)
            .bind(ms(*now))
            .bind(error)
            .bind(&by.0)
            .bind(i64::from(*unsure))
            .or_conflict()),
    }
}

/// Whether a card that no message is known of is being posted into this channel, or may stand there already.
pub async fn is_card_under_way(conn: &mut Conn, channel: &Place) -> Result<bool, StoreError> {
    let (platform, name) = (channel.platform(), channel.channel());
    let query = statement(sql::CARD_UNDER_WAY)
        .bind(platform.as_str())
        .bind(format!(":{platform}:{name}"))
        .bind(name.to_owned());
    Ok(one(conn, query).await?.is_some())
}

/// What was leased and not settled for so long that whoever leased it is dead waits again, and is looked for before it is
/// repeated.
pub async fn take_over(
    conn: &mut Conn,
    by: &WorkerId,
    platform: PlatformName,
    margin: Duration,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let ended_ms = real_ms(conn).await? - span_ms(margin);
    // Whatever was sent was sent before the lease ended, so that this much of the time has passed already in which
    // histories may not show it yet.
    let unsure_at_ms = ms(now) - span_ms(margin);
    let query = statement(sql::TAKE_OVER).bind(platform.as_str()).bind(ended_ms).bind(by.0.clone()).bind(unsure_at_ms);
    run(conn, query).await
}

pub async fn spent(
    conn: &mut Conn,
    platform: PlatformName,
    since: Duration,
) -> Result<Vec<(Vec<String>, Duration)>, StoreError> {
    let now_ms = real_ms(conn).await?;
    let query = statement(sql::SPENT).bind(platform.as_str()).bind(now_ms - span_ms(since));
    all(conn, query, |row| {
        let ago_ms = now_ms - rows::get::<i64>(row, "tried_at_ms")?;
        Ok((rows::read(row, "costs_json")?, Duration::from_millis(u64::try_from(ago_ms).unwrap_or_default())))
    })
    .await
}

pub async fn listed(
    conn: &mut Conn,
    which: Listed,
    before: Option<&EffectId>,
    limit: u32,
) -> Result<Vec<ListedEffect>, StoreError> {
    // Ids are 26 characters of 0-9 and A-Z.
    let before = before.map_or_else(|| "~".to_owned(), |id| id.0.clone());
    let text = match which {
        Listed::Waiting => sql::LISTED_WAITING,
        Listed::Held => sql::HELD,
        Listed::Failed => sql::FAILED,
    };
    all(conn, statement(text).bind(before).bind(i64::from(limit)), |row| {
        let is_waiting = which == Listed::Waiting;
        Ok(ListedEffect {
            id: EffectId(rows::get(row, "id")?),
            platform: rows::named(row, "platform")?,
            state: rows::get(row, "state")?,
            kind: rows::get(row, "kind")?,
            place: rows::get(row, "order_key")?,
            ticket: rows::named_if(row, "key")?,
            attempts: count(row, "attempts")?,
            error: rows::get::<Option<String>>(row, "last_error")?.unwrap_or_default(),
            created_at: rows::moment(rows::get(row, "created_at_ms")?)?,
            due_at: rows::moment_if(row, "due_at_ms")?.filter(|_| is_waiting),
            held_in: rows::get(row, "held_in")?,
            held_at: rows::moment_if(row, "held_at_ms")?.filter(|_| which == Listed::Held),
            failed_at: rows::moment_if(row, "settled_at_ms")?,
        })
    })
    .await
}

/// Takes or renews a named lease; whether it is this worker's now.
#[allow(dead_code, reason = "a SQLite file has one owner, who need not ask")]
pub async fn hold(conn: &mut Conn, name: &str, by: &WorkerId, lasting: Duration) -> Result<bool, StoreError> {
    let now_ms = real_ms(conn).await?;
    let query =
        statement(sql::HOLD).bind(name.to_owned()).bind(by.0.clone()).bind(now_ms + span_ms(lasting)).bind(now_ms);
    Ok(run(conn, query).await? > 0)
}

#[allow(dead_code, reason = "a SQLite file has one owner, who need not ask")]
pub async fn let_go(conn: &mut Conn, name: &str, by: &WorkerId) -> Result<(), StoreError> {
    run(conn, statement(sql::LET_GO).bind(name.to_owned()).bind(by.0.clone())).await.map(drop)
}

/// What somebody else left on the platform for this effect, if they have ended it.
async fn posted(conn: &mut Conn, effect: &EffectId) -> Result<Option<Vec<MessageRef>>, StoreError> {
    let row = one(conn, statement(sql::POSTED).bind(effect.0.clone())).await?;
    // It may have been forgotten since; then it ended long ago.
    let Some(row) = row else { return Ok(Some(Vec::new())) };
    match rows::get::<Option<String>>(&row, "posted_json")? {
        Some(_) => rows::read(&row, "posted_json").map(Some),
        None => Ok(None),
    }
}

fn span_ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

fn queued(row: &Row) -> Result<Queued, StoreError> {
    Ok(Queued {
        id: EffectId(rows::get(row, "id")?),
        effect: intent(row)?,
        lane: lane_of(rows::get(row, "lane")?)?,
        gate: Gate(rows::get(row, "gate")?),
        attempts: count(row, "attempts")?,
        unsure_at: rows::moment_if(row, "unsure_at_ms")?,
        created_at: rows::moment(rows::get(row, "created_at_ms")?)?,
        released_at: rows::moment_if(row, "released_at_ms")?,
    })
}

fn intent(row: &Row) -> Result<Effect, StoreError> {
    Ok(Effect {
        ticket: rows::get::<Option<i64>>(row, "ticket_id")?.map(TicketId),
        not_before: rows::moment_if(row, "not_before_ms")?,
        what: rows::read(row, "what_json")?,
    })
}

fn lane_of(number: i64) -> Result<Lane, StoreError> {
    [Lane::Answer, Lane::Act, Lane::Card, Lane::Note, Lane::Broadcast]
        .into_iter()
        .find(|lane| *lane as i64 == number)
        .ok_or_else(|| StoreError::Corrupt(format!("{number} is no lane")))
}
