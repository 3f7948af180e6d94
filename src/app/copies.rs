//! A database that is a copy knows it, and gives no key again that people were told before the copy was put in place.

use std::sync::Arc;

use jiff::Timestamp;

use crate::desk::{knowledge, tickets};
use crate::domain::ids::TicketId;
use crate::store::{COPY, Sequence, Store, StoreError};

/// Under this name it is remembered where the database lies.
const LIES_IN: &str = "lies_in";
/// Under this name it is remembered how often a copy was put in place.
pub(super) const COPIES: &str = "copies";
/// Numbers that are skipped at least.
const AT_LEAST: i64 = 1_000;
/// Numbers that are skipped for every hour that the copy may be old, at least.
const AN_HOUR: i64 = 10;
/// How much busier than ever before the desk may have been since.
const BUSIER: i64 = 3;

/// Skips numbers if the database is a copy: how many were given since it was made, nobody knows.
pub async fn mind(store: &Arc<dyn Store>, now: Timestamp) -> Result<(), StoreError> {
    let is_marked = store.remembered(COPY).await?.is_some_and(|mark| !mark.is_empty());
    let (known, here) = (store.remembered(LIES_IN).await?, store.lies_in().await?);
    let is_moved = known.is_some() && here.is_some() && known != here;
    if is_marked || is_moved {
        let by = skipped(store, now).await?;
        store.within(move |tx| Box::pin(tx.skip(Sequence::Tickets, by))).await?;
        store.within(|tx| Box::pin(knowledge::record::skip_keys(tx, AT_LEAST))).await?;
        tracing::warn!(
            numbers = by,
            "this database is a copy that was put in place: numbers are skipped, so that no key is given a second time"
        );
    }
    if is_marked || is_moved {
        // Its articles are not those that an index was made from, though its changes have the same numbers.
        let copies = store.remembered(COPIES).await?.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
        store.keep_in_mind(COPIES, &(copies + 1).to_string()).await?;
    }
    if is_marked {
        store.keep_in_mind(COPY, "").await?;
    }
    if let Some(here) = here.filter(|here| known.as_ref() != Some(here)) {
        store.keep_in_mind(LIES_IN, &here).await?;
    }
    Ok(())
}

/// More numbers than the desk can have given since the copy was made: since its newest ticket, for all that it knows.
async fn skipped(store: &Arc<dyn Store>, now: Timestamp) -> Result<i64, StoreError> {
    let newest = tickets::record::page(&mut *store.reader().await?, None, 1).await?.pop();
    let oldest = tickets::record::by_id(&mut *store.reader().await?, TicketId(1)).await?;
    let Some(newest) = newest else { return Ok(AT_LEAST) };
    let hours = |from: Timestamp, to: Timestamp| to.duration_since(from).as_hours().max(0) + 1;
    let lived = hours(oldest.map_or(newest.opened_at, |oldest| oldest.opened_at), newest.opened_at);
    let an_hour = (BUSIER * (newest.id.0 / lived + 1)).max(AN_HOUR);
    Ok(AT_LEAST + an_hour.saturating_mul(hours(newest.opened_at, now)))
}
