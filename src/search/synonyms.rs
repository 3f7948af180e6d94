//! Synonyms: words and phrases with the same meaning.

use std::collections::HashMap;

use super::analysis::Analyzer;
use super::language::Language;

/// The synonyms that every desk has.
const COMMON: &str = include_str!("synonyms.txt");
/// The greatest number of words in a phrase.
const LONGEST_PHRASE: usize = 4;

/// Groups of words and phrases with the same meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synonyms {
    groups: Vec<Vec<String>>,
}

/// A line of a synonyms file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadSynonyms {
    /// The number of the line, from 1.
    pub line: usize,
    pub why: &'static str,
}

impl Synonyms {
    /// Returns the built-in synonyms.
    ///
    /// # Errors
    /// Never, since a test reads them.
    pub fn common() -> Result<Self, BadSynonyms> {
        Self::read(COMMON)
    }

    /// Reads a synonyms file: each line has words and short phrases of the same meaning, separated by commas. Text
    /// after `#` is a comment.
    ///
    /// # Errors
    /// If a line has only one entry, or a phrase of more than four words.
    pub fn read(text: &str) -> Result<Self, BadSynonyms> {
        let mut groups = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<String> =
                line.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty()).collect();
            let bad = |why| BadSynonyms { line: number + 1, why };
            if words.is_empty() {
                continue;
            }
            if words.len() == 1 {
                return Err(bad(
                    "there is nothing that means the same: write two words or more, with commas between them",
                ));
            }
            if words.iter().any(|word| word.split_whitespace().count() > LONGEST_PHRASE) {
                return Err(bad("a phrase has four words at most"));
            }
            groups.push(words);
        }
        Ok(Self { groups })
    }

    /// Returns these synonyms and more.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.groups.extend(more.groups);
        self
    }

    /// Returns the synonyms as terms of a language.
    pub(super) fn analyzed(&self, analyzer: &mut Analyzer, language: Language) -> Analyzed {
        let mut analyzed = Analyzed::default();
        for group in &self.groups {
            let phrase = |words: &String| -> Vec<String> {
                analyzer.words(words, language).into_iter().map(|word| word.term).collect()
            };
            let mut phrases: Vec<Vec<String>> = group.iter().map(phrase).filter(|phrase| !phrase.is_empty()).collect();
            phrases.dedup();
            for phrase in &phrases {
                analyzed.by_first.entry(phrase[0].clone()).or_default().push((phrase.clone(), analyzed.groups.len()));
            }
            analyzed.groups.push(phrases);
        }
        analyzed
    }
}

/// Synonyms as the terms of a language.
#[derive(Clone, Debug, Default)]
pub(super) struct Analyzed {
    groups: Vec<Vec<Vec<String>>>,
    by_first: HashMap<String, Vec<(Vec<String>, usize)>>,
}

impl Analyzed {
    /// Returns the synonyms of the phrases with which `words` begin: each synonym with the number of words that it
    /// replaces.
    pub(super) fn at<'s>(&'s self, words: &'s [&str]) -> impl Iterator<Item = (usize, &'s [String])> + 's {
        let begins = words.first().and_then(|first| self.by_first.get(*first)).map_or(&[][..], Vec::as_slice);
        let said = begins.iter().filter(move |(phrase, _)| {
            words.len() >= phrase.len() && phrase.iter().zip(words).all(|(one, other)| one == other)
        });
        said.flat_map(|(phrase, group)| {
            let others = self.groups[*group].iter().filter(move |other| *other != phrase);
            others.map(|other| (phrase.len(), other.as_slice()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_phrases_stand_for_each_other() -> Result<(), BadSynonyms> {
        let synonyms = Synonyms::read("# ours\nMFA, 2FA, multi factor authentication # all one\n\nwifi, wlan\n")?;
        let analyzed = synonyms.analyzed(&mut Analyzer::default(), Language::ENGLISH);
        let of = |words: &[&str]| -> Vec<(usize, String)> {
            analyzed.at(words).map(|(length, other)| (length, other.join(" "))).collect()
        };
        assert_eq!(of(&["2fa", "fail"]), [(1, "mfa".to_owned()), (1, "multi factor authent".to_owned())]);
        assert_eq!(of(&["multi", "factor", "authent"]), [(3, "mfa".to_owned()), (3, "2fa".to_owned())]);
        assert_eq!(of(&["multi", "factor"]), []);
        assert_eq!(of(&["wlan"]), [(1, "wifi".to_owned())]);
        assert_eq!(of(&[]), []);
        Ok(())
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        assert_eq!(Synonyms::read("a, b\nalone\n").map_err(|bad| bad.line), Err(2));
        assert_eq!(Synonyms::read("a, one two three four five").map_err(|bad| bad.line), Err(1));
    }

    #[test]
    fn those_that_come_with_the_program_can_be_read() {
        assert!(Synonyms::common().is_ok_and(|synonyms| synonyms.groups.len() > 10));
    }
}
