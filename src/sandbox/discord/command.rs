//! Fills the options that the bot has registered for `/desk` from typed words, as a person does in Discord's client.
//!
//! `name:` before words names their option (`key:IT-1042 text:…`). Of the words before the first name, one word goes
//! into each option that it fits (a person, a role, a choice, a number). The other words go into the first free text
//! option; `key` comes last.

use serde_json::{Value, json};

use super::components::chars;
use super::state::State;
use crate::sandbox::WorldError;

impl State {
    /// Fills in `/desk text`. Returns the `data` of the interaction.
    pub fn fill_command(&self, text: &str, guild: Option<u64>) -> Result<Value, WorldError> {
        let usable = |command: &&super::state::RegisteredCommand| {
            let here = command.guild.is_none() || command.guild == guild;
            command.json["name"] == "desk" && command.json["type"] == 1 && here
        };
        let mut known = self.commands.iter().filter(usable).collect::<Vec<_>>();
        known.sort_by_key(|command| command.guild.is_none());
        let command = known.first().ok_or_else(|| refused("the app has registered no command /desk here"))?;
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let mut resolved = Resolved::default();
        let options = self.fill_level(&command.json["options"], &mut words, &mut resolved)?;
        let mut data = json!({
            "id": command.json["id"], "name": "desk", "type": 1, "options": options,
        });
        if let Some(guild) = command.guild {
            data["guild_id"] = json!(guild.to_string());
        }
        if !resolved.users.is_empty() {
            data["resolved"] = self.resolved_json(&resolved.users, guild);
        }
        Ok(data)
    }

    fn fill_level(
        &self,
        options: &Value,
        words: &mut Vec<&str>,
        resolved: &mut Resolved,
    ) -> Result<Vec<Value>, WorldError> {
        let options = options.as_array().map_or(&[][..], Vec::as_slice);
        if !options.iter().any(|option| matches!(option["type"].as_u64(), Some(1 | 2))) {
            return self.fill_options(options, words, resolved);
        }
        let word = words.first().copied().ok_or_else(|| refused("a subcommand is missing"))?;
        let chosen = options.iter().find(|option| option["name"] == word);
        let chosen = chosen.ok_or_else(|| refused(&format!("there is no subcommand {word}")))?;
        words.remove(0);
        let inner = self.fill_level(&chosen["options"], words, resolved)?;
        Ok(vec![json!({ "name": chosen["name"], "type": chosen["type"], "options": inner })])
    }

    fn fill_options(
        &self,
        options: &[Value],
        words: &mut Vec<&str>,
        resolved: &mut Resolved,
    ) -> Result<Vec<Value>, WorldError> {
        let mut values: Vec<Option<Value>> = vec![None; options.len()];
        let named = |word: &str| {
            let (name, rest) = word.split_once(':').filter(|(_, rest)| !rest.is_empty())?;
            options.iter().position(|option| option["name"] == name).map(|at| (at, rest.to_owned()))
        };
        let begins = words.iter().position(|word| named(word).is_some()).unwrap_or(words.len());
        let mut fields: Vec<(usize, Vec<String>)> = Vec::new();
        for word in words.drain(begins..) {
            match (named(word), fields.last_mut()) {
                (Some((at, rest)), _) => fields.push((at, vec![rest])),
                (None, Some((_, words))) => words.push(word.to_owned()),
                (None, None) => {}
            }
        }
        for (at, words) in fields {
            let text = words.join(" ");
            let value = self.value_of(&options[at], text.trim(), resolved);
            let name = options[at]["name"].as_str().unwrap_or_default();
            values[at] = Some(value.ok_or_else(|| refused(&format!("the option {name} does not take {text}")))?);
        }
        // Words without a name: options such as a person or a choice take one word each, and one text option takes the
        // rest.
        for (value, option) in values.iter_mut().zip(options) {
            if value.is_none()
                && let Some(word) = words.first()
                && self.fits(option, word)
            {
                *value = self.value_of(option, words.remove(0), resolved);
            }
        }
        let is_free =
            |(at, option): &(usize, &Value)| values[*at].is_none() && option["type"] == 3 && !has_choices(option);
        let mut free: Vec<(usize, &Value)> = options.iter().enumerate().filter(is_free).collect();
        // `key` takes words without a name only if there is no other text option.
        free.sort_by_key(|(_, option)| option["name"] == "key");
        if let (Some((at, _)), false) = (free.first(), words.is_empty()) {
            values[*at] = Some(json!(words.join(" ")));
            words.clear();
        }
        if let Some(word) = words.first() {
            return Err(refused(&format!("there is no option for {word}")));
        }
        let mut filled = Vec::new();
        for (option, value) in options.iter().zip(values) {
            match value {
                Some(value) => {
                    check_length(option, &value)?;
                    filled.push(json!({ "name": option["name"], "type": option["type"], "value": value }));
                }
                None if option["required"] == true => {
                    let name = option["name"].as_str().unwrap_or_default();
                    return Err(refused(&format!("the option {name} is required")));
                }
                None => {}
            }
        }
        Ok(filled)
    }

    /// Whether a word without a name belongs to this option. It never does for an option of free text.
    fn fits(&self, option: &Value, word: &str) -> bool {
        match option["type"].as_u64() {
            Some(3) if has_choices(option) => choice(option, word).is_some(),
            Some(4) => word.parse::<i64>().is_ok(),
            Some(5) => matches!(word, "true" | "false"),
            Some(6) => self.mentioned(word).is_some(),
            Some(8) => self.role_mentioned(word).is_some(),
            Some(10) => word.parse::<f64>().is_ok_and(f64::is_finite),
            _ => false,
        }
    }

    fn value_of(&self, option: &Value, word: &str, resolved: &mut Resolved) -> Option<Value> {
        match option["type"].as_u64() {
            Some(3) if has_choices(option) => choice(option, word),
            Some(3) => Some(json!(word)),
            Some(4) => word.parse::<i64>().ok().map(|number| json!(number)),
            Some(5) => Some(json!(word == "true")),
            Some(6) => {
                let user = self.mentioned(word)?;
                resolved.users.push(user);
                Some(json!(user.to_string()))
            }
            Some(8) => self.role_mentioned(word).map(|role| json!(role.to_string())),
            _ => word.parse::<f64>().ok().map(|number| json!(number)),
        }
    }

    fn mentioned(&self, word: &str) -> Option<u64> {
        let handle = word.strip_prefix('@')?;
        if handle == "desk" { Some(self.bot) } else { self.handles.get(handle).copied() }
    }

    fn role_mentioned(&self, word: &str) -> Option<u64> {
        let name = word.strip_prefix('@')?;
        self.roles.iter().find(|role| role.name == name).map(|role| role.id)
    }

    /// Returns the `resolved` of an interaction's data: the users that it names and, in a guild, their memberships.
    pub fn resolved_json(&self, users: &[u64], guild: Option<u64>) -> Value {
        let mut resolved = json!({ "users": {} });
        for user in users {
            let key = user.to_string();
            resolved["users"][&key] = self.user_json(*user);
            if let Some(guild) = guild {
                let mut member = self.acting_member_json(guild, *user);
                if let Some(member) = member.as_object_mut() {
                    for left_out in ["user", "deaf", "mute"] {
                        member.shift_remove(left_out);
                    }
                }
                resolved["members"][&key] = member;
            }
        }
        resolved
    }
}

#[derive(Default)]
struct Resolved {
    users: Vec<u64>,
}

fn has_choices(option: &Value) -> bool {
    option["choices"].as_array().is_some_and(|choices| !choices.is_empty())
}

fn choice(option: &Value, word: &str) -> Option<Value> {
    let is_meant = |text: &Value| text.as_str().is_some_and(|text| text.eq_ignore_ascii_case(word));
    let mut choices = option["choices"].as_array()?.iter();
    choices.find(|choice| is_meant(&choice["name"]) || is_meant(&choice["value"])).map(|choice| choice["value"].clone())
}

fn check_length(option: &Value, value: &Value) -> Result<(), WorldError> {
    let Some(text) = value.as_str().filter(|_| option["type"] == 3) else { return Ok(()) };
    let length = chars(text) as u64;
    let least = option["min_length"].as_u64().unwrap_or(0);
    let most = option["max_length"].as_u64().unwrap_or(6_000);
    if (least..=most).contains(&length) {
        return Ok(());
    }
    let name = option["name"].as_str().unwrap_or_default();
    Err(refused(&format!("the option {name} takes {least} to {most} characters")))
}

fn refused(why: &str) -> WorldError {
    WorldError::NotAllowed(why.to_owned())
}
