//! The channels that the bot is in, and which of them people of another organisation read (Slack Connect).
//!
//! Each catch-up reads the list. Changes in between arrive as events. Besides, each event says whether its channel is
//! shared; a shared channel is stored at once. Source: <https://docs.slack.dev/apis/events-api#event-type-structure>.

use std::time::Duration;

use serde_json::Value;

use super::Workspace;
use super::api::CallError;
use super::catch_up::{PAGE, RETRY_AFTER, RETRY_AFTER_MAX, Reading, Trouble};
use super::inbound::{is_direct, text_of};
use crate::clock::real;
use crate::domain::channel::{Access, Channel};
use crate::domain::ids::PlatformName;
use crate::intake::{Intake, StoreError};

/// How long looking up a channel may take, in real time.
const LOOK_UP: Duration = Duration::from_secs(2);

/// Reads a channel object of Slack. Returns `None` for a direct conversation.
pub(super) fn read_channel(channel: &Value) -> Option<Channel> {
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
    /// Returns the ids of the bot's channels and direct conversations. Stores the channels.
    pub(super) async fn channels(&mut self) -> Result<Vec<String>, Trouble> {
        let params = [
            ("types", "public_channel,private_channel,im".to_owned()),
            ("exclude_archived", "true".to_owned()),
            ("limit", PAGE.to_string()),
        ];
        let since = self.workspace.clock.now();
        let (mut ids, mut told) = (Vec::new(), Vec::new());
        let read = self.pages("users.conversations", &params, "channels", |channel| {
            ids.extend(text_of(&channel["id"]).map(str::to_owned));
            told.extend(read_channel(channel));
        });
        read.await?;
        self.intake.channels_are(&self.workspace.me.tenant, told, since).await?;
        // The settings may have named the token of another workspace before: the channels of that workspace are closed.
        let ours = std::slice::from_ref(&self.workspace.me.tenant);
        self.intake.only_served(PlatformName::Slack, |_| true, ours).await?;
        Ok(ids)
    }

    /// Lists and stores the channels that the bot is in, with repeated tries. For a first start, which reads nothing
    /// else.
    pub(super) async fn note_channels(&mut self) {
        let mut wait = RETRY_AFTER;
        while let Err(trouble) = self.channels().await {
            tracing::warn!(%trouble, "the bot's channels cannot be listed now; the channels known so far are used");
            if self.is_lasting(&trouble) {
                return;
            }
            real::sleep(wait).await;
            wait = (wait * 2).min(RETRY_AFTER_MAX);
        }
    }
}

impl Workspace {
    /// Stores, once, that an event's channel is shared with another organisation.
    pub(super) async fn note_shared(&self, payload: &Value, intake: &Intake) -> Result<(), StoreError> {
        if payload["is_ext_shared_channel"] != true {
            return Ok(());
        }
        let Some(channel) = text_of(&payload["event"]["channel"]).filter(|id| !is_direct(id, &Value::Null)) else {
            return Ok(());
        };
        if !self.directory.is_shared(channel) {
            let name = self.directory.channel_name(channel).await.unwrap_or_default();
            let shared = Channel { id: channel.to_owned(), name, access: Access::Shared };
            intake.channel_is(&self.me.tenant, shared, self.clock.now()).await?;
            // Remembered only after it was stored, so that the next event tries again if storing fails.
            self.directory.learn_shared(channel);
        }
        Ok(())
    }

    /// Handles an event about a channel as a whole. Returns whether it was such an event.
    pub(super) async fn handle_channel_event(&self, event: &Value, intake: &Intake) -> Result<bool, StoreError> {
        let (kind, now) = (event["type"].as_str().unwrap_or_default(), self.clock.now());
        // A rename event holds a channel object in place of the channel's id.
        let channel = text_of(&event["channel"]).or_else(|| text_of(&event["channel"]["id"]));
        let Some(channel) = channel else { return Ok(false) };
        match kind {
            "channel_left" | "group_left" | "channel_archive" | "group_archive" => {
                intake.channel_is_closed(&self.me.tenant, channel, now).await?;
            }
            "channel_deleted" | "group_deleted" => intake.channel_is_gone(&self.me.tenant, channel).await?,
            "member_joined_channel" if event["user"] != self.me.user.as_str() => {}
            "member_joined_channel"
            | "channel_unarchive"
            | "group_unarchive"
            | "channel_shared"
            | "channel_unshared"
            | "channel_rename"
            | "group_rename" => {
                self.directory.forget_shared(channel);
                let query = [("channel", channel.to_owned())];
                // Slack waits three seconds for the acknowledgement.
                let soon = self.api.deadline().min(real::now() + LOOK_UP);
                match self.api.get("conversations.info", &query, soon).await {
                    Ok(answer) => {
                        if let Some(told) = read_channel(&answer["channel"]) {
                            intake.channel_is(&self.me.tenant, told, now).await?;
                        }
                    }
                    Err(CallError::Refused(_)) => intake.channel_is_closed(&self.me.tenant, channel, now).await?,
                    // The next catch-up reads the list again.
                    Err(error) => {
                        tracing::warn!(
                            channel, %error,
                            "the state of a channel cannot be read; it is read again when catching up"
                        )
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
