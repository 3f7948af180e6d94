//! `auth.test`, `apps.connections.open`.

use serde_json::json;

use super::{Call, Outcome};
use crate::sandbox::slack::state::{BOT_HANDLE, TEAM_DOMAIN, TEAM_NAME};

/// `auth.test`: the workspace, the bot's user, and the bot itself.
pub(in crate::sandbox::slack) fn test(call: &mut Call<'_>) -> Outcome {
    let ids = &call.state.ids;
    Ok(json!({"url": format!("https://{TEAM_DOMAIN}.slack.com/"), "team": TEAM_NAME, "user": BOT_HANDLE,
        "team_id": ids.team, "user_id": ids.bot_user, "bot_id": ids.bot, "is_enterprise_install": false}))
}

/// `apps.connections.open`: the address of a socket, with a ticket that opens it once.
pub(in crate::sandbox::slack) fn connections_open(call: &mut Call<'_>) -> Outcome {
    let ticket = call.core.hub.ticket();
    Ok(json!({"url": format!("ws://{}/link?ticket={ticket}&app_id={}", call.core.base, call.state.ids.app)}))
}
