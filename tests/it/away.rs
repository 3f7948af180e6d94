//! The database is away for a while, and people go on writing to the program. The submodules test other failures: a
//! database or platform that cannot be reached at the start (`start`), answers that are nonsense (`nonsense`), and a
//! database file that must not be used (`files`).
//!
//! "Away" means PostgreSQL behind a gate that is shut, or SQLite on a disk that is full.

mod files;
mod gate;
mod nonsense;
mod start;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use deskbell::clock::Clock;
use deskbell::sandbox::stage::{Platforms, StageOptions, TRIAGE};
use deskbell::sandbox::{MessageView, Spot, View, World, WorldError};
use sqlx::Connection as _;

use self::gate::Gate;
use crate::harness::{find_control, patiently, see};
use crate::program::Site;
use crate::program::child::{self, Child};

/// How long the platforms wait for an answer. It is short, so that Slack gives events up before the database is back.
const PATIENCE: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn with_postgres_out_of_reach_nothing_is_lost_and_work_resumes() {
    let Some(url) = crate::postgres::database().await else { return };
    let gate = Gate::before(&url).await;
    let site = site().await;
    on(&site, gate.url());
    let child = site.serve();
    DatabaseOutage { site: &site, child: &child }.run(|| gate.shut(), || gate.open()).await;
    end(&site, child).await;
}

#[tokio::test]
async fn with_the_disk_full_nothing_is_lost_and_work_resumes() {
    let site = site().await;
    // A write beyond the limit of a file's size raises the signal SIGXFSZ, which ends a process unless it is ignored.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_deskbell")]);
    let child = Child::spawn_by(command, site.folder.path(), "serve", &[]);
    let may_write = |bytes: &str| {
        let limit = format!("--fsize={bytes}:");
        let set = Command::new("prlimit").args(["--pid", &child.id().to_string(), &limit]).status();
        assert!(set.expect("util-linux is there").success());
    };
    DatabaseOutage { site: &site, child: &child }.run(|| may_write("0"), || may_write("unlimited")).await;
    let copy = site.path("copy.db");
    site.run(&format!("backup {}", copy.display())).await.succeeded();
    let files = [copy, site.path("desk.db")];
    end(&site, child).await;
    for file in files {
        let mut conn =
            sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("it opens");
        let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut conn).await.expect("it reads");
        assert_eq!(sound, "ok", "{}", file.display());
    }
}

/// A program whose database goes away.
struct DatabaseOutage<'s> {
    site: &'s Site,
    child: &'s Child,
}

impl DatabaseOutage<'_> {
    /// People write requests before, during and after the outage, and press a button during and after it. `begins`
    /// starts the outage, and `ends` ends it.
    async fn run(&self, begins: impl Fn(), ends: impl Fn()) {
        self.child.ready().await;
        let ready = format!("http://{}/readyz", self.child.address().await);
        let worlds = self.site.stage.worlds();
        for world in &worlds {
            ask(world, "jeff", "sales", "the printer is jammed").await;
            confirmed(world, "sales", "the printer is jammed").await;
        }
        begins();
        for world in &worlds {
            ask(world, "ana", "general", "my laptop does not start").await;
            let (at, control) = find_control(&see(world, "mia"), TRIAGE, "Take it").expect("a card");
            match patiently("the click ends", world.press("mia", &at, &control.id, None)).await {
                // The platform has shown its own failure.
                Err(WorldError::NoAnswer) => {}
                Ok(()) => {
                    until(world, "mia", "she is told privately", |view| {
                        let told = |message: &&MessageView| message.only_you && message.text.contains("try again");
                        all(view).find(told).map(drop)
                    })
                    .await;
                }
                Err(other) => panic!("{}: {other}", world.platform()),
            }
        }
        patiently("it is not ready", answers(&ready, 503)).await;
        // Slack gives up events that were not acknowledged. From then on only reading the history finds them.
        let journal = &self.site.stage.journal;
        let mut grown = journal.grown();
        let given_up = grown.wait_for(|_| journal.since(0).iter().any(|entry| entry.kind == "dropped"));
        patiently("Slack gives up", given_up).await.map(|count| *count).expect("the journal is there");
        assert_eq!(child::get(&ready.replace("readyz", "healthz")).await, 200, "it lives");
        ends();
        patiently("it is ready", answers(&ready, 200)).await;
        for world in &worlds {
            confirmed(world, "general", "my laptop does not start").await;
            ask(world, "jeff", "random", "the door is stuck").await;
            confirmed(world, "random", "the door is stuck").await;
            assert!(find_control(&see(world, "mia"), TRIAGE, "Take it").is_some(), "a card");
            // On a busy machine, an answer may take longer than the platform waits. People then press again.
            patiently("the click is answered", async {
                while let Some((at, control)) = find_control(&see(world, "mia"), TRIAGE, "Take it") {
                    match world.press("mia", &at, &control.id, None).await {
                        Ok(()) => return,
                        Err(WorldError::NoAnswer) => {}
                        Err(other) => panic!("{}: {other}", world.platform()),
                    }
                }
            })
            .await;
        }
    }
}

/// Stops the program and checks that it ended well, with one ticket and one confirmation for each request.
async fn end(site: &Site, child: Child) {
    let ended = child.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    let listed = site.run("tickets --json").await.succeeded();
    let mut asked: Vec<(String, String)> = Vec::new();
    let mut taken = 0;
    for line in listed.out.lines() {
        let ticket: serde_json::Value = serde_json::from_str(line).expect("JSON");
        taken += usize::from(!ticket["assignee"].is_null());
        asked.push((ticket["title"].to_string(), ticket["platform"].to_string()));
    }
    asked.sort();
    let requests = ["my laptop does not start", "the door is stuck", "the printer is jammed"];
    let each =
        requests.iter().flat_map(|title| ["discord", "slack"].map(|on| (format!("{title:?}"), format!("{on:?}"))));
    assert_eq!(asked, each.collect::<Vec<_>>());
    assert!((1..=2).contains(&taken), "{taken} were taken");
    for world in site.stage.worlds() {
        for (channel, text) in [("sales", requests[2]), ("general", requests[0]), ("random", requests[1])] {
            let answers = answers_to(&see(&world, "ada"), channel, text);
            let (confirmations, others): (Vec<_>, Vec<_>) = answers.iter().partition(|text| text.contains("IT-10"));
            assert_eq!(confirmations.len(), 1, "{}: {answers:#?}", world.platform());
            // Mia may have taken the request.
            assert!(others.is_empty() || others == ["Mia is on it."], "{}: {answers:#?}", world.platform());
        }
    }
    site.stage.close().await;
}

async fn site() -> Site {
    let options = StageOptions { patience: PATIENCE, ..StageOptions::by(Clock::system()) };
    Site::open_with(options, Platforms::BOTH, "").await
}

/// Replaces the database in the settings file.
fn on(site: &Site, url: &str) {
    let file = format!("sqlite://{}", site.path("desk.db").display());
    let settings = std::fs::read_to_string(site.path("deskbell.toml")).expect("the settings");
    assert!(settings.contains(&file));
    site.write_settings(&settings.replace(&file, url));
}

pub async fn ask(world: &Arc<dyn World>, who: &str, channel: &str, text: &str) {
    world.say(who, &Spot::channel(channel), &format!("@desk {text}"), None).await.expect("said");
}

/// Waits for the confirmation in the thread of a request.
pub async fn confirmed(world: &Arc<dyn World>, channel: &str, text: &str) {
    let what = format!("{}: an answer to: {text}", world.platform());
    until(world, "ada", &what, |view| {
        answers_to(view, channel, text).iter().any(|answer| answer.contains("IT-10")).then_some(())
    })
    .await;
}

/// Returns the bot's messages in the thread of a request.
fn answers_to(view: &View, channel: &str, text: &str) -> Vec<String> {
    let channel = view.channels.iter().find(|known| known.name == channel).expect("a channel");
    let asked = channel.messages.iter().filter(|message| !message.bot && message.text.contains(text));
    let answers = asked.flat_map(|message| &message.thread).filter(|answer| answer.bot);
    answers.map(|answer| answer.text.clone()).collect()
}

fn all(view: &View) -> impl Iterator<Item = &MessageView> {
    let messages = view.channels.iter().flat_map(|channel| &channel.messages);
    messages.flat_map(|message| std::iter::once(message).chain(&message.thread))
}

pub async fn until<T>(world: &Arc<dyn World>, who: &str, what: &str, look: impl Fn(&View) -> Option<T>) -> T {
    let mut changes = world.changes();
    patiently(what, async {
        loop {
            changes.mark_unchanged();
            if let Some(found) = look(&see(world, who)) {
                return found;
            }
            changes.changed().await.expect("the workspace is there");
        }
    })
    .await
}

/// Waits until a GET is answered with this status.
pub async fn answers(url: &str, status: u16) {
    while child::get(url).await != status {
        tokio::task::yield_now().await;
    }
}
