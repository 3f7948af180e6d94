//! Characters that are no words: line breaks, controls of the writing direction, controls of terminals.

/// Whether a character begins a new line. Source: <https://www.unicode.org/reports/tr14/#BK>.
#[must_use]
pub const fn is_line_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character changes the writing direction of the text after it.
///
/// Source: <https://www.unicode.org/reports/tr9/#Table_Bidirectional_Character_Types>.
#[must_use]
pub const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether Unicode counts a character as a letter or symbol although it shows nothing (Hangul fillers, the blank of
/// Braille).
#[must_use]
pub const fn is_blank_letter(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Returns people's words as one trimmed line for titles and names, without control characters and changes of the
/// writing direction.
#[must_use]
pub fn one_line(text: &str) -> String {
    let blank = |c: char| if is_line_break(c) || c.is_control() || is_blank_letter(c) { ' ' } else { c };
    let readable: String = text.chars().filter(|c| !is_bidi_control(*c)).map(blank).collect();
    readable.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_titles_are_one_line_of_what_can_be_read() {
        assert_eq!(one_line("Jeff\nIT-7 is resolved"), "Jeff IT-7 is resolved");
        assert_eq!(one_line("\u{202e}ffeJ\u{2069}\u{1b}[31m\u{2028}x\u{9b}"), "ffeJ [31m x");
        assert_eq!(one_line("  שלום 👩‍💻  "), "שלום 👩‍💻");
        assert_eq!(one_line("Mia\u{2800}(IT)"), "Mia (IT)");
    }
}
