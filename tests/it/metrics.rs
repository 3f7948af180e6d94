//! The metrics: `/metrics` of the real program, their documentation, and the alert rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deskbell::metrics::{self, Metric};
use deskbell::sandbox::stage::Platforms;
use deskbell::sandbox::{Fault, Spot, World};
use regex::Regex;

use crate::harness::{Desk, patiently};
use crate::program::Site;

/// The answer of `/metrics`. The keys of `values` are names with labels.
struct Shown {
    text: String,
    values: BTreeMap<String, f64>,
}

impl Shown {
    fn of(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        Self { values: lines.map(value).collect(), text }
    }

    async fn at(address: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(format!("http://{address}/metrics")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], metrics::CONTENT_TYPE);
        Self::of(answer.text().await.expect("a text"))
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    fn assert(&self, name: &str, value: f64) {
        assert_eq!(self.get(name), Some(value), "{name} in\n{}", self.text);
    }
}

/// The program is a process of its own here, so that other tests are not counted.
#[tokio::test]
async fn a_mention_and_what_came_of_it_can_be_read_as_numbers() {
    let site = Site::open(Platforms::BOTH, "").await;
    let program = site.serve();
    program.ready().await;
    let address = program.health_address().await;
    let (slack, discord) = (Arc::clone(&site.stage.slack), Arc::clone(&site.stage.discord));
    // Slack refuses one post (the confirmation or the card) for a second, Discord its card for an hour.
    let retry_after = Duration::from_secs(1);
    slack.inject(Fault::RateLimit { method: "chat.postMessage".to_owned(), retry_after, times: 1 });
    let method = "POST /channels/{id}/messages".to_owned();
    discord.inject(Fault::RateLimit { method, retry_after: Duration::from_secs(3_600), times: 1 });
    slack.say("jeff", &Spot::channel("sales"), "@desk the printer is jammed", None).await.expect("said");

    let end = [
        ("deskbell_deliveries_total{platform=\"slack\",kind=\"show_confirmation\",end=\"done\"}", 1.0),
        ("deskbell_deliveries_total{platform=\"slack\",kind=\"show_card\",end=\"done\"}", 1.0),
        ("deskbell_retries_total{platform=\"discord\"}", 1.0),
        // The card on Discord waits. The gauges have been measured by now.
        ("deskbell_outbox_depth", 1.0),
        ("deskbell_outbox_leased", 0.0),
        ("deskbell_tickets_open", 1.0),
        ("deskbell_ready", 1.0),
    ];
    let shown = patiently("the metrics are as expected", async {
        loop {
            let shown = Shown::at(&address).await;
            if end.iter().all(|(name, value)| shown.get(name) == Some(*value)) {
                return shown;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;

    shown.assert("deskbell_events_total{kind=\"message_posted\",outcome=\"opened\"}", 1.0);
    shown.assert("deskbell_intake_lag_seconds_count{kind=\"message_posted\"}", 1.0);
    shown.assert("deskbell_intake_lag_seconds_bucket{kind=\"message_posted\",le=\"+Inf\"}", 1.0);
    shown.assert("deskbell_delivery_lag_seconds_count{platform=\"slack\",kind=\"show_confirmation\"}", 1.0);
    shown.assert("deskbell_delivery_lag_seconds_count{platform=\"slack\",kind=\"show_card\"}", 1.0);
    let sum = |kind| shown.get(&format!("deskbell_delivery_lag_seconds_sum{{platform=\"slack\",kind=\"{kind}\"}}"));
    let waited = [sum("show_confirmation"), sum("show_card")];
    assert!(waited.iter().any(|lag| *lag >= Some(1.0)), "one of them waited for a second: {waited:?}");
    shown.assert("deskbell_retries_total{platform=\"slack\"}", 1.0);
    for platform in ["slack", "discord"] {
        shown.assert(&format!("deskbell_refusals_total{{platform=\"{platform}\"}}"), 1.0);
        shown.assert(&format!("deskbell_connected{{platform=\"{platform}\"}}"), 1.0);
        shown.assert(&format!("deskbell_reconnects_total{{platform=\"{platform}\"}}"), 0.0);
        shown.assert(&format!("deskbell_caught_up_events_total{{platform=\"{platform}\"}}"), 0.0);
    }
    shown.assert("deskbell_outbox_failed", 0.0);
    shown.assert("deskbell_dead_events_total", 0.0);
    shown.assert("deskbell_dead_events_kept", 0.0);
    let open = shown.get("deskbell_pool_connections{pool=\"sqlite_readers\",state=\"open\"}").expect("a pool");
    let idle = shown.get("deskbell_pool_connections{pool=\"sqlite_readers\",state=\"idle\"}").expect("a pool");
    assert!(open >= 1.0 && idle <= open, "{idle} of {open} are idle");

    assert_holds_no_ids(&shown);
    site.stage.close().await;
    program.terminate().await.succeeded();
}

/// The test has a recorder of its own, set for its thread. All tasks of the program run on that thread.
#[tokio::test]
async fn what_comes_twice_and_what_cannot_be_handled_is_counted_as_that() {
    use sqlx::Connection as _;
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let desk = Desk::open().await;
    let world = desk.slack();
    world.inject(Fault::DeliverTwice { times: 1 });
    desk.ask(&world, "jeff", "@desk the printer is jammed").await;
    // The row of the ticket is damaged, so that the ticket cannot be read.
    let file = desk.folder.path().join("desk.db");
    let mut raw = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("opened");
    sqlx::query("UPDATE tickets SET origin_message_json = '{}'").execute(&mut raw).await.expect("written");
    raw.close().await.expect("closed");
    desk.command(&world, "mia", "claim IT-1001").await;

    let shown = Shown::of(recorder.handle().render());
    shown.assert("deskbell_events_total{kind=\"message_posted\",outcome=\"opened\"}", 1.0);
    shown.assert("deskbell_events_total{kind=\"message_posted\",outcome=\"repeated\"}", 1.0);
    shown.assert("deskbell_events_total{kind=\"acted\",outcome=\"dead\"}", 1.0);
    shown.assert("deskbell_dead_events_total", 1.0);
    desk.stop_unchecked().await;
}

/// Checks that every line is of a documented metric with documented labels, and that no value of a label is an id.
fn assert_holds_no_ids(shown: &Shown) {
    let label = Regex::new(r#"([a-z]+)="([^"]*)""#).expect("a pattern");
    let number = Regex::new(r"^(\d+(\.\d+)?|\+Inf)$").expect("a pattern");
    let word = Regex::new("^[a-z]+(_[a-z]+)*$").expect("a pattern");
    for line in shown.values.keys() {
        let metric = metric(line.split('{').next().unwrap_or_default());
        let metric = metric.unwrap_or_else(|| panic!("{line} is no documented metric"));
        for found in label.captures_iter(line) {
            let (name, value) = (&found[1], &found[2]);
            let fits = if name == "le" { number.is_match(value) } else { word.is_match(value) };
            assert!(fits && (name == "le" || metric.labels.contains(&name)), "{line}");
        }
    }
    for secret in ["jeff", "Jeff", "printer", "xoxb", "xapp", "IT-"] {
        assert!(!shown.text.contains(secret), "{secret} in\n{}", shown.text);
    }
}

#[test]
fn the_documentation_describes_every_metric_as_it_is() {
    let text = read("docs/operations/metrics.md");
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with("| `deskbell_")).collect();
    let wanted: Vec<String> = metrics::ALL.iter().map(row).collect();
    assert_eq!(found, wanted, "the table is to be:\n{}\n", wanted.join("\n"));
    for name in names_in(&text) {
        assert!(metric(&name).is_some(), "{name} does not exist");
    }
}

#[test]
fn the_alert_rules_ask_for_metrics_and_labels_that_exist() {
    let text = read("docs/operations/alerts.yml");
    let names = names_in(&text);
    assert!(!names.is_empty());
    for name in &names {
        assert!(metric(name).is_some(), "{name} does not exist");
    }
    let selected = Regex::new(r"(deskbell_[a-z_]+)\{([^}]*)\}").expect("a pattern");
    for found in selected.captures_iter(&text) {
        let metric = metric(&found[1]).expect("it exists");
        for label in found[2].split(',').filter_map(|one| one.split(['=', '!']).next()) {
            assert!(metric.labels.contains(&label.trim()), "{} has no label {label}", metric.name);
        }
    }
    let count = |what: &str| text.lines().filter(|line| line.trim_start().starts_with(what)).count();
    for what in ["expr:", "labels: { severity:", "summary:", "description:"] {
        assert_eq!(count(what), count("- alert:"), "every alert has {what}");
    }
}

fn row(metric: &Metric) -> String {
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    let (name, kind, unit, help) = (metric.name, metric.kind.name(), metric.unit, metric.help);
    format!("| `{name}` | {kind} | {} | {unit} | {help} |", labels.join(", "))
}

/// Returns the metric with this name, which may have the suffix of a histogram's line.
fn metric(name: &str) -> Option<&'static Metric> {
    let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| name.strip_suffix(part));
    let of = |metric: &Metric| std::iter::once(name).chain(parts.clone()).any(|name| name == metric.name);
    metrics::ALL.iter().find(|metric| of(metric))
}

fn names_in(text: &str) -> BTreeSet<String> {
    let name = Regex::new("deskbell_[a-z_]+").expect("a pattern");
    name.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("it is there")
}
