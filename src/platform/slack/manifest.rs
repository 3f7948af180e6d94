//! The manifest of the Slack app (<https://docs.slack.dev/reference/app-manifest>).

use serde_json::{Value, json};

use crate::domain::act::Spec;
use crate::intake;

/// The scopes that the bot's token needs, and no others.
pub const SCOPES: &[&str] = &[
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:read",
    "reactions:write",
    "usergroups:read",
    "users:read",
];

/// The events to which the app subscribes.
pub const EVENTS: &[&str] = &[
    "channel_archive",
    "channel_deleted",
    "channel_left",
    "channel_rename",
    "channel_shared",
    "channel_unarchive",
    "channel_unshared",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_rename",
    "group_unarchive",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "reaction_added",
    "subteam_members_changed",
    "subteam_updated",
];

/// The largest number of characters of a command's hint (<https://docs.slack.dev/reference/app-manifest>).
const USAGE_HINT_CHARS: usize = 1_000;

/// Returns the hint that Slack shows while `/desk` is typed: the names of the commands, cut to Slack's limit.
fn usage_hint() -> String {
    let words: Vec<&str> = intake::acts().filter(|spec| spec.command.is_some()).map(|spec| spec.name).collect();
    let mut hint = words.join(" | ");
    hint.push_str(", then a key such as IT-1042");
    hint.chars().take(USAGE_HINT_CHARS).collect()
}

/// Returns the entries in the menu of a message.
fn shortcuts() -> Vec<Value> {
    let menus = intake::acts().filter_map(|spec| Some((spec, spec.menu?)));
    let shortcut = |(spec, menu): (&Spec, &str)| {
        let says = spec.command.map_or(menu, |command| command.says);
        json!({"name": menu, "type": "message", "callback_id": spec.name, "description": says})
    };
    menus.map(shortcut).collect()
}

/// Returns the app manifest, as in `bot-manifests/slack.json`.
#[must_use]
pub fn manifest() -> Value {
    json!({
        "_metadata": {"major_version": 2, "minor_version": 0},
        "display_information": {
            "name": "Desk",
            "description": "Ring the desk, not the engineer: mention or message it, and the IT desk has your request.",
            "background_color": "#1f3a4d",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": false,
                "messages_tab_enabled": true,
                "messages_tab_read_only_enabled": false,
            },
            "bot_user": {"display_name": "desk", "always_online": true},
            "slash_commands": [{
                "command": "/desk",
                "description": "Show or work a request, such as: /desk show IT-1042",
                "usage_hint": usage_hint(),
                "should_escape": true,
            }],
            "shortcuts": shortcuts(),
        },
        "oauth_config": {"scopes": {"bot": SCOPES}},
        "settings": {
            "event_subscriptions": {"bot_events": EVENTS},
            "interactivity": {"is_enabled": true},
            "org_deploy_enabled": false,
            "socket_mode_enabled": true,
            "token_rotation_enabled": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::act::Takes;

    /// Slack opens no form with a field for files unless the app may read files
    /// (<https://docs.slack.dev/reference/block-kit/block-elements/file-input-element>).
    #[test]
    fn files_are_asked_for_if_and_only_if_the_scope_is() {
        let is_asked =
            intake::acts().any(|spec| spec.opens_form() && spec.takes.iter().any(|param| param.takes == Takes::Files));
        assert_eq!(is_asked, SCOPES.contains(&"files:read"));
    }
}
