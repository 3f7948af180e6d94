//! Asks the product's own search the questions of a file, and prints what it finds, one JSON object a line:
//! `{"query", "ranking", "scores", "shown", "ms"}`.
//!
//! ```text
//! cargo run --release --example evaluate -- kb_retrieval --corpus corpus.jsonl.gz --queries queries.jsonl > run.jsonl
//! ```

mod corpus;

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use clap::Parser;
use deskbell::clock::real;
use serde_json::json;

/// How many documents of each question are printed.
const PRINTED: usize = 20;

#[derive(Debug, Parser)]
#[command(about = "Asks the product's own search the questions of a file")]
struct Args {
    /// What is looked for
    #[arg(value_enum)]
    task: corpus::Task,
    /// The documents: {"id", "title", "body"} and "product", one a line (JSON Lines, also packed)
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// The questions: {"id", "title", "text"} and "product", one a line
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let since = real::now();
    let engine = corpus::engine(args.task, &corpus::documents(&args.corpus)?, folder.path().join("index"))?;
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
