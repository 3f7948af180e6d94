//! The acts of finding, reading, sending and judging articles.

use super::decide;
use crate::desk::acts::{Act, ActReads, acts};
use crate::domain::act::{Begins, Command, FormWords, May, Param, Spec, Takes};
use crate::domain::message::Style;
use crate::domain::right::Right;

/// The article that an act is about, by its key.
const ARTICLE: Param = Param {
    name: "article",
    takes: Takes::Article,
    says: "Key of the article, like KB-7",
    usage: "KB-7",
    hint: "The key stands before the title, like KB-7.",
    ..Param::BASE
};
/// The base of acts that only the requester can do, on a ticket with a suggested article.
const REQUESTERS: Spec = Spec { may: May::Requester, is_told: true, ..Spec::BASE };

acts! {
    SEARCH = Act::alone(
        Spec {
            name: "search",
            label: "Search",
            takes: &[Param { name: "words", says: "What you look for", usage: "words", ..Param::BASE }],
            command: Some(Command::new("Look for articles").helping("to look for an article")),
            ..Spec::BASE
        },
        decide::search,
    );

    READ = Act::alone(
        Spec {
            name: "read",
            label: "Read",
            takes: &[ARTICLE],
            command: Some(Command::new("Read an article").helping("to read one")),
            ..Spec::BASE
        },
        decide::read,
    )
    .reading(ActReads::Article("article"));

    SOLVED = Act::to_ticket(
        Spec {
            name: "solved",
            label: "This solved it",
            style: Style::Primary,
            takes: &[ARTICLE],
            audit: "solved by an article",
            ..REQUESTERS
        },
        decide::solved,
    )
    .reading(ActReads::Article("article"));

    READ_SUGGESTED = Act::to_ticket(
        Spec {
            name: "read_suggested",
            label: "Read",
            takes: &[ARTICLE],
            audit: "article read",
            may: May::Anyone,
            ..REQUESTERS
        },
        decide::read_suggested,
    )
    .reading(ActReads::Article("article"));

    PERSON = Act::to_ticket(
        Spec { name: "person", label: "Get a person", audit: "asked for a person", ..REQUESTERS },
        decide::person,
    )
    .reading(ActReads::Article(""));

    MORE_ARTICLES = Act::to_ticket(
        Spec { name: "more_articles", label: "More", audit: "more articles shown", ..REQUESTERS },
        decide::more,
    )
    .reading(ActReads::Article(""));

    HELPFUL = Act::to_ticket(
        Spec { name: "helpful", label: "Helpful", takes: &[ARTICLE], audit: "article helpful", ..REQUESTERS },
        decide::helpful,
    )
    .reading(ActReads::Article("article"));

    SEND_ARTICLE = Act::to_ticket(
        Spec {
            name: "send",
            label: "Send article…",
            may: May::Has(Right::TicketWork),
            takes: &[Param {
                label: "Which article? Its key, like KB-7",
                begins_with: Begins::Suggested,
                ..ARTICLE
            }],
            form: Some(FormWords { title: "Send for {key}", submit: "Send" }),
            command: Some(Command::new("Send the requester an article")),
            audit: "article sent",
            is_told: true,
            ..Spec::BASE
        },
        decide::send,
    )
    .reading(ActReads::Article("article"))
    .in_menu(|ticket| ticket.status.is_open());

    UNHELPFUL = Act::to_ticket(
        Spec { name: "unhelpful", label: "Not helpful", takes: &[ARTICLE], audit: "article not helpful", ..REQUESTERS },
        decide::unhelpful,
    )
    .reading(ActReads::Article("article"));
}
