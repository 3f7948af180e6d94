//! The channels that follow services, in the database.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::domain::channel::Channel;
use crate::domain::ids::{Place, PlatformName};
use crate::domain::outage::Service;
use crate::store::row::{json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, channels, statement};

texts! {
    /// Makes a channel follow a service.
    FOLLOW = Text::both(
        "INSERT INTO followed_services (service, place_json, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (place_json, service) DO UPDATE SET until_ms = NULL"
    );
    /// Makes a channel follow a service no longer. The end time is kept, since the channel still hears the end of
    /// running outages.
    UNFOLLOW = Text::both("UPDATE followed_services SET until_ms = $3 WHERE place_json = $1 AND service = $2 AND until_ms IS NULL");
    /// Ends all that a channel follows, since the channel is gone.
    UNFOLLOW_ALL = Text::both("UPDATE followed_services SET until_ms = $2 WHERE place_json = $1 AND until_ms IS NULL");
    /// Every channel that follows a service now.
    FOLLOW_NOW = Text::both("SELECT place_json FROM followed_services WHERE service = $1 AND until_ms IS NULL");
}

/// Reads the channels that follow a service now.
///
/// # Errors
/// If the database is away.
pub async fn followers_now(ask: &mut dyn Ask, service: &str) -> Result<Vec<Place>, StoreError> {
    ask.all(statement(FOLLOW_NOW).bind(service), |row| row.json("place_json")).await
}

/// Makes a channel follow a service.
///
/// # Errors
/// If the database is away.
pub fn follow(tx: &mut dyn Tx, service: &str, place: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(FOLLOW).bind(service).bind(json(place)?).bind(ms(now)))
}

/// Makes a channel follow a service no longer.
///
/// # Errors
/// If the database is away.
pub fn unfollow(tx: &mut dyn Tx, service: &str, place: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(UNFOLLOW).bind(json(place)?).bind(service).bind(ms(now)))
}

/// Ends all that a channel follows, since the channel is gone.
///
/// # Errors
/// If the database is away.
pub fn is_gone(tx: &mut dyn Tx, channel: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(UNFOLLOW_ALL).bind(json(channel)?).bind(ms(now)))
}

/// Reads the channels that follow any of these services now.
///
/// # Errors
/// If the database is away.
pub async fn following(ask: &mut dyn Ask, services: &[Service]) -> Result<Vec<Place>, StoreError> {
    let mut met = HashSet::new();
    for service in services {
        met.extend(followers_now(ask, &service.key).await?);
    }
    let mut met = Vec::from_iter(met);
    met.sort();
    Ok(met)
}

/// Reads what is known of the channel that this place is, or is in. `Some(None)`: the platform has listed all channels
/// that can be written to, and this channel is not among them.
///
/// # Errors
/// If the database is away.
pub async fn here(ask: &mut dyn Ask, place: Option<&Place>) -> Result<Option<Option<Channel>>, StoreError> {
    let Some(place) = place.filter(|place| !place.is_direct()) else { return Ok(None) };
    let channel = place.open_channel();
    let found = channels::these(ask, std::slice::from_ref(&channel)).await?.remove(&channel);
    // On Slack a person may make a channel follow a service before the bot is added to it.
    let is_listed = place.platform() == PlatformName::Discord && channels::knows_any(ask, &place.tenant).await?;
    Ok((found.is_some() || is_listed).then_some(found))
}
