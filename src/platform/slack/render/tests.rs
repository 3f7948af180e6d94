//! Tests of the texts that Slack gets.

use proptest::prelude::*;

use super::*;
use crate::domain::act::ActRef;
use crate::domain::ids::{PersonRef, Place};
use crate::domain::message::Line;
use crate::domain::plain::is_line_break;
use crate::platform::imitations;

fn ctx() -> RenderContext {
    RenderContext {
        tenant: Tenant { platform: PlatformName::Slack, id: "T1".to_owned() },
        team_url: "https://acme.slack.com/".to_owned(),
    }
}

fn sections(rendered: &Rendered) -> Vec<&str> {
    rendered.blocks.as_array().into_iter().flatten().filter_map(|block| block["text"]["text"].as_str()).collect()
}

fn quoted(text: &str) -> Rendered {
    render(&Message::new([Line(vec![Span::Quoted(text.to_owned())])]), &ctx())
}

/// Returns a rendered text without Slack's escapes, as a reader sees it.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Returns a text without invisible characters, code fences and white space.
fn bare(text: &str) -> String {
    const INVISIBLE: &[char] = &[ZERO_WIDTH_SPACE, '\u{202c}', '\u{2069}', '`'];
    text.chars().filter(|c| !INVISIBLE.contains(c) && !c.is_whitespace()).collect()
}

fn people() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("<!channel>".to_owned()),
        Just("<@U0123>".to_owned()),
        Just("<#C0123|x>".to_owned()),
        Just("<http://evil.example|bank>".to_owned()),
        Just("@here @Channel @everyone".to_owned()),
        Just("&lt;!here&gt; &amp;".to_owned()),
        Just("```\nfn main() {}\n```".to_owned()),
        Just("```".to_owned()),
        Just("\u{202e}olleh \u{2067}".to_owned()),
        Just("שלום מדפסת".to_owned()),
        Just("👩‍💻🏳️‍🌈".to_owned()),
        Just("&".repeat(700)),
        "\\PC{0,300}",
        "[ \n<>&@!|a-z]{0,200}",
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn peoples_words_stay_words(text in people()) {
        let rendered = quoted(&text);
        let all = sections(&rendered);
        for shown in all.iter().copied().chain([rendered.text.as_str()]) {
            prop_assert!(!shown.contains('<') && !shown.contains('>'));
            for word in ["@channel", "@here", "@everyone"] {
                prop_assert!(!shown.to_ascii_lowercase().contains(word));
            }
            prop_assert_eq!(shown.matches(FENCE).count() % 2, 0);
        }
        let unmarked = |section: &&str| -> Vec<String> {
            section.lines().map(|line| line.strip_prefix(MARK).unwrap_or(line).to_owned()).collect()
        };
        let shown = bare(&unescaped(&all.iter().flat_map(unmarked).collect::<String>()));
        if let Some(begun) = shown.strip_suffix(&bare(SHORTENED)) {
            prop_assert!(bare(&text).starts_with(begun) && chars(rendered.blocks.as_array().expect("an array")) > 9_000);
        } else if !bare(&text).is_empty() {
            prop_assert_eq!(shown, bare(&text));
        }
    }

    #[test]
    fn everything_keeps_within_the_limits(texts in proptest::collection::vec(people(), 0..6), labels in proptest::collection::vec(people(), 0..40)) {
        let does: ActRef = "claim:IT-7".parse().expect("an act");
        let message = Message::new(texts.iter().map(|text| Line(vec![Span::Strong(text.clone()), Span::Quoted(text.repeat(3))])))
            .with(labels.iter().map(|label| Control::button(label, does.clone())));
        let rendered = render(&message, &ctx());
        let blocks = rendered.blocks.as_array().expect("an array");
        prop_assert!((1..=limits::BLOCKS).contains(&blocks.len()));
        prop_assert!(chars(blocks) <= ALL_BLOCKS_CHARS + width(SHORTENED));
        prop_assert!((1..=limits::TEXT_CHARS).contains(&width(&rendered.text)));
        for section in sections(&rendered) {
            prop_assert!((1..=limits::BLOCK_TEXT_CHARS).contains(&width(section)) && !section.trim().is_empty());
        }
        let mut ids = std::collections::HashSet::new();
        for block in blocks.iter().filter(|block| block["type"] == "actions") {
            let elements = block["elements"].as_array().expect("elements");
            prop_assert!((1..=limits::ACTIONS).contains(&elements.len()));
            for element in elements {
                prop_assert!((1..=limits::BUTTON_CHARS).contains(&width(element["text"]["text"].as_str().unwrap_or_default())));
                prop_assert!(ids.insert(element["action_id"].as_str().unwrap_or_default().to_owned()));
            }
        }
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
        let edited = Line([says(&words).0, vec![Span::Said(" (edited)".to_owned())]].concat());
        let rendered = render(&Message::new([says(&words), says(&others), edited]), &ctx());
        let is_the_bots = |line: &str| {
            line.trim().is_empty()
                || line.starts_with("Ana wrote:")
                || line.trim() == "(edited)"
                || line == SHORTENED
                || line.starts_with(MARK)
        };
        for shown in sections(&rendered).into_iter().chain([rendered.text.as_str()]) {
            for line in shown.split(is_line_break) {
                prop_assert!(is_the_bots(line), "{line:?} in {shown:?}");
            }
            prop_assert!(width(shown) <= limits::TEXT_CHARS);
        }
        for section in sections(&rendered) {
            prop_assert!(width(section) <= limits::BLOCK_TEXT_CHARS);
        }
    }
}

#[test]
fn a_message_without_a_readable_word_still_has_a_text() {
    let does: ActRef = "claim:IT-7".parse().expect("an act");
    for labels in [&[][..], &[""], &[" \n"], &["", "Take it"], &["<b>"]] {
        let controls = labels.iter().map(|label| Control::button(label, does.clone()));
        let rendered = render(&Message::default().with(controls), &ctx());
        assert!(!rendered.text.trim().is_empty(), "{labels:?}");
        assert!(!rendered.text.contains('<'), "{labels:?}: {}", rendered.text);
    }
}

#[test]
fn spans_become_tokens() {
    let slack = ctx().tenant;
    let discord = Tenant { platform: PlatformName::Discord, id: "42".to_owned() };
    let at = |tenant: &Tenant| MessageRef {
        tenant: tenant.clone(),
        channel: "C1".to_owned(),
        id: "1610241741.000200".to_owned(),
    };
    let channel = |tenant: &Tenant| Place {
        tenant: tenant.clone(),
        at: crate::domain::ids::Conversation::Channel { channel: "C1".to_owned() },
    };
    let message = Message::new([Line(vec![
        Span::Strong("IT-1 & co".to_owned()),
        Span::Said(" <b> ".to_owned()),
        Span::Ping(PersonRef::new(PlatformName::Slack, "U1")),
        Span::Ping(PersonRef::new(PlatformName::Discord, "5")),
        Span::In { place: channel(&slack), label: "#sales".to_owned() },
        Span::In { place: channel(&discord), label: "#help".to_owned() },
        Span::Link { to: at(&slack), label: "the | message".to_owned() },
        Span::Link { to: at(&discord), label: "there".to_owned() },
        Span::Ago(Timestamp::UNIX_EPOCH),
    ])]);
    assert_eq!(
        render(&message, &ctx()).text,
        "*IT-1 &amp; co* &lt;b&gt; <@U1><#C1>#help<https://acme.slack.com/archives/C1/p1610241741000200|the   message>\
         <https://discord.com/channels/42/C1/1610241741.000200|there><!date^0^{ago}|1970-01-01 00:00 UTC>"
    );
}

#[test]
fn no_mass_mention_comes_of_quotations_side_by_side_or_of_a_channels_name() {
    let discord = Tenant { platform: PlatformName::Discord, id: "42".to_owned() };
    let at = crate::domain::ids::Conversation::Channel { channel: "C1".to_owned() };
    let place = Place { tenant: discord, at };
    let quoted = |words: &str| Span::Quoted(words.to_owned());
    let line = Line(vec![quoted("@chan"), quoted("nel "), Span::In { place, label: "@here".to_owned() }]);
    assert_eq!(render(&Message::new([line]), &ctx()).text, "@\u{200b}channel @\u{200b}here");
    let line = Line(vec![Span::Said("by @".to_owned()), quoted("here")]);
    assert_eq!(render(&Message::new([line]), &ctx()).text, "by @\u{200b}here");
}

#[test]
fn long_code_stays_code_in_every_section() {
    let code = format!("```\n{}```", "let x = a < b && c;\n".repeat(210));
    let rendered = quoted(&code);
    let all = sections(&rendered);
    assert!(all.len() > 1);
    assert!(all.iter().all(|section| section.starts_with("&gt; ```\n") && section.ends_with("\n&gt; ```")), "{all:?}");
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let rendered = quoted(&"word ".repeat(40_000));
    let all = sections(&rendered);
    assert_eq!((all.len(), all.last()), (5, Some(&SHORTENED)));
    let four_thousand = quoted(&"& <b> ".repeat(667));
    assert!(sections(&four_thousand).iter().all(|section| *section != SHORTENED));
    assert!(rendered.text.ends_with(SHORTENED));
}

#[test]
fn what_is_left_open_is_closed() {
    assert_eq!(inert("a\u{202e}b\u{2067}c"), "a\u{202e}b\u{2067}c\u{2069}\u{202c}");
    assert_eq!(inert("x ``` y"), "x `\u{200b}`` y");
    assert_eq!(inert("mail me@here.example"), "mail me@\u{200b}here.example");
}

#[test]
fn a_link_that_no_message_can_hold_is_shown_as_its_label() {
    for (chars, expected) in [(1_000, "|the guide>"), (3_500, "the guide")] {
        let to = format!("https://a.example/{}", "x".repeat(chars));
        let link = render(&Message::new([Line(vec![Span::Web { to, label: "the guide".to_owned() }])]), &ctx());
        let shown = sections(&link).concat();
        assert!(shown.ends_with(expected) && shown.starts_with('<') == (chars == 1_000), "{chars}: {shown}");
    }
}
