//! The bot's sentences about pings of staff. Each function returns a message, or a part of one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::acts::{CALL, NO_REQUEST, NOT_HERE, PASS_ON, UNDO, URGENT, WHY_ASKED};
use super::record::ReportedPing;
use super::state::{Ping, PingOutcome, Ruling};
use crate::asking;
use crate::desk::on_call;
use crate::desk::on_call::state::OnCall;
use crate::desk::tickets::state::Ticket;
use crate::domain::act::{ActRef, Spec};
use crate::domain::ids::{Person, PersonRef, PingId, Place, TicketKey};
use crate::domain::message::{Control, Line, Message, Span, Tone, said, strong};
use crate::domain::permission::Roster;
use crate::domain::rules::GuardMode;

/// How many channels, people and messages a report names at most.
const NAMED: usize = 10;

fn button(spec: &Spec, ping: &PingId) -> Control {
    Control::button(spec.label, ActRef::at_message(spec.act(), ping.as_str())).styled(spec.style)
}

/// Asks the author of a ping whether the desk may take it. `again`: the author was asked before. `away`: all pinged
/// people are away, and this is when the first of them comes back. `calls`: somebody is on call.
#[must_use]
pub fn nudge(ping: &Ping, again: bool, away: Option<Timestamp>, calls: bool) -> Message {
    let (people, ping) = (ping.staff.len(), &ping.id);
    let line = match away {
        Some(until) => Line(vec![
            said(if people > 1 {
                "The people you're asking are away until "
            } else {
                "The person you're asking is away until "
            }),
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

/// Tells the author of a ping which people on call can be called, and how to call them.
#[must_use]
pub fn who_is_called(ping: &Ping, on_call: &[OnCall], roster: &Roster) -> Message {
    let mut line = vec![said("I can call ")];
    line.extend(on_call::text::names(on_call, &ping.author, roster));
    line.push(said(if on_call.len() == 1 { ", who is on call. " } else { ", who are on call. " }));
    line.push(said("Press the button and say in a sentence why it can't wait."));
    // On Slack this message replaces the question, so it repeats the question's button.
    let instead = Some(button(&PASS_ON.spec, &ping.id)).filter(|_| ping.ticket.is_none());
    Message::new([Line(line)]).with([button(&CALL.spec, &ping.id)]).with(instead)
}

/// Tells the author of a ping that nobody is on call any more.
#[must_use]
pub fn nobody_is_on_call(ping: &Ping) -> Message {
    let offer = Some(button(&PASS_ON.spec, &ping.id)).filter(|_| ping.ticket.is_none());
    Message::said("Nobody is on call just now. The desk is the quickest way: someone there will see it soon.")
        .with(offer)
}

/// Tells a requester that the people on call have already been called about this ticket.
#[must_use]
pub fn was_called(key: &TicketKey) -> Message {
    Message::new([Line(vec![
        said("I've already called them about your request "),
        strong(key),
        said(". You'll find everything about it in the thread under your message."),
    ])])
}

/// Tells the author of a ping that nobody was called, since no urgent request was made.
#[must_use]
pub fn nobody_was_called() -> Message {
    Message::said("I haven't called anybody.")
}

/// Tells a requester that the request is with the desk as urgent, and who is called. `reader`: the requester's account.
#[must_use]
pub fn is_urgent_at_the_desk(key: &TicketKey, on_call: &[OnCall], reader: &PersonRef, roster: &Roster) -> Message {
    let mut line = vec![said("Your request "), strong(key), said(" is with the desk, marked as urgent")];
    if on_call.is_empty() {
        line.push(said(". Nobody is on call just now, so it's up to whoever sees it there first"));
    } else {
        line.push(said(", and I'm calling "));
        line.extend(on_call::text::names(on_call, reader, roster));
    }
    line.push(said(". You'll get the answer in the thread under your message."));
    Message::new([Line(line)])
}

/// Mentions the people on call, under a card. `called`: their accounts on the card's platform. `is_nobody`: nobody is
/// on call on any platform.
#[must_use]
pub fn call(author: &Person, reason: &str, called: &[PersonRef], is_nobody: bool) -> Message {
    let mut line: Vec<Span> = called.iter().flat_map(|who| [Span::Ping(who.clone()), said(" ")]).collect();
    line.push(Span::Quoted(author.name.clone()));
    line.push(said(if is_nobody { " says this can't wait (nobody is on call):" } else { " says this can't wait:" }));
    Message::new([Line(line), Line(vec![Span::Quoted(reason.to_owned())])])
}

/// Tells the author of a ping that the guard has made it a request.
#[must_use]
pub fn routed(ping: &PingId, ticket: &Ticket) -> Message {
    let line = format!("I've passed this on to the desk: it's {} now, and someone there will see it soon.", ticket.key);
    let undo = ActRef { carried: Some(ping.as_str().to_owned()), ..UNDO.spec.on(ticket.tag()) };
    let undo = Control::button(UNDO.spec.label, undo);
    Message { tone: Tone::Silent, ..Message::said(line).with([undo, button(&WHY_ASKED.spec, ping)]) }
}

/// Tells the author of a message that it has become a request.
#[must_use]
pub fn is_with_the_desk(key: &TicketKey) -> Message {
    Message::new([Line(vec![
        said("Your request "),
        strong(key),
        said(" is with the desk. You'll get the answer in the thread under your message."),
    ])])
}

/// Tells the author of a message that another person has passed it on.
#[must_use]
pub fn passed_on_by_another(ticket: &Ticket) -> Message {
    let line = format!(
        "Somebody here has passed this on to the desk for you: it's {} now, and someone there will see it soon.",
        ticket.key
    );
    Message { tone: Tone::Silent, ..Message::said(line).with([UNDO.spec.button(ticket.tag())]) }
}

/// Tells the author of a ping that it has become a request before.
#[must_use]
pub fn became(key: &TicketKey) -> Message {
    Message::new([Line(vec![
        said("That's already your request "),
        strong(key),
        said(". You'll find everything about it in the thread under your message."),
    ])])
}

/// Tells the author of a ping that its thread belongs to another person's request by now.
#[must_use]
pub fn thread_of_another() -> Message {
    Message::said(
        "By now this thread is about somebody else's request, so the desk already sees what you write here. If yours is about \
         something else, mention me in the channel.",
    )
}

/// Refuses to pass on a message without words or files.
#[must_use]
pub fn nothing_in_it() -> Message {
    Message::said("I can't see any words in that message, so there's nothing to pass on.")
}

/// Refuses to pass on a message that is gone or was not written by a person.
#[must_use]
pub fn of_no_person() -> Message {
    Message::said("That message is gone, or wasn't written by a person, so there's nothing to pass on.")
}

/// Refuses to pass on a message, since it is not known which one is meant.
#[must_use]
pub fn which_message() -> Message {
    Message::said("I don't know which message you mean. Please choose this from the message's own menu.")
}

/// Refuses to pass on a message from a channel of the desk, where the desk sees it anyway.
#[must_use]
pub fn not_from_here() -> Message {
    Message::said("This is the desk's own channel: it already sees what's said here.")
}

/// Refuses to make a ping a request, since its message is gone.
#[must_use]
pub fn is_gone() -> Message {
    Message::said(
        "That message is gone, so there's nothing to pass on. If you still need help, mention me and say what with.",
    )
}

/// Refuses to pass on a message that the bot cannot read.
#[must_use]
pub fn cannot_be_read() -> Message {
    Message::said(
        "I can't read that message, so I couldn't pass it on. Mention me with the same words, and the desk will get them.",
    )
}

/// Refuses an act on a ping by anybody but its author.
#[must_use]
pub fn not_yours() -> Message {
    Message::said("Only the person who wrote that message can decide about it. If you need help yourself, mention me.")
}

/// Confirms that a ping is dismissed. `days`: how long its author is not asked about pings of the same staff.
#[must_use]
pub fn is_dismissed(days: u32) -> Message {
    if days == 0 {
        return Message::said("All right, I'll leave it at that.");
    }
    Message::said(format!("All right. I won't ask about your messages to them for {days} days."))
}

/// Confirms that the person is not asked in this channel any more.
#[must_use]
pub fn is_out() -> Message {
    Message::said(
        "I won't ask you in this channel any more. Whenever you need the desk, mention me. “/desk guard me on” lets me ask again.",
    )
}

/// Confirms to a person who is not staff whether the guard asks them in this channel.
#[must_use]
pub fn asks_here(is_on: bool) -> Message {
    if is_on {
        return Message::said(
            "When you ping somebody who works for the desk here and ask for help, I may ask you again whether the desk may take it.",
        );
    }
    is_out()
}

/// Explains to the author of a ping why they were asked. `calls`: somebody is on call.
#[must_use]
pub fn why(ping: &Ping, calls: bool) -> Message {
    let says = |speaks_for: bool| {
        let some = ping.why.iter().filter(|reason| (reason.weight > 0.0) == speaks_for);
        let mut said: Vec<&str> = some.map(|reason| asking::describe_reason(&reason.name)).collect();
        said.dedup();
        said.join("; ")
    };
    let mut lines = vec![Line::said(
        "Your message mentions somebody who works for the desk, and reads like a request for help. Such messages are for the \
         desk as a whole, so that people can work undisturbed and nothing gets forgotten.",
    )];
    if ping.ticket.is_none() {
        lines.push(Line::said("I haven't kept any of your words."));
    }
    for (title, reasons) in [("What spoke for a request:", says(true)), ("What spoke against it:", says(false))] {
        if !reasons.is_empty() {
            lines.push(Line(vec![strong(title), said(format!(" {reasons}."))]));
        }
    }
    if let Some(probability) = ping.probability {
        lines.push(Line::said(format!(
            "Taken together, the chance that it's a request is {:.0} in 100.",
            probability * 100.0
        )));
    }
    // On Slack this message replaces the question, so it repeats the question's buttons.
    let urgent = Some(&URGENT.spec).filter(|_| calls);
    let choices = [&PASS_ON.spec, &NO_REQUEST.spec].into_iter().chain(urgent).filter(|_| ping.ticket.is_none());
    Message::new(lines).with(choices.chain([&NOT_HERE.spec]).map(|spec| button(spec, &ping.id)))
}

/// Reports how often staff were pinged in the last seven days, without the names of the authors. `own`: the reader's
/// accounts. `here`, `elsewhere`: the guard modes of this channel and of the settings.
#[must_use]
pub fn report(
    counted: &[ReportedPing],
    own: &[PersonRef],
    is_admin: bool,
    roster: &Roster,
    (here, elsewhere): (Option<GuardMode>, GuardMode),
) -> Message {
    let reader = own.first().cloned();
    let own: Vec<String> = own.iter().map(ToString::to_string).collect();
    let mine = |one: &&ReportedPing| one.staff.iter().any(|staff| own.contains(staff));
    let mut lines = vec![tally("Pings of you", counted.iter().filter(mine))];
    if is_admin {
        lines.push(tally("Pings of anybody on the staff", counted.iter()));
        let mut places: BTreeMap<&Place, u64> = BTreeMap::new();
        let mut people: BTreeMap<String, u64> = BTreeMap::new();
        for one in counted {
            *places.entry(&one.place).or_default() += 1;
            // A person with several accounts counts once.
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
        lines.push(Line::said("Who was pinged:"));
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
        GuardMode::Off => "I don't look at pings.",
        GuardMode::Observe => "I only count them, and say nothing unless the person is away.",
        GuardMode::Nudge => "I ask whether the desk may take a request.",
        GuardMode::Route => "I pass requests on at once.",
    };
    lines.extend(here.map(|here| Line::said(format!("In this channel, {}", does(here)))));
    lines.push(Line::said(format!("In channels with no setting of their own, {}", does(elsewhere))));
    Message::new(lines)
}

/// Returns a link to the channel of a place, which can be shown on either platform.
fn place_of(place: &Place) -> Span {
    Span::In { place: place.parent_channel(), label: format!("a channel on {}", place.platform().title()) }
}

/// Whether this entry of a ping's staff names a group.
fn is_group(staff: &str) -> bool {
    staff.contains(":group:") || staff.contains(":role:")
}

/// Returns lines that link to the pings about which the guard would have asked in the mode `Nudge`.
fn would_have_asked(counted: &[ReportedPing]) -> Vec<Line> {
    let would = |one: &&ReportedPing| one.ruling == Ruling::Request && !one.told;
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

fn tally<'c>(who: &str, counted: impl Iterator<Item = &'c ReportedPing>) -> Line {
    let (mut pings, mut requests, mut told, mut taken, mut urgent, mut dismissed, mut would) = (0, 0, 0, 0, 0, 0, 0);
    for one in counted {
        pings += 1;
        let asks = matches!(one.ruling, Ruling::Request | Ruling::WithDesk | Ruling::Recently | Ruling::OptedOut);
        requests += u64::from(asks);
        told += u64::from(one.told);
        taken += u64::from(matches!(one.end, Some(PingOutcome::Accepted | PingOutcome::Routed | PingOutcome::Urgent)));
        urgent += u64::from(one.end == Some(PingOutcome::Urgent));
        dismissed += u64::from(one.end == Some(PingOutcome::Dismissed));
        would += u64::from(one.ruling == Ruling::Request && !one.told);
    }
    if pings == 0 {
        return Line::said(format!("{who}: none in the last 7 days."));
    }
    let of_told =
        (100 * dismissed).checked_div(told).map(|percent| format!(" ({percent} % of those I spoke up about)"));
    let of_told = of_told.unwrap_or_default();
    Line::said(format!(
        "{who} in the last 7 days: {pings}. Looked like a request: {requests}. I spoke up about: {told}. Went to the desk: {taken}, \
         urgent ones among them: {urgent}. Turned out to be no request: {dismissed}{of_told}. I would also have asked about: {would}."
    ))
}

/// Refuses a command about a channel that was given in a direct conversation or in a channel of the desk.
#[must_use]
pub fn only_where_people_talk() -> Message {
    Message::said(
        "Please say this in the channel it's about. It doesn't work in direct messages or in the desk's own channel.",
    )
}

/// Refuses to set the guard mode of a channel in which the bot cannot read or write.
#[must_use]
pub fn not_in_channel() -> Message {
    Message::said(
        "I'm not in this channel, or may not write here, so I wouldn't see any pings. Invite me first, then say it again.",
    )
}

/// Refuses to set the guard mode of a channel for which the settings switch the guard off.
#[must_use]
pub fn is_switched_off() -> Message {
    Message::said(
        "The settings switch the guard off here (guard.mode, guard.modes_in), and a command can't change that. Whoever runs this \
         bot can.",
    )
}

/// Announces a new guard mode to everybody in a channel. `by`: the person who set it by a command; `None`: the settings
/// did.
#[must_use]
pub fn from_now_on(mode: GuardMode, by: Option<&str>) -> Message {
    let what = match mode {
        GuardMode::Route => {
            "From now on, when you ping somebody who works for the desk here and ask for help, I pass it on to the desk. You can \
             undo that with one click. "
        }
        GuardMode::Off => "From now on, I no longer look when somebody here pings a person who works for the desk. ",
        GuardMode::Observe => {
            "From now on, I no longer say anything when somebody here pings a person who works for the desk, unless that person is away. "
        }
        GuardMode::Nudge => {
            "From now on, when you ping somebody who works for the desk here and ask for help, I ask whether the desk may take it, \
             so that it's seen sooner. "
        }
    };
    let by = match by {
        Some(by) => vec![Span::Quoted(by.to_owned()), said(" set this up.")],
        None => vec![said("It's set up this way for your company.")],
    };
    Message::new([Line([vec![said(what), said("I never touch anybody's message. ")], by].concat())])
}

/// Confirms the guard mode of a channel to the person who set it. `is_same`: it was the same before.
#[must_use]
pub fn is_set(mode: GuardMode, is_same: bool) -> Message {
    let what = match mode {
        GuardMode::Off => "I don't look at pings in this channel",
        GuardMode::Observe => "I count pings in this channel, and say nothing unless the person who is pinged is away",
        GuardMode::Nudge => {
            "when somebody pings the desk's people here with a request, I ask whether the desk may take it"
        }
        GuardMode::Route => "when somebody pings the desk's people here with a request, I pass it on at once",
    };
    Message::said(if is_same { format!("As before, {what}.") } else { format!("From now on, {what}.") })
}

/// Tells a member of the staff how the guard works, and which commands change it for them.
#[must_use]
pub fn how_it_looks_for_staff() -> Message {
    Message::new([
        Line::said(
            "When somebody pings you in a channel for help, I offer them the desk, or pass it on. A 🎫 on a message means that it \
             became a request, and you needn't answer it. I won't say anything else to you about it.",
        ),
        Line::said(
            "“/desk guard me off” in a channel makes me leave messages that ping you there alone, “/desk guard away mon 9:00” says \
             that you're away, and “/desk guard report” shows what became of pings of you.",
        ),
    ])
}

/// Confirms to a member of the staff whether pings of them pass in this channel.
#[must_use]
pub fn pings_pass(is_on: bool) -> Message {
    Message::said(if is_on {
        "From now on, I leave messages that ping you in this channel alone. “/desk guard me on” changes that back."
    } else {
        "When somebody pings you in this channel with a request, I offer them the desk again, as far as that's set up here."
    })
}

/// Asks for the time until which the person is away.
#[must_use]
pub fn until_when() -> Message {
    Message::said("Until when? Say it like “/desk guard away tomorrow 9” or “/desk guard away 2026-12-24”.")
}

/// Confirms that the person is marked as away.
#[must_use]
pub fn is_away(until: Timestamp) -> Message {
    Message::new([Line(vec![
        said("You're marked as away until "),
        Span::At(until),
        said(
            ". When somebody pings you alone with a request where I look at pings, I tell them so and offer the desk. “/desk guard back” \
             ends it.",
        ),
    ])])
}

/// Confirms that the person is not marked as away.
#[must_use]
pub fn is_back() -> Message {
    Message::said("You're not marked as away now, so I don't tell anybody that you are.")
}

/// Says that the link leads to no message that is known as a ping of staff.
#[must_use]
pub fn no_ping_there() -> Message {
    Message::said(
        "I don't know anything about that message. I only know messages that ping the desk's people, and only for 90 days. To get \
         a link, use “Copy link” in the message's menu.",
    )
}

/// Explains to an agent the guard's ruling about a ping, what became of the ping, and the figures behind the ruling.
#[must_use]
pub fn explained(ping: &Ping) -> Message {
    let ruling = match ping.ruling {
        Ruling::Waiting => "I'm still reading what was said before it.",
        Ruling::Request => "I took it for a request.",
        Ruling::WithDesk => "It asks for help, and the desk already had a request about it.",
        Ruling::Talk => "I took it for ordinary talk, not for a request.",
        Ruling::Answer => "It answers a message by the person it pings, so I let it pass.",
        Ruling::TakesPart => "The person it pings takes part in that conversation, so I let it pass.",
        Ruling::Quiet => "Its author said of an earlier one like it that it was no request, so I let it pass.",
        Ruling::OptedOut => "It asks for help, but its author doesn't want to be asked in that channel.",
        Ruling::Recently => "It asks for help, but I had asked its author about another message not long before.",
        Ruling::Wanted => "The person it pings wants messages to them left alone there.",
        Ruling::OnCall => "It's about an announced outage, and pings somebody on call, so I let it pass.",
        Ruling::Hours => "It was written at a time when I let pings pass (guard.exempt_hours).",
        Ruling::Unread => "I couldn't read what was said before it, or not in time, so I only counted it.",
    };
    let end = match ping.end {
        Some(PingOutcome::Accepted) => " Its author made it a request.",
        Some(PingOutcome::Urgent) => " Its author said that it can't wait, so I called whoever was on call.",
        Some(PingOutcome::Routed) => " I passed it on at once.",
        Some(PingOutcome::Dismissed) => " Its author said that it's no request.",
        Some(PingOutcome::Addressed) => " Its author then edited it to address the desk.",
        None if ping.asked_at.is_some() => " I asked its author, who hasn't answered.",
        None => " I told nobody.",
    };
    let mut lines = vec![Line::said(format!("{ruling}{end} The channel's mode at the time: {}.", ping.mode.name()))];
    if let Some(probability) = ping.probability {
        lines.push(Line::said(format!("Chance that it asks for help: {:.0} in 100.", probability * 100.0)));
    }
    for reason in &ping.why {
        lines.push(Line::said(format!("• {} ({:+.2})", asking::describe_reason(&reason.name), reason.weight)));
    }
    Message::new(lines)
}
