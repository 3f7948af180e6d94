//! Differences from a description that is incomplete, out of date or wrong, and why each is accepted.

use super::{FRAMES, GATEWAY, SAMPLES, WEB_API, Waiver};

/// All accepted differences. A test fails if one is no longer needed.
pub const WAIVERS: &[Waiver] = &[
    Waiver {
        spec: WEB_API,
        place: "apps.connections.open",
        reason: "The file describes seven methods, and not this one; it has no arguments.",
    },
    Waiver {
        spec: WEB_API,
        place: "auth.test",
        reason: "The file describes seven methods, and not this one; it has no arguments.",
    },
    Waiver {
        spec: WEB_API,
        place: "conversations.history",
        reason: "The file describes seven methods, and not this one; it reads, by channel, oldest, limit and cursor.",
    },
    Waiver {
        spec: WEB_API,
        place: "conversations.info",
        reason: "The file describes seven methods, and not this one; it reads, by channel.",
    },
    Waiver {
        spec: WEB_API,
        place: "conversations.replies",
        reason: "The file describes seven methods, and not this one; it reads, by channel, ts, limit and cursor.",
    },
    Waiver {
        spec: WEB_API,
        place: "reactions.add",
        reason: "The file describes seven methods, and not this one; it has channel, timestamp and name.",
    },
    Waiver {
        spec: WEB_API,
        place: "usergroups.users.list",
        reason: "The file describes seven methods, and not this one; it reads, by usergroup.",
    },
    Waiver {
        spec: WEB_API,
        place: "users.conversations",
        reason: "The file describes seven methods, and not this one; it reads, by types, limit and cursor.",
    },
    Waiver {
        spec: WEB_API,
        place: "users.list",
        reason: "The file describes seven methods, and not this one; it reads, by limit and cursor.",
    },
    Waiver {
        spec: SAMPLES,
        place: "block_actions /message/bot_profile/user_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message /app_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message /bot_profile/user_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message.message_changed /message/app_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message.message_changed /message/bot_profile/user_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message.message_changed /previous_message/app_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message.message_changed /previous_message/bot_profile/user_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message.message_deleted /previous_message/app_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message.message_deleted /previous_message/bot_profile/user_id",
        reason: "The samples leave it out; Slack marks an app's own messages with it.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message.message_changed /message/reply_users",
        reason: "The samples leave it out; Slack lists the first repliers of a thread beside reply_users_count.",
    },
    Waiver {
        spec: SAMPLES,
        place: "message.message_changed /previous_message/reply_users",
        reason: "The samples leave it out; Slack lists the first repliers of a thread beside reply_users_count.",
    },
    Waiver {
        spec: SAMPLES,
        place: "slash_command /is_enterprise_install",
        reason: "Commands are form fields, so that Slack writes \"false\"; the sample has it as parsed.",
    },
    Waiver {
        spec: SAMPLES,
        place: "subteam_updated /subteam/auto_type",
        reason: "The sample leaves it out; the reference of the user group object has it, null for groups made by hand.",
    },
    Waiver {
        spec: SAMPLES,
        place: "user_change /event_ts",
        reason: "The sample is older than this field, which every event has.",
    },
    Waiver {
        spec: SAMPLES,
        place: "view_submission /response_urls",
        reason: "The sample leaves it out; the reference has it, empty unless a block asks for one.",
    },
    Waiver {
        spec: FRAMES,
        place: "block_actions /container/view_id",
        reason: "Recorded in a form; the bot's buttons stand in messages, whose container names the message.",
    },
    Waiver {
        spec: FRAMES,
        place: "block_actions /view",
        reason: "Recorded in a form; the bot's buttons stand in messages.",
    },
    Waiver {
        spec: GATEWAY,
        place: "INTERACTION_CREATE /d/data/id",
        reason: "Discord sends the component's own id along; the types do not have it yet.",
    },
    Waiver {
        spec: GATEWAY,
        place: "RESUMED /d",
        reason: "Discord tells through which of its machines it went; the types leave that out.",
    },
    Waiver {
        spec: GATEWAY,
        place: "op 7",
        reason: "The file describes hello, events and what bots send; the request to reconnect has no content.",
    },
    Waiver {
        spec: GATEWAY,
        place: "READY /d/user_settings",
        reason: "Discord still sends what only users' clients need; the types leave that out.",
    },
    Waiver {
        spec: GATEWAY,
        place: "READY /d/relationships",
        reason: "Discord still sends what only users' clients need; the types leave that out.",
    },
    Waiver {
        spec: GATEWAY,
        place: "READY /d/private_channels",
        reason: "Discord still sends what only users' clients need; the types leave that out.",
    },
    Waiver {
        spec: GATEWAY,
        place: "READY /d/presences",
        reason: "Discord still sends what only users' clients need; the types leave that out.",
    },
    Waiver {
        spec: GATEWAY,
        place: "READY /d/session_type",
        reason: "Discord still sends what only users' clients need; the types leave that out.",
    },
    Waiver {
        spec: GATEWAY,
        place: "READY /d/guild_join_requests",
        reason: "Discord still sends what only users' clients need; the types leave that out.",
    },
    Waiver {
        spec: GATEWAY,
        place: "READY /d/geo_ordered_rtc_regions",
        reason: "Discord still sends what only users' clients need; the types leave that out.",
    },
];
