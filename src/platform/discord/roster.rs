//! Members of roles, and the guilds that are served.

use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use serenity::model::id::{GuildId, RoleId, UserId};

use super::errors::{Doing, failed};
use super::payload::{guild_of, id, list};
use super::rest::RestError;
use super::{Shared, directory};
use crate::domain::effect::Undeliverable;
use crate::domain::ids::{PersonRef, PlatformName};
use crate::intake::Intake;
use crate::platform::{DeliveryError, Listed};

impl Shared {
    /// Returns the accounts with a role. If Discord does not list members, returns the accounts that events have shown
    /// with the role and that still have it.
    pub(super) async fn members(&self, group: &str) -> Result<Listed, DeliveryError> {
        let role = role_of(group)?;
        let asked = async {
            // A role of a guild that is not served has no members here.
            let Some(guild) = self.guild_of(role).await? else {
                return Ok(Listed { is_complete: true, ..Listed::default() });
            };
            let users = if self.lists_members {
                self.list_members(guild, role).await?
            } else {
                let mut users = Vec::new();
                for user in self.directory.seen_with(guild, role) {
                    if self.has_now(guild, user, role).await? {
                        users.push(user);
                    }
                }
                users
            };
            let members = users.into_iter().map(directory::account).collect();
            Ok(Listed { guild: Some(guild.to_string()), members, is_complete: self.lists_members })
        };
        asked.await.map_err(|error: RestError| failed(error, Doing::Repeatable))
    }

    /// Asks Discord now whether an account has a role.
    pub(super) async fn is_member(&self, group: &str, who: &PersonRef) -> Result<bool, DeliveryError> {
        let (role, Some(user)) = (role_of(group)?, super::id::<UserId>(&who.id)) else { return Ok(false) };
        let asked = async {
            match self.guild_of(role).await? {
                Some(guild) => self.has_now(guild, user, role).await,
                None => Ok(false),
            }
        };
        asked.await.map_err(|error: RestError| failed(error, Doing::Repeatable))
    }

    /// Returns the served guild that a role belongs to.
    async fn guild_of(&self, role: RoleId) -> Result<Option<GuildId>, RestError> {
        let guilds = self.served_guilds().await?;
        // The role `@everyone` has the id of its guild.
        let is_there = |guild: &&GuildId| self.directory.has_role(**guild, role) || guild.get() == role.get();
        if let Some(guild) = guilds.iter().find(is_there) {
            return Ok(Some(*guild));
        }
        // The gateway may not have reported all guilds yet.
        let all = if self.guilds.is_empty() { self.all_guilds().await? } else { guilds };
        for guild in all {
            let route = Route::GuildRoles { guild_id: guild };
            let roles = match self.rest.call_patiently(LightMethod::Get, route, &[], None).await {
                Ok(roles) => roles,
                // The bot is not in this guild.
                Err(error) if error.is_status(403) || error.is_status(404) => continue,
                Err(error) => return Err(error),
            };
            if list(&roles).iter().any(|known| id(&known["id"]) == Some(role)) {
                return Ok(Some(guild));
            }
        }
        Ok(None)
    }

    /// Returns the served guilds. Asks Discord if the gateway has not reported any yet.
    pub(super) async fn served_guilds(&self) -> Result<Vec<GuildId>, RestError> {
        if !self.guilds.is_empty() {
            return Ok(self.guilds.iter().copied().collect());
        }
        let known = self.directory.guilds();
        if !known.is_empty() {
            return Ok(known);
        }
        self.all_guilds().await
    }

    /// Asks Discord now which guilds the bot is in.
    async fn all_guilds(&self) -> Result<Vec<GuildId>, RestError> {
        let listed = self.rest.call_patiently(LightMethod::Get, Route::UserMeGuilds, &[], None).await?;
        let listed = listed.as_array().map_or(&[][..], Vec::as_slice);
        Ok(listed.iter().filter_map(|guild| id(&guild["id"])).collect())
    }

    /// Reads a guild by REST. Returns it in the form of the gateway's `GUILD_CREATE`.
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

    async fn list_members(&self, guild: GuildId, role: RoleId) -> Result<Vec<UserId>, RestError> {
        const MEMBERS: usize = 1_000;
        let mut found = Vec::new();
        let mut after = "0".to_owned();
        loop {
            let query = [("limit", MEMBERS.to_string()), ("after", after)];
            let route = Route::GuildMembers { guild_id: guild };
            let page = self.rest.call_patiently(LightMethod::Get, route, &query, None).await?;
            let page = list(&page);
            let with_role = page.iter().filter(|member| has_role(member, guild, role));
            found.extend(with_role.filter_map(|member| id::<UserId>(&member["user"]["id"])));
            let last = page.last().and_then(|member| member["user"]["id"].as_str());
            match last {
                Some(last) if page.len() >= MEMBERS => after = last.to_owned(),
                Some(_) | None => return Ok(found),
            }
        }
    }

    async fn has_now(&self, guild: GuildId, user: UserId, role: RoleId) -> Result<bool, RestError> {
        let route = Route::GuildMember { guild_id: guild, user_id: user };
        match self.rest.call(LightMethod::Get, route, &[], None).await {
            Ok(member) => Ok(has_role(&member, guild, role)),
            // The account or the bot is no longer in the guild.
            Err(error) if error.is_status(404) || error.is_status(403) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Updates the roster from a gateway event about a guild's members or roles.
    pub(super) fn hear_of_members(&self, event: &str, told: &Value, intake: &Intake) {
        let named = if event == "GUILD_DELETE" { id(&told["id"]) } else { guild_of(told).ok().flatten() };
        let Some(guild) = named.filter(|guild| self.serves(Some(*guild))) else { return };
        let (now, user) = (intake.clock().now(), id::<UserId>(&told["user"]["id"]));
        let roster = intake.roster();
        let of_guild = roster.groups_on(PlatformName::Discord).into_iter().filter(|group| {
            let known = roster.members.get(group).and_then(|members| members.guild.as_deref());
            known == Some(guild.to_string().as_str())
        });
        match (event, user) {
            ("GUILD_MEMBER_UPDATE" | "GUILD_MEMBER_ADD", Some(user)) if told["roles"].is_array() => {
                for group in of_guild {
                    let has = role_of(&group.id).is_ok_and(|role| has_role(told, guild, role));
                    // The lack of a role is news only if the account was known to have the role.
                    let account = directory::account(user);
                    if has || roster.members.get(&group).is_some_and(|known| known.proven_at(&account).is_some()) {
                        intake.learn_member(&group, &account, has, now);
                    }
                }
            }
            ("GUILD_MEMBER_REMOVE" | "GUILD_BAN_ADD", Some(user)) => {
                of_guild.for_each(|group| intake.learn_member(&group, &directory::account(user), false, now));
            }
            ("GUILD_ROLE_DELETE", _) => {
                let gone = told["role_id"].as_str().unwrap_or_default();
                of_guild.filter(|group| group.id == gone).for_each(|group| {
                    tracing::warn!(
                        role = gone,
                        "a role of the desk was deleted: nobody has rights by it; change the settings"
                    );
                    intake.change_members(&group, |members| members.end(now));
                });
            }
            ("GUILD_DELETE", _) if told["unavailable"] != true => {
                tracing::warn!(
                    %guild,
                    "the bot is no longer in a guild: nobody is on the desk through its roles any more"
                );
                of_guild.for_each(|group| intake.change_members(&group, |members| members.end(now)));
            }
            _ => {}
        }
    }
}

fn role_of(group: &str) -> Result<RoleId, DeliveryError> {
    super::id(group).ok_or_else(|| DeliveryError::Permanent {
        reason: Undeliverable::Gone,
        detail: format!("{group:?} is no id of a role"),
    })
}

fn has_role(member: &Value, guild: GuildId, role: RoleId) -> bool {
    role.get() == guild.get() || list(&member["roles"]).iter().any(|known| id(known) == Some(role))
}
