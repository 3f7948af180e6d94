//! Searching for articles, and the acts of people who were shown one.

use expect_test::expect;

use super::acts::{by_button, fitting, heard_as};
use super::*;
use crate::desk::acts::{Act, ActReads, all};
use crate::desk::hear::ActData;
use crate::desk::knowledge::state::{Article, Content, Search, Suggestion};
use crate::domain::act::{ActRef, On};
use crate::domain::article::{ArticleStatus, Audience};
use crate::domain::ids::{ArticleId, ArticleKey};
use crate::domain::rules::{KnowledgeSettings, Suggestions};

fn key(number: i64) -> ArticleKey {
    ArticleKey::new("KB", number)
}

fn offered(number: i64) -> Offered {
    Offered {
        article: ArticleId(number),
        key: key(number),
        title: format!("Title {number}"),
        passage: format!("Passage {number}."),
    }
}

pub(super) fn article(status: ArticleStatus, audience: Audience) -> Article {
    Article {
        id: ArticleId(7),
        key: key(7),
        status,
        content: Content {
            title: "VPN drops".to_owned(),
            body: "Turn off band steering.".to_owned(),
            audience,
            ..Content::default()
        },
        owner: None,
        source: None,
        checked: None,
        path: None,
        imported: None,
        version: 1,
        created_at: minutes_ago(60),
        changed_at: minutes_ago(60),
    }
}

fn found(likely: u32, fits: &[i64]) -> Answered {
    Answered { offered: vec![offered(7), offered(8)], fits: fits.iter().copied().map(offered).collect(), likely }
}

fn suggestion(is_open: bool) -> Suggestion {
    Suggestion {
        ticket: ticket().id,
        found: found(80, &[7, 9]),
        is_shown: true,
        at: minutes_ago(1),
        solved_by: None,
        escalated_at: (!is_open).then(|| minutes_ago(1)),
    }
}

/// A desk with articles and these settings.
fn knowing(knowledge: KnowledgeSettings) -> Desk {
    let desk = desk();
    let rules = Rules { knowledge, ..(*desk.rules).clone() };
    Desk { rules: Arc::new(rules), has_articles: true, ..desk }
}

/// A ticket that was opened just now.
fn fresh() -> Ticket {
    Ticket { opened_at: now(), ..ticket() }
}

#[test]
fn what_was_found_is_shown_if_it_is_likely_to_help() {
    let mut table = Table::default();
    let on = KnowledgeSettings::default;
    let urgent = Ticket { priority: Priority::P1, ..fresh() };
    let taken = Ticket { assignee: Some(person("Mia")), ..fresh() };
    let old = Ticket { opened_at: minutes_ago(3), ..fresh() };
    for (name, settings, ticket, found) in [
        ("likely", on(), fresh(), Some(found(50, &[7, 9]))),
        ("not likely", on(), fresh(), Some(found(49, &[9]))),
        ("not likely, and nothing for agents", on(), fresh(), Some(found(10, &[]))),
        ("nothing", on(), fresh(), None),
        ("likely, and urgent", on(), urgent, Some(found(90, &[]))),
        ("likely, and somebody has it", on(), taken, Some(found(90, &[]))),
        ("likely, and late", on(), old, Some(found(90, &[]))),
        (
            "likely, and nothing is held",
            KnowledgeSettings { hold: std::time::Duration::ZERO, ..on() },
            fresh(),
            Some(found(90, &[])),
        ),
        (
            "likely, and observed",
            KnowledgeSettings { suggestions: Suggestions::Observe, ..on() },
            fresh(),
            Some(found(90, &[7])),
        ),
        (
            "likely, and off in this channel by now",
            KnowledgeSettings { suggestions_in: vec!["slack:C1=off".to_owned()], ..on() },
            fresh(),
            Some(found(90, &[])),
        ),
    ] {
        table.case(name, &knowing(settings), &Heard::Suggested(Box::new(ticket), found));
    }
    expect![[r#"
        likely: done IT-1007 · article 7 was shown · suggest [KB-7, KB-8], for agents [KB-7, KB-9] · hold back the card until 120 s from now · cards · confirm in C1/7.1
        not likely: done IT-1007 · note [], for agents [KB-9] · cards · confirm in C1/7.1
        not likely, and nothing for agents: done IT-1007 · cards · confirm in C1/7.1
        nothing: done IT-1007 · cards · confirm in C1/7.1
        likely, and urgent: done IT-1007 · article 7 was shown · suggest [KB-7, KB-8], for agents [] · cards · confirm in C1/7.1
        likely, and somebody has it: done IT-1007 · note [KB-7, KB-8], for agents [] · cards · confirm in C1/7.1
        likely, and late: done IT-1007 · article 7 was shown · suggest [KB-7, KB-8], for agents [] · cards · confirm in C1/7.1
        likely, and nothing is held: done IT-1007 · article 7 was shown · suggest [KB-7, KB-8], for agents [] · cards · confirm in C1/7.1
        likely, and observed: done IT-1007 · note [KB-7, KB-8], for agents [KB-7] · cards · confirm in C1/7.1
        likely, and off in this channel by now: done IT-1007 · note [KB-7, KB-8], for agents [] · cards · confirm in C1/7.1
    "#]].assert_eq(&table.0);
}

#[test]
fn a_search_is_answered_privately() {
    let mut table = Table::default();
    let search = |by_agent| Search {
        words: "vpn @everyone".to_owned(),
        who: person("Jeff").who,
        by_agent,
        near: Some(channel("C1")),
        via: None,
    };
    for (name, by_agent, answer) in [
        ("found", false, Some(found(90, &[9]))),
        ("found by an agent", true, Some(found(90, &[9]))),
        ("nothing", false, Some(Answered::default())),
        ("the index is away", false, None),
    ] {
        table.case(name, &knowing(KnowledgeSettings::default()), &Heard::Searched(search(by_agent), answer));
    }
    expect![[r#"
        found: done · draft, page 0 · tell Jeff: “Here's what I found for vpn @everyone: ⏎ KB-7 “Title 7” ⏎ Passage 7. ⏎…” [Read KB-7] [Read KB-8] [Ask the desk with these words]
        found by an agent: done · draft, page 0 · tell Jeff: “Here's what I found for vpn @everyone: ⏎ KB-9 “Title 9” ⏎ Passage 9. ⏎…” [Read KB-9] [Ask the desk with these words]
        nothing: done · draft, page 0 · tell Jeff: “I found nothing for vpn @everyone.” [Ask the desk with these words]
        the index is away: done · draft, page 0 · tell Jeff: “I can't look for vpn @everyone just now. Please try again in a minute,…” [Ask the desk with these words]
    "#]].assert_eq(&table.0);
}

fn with_articles() -> impl Iterator<Item = &'static Act> {
    all().filter(|act| matches!(act.reads, ActReads::Article(_)))
}

#[test]
fn what_people_say_of_articles() {
    let mut table = Table::default();
    let published = || Some(article(ArticleStatus::Published, Audience::Everyone));
    let open = || Some(suggestion(true));
    let resolved = statuses().into_iter().find(|(name, _)| *name == "resolved").expect("a status").1;
    for (name, who, ticket, article, suggestion) in [
        ("by the requester", "Jeff", ticket(), published(), open()),
        ("a person was wanted before", "Jeff", ticket(), published(), Some(suggestion(false))),
        ("it is resolved", "Jeff", with_status(resolved), published(), open()),
        ("it is retired", "Jeff", ticket(), Some(article(ArticleStatus::Retired, Audience::Everyone)), open()),
        ("it is for agents", "Jeff", ticket(), Some(article(ArticleStatus::Published, Audience::Agents)), open()),
        ("it is for agents, by one", "Mia", ticket(), Some(article(ArticleStatus::Published, Audience::Agents)), None),
        ("there is none", "Jeff", ticket(), None, None),
    ] {
        table.head(name);
        for one in with_articles() {
            let does = if one.spec.on == On::Ticket { one.spec.on(ticket.tag()) } else { ActRef::bare(one.spec.act()) };
            let acted = by_button(who, does, fitting(one));
            let data = ActData::Article(article.clone().map(Box::new), suggestion.clone().map(Box::new));
            let on = (one.spec.on == On::Ticket).then(|| ticket.clone());
            let asked = heard_as(&acted, on, Some(ticket.id), data);
            let heard = Heard::Act(&acted, Box::new(asked), now());
            table.case(&format!("  {}", one.spec.name), &knowing(KnowledgeSettings::default()), &heard);
        }
    }
    expect![[r#"
        by the requester
          read: done · tell Jeff: “KB-7  VPN drops ⏎  ⏎ Turn off band steering.”
          solved: done IT-1007 · solved by KB-7 · article 7 was solved · IT-1007 is resolved, P3 · auto_close in 168 h · audit: solved by an article by Jeff · cards · confirm anew
          read_suggested: done IT-1007 · article 7 was read · audit: article read by Jeff · tell Jeff: “KB-7  VPN drops ⏎  ⏎ Turn off band steering.” [This solved it] [Get a person] [Helpful] [Not helpful]
          person: done IT-1007 · wants a person · audit: asked for a person by Jeff · cards · confirm in C1/7.1
          more_articles: done IT-1007 · audit: more articles shown by Jeff · tell Jeff: “KB-8 “Title 8” Passage 8.” [Read KB-8] [KB-8 solved it]
          helpful: done IT-1007 · article 7 was helpful · audit: article helpful by Jeff · tell Jeff: “Good to know, thank you. If that settles IT-1007, press the button:” [This solved it]
          send: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          unhelpful: done IT-1007 · article 7 was unhelpful · wants a person · audit: article not helpful by Jeff · cards · confirm in C1/7.1 · tell Jeff: “Thanks for telling me. The people who look after that article will see…”
        a person was wanted before
          read: done · tell Jeff: “KB-7  VPN drops ⏎  ⏎ Turn off band steering.”
          solved: done IT-1007 · solved by KB-7 · article 7 was solved · IT-1007 is resolved, P3 · auto_close in 168 h · audit: solved by an article by Jeff · cards · confirm anew
          read_suggested: done IT-1007 · article 7 was read · audit: article read by Jeff · tell Jeff: “KB-7  VPN drops ⏎  ⏎ Turn off band steering.” [This solved it] [Get a person] [Helpful] [Not helpful]
          person: done IT-1007 · tell Jeff: “IT-1007 is with the desk, and someone there will answer you.”
          more_articles: done IT-1007 · audit: more articles shown by Jeff · tell Jeff: “KB-8 “Title 8” Passage 8.” [Read KB-8] [KB-8 solved it]
          helpful: done IT-1007 · article 7 was helpful · audit: article helpful by Jeff · tell Jeff: “Good to know, thank you. If that settles IT-1007, press the button:” [This solved it]
          send: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          unhelpful: done IT-1007 · article 7 was unhelpful · wants a person · audit: article not helpful by Jeff · cards · confirm in C1/7.1 · tell Jeff: “Thanks for telling me. The people who look after that article will see…”
        it is resolved
          read: done · tell Jeff: “KB-7  VPN drops ⏎  ⏎ Turn off band steering.”
          solved: refused · tell Jeff: “IT-1007 was resolved 10 minutes ago. If that's not right, /desk reopen…”
          read_suggested: done IT-1007 · article 7 was read · audit: article read by Jeff · tell Jeff: “KB-7  VPN drops ⏎  ⏎ Turn off band steering.”
          person: done IT-1007 · tell Jeff: “IT-1007 isn't open any more. Still need help? Just write to the desk ag…”
          more_articles: done IT-1007 · audit: more articles shown by Jeff · tell Jeff: “KB-8 “Title 8” Passage 8.” [Read KB-8] [KB-8 solved it]
          helpful: done IT-1007 · article 7 was helpful · audit: article helpful by Jeff · tell Jeff: “Good to know, thank you.”
          send: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do.”
          unhelpful: done IT-1007 · article 7 was unhelpful · audit: article not helpful by Jeff · confirm in C1/7.1 · tell Jeff: “Thanks for telling me. The people who look after that article will see…”
        it is retired
          read: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          solved: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          read_suggested: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          person: done IT-1007 · wants a person · audit: asked for a person by Jeff · cards · confirm in C1/7.1
          more_articles: done IT-1007 · audit: more articles shown by Jeff · tell Jeff: “KB-8 “Title 8” Passage 8.” [Read KB-8] [KB-8 solved it]
          helpful: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          send: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          unhelpful: done IT-1007 · article 7 was unhelpful · wants a person · audit: article not helpful by Jeff · cards · confirm in C1/7.1 · tell Jeff: “Thanks for telling me. The people who look after that article will see…”
        it is for agents
          read: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          solved: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          read_suggested: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          person: done IT-1007 · wants a person · audit: asked for a person by Jeff · cards · confirm in C1/7.1
          more_articles: done IT-1007 · audit: more articles shown by Jeff · tell Jeff: “KB-8 “Title 8” Passage 8.” [Read KB-8] [KB-8 solved it]
          helpful: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          send: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          unhelpful: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
        it is for agents, by one
          read: done · tell Mia: “KB-7  VPN drops ⏎  ⏎ Turn off band steering.”
          solved: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          read_suggested: done IT-1007 · tell Mia: “KB-7  VPN drops ⏎  ⏎ Turn off band steering.”
          person: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          more_articles: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          helpful: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
          send: refused · tell Mia: “KB-7 “VPN drops” is only for the desk's agents, so I can't send it. Rep…”
          unhelpful: refused · tell Mia: “IT-1007 is Jeff's request, so only they or the desk can do that. Need s…”
        there is none
          read: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          solved: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          read_suggested: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          person: done IT-1007 · tell Jeff: “IT-1007 is with the desk, and someone there will answer you.”
          more_articles: done IT-1007 · audit: more articles shown by Jeff · tell Jeff: “That's all I found.”
          helpful: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
          send: refused · tell Jeff: “Sorry, only the desk can do that; /desk help shows what you can do. You…”
          unhelpful: refused · tell Jeff: “I can't find an article KB-7 that you can read. /desk search looks for…”
    "#]].assert_eq(&table.0);
}
