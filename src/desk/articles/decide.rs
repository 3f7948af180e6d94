//! Decides about listing, writing, editing, publishing, reviewing and retiring articles, and about reminders of drafts.

use jiff::{SignedDuration, Timestamp};

use super::text;
use crate::desk::acts::{Actor, answer, refuse};
use crate::desk::decision::{Change, Decision};
use crate::desk::hear::{ActData, Desk};
use crate::desk::knowledge::state::{
    Article, Checked, Content, LONGEST_BODY, LONGEST_SUMMARY, LONGEST_TITLE, Listing, Overview, version_after,
};
use crate::desk::plan::Plan;
use crate::domain::act::{Args, Given, Spec, Value};
use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::audit::FieldChange;
use crate::domain::event::{Timer, TimerKind};
use crate::domain::form::MAX_FIELD_CHARS;
use crate::domain::ids::{ArticleId, Person};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::plain::one_line;
use crate::domain::right::Right;

use super::acts::{EDIT_ARTICLE, PUBLISH_ARTICLE, RETIRE_ARTICLE, REVIEW_ARTICLE, WRITE_ARTICLE};

/// An article is listed as not helpful if it did not help at least this many requesters since it was last checked.
pub const UNHELPFUL_FROM: u32 = 2;
/// The largest number of articles that is read for each list.
pub const LISTED: u32 = 50;
/// The largest number of requests, for which an article did not help, on the article's card.
pub const COMPLAINTS: u32 = 5;

/// Returns the lists for the choice `which`. Without a choice: all lists of articles that need somebody's work.
#[must_use]
pub fn listings(which: &str) -> &'static [Listing] {
    match which {
        "drafts" => &[Listing::Drafts],
        "review" => &[Listing::Review],
        "unhelpful" => &[Listing::Unhelpful],
        "all" => &[Listing::All],
        _ => &[Listing::Unhelpful, Listing::Review, Listing::Drafts],
    }
}

/// Returns the initial values of the fields in an article's form.
#[must_use]
pub fn form_values(article: &Article) -> Given {
    let content = &article.content;
    let body = match (&content.url, content.body.trim()) {
        (Some(url), "") => url,
        _ => &content.body,
    };
    let fields = [
        ("title", content.title.clone()),
        ("summary", content.summary.clone()),
        ("body", body.clone()),
        ("tags", content.tags.join(", ")),
        ("audience", content.audience.as_str().to_owned()),
    ];
    fields.into_iter().map(|(name, text)| (name.to_owned(), Value::Text(text))).collect()
}

/// Shows a list of articles.
pub(super) fn list(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let listed = if let ActData::Articles(listed) = data { listed.as_slice() } else { &[] };
    answer(&mut plan, actor, text::list(args.text("which"), listed));
    plan.end(Outcome::Done(None))
}

/// Shows an article with the counts of its marks.
pub(super) fn show(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    match found(args, data) {
        Ok(overview) => {
            let card = card(&plan, actor, overview);
            answer(&mut plan, actor, card);
            plan.end(Outcome::Done(None))
        }
        Err(why) => refuse(plan, actor, why),
    }
}

/// Writes a new article as a draft, and sets the timer that reminds its author of it.
pub(super) fn write(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let ActData::NextArticle(id, key) = data else { return plan.end(Outcome::Ignored) };
    let content = match content(args, &Content::default()) {
        Ok(content) => content,
        Err(why) => return refuse(plan, actor, why),
    };
    let (desk, by) = (plan.desk, author(actor));
    let article = Article {
        id: *id,
        key: key.clone(),
        status: ArticleStatus::Draft,
        content,
        owner: Some(by.clone()),
        source: None,
        checked: None,
        path: None,
        imported: None,
        version: 1,
        created_at: desk.now,
        changed_at: desk.now,
    };
    plan.change(Change::WriteArticle { article: Box::new(article.clone()), by });
    if let Some(due) = reminder_at(desk, desk.now) {
        plan.change(Change::SetTimer(reminder(*id, due)));
    }
    plan.audit_about((*id).into(), &WRITE_ARTICLE.spec, Vec::new());
    let may_publish = is_publisher(&plan, actor.person);
    answer(&mut plan, actor, text::written(&article, may_publish));
    plan.end(Outcome::Done(None))
}

/// Changes the content of an article.
pub(super) fn edit(plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let overview = match found(args, data) {
        Ok(overview) => overview,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &overview.kept.article;
    if before.status != ArticleStatus::Draft && !is_publisher(&plan, actor.person) {
        return refuse(plan, actor, text::publishers_only(before));
    }
    if !is_editable(before) {
        return refuse(plan, actor, text::too_long_to_edit(before));
    }
    match content(args, &before.content) {
        Ok(content) => {
            let after = Article { content, ..before.clone() };
            change(plan, actor, &EDIT_ARTICLE.spec, overview, after, text::saved)
        }
        Err(why) => refuse(plan, actor, why),
    }
}

/// Publishes a draft, or a retired article again. The actor counts as having checked it now.
pub(super) fn publish(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let overview = match found(args, data) {
        Ok(overview) => overview,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &overview.kept.article;
    if !before.status.can("publish") {
        return refuse(plan, actor, text::is_published_already(before));
    }
    plan.change(no_reminder(before.id));
    let after = Article { status: ArticleStatus::Published, ..checked(&plan, actor, before, None) };
    change(plan, actor, &PUBLISH_ARTICLE.spec, overview, after, text::published)
}

/// Writes that the actor has checked an article and found it right, and sets its next review date.
pub(super) fn review(plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let overview = match found(args, data) {
        Ok(overview) => overview,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &overview.kept.article;
    if !before.is_published() {
        return refuse(plan, actor, text::is_not_published(before));
    }
    let after = checked(&plan, actor, before, args.date("again"));
    change(plan, actor, &REVIEW_ARTICLE.spec, overview, after, text::reviewed)
}

/// Retires an article. It stays stored, but searches no longer find it.
pub(super) fn retire(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let overview = match found(args, data) {
        Ok(overview) => overview,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &overview.kept.article;
    if !before.status.can("retire") {
        return refuse(plan, actor, text::is_retired_already(before));
    }
    plan.change(no_reminder(before.id));
    let after = Article { status: ArticleStatus::Retired, ..before.clone() };
    change(plan, actor, &RETIRE_ARTICLE.spec, overview, after, text::retired)
}

/// Decides about the timer of a draft: if the article is still a draft, its owner is reminded, once.
pub(in crate::desk) fn draft_waits(desk: &Desk, timer: &Timer, article: Option<&Article>) -> Decision {
    let mut plan = Plan::of(desk);
    plan.change(Change::ClearTimer { on: timer.on.clone(), kind: timer.kind, slot: timer.slot });
    let draft = article.filter(|article| article.status == ArticleStatus::Draft);
    if let Some((draft, owner)) = draft.and_then(|draft| Some((draft, draft.owner.as_ref()?)))
        && !owner.who.is_erased()
    {
        plan.whisper(None, &owner.who, None, None, text::draft_waits(draft));
    }
    plan.end(Outcome::Done(None))
}

/// Returns the article of the parameter `article`. The error is the refusal: there is no such article, or it is not in
/// the version that the actor's button or form carries.
fn found<'s>(args: &Args, data: &'s ActData) -> Result<&'s Overview, Message> {
    let meant = args.key("article");
    let ActData::Overview(Some(overview)) = data else {
        return Err(text::unknown(&meant.map(|article| article.key.to_string()).unwrap_or_default()));
    };
    if meant.and_then(|article| article.version).is_some_and(|version| version != overview.kept.article.version) {
        return Err(text::changed_meanwhile(&overview.kept.article));
    }
    Ok(overview)
}

/// Writes a changed article with its audit entry. The answer is `says` of the article, and its card.
fn change(
    mut plan: Plan<'_>,
    actor: &Actor<'_>,
    spec: &'static Spec,
    overview: &Overview,
    after: Article,
    says: fn(&Article) -> Message,
) -> Decision {
    let before = &overview.kept;
    let version = version_after(&before.article, &after.content);
    let after = Article { version, changed_at: plan.desk.now, ..after };
    plan.change(Change::PutArticle {
        before: Box::new(before.clone()),
        after: Box::new(after.clone()),
        by: author(actor),
    });
    let (from, to) = (before.article.status, after.status);
    let status = (from != to).then(|| FieldChange {
        field: "status".to_owned(),
        from: Some(from.as_str().to_owned()),
        to: Some(to.as_str().to_owned()),
    });
    plan.audit_about(after.id.into(), spec, status.into_iter().collect());
    let now =
        Overview { kept: crate::desk::knowledge::state::Kept { article: after, ..before.clone() }, ..overview.clone() };
    let card = card(&plan, actor, &now);
    answer(&mut plan, actor, says(&now.kept.article).and(card));
    plan.end(Outcome::Done(None))
}

/// Returns the card of an article for this person. The words of requesters are shown to agents only.
fn card(plan: &Plan<'_>, actor: &Actor<'_>, overview: &Overview) -> Message {
    let mut overview = overview.clone();
    if !plan.is_agent(actor.person) {
        overview.complaints.clear();
    }
    text::card(&overview, is_publisher(plan, actor.person))
}

/// Returns the article marked as checked by the actor, with its next review date: `again`, else after the days in the
/// settings.
fn checked(plan: &Plan<'_>, actor: &Actor<'_>, article: &Article, again: Option<Timestamp>) -> Article {
    let now = plan.desk.now;
    // If an article that is not published has a review date in the future, that date is kept, unless `again` is given.
    let is_set = |at: &Timestamp| article.status != ArticleStatus::Published && *at > now;
    let set = article.content.review_at.filter(is_set);
    let review_at = again.or(set).or_else(|| days_after(now, plan.desk.rules.knowledge.review_after_days));
    Article {
        checked: Some(Checked { by: author(actor), at: now }),
        content: Content { review_at, ..article.content.clone() },
        ..article.clone()
    }
}

/// Returns the content `before`, changed by the values of a form. The error is the refusal: a value is not valid. A
/// body that is only an address becomes the article's link.
fn content(args: &Args, before: &Content) -> Result<Content, Message> {
    let title = one_line(args.text("title").trim());
    let summary = one_line(args.text("summary").trim());
    let body = args.text("body").replace("\r\n", "\n").trim().to_owned();
    if title.chars().count() > LONGEST_TITLE {
        return Err(text::too_long("title", LONGEST_TITLE));
    }
    if summary.chars().count() > LONGEST_SUMMARY {
        return Err(text::too_long("sentence about what it solves", LONGEST_SUMMARY));
    }
    if body.chars().count() > LONGEST_BODY {
        return Err(text::too_long("text", LONGEST_BODY));
    }
    let (body, url) = match is_address(&body) {
        true if summary.is_empty() => return Err(text::link_needs_summary()),
        true => (String::new(), Some(body)),
        false if before.body.trim().is_empty() => (body, None),
        false => (body, before.url.clone()),
    };
    let mut tags: Vec<String> = Vec::new();
    for tag in args.text("tags").split(',').map(|tag| one_line(tag.trim())).filter(|tag| !tag.is_empty()) {
        if !tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
            tags.push(tag);
        }
    }
    let audience: Audience = args.text("audience").parse().unwrap_or_default();
    Ok(Content { title, summary, body, url, tags, audience, ..before.clone() })
}

/// Whether a text is the address of a page and nothing else.
fn is_address(text: &str) -> bool {
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| rest.contains('.') && !rest.starts_with('.') && !text.contains(char::is_whitespace))
}

/// Whether the body and the tags of an article fit into the fields of its form.
pub(in crate::desk) fn is_editable(article: &Article) -> bool {
    let fits = |text: &str| text.encode_utf16().count() <= MAX_FIELD_CHARS;
    fits(&article.content.body) && fits(&article.content.tags.join(", "))
}

fn is_publisher(plan: &Plan<'_>, person: &Person) -> bool {
    plan.may(person, Right::ArticlePublish)
}

fn author(actor: &Actor<'_>) -> Person {
    Person::new(actor.person.who.clone(), actor.person.name.clone())
}

/// Returns when the owner of a draft from the time `from` is reminded of it. `None`: the settings say never.
fn reminder_at(desk: &Desk, from: Timestamp) -> Option<Timestamp> {
    days_after(from, desk.rules.knowledge.draft_reminder_days)
}

/// Returns the time `days` times 24 hours after `from`. `None` if `days` is zero.
fn days_after(from: Timestamp, days: u32) -> Option<Timestamp> {
    if days == 0 { None } else { from.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok() }
}

fn reminder(article: ArticleId, due: Timestamp) -> Timer {
    Timer { on: article.into(), kind: TimerKind::ArticleDraft, slot: 0, due }
}

fn no_reminder(article: ArticleId) -> Change {
    Change::ClearTimer { on: article.into(), kind: TimerKind::ArticleDraft, slot: 0 }
}
