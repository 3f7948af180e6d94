//! The composition root: starts the parts, supervises them, drains and stops them. Only this module knows all others.

mod connect;
mod copies;
pub mod knowledge;
mod roster;
mod runner;
mod upkeep;

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::connect::{connect_discord, connect_slack, discord_settings, persevere, slack_settings};
use self::roster::{Reading, refresh_roster};
use self::runner::{PlatformRunner, Platforms, TENANT};
use self::upkeep::{fire_timers, ping, sample, tell_the_desk, tidy};
use crate::clock::Clock;
use crate::clock::real;
use crate::config::Config;
use crate::desk::{services, tickets};
use crate::domain::ids::{Conversation, Place, PlatformName, Tenant};
use crate::domain::permission::{Principal, Roster};
use crate::domain::right::{Holder, Right};
use crate::domain::rules::Rules;
use crate::health::Health;
use crate::http::{self, Port};
use crate::intake::Intake;
use crate::metrics;
use crate::outbox::local::{Calls, LocalDispatcher};
use crate::platform::discord::DiscordPlatform;
use crate::platform::slack::SlackPlatform;
use crate::platform::{Finding, Leases, Platform as _, Verdict, Wanted};
use crate::store::postgres::{PostgresSettings, PostgresStore};
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{Store, StoreError, WorkerId};

/// How long work under way may take to finish after a stop was requested.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait before restarting a task that panicked.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Whether the dispatchers obey the platforms' limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// The documented limits are obeyed.
    Kept,
    /// Only waits that a platform asks for are obeyed. For benchmarks of the program against a stub.
    Lifted,
}

/// A started program: it works until [`App::stop`], which finishes what is under way.
pub struct App {
    store: Arc<dyn Store>,
    intake: Intake,
    knowledge: Arc<knowledge::Knowledge>,
    platforms: Platforms,
    health: Health,
    address: SocketAddr,
    health_address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl App {
    /// Starts everything that the settings ask for, with this clock. Returns once the database is open and one platform
    /// is connected, or is retried because it cannot be reached. Each platform starts, fails and recovers on its own.
    ///
    /// # Errors
    /// If an operator must fix something before the program can run: a port is taken, the database must not be used, or
    /// every platform has refused the bot.
    pub async fn start(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        Self::start_with(config, clock, Limits::Kept).await
    }

    /// Like [`App::start`], with the platforms' limits obeyed or lifted.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(config: &Config, clock: Clock, limits: Limits) -> anyhow::Result<Self> {
        if let Some(missing) = config.platforms_missing() {
            bail!("{missing}");
        }
        metrics::install();
        // The port is opened first: that fails most often, and nothing has been changed yet.
        let takes_requests = config.slack.as_ref().is_some_and(|slack| slack.connection.is_http());
        let own = config.http.health(takes_requests);
        let mut listeners = Vec::new();
        if takes_requests {
            listeners.push((listen(config.http.listen, "http.listen").await?, true));
        }
        listeners.push((
            listen(own, if own == config.http.listen { "http.listen" } else { "http.health_listen" }).await?,
            false,
        ));
        let address = listeners[0].0.local_addr()?;
        let health_address = listeners[listeners.len() - 1].0.local_addr()?;
        if takes_requests {
            tracing::info!(%health_address, "listening for requests for health and metrics");
        }
        let serves = if takes_requests { "requests of Slack" } else { "health and metrics" };
        tracing::info!(%address, serves, "listening");
        let configured = [(SLACK, config.slack.is_some()), (DISCORD, config.discord.is_some()), (DATABASE, true)];
        let health = Health::new(configured.iter().filter(|(_, is)| *is).map(|(name, _)| *name));
        let port = Port::new(health.clone(), takes_requests);
        let stop = CancellationToken::new();
        // If this function returns early, the guard stops the tasks, so that the port is closed, too.
        let ends_early = stop.clone().drop_guard();
        let mut tasks = JoinSet::new();
        for (listener, is_public) in listeners {
            let (port, http_stop) = (port.clone(), stop.clone());
            let router = if is_public { http::public_router(port) } else { http::own_router(port) };
            tasks.spawn(async move {
                if let Err(error) = http::serve(listener, router, http_stop).await {
                    let address = if is_public { address } else { health_address };
                    tracing::error!(%address, %error, "an HTTP port has failed: it answers nothing until a restart");
                }
            });
        }
        let store = persevere(DATABASE, &health, || open_store(config, clock.clone())).await?;
        health.set(DATABASE, true, "answers");
        persevere(DATABASE, &health, || async { Ok(copies::skip_if_copied(&store, clock.now()).await?) }).await?;
        let record = Arc::clone(&store);
        port.set_write_probe(Arc::new(move || {
            let record = Arc::clone(&record);
            Box::pin(async move { record.ping().await.is_ok() })
        }));
        let known = store.remembered(TENANT).await.unwrap_or_default();
        let rules = rules(config, known.map(slack_tenant).as_ref());
        let intake = Intake::new(Arc::clone(&store), clock.clone(), rules, config.roster());
        let platforms = Platforms::default();
        let runner = Arc::new(PlatformRunner {
            config: config.clone(),
            store: Arc::clone(&store),
            intake: intake.clone(),
            health: health.clone(),
            worker: WorkerId::new(),
            limits,
            platforms: platforms.clone(),
            port,
            stop: stop.clone(),
        });
        let (record, timing, worker) = (Arc::clone(&store), runner::timing(config), runner.worker.clone());
        let knowledge = Arc::new(knowledge::Knowledge::new(config, &store).await?);
        let (kept, halt) = (Arc::clone(&knowledge), stop.clone());
        let door = intake.clone();
        supervise(&mut tasks, &stop, &health, DATABASE, move || {
            let door = door.clone();
            Arc::clone(&kept).follow(move |has_articles| door.knows_articles(has_articles), halt.clone())
        });
        let local =
            LocalDispatcher::new(record, intake.clone(), Arc::clone(&knowledge) as Arc<dyn Calls>, timing, worker);
        let halt = stop.clone();
        supervise(&mut tasks, &stop, &health, DATABASE, move || local.clone().run(halt.clone()));
        let (firsts, mut first) = mpsc::unbounded_channel();
        let names = [(PlatformName::Slack, config.slack.is_some()), (PlatformName::Discord, config.discord.is_some())];
        let names: Vec<PlatformName> = names.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        for name in &names {
            metrics::start_counters(*name);
            let (runner, firsts, name) = (Arc::clone(&runner), firsts.clone(), *name);
            tasks.spawn(async move { runner.run(name, &firsts).await });
        }
        let (privacy, roster) = (config.privacy.clone(), Arc::new(config.roster()));
        let (record, door, halt) = (Arc::clone(&store), intake.clone(), stop.clone());
        supervise(&mut tasks, &stop, &health, "database", move || {
            fire_timers(Arc::clone(&record), door.clone(), halt.clone())
        });
        let (watch, record, halt) = (clock.clone(), Arc::clone(&store), stop.clone());
        supervise(&mut tasks, &stop, &health, "database", move || {
            tidy(Arc::clone(&record), clock.clone(), privacy.clone(), Arc::clone(&roster), halt.clone())
        });
        let (record, known, halt) = (Arc::clone(&store), health.clone(), stop.clone());
        supervise(&mut tasks, &stop, &health, "database", move || {
            ping(Arc::clone(&record), known.clone(), halt.clone())
        });
        let (here, record, known, halt) = (platforms.clone(), Arc::clone(&store), health.clone(), stop.clone());
        supervise(&mut tasks, &stop, &health, "database", move || {
            sample(here.clone(), Arc::clone(&record), known.clone(), watch.clone(), halt.clone())
        });
        let (door, known, halt) = (intake.clone(), health.clone(), stop.clone());
        supervise(&mut tasks, &stop, &health, "database", move || {
            tell_the_desk(door.clone(), known.clone(), halt.clone())
        });
        let mut refused = Vec::new();
        while refused.len() < names.len() {
            match first.recv().await {
                Some(Err(error)) => refused.push(error),
                Some(Ok(())) | None => break,
            }
        }
        if refused.len() == names.len() {
            stop.cancel();
            drain(&mut tasks).await;
            store.close().await;
            let all = refused.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("; ");
            bail!("{all}");
        }
        tracing::info!(%address, "started");
        drop(ends_early.disarm());
        Ok(Self { store, intake, knowledge, platforms, health, address, health_address, stop, tasks })
    }

    /// Returns the database that the program works on. It is closed when the program stops.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the index of articles.
    #[must_use]
    pub const fn knowledge(&self) -> &Arc<knowledge::Knowledge> {
        &self.knowledge
    }

    /// Returns the door through which every event enters.
    #[must_use]
    pub const fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Returns the address for Slack's HTTP events or, without them, for health checks.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address for health checks and metrics.
    #[must_use]
    pub const fn health_address(&self) -> SocketAddr {
        self.health_address
    }

    /// Returns the health of all parts.
    #[must_use]
    pub const fn health(&self) -> &Health {
        &self.health
    }

    /// Whether events may have been missed on a connected platform and are still to be read.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.platforms.all().iter().any(|platform| platform.is_behind())
    }

    /// Returns how many events of a platform have been received and fully handled since the start.
    #[must_use]
    pub fn received(&self, platform: PlatformName) -> u64 {
        self.platforms.all().iter().filter(|known| known.name() == platform).map(|known| known.received()).sum()
    }

    /// Accepts no more events, finishes the work under way, and stops.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.stop.cancel();
        drain(&mut self.tasks).await;
        self.store.close().await;
        tracing::info!("stopped");
    }
}

async fn listen(on: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(on).await.with_context(|| format!("cannot listen on {on} ({key})"))
}

/// Tests the settings against the platforms and the database.
///
/// # Errors
/// If the test itself fails.
pub async fn check(config: &Config) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let bad = |what: String, mend: &str| Finding { verdict: Verdict::Bad, what, mend: mend.to_owned() };
    findings.extend(config.warnings().into_iter().map(|what| Finding {
        verdict: Verdict::Degraded,
        what,
        mend: String::new(),
    }));
    let is_missing = config.database.url.sqlite_path().is_some_and(|path| matches!(path.try_exists(), Ok(false)));
    // A check creates nothing.
    let opened = if is_missing { None } else { Some(open_store(config, Clock::system()).await) };
    match opened {
        None => {
            let what = format!("database {}: not there yet; the bot creates it when it starts", config.database.url);
            findings.push(Finding { verdict: Verdict::Good, what, mend: String::new() });
        }
        Some(Ok(store)) => {
            let total = tickets::record::total(&mut *store.reader().await?).await?;
            let what = format!("database {}: {total} tickets", config.database.url);
            findings.push(Finding { verdict: Verdict::Good, what, mend: String::new() });
            findings.push(knowledge::check(config, &store).await?);
            store.close().await;
        }
        // A running bot holds the lock of the file.
        Some(Err(error)) if matches!(error.downcast_ref(), Some(OpenError::Locked(_))) => {
            let what = format!("database {}: in use by a running bot", config.database.url);
            findings.push(Finding { verdict: Verdict::Good, what, mend: String::new() });
        }
        Some(Err(error)) => findings.push(bad(format!("database {}: {error}", config.database.url), "")),
    }
    let roster = config.roster();
    // A database that cannot be read was reported above.
    let followers = match open_to_read(config).await {
        Ok(store) => {
            let followers = services::record::following(&mut *store.reader().await?, &config.services).await?;
            store.close().await;
            followers
        }
        Err(_) => Vec::new(),
    };
    let shared: Vec<Place> = followers.iter().filter(|place| config.outages.takes_shared(place)).cloned().collect();
    let mentions_everybody = !roster.holders(Right::OutageMentionAll).is_empty();
    let followers_on =
        |name| followers.iter().filter(|place: &&Place| place.platform() == name).cloned().collect::<Vec<_>>();
    if let Some(missing) = config.platforms_missing() {
        findings.push(bad("no platform is configured".to_owned(), missing));
    }
    findings.push(Finding { verdict: Verdict::Good, what: "rights".to_owned(), mend: rights(&roster) });
    let groups = |name| roster.groups_on(name).into_iter().map(|group| group.id).collect();
    if let Some(slack) = &config.slack {
        match SlackPlatform::connect(slack_settings(slack, config)?, Clock::system()).await {
            Ok(platform) => {
                let channels = slack.triage_channel.iter().map(|id| (id.clone(), TRIAGE)).collect();
                let wanted = Wanted {
                    channels,
                    groups: groups(PlatformName::Slack),
                    people: people(config, PlatformName::Slack),
                    followers: followers_on(PlatformName::Slack),
                    shared: shared.clone(),
                    guarded: config.guard.watched_on(PlatformName::Slack),
                    mentions_everybody,
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
                    followers: followers_on(PlatformName::Discord),
                    shared,
                    guarded: config.guard.watched_on(PlatformName::Discord),
                    mentions_everybody,
                };
                findings.extend(platform.check(&wanted).await);
            }
            Err(error) => findings.push(bad(format!("Discord: {error:#}"), "Check discord.token and the network.")),
        }
    }
    Ok(findings)
}

/// Opens the database for reading and writing, beside a running bot if necessary.
///
/// # Errors
/// If there is no database, or it cannot be written to.
pub async fn open_beside(config: &Config, clock: Clock) -> anyhow::Result<Arc<dyn Store>> {
    let opened = async {
        anyhow::Ok(match config.database.url.sqlite_path() {
            Some(path) => SqliteStore::open_beside(path, clock).await? as Arc<dyn Store>,
            None => PostgresStore::open(&postgres_settings(config)).await?,
        })
    };
    opened.await.map_err(|error| about_database(error, config, "changed"))
}

/// Creates an intake for a command, with the rules and the roster of the settings, as the bot has it. Asks the
/// platforms for the bot's identity and for the members of groups. Also returns whether every group could be read.
///
/// # Errors
/// If no platform is configured, or one does not answer.
pub async fn intake_for_command(
    config: &Config,
    store: Arc<dyn Store>,
    clock: Clock,
) -> anyhow::Result<(Intake, bool)> {
    if let Some(missing) = config.platforms_missing() {
        bail!("{missing}");
    }
    let slack = async {
        match &config.slack {
            Some(slack) => connect_slack(slack, config, &clock).await.map(Some),
            None => Ok(None),
        }
    };
    let discord = async {
        match &config.discord {
            Some(discord) => connect_discord(discord, config, &clock).await.map(Some),
            None => Ok(None),
        }
    };
    let (slack, discord) = tokio::try_join!(slack, discord)?;
    let tenant = slack.as_ref().map(|slack| slack.tenant());
    let intake = Intake::new(store, clock.clone(), rules(config, tenant.as_ref()), config.roster());
    let mut is_known = true;
    if let Some(slack) = &slack {
        is_known &= refresh_roster(slack.as_ref(), &intake).await == Reading::Whole;
    }
    if let Some(discord) = &discord {
        is_known &= refresh_roster(discord.as_ref(), &intake).await == Reading::Whole;
    }
    Ok((intake, is_known))
}

/// Opens the database of the settings and brings its schema up to date.
///
/// # Errors
/// If the database is away, or belongs to another process or program.
pub async fn open_store(config: &Config, clock: Clock) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match config.database.url.sqlite_path() {
        Some(path) => SqliteStore::open_with_pause(path, clock, config.timing.take_over_pause).await?,
        None => PostgresStore::open(&postgres_settings(config)).await?,
    })
}

/// Waits until the tasks have ended, which were told to stop, and aborts those that take too long.
async fn drain(tasks: &mut JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, all).await.is_err() {
        tracing::warn!("stopping: some work did not finish in time; it continues at the next start");
        tasks.abort_all();
    }
}

/// Opens the database read-only, beside a running bot if necessary.
///
/// # Errors
/// If there is no database, or it cannot be read.
pub async fn open_to_read(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let opened = async {
        anyhow::Ok(match config.database.url.sqlite_path() {
            Some(path) => SqliteStore::open_read_only(path).await? as Arc<dyn Store>,
            None => PostgresStore::open_read_only(&postgres_settings(config)).await?,
        })
    };
    opened.await.map_err(|error| about_database(error, config, "read"))
}

/// Names the database, unless the error does so itself.
fn about_database(error: anyhow::Error, config: &Config, what: &str) -> anyhow::Error {
    if matches!(error.downcast_ref(), Some(OpenError::Missing(_))) {
        return error;
    }
    error.context(format!("the tickets in {} cannot be {what}", config.database.url))
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
    let of_rights = config.rights.holders.values().flatten().filter_map(Holder::principal);
    let guard = config.guard.staff.iter().chain(&config.guard.exempt);
    let named =
        config.desk.agents.iter().chain(&config.desk.admins).chain(&config.desk.on_call).chain(guard).chain(of_rights);
    let on_desk = named.filter_map(|principal| match principal {
        Principal::Person(person) => Some((person, "on the desk")),
        Principal::Group(_) => None,
    });
    let linked = config.people.iter().flat_map(|person| &person.accounts).map(|account| (account, "in [[people]]"));
    let all = on_desk.chain(linked).filter(|(person, _)| person.platform == platform);
    all.map(|(person, what)| (person.id.clone(), what)).collect()
}

/// Lists who has which right, one line each, for `check`.
fn rights(roster: &Roster) -> String {
    let list = |principals: &[Principal]| principals.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let nobody = |list: String| if list.is_empty() { "nobody".to_owned() } else { list };
    let mut lines =
        vec![format!("agents: {}", nobody(list(&roster.agents))), format!("admins: {}", nobody(list(&roster.admins)))];
    for right in Right::ALL {
        let admins = right.is_admins().then_some(Holder::Admins);
        let holders =
            admins.iter().chain(roster.holders(*right).iter().filter(|holder| Some(*holder) != admins.as_ref()));
        let holders = holders.map(ToString::to_string).collect::<Vec<_>>().join(", ");
        lines.push(format!("{}: {}", right.as_str(), nobody(holders)));
    }
    lines.join("\n")
}

/// Returns a Slack workspace by its id.
fn slack_tenant(id: String) -> Tenant {
    Tenant { platform: PlatformName::Slack, id }
}

/// Returns the desk's rules. `slack` is the workspace, if it is known.
fn rules(config: &Config, slack: Option<&Tenant>) -> Rules {
    let mut triage = Vec::new();
    if let (Some(tenant), Some(channel)) = (slack, config.slack.as_ref().and_then(|slack| slack.triage_channel.clone()))
    {
        triage.push(Place { tenant: tenant.clone(), at: Conversation::Channel { channel } });
    }
    if let Some(there) = config.discord.as_ref().and_then(|discord| discord.triage.as_ref()) {
        let tenant = Tenant { platform: PlatformName::Discord, id: there.guild.clone() };
        triage.push(Place { tenant, at: Conversation::Channel { channel: there.channel.clone() } });
    }
    Rules {
        desk: config.desk.clone(),
        intake: config.intake.clone(),
        knowledge: config.knowledge.clone(),
        outages: config.outages.clone(),
        guard: config.guard.clone(),
        services: config.services.clone(),
        triage,
    }
}

/// Runs a task until it is stopped. A panic is logged and shown in the health of `part`, and the task is restarted.
fn supervise<F>(
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
    health: &Health,
    part: &'static str,
    begin: impl Fn() -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, health) = (stop.clone(), health.clone());
    tasks.spawn(async move {
        while AssertUnwindSafe(begin()).catch_unwind().await.is_err() && !stop.is_cancelled() {
            tracing::error!(part, "a task panicked and is restarted");
            health.set(part, false, "a part of it failed and is begun again");
            real::sleep(BEGIN_AGAIN_AFTER).await;
        }
    });
}

/// Named leases in the database, as [`Leases`].
struct DatabaseLeases {
    store: Arc<dyn Store>,
    worker: WorkerId,
    duration: Duration,
}

#[async_trait]
impl Leases for DatabaseLeases {
    async fn take_lease(&self, name: &str) -> Result<bool, StoreError> {
        self.store.take_lease(name, &self.worker, self.duration).await
    }

    async fn release_lease(&self, name: &str) {
        if let Err(error) = self.store.release_lease(name, &self.worker).await {
            tracing::warn!(name, %error, "a lease could not be released; it expires by itself");
        }
    }

    fn lease_duration(&self) -> Duration {
        self.duration
    }
}
