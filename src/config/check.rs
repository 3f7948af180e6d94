//! Checks the settings as they are written, and converts them. Each rule has a sentence that tells the operator how to
//! obey it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::raw::{self, Raw, Table, Words};
use super::{
    Config, ConfigErrors, DISCORD_API_URL, DatabaseConfig, DatabaseUrl, DiscordConfig, DiscordTriage, HttpConfig,
    LogConfig, PrivacyConfig, SLACK_API_URL, SlackConfig, SlackConnection, TimingConfig,
};
use crate::domain::hours::Hours;
use crate::domain::ids::{PersonRef, PlatformName};
use crate::domain::outage::Service;
use crate::domain::permission::{GroupRef, LinkedPerson, Principal};
use crate::domain::plain::one_line;
use crate::domain::right::Holder;
use crate::domain::rules::{DeskSettings, GuardMode, GuardSettings, KnowledgeSettings, OutageSettings, Suggestions};
use crate::logging;
use crate::search::{Language, Synonyms};

/// How many days a catch-up reads back at most. The keys of handled events must be kept for longer.
const CATCH_UP_DAYS: u32 = 14;

/// Checks all settings. Returns them, or all their problems.
pub(super) fn settings(table: Table) -> Result<Config, ConfigErrors> {
    let mut problems = Vec::new();
    let raw = Raw::read(table, &mut problems);
    let mut check = Check { problems };
    check.triage(&raw);
    let (desk_prefix, knowledge_prefix) = (raw.desk.key_prefix.clone(), raw.knowledge.key_prefix.clone());
    let config = Config {
        slack: check.slack(raw.slack),
        discord: check.discord(raw.discord),
        database: check.database(raw.database),
        http: check.http(raw.http),
        desk: check.desk(raw.desk),
        rights: raw.rights,
        intake: raw.intake,
        knowledge: check.knowledge(raw.knowledge, &desk_prefix),
        timing: check.timing(raw.timing),
        log: check.log(raw.log),
        privacy: check.privacy(raw.privacy),
        people: check.people(raw.people),
        outages: check.outages(raw.outages, &[&desk_prefix, &knowledge_prefix]),
        guard: check.guard(raw.guard),
        services: check.services(raw.services),
    };
    if check.problems.is_empty() { Ok(config) } else { Err(ConfigErrors { problems: check.problems }) }
}

struct Check {
    problems: Vec<String>,
}

/// Whether this is a channel with a valid mode: `slack:C0123456789=off`.
fn is_of_channel(one: &str, is_mode: impl Fn(&str) -> bool) -> bool {
    let is_channel = |channel: &str| {
        let named = channel.trim().split_once(':');
        named.is_some_and(|(platform, id)| {
            PlatformName::ALL.iter().any(|name| name.as_str() == platform) && !id.is_empty()
        })
    };
    one.split_once('=').is_some_and(|(channel, mode)| is_channel(channel) && is_mode(mode.trim()))
}

/// The longest interval between two readings of the roster. The proofs of one reading must still be valid at the next
/// one (`domain::permission::PROOF_LASTS`: an hour).
const ROSTER_REFRESH_AT_MOST: Duration = Duration::from_secs(45 * 60);

impl Check {
    fn say(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn triage(&mut self, raw: &Raw) {
        let is_served = wants_slack(&raw.slack) || wants_discord(&raw.discord);
        if is_served && raw.slack.triage_channel.is_none() && raw.discord.triage_channel.is_none() {
            self.say(
                "No triage channel: the agents need a private channel for their cards. Make one, invite the bot, and \
                 give its id in slack.triage_channel or discord.triage_channel (one for both is enough).",
            );
        }
    }

    fn slack(&mut self, raw: raw::Slack) -> Option<SlackConfig> {
        let is_wanted = wants_slack(&raw);
        let bot_token = self.token(
            "slack.bot_token",
            (raw.bot_token, raw.bot_token_file),
            &["xoxb-", "xoxe.xoxb-"],
            is_wanted.then_some("the \"Bot User OAuth Token\" under OAuth & Permissions of your app"),
        );
        let is_http = match raw.mode.as_deref() {
            None | Some("socket") => false,
            Some("http") => true,
            Some(_) => {
                self.say("slack.mode is \"socket\" (the bot calls Slack) or \"http\" (Slack calls the bot).");
                false
            }
        };
        let app_token = self.token(
            "slack.app_token",
            (raw.app_token, raw.app_token_file),
            &["xapp-"],
            (is_wanted && !is_http)
                .then_some("an app-level token with connections:write, under Basic Information of your app"),
        );
        let signing_secret = self.token(
            "slack.signing_secret",
            (raw.signing_secret, raw.signing_secret_file),
            &[],
            (is_wanted && is_http).then_some("the \"Signing Secret\" under Basic Information of your app"),
        );
        let connection = if is_http {
            signing_secret.map(|signing_secret| SlackConnection::Http { signing_secret })
        } else {
            app_token.map(|app_token| SlackConnection::Socket { app_token })
        };
        let api_url = self.api_url("slack.api_url", raw.api_url, SLACK_API_URL);
        let triage_channel = raw.triage_channel.and_then(|id| self.slack_channel("slack.triage_channel", id));
        let listen_to_bots = self.ids("slack.listen_to_bots", raw.listen_to_bots, PlatformName::Slack);
        Some(SlackConfig { bot_token: bot_token?, connection: connection?, api_url, triage_channel, listen_to_bots })
    }

    fn discord(&mut self, raw: raw::Discord) -> Option<DiscordConfig> {
        let is_wanted = wants_discord(&raw);
        let token = self.token(
            "discord.token",
            (raw.token, raw.token_file),
            &[],
            is_wanted.then_some("the token under Bot of your application"),
        );
        let api_url = self.api_url("discord.api_url", raw.api_url, DISCORD_API_URL);
        // Discord's documentation writes the address with `/api/v10`. The setting holds it without that.
        let api_url = api_url.trim_end_matches("/v10").trim_end_matches("/api").to_owned();
        let guilds = self.ids("discord.guilds", raw.guilds, PlatformName::Discord);
        let listen_to_bots = self.ids("discord.listen_to_bots", raw.listen_to_bots, PlatformName::Discord);
        let channel = raw.triage_channel.and_then(|id| self.snowflake("discord.triage_channel", id));
        let guild = match (raw.guild, guilds.as_slice()) {
            (Some(id), _) => self.snowflake("discord.guild", id),
            (None, [only]) => Some(only.clone()),
            (None, _) if channel.is_some() => {
                self.say("discord.guild is missing: give the id of the guild that discord.triage_channel is in.");
                None
            }
            (None, _) => None,
        };
        if guild.as_ref().is_some_and(|guild| !guilds.is_empty() && !guilds.contains(guild)) {
            self.say("discord.guild is not among discord.guilds: add it there, or leave discord.guilds empty.");
        }
        let triage = guild.zip(channel).map(|(guild, channel)| DiscordTriage { guild, channel });
        Some(DiscordConfig { token: token?, api_url, guilds, triage, listen_to_bots })
    }

    fn database(&mut self, raw: raw::Database) -> DatabaseConfig {
        let default = DatabaseConfig::default();
        let connections = raw.connections.unwrap_or(default.connections);
        if !(2..=1_000).contains(&connections) {
            self.say("database.connections must be 2 to 1000: each replica makes so many, and the server has a limit.");
        }
        let url = match (raw.url, raw.url_file) {
            (Some(_), Some(_)) => {
                self.say("database.url and database.url_file are both given: keep one of them.");
                None
            }
            (Some(url), None) => Some(url),
            (None, Some(path)) => {
                self.secret_file("database.url", &path).map(|url| url.expose_secret().trim().to_owned())
            }
            (None, None) => None,
        };
        let Some(url) = url else { return DatabaseConfig { connections, ..default } };
        let is_sqlite = url.strip_prefix("sqlite:").is_some_and(|path| !path.trim_start_matches('/').is_empty());
        if is_sqlite && url.contains('?') {
            self.say(
                "database.url takes nothing after the path of an SQLite file: write sqlite://deskbell.db, without ? and \
                 what follows it.",
            );
        }
        let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        if !(is_sqlite || is_postgres && Url::parse(&url).is_ok()) {
            self.say(
                "database.url must be sqlite:// and a path, like sqlite://deskbell.db, or the address of a PostgreSQL \
                 database, like postgres://user:password@host:5432/name (write @, : and / in a password as %40, %3A \
                 and %2F).",
            );
        }
        DatabaseConfig { url: DatabaseUrl(url), connections }
    }

    fn http(&mut self, raw: raw::Http) -> HttpConfig {
        let mut address = |key: &str, written: Option<String>| {
            let address = written?.parse::<SocketAddr>();
            if address.is_err() {
                self.say(format!("http.{key} must be an address and a port, like 127.0.0.1:8080 or 0.0.0.0:8080."));
            }
            address.ok()
        };
        let (listen, health_listen) = (address("listen", raw.listen), address("health_listen", raw.health_listen));
        HttpConfig { listen: listen.unwrap_or(HttpConfig::default().listen), health_listen }
    }

    fn desk(&mut self, mut desk: DeskSettings) -> DeskSettings {
        desk.key_prefix.make_ascii_uppercase();
        let prefix = &desk.key_prefix;
        if !(2..=10).contains(&prefix.len()) || !prefix.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.say("desk.key_prefix must be two to ten letters, like IT (for keys like IT-1042).");
        }
        if jiff::tz::TimeZone::get(&desk.time_zone).is_err() {
            self.say(format!(
                "desk.time_zone: {:?} is no time zone. Write the name of one, like \"Europe/Berlin\" or \"America/New_York\".",
                desk.time_zone
            ));
        }
        self.positive("desk.roster_refresh", desk.roster_refresh);
        if desk.roster_refresh > ROSTER_REFRESH_AT_MOST {
            self.say(
                "desk.roster_refresh must be 45m at most: what a platform last said of a group counts for an hour.",
            );
        }
        desk
    }

    fn knowledge(&mut self, mut knowledge: KnowledgeSettings, desk_prefix: &str) -> KnowledgeSettings {
        knowledge.key_prefix.make_ascii_uppercase();
        let prefix = &knowledge.key_prefix;
        if !(2..=10).contains(&prefix.len()) || !prefix.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.say("knowledge.key_prefix must be two to ten letters, like KB (for keys like KB-7).");
        }
        if prefix.eq_ignore_ascii_case(desk_prefix) {
            self.say("knowledge.key_prefix must not be that of tickets (desk.key_prefix): nobody could tell their keys apart.");
        }
        self.positive("knowledge.search_within", knowledge.search_within);
        if knowledge.confidence > 100 {
            self.say("knowledge.confidence is in hundredths: 0 to 100.");
        }
        for one in &knowledge.suggestions_in {
            if !is_of_channel(one, |mode| Suggestions::named(mode).is_some()) {
                self.say(format!("knowledge.suggestions_in: {one:?} must be a channel and off, observe or on, like \"slack:C0123456789=off\"."));
            }
        }
        if knowledge.languages.is_empty() {
            self.say("knowledge.languages names no language: write those of your articles, like [\"en\", \"de\"].");
        }
        for language in &knowledge.languages {
            if let Err(error) = language.parse::<Language>() {
                self.say(format!("knowledge.languages: {language:?}: {error}."));
            }
        }
        if !knowledge.synonyms_file.is_empty() {
            match std::fs::read_to_string(&knowledge.synonyms_file) {
                Ok(text) => {
                    if let Err(error) = Synonyms::read(&text) {
                        self.say(format!("knowledge.synonyms_file: {}, {error}.", knowledge.synonyms_file));
                    }
                }
                Err(error) => {
                    self.say(format!("knowledge.synonyms_file: {} cannot be read: {error}.", knowledge.synonyms_file))
                }
            }
        }
        knowledge
    }

    fn timing(&mut self, timing: TimingConfig) -> TimingConfig {
        self.positive("timing.call_timeout", timing.call_timeout);
        self.positive("timing.lease", timing.lease);
        self.positive("timing.take_over_pause", timing.take_over_pause);
        self.positive("timing.silence", timing.silence);
        if timing.lease <= timing.call_timeout {
            self.say("timing.lease must be longer than timing.call_timeout: nothing could be sent under it.");
        }
        timing
    }

    fn log(&mut self, raw: raw::Log) -> LogConfig {
        let default = LogConfig::default();
        let format = match raw.format.as_deref() {
            None => default.format,
            Some("json") => logging::Format::Json,
            Some("text") => logging::Format::Text,
            Some(_) => {
                self.say("log.format is \"json\" or \"text\".");
                default.format
            }
        };
        let level = raw.level.unwrap_or(default.level);
        if logging::check_level(&level).is_err() {
            self.say("log.level is error, warn, info, debug or trace, or finer: \"info,deskbell::outbox=debug\".");
        }
        LogConfig { format, level }
    }

    fn privacy(&mut self, privacy: PrivacyConfig) -> PrivacyConfig {
        if privacy.keep_keys_days <= CATCH_UP_DAYS {
            self.say(format!(
                "privacy.keep_keys_days must be more than {CATCH_UP_DAYS}: catch-up reads that far back, and what was \
                 forgotten would be handled twice."
            ));
        }
        privacy
    }

    fn people(&mut self, raw: Vec<raw::LinkedPeople>) -> Vec<LinkedPerson> {
        let mut seen = HashSet::new();
        let mut people = Vec::new();
        for (number, person) in (1..).zip(raw) {
            let key = format!("people (number {number}).accounts");
            let mut accounts = Vec::new();
            for principal in principals(&key, person.accounts.unwrap_or_default(), &mut self.problems) {
                match principal {
                    Principal::Person(account) if seen.insert(account.clone()) => accounts.push(account),
                    Principal::Person(account) => self.say(format!("{key}: {account} is listed twice in [[people]].")),
                    Principal::Group(_) => self.say(format!("{key}: a group is not a person.")),
                }
            }
            if accounts.len() < 2 {
                self.say(format!("{key} must join two accounts or more, like [\"slack:U0123\", \"discord:42\"]."));
            }
            people.push(LinkedPerson { name: person.name.unwrap_or_default(), accounts });
        }
        people
    }

    fn outages(&mut self, mut outages: OutageSettings, others: &[&str]) -> OutageSettings {
        outages.key_prefix.make_ascii_uppercase();
        let prefix = &outages.key_prefix;
        if !(2..=10).contains(&prefix.len()) || !prefix.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.say("outages.key_prefix must be two to ten letters, like MI (for keys like MI-7).");
        }
        if others.iter().any(|other| prefix.eq_ignore_ascii_case(other)) {
            self.say("outages.key_prefix must not be that of tickets or articles: nobody could tell their keys apart.");
        }
        for channel in &outages.shared_channels {
            let named = channel.trim().split_once(':').map(|(platform, id)| (platform.parse::<PlatformName>(), id));
            if !matches!(named, Some((Ok(_), id)) if !id.is_empty()) {
                self.say(format!("outages.shared_channels: {channel:?} is no channel, like slack:C0123456789."));
            }
        }
        outages
    }

    fn guard(&mut self, guard: GuardSettings) -> GuardSettings {
        for one in &guard.modes_in {
            if !is_of_channel(one, |mode| GuardMode::named(mode).is_some()) {
                self.say(format!(
                    "guard.modes_in: {one:?} must be a channel and off, observe, nudge or route, like \"slack:C0123456789=nudge\"."
                ));
            }
        }
        for hours in guard.exempt_hours.iter().filter(|hours| hours.parse::<Hours>().is_err()) {
            self.say(format!(
                "guard.exempt_hours: {hours:?} are no hours: write them like \"mon-fri 18:00-08:00\" or \"sat-sun\"."
            ));
        }
        guard
    }

    fn services(&mut self, raw: Vec<raw::Service>) -> Vec<Service> {
        let mut seen = HashSet::new();
        let mut services = Vec::new();
        for (number, service) in (1..).zip(raw) {
            let key = service.key.unwrap_or_default().trim().to_lowercase();
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if key.is_empty() || key.len() > 40 || !key.chars().all(is_name) {
                self.say(format!(
                    "services (number {number}).key must be 1 to 40 small letters, digits or hyphens, like \"vpn\"."
                ));
            } else if !seen.insert(key.clone()) {
                self.say(format!("services (number {number}).key: {key} is listed twice in [[services]]."));
            }
            let words = |words: Option<raw::Words>| words.map(|words| words.0).unwrap_or_default();
            let name = service.name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| key.clone());
            let (tags, words) = (words(service.tags), words(service.words));
            let owner = one_line(service.owner.unwrap_or_default().trim());
            services.push(Service { key, name: one_line(name.trim()), owner, tags, words });
        }
        // A word must not mean two services.
        let mut meanings: HashMap<String, String> = HashMap::new();
        for service in &services {
            let own: HashSet<String> = [&service.key, &service.name]
                .into_iter()
                .chain(&service.words)
                .map(|word| word.to_lowercase())
                .collect();
            for word in own {
                if word.contains(',') {
                    self.say(format!("[[services]]: {word:?} has a comma in it, and could never be typed."));
                } else if let Some(other) = meanings.insert(word.clone(), service.key.clone()) {
                    self.say(format!("[[services]]: {word:?} means both {other} and {}.", service.key));
                }
            }
        }
        for tag in services.iter().flat_map(|service| &service.tags) {
            if let Some(service) = meanings.get(&tag.to_lowercase()) {
                self.say(format!(
                    "[[services]]: the tag {tag:?} is also a word for {service}: call one of them otherwise."
                ));
            }
        }
        services
    }

    /// Returns a secret, given directly or as a file. `needed`: if the secret is required, where the operator finds it.
    fn token(
        &mut self,
        key: &str,
        (itself, file): (Option<SecretString>, Option<PathBuf>),
        prefixes: &[&str],
        needed: Option<&str>,
    ) -> Option<SecretString> {
        let secret = match (itself, file) {
            (Some(_), Some(_)) => {
                self.say(format!("{key} and {key}_file are both given: keep one of them."));
                return None;
            }
            (Some(secret), None) => secret,
            (None, Some(path)) => self.secret_file(key, &path)?,
            (None, None) => {
                if let Some(place) = needed {
                    let variable = format!("DESKBELL__{}", key.to_ascii_uppercase().replace('.', "__"));
                    self.say(format!("{key} is missing ({place}): set {variable}, or {key}_file to a file with it."));
                }
                return None;
            }
        };
        let text = secret.expose_secret();
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            self.say(format!("{key} is empty or has blanks in it: copy it again."));
            return None;
        }
        let is_slack_token = text.starts_with("xox") || text.starts_with("xapp-");
        if is_slack_token && !prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            let expected = prefixes.first().map_or_else(String::new, |prefix| format!(" (it begins with {prefix})"));
            self.say(format!("{key} holds another kind of token{expected}: were two of them swapped?"));
            return None;
        }
        Some(secret)
    }

    fn secret_file(&mut self, key: &str, path: &Path) -> Option<SecretString> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(SecretString::from(text.trim_end_matches(['\r', '\n']))),
            Err(error) => {
                self.say(format!("{key}_file: {} cannot be read: {error}.", path.display()));
                None
            }
        }
    }

    /// Returns the address of an API. Without TLS only addresses of this machine are allowed, since each request
    /// carries the token.
    fn api_url(&mut self, key: &str, given: Option<String>, default: &str) -> String {
        let Some(given) = given else { return default.to_owned() };
        let Ok(url) = Url::parse(given.trim()) else {
            self.say(format!("{key} is not an address: leave it out, or write it like {default}."));
            return default.to_owned();
        };
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => self.say(format!(
                "{key} begins with http://: the token would travel in the open. Write https://; http:// is only for \
                 addresses of this machine, like http://127.0.0.1:7070."
            )),
            _ => self.say(format!("{key} must begin with https://.")),
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            self.say(format!("{key} must have no user name, password, query or fragment."));
        }
        url.as_str().trim_end_matches('/').to_owned()
    }

    fn positive(&mut self, key: &str, duration: Duration) {
        if duration.is_zero() {
            self.say(format!("{key} must be more than zero."));
        }
    }

    fn slack_channel(&mut self, key: &str, id: String) -> Option<String> {
        let is_id = id.starts_with(['C', 'G']) && is_slack_id(&id);
        if !is_id {
            self.say(format!(
                "{key} must be a channel's id, like C0123456789: it stands at the end of \"View channel details\"."
            ));
        }
        is_id.then_some(id)
    }

    fn snowflake(&mut self, key: &str, id: String) -> Option<String> {
        let is_id = is_snowflake(&id);
        if !is_id {
            self.say(format!("{key} must be an id, which is a number: turn on Developer Mode, then \"Copy ID\"."));
        }
        is_id.then_some(id)
    }

    fn ids(&mut self, key: &str, given: Option<Words>, platform: PlatformName) -> Vec<String> {
        let ids = given.unwrap_or_default().0;
        let is_id = |id: &String| match platform {
            PlatformName::Slack => is_slack_id(id),
            PlatformName::Discord => is_snowflake(id),
        };
        if !ids.iter().all(is_id) {
            self.say(match platform {
                PlatformName::Slack => format!("{key} must hold ids, like B0123456789, not names."),
                PlatformName::Discord => format!("{key} must hold ids, which are numbers, not names."),
            });
        }
        ids
    }
}

/// Returns the people and groups that these texts name.
pub(super) fn principals(key: &str, given: Words, problems: &mut Vec<String>) -> Vec<Principal> {
    let principals = given.0.into_iter().filter_map(|text| principal(key, &text, problems));
    principals.collect()
}

/// Returns the holders of a right: people and groups, `agents` and `admins`.
pub(super) fn holders(key: &str, given: Words, problems: &mut Vec<String>) -> Vec<Holder> {
    let holder = |text: String| match text.as_str() {
        "agents" => Some(Holder::Agents),
        "admins" => Some(Holder::Admins),
        text => principal(key, text, problems).map(Holder::Principal),
    };
    given.0.into_iter().filter_map(holder).collect()
}

fn principal(key: &str, text: &str, problems: &mut Vec<String>) -> Option<Principal> {
    let principal = text.parse().ok().filter(is_plausible);
    if principal.is_none() {
        let or = if key.starts_with("rights.") { "agents, admins, " } else { "" };
        problems.push(format!(
            "{key}: {text:?} names nobody. Write {or}slack:U0123 (a member's id), slack:group:S0123 (a user group's id), \
             discord:42 (a user's id) or discord:role:42 (a role's id)."
        ));
    }
    principal
}

fn wants_slack(raw: &raw::Slack) -> bool {
    raw.bot_token.is_some()
        || raw.bot_token_file.is_some()
        || raw.app_token.is_some()
        || raw.app_token_file.is_some()
        || raw.signing_secret.is_some()
        || raw.signing_secret_file.is_some()
        || raw.triage_channel.is_some()
}

fn wants_discord(raw: &raw::Discord) -> bool {
    raw.token.is_some() || raw.token_file.is_some() || raw.triage_channel.is_some() || raw.guild.is_some()
}

fn is_plausible(principal: &Principal) -> bool {
    match principal {
        Principal::Person(PersonRef { platform: PlatformName::Slack, id }) => {
            id.starts_with(['U', 'W']) && is_slack_id(id)
        }
        Principal::Group(GroupRef { platform: PlatformName::Slack, id }) => id.starts_with('S') && is_slack_id(id),
        Principal::Person(PersonRef { platform: PlatformName::Discord, id })
        | Principal::Group(GroupRef { platform: PlatformName::Discord, id }) => is_snowflake(id),
    }
}

fn is_slack_id(id: &str) -> bool {
    id.len() > 1 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_snowflake(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit()) && id.parse::<u64>().is_ok_and(|id| id > 0)
}
