//! Imports articles from files: writes new articles, updates those whose files have changed, and leaves others alone.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::files::Filed;
use crate::desk::knowledge::record::{self, Kept};
use crate::desk::knowledge::state::{Article, Content, Imported as Origin, version_after};
use crate::domain::article::ArticleStatus;
use crate::domain::ids::{ArticleId, ArticleKey, Person};
use crate::store::{Ask, Store, StoreError, Tx};

/// The number of files per transaction.
const TOGETHER: usize = 50;
/// How many articles are read at once.
const PAGE: u32 = 500;

/// The options of an import.
#[derive(Clone, Debug)]
pub struct Import {
    /// The prefix of the keys of new articles.
    pub prefix: String,
    /// Whether to retire articles whose files are gone.
    pub prune: bool,
    /// Whether to overwrite articles that were edited in chat since their import.
    pub overwrite: bool,
    /// Whether to write nothing.
    pub dry_run: bool,
    pub now: Timestamp,
}

impl Import {
    /// Creates the options of an import without `prune`, `overwrite` and `dry_run`.
    #[must_use]
    pub fn of(prefix: &str, now: Timestamp) -> Self {
        Self { prefix: prefix.to_owned(), prune: false, overwrite: false, dry_run: false, now }
    }

    /// Returns the article of a file, as if it were new.
    ///
    /// # Errors
    /// If its content cannot be written as JSON, which is a fault of the program.
    pub fn article(&self, filed: &Filed) -> Result<Article, StoreError> {
        Ok(merged(None, filed, self)?.0)
    }
}

/// The result for one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    New,
    Changed,
    Same,
    /// The article is unchanged and retired, and the file gives no status.
    StaysRetired,
    /// The article keeps its text: both it (in chat) and the file have changed since the last import.
    StaysEdited,
}

/// The results for all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub new: u64,
    pub changed: u64,
    pub same: u64,
    /// The articles that were retired because their files are gone: (key, path).
    pub pruned: Vec<(ArticleKey, String)>,
    /// The paths of files whose articles stay retired.
    pub stay_retired: Vec<String>,
    /// The paths of files whose articles keep their edits from chat.
    pub stay_edited: Vec<String>,
}

/// Imports files. After each transaction, tells `progress` how many files are done.
///
/// # Errors
/// If the database is away. The files of earlier transactions are then imported.
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
                let kept = found(&mut *store.reader().await?, filed).await?;
                became.push(merged(kept.as_ref().map(|kept| &kept.article), filed, how)?.1);
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
            let kept = found(tx as &mut dyn Ask, filed).await?;
            let (article, becomes) = merged(kept.as_ref().map(|kept| &kept.article), filed, &how)?;
            match &kept {
                None => drop(record::insert(tx, article, &how.prefix, None).await?),
                // Path and digest of the file may differ even if the article's content is the same.
                Some(kept) if kept.article != article => record::update(tx, kept, article, None)?,
                Some(_) => {}
            }
            became.push(becomes);
        }
        Ok(became)
    })
}

/// Returns the existing article of a file: the article that was imported from its path, or the article with its key, if
/// that was written in chat.
async fn found(ask: &mut dyn Ask, filed: &Filed) -> Result<Option<Kept>, StoreError> {
    let kept = record::by_path(ask, &filed.path).await?;
    match (&kept, &filed.key) {
        (None, Some(key)) => Ok(record::by_key(ask, key).await?.filter(|kept| kept.article.path.is_none())),
        _ => Ok(kept),
    }
}

/// Merges a file into its article. Returns the article and how the import changed it. Properties that the file leaves
/// out stay as they are. Properties that the file has not changed since the last import do not undo changes in chat. A
/// new article is published, unless the file gives another status.
fn merged(kept: Option<&Article>, filed: &Filed, how: &Import) -> Result<(Article, Became), StoreError> {
    let digest = digest(&filed.content)?;
    let then = kept.and_then(|kept| kept.imported.as_ref());
    let edited = kept.filter(|kept| {
        let is_same = version_after(kept, &filed.content) == kept.version;
        !how.overwrite && is_edited(kept) && !is_same
    });
    let content = edited.map_or(&filed.content, |kept| &kept.content).clone();
    let stays_edited = edited.is_some() && then.is_none_or(|then| then.digest != digest);
    let says_anew =
        |is_as_then: fn(&Origin, &Filed) -> bool| how.overwrite || then.is_none_or(|then| !is_as_then(then, filed));
    let review_at = match says_anew(|then, filed| then.review_at == filed.content.review_at) {
        true => filed.content.review_at.or_else(|| kept.and_then(|kept| kept.content.review_at)),
        false => kept.and_then(|kept| kept.content.review_at),
    };
    let content = Content { review_at, ..content };
    let status = filed.status.filter(|_| says_anew(|then, filed| then.status == filed.status));
    let owner = filed.owner.as_ref().map(|who| match kept.and_then(|kept| kept.owner.as_ref()) {
        Some(owner) if owner.who == *who => owner.clone(),
        _ => Person::new(who.clone(), who.to_string()),
    });
    let (digest, version) = match edited {
        // The article keeps its text from chat, so the digest and version of the last import are kept, too.
        Some(_) => then.map(|then| (then.digest.clone(), then.version)).unwrap_or_default(),
        None => (digest, kept.map_or(1, |kept| version_after(kept, &content))),
    };
    let imported = Origin { digest, status: filed.status, review_at: filed.content.review_at, version };
    let article = Article {
        id: kept.map_or(ArticleId(0), |kept| kept.id),
        key: kept.map_or_else(|| ArticleKey::new("", 0), |kept| kept.key.clone()),
        status: status.or(kept.map(|kept| kept.status)).unwrap_or(ArticleStatus::Published),
        content,
        owner: owner.or_else(|| kept.and_then(|kept| kept.owner.clone())),
        source: filed.source.clone().or_else(|| kept.and_then(|kept| kept.source.clone())),
        checked: kept.and_then(|kept| kept.checked.clone()),
        path: Some(filed.path.clone()),
        imported: Some(imported),
        version: kept.map_or(0, |kept| kept.version),
        created_at: kept.map_or(how.now, |kept| kept.created_at),
        changed_at: kept.map_or(how.now, |kept| kept.changed_at),
    };
    let Some(kept) = kept else { return Ok((article, Became::New)) };
    let is_same = *kept == Article { path: kept.path.clone(), imported: kept.imported.clone(), ..article.clone() };
    let becomes = if stays_edited {
        Became::StaysEdited
    } else if !is_same {
        Became::Changed
    } else if kept.status == ArticleStatus::Retired && filed.status.is_none() {
        Became::StaysRetired
    } else {
        Became::Same
    };
    Ok((Article { changed_at: if is_same { kept.changed_at } else { how.now }, ..article }, becomes))
}

/// Whether an article was edited in chat since the last import of its file, or was written in chat.
fn is_edited(article: &Article) -> bool {
    article.imported.as_ref().map_or(article.path.is_none(), |then| article.version > then.version)
}

/// Returns the SHA-256 of a file's content without its day of review, in hexadecimal digits.
fn digest(content: &Content) -> Result<String, StoreError> {
    let text = serde_json::to_vec(&Content { review_at: None, ..content.clone() })
        .map_err(|error| StoreError::Work(error.to_string()))?;
    Ok(hex::encode(Sha256::digest(&text)))
}

/// Retires the articles whose files are gone.
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
        let retired =
            Article { status: ArticleStatus::Retired, imported: None, changed_at: now, ..kept.article.clone() };
        record::update(tx, &kept, retired, None)?;
    }
    Ok(())
}
