//! What may be delivered now, and by whom.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::{Claim, Current, Due, queued};
use crate::domain::effect::{Gate, Lane};
use crate::domain::ids::{EffectId, PlatformName};
use crate::store::port::{Ask, News};
use crate::store::row::{Row, json, ms};
use crate::store::statement::{Text, statement, texts};
use crate::store::{Store, StoreError, WorkerId};

/// What is read of an effect `e` that waits. Each column costs: so few, and those that are rarely set together.
macro_rules! queued {
    () => {
        "e.id, e.ticket_id, e.lane, e.gate, e.what_json, e.attempts, e.not_before_ms, e.created_at_ms, e.released_at_ms, \
         CASE WHEN e.unsure = 1 THEN coalesce(e.unsure_at_ms, 0) END AS unsure_at_ms"
    };
}
/// Effects that may be delivered now, of every gate but these: of each the first few, whatever waits in the others. Gates
/// are found one after the other, each by a step in the index.
macro_rules! due_beside {
    ($except:literal, $of_each:expr) => {
        concat!(
            "WITH RECURSIVE g (gate) AS (\
             SELECT (SELECT min(f.gate) FROM effects AS f WHERE f.platform = $1 AND f.state = 'pending') \
             UNION ALL SELECT (SELECT min(n.gate) FROM effects AS n WHERE n.platform = $1 AND n.state = 'pending' \
             AND n.gate > g.gate) FROM g WHERE g.gate IS NOT NULL) SELECT ",
            queued!(),
            " FROM g ",
            $of_each,
            " WHERE g.gate IS NOT NULL AND g.gate NOT IN (",
            $except,
            ") ORDER BY e.lane, e.id LIMIT $3"
        )
    };
}

/// The first few of one gate, from behind an effect on.
macro_rules! due_of_gate {
    ($what:expr) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM effects AS d WHERE d.platform = $1 AND d.state = 'pending' AND d.gate = g.gate \
             AND d.due_at_ms <= $2 AND (d.lane, d.id) > ($4, $5) AND NOT EXISTS (SELECT 1 FROM effects AS older \
             WHERE older.order_key = d.order_key AND older.id < d.id AND older.state IN ('pending', 'leased')) \
             ORDER BY d.id LIMIT $3)"
        )
    };
}

texts! {
    /// Effects that may be delivered now.
    DUE = Text::both(
        concat!("SELECT ", queued!(), " FROM effects AS e WHERE platform = $1 AND state = 'pending' AND due_at_ms <= $2 AND (lane, id) > ($4, $5) AND NOT EXISTS (SELECT 1 FROM effects AS older \
         WHERE older.order_key = e.order_key AND older.id < e.id AND older.state IN ('pending', 'leased')) \
         ORDER BY lane, id LIMIT $3")
    );
    /// The moment at which the next effect becomes due: one that was put off.
    NEXT_DUE = Text::both(
        "SELECT due_at_ms FROM effects AS e WHERE platform = $1 AND state = 'pending' AND due_at_ms > created_at_ms \
         AND due_at_ms > $2 AND NOT EXISTS (SELECT 1 FROM effects AS older WHERE older.order_key = e.order_key AND older.id < e.id \
         AND older.state IN ('pending', 'leased')) ORDER BY due_at_ms LIMIT 1"
    );
    /// Effects wait for another limit than it seemed.
    REGATE = Text::both(
        "WITH v (id, gate) AS (VALUES ($1, $2)) UPDATE effects SET gate = v.gate FROM v \
         WHERE effects.id = v.id AND effects.state = 'pending'"
    );
    /// What effects that have not ended are to do.
    CURRENT = Text::both(
        "WITH v (id) AS (VALUES ($1)) SELECT e.id, e.what_json FROM v JOIN effects AS e ON e.id = v.id \
         AND e.state IN ('pending', 'leased')"
    );
    /// What was tried since, and against which limits it counted.
    SPENT = Text::both("SELECT costs_json, tried_at_ms FROM effects WHERE platform = $1 AND tried_at_ms > $2");
    /// Effects that may be delivered now, of every gate but these.
    DUE_BESIDE = Text::each(
        due_beside!(
            "SELECT value FROM json_each($6)", concat!("JOIN effects AS e ON e.id IN ", due_of_gate!("d.id"))
        ),
        due_beside!(
            "SELECT value FROM json_array_elements_text($6::json)",
            concat!("CROSS JOIN LATERAL ", due_of_gate!("d.*"), " AS e")
        )
    );
    /// Which of these effects still wait, in one row, which tells sooner than many. On PostgreSQL nobody else leases them
    /// from now on.
    WAITING = Text::each(
        "SELECT json_group_array(id) AS ids FROM effects WHERE state = 'pending' \
         AND id IN (SELECT value FROM json_each($1))",
        "SELECT coalesce(json_agg(e.id), '[]'::json)::text AS ids FROM (SELECT id FROM effects \
         WHERE id IN (SELECT value FROM json_array_elements_text($1::json)) AND state = 'pending' \
         ORDER BY id FOR UPDATE SKIP LOCKED) AS e"
    );
    /// Effects are being delivered.
    LEASE = Text::both(
        "WITH v (id, now_ms, until_ms, worker, costs_json) AS (VALUES ($1, CAST($2 AS BIGINT), CAST($3 AS BIGINT), \
         $4, $5)) UPDATE effects SET state = 'leased', leased_at_ms = v.now_ms, tried_at_ms = v.now_ms, \
         lease_until_ms = v.until_ms, leased_by = v.worker, costs_json = v.costs_json FROM v \
         WHERE effects.state = 'pending' AND effects.id = v.id"
    );
}

impl dyn Store + '_ {
    /// Effects of `platform` that may be delivered now, most urgent first, at most one for each order key (the oldest
    /// that is not settled), none that is leased, none whose order key has an older one waiting for a later moment, none of
    /// the gates `beside`. With `after`, those that come behind that one.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn due(
        &self,
        platform: PlatformName,
        now: Timestamp,
        after: Option<(Lane, EffectId)>,
        beside: &[Gate],
        limit: u32,
    ) -> Result<Due, StoreError> {
        let (lane, id) = after.map_or((-1, String::new()), |(lane, id)| (lane as i64, id.0));
        let text = if beside.is_empty() { DUE } else { DUE_BESIDE };
        let mut query =
            statement(text).bind(platform.as_str()).bind(ms(now)).bind(i64::from(limit)).bind(lane).bind(id);
        if !beside.is_empty() {
            query = query.bind(json(&beside)?);
        }
        // One row that cannot be read must not stop the others.
        let read = |row: &Row| {
            Ok(match queued(row) {
                Ok(queued) => (queued.lane, Ok(queued)),
                Err(error) => {
                    let unreadable = EffectId(row.get("id")?);
                    tracing::debug!(%error, effect = %unreadable, "an effect cannot be read");
                    // A lane that is not known either comes after all that are.
                    (super::lane_of(row.get("lane")?).unwrap_or(Lane::Broadcast), Err(unreadable))
                }
            })
        };
        let rows = self.reader().await?.all(query, read).await?;
        let is_more = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let last = rows.last().map(|(lane, row)| match row {
            Ok(queued) => (*lane, queued.id.clone()),
            Err(id) => (*lane, id.clone()),
        });
        let mut due = Due { is_more, last, ..Due::default() };
        for (_, row) in rows {
            match row {
                Ok(queued) => due.ready.push(queued),
                Err(unreadable) => due.unreadable.push(unreadable),
            }
        }
        Ok(due)
    }

    /// When the next waiting effect of `platform` becomes due, if any waits for a later moment than `now`.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn next_due(&self, platform: PlatformName, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let query = statement(NEXT_DUE).bind(platform.as_str()).bind(ms(now));
        self.reader().await?.one(query, |row| row.moment("due_at_ms")).await
    }

    /// These effects, if they wait still, wait for other limits than it seemed.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn regate(&self, gates: &[(EffectId, Gate)]) -> Result<(), StoreError> {
        if gates.is_empty() {
            return Ok(());
        }
        let gates = gates.to_vec();
        self.within(move |tx| {
            let gates = gates.clone();
            Box::pin(async move {
                for (effect, gate) in gates {
                    tx.write(statement(REGATE).bind(effect.0).bind(gate.0))?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Leases effects for this real time, in one transaction; those that are this worker's now (the others were taken by
    /// somebody else, or have ended).
    ///
    /// # Errors
    /// If the database is away.
    pub async fn lease(&self, by: &WorkerId, claims: &[Claim], lasting: Duration) -> Result<Vec<EffectId>, StoreError> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let (by, claims): (_, std::sync::Arc<[Claim]>) = (by.clone(), claims.into());
        self.within(move |tx| {
            let (by, claims) = (by.clone(), std::sync::Arc::clone(&claims));
            Box::pin(async move {
                let now_ms = tx.real_ms().await?;
                let wanted: Vec<&EffectId> = claims.iter().map(|claim| &claim.effect).collect();
                let waiting = tx.rows(statement(WAITING).bind(json(&wanted)?)).await?;
                let waiting = waiting.first().map(|row| row.json::<HashSet<EffectId>>("ids")).transpose()?;
                let waiting = waiting.unwrap_or_default();
                let mut ours = Vec::with_capacity(claims.len());
                for Claim { effect, costs } in claims.iter().filter(|claim| waiting.contains(&claim.effect)) {
                    let lease = statement(LEASE).bind(&effect.0).bind(now_ms).bind(now_ms + super::span_ms(lasting));
                    tx.write(lease.bind(&by.0).bind(json(costs)?))?;
                    ours.push(effect.clone());
                }
                tx.tell(News::Here);
                Ok(ours)
            })
        })
        .await
    }

    /// What was tried within the last `since` (real time): the limits that it counted against, and how long ago.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn spent(
        &self,
        platform: PlatformName,
        since: Duration,
    ) -> Result<Vec<(Vec<String>, Duration)>, StoreError> {
        let mut reader = self.reader().await?;
        let now_ms = reader.real_ms().await?;
        let query = statement(SPENT).bind(platform.as_str()).bind(now_ms - super::span_ms(since));
        let spent = |row: &Row| {
            let ago_ms = u64::try_from(now_ms - row.get::<i64>("tried_at_ms")?).unwrap_or_default();
            Ok((row.json("costs_json")?, Duration::from_millis(ago_ms)))
        };
        reader.all(query, spent).await
    }
}

/// What effects are to do as it is now, if they have not ended: lines may be joined to a mirror's until it is leased.
///
/// # Errors
/// If the database is away, or one of them cannot be read.
pub async fn current(ask: &mut dyn Ask, effects: &[EffectId]) -> Result<Vec<Current>, StoreError> {
    let asked = effects.iter().map(|effect| statement(CURRENT).bind(&effect.0)).collect();
    let read = |row: &Row| Ok(Current { effect: EffectId(row.get("id")?), what: row.json("what_json")? });
    ask.all_of(asked, read).await
}
