//! Lays out an effect: turns an intent into the content of one call, with every address known, from the record as it is
//! now.

use std::collections::HashSet;

use super::limits::Cost;
use super::places::{self, UNREADABLE};
use super::{Dispatcher, signed};
use crate::domain::effect::{Destination, Effect, EffectKind, Lane, Post, Prior, Sent, SilentAct, Undeliverable};
use crate::domain::ids::{MessageRef, Place};
use crate::domain::limits;
use crate::domain::message::Message;
use crate::domain::standing::Standing;
use crate::domain::subject::Subject;
use crate::domain::view::{RenderedView, View, ViewRequest};
use crate::intake::text;
use crate::platform::Operation;
use crate::store::{Claim, Queued, Release, Settlement, StoreError, outbox, standing};

/// An effect that may start. Its call already counts in the windows.
pub(super) struct Ready {
    pub queued: Queued,
    pub addressed: Addressed,
    pub costs: Vec<Cost>,
}

/// Where an effect goes and by which call: enough to know which limits it counts against.
pub(super) struct Addressed {
    /// The call. The content of a view is not filled in yet.
    pub operation: Operation,
    /// The view that provides the content, if any.
    pub wanted: Option<ViewRequest>,
}

impl From<Operation> for Addressed {
    fn from(operation: Operation) -> Self {
        Self { operation, wanted: None }
    }
}

/// An effect with the complete content of one try, from the record as it is now.
pub(super) struct LaidOut {
    pub queued: Queued,
    pub operation: Operation,
    pub costs: Vec<Cost>,
    /// Whether nothing is left to say. The message of an earlier try is then only looked for. If it is found, it is put
    /// on record, and the effect behind this one removes it.
    pub only_look: bool,
    /// Whether the message does not change any more after this try.
    pub is_last: bool,
    /// What the tries of this effect have sent, this try included.
    pub sent: Vec<Sent>,
}

impl LaidOut {
    pub(super) fn claim(&self) -> Claim {
        Claim {
            effect: self.queued.id.clone(),
            revision: self.queued.revision,
            costs: self.costs.iter().map(|cost| cost.key.clone()).collect(),
            sent: self.sent.clone(),
        }
    }
}

impl Dispatcher {
    /// Returns where an effect goes and by which call. `None`: it was settled here, either because there is nothing to
    /// deliver, or because a fault of the program makes it unreadable. In the latter case it alone is held, and nothing
    /// behind it is blocked. `standing` holds the standing messages of the views that it needs.
    pub(super) async fn address_or_settle(
        &self,
        queued: &Queued,
        standing: &[Standing],
    ) -> Result<Option<Addressed>, StoreError> {
        let addressed = self.address(queued, standing).await;
        self.or_settle(queued, addressed).await
    }

    /// Fills in the content of these effects from the record as it is now. If the record changes before they are
    /// leased, they are not leased: their revision has changed, or another effect is queued behind them. Effects with
    /// nothing to say are settled here.
    pub(super) async fn lay_out(&self, ready: Vec<Ready>) -> Result<Vec<LaidOut>, StoreError> {
        let wanted: Vec<ViewRequest> = ready.iter().filter_map(|one| one.addressed.wanted.clone()).collect();
        let mut together = match self.intake.show(&wanted).await {
            Ok(shown) => Some(shown.into_iter()),
            Err(StoreError::Corrupt(_) | StoreError::Work(_)) => None,
            Err(error) => {
                ready.iter().for_each(|one| self.windows().undo(&one.costs, one.queued.lane));
                return Err(error);
            }
        };
        let mut all = Vec::with_capacity(ready.len());
        for one in ready {
            let shown = match (&one.addressed.wanted, &mut together) {
                (None, _) => Ok(None),
                (Some(_), Some(together)) => Ok(together.next().flatten()),
                (Some(wanted), None) => {
                    self.intake.show(std::slice::from_ref(wanted)).await.map(|mut shown| shown.pop().flatten())
                }
            };
            let (costs, lane) = (one.costs.clone(), one.queued.lane);
            let queued = one.queued.clone();
            let laid_out = match shown {
                Ok(shown) => self.fill_in(one, shown).await,
                Err(error) => Err(error),
            };
            match self.or_settle(&queued, laid_out).await? {
                Some(laid_out) => all.push(laid_out),
                None => self.windows().undo(&costs, lane),
            }
        }
        Ok(all)
    }

    async fn or_settle<T>(
        &self,
        queued: &Queued,
        laid_out: Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match laid_out {
            Err(error @ (StoreError::Corrupt(_) | StoreError::Work(_))) => {
                tracing::error!(
                    effect = %queued.id, about = %queued.effect.about, %error,
                    "the content of an effect cannot be built: the effect is held, and tried again every ten minutes"
                );
                let held = Settlement::Held { held_in: UNREADABLE.to_owned(), error: error.to_string(), unsure: false };
                self.end_unleased(queued, held).await?;
                Ok(None)
            }
            other => other,
        }
    }

    /// Fills in the content of a view, and an apology if the message is late. `None`: there was nothing to say, and the
    /// effect was settled.
    async fn fill_in(&self, ready: Ready, shown: Option<RenderedView>) -> Result<Option<LaidOut>, StoreError> {
        let Ready { queued, addressed: Addressed { operation, wanted }, costs } = ready;
        let (mut only_look, mut is_last) = (false, false);
        let operation = match (&wanted, shown, operation) {
            (None, _, operation) => operation,
            (Some(_), Some(shown), operation) => {
                is_last = shown.is_last;
                with_message(operation, shown.message)
            }
            // All the words that the line showed are deleted.
            (Some(ViewRequest { view: View::Lines { .. }, .. }), None, Operation::Update { message, .. }) => {
                Operation::Silent(SilentAct::Remove { message })
            }
            // The message of an earlier try is looked for all the same: the effect behind this one changes it.
            (
                Some(ViewRequest { view: View::Lines { .. } | View::Outage | View::OutageNews { .. }, .. }),
                None,
                operation,
            ) if queued.is_unsure() => {
                only_look = true;
                operation
            }
            (Some(wanted), None, _) => {
                // These views may have nothing to say, which is a normal end.
                let is_empty = matches!(wanted.view, View::Lines { .. } | View::Outage | View::OutageNews { .. });
                let end = if is_empty { Settlement::Done } else { Settlement::Failed(Undeliverable::Gone) };
                self.end_unleased(&queued, end).await?;
                return Ok(None);
            }
        };
        let operation = self.excused(&queued, operation);
        let mut sent = queued.sent.clone();
        if !only_look {
            sent.extend(self.platform.fingerprint(&queued.id, &operation).filter(|one| !queued.sent.contains(one)));
        }
        Ok(Some(LaidOut { queued, operation, costs, only_look, is_last, sent }))
    }

    /// Adds a remark to an answer that comes much later than it was decided.
    fn excused(&self, queued: &Queued, operation: Operation) -> Operation {
        let due = queued.effect.not_before.map_or(queued.created_at, |moment| moment.max(queued.created_at));
        let is_late = self.clock.now().duration_since(due) > signed(limits::UNTIMELY);
        if !is_late || queued.lane == Lane::Broadcast {
            return operation;
        }
        match operation {
            Operation::Post { to, message, thread_title } if !self.is_desk(&to) => {
                Operation::Post { to, message: text::late(message), thread_title }
            }
            Operation::Whisper { to, near, via, message } => {
                Operation::Whisper { to, near, via, message: text::late(message) }
            }
            Operation::Hint { to, place, reply_to, message } => {
                Operation::Hint { to, place, reply_to, message: text::late(message) }
            }
            Operation::Post { .. } | Operation::Update { .. } | Operation::Silent(_) => operation,
        }
    }

    fn is_desk(&self, place: &Place) -> bool {
        let rules = self.intake.rules();
        rules.triage.iter().any(|desk| desk.tenant == place.tenant && desk.channel() == place.channel())
    }

    async fn address(&self, queued: &Queued, standing: &[Standing]) -> Result<Option<Addressed>, StoreError> {
        let about = &queued.effect.about;
        Ok(Some(match &queued.effect.what {
            EffectKind::Say(Post { to: Destination::Place(to), message, thread_title, .. }) => {
                let (to, thread_title) = (to.clone(), thread_title.clone());
                Operation::Post { to, message: message.clone(), thread_title }.into()
            }
            EffectKind::Say(Post { to: Destination::UnderCard(channel), message, thread_title, .. }) => {
                let Some(to) = self.under_card(queued, channel, standing).await? else { return Ok(None) };
                Operation::Post { to, message: message.clone(), thread_title: thread_title.clone() }.into()
            }
            EffectKind::Show { view, at: Destination::UnderCard(channel), thread_title, .. } => {
                let Some(to) = self.under_card(queued, channel, standing).await? else { return Ok(None) };
                let operation = Operation::Post { to, message: Message::default(), thread_title: thread_title.clone() };
                Addressed { operation, wanted: Some(wanted(about, view, channel, true)) }
            }
            EffectKind::Show { view, at: Destination::Place(place), thread_title, .. } => {
                let message = Message::default();
                let operation = match stands_in(about, view.name(), place, standing) {
                    Some(message_ref) => Operation::Update { place: place.clone(), message: message_ref, to: message },
                    // The desk has another channel now. The ticket's card stands there, or will.
                    None if *view == View::Card && !self.is_desk(place) => {
                        self.end_unleased(queued, Settlement::Done).await?;
                        self.release_channel(place).await?;
                        return Ok(None);
                    }
                    None => Operation::Post { to: place.clone(), message, thread_title: thread_title.clone() },
                };
                let is_first = matches!(operation, Operation::Post { .. });
                Addressed { operation, wanted: Some(wanted(about, view, place, is_first)) }
            }
            EffectKind::Refresh { view: View::Lines { of, .. }, at } => {
                let Some(addressed) = self.lines_to_refresh(about, of, at).await? else {
                    self.end_unleased(queued, Settlement::Done).await?;
                    return Ok(None);
                };
                addressed
            }
            EffectKind::Refresh { view, at } => {
                let Some(message) = stands_in(about, view.name(), at, standing) else {
                    self.end_unleased(queued, Settlement::Done).await?;
                    return Ok(None);
                };
                let operation = Operation::Update { place: at.clone(), message, to: Message::default() };
                Addressed { operation, wanted: Some(wanted(about, view, at, false)) }
            }
            EffectKind::Silent(SilentAct::Look(look)) if look.is_too_late(self.clock.now()) => {
                let end = self.report_look(queued, None).await?;
                self.end_unleased(queued, end).await?;
                return Ok(None);
            }
            EffectKind::Silent(act) => Operation::Silent(act.clone()).into(),
            EffectKind::Whisper { to, near, via, message } => {
                let (to, near, via) = (to.clone(), near.clone(), via.clone());
                Operation::Whisper { to, near, via, message: message.clone() }.into()
            }
            EffectKind::Hint { to, place, reply_to, message } => {
                let (to, place, reply_to) = (to.clone(), place.clone(), reply_to.clone());
                Operation::Hint { to, place, reply_to, message: message.clone() }.into()
            }
            EffectKind::Spread { .. } | EffectKind::Do(_) => {
                return Err(StoreError::Work("this needs no platform".to_owned()));
            }
        }))
    }

    /// Returns the thread under the card in a channel. `None`: no card stands there, and the effect was queued behind
    /// one, held, or moved.
    async fn under_card(
        &self,
        queued: &Queued,
        channel: &Place,
        standing: &[Standing],
    ) -> Result<Option<Place>, StoreError> {
        if let Some(card) = stands_in(&queued.effect.about, View::Card.name(), channel, standing) {
            return Ok(Some(channel.thread(&card.id)));
        }
        if !self.is_desk(channel) {
            self.move_to_the_desk(queued, channel).await?;
            return Ok(None);
        }
        // While the channel refuses cards, the effect is held. Once that is fixed, a card is posted, and the effect
        // comes after it.
        let desk = places::posts_in(channel.channel());
        let refusal = self.knowledge().refusals.refusal(&desk, queued.released_at);
        match refusal {
            Some(refused) => self.hold_unleased(queued, &refused).await?,
            None => self.queue_behind_a_card(queued, channel).await?,
        }
        Ok(None)
    }

    /// Returns the call that refreshes the message showing the words of one of these messages in a channel. The view
    /// covers everything that this message shows.
    async fn lines_to_refresh(
        &self,
        about: &Subject,
        of: &[MessageRef],
        channel: &Place,
    ) -> Result<Option<Addressed>, StoreError> {
        let mut all = Vec::new();
        for of in of {
            all.extend(self.lines_in(channel, of).await?);
        }
        // Words that were moved to another ticket may stand under the cards of both tickets.
        let ours = all.iter().rposition(|shown| shown.about == *about);
        let Some(shown) = ours.map(|at| all.swap_remove(at)).or_else(|| all.pop()) else { return Ok(None) };
        let lines = standing::at(&mut *self.store.reader().await?, &shown.message).await?;
        let mut of: Vec<MessageRef> = lines.iter().filter_map(Standing::shows).collect();
        of.dedup();
        let wanted = wanted(&shown.about, &View::Lines { of, room: 0 }, channel, false);
        let operation = Operation::Update { place: shown.place, message: shown.message, to: Message::default() };
        Ok(Some(Addressed { operation, wanted: Some(wanted) }))
    }

    /// Returns the standing messages in a channel that show the words of one message.
    pub(super) async fn lines_in(&self, channel: &Place, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
        let here =
            |shown: &Standing| shown.place.tenant == channel.tenant && shown.place.channel() == channel.channel();
        let showing = standing::showing(&mut *self.store.reader().await?, of).await?;
        Ok(showing.into_iter().filter(here).collect())
    }

    /// Moves an effect and those waiting behind it to the desk's new channel: the desk's channel has changed since the
    /// effect was decided, and no card stands in the old one.
    async fn move_to_the_desk(&self, queued: &Queued, from: &Place) -> Result<(), StoreError> {
        self.release_channel(from).await?;
        let rules = self.intake.rules();
        let Some(to) = rules.triage.iter().find(|desk| desk.platform() == from.platform()).cloned() else {
            tracing::warn!(
                effect = %queued.id, about = %queued.effect.about, platform = %from.platform(),
                "an effect fails: the settings name no channel of the desk on its platform any more"
            );
            return self.end_unleased(queued, Settlement::Failed(Undeliverable::Gone)).await;
        };
        let (now, id) = (self.clock.now(), queued.id.clone());
        let moved = self.store.within(move |tx| {
            let (id, to) = (id.clone(), to.clone());
            Box::pin(async move {
                for mut effect in outbox::take_back(tx, &id, now).await? {
                    match &mut effect.what {
                        EffectKind::Say(Post { to: Destination::UnderCard(channel), .. })
                        | EffectKind::Show { at: Destination::UnderCard(channel), .. } => channel.clone_from(&to),
                        // Nothing stands in the old channel, and the card is shown in the new one anyway.
                        _ => continue,
                    }
                    outbox::enqueue(tx, &effect, Prior::Unknown, now).await?;
                }
                Ok(())
            })
        });
        ignore_conflict(moved.await)
    }

    /// Releases the effects that are held for posts into a channel that the desk no longer uses. Each is then addressed
    /// anew.
    async fn release_channel(&self, channel: &Place) -> Result<(), StoreError> {
        let (platform, held_in) = (self.platform.name(), places::posts_in(channel.channel()));
        self.knowledge().refusals.forget(&held_in);
        self.store
            .release(Release::In { outlet: platform.into(), held_in, limit: u32::MAX }, self.clock.now())
            .await
            .map(drop)
    }

    /// Queues a card, and the effect behind it, because no card stands to write under (it failed once, or the channel
    /// is new). This happens only once per effect.
    async fn queue_behind_a_card(&self, queued: &Queued, channel: &Place) -> Result<(), StoreError> {
        // A held card goes first; its delivery may show whether the problem is fixed.
        if self.store.release(Release::Card(queued.effect.order_key()), self.clock.now()).await? > 0 {
            return Ok(());
        }
        if queued.effect.was_requeued {
            tracing::error!(
                effect = %queued.id, about = %queued.effect.about,
                "a line under a card is dropped: its ticket has no card, and none can be posted"
            );
            return self.end_unleased(queued, Settlement::Failed(Undeliverable::Gone)).await;
        }
        let (now, id, about) = (self.clock.now(), queued.id.clone(), queued.effect.about.clone());
        let at = Destination::Place(channel.clone());
        let show = EffectKind::Show { view: View::Card, at, awaited: None, thread_title: None };
        let (card, intake) = (Effect::about(about.clone(), show), self.intake.clone());
        let queued_behind = self.store.within(move |tx| {
            let (card, id, about, intake) = (card.clone(), id.clone(), about.clone(), intake.clone());
            Box::pin(async move {
                intake.bump_version(tx, &about).await?;
                // Read as they are now: lines may have been joined to them since.
                let mut behind = outbox::take_back(tx, &id, now).await?.into_iter();
                let Some(first) = behind.next() else { return Ok(()) };
                outbox::enqueue(tx, &card, Prior::Unknown, now).await?;
                outbox::enqueue(tx, &Effect { was_requeued: true, ..first }, Prior::Unknown, now).await?;
                for effect in behind {
                    outbox::enqueue(tx, &effect, Prior::Unknown, now).await?;
                }
                Ok(())
            })
        });
        ignore_conflict(queued_behind.await)
    }

    /// Settles an effect that needs no delivery. If the effect was changed meanwhile, a later look handles it again.
    async fn end_unleased(&self, queued: &Queued, end: Settlement) -> Result<(), StoreError> {
        let now = self.clock.now();
        if self.store.settle_unleased(&queued.id, queued.revision, &self.worker, &end, now).await? {
            self.knowledge().refusals.ended(&queued.id);
        }
        Ok(())
    }
}

/// Ignores a conflict with a change made just now: a later look handles the effect again.
fn ignore_conflict(done: Result<(), StoreError>) -> Result<(), StoreError> {
    match done {
        Err(StoreError::Conflict) => Ok(()),
        other => other,
    }
}

fn with_message(operation: Operation, shown: Message) -> Operation {
    match operation {
        Operation::Update { place, message, .. } => Operation::Update { place, message, to: shown },
        Operation::Post { to, thread_title, .. } => Operation::Post { to, message: shown, thread_title },
        other => other,
    }
}

fn wanted(about: &Subject, view: &View, place: &Place, is_first: bool) -> ViewRequest {
    ViewRequest { about: about.clone(), view: view.clone(), place: place.clone(), is_first }
}

/// Returns the message in which a view of a subject stands in a place.
fn stands_in(about: &Subject, view: &str, place: &Place, standing: &[Standing]) -> Option<MessageRef> {
    let found = standing.iter().find(|one| one.about == *about && one.view == view && one.place == *place);
    found.map(|one| one.message.clone())
}

/// Returns the views whose messages must be known before these effects can be addressed.
pub(super) fn needed(of: &[Queued]) -> Vec<(Subject, &'static str, Place)> {
    let needs = |queued: &Queued| {
        let (view, place) = match &queued.effect.what {
            EffectKind::Say(Post { to: Destination::UnderCard(channel), .. })
            | EffectKind::Show { at: Destination::UnderCard(channel), .. } => (View::Card.name(), channel),
            what @ (EffectKind::Show { view, at: Destination::Place(at), .. } | EffectKind::Refresh { view, at })
                if what.is_replaceable() =>
            {
                (view.name(), at)
            }
            _ => return None,
        };
        Some((queued.effect.about.clone(), view, place.clone()))
    };
    of.iter().filter_map(needs).collect::<HashSet<_>>().into_iter().collect()
}
