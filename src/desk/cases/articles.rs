//! Writing, publishing, reviewing and retiring articles.

use expect_test::expect;

use super::acts::{by_button, fitting, heard_as};
use super::knowledge::article;
use super::*;
use crate::desk::acts::{Act, ActReads, all, find};
use crate::desk::hear::ActData;
use crate::desk::knowledge::state::{
    Article, Complaint, Content, Kept, LONGEST_SUMMARY, LONGEST_TITLE, Listed, Listing, Numbers, Overview,
};
use crate::domain::act::{ActName, ActRef, Given, Value};
use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::effect::Undeliverable;
use crate::domain::event::{DirectRequest, Timer, TimerKind};
use crate::domain::ids::{ArticleId, ArticleKey};
use crate::domain::right::{Holder, Right};

const NUMBERS: Numbers = Numbers { shown: 12, read: 5, solved: 4, helpful: 2, unhelpful: 1 };

fn overview(article: Article) -> Overview {
    let complaint =
        Complaint { ticket: TicketKey::new("IT", 1042), title: "vpn still drops".to_owned(), at: minutes_ago(90) };
    Overview { kept: Kept { article, change: 3 }, numbers: NUMBERS, complaints: vec![complaint] }
}

/// The article, owned by Mia, in its third version.
fn owned_article(status: ArticleStatus) -> Article {
    Article { owner: Some(person("Mia")), version: 3, ..article(status, Audience::Everyone) }
}

fn by(who: &str, act: &Act, given: Given, data: ActData, name: &str, table: &mut Table, desk: &Desk) {
    let acted = by_button(who, ActRef::bare(act.spec.act()), given);
    let asked = heard_as(&acted, None, None, data);
    table.case(name, desk, &Heard::Act(&acted, Box::new(asked), now()));
}

fn act(name: &'static str) -> &'static Act {
    find(&ActName::new(name)).expect("it is an act")
}

/// A desk on which Omar works tickets but may not publish.
fn with_publishers() -> Desk {
    let desk = desk();
    let mut roster = (*desk.roster).clone();
    let mia = Holder::Principal(Principal::Person(person("Mia").who));
    roster.rights.insert(Right::ArticlePublish, vec![mia]);
    Desk { roster: Arc::new(roster), ..desk }
}

#[test]
fn each_act_of_those_who_keep_articles_however_the_article_stands() {
    let mut table = Table::default();
    for status in ArticleStatus::ALL {
        for who in ["Mia", "Omar"] {
            table.head(&format!("{} by {who}", status.as_str()));
            for one in all().filter(|act| matches!(act.reads, ActReads::Overview(_))) {
                let data = ActData::Overview(Some(Box::new(overview(owned_article(status)))));
                let name = format!("  {}", one.spec.name);
                by(who, one, fitting(one), data, &name, &mut table, &with_publishers());
            }
        }
    }
    expect![[r#"
        draft by Mia
          article: done · tell Mia: “KB-7 “VPN drops” ⏎ Draft, not found in searches yet · version 3 · kept…” [Read] [Edit…] [Publish] [Retire]
          edit_article: done · KB-7 «a new cable», version 4, is draft, by Mia · audit: article changed by Mia · tell Mia: “Saved. ⏎ KB-7 “a new cable” ⏎ a new cable ⏎ Draft, not found in searche…” [Read] [Edit…] [Publish] [Retire]
          publish_article: done · no article_draft · KB-7 «VPN drops», version 3, is published, by Mia · audit: article published by Mia · tell Mia: “Published. In a few seconds, everybody can find it. ⏎ KB-7 “VPN drops”…” [Read] [Edit…] [Mark as checked…] [Retire]
          review_article: refused · tell Mia: “KB-7 “VPN drops” isn't published, so there's nothing to check.” [Open]
          retire_article: done · no article_draft · KB-7 «VPN drops», version 3, is retired, by Mia · audit: article retired by Mia · tell Mia: “Retired. In a few seconds, nobody will find it any more; publishing it…” [Read] [Edit…] [Publish]
        draft by Omar
          article: done · tell Omar: “KB-7 “VPN drops” ⏎ Draft, not found in searches yet · version 3 · kept…” [Read] [Edit…]
          edit_article: done · KB-7 «a new cable», version 4, is draft, by Omar · audit: article changed by Omar · tell Omar: “Saved. ⏎ KB-7 “a new cable” ⏎ a new cable ⏎ Draft, not found in searche…” [Read] [Edit…]
          publish_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
          review_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
          retire_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
        published by Mia
          article: done · tell Mia: “KB-7 “VPN drops” ⏎ Published · version 3 · kept by Mia ⏎ Requests: show…” [Read] [Edit…] [Mark as checked…] [Retire]
          edit_article: done · KB-7 «a new cable», version 4, is published, by Mia · audit: article changed by Mia · tell Mia: “Saved. From now on, this is what people find. ⏎ KB-7 “a new cable” ⏎ a…” [Read] [Edit…] [Mark as checked…] [Retire]
          publish_article: refused · tell Mia: “KB-7 “VPN drops” is already published.” [Open]
          review_article: done · KB-7 «VPN drops», version 3, is published, by Mia · audit: article reviewed by Mia · tell Mia: “Thank you. I've noted that you checked it. ⏎ KB-7 “VPN drops” ⏎ Publish…” [Read] [Edit…] [Mark as checked…] [Retire]
          retire_article: done · no article_draft · KB-7 «VPN drops», version 3, is retired, by Mia · audit: article retired by Mia · tell Mia: “Retired. In a few seconds, nobody will find it any more; publishing it…” [Read] [Edit…] [Publish]
        published by Omar
          article: done · tell Omar: “KB-7 “VPN drops” ⏎ Published · version 3 · kept by Mia ⏎ Requests: show…” [Read]
          edit_article: refused · tell Omar: “KB-7 “VPN drops” is no longer a draft, so only those who publish articl…”
          publish_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
          review_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
          retire_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
        retired by Mia
          article: done · tell Mia: “KB-7 “VPN drops” ⏎ Retired, no longer found in searches · version 3 · k…” [Read] [Edit…] [Publish]
          edit_article: done · KB-7 «a new cable», version 4, is retired, by Mia · audit: article changed by Mia · tell Mia: “Saved. ⏎ KB-7 “a new cable” ⏎ a new cable ⏎ Retired, no longer found in…” [Read] [Edit…] [Publish]
          publish_article: done · no article_draft · KB-7 «VPN drops», version 3, is published, by Mia · audit: article published by Mia · tell Mia: “Published. In a few seconds, everybody can find it. ⏎ KB-7 “VPN drops”…” [Read] [Edit…] [Mark as checked…] [Retire]
          review_article: refused · tell Mia: “KB-7 “VPN drops” isn't published, so there's nothing to check.” [Open]
          retire_article: refused · tell Mia: “KB-7 “VPN drops” is already retired.” [Open]
        retired by Omar
          article: done · tell Omar: “KB-7 “VPN drops” ⏎ Retired, no longer found in searches · version 3 · k…” [Read]
          edit_article: refused · tell Omar: “KB-7 “VPN drops” is no longer a draft, so only those who publish articl…”
          publish_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
          review_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
          retire_article: refused · tell Omar: “You need the right article_publish for that. Whoever runs this bot can…”
    "#]].assert_eq(&table.0);
}

#[test]
fn what_is_written_and_what_cannot_be_taken() {
    let mut table = Table::default();
    let given =
        |of: &[(&str, &str)]| Given::from_iter(of.iter().map(|(name, text)| ((*name).to_owned(), Value::text(*text))));
    let new = || ActData::NextArticle(ArticleId(36), ArticleKey::new("KB", 36));
    let (title, summary) = ("x".repeat(LONGEST_TITLE + 1), "x".repeat(LONGEST_SUMMARY + 1));
    for (name, fields) in [
        (
            "all there is",
            &[("title", " A\nscreen "), ("body", "Plug\r\nit in."), ("tags", "screen, , Screen,hdmi")][..],
        ),
        ("for agents", &[("title", "Keys"), ("body", "In the safe."), ("audience", "agents")]),
        ("a link", &[("title", "VPN"), ("summary", "How to"), ("body", " https://wiki.example/vpn\n")]),
        ("a link that says nothing", &[("title", "VPN"), ("body", "https://wiki.example/vpn")]),
        ("an address in a sentence", &[("title", "VPN"), ("body", "See https://wiki.example/vpn for more")]),
        ("no text", &[("title", "VPN"), ("body", " \n")]),
        ("a title that is too long", &[("title", &title), ("body", "x")]),
        ("a summary that is too long", &[("title", "x"), ("body", "x"), ("summary", &summary)]),
    ] {
        by("Mia", act("write_article"), given(fields), new(), name, &mut table, &with_publishers());
    }
    let write = given(&[("title", "A screen"), ("body", "Plug it in.")]);
    by(
        "Omar",
        act("write_article"),
        write.clone(),
        new(),
        "by whoever may not publish",
        &mut table,
        &with_publishers(),
    );
    by("Jeff", act("write_article"), write, new(), "by a requester", &mut table, &with_publishers());
    let edited = |article: &str, body: &str| given(&[("article", article), ("title", "VPN drops"), ("body", body)]);
    let seen = |article: Article| ActData::Overview(Some(Box::new(overview(article))));
    let draft = || seen(owned_article(ArticleStatus::Draft));
    for (name, given, data) in [
        ("nothing was changed", edited("KB-7.3", "Turn off band steering."), draft()),
        ("it was changed meanwhile", edited("KB-7.2", "Other words."), draft()),
        ("it is gone", edited("KB-7.3", "Other words."), ActData::Overview(None)),
        ("it does not fit into a form", edited("KB-7.3", "Other words."), {
            let long = owned_article(ArticleStatus::Draft);
            seen(Article { content: Content { body: "x".repeat(3_001), ..long.content.clone() }, ..long })
        }),
    ] {
        by("Mia", act("edit_article"), given, data, name, &mut table, &with_publishers());
    }
    expect![[r#"
        all there is: done · write KB-36 «A screen», draft, by Mia · article_draft in 168 h · audit: article written by Mia · tell Mia: “KB-36 “A screen” is saved as a draft. Nobody will find it until it's pu…” [Read] [Edit…] [Publish]
        for agents: done · write KB-36 «Keys», draft, by Mia · article_draft in 168 h · audit: article written by Mia · tell Mia: “KB-36 “Keys” is saved as a draft. Nobody will find it until it's publis…” [Read] [Edit…] [Publish]
        a link: done · write KB-36 «VPN», draft, by Mia · article_draft in 168 h · audit: article written by Mia · tell Mia: “KB-36 “VPN” is saved as a draft. Nobody will find it until it's publish…” [Read] [Edit…] [Publish]
        a link that says nothing: refused · tell Mia: “An article that is a link needs a sentence about what it solves: that i…”
        an address in a sentence: done · write KB-36 «VPN», draft, by Mia · article_draft in 168 h · audit: article written by Mia · tell Mia: “KB-36 “VPN” is saved as a draft. Nobody will find it until it's publish…” [Read] [Edit…] [Publish]
        no text: done · draft, page 0 · tell Mia: “One of the required fields is still empty. Nothing has been sent, and w…” [Correct it]
        a title that is too long: refused · tell Mia: “The title can have 150 characters at most. Please shorten it. ⏎ Nothing…”
        a summary that is too long: refused · tell Mia: “The sentence about what it solves can have 300 characters at most. Plea…”
        by whoever may not publish: done · write KB-36 «A screen», draft, by Omar · article_draft in 168 h · audit: article written by Omar · tell Omar: “KB-36 “A screen” is saved as a draft. Those who publish articles will f…” [Read] [Edit…]
        by a requester: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. ⏎ N…”
        nothing was changed: done · KB-7 «VPN drops», version 3, is draft, by Mia · audit: article changed by Mia · tell Mia: “Saved. ⏎ KB-7 “VPN drops” ⏎ Draft, not found in searches yet · version…” [Read] [Edit…] [Publish] [Retire]
        it was changed meanwhile: refused · tell Mia: “KB-7 “VPN drops” has changed in the meantime, so I didn't save anything…” [Open]
        it is gone: refused · tell Mia: “I can't find an article KB-7. /desk articles all lists them. ⏎ Nothing…”
        it does not fit into a form: refused · tell Mia: “KB-7 “VPN drops” is too long for a form. Change its file and import tha…”
    "#]].assert_eq(&table.0);
}

#[test]
fn lists_say_why_an_article_is_on_them() {
    let mut table = Table::default();
    let listed = |as_one_of, article| Listed { article, as_one_of, numbers: NUMBERS };
    let due = Article {
        content: Content {
            review_at: Some(minutes_ago(60 * 24 * 3)),
            ..owned_article(ArticleStatus::Published).content
        },
        ..owned_article(ArticleStatus::Published)
    };
    let all = vec![
        listed(Listing::Unhelpful, owned_article(ArticleStatus::Published)),
        listed(Listing::Review, due),
        listed(Listing::Drafts, Article { owner: None, ..owned_article(ArticleStatus::Draft) }),
    ];
    for which in ["", "drafts", "review", "unhelpful", "all"] {
        for (name, found) in [("none", Vec::new()), ("three", all.clone())] {
            let given = Given::from([("which".to_owned(), Value::text(which))]);
            let name = format!("{which} {name}");
            by("Mia", act("articles"), given, ActData::Articles(found), &name, &mut table, &desk());
        }
    }
    expect![[r#"
         none: done · tell Mia: “No article needs anybody right now: no drafts, none due for a review, n…” [Write an article…]
         three: done · tell Mia: “These articles need somebody: ⏎ KB-7 · VPN drops · did not help · Mia ·…” [Write an article…] [KB-7] [KB-7] [KB-7]
        drafts none: done · tell Mia: “There are no drafts waiting.” [Write an article…]
        drafts three: done · tell Mia: “Drafts: ⏎ KB-7 · VPN drops · did not help · Mia · shown 12 · solved 4 ·…” [Write an article…] [KB-7] [KB-7] [KB-7]
        review none: done · tell Mia: “No article is due for a review yet.” [Write an article…]
        review three: done · tell Mia: “Due for a review: ⏎ KB-7 · VPN drops · did not help · Mia · shown 12 ·…” [Write an article…] [KB-7] [KB-7] [KB-7]
        unhelpful none: done · tell Mia: “No article has let several people down since it was last checked.” [Write an article…]
        unhelpful three: done · tell Mia: “These have let several people down since they were last checked: ⏎ KB-7…” [Write an article…] [KB-7] [KB-7] [KB-7]
        all none: done · tell Mia: “There are no articles yet.” [Write an article…]
        all three: done · tell Mia: “The desk's articles: ⏎ KB-7 · VPN drops · did not help · Mia · shown 12…” [Write an article…] [KB-7] [KB-7] [KB-7]
    "#]].assert_eq(&table.0);
}

#[test]
fn the_owner_of_a_draft_is_reminded_once() {
    let mut table = Table::default();
    let timer = Timer { on: ArticleId(7).into(), kind: TimerKind::ArticleDraft, slot: 0, due: now() };
    for (name, article) in [
        ("it is still a draft", Some(owned_article(ArticleStatus::Draft))),
        ("nobody keeps it", Some(Article { owner: None, ..owned_article(ArticleStatus::Draft) })),
        ("it is published", Some(owned_article(ArticleStatus::Published))),
        ("it is gone", None),
    ] {
        table.case(name, &with_publishers(), &Heard::DraftWaits(&timer, article.map(Box::new)));
    }
    expect![[r#"
        it is still a draft: done · no article_draft · tell Mia: “KB-7 “VPN drops” is still a draft of yours, so nobody can find it. Thos…” [Open]
        nobody keeps it: done · no article_draft
        it is published: done · no article_draft
        it is gone: done · no article_draft
    "#]].assert_eq(&table.0);
}

#[test]
fn what_is_asked_by_a_command_is_answered_in_the_direct_conversation() {
    let mut table = Table::default();
    let request = DirectRequest {
        by: person("Jeff"),
        words: "my mouse is dead".to_owned(),
        at: now(),
        near: Some(channel("C2")),
        via: None,
        passed_on: None,
    };
    let ask = act("ask");
    let given = Given::from([("text".to_owned(), Value::text("my mouse is dead"))]);
    by("Jeff", ask, given, ActData::Nothing, "it is asked", &mut table, &desk());
    table.case("there is one", &desk(), &Heard::DirectOpened(&request, Ok(&direct()), false));
    for why in [Undeliverable::DirectClosed, Undeliverable::NotPermitted] {
        table.case(&format!("there is none: {why}"), &desk(), &Heard::DirectOpened(&request, Err(why), false));
    }
    expect![[r#"
        it is asked: done · open the direct conversation with Jeff for “my mouse is dead”
        there is one: opened IT-1042 · open «my mouse is dead» for Jeff · record requester «my mouse is dead» · audit: opened by Jeff · confirm in D1 · cards · tell Jeff: “Your request IT-1042 is with the desk. You'll get the answer in your di…”
        there is none: direct messages are closed: refused · tell Jeff: “I can't write to you directly, so the desk couldn't answer you and I ha…”
        there is none: a permission is missing: refused · tell Jeff: “I can't write to you directly, so the desk couldn't answer you and I ha…”
    "#]].assert_eq(&table.0);
}
