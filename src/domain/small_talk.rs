//! Small talk: greetings, thanks, and messages without words. Small talk alone is no request.
//!
//! A message is small talk only if *every* word of it is: "hi, my printer is on fire" is a request.

use super::ids::Person;

/// The kinds of small talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmallTalk {
    /// Nothing but emoji or punctuation.
    NoWords,
    /// A greeting and nothing else: "hi all".
    Greeting,
    /// Thanks, with or without a greeting: "thanks, works!".
    Thanks,
}

const GREETING: &[&str] = &[
    "hi",
    "hii",
    "hello",
    "helo",
    "hullo",
    "hey",
    "heya",
    "hiya",
    "howdy",
    "yo",
    "greetings",
    "morning",
    "afternoon",
    "evening",
    "hallo",
    "hola",
    "salut",
    "moin",
    "bonjour",
];
const GREETING_FILL: &[&str] = &[
    "good",
    "day",
    "there",
    "all",
    "everyone",
    "everybody",
    "everbody",
    "folks",
    "guys",
    "people",
    "team",
    "again",
    "to",
    "you",
    "and",
    "desk",
    "ppl",
    "y'all",
    "peeps",
    "room",
    "channel",
];
const THANKS: &[&str] = &[
    "thanks",
    "thank",
    "thankyou",
    "thx",
    "thnx",
    "tnx",
    "ty",
    "tysm",
    "cheers",
    "merci",
    "danke",
    "gracias",
    "appreciated",
];
const THANKS_FILL: &[&str] = &[
    "you", "so", "very", "much", "many", "a", "lot", "for", "the", "your", "help", "again", "all", "guys", "everyone",
    "man", "mate", "and", "ok", "okay", "great", "perfect", "cool", "nice", "super", "works", "worked", "working",
    "fixed", "solved", "now", "it", "it's", "its", "that", "that's", "is", "did", "anyway", "anyways", "though", "bye",
    "team", "desk", "to", "yes", "yep", "alright", "good", "day",
];

/// Returns the kind of small talk that a text is; `None` if it says something else. "ok" and "works" count as thanks.
/// Mentions of people do not count as words.
#[must_use]
pub fn small_talk(text: &str, mentions: &[Person]) -> Option<SmallTalk> {
    let mut text = text.to_lowercase();
    for person in mentions {
        text = text.replace(&format!("@{}", person.name.to_lowercase()), " ");
    }
    let words: Vec<&str> = text.split_whitespace().filter(|word| !is_emoji_code(word)).flat_map(words_of).collect();
    let all = |lists: &[&[&str]]| words.iter().all(|word| lists.iter().any(|list| list.contains(word)));
    let any = |list: &[&str]| words.iter().any(|word| list.contains(word));
    if words.is_empty() {
        Some(SmallTalk::NoWords)
    } else if any(GREETING) && all(&[GREETING, GREETING_FILL]) {
        Some(SmallTalk::Greeting)
    } else if any(THANKS) && all(&[THANKS, THANKS_FILL, GREETING]) || !text.contains('?') && is_all_well(&words) {
        Some(SmallTalk::Thanks)
    } else {
        None
    }
}

const SATISFIED: &[&str] = &[
    "works", "worked", "working", "fixed", "solved", "great", "perfect", "super", "cool", "nice", "ok", "okay",
    "alright",
];

/// Whether a text says only that nothing more is needed: thanks, "works now", or nothing but emoji and punctuation. A
/// text with a question mark never does.
#[must_use]
pub fn is_satisfied(text: &str, mentions: &[Person]) -> bool {
    if text.contains('?') {
        return false;
    }
    matches!(small_talk(text, mentions), Some(SmallTalk::Thanks | SmallTalk::NoWords))
}

/// Whether words say only that all is well.
fn is_all_well(words: &[&str]) -> bool {
    // "Is that fixed now" asks, though without a question mark.
    let asks = words.first().is_some_and(|first| ["is", "did"].contains(first));
    !asks
        && words.iter().any(|word| SATISFIED.contains(word))
        && words.iter().all(|word| THANKS_FILL.contains(word) || SATISFIED.contains(word))
}

/// Whether a word is an emoji code such as `:wave:`, as platforms write custom and standard emoji.
fn is_emoji_code(word: &str) -> bool {
    word.len() > 2
        && word.starts_with(':')
        && word.ends_with(':')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_+-".contains(&byte))
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Returns the runs of letters and digits, with apostrophes inside.
fn words_of(word: &str) -> impl Iterator<Item = &str> {
    word.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|part| part.trim_matches('\''))
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{PersonRef, PlatformName};

    #[test]
    fn who_is_content_needs_nothing_more() {
        for text in ["thanks!", "works now", "ok, great", "👍", "thank you, perfect"] {
            assert!(is_satisfied(text, &[]), "{text}");
        }
        for text in ["thanks, is it fixed now?", "???", "works, but slowly", "not fixed", "hello", "it"] {
            assert!(!is_satisfied(text, &[]), "{text}");
        }
    }

    #[test]
    fn only_what_says_nothing_is_small_talk() {
        for (text, expected) in [
            ("hi", Some(SmallTalk::Greeting)),
            ("Hello everyone!", Some(SmallTalk::Greeting)),
            ("good morning :wave:", Some(SmallTalk::Greeting)),
            ("👋🏽 …", Some(SmallTalk::NoWords)),
            (":wave:", Some(SmallTalk::NoWords)),
            ("???", Some(SmallTalk::NoWords)),
            ("thanks, works!", Some(SmallTalk::Thanks)),
            ("Thank you so much :)", Some(SmallTalk::Thanks)),
            ("ok", Some(SmallTalk::Thanks)),
            ("It works now!", Some(SmallTalk::Thanks)),
            ("works?", None),
            ("is that fixed now", None),
            ("nothing works", None),
            ("thanks but it is not working", None),
            ("hi, my printer is on fire", None),
            ("help", None),
            ("good", None),
            ("now it prints twice", None),
            ("שלום", None),
            ("10:30", None),
        ] {
            assert_eq!(small_talk(text, &[]), expected, "{text}");
        }
        let mia = Person::new(PersonRef::new(PlatformName::Slack, "U1"), "Mia Wong");
        assert_eq!(small_talk("hey @Mia Wong", &[mia]), Some(SmallTalk::Greeting));
    }
}
