//! The settings: read once, checked once, typed from then on.
//!
//! They come from a TOML file and from the environment (`DESKBELL__SECTION__KEY`), which wins. All problems are
//! collected and reported at once, in plain words, because an operator who must fix one line per start gives up. No
//! message repeats a value that may be a secret, and messages go through [`logging::redact`] when they are displayed.

mod check;
mod raw;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use config::{Environment, File, FileFormat};
use jiff::SignedDuration;
use secrecy::SecretString;
use url::{Url, form_urlencoded};

use crate::domain::ids::PlatformName;
use crate::domain::outage::Service;
use crate::domain::permission::{LinkedPerson, Principal, Roster};
use crate::domain::right::{Holder, Right, RightsSettings};
use crate::domain::rules::{DeskSettings, GuardSettings, IntakeSettings, KnowledgeSettings, OutageSettings};
use crate::domain::settings::{minutes, sections};
use crate::logging;

/// The file that is read if no file is named and this one exists.
pub const DEFAULT_FILE: &str = "deskbell.toml";

/// The usual address of Slack's Web API.
pub const SLACK_API_URL: &str = "https://slack.com/api";

/// The usual address of Discord, without `/api/v10`.
pub const DISCORD_API_URL: &str = "https://discord.com";

/// All settings. [`Config::default`] holds the settings of an empty file.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `[slack]`. `None`: the bot does not connect to Slack.
    pub slack: Option<SlackConfig>,
    /// `[discord]`. `None`: the bot does not connect to Discord.
    pub discord: Option<DiscordConfig>,
    pub database: DatabaseConfig,
    pub http: HttpConfig,
    pub desk: DeskSettings,
    pub rights: RightsSettings,
    pub intake: IntakeSettings,
    pub knowledge: KnowledgeSettings,
    pub guard: GuardSettings,
    pub timing: TimingConfig,
    pub log: LogConfig,
    pub privacy: PrivacyConfig,
    /// `[[people]]`: the people with several accounts.
    pub people: Vec<LinkedPerson>,
    pub outages: OutageSettings,
    /// `[[services]]`: the catalogue of services.
    pub services: Vec<Service>,
}

/// Section `[slack]`: the one workspace of the bot, and how it is connected.
#[derive(Clone, Debug)]
pub struct SlackConfig {
    /// `bot_token`: the token for the Web API (`xoxb-…`).
    pub bot_token: SecretString,
    /// `mode`, with the secret that it needs.
    pub connection: SlackConnection,
    /// `api_url`: the address of the Web API, without a slash at the end.
    pub api_url: String,
    /// `triage_channel`: the id of the private channel to which the agents' cards are posted.
    pub triage_channel: Option<String>,
    /// `listen_to_bots`: ids of bots and apps whose messages count as a person's.
    pub listen_to_bots: Vec<String>,
}

/// How events arrive from Slack.
#[derive(Clone, Debug)]
pub enum SlackConnection {
    /// `mode = "socket"`: the bot calls Slack; no public address is needed.
    Socket {
        /// `app_token`: the app-level token that opens sockets (`xapp-…`).
        app_token: SecretString,
    },
    /// `mode = "http"`: Slack calls the bot, on the port of `[http]`.
    Http {
        /// `signing_secret`, which proves that a call is from Slack.
        signing_secret: SecretString,
    },
}

impl SlackConnection {
    /// Whether Slack calls the bot.
    #[must_use]
    pub const fn is_http(&self) -> bool {
        matches!(self, Self::Http { .. })
    }
}

/// `[discord]`: any number of guilds.
#[derive(Clone, Debug)]
pub struct DiscordConfig {
    /// `token` of the bot.
    pub token: SecretString,
    /// `api_url`: the address that replaces `https://discord.com`, without a slash at the end.
    pub api_url: String,
    /// `guilds`: ids of the guilds to serve; empty for every guild that the bot is in.
    pub guilds: Vec<String>,
    /// `triage_channel` and `guild`: the private channel to which the agents' cards are posted.
    pub triage: Option<DiscordTriage>,
    /// `listen_to_bots`: ids of bots and webhooks whose messages count as a person's.
    pub listen_to_bots: Vec<String>,
}

/// The private channel for the agents' cards on Discord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscordTriage {
    /// The id of the guild that the channel is in.
    pub guild: String,
    /// The id of the channel.
    pub channel: String,
}

/// `[database]`: the database and its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// `url`: `sqlite://` and a path, or `postgres://…`.
    pub url: DatabaseUrl,
    /// `connections`: the largest number of connections to PostgreSQL for work. One more listens for notifications.
    pub connections: u32,
}

/// The address of the database. It is displayed without its passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Returns the path of the SQLite file. `None` for PostgreSQL.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.0.strip_prefix("sqlite://").or_else(|| self.0.strip_prefix("sqlite:")).map(Path::new)
    }

    /// Returns the address with its passwords.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the passwords in the address, as they are written and decoded.
    fn secrets(&self) -> Vec<SecretString> {
        let Ok(url) = Url::parse(&self.0) else { return Vec::new() };
        let written = url.password().into_iter().map(str::to_owned);
        let meant = url.password().into_iter().flat_map(|password| {
            let password = password.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
            form_urlencoded::parse(password.as_bytes()).map(|(key, _)| key.into_owned()).next()
        });
        let asked = url.query_pairs().filter(|(key, _)| is_secret(key)).map(|(_, value)| value.into_owned());
        let mut secrets: Vec<String> = written.chain(meant).chain(asked).filter(|secret| !secret.is_empty()).collect();
        secrets.dedup();
        secrets.into_iter().map(SecretString::from).collect()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sqlite_path().is_some() {
            return f.write_str(&self.0);
        }
        // An address that cannot be parsed may contain anything.
        let Ok(mut url) = Url::parse(&self.0) else { return f.write_str("postgres://…") };
        if url.password().is_some() && url.set_password(Some("redacted")).is_err() {
            return f.write_str("postgres://…");
        }
        let is_asked = url.query_pairs().any(|(key, _)| is_secret(&key));
        if is_asked {
            url.set_query(None);
        }
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_secret(key: &str) -> bool {
    key.contains("password")
}

/// `[http]`: the ports for health checks and, in Slack's HTTP mode, for Slack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// `listen`: the address and port for Slack's requests in HTTP mode, otherwise for health checks and metrics.
    pub listen: SocketAddr,
    /// `health_listen`: the address and port for health checks and metrics, if it differs.
    pub health_listen: Option<SocketAddr>,
}

impl HttpConfig {
    /// Returns the address for health checks and metrics. Without `health_listen` that is `listen`; but if Slack's
    /// requests arrive at `listen`, which may be public, it is the next port, reachable from this machine only.
    #[must_use]
    pub fn health(&self, takes_requests: bool) -> SocketAddr {
        let next = match self.listen.port() {
            0 => 0,
            port => port.checked_add(1).unwrap_or(port - 1),
        };
        let own = if takes_requests { SocketAddr::from((Ipv4Addr::LOCALHOST, next)) } else { self.listen };
        self.health_listen.unwrap_or(own)
    }
}

sections! {
    /// `[timing]`: time limits, in real time (`retry_limit`: in the clock's time). Only tests make them smaller.
    TimingConfig {
        /// `call_timeout`: how long one call to a platform may take.
        call_timeout: Duration = Duration::from_secs(10),
        /// `lease`: how long a lease lasts: that of an effect, of the dispatcher of a platform, or of a Discord shard.
        lease: Duration = Duration::from_secs(15),
        /// `take_over_pause`: how long another process waits, after the end of a lease and of the last call that may
        /// have been made under it, before it takes over.
        take_over_pause: Duration = Duration::from_secs(5),
        /// `retry_limit`: how long one effect may be refused, while others of its kind are delivered, until it is held
        /// and the effects behind it go on.
        retry_limit: Duration = minutes(15),
        /// `gather`: how long what is to be sent is gathered before it is looked at.
        gather: Duration = Duration::from_millis(20),
        /// `silence`: how long a connection may bring nothing until it is replaced.
        silence: Duration = minutes(10),
    }

    /// `[privacy]`: how long data is kept.
    PrivacyConfig {
        /// `keep_keys_days`: the days for which the keys of handled events are kept.
        keep_keys_days: u32 = 30,
        /// `keep_tickets_days`: the days for which a ticket keeps words and names after its end; 0 for ever.
        keep_tickets_days: u32 = 0,
    }
}

/// `[log]`: the format and the level of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `format`: `json` or `text`.
    pub format: logging::Format,
    /// `level`: `info`, or finer: `info,deskbell::outbox=debug`.
    pub level: String,
}

impl Config {
    /// Reads and checks the settings: from `path` (which must exist), otherwise from [`DEFAULT_FILE`] if it exists, and
    /// from the environment.
    ///
    /// # Errors
    /// All problems, in plain words.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigErrors> {
        let mut environment = Vec::new();
        for (key, value) in std::env::vars_os() {
            let Some(key) = key.to_str().filter(|key| key.to_ascii_uppercase().starts_with("DESKBELL__")) else {
                continue;
            };
            match value.into_string() {
                Ok(value) => environment.push((key.to_owned(), value)),
                Err(_) => return Err(ConfigErrors::one(format!("{key} in the environment is not valid UTF-8."))),
            }
        }
        Self::load_with(path, environment)
    }

    /// Like [`Config::load`], with this environment instead of the process's.
    ///
    /// # Errors
    /// All problems, in plain words.
    pub fn load_with(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let text = match std::fs::read_to_string(path.unwrap_or(Path::new(DEFAULT_FILE))) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                let path = path.unwrap_or(Path::new(DEFAULT_FILE)).display();
                return Err(ConfigErrors::one(format!("The settings file {path} cannot be read: {error}.")));
            }
        };
        Self::from_text(&text, environment)
    }

    /// Like [`Config::load_with`], from the text of a settings file.
    ///
    /// # Errors
    /// All problems, in plain words.
    pub fn from_text(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let environment: HashMap<String, String> = environment.into_iter().collect();
        unambiguous(&environment)?;
        let environment = Environment::with_prefix("DESKBELL")
            .prefix_separator("__")
            .separator("__")
            .ignore_empty(true)
            .source(Some(environment));
        let sources = config::Config::builder().add_source(File::from_str(text, FileFormat::Toml));
        let table = sources
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| ConfigErrors::one(raw::without_excerpt(&error)))?;
        check::settings(table)
    }

    /// Returns the roster that the settings describe, without the members of groups.
    #[must_use]
    pub fn roster(&self) -> Roster {
        Roster {
            staff: self.guard.staff.clone(),
            exempt: self.guard.exempt.clone(),
            on_call: self.desk.on_call.clone(),
            agents: self.desk.agents.clone(),
            admins: self.desk.admins.clone(),
            rights: self.rights.holders.clone(),
            people: self.people.clone(),
            members: HashMap::new(),
        }
    }

    /// Returns an error text if neither Slack nor Discord is configured.
    #[must_use]
    pub fn platforms_missing(&self) -> Option<&'static str> {
        (self.slack.is_none() && self.discord.is_none()).then_some(PLATFORMS_MISSING)
    }

    /// Returns settings that are allowed but probably not intended, in plain words: for `check`, and for the log at
    /// start.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let named = self.rights.holders.get(&Right::TicketWork).into_iter().flatten();
        let is_any_named = named.filter_map(Holder::principal).next().is_some();
        if self.desk.agents.is_empty() && self.desk.admins.is_empty() && !is_any_named {
            warnings.push("Nobody is on the desk: list agents in desk.agents, or no ticket can be claimed.".to_owned());
        }
        let of_rights = self.rights.holders.values().flatten().filter_map(Holder::principal);
        for principal in self.desk.agents.iter().chain(&self.desk.admins).chain(of_rights) {
            let platform = match principal {
                Principal::Person(person) => person.platform,
                Principal::Group(group) => group.platform,
            };
            let served = match platform {
                PlatformName::Slack => self.slack.is_some(),
                PlatformName::Discord => self.discord.is_some(),
            };
            if !served {
                warnings.push(format!("{principal} has rights here, but {platform} is not configured."));
            }
        }
        warnings
    }

    /// Returns every secret, so that the log can remove them.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let slack = self.slack.iter().flat_map(|slack| {
            let further = match &slack.connection {
                SlackConnection::Socket { app_token } => app_token,
                SlackConnection::Http { signing_secret } => signing_secret,
            };
            [&slack.bot_token, further]
        });
        let tokens = slack.chain(self.discord.iter().map(|discord| &discord.token)).cloned();
        tokens.chain(self.database.url.secrets()).collect()
    }
}

const PLATFORMS_MISSING: &str = "\
No platform is configured: there is nobody to serve. Configure Slack, Discord or both.

  Slack:    DESKBELL__SLACK__BOT_TOKEN=xoxb-…   (\"Bot User OAuth Token\" of your app at https://api.slack.com/apps)
            DESKBELL__SLACK__APP_TOKEN=xapp-…   (an app-level token with connections:write, for Socket Mode)
            DESKBELL__SLACK__TRIAGE_CHANNEL=C…  (id of the agents' private channel)
            `deskbell manifest slack` prints the app manifest to create the app from.

  Discord:  DESKBELL__DISCORD__TOKEN=…          (the bot's token from https://discord.com/developers/applications)
            DESKBELL__DISCORD__GUILD=…          (id of your guild)
            DESKBELL__DISCORD__TRIAGE_CHANNEL=… (id of the agents' private channel)
            `deskbell manifest discord` prints the permissions and intents that it needs.

The same can stand in ./deskbell.toml: deskbell.sample.toml shows every setting. `deskbell check` tells what is missing.
To try Deskbell without any account, run `deskbell sandbox`.";

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: DatabaseUrl("sqlite://deskbell.db".to_owned()), connections: 8 }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), health_listen: None }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: logging::Format::Json, level: "info".to_owned() }
    }
}

/// Refuses two variables for the same setting, or for a section and a setting in it: which one wins would depend on
/// chance.
fn unambiguous(environment: &HashMap<String, String>) -> Result<(), ConfigErrors> {
    let mut names: Vec<(String, &str)> = environment
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, _)| (name.to_ascii_uppercase(), name.as_str()))
        .filter(|(name, _)| name.starts_with("DESKBELL__"))
        .collect();
    names.sort();
    for (index, (upper, name)) in names.iter().enumerate() {
        let within = format!("{upper}__");
        let is_other = |(other, _): &&(String, &str)| other == upper || other.starts_with(&within);
        if let Some((_, other)) = names[index + 1..].iter().find(is_other) {
            return Err(ConfigErrors::one(format!("{name} and {other} in the environment contradict each other.")));
        }
    }
    Ok(())
}

/// All problems of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    problems: Vec<String>,
}

impl ConfigErrors {
    fn one(problem: String) -> Self {
        Self { problems: vec![problem] }
    }

    /// Returns the problems: for each a sentence that says how to fix it.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The settings cannot be used:")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  - {}", logging::redact(problem)))
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads a duration as it is written in settings and on the command line: `2m`, `0s`, `12h`, `500ms`, `1h 30m`.
///
/// # Errors
/// If it has no unit, is negative, or is not a duration.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let signed = SignedDuration::from_str(text.trim()).map_err(|_| DurationError)?;
    Duration::try_from(signed).map_err(|_| DurationError)
}

/// The text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number and its unit, such as 500ms, 30s, 2m or 12h")]
pub struct DurationError;
