//! The port to the database: what the core may ask of it, and nothing of SQL.
//!
//! One event is one call of [`Store::transact`]: the work loads facts and writes a decision through [`Tx`], inside one
//! transaction. A store may run several works in one transaction (each in a savepoint) and may run a work again from the
//! start if a commit fails, so a work must have no effect but through its [`Tx`].

#[expect(clippy::duplicate_mod, reason = "what both share is compiled with the types of each")]
pub mod postgres;
mod sql;
pub mod sqlite;
mod statement;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::domain::decision::{Change, Outcome};
use crate::domain::effect::{Effect, EffectKind, Gate, Lane, Undeliverable};
use crate::domain::erasure::Erasure;
use crate::domain::event::{DedupeKey, TimerKind};
use crate::domain::ids::{EffectId, MessageRef, PersonRef, Place, PlatformName, Tenant, TicketId, TicketKey};
use crate::domain::record::{AuditEntry, FieldChange, Opening, Record, Side, Standing};
use crate::domain::ticket::Ticket;

/// How long after the end of a lease, and of the last call that may have been made under it, somebody else takes over:
/// clocks of machines, and networks, are not exact. Real time.
pub const TAKE_OVER_PAUSE: Duration = Duration::from_secs(5);
/// How many keys, openings and effects are forgotten in one transaction.
pub const TIDIED_AT_ONCE: u32 = 1_000;

/// What is done inside one transaction. It may be run again from the start.
pub type Work = Arc<dyn for<'t> Fn(&'t mut dyn Tx) -> BoxFuture<'t, Result<Outcome, StoreError>> + Send + Sync>;

/// What a work is about, as far as that is known before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Nobody else decides about any of these names until the commit.
    pub names: Vec<String>,
    /// What it will read first, so that it can be read together with what others will.
    pub reads: Vec<Read>,
}

/// Something that a work will read: the question of [`Tx`] with the same arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// [`Tx::knows`].
    Known(DedupeKey),
    /// [`Tx::ticket_at`].
    TicketAt(Place),
    /// [`Tx::burst`].
    Burst {
        /// Whose.
        by: Vec<PersonRef>,
        /// Where.
        channel: Place,
        /// After this moment.
        since: Timestamp,
        /// Up to this moment.
        until: Timestamp,
    },
}

/// Under this name it is remembered that the database is a copy; empty: it is none.
pub const COPY: &str = "copy";

/// The record of the desk.
#[async_trait]
pub trait Store: Send + Sync {
    /// Runs `work` in a transaction and commits it. When this returns `Ok`, everything that it wrote is on the disk.
    ///
    /// # Errors
    /// If the work failed (nothing of it is kept) or the database is away.
    async fn decide(&self, about: About, work: Work) -> Result<Outcome, StoreError>;

    /// The same for a work that nobody else's can cross.
    ///
    /// # Errors
    /// As [`Store::decide`].
    async fn transact(&self, work: Work) -> Result<Outcome, StoreError> {
        self.decide(About::default(), work).await
    }

    /// Effects of `platform` that may be delivered now, most urgent first, at most one for each order key (the oldest
    /// that is not settled), none that is leased, none whose order key has an older one waiting for a later moment, none of
    /// the gates `beside`. With `after`, those that come behind that one.
    ///
    /// # Errors
    /// If the database is away.
    async fn due(
        &self,
        platform: PlatformName,
        now: Timestamp,
        after: Option<(Lane, EffectId)>,
        beside: &[Gate],
        limit: u32,
    ) -> Result<Due, StoreError>;

    /// When the next waiting effect of `platform` becomes due, if any waits for a later moment than `now`.
    ///
    /// # Errors
    /// If the database is away.
    async fn next_due(&self, platform: PlatformName, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// These effects, if they wait still, wait for other limits than it seemed.
    ///
    /// # Errors
    /// If the database is away.
    async fn regate(&self, gates: &[(EffectId, Gate)]) -> Result<(), StoreError>;

    /// What refuses effects of `platform` that are held, and how many each does.
    ///
    /// # Errors
    /// If the database is away.
    async fn held_in(&self, platform: PlatformName) -> Result<Vec<(String, u64)>, StoreError>;

    /// Effects that are held wait again: those that `by` names, oldest first. How many there were.
    ///
    /// # Errors
    /// If the database is away.
    async fn release(&self, by: Release, now: Timestamp) -> Result<u64, StoreError>;

    /// Ends effects that have been held since before `then`, at most [`TIDIED_AT_ONCE`]; they lose their words.
    ///
    /// # Errors
    /// If the database is away.
    async fn end_held(&self, then: Timestamp, now: Timestamp) -> Result<Vec<EndedHeld>, StoreError>;

    /// What was kept in mind by this name.
    ///
    /// # Errors
    /// If the database is away.
    async fn remembered(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Keeps something in mind for the next start.
    ///
    /// # Errors
    /// If the database is away.
    async fn keep_in_mind(&self, name: &str, value: &str) -> Result<(), StoreError>;

    /// Where the database lies, if that can be told: it changes when it was put back from a copy.
    ///
    /// # Errors
    /// If the database is away.
    async fn lies_in(&self) -> Result<Option<String>, StoreError>;

    /// Tickets above `above` that are not over and have no card in this channel, oldest first.
    ///
    /// # Errors
    /// If the database is away.
    async fn without_card(&self, channel: &Place, above: TicketId, limit: u32) -> Result<Vec<TicketId>, StoreError>;

    /// Leases effects for this real time, in one transaction; those that are this worker's now (the others were taken by
    /// somebody else, or have ended).
    ///
    /// # Errors
    /// If the database is away.
    async fn lease(&self, by: &WorkerId, claims: &[Claim], lasting: Duration) -> Result<Vec<EffectId>, StoreError>;

    /// What effects are to do as it is now, if they have not ended: lines may be joined to a mirror's until it is leased.
    ///
    /// # Errors
    /// If the database is away, or one of them cannot be read.
    async fn current(&self, effects: &[EffectId]) -> Result<Vec<Current>, StoreError>;

    /// Stores how a delivery ended, if it is still this worker's to say; what is delivered or failed loses its texts.
    ///
    /// # Errors
    /// If the database is away.
    async fn settle(
        &self,
        effect: &EffectId,
        by: &WorkerId,
        end: Settlement,
        now: Timestamp,
    ) -> Result<Settled, StoreError>;

    /// Other processes' leases that ended `margin` ago (real time), or whose owner is known to be dead for that long: they
    /// wait again, and are looked for before they are repeated. How many there were. `now` is the clock's time.
    ///
    /// # Errors
    /// If the database is away.
    async fn take_over(
        &self,
        by: &WorkerId,
        platform: PlatformName,
        margin: Duration,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// What was tried within the last `since` (real time): the limits that it counted against, and how long ago.
    ///
    /// # Errors
    /// If the database is away.
    async fn spent(&self, platform: PlatformName, since: Duration) -> Result<Vec<(Vec<String>, Duration)>, StoreError>;

    /// Effects in a state, newest first.
    ///
    /// # Errors
    /// If the database is away.
    async fn listed(
        &self,
        which: Listed,
        before: Option<EffectId>,
        limit: u32,
    ) -> Result<Vec<ListedEffect>, StoreError>;

    /// Takes, or renews, what one process at a time may have, for this real time; whether it is this worker's now.
    ///
    /// # Errors
    /// If the database is away.
    async fn hold(&self, name: &str, by: &WorkerId, lasting: Duration) -> Result<bool, StoreError>;

    /// Gives that back.
    ///
    /// # Errors
    /// If the database is away.
    async fn let_go(&self, name: &str, by: &WorkerId) -> Result<(), StoreError>;

    /// How far the conversations of a tenant have been read.
    ///
    /// # Errors
    /// If the database is away.
    async fn positions(&self, tenant: &Tenant) -> Result<Vec<Position>, StoreError>;

    /// Moves positions on, never back.
    ///
    /// # Errors
    /// If the database is away.
    async fn advance(&self, positions: &[Position]) -> Result<(), StoreError>;

    /// The conversations (direct ones, threads of requests and of cards) of tickets that are not closed or were active
    /// after `since`, last active first.
    ///
    /// # Errors
    /// If the database is away.
    async fn live(&self, tenant: &Tenant, since: Timestamp) -> Result<Vec<Place>, StoreError>;

    /// What is on record of a channel (on Discord a thread is one) from this message on, newest first, at most `limit`.
    ///
    /// # Errors
    /// If the database is away.
    async fn said_in(&self, tenant: &Tenant, channel: &str, from: &str, limit: u32) -> Result<Vec<Record>, StoreError>;

    /// The messages of the bot that stand for a ticket.
    ///
    /// # Errors
    /// If the database is away.
    async fn standing(&self, ticket: TicketId) -> Result<Vec<Standing>, StoreError>;

    /// The cards that stand for these tickets.
    ///
    /// # Errors
    /// If the database is away.
    async fn cards(&self, tickets: &[TicketId]) -> Result<Vec<Standing>, StoreError>;

    /// These tickets, as far as they are there, in any order.
    ///
    /// # Errors
    /// If the database is away.
    async fn these(&self, tickets: &[TicketId]) -> Result<Vec<Ticket>, StoreError>;

    /// The messages of the bot that show the words of this message.
    ///
    /// # Errors
    /// If the database is away.
    async fn mirrors(&self, of: &MessageRef) -> Result<Vec<Standing>, StoreError>;

    /// What is on record of a message.
    ///
    /// # Errors
    /// If the database is away.
    async fn record(&self, message: &MessageRef) -> Result<Option<Record>, StoreError>;

    /// A ticket by its number.
    ///
    /// # Errors
    /// If the database is away.
    async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>, StoreError>;

    /// A ticket by its key.
    ///
    /// # Errors
    /// If the database is away.
    async fn ticket_by_key(&self, key: &TicketKey) -> Result<Option<Ticket>, StoreError>;

    /// Tickets, newest first, from below `before` (if given), at most `limit`.
    ///
    /// # Errors
    /// If the database is away.
    async fn tickets(&self, before: Option<TicketId>, limit: u32) -> Result<Vec<Ticket>, StoreError>;

    /// Everything said on a ticket, oldest first.
    ///
    /// # Errors
    /// If the database is away.
    async fn records(&self, ticket: TicketId) -> Result<Vec<Record>, StoreError>;

    /// Everything done on a ticket, oldest first.
    ///
    /// # Errors
    /// If the database is away.
    async fn audit(&self, ticket: TicketId) -> Result<Vec<AuditEntry>, StoreError>;

    /// Timers that are due, oldest first.
    ///
    /// # Errors
    /// If the database is away.
    async fn due_timers(&self, now: Timestamp, limit: u32)
    -> Result<Vec<(TicketId, TimerKind, Timestamp)>, StoreError>;

    /// Stores an event whose handling failed by a fault of ours, whole (as JSON), with what went wrong.
    ///
    /// # Errors
    /// If the database is away.
    async fn bury(&self, key: &DedupeKey, event_json: &str, fault: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Events that could not be handled, oldest first.
    ///
    /// # Errors
    /// If the database is away.
    async fn dead_events(&self, limit: u32) -> Result<Vec<DeadEvent>, StoreError>;

    /// Forgets a dead event: it has been handled after all, or never will be.
    ///
    /// # Errors
    /// If the database is away.
    async fn exhume(&self, key: &DedupeKey) -> Result<(), StoreError>;

    /// Tickets above `above` and up to `up_to`, oldest first, on which this account may have left something: its person's
    /// words or name.
    ///
    /// # Errors
    /// If the database is away.
    async fn concerned(
        &self,
        account: &PersonRef,
        above: TicketId,
        up_to: TicketId,
    ) -> Result<Vec<TicketId>, StoreError>;

    /// Tickets above `above` and up to `up_to`, oldest first, that were closed or cancelled, and have been quiet since
    /// before `then`, and whose words have not gone for that.
    ///
    /// # Errors
    /// If the database is away.
    async fn expired(&self, then: Timestamp, above: TicketId, up_to: TicketId) -> Result<Vec<TicketId>, StoreError>;

    /// Overwrites what was deleted wherever the database still keeps it; whether all of it is gone.
    ///
    /// # Errors
    /// If the database is away.
    async fn scrub(&self) -> Result<bool, StoreError>;

    /// Forgets dedupe keys, openings and settled effects from before `then`, at most [`TIDIED_AT_ONCE`] of each, so that
    /// nobody waits long for it; whether there may be more.
    ///
    /// # Errors
    /// If the database is away.
    async fn tidy(&self, then: Timestamp) -> Result<bool, StoreError>;

    /// How many tickets there are. Takes its time with many.
    ///
    /// # Errors
    /// If the database is away.
    async fn total(&self) -> Result<u64, StoreError>;

    /// Numbers for operators, cheap enough to be asked every few seconds.
    ///
    /// # Errors
    /// If the database is away.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Answers if the database can be written to.
    ///
    /// # Errors
    /// If it cannot.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Changes with every commit that touched the outbox or the timers, of whichever process.
    fn changed(&self) -> tokio::sync::watch::Receiver<u64>;

    /// Whether other processes may use the same database.
    fn is_shared(&self) -> bool;

    /// Finishes what was begun and lets go of the database.
    async fn close(&self);
}

/// What a decision may ask for and write, inside a transaction.
#[async_trait]
pub trait Tx: Send {
    /// Whether the fact was handled before.
    async fn knows(&mut self, key: &DedupeKey) -> Result<bool, StoreError>;
    /// Remembers that the fact was handled; a conflict if somebody else did meanwhile.
    async fn remember(&mut self, key: &DedupeKey, now: Timestamp) -> Result<(), StoreError>;
    /// The number that the next ticket gets.
    async fn next_number(&mut self) -> Result<i64, StoreError>;
    /// The id that the next ticket gets.
    async fn next_id(&mut self) -> Result<TicketId, StoreError>;
    /// A ticket by its key.
    async fn ticket_by_key(&mut self, key: &TicketKey) -> Result<Option<Ticket>, StoreError>;
    /// A ticket by its number.
    async fn ticket(&mut self, id: TicketId) -> Result<Option<Ticket>, StoreError>;
    /// The ticket that a place (a thread) belongs to, and on which side.
    async fn ticket_at(&mut self, place: &Place) -> Result<Option<(Ticket, Side)>, StoreError>;
    /// The ticket that a message belongs to: one on record, or one of the bot's own.
    async fn ticket_of_message(&mut self, message: &MessageRef) -> Result<Option<(Ticket, Side)>, StoreError>;
    /// The newest open ticket that one of these accounts opened in this channel (or a thread of it, or this direct
    /// conversation) after `since` (exclusive) and at or before `until`, that no agent has answered.
    async fn burst(
        &mut self,
        by: &[PersonRef],
        channel: &Place,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Ticket>, StoreError>;
    /// The open (or resolved) ticket of this direct conversation that was last active, if that was after `since`.
    async fn latest_direct(&mut self, direct: &Place, since: Timestamp) -> Result<Option<Ticket>, StoreError>;
    /// Open tickets of these accounts, last active first.
    async fn open_of(&mut self, by: &[PersonRef], limit: u32) -> Result<Vec<Ticket>, StoreError>;
    /// The kept mention that is this message.
    async fn opening(&mut self, message: &MessageRef) -> Result<Option<Opening>, StoreError>;
    /// Whether a card that no message is known of is being posted into this channel, or may stand there already.
    async fn is_card_under_way(&mut self, channel: &Place) -> Result<bool, StoreError>;
    /// What was recorded of this message.
    async fn record(&mut self, message: &MessageRef) -> Result<Option<Record>, StoreError>;
    /// The last `limit` things said on a ticket, oldest first.
    async fn records(&mut self, ticket: TicketId, limit: u32) -> Result<Vec<Record>, StoreError>;
    /// The last `limit` acts on a ticket, oldest first.
    async fn audit(&mut self, ticket: TicketId, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// The messages of the bot that stand for a ticket, oldest first.
    async fn standing(&mut self, ticket: TicketId) -> Result<Vec<Standing>, StoreError>;

    /// Takes whom `erasure` concerns out of a ticket, what was said and done on it, and what waits to be said about it.
    /// A conflict while something that holds their words is being delivered, or may stand without our knowing.
    async fn erase(&mut self, ticket: TicketId, erasure: &Erasure, now: Timestamp) -> Result<Erased, StoreError>;
    /// Forgets the mentions that were kept of an account; how many there were.
    async fn forget_openings(&mut self, account: &PersonRef) -> Result<u64, StoreError>;
    /// Withdraws what waits to be told to this account alone; how much that was.
    async fn withdraw_from(&mut self, account: &PersonRef, now: Timestamp) -> Result<u64, StoreError>;
    /// What aliases are made with: a number that only this database knows. `fresh` is taken if it has none yet.
    async fn salt(&mut self, fresh: i64) -> Result<i64, StoreError>;

    /// Writes a change.
    async fn apply(&mut self, change: &Change) -> Result<(), StoreError>;
    /// Writes an audit entry.
    async fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError>;
    /// Puts an effect into the outbox. A card that already waits to be shown in the same channel is not queued twice, and
    /// lines of a mirror are joined to those that wait, untried, as the last of the same order key.
    async fn enqueue(&mut self, effect: &Effect, now: Timestamp) -> Result<(), StoreError>;
    /// Takes an effect that waits out of the outbox, with what waits behind it in the same order: what they were to do, in
    /// order. Nothing if it is being delivered, or has ended.
    async fn take_back(&mut self, effect: &EffectId, now: Timestamp) -> Result<Vec<Effect>, StoreError>;
}

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
        /// On which platform.
        platform: PlatformName,
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
    /// On which platform.
    pub platform: PlatformName,
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
    /// How often it was tried.
    pub attempts: u32,
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

/// What an effect is to do, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    /// Which effect.
    pub effect: EffectId,
    /// What it is to do.
    pub what: EffectKind,
    /// Those of the messages whose words it shows that have lost them.
    pub gone: Vec<MessageRef>,
}

/// A running process of the program, as who holds leases: another one after each start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerId(pub String);

impl WorkerId {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self(ulid::Ulid::new().to_string())
    }
}

impl Default for WorkerId {
    fn default() -> Self {
        Self::new()
    }
}

/// An effect that somebody wants to deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Which.
    pub effect: EffectId,
    /// The limits that it counts against, for whoever goes on after a crash.
    pub costs: Vec<String>,
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
    /// It was delivered; the bot's messages that stand there now.
    Done(Vec<Standing>),
    /// It was delivered as these messages, of which these stand for a ticket.
    Posted {
        /// Every message of it.
        messages: Vec<MessageRef>,
        /// Those that their ticket wants to know again.
        stands: Vec<Standing>,
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
    /// It was delivered, and these messages of the bot stand no more.
    Removed(Vec<MessageRef>),
}

/// Which effects are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those that wait, or are being delivered.
    Waiting,
    /// Those that an operator can mend.
    Held,
    /// Those that failed for good.
    Failed,
}

/// An effect as operators see it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ListedEffect {
    /// Its id.
    pub id: EffectId,
    /// On which platform.
    pub platform: PlatformName,
    /// `pending`, `leased`, `held` or `failed`.
    pub state: String,
    /// What it was to do.
    pub kind: String,
    /// Where (its order key).
    pub place: String,
    /// The ticket that it was about.
    pub ticket: Option<TicketKey>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed, is held, or was not delivered at the last try.
    pub error: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it is tried next, if it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// What refuses it, if it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_in: Option<String>,
    /// Since when it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_at: Option<Timestamp>,
    /// When it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

/// An event that could not be handled.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadEvent {
    /// Its key.
    pub key: DedupeKey,
    /// The event, whole. It holds people's words.
    pub event_json: String,
    /// What went wrong.
    pub fault: String,
    /// How often.
    pub times: u32,
    /// When it last did.
    pub buried_at: Timestamp,
}

/// What was taken out of a ticket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Erased {
    /// Whether the ticket itself held words or names of theirs.
    pub ticket: bool,
    /// Whether it was theirs, or that of somebody who went before.
    pub is_requester_gone: bool,
    /// The audited fields that changed by that.
    pub fields: Vec<FieldChange>,
    /// How many of their words there were.
    pub records: u64,
    /// The messages that held them.
    pub gone: Vec<MessageRef>,
    /// The messages that hold words of others.
    pub others: Vec<MessageRef>,
    /// How many of their acts there were.
    pub entries: u64,
    /// How much that waited to be said will not be.
    pub withdrawn: u64,
}

impl Erased {
    /// Whether there was anything.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.ticket || self.records > 0 || self.entries > 0 || self.withdrawn > 0
    }
}

/// How far a conversation has been read: everything up to there has been handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Of which workspace or guild.
    pub tenant: Tenant,
    /// A channel (`C1`), a thread of it (`C1/17.5`), or the tenant as a whole (empty).
    pub conversation: String,
    /// The platform's id of the last message. Longer ones are later, equally long ones by their text.
    pub through: String,
}

/// Numbers for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Tickets that are open.
    pub open: u64,
    /// Effects that wait or are being delivered.
    pub waiting: u64,
    /// Effects that are being delivered.
    pub leased: u64,
    /// Effects that failed for good.
    pub failed: u64,
    /// Effects that are held.
    pub held: u64,
    /// Dead events.
    pub dead: u64,
    /// Since when the oldest effect that waits is due (a later moment, if everything waits for one).
    pub oldest_waiting_at: Option<Timestamp>,
}

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away, full or busy: try again later.
    #[error("the database is away: {0}")]
    Away(String),
    /// Somebody else changed the same ticket meanwhile: decide again.
    #[error("the ticket was changed meanwhile")]
    Conflict,
    /// What it may belong to is being posted just now: decide again, when that is known.
    #[error("a card is being posted that it may belong to")]
    Early,
    /// What stands in it cannot be read: a fault of ours, or another version's.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    /// The work itself failed by a fault of ours.
    #[error("deciding failed: {0}")]
    Work(String),
}
