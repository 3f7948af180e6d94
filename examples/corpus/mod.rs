//! Reads corpora and questions from files of JSON Lines, and fills an engine with a corpus.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use deskbell::domain::article::Audience;
use deskbell::search::{Document, Engine, Kind, Language, Question, Setup, Synonyms};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The kind of search that is trained or evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Task {
    /// Finds texts that answer a question.
    KbRetrieval,
    /// Finds reports of the same matter.
    DuplicateTickets,
}

impl Task {
    pub fn kind(self) -> Kind {
        match self {
            Self::KbRetrieval => Kind::Articles,
            Self::DuplicateTickets => Kind::Tickets,
        }
    }
}

/// Returns the service of a product: the part before the first slash. The rest names a part of the service.
fn service(product: &str) -> &str {
    product.split('/').next().unwrap_or_default()
}

#[derive(Debug, Deserialize)]
struct Text {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    body: String,
    product: Option<String>,
}

/// A question in a file.
#[derive(Debug, Deserialize)]
pub struct Asked {
    pub id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
    product: Option<String>,
}

impl Asked {
    pub fn question(&self) -> Question<'_> {
        Question {
            title: &self.title,
            text: &self.text,
            service: self.product.as_deref().map(service),
            by_agent: false,
        }
    }
}

/// Returns the values of a file of JSON Lines. A file whose name ends in `.gz` is unpacked.
pub fn lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let is_packed = path.extension().is_some_and(|extension| extension == "gz");
    let file: Box<dyn Read> = if is_packed { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    let mut values = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            let value = serde_json::from_str(&line);
            values.push(value.with_context(|| format!("{} line {}", path.display(), number + 1))?);
        }
    }
    Ok(values)
}

/// Returns the documents of a corpus file.
pub fn documents(corpus: &Path) -> anyhow::Result<Vec<Document>> {
    Ok(lines::<Text>(corpus)?.into_iter().map(document).collect())
}

/// Returns an engine that has these documents in an index in this folder.
pub fn engine(task: Task, documents: &[Document], folder: PathBuf) -> anyhow::Result<Engine> {
    let engine = Engine::new(Setup {
        folder,
        kind: task.kind(),
        languages: vec![Language::ENGLISH, Language::GERMAN],
        synonyms: Synonyms::common()?,
        source: "corpus".to_owned(),
    })?;
    engine.write(documents, &[], 1)?;
    Ok(engine)
}

fn document(text: Text) -> Document {
    Document {
        id: text.id,
        title: text.title,
        body: text.body,
        tags: Vec::new(),
        service: text.product.as_deref().map(service).map(str::to_owned),
        language: None,
        audience: Audience::Everyone,
        at_ms: 0,
    }
}
