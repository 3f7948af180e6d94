//! The composition root: starts the parts, supervises them, drains and stops them. The only room that knows everyone.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{
    Config, DISCORD_API_URL, DiscordConfig, PrivacyConfig, SLACK_API_URL, SlackConfig, SlackConnection,
};
use crate::domain::event::{DedupeKey, Event, EventKind};
use crate::domain::ids::{Conversation, Place, PlatformName, Tenant, TicketId};
use crate::domain::permission::Roster;
use crate::domain::rules::Rules;
use crate::http::{self, Readiness};
use crate::intake::{Intake, erase};
use crate::metrics;
use crate::outbox::{self, Dispatcher};
use crate::platform::discord::{DiscordPlatform, DiscordSettings};
use crate::platform::slack::{SlackMode, SlackPlatform, SlackSettings};
use crate::platform::{Finding, Platform, Turn, Unreached, Verdict, Wanted};
use crate::store::postgres::{self, PostgresSettings, PostgresStore};
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{Store, StoreError, WorkerId};

/// How long what is under way may take when the program is asked to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How often timers are looked at, in the clock's time.
const TIMERS_EVERY: Duration = Duration::from_secs(60);
/// How long to wait, in the clock's time, after some tickets have lost their words before the next do.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// How often the database is asked whether it answers.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How often the numbers that go up and down are taken for `/metrics`.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before a task that panicked is begun again.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long to wait before the roster is read again if it could not be read, in the clock's time.
const ROSTER_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// How long to wait before a platform that gave up is started again.
const RESTART_AFTER: Duration = Duration::from_secs(30);

/// Whether the platforms' limits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// As on the real platforms.
    Kept,
    /// Only what a platform asks for is obeyed: for measuring what the program can do, against a stub.
    Lifted,
}

/// The running program.
pub struct App {
    store: Arc<dyn Store>,
    intake: Intake,
    platforms: Vec<Arc<dyn Platform>>,
    readiness: Readiness,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl App {
    /// Starts everything that the settings ask for, by this clock.
    ///
    /// # Errors
    /// What an operator must mend before it can run.
    pub async fn start(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        Self::start_with(config, clock, Limits::Kept).await
    }

    /// The same, with the platforms' limits kept or lifted.
    ///
    /// # Errors
    /// What an operator must mend before it can run.
    pub async fn start_with(config: &Config, clock: Clock, limits: Limits) -> anyhow::Result<Self> {
        if let Some(missing) = config.platforms_missing() {
            bail!("{missing}");
        }
        metrics::install();
        // The port first: it is what fails most often, and nothing has been touched yet.
        let listener = TcpListener::bind(config.http.listen)
            .await
            .with_context(|| format!("cannot listen on {} (http.listen)", config.http.listen))?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "listening");
        let configured = [(SLACK, config.slack.is_some()), (DISCORD, config.discord.is_some()), (DATABASE, true)];
        let readiness = Readiness::new(configured.iter().filter(|(_, is)| *is).map(|(name, _)| *name));
        let (listener, waiting) = wait_in_public(listener, &readiness)?;
        let store = persevere(DATABASE, &readiness, || open_store(config, clock.clone())).await?;
        readiness.set(DATABASE, true, "answers");
        let Connected { slack, discord } = connect_patiently(config, &clock, &readiness).await?;
        waiting.end().await;
        let rules = rules(config, slack.as_deref())?;
        let intake = Intake::new(Arc::clone(&store), clock.clone(), rules, config.roster());

        let mut platforms: Vec<Arc<dyn Platform>> = Vec::new();
        let mut routes = axum::Router::new();
        if let Some(slack) = &slack {
            platforms.push(Arc::clone(slack) as Arc<dyn Platform>);
            let is_http = config.slack.as_ref().is_some_and(|slack| slack.connection.is_http());
            if is_http {
                routes = routes.merge(slack.http_routes(intake.clone()));
            }
        }
        let worker = WorkerId::new();
        if let Some(discord) = discord {
            // A SQLite file has one process.
            if config.database.url.sqlite_path().is_none() {
                let (store, worker) = (Arc::clone(&store), worker.clone());
                discord.share(Arc::new(Leases { store, worker, lasting: config.timing.lease }));
            }
            platforms.push(discord);
        }
        let timing = outbox::Timing {
            lease: config.timing.lease,
            call_timeout: config.timing.call_timeout,
            take_over_pause: config.timing.take_over_pause,
            retry_limit: config.timing.retry_limit,
        };
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for platform in &platforms {
            metrics::expect(platform.name());
            // Who is on the desk must be known before the first event is decided.
            let is_known = refresh_roster(platform.as_ref(), &intake).await;
            let dispatcher =
                Dispatcher::new(Arc::clone(platform), Arc::clone(&store), intake.clone(), timing, worker.clone());
            let dispatcher = if limits == Limits::Lifted { dispatcher.without_limits() } else { dispatcher };
            let name = platform.name().as_str();
            let every = config.desk.roster_refresh;
            let halt = stop.clone();
            supervise(&mut tasks, &stop, &readiness, name, move || dispatcher.clone().run(halt.clone()));
            let (here, door, ready, halt) = (Arc::clone(platform), intake.clone(), readiness.clone(), stop.clone());
            supervise(&mut tasks, &stop, &readiness, name, move || {
                receive(Arc::clone(&here), door.clone(), ready.clone(), halt.clone())
            });
            let (here, door, halt) = (Arc::clone(platform), intake.clone(), stop.clone());
            supervise(&mut tasks, &stop, &readiness, name, move || {
                watch_roster(Arc::clone(&here), door.clone(), every, is_known, halt.clone())
            });
        }
        let (privacy, roster) = (config.privacy.clone(), Arc::new(config.roster()));
        let (record, door, halt) = (Arc::clone(&store), intake.clone(), stop.clone());
        supervise(&mut tasks, &stop, &readiness, "database", move || {
            fire_timers(Arc::clone(&record), door.clone(), halt.clone())
        });
        let (watch, record, halt) = (clock.clone(), Arc::clone(&store), stop.clone());
        supervise(&mut tasks, &stop, &readiness, "database", move || {
            tidy(Arc::clone(&record), clock.clone(), privacy.clone(), Arc::clone(&roster), halt.clone())
        });
        let (record, ready, halt) = (Arc::clone(&store), readiness.clone(), stop.clone());
        supervise(&mut tasks, &stop, &readiness, "database", move || {
            ping(Arc::clone(&record), ready.clone(), halt.clone())
        });
        let (here, record, ready, halt) = (platforms.clone(), Arc::clone(&store), readiness.clone(), stop.clone());
        supervise(&mut tasks, &stop, &readiness, "database", move || {
            sample(here.clone(), Arc::clone(&record), ready.clone(), watch.clone(), halt.clone())
        });
        let router = http::router(readiness.clone(), routes);
        let http_stop = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = http::serve(listener, router, http_stop).await {
                tracing::error!(%error, "the HTTP port has failed");
            }
        });
        tracing::info!(%address, "started");
        Ok(Self { store, intake, platforms, readiness, address, stop, tasks })
    }

    /// The record, for whoever wants to look at it.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The door.
    #[must_use]
    pub const fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Where health checks and Slack's HTTP events are answered.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether everything is connected.
    #[must_use]
    pub const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Whether something may have been missed on a platform that is still to be read.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.platforms.iter().any(|platform| platform.is_behind())
    }

    /// How many events of a platform have been received and dealt with, since the start.
    #[must_use]
    pub fn received(&self, platform: PlatformName) -> u64 {
        self.platforms.iter().filter(|known| known.name() == platform).map(|known| known.received()).sum()
    }

    /// Takes nothing new in, finishes what is under way, and stops.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, all).await.is_err() {
            tracing::warn!("something did not finish in time; it is taken up again at the next start");
            self.tasks.abort_all();
        }
        self.store.close().await;
        tracing::info!("stopped");
    }
}

/// Tests what the settings say against the platforms and the database.
///
/// # Errors
/// Only if testing itself fails.
pub async fn check(config: &Config) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let bad = |what: String, mend: &str| Finding { verdict: Verdict::Bad, what, mend: mend.to_owned() };
    findings.extend(config.warnings().into_iter().map(|what| Finding {
        verdict: Verdict::Degraded,
        what,
        mend: String::new(),
    }));
    match open_store(config, Clock::system()).await {
        Ok(store) => {
            let what = format!("database {}: {} tickets", config.database.url, store.total().await?);
            findings.push(Finding { verdict: Verdict::Good, what, mend: String::new() });
            store.close().await;
        }
        // The bot itself is running beside this.
        Err(error) if matches!(error.downcast_ref(), Some(OpenError::Locked(_))) => {
            let what = format!("database {}: in use by a running bot", config.database.url);
            findings.push(Finding { verdict: Verdict::Good, what, mend: String::new() });
        }
        Err(error) => findings.push(bad(format!("database {}: {error}", config.database.url), "")),
    }
    if let Some(missing) = config.platforms_missing() {
        findings.push(bad("no platform is configured".to_owned(), missing));
    }
    let roster = config.roster();
    let groups = |name| roster.groups_on(name).into_iter().map(|group| group.id).collect();
    if let Some(slack) = &config.slack {
        match SlackPlatform::connect(slack_settings(slack, config)?, Clock::system()).await {
            Ok(platform) => {
                let channels = slack.triage_channel.iter().map(|id| (id.clone(), TRIAGE)).collect();
                let wanted = Wanted {
                    channels,
                    groups: groups(PlatformName::Slack),
                    people: people(config, PlatformName::Slack),
                };
                findings.extend(platform.check(&wanted).await);
            }
            Err(error) => findings.push(bad(format!("Slack: {error:#}"), "Check slack.bot_token and the network.")),
        }
    }
    if let Some(discord) = &config.discord {
        match DiscordPlatform::connect(discord_settings(discord, config)?, Clock::system()).await {
            Ok(platform) => {
                let channels = discord.triage.iter().map(|triage| (triage.channel.clone(), TRIAGE)).collect();
                let wanted = Wanted {
                    channels,
                    groups: groups(PlatformName::Discord),
                    people: people(config, PlatformName::Discord),
                };
                findings.extend(platform.check(&wanted).await);
            }
            Err(error) => findings.push(bad(format!("Discord: {error:#}"), "Check discord.token and the network.")),
        }
    }
    Ok(findings)
}

/// The record, to be read and written: beside a running bot if need be.
///
/// # Errors
/// If there is none, or it cannot be written to.
pub async fn open_beside(config: &Config, clock: Clock) -> anyhow::Result<Arc<dyn Store>> {
    let opened = async {
        anyhow::Ok(match config.database.url.sqlite_path() {
            Some(path) => SqliteStore::open_beside(path, clock).await? as Arc<dyn Store>,
            None => PostgresStore::open(&postgres_settings(config)).await?,
        })
    };
    opened.await.with_context(|| format!("the tickets in {} cannot be changed", config.database.url))
}

/// A door to the record as the bot has it, with the rules and the roster of the settings, for a command. Asks the
/// platforms who they are and who is in which group; whether every group could be read.
///
/// # Errors
/// If no platform is configured, or one does not answer.
pub async fn door(config: &Config, store: Arc<dyn Store>, clock: Clock) -> anyhow::Result<(Intake, bool)> {
    if let Some(missing) = config.platforms_missing() {
        bail!("{missing}");
    }
    let Connected { slack, discord } = connect(config, &clock).await?;
    let intake = Intake::new(store, clock, rules(config, slack.as_deref())?, config.roster());
    let mut is_known = true;
    if let Some(slack) = &slack {
        is_known &= refresh_roster(slack.as_ref(), &intake).await;
    }
    if let Some(discord) = &discord {
        is_known &= refresh_roster(discord.as_ref(), &intake).await;
    }
    Ok((intake, is_known))
}

/// Opens the database of the settings, and brings it up to date.
///
/// # Errors
/// If it is away, another process's or another program's.
pub async fn open_store(config: &Config, clock: Clock) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match config.database.url.sqlite_path() {
        Some(path) => SqliteStore::open_with_pause(path, clock, config.timing.take_over_pause).await?,
        None => PostgresStore::open(&postgres_settings(config)).await?,
    })
}

/// The record, to be read only: beside a running bot if need be.
///
/// # Errors
/// If there is none, or it cannot be read.
pub async fn open_to_read(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let opened = async {
        anyhow::Ok(match config.database.url.sqlite_path() {
            Some(path) => SqliteStore::open_read_only(path).await? as Arc<dyn Store>,
            None => PostgresStore::open_read_only(&postgres_settings(config)).await?,
        })
    };
    opened.await.with_context(|| format!("the tickets in {} cannot be read", config.database.url))
}

fn postgres_settings(config: &Config) -> PostgresSettings {
    let settings = PostgresSettings::new(config.database.url.expose());
    PostgresSettings { connections: config.database.connections, ..settings }
}

const TRIAGE: &str = "the desk's triage channel";

const SLACK: &str = PlatformName::Slack.as_str();
const DISCORD: &str = PlatformName::Discord.as_str();
const DATABASE: &str = "database";

/// Says that the program lives and is not ready, while it waits for what it needs to start.
struct Waiting {
    stop: CancellationToken,
    server: JoinHandle<()>,
}

/// Answers on the port already; the listener that is given back is another handle of the same port.
fn wait_in_public(listener: TcpListener, readiness: &Readiness) -> anyhow::Result<(TcpListener, Waiting)> {
    let listener = listener.into_std()?;
    let ours = TcpListener::from_std(listener.try_clone()?)?;
    let stop = CancellationToken::new();
    // Slack sends again what is refused like that.
    let others = axum::Router::new().fallback(|| async { axum::http::StatusCode::SERVICE_UNAVAILABLE });
    let (router, halt) = (http::router(readiness.clone(), others), stop.clone());
    let server = tokio::spawn(async move {
        if let Err(error) = http::serve(ours, router, halt).await {
            tracing::warn!(%error, "the HTTP port has failed while starting");
        }
    });
    Ok((TcpListener::from_std(listener)?, Waiting { stop, server }))
}

impl Waiting {
    async fn end(mut self) {
        self.stop.cancel();
        // It ends by itself; its panic would have been logged.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Tries until it works, or fails for a reason that an operator must mend. The waits are real time: nobody knows when
/// the other side comes back.
async fn persevere<T, F>(part: &str, readiness: &Readiness, attempt: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let mut tries = 0;
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let asked = match (error.downcast_ref::<Unreached>(), error.downcast_ref::<postgres::OpenError>()) {
            (Some(unreached), _) => unreached.retry_after.unwrap_or_default(),
            (None, Some(postgres::OpenError::Away(_))) => Duration::ZERO,
            (None, _) => return Err(error),
        };
        tries += 1;
        let wait = asked.max(outbox::backoff::wait(tries, rand::random()));
        let again_in_s = wait.as_secs_f64();
        tracing::warn!(part, error = format!("{error:#}"), again_in_s, "cannot start yet; trying again");
        readiness.set(part, false, "cannot be reached; trying again");
        tokio::time::sleep(wait).await;
    }
}

struct Connected {
    slack: Option<Arc<SlackPlatform>>,
    discord: Option<Arc<DiscordPlatform>>,
}

/// Connects with every configured platform, however long they cannot be reached.
async fn connect_patiently(config: &Config, clock: &Clock, readiness: &Readiness) -> anyhow::Result<Connected> {
    let slack = persevere(SLACK, readiness, || connect_slack(config, clock));
    let discord = persevere(DISCORD, readiness, || connect_discord(config, clock));
    let (slack, discord) = tokio::try_join!(slack, discord)?;
    Ok(Connected { slack, discord })
}

/// Connects with every configured platform, or says at once why not.
async fn connect(config: &Config, clock: &Clock) -> anyhow::Result<Connected> {
    let (slack, discord) = tokio::try_join!(connect_slack(config, clock), connect_discord(config, clock))?;
    Ok(Connected { slack, discord })
}

async fn connect_slack(config: &Config, clock: &Clock) -> anyhow::Result<Option<Arc<SlackPlatform>>> {
    let Some(slack) = &config.slack else { return Ok(None) };
    let settings = slack_settings(slack, config)?;
    Ok(Some(SlackPlatform::connect(settings, clock.clone()).await.context("Slack")?))
}

async fn connect_discord(config: &Config, clock: &Clock) -> anyhow::Result<Option<Arc<DiscordPlatform>>> {
    let Some(discord) = &config.discord else { return Ok(None) };
    let settings = discord_settings(discord, config)?;
    Ok(Some(DiscordPlatform::connect(settings, clock.clone()).await.context("Discord")?))
}

fn slack_settings(slack: &SlackConfig, config: &Config) -> anyhow::Result<SlackSettings> {
    let (mode, app_token, signing_secret) = match &slack.connection {
        SlackConnection::Socket { app_token } => (SlackMode::Socket, Some(app_token.clone()), None),
        SlackConnection::Http { signing_secret } => (SlackMode::Http, None, Some(signing_secret.clone())),
    };
    Ok(SlackSettings {
        bot_token: slack.bot_token.clone(),
        app_token,
        signing_secret,
        api_url: other_base(&slack.api_url, SLACK_API_URL)?,
        mode,
        timeout: config.timing.call_timeout,
        listen_to_bots: slack.listen_to_bots.clone(),
        reconnect_wait: Duration::from_secs(1),
        silence: config.timing.silence,
    })
}

fn discord_settings(discord: &DiscordConfig, config: &Config) -> anyhow::Result<DiscordSettings> {
    Ok(DiscordSettings {
        token: discord.token.clone(),
        api_url: other_base(&discord.api_url, DISCORD_API_URL)?,
        timeout: config.timing.call_timeout,
        guilds: discord.guilds.clone(),
        listen_to_bots: discord.listen_to_bots.clone(),
        silence: config.timing.silence,
    })
}

fn other_base(url: &str, usual: &str) -> anyhow::Result<Option<url::Url>> {
    Ok(if url == usual { None } else { Some(url.parse()?) })
}

fn people(config: &Config, platform: PlatformName) -> Vec<(String, &'static str)> {
    use crate::domain::permission::Principal;
    let on_desk = config.desk.agents.iter().chain(&config.desk.admins).filter_map(|principal| match principal {
        Principal::Person(person) => Some((person, "on the desk")),
        Principal::Group(_) => None,
    });
    let linked = config.people.iter().flat_map(|person| &person.accounts).map(|account| (account, "in [[people]]"));
    let all = on_desk.chain(linked).filter(|(person, _)| person.platform == platform);
    all.map(|(person, what)| (person.id.clone(), what)).collect()
}

fn rules(config: &Config, slack: Option<&SlackPlatform>) -> anyhow::Result<Rules> {
    let mut triage = Vec::new();
    if let (Some(slack), Some(channel)) = (slack, config.slack.as_ref().and_then(|slack| slack.triage_channel.clone()))
    {
        triage.push(Place { tenant: slack.tenant(), at: Conversation::Channel { channel } });
    }
    if let Some(there) = config.discord.as_ref().and_then(|discord| discord.triage.as_ref()) {
        let tenant = Tenant { platform: PlatformName::Discord, id: there.guild.clone() };
        triage.push(Place { tenant, at: Conversation::Channel { channel: there.channel.clone() } });
    }
    let days = i64::from(config.desk.auto_close_days);
    Ok(Rules {
        key_prefix: config.desk.key_prefix.clone(),
        burst_window: SignedDuration::try_from(config.intake.burst_window)?,
        greeting_filter: config.intake.greeting_filter,
        direct_window: SignedDuration::try_from(config.intake.direct_window)?,
        auto_close: (days > 0).then(|| SignedDuration::from_hours(24 * days)),
        triage,
    })
}

/// Runs a task until it is stopped. A panic in it is logged, shows in the readiness of `part`, and it is begun again.
fn supervise<F>(
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
    readiness: &Readiness,
    part: &'static str,
    begin: impl Fn() -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, readiness) = (stop.clone(), readiness.clone());
    tasks.spawn(async move {
        while AssertUnwindSafe(begin()).catch_unwind().await.is_err() && !stop.is_cancelled() {
            tracing::error!(part, "a task panicked; it is begun again");
            readiness.set(part, false, "a part of it failed and is begun again");
            tokio::time::sleep(BEGIN_AGAIN_AFTER).await;
        }
    });
}

/// Receives until stopped. A platform that gives up (a revoked token) is started again, so that the other goes on.
async fn receive(platform: Arc<dyn Platform>, intake: Intake, readiness: Readiness, stop: CancellationToken) {
    let name = platform.name().as_str();
    let show = async {
        loop {
            let connected = platform.is_connected();
            let detail = match (connected, platform.stands_by()) {
                (true, true) => "standing by: another replica receives",
                (true, false) => "connected",
                (false, _) => "not connected",
            };
            readiness.set(name, connected, detail);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let run = async {
        while !stop.is_cancelled() {
            if let Err(error) = platform.run(intake.clone(), stop.clone()).await {
                tracing::error!(
                    platform = name,
                    error = format!("{error:#}"),
                    "no more events come in; trying again soon"
                );
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(RESTART_AFTER) => {}
            }
        }
    };
    tokio::select! {
        () = show => {}
        () = run => {}
    }
}

/// Turns as leases in the database.
struct Leases {
    store: Arc<dyn Store>,
    worker: WorkerId,
    lasting: Duration,
}

#[async_trait]
impl Turn for Leases {
    async fn hold(&self, name: &str) -> Result<bool, StoreError> {
        self.store.hold(name, &self.worker, self.lasting).await
    }

    async fn let_go(&self, name: &str) {
        if let Err(error) = self.store.let_go(name, &self.worker).await {
            tracing::warn!(name, %error, "a lease could not be given back; it ends by itself");
        }
    }

    fn lasting(&self) -> Duration {
        self.lasting
    }
}

async fn watch_roster(
    platform: Arc<dyn Platform>,
    intake: Intake,
    every: Duration,
    mut is_known: bool,
    stop: CancellationToken,
) {
    loop {
        let wait = if is_known { every } else { ROSTER_AGAIN_AFTER };
        tokio::select! {
            () = stop.cancelled() => return,
            () = intake.clock().sleep(wait) => is_known = refresh_roster(platform.as_ref(), &intake).await,
        }
    }
}

/// Asks who is in which group; says whether every group could be read.
async fn refresh_roster(platform: &dyn Platform, intake: &Intake) -> bool {
    let mut is_known = true;
    for group in intake.roster().groups_on(platform.name()) {
        match platform.members(&group.id).await {
            Ok(members) => intake.set_members(platform.name(), &group.id, members),
            Err(error) => {
                is_known = false;
                tracing::warn!(
                    platform = %platform.name(), group = group.id, %error,
                    "who is in this group cannot be read; what was last known stays"
                );
            }
        }
    }
    is_known
}

async fn fire_timers(store: Arc<dyn Store>, intake: Intake, stop: CancellationToken) {
    loop {
        match store.due_timers(intake.clock().now(), 100).await {
            Ok(due) => {
                for (ticket, timer, at) in due {
                    let event = Event {
                        key: DedupeKey::timer(ticket, timer, at),
                        at,
                        what: EventKind::TimerFired { ticket, timer },
                    };
                    if let Err(error) = intake.handle(event).await {
                        tracing::warn!(%error, "a timer has to wait");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "timers cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = intake.clock().sleep(TIMERS_EVERY) => {}
        }
    }
}

async fn tidy(
    store: Arc<dyn Store>,
    clock: Clock,
    privacy: PrivacyConfig,
    roster: Arc<Roster>,
    stop: CancellationToken,
) {
    let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
    loop {
        if let Ok(then) = clock.now().checked_sub(days(privacy.keep_keys_days))
            && let Err(error) = store.tidy(then).await
        {
            tracing::warn!(%error, "old keys cannot be forgotten");
        }
        if privacy.keep_tickets_days > 0
            && let Ok(then) = clock.now().checked_sub(days(privacy.keep_tickets_days))
        {
            tokio::select! {
                () = stop.cancelled() => return,
                ended = expire(&store, &clock, &roster, then) => {
                    if let Err(error) = ended {
                        tracing::warn!(%error, "words that were kept long enough are still there; trying again tomorrow");
                    }
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(Duration::from_secs(24 * 3600)) => {}
        }
    }
}

/// Takes words and names out of what ended before `then`, a few tickets a minute: the platforms have to follow.
async fn expire(
    store: &Arc<dyn Store>,
    clock: &Clock,
    roster: &Arc<Roster>,
    then: Timestamp,
) -> Result<(), StoreError> {
    for dead in store.dead_events(u32::MAX).await?.iter().filter(|dead| dead.buried_at < then) {
        tracing::warn!(key = dead.key.as_str(), "a dead event was kept long enough and is gone");
        store.exhume(&dead.key).await?;
    }
    let mut above = TicketId(0);
    let mut is_any = false;
    while let Some(last) = erase::expired(store, clock, roster, then, above).await? {
        (above, is_any) = (last, true);
        clock.sleep(EXPIRE_EVERY).await;
    }
    if is_any && !store.scrub().await? {
        tracing::info!("what was deleted is overwritten as soon as nobody reads it any more");
    }
    Ok(())
}

async fn ping(store: Arc<dyn Store>, readiness: Readiness, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PING_EVERY) => {}
        }
        match store.ping().await {
            Ok(()) => readiness.set("database", true, "answers"),
            Err(error) => readiness.set("database", false, error.to_string()),
        }
    }
}

async fn sample(
    platforms: Vec<Arc<dyn Platform>>,
    store: Arc<dyn Store>,
    readiness: Readiness,
    clock: Clock,
    stop: CancellationToken,
) {
    loop {
        metrics::ready(readiness.all());
        for platform in &platforms {
            metrics::connected(platform.name(), platform.is_connected());
            metrics::behind(platform.name(), platform.is_behind());
        }
        // While the database is away, its last numbers stand; that it is away shows in the readiness.
        if let Ok(counts) = store.counts().await {
            metrics::outbox(counts.waiting, counts.leased, counts.failed);
            metrics::outbox_age(counts.oldest_waiting_at, clock.now());
            metrics::dead_events_kept(counts.dead);
            metrics::tickets_open(counts.open);
        }
        metrics::upkeep();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SAMPLE_EVERY) => {}
        }
    }
}
