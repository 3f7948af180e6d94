//! Putting effects into the outbox, and taking them out again before delivery.
//!
//! `state IN ('pending', 'leased') AND state = 'pending'` means the same as its second half. The first half is the
//! condition of the index `effects_in_order`, which the database would not use otherwise.

use jiff::Timestamp;

use super::intent;
use crate::domain::effect::{Effect, EffectKind, Prior};
use crate::domain::ids::{EffectId, PersonRef};
use crate::domain::subject::Subject;
use crate::domain::view::View;
use crate::store::StoreError;
use crate::store::port::{Ask, Tx, Wake};
use crate::store::row::{Row, json, ms};
use crate::store::statement::{Statement, Text, statement, texts};

/// Inserts an effect under this id.
macro_rules! enqueue {
    ($id:literal) => {
        concat!(
            "INSERT INTO effects (id, subject_kind, subject_id, outlet, lane, order_key, kind, view, what_json, state, \
             not_before_ms, put_behind, due_at_ms, created_at_ms, gate) VALUES (",
            $id,
            ", $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10, $11, $12, $13, $14)"
        )
    };
}

/// Inserts an effect that shows a view, unless an effect that shows the same already waits or is held. An effect with
/// an unknown outcome does not count: if its message is found on the platform, that message shows an older state.
macro_rules! enqueue_view {
    ($id:literal, $locked:literal) => {
        concat!(
            "INSERT INTO effects (id, subject_kind, subject_id, outlet, lane, order_key, kind, view, what_json, state, \
             not_before_ms, put_behind, due_at_ms, created_at_ms, gate) SELECT ",
            $id,
            ", $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10, $11, $12, $13, $14 WHERE NOT EXISTS (SELECT 1 FROM effects \
             WHERE order_key = $6 AND view = $8 AND subject_kind = $2 AND subject_id = $3 AND kind IN ('show', $7) \
             AND state IN ('pending', 'leased') AND state = 'pending' AND unsure = 0",
            $locked,
            ") AND NOT EXISTS (SELECT 1 FROM effects WHERE order_key = $6 AND view = $8 AND subject_kind = $2 \
             AND subject_id = $3 AND kind IN ('show', $7) AND state = 'held' AND unsure = 0",
            $locked,
            ")"
        )
    };
}

/// Selects the last effect of an order key that has not ended.
macro_rules! last_in_order {
    ($locked:literal) => {
        concat!(
            "SELECT id, what_json, state, tried_at_ms, put_behind FROM effects WHERE order_key = $1 \
             AND state IN ('pending', 'leased') ORDER BY id DESC LIMIT 1",
            $locked
        )
    };
}

/// Selects the waiting effects of an order key, from one effect on.
macro_rules! waiting_from {
    ($locked:literal) => {
        concat!(
            "SELECT id, subject_kind, subject_id, what_json, not_before_ms, put_behind FROM effects \
             WHERE order_key = (SELECT order_key FROM effects WHERE id = $1) AND id >= $1 \
             AND state IN ('pending', 'leased') AND state = 'pending' ORDER BY id",
            $locked
        )
    };
}

texts! {
    /// Inserts an effect. On PostgreSQL its id comes from a sequence of the database, so it grows whatever clocks say.
    ENQUEUE = Text::each(enqueue!("$1"), enqueue!("lpad(nextval('effect_ids')::text, 16, '0') || $1"));
    /// Inserts an effect that shows a view, unless a waiting or held one does so.
    ENQUEUE_VIEW = Text::each(
        enqueue_view!("$1", ""), enqueue_view!("lpad(nextval('effect_ids')::text, 16, '0') || $1", " FOR UPDATE")
    );
    /// Selects the last effect of an order key that has not ended. While it is locked, no process leases it.
    LAST_IN_ORDER = Text::each(last_in_order!(""), last_in_order!(" FOR UPDATE"));
    /// Selects the waiting effects of an order key, from one effect on. While they are locked, no process leases or
    /// changes them.
    WAITING_FROM = Text::each(waiting_from!(""), waiting_from!(" FOR UPDATE"));
    /// Marks an older waiting effect of a view as changed. It is then shown no later than the new effect would be,
    /// unless a failed try delays it.
    MARK_CHANGED = Text::both(
        "UPDATE effects SET revision = revision + 1, \
         not_before_ms = CASE WHEN due_at_ms = not_before_ms AND due_at_ms > $6 THEN $6 ELSE not_before_ms END, \
         due_at_ms = CASE WHEN due_at_ms = not_before_ms AND due_at_ms > $6 THEN $6 ELSE due_at_ms END \
         WHERE order_key = $1 AND view = $2 AND subject_kind = $3 AND subject_id = $4 AND kind IN ('show', $5) \
         AND state IN ('pending', 'leased') AND state = 'pending' AND unsure = 0 AND id NOT LIKE '%' || $7"
    );
    /// Postpones the first post of a view, unless a try was made.
    POSTPONE = Text::both(
        "UPDATE effects SET revision = revision + 1, not_before_ms = $4, due_at_ms = $4 WHERE subject_kind = $1 AND subject_id = $2 \
         AND view = $3 AND kind = 'show' AND order_key > '' AND state IN ('pending', 'leased') AND state = 'pending' AND attempts = 0 \
         AND tried_at_ms IS NULL AND unsure = 0 AND due_at_ms < $4"
    );
    /// Changes the content of a waiting or held effect, if its content is still the one that was read.
    REWORD = Text::both("UPDATE effects SET what_json = $3, revision = revision + 1 WHERE id = $1 AND state IN ('pending', 'held') AND what_json = $2");
    /// Withdraws a waiting or held effect, if its content is still the one that was read.
    WITHDRAW = Text::both(
        "UPDATE effects SET state = 'done', what_json = '\"' || kind || '\"', last_error = 'withdrawn', held_in = NULL, \
         settled_at_ms = $3, posted_json = '[]' WHERE id = $1 AND state IN ('pending', 'held') AND what_json = $2"
    );
    /// Selects the unsettled effects about a subject.
    UNSETTLED_ABOUT = Text::both(
        "SELECT id, what_json, state, unsure FROM effects \
         WHERE state IN ('pending', 'leased') AND order_key > '' AND subject_kind = $1 AND subject_id = $2 \
         UNION ALL SELECT id, what_json, state, unsure FROM effects \
         WHERE state = 'held' AND order_key > '' AND subject_kind = $1 AND subject_id = $2"
    );
    /// Selects the unsettled effects that go to one person.
    WAITING_FOR = Text::both(
        "SELECT id, what_json, state, unsure FROM effects WHERE state IN ('pending', 'leased') AND order_key = $1 \
         UNION ALL SELECT id, what_json, state, unsure FROM effects WHERE state = 'held' AND order_key = $1"
    );
}

/// Puts an effect into the outbox, unless a waiting one covers it. A view is shown once, in its newest state, no later
/// than this effect would be. Lines, and spreads, are joined to the last waiting effect of the same order key, if that
/// one is untried and fits.
///
/// # Errors
/// If the database is away.
pub async fn enqueue(tx: &mut dyn Tx, effect: &Effect, prior: Prior, now: Timestamp) -> Result<(), StoreError> {
    tx.wake(Wake::Everywhere);
    if let Some(joined) = join(tx, effect).await? {
        return tx.write(joined);
    }
    let (order_key, kind, view) = (effect.order_key(), effect.what.name(), effect.what.view().map(View::name));
    let due = effect.not_before.map_or(now, |moment| moment.max(now));
    let may_wait = effect.what.is_replaceable() && prior != Prior::NewSubject;
    let id = tx.effect_id();
    let mark_changed = statement(MARK_CHANGED)
        .bind(&order_key)
        .bind(view)
        .bind_subject(&effect.about)
        .bind(kind)
        .bind(ms(due))
        .bind(&id.0);
    let insert = statement(if may_wait { ENQUEUE_VIEW } else { ENQUEUE })
        .bind(id.0)
        .bind_subject(&effect.about)
        .bind(effect.what.outlet().as_str())
        .bind(effect.lane() as i64)
        .bind(order_key)
        .bind(kind)
        .bind(view)
        .bind(json(&effect.what)?)
        .bind(effect.not_before.map(ms))
        .bind(i64::from(effect.was_requeued))
        .bind(ms(due))
        .bind(ms(now))
        .bind(effect.gate(prior).0);
    tx.write(insert)?;
    // This statement must come after the insert. On PostgreSQL the insert locks the waiting effect that it finds, so no
    // process leases or postpones that effect before it is marked as changed.
    if may_wait { tx.write(mark_changed) } else { Ok(()) }
}

/// Postpones the first post of a view of a subject until `until`, unless a try was made.
///
/// # Errors
/// If the database is away.
pub fn hold_back(tx: &mut dyn Tx, about: &Subject, view: &View, until: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(POSTPONE).bind_subject(about).bind(view.name()).bind(ms(until)))
}

/// Returns the statement that joins this effect to the last one waiting under its order key, if that one is untried.
/// The waiting effect is then locked, so that no process sends it without this one.
async fn join(tx: &mut dyn Tx, effect: &Effect) -> Result<Option<Statement>, StoreError> {
    if !effect.what.is_joinable() || effect.was_requeued {
        return Ok(None);
    }
    let waiting = tx.rows(statement(LAST_IN_ORDER).bind(effect.order_key())).await?;
    let Some(row) = waiting.first() else { return Ok(None) };
    let is_tried = row.get::<Option<i64>>("tried_at_ms")?.is_some();
    if is_tried || row.flag("put_behind")? || row.get::<&str>("state")? != "pending" {
        return Ok(None);
    }
    let what_json: String = row.get("what_json")?;
    // An unreadable effect is left alone.
    let waiting = serde_json::from_str::<EffectKind>(&what_json).ok();
    let Some(joined) = waiting.and_then(|waiting| waiting.joined_with(&effect.what)) else { return Ok(None) };
    reword(&EffectId(row.get("id")?), what_json, &joined).map(Some)
}

/// Takes a waiting effect out of the outbox, with the effects that wait behind it under its order key, and returns them
/// in order. Returns nothing if the effect is being delivered or has ended.
///
/// # Errors
/// If the database is away.
pub async fn take_back(tx: &mut dyn Tx, effect: &EffectId, now: Timestamp) -> Result<Vec<Effect>, StoreError> {
    let waiting = tx.rows(statement(WAITING_FROM).bind(&effect.0)).await?;
    if waiting.first().map(|row| row.get::<&str>("id")).transpose()? != Some(&effect.0) {
        return Ok(Vec::new());
    }
    let mut taken = Vec::new();
    for row in &waiting {
        // An unreadable effect stays, and so do the effects behind it.
        let Ok(effect) = intent(row) else { break };
        tx.write(withdraw(&EffectId(row.get("id")?), row.get("what_json")?, now))?;
        taken.push(effect);
    }
    tx.wake(Wake::Everywhere);
    Ok(taken)
}

/// Withdraws the waiting and held effects about a subject that `goes` selects, and returns how many. Each other effect
/// that shows a view gets a new revision, so that the view is rendered anew. It is a conflict if one of all these
/// effects is being delivered, may have posted its message, or has changed since it was read.
///
/// # Errors
/// If the database is away.
pub async fn withdraw_about(
    tx: &mut dyn Tx,
    about: &Subject,
    goes: impl Fn(&EffectKind) -> bool,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let waiting = tx.rows(statement(UNSETTLED_ABOUT).bind_subject(about)).await?;
    withdraw_these(tx, waiting, goes, now)
}

/// Withdraws the waiting and held effects that go to one account alone, and returns how many. Conflicts as in
/// [`withdraw_about`].
///
/// # Errors
/// If the database is away.
pub async fn withdraw_for(tx: &mut dyn Tx, account: &PersonRef, now: Timestamp) -> Result<u64, StoreError> {
    let waiting = tx.rows(statement(WAITING_FOR).bind(format!("to:{account}"))).await?;
    withdraw_these(tx, waiting, |_| true, now)
}

/// Returns the content of the unsettled effects about a subject.
///
/// # Errors
/// If the database is away.
pub async fn waiting_about(ask: &mut dyn Ask, about: &Subject) -> Result<Vec<EffectKind>, StoreError> {
    let waiting = ask.rows(statement(UNSETTLED_ABOUT).bind_subject(about)).await?;
    // Unreadable effects are left to a version that can read them.
    let what = |row: &Row| Ok(serde_json::from_str(row.get("what_json")?).ok());
    waiting.iter().filter_map(|row| what(row).transpose()).collect()
}

fn withdraw_these(
    tx: &mut dyn Tx,
    waiting: Vec<Row>,
    goes: impl Fn(&EffectKind) -> bool,
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.wake(Wake::Everywhere);
    let mut withdrawn = 0;
    for row in waiting {
        // A held effect is withdrawn even if the outcome of a try is unknown. It may be held for weeks, and nobody can
        // look for its message in a place that refuses.
        let state: &str = row.get("state")?;
        let may_stand = state == "leased" || (state == "pending" && row.flag("unsure")?);
        let what_json: String = row.get("what_json")?;
        // This version cannot read the effect, so it does not send it either.
        let Ok(what) = serde_json::from_str::<EffectKind>(&what_json) else { continue };
        let goes = goes(&what);
        if !goes && !matches!(what, EffectKind::Show { .. }) {
            continue;
        }
        if may_stand {
            return Err(StoreError::Conflict);
        }
        let effect = EffectId(row.get("id")?);
        if goes {
            tx.write(withdraw(&effect, what_json, now))?;
            withdrawn += 1;
        } else {
            // The view may already be rendered; the new revision keeps that content from being sent.
            tx.write(statement(REWORD).bind(&effect.0).bind(&what_json).bind(&what_json).or_conflict())?;
        }
    }
    Ok(withdrawn)
}

/// Returns the statement that changes a waiting or held effect; a conflict if it has changed since it was read.
fn reword(effect: &EffectId, was_json: String, what: &EffectKind) -> Result<Statement, StoreError> {
    Ok(statement(REWORD).bind(&effect.0).bind(was_json).bind(json(what)?).or_conflict())
}

/// Returns the statement that withdraws a waiting or held effect; a conflict if it has changed since it was read.
fn withdraw(effect: &EffectId, was_json: String, now: Timestamp) -> Statement {
    statement(WITHDRAW).bind(&effect.0).bind(was_json).bind(ms(now)).or_conflict()
}
