//! A Discord guild (or several) in this process.
//!
//! REST v10 and the Gateway are served over loopback, so that the production adapter and the unmodified SDK connect to
//! it as they would to Discord. It is a strict, stateful model: a call that Discord refuses is refused here, with
//! Discord's own code. One lock guards the state, so that ids, events and journal have the same order.
//!
//! Sources: <https://docs.discord.com/developers/reference>, <https://docs.discord.com/developers/events/gateway>,
//! <https://docs.discord.com/developers/interactions/receiving-and-responding>.

mod acts;
mod command;
mod components;
mod errors;
mod faults;
mod gateway;
mod guilds;
mod ids;
mod interactions;
mod journaling;
mod json;
mod limits;
mod mentions;
mod people;
mod posting;
mod rest;
mod shards;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod validate;
mod view;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Journal;
pub use super::setup::{ChannelSetup, Member};
use super::traffic::Record;
use crate::clock::Clock;
use crate::domain::limits::discord as platform;
use state::State;

/// The properties of a new guild.
pub struct DiscordSetup {
    /// Everybody but the bot.
    pub people: Vec<Member>,
    pub channels: Vec<ChannelSetup>,
    /// The roles besides `@everyone` and the bot's own.
    pub roles: Vec<RoleSetup>,
    /// Further guilds with the bot and all people, but without roles.
    pub more_guilds: Vec<GuildSetup>,
    /// The clock of ids, time stamps and rate limits.
    pub clock: Clock,
    pub journal: Journal,
    /// Whether exceeded rate limits are refused.
    pub limits: bool,
    /// Whether the developer portal grants the bot the privileged intent for message content.
    pub message_content_intent: bool,
    /// The number of shards that the bot is advised to open.
    pub shards: u32,
    /// The number of shards that it may open at once.
    pub max_concurrency: u32,
    /// How long a person waits for the first answer to a press, a command or a form, in real time.
    pub interaction_deadline: Duration,
    /// The seed of ids and tokens.
    pub seed: u64,
}

impl Default for DiscordSetup {
    fn default() -> Self {
        Self {
            people: Vec::new(),
            channels: Vec::new(),
            roles: Vec::new(),
            more_guilds: Vec::new(),
            clock: Clock::system(),
            journal: Journal::in_memory(),
            limits: true,
            message_content_intent: true,
            shards: 1,
            max_concurrency: 1,
            interaction_deadline: platform::INTERACTION_ACK,
            seed: 0,
        }
    }
}

/// A role of the guild.
#[derive(Clone, Debug)]
pub struct RoleSetup {
    pub name: String,
    /// Handles of the members.
    pub members: Vec<String>,
}

/// A further guild that the bot is in.
#[derive(Clone, Debug)]
pub struct GuildSetup {
    pub name: String,
    /// Its text channels, at most [`CHANNELS`](platform::CHANNELS).
    pub channels: Vec<ChannelSetup>,
}

/// A running sandbox of Discord. It ends when it is shut down or dropped.
pub struct DiscordSandbox {
    shared: Arc<Shared>,
    server: Mutex<Option<JoinHandle<()>>>,
}

/// The state that the server's tasks and the people share.
struct Shared {
    state: Mutex<State>,
    address: SocketAddr,
    interaction_deadline: Duration,
    changed: watch::Sender<u64>,
    links: watch::Sender<usize>,
    stop: CancellationToken,
}

impl Shared {
    /// Runs `act` under the lock, then notifies the watchers if a view or the number of connections has changed.
    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.archive_idle_threads();
        let result = act(&mut state);
        let dirty = state.take_dirty();
        let links = state.gateway.links();
        drop(state);
        if dirty {
            self.changed.send_modify(|count| *count += 1);
        }
        self.links.send_if_modified(|known| std::mem::replace(known, links) != links);
        result
    }
}

impl DiscordSandbox {
    /// Builds the guild and serves it on a free port of the loopback interface.
    ///
    /// # Errors
    /// If no port can be bound, or a guild has more channels than Discord allows.
    pub async fn start(setup: DiscordSetup) -> anyhow::Result<Arc<Self>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free loopback port")?;
        let address = listener.local_addr().context("the listener has no address")?;
        let interaction_deadline = setup.interaction_deadline;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(setup, format!("ws://{address}"))?),
            address,
            interaction_deadline,
            changed: watch::channel(0).0,
            links: watch::channel(0).0,
            stop: CancellationToken::new(),
        });
        let routes =
            Router::new().route("/", get(gateway::upgrade)).fallback(rest::handle).with_state(Arc::clone(&shared));
        let stop = shared.stop.clone();
        let server = tokio::spawn(async move {
            let serving = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = serving.await {
                tracing::error!(%error, "the Discord sandbox has stopped serving");
            }
        });
        Ok(Arc::new(Self { shared, server: Mutex::new(Some(server)) }))
    }

    /// Returns the address to use instead of `https://discord.com`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Returns the bot's token, which it sends as `Authorization: Bot …` and in IDENTIFY.
    #[must_use]
    pub fn token(&self) -> String {
        self.shared.with(|state| state.token.clone())
    }

    /// Returns the secrets that the bot was given: its token, and the tokens of interactions.
    #[must_use]
    pub fn secrets_issued(&self) -> Vec<String> {
        self.shared.with(|state| {
            let tokens = state.interaction_tokens.keys().cloned();
            std::iter::once(state.token.clone()).chain(tokens).collect()
        })
    }

    /// The application's id, which is the bot user's too, as on Discord.
    #[must_use]
    pub fn application_id(&self) -> u64 {
        self.shared.with(|state| state.bot)
    }

    /// Returns the id of the desk's guild. Further guilds ([`DiscordSetup::more_guilds`]) have other ids.
    #[must_use]
    pub fn guild_id(&self) -> String {
        self.shared.with(|state| state.guild.to_string())
    }

    /// Returns the id of the guild that a channel is in.
    #[must_use]
    pub fn guild_of_channel(&self, channel: &str) -> Option<String> {
        let channel = channel.parse().ok()?;
        self.shared.with(|state| state.guild_of(channel).map(|id| id.to_string()))
    }

    /// The bot user's id.
    #[must_use]
    pub fn bot_user_id(&self) -> String {
        self.application_id().to_string()
    }

    /// A person's user id.
    #[must_use]
    pub fn person_id(&self, handle: &str) -> Option<String> {
        self.shared.with(|state| state.person(handle).ok().map(|id| id.to_string()))
    }

    /// A channel's id, by its name without `#`.
    #[must_use]
    pub fn channel_id(&self, name: &str) -> Option<String> {
        self.shared.with(|state| state.channel_named(name).map(|id| id.to_string()))
    }

    /// Returns the id of a role of the desk's guild, by its name. `None`: there is no such role.
    #[must_use]
    pub fn role_id(&self, name: &str) -> Option<String> {
        self.shared.with(|state| state.roles.iter().find(|role| role.name == name).map(|role| role.id.to_string()))
    }

    /// Gives a role to exactly these people. A role that does not exist is created.
    pub fn set_role(&self, name: &str, members: &[String]) {
        self.shared.with(|state| state.set_role(name, members));
    }

    /// Removes a person from the desk's guild, with a ban if `is_banned`.
    pub fn put_out(&self, who: &str, is_banned: bool) {
        self.shared.with(|state| state.put_out(who, is_banned));
    }

    /// Deletes a role of the desk's guild, and tells the bot. An unknown name changes nothing.
    pub fn delete_role(&self, name: &str) {
        self.shared.with(|state| state.delete_role(name));
    }

    /// Grants the bot the privileged intent for members in the developer portal, or takes it back. A new sandbox does
    /// not grant it.
    pub fn grant_members_intent(&self, granted: bool) {
        self.shared.with(|state| state.members_intent = granted);
    }

    /// Returns the number of events that were sent over the open connections. A bot that has handled as many is up to
    /// date.
    pub fn sent(&self) -> u64 {
        self.shared.with(|state| state.gateway.sent())
    }

    /// Returns the number of Gateway connections that have identified.
    #[must_use]
    pub fn links(&self) -> usize {
        self.shared.with(|state| state.gateway.links())
    }

    /// Cancels the injected faults that have not happened yet, and ends an absence and a lag.
    pub fn cancel_faults(&self) {
        self.shared.with(|state| state.faults = faults::InjectedFaults::default());
    }

    /// Records the last 2,000 calls and frames of the Gateway from now on.
    pub fn keep_traffic(&self) {
        self.shared.with(|state| state.traffic.switch_on());
    }

    /// Returns the recorded calls and frames, oldest first.
    #[must_use]
    pub fn traffic(&self) -> Vec<Record> {
        self.shared.with(|state| state.traffic.all())
    }

    /// Stops serving and waits until every task has ended.
    pub async fn shut_down(&self) {
        self.shared.stop.cancel();
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server
            && let Err(error) = server.await
        {
            tracing::error!(%error, "the server task of the Discord sandbox panicked");
        }
    }
}

impl Drop for DiscordSandbox {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
