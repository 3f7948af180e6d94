//! `users.info`, `users.list`, `usergroups.list`, `usergroups.users.list`.

use serde_json::{Value, json};

use super::{Call, Outcome, Refusal};
use crate::sandbox::slack::args::cursor_for;
use crate::sandbox::slack::state::{BOT_HANDLE, BOT_NAME, Group, State};

/// `users.info`, for a person or for the bot's own user.
pub(in crate::sandbox::slack) fn info(call: &mut Call<'_>) -> Outcome {
    call.need("users:read")?;
    let id = call.args.required("user")?;
    if id == call.state.ids.bot_user {
        return Ok(json!({"user": bot_json(call.state)}));
    }
    let at = call.state.person_by_id(&id).ok_or_else(|| Refusal::of("user_not_found"))?;
    Ok(json!({"user": person_json(call.state, at)}))
}

/// `users.list`: pages of users, the bot's own first. Deactivated people are listed, too.
pub(in crate::sandbox::slack) fn list(call: &mut Call<'_>) -> Outcome {
    call.need("users:read")?;
    let limit = call.args.limit(1000, 1000)?;
    let from = start(call)?;
    let state = &*call.state;
    let bot = (from == 0).then(|| bot_json(state));
    let room = limit - usize::from(from == 0 && limit > 1);
    let next = state.people.len().min(from.saturating_add(room));
    let members: Vec<Value> = bot.into_iter().chain((from..next).map(|at| person_json(state, at))).collect();
    let cursor = if next < state.people.len() { cursor_for(&next.to_string()) } else { String::new() };
    Ok(
        json!({"members": members, "cache_ts": state.clock.now().as_second(), "response_metadata": {"next_cursor": cursor}}),
    )
}

/// `usergroups.list`: every user group, with its members if `include_users` is set.
pub(in crate::sandbox::slack) fn groups_list(call: &mut Call<'_>) -> Outcome {
    call.need("usergroups:read")?;
    let with_users = call.args.flag("include_users");
    let groups: Vec<Value> = call.state.groups.iter().map(|group| group_json(call.state, group, with_users)).collect();
    Ok(json!({"usergroups": groups}))
}

/// `usergroups.users.list`: the ids of the members of one user group.
pub(in crate::sandbox::slack) fn group_members(call: &mut Call<'_>) -> Outcome {
    call.need("usergroups:read")?;
    let id = call.args.required("usergroup")?;
    let group = call.state.groups.iter().find(|group| group.id == id).ok_or_else(|| Refusal::of("no_such_subteam"))?;
    Ok(json!({"users": group.members}))
}

/// Returns the JSON of a person.
pub(in crate::sandbox::slack) fn person_json(state: &State, at: usize) -> Value {
    let person = &state.people[at];
    let mut user = user_json(&state.ids.team, &person.id, &person.handle, &person.name, false);
    user["deleted"] = json!(person.deleted);
    user
}

/// Returns the JSON of a user group.
pub(in crate::sandbox::slack) fn group_json(state: &State, group: &Group, with_users: bool) -> Value {
    let creator = state.people.first().map_or(&state.ids.bot_user, |person| &person.id);
    let mut out = json!({"id": group.id, "team_id": state.ids.team, "is_usergroup": true, "is_subteam": true,
        "name": group.name, "description": "", "handle": group.handle, "is_external": false,
        "date_create": 1_700_000_000, "date_update": group.updated_s, "date_delete": 0, "auto_type": null,
        "auto_provision": false, "enterprise_subteam_id": "", "created_by": creator, "updated_by": creator,
        "deleted_by": null, "prefs": {"channels": [], "groups": []}, "user_count": group.members.len(),
        "channel_count": 0});
    if with_users {
        out["users"] = json!(group.members);
    }
    out
}

fn bot_json(state: &State) -> Value {
    let mut bot = user_json(&state.ids.team, &state.ids.bot_user, BOT_HANDLE, BOT_NAME, true);
    bot["profile"]["bot_id"] = json!(state.ids.bot);
    bot["profile"]["api_app_id"] = json!(state.ids.app);
    bot
}

fn user_json(team: &str, id: &str, handle: &str, name: &str, is_bot: bool) -> Value {
    json!({"id": id, "team_id": team, "name": handle, "deleted": false, "color": "9f69e7", "real_name": name,
        "tz": "Europe/London", "tz_label": "Greenwich Mean Time", "tz_offset": 0,
        "profile": {"title": "", "phone": "", "real_name": name, "real_name_normalized": name, "display_name": name,
            "display_name_normalized": name, "status_text": "", "status_emoji": "", "status_expiration": 0,
            "avatar_hash": "g000000", "team": team},
        "is_admin": false, "is_owner": false, "is_primary_owner": false, "is_restricted": false,
        "is_ultra_restricted": false, "is_bot": is_bot, "is_app_user": false, "updated": 1_700_000_000,
        "is_email_confirmed": true, "who_can_share_contact_card": "EVERYONE"})
}

fn start(call: &Call<'_>) -> Result<usize, Refusal> {
    match call.args.cursor()? {
        None => Ok(0),
        Some(place) => place.parse().map_err(|_| Refusal::of("invalid_cursor")),
    }
}
