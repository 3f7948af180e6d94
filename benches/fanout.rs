//! Sends one notice to many channels. Measures how close to the platforms' limits it goes out, and how long a requester
//! waits meanwhile.
//!
//! The program runs against the sandbox, which refuses every call beyond the limits table. The clock runs `--scale`
//! times as fast as the machine's. The compared times are of this clock and come from the sandbox's journal.
//!
//! - `cargo bench --bench fanout` posts to 10,000 channels on each platform. It fails if the notice takes more than
//!   1.05 times the least time that the limits allow, if a channel does not get it exactly once, or if a call is
//!   refused.
//! - `-- --outage` announces an outage by its form, to channels that follow its service, in place of the notice.
//! - `-- --update` does the same and then tells news of the outage, for which every copy is changed. The changes may
//!   take 1.05 times the least time of changes.
//! - `-- --answers` posts to 5,000 channels while a person asks something every few seconds. It fails if an answer
//!   comes more than a second later than without the notice.

#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use deskbell::app::App;
use deskbell::clock::Clock;
use deskbell::desk::services::record as services;
use deskbell::domain::ids::{Place, PlatformName};
use deskbell::domain::message::Message;
use deskbell::outbox::limits::{bound, bound_of_changes};
use deskbell::sandbox::stage::{Platforms, Stage, StageOptions};
use deskbell::sandbox::{Entry, Journal, MessageAt, Spot, World};
use deskbell::store::Store;
use deskbell::store::sqlite::SqliteStore;
use jiff::Timestamp;
use std::sync::Arc;

/// The longest time that a notice may take, as a multiple of the least time.
const RATIO_AT_MOST: f64 = 1.05;
/// How much later than without a notice an answer may come, in milliseconds.
const DELAY_AT_MOST_MS: i64 = 1_000;
/// Questions that are asked before the notice, to measure how long an answer takes without it.
const UNDISTURBED: usize = 20;
/// How often the journal is read, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The longest real time without progress before the benchmark fails.
const PATIENCE: Duration = Duration::from_secs(120);
const SETTINGS: &str = "[intake]\nburst_window = \"0s\"\n";

/// Posts one notice to many channels of the sandbox, within the limits.
#[derive(Parser)]
struct Args {
    /// Only this platform (slack or discord).
    #[arg(long)]
    platform: Option<PlatformName>,
    /// Channels that get the notice [default: 10000, with --answers 5000].
    #[arg(long)]
    destinations: Option<usize>,
    /// Speed of the clock, as a multiple of real time [default: Slack 30 (with --update 60) and Discord 3; with
    /// --answers 10 and 1. Discord allows ten times as many calls a second, and the machine must be able to make them].
    #[arg(long)]
    scale: Option<f64>,
    /// A person asks questions while the notice goes out.
    #[arg(long)]
    answers: bool,
    /// An outage is announced by its form, in place of a notice.
    #[arg(long)]
    outage: bool,
    /// An outage is announced, and its news is told once every channel has the announcement.
    #[arg(long)]
    update: bool,
    /// Seconds of the clock between two questions.
    #[arg(long, default_value_t = 3.0)]
    every: f64,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    // Fails if another provider is installed already; on loopback any provider will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut holds = true;
    for platform in PlatformName::ALL {
        if args.platform.is_none_or(|only| only == platform) {
            holds &= measure(&args, platform).await?;
        }
    }
    println!("{}", if holds { "the bounds hold" } else { "THE BOUNDS DO NOT HOLD" });
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(args: &Args, platform: PlatformName) -> anyhow::Result<bool> {
    let scale = args.scale.unwrap_or(match (platform, args.answers) {
        // Slack allows so few changes of messages that 10,000 take hours of the clock.
        (PlatformName::Slack, false) if args.update => 60.0,
        (PlatformName::Slack, false) => 30.0,
        (PlatformName::Slack, true) => 10.0,
        (PlatformName::Discord, false) => 3.0,
        (PlatformName::Discord, true) => 1.0,
    });
    ensure!(scale > 0.0, "--scale must be above 0");
    let destinations = args.destinations.unwrap_or(if args.answers { 5_000 } else { 10_000 });
    let clock = Clock::starting_at(Timestamp::now(), scale);
    let options = StageOptions {
        // How long a platform waits for an acknowledgement is not measured here: it waits long.
        patience: Duration::from_secs(60),
        linked: false,
        destinations,
        ..StageOptions::by(clock.clone())
    };
    let stage = Stage::open(options).await?;
    let folder = tempfile::tempdir()?;
    let slack = platform == PlatformName::Slack;
    let platforms = Platforms { slack, discord: !slack, slack_http: false };
    let config = stage.config(&folder.path().join("desk.db"), SETTINGS, platforms)?;
    let app = App::start(&config, clock).await?;
    app.health().wait().await;
    let world = stage.worlds().into_iter().find(|world| world.platform() == platform.as_str()).context("no world")?;
    let followed = (args.outage || args.update).then(|| folder.path().join("desk.db"));
    let bench = Bench { stage: &stage, app: &app, world, platform, scale, followed };
    bench.silence().await;
    let places = stage.destinations(platform);
    ensure!(places.len() == destinations, "the sandbox has {} channels", places.len());
    let mut holds = if args.answers { bench.answers(&places, args.every).await } else { bench.fan_out(&places).await };
    if args.update {
        holds = Ok(holds? & bench.change(&places).await?);
    }
    app.stop().await;
    stage.close().await;
    holds
}

struct Bench<'a> {
    stage: &'a Stage,
    app: &'a App,
    world: Arc<dyn World>,
    platform: PlatformName,
    scale: f64,
    /// The database, if an outage is announced: the channels are made to follow its service there.
    followed: Option<PathBuf>,
}

impl Bench<'_> {
    async fn fan_out(&self, places: &[Place]) -> anyhow::Result<bool> {
        let began = Instant::now();
        let mut seen = Seen::from(&self.stage.journal, places);
        self.post(places).await?;
        let queued_ms = began.elapsed().as_millis();
        seen.wait_for_all().await?;
        self.silence().await;
        seen.look();
        let seconds = seen.took_ms() as f64 / 1_000.0;
        let least = bound(self.platform, places).as_secs_f64();
        let ratio = if least > 0.0 { seconds / least } else { 1.0 };
        println!(
            "{}: {} of {} channels, {} of them more than once: {seconds:.1} s where {least:.1} s is the least: {ratio:.3} \
             times (at most {RATIO_AT_MOST}); {} refusals; queued in {queued_ms} ms; {:.1} s of real time at scale {}",
            self.platform,
            seen.times.values().filter(|times| **times > 0).count(),
            places.len(),
            seen.times.values().filter(|times| **times > 1).count(),
            seen.refused,
            began.elapsed().as_secs_f64(),
            self.scale,
        );
        Ok(seen.is_exact() && seen.refused == 0 && ratio <= RATIO_AT_MOST)
    }

    async fn answers(&self, places: &[Place], every_secs: f64) -> anyhow::Result<bool> {
        let began = Instant::now();
        let every = Duration::try_from_secs_f64(every_secs)?;
        let from = self.stage.journal.len();
        let mut before = Vec::new();
        for _ in 0..UNDISTURBED {
            before.push(self.ask(before.len()).await?);
            self.stage.clock.sleep(every).await;
        }
        self.silence().await;
        let mut seen = Seen::from(&self.stage.journal, places);
        self.post(places).await?;
        let mut during = Vec::new();
        while !seen.is_all() {
            during.push(self.ask(UNDISTURBED + during.len()).await?);
            self.stage.clock.sleep(every).await;
            seen.look();
            seen.check_progress()?;
        }
        self.silence().await;
        seen.look();
        let entries = self.stage.journal.since(from);
        let (before, during) = (waits(&entries, &before), waits(&entries, &during));
        let (Some(undisturbed), Some(longest)) = (part_of(&before, 0.5), part_of(&during, 1.0)) else {
            println!("{}: a question was not answered", self.platform);
            return Ok(false);
        };
        let refused = entries.iter().filter(|entry| entry.kind == "refused").count();
        println!(
            "{}: {} questions while {} channels got a notice in {:.1} s: answered after {longest} ms at most, p99 {} ms, \
             median {} ms; without it {undisturbed} ms (median), {} ms at most; so {} ms later (at most {DELAY_AT_MOST_MS}); \
             {refused} refusals; {:.1} s of real time at scale {}",
            self.platform,
            during.len(),
            places.len(),
            seen.took_ms() as f64 / 1_000.0,
            part_of(&during, 0.99).unwrap_or_default(),
            part_of(&during, 0.5).unwrap_or_default(),
            part_of(&before, 1.0).unwrap_or_default(),
            longest - undisturbed,
            began.elapsed().as_secs_f64(),
            self.scale,
        );
        Ok(seen.is_exact() && refused == 0 && longest - undisturbed <= DELAY_AT_MOST_MS)
    }

    /// Tells news of the outage and measures the change of every copy. Returns whether the bounds hold.
    async fn change(&self, places: &[Place]) -> anyhow::Result<bool> {
        let began = Instant::now();
        let mut seen = Seen { kind: "updated", ..Seen::from(&self.stage.journal, places) };
        let news = match self.platform {
            PlatformName::Slack => "outage update MI-1 identified A certificate has expired.",
            PlatformName::Discord => "outage update outage:MI-1 phase:identified known:A certificate has expired.",
        };
        self.world.command("mia", &Spot::channel("random"), news).await?;
        seen.wait_for_all().await?;
        self.silence().await;
        seen.look();
        let took = seen.took_ms() as f64 / 1_000.0;
        let least = bound_of_changes(self.platform, places.len()).as_secs_f64();
        let ratio = took / least;
        println!(
            "{}: {} copies changed in {took:.1} s, where {least:.1} s is the least ({ratio:.3}); each once: {}; {} refusals; \
             {:.1} s of real time at scale {}",
            self.platform,
            places.len(),
            seen.is_exact(),
            seen.refused,
            began.elapsed().as_secs_f64(),
            self.scale,
        );
        Ok(seen.is_exact() && seen.refused == 0 && ratio <= RATIO_AT_MOST)
    }

    async fn post(&self, places: &[Place]) -> anyhow::Result<()> {
        if let Some(database) = &self.followed {
            return self.announce(places, database).await;
        }
        let notice = Message::said("Payroll is down for everybody. We are on it and will tell you here.");
        self.app.intake().notice("payroll is down", &notice, places).await?;
        Ok(())
    }

    /// Makes the channels follow a service, and announces an outage of it.
    async fn announce(&self, places: &[Place], database: &Path) -> anyhow::Result<()> {
        let store: Arc<dyn Store> = SqliteStore::open_beside(database, self.stage.clock.clone()).await?;
        for some in places.chunks(500) {
            let (some, now) = (some.to_vec(), self.stage.clock.now());
            let follow = store.within(move |tx| {
                let some = some.clone();
                Box::pin(async move { some.iter().try_for_each(|place| services::follow(tx, "vpn", place, now)) })
            });
            follow.await?;
        }
        store.close().await;
        self.world.command("mia", &Spot::channel("random"), "outages").await?;
        self.press("Announce an outage…").await?;
        self.send(&[("title", "New connections fail"), ("services", "vpn"), ("severity", "low")]).await?;
        if self.platform == PlatformName::Discord {
            self.press("Next").await?;
            self.send(&[]).await?;
        }
        self.press("Announce it now").await
    }

    /// Presses the newest button with this label as Mia, once she sees it.
    async fn press(&self, label: &str) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            let view = self.world.view("mia")?;
            let messages = view.channels.iter().filter(|channel| channel.name == "random").flat_map(|it| &it.messages);
            let found = messages.rev().find_map(|message| {
                let control = message.controls.iter().find(|control| control.label == label)?;
                let at = MessageAt { channel: message.channel.clone(), id: message.id.clone() };
                Some((at, control.id.clone()))
            });
            if let Some((at, control)) = found {
                return Ok(self.world.press("mia", &at, &control, None).await?);
            }
            ensure!(since.elapsed() < PATIENCE, "mia does not see {label}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Fills in the form that Mia has open, once it is open, and sends it.
    async fn send(&self, fields: &[(&str, &str)]) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            if let Some(form) = self.world.view("mia")?.form {
                let values = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
                return Ok(self.world.submit("mia", &form.id, &values).await?);
            }
            ensure!(since.elapsed() < PATIENCE, "no form opens");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn ask(&self, number: usize) -> anyhow::Result<MessageAt> {
        let text = format!("@desk the scanner in room {number} is jammed");
        Ok(self.world.say("ana", &Spot::channel("sales"), &text, None).await?)
    }

    /// Waits until the journal stops growing and no event is undelivered.
    async fn silence(&self) {
        let mut known = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = self.stage.journal.len();
            if now == known && self.world.undelivered() == 0 {
                return;
            }
            known = now;
        }
    }
}

/// Counts the copies of a notice in the journal.
struct Seen<'a> {
    journal: &'a Journal,
    /// The kind of the journal entries that are counted: `posted` or `updated`.
    kind: &'static str,
    next: u64,
    times: HashMap<String, u32>,
    reached: usize,
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    refused: usize,
    progress: Instant,
}

impl<'a> Seen<'a> {
    fn from(journal: &'a Journal, places: &[Place]) -> Self {
        let times = places.iter().map(|place| (place.channel().to_owned(), 0)).collect();
        let progress = Instant::now();
        Self {
            journal,
            kind: "posted",
            next: journal.len(),
            times,
            reached: 0,
            first_ms: None,
            last_ms: None,
            refused: 0,
            progress,
        }
    }

    async fn wait_for_all(&mut self) -> anyhow::Result<()> {
        while !self.is_all() {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look();
            self.check_progress()?;
        }
        Ok(())
    }

    fn look(&mut self) {
        for entry in self.journal.since(self.next) {
            self.next = entry.seq + 1;
            self.refused += usize::from(entry.kind == "refused");
            if entry.kind != self.kind {
                continue;
            }
            let Some(times) = self.times.get_mut(entry.text("channel_id")) else { continue };
            *times += 1;
            self.reached += usize::from(*times == 1);
            self.first_ms.get_or_insert(entry.at_ms);
            self.last_ms = Some(entry.at_ms);
            self.progress = Instant::now();
        }
    }

    fn check_progress(&self) -> anyhow::Result<()> {
        ensure!(self.progress.elapsed() < PATIENCE, "no copy for {PATIENCE:?}; {} channels are done", self.reached);
        Ok(())
    }

    fn is_all(&self) -> bool {
        self.reached == self.times.len()
    }

    fn is_exact(&self) -> bool {
        self.times.values().all(|times| *times == 1)
    }

    fn took_ms(&self) -> i64 {
        self.last_ms.zip(self.first_ms).map_or(0, |(last_ms, first_ms)| last_ms - first_ms)
    }
}

/// Returns how long each question waited for its answer, in milliseconds, sorted; empty if a question has no answer.
fn waits(entries: &[Entry], asked: &[MessageAt]) -> Vec<i64> {
    let mut said = HashMap::new();
    let mut answered = HashMap::new();
    for entry in entries {
        match entry.kind {
            "said" => drop(said.entry(entry.text("message")).or_insert(entry.at_ms)),
            "posted" => drop(answered.entry(entry.text("thread")).or_insert(entry.at_ms)),
            _ => {}
        }
    }
    let wait = |at: &MessageAt| Some(answered.get(at.id.as_str())? - said.get(at.id.as_str())?);
    let mut waits = asked.iter().map(wait).collect::<Option<Vec<i64>>>().unwrap_or_default();
    waits.sort_unstable();
    waits
}

/// Returns the value at this part (0 to 1) of the sorted values, by nearest rank.
fn part_of(sorted: &[i64], part: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a small number")]
    let at = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied()
}
