//! Shortening and describing words for messages.

use jiff::{SignedDuration, Timestamp};
use unicode_segmentation::UnicodeSegmentation as _;

use super::ids::Person;
use super::message::max_chars_of;
use super::plain::is_blank_letter;

/// Returns the name of a person in a sentence: the first part of the display name.
#[must_use]
pub fn first_name(person: &Person) -> &str {
    // A name must not contain the bot's own punctuation.
    let is_end = |c: char| c.is_whitespace() || is_blank_letter(c) || "():".contains(c);
    person.name.split(is_end).find(|part| !part.is_empty()).unwrap_or("somebody")
}

/// Whether a text shows nothing: it is empty, or consists of spaces, control characters, zero-width characters and
/// blank letters.
///
/// Source: the property `Default_Ignorable_Code_Point` of Unicode, and the blanks that are no spaces (Braille, Hangul).
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || c.is_control()
            || is_blank_letter(c)
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
    })
}

/// Returns a file as words for the record.
#[must_use]
pub fn file(name: &str, url: &str) -> String {
    if url.is_empty() { format!("[file: {name}]") } else { format!("[file: {name} {url}]") }
}

/// Whether a line of recorded words is the result of [`file()`].
#[must_use]
pub fn is_file(line: &str) -> bool {
    line.starts_with("[file: ") && line.ends_with(']')
}

/// Cuts a text so that it takes at most `most` characters of a message, as [`max_chars_of`] counts them.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if max_chars_of(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |grapheme: &&str| {
        let (fits, taken) = (max_chars_of(grapheme) <= left, max_chars_of(grapheme));
        left = left.saturating_sub(taken);
        fits
    };
    let kept: String = text.graphemes(true).take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

/// Cuts a text to `most` characters as people count them (grapheme clusters).
#[must_use]
pub fn shorten(text: &str, most: usize) -> String {
    let mut graphemes = text.graphemes(true);
    let start: String = graphemes.by_ref().take(most).collect();
    if graphemes.next().is_none() {
        return start;
    }
    let kept: String = start.graphemes(true).take(most - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Returns how long ago `then` was, in words.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(then).max(SignedDuration::ZERO);
    let (minutes, hours) = (passed.as_mins(), passed.as_hours());
    match (minutes, hours) {
        (0, _) => "a moment ago".to_owned(),
        (1, _) => "a minute ago".to_owned(),
        (2..60, _) => format!("{minutes} minutes ago"),
        (_, 1) => "an hour ago".to_owned(),
        (_, 2..24) => format!("{hours} hours ago"),
        (_, 24..48) => "yesterday".to_owned(),
        (_, hours) => format!("{} days ago", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_seen_is_told_from_what_is_not() {
        for blank in ["", "\u{3164}", "\u{200b}\u{2060}", "\u{2800} \u{fe0f}", "\u{e0020}\n\u{ffa0}"] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for words in ["한글", ".", "🔥", "a\u{3164}"] {
            assert!(!is_blank(words), "{words}");
        }
    }

    #[test]
    fn what_is_one_sign_stays_one_where_words_are_cut() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("👩‍👩‍👧‍👧👩‍👩‍👧‍👧", 15), "👩‍👩‍👧‍👧…");
        assert_eq!(cut("&&&", 11), "&&…", "with room for escapes");
    }

    #[test]
    fn time_is_told_in_words() {
        let at = |s: i64| Timestamp::from_second(s).expect("a time");
        for (passed, words) in [
            (5, "a moment ago"),
            (61, "a minute ago"),
            (7_200, "2 hours ago"),
            (90_000, "yesterday"),
            (300_000, "3 days ago"),
        ] {
            assert_eq!(ago(at(0), at(passed)), words);
        }
        assert_eq!(ago(at(10), at(0)), "a moment ago");
    }
}
