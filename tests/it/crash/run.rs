//! One run: the stage in this process, the program as a child process that is killed again and again, and the checker
//! at the end.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskbell::app;
use deskbell::clock::Clock;
use deskbell::commands::knowledge::import::{Import, import};
use deskbell::config::Config;
use deskbell::sandbox::stage::{Platforms, Stage, StageOptions};
use deskbell::sandbox::{self, Fault, Journal, World};
use deskbell::store::{Counts, Store};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::broadcasts::{self, SecondIntake};
use super::checker::{self, Report};
use super::tag::{Kind, Tag};
use super::traffic::{Habits, PACE, Traffic};
use crate::program::child::Child;

/// Every mention is a request of its own, so that the tags of requests and the tickets are one to one. Cards are held
/// back for about as long as a process lives.
const SETTINGS: &str = "[intake]\nburst_window = \"0s\"\n[knowledge]\nhold = \"2s\"\nconfidence = 20\nsearch_within = \"1s\"\n[guard]\nmode = \"route\"\n";
/// Timing for processes that live a few seconds, on one machine. `silence` is long: nobody writes while the last
/// process reads what was missed, and a connection that is silent for so long would be replaced otherwise.
/// `retry_limit` is short, so that an effect that fails on its own is soon held.
const TIMING: &str = "[timing]\ncall_timeout = \"1s\"\nlease = \"1500ms\"\ntake_over_pause = \"500ms\"\n\
                      silence = \"2h\"\nretry_limit = \"3s\"\n";
/// How long the platforms must be silent before a run counts as over.
const SILENCE: Duration = Duration::from_secs(3);
/// How long the platforms may be silent while work is left. Catching up makes long pauses between its reads.
const AFTERMATH: Duration = Duration::from_secs(120);

/// The parameters of a run.
pub struct Plan {
    pub kills: u32,
    pub seed: u64,
    pub platforms: Platforms,
    /// The program's environment: the switches of a trial.
    pub environment: Vec<(&'static str, String)>,
    /// Whether people add to a request before it was confirmed.
    pub hasty: bool,
    /// Faults of the platforms that are injected after each start, besides the random ones.
    pub faults: Vec<Fault>,
}

/// The result of a run.
pub struct Outcome {
    pub report: Report,
    pub kills: u32,
    /// How often the program ended by itself.
    pub ends: u32,
    pub counts: Counts,
    /// How often an article was shown to a requester.
    pub suggested: usize,
    /// How many outages were announced.
    pub outages: usize,
    /// How many pings of agents were passed on.
    pub routed: usize,
    /// Calls that the platforms do not know.
    pub unknown_calls: Vec<String>,
    pub took: Duration,
    folder: TempDir,
}

impl Outcome {
    /// Prints the result. If there is a fault, keeps the files and panics.
    pub fn assert_clean(self) {
        let Self { report, kills, ends, counts, suggested, outages, routed, unknown_calls, took, folder } = self;
        println!(
            "{kills} kills, {ends} ends of its own, {suggested} times an article, {outages} outages, {routed} pings passed on, {:.0} s; {counts:?}\n{report}",
            took.as_secs_f64()
        );
        if report.is_clean() && unknown_calls.is_empty() && counts.dead == 0 {
            return;
        }
        println!("journal and export are kept in {}", folder.keep().display());
        panic!("{} faults; unknown calls: {unknown_calls:?}; dead events: {}", report.faults(), counts.dead);
    }
}

/// Runs the plan on the database at `url`; `folder` takes the settings, the journal and the export.
pub async fn run(plan: Plan, folder: TempDir, url: &str) -> Outcome {
    let begin = Instant::now();
    let journal = Journal::to_file(&folder.path().join("journal.jsonl")).expect("a journal");
    let options = StageOptions { journal: journal.clone(), seed: plan.seed, ..StageOptions::by(Clock::system()) };
    let stage = Stage::open(options).await.expect("the stage opens");
    let worlds: Vec<Arc<dyn World>> =
        stage.worlds().into_iter().filter(|world| plan.platforms.has(world.platform())).collect();
    let settings = settings(&stage, folder.path(), url, plan.platforms);
    let config = Config::from_text(&settings, []).expect("good settings");
    let environment: Vec<(&str, &str)> = plan.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();

    // This is the desk's first start: messages from before it are never read.
    start(folder.path(), "serve", &environment).ready().await;
    know(&config).await;
    let stop = CancellationToken::new();
    let desk = SecondIntake::open(&config, broadcasts::nobody(plan.platforms)).await;
    let followers = broadcasts::followers(&stage, plan.platforms);
    desk.follow(&followers).await;
    let (seed, until) = (plan.seed, stop.clone());
    let announcing = tokio::spawn(async move {
        let told = broadcasts::announce(&desk, seed, until).await;
        desk.close().await;
        told
    });
    let habits = Habits { seed: plan.seed, faults: true, hasty: plan.hasty, pace: PACE, greetings: 6, pings: 12 };
    let people = tokio::spawn(Traffic::new(worlds.clone(), journal.clone(), habits).run(stop.clone()));
    let mut random = StdRng::seed_from_u64(plan.seed ^ 0x6b69_6c6c);
    let mut ends = 0;
    for _ in 0..plan.kills {
        let mut child = start(folder.path(), "serve", &environment);
        for fault in &plan.faults {
            worlds.iter().for_each(|world| world.inject(fault.clone()));
        }
        live(&mut random, &journal).await;
        if let Some(log) = child.ended_early() {
            ends += 1;
            println!("it ended by itself: {}", log.lines().last().unwrap_or_default());
        }
        // Dropping it is a SIGKILL.
        drop(child);
        if random.random_bool(0.25) {
            // People also write while no process runs.
            tokio::time::sleep(Duration::from_millis(random.random_range(100..2_000))).await;
        }
    }
    stop.cancel();
    people.await.expect("the people do not panic");
    let told = announcing.await.expect("whoever announces does not panic");
    for fault in [Fault::Calm, Fault::Return] {
        worlds.iter().for_each(|world| world.inject(fault.clone()));
    }
    let child = start(folder.path(), "serve", &environment);
    child.ready().await;
    let counts = until_quiet(&[&child], &config, &worlds, &journal).await;
    let ended = child.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let exported = start(folder.path(), "export", &[]).ended().await.succeeded().out;
    std::fs::write(folder.path().join("export.jsonl"), &exported).expect("it can be kept");
    let journal = std::fs::read_to_string(folder.path().join("journal.jsonl")).expect("the journal");
    let mut report = checker::check(&journal, &exported);
    broadcasts::check(&journal, &followers, &told, &mut report);
    let suggested = journal.matches("this may help").count();
    let pings = Tag::all(&exported).filter(|tag| tag.kind == Kind::Ping).map(|tag| tag.number);
    let routed = pings.collect::<BTreeSet<u32>>().len();
    let unknown_calls = worlds.iter().flat_map(|world| world.faults_seen()).collect();
    stage.close().await;
    Outcome {
        report,
        kills: plan.kills,
        ends,
        counts,
        suggested,
        outages: told.len(),
        routed,
        unknown_calls,
        took: begin.elapsed(),
        folder,
    }
}

/// Imports the sandbox's articles, which answer some of the troubles.
async fn know(config: &Config) {
    let store = app::open_beside(config, Clock::system()).await.expect("the record can be changed");
    let articles = sandbox::run::articles().expect("articles");
    let how = Import::of("KB", Clock::system().now());
    let imported = import(&store, articles, &how, &|_| {}).await.expect("articles are brought in");
    assert!(imported.new > 30, "{imported:?}");
    store.close().await;
}

/// Waits until the process is to be killed. Some processes are killed while they start, most later. Half of all kills
/// come right after an entry in the journal.
async fn live(random: &mut StdRng, journal: &Journal) {
    let is_short = random.random_bool(0.3);
    let life_ms = if is_short { random.random_range(50..900) } else { random.random_range(900..4_000) };
    tokio::time::sleep(Duration::from_millis(life_ms)).await;
    if random.random_bool(0.5) {
        let mut grown = journal.grown();
        grown.mark_unchanged();
        // If nothing happens, any moment is as good.
        let _ = tokio::time::timeout(Duration::from_secs(1), grown.changed()).await;
        tokio::time::sleep(Duration::from_micros(random.random_range(0..25_000))).await;
    }
}

/// Starts the program: this build's, or the one that `DESKBELL_CRASH_PROGRAM` names (a release build, say).
pub fn start(folder: &Path, line: &str, environment: &[(&str, &str)]) -> Child {
    match std::env::var_os("DESKBELL_CRASH_PROGRAM") {
        Some(program) => Child::spawn_by(Command::new(program), folder, line, environment),
        None => Child::spawn(folder, line, environment),
    }
}

/// Writes the settings file, and returns its text.
pub fn settings(stage: &Stage, folder: &Path, url: &str, platforms: Platforms) -> String {
    let file = folder.join("desk.db");
    let more = format!("{SETTINGS}{TIMING}");
    let text = stage.settings(&file, &more, platforms).replace(&format!("sqlite://{}", file.display()), url);
    std::fs::write(folder.join("deskbell.toml"), &text).expect("the settings are written");
    text
}

/// Waits until no effect waits or is held, no event is undelivered, the children have caught up, and the platforms have
/// been silent for [`SILENCE`]. Returns the counts. Panics if nothing happens for [`AFTERMATH`] before that.
pub async fn until_quiet(children: &[&Child], config: &Config, worlds: &[Arc<dyn World>], journal: &Journal) -> Counts {
    let store = app::open_to_read(config).await.expect("the record can be read");
    let mut deadline = Instant::now() + AFTERMATH;
    let mut grown = journal.grown();
    loop {
        grown.mark_unchanged();
        let counts = counts(store.as_ref()).await;
        let undelivered: usize = worlds.iter().map(|world| world.undelivered()).sum();
        let mut is_quiet = counts.waiting + counts.held == 0 && undelivered == 0;
        for child in children {
            is_quiet = is_quiet && !is_behind(child).await;
        }
        let waited = tokio::time::timeout(SILENCE, grown.changed()).await;
        if is_quiet && waited.is_err() {
            store.close().await;
            return counts;
        }
        if waited.is_ok() {
            deadline = Instant::now() + AFTERMATH;
        }
        let state = format!("{counts:?}, {undelivered} events undelivered");
        if Instant::now() > deadline {
            let logs: Vec<String> = children.iter().map(|child| tail(&child.log())).collect();
            panic!("it does not come to rest: {state}\n{}", logs.join("\n\n"));
        }
    }
}

/// Whether the program has missed messages to read, by its metrics.
async fn is_behind(child: &Child) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer =
        client.get(format!("http://{}/metrics", child.health_address().await)).send().await.expect("an answer");
    let text = answer.text().await.expect("metrics");
    let mut known = text.lines().filter(|line| line.starts_with("deskbell_behind{")).peekable();
    known.peek().is_none() || known.any(|line| !line.ends_with(" 0"))
}

async fn counts(store: &dyn Store) -> Counts {
    store.counts().await.expect("counts")
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
