//! The channels of each tenant, as last reported by the platforms.

use std::collections::HashMap;

use jiff::Timestamp;

use super::port::{Ask, Tx};
use super::row::{Row, ms};
use super::statement::{Text, statement, texts};
use super::{Store, StoreError};
use crate::domain::channel::{Access, Channel};
use crate::domain::ids::{Conversation, Place, PlatformName, Tenant};

/// How many channels are written per transaction.
const WRITTEN_AT_ONCE: usize = 200;

texts! {
    /// Selects the channels of a tenant.
    CHANNELS = Text::both("SELECT channel, name, access FROM channels WHERE platform = $1 AND tenant = $2");
    /// Selects some channels by tenant and id.
    THESE_CHANNELS = Text::both(
        "WITH v (platform, tenant, channel) AS (VALUES ($1, $2, $3)) \
         SELECT c.platform, c.tenant, c.channel, c.name, c.access FROM v JOIN channels AS c \
         ON c.platform = v.platform AND c.tenant = v.tenant AND c.channel = v.channel"
    );
    /// Selects the channels of a name, on one platform or on all.
    CHANNELS_NAMED = Text::both(
        "SELECT platform, tenant, channel, name, access FROM channels WHERE name = $1 \
         AND (CAST($2 AS TEXT) IS NULL OR platform = $2) ORDER BY number LIMIT $3"
    );
    /// Selects the tenants of a platform of which any channel is known.
    TENANTS = Text::both("SELECT DISTINCT tenant FROM channels WHERE platform = $1");
    DROP_CHANNEL = Text::both("DELETE FROM channels WHERE platform = $1 AND tenant = $2 AND channel = $3");
    /// Counts the channels with a kind of access.
    CHANNELS_WITH = Text::both("SELECT count(*) AS channels FROM channels WHERE access = $1");
    /// Selects one channel of a tenant, to see whether any is known.
    ANY_CHANNEL = Text::both("SELECT number FROM channels WHERE platform = $1 AND tenant = $2 LIMIT 1");
    /// Selects the channels with a kind of access whose number is above `$2`, in order.
    CHANNELS_BEHIND = Text::both(
        "SELECT number, platform, tenant, channel, name, access FROM channels WHERE access = $1 AND number > $2 \
         ORDER BY number LIMIT $3"
    );
    /// Counts the open channels of a platform.
    CHANNELS_OPEN = Text::both("SELECT count(*) AS channels FROM channels WHERE access = 'open' AND platform = $1");
    /// Inserts or updates a channel.
    PUT_CHANNEL = Text::both(
        "INSERT INTO channels (platform, tenant, channel, name, access, told_at_ms) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (platform, tenant, channel) DO UPDATE SET access = excluded.access, told_at_ms = excluded.told_at_ms, \
         name = CASE WHEN excluded.name = '' THEN channels.name ELSE excluded.name END \
         WHERE excluded.told_at_ms >= channels.told_at_ms"
    );
}

/// Returns what is known about these channels. Channels that no platform has reported are left out.
///
/// # Errors
/// If the database is away.
pub async fn these(ask: &mut dyn Ask, places: &[Place]) -> Result<HashMap<Place, Channel>, StoreError> {
    let asked = places.iter().map(|place| {
        let tenant = &place.tenant;
        statement(THESE_CHANNELS).bind(tenant.platform.as_str()).bind(&tenant.id).bind(place.channel())
    });
    Ok(ask.all_of(asked.collect(), placed).await?.into_iter().collect())
}

/// Returns at most `limit` channels of this name, on one platform or on all. Channels that the bot cannot write to are
/// returned only if no other channel has the name.
///
/// # Errors
/// If the database is away.
pub async fn named(
    ask: &mut dyn Ask,
    name: &str,
    platform: Option<PlatformName>,
    limit: u32,
) -> Result<Vec<(Place, Channel)>, StoreError> {
    let asked = statement(CHANNELS_NAMED).bind(name).bind(platform.map(PlatformName::as_str)).bind(i64::from(limit));
    let mut found = ask.all(asked, placed).await?;
    if found.iter().any(|(_, channel)| channel.access != Access::Closed) {
        found.retain(|(_, channel)| channel.access != Access::Closed);
    }
    Ok(found)
}

/// Whether any channel of a tenant is known.
///
/// # Errors
/// If the database is away.
pub async fn knows_any(ask: &mut dyn Ask, tenant: &Tenant) -> Result<bool, StoreError> {
    let asked = statement(ANY_CHANNEL).bind(tenant.platform.as_str()).bind(&tenant.id);
    Ok(!ask.rows(asked).await?.is_empty())
}

/// Counts the channels with this access.
///
/// # Errors
/// If the database is away.
pub async fn count_with(ask: &mut dyn Ask, access: Access) -> Result<u64, StoreError> {
    let asked = statement(CHANNELS_WITH).bind(access.as_str());
    Ok(ask.one(asked, |row| row.count("channels")).await?.unwrap_or_default())
}

/// Returns the next channels with this access after a number, each with its own number.
///
/// # Errors
/// If the database is away.
pub async fn behind(
    ask: &mut dyn Ask,
    access: Access,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Place, Channel)>, StoreError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let asked = statement(CHANNELS_BEHIND).bind(access.as_str()).bind(after).bind(limit);
    let read = |row: &Row| {
        let (place, channel) = placed(row)?;
        Ok((row.count("number")?, place, channel))
    };
    ask.all(asked, read).await
}

/// Counts the channels of a platform that the bot can write to and that no other organisation shares.
///
/// # Errors
/// If the database is away.
pub async fn open_on(ask: &mut dyn Ask, platform: PlatformName) -> Result<u64, StoreError> {
    let asked = statement(CHANNELS_OPEN).bind(platform.as_str());
    Ok(ask.one(asked, |row| row.count("channels")).await?.unwrap_or_default())
}

/// Deletes a channel that is gone.
///
/// # Errors
/// If the database is away.
pub fn drop(tx: &mut dyn Tx, channel: &Place) -> Result<(), StoreError> {
    let Tenant { platform, id } = &channel.tenant;
    tx.write(statement(DROP_CHANNEL).bind(platform.as_str()).bind(id).bind(channel.channel()))
}

/// Stores a channel as it was at a moment, unless a later state is known.
///
/// # Errors
/// If the database is away.
pub fn put(tx: &mut dyn Tx, tenant: &Tenant, channel: &Channel, at: Timestamp) -> Result<(), StoreError> {
    let put = statement(PUT_CHANNEL).bind(tenant.platform.as_str()).bind(&tenant.id).bind(&channel.id);
    tx.write(put.bind(channel.name.to_lowercase()).bind(channel.access.as_str()).bind(ms(at)))
}

fn channel(row: &Row) -> Result<Channel, StoreError> {
    Ok(Channel { id: row.get("channel")?, name: row.get("name")?, access: row.named("access")? })
}

fn placed(row: &Row) -> Result<(Place, Channel), StoreError> {
    let tenant = Tenant { platform: row.named("platform")?, id: row.get("tenant")? };
    let channel = channel(row)?;
    let at = Conversation::Channel { channel: channel.id.clone() };
    Ok((Place { tenant, at }, channel))
}

impl dyn Store + '_ {
    /// Returns the known channels of a tenant.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channels(&self, tenant: &Tenant) -> Result<Vec<Channel>, StoreError> {
        let asked = statement(CHANNELS).bind(tenant.platform.as_str()).bind(&tenant.id);
        self.reader().await?.all(asked, channel).await
    }

    /// Returns the tenants of a platform of which any channel is known.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn tenants(&self, platform: PlatformName) -> Result<Vec<Tenant>, StoreError> {
        let asked = statement(TENANTS).bind(platform.as_str());
        self.reader().await?.all(asked, |row| Ok(Tenant { platform, id: row.get("tenant")? })).await
    }

    /// Stores channels as they were at a moment, except where a later state is known. Each page is written in a
    /// transaction of its own, so that no other writer waits long.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn put_channels(&self, tenant: &Tenant, channels: &[Channel], at: Timestamp) -> Result<(), StoreError> {
        for page in channels.chunks(WRITTEN_AT_ONCE) {
            let (tenant, page) = (tenant.clone(), page.to_vec());
            self.within(move |tx| {
                let (tenant, page) = (tenant.clone(), page.clone());
                Box::pin(async move { page.iter().try_for_each(|channel| put(tx, &tenant, channel, at)) })
            })
            .await?;
        }
        Ok(())
    }
}
