//! The sentences for people who keep articles.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::acts::{ARTICLE_CARD, EDIT_ARTICLE, PUBLISH_ARTICLE, RETIRE_ARTICLE, REVIEW_ARTICLE, WRITE_ARTICLE};
use super::decide::is_editable;
use crate::desk::knowledge;
use crate::desk::knowledge::state::{Article, Listed, Listing, Numbers, Overview};
use crate::domain::act::{ActRef, Spec};
use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::ids::KeyRef;
use crate::domain::message::{Cell, Control, Line, Message, Span, Table, quoted, said, strong};

/// The number of articles in a list, from its beginning, that have a button.
const OPENED_BY_BUTTON: usize = 4;

/// Returns the button of an act on an article. It carries the article's version: the act is refused if the article has
/// changed since.
fn button(spec: &Spec, article: &Article) -> Control {
    let with = KeyRef { key: article.key.clone(), version: Some(article.version) };
    Control::button(spec.label, ActRef { carried: Some(with.to_string()), ..ActRef::bare(spec.act()) })
        .styled(spec.style)
}

/// Returns a button that shows the card of an article, in whatever version the article then has.
fn open(label: &str, article: &Article) -> Control {
    Control::button(label, ActRef { carried: Some(article.key.to_string()), ..ActRef::bare(ARTICLE_CARD.spec.act()) })
}

/// Returns the date in UTC, since a list has no reader's time zone.
fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).date().to_string()
}

fn named(article: &Article) -> Vec<Span> {
    vec![strong(&article.key), said(" “"), Span::Written(article.content.title.clone()), said("”")]
}

/// Returns a line that begins with key and title of the article and goes on with `rest`.
fn of(article: &Article, rest: &str) -> Message {
    let mut line = named(article);
    line.push(said(rest));
    Message::new([Line(line)])
}

/// Shows the list `which` of articles, as a table with buttons. An empty list says so.
#[must_use]
pub fn list(which: &str, listed: &[Listed]) -> Message {
    let write = Control::button(WRITE_ARTICLE.spec.label, ActRef::bare(WRITE_ARTICLE.spec.act()));
    if listed.is_empty() {
        let none = match which {
            "drafts" => "There are no drafts waiting.",
            "review" => "No article is due for a review yet.",
            "unhelpful" => "No article has let several people down since it was last checked.",
            "all" => "There are no articles yet.",
            _ => {
                "No article needs anybody right now: no drafts, none due for a review, none that let several people down. \
                 /desk articles all lists every article."
            }
        };
        return Message::said(none).with([write]);
    }
    let state_of = |one: &Listed| match (one.as_one_of, one.article.status) {
        (Listing::Unhelpful, _) => "did not help".to_owned(),
        (Listing::Review, _) => match one.article.content.review_at {
            Some(at) => format!("due for a review since {}", day(at)),
            None => "due for a review".to_owned(),
        },
        (_, ArticleStatus::Draft) => format!("draft since {}", day(one.article.created_at)),
        (_, status) => status.as_str().to_owned(),
    };
    let row = |one: &Listed| {
        let article = &one.article;
        vec![
            Cell::Key(article.key.to_string()),
            Cell::Words(article.content.title.clone()),
            Cell::Words(state_of(one)),
            Cell::Words(article.owner.as_ref().map(|owner| owner.name.clone()).unwrap_or_default()),
            Cell::Number(one.numbers.shown),
            Cell::Number(one.numbers.solved),
            Cell::Number(one.numbers.unhelpful),
        ]
    };
    let columns = ["Key", "Article", "Status", "Kept by", "Shown", "Solved", "Not helpful"];
    let head = match which {
        "drafts" => "Drafts:",
        "review" => "Due for a review:",
        "unhelpful" => "These have let several people down since they were last checked:",
        "all" => "The desk's articles:",
        _ => "These articles need somebody:",
    };
    let mut lines = vec![Line::said(head)];
    if listed.len() > OPENED_BY_BUTTON {
        lines.push(Line::said("To open one, say /desk article and its key."));
    }
    let columns = columns.map(str::to_owned).to_vec();
    let opened = listed.iter().take(OPENED_BY_BUTTON).map(|one| open(&one.article.key.to_string(), &one.article));
    Message::new(lines)
        .with_table(Table { columns, rows: listed.iter().map(row).collect() })
        .with(std::iter::once(write).chain(opened))
}

/// Shows the card of an article: its status, the counts of its marks, requests for which it did not help, and the
/// buttons of the acts that the reader may do.
#[must_use]
pub fn card(overview: &Overview, may_publish: bool) -> Message {
    let article = &overview.kept.article;
    let content = &article.content;
    let mut lines = vec![Line(named(article))];
    if !content.summary.is_empty() {
        lines.push(Line(vec![Span::Written(content.summary.clone())]));
    }
    lines.push(status_line(article));
    lines.push(counts_line(&overview.numbers));
    for complaint in &overview.complaints {
        lines.push(Line(vec![
            said("• did not help: "),
            strong(&complaint.ticket),
            said(" "),
            quoted(&complaint.title),
            said(" · "),
            Span::Ago(complaint.at),
        ]));
    }
    if let Some(path) = &article.path {
        lines.push(Line(vec![
            said("Imported from "),
            Span::Written(path.clone()),
            said(". Once it has been edited here, importing leaves it alone."),
        ]));
    }
    let is_draft = article.status == ArticleStatus::Draft;
    let mut controls = vec![knowledge::text::read_button(&article.key)];
    if !is_editable(article) {
        lines.push(Line::said("It's too long for a form: change its file and import that."));
    } else if may_publish || is_draft {
        controls.push(button(&EDIT_ARTICLE.spec, article));
    }
    if may_publish {
        match article.status {
            ArticleStatus::Draft => {
                controls.extend([button(&PUBLISH_ARTICLE.spec, article), button(&RETIRE_ARTICLE.spec, article)]);
            }
            ArticleStatus::Published => {
                controls.extend([button(&REVIEW_ARTICLE.spec, article), button(&RETIRE_ARTICLE.spec, article)]);
            }
            ArticleStatus::Retired => controls.push(button(&PUBLISH_ARTICLE.spec, article)),
        }
    }
    Message::new(lines).with(controls)
}

/// Returns a line with status, version, audience, owner and dates of an article.
fn status_line(article: &Article) -> Line {
    let status = match article.status {
        ArticleStatus::Draft => "Draft, not found in searches yet",
        ArticleStatus::Published => "Published",
        ArticleStatus::Retired => "Retired, no longer found in searches",
    };
    let mut line = vec![said(format!("{status} · version {}", article.version))];
    if article.content.audience == Audience::Agents {
        line.push(said(" · only for the desk's agents"));
    }
    match &article.owner {
        Some(owner) => line.extend([said(" · kept by "), quoted(&owner.name)]),
        None => line.push(said(" · kept by nobody")),
    }
    if let Some(checked) = &article.checked {
        line.extend([said(" · checked by "), quoted(&checked.by.name), said(" "), Span::Ago(checked.at)]);
    }
    if let Some(at) = article.content.review_at.filter(|_| article.is_published()) {
        line.extend([said(" · next review "), Span::At(at)]);
    }
    Line(line)
}

/// Returns a line with the counts of an article's marks.
fn counts_line(numbers: &Numbers) -> Line {
    let Numbers { shown, read, solved, helpful, unhelpful } = numbers;
    Line::said(format!(
        "Requests: shown on {shown}, read on {read}, solved {solved}, helpful on {helpful}, not helpful on {unhelpful}."
    ))
}

/// Answers the author of a new article. `may_publish` says whether the author may publish it.
#[must_use]
pub fn written(article: &Article, may_publish: bool) -> Message {
    let rest = match may_publish {
        true => " is saved as a draft. Nobody will find it until it's published.",
        false => {
            " is saved as a draft. Those who publish articles will find it among the drafts (/desk articles drafts)."
        }
    };
    let mut controls = vec![knowledge::text::read_button(&article.key), button(&EDIT_ARTICLE.spec, article)];
    if may_publish {
        controls.push(button(&PUBLISH_ARTICLE.spec, article));
    }
    of(article, rest).with(controls)
}

/// Reminds the owner of a draft that has not been published.
#[must_use]
pub fn draft_waits(article: &Article) -> Message {
    let rest = " is still a draft of yours, so nobody can find it. Those who publish articles can publish it, or retire it if it \
                isn't needed.";
    of(article, rest).with([open("Open", article)])
}

/// Answers a person who has edited an article.
#[must_use]
pub fn saved(article: &Article) -> Message {
    match article.status {
        ArticleStatus::Published => Message::said("Saved. From now on, this is what people find."),
        ArticleStatus::Draft | ArticleStatus::Retired => Message::said("Saved."),
    }
}

/// Answers a person who has published an article.
#[must_use]
pub fn published(article: &Article) -> Message {
    Message::said(match article.content.audience {
        Audience::Everyone => "Published. In a few seconds, everybody can find it.",
        Audience::Agents => "Published. In a few seconds, the desk's agents can find it.",
    })
}

/// Answers a person who has checked an article and found it right.
#[must_use]
pub fn reviewed(_: &Article) -> Message {
    Message::said("Thank you. I've noted that you checked it.")
}

/// Answers a person who has retired an article.
#[must_use]
pub fn retired(_: &Article) -> Message {
    Message::said("Retired. In a few seconds, nobody will find it any more; publishing it brings it back.")
}

/// Refuses an act: there is no article with this key.
#[must_use]
pub fn unknown(key: &str) -> Message {
    Message::new([Line(vec![said("I can't find an article "), quoted(key), said(". /desk articles all lists them.")])])
}

/// Refuses an act: the article has changed since its button or form was shown.
#[must_use]
pub fn changed_meanwhile(article: &Article) -> Message {
    of(article, " has changed in the meantime, so I didn't save anything. Please open it and look again.")
        .with([open("Open", article)])
}

/// Refuses to edit an article that is no draft, by a person who may not publish.
#[must_use]
pub fn publishers_only(article: &Article) -> Message {
    of(article, " is no longer a draft, so only those who publish articles can change it. Please ask one of them.")
}

/// Refuses to edit an article that does not fit into the fields of its form.
#[must_use]
pub fn too_long_to_edit(article: &Article) -> Message {
    of(article, " is too long for a form. Change its file and import that (deskbell knowledge export, then import).")
}

/// Refuses to publish an article that is already published.
#[must_use]
pub fn is_published_already(article: &Article) -> Message {
    of(article, " is already published.").with([open("Open", article)])
}

/// Refuses to retire an article that is already retired.
#[must_use]
pub fn is_retired_already(article: &Article) -> Message {
    of(article, " is already retired.").with([open("Open", article)])
}

/// Refuses to review an article that is not published.
#[must_use]
pub fn is_not_published(article: &Article) -> Message {
    of(article, " isn't published, so there's nothing to check.").with([open("Open", article)])
}

/// Refuses a value that is longer than `most` characters. `what` names the field.
#[must_use]
pub fn too_long(what: &str, most: usize) -> Message {
    Message::said(format!("The {what} can have {most} characters at most. Please shorten it."))
}

/// Refuses an article whose body is only a link and that has no summary: people find it by its summary.
#[must_use]
pub fn link_needs_summary() -> Message {
    Message::said("An article that is a link needs a sentence about what it solves: that is what people find it by.")
}
