//! Words that no document has, and what they may have been meant to be.

use std::collections::HashMap;

use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use super::SearchError;

/// A shorter word is anything with one letter changed.
const SHORTEST: usize = 4;
/// From this length on, two letters may be wrong.
const LONG: usize = 8;
/// How many words are taken for what one was meant to be.
const MEANT: usize = 3;

/// The words of documents that a word may have been meant to be: those that are one change away (a letter more, less or
/// another, or two in the wrong order), or two for a long one; the most frequent first. A first letter is seldom wrong.
pub(super) fn meant(searcher: &Searcher, field: Field, term: &str) -> Result<Vec<String>, SearchError> {
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
