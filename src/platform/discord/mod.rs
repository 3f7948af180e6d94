//! The Discord adapter.
//!
//! Inbound: a connection receives the gateway's frames (`gateway`, `link`), `pump` sorts them, `lanes` handles them in
//! order, `payload` reads each field on its own, and `inbound` translates them into events. Interactions are answered
//! within three seconds (`interact`). Outbound: messages are rendered (`render`) and delivered (`outbound`) by REST
//! (`rest`). Nothing here knows what a ticket is.
//!
//! **Roles.** Without the privileged members intent Discord does not list the members of a role. Rights at an act are
//! decided by the roles that the act's own payload proves. [`Platform::members`] then returns the accounts that events
//! have shown with the role, each checked again.

mod budget;
mod catch_up;
mod check;
mod directory;
mod errors;
mod forms;
mod gateway;
mod inbound;
mod interact;
mod lanes;
mod link;
mod look;
mod manifest;
mod membership;
mod outbound;
#[doc(hidden)]
pub mod parsers;
mod payload;
mod pump;
mod reactions;
mod render;
mod rest;
mod roster;
mod watch;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serenity::http::{LightMethod, Route};
use serenity::model::id::{ApplicationId, GuildId, RoleId, UserId};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::directory::Directory;
use self::membership::Membership;
use self::rest::{Rest, RestError};
use super::catch_up::Progress;
use super::{
    Delivery, DeliveryError, Finding, Leases, Listed, Operation, Platform, Proven, Receipt, TokenRefused, Unreached,
    Wanted,
};
use crate::clock::Clock;
use crate::domain::effect::Sent;
use crate::domain::ids::{Conversation, EffectId, MessageRef, Person, PersonRef, Place, PlatformName, Tenant};
use crate::domain::limits::discord as limits;
use crate::domain::permission::GroupRef;
use crate::health::{Health, Kind};
use crate::intake::Intake;

pub use self::manifest::manifest;

/// How to reach Discord.
#[derive(Clone, Debug)]
pub struct DiscordSettings {
    pub token: SecretString,
    /// Replaces `https://discord.com`. If it is set, nothing is sent to the real Discord.
    pub api_url: Option<Url>,
    /// The time limit of one request, in real time.
    pub timeout: Duration,
    /// Ids of the guilds that the desk serves; empty means all guilds that the bot is in.
    pub guilds: Vec<String>,
    /// Ids of the bots whose messages are handled like people's.
    pub listen_to_bots: Vec<String>,
    /// How long a gateway session may be silent, in real time, before REST is asked for messages that did not arrive.
    pub silence: Duration,
}

/// A connected Discord bot with its guilds. The tasks of [`Platform::run`] share its state.
pub struct DiscordPlatform {
    shared: Arc<Shared>,
}

/// The state of the adapter, shared by inbound and outbound.
struct Shared {
    rest: Rest,
    token: SecretString,
    clock: Clock,
    timeout: Duration,
    /// Replaces the address of the real Discord.
    api_url: Option<Url>,
    guilds: HashSet<GuildId>,
    listen_to_bots: HashSet<String>,
    me: UserId,
    application: ApplicationId,
    gateway_url: String,
    shards: u32,
    directory: Directory,
    /// The shards whose sessions this process has open.
    links: Mutex<HashSet<u32>>,
    /// Whether the bot lacks the message content intent.
    without_content: AtomicBool,
    /// Whether new sessions ask for the members intent, and so for events about members.
    hears_members: AtomicBool,
    /// The number of payloads that could not be read.
    unreadable: AtomicU64,
    /// The number of gateway events whose handling has ended.
    received: AtomicU64,
    /// Whether the application has the members intent, so that REST lists a guild's members.
    lists_members: bool,
    unfinished: Mutex<outbound::Unfinished>,
    silence: Duration,
    /// The first start on Discord; set before anything is received.
    opened_at: OnceLock<Timestamp>,
    /// The positions of each guild (`None`: of the direct conversations).
    reached: Mutex<HashMap<Option<GuildId>, catch_up::GuildPositions>>,
    /// The guilds that the bot is in, according to the gateway.
    membership: Mutex<Membership>,
    health: OnceLock<Health>,
    /// The leases of the shards; not set if this process runs all shards.
    leases: OnceLock<Arc<dyn Leases>>,
    /// Whether this process (`true`) or another one (`false`) holds the lease of a shard. A shard is missing if
    /// unknown.
    shards_held: Mutex<HashMap<u32, bool>>,
}

impl DiscordPlatform {
    /// Asks Discord who the bot is and where the gateway is. Events are received only after [`Platform::run`].
    ///
    /// # Errors
    /// If Discord cannot be reached ([`Unreached`]), refuses the token ([`TokenRefused`]), or names a gateway on a host
    /// to which the token must not be sent; if a setting is invalid.
    pub async fn connect(settings: DiscordSettings, clock: Clock) -> anyhow::Result<Arc<Self>> {
        let DiscordSettings { token, api_url, timeout, guilds, listen_to_bots, silence } = settings;
        let rest = Rest::new(&token, api_url.as_ref(), timeout, clock.clone())?;
        let me = rest.call(LightMethod::Get, Route::UserMe, &[], None).await.map_err(|error| unreachable(&error))?;
        let application = rest.get_path("/api/v10/applications/@me").await.map_err(|error| unreachable(&error))?;
        let gateway =
            rest.call(LightMethod::Get, Route::GatewayBot, &[], None).await.map_err(|error| unreachable(&error))?;
        let gateway_url = gateway["url"].as_str().unwrap_or_default().to_owned();
        if [&me["id"], &application["id"], &gateway["url"]].iter().any(|said| !said.is_string()) {
            return Err(unreachable(&RestError::nonsense(
                "Discord's answer does not name the bot, its application or the gateway",
            )));
        }
        check_gateway(&gateway_url, api_url.as_ref())?;
        let flags = application["flags"].as_u64().unwrap_or_default();
        let lists_members = flags & check::MEMBERS_GRANTED != 0;
        let without_content = flags & check::CONTENT_GRANTED == 0;
        if without_content {
            tracing::warn!("{}", gateway::DEGRADED);
        }
        let me = id(me["id"].as_str().unwrap_or_default()).context("Discord did not say who the bot is")?;
        let application = id(application["id"].as_str().unwrap_or_default())
            .context("Discord did not say which application the bot is of")?;
        let guilds = guilds
            .iter()
            .map(|guild| id(guild).with_context(|| format!("discord.guilds: {guild:?} is no id of a guild")))
            .collect::<anyhow::Result<_>>()?;
        let shards = gateway["shards"].as_u64().and_then(|shards| u32::try_from(shards).ok()).unwrap_or(1).max(1);
        let shared = Shared {
            rest,
            token,
            clock,
            timeout,
            api_url,
            guilds,
            listen_to_bots: listen_to_bots.into_iter().collect(),
            me,
            application,
            gateway_url,
            shards,
            directory: Directory::new(me),
            links: Mutex::default(),
            without_content: AtomicBool::new(without_content),
            hears_members: AtomicBool::new(lists_members),
            unreadable: AtomicU64::new(0),
            received: AtomicU64::new(0),
            lists_members,
            unfinished: Mutex::default(),
            silence,
            opened_at: OnceLock::new(),
            reached: Mutex::default(),
            membership: Mutex::default(),
            health: OnceLock::new(),
            leases: OnceLock::new(),
            shards_held: Mutex::default(),
        };
        Ok(Arc::new(Self { shared: Arc::new(shared) }))
    }

    /// Shares the gateway's shards with other processes: each process runs the shards whose leases (`discord:shard:0`
    /// and so on) it holds. Must be called before [`Platform::run`]; otherwise this process runs all shards.
    pub fn share(&self, leases: Arc<dyn Leases>) {
        // A second call has no effect.
        let _ = self.shared.leases.set(leases);
    }

    /// Sets where the condition `guild` is raised: the bot is not in a guild that it must serve.
    pub fn set_health(&self, health: Health) {
        // A second call has no effect.
        let _ = self.shared.health.set(health);
    }
}

#[async_trait]
impl Platform for DiscordPlatform {
    fn name(&self) -> PlatformName {
        PlatformName::Discord
    }

    async fn run(&self, intake: Intake, stop: CancellationToken) -> anyhow::Result<()> {
        gateway::run(Arc::clone(&self.shared), intake, stop).await
    }

    fn is_connected(&self) -> bool {
        gateway::is_connected(&self.shared)
    }

    fn stands_by(&self) -> bool {
        gateway::stands_by(&self.shared)
    }

    fn is_behind(&self) -> bool {
        !self.stands_by() && self.shared.all_positions().iter().any(Progress::is_behind)
    }

    /// Counts a gateway event of any kind once all its consequences are handled: at once if it has none, otherwise
    /// after the commit, or (for a guild) after the catch-up of its missed messages.
    fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Acquire)
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        self.shared.deliver(delivery).await
    }

    async fn find(&self, delivery: &Delivery) -> Result<Option<Receipt>, DeliveryError> {
        self.shared.find(delivery).await
    }

    /// Returns `None`: Discord answers a second post with the same nonce with the first message, for longer than a call
    /// lasts.
    async fn find_second(&self, _: &Delivery, _: &[MessageRef]) -> Result<Option<MessageRef>, DeliveryError> {
        Ok(None)
    }

    fn fingerprint(&self, effect: &EffectId, operation: &Operation) -> Option<Sent> {
        outbound::fingerprint(effect, operation)
    }

    /// Returns zero: the nonce prevents a second post for longer than any lag.
    fn history_lag(&self) -> Duration {
        limits::HISTORY_LAG
    }

    async fn members(&self, group: &str) -> Result<Listed, DeliveryError> {
        self.shared.members(group).await
    }

    async fn prove(&self, group: &str, who: &PersonRef) -> Result<Proven, DeliveryError> {
        self.shared.is_member(group, who).await.map(Proven::One)
    }

    async fn check(&self, wanted: &Wanted) -> Vec<Finding> {
        self.shared.check(wanted).await
    }
}

impl Shared {
    /// Whether the desk serves this guild. Direct messages (`None`) are always served.
    fn serves(&self, guild: Option<GuildId>) -> bool {
        guild.is_none_or(|guild| self.guilds.is_empty() || self.guilds.contains(&guild))
    }

    fn may_concern(&self, message: &payload::Message, intake: &Intake) -> bool {
        may_concern(&self.directory, self.me, message) || pings_staff(message, intake)
    }

    /// Returns the positions of a guild, or of the direct conversations.
    fn positions(&self, guild: Option<GuildId>) -> Progress {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.entry(guild).or_insert_with(|| catch_up::GuildPositions::new(guild)).progress.clone()
    }

    fn all_positions(&self) -> Vec<Progress> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.values().map(|reached| reached.progress.clone()).collect()
    }

    /// Changes the guilds that the bot is in, and raises or clears the condition `guild`.
    fn note_guilds(&self, change: impl FnOnce(&mut Membership)) {
        let mut membership = self.membership.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut membership);
        let Some(health) = self.health.get() else { return };
        match membership.missing(&self.guilds, self.shards) {
            None => health.clear(PlatformName::Discord, Kind::Guild),
            Some(missing) => health.raise(PlatformName::Discord, Kind::Guild, missing, self.clock.now()),
        }
    }

    /// Counts a gateway event whose handling has ended.
    fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Release);
    }

    fn reader(&self) -> inbound::Reader<'_> {
        inbound::Reader { directory: &self.directory, me: self.me, listen_to_bots: &self.listen_to_bots }
    }
}

/// Whether a new message may concern the desk. A message in a channel (not in a thread) that mentions neither the bot
/// nor a role, and is no reply, never does.
fn may_concern(directory: &Directory, me: UserId, message: &payload::Message) -> bool {
    let is_in_channel = directory.knows(message.channel) && directory.family_of(message.channel) == message.channel;
    message.guild.is_none()
        || !is_in_channel
        || message.reply_to.is_some()
        || !message.mention_roles.is_empty()
        || message.names(me)
}

/// Whether a message pings a person or role that the guard protects. Most messages mention nobody and need no further
/// check.
fn pings_staff(message: &payload::Message, intake: &Intake) -> bool {
    if message.mention_roles.is_empty() && message.mentions.iter().flatten().next().is_none() {
        return false;
    }
    let group = |role: &RoleId| GroupRef { platform: PlatformName::Discord, id: role.to_string() };
    let person = |user: &payload::Account| {
        let roles = user.member.as_ref().and_then(|member| member.roles.as_deref());
        directory::person(user.id, user.name(), message.guild, roles)
    };
    let people: Vec<Person> = message.mentions.iter().flatten().map(person).collect();
    let groups: Vec<GroupRef> = message.mention_roles.iter().map(group).collect();
    let channel = message.channel.to_string();
    let tenant = Tenant { platform: PlatformName::Discord, id: message.guild.unwrap_or_default().to_string() };
    let place = Place { tenant, at: Conversation::Channel { channel } };
    intake.pings_staff(&person(&message.author), &place, &people, &groups)
}

/// Reads an id of Discord, which is a number above zero.
fn id<T: From<std::num::NonZeroU64>>(text: &str) -> Option<T> {
    text.parse::<std::num::NonZeroU64>().ok().map(T::from)
}

fn unreachable(error: &RestError) -> anyhow::Error {
    let what = format!("{error}. Check discord.token, and that this machine reaches Discord");
    match error {
        RestError::RateLimited { retry_after, .. } => Unreached { what, retry_after: Some(*retry_after) }.into(),
        RestError::Away { .. } | RestError::Unknown { .. } => Unreached { what, retry_after: None }.into(),
        RestError::Unauthorized => TokenRefused { what }.into(),
        RestError::Refused { .. } => anyhow::anyhow!(what),
    }
}

/// Fails if the token must not be sent to this gateway: it must be Discord's own, or with another base URL, be on the
/// same host.
fn check_gateway(gateway: &str, api_url: Option<&Url>) -> anyhow::Result<()> {
    let url = Url::parse(gateway).ok().context("Discord named no gateway")?;
    let host = url.host_str().unwrap_or_default();
    match api_url {
        Some(api_url) if api_url.host_str() != Some(host) || !matches!(url.scheme(), "ws" | "wss") => {
            bail!("the gateway at {host:?} is not on the host of discord.api_url: the token is not sent there")
        }
        None if url.scheme() != "wss" || !(host == "discord.gg" || host.ends_with(".discord.gg")) => {
            bail!("the gateway at {host:?} is not Discord's: the token is not sent there")
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_no_other_host() {
        let here = Url::parse("http://127.0.0.1:4000").expect("is an address");
        assert!(check_gateway("ws://127.0.0.1:4001/", Some(&here)).is_ok());
        for elsewhere in ["wss://gateway.discord.gg", "ws://127.0.0.2:4000", "http://127.0.0.1:4000", ""] {
            assert!(check_gateway(elsewhere, Some(&here)).is_err(), "{elsewhere}");
        }
        assert!(check_gateway("wss://gateway.discord.gg", None).is_ok());
        for elsewhere in ["ws://gateway.discord.gg", "wss://discord.gg.evil.example", "wss://evildiscord.gg"] {
            assert!(check_gateway(elsewhere, None).is_err(), "{elsewhere}");
        }
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let settings = DiscordSettings {
            token: SecretString::from("very-secret".to_owned()),
            api_url: None,
            timeout: Duration::from_secs(10),
            guilds: Vec::new(),
            listen_to_bots: Vec::new(),
            silence: Duration::from_secs(600),
        };
        assert!(!format!("{settings:?}").contains("very-secret"));
    }
}
