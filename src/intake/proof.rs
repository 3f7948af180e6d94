//! Proof that a person is still on the desk. Before a person acts by the rights of a group, the platform is asked
//! whether they are still in it, unless that was proven within the last minute. Memberships that an event itself proves
//! are remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use super::Intake;
use crate::domain::act::Value;
use crate::domain::event::{Asks, Event, EventKind, Way};
use crate::domain::ids::{Person, PersonRef, PlatformName};
use crate::domain::permission::GroupRef;

/// How long an act waits for the proof, in real time: Slack wants its acknowledgement within three seconds. After that
/// the last known proof counts, as long as it is valid.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a proof that could not be obtained is not asked for again, in the clock's time.
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// Finds out who is in a group now.
#[async_trait]
pub trait Prover: Send + Sync {
    /// Finds out whether `who` is in the group, and tells `intake` by [`Intake::learn_members`] or
    /// [`Intake::learn_member`]. Returns whether it could be found out.
    async fn prove(&self, intake: &Intake, group: &GroupRef, who: &PersonRef) -> bool;
}

/// The largest number of questions about unknown people within a minute, in the clock's time. A person who writes in a
/// thread may be an agent who was not yet seen in the desk's guild, but mostly is not.
const STRANGERS: usize = 30;

/// A question to a platform: whether an account is in a group, or (without an account) who is in the group.
type Question = (GroupRef, Option<PersonRef>);

/// The provers of the platforms, and the questions under way.
#[derive(Default)]
pub(super) struct Provers {
    by_platform: Mutex<HashMap<PlatformName, Arc<dyn Prover>>>,
    /// Questions under way. Tasks with the same question wait for its answer.
    under_way: Mutex<HashMap<Question, Arc<tokio::sync::Mutex<()>>>>,
    /// Questions without an answer, with their times.
    in_vain: Mutex<HashMap<Question, Timestamp>>,
    /// The times of questions about unknown people.
    strangers: Mutex<VecDeque<Timestamp>>,
}

impl Provers {
    /// Whether one more question about an unknown person may be asked now. If so, the question is counted.
    fn has_room(&self, now: Timestamp) -> bool {
        let mut strangers = locked(&self.strangers);
        strangers.retain(|at| now.duration_since(*at) < SignedDuration::from_mins(1));
        let has_room = strangers.len() < STRANGERS;
        if has_room {
            strangers.push_back(now);
        }
        has_room
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Intake {
    /// Sets the prover for the groups of `platform`.
    pub fn ask_for_proof(&self, platform: PlatformName, prover: Arc<dyn Prover>) {
        locked(&self.inner.provers.by_platform).insert(platform, prover);
    }

    /// Learns the memberships that an event itself proves. Then asks the platforms about those of its actor that were
    /// not proven within the last minute, and waits for [`PATIENCE`] at most.
    pub(super) async fn prove(&self, event: &Event) {
        let Some(actor) = actor(event) else { return };
        for person in std::iter::once(actor).chain(others(event)) {
            self.learn(person, event.at.min(self.inner.clock.now()));
        }
        let (now, roster) = (self.inner.clock.now(), self.roster());
        let was_member = |(group, who): &(GroupRef, PersonRef)| {
            roster.members.get(group).is_some_and(|members| members.proven_at(who).is_some())
        };
        let mut proofs = roster.proofs_to_renew(actor, now);
        proofs.retain(|asked| was_member(asked) || is_meant_for_the_desk(event) || self.inner.provers.has_room(now));
        if proofs.is_empty() {
            return;
        }
        let (this, actor) = (self.clone(), actor.clone());
        let asking = async move {
            for (group, who) in proofs {
                this.ask(&actor, &group, &who).await;
            }
        };
        // The question goes on after the time-out: its answer serves the next act.
        let asked = tokio::spawn(asking.in_current_span());
        if tokio::time::timeout(PATIENCE, asked).await.is_err() {
            tracing::warn!("no answer in time whether a person is still on the desk; the last known proof counts");
        }
    }

    async fn ask(&self, person: &Person, group: &GroupRef, who: &PersonRef) {
        let provers = &self.inner.provers;
        let prover = locked(&provers.by_platform).get(&group.platform).cloned();
        let Some(prover) = prover else { return };
        // Slack answers for a whole group at once.
        let asked: Question = (group.clone(), (group.platform != PlatformName::Slack).then(|| who.clone()));
        let lock = Arc::clone(locked(&provers.under_way).entry(asked.clone()).or_default());
        let guard = lock.lock().await;
        let now = self.inner.clock.now();
        let is_answered = !self.roster().proofs_to_renew(person, now).contains(&(group.clone(), who.clone()));
        let is_in_vain = {
            let mut in_vain = locked(&provers.in_vain);
            in_vain.retain(|_, at| now.duration_since(*at) < ASK_AGAIN_AFTER);
            in_vain.contains_key(&asked)
        };
        if !is_answered && !is_in_vain && !prover.prove(self, group, who).await {
            locked(&provers.in_vain).insert(asked.clone(), now);
        }
        drop(guard);
        let mut under_way = locked(&provers.under_way);
        // Only this function and the map refer to the lock, so no other task waits for it.
        if Arc::strong_count(&lock) == 2 {
            under_way.remove(&asked);
        }
    }

    fn learn(&self, person: &Person, at: Timestamp) {
        let proofs = self.roster().new_proofs(person, at);
        if !proofs.is_empty() {
            self.change_roster(|roster| roster.learn(person, proofs, at));
        }
    }
}

/// Whether the event asks something of the desk, so that the actor's rights matter at once.
fn is_meant_for_the_desk(event: &Event) -> bool {
    match &event.what {
        EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => said.addresses_desk(),
        // Most reactions do not concern the desk.
        EventKind::Acted(acted) => acted.way != Way::Reaction,
        _ => true,
    }
}

/// Returns the person who caused an event.
fn actor(event: &Event) -> Option<&Person> {
    match &event.what {
        EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => Some(&said.author),
        EventKind::Acted(acted) => Some(&acted.actor),
        EventKind::DirectOpened { request, .. } => Some(&request.by),
        EventKind::MessageDeleted { .. }
        | EventKind::ThreadRead { .. }
        | EventKind::Looked { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::CallEnded { .. }
        | EventKind::TimerFired(_) => None,
    }
}

/// Returns the other people that an event names.
fn others(event: &Event) -> Vec<&Person> {
    match &event.what {
        EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => said.mentions.iter().collect(),
        EventKind::Acted(acted) => match &acted.asks {
            Asks::Words { mentions, .. } => mentions.iter().collect(),
            Asks::Act { given, .. } | Asks::Page { given, .. } => given.values().filter_map(Value::person).collect(),
            Asks::Unknown => Vec::new(),
        },
        EventKind::MessageDeleted { .. }
        | EventKind::ThreadRead { .. }
        | EventKind::Looked { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::CallEnded { .. }
        | EventKind::DirectOpened { .. }
        | EventKind::TimerFired(_) => Vec::new(),
    }
}
