//! Rendering of people's words on both platforms. Whatever the words are, they ping nobody and are not interpreted as
//! markup, and the message keeps within the platform's limits.
//!
//! Input: pieces of text, separated by a line `---`: two texts side by side in one line, a text, the name of a channel,
//! the label of a button, and an option of a menu.
#![no_main]

use std::sync::LazyLock;

use deskbell::domain::act::ActRef;
use deskbell::domain::ids::{Conversation, EffectId, Place, PlatformName, Tenant};
use deskbell::domain::limits;
use deskbell::domain::message::{Control, Line, Message, Span};
use deskbell::platform::{discord, slack};
use libfuzzer_sys::fuzz_target;
use regex::Regex;
use serde_json::{Value, json};

/// The longest label of an option on Discord, in UTF-16 units.
const OPTION_CHARS: usize = 100;
/// Text that Discord would interpret: mentions, tokens, masked links.
static LIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)@everyone|@here|<@[!&]?[0-9]|<#[0-9]|<a?:\w+:[0-9]|<t:-?[0-9]|</\w|<id:\w|\]\(")
        .expect("a pattern")
});
/// Discord's mass mentions.
static MASS_ON_DISCORD: LazyLock<Regex> = LazyLock::new(|| Regex::new("(?i)@(everyone|here)").expect("a pattern"));
/// Slack's mass mentions as plain text, which Slack would interpret only if it parsed the text.
static MASS: LazyLock<Regex> = LazyLock::new(|| Regex::new("(?i)@(channel|here|everyone)").expect("a pattern"));

fuzz_target!(|text: &str| {
    let mut pieces = text.split("\n---\n").map(str::to_owned);
    let mut next = || pieces.next().unwrap_or_default();
    let does = |act: &str| format!("{act}:IT-7").parse::<ActRef>().expect("an act");
    let other = Tenant { platform: PlatformName::Slack, id: "T2".to_owned() };
    let place = Place { tenant: other, at: Conversation::Channel { channel: "C2".to_owned() } };
    let message = Message::new([
        Line(vec![
            Span::Strong("IT-7".to_owned()),
            Span::Said(" by @".to_owned()),
            Span::Quoted(next()),
            Span::Quoted(next()),
        ]),
        Line(vec![Span::Quoted(next())]),
        Line(vec![Span::Said("in ".to_owned()), Span::In { place, label: next() }, Span::Said(".".to_owned())]),
    ])
    .with([
        Control::button(&next(), does("claim")),
        Control::Choice {
            label: "Belongs to…".to_owned(),
            does: does("belongs_to"),
            options: vec![(next(), "IT-8".to_owned())],
        },
    ]);
    on_slack(&message);
    on_discord(&message);
    let name = discord::parsers::thread_name(text);
    assert!((1..=limits::discord::THREAD_NAME_CHARS).contains(&width(&name)));
    assert!(!MASS_ON_DISCORD.is_match(&name), "a mass mention: {name:?}");
});

fn on_slack(message: &Message) {
    let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
    let ctx = slack::RenderContext { tenant, team_url: "https://acme.slack.com/".to_owned() };
    let rendered = slack::render(message, &ctx);
    let blocks = rendered.blocks.as_array().expect("blocks");
    assert!((1..=limits::slack::BLOCKS).contains(&blocks.len()));
    assert!((1..=limits::slack::TEXT_CHARS).contains(&width(&rendered.text)));
    let sections: Vec<&str> = blocks.iter().filter_map(|block| block["text"]["text"].as_str()).collect();
    for shown in sections.iter().copied().chain([rendered.text.as_str()]) {
        assert!(!shown.contains(['<', '>']), "a token: {shown:?}");
        assert!(!MASS.is_match(shown), "a mass mention: {shown:?}");
    }
    for section in sections {
        assert!((1..=limits::slack::BLOCK_TEXT_CHARS).contains(&width(section)) && !section.trim().is_empty());
    }
    for element in blocks.iter().filter_map(|block| block["elements"].as_array()).flatten() {
        let label = element["text"]["text"].as_str().or_else(|| element["options"][0]["text"]["text"].as_str());
        assert!((1..=limits::slack::BUTTON_CHARS).contains(&width(label.expect("a label"))));
    }
}

fn on_discord(message: &Message) {
    let rendered = discord::parsers::render(message, &EffectId("01JD9GJ2V4M8Q3B7Z5T6W1X0CY".to_owned()));
    assert_eq!(rendered.allowed_mentions, json!({ "parse": [], "users": [], "replied_user": false }));
    assert!(!rendered.parts.is_empty());
    for part in rendered.parts.iter().chain([&rendered.one]) {
        assert!((1..=limits::discord::TEXT_CHARS).contains(&width(part)) && !part.trim().is_empty());
        assert!(!LIVE.is_match(part), "live: {part:?}");
    }
    for component in rendered.components.iter().flat_map(|row| row["components"].as_array().expect("components")) {
        let (label, most) = match &component["options"][0]["label"] {
            Value::String(option) => (option.as_str(), OPTION_CHARS),
            _ => (component["label"].as_str().unwrap_or_default(), limits::discord::BUTTON_CHARS),
        };
        assert!(!label.trim().is_empty() && width(label) <= most, "{component}");
        assert!(component["custom_id"].as_str().is_some_and(|id| id.len() <= limits::discord::CUSTOM_ID_CHARS));
    }
}

/// Returns the length in UTF-16 units, as both platforms count it.
fn width(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}
