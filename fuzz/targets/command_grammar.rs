//! The grammar of commands. Input: the names of the people mentioned, separated by commas; on the lines below, the words.
#![no_main]

use deskbell::domain::command::{Parsed, Verb, Where, parse};
use deskbell::domain::ids::{Person, PersonRef, PlatformName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (names, words) = text.split_once('\n').unwrap_or(("", text));
    let mentions: Vec<Person> = names
        .split(',')
        .filter(|name| !name.is_empty())
        .enumerate()
        .map(|(index, name)| Person::new(PersonRef::new(PlatformName::Slack, format!("U{index}")), name))
        .collect();
    for place in [Where::Slash, Where::TicketThread, Where::CardThread, Where::Elsewhere] {
        let parsed = parse(words, &mentions, place, "IT");
        assert_eq!(
            parse(&format!(" {words}\n"), &mentions, place, "IT"),
            parsed,
            "white space around it means nothing"
        );
        let Parsed::Command(command) = parsed else { continue };
        if let Some(key) = &command.ticket {
            assert_eq!(key.prefix(), "IT");
        }
        match command.verb {
            Verb::Help => {}
            _ if place == Where::Elsewhere => assert!(command.ticket.is_some(), "elsewhere only with a key"),
            Verb::Assign(person) => assert_eq!(mentions, [person]),
            Verb::Resolve(said) | Verb::Reply(said) => assert!(!said.trim().is_empty() && words.contains(&said)),
            Verb::Pending(said) => assert!(words.contains(&said)),
            Verb::Show | Verb::Claim | Verb::Release | Verb::Reopen | Verb::Cancel | Verb::Priority(_) => {}
        }
    }
});
