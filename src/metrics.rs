//! Metrics for operators, in Prometheus' format.
//!
//! Every metric is described here once: its name, type, labels, unit and meaning. Tests keep the documentation and the
//! alert rules in step with this list. Labels come from closed sets (a platform, a kind, an outcome): they never
//! contain words or ids of people, channels or tickets.
//!
//! There is one recorder per process, even if several programs run in it (as in tests). Without a recorder, as in an
//! operator's command that only reads, counting does nothing.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::domain::ids::PlatformName;

/// The media type of the text that [`render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The description of a metric, which `/metrics` and the documentation repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub unit: &'static str,
    pub help: &'static str,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows, from zero at each start.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Counts of values, by size.
    Histogram,
}

impl Kind {
    /// Returns its name, as Prometheus writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Every metric, in the order in which they are documented.
pub static ALL: [Metric; 26] = [
    EVENTS,
    INTAKE_LAG,
    DEAD_EVENTS,
    DEAD_EVENTS_KEPT,
    CAUGHT_UP,
    DELIVERIES,
    DELIVERY_LAG,
    RETRIES,
    REFUSALS,
    OUTBOX_DEPTH,
    OUTBOX_LEASED,
    OUTBOX_HELD,
    OUTBOX_FAILED,
    OUTBOX_AGE,
    TICKETS_OPEN,
    PINGS,
    PING_ENDS,
    CONDITION,
    DOOR_REFUSALS,
    CONNECTED,
    BEHIND,
    RECONNECTS,
    UNREADABLE,
    GAPS,
    READY,
    POOL,
];

const EVENTS: Metric = Metric {
    name: "deskbell_events_total",
    kind: Kind::Counter,
    labels: &["kind", "outcome"],
    unit: "events",
    help: "Events by kind and outcome. `away`: not stored, since the database was away; the platform sends the event again, or the event waits.",
};
const INTAKE_LAG: Metric = Metric {
    name: "deskbell_intake_lag_seconds",
    kind: Kind::Histogram,
    labels: &["kind"],
    unit: "seconds",
    help: "The time from the platform's time stamp of an event to the commit of the event. Only for events that were stored for the first time.",
};
const DEAD_EVENTS: Metric = Metric {
    name: "deskbell_dead_events_total",
    kind: Kind::Counter,
    labels: &[],
    unit: "events",
    help: "Events whose handling failed by a fault of the program, since the start.",
};
const DEAD_EVENTS_KEPT: Metric = Metric {
    name: "deskbell_dead_events_kept",
    kind: Kind::Gauge,
    labels: &[],
    unit: "events",
    help: "Dead events that are kept and have not been replayed.",
};
const CAUGHT_UP: Metric = Metric {
    name: "deskbell_caught_up_events_total",
    kind: Kind::Counter,
    labels: &["platform"],
    unit: "events",
    help: "Events that were read from the platform's history after the program, or its connection, had been away.",
};
const DELIVERIES: Metric = Metric {
    name: "deskbell_deliveries_total",
    kind: Kind::Counter,
    labels: &["platform", "kind", "end"],
    unit: "effects",
    help: "Effects by how they ended. `done`: delivered, or nothing was left to deliver; `held`: refused for a cause that an operator can fix, and kept until then; `failed`: can never be delivered; `dropped`: a private answer that can never be delivered.",
};
const DELIVERY_LAG: Metric = Metric {
    name: "deskbell_delivery_lag_seconds",
    kind: Kind::Histogram,
    labels: &["platform", "kind"],
    unit: "seconds",
    help: "The time from the commit of an effect (or from the time for which it was planned, if that is later) to its end as `done`.",
};
const RETRIES: Metric = Metric {
    name: "deskbell_retries_total",
    kind: Kind::Counter,
    labels: &["platform"],
    unit: "tries",
    help: "Tries to deliver an effect that did not succeed and are repeated. Tries that must wait for a rate limit count, too.",
};
const REFUSALS: Metric = Metric {
    name: "deskbell_refusals_total",
    kind: Kind::Counter,
    labels: &["platform"],
    unit: "calls",
    help: "Calls that the platform answered with 429.",
};
const OUTBOX_DEPTH: Metric = Metric {
    name: "deskbell_outbox_depth",
    kind: Kind::Gauge,
    labels: &[],
    unit: "effects",
    help: "Effects that wait or are being delivered.",
};
const OUTBOX_LEASED: Metric = Metric {
    name: "deskbell_outbox_leased",
    kind: Kind::Gauge,
    labels: &[],
    unit: "effects",
    help: "Effects that are being delivered.",
};
const OUTBOX_HELD: Metric = Metric {
    name: "deskbell_outbox_held",
    kind: Kind::Gauge,
    labels: &[],
    unit: "effects",
    help: "Effects that are held until an operator fixes the cause of the refusal.",
};
const OUTBOX_FAILED: Metric = Metric {
    name: "deskbell_outbox_failed",
    kind: Kind::Gauge,
    labels: &[],
    unit: "effects",
    help: "Effects that failed for good and are still listed.",
};
const OUTBOX_AGE: Metric = Metric {
    name: "deskbell_outbox_age_seconds",
    kind: Kind::Gauge,
    labels: &[],
    unit: "seconds",
    help: "Age of the oldest effect that waits; 0 if none does.",
};
const TICKETS_OPEN: Metric = Metric {
    name: "deskbell_tickets_open",
    kind: Kind::Gauge,
    labels: &[],
    unit: "tickets",
    help: "Tickets that are open.",
};
const PINGS: Metric = Metric {
    name: "deskbell_pings_total",
    kind: Kind::Counter,
    labels: &["ruling"],
    unit: "pings",
    help: "Messages that ping staff, by the guard's ruling.",
};
const PING_ENDS: Metric = Metric {
    name: "deskbell_ping_ends_total",
    kind: Kind::Counter,
    labels: &["end"],
    unit: "pings",
    help: "What became of pings of staff. `asked`: the guard asked the author, who then `accepted`, called it `urgent` or `dismissed` it; `routed`: the guard opened a ticket at once. The share of false alarms is `dismissed` divided by the sum of `asked` and `routed`.",
};
const CONDITION: Metric = Metric {
    name: "deskbell_condition",
    kind: Kind::Gauge,
    labels: &["platform", "kind"],
    unit: "0 or 1",
    help: "Whether something keeps people on a platform from being answered or seen. `delivery`: the platform takes no messages; `token`: the platform refuses the bot's token; `connection`: no events are received; `triage`: the desk's channel refuses cards; `guild`: the bot is not in a guild that it is to serve; `roster`: the members of the desk's groups cannot be read; `door`: the platform's requests are refused at the port; `guard`: in some channel the bot may not read the messages before a ping of staff.",
};
const DOOR_REFUSALS: Metric = Metric {
    name: "deskbell_door_refusals_total",
    kind: Kind::Counter,
    labels: &["platform", "why"],
    unit: "requests",
    help: "Requests that were refused at the port. `unsigned`: without a signature, so not from Slack; `forged`: signed with another secret; `stale`: the time stamp differs too much from this machine's time; `foreign`: from another workspace; `full`: too many requests were under way, and Slack sends this one again.",
};
const CONNECTED: Metric = Metric {
    name: "deskbell_connected",
    kind: Kind::Gauge,
    labels: &["platform"],
    unit: "0 or 1",
    help: "Whether events of the platform are being received.",
};
const BEHIND: Metric = Metric {
    name: "deskbell_behind",
    kind: Kind::Gauge,
    labels: &["platform"],
    unit: "0 or 1",
    help: "Whether events may have been missed and are being read from the platform's history.",
};
const RECONNECTS: Metric = Metric {
    name: "deskbell_reconnects_total",
    kind: Kind::Counter,
    labels: &["platform"],
    unit: "connections",
    help: "Connections that replaced an earlier connection.",
};
const UNREADABLE: Metric = Metric {
    name: "deskbell_unreadable_total",
    kind: Kind::Counter,
    labels: &["platform"],
    unit: "payloads",
    help: "Payloads of a platform that lack a required field (an id, a channel, an author). The bot requests the data from the platform if it knows what the payload was about.",
};
const GAPS: Metric = Metric {
    name: "deskbell_gateway_gaps_total",
    kind: Kind::Counter,
    labels: &["kind"],
    unit: "gaps",
    help: "Gaps in the events of Discord's gateway. `numbers`: a gap in the numbers of the events; `guild`: a guild was named at the beginning of the session and did not arrive, so the bot requests it.",
};
const READY: Metric = Metric {
    name: "deskbell_ready",
    kind: Kind::Gauge,
    labels: &[],
    unit: "0 or 1",
    help: "Whether the database takes writes, as `/readyz` says.",
};
const POOL: Metric = Metric {
    name: "deskbell_pool_connections",
    kind: Kind::Gauge,
    labels: &["pool", "state"],
    unit: "connections",
    help: "Connections to the database: `open` in all, and `idle` among them.",
};

/// The upper bounds of the histograms, in seconds: from the time of a commit to the time that a notice waits for its
/// rate limit.
const BUCKETS: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];
/// Outcomes of events that were not stored, or had been stored before. Their lag would mean nothing, so none is
/// recorded.
const NOT_STORED: [&str; 3] = [AWAY, "ignored", "repeated"];

/// The outcome of an event that was not stored because the database was away.
pub const AWAY: &str = "away";
/// The end of an effect that was delivered.
pub const DONE: &str = "done";
/// The end of an effect that can never be delivered.
pub const FAILED: &str = "failed";
/// The end of a private answer that can never be delivered.
pub const DROPPED: &str = "dropped";
/// The preliminary end of an effect that is held: an operator can fix the cause.
pub const HELD: &str = "held";

/// Installs the recorder; further calls change nothing.
pub fn install() {
    let _ = handle();
}

/// Returns all metrics in Prometheus' format.
#[must_use]
pub fn render() -> String {
    handle().render()
}

/// Keeps the recorder's memory bounded. Must be called every few seconds: otherwise samples pile up until somebody
/// reads the metrics.
pub fn upkeep() {
    handle().run_upkeep();
}

/// Starts the counters that are labelled only by platform at zero, so that their first count shows as an increase.
pub fn start_counters(platform: PlatformName) {
    for metric in [RETRIES, REFUSALS, RECONNECTS, CAUGHT_UP] {
        metrics::counter!(metric.name, "platform" => platform.as_str()).increment(0);
    }
}

/// Counts a handled event by its kind and outcome ([`AWAY`] if it could not be stored). `lag` is the time since the
/// platform's time stamp. It is recorded only for events that were stored for the first time.
pub fn event(kind: &'static str, outcome: &'static str, lag: Duration) {
    metrics::counter!(EVENTS.name, "kind" => kind, "outcome" => outcome).increment(1);
    if !NOT_STORED.contains(&outcome) {
        metrics::histogram!(INTAKE_LAG.name, "kind" => kind).record(lag);
    }
}

/// Counts a dead event.
pub fn dead_event() {
    metrics::counter!(DEAD_EVENTS.name).increment(1);
}

/// Counts an effect by its end ([`DONE`], [`FAILED`], [`DROPPED`] or [`HELD`]). `lag` is the time since the effect was
/// decided or due. It is recorded only for [`DONE`].
pub fn delivery(platform: PlatformName, kind: &'static str, end: &'static str, lag: Duration) {
    metrics::counter!(DELIVERIES.name, "platform" => platform.as_str(), "kind" => kind, "end" => end).increment(1);
    if end == DONE {
        metrics::histogram!(DELIVERY_LAG.name, "platform" => platform.as_str(), "kind" => kind).record(lag);
    }
}

/// Counts a try at an effect that did not succeed and will be repeated.
pub fn retry(platform: PlatformName) {
    metrics::counter!(RETRIES.name, "platform" => platform.as_str()).increment(1);
}

/// Counts a call that a platform answered with 429.
pub fn refusal(platform: PlatformName) {
    metrics::counter!(REFUSALS.name, "platform" => platform.as_str()).increment(1);
}

/// Counts events that a catch-up read.
pub fn caught_up(platform: PlatformName, events: u64) {
    metrics::counter!(CAUGHT_UP.name, "platform" => platform.as_str()).increment(events);
}

/// Counts a socket that replaced an earlier one.
pub fn reconnect(platform: PlatformName) {
    metrics::counter!(RECONNECTS.name, "platform" => platform.as_str()).increment(1);
}

/// Sets the numbers of effects: `waiting` includes `leased`, and `failed` is for good.
pub fn outbox(waiting: u64, leased: u64, held: u64, failed: u64) {
    metrics::gauge!(OUTBOX_DEPTH.name).set(float(waiting));
    metrics::gauge!(OUTBOX_LEASED.name).set(float(leased));
    metrics::gauge!(OUTBOX_HELD.name).set(float(held));
    metrics::gauge!(OUTBOX_FAILED.name).set(float(failed));
}

/// Sets the age of the oldest waiting effect, if there is one.
pub fn outbox_age(oldest_waiting_at: Option<Timestamp>, now: Timestamp) {
    let age = oldest_waiting_at.map_or(Duration::ZERO, |since| lag(since, now));
    metrics::gauge!(OUTBOX_AGE.name).set(age.as_secs_f64());
}

/// Sets how many dead events are kept.
pub fn dead_events_kept(count: u64) {
    metrics::gauge!(DEAD_EVENTS_KEPT.name).set(float(count));
}

/// Counts the guard's ruling on a ping of staff.
pub fn ping(ruling: &'static str) {
    metrics::counter!(PINGS.name, "ruling" => ruling).increment(1);
}

/// Counts the end of a ping of staff.
pub fn ping_end(end: &'static str) {
    metrics::counter!(PING_ENDS.name, "end" => end).increment(1);
}

/// Sets how many tickets are open.
pub fn tickets_open(count: u64) {
    metrics::gauge!(TICKETS_OPEN.name).set(float(count));
}

/// Sets whether a condition of this kind exists on a platform.
pub fn condition(platform: PlatformName, kind: &'static str, is_so: bool) {
    metrics::gauge!(CONDITION.name, "platform" => platform.as_str(), "kind" => kind).set(f64::from(u8::from(is_so)));
}

/// Counts a request refused at the port.
pub fn door_refusal(platform: PlatformName, why: &'static str) {
    metrics::counter!(DOOR_REFUSALS.name, "platform" => platform.as_str(), "why" => why).increment(1);
}

/// Sets whether events of a platform are being received.
pub fn connected(platform: PlatformName, is_connected: bool) {
    metrics::gauge!(CONNECTED.name, "platform" => platform.as_str()).set(f64::from(u8::from(is_connected)));
}

/// Sets whether events may have been missed that the catch-up has not read yet.
pub fn behind(platform: PlatformName, is_behind: bool) {
    metrics::gauge!(BEHIND.name, "platform" => platform.as_str()).set(f64::from(u8::from(is_behind)));
}

/// Counts an unreadable payload of a platform.
pub fn unreadable(platform: PlatformName) {
    metrics::counter!(UNREADABLE.name, "platform" => platform.as_str()).increment(1);
}

/// The kinds of gaps in what Discord's gateway sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Sequence numbers of events are missing.
    Numbers,
    /// A guild that READY named has not arrived.
    Guild,
}

/// Counts a gap in the events of Discord's gateway.
pub fn gap(what: Gap) {
    let kind = match what {
        Gap::Numbers => "numbers",
        Gap::Guild => "guild",
    };
    metrics::counter!(GAPS.name, "kind" => kind).increment(1);
}

/// Sets whether the check of the database is ready.
pub fn ready(is_ready: bool) {
    metrics::gauge!(READY.name).set(f64::from(u8::from(is_ready)));
}

/// Sets how many connections to the database a pool holds open, and how many of them are idle.
pub fn pool(name: &'static str, size: u64, idle: u64) {
    metrics::gauge!(POOL.name, "pool" => name, "state" => "open").set(float(size));
    metrics::gauge!(POOL.name, "pool" => name, "state" => "idle").set(float(idle));
}

/// Returns the time from `from` to `to`; zero if `to` is earlier, as it can be since platforms have their own clocks.
#[must_use]
pub fn lag(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        match metrics::set_global_recorder(recorder) {
            Ok(()) => describe(),
            Err(_) => tracing::error!("another metrics recorder is installed; /metrics stays empty"),
        }
        handle
    })
}

fn builder() -> PrometheusBuilder {
    PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are buckets")
}

/// Describes all metrics to the recorder, and starts the only counter without labels at zero.
fn describe() {
    for metric in &ALL {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    metrics::counter!(DEAD_EVENTS.name).increment(0);
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what a separate recorder shows after `count`.
    fn shown(count: impl FnOnce()) -> String {
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            count();
        });
        handle.render()
    }

    #[test]
    fn every_metric_is_counted_by_a_function_and_with_the_labels_that_are_documented() {
        let slack = PlatformName::Slack;
        let text = shown(|| {
            event("message_posted", "opened", Duration::from_millis(7));
            dead_event();
            dead_events_kept(1);
            caught_up(slack, 3);
            delivery(slack, "post", DONE, Duration::from_secs(2));
            retry(slack);
            refusal(slack);
            outbox(5, 1, 4, 2);
            condition(slack, "token", true);
            door_refusal(slack, "forged");
            outbox_age(Some(Timestamp::UNIX_EPOCH), Timestamp::constant(90, 0));
            tickets_open(4);
            ping("request");
            ping_end("accepted");
            connected(slack, true);
            behind(slack, true);
            reconnect(slack);
            unreadable(slack);
            gap(Gap::Numbers);
            ready(false);
            pool("readers", 4, 3);
        });
        for metric in &ALL {
            let kind = format!("# TYPE {} {}\n", metric.name, metric.kind.name());
            assert!(text.contains(&kind), "{kind}{text}");
            assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{}: {text}", metric.name);
            let count = if metric.kind == Kind::Histogram { "_count" } else { "" };
            let begin = format!("{}{count}{}", metric.name, if metric.labels.is_empty() { " " } else { "{" });
            let line = text.lines().find(|line| line.starts_with(&begin));
            let line = line.unwrap_or_else(|| panic!("{begin} is not counted:\n{text}"));
            let labels: Vec<_> = line.split('"').step_by(2).filter_map(|part| part.strip_suffix('=')).collect();
            let labels: Vec<_> = labels.iter().map(|part| part.rsplit(['{', ',']).next().unwrap_or_default()).collect();
            assert_eq!(labels, metric.labels, "{line}");
        }
        let kinds = text.lines().filter(|line| line.starts_with("# TYPE")).count();
        assert_eq!(kinds, ALL.len(), "a metric is counted that is not in the list:\n{text}");
        for line in [
            "deskbell_intake_lag_seconds_bucket{kind=\"message_posted\",le=\"0.005\"} 0",
            "deskbell_intake_lag_seconds_bucket{kind=\"message_posted\",le=\"0.01\"} 1",
            "deskbell_delivery_lag_seconds_sum{platform=\"slack\",kind=\"post\"} 2",
            "deskbell_outbox_age_seconds 90",
            "deskbell_pool_connections{pool=\"readers\",state=\"idle\"} 3",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn only_what_was_stored_for_the_first_time_has_a_lag_and_no_lag_is_negative() {
        let text = shown(|| {
            for outcome in [AWAY, "ignored", "repeated"] {
                event("message_posted", outcome, Duration::from_secs(86_400));
            }
            delivery(PlatformName::Slack, "post", FAILED, Duration::from_secs(86_400));
        });
        assert!(text.contains("outcome=\"away\"} 1") && text.contains("end=\"failed\"} 1"), "{text}");
        assert!(!text.contains("_lag_seconds_"), "{text}");
        assert_eq!(lag(Timestamp::constant(90, 0), Timestamp::UNIX_EPOCH), Duration::ZERO);
        assert_eq!(lag(Timestamp::UNIX_EPOCH, Timestamp::constant(90, 0)), Duration::from_secs(90));
    }
}
