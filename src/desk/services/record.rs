//! The channels that follow services in the database.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::domain::channel::Channel;
use crate::domain::ids::{Place, PlatformName};
use crate::domain::outage::Service;
use crate::store::row::{json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, channels, statement};

texts! {
    FOLLOW = Text::both(
        "INSERT INTO followed_services (service, place_json, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (place_json, service) DO UPDATE SET until_ms = NULL"
    );
    /// Makes a channel stop following a service. The row is kept with its end: the channel still gets the news of
    /// outages that were announced before.
    UNFOLLOW = Text::both("UPDATE followed_services SET until_ms = $3 WHERE place_json = $1 AND service = $2 AND until_ms IS NULL");
    /// Makes a channel stop following all services, since the channel is gone.
    UNFOLLOW_ALL = Text::both("UPDATE followed_services SET until_ms = $2 WHERE place_json = $1 AND until_ms IS NULL");
    /// Selects the channels that follow a service now.
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

/// Makes a channel stop following a service.
///
/// # Errors
/// If the database is away.
pub fn unfollow(tx: &mut dyn Tx, service: &str, place: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(UNFOLLOW).bind(json(place)?).bind(service).bind(ms(now)))
}

/// Makes a channel stop following all services, since the channel is gone.
///
/// # Errors
/// If the database is away.
pub fn unfollow_all(tx: &mut dyn Tx, channel: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(UNFOLLOW_ALL).bind(json(channel)?).bind(ms(now)))
}

/// Reads the channels that follow any of these services now, sorted, each once.
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

/// Reads the last report about the channel of this place. `Some(None)`: the platform has listed its channels, and this
/// one is not among them. `None`: nothing is known, or the place is a direct conversation.
///
/// # Errors
/// If the database is away.
pub async fn here(ask: &mut dyn Ask, place: Option<&Place>) -> Result<Option<Option<Channel>>, StoreError> {
    let Some(place) = place.filter(|place| !place.is_direct()) else { return Ok(None) };
    let channel = place.parent_channel();
    let found = channels::these(ask, std::slice::from_ref(&channel)).await?.remove(&channel);
    // On Slack, a channel may follow a service before the bot is added to it, so a missing channel says nothing.
    let is_listed = place.platform() == PlatformName::Discord && channels::knows_any(ask, &place.tenant).await?;
    Ok((found.is_some() || is_listed).then_some(found))
}
