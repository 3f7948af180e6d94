//! The bot's sentences about tickets: to requesters, on cards, and in refusals of acts. Each function returns a
//! message, or a part of one.

use jiff::Timestamp;

use super::acts;
use super::state::{CancelReason, Status, Ticket, TicketRef};
use crate::desk::acts::Act;
use crate::desk::conversation::state::{Record, Voice};
use crate::domain::audit::AuditEntry;
use crate::domain::ids::{Person, PersonRef, PlatformName, TicketKey};
use crate::domain::message::{Control, Line, Message, Span, Style, quoted, said, strong};
use crate::domain::plain::{is_line_break, one_line};
use crate::domain::words::{ago, first_name, is_blank, shorten};

/// Returns the confirmation of a request, with its status. `others`: other open requests of the requester. A menu
/// offers to merge a private request into one of them.
#[must_use]
pub fn confirmation(ticket: &Ticket, others: &[TicketRef]) -> Message {
    let key = strong(&ticket.key);
    let name = quoted(first_name(&ticket.requester));
    let mut line = match (&ticket.follows, ticket.is_private()) {
        (Some(before), _) => vec![said("Got it: "), key, said(format!(", following on from {before}. "))],
        (None, true) => {
            vec![said("Got it, "), name, said(": "), key, said(". Only you and the desk can see this; ")]
        }
        (None, false) => vec![said("Got it, "), name, said(": "), key, said(". ")],
    };
    let is_new_in_private = ticket.is_private() && ticket.follows.is_none();
    let it = if is_new_in_private { "it" } else { "It" };
    line.extend(match &ticket.status {
        Status::New | Status::InProgress => match &ticket.assignee {
            Some(agent) if is_new_in_private => {
                vec![quoted(first_name(agent)), said(" has it and will answer here.")]
            }
            Some(agent) => vec![quoted(first_name(agent)), said(" has it and will answer here.")],
            None if is_new_in_private => vec![said("you'll get the answer here.")],
            None => vec![said("Someone from the desk will answer here.")],
        },
        Status::Pending { reason, until } => has_to_wait(it, reason, *until),
        Status::Resolved { .. } => [vec![said(format!("{it} is resolved. "))], not_right(ticket)].concat(),
        Status::Closed { .. } => vec![said(format!("{it} is closed. Need more help? Just write here."))],
        Status::Cancelled { why: CancelReason::Merged, .. } => match &ticket.merged_into {
            Some(into) => vec![said(format!("{it} is part of {into} now."))],
            None => vec![said(format!("{it} is part of another request now."))],
        },
        Status::Cancelled { .. } => vec![said(format!("{it} is cancelled."))],
    });
    line.push(said(reads_along(ticket)));
    // The words of a command stand in no message above the confirmation, so they are repeated.
    let asked =
        ticket.origin_message.id.is_empty().then(|| Line(vec![said("You asked: “"), quoted(&ticket.title), said("”")]));
    Message::new(std::iter::once(Line(line)).chain(asked)).with(confirmation_controls(ticket, others))
}

/// Returns the buttons for what a requester can do with their request in its status.
#[must_use]
pub fn requesters_controls(ticket: &Ticket) -> Vec<Control> {
    let (details, cancel) = (&acts::DETAILS.spec, &acts::CANCEL.spec);
    match &ticket.status {
        Status::New | Status::InProgress | Status::Pending { .. } => {
            vec![details.button(ticket.tag()), cancel.button(ticket.tag())]
        }
        Status::Cancelled { why: CancelReason::TakenBack | CancelReason::NotARequest, .. } => vec![ask_again(ticket)],
        Status::Resolved { .. } => vec![details.button(ticket.tag())],
        Status::Closed { .. } | Status::Cancelled { why: CancelReason::Merged, .. } => Vec::new(),
    }
}

fn confirmation_controls(ticket: &Ticket, others: &[TicketRef]) -> Vec<Control> {
    let (tag, mut controls) = (ticket.tag(), requesters_controls(ticket));
    if !ticket.is_private() {
        controls.push(acts::MENU.spec.labelled("Desk…", tag));
        return controls;
    }
    controls.push(acts::NEW_REQUEST.spec.button(tag.clone()));
    if !others.is_empty() && ticket.status.is_open() {
        let options = others.iter().map(|other| (format!("{} {}", other.tag.key, other.title), other.tag.to_string()));
        controls.push(Control::Choice {
            label: acts::BELONGS_TO.spec.label.to_owned(),
            does: acts::BELONGS_TO.spec.on(tag),
            options: options.take(20).map(|(label, value)| (shorten(&label, 70), value)).collect(),
        });
    }
    controls
}

/// Says that the desk sees all words in a public thread, since other people may write there, too, and their words are
/// recorded.
fn reads_along(ticket: &Ticket) -> &'static str {
    match (&ticket.status, &ticket.assignee) {
        _ if ticket.is_private() => "",
        // "They" refers to the desk, which the sentence before has named.
        (Status::New | Status::InProgress, None) => " They can see what's written in this thread.",
        _ => " The desk can see what's written in this thread.",
    }
}

/// Tells the requester which agent has taken the request.
#[must_use]
pub fn taken(ticket: &Ticket, by: &Person) -> Message {
    Message::new([Line(vec![quoted(first_name(by)), said(format!(" is on it{}.", key_if_private(ticket)))])])
}

/// Tells the requester to which agent the request was given.
#[must_use]
pub fn given_to(ticket: &Ticket, to: &Person) -> Message {
    Message::new([Line(vec![quoted(first_name(to)), said(format!(" has it now{}.", key_if_private(ticket)))])])
}

/// Returns the key of a private ticket after a colon: its direct conversation may be about several tickets. Empty for a
/// ticket with a thread of its own.
fn key_if_private(ticket: &Ticket) -> String {
    if ticket.is_private() { format!(": {}", ticket.key) } else { String::new() }
}

/// Tells the requester that the request is on hold.
#[must_use]
pub fn waits(ticket: &Ticket, reason: &str, until: Option<Timestamp>) -> Message {
    let mut line = has_to_wait(&ticket.key.to_string(), reason, until);
    let ends_in_reason = !reason.is_empty() && line.pop().is_some();
    let from = if ends_in_reason { "\n" } else { " " };
    line.push(said(format!("{from}I'll write here when there's news.")));
    Message::new([Line(line)])
}

/// Returns the sentence that a ticket is on hold, until when, and why. `it`: the ticket's key or "it".
fn has_to_wait(it: &str, reason: &str, until: Option<Timestamp>) -> Vec<Span> {
    let mut line = match until {
        Some(until) => vec![said(format!("{it} is on hold until ")), Span::At(until)],
        None if reason.is_empty() => vec![said(format!("{it} is on hold for now"))],
        None => vec![said(format!("{it} is on hold"))],
    };
    if !reason.is_empty() {
        line.extend([said(": "), quoted(reason)]);
    }
    line.push(said("."));
    line
}

/// Tells the requester that the request is no longer on hold.
#[must_use]
pub fn goes_on(ticket: &Ticket) -> Message {
    Message::new([Line(match &ticket.assignee {
        Some(agent) => {
            vec![said(format!("{} is no longer on hold: ", ticket.key)), quoted(first_name(agent)), said(" has it.")]
        }
        None => vec![said(format!("{} is no longer on hold: someone from the desk will answer here.", ticket.key))],
    })])
}

/// Tells the requester that the request is resolved.
#[must_use]
pub fn resolved(ticket: &Ticket, resolution: &str) -> Message {
    let line = vec![said(format!("{} is resolved: ", ticket.key)), quoted(resolution), said("\n")];
    let message = Message::new([Line([line, not_right(ticket)].concat())]);
    if ticket.is_private() { message.with([acts::DETAILS.spec.button(ticket.tag())]) } else { message }
}

/// Tells the requester of a resolved request how it is opened again. In a direct conversation, words may belong to a
/// newer request, or begin one; a button cannot be misunderstood.
#[must_use]
pub fn not_right(ticket: &Ticket) -> Vec<Span> {
    match ticket.is_private() {
        true => vec![said("Not right? Press "), strong(acts::DETAILS.spec.label), said(".")],
        false => vec![said("Not right? Just write here.")],
    }
}

/// Tells the requester that the request is open again.
#[must_use]
pub fn reopened(ticket: &Ticket) -> Message {
    Message::new([Line(match &ticket.assignee {
        Some(agent) => vec![
            said("Reopened: "),
            quoted(first_name(agent)),
            said(format!(" has it again{}.", key_if_private(ticket))),
        ],
        None => vec![said(format!("Reopened: someone from the desk will answer here{}.", key_if_private(ticket)))],
    })])
}

/// Confirms to the requester that the request is cancelled.
#[must_use]
pub fn cancelled(ticket: &Ticket) -> Message {
    Message::said(format!("{} is cancelled, as you asked. Changed your mind?", ticket.key)).with([ask_again(ticket)])
}

/// Tells the requester that an agent saw nothing to do, and cancelled the request. In a direct conversation, words
/// would begin another request.
#[must_use]
pub fn no_request(ticket: &Ticket, by: &Person) -> Message {
    let further = if ticket.is_private() { "Press the button:" } else { "Just write here." };
    Message::new([Line(vec![
        quoted(first_name(by)),
        said(format!(
            " closed {}, since there was nothing in it for the desk to do. Still need us? {further}",
            ticket.key
        )),
    ])])
    .with([ask_again(ticket)])
}

/// Tells the requester that nobody has the request any more.
#[must_use]
pub fn released(ticket: &Ticket) -> Message {
    Message::said(format!(
        "It's with the desk again: someone will take it over and answer here{}.",
        key_if_private(ticket)
    ))
}

/// Tells a requester who writes on a cancelled request that nobody works on it, and how to ask again.
#[must_use]
pub fn is_cancelled(ticket: &Ticket) -> Message {
    Message::said(format!(
        "{} is cancelled, so nobody is working on it. Still need help? Press the button:",
        ticket.key
    ))
    .with([ask_again(ticket)])
}

/// Returns the button that reopens a cancelled request.
fn ask_again(ticket: &Ticket) -> Control {
    acts::REOPEN.spec.labelled("Ask again", ticket.tag())
}

/// Refuses to merge a request into another one: into itself, or a private and a public one.
#[must_use]
pub fn cannot_join(ticket: &Ticket, other: &Ticket) -> Message {
    let (key, into) = (&ticket.key, &other.key);
    Message::said(match (ticket.id == other.id, ticket.is_private()) {
        (true, _) => format!("{key} can't be part of itself. Please pick another one."),
        (false, true) => format!("{key} is private and {into} isn't, so I have to keep them apart."),
        (false, false) => format!("{into} is private and {key} isn't, so I have to keep them apart."),
    })
}

/// Confirms to the requester that the request was merged into another one.
#[must_use]
pub fn belongs(to: &TicketKey) -> Message {
    Message::said(format!("Done: that's part of {to} now."))
}

/// Returns the card of a ticket in a channel of the desk. `assignee_here`: the assignee's account on that platform.
#[must_use]
pub fn card(ticket: &Ticket, assignee_here: Option<&PersonRef>) -> Message {
    let (key, tag) = (&ticket.key, ticket.tag());
    let mut where_from = vec![quoted(&ticket.requester.name), said(" ")];
    if ticket.is_private() {
        where_from.push(said("in private"));
    } else {
        where_from.push(said("in "));
        let (there, label) = match ticket.origin.platform() {
            PlatformName::Slack => ("a Slack channel", "open in Slack"),
            PlatformName::Discord => ("a Discord channel", "open in Discord"),
        };
        where_from.push(Span::In { place: ticket.origin.clone(), label: there.to_owned() });
        where_from.push(said(" · "));
        where_from.push(Span::Link { to: ticket.origin_message.clone(), label: label.to_owned() });
    }
    let mut state = vec![said(status(&ticket.status)), said(" · ")];
    let open = ticket.status.is_open();
    match (&ticket.assignee, assignee_here) {
        (Some(_), Some(account)) if open => state.extend([Span::Ping(account.clone()), said(" has it · ")]),
        (Some(agent), _) if open => state.extend([quoted(&agent.name), said(" has it · ")]),
        (Some(agent), _) => state.extend([quoted(&agent.name), said(" had it · ")]),
        (None, _) if open => state.push(said("nobody yet · ")),
        (None, _) => {}
    }
    state.extend([said(format!("{} · ", ticket.priority)), Span::Ago(ticket.opened_at)]);
    if let Some(before) = &ticket.follows {
        state.push(said(format!(" · follows {before}")));
    }
    let mut lines = vec![Line(vec![strong(key), said("  "), quoted(&ticket.title)]), Line(where_from), Line(state)];
    match &ticket.status {
        Status::Pending { reason, until } => lines.extend(waits_for(reason, *until)),
        Status::Resolved { resolution, .. } | Status::Closed { resolution, .. } => {
            lines.push(Line(vec![said("Resolved: "), quoted(resolution)]));
        }
        Status::Cancelled { why: CancelReason::TakenBack, .. } => lines.push(Line::said("The requester took it back.")),
        Status::Cancelled { why: CancelReason::NotARequest, by, .. } => {
            lines.push(Line(vec![quoted(&by.name), said(" marked it as not a request.")]));
        }
        Status::Cancelled { why: CancelReason::Merged, .. } => {
            let into = ticket.merged_into.as_ref().map_or_else(|| "another one".to_owned(), ToString::to_string);
            lines.push(Line::said(format!("It's part of {into} now.")));
        }
        Status::New | Status::InProgress => {}
    }
    let controls = match (&ticket.status, &ticket.assignee) {
        (status, holder) if status.is_open() => {
            let first = if holder.is_none() { &acts::CLAIM } else { &acts::REPLY };
            vec![
                first.spec.button(tag.clone()).styled(Style::Primary),
                acts::NOT_A_REQUEST.spec.button(tag.clone()).styled(Style::Plain),
                acts::MENU.spec.button(tag),
            ]
        }
        _ => vec![acts::MENU.spec.button(tag)],
    };
    Message::new(lines).with(controls)
}

/// Returns the line of a pending ticket about the end and the reason of the wait; `None` if neither is known.
fn waits_for(reason: &str, until: Option<Timestamp>) -> Option<Line> {
    let reason = Some(reason).filter(|reason| !reason.is_empty()).map(quoted);
    Some(Line(match (until, reason) {
        (None, None) => return None,
        (None, Some(reason)) => vec![said("On hold: "), reason],
        (Some(until), None) => vec![said("On hold until "), Span::At(until)],
        (Some(until), Some(reason)) => vec![said("On hold until "), Span::At(until), said(": "), reason],
    }))
}

/// Returns the words for a status.
#[must_use]
pub fn status(status: &Status) -> &'static str {
    match status {
        Status::New => "new",
        Status::InProgress => "in progress",
        Status::Pending { .. } => "pending",
        Status::Resolved { .. } => "resolved",
        Status::Closed { .. } => "closed",
        Status::Cancelled { .. } => "cancelled",
    }
}

/// Returns the agents' menu of a ticket: those of the acts that can be done in its present state.
#[must_use]
pub(in crate::desk) fn menu(ticket: &Ticket, acts: impl Iterator<Item = &'static Act>) -> Message {
    let shown = acts.filter(|act| (act.in_menu)(ticket)).map(|act| act.spec.control(ticket.tag()));
    // Discord shows five rows at most. Buttons come first, since they share rows and each menu takes a row of its own.
    let (buttons, menus): (Vec<_>, Vec<_>) = shown.partition(|control| matches!(control, Control::Button { .. }));
    let shown = buttons.into_iter().chain(menus);
    Message::new([Line(vec![strong(&ticket.key), said("  "), quoted(&ticket.title)]), status_line(ticket)]).with(shown)
}

/// Returns the line with a ticket's status and, if it is open, its priority and assignee.
fn status_line(ticket: &Ticket) -> Line {
    let mut line = vec![said(status(&ticket.status))];
    if ticket.status.is_open() {
        line.push(said(format!(" · {} · ", ticket.priority)));
        line.push(match &ticket.assignee {
            Some(agent) => quoted(&agent.name),
            None => said("nobody yet"),
        });
        if ticket.assignee.is_some() {
            line.push(said(" has it"));
        }
    }
    Line(line)
}

/// Shows a ticket with its messages. `whole`: also its priority, notes and history, for agents.
#[must_use]
pub fn show(ticket: &Ticket, records: &[Record], audit: &[AuditEntry], whole: bool, now: Timestamp) -> Message {
    let mut lines = vec![Line(vec![strong(&ticket.key), said("  "), quoted(&ticket.title)])];
    let mut state = vec![said(format!("It is {}", status(&ticket.status)))];
    match &ticket.assignee {
        Some(agent) => state.extend([said("; "), quoted(first_name(agent)), said(" has it.")]),
        None if ticket.status.is_open() => state.push(said("; nobody has it yet.")),
        None => state.push(said(".")),
    }
    state.extend([
        said(" Asked by "),
        quoted(first_name(&ticket.requester)),
        said(format!(" {}.", ago(ticket.opened_at, now))),
    ]);
    lines.push(Line(state));
    if let Status::Resolved { resolution, .. } | Status::Closed { resolution, .. } = &ticket.status {
        lines.push(Line(vec![said("Resolved: "), quoted(resolution)]));
    }
    if let Status::Pending { reason, until } = &ticket.status {
        lines.extend(waits_for(reason, *until));
    }
    if whole {
        lines.push(Line::said(format!("Priority {}.", ticket.priority)));
    }
    let shown = records.iter().filter(|record| whole || record.voice.is_public());
    for record in shown {
        let words = if record.deleted_at.is_some() || record.text.is_empty() {
            said("(deleted)")
        } else {
            quoted(&record.text)
        };
        let mark = match record.voice {
            Voice::Note => " (note)",
            Voice::Agent => " (IT)",
            Voice::Before => " (earlier)",
            Voice::Third => " (also in the thread)",
            Voice::Requester => "",
        };
        let mut line = vec![said("• "), quoted(first_name(&record.author)), said(format!("{mark}: ")), words];
        if record.edited_at.is_some() && record.deleted_at.is_none() {
            line.push(said(" (edited)"));
        }
        lines.push(Line(line));
    }
    if whole && !audit.is_empty() {
        lines.push(Line(vec![strong("History")]));
        for entry in audit {
            let what = format!("{}, {}", entry.act, ago(entry.at, now));
            lines.push(Line(match &entry.actor {
                Some(actor) => vec![said("• "), quoted(first_name(actor)), said(format!(": {what}"))],
                None => vec![said(format!("• {what}"))],
            }));
        }
    }
    Message::new(lines)
}

/// Lists the open requests of the reader, or of the person `of`.
#[must_use]
pub fn requests(of: Option<&Person>, open: &[Ticket]) -> Message {
    let mut head = match (of, open.is_empty()) {
        (Some(person), true) => vec![quoted(first_name(person)), said(" has no open requests.")],
        (Some(person), false) => vec![said("Open requests from "), quoted(&person.name), said(":")],
        (None, true) => {
            vec![said("You have no open requests. Need something? Mention me or write to me.")]
        }
        (None, false) => vec![said("Your open requests:")],
    };
    let line = |ticket: &Ticket| {
        let mut line = vec![said("• "), strong(&ticket.key), said("  "), quoted(&ticket.title), said(" · ")];
        line.push(said(status(&ticket.status)));
        if let Some(agent) = &ticket.assignee {
            line.extend([said(" · "), quoted(first_name(agent)), said(" has it")]);
        }
        line.extend([said(" · "), Span::Ago(ticket.opened_at)]);
        if !ticket.is_private() {
            line.extend([said(" · "), Span::Link { to: ticket.origin_message.clone(), label: "open".to_owned() }]);
        }
        Line(line)
    };
    let lines: Vec<Line> = open.iter().map(line).collect();
    Message::new(std::iter::once(Line(std::mem::take(&mut head))).chain(lines))
}

/// Refuses an act that only the requester or an agent may do.
#[must_use]
pub fn requester_only(ticket: &Ticket) -> Message {
    Message::new([Line(vec![
        said(format!("{} is ", ticket.key)),
        quoted(first_name(&ticket.requester)),
        said("'s request, so only they or the desk can do that. Need something yourself? Mention me or write to me."),
    ])])
}

/// Refuses an act that only agents may do. `ticket`: the ticket of the act, if there is one.
#[must_use]
pub fn agents_only(ticket: Option<&Ticket>, is_requester: bool) -> Message {
    let mut line = vec![said("Sorry, only the desk can do that; /desk help shows what you can do.")];
    if let Some(ticket) = ticket.filter(|ticket| is_requester && ticket.status.is_open()) {
        match &ticket.assignee {
            Some(agent) => line.extend([said(" Your request is with "), quoted(first_name(agent)), said(".")]),
            None => {
                line.push(said(" Your request is with the desk; to add something, just write where I answered you."))
            }
        }
    }
    Message::new([Line(line)])
}

/// Refuses to take a ticket that another agent has.
#[must_use]
pub fn held_by(ticket: &Ticket, holder: &Person) -> Message {
    Message::new([Line(vec![
        quoted(first_name(holder)),
        said(format!(" already has {}. To take it over, press More…, then Assign to….", ticket.key)),
    ])])
}

/// Refuses to take a ticket that the actor has already.
#[must_use]
pub fn already_yours(ticket: &Ticket) -> Message {
    Message::said(format!("You already have {}.", ticket.key))
}

/// Refuses to release a ticket that nobody has.
#[must_use]
pub fn held_by_nobody(ticket: &Ticket) -> Message {
    Message::said(format!("Nobody has {}, so there's nothing to release.", ticket.key))
}

/// Refuses an act that the ticket's status does not allow. `is_actor`: whether a person is the actor.
#[must_use]
pub fn wrong_status(
    ticket: &Ticket,
    actor_is_requester: bool,
    is_actor: impl Fn(&Person) -> bool,
    now: Timestamp,
) -> Message {
    let key = &ticket.key;
    match &ticket.status {
        Status::Cancelled { at, by, why } => {
            let when = ago(*at, now);
            if *why == CancelReason::Merged {
                let into = ticket.merged_into.as_ref().map_or_else(|| "another one".to_owned(), ToString::to_string);
                return Message::said(format!("{key} is part of {into} now. Please go on there."));
            }
            let by = if is_actor(by) { said("you") } else { quoted(first_name(by)) };
            let message = Message::new([Line(vec![said(format!("{key} was cancelled {when} by ")), by, said(".")])]);
            if actor_is_requester { message.with([ask_again(ticket)]) } else { message }
        }
        Status::Resolved { at, .. } => Message::said(format!(
            "{key} was resolved {}. If that's not right, /desk reopen {key} opens it again.",
            ago(*at, now)
        )),
        Status::Closed { at, .. } => Message::said(format!(
            "{key} was closed {}. If there's more to do, just ask again, and I'll start a new request.",
            ago(*at, now)
        )),
        Status::New | Status::InProgress | Status::Pending { .. } => Message::said(format!(
            "{key} is already open ({}), so nothing was changed. The desk can see it.",
            status(&ticket.status)
        )),
    }
}

/// Refuses to assign a ticket to a person who is no agent.
#[must_use]
pub fn not_an_agent(person: &Person) -> Message {
    Message::new([Line(vec![
        quoted(first_name(person)),
        said(" isn't one of the desk's agents, so I can't give them tickets. Whoever runs this bot can add them."),
    ])])
}

/// Confirms an act to a person who is no agent.
#[must_use]
pub fn done_for_requester(ticket: &Ticket) -> Message {
    let key = said(format!("{}", ticket.key));
    Message::new([Line(match (&ticket.status, &ticket.assignee) {
        (open, Some(agent)) if open.is_open() => {
            vec![said("Done: "), quoted(first_name(agent)), said(" has "), key, said(" again.")]
        }
        (open, None) if open.is_open() => vec![said("Done: the desk has "), key, said(" again.")],
        (other, _) => vec![said("Done: "), key, said(format!(" is {}.", status(other)))],
    })])
}

/// Confirms an act to an agent who waits for an answer, for example to a command.
#[must_use]
pub fn done(ticket: &Ticket) -> Message {
    let mut line = vec![said(format!("Done: {} is {}", ticket.key, status(&ticket.status)))];
    if let Status::Pending { until: Some(until), .. } = &ticket.status {
        line.extend([said(" until "), Span::At(*until)]);
    }
    if ticket.status.is_open() {
        line.push(said(format!(", {}", ticket.priority)));
        match &ticket.assignee {
            Some(agent) => line.extend([said(", with "), quoted(first_name(agent))]),
            None => line.push(said(", and nobody has it yet")),
        }
    }
    line.push(said("."));
    Message::new([Line(line)])
}

/// Returns a ticket's title: the first line of its words that is not blank and does not begin a block of code, cut to
/// 80 characters (grapheme clusters).
#[must_use]
pub fn title(text: &str) -> String {
    let mut lines = text.split(is_line_break).map(str::trim);
    let line = lines.find(|line| !is_blank(line) && !line.starts_with("```")).unwrap_or("(no words)");
    shorten(&one_line(line), 80)
}

/// Returns the title of a ticket whose author has deleted the words.
#[must_use]
pub fn deleted_title() -> String {
    "(deleted by its author)".to_owned()
}

#[cfg(test)]
mod tests {
    use unicode_segmentation::UnicodeSegmentation as _;

    use super::*;

    #[test]
    fn a_title_is_one_short_line() {
        assert_eq!(title("printer\nsmokes"), "printer");
        assert_eq!(title("  \n\n x"), "x");
        assert_eq!(title("👩‍👩‍👧‍👧".repeat(100).as_str()).graphemes(true).count(), 80);
    }

    #[test]
    fn a_title_is_to_be_seen() {
        for blank in ["", "\u{3164}", "\u{200b}\u{2060}", "\u{2800} \u{fe0f}", "\u{e0020}\n\u{ffa0}"] {
            assert_eq!(title(blank), "(no words)", "{blank:?}");
        }
        assert_eq!(title("\u{3164}\nprinter"), "printer");
    }
}
