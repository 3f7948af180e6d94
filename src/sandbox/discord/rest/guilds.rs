//! The guilds, their roles and members. Source: <https://docs.discord.com/developers/resources/guild>.

use serde_json::{Value, json};

use super::{Call, Done};
use crate::sandbox::discord::errors::ApiError;
use crate::sandbox::discord::guilds::Guild;
use crate::sandbox::discord::state::State;

impl State {
    fn own_guild(&self, guild: u64) -> Result<&Guild, ApiError> {
        self.guild_with(guild).ok_or_else(ApiError::unknown_guild)
    }

    pub(super) fn my_guilds(&self) -> Done {
        let partial = |guild: &Guild| {
            json!({
                "id": guild.id.to_string(), "name": guild.name, "icon": null, "banner": null, "owner": false,
                "permissions": self.bot_permissions(), "features": [],
            })
        };
        Done::Json(self.guilds.iter().map(partial).collect())
    }

    pub(super) fn get_guild(&self, guild: u64) -> Result<Done, ApiError> {
        Ok(Done::Json(self.guild_json(self.own_guild(guild)?)))
    }

    pub(super) fn guild_channels(&self, guild: u64) -> Result<Done, ApiError> {
        Ok(Done::Json(self.own_guild(guild)?.channels.iter().map(|id| self.channel_json(*id)).collect()))
    }

    pub(super) fn guild_roles(&self, guild: u64) -> Result<Done, ApiError> {
        Ok(Done::Json(self.roles_json(self.own_guild(guild)?)))
    }

    pub(super) fn guild_member(&self, guild: u64, user: u64) -> Result<Done, ApiError> {
        self.own_guild(guild)?;
        if !self.users.contains_key(&user) || self.left.contains(&(guild, user)) {
            return Err(ApiError::unknown_member());
        }
        Ok(Done::Json(self.member_json(guild, user, true)))
    }

    pub(super) fn guild_members(&self, guild: u64, call: &Call) -> Result<Done, ApiError> {
        self.own_guild(guild)?;
        if !self.members_intent {
            return Err(ApiError::missing_access());
        }
        let limit = call.limit(1, 1000)?;
        let after = call.number("after")?.unwrap_or(0);
        let mut users: Vec<u64> =
            self.users.keys().copied().filter(|user| *user > after && !self.left.contains(&(guild, *user))).collect();
        users.sort_unstable();
        let members: Vec<Value> = users.iter().take(limit).map(|user| self.member_json(guild, *user, true)).collect();
        Ok(Done::Json(Value::Array(members)))
    }

    pub(super) fn guild_active_threads(&self, guild: u64) -> Result<Done, ApiError> {
        self.own_guild(guild)?;
        let threads = self.active_threads_json(guild);
        let members: Vec<Value> = threads.iter().filter_map(|thread| thread.get("member")).cloned().collect();
        Ok(Done::Json(json!({ "threads": threads, "members": members, "has_more": false })))
    }
}
