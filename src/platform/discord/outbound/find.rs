//! Looks for the messages of an earlier try: by the effect's mark in a control, or by the author and a hash of the
//! text.

use serde_json::Value;
use serenity::http::{LightMethod, Route};
use sha2::{Digest as _, Sha256};

use super::{CLOCK_SKEW, PAGE, PAGES, channel_id, custom_ids, history_is_hidden, no_list, reference};
use crate::domain::effect::Sent;
use crate::domain::ids::{EffectId, MessageRef, Tenant};
use crate::platform::discord::Shared;
use crate::platform::discord::errors::code;
use crate::platform::discord::inbound::snowflake_at;
use crate::platform::discord::render::{self, Rendered};
use crate::platform::discord::rest::RestError;
use crate::platform::{Delivery, Operation};

impl Shared {
    /// Searches the messages posted since the effect was decided. Returns the messages of the effect if all its parts
    /// are posted; otherwise remembers the parts that are.
    pub(super) async fn find_message(
        &self,
        channel: &str,
        tenant: &Tenant,
        rendered: &Rendered,
        delivery: &Delivery,
    ) -> Result<Option<Vec<MessageRef>>, RestError> {
        match self.look_through(channel, tenant, rendered, delivery).await? {
            Looked::Found(messages) => Ok(Some(messages)),
            Looked::Without => Ok(None),
            // Discord shows an empty history to a bot that may not read it. So an empty history proves nothing unless
            // the bot has the right.
            Looked::Empty if !self.may_read_history(channel_id(channel)?).await? => Err(history_is_hidden()),
            Looked::Empty => match self.look_through(channel, tenant, rendered, delivery).await? {
                Looked::Found(messages) => Ok(Some(messages)),
                Looked::Without | Looked::Empty => Ok(None),
            },
        }
    }

    async fn look_through(
        &self,
        channel: &str,
        tenant: &Tenant,
        rendered: &Rendered,
        delivery: &Delivery,
    ) -> Result<Looked, RestError> {
        let route = Route::ChannelMessages { channel_id: channel_id(channel)? };
        let since = delivery.since.checked_sub(CLOCK_SKEW).unwrap_or(delivery.since);
        let mut after = snowflake_at(since);
        // The texts of earlier tries are compared, not the text of now: the record may have changed since.
        let now = sent_of(rendered);
        let tries = if delivery.sent.is_empty() { std::slice::from_ref(&now) } else { delivery.sent.as_slice() };
        let wholes: Vec<&String> = tries.iter().filter_map(|sent| sent.0.last()).collect();
        let newest_try = tries.last().map_or(&[][..], |sent| sent.0.as_slice());
        let last = newest_try.len().saturating_sub(1);
        let mut done: Vec<Value> = Vec::new();
        let mut shows_nothing = true;
        for _ in 0..PAGES {
            let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
            let page = match self.rest.call(LightMethod::Get, route, &query, None).await {
                // The thread was never started.
                Err(error) if error.is(code::UNKNOWN_CHANNEL) => return Ok(Looked::Without),
                other => other?,
            };
            // An answer without a list must not pass for a history without the message.
            let page = page.as_array().ok_or_else(no_list)?;
            shows_nothing &= page.is_empty();
            for message in page.iter().rev().filter(|message| message["author"]["id"] == self.me.to_string()) {
                let content = message["content"].as_str().unwrap_or_default().trim();
                let is_marked = custom_ids(message).any(|id| render::is_marked(id, &delivery.effect));
                let hash = hash_of(content);
                if is_marked || (custom_ids(message).next().is_none() && wholes.contains(&&hash)) {
                    self.forget_parts(&delivery.effect);
                    done.push(message.clone());
                    let messages = done.iter().map(|message| reference(tenant, message)).collect::<Result<_, _>>()?;
                    return Ok(Looked::Found(messages));
                }
                if done.len() < last && Some(&hash) == newest_try.get(done.len()) {
                    done.push(message.clone());
                }
            }
            let newest = page.iter().filter_map(|message| message["id"].as_str()?.parse::<u64>().ok()).max();
            match newest {
                Some(newest) if page.len() >= PAGE => after = newest,
                Some(_) | None => break,
            }
        }
        self.forget_parts(&delivery.effect);
        for part in done {
            self.note_part(&delivery.effect, part);
        }
        Ok(if shows_nothing { Looked::Empty } else { Looked::Without })
    }
}

/// The result of searching a history.
enum Looked {
    /// The last part is posted, and so the whole message.
    Found(Vec<MessageRef>),
    /// The message is not posted, or not whole: there are other messages, or the place does not exist.
    Without,
    /// The history is empty.
    Empty,
}

/// Returns hashes of the parts that a try would send; `None` if the operation posts no message that can be found.
pub(in crate::platform::discord) fn fingerprint(effect: &EffectId, operation: &Operation) -> Option<Sent> {
    match operation {
        Operation::Post { message, .. } | Operation::Hint { message, .. } => {
            Some(sent_of(&render::message(message, effect)))
        }
        Operation::Update { .. } | Operation::Silent(_) | Operation::Whisper { .. } => None,
    }
}

fn sent_of(rendered: &Rendered) -> Sent {
    Sent(rendered.parts.iter().map(|part| hash_of(part)).collect())
}

/// Returns the hash of a text without its surrounding white space, which Discord removes.
fn hash_of(text: &str) -> String {
    hex::encode(&Sha256::digest(text.trim())[..8])
}
