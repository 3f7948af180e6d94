//! The record of the desk in a PostgreSQL database, which any number of processes share.
//!
//! Each work is a transaction of its own, at READ COMMITTED: what two processes must not decide at once they lock by
//! name ([`crate::store::About`]), and a ticket is written only in the version that was read. Leases end by the
//! database's clock. Moments are kept to the millisecond.

mod dialect;
#[path = "../shared/erase.rs"]
mod erase;
mod lent;
mod news;
mod open;
#[path = "../shared/outbox.rs"]
mod outbox;
#[path = "../shared/record.rs"]
mod record;
#[path = "../shared/rows.rs"]
mod rows;
mod settling;
#[cfg(test)]
mod tests;
#[path = "../shared/tx.rs"]
mod tx;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{Connection as _, PgPool};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument as _;

use self::dialect::{FreeIds, Ids};
use self::lent::{Fate, Lent, in_time};
use self::news::{News, bump};
pub use self::open::OpenError;
use self::settling::Ended;
use self::tx::{StoreTx, Unsent};
use super::{
    About, Claim, Counts, Current, DeadEvent, Due, EndedHeld, Listed, ListedEffect, Position, Release, Settled,
    Settlement, Store, StoreError, Work, WorkerId,
};
use crate::domain::decision::Outcome;
use crate::domain::effect::{Gate, Lane};
use crate::domain::event::{DedupeKey, TimerKind};
use crate::domain::ids::{EffectId, MessageRef, PersonRef, Place, PlatformName, Tenant, TicketId, TicketKey};
use crate::domain::record::{AuditEntry, Record, Standing};
use crate::domain::ticket::Ticket;
use crate::metrics;

/// How often a write that is no decision is begun again because of a deadlock.
const TRIES: usize = 5;
/// How many ends of deliveries may wait to be stored before those who bring them have to wait to bring them.
const SETTLING: usize = 256;

/// Where the database is, and how it is used.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:5432/name`, with `sslmode` and the like behind a question mark.
    pub url: SecretString,
    /// How many connections are made at most for work; one more is for hearing of other processes.
    pub connections: u32,
    /// How often to look for work of which no word came. Real time.
    pub look_every: Duration,
}

impl PostgresSettings {
    /// The usual ones for this address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: SecretString::from(url.into()), connections: 8, look_every: Duration::from_secs(2) }
    }
}

/// The record of the desk in a PostgreSQL database.
///
/// Dropping it without [`Store::close`] loses nothing that was answered.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    free: FreeIds,
    changed: watch::Sender<u64>,
    // None if it only reads.
    news: Option<News>,
    settling: Option<mpsc::Sender<Ended>>,
}

impl PostgresStore {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// If it cannot be reached or is not to be used; then nothing in it was changed.
    pub async fn open(settings: &PostgresSettings) -> Result<Arc<Self>, OpenError> {
        let options = open::options(settings.url.expose_secret())?;
        let mut conn = open::connect(&options).await?;
        open::examine(&mut conn).await?;
        open::migrate(&mut conn).await?;
        // Everything is written; that the connection does not close well changes nothing.
        let _ = conn.close().await;
        let pool = open::pool(options.clone(), settings.connections, false);
        let changed = watch::Sender::new(0);
        let news = News::begin(&pool, options, &changed, settings.look_every).await.map_err(OpenError::database)?;
        let (settling, ended) = mpsc::channel(SETTLING);
        tokio::spawn(settling::run(pool.clone(), ended).in_current_span());
        Ok(Arc::new(Self { pool, free: FreeIds::default(), changed, news: Some(news), settling: Some(settling) }))
    }

    /// Opens the database to read it only. Whatever writes fails with [`StoreError::Away`].
    ///
    /// # Errors
    /// If it cannot be reached, or its schema is not this program's.
    pub async fn open_read_only(settings: &PostgresSettings) -> Result<Arc<Self>, OpenError> {
        let options = open::options(settings.url.expose_secret())?;
        let mut conn = open::connect(&options).await?;
        let found = open::examine(&mut conn).await?;
        // Nothing was written.
        let _ = conn.close().await;
        if found != Some(open::known()) {
            return Err(OpenError::Older);
        }
        let pool = open::pool(options, settings.connections, true);
        Ok(Arc::new(Self {
            pool,
            free: FreeIds::default(),
            changed: watch::Sender::new(0),
            news: None,
            settling: None,
        }))
    }

    /// The effects or timers were changed by something that other processes may want to know of.
    fn tell(&self) {
        bump(&self.changed);
        if let Some(news) = &self.news {
            news.tell();
        }
    }
}

/// Asks outside of a transaction.
macro_rules! asks {
    ($store:ident, $($call:tt)::+ ($($argument:expr),*)) => {{
        let mut lent = Lent::of(&$store.pool).await?;
        let answer = in_time($($call)::+(lent.conn(), $($argument),*)).await;
        lent.done(answer)
    }};
}

/// Writes in a transaction, again if it ran into a deadlock.
macro_rules! commits {
    ($store:ident, $($call:tt)::+ ($($argument:expr),*)) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            let mut lent = Lent::in_transaction(&$store.pool, &[]).await?;
            let answer = in_time($($call)::+(lent.conn(), $($argument),*)).await;
            match lent.end(answer).await.0 {
                Err(StoreError::Conflict) if tries < TRIES => {}
                answer => break answer,
            }
        }
    }};
}

#[async_trait]
impl Store for PostgresStore {
    async fn decide(&self, about: About, work: Work) -> Result<Outcome, StoreError> {
        if self.news.is_none() {
            return Err(StoreError::Away("it was opened to be read only".to_owned()));
        }
        // Whoever asked may stop waiting in the middle; what was begun is finished.
        let begun = tokio::spawn(decide(self.pool.clone(), self.free.clone(), about, work).in_current_span());
        let (answer, is_news) = begun.await.map_err(|error| StoreError::Away(error.to_string()))?;
        if is_news {
            self.tell();
        }
        answer
    }

    async fn due(
        &self,
        platform: PlatformName,
        now: Timestamp,
        after: Option<(Lane, EffectId)>,
        beside: &[Gate],
        limit: u32,
    ) -> Result<Due, StoreError> {
        asks!(self, outbox::due(platform, now, after.as_ref(), beside, limit))
    }

    async fn regate(&self, gates: &[(EffectId, Gate)]) -> Result<(), StoreError> {
        if gates.is_empty() {
            return Ok(());
        }
        commits!(self, outbox::regate(gates))
    }

    async fn held_in(&self, platform: PlatformName) -> Result<Vec<(String, u64)>, StoreError> {
        asks!(self, outbox::held_in(platform))
    }

    async fn release(&self, by: Release, now: Timestamp) -> Result<u64, StoreError> {
        let effects = commits!(self, outbox::release(&by, now))?;
        if effects > 0 {
            self.tell();
        }
        Ok(effects)
    }

    async fn end_held(&self, then: Timestamp, now: Timestamp) -> Result<Vec<EndedHeld>, StoreError> {
        commits!(self, outbox::end_held(then, now))
    }

    async fn remembered(&self, name: &str) -> Result<Option<String>, StoreError> {
        asks!(self, record::remembered(name))
    }

    async fn keep_in_mind(&self, name: &str, value: &str) -> Result<(), StoreError> {
        commits!(self, record::keep_in_mind(name, value))
    }

    async fn lies_in(&self) -> Result<Option<String>, StoreError> {
        let place: String = sqlx::query_scalar(dialect::LIES_IN).fetch_one(&self.pool).await.map_err(dialect::fault)?;
        let server: Result<String, sqlx::Error> = sqlx::query_scalar(dialect::LIES_ON).fetch_one(&self.pool).await;
        let server = match server {
            Ok(server) => server,
            // Not everybody may ask that, nor does every server know.
            Err(sqlx::Error::Database(_)) => String::new(),
            Err(error) => return Err(dialect::fault(error)),
        };
        Ok(Some(format!("{server}/{place}")))
    }

    async fn without_card(&self, channel: &Place, above: TicketId, limit: u32) -> Result<Vec<TicketId>, StoreError> {
        asks!(self, record::without_card(channel, above, limit))
    }

    async fn next_due(&self, platform: PlatformName, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        asks!(self, outbox::next_due(platform, now))
    }

    async fn lease(&self, by: &WorkerId, claims: &[Claim], lasting: Duration) -> Result<Vec<EffectId>, StoreError> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let leased = commits!(self, outbox::lease(by, claims, lasting));
        bump(&self.changed);
        leased
    }

    async fn settle(
        &self,
        effect: &EffectId,
        by: &WorkerId,
        end: Settlement,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        let closed = || StoreError::Away("it was closed, or opened to be read only".to_owned());
        let (answer, settled) = oneshot::channel();
        let ended = Ended { effect: effect.clone(), by: by.clone(), end, now, answer };
        self.settling.as_ref().ok_or_else(closed)?.send(ended).await.map_err(|_| closed())?;
        let settled = settled.await.map_err(|_| closed())?;
        bump(&self.changed);
        settled
    }

    async fn current(&self, effects: &[EffectId]) -> Result<Vec<Current>, StoreError> {
        asks!(self, outbox::current(effects))
    }

    async fn take_over(
        &self,
        by: &WorkerId,
        platform: PlatformName,
        margin: Duration,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let effects = commits!(self, outbox::take_over(by, platform, margin, now))?;
        if effects > 0 {
            bump(&self.changed);
        }
        Ok(effects)
    }

    async fn spent(&self, platform: PlatformName, since: Duration) -> Result<Vec<(Vec<String>, Duration)>, StoreError> {
        asks!(self, outbox::spent(platform, since))
    }

    async fn listed(
        &self,
        which: Listed,
        before: Option<EffectId>,
        limit: u32,
    ) -> Result<Vec<ListedEffect>, StoreError> {
        asks!(self, outbox::listed(which, before.as_ref(), limit))
    }

    async fn hold(&self, name: &str, by: &WorkerId, lasting: Duration) -> Result<bool, StoreError> {
        asks!(self, outbox::hold(name, by, lasting))
    }

    async fn let_go(&self, name: &str, by: &WorkerId) -> Result<(), StoreError> {
        asks!(self, outbox::let_go(name, by))
    }

    async fn positions(&self, tenant: &Tenant) -> Result<Vec<Position>, StoreError> {
        asks!(self, record::positions(tenant))
    }

    async fn advance(&self, positions: &[Position]) -> Result<(), StoreError> {
        if positions.is_empty() {
            return Ok(());
        }
        // In one order everywhere, so that nobody waits in a circle.
        let mut positions = positions.to_vec();
        positions.sort_by(|a, b| (&a.tenant.id, &a.conversation).cmp(&(&b.tenant.id, &b.conversation)));
        commits!(self, record::advance(&positions))
    }

    async fn live(&self, tenant: &Tenant, since: Timestamp) -> Result<Vec<Place>, StoreError> {
        asks!(self, record::live(tenant, since))
    }

    async fn said_in(&self, tenant: &Tenant, channel: &str, from: &str, limit: u32) -> Result<Vec<Record>, StoreError> {
        asks!(self, record::said_in(tenant, channel, from, limit))
    }

    async fn standing(&self, ticket: TicketId) -> Result<Vec<Standing>, StoreError> {
        asks!(self, record::standing(ticket))
    }

    async fn cards(&self, tickets: &[TicketId]) -> Result<Vec<Standing>, StoreError> {
        asks!(self, record::cards(tickets))
    }

    async fn these(&self, tickets: &[TicketId]) -> Result<Vec<Ticket>, StoreError> {
        asks!(self, record::these(tickets))
    }

    async fn mirrors(&self, of: &MessageRef) -> Result<Vec<Standing>, StoreError> {
        asks!(self, record::mirrors(of))
    }

    async fn record(&self, message: &MessageRef) -> Result<Option<Record>, StoreError> {
        asks!(self, record::record(message))
    }

    async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>, StoreError> {
        asks!(self, record::ticket(id))
    }

    async fn ticket_by_key(&self, key: &TicketKey) -> Result<Option<Ticket>, StoreError> {
        asks!(self, record::ticket_by_key(key))
    }

    async fn tickets(&self, before: Option<TicketId>, limit: u32) -> Result<Vec<Ticket>, StoreError> {
        asks!(self, record::tickets(before, limit))
    }

    async fn records(&self, ticket: TicketId) -> Result<Vec<Record>, StoreError> {
        asks!(self, record::records(ticket))
    }

    async fn audit(&self, ticket: TicketId) -> Result<Vec<AuditEntry>, StoreError> {
        asks!(self, record::audit(ticket))
    }

    async fn due_timers(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(TicketId, TimerKind, Timestamp)>, StoreError> {
        asks!(self, record::due_timers(now, limit))
    }

    async fn bury(&self, key: &DedupeKey, event_json: &str, fault: &str, now: Timestamp) -> Result<(), StoreError> {
        asks!(self, record::bury(key, event_json, fault, now))
    }

    async fn dead_events(&self, limit: u32) -> Result<Vec<DeadEvent>, StoreError> {
        asks!(self, record::dead_events(limit))
    }

    async fn exhume(&self, key: &DedupeKey) -> Result<(), StoreError> {
        asks!(self, record::exhume(key))
    }

    async fn tidy(&self, then: Timestamp) -> Result<bool, StoreError> {
        let mut lent = Lent::in_transaction(&self.pool, &[]).await?;
        let tidied = record::tidy(lent.conn(), then).await;
        lent.end(tidied).await.0
    }

    async fn total(&self) -> Result<u64, StoreError> {
        asks!(self, record::total())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        metrics::pool("postgres", self.pool.size().into(), self.pool.num_idle() as u64);
        asks!(self, record::counts())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        asks!(self, record::ping())
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    async fn concerned(
        &self,
        account: &PersonRef,
        above: TicketId,
        up_to: TicketId,
    ) -> Result<Vec<TicketId>, StoreError> {
        asks!(self, erase::concerned(account, above, up_to))
    }

    async fn expired(&self, then: Timestamp, above: TicketId, up_to: TicketId) -> Result<Vec<TicketId>, StoreError> {
        asks!(self, erase::expired(then, above, up_to))
    }

    /// Not promised: what was overwritten stays in the files until PostgreSQL's own VACUUM and log rotation.
    async fn scrub(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn close(&self) {
        if let Some(news) = &self.news {
            news.end().await;
        }
        self.pool.close().await;
    }
}

/// One work in one transaction; whether the outbox or the timers are (or may be) changed.
async fn decide(pool: PgPool, free: FreeIds, about: About, work: Work) -> (Result<Outcome, StoreError>, bool) {
    let mut lent = match Lent::in_transaction(&pool, &about.names).await {
        Ok(lent) => lent,
        Err(error) => return (Err(error), false),
    };
    let mut ids = Ids::new(free);
    let (answer, touched) = {
        let mut unsent = Unsent::new();
        let mut tx = StoreTx::new(lent.conn(), &mut ids, &mut unsent, Vec::new());
        let done = AssertUnwindSafe(in_time(work(&mut tx))).catch_unwind().await;
        let answer = match done {
            Ok(Ok(outcome)) => in_time(tx.flush()).await.and_then(|()| tx.conn().map(|_| outcome)),
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(StoreError::Work(words_of(panic.as_ref()))),
        };
        (answer, tx.touched())
    };
    let (answer, fate) = lent.end(answer).await;
    match (fate, &answer) {
        (Fate::Committed, _) => ids.committed(),
        (Fate::RolledBack, Err(StoreError::Conflict)) => {
            if let Err(error) = ids.lost(lent.conn()).await {
                tracing::debug!(%error, "a ticket's number is left out");
            }
        }
        (Fate::RolledBack, _) => ids.rolled_back(),
        (Fate::Unknown, _) => {}
    }
    (answer, touched && fate != Fate::RolledBack)
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", words.unwrap_or("no words"))
}
