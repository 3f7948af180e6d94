//! Catch-up: reads messages that were posted while no session listened (before the start, or between two sessions).
//!
//! When a session begins, Discord names the newest message of each channel and active thread. Messages after the stored
//! position are read, oldest first, and handed to the intake like live ones; dedupe keys make repeats harmless. The
//! recorded messages of live tickets (open, resolved or lately active) are compared with Discord: a changed or deleted
//! message becomes an edit or a deletion. Conversations of live tickets come first if they may have new messages, then
//! other places with new messages, then places without any.
//!
//! Without new messages or live tickets, a channel costs no call. Reading uses a part of the calls that Discord allows.
//! Clicks and commands cannot be read afterwards, since Discord does not keep them. The very first direct message of a
//! person cannot be read either, since Discord does not list direct conversations.

mod pace;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use serenity::http::{LightMethod, Route};
use serenity::model::id::{ChannelId, GuildId, MessageId};
use tokio::sync::OnceCell;

pub(super) use self::pace::{Pace, Urgent};
use super::directory::{self, Listed};
use super::errors::code;
use super::inbound::{snowflake_at, time_of};
use super::lanes::{Asked, CountOnDrop, LANES, Overflow, RETRY_FIRST, Worker, lane_of};
use super::payload::{Member, Message};
use super::rest::RestError;
use super::{Shared, id};
use crate::domain::ids::{Conversation, Place};
use crate::intake::{Position, StoreError};
use crate::platform::catch_up::{COMPARED, Handling, OVERLAP, Progress, SPAN};

/// The number of messages per call.
const PAGE: usize = 100;
/// The shortest idle time after which Discord archives a thread. A thread that was idle for less is still listed.
const ARCHIVED_AFTER: Duration = Duration::from_secs(3600);
/// The longest idle time after which Discord archives a thread.
const ARCHIVED_LATEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// The positions of a guild, or of the direct conversations.
pub(super) struct GuildPositions {
    pub(super) progress: Progress,
    /// Counts the plans, so that an older plan does not end the work of a newer one.
    plans: u64,
}

impl GuildPositions {
    /// Creates positions of which nothing is known yet.
    pub(super) fn new(guild: Option<GuildId>) -> Self {
        Self { progress: Progress::new(directory::tenant(guild)), plans: 0 }
    }
}

/// The places that Discord lists when a session begins. The gaps to read are determined from them once, for all lanes.
pub(super) struct Plan {
    guild: Option<GuildId>,
    /// The time from which on messages are read if the tenant has no stored beginning.
    beginning: Timestamp,
    listed: Vec<Listed>,
    progress: Progress,
    number: u64,
    /// The last id that may have been missed. Later messages come live.
    through: u64,
    found: OnceCell<Found>,
    counted: Mutex<Option<CountOnDrop>>,
}

struct Found {
    stretches: Vec<Stretch>,
    round: Mutex<Option<Arc<Round>>>,
    /// The number of lanes that have not taken their gaps yet.
    takers: Mutex<usize>,
}

/// Messages of one channel or thread to read.
#[derive(Clone, Debug)]
struct Stretch {
    channel: ChannelId,
    /// The channel itself, or the parent channel of a thread.
    family: ChannelId,
    /// Messages after this id are new.
    after: u64,
    rank: Rank,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// New messages on a ticket: a person may be waiting.
    Urgent,
    News,
    /// No new messages, but some may have been changed.
    Recorded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    New,
    /// New messages, and the messages on record.
    Live,
    /// Only these messages on record: the roots of tickets' threads.
    Roots(BTreeSet<u64>),
}

/// Ends the catch-up of a tenant when it is dropped: once all its gaps are read.
struct Round {
    progress: Progress,
    number: u64,
    through: u64,
    /// Whether a gap was given up, or there is a newer plan. The catch-up does not end then.
    keep_open: AtomicBool,
    _counted: Option<CountOnDrop>,
}

impl Drop for Round {
    fn drop(&mut self) {
        if !self.keep_open.load(Ordering::Relaxed) {
            self.progress.end_round(self.number, &self.through.to_string());
        }
    }
}

pub(super) enum Missed {
    Gaps(Vec<Gap>),
    /// The gaps could not be determined before the stop.
    Unknown,
}

/// A gap that a lane must read.
pub(super) struct Gap {
    pub(super) family: ChannelId,
    guild: Option<GuildId>,
    stretch: Stretch,
    round: Option<Arc<Round>>,
    handling: Option<Handling>,
    _urgent: Option<Urgent>,
}

impl Gap {
    /// Creates the gap for messages that a lane had no room for.
    pub(super) fn of_overflow(family: ChannelId, channel: ChannelId, overflow: Overflow) -> Self {
        let after = overflow.first.get() - 1;
        let stretch = Stretch { channel, family, after, rank: Rank::News, scope: Scope::New };
        Self { family, guild: overflow.guild, stretch, round: None, handling: Some(overflow.handling), _urgent: None }
    }

    /// Whether live events of the family must wait until the gap is read.
    pub(super) fn blocks(&self) -> bool {
        self.stretch.rank != Rank::Recorded
    }

    fn is_roots(&self) -> bool {
        matches!(self.stretch.scope, Scope::Roots(_))
    }

    /// Gives the gap up because of a stop. Returns its family.
    pub(super) fn leave(self) -> ChannelId {
        if let Some(round) = &self.round {
            round.keep_open.store(true, Ordering::Relaxed);
        }
        self.family
    }
}

impl Plan {
    /// Creates the plan. From now on the positions stand still.
    pub(super) fn new(
        shared: &Shared,
        guild: Option<GuildId>,
        joined_at: Option<Timestamp>,
        listed: Vec<Listed>,
        counted: CountOnDrop,
    ) -> Self {
        let (progress, number) = {
            let mut all = shared.reached.lock().unwrap_or_else(PoisonError::into_inner);
            let reached = all.entry(guild).or_insert_with(|| GuildPositions::new(guild));
            reached.plans += 1;
            reached.progress.fall_behind();
            (reached.progress.clone(), reached.plans)
        };
        let newest = listed.iter().map(|it| it.last.map_or(it.channel.get(), MessageId::get)).max();
        // Discord lists no direct conversations, so the present time takes the place of their newest message.
        let through = match guild {
            Some(guild) => newest.unwrap_or_default().max(guild.get()),
            None => snowflake_at(shared.clock.now()),
        };
        let (found, counted) = (OnceCell::new(), Mutex::new(Some(counted)));
        // Messages from before the program's very first start, or before the bot joined the guild, are never read.
        let beginning = shared.opened_at.get().copied().max(joined_at).unwrap_or_else(|| shared.clock.now());
        Self { guild, beginning, listed, progress, number, through, found, counted }
    }

    fn is_newest(&self, shared: &Shared) -> bool {
        let all = shared.reached.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&self.guild).is_some_and(|reached| reached.plans == self.number)
    }
}

impl Worker {
    /// Returns the gaps of a plan that this lane must read.
    pub(super) async fn survey(&self, plan: &Plan) -> Missed {
        let found = plan.found.get_or_try_init(async || {
            let mut wait = RETRY_FIRST;
            loop {
                match self.determine_gaps(plan).await {
                    Ok(found) => return Ok(found),
                    Err(error) => {
                        tracing::warn!(guild = ?plan.guild, %error, "missed messages are not known yet; trying again")
                    }
                }
                if !self.pause(&mut wait).await {
                    return Err(());
                }
            }
        });
        let Ok(found) = found.await else { return Missed::Unknown };
        let round = {
            let mut takers = found.takers.lock().unwrap_or_else(PoisonError::into_inner);
            let mut round = found.round.lock().unwrap_or_else(PoisonError::into_inner);
            *takers = takers.saturating_sub(1);
            if *takers == 0 { round.take() } else { round.clone() }
        };
        let mine = found.stretches.iter().filter(|stretch| lane_of(stretch.family) == self.number);
        let gaps = mine.cloned().map(|stretch| Gap {
            family: stretch.family,
            guild: plan.guild,
            _urgent: (stretch.rank == Rank::Urgent).then(|| self.pace.urgent()),
            round: round.clone(),
            handling: None,
            stretch,
        });
        Missed::Gaps(gaps.collect())
    }

    async fn determine_gaps(&self, plan: &Plan) -> Result<Found, StoreError> {
        let number = match plan.progress.begin_round(&self.intake).await? {
            Some(number) => Some(number),
            None => {
                plan.progress.begin_at(&snowflake_at(plan.beginning).to_string(), &self.intake).await?;
                plan.progress.begin_round(&self.intake).await?
            }
        };
        let stretches = self.stretches(plan).await?;
        let _counted = plan.counted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if !stretches.is_empty() {
            tracing::info!(guild = plan.guild.map(GuildId::get), places = stretches.len(), "catching up with Discord");
        }
        let round = match number.filter(|_| plan.is_newest(&self.shared)) {
            Some(number) => {
                let keep_open = AtomicBool::new(false);
                Round { progress: plan.progress.clone(), number, through: plan.through, keep_open, _counted }
            }
            None => {
                let keep_open = AtomicBool::new(true);
                Round { progress: plan.progress.clone(), number: 0, through: 0, keep_open, _counted }
            }
        };
        Ok(Found { stretches, round: Mutex::new(Some(Arc::new(round))), takers: Mutex::new(LANES) })
    }

    async fn stretches(&self, plan: &Plan) -> Result<Vec<Stretch>, StoreError> {
        let tenant = directory::tenant(plan.guild);
        let directory = &self.shared.directory;
        let now = self.shared.clock.now();
        let horizon = before(now, SPAN);
        let floor = snowflake_at(horizon).max(number(&plan.progress.beginning()));
        let since = |channel: ChannelId| number(&plan.progress.since(&channel.to_string()));
        let after = |since: u64| since.saturating_sub(overlap()).max(floor);

        let mut found: HashMap<ChannelId, Stretch> = HashMap::new();
        let listed: HashMap<ChannelId, Option<u64>> =
            plan.listed.iter().map(|it| (it.channel, it.last.map(MessageId::get))).collect();
        for (channel, last) in &listed {
            let since = since(*channel);
            if last.is_none_or(|last| last > since) {
                let (channel, family) = (*channel, directory.family_of(*channel));
                let stretch = Stretch { channel, family, after: after(since), rank: Rank::News, scope: Scope::New };
                found.insert(channel, stretch);
            }
        }
        let positions = self.intake.positions(&tenant).await?;
        let spoken: HashSet<ChannelId> = positions.iter().filter_map(|it| id(&it.conversation)).collect();
        let mut roots: HashMap<ChannelId, BTreeSet<u64>> = HashMap::new();
        for place in self.intake.active_conversations(&tenant, horizon).await? {
            let Some((channel, parent)) = channel_of(&place) else { continue };
            if let Some(parent) = parent {
                roots.entry(parent).or_default().insert(channel.get());
                // A thread that is not listed and has no position possibly does not exist, so it is skipped.
                if !listed.contains_key(&channel) && !spoken.contains(&channel) {
                    continue;
                }
            }
            directory.learn(channel, plan.guild, parent);
            let since = since(channel);
            let is_new = listed.get(&channel).copied().flatten().is_none_or(|last| last > since);
            let rank = if is_new { Rank::Urgent } else { Rank::Recorded };
            let family = parent.unwrap_or(channel);
            let scope = Scope::Live;
            found.insert(channel, Stretch { channel, family, after: after(since), rank, scope });
        }
        for position in positions {
            let Some(channel) = id::<ChannelId>(&position.conversation) else { continue };
            let is_known = found.contains_key(&channel) || listed.contains_key(&channel);
            if !is_known && (plan.guild.is_none() || may_be_archived(&position, plan, now)) {
                let (since, family) = (since(channel), directory.family_of(channel));
                let stretch = Stretch { channel, family, after: after(since), rank: Rank::News, scope: Scope::New };
                found.insert(channel, stretch);
            }
        }
        let mut found: Vec<Stretch> = found.into_values().collect();
        found.extend(roots.into_iter().map(|(channel, roots)| Stretch {
            channel,
            family: channel,
            after: u64::MAX,
            rank: Rank::Recorded,
            scope: Scope::Roots(roots),
        }));
        Ok(found)
    }

    /// Adds a gap. A gap of the same channel and kind is merged into it.
    pub(super) fn add(&mut self, mut gap: Gap) {
        let same = |other: &Gap| other.stretch.channel == gap.stretch.channel && other.is_roots() == gap.is_roots();
        if let Some(at) = self.gaps.iter().position(same) {
            let old = self.gaps.swap_remove(at);
            gap.stretch.after = gap.stretch.after.min(old.stretch.after);
            gap.stretch.rank = gap.stretch.rank.min(old.stretch.rank);
            gap.handling = gap.handling.take().or(old.handling);
            if gap.round.is_none() {
                gap.round = old.round;
            }
            if old.stretch.scope == Scope::Live {
                gap.stretch.scope = Scope::Live;
            }
        }
        self.gaps.push(gap);
        // Within a rank, a channel is read before its threads: the message that opened a thread is handled first.
        self.gaps.sort_by_key(|gap| std::cmp::Reverse((gap.stretch.rank, gap.stretch.channel)));
    }

    /// Removes and returns the gap to read next; none while other lanes have urgent gaps and this lane has none.
    pub(super) fn next_gap(&mut self) -> Option<Gap> {
        let last = self.gaps.last()?;
        if last.stretch.rank != Rank::Urgent && self.pace.is_urgent() {
            return None;
        }
        self.gaps.pop()
    }

    /// Reads a gap, and notes its conversation as caught up. At a stop, gives the gap up.
    pub(super) async fn fill(&mut self, mut gap: Gap) {
        if self.read(&mut gap).await {
            let round = gap.round.as_ref().filter(|round| !round.keep_open.load(Ordering::Relaxed) && !gap.is_roots());
            if let Some(round) = round {
                let (conversation, through) = (gap.stretch.channel.to_string(), round.through.to_string());
                round.progress.caught_up(round.number, &conversation, &through);
            }
            if let Some(handling) = gap.handling.take() {
                handling.done();
            }
        } else {
            let family = gap.leave();
            self.leave(family);
        }
    }

    /// Reads the messages of a gap. Returns `false` if a stop came before its end.
    async fn read(&mut self, gap: &mut Gap) -> bool {
        let Some(records) = self.records(gap).await else { return false };
        let channel = gap.stretch.channel;
        let new_after = gap.stretch.after;
        let oldest = records.keys().next().map(|oldest| oldest - 1);
        let mut after = match (&gap.stretch.scope, oldest) {
            (Scope::Roots(_), None) => return true,
            (_, oldest) => oldest.map_or(new_after, |oldest| oldest.min(new_after)),
        };
        loop {
            self.pace.wait().await;
            let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
            let mut page = match self.ask(Route::ChannelMessages { channel_id: channel }, &query).await {
                Asked::Found(Value::Array(page)) => page,
                Asked::Found(_) | Asked::Refused => return true,
                Asked::Halted => return false,
            };
            page.sort_by_key(snowflake);
            let there: BTreeSet<u64> = page.iter().filter_map(snowflake).collect();
            let last = there.last().copied().filter(|_| page.len() >= PAGE);
            for message in page {
                if !self.compare(gap, message, &records).await {
                    return false;
                }
            }
            let read = records.range(after + 1..=last.unwrap_or(u64::MAX - 1));
            let not_shown: Vec<MessageId> =
                read.map(|(id, _)| *id).filter(|id| !there.contains(id)).map(MessageId::new).collect();
            let Some(gone) = self.gone(gap, &not_shown).await else { return false };
            if !self.deleted(gap.guild, channel, &gone).await {
                return false;
            }
            let Some(last) = last else { return true };
            after = match &gap.stretch.scope {
                Scope::Roots(_) => match records.range(last + 1..).next() {
                    Some((next, _)) => next - 1,
                    None => return true,
                },
                Scope::New | Scope::Live => last,
            };
        }
    }

    /// Returns the messages that are deleted: Discord does not find them by their ids. Their absence from a history
    /// proves nothing, since Discord shows an empty history to a bot without the right to read it. `None`: a stop.
    async fn gone(&mut self, gap: &Gap, not_shown: &[MessageId]) -> Option<Vec<MessageId>> {
        let channel = gap.stretch.channel;
        let mut gone = Vec::new();
        let mut wait = RETRY_FIRST;
        let mut left = not_shown.iter();
        let mut next = left.next();
        while let Some(message) = next {
            if self.hidden.contains(&gap.family) {
                break;
            }
            self.pace.wait().await;
            let route = Route::ChannelMessage { channel_id: channel, message_id: *message };
            match self.shared.rest.call_patiently(LightMethod::Get, route, &[], None).await {
                Ok(_) => {}
                Err(error) if error.is(code::UNKNOWN_MESSAGE) => gone.push(*message),
                Err(error) if error.is(code::UNKNOWN_CHANNEL) => break,
                Err(error @ RestError::Refused { .. }) => {
                    tracing::warn!(%channel, %error, "no right Read Message History: deleted messages stay on record");
                    // Discord is asked only once, since each refusal counts towards a ban.
                    self.hidden.insert(gap.family);
                }
                Err(error) => {
                    tracing::warn!(%channel, %error, "whether a message was deleted is not known yet; trying again");
                    if !self.pause(&mut wait).await {
                        return None;
                    }
                    continue;
                }
            }
            next = left.next();
        }
        Some(gone)
    }

    /// Returns the messages on record to compare: their ids, each with the time of its last edit. `None`: a stop.
    async fn records(&self, gap: &Gap) -> Option<BTreeMap<u64, Option<Timestamp>>> {
        let from = match &gap.stretch.scope {
            Scope::New => return Some(BTreeMap::new()),
            Scope::Live => snowflake_at(before(self.shared.clock.now(), SPAN)),
            Scope::Roots(roots) => roots.first().copied().unwrap_or_default(),
        };
        let (tenant, channel) = (directory::tenant(gap.guild), gap.stretch.channel.to_string());
        let mut wait = RETRY_FIRST;
        let records = loop {
            match self.intake.said_in(&tenant, &channel, &from.to_string(), COMPARED).await {
                Ok(records) => break records,
                Err(error) => tracing::warn!(channel, %error, "catching up waits: the database cannot be read yet"),
            }
            if !self.pause(&mut wait).await {
                return None;
            }
        };
        let standing = records.into_iter().filter(|record| !record.is_deleted);
        let all = standing.map(|record| (number(&record.message.id), record.edited_at));
        Some(match &gap.stretch.scope {
            Scope::Roots(roots) => all.filter(|(id, _)| roots.contains(id)).collect(),
            Scope::New | Scope::Live => all.collect(),
        })
    }

    /// Hands a message on if it is new or changed. Returns `false` if a stop came before the commit.
    async fn compare(&mut self, gap: &mut Gap, message: Value, records: &BTreeMap<u64, Option<Timestamp>>) -> bool {
        let Some(id) = snowflake(&message).filter(|id| *id > 0) else { return true };
        let channel = gap.stretch.channel;
        // A message that was read counts as seen. Otherwise `watch` would take the session for deaf.
        self.shared.directory.saw(channel, gap.guild, MessageId::new(id));
        let record = records.get(&id);
        let is_new = id > gap.stretch.after && record.is_none();
        if !is_new && record.is_none() {
            return true;
        }
        let thread = message.get("thread").filter(|_| is_new).cloned();
        let Ok(mut message) = Message::read_in(&message, gap.guild) else {
            self.shared.count_unreadable("a message that was missed");
            return true;
        };
        if let Some(edited_at) = record {
            let edited = message.edited().map(Timestamp::as_millisecond);
            if edited.is_none() || edited == edited_at.map(Timestamp::as_millisecond) {
                return true;
            }
            return self.know_author(&mut message).await && self.edited_to(&message).await;
        }
        let is_done = self.know_author(&mut message).await && self.posted(&message).await;
        if let Some(thread) = thread.filter(|_| is_done) {
            self.look_into(gap, &thread);
        }
        is_done
    }

    /// Adds a gap for a thread under a missed message if the thread was archived since, so that no session lists it.
    fn look_into(&mut self, gap: &Gap, thread: &Value) {
        let (Some(channel), Some(last)) = (thread["id"].as_str().and_then(id), snowflake_in(thread, "last_message_id"))
        else {
            return;
        };
        self.shared.directory.learn(channel, gap.guild, Some(gap.stretch.channel));
        let since = number(&self.shared.positions(gap.guild).since(&channel.to_string()));
        let is_planned = self.gaps.iter().any(|gap| gap.stretch.channel == channel);
        if thread["thread_metadata"]["archived"] == true && last > since && !is_planned {
            let stretch = Stretch {
                channel,
                family: gap.family,
                after: since.saturating_sub(overlap()),
                rank: Rank::News,
                scope: Scope::New,
            };
            self.add(Gap {
                family: gap.family,
                guild: gap.guild,
                stretch,
                round: gap.round.clone(),
                handling: None,
                _urgent: None,
            });
        }
    }

    /// Asks for an author's roles if rights may depend on them: messages of the REST API lack them. `false`: a stop.
    async fn know_author(&mut self, message: &mut Message) -> bool {
        let Some(guild) = message.guild else { return true };
        let is_person = !message.author.is_bot && !message.is_webhook;
        let in_thread = self.shared.directory.family_of(message.channel) != message.channel;
        let names_bot = message.names(self.shared.me) || !message.mention_roles.is_empty();
        if !is_person || !(in_thread || names_bot) {
            return true;
        }
        let user = message.author.id;
        if !self.members.contains_key(&(guild, user)) {
            self.pace.wait().await;
            let route = Route::GuildMember { guild_id: guild, user_id: user };
            let member = match self.ask(route, &[]).await {
                Asked::Found(member) => Member::read(&member),
                // An author who has left the guild is proven to have no roles.
                Asked::Refused => Some(Member::gone()),
                Asked::Halted => return false,
            };
            self.members.insert((guild, user), member);
        }
        message.author.member = self.members.get(&(guild, user)).cloned().flatten();
        true
    }
}

/// Whether an unlisted thread may have got messages and then been archived since a process last listened.
fn may_be_archived(position: &Position, plan: &Plan, now: Timestamp) -> bool {
    let heard = time_of(number(&plan.progress.since("")));
    let reached = time_of(number(&position.through));
    now.duration_since(heard) >= span(ARCHIVED_AFTER) && heard.duration_since(reached) <= span(ARCHIVED_LATEST)
}

/// Returns the channel of a conversation, and for a thread also its parent channel.
fn channel_of(place: &Place) -> Option<(ChannelId, Option<ChannelId>)> {
    match &place.at {
        Conversation::Direct { channel } | Conversation::Channel { channel } => Some((id(channel)?, None)),
        Conversation::Thread { channel, root } => Some((id(root)?, Some(id(channel)?))),
    }
}

fn snowflake(message: &Value) -> Option<u64> {
    snowflake_in(message, "id")
}

fn snowflake_in(value: &Value, field: &str) -> Option<u64> {
    value[field].as_str()?.parse().ok()
}

fn number(id: &str) -> u64 {
    id.parse().unwrap_or_default()
}

fn span(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn before(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_sub(span(by)).unwrap_or(Timestamp::MIN)
}

/// Returns the overlap as a difference of snowflakes.
fn overlap() -> u64 {
    u64::try_from(OVERLAP.as_millis()).unwrap_or_default() << 22
}
