//! Measures what a large database costs: opens, claims, lists and shows tickets, and starts the bot, with few tickets
//! and with many. `cargo bench --bench growth -- --help` explains.

#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

#[path = "load/bot.rs"]
#[expect(dead_code, reason = "the other load program asks the bot for more")]
mod bot;
#[path = "load/figures.rs"]
#[expect(dead_code, reason = "the other load program has more figures")]
mod figures;
#[path = "load/slow_disk.rs"]
mod slow_disk;
#[path = "load/stub.rs"]
#[expect(dead_code, reason = "the other load program looks at what was posted")]
mod stub;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use deskbell::clock::Clock;
use deskbell::desk::conversation::state::{Record, Side, Voice};
use deskbell::desk::decision::Change;
use deskbell::desk::tickets::state::{Status, Ticket};
use deskbell::desk::{apply, conversation, tickets};
use deskbell::domain::act::{ActName, ActRef, Given, SubjectRef};
use deskbell::domain::audit::{AuditEntry, FieldChange};
use deskbell::domain::event::{Acted, Asks, DedupeKey, Event, EventKind, ReplyHandle, Said, Way};
use deskbell::domain::ids::{
    Conversation, MessageRef, Person, PersonRef, Place, PlatformName, Tenant, TicketId, TicketKey, TicketTag, TicketUid,
};
use deskbell::domain::outcome::Outcome;
use deskbell::domain::permission::{Principal, Roster};
use deskbell::domain::priority::Priority;
use deskbell::domain::rules::Rules;
use deskbell::intake::Intake;
use deskbell::store::sqlite::SqliteStore;
use deskbell::store::{Sequence, Store, StoreError, Tx, Work, audit, keys};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use bot::{Bot, Settings};
use figures::median;
use stub::{AGENT, TEAM, TRIAGE};

/// Tickets per transaction while a database is filled.
const FILL: i64 = 500;
/// Events that are handled together. They share commits, so that the varying speed of the disk matters less.
const BATCH: u64 = 64;
/// Rounds that are not measured: in them each reading connection prepares each statement once.
const WARM_UP: u64 = 8;
/// Tickets of one page of the list.
const PAGE: u32 = 50;
/// Step from one measured ticket to the next, which is far away. It reaches every ticket in the end, unless the number
/// of tickets is a multiple of it.
const STRIDE: u64 = 611_953;
/// Number of people who write.
const PEOPLE: i64 = 5_000;
/// Channels that they write in.
const CHANNELS: i64 = 50;

/// Fills a small and a large database, and measures the same operations on both in turns: opening a ticket and claiming
/// one (as events, 64 at a time), reading a page of the list at its beginning and in its middle, and showing one ticket
/// with its messages and its audit. Then it starts the bot on both.
///
/// The claimed and shown tickets come from anywhere in the database, not from the latest ones. Both files are read
/// beforehand, so that the system has them in memory if there is room.
#[derive(Parser)]
#[command(name = "growth")]
struct Args {
    /// Tickets in the large database.
    #[arg(long, default_value_t = 1_000_000)]
    tickets: i64,
    /// Tickets in the small database.
    #[arg(long, default_value_t = 1_000)]
    few: i64,
    /// How often each operation is measured; the median is reported.
    #[arg(long, default_value_t = 40)]
    rounds: u64,
    /// Folder in which a temporary folder is created for the databases.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Prints one JSON object, and nothing else.
    #[arg(long)]
    json: bool,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let done = bot::be_the_bot().and_then(|was| if was { Ok(()) } else { measure(&Args::parse()) });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("growth: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> anyhow::Result<()> {
    ensure!(args.few > 0 && args.tickets >= args.few, "--few must be at least 1 and at most --tickets");
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.context("cannot create a folder for the databases")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let sizes = [args.few, args.tickets];
    let paths = sizes.map(|tickets| folder.path().join(format!("{tickets}.db")));
    let mut filled = Vec::new();
    let measured = runtime.block_on(async {
        let mut desks = Vec::new();
        for (tickets, path) in sizes.into_iter().zip(&paths) {
            let began = Instant::now();
            desks.push(Desk::fill(path, tickets).await?);
            filled.push(began.elapsed());
            say(args, &format!("{tickets} tickets filled in {:.1} s", began.elapsed().as_secs_f64()));
        }
        for path in &paths {
            read_through(path)?;
        }
        let measured = compare(&desks, args.rounds).await?;
        for desk in desks {
            desk.store.close().await;
        }
        anyhow::Ok(measured)
    })?;
    let mut report = serde_json::Map::new();
    for (what, of_each) in measured {
        let [few, many] = of_each.map(|times| median(times.iter().map(|time| time.as_secs_f64() * 1e6)));
        say(args, &format!("{what:<12} {few:>9.0} µs  {many:>9.0} µs  ×{:.2}", many / few));
        report.insert(
            what.to_owned(),
            json!({"few_us": tenths(few), "many_us": tenths(many), "ratio": tenths(10.0 * many / few) / 10.0}),
        );
    }
    let starts = paths.iter().map(|path| start(path, folder.path())).collect::<anyhow::Result<Vec<Value>>>()?;
    for (tickets, (path, start)) in sizes.into_iter().zip(paths.iter().zip(&starts)) {
        let megabytes = std::fs::metadata(path)?.len() / 1_048_576;
        say(args, &format!("the bot on {tickets} tickets ({megabytes} MB): {start}"));
    }
    report.insert("start".to_owned(), json!({"few": starts[0], "many": starts[1]}));
    report.insert("tickets".to_owned(), json!(sizes));
    report.insert(
        "filled_secs".to_owned(),
        json!(filled.iter().map(|took| tenths(took.as_secs_f64())).collect::<Vec<_>>()),
    );
    if args.json {
        println!("{}", Value::Object(report));
    }
    Ok(())
}

/// Reads a file to its end, so that the system has it in memory: the speed of the disk is not measured.
fn read_through(path: &Path) -> anyhow::Result<()> {
    std::io::copy(&mut std::fs::File::open(path)?, &mut std::io::sink())?;
    Ok(())
}

type Times = [Vec<Duration>; 2];

/// Measures both databases in turns, so that other load on the machine affects both alike.
async fn compare(desks: &[Desk], rounds: u64) -> anyhow::Result<Vec<(&'static str, Times)>> {
    let names = ["open", "claim", "list", "list middle", "show"];
    let mut all: Vec<(&'static str, Times)> = names.into_iter().map(|name| (name, Times::default())).collect();
    for round in 0..WARM_UP + rounds {
        for (index, desk) in desks.iter().enumerate() {
            let took = [
                desk.open().await?,
                desk.claim().await?,
                desk.list(None).await?,
                desk.list(Some(TicketId(desk.tickets / 2))).await?,
                desk.show().await?,
            ];
            if round >= WARM_UP {
                all.iter_mut().zip(took).for_each(|((_, times), took)| times[index].push(took));
            }
        }
    }
    Ok(all)
}

/// A database with `tickets` tickets, and its intake.
struct Desk {
    store: Arc<dyn Store>,
    intake: Intake,
    tickets: i64,
    opened: AtomicU64,
    claimed: AtomicU64,
    shown: AtomicU64,
}

impl Desk {
    async fn fill(path: &Path, tickets: i64) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let store: Arc<dyn Store> = SqliteStore::open(path, clock.clone()).await?;
        let now = clock.now();
        for first in (1..=tickets).step_by(usize::try_from(FILL)?) {
            let work: Work = Arc::new(move |tx| {
                Box::pin(async move {
                    for number in first..(first + FILL).min(tickets + 1) {
                        write(tx, number, now).await?;
                    }
                    Ok(Outcome::Done(None))
                })
            });
            store.transact(work).await?;
        }
        let rules = Rules { triage: vec![place(TRIAGE)], ..Rules::default() };
        let roster = Roster { agents: vec![Principal::Person(agent().who)], ..Roster::default() };
        let intake = Intake::new(Arc::clone(&store), clock, rules, roster);
        Ok(Self {
            store,
            intake,
            tickets,
            opened: AtomicU64::new(0),
            claimed: AtomicU64::new(0),
            shown: AtomicU64::new(0),
        })
    }

    /// Opens tickets. Returns the time for one of them.
    async fn open(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let outcomes = try_join_all((0..BATCH).map(|_| self.intake.handle(self.request()))).await?;
        let took = began.elapsed();
        ensure!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Opened(_))), "a ticket was not opened");
        Ok(took / u32::try_from(BATCH)?)
    }

    /// Claims or releases tickets. Returns the time for one of them.
    async fn claim(&self) -> anyhow::Result<Duration> {
        let claims: Vec<Event> = (0..BATCH).map(|_| self.next_claim()).collect();
        let began = Instant::now();
        let outcomes = try_join_all(claims.into_iter().map(|claim| self.intake.handle(claim))).await?;
        let took = began.elapsed();
        ensure!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done(Some(_)))), "a claim or release failed");
        Ok(took / u32::try_from(BATCH)?)
    }

    async fn list(&self, before: Option<TicketId>) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let page = tickets::record::page(&mut *self.store.reader().await?, before, PAGE).await?;
        let took = began.elapsed();
        ensure!(!page.is_empty(), "nothing is listed");
        Ok(took)
    }

    async fn show(&self) -> anyhow::Result<Duration> {
        let number = self.shown.fetch_add(1, Ordering::Relaxed) * STRIDE % self.tickets.unsigned_abs();
        let key = key_of(1 + i64::try_from(number)?);
        let began = Instant::now();
        let mut reader = self.store.reader().await?;
        let ticket = tickets::record::by_key(&mut *reader, &key).await?.context("a ticket is missing")?;
        let said = conversation::record::of_ticket(&mut *reader, ticket.id).await?;
        let done = audit::of(&mut *reader, &ticket.id.into()).await?;
        let took = began.elapsed();
        ensure!(!said.is_empty() && !done.is_empty(), "nothing is shown");
        Ok(took)
    }

    fn request(&self) -> Event {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let at = self.intake.clock().now();
        // The authors have asked before. Each request comes in a channel of its own.
        let author = employee(i64::try_from(number).unwrap_or_default());
        let message = message(&stub::channel(1_000 + usize::try_from(number).unwrap_or_default()), at, number);
        let said = Said {
            author,
            place: place(&message.channel),
            at,
            text: words(i64::try_from(number).unwrap_or_default()),
            mentions: Vec::new(),
            groups: Vec::new(),
            notifies: None,
            mentions_bot: true,
            reply_to: None,
            files: Vec::new(),
            message,
        };
        Event { key: DedupeKey::message(&said.message), at, what: EventKind::MessagePosted(said) }
    }

    /// Returns the next event of the agent: claims the open tickets one by one from anywhere in the database, then
    /// releases them in the same order, and so on.
    fn next_claim(&self) -> Event {
        let number = self.claimed.fetch_add(1, Ordering::Relaxed);
        let open = self.tickets.unsigned_abs().div_ceil(2);
        let action = if (number / open).is_multiple_of(2) { "claim" } else { "release" };
        let ticket = 1 + 2 * i64::try_from(number * STRIDE % open).unwrap_or_default();
        let ticket = TicketTag { key: key_of(ticket), uid: uid_of(ticket) };
        let key = DedupeKey::interaction(PlatformName::Slack, &format!("{number}"));
        let on = Some(SubjectRef::Ticket(ticket));
        let does = ActRef { on, ..ActRef::bare(ActName::new(action)) };
        let acted = Acted {
            actor: agent(),
            place: Some(place(TRIAGE)),
            way: Way::Button,
            at: None,
            asks: Asks::Act { does, given: Given::new() },
            in_private: false,
            reply: ReplyHandle(String::new()),
        };
        Event { key, at: self.intake.clock().now(), what: EventKind::Acted(acted) }
    }
}

fn uid_of(number: i64) -> TicketUid {
    TicketUid::of(&DedupeKey::stored(number.to_string()))
}

fn key_of(number: i64) -> TicketKey {
    TicketKey::new("IT", 1_000 + number)
}

/// Writes ticket `number` with the rows that the intake would have written. It was opened some time ago; tickets with
/// an even number are closed.
async fn write(tx: &mut dyn Tx, number: i64, now: Timestamp) -> Result<(), StoreError> {
    let at = now - SignedDuration::from_secs(30 * (2_000_000 - number).max(1));
    let channel = stub::channel(usize::try_from(number % CHANNELS).unwrap_or_default());
    let message = message(&channel, at, number.unsigned_abs());
    let origin = place(&channel).thread(&message.id);
    let (requester, id) = (employee(number), TicketId(number));
    tx.skip(Sequence::Tickets, 1).await?;
    let closed = Status::Closed { at, resolution: "restarted".to_owned() };
    let ticket = Ticket {
        id,
        key: key_of(number),
        uid: uid_of(number),
        title: words(number),
        titled_by: Some(message.clone()),
        requester: requester.clone(),
        opened_by: requester.clone(),
        origin: origin.clone(),
        origin_message: message.clone(),
        opened_at: at,
        status: if number % 2 == 0 { closed } else { Status::New },
        assignee: None,
        priority: Priority::default(),
        answered_at: None,
        active_at: at,
        follows: None,
        merged_into: None,
        version: 1,
    };
    let said = |message: Option<MessageRef>, author: &Person, voice, text: String| Record {
        ticket: id,
        message,
        author: author.clone(),
        voice,
        at,
        text,
        edited_at: None,
        deleted_at: None,
        joined: false,
    };
    keys::remember(tx, &DedupeKey::message(&message), at)?;
    apply(tx, &Change::Open(Box::new(ticket)))?;
    apply(tx, &Change::Bind { place: origin.clone(), ticket: id, side: Side::Request })?;
    apply(tx, &Change::Record(said(Some(message), &requester, Voice::Requester, words(number))))?;
    apply(tx, &Change::Record(said(None, &agent(), Voice::Agent, "Please restart it.".to_owned())))?;
    let opened = FieldChange { field: "status".to_owned(), from: None, to: Some("new".to_owned()) };
    let fields = vec![opened];
    let actor = Some(requester);
    audit::append(tx, &AuditEntry { about: id.into(), at, actor, act: "opened".to_owned(), from: Some(origin), fields })
}

/// Starts the bot on a database. Returns the time until it was ready and its memory, as JSON.
fn start(path: &Path, folder: &Path) -> anyhow::Result<Value> {
    let (api, _calls) = stub::start(usize::try_from(PEOPLE)?)?;
    let settings = Settings {
        api,
        database: format!("sqlite://{}", path.display()),
        folder: folder.to_owned(),
        // The effects of the tickets that were opened here wait in the outbox, and the bot delivers them.
        log: "warn".to_owned(),
        sync_delay: Duration::ZERO,
        guard: "observe".to_owned(),
        staff: Vec::new(),
    };
    let bot = Bot::start(&settings)?;
    let (ready_after, usage) = (bot.ready_after, bot.usage());
    bot.stop()?;
    Ok(json!({"ready_after_ms": figures::ms(ready_after), "memory_mb": tenths(usage.memory_mb)}))
}

fn agent() -> Person {
    Person::new(PersonRef::new(PlatformName::Slack, AGENT), "Mia Wong")
}

fn employee(number: i64) -> Person {
    let id = stub::person(usize::try_from(number % PEOPLE).unwrap_or_default());
    let name = format!("Employee {id}");
    Person::new(PersonRef::new(PlatformName::Slack, id), name)
}

fn words(number: i64) -> String {
    format!("the printer on our floor prints nothing but stripes, number {number}")
}

fn tenant() -> Tenant {
    Tenant { platform: PlatformName::Slack, id: TEAM.to_owned() }
}

fn place(channel: &str) -> Place {
    Place { tenant: tenant(), at: Conversation::Channel { channel: channel.to_owned() } }
}

fn message(channel: &str, at: Timestamp, number: u64) -> MessageRef {
    let id = format!("{}.{:06}", at.as_second(), number % 1_000_000);
    MessageRef { tenant: tenant(), channel: channel.to_owned(), id }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn say(args: &Args, what: &str) {
    if !args.json {
        eprintln!("{what}");
    }
}
