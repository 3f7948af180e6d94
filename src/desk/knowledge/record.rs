//! Articles, suggestions and marks in the database.
//!
//! Every change of an article gets the next number of one sequence, in the order of the commits. A process that keeps
//! an index of articles reads on from the last number that its index holds.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

pub use super::state::Kept;
use super::state::{
    Article, Checked, Complaint, Content, Listed, Listing, Mark, Numbers, Overview, Report, Suggestion, Version,
    version_after,
};
use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::ids::{ArticleId, ArticleKey, Person, PersonRef, TicketId};
use crate::store::port::Wake;
use crate::store::row::{Row, account_anywhere, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, Statement, StoreError, Text, Tx, statement};

/// The columns that [`article`] reads.
macro_rules! articles {
    ($rest:literal) => {
        articles!("", $rest)
    };
    ($first:literal, $rest:literal) => {
        concat!(
            $first,
            "SELECT id, key, status, content_json, owner_json, source, checked_by_json, checked_at_ms, path, \
             imported_json, version, change, created_at_ms, changed_at_ms FROM articles ",
            $rest
        )
    };
}

texts! {
    ARTICLE = Text::both(articles!("WHERE id = $1"));
    THESE_ARTICLES = Text::both(articles!(
        "WITH v (n) AS (VALUES (CAST($1 AS BIGINT))) ", "WHERE id IN (SELECT v.n FROM v)"
    ));
    ARTICLE_BY_KEY = Text::both(articles!("WHERE key = $1"));
    /// Selects an article by the path of the file that it was imported from.
    ARTICLE_BY_PATH = Text::both(articles!("WHERE path = $1"));
    /// Selects the articles with a greater id, in order.
    ARTICLES = Text::both(articles!("WHERE id > $1 ORDER BY id LIMIT $2"));
    /// Selects the articles with a greater number of their last change, in the order of these numbers.
    CHANGED_ARTICLES = Text::both(articles!("WHERE change > $1 ORDER BY change LIMIT $2"));
    /// The number of the last change of any article.
    LAST_CHANGE = Text::both("SELECT value FROM counters WHERE name = 'article_changes'");
    /// Counts the articles with a status.
    COUNT_ARTICLES = Text::both("SELECT count(*) AS articles FROM articles WHERE status = $1");
    /// Draws the next number of a sequence. The lock of the row keeps other transactions from drawing until this one
    /// has committed, so numbers grow in the order of the commits.
    DRAW = Text::both("UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value");
    /// Advances a sequence by some numbers.
    SKIP = Text::both("UPDATE counters SET value = value + $2 WHERE name = $1");
    /// Inserts an article. Its change number is the last one of the sequence, which the same transaction has drawn.
    INSERT_ARTICLE = Text::both(
        "INSERT INTO articles (id, key, status, content_json, owner, owner_json, source, checked_by_json, checked_at_ms, path, \
         version, created_at_ms, changed_at_ms, review_at_ms, imported_json, change) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
         (SELECT value FROM counters WHERE name = 'article_changes'))"
    );
    /// Updates an article in the same way, if its change number is still the one that was read.
    UPDATE_ARTICLE = Text::both(
        "UPDATE articles SET key = $2, status = $3, content_json = $4, owner = $5, owner_json = $6, source = $7, \
         checked_by_json = $8, checked_at_ms = $9, path = $10, version = $11, created_at_ms = $12, changed_at_ms = $13, \
         review_at_ms = $14, imported_json = $15, change = (SELECT value FROM counters WHERE name = 'article_changes') \
         WHERE id = $1 AND change = $16"
    );
    KEEP_VERSION = Text::both(
        "INSERT INTO article_versions (article, version, content_json, by_json, at_ms) VALUES ($1, $2, $3, $4, $5)"
    );
    /// Selects the versions of an article, newest first.
    VERSIONS = Text::both(
        "SELECT version, content_json, by_json, at_ms FROM article_versions WHERE article = $1 ORDER BY version DESC LIMIT $2"
    );
    SUGGESTIONS = Text::both(
        "WITH v (n) AS (VALUES (CAST($1 AS BIGINT))) SELECT ticket_id, found_json, shown, at_ms, solved_by, escalated_at_ms \
         FROM suggestions WHERE ticket_id IN (SELECT v.n FROM v)"
    );
    /// Inserts the suggestion on a ticket, unless there is one.
    SUGGEST = Text::both(
        "INSERT INTO suggestions (ticket_id, found_json, shown, at_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (ticket_id) DO NOTHING"
    );
    /// Records that an article solved a ticket.
    SOLVED = Text::both("UPDATE suggestions SET solved_by = $2, escalated_at_ms = NULL WHERE ticket_id = $1");
    /// Records that a requester wants a person, if a suggestion is shown to which they have not reacted.
    ESCALATED = Text::both(
        "UPDATE suggestions SET escalated_at_ms = $2 WHERE ticket_id = $1 AND shown = 1 AND solved_by IS NULL AND escalated_at_ms IS NULL"
    );
    /// Inserts a mark of an article on a ticket, unless it is there.
    MARK = Text::both(
        "INSERT INTO article_marks (article, kind, ticket_id, at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (article, kind, ticket_id) DO NOTHING"
    );
    /// Counts the marks of an article by kind.
    NUMBERS = Text::both("SELECT kind, count(*) AS times FROM article_marks WHERE article = $1 GROUP BY kind");
    /// Selects the tickets on which an article did not help, newest first.
    COMPLAINTS = Text::both(
        "SELECT t.key, t.title, m.at_ms FROM article_marks AS m JOIN tickets AS t ON t.id = m.ticket_id \
         WHERE m.article = $1 AND m.kind = 'unhelpful' ORDER BY m.ticket_id DESC LIMIT $2"
    );
    /// Counts the suggestions since `$1` by what became of them. A request without activity since `$2` counts as
    /// abandoned. Suggestions for agents alone count as `none`, which is not reported.
    REPORT = Text::both(
        "SELECT count(CASE WHEN became = 'observed' THEN 1 END) AS observed, \
         count(CASE WHEN became = 'confirmed' THEN 1 END) AS confirmed, \
         count(CASE WHEN became = 'escalated' THEN 1 END) AS escalated, \
         count(CASE WHEN became = 'worked' THEN 1 END) AS worked, \
         count(CASE WHEN became = 'abandoned' THEN 1 END) AS abandoned, \
         count(CASE WHEN became = 'open' THEN 1 END) AS still_open FROM (SELECT CASE \
         WHEN s.shown = 0 AND s.found_json LIKE '{\"offered\":[{%' THEN 'observed' \
         WHEN s.shown = 0 THEN 'none' \
         WHEN s.solved_by IS NOT NULL AND t.status IN ('resolved', 'closed') THEN 'confirmed' \
         WHEN s.escalated_at_ms IS NOT NULL OR s.solved_by IS NOT NULL THEN 'escalated' \
         WHEN t.assignee IS NOT NULL OR t.answered_at_ms IS NOT NULL OR t.status <> 'new' THEN 'worked' \
         WHEN t.active_at_ms < $2 THEN 'abandoned' \
         ELSE 'open' END AS became \
         FROM suggestions AS s JOIN tickets AS t ON t.id = s.ticket_id WHERE s.at_ms >= $1) AS each_of"
    );
    /// Selects drafts, oldest first.
    DRAFTS = Text::both(articles!("WHERE status = 'draft' ORDER BY created_at_ms, id LIMIT $1"));
    /// Selects published articles whose review is due, the longest overdue first.
    DUE = Text::both(articles!("WHERE status = 'published' AND review_at_ms <= $1 ORDER BY review_at_ms LIMIT $2"));
    /// Selects published articles that did not help several requesters since their last review, the worst first.
    DISAPPOINTING = Text::both(articles!(
        "WHERE status = 'published' AND disappointed >= $1 ORDER BY disappointed DESC LIMIT $2"
    ));
    /// Locks an article's row until the commit, so that the next count includes the marks that other transactions have
    /// committed.
    HOLD_ARTICLE = Text::both("UPDATE articles SET disappointed = disappointed WHERE id = $1");
    /// Counts again on how many tickets an article did not help since its last review.
    DISAPPOINT = Text::both(
        "UPDATE articles SET disappointed = (SELECT count(*) FROM article_marks AS m \
         WHERE m.article = articles.id AND m.kind = 'unhelpful' AND m.at_ms > coalesce(articles.checked_at_ms, 0)) \
         WHERE id = $1"
    );
    /// Selects articles, newest first.
    NEWEST = Text::both(articles!("WHERE id > $1 ORDER BY id DESC LIMIT $2"));
    /// Selects articles that an account owns or has reviewed. `LIKE` may find others, too.
    ARTICLES_OF = Text::both(
        "SELECT id, owner_json, checked_by_json FROM articles WHERE id > $1 AND (owner_json LIKE $2 OR checked_by_json LIKE $2)"
    );
    /// Replaces the owner and the reviewer of an article.
    REOWN = Text::both("UPDATE articles SET owner = $2, owner_json = $3, checked_by_json = $4, change = $5 WHERE id = $1");
    /// Selects versions that an account wrote. `LIKE` may find others, too.
    VERSIONS_BY = Text::both("SELECT article, version, by_json FROM article_versions WHERE article > $1 AND by_json LIKE $2");
    /// Replaces the author of a version.
    SIGN_VERSION = Text::both("UPDATE article_versions SET by_json = $3 WHERE article = $1 AND version = $2");
}

/// Reads an article by its id.
///
/// # Errors
/// If the database is away.
pub async fn by_id(ask: &mut dyn Ask, id: ArticleId) -> Result<Option<Kept>, StoreError> {
    ask.one(statement(ARTICLE).bind(id.0), kept).await
}

/// Reads an article by its key.
///
/// # Errors
/// If the database is away.
pub async fn by_key(ask: &mut dyn Ask, key: &ArticleKey) -> Result<Option<Kept>, StoreError> {
    ask.one(statement(ARTICLE_BY_KEY).bind(key.to_string()), kept).await
}

/// Reads an article by the path of the file that it was imported from.
///
/// # Errors
/// If the database is away.
pub async fn by_path(ask: &mut dyn Ask, path: &str) -> Result<Option<Kept>, StoreError> {
    ask.one(statement(ARTICLE_BY_PATH).bind(path), kept).await
}

/// Reads at most `limit` articles with an id greater than `after`, in order.
///
/// # Errors
/// If the database is away.
pub async fn page(ask: &mut dyn Ask, after: ArticleId, limit: u32) -> Result<Vec<Article>, StoreError> {
    let articles = ask.all(statement(ARTICLES).bind(after.0).bind(i64::from(limit)), kept).await?;
    Ok(articles.into_iter().map(|kept| kept.article).collect())
}

/// Reads at most `limit` articles whose last change has a number greater than `since`, in the order of these numbers.
///
/// # Errors
/// If the database is away.
pub async fn changed(ask: &mut dyn Ask, since: i64, limit: u32) -> Result<Vec<Kept>, StoreError> {
    ask.all(statement(CHANGED_ARTICLES).bind(since).bind(i64::from(limit)), kept).await
}

/// Reads the number of the last change of any article.
///
/// # Errors
/// If the database is away.
pub async fn last_change(ask: &mut dyn Ask) -> Result<i64, StoreError> {
    Ok(ask.one(statement(LAST_CHANGE), |row| row.get("value")).await?.unwrap_or_default())
}

/// Counts the articles with this status.
///
/// # Errors
/// If the database is away.
pub async fn count(ask: &mut dyn Ask, status: ArticleStatus) -> Result<u64, StoreError> {
    Ok(ask.one(statement(COUNT_ARTICLES).bind(status.as_str()), |row| row.count("articles")).await?.unwrap_or_default())
}

/// Reads the suggestion on a ticket, without the articles that may no longer be offered.
///
/// # Errors
/// If the database is away.
pub async fn suggestion(ask: &mut dyn Ask, ticket: TicketId) -> Result<Option<Suggestion>, StoreError> {
    Ok(suggestions(ask, &[ticket]).await?.pop())
}

/// Reads the suggestions on these tickets, in any order, each without the articles that may no longer be offered.
///
/// # Errors
/// If the database is away.
pub async fn suggestions(ask: &mut dyn Ask, tickets: &[TicketId]) -> Result<Vec<Suggestion>, StoreError> {
    let read = |row: &Row| {
        Ok(Suggestion {
            ticket: TicketId(row.get("ticket_id")?),
            found: row.json("found_json")?,
            is_shown: row.flag("shown")?,
            at: row.moment("at_ms")?,
            solved_by: row.named_if("solved_by")?,
            escalated_at: row.moment_if("escalated_at_ms")?,
        })
    };
    let asked = tickets.iter().map(|ticket| statement(SUGGESTIONS).bind(ticket.0)).collect();
    let mut suggestions: Vec<Suggestion> = ask.all_of(asked, read).await?;
    let lists = suggestions.iter().flat_map(|one| [&one.found.offered, &one.found.fits]);
    let articles: BTreeSet<ArticleId> = lists.flatten().map(|one| one.article).collect();
    let asked = articles.iter().map(|article| statement(THESE_ARTICLES).bind(article.0)).collect();
    let articles: HashMap<ArticleId, Article> =
        ask.all_of(asked, kept).await?.into_iter().map(|kept| (kept.article.id, kept.article)).collect();
    // Articles that are not published any more are left out of both lists. Articles that are for agents alone by now
    // are left out of the list for the requester.
    for suggestion in &mut suggestions {
        let is_kept = |id: &ArticleId| articles.get(id).filter(|article| article.is_published());
        suggestion.found.fits.retain(|one| is_kept(&one.article).is_some());
        suggestion
            .found
            .offered
            .retain(|one| is_kept(&one.article).is_some_and(|article| article.content.audience == Audience::Everyone));
    }
    Ok(suggestions)
}

/// Stores the suggestion on a ticket, unless there is one already.
///
/// # Errors
/// If the database is away.
pub fn suggest(tx: &mut dyn Tx, suggestion: &Suggestion) -> Result<(), StoreError> {
    let shown = i64::from(suggestion.is_shown);
    let suggest = statement(SUGGEST).bind(suggestion.ticket.0).bind(json(&suggestion.found)?).bind(shown);
    tx.write(suggest.bind(ms(suggestion.at)))
}

/// Records that an article solved a ticket.
///
/// # Errors
/// If the database is away.
pub fn solved(tx: &mut dyn Tx, ticket: TicketId, by: &ArticleKey) -> Result<(), StoreError> {
    tx.write(statement(SOLVED).bind(ticket.0).bind(by.to_string()))
}

/// Records that a requester wants a person instead of the suggested article. Does nothing if no suggestion is shown to
/// which the requester has not reacted.
///
/// # Errors
/// If the database is away.
pub fn escalated(tx: &mut dyn Tx, ticket: TicketId, at: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(ESCALATED).bind(ticket.0).bind(ms(at)))
}

/// Stores a mark of an article on a ticket. Each mark counts once for each ticket.
///
/// # Errors
/// If the database is away.
pub fn mark(
    tx: &mut dyn Tx,
    article: ArticleId,
    mark: Mark,
    ticket: TicketId,
    at: Timestamp,
) -> Result<(), StoreError> {
    if mark == Mark::Unhelpful {
        tx.write(statement(HOLD_ARTICLE).bind(article.0))?;
    }
    tx.write(statement(MARK).bind(article.0).bind(mark.as_str()).bind(ticket.0).bind(ms(at)))?;
    if mark == Mark::Unhelpful { tx.write(statement(DISAPPOINT).bind(article.0)) } else { Ok(()) }
}

/// Counts the marks of an article.
///
/// # Errors
/// If the database is away.
pub async fn numbers(ask: &mut dyn Ask, article: ArticleId) -> Result<Numbers, StoreError> {
    let counted = |row: &Row| Ok((row.get::<String>("kind")?, row.count("times")?));
    let counts = ask.all(statement(NUMBERS).bind(article.0), counted).await?;
    let of = |mark: Mark| counts.iter().find(|(kind, _)| kind == mark.as_str()).map_or(0, |(_, times)| *times);
    Ok(Numbers {
        shown: of(Mark::Shown),
        read: of(Mark::Read),
        solved: of(Mark::Solved),
        helpful: of(Mark::Helpful),
        unhelpful: of(Mark::Unhelpful),
    })
}

/// Reads the article of this key with its figures and at most `complaints` complaints.
///
/// # Errors
/// If the database is away.
pub async fn overview(ask: &mut dyn Ask, key: &ArticleKey, complaints: u32) -> Result<Option<Overview>, StoreError> {
    let Some(kept) = by_key(ask, key).await? else { return Ok(None) };
    let numbers = numbers(ask, kept.article.id).await?;
    let read =
        |row: &Row| Ok(Complaint { ticket: row.named("key")?, title: row.get("title")?, at: row.moment("at_ms")? });
    let asked = statement(COMPLAINTS).bind(kept.article.id.0).bind(i64::from(complaints));
    let complaints = if numbers.unhelpful == 0 { Vec::new() } else { ask.all(asked, read).await? };
    Ok(Some(Overview { kept, numbers, complaints }))
}

/// Reads at most `limit` articles of this list. `several`: on how many tickets an article must have failed to help to
/// be listed as not helpful.
///
/// # Errors
/// If the database is away.
pub async fn listed(
    ask: &mut dyn Ask,
    listing: Listing,
    now: Timestamp,
    several: u32,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    let limit = i64::from(limit);
    let kept = match listing {
        Listing::Drafts => ask.all(statement(DRAFTS).bind(limit), kept).await?,
        Listing::Review => ask.all(statement(DUE).bind(ms(now)).bind(limit), kept).await?,
        Listing::All => ask.all(statement(NEWEST).bind(0).bind(limit), kept).await?,
        Listing::Unhelpful => ask.all(statement(DISAPPOINTING).bind(i64::from(several)).bind(limit), kept).await?,
    };
    let mut listed = Vec::with_capacity(kept.len());
    for Kept { article, .. } in kept {
        let numbers = numbers(ask, article.id).await?;
        listed.push(Listed { article, as_one_of: listing, numbers });
    }
    Ok(listed)
}

/// Counts the suggestions since `since` by what became of them. A request without activity since `quiet_since` counts
/// as abandoned.
///
/// # Errors
/// If the database is away.
pub async fn report(ask: &mut dyn Ask, since: Timestamp, quiet_since: Timestamp) -> Result<Report, StoreError> {
    let read = |row: &Row| {
        let (confirmed, escalated, worked) = (row.count("confirmed")?, row.count("escalated")?, row.count("worked")?);
        let (abandoned, open) = (row.count("abandoned")?, row.count("still_open")?);
        let shown = confirmed + escalated + worked + abandoned + open;
        Ok(Report { observed: row.count("observed")?, shown, confirmed, escalated, worked, abandoned, open })
    };
    let asked = statement(REPORT).bind(ms(since)).bind(ms(quiet_since));
    Ok(ask.one(asked, read).await?.unwrap_or_default())
}

/// Draws the id and the key for the next article.
///
/// # Errors
/// If the database is away.
pub async fn next(tx: &mut dyn Tx, prefix: &str) -> Result<(ArticleId, ArticleKey), StoreError> {
    let id = draw(tx, "article_ids").await?;
    Ok((ArticleId(id), ArticleKey::new(prefix, id)))
}

/// Reads at most `limit` versions of an article, newest first.
///
/// # Errors
/// If the database is away.
pub async fn versions(ask: &mut dyn Ask, id: ArticleId, limit: u32) -> Result<Vec<Version>, StoreError> {
    let version = |row: &Row| {
        Ok(Version {
            number: row.get("version")?,
            content: row.json("content_json")?,
            by: row.json_if("by_json")?,
            at: row.moment("at_ms")?,
        })
    };
    ask.all(statement(VERSIONS).bind(id.0).bind(i64::from(limit)), version).await
}

/// Inserts an article under the next id, and its first version. Returns the article with its id and key.
///
/// # Errors
/// If the database is away.
pub async fn insert(
    tx: &mut dyn Tx,
    article: Article,
    prefix: &str,
    by: Option<&Person>,
) -> Result<Article, StoreError> {
    let (id, key) = next(tx, prefix).await?;
    let article = Article { id, key, version: 1, ..article };
    insert_as(tx, &article, by)?;
    Ok(article)
}

/// Inserts an article under the id and key that it has, and its first version.
///
/// # Errors
/// If the database is away.
pub fn insert_as(tx: &mut dyn Tx, article: &Article, by: Option<&Person>) -> Result<(), StoreError> {
    tx.wake(Wake::Everywhere);
    tx.write(statement(SKIP).bind("article_changes").bind(1))?;
    tx.write(bind_all(statement(INSERT_ARTICLE), article)?)?;
    keep_version(tx, article, by)
}

/// Updates an article. Changed content is stored as the next version. Conflicts if the article was changed since
/// `before` was read.
///
/// # Errors
/// If the database is away.
pub fn update(tx: &mut dyn Tx, before: &Kept, article: Article, by: Option<&Person>) -> Result<(), StoreError> {
    let version = version_after(&before.article, &article.content);
    let article = Article { id: before.article.id, key: before.article.key.clone(), version, ..article };
    tx.wake(Wake::Everywhere);
    tx.write(statement(SKIP).bind("article_changes").bind(1))?;
    tx.write(bind_all(statement(UPDATE_ARTICLE), &article)?.bind(before.change).or_conflict())?;
    tx.write(statement(DISAPPOINT).bind(article.id.0))?;
    if version != before.article.version {
        keep_version(tx, &article, by)?;
    }
    Ok(())
}

/// Skips the next `by` keys.
///
/// # Errors
/// If the database is away.
pub async fn skip_keys(tx: &mut dyn Tx, by: i64) -> Result<(), StoreError> {
    tx.write(statement(SKIP).bind("article_ids").bind(by))
}

/// Replaces an account by `alias` where it owns, has reviewed or has written articles. Returns the number of articles
/// and versions.
///
/// # Errors
/// If the database is away.
pub async fn rename(tx: &mut dyn Tx, account: &PersonRef, alias: &Person) -> Result<u64, StoreError> {
    let mut found = 0;
    let is_theirs = |person: &Option<Person>| person.as_ref().is_some_and(|person| person.who == *account);
    let pattern = account_anywhere(account)?;
    for row in tx.rows(statement(ARTICLES_OF).bind(0).bind(&pattern)).await? {
        let (owner, checked): (Option<Person>, Option<Person>) =
            (row.json_if("owner_json")?, row.json_if("checked_by_json")?);
        if is_theirs(&owner) || is_theirs(&checked) {
            found += 1;
            let renamed = |person: Option<Person>| if is_theirs(&person) { Some(alias.clone()) } else { person };
            let (owner, checked) = (renamed(owner), renamed(checked));
            // The new change number makes a concurrent change of the article conflict, so that it cannot write the name
            // back.
            let change = draw(tx, "article_changes").await?;
            let update =
                statement(REOWN).bind(row.get::<i64>("id")?).bind(owner.as_ref().map(|owner| owner.who.to_string()));
            let update =
                update.bind(owner.as_ref().map(json).transpose()?).bind(checked.as_ref().map(json).transpose()?);
            tx.write(update.bind(change))?;
        }
    }
    for row in tx.rows(statement(VERSIONS_BY).bind(0).bind(&pattern)).await? {
        if is_theirs(&row.json_if("by_json")?) {
            found += 1;
            let version = statement(SIGN_VERSION).bind(row.get::<i64>("article")?).bind(row.get::<i64>("version")?);
            tx.write(version.bind(json(alias)?))?;
        }
    }
    Ok(found)
}

async fn draw(tx: &mut dyn Tx, sequence: &str) -> Result<i64, StoreError> {
    let drawn = tx.rows(statement(DRAW).bind(sequence)).await?;
    drawn.first().ok_or_else(|| StoreError::Corrupt(format!("the sequence {sequence} is missing")))?.get("value")
}

fn keep_version(tx: &mut dyn Tx, article: &Article, by: Option<&Person>) -> Result<(), StoreError> {
    let version = statement(KEEP_VERSION).bind(article.id.0).bind(article.version).bind(json(&article.content)?);
    tx.write(version.bind(by.map(json).transpose()?).bind(ms(article.changed_at)))
}

fn bind_all(query: Statement, article: &Article) -> Result<Statement, StoreError> {
    let (owner, checked) = (article.owner.as_ref(), article.checked.as_ref());
    Ok(query
        .bind(article.id.0)
        .bind(article.key.to_string())
        .bind(article.status.as_str())
        .bind(json(&article.content)?)
        .bind(owner.map(|owner| owner.who.to_string()))
        .bind(owner.map(json).transpose()?)
        .bind(article.source.as_ref().map(ToString::to_string))
        .bind(checked.map(|checked| json(&checked.by)).transpose()?)
        .bind(checked.map(|checked| ms(checked.at)))
        .bind(article.path.clone())
        .bind(article.version)
        .bind(ms(article.created_at))
        .bind(ms(article.changed_at))
        .bind(article.content.review_at.map(ms))
        .bind(article.imported.as_ref().map(json).transpose()?))
}

fn kept(row: &Row) -> Result<Kept, StoreError> {
    let checked = match (row.json_if("checked_by_json")?, row.moment_if("checked_at_ms")?) {
        (Some(by), Some(at)) => Some(Checked { by, at }),
        _ => None,
    };
    let content: Content = row.json("content_json")?;
    let (created_at, changed_at): (Timestamp, Timestamp) = (row.moment("created_at_ms")?, row.moment("changed_at_ms")?);
    let article = Article {
        id: ArticleId(row.get("id")?),
        key: row.named("key")?,
        status: row.named("status")?,
        content,
        owner: row.json_if("owner_json")?,
        source: row.named_if("source")?,
        checked,
        path: row.get("path")?,
        imported: row.json_if("imported_json")?,
        version: row.get("version")?,
        created_at,
        changed_at,
    };
    Ok(Kept { article, change: row.get("change")? })
}
