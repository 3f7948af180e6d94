//! Events for the bot, and the acts that only cause events.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::api::users;
use super::delivery::Parcel;
use super::state::{Kind, State};
use super::{Core, ids_of};

impl Core {
    /// Sends `event` to the bot if the app subscribed to it.
    pub(super) fn tell(self: &Arc<Self>, state: &mut State, subscription: &str, mut event: Value, at: Option<usize>) {
        if !state.subscriptions.contains(subscription) {
            return;
        }
        let now = state.clock.now();
        if event.get("event_ts").is_none() {
            event["event_ts"] = json!(state.next_ts().to_string());
        }
        let event = self.hub.odd(event);
        let event_id = state.mint.event();
        let ids = &state.ids;
        let mut about = Map::new();
        about.insert("type".into(), event["type"].clone());
        if let Some(subtype) = event.get("subtype") {
            about.insert("subtype".into(), subtype.clone());
        }
        if let Some(at) = at {
            about.insert("channel".into(), json!(state.label(at)));
            about.insert("channel_id".into(), json!(state.channels[at].id));
            let message = event.pointer("/message/ts").or_else(|| event.get("deleted_ts")).or_else(|| event.get("ts"));
            about.insert("message".into(), message.cloned().unwrap_or_default());
        }
        let context = format!("4-{}-{}", event["type"].as_str().unwrap_or_default(), event_id);
        let payload = json!({
            "token": "verification-token", "team_id": ids.team, "context_team_id": ids.team,
            "context_enterprise_id": null, "api_app_id": ids.app, "event": event, "type": "event_callback",
            "event_id": event_id, "event_time": now.as_second(),
            "authorizations": [{"enterprise_id": null, "team_id": ids.team, "user_id": ids.bot_user, "is_bot": true,
                "is_enterprise_install": false}],
            "is_ext_shared_channel": at.is_some_and(|at| state.channels[at].shared), "event_context": context,
        });
        self.dispatch(Parcel::event(event_id, payload, about));
    }

    /// Gives a user group exactly these members, and tells the bot.
    pub(super) fn set_group(self: &Arc<Self>, handle: &str, members: &[&str]) {
        let mut state = self.lock();
        let Some(at) = state.groups.iter().position(|group| group.handle == handle) else { return };
        let members = ids_of(&state, members.iter().copied());
        let now_s = state.clock.now().as_second();
        let group = &mut state.groups[at];
        let old = std::mem::replace(&mut group.members, members);
        let before_s = std::mem::replace(&mut group.updated_s, now_s);
        let added: Vec<&String> = group.members.iter().filter(|id| !old.contains(id)).collect();
        let removed: Vec<&String> = old.iter().filter(|id| !group.members.contains(id)).collect();
        let changed = json!({"type": "subteam_members_changed", "subteam_id": group.id,
            "date_previous_update": before_s, "date_update": now_s,
            "added_users": added, "added_users_count": added.len(),
            "removed_users": removed, "removed_users_count": removed.len()});
        if state.scopes.contains("usergroups:read") {
            let mut changed = changed;
            changed["team_id"] = json!(state.ids.team);
            self.tell(&mut state, "subteam_members_changed", changed, None);
            let subteam = users::group_json(&state, &state.groups[at], true);
            self.tell(&mut state, "subteam_updated", json!({"type": "subteam_updated", "subteam": subteam}), None);
        }
    }

    /// Sends an event about a change of a user group at the time `at_s` (epoch seconds), without changing the group.
    pub(super) fn tell_of_group(self: &Arc<Self>, handle: &str, added: &[&str], removed: &[&str], at_s: i64) {
        let mut state = self.lock();
        let Some(group) = state.groups.iter().find(|group| group.handle == handle) else { return };
        let (id, team) = (group.id.clone(), state.ids.team.clone());
        let (added, removed) = (ids_of(&state, added.iter().copied()), ids_of(&state, removed.iter().copied()));
        let changed = json!({"type": "subteam_members_changed", "subteam_id": id, "team_id": team,
            "date_previous_update": at_s - 1, "date_update": at_s,
            "added_users": added, "added_users_count": added.len(),
            "removed_users": removed, "removed_users_count": removed.len()});
        self.tell(&mut state, "subteam_members_changed", changed, None);
    }

    /// Deactivates an account. Slack still accepts messages in its direct conversation, although nobody reads them.
    pub(super) fn deactivate(self: &Arc<Self>, handle: &str) {
        let mut state = self.lock();
        let Some(at) = state.person(handle) else { return };
        state.people[at].deleted = true;
        if state.scopes.contains("users:read") {
            let user = users::person_json(&state, at);
            let event = json!({"type": "user_change", "user": user, "cache_ts": state.clock.now().as_second()});
            self.tell(&mut state, "user_change", event, None);
        }
    }

    /// Gives a person another display name, and tells the bot.
    pub(super) fn rename_person(self: &Arc<Self>, handle: &str, name: &str) {
        let mut state = self.lock();
        let Some(at) = state.person(handle) else { return };
        name.clone_into(&mut state.people[at].name);
        if state.scopes.contains("users:read") {
            let user = users::person_json(&state, at);
            let event = json!({"type": "user_change", "user": user, "cache_ts": state.clock.now().as_second()});
            self.tell(&mut state, "user_change", event, None);
        }
        drop(state);
        self.touch();
    }

    /// Invites the bot to a channel, and tells it.
    pub(super) fn invite_bot(self: &Arc<Self>, name: &str) {
        let mut state = self.lock();
        let Some(at) = state.channel(name).filter(|at| !state.channels[*at].bot) else { return };
        state.channels[at].bot = true;
        let (letter, scope) =
            if state.channels[at].kind == Kind::Private { ("G", "groups:read") } else { ("C", "channels:read") };
        if state.scopes.contains(scope) {
            let event = json!({"type": "member_joined_channel", "user": state.ids.bot_user,
                "channel": state.channels[at].id, "channel_type": letter, "team": state.ids.team,
                "inviter": state.people.first().map(|person| person.id.clone())});
            self.tell(&mut state, "member_joined_channel", event, Some(at));
        }
    }
}
