//! The outbox: effects that wait, are under delivery, are held, or have ended.
//!
//! A lease lasts for a span of real time. If several machines share the database, the database's clock counts.

mod due;
mod ends;
mod enqueue;
mod listed;

use jiff::Timestamp;

pub(super) use self::ends::tidy;
pub use self::ends::{RECOVER, STEPS, give_up_about, is_card_under_way, release_about, settle_in};
pub use self::enqueue::{enqueue, hold_back, take_back, waiting_about, withdraw_about, withdraw_for};
pub use self::listed::{Counts, CountsAbout, Listed, ListedEffect, counts_about, held_about};
use super::StoreError;
use super::row::Row;
use crate::domain::effect::{Effect, Gate, Lane, Outlet, Sent, Undeliverable};
use crate::domain::ids::{EffectId, MessageRef};
use crate::domain::standing::Standing;
use crate::store::statement::Statement;

/// One page of the effects that may be delivered now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// The readable effects, in order.
    pub ready: Vec<Queued>,
    /// The unreadable effects: written by another version, or damaged.
    pub unreadable: Vec<EffectId>,
    /// The last effect of the page, readable or not. The next page begins after it.
    pub last: Option<(Lane, EffectId)>,
    /// Whether there may be more pages.
    pub is_more: bool,
}

/// Which held effects to release, so that they wait for delivery again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    One(EffectId),
    /// The held card with this order key.
    Card(String),
    /// Effects that are held for a place, `limit` at most. Those that were released longest ago, or never, come first.
    In {
        outlet: Outlet,
        /// The place that refuses them.
        held_in: String,
        limit: u32,
    },
}

/// An effect that was ended because it had been held for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedHeld {
    pub id: EffectId,
    pub outlet: Outlet,
    pub kind: String,
    /// Why it was held.
    pub error: String,
}

/// An effect in the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    pub id: EffectId,
    pub effect: Effect,
    pub lane: Lane,
    pub gate: Gate,
    /// How often it was changed while it waited. It is leased only in the revision that was read.
    pub revision: i64,
    /// The number of failed tries. Waiting for a limit, or for a platform that takes nothing, does not count.
    pub attempts: u32,
    /// Hashes of what the earlier tries sent. Empty unless the outcome of a try is unknown.
    pub sent: Vec<Sent>,
    /// The moment by which the last try with an unknown outcome had ended. If set, the message of that try is looked
    /// for before the delivery is repeated.
    pub unsure_at: Option<Timestamp>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it was last released, if it was ever held. In that case the person who waits for it was told that it is
    /// held.
    pub released_at: Option<Timestamp>,
}

impl Queued {
    /// Whether the outcome of an earlier try is unknown.
    #[must_use]
    pub const fn is_unsure(&self) -> bool {
        self.unsure_at.is_some()
    }

    /// Whether it was ever held.
    #[must_use]
    pub const fn was_held(&self) -> bool {
        self.released_at.is_some()
    }
}

/// A worker's claim to lease an effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub effect: EffectId,
    /// The revision that was read. An effect that has changed since is not leased.
    pub revision: i64,
    /// The keys of the limits that the delivery counts against. A process that takes over after a crash reads them.
    pub costs: Vec<String>,
    /// Hashes of what the tries of the effect have sent, this try included.
    pub sent: Vec<Sent>,
}

/// Whether the end of a delivery was stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// The end was stored.
    Kept,
    /// The end was not stored: the lease had ended, and another worker took the effect over. If that worker has ended
    /// it, these are the messages that it left on the platform; `None` while it is still at work.
    Taken(Option<Vec<MessageRef>>),
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// Delivered, or nothing was left to deliver. There is no new message to record.
    Done,
    /// Delivered as new messages.
    Posted {
        /// All messages of the delivery.
        messages: Vec<MessageRef>,
        /// The standing messages to record, for messages that have to be found again later.
        stands: Vec<Standing>,
        /// Further statements to write because the messages now stand.
        also: Vec<Statement>,
    },
    /// Failed: it can never be delivered.
    Failed(Undeliverable),
    /// Held until an operator has fixed the cause.
    Held {
        /// The place that refuses it.
        held_in: String,
        /// Why, for operators; no texts, no secrets.
        error: String,
        /// Whether the last try may have been carried out.
        unsure: bool,
    },
    /// To be tried again.
    Retry {
        /// The earliest moment of the next try.
        at: Timestamp,
        /// Whether this try may have been carried out.
        unsure: bool,
        /// Whether this counts as a try (waiting for a limit does not).
        counts: bool,
        /// What went wrong, for operators; no texts, no secrets.
        error: String,
    },
    /// The message that the effect was to change is gone. Its standing message is deleted, and the effect is posted
    /// anew, by a separate try.
    Repost(MessageRef),
    /// Delivered. These messages of the bot are gone, or do not change any more. Their standing messages are deleted.
    Removed(Vec<MessageRef>),
}

fn queued(row: &Row) -> Result<Queued, StoreError> {
    Ok(Queued {
        id: EffectId(row.get("id")?),
        effect: intent(row)?,
        lane: lane_of(row.get("lane")?)?,
        gate: Gate(row.get("gate")?),
        revision: row.get("revision")?,
        attempts: row.count("attempts")?,
        sent: row.json_if("sent_json")?.unwrap_or_default(),
        unsure_at: row.moment_if("unsure_at_ms")?,
        created_at: row.moment("created_at_ms")?,
        released_at: row.moment_if("released_at_ms")?,
    })
}

fn intent(row: &Row) -> Result<Effect, StoreError> {
    Ok(Effect {
        about: row.subject()?,
        not_before: row.moment_if("not_before_ms")?,
        was_requeued: row.flag("put_behind")?,
        what: row.json("what_json")?,
    })
}

fn lane_of(number: i64) -> Result<Lane, StoreError> {
    [Lane::Answer, Lane::Act, Lane::Card, Lane::Note, Lane::Broadcast]
        .into_iter()
        .find(|lane| *lane as i64 == number)
        .ok_or_else(|| StoreError::Corrupt(format!("{number} is no lane")))
}

fn span_ms(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

/// Returns every SQL text of the outbox.
#[cfg(test)]
pub(super) fn texts() -> Vec<(&'static str, super::Text)> {
    [due::TEXTS, ends::TEXTS, enqueue::TEXTS, listed::TEXTS].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{STEPS, due, ends, enqueue};
    use crate::domain::machine::{END, START};

    /// The states that a part of a statement names.
    fn named(part: &str) -> BTreeSet<&str> {
        ["pending", "leased", "held", "done", "failed"]
            .into_iter()
            .filter(|state| part.contains(&format!("'{state}'")))
            .collect()
    }

    #[test]
    fn the_table_of_steps_is_what_the_statements_do() {
        let mut seen = BTreeSet::new();
        let texts = [due::TEXTS, ends::TEXTS, enqueue::TEXTS].concat();
        for (_, text) in texts {
            let Some((_, set)) = text.sqlite.split_once("UPDATE effects SET state = ") else { continue };
            let (to, from) = set.split_once(" WHERE ").expect("of some effects");
            let to = to.split(',').next().unwrap_or_default();
            // `SETTLE` takes the new state from a value.
            let to = if to == "v.state" { BTreeSet::from(["done", "failed"]) } else { named(to) };
            seen.extend(named(from).into_iter().flat_map(|from| to.iter().map(move |to| (from, *to))));
        }
        let steps = STEPS.iter().filter(|step| step.from != START && step.to != END);
        assert_eq!(seen, steps.map(|step| (step.from, step.to)).collect());
    }
}
