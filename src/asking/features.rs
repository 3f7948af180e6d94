//! Describes a message by numbers, for the classifier.

use super::signs::{self, SIGNS};
use super::usage::Usage;
use super::{READ_CHARS, plain};

/// The numbers of a message, in the order of [`names`].
pub type Features = Vec<f32>;

/// The names of the numbers besides the signs, each with the words that tell people what it says about a message.
const COUNTS: [(&str, &str); 30] = [
    ("usage", "its words are like those that start a request"),
    ("words", "its length"),
    ("characters", "its length"),
    ("lines", "it has several lines"),
    ("mentions", "whom it mentions"),
    ("mention_first", "it begins with a mention"),
    ("mention_last", "it ends with a mention"),
    ("link", "it has a link"),
    ("code", "it has code"),
    ("quote", "it quotes"),
    ("sentences", "its sentences"),
    ("asks", "its question marks"),
    ("exclaims", "its exclamation marks"),
    ("capital", "it begins with a capital letter"),
    ("full_stop", "it ends with a full stop"),
    ("trails_off", "it trails off"),
    ("digits", "its digits"),
    ("path", "it names a file or folder"),
    ("few_words", "it has few words"),
    ("many_words", "it has many words"),
    ("asks_the_mentioned", "it mentions somebody first, and asks"),
    ("asks_openly", "it asks, and speaks to nobody"),
    ("own_trouble", "the writer tells of trouble"),
    ("asks_back", "it asks somebody back"),
    ("mentions_formally", "it mentions somebody first, in whole sentences"),
    ("mentions_in_few_words", "it mentions somebody first, in few words"),
    ("mentions_at_length", "it mentions somebody first, at length"),
    ("mentions_own_trouble", "it mentions somebody first, with trouble of the writer"),
    ("mentions_with_link", "it mentions somebody first, with a link or code"),
    ("asks_at_length", "it asks at length"),
];

/// Returns the names of the numbers, in order: the signs first.
#[must_use]
pub fn names() -> Vec<&'static str> {
    SIGNS.iter().map(|sign| sign.name).chain(COUNTS.map(|(name, _)| name)).collect()
}

/// Returns the words that tell people what a number besides the signs says about a message; `None` for other names.
pub(super) fn describe_reason(name: &str) -> Option<&'static str> {
    COUNTS.iter().find(|(other, _)| *other == name).map(|(_, says)| *says)
}

/// Returns the numbers of a message, in the order of [`names`].
#[must_use]
pub fn describe(text: &str, usage: &Usage) -> Features {
    let plain = plain(text);
    let mut numbers = vec![0.0; SIGNS.len()];
    for place in signs::found(&plain) {
        numbers[place] = 1.0;
    }
    let has = |name: &str| SIGNS.iter().position(|sign| sign.name == name).is_some_and(|place| numbers[place] > 0.0);
    let words = plain.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count();
    let count = |one: char| plain.matches(one).count() as f32;
    let yes = |is: bool| f32::from(u8::from(is));
    let first = plain.trim_start_matches(['*', '_', '>', ' ']);
    let mention_first = first.starts_with('@');
    let (mentions, asks) = (count('@'), count('?'));
    let sentences = plain.split(['.', '?', '!', '\n']).filter(|part| part.split_whitespace().count() > 1).count();
    let trouble = ["error", "fails", "not_working", "i_cannot", "problem", "slow"].iter().any(|name| has(name));
    let own = ["i_am", "my", "first_i", "i_try", "i_want"].iter().any(|name| has(name));
    let written = text.chars().take(READ_CHARS).find(|letter| letter.is_alphabetic());
    let counts = [
        usage.of(&plain),
        (1.0 + words as f32).ln(),
        (1.0 + plain.chars().count() as f32).ln(),
        yes(plain.contains('\n')),
        mentions.min(4.0),
        yes(mention_first),
        yes(plain.ends_with('@') && mentions > 0.0 && words > 0),
        yes(plain.contains('§')),
        yes(plain.contains('¤')),
        yes(plain.starts_with('>') || plain.contains("\n>") || plain.contains('"')),
        (sentences as f32).min(6.0),
        asks.min(3.0),
        count('!').min(3.0),
        yes(written.is_some_and(char::is_uppercase)),
        yes(plain.ends_with('.') && !plain.ends_with("..")),
        yes(plain.contains("..") || plain.contains('…')),
        (plain.chars().filter(char::is_ascii_digit).count() as f32).min(8.0),
        yes(plain.contains('/') || plain.contains('\\') || plain.contains("~")),
        yes(words <= 3),
        yes(words >= 25),
        yes(mention_first && asks > 0.0),
        yes(mentions == 0.0 && asks > 0.0 && !has("you")),
        yes(trouble && own),
        yes(asks > 0.0 && (has("did_you") || has("helper_asks"))),
        yes(mention_first && written.is_some_and(char::is_uppercase)),
        yes(mention_first && words <= 6),
        yes(mention_first && words >= 15),
        yes(mention_first && trouble && own),
        yes(mention_first && (plain.contains('§') || plain.contains('¤'))),
        yes(asks > 0.0 && words >= 12),
    ];
    numbers.extend(counts);
    numbers
}
