//! What the bot says of articles.

use super::acts::{MORE_ARTICLES, PERSON, READ, READ_SUGGESTED, SOLVED, UNHELPFUL};
use super::state::{Article, Offered, Suggestion};
use crate::desk::tickets::state::Ticket;
use crate::domain::act::{ActRef, Spec};
use crate::domain::ids::ArticleKey;
use crate::domain::markdown;
use crate::domain::message::{Control, Line, Message, Span, quoted, said, strong};

fn written(text: impl Into<String>) -> Span {
    Span::Written(text.into())
}

/// A button of an act about an article, on a ticket.
fn on_ticket(spec: &Spec, label: &str, ticket: &Ticket, key: &ArticleKey) -> Control {
    let does = ActRef { with: Some(key.to_string()), ..spec.on(ticket.tag()) };
    Control::button(label, does).styled(spec.style)
}

fn read_button(label: &str, key: &ArticleKey) -> Control {
    Control::button(label, ActRef { with: Some(key.to_string()), ..ActRef::bare(READ.spec.act()) })
}

/// A title in the midst of a line.
fn title(title: &str) -> Span {
    written(format!("“{title}”"))
}

/// What is said below the confirmation of a request that an article may answer.
#[must_use]
pub fn offer(ticket: &Ticket, first: &Offered, has_more: bool) -> Message {
    let lines = [
        Line(vec![said("Meanwhile this may help: "), strong(&first.key), said(" "), title(&first.title)]),
        Line(vec![written(first.passage.clone())]),
    ];
    let mut controls = vec![
        on_ticket(&SOLVED.spec, SOLVED.spec.label, ticket, &first.key),
        on_ticket(&READ_SUGGESTED.spec, READ_SUGGESTED.spec.label, ticket, &first.key),
        PERSON.spec.button(ticket.tag()),
    ];
    if has_more {
        controls.push(MORE_ARTICLES.spec.button(ticket.tag()));
    }
    controls.push(on_ticket(&UNHELPFUL.spec, UNHELPFUL.spec.label, ticket, &first.key));
    Message::new(lines.into_iter().filter(|line| line.0.iter().any(is_something))).with(controls)
}

fn is_something(span: &Span) -> bool {
    !matches!(span, Span::Written(text) if text.trim().is_empty())
}

/// What agents see on the card of what was suggested, or may help them.
#[must_use]
pub fn on_card(suggestion: &Suggestion, ticket: &Ticket) -> Vec<Line> {
    let named = |offered: &Offered| format!("{} {}", offered.key, offered.title);
    let mut lines = Vec::new();
    if let Some(first) = suggestion.found.offered.first().filter(|_| suggestion.is_shown) {
        let became = match (&suggestion.solved_by, suggestion.escalated_at) {
            (Some(_), _) if !ticket.status.is_open() => ": it solved the request",
            (Some(_), _) => ": it did not solve it after all",
            (None, Some(_)) => ": they want a person",
            (None, None) => "",
        };
        lines.push(Line(vec![said("Shown to them: "), written(named(first)), said(became)]));
    }
    let shown = suggestion.found.offered.first().filter(|_| suggestion.is_shown).map(|first| first.article);
    let others: Vec<String> =
        suggestion.found.fits.iter().filter(|fits| Some(fits.article) != shown).map(named).collect();
    if !others.is_empty() {
        lines.push(Line(vec![said("May fit: "), written(others.join(" · "))]));
    }
    lines
}

/// A whole article, as it is read.
#[must_use]
pub fn article(article: &Article) -> Message {
    let content = &article.content;
    let mut lines = vec![Line(vec![strong(&article.key), said("  "), written(content.title.clone())])];
    if !content.summary.is_empty() {
        lines.push(Line(vec![written(content.summary.clone())]));
    }
    lines.push(Line::default());
    lines.extend(markdown::lines(&content.body));
    if let Some(url) = &content.url {
        lines.push(Line(vec![said("The whole of it: "), Span::Web { to: url.clone(), label: content.title.clone() }]));
    }
    Message::new(lines)
}

/// What a requester can say of an article that they read.
#[must_use]
pub fn about(key: &ArticleKey, ticket: &Ticket) -> Vec<Control> {
    vec![
        on_ticket(&SOLVED.spec, SOLVED.spec.label, ticket, key),
        PERSON.spec.button(ticket.tag()),
        on_ticket(&UNHELPFUL.spec, UNHELPFUL.spec.label, ticket, key),
    ]
}

/// How a request was resolved that an article solved.
#[must_use]
pub fn resolution(article: &Article) -> String {
    format!("solved by {} {}", article.key, article.content.title)
}

/// What a requester sees of a request that an article solved.
#[must_use]
pub fn solved(ticket: &Ticket, by: &Offered) -> Line {
    let key = strong(&ticket.key);
    Line(vec![
        key,
        said(" is solved by "),
        strong(&by.key),
        said(" "),
        title(&by.title),
        said(". Not right? Just write here."),
    ])
}

/// A requester wants a person.
#[must_use]
pub fn a_person_comes(ticket: &Ticket) -> Message {
    match ticket.status.is_open() {
        true => Message::said(format!("{} is with the desk's people.", ticket.key)),
        false => Message::said(format!("{} is done. Write in its thread, and the desk takes it up again.", ticket.key)),
    }
}

/// An article did not help.
#[must_use]
pub fn sorry(ticket: &Ticket) -> Message {
    let thanks = Message::said("Thanks for saying so: whoever keeps that article will see it.");
    if ticket.status.is_open() { thanks.and(a_person_comes(ticket)) } else { thanks }
}

/// What else was found.
#[must_use]
pub fn more(others: &[Offered], ticket: &Ticket) -> Message {
    if others.is_empty() {
        return Message::said("That is all I found.");
    }
    let lines = others.iter().map(|other| {
        Line(vec![strong(&other.key), said(" "), title(&other.title), said(" "), written(other.passage.clone())])
    });
    let controls = others.iter().flat_map(|other| {
        let read = on_ticket(&READ_SUGGESTED.spec, &format!("Read {}", other.key), ticket, &other.key);
        [read, on_ticket(&SOLVED.spec, &format!("{} solved it", other.key), ticket, &other.key)]
    });
    Message::new(lines).with(controls)
}

/// What somebody's search has found.
#[must_use]
pub fn found(words: &str, found: &[Offered]) -> Message {
    if found.is_empty() {
        return Message::new([Line(vec![
            said("I found nothing for "),
            quoted(words),
            said(". To ask the desk, mention me or write to me directly."),
        ])]);
    }
    let mut lines = vec![Line(vec![said("For "), quoted(words), said(" I found:")])];
    for one in found {
        lines.push(Line(vec![strong(&one.key), said(" "), title(&one.title)]));
        if !one.passage.is_empty() {
            lines.push(Line(vec![written(one.passage.clone())]));
        }
    }
    lines.push(Line::said("Nothing that helps? Mention me with these words, or write to me directly."));
    Message::new(lines).with(found.iter().map(|one| read_button(&format!("Read {}", one.key), &one.key)))
}

/// The index cannot be asked just now.
#[must_use]
pub fn cannot_look(words: &str) -> Message {
    Message::new([Line(vec![
        said("I can't look for "),
        quoted(words),
        said(" just now. Please try again in a minute, or ask the desk: mention me or write to me directly."),
    ])])
}

/// There are no articles yet.
#[must_use]
pub fn no_articles() -> Message {
    Message::said("The desk has no articles yet. Mention me with what you need, or write to me directly.")
}

/// There is no such article (or none that this person may read).
#[must_use]
pub fn unknown_article(key: &str) -> Message {
    Message::new([Line(vec![
        said("I know no article "),
        quoted(key),
        said(" that you could read. /desk search finds them by words."),
    ])])
}
