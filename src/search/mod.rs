//! Searches documents by the words of a question. The index lies in a folder beside the database. A model ranks the
//! results of the index, and computes the probability that decides whether any of them are shown.
//!
//! A question is answered in these steps:
//!
//! 1. Its words become terms ([`Analyzer`]), in its own language or, if that is not certain, in each language of the
//!    index. A word that no document has is taken for a misspelling of words that some have. Synonyms are added. Such
//!    terms count less.
//! 2. The index returns the first hundred documents by BM25 (`index.rs`, `question.rs`).
//! 3. Each of them is described by numbers (`features.rs`), by which a small model puts them in order (`model.rs`).
//! 4. A second part of the model computes the probability that one of the first three answers the question.
//!
//! This module knows no articles and no tickets: its callers turn these into documents. The index holds nothing that
//! the database does not, and is filled again if it is damaged.

mod analysis;
mod engine;
mod features;
mod index;
mod language;
mod model;
mod passage;
mod question;
mod synonyms;
mod typos;

pub use self::analysis::{Analyzer, Word};
pub use self::engine::{Engine, Setup};
pub use self::features::{Features, NAMES};
pub use self::language::{Language, Languages, UnknownLanguage};
pub use self::model::{BadModel, CONFIDENCE, Confidence, Kind, Model, Ranked, Weights, confidence};
pub use self::passage::{Passage, passage};
pub use self::synonyms::{BadSynonyms, Synonyms};

use std::path::PathBuf;

use crate::domain::article::Audience;

/// A document to write into the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its id. A document that is written later with the same id replaces it.
    pub id: String,
    pub title: String,
    /// Its text, without markup.
    pub body: String,
    /// Further words for its topic.
    pub tags: Vec<String>,
    /// The service that it is about. The model compares it with the question's service; its words are not searched.
    pub service: Option<String>,
    /// Its language. `None`: it is detected from the text.
    pub language: Option<Language>,
    /// Who may find it.
    pub audience: Audience,
    /// When it was written or last checked, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// What is searched for, and whether an agent asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'q> {
    /// The most important part, such as a title. If it is empty, the first sentence of `text` takes its place.
    pub title: &'q str,
    /// The rest of the question.
    pub text: &'q str,
    /// The service that it is about, if known.
    pub service: Option<&'q str>,
    /// Whether documents for agents alone are found as well.
    pub by_agent: bool,
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub id: String,
    /// Its score by the model, comparable only with other results of the same question.
    pub score: f32,
}

/// The results of a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The documents found, the best first.
    pub found: Vec<Found>,
    /// The probability that one of the first [`SHOWN`] documents answers the question, from 0 to 1.
    pub probability: f32,
}

/// The greatest number of documents to show.
pub const SHOWN: usize = 3;

impl Answer {
    /// Returns the documents to show: the first [`SHOWN`] if the probability is at least `from`, else none.
    #[must_use]
    pub fn shown(&self, from: f32) -> &[Found] {
        let shown = if self.probability >= from { SHOWN } else { 0 };
        &self.found[..self.found.len().min(shown)]
    }
}

/// What went wrong with the index.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SearchError {
    /// An error of the search library.
    #[error(transparent)]
    Index(#[from] tantivy::TantivyError),
    /// The folder cannot be made.
    #[error("the folder {} cannot be made: {error}", folder.display())]
    Folder { folder: PathBuf, error: String },
    /// The index is damaged, or the library panicked, or the built-in model cannot be read.
    #[error("the index is damaged: {0}")]
    Broken(String),
}
