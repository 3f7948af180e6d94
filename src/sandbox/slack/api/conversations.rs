//! `conversations.info`, `.list`, `.open`, `.members`, `users.conversations`.

use serde_json::{Value, json};

use super::{Call, Outcome, Refusal};
use crate::sandbox::slack::args::cursor_for;
use crate::sandbox::slack::state::{Channel, Kind, State};

/// `conversations.info`, for a conversation of any kind.
pub(in crate::sandbox::slack) fn info(call: &mut Call<'_>) -> Outcome {
    let at = call.channel()?;
    need_to_read(call, at)?;
    let mut channel = channel_json(call.state, at);
    if call.args.flag("include_num_members") {
        channel["num_members"] = json!(member_ids(call.state, at).len());
    }
    Ok(json!({"channel": channel}))
}

/// `conversations.list`: public channels, and the conversations that the bot is in.
pub(in crate::sandbox::slack) fn list(call: &mut Call<'_>) -> Outcome {
    page(call, |_, channel| (channel.kind == Kind::Public && !channel.deleted) || channel.bot)
}

/// `users.conversations`: the conversations that the bot or a person is in.
pub(in crate::sandbox::slack) fn of_user(call: &mut Call<'_>) -> Outcome {
    let user = call.args.text("user").filter(|user| *user != call.state.ids.bot_user);
    if let Some(user) = &user
        && call.state.person_by_id(user).is_none()
    {
        return Err(Refusal::of("user_not_found"));
    }
    page(call, move |_, channel| match &user {
        None => channel.bot,
        Some(user) => channel.seen_by(user) && (channel.bot || channel.kind == Kind::Public),
    })
}

/// `conversations.open`: the direct conversation with one person. Groups of people are refused.
pub(in crate::sandbox::slack) fn open(call: &mut Call<'_>) -> Outcome {
    let whole = call.args.flag("return_im");
    if call.args.text("channel").is_some() {
        let at = call.channel()?;
        call.need("im:write")?;
        return match call.state.channels[at].kind {
            Kind::Direct(_) => Ok(opened(call.state, at, whole, true)),
            _ => Err(Refusal::of("method_not_supported_for_channel_type")),
        };
    }
    let users = call.args.list("users");
    let [user] = users.as_slice() else {
        return Err(if users.is_empty() {
            Refusal::of("users_list_not_supplied")
        } else {
            call.need("mpim:write").err().unwrap_or_else(|| Refusal::of("not_enough_users"))
        });
    };
    call.need("im:write")?;
    if *user == call.state.ids.bot_user {
        return Err(Refusal::of("cannot_dm_bot"));
    }
    let person = call.state.person_by_id(user).ok_or_else(|| Refusal::of("user_not_found"))?;
    if call.state.people[person].closed || call.state.people[person].deleted {
        return Err(Refusal::of("user_disabled"));
    }
    let was_open = call.state.channel_by_id(&call.state.direct_id(person)).is_some();
    let at = call.state.direct(person);
    Ok(opened(call.state, at, whole, was_open))
}

/// `conversations.members`: pages of ids of the people, and of the bot if it is in.
pub(in crate::sandbox::slack) fn members(call: &mut Call<'_>) -> Outcome {
    let at = call.channel()?;
    need_to_read(call, at)?;
    let ids = member_ids(call.state, at);
    let (items, cursor) = slice(call, &ids, 100)?;
    Ok(json!({"members": items, "response_metadata": {"next_cursor": cursor}}))
}

fn page(call: &mut Call<'_>, wanted: impl Fn(&State, &Channel) -> bool) -> Outcome {
    let mut types = call.args.list("types");
    if types.is_empty() {
        types.push("public_channel".to_owned());
    }
    for kind in &types {
        call.need(match kind.as_str() {
            "public_channel" => "channels:read",
            "private_channel" => "groups:read",
            "im" => "im:read",
            "mpim" => "mpim:read",
            _ => return Err(Refusal::of("invalid_types")),
        })?;
    }
    let without_archived = call.args.flag("exclude_archived");
    let state = &*call.state;
    let found: Vec<usize> = (0..state.channels.len())
        .filter(|at| {
            let channel = &state.channels[*at];
            let kind = match channel.kind {
                Kind::Public => "public_channel",
                Kind::Private => "private_channel",
                Kind::Direct(_) => "im",
            };
            types.iter().any(|t| t == kind) && wanted(state, channel) && !(without_archived && channel.archived)
        })
        .collect();
    let (items, cursor) = slice(call, &found, 100)?;
    let channels: Vec<Value> = items.into_iter().map(|at| channel_json(call.state, at)).collect();
    Ok(json!({"channels": channels, "response_metadata": {"next_cursor": cursor}}))
}

fn slice<T: Clone>(call: &Call<'_>, all: &[T], default: usize) -> Result<(Vec<T>, String), Refusal> {
    let limit = call.args.limit(default, 1000)?;
    let from: usize = match call.args.cursor()? {
        None => 0,
        Some(place) => place.parse().map_err(|_| Refusal::of("invalid_cursor"))?,
    };
    let to = all.len().min(from.saturating_add(limit));
    let cursor = if to < all.len() { cursor_for(&to.to_string()) } else { String::new() };
    Ok((all.get(from..to).unwrap_or_default().to_vec(), cursor))
}

fn need_to_read(call: &Call<'_>, at: usize) -> Result<(), Refusal> {
    call.need(&format!("{}:read", call.state.channels[at].family()))
}

fn member_ids(state: &State, at: usize) -> Vec<String> {
    let channel = &state.channels[at];
    let bot = channel.bot.then(|| state.ids.bot_user.clone());
    bot.into_iter().chain(state.members(channel).map(|person| person.id.clone())).collect()
}

fn opened(state: &State, at: usize, whole: bool, was_open: bool) -> Value {
    let channel = if whole { channel_json(state, at) } else { json!({"id": state.channels[at].id}) };
    if was_open {
        json!({"no_op": true, "already_open": true, "channel": channel})
    } else {
        json!({"channel": channel})
    }
}

fn channel_json(state: &State, at: usize) -> Value {
    let channel = &state.channels[at];
    let creator = state.people.first().map_or(&state.ids.bot_user, |person| &person.id);
    if let Kind::Direct(user) = &channel.kind {
        let is_deleted = state.person_by_id(user).is_some_and(|person| state.people[person].deleted);
        return json!({"id": channel.id, "created": channel.created_s, "is_archived": false, "is_im": true,
            "is_org_shared": false, "user": user, "is_user_deleted": is_deleted, "priority": 0});
    }
    let about = json!({"value": "", "creator": "", "last_set": 0});
    json!({"id": channel.id, "name": channel.name, "is_channel": true, "is_group": false, "is_im": false,
        "is_mpim": false, "is_private": channel.kind == Kind::Private, "created": channel.created_s,
        "is_archived": channel.archived, "is_general": false, "unlinked": 0, "name_normalized": channel.name,
        "is_shared": channel.shared, "is_org_shared": false, "is_pending_ext_shared": false, "pending_shared": [],
        "context_team_id": state.ids.team, "updated": channel.created_s, "creator": creator,
        "is_ext_shared": channel.shared, "shared_team_ids": [state.ids.team], "is_member": channel.bot, "topic": about,
        "purpose": about, "previous_names": []})
}
