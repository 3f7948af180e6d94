//! The channels that follow services.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::domain::channel::Channel;
use crate::domain::ids::{Place, PlatformName};
use crate::domain::outage::Service;
use crate::store::row::{json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, channels, statement};

texts! {
    /// A channel follows a service.
    FOLLOW = Text::both(
        "INSERT INTO followed_services (service, place_json, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (place_json, service) DO UPDATE SET until_ms = NULL"
    );
    /// A channel follows a service no more: it hears the end of what it has heard of.
    UNFOLLOW = Text::both("UPDATE followed_services SET until_ms = $3 WHERE place_json = $1 AND service = $2 AND until_ms IS NULL");
    /// A channel that is gone follows nothing.
    UNFOLLOW_ALL = Text::both("UPDATE followed_services SET until_ms = $2 WHERE place_json = $1 AND until_ms IS NULL");
    /// Every channel that follows a service now.
    FOLLOW_NOW = Text::both("SELECT place_json FROM followed_services WHERE service = $1 AND until_ms IS NULL");
}

/// The channels that follow a service now.
///
/// # Errors
/// If the database is away.
pub async fn followers_now(ask: &mut dyn Ask, service: &str) -> Result<Vec<Place>, StoreError> {
    ask.all(statement(FOLLOW_NOW).bind(service), |row| row.json("place_json")).await
}

/// A channel follows a service from now on.
///
/// # Errors
/// If the database is away.
pub fn follow(tx: &mut dyn Tx, service: &str, place: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(FOLLOW).bind(service).bind(json(place)?).bind(ms(now)))
}

/// A channel follows a service no more.
///
/// # Errors
/// If the database is away.
pub fn unfollow(tx: &mut dyn Tx, service: &str, place: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(UNFOLLOW).bind(json(place)?).bind(service).bind(ms(now)))
}

/// A channel is gone: it follows nothing any more.
///
/// # Errors
/// If the database is away.
pub fn is_gone(tx: &mut dyn Tx, channel: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(UNFOLLOW_ALL).bind(json(channel)?).bind(ms(now)))
}

/// The channels that follow any of these services now.
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

/// What is known of the channel that this is, or that its thread is in; `Some(None)` if its platform lists all that can be written to, and
/// it is none of them.
///
/// # Errors
/// If the database is away.
pub async fn here(ask: &mut dyn Ask, place: Option<&Place>) -> Result<Option<Option<Channel>>, StoreError> {
    let Some(place) = place.filter(|place| !place.is_direct()) else { return Ok(None) };
    let channel = place.open_channel();
    let found = channels::these(ask, std::slice::from_ref(&channel)).await?.remove(&channel);
    // On Slack somebody may follow for a channel that the bot is to be added to.
    let is_listed = place.platform() == PlatformName::Discord && channels::knows_any(ask, &place.tenant).await?;
    Ok((found.is_some() || is_listed).then_some(found))
}
