//! How fast events come in: signed HTTP events into committed tickets, with their answers and cards posted to a stub of
//! Slack's Web API. `cargo bench --bench intake -- --help` explains.
//!
//! Three parties share the machine: the bot (a process of its own, the one that is measured), the stub, and the clients.
//! The last two do as little as they can.

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

/// How long the outbox may take to come to an end.
const DRAIN: Duration = Duration::from_secs(300);

/// Sends signed events to a bot of its own and measures: events per second and acknowledgements in a closed loop,
/// acknowledgements at a fixed rate, processor time and memory of the bot. At the end it checks that every request became
/// one ticket, answered once and with one card.
///
/// Every event is a mention of the bot by somebody else in some channel, but for the share of replies, which are words of
/// the same person in the thread of a request. A request is answered by two posts (the answer and the card), a reply by
/// one (the line under the card). The platform's limits are lifted.
#[derive(Parser)]
#[command(name = "intake")]
struct Args {
    /// Rounds of the closed loop, on the same database; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Events of one round.
    #[arg(long, default_value_t = 10_000)]
    events: u64,
    /// Events before the first round, which do not count.
    #[arg(long, default_value_t = 2_000)]
    warm_up: u64,
    /// Connections that each wait for one acknowledgement at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Of a hundred events, how many are replies in the thread of an earlier request.
    #[arg(long, default_value_t = 20)]
    replies: u64,
    /// People who write; the names of up to 10,000 are read at the bot's start.
    #[arg(long, default_value_t = 5_000)]
    people: usize,
    /// Channels that they write in.
    #[arg(long, default_value_t = 50)]
    channels: usize,
    /// Events per second of the open loop, which does not wait; 0 leaves it out.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Events per second, beside those of the open loop, that are none of the desk's business.
    #[arg(long, default_value_t = 0)]
    chatter: u64,
    /// Of a hundred of these, how many ping one of the staff with a question.
    #[arg(long, default_value_t = 0)]
    pings: u64,
    /// How many of the people are staff, whom the guard protects.
    #[arg(long, default_value_t = 0)]
    staff: usize,
    /// What becomes of pings of staff: off, observe, nudge or route.
    #[arg(long, default_value = "observe")]
    guard: String,
    /// How long the open loop takes.
    #[arg(long, default_value_t = 20)]
    rate_seconds: u64,
    /// Adds so much to every sync of the bot (Linux, with a C compiler): a slow disk.
    #[arg(long, default_value_t = 0.0)]
    sync_delay_ms: f64,
    /// The bot's database; a new SQLite file if none is given. One of PostgreSQL should be empty.
    #[arg(long)]
    database: Option<String>,
    /// Where the new SQLite file and the bot's log are put, in a folder that is removed.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The level of the bot's log, which is written to a file.
    #[arg(long, default_value = "info")]
    log: String,
    /// Waits so long before the load, so that a profiler can be attached to the bot.
    #[arg(long, default_value_t = 0)]
    wait_seconds: u64,
    /// Prints one JSON object, and nothing else.
    #[arg(long)]
    json: bool,
    /// What `cargo bench` adds.
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
    ensure!(args.connections > 0 && args.people > 0 && args.channels > 0, "there must be somebody to write somewhere");
    ensure!(args.staff < args.people, "somebody must be no staff");
    ensure!(args.replies <= 80, "at most 80 of 100 can be replies");
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.context("no folder for the bot")?;
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

/// What one stretch of load showed.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    acknowledged_per_sec: f64,
    /// With every post that follows from them.
    drained_per_sec: f64,
    /// From the last acknowledgement to the last post.
    drained_after: Duration,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

/// The clients.
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

    /// Every connection sends, waits for the acknowledgement, and sends the next, until so many are sent.
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
                    writer.keep(message);
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

    /// So many are sent in every second, whatever the bot does; times count from the moment at which each was due.
    async fn open(&self, rate: u64, chatter: u64, seconds: u64) -> anyhow::Result<Round> {
        let began = Instant::now();
        let mut talkers = Vec::new();
        let mut talking = None;
        if chatter > 0 {
            let mut doors = Vec::new();
            for _ in 0..self.connections {
                let (mut connection, cast, next) =
                    (Connection::open(self.bot).await?, self.cast, Rc::clone(&self.next));
                let (door, mut due) = mpsc::unbounded_channel::<Instant>();
                doors.push(door);
                talkers.push(tokio::task::spawn_local(async move {
                    while due.recv().await.is_some() {
                        let number = next.replace_with(|number| *number + 1);
                        connection.send(&cast.chatter(number)).await?;
                    }
                    anyhow::Ok(())
                }));
            }
            talking = Some(std::thread::spawn(move || pace(chatter, seconds, began, &doors)));
        }
        let mut clients = Vec::new();
        let mut doors = Vec::new();
        for _ in 0..self.connections {
            let (mut connection, mut writer) = (Connection::open(self.bot).await?, self.writer());
            let (door, mut due) = mpsc::unbounded_channel::<Instant>();
            doors.push(door);
            clients.push(tokio::task::spawn_local(async move {
                let mut took = Vec::new();
                while let Some(due) = due.recv().await {
                    let message = writer.next();
                    took.push(connection.send(&message).await?.duration_since(due));
                    writer.keep(message);
                }
                anyhow::Ok(took)
            }));
        }
        let events = rate * seconds;
        let began = Instant::now();
        let pacing = std::thread::spawn(move || pace(rate, seconds, began, &doors));
        let mut took = Vec::new();
        for client in clients {
            took.extend(client.await??);
        }
        let acknowledged = began.elapsed();
        ensure!(pacing.join().is_ok() && talking.is_none_or(|talking| talking.join().is_ok()), "the pace was lost");
        for talker in talkers {
            talker.await??;
        }
        self.drained().await?;
        Ok(round(events, took, acknowledged, began.elapsed()))
    }

    /// Waits until everything that follows from what was sent is posted.
    async fn drained(&self) -> anyhow::Result<()> {
        let (began, wanted) = (Instant::now(), *self.posts.borrow());
        while self.calls.posted() < wanted {
            if began.elapsed() > DRAIN {
                bail!("{} of {wanted} posts were made, and no more come", self.calls.posted());
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

/// Tells clients in turn when their next message is due. The timer of the runtime is good for a millisecond only.
fn pace(rate: u64, seconds: u64, began: Instant, doors: &[mpsc::UnboundedSender<Instant>]) {
    for (number, door) in (0..rate * seconds).zip(doors.iter().cycle()) {
        let due = began + Duration::from_nanos(number * 1_000_000_000 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // A client that is gone has an error to tell.
        let _ = door.send(due);
    }
}

/// Who writes over one connection.
struct Writer {
    cast: Cast,
    replies: u64,
    owed: u64,
    /// The last requests, the oldest of which is replied to.
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

    /// It was acknowledged.
    fn keep(&mut self, message: Message) {
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
