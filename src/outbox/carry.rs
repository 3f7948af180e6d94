//! Carries out one delivery: looks whether an earlier try may stand, sends if the lease allows it, and settles the
//! effect.
//!
//! An awaited result comes back through the intake *before* the effect is settled. A crash between the two repeats
//! both, and the dedupe key makes the repetition harmless.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use futures_util::FutureExt as _;
use jiff::Timestamp;

use super::lay_out::LaidOut;
use super::places::{Refused, Verb};
use super::{Dispatcher, backoff, counting, places, signed};
use crate::clock::real;
use crate::domain::effect::{Awaited, Effect, EffectKind, Prior, SilentAct, Undeliverable};
use crate::domain::event::{DedupeKey, DeliverySettled, Event, EventKind, Found, LookFor};
use crate::domain::ids::{MessageRef, Place};
use crate::domain::outcome::Outcome;
use crate::domain::standing::{SAID, Standing};
use crate::domain::view::View;
use crate::health::Kind;
use crate::platform::{Absence, Delivery, DeliveryError, Operation, Receipt};
use crate::store::{Queued, Release, Settled, Settlement, StoreError, Work, keys, outbox};
use crate::trial;

/// The least number of tries before an effect can be held, however long it has been failing.
const TRIES_AT_LEAST: u32 = 5;

/// An effect that this process has leased and may deliver.
pub(super) struct Leased {
    pub laid_out: LaidOut,
    /// A moment just before the lease began.
    pub since: Instant,
    /// Whether this delivery is the breaker's probe, which shows whether the platform is back.
    pub is_probe: bool,
}

/// The messages that this process posted, or may have posted, on the platform.
#[derive(Default)]
struct Tries {
    /// Messages that certainly stand.
    posted: Vec<MessageRef>,
    /// A delivery whose outcome is unknown.
    unsure: Option<Delivery>,
}

impl Dispatcher {
    /// Carries out one delivery and settles it. A panic counts as a failed try.
    pub(super) async fn carry(&self, leased: Leased) {
        let Leased { laid_out, since, is_probe } = leased;
        let (mut tries, verb) = (Tries::default(), places::verb(&laid_out.operation));
        let tried = AssertUnwindSafe(self.attempt(&laid_out, since, &mut tries)).catch_unwind().await;
        let LaidOut { queued, costs, .. } = laid_out;
        self.windows().end(&costs, self.clock.now());
        if is_probe {
            self.knowledge().breaker.end_probe();
        }
        let end = tried.unwrap_or_else(|_| {
            tracing::error!("a delivery panicked; its message is looked for, and it is tried again");
            Ok(self.retry(&queued, None, true, "a panic while delivering"))
        });
        // The store failed after the try, so its outcome counts as unknown: it is looked for before the effect is sent
        // again. Until the end is stored, the effect stays leased.
        let end = end.unwrap_or_else(|error| self.retry(&queued, None, true, &error.to_string()));
        let end = self.hold_if_stuck(&queued, verb, end).await;
        trial::point("before_settle");
        self.settle(&queued, end, &tries).await;
    }

    /// Holds an effect that keeps failing on its own while others of its kind are delivered, so that the effects behind
    /// it go on. While the platform as a whole takes nothing, no effect counts as failing on its own.
    async fn hold_if_stuck(&self, queued: &Queued, verb: Verb, end: Settlement) -> Settlement {
        let Settlement::Retry { at, error, unsure, counts } = &end else {
            self.knowledge().refusals.ended(&queued.id);
            return end;
        };
        tracing::warn!(
            error, again_at = %at, unsure,
            "an effect is not delivered yet: it is tried again (if `unsure`, its message is looked for first)"
        );
        if !*counts {
            return end;
        }
        let now = self.clock.now();
        let is_alone = self.knowledge().refusals.failed(&queued.id, verb, self.timing.retry_limit, now);
        if !is_alone || queued.attempts < TRIES_AT_LEAST {
            return end;
        }
        if matches!(queued.effect.what, EffectKind::Silent(SilentAct::OpenDirect { .. })) {
            // The requester gets the words back, so that they do not stay stuck in the outbox.
            tracing::error!(error, "a direct conversation cannot be opened, try after try; its requester is told");
            return self.report_direct(queued, Err(Undeliverable::Stuck)).await.unwrap_or(end);
        }
        if matches!(queued.effect.what, EffectKind::Silent(SilentAct::Look(_))) {
            tracing::error!(
                error,
                "a message cannot be read, try after try, while others are delivered; the desk decides without it"
            );
            return self.report_look(queued, None).await.unwrap_or(end);
        }
        tracing::error!(error, "an effect is held: it alone is refused, try after try; see `deskbell effects --held`");
        match self.report_end(queued, Err(Undeliverable::Stuck)).await {
            Ok(()) => {
                let held_in = self.knowledge().refusals.stuck(&queued.id, error, now);
                Settlement::Held { held_in, error: error.clone(), unsure: *unsure }
            }
            Err(_) => end,
        }
    }

    /// Holds an effect without a call, because its place has refused other effects lately.
    pub(super) async fn hold_unleased(&self, queued: &Queued, refused: &Refused) -> Result<(), StoreError> {
        let Refused { held_in, reason, detail } = refused;
        tracing::debug!(effect = %queued.id, by = held_in, %reason, "an effect is held untried: its place refuses");
        self.report_end(queued, Err(*reason)).await?;
        let end = Settlement::Held { held_in: held_in.clone(), error: format!("{reason}: {detail}"), unsure: false };
        let now = self.clock.now();
        let settled = self.store.settle(&queued.id, &self.worker, end.clone(), now).await?;
        // Another process may have taken the effect meanwhile; then nothing was stored.
        if matches!(settled, Settled::Kept) {
            counting::settled(self.platform.name(), queued, &end, now);
        }
        Ok(())
    }

    /// Stores how the delivery ended, however long that takes. If another process took the effect over meanwhile and
    /// posted messages of its own, the messages of this process are second copies and are removed.
    async fn settle(&self, queued: &Queued, end: Settlement, tries: &Tries) {
        loop {
            match self.store.settle_soon(&queued.id, &self.worker, end.clone(), self.clock.now()).await {
                Ok(Settled::Kept) => return counting::settled(self.platform.name(), queued, &end, self.clock.now()),
                Ok(Settled::Taken(_)) if trial::without("fencing") => return,
                Ok(Settled::Taken(Some(theirs))) => {
                    self.withdraw(queued, &tries.posted, &theirs).await;
                    return self.withdraw_late(queued, tries, &theirs).await;
                }
                Ok(Settled::Taken(None)) if tries.posted.is_empty() && tries.unsure.is_none() => return,
                Ok(Settled::Taken(None)) => {}
                Err(error) => tracing::warn!(%error, "the result of a delivery cannot be stored; trying again"),
            }
            real::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn withdraw(&self, queued: &Queued, posted: &[MessageRef], theirs: &[MessageRef]) {
        if theirs.is_empty() {
            return;
        }
        for message in posted.iter().filter(|message| !theirs.contains(message)) {
            tracing::warn!(posted = %message, "another process has delivered this effect, too: this copy is removed");
            let operation = Operation::Silent(SilentAct::Remove { message: message.clone() });
            let delivery = delivery(queued, operation);
            if let Err(error) = self.platform.deliver(&delivery).await {
                tracing::error!(%error, posted = %message, "a duplicate message cannot be removed: delete it by hand");
            }
        }
    }

    /// Removes a late second copy. A call that timed out may still come through, and a process that was frozen in a
    /// call sends it after its thaw. The message of that call then stands beside the other process's message, and no
    /// receipt names it.
    async fn withdraw_late(&self, queued: &Queued, tries: &Tries, theirs: &[MessageRef]) {
        let Some(delivery) = tries.unsure.as_ref().filter(|_| !theirs.is_empty()) else { return };
        for wait in [Duration::ZERO, self.timing.call_timeout] {
            real::sleep(wait).await;
            match self.platform.find_second(delivery, theirs).await {
                Ok(second) => self.withdraw(queued, second.as_slice(), theirs).await,
                Err(error) => tracing::warn!(
                    %error, about = %queued.effect.about, first = theirs.first().map(tracing::field::display),
                    "a second copy of the message `first` may stand and cannot be looked for: if it does, delete it"
                ),
            }
        }
    }

    /// Makes one try at a delivery.
    async fn attempt(&self, laid_out: &LaidOut, since: Instant, tries: &mut Tries) -> Result<Settlement, StoreError> {
        let queued = &laid_out.queued;
        let delivery = delivery(queued, laid_out.operation.clone());
        let looked = self.look(queued, &delivery).await;
        if looked.is_none()
            && let Some(at) = self.too_early_to_repeat(queued, &delivery.operation)
        {
            let error = "an earlier try may have posted it, and the history may not show that yet".to_owned();
            return Ok(Settlement::Retry { at, unsure: false, counts: false, error });
        }
        let result = match looked {
            Some(looked) => looked,
            None if laid_out.only_look => return Ok(Settlement::Done),
            None => {
                trial::point("before_write");
                // Checked last: a process that was frozen here must not send an effect that another process has taken
                // over.
                if !self.may_send(since) {
                    let error = "the lease ended before it could be sent".to_owned();
                    let at = self.clock.now();
                    return Ok(Settlement::Retry { at, unsure: queued.is_unsure(), counts: false, error });
                }
                let result = self.within_time(trial::in_flight(self.platform.deliver(&delivery))).await;
                self.learn(&result);
                result
            }
        };
        if let Err(DeliveryError::Unknown { .. }) = &result {
            tries.unsure = Some(delivery.clone());
        }
        self.judge(laid_out, &delivery, result, &mut tries.posted).await
    }

    /// Tells the breaker what the result of a delivery shows about the platform as a whole.
    fn learn(&self, result: &Result<Receipt, DeliveryError>) {
        let now = self.clock.now();
        match result.as_ref().map_err(DeliveryError::absence) {
            Err(Some((cause, detail))) => self.platform_failed(cause, detail, now),
            Ok(_) | Err(None) => self.platform_answered(now),
        }
    }

    /// Returns the moment from which on an empty history proves that an earlier try posted nothing, if it is still to
    /// come. `None`: the effect may be sent now.
    fn too_early_to_repeat(&self, queued: &Queued, operation: &Operation) -> Option<Timestamp> {
        let is_post = matches!(operation, Operation::Post { .. } | Operation::Hint { .. });
        let tried_at = queued.unsure_at.filter(|_| is_post && !trial::without("reconcile"))?;
        let believed_at = tried_at + signed(self.platform.history_lag());
        (self.clock.now() < believed_at).then_some(believed_at)
    }

    /// Looks for the message of an earlier try, if one may stand. `None`: nothing was found, or there is nothing to
    /// look for. A failed look-up proves nothing about the message.
    async fn look(&self, queued: &Queued, delivery: &Delivery) -> Option<Result<Receipt, DeliveryError>> {
        if !queued.is_unsure() || trial::without("reconcile") {
            return None;
        }
        let found = self.within_time(self.platform.find(delivery)).await.transpose()?;
        // A readable history does not show that the platform takes messages, so only failures are noted here.
        if let Err(Some((cause, detail))) = found.as_ref().map_err(DeliveryError::absence) {
            self.platform_failed(cause, detail, self.clock.now());
        }
        Some(found)
    }

    /// Whether a call that begins now is certain to end before the lease does.
    fn may_send(&self, since: Instant) -> bool {
        trial::without("fencing") || self.timing.lease.saturating_sub(since.elapsed()) > self.timing.call_timeout
    }

    async fn within_time<T>(&self, call: impl Future<Output = Result<T, DeliveryError>>) -> Result<T, DeliveryError> {
        let timed = tokio::time::timeout(self.timing.call_timeout, call).await;
        timed.unwrap_or_else(|_| {
            Err(DeliveryError::Unknown { cause: Absence::Failing, detail: "it took too long".to_owned() })
        })
    }

    /// Decides the settlement that follows from the result of a try.
    async fn judge(
        &self,
        laid_out: &LaidOut,
        delivery: &Delivery,
        mut result: Result<Receipt, DeliveryError>,
        posted: &mut Vec<MessageRef>,
    ) -> Result<Settlement, StoreError> {
        let LaidOut { queued, costs, is_last, .. } = laid_out;
        // Somebody deleted the message of the view. A `Show` is posted anew, by a new try that can be looked for like
        // any post. After a `Refresh` the message stays deleted.
        if let (
            Operation::Update { message, .. },
            Err(DeliveryError::Permanent { reason: Undeliverable::Gone | Undeliverable::ChannelGone, .. }),
        ) = (&delivery.operation, &result)
        {
            if matches!(queued.effect.what, EffectKind::Show { .. }) {
                return Ok(Settlement::Repost(message.clone()));
            }
            result = Ok(Receipt::Changed);
        }
        let now = self.clock.now();
        if result.is_ok() {
            self.open_place(&delivery.operation, now).await?;
        }
        match result {
            Ok(Receipt::Posted(message)) => {
                posted.push(message);
                self.posted(laid_out, delivery, posted).await
            }
            Ok(Receipt::PostedInParts(parts)) => {
                posted.extend(parts);
                self.posted(laid_out, delivery, posted).await
            }
            Ok(Receipt::PostedBriefly(message, how_long)) => {
                posted.push(message.clone());
                self.remove_later(queued, message.clone(), now + signed(how_long)).await?;
                Ok(Settlement::Posted { messages: vec![message], stands: Vec::new(), also: Vec::new() })
            }
            Ok(Receipt::Changed) => match &queued.effect.what {
                EffectKind::Silent(SilentAct::Remove { message }) => Ok(Settlement::Removed(vec![message.clone()])),
                EffectKind::Refresh { view: View::Lines { of, .. }, at } => {
                    self.remove_other_parts(queued, delivery, at, of).await
                }
                _ => match &delivery.operation {
                    Operation::Update { message, .. } if *is_last => Ok(Settlement::Removed(vec![message.clone()])),
                    _ => Ok(Settlement::Done),
                },
            },
            Ok(Receipt::Whispered) => Ok(Settlement::Done),
            Ok(Receipt::Read(messages, truncated)) => {
                let what = EventKind::ThreadRead { about: queued.effect.about.clone(), messages, truncated };
                self.intake.handle(Event { key: DedupeKey::effect(&queued.id), at: now, what }).await?;
                Ok(Settlement::Done)
            }
            Ok(Receipt::Looked(found)) => {
                self.update_guard_condition(&delivery.operation, None);
                self.report_look(queued, Some(found)).await
            }
            Ok(Receipt::Opened(place)) => self.report_direct(queued, Ok(place)).await,
            Err(DeliveryError::Permanent { reason, detail })
                if matches!(queued.effect.what, EffectKind::Silent(SilentAct::OpenDirect { .. })) =>
            {
                tracing::warn!(%reason, detail, "a direct conversation cannot be opened; the person who asked is told");
                self.report_direct(queued, Err(reason)).await
            }
            Err(DeliveryError::RateLimited { retry_after, global }) => {
                let until = now + signed(retry_after);
                self.windows().block(costs, global, until);
                let error = format!("rate limited for {retry_after:?}");
                Ok(Settlement::Retry { at: until, unsure: false, counts: false, error })
            }
            Err(DeliveryError::Temporary(error)) => Ok(self.retry(queued, Some(now), false, &error)),
            Err(DeliveryError::Away { detail, .. }) => Ok(self.retry_once_back(queued, now, false, &detail)),
            Err(DeliveryError::Unknown { detail, .. }) => Ok(self.retry_once_back(queued, now, true, &detail)),
            Err(DeliveryError::Astray { message, is_removed }) => {
                let reason = Undeliverable::Gone;
                tracing::warn!(
                    posted = %message, is_removed,
                    "a message was posted in another place than meant: its effect fails, and the message is removed \
                     (later, if `is_removed` is false)"
                );
                if !is_removed {
                    self.remove_later(queued, message, now).await?;
                }
                self.report_end(queued, Err(reason)).await?;
                Ok(Settlement::Failed(reason))
            }
            Err(DeliveryError::Permanent { reason, detail })
                if matches!(queued.effect.what, EffectKind::Silent(SilentAct::Look(_))) =>
            {
                tracing::warn!(%reason, detail, "a message cannot be read; the desk decides without it");
                self.update_guard_condition(&delivery.operation, Some(reason));
                self.report_look(queued, None).await
            }
            Err(DeliveryError::Permanent { reason, detail }) if reason.is_mendable() => {
                let held_in = self.knowledge().refusals.refused(&delivery.operation, reason, &detail, now);
                tracing::warn!(
                    %reason, detail, by = held_in, about = %queued.effect.about,
                    "an effect is held, since `by` refuses it: fix that, then `deskbell effects retry --all` sends it"
                );
                self.update_desk_condition(&delivery.operation, reason);
                self.report_end(queued, Err(reason)).await?;
                Ok(Settlement::Held { held_in, error: format!("{reason}: {detail}"), unsure: false })
            }
            Err(DeliveryError::Permanent { reason, detail }) => {
                tracing::warn!(
                    %reason, detail, about = %queued.effect.about,
                    "an effect can never be delivered: it has failed, and its words are deleted"
                );
                self.report_end(queued, Err(reason)).await?;
                Ok(Settlement::Failed(reason))
            }
        }
    }

    /// Hands the result of looking up a requester's direct conversation to the intake: the conversation, or why there
    /// is none.
    async fn report_direct(
        &self,
        queued: &Queued,
        place: Result<Place, Undeliverable>,
    ) -> Result<Settlement, StoreError> {
        let EffectKind::Silent(SilentAct::OpenDirect { request }) = &queued.effect.what else {
            return Ok(Settlement::Done);
        };
        let what = EventKind::DirectOpened { request: (**request).clone(), place };
        self.intake.handle(Event { key: DedupeKey::effect(&queued.id), at: self.clock.now(), what }).await?;
        Ok(Settlement::Done)
    }

    /// Hands a message and the messages before it to the intake, or `None` if they cannot be read.
    pub(super) async fn report_look(
        &self,
        queued: &Queued,
        found: Option<Box<Found>>,
    ) -> Result<Settlement, StoreError> {
        let EffectKind::Silent(SilentAct::Look(look)) = &queued.effect.what else { return Ok(Settlement::Done) };
        let what = EventKind::Looked { look: (**look).clone(), found };
        self.intake.handle(Event { key: DedupeKey::effect(&queued.id), at: self.clock.now(), what }).await?;
        Ok(Settlement::Done)
    }

    /// Notes that an operation succeeded in its place, and releases the effects that are held there.
    async fn open_place(&self, operation: &Operation, now: Timestamp) -> Result<(), StoreError> {
        let platform = self.platform.name();
        let opened = self.knowledge().refusals.opened(operation, now);
        for held_in in opened {
            if self.desk_channel(operation).is_some() {
                self.health.clear(platform, Kind::Triage);
            }
            let place = held_in.clone();
            let effects =
                self.store.release(Release::In { outlet: platform.into(), held_in, limit: u32::MAX }, now).await?;
            if effects > 0 {
                tracing::info!(place, effects, "a place takes messages again; its held effects are sent now");
            }
        }
        Ok(())
    }

    /// Returns the desk's channel, if the operation posts into it.
    fn desk_channel<'a>(&self, operation: &'a Operation) -> Option<&'a Place> {
        let Operation::Post { to, .. } = operation else { return None };
        let rules = self.intake.rules();
        rules.triage.iter().any(|desk| desk.tenant == to.tenant && desk.channel() == to.channel()).then_some(to)
    }

    /// Raises a condition if the desk's channel refuses a post: nobody on the desk sees the waiting requests.
    fn update_desk_condition(&self, operation: &Operation, reason: Undeliverable) {
        if self.desk_channel(operation).is_some() {
            let detail = format!("the desk's channel takes no cards: {reason}");
            self.health.raise(self.platform.name(), Kind::Triage, detail, self.clock.now());
        }
    }

    /// Raises or clears the condition that the guard can only count pings of staff in some channels, because the bot
    /// may not read the messages before a ping there. `refused` is the reason. `None` means that the messages were
    /// read.
    fn update_guard_condition(&self, operation: &Operation, refused: Option<Undeliverable>) {
        let Operation::Silent(SilentAct::Look(look)) = operation else { return };
        // A channel that is closed or gone brings no more pings.
        if !matches!(look.why, LookFor::Judge(_)) || !matches!(refused, None | Some(Undeliverable::NotPermitted)) {
            return;
        }
        // The condition is raised and cleared under the lock: several deliveries end at once.
        let mut knowledge = self.knowledge();
        let (channel, platform) = (look.place.channel(), self.platform.name());
        let is_new = match refused {
            Some(_) => knowledge.unreadable_channels.insert(channel.to_owned()),
            None => knowledge.unreadable_channels.remove(channel),
        };
        if !is_new {
            return;
        }
        match knowledge.unreadable_channels.len() {
            0 => self.health.clear(platform, Kind::Guard),
            1 => self.health.raise(platform, Kind::Guard, "in a channel", self.clock.now()),
            some => self.health.raise(platform, Kind::Guard, format!("in {some} channels"), self.clock.now()),
        }
    }

    /// Returns the settlement of a posted delivery, after telling the person who waits for it.
    async fn posted(
        &self,
        laid_out: &LaidOut,
        delivery: &Delivery,
        messages: &[MessageRef],
    ) -> Result<Settlement, StoreError> {
        let queued = &laid_out.queued;
        if let Some(last) = messages.last() {
            self.report_end(queued, Ok(last.clone())).await?;
        }
        tracing::debug!("posted");
        let stands = if laid_out.is_last { Vec::new() } else { standing_messages(queued, delivery, messages) };
        let also = stands
            .iter()
            .filter_map(|one| self.intake.card_thread_binding(one).transpose())
            .collect::<Result<_, _>>()?;
        Ok(Settlement::Posted { messages: messages.to_vec(), stands, also })
    }

    /// Removes the other parts of a mirrored message that stands in several parts. This delivery has changed or removed
    /// one part, and no other part is to remain.
    async fn remove_other_parts(
        &self,
        queued: &Queued,
        delivery: &Delivery,
        channel: &Place,
        of: &[MessageRef],
    ) -> Result<Settlement, StoreError> {
        let (mut gone, mut all) = (Vec::new(), Vec::new());
        for of in of {
            all.extend(self.lines_in(channel, of).await?);
        }
        for shown in all {
            match &delivery.operation {
                Operation::Update { message, .. } if *message == shown.message => continue,
                Operation::Silent(SilentAct::Remove { message }) if *message == shown.message => {}
                _ => {
                    let operation = Operation::Silent(SilentAct::Remove { message: shown.message.clone() });
                    if let Err(error) = self.platform.deliver(&Delivery { operation, ..delivery.clone() }).await {
                        return Ok(self.retry(queued, None, false, &error.to_string()));
                    }
                }
            }
            gone.push(shown.message);
        }
        Ok(Settlement::Removed(gone))
    }

    /// Reports the end of a delivery to the intake as an event, if somebody waits for it. The success of a notice is
    /// not reported.
    async fn report_end(&self, queued: &Queued, result: Result<MessageRef, Undeliverable>) -> Result<(), StoreError> {
        let Some(awaited) = queued.effect.what.awaited() else { return Ok(()) };
        if *awaited == Awaited::Notice && result.is_ok() {
            return Ok(());
        }
        // The waiting person was told that the delivery is held. The success is an event with a key of its own, so that
        // the person hears of it, too.
        let is_late = queued.was_held() && result.is_ok();
        let key = if is_late { DedupeKey::effect_after_all(&queued.id) } else { DedupeKey::effect(&queued.id) };
        let about = queued.effect.about.clone();
        let settled = DeliverySettled { effect: queued.id.clone(), about, awaited: awaited.clone(), result };
        let what = EventKind::DeliverySettled(settled);
        self.intake.handle(Event { key, at: self.clock.now(), what }).await?;
        Ok(())
    }

    async fn remove_later(&self, queued: &Queued, message: MessageRef, at: Timestamp) -> Result<(), StoreError> {
        let remove = Effect::about(queued.effect.about.clone(), SilentAct::Remove { message }.into());
        let remove = Effect { not_before: Some(at), ..remove };
        self.enqueue_once(DedupeKey::effect_removed(&queued.id), remove).await
    }

    async fn enqueue_once(&self, key: DedupeKey, effect: Effect) -> Result<(), StoreError> {
        let now = self.clock.now();
        let work: Work = Arc::new(move |tx| {
            let (effect, key) = (effect.clone(), key.clone());
            Box::pin(async move {
                if keys::knows(tx, &key).await? {
                    return Ok(Outcome::Repeated);
                }
                keys::remember(tx, &key, now)?;
                outbox::enqueue(tx, &effect, Prior::Unknown, now).await?;
                Ok(Outcome::Done(None))
            })
        });
        self.store.transact(work).await?;
        Ok(())
    }

    /// Retries once the platform takes messages again or, while the breaker is still closed, after the usual wait. With
    /// an open breaker the try does not count as a failure of the effect.
    fn retry_once_back(&self, queued: &Queued, now: Timestamp, unsure: bool, error: &str) -> Settlement {
        if self.knowledge().breaker.open().is_some() {
            return Settlement::Retry { at: now, unsure, counts: false, error: error.to_owned() };
        }
        self.retry(queued, Some(now), unsure, error)
    }

    fn retry(&self, queued: &Queued, now: Option<Timestamp>, unsure: bool, error: &str) -> Settlement {
        let wait = backoff::wait(queued.attempts + 1, real::random());
        let at = now.unwrap_or_else(|| self.clock.now()) + signed(wait);
        Settlement::Retry { at, unsure, counts: true, error: error.to_owned() }
    }
}

fn delivery(queued: &Queued, operation: Operation) -> Delivery {
    Delivery { effect: queued.id.clone(), since: queued.created_at, sent: queued.sent.clone(), operation }
}

/// Returns these messages as standing messages, if their subject needs to find them again.
fn standing_messages(queued: &Queued, delivery: &Delivery, messages: &[MessageRef]) -> Vec<Standing> {
    let place = match &delivery.operation {
        Operation::Post { to, .. } => to.clone(),
        Operation::Update { place, .. } => place.clone(),
        Operation::Silent(_) | Operation::Whisper { .. } | Operation::Hint { .. } => return Vec::new(),
    };
    let (about, what) = (&queued.effect.about, &queued.effect.what);
    let (view, slots) = match what {
        EffectKind::Show { view: view @ View::Lines { of, .. }, .. } => {
            (view.name(), of.iter().map(ToString::to_string).collect())
        }
        EffectKind::Show { view, .. } => (view.name(), vec![String::new()]),
        _ if about.ticket().is_some() => (SAID, vec![queued.id.to_string()]),
        _ => return Vec::new(),
    };
    let mut all = Vec::with_capacity(messages.len() * slots.len());
    for (part, message) in (0..).zip(messages) {
        let one = Standing {
            about: about.clone(),
            view: view.to_owned(),
            slot: String::new(),
            part,
            place: place.clone(),
            message: message.clone(),
        };
        all.extend(slots.iter().map(|slot| Standing { slot: slot.clone(), ..one.clone() }));
    }
    all
}
