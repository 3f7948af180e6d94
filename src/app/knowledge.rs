//! The index of articles. It follows the database: it reads the changes after the last one that it holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::copies::COPIES;
use crate::clock::real;
use crate::config::Config;
use crate::desk::conversation;
use crate::desk::conversation::state::Voice;
use crate::desk::knowledge::decide::{SEARCH, SUGGEST};
use crate::desk::knowledge::record;
use crate::desk::knowledge::state::{Answered, Article, Offered};
use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::effect::Call;
use crate::domain::ids::{ArticleId, TicketId};
use crate::domain::markdown;
use crate::domain::rules::Suggestions;
use crate::outbox::local::Calls;
use crate::platform::{Finding, Verdict};
use crate::search::{Answer, Document, Engine, Kind, Language, Question, SHOWN, SearchError, Setup, Synonyms, passage};
use crate::store::{Store, StoreError};

/// The probability from which agents see an article on the card, in hundredths. It is lower than for requesters, since
/// agents can judge an article, but it excludes articles that merely fit better than all others.
const LIKELY_FOR_AGENTS: u32 = 25;
/// The longest time between two looks for changed articles, in real time. Commits of this process wake the index;
/// commits of other processes may not.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long commits are gathered before the next look, in real time: few of them concern articles.
const GATHER: Duration = Duration::from_millis(500);
/// How long to wait before repeating a failed look, in real time.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// The number of articles that a search lists.
const LISTED: usize = 5;
/// The greatest difference between the score of an article and the best score at which the article is still listed. An
/// article at this difference is about ten times less likely to be right.
const NEARLY: f32 = 2.3;
/// The largest number of characters of a passage.
const PASSAGE: usize = 200;
/// How many articles are read at once.
const PAGE: u32 = 200;
/// How much text is written per commit, in bytes: each commit costs some milliseconds, and uncommitted text is in
/// memory.
const COMMITTED_AT_ONCE: usize = 16 * 1024 * 1024;
/// The last part of the name of the index's folder. The engine may delete everything in the folder.
const FOLDER: &str = "articles.index";

/// The search for articles.
pub struct Knowledge {
    store: Arc<dyn Store>,
    engine: Arc<Engine>,
}

/// Why the index is not up to date.
#[derive(Debug, thiserror::Error)]
enum Behind {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error("writing the index panicked")]
    Panicked,
}

impl Knowledge {
    /// Creates the search for the articles of a database. The index is opened once there are articles.
    ///
    /// # Errors
    /// If the synonyms cannot be read, or the database is away.
    pub async fn new(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Self> {
        let settings = &config.knowledge;
        let mut synonyms = Synonyms::common().context("the synonyms that every desk has")?;
        if !settings.synonyms_file.is_empty() {
            let text = std::fs::read_to_string(&settings.synonyms_file).with_context(|| {
                format!("the file {} (knowledge.synonyms_file) cannot be read", settings.synonyms_file)
            })?;
            synonyms = synonyms.and(Synonyms::read(&text).with_context(|| settings.synonyms_file.clone())?);
        }
        let copies = store.remembered(COPIES).await?.unwrap_or_default();
        let engine = Engine::new(Setup {
            folder: folder(config),
            kind: Kind::Articles,
            languages: settings.languages.iter().filter_map(|letters| letters.parse::<Language>().ok()).collect(),
            synonyms,
            source: format!("articles {copies}"),
        })?;
        Ok(Self { store: Arc::clone(store), engine: Arc::new(engine) })
    }

    /// Keeps the index up to date until `stop`. After each look, tells `has_articles` whether any article can be found.
    pub async fn follow(self: Arc<Self>, has_articles: impl Fn(bool) + Send, stop: CancellationToken) {
        let mut changed = self.store.changed();
        while !stop.is_cancelled() {
            changed.mark_unchanged();
            let pause = match self.catch_up().await {
                Ok(found) => {
                    has_articles(found > 0);
                    GATHER
                }
                Err(error) => {
                    tracing::warn!(%error, "the index of articles cannot be updated; trying again");
                    LOOK_AGAIN_AFTER
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = real::sleep(pause) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                _ = changed.changed() => {}
                () = real::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Brings the index up to date. Returns how many articles can be found.
    async fn catch_up(&self) -> Result<u64, Behind> {
        let last = record::last_change(&mut *self.store.reader().await?).await?;
        if last == 0 {
            return Ok(0);
        }
        let mut through = self.blocking(|engine| engine.through()).await?;
        let (began, mut written) = (real::now(), 0);
        while through < last {
            let (mut documents, mut gone, mut size, mut read) = (Vec::new(), Vec::new(), 0, through);
            while size < COMMITTED_AT_ONCE && read < last {
                let page = record::changed(&mut *self.store.reader().await?, read, PAGE).await?;
                let Some(newest) = page.last().map(|kept| kept.change) else {
                    read = last;
                    break;
                };
                read = newest;
                for kept in page {
                    written += 1;
                    size += kept.article.content.body.len();
                    if kept.article.is_published() {
                        documents.push(document(&kept.article))
                    } else {
                        gone.push(id(&kept.article))
                    }
                }
            }
            self.blocking(move |engine| engine.write(&documents, &gone, read)).await?;
            through = read;
        }
        if written > 0 {
            tracing::info!(articles = written, ms = began.elapsed().as_millis(), "the index of articles is up to date");
        }
        self.blocking(Engine::documents).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        does: impl FnOnce(&Engine) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, Behind> {
        let engine = Arc::clone(&self.engine);
        let done = tokio::task::spawn_blocking(move || does(&engine)).await;
        Ok(done.map_err(|_| Behind::Panicked)??)
    }

    /// Returns the articles that answer these words, best first, by their ids in the database.
    ///
    /// # Errors
    /// The reason why the search failed, without words of people.
    pub async fn answer(&self, text: String, by_agent: bool, limit: usize) -> Result<Answer, String> {
        let ask =
            move |engine: &Engine| engine.answer(&Question { text: &text, by_agent, ..Question::default() }, limit);
        self.blocking(ask).await.map_err(|error| error.to_string())
    }

    /// Returns the articles that may help with a text: those for everybody, and those for agents. If the probability of
    /// the latter is below `likely` (in hundredths), agents get none.
    async fn found(&self, text: &str, limit: usize, likely: u32) -> Result<Answered, String> {
        let away = |error: StoreError| error.to_string();
        let (everybody, agents) =
            tokio::join!(self.answer(text.to_owned(), false, limit), self.answer(text.to_owned(), true, limit));
        let (everybody, mut agents) = (everybody?, agents?);
        if hundredths(agents.probability) < likely {
            agents.found.clear();
        }
        let mut reader = self.store.reader().await.map_err(away)?;
        let question = Question { text, ..Question::default() };
        let mut answered = Answered { likely: hundredths(everybody.probability), ..Answered::default() };
        for (found, offered, is_open) in
            [(everybody.found, &mut answered.offered, true), (agents.found, &mut answered.fits, false)]
        {
            let best = found.first().map_or(0.0, |best| best.score);
            for one in found.into_iter().take_while(|one| best - one.score <= NEARLY) {
                let Ok(number) = one.id.parse() else { continue };
                let Some(kept) = record::by_id(&mut *reader, ArticleId(number)).await.map_err(away)? else { continue };
                // The index may be a moment behind the database.
                let is_theirs = !is_open || kept.article.content.audience == Audience::Everyone;
                if kept.article.is_published() && is_theirs {
                    offered.push(as_offered(&kept.article, &question));
                }
            }
        }
        Ok(answered)
    }
}

#[async_trait]
impl Calls for Knowledge {
    async fn call(&self, call: &Call) -> Result<Option<Value>, String> {
        let found = match call.name.as_str() {
            SUGGEST => {
                let ticket = call.input["ticket"].as_i64().map(TicketId).ok_or("it names no ticket")?;
                let away = |error: StoreError| error.to_string();
                let mut reader = self.store.reader().await.map_err(away)?;
                let records = conversation::record::of_ticket(&mut *reader, ticket).await.map_err(away)?;
                drop(reader);
                let said =
                    records.iter().filter(|record| record.voice == Voice::Requester).map(|record| record.text.as_str());
                self.found(&said.collect::<Vec<_>>().join("\n"), SHOWN, LIKELY_FOR_AGENTS).await?
            }
            SEARCH => {
                let words = call.input["words"].as_str().ok_or("it names no words")?;
                self.found(words, LISTED, 0).await?
            }
            other => return Err(format!("no call is named {other}")),
        };
        serde_json::to_value(found).map(Some).map_err(|error| error.to_string())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share between 0 and 1")]
fn hundredths(probability: f32) -> u32 {
    (probability.clamp(0.0, 1.0) * 100.0).round() as u32
}

/// Returns an article with the passage that answers.
fn as_offered(article: &Article, question: &Question<'_>) -> Offered {
    let content = &article.content;
    let body = markdown::plain(&content.body);
    let language = content.language.as_deref().and_then(|letters| letters.parse().ok()).unwrap_or(Language::ENGLISH);
    Offered {
        article: article.id,
        key: article.key.clone(),
        title: content.title.clone(),
        passage: passage(&body, question, language, PASSAGE).text,
    }
}

/// Reports the articles that can be found, and how they are used, for `check`.
pub(super) async fn check(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Finding> {
    let mut reader = store.reader().await?;
    let published = record::count(&mut *reader, ArticleStatus::Published).await?;
    let drafts = record::count(&mut *reader, ArticleStatus::Draft).await?;
    let settings = &config.knowledge;
    let what = format!(
        "knowledge: {published} articles published, {drafts} drafts; the index is {}",
        folder(config).display()
    );
    let does = match settings.suggestions {
        _ if published == 0 => "Nothing is looked for: `deskbell knowledge import DIR` brings articles in.".to_owned(),
        Suggestions::Off => "Requesters are shown nothing (knowledge.suggestions).".to_owned(),
        Suggestions::Observe => format!(
            "Requesters are shown nothing; agents see on the card what fits, and what is likely by {} of 100 is counted.",
            settings.confidence
        ),
        Suggestions::On => format!(
            "Requesters are shown the article that is likely to help by {} of 100; the card waits for {:?} then.",
            settings.confidence, settings.hold
        ),
    };
    let elsewhere = settings.suggestions_in.iter().map(|one| format!("\nbut {one}")).collect::<String>();
    Ok(Finding { verdict: Verdict::Good, what, mend: format!("{does}{elsewhere}") })
}

/// Returns the folder of the index.
fn folder(config: &Config) -> PathBuf {
    if !config.knowledge.index.is_empty() {
        return Path::new(&config.knowledge.index).join(FOLDER);
    }
    match config.database.url.sqlite_path() {
        Some(path) => PathBuf::from(format!("{}.{FOLDER}", path.display())),
        None => PathBuf::from(format!("deskbell.{FOLDER}")),
    }
}

fn id(article: &Article) -> String {
    article.id.0.to_string()
}

/// Returns an article as a document for the search.
fn document(article: &Article) -> Document {
    let content = &article.content;
    let words = content.service.iter().chain(&content.tags).cloned();
    Document {
        id: id(article),
        title: content.title.clone(),
        body: format!("{}\n{}", content.summary, markdown::plain(&content.body)),
        tags: words.collect(),
        service: content.service.clone(),
        language: content.language.as_deref().and_then(|letters| letters.parse().ok()),
        audience: content.audience,
        at_ms: article.checked.as_ref().map_or(article.changed_at, |checked| checked.at).as_millisecond(),
    }
}
