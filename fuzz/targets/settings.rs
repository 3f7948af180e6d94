//! The settings file.
//!
//! Input: the file; after a line `===`, the environment (`NAME=value`, one a line).
#![no_main]

use deskbell::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (file, environment) = text.split_once("\n===\n").unwrap_or((text, ""));
    let pairs = || {
        let lines = environment.lines().filter_map(|line| line.split_once('='));
        // A shell sets no variable whose name has other characters.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        lines
            .filter(|(name, _)| name.bytes().all(is_name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    match Config::from_text(file, pairs()) {
        Ok(config) => {
            let _ = (config.roster(), config.platforms_missing(), format!("{config:?}"));
        }
        Err(problems) => {
            let said = problems.to_string();
            assert!(!said.trim().is_empty(), "a refusal says why");
            let again = Config::from_text(file, pairs()).expect_err("refused once, refused again");
            assert_eq!(again.to_string(), said, "the message does not depend on chance");
        }
    }
});
