//! The log: JSON or text on standard error, one line per event, without secrets.
//!
//! Secrets are kept out of the log in three ways. The code holds them as `SecretString`. Libraries that log addresses
//! with tokens are silenced, whatever level is set. And every line passes through a writer that removes the configured
//! secrets and everything that looks like one.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, LazyLock};

use regex::Regex;
use secrecy::{ExposeSecret, SecretString};
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// The format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line, for machines.
    #[default]
    Json,
    /// Lines for people, with colours on a terminal.
    Text,
}

/// Starts the log on standard error. Panics are logged, too. `secrets` of at least eight bytes are removed from every
/// line.
///
/// # Errors
/// If the level cannot be understood, or the log was started before.
pub fn init<'a>(
    format: Format,
    level: &str,
    secrets: impl IntoIterator<Item = &'a SecretString>,
) -> Result<(), LogError> {
    subscriber(format, level, Redacted::new(secrets, io::stderr))?.try_init().map_err(|_| LogError::Started)?;
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked: {}", text.unwrap_or("no message"));
    }));
    Ok(())
}

/// Returns the subscriber that [`init`] installs, with this writer in place of standard error.
///
/// # Errors
/// If the level cannot be understood.
pub fn subscriber<W>(
    format: Format,
    level: &str,
    writer: Redacted<W>,
) -> Result<impl Subscriber + Send + Sync, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    check_level(level)?;
    let named = level.to_owned();
    let filter = EnvFilter::try_new(level)
        .map_err(|_| LogError::Level)?
        .and(filter_fn(move |metadata| is_within_ceiling(metadata, &named)).with_max_level_hint(LevelFilter::TRACE));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Json => Box::new(lines.json().flatten_event(true).with_span_list(false)),
        Format::Text => Box::new(lines.with_ansi(io::stderr().is_terminal())),
    };
    Ok(tracing_subscriber::registry().with(lines.with_filter(filter)))
}

/// Checks a level, such as `info`, or with modules: `info,deskbell::outbox=debug`.
///
/// # Errors
/// If it cannot be understood.
pub fn check_level(level: &str) -> Result<(), LogError> {
    let is_empty = level.trim().is_empty();
    if is_empty || level.split(',').any(|part| part.parse::<LevelFilter>().is_err() && !part.contains('=')) {
        return Err(LogError::Level);
    }
    EnvFilter::try_new(level).map(|_| ()).map_err(|_| LogError::Level)
}

/// Why the log did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    #[error("the log level is none of error, warn, info, debug, trace, nor a list like info,deskbell::outbox=debug")]
    Level,
    #[error("the log was started before")]
    Started,
}

/// Removes everything that looks like a secret: tokens of Slack and Discord, and secret addresses.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    static SECRET: LazyLock<Regex> = LazyLock::new(|| {
        let patterns = [
            // Slack's tokens, also the rotating ones ("xoxe.xoxb-…").
            r"(?:xoxe\.)?xox[a-z]-[A-Za-z0-9-]+",
            r"xapp-[A-Za-z0-9-]+",
            // Discord's token: the bot's id, a time and a signature.
            r"[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}",
            // Whoever knows these addresses can post.
            r"(?<keep>hooks\.slack\.com/)[^\s\x22'<>\\]+",
            r"(?<keep2>/(?:webhooks|interactions)/[0-9]+/)[A-Za-z0-9_-]+",
            // The ticket in the address of a Socket Mode connection.
            r"(?<keep3>[?&]ticket=)[^&\s\x22'<>\\]+",
            // The password in the address of a database.
            r"(?<keep4>postgres(?:ql)?://[^\s:/?@]*:)[^\s@]+(?<after>@)",
        ];
        Regex::new(&patterns.join("|")).expect("the patterns are valid")
    });
    SECRET.replace_all(text, "${keep}${keep2}${keep3}${keep4}[redacted]${after}")
}

/// Creates writers that remove secrets. Each line must arrive in one `write`, as the formatting layers do it; a secret
/// that is split between two is not found.
#[derive(Clone, Debug)]
pub struct Redacted<W> {
    writer: W,
    secrets: Arc<[SecretString]>,
}

impl<W> Redacted<W> {
    /// Creates a source of writers to `writer`. The writers remove `secrets` of at least eight bytes, and everything
    /// that looks like a secret.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>, writer: W) -> Self {
        // A very short secret would remove parts of ordinary words.
        let secrets = secrets.into_iter().filter(|secret| secret.expose_secret().len() >= 8);
        Self { writer, secrets: secrets.cloned().collect() }
    }
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Redacted<W> {
    type Writer = RedactedWriter<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        RedactedWriter { writer: self.writer.make_writer(), secrets: Arc::clone(&self.secrets) }
    }
}

/// The writer of one line.
#[derive(Debug)]
pub struct RedactedWriter<W> {
    writer: W,
    secrets: Arc<[SecretString]>,
}

impl<W: Write> Write for RedactedWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut text = String::from_utf8_lossy(line);
        for secret in self.secrets.iter().map(ExposeSecret::expose_secret) {
            if text.contains(secret) {
                text = Cow::Owned(text.replace(secret, REDACTED));
            }
        }
        self.writer.write_all(redact(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

const REDACTED: &str = "[redacted]";

/// Libraries that are logged from `warn` up, unless the level names them.
const QUIET: [&str; 10] = [
    "slack_morphism",
    "hyper",
    "hyper_util",
    "hyper_rustls",
    "reqwest",
    "h2",
    "rustls",
    "tungstenite",
    "tokio_tungstenite",
    "sqlx",
];

/// Libraries that log addresses and bodies below `info`: even if the level names them, they are not logged below
/// `info`.
const LEAKING: [&str; 2] = ["tungstenite", "tokio_tungstenite"];

/// The library that logs secrets (tickets of connections) at every level: it is never logged.
const NEVER: &str = "slack_morphism";

fn is_within_ceiling(metadata: &Metadata<'_>, named: &str) -> bool {
    let target = metadata.target();
    let krate = target.split("::").next().unwrap_or_default();
    if krate == NEVER {
        return false;
    }
    let ceiling = if !QUIET.contains(&krate) {
        LevelFilter::TRACE
    } else if !is_named(krate, named) {
        LevelFilter::WARN
    } else if LEAKING.contains(&krate) {
        LevelFilter::INFO
    } else {
        LevelFilter::TRACE
    };
    *metadata.level() <= ceiling
}

fn is_named(krate: &str, level: &str) -> bool {
    level.split(',').filter_map(|part| part.trim().strip_prefix(krate)).any(|rest| rest.starts_with([':', '=', '[']))
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, format: Format, secrets: &[SecretString], log: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = Redacted::new(secrets, {
            let page = page.clone();
            move || page.clone()
        });
        tracing::subscriber::with_default(subscriber(format, level, writer).expect("a good level"), log);
        let bytes = page.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn what_looks_like_a_secret_is_struck_out() {
        let discord = format!("{}.{}.{}", "MTA0".repeat(6), "GaBcDe", "x".repeat(38));
        let texts = [
            ("token xoxb-123-456-abcDEF end", "token [redacted] end"),
            ("xoxe.xoxp-1-Mi0yLT,xoxe-1-My0x", "[redacted],[redacted]"),
            ("xapp-1-A0-99-deadbeef\"", "[redacted]\""),
            ("to https://hooks.slack.com/services/T0/B0/XyZ now", "to https://hooks.slack.com/[redacted] now"),
            ("POST /api/v10/webhooks/42/aW50-_x?wait=true", "POST /api/v10/webhooks/42/[redacted]?wait=true"),
            ("/interactions/42/tok_en/callback", "/interactions/42/[redacted]/callback"),
            (
                "wss://wss-primary.slack.com/link/?ticket=ab-c%20d&app_id=1",
                "wss://wss-primary.slack.com/link/?ticket=[redacted]&app_id=1",
            ),
            (
                "IT-1042 in deskbell::outbox::dispatcher took 3.5 ms",
                "IT-1042 in deskbell::outbox::dispatcher took 3.5 ms",
            ),
        ];
        for (text, expected) in texts {
            assert_eq!(redact(text), expected);
        }
        assert_eq!(redact(&format!("Bot {discord}!")), "Bot [redacted]!");
    }

    #[test]
    fn the_log_holds_neither_patterns_nor_configured_secrets() {
        let secrets = [SecretString::from("8f742231b10e8888abcd99")];
        for format in [Format::Json, Format::Text] {
            let log = logged("info", format, &secrets, || {
                let _span = tracing::info_span!("event", url = "http://x/webhooks/1/secret").entered();
                tracing::info!(header = "8f742231b10e8888abcd99", "sent with {}", "xoxb-1-2-3");
            });
            assert!(log.contains("sent with [redacted]") && log.contains("webhooks/1/[redacted]"), "{log}");
            assert!(!log.contains("8f742231") && !log.contains("xoxb"), "{log}");
        }
    }

    #[test]
    fn libraries_that_log_addresses_stay_quiet() {
        let log = |level| {
            logged(level, Format::Json, &[], || {
                tracing::debug!("ours");
                tracing::debug!(target: "slack_morphism::hyper", "slack debug");
                tracing::info!(target: "slack_morphism::hyper", "slack info");
                tracing::warn!(target: "tungstenite::protocol", "socket warn");
                tracing::debug!(target: "tungstenite::protocol", "frame with a token");
                tracing::debug!(target: "sqlx::query", "sql debug");
            })
        };
        let debug = log("debug");
        assert!(debug.contains("ours") && debug.contains("socket warn"), "{debug}");
        assert!(!debug.contains("slack debug") && !debug.contains("slack info") && !debug.contains("sql"), "{debug}");
        let named = log("info,slack_morphism::hyper=trace,tungstenite=trace,sqlx=debug");
        assert!(named.contains("sql debug"), "{named}");
        assert!(!named.contains("slack info") && !named.contains("frame"), "{named}");
        assert!(!named.contains("slack debug") && !named.contains("ours"), "{named}");
    }

    #[test]
    fn a_level_is_understood_or_refused() {
        for good in ["info", "warn", "off", "info,deskbell::outbox=debug"] {
            assert_eq!(check_level(good), Ok(()), "{good}");
        }
        for bad in ["", "loud", "info,deskbell=loud", "deskbell"] {
            assert_eq!(check_level(bad), Err(LogError::Level), "{bad}");
        }
    }
}
