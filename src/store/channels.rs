//! The channels of each tenant, as the platforms last told of them.

use std::collections::HashMap;

use jiff::Timestamp;

use super::port::{Ask, Tx};
use super::row::{Row, ms};
use super::statement::{Text, statement, texts};
use super::{Store, StoreError};
use crate::domain::channel::{Access, Channel};
use crate::domain::ids::{Conversation, Place, PlatformName, Tenant};

/// How many channels are written in one transaction.
const WRITTEN_AT_ONCE: usize = 200;

texts! {
    /// The channels of a tenant.
    CHANNELS = Text::both("SELECT channel, name, access FROM channels WHERE platform = $1 AND tenant = $2");
    /// Some channels of tenants.
    THESE_CHANNELS = Text::both(
        "WITH v (platform, tenant, channel) AS (VALUES ($1, $2, $3)) \
         SELECT c.platform, c.tenant, c.channel, c.name, c.access FROM v JOIN channels AS c \
         ON c.platform = v.platform AND c.tenant = v.tenant AND c.channel = v.channel"
    );
    /// The channels of this name, on one platform or on all.
    CHANNELS_NAMED = Text::both(
        "SELECT platform, tenant, channel, name, access FROM channels WHERE name = $1 \
         AND (CAST($2 AS TEXT) IS NULL OR platform = $2) ORDER BY number LIMIT $3"
    );
    /// The tenants of a platform whose channels are known.
    TENANTS = Text::both("SELECT DISTINCT tenant FROM channels WHERE platform = $1");
    /// A channel is gone.
    DROP_CHANNEL = Text::both("DELETE FROM channels WHERE platform = $1 AND tenant = $2 AND channel = $3");
    /// How many channels are so.
    CHANNELS_WITH = Text::both("SELECT count(*) AS channels FROM channels WHERE access = $1");
    /// Whether any channel of a tenant is known.
    ANY_CHANNEL = Text::both("SELECT number FROM channels WHERE platform = $1 AND tenant = $2 LIMIT 1");
    /// The next channels that can be written to.
    CHANNELS_BEHIND = Text::both(
        "SELECT number, platform, tenant, channel, name, access FROM channels WHERE access = $1 AND number > $2 \
         ORDER BY number LIMIT $3"
    );
    /// How many channels of a platform can be written to.
    CHANNELS_OPEN = Text::both("SELECT count(*) AS channels FROM channels WHERE access = 'open' AND platform = $1");
    /// A channel is this now.
    PUT_CHANNEL = Text::both(
        "INSERT INTO channels (platform, tenant, channel, name, access, told_at_ms) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (platform, tenant, channel) DO UPDATE SET access = excluded.access, told_at_ms = excluded.told_at_ms, \
         name = CASE WHEN excluded.name = '' THEN channels.name ELSE excluded.name END \
         WHERE excluded.told_at_ms >= channels.told_at_ms"
    );
}

/// What is known of some channels; what nobody has told of is left out.
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

/// The channels of this name, on this platform or on all, at most `limit`. Those that cannot be written to only if no other has it.
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

/// How many channels are so.
///
/// # Errors
/// If the database is away.
pub async fn count_with(ask: &mut dyn Ask, access: Access) -> Result<u64, StoreError> {
    let asked = statement(CHANNELS_WITH).bind(access.as_str());
    Ok(ask.one(asked, |row| row.count("channels")).await?.unwrap_or_default())
}

/// The next channels that are so, behind this one, each with its number.
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

/// How many channels of a platform the bot can write into that are nobody else's.
///
/// # Errors
/// If the database is away.
pub async fn open_on(ask: &mut dyn Ask, platform: PlatformName) -> Result<u64, StoreError> {
    let asked = statement(CHANNELS_OPEN).bind(platform.as_str());
    Ok(ask.one(asked, |row| row.count("channels")).await?.unwrap_or_default())
}

/// A channel is gone.
///
/// # Errors
/// If the database is away.
pub fn drop(tx: &mut dyn Tx, channel: &Place) -> Result<(), StoreError> {
    let Tenant { platform, id } = &channel.tenant;
    tx.write(statement(DROP_CHANNEL).bind(platform.as_str()).bind(id).bind(channel.channel()))
}

/// A channel was this at a moment, unless something later is known of it.
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
    /// What is known of the channels of a tenant.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channels(&self, tenant: &Tenant) -> Result<Vec<Channel>, StoreError> {
        let asked = statement(CHANNELS).bind(tenant.platform.as_str()).bind(&tenant.id);
        self.reader().await?.all(asked, channel).await
    }

    /// The tenants of a platform whose channels are known.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn tenants(&self, platform: PlatformName) -> Result<Vec<Tenant>, StoreError> {
        let asked = statement(TENANTS).bind(platform.as_str());
        self.reader().await?.all(asked, |row| Ok(Tenant { platform, id: row.get("tenant")? })).await
    }

    /// These channels were so at a moment, but for what is known since; each page of them in a transaction of its own, so that nobody
    /// waits for long.
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
