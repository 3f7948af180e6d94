//! Freezes one of several replicas at the worst moment, past its leases, and thaws it. Every message that it was about
//! to send exists once in the end.

use std::sync::Arc;
use std::time::Duration;

use deskbell::clock::Clock;
use deskbell::config::Config;
use deskbell::sandbox::stage::{Platforms, Stage, StageOptions};
use deskbell::sandbox::{Journal, Spot, World};
use tempfile::TempDir;
use tokio::time::timeout;

use super::checker::{self, Report};
use super::run;
use super::tag::{Kind, Tag};
use crate::harness::PATIENCE;
use crate::program::child::Child;

/// Time without an entry in the journal after which no limit of a channel delays a post.
const LIMITS_PASS: Duration = Duration::from_millis(1_500);

/// The result of a freeze.
pub struct Thawed {
    pub report: Report,
    /// Number of second copies that were removed.
    pub brief_copies: usize,
    /// Time from the thaw to the last post or removal; zero if there was none after the thaw.
    pub mended_in: Duration,
    /// The platforms' journal, then the replicas' logs, the frozen one's first.
    pub told: String,
}

/// Runs three replicas on the database at `url`. The one that delivers is frozen at `point`, at a request on the
/// platform `first`, and is thawed when the others have taken over. `without` names a safeguard that is switched off in
/// all three.
pub async fn freeze_at(point: &str, platforms: Platforms, first: &str, url: &str, without: &str) -> Thawed {
    let folder = TempDir::new().expect("a folder");
    let journal = Journal::to_file(&folder.path().join("journal.jsonl")).expect("a journal");
    let options = StageOptions { journal: journal.clone(), ..StageOptions::by(Clock::system()) };
    let stage = Stage::open(options).await.expect("the stage opens");
    let settings = run::settings(&stage, folder.path(), url, platforms);
    let config = Config::from_text(&settings, []).expect("good settings");
    let mut worlds: Vec<Arc<dyn World>> =
        stage.worlds().into_iter().filter(|world| platforms.has(world.platform())).collect();
    worlds.sort_by_key(|world| world.platform() != first);
    let trial = [("DESKBELL_TRIAL_WITHOUT", without)];

    // This replica is alone at first, so that it is the one that delivers.
    let frozen = run::start(folder.path(), "serve", &[trial[0], ("DESKBELL_TRIAL_FREEZE_AT", point)]);
    frozen.ready().await;
    for (number, world) in (1..).zip(&worlds) {
        let tag = Tag { kind: Kind::Request, number, about: number };
        let text = format!("@desk {tag} the printer is jammed");
        world.say("jeff", &Spot::channel("sales"), &text, None).await.expect("said");
        if number == 1 {
            // A request on the other platform reaches this replica only after the thaw.
            frozen.says(&format!("trial: frozen at {point}")).await;
        }
    }
    let others = [(); 2].map(|()| run::start(folder.path(), "serve", &trial));
    for other in &others {
        other.ready().await;
    }
    // Each request is confirmed, and has a card on each platform.
    let wanted = worlds.len() * (1 + worlds.len());
    let mut grown = journal.grown();
    let all_stand = grown.wait_for(|_| standing(&journal) >= wanted);
    if timeout(PATIENCE, all_stand).await.is_err() {
        let logs: Vec<String> = others.iter().map(Child::log).collect();
        panic!("the others do not take over: {} of {wanted} stand\n{}", standing(&journal), logs.join("\n---\n"));
    }
    // The thawed replica must not be delayed by a limit that the others have just used up.
    loop {
        grown.mark_unchanged();
        if timeout(LIMITS_PASS, grown.changed()).await.is_err() {
            break;
        }
    }
    let thawed_us = journal.since(0).last().map_or(0, |entry| entry.wall_us);
    frozen.thaw();
    // The thawed replica may take a while until it works again.
    frozen.ready().await;
    run::until_quiet(&[&others[0]], &config, &worlds, &journal).await;
    let entries = journal.since(0);
    let brief_copies = entries.iter().filter(|entry| entry.kind == "removed").count();
    let last_us =
        entries.iter().rfind(|entry| ["posted", "removed"].contains(&entry.kind)).map_or(0, |entry| entry.wall_us);
    let mended_in = Duration::from_micros(last_us.saturating_sub(thawed_us));

    let [one, other] = others;
    let mut told = Vec::new();
    for child in [frozen, one, other] {
        let ended = child.terminate().await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        told.push(ended.err);
    }
    let exported = run::start(folder.path(), "export", &[]).ended().await.succeeded().out;
    let written = std::fs::read_to_string(folder.path().join("journal.jsonl")).expect("the journal");
    stage.close().await;
    let report = checker::check(&written, &exported);
    told.insert(0, written);
    Thawed { report, brief_copies, mended_in, told: told.join("\n---\n") }
}

/// Returns the number of posts that were not removed.
fn standing(journal: &Journal) -> usize {
    let entries = journal.since(0);
    let count = |kind: &str| entries.iter().filter(|entry| entry.kind == kind).count();
    count("posted").saturating_sub(count("removed"))
}
