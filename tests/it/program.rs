//! The program as an operator runs it: the real binary as a process of its own.

#![expect(clippy::disallowed_methods, reason = "whole processes run in real time")]

mod check;
pub mod child;
mod elsewhere;
mod limits;
mod secrets;

use std::path::Path;
use std::time::{Duration, Instant};

use deskbell::clock::Clock;
use deskbell::sandbox::Spot;
use deskbell::sandbox::stage::{Platforms, Stage, StageOptions};
use tempfile::TempDir;

use self::child::{Child, Ended, run};
use crate::harness::{patiently, see};

/// A stage, by default on the machine's clock, and a folder with settings for the program that connects to it.
pub struct Site {
    pub stage: Stage,
    pub folder: TempDir,
}

impl Site {
    pub async fn open(platforms: Platforms, more: &str) -> Self {
        Self::open_with(
            StageOptions { patience: Duration::from_secs(30), ..StageOptions::by(Clock::system()) },
            platforms,
            more,
        )
        .await
    }

    pub async fn open_with(options: StageOptions, platforms: Platforms, more: &str) -> Self {
        let stage = Stage::open(options).await.expect("the stage opens");
        let site = Self { stage, folder: TempDir::new().expect("a folder") };
        site.write_settings(&site.stage.settings(&site.path("desk.db"), more, platforms));
        site
    }

    /// Writes the settings file.
    pub fn write_settings(&self, text: &str) {
        std::fs::write(self.path("deskbell.toml"), text).expect("the settings are written");
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub async fn run(&self, line: &str) -> Ended {
        run(self.folder.path(), line, &[]).await
    }

    pub fn serve(&self) -> Child {
        Child::spawn(self.folder.path(), "serve", &[])
    }
}

#[tokio::test]
async fn every_command_explains_itself() {
    let folder = TempDir::new().expect("a folder");
    let help = run(folder.path(), "--help", &[]).await.succeeded();
    for command in [
        "serve", "sandbox", "check", "migrate", "manifest", "tickets", "export", "effects", "events", "backup", "erase",
    ] {
        assert!(help.out.contains(command), "{command} is not in the help");
        let its = run(folder.path(), &format!("{command} --help"), &[]).await.succeeded();
        assert!(its.out.contains("Usage: deskbell"), "{}", its.out);
    }
    let version = run(folder.path(), "--version", &[]).await.succeeded();
    assert_eq!(version.out.trim(), concat!("deskbell ", env!("CARGO_PKG_VERSION")));
    assert_ne!(run(folder.path(), "", &[]).await.code, Some(0), "no command is an error");
    assert_ne!(run(folder.path(), "dance", &[]).await.code, Some(0), "an unknown command is an error");
}

#[tokio::test]
async fn without_a_platform_it_does_not_start_and_says_how_to_configure_one() {
    let folder = TempDir::new().expect("a folder");
    let ended = run(folder.path(), "serve", &[]).await;
    assert_eq!(ended.code, Some(1));
    for word in ["DESKBELL__SLACK__BOT_TOKEN", "DESKBELL__DISCORD__TOKEN", "deskbell sandbox"] {
        assert!(ended.err.contains(word), "{word} is missing: {}", ended.err);
    }
    assert!(!folder.path().join("deskbell.db").exists(), "nothing was touched");
}

#[tokio::test]
async fn unknown_settings_are_refused_by_name() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("deskbell.toml"), "[desk]\nagentz = []\n[slak]\nx = 1\n").expect("written");
    let ended = run(folder.path(), "serve", &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("desk.agentz") && ended.err.contains("slak"), "{}", ended.err);
    std::fs::remove_file(folder.path().join("deskbell.toml")).expect("removed");
    let ended = run(folder.path(), "serve", &[("DESKBELL__SLACK__BOT_TOKN", "xoxb-hidden-1")]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.to_lowercase().contains("slack.bot_tokn"), "{}", ended.err);
    assert!(!ended.err.contains("hidden"), "{}", ended.err);
    let ended = run(folder.path(), "--config nowhere.toml serve", &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("nowhere.toml"), "{}", ended.err);
}

#[tokio::test]
async fn a_wrong_token_is_named_plainly() {
    let slack = Platforms { discord: false, ..Platforms::BOTH };
    let discord = Platforms { slack: false, ..Platforms::BOTH };
    for (platforms, setting) in [(slack, "slack.bot_token"), (discord, "discord.token")] {
        let site = Site::open(platforms, "").await;
        let right = if platforms.slack { site.stage.slack.bot_token() } else { site.stage.discord.token() };
        let wrong = if platforms.slack { "xoxb-1-2-wrong".to_owned() } else { "q".repeat(60) };
        let settings = site.stage.settings(&site.path("desk.db"), "", platforms);
        site.write_settings(&settings.replace(&right, &wrong));
        let ended = site.run("serve").await;
        assert_eq!(ended.code, Some(1));
        let last = ended.err.lines().last().unwrap_or_default();
        assert!(last.contains(setting) && last.contains("token"), "{last}");
        assert!(!ended.err.contains(&wrong), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_database_is_made_listed_and_never_trampled_on() {
    let folder = TempDir::new().expect("a folder");
    let nothing = run(folder.path(), "tickets", &[]).await;
    assert_eq!(nothing.code, Some(1), "there is no database yet");
    assert!(nothing.err.contains("there is no database at"), "{}", nothing.err);
    let checked = run(folder.path(), "check", &[]).await;
    assert!(checked.out.contains("not there yet"), "{}", checked.out);
    assert!(!folder.path().join("deskbell.db").exists(), "neither listing nor checking makes one");
    assert!(run(folder.path(), "migrate", &[]).await.succeeded().out.contains("up to date"));
    run(folder.path(), "migrate", &[]).await.succeeded();
    assert_eq!(run(folder.path(), "tickets", &[]).await.succeeded().out, "There are no tickets yet.\n");
    for line in ["tickets --json --limit 5", "export"] {
        assert_eq!(run(folder.path(), line, &[]).await.succeeded().out, "");
    }
    let spoilt = b"SQLite format 3\0 and then something else, long enough to look like a page of a database".repeat(60);
    for content in [&b"what somebody wrote down"[..], &spoilt] {
        refuses(folder.path(), content).await;
    }
}

async fn refuses(folder: &Path, content: &[u8]) {
    let file = folder.join("notes.db");
    std::fs::write(&file, content).expect("written");
    let url = format!("sqlite://{}", file.display());
    for line in ["migrate", "tickets", "export"] {
        let ended = run(folder, line, &[("DESKBELL__DATABASE__URL", &url)]).await;
        assert_eq!(ended.code, Some(1), "{line}");
        assert!(ended.err.contains("notes.db") && ended.err.contains("is no database"), "{}", ended.err);
    }
    assert_eq!(std::fs::read(&file).expect("it is there"), content, "it was touched");
}

#[tokio::test]
async fn the_manifests_in_the_repository_are_what_the_program_prints() {
    let folder = TempDir::new().expect("a folder");
    for platform in ["slack", "discord"] {
        let printed = run(folder.path(), &format!("manifest {platform}"), &[]).await.succeeded();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("bot-manifests/{platform}.json"));
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == printed.out, "run: deskbell manifest {platform} > bot-manifests/{platform}.json");
    }
}

#[tokio::test]
async fn it_serves_stops_when_told_and_comes_back_quickly() {
    let site = Site::open(Platforms::BOTH, "").await;
    let child = site.serve();
    let address = child.address().await;
    assert_eq!(child::get(&format!("http://{address}/healthz")).await, 200);
    child.ready().await;
    for world in site.stage.worlds() {
        world.say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");
        let mut changes = world.changes();
        let answered = changes.wait_for(|_| {
            let view = see(&world, "jeff");
            let sales = view.channels.iter().find(|channel| channel.name == "sales").expect("a channel");
            sales.messages.iter().flat_map(|message| &message.thread).any(|answer| answer.text.contains("IT-10"))
        });
        let answered = patiently("the mention gets its ticket", answered).await.map(|count| *count);
        answered.expect("the workspace is there");
    }
    let second = site.run("serve").await;
    assert_eq!(second.code, Some(1), "one file, one process");
    assert!(second.err.contains("in use by another process"), "{}", second.err);
    let checked = site.run("check").await.succeeded();
    assert!(checked.out.contains("in use by a running bot"), "{}", checked.out);
    let ended = child.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("stopped"), "{}", ended.err);

    let listed = site.run("tickets --json").await.succeeded();
    let keys: Vec<String> = listed
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["key"].to_string())
        .collect();
    assert_eq!(keys, ["\"IT-1002\"", "\"IT-1001\""]);
    let exported = site.run("export").await.succeeded();
    for (line, key) in exported.out.lines().zip(["IT-1001", "IT-1002"]) {
        let whole: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&whole["ticket"]["key"], &whole["ticket"]["status"]), (&key.into(), &"new".into()));
        assert_eq!(whole["messages"][0]["text"], "the printer is jammed");
        assert_eq!(whole["messages"][0]["id"], whole["ticket"]["origin_message"]["id"]);
        assert_eq!((&whole["audit"][0]["act"], whole["audit"].as_array().map(Vec::len)), (&"opened".into(), Some(1)));
    }
    assert_eq!(exported.out.lines().count(), 2);

    let begin = Instant::now();
    let child = site.serve();
    child.ready().await;
    let took = begin.elapsed();
    let memory_kib = child.memory_kib().map_or_else(|| "?".to_owned(), |kib| kib.to_string());
    println!("from start to /readyz 200: {} ms; resident memory then: {memory_kib} KiB", took.as_millis());
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(child.terminate().await.code, Some(0));
    site.stage.close().await;
}
