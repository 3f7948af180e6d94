//! Checks that Slack lets the bot do its work, and says in plain words what to fix.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::api::{CallError, token};
use super::channels::read_channel;
use super::directory::display_name;
use super::manifest::SCOPES;
use super::{SlackMode, Workspace};
use crate::domain::channel::Access;
use crate::domain::ids::Place;
use crate::platform::{Finding, Verdict, Wanted, some_of};

/// The largest number of pages of the bot's channels to read, of a thousand each.
const LIST_PAGES: usize = 100;
const REINSTALL: &str = "add what is missing under OAuth & Permissions (or take the manifest of `deskbell manifest slack`), \
                         then install the app into the workspace again";

impl Workspace {
    pub(super) async fn check(&self, wanted: &Wanted) -> Vec<Finding> {
        let mut findings = vec![self.check_token().await, self.check_scopes().await];
        findings.push(match self.mode {
            SlackMode::Socket => self.check_app_token().await,
            SlackMode::Http => good("the signing secret is set; Slack's requests come by HTTP"),
        });
        for (channel, purpose) in &wanted.channels {
            findings.push(self.check_channel(channel, purpose).await);
        }
        if !wanted.groups.is_empty() {
            findings.extend(self.check_groups(&wanted.groups).await);
        }
        for (user, purpose) in &wanted.people {
            findings.push(self.check_person(user, purpose).await);
        }
        if !wanted.followers.is_empty() {
            findings.extend(self.check_followers(&wanted.followers, &wanted.shared).await);
        }
        for channel in &wanted.guarded {
            findings.push(self.check_guarded(channel).await);
        }
        findings
    }

    /// Checks that the bot receives messages in a channel where the guard watches pings of staff.
    async fn check_guarded(&self, channel: &str) -> Finding {
        let params = [("channel", channel.to_owned())];
        match self.api.get("conversations.info", &params, self.api.deadline()).await {
            Ok(answer) if answer["channel"]["is_archived"] == true => {
                degraded(format!("guard.modes_in: the channel {channel} is archived"), "take it out of the settings")
            }
            Ok(answer) => {
                let name = answer["channel"]["name"].as_str().unwrap_or(channel);
                match answer["channel"]["is_member"] == true {
                    true => good(format!("guard.modes_in: pings in #{name} can be seen")),
                    false => degraded(
                        format!("guard.modes_in: the bot is not in #{name}, and sees no pings there"),
                        "invite it there: /invite @desk",
                    ),
                }
            }
            Err(CallError::Refused(code)) if code == "channel_not_found" => degraded(
                format!("guard.modes_in: the channel {channel} is not there, or the bot cannot see it"),
                "check the id (in the channel's details, at the bottom); into a private channel invite the bot: /invite @desk",
            ),
            Err(error) => {
                degraded(format!("guard.modes_in: the channel {channel} cannot be read ({error})"), REINSTALL)
            }
        }
    }

    async fn check_token(&self) -> Finding {
        match self.api.post("auth.test", &json!({}), self.api.deadline()).await {
            Ok(answer) => {
                let team = answer["team"].as_str().unwrap_or(&self.me.tenant.id);
                let user = answer["user"].as_str().unwrap_or(&self.me.user);
                good(format!("the bot's token works: {user} in {team}"))
            }
            Err(error) => bad(
                format!("the bot's token does not work ({error})"),
                "copy the Bot User OAuth Token (xoxb-…) from the app's page OAuth & Permissions",
            ),
        }
    }

    async fn check_scopes(&self) -> Finding {
        match self.scopes().await {
            Ok(scopes) => {
                let missing: Vec<&str> = SCOPES.iter().copied().filter(|scope| !scopes.contains(*scope)).collect();
                let mut beyond: Vec<&str> =
                    scopes.iter().map(String::as_str).filter(|scope| !SCOPES.contains(scope)).collect();
                beyond.sort_unstable();
                if !missing.is_empty() {
                    bad(format!("the bot's token lacks the scopes {}", missing.join(", ")), REINSTALL)
                } else if !beyond.is_empty() {
                    let what = format!("the bot's token has scopes that are not needed: {}", beyond.join(", "));
                    degraded(what, "take them away under OAuth & Permissions")
                } else {
                    good("the bot's token has the scopes that it needs")
                }
            }
            Err(error) => {
                degraded(format!("the scopes could not be read ({error})"), "see whether Slack can be reached")
            }
        }
    }

    /// Reads the token's scopes from a response header, which the SDK does not pass on.
    async fn scopes(&self) -> anyhow::Result<HashSet<String>> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10).min(self.timeout))
            .build()
            .map_err(reqwest::Error::without_url)?;
        let request = client.post(self.api.method_url("auth.test")).bearer_auth(self.bot_token.expose_secret());
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        let scopes = answer.headers().get("x-oauth-scopes").context("Slack's answer names no scopes")?.to_str()?;
        Ok(scopes.split(',').map(|scope| scope.trim().to_owned()).filter(|scope| !scope.is_empty()).collect())
    }

    async fn check_app_token(&self) -> Finding {
        let mend = "make an app-level token (xapp-…) with the scope connections:write on the app's page Basic Information, \
                    and switch Socket Mode on";
        let Some(secret) = &self.app_token else { return bad("there is no app-level token", mend) };
        match self.api.post_as(&token(secret), "apps.connections.open", &json!({}), self.api.deadline()).await {
            Ok(_) => good("the app-level token works: Socket Mode can be used"),
            Err(error) => bad(format!("Socket Mode cannot be used ({error})"), mend),
        }
    }

    async fn check_channel(&self, channel: &str, purpose: &str) -> Finding {
        let params = [("channel", channel.to_owned())];
        let answer = match self.api.get("conversations.info", &params, self.api.deadline()).await {
            Ok(answer) => answer,
            Err(CallError::Refused(code)) if code == "channel_not_found" => {
                return bad(
                    format!("{purpose}: the channel {channel} is not there, or the bot cannot see it"),
                    "check the id (in the channel's details, at the bottom); into a private channel invite the bot: /invite @desk",
                );
            }
            Err(error) => return bad(format!("{purpose}: the channel {channel} cannot be read ({error})"), REINSTALL),
        };
        let info = &answer["channel"];
        let name = format!("{purpose}: #{}", info["name"].as_str().unwrap_or(channel));
        if info["is_archived"] == true {
            bad(format!("{name} is archived"), "unarchive it, or name another channel in the settings")
        } else if info["is_member"] != true {
            bad(format!("the bot is not in {name}"), "invite it there: /invite @desk")
        } else if info["is_private"] != true {
            let mend = "make it private, or name another one: cards show what people told the desk";
            bad(format!("{name} is public"), mend)
        } else if info["is_ext_shared"] == true {
            degraded(format!("{name} is shared with another organisation"), "use a channel of your own people")
        } else {
            good(format!("{name} can be used"))
        }
    }

    /// Checks that the bot can write into the channels to which outages are announced. Reads the list of the bot's
    /// channels, which takes fewer calls than one for each channel.
    async fn check_followers(&self, followers: &[Place], allowed: &[Place]) -> Vec<Finding> {
        let mut told = HashMap::new();
        let mut cursor = String::new();
        for _ in 0..LIST_PAGES {
            let mut params = vec![("types", "public_channel,private_channel".to_owned()), ("limit", "1000".to_owned())];
            if !cursor.is_empty() {
                params.push(("cursor", cursor));
            }
            let page = match self.api.get("users.conversations", &params, self.api.deadline()).await {
                Ok(page) => page,
                Err(error) => {
                    return vec![degraded(format!("the bot's channels cannot be listed ({error})"), "try again")];
                }
            };
            let channels = page["channels"].as_array().into_iter().flatten().filter_map(read_channel);
            told.extend(channels.map(|channel| (channel.id, (channel.name, channel.access))));
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                break;
            }
        }
        let (mut closed, mut shared) = (Vec::new(), Vec::new());
        for follower in followers {
            match told.get(follower.channel()) {
                Some((_, Access::Open)) => {}
                Some((_, Access::Shared)) if allowed.contains(follower) => {}
                Some((name, Access::Shared)) => shared.push(format!("#{name}")),
                Some((name, Access::Closed)) => closed.push(format!("#{name}")),
                None => closed.push(follower.channel().to_owned()),
            }
        }
        let mut findings = Vec::new();
        if closed.is_empty() && shared.is_empty() {
            findings.push(good(format!("{} channels are to hear of outages, and can be written to", followers.len())));
        }
        if !closed.is_empty() {
            let what = format!("of outages cannot be told: {}", some_of(&closed));
            findings.push(degraded(what, "invite the bot there, or unarchive them; else they hear of none"));
        }
        if !shared.is_empty() {
            let what = format!("people of other organisations read in {}", some_of(&shared));
            findings.push(degraded(what, "they hear of no outage unless outages.shared_channels lists them"));
        }
        findings
    }

    async fn check_groups(&self, groups: &[String]) -> Vec<Finding> {
        let answer = match self.api.get("usergroups.list", &[], self.api.deadline()).await {
            Ok(answer) => answer,
            Err(error) => return vec![bad(format!("the user groups cannot be read ({error})"), REINSTALL)],
        };
        let known = answer["usergroups"].as_array().map(Vec::as_slice).unwrap_or_default();
        groups
            .iter()
            .map(|id| match known.iter().find(|group| group["id"] == id.as_str()) {
                Some(group) => good(format!("the user group @{} is there", group["handle"].as_str().unwrap_or(id))),
                None => bad(
                    format!("there is no user group {id}"),
                    "check the id (S…, in the group's menu: Copy group ID), and that the group is not disabled",
                ),
            })
            .collect()
    }

    async fn check_person(&self, user: &str, purpose: &str) -> Finding {
        match self.api.get("users.info", &[("user", user.to_owned())], self.api.deadline()).await {
            Ok(answer) if answer["user"]["deleted"] == true => {
                bad(format!("{purpose}: the account {user} is deactivated"), "take it out of the settings")
            }
            Ok(answer) => {
                let name = display_name(&answer["user"]).unwrap_or_else(|| user.to_owned());
                if is_outsider(&answer["user"], &self.me.tenant.id) {
                    degraded(format!("{purpose}: {name} is of another organisation"), "name people of your own")
                } else {
                    good(format!("{purpose}: {name}"))
                }
            }
            Err(error) => bad(
                format!("{purpose}: the account {user} cannot be found ({error})"),
                "check the id (U…, in the person's profile: Copy member ID)",
            ),
        }
    }
}

fn is_outsider(user: &Value, team: &str) -> bool {
    user["is_stranger"] == true || user["team_id"].as_str().is_some_and(|other| other != team)
}

fn good(what: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Good, what: what.into(), mend: String::new() }
}

fn degraded(what: impl Into<String>, mend: &str) -> Finding {
    Finding { verdict: Verdict::Degraded, what: what.into(), mend: mend.to_owned() }
}

fn bad(what: impl Into<String>, mend: &str) -> Finding {
    Finding { verdict: Verdict::Bad, what: what.into(), mend: mend.to_owned() }
}
