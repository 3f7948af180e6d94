//! Reads one message and the messages before it.

use std::collections::VecDeque;

use super::Workspace;
use super::api::{CallError, Repeat};
use super::directory::Names;
use super::inbound::{SlackMessage, read_message};
use super::outbound::Pages;
use crate::domain::event::{Found, Look};
use crate::platform::{DeliveryError, Receipt};

impl Workspace {
    /// Returns the message as it is now, and people's last messages before it in its channel or thread.
    pub(super) async fn look(&self, look: &Look) -> Result<Receipt, DeliveryError> {
        let (channel, message) = (look.place.channel(), &look.message);
        let (limit, is_direct) = (usize::from(look.before) + 1, look.place.is_direct());
        let mut params = vec![("latest", message.id.clone()), ("inclusive", "true".to_owned())];
        if look.before == 0 {
            params.push(("oldest", message.id.clone()));
        }
        let mut read: VecDeque<SlackMessage> = VecDeque::with_capacity(limit);
        let found = match look.place.root() {
            Some(root) => {
                let params = [params, vec![("ts", root.to_owned())]].concat();
                // Slack returns a thread from its beginning, so only the last messages are kept.
                let keep = |one: &serde_json::Value| {
                    read.extend(read_message(one, channel, is_direct, &self.me));
                    if read.len() > limit {
                        read.pop_front();
                    }
                    None::<()>
                };
                match self.pages("conversations.replies", channel, &params, keep).await {
                    Ok(Pages::Unread) => Err(CallError::Unreadable),
                    read => read.map(drop),
                }
            }
            None => {
                let page = [params, vec![("channel", channel.to_owned()), ("limit", limit.to_string())]].concat();
                let page = self.api.get("conversations.history", &page, self.api.deadline()).await;
                page.and_then(|page| {
                    // Slack lists the newest message first.
                    let messages = page["messages"].as_array().ok_or(CallError::Unreadable)?;
                    read.extend(
                        messages.iter().rev().filter_map(|one| read_message(one, channel, is_direct, &self.me)),
                    );
                    Ok(())
                })
            }
        };
        found.map_err(|error| self.failed(error, Repeat::Harmless))?;
        let mut all = Found::default();
        for one in &read {
            if one.ts == message.id {
                all.message = self.said(one).await;
            } else {
                // Of earlier messages only the ids of authors and mentions matter, so no names are looked up.
                all.before.extend(self.me.said(one, &Names::default()));
            }
        }
        all.before.sort_by_key(|said| said.at);
        all.before.dedup_by(|one, other| one.message == other.message);
        Ok(Receipt::Looked(Box::new(all)))
    }
}
