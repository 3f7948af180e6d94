//! Detects a database that was restored from a copy. Skips numbers in it, so that no key is given out a second time.

use std::sync::Arc;

use jiff::Timestamp;

use crate::desk::{knowledge, outages, tickets};
use crate::domain::ids::TicketId;
use crate::store::{COPY, Sequence, Store, StoreError};

/// The name under which the identity of the database at the last start is stored ([`Store::identity`]).
const IDENTITY: &str = "lies_in";
/// The name under which the number of restores is stored.
pub(super) const COPIES: &str = "copies";
/// The least number of skipped numbers.
const AT_LEAST: i64 = 1_000;
/// The least number of skipped numbers for every hour that the copy may be old.
const AN_HOUR: i64 = 10;
/// How many times busier the desk may have been since the copy was made than on average before.
const BUSIER: i64 = 3;

/// Skips numbers if the database is a copy: nobody knows how many were given out since the copy was made.
pub async fn skip_if_copied(store: &Arc<dyn Store>, now: Timestamp) -> Result<(), StoreError> {
    let is_marked = store.remembered(COPY).await?.is_some_and(|mark| !mark.is_empty());
    let (known, here) = (store.remembered(IDENTITY).await?, store.identity().await?);
    let is_moved = known.is_some() && here.is_some() && known != here;
    if is_marked || is_moved {
        let by = skipped(store, now).await?;
        store.within(move |tx| Box::pin(tx.skip(Sequence::Tickets, by))).await?;
        store.within(move |tx| Box::pin(knowledge::record::skip_keys(tx, by))).await?;
        store.within(move |tx| Box::pin(outages::record::skip_keys(tx, by))).await?;
        tracing::warn!(
            numbers = by,
            "this database was restored from a copy: numbers are skipped, so that no key is given a second time"
        );
    }
    if is_marked || is_moved {
        // A search index may hold other articles whose changes have the same numbers. Since the count of restores is
        // part of the index's source, the index is then filled anew.
        let copies = store.remembered(COPIES).await?.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
        store.keep_in_mind(COPIES, &(copies + 1).to_string()).await?;
    }
    if is_marked {
        store.keep_in_mind(COPY, "").await?;
    }
    if let Some(here) = here.filter(|here| known.as_ref() != Some(here)) {
        store.keep_in_mind(IDENTITY, &here).await?;
    }
    Ok(())
}

/// Returns how many numbers to skip: more than the desk can have given out since the copy was made. The copy is at most
/// as old as its newest ticket.
async fn skipped(store: &Arc<dyn Store>, now: Timestamp) -> Result<i64, StoreError> {
    let newest = tickets::record::page(&mut *store.reader().await?, None, 1).await?.pop();
    let oldest = tickets::record::by_id(&mut *store.reader().await?, TicketId(1)).await?;
    let Some(newest) = newest else { return Ok(AT_LEAST) };
    let hours = |from: Timestamp, to: Timestamp| to.duration_since(from).as_hours().max(0) + 1;
    let lived = hours(oldest.map_or(newest.opened_at, |oldest| oldest.opened_at), newest.opened_at);
    let an_hour = (BUSIER * (newest.id.0 / lived + 1)).max(AN_HOUR);
    Ok(AT_LEAST + an_hour.saturating_mul(hours(newest.opened_at, now)))
}
