//! Frames of Discord's gateway (one JSON object a line), messages of its REST API, and any text as the words of a
//! message.
#![no_main]

use deskbell::domain::event::{Event, EventKind, Said};
use deskbell::platform::discord::parsers;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let events = parsers::gateway(data);
    events.iter().for_each(holds);
    assert_eq!(parsers::gateway(data), events, "the same frames give the same events");
    if let Some(said) = parsers::message(data) {
        readable(&said);
    }
    let user = |id: &str, name: &str| json!({ "id": id, "username": name, "discriminator": "0", "avatar": null });
    let message = json!({
        "id": "1443036000000000001", "channel_id": "20", "guild_id": "10", "type": 0,
        "content": format!("<@99> {}", String::from_utf8_lossy(data)), "author": user("4", "Jeff"),
        "timestamp": "2026-11-21T10:00:00.000000+00:00", "edited_timestamp": null, "tts": false,
        "mention_everyone": false, "mentions": [user("99", "Desk"), user("5", "Mia")], "mention_roles": ["80"],
        "attachments": [], "embeds": [], "pinned": false,
    });
    let said = parsers::message(message.to_string().as_bytes()).expect("words of a person are a message");
    assert!(said.mentions_bot);
    readable(&said);
});

fn holds(event: &Event) {
    let stored = serde_json::to_string(event).expect("an event can be stored");
    assert_eq!(serde_json::from_str::<Event>(&stored).expect("and read back"), *event);
    match &event.what {
        EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => readable(said),
        EventKind::MessageDeleted { message } => assert!(event.key.as_str().ends_with(&message.id)),
        other => panic!("no message: {other:?}"),
    }
}

fn readable(said: &Said) {
    assert_eq!(said.text, said.text.trim());
    assert!(said.mentions.iter().all(|person| person.who.id != "99"), "the bot is not among the people");
}
