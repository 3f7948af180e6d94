use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::raw::Raw;
use super::*;
use crate::domain::rules::KnowledgeSettings;

const SAMPLE: &str = include_str!("../../deskbell.sample.toml");

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::from_text(text, environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
}

fn problems(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment).expect_err("it must be refused").to_string()
}

const SLACK: &str = r#"
    [slack]
    bot_token = "xoxb-1-2-three"
    app_token = "xapp-1-2-three"
    triage_channel = "C1"
"#;

#[test]
fn nothing_is_a_whole_set_of_settings_but_no_platform() {
    let config = load("", &[]).expect("defaults");
    assert_eq!(config.database.url.expose(), "sqlite://deskbell.db");
    assert_eq!(config.intake.burst_window, Duration::from_secs(120));
    assert!(config.platforms_missing().expect("there is none").contains("DESKBELL__SLACK__BOT_TOKEN"));
}

#[test]
fn an_sqlite_file_has_a_path_and_no_more() {
    for url in ["sqlite://d.db?mode=rwc", "sqlite:d.db?cache=shared&x"] {
        let said = problems(SLACK, &[("DESKBELL__DATABASE__URL", url)]);
        assert!(said.contains("nothing after the path"), "{said}");
    }
}

#[test]
fn health_is_answered_elsewhere_than_where_slack_calls() {
    let http = |environment: &[(&str, &str)]| load("", environment).expect("good settings").http;
    let port = |http: &HttpConfig, takes_requests| http.health(takes_requests).to_string();
    let own = http(&[("DESKBELL__HTTP__LISTEN", "0.0.0.0:8080")]);
    assert_eq!((port(&own, false), port(&own, true)), ("0.0.0.0:8080".to_owned(), "127.0.0.1:8081".to_owned()));
    let told = http(&[("DESKBELL__HTTP__HEALTH_LISTEN", "127.0.0.1:9")]);
    assert_eq!((port(&told, false), port(&told, true)), ("127.0.0.1:9".to_owned(), "127.0.0.1:9".to_owned()));
    let last = http(&[("DESKBELL__HTTP__LISTEN", "127.0.0.1:65535")]);
    assert_eq!(port(&last, true), "127.0.0.1:65534");
}

#[test]
fn the_environment_wins_over_the_file_and_does_alone() {
    let config = load(
        SLACK,
        &[
            ("DESKBELL__SLACK__BOT_TOKEN", "xoxb-other"),
            ("DESKBELL__SLACK__API_URL", "http://127.0.0.1:7/api/"),
            ("DESKBELL__HTTP__LISTEN", "0.0.0.0:9"),
            ("DESKBELL__DESK__AGENTS", "slack:U1, discord:role:42,"),
            ("DESKBELL__DESK__AUTO_CLOSE_DAYS", "0"),
            ("DESKBELL__INTAKE__GREETING_FILTER", "false"),
            ("DESKBELL__LOG__LEVEL", ""),
            ("DESKBELL_CONFIG", "is none of it"),
        ],
    )
    .expect("good settings");
    let slack = config.slack.as_ref().expect("Slack is configured");
    assert_eq!(slack.bot_token.expose_secret(), "xoxb-other");
    assert_eq!(slack.api_url, "http://127.0.0.1:7/api");
    assert!(
        matches!(&slack.connection, SlackConnection::Socket { app_token } if app_token.expose_secret() == "xapp-1-2-three")
    );
    assert_eq!(config.http.listen.port(), 9);
    assert_eq!(
        config.roster().agents.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["slack:U1", "discord:role:42"]
    );
    assert_eq!((config.desk.auto_close_days, config.intake.greeting_filter), (0, false));
    assert_eq!(config.log.level, "info");
    assert_eq!(config.warnings(), ["discord:role:42 has rights here, but discord is not configured."]);

    let alone = [
        ("DESKBELL__DISCORD__TOKEN", "abc"),
        ("DESKBELL__DISCORD__GUILDS", "41"),
        ("DESKBELL__DISCORD__TRIAGE_CHANNEL", "42"),
        ("DESKBELL__DISCORD__API_URL", "http://localhost:7/api/v10"),
    ];
    let discord = load("", &alone).expect("good settings").discord.expect("Discord is configured");
    assert_eq!(discord.api_url, "http://localhost:7");
    assert_eq!(discord.triage, Some(DiscordTriage { guild: "41".to_owned(), channel: "42".to_owned() }));
}

#[test]
fn everything_wrong_is_said_at_once_by_its_name() {
    let text = r#"
        [slack]
        bot_tokn = "xoxb-1"
        app_token = "xapp-1"
        mode = "carrier pigeon"
        triage_channel = "desk-triage"
        [disccord]
        token = "x"
        [desk]
        agents = ["slack:jeff"]
        auto_close_days = "soon"
        roster_refresh = "2h"
        key_prefix = "I"
        [intake]
        burst_window = "2"
        [privacy]
        keep_keys_days = 14
        [[people]]
        name = "Mia"
        nick = "M"
        accounts = ["slack:U1"]
    "#;
    let said = problems(text, &[("DESKBELL__HTTP__LISTEN", "8080"), ("DESKBELL__DATABASE__URL", "mysql://u:pw@h/d")]);
    for part in [
        "slack.bot_tokn is not a setting",
        "slack.bot_token is missing",
        "DESKBELL__SLACK__BOT_TOKEN",
        "slack.mode is",
        "slack.triage_channel must be",
        "There is no section [disccord]",
        "desk.roster_refresh must be 45m at most",
        "desk.agents: \"slack:jeff\"",
        "desk.auto_close_days must be a whole number",
        "desk.key_prefix",
        "intake.burst_window: a duration is",
        "privacy.keep_keys_days",
        "people (number 1).nick is not a setting",
        "people (number 1).accounts must join two",
        "http.listen",
        "database.url",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
    assert!(!said.contains("pw@"), "{said}");
    assert!(problems("", &[("DESKBELL__NOWHERE", "1")]).contains("[nowhere]"));
    assert!(problems("", &[("DESKBELL__SLACK", "1")]).contains("slack is a section"));
    assert!(problems("", &[("DESKBELL__PEOPLE", "1")]).contains("[[people]]"));
    // Which of the two variables wins would depend on chance.
    for other in ["DESKBELL__DESK", "deskbell__desk__key_prefix"] {
        let two = [("DESKBELL__DESK__KEY_PREFIX", "IT"), (other, "HR")];
        assert!(problems("", &two).contains("contradict each other"), "{other}");
        assert!(load("", &[two[0], (other, "")]).is_ok(), "an empty variable counts as not set");
    }
}

#[test]
fn a_triage_channel_is_needed_somewhere() {
    let tokens = [("DESKBELL__SLACK__BOT_TOKEN", "xoxb-1"), ("DESKBELL__SLACK__APP_TOKEN", "xapp-1")];
    assert!(problems("", &tokens).contains("No triage channel"));
    let elsewhere = [
        ("DESKBELL__DISCORD__TOKEN", "t"),
        ("DESKBELL__DISCORD__GUILD", "1"),
        ("DESKBELL__DISCORD__TRIAGE_CHANNEL", "2"),
    ];
    let config = load("", &[tokens.as_slice(), &elsewhere].concat()).expect("one for both is enough");
    assert_eq!(config.slack.expect("Slack").triage_channel, None);
    assert!(problems("", &[elsewhere[0], elsewhere[2]]).contains("discord.guild is missing"));
    assert!(problems("discord.guilds = [7]", &elsewhere).contains("not among discord.guilds"));
}

#[test]
fn a_secret_is_given_once_itself_or_as_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "xoxb-from-file\r\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let without: String =
        SLACK.lines().filter(|line| !line.contains("bot_token")).map(|line| format!("{line}\n")).collect();
    let config = load(&without, &[("DESKBELL__SLACK__BOT_TOKEN_FILE", file)]).expect("good settings");
    assert_eq!(config.slack.expect("Slack").bot_token.expose_secret(), "xoxb-from-file");

    let both = problems(SLACK, &[("DESKBELL__SLACK__BOT_TOKEN_FILE", file)]);
    assert!(both.contains("slack.bot_token and slack.bot_token_file are both given"), "{both}");
    assert!(!both.contains("missing"), "{both}");
    let away = problems(&without, &[("DESKBELL__SLACK__BOT_TOKEN_FILE", "/nowhere/token")]);
    assert!(away.contains("slack.bot_token_file: /nowhere/token cannot be read"), "{away}");
    let swapped = problems(SLACK, &[("DESKBELL__SLACK__APP_TOKEN", "xoxb-1")]);
    assert!(swapped.contains("slack.app_token holds another kind of token"), "{swapped}");
    let http = problems(SLACK, &[("DESKBELL__SLACK__MODE", "http")]);
    assert!(http.contains("slack.signing_secret is missing"), "{http}");
}

#[test]
fn no_secret_is_ever_printed() {
    let environment = [
        ("DESKBELL__SLACK__SIGNING_SECRET", "8f742231b10e8888"),
        ("DESKBELL__SLACK__MODE", "http"),
        ("DESKBELL__DISCORD__TOKEN", "very-hidden"),
    ];
    let config = load(SLACK, &environment).expect("good settings");
    assert_eq!(config.secrets().len(), 3);
    let database = [("DESKBELL__DATABASE__URL", "postgres://desk:s3cret%40word@db/desk?sslmode=require")];
    let database = load(SLACK, &database).expect("good settings");
    let secrets: Vec<_> = database.secrets().iter().map(|secret| secret.expose_secret().to_owned()).collect();
    assert_eq!(secrets[2..], ["s3cret%40word", "s3cret@word"]);
    assert_eq!(database.database.url.to_string(), "postgres://desk:redacted@db/desk?sslmode=require");
    let asked = [("DESKBELL__DATABASE__URL", "postgresql://db/desk?user=desk&password=s3cret-word")];
    let asked = load(SLACK, &asked).expect("good settings");
    assert_eq!(asked.database.url.to_string(), "postgresql://db/desk");
    assert_eq!(asked.secrets().len(), 3);
    assert!(!format!("{database:?} {asked:#?}").contains("s3cret"));
    let shown = format!("{config:?} {config:#?}");
    for secret in ["xoxb-1", "xapp-1", "8f742231", "very-hidden"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let wrong = [
        "[slack]\nsigning_secret = \"8f742231b10e8888\nmode = 1".to_owned(),
        "[slack]\nsigning_secret = 8f742231b10e8888".to_owned(),
        "[slack]\nsigning_secret = [\"8f742231b10e8888\"]".to_owned(),
        "[slack]\nmode = \"8f742231b10e8888\"".to_owned(),
        "[desk]\nauto_close_days = \"8f742231b10e8888\"".to_owned(),
        format!("{SLACK}\napi_url = \"https://me:8f742231b10e8888@slack.com\""),
        "[desk]\nagents = [\"xoxb-8f742231b10e8888\"]".to_owned(),
    ];
    for text in wrong {
        let said = problems(&text, &[]);
        assert!(!said.contains("8f742231"), "{said}");
    }
    let said = problems("a = 1\n[slack]\nmode = \"socket", &[]);
    assert!(said.contains("line 3"), "{said}");
}

#[test]
fn tokens_do_not_travel_in_the_open() {
    let with = |url| load(SLACK, &[("DESKBELL__SLACK__API_URL", url)]);
    for good in ["http://127.0.0.1:8", "http://[::1]:8/api", "http://localhost", "https://proxy.example/slack/api"] {
        assert!(with(good).is_ok(), "{good}");
    }
    for bad in
        ["http://proxy.example/api", "http://127.0.0.1.example/", "ftp://127.0.0.1", "slack.com", "https://x/?a=b"]
    {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn durations_have_a_unit() {
    let good = [("2m", 120_000), ("0s", 0), ("12h", 43_200_000), ("500ms", 500), ("1h 30m", 5_400_000)];
    for (text, ms) in good {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
    }
    for text in ["", "2", "-2m", "soon", "2x"] {
        assert_eq!(parse_duration(text), Err(DurationError), "{text}");
    }
}

#[test]
fn rights_are_given_to_agents_admins_people_and_groups() {
    let text = "[rights]\nticket_work = [\"agents\", \"slack:group:S0123456\"]\noutage_mention_all = [\"admins\"]\n";
    let config = load(text, &[]).expect("valid");
    let roster = config.roster();
    assert_eq!(roster.holders(Right::TicketWork).len(), 2);
    assert_eq!(roster.holders(Right::OutageMentionAll), [Holder::Admins]);
    assert_eq!(roster.holders(Right::GuardSet), []);
    // A person named by a right is on the desk, too.
    let is_empty = |text: &str| load(text, &[]).expect("valid").warnings().iter().any(|it| it.contains("Nobody is on"));
    assert!(is_empty("") && is_empty("[rights]\nticket_work = [\"agents\"]\n") && !is_empty(text));
    let said = problems("[rights]\nticket_work = [\"agent\"]\nfly = []\n", &[]);
    assert!(said.contains("rights.ticket_work: \"agent\" names nobody. Write agents, admins, slack:U0123"), "{said}");
    assert!(said.contains("rights.fly is not a setting"), "{said}");
}

#[test]
fn a_time_zone_is_one_that_there_is() {
    let config = load("[desk]\ntime_zone = \"Europe/Berlin\"\n", &[]).expect("valid");
    assert_eq!(config.desk.time_zone, "Europe/Berlin");
    let said = problems("[desk]\ntime_zone = \"Mars/Base\"\n", &[]);
    assert!(said.contains("\"Mars/Base\" is no time zone"), "{said}");
}

#[test]
fn a_named_file_must_be_there() {
    let error = Config::load_with(Some(Path::new("/nowhere/deskbell.toml")), []).expect_err("it is not there");
    assert!(error.to_string().contains("/nowhere/deskbell.toml cannot be read"), "{error}");
}

/// Returns the sample with every setting switched on. For a secret, only the direct form or only the file form is on.
fn switched_on(files: bool) -> String {
    let settings =
        SAMPLE.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with([' ', '#']));
    let is_secret = |line: &str| {
        ["bot_token", "app_token", "signing_secret", "token", "url"]
            .iter()
            .any(|key| line.starts_with(&format!("{key} =")))
    };
    let is_file = |line: &str| line.split(' ').next().is_some_and(|key| key.ends_with("_file"));
    let wanted = settings.filter(|line| if files { !is_secret(line) } else { !is_file(line) });
    wanted.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_sample_is_valid_as_it_is_and_switched_on_and_its_defaults_are_true() {
    load(SAMPLE, &[]).expect("the sample sets nothing as long as every line is a comment");
    let config = load(&switched_on(false), &[]).expect("every line is valid");
    let default = Config::default();
    assert_eq!(config.database, default.database);
    // The sample shows the default of Slack's HTTP mode.
    assert_eq!(config.http.health_listen, Some(default.http.health(true)));
    assert_eq!(config.http.listen, default.http.listen);
    assert_eq!(config.intake, default.intake);
    assert_eq!(KnowledgeSettings { index: String::new(), ..config.knowledge }, default.knowledge);
    assert_eq!(config.timing, default.timing);
    assert_eq!(config.log, default.log);
    assert_eq!(config.privacy, default.privacy);
    let desk = DeskSettings { agents: Vec::new(), admins: Vec::new(), ..config.desk };
    assert_eq!(desk, default.desk);
    for right in Right::ALL {
        assert_eq!(config.rights.holders[right], right.default_holders(), "{right:?}");
    }
    let (slack, discord) = (config.slack.expect("Slack"), config.discord.expect("Discord"));
    assert_eq!((slack.api_url.as_str(), discord.api_url.as_str()), (SLACK_API_URL, DISCORD_API_URL));
    assert!(slack.listen_to_bots.is_empty() && discord.listen_to_bots.is_empty() && discord.guilds.is_empty());
    let said = problems(&switched_on(true), &[]);
    assert!(!said.contains("is not a setting"), "{said}");
}

#[test]
fn the_sample_shows_every_setting_and_no_other() {
    let mut shown = HashSet::new();
    let mut section = "";
    for line in SAMPLE.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with([' ', '#'])) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.insert((section.to_owned(), key.to_owned()));
        }
    }
    let known: HashSet<_> = Raw::SECTIONS
        .iter()
        .flat_map(|(section, keys)| keys.iter().map(|key| ((*section).to_owned(), (*key).to_owned())))
        .collect();
    assert_eq!(shown, known);
}

#[test]
fn services_are_named_so_that_each_word_means_one() {
    let service = |key: &str, more: &str| format!("[[services]]\nkey = \"{key}\"\n{more}\n");
    let good = service("vpn", "name = \"VPN\"\ntags = [\"network\"]") + &service("wifi", "tags = [\"network\"]");
    let services = load(&good, &[]).expect("they fit").services;
    assert_eq!(services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(), ["VPN", "wifi"]);
    for (bad, why) in [
        (service("VPN line", ""), "small letters"),
        (service("", ""), "small letters"),
        (service("vpn", "") + &service("vpn", ""), "listed twice"),
        (service("mail", "") + &service("exchange", "words = [\"Mail\"]"), "means both mail and exchange"),
        (
            service("mail", "tags = [\"office\"]") + &service("office", ""),
            "the tag \"office\" is also a word for office",
        ),
        (service("mail", "name = \"Mail, calendar\""), "a comma"),
        ("services = \"vpn\"\n".to_owned(), "is a list of sections"),
        ("[outages]\nkey_prefix = \"IT\"\n".to_owned(), "must not be that of tickets"),
    ] {
        let said = problems(&bad, &[]);
        assert!(said.contains(why), "{bad}: {said}");
    }
}
