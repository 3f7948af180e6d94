//! Discord's buttons, menus, forms and commands.
#![no_main]

use deskbell::domain::command::{self, Where};
use deskbell::domain::event::EventKind;
use deskbell::platform::discord::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let Some(what) = parsers::interaction(payload) else { return };
    let stored = serde_json::to_string(&what).expect("it can be stored");
    assert_eq!(serde_json::from_str::<EventKind>(&stored).expect("and read back"), what);
    match what {
        EventKind::CommandGiven(given) => {
            let _ = command::parse(&given.words, &given.mentions, Where::Slash, "IT");
        }
        EventKind::ActionTaken(taken) => {
            if let Some(does) = taken.does {
                assert_eq!(does.to_string().parse(), Ok(does));
            }
        }
        EventKind::FormSubmitted(sent) => {
            if let Some(form) = sent.form {
                assert_eq!(form.to_string().parse(), Ok(form));
            }
        }
        other => panic!("no interaction: {other:?}"),
    }
});
