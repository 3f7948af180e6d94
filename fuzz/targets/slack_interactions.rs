//! Bodies of Slack's interactions and slash commands, and frames of Socket Mode that hold one.
#![no_main]

use deskbell::domain::act::{Where, parse};
use deskbell::domain::when::Now;
use deskbell::intake::acts;
use deskbell::platform::slack::parsers::{self, Interaction};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match parsers::interaction(body) {
        Some(Interaction::Click { does: Some(does), .. }) => assert_eq!(does.to_string().parse(), Ok(does)),
        Some(Interaction::Form { form: Some(form), .. }) => assert_eq!(form.to_string().parse(), Ok(form)),
        Some(Interaction::Click { does: None, .. } | Interaction::Form { form: None, .. }) | None => {}
    }
    let (words, mentions) = parsers::command(body);
    assert_eq!(words, words.trim());
    let _ = parse(acts(), &words, &mentions, Where::Slash, "IT", &Now::named(jiff::Timestamp::UNIX_EPOCH, "UTC"));
});
