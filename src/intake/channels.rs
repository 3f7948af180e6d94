//! What the adapters hear of channels: kept for announcements, and told to whoever makes one.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Intake, StoreError};
use crate::desk::services;
use crate::domain::channel::{Access, Channel};
use crate::domain::ids::{Conversation, Place, PlatformName, Tenant};
use crate::store::channels;

impl Intake {
    /// These are the channels of a tenant that the bot can see, as the platform listed them from `since` on; all others are closed
    /// to it. Only what is new is written, and nothing of which something later is known.
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

    /// A channel is so now.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channel_is(&self, tenant: &Tenant, channel: Channel, at: Timestamp) -> Result<(), StoreError> {
        self.inner.store.put_channels(tenant, &[channel], at).await
    }

    /// The bot cannot write into a channel any more, if it is known.
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

    /// A channel is gone.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channel_is_gone(&self, tenant: &Tenant, id: &str) -> Result<(), StoreError> {
        let at = Conversation::Channel { channel: id.to_owned() };
        let (channel, now) = (Place { tenant: tenant.clone(), at }, self.inner.clock.now());
        let gone = self.inner.store.within(move |tx| {
            let channel = channel.clone();
            Box::pin(async move {
                services::record::is_gone(tx, &channel, now)?;
                channels::drop(tx, &channel)
            })
        });
        gone.await
    }

    /// Of a platform only these tenants are served, of those that `is_asked`: what is known of others is closed.
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
