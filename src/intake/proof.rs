//! Proof that somebody still is on the desk: before they act by a group, the platform is asked whether they are in it, if
//! nothing has proven that for a minute. What an event itself proves is remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use super::Intake;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::{Person, PersonRef, PlatformName};
use crate::domain::permission::GroupRef;

/// How long an act waits for the proof, in real time: Slack wants its acknowledgement within three seconds. After that what
/// was last known counts, as long as it may.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a proof that could not be had is not asked for again, in the clock's time.
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// Says who is in a group, now.
#[async_trait]
pub trait Prover: Send + Sync {
    /// Finds out whether `who` is in the group, and tells `intake` by [`Intake::learn_members`] or [`Intake::learn_member`].
    /// Whether it could be found out.
    async fn prove(&self, intake: &Intake, group: &GroupRef, who: &PersonRef) -> bool;
}

/// Whom to ask, and who was asked in vain when.
#[derive(Default)]
pub(super) struct Provers {
    by_platform: Mutex<HashMap<PlatformName, Arc<dyn Prover>>>,
    in_vain: Mutex<HashMap<(GroupRef, PersonRef), Timestamp>>,
}

impl Intake {
    /// From now on this one is asked about the groups of `platform`.
    pub fn ask_for_proof(&self, platform: PlatformName, prover: Arc<dyn Prover>) {
        let provers = &self.inner.provers.by_platform;
        provers.lock().unwrap_or_else(PoisonError::into_inner).insert(platform, prover);
    }

    /// Makes sure that what is known of whoever did this is known now: neither longer than a minute ago, nor less than the
    /// event itself says.
    pub(super) async fn prove(&self, event: &Event) {
        let Some(actor) = actor(event) else { return };
        for person in std::iter::once(actor).chain(others(event)) {
            self.learn(person, event.at.min(self.inner.clock.now()));
        }
        let stale = self.roster().stale(actor, self.inner.clock.now());
        if stale.is_empty() {
            return;
        }
        let this = self.clone();
        let asking = async move {
            for (group, who) in stale {
                this.ask(&group, &who).await;
            }
        };
        // Who waits no longer does not end the asking: its answer serves whoever acts next.
        let asked = tokio::spawn(asking.in_current_span());
        if tokio::time::timeout(PATIENCE, asked).await.is_err() {
            tracing::warn!("whether somebody is still on the desk is not answered in time; what was known counts");
        }
    }

    async fn ask(&self, group: &GroupRef, who: &PersonRef) {
        let (provers, now) = (&self.inner.provers, self.inner.clock.now());
        let prover = provers.by_platform.lock().unwrap_or_else(PoisonError::into_inner).get(&group.platform).cloned();
        let Some(prover) = prover else { return };
        let asked = (group.clone(), who.clone());
        {
            let mut in_vain = provers.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
            in_vain.retain(|_, at| now.duration_since(*at) < ASK_AGAIN_AFTER);
            if in_vain.contains_key(&asked) {
                return;
            }
            // Until the answer is there, nobody else asks the same.
            in_vain.insert(asked.clone(), now);
        }
        if prover.prove(self, group, who).await {
            provers.in_vain.lock().unwrap_or_else(PoisonError::into_inner).remove(&asked);
        }
    }

    fn learn(&self, person: &Person, at: Timestamp) {
        let news = self.roster().news(person, at);
        if !news.is_empty() {
            self.change_roster(|roster| roster.learn(person, news, at));
        }
    }
}

/// Who did it.
fn actor(event: &Event) -> Option<&Person> {
    match &event.what {
        EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => Some(&said.author),
        EventKind::ActionTaken(taken) => Some(&taken.actor),
        EventKind::FormSubmitted(sent) => Some(&sent.actor),
        EventKind::CommandGiven(given) => Some(&given.actor),
        EventKind::MessageDeleted { .. }
        | EventKind::ThreadRead { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::TimerFired { .. } => None,
    }
}

/// Others of whom it tells.
fn others(event: &Event) -> &[Person] {
    match &event.what {
        EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => &said.mentions,
        EventKind::CommandGiven(given) => &given.mentions,
        EventKind::MessageDeleted { .. }
        | EventKind::ActionTaken(_)
        | EventKind::FormSubmitted(_)
        | EventKind::ThreadRead { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::TimerFired { .. } => &[],
    }
}
