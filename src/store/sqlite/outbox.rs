//! The outbox: effects that wait, are being delivered, or have ended.

use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use ulid::Ulid;

use super::record::{all, one, run, stand, unstand};
use super::rows::{self, json, ms};
use super::sql;
use crate::clock::Clock;
use crate::domain::effect::{Effect, EffectKind, Lane};
use crate::domain::ids::{EffectId, PlatformName, TicketId};
use crate::store::{Queued, Settlement, StoreError};

type Conn = SqliteConnection;

/// Gives out ids of effects, each greater than the one before.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    last: Ulid,
}

impl Ids {
    /// Ids above every one that the outbox holds.
    pub async fn above_known(conn: &mut Conn, clock: Clock) -> Result<Self, StoreError> {
        let row = one(conn, sqlx::query(sql::LAST_EFFECT)).await?;
        let last = row.map(|row| rows::get::<Option<String>>(&row, "id")).transpose()?.flatten();
        let last = match last {
            Some(id) => {
                Ulid::from_string(&id).map_err(|_| StoreError::Corrupt("an effect's id is no ULID".to_owned()))?
            }
            None => Ulid::nil(),
        };
        Ok(Self { clock, last })
    }

    /// The next id: of this moment, or just above the last one where the clock has not moved on.
    pub fn next(&mut self) -> EffectId {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        let fresh = |at_ms| Ulid::from_parts(at_ms, rand::random());
        self.last = if now_ms > self.last.timestamp_ms() {
            fresh(now_ms)
        } else {
            self.last.increment().unwrap_or_else(|| fresh(self.last.timestamp_ms() + 1))
        };
        EffectId(self.last.to_string())
    }
}

/// Puts an effect into the outbox, unless it is to show a card that waits to be shown already.
pub async fn enqueue(conn: &mut Conn, ids: &mut Ids, effect: &Effect, now: Timestamp) -> Result<(), StoreError> {
    let order_key = effect.order_key();
    let due = effect.not_before.map_or(now, |moment| moment.max(now));
    if matches!(effect.what, EffectKind::ShowCard { .. })
        && one(conn, sqlx::query(sql::WAITING_CARD).bind(&order_key)).await?.is_some()
    {
        return run(conn, sqlx::query(sql::HASTEN_CARD).bind(order_key).bind(ms(due))).await.map(drop);
    }
    let query = sqlx::query(sql::ENQUEUE)
        .bind(ids.next().0)
        .bind(effect.ticket.map(|ticket| ticket.0))
        .bind(effect.what.platform().as_str())
        .bind(effect.lane() as i64)
        .bind(order_key)
        .bind(effect.what.name())
        .bind(json(&effect.what)?)
        .bind(effect.not_before.map(ms))
        .bind(ms(due))
        .bind(ms(now));
    run(conn, query).await.map(drop)
}

pub async fn due(
    conn: &mut Conn,
    platform: PlatformName,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Queued>, StoreError> {
    let query = sqlx::query(sql::DUE).bind(platform.as_str()).bind(ms(now)).bind(i64::from(limit));
    // One row that cannot be read must not stop the others.
    let rows = all(conn, query, |row| Ok(queued(row))).await?;
    let readable = rows.into_iter().filter_map(|row| {
        row.inspect_err(|error| tracing::error!(%error, "an effect in the outbox cannot be read")).ok()
    });
    Ok(readable.collect())
}

pub async fn next_due(
    conn: &mut Conn,
    platform: PlatformName,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    match one(conn, sqlx::query(sql::NEXT_DUE).bind(platform.as_str()).bind(ms(now))).await? {
        Some(row) => rows::moment_if(&row, "due_at_ms"),
        None => Ok(None),
    }
}

/// Marks effects as being delivered: all of them, or none if one of them does not wait.
pub async fn lease(conn: &mut Conn, effects: &[EffectId], now: Timestamp) -> Result<(), StoreError> {
    for effect in effects {
        if run(conn, sqlx::query(sql::LEASE).bind(&effect.0).bind(ms(now))).await? == 0 {
            return Err(StoreError::Conflict);
        }
    }
    Ok(())
}

/// Stores how a delivery ended. One that has ended before stays as it is.
pub async fn settle(conn: &mut Conn, effect: &EffectId, end: &Settlement, now: Timestamp) -> Result<(), StoreError> {
    match end {
        Settlement::Done(stands) => {
            if finish(conn, effect, "done", None, now).await? {
                for stands in stands {
                    stand(conn, stands).await?;
                }
            }
        }
        Settlement::Failed(why) => {
            finish(conn, effect, "failed", Some(why.to_string()), now).await?;
        }
        Settlement::Removed(messages) => {
            if finish(conn, effect, "done", None, now).await? {
                for message in messages {
                    unstand(conn, message).await?;
                }
            }
        }
        Settlement::Retry { at, unsure, counts, error } => {
            let query = sqlx::query(sql::RETRY)
                .bind(&effect.0)
                .bind(ms(*at))
                .bind(i64::from(*counts))
                .bind(i64::from(*unsure))
                .bind(error);
            run(conn, query).await?;
        }
    }
    Ok(())
}

/// What a former owner was delivering when it died waits again, and is looked up before it is repeated.
pub async fn recover(conn: &mut Conn) -> Result<u64, StoreError> {
    run(conn, sqlx::query(sql::RECOVER)).await
}

/// Whether it had not ended before.
async fn finish(
    conn: &mut Conn,
    effect: &EffectId,
    state: &'static str,
    error: Option<String>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(run(conn, sqlx::query(sql::SETTLE).bind(&effect.0).bind(state).bind(error).bind(ms(now))).await? > 0)
}

fn queued(row: &SqliteRow) -> Result<Queued, StoreError> {
    let effect = Effect {
        ticket: rows::get::<Option<i64>>(row, "ticket_id")?.map(TicketId),
        not_before: rows::moment_if(row, "not_before_ms")?,
        what: rows::read(row, "what_json")?,
    };
    Ok(Queued {
        id: EffectId(rows::get(row, "id")?),
        effect,
        lane: lane(rows::get(row, "lane")?)?,
        attempts: rows::get(row, "attempts")?,
        unsure: rows::flag(row, "unsure")?,
        created_at: rows::moment(rows::get(row, "created_at_ms")?)?,
    })
}

fn lane(number: i64) -> Result<Lane, StoreError> {
    [Lane::Answer, Lane::Act, Lane::Card, Lane::Note, Lane::Broadcast]
        .into_iter()
        .find(|lane| *lane as i64 == number)
        .ok_or_else(|| StoreError::Corrupt(format!("{number} is no lane")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_grow_though_the_clock_stands_still_or_is_behind() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 0.0);
        let mut ids = Ids { clock: clock.clone(), last: Ulid::from_parts(1_000, u128::MAX) };
        let mut last = EffectId(ids.last.to_string());
        for step in 0..2_000 {
            if step == 1_000 {
                clock.advance(Duration::from_secs(60));
            }
            let next = ids.next();
            assert!(next > last, "{next} is not above {last}");
            last = next;
        }
        assert_eq!(ids.last.timestamp_ms(), 60_000);
    }
}
