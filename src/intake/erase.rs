//! Erasing people: from the record, from effects that wait, and from messages that the bot has posted.
//!
//! Tickets are erased one after another, a few in each transaction, so that the desk works on meanwhile. An erasure
//! that was interrupted is completed by repeating it. The outbox removes the bot's messages that show the words, or
//! renders them anew without the words.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::clock::real;
use crate::desk::privacy::record::{self, Erased};
use crate::desk::privacy::state::Erasure;
use crate::desk::{self, alarms, tickets};
use crate::domain::audit::{AuditEntry, Did};
use crate::domain::effect::{Destination, Effect, EffectKind, Prior, SilentAct};
use crate::domain::event::{DedupeKey, Event};
use crate::domain::ids::{Conversation, PersonRef, Place, TicketId};
use crate::domain::outcome::Outcome;
use crate::domain::permission::Roster;
use crate::domain::standing::Standing;
use crate::domain::subject::Subject;
use crate::domain::view::View;
use crate::store::outbox::{enqueue, withdraw_about, withdraw_for};
use crate::store::{DeadEvent, Store, StoreError, Tx, Work, audit, standing};

/// How many tickets share a transaction.
const TOGETHER: usize = 20;
/// How many tickets one query looks through.
const RANGE: i64 = 1_000;
/// How many tickets a minute are brought up to date on the platforms. The tightest limits are Slack's 50 updates and 50
/// removals a minute. One of each for every ticket leaves more than half of both to the desk's own messages.
const TICKETS_PER_MINUTE: usize = 20;
/// How long to wait for a delivery under way before the next try, in real time.
const WAIT: Duration = Duration::from_millis(500);
/// How many such waits there are at most.
const WAITS: u32 = 80;
/// The error by which the transaction of a preview is rolled back.
const PREVIEW: &str = "this was a preview";

/// The counts of an erasure or of its preview.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Tickets with something to erase.
    pub tickets: u64,
    /// Records whose words and author were erased.
    pub messages: u64,
    /// Changed entries of the audit.
    pub acts: u64,
    /// Cards that are shown again.
    pub cards: u64,
    /// Other messages of the bot that are removed or refreshed.
    pub lines: u64,
    /// Data kept apart from tickets: a description of each kind, and the number of rows.
    #[serde(rename = "apart")]
    pub outside_tickets: Vec<(&'static str, u64)>,
    /// Waiting effects that were withdrawn.
    pub waiting: u64,
    /// Dead events that were deleted.
    pub dead_events: u64,
}

impl Tally {
    /// Whether nothing was erased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let outside: u64 = self.outside_tickets.iter().map(|(_, count)| count).sum();
        outside == 0 && Self { outside_tickets: Vec::new(), ..self.clone() } == Self::default()
    }

    fn add(&mut self, other: Self) {
        self.tickets += other.tickets;
        self.messages += other.messages;
        self.acts += other.acts;
        self.cards += other.cards;
        self.lines += other.lines;
        for (what, count) in other.outside_tickets {
            match self.outside_tickets.iter_mut().find(|(known, _)| *known == what) {
                Some((_, all)) => *all += count,
                None => self.outside_tickets.push((what, count)),
            }
        }
        self.waiting += other.waiting;
        self.dead_events += other.dead_events;
    }
}

/// Erases the person with these accounts everywhere. With `preview`, everything is rolled back and only counted.
///
/// # Errors
/// If the database is away, or if a delivery of their words does not end in time. Transactions that were committed
/// before stay.
pub async fn person(
    store: &Arc<dyn Store>,
    clock: &Clock,
    accounts: &[PersonRef],
    preview: bool,
) -> Result<Tally, StoreError> {
    let salt = if preview { 0 } else { salt(store).await? };
    let token = token(salt, accounts);
    let all: BTreeSet<PersonRef> = accounts.iter().cloned().collect();
    let alias = token.clone();
    let erasure = Erasure::of(move |who| all.contains(who).then(|| PersonRef::erased(who.platform, &alias)));
    let now = clock.now();
    let mut tally = Tally::default();
    // Waiting effects about the person are withdrawn before the tickets are listed: the end of such an effect may open
    // a ticket.
    tally.add(apart_from_tickets(store, accounts, token, now, preview).await?);
    let newest = newest(store).await?;
    let mut done = 0;
    for from in (0..newest).step_by(usize::try_from(RANGE).unwrap_or(1)) {
        let mut ids = BTreeSet::new();
        for account in accounts {
            ids.extend(
                record::concerned(&mut *store.reader().await?, account, TicketId(from), TicketId(from + RANGE))
                    .await?
                    .iter()
                    .map(|id| id.0),
            );
        }
        let ids: Vec<TicketId> = ids.into_iter().map(TicketId).collect();
        for some in ids.chunks(TOGETHER) {
            tally.add(tickets(store, &erasure, some, Did::Erased, now, done, preview).await?);
            done += some.len();
        }
    }
    for dead in store.dead_events(u32::MAX).await? {
        if is_theirs(&dead, &erasure, accounts) {
            tally.dead_events += 1;
            if !preview {
                forget_dead(store, &dead.key, now).await?;
            }
        }
    }
    Ok(tally)
}

/// Erases everybody from the next tickets above `above` that are closed or cancelled and had their last activity before
/// `then`. Returns where to go on; `None` if there are no more.
///
/// # Errors
/// If the database is away.
pub async fn expired(
    store: &Arc<dyn Store>,
    clock: &Clock,
    roster: &Arc<Roster>,
    then: Timestamp,
    above: TicketId,
) -> Result<Option<TicketId>, StoreError> {
    let newest = newest(store).await?;
    let mut from = above.0;
    while from < newest {
        let mut ids =
            record::expired(&mut *store.reader().await?, then, TicketId(from), TicketId(from + RANGE)).await?;
        ids.truncate(TOGETHER);
        let Some(last) = ids.last().copied() else {
            from += RANGE;
            continue;
        };
        let (salt, roster) = (salt(store).await?, Arc::clone(roster));
        let erasure =
            Erasure::of_everybody(move |who| PersonRef::erased(who.platform, &token(salt, &roster.accounts(who))));
        let tally = tickets(store, &erasure, &ids, Did::Expired, clock.now(), 0, false).await?;
        tracing::info!(
            tickets = tally.tickets,
            messages = tally.messages,
            "tickets have reached their retention time: their words and names are erased"
        );
        return Ok(Some(last));
    }
    Ok(None)
}

/// Erases people from these tickets in one transaction. `done` tickets were erased before.
async fn tickets(
    store: &Arc<dyn Store>,
    erasure: &Erasure,
    ids: &[TicketId],
    did: Did,
    now: Timestamp,
    done: usize,
    preview: bool,
) -> Result<Tally, StoreError> {
    let (erasure, ids) = (erasure.clone(), ids.to_vec());
    tallied(store, preview, move |tx| {
        let (erasure, ids) = (erasure.clone(), ids.clone());
        Box::pin(async move {
            let mut tally = Tally::default();
            for (index, id) in (done..).zip(ids) {
                let minutes = i64::try_from(index / TICKETS_PER_MINUTE).unwrap_or_default();
                let not_before = (minutes > 0).then(|| now + SignedDuration::from_mins(minutes));
                tally.add(ticket(tx, &erasure, id, did, now, not_before).await?);
            }
            Ok(tally)
        })
    })
    .await
}

async fn ticket(
    tx: &mut dyn Tx,
    erasure: &Erasure,
    id: TicketId,
    did: Did,
    now: Timestamp,
    not_before: Option<Timestamp>,
) -> Result<Tally, StoreError> {
    let mut standing = standing::of(tx, &id.into()).await?;
    let erased = record::erase(tx, id, erasure, now).await?;
    if !erased.is_any() && did == Did::Erased {
        return Ok(Tally::default());
    }
    // A merge moves records and standing messages to the other ticket. If a line was being delivered meanwhile, its
    // standing message still names the ticket that its words were moved from.
    for message in &erased.gone {
        let elsewhere = standing::showing(tx, message).await?;
        standing.extend(elsewhere.into_iter().filter(|one| one.about != Subject::from(id)));
    }
    let effects = follow_up(&erased, &standing);
    let is_card = |what: &&EffectKind| matches!(what, EffectKind::Show { view: View::Card, .. });
    let cards = effects.iter().filter(is_card).count();
    let tally = Tally {
        tickets: u64::from(erased.is_any()),
        messages: erased.records,
        acts: erased.entries,
        cards: u64::try_from(cards).unwrap_or_default(),
        lines: u64::try_from(effects.len() - cards).unwrap_or_default(),
        waiting: erased.withdrawn,
        ..Tally::default()
    };
    let act = did.to_string();
    audit::append(tx, &AuditEntry { about: id.into(), at: now, actor: None, act, from: None, fields: erased.fields })?;
    for what in effects {
        enqueue(tx, &Effect { not_before, ..Effect::about(id, what) }, Prior::Unknown, now).await?;
    }
    Ok(tally)
}

/// Returns the effects that bring the platforms up to date. Cards are shown again if the ticket itself was changed.
/// Other views are refreshed, or removed if the requester is erased or an erased record came from their message. Lines
/// that mirror erased words are refreshed, as after any deletion. Of the bot's other messages only the place is known,
/// not the words: they are removed, unless they are on record as words of somebody else.
fn follow_up(erased: &Erased, standing: &[Standing]) -> Vec<EffectKind> {
    let channel = |place: &Place| Place {
        tenant: place.tenant.clone(),
        at: Conversation::Channel { channel: place.channel().to_owned() },
    };
    let (mut effects, mut refreshed) = (Vec::new(), HashSet::new());
    for one in standing {
        let what = match (View::named(&one.view), one.shows()) {
            (Some(View::Card), _) => {
                let at = Destination::Place(one.place.clone());
                let show = EffectKind::Show { view: View::Card, at, awaited: None, thread_title: None };
                erased.ticket.then_some(show)
            }
            (Some(view), _) => {
                let is_gone = erased.is_requester_gone || erased.gone.contains(&one.message);
                let refresh = EffectKind::Refresh { view, at: one.place.clone() };
                Some(if is_gone { SilentAct::Remove { message: one.message.clone() }.into() } else { refresh })
            }
            (None, Some(of)) => {
                // A message that shows the words of several messages needs one refresh only.
                let is_due = erased.gone.contains(&of) && refreshed.insert(&one.message);
                let view = View::Lines { of: vec![of], room: 0 };
                is_due.then(|| EffectKind::Refresh { view, at: channel(&one.place) })
            }
            (None, None) => {
                let stays = erased.kept_messages.contains(&one.message);
                (!stays).then(|| SilentAct::Remove { message: one.message.clone() }.into())
            }
        };
        effects.extend(what.filter(|what| !effects.contains(what)));
    }
    effects
}

async fn apart_from_tickets(
    store: &Arc<dyn Store>,
    accounts: &[PersonRef],
    token: String,
    now: Timestamp,
    preview: bool,
) -> Result<Tally, StoreError> {
    let accounts = accounts.to_vec();
    tallied(store, preview, move |tx| {
        let (accounts, token) = (accounts.clone(), token.clone());
        Box::pin(async move {
            let mut tally = Tally::default();
            for account in &accounts {
                let person = Subject::Person(account.clone());
                let waiting =
                    withdraw_for(tx, account, now).await? + withdraw_about(tx, &person, |_| true, now).await?;
                tally.add(Tally {
                    outside_tickets: desk::forget(tx, account, &PersonRef::erased(account.platform, &token), now)
                        .await?,
                    waiting,
                    ..Tally::default()
                });
            }
            Ok(tally)
        })
    })
    .await
}

/// Whether a dead event holds something of the erased person. An unreadable event does if it contains one of the
/// accounts.
fn is_theirs(dead: &DeadEvent, erasure: &Erasure, accounts: &[PersonRef]) -> bool {
    match serde_json::from_str::<Event>(&dead.event_json) {
        Ok(event) => erasure.event(&event.what),
        Err(_) => accounts.iter().any(|account| dead.event_json.contains(&format!("\"{account}\""))),
    }
}

/// Runs a work and returns its counts. A preview is rolled back. If the work conflicts, for example because words of
/// the person are being delivered, waits and runs it again.
async fn tallied(
    store: &Arc<dyn Store>,
    preview: bool,
    work: impl for<'t> Fn(&'t mut dyn Tx) -> futures_util::future::BoxFuture<'t, Result<Tally, StoreError>>
    + Send
    + Sync
    + 'static,
) -> Result<Tally, StoreError> {
    let slot = Arc::new(Mutex::new(Tally::default()));
    let (work, filled) = (Arc::new(work), Arc::clone(&slot));
    let work: Work = Arc::new(move |tx| {
        let (counting, filled) = (work(tx), Arc::clone(&filled));
        Box::pin(async move {
            let tally = counting.await?;
            *filled.lock().unwrap_or_else(PoisonError::into_inner) = tally;
            if preview { Err(StoreError::Work(PREVIEW.to_owned())) } else { Ok(Outcome::Done(None)) }
        })
    });
    let mut waits = 0;
    loop {
        match store.transact(Arc::clone(&work)).await {
            Ok(_) => break,
            Err(StoreError::Work(why)) if preview && why == PREVIEW => break,
            Err(StoreError::Conflict) if waits < WAITS => {
                waits += 1;
                real::sleep(WAIT).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(std::mem::take(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner)))
}

async fn salt(store: &Arc<dyn Store>) -> Result<i64, StoreError> {
    let fresh = real::random();
    store.within(move |tx| Box::pin(crate::store::salt(tx, fresh))).await
}

async fn newest(store: &Arc<dyn Store>) -> Result<i64, StoreError> {
    Ok(tickets::record::page(&mut *store.reader().await?, None, 1).await?.first().map_or(0, |ticket| ticket.id.0))
}

/// Returns the token that stands at the end of each alias of one person. It is the same for all of their accounts, and
/// cannot be guessed without the salt.
fn token(salt: i64, accounts: &[PersonRef]) -> String {
    let first = accounts.iter().min().map(ToString::to_string).unwrap_or_default();
    let hash = Sha256::new().chain_update(salt.to_be_bytes()).chain_update(first).finalize();
    hex::encode(&hash[..6])
}

/// Deletes a dead event that was handled after all, or never will be.
///
/// # Errors
/// If the database is away.
pub async fn forget_dead(store: &Arc<dyn Store>, key: &DedupeKey, now: Timestamp) -> Result<(), StoreError> {
    let key = key.clone();
    let forgotten = store.within(move |tx| {
        let key = key.clone();
        Box::pin(async move { alarms::record::forget(tx, &key, now).await })
    });
    forgotten.await
}
