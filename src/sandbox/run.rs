//! The command `deskbell sandbox`: runs a stage with a bot and the page, or a replay.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use include_dir::{Dir, File, include_dir};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::SandboxArgs;
use crate::clock::Clock;
use crate::clock::real;
use crate::commands::asked_to_stop;
use crate::commands::knowledge::files::{self, Filed};
use crate::commands::knowledge::import::{Import, import};
use crate::domain::ids::PlatformName;
use crate::logging;
use crate::sandbox::journal::Journal;
use crate::sandbox::page;
use crate::sandbox::replay::{self, Replay, Report};
use crate::sandbox::stage::{Platforms, Stage, StageOptions};

/// The files of the articles that the sandbox's desk starts with.
static ARTICLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/sandbox/articles");

/// The first things for a newcomer to try.
const TIPS: [&str; 7] = [
    "Be Jeff on Slack: in #sales write \"@desk printer on 3 prints blank pages\". The answer comes in the thread.",
    "Be Mia on Discord: in #desk-triage press Take it on the card. Jeff sees it at once, on the other platform.",
    "Be Ana: open the direct conversation with Desk and write \"I think I clicked on something bad\". Nothing of it shows in public.",
    "Be Ana: in #general write \"@desk my vpn drops every 10 minutes at home\". An article answers: press Read, then This solved it.",
    "As Mia, write under the card (a note), then press Reply to requester, then More… and there Resolve….",
    "Be Jeff on Slack: in #sales write \"@mia my laptop does not start any more, can you help me?\". Only you are asked whether the desk may take it; press Make it a request. Mia sees a ticket sign, and nothing else.",
    "As Mia, give the command /desk subscribe vpn in #general, then /desk outages, and announce one. Update… and It is over… stand on its card.",
];

/// Runs the sandbox as the command line says.
///
/// # Errors
/// If a port is taken, or a file cannot be read or written.
pub async fn run(args: SandboxArgs) -> anyhow::Result<ExitCode> {
    logging::init(logging::Format::Text, "warn", [])?;
    let journal = match &args.journal {
        Some(path) => Journal::to_file(path).with_context(|| format!("cannot write {}", path.display()))?,
        None => Journal::in_memory(),
    };
    // The workspaces and the record exist only in this process. A record that outlived them would contain messages
    // unknown to the next workspaces, which would count as deleted.
    let folder = std::env::temp_dir().join(format!("deskbell-sandbox-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let database = folder.join("deskbell.db");
    let done = match &args.replay {
        Some(file) => replay_file(&args, file, journal, &database).await,
        None => try_it(&args, journal, &database).await,
    };
    // The temporary record is not needed any more; a failure to remove it does no harm.
    let _ = std::fs::remove_dir_all(&folder);
    done
}

async fn try_it(args: &SandboxArgs, journal: Journal, database: &Path) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("{} is taken: choose another port with --listen 127.0.0.1:0 (any free one)", args.listen)
    })?;
    let address = listener.local_addr()?;
    let stage = Stage::open(StageOptions { journal, ..StageOptions::by(Clock::system()) }).await?;
    let app = start_app(&stage, args, database).await?;
    import(app.store(), articles()?, &Import::of("KB", stage.clock.now()), &|_| {}).await?;
    let worlds = stage.worlds().into_iter().filter(|world| platforms(args).has(world.platform())).collect();
    let stop = CancellationToken::new();
    let page = tokio::spawn(page::serve(listener, worlds, TIPS.map(str::to_owned).to_vec(), stop.clone()));
    // The page answers this machine only, whatever address it listens on.
    let open = if address.ip().is_unspecified() {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
    } else {
        address
    };
    println!("Deskbell's sandbox is ready: open  http://{open}/  on this machine\n");
    println!("It is a Slack workspace and a Discord guild in this process, and the bot is connected to both.");
    println!("Try first:");
    for tip in TIPS {
        println!("  • {tip}");
    }
    println!("\nThe bot itself answers health checks on http://{}/healthz. Ctrl-C ends it.", app.address());
    asked_to_stop().await?;
    stop.cancel();
    app.stop().await;
    stage.close().await;
    // The page's server ends with `stop`. An error of it no longer matters.
    let _ = page.await;
    Ok(ExitCode::SUCCESS)
}

/// Returns the articles that the sandbox's desk starts with.
///
/// # Errors
/// If one cannot be read. (A test reads them all.)
pub fn articles() -> anyhow::Result<Vec<Filed>> {
    let mut files: Vec<&File<'_>> = Vec::new();
    let mut folders = vec![&ARTICLES];
    while let Some(folder) = folders.pop() {
        files.extend(folder.files());
        folders.extend(folder.dirs());
    }
    files.sort_by_key(|file| file.path());
    let read = |file: &&File<'_>| {
        let path = file.path().to_string_lossy();
        files::read(&path, file.contents()).map_err(|why| anyhow::anyhow!("{path}: {why}"))
    };
    files.iter().map(read).collect()
}

async fn replay_file(
    args: &SandboxArgs,
    file: &std::path::Path,
    journal: Journal,
    database: &Path,
) -> anyhow::Result<ExitCode> {
    let lines = replay::read(file)?;
    // A Tuesday in the past. The clock moves only with the transcript, so that messages are exactly as far apart as
    // there.
    let clock = Clock::starting_at("2026-01-06T00:00:00Z".parse::<Timestamp>()?, 0.0);
    let options = StageOptions {
        journal,
        linked: false,
        seed: args.seed,
        patience: Duration::from_secs(30),
        ..StageOptions::by(clock)
    };
    let stage = Stage::open(options).await?;
    let app = start_app(&stage, args, database).await?;
    let bar = ProgressBar::new(lines.len() as u64)
        .with_style(ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {pos}/{len} messages, {eta} left")?);
    let progress = |said: usize| bar.set_position(said as u64);
    let names = PlatformName::ALL.into_iter().filter(|name| platforms(args).has(name.as_str())).collect();
    let began = real::now();
    let replay = Replay { lines: &lines, platforms: names, seed: args.seed, progress: &progress };
    let (reports, listed) = replay::play(&stage, &app, &replay).await?;
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    app.stop().await;
    stage.close().await;
    if let Some(path) = &args.list {
        replay::write_list(path, &listed).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "{:<9} {:>8} {:>7} {:>6} {:>7} {:>8} {:>8} {:>6}  {:>17}  {:>17}",
        "platform",
        "messages",
        "tickets",
        "merged",
        "skipped",
        "commands",
        "recorded",
        "errors",
        "ack ms p50/p99",
        "answer ms p50/p99"
    );
    for (platform, report) in &reports {
        let Report { messages, tickets, merged, skipped, commands, recorded, errors, ack_ms, answer_ms } = report;
        let spread = |spread: &Option<replay::Spread>| {
            spread.map_or_else(|| "-".to_owned(), |spread| format!("{:.1} / {:.1}", spread.p50, spread.p99))
        };
        println!(
            "{platform:<9} {messages:>8} {tickets:>7} {merged:>6} {skipped:>7} {commands:>8} {recorded:>8} {errors:>6}  {:>17}  {:>17}",
            spread(ack_ms),
            spread(answer_ms)
        );
    }
    println!("in {seconds:.1} s");
    if args.json {
        println!("{}", json!({ "platforms": reports, "seconds": seconds, "seed": args.seed }));
    }
    Ok(if reports.values().any(|report| report.errors > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn start_app(stage: &Stage, args: &SandboxArgs, database: &Path) -> anyhow::Result<App> {
    let mut more = String::from("[intake]\n");
    if args.no_greeting_filter {
        more.push_str("greeting_filter = false\n");
    }
    if let Some(window) = args.burst_window {
        more.push_str(&format!("burst_window = \"{}ms\"\n", window.as_millis()));
    }
    if args.replay.is_none() {
        // The guard asks at every ping, so that it can be tried again and again.
        more.push_str("[guard]\nmode = \"nudge\"\nnotice_every = \"0s\"\n");
    }
    let mut config = stage.config(database, &more, platforms(args))?;
    if args.replay.is_some() {
        // Nothing closes by itself in a replay, since its clock jumps over days.
        config.desk.auto_close_days = 0;
    }
    let app = App::start(&config, stage.clock.clone()).await?;
    if args.http && args.platform.has_slack() {
        stage.slack.set_http_target(format!("http://{}", app.address()));
    }
    Ok(app)
}

fn platforms(args: &SandboxArgs) -> Platforms {
    Platforms { slack: args.platform.has_slack(), discord: args.platform.has_discord(), slack_http: args.http }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_of_the_sandbox_can_be_read_and_are_written_as_they_are() -> anyhow::Result<()> {
        let articles = articles()?;
        let german = articles.iter().filter(|filed| filed.content.language.as_deref() == Some("de"));
        assert_eq!((articles.len(), german.count()), (35, 5));
        for filed in &articles {
            assert_eq!(filed.ignored, Vec::<String>::new(), "{}", filed.path);
            let file = ARTICLES.get_file(&filed.path).context("it is there")?;
            let written = files::write(&Import::of("KB", Timestamp::UNIX_EPOCH).article(filed)?, &filed.path)?;
            assert_eq!(Some(written.as_str()), file.contents_utf8(), "{}", filed.path);
        }
        Ok(())
    }
}
