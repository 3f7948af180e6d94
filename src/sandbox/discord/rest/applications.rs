//! The application, its commands, and the address of the Gateway.
//!
//! Sources: <https://docs.discord.com/developers/resources/application>, `…/interactions/application-commands`.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Call, Done};
use crate::sandbox::discord::components::chars;
use crate::sandbox::discord::errors::{ApiError, Wrong};
use crate::sandbox::discord::ids::fixed;
use crate::sandbox::discord::state::{RegisteredCommand, SESSIONS_A_DAY, State};

impl State {
    pub(super) fn gateway_address(&self) -> Done {
        Done::Json(json!({ "url": self.gateway_url }))
    }

    pub(super) fn gateway_bot(&self) -> Done {
        Done::Json(json!({
            "url": self.gateway_url, "shards": self.shards,
            "session_start_limit": {
                "total": SESSIONS_A_DAY, "remaining": self.sessions_left(), "reset_after": self.sessions_reset_ms(),
                "max_concurrency": self.max_concurrency,
            },
        }))
    }

    pub(super) fn application(&self) -> Done {
        let owner = self.people.first().copied().unwrap_or(self.bot);
        Done::Json(json!({
            "id": self.bot.to_string(), "name": "Desk", "icon": null, "description": "", "rpc_origins": [],
            "bot_public": false, "bot_require_code_grant": false, "owner": self.user_json(owner), "verify_key": "00",
            "team": null, "flags": self.application_flags(), "tags": [], "approximate_guild_count": self.guilds.len(),
            "bot": self.me_json(), "redirect_uris": [], "interactions_endpoint_url": null,
            "role_connections_verification_url": null, "hook": true, "is_monetized": false, "summary": "",
        }))
    }

    fn check_scope(&self, application: u64, guild: Option<u64>) -> Result<(), ApiError> {
        if application != self.bot {
            return Err(ApiError::new(404, 10002, "Unknown Application"));
        }
        match guild {
            Some(guild) if self.guild_with(guild).is_none() => Err(ApiError::missing_access()),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn list_commands(&self, application: u64, guild: Option<u64>) -> Result<Done, ApiError> {
        self.check_scope(application, guild)?;
        let commands = self.commands.iter().filter(|command| command.guild == guild);
        Ok(Done::Json(commands.map(|command| command.json.clone()).collect()))
    }

    /// Replaces all commands of the scope.
    pub(super) fn put_commands(&mut self, application: u64, guild: Option<u64>, call: &Call) -> Result<Done, ApiError> {
        self.check_scope(application, guild)?;
        let list = call
            .body
            .as_array()
            .ok_or_else(|| ApiError::field("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType"))?;
        let mut wrong = Wrong::default();
        let mut seen = HashSet::new();
        for (at, command) in list.iter().enumerate() {
            check_command(command, &at.to_string(), &mut wrong);
            if !seen.insert((command["type"].as_u64().unwrap_or(1), command["name"].as_str())) {
                let message = "Application command names must be unique";
                wrong.add(&format!("{at}.name"), "APPLICATION_COMMANDS_DUPLICATE_NAME", message);
            }
        }
        wrong.finish()?;
        self.commands.retain(|command| command.guild != guild);
        let stored: Vec<Value> = list.iter().map(|command| self.store_command(command, guild)).collect();
        Ok(Done::Json(Value::Array(stored)))
    }

    /// Adds one command, or replaces the one of that name.
    pub(super) fn post_command(&mut self, application: u64, guild: Option<u64>, call: &Call) -> Result<Done, ApiError> {
        self.check_scope(application, guild)?;
        let mut wrong = Wrong::default();
        check_command(&call.body, "", &mut wrong);
        wrong.finish()?;
        let known = self.commands.len();
        let name = call.body["name"].clone();
        self.commands.retain(|command| command.guild != guild || command.json["name"] != name);
        let replaced = self.commands.len() < known;
        let stored = self.store_command(&call.body, guild);
        Ok(if replaced { Done::Json(stored) } else { Done::Created(stored) })
    }

    fn store_command(&mut self, command: &Value, guild: Option<u64>) -> Value {
        let name = command["name"].as_str().unwrap_or_default();
        let scope = match guild {
            None => "command".to_owned(),
            Some(guild) if guild == self.guild => "guild command".to_owned(),
            Some(guild) => format!("command of {guild}"),
        };
        let kind = command["type"].as_u64().unwrap_or(1);
        let mut stored = json!({
            "id": fixed(self.seed, &scope, name).to_string(), "application_id": self.bot.to_string(),
            "version": self.next_id().to_string(), "default_member_permissions": null, "type": kind, "name": name,
            "name_localizations": null, "description": "", "description_localizations": null, "nsfw": false,
            "contexts": null, "integration_types": [0], "options": [],
        });
        if let Some(guild) = guild {
            stored["guild_id"] = json!(guild.to_string());
        }
        for (field, value) in command.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            stored[field.as_str()] = value.clone();
        }
        self.commands.push(RegisteredCommand { guild, json: stored.clone() });
        stored
    }
}

fn check_command(command: &Value, path: &str, wrong: &mut Wrong) {
    let is_chat = command["type"].as_u64().unwrap_or(1) == 1;
    if is_chat {
        check_name(command, path, wrong);
        let description = command["description"].as_str().map_or(0, chars);
        wrong.length(&format!("{path}.description"), description, 1, 100);
        check_options(&command["options"], path, 0, wrong);
    } else {
        wrong.length(&format!("{path}.name"), command["name"].as_str().map_or(0, chars), 1, 32);
        if command["description"].as_str().is_some_and(|description| !description.is_empty()) {
            let message = "Context menu commands cannot have description";
            wrong.add(&format!("{path}.description"), "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", message);
        }
    }
}

fn check_options(options: &Value, path: &str, depth: usize, wrong: &mut Wrong) {
    let options = options.as_array().map_or(&[][..], Vec::as_slice);
    wrong.length(&format!("{path}.options"), options.len(), 0, 25);
    let mut seen = HashSet::new();
    let mut optional_before = false;
    for (at, option) in options.iter().enumerate() {
        let path = format!("{path}.options.{at}");
        check_name(option, &path, wrong);
        let description = option["description"].as_str().map_or(0, chars);
        wrong.length(&format!("{path}.description"), description, 1, 100);
        if !seen.insert(option["name"].as_str()) {
            let message = "Option names must be unique";
            wrong.add(&format!("{path}.name"), "APPLICATION_COMMAND_OPTIONS_NAME_NOT_UNIQUE", message);
        }
        match option["type"].as_u64() {
            Some(1 | 2) if depth < 2 => check_options(&option["options"], &path, depth + 1, wrong),
            Some(3..=11) => {
                let required = option["required"] == true;
                if required && optional_before {
                    let message = "Required options must be placed before non-required options";
                    wrong.add(&path, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message);
                }
                optional_before |= !required;
                wrong.length(&format!("{path}.choices"), option["choices"].as_array().map_or(0, Vec::len), 0, 25);
            }
            _ => wrong.add(&format!("{path}.type"), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Invalid option type"),
        }
    }
}

fn check_name(named: &Value, path: &str, wrong: &mut Wrong) {
    let name = named["name"].as_str().unwrap_or_default();
    let fits = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || matches!(c, '-' | '_' | '\'');
    wrong.length(&format!("{path}.name"), chars(name), 1, 32);
    if !name.chars().all(fits) {
        let message = "Command name is invalid";
        wrong.add(&format!("{path}.name"), "APPLICATION_COMMAND_INVALID_NAME", message);
    }
}
