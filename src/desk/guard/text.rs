//! What the bot says about pings of staff.

use std::collections::BTreeMap;

use super::acts::{NO_REQUEST, NOT_HERE, PASS_ON, WHY_ASKED};
use super::record::Counted;
use super::state::{End, Ping, Ruling};
use crate::asking;
use crate::desk::tickets;
use crate::desk::tickets::state::Ticket;
use crate::domain::act::{ActRef, Spec};
use crate::domain::ids::{PersonRef, PingId, Place, TicketKey};
use crate::domain::message::{Control, Line, Message, Span, Tone, said, strong};
use crate::domain::rules::GuardMode;

/// Channels and people that a report names.
const NAMED: usize = 10;

fn button(spec: &Spec, ping: &PingId) -> Control {
    Control::button(spec.label, ActRef::at_message(spec.act(), ping.as_str())).styled(spec.style)
}

/// Somebody pinged staff with what looks like a request. `again`: they were asked before.
#[must_use]
pub fn nudge(ping: &PingId, again: bool) -> Message {
    let line = if again {
        "The desk can take this one, too. Shall I pass it on?"
    } else {
        "The desk can take this, and someone will see it sooner there. Shall I pass it on?"
    };
    let controls = [button(&PASS_ON.spec, ping), button(&NO_REQUEST.spec, ping), button(&WHY_ASKED.spec, ping)];
    Message { tone: Tone::Silent, ..Message::said(line).with(controls) }
}

/// The guard made it a request at once.
#[must_use]
pub fn routed(ping: &PingId, ticket: &Ticket) -> Message {
    let line = format!("I have passed this on: it is {} at the desk now, where someone will see it soon.", ticket.key);
    let undo = tickets::acts::CANCEL.spec.labelled("Undo", ticket.tag());
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
    let undo = tickets::acts::CANCEL.spec.labelled("Undo", ticket.tag());
    Message { tone: Tone::Silent, ..Message::said(line).with([undo]) }
}

/// A message of somebody else is a request of theirs now; told to whoever passed it on, with words to pass on in turn.
#[must_use]
pub fn is_passed_on(key: &TicketKey) -> Message {
    Message::said(format!(
        "Done: that is {key} at the desk now, as a request of whoever wrote it, and I have told them. If you like, say: “The desk \
         has it now, they'll see it sooner than I would.”"
    ))
}

/// A message is a request already, of which whoever passes it on may not know.
#[must_use]
pub fn is_with_the_desk_already() -> Message {
    Message::said("The desk has that message already.")
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
    Message::said(format!("All right, I leave it at that, and don't ask about messages like it for {days} days."))
}

/// Somebody is not asked in a channel any more.
#[must_use]
pub fn is_out() -> Message {
    Message::said("I won't ask you in this channel any more. Whenever you want the desk, mention me.")
}

/// Why somebody was asked.
#[must_use]
pub fn why(ping: &Ping) -> Message {
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
    let choices = [&PASS_ON.spec, &NO_REQUEST.spec].into_iter().filter(|_| ping.ticket.is_none());
    Message::new(lines).with(choices.chain([&NOT_HERE.spec]).map(|spec| button(spec, &ping.id)))
}

/// How often staff were pinged in the last week. Whoever pinged them is not named.
#[must_use]
pub fn report(counted: &[Counted], own: &[PersonRef], is_admin: bool, mode: GuardMode) -> Message {
    let own: Vec<String> = own.iter().map(ToString::to_string).collect();
    let mine = |one: &&Counted| one.staff.iter().any(|staff| own.contains(staff));
    let mut lines = vec![tally("Pings of you", counted.iter().filter(mine))];
    if is_admin {
        lines.push(tally("Pings of anybody of the staff", counted.iter()));
        let mut places: BTreeMap<&Place, u64> = BTreeMap::new();
        let mut people: BTreeMap<&str, u64> = BTreeMap::new();
        for one in counted {
            *places.entry(&one.place).or_default() += 1;
            for staff in &one.staff {
                *people.entry(staff).or_default() += 1;
            }
        }
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_by_key(|(_, pings)| std::cmp::Reverse(*pings));
        for (place, pings) in places.into_iter().take(NAMED) {
            let place = Span::In { place: place.open_channel(), label: "a channel".to_owned() };
            lines.push(Line(vec![said("• "), place, said(format!(": {pings}"))]));
        }
        let mut people: Vec<_> = people.into_iter().collect();
        people.sort_by_key(|(_, pings)| std::cmp::Reverse(*pings));
        for (staff, pings) in people.into_iter().take(NAMED) {
            lines.push(Line(vec![said("• "), Span::Quoted(staff.to_owned()), said(format!(": {pings}"))]));
        }
    }
    lines.push(Line::said(match mode {
        GuardMode::Off => "Where nothing else is set, I do not look at pings.",
        GuardMode::Observe => "Where nothing else is set, I only count, and say nothing to anybody.",
        GuardMode::Nudge => "Where nothing else is set, I ask whether the desk may take it.",
        GuardMode::Route => "Where nothing else is set, I pass requests on at once.",
    }));
    Message::new(lines)
}

fn tally<'c>(who: &str, counted: impl Iterator<Item = &'c Counted>) -> Line {
    let (mut pings, mut requests, mut told, mut taken, mut dismissed, mut would) = (0, 0, 0, 0, 0, 0);
    for one in counted {
        pings += 1;
        let asks = matches!(one.ruling, Ruling::Request | Ruling::WithDesk | Ruling::Recently | Ruling::OptedOut);
        requests += u64::from(asks);
        told += u64::from(one.told);
        taken += u64::from(matches!(one.end, Some(End::Accepted | End::Routed)));
        dismissed += u64::from(one.end == Some(End::Dismissed));
        would += u64::from(one.ruling == Ruling::Request && !one.told);
    }
    if pings == 0 {
        return Line::said(format!("{who}: never in the last 7 days."));
    }
    Line::said(format!(
        "{who} in the last 7 days: {pings}. Like a request: {requests}. I asked: {told}. To the desk: {taken}. No request: {dismissed}. I \
         would have asked besides: {would}."
    ))
}
