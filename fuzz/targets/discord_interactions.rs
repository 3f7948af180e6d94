//! Discord's buttons, menus, forms and commands.
#![no_main]

use deskbell::domain::event::EventKind;
use deskbell::domain::when::Now;
use deskbell::intake::act;
use deskbell::platform::discord::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let Some(what) = parsers::interaction(payload) else { return };
    let stored = serde_json::to_string(&what).expect("it can be stored");
    assert_eq!(serde_json::from_str::<EventKind>(&stored).expect("and read back"), what);
    let EventKind::Acted(acted) = what else { panic!("no interaction: {what:?}") };
    if let Some((does, given)) = acted.asks.does().zip(acted.asks.given()) {
        if does.on.is_some() {
            assert_eq!(does.to_string().parse().as_ref(), Ok(does));
        }
        let _ = act(&does.act).map(|spec| spec.check(given, &Now::named(jiff::Timestamp::UNIX_EPOCH, "UTC")));
    }
});
