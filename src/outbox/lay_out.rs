//! Laying out an effect: from an intent to one call's content, with every address known, as the record is now.

use std::borrow::Cow;
use std::sync::Arc;

use super::places::{self, UNREADABLE};
use super::{Dispatcher, signed};
use crate::desk::conversation::state::Record;
use crate::desk::tickets::state::Ticket;
use crate::desk::{conversation, tickets};
use crate::domain::effect::{Destination, Effect, EffectKind, Lane, Undeliverable, joined_chars};
use crate::domain::ids::{MessageRef, Place, TicketId};
use crate::domain::limits;
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::standing::Standing;
use crate::intake::text;
use crate::platform::Act;
use crate::store::{Current, Queued, Release, Settlement, StoreError, Work, outbox, standing};

/// What one try says, as the record is now.
pub(super) struct Filled {
    /// What is to be sent. `None`: nothing is left to say, but an earlier try may stand, and what is queued behind it takes
    /// that away once it is known.
    pub say: Option<Act>,
    /// What an earlier try may have sent, if that is something else.
    pub said_before: Vec<Act>,
}

impl From<Act> for Filled {
    fn from(act: Act) -> Self {
        Self { say: Some(act), said_before: Vec::new() }
    }
}

impl Dispatcher {
    /// Where an effect goes and how: enough to know which limits it counts against. `None`: it was settled here, since there
    /// is nothing to deliver, or it cannot be read by a fault of ours: then it fails alone, and stops nothing behind it.
    pub(super) async fn address_or_settle(
        &self,
        queued: &Queued,
        cards: &[Standing],
    ) -> Result<Option<Act>, StoreError> {
        let addressed = self.address(queued, cards).await;
        self.or_settle(queued, addressed).await
    }

    /// What it says, as the record is now. Only once it is leased: a card that changes later is queued anew.
    /// `gone` has no words any more; `ticket` is the effect's as it was read since then, if it was.
    pub(super) async fn fill_in_or_settle(
        &self,
        queued: &Queued,
        act: Act,
        gone: &[MessageRef],
        ticket: Option<Ticket>,
    ) -> Result<Option<Filled>, StoreError> {
        let filled_in = self.fill_in(queued, act, gone, ticket).await;
        self.or_settle(queued, filled_in).await
    }

    /// The effect as it is now that it is leased: up to then, lines may have been joined to a mirror's. And those of the
    /// messages it shows whose words are gone. `None`: it has ended, or cannot be read.
    pub(super) async fn as_leased<'q>(
        &self,
        queued: &'q Queued,
        current: Option<(Current, Vec<MessageRef>)>,
    ) -> Result<Option<(Cow<'q, Queued>, Vec<MessageRef>)>, StoreError> {
        if !queued.effect.what.is_mirror() {
            return Ok(Some((Cow::Borrowed(queued), Vec::new())));
        }
        let current = match current {
            Some(current) => Some(current),
            None => {
                let mut reader = self.store.reader().await?;
                let read = self.current(&mut *reader, std::slice::from_ref(&queued.id)).await;
                self.or_settle(queued, read.map(|mut read| read.pop())).await?
            }
        };
        Ok(current.map(|(Current { what, .. }, gone)| {
            (Cow::Owned(Queued { effect: Effect { what, ..queued.effect.clone() }, ..queued.clone() }), gone)
        }))
    }

    async fn or_settle<T>(
        &self,
        queued: &Queued,
        laid_out: Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match laid_out {
            Err(error @ (StoreError::Corrupt(_) | StoreError::Work(_))) => {
                tracing::error!(effect = %queued.id, %error, "an effect cannot be laid out; it is kept");
                let held = Settlement::Held { by: UNREADABLE.to_owned(), error: error.to_string(), unsure: false };
                self.end_unleased(queued, held).await?;
                Ok(None)
            }
            other => other,
        }
    }

    async fn fill_in(
        &self,
        queued: &Queued,
        act: Act,
        gone: &[MessageRef],
        ticket: Option<Ticket>,
    ) -> Result<Option<Filled>, StoreError> {
        match (&queued.effect.what, act) {
            (EffectKind::Post { message, mirrors, .. }, Act::Post { to, thread_title, .. }) if !mirrors.is_empty() => {
                let post = |message: &Message| Act::Post {
                    to: to.clone(),
                    message: message.clone(),
                    thread_title: thread_title.clone(),
                };
                let say = match queued.effect.what.without(gone) {
                    Some(EffectKind::Post { message, .. }) => Some(post(&message)),
                    _ => None,
                };
                if say.is_none() && !queued.is_unsure() {
                    self.end_unleased(queued, Settlement::Done).await?;
                    return Ok(None);
                }
                let said_before = (queued.is_unsure() && !gone.is_empty()).then(|| post(message));
                Ok(Some(Filled { say, said_before: said_before.into_iter().collect() }))
            }
            (EffectKind::ShowCard { channel }, act) => {
                let Some(text) = self.card_text(queued, channel, ticket).await? else {
                    self.end_unleased(queued, Settlement::Failed(Undeliverable::Gone)).await?;
                    return Ok(None);
                };
                let shown = match act {
                    Act::Update { place, message, .. } => Act::Update { place, message, to: text },
                    Act::Post { to, thread_title, .. } => Act::Post { to, message: text, thread_title },
                    other => other,
                };
                Ok(Some(shown.into()))
            }
            (EffectKind::RefreshMirror { .. }, _) => Ok(self.address(queued, &[]).await?.map(Filled::from)),
            (_, act) => Ok(Some(self.excused(queued, act))),
        }
    }

    /// An answer that comes much later than it was decided says so. Who looks for an earlier try looks for one without that.
    fn excused(&self, queued: &Queued, act: Act) -> Filled {
        let due = queued.effect.not_before.map_or(queued.created_at, |moment| moment.max(queued.created_at));
        let is_late = self.clock.now().duration_since(due) > signed(limits::UNTIMELY);
        if !is_late || queued.lane == Lane::Broadcast {
            return act.into();
        }
        let late = |message: &Message| text::late(message.clone());
        let excused = match &act {
            Act::Post { to, message, thread_title } if !self.is_desk(to) => {
                Act::Post { to: to.clone(), message: late(message), thread_title: thread_title.clone() }
            }
            Act::Whisper { to, near, via, message } => {
                Act::Whisper { to: to.clone(), near: near.clone(), via: via.clone(), message: late(message) }
            }
            Act::Hint { to, place, reply_to, message } => {
                Act::Hint { to: to.clone(), place: place.clone(), reply_to: reply_to.clone(), message: late(message) }
            }
            Act::Post { .. } | Act::Update { .. } | Act::Remove { .. } | Act::React { .. } | Act::ReadThread { .. } => {
                return act.into();
            }
        };
        let said_before = if queued.is_unsure() { vec![act] } else { Vec::new() };
        Filled { say: Some(excused), said_before }
    }

    fn is_desk(&self, place: &Place) -> bool {
        let rules = self.intake.rules();
        rules.triage.iter().any(|desk| desk.tenant == place.tenant && desk.channel() == place.channel())
    }

    /// `cards` are those of its ticket that stand.
    async fn address(&self, queued: &Queued, cards: &[Standing]) -> Result<Option<Act>, StoreError> {
        let act = match &queued.effect.what {
            EffectKind::Post { to: Destination::Place(to), message, thread_title, .. } => {
                Act::Post { to: to.clone(), message: message.clone(), thread_title: thread_title.clone() }
            }
            EffectKind::Post { to: Destination::UnderCard(channel), message, thread_title, .. } => {
                let Some(card) = card_in(queued, channel, cards) else {
                    if !self.is_desk(channel) {
                        self.move_to_the_desk(queued, channel).await?;
                        return Ok(None);
                    }
                    // Where no card can be had, there will be one once that is mended, and then this comes after it.
                    let desk = places::posts_in(channel.channel());
                    let refusal = self.knowledge().places.refusal(&desk, queued.released_at);
                    match refusal {
                        Some(refused) => self.hold_unleased(queued, &refused).await?,
                        None => self.queue_behind_a_card(queued, channel).await?,
                    }
                    return Ok(None);
                };
                let to = channel.thread(&card.message.id);
                Act::Post { to, message: message.clone(), thread_title: thread_title.clone() }
            }
            EffectKind::ShowCard { channel } => {
                let message = Message::default();
                match card_in(queued, channel, cards) {
                    Some(card) => Act::Update { place: channel.clone(), message: card.message, to: message },
                    // The desk has another channel now, and its card stands there, or will.
                    None if !self.is_desk(channel) => {
                        self.end_unleased(queued, Settlement::Done).await?;
                        self.let_go_of(channel).await?;
                        return Ok(None);
                    }
                    None => Act::Post { to: channel.clone(), message, thread_title: None },
                }
            }
            EffectKind::RefreshMirror { channel, of } => match self.refreshed(queued, channel, of).await? {
                Some(act) => act,
                None => {
                    self.end_unleased(queued, Settlement::Done).await?;
                    return Ok(None);
                }
            },
            EffectKind::Remove { message } => Act::Remove { message: message.clone() },
            EffectKind::React { message, sign, is_on } => {
                Act::React { message: message.clone(), sign: *sign, is_on: *is_on }
            }
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

    /// The card as it is to look now; `None` if its ticket is gone.
    async fn card_text(
        &self,
        queued: &Queued,
        channel: &Place,
        ticket: Option<Ticket>,
    ) -> Result<Option<Message>, StoreError> {
        let ticket = match (ticket, queued.effect.ticket) {
            (None, Some(id)) => tickets::record::by_id(&mut *self.store.reader().await?, id).await?,
            (ticket, _) => ticket,
        };
        let Some(ticket) = ticket else { return Ok(None) };
        let roster = self.intake.roster();
        let assignee = ticket.assignee.as_ref();
        let here = assignee.and_then(|agent| roster.account_on(&agent.who, channel.platform()));
        Ok(Some(tickets::text::card(&ticket, here.as_ref())))
    }

    /// The desk has another channel than when this was decided, and nothing stands in the old one: it is said in the new one,
    /// with what waits behind it.
    async fn move_to_the_desk(&self, queued: &Queued, from: &Place) -> Result<(), StoreError> {
        self.let_go_of(from).await?;
        let rules = self.intake.rules();
        let Some(to) = rules.triage.iter().find(|desk| desk.platform() == from.platform()).cloned() else {
            tracing::warn!(effect = %queued.id, "the desk has no channel on this platform any more");
            return self.end_unleased(queued, Settlement::Failed(Undeliverable::Gone)).await;
        };
        let (now, id) = (self.clock.now(), queued.id.clone());
        let work: Work = Arc::new(move |tx| {
            let (id, to) = (id.clone(), to.clone());
            Box::pin(async move {
                for mut effect in outbox::take_back(tx, &id, now).await? {
                    match &mut effect.what {
                        EffectKind::Post { to: Destination::UnderCard(channel), .. } => channel.clone_from(&to),
                        // Nothing stands of it, and the card is shown in the new channel anyway.
                        _ => continue,
                    }
                    outbox::enqueue(tx, &effect, false, now).await?;
                }
                Ok(Outcome::Done(None))
            })
        });
        match self.store.transact(work).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Nothing waits for this channel any more: what is held for it is said elsewhere, or not at all.
    async fn let_go_of(&self, channel: &Place) -> Result<(), StoreError> {
        let (platform, held_in) = (self.platform.name(), places::posts_in(channel.channel()));
        self.knowledge().places.forget(&held_in);
        self.store.release(Release::In { platform, held_in, limit: u32::MAX }, self.clock.now()).await.map(drop)
    }

    /// There is no card to write under (it failed once, or the channel is new): one is shown first. Once only: what comes
    /// back has a moment set.
    async fn queue_behind_a_card(&self, queued: &Queued, channel: &Place) -> Result<(), StoreError> {
        // One that is held goes first, and may show whether that is mended.
        if self.store.release(Release::Card(queued.effect.order_key()), self.clock.now()).await? > 0 {
            return Ok(());
        }
        if queued.effect.not_before.is_some() {
            tracing::error!(effect = %queued.id, "there is no card to write under, and none can be shown");
            return self.end_unleased(queued, Settlement::Failed(Undeliverable::Gone)).await;
        }
        let (now, id, ticket) = (self.clock.now(), queued.id.clone(), queued.effect.ticket);
        let card = Effect { what: EffectKind::ShowCard { channel: channel.clone() }, ..queued.effect.clone() };
        let work: Work = Arc::new(move |tx| {
            let (card, id) = (card.clone(), id.clone());
            Box::pin(async move {
                // Whoever decides about the ticket meanwhile decides again, so that nothing gets in between.
                if let Some(id) = ticket
                    && let Some(mut ticket) = tickets::record::by_id(tx, id).await?
                {
                    ticket.version += 1;
                    tickets::record::update(tx, &ticket)?;
                }
                // As they are now: lines may have been joined to them since.
                let mut behind = outbox::take_back(tx, &id, now).await?.into_iter();
                let Some(first) = behind.next() else { return Ok(Outcome::Repeated) };
                outbox::enqueue(tx, &card, false, now).await?;
                outbox::enqueue(tx, &Effect { not_before: Some(now), ..first }, false, now).await?;
                for effect in behind {
                    outbox::enqueue(tx, &effect, false, now).await?;
                }
                Ok(Outcome::Done(None))
            })
        });
        match self.store.transact(work).await {
            // Somebody has changed something just now: it is looked at again.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What makes a mirrored message as it should be: all of its words as they are now, or nothing if none are left.
    async fn refreshed(&self, queued: &Queued, channel: &Place, of: &MessageRef) -> Result<Option<Act>, StoreError> {
        let mut all = self.mirrors_in(channel, of).await?;
        // Words that have gone to another ticket may stand under the cards of both.
        let ours = all.iter().rposition(|shown| Some(shown.ticket) == queued.effect.ticket);
        let Some(shown) = ours.map(|at| all.swap_remove(at)).or_else(|| all.pop()) else { return Ok(None) };
        let mut reader = self.store.reader().await?;
        let Some(ticket) = tickets::record::by_id(&mut *reader, shown.ticket).await? else { return Ok(None) };
        let mut said = Vec::with_capacity(shown.mirrors.len());
        for of in &shown.mirrors {
            let record = conversation::record::of_message(&mut *reader, of).await?;
            // A line that was on its way while its ticket was joined to another stands for the former.
            let is_shown = |record: &Record| {
                record.deleted_at.is_none()
                    && !record.text.is_empty()
                    && (record.ticket == shown.ticket || Some(record.ticket) == queued.effect.ticket)
            };
            said.extend(record.filter(is_shown));
        }
        if said.is_empty() {
            return Ok(Some(Act::Remove { message: shown.message }));
        }
        let to = conversation::text::mirrored_again(&ticket, &said, joined_chars(channel.platform()));
        Ok(Some(Act::Update { place: shown.place, message: shown.message, to }))
    }

    pub(super) async fn mirrors_in(&self, channel: &Place, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
        let here =
            |shown: &Standing| shown.place.tenant == channel.tenant && shown.place.channel() == channel.channel();
        Ok(standing::mirrors(&mut *self.store.reader().await?, of).await?.into_iter().filter(here).collect())
    }

    /// Settles what needs no delivery.
    async fn end_unleased(&self, queued: &Queued, end: Settlement) -> Result<(), StoreError> {
        self.knowledge().places.ended(&queued.id);
        self.store.settle(&queued.id, &self.worker, end, self.clock.now()).await.map(drop)
    }
}

/// The card of an effect's ticket that stands in a channel.
fn card_in(queued: &Queued, channel: &Place, cards: &[Standing]) -> Option<Standing> {
    let ticket = queued.effect.ticket?;
    cards.iter().find(|card| card.ticket == ticket && card.place == *channel).cloned()
}

/// The ticket whose cards must be known before it is known where the effect goes.
pub(super) fn needs_card_of(queued: &Queued) -> Option<TicketId> {
    match &queued.effect.what {
        EffectKind::ShowCard { .. } | EffectKind::Post { to: Destination::UnderCard(_), .. } => queued.effect.ticket,
        _ => None,
    }
}
