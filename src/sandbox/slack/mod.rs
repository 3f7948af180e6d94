//! A Slack workspace in this process: a stateful, strict model that speaks Slack's real protocols over loopback.
//!
//! Web API, Socket Mode, signed HTTP events and `response_url`s are served at 127.0.0.1, so that an unmodified SDK
//! connects to it. People act through [`crate::sandbox::World`]. A call that Slack refuses is refused with Slack's own
//! error.
//!
//! There are three locks, always taken in this order: the state, the hub (the deliveries to the bot), the journal.

mod api;
mod args;
mod blocks;
mod delivery;
mod events;
mod faults;
mod hooks;
mod http;
mod ids;
mod interact;
mod limits;
mod message;
mod people;
mod posting;
mod server;
mod socket;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod view;
mod world;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::delivery::Hub;
use self::faults::Faults;
use self::ids::Mint;
use self::state::{Group, Ids, Kind, State};
use super::Journal;
pub use super::setup::{ChannelSetup, Member};
use super::traffic::{Record, Traffic};
use crate::clock::Clock;
use crate::domain::limits::slack;
use crate::sandbox::world::{MessageAt, Spot, WorldError};

/// The properties of a new workspace.
pub struct SlackSetup {
    /// The people, in the order of the cast.
    pub people: Vec<Member>,
    /// The channels, in the order in which they are listed.
    pub channels: Vec<ChannelSetup>,
    pub groups: Vec<GroupSetup>,
    /// The clock of time stamps, rate limits and expiries.
    pub clock: Clock,
    pub journal: Journal,
    /// Scopes granted to the bot.
    pub scopes: Vec<String>,
    /// Event types that the app subscribed to (`message.channels`, `channel_archive` …).
    pub subscriptions: Vec<String>,
    /// The app's entries in the menu of a message: name and `callback_id`.
    pub shortcuts: Vec<(String, String)>,
    /// Whether rate limits are enforced.
    pub limits: bool,
    /// The time for an acknowledgement and for the use of a `trigger_id`, in real time. Slack's is three seconds.
    pub ack_deadline: Duration,
    pub delivery: Delivery,
    /// The seed of random ids and secrets.
    pub seed: u64,
}

impl SlackSetup {
    /// Returns the scopes that Deskbell asks for.
    #[must_use]
    pub fn default_scopes() -> Vec<String> {
        const SCOPES: &[&str] = &[
            "channels:history",
            "channels:read",
            "chat:write",
            "commands",
            "groups:history",
            "groups:read",
            "im:history",
            "im:read",
            "im:write",
            "reactions:read",
            "reactions:write",
            "users:read",
            "usergroups:read",
        ];
        SCOPES.iter().map(|scope| (*scope).to_owned()).collect()
    }

    /// Returns the event types that Deskbell subscribes to.
    #[must_use]
    pub fn default_subscriptions() -> Vec<String> {
        const TYPES: &[&str] = &[
            "message.channels",
            "message.groups",
            "message.im",
            "reaction_added",
            "subteam_updated",
            "subteam_members_changed",
            "member_joined_channel",
            "channel_archive",
            "channel_deleted",
            "group_deleted",
            "channel_left",
            "channel_rename",
            "group_rename",
            "channel_shared",
            "channel_unarchive",
            "channel_unshared",
            "group_archive",
            "group_left",
            "group_unarchive",
            "user_change",
        ];
        TYPES.iter().map(|kind| (*kind).to_owned()).collect()
    }
}

impl Default for SlackSetup {
    fn default() -> Self {
        Self {
            people: Vec::new(),
            channels: Vec::new(),
            groups: Vec::new(),
            clock: Clock::system(),
            journal: Journal::in_memory(),
            scopes: Self::default_scopes(),
            subscriptions: Self::default_subscriptions(),
            shortcuts: Vec::new(),
            limits: true,
            ack_deadline: slack::ACK,
            delivery: Delivery::Socket,
            seed: 0,
        }
    }
}

/// How events, clicks and commands reach the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Over the sockets that the bot opens.
    Socket,
    /// By signed requests to `{base_url}/slack/events`, `…/interactions` and `…/commands`.
    Http {
        /// Without a trailing slash.
        base_url: String,
    },
}

/// A user group (`@handle`) that the workspace has from the start.
#[derive(Clone, Debug)]
pub struct GroupSetup {
    /// The handle, without `@`.
    pub handle: String,
    pub name: String,
    /// Handles of the members.
    pub members: Vec<String>,
}

/// A running sandbox of Slack. Its server stops when it is shut down or dropped.
pub struct SlackSandbox {
    core: Arc<Core>,
}

impl SlackSandbox {
    /// Starts the workspace and its server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be bound, or the HTTP client cannot be built.
    pub async fn start(setup: SlackSetup) -> anyhow::Result<Arc<Self>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base = format!("127.0.0.1:{}", listener.local_addr()?.port());
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let state = build(&setup);
        let core = Arc::new(Core {
            base,
            clock: setup.clock.clone(),
            journal: setup.journal.clone(),
            limits: setup.limits,
            ack_deadline: setup.ack_deadline,
            secrets: Secrets::new(setup.seed),
            hub: Hub::new(setup.seed, state.ids.app.clone()),
            traffic: Traffic::default(),
            faults: Mutex::new(Faults::default()),
            faults_seen: Mutex::new(Vec::new()),
            changed: watch::channel(0).0,
            stop: CancellationToken::new(),
            client,
            state: Mutex::new(state),
        });
        server::serve(&core, listener);
        if let Delivery::Http { base_url } = setup.delivery {
            core.set_http_target(base_url);
        }
        Ok(Arc::new(Self { core }))
    }

    /// Returns the address of the Web API: `http://127.0.0.1:PORT/api`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/api", self.core.base)
    }

    /// Returns the bot's token, with which the methods of the Web API are called (except `apps.connections.open`).
    #[must_use]
    pub fn bot_token(&self) -> String {
        self.core.secrets.bot_token.clone()
    }

    /// The app's token, for Socket Mode.
    #[must_use]
    pub fn app_token(&self) -> String {
        self.core.secrets.app_token.clone()
    }

    /// Returns the secret with which HTTP requests to the bot are signed.
    #[must_use]
    pub fn signing_secret(&self) -> String {
        self.core.secrets.signing.clone()
    }

    /// Returns the secrets that the bot was given: tokens, the signing secret, socket tickets, and the secrets in
    /// `response_url`s. A `trigger_id` is none: it works for three seconds, and only with the bot's token.
    #[must_use]
    pub fn secrets_issued(&self) -> Vec<String> {
        let mut all = vec![self.bot_token(), self.app_token(), self.signing_secret()];
        all.extend(self.core.hub.tickets_issued());
        let state = self.core.lock();
        all.extend(state.hooks.keys().cloned());
        all
    }

    /// Id of the workspace.
    #[must_use]
    pub fn team_id(&self) -> String {
        self.core.lock().ids.team.clone()
    }

    /// Id of the bot's user.
    #[must_use]
    pub fn bot_user_id(&self) -> String {
        self.core.lock().ids.bot_user.clone()
    }

    /// Id of the person with this handle.
    #[must_use]
    pub fn person_id(&self, handle: &str) -> Option<String> {
        let state = self.core.lock();
        state.person(handle).map(|at| state.people[at].id.clone())
    }

    /// Id of the channel with this name.
    #[must_use]
    pub fn channel_id(&self, name: &str) -> Option<String> {
        let state = self.core.lock();
        state.channel(name).map(|at| state.channels[at].id.clone())
    }

    /// Id of the user group with this handle.
    #[must_use]
    pub fn group_id(&self, handle: &str) -> Option<String> {
        let state = self.core.lock();
        state.groups.iter().find(|group| group.handle == handle).map(|group| group.id.clone())
    }

    /// Delivers by signed HTTP from now on, to `{base_url}/slack/events`, `…/interactions` and `…/commands`.
    pub fn set_http_target(&self, base_url: String) {
        self.core.set_http_target(base_url);
    }

    /// Gives a user group exactly these members (handles), and tells the bot.
    pub fn set_group(&self, handle: &str, members: &[&str]) {
        self.core.set_group(handle, members);
    }

    /// Sends an event about a change of a user group at the time `at_s` (epoch seconds), without changing the group:
    /// like an event that comes late, or again.
    pub fn tell_of_group(&self, handle: &str, added: &[&str], removed: &[&str], at_s: i64) {
        self.core.tell_of_group(handle, added, removed, at_s);
    }

    /// Posts a person's message with a file.
    ///
    /// # Errors
    /// As with `World::say` of the sandbox.
    pub fn share(&self, who: &str, spot: &Spot, text: &str, file: &str) -> Result<MessageAt, WorldError> {
        self.core.share(who, spot, text, file)
    }

    /// Deletes the files of a person's own message.
    ///
    /// # Errors
    /// As with `World::edit` of the sandbox.
    pub fn delete_files(&self, who: &str, message: &MessageAt) -> Result<(), WorldError> {
        self.core.delete_files(who, message)
    }

    /// Deactivates a person's account, and sends the event `user_change` to a bot that may have it.
    pub fn deactivate(&self, handle: &str) {
        self.core.deactivate(handle);
    }

    /// Gives a person another display name, and tells the bot.
    pub fn rename_person(&self, handle: &str, name: &str) {
        self.core.rename_person(handle, name);
    }

    /// Invites the bot to a channel, and tells it.
    pub fn invite_bot(&self, channel: &str) {
        self.core.invite_bot(channel);
    }

    /// Records the last 2,000 calls, envelopes and acknowledgements from now on.
    pub fn keep_traffic(&self) {
        self.core.traffic.switch_on();
    }

    /// Returns the recorded calls, envelopes and acknowledgements, oldest first.
    #[must_use]
    pub fn traffic(&self) -> Vec<Record> {
        self.core.traffic.all()
    }

    /// Closes the server and every connection.
    pub async fn shut_down(&self) {
        self.core.stop.cancel();
        self.core.hub.all_closed().await;
    }
}

impl Drop for SlackSandbox {
    fn drop(&mut self) {
        self.core.stop.cancel();
    }
}

/// The state that the server, the connections and the people share.
struct Core {
    /// Host and port of the server, without a scheme: `127.0.0.1:PORT`.
    base: String,
    clock: Clock,
    journal: Journal,
    limits: bool,
    ack_deadline: Duration,
    secrets: Secrets,
    hub: Hub,
    traffic: Traffic,
    faults: Mutex<Faults>,
    faults_seen: Mutex<Vec<String>>,
    changed: watch::Sender<u64>,
    stop: CancellationToken,
    client: reqwest::Client,
    state: Mutex<State>,
}

impl Core {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an entry of the journal.
    fn note(&self, kind: &'static str, fields: Value) {
        self.journal.write(self.clock.now_ms(), "slack", kind, fields);
    }

    /// Notes that the bot sent something that Slack does not know or would refuse.
    fn fault(&self, what: impl Into<String>) {
        self.faults_seen.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
    }

    /// Notifies the watchers that a view may have changed.
    fn touch(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// The tokens and the signing secret of the app.
struct Secrets {
    bot_token: String,
    app_token: String,
    signing: String,
}

impl Secrets {
    fn new(seed: u64) -> Self {
        let mut mint = Mint::new(seed ^ 0x5ec2e7);
        Self {
            bot_token: format!("xoxb-1000-2000-{}", mint.random("", 24)),
            app_token: format!("xapp-1-A000DESKB-3000-{}", mint.random("", 48).to_lowercase()),
            signing: mint.uuid().replace('-', ""),
        }
    }
}

fn build(setup: &SlackSetup) -> State {
    let mut mint = Mint::new(setup.seed);
    let ids = Ids {
        team: mint.named('T', "sandbox"),
        app: mint.named('A', "deskbell"),
        bot: mint.named('B', "deskbell"),
        bot_user: mint.named('U', "deskbell"),
    };
    let mut state = State::new(setup.clock.clone(), ids, mint);
    state.scopes = setup.scopes.iter().cloned().collect();
    state.subscriptions = setup.subscriptions.iter().cloned().collect();
    state.shortcuts.clone_from(&setup.shortcuts);
    for member in &setup.people {
        state.add_person(&member.handle, &member.name, &member.part);
    }
    for channel in &setup.channels {
        let kind = if channel.private { Kind::Private } else { Kind::Public };
        let at = state.add_channel(&channel.name, kind);
        let members: HashSet<String> = ids_of(&state, channel.members.iter().map(String::as_str)).into_iter().collect();
        state.channels[at].members = members;
        state.channels[at].bot = channel.bot;
    }
    for group in &setup.groups {
        let id = state.mint.named('S', &group.handle);
        let members = ids_of(&state, group.members.iter().map(String::as_str));
        let updated_s = state.clock.now().as_second();
        state.groups.push(Group { id, handle: group.handle.clone(), name: group.name.clone(), members, updated_s });
    }
    state
}

/// Returns the ids of the people with these handles. Unknown handles are left out.
fn ids_of<'a>(state: &State, handles: impl Iterator<Item = &'a str>) -> Vec<String> {
    handles.filter_map(|handle| state.person(handle)).map(|at| state.people[at].id.clone()).collect()
}

/// Returns the journal's fields about a channel.
fn place(state: &State, channel: usize) -> Value {
    json!({"channel": state.label(channel), "channel_id": state.channels[channel].id})
}
