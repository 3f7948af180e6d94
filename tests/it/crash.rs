//! The crash programme. The real program is killed again and again under mixed traffic, while the platforms misbehave.
//! An independent checker then compares the platforms' journal with the bot's export.
//!
//! To run it by hand, with a number of kills and a seed:
//! `DESKBELL_CRASH_KILLS=1000 DESKBELL_CRASH_SEED=7 cargo test --test it crash -- --nocapture`
//! `DESKBELL_CRASH_DATABASE` (`sqlite` or `postgres`) and `DESKBELL_CRASH_PLATFORMS` (`slack` or `discord`) leave the
//! other one out. A notice to many places:
//! `DESKBELL_CRASH_PLACES=10000 cargo test --test it crash::a_notice -- --nocapture`

#![expect(clippy::disallowed_methods, reason = "whole processes run in real time")]

mod broadcasts;
pub mod checker;
mod freeze;
mod notice;
pub mod run;
pub mod tag;
pub mod traffic;

use std::time::Duration;

use deskbell::sandbox::Fault;
use deskbell::sandbox::stage::Platforms;
use tempfile::TempDir;

use self::freeze::{Thawed, freeze_at};
use self::notice::Broadcast;
use self::run::{Outcome, Plan, run};
use crate::postgres;

/// Kills of the short run.
const KILLS: u32 = 25;
/// Places of a notice in the short run: more than a page of a spread.
const PLACES: usize = 250;
/// Kills while a notice is delivered.
const NOTICE_KILLS: u32 = 3;
const SLACK: Platforms = Platforms { discord: false, ..Platforms::BOTH };
const DISCORD: Platforms = Platforms { slack: false, ..Platforms::BOTH };
/// How long a second copy may exist after a frozen process is thawed.
const MENDED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing_on_sqlite() {
    if wants("sqlite") {
        let folder = TempDir::new().expect("a folder");
        let url = sqlite(&folder);
        kills_lose_and_double_nothing(folder, url).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing_on_postgres() {
    if wants("postgres")
        && let Some(url) = postgres::database().await
    {
        kills_lose_and_double_nothing(TempDir::new().expect("a folder"), url).await;
    }
}

/// Runs the crash programme on the database at `url`.
async fn kills_lose_and_double_nothing(folder: TempDir, url: String) {
    let plan = Plan {
        kills: from_environment("DESKBELL_CRASH_KILLS").unwrap_or(KILLS),
        seed: from_environment("DESKBELL_CRASH_SEED").unwrap_or(1),
        platforms: platforms(),
        environment: Vec::new(),
        hasty: true,
        faults: Vec::new(),
    };
    println!("{} kills, seed {}, {url}", plan.kills, plan.seed);
    let outcome = run(plan, folder, &url).await;
    assert!(outcome.report.requests > 0, "nobody asked for anything");
    assert!(outcome.suggested > 0, "nobody was shown an article");
    assert!(outcome.outages > 0, "nobody announced an outage");
    outcome.assert_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_heard_once_in_each_place_whenever_the_program_is_killed() {
    let places = from_environment("DESKBELL_CRASH_PLACES").unwrap_or(PLACES);
    let seed = from_environment("DESKBELL_CRASH_SEED").unwrap_or(1);
    let heard = notice::killed(Broadcast::Notice, places, NOTICE_KILLS, seed).await;
    println!("a notice to {places} places, seed {seed}; killed when these had heard it: {:?}", heard.at_kills);
    let once = heard.times.values().filter(|times| **times == 1).count();
    let wrong: Vec<_> = heard.times.iter().filter(|(_, times)| **times != 1).collect();
    assert_eq!(once, places, "these did not hear it once: {wrong:?}");
    assert!(heard.at_kills.iter().any(|heard| (1..places).contains(heard)), "no kill came during the delivery");
    assert!(heard.ledger.starts_with(&format!("delivered: {places}\n")), "{}", heard.ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_heard_once_in_each_place_and_its_newest_last_whenever_the_program_is_killed() {
    let places = from_environment("DESKBELL_CRASH_PLACES").unwrap_or(PLACES);
    let seed = from_environment("DESKBELL_CRASH_SEED").unwrap_or(1);
    let heard = notice::killed(Broadcast::Outage, places, NOTICE_KILLS, seed).await;
    println!("an outage to {places} places, seed {seed}; killed when these had heard it: {:?}", heard.at_kills);
    let wrong: Vec<_> = heard.times.iter().filter(|(_, times)| **times != 1).collect();
    assert_eq!(wrong, Vec::new(), "these did not hear it once");
    assert!(heard.at_kills.iter().any(|heard| (1..places).contains(heard)), "no kill came during the delivery");
    assert!(heard.ledger.starts_with(&format!("delivered: {places}\n")), "{}", heard.ledger);
    assert_eq!(heard.news.len(), places);
    for (place, news) in &heard.news {
        assert!(news.is_sorted(), "{place} was told something older after something newer: {news:?}");
        assert_eq!(news.last(), Some(&(NOTICE_KILLS - 1)), "{place} was not told the newest: {news:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_deduplication_the_checker_reports_doubles() {
    let outcome = without("dedupe", Fault::DeliverTwice { times: 3 }).await;
    println!("without de-duplication:\n{}", outcome.report);
    assert!(!outcome.report.doubled.is_empty(), "the checker is blind to doubles");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_reconciliation_the_checker_reports_doubles() {
    let outcome = without("reconcile", Fault::LoseAnswer { method: "chat.postMessage".to_owned(), times: 2 }).await;
    println!("without reconciliation:\n{}", outcome.report);
    assert!(!outcome.report.doubled.is_empty(), "the checker is blind to doubles");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_while_it_decides_a_replica_holds_nobody_up() {
    frozen_at("deciding", "slack").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_before_it_writes_a_replica_leaves_one_copy() {
    frozen_at("before_write", "discord").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_in_flight_a_replica_leaves_one_copy() {
    frozen_at("in_flight", "slack").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_before_it_settles_a_replica_leaves_one_copy() {
    frozen_at("before_settle", "discord").await;
}

/// Freezes a replica at `point` and thaws it when the others have taken over. In the end every message exists once.
async fn frozen_at(point: &str, first: &str) {
    let Some(url) = postgres::database().await else { return };
    let Thawed { report, brief_copies, mended_in, told } = freeze_at(point, platforms(), first, &url, "").await;
    let mended_s = mended_in.as_secs_f64();
    println!("frozen {point}: {brief_copies} brief second copies, mended {mended_s:.1} s after the thaw");
    assert_eq!(report.requests, report.tickets, "frozen {point}:\n{report}\n{told}");
    assert!(report.is_clean(), "frozen {point}:\n{report}\n{told}");
    assert!(mended_in < MENDED_WITHIN, "frozen {point}: mended {mended_s:.1} s after the thaw");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_fencing_the_checker_reports_doubles() {
    let Some(url) = postgres::database().await else { return };
    let Thawed { report, told, .. } = freeze_at("before_write", SLACK, "slack", &url, "fencing").await;
    println!("without fencing:\n{report}");
    assert!(!report.doubled.is_empty(), "the checker is blind to doubles:\n{told}");
}

/// A short run on SQLite with a safeguard switched off.
async fn without(safeguard: &str, fault: Fault) -> Outcome {
    let folder = TempDir::new().expect("a folder");
    let url = sqlite(&folder);
    let environment = vec![("DESKBELL_TRIAL_WITHOUT", safeguard.to_owned())];
    // Discord itself recognises a repeated post by its nonce for a while, so only Slack is used.
    let plan = Plan { kills: 8, seed: 3, platforms: SLACK, environment, hasty: false, faults: vec![fault] };
    run(plan, folder, &url).await
}

fn sqlite(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("desk.db").display())
}

/// Whether the programme is to run on this database.
fn wants(database: &str) -> bool {
    std::env::var("DESKBELL_CRASH_DATABASE").map_or(true, |wanted| wanted == database)
}

fn platforms() -> Platforms {
    match std::env::var("DESKBELL_CRASH_PLATFORMS").as_deref() {
        Ok("slack") => SLACK,
        Ok("discord") => DISCORD,
        Ok("both") | Err(_) => Platforms::BOTH,
        Ok(other) => panic!("DESKBELL_CRASH_PLATFORMS={other}: slack, discord or both"),
    }
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
