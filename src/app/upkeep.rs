//! What the program does by itself, now and then: timers that are due, old words and keys to forget, is the database there,
//! and the numbers that go up and down.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::PrivacyConfig;
use crate::domain::event::{DedupeKey, Event, EventKind};
use crate::domain::ids::TicketId;
use crate::domain::permission::Roster;
use crate::http::Readiness;
use crate::intake::{Intake, erase};
use crate::metrics;
use crate::platform::Platform;
use crate::store::{Store, StoreError};

/// How often timers are looked at, in the clock's time.
const TIMERS_EVERY: Duration = Duration::from_secs(60);
/// How long to wait, in the clock's time, after some tickets have lost their words before the next do.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// How long others write, in real time, before some more old keys are forgotten.
const FORGET_EVERY: Duration = Duration::from_millis(200);
/// How often the database is asked whether it answers.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How often the numbers that go up and down are taken for `/metrics`.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn fire_timers(store: Arc<dyn Store>, intake: Intake, stop: CancellationToken) {
    loop {
        match store.due_timers(intake.clock().now(), 100).await {
            Ok(due) => {
                for (ticket, timer, at) in due {
                    let event = Event {
                        key: DedupeKey::timer(ticket, timer, at),
                        at,
                        what: EventKind::TimerFired { ticket, timer },
                    };
                    if let Err(error) = intake.handle(event).await {
                        tracing::warn!(%error, "a timer has to wait");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "timers cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = intake.clock().sleep(TIMERS_EVERY) => {}
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
                tidied = forget(&store, then) => {
                    if let Err(error) = tidied {
                        tracing::warn!(%error, "old keys cannot be forgotten");
                    }
                }
            }
        }
        if privacy.keep_tickets_days > 0
            && let Ok(then) = clock.now().checked_sub(days(privacy.keep_tickets_days))
        {
            tokio::select! {
                () = stop.cancelled() => return,
                ended = expire(&store, &clock, &roster, then) => {
                    if let Err(error) = ended {
                        tracing::warn!(%error, "words that were kept long enough are still there; trying again tomorrow");
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

/// Forgets what is from before `then`, a little at a time: whoever writes meanwhile goes first.
async fn forget(store: &Arc<dyn Store>, then: Timestamp) -> Result<(), StoreError> {
    while store.tidy(then).await? {
        tokio::time::sleep(FORGET_EVERY).await;
    }
    Ok(())
}

/// Takes words and names out of what ended before `then`, a few tickets a minute: the platforms have to follow.
async fn expire(
    store: &Arc<dyn Store>,
    clock: &Clock,
    roster: &Arc<Roster>,
    then: Timestamp,
) -> Result<(), StoreError> {
    for dead in store.dead_events(u32::MAX).await?.iter().filter(|dead| dead.buried_at < then) {
        tracing::warn!(key = dead.key.as_str(), "a dead event was kept long enough and is gone");
        store.exhume(&dead.key).await?;
    }
    let mut above = TicketId(0);
    let mut is_any = false;
    while let Some(last) = erase::expired(store, clock, roster, then, above).await? {
        (above, is_any) = (last, true);
        clock.sleep(EXPIRE_EVERY).await;
    }
    if is_any && !store.scrub().await? {
        tracing::info!("what was deleted is overwritten as soon as nobody reads it any more");
    }
    Ok(())
}

pub(super) async fn ping(store: Arc<dyn Store>, readiness: Readiness, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PING_EVERY) => {}
        }
        match store.ping().await {
            Ok(()) => readiness.set("database", true, "answers"),
            Err(error) => readiness.set("database", false, error.to_string()),
        }
    }
}

pub(super) async fn sample(
    platforms: Vec<Arc<dyn Platform>>,
    store: Arc<dyn Store>,
    readiness: Readiness,
    clock: Clock,
    stop: CancellationToken,
) {
    loop {
        metrics::ready(readiness.all());
        for platform in &platforms {
            metrics::connected(platform.name(), platform.is_connected());
            metrics::behind(platform.name(), platform.is_behind());
        }
        // While the database is away, its last numbers stand; that it is away shows in the readiness.
        if let Ok(counts) = store.counts().await {
            metrics::outbox(counts.waiting, counts.leased, counts.failed);
            metrics::outbox_age(counts.oldest_waiting_at, clock.now());
            metrics::dead_events_kept(counts.dead);
            metrics::tickets_open(counts.open);
        }
        metrics::upkeep();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SAMPLE_EVERY) => {}
        }
    }
}
