//! Runs one platform from its start to its end: connects, however long that takes, then receives and delivers. A
//! failure of one platform does not affect the other.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connect::{connect_discord, connect_slack};
use super::roster::{PlatformProver, learn_roster, watch_roster};
use super::{DatabaseLeases, Limits, rules, supervise};
use crate::clock::real;
use crate::config::Config;
use crate::desk::tickets;
use crate::domain::ids::{Place, PlatformName, Tenant, TicketId};
use crate::health::{Health, Kind};
use crate::http::Port;
use crate::intake::Intake;
use crate::outbox::{self, Dispatcher};
use crate::platform::{Platform, TokenRefused, Unreached};
use crate::store::{Store, StoreError, WorkerId};

/// The name under which the workspace of Slack's token is stored.
pub(super) const TENANT: &str = "slack:tenant";
/// How long to wait before restarting a platform that gave up.
const RESTART_AFTER: Duration = Duration::from_secs(30);
/// The longest wait before connecting again to a platform that refused the bot, in real time.
const REFUSED_AGAIN_AFTER: Duration = Duration::from_secs(120);
/// How long a connection may be missing before a condition is raised, in the clock's time.
const DISCONNECTED_FOR: Duration = Duration::from_secs(60);
/// How many cards are queued in one transaction.
const CARDS_AT_ONCE: u32 = 200;

/// The connected platforms. Clones share the same list.
#[derive(Clone, Default)]
pub(super) struct Platforms {
    list: Arc<RwLock<Vec<Arc<dyn Platform>>>>,
}

impl Platforms {
    /// Returns all of them.
    pub(super) fn all(&self) -> Vec<Arc<dyn Platform>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, platform: Arc<dyn Platform>) {
        self.list.write().unwrap_or_else(PoisonError::into_inner).push(platform);
    }
}

/// The parts of the program that the task of every platform needs.
pub(super) struct PlatformRunner {
    pub(super) config: Config,
    pub(super) store: Arc<dyn Store>,
    pub(super) intake: Intake,
    pub(super) health: Health,
    pub(super) worker: WorkerId,
    pub(super) limits: Limits,
    pub(super) platforms: Platforms,
    pub(super) port: Port,
    pub(super) stop: CancellationToken,
}

/// A connected platform, and the routes for its requests, if they arrive at the bot's port.
type Connected = (Arc<dyn Platform>, Option<axum::Router>);

/// The result of the first try to connect. `Ok`: the platform is connected, or could not be reached and is tried again.
/// An error: the platform has refused the bot.
pub(super) type First = anyhow::Result<()>;

/// Returns the time limits of deliveries.
pub(super) fn timing(config: &Config) -> outbox::Timing {
    outbox::Timing {
        lease: config.timing.lease,
        call_timeout: config.timing.call_timeout,
        take_over_pause: config.timing.take_over_pause,
        retry_limit: config.timing.retry_limit,
        gather: config.timing.gather,
    }
}

impl PlatformRunner {
    /// Runs a platform until the program stops.
    pub(super) async fn run(self: Arc<Self>, name: PlatformName, firsts: &UnboundedSender<First>) {
        let served = async {
            let (platform, routes) = self.connect(name, firsts).await;
            // This fails once `App::start` has returned, since that drops the receiver.
            let _ = firsts.send(Ok(()));
            self.intake.ask_for_proof(name, Arc::new(PlatformProver(Arc::clone(&platform))));
            let reading = learn_roster(platform.as_ref(), &self.intake, &self.health).await;
            if let Some(routes) = routes {
                self.port.set_routes(routes);
            }
            (platform, reading)
        };
        let (platform, reading) = tokio::select! {
            served = served => served,
            () = self.stop.cancelled() => return,
        };
        self.platforms.add(Arc::clone(&platform));
        let (config, timing) = (&self.config, timing(&self.config));
        let (store, health) = (Arc::clone(&self.store), self.health.clone());
        let dispatcher =
            Dispatcher::new(Arc::clone(&platform), store, self.intake.clone(), timing, self.worker.clone(), health);
        let dispatcher = if self.limits == Limits::Lifted { dispatcher.without_limits() } else { dispatcher };
        let (mut tasks, part) = (JoinSet::new(), name.as_str());
        let (stop, health) = (&self.stop, &self.health);
        let halt = stop.clone();
        supervise(&mut tasks, stop, health, part, move || dispatcher.clone().run(halt.clone()));
        let (runner, here) = (Arc::clone(&self), Arc::clone(&platform));
        supervise(&mut tasks, stop, health, part, move || receive(Arc::clone(&runner), Arc::clone(&here)));
        let (here, door, every, halt) =
            (Arc::clone(&platform), self.intake.clone(), config.desk.roster_refresh, stop.clone());
        let board = self.health.clone();
        supervise(&mut tasks, stop, health, part, move || {
            watch_roster(Arc::clone(&here), door.clone(), board.clone(), every, reading, halt.clone())
        });
        let runner = Arc::clone(&self);
        supervise(&mut tasks, stop, health, part, move || show_missing_cards(Arc::clone(&runner), name));
        while tasks.join_next().await.is_some() {}
    }

    /// Connects, however long that takes. The waits are real time, because nobody knows when the platform comes back.
    async fn connect(&self, name: PlatformName, firsts: &UnboundedSender<First>) -> Connected {
        let (mut tries, mut is_first) = (0, true);
        loop {
            let error = match self.attempt(name).await {
                Ok(connected) => {
                    self.health.clear(name, Kind::Token);
                    self.health.clear(name, Kind::Connection);
                    return connected;
                }
                Err(error) => error,
            };
            let unreached = error.downcast_ref::<Unreached>();
            let is_token = error.downcast_ref::<TokenRefused>().is_some();
            tries += 1;
            let backoff = outbox::backoff::wait(tries, real::random());
            let (wait, told) = match (unreached, is_token) {
                (Some(unreached), _) => (backoff.max(unreached.retry_after.unwrap_or_default()), CANNOT_BE_REACHED),
                (None, true) => (REFUSED_AGAIN_AFTER.min(backoff * 4), TOKEN_IS_REFUSED),
                (None, false) => (REFUSED_AGAIN_AFTER.min(backoff * 4), REFUSES),
            };
            let (part, again_in_s) = (name.as_str(), wait.as_secs_f64());
            let shown = format!("{error:#}");
            if unreached.is_some() {
                tracing::warn!(part, error = shown, again_in_s, "cannot start yet; trying again");
            } else {
                tracing::error!(
                    part,
                    error = shown,
                    again_in_s,
                    "the platform refuses the bot: fix its token or settings, then restart; trying again"
                );
            }
            self.health.set(part, false, told);
            self.note(name, if is_token { Kind::Token } else { Kind::Connection }, told);
            let is_refused = unreached.is_none();
            if std::mem::take(&mut is_first) {
                // This fails once `App::start` has returned, since that drops the receiver.
                let _ = firsts.send(if is_refused { Err(error) } else { Ok(()) });
            }
            real::sleep(wait).await;
        }
    }

    fn note(&self, name: PlatformName, kind: Kind, detail: &str) {
        self.health.raise(name, kind, detail, self.intake.clock().now());
    }

    async fn attempt(&self, name: PlatformName) -> anyhow::Result<Connected> {
        let clock = self.intake.clock();
        match (name, &self.config.slack, &self.config.discord) {
            (PlatformName::Slack, Some(settings), _) => {
                let slack = connect_slack(settings, &self.config, clock).await?;
                self.know_workspace(&slack.tenant()).await?;
                let is_http = settings.connection.is_http();
                let routes = is_http.then(|| slack.http_routes(self.intake.clone(), self.health.clone()));
                Ok((slack, routes))
            }
            (PlatformName::Discord, _, Some(settings)) => {
                let discord = connect_discord(settings, &self.config, clock).await?;
                // A SQLite file has only one owner, so there are no replicas to share shards with.
                if self.store.is_shared() {
                    let (store, worker) = (Arc::clone(&self.store), self.worker.clone());
                    discord.share(Arc::new(DatabaseLeases { store, worker, duration: self.config.timing.lease }));
                }
                discord.set_health(self.health.clone());
                Ok((discord, None))
            }
            (name, ..) => anyhow::bail!("{name} is not configured"),
        }
    }

    /// Sets the workspace in the rules and stores its id, so that the desk's channel there is known from now on, also
    /// at the next start before Slack answers.
    async fn know_workspace(&self, tenant: &Tenant) -> anyhow::Result<()> {
        self.intake.set_rules(rules(&self.config, Some(tenant)));
        let kept = async {
            match self.store.remembered(TENANT).await?.as_deref() {
                Some(known) if known == tenant.id => Ok(()),
                _ => self.store.keep_in_mind(TENANT, &tenant.id).await,
            }
        };
        if let Err(error) = kept.await {
            tracing::warn!(
                workspace = tenant.id, %error,
                "the workspace's id cannot be stored: at the next start no card is posted on Slack until Slack answers"
            );
        }
        Ok(())
    }
}

const CANNOT_BE_REACHED: &str = "cannot be reached; trying again";
const TOKEN_IS_REFUSED: &str = "refuses the bot's token: an operator must renew it";
const REFUSES: &str = "refuses the bot: the log says why";

/// Receives events until stopped. If the adapter gives up, as after a revoked token, it is run again.
async fn receive(runner: Arc<PlatformRunner>, platform: Arc<dyn Platform>) {
    let PlatformRunner { intake, health, stop, .. } = &*runner;
    let (name, clock) = (platform.name(), intake.clock());
    let show = async {
        let mut lost_at: Option<Timestamp> = None;
        loop {
            let connected = platform.is_connected();
            let detail = match (connected, platform.stands_by()) {
                (true, true) => "standing by: another replica receives",
                (true, false) => "connected",
                (false, _) => "not connected",
            };
            health.set(name.as_str(), connected, detail);
            let now = clock.now();
            if connected {
                lost_at = None;
                health.clear(name, Kind::Connection);
            } else if now.duration_since(*lost_at.get_or_insert(now)).unsigned_abs() >= DISCONNECTED_FOR {
                let since = lost_at.unwrap_or(now);
                health.raise(name, Kind::Connection, "nothing of what is said there is received", since);
            }
            real::sleep(Duration::from_millis(50)).await;
        }
    };
    let run = async {
        while !stop.is_cancelled() {
            if let Err(error) = platform.run(intake.clone(), stop.clone()).await {
                tracing::error!(
                    platform = name.as_str(),
                    error = format!("{error:#}"),
                    "the connection to the platform has ended; it is opened again soon"
                );
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = real::sleep(RESTART_AFTER) => {}
            }
        }
    };
    tokio::select! {
        () = show => {}
        () = run => {}
    }
}

/// Shows the cards of open tickets that are missing in the desk's channel. That happens if the channel was changed
/// since the last start, or was not known when the tickets were opened.
async fn show_missing_cards(runner: Arc<PlatformRunner>, name: PlatformName) {
    let rules = runner.intake.rules();
    let Some(channel) = rules.triage.iter().find(|channel| channel.platform() == name) else { return };
    loop {
        match offer_cards(&runner, channel).await {
            Ok(0) => return,
            Ok(cards) => {
                tracing::info!(platform = %name, cards, "tickets without a card in the desk's channel get one");
                return;
            }
            Err(error) => {
                tracing::warn!(platform = %name, %error, "missing cards of tickets cannot be queued; trying again")
            }
        }
        tokio::select! {
            () = runner.stop.cancelled() => return,
            () = real::sleep(RESTART_AFTER) => {}
        }
    }
}

async fn offer_cards(runner: &PlatformRunner, channel: &Place) -> Result<usize, StoreError> {
    let (name, here) =
        (format!("{}:triage", channel.platform()), format!("{}/{}", channel.tenant.id, channel.channel()));
    if runner.store.remembered(&name).await?.as_deref() == Some(here.as_str()) {
        return Ok(0);
    }
    let (mut above, mut cards) = (TicketId(0), 0);
    loop {
        let some =
            tickets::record::without_card(&mut *runner.store.reader().await?, channel, above, CARDS_AT_ONCE).await?;
        let Some(last) = some.last() else { break };
        above = *last;
        cards += some.len();
        runner.intake.show_cards(channel, &some).await?;
    }
    runner.store.keep_in_mind(&name, &here).await?;
    Ok(cards)
}
