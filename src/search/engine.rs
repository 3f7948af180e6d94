//! The search engine: opens the index when it is first needed, writes it, and answers questions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::TantivyDocument;

use super::analysis::Analyzer;
use super::features::{self, Candidate, Features};
use super::index::{OpenIndex, code};
use super::language::{Language, Languages};
use super::model::{Kind, Model};
use super::question::{self, Form};
use super::synonyms::{Analyzed, Synonyms};
use super::{Answer, Document, Found, Question, SearchError};

/// The settings of an engine.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folder of the index. It belongs to this engine alone, which may delete everything in it.
    pub folder: PathBuf,
    /// The kind of its documents.
    pub kind: Kind,
    /// The languages of the documents. A text whose language cannot be detected counts as one of the first language.
    pub languages: Vec<Language>,
    /// Words with the same meaning.
    pub synonyms: Synonyms,
    /// A name for the database that the documents come from. An index with another source is emptied.
    pub source: String,
}

/// A search engine: an index, and the model that ranks its results.
#[derive(Debug)]
pub struct Engine {
    setup: Setup,
    languages: Languages,
    synonyms: Vec<(Language, Analyzed)>,
    model: Model,
    state: Mutex<State>,
    /// Allows one writer at a time.
    writing: Mutex<()>,
}

#[derive(Clone, Debug)]
enum State {
    /// The index is opened by the next search or write.
    Closed,
    Open(Arc<OpenIndex>),
    /// The index cannot be read. It must be emptied and filled again.
    Damaged,
}

impl Engine {
    /// Creates an engine that has opened nothing yet.
    ///
    /// # Errors
    /// If the built-in model cannot be read. A test makes sure that it can.
    pub fn new(setup: Setup) -> Result<Self, SearchError> {
        let languages = Languages::new(&setup.languages);
        let mut analyzer = Analyzer::default();
        let analyzed = |language: &Language| (*language, setup.synonyms.analyzed(&mut analyzer, *language));
        let synonyms = languages.all().iter().map(analyzed).collect();
        let model = Model::of(setup.kind).map_err(|error| SearchError::Broken(error.to_string()))?;
        Ok(Self { languages, synonyms, model, state: Mutex::new(State::Closed), writing: Mutex::new(()), setup })
    }

    /// Returns the number of the last change that the index contains; 0 if it is new. A damaged index is first replaced
    /// by an empty one.
    ///
    /// # Errors
    /// If its folder cannot be read or made.
    pub fn through(&self) -> Result<i64, SearchError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // The check is a statement of its own, so that its lock of the state is released before the state is set.
        let is_damaged = matches!(*self.state(), State::Damaged);
        if is_damaged {
            let open = OpenIndex::create_empty(&self.setup.folder, &self.languages, &self.setup.source)?;
            *self.state() = State::Open(Arc::new(open));
        }
        Ok(self.open()?.mark.through)
    }

    /// Returns the default probability from which results are shown.
    #[must_use]
    pub fn shown_from(&self) -> f32 {
        self.model.shown_from
    }

    /// Returns the number of documents.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn documents(&self) -> Result<u64, SearchError> {
        self.reading(|open| Ok(open.searcher().num_docs()))
    }

    /// Writes documents, and removes those with the ids `gone`, in one commit. The index then contains the changes up
    /// to `through`.
    ///
    /// # Errors
    /// If the index cannot be written. Searches then still find its former content, unless the index is damaged.
    pub fn write(&self, documents: &[Document], gone: &[String], through: i64) -> Result<(), SearchError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = OpenIndex::clone(&*self.open()?);
        let written = caught(|| open.write(documents, gone, through, &self.languages));
        match &written {
            Ok(()) => *self.state() = State::Open(Arc::new(open)),
            // The index still has the last commit, or is damaged. Opening it again shows which.
            Err(_) => *self.state() = State::Closed,
        }
        written
    }

    /// Returns at most `limit` documents that answer a question, the best first.
    ///
    /// # Errors
    /// If the index cannot be read. It then counts as damaged until the next call of [`Engine::through`].
    pub fn answer(&self, question: &Question<'_>, limit: usize) -> Result<Answer, SearchError> {
        let described = self.described(question)?;
        let all: Vec<&Features> = described.iter().map(|(_, features)| features).collect();
        let documents = usize::try_from(self.documents()?).unwrap_or(usize::MAX);
        let ranked = self.model.rank(&all, documents);
        let found = ranked
            .order
            .iter()
            .take(limit)
            .map(|(place, score)| Found { id: described[*place].0.clone(), score: *score });
        Ok(Answer { found: found.collect(), probability: ranked.probability })
    }

    /// Returns the first documents by BM25, the best first, with the numbers for the model. Training uses this.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn described(&self, question: &Question<'_>) -> Result<Vec<(String, Features)>, SearchError> {
        self.reading(|open| self.describe(question, open))
    }

    fn describe(&self, question: &Question<'_>, open: &OpenIndex) -> Result<Vec<(String, Features)>, SearchError> {
        let searcher = open.searcher();
        let none = Analyzed::default();
        let mut forms = Vec::new();
        let held = open.languages(&searcher)?;
        // If the language of the question is certain, no other language is used: the words, reduced to stems of another
        // language, would be rare there and count too much.
        let told = self.languages.detect(&format!("{} {}", question.title, question.text));
        let asked = told.filter(|told| held.contains(told)).map_or(held, |told| vec![told]);
        for language in asked {
            let synonyms = self.synonyms.iter().find(|(of, _)| *of == language).map_or(&none, |(_, analyzed)| analyzed);
            forms.push((language, Form::of(question, language, synonyms, open, &searcher)?));
        }
        let title =
            if question.title.trim().is_empty() { question::split(question.text.trim()).0 } else { question.title };
        let title = features::letters(title);
        let mut found = Vec::new();
        for (_, at) in question::candidates(question, &forms, open, &searcher)? {
            let document: TantivyDocument = searcher.doc(at)?;
            let stored =
                open.stored(&document).ok_or_else(|| SearchError::Broken("a document has no terms".to_owned()))?;
            let of_language = forms.iter().find(|(language, _)| code(*language) == stored.kept.language);
            if let Some((_, form)) = of_language.or(forms.first()) {
                found.push((form, stored));
            }
        }
        let candidates = found.iter().map(|(form, stored)| Candidate {
            form,
            kept: &stored.kept,
            titles_alike: features::alike(&title, &stored.kept.letters),
            same_service: match (question.service, &stored.service) {
                (Some(asked), Some(of)) => f32::from(u8::from(asked.eq_ignore_ascii_case(of))),
                _ => 0.5,
            },
        });
        let described = features::describe(&candidates.collect::<Vec<_>>(), &open.statistics(&searcher)?);
        Ok(found.into_iter().map(|(_, stored)| stored.id).zip(described).collect())
    }

    /// Reads the index. If it cannot be read, it counts as damaged.
    fn reading<T>(&self, read: impl FnOnce(&OpenIndex) -> Result<T, SearchError>) -> Result<T, SearchError> {
        let open = self.open()?;
        let end = caught(|| read(&open));
        if end.is_err() {
            *self.state() = State::Damaged;
        }
        end
    }

    fn open(&self) -> Result<Arc<OpenIndex>, SearchError> {
        let mut state = self.state();
        match &*state {
            State::Open(open) => Ok(Arc::clone(open)),
            State::Damaged => Err(SearchError::Broken("it is to be filled again".to_owned())),
            State::Closed => {
                let open =
                    Arc::new(caught(|| OpenIndex::open(&self.setup.folder, &self.languages, &self.setup.source))?);
                *state = State::Open(Arc::clone(&open));
                Ok(open)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a function and turns a panic into an error, since the library panics on some damaged indexes.
fn caught<T>(does: impl FnOnce() -> Result<T, SearchError>) -> Result<T, SearchError> {
    catch_unwind(AssertUnwindSafe(does)).unwrap_or_else(|_| Err(SearchError::Broken("reading it panicked".to_owned())))
}

#[cfg(test)]
mod tests;
