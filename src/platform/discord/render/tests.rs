//! Tests of the texts that Discord gets.

use proptest::prelude::*;

use super::*;
use crate::domain::act::ActRef;
use crate::domain::ids::PersonRef;
use crate::domain::message::Line;
use crate::domain::plain::is_line_break;
use crate::platform::imitations;

/// Syntax that Discord would interpret: mentions, tokens, masked links.
static LIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"@everyone|@here|<@[!&]?\d|<#\d|<a?:\w+:\d|<t:-?\d|</\w|<id:\w|\]\(").expect("the pattern is valid")
});

fn effect() -> EffectId {
    EffectId("01JD9GJ2V4M8Q3B7Z5T6W1X0CY".to_owned())
}

fn bare(text: &str) -> String {
    text.replace(ZERO_WIDTH, "")
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("@everyone".to_owned()),
        Just("@".to_owned()),
        Just("here".to_owned()),
        Just("<".to_owned()),
        Just("<@123>".to_owned()),
        Just("<@&5>".to_owned()),
        Just("<#9>".to_owned()),
        Just("<a:x:1>".to_owned()),
        Just("<t:1:R>".to_owned()),
        Just("</desk:1>".to_owned()),
        Just("<id:browse>".to_owned()),
        Just("[bank](https://evil.example)".to_owned()),
        Just("]".to_owned()),
        Just("(x)".to_owned()),
        Just("```".to_owned()),
        Just("\n>>> ".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\u{2066}".to_owned()),
        Just("\u{2069}".to_owned()),
        Just("👩‍💻".to_owned()),
        Just("مرحبا".to_owned()),
        "[ -~\n]{0,12}",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| bare(&pieces.concat()))
}

proptest! {
    #[test]
    fn nothing_of_peoples_words_is_live(one in nasty(), other in nasty()) {
        let line = Line(vec![
            Span::Said("by @".to_owned()),
            Span::Quoted(one),
            Span::Quoted(other),
            Span::Said("(so they said)".to_owned()),
        ]);
        let rendered = message(&Message::new([line]), &effect());
        for part in &rendered.parts {
            prop_assert!(!LIVE.is_match(part), "{part}");
        }
        prop_assert_eq!(&rendered.allowed_mentions()["users"], &json!([]));
    }

    #[test]
    fn the_words_are_all_there(words in nasty()) {
        let text = quoted(&words);
        let whole = without_previews(&words);
        prop_assert!(bare(&text).starts_with(&whole));
        let behind = bare(&text)[whole.len()..].replace("\n```", "");
        let of_addresses = |text: &str| text.replace(['<', '>'], "");
        prop_assert_eq!(of_addresses(&whole), of_addresses(&words));
        prop_assert!(behind.chars().all(is_bidi_control), "{behind:?}");
        prop_assert_eq!(text.matches(FENCE).count() % 2, 0);
    }

    #[test]
    fn long_texts_come_whole_in_parts_that_discord_takes(words in nasty(), times in 1_usize..60) {
        let words = words.replace('`', "'").repeat(times);
        let whole = quoted(&words);
        let parts = split(whole.trim());
        prop_assert!(parts.iter().all(|part| length(part) <= limits::TEXT_CHARS && !part.trim().is_empty()));
        // A cut line is marked where it continues.
        let squeezed = |text: &str| text.replace('>', "").split_whitespace().collect::<String>();
        prop_assert_eq!(squeezed(&parts.concat()), squeezed(&whole));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A line that names a speaker always comes from the bot, whatever people write.
    #[test]
    fn no_line_of_peoples_passes_for_one_of_the_bots(words in imitations(), others in imitations()) {
        let says = |words: &str| {
            Line(vec![Span::Quoted("Ana".to_owned()), Span::Said(" wrote: ".to_owned()), Span::Quoted(words.to_owned())])
        };
        let lines = [says(&words), says(&others), Line([says(&words).0, vec![Span::Said(" (edited)".to_owned())]].concat())];
        let rendered = message(&Message::new(lines), &effect());
        let is_the_bots = |line: &str| {
            line.trim().is_empty() || line.starts_with("Ana wrote:") || line.trim() == "(edited)" || line.starts_with(MARK)
        };
        for line in rendered.parts.iter().flat_map(|part| part.split(is_line_break)) {
            prop_assert!(is_the_bots(line), "{line:?} in {:?}", rendered.parts);
        }
        prop_assert!(rendered.parts.iter().all(|part| length(part) <= limits::TEXT_CHARS));
    }
}

#[test]
fn what_people_link_is_not_opened_for_a_preview() {
    for (words, shown) in [
        ("see https://once.example/x?y=1, then", "see <https://once.example/x?y=1>, then"),
        ("HTTP://A.example", "<HTTP://A.example>"),
        ("<https://a.example>", "<https://a.example>"),
        ("`https://a.example` (https://b.example)", "`https://a.example` (<https://b.example>)"),
        ("https:// no", "https:// no"),
    ] {
        assert_eq!(quoted(words), shown);
    }
}

#[test]
fn quotations_side_by_side_wake_nothing_together() {
    let quoted = |words: &str| Span::Quoted(words.to_owned());
    for (one, other) in [("@every", "one"), ("<a", ":x:1>"), ("<", "@1>"), ("[x]", "(https://evil.example)")] {
        let rendered = message(&Message::new([Line(vec![quoted(one), quoted(other)])]), &effect());
        assert!(!LIVE.is_match(&rendered.parts[0]), "{:?}", rendered.parts);
    }
}

#[test]
fn a_blank_label_is_not_sent() {
    let does: ActRef = "claim:IT-7".parse().expect("an act");
    let options = vec![(" \n".to_owned(), "IT-8".to_owned())];
    let menu = Control::Choice { label: "Add to another request…".to_owned(), does: does.clone(), options };
    let rendered = message(&Message::said("x").with([Control::button("", does), menu]), &effect());
    assert_eq!(rendered.components[0]["components"][0]["label"], "…");
    assert_eq!(rendered.components[1]["components"][0]["options"][0]["label"], "…");
}

#[test]
fn a_cut_code_block_goes_on_in_the_next_part() {
    let code = format!("look:\n```\n{}```\ndone", "let x = 1;\n".repeat(360));
    let parts = split(&code);
    assert!(parts.len() > 1);
    for part in &parts {
        assert!(length(part) <= limits::TEXT_CHARS);
        assert_eq!(part.matches(FENCE).count() % 2, 0, "{part}");
    }
    let whole = parts.concat().replace("\n``````\n", "");
    assert_eq!(whole.matches("let x = 1;").count(), 360);
    assert!(whole.ends_with("```\ndone"));
}

#[test]
fn spans_become_markdown() {
    let tenant = crate::domain::ids::Tenant { platform: PlatformName::Discord, id: "7".to_owned() };
    let to = crate::domain::ids::MessageRef { tenant, channel: "8".to_owned(), id: "9".to_owned() };
    let line = Line(vec![
        Span::Strong("IT-1".to_owned()),
        Span::Said(" @everyone ".to_owned()),
        Span::Ping(PersonRef::new(PlatformName::Discord, "42")),
        Span::Ping(PersonRef::new(PlatformName::Slack, "U1")),
        Span::Said(" ".to_owned()),
        Span::Link { to, label: "there".to_owned() },
    ]);
    let rendered = message(&Message::new([line]), &effect());
    let text = "**IT-1** @\u{200b}everyone <@42> [there](https://discord.com/channels/7/8/9)";
    assert_eq!(rendered.parts, [text]);
    assert_eq!(rendered.allowed_mentions(), json!({ "parse": [], "users": ["42"], "replied_user": false }));
}

#[test]
fn controls_become_rows_and_carry_the_mark() {
    let does: ActRef = "claim:IT-1".parse().expect("an act");
    let mut controls: Vec<Control> = (0..6).map(|_| Control::button("Take it", does.clone())).collect();
    controls.insert(1, Control::People { label: "Whom?".to_owned(), does });
    let rendered = message(&Message::said("x").with(controls), &effect());
    let sizes: Vec<usize> =
        rendered.components.iter().filter_map(|row| row["components"].as_array().map(Vec::len)).collect();
    assert_eq!(sizes, [1, 1, 5]);
    let id = rendered.components[0]["components"][0]["custom_id"].as_str().unwrap_or_default();
    assert_eq!(id, "claim:IT-1~001JD9GJ2V4M8Q3B7Z5T6W1X0CY");
    assert!(is_marked(id, &effect()));
    assert!(!is_marked(id, &EffectId("01JD9GJ2V4M8Q3B7Z5T6W1X0CZ".to_owned())));
}

#[test]
fn thread_names_are_plain_and_short() {
    assert_eq!(thread_name("  printer\non 3\u{202e} "), "printer on 3");
    assert_eq!(thread_name("\n"), "request");
    assert_eq!(length(&thread_name(&"ab ".repeat(100))), 100);
}

#[test]
fn a_link_that_no_message_can_hold_is_shown_as_its_label() {
    for (chars, is_link) in [(1_000, true), (3_500, false)] {
        let to = format!("https://a.example/{}", "x".repeat(chars));
        let (mut text, mut pings) = (String::new(), Vec::new());
        push_span(&mut text, &Span::Web { to, label: "the guide".to_owned() }, &mut pings);
        assert!(text.contains("the guide") && text.contains("](<https://") == is_link, "{chars}: {text}");
    }
}
