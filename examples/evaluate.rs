//! Runs the program's own search on the questions of a file, or its classifier on the messages of a file (which of them
//! ask for help?). Prints one JSON object a line:
//!
//! - search: `{"query", "ranking", "scores", "shown", "ms", "probability"}`
//! - classifier: `{"id", "help", "score", "ms"}`
//!
//! ```text
//! cargo run --release --example evaluate -- kb_retrieval --corpus corpus.jsonl.gz --queries queries.jsonl > run.jsonl
//! cargo run --release --example evaluate -- help_request --queries messages.jsonl > run.jsonl
//! ```

mod corpus;

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use deskbell::asking::Classifier;
use deskbell::clock::real;
use serde::Deserialize;
use serde_json::json;

/// How many documents of each question are printed.
const PRINTED: usize = 20;

#[derive(Debug, Parser)]
#[command(about = "Asks the product's own code the questions of a file")]
struct Args {
    /// The task to run
    #[arg(value_enum)]
    task: Task,
    /// The documents: {"id", "title", "body"} and "product", one a line (JSON Lines, also packed)
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// The questions: {"id", "title", "text"} and "product", one a line; or the messages: {"id", "text"}
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
}

/// The task to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Task {
    /// Finds texts that answer a question.
    KbRetrieval,
    /// Finds reports of the same matter.
    DuplicateTickets,
    /// Finds messages that ask for help.
    HelpRequest,
}

/// A message in a file.
#[derive(Deserialize)]
struct Message {
    id: String,
    text: String,
}

/// Classifies which messages ask for help.
fn help_request(messages: &Path) -> anyhow::Result<()> {
    let classifier = Classifier::built_in()?;
    let mut out = BufWriter::new(io::stdout());
    // The first call compiles the patterns; its time is not measured.
    let _ = classifier.read("");
    for Message { id, text } in corpus::lines(messages)? {
        let since = real::now();
        let reading = classifier.read(&text);
        let ms = since.elapsed().as_secs_f64() * 1_000.0;
        writeln!(out, "{}", json!({"id": id, "help": reading.asks, "score": reading.probability, "ms": ms}))?;
    }
    Ok(out.flush()?)
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let task = match args.task {
        Task::KbRetrieval => corpus::Task::KbRetrieval,
        Task::DuplicateTickets => corpus::Task::DuplicateTickets,
        Task::HelpRequest => return help_request(&args.queries),
    };
    let documents = args.corpus.context("this task needs --corpus, the documents")?;
    let folder = tempfile::tempdir()?;
    let since = real::now();
    let engine = corpus::engine(task, &corpus::documents(&documents)?, folder.path().join("index"))?;
    eprintln!("{} documents in {:.1} s", engine.documents()?, since.elapsed().as_secs_f64());
    let mut out = BufWriter::new(io::stdout());
    for asked in corpus::lines::<corpus::Asked>(&args.queries)? {
        let since = real::now();
        let answer = engine.answer(&asked.question(), PRINTED)?;
        let ms = since.elapsed().as_secs_f64() * 1_000.0;
        let ranking: Vec<&str> = answer.found.iter().map(|found| found.id.as_str()).collect();
        let scores: Vec<f32> = answer.found.iter().map(|found| found.score).collect();
        let shown: Vec<&str> = answer.shown(engine.shown_from()).iter().map(|found| found.id.as_str()).collect();
        let line = json!({
            "query": asked.id, "ranking": ranking, "scores": scores, "shown": shown, "ms": ms, "probability": answer.probability,
        });
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(())
}
