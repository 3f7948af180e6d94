//! What Discord must be told of the bot: intents, permissions, commands. The file under `bot-manifests/` is made from this.

use serde_json::{Value, json};
use serenity::model::Permissions;
use serenity::model::gateway::GatewayIntents;

use crate::domain::priority::Priority;

/// Types of a command's options.
const SUB_COMMAND: u8 = 1;
const STRING: u8 = 3;
const USER: u8 = 6;
/// Most characters of a text given as an option.
const OPTION_TEXT_CHARS: u32 = 4_000;
/// Most characters of a ticket's key.
const KEY_CHARS: u32 = 24;

/// The description of the bot for Discord's developer portal.
#[must_use]
pub fn manifest() -> Value {
    let intents = intents();
    let permissions = permissions();
    let bits = permissions.bits();
    json!({
        "intents": names(intents.iter_names().map(|(name, _)| name)),
        "intents_bits": intents.bits(),
        "privileged_intents": ["MESSAGE_CONTENT"],
        "permissions": names(permissions.iter_names().map(|(name, _)| name)),
        "permissions_bits": bits.to_string(),
        "invite_url": invite_url("{APPLICATION_ID}"),
        "commands": commands(),
    })
}

/// What the gateway is asked for.
pub(super) fn intents() -> GatewayIntents {
    GatewayIntents::GUILDS
        // Who is banned works on no ticket any more.
        | GatewayIntents::GUILD_MODERATION
        | GatewayIntents::GUILD_MESSAGES
        | GatewayIntents::DIRECT_MESSAGES
        | GatewayIntents::MESSAGE_CONTENT
}

/// What the bot must be allowed to do. (Threads are managed to wake them up, and to make room at the guild's limit.)
pub(super) fn permissions() -> Permissions {
    Permissions::VIEW_CHANNEL
        | Permissions::ADD_REACTIONS
        | Permissions::SEND_MESSAGES
        | Permissions::READ_MESSAGE_HISTORY
        | Permissions::CREATE_PUBLIC_THREADS
        | Permissions::SEND_MESSAGES_IN_THREADS
        | Permissions::MANAGE_THREADS
}

/// Where an administrator lets the bot into a guild.
pub(super) fn invite_url(application: &str) -> String {
    let bits = permissions().bits();
    format!(
        "https://discord.com/oauth2/authorize?client_id={application}&scope=bot%20applications.commands&permissions={bits}"
    )
}

/// The `/desk` command, as it is registered in each guild.
pub(super) fn commands() -> Value {
    let key = || text("key", "Key of the ticket, if it is not the one of this thread (IT-1042)", false, KEY_CHARS);
    let level = {
        let choices: Vec<Value> =
            Priority::ALL.iter().map(|level| json!({ "name": level.as_str(), "value": level.as_str() })).collect();
        json!({
            "type": STRING, "name": "level", "description": "From P1 (critical) to P4 (low)", "required": true,
            "choices": choices,
        })
    };
    let person = json!({ "type": USER, "name": "person", "description": "Who takes it", "required": true });
    let resolution = text("resolution", "How it was resolved, in a sentence", true, OPTION_TEXT_CHARS);
    let answer = text("text", "What the requester is told", true, OPTION_TEXT_CHARS);
    let reason = text("reason", "What it waits for", false, OPTION_TEXT_CHARS);
    json!([{
        "type": 1,
        "name": "desk",
        "description": "The service desk",
        "options": [
            sub("show", "Show a ticket", &[key()]),
            sub("claim", "Take a ticket (agents)", &[key()]),
            sub("assign", "Give a ticket to somebody (agents)", &[person, key()]),
            sub("release", "Give a ticket back to the queue (agents)", &[key()]),
            sub("pending", "Say what a ticket waits for (agents)", &[key(), reason]),
            sub("resolve", "Say that a ticket is done (agents)", &[resolution, key()]),
            sub("reopen", "Take up a ticket again", &[key()]),
            sub("cancel", "Take back a request of yours", &[key()]),
            sub("priority", "Set how urgent a ticket is (agents)", &[level, key()]),
            sub("reply", "Answer the requester (agents)", &[answer, key()]),
            sub("help", "What the desk can do", &[]),
        ],
    }])
}

fn sub(name: &str, description: &str, options: &[Value]) -> Value {
    json!({ "type": SUB_COMMAND, "name": name, "description": description, "options": options })
}

fn text(name: &str, description: &str, required: bool, max_length: u32) -> Value {
    json!({
        "type": STRING, "name": name, "description": description, "required": required, "max_length": max_length,
    })
}

fn names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_options_come_first_and_descriptions_are_short() {
        let commands = commands();
        for sub in commands[0]["options"].as_array().expect("has sub-commands") {
            let options = sub["options"].as_array().expect("has options");
            let required: Vec<bool> = options.iter().map(|option| option["required"] == true).collect();
            assert!(required.is_sorted_by(|one, other| one >= other), "{sub}");
            for described in options.iter().chain([sub]) {
                assert!(described["description"].as_str().is_some_and(|text| text.len() <= 100), "{described}");
            }
        }
    }

    #[test]
    fn the_manifest_names_what_its_bits_say() {
        let manifest = manifest();
        assert_eq!(
            manifest["intents"],
            json!(["GUILDS", "GUILD_MODERATION", "GUILD_MESSAGES", "DIRECT_MESSAGES", "MESSAGE_CONTENT"])
        );
        assert_eq!(manifest["intents_bits"], 1 | 1 << 2 | 1 << 9 | 1 << 12 | 1 << 15);
        assert_eq!(manifest["permissions"].as_array().map(Vec::len), Some(7));
    }
}
