//! Bringing files in: what is new is written, what is changed is changed, what is the same is left alone.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::files::Filed;
use crate::desk::knowledge::record::{self, Kept};
use crate::desk::knowledge::state::{Article, Content, version_after};
use crate::domain::article::ArticleStatus;
use crate::domain::ids::{ArticleId, ArticleKey, Person};
use crate::store::{Ask, Store, StoreError, Tx};

/// How many files share a transaction.
const TOGETHER: usize = 50;
/// How many articles are read at once.
const PAGE: u32 = 500;

/// How files are brought in.
#[derive(Clone, Debug)]
pub struct Import {
    /// The letters of keys.
    pub prefix: String,
    /// Articles whose files are gone are retired.
    pub prune: bool,
    /// What was edited in chat since it was imported is overwritten.
    pub overwrite: bool,
    /// Nothing is written.
    pub dry_run: bool,
    /// The time.
    pub now: Timestamp,
}

impl Import {
    /// Nothing is retired, and everything is written.
    #[must_use]
    pub fn of(prefix: &str, now: Timestamp) -> Self {
        Self { prefix: prefix.to_owned(), prune: false, overwrite: false, dry_run: false, now }
    }

    /// The article that a file would be if it were new.
    #[must_use]
    pub fn article(&self, filed: &Filed) -> Article {
        article(None, filed, self.now)
    }
}

/// What became of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    New,
    Changed,
    Same,
    /// It is retired, and the file does not say otherwise.
    StaysRetired,
    /// Somebody edited it in chat since.
    StaysEdited,
}

/// What became of all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Articles that there were not.
    pub new: u64,
    /// Articles that say something else now.
    pub changed: u64,
    /// Articles that are as they were.
    pub same: u64,
    /// Articles that were retired, since their files are gone: keys and files.
    pub pruned: Vec<(ArticleKey, String)>,
    /// Files of articles that are retired and stay so.
    pub stay_retired: Vec<String>,
    /// Files of articles that were edited in chat since, and stay so.
    pub stay_edited: Vec<String>,
}

/// Brings files in, and tells after each few how many.
///
/// # Errors
/// If the database is away. What was written before stays.
pub async fn import(
    store: &Arc<dyn Store>,
    files: Vec<Filed>,
    how: &Import,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Imported, StoreError> {
    let mut imported = Imported::default();
    let here: HashSet<String> = files.iter().map(|filed| filed.path.clone()).collect();
    let files = Arc::new(files);
    for from in (0..files.len()).step_by(TOGETHER) {
        let upto = files.len().min(from + TOGETHER);
        let became = if how.dry_run {
            let mut became = Vec::new();
            for filed in &files[from..upto] {
                let reader = &mut *store.reader().await?;
                let kept = record::by_path(reader, &filed.path).await?;
                became.push(becomes(reader, kept.as_ref(), filed, how).await?);
            }
            became
        } else {
            let (some, how) = (Arc::clone(&files), how.clone());
            store.within(move |tx| write_some(tx, Arc::clone(&some), from..upto, how.clone())).await?
        };
        for (filed, became) in files[from..upto].iter().zip(became) {
            match became {
                Became::New => imported.new += 1,
                Became::Changed => imported.changed += 1,
                Became::Same => imported.same += 1,
                Became::StaysRetired => imported.stay_retired.push(filed.path.clone()),
                Became::StaysEdited => imported.stay_edited.push(filed.path.clone()),
            }
        }
        progress(upto as u64);
    }
    if how.prune {
        imported.pruned = prune(store, &here, how).await?;
    }
    Ok(imported)
}

fn write_some(
    tx: &mut dyn Tx,
    files: Arc<Vec<Filed>>,
    range: std::ops::Range<usize>,
    how: Import,
) -> BoxFuture<'_, Result<Vec<Became>, StoreError>> {
    Box::pin(async move {
        let mut became = Vec::new();
        for filed in &files[range] {
            let kept = record::by_path(tx, &filed.path).await?;
            let becomes = becomes(tx as &mut dyn Ask, kept.as_ref(), filed, &how).await?;
            let article = article(kept.as_ref(), filed, how.now);
            match (&kept, becomes) {
                (None, _) => drop(record::insert(tx, article, &how.prefix, None).await?),
                (Some(kept), Became::Changed) => record::update(tx, kept, article, None)?,
                (Some(_), _) => {}
            }
            became.push(becomes);
        }
        Ok(became)
    })
}

/// What is to become of a file: what was edited in chat since stays, if it is not to be overwritten.
async fn becomes(ask: &mut dyn Ask, kept: Option<&Kept>, filed: &Filed, how: &Import) -> Result<Became, StoreError> {
    let becomes = compare(kept, filed);
    if let (Some(Kept { article, .. }), Became::Changed, false) = (kept, becomes, how.overwrite)
        && version_after(article, &self::article(kept, filed, how.now).content) != article.version
    {
        let last = record::versions(ask, article.id, 1).await?;
        if last.first().is_some_and(|version| version.by.is_some()) {
            return Ok(Became::StaysEdited);
        }
    }
    Ok(becomes)
}

/// What is to become of a file, beside what is kept of it.
fn compare(kept: Option<&Kept>, filed: &Filed) -> Became {
    let Some(kept) = kept.map(|kept| &kept.article) else { return Became::New };
    let wanted = article_of(Some(kept), filed, kept.created_at, kept.changed_at);
    if *kept != wanted {
        Became::Changed
    } else if kept.status == ArticleStatus::Retired && filed.status.is_none() {
        Became::StaysRetired
    } else {
        Became::Same
    }
}

fn article(kept: Option<&Kept>, filed: &Filed, now: Timestamp) -> Article {
    let kept = kept.map(|kept| &kept.article);
    article_of(kept, filed, kept.map_or(now, |kept| kept.created_at), now)
}

/// The article that a file says. What the file leaves open stays as it is; a new one is published.
fn article_of(kept: Option<&Article>, filed: &Filed, created_at: Timestamp, changed_at: Timestamp) -> Article {
    let owner = filed.owner.as_ref().map(|who| match kept.and_then(|kept| kept.owner.as_ref()) {
        Some(owner) if owner.who == *who => owner.clone(),
        _ => Person::new(who.clone(), who.to_string()),
    });
    Article {
        id: kept.map_or(ArticleId(0), |kept| kept.id),
        key: kept.map_or_else(|| ArticleKey::new("", 0), |kept| kept.key.clone()),
        status: filed.status.or(kept.map(|kept| kept.status)).unwrap_or(ArticleStatus::Published),
        content: Content {
            review_at: filed.content.review_at.or_else(|| kept.and_then(|kept| kept.content.review_at)),
            ..filed.content.clone()
        },
        owner: owner.or_else(|| kept.and_then(|kept| kept.owner.clone())),
        source: filed.source.clone().or_else(|| kept.and_then(|kept| kept.source.clone())),
        checked: kept.and_then(|kept| kept.checked.clone()),
        path: Some(filed.path.clone()),
        version: kept.map_or(0, |kept| kept.version),
        created_at,
        changed_at,
    }
}

/// Retires the articles that came from files which are gone.
async fn prune(
    store: &Arc<dyn Store>,
    here: &HashSet<String>,
    how: &Import,
) -> Result<Vec<(ArticleKey, String)>, StoreError> {
    let (mut pruned, mut after) = (Vec::new(), ArticleId(0));
    loop {
        let page = record::page(&mut *store.reader().await?, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(pruned) };
        after = last.id;
        for article in page {
            let Some(path) = article.path.filter(|path| !here.contains(path)) else { continue };
            if article.status == ArticleStatus::Retired {
                continue;
            }
            if !how.dry_run {
                let (id, now) = (article.id, how.now);
                store.within(move |tx| Box::pin(retire(tx, id, now))).await?;
            }
            pruned.push((article.key, path));
        }
    }
}

async fn retire(tx: &mut dyn Tx, id: ArticleId, now: Timestamp) -> Result<(), StoreError> {
    if let Some(kept) = record::by_id(tx as &mut dyn Ask, id).await? {
        let retired = Article { status: ArticleStatus::Retired, changed_at: now, ..kept.article.clone() };
        record::update(tx, &kept, retired, None)?;
    }
    Ok(())
}
