//! Turns text into terms: words in lower case, reduced to the stems of their language.
//!
//! The terms of all languages are one set, since a name or a code is the same in each language. If the terms were kept
//! apart by language, every word of the few documents in a second language would count as rare, and these documents
//! would come first.

use std::collections::HashMap;
use std::fmt;

use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer, Token,
    TokenFilter, TokenStream, Tokenizer,
};

use super::language::Language;

/// The longest word, in bytes. Longer words are left out: they are keys or encoded data, for which nobody searches.
const LONGEST_WORD: usize = 60;

/// One term of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The term, as it stands in the index.
    pub term: String,
    /// Where its word begins in the text, in bytes.
    pub from: usize,
    /// Where its word ends in the text, in bytes.
    pub to: usize,
}

/// Turns texts into terms.
#[derive(Clone, Default)]
pub struct Analyzer {
    by_language: HashMap<Language, TextAnalyzer>,
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyzer").finish_non_exhaustive()
    }
}

impl Analyzer {
    /// Returns the terms of a text in this language, in order.
    pub fn words(&mut self, text: &str, language: Language) -> Vec<Word> {
        let analyzer = self.by_language.entry(language).or_insert_with(|| analyzer(language));
        let mut words = Vec::new();
        let mut stream = analyzer.token_stream(text);
        while let Some(token) = stream.next() {
            words.push(Word { term: token.text.clone(), from: token.offset_from, to: token.offset_to });
        }
        words
    }
}

/// Returns the analyzer of a language. It splits a text into words, converts them to lower case, removes stop words,
/// reduces words to their stems and replaces accented letters.
pub(super) fn analyzer(language: Language) -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_WORD))
        .filter(Ideographs)
        .filter(LowerCaser)
        .filter(stop_words(language))
        .filter(Stemmer::new(language.stems()))
        .filter(AsciiFoldingFilter)
        .build()
}

/// Returns the filter for stop words: words that say nothing about the topic of a text.
fn stop_words(language: Language) -> StopWordFilter {
    let english = || StopWordFilter::remove(ENGLISH_STOP_WORDS.split_whitespace().map(str::to_owned));
    if language == Language::ENGLISH {
        english()
    } else {
        StopWordFilter::new(language.stems()).unwrap_or_else(english)
    }
}

/// The stop words of English. The library's list is too short for questions in chat.
const ENGLISH_STOP_WORDS: &str = "a an and are as at be but by for if in into is it its no not of on or such that the their then there \
    these they this to was will with i me my we our you your he she his her from has have had do does did can could would should \
    what which who how when where why am been being were so than too very just about also any some all";

/// Splits text written without spaces between words (Chinese, Japanese) into its characters.
#[derive(Clone)]
struct Ideographs;

impl TokenFilter for Ideographs {
    type Tokenizer<T: Tokenizer> = IdeographsOf<T>;

    fn transform<T: Tokenizer>(self, tokenizer: T) -> IdeographsOf<T> {
        IdeographsOf(tokenizer)
    }
}

#[derive(Clone)]
struct IdeographsOf<T>(T);

impl<T: Tokenizer> Tokenizer for IdeographsOf<T> {
    type TokenStream<'a> = IdeographStream<T::TokenStream<'a>>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        IdeographStream { tail: self.0.token_stream(text), parts: Vec::new() }
    }
}

struct IdeographStream<T> {
    tail: T,
    /// The remaining characters of the current token, last first.
    parts: Vec<Token>,
}

impl<T: TokenStream> TokenStream for IdeographStream<T> {
    fn advance(&mut self) -> bool {
        self.parts.pop();
        if !self.parts.is_empty() {
            return true;
        }
        if !self.tail.advance() {
            return false;
        }
        let token = self.tail.token();
        if token.text.chars().any(is_ideograph) {
            let parts = token.text.char_indices().map(|(at, char)| Token {
                offset_from: token.offset_from + at,
                offset_to: token.offset_from + at + char.len_utf8(),
                position: token.position,
                text: char.to_string(),
                position_length: 1,
            });
            self.parts = parts.collect();
            self.parts.reverse();
        }
        true
    }

    fn token(&self) -> &Token {
        self.parts.last().unwrap_or_else(|| self.tail.token())
    }

    fn token_mut(&mut self) -> &mut Token {
        self.parts.last_mut().unwrap_or_else(|| self.tail.token_mut())
    }
}

/// Whether a character belongs to a script without spaces, in which one character is roughly a word.
fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str, language: Language) -> Vec<String> {
        Analyzer::default().words(text, language).into_iter().map(|word| word.term).collect()
    }

    #[test]
    fn words_are_brought_to_their_stems_in_their_language() {
        assert_eq!(terms("Printing, printers: PRINTED!", Language::ENGLISH), ["print", "printer", "print"]);
        let german = terms("Die Drucker druckten Übersichten der Häuser", Language::GERMAN);
        assert_eq!(german, ["druck", "druckt", "ubersicht", "haus"]);
    }

    #[test]
    fn what_has_no_words_has_no_terms() {
        for text in ["", " \n\t", "?!… — //", "🙂🙂", "what should I do about it?", &"x".repeat(5_000)] {
            assert_eq!(terms(text, Language::ENGLISH), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_script_without_spaces_is_split_into_its_characters() {
        let words = Analyzer::default().words("VPN 接続エラー 0x80070005", Language::ENGLISH);
        let terms: Vec<&str> = words.iter().map(|word| word.term.as_str()).collect();
        assert_eq!(terms, ["vpn", "接", "続", "エ", "ラ", "ー", "0x80070005"]);
        assert_eq!((words[1].from, words[1].to), (4, 7));
    }
}
