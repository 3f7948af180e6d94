//! Who has a role, and which guilds are served.

use std::collections::HashSet;

use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use serenity::model::id::{GuildId, UserId};

use super::errors::{Doing, failed};
use super::rest::RestError;
use super::{Shared, directory, id};
use crate::domain::effect::Undeliverable;
use crate::domain::ids::PersonRef;
use crate::platform::DeliveryError;

impl Shared {
    /// The accounts with a role. Where Discord does not list them, those that events have shown with it and that still
    /// have it.
    pub(super) async fn members(&self, group: &str) -> Result<Vec<PersonRef>, DeliveryError> {
        let Some(role) = id(group) else {
            return Err(DeliveryError::Permanent {
                reason: Undeliverable::Gone,
                detail: format!("{group:?} is no id of a role"),
            });
        };
        let mut members = HashSet::new();
        if self.lists_members {
            for guild in self.served_guilds().await.map_err(|error| failed(error, Doing::Repeatable))? {
                let listed = self.list_members(guild, group).await;
                members.extend(listed.map_err(|error| failed(error, Doing::Repeatable))?);
            }
        } else {
            for (guild, user) in self.directory.seen_with(role) {
                if self.serves(Some(guild)) && self.still_has(guild, user, group).await {
                    members.insert(user);
                }
            }
        }
        Ok(members.into_iter().map(directory::account).collect())
    }

    /// The guilds that are served, even before the gateway has told of them.
    pub(super) async fn served_guilds(&self) -> Result<Vec<GuildId>, RestError> {
        if !self.guilds.is_empty() {
            return Ok(self.guilds.iter().copied().collect());
        }
        let known = self.directory.guilds();
        if !known.is_empty() {
            return Ok(known);
        }
        let listed = self.rest.call_patiently(LightMethod::Get, Route::UserMeGuilds, &[], None).await?;
        let listed = listed.as_array().map_or(&[][..], Vec::as_slice);
        Ok(listed.iter().filter_map(|guild| id(guild["id"].as_str()?)).collect())
    }

    /// A guild as the gateway would tell of it.
    pub(super) async fn whole_guild(&self, guild: GuildId) -> Result<Value, RestError> {
        let get = async |route| self.rest.call_patiently(LightMethod::Get, route, &[], None).await;
        let roles = get(Route::GuildRoles { guild_id: guild }).await?;
        let channels = get(Route::GuildChannels { guild_id: guild }).await?;
        let mut active = get(Route::GuildThreadsActive { guild_id: guild }).await?;
        let me = get(Route::GuildMember { guild_id: guild, user_id: self.me }).await?;
        if !roles.is_array() || !channels.is_array() {
            return Err(RestError::nonsense("a guild without channels or roles"));
        }
        Ok(json!({
            "roles": roles, "channels": channels, "threads": active["threads"].take(),
            "joined_at": me["joined_at"], "members": [{ "user": { "id": self.me.to_string() }, "roles": me["roles"] }],
        }))
    }

    async fn list_members(&self, guild: GuildId, role: &str) -> Result<Vec<UserId>, RestError> {
        const MEMBERS: usize = 1_000;
        let mut found = Vec::new();
        let mut after = "0".to_owned();
        loop {
            let query = [("limit", MEMBERS.to_string()), ("after", after)];
            let route = Route::GuildMembers { guild_id: guild };
            let page = self.rest.call_patiently(LightMethod::Get, route, &query, None).await?;
            let page = page.as_array().map_or(&[][..], Vec::as_slice);
            for member in page.iter().filter(|member| has_role(member, role)) {
                found.extend(member["user"]["id"].as_str().and_then(id::<UserId>));
            }
            let last = page.last().and_then(|member| member["user"]["id"].as_str());
            match last {
                Some(last) if page.len() >= MEMBERS => after = last.to_owned(),
                Some(_) | None => return Ok(found),
            }
        }
    }

    async fn still_has(&self, guild: GuildId, user: UserId, role: &str) -> bool {
        let route = Route::GuildMember { guild_id: guild, user_id: user };
        match self.rest.call_patiently(LightMethod::Get, route, &[], None).await {
            Ok(member) => has_role(&member, role),
            Err(error) => !error.is_status(404),
        }
    }
}

fn has_role(member: &Value, role: &str) -> bool {
    member["roles"].as_array().is_some_and(|roles| roles.iter().any(|it| it == role))
}
