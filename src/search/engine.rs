//! The search engine: an index that is opened when it is first needed, and the questions to it.

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

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folder of the index. Everything in it is this engine's, and may be deleted.
    pub folder: PathBuf,
    /// What kind of documents it holds.
    pub kind: Kind,
    /// The languages of documents; the first counts if a text does not show its language.
    pub languages: Vec<Language>,
    /// Words with the same meaning.
    pub synonyms: Synonyms,
    /// The database that the documents come from. An index of another database is built anew.
    pub source: String,
}

/// An index, and the ranking of its results.
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
    /// Not opened yet.
    Closed,
    Open(Arc<OpenIndex>),
    /// The index cannot be read and must be filled anew.
    Damaged,
}

impl Engine {
    /// Creates an engine that has opened nothing yet.
    ///
    /// # Errors
    /// If the model that comes with the program cannot be read: a test reads it.
    pub fn new(setup: Setup) -> Result<Self, SearchError> {
        let languages = Languages::new(&setup.languages);
        let mut analyzer = Analyzer::default();
        let analyzed = |language: &Language| (*language, setup.synonyms.analyzed(&mut analyzer, *language));
        let synonyms = languages.all().iter().map(analyzed).collect();
        let model = Model::of(setup.kind).map_err(|error| SearchError::Broken(error.to_string()))?;
        Ok(Self { languages, synonyms, model, state: Mutex::new(State::Closed), writing: Mutex::new(()), setup })
    }

    /// Returns the last change that the index contains; 0 if it is new or was damaged.
    ///
    /// # Errors
    /// If its folder cannot be read or made.
    pub fn through(&self) -> Result<i64, SearchError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Checked first and only then acted on: holding the lock of the state while changing it would be a deadlock.
        let is_damaged = matches!(*self.state(), State::Damaged);
        if is_damaged {
            let open = OpenIndex::anew(&self.setup.folder, &self.languages, &self.setup.source)?;
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

    /// Writes documents and removes others. The index then contains the changes up to `through`, which searches find
    /// from then on.
    ///
    /// # Errors
    /// If it cannot be written; the old content is still found.
    pub fn write(&self, documents: &[Document], gone: &[String], through: i64) -> Result<(), SearchError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = OpenIndex::clone(&*self.open()?);
        let written = caught(|| open.write(documents, gone, through, &self.languages));
        match &written {
            Ok(()) => *self.state() = State::Open(Arc::new(open)),
            // Either the last commit is there, or the index is damaged: opening it will tell.
            Err(_) => *self.state() = State::Closed,
        }
        written
    }

    /// Returns at most `limit` documents that answer a question, the best first.
    ///
    /// # Errors
    /// If the index cannot be read; it is filled anew then.
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

    /// Returns the first documents by their words alone, with the numbers that the model sees. Training uses this.
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
        // Words of one language, split as if they were of another, are rare there and would count too much.
        let told = self.languages.told(&format!("{} {}", question.title, question.text));
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
            State::Damaged => Err(SearchError::Broken("it is filled anew".to_owned())),
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

/// Runs a function and turns a panic into an error: the library panics if an index is damaged.
fn caught<T>(does: impl FnOnce() -> Result<T, SearchError>) -> Result<T, SearchError> {
    catch_unwind(AssertUnwindSafe(does)).unwrap_or_else(|_| Err(SearchError::Broken("reading it panicked".to_owned())))
}

#[cfg(test)]
mod tests;
