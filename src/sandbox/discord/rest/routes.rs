//! Finds the route of a request.

/// A route and its variable parts.
#[derive(Clone, Debug)]
pub enum Route {
    /// A part of the path, given here, should be an id and is none.
    BadId(String),
    Gateway,
    GatewayBot,
    Me,
    MyGuilds,
    Application,
    /// The application, and the guild (`None`: global commands). The next two variants have the same fields.
    ListCommands(u64, Option<u64>),
    PutCommands(u64, Option<u64>),
    PostCommand(u64, Option<u64>),
    OpenDirect,
    GetChannel(u64),
    PatchChannel(u64),
    JoinThread(u64),
    StartThread(u64, u64),
    ListMessages(u64),
    CreateMessage(u64),
    GetMessage(u64, u64),
    EditMessage(u64, u64),
    DeleteMessage(u64, u64),
    /// The bot's own reaction: channel, message, emoji, and whether to add or remove it.
    React(u64, u64, String, bool),
    GetGuild(u64),
    GuildChannels(u64),
    GuildRoles(u64),
    GuildMember(u64, u64),
    GuildMembers(u64),
    ActiveThreads(u64),
    Callback(u64, String),
    FollowUp(u64, String),
    /// The message is `None` for `@original`.
    WebhookMessage(Verb, u64, String, Option<u64>),
}

/// The action on a message of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Edit,
    Delete,
}

/// A route with its template, such as `GET /channels/{id}`.
pub struct Matched {
    pub template: &'static str,
    pub route: Route,
}

impl Route {
    /// Returns the channel in the path, if there is one.
    pub fn channel(&self) -> Option<u64> {
        match self {
            Self::GetChannel(channel)
            | Self::PatchChannel(channel)
            | Self::JoinThread(channel)
            | Self::StartThread(channel, _)
            | Self::React(channel, ..)
            | Self::ListMessages(channel)
            | Self::CreateMessage(channel)
            | Self::GetMessage(channel, _)
            | Self::EditMessage(channel, _)
            | Self::DeleteMessage(channel, _) => Some(*channel),
            _ => None,
        }
    }

    /// Whether the journal gets an entry `called`. The other calls are noted by what they change.
    pub fn is_plain_call(&self) -> bool {
        !matches!(
            self,
            Self::CreateMessage(_)
                | Self::EditMessage(..)
                | Self::DeleteMessage(..)
                | Self::Callback(..)
                | Self::FollowUp(..)
                | Self::WebhookMessage(Verb::Edit | Verb::Delete, ..)
        )
    }
}

/// Finds the route of a request; `None` if the sandbox has none.
pub fn find(method: &str, path: &str) -> Option<Matched> {
    let path = path.strip_prefix("/api/v10/")?;
    let parts: Vec<&str> = path.split('/').collect();
    let mut bad = None;
    let mut id = |part: &str| {
        part.parse::<u64>().unwrap_or_else(|_| {
            bad = Some(part.to_owned());
            0
        })
    };
    let (template, route) = match (method, parts.as_slice()) {
        ("GET", ["gateway"]) => ("GET /gateway", Route::Gateway),
        ("GET", ["gateway", "bot"]) => ("GET /gateway/bot", Route::GatewayBot),
        ("GET", ["users", "@me"]) => ("GET /users/@me", Route::Me),
        ("GET", ["applications", "@me"]) => ("GET /applications/@me", Route::Application),
        ("GET", ["oauth2", "applications", "@me"]) => ("GET /oauth2/applications/@me", Route::Application),
        ("GET", ["applications", app, "commands"]) => {
            ("GET /applications/{id}/commands", Route::ListCommands(id(app), None))
        }
        ("PUT", ["applications", app, "commands"]) => {
            ("PUT /applications/{id}/commands", Route::PutCommands(id(app), None))
        }
        ("POST", ["applications", app, "commands"]) => {
            ("POST /applications/{id}/commands", Route::PostCommand(id(app), None))
        }
        ("GET", ["applications", app, "guilds", guild, "commands"]) => {
            ("GET /applications/{id}/guilds/{gid}/commands", Route::ListCommands(id(app), Some(id(guild))))
        }
        ("PUT", ["applications", app, "guilds", guild, "commands"]) => {
            ("PUT /applications/{id}/guilds/{gid}/commands", Route::PutCommands(id(app), Some(id(guild))))
        }
        ("POST", ["applications", app, "guilds", guild, "commands"]) => {
            ("POST /applications/{id}/guilds/{gid}/commands", Route::PostCommand(id(app), Some(id(guild))))
        }
        ("GET", ["users", "@me", "guilds"]) => ("GET /users/@me/guilds", Route::MyGuilds),
        ("POST", ["users", "@me", "channels"]) => ("POST /users/@me/channels", Route::OpenDirect),
        ("GET", ["channels", channel]) => ("GET /channels/{id}", Route::GetChannel(id(channel))),
        ("PATCH", ["channels", channel]) => ("PATCH /channels/{id}", Route::PatchChannel(id(channel))),
        ("PUT", ["channels", channel, "thread-members", "@me"]) => {
            ("PUT /channels/{id}/thread-members/@me", Route::JoinThread(id(channel)))
        }
        ("GET", ["channels", channel, "messages"]) => ("GET /channels/{id}/messages", Route::ListMessages(id(channel))),
        ("POST", ["channels", channel, "messages"]) => {
            ("POST /channels/{id}/messages", Route::CreateMessage(id(channel)))
        }
        ("GET", ["channels", channel, "messages", message]) => {
            ("GET /channels/{id}/messages/{mid}", Route::GetMessage(id(channel), id(message)))
        }
        ("PATCH", ["channels", channel, "messages", message]) => {
            ("PATCH /channels/{id}/messages/{mid}", Route::EditMessage(id(channel), id(message)))
        }
        ("DELETE", ["channels", channel, "messages", message]) => {
            ("DELETE /channels/{id}/messages/{mid}", Route::DeleteMessage(id(channel), id(message)))
        }
        ("PUT", ["channels", channel, "messages", message, "reactions", emoji, "@me"]) => (
            "PUT /channels/{id}/messages/{mid}/reactions/{emoji}/@me",
            Route::React(id(channel), id(message), (*emoji).to_owned(), true),
        ),
        ("DELETE", ["channels", channel, "messages", message, "reactions", emoji, "@me"]) => (
            "DELETE /channels/{id}/messages/{mid}/reactions/{emoji}/@me",
            Route::React(id(channel), id(message), (*emoji).to_owned(), false),
        ),
        ("POST", ["channels", channel, "messages", message, "threads"]) => {
            ("POST /channels/{id}/messages/{mid}/threads", Route::StartThread(id(channel), id(message)))
        }
        ("GET", ["guilds", guild]) => ("GET /guilds/{id}", Route::GetGuild(id(guild))),
        ("GET", ["guilds", guild, "channels"]) => ("GET /guilds/{id}/channels", Route::GuildChannels(id(guild))),
        ("GET", ["guilds", guild, "roles"]) => ("GET /guilds/{id}/roles", Route::GuildRoles(id(guild))),
        ("GET", ["guilds", guild, "members"]) => ("GET /guilds/{id}/members", Route::GuildMembers(id(guild))),
        ("GET", ["guilds", guild, "members", user]) => {
            ("GET /guilds/{id}/members/{uid}", Route::GuildMember(id(guild), id(user)))
        }
        ("GET", ["guilds", guild, "threads", "active"]) => {
            ("GET /guilds/{id}/threads/active", Route::ActiveThreads(id(guild)))
        }
        ("POST", ["interactions", interaction, token, "callback"]) => {
            let route = Route::Callback(id(interaction), (*token).to_owned());
            ("POST /interactions/{id}/{token}/callback", route)
        }
        ("POST", ["webhooks", app, token]) => {
            ("POST /webhooks/{app}/{token}", Route::FollowUp(id(app), (*token).to_owned()))
        }
        (_, ["webhooks", app, token, "messages", message]) => {
            let original = *message == "@original";
            let (verb, template) = match (method, original) {
                ("GET", true) => (Verb::Get, "GET /webhooks/{app}/{token}/messages/@original"),
                ("GET", false) => (Verb::Get, "GET /webhooks/{app}/{token}/messages/{mid}"),
                ("PATCH", true) => (Verb::Edit, "PATCH /webhooks/{app}/{token}/messages/@original"),
                ("PATCH", false) => (Verb::Edit, "PATCH /webhooks/{app}/{token}/messages/{mid}"),
                ("DELETE", true) => (Verb::Delete, "DELETE /webhooks/{app}/{token}/messages/@original"),
                ("DELETE", false) => (Verb::Delete, "DELETE /webhooks/{app}/{token}/messages/{mid}"),
                _ => return None,
            };
            let message = if original { None } else { Some(id(message)) };
            (template, Route::WebhookMessage(verb, id(app), (*token).to_owned(), message))
        }
        _ => return None,
    };
    Some(Matched { template, route: bad.map_or(route, Route::BadId) })
}
