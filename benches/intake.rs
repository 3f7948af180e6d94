//! Measures how fast the bot takes in events: signed HTTP events become committed tickets, whose answers and cards are
//! posted to a stub of Slack's Web API. `cargo bench --bench intake -- --help` explains.
//!
//! Three parts share the machine: the bot (the measured part, in a process of its own), the stub, and the clients. The
//! stub and the clients do as little work as possible.

#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

#[path = "load/bot.rs"]
mod bot;
#[path = "load/check.rs"]
mod check;
#[path = "load/client.rs"]
mod client;
#[path = "load/figures.rs"]
mod figures;
#[path = "load/slow_disk.rs"]
mod slow_disk;
#[path = "load/stub.rs"]
mod stub;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use bot::{Bot, Settings, Usage};
use client::{Cast, Connection, Message};
use figures::{median, ms, percentile};
use stub::Calls;

/// The longest time that the outbox may take to drain.
const DRAIN: Duration = Duration::from_secs(300);

/// Starts a bot, sends it signed events and measures: events per second and acknowledgement times in a closed loop,
/// acknowledgement times at a fixed rate, processor time and memory of the bot. At the end it checks that every request
/// became one ticket with one answer and one card.
///
/// Every event is a request (a mention of the bot in a channel), except for the share of replies: messages of the
/// requester in the thread of a request. A request leads to two posts (the answer and the card), a reply to one (the
/// line under the card). The platform's limits are lifted.
#[derive(Parser)]
#[command(name = "intake")]
struct Args {
    /// Rounds of the closed loop, all on the same database; the median is reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Events of one round.
    #[arg(long, default_value_t = 10_000)]
    events: u64,
    /// Events that are sent before the first round and not measured.
    #[arg(long, default_value_t = 2_000)]
    warm_up: u64,
    /// Connections; each waits for an acknowledgement before it sends the next event.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Percentage of events that are replies in the thread of an earlier request.
    #[arg(long, default_value_t = 20)]
    replies: u64,
    /// People who write; the names of up to 10,000 are read at the bot's start.
    #[arg(long, default_value_t = 5_000)]
    people: usize,
    /// Channels that they write in.
    #[arg(long, default_value_t = 50)]
    channels: usize,
    /// Events per second of the open loop, which does not wait for the bot; 0 skips the open loop.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Further events per second during the open loop that do not concern the desk.
    #[arg(long, default_value_t = 0)]
    chatter: u64,
    /// Percentage of these further events that ping a member of staff with a question.
    #[arg(long, default_value_t = 0)]
    pings: u64,
    /// How many of the people are staff, whom the guard protects.
    #[arg(long, default_value_t = 0)]
    staff: usize,
    /// Mode of the guard, which handles pings of staff: off, observe, nudge or route.
    #[arg(long, default_value = "observe")]
    guard: String,
    /// Duration of the open loop, in seconds.
    #[arg(long, default_value_t = 20)]
    rate_seconds: u64,
    /// Simulates a slow disk: delays every sync of the bot by this time (Linux, with a C compiler).
    #[arg(long, default_value_t = 0.0)]
    sync_delay_ms: f64,
    /// Address of the bot's database; a new SQLite file if none is given. A PostgreSQL database should be empty.
    #[arg(long)]
    database: Option<String>,
    /// Folder in which a temporary folder is created for the new SQLite file and the bot's log.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The level of the bot's log, which is written to a file.
    #[arg(long, default_value = "info")]
    log: String,
    /// Seconds to wait before the load, so that a profiler can be attached to the bot.
    #[arg(long, default_value_t = 0)]
    wait_seconds: u64,
    /// Prints one JSON object, and nothing else.
    #[arg(long)]
    json: bool,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match bot::be_the_bot().and_then(|was| if was { Ok(ExitCode::SUCCESS) } else { measure(&Args::parse()) }) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("intake: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> anyhow::Result<ExitCode> {
    ensure!(args.connections > 0 && args.people > 0 && args.channels > 0, "connections, people, channels: at least 1");
    ensure!(args.staff < args.people, "there must be fewer staff than people");
    ensure!(args.replies <= 80, "at most 80 of 100 can be replies");
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.context("cannot create a folder for the bot")?;
    let (api, calls) = stub::start(args.people)?;
    let file = format!("sqlite://{}", folder.path().join("desk.db").display());
    let settings = Settings {
        api,
        database: args.database.clone().unwrap_or(file),
        folder: folder.path().to_owned(),
        log: args.log.clone(),
        guard: args.guard.clone(),
        staff: (args.people - args.staff..args.people).map(stub::person).collect(),
        sync_delay: Duration::from_secs_f64(args.sync_delay_ms / 1_000.0),
    };
    let mut bot = Bot::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = Load::new(args, &bot, calls.clone());
    let (idle, ready_after) = (bot.usage(), bot.ready_after);
    say(args, &format!("the bot is process {}, ready after {:.0} ms", bot.id(), ms(ready_after)));
    std::thread::sleep(Duration::from_secs(args.wait_seconds));

    LocalSet::new().block_on(&runtime, load.closed(args.warm_up))?;
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let before = bot.usage();
        let round = LocalSet::new().block_on(&runtime, load.closed(args.events))?;
        let cpu = per_thousand(&before, &bot.usage(), args.events);
        say(
            args,
            &format!(
                "round {number}: {:>6.0} events/s acknowledged, {:>6.0}/s with all posts, ack p50 {:.2} ms, p99 {:.2} ms, \
                 cpu {cpu:.2} s per 1,000, {:.0} MB",
                round.acknowledged_per_sec,
                round.drained_per_sec,
                ms(round.p50),
                ms(round.p99),
                bot.usage().memory_mb
            ),
        );
        rounds.push((round, cpu));
    }
    let loaded = bot.usage();
    let mut open = None;
    if args.rate > 0 {
        let before = bot.usage();
        let round = LocalSet::new().block_on(&runtime, load.open(args.rate, args.chatter, args.rate_seconds))?;
        let cpu = per_thousand(&before, &bot.usage(), args.rate * args.rate_seconds);
        open = Some((round, cpu));
    }

    let sent = load.sent.borrow();
    let tickets = bot.tickets(sent.len())?;
    let mut faults = check::faults(&sent, &tickets, &calls.posts());
    let counts = bot.counts()?;
    for what in ["waiting", "leased", "failed", "dead"] {
        if counts[what] != 0 {
            faults.push(format!("{what}: {}", counts[what]));
        }
    }
    let warnings = bot.stop()?;
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let posts_per_event = calls.posted() as f64 / sent.len() as f64;
    let median_of = |of: fn(&Round) -> f64| median(rounds.iter().map(|(round, _)| of(round)));
    let report = json!({
        "events": sent.len(),
        "requests": sent.iter().filter(|one| one.root.is_none()).count(),
        "tickets": tickets.len(),
        "connections": args.connections,
        "sync_delay_ms": args.sync_delay_ms,
        "closed": {
            "rounds": args.rounds,
            "events_per_sec": median_of(|round| round.acknowledged_per_sec).round(),
            "events_per_sec_with_posts": median_of(|round| round.drained_per_sec).round(),
            "ack_p50_ms": median_of(|round| ms(round.p50)),
            "ack_p99_ms": median_of(|round| ms(round.p99)),
            "drained_after_ms": median_of(|round| ms(round.drained_after)),
            "cpu_secs_per_1000": hundredths(median(rounds.iter().map(|(_, cpu)| *cpu))),
        },
        "open": open.map(|(round, cpu)| json!({
            "events_per_sec": args.rate,
            "chatter_per_sec": args.chatter,
            "pings_in_100": args.pings,
            "guard": args.guard,
            "ack_p50_ms": ms(round.p50),
            "ack_p99_ms": ms(round.p99),
            "ack_max_ms": ms(round.max),
            "cpu_secs_per_1000": hundredths(cpu),
        })),
        "memory_mb": {"idle": idle.memory_mb.round(), "after": loaded.memory_mb.round(), "peak": loaded.peak_mb.round()},
        "posts_per_event": hundredths(posts_per_event),
        "calls": calls.by_method(),
        "ready_after_ms": ms(ready_after),
        "warnings_in_log": warnings,
        "faults": faults.len(),
    });
    if args.json {
        println!("{report}");
    } else {
        println!("{report:#}");
    }
    for fault in faults.iter().take(20) {
        eprintln!("FAULT: {fault}");
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The measurements of one stretch of load.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    acknowledged_per_sec: f64,
    /// Events per second until the last resulting post.
    drained_per_sec: f64,
    /// Time from the last acknowledgement to the last post.
    drained_after: Duration,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

/// The parameters and the shared state of the clients.
struct Load {
    cast: Cast,
    bot: SocketAddr,
    calls: Calls,
    connections: usize,
    replies: u64,
    sent: Rc<RefCell<Vec<Message>>>,
    posts: Rc<RefCell<u64>>,
    next: Rc<RefCell<u64>>,
}

impl Load {
    fn new(args: &Args, bot: &Bot, calls: Calls) -> Self {
        Self {
            cast: Cast { people: args.people, channels: args.channels, staff: args.staff, pings: args.pings },
            bot: bot.address,
            calls,
            connections: args.connections,
            replies: args.replies,
            sent: Rc::default(),
            posts: Rc::default(),
            next: Rc::default(),
        }
    }

    /// Runs the closed loop: each connection sends an event, waits for the acknowledgement, and sends the next, until
    /// `events` events were sent. Then waits for the resulting posts.
    async fn closed(&self, events: u64) -> anyhow::Result<Round> {
        let left = Rc::new(RefCell::new(events));
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(Connection::open(self.bot).await?);
        }
        let began = Instant::now();
        let mut clients = Vec::new();
        for mut connection in connections {
            let (left, writer) = (Rc::clone(&left), self.writer());
            clients.push(tokio::task::spawn_local(async move {
                let (mut writer, mut took) = (writer, Vec::new());
                while take_one(&left) {
                    let message = writer.next();
                    let sent_at = Instant::now();
                    took.push(connection.send(&message).await?.duration_since(sent_at));
                    writer.acknowledged(message);
                }
                anyhow::Ok(took)
            }));
        }
        let mut took = Vec::new();
        for client in clients {
            took.extend(client.await??);
        }
        let acknowledged = began.elapsed();
        self.drained().await?;
        Ok(round(events, took, acknowledged, began.elapsed()))
    }

    /// Runs the open loop: sends `rate` events (and `chatter` further ones) in every second, whatever the bot does. The
    /// acknowledgement time of an event counts from the moment at which the event was due.
    async fn open(&self, rate: u64, chatter: u64, seconds: u64) -> anyhow::Result<Round> {
        let began = Instant::now();
        let mut talkers = Vec::new();
        let mut talking = None;
        if chatter > 0 {
            let mut due_senders = Vec::new();
            for _ in 0..self.connections {
                let (mut connection, cast, next) =
                    (Connection::open(self.bot).await?, self.cast, Rc::clone(&self.next));
                let (due_sender, mut due) = mpsc::unbounded_channel::<Instant>();
                due_senders.push(due_sender);
                talkers.push(tokio::task::spawn_local(async move {
                    while due.recv().await.is_some() {
                        let number = next.replace_with(|number| *number + 1);
                        connection.send(&cast.chatter(number)).await?;
                    }
                    anyhow::Ok(())
                }));
            }
            talking = Some(std::thread::spawn(move || pace(chatter, seconds, began, &due_senders)));
        }
        let mut clients = Vec::new();
        let mut due_senders = Vec::new();
        for _ in 0..self.connections {
            let (mut connection, mut writer) = (Connection::open(self.bot).await?, self.writer());
            let (due_sender, mut due) = mpsc::unbounded_channel::<Instant>();
            due_senders.push(due_sender);
            clients.push(tokio::task::spawn_local(async move {
                let mut took = Vec::new();
                while let Some(due) = due.recv().await {
                    let message = writer.next();
                    took.push(connection.send(&message).await?.duration_since(due));
                    writer.acknowledged(message);
                }
                anyhow::Ok(took)
            }));
        }
        let events = rate * seconds;
        let began = Instant::now();
        let pacing = std::thread::spawn(move || pace(rate, seconds, began, &due_senders));
        let mut took = Vec::new();
        for client in clients {
            took.extend(client.await??);
        }
        let acknowledged = began.elapsed();
        ensure!(pacing.join().is_ok() && talking.is_none_or(|talking| talking.join().is_ok()), "a pacer panicked");
        for talker in talkers {
            talker.await??;
        }
        self.drained().await?;
        Ok(round(events, took, acknowledged, began.elapsed()))
    }

    /// Waits until every post that follows from the sent events was made. Fails after [`DRAIN`].
    async fn drained(&self) -> anyhow::Result<()> {
        let (began, wanted) = (Instant::now(), *self.posts.borrow());
        while self.calls.posted() < wanted {
            if began.elapsed() > DRAIN {
                bail!("only {} of {wanted} posts were made in time", self.calls.posted());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    fn writer(&self) -> Writer {
        Writer {
            cast: self.cast,
            replies: self.replies,
            owed: 0,
            requests: VecDeque::new(),
            sent: Rc::clone(&self.sent),
            posts: Rc::clone(&self.posts),
            next: Rc::clone(&self.next),
        }
    }
}

/// Tells the clients in turn when their next message is due. Runs on a thread of its own, since the runtime's timer is
/// accurate to a millisecond only.
fn pace(rate: u64, seconds: u64, began: Instant, due_senders: &[mpsc::UnboundedSender<Instant>]) {
    for (number, due_sender) in (0..rate * seconds).zip(due_senders.iter().cycle()) {
        let due = began + Duration::from_nanos(number * 1_000_000_000 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // The send fails only if the client has ended early. Its error is returned where its task is awaited.
        let _ = due_sender.send(due);
    }
}

/// Writes the messages of one connection.
struct Writer {
    cast: Cast,
    replies: u64,
    owed: u64,
    /// The last 16 requests; the next reply is to the oldest.
    requests: VecDeque<Message>,
    sent: Rc<RefCell<Vec<Message>>>,
    posts: Rc<RefCell<u64>>,
    next: Rc<RefCell<u64>>,
}

impl Writer {
    fn next(&mut self) -> Message {
        let number = self.next.replace_with(|number| *number + 1);
        self.owed += self.replies;
        if self.owed >= 100
            && let Some(request) = self.requests.pop_front()
        {
            self.owed -= 100;
            return self.cast.reply(number, &request);
        }
        self.cast.request(number)
    }

    /// Notes an acknowledged message, and the posts that must follow from it.
    fn acknowledged(&mut self, message: Message) {
        *self.posts.borrow_mut() += if message.root.is_none() { 2 } else { 1 };
        if message.root.is_none() {
            self.requests.push_back(message.clone());
            if self.requests.len() > 16 {
                self.requests.pop_front();
            }
        }
        self.sent.borrow_mut().push(message);
    }
}

fn take_one(left: &RefCell<u64>) -> bool {
    let mut left = left.borrow_mut();
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn round(events: u64, mut took: Vec<Duration>, acknowledged: Duration, drained: Duration) -> Round {
    Round {
        acknowledged_per_sec: events as f64 / acknowledged.as_secs_f64(),
        drained_per_sec: events as f64 / drained.as_secs_f64(),
        drained_after: drained.saturating_sub(acknowledged),
        p50: percentile(&mut took, 0.5),
        p99: percentile(&mut took, 0.99),
        max: percentile(&mut took, 1.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn per_thousand(before: &Usage, after: &Usage, events: u64) -> f64 {
    (after.cpu_secs - before.cpu_secs) * 1_000.0 / events as f64
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn say(args: &Args, what: &str) {
    if !args.json {
        eprintln!("{what}");
    }
}
