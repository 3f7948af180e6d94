//! The parser of a replay's transcript.
#![no_main]

use deskbell::sandbox::replay::{self, Part};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(lines) = replay::parse(text) else { return };
    let parts = replay::parts(&lines);
    let times = replay::times(&lines, Timestamp::from_second(1_700_000_000).expect("a moment"));
    assert_eq!((parts.len(), times.len()), (lines.len(), lines.len()));
    for part in &parts {
        if let Part::Reply(start) = part {
            assert_eq!(parts[*start], Part::Start);
        }
    }
});
