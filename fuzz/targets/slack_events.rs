//! Bodies of Slack's Events API and frames of its Socket Mode, and any text as the words of a message.
#![no_main]

use deskbell::domain::event::{Event, EventKind, Said};
use deskbell::platform::slack::parsers;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|body: &[u8]| {
    if let Some(event) = parsers::event(body) {
        holds(&event);
        assert_eq!(parsers::event(body), Some(event), "the same bytes give the same event");
    }
    let text = String::from_utf8_lossy(body);
    let message = json!({ "event": {
        "type": "message", "channel": "C1", "channel_type": "channel", "user": "U4", "ts": "1700000000.000100", "text": text,
    } });
    let event = parsers::event(message.to_string().as_bytes()).expect("words of a person are a message");
    holds(&event);
});

fn holds(event: &Event) {
    let stored = serde_json::to_string(event).expect("an event can be stored");
    assert_eq!(serde_json::from_str::<Event>(&stored).expect("and read back"), *event);
    match &event.what {
        EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => readable(said),
        EventKind::MessageDeleted { message } => assert!(event.key.as_str().contains(&message.id)),
        other => panic!("no message: {other:?}"),
    }
}

fn readable(said: &Said) {
    assert_eq!(said.text, said.text.trim());
    assert!(said.mentions.iter().all(|person| person.who.id != "UBOT"), "the bot is not among the people");
    for (index, person) in said.mentions.iter().enumerate() {
        assert!(said.mentions[..index].iter().all(|other| other.who != person.who), "each once");
    }
}
