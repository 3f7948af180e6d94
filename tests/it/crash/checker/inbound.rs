//! Checks the way in: every request has one ticket, and every message is recorded once, on the right ticket, with its
//! last text.

use std::collections::{BTreeSet, HashMap};

use super::export::Recorded;
use super::journal::{At, Said};
use super::{Case, Report};
use crate::crash::tag::{Kind, Tag};

/// Finds the request of each ticket. Reports tickets of no request or of several, and requests with several tickets.
pub(super) fn requests(case: &mut Case<'_>, report: &mut Report) {
    report.tickets = case.tickets.len();
    report.requests = case.journal.said.iter().filter(|said| is(said, Kind::Request)).count();
    for (position, ticket) in case.tickets.iter().enumerate() {
        let whose = |message: &Recorded| {
            let said = message.at.as_ref().and_then(|at| case.said.get(at));
            said.map_or_else(|| Tag::in_text(&message.text), |said| said.tag).map(|tag| tag.about)
        };
        let requests: BTreeSet<u32> = ticket.messages.iter().filter_map(whose).collect();
        match requests.len() {
            0 => report.doubled.push(format!("{} belongs to no request of anybody", ticket.key)),
            1 => {}
            _ => report.wrong.push(format!("{} holds words of several requests: {requests:?}", ticket.key)),
        }
        for request in requests {
            case.of_request.entry(request).or_default().push(position);
        }
    }
    for (request, tickets) in case.of_request.iter().filter(|(_, tickets)| tickets.len() > 1) {
        let keys: Vec<&str> = tickets.iter().map(|at| case.tickets[*at].key.as_str()).collect();
        report.doubled.push(format!("request {request} has several tickets: {}", keys.join(", ")));
    }
}

/// Compares the recorded messages with people's messages.
pub(super) fn messages(case: &Case<'_>, report: &mut Report) {
    let mut recorded: HashMap<&At, Vec<(&str, &Recorded)>> = HashMap::new();
    for ticket in case.tickets {
        report.messages += ticket.messages.len();
        for message in &ticket.messages {
            if let Some(at) = &message.at {
                recorded.entry(at).or_default().push((&ticket.key, message));
            }
        }
    }
    for said in &case.journal.said {
        let found = recorded.get(&said.at).map_or(&[][..], Vec::as_slice);
        let Some(tag) = said.tag.filter(|tag| !matches!(tag.kind, Kind::Resolution | Kind::Chatter)) else {
            if let [(key, _), ..] = found {
                report.wrong.push(format!("{key} holds {}, which is none of the desk's business", words(said)));
            }
            continue;
        };
        match found {
            [] if tag.kind == Kind::Ping => {}
            [] => missing(case, said, report),
            [(key, message)] => compare(said, tag, key, message, report),
            several => {
                let keys: Vec<&str> = several.iter().map(|(key, _)| *key).collect();
                report.doubled.push(format!("{} is on record in {}", words(said), keys.join(", ")));
            }
        }
    }
}

/// Reports a message that is not recorded, unless its absence is right or cannot be prevented.
fn missing(case: &Case<'_>, said: &Said, report: &mut Report) {
    if said.deleted {
        // The message may have been deleted before the bot could record it. Its absence is right in any case.
        return;
    }
    let request = case
        .journal
        .said
        .iter()
        .find(|other| is(other, Kind::Request) && other.tag.map(|tag| tag.about) == said.tag.map(|tag| tag.about));
    if request.is_some_and(|request| request.deleted && case.ticket(request.tag.map_or(0, |tag| tag.about)).is_none()) {
        // The request was deleted before the bot could read it, so nobody has asked the desk for anything here.
        return;
    }
    let first = said.platform() == "discord" && said.is_direct() && {
        let mut earlier = case.journal.said.iter().filter(|other| other.at.1 == said.at.1 && other.seq < said.seq);
        earlier.all(|other| case.journal.was_missed(other))
    };
    if first && case.journal.was_missed(said) {
        report.excuse(1, 1);
    } else {
        let heard = match (said.delivered.len(), said.acked) {
            (0, _) => "never delivered".to_owned(),
            (times, None) => format!("delivered {times} times, not acknowledged"),
            (times, Some(_)) => format!("delivered {times} times, acknowledged"),
        };
        report.lost.push(format!(
            "{} ({}, entry {}, {heard}) is not on record",
            words(said),
            said.platform(),
            said.seq
        ));
    }
}

fn compare(said: &Said, tag: Tag, key: &str, message: &Recorded, report: &mut Report) {
    let is_note = message.voice == "note";
    if is_note != (tag.kind == Kind::Note) {
        report.wrong.push(format!("{} of {key} is on record as {}", words(said), message.voice));
    }
    if said.deleted {
        if !message.deleted || !message.text.is_empty() {
            report.lost.push(format!("the deletion of {} of {key}", words(said)));
        }
    } else if message.deleted {
        report.wrong.push(format!("{} of {key} is recorded as deleted, but still stands on the platform", words(said)));
    } else if message.text.trim() != said.words() {
        let (is, should) = (&message.text, said.words());
        report.lost.push(format!("an edit: {key} holds \"{is}\" and should hold \"{should}\""));
    }
}

pub(super) fn is(said: &Said, kind: Kind) -> bool {
    said.tag.is_some_and(|tag| tag.kind == kind)
}

pub(super) fn words(said: &Said) -> String {
    said.tag.map_or_else(|| format!("\"{}\"", said.text), |tag| tag.to_string())
}
