//! Checks the way out: every effect is seen as often as its class allows, and in order.

use std::collections::{BTreeMap, HashMap};

use super::export::Ticket;
use super::inbound::{is, words};
use super::journal::{ActKind, Post, Said};
use super::{Case, Report, TRIAGE, names};
use crate::crash::tag::{Kind, Tag};

/// The sentences with which a request is confirmed.
const CONFIRMED: [&str; 2] = ["Got it, ", "Got it: "];
/// Acts of the audit that are told in the request's thread, and the words that tell them.
const TOLD: [(&str, &str); 7] = [
    ("claimed", " is on it"),
    ("assigned", " has it now"),
    ("set to pending", " is on hold"),
    ("resolved", " is resolved: "),
    ("reopened by writing", "Reopened: "),
    ("cancelled", " is cancelled, as you asked"),
    ("found to be no request", ", since there was nothing in it for the desk to do."),
];
const GREETED: &str = "Hello! Tell me what you need";

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    let posts: Vec<&Post> = case.journal.posts.iter().filter(|post| !post.removed).collect();
    report.posts = posts.len();
    let mut requests: HashMap<u32, &Said> = HashMap::new();
    for said in case.journal.said.iter().filter(|said| is(said, Kind::Request)) {
        requests.insert(said.tag.map_or(0, |tag| tag.about), said);
    }
    for (number, tickets) in &case.of_request {
        for ticket in tickets.iter().map(|at| &case.tickets[*at]) {
            let request = requests.get(number).copied();
            thread(ticket, request, &posts, report);
            cards(case, *number, ticket, &posts, report);
            acts(case, *number, ticket, request, &posts, report);
        }
    }
    strays(case, &posts, report);
    private_answers(case, &posts, report);
}

/// Checks the requester's thread: one confirmation, then each act, in order.
fn thread(ticket: &Ticket, request: Option<&Said>, posts: &[&Post], report: &mut Report) {
    let key = &ticket.key;
    let (channel, root) = &ticket.origin;
    let here: Vec<&&Post> = posts
        .iter()
        .filter(|post| post.at.0 == ticket.platform && post.channel != TRIAGE)
        .filter(|post| match root {
            // A thread on Discord is a channel of its own, with the id of its first message.
            Some(root) => post.thread.as_ref() == Some(root),
            None => post.at.1 == *channel && post.thread.is_none(),
        })
        .collect();
    // On some platforms nothing can be posted under a request that was deleted.
    let may_lack = request.is_some_and(|said| said.deleted);
    let confirmations =
        |post: &&&Post| CONFIRMED.iter().any(|words| post.text.contains(words)) && names(&post.text, key);
    match posts.iter().filter(|post| post.channel != TRIAGE).filter(|post| confirmations(post)).count() {
        0 if may_lack => {}
        0 => report.lost.push(format!("the confirmation of {key}")),
        1 if here.iter().any(&confirmations) => {}
        1 => report.wrong.push(format!("the confirmation of {key} stands in another place")),
        times => report.doubled.push(format!("{key} is confirmed {times} times")),
    }
    let act_of = |text: &str| TOLD.iter().find(|(_, words)| text.contains(words)).map(|(act, _)| *act);
    let is_about = |post: &&&&Post| ticket.origin.1.is_some() || !post.text.contains("Asked by");
    let told: Vec<&str> = here.iter().filter(is_about).filter_map(|post| act_of(&post.text)).collect();
    let done = |act: &String| {
        TOLD.iter().find(|(known, _)| known == act || (act == "reopened" && *known == "reopened by writing"))
    };
    let done: Vec<&str> = ticket.acts.iter().filter_map(done).map(|(act, _)| *act).collect();
    if told == done {
        if let Some(at) = here.iter().position(confirmations)
            && let Some(first) = here.iter().position(|post| act_of(&post.text).is_some())
            && first < at
        {
            report.disordered.push(format!("{key} is confirmed after something was done with it"));
        }
        return;
    }
    let count = |all: &[&str]| {
        let mut counts = BTreeMap::new();
        all.iter().for_each(|act| *counts.entry((*act).to_owned()).or_insert(0) += 1);
        counts
    };
    let (seen, expected): (BTreeMap<String, i32>, BTreeMap<String, i32>) = (count(&told), count(&done));
    if seen == expected {
        report.disordered.push(format!("{key} is told as {told:?} and was {done:?}"));
    }
    for (act, _) in TOLD {
        let (seen, expected) = (seen.get(act).unwrap_or(&0), expected.get(act).unwrap_or(&0));
        if seen > expected {
            report.doubled.push(format!("{key} was {act} {expected} times, and told so {seen} times"));
        } else if seen < expected && !may_lack {
            report.lost.push(format!("{key} was {act} {expected} times, and told so {seen} times"));
        }
    }
}

/// Checks the desk's channels: on each platform one card with the newest state, and under it each line once, in order.
fn cards(case: &Case<'_>, number: u32, ticket: &Ticket, posts: &[&Post], report: &mut Report) {
    let key = &ticket.key;
    let lines: Vec<&Said> = case
        .journal
        .said
        .iter()
        .filter(|said| [Kind::Request, Kind::Line, Kind::Note].into_iter().any(|kind| is(said, kind)))
        // The card itself shows the message that opened the ticket: the request, or a later one that reached the bot
        // first.
        .filter(|said| ticket.opener.as_ref().map_or(!is(said, Kind::Request), |opener| said.at != *opener))
        .filter(|said| said.tag.is_some_and(|tag| tag.about == number))
        .collect();
    for platform in &case.journal.platforms {
        let desk = posts.iter().filter(|post| post.at.0 == *platform && post.channel == TRIAGE);
        let (under, top): (Vec<&&Post>, Vec<&&Post>) = desk.partition(|post| post.thread.is_some());
        let cards: Vec<&&&Post> =
            top.iter().filter(|post| post.text.starts_with(key) && names(&post.text, key)).collect();
        let card = match cards.as_slice() {
            [] => {
                report.lost.push(format!("the card of {key} on {platform}"));
                continue;
            }
            [card] => card,
            several => {
                report.doubled.push(format!("{} cards of {key} on {platform}", several.len()));
                &several[0]
            }
        };
        let status = ticket.status.replace('_', " ");
        if !card.text.contains(&ticket.title) {
            report.lost.push(format!("an update of the card of {key} on {platform}: it says \"{}\"", card.text));
        } else if !card.text.lines().any(|line| line.starts_with(&format!("{status} ·"))) {
            report.lost.push(format!("an update of the card of {key} on {platform}: it is {status}"));
        }
        // A post may show several lines. An entry has the post, the line's place in it, and the message that it shows.
        let mut standing: Vec<(&Post, usize, &Said)> = Vec::new();
        for said in &lines {
            let Some(tag) = said.tag else { continue };
            let places = |post: &Post| {
                Tag::all(&post.text)
                    .enumerate()
                    .filter(|(_, found)| *found == tag)
                    .map(|(at, _)| at)
                    .collect::<Vec<_>>()
            };
            let shown: Vec<(&Post, usize)> =
                under.iter().flat_map(|post| places(post).into_iter().map(|at| (**post, at))).collect();
            let is_own = tag.kind == Kind::Note && said.platform() == platform;
            let is_on_record = ticket.messages.iter().any(|message| message.at.as_ref() == Some(&said.at));
            let wanted = usize::from(!said.deleted && !is_own && is_on_record);
            if shown.len() < wanted {
                report.lost.push(format!("{} under the card of {key} on {platform}", words(said)));
            } else if shown.len() > wanted {
                let (times, kind) = (shown.len(), if said.deleted { " although it was deleted" } else { "" });
                report
                    .doubled
                    .push(format!("{} stands {times} times under the card of {key} on {platform}{kind}", words(said)));
            }
            if let ([(post, at)], 1) = (shown.as_slice(), wanted) {
                if post.thread.as_ref() != Some(&card.at.2) {
                    report
                        .wrong
                        .push(format!("{} stands under another card than that of {key} on {platform}", words(said)));
                }
                if !post.text.contains(said.words()) {
                    let (is, should) = (&post.text, said.words());
                    report.lost.push(format!("an edit: under {key} on {platform} stands \"{is}\", not \"{should}\""));
                }
                standing.push((post, *at, said));
            }
        }
        standing.sort_by_key(|(post, at, _)| (post.seq, *at));
        for (position, (_, _, later)) in standing.iter().enumerate() {
            for (_, _, earlier) in &standing[..position] {
                if earlier.seq > later.seq && (&earlier.at.1, &earlier.thread) == (&later.at.1, &later.thread) {
                    if case.journal.is_bound_before(later, earlier) {
                        let (one, other) = (words(earlier), words(later));
                        report.disordered.push(format!("{one} stands before {other} under {key} on {platform}"));
                    } else {
                        report.overtaken += 1;
                    }
                }
            }
        }
    }
}

/// Checks the acts in the audit. An act by words in the thread is done once. An act by a click, form or command is done
/// at most once, and certainly if Slack got its acknowledgement, which follows the commit.
fn acts(case: &Case<'_>, number: u32, ticket: &Ticket, request: Option<&Said>, posts: &[&Post], report: &mut Report) {
    let key = &ticket.key;
    report.acts += ticket.acts.len();
    let times = |act: &str| ticket.acts.iter().filter(|done| *done == act).count();
    let in_thread =
        |said: &&Said| request.is_some_and(|root| said.at.0 == root.at.0 && said.thread.as_ref() == Some(&root.at.2));
    let ordered = |verb: &str| {
        let said = case.journal.said.iter().filter(in_thread).filter(|said| said.text.trim().starts_with("@Desk"));
        said.filter(|said| said.words().split_whitespace().next() == Some(verb)).count()
    };
    let cards: Vec<_> = posts
        .iter()
        .filter(|post| post.channel == TRIAGE && post.text.starts_with(key) && names(&post.text, key))
        .collect();
    let presses = case.journal.acts.iter().filter(|act| act.kind == ActKind::Pressed && act.text.starts_with("claim:"));
    let presses = presses.filter(|act| cards.iter().any(|card| card.at == act.on));
    let commands = case
        .journal
        .acts
        .iter()
        .filter(|act| act.kind == ActKind::Commanded && act.text == format!("/desk claim {key}"));
    let clicked: Vec<_> = presses.chain(commands).collect();
    let surely = clicked.iter().any(|act| act.acked && act.platform == "slack");
    let expected = [
        ("opened", 1, 1),
        ("claimed", ordered("claim").max(usize::from(surely)), ordered("claim") + clicked.len()),
        ("resolved", ordered("resolve"), ordered("resolve")),
    ];
    for (act, least, most) in expected {
        let done = times(act);
        if done < least {
            report.lost.push(format!("{key} was {act} {done} times, and should have been {least} times"));
        } else if done > most {
            report.doubled.push(format!("{key} was {act} {done} times, and should have been {most} times"));
        }
    }
    if clicked.iter().any(|act| act.acked) && times("claimed") == 0 && !surely {
        report.excuse(0, 1);
    }
    for act in case.journal.acts.iter().filter(|act| act.kind == ActKind::Submitted) {
        let Some(tag) = Tag::in_text(&act.text).filter(|tag| tag.kind == Kind::Answer && tag.about == number) else {
            continue;
        };
        answers(case, tag, ticket, act.acked && act.platform == "slack", posts, report);
    }
}

/// Checks an agent's answer by the form: it exists once for the requester, once on record, and once under each card.
fn answers(case: &Case<'_>, tag: Tag, ticket: &Ticket, surely: bool, posts: &[&Post], report: &mut Report) {
    let key = &ticket.key;
    let has = |text: &str| Tag::all(text).any(|found| found == tag);
    let standing = posts.iter().filter(|post| post.channel != TRIAGE && has(&post.text)).count();
    match standing {
        0 if surely => report.lost.push(format!("the answer {tag} on {key}")),
        0 => report.excuse(0, 1),
        1 => {}
        times => report.doubled.push(format!("the answer {tag} on {key} stands {times} times")),
    }
    let wanted = standing.min(1);
    let recorded = ticket.messages.iter().filter(|message| has(&message.text)).count();
    let mut places = vec![("on record".to_owned(), recorded)];
    for platform in &case.journal.platforms {
        let shown = posts.iter().filter(|post| post.at.0 == *platform && post.channel == TRIAGE && has(&post.text));
        places.push((format!("under the card on {platform}"), shown.count()));
    }
    for (place, times) in places {
        if times > wanted {
            report.doubled.push(format!("the answer {tag} on {key} is {times} times {place}"));
        } else if times < wanted {
            report.lost.push(format!("the answer {tag} on {key} is not {place}"));
        }
    }
}

/// Reports texts in places where they must not be.
fn strays(case: &Case<'_>, posts: &[&Post], report: &mut Report) {
    for post in posts {
        for tag in Tag::all(&post.text) {
            let outside = post.channel != TRIAGE;
            let is_stray = match tag.kind {
                Kind::Chatter => true,
                // Lines and notes stay at the desk. The words of a request may stand elsewhere, since requesters see
                // their titles.
                Kind::Line | Kind::Note => outside,
                Kind::Request | Kind::Answer | Kind::Resolution | Kind::Ping => case.ticket(tag.about).is_none(),
            };
            if is_stray {
                report.wrong.push(format!("{tag} stands in #{} on {}: \"{}\"", post.channel, post.at.0, post.text));
            }
        }
        if post.text.contains(GREETED) {
            report.wrong.push(format!("an answer to a greeting was not taken away on {}", post.at.0));
        }
    }
}

/// Checks that private answers are given at most once.
fn private_answers(case: &Case<'_>, posts: &[&Post], report: &mut Report) {
    report.private_answers = case.journal.whispers.len();
    let told = |platform: &str, to: &str, what: &dyn Fn(&str) -> bool| {
        let whispered =
            case.journal.whispers.iter().filter(|one| one.platform == platform && one.to == to && what(&one.text));
        // An answer that cannot be given in the channel is sent directly.
        let directly = posts.iter().filter(|post| post.at.0 == platform && what(&post.text));
        let directly = directly.filter(|post| post.channel == format!("direct:{to}") || post.channel == "desk");
        (whispered.count(), directly.count())
    };
    let mut asked: BTreeMap<(&str, &str, &str), (usize, usize)> = BTreeMap::new();
    for act in case.journal.acts.iter().filter(|act| act.kind == ActKind::Commanded) {
        if let Some(key) = act.text.strip_prefix("/desk show ") {
            let times = asked.entry((&act.platform, &act.who, key)).or_default();
            times.0 += 1;
            times.1 += usize::from(act.acked);
        }
    }
    for ((platform, who, key), (times, acked)) in asked {
        let (whispered, directly) = told(platform, who, &|text| text.starts_with(key) && text.contains("Asked by"));
        if whispered + directly > times {
            report.doubled.push(format!(
                "{who} asked for {key} {times} times on {platform}, and was told {} times",
                whispered + directly
            ));
        }
        report.excuse(2, acked.saturating_sub(whispered + directly));
    }
    let mut greeted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for said in case.journal.said.iter().filter(|said| said.words() == "hello") {
        *greeted.entry((said.platform(), &said.who)).or_default() += 1;
    }
    for ((platform, who), times) in greeted {
        let (whispered, _) = told(platform, who, &|text| text.contains(GREETED));
        if whispered > times {
            report
                .doubled
                .push(format!("{who} greeted {times} times on {platform}, and was answered {whispered} times"));
        }
        if platform == "slack" {
            report.excuse(2, times.saturating_sub(whispered));
        }
    }
}
