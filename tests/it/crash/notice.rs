//! A notice to many places, while the real program is killed again and again: each place hears it once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deskbell::clock::Clock;
use deskbell::config::Config;
use deskbell::domain::ids::PlatformName;
use deskbell::domain::message::Message;
use deskbell::domain::permission::Roster;
use deskbell::domain::rules::Rules;
use deskbell::intake::Intake;
use deskbell::sandbox::stage::{Stage, StageOptions};
use deskbell::sandbox::{Journal, World};
use deskbell::store::sqlite::SqliteStore;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tempfile::TempDir;

use super::run::{calm, settings, start};
use super::{DISCORD, sqlite};
use crate::harness::patiently;

const NOTICE: &str = "payroll";

/// What became of it.
pub struct Heard {
    /// How often each place heard it.
    pub times: HashMap<String, u32>,
    /// How many had heard it at each kill.
    pub at_kills: Vec<usize>,
    /// What `deskbell effects --about` says in the end.
    pub ledger: String,
}

/// Tells so many places on Discord (which takes fifty a second), with so many kills spread over it. The first kill comes
/// while the first pages are queued.
pub async fn killed(places: usize, kills: u32, seed: u64) -> Heard {
    let folder = TempDir::new().expect("a folder");
    let journal = Journal::in_memory();
    let options = StageOptions {
        journal: journal.clone(),
        seed,
        linked: false,
        destinations: places,
        ..StageOptions::by(Clock::system())
    };
    let stage = Stage::open(options).await.expect("the stage opens");
    let config = Config::from_text(&settings(&stage, folder.path(), &sqlite(&folder), DISCORD), []).expect("settings");
    let mut child = start(folder.path(), "serve", &[]);
    child.ready().await;
    let to = stage.destinations(PlatformName::Discord);
    let times = to.iter().map(|place| (place.channel().to_owned(), 0)).collect();
    let mut seen = Seen { journal: journal.clone(), next: journal.len(), times };
    let store = SqliteStore::open_beside(&folder.path().join("desk.db"), Clock::system()).await.expect("it opens");
    let beside = Intake::new(store.clone(), Clock::system(), Rules::default(), Roster::default());
    beside.notice(NOTICE, &Message::said("Payroll is down for everybody."), &to).await.expect("it is kept");
    deskbell::store::Store::close(store.as_ref()).await;

    let mut random = StdRng::seed_from_u64(seed);
    let mut at_kills = Vec::new();
    for kill in 0..kills as usize {
        let enough = places * kill / kills as usize;
        let mut grown = journal.grown();
        while seen.reached() < enough {
            patiently("the notice goes on", grown.changed()).await.expect("the journal lives");
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..600))).await;
        // Dropping it is a SIGKILL.
        drop(child);
        at_kills.push(seen.reached());
        child = start(folder.path(), "serve", &[]);
        child.ready().await;
    }
    let worlds: [Arc<dyn World>; 1] = [Arc::clone(&stage.discord) as Arc<dyn World>];
    let counts = calm(&[&child], &config, &worlds, &journal).await;
    assert_eq!((counts.waiting, counts.failed, counts.dead), (0, 0, 0), "{counts:?}");
    seen.reached();
    let ledger = start(folder.path(), &format!("effects --about notice:{NOTICE}"), &[]).ended().await.succeeded().out;
    drop(child);
    stage.close().await;
    Heard { times: seen.times, at_kills, ledger }
}

/// What the journal has shown of the notice.
struct Seen {
    journal: Journal,
    next: u64,
    times: HashMap<String, u32>,
}

impl Seen {
    /// How many places have heard it by now.
    fn reached(&mut self) -> usize {
        for entry in self.journal.since(self.next) {
            self.next = entry.seq + 1;
            if entry.kind == "posted"
                && let Some(times) = self.times.get_mut(entry.text("channel_id"))
            {
                *times += 1;
            }
        }
        self.times.values().filter(|times| **times > 0).count()
    }
}
