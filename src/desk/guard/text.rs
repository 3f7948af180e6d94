//! What the bot says about pings of staff.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::acts::{CALL, NO_REQUEST, NOT_HERE, PASS_ON, UNDO, URGENT, WHY_ASKED};
use super::record::Counted;
use super::state::{End, Ping, Ruling};
use crate::asking;
use crate::desk::on_call;
use crate::desk::on_call::state::OnCall;
use crate::desk::tickets::state::Ticket;
use crate::domain::act::{ActRef, Spec};
use crate::domain::ids::{Person, PersonRef, PingId, Place, TicketKey};
use crate::domain::message::{Control, Line, Message, Span, Tone, said, strong};
use crate::domain::permission::Roster;
use crate::domain::rules::GuardMode;

/// Channels and people that a report names.
const NAMED: usize = 10;

fn button(spec: &Spec, ping: &PingId) -> Control {
    Control::button(spec.label, ActRef::at_message(spec.act(), ping.as_str())).styled(spec.style)
}

/// Somebody pinged staff with what looks like a request. `again`: they were asked before; `away`: until when whom they ping is away, by
/// their own word; `calls`: somebody is on call.
#[must_use]
pub fn nudge(ping: &PingId, again: bool, away: Option<Timestamp>, calls: bool) -> Message {
    let line = match away {
        Some(until) => Line(vec![
            said("The person you ask is away until "),
            Span::At(until),
            said(". The desk can help in the meantime. Shall I pass it on?"),
        ]),
        None if again => Line::said("The desk can take this one, too. Shall I pass it on?"),
        None => Line::said("The desk can take this, and someone will see it sooner there. Shall I pass it on?"),
    };
    let urgent = Some(button(&URGENT.spec, ping)).filter(|_| calls);
    let controls = [button(&PASS_ON.spec, ping), button(&NO_REQUEST.spec, ping)].into_iter().chain(urgent);
    let controls = controls.chain([button(&WHY_ASKED.spec, ping)]);
    Message { tone: Tone::Silent, ..Message::new([line]).with(controls) }
}

/// Who would be called.
#[must_use]
pub fn who_is_called(ping: &Ping, on_call: &[OnCall], roster: &Roster) -> Message {
    let mut line = vec![said("I can call ")];
    line.extend(on_call::text::names(on_call, &ping.author, roster));
    line.push(said(if on_call.len() == 1 { ", who is on call. " } else { ", who are on call. " }));
    line.push(said("In a sentence: why can't it wait?"));
    // On Slack this takes the place of the question.
    let instead = Some(button(&PASS_ON.spec, &ping.id)).filter(|_| ping.ticket.is_none());
    Message::new([Line(line)]).with([button(&CALL.spec, &ping.id)]).with(instead)
}

/// Nobody is on call any more.
#[must_use]
pub fn nobody_is_on_call(ping: &Ping) -> Message {
    let offer = Some(button(&PASS_ON.spec, &ping.id)).filter(|_| ping.ticket.is_none());
    Message::said("Nobody is on call just now. The desk is the quickest way: someone there will see it soon.")
        .with(offer)
}

/// Whoever is on call was called about this already.
#[must_use]
pub fn was_called(key: &TicketKey) -> Message {
    Message::new([Line(vec![
        said("They were called about your request "),
        strong(key),
        said(" already. What is said about it stands in the thread of your message."),
    ])])
}

/// What was to be said to whoever is on call was said to nobody.
#[must_use]
pub fn nobody_was_called() -> Message {
    Message::said("I have called nobody.")
}

/// A request that cannot wait is with the desk; told to its requester.
#[must_use]
pub fn is_urgent_at_the_desk(key: &TicketKey, on_call: &[OnCall], reader: &PersonRef, roster: &Roster) -> Message {
    let mut line = vec![said("Your request "), strong(key), said(" is with the desk, marked as urgent")];
    if on_call.is_empty() {
        line.push(said(". Nobody is on call just now, so whoever looks there first takes it"));
    } else {
        line.push(said(", and I have called "));
        line.extend(on_call::text::names(on_call, reader, roster));
    }
    line.push(said(". The answer comes in the thread of your message."));
    Message::new([Line(line)])
}

/// Calls whoever is on call, under a card. `is_nobody`: nobody is on call, on any platform.
#[must_use]
pub fn call(author: &Person, reason: &str, called: &[PersonRef], is_nobody: bool) -> Message {
    let mut line: Vec<Span> = called.iter().flat_map(|who| [Span::Ping(who.clone()), said(" ")]).collect();
    line.push(Span::Quoted(author.name.clone()));
    line.push(said(if is_nobody {
        " says that this can't wait (nobody is on call):"
    } else {
        " says that this can't wait:"
    }));
    Message::new([Line(line), Line(vec![Span::Quoted(reason.to_owned())])])
}

/// The guard made it a request at once.
#[must_use]
pub fn routed(ping: &PingId, ticket: &Ticket) -> Message {
    let line = format!("I have passed this on: it is {} at the desk now, where someone will see it soon.", ticket.key);
    let undo = ActRef { with: Some(ping.as_str().to_owned()), ..UNDO.spec.on(ticket.tag()) };
    let undo = Control::button(UNDO.spec.label, undo);
    Message { tone: Tone::Silent, ..Message::said(line).with([undo, button(&WHY_ASKED.spec, ping)]) }
}

/// It is a request now, or was one already.
#[must_use]
pub fn is_with_the_desk(key: &TicketKey) -> Message {
    Message::new([Line(vec![
        said("Your request "),
        strong(key),
        said(" is with the desk. The answer comes in the thread of your message."),
    ])])
}

/// Somebody else has passed a message on; told to its author.
#[must_use]
pub fn passed_on_by_another(ticket: &Ticket) -> Message {
    let line = format!(
        "Somebody here has passed this on to the desk for you: it is {} now, and someone will see it soon.",
        ticket.key
    );
    Message { tone: Tone::Silent, ..Message::said(line).with([UNDO.spec.button(ticket.tag())]) }
}

/// It became a request before.
#[must_use]
pub fn became(key: &TicketKey) -> Message {
    Message::new([Line(vec![
        said("That is your request "),
        strong(key),
        said(" already. What is said about it stands in the thread of your message."),
    ])])
}

/// The thread belongs to somebody else's request.
#[must_use]
pub fn thread_of_another() -> Message {
    Message::said(
        "This thread is about a request of somebody else by now, so the desk reads what you write here. If yours is \
         another matter, mention me in the channel.",
    )
}

/// A message holds nothing that can be passed on.
#[must_use]
pub fn nothing_in_it() -> Message {
    Message::said("There are no words in that message that I could pass on.")
}

/// A message is not a person's, or gone.
#[must_use]
pub fn of_no_person() -> Message {
    Message::said("That message is gone, or no person wrote it, so there is nothing to pass on.")
}

/// It is not known which message is meant.
#[must_use]
pub fn which_message() -> Message {
    Message::said("I don't know which message you mean. Choose this in the menu of the message itself.")
}

/// What is said in the desk's channel is the desk's already.
#[must_use]
pub fn not_from_here() -> Message {
    Message::said("What is said here is at the desk already.")
}

/// Its message was deleted.
#[must_use]
pub fn is_gone() -> Message {
    Message::said(
        "That message is gone, so there is nothing to pass on. If you still need help, mention me and say with what.",
    )
}

/// Its message cannot be read.
#[must_use]
pub fn cannot_be_read() -> Message {
    Message::said(
        "I can't read that message, so I could not pass it on. Mention me with the same words, and the desk has it.",
    )
}

/// The notice is about somebody else's message.
#[must_use]
pub fn not_yours() -> Message {
    Message::said("Only whoever wrote that message can say what becomes of it. If you need help yourself, mention me.")
}

/// It was no request.
#[must_use]
pub fn is_dismissed(days: u32) -> Message {
    if days == 0 {
        return Message::said("All right, I leave it at that.");
    }
    Message::said(format!("All right. I won't ask about your messages to them for {days} days."))
}

/// Somebody is not asked in a channel any more.
#[must_use]
pub fn is_out() -> Message {
    Message::said(
        "I won't ask you in this channel any more. Whenever you want the desk, mention me. “/desk guard me on” has me ask again.",
    )
}

/// Whether somebody who is not of the staff is asked in a channel.
#[must_use]
pub fn asks_here(is_on: bool) -> Message {
    if is_on {
        return Message::said(
            "If you ask one of the desk's people for help here by pinging them, I may ask you again whether the desk may take it.",
        );
    }
    is_out()
}

/// Why somebody was asked. `calls`: somebody is on call.
#[must_use]
pub fn why(ping: &Ping, calls: bool) -> Message {
    let says = |speaks_for: bool| {
        let some = ping.why.iter().filter(|reason| (reason.weight > 0.0) == speaks_for);
        let mut said: Vec<&str> = some.map(|reason| asking::says(&reason.name)).collect();
        said.dedup();
        said.join("; ")
    };
    let mut lines = vec![Line::said(
        "Your message mentions somebody who works for the desk, and reads like a request for help. The desk gets such \
         messages, so that people can work undisturbed and nothing is forgotten.",
    )];
    if ping.ticket.is_none() {
        lines.push(Line::said("I have kept none of your words."));
    }
    for (title, reasons) in [("What spoke for a request:", says(true)), ("What spoke against it:", says(false))] {
        if !reasons.is_empty() {
            lines.push(Line(vec![strong(title), said(format!(" {reasons}."))]));
        }
    }
    if let Some(probability) = ping.probability {
        lines.push(Line::said(format!("Together that is {:.0} in 100 for a request.", probability * 100.0)));
    }
    // On Slack this takes the place of the question.
    let urgent = Some(&URGENT.spec).filter(|_| calls);
    let choices = [&PASS_ON.spec, &NO_REQUEST.spec].into_iter().chain(urgent).filter(|_| ping.ticket.is_none());
    Message::new(lines).with(choices.chain([&NOT_HERE.spec]).map(|spec| button(spec, &ping.id)))
}

/// How often staff were pinged in the last week. Whoever pinged them is not named.
#[must_use]
pub fn report(
    counted: &[Counted],
    own: &[PersonRef],
    is_admin: bool,
    roster: &Roster,
    (here, elsewhere): (Option<GuardMode>, GuardMode),
) -> Message {
    let reader = own.first().cloned();
    let own: Vec<String> = own.iter().map(ToString::to_string).collect();
    let mine = |one: &&Counted| one.staff.iter().any(|staff| own.contains(staff));
    let mut lines = vec![tally("Pings of you", counted.iter().filter(mine))];
    if is_admin {
        lines.push(tally("Pings of anybody of the staff", counted.iter()));
        let mut places: BTreeMap<&Place, u64> = BTreeMap::new();
        let mut people: BTreeMap<String, u64> = BTreeMap::new();
        for one in counted {
            *places.entry(&one.place).or_default() += 1;
            // A person counts once, by whichever account.
            let first = |staff: &String| match staff.parse::<PersonRef>() {
                Ok(who) if !is_group(staff) => roster.accounts(&who).iter().map(ToString::to_string).min(),
                _ => Some(staff.clone()),
            };
            for staff in one.staff.iter().filter_map(first).collect::<BTreeSet<_>>() {
                *people.entry(staff).or_default() += 1;
            }
        }
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_by_key(|(_, pings)| std::cmp::Reverse(*pings));
        lines.push(Line::said("Where:"));
        for (place, pings) in places.into_iter().take(NAMED) {
            let place = place_of(place);
            lines.push(Line(vec![said("• "), place, said(format!(": {pings}"))]));
        }
        let mut people: Vec<_> = people.into_iter().collect();
        people.sort_by_key(|(_, pings)| std::cmp::Reverse(*pings));
        lines.push(Line::said("Whom:"));
        for (staff, pings) in people.into_iter().take(NAMED) {
            let who = staff.parse::<PersonRef>().ok().filter(|_| !is_group(&staff)).zip(reader.as_ref());
            let who = who.and_then(|(who, reader)| roster.account_on(&who, reader.platform));
            let who = who.map_or(Span::Quoted(staff), Span::Ping);
            lines.push(Line(vec![said("• "), who, said(format!(": {pings}"))]));
        }
    }
    if is_admin {
        lines.extend(would_have_asked(counted));
    }
    let does = |mode: GuardMode| match mode {
        GuardMode::Off => "I do not look at pings.",
        GuardMode::Observe => "I only count, and say nothing to anybody.",
        GuardMode::Nudge => "I ask whether the desk may take it.",
        GuardMode::Route => "I pass requests on at once.",
    };
    lines.extend(here.map(|here| Line::said(format!("In this channel, {}", does(here)))));
    lines.push(Line::said(format!("Where nothing else is set, {}", does(elsewhere))));
    Message::new(lines)
}

/// A channel, wherever it is read.
fn place_of(place: &Place) -> Span {
    Span::In { place: place.open_channel(), label: format!("a channel on {}", place.platform().title()) }
}

/// Whether staff is a group, as pings name it.
fn is_group(staff: &str) -> bool {
    staff.contains(":group:") || staff.contains(":role:")
}

/// What nudging would have asked about where it is only counted.
fn would_have_asked(counted: &[Counted]) -> Vec<Line> {
    let would = |one: &&Counted| one.ruling == Ruling::Request && !one.told;
    let lines: Vec<Line> = counted
        .iter()
        .filter(would)
        .take(NAMED)
        .map(|one| {
            let place = place_of(&one.place);
            let link = Span::Link { to: one.message.clone(), label: "this message".to_owned() };
            Line(vec![said("• "), link, said(" in "), place])
        })
        .collect();
    let title = Line::said("I would have asked about these, the newest first:");
    std::iter::once(title).filter(|_| !lines.is_empty()).chain(lines.clone()).collect()
}

fn tally<'c>(who: &str, counted: impl Iterator<Item = &'c Counted>) -> Line {
    let (mut pings, mut requests, mut told, mut taken, mut urgent, mut dismissed, mut would) = (0, 0, 0, 0, 0, 0, 0);
    for one in counted {
        pings += 1;
        let asks = matches!(one.ruling, Ruling::Request | Ruling::WithDesk | Ruling::Recently | Ruling::OptedOut);
        requests += u64::from(asks);
        told += u64::from(one.told);
        taken += u64::from(matches!(one.end, Some(End::Accepted | End::Routed | End::Urgent)));
        urgent += u64::from(one.end == Some(End::Urgent));
        dismissed += u64::from(one.end == Some(End::Dismissed));
        would += u64::from(one.ruling == Ruling::Request && !one.told);
    }
    if pings == 0 {
        return Line::said(format!("{who}: never in the last 7 days."));
    }
    let of_told = (100 * dismissed).checked_div(told).map(|percent| format!(" ({percent} % of what I asked)"));
    let of_told = of_told.unwrap_or_default();
    Line::said(format!(
        "{who} in the last 7 days: {pings}. Like a request: {requests}. I asked: {told}. To the desk, so that nobody was \
         interrupted: {taken}, of which could not wait: {urgent}. No request: {dismissed}{of_told}. I would have asked besides: {would}."
    ))
}

/// A command that is about a channel was given elsewhere.
#[must_use]
pub fn only_where_people_talk() -> Message {
    Message::said(
        "Say this in the channel that it is about. It is not for direct messages, nor for the desk's own channel.",
    )
}

/// The bot hears nothing there.
#[must_use]
pub fn not_in_channel() -> Message {
    Message::said(
        "I am not in this channel, or may not write here, so I would see no pings. Invite me first, then say it again.",
    )
}

/// The settings switch the guard off.
#[must_use]
pub fn is_switched_off() -> Message {
    Message::said(
        "The settings switch the guard off here (guard.mode, guard.modes_in), so no command switches it on. Ask whoever runs me.",
    )
}

/// What becomes of pings in a channel from now on, for everybody there. `by`: who set it by a command; else the settings say so.
#[must_use]
pub fn from_now_on(mode: GuardMode, by: Option<&str>) -> Message {
    let what = match mode {
        GuardMode::Route => {
            "From now on, if you ask one of the desk's people for help here by pinging them, I pass it on to the desk. You can undo \
             that with one click. "
        }
        GuardMode::Observe | GuardMode::Off => {
            "From now on, I say nothing any more when somebody here pings one of the desk's people. "
        }
        GuardMode::Nudge => {
            "From now on, when somebody asks one of the desk's people for help here by pinging them, I ask whether the desk may take \
             it, so that it is seen sooner. "
        }
    };
    let by = match by {
        Some(by) => vec![Span::Quoted(by.to_owned()), said(" has set this up.")],
        None => vec![said("It is set up like this for your company.")],
    };
    Message::new([Line([vec![said(what), said("Nobody's message is touched. ")], by].concat())])
}

/// What becomes of pings in a channel; told to whoever said so.
#[must_use]
pub fn is_set(mode: GuardMode, is_same: bool) -> Message {
    let what = match mode {
        GuardMode::Off => "I do not look at pings in this channel",
        GuardMode::Observe => "I count pings in this channel, and say nothing to anybody",
        GuardMode::Nudge => "Whoever pings the desk's people here with a request is asked whether the desk may take it",
        GuardMode::Route => "Whoever pings the desk's people here with a request has it passed on at once",
    };
    Message::said(if is_same { format!("{what}, as before.") } else { format!("{what} from now on.") })
}

/// How it looks for whoever is protected, and how to be left out.
#[must_use]
pub fn how_it_looks_for_staff() -> Message {
    Message::new([
        Line::said(
            "When somebody asks you for help in a channel by pinging you, I offer them the desk, or pass it on. You see a 🎫 on a message that \
             became a request, and need not answer it; you hear nothing else from me about it.",
        ),
        Line::said(
            "“/desk guard me off” has me leave messages that ping you in a channel alone, “/desk guard away mon 9:00” says that you are away, and \
             “/desk guard report” shows what became of pings of you.",
        ),
    ])
}

/// Whether pings of somebody pass in a channel.
#[must_use]
pub fn pings_pass(is_on: bool) -> Message {
    Message::said(if is_on {
        "I leave messages that ping you in this channel alone from now on. “/desk guard me on” changes that."
    } else {
        "Whoever pings you in this channel with a request is offered the desk again, as far as that is set up here."
    })
}

/// No moment was given.
#[must_use]
pub fn until_when() -> Message {
    Message::said("Until when? Say it like “/desk guard away tomorrow 9” or “/desk guard away 2026-12-24”.")
}

/// Somebody is away from now on.
#[must_use]
pub fn is_away(until: Timestamp) -> Message {
    Message::new([Line(vec![
        said("You are away until "),
        Span::At(until),
        said(": whoever pings you with a request is told so, and offered the desk. “/desk guard back” ends it."),
    ])])
}

/// Somebody is back.
#[must_use]
pub fn is_back() -> Message {
    Message::said("You are not marked as away: I say nothing about it to anybody.")
}

/// A link leads to no message of which something is known.
#[must_use]
pub fn no_ping_there() -> Message {
    Message::said(
        "I know nothing about a message there. I know of messages that ping the desk's people, for 90 days; the link is what “Copy \
         link” in the menu of a message gives.",
    )
}

/// What was made of a message, and by which rules and figures.
#[must_use]
pub fn explained(ping: &Ping) -> Message {
    let ruling = match ping.ruling {
        Ruling::Waiting => "What was said before it is being read.",
        Ruling::Request => "It was taken for a request.",
        Ruling::WithDesk => "It asks for help, and a request about it was with the desk already.",
        Ruling::Talk => "It was taken for talk, not for a request.",
        Ruling::Answer => "It answers a message of whom it pings, so it was let pass.",
        Ruling::TakesPart => "Whom it pings takes part in that conversation, so it was let pass.",
        Ruling::Quiet => "Its author has said of one like it that it was no request, so it was let pass.",
        Ruling::OptedOut => "It asks for help, but its author does not want to be asked in that channel.",
        Ruling::Recently => "It asks for help, but its author was asked about another a while before.",
        Ruling::Wanted => "Whom it pings has said that messages to them are to be left alone there.",
        Ruling::OnCall => "It is about an outage that is announced, and pings somebody on call, so it was let pass.",
        Ruling::Hours => "It was written in hours in which pings are let pass (guard.exempt_hours).",
        Ruling::Unread => "What was said before it could not be read, or not in time, so it was only counted.",
    };
    let end = match ping.end {
        Some(End::Accepted) => " Its author made it a request.",
        Some(End::Urgent) => " Its author said that it can't wait, and whoever is on call was called.",
        Some(End::Routed) => " It was passed on at once.",
        Some(End::Dismissed) => " Its author said that it is no request.",
        Some(End::Addressed) => " Its author has turned to the desk by an edit of it.",
        None if ping.told_at.is_some() => " Its author was asked, and has not answered.",
        None => " Nobody was told.",
    };
    let mut lines = vec![Line::said(format!("{ruling}{end} The channel's mode was then: {}.", ping.mode.name()))];
    if let Some(probability) = ping.probability {
        lines.push(Line::said(format!("Likely to ask for help: {:.0} in 100.", probability * 100.0)));
    }
    for reason in &ping.why {
        lines.push(Line::said(format!("• {} ({:+.2})", asking::says(&reason.name), reason.weight)));
    }
    Message::new(lines)
}
