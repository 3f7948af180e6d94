//! The stage: one Slack workspace and one Discord guild with the same people, and the settings of a bot that serves
//! both.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::{Conversation, Place, PlatformName, Tenant};
use crate::sandbox::discord::{DiscordSandbox, DiscordSetup, GuildSetup, RoleSetup};
use crate::sandbox::journal::Journal;
use crate::sandbox::setup::{ChannelSetup, Member};
use crate::sandbox::slack::{GroupSetup, SlackSandbox, SlackSetup};
use crate::sandbox::world::World;

/// The people of both workspaces: handle, display name, role.
pub const CAST: [(&str, &str, &str); 6] = [
    ("jeff", "Jeff Park", "employee"),
    ("ana", "Ana Lima", "employee"),
    ("mia", "Mia Wong", "agent"),
    ("omar", "Omar Haddad", "agent"),
    ("ada", "Ada Berg", "admin"),
    ("sam", "Sam Reyes", "engineer"),
];
/// The public channels of both workspaces, in which everybody can ask for help.
pub const CHANNELS: [&str; 3] = ["sales", "general", "random"];
/// The channel of the desk.
pub const TRIAGE: &str = "desk-triage";
const DESK: [&str; 3] = ["mia", "omar", "ada"];
const AGENTS: [&str; 2] = ["mia", "omar"];
/// A private channel without the bot, and its members.
const UNSEEN: &str = "leads";
const UNSEEN_BY: [&str; 2] = ["jeff", "ana"];
const GROUP: &str = "it-desk";
const CHANNELS_OF_A_GUILD: usize = crate::domain::limits::discord::CHANNELS;

/// Returns the name of a channel that exists only to get notices.
fn destination(number: usize) -> String {
    format!("branch{number:05}")
}

/// The services of the desk: key, name, tag, and another word for it.
const SERVICES: [(&str, &str, &str, &str); 4] = [
    ("vpn", "VPN", "network", "anyconnect"),
    ("wifi", "Office Wi-Fi", "network", "wlan"),
    ("mail", "Email", "office", "outlook"),
    ("printing", "Printing", "office", "printer"),
];

/// The properties of a stage.
pub struct StageOptions {
    pub clock: Clock,
    pub journal: Journal,
    /// Whether the platforms enforce their rate limits.
    pub limits: bool,
    /// How long the platforms wait for an answer, in real time. The real ones wait three seconds.
    pub patience: Duration,
    /// Whether the settings name the two accounts of each person as one person.
    pub linked: bool,
    /// Whether Discord grants the bot the content of messages that do not address it.
    pub message_content: bool,
    /// The number of shards that Discord advises the bot to open.
    pub shards: u32,
    /// The number of shards that it may open at once.
    pub max_concurrency: u32,
    /// The seed of the platforms' ids and tokens.
    pub seed: u64,
    /// The number of additional public channels on each platform, which exist only to get notices. On Discord they are
    /// in further guilds.
    pub destinations: usize,
}

impl StageOptions {
    /// Returns options with this clock and the limits and deadlines of the real platforms.
    #[must_use]
    pub fn by(clock: Clock) -> Self {
        Self {
            clock,
            journal: Journal::in_memory(),
            limits: true,
            patience: Duration::from_secs(3),
            linked: true,
            message_content: true,
            shards: 1,
            max_concurrency: 1,
            seed: 1,
            destinations: 0,
        }
    }
}

/// The platforms that a bot on the stage connects to.
#[derive(Clone, Copy, Debug)]
pub struct Platforms {
    pub slack: bool,
    pub discord: bool,
    /// Whether Slack sends events by signed HTTP requests instead of Socket Mode.
    pub slack_http: bool,
}

impl Platforms {
    /// Both, Slack by Socket Mode.
    pub const BOTH: Self = Self { slack: true, discord: true, slack_http: false };

    /// Whether the bot is connected to the platform of this name.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        (self.slack && name == "slack") || (self.discord && name == "discord")
    }
}

/// Both workspaces, with one clock and one journal.
#[derive(Clone)]
pub struct Stage {
    pub slack: Arc<SlackSandbox>,
    pub discord: Arc<DiscordSandbox>,
    pub clock: Clock,
    pub journal: Journal,
    linked: bool,
    destinations: usize,
}

/// Returns the message shortcuts of the app's manifest: name and `callback_id`.
fn shortcuts() -> Vec<(String, String)> {
    let manifest = crate::platform::slack::manifest();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let listed = manifest["features"]["shortcuts"].as_array().into_iter().flatten();
    listed.map(|shortcut| (text(&shortcut["name"]), text(&shortcut["callback_id"]))).collect()
}

impl Stage {
    /// Starts both workspaces.
    ///
    /// # Errors
    /// If no loopback port is free.
    pub async fn open(options: StageOptions) -> anyhow::Result<Self> {
        let owned = |handles: &[&str]| handles.iter().map(|handle| (*handle).to_owned()).collect::<Vec<_>>();
        let people: Vec<Member> = CAST
            .map(|(handle, name, part)| Member {
                handle: handle.to_owned(),
                name: name.to_owned(),
                part: part.to_owned(),
            })
            .to_vec();
        let public =
            |name: &str| ChannelSetup { name: name.to_owned(), private: false, members: Vec::new(), bot: true };
        let triage = ChannelSetup { name: TRIAGE.to_owned(), private: true, members: owned(&DESK), bot: true };
        let channels: Vec<ChannelSetup> = CHANNELS.into_iter().map(public).chain([triage]).collect();
        let more: Vec<ChannelSetup> = (0..options.destinations).map(|number| public(&destination(number))).collect();
        let more_guilds = more.chunks(CHANNELS_OF_A_GUILD).enumerate();
        let more_guilds = more_guilds.map(|(number, channels)| GuildSetup {
            name: format!("Branch {}", number + 1),
            channels: channels.to_vec(),
        });
        let more_guilds = more_guilds.collect();
        // On Slack, the menu of a message has the app's entries even in channels without the bot.
        let unseen = ChannelSetup { bot: false, private: true, members: owned(&UNSEEN_BY), ..public(UNSEEN) };
        let slack = SlackSandbox::start(SlackSetup {
            people: people.clone(),
            channels: channels.iter().chain([&unseen]).chain(&more).cloned().collect(),
            groups: vec![GroupSetup { handle: GROUP.to_owned(), name: "IT Desk".to_owned(), members: owned(&AGENTS) }],
            clock: options.clock.clone(),
            journal: options.journal.clone(),
            limits: options.limits,
            ack_deadline: options.patience,
            seed: options.seed,
            shortcuts: shortcuts(),
            ..SlackSetup::default()
        })
        .await?;
        let discord = DiscordSandbox::start(DiscordSetup {
            people,
            channels,
            roles: vec![RoleSetup { name: GROUP.to_owned(), members: owned(&AGENTS) }],
            more_guilds,
            clock: options.clock.clone(),
            journal: options.journal.clone(),
            limits: options.limits,
            message_content_intent: options.message_content,
            shards: options.shards,
            max_concurrency: options.max_concurrency,
            interaction_deadline: options.patience,
            seed: options.seed,
        })
        .await?;
        let StageOptions { clock, journal, linked, destinations, .. } = options;
        Ok(Self { slack, discord, clock, journal, linked, destinations })
    }

    /// Returns both workspaces as their people use them, Slack first.
    #[must_use]
    pub fn worlds(&self) -> [Arc<dyn World>; 2] {
        [Arc::clone(&self.slack) as Arc<dyn World>, Arc::clone(&self.discord) as Arc<dyn World>]
    }

    /// Returns the channels of a platform that exist only to get notices.
    #[must_use]
    pub fn destinations(&self, platform: PlatformName) -> Vec<Place> {
        let place = |number: usize| {
            let (tenant, channel) = match platform {
                PlatformName::Slack => (self.slack.team_id(), self.slack.channel_id(&destination(number))?),
                PlatformName::Discord => {
                    let channel = self.discord.channel_id(&destination(number))?;
                    (self.discord.guild_of_channel(&channel)?, channel)
                }
            };
            let tenant = Tenant { platform, id: tenant };
            Some(Place { tenant, at: Conversation::Channel { channel } })
        };
        (0..self.destinations).filter_map(place).collect()
    }

    /// Returns the settings of a bot that connects to these platforms and stores its record in the SQLite file
    /// `database`. `more` is TOML that is added to them (sections other than `[slack]`, `[discord]`, `[database]`,
    /// `[http]` and `[desk]`).
    ///
    /// # Errors
    /// If the settings are not valid together with `more`.
    pub fn config(&self, database: &Path, more: &str, platforms: Platforms) -> anyhow::Result<Config> {
        Ok(Config::from_text(&self.settings(database, more, platforms), [])?)
    }

    /// Returns the same settings as the text of a settings file.
    #[must_use]
    pub fn settings(&self, database: &Path, more: &str, platforms: Platforms) -> String {
        let mut text = String::new();
        let mut agents = Vec::new();
        let mut admins = Vec::new();
        if platforms.slack {
            let slack = &self.slack;
            text += &format!(
                "[slack]\nbot_token = \"{}\"\napi_url = \"{}\"\ntriage_channel = \"{}\"\n",
                slack.bot_token(),
                slack.api_url(),
                slack.channel_id(TRIAGE).unwrap_or_default()
            );
            text += &if platforms.slack_http {
                format!("mode = \"http\"\nsigning_secret = \"{}\"\n", slack.signing_secret())
            } else {
                format!("app_token = \"{}\"\n", slack.app_token())
            };
            agents.push(format!("slack:group:{}", slack.group_id(GROUP).unwrap_or_default()));
            admins.push(format!("slack:{}", slack.person_id("ada").unwrap_or_default()));
        }
        if platforms.discord {
            let discord = &self.discord;
            text += &format!(
                "[discord]\ntoken = \"{}\"\napi_url = \"{}\"\nguild = \"{}\"\ntriage_channel = \"{}\"\n",
                discord.token(),
                discord.api_url(),
                discord.guild_id(),
                discord.channel_id(TRIAGE).unwrap_or_default()
            );
            agents.push(format!("discord:role:{}", discord.role_id(GROUP).unwrap_or_default()));
            admins.push(format!("discord:{}", discord.person_id("ada").unwrap_or_default()));
        }
        text += &format!("[database]\nurl = \"sqlite://{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n", database.display());
        text += &format!("[desk]\nagents = {agents:?}\nadmins = {admins:?}\n{more}\n");
        for (key, name, tag, word) in SERVICES {
            text += &format!(
                "[[services]]\nkey = \"{key}\"\nname = \"{name}\"\nowner = \"the {tag} team\"\ntags = [\"{tag}\"]\nwords = [\"{word}\"]\n"
            );
        }
        if self.linked && platforms.slack && platforms.discord {
            for (handle, name, _) in CAST {
                let on_slack = self.slack.person_id(handle).unwrap_or_default();
                let on_discord = self.discord.person_id(handle).unwrap_or_default();
                text += &format!(
                    "[[people]]\nname = \"{name}\"\naccounts = [\"slack:{on_slack}\", \"discord:{on_discord}\"]\n"
                );
            }
        }
        text
    }

    /// Stops the servers of both workspaces, and waits until their connections are closed.
    pub async fn close(&self) {
        self.slack.shut_down().await;
        self.discord.shut_down().await;
    }
}
