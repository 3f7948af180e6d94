//! The intake, the one way in: classify an event, decide, commit.
//!
//! Every event of every platform, and every timer, comes through [`Intake::handle`]. When it returns `Ok`, everything
//! that follows from the event is on disk, and the event may be acknowledged to the platform.

mod articles;
mod channels;
mod counted;
pub mod erase;
mod forms;
mod proof;
pub mod text;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use self::counted::Counted;
use crate::clock::Clock;
use crate::clock::real;
/// The declarations of acts, for the adapters.
pub use crate::desk::acts::{spec as act, specs as acts};
use crate::desk::{self, Desk};
use crate::desk::{alarms, notices};
use crate::domain::act::{May, Spec};
use crate::domain::effect::{Destination, Effect, EffectKind, Lane, Post, Prior};
use crate::domain::event::{DedupeKey, Event, EventKind, LookFor};
use crate::domain::ids::{EffectId, MessageRef, Person, PersonRef, Place, PlatformName, Tenant, TicketId};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::permission::{GroupRef, Listed, Members, Roster};
use crate::domain::rules::Rules;
use crate::domain::standing::Standing;
use crate::domain::subject::Subject;
use crate::domain::view::{RenderedView, View, ViewRequest};
use crate::domain::words::is_file;
use crate::metrics;
pub use crate::store::{Position, StoreError};
use crate::store::{Settlement, Statement, Store, Tx, Work, WorkerId, keys, outbox, standing};
use crate::trial;
pub use proof::Prover;

/// How often an event is decided at most, if other transactions change the same ticket meanwhile.
const TRIES: u32 = 12;
/// The longest pause before the next try is this, times the number of tries.
const PAUSE: Duration = Duration::from_millis(5);
/// If a message is deleted within this time of its posting, its post may still arrive later, so its key is kept.
const LATE_POST_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How many places of a notice or spread are written in one transaction, so that others can write meanwhile.
const PLACES_AT_ONCE: usize = 200;

/// The record of a message, as far as needed to compare it with the message on its platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnRecord {
    pub message: MessageRef,
    /// When its words were last changed.
    pub edited_at: Option<Timestamp>,
    /// Whether its words were deleted.
    pub is_deleted: bool,
    /// How many files it came with.
    pub files: usize,
}

/// The intake. Clones share its state.
#[derive(Clone)]
pub struct Intake {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    rules: RwLock<Arc<Rules>>,
    roster: RwLock<Arc<Roster>>,
    provers: proof::Provers,
    has_articles: AtomicBool,
}

impl Intake {
    /// Returns an intake for this store, with these settings.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, rules: Rules, roster: Roster) -> Self {
        let roster = RwLock::new(Arc::new(roster));
        let rules = RwLock::new(Arc::new(rules));
        Self {
            inner: Arc::new(Inner {
                store,
                clock,
                rules,
                roster,
                provers: proof::Provers::default(),
                has_articles: AtomicBool::new(false),
            }),
        }
    }

    /// Handles one event. `Ok`: the event is committed, or was handled before, or does not concern the desk.
    ///
    /// # Errors
    /// If the database is away: the event must then not be acknowledged to the platform. A fault of the program is no
    /// error here: the event is stored as a dead event, and the result is `Ok`.
    pub async fn handle(&self, event: Event) -> Result<Outcome, StoreError> {
        let span = tracing::info_span!("event", kind = event.what.name(), key = event.key.as_str());
        let (kind, at) = (event.what.name(), event.at);
        let handled = self.handle_in_span(Arc::new(event)).instrument(span).await;
        let outcome = handled.as_ref().map_or(metrics::AWAY, Outcome::name);
        metrics::event(kind, outcome, metrics::lag(at, self.inner.clock.now()));
        handled
    }

    async fn handle_in_span(&self, event: Arc<Event>) -> Result<Outcome, StoreError> {
        self.prove(&event).await;
        match self.attempt(&event).await {
            Ok(outcome) => Ok(outcome),
            Err(StoreError::Away(why)) => {
                tracing::warn!(why, "the database is away: the event is not acknowledged; it is tried or sent again");
                Err(StoreError::Away(why))
            }
            Err(fault) => self.set_aside(&event, &fault).await,
        }
    }

    /// Handles a dead event again. If that fails, the person is not told again.
    ///
    /// # Errors
    /// If the database is away, or if a fault of the program made it fail again.
    pub async fn replay(&self, event: Event) -> Result<Outcome, StoreError> {
        self.attempt(&Arc::new(event)).await
    }

    async fn attempt(&self, event: &Arc<Event>) -> Result<Outcome, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let about = desk::hear::about(event, &self.rules(), &self.roster());
            let counted = Counted::default();
            match self.inner.store.decide(about, self.work(Arc::clone(event), counted.clone())).await {
                Ok(outcome) => {
                    counted.count();
                    let ticket = outcome.ticket().map(ToString::to_string);
                    if outcome == Outcome::Ignored {
                        tracing::trace!("the event does not concern the desk");
                    } else {
                        tracing::info!(outcome = outcome.name(), ticket, "event handled");
                    }
                    return Ok(outcome);
                }
                Err(StoreError::Conflict | StoreError::Early) if tries < TRIES => {
                    let pause = PAUSE.mul_f64(real::random::<f64>() * f64::from(tries));
                    real::sleep(pause).await;
                }
                // Many transactions change the same ticket. The event is not at fault.
                Err(StoreError::Conflict) => {
                    return Err(StoreError::Away("too many decide about the same ticket at once".to_owned()));
                }
                // The platform delivers the event again.
                Err(early @ StoreError::Early) => return Err(StoreError::Away(early.to_string())),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a notice to these places, as a broadcast. `name` identifies the notice: a place that already has it does
    /// not get it again, so the call can be repeated after a failure, or with more places. If the message has changed,
    /// the standing messages are updated.
    ///
    /// # Errors
    /// If the database is away, or if the work fails. Some of the places may then get the notice.
    pub async fn notice(&self, name: &str, message: &Message, places: &[Place]) -> Result<Outcome, StoreError> {
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        let (notice, says) = (name.to_owned(), message.clone());
        let keep = store.within(move |tx| {
            let (notice, says) = (notice.clone(), says.clone());
            Box::pin(async move {
                let is_new = notices::record::keep(tx, &notice, &says, now).await?;
                if is_new {
                    spread_notice(tx, notice, 0, now).await?;
                }
                Ok(is_new)
            })
        });
        let mut is_any_new = keep.await?;
        for page in places.chunks(PLACES_AT_ONCE) {
            let (notice, page) = (name.to_owned(), page.to_vec());
            let added = store.within(move |tx| {
                let (notice, page) = (notice.clone(), page.clone());
                Box::pin(async move {
                    let behind = notices::record::add(tx, &notice, &page).await?;
                    if let Some(behind) = behind {
                        spread_notice(tx, notice, behind, now).await?;
                    }
                    Ok(behind.is_some())
                })
            });
            is_any_new |= added.await?;
        }
        if !is_any_new {
            return Ok(Outcome::Repeated);
        }
        tracing::info!(name, places = places.len(), "a notice is on its way");
        Ok(Outcome::Done(None))
    }

    /// Queues one page of a spread, and the rest of the spread, and settles the effect in the same transaction, so that
    /// each page is queued once. It is a conflict if another worker holds the effect or has ended it.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn spread(
        &self,
        about: &Subject,
        view: &View,
        after: u64,
        effect: &EffectId,
        by: &WorkerId,
    ) -> Result<(), StoreError> {
        let (about, view, effect, by) = (about.clone(), view.clone(), effect.clone(), by.clone());
        let (now, rules) = (self.inner.clock.now(), self.rules());
        let spread = self.inner.store.within(move |tx| {
            let (about, view, effect, by) = (about.clone(), view.clone(), effect.clone(), by.clone());
            let rules = Arc::clone(&rules);
            Box::pin(async move {
                let page = desk::audience(tx, (&about, &view), after, PLACES_AT_ONCE, &rules).await?;
                let last = page.last().map(|(number, _)| *number).filter(|_| page.len() >= PLACES_AT_ONCE);
                let copies = page.iter().map(|(_, place)| (about.clone(), view.name(), place.clone()));
                let copies = standing::views(tx, &copies.collect::<Vec<_>>()).await?;
                let copies: HashSet<Place> = copies.into_iter().map(|copy| copy.place).collect();
                for (_, place) in page {
                    let prior = if copies.contains(&place) { Prior::MessageStands } else { Prior::Unknown };
                    let at = Destination::Place(place);
                    let show = EffectKind::Show { view: view.clone(), at, awaited: None, thread_title: None };
                    outbox::enqueue(tx, &Effect::about(about.clone(), show), prior, now).await?;
                }
                if let Some(after) = last {
                    let rest = EffectKind::Spread { view, after };
                    outbox::enqueue(tx, &Effect::about(about, rest), Prior::Unknown, now).await?;
                }
                outbox::settle_in(tx, &effect, &by, &Settlement::Done, now)
            })
        });
        spread.await
    }

    /// Posts a message about the program itself into the desk's channels, except those on the platform `except`. The
    /// desk is told of each `name` once an hour at most, by all processes together. [`Outcome::Ignored`]: there is no
    /// such channel.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn tell_the_desk(
        &self,
        name: &str,
        except: Option<PlatformName>,
        message: Message,
    ) -> Result<Outcome, StoreError> {
        let now = self.inner.clock.now();
        self.tell_once(DedupeKey::condition(name, now), except, message, now).await
    }

    /// Renders these views from the record, in their order. `None`: the view has nothing left to show.
    ///
    /// # Errors
    /// If the database is away, or if a record cannot be read.
    pub async fn show(&self, wanted: &[ViewRequest]) -> Result<Vec<Option<RenderedView>>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let roster = self.roster();
        desk::show(&mut *self.inner.store.reader().await?, wanted, &roster, &self.rules()).await
    }

    /// Returns the statement to write together with this new standing message, if it needs one.
    ///
    /// # Errors
    /// If the statement cannot be made, which is a fault of the program.
    pub fn card_thread_binding(&self, standing: &Standing) -> Result<Option<Statement>, StoreError> {
        desk::card_thread_binding(standing)
    }

    /// Makes concurrent decisions about the subject conflict, so that they decide again.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn bump_version(&self, tx: &mut dyn Tx, about: &Subject) -> Result<(), StoreError> {
        desk::bump_version(tx, about).await
    }

    /// Queues the cards of these tickets in a channel of the desk.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn show_cards(&self, channel: &Place, tickets: &[TicketId]) -> Result<(), StoreError> {
        let (channel, tickets, now) = (channel.clone(), tickets.to_vec(), self.inner.clock.now());
        let work: Work = Arc::new(move |tx| {
            let (channel, tickets) = (channel.clone(), tickets.clone());
            Box::pin(async move {
                for ticket in tickets {
                    let at = Destination::Place(channel.clone());
                    let card = EffectKind::Show { view: View::Card, at, awaited: None, thread_title: None };
                    outbox::enqueue(tx, &Effect::about(ticket, card), Prior::Unknown, now).await?;
                }
                Ok(Outcome::Done(None))
            })
        });
        self.inner.store.transact(work).await.map(drop)
    }

    /// Whether this person has, or may have, the right to an act, so that a reaction of theirs must be handled. Most
    /// people who react have no right to the act.
    #[must_use]
    pub fn may_matter(&self, spec: &Spec, person: &Person) -> bool {
        let (roster, now) = (self.roster(), self.inner.clock.now());
        match spec.may {
            May::Has(right) => roster.may(person, right, now) || !roster.proofs_to_renew(person, now).is_empty(),
            May::HasEither(one, other) => {
                let has = |right| roster.may(person, right, now);
                has(one) || has(other) || !roster.proofs_to_renew(person, now).is_empty()
            }
            May::Staff => roster.is_staff(person, now) || !roster.proofs_to_renew(person, now).is_empty(),
            May::Anyone | May::Requester | May::RequesterOr(_) | May::OneselfOr(_) => true,
        }
    }

    /// Whether a message by this author in this place pings staff, so that the guard looks at it. The message mentions
    /// these people and groups.
    #[must_use]
    pub fn pings_staff(&self, author: &Person, place: &Place, people: &[Person], groups: &[GroupRef]) -> bool {
        if !self.rules().may_be_guarded(place) {
            return false;
        }
        let (roster, now) = (self.roster(), self.inner.clock.now());
        if roster.is_exempt(author, now) {
            return false;
        }
        people.iter().any(|person| roster.is_staff(person, now))
            || groups.iter().any(|group| roster.is_staff_group(group))
    }

    /// Returns the current rules.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.inner.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the rules, by which events are decided from now on.
    pub fn set_rules(&self, rules: Rules) {
        *self.inner.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// Returns the current roster.
    #[must_use]
    pub fn roster(&self) -> Arc<Roster> {
        self.inner.roster.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Learns members of a group from a listing that began at `at`.
    pub fn learn_members(&self, group: &GroupRef, listed: Listed, at: Timestamp) {
        self.change_members(group, |known| known.list(listed, at));
    }

    /// Learns that this account is, or is not, in a group, as found out at `at`.
    pub fn learn_member(&self, group: &GroupRef, who: &PersonRef, is_member: bool, at: Timestamp) {
        self.change_members(group, |known| {
            known.prove(who, is_member, at);
        });
    }

    /// Changes what the roster knows of a group's members.
    pub fn change_members<R>(&self, group: &GroupRef, change: impl FnOnce(&mut Members) -> R) -> R {
        self.change_roster(|roster| change(roster.members.entry(group.clone()).or_default()))
    }

    fn change_roster<R>(&self, change: impl FnOnce(&mut Roster) -> R) -> R {
        let mut roster = self.inner.roster.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut roster))
    }

    /// Reads how far the conversations of a tenant have been read.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn positions(&self, tenant: &Tenant) -> Result<Vec<Position>, StoreError> {
        self.inner.store.positions(tenant).await
    }

    /// Moves positions forward, never back.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn advance(&self, positions: &[Position]) -> Result<(), StoreError> {
        self.inner.store.advance(positions).await
    }

    /// Reads the conversations of tickets that are not closed or were active after `since`, last active first.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn active_conversations(&self, tenant: &Tenant, since: Timestamp) -> Result<Vec<Place>, StoreError> {
        desk::conversation::record::active_conversations(&mut *self.inner.store.reader().await?, tenant, since).await
    }

    /// Reads the records of a channel from this message on, newest first, `limit` at most, to compare them with the
    /// platform.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn said_in(
        &self,
        tenant: &Tenant,
        channel: &str,
        from: &str,
        limit: u32,
    ) -> Result<Vec<OnRecord>, StoreError> {
        let mut reader = self.inner.store.reader().await?;
        let said = desk::conversation::record::said_in(&mut *reader, tenant, channel, from, limit).await?;
        let on_record = said.into_iter().filter_map(|said| {
            let files = said.text.lines().filter(|line| is_file(line)).count();
            let (edited_at, is_deleted) = (said.edited_at, said.deleted_at.is_some());
            Some(OnRecord { message: said.message?, edited_at, is_deleted, files })
        });
        Ok(on_record.collect())
    }

    /// Returns the intake's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    fn work(&self, event: Arc<Event>, counted: Counted) -> Work {
        let this = self.clone();
        Arc::new(move |tx| {
            let (this, event, counted) = (this.clone(), Arc::clone(&event), counted.clone());
            Box::pin(async move {
                counted.begin();
                let roster = this.roster();
                if !trial::without("dedupe") && keys::knows(tx, &event.key).await? {
                    return Ok(Outcome::Repeated);
                }
                let now = this.inner.clock.now();
                let rules = this.rules();
                let mut desk = Desk::for_event(&event, rules, roster, now);
                desk.has_articles = this.has_articles();
                let heard = desk::hear(tx, &desk, &event).await?;
                let mut decision = desk::decide(&desk, &heard);
                if decision.opens_ticket() {
                    // A number is drawn only now, so that hardly any number is skipped.
                    desk.number(tx).await?;
                    decision = desk::decide(&desk, &heard);
                }
                if decision.outcome != Outcome::Ignored {
                    if !trial::without("dedupe") {
                        keys::remember(tx, &event.key, now)?;
                    }
                    if let EventKind::MessageEdited(said) = &event.what {
                        // The edit contains all the words. If the post arrives later, its key makes it a repetition.
                        let post = DedupeKey::message(&said.message);
                        if !keys::knows(tx, &post).await? {
                            keys::remember(tx, &post, now)?;
                        }
                    }
                    counted.decided(&decision);
                    desk::write(tx, &decision, now).await?;
                } else if let EventKind::MessageDeleted { message } = &event.what
                    && message.posted_at().is_some_and(|at| event.at.duration_since(at) < LATE_POST_WINDOW)
                {
                    // The post may arrive after its deletion, if it is redelivered. Its key makes sure that nothing of
                    // it is kept.
                    let post = DedupeKey::message(message);
                    if !keys::knows(tx, &post).await? {
                        keys::remember(tx, &post, now)?;
                    }
                }
                trial::point("deciding");
                Ok(decision.outcome)
            })
        })
    }

    async fn set_aside(&self, event: &Event, fault: &StoreError) -> Result<Outcome, StoreError> {
        tracing::error!(%fault, "the event cannot be handled, and is kept as a dead event: see `deskbell events`");
        let whole = match &event.what {
            // The words that were read belong to people who have not addressed the desk, so they are left out.
            EventKind::Looked { look, .. } => {
                let what = EventKind::Looked { look: look.without_words(), found: None };
                serde_json::to_string(&Event { what, ..event.clone() })
            }
            _ => serde_json::to_string(event),
        };
        let whole = whole.map_err(|error| StoreError::Work(error.to_string()))?;
        let now = self.inner.clock.now();
        let (key, fault) = (event.key.clone(), fault.to_string());
        self.keep_dead(&key, &whole, &fault, now).await?;
        metrics::dead_event();
        // The person is told. If even that cannot be queued, it is logged; the event stays a dead event.
        if let Some(apology) = apology(event) {
            let told = self.inner.store.within(move |tx| {
                let apology = apology.clone();
                Box::pin(async move { outbox::enqueue(tx, &apology, Prior::Unknown, now).await })
            });
            if let Err(error) = told.await {
                tracing::error!(%error, "the person cannot be told that their event was not handled");
            }
        }
        Ok(Outcome::Dead)
    }

    /// Keeps a dead event whole (as JSON), with what went wrong, and tells the desk.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn keep_dead(
        &self,
        key: &DedupeKey,
        event_json: &str,
        fault: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (key, event_json, fault) = (key.clone(), event_json.to_owned(), fault.to_owned());
        let channels = self.rules().triage.clone();
        let kept = self.inner.store.within(move |tx| {
            let (key, event_json, fault, channels) = (key.clone(), event_json.clone(), fault.clone(), channels.clone());
            Box::pin(async move { alarms::record::keep(tx, &key, &event_json, &fault, &channels, now).await })
        });
        kept.await
    }

    /// Posts a message in the desk's channels, unless it was posted under this key before.
    async fn tell_once(
        &self,
        key: DedupeKey,
        except: Option<PlatformName>,
        message: Message,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let channels = self.rules().triage.clone();
        let channels: Vec<Place> = channels.into_iter().filter(|channel| Some(channel.platform()) != except).collect();
        if channels.is_empty() {
            return Ok(Outcome::Ignored);
        }
        let work: Work = Arc::new(move |tx| {
            let (key, channels, message) = (key.clone(), channels.clone(), message.clone());
            Box::pin(async move {
                if keys::knows(tx, &key).await? {
                    return Ok(Outcome::Repeated);
                }
                keys::remember(tx, &key, now)?;
                for channel in channels {
                    let post = Post::new(Destination::Place(channel), message.clone(), Lane::Act);
                    outbox::enqueue(tx, &Effect::about(Subject::Desk, EffectKind::Say(post)), Prior::Unknown, now)
                        .await?;
                }
                Ok(Outcome::Done(None))
            })
        });
        match self.inner.store.transact(work).await {
            // Another process was faster.
            Err(StoreError::Conflict) => Ok(Outcome::Repeated),
            told => told,
        }
    }
}

/// Returns the message to the person who caused an event that could not be handled, if there is such a person.
fn apology(event: &Event) -> Option<Effect> {
    let (to, near, via) = match &event.what {
        EventKind::MessagePosted(said) if said.addresses_desk() => (&said.author.who, Some(&said.place), None),
        EventKind::Acted(acted) => (&acted.actor.who, acted.place.as_ref(), Some(&acted.reply)),
        EventKind::DirectOpened { request, .. } => (request.asker(), request.near.as_ref(), request.via.as_ref()),
        EventKind::Looked { look, .. } => match &look.why {
            LookFor::Request { by, via, .. } => (by, Some(&look.place), via.as_ref()),
            LookFor::Behalf { by, via, .. } => (&by.who, Some(&look.place), via.as_ref()),
            LookFor::Judge(_) => return None,
        },
        EventKind::MessagePosted(_)
        | EventKind::MessageEdited(_)
        | EventKind::MessageDeleted { .. }
        | EventKind::ThreadRead { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::CallEnded { .. }
        | EventKind::TimerFired(_) => return None,
    };
    let what =
        EffectKind::Whisper { to: to.clone(), near: near.cloned(), via: via.cloned(), message: text::our_fault() };
    Some(Effect::about(Subject::Person(to.clone()), what))
}

/// Queues the spread of a notice to its places after number `after`, in the transaction of the change that needs it.
async fn spread_notice(tx: &mut dyn Tx, name: String, after: u64, now: Timestamp) -> Result<(), StoreError> {
    let spread = EffectKind::Spread { view: View::Notice, after };
    outbox::enqueue(tx, &Effect::about(Subject::Notice(name), spread), Prior::Unknown, now).await
}
