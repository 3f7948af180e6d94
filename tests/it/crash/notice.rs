//! Sends a notice or an outage to many places while the real program is killed again and again. Each place hears it
//! once, and hears the newest news of an outage last.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deskbell::clock::Clock;
use deskbell::config::Config;
use deskbell::domain::ids::{Person, PersonRef, PlatformName};
use deskbell::domain::message::Message;
use deskbell::sandbox::stage::{Stage, StageOptions};
use deskbell::sandbox::{Journal, World};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tempfile::TempDir;

use super::broadcasts::SecondIntake;
use super::run::{settings, start, until_quiet};
use super::{DISCORD, sqlite};
use crate::harness::patiently;

const NOTICE: &str = "payroll";

/// What is told to all places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broadcast {
    Notice,
    /// An outage, and news of it while it is being delivered.
    Outage,
}

/// The result of a run.
pub struct Heard {
    /// How often it was posted in each place.
    pub times: HashMap<String, u32>,
    /// How many places had it at each kill.
    pub at_kills: Vec<usize>,
    /// The output of `deskbell effects --about` at the end.
    pub ledger: String,
    /// The numbers of the news that each place was told of an outage, in order.
    pub news: HashMap<String, Vec<u32>>,
}

/// Sends a notice or an outage to `places` places on Discord (which takes fifty posts a second), and kills the program
/// `kills` times, spread over the delivery. The first kill comes while the first pages are queued.
pub async fn killed(broadcast: Broadcast, places: usize, kills: u32, seed: u64) -> Heard {
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
    let mut seen = Seen { journal: journal.clone(), next: journal.len(), times, news: HashMap::new() };
    let mia = PersonRef::new(PlatformName::Discord, stage.discord.person_id("mia").expect("she is there"));
    let desk = SecondIntake::open(&config, Person::new(mia, "Mia")).await;
    match broadcast {
        Broadcast::Notice => {
            let says = Message::said("Payroll is down for everybody.");
            desk.intake.notice(NOTICE, &says, &to).await.map(drop).expect("it is kept");
        }
        Broadcast::Outage => {
            desk.follow(&to).await;
            desk.announce(1).await;
        }
    }

    let mut random = StdRng::seed_from_u64(seed);
    let mut at_kills = Vec::new();
    for kill in 0..kills as usize {
        let enough = places * kill / kills as usize;
        let mut grown = journal.grown();
        while seen.reached() < enough {
            patiently("the notice goes on", grown.changed()).await.expect("the journal lives");
        }
        if broadcast == Broadcast::Outage && (kill == 1 || kill + 1 == kills as usize) {
            desk.tell_news(1, u32::try_from(kill).expect("a few")).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..600))).await;
        // Dropping it is a SIGKILL.
        drop(child);
        at_kills.push(seen.reached());
        child = start(folder.path(), "serve", &[]);
        child.ready().await;
    }
    desk.close().await;
    let worlds: [Arc<dyn World>; 1] = [Arc::clone(&stage.discord) as Arc<dyn World>];
    let counts = until_quiet(&[&child], &config, &worlds, &journal).await;
    assert_eq!((counts.waiting, counts.failed, counts.dead), (0, 0, 0), "{counts:?}");
    seen.reached();
    let about = if broadcast == Broadcast::Notice { format!("notice:{NOTICE}") } else { "outage:1".to_owned() };
    let ledger = start(folder.path(), &format!("effects --about {about}"), &[]).ended().await.succeeded().out;
    drop(child);
    stage.close().await;
    Heard { times: seen.times, at_kills, ledger, news: seen.news }
}

/// Counts what each place has heard, from the journal.
struct Seen {
    journal: Journal,
    next: u64,
    times: HashMap<String, u32>,
    news: HashMap<String, Vec<u32>>,
}

impl Seen {
    /// Reads the new entries of the journal. Returns how many places have heard it.
    fn reached(&mut self) -> usize {
        for entry in self.journal.since(self.next) {
            self.next = entry.seq + 1;
            if ["posted", "updated"].contains(&entry.kind)
                && let Some((_, number)) = entry.text("text").split_once("news ")
                && let Ok(number) = number.trim().parse()
            {
                self.news.entry(entry.text("channel_id").to_owned()).or_default().push(number);
            }
            if entry.kind == "posted"
                && let Some(times) = self.times.get_mut(entry.text("channel_id"))
            {
                *times += 1;
            }
        }
        self.times.values().filter(|times| **times > 0).count()
    }
}
