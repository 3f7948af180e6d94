//! A rolling restart of several replicas on one PostgreSQL: each in turn is told to stop, and another takes its place,
//! while people go on talking. Nothing is lost or doubled, and the order is kept.

#![expect(clippy::disallowed_methods, reason = "whole processes run in real time")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskbell::clock::Clock;
use deskbell::config::Config;
use deskbell::sandbox::stage::{Platforms, Stage, StageOptions};
use deskbell::sandbox::{Fault, Journal, Spot, World};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::crash::checker;
use crate::crash::run;
use crate::crash::tag::{Kind, Tag};
use crate::crash::traffic::{Habits, Traffic};
use crate::harness::patiently;
use crate::postgres;
use crate::program::child::Child;

const REPLICAS: usize = 3;
const ROUNDS: usize = 2;
/// Mean time between two acts of people.
const PACE: Duration = Duration::from_millis(200);
/// The number of journal entries between two stops.
const ENTRIES_BETWEEN: usize = 40;
/// How many people write directly for the first time while a replica is being stopped, and the time between two.
const NEWCOMERS: usize = 2;
const NEWCOMERS_PACE: Duration = Duration::from_millis(200);
/// The number of the first newcomer, above the numbers of all other traffic.
const FIRST_NEWCOMER: usize = 100_000;
/// The longest time in which a replica must stop: the usual grace period of platforms that run containers.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_and_doubles_nothing() {
    let Some(url) = postgres::database().await else { return };
    rolls(&url, 1, 11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_shards_a_rolling_restart_loses_and_doubles_nothing() {
    let Some(url) = postgres::database().await else { return };
    rolls(&url, 2, 12).await;
}

/// Replaces every replica, [`ROUNDS`] times, while people talk, and checks the outcome.
async fn rolls(url: &str, shards: u32, seed: u64) {
    let begin = Instant::now();
    let folder = TempDir::new().expect("a folder");
    let journal = Journal::to_file(&folder.path().join("journal.jsonl")).expect("a journal");
    let options = StageOptions { journal: journal.clone(), seed, shards, ..StageOptions::by(Clock::system()) };
    let stage = Stage::open(options).await.expect("the stage opens");
    let worlds: Vec<Arc<dyn World>> = stage.worlds().into();
    let config = Config::from_text(&run::settings(&stage, folder.path(), url, Platforms::BOTH), []).expect("settings");
    let serve = || run::start(folder.path(), "serve", &[]);

    let mut replicas: VecDeque<Child> = (0..REPLICAS).map(|_| serve()).collect();
    for replica in &replicas {
        replica.ready().await;
    }
    let stop = CancellationToken::new();
    let habits = Habits { seed, faults: false, hasty: true, pace: PACE, greetings: 0, pings: 0 };
    let people = tokio::spawn(Traffic::new(worlds.clone(), journal.clone(), habits).run(stop.clone()));
    let mut longest = Duration::ZERO;
    for step in 0..REPLICAS * ROUNDS {
        let wanted = journal.since(0).len() + ENTRIES_BETWEEN;
        let mut grown = journal.grown();
        let busy = grown.wait_for(|_| journal.since(0).len() >= wanted);
        drop(patiently("people talk", busy).await.expect("the journal is there"));
        let told = Instant::now();
        let oldest = replicas.pop_front().expect("one of them");
        let newcomers = newcomers(stage.discord.as_ref(), FIRST_NEWCOMER + step * NEWCOMERS);
        let ((ended, took), ()) = tokio::join!(async { (oldest.terminate().await, told.elapsed()) }, newcomers);
        longest = longest.max(took);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
        replicas.push_back(serve());
        replicas.back().expect("the new one").ready().await;
    }
    assert!(longest < STOPS_WITHIN, "one took {longest:?} to stop");
    stop.cancel();
    people.await.expect("the people do not panic");
    worlds.iter().for_each(|world| world.inject(Fault::Calm));
    let counts = run::until_quiet(&replicas.iter().collect::<Vec<_>>(), &config, &worlds, &journal).await;
    for replica in replicas {
        let ended = replica.terminate().await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }
    let exported = run::start(folder.path(), "export", &[]).ended().await.succeeded().out;
    let written = std::fs::read_to_string(folder.path().join("journal.jsonl")).expect("the journal");
    let report = checker::check(&written, &exported);
    let unknown_calls: Vec<String> = worlds.iter().flat_map(|world| world.faults_seen()).collect();
    stage.close().await;
    let (took_s, longest_s) = (begin.elapsed().as_secs_f64(), longest.as_secs_f64());
    println!("{shards} shards, {took_s:.0} s, the longest stop {longest_s:.1} s; {counts:?}\n{report}");
    assert!(report.requests > 0, "nobody asked for anything");
    // Some replica was connected all the time, so no direct message may be lost, not even a first one.
    let is_clean = report.is_clean() && !report.unrecoverable.contains_key(checker::UNRECOVERABLE[1]);
    if !is_clean {
        std::fs::write(folder.path().join("export.jsonl"), &exported).expect("it can be kept");
        println!("journal and export are kept in {}", folder.keep().display());
    }
    assert!(is_clean && counts.dead == 0, "{counts:?}\n{report}");
    assert_eq!(unknown_calls, Vec::<String>::new());
}

/// People who are new to the bot write to it directly on Discord. Such a message could not be read afterwards if no
/// replica received it, since a bot cannot list its direct conversations.
async fn newcomers(discord: &dyn World, first: usize) {
    for number in first..first + NEWCOMERS {
        let number = u32::try_from(number).expect("a small number");
        let who = format!("n{number}");
        discord.add_person(&who, &format!("Nell {number}"));
        let tag = Tag { kind: Kind::Request, number, about: number };
        discord.say(&who, &Spot::direct(), &format!("{tag} the door does not open"), None).await.expect("said");
        tokio::time::sleep(NEWCOMERS_PACE).await;
    }
}
