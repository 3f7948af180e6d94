//! Plays a transcript of a real help channel through both platforms, and counts what became of its messages.
//!
//! A message that starts a conversation mentions the bot in an ordinary channel. Its replies go into its thread, and
//! all other messages are chatter. The replay acts only as people can. It takes times and refusals from the journal,
//! and tickets from the bot's database.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::real;
use crate::desk::{conversation, tickets};
use crate::domain::ids::{MessageRef, PlatformName, Tenant};
use crate::domain::outcome::Outcome;
use crate::sandbox::stage::Stage;
use crate::sandbox::world::{Spot, World};
use crate::store::{Store, Work};

/// The channel in which everything is said.
const CHANNEL: &str = "general";
/// The share of the conversations that an agent works on.
const WORKED: f64 = 0.3;

/// The last day of a transcript: after a hundred years, which every clock here can show.
const LAST_DAY: i64 = 36_500;

/// One message of a transcript.
#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    /// Its number, from 0, in order.
    pub n: usize,
    /// The day, from 0.
    pub day: i64,
    /// The minute of that day.
    pub minute: i64,
    pub who: String,
    /// Its words; mentions are written `<@p001>`.
    pub text: String,
    /// The messages that it answers.
    pub replies_to: Vec<usize>,
    /// Whether it starts a conversation.
    pub starts: bool,
}

/// The part of a message in the replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It starts a conversation: it mentions the bot.
    Start,
    /// It answers the start with this number, directly or through other replies, and goes into its thread.
    Reply(usize),
    /// It neither starts a conversation nor answers one that was started.
    Chatter,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It opened a ticket.
    Ticket,
    /// It is no start, and is stored in a ticket.
    Recorded,
    /// It is a start, but was joined to a ticket that another message opened.
    Merged,
    /// It is a start that opened no ticket, since it is small talk.
    Skipped,
    /// It is a start that is a command.
    Command,
    /// It is in no ticket, and is neither skipped small talk nor a command.
    Unrecorded,
}

/// What became of one message on one platform, as `--list` writes it.
#[derive(Clone, Debug, Serialize)]
pub struct Listed<'a> {
    pub platform: &'static str,
    /// Number of the message in the transcript.
    pub n: usize,
    pub fate: Fate,
    /// The key of the ticket that it is stored in.
    pub ticket: Option<String>,
    pub text: &'a str,
}

/// The result of a replay on one platform.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub messages: usize,
    /// Tickets in the bot's database that were opened on this platform.
    pub tickets: usize,
    /// Starts that were joined to the ticket of another message.
    pub merged: usize,
    /// Starts that were small talk.
    pub skipped: usize,
    /// Starts that were commands.
    pub commands: usize,
    /// Messages that are stored in tickets, including those that opened one.
    pub recorded: usize,
    /// The sum of: messages in a wrong ticket or in two, starts that came to nothing, refused calls, dead events, and
    /// faults against the protocol.
    pub errors: usize,
    /// The real time from the sending of an event to its acknowledgement. `None` for Discord, whose gateway has none.
    pub ack_ms: Option<Spread>,
    /// The real time from the sending of a start to the first answer in its thread.
    pub answer_ms: Option<Spread>,
}

/// A distribution of times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub p50: f64,
    pub p99: f64,
}

/// A transcript, and how to replay it.
pub struct Replay<'a> {
    pub lines: &'a [Line],
    pub platforms: Vec<PlatformName>,
    /// The seed of the agents' random choices.
    pub seed: u64,
    /// Called with the number of messages said so far.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

/// Reads a transcript from a file.
///
/// # Errors
/// If the file cannot be read, or a line of it not understood.
pub fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

/// Reads the text of a transcript, with one message on each line.
///
/// # Errors
/// If a line of it is not understood.
pub fn parse(text: &str) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("line {}: not a message of a transcript", number + 1))?;
        if line.n != lines.len() {
            bail!("line {}: messages must be numbered from 0, in order", number + 1);
        }
        if !(0..=LAST_DAY).contains(&line.day) || !(0..1440).contains(&line.minute) {
            bail!("line {}: days count from 0 to {LAST_DAY}, minutes from 0 to 1439", number + 1);
        }
        if line.replies_to.iter().any(|answered| *answered >= line.n) {
            bail!("line {}: a message can only answer earlier ones", number + 1);
        }
        lines.push(line);
    }
    Ok(lines)
}

/// Returns the part of each message.
#[must_use]
pub fn parts(lines: &[Line]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::with_capacity(lines.len());
    for line in lines {
        parts.push(match (line.starts, line.replies_to.first()) {
            (true, _) => Part::Start,
            (false, None) => Part::Chatter,
            (false, Some(answered)) => match parts[*answered] {
                Part::Start => Part::Reply(*answered),
                part @ (Part::Reply(_) | Part::Chatter) => part,
            },
        });
    }
    parts
}

/// Returns the time of each message. The messages of one minute are spread evenly over it.
#[must_use]
pub fn times(lines: &[Line], first_day: Timestamp) -> Vec<Timestamp> {
    let mut in_minute: HashMap<(i64, i64), i64> = HashMap::new();
    for line in lines {
        *in_minute.entry((line.day, line.minute)).or_default() += 1;
    }
    let mut so_far: HashMap<(i64, i64), i64> = HashMap::new();
    let time = |line: &Line| {
        let minute = (line.day, line.minute);
        let index = so_far.entry(minute).or_default();
        let ms = *index * 60_000 / in_minute[&minute];
        *index += 1;
        first_day + SignedDuration::from_millis((line.day * 1440 + line.minute) * 60_000 + ms)
    };
    lines.iter().map(time).collect()
}

/// Plays the transcript to the bot. Returns a report of each platform, and the fate of each message.
///
/// # Errors
/// If a person of the transcript could not act.
pub async fn play<'a>(
    stage: &Stage,
    app: &App,
    replay: &Replay<'a>,
) -> anyhow::Result<(BTreeMap<&'static str, Report>, Vec<Listed<'a>>)> {
    let store = app.store();
    let lines = replay.lines;
    let parts = parts(lines);
    let start = stage.clock.now() + SignedDuration::from_secs(60);
    let times = times(lines, start);
    let worlds: Vec<Arc<dyn World>> = stage
        .worlds()
        .into_iter()
        .filter(|world| replay.platforms.iter().any(|name| name.as_str() == world.platform()))
        .collect();
    for world in &worlds {
        let mut known = HashMap::new();
        for line in lines {
            known.entry(line.who.as_str()).or_insert_with(|| world.add_person(&line.who, &line.who));
        }
        world.connected().await;
    }
    let mut runs: Vec<Run> = worlds.iter().map(|world| Run::new(Arc::clone(world), replay.seed)).collect();
    for (line, at) in lines.iter().zip(&times) {
        pass_time(stage, app, &worlds, &mut runs, *at).await?;
        for run in &mut runs {
            run.say(line, parts[line.n], *at).await.with_context(|| format!("message {}", line.n))?;
        }
        (replay.progress)(line.n + 1);
    }
    let end = stage.clock.now() + SignedDuration::from_hours(2);
    pass_time(stage, app, &worlds, &mut runs, end).await?;
    let mut reports = BTreeMap::new();
    let mut listed = Vec::new();
    for run in &runs {
        let (report, mut list) = run.report(stage, store, lines, &parts).await?;
        reports.insert(run.world.platform(), report);
        listed.append(&mut list);
    }
    Ok((reports, listed))
}

/// Moves the clock to `until`, no faster than the bot finishes the waiting work. Agents act at their planned times.
async fn pass_time(
    stage: &Stage,
    app: &App,
    worlds: &[Arc<dyn World>],
    runs: &mut [Run],
    until: Timestamp,
) -> anyhow::Result<()> {
    loop {
        let next_act = runs.iter().filter_map(|run| run.acts.first_key_value().map(|((at, _), _)| *at)).min();
        let stop_at = next_act.map_or(until, |at| at.min(until)).max(stage.clock.now());
        settle_until(stage, app, worlds, stop_at).await?;
        stage.clock.advance_to(stop_at);
        for run in runs.iter_mut() {
            run.act(stage.clock.now()).await?;
        }
        if stop_at >= until {
            return Ok(());
        }
    }
}

/// Moves the clock towards `until` in steps while events or effects wait, so that rate limits work as in real time.
/// Returns when nothing waits, or at `until`.
async fn settle_until(stage: &Stage, app: &App, worlds: &[Arc<dyn World>], until: Timestamp) -> anyhow::Result<()> {
    let store = app.store();
    const STEP: Duration = Duration::from_millis(500);
    /// After this much real time without progress the clock moves on, even if something is under way.
    const PATIENCE: Duration = Duration::from_millis(4);
    let mut changed = store.changed();
    let mut grown = stage.journal.grown();
    loop {
        let now = stage.clock.now();
        if now >= until {
            return Ok(());
        }
        let undelivered: usize = worlds.iter().map(|world| world.undelivered()).sum();
        // Discord's gateway has no acknowledgement, so the bot's own count of handled events is compared.
        let unheard = stage.discord.sent() != app.received(PlatformName::Discord);
        let mut waiting = undelivered > 0 || unheard;
        for world in worlds {
            let platform = if world.platform() == "slack" { PlatformName::Slack } else { PlatformName::Discord };
            let due = store.due(platform, now, None, &[], 1).await?;
            let next = store.next_due(platform, now).await?;
            waiting |= !due.ready.is_empty() || next.is_some_and(|at| at <= until);
        }
        if !waiting && store.counts().await?.waiting == 0 {
            return Ok(());
        }
        let began = real::now();
        tokio::select! {
            _ = changed.changed() => {}
            _ = grown.changed() => {}
            () = real::sleep(PATIENCE) => {}
        }
        // The clock stands still until the bot has handled every event sent to it.
        if began.elapsed() >= PATIENCE && undelivered == 0 && !unheard {
            stage.clock.advance(STEP.min(until.duration_since(now).try_into().unwrap_or(STEP)));
        }
    }
}

/// The replay on one platform.
struct Run {
    world: Arc<dyn World>,
    /// The channel and the id of the message of each line.
    said: Vec<(String, String)>,
    /// The planned acts of agents, by time.
    acts: BTreeMap<(Timestamp, usize), Act>,
    chance: StdRng,
}

#[derive(Clone, Debug)]
enum Act {
    Claim { agent: &'static str, root: String },
    Answer { agent: &'static str, root: String },
}

impl Run {
    fn new(world: Arc<dyn World>, seed: u64) -> Self {
        Self { world, said: Vec::new(), acts: BTreeMap::new(), chance: StdRng::seed_from_u64(seed) }
    }

    async fn say(&mut self, line: &Line, part: Part, at: Timestamp) -> anyhow::Result<()> {
        let words = handles(&line.text);
        let (spot, text) = match part {
            Part::Start => (Spot::channel(CHANNEL), format!("@desk {words}")),
            Part::Reply(start) => (Spot::thread(CHANNEL, &self.said[start].1), words),
            Part::Chatter => (Spot::channel(CHANNEL), words),
        };
        let message = self.world.say(&line.who, &spot, &text, None).await?;
        if part == Part::Start && self.chance.random_bool(WORKED) {
            // An agent acts later than any burst window ends, so that the result does not depend on the desk's speed.
            let agent = if self.chance.random_bool(0.5) { "mia" } else { "omar" };
            let claim = at + SignedDuration::from_secs(self.chance.random_range(180..480));
            let answer = claim + SignedDuration::from_secs(self.chance.random_range(60..300));
            let root = message.id.clone();
            self.acts.insert((claim, line.n * 2), Act::Claim { agent, root: root.clone() });
            self.acts.insert((answer, line.n * 2 + 1), Act::Answer { agent, root });
        }
        self.said.push((message.channel, message.id));
        Ok(())
    }

    /// Carries out the planned acts that are due by `now`.
    async fn act(&mut self, now: Timestamp) -> anyhow::Result<()> {
        while let Some(((at, _), _)) = self.acts.first_key_value() {
            if *at > now {
                break;
            }
            match self.acts.pop_first() {
                Some((_, Act::Claim { agent, root })) if self.is_with_the_desk(agent, &root)? => {
                    self.claim(agent, &root).await?;
                }
                Some((_, Act::Answer { agent, root })) if self.is_with_the_desk(agent, &root)? => {
                    let spot = Spot::thread(CHANNEL, &root);
                    self.world.say(agent, &spot, "I have had a look: please try that again now.", None).await?;
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// Whether the bot has answered in this thread with the agents' menu. Only then can an agent work on it.
    fn is_with_the_desk(&self, agent: &str, root: &str) -> anyhow::Result<bool> {
        let view = self.world.view(agent)?;
        let messages = view.channels.iter().filter(|channel| channel.name == CHANNEL).flat_map(|one| &one.messages);
        let asked = messages.filter(|message| message.id == root).flat_map(|message| &message.thread);
        let mut controls = asked.flat_map(|message| &message.controls);
        Ok(controls.any(|control| control.label == "Desk…"))
    }

    /// Claims the newest unassigned ticket by the button on its card, or this thread's ticket by words; chance decides.
    async fn claim(&mut self, agent: &'static str, root: &str) -> anyhow::Result<()> {
        if self.chance.random_bool(0.5) {
            let view = self.world.view(agent)?;
            let triage = view.channels.iter().find(|channel| channel.name == super::stage::TRIAGE);
            let card = triage.into_iter().flat_map(|channel| channel.messages.iter().rev()).find_map(|message| {
                let take = message.controls.iter().find(|control| control.label == "Take it")?;
                Some((super::MessageAt { channel: message.channel.clone(), id: message.id.clone() }, take.id.clone()))
            });
            // The card may change between the look and the press; then it is claimed by words.
            if let Some((at, take)) = card
                && self.world.press(agent, &at, &take, None).await.is_ok()
            {
                return Ok(());
            }
        }
        self.world.say(agent, &Spot::thread(CHANNEL, root), "@desk claim", None).await?;
        Ok(())
    }

    /// Whether the bot's database holds this start as a mention that opened no ticket.
    async fn is_skipped_mention(&self, stage: &Stage, store: &Arc<dyn Store>, n: usize) -> anyhow::Result<bool> {
        let tenant = match self.world.platform() {
            "slack" => Tenant { platform: PlatformName::Slack, id: stage.slack.team_id() },
            _ => Tenant { platform: PlatformName::Discord, id: stage.discord.guild_id() },
        };
        let (channel, id) = self.said[n].clone();
        let message = MessageRef { tenant, channel, id };
        let look: Work = Arc::new(move |tx| {
            let message = message.clone();
            Box::pin(async move {
                let kept = conversation::record::skipped_mention(tx, &message).await?;
                Ok(if kept.is_some() { Outcome::Skipped } else { Outcome::Ignored })
            })
        });
        Ok(store.transact(look).await? == Outcome::Skipped)
    }

    async fn report<'a>(
        &self,
        stage: &Stage,
        store: &Arc<dyn Store>,
        lines: &'a [Line],
        parts: &[Part],
    ) -> anyhow::Result<(Report, Vec<Listed<'a>>)> {
        let platform = self.world.platform();
        let numbers: HashMap<&str, usize> = self.said.iter().enumerate().map(|(n, (_, id))| (id.as_str(), n)).collect();
        // From the bot's database: the ticket of each message, and the message that opened each ticket.
        let mut on: Vec<Option<String>> = vec![None; lines.len()];
        let mut opened_by: HashMap<String, usize> = HashMap::new();
        let mut twice = 0;
        let mut before = None;
        loop {
            let tickets = tickets::record::page(&mut *store.reader().await?, before, 500).await?;
            let Some(last) = tickets.last() else { break };
            before = Some(last.id);
            for ticket in tickets.iter().filter(|ticket| ticket.origin.platform().as_str() == platform) {
                let key = ticket.key.to_string();
                if let Some(n) = numbers.get(ticket.origin_message.id.as_str()) {
                    opened_by.insert(key.clone(), *n);
                }
                for record in conversation::record::of_ticket(&mut *store.reader().await?, ticket.id).await? {
                    let n = record.message.as_ref().and_then(|message| numbers.get(message.id.as_str()));
                    if let Some(n) = n
                        && on[*n].replace(key.clone()).is_some()
                    {
                        twice += 1;
                    }
                }
            }
        }
        let mut report = Report { messages: lines.len(), tickets: opened_by.len(), errors: twice, ..Report::default() };
        let mut list = Vec::with_capacity(lines.len());
        for line in lines {
            let ticket = on[line.n].clone();
            let opens = ticket.as_ref().is_some_and(|key| opened_by.get(key) == Some(&line.n));
            let fate = match (&ticket, parts[line.n]) {
                (Some(_), Part::Start) if opens => Fate::Ticket,
                (Some(_), Part::Start) => Fate::Merged,
                (Some(_), _) => Fate::Recorded,
                (None, Part::Start) if line.text.trim().eq_ignore_ascii_case("help") => Fate::Command,
                (None, Part::Start) if self.is_skipped_mention(stage, store, line.n).await? => Fate::Skipped,
                (None, _) => Fate::Unrecorded,
            };
            match fate {
                Fate::Ticket | Fate::Recorded => report.recorded += 1,
                Fate::Merged => {
                    report.merged += 1;
                    report.recorded += 1;
                }
                Fate::Skipped => report.skipped += 1,
                Fate::Command => report.commands += 1,
                Fate::Unrecorded => {}
            }
            // A reply belongs to the ticket of the message that its thread hangs under, and chatter to none.
            report.errors += match parts[line.n] {
                Part::Start if fate == Fate::Unrecorded => 1,
                Part::Reply(start) => usize::from(ticket.is_some() && on[start] != ticket),
                Part::Chatter => usize::from(ticket.is_some()),
                Part::Start => 0,
            };
            list.push(Listed { platform, n: line.n, fate, ticket, text: &line.text });
        }
        let entries = stage.journal.since(0);
        let mine: Vec<_> = entries.iter().filter(|entry| entry.platform == platform).collect();
        report.errors += mine.iter().filter(|entry| entry.kind == "refused").count();
        report.errors += self.world.faults_seen().len();
        report.errors += usize::try_from(store.counts().await?.dead).unwrap_or(usize::MAX);
        let mut sent: HashMap<&str, u64> = HashMap::new();
        let (mut acks, mut answers) = (Vec::new(), Vec::new());
        let mut answered: HashMap<&str, ()> = HashMap::new();
        let mut by_event: HashMap<&str, u64> = HashMap::new();
        for entry in mine {
            match entry.kind {
                "delivered" if !entry.text("message").is_empty() => {
                    sent.entry(entry.text("message")).or_insert(entry.wall_us);
                    by_event.entry(entry.text("event")).or_insert(entry.wall_us);
                }
                "acked" => {
                    if let Some(at) = by_event.get(entry.text("event")) {
                        acks.push(entry.wall_us - at);
                    }
                }
                "posted" => {
                    let root = entry.text("thread");
                    if let Some(at) = sent.get(root)
                        && numbers.contains_key(root)
                        && answered.insert(root, ()).is_none()
                    {
                        answers.push(entry.wall_us - at);
                    }
                }
                _ => {}
            }
        }
        report.ack_ms = spread(acks);
        report.answer_ms = spread(answers);
        Ok((report, list))
    }
}

fn spread(mut times_us: Vec<u64>) -> Option<Spread> {
    times_us.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "microseconds of minutes fit a double")]
    let at = |share: usize| {
        times_us.get((times_us.len() * share / 100).min(times_us.len() - 1)).map(|us| *us as f64 / 1000.0)
    };
    if times_us.is_empty() { None } else { Some(Spread { p50: at(50)?, p99: at(99)? }) }
}

/// Replaces each `<@p001>` by `@p001`, as a person would type it.
fn handles(text: &str) -> String {
    let mut typed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<@") {
        let (before, after) = rest.split_at(start);
        let Some(end) = after.find('>') else { break };
        let handle = &after[2..end];
        if handle.is_empty() || !handle.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            break;
        }
        typed.push_str(before);
        typed.push('@');
        typed.push_str(handle);
        rest = &after[end + 1..];
    }
    typed.push_str(rest);
    typed
}

/// Writes the fate of each message, one JSON object on each line.
///
/// # Errors
/// If the file cannot be written.
pub fn write_list(path: &Path, listed: &[Listed<'_>]) -> anyhow::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for line in listed {
        serde_json::to_writer(&mut file, line)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}
