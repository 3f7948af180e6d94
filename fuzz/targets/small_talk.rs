//! The greeting filter.
//!
//! Input: the names of the mentioned people, separated by commas; the words on the lines below.
#![no_main]

use deskbell::domain::ids::{Person, PersonRef, PlatformName};
use deskbell::domain::small_talk::{is_satisfied, small_talk};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (names, words) = text.split_once('\n').unwrap_or(("", text));
    let mentions: Vec<Person> = names
        .split(',')
        .enumerate()
        .map(|(index, name)| Person::new(PersonRef::new(PlatformName::Slack, format!("U{index}")), name))
        .collect();
    let _ = (small_talk(words, &mentions), is_satisfied(words, &mentions));
    assert_eq!(small_talk(&format!("{words} printer7 jams"), &[]), None, "a request is never small talk");
    assert!(!is_satisfied(&format!("{words} printer7 jams"), &[]));
    assert!(!is_satisfied(&format!("{words}?"), &mentions), "nor is a question");
});
