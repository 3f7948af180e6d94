//! The layering of ARCHITECTURE.md: which room may name which.

use std::fs;
use std::path::{Path, PathBuf};

/// For each room, the other rooms of the crate that it may name.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("clock.rs", &[]),
    ("clock", &[]),
    ("trial.rs", &["clock"]),
    ("domain", &[]),
    ("store", &["domain", "clock", "metrics"]),
    ("asking", &[]),
    ("desk", &["asking", "domain", "store"]),
    ("intake", &["domain", "store", "desk", "clock", "metrics", "trial"]),
    ("health.rs", &["domain"]),
    ("platform", &["domain", "intake", "clock", "metrics", "health"]),
    ("outbox", &["domain", "store", "intake", "platform", "clock", "metrics", "health", "trial"]),
    ("search", &["domain"]),
    ("logging.rs", &[]),
    ("metrics.rs", &["domain"]),
    ("http", &["domain", "health", "metrics", "clock"]),
    ("sandbox/slack", &["clock", "domain", "sandbox"]),
    ("sandbox/discord", &["clock", "domain", "sandbox"]),
];
/// The files that the folder of a capability may have.
const FILES: [&str; 7] = ["acts.rs", "decide.rs", "mod.rs", "record.rs", "state.rs", "text.rs", "view.rs"];
/// For each capability, the others that it may name.
const CAPABILITIES: &[(&str, &[&str])] = &[
    ("alarms", &[]),
    ("articles", &["knowledge"]),
    ("closing", &["tickets"]),
    ("conversation", &["drafts", "help", "knowledge", "tickets"]),
    ("drafts", &[]),
    ("guard", &["conversation", "help", "on_call", "tickets"]),
    ("help", &[]),
    ("knowledge", &["closing", "drafts", "tickets"]),
    ("notices", &[]),
    ("on_call", &[]),
    ("outages", &["drafts", "services"]),
    ("privacy", &["conversation", "tickets"]),
    ("services", &[]),
    ("tickets", &["closing", "conversation", "help"]),
];
/// Code that writes a sentence of the bot.
const SPEAKS: [&str; 4] = ["Span::Said(\"", "Message::said(\"", "Line::said(\"", " said(\""];
/// The largest number of lines of a file.
const LONGEST: usize = 600;
/// Crates that `domain`, which is pure, may use.
const PURE: [&str; 8] =
    ["jiff", "pulldown_cmark", "regex", "serde", "serde_json", "sha2", "thiserror", "unicode_segmentation"];

#[test]
fn rooms_know_only_whom_they_may() {
    let mut wrong = Vec::new();
    for &(room, may) in MAY_KNOW {
        for (path, text) in sources(&Path::new("src").join(room)) {
            let own = room.trim_end_matches(".rs");
            for other in crate_paths(&text) {
                if other != own && !may.contains(&other.as_str()) {
                    wrong.push(format!("{} knows {other}", path.display()));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_domain_is_pure() {
    let mut wrong = Vec::new();
    for (path, text) in sources(Path::new("src/domain")) {
        for line in text.lines().filter(|line| line.trim_start().starts_with("use ")) {
            let first = line.trim_start().trim_start_matches("use ").split([':', ';', ' ']).next().unwrap_or_default();
            if !["std", "core", "super", "crate", "self"].contains(&first) && !PURE.contains(&first) {
                wrong.push(format!("{}: {line}", path.display()));
            }
        }
        for forbidden in
            ["async fn", "std::fs", "std::net", "std::env", "Instant::now", "Timestamp::now", "SystemTime", "rand::"]
        {
            if text.contains(forbidden) {
                wrong.push(format!("{}: {forbidden}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn sql_lives_in_the_store_and_in_records_and_sentences_in_texts() {
    let mut wrong = Vec::new();
    for (path, text) in sources(Path::new("src")) {
        let text = without_tests(&text);
        let is_named = |name: &str| path.file_name().is_some_and(|file| file == name);
        let (in_store, in_desk) = (path.starts_with("src/store"), path.starts_with("src/desk"));
        if !in_store && (text.contains("use sqlx") || text.contains("sqlx::query")) {
            wrong.push(format!("{} uses sqlx outside of the store", path.display()));
        }
        let is_record = in_desk && is_named("record.rs");
        if !(in_store || is_record) && text.contains("SELECT ") {
            wrong.push(format!("{} contains SQL", path.display()));
        }
        let is_mute =
            ["src/intake", "src/outbox", "src/platform", "src/desk"].iter().any(|room| path.starts_with(room));
        if is_mute && !is_named("text.rs") && !is_named("tests.rs") && SPEAKS.iter().any(|speaks| text.contains(speaks))
        {
            wrong.push(format!("{} contains a sentence of the bot", path.display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn capabilities_have_their_files_and_know_only_whom_they_may() {
    let mut wrong = Vec::new();
    let folders: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/desk"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        // `cases` holds tests.
        .filter(|path| path.is_dir() && !path.ends_with("cases"))
        .collect();
    assert_eq!(folders.len(), CAPABILITIES.len(), "a capability is missing in the list, or in the tree: {folders:?}");
    for &(capability, may) in CAPABILITIES {
        for (path, text) in sources(&Path::new("src/desk").join(capability)) {
            let text = without_tests(&text);
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !FILES.contains(&file) {
                wrong.push(format!("{} is no file of a capability", path.display()));
            }
            if file != "record.rs" && text.contains("crate::store") {
                wrong.push(format!("{} knows the store", path.display()));
            }
            for &(other, _) in CAPABILITIES {
                let is_named = text.contains(&format!("desk::{other}::")) || text.contains(&format!(" {other}::"));
                if other != capability && is_named && !may.contains(&other) {
                    wrong.push(format!("{} knows {other}", path.display()));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    let long: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|room| sources(Path::new(room)))
        .filter(|(_, text)| text.lines().count() > LONGEST)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert_eq!(long, Vec::<String>::new(), "move one of the file's subjects into a file of its own");
}

/// The compiler's lint `missing_docs` would demand a comment on each field, too, and most of those would repeat the
/// field's name.
#[test]
fn every_public_item_says_what_it_is_for() {
    let items = ["fn", "async fn", "const fn", "struct", "enum", "trait", "type"];
    let is_item = |line: &str| {
        line.trim_start().strip_prefix("pub ").is_some_and(|rest| {
            items.iter().any(|item| rest.strip_prefix(item).is_some_and(|rest| rest.starts_with(' ')))
        })
    };
    let mut wrong = Vec::new();
    for (path, text) in sources(Path::new("src")) {
        // What the sandbox's modules share with each other is named `pub`, but nothing outside of the sandbox sees it.
        // The command line's types take their texts from attributes.
        if path.starts_with("src/sandbox/discord") || path.ends_with("cli.rs") {
            continue;
        }
        let lines: Vec<&str> = without_tests(&text).lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_item(line) && !line.contains('$')) {
            let above = lines[..at].iter().rev().map(|line| line.trim_start());
            let first =
                above.clone().find(|line| !line.starts_with("#[") && !line.starts_with(')')).unwrap_or_default();
            if !first.starts_with("///") {
                wrong.push(format!("{}:{}: {}", path.display(), at + 1, line.trim()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Returns the rooms that a source names, outside of the tests at its end.
fn crate_paths(text: &str) -> Vec<String> {
    let text = without_tests(text);
    let mut rooms = Vec::new();
    for part in text.split("crate::").skip(1) {
        let named = part
            .strip_prefix('{')
            .map_or_else(|| vec![part], |list| list.split('}').next().unwrap_or_default().split(',').collect());
        for name in named {
            let room: String = name.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !room.is_empty() && !rooms.contains(&room) {
                rooms.push(room);
            }
        }
    }
    rooms
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

fn sources(at: &Path) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join(at)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            found.push((path.strip_prefix(root).expect("below the root").to_owned(), text));
        }
    }
    assert!(!found.is_empty(), "{} holds no sources", at.display());
    found
}
