//! Measures the search among many articles: how long it takes to fill the index, to answer a question, and to find a
//! changed article. With `--through-database` the times run from a commit in the database (SQLite) until the program
//! finds the article.
//!
//! ```text
//! cargo bench --bench knowledge -- --articles 100000 --questions 2000
//! cargo bench --bench knowledge -- --articles 100000 --through-database
//! ```
//!
//! The articles are random, from a seed: words of two to four syllables with the frequencies of a natural language
//! (Zipf). At most half of a question's words come from one article; the others are random.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use deskbell::app::knowledge::Knowledge;
use deskbell::clock::{Clock, real};
use deskbell::commands::knowledge::files;
use deskbell::commands::knowledge::import::{Import, import};
use deskbell::config::Config;
use deskbell::desk::knowledge::record;
use deskbell::domain::article::Audience;
use deskbell::domain::ids::ArticleId;
use deskbell::search::{Document, Engine, Kind, Language, Question, Setup, Synonyms};
use deskbell::store::Store;
use deskbell::store::sqlite::SqliteStore;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Parser)]
struct Args {
    /// Number of articles
    #[arg(long, default_value_t = 100_000)]
    articles: usize,
    /// Words of an article, on average
    #[arg(long, default_value_t = 150)]
    words: usize,
    /// Number of questions
    #[arg(long, default_value_t = 2_000)]
    questions: usize,
    /// Words of a question, at most
    #[arg(long, default_value_t = 25)]
    asked: usize,
    /// Number of articles that are changed, one after the other
    #[arg(long, default_value_t = 20)]
    changes: usize,
    /// Import the articles into a database, and let the program's index follow it
    #[arg(long)]
    through_database: bool,
    /// The folder for the index [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1042)]
    seed: u64,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// Number of words from which the texts are made.
const VOCABULARY: usize = 60_000;
/// How many articles are written in one commit.
const BATCH: usize = 10_000;

/// Words with the frequencies of a natural language: the first is the most frequent.
struct Words {
    words: Vec<String>,
    sums: Vec<f64>,
}

impl Words {
    fn new(random: &mut StdRng) -> Self {
        const SYLLABLES: [&str; 16] =
            ["ba", "ner", "tik", "lo", "mur", "sa", "den", "ri", "kot", "pel", "fu", "gan", "zis", "hol", "vem", "jat"];
        let word = |random: &mut StdRng| -> String {
            (0..random.random_range(2..=4)).map(|_| SYLLABLES[random.random_range(0..SYLLABLES.len())]).collect()
        };
        let words = (0..VOCABULARY).map(|_| word(random)).collect();
        let mut sum = 0.0;
        let sums = (1..=VOCABULARY).map(|rank| {
            sum += 1.0 / (rank as f64);
            sum
        });
        Self { words, sums: sums.collect() }
    }

    fn any(&self, random: &mut StdRng) -> &str {
        let at = random.random_range(0.0..*self.sums.last().unwrap_or(&1.0));
        &self.words[self.sums.partition_point(|sum| *sum < at).min(VOCABULARY - 1)]
    }

    fn text(&self, random: &mut StdRng, count: usize) -> String {
        (0..count).map(|_| self.any(random)).collect::<Vec<_>>().join(" ")
    }
}

fn article(number: usize, words: &Words, random: &mut StdRng, count: usize) -> Document {
    Document {
        id: number.to_string(),
        title: words.text(random, 6),
        body: words.text(random, count),
        audience: if number.is_multiple_of(50) { Audience::Agents } else { Audience::Everyone },
        language: Some(Language::ENGLISH),
        ..Document::default()
    }
}

/// Returns this process's anonymous memory (`RssAnon`) and its whole resident memory (`VmRSS`), in MiB.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
    };
    (of("RssAnon:"), of("VmRSS:"))
}

/// Waits until the program finds an article by this word.
async fn until_found(knowledge: &Knowledge, word: &str) -> anyhow::Result<()> {
    loop {
        let answer = knowledge.answer(word.to_owned(), true, 1).await;
        if answer.is_ok_and(|answer| answer.found.first().is_some_and(|found| found.score > 0.0)) {
            return Ok(());
        }
        real::sleep(Duration::from_millis(5)).await;
    }
}

/// Measures the times from a commit in the database until the program finds the article.
async fn through_database(args: &Args, articles: &[Document], folder: &Path) -> anyhow::Result<()> {
    let clock = Clock::system();
    let store: Arc<dyn Store> = SqliteStore::open(&folder.join("desk.db"), clock.clone()).await?;
    let settings = format!("[knowledge]\nindex = \"{}\"\n", folder.display());
    let config = Config::from_text(&settings, [])?;
    let knowledge = Arc::new(Knowledge::new(&config, &store).await?);
    let stop = CancellationToken::new();
    let working = tokio::spawn(Arc::clone(&knowledge).follow(|_| {}, stop.clone()));
    let filed = |(number, article): (usize, &Document)| {
        let text = format!("---\ntitle: number{number}zzz {}\n---\n\n{}\n", article.title, article.body);
        files::read(&format!("a{number}.md"), text.as_bytes()).map_err(anyhow::Error::msg)
    };
    let filed = articles.iter().enumerate().map(filed).collect::<anyhow::Result<Vec<_>>>()?;
    let since = real::now();
    import(&store, filed, &Import::of("KB", clock.now()), &|_| {}).await?;
    println!("imported {} articles in {:.1} s", articles.len(), since.elapsed().as_secs_f64());
    until_found(&knowledge, &format!("number{}zzz", articles.len() - 1)).await?;
    println!("the last of them is found {:.1} s after the import began", since.elapsed().as_secs_f64());
    let mut found_after = Vec::new();
    for change in 0..args.changes {
        let id = ArticleId(i64::try_from(change * 97 % articles.len() + 1)?);
        let word = format!("changed{change}zzz");
        let kept = record::by_id(&mut *store.reader().await?, id).await?;
        let kept = kept.ok_or_else(|| anyhow::anyhow!("there is no article {}", id.0))?;
        let mut after = kept.article.clone();
        after.content.title.clone_from(&word);
        let since = real::now();
        let work = store.within(move |tx| {
            let (kept, after) = (kept.clone(), after.clone());
            Box::pin(async move { record::update(tx, &kept, after, None) })
        });
        work.await?;
        until_found(&knowledge, &word).await?;
        found_after.push(since.elapsed().as_secs_f64() * 1_000.0);
    }
    found_after.sort_by(f64::total_cmp);
    if let (Some(middle), Some(most)) = (found_after.get(found_after.len() / 2), found_after.last()) {
        println!("a changed article is found {middle:.0} ms after its commit began, at most {most:.0} ms");
    }
    println!("memory then {} MB without files, {} MB with", memory().0, memory().1);
    stop.cancel();
    working.await?;
    store.close().await;
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let own = tempfile::tempdir()?;
    let folder = args.folder.clone().unwrap_or_else(|| own.path().to_owned());
    let mut random = StdRng::seed_from_u64(args.seed);
    let words = Words::new(&mut random);
    let articles: Vec<Document> =
        (0..args.articles).map(|number| article(number, &words, &mut random, args.words)).collect();
    if args.through_database {
        return tokio::runtime::Runtime::new()?.block_on(through_database(&args, &articles, &folder));
    }
    let folder = folder.join("bench.index");
    let setup = Setup {
        folder,
        kind: Kind::Articles,
        languages: vec![Language::ENGLISH, Language::GERMAN],
        synonyms: Synonyms::common()?,
        source: "bench".to_owned(),
    };
    let engine = Engine::new(setup)?;
    let before = memory();
    let since = real::now();
    for (number, some) in articles.chunks(BATCH).enumerate() {
        engine.write(some, &[], i64::try_from(number)? + 1)?;
    }
    println!("filled with {} articles in {:.2} s", engine.documents()?, since.elapsed().as_secs_f64());
    let filled = memory();
    println!("memory before {} MB, filled {} MB without files, {} MB with", before.0, filled.0, filled.1);
    let mut took = Vec::new();
    let mut first = 0;
    for _ in 0..args.questions {
        let wanted = &articles[random.random_range(0..articles.len())];
        let some: Vec<&str> =
            wanted.body.split(' ').filter(|_| random.random_range(0..10) == 0).take(args.asked / 2).collect();
        let text = format!("{} {}", some.join(" "), words.text(&mut random, args.asked - args.asked / 2));
        let since = real::now();
        let answer = engine.answer(&Question { text: &text, ..Question::default() }, 3)?;
        took.push(since.elapsed().as_secs_f64() * 1_000.0);
        first += usize::from(answer.found.first().is_some_and(|found| found.id == wanted.id));
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "answered {} questions: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, at most {:.1} ms; the article meant came first {first} times",
        took.len(),
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0)
    );
    println!("memory then {} MB without files, {} MB with", memory().0, memory().1);
    let mut found_after = Vec::new();
    for change in 0..args.changes {
        let number = random.random_range(0..articles.len());
        let changed =
            Document { title: format!("changed{change}zzz"), audience: Audience::Everyone, ..articles[number].clone() };
        let since = real::now();
        engine.write(&[changed], &[], 1_000_000 + i64::try_from(change)?)?;
        let text = format!("changed{change}zzz");
        let answer = engine.answer(&Question { text: &text, ..Question::default() }, 1)?;
        anyhow::ensure!(answer.found.first().is_some_and(|found| found.id == number.to_string()), "change not found");
        found_after.push(since.elapsed().as_secs_f64() * 1_000.0);
    }
    found_after.sort_by(f64::total_cmp);
    if let (Some(middle), Some(most)) = (found_after.get(found_after.len() / 2), found_after.last()) {
        println!("a changed article is found after {middle:.0} ms in the index, at most {most:.0} ms");
    }
    Ok(())
}
