//! The bot in a process of its own, so that only the bot is measured: the load program starts itself again as the bot.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use deskbell::app::{App, Limits};
use deskbell::clock::Clock;
use deskbell::config::Config;
use deskbell::desk::{conversation, tickets};
use deskbell::domain::ids::TicketId;
use deskbell::logging;

use crate::slow_disk;
use crate::stub::{AGENT, TRIAGE};

/// The secret with which the load program signs its requests.
pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// The first argument of a process that is to be the bot.
const ARGUMENT: &str = "bot";
/// Clock ticks per second in `/proc/PID/stat`: the same on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;
/// Tickets that are read per page.
const PAGE: u32 = 1_000;

/// The same allocator as in the program itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Settings of the bot's process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the stub of Slack's Web API.
    pub api: SocketAddr,
    /// URL of the database.
    pub database: String,
    /// Folder for the settings file and the log.
    pub folder: PathBuf,
    /// Level of the log, which is written to a file.
    pub log: String,
    /// Mode of the guard.
    pub guard: String,
    /// Accounts that the guard protects besides the agent.
    pub staff: Vec<String>,
    /// Delay that is added to each sync of a file.
    pub sync_delay: Duration,
}

/// A process of the bot that is measured. It is asked over its standard input.
pub struct Bot {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    log: PathBuf,
    /// Address of its HTTP server.
    pub address: SocketAddr,
    /// Time from the start of the process until the bot was ready.
    pub ready_after: Duration,
}

/// A ticket in the bot's database.
#[derive(Clone, Debug)]
pub struct Known {
    pub key: String,
    pub channel: String,
    pub root: String,
    /// Number of messages on record.
    pub records: usize,
}

/// Resource usage of the bot's process, as the system reports it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Processor time so far, user and system.
    pub cpu_secs: f64,
    /// Resident memory at the moment, in mebibytes.
    pub memory_mb: f64,
    /// Largest resident memory so far.
    pub peak_mb: f64,
}

impl Bot {
    /// Starts the bot and waits until it is ready.
    ///
    /// # Errors
    /// If the bot does not start.
    pub fn start(settings: &Settings) -> anyhow::Result<Self> {
        let path = settings.folder.join("deskbell.toml");
        std::fs::write(&path, text(settings))?;
        let log = settings.folder.join("bot.log");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ARGUMENT).arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        if !settings.sync_delay.is_zero() {
            command.env("LD_PRELOAD", slow_disk::compile(&settings.folder)?);
            command.env("SYNC_DELAY_US", settings.sync_delay.as_micros().to_string());
        }
        let began = Instant::now();
        let mut child = command.spawn().context("the bot does not start")?;
        let input = child.stdin.take().context("the bot's stdin is missing")?;
        let mut output = BufReader::new(child.stdout.take().context("the bot's stdout is missing")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let ready_after = began.elapsed();
        let Ok(address) = line.trim().parse() else {
            let _ = child.wait();
            bail!("the bot did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
        };
        Ok(Self { child, input, output, log, address, ready_after })
    }

    /// Returns the usage of the bot's process; zeros where the system does not report it.
    pub fn usage(&self) -> Usage {
        let read =
            |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default();
        let stat = read("stat");
        // The program's name stands in brackets and may contain any character, so the fields are counted after the last
        // one.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        let status = read("status");
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1024.0
        };
        Usage { cpu_secs: ticks / TICKS_PER_SECOND, memory_mb: megabytes("VmRSS"), peak_mb: megabytes("VmHWM") }
    }

    /// Returns the newest `most` tickets of the bot, newest first.
    ///
    /// # Errors
    /// If the bot does not answer.
    pub fn tickets(&mut self, most: usize) -> anyhow::Result<Vec<Known>> {
        let lines = self.ask(&format!("tickets {most}"))?;
        lines
            .iter()
            .map(|line| {
                let mut fields = line.split('\t').map(str::to_owned);
                let mut next = || fields.next().context("a line of the bot is too short");
                Ok(Known { key: next()?, channel: next()?, root: next()?, records: next()?.parse()? })
            })
            .collect()
    }

    /// Returns the counts of the bot's outbox as JSON: waiting, leased, held and failed effects, and dead events.
    ///
    /// # Errors
    /// If the bot does not answer.
    pub fn counts(&mut self) -> anyhow::Result<serde_json::Value> {
        let lines = self.ask("counts")?;
        Ok(serde_json::from_str(lines.first().context("no answer")?)?)
    }

    /// Stops the bot. Returns how many lines of its log are warnings or errors.
    ///
    /// # Errors
    /// If the bot exits with a failure.
    pub fn stop(self) -> anyhow::Result<usize> {
        let Self { mut child, input, log, .. } = self;
        drop(input);
        let status = child.wait()?;
        ensure!(status.success(), "the bot ended with {status}");
        let log = std::fs::read_to_string(log)?;
        Ok(log.lines().filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\"")).count())
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn ask(&mut self, question: &str) -> anyhow::Result<Vec<String>> {
        writeln!(self.input, "{question}")?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(self.output.read_line(&mut line)? > 0, "the bot is gone");
            match line.trim_end_matches('\n') {
                "" => return Ok(lines),
                line => lines.push(line.to_owned()),
            }
        }
    }
}

/// Runs the bot, if this process was started as the bot. Returns whether it was.
///
/// # Errors
/// If the bot cannot start or cannot answer.
pub fn be_the_bot() -> anyhow::Result<bool> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != ARGUMENT) {
        return Ok(false);
    }
    let path = arguments.next().context("the settings are missing")?;
    serve(Path::new(&path))?;
    Ok(true)
}

fn serve(settings: &Path) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Config::from_text(&std::fs::read_to_string(settings)?, [])?;
    logging::init(config.log.format, &config.log.level, &config.secrets())?;
    // The same runtime as in the program itself.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let app = runtime.block_on(async {
        let app = App::start_with(&config, Clock::system(), Limits::Lifted).await?;
        app.health().wait().await;
        anyhow::Ok(app)
    })?;
    println!("{}", app.address());
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_once(' ').unwrap_or((line.as_str(), "")) {
            ("tickets", most) => runtime.block_on(tell_tickets(&app, most.parse()?))?,
            ("counts", _) => {
                let counts = runtime.block_on(app.store().counts())?;
                println!("{}", serde_json::to_string(&counts)?);
            }
            (other, _) => bail!("unknown question: {other}"),
        }
        println!();
    }
    runtime.block_on(app.stop());
    Ok(())
}

async fn tell_tickets(app: &App, most: usize) -> anyhow::Result<()> {
    let mut before: Option<TicketId> = None;
    let mut left = most;
    while left > 0 {
        let page = tickets::record::page(
            &mut *app.store().reader().await?,
            before,
            PAGE.min(u32::try_from(left).unwrap_or(PAGE)),
        )
        .await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        left -= page.len();
        for ticket in page {
            let records = conversation::record::of_ticket(&mut *app.store().reader().await?, ticket.id).await?.len();
            let root = ticket.origin.root().unwrap_or_default();
            println!("{}\t{}\t{root}\t{records}", ticket.key, ticket.origin.channel());
        }
    }
    Ok(())
}

fn text(settings: &Settings) -> String {
    let Settings { api, database, log, guard, .. } = settings;
    let staff: Vec<String> = settings.staff.iter().map(|staff| format!("slack:{staff}")).collect();
    format!(
        "[slack]\nmode = \"http\"\nbot_token = \"xoxb-load\"\nsigning_secret = \"{SIGNING_SECRET}\"\n\
         api_url = \"http://{api}/api\"\ntriage_channel = \"{TRIAGE}\"\n[desk]\nagents = [\"slack:{AGENT}\"]\n\
         [database]\nurl = \"{database}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"{log}\"\n\
         [guard]\nmode = \"{guard}\"\nstaff = {staff:?}\n"
    )
}
