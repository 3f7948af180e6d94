//! Positions: how far each conversation of a workspace or guild has been handled. Messages after a position that were
//! posted while no process listened can be read afterwards.
//!
//! A position is a watermark: *every* event up to it is committed. So it is not simply the largest id. Events that are
//! being handled, and events that could not be committed, hold it back. While events may have been missed (from the
//! start of the program until the end of the first catch-up, and after each gap), positions stand still: live events
//! are handled, but a position moves only after its conversation has been caught up. A crash therefore causes messages
//! to be read again, and never to be left out. Reading twice is harmless, since messages from history have the same
//! dedupe keys as live events.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::real;
use crate::domain::ids::{PlatformName, Tenant};
use crate::intake::{Intake, Position, StoreError};

/// How far back a catch-up reads at most. Dedupe keys of handled events are kept longer than this.
pub const SPAN: Duration = Duration::from_secs(14 * 24 * 3600);
/// How far before a position a catch-up begins to read. Platforms may deliver events out of order, but not by this
/// much.
pub const OVERLAP: Duration = Duration::from_secs(5 * 60);
/// How many of a conversation's newest messages on record a catch-up compares with their present state on the platform.
pub const COMPARED: u32 = 1_000;

/// The conversation name of the position of the tenant as a whole.
const WHOLE: &str = "";
/// The conversation name under which the beginning is stored: the moment of the very first start. Earlier messages are
/// never read.
const BEGINNING: &str = "beginning";
/// The tenant id under which the beginning of a whole platform is stored.
const EVERYWHERE: &str = "";
/// How often positions are stored, in real time.
const STORE_EVERY: Duration = Duration::from_secs(3);
/// The wait before another try if the database does not answer, in real time.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The first start on a platform with this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub at: Timestamp,
    /// Whether it is the present start: no process has listened before.
    pub is_now: bool,
}

/// Returns the first start on this platform, and stores it if it is the present one. It must be called before the
/// adapter receives anything: if this process dies before it stores a position, its successor reads everything from
/// that moment on. Waits for the database; returns `None` if stopped meanwhile.
pub async fn opened(intake: &Intake, platform: PlatformName, stop: &CancellationToken) -> Option<Opened> {
    loop {
        let now = intake.clock().now();
        match open(intake, platform, now).await {
            Ok(opened) => return Some(opened),
            Err(error) => {
                tracing::warn!(
                    %platform, %error,
                    "the database does not answer yet; no events of the platform are received until it does"
                )
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
    let at =
        at.ok_or_else(|| StoreError::Corrupt("the stored first start on a platform is no time stamp".to_owned()))?;
    Ok(Opened { at, is_now: false })
}

/// The positions of a tenant. Clones share their state. A new one is behind until the first catch-up has ended.
#[derive(Clone, Debug)]
pub struct Progress {
    tenant: Tenant,
    state: Arc<Mutex<State>>,
    fell_behind: Arc<Notify>,
}

/// An event that is being handled. If the guard is dropped without [`Handling::done`], the event was not committed, and
/// positions stay below it until the event is handled again or read by a catch-up.
#[must_use = "an event that is not done holds the position back"]
#[derive(Debug)]
pub struct Handling {
    progress: Progress,
    conversation: String,
    id: Id,
    is_done: bool,
}

/// The platform's id of a message, with its length first: a longer id is later, and ids of equal length compare as
/// text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Id(usize, String);

#[derive(Debug, Default)]
struct State {
    /// The number of the current gap. A catch-up closes only the gap for which it was begun.
    round: u64,
    behind: bool,
    /// Whether the stored positions have been read.
    loaded: bool,
    /// The moment of the very first start; empty if it is not known yet.
    beginning: Id,
    beginning_is_stored: bool,
    conversations: HashMap<String, ConversationState>,
}

#[derive(Debug, Default)]
struct ConversationState {
    /// The position: every event up to it is committed.
    through: Id,
    /// The position as stored in the database.
    stored: Id,
    /// The latest committed event. Earlier events may still be open.
    ahead: Id,
    /// Events that are not committed, each with the number of tasks that handle it now.
    open: BTreeMap<Id, u32>,
    /// The last round in which this conversation was caught up.
    caught_up: Option<u64>,
}

impl Progress {
    /// Creates the positions of a workspace or guild. Nothing is read from the database yet.
    #[must_use]
    pub fn new(tenant: Tenant) -> Self {
        let state = State { round: 1, behind: true, loaded: false, ..State::default() };
        Self { tenant, state: Arc::new(Mutex::new(state)), fell_behind: Arc::new(Notify::new()) }
    }

    /// Notes that an event of this conversation is being handled from now on. `id` is a message id of the platform,
    /// which orders events by time.
    pub fn begin(&self, conversation: &str, id: &str) -> Handling {
        let id = Id::of(id);
        let mut state = self.lock();
        for conversation in [conversation, WHOLE] {
            *state.conversation(conversation).open.entry(id.clone()).or_default() += 1;
        }
        drop(state);
        Handling { progress: self.clone(), conversation: conversation.to_owned(), id, is_done: false }
    }

    /// Notes that events may have been missed: positions stand still, and a catch-up is due.
    pub fn fall_behind(&self) {
        self.stand_still();
        self.fell_behind.notify_one();
    }

    /// Notes that events may be missed from now on: positions stand still. The adapter calls [`Progress::fall_behind`]
    /// once events arrive again.
    pub fn stand_still(&self) {
        let mut state = self.lock();
        state.round += 1;
        state.behind = true;
    }

    /// Waits until a catch-up is due.
    pub async fn until_behind(&self) {
        self.fell_behind.notified().await;
    }

    /// Whether events may have been missed and the catch-up has not ended.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.lock().behind
    }

    /// Returns the round for a catch-up that begins now. The first call reads the stored positions. Returns `None` if
    /// this tenant has no beginning yet: the caller must set it with [`Progress::begin_at`].
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
                let reached = state.conversation(&position.conversation);
                reached.stored = Id::of(&position.through);
                reached.through = reached.stored.clone().max(std::mem::take(&mut reached.through));
            }
            state.loaded = true;
        }
        let state = self.lock();
        let is_first = state.beginning == Id::default();
        Ok((!is_first).then_some(state.round))
    }

    /// Sets and stores the beginning of this tenant. Messages before it are never read.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn begin_at(&self, id: &str, intake: &Intake) -> Result<(), StoreError> {
        {
            let mut state = self.lock();
            state.beginning = Id::of(id);
            let whole = state.conversation(WHOLE);
            whole.through = Id::of(id).max(std::mem::take(&mut whole.through));
        }
        self.store(intake).await
    }

    /// Notes that no event has been missed since the beginning, because every message has come live.
    pub fn missed_nothing(&self) {
        let mut state = self.lock();
        state.behind = false;
        state.settle();
    }

    /// Returns the id after which a catch-up must read this conversation: its own position, that of the tenant, or the
    /// beginning, whichever is latest. [`OVERLAP`] is not subtracted.
    #[must_use]
    pub fn since(&self, conversation: &str) -> String {
        let state = self.lock();
        let through = |name| state.conversations.get(name).map(|reached| reached.through.clone()).unwrap_or_default();
        through(conversation).max(through(WHOLE)).max(state.beginning.clone()).1
    }

    /// Returns the beginning of this tenant. Messages before it are never read.
    #[must_use]
    pub fn beginning(&self) -> String {
        self.lock().beginning.1.clone()
    }

    /// Notes that a catch-up has read and committed all messages of a conversation up to `through`. `through` must not
    /// be later than the beginning of the catch-up, since later messages come live. Ignored if another gap began
    /// meanwhile.
    pub fn caught_up(&self, round: u64, conversation: &str, through: &str) {
        let mut state = self.lock();
        if state.round == round {
            let reached = state.conversation(conversation);
            reached.caught_up = Some(round);
            // A conversation without any handled event needs no position of its own: the tenant's position applies.
            let is_known = reached.through != Id::default() || reached.ahead != Id::default();
            reached.read_through(Id::of(through), is_known);
            reached.settle();
        }
    }

    /// Notes that every conversation has been caught up; `through` as in [`Progress::caught_up`]. Returns whether the
    /// tenant is up to date now; it is not if another gap began meanwhile.
    pub fn end_round(&self, round: u64, through: &str) -> bool {
        let mut state = self.lock();
        if state.round != round {
            return false;
        }
        state.behind = false;
        let through = Id::of(through);
        state.conversation(WHOLE);
        for (conversation, reached) in &mut state.conversations {
            reached.read_through(through.clone(), conversation == WHOLE);
        }
        state.settle();
        true
    }

    /// Stores changed positions every few seconds until `stop`. If events could not be committed, it stores nothing but
    /// waits until the database answers, and then makes a catch-up due: the platform may have stopped delivering them.
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
                    tracing::warn!(
                        platform = %self.tenant.platform, tenant = self.tenant.id,
                        "events could not be stored; their messages are read again from the platform"
                    );
                    self.fall_behind();
                }
                Ok(()) => {}
                Err(error) => {
                    let platform = self.tenant.platform;
                    tracing::debug!(%platform, %error, "positions cannot be stored now; trying again");
                }
            }
        }
    }

    /// Stores the positions that have moved.
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
            let reached = state.conversation(&position.conversation);
            reached.stored = Id::of(&position.through).max(std::mem::take(&mut reached.stored));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handling {
    /// Notes that the event is committed, or that it does not concern the desk.
    pub fn done(mut self) {
        self.is_done = true;
        let mut state = self.progress.lock();
        for conversation in [self.conversation.as_str(), WHOLE] {
            let id = self.id.clone();
            let moves = state.moves(conversation);
            let reached = state.conversation(conversation);
            reached.ahead = id.clone().max(std::mem::take(&mut reached.ahead));
            // This also closes an earlier failed try of the same event, whose count is zero.
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
            if let Some(count) = state.conversation(conversation).open.get_mut(&self.id) {
                *count = count.saturating_sub(1);
            }
        }
    }
}

impl State {
    fn conversation(&mut self, conversation: &str) -> &mut ConversationState {
        self.conversations.entry(conversation.to_owned()).or_default()
    }

    /// Whether live events move this conversation's position: the tenant is not behind, or the conversation was caught
    /// up in this round.
    fn moves(&self, conversation: &str) -> bool {
        let caught_up = self.conversations.get(conversation).and_then(|reached| reached.caught_up);
        !self.behind || caught_up == Some(self.round)
    }

    fn settle(&mut self) {
        self.conversations.values_mut().for_each(ConversationState::settle);
    }

    /// Whether an event was not committed, no task handles it any more, and no catch-up is due or under way.
    fn has_left_behind(&self) -> bool {
        !self.behind && self.conversations.values().any(|reached| reached.open.values().any(|count| *count == 0))
    }
}

impl ConversationState {
    /// Notes that every event up to `through` was read and committed, including events whose earlier tries failed.
    fn read_through(&mut self, through: Id, moves: bool) {
        self.open.retain(|id, count| *count > 0 || *id > through);
        if moves && self.open.first_key_value().is_none_or(|(open, _)| *open > through) {
            self.through = through.max(std::mem::take(&mut self.through));
        }
    }

    /// Moves the position to the latest committed event, unless an event is open.
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

    /// Returns positions as they are after a first catch-up up to `10`.
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
        assert_eq!(progress.since("C1"), "15", "all events of the workspace are committed");
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
        // Another gap begins before the first is closed; the end of this round closes neither.
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
        assert!(progress.lock().has_left_behind(), "31 was posted after the messages that the catch-up read");
        assert_eq!(progress.since("C1"), "30");
    }
}
