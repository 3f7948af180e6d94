//! Carries out deliveries by REST.
//!
//! Posts carry a nonce that Discord recognises for some minutes, and their controls carry the effect's mark. So a post
//! whose answer was lost can be found again. A long text becomes several messages. The posted parts are remembered, so
//! that a repeated delivery continues after them.
//!
//! Sources: <https://docs.discord.com/developers/resources/message#create-message>, `…/topics/threads`,
//! `…/interactions/receiving-and-responding`, `…/topics/opcodes-and-status-codes#json`.

mod find;
mod progress;

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use serenity::model::Permissions;
use serenity::model::id::{ApplicationId, ChannelId, GuildId, InteractionId, MessageId, UserId};

pub(super) use self::find::fingerprint;
pub(super) use self::progress::Unfinished;
use super::errors::{Doing, code, failed, is_expired};
use super::inbound::time_of;
use super::render::{self, Rendered};
use super::rest::RestError;
use super::{Shared, id, payload};

use crate::domain::effect::{Sign, SilentAct};
use crate::domain::event::{ReplyHandle, Said};
use crate::domain::ids::{Conversation, EffectId, MessageRef, PersonRef, Place, PlatformName, Tenant};
use crate::domain::limits::discord as limits;
use crate::domain::message::Message;
use crate::metrics;
use crate::platform::{Absence, Delivery, DeliveryError, Operation, Receipt};

/// How long a public hint stays before it is removed.
const HINT_STANDS: Duration = Duration::from_secs(60);
/// How far this machine's clock may run ahead of Discord's.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(2);
/// The number of messages per page of a history, and the largest number of pages to search for a post.
const PAGE: usize = 100;
const PAGES: usize = 10;
/// The minutes after which Discord archives an idle thread of the bot.
const ARCHIVE_MINUTES: u32 = 60;
/// The flag of a message that only one person sees.
const EPHEMERAL: u32 = 1 << 6;
/// The data for answering an interaction, stored with a whisper. It contains a secret: never print it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Handle {
    #[serde(rename = "app")]
    pub(super) application: ApplicationId,
    pub(super) id: InteractionId,
    /// The interaction's own token, valid for 15 minutes.
    pub(super) token: String,
    pub(super) deferred: Deferred,
    /// Whether the act was done on a message that only its person sees. The answer replaces that message.
    #[serde(default)]
    pub(super) in_private: bool,
    /// The person who did the act that is answered.
    pub(super) user: UserId,
    pub(super) channel: ChannelId,
}

/// How an interaction was deferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deferred {
    /// As a new message ("thinking…").
    Message,
    /// As a change of the message with the button.
    Update,
}

impl Shared {
    /// Carries out one delivery.
    pub(super) async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let effect = &delivery.effect;
        match &delivery.operation {
            Operation::Post { to, message, thread_title } => {
                let rendered = render::message(message, effect);
                let posted = self.post(to, &rendered, thread_title.as_deref(), effect).await;
                posted.map(receipt).map_err(|error| failed(error, Doing::Posting))
            }
            Operation::Update { message, to, .. } => {
                let rendered = render::message(to, effect);
                self.update(message, &rendered).await.map_err(|error| failed(error, Doing::Repeatable))?;
                Ok(Receipt::Changed)
            }
            Operation::Silent(act) => self.act_silently(act).await.map_err(|error| failed(error, Doing::Repeatable)),
            Operation::Whisper { to, near, via, message } => {
                self.whisper(to, near.as_ref(), via.as_ref(), message, effect)
                    .await
                    .map_err(|error| failed(error, Doing::Whispering))?;
                Ok(Receipt::Whispered)
            }
            Operation::Hint { place, reply_to, message, .. } => {
                let rendered = render::message(message, effect);
                self.hint(place, reply_to, &rendered, effect).await.map_err(|error| failed(error, Doing::Posting))
            }
        }
    }

    async fn act_silently(&self, act: &SilentAct) -> Result<Receipt, RestError> {
        match act {
            SilentAct::Remove { message } => self.remove(message).await.map(|()| Receipt::Changed),
            SilentAct::React { message, sign, is_on } => {
                self.react(message, *sign, *is_on).await.map(|()| Receipt::Changed)
            }
            SilentAct::ReadThread { place, before } => self.read_thread(place, before).await,
            SilentAct::Look(look) => self.look(look).await,
            SilentAct::OpenDirect { request } => {
                let channel = self.open_direct(&request.by.who).await?;
                let at = Conversation::Direct { channel: channel.to_string() };
                Ok(Receipt::Opened(Place { tenant: super::directory::tenant(None), at }))
            }
        }
    }

    /// Looks for the result of an earlier try of a delivery.
    pub(super) async fn find(&self, delivery: &Delivery) -> Result<Option<Receipt>, DeliveryError> {
        let effect = &delivery.effect;
        let found = match &delivery.operation {
            Operation::Whisper { .. } => return Ok(Some(Receipt::Whispered)),
            Operation::Update { .. } | Operation::Silent(_) => return Ok(None),
            Operation::Post { to, message, .. } => {
                let channel = to.root().unwrap_or_else(|| to.channel());
                let rendered = render::message(message, effect);
                let found = self.find_message(channel, &to.tenant, &rendered, delivery).await;
                found.map(|found| found.map(receipt))
            }
            Operation::Hint { place, reply_to, message, .. } => {
                let rendered = render::message(message, effect);
                let found = self.find_message(&reply_to.channel, &place.tenant, &rendered, delivery).await;
                found.map(|found| found.and_then(|mut parts| parts.pop()).map(|message| hint_receipt(place, message)))
            }
        };
        found.map_err(|error| failed(error, Doing::Repeatable))
    }

    async fn post(
        &self,
        to: &Place,
        rendered: &Rendered,
        title: Option<&str>,
        effect: &EffectId,
    ) -> Result<Vec<MessageRef>, RestError> {
        let references = |sent: Vec<Value>| sent.iter().map(|message| reference(&to.tenant, message)).collect();
        let Conversation::Thread { channel, root } = &to.at else {
            return references(self.send(channel_id(to.channel())?, rendered, effect, rendered.answers()).await?);
        };
        let (parent, thread) = (channel_id(channel)?, channel_id(root)?);
        let likely_missing = title.is_some() && !self.directory.knows(thread);
        let first = if likely_missing { None } else { Some(self.send(thread, rendered, effect, None).await) };
        let sent = match first {
            Some(Err(error)) if error.is(code::UNKNOWN_CHANNEL) => {
                self.directory.forget_channel(thread);
                None
            }
            Some(sent) => Some(sent?),
            None => None,
        };
        let sent = match sent {
            Some(sent) => sent,
            None if self.start_thread(&to.tenant, parent, thread, title).await? => {
                self.send(thread, rendered, effect, None).await?
            }
            None => {
                tracing::error!(
                    guild = to.tenant.id,
                    channel,
                    "a guild has no room for another thread: the answer is posted in the channel; archive threads there"
                );
                self.send(parent, rendered, effect, Some(root)).await?
            }
        };
        references(sent)
    }

    /// Starts the thread under a message. Returns `false` if the guild has no room for another active thread, even
    /// after the bot has archived one.
    async fn start_thread(
        &self,
        tenant: &Tenant,
        parent: ChannelId,
        thread: ChannelId,
        title: Option<&str>,
    ) -> Result<bool, RestError> {
        let root = MessageId::new(thread.get());
        let route = Route::ChannelMessageThreads { channel_id: parent, message_id: root };
        let name = render::thread_name(title.unwrap_or_default());
        let body = json!({ "name": name, "auto_archive_duration": ARCHIVE_MINUTES });
        let guild: Option<GuildId> = id(&tenant.id);
        let mut made_room = false;
        loop {
            match self.rest.call(LightMethod::Post, route, &[], Some(&body)).await {
                Err(error) if error.is(code::TOO_MANY_THREADS) => {
                    if made_room || !self.archive_idlest(guild).await {
                        return Ok(false);
                    }
                    made_room = true;
                }
                Err(error) if !error.is(code::THREAD_EXISTS) => return Err(error),
                started => {
                    started.map_or(Ok(Value::Null), with_id)?;
                    self.directory.learn(thread, guild, Some(parent));
                    return Ok(true);
                }
            }
        }
    }

    /// Archives the bot's thread that has been idle for the longest time. Returns whether one was archived.
    async fn archive_idlest(&self, guild: Option<GuildId>) -> bool {
        let Some(guild) = guild else { return false };
        let route = Route::GuildThreadsActive { guild_id: guild };
        let Ok(active) = self.rest.call(LightMethod::Get, route, &[], None).await else { return false };
        let me = self.me.to_string();
        let threads = active["threads"].as_array().map_or(&[][..], Vec::as_slice);
        let last = |thread: &&Value| {
            let of = |field: &str| thread[field].as_str().and_then(|id| id.parse::<u64>().ok());
            of("last_message_id").or_else(|| of("id"))
        };
        let idlest = threads.iter().filter(|thread| thread["owner_id"] == me).min_by_key(last);
        let Some(thread) = idlest.and_then(|thread| id(thread["id"].as_str()?)) else { return false };
        self.set_archived(thread, true).await.is_ok()
    }

    async fn set_archived(&self, thread: ChannelId, archived: bool) -> Result<(), RestError> {
        let route = Route::Channel { channel_id: thread };
        self.rest.call(LightMethod::Patch, route, &[], Some(&json!({ "archived": archived }))).await.map(drop)
    }

    /// Posts the parts of a message that are not posted yet. Returns all parts, including those of earlier tries.
    async fn send(
        &self,
        channel: ChannelId,
        rendered: &Rendered,
        effect: &EffectId,
        reply_to: Option<&str>,
    ) -> Result<Vec<Value>, RestError> {
        let last = rendered.parts.len() - 1;
        for (at, text) in rendered.parts.iter().enumerate().skip(self.parts_done(effect).min(last)) {
            let mut body = json!({
                "content": text, "allowed_mentions": rendered.allowed_mentions(), "flags": rendered.flags(),
                "nonce": nonce(effect, at), "enforce_nonce": true,
            });
            if at == last && !rendered.components.is_empty() {
                body["components"] = Value::from(rendered.components.clone());
            }
            if let Some(message) = reply_to {
                body["message_reference"] = json!({ "message_id": message, "fail_if_not_exists": false });
            }
            let sent = with_id(self.create(channel, &body).await?)?;
            if sent["channel_id"].as_str().is_some_and(|stands_in| stands_in != channel.to_string()) {
                return Err(RestError::nonsense("the answer is of another channel"));
            }
            self.note_part(effect, sent);
        }
        Ok(self.forget_parts(effect))
    }

    /// Posts a message. Posting unarchives a thread, except a locked one, which is unarchived first.
    async fn create(&self, channel: ChannelId, body: &Value) -> Result<Value, RestError> {
        let route = Route::ChannelMessages { channel_id: channel };
        match self.rest.call(LightMethod::Post, route, &[], Some(body)).await {
            Err(error) if error.is(code::ARCHIVED) => {
                self.set_archived(channel, false).await?;
                self.rest.call(LightMethod::Post, route, &[], Some(body)).await
            }
            other => other,
        }
    }

    async fn update(&self, message: &MessageRef, rendered: &Rendered) -> Result<(), RestError> {
        let (channel_id, message_id) = address(message)?;
        let body = json!({
            "content": rendered.cut_to_one(), "components": rendered.components,
            "allowed_mentions": rendered.allowed_mentions(), "flags": render::WITHOUT_PREVIEWS,
        });
        let route = Route::ChannelMessage { channel_id, message_id };
        self.in_archive_too(channel_id, LightMethod::Patch, route, Some(&body)).await
    }

    async fn remove(&self, message: &MessageRef) -> Result<(), RestError> {
        let (channel_id, message_id) = address(message)?;
        let route = Route::ChannelMessage { channel_id, message_id };
        match self.in_archive_too(channel_id, LightMethod::Delete, route, None).await {
            Err(error) if error.is(code::UNKNOWN_MESSAGE) || error.is(code::UNKNOWN_CHANNEL) => Ok(()),
            other => other,
        }
    }

    /// Sets or removes a reaction. If Discord refuses it (a missing right, a blocked bot, a deleted message), the
    /// delivery still succeeds: nothing depends on a reaction.
    async fn react(&self, message: &MessageRef, sign: Sign, is_on: bool) -> Result<(), RestError> {
        // The emoji in URL encoding.
        let reaction = match sign {
            Sign::Joined => "%F0%9F%93%8E",
            Sign::Request => "%F0%9F%8E%AB",
        };
        let (channel_id, message_id) = address(message)?;
        let route = Route::ChannelMessageReactionMe { channel_id, message_id, reaction };
        let method = if is_on { LightMethod::Put } else { LightMethod::Delete };
        match self.rest.call(method, route, &[], None).await {
            Err(error @ RestError::Refused { .. }) => {
                tracing::warn!(channel = message.channel, %error, "a reaction cannot be set; nothing depends on it");
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Makes a change in a channel or thread. An archived thread is unarchived for the change.
    async fn in_archive_too(
        &self,
        channel: ChannelId,
        method: LightMethod,
        route: Route<'_>,
        body: Option<&Value>,
    ) -> Result<(), RestError> {
        if !self.directory.is_archived(channel) {
            match self.rest.call(method, route, &[], body).await {
                Err(error) if error.is(code::ARCHIVED) => {}
                other => return other.map(drop),
            }
        }
        self.set_archived(channel, false).await?;
        let changed = self.rest.call(method, route, &[], body).await;
        if let Err(error) = self.set_archived(channel, true).await {
            // Discord archives the thread again after a while.
            tracing::debug!(%channel, %error, "a thread could not be archived again; Discord does it later");
        }
        changed.map(drop)
    }

    async fn whisper(
        &self,
        to: &PersonRef,
        near: Option<&Place>,
        via: Option<&ReplyHandle>,
        message: &Message,
        effect: &EffectId,
    ) -> Result<(), RestError> {
        let rendered = render::message(message, effect);
        if let Some(handle) = via.and_then(|via| serde_json::from_str::<Handle>(&via.0).ok()) {
            match self.answer(&handle, &rendered, effect).await {
                Err(error) if is_expired(&error) => {}
                other => return other,
            }
        }
        let direct = near.filter(|near| near.is_direct()).map(|near| channel_id(near.channel())).transpose()?;
        let direct = match direct {
            Some(direct) => direct,
            None => self.open_direct(to).await?,
        };
        self.send(direct, &rendered, effect, None).await.map(drop)
    }

    /// Answers an interaction, visible only to the acting person.
    pub(super) async fn answer(
        &self,
        handle: &Handle,
        rendered: &Rendered,
        effect: &EffectId,
    ) -> Result<(), RestError> {
        let age = self.clock.now().duration_since(time_of(handle.id.get()));
        if age > SignedDuration::try_from(limits::INTERACTION_TOKEN).unwrap_or(SignedDuration::MAX) {
            return Err(RestError::Refused {
                status: 404,
                code: code::UNKNOWN_WEBHOOK,
                message: "the interaction has expired".to_owned(),
            });
        }
        let last = rendered.parts.len() - 1;
        let token = handle.token.as_str();
        for (at, text) in rendered.parts.iter().enumerate().skip(self.parts_done(effect).min(last)) {
            let mut body = json!({
                "content": text, "allowed_mentions": rendered.allowed_mentions(), "flags": rendered.flags(),
            });
            if at == last && (handle.in_private || !rendered.components.is_empty()) {
                body["components"] = Value::from(rendered.components.clone());
            }
            // An interaction deferred as a change concerns the message with the button, which is replaced only if it is
            // private.
            let is_original = handle.deferred == Deferred::Message || handle.in_private;
            let mut is_said = false;
            if is_original && !self.is_answered(handle.id) {
                if handle.in_private && at != last {
                    body["components"] = Value::Array(Vec::new());
                }
                let route = Route::WebhookOriginalInteractionResponse { application_id: handle.application, token };
                match self.rest.call(LightMethod::Patch, route, &[], Some(&body)).await {
                    Ok(_) => is_said = true,
                    // The person has dismissed the private message: a new one takes its place.
                    Err(error) if handle.in_private && error.is(code::UNKNOWN_MESSAGE) => {}
                    Err(error) => return Err(error),
                }
                self.note_answered(handle.id);
            }
            if !is_said {
                body["flags"] = json!(EPHEMERAL | rendered.flags());
                let route = Route::WebhookFollowupMessages { application_id: handle.application, token };
                self.rest.call(LightMethod::Post, route, &[], Some(&body)).await?;
            }
            self.note_part(effect, Value::Null);
        }
        self.forget_parts(effect);
        Ok(())
    }

    async fn open_direct(&self, to: &PersonRef) -> Result<ChannelId, RestError> {
        let user: UserId = id(&to.id).filter(|_| to.platform == PlatformName::Discord).ok_or_else(no_id)?;
        if let Some(direct) = self.directory.direct_with(user) {
            return Ok(direct);
        }
        let body = json!({ "recipient_id": to.id });
        let opened = self.rest.call(LightMethod::Post, Route::UserMeDmChannels, &[], Some(&body)).await;
        // Opening a conversation posts nothing, so after a lost answer nothing must be looked for.
        let opened = opened.map_err(|error| match error {
            RestError::Unknown { cause, detail } => RestError::Away { cause, detail },
            other => other,
        })?;
        let direct = opened["id"].as_str().and_then(id).ok_or_else(|| {
            let detail = "the answer names no conversation".to_owned();
            RestError::Away { cause: Absence::Between, detail }
        })?;
        self.directory.learn_direct(user, direct);
        self.directory.learn(direct, None, None);
        Ok(direct)
    }

    async fn hint(
        &self,
        place: &Place,
        reply_to: &MessageRef,
        rendered: &Rendered,
        effect: &EffectId,
    ) -> Result<Receipt, RestError> {
        let reply = (!place.is_direct()).then_some(reply_to.id.as_str());
        let sent = self.send(channel_id(&reply_to.channel)?, rendered, effect, reply).await?;
        Ok(hint_receipt(place, reference(&place.tenant, sent.last().unwrap_or(&Value::Null))?))
    }

    async fn read_thread(&self, place: &Place, before: &MessageRef) -> Result<Receipt, RestError> {
        let channel = channel_id(place.root().unwrap_or_else(|| place.channel()))?;
        let query = [("before", before.id.clone()), ("limit", PAGE.to_string())];
        let route = Route::ChannelMessages { channel_id: channel };
        let page = match self.rest.call(LightMethod::Get, route, &query, None).await {
            Err(error) if error.is(code::UNKNOWN_CHANNEL) => return Ok(Receipt::Read(Vec::new(), false)),
            other => other?,
        };
        let Value::Array(mut page) = page else { return Err(no_list()) };
        let truncated = page.len() >= PAGE;
        if !truncated {
            page.extend(self.starter(place).await?);
        }
        let guild: Option<GuildId> = id(&place.tenant.id);
        let reader = self.reader();
        let said = |message: Value| -> Option<Said> {
            let Ok(message) = payload::Message::read_in(&message, guild) else {
                self.count_unreadable("a message of a thread");
                return None;
            };
            let is_in_thread = message.channel.to_string() != place.channel() || place.root().is_none();
            reader.said(&message, if is_in_thread { place.clone() } else { place.parent_channel() })
        };
        Ok(Receipt::Read(page.into_iter().rev().filter_map(said).collect(), truncated))
    }

    /// Returns the message that a thread was started from, if it exists.
    pub(super) async fn starter(&self, place: &Place) -> Result<Option<Value>, RestError> {
        let Some(root) = place.root() else { return Ok(None) };
        let route = Route::ChannelMessage {
            channel_id: channel_id(place.channel())?,
            message_id: MessageId::new(channel_id(root)?.get()),
        };
        match self.rest.call(LightMethod::Get, route, &[], None).await {
            Ok(starter) => Ok(Some(starter)),
            Err(error) if error.is_status(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the bot may read the history of a channel or thread.
    pub(super) async fn may_read_history(&self, channel: ChannelId) -> Result<bool, RestError> {
        let get = async |route| self.rest.call_patiently(LightMethod::Get, route, &[], None).await;
        let found = get(Route::Channel { channel_id: channel }).await?;
        let Some(guild) = payload::id::<GuildId>(&found["guild_id"]) else { return Ok(true) };
        let ruling = match payload::Channel::read(&found).and_then(|found| found.parent) {
            Some(parent) => get(Route::Channel { channel_id: parent }).await?,
            None => found,
        };
        let roles = get(Route::GuildRoles { guild_id: guild }).await?;
        let me = get(Route::GuildMember { guild_id: guild, user_id: self.me }).await?;
        let mine = payload::ids(&me["roles"]);
        let may = payload::permissions(&ruling, &roles, guild, Some((self.me, &mine)));
        Ok(may.contains(Permissions::READ_MESSAGE_HISTORY))
    }

    /// Counts and logs an unreadable payload whose content is then requested by REST.
    pub(super) fn asks_for(&self, what: &str) {
        metrics::unreadable(PlatformName::Discord);
        tracing::warn!(what, "Discord sent something that cannot be read; it is requested by REST");
    }

    /// Counts and logs an unreadable payload. Its content is not logged.
    pub(super) fn count_unreadable(&self, what: &str) {
        let count = self.unreadable.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        metrics::unreadable(PlatformName::Discord);
        tracing::error!(what, count, "Discord sent something that cannot be read; it is left out");
    }
}

/// Returns the receipt for one or several posted messages.
fn receipt(mut parts: Vec<MessageRef>) -> Receipt {
    match parts.pop() {
        Some(only) if parts.is_empty() => Receipt::Posted(only),
        Some(last) => {
            parts.push(last);
            Receipt::PostedInParts(parts)
        }
        None => Receipt::Changed,
    }
}

/// Returns the receipt of a hint: it stays in a direct conversation and is removed elsewhere.
fn hint_receipt(place: &Place, message: MessageRef) -> Receipt {
    if place.is_direct() { Receipt::Posted(message) } else { Receipt::PostedBriefly(message, HINT_STANDS) }
}

/// Returns the nonce of a part, at most 25 characters and the same for every try: the part's number, then the end of
/// the effect's id, whose beginning stays the same for years.
fn nonce(effect: &EffectId, part: usize) -> String {
    let part = char::from_digit(u32::try_from(part % 36).unwrap_or(0), 36).unwrap_or('0');
    let tail: Vec<char> = effect.0.chars().rev().take(limits::NONCE_CHARS - 1).collect();
    std::iter::once(part).chain(tail.into_iter().rev()).collect()
}

fn custom_ids(message: &Value) -> impl Iterator<Item = &str> {
    let rows = message["components"].as_array().map_or(&[][..], Vec::as_slice);
    let inner = rows.iter().flat_map(|row| row["components"].as_array().map_or(&[][..], Vec::as_slice));
    inner.filter_map(|component| component["custom_id"].as_str())
}

fn reference(tenant: &Tenant, sent: &Value) -> Result<MessageRef, RestError> {
    let of = |field: &str| sent[field].as_str().map(str::to_owned);
    match (of("channel_id"), of("id")) {
        (Some(channel), Some(id)) => Ok(MessageRef { tenant: tenant.clone(), channel, id }),
        _ => Err(RestError::nonsense("the answer names no message")),
    }
}

/// Accepts only an answer with the id of the created object. Any other answer does not show whether it was created.
fn with_id(made: Value) -> Result<Value, RestError> {
    if made["id"].is_string() { Ok(made) } else { Err(RestError::nonsense("the answer names no created object")) }
}

/// Returns the error for a history that the bot may not read, so that a post can neither be found nor ruled out.
pub(super) fn history_is_hidden() -> RestError {
    let message = "the bot may not read the channel's history (Read Message History)".to_owned();
    RestError::Refused { status: 403, code: code::MISSING_PERMISSIONS, message }
}

pub(super) fn no_list() -> RestError {
    RestError::nonsense("the answer is no list of messages")
}

fn address(message: &MessageRef) -> Result<(ChannelId, MessageId), RestError> {
    Ok((channel_id(&message.channel)?, id(&message.id).ok_or_else(no_id)?))
}

pub(super) fn channel_id(text: &str) -> Result<ChannelId, RestError> {
    id(text).ok_or_else(no_id)
}

fn no_id() -> RestError {
    RestError::Refused { status: 404, code: 0, message: "this is no id of Discord's".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_short_and_differ_by_part_and_effect() {
        let effect = EffectId("01JD9GJ2V4M8Q3B7Z5T6W1X0CY".to_owned());
        assert_eq!(nonce(&effect, 0), "0JD9GJ2V4M8Q3B7Z5T6W1X0CY");
        assert_eq!(nonce(&effect, 0).len(), limits::NONCE_CHARS);
        assert_ne!(nonce(&effect, 0), nonce(&effect, 1));
    }
}
