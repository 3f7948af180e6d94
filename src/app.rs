//! The composition root: starts the parts, supervises them, drains and stops them. The only room that knows everyone.

mod connect;
mod roster;
mod upkeep;

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::connect::{
    Connected, connect, connect_patiently, discord_settings, persevere, slack_settings, wait_in_public,
};
use self::roster::{Reading, learn_roster, refresh_roster, watch_roster};
use self::upkeep::{fire_timers, ping, sample, tidy};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::{Conversation, Place, PlatformName, Tenant};
use crate::domain::rules::Rules;
use crate::http::{self, Readiness};
use crate::intake::Intake;
use crate::metrics;
use crate::outbox::{self, Dispatcher};
use crate::platform::discord::DiscordPlatform;
use crate::platform::slack::SlackPlatform;
use crate::platform::{Finding, Platform, Turn, Verdict, Wanted};
use crate::store::postgres::{PostgresSettings, PostgresStore};
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{Store, StoreError, WorkerId};

/// How long what is under way may take when the program is asked to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait before a task that panicked is begun again.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_secs(1);
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
        let known =
            join_all(platforms.iter().map(|platform| learn_roster(platform.as_ref(), &intake, &readiness))).await;
        waiting.end().await;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (platform, reading) in platforms.iter().zip(known) {
            metrics::expect(platform.name());
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
                watch_roster(Arc::clone(&here), door.clone(), every, reading, halt.clone())
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
        is_known &= refresh_roster(slack.as_ref(), &intake).await == Reading::Whole;
    }
    if let Some(discord) = &discord {
        is_known &= refresh_roster(discord.as_ref(), &intake).await == Reading::Whole;
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
