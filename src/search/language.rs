//! Languages whose words can be reduced to their stems.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tantivy::tokenizer::Language as Stems;
use whatlang::{Detector, Lang};

/// A language, by its two letters of ISO 639-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub struct Language(usize);

/// Every language: its letters, its name in the detecting library, and its stemmer.
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
    /// English.
    pub const ENGLISH: Self = Self(0);
    /// German.
    pub const GERMAN: Self = Self(1);

    /// Its two letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        ALL[self.0].0
    }

    /// Its stemmer.
    pub(super) fn stems(self) -> Stems {
        ALL[self.0].2
    }
}

/// No language of this name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is none of the languages {}", Known)]
pub struct UnknownLanguage;

/// The letters of every language.
struct Known;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ALL.map(|(code, ..)| code).join(", "))
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Returns the language of these letters. A region after them (`de-AT`) does not affect stems.
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
    /// Creates a detector for these languages. The first (English if none is given) counts if a text does not show its
    /// language.
    #[must_use]
    pub fn new(all: &[Language]) -> Self {
        Self(if all.is_empty() { vec![Language::ENGLISH] } else { all.to_vec() })
    }

    /// Returns the language of a text.
    #[must_use]
    pub fn of(&self, text: &str) -> Language {
        self.told(text).unwrap_or_else(|| self.0.first().copied().unwrap_or(Language::ENGLISH))
    }

    /// Returns the language of a text, if the text shows it; a text of a few words, or of names and codes, does not.
    /// The language must be the likeliest of all, so that a text in another language is not taken for one of these, and
    /// certain among these.
    #[must_use]
    pub fn told(&self, text: &str) -> Option<Language> {
        let likeliest = whatlang::detect(text)?;
        let language = self.0.iter().find(|language| ALL[language.0].1 == likeliest.lang())?;
        let these = Detector::with_allowlist(self.0.iter().map(|language| ALL[language.0].1).collect());
        let is_certain = likeliest.is_reliable()
            || these.detect(text).is_some_and(|told| told.lang() == likeliest.lang() && told.is_reliable());
        is_certain.then_some(*language)
    }

    /// Returns all of them.
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
