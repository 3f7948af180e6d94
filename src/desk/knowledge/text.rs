//! The bot's sentences about articles. Each function returns a message, or a part of one.

use super::acts::{HELPFUL, MORE_ARTICLES, PERSON, READ, READ_SUGGESTED, SOLVED, UNHELPFUL};
use super::state::{Article, Offered, Suggestion};
use crate::desk::tickets;
use crate::desk::tickets::state::Ticket;
use crate::domain::act::{ActRef, Spec};
use crate::domain::ids::{ArticleKey, Person};
use crate::domain::markdown;
use crate::domain::message::{Control, Line, Message, Span, quoted, said, strong};
use crate::domain::words::first_name;

fn written(text: impl Into<String>) -> Span {
    Span::Written(text.into())
}

/// Returns a button for an act on this ticket and this article.
fn on_ticket(spec: &Spec, label: &str, ticket: &Ticket, key: &ArticleKey) -> Control {
    let does = ActRef { carried: Some(key.to_string()), ..spec.on(ticket.tag()) };
    Control::button(label, does).styled(spec.style)
}

/// Returns a button that shows an article.
#[must_use]
pub fn read_button(key: &ArticleKey) -> Control {
    reading(READ.spec.label, key)
}

fn reading(label: &str, key: &ArticleKey) -> Control {
    Control::button(label, ActRef { carried: Some(key.to_string()), ..ActRef::bare(READ.spec.act()) })
}

/// Returns a title in quotation marks, for the middle of a line.
fn title(title: &str) -> Span {
    written(format!("“{title}”"))
}

/// Offers an article below the confirmation of a request. `has_more`: other articles were found, too.
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

/// Returns the lines of a card about the suggested article and what became of it, and about other articles that may
/// help the agents.
#[must_use]
pub fn on_card(suggestion: &Suggestion, ticket: &Ticket) -> Vec<Line> {
    let named = |offered: &Offered| format!("{} {}", offered.key, offered.title);
    let mut lines = Vec::new();
    if let Some(first) = suggestion.found.offered.first().filter(|_| suggestion.is_shown) {
        let became = match (&suggestion.solved_by, suggestion.escalated_at) {
            (Some(_), _) if !ticket.status.is_open() => ": it solved the request",
            (Some(_), _) => ": it didn't solve it after all",
            (None, Some(_)) => ": it wasn't enough",
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

/// Shows a whole article.
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

/// Returns the buttons by which a requester judges an article that they have read.
#[must_use]
pub fn about(key: &ArticleKey, ticket: &Ticket) -> Vec<Control> {
    vec![
        on_ticket(&SOLVED.spec, SOLVED.spec.label, ticket, key),
        PERSON.spec.button(ticket.tag()),
        feedback(ticket, key),
    ]
}

/// Returns the control by which a reader says whether an article helps.
#[must_use]
pub fn feedback(ticket: &Ticket, key: &ArticleKey) -> Control {
    let does = |spec: &Spec| ActRef { carried: Some(key.to_string()), ..spec.on(ticket.tag()) };
    Control::Feedback {
        praise: HELPFUL.spec.label.to_owned(),
        does: does(&HELPFUL.spec),
        blame: UNHELPFUL.spec.label.to_owned(),
        else_does: does(&UNHELPFUL.spec),
    }
}

/// Offers a requester an article that an agent sends.
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

/// Tells the desk, under the card, that an agent has sent an article.
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

/// Tells an agent that the article is on its way to the requester.
#[must_use]
pub fn is_sent(ticket: &Ticket, article: &Article) -> Message {
    Message::said(format!("{} is on its way to the requester of {}.", article.key, ticket.key))
}

/// Tells an agent why an article cannot be sent to a requester.
#[must_use]
pub fn not_for_requesters(article: &Article) -> Message {
    let why = match article.is_published() {
        true => " is only for the desk's agents, so I can't send it. Reply in your own words with what they may know.",
        false => " isn't published, so I can't send it. Somebody who publishes articles can do that first.",
    };
    Message::new([Line(vec![strong(&article.key), said(" "), title(&article.content.title), said(why)])])
}

/// Thanks a requester for saying that an article helps, and asks whether it has solved an open request.
#[must_use]
pub fn thanks(article: &Article, ticket: &Ticket) -> Message {
    if !ticket.status.is_open() {
        return Message::said("Good to know, thank you.");
    }
    Message::said(format!("Good to know, thank you. If that settles {}, press the button:", ticket.key))
        .with([on_ticket(&SOLVED.spec, SOLVED.spec.label, ticket, &article.key)])
}

/// Returns the resolution of a ticket that an article has solved.
#[must_use]
pub fn resolution(article: &Article) -> String {
    format!("solved by {} {}", article.key, article.content.title)
}

/// Returns the line of the confirmation that says which article has solved the request.
#[must_use]
pub fn solved(ticket: &Ticket, by: &Offered) -> Line {
    let key = strong(&ticket.key);
    let line = vec![key, said(" is solved by "), strong(&by.key), said(" "), title(&by.title), said(". ")];
    Line([line, tickets::text::not_right(ticket)].concat())
}

/// Tells a requester, who asked for a person, that somebody at the desk will answer, or that the request is over.
#[must_use]
pub fn a_person_comes(ticket: &Ticket) -> Message {
    match ticket.status.is_open() {
        true => Message::said(format!("{} is with the desk, and someone there will answer you.", ticket.key)),
        false => {
            Message::said(format!("{} isn't open any more. Still need help? Just write to the desk again.", ticket.key))
        }
    }
}

/// Thanks a requester for saying that an article does not help.
#[must_use]
pub fn sorry(ticket: &Ticket) -> Message {
    let thanks = Message::said("Thanks for telling me. The people who look after that article will see it.");
    if ticket.status.is_open() { thanks.and(a_person_comes(ticket)) } else { thanks }
}

/// Shows a requester the other articles that were found.
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

/// Shows a person the results of their search.
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

/// Says that the search failed or took too long.
#[must_use]
pub fn cannot_look(words: &str) -> Message {
    Message::new([Line(vec![
        said("I can't look for "),
        quoted(words),
        said(" just now. Please try again in a minute, or ask the desk:"),
    ])])
}

/// Says that the desk has no articles yet.
#[must_use]
pub fn no_articles() -> Message {
    Message::said("The desk has no articles yet. Mention me with what you need, or write to me directly.")
}

/// Says that there is no such article, or none that this person may read.
#[must_use]
pub fn unknown_article(key: &str) -> Message {
    Message::new([Line(vec![
        said("I can't find an article "),
        quoted(key),
        said(" that you can read. /desk search looks for articles by words."),
    ])])
}
