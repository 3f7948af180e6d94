//! The way out: take what is due, obey the limits, deliver, store the receipt, retry what is temporary.
//!
//! One loop a platform picks; each delivery is a task of its own. An effect is leased before it is sent. Whatever somebody
//! waits for comes back through the intake *before* the effect is settled: a crash between the two repeats both, and the
//! dedupe key makes the repetition harmless.

pub mod backoff;
pub mod limits;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::domain::decision::Outcome;
use crate::domain::effect::{Awaited, Destination, Effect, EffectKind, Undeliverable};
use crate::domain::event::{DedupeKey, DeliverySettled, Event, EventKind};
use crate::domain::ids::{MessageRef, Place};
use crate::domain::limits::discord;
use crate::domain::record::Standing;
use crate::domain::text;
use crate::intake::Intake;
use crate::platform::{Act, Delivery, DeliveryError, Platform, Receipt};
use crate::store::{Queued, Settlement, Store, StoreError, Work};
use limits::{Cost, Windows};

/// How many effects are looked at together.
const LOOK: u32 = 500;
/// How often something is tried before it can be given up, however old it is.
const TRIES_AT_LEAST: u32 = 5;
/// How many deliveries are under way together.
const AT_ONCE: usize = 32;

/// Delivers the effects of one platform.
#[derive(Clone)]
pub struct Dispatcher {
    platform: Arc<dyn Platform>,
    store: Arc<dyn Store>,
    intake: Intake,
    clock: Clock,
    retry_limit: Duration,
    windows: Arc<Mutex<Windows>>,
}

impl Dispatcher {
    /// A dispatcher; what stays temporary for longer than `retry_limit` is given up.
    #[must_use]
    pub fn new(platform: Arc<dyn Platform>, store: Arc<dyn Store>, intake: Intake, retry_limit: Duration) -> Self {
        let clock = intake.clock().clone();
        Self { platform, store, intake, clock, retry_limit, windows: Arc::default() }
    }

    /// Delivers until `stop`, then finishes what is under way.
    pub async fn run(self, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        let mut changed = self.store.changed();
        loop {
            changed.mark_unchanged();
            let wake_at = match self.start_due(&mut under_way).await {
                Ok(wake_at) => wake_at,
                Err(error) => {
                    tracing::warn!(platform = %self.platform.name(), %error, "the outbox cannot be read; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_secs(1)) => continue,
                        () = stop.cancelled() => break,
                    }
                }
            };
            let sleep = async {
                match wake_at {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                _ = changed.changed() => {}
                Some(_) = under_way.join_next() => {}
                () = sleep => {}
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Starts what may be started now; says when to look again if nothing else happens.
    async fn start_due(&self, under_way: &mut JoinSet<()>) -> Result<Option<Timestamp>, StoreError> {
        let name = self.platform.name();
        let now = self.clock.now();
        let room = AT_ONCE.saturating_sub(under_way.len());
        if room == 0 {
            return Ok(None);
        }
        let mut wake_at = self.store.next_due(name, now).await?;
        let mut ready = Vec::new();
        for queued in self.store.due(name, now, LOOK).await? {
            if ready.len() == room {
                break;
            }
            let Some(act) = self.address_or_settle(&queued).await? else { continue };
            let costs = limits::costs(name, &act, is_old(&act, now));
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            let free_at = windows.free_at(&costs, now);
            if free_at > now {
                wake_at = Some(wake_at.map_or(free_at, |at| at.min(free_at)));
                continue;
            }
            windows.begin(&costs);
            drop(windows);
            ready.push((queued, act, costs));
        }
        if ready.is_empty() {
            return Ok(wake_at);
        }
        let ids: Vec<_> = ready.iter().map(|(queued, ..)| queued.id.clone()).collect();
        if let Err(error) = self.store.lease(&ids, now).await {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            ready.iter().for_each(|(_, _, costs)| windows.end(costs, now));
            return Err(error);
        }
        for (queued, act, costs) in ready {
            let this = self.clone();
            let span =
                tracing::info_span!("effect", id = %queued.id, kind = queued.effect.what.name(), platform = %name);
            under_way.spawn(async move { this.carry(queued, act, costs).await }.instrument(span));
        }
        Ok(wake_at)
    }

    /// The same as [`Dispatcher::address`]; what cannot be read by a fault of ours fails alone, and stops nothing behind it.
    async fn address_or_settle(&self, queued: &Queued) -> Result<Option<Act>, StoreError> {
        match self.address(queued).await {
            Err(error @ (StoreError::Corrupt(_) | StoreError::Work(_))) => {
                tracing::error!(effect = %queued.id, %error, "an effect cannot be laid out");
                self.end(queued, Settlement::Failed(Undeliverable::Invalid)).await?;
                Ok(None)
            }
            other => other,
        }
    }

    /// Lays out an effect with every address known. `None`: it was settled here, since there is nowhere to deliver it.
    async fn address(&self, queued: &Queued) -> Result<Option<Act>, StoreError> {
        let act = match &queued.effect.what {
            EffectKind::Post { mirrors: Some(of), .. } if self.are_words_gone(of).await? => {
                self.end(queued, Settlement::Done(Vec::new())).await?;
                return Ok(None);
            }
            EffectKind::Post { to: Destination::Place(to), message, thread_title, .. } => {
                Act::Post { to: to.clone(), message: message.clone(), thread_title: thread_title.clone() }
            }
            EffectKind::Post { to: Destination::UnderCard(channel), message, thread_title, .. } => {
                let Some(card) = self.card(queued, channel).await? else {
                    self.queue_behind_a_card(queued, channel).await?;
                    return Ok(None);
                };
                let to = channel.thread(&card.message.id);
                Act::Post { to, message: message.clone(), thread_title: thread_title.clone() }
            }
            EffectKind::ShowCard { channel } => {
                let ticket = match queued.effect.ticket {
                    Some(id) => self.store.ticket(id).await?,
                    None => None,
                };
                let Some(ticket) = ticket else {
                    self.end(queued, Settlement::Failed(Undeliverable::Gone)).await?;
                    return Ok(None);
                };
                let roster = self.intake.roster();
                let assignee = ticket.assignee.as_ref();
                let here = assignee.and_then(|agent| roster.account_on(&agent.who, channel.platform()));
                let message = text::card(&ticket, here.as_ref());
                match self.card(queued, channel).await? {
                    Some(card) => Act::Update { place: channel.clone(), message: card.message, to: message },
                    None => Act::Post { to: channel.clone(), message, thread_title: None },
                }
            }
            EffectKind::RefreshMirror { channel, of } => match self.refreshed(channel, of).await? {
                Some(act) => act,
                None => {
                    self.end(queued, Settlement::Done(Vec::new())).await?;
                    return Ok(None);
                }
            },
            EffectKind::Remove { message } => Act::Remove { message: message.clone() },
            EffectKind::Whisper { to, near, via, message } => {
                Act::Whisper { to: to.clone(), near: near.clone(), via: via.clone(), message: message.clone() }
            }
            EffectKind::Hint { to, place, reply_to, message } => {
                Act::Hint { to: to.clone(), place: place.clone(), reply_to: reply_to.clone(), message: message.clone() }
            }
            EffectKind::ReadThread { place, before } => {
                Act::ReadThread { place: place.clone(), before: before.clone() }
            }
        };
        Ok(Some(act))
    }

    /// There is no card to write under (it failed once, or the channel is new): one is shown first. Once only: what comes
    /// back has a moment set.
    async fn queue_behind_a_card(&self, queued: &Queued, channel: &Place) -> Result<(), StoreError> {
        if queued.effect.not_before.is_some() {
            tracing::error!(effect = %queued.id, "there is no card to write under, and none can be shown");
            return self.end(queued, Settlement::Failed(Undeliverable::Gone)).await;
        }
        let (now, key) = (self.clock.now(), DedupeKey::effect(&queued.id));
        let card = Effect { what: EffectKind::ShowCard { channel: channel.clone() }, ..queued.effect.clone() };
        let again = Effect { not_before: Some(now), ..queued.effect.clone() };
        let work: Work = Arc::new(move |tx| {
            let (card, again, key) = (card.clone(), again.clone(), key.clone());
            Box::pin(async move {
                if tx.knows(&key).await? {
                    return Ok(Outcome::Repeated);
                }
                tx.remember(&key, now).await?;
                tx.enqueue(&card, now).await?;
                tx.enqueue(&again, now).await?;
                Ok(Outcome::Done(None))
            })
        });
        self.store.transact(work).await?;
        self.end(queued, Settlement::Done(Vec::new())).await
    }

    /// Whether the words of a message were deleted: then nothing shows them any more.
    async fn are_words_gone(&self, of: &MessageRef) -> Result<bool, StoreError> {
        Ok(self.store.record(of).await?.is_some_and(|record| record.deleted_at.is_some()))
    }

    /// What makes a mirrored message as it should be: its words as they are now, or none.
    async fn refreshed(&self, channel: &Place, of: &MessageRef) -> Result<Option<Act>, StoreError> {
        let Some(shown) = self.mirrors_in(channel, of).await?.pop() else { return Ok(None) };
        let Some(record) = self.store.record(of).await? else { return Ok(None) };
        let Some(ticket) = self.store.ticket(record.ticket).await? else { return Ok(None) };
        if record.deleted_at.is_some() {
            return Ok(Some(Act::Remove { message: shown.message }));
        }
        let to = text::mirrored_again(&ticket, &record.author, &record.text, record.voice);
        Ok(Some(Act::Update { place: shown.place, message: shown.message, to }))
    }

    async fn mirrors_in(&self, channel: &Place, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
        let here =
            |shown: &Standing| shown.place.tenant == channel.tenant && shown.place.channel() == channel.channel();
        Ok(self.store.mirrors(of).await?.into_iter().filter(here).collect())
    }

    async fn card(&self, queued: &Queued, channel: &Place) -> Result<Option<Standing>, StoreError> {
        let Some(ticket) = queued.effect.ticket else { return Ok(None) };
        let standing = self.store.standing(ticket).await?;
        Ok(standing.into_iter().find(|one| one.card && one.place == *channel))
    }

    /// Carries out one delivery and settles it. A fault of ours is a try that failed.
    async fn carry(&self, queued: Queued, act: Act, costs: Vec<Cost>) {
        let delivery = Delivery { effect: queued.id.clone(), since: queued.created_at, act };
        let tried = AssertUnwindSafe(self.attempt(&queued, &delivery, &costs)).catch_unwind().await;
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).end(&costs, self.clock.now());
        let end = tried.unwrap_or_else(|_| {
            tracing::error!("delivering panicked");
            Ok(self.again(&queued, None, true, "a panic while delivering"))
        });
        // What cannot be settled now stays leased and is settled (or looked for) later: it must not be sent again.
        let mut end = match end {
            Ok(end) => end,
            Err(error) => self.again(&queued, None, true, &error.to_string()),
        };
        if let Settlement::Retry { at, error, unsure, counts } = &end {
            // What has waited long for its turn, or for the database, has not been tried long. What may stand is looked for
            // once more first.
            let old = self.clock.now().duration_since(queued.created_at) > signed(self.retry_limit);
            if old && queued.attempts >= TRIES_AT_LEAST && *counts && !*unsure {
                tracing::error!(error, "given up: it was tried for too long");
                let settled = self.tell(&queued, Err(Undeliverable::GivenUp)).await;
                if settled.is_ok() {
                    end = Settlement::Failed(Undeliverable::GivenUp);
                }
            } else {
                tracing::warn!(error, again_at = %at, unsure, "not delivered yet");
            }
        }
        while let Err(error) = self.end(&queued, end.clone()).await {
            tracing::warn!(%error, "the receipt cannot be stored; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn attempt(&self, queued: &Queued, delivery: &Delivery, costs: &[Cost]) -> Result<Settlement, StoreError> {
        let mut result = Ok(None);
        if queued.unsure {
            result = self.platform.find(delivery).await;
        }
        let mut result = match result {
            Ok(Some(receipt)) => Ok(receipt),
            Ok(None) => self.platform.deliver(delivery).await,
            Err(error) => Err(error),
        };
        // Somebody deleted the card: it is posted anew. A mirrored line that somebody deleted stays deleted.
        if let (Act::Update { place, to, .. }, Err(DeliveryError::Permanent { reason: Undeliverable::Gone, .. })) =
            (&delivery.act, &result)
        {
            result = if matches!(queued.effect.what, EffectKind::ShowCard { .. }) {
                let act = Act::Post { to: place.clone(), message: to.clone(), thread_title: None };
                self.platform.deliver(&Delivery { act, ..delivery.clone() }).await
            } else {
                Ok(Receipt::Changed)
            };
        }
        let now = self.clock.now();
        match result {
            Ok(Receipt::Posted(message)) => {
                self.tell(queued, Ok(message.clone())).await?;
                tracing::debug!("posted");
                Ok(Settlement::Done(standing(queued, delivery, message).into_iter().collect()))
            }
            Ok(Receipt::PostedInParts(parts)) => {
                if let Some(last) = parts.last() {
                    self.tell(queued, Ok(last.clone())).await?;
                }
                let stand = parts.into_iter().filter_map(|part| standing(queued, delivery, part));
                Ok(Settlement::Done(stand.collect()))
            }
            Ok(Receipt::PostedBriefly(message, how_long)) => {
                self.remove_later(queued, message, now + signed(how_long)).await?;
                Ok(Settlement::Done(Vec::new()))
            }
            Ok(Receipt::Changed) => match &queued.effect.what {
                EffectKind::Remove { message } => Ok(Settlement::Removed(vec![message.clone()])),
                EffectKind::RefreshMirror { channel, of } => {
                    self.remove_other_parts(queued, delivery, channel, of).await
                }
                _ => Ok(Settlement::Done(Vec::new())),
            },
            Ok(Receipt::Whispered) => Ok(Settlement::Done(Vec::new())),
            Ok(Receipt::Read(messages, truncated)) => {
                if let Some(ticket) = queued.effect.ticket {
                    let what = EventKind::ThreadRead { ticket, messages, truncated };
                    self.intake.handle(Event { key: DedupeKey::effect(&queued.id), at: now, what }).await?;
                }
                Ok(Settlement::Done(Vec::new()))
            }
            Err(DeliveryError::RateLimited { retry_after, global }) => {
                let until = now + signed(retry_after);
                self.windows.lock().unwrap_or_else(PoisonError::into_inner).block(costs, global, until);
                let error = format!("rate limited for {retry_after:?}");
                Ok(Settlement::Retry { at: until, unsure: false, counts: false, error })
            }
            Err(DeliveryError::Temporary(error)) => Ok(self.again(queued, Some(now), false, &error)),
            Err(DeliveryError::Unknown(error)) => Ok(self.again(queued, Some(now), true, &error)),
            Err(DeliveryError::Permanent { reason, detail }) => {
                tracing::warn!(%reason, detail, "cannot be delivered");
                self.tell(queued, Err(reason)).await?;
                Ok(Settlement::Failed(reason))
            }
        }
    }

    /// A mirrored message that stood in several parts: what was just refreshed or removed is the last, the others go.
    async fn remove_other_parts(
        &self,
        queued: &Queued,
        delivery: &Delivery,
        channel: &Place,
        of: &MessageRef,
    ) -> Result<Settlement, StoreError> {
        let mut gone = Vec::new();
        for shown in self.mirrors_in(channel, of).await? {
            match &delivery.act {
                Act::Update { message, .. } if *message == shown.message => continue,
                Act::Remove { message } if *message == shown.message => {}
                _ => {
                    let act = Act::Remove { message: shown.message.clone() };
                    if let Err(error) = self.platform.deliver(&Delivery { act, ..delivery.clone() }).await {
                        return Ok(self.again(queued, None, false, &error.to_string()));
                    }
                }
            }
            gone.push(shown.message);
        }
        Ok(Settlement::Removed(gone))
    }

    /// Lets the one who waits for this delivery know how it ended.
    async fn tell(&self, queued: &Queued, result: Result<MessageRef, Undeliverable>) -> Result<(), StoreError> {
        let EffectKind::Post { awaited: Some(awaited), .. } = &queued.effect.what else { return Ok(()) };
        let Some(ticket) = queued.effect.ticket else { return Ok(()) };
        if *awaited == Awaited::Notice && result.is_ok() {
            return Ok(());
        }
        let settled = DeliverySettled { effect: queued.id.clone(), ticket, awaited: awaited.clone(), result };
        let what = EventKind::DeliverySettled(settled);
        self.intake.handle(Event { key: DedupeKey::effect(&queued.id), at: self.clock.now(), what }).await?;
        Ok(())
    }

    async fn remove_later(&self, queued: &Queued, message: MessageRef, at: Timestamp) -> Result<(), StoreError> {
        let remove =
            Effect { ticket: queued.effect.ticket, not_before: Some(at), what: EffectKind::Remove { message } };
        let (key, now) = (DedupeKey::effect(&queued.id), self.clock.now());
        let work: Work = Arc::new(move |tx| {
            let (remove, key) = (remove.clone(), key.clone());
            Box::pin(async move {
                if tx.knows(&key).await? {
                    return Ok(Outcome::Repeated);
                }
                tx.remember(&key, now).await?;
                tx.enqueue(&remove, now).await?;
                Ok(Outcome::Done(None))
            })
        });
        self.store.transact(work).await?;
        Ok(())
    }

    fn again(&self, queued: &Queued, now: Option<Timestamp>, unsure: bool, error: &str) -> Settlement {
        let wait = backoff::wait(queued.attempts + 1, rand::random());
        let at = now.unwrap_or_else(|| self.clock.now()) + signed(wait);
        Settlement::Retry { at, unsure, counts: true, error: error.to_owned() }
    }

    async fn end(&self, queued: &Queued, end: Settlement) -> Result<(), StoreError> {
        self.store.settle(&queued.id, end, self.clock.now()).await
    }
}

/// The message that stands now, if its ticket wants to know it again.
fn standing(queued: &Queued, delivery: &Delivery, message: MessageRef) -> Option<Standing> {
    let ticket = queued.effect.ticket?;
    let card = matches!(queued.effect.what, EffectKind::ShowCard { .. });
    let mirrors = match &queued.effect.what {
        EffectKind::Post { mirrors, .. } => mirrors.clone(),
        _ => None,
    };
    let place = match &delivery.act {
        Act::Post { to, .. } => to.clone(),
        Act::Update { place, .. } => place.clone(),
        Act::Remove { .. } | Act::Whisper { .. } | Act::Hint { .. } | Act::ReadThread { .. } => return None,
    };
    Some(Standing { ticket, card, place, message, mirrors })
}

/// Whether a message to be edited is older than Discord's lower limit allows to edit freely (its id tells its age).
fn is_old(act: &Act, now: Timestamp) -> bool {
    const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;
    let Act::Update { message, .. } = act else { return false };
    let Ok(snowflake) = message.id.parse::<i64>() else { return false };
    let posted_ms = (snowflake >> 22) + DISCORD_EPOCH_MS;
    now.as_millisecond() - posted_ms > i64::try_from(discord::EDIT_OLD_AGE.as_millis()).unwrap_or(i64::MAX)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
