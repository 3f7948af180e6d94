//! Reads one message and the messages before it.

use serde_json::Value;
use serenity::all::{GuildId, LightMethod, Route};

use super::outbound::{channel_id, history_is_hidden, no_list};
use super::rest::RestError;
use super::{Shared, id, payload};
use crate::domain::event::{Found, Look, Said};
use crate::platform::Receipt;

impl Shared {
    /// Returns the message as it is now, and people's last messages before it in its channel or thread.
    pub(super) async fn look(&self, look: &Look) -> Result<Receipt, RestError> {
        let channel = channel_id(&look.message.channel)?;
        // Ids grow with time, so "before the next id" includes the message itself.
        let before = look.message.id.parse::<u64>().unwrap_or_default().saturating_add(1);
        let limit = usize::from(look.before) + 1;
        let query = [("before", before.to_string()), ("limit", limit.to_string())];
        let page =
            self.rest.call(LightMethod::Get, Route::ChannelMessages { channel_id: channel }, &query, None).await?;
        let Value::Array(mut page) = page else { return Err(no_list()) };
        if page.len() < limit {
            page.extend(self.starter(&look.place).await?);
        }
        let (guild, reader): (Option<GuildId>, _) = (id(&look.place.tenant.id), self.reader());
        let said = |message: &Value| -> Option<Said> {
            let Ok(message) = payload::Message::read_in(message, guild) else {
                self.count_unreadable("a message that was looked up");
                return None;
            };
            reader.said(&message, look.place.clone())
        };
        // Discord shows an empty history to a bot that may not read it.
        if page.is_empty() && !self.may_read_history(channel).await? {
            return Err(history_is_hidden());
        }
        let mut found = Found::default();
        // Discord lists the newest message first.
        for one in page.iter().rev().filter_map(said) {
            if one.message == look.message {
                found.message = Some(one);
            } else {
                found.before.push(one);
            }
        }
        Ok(Receipt::Looked(Box::new(found)))
    }
}
