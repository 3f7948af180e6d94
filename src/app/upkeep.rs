//! Periodic work: firing timers, deleting old words and keys, checking the database, and sampling the gauges.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::runner::Platforms;
use crate::clock::Clock;
use crate::clock::real;
use crate::config::PrivacyConfig;
use crate::desk::alarms;
use crate::desk::{self, tickets};
use crate::domain::event::{DedupeKey, Event, EventKind};
use crate::domain::ids::{PlatformName, TicketId};
use crate::domain::limits;
use crate::domain::outcome::Outcome;
use crate::domain::permission::Roster;
use crate::health::{Condition, Health, Kind};
use crate::intake::Intake;
use crate::intake::erase;
use crate::metrics;
use crate::store::{Store, StoreError};

/// The longest interval between checks of timers, in the clock's time. A timer that is set for a sooner moment may fire
/// this much late.
const TIMERS_EVERY: Duration = Duration::from_secs(10);
/// The pause between portions of expired tickets whose words are deleted, in the clock's time.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// The pause between deletions of old data, in real time, so that other writers go first.
const FORGET_EVERY: Duration = Duration::from_millis(200);
/// How often the database is checked.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How long the check of the database may take.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the gauges for `/metrics` are sampled.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before telling the desk of a condition again if that failed, in the clock's time.
const TELL_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(5);

pub(super) async fn fire_timers(store: Arc<dyn Store>, intake: Intake, stop: CancellationToken) {
    loop {
        let mut wait = TIMERS_EVERY;
        match fire_due(&store, &intake).await {
            Ok(next) => {
                let until = next.map(|next| next.duration_since(intake.clock().now()));
                wait = until.and_then(|until| Duration::try_from(until).ok()).map_or(wait, |until| until.min(wait));
            }
            Err(error) => tracing::warn!(%error, "the timers that are due cannot be read; trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = intake.clock().sleep(wait) => {}
        }
    }
}

/// Fires due timers, page by page, until none is due or no timer of a page could be handled. Returns the moment of the
/// next timer.
async fn fire_due(store: &Arc<dyn Store>, intake: &Intake) -> Result<Option<Timestamp>, StoreError> {
    const PAGE: u32 = 100;
    loop {
        let now = intake.clock().now();
        let due = store.due_timers(now, PAGE).await?;
        let (is_last, mut handled) = (due.len() < PAGE as usize, 0);
        for timer in due {
            let (key, at) = (DedupeKey::timer(&timer), timer.due);
            match intake.handle(Event { key, at, what: EventKind::TimerFired(timer.clone()) }).await {
                // The timer was set again for the same moment at which it has fired.
                Ok(Outcome::Repeated) => store.clear_fired(&timer).await?,
                Ok(Outcome::Dead) => {}
                Ok(_) => handled += 1,
                Err(error) => tracing::warn!(
                    timer = timer.kind.as_str(), about = %timer.on, %error,
                    "a timer could not be handled; trying again"
                ),
            }
        }
        if is_last || handled == 0 {
            return store.next_timer(now).await;
        }
    }
}

pub(super) async fn tidy(
    store: Arc<dyn Store>,
    clock: Clock,
    privacy: PrivacyConfig,
    roster: Arc<Roster>,
    stop: CancellationToken,
) {
    let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
    loop {
        if let Ok(then) = clock.now().checked_sub(days(privacy.keep_keys_days)) {
            tokio::select! {
                () = stop.cancelled() => return,
                tidied = forget(&store, clock.now(), then) => {
                    if let Err(error) = tidied {
                        tracing::warn!(%error, "old dedupe keys and effects cannot be deleted; trying again tomorrow");
                    }
                }
            }
        }
        if let Err(error) = end_held(&store, &clock).await {
            tracing::warn!(%error, "effects that were held for too long cannot be given up; trying again tomorrow");
        }
        if privacy.keep_tickets_days > 0
            && let Ok(then) = clock.now().checked_sub(days(privacy.keep_tickets_days))
        {
            tokio::select! {
                () = stop.cancelled() => return,
                ended = expire(&store, &clock, &roster, then) => {
                    if let Err(error) = ended {
                        tracing::warn!(%error, "words of expired tickets cannot be deleted; trying again tomorrow");
                    }
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(Duration::from_secs(24 * 3600)) => {}
        }
    }
}

/// Gives up effects that have been held for too long, each with a line in the log.
async fn end_held(store: &Arc<dyn Store>, clock: &Clock) -> Result<(), StoreError> {
    let now = clock.now();
    let Ok(then) = now.checked_sub(SignedDuration::try_from(limits::HELD_AT_MOST).unwrap_or(SignedDuration::MAX))
    else {
        return Ok(());
    };
    loop {
        let ended = store.end_held(then, now).await?;
        if ended.is_empty() {
            return Ok(());
        }
        for effect in ended {
            let why = effect.error;
            tracing::error!(
                effect = %effect.id, platform = %effect.outlet, kind = effect.kind, why,
                "an effect is given up: it was held for 30 days, and nobody fixed the cause in `why`"
            );
        }
    }
}

/// Tells the desk when a condition of a platform begins or ends, on the platforms where that can be read.
pub(super) async fn tell_the_desk(intake: Intake, health: Health, stop: CancellationToken) {
    let mut told: Vec<Condition> = Vec::new();
    let mut changes = health.subscribe();
    loop {
        changes.mark_unchanged();
        let (now, conditions) = (intake.clock().now(), health.conditions());
        let is_same = |one: &Condition, other: &Condition| (one.platform, one.kind) == (other.platform, other.kind);
        for over in told.extract_if(.., |one| !conditions.iter().any(|other| is_same(one, other))) {
            // If the beginning could be told, the end can be told, too.
            let _ = say(&intake, &over, true).await;
        }
        let mut next = None;
        for condition in conditions {
            if told.iter().any(|one| is_same(one, &condition)) {
                continue;
            }
            let since = condition.since;
            let due = since.checked_add(grace(condition.kind)).unwrap_or(since);
            let look_at = if due > now {
                due
            } else if say(&intake, &condition, false).await {
                told.push(condition);
                continue;
            } else {
                // The desk could not be told: no channel of the desk is known yet, or the database is away.
                now.checked_add(TELL_AGAIN_AFTER).unwrap_or(now)
            };
            next = Some(next.map_or(look_at, |next: Timestamp| next.min(look_at)));
        }
        let wake = async {
            match next {
                Some(at) => intake.clock().sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = wake => {}
        }
    }
}

/// Returns how long a condition may last before the desk is told. Many conditions end by themselves.
fn grace(kind: Kind) -> SignedDuration {
    match kind {
        Kind::Delivery | Kind::Connection => SignedDuration::from_secs(60),
        // Anybody who finds the port can send a few badly signed requests.
        Kind::Door => SignedDuration::from_mins(5),
        // Long enough for the condition to end by itself, and long before any proof of membership expires (an hour).
        Kind::Roster => SignedDuration::from_mins(10),
        Kind::Token | Kind::Triage | Kind::Guild | Kind::Guard => SignedDuration::ZERO,
    }
}

/// Tells the desk that a condition has begun, or is over. Returns whether the desk was told, by this process or another
/// one.
async fn say(intake: &Intake, condition: &Condition, is_over: bool) -> bool {
    let Condition { platform, kind, detail, since } = condition;
    // If nothing can be posted on the platform, or nobody reads it, only the other platforms are told.
    let except = matches!(kind, Kind::Delivery | Kind::Token | Kind::Triage).then_some(*platform);
    let message = match kind {
        Kind::Guard if is_over => alarms::text::guard_sees(*platform),
        _ if is_over => alarms::text::well_again(*platform),
        Kind::Delivery => alarms::text::takes_nothing(*platform, detail),
        Kind::Token => alarms::text::refuses_the_token(*platform),
        Kind::Connection => alarms::text::hears_nothing(*platform),
        Kind::Triage => alarms::text::triage_refused(*platform, detail),
        Kind::Guild => alarms::text::removed_from_guild(detail),
        Kind::Roster => alarms::text::roster_unread(*platform),
        Kind::Door => alarms::text::port_refuses(*platform, detail),
        Kind::Guard => alarms::text::guard_is_blind(*platform, detail),
    };
    // A message of the same name is sent once an hour. The guard's condition may come and go in one channel after
    // another within that hour, so its name holds the moment at which it began.
    let which = if *kind == Kind::Guard { format!(":{}", since.as_second()) } else { String::new() };
    let name = format!("{platform}:{kind}{which}{}", if is_over { ":over" } else { "" });
    match intake.tell_the_desk(&name, except, message).await {
        Ok(outcome) => outcome != Outcome::Ignored,
        Err(error) => {
            tracing::warn!(
                %platform, %kind, is_over, %error,
                "the desk cannot be told of a condition (tried again soon) or, if `is_over`, of its end (left out)"
            );
            false
        }
    }
}

/// Deletes old data from before `then`, a little at a time, so that other writers go first.
async fn forget(store: &Arc<dyn Store>, now: Timestamp, then: Timestamp) -> Result<(), StoreError> {
    while store.tidy(then).await? || store.within(move |tx| Box::pin(desk::tidy(tx, now, then))).await? {
        real::sleep(FORGET_EVERY).await;
    }
    Ok(())
}

async fn open_tickets(store: &Arc<dyn Store>) -> Result<u64, StoreError> {
    tickets::record::open(&mut *store.reader().await?).await
}

/// Deletes dead events from before `then`, and removes words and names from tickets that ended before `then`: a few
/// tickets a minute, since the messages on the platforms must be changed as well.
async fn expire(
    store: &Arc<dyn Store>,
    clock: &Clock,
    roster: &Arc<Roster>,
    then: Timestamp,
) -> Result<(), StoreError> {
    for dead in store.dead_events(u32::MAX).await?.iter().filter(|dead| dead.buried_at < then) {
        tracing::warn!(key = dead.key.as_str(), "a dead event is deleted: it is older than privacy.keep_tickets_days");
        erase::forget_dead(store, &dead.key, clock.now()).await?;
    }
    let mut above = TicketId(0);
    let mut is_any = false;
    while let Some(last) = erase::expired(store, clock, roster, then, above).await? {
        (above, is_any) = (last, true);
        clock.sleep(EXPIRE_EVERY).await;
    }
    if is_any && !store.is_shared() && !store.scrub().await? {
        tracing::info!(
            "words of expired tickets are deleted, but SQLite's write-ahead log (the file ending in -wal) still holds \
             them until no reader uses it"
        );
    }
    Ok(())
}

pub(super) async fn ping(store: Arc<dyn Store>, health: Health, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = real::sleep(PING_EVERY) => {}
        }
        match tokio::time::timeout(PING_TIMEOUT, store.ping()).await {
            Ok(Ok(())) => health.set("database", true, "answers"),
            Ok(Err(error)) => health.set("database", false, error.to_string()),
            Err(_) => health.set("database", false, "takes nothing within two seconds"),
        }
    }
}

pub(super) async fn sample(
    platforms: Platforms,
    store: Arc<dyn Store>,
    health: Health,
    clock: Clock,
    stop: CancellationToken,
) {
    loop {
        metrics::ready(health.checks().iter().any(|check| check.name == "database" && check.ready));
        for platform in platforms.all() {
            metrics::connected(platform.name(), platform.is_connected());
            metrics::behind(platform.name(), platform.is_behind());
        }
        // Conditions are shown for every configured platform, also for one that is not connected yet and therefore not
        // in the list.
        let (checks, conditions) = (health.checks(), health.conditions());
        for platform in
            PlatformName::ALL.into_iter().filter(|name| checks.iter().any(|check| check.name == name.as_str()))
        {
            for kind in Kind::ALL {
                let is_so = conditions.iter().any(|one| (one.platform, one.kind) == (platform, kind));
                metrics::condition(platform, kind.name(), is_so);
            }
        }
        // While the database is away, the gauges keep their last values. The gauge of readiness shows that it is away.
        if let (Ok(counts), Ok(open)) = (store.counts().await, open_tickets(&store).await) {
            metrics::outbox(counts.waiting, counts.leased, counts.held, counts.failed);
            metrics::outbox_age(counts.oldest_waiting_at, clock.now());
            metrics::dead_events_kept(counts.dead);
            metrics::tickets_open(open);
        }
        metrics::upkeep();
        tokio::select! {
            () = stop.cancelled() => return,
            () = real::sleep(SAMPLE_EVERY) => {}
        }
    }
}
