//! Checks that Discord lets the bot do its work, and says in plain words what to fix.

use std::collections::HashMap;

use serde_json::Value;
use serenity::http::{LightMethod, Route};
use serenity::model::Permissions;
use serenity::model::id::{ChannelId, GuildId, RoleId, UserId};

use super::payload::{Channel, TEXT_CHANNELS, channels_of, ids, list, permissions};
use super::{Shared, id, manifest};
use crate::domain::channel::Access;
use crate::domain::ids::Place;
use crate::platform::{Finding, Verdict, Wanted, some_of};

/// Flags of the application for an intent that the developer portal grants, each in the forms for large and small bots.
pub(super) const MEMBERS_GRANTED: u64 = 1 << 14 | 1 << 15;
pub(super) const CONTENT_GRANTED: u64 = 1 << 18 | 1 << 19;

impl Shared {
    /// Tests everything that `wanted` names.
    pub(super) async fn check(&self, wanted: &Wanted) -> Vec<Finding> {
        let mut findings = Vec::new();
        match self.get(Route::UserMe).await {
            Ok(me) => findings.push(good(format!("Discord knows the bot as {}", me["username"]))),
            Err(error) => {
                findings.push(bad(
                    format!("Discord does not know the bot: {error}"),
                    "Make a new token in the developer portal (Bot) and set discord.token.",
                ));
                return findings;
            }
        }
        self.check_intents(wanted, &mut findings).await;
        let guilds = self.check_guilds(&mut findings).await;
        for (channel, what_for) in &wanted.channels {
            findings.push(self.check_channel(channel, what_for).await);
        }
        self.check_roles(&guilds, wanted, &mut findings).await;
        for (person, what_for) in &wanted.people {
            findings.push(self.check_person(&guilds, person, what_for).await);
        }
        if wanted.mentions_everybody {
            for guild in &guilds {
                findings.extend(self.check_mentions(*guild).await);
            }
        }
        if !wanted.followers.is_empty() {
            findings.push(self.check_followers(&guilds, &wanted.followers).await);
        }
        for channel in &wanted.guarded {
            findings.push(self.check_guarded(channel).await);
        }
        findings
    }

    /// Checks that the bot receives messages in a channel where the guard watches pings of staff, and can answer there.
    async fn check_guarded(&self, channel: &str) -> Finding {
        let what = format!("guard.modes_in: channel {channel}");
        let found = match id::<ChannelId>(channel) {
            Some(channel_id) => self.get(Route::Channel { channel_id }).await.ok(),
            None => None,
        };
        let guild = found.as_ref().and_then(|found| found["guild_id"].as_str()).and_then(id::<GuildId>);
        let (Some(found), Some(guild)) = (found, guild) else {
            return degraded(
                format!("{what} is not there, or the bot cannot see it"),
                "Check its id (developer mode, Copy Channel ID), and let the bot's role view it.",
            );
        };
        let (name, mine) = (found["name"].as_str().unwrap_or(channel), self.rights_in(&found, guild).await);
        let needed = Permissions::VIEW_CHANNEL | Permissions::SEND_MESSAGES | Permissions::READ_MESSAGE_HISTORY;
        match mine.map(|mine| needed - mine) {
            None => degraded(format!("{what}: the bot's rights cannot be read"), "Try again."),
            Some(missing) if missing.is_empty() => good(format!("guard.modes_in: pings in #{name} can be seen")),
            Some(missing) => {
                let names: Vec<&str> = missing.iter_names().map(|(name, _)| name).collect();
                degraded(
                    format!(
                        "guard.modes_in: in #{name} the bot may not {}: pings there are at most counted",
                        names.join(", ")
                    ),
                    "Allow it in the channel's permissions for the bot's role.",
                )
            }
        }
    }

    /// Returns the bot's permissions in a channel; `None` if they cannot be read.
    async fn rights_in(&self, channel: &Value, guild: GuildId) -> Option<Permissions> {
        let roles = self.get(Route::GuildRoles { guild_id: guild }).await.ok()?;
        let member = self.get(Route::GuildMember { guild_id: guild, user_id: self.me }).await.ok()?;
        let mine: Vec<RoleId> = ids(&member["roles"]);
        Some(permissions(channel, &roles, guild, Some((self.me, &mine))))
    }

    async fn check_intents(&self, wanted: &Wanted, findings: &mut Vec<Finding>) {
        let flags = match self.rest.get_path("/api/v10/applications/@me").await {
            Ok(application) => application["flags"].as_u64().unwrap_or_default(),
            Err(error) => {
                findings.push(bad(format!("the application cannot be read: {error}"), "Try again."));
                return;
            }
        };
        findings.push(if flags & CONTENT_GRANTED != 0 {
            good("the content of messages may be read".to_owned())
        } else {
            degraded(
                "the content of messages may not be read: the bot misses what is said in threads, and pings of staff"
                    .to_owned(),
                "Switch on the Message Content Intent in the developer portal (Bot).",
            )
        });
        if !wanted.groups.is_empty() && flags & MEMBERS_GRANTED == 0 {
            findings.push(degraded(
                "who has a role cannot be listed: agents are known by what they do".to_owned(),
                "Switch on the Server Members Intent in the developer portal (Bot), or list agents one by one.",
            ));
        }
    }

    async fn check_guilds(&self, findings: &mut Vec<Finding>) -> Vec<GuildId> {
        let invite = || {
            let address = manifest::invite_url(&self.application.to_string());
            format!("Let an administrator open {address}")
        };
        let guilds = match self.served_guilds().await {
            Ok(guilds) => guilds,
            Err(error) => {
                findings.push(bad(format!("the bot's guilds cannot be listed: {error}"), "Try again."));
                return Vec::new();
            }
        };
        if guilds.is_empty() {
            findings.push(bad("the bot is in no guild".to_owned(), &invite()));
        }
        for guild in &guilds {
            findings.push(match self.get(Route::Guild { guild_id: *guild }).await {
                Ok(found) => good(format!("the bot is in the guild {}", found["name"])),
                Err(error) => bad(format!("the bot is not in the guild {guild}: {error}"), &invite()),
            });
            findings.extend(self.check_histories(*guild).await);
        }
        guilds
    }

    /// Finds channels whose history the bot may not read. Discord shows such a history as empty, without an error.
    async fn check_histories(&self, guild: GuildId) -> Option<Finding> {
        let told = self.whole_guild(guild).await.ok()?;
        let mine: Vec<RoleId> = ids(&told["members"][0]["roles"]);
        let hidden = list(&told["channels"]).iter().filter(|channel| {
            let may = permissions(channel, &told["roles"], guild, Some((self.me, &mine)));
            let holds_messages = Channel::read(channel).is_some_and(|channel| channel.holds_messages);
            holds_messages
                && may.contains(Permissions::VIEW_CHANNEL)
                && !may.contains(Permissions::READ_MESSAGE_HISTORY)
        });
        let names: Vec<String> =
            hidden.map(|channel| format!("#{}", channel["name"].as_str().unwrap_or("?"))).collect();
        (!names.is_empty()).then(|| {
            degraded(
                format!("what was said while the bot is away is not read in {}", names.join(", ")),
                "Allow Read Message History there for the bot's role.",
            )
        })
    }

    /// Checks the right to mention everybody. Without it, Discord shows such a mention as plain text.
    async fn check_mentions(&self, guild: GuildId) -> Option<Finding> {
        let whole = self.whole_guild(guild).await.ok()?;
        let mine: Vec<RoleId> = ids(&whole["members"][0]["roles"]);
        let may = permissions(&Value::Null, &whole["roles"], guild, Some((self.me, &mine)));
        (!may.contains(Permissions::MENTION_EVERYONE)).then(|| {
            degraded(
                format!("in the guild {guild} the bot may not mention everybody, which somebody may ask of it (outage_mention_all)"),
                "Allow its role Mention @everyone, @here, and All Roles.",
            )
        })
    }

    /// Checks that the bot can write into the channels to which outages are announced.
    async fn check_followers(&self, guilds: &[GuildId], followers: &[Place]) -> Finding {
        let mut told = HashMap::new();
        for guild in guilds {
            match self.whole_guild(*guild).await {
                Ok(whole) => {
                    told.extend(channels_of(&whole, *guild, self.me).into_iter().map(|it| (it.id.clone(), it)))
                }
                Err(error) => {
                    return degraded(format!("the channels of {guild} cannot be listed: {error}"), "Try again.");
                }
            }
        }
        let closed = followers.iter().filter_map(|follower| match told.get(follower.channel()) {
            Some(channel) if channel.access != Access::Closed => None,
            Some(channel) => Some(format!("#{}", channel.name)),
            None => Some(follower.channel().to_owned()),
        });
        let closed: Vec<String> = closed.collect();
        if closed.is_empty() {
            return good(format!("{} channels are to hear of outages, and can be written to", followers.len()));
        }
        degraded(
            format!("of outages cannot be told: {}", some_of(&closed)),
            "Allow the bot's role View Channel and Send Messages there; else they hear of none.",
        )
    }

    async fn check_channel(&self, channel: &str, what_for: &str) -> Finding {
        let what = format!("channel {channel} ({what_for})");
        let Some(channel_id) = id::<ChannelId>(channel) else {
            return bad(
                format!("{what}: this is no id of a channel"),
                "Switch on the developer mode in Discord, then right-click the channel: Copy Channel ID.",
            );
        };
        let found = match self.get(Route::Channel { channel_id }).await {
            Ok(found) => found,
            Err(error) => {
                return bad(format!("{what} cannot be seen: {error}"), "Let the bot's role view the channel.");
            }
        };
        let name = format!("#{} ({what_for})", found["name"].as_str().unwrap_or(channel));
        if !found["type"].as_u64().is_some_and(|kind| TEXT_CHANNELS.contains(&kind)) {
            return bad(format!("{name} is no text channel"), "Choose a text channel.");
        }
        let Some(guild) = found["guild_id"].as_str().and_then(id::<GuildId>) else {
            return bad(format!("{name} is in no guild"), "Choose a text channel of a guild.");
        };
        if !self.serves(Some(guild)) {
            return bad(format!("{name} is in a guild that is not served"), "Add its guild to discord.guilds.");
        }
        let roles = self.get(Route::GuildRoles { guild_id: guild }).await;
        let member = self.get(Route::GuildMember { guild_id: guild, user_id: self.me }).await;
        let (Ok(roles), Ok(member)) = (roles, member) else {
            return degraded(format!("{name}: the bot's rights cannot be read"), "Try again.");
        };
        let mine: Vec<RoleId> = ids(&member["roles"]);
        let missing = manifest::permissions() - permissions(&found, &roles, guild, Some((self.me, &mine)));
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter_names().map(|(name, _)| name).collect();
            let what = format!("{name}: the bot may not {}", names.join(", "));
            let blocks = missing
                .intersects(Permissions::VIEW_CHANNEL | Permissions::SEND_MESSAGES | Permissions::READ_MESSAGE_HISTORY);
            let mend = "Allow it in the channel's permissions for the bot's role.";
            return if blocks { bad(what, mend) } else { degraded(what, mend) };
        }
        let is_public = permissions(&found, &roles, guild, None).contains(Permissions::VIEW_CHANNEL);
        if is_public {
            return bad(
                format!("{name} can be seen by everybody: requests of all would be, too"),
                "Make the channel private, and let in the agents and the bot.",
            );
        }
        good(format!("{name} can be read and written"))
    }

    async fn check_roles(&self, guilds: &[GuildId], wanted: &Wanted, findings: &mut Vec<Finding>) {
        if wanted.groups.is_empty() {
            return;
        }
        let mut known = Vec::new();
        for guild in guilds {
            if let Ok(Value::Array(roles)) = self.get(Route::GuildRoles { guild_id: *guild }).await {
                known.extend(roles);
            }
        }
        for group in &wanted.groups {
            findings.push(match known.iter().find(|role| role["id"] == group.as_str()) {
                Some(role) => good(format!("the role {} exists", role["name"])),
                None => bad(
                    format!("there is no role {group}"),
                    "Switch on the developer mode in Discord, then right-click the role: Copy Role ID.",
                ),
            });
        }
    }

    async fn check_person(&self, guilds: &[GuildId], person: &str, what_for: &str) -> Finding {
        let mend = "Switch on the developer mode in Discord, then right-click the person: Copy User ID.";
        let Some(user_id) = id::<UserId>(person) else {
            return bad(format!("{person} ({what_for}) is no id of a person"), mend);
        };
        for guild in guilds {
            if let Ok(member) = self.get(Route::GuildMember { guild_id: *guild, user_id }).await {
                return good(format!("{} ({what_for}) is a member", member["user"]["username"]));
            }
        }
        bad(format!("{person} ({what_for}) is a member of no guild that is served"), mend)
    }

    async fn get(&self, route: Route<'_>) -> Result<Value, super::RestError> {
        self.rest.call_patiently(LightMethod::Get, route, &[], None).await
    }
}

fn good(what: String) -> Finding {
    Finding { verdict: Verdict::Good, what, mend: String::new() }
}

fn degraded(what: String, mend: &str) -> Finding {
    Finding { verdict: Verdict::Degraded, what, mend: mend.to_owned() }
}

fn bad(what: String, mend: &str) -> Finding {
    Finding { verdict: Verdict::Bad, what, mend: mend.to_owned() }
}
