//! The languages whose words can be reduced to their stems, and the detection of a text's language.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tantivy::tokenizer::Language as Stems;
use whatlang::{Detector, Lang};

/// A language. It is written as its ISO 639-1 code, of two letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub struct Language(usize);

/// Every language: its code, its name in the library that detects languages, and its stemmer.
const ALL: [(&str, Lang, Stems); 17] = [
    ("en", Lang::Eng, Stems::English),
    ("de", Lang::Deu, Stems::German),
    ("ar", Lang::Ara, Stems::Arabic),
    ("da", Lang::Dan, Stems::Danish),
    ("el", Lang::Ell, Stems::Greek),
    ("es", Lang::Spa, Stems::Spanish),
    ("fi", Lang::Fin, Stems::Finnish),
    ("fr", Lang::Fra, Stems::French),
    ("hu", Lang::Hun, Stems::Hungarian),
    ("it", Lang::Ita, Stems::Italian),
    ("nl", Lang::Nld, Stems::Dutch),
    ("no", Lang::Nob, Stems::Norwegian),
    ("pt", Lang::Por, Stems::Portuguese),
    ("ro", Lang::Ron, Stems::Romanian),
    ("ru", Lang::Rus, Stems::Russian),
    ("sv", Lang::Swe, Stems::Swedish),
    ("tr", Lang::Tur, Stems::Turkish),
];

impl Language {
    /// English, the default.
    pub const ENGLISH: Self = Self(0);
    /// German, for tests, benchmarks and examples.
    pub const GERMAN: Self = Self(1);

    /// Returns its ISO 639-1 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        ALL[self.0].0
    }

    /// Returns its stemmer.
    pub(super) fn stems(self) -> Stems {
        ALL[self.0].2
    }
}

/// The code is that of no known language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code is none of the languages {}", Known)]
pub struct UnknownLanguage;

/// Displays the codes of all languages.
struct Known;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ALL.map(|(code, ..)| code).join(", "))
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Returns the language of this code. A region after it (`de-AT`) is ignored, since it does not affect stems.
    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let letters = text.trim().split(['-', '_']).next().unwrap_or_default().to_lowercase();
        ALL.iter().position(|(code, ..)| *code == letters).map(Self).ok_or(UnknownLanguage)
    }
}

impl From<Language> for &'static str {
    fn from(language: Language) -> Self {
        language.code()
    }
}

impl TryFrom<String> for Language {
    type Error = UnknownLanguage;

    fn try_from(text: String) -> Result<Self, UnknownLanguage> {
        text.parse()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Detects in which of some languages a text is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Languages(Vec<Language>);

impl Languages {
    /// Creates a detector for these languages; without any, for English. A text whose language cannot be detected
    /// counts as one of the first language.
    #[must_use]
    pub fn new(all: &[Language]) -> Self {
        Self(if all.is_empty() { vec![Language::ENGLISH] } else { all.to_vec() })
    }

    /// Returns the language of a text: the detected one, else the first.
    #[must_use]
    pub fn of(&self, text: &str) -> Language {
        self.detect(text).unwrap_or_else(|| self.0.first().copied().unwrap_or(Language::ENGLISH))
    }

    /// Returns the detected language of a text, if the detection is certain. For a text of a few words, or of names and
    /// codes, it is not. The language must be the likeliest of all that the library knows, so that a text in another
    /// language is not taken for one of this detector's. The library must also call its result reliable, either among
    /// all languages or among those of this detector.
    #[must_use]
    pub fn detect(&self, text: &str) -> Option<Language> {
        let likeliest = whatlang::detect(text)?;
        let language = self.0.iter().find(|language| ALL[language.0].1 == likeliest.lang())?;
        let these = Detector::with_allowlist(self.0.iter().map(|language| ALL[language.0].1).collect());
        let is_certain = likeliest.is_reliable()
            || these.detect(text).is_some_and(|told| told.lang() == likeliest.lang() && told.is_reliable());
        is_certain.then_some(*language)
    }

    /// Returns the languages of this detector.
    #[must_use]
    pub fn all(&self) -> &[Language] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_read_by_its_letters() {
        assert_eq!("de".parse(), Ok(Language::GERMAN));
        assert_eq!("de-AT".parse(), Ok(Language::GERMAN));
        assert_eq!(" EN ".parse(), Ok(Language::ENGLISH));
        assert_eq!("tlh".parse::<Language>(), Err(UnknownLanguage));
        assert!(UnknownLanguage.to_string().contains("en, de, ar"), "{UnknownLanguage}");
    }

    #[test]
    fn a_text_tells_its_language_and_a_short_one_is_in_the_first() {
        let languages = Languages::new(&[Language::ENGLISH, Language::GERMAN]);
        let german = "Der Drucker im dritten Stock druckt nur leere Seiten, und niemand weiß warum.";
        assert_eq!(languages.of(german), Language::GERMAN);
        assert_eq!(languages.of("The printer on the third floor prints nothing but blank pages."), Language::ENGLISH);
        assert_eq!(languages.of("vpn"), Language::ENGLISH);
        assert_eq!(Languages::new(&[]).of(german), Language::ENGLISH);
    }
}
