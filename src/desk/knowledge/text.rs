//! What the bot says of articles.

use super::acts::{HELPFUL, MORE_ARTICLES, PERSON, READ, READ_SUGGESTED, SOLVED, UNHELPFUL};
use super::state::{Article, Offered, Suggestion};
use crate::desk::tickets::state::Ticket;
use crate::domain::act::{ActRef, Spec};
use crate::domain::ids::{ArticleKey, Person};
use crate::domain::markdown;
use crate::domain::message::{Control, Line, Message, Span, quoted, said, strong};
use crate::domain::words::first_name;

fn written(text: impl Into<String>) -> Span {
    Span::Written(text.into())
}

/// A button of an act about an article, on a ticket.
fn on_ticket(spec: &Spec, label: &str, ticket: &Ticket, key: &ArticleKey) -> Control {
    let does = ActRef { with: Some(key.to_string()), ..spec.on(ticket.tag()) };
    Control::button(label, does).styled(spec.style)
}

/// A button by which somebody reads an article.
#[must_use]
pub fn read_button(key: &ArticleKey) -> Control {
    reading(READ.spec.label, key)
}

fn reading(label: &str, key: &ArticleKey) -> Control {
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
            (Some(_), _) => ": it didn't solve it after all",
            (None, Some(_)) => ": they want a person",
            (None, None) => "",
        };
        lines.push(Line(vec![said("Shown to the requester: "), written(named(first)), said(became)]));
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
        lines.push(Line(vec![said("Read all of it: "), Span::Web { to: url.clone(), label: content.title.clone() }]));
    }
    Message::new(lines)
}

/// What a requester can say of an article that they read.
#[must_use]
pub fn about(key: &ArticleKey, ticket: &Ticket) -> Vec<Control> {
    vec![
        on_ticket(&SOLVED.spec, SOLVED.spec.label, ticket, key),
        PERSON.spec.button(ticket.tag()),
        feedback(ticket, key),
    ]
}

/// Whether an article helps, to be said by its reader.
#[must_use]
pub fn feedback(ticket: &Ticket, key: &ArticleKey) -> Control {
    let does = |spec: &Spec| ActRef { with: Some(key.to_string()), ..spec.on(ticket.tag()) };
    Control::Feedback {
        praise: HELPFUL.spec.label.to_owned(),
        does: does(&HELPFUL.spec),
        blame: UNHELPFUL.spec.label.to_owned(),
        else_does: does(&UNHELPFUL.spec),
    }
}

/// What a requester sees of an article that an agent sends.
#[must_use]
pub fn sent(agent: &Person, article: &Article, ticket: &Ticket) -> Message {
    let lines = [
        Line(vec![
            quoted(first_name(agent)),
            said(" thinks this may help: "),
            strong(&article.key),
            said(" "),
            title(&article.content.title),
        ]),
        Line(vec![written(article.content.summary.clone())]),
    ];
    let key = &article.key;
    Message::new(lines.into_iter().filter(|line| line.0.iter().any(is_something))).with([
        on_ticket(&SOLVED.spec, SOLVED.spec.label, ticket, key),
        on_ticket(&READ_SUGGESTED.spec, READ_SUGGESTED.spec.label, ticket, key),
        feedback(ticket, key),
    ])
}

/// What agents see of that under the card.
#[must_use]
pub fn was_sent(agent: &Person, article: &Article) -> Message {
    Message::new([Line(vec![
        quoted(&agent.name),
        said(" sent "),
        strong(&article.key),
        said(" "),
        title(&article.content.title),
        said("."),
    ])])
}

/// An agent's article is on its way.
#[must_use]
pub fn is_sent(ticket: &Ticket, article: &Article) -> Message {
    Message::said(format!("{} is on its way to the requester of {}.", article.key, ticket.key))
}

/// An article is no answer to a requester.
#[must_use]
pub fn not_for_requesters(article: &Article) -> Message {
    let why = match article.is_published() {
        true => " is only for the desk's agents, so I can't send it. Reply in your own words with what they may know.",
        false => " isn't published, so I can't send it. Somebody who publishes articles can do that first.",
    };
    Message::new([Line(vec![strong(&article.key), said(" "), title(&article.content.title), said(why)])])
}

/// An article helps, as its reader says.
#[must_use]
pub fn thanks(article: &Article, ticket: &Ticket) -> Message {
    if !ticket.status.is_open() {
        return Message::said("Good to know, thank you.");
    }
    Message::said(format!("Good to know, thank you. If that settles {}, press the button:", ticket.key))
        .with([on_ticket(&SOLVED.spec, SOLVED.spec.label, ticket, &article.key)])
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
        true => Message::said(format!("{} is with the desk, and someone there will answer you.", ticket.key)),
        false => {
            Message::said(format!("{} isn't open any more. Still need help? Just write to the desk again.", ticket.key))
        }
    }
}

/// An article did not help.
#[must_use]
pub fn sorry(ticket: &Ticket) -> Message {
    let thanks = Message::said("Thanks for telling me. The people who look after that article will see it.");
    if ticket.status.is_open() { thanks.and(a_person_comes(ticket)) } else { thanks }
}

/// What else was found.
#[must_use]
pub fn more(others: &[Offered], ticket: &Ticket) -> Message {
    if others.is_empty() {
        return Message::said("That's all I found.");
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
        return Message::new([Line(vec![said("I found nothing for "), quoted(words), said(".")])]);
    }
    let mut lines = vec![Line(vec![said("Here's what I found for "), quoted(words), said(":")])];
    for one in found {
        lines.push(Line(vec![strong(&one.key), said(" "), title(&one.title)]));
        if !one.passage.is_empty() {
            lines.push(Line(vec![written(one.passage.clone())]));
        }
    }
    lines.push(Line::said("Does none of that help?"));
    Message::new(lines).with(found.iter().map(|one| reading(&format!("Read {}", one.key), &one.key)))
}

/// The index cannot be asked just now.
#[must_use]
pub fn cannot_look(words: &str) -> Message {
    Message::new([Line(vec![
        said("I can't look for "),
        quoted(words),
        said(" just now. Please try again in a minute, or ask the desk:"),
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
        said("I can't find an article "),
        quoted(key),
        said(" that you can read. /desk search looks for articles by words."),
    ])])
}
