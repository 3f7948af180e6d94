//! How deliveries end: settled, retried, held, released, taken over.

use std::time::Duration;

use jiff::Timestamp;

use super::{EndedHeld, Release, Settled, Settlement};
use crate::domain::effect::Outlet;
use crate::domain::ids::{EffectId, MessageRef, Place};
use crate::domain::machine::{END, START, Step, step};
use crate::domain::subject::Subject;
use crate::store::port::{Ask, Pace, Tx, Wake};
use crate::store::row::{Row, json, ms};
use crate::store::standing::{stand, unstand};
use crate::store::statement::{Statement, Text, statement, texts};
use crate::store::{Store, StoreError, TIDIED_AT_ONCE, WorkerId};

/// The state machine of an effect. A test compares it with the SQL statements of this folder.
pub const STEPS: [Step; 15] = [
    step(START, "queue", "pending"),
    step("pending", "lease", "leased"),
    step("leased", "deliver", "done"),
    step("leased", "refused for good", "failed"),
    step("leased", "try again later", "pending"),
    step("leased", "take over from a dead process", "pending"),
    step("leased", "refused, mendable", "held"),
    step("pending", "its place refuses", "held"),
    step("pending", "nothing left to do", "done"),
    step("pending", "cannot be delivered", "failed"),
    step("held", "probe, or mended", "pending"),
    step("held", "withdraw", "done"),
    step("held", "given up after 30 days", "failed"),
    step("done", "forget", END),
    step("failed", "forget", END),
];

texts! {
    /// Ends effects; of their content only the kind is kept.
    SETTLE = Text::both(
        "WITH v (id, state, error, now_ms, worker, posted_json) AS (VALUES ($1, $2, $3, CAST($4 AS BIGINT), $5, $6)) \
         UPDATE effects SET state = v.state, what_json = '\"' || effects.kind || '\"', last_error = v.error, \
         settled_at_ms = v.now_ms, leased_at_ms = NULL, lease_until_ms = NULL, posted_json = v.posted_json FROM v \
         WHERE effects.id = v.id AND (effects.state = 'pending' OR (effects.state = 'leased' AND effects.leased_by = v.worker))"
    );
    /// Locks an effect if it still waits in the revision that was read.
    CHECK_REVISION = Text::both("UPDATE effects SET revision = revision WHERE id = $1 AND revision = $2 AND state = 'pending'");
    /// Makes an effect wait for another try. `$7` is the present moment.
    RETRY = Text::both(
        "UPDATE effects SET state = 'pending', leased_at_ms = NULL, lease_until_ms = NULL, due_at_ms = $2, \
         attempts = attempts + $3, unsure = CASE WHEN $4 = 1 THEN 1 ELSE unsure END, \
         unsure_at_ms = CASE WHEN $4 = 1 THEN $7 ELSE unsure_at_ms END, last_error = $5 \
         WHERE id = $1 AND state = 'leased' AND leased_by = $6"
    );
    /// Holds an effect, with its words, until the cause is fixed.
    HOLD = Text::both(
        "UPDATE effects SET state = 'held', leased_at_ms = NULL, lease_until_ms = NULL, held_in = $2, \
         held_at_ms = coalesce(held_at_ms, $3), last_error = $4, unsure = CASE WHEN $6 = 1 THEN 1 ELSE unsure END, \
         unsure_at_ms = CASE WHEN $6 = 1 THEN $3 ELSE unsure_at_ms END \
         WHERE id = $1 AND (state = 'pending' OR (state = 'leased' AND leased_by = $5))"
    );
    /// Releases some of the effects that are held in a place. Those that were never released, or longest ago, come
    /// first. So each has its turn if only one is released at a time.
    RELEASE = Text::both(
        "UPDATE effects SET state = 'pending', held_in = NULL, released_at_ms = $3 WHERE id IN (\
         SELECT id FROM effects WHERE outlet = $1 AND state = 'held' AND held_in = $2 \
         ORDER BY coalesce(released_at_ms, 0), id LIMIT $4) RETURNING id"
    );
    /// Releases one held effect.
    RELEASE_ONE = Text::both(
        "UPDATE effects SET state = 'pending', held_in = NULL, released_at_ms = $2 \
         WHERE id = $1 AND state = 'held' RETURNING id"
    );
    /// Releases the held card of an order key.
    RELEASE_CARD = Text::both(
        "UPDATE effects SET state = 'pending', held_in = NULL, released_at_ms = $2 \
         WHERE state = 'held' AND order_key = $1 AND view = 'card' RETURNING id"
    );
    /// Counts the held effects of each place.
    HELD_IN = Text::both("SELECT held_in, count(*) AS effects FROM effects WHERE outlet = $1 AND state = 'held' GROUP BY held_in");
    /// Selects the effects that have been held since before a moment.
    HELD_SINCE = Text::both(
        "SELECT id, outlet, kind, held_in, last_error FROM effects WHERE outlet IN ('slack', 'discord', 'local') \
         AND state = 'held' AND held_at_ms < $1 ORDER BY outlet, held_in, id LIMIT $2"
    );
    /// Ends a held effect as failed.
    END_HELD = Text::both(
        "UPDATE effects SET state = 'failed', what_json = '\"' || kind || '\"', held_in = NULL, settled_at_ms = $2, \
         posted_json = '[]' WHERE id = $1 AND state = 'held'"
    );
    /// Releases the held effects of a view of a subject.
    RELEASE_ABOUT = Text::both(
        "UPDATE effects SET state = 'pending', held_in = NULL, released_at_ms = $4 WHERE state = 'held' \
         AND outlet IN ('slack', 'discord') AND subject_kind = $1 AND subject_id = $2 AND view = $3"
    );
    /// Ends the held effects of a view of a subject as failed.
    GIVE_UP_ABOUT = Text::both(
        "UPDATE effects SET state = 'failed', what_json = '\"' || kind || '\"', held_in = NULL, settled_at_ms = $4, \
         posted_json = '[]' WHERE state = 'held' AND outlet IN ('slack', 'discord') AND subject_kind = $1 AND subject_id = $2 \
         AND view = $3"
    );
    /// Reads the messages that an ended effect left on the platform.
    POSTED = Text::both("SELECT posted_json FROM effects WHERE id = $1");
    /// Takes over effects of dead workers, and marks them as unsure since `$4` (in the clock's time).
    TAKE_OVER = Text::both(
        "UPDATE effects SET state = 'pending', leased_at_ms = NULL, lease_until_ms = NULL, unsure = 1, unsure_at_ms = $4 \
         WHERE outlet = $1 AND state = 'leased' AND lease_until_ms <= $2 AND leased_by IS DISTINCT FROM $3 RETURNING id"
    );
    /// Finds a card that may stand in a channel although no message of it is known yet: it is being posted, or the
    /// outcome of an earlier try is unknown.
    CARD_UNDER_WAY = Text::both(
        "SELECT e.id FROM effects AS e WHERE e.id IN (\
         SELECT id FROM effects WHERE outlet = $1 AND state = 'leased' \
         UNION ALL SELECT id FROM effects WHERE outlet = $1 AND state = 'pending' AND unsure = 1) \
         AND e.view = 'card' AND e.order_key = 'card:' || e.subject_kind || ':' || e.subject_id || $2 \
         AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.subject_kind = e.subject_kind \
         AND s.subject_id = e.subject_id AND s.view = 'card' AND s.platform = $1 AND s.place_channel = $3) LIMIT 1"
    );
    /// Deletes effects that were settled long ago.
    TIDY_EFFECTS = Text::both("DELETE FROM effects WHERE id IN (SELECT id FROM effects WHERE settled_at_ms < $1 ORDER BY settled_at_ms LIMIT $2) RETURNING id");
}

/// Ends the leases that a former owner of the database file left; they then count as ended since `$1`. The former owner
/// is certainly dead, since this process holds the lock of the file.
pub const RECOVER: Text = Text::both("UPDATE effects SET lease_until_ms = $1 WHERE state = 'leased' RETURNING id");

impl dyn Store + '_ {
    /// Stores how a delivery ended, unless another worker holds the effect or has ended it. A retry is stored only
    /// while this worker holds the lease. An effect that is delivered or failed loses its text.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn settle(
        &self,
        effect: &EffectId,
        by: &WorkerId,
        end: Settlement,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        self.settle_at(Pace::AtOnce, effect, by, end, now).await
    }

    /// Like `settle`, but may wait some milliseconds to share a commit with others.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn settle_soon(
        &self,
        effect: &EffectId,
        by: &WorkerId,
        end: Settlement,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        self.settle_at(Pace::Shared, effect, by, end, now).await
    }

    async fn settle_at(
        &self,
        pace: Pace,
        effect: &EffectId,
        by: &WorkerId,
        end: Settlement,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        let mut all = vec![end_statement(effect, by, &end, now)?];
        match end {
            Settlement::Posted { stands, also, .. } => {
                for one in &stands {
                    all.push(stand(one)?);
                }
                all.extend(also);
            }
            Settlement::Removed(messages) => all.extend(messages.iter().map(unstand)),
            Settlement::Repost(message) => all.push(unstand(&message)),
            Settlement::Done | Settlement::Failed(_) | Settlement::Held { .. } | Settlement::Retry { .. } => {}
        }
        match self.write(all, Wake::Here, pace).await {
            Err(StoreError::Conflict) => Ok(Settled::Taken(self.posted(effect).await?)),
            done => done.map(|()| Settled::Kept),
        }
    }

    /// Stores the end of an effect that needs no delivery, if the effect still waits in the revision that was read.
    /// Returns whether the end was stored. If not, the effect was changed, leased or ended meanwhile, and must be
    /// looked at again.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn settle_unleased(
        &self,
        effect: &EffectId,
        revision: i64,
        by: &WorkerId,
        end: &Settlement,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let check = statement(CHECK_REVISION).bind(&effect.0).bind(revision).or_conflict();
        match self.write(vec![check, end_statement(effect, by, end, now)?], Wake::Here, Pace::AtOnce).await {
            Err(StoreError::Conflict) => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Returns the messages that another worker left on the platform for this effect. `None`: that worker has not ended
    /// the effect yet.
    async fn posted(&self, effect: &EffectId) -> Result<Option<Vec<MessageRef>>, StoreError> {
        let posted = |row: &Row| row.json_if("posted_json");
        let posted = self.reader().await?.one(statement(POSTED).bind(&effect.0), posted).await?;
        // The effect may have been deleted since; then it ended long ago.
        Ok(posted.unwrap_or_else(|| Some(Vec::new())))
    }

    /// Returns the places that refuse effects of `outlet`, and how many effects are held for each.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn held_in(&self, outlet: impl Into<Outlet>) -> Result<Vec<(String, u64)>, StoreError> {
        let held = |row: &Row| Ok((row.get("held_in")?, row.count("effects")?));
        self.reader().await?.all(statement(HELD_IN).bind(outlet.into().as_str()), held).await
    }

    /// Releases the held effects that `by` selects, those that were released longest ago first. Returns how many.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn release(&self, by: Release, now: Timestamp) -> Result<u64, StoreError> {
        let release = match by {
            Release::One(effect) => statement(RELEASE_ONE).bind(effect.0).bind(ms(now)),
            Release::Card(order_key) => statement(RELEASE_CARD).bind(order_key).bind(ms(now)),
            Release::In { outlet, held_in, limit } => {
                statement(RELEASE).bind(outlet.as_str()).bind(held_in).bind(ms(now)).bind(i64::from(limit))
            }
        };
        self.counted(release, Wake::Everywhere).await
    }

    /// Runs a statement that returns the rows it changed, and counts them. Wakes dispatchers only if there were any.
    async fn counted(&self, change: Statement, wake: Wake) -> Result<u64, StoreError> {
        self.within(move |tx| {
            let change = change.clone();
            Box::pin(async move {
                let changed = tx.rows(change).await?.len();
                if changed > 0 {
                    tx.wake(wake);
                }
                Ok(u64::try_from(changed).unwrap_or(u64::MAX))
            })
        })
        .await
    }

    /// Ends effects that have been held since before `then`, at most [`TIDIED_AT_ONCE`]. They lose their words.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn end_held(&self, then: Timestamp, now: Timestamp) -> Result<Vec<EndedHeld>, StoreError> {
        let read = |row: &Row| {
            Ok(EndedHeld {
                id: EffectId(row.get("id")?),
                outlet: row.named("outlet")?,
                kind: row.get("kind")?,
                error: row.get("last_error")?,
            })
        };
        self.within(move |tx| {
            Box::pin(async move {
                let query = statement(HELD_SINCE).bind(ms(then)).bind(i64::from(TIDIED_AT_ONCE));
                let ended = (tx as &mut dyn Ask).all(query, read).await?;
                for effect in &ended {
                    tx.write(statement(END_HELD).bind(&effect.id.0).bind(ms(now)))?;
                }
                Ok(ended)
            })
        })
        .await
    }

    /// Takes over the effects of other workers whose leases ended at least `call_timeout` and `pause` ago (real time):
    /// none of their calls can be under way any more. These effects wait again, and are looked for before they are
    /// repeated. Returns how many there were. `now` is the clock's time.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn take_over(
        &self,
        by: &WorkerId,
        outlet: impl Into<Outlet>,
        call_timeout: Duration,
        pause: Duration,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let margin_ms = super::span_ms(call_timeout + pause);
        // Every call ended `call_timeout` ago or earlier: a lease ends after its call, and a lease that `RECOVER` ended
        // counts as ended `pause` before its owner died. From that moment on counts the time in which the platform's
        // history may not show a message yet.
        let (by, unsure_at_ms) = (by.0.clone(), ms(now) - super::span_ms(call_timeout));
        let ended_ms = self.reader().await?.real_ms().await? - margin_ms;
        let take = statement(TAKE_OVER).bind(outlet.into().as_str()).bind(ended_ms).bind(by).bind(unsure_at_ms);
        self.counted(take, Wake::Here).await
    }
}

/// Writes, as part of a transaction, that a delivery has ended. It is a conflict if another worker holds the effect or
/// has ended it.
///
/// # Errors
/// If the database is away.
pub fn settle_in(
    tx: &mut dyn Tx,
    effect: &EffectId,
    by: &WorkerId,
    end: &Settlement,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.wake(Wake::Here);
    tx.write(end_statement(effect, by, end, now)?)
}

/// Releases the held effects of a view of a subject.
///
/// # Errors
/// If the database is away.
pub fn release_about(tx: &mut dyn Tx, about: &Subject, view: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.wake(Wake::Everywhere);
    tx.write(statement(RELEASE_ABOUT).bind_subject(about).bind(view).bind(ms(now)))
}

/// Ends the held effects of a view of a subject as failed for good.
///
/// # Errors
/// If the database is away.
pub fn give_up_about(tx: &mut dyn Tx, about: &Subject, view: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(GIVE_UP_ABOUT).bind_subject(about).bind(view).bind(ms(now)))
}

/// Returns the statement that ends an effect, holds it, or makes it wait again. The statement conflicts if another
/// worker holds the effect or has ended it. A retry also conflicts if nobody holds the effect.
fn end_statement(effect: &EffectId, by: &WorkerId, end: &Settlement, now: Timestamp) -> Result<Statement, StoreError> {
    let close = |state: &'static str, error: Option<String>, messages: &[MessageRef]| {
        Ok(statement(SETTLE)
            .bind(&effect.0)
            .bind(state)
            .bind(error)
            .bind(ms(now))
            .bind(&by.0)
            .bind(json(&messages)?)
            .or_conflict())
    };
    let retry = |at: Timestamp, unsure: bool, counts: bool, error: &str| {
        Ok(statement(RETRY)
            .bind(&effect.0)
            .bind(ms(at))
            .bind(i64::from(counts))
            .bind(i64::from(unsure))
            .bind(error)
            .bind(&by.0)
            .bind(ms(now))
            .or_conflict())
    };
    match end {
        Settlement::Done | Settlement::Removed(_) => close("done", None, &[]),
        Settlement::Posted { messages, .. } => close("done", None, messages),
        Settlement::Failed(why) => close("failed", Some(why.to_string()), &[]),
        Settlement::Retry { at, unsure, counts, error } => retry(*at, *unsure, *counts, error),
        Settlement::Repost(_) => retry(now, false, false, "the message to change is gone: it is posted anew"),
        Settlement::Held { held_in, error, unsure } => Ok(statement(HOLD)
            .bind(&effect.0)
            .bind(held_in)
            .bind(ms(now))
            .bind(error)
            .bind(&by.0)
            .bind(i64::from(*unsure))
            .or_conflict()),
    }
}

/// Whether a card is being posted into this channel, or may already stand there after a try with an unknown outcome,
/// while no message of it is on record.
///
/// # Errors
/// If the database is away.
pub async fn is_card_under_way(ask: &mut dyn Ask, channel: &Place) -> Result<bool, StoreError> {
    let (platform, name) = (channel.platform(), channel.channel());
    let query = statement(CARD_UNDER_WAY).bind(platform.as_str()).bind(format!(":{platform}:{name}")).bind(name);
    Ok(!ask.rows(query).await?.is_empty())
}

/// Deletes some of the effects that were settled before `then`. Returns whether there may be more.
pub(in crate::store) async fn tidy(tx: &mut dyn Tx, then: Timestamp) -> Result<bool, StoreError> {
    let forgotten = tx.rows(statement(TIDY_EFFECTS).bind(ms(then)).bind(i64::from(TIDIED_AT_ONCE))).await?;
    Ok(forgotten.len() >= TIDIED_AT_ONCE as usize)
}
