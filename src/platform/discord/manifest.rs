//! The settings of the bot at Discord: intents, permissions, commands. The file under `bot-manifests/` is generated
//! from this.

use serde_json::{Value, json};
use serenity::model::Permissions;
use serenity::model::gateway::GatewayIntents;

use crate::domain::act::{KEY, May, On, Param, Spec, Takes};
use crate::intake;

// Discord's numbers for the types of commands.
const CHAT: u8 = 1;
const PERSON: u8 = 2;
const MESSAGE: u8 = 3;

// Discord's numbers for the types of a command's options.
const SUB_COMMAND: u8 = 1;
const SUB_COMMAND_GROUP: u8 = 2;
const STRING: u8 = 3;
const BOOLEAN: u8 = 5;
const USER: u8 = 6;
const ATTACHMENT: u8 = 11;
/// The largest number of characters of a text option.
const OPTION_TEXT_CHARS: u32 = 4_000;
/// The largest number of characters of a date, or of the key of an article or outage.
const DATE_CHARS: u32 = 40;
/// The largest number of characters of a ticket's key.
const KEY_CHARS: u32 = 24;

/// Returns the description of the bot for Discord's developer portal.
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

/// Returns the intents for the gateway.
pub(super) fn intents() -> GatewayIntents {
    GatewayIntents::GUILDS
        // For bans: a banned agent must not work on tickets any more.
        | GatewayIntents::GUILD_MODERATION
        | GatewayIntents::GUILD_MESSAGES
        // Some reactions trigger acts.
        | GatewayIntents::GUILD_MESSAGE_REACTIONS
        | GatewayIntents::DIRECT_MESSAGES
        | GatewayIntents::MESSAGE_CONTENT
}

/// Returns the permissions that the bot needs. (Managing threads is needed to unarchive them, and to archive them when
/// a guild has no room for another active thread.)
pub(super) fn permissions() -> Permissions {
    Permissions::VIEW_CHANNEL
        | Permissions::ADD_REACTIONS
        | Permissions::SEND_MESSAGES
        | Permissions::READ_MESSAGE_HISTORY
        | Permissions::CREATE_PUBLIC_THREADS
        | Permissions::SEND_MESSAGES_IN_THREADS
        | Permissions::MANAGE_THREADS
}

/// Returns the address where an administrator invites the bot into a guild.
pub(super) fn invite_url(application: &str) -> String {
    let bits = permissions().bits();
    format!(
        "https://discord.com/oauth2/authorize?client_id={application}&scope=bot%20applications.commands&permissions={bits}"
    )
}

/// Returns the commands to register in each guild: `/desk`, and the entries in the menus of messages and of people.
pub(super) fn commands() -> Value {
    commands_of(intake::acts())
}

fn commands_of(acts: impl Iterator<Item = &'static Spec> + Clone) -> Value {
    let mut options: Vec<Value> = Vec::new();
    for (spec, command) in acts.clone().filter_map(|spec| Some((spec, spec.command?))) {
        let (group, word) = spec.path();
        let says = match spec.may {
            May::Has(_) | May::HasEither(..) | May::Staff => format!("{} ({})", command.says, spec.may.who()),
            May::Anyone | May::Requester | May::RequesterOr(_) | May::OneselfOr(_) => command.says.to_owned(),
        };
        let options_of = |spec| if command.opens_form { Vec::new() } else { options_of(spec) };
        let sub = sub(word, &says, options_of(spec));
        let of_group = |option: &&mut Value| group.is_some_and(|group| option["name"] == group);
        match (group, options.iter_mut().find(of_group).and_then(|group| group["options"].as_array_mut())) {
            (_, Some(subs)) => subs.push(sub),
            (Some(group), None) => options.push(json!({
                "type": SUB_COMMAND_GROUP, "name": group, "description": group, "options": [sub],
            })),
            (None, None) => options.push(sub),
        }
    }
    let desk = json!({ "type": CHAT, "name": "desk", "description": "The service desk", "options": options });
    let menus = acts.clone().filter_map(|spec| Some(json!({ "type": MESSAGE, "name": spec.menu? })));
    let of_people = acts.filter_map(|spec| Some(json!({ "type": PERSON, "name": spec.person_menu? })));
    Value::Array(std::iter::once(desk).chain(menus).chain(of_people).collect())
}

/// Returns the options of a command. Discord requires mandatory options first.
fn options_of(spec: &Spec) -> Vec<Value> {
    let key = (spec.on == On::Ticket).then(key);
    let (required, optional): (Vec<&Param>, _) = spec.takes.iter().partition(|param| param.is_required);
    required.into_iter().filter_map(option).chain(key).chain(optional.into_iter().filter_map(option)).collect()
}

fn option(param: &Param) -> Option<Value> {
    let mut option = json!({ "name": param.name, "description": param.says, "required": param.is_required });
    match param.takes {
        Takes::Text => {
            option["type"] = json!(STRING);
            option["max_length"] = json!(OPTION_TEXT_CHARS);
        }
        Takes::Choice(choices) => {
            option["type"] = json!(STRING);
            option["choices"] = choices.iter().map(|(value, label)| json!({ "name": label, "value": value })).collect();
        }
        Takes::Person => option["type"] = json!(USER),
        Takes::Flag => option["type"] = json!(BOOLEAN),
        // An option takes one file; a form takes several.
        Takes::Files => option["type"] = json!(ATTACHMENT),
        Takes::Date | Takes::Future | Takes::Article | Takes::Outage => {
            option["type"] = json!(STRING);
            option["max_length"] = json!(DATE_CHARS);
        }
        // These values come only from buttons and menus.
        Takes::Ticket | Takes::Message => return None,
    }
    Some(option)
}

fn key() -> Value {
    json!({
        "type": STRING, "name": KEY, "description": "Key of the ticket, if it is not the one of this thread (IT-1042)",
        "required": false, "max_length": KEY_CHARS,
    })
}

fn sub(name: &str, description: &str, options: Vec<Value>) -> Value {
    json!({ "type": SUB_COMMAND, "name": name, "description": description, "options": options })
}

fn names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::act::Command;

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

    /// Returns the characters that Discord counts of a command: its names, descriptions and values, with its options
    /// and choices.
    fn chars(option: &Value) -> usize {
        let of = |name: &str| option[name].as_str().map_or(0, |text| text.chars().count());
        let inner = ["options", "choices"].into_iter().filter_map(|list| option[list].as_array()).flatten();
        of("name") + of("description") + of("value") + inner.map(chars).sum::<usize>()
    }

    /// Source: <https://docs.discord.com/developers/interactions/application-commands>.
    #[test]
    fn the_command_is_within_discords_limits() {
        const MOST_OPTIONS: usize = 25;
        const MOST_CHARS: usize = 8_000;
        const MOST_MENUS: usize = 15;
        fn hold(option: &Value) {
            let of = |list: &str| option[list].as_array().cloned().unwrap_or_default();
            assert!(of("options").len() <= MOST_OPTIONS && of("choices").len() <= MOST_OPTIONS, "{option}");
            let name = option["name"].as_str().expect("a name");
            let is_name = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '-');
            assert!((1..=32).contains(&name.len()) && name.chars().all(is_name), "{name}");
            let description = option["description"].as_str().expect("a description");
            assert!((1..=100).contains(&description.chars().count()), "{name}: {description}");
            let mut names: Vec<Value> = of("options").iter().map(|option| option["name"].clone()).collect();
            names.sort_by_key(ToString::to_string);
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "an option of {name} is named twice");
            of("options").iter().for_each(hold);
        }
        let commands = commands();
        hold(&commands[0]);
        assert!(chars(&commands[0]) <= MOST_CHARS, "{} characters", chars(&commands[0]));
        let menus = &commands.as_array().expect("commands")[1..];
        for kind in [MESSAGE, PERSON] {
            let count = menus.iter().filter(|menu| menu["type"] == kind).count();
            assert!((1..=MOST_MENUS).contains(&count), "{count} menus of type {kind}");
        }
        for menu in menus {
            assert!((1..=32).contains(&chars(menu)), "{menu}");
        }
    }

    #[test]
    fn acts_of_two_words_are_groups() {
        const ANNOUNCE: Spec =
            Spec { name: "outage announce", command: Some(Command::new("Announce it")), ..Spec::BASE };
        static ACTS: [Spec; 3] = [
            Spec { name: "help", menu: Some("What is this?"), ..ANNOUNCE },
            ANNOUNCE,
            Spec {
                name: "outage end",
                on: On::Ticket,
                takes: &[
                    Param { name: "why", is_required: false, ..Param::BASE },
                    Param { name: "until", takes: Takes::Date, ..Param::BASE },
                    Param { name: "loud", takes: Takes::Flag, is_required: false, ..Param::BASE },
                    Param { name: "log", takes: Takes::Files, is_required: false, ..Param::BASE },
                ],
                ..ANNOUNCE
            },
        ];
        let commands = commands_of(ACTS.iter());
        let options = &commands[0]["options"];
        assert_eq!((&options[0]["name"], &options[0]["type"]), (&json!("help"), &json!(SUB_COMMAND)));
        assert_eq!((&options[1]["name"], &options[1]["type"]), (&json!("outage"), &json!(SUB_COMMAND_GROUP)));
        let names = |of: &Value| -> Vec<Value> {
            of["options"].as_array().expect("options").iter().map(|option| option["name"].clone()).collect()
        };
        assert_eq!(names(&options[1]), ["announce", "end"]);
        let end = &options[1]["options"][1];
        assert_eq!(names(end), ["until", "key", "why", "loud", "log"], "required options come first");
        let types: Vec<_> =
            end["options"].as_array().expect("options").iter().map(|one| one["type"].as_u64()).collect();
        assert_eq!(types, [3, 3, 3, 5, 11].map(Some));
        assert_eq!(commands[1], json!({ "type": MESSAGE, "name": "What is this?" }));
    }

    #[test]
    fn the_manifest_names_what_its_bits_say() {
        let manifest = manifest();
        assert_eq!(
            manifest["intents"],
            json!([
                "GUILDS",
                "GUILD_MODERATION",
                "GUILD_MESSAGES",
                "GUILD_MESSAGE_REACTIONS",
                "DIRECT_MESSAGES",
                "MESSAGE_CONTENT"
            ])
        );
        assert_eq!(manifest["intents_bits"], 1 | 1 << 2 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 15);
        assert_eq!(manifest["permissions"].as_array().map(Vec::len), Some(7));
    }
}
