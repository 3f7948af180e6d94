//! Translates Slack's payloads about messages and user groups. One payload becomes one event, or none.
//!
//! Payloads are read as raw JSON, from the socket and over HTTP alike, so that a field unknown to the SDK's types
//! cannot make a text disappear. `app_mention` is not subscribed to: the same post comes as a `message`.

use std::collections::HashSet;
use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Workspace;
use super::directory::{Asked, Names};
use super::outbound::slack_time;
use super::outbound::{group_members, is_no_group};
use super::words::{self, SOMEONE};
use crate::domain::event::{DedupeKey, Event, EventKind, File, Said};
use crate::domain::ids::{Conversation, MessageRef, Person, PersonRef, Place, PlatformName, Tenant};
use crate::domain::permission::{GroupRef, Listed, Members};
use crate::intake::Intake;
use crate::intake::StoreError;
use crate::metrics;
use crate::platform::catch_up::{Handling, OVERLAP};

/// The account of Slack's own bot.
const SLACKBOT: &str = "USLACKBOT";

/// The bot's identity, and the bots whose messages are handled like people's.
#[derive(Clone, Debug)]
pub(super) struct Me {
    pub tenant: Tenant,
    pub team_url: String,
    pub user: String,
    pub bot: String,
    /// User or bot ids of the bots whose messages are handled like people's.
    pub listened_bots: HashSet<String>,
}

/// A message from a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlackMessage {
    pub author: String,
    /// The author's name, if the payload contains it.
    pub author_name: Option<String>,
    pub channel: String,
    pub is_direct: bool,
    pub ts: String,
    pub thread: Option<String>,
    /// The text in Slack's syntax.
    pub raw: String,
    pub files: Vec<File>,
}

/// News about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MessageNews {
    Posted(SlackMessage),
    /// With the time stamp of the edit.
    Edited(SlackMessage, String),
    /// With the time stamp of the deletion.
    Deleted {
        channel: String,
        ts: String,
        at: String,
    },
}

impl Me {
    /// Returns the reference of the message `ts` in `channel`.
    pub(super) fn message_ref(&self, channel: &str, ts: &str) -> MessageRef {
        MessageRef { tenant: self.tenant.clone(), channel: channel.to_owned(), id: ts.to_owned() }
    }

    /// Returns a place by Slack's ids.
    pub(super) fn place(&self, channel: &str, thread: Option<&str>, is_direct: bool) -> Place {
        let channel = channel.to_owned();
        let at = match thread {
            _ if is_direct => Conversation::Direct { channel },
            Some(root) => Conversation::Thread { channel, root: root.to_owned() },
            None => Conversation::Channel { channel },
        };
        Place { tenant: self.tenant.clone(), at }
    }

    /// Whether news may concern the desk. A new message that neither mentions the bot nor stands in a thread or a
    /// direct conversation never does. Whether an edit or deletion does is known only from the record.
    pub(super) fn may_concern(&self, news: &MessageNews) -> bool {
        match news {
            MessageNews::Posted(heard) => {
                heard.is_direct || heard.thread.is_some() || heard.raw.contains(&format!("<@{}", self.user))
            }
            MessageNews::Edited(..) | MessageNews::Deleted { .. } => true,
        }
    }

    /// Returns the ids whose names are needed to read a message.
    pub(super) fn asked(&self, heard: &SlackMessage) -> Asked {
        let mut asked = words::asked(&heard.raw, &self.user);
        asked.people.push(heard.author.clone());
        asked
    }

    /// Returns a message as plain text, with these names. `None` if its time stamp is invalid.
    pub(super) fn said(&self, heard: &SlackMessage, names: &Names) -> Option<Said> {
        let words = words::read(&heard.raw, &self.user, names);
        let name = names.people.get(&heard.author).cloned().or_else(|| heard.author_name.clone());
        let message = self.message_ref(&heard.channel, &heard.ts);
        let reply_to = match &heard.thread {
            Some(root) if heard.is_direct => Some(self.message_ref(&heard.channel, root)),
            _ => None,
        };
        Some(Said {
            author: person(&heard.author, name),
            place: self.place(&heard.channel, heard.thread.as_deref(), heard.is_direct),
            message,
            at: time(&heard.ts)?,
            text: words.text,
            mentions: words.mentions,
            groups: words.groups,
            notifies: None,
            mentions_bot: words.mentions_bot,
            reply_to,
            files: heard.files.clone(),
        })
    }

    /// Returns news about a message as an event, with these names. `None` if a time stamp is invalid.
    pub(super) fn event(&self, news: &MessageNews, names: &Names) -> Option<Event> {
        match news {
            MessageNews::Posted(heard) => {
                let said = self.said(heard, names)?;
                Some(Event {
                    key: DedupeKey::message(&said.message),
                    at: said.at,
                    what: EventKind::MessagePosted(said),
                })
            }
            MessageNews::Edited(heard, edited) => {
                let said = self.said(heard, names)?;
                let at = time(edited).unwrap_or(said.at);
                Some(Event { key: DedupeKey::edit(&said.message, edited), at, what: EventKind::MessageEdited(said) })
            }
            MessageNews::Deleted { channel, ts, at } => {
                let message = self.message_ref(channel, ts);
                let at = time(at).or_else(|| time(ts))?;
                Some(Event { key: DedupeKey::deletion(&message), at, what: EventKind::MessageDeleted { message } })
            }
        }
    }
}

impl Workspace {
    /// Handles one payload of the Events API. After `Ok` the payload may be acknowledged.
    pub(super) async fn handle_payload(&self, payload: &Value, intake: &Intake) -> Result<(), StoreError> {
        if payload["type"] == "app_rate_limited" {
            tracing::warn!("Slack holds back events: more than 30,000 came within an hour; they are read afterwards");
            self.progress.fall_behind();
            return Ok(());
        }
        if !self.is_ours(payload) {
            return Ok(());
        }
        self.note_shared(payload, intake).await?;
        let event = &payload["event"];
        match event["type"].as_str().unwrap_or_default() {
            "message" => {
                if let Some(news) = news(event, &self.me) {
                    let handling = self.handling(event);
                    if (self.me.may_concern(&news) || pings_staff(&self.me, &news, intake))
                        && let Some(event) = self.event_of(news).await
                    {
                        self.remember_deletion(&event);
                        intake.handle(event).await?;
                    }
                    if let Some(handling) = handling {
                        handling.done();
                    }
                }
            }
            "reaction_added" => {
                if let Some(event) = self.reacted(event, intake).await {
                    intake.handle(event).await?;
                }
            }
            "subteam_updated" => {
                // The event may be a repeat or late, so the group is read as it is now.
                let subteam = &event["subteam"];
                if let Some(id) = subteam["id"].as_str().filter(|id| is_wanted(id, intake)) {
                    let is_deleted = subteam["date_delete"].as_i64().unwrap_or_default() != 0;
                    if is_deleted && is_newest(id, subteam, intake) {
                        tracing::warn!(
                            group = id,
                            "a user group of the desk was deleted: nobody has rights by it; change the settings"
                        );
                        let now = intake.clock().now();
                        intake.change_members(&group(id), |members| members.end(now));
                    } else {
                        self.reread_group(id, intake);
                    }
                }
            }
            "subteam_members_changed" => {
                if let Some(id) = event["subteam_id"].as_str().filter(|id| is_wanted(id, intake))
                    && !change_group(id, event, intake)
                {
                    self.reread_group(id, intake);
                }
            }
            other => {
                if !self.handle_channel_event(event, intake).await? {
                    tracing::debug!(kind = other, "an event is dropped: the bot uses none of its kind");
                }
            }
        }
        Ok(())
    }

    /// Whether a payload is about the workspace that the desk serves. The payload of a shared channel may name the
    /// author's workspace; its `authorizations` then name ours. A payload that names no workspace counts as ours.
    pub(super) fn is_ours(&self, payload: &Value) -> bool {
        let installed = payload["authorizations"].as_array().map_or(&[][..], Vec::as_slice);
        let teams = installed.iter().map(|it| &it["team_id"]);
        // A click or a form names the workspace in which the app is installed as `team`.
        let mut named = [&payload["team_id"], &payload["context_team_id"], &payload["team"]["id"]]
            .into_iter()
            .chain(teams)
            .peekable();
        let ours = self.me.tenant.id.as_str();
        let is_ours = named.clone().all(|team| !team.is_string()) || named.any(|team| team == ours);
        if !is_ours {
            metrics::door_refusal(PlatformName::Slack, "foreign");
            let workspace = payload["team_id"].as_str().or_else(|| payload["team"]["id"].as_str());
            tracing::warn!(
                workspace,
                "a payload of another Slack workspace is dropped: install the app in one workspace only"
            );
        }
        is_ours
    }

    /// Begins the handling of an event for its position. Returns `None` if the time stamp is invalid or lies in the
    /// future: such an event moves no position.
    fn handling(&self, event: &Value) -> Option<Handling> {
        let stamp = text_of(&event["event_ts"]).or_else(|| text_of(&event["ts"]))?;
        let at = time(stamp)?;
        let is_sane = at <= self.clock.now() + SignedDuration::try_from(OVERLAP).ok()?;
        is_sane.then(|| self.progress.begin(event["channel"].as_str().unwrap_or_default(), &slack_time(at)))
    }

    /// Remembers a deletion while the workspace is behind: a catch-up may have read the message before its deletion,
    /// and may hand it in afterwards.
    fn remember_deletion(&self, event: &Event) {
        let mut deletions = self.deletions.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.progress.is_behind() {
            deletions.clear();
        } else if matches!(event.what, EventKind::MessageDeleted { .. }) {
            deletions.push(event.clone());
        }
    }

    /// Looks up the names in a message, and returns it as plain text.
    pub(super) async fn said(&self, heard: &SlackMessage) -> Option<Said> {
        let names = self.directory.names(&self.me.asked(heard)).await;
        self.me.said(heard, &names)
    }

    /// Returns the reference of the message `ts` in `channel`.
    pub(super) fn message_ref(&self, channel: &str, ts: &str) -> MessageRef {
        self.me.message_ref(channel, ts)
    }

    /// Returns a place by Slack's ids.
    pub(super) fn place(&self, channel: &str, thread: Option<&str>, is_direct: bool) -> Place {
        self.me.place(channel, thread, is_direct)
    }

    /// Looks up the names in news about a message, and returns the event.
    pub(super) async fn event_of(&self, news: MessageNews) -> Option<Event> {
        if let MessageNews::Posted(heard) = &news {
            if heard.is_direct {
                self.directory.learn_direct(&heard.author, &heard.channel);
            } else if let Some(root) = &heard.thread {
                self.directory.learn_thread(&heard.channel, root);
            }
        }
        let names = match &news {
            MessageNews::Posted(heard) | MessageNews::Edited(heard, _) => {
                self.directory.names(&self.me.asked(heard)).await
            }
            MessageNews::Deleted { .. } => Names::default(),
        };
        self.me.event(&news, &names)
    }

    /// Reads the present members of a group, in a task. A deleted group has none.
    fn reread_group(&self, id: &str, intake: &Intake) {
        if !is_wanted(id, intake) {
            return;
        }
        let (api, group, intake) = (self.api.clone(), group(id), intake.clone());
        tokio::spawn(async move {
            let at = intake.clock().now();
            match group_members(&api, &group.id).await {
                Ok(members) => intake.learn_members(&group, Listed { guild: None, members, is_complete: true }, at),
                Err(error) if error.code().is_some_and(is_no_group) => {
                    tracing::warn!(
                        group = group.id,
                        "a user group of the desk is gone: nobody has rights by it; change the settings"
                    );
                    intake.change_members(&group, |members| members.end(at));
                }
                Err(error) => {
                    tracing::warn!(
                        group = group.id, %error,
                        "the members of a group could not be read; the last known members count"
                    )
                }
            }
        });
    }
}

/// Whether a new message pings a person or group whom the guard protects. Most messages mention nobody and need no
/// further check.
fn pings_staff(me: &Me, news: &MessageNews, intake: &Intake) -> bool {
    let MessageNews::Posted(heard) = news else { return false };
    if !heard.raw.contains("<@") && !heard.raw.contains("<!subteam^") {
        return false;
    }
    let people: Vec<Person> = words::asked(&heard.raw, "").people.iter().map(|id| person(id, None)).collect();
    let groups: Vec<GroupRef> = words::groups(&heard.raw).iter().map(|id| group(id)).collect();
    let (author, place) = (person(&heard.author, None), me.place(&heard.channel, None, heard.is_direct));
    intake.pings_staff(&author, &place, &people, &groups)
}

/// Applies a change of a group to its known members. Returns `false` if the group must be read again instead.
fn change_group(id: &str, event: &Value, intake: &Intake) -> bool {
    let accounts = |field: &str| -> Vec<PersonRef> {
        event[field].as_array().map(|users| ids(users)).unwrap_or_default().into_iter().map(slack_person).collect()
    };
    let Some(at) = event["date_update"].as_i64().and_then(|secs| Timestamp::from_second(secs).ok()) else {
        return false;
    };
    intake
        .change_members(&group(id), |members| members.change(&accounts("added_users"), &accounts("removed_users"), at))
}

/// Whether this information about a group is at least as new as everything known about it.
fn is_newest(id: &str, subteam: &Value, intake: &Intake) -> bool {
    let told = subteam["date_update"].as_i64().and_then(|secs| Timestamp::from_second(secs).ok());
    let known = intake.roster().members.get(&group(id)).and_then(Members::changed_at);
    told.is_some_and(|told| known.is_none_or(|known| known.as_second() <= told.as_second()))
}

fn group(id: &str) -> GroupRef {
    GroupRef { platform: PlatformName::Slack, id: id.to_owned() }
}

/// Returns the news of a `message` event; `None` if it is not about a person's message.
pub(super) fn news(event: &Value, me: &Me) -> Option<MessageNews> {
    let channel = event["channel"].as_str()?;
    let is_direct = is_direct(channel, &event["channel_type"]);
    let stamp = event["event_ts"].as_str().or_else(|| event["ts"].as_str())?;
    let deleted =
        |ts: &str| MessageNews::Deleted { channel: channel.to_owned(), ts: ts.to_owned(), at: stamp.to_owned() };
    match event["subtype"].as_str() {
        Some("message_changed") => {
            let (now, before) = (&event["message"], &event["previous_message"]);
            if now["subtype"] == "tombstone" {
                // A deleted root of a thread leaves a tombstone.
                return is_listened_to(before, me).then(|| deleted(now["ts"].as_str().unwrap_or_default()));
            }
            let is_a_file_gone = files(&now["files"]).len() < files(&before["files"]).len();
            if !before.is_null() && now["text"] == before["text"] && !is_a_file_gone {
                return None;
            }
            // Deleting a file does not change the message's own edit time, so the time of the event is taken.
            let edited = now["edited"]["ts"].as_str().filter(|_| !is_a_file_gone).unwrap_or(stamp).to_owned();
            Some(MessageNews::Edited(read_message(now, channel, is_direct, me)?, edited))
        }
        Some("message_deleted") => {
            let before = &event["previous_message"];
            let ts = event["deleted_ts"].as_str().or_else(|| before["ts"].as_str())?;
            (before.is_null() || is_listened_to(before, me)).then(|| deleted(ts))
        }
        _ => read_message(event, channel, is_direct, me).map(MessageNews::Posted),
    }
}

/// Reads a message. `None` if it was not written by a person or by a bot that is handled like one.
pub(super) fn read_message(message: &Value, channel: &str, is_direct: bool, me: &Me) -> Option<SlackMessage> {
    if !is_listened_to(message, me) {
        return None;
    }
    match message["subtype"].as_str() {
        None | Some("" | "thread_broadcast" | "file_share" | "me_message" | "bot_message") => {}
        Some(_) => return None,
    }
    let ts = message["ts"].as_str()?;
    let author = text_of(&message["user"]).or_else(|| text_of(&message["bot_id"]))?;
    let profile = &message["user_profile"];
    let author_name = [&profile["display_name"], &profile["real_name"], &message["username"]];
    Some(SlackMessage {
        author: author.to_owned(),
        author_name: author_name.into_iter().find_map(text_of).map(str::to_owned),
        channel: channel.to_owned(),
        is_direct,
        ts: ts.to_owned(),
        thread: text_of(&message["thread_ts"]).filter(|root| *root != ts).map(str::to_owned),
        raw: raw_text(message),
        files: files(&message["files"]),
    })
}

/// Reads a time stamp: seconds, a point and microseconds.
pub(super) fn time(ts: &str) -> Option<Timestamp> {
    let (secs, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    let micros = format!("{micros:0<6}");
    let micros: i64 = micros.get(..6)?.parse().ok()?;
    Timestamp::from_microsecond(secs.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?).ok()
}

/// Returns a person by id, with the name if it is known.
pub(super) fn person(id: &str, name: Option<String>) -> Person {
    Person::new(slack_person(id.to_owned()), name.unwrap_or_else(|| SOMEONE.to_owned()))
}

/// Whether a conversation is a direct conversation.
pub(super) fn is_direct(channel: &str, channel_type: &Value) -> bool {
    channel_type == "im" || channel.starts_with('D')
}

/// Returns the string in a field, unless it is empty.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn slack_person(id: String) -> PersonRef {
    PersonRef::new(PlatformName::Slack, id)
}

fn is_listened_to(message: &Value, me: &Me) -> bool {
    let user = text_of(&message["user"]);
    let bot = text_of(&message["bot_id"]);
    if user == Some(&me.user) || bot == Some(&me.bot) || user == Some(SLACKBOT) {
        return false;
    }
    let is_bot = bot.is_some() || message["subtype"] == "bot_message";
    !is_bot || [user, bot].into_iter().flatten().any(|id| me.listened_bots.contains(id))
}

/// Returns the text of a message; if it was forwarded without a comment, the forwarded text.
fn raw_text(message: &Value) -> String {
    if let Some(text) = text_of(&message["text"]) {
        return text.to_owned();
    }
    let attachments = message["attachments"].as_array().into_iter().flatten();
    let shared = attachments.filter(|attachment| attachment["is_share"] == true || attachment["is_msg_unfurl"] == true);
    let texts =
        shared.filter_map(|attachment| text_of(&attachment["text"]).or_else(|| text_of(&attachment["fallback"])));
    texts.collect::<Vec<_>>().join("\n")
}

/// Returns the files of a message, without the tombstones of deleted ones.
pub(super) fn files(files: &Value) -> Vec<File> {
    let files = files.as_array().into_iter().flatten();
    files
        .filter(|file| file["mode"] != "tombstone")
        .filter_map(|file| {
            let name = [&file["name"], &file["title"], &file["id"]].into_iter().find_map(text_of)?;
            let url = [&file["permalink"], &file["url_private"]].into_iter().find_map(text_of).unwrap_or_default();
            Some(File { name: name.to_owned(), url: url.to_owned(), bytes: file["size"].as_u64().unwrap_or_default() })
        })
        .collect()
}

fn ids(users: &[Value]) -> Vec<String> {
    users.iter().filter_map(text_of).map(str::to_owned).collect()
}

fn is_wanted(group: &str, intake: &Intake) -> bool {
    intake.roster().groups_on(PlatformName::Slack).iter().any(|wanted| wanted.id == group)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn me() -> Me {
        Me {
            tenant: Tenant { platform: PlatformName::Slack, id: "T111".to_owned() },
            team_url: "https://acme.slack.com/".to_owned(),
            user: "UBOT".to_owned(),
            bot: "BBOT".to_owned(),
            listened_bots: ["UALERTS".to_owned()].into(),
        }
    }

    fn message() -> Value {
        json!({
            "client_msg_id": "f0582a78", "type": "message", "text": "<@UBOT> printer", "user": "U222",
            "ts": "1610241741.000200", "team": "T111", "channel": "C111", "channel_type": "channel",
            "event_ts": "1610241741.000200", "blocks": [{"type": "rich_text", "block_id": "Sesm", "elements": []}],
            "metadata": {"event_type": "x", "event_payload": {"n": 1}},
        })
    }

    fn with(mut event: Value, fields: Value) -> Value {
        for (key, value) in fields.as_object().expect("an object") {
            event[key] = value.clone();
        }
        event
    }

    #[test]
    fn messages_of_people_are_heard() {
        let Some(MessageNews::Posted(heard)) = news(&message(), &me()) else { panic!("not heard") };
        assert_eq!((heard.author.as_str(), heard.raw.as_str(), heard.thread), ("U222", "<@UBOT> printer", None));

        let reply = with(message(), json!({"thread_ts": "1610241000.000100", "subtype": "thread_broadcast"}));
        let Some(MessageNews::Posted(heard)) = news(&reply, &me()) else { panic!("not heard") };
        assert_eq!(heard.thread.as_deref(), Some("1610241000.000100"));

        let root = with(message(), json!({"thread_ts": "1610241741.000200"}));
        let Some(MessageNews::Posted(heard)) = news(&root, &me()) else { panic!("not heard") };
        assert_eq!(heard.thread, None);

        let files = json!([{"id": "F1", "name": "log.txt", "permalink": "https://acme.slack.com/f/1", "size": 12, "url_static_preview": ""}]);
        let file = with(
            message(),
            json!({"subtype": "file_share", "text": "", "channel": "D1", "channel_type": "im", "files": files}),
        );
        let Some(MessageNews::Posted(heard)) = news(&file, &me()) else { panic!("not heard") };
        assert!(heard.is_direct);
        assert_eq!(heard.files, [File { name: "log.txt".into(), url: "https://acme.slack.com/f/1".into(), bytes: 12 }]);
    }

    #[test]
    fn bots_and_notices_are_not_heard() {
        for fields in [
            json!({"user": "UBOT"}),
            json!({"bot_id": "B999"}),
            json!({"bot_id": "BBOT", "user": "UALERTS"}),
            json!({"subtype": "bot_message"}),
            json!({"subtype": "channel_join"}),
            json!({"subtype": "something_new"}),
            json!({"user": "USLACKBOT"}),
        ] {
            assert_eq!(news(&with(message(), fields.clone()), &me()), None, "{fields}");
        }
        assert!(news(&with(message(), json!({"bot_id": "B2", "user": "UALERTS"})), &me()).is_some());
    }

    #[test]
    fn edits_are_told_only_if_the_words_changed() {
        let now = json!({"type": "message", "user": "U222", "text": "new", "ts": "5.000001", "edited": {"user": "U222", "ts": "9.000000"}});
        let changed = |now: &Value, before: &str| {
            json!({
                "type": "message", "subtype": "message_changed", "hidden": true, "channel": "C111", "channel_type": "channel",
                "ts": "9.000100", "event_ts": "9.000100", "message": now,
                "previous_message": {"type": "message", "user": "U222", "text": before, "ts": "5.000001"},
            })
        };
        let Some(MessageNews::Edited(heard, edited)) = news(&changed(&now, "old"), &me()) else { panic!("not told") };
        assert_eq!((heard.ts.as_str(), heard.raw.as_str(), edited.as_str()), ("5.000001", "new", "9.000000"));
        assert_eq!(news(&changed(&now, "new"), &me()), None);
        assert_eq!(news(&changed(&with(now.clone(), json!({"bot_id": "BBOT"})), "old"), &me()), None);
        let stone = json!({"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted.", "ts": "5.000001"});
        assert!(
            matches!(news(&changed(&stone, "old"), &me()), Some(MessageNews::Deleted { ts, .. }) if ts == "5.000001")
        );
    }

    #[test]
    fn deletions_are_told() {
        let gone = json!({
            "type": "message", "subtype": "message_deleted", "channel": "C111", "channel_type": "group", "ts": "9.000100",
            "deleted_ts": "5.000001", "event_ts": "9.000100", "previous_message": {"user": "U222", "text": "old", "ts": "5.000001"},
        });
        let told = MessageNews::Deleted { channel: "C111".into(), ts: "5.000001".into(), at: "9.000100".into() };
        assert_eq!(news(&gone, &me()), Some(told));
        assert_eq!(news(&with(gone, json!({"previous_message": {"user": "UBOT", "bot_id": "BBOT"}})), &me()), None);
    }

    #[test]
    fn time_stamps_are_read_to_the_microsecond() {
        assert_eq!(time("1610241741.000200").map(Timestamp::as_microsecond), Some(1_610_241_741_000_200));
        assert_eq!(time("5").map(Timestamp::as_microsecond), Some(5_000_000));
        assert_eq!(time("soon"), None);
        assert_eq!(time("1.é"), None);
    }
}
