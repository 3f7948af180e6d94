//! The grammar of commands.
//!
//! Input: the names of the mentioned people, separated by commas; the words on the lines below.
#![no_main]

use deskbell::domain::act::{On, Read, Takes, Value, Where, parse};
use deskbell::domain::ids::{Person, PersonRef, PlatformName};
use deskbell::domain::when::Now;
use deskbell::intake::acts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (names, words) = text.split_once('\n').unwrap_or(("", text));
    let mentions: Vec<Person> = names
        .split(',')
        .filter(|name| !name.is_empty())
        .enumerate()
        .map(|(index, name)| Person::new(PersonRef::new(PlatformName::Slack, format!("U{index}")), name))
        .collect();
    let now = Now::named(jiff::Timestamp::UNIX_EPOCH, "Europe/Berlin");
    for place in [Where::Slash, Where::TicketThread, Where::CardThread, Where::Elsewhere] {
        let read = parse(acts(), words, &mentions, place, "IT", &now);
        let padded = format!(" {words}\n");
        assert_eq!(parse(acts(), &padded, &mentions, place, "IT", &now), read, "outer white space means nothing");
        let Read::Act { spec, key, given } = read else { continue };
        if let Some(key) = &key {
            assert_eq!(key.prefix(), "IT");
        }
        let needs_key = place == Where::Elsewhere && spec.on == On::Ticket && !spec.takes.is_empty();
        assert!(key.is_some() || !needs_key, "elsewhere, a command that is more than its name needs a key");
        assert!(spec.check(&given, &now).is_ok(), "the act takes the fields that were read");
        for (name, value) in given {
            let param = spec.takes.iter().find(|param| param.name == name).expect("the act has this field");
            match value {
                Value::Person(person) => assert!(param.takes == Takes::Person && mentions.contains(&person)),
                Value::Date(_) | Value::Flag(_) => {}
                Value::Files(_) => panic!("words give no files"),
                Value::Text(said) => assert!(!said.is_empty() && words.contains(&said)),
            }
        }
    }
});
