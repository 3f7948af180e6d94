//! The grammar of commands. Input: the names of the people mentioned, separated by commas; on the lines below, the words.
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
        assert_eq!(parse(acts(), &padded, &mentions, place, "IT", &now), read, "white space around it means nothing");
        let Read::Act { spec, key, given } = read else { continue };
        if let Some(key) = &key {
            assert_eq!(key.prefix(), "IT");
        }
        assert!(key.is_some() || place != Where::Elsewhere || spec.on == On::Nothing, "elsewhere only with a key");
        assert!(spec.check(&given, &now).is_ok(), "what is read as a command is one");
        for (name, value) in given {
            let param = spec.takes.iter().find(|param| param.name == name).expect("it takes that");
            match value {
                Value::Person(person) => assert!(param.takes == Takes::Person && mentions.contains(&person)),
                Value::Date(_) | Value::Flag(_) => {}
                Value::Files(_) => panic!("words give no files"),
                Value::Text(said) => assert!(!said.is_empty() && words.contains(&said)),
            }
        }
    }
});
