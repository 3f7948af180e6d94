//! Which channels the bot is in, and which of them people of another organisation read (Slack Connect).
//!
//! The list is read with each catch-up. What changes meanwhile is told by events, and each event says besides whether its
//! channel is shared: that is believed at once. Source: <https://docs.slack.dev/apis/events-api#event-type-structure>.

use serde_json::Value;

use super::Workspace;
use super::api::CallError;
use super::catch_up::{PAGE, Reading, Trouble};
use super::inbound::{is_direct, text_of};
use crate::domain::channel::{Access, Channel};
use crate::intake::{Intake, StoreError};

/// A channel as Slack describes it; `None` for a direct conversation.
pub(super) fn told_of(channel: &Value) -> Option<Channel> {
    let id = text_of(&channel["id"])?;
    if is_direct(id, &Value::Null) || channel["is_im"] == true || channel["is_mpim"] == true {
        return None;
    }
    let access = if channel["is_archived"] == true || channel["is_member"] == false {
        Access::Closed
    } else if channel["is_ext_shared"] == true {
        Access::Shared
    } else {
        Access::Open
    };
    Some(Channel { id: id.to_owned(), name: text_of(&channel["name"]).unwrap_or_default().to_owned(), access })
}

impl Reading<'_> {
    /// The channels that the bot is in, and its direct conversations; the former are kept.
    pub(super) async fn channels(&mut self) -> Result<Vec<String>, Trouble> {
        let params = [
            ("types", "public_channel,private_channel,im".to_owned()),
            ("exclude_archived", "true".to_owned()),
            ("limit", PAGE.to_string()),
        ];
        let (mut ids, mut told) = (Vec::new(), Vec::new());
        let read = self.pages("users.conversations", &params, "channels", |channel| {
            ids.extend(text_of(&channel["id"]).map(str::to_owned));
            told.extend(told_of(channel));
        });
        read.await?;
        self.intake.channels_are(&self.desk.me.tenant, told).await?;
        Ok(ids)
    }

    /// Keeps the channels that the bot is in, where nothing else is to be read.
    pub(super) async fn note_channels(&mut self) {
        if let Err(trouble) = self.channels().await {
            tracing::warn!(%trouble, "which channels the bot is in cannot be read now");
        }
    }
}

impl Workspace {
    /// Notes that an event's channel is shared with another organisation, once.
    pub(super) async fn note_shared(&self, payload: &Value, intake: &Intake) -> Result<(), StoreError> {
        if payload["is_ext_shared_channel"] != true {
            return Ok(());
        }
        let Some(channel) = text_of(&payload["event"]["channel"]).filter(|id| !is_direct(id, &Value::Null)) else {
            return Ok(());
        };
        if self.directory.learn_shared(channel) {
            let name = self.directory.channel_name(channel).await.unwrap_or_default();
            let shared = Channel { id: channel.to_owned(), name, access: Access::Shared };
            intake.channel_is(&self.me.tenant, shared).await?;
        }
        Ok(())
    }

    /// Something happened to a channel as a whole; whether it was such an event.
    pub(super) async fn hear_of_channel(&self, event: &Value, intake: &Intake) -> Result<bool, StoreError> {
        let kind = event["type"].as_str().unwrap_or_default();
        let Some(channel) = text_of(&event["channel"]) else { return Ok(false) };
        match kind {
            "channel_left" | "group_left" | "channel_archive" | "group_archive" | "channel_deleted"
            | "group_deleted" => {
                intake.channel_is_closed(&self.me.tenant, channel).await?;
            }
            "member_joined_channel" if event["user"] != self.me.user.as_str() => {}
            "member_joined_channel"
            | "channel_unarchive"
            | "group_unarchive"
            | "channel_shared"
            | "channel_unshared" => {
                self.directory.forget_shared(channel);
                let query = [("channel", channel.to_owned())];
                match self.api.get("conversations.info", &query, self.api.deadline()).await {
                    Ok(answer) => {
                        if let Some(told) = told_of(&answer["channel"]) {
                            intake.channel_is(&self.me.tenant, told).await?;
                        }
                    }
                    Err(CallError::Refused(_)) => intake.channel_is_closed(&self.me.tenant, channel).await?,
                    // The next catch-up reads the list again.
                    Err(error) => tracing::warn!(channel, %error, "how a channel is cannot be read"),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
