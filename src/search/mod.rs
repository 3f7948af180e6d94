//! Searching documents by the words of a question: an index in a folder beside the database, a separate ranking of its
//! results, and a probability that decides whether anything is shown.
//!
//! A question takes this way:
//!
//! 1. Its words become terms ([`Analyzer`]), in each language that the index holds; a word that no document has is taken for a
//!    misspelling of one that some have; the synonyms of the settings are added, and count less.
//! 2. The index gives the first two hundred documents by BM25 (`index.rs`, `question.rs`).
//! 3. Each of them is described by numbers (`features.rs`), which a small model puts in order (`model.rs`).
//! 4. The model's second half says how likely it is that the first one answers.
//!
//! This module knows no articles and no tickets: documents are what the caller makes of them. It holds nothing that the
//! database does not, and is filled anew whenever it is damaged.

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

/// A document to be found, as it was when it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its id. A later document with this id replaces it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its text, without markup.
    pub body: String,
    /// Further words for its topic.
    pub tags: Vec<String>,
    /// The service that it is about. A question about the same service is nearer; the service's words are not searched.
    pub service: Option<String>,
    /// Its language; if not set, it is detected from the text.
    pub language: Option<Language>,
    /// Who may find it.
    pub audience: Audience,
    /// When it was written or last checked, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// A question.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'q> {
    /// The most important part: a title, or the first sentence. May be empty.
    pub title: &'q str,
    /// The rest.
    pub text: &'q str,
    /// The service that it is about, if that is known.
    pub service: Option<&'q str>,
    /// Whether documents for agents alone are found, too.
    pub by_agent: bool,
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// How well it fits, compared with other results of the same question.
    pub score: f32,
}

/// The results of a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The best first.
    pub found: Vec<Found>,
    /// The probability that one of the shown documents answers, from 0 to 1.
    pub probability: f32,
}

/// The largest number of documents to show: the one that answers, and two more after it.
pub const SHOWN: usize = 3;

impl Answer {
    /// Returns the documents to show: none, unless they are likely enough to answer.
    #[must_use]
    pub fn shown(&self, from: f32) -> &[Found] {
        let shown = if self.probability >= from { SHOWN } else { 0 };
        &self.found[..self.found.len().min(shown)]
    }
}

/// What went wrong with the index.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SearchError {
    /// An error of the library.
    #[error(transparent)]
    Index(#[from] tantivy::TantivyError),
    /// The folder cannot be made.
    #[error("the folder {} cannot be made: {error}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        error: String,
    },
    /// Its content makes no sense.
    #[error("the index is damaged: {0}")]
    Broken(String),
}
