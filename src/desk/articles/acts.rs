//! The acts with articles: list, show, write, edit, publish, review and retire.

use super::decide;
use crate::desk::acts::{Act, ActReads, acts};
use crate::domain::act::{Begins, Command, FormWords, May, Param, Spec, Takes};
use crate::domain::message::Style;
use crate::domain::right::Right;

/// The defaults of acts for keepers of articles: the desk's agents, and people who may publish articles.
const KEEPERS: Spec = Spec { may: May::HasEither(Right::TicketWork, Right::ArticlePublish), ..Spec::BASE };
/// The defaults of acts for people who may publish articles.
const PUBLISHERS: Spec = Spec { may: May::Has(Right::ArticlePublish), ..Spec::BASE };
/// The article that an act is about, by its key.
const ARTICLE: Param = Param {
    name: "article",
    takes: Takes::Article,
    says: "Key of the article, like KB-7",
    usage: "KB-7",
    label: "Which article? Its key, like KB-7",
    hint: "The key stands before the title, like KB-7.",
    ..Param::BASE
};
const TITLE: Param = Param {
    name: "title",
    label: "Title: the question, in people's words",
    hint: "The VPN disconnects every few minutes",
    ..Param::BASE
};
/// The summary: a sentence about the problem that the article solves.
const SUMMARY: Param = Param {
    name: "summary",
    is_required: false,
    label: "What it solves, in a sentence",
    hint: "Keeps the VPN up on networks with band steering",
    ..Param::BASE
};
/// The text in Markdown, or the address of a page elsewhere.
const BODY: Param = Param {
    name: "body",
    label: "What to do, step by step (Markdown)",
    hint: "1. Open … 2. Choose … Or just the address of a page elsewhere, with a sentence above",
    ..Param::BASE
};
/// Other words for the topic, separated by commas.
const TAGS: Param = Param {
    name: "tags",
    is_required: false,
    label: "Other words for it, with commas between",
    hint: "vpn, anyconnect, home office",
    ..Param::BASE
};
const AUDIENCE: Param = Param {
    name: "audience",
    takes: Takes::Choice(&[("everyone", "Everybody"), ("agents", "The desk's agents alone")]),
    is_required: false,
    label: "Who may find it?",
    hint: "Everybody, if nothing is chosen",
    ..Param::BASE
};

/// Returns the parameter with the article's value as its initial value.
const fn as_it_is(param: Param) -> Param {
    Param { begins_with: Begins::Article, ..param }
}

acts! {
    ARTICLES = Act::alone(
        Spec {
            name: "articles",
            label: "Articles",
            takes: &[Param {
                name: "which",
                takes: Takes::Choice(&[
                    ("drafts", "Drafts"),
                    ("review", "To be looked at again"),
                    ("unhelpful", "Did not help"),
                    ("all", "All"),
                ]),
                is_required: false,
                says: "Drafts, those to be looked at again, those that did not help, or all",
                usage: "drafts",
                hint: "drafts, review, unhelpful or all.",
                ..Param::BASE
            }],
            command: Some(Command::new("List the articles that wait for somebody")),
            ..KEEPERS
        },
        decide::list,
    )
    .reading(ActReads::Articles("which"));

    ARTICLE_CARD = Act::alone(
        Spec {
            name: "article",
            label: "Open",
            takes: &[ARTICLE],
            command: Some(Command::new("See how an article does, and change it")),
            ..KEEPERS
        },
        decide::show,
    )
    .reading(ActReads::Overview("article"));

    WRITE_ARTICLE = Act::alone(
        Spec {
            name: "write_article",
            label: "Write an article…",
            style: Style::Primary,
            takes: &[TITLE, SUMMARY, BODY, TAGS, AUDIENCE],
            form: Some(FormWords { title: "A new article", submit: "Keep as a draft" }),
            audit: "article written",
            ..KEEPERS
        },
        decide::write,
    )
    .reading(ActReads::NextArticle);

    EDIT_ARTICLE = Act::alone(
        Spec {
            name: "edit_article",
            label: "Edit…",
            takes: &[
                ARTICLE,
                as_it_is(TITLE),
                as_it_is(SUMMARY),
                as_it_is(BODY),
                as_it_is(TAGS),
                as_it_is(AUDIENCE),
            ],
            form: Some(FormWords { title: "Edit an article", submit: "Save" }),
            audit: "article changed",
            ..KEEPERS
        },
        decide::edit,
    )
    .reading(ActReads::Overview("article"));

    PUBLISH_ARTICLE = Act::alone(
        Spec {
            name: "publish_article",
            label: "Publish",
            style: Style::Primary,
            takes: &[ARTICLE],
            audit: "article published",
            ..PUBLISHERS
        },
        decide::publish,
    )
    .reading(ActReads::Overview("article"));

    REVIEW_ARTICLE = Act::alone(
        Spec {
            name: "review_article",
            label: "Mark as checked…",
            takes: &[ARTICLE, Param {
                name: "again",
                takes: Takes::Future,
                is_required: false,
                label: "When is it to be looked at again?",
                hint: "2027-06-30, in 90 days; left empty: after the usual time",
                ..Param::BASE
            }],
            form: Some(FormWords { title: "It is still right", submit: "Save" }),
            audit: "article reviewed",
            ..PUBLISHERS
        },
        decide::review,
    )
    .reading(ActReads::Overview("article"));

    RETIRE_ARTICLE = Act::alone(
        Spec {
            name: "retire_article",
            label: "Retire",
            style: Style::Danger,
            takes: &[ARTICLE],
            audit: "article retired",
            ..PUBLISHERS
        },
        decide::retire,
    )
    .reading(ActReads::Overview("article"));
}
