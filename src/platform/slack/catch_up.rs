//! Catch-up: reads messages from Slack's history that were posted while no process listened, and hands them to the
//! intake like live events.
//!
//! Places of tickets come first and are read as far back as [`SPAN`], since any message there may have been edited or
//! deleted. Then come channels and direct conversations, from their positions on. Live events are handled meanwhile;
//! both ways may report the same message, with the same dedupe key.
//!
//! The thread of a message that opened a ticket, or was answered otherwise, is read once more *after* the commit.
//! Otherwise an answer could be lost: a request is posted while no process listens, and an answer in its thread arrives
//! live before the catch-up has read the request. The answer belongs to no ticket yet, so it is dropped. Live events
//! cannot be held back meanwhile, since Slack gives them up after three tries. The second reading finds every earlier
//! answer; every later answer finds the ticket.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::PoisonError;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Workspace;
use super::api::{CallError, Repeat};
use super::inbound::{MessageNews, SlackMessage, is_direct, read_message, text_of, time};
use super::outbound::slack_time;
use crate::clock::real;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::Conversation;
use crate::domain::limits::slack as limits;
use crate::domain::outcome::Outcome;
use crate::intake::{Intake, OnRecord, StoreError};
use crate::platform::catch_up::{COMPARED, OVERLAP, Opened, SPAN};

/// The number of messages per page.
pub(super) const PAGE: usize = 200;
/// More pages than any conversation has in two weeks: a guard against endless answers.
const PAGES: usize = 1_000;
/// The calls per minute of each method in a catch-up: half of the limit, so that other work can still read threads.
const CALLS: usize = limits::HISTORY.count as usize / 2;
/// The wait after a failure, the first and the longest, in real time.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Catches up whenever events may have been missed, until `stop`.
pub(super) async fn run(workspace: &Workspace, intake: &Intake, opened: Opened, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = workspace.progress.until_behind() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = catch_up(workspace, intake, opened) => {}
        }
    }
}

async fn catch_up(workspace: &Workspace, intake: &Intake, opened: Opened) {
    let began = workspace.clock.now();
    let cutoff = slack_time(before(began, SPAN));
    let mut reading = Reading {
        workspace,
        intake,
        cutoff,
        made: HashMap::new(),
        compared: HashMap::new(),
        live: HashSet::new(),
        handed_in: 0,
    };
    let round = loop {
        match workspace.progress.begin_round(intake).await {
            Ok(Some(round)) => break round,
            Ok(None) => match workspace.progress.begin_at(&slack_time(opened.at), intake).await {
                // There is nothing to catch up with: the desk is opened now.
                Ok(()) if opened.is_now => {
                    workspace.progress.missed_nothing();
                    return reading.note_channels().await;
                }
                Ok(()) => continue,
                Err(error) => {
                    tracing::warn!(%error, "catching up: the time of the first start cannot be stored; trying again")
                }
            },
            Err(error) => tracing::warn!(%error, "catching up: the positions cannot be read yet; trying again"),
        }
        real::sleep(RETRY_AFTER).await;
    };
    let through = slack_time(began);
    let mut jobs = reading.jobs().await;
    while let Some(mut waiting) = next(&mut jobs) {
        real::sleep_until(waiting.not_before).await;
        match reading.carry_out(&waiting.job).await {
            Ok(()) => {}
            Err(trouble) if reading.is_lasting(&trouble) => {
                tracing::warn!(job = ?waiting.job, %trouble, "catching up: a place cannot be read; it is left out");
            }
            Err(trouble) => {
                tracing::warn!(job = ?waiting.job, %trouble, "catching up: a place cannot be read yet; trying again");
                waiting.tries += 1;
                let wait = RETRY_AFTER.saturating_mul(1 << waiting.tries.min(6)).min(RETRY_AFTER_MAX);
                waiting.not_before = real::now() + wait;
                jobs.push_back(waiting);
                continue;
            }
        }
        if let Job::Compare(channel) | Job::Channel(channel) = &waiting.job
            && !jobs.iter().any(|other| other.job.channel() == channel)
        {
            workspace.progress.caught_up(round, channel, &through);
        }
    }
    if workspace.progress.end_round(round, &through) {
        tracing::info!(handed_in = reading.handed_in, "caught up with Slack");
    }
    if let Err(error) = workspace.progress.store(intake).await {
        tracing::debug!(%error, "positions cannot be stored now; trying again");
    }
}

/// A place to read, or to compare with the record, after Slack has not been listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Job {
    /// A ticket's thread.
    Thread { channel: String, root: String },
    /// A ticket's direct conversation.
    Direct(String),
    /// Looks up the messages on record of this channel that the other jobs have not seen: they may be deleted.
    Compare(String),
    /// New messages of a channel or a direct conversation since its position.
    Channel(String),
}

struct Waiting {
    job: Job,
    tries: u32,
    not_before: Instant,
}

impl Job {
    fn channel(&self) -> &str {
        match self {
            Self::Thread { channel, .. } | Self::Direct(channel) | Self::Compare(channel) | Self::Channel(channel) => {
                channel
            }
        }
    }

    /// Whether this job must wait for `other`, a job of the same channel. A comparison comes after the places of
    /// tickets, since only then the unseen messages are known. New messages come last, since they may open further
    /// tickets.
    fn comes_after(&self, other: &Self) -> bool {
        let rank = |job: &Self| match job {
            Self::Thread { .. } | Self::Direct(_) => 0,
            Self::Compare(_) => 1,
            Self::Channel(_) => 2,
        };
        self.channel() == other.channel() && rank(self) > rank(other)
    }
}

/// Removes and returns the first job that can be done now, otherwise the one with the shortest wait.
fn next(jobs: &mut VecDeque<Waiting>) -> Option<Waiting> {
    let now = real::now();
    let is_free = |at: &usize| !jobs.iter().any(|other| jobs[*at].job.comes_after(&other.job));
    let first = (0..jobs.len()).find(|at| jobs[*at].not_before <= now && is_free(at));
    let at = first.or_else(|| (0..jobs.len()).filter(is_free).min_by_key(|at| jobs[*at].not_before))?;
    jobs.remove(at)
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// The state of one catch-up.
pub(super) struct Reading<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) intake: &'a Intake,
    /// The time stamp of the oldest message to read.
    cutoff: String,
    /// The times of the recent calls, by method.
    made: HashMap<&'static str, VecDeque<Timestamp>>,
    /// The comparison with the record, by channel.
    compared: HashMap<String, Compared>,
    /// The threads of tickets.
    live: HashSet<(String, String)>,
    handed_in: u64,
}

/// The messages on record of a channel, loaded before the channel was read, and the time stamps seen on Slack since.
struct Compared {
    known: HashMap<String, OnRecord>,
    seen: HashSet<String>,
}

impl Reading<'_> {
    /// Returns all jobs, in order.
    async fn jobs(&mut self) -> VecDeque<Waiting> {
        let mut wait = RETRY_AFTER;
        let (live, channels) = loop {
            match self.places().await {
                Ok(places) => break places,
                Err(trouble) => tracing::warn!(%trouble, "catching up: channels cannot be listed yet; trying again"),
            }
            real::sleep(wait).await;
            wait = (wait * 2).min(RETRY_AFTER_MAX);
        };
        for job in &live {
            if let Job::Thread { channel, root } = job {
                self.live.insert((channel.clone(), root.clone()));
            }
        }
        let mut compared = Vec::new();
        let mut direct = HashSet::new();
        for job in &live {
            if let Job::Direct(channel) = job {
                direct.insert(channel.clone());
            }
            if !compared.contains(&Job::Compare(job.channel().to_owned())) {
                compared.push(Job::Compare(job.channel().to_owned()));
            }
        }
        // The direct conversation of a ticket already has a job.
        let others = channels.into_iter().filter(|channel| !direct.contains(channel)).map(Job::Channel);
        let jobs = live.iter().cloned().chain(compared).chain(others);
        jobs.map(|job| Waiting { job, tries: 0, not_before: real::now() }).collect()
    }

    /// Returns the places of tickets, and the channels that the bot is in, with direct conversations last.
    async fn places(&mut self) -> Result<(Vec<Job>, Vec<String>), Trouble> {
        let since = time(&self.cutoff).unwrap_or(Timestamp::UNIX_EPOCH);
        let live = self.intake.active_conversations(&self.workspace.me.tenant, since).await?;
        let live = live.into_iter().map(|place| match place.at {
            Conversation::Thread { channel, root } => Job::Thread { channel, root },
            Conversation::Channel { channel } | Conversation::Direct { channel } => Job::Direct(channel),
        });
        let mut channels = match self.channels().await {
            Err(trouble) if self.is_lasting(&trouble) => {
                tracing::error!(
                    %trouble,
                    "the bot's channels cannot be listed: only the places of tickets are read; run `deskbell check`"
                );
                Vec::new()
            }
            read => read?,
        };
        channels.sort_by_key(|channel| is_direct(channel, &Value::Null));
        Ok((live.collect(), channels))
    }

    async fn carry_out(&mut self, job: &Job) -> Result<(), Trouble> {
        match job {
            Job::Thread { channel, root } => {
                self.compare_with_record(channel).await?;
                let messages = self.replies(channel, root, &self.cutoff.clone()).await?;
                self.offer_all(channel, &messages).await
            }
            Job::Direct(channel) => {
                self.compare_with_record(channel).await?;
                let oldest = self.cutoff.clone();
                self.direct(channel, &oldest).await
            }
            Job::Compare(channel) => self.look_for_missing(channel).await,
            Job::Channel(channel) if is_direct(channel, &Value::Null) => {
                let floor = self.floor(channel);
                self.direct(channel, &floor).await
            }
            Job::Channel(channel) => self.channel(channel).await,
        }
    }

    /// Reads a direct conversation and its threads.
    async fn direct(&mut self, channel: &str, oldest: &str) -> Result<(), Trouble> {
        let mut messages = self.history(channel, oldest, |_| true).await?;
        let roots: Vec<String> = with_replies_after(&messages, oldest).collect();
        for root in roots {
            messages.extend(self.replies(channel, &root, oldest).await?);
        }
        self.offer_all(channel, &messages).await?;
        Ok(self.delete_again(channel).await?)
    }

    /// Reads the messages of a channel since its position, and the threads that began since then.
    async fn channel(&mut self, channel: &str) -> Result<(), Trouble> {
        let floor = self.floor(channel);
        let workspace = self.workspace;
        let mention = format!("<@{}", workspace.me.user);
        // At a channel's top level only mentions of the bot can concern the desk; the rest is not even kept in memory.
        let concerns = |message: &Value| {
            has_replies_after(message, &floor)
                || read_message(message, channel, false, &workspace.me)
                    .is_some_and(|heard| heard.raw.contains(&mention))
        };
        let messages = self.history(channel, &floor, concerns).await?;
        let mut threads: VecDeque<(String, String)> = with_replies_after(&messages, &floor)
            .filter(|root| !self.live.contains(&(channel.to_owned(), root.clone())))
            .map(|root| (root, floor.clone()))
            .collect();
        for message in messages.values() {
            threads.extend(self.offer(channel, message).await?);
        }
        self.follow(channel, threads).await?;
        Ok(self.delete_again(channel).await?)
    }

    async fn offer_all(&mut self, channel: &str, messages: &BTreeMap<String, Value>) -> Result<(), Trouble> {
        let mut threads = VecDeque::new();
        for message in messages.values() {
            threads.extend(self.offer(channel, message).await?);
        }
        if is_direct(channel, &Value::Null) { Ok(()) } else { self.follow(channel, threads).await }
    }

    /// Reads each thread after the given message. Then reads the threads that [`Self::offer`] asks for.
    async fn follow(&mut self, channel: &str, mut threads: VecDeque<(String, String)>) -> Result<(), Trouble> {
        while let Some((root, after)) = threads.pop_front() {
            let replies = self.replies(channel, &root, &after).await?;
            for (_, reply) in replies.iter().filter(|(ts, _)| ts.as_str() > after.as_str() && **ts != root) {
                threads.extend(self.offer(channel, reply).await?);
            }
        }
        Ok(())
    }

    /// Hands in a message as it is now: as a post if it may be new, as an edit if it is on record and was edited.
    /// Returns a thread to read again, and the message after which to read: answers in it may concern the desk now.
    async fn offer(&mut self, channel: &str, message: &Value) -> Result<Option<(String, String)>, Trouble> {
        let Some(ts) = text_of(&message["ts"]).map(str::to_owned) else { return Ok(None) };
        let floor = self.floor(channel);
        let known = self.compared.get_mut(channel).and_then(|compared| {
            compared.seen.insert(ts.clone());
            compared.known.get(&ts)
        });
        if message["subtype"] == "tombstone" {
            if known.is_some_and(|record| !record.is_deleted) {
                self.delete(channel, &ts).await?;
            }
            return Ok(None);
        }
        let edited = text_of(&message["edited"]["ts"]).map(str::to_owned);
        let Some(heard) = read_message(message, channel, is_direct(channel, &Value::Null), &self.workspace.me) else {
            return Ok(None);
        };
        let mut opened = None;
        if let Some(record) = known {
            // Slack does not say when a file was deleted, so the present time is taken.
            if has_tombstone(message) && record.files > heard.files.len() {
                let now = slack_time(self.workspace.clock.now());
                self.hand_in(MessageNews::Edited(heard, now)).await?;
                return Ok(None);
            }
            let is_known =
                edited.as_deref().and_then(time).is_none_or(|at| record.edited_at.is_some_and(|old| old >= at));
            if is_known {
                return Ok(None);
            }
        } else if ts <= floor {
            return Ok(None);
        } else {
            let outcome = self.hand_in(MessageNews::Posted(heard.clone())).await?;
            let answers_belong_to_it = matches!(
                outcome,
                Some(Outcome::Opened(_) | Outcome::Merged(_) | Outcome::Skipped | Outcome::Done(None))
            );
            if answers_belong_to_it {
                opened = Some(thread_of(&heard));
            }
        }
        if let Some(edited) = edited {
            let outcome = self.hand_in(MessageNews::Edited(heard.clone(), edited)).await?;
            if matches!(outcome, Some(Outcome::Opened(_) | Outcome::Merged(_))) {
                opened = Some(thread_of(&heard));
            }
        }
        Ok(opened)
    }

    async fn hand_in(&mut self, news: MessageNews) -> Result<Option<Outcome>, StoreError> {
        if !self.workspace.me.may_concern(&news) {
            return Ok(Some(Outcome::Ignored));
        }
        let Some(event) = self.workspace.event_of(news).await else { return Ok(None) };
        self.handed_in += 1;
        self.intake.handle(event).await.map(Some)
    }

    async fn delete(&mut self, channel: &str, ts: &str) -> Result<(), StoreError> {
        let at = slack_time(self.workspace.clock.now());
        self.hand_in(MessageNews::Deleted { channel: channel.to_owned(), ts: ts.to_owned(), at }).await.map(drop)
    }

    /// Loads the messages on record of a channel, before the channel itself is read for the first time. A message that
    /// is recorded later can then not seem to be missing on Slack.
    async fn compare_with_record(&mut self, channel: &str) -> Result<(), StoreError> {
        if !self.compared.contains_key(channel) {
            let records = self.intake.said_in(&self.workspace.me.tenant, channel, &self.cutoff, COMPARED).await?;
            let known = records.into_iter().map(|record| (record.message.id.clone(), record)).collect();
            self.compared.insert(channel.to_owned(), Compared { known, seen: HashSet::new() });
        }
        Ok(())
    }

    /// Looks up each message on record that was not seen. It counts as deleted only if Slack says that it does not
    /// exist.
    async fn look_for_missing(&mut self, channel: &str) -> Result<(), Trouble> {
        let Some(compared) = self.compared.get(channel) else { return Ok(()) };
        let missing = compared.known.iter().filter(|(ts, record)| !record.is_deleted && !compared.seen.contains(*ts));
        let missing: Vec<String> = missing.map(|(ts, _)| ts.clone()).collect();
        for ts in missing {
            let params = [("channel", channel.to_owned()), ("ts", ts.clone()), ("limit", "1".to_owned())];
            let shown = match self.call("conversations.replies", &params).await {
                Err(Trouble::Call(error)) if is_no_message(&error) => None,
                answer => {
                    let answer = answer?;
                    let mut messages = answer["messages"].as_array().into_iter().flatten();
                    messages.find(|message| message["ts"] == ts.as_str()).map(|it| it["subtype"] == "tombstone")
                }
            };
            let is_gone = match shown {
                Some(is_tombstone) => is_tombstone,
                // A history shows posts late, and shows no message from before the retention of the plan or workspace.
                // So a message that is missing in it may still exist.
                None => {
                    let params = [("channel", channel.to_owned()), ("message_ts", ts.clone())];
                    match self.call("chat.getPermalink", &params).await {
                        Err(Trouble::Call(error)) if error.code() == Some("message_not_found") => true,
                        answer => answer.map(|_| false)?,
                    }
                }
            };
            if is_gone {
                self.delete(channel, &ts).await?;
            }
        }
        Ok(())
    }

    /// Hands in deletions again: a message that was deleted during the catch-up may have been handed in after its
    /// deletion.
    async fn delete_again(&mut self, channel: &str) -> Result<(), StoreError> {
        let deletions: Vec<Event> = {
            let mut all = self.workspace.deletions.lock().unwrap_or_else(PoisonError::into_inner);
            let here = |event: &mut Event| matches!(&event.what, EventKind::MessageDeleted { message } if message.channel == channel);
            all.extract_if(.., here).collect()
        };
        for event in deletions {
            self.intake.handle(event).await?;
        }
        Ok(())
    }

    /// Returns the time stamp after which messages of a channel count as new.
    fn floor(&self, channel: &str) -> String {
        let progress = &self.workspace.progress;
        let since = time(&progress.since(channel)).map(|at| slack_time(before(at, OVERLAP))).unwrap_or_default();
        since.max(progress.beginning()).max(self.cutoff.clone())
    }

    /// Returns the messages of a channel by their time stamps.
    async fn history(
        &mut self,
        channel: &str,
        oldest: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<BTreeMap<String, Value>, Trouble> {
        let params = [("channel", channel.to_owned()), ("oldest", oldest.to_owned()), ("limit", PAGE.to_string())];
        let mut found = BTreeMap::new();
        self.pages("conversations.history", &params, "messages", |message| {
            if let Some(ts) = text_of(&message["ts"])
                && wanted(message)
            {
                found.insert(ts.to_owned(), message.clone());
            }
        })
        .await?;
        Ok(found)
    }

    /// Returns a thread's first message and its answers after `oldest`; nothing if the thread is gone.
    async fn replies(&mut self, channel: &str, root: &str, oldest: &str) -> Result<BTreeMap<String, Value>, Trouble> {
        let params = [
            ("channel", channel.to_owned()),
            ("ts", root.to_owned()),
            ("oldest", oldest.to_owned()),
            ("limit", PAGE.to_string()),
        ];
        let mut found = BTreeMap::new();
        let read = self
            .pages("conversations.replies", &params, "messages", |message| {
                if let Some(ts) = text_of(&message["ts"]) {
                    found.insert(ts.to_owned(), message.clone());
                }
            })
            .await;
        match read {
            Err(Trouble::Call(error)) if is_no_message(&error) => Ok(BTreeMap::new()),
            read => read.map(|()| found),
        }
    }

    pub(super) async fn pages(
        &mut self,
        method: &'static str,
        params: &[(&str, String)],
        what: &str,
        mut take: impl FnMut(&Value),
    ) -> Result<(), Trouble> {
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut params = params.to_vec();
            if !cursor.is_empty() {
                params.push(("cursor", cursor));
            }
            let page = self.call(method, &params).await?;
            page[what].as_array().into_iter().flatten().for_each(&mut take);
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                return Ok(());
            }
        }
        tracing::error!(method, ?params, "catching up: too many pages; the rest is not read: messages may be missed");
        Ok(())
    }

    /// Makes one call, within [`CALLS`]. If Slack asks to wait, it waits and repeats the call.
    async fn call(&mut self, method: &'static str, params: &[(&str, String)]) -> Result<Value, Trouble> {
        loop {
            self.wait_for_turn(method).await;
            let answer = self.workspace.api.get(method, params, self.workspace.api.deadline()).await;
            self.made.entry(method).or_default().push_back(self.workspace.clock.now());
            match answer {
                Err(CallError::RateLimited(wait)) => self.workspace.clock.sleep(wait).await,
                answer => return Ok(answer?),
            }
        }
    }

    async fn wait_for_turn(&mut self, method: &'static str) {
        let made = self.made.entry(method).or_default();
        if made.len() >= CALLS
            && let Some(oldest) = made.pop_front()
            && let Ok(window) = SignedDuration::try_from(limits::HISTORY.per)
        {
            self.workspace.clock.sleep_until(oldest + window).await;
        }
    }

    /// Whether another try is pointless, since the bot cannot read the conversation. After any other failure the job is
    /// tried again, and until then positions stand still.
    pub(super) fn is_lasting(&self, trouble: &Trouble) -> bool {
        const CODES: &[&str] = &[
            "channel_not_found",
            "not_in_channel",
            "is_archived",
            "channel_type_not_supported",
            "method_not_supported_for_channel_type",
            "missing_scope",
        ];
        let Trouble::Call(error) = trouble else { return false };
        // This logs errors that an operator must fix.
        let _ = self.workspace.failed(error.clone(), Repeat::Harmless);
        error.code().is_some_and(|code| CODES.contains(&code))
    }
}

/// Returns the thread in which answers to a message stand, and the message after which they come.
fn thread_of(heard: &SlackMessage) -> (String, String) {
    (heard.thread.clone().unwrap_or_else(|| heard.ts.clone()), heard.ts.clone())
}

fn with_replies_after<'m>(messages: &'m BTreeMap<String, Value>, after: &'m str) -> impl Iterator<Item = String> + 'm {
    messages.iter().filter(|(_, message)| has_replies_after(message, after)).map(|(ts, _)| ts.clone())
}

fn has_replies_after(message: &Value, after: &str) -> bool {
    text_of(&message["latest_reply"]).is_some_and(|latest| latest > after)
}

fn is_no_message(error: &CallError) -> bool {
    matches!(error.code(), Some("thread_not_found" | "message_not_found"))
}

fn before(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_sub(by).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}
/// Whether the owner of a file of the message deleted it.
fn has_tombstone(message: &Value) -> bool {
    message["files"].as_array().is_some_and(|files| files.iter().any(|file| file["mode"] == "tombstone"))
}
