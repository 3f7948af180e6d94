//! How far each conversation of a workspace or guild has been handled, so that what was said while nobody listened can
//! be read afterwards.
//!
//! A position says that *everything* up to it is committed, so it is never simply the largest id. What is being handled
//! holds it back, and so does what could not be committed. While something may have been missed (from the start of the
//! program until the first catch-up has ended, and from each gap on) it stands still: live events go on being handled,
//! and only those conversations move that were caught up with. A crash therefore means that more is read again, never
//! that something is left out; reading twice is harmless, since the keys of history are those of live events.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::real;
use crate::domain::ids::{PlatformName, Tenant};
use crate::intake::{Intake, Position, StoreError};

/// How far back a catch-up reads at most. Keys of handled events are kept longer than this.
pub const SPAN: Duration = Duration::from_secs(14 * 24 * 3600);
/// How far before a position reading begins: platforms may deliver events out of order, but not by this much.
pub const OVERLAP: Duration = Duration::from_secs(5 * 60);
/// How many of the newest words on record of a conversation are compared with what stands there now.
pub const COMPARED: u32 = 1_000;

/// The tenant as a whole, as a conversation.
const WHOLE: &str = "";
/// The moment of the very first start, as a conversation: what was said before it is nobody's business.
const BEGINNING: &str = "beginning";
/// The whole platform, as a tenant.
const EVERYWHERE: &str = "";
/// How often positions are stored, in real time.
const STORE_EVERY: Duration = Duration::from_secs(3);
/// How long to wait before the database is asked again that did not answer, in real time.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// When the desk first opened on a platform, with this record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The moment.
    pub at: Timestamp,
    /// Whether that is now: nobody else has listened before.
    pub is_now: bool,
}

/// When the desk first opened on this platform. To be asked before anything is received, since it is stored then: what is
/// said from now on is a successor's to read if this process does not come to store how far it has come. Waits for the
/// database; `None` at the end of that.
pub async fn opened(intake: &Intake, platform: PlatformName, stop: &CancellationToken) -> Option<Opened> {
    loop {
        let now = intake.clock().now();
        match open(intake, platform, now).await {
            Ok(opened) => return Some(opened),
            Err(error) => {
                tracing::warn!(%platform, %error, "the record cannot be read yet; nothing is received before")
            }
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = real::sleep(ASK_AGAIN_AFTER) => {}
        }
    }
}

async fn open(intake: &Intake, platform: PlatformName, now: Timestamp) -> Result<Opened, StoreError> {
    let tenant = Tenant { platform, id: EVERYWHERE.to_owned() };
    let known = intake.positions(&tenant).await?.into_iter().find(|position| position.conversation == BEGINNING);
    let Some(known) = known else {
        let through = now.as_millisecond().to_string();
        intake.advance(&[Position { tenant, conversation: BEGINNING.to_owned(), through }]).await?;
        return Ok(Opened { at: now, is_now: true });
    };
    let at = known.through.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.ok_or_else(|| StoreError::Corrupt("the beginning of a platform is no moment".to_owned()))?;
    Ok(Opened { at, is_now: false })
}

/// How far a tenant has been handled. Clones are the same one. It is behind until the first catch-up has ended.
#[derive(Clone, Debug)]
pub struct Progress {
    tenant: Tenant,
    state: Arc<Mutex<State>>,
    fell_behind: Arc<Notify>,
}

/// Something that is being handled. Dropped without [`Handling::done`] it was not committed, and positions stay below it
/// until it is handled after all.
#[must_use = "what is not done holds the position back"]
#[derive(Debug)]
pub struct Handling {
    progress: Progress,
    conversation: String,
    id: Id,
    is_done: bool,
}

/// The platform's id of a message: longer ones are later, equally long ones go by their text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Id(usize, String);

#[derive(Debug, Default)]
struct State {
    /// Counts the gaps, so that the end of a catch-up cannot close a gap that came after its beginning.
    round: u64,
    behind: bool,
    loaded: bool,
    /// The moment of the very first start.
    beginning: Id,
    beginning_is_stored: bool,
    conversations: HashMap<String, Reached>,
}

#[derive(Debug, Default)]
struct Reached {
    /// Everything up to here is committed.
    through: Id,
    /// What of it is stored.
    stored: Id,
    /// The latest that was committed.
    ahead: Id,
    /// What is not committed, and how many are at it.
    open: BTreeMap<Id, u32>,
    /// In which round it was caught up with.
    caught_up: Option<u64>,
}

impl Progress {
    /// Of this workspace or guild.
    #[must_use]
    pub fn new(tenant: Tenant) -> Self {
        let state = State { round: 1, behind: true, loaded: false, ..State::default() };
        Self { tenant, state: Arc::new(Mutex::new(state)), fell_behind: Arc::new(Notify::new()) }
    }

    /// An event of this conversation begins to be handled; `id` is its moment in the platform's form (a message's id).
    pub fn begin(&self, conversation: &str, id: &str) -> Handling {
        let id = Id::of(id);
        let mut state = self.lock();
        for conversation in [conversation, WHOLE] {
            *state.reached(conversation).open.entry(id.clone()).or_default() += 1;
        }
        drop(state);
        Handling { progress: self.clone(), conversation: conversation.to_owned(), id, is_done: false }
    }

    /// Something may have been missed, and a catch-up is due.
    pub fn fall_behind(&self) {
        self.stand_still();
        self.fell_behind.notify_one();
    }

    /// From now on something may be missed: positions stand still. A catch-up is due once events come again.
    pub fn stand_still(&self) {
        let mut state = self.lock();
        state.round += 1;
        state.behind = true;
    }

    /// Waits until a catch-up is due.
    pub async fn until_behind(&self) {
        self.fell_behind.notified().await;
    }

    /// Whether something may have been missed that was not caught up with yet.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.lock().behind
    }

    /// A catch-up begins: reads the stored positions, the first time. `None`: nothing was ever stored, and
    /// [`Progress::begin_at`] is to be told where this tenant begins. Otherwise the round, for whoever catches up.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn begin_round(&self, intake: &Intake) -> Result<Option<u64>, StoreError> {
        let is_loaded = self.lock().loaded;
        if !is_loaded {
            let stored = intake.positions(&self.tenant).await?;
            let mut state = self.lock();
            for position in stored {
                if position.conversation == BEGINNING {
                    state.beginning = Id::of(&position.through);
                    state.beginning_is_stored = true;
                    continue;
                }
                let reached = state.reached(&position.conversation);
                reached.stored = Id::of(&position.through);
                reached.through = reached.stored.clone().max(std::mem::take(&mut reached.through));
            }
            state.loaded = true;
        }
        let state = self.lock();
        let is_first = state.beginning == Id::default();
        Ok((!is_first).then_some(state.round))
    }

    /// The tenant begins at `id`: nothing before it is ever read. Stored at once.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn begin_at(&self, id: &str, intake: &Intake) -> Result<(), StoreError> {
        {
            let mut state = self.lock();
            state.beginning = Id::of(id);
            let whole = state.reached(WHOLE);
            whole.through = Id::of(id).max(std::mem::take(&mut whole.through));
        }
        self.store(intake).await
    }

    /// Nothing can have been missed since the beginning: what was said came live.
    pub fn missed_nothing(&self) {
        let mut state = self.lock();
        state.behind = false;
        state.settle();
    }

    /// From where on this conversation is to be read ([`OVERLAP`] not subtracted): its own position, or the tenant's.
    #[must_use]
    pub fn since(&self, conversation: &str) -> String {
        let state = self.lock();
        let through = |name| state.conversations.get(name).map(|reached| reached.through.clone()).unwrap_or_default();
        through(conversation).max(through(WHOLE)).max(state.beginning.clone()).1
    }

    /// The moment of the very first start; nothing before it is read.
    #[must_use]
    pub fn beginning(&self) -> String {
        self.lock().beginning.1.clone()
    }

    /// Everything that was said in a conversation up to `through` has been read and committed. `through` lies before the
    /// reading began: what came later came live.
    pub fn caught_up(&self, round: u64, conversation: &str, through: &str) {
        let mut state = self.lock();
        if state.round == round {
            let reached = state.reached(conversation);
            reached.caught_up = Some(round);
            // Where nothing was ever said, the position of the whole tenant serves, and no line is stored.
            let is_known = reached.through != Id::default() || reached.ahead != Id::default();
            reached.read_through(Id::of(through), is_known);
            reached.settle();
        }
    }

    /// Every conversation has been caught up with; `through` as in [`Progress::caught_up`]. Whether the tenant is up to
    /// date now: not if another gap came meanwhile.
    pub fn end_round(&self, round: u64, through: &str) -> bool {
        let mut state = self.lock();
        if state.round != round {
            return false;
        }
        state.behind = false;
        let through = Id::of(through);
        state.reached(WHOLE);
        for (conversation, reached) in &mut state.conversations {
            reached.read_through(through.clone(), conversation == WHOLE);
        }
        state.settle();
        true
    }

    /// Stores what has moved every few seconds, and at the end. What could not be committed is caught up with as soon as
    /// the database answers again: the platform need not bring it again for ever.
    pub async fn keep(&self, intake: &Intake, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = real::sleep(STORE_EVERY) => {}
            }
            let has_left_behind = { self.lock().has_left_behind() };
            let answers =
                if has_left_behind { intake.positions(&self.tenant).await.map(drop) } else { self.store(intake).await };
            match answers {
                Ok(()) if has_left_behind => {
                    tracing::warn!(tenant = self.tenant.id, "events could not be stored; they are read again");
                    self.fall_behind();
                }
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, "positions cannot be stored now"),
            }
        }
    }

    /// Stores what has moved.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn store(&self, intake: &Intake) -> Result<(), StoreError> {
        let position = |conversation: &str, through: &Id| Position {
            tenant: self.tenant.clone(),
            conversation: conversation.to_owned(),
            through: through.1.clone(),
        };
        let moved: Vec<Position> = {
            let state = self.lock();
            let beginning = (state.beginning != Id::default() && !state.beginning_is_stored)
                .then(|| position(BEGINNING, &state.beginning));
            let moved = state.conversations.iter().filter(|(_, reached)| reached.through > reached.stored);
            moved.map(|(conversation, reached)| position(conversation, &reached.through)).chain(beginning).collect()
        };
        if moved.is_empty() {
            return Ok(());
        }
        intake.advance(&moved).await?;
        let mut state = self.lock();
        for position in moved {
            if position.conversation == BEGINNING {
                state.beginning_is_stored = true;
                continue;
            }
            let reached = state.reached(&position.conversation);
            reached.stored = Id::of(&position.through).max(std::mem::take(&mut reached.stored));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handling {
    /// It is committed, or none of the desk's business.
    pub fn done(mut self) {
        self.is_done = true;
        let mut state = self.progress.lock();
        for conversation in [self.conversation.as_str(), WHOLE] {
            let id = self.id.clone();
            let moves = state.moves(conversation);
            let reached = state.reached(conversation);
            reached.ahead = id.clone().max(std::mem::take(&mut reached.ahead));
            // Whatever failed before under this id has been made good.
            match reached.open.get_mut(&id) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(reached.open.remove(&id)),
            }
            if moves {
                if reached.open.first_key_value().is_none_or(|(open, _)| *open > id) {
                    reached.through = id.max(std::mem::take(&mut reached.through));
                }
                reached.settle();
            }
        }
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut state = self.progress.lock();
        for conversation in [self.conversation.as_str(), WHOLE] {
            if let Some(count) = state.reached(conversation).open.get_mut(&self.id) {
                *count = count.saturating_sub(1);
            }
        }
    }
}

impl State {
    fn reached(&mut self, conversation: &str) -> &mut Reached {
        self.conversations.entry(conversation.to_owned()).or_default()
    }

    /// Whether live events move this conversation's position.
    fn moves(&self, conversation: &str) -> bool {
        let caught_up = self.conversations.get(conversation).and_then(|reached| reached.caught_up);
        !self.behind || caught_up == Some(self.round)
    }

    fn settle(&mut self) {
        self.conversations.values_mut().for_each(Reached::settle);
    }

    /// Whether something was not committed that nobody is at any more, and that no catch-up is under way for.
    fn has_left_behind(&self) -> bool {
        !self.behind && self.conversations.values().any(|reached| reached.open.values().any(|count| *count == 0))
    }
}

impl Reached {
    /// All up to there was read and committed, what was left behind included.
    fn read_through(&mut self, through: Id, moves: bool) {
        self.open.retain(|id, count| *count > 0 || *id > through);
        if moves && self.open.first_key_value().is_none_or(|(open, _)| *open > through) {
            self.through = through.max(std::mem::take(&mut self.through));
        }
    }

    /// Moves on to the latest, if nothing is open.
    fn settle(&mut self) {
        if self.open.is_empty() && self.ahead > self.through {
            self.through = self.ahead.clone();
        }
    }
}

impl Id {
    fn of(id: &str) -> Self {
        Self(id.len(), id.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::PlatformName;

    /// As after a first catch-up.
    fn current() -> Progress {
        let progress = Progress::new(Tenant { platform: PlatformName::Slack, id: "T1".to_owned() });
        let round = progress.lock().round;
        assert!(progress.end_round(round, "10"));
        progress
    }

    #[test]
    fn what_is_open_or_was_left_behind_holds_the_position_back() {
        let progress = current();
        let (second, third) = (progress.begin("C1", "12"), progress.begin("C1", "13"));
        progress.begin("C1", "11").done();
        assert_eq!(progress.since("C1"), "11");
        third.done();
        assert_eq!(progress.since("C1"), "11", "12 is open");
        drop(second);
        progress.begin("C1", "14").done();
        progress.begin("C2", "15").done();
        assert_eq!((progress.since("C1"), progress.since("C2")), ("11".to_owned(), "15".to_owned()));
        assert!(progress.lock().has_left_behind());
        progress.begin("C1", "12").done();
        assert_eq!(progress.since("C1"), "15", "everything is committed, in the whole workspace");
        assert!(!progress.lock().has_left_behind());
    }

    #[test]
    fn ids_are_compared_by_length_first() {
        let progress = current();
        progress.begin("C1", "99").done();
        progress.begin("C1", "100").done();
        progress.begin("C1", "98").done();
        assert_eq!(progress.since("C1"), "100");
    }

    #[test]
    fn positions_stand_still_in_a_gap_until_it_is_read() {
        let progress = current();
        progress.begin("C1", "20").done();
        progress.begin("C2", "21").done();
        progress.fall_behind();
        progress.begin("C1", "40").done();
        progress.begin("C2", "41").done();
        assert_eq!((progress.since("C1"), progress.since("C2")), ("21".to_owned(), "21".to_owned()));
        let round = progress.lock().round;
        progress.caught_up(round, "C1", "30");
        assert_eq!((progress.since("C1"), progress.since("C2")), ("40".to_owned(), "21".to_owned()));
        progress.begin("C1", "42").done();
        assert_eq!(progress.since("C1"), "42");
        // Another gap before the first is closed: the end of this round closes neither.
        progress.stand_still();
        progress.caught_up(round, "C2", "30");
        assert!(!progress.end_round(round, "30"));
        assert!(progress.is_behind());
        progress.begin("C1", "50").done();
        assert_eq!((progress.since("C1"), progress.since("C2")), ("42".to_owned(), "21".to_owned()));
        let round = progress.lock().round;
        assert!(progress.end_round(round, "45"));
        assert_eq!(progress.since("C2"), "50");
    }

    #[test]
    fn what_was_left_behind_is_forgotten_once_it_was_read() {
        let progress = current();
        drop(progress.begin("C1", "11"));
        progress.begin("C1", "12").done();
        progress.fall_behind();
        let round = progress.lock().round;
        drop(progress.begin("C1", "31"));
        progress.caught_up(round, "C1", "30");
        assert!(progress.end_round(round, "30"));
        assert!(progress.lock().has_left_behind(), "31 came after it was read");
        assert_eq!(progress.since("C1"), "30");
    }
}
