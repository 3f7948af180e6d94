//! The outbox: effects that wait, are being delivered, are held, or have ended.
//!
//! Leases count in real time, by the database's clock where several machines share it.

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

/// Effects that may be delivered now, as far as was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// Those that can be read, in order.
    pub ready: Vec<Queued>,
    /// Those that cannot: another version's, or damaged.
    pub unreadable: Vec<EffectId>,
    /// The last of them in order.
    pub last: Option<(Lane, EffectId)>,
    /// Whether there may be more.
    pub is_more: bool,
}

/// Effects that are held and are to wait again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// This one.
    One(EffectId),
    /// The card that stands in this order.
    Card(String),
    /// The first so many that this refuses.
    In {
        /// Of which outlet.
        outlet: Outlet,
        /// What refuses them.
        held_in: String,
        /// How many at most.
        limit: u32,
    },
}

/// An effect that was held for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedHeld {
    /// Its id.
    pub id: EffectId,
    /// Of which outlet.
    pub outlet: Outlet,
    /// What it was to do.
    pub kind: String,
    /// Why it was held.
    pub error: String,
}

/// An effect in the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    /// Its id.
    pub id: EffectId,
    /// What to do.
    pub effect: Effect,
    /// How urgent.
    pub lane: Lane,
    /// Which others mostly wait for the same limit.
    pub gate: Gate,
    /// How often it was changed while it waited: it is leased as it was read.
    pub revision: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What was sent by tries that may have been carried out without our knowing.
    pub sent: Vec<Sent>,
    /// When a try ended (or, if nobody knows, when that was found out) that may have been carried out without our knowing,
    /// if there was one: look before repeating.
    pub unsure_at: Option<Timestamp>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it was last let go, if it ever was held: whoever waits for it was told of that.
    pub released_at: Option<Timestamp>,
}

impl Queued {
    /// Whether an earlier try may have been carried out without our knowing.
    #[must_use]
    pub const fn is_unsure(&self) -> bool {
        self.unsure_at.is_some()
    }

    /// Whether it was held once.
    #[must_use]
    pub const fn was_held(&self) -> bool {
        self.released_at.is_some()
    }
}

/// An effect that somebody wants to deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Which.
    pub effect: EffectId,
    /// As it was read: if it was changed since, it is not leased.
    pub revision: i64,
    /// The limits that it counts against, for whoever goes on after a crash.
    pub costs: Vec<String>,
    /// What has been sent for it, this try included.
    pub sent: Vec<Sent>,
}

/// Whether the end of a delivery was stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// It was.
    Kept,
    /// It was not: the lease had ended, and somebody else took the effect over. If they have ended it, these are the
    /// messages that they left on the platform; `None` while they are at it.
    Taken(Option<Vec<MessageRef>>),
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// It was delivered; nothing new stands there.
    Done,
    /// It was delivered as these messages, of which these stand for its subject.
    Posted {
        /// Every message of it.
        messages: Vec<MessageRef>,
        /// Those that are to be found again.
        stands: Vec<Standing>,
        /// What else is written since they stand.
        also: Vec<Statement>,
    },
    /// It can never be delivered.
    Failed(Undeliverable),
    /// It is kept until an operator has mended what refuses it.
    Held {
        /// What refuses it.
        by: String,
        /// Why, for operators; no texts, no secrets.
        error: String,
        /// Whether the last try may have been carried out.
        unsure: bool,
    },
    /// It is to be tried again.
    Retry {
        /// Not before.
        at: Timestamp,
        /// Whether this try may have been carried out.
        unsure: bool,
        /// Whether it counts as a try (waiting for a limit does not).
        counts: bool,
        /// What went wrong, for operators; no texts, no secrets.
        error: String,
    },
    /// What it was to change is gone, and stands no more: it is posted anew, as a try of its own.
    Anew(MessageRef),
    /// It was delivered, and these messages of the bot stand no more, or will not change any more.
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
        put_behind: row.flag("put_behind")?,
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

/// Every text of the outbox.
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
            // How a delivery ended comes as a value.
            let to = if to == "v.state" { BTreeSet::from(["done", "failed"]) } else { named(to) };
            seen.extend(named(from).into_iter().flat_map(|from| to.iter().map(move |to| (from, *to))));
        }
        let steps = STEPS.iter().filter(|step| step.from != START && step.to != END);
        assert_eq!(seen, steps.map(|step| (step.from, step.to)).collect());
    }
}
