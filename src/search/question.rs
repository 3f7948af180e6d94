//! The first pass of a search: the terms of a question, their weights, and the best documents by BM25.

use std::collections::{BTreeMap, HashMap};

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, Searcher, Term};

use super::analysis::Analyzer;
use super::index::{OpenIndex, hash};
use super::language::Language;
use super::synonyms::Analyzed;
use super::{Question, SearchError, typos};
use crate::domain::article::Audience;

/// How many characters of a question's title, and of its rest, are read at most. Longer texts repeat themselves, or
/// were pasted.
const LONGEST: usize = 6_000;
/// The longest first sentence that counts as a title, in characters.
const LONGEST_TITLE: usize = 140;
/// The weight of a word of the question's title, compared with a word of the rest.
const TITLE_COUNTS: f32 = 3.0;
/// The greatest weight that repetition can add to a word.
const SATURATES: f32 = 4.0;
/// How many words of a question are searched at most: the most significant ones.
const LOOKED_FOR: usize = 40;
/// The weight of a match in a document's title, which is added to the weight of the match in the whole document.
const BY_TITLE: f32 = 0.4;
/// The weights of a synonym and of a possible correction of a misspelt word, compared with the word itself.
const MEANS_THE_SAME: f32 = 0.5;
const MAY_BE_MEANT: f32 = 0.6;
/// How many unknown words of a question are corrected at most.
const MISSPELT: usize = 6;
/// How many documents the first pass returns at most.
pub(super) const CANDIDATES: usize = 100;

/// A word of the question, with its weights.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    /// Its rarity; see [`idf`].
    pub(super) idf: f32,
    /// Its weight, by how often and where it occurs in the question.
    pub(super) weight: f32,
    /// How often it occurs in the question's title.
    pub(super) in_title: f32,
    /// How often it occurs in the rest of the question.
    pub(super) in_text: f32,
}

/// The form of a question in one of the languages of the index: its words, and the terms to search.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    /// Its words, each once.
    pub(super) slots: Vec<Slot>,
    /// The words of its title in order, as positions in `slots`.
    pub(super) title: Vec<u16>,
    /// The words of the rest in order, as positions in `slots`.
    pub(super) text: Vec<u16>,
    /// By the hash of a term of documents: the position of the word for which the term stands, and how well (1 for the
    /// word itself).
    pub(super) stands_for: HashMap<u32, (u16, f32)>,
    /// The same terms, with their texts, to be searched.
    looked_for: Vec<(String, u16, f32)>,
}

/// Splits a text into its first sentence, which serves as a title, and the rest. A long first sentence is cut.
#[must_use]
pub(super) fn split(text: &str) -> (&str, &str) {
    let ends = |(at, char): (usize, char)| {
        let behind = at + char.len_utf8();
        let is_end =
            char == '\n' || (matches!(char, '.' | '?' | '!') && text[behind..].starts_with(char::is_whitespace));
        is_end.then_some(behind)
    };
    let first = text.char_indices().find_map(ends).unwrap_or(text.len());
    let longest = text.char_indices().nth(LONGEST_TITLE).map_or(text.len(), |(at, _)| at);
    if first <= longest {
        return text.split_at(first);
    }
    let cut = text[..longest].rfind(char::is_whitespace).unwrap_or(longest);
    text.split_at(cut)
}

/// Returns the rarity (inverse document frequency, as in BM25) of a term that `having` of `documents` documents
/// contain.
pub(super) fn idf(documents: f32, having: f32) -> f32 {
    (1.0 + (documents - having + 0.5) / (having + 0.5)).ln()
}

fn up_to(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(at, _)| &text[..at])
}

#[expect(clippy::cast_precision_loss, reason = "numbers of documents and words, far below what a float holds exactly")]
fn float(number: usize) -> f32 {
    number as f32
}

impl Form {
    /// Analyses a question in this language.
    pub(super) fn of(
        question: &Question<'_>,
        language: Language,
        synonyms: &Analyzed,
        open: &OpenIndex,
        searcher: &Searcher,
    ) -> Result<Self, SearchError> {
        let (title, text) = if question.title.trim().is_empty() {
            split(up_to(question.text.trim(), LONGEST))
        } else {
            (up_to(question.title, LONGEST), up_to(question.text, LONGEST))
        };
        let mut analyzer = Analyzer::default();
        let mut terms: Vec<String> = Vec::new();
        let mut known: HashMap<String, u16> = HashMap::new();
        let mut form = Self::default();
        for (is_title, part) in [(true, title), (false, text)] {
            for word in analyzer.words(part, language) {
                let Ok(next) = u16::try_from(terms.len()) else { break };
                let slot = *known.entry(word.term.clone()).or_insert_with(|| {
                    terms.push(word.term.clone());
                    next
                });
                form.slots.resize(terms.len(), Slot::default());
                let (sequence, place) = (if is_title { &mut form.title } else { &mut form.text }, usize::from(slot));
                sequence.push(slot);
                let said = if is_title { &mut form.slots[place].in_title } else { &mut form.slots[place].in_text };
                *said += 1.0;
            }
        }
        form.weigh(&terms, open, searcher)?;
        form.look_for(&terms, synonyms, open, searcher)?;
        Ok(form)
    }

    fn weigh(&mut self, terms: &[String], open: &OpenIndex, searcher: &Searcher) -> Result<(), SearchError> {
        let documents = float(usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX));
        for (slot, term) in self.slots.iter_mut().zip(terms) {
            let having = searcher.doc_freq(&Term::from_field_text(open.fields.all, term))?;
            let having = float(usize::try_from(having).unwrap_or(usize::MAX)).min(documents);
            let said = TITLE_COUNTS * slot.in_title + slot.in_text;
            slot.weight = said * (SATURATES + 1.0) / (said + SATURATES);
            slot.idf = idf(documents, having);
        }
        Ok(())
    }

    /// Chooses the terms to search: the most significant words, possible corrections of misspelt words, and synonyms.
    fn look_for(
        &mut self,
        terms: &[String],
        synonyms: &Analyzed,
        open: &OpenIndex,
        searcher: &Searcher,
    ) -> Result<(), SearchError> {
        let mut best: Vec<usize> = (0..terms.len()).collect();
        let tells = |slot: &usize| self.slots[*slot].idf * self.slots[*slot].weight;
        best.sort_by(|one, other| tells(other).total_cmp(&tells(one)).then(one.cmp(other)));
        best.truncate(LOOKED_FOR);
        let mut misspelt = 0;
        for slot in best {
            let (term, number) = (&terms[slot], u16::try_from(slot).unwrap_or(u16::MAX));
            if searcher.doc_freq(&Term::from_field_text(open.fields.all, term))? > 0 {
                self.add(term.clone(), number, 1.0);
            } else if misspelt < MISSPELT {
                misspelt += 1;
                for correction in typos::corrections(searcher, open.fields.all, term)? {
                    self.add(correction, number, MAY_BE_MEANT);
                }
            }
        }
        for sequence in [self.title.clone(), self.text.clone()] {
            let said: Vec<&str> = sequence.iter().map(|slot| terms[usize::from(*slot)].as_str()).collect();
            for (at, slot) in sequence.iter().enumerate() {
                for (_, phrase) in synonyms.at(&said[at..]) {
                    for term in phrase {
                        self.add(term.clone(), *slot, MEANS_THE_SAME / float(phrase.len()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets a term of documents stand for a word, unless it stands for a word already.
    fn add(&mut self, term: String, slot: u16, how_well: f32) {
        if let std::collections::hash_map::Entry::Vacant(free) = self.stands_for.entry(hash(&term)) {
            free.insert((slot, how_well));
            self.looked_for.push((term, slot, how_well));
        }
    }
}

/// Returns the best documents by BM25 among those that the asking person may find, each with its score and its address.
pub(super) fn candidates(
    question: &Question<'_>,
    forms: &[(Language, Form)],
    open: &OpenIndex,
    searcher: &Searcher,
) -> Result<Vec<(f32, DocAddress)>, SearchError> {
    // A term that stands for a word in several languages is searched once.
    let mut weights: BTreeMap<&str, f32> = BTreeMap::new();
    for (_, form) in forms {
        for (term, slot, how_well) in &form.looked_for {
            let weight = form.slots[usize::from(*slot)].weight * how_well;
            let known = weights.entry(term).or_default();
            *known = known.max(weight);
        }
    }
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    for (term, weight) in weights {
        for (field, counts) in [(open.fields.all, 1.0), (open.fields.title, BY_TITLE)] {
            let term = TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs);
            clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(term), weight * counts))));
        }
    }
    if clauses.is_empty() {
        return Ok(Vec::new());
    }
    // A clause that excludes documents costs more than the search, so it is added only if there are any to exclude.
    let hidden = Term::from_field_text(open.fields.audience, Audience::Agents.as_str());
    if !question.by_agent && searcher.doc_freq(&hidden)? > 0 {
        clauses.push((Occur::MustNot, Box::new(TermQuery::new(hidden, IndexRecordOption::Basic))));
    }
    Ok(searcher.search(&BooleanQuery::new(clauses), &TopDocs::with_limit(CANDIDATES).order_by_score())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_says_the_most() {
        assert_eq!(split("VPN is dead. Since nine it says 809."), ("VPN is dead.", " Since nine it says 809."));
        assert_eq!(split("no end"), ("no end", ""));
        assert_eq!(split("v10.2.1 fails\nstack"), ("v10.2.1 fails\n", "stack"));
        assert_eq!(split(""), ("", ""));
        let long = "word ".repeat(100);
        assert_eq!(split(&long).0.chars().count(), 139);
        let unbroken = "ü".repeat(300);
        assert_eq!(split(&unbroken).0.chars().count(), 140);
    }
}
