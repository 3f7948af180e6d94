//! Round trips of ids, keys and acts as text, of acts in buttons, and of values stored as JSON: a value that was read
//! is written, and read back as the same value.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use deskbell::domain::act::ActRef;
use deskbell::domain::effect::EffectKind;
use deskbell::domain::event::Event;
use deskbell::domain::ids::{EffectId, MessageRef, PersonRef, Place, PlatformName, TicketKey};
use deskbell::domain::message::{Control, Message, Style};
use deskbell::domain::permission::Principal;
use deskbell::domain::priority::Priority;
use deskbell::platform::{discord, slack};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|text: &str| {
    written::<PlatformName>(text);
    written::<Priority>(text);
    if let Some(person) = written::<PersonRef>(text) {
        stored(&person);
    }
    if let Some(principal) = written::<Principal>(text) {
        stored(&principal);
    }
    if let Some(key) = written::<TicketKey>(text) {
        stored(&key);
        assert_eq!(TicketKey::new(key.prefix(), key.number()), key);
    }
    if let Some(does) = written::<ActRef>(text) {
        carried(&does);
    }
    kept::<Place>(text);
    kept::<MessageRef>(text);
    kept::<Event>(text);
    kept::<EffectKind>(text);
});

/// Checks that the id of a button fits the limit of each platform and is read back as its act.
fn carried(does: &ActRef) {
    assert_eq!(format!("{does}~3").parse().as_ref(), Ok(does));
    let effect = EffectId("01JD9GJ2V4M8Q3B7Z5T6W1X0CY".to_owned());
    let button = Control::Button { label: "Take".to_owned(), does: does.clone(), style: Style::Plain };
    let message = Message::said("x").with([button]);
    let on_discord = discord::parsers::render(&message, &effect);
    let custom_id = on_discord.components[0]["components"][0]["custom_id"].as_str().expect("an id").to_owned();
    assert!(custom_id.len() <= 100);
    assert_eq!(custom_id.parse().as_ref(), Ok(does));
    let tenant = deskbell::domain::ids::Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
    let ctx = slack::RenderContext { tenant, team_url: "https://acme.slack.com/".to_owned() };
    let on_slack = slack::render(&message, &ctx).blocks;
    let action_id = on_slack[1]["elements"][0]["action_id"].as_str().expect("an id").to_owned();
    assert!(action_id.len() <= 255);
    assert_eq!(action_id.parse().as_ref(), Ok(does));
}

fn written<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let read = text.parse::<T>().ok()?;
    match read.to_string().parse::<T>() {
        Ok(again) => assert_eq!(again, read),
        Err(_) => panic!("{read} is not read back"),
    }
    Some(read)
}

fn stored<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).expect("it can be stored");
    assert_eq!(serde_json::from_str::<T>(&json).expect("and read back"), *value);
}

fn kept<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &str) {
    if let Ok(value) = serde_json::from_str::<T>(json) {
        stored(&value);
    }
}
