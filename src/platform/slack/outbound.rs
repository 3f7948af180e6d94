//! Carries out deliveries on Slack.
//!
//! Posts carry the effect's id in their metadata, so they can be found again. A whisper cannot be found, so it is sent
//! at most once. It goes out as an ephemeral message or as a direct message, and nowhere else.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Workspace;
use super::api::{Api, CallError, Repeat};
use super::inbound::{is_direct, read_message, time};
use super::interact::Handle;
use super::render::{RenderContext, Rendered, render};
use crate::domain::effect::{Sign, SilentAct, Undeliverable};
use crate::domain::event::ReplyHandle;
use crate::domain::ids::{EffectId, MessageRef, PersonRef, Place, PlatformName};
use crate::domain::message::{Message, Tone};
use crate::platform::{Delivery, DeliveryError, Operation, Receipt};

/// The event type in the metadata of the bot's posts.
const EVENT_TYPE: &str = "deskbell";
/// The largest number of messages that are returned from a thread.
const READ_BACK: usize = 100;
/// The number of messages per page of history.
const PAGE: usize = 200;
/// The largest number of history pages to read.
const PAGES: usize = 15;
/// How long the result of [`Workspace::check_account_active`] is kept.
const READER_KNOWN_FOR: SignedDuration = SignedDuration::from_mins(5);
/// How far Slack's clock and this machine's may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

impl Workspace {
    pub(super) async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let delivered = self.carry_out(&delivery.operation, delivery).await;
        match (&delivered, simplified(&delivery.operation)) {
            // Slack does not accept tables and similar blocks everywhere. So a message with such blocks that is refused
            // as invalid is sent once more without them.
            (Err(DeliveryError::Permanent { reason: Undeliverable::Invalid, detail }), Some(simple)) => {
                tracing::warn!(detail, "Slack refuses a message with a table or similar block: the block is left out");
                self.carry_out(&simple, delivery).await
            }
            _ => delivered,
        }
    }

    async fn carry_out(&self, operation: &Operation, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let deadline = self.api.deadline();
        match operation {
            Operation::Post { to, message, .. } => {
                if to.is_direct() {
                    self.check_account_active(to.channel()).await?;
                }
                let posted = self.post(to.channel(), to.root(), message, &delivery.effect, deadline).await;
                let posted = posted.map_err(|error| {
                    let error = self.failed(error, Repeat::Doubles);
                    if to.is_direct() { closed_to_us(error) } else { error }
                })?;
                self.receipt(to, posted).await
            }
            Operation::Update { message, to, .. } => {
                let Rendered { text, blocks } = render(to, &self.rendering());
                let body = json!({"channel": message.channel, "ts": message.id, "text": text, "blocks": blocks});
                let answer = self.api.post("chat.update", &body, deadline).await;
                answer.map(|_| Receipt::Changed).map_err(|error| self.failed(error, Repeat::Harmless))
            }
            Operation::Silent(act) => self.act_silently(act, deadline).await,
            Operation::Whisper { to, near, via, message } => {
                self.whisper(to, near.as_ref(), via.as_ref(), message, &delivery.effect, deadline).await
            }
            Operation::Hint { to, place, message, .. } => {
                self.whisper(to, Some(place), None, message, &delivery.effect, deadline).await
            }
        }
    }

    async fn act_silently(&self, act: &SilentAct, deadline: Instant) -> Result<Receipt, DeliveryError> {
        match act {
            SilentAct::Remove { message } => {
                let body = json!({"channel": message.channel, "ts": message.id});
                match self.api.post("chat.delete", &body, deadline).await {
                    Err(error) if error.code() != Some("message_not_found") => {
                        Err(self.failed(error, Repeat::Harmless))
                    }
                    _ => Ok(Receipt::Changed),
                }
            }
            SilentAct::React { message, sign, is_on } => self.react(message, *sign, *is_on).await,
            SilentAct::ReadThread { place, before } => self.read_thread(place, before).await,
            SilentAct::Look(look) => self.look(look).await,
            SilentAct::OpenDirect { request } => {
                let opened = self.directory.direct(&request.by.who.id, deadline).await;
                let channel = opened.map_err(|error| closed_to_us(self.failed(error, Repeat::Harmless)))?;
                self.check_account_active(&channel).await?;
                Ok(Receipt::Opened(self.place(&channel, None, true)))
            }
        }
    }

    pub(super) async fn find(&self, delivery: &Delivery) -> Result<Option<Receipt>, DeliveryError> {
        match &delivery.operation {
            Operation::Post { to, .. } => {
                let found = match self.look_for(to, delivery, &[]).await {
                    Err(error) if is_thread_gone(&error) => Ok(None),
                    found => found,
                };
                let found = match found {
                    // Slack puts a reply to a deleted root into the channel, so the channel is searched, too.
                    Ok(None) if to.root().is_some() => self.look_for(&to.parent_channel(), delivery, &[]).await,
                    found => found,
                };
                match found.map_err(|error| self.failed(error, Repeat::Harmless))? {
                    Some(posted) => self.receipt(to, posted).await.map(Some),
                    None => Ok(None),
                }
            }
            Operation::Whisper { .. } | Operation::Hint { .. } => Ok(Some(Receipt::Whispered)),
            Operation::Update { .. } | Operation::Silent(_) => Ok(None),
        }
    }

    /// Fails if the account of a direct conversation is deactivated: Slack accepts messages to such an account, and
    /// nobody reads them. If Slack does not tell the account's state, the account counts as active.
    async fn check_account_active(&self, direct: &str) -> Result<(), DeliveryError> {
        let now = self.clock.now();
        let known = {
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            readers.retain(|_, (at, _)| now.duration_since(*at) < READER_KNOWN_FOR);
            readers.get(direct).map(|(_, reads)| *reads)
        };
        let reads = match known {
            Some(reads) => reads,
            None => {
                let query = [("channel", direct.to_owned())];
                let answer = self.api.get("conversations.info", &query, self.api.deadline()).await;
                let Ok(answer) = answer else { return Ok(()) };
                let reads = answer["channel"]["is_user_deleted"] != true;
                let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
                readers.insert(direct.to_owned(), (now, reads));
                reads
            }
        };
        let detail = "the account is deactivated".to_owned();
        if reads { Ok(()) } else { Err(DeliveryError::Permanent { reason: Undeliverable::Deactivated, detail }) }
    }

    /// Sets or removes a reaction. If Slack refuses it, the delivery still succeeds: nothing depends on a reaction.
    async fn react(&self, message: &MessageRef, sign: Sign, is_on: bool) -> Result<Receipt, DeliveryError> {
        let name = match sign {
            Sign::Joined => "paperclip",
            Sign::Request => "ticket",
        };
        let body = json!({"channel": message.channel, "timestamp": message.id, "name": name});
        let method = if is_on { "reactions.add" } else { "reactions.remove" };
        let Err(error) = self.api.post(method, &body, self.api.deadline()).await else { return Ok(Receipt::Changed) };
        match error.code() {
            Some("already_reacted" | "no_reaction" | "message_not_found") => {}
            _ => match self.failed(error, Repeat::Harmless) {
                DeliveryError::Permanent { detail, .. } => {
                    tracing::warn!(
                        channel = message.channel,
                        why = detail,
                        "a reaction cannot be set; nothing depends on it"
                    );
                }
                // The cause of an unknown error may pass, but a reaction is not worth another try.
                DeliveryError::Temporary(detail) => {
                    let channel = &message.channel;
                    tracing::warn!(channel, why = detail, "a reaction cannot be set; nothing depends on it")
                }
                error => return Err(error),
            },
        }
        Ok(Receipt::Changed)
    }

    pub(super) async fn find_second(
        &self,
        delivery: &Delivery,
        known: &[MessageRef],
    ) -> Result<Option<MessageRef>, DeliveryError> {
        let Operation::Post { to, .. } = &delivery.operation else { return Ok(None) };
        let second = self.look_for(to, delivery, known).await;
        second.map(|second| second.map(|second| second.message)).map_err(|error| self.failed(error, Repeat::Harmless))
    }

    /// Returns the receipt of a post in its intended place. Slack makes a reply to a deleted root a message of the
    /// channel, which everybody there reads (slack-go issue 1571). Such a message is removed at once, and the result is
    /// [`DeliveryError::Astray`].
    async fn receipt(&self, to: &Place, posted: Posted) -> Result<Receipt, DeliveryError> {
        let Posted { message, root } = posted;
        // A root message has no `thread_ts`, or its own time stamp as `thread_ts`.
        let root = root.filter(|root| *root != message.id);
        if message.channel == to.channel() && root.as_deref() == to.root() {
            return Ok(Receipt::Posted(message));
        }
        let body = json!({"channel": message.channel, "ts": message.id});
        let removed = self.api.post("chat.delete", &body, self.api.deadline()).await;
        let is_removed = removed.is_ok() || removed.is_err_and(|error| error.code() == Some("message_not_found"));
        Err(DeliveryError::Astray { message, is_removed })
    }

    /// Translates a failure for the dispatcher. Logs errors that an operator must fix: a refused token (once) and a
    /// missing scope.
    pub(super) fn failed(&self, error: CallError, repeat: Repeat) -> DeliveryError {
        if error.is_about_the_token() && !self.told_about_token.swap(true, Ordering::Relaxed) {
            tracing::error!(
                %error,
                "Slack does not accept the bot's token: renew it, set slack.bot_token, and restart"
            );
        } else if error.code() == Some("missing_scope") {
            tracing::error!("the bot's token for Slack lacks a scope: `deskbell check` tells which one to add");
        }
        error.into_delivery(repeat)
    }

    fn rendering(&self) -> RenderContext {
        RenderContext { tenant: self.me.tenant.clone(), team_url: self.me.team_url.clone() }
    }

    async fn post(
        &self,
        channel: &str,
        thread: Option<&str>,
        message: &Message,
        effect: &EffectId,
        deadline: Instant,
    ) -> Result<Posted, CallError> {
        let Rendered { text, blocks } = render(message, &self.rendering());
        let mut body = json!({
            "channel": channel, "text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"effect": effect.0}},
        });
        if let Some(root) = thread {
            body["thread_ts"] = json!(root);
            if matches!(message.tone, Tone::Anew(_)) {
                body["reply_broadcast"] = json!(true);
            }
        }
        let answer = self.api.post("chat.postMessage", &body, deadline).await?;
        let ts = answer["ts"].as_str().ok_or(CallError::Unreadable)?;
        // Slack returns the message with the thread that it stands in. An answer without the message is trusted.
        let root = match &answer["message"] {
            Value::Object(stands) => stands.get("thread_ts").and_then(Value::as_str),
            _ => thread,
        };
        let root = root.map(str::to_owned);
        if let Some(root) = &root {
            self.directory.learn_thread(channel, root);
        }
        Ok(Posted { message: self.message_ref(answer["channel"].as_str().unwrap_or(channel), ts), root })
    }

    /// Sends a message to one person: through the `response_url` of the person's act, otherwise as an ephemeral message
    /// near the place, otherwise in the direct conversation.
    async fn whisper(
        &self,
        to: &PersonRef,
        near: Option<&Place>,
        via: Option<&ReplyHandle>,
        message: &Message,
        effect: &EffectId,
        deadline: Instant,
    ) -> Result<Receipt, DeliveryError> {
        if to.platform != PlatformName::Slack {
            let detail = "not a person on Slack".to_owned();
            return Err(DeliveryError::Permanent { reason: Undeliverable::Invalid, detail });
        }
        // Another person's `response_url` would show the message to that person.
        let handle = via.and_then(Handle::unpack).filter(|handle| handle.user == to.id);
        if let Some(handle) = &handle
            && (near.is_none() || handle.command || handle.in_private)
            && let Some(url) = &handle.url
        {
            match self.respond(url, handle, message, deadline).await {
                Ok(()) => return Ok(Receipt::Whispered),
                // The `response_url` is used up or expired; other private ways remain.
                Err(CallError::Refused(_)) => {}
                Err(error) => return Err(self.failed(error, Repeat::Unfindable)),
            }
        }
        let acted_at = handle.as_ref().and_then(|handle| {
            let channel = handle.channel.as_deref()?;
            Some(self.place(channel, handle.thread.as_deref(), is_direct(channel, &Value::Null)))
        });
        if let Some(place) = near.or(acted_at.as_ref())
            && !place.is_direct()
            && place.tenant == self.me.tenant
        {
            match self.show_to_one(to, place, message, deadline).await {
                Ok(()) => return Ok(Receipt::Whispered),
                Err(error) if not_there(&error) => {
                    // Where the bot is not in the channel, the act's `response_url` may still reach the person.
                    if let Some((handle, url)) = handle.as_ref().and_then(|handle| Some((handle, handle.url.as_ref()?)))
                        && self.respond(url, handle, message, deadline).await.is_ok()
                    {
                        return Ok(Receipt::Whispered);
                    }
                }
                Err(error) => return Err(self.failed(error, Repeat::Unfindable)),
            }
        }
        // The direct conversation is always the person's own, even if `near` is another one.
        let direct = self.directory.direct(&to.id, deadline).await;
        let direct = direct.map_err(|error| closed_to_us(self.failed(error, Repeat::Harmless)))?;
        let posted = self.post(&direct, None, message, effect, deadline).await;
        posted.map(|_| Receipt::Whispered).map_err(|error| closed_to_us(self.failed(error, Repeat::Unfindable)))
    }

    async fn respond(&self, url: &str, handle: &Handle, message: &Message, deadline: Instant) -> Result<(), CallError> {
        let Rendered { text, blocks } = render(message, &self.rendering());
        let mut body = json!({
            "response_type": "ephemeral", "replace_original": handle.in_private, "text": text, "blocks": blocks,
        });
        if let Some(root) = handle.thread.as_ref().filter(|_| !handle.in_private) {
            body["thread_ts"] = json!(root);
        }
        self.api.respond(url, &body, deadline).await
    }

    async fn show_to_one(
        &self,
        to: &PersonRef,
        place: &Place,
        message: &Message,
        deadline: Instant,
    ) -> Result<(), CallError> {
        let Rendered { text, blocks } = render(message, &self.rendering());
        let mut body = json!({"channel": place.channel(), "user": to.id, "text": text, "blocks": blocks});
        if let Some(root) = place.root()
            && self.directory.has_replies(place.channel(), root, deadline).await
        {
            body["thread_ts"] = json!(root);
        }
        self.api.post("chat.postEphemeral", &body, deadline).await.map(drop)
    }

    async fn read_thread(&self, place: &Place, before: &MessageRef) -> Result<Receipt, DeliveryError> {
        let (Some(root), Some(until)) = (place.root(), time(&before.id)) else {
            return Ok(Receipt::Read(Vec::new(), false));
        };
        let params = [("ts", root.to_owned()), ("latest", before.id.clone()), ("inclusive", "false".to_owned())];
        let mut last = VecDeque::with_capacity(READ_BACK);
        let mut left_out = false;
        let mut root_read = false;
        let unread = self
            .pages("conversations.replies", place.channel(), &params, |message| {
                // Every page begins with the thread's root.
                if message["ts"] == root && std::mem::replace(&mut root_read, true) {
                    return None::<()>;
                }
                if time(message["ts"].as_str().unwrap_or_default()).is_some_and(|at| at < until)
                    && let Some(heard) = read_message(message, place.channel(), false, &self.me)
                {
                    last.push_back(heard);
                    if last.len() > READ_BACK {
                        last.pop_front();
                        left_out = true;
                    }
                }
                None
            })
            .await
            .map_err(|error| self.failed(error, Repeat::Harmless))?;
        let mut said = Vec::with_capacity(last.len());
        for heard in &last {
            said.extend(self.said(heard).await);
        }
        said.sort_by_key(|said| said.at);
        Ok(Receipt::Read(said, left_out || unread == Pages::Unread))
    }

    /// Finds a post of this effect other than `known`.
    async fn look_for(
        &self,
        to: &Place,
        delivery: &Delivery,
        known: &[MessageRef],
    ) -> Result<Option<Posted>, CallError> {
        let effect = &delivery.effect;
        let oldest = delivery.since - SignedDuration::try_from(CLOCK_SKEW).unwrap_or_default();
        let mut params = vec![("oldest", slack_time(oldest)), ("include_all_metadata", "true".to_owned())];
        let method = match to.root() {
            Some(root) => {
                params.push(("ts", root.to_owned()));
                "conversations.replies"
            }
            None => "conversations.history",
        };
        let found = self.pages(method, to.channel(), &params, |message| {
            let metadata = &message["metadata"];
            let ours = metadata["event_type"] == EVENT_TYPE && metadata["event_payload"]["effect"] == effect.0.as_str();
            let root = message["thread_ts"].as_str().map(str::to_owned);
            let found = message["ts"].as_str().filter(|_| ours);
            let found = found.map(|ts| Posted { message: self.message_ref(to.channel(), ts), root });
            found.filter(|posted| !known.contains(&posted.message))
        });
        match found.await? {
            Pages::Found(message) => Ok(Some(message)),
            Pages::Read | Pages::Unread => Ok(None),
        }
    }

    /// Reads a history page by page until `wanted` returns a value.
    pub(super) async fn pages<T>(
        &self,
        method: &str,
        channel: &str,
        params: &[(&str, String)],
        mut wanted: impl FnMut(&Value) -> Option<T>,
    ) -> Result<Pages<T>, CallError> {
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut params = params.to_vec();
            params.extend([("channel", channel.to_owned()), ("limit", PAGE.to_string())]);
            if !cursor.is_empty() {
                params.push(("cursor", cursor));
            }
            let page = self.api.get(method, &params, self.api.deadline()).await?;
            // An answer without a list is no answer: it must not pass for a history without the message.
            let messages = page["messages"].as_array().ok_or(CallError::Unreadable)?;
            if let Some(found) = messages.iter().find_map(&mut wanted) {
                return Ok(Pages::Found(found));
            }
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                return Ok(Pages::Read);
            }
        }
        Ok(Pages::Unread)
    }
}

/// A post, with the place that Slack reports.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Posted {
    message: MessageRef,
    /// The root of the thread that Slack reports.
    root: Option<String>,
}

fn is_thread_gone(error: &CallError) -> bool {
    matches!(error.code(), Some("thread_not_found" | "message_not_found"))
}

/// The result of searching a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pages<T> {
    Found(T),
    /// The whole history was read.
    Read,
    /// The history is longer than the search limit.
    Unread,
}

/// Returns the accounts in a user group.
pub(super) async fn group_members(api: &Api, group: &str) -> Result<Vec<PersonRef>, CallError> {
    let answer = api.get("usergroups.users.list", &[("usergroup", group.to_owned())], api.deadline()).await?;
    let users = answer["users"].as_array().ok_or(CallError::Unreadable)?;
    Ok(users.iter().filter_map(Value::as_str).map(|user| PersonRef::new(PlatformName::Slack, user)).collect())
}

/// Whether Slack says that there is no such user group (any more).
pub(super) fn is_no_group(code: &str) -> bool {
    matches!(code, "no_such_subteam" | "subteam_not_found")
}

/// Whether an ephemeral message failed because the bot or the person cannot be reached in the place.
fn not_there(error: &CallError) -> bool {
    const CODES: &[&str] = &[
        "user_not_in_channel",
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "thread_not_found",
        "channel_type_not_supported",
        "restricted_action",
    ];
    error.code().is_some_and(|code| CODES.contains(&code))
}

/// Translates an error in a direct conversation: a closed channel there means that the person accepts no direct
/// messages.
fn closed_to_us(error: DeliveryError) -> DeliveryError {
    match error {
        DeliveryError::Permanent { reason, detail }
            if reason == Undeliverable::ChannelClosed || detail == "restricted_action" =>
        {
            DeliveryError::Permanent { reason: Undeliverable::DirectClosed, detail }
        }
        other => other,
    }
}

/// Returns a moment as a Slack time stamp.
pub(super) fn slack_time(at: Timestamp) -> String {
    let micros = at.as_microsecond().max(0);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Returns the operation with only the blocks that Slack accepts everywhere; `None` if it has no other blocks.
fn simplified(operation: &Operation) -> Option<Operation> {
    let mut simple = operation.clone();
    let (Operation::Post { message, .. }
    | Operation::Update { to: message, .. }
    | Operation::Whisper { message, .. }
    | Operation::Hint { message, .. }) = &mut simple
    else {
        return None;
    };
    if message.is_simple() {
        return None;
    }
    *message = message.simplified();
    Some(simple)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_as_slack_reads_it() {
        let at = Timestamp::from_microsecond(1_610_241_741_000_200).expect("a time");
        assert_eq!(slack_time(at), "1610241741.000200");
        assert_eq!(time(&slack_time(at)), Some(at));
    }
}
