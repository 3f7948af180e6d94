//! Effects that may be delivered now, and their leases.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Claim, Due, queued};
use crate::domain::effect::{Gate, Lane, Outlet};
use crate::domain::ids::EffectId;
use crate::store::port::Wake;
use crate::store::row::{Row, json, ms};
use crate::store::statement::{Text, statement, texts};
use crate::store::{Store, StoreError, WorkerId};

/// The columns that are read of a waiting effect `e`. Each column costs time, so there are few, and rarely used ones
/// are combined.
macro_rules! queued {
    () => {
        "e.id, e.subject_kind, e.subject_id, e.lane, e.gate, e.what_json, e.revision, e.attempts, e.not_before_ms, \
         e.put_behind, e.created_at_ms, e.released_at_ms, \
         CASE WHEN e.unsure = 1 THEN coalesce(e.unsure_at_ms, 0) END AS unsure_at_ms, \
         CASE WHEN e.unsure = 1 THEN e.sent_json END AS sent_json"
    };
}
/// Selects effects that may be delivered now, from every gate except the listed ones: the first few of each gate,
/// whatever waits in the others. The gates are found one after another, each by one step in the index.
macro_rules! due_unblocked {
    ($except:literal, $of_each:expr) => {
        concat!(
            "WITH RECURSIVE g (gate) AS (\
             SELECT (SELECT min(f.gate) FROM effects AS f WHERE f.outlet = $1 AND f.state = 'pending') \
             UNION ALL SELECT (SELECT min(n.gate) FROM effects AS n WHERE n.outlet = $1 AND n.state = 'pending' \
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

/// Selects the first few effects of one gate that come after a given effect.
macro_rules! due_of_gate {
    ($what:expr) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM effects AS d WHERE d.outlet = $1 AND d.state = 'pending' AND d.gate = g.gate \
             AND d.due_at_ms <= $2 AND (d.lane, d.id) > ($4, $5) AND NOT EXISTS (SELECT 1 FROM effects AS older \
             WHERE older.order_key = d.order_key AND older.id < d.id AND older.state IN ('pending', 'leased')) \
             ORDER BY d.id LIMIT $3)"
        )
    };
}

texts! {
    /// Selects effects that may be delivered now.
    DUE = Text::both(
        concat!("SELECT ", queued!(), " FROM effects AS e WHERE outlet = $1 AND state = 'pending' AND due_at_ms <= $2 AND (lane, id) > ($4, $5) AND NOT EXISTS (SELECT 1 FROM effects AS older \
         WHERE older.order_key = e.order_key AND older.id < e.id AND older.state IN ('pending', 'leased')) \
         ORDER BY lane, id LIMIT $3")
    );
    /// Reads when the next postponed effect becomes due.
    NEXT_DUE = Text::both(
        "SELECT due_at_ms FROM effects AS e WHERE outlet = $1 AND state = 'pending' AND due_at_ms > created_at_ms \
         AND due_at_ms > $2 AND NOT EXISTS (SELECT 1 FROM effects AS older WHERE older.order_key = e.order_key AND older.id < e.id \
         AND older.state IN ('pending', 'leased')) ORDER BY due_at_ms LIMIT 1"
    );
    /// Moves effects to other gates.
    REGATE = Text::both(
        "WITH v (id, gate) AS (VALUES ($1, $2)) UPDATE effects SET gate = v.gate FROM v \
         WHERE effects.id = v.id AND effects.state = 'pending'"
    );
    /// Reads the costs of the tries since a moment.
    SPENT = Text::both("SELECT costs_json, tried_at_ms FROM effects WHERE outlet = $1 AND tried_at_ms > $2");
    /// Selects effects that may be delivered now, from every gate except the listed ones.
    DUE_UNBLOCKED = Text::each(
        due_unblocked!(
            "SELECT value FROM json_each($6)", concat!("JOIN effects AS e ON e.id IN ", due_of_gate!("d.id"))
        ),
        due_unblocked!(
            "SELECT value FROM json_array_elements_text($6::json)",
            concat!("CROSS JOIN LATERAL ", due_of_gate!("d.*"), " AS e")
        )
    );
    /// Reads which of these effects still wait, with their revisions, in a single row, which is faster than many. On
    /// PostgreSQL this also locks them: no other process leases or changes them from now on.
    WAITING = Text::each(
        "SELECT json_group_object(id, revision) AS waiting FROM effects WHERE state = 'pending' \
         AND id IN (SELECT value FROM json_each($1))",
        "SELECT coalesce(json_object_agg(e.id, e.revision), '{}'::json)::text AS waiting FROM (SELECT id, revision \
         FROM effects WHERE id IN (SELECT value FROM json_array_elements_text($1::json)) AND state = 'pending' \
         ORDER BY id FOR UPDATE SKIP LOCKED) AS e"
    );
    /// Leases an effect that still waits. `sent_json` holds what its tries have sent, this one included.
    LEASE = Text::both(
        "WITH v (id, now_ms, until_ms, worker, costs_json, sent_json) AS (VALUES ($1, CAST($2 AS BIGINT), \
         CAST($3 AS BIGINT), $4, $5, $6)) UPDATE effects SET state = 'leased', leased_at_ms = v.now_ms, tried_at_ms = v.now_ms, \
         lease_until_ms = v.until_ms, leased_by = v.worker, costs_json = v.costs_json, \
         sent_json = v.sent_json FROM v \
         WHERE effects.state = 'pending' AND effects.id = v.id"
    );
}

impl dyn Store + '_ {
    /// Returns effects of `outlet` that may be delivered now, most urgent first. Of each order key it returns at most
    /// one effect, the oldest that is not settled, and none if that one is leased or due later. The `blocked` gates are
    /// left out. With `after`, it returns only effects that come after that one.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn due(
        &self,
        outlet: impl Into<Outlet>,
        now: Timestamp,
        after: Option<(Lane, EffectId)>,
        blocked: &[Gate],
        limit: u32,
    ) -> Result<Due, StoreError> {
        let (lane, id) = after.map_or((-1, String::new()), |(lane, id)| (lane as i64, id.0));
        let text = if blocked.is_empty() { DUE } else { DUE_UNBLOCKED };
        let mut query =
            statement(text).bind(outlet.into().as_str()).bind(ms(now)).bind(i64::from(limit)).bind(lane).bind(id);
        if !blocked.is_empty() {
            query = query.bind(json(&blocked)?);
        }
        // One unreadable row must not stop the others.
        let read = |row: &Row| {
            Ok(match queued(row) {
                Ok(queued) => (queued.lane, Ok(queued)),
                Err(error) => {
                    let unreadable = EffectId(row.get("id")?);
                    tracing::debug!(%error, effect = %unreadable, "an effect cannot be read");
                    // An unknown lane sorts after all known ones.
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

    /// Returns when the next waiting effect of `outlet` becomes due, if one waits for a moment after `now`.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn next_due(&self, outlet: impl Into<Outlet>, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let query = statement(NEXT_DUE).bind(outlet.into().as_str()).bind(ms(now));
        self.reader().await?.one(query, |row| row.moment("due_at_ms")).await
    }

    /// Moves effects that still wait to other gates, because they wait for other limits than expected.
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

    /// Leases effects for the real time `lasting`, in one transaction. Returns the ids of those that this worker now
    /// holds. The others were taken by another worker, have ended, or were changed since they were read.
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
                let waiting = waiting.first().map(|row| row.json::<HashMap<EffectId, i64>>("waiting")).transpose()?;
                let waiting = waiting.unwrap_or_default();
                let is_same = |claim: &&Claim| waiting.get(&claim.effect) == Some(&claim.revision);
                let mut ours = Vec::with_capacity(claims.len());
                for Claim { effect, costs, sent, .. } in claims.iter().filter(is_same) {
                    let lease = statement(LEASE).bind(&effect.0).bind(now_ms).bind(now_ms + super::span_ms(lasting));
                    let sent = if sent.is_empty() { None } else { Some(json(sent)?) };
                    tx.write(lease.bind(&by.0).bind(json(costs)?).bind(sent))?;
                    ours.push(effect.clone());
                }
                tx.wake(Wake::Here);
                Ok(ours)
            })
        })
        .await
    }

    /// Returns the tries within the last `window` (real time): for each try, the keys of the limits that it counted
    /// against, and how long ago its lease began.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn spent(
        &self,
        outlet: impl Into<Outlet>,
        window: Duration,
    ) -> Result<Vec<(Vec<String>, Duration)>, StoreError> {
        let mut reader = self.reader().await?;
        let now_ms = reader.real_ms().await?;
        let query = statement(SPENT).bind(outlet.into().as_str()).bind(now_ms - super::span_ms(window));
        let spent = |row: &Row| {
            let ago_ms = u64::try_from(now_ms - row.get::<i64>("tried_at_ms")?).unwrap_or_default();
            Ok((row.json("costs_json")?, Duration::from_millis(ago_ms)))
        };
        reader.all(query, spent).await
    }
}
