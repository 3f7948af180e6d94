//! What the adapters hear of channels: kept for announcements, and told to whoever makes one.

use std::collections::HashMap;

use super::{Intake, StoreError};
use crate::domain::channel::{Access, Channel};
use crate::domain::ids::Tenant;

impl Intake {
    /// These are the channels of a tenant that the bot can see, as the platform lists them; all others are closed to it. Only
    /// what is new is written.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channels_are(&self, tenant: &Tenant, told: Vec<Channel>) -> Result<(), StoreError> {
        let known = self.inner.store.channels(tenant).await?;
        let mut known: HashMap<String, Channel> =
            known.into_iter().map(|channel| (channel.id.clone(), channel)).collect();
        let mut news = Vec::new();
        for channel in told {
            let before = known.remove(&channel.id);
            let is_same =
                before.is_some_and(|it| it.access == channel.access && it.name == channel.name.to_lowercase());
            if !is_same {
                news.push(channel);
            }
        }
        let gone = known.into_values().filter(|channel| channel.access != Access::Closed);
        news.extend(gone.map(|channel| Channel { access: Access::Closed, ..channel }));
        self.inner.store.put_channels(tenant, &news).await
    }

    /// A channel is so now.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channel_is(&self, tenant: &Tenant, channel: Channel) -> Result<(), StoreError> {
        self.inner.store.put_channels(tenant, &[channel]).await
    }

    /// A channel is closed to the bot now, if it was known.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn channel_is_closed(&self, tenant: &Tenant, id: &str) -> Result<(), StoreError> {
        let known = self.inner.store.channels(tenant).await?.into_iter().find(|channel| channel.id == id);
        match known {
            Some(channel) => self.channel_is(tenant, Channel { access: Access::Closed, ..channel }).await,
            None => Ok(()),
        }
    }
}
