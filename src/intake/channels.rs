//! Stores the channels that the platforms report, for previews and audiences of announcements.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Intake, StoreError};
use crate::desk::services;
use crate::domain::channel::{Access, Channel};
use crate::domain::ids::{Conversation, Place, PlatformName, Tenant};
use crate::store::channels;

impl Intake {
    /// Keeps the channels of a tenant that the bot can see, from a listing that began at `since`. All other channels of
    /// the tenant become closed. Only changes are written, and none that is older than what is known.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channels_are(&self, tenant: &Tenant, told: Vec<Channel>, since: Timestamp) -> Result<(), StoreError> {
        let known = self.inner.store.channels(tenant).await?;
        let mut known: HashMap<String, Channel> =
            known.into_iter().map(|channel| (channel.id.clone(), channel)).collect();
        let mut news = Vec::new();
        for channel in told {
            if known.remove(&channel.id).is_none_or(|before| is_news(&before, &channel)) {
                news.push(channel);
            }
        }
        let gone = known.into_values().filter(|channel| channel.access != Access::Closed);
        news.extend(gone.map(|channel| Channel { access: Access::Closed, ..channel }));
        self.inner.store.put_channels(tenant, &news, since).await
    }

    /// Keeps the current state of a channel.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channel_is(&self, tenant: &Tenant, channel: Channel, at: Timestamp) -> Result<(), StoreError> {
        self.inner.store.put_channels(tenant, &[channel], at).await
    }

    /// Marks a channel, if it is known, as closed to the bot.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channel_is_closed(&self, tenant: &Tenant, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let known = self.inner.store.channels(tenant).await?.into_iter().find(|channel| channel.id == id);
        match known {
            Some(channel) => self.channel_is(tenant, Channel { access: Access::Closed, ..channel }, at).await,
            None => Ok(()),
        }
    }

    /// Deletes a channel that is gone. The channel follows no service any more.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channel_is_gone(&self, tenant: &Tenant, id: &str) -> Result<(), StoreError> {
        let at = Conversation::Channel { channel: id.to_owned() };
        let (channel, now) = (Place { tenant: tenant.clone(), at }, self.inner.clock.now());
        let gone = self.inner.store.within(move |tx| {
            let channel = channel.clone();
            Box::pin(async move {
                services::record::unfollow_all(tx, &channel, now)?;
                channels::drop(tx, &channel)
            })
        });
        gone.await
    }

    /// Marks as closed the channels of the tenants that are no longer `served`, among the tenants of this platform that
    /// `is_asked` selects.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn only_served(
        &self,
        platform: PlatformName,
        is_asked: impl Fn(&Tenant) -> bool,
        served: &[Tenant],
    ) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        for tenant in self.inner.store.tenants(platform).await? {
            if is_asked(&tenant) && !served.contains(&tenant) {
                self.channels_are(&tenant, Vec::new(), now).await?;
            }
        }
        Ok(())
    }
}

fn is_news(before: &Channel, now: &Channel) -> bool {
    before.access != now.access || (!now.name.is_empty() && before.name != now.name.to_lowercase())
}
