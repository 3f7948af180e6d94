//! Corrects misspelt words: finds the words of documents that differ only a little from a word that no document has.

use std::collections::HashMap;

use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use super::SearchError;

/// The shortest word to correct, in characters. One changed letter can turn a shorter word into many others.
const SHORTEST: usize = 4;
/// From this length on, in characters, a word may differ by two changes.
const LONG: usize = 8;
/// The greatest number of corrections of a word.
const MEANT: usize = 3;

/// Returns the words of documents of which `term` may be a misspelling, the most frequent first. They differ from it by
/// one change: a letter added, missing or replaced, or two letters swapped. For a long word without such matches, two
/// changes are allowed. The first letter must match, since it is seldom wrong. Words with digits are not corrected.
pub(super) fn corrections(searcher: &Searcher, field: Field, term: &str) -> Result<Vec<String>, SearchError> {
    let length = term.chars().count();
    if length < SHORTEST || term.chars().any(|char| char.is_ascii_digit()) {
        return Ok(Vec::new());
    }
    let changes: &[u8] = if length < LONG { &[1] } else { &[1, 2] };
    for changes in changes {
        let automaton = FuzzyTermQuery::new(Term::from_field_text(field, term), *changes, true).automaton()?;
        let mut found: HashMap<String, u32> = HashMap::new();
        for segment in searcher.segment_readers() {
            let inverted = segment.inverted_index(field)?;
            let mut terms = inverted.terms().search(&automaton).into_stream().map_err(tantivy::TantivyError::from)?;
            while let Some((other, info)) = terms.next() {
                let Ok(other) = std::str::from_utf8(other) else { continue };
                if other.chars().next() == term.chars().next() {
                    *found.entry(other.to_owned()).or_default() += info.doc_freq;
                }
            }
        }
        if !found.is_empty() {
            let mut found: Vec<(String, u32)> = found.into_iter().collect();
            found.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
            return Ok(found.into_iter().take(MEANT).map(|(term, _)| term).collect());
        }
    }
    Ok(Vec::new())
}
