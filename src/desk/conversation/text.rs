//! The sentences about people's words: which ticket they went to, and which could not be delivered.

use super::state::{Record, Voice};
use crate::desk::help::text::which_ticket;
use crate::desk::tickets::acts;
use crate::desk::tickets::state::Ticket;
use crate::desk::tickets::text::{requesters_controls, title};
use crate::domain::act::{ActRef, Spec};
use crate::domain::effect::Undeliverable;
use crate::domain::ids::{MessageRef, Person, PersonRef, TicketKey};
use crate::domain::limits;
use crate::domain::message::{Control, Line, Message, Span, Style, max_chars_of, quoted, said, strong};
use crate::domain::small_talk::SmallTalk;
use crate::domain::words::{cut, first_name, shorten};

/// Why words were joined to a request, although they may be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// They came right after the request.
    Burst,
    /// They came in the request's direct conversation, some time after the last activity on it.
    Later,
}

/// Tells an author privately that their words were joined to a request of theirs. A button makes the words a request of
/// their own.
#[must_use]
pub fn joined(ticket: &Ticket, message: &MessageRef, words: &str, why: Joined) -> Message {
    let own = &acts::OWN_REQUEST.spec;
    let does = ActRef { carried: Some(message.id.clone()), ..own.on(ticket.tag()) };
    let mut line = vec![said("I've added “"), quoted(shorten(&title(words), 40)), said(format!("” to {}", ticket.key))];
    match why {
        Joined::Burst => line.push(said(", since it came right after it. ")),
        Joined::Later => {
            line.extend([said(" (“"), quoted(shorten(&ticket.title, 40)), said("”), which is still open. ")])
        }
    }
    if !ticket.is_private() {
        line.extend([
            Span::Link { to: ticket.origin_message.clone(), label: "Carry on there".to_owned() },
            said(" with anything else about it. "),
        ]);
    }
    line.push(said("Was that about something else?"));
    Message::new([Line(line)]).with([Control::Button { label: own.label.to_owned(), does, style: own.style }])
}

/// Tells a person without the right to a command that only the desk can do that, and that their words are on record.
#[must_use]
pub fn is_for_the_desk(ticket: &Ticket, is_requester: bool) -> Message {
    let line = vec![said(format!("Only the desk can do that, so I've added your words to {}", ticket.key))];
    let holder = ticket.assignee.as_ref().filter(|_| ticket.status.is_open());
    let end = match holder {
        Some(agent) => vec![said(" for "), quoted(first_name(agent)), said(".")],
        None => vec![said(".")],
    };
    let message = Message::new([Line([line, end].concat())]);
    if is_requester { message.with(requesters_controls(ticket)) } else { message }
}

/// Tells a person who mentions the desk in the thread of somebody else's request where their words went. `ask` opens a
/// form that holds them as a request.
#[must_use]
pub fn added_for_another(ticket: &Ticket, ask: ActRef) -> Message {
    let name = quoted(first_name(&ticket.requester));
    Message::new([Line(vec![
        said("I've added that to "),
        name,
        said(format!("'s request {}, so the desk sees it. Do you need help yourself? Press the button:", ticket.key)),
    ])])
    .with([Control::button("Ask for myself", ask)])
}

/// Asks which ticket a command means that names none. It may be one of these open tickets of its author.
#[must_use]
pub fn which_one(spec: &Spec, open: &[Ticket], is_direct: bool) -> Message {
    let Some(first) = open.first() else { return which_ticket() };
    let mention = if is_direct { "" } else { "@desk " };
    let asks = format!("Which one? Write it with its key, like \"{mention}{} {}\":", spec.name, first.key);
    let listed =
        open.iter().take(5).map(|ticket| Line(vec![said(format!("• {} ", ticket.key)), quoted(&ticket.title)]));
    Message::new(std::iter::once(Line::said(asks)).chain(listed))
}

/// Tells the author of a request by a command or form, privately where they gave it, that the ticket was opened.
#[must_use]
pub fn asked_directly(ticket: &Ticket, words: &str) -> Message {
    Message::new([
        Line(vec![
            said("Your request "),
            strong(&ticket.key),
            said(
                " is with the desk. You'll get the answer in your direct messages with me; if nothing shows up there, please allow \
                 them. You asked:",
            ),
        ]),
        Line(vec![quoted(words)]),
    ])
}

/// Tells the author of a request by a command or form, privately where they gave it, that no ticket was opened, because
/// they cannot be written to.
#[must_use]
pub fn no_direct(words: &str, why: Undeliverable) -> Message {
    let whats_to_do = match why {
        Undeliverable::DirectClosed => "Allow direct messages from me and try again, or mention me in a channel.",
        _ => "Please mention me in a channel instead, and tell whoever runs this bot.",
    };
    Message::new([
        Line::said(format!(
            "I can't write to you directly, so the desk couldn't answer you and I haven't passed this on. {whats_to_do} \
             You asked:",
        )),
        Line(vec![quoted(words)]),
    ])
}

/// Tells a person who passed on a message that no ticket was opened, because the message's author cannot be written to.
#[must_use]
pub fn no_direct_for_another() -> Message {
    Message::said(
        "I can't write to the person who wrote that, so the desk couldn't answer them and I haven't passed it on. If you like, \
         tell them: “Write to the desk, they'll see it sooner than I would.”",
    )
}

/// Tells a requester, in their direct conversation, that somebody else has passed on a message of theirs from a place
/// where the bot is not.
#[must_use]
pub fn passed_on_by_another(ticket: &Ticket, words: &str) -> Message {
    let line = vec![
        said("Somebody in that conversation thought the desk could help and passed your message on: it's "),
        strong(&ticket.key),
        said(" now, and someone will see it soon. Only you and the desk can see it here. You wrote:"),
    ];
    let undo = acts::CANCEL.spec.labelled("Undo", ticket.tag());
    Message::new([Line(line), Line(vec![quoted(words)])]).with([undo])
}

/// Tells a person who passed on a message of somebody else that its ticket was opened, with words that they can send to
/// the message's author.
#[must_use]
pub fn is_passed_on(key: &TicketKey) -> Message {
    Message::said(format!(
        "Done: it's {key} at the desk now, in the name of the person who wrote it, and I'm letting them know. If you like, tell \
         them: “The desk has it now, they'll see it sooner than I would.”"
    ))
}

/// Tells a person who passes on a message that it already belongs to a ticket. The person may not know of that ticket,
/// so its key is not named.
#[must_use]
pub fn is_with_the_desk_already() -> Message {
    Message::said("The desk already has that message.")
}

/// Tells an actor privately that words that were joined to a request are now a request of their own.
#[must_use]
pub fn of_its_own(before: &Ticket, ticket: &Ticket) -> Message {
    Message::said(format!("Done: that's {} now, separate from {}.", ticket.key, before.key))
}

/// Refuses to make joined words a request of their own: the thread under their message belongs to another ticket by
/// now.
#[must_use]
pub fn thread_is_taken() -> Message {
    Message::said(
        "Meanwhile another request was started under that message, so its thread is taken. \
         Please mention me again in the channel and say what you need.",
    )
}

/// Refuses to make words a request of their own: they are no longer joined to this ticket, or were deleted.
#[must_use]
pub fn no_longer_joined(ticket: &Ticket) -> Message {
    Message::said(format!(
        "That's no longer part of {}, so there's nothing to separate. To ask for something else, mention me.",
        ticket.key
    ))
}

/// Posts an agent's reply to the requester, with the agent's first name.
#[must_use]
pub fn reply(by: &Person, text: &str) -> Message {
    Message::new([Line(vec![quoted(first_name(by)), said(" (IT): "), quoted(text)])])
}

/// Refuses an unknown command. The button opens a form that holds its words as a request.
#[must_use]
pub fn unknown_command(does: ActRef) -> Message {
    Message::said(
        "I don't know that command. /desk requests lists what you've asked for, and /desk help shows the rest. Is it something \
         you need? Press the button: your words are in the form already.",
    )
    .with([Control::button(acts::ASK.spec.label, does).styled(Style::Primary)])
}

/// Answers a mention or message without words or files.
#[must_use]
pub fn nothing_said() -> Message {
    Message::said("Tell me what's wrong in one sentence, and I'll pass it to the desk.")
}

/// Asks for words after a ticket was opened by words that show nothing, such as invisible characters.
#[must_use]
pub fn nothing_to_see(ticket: &Ticket) -> Message {
    Message::said(format!(
        "I've opened {}, but I can't see any words in what you sent. Please say there, in one sentence, what's wrong.",
        ticket.key
    ))
}

/// Answers small talk. In a channel, the answer asks for another mention: without one, the bot takes up the next words
/// only if they stand in the thread of the small talk or reply to it.
#[must_use]
pub fn small_talk(kind: SmallTalk, is_direct: bool) -> Message {
    Message::said(match (kind, is_direct) {
        (SmallTalk::Greeting, true) => "Hello! Tell me what you need in one sentence, and I'll pass it to the desk.",
        (SmallTalk::Greeting, false) => {
            "Hello! Mention me again with what you need, in one sentence, and I'll pass it to the desk."
        }
        (SmallTalk::Thanks, true) => "You're welcome! If there's anything else, just tell me.",
        (SmallTalk::Thanks, false) => "You're welcome! If there's anything else, just mention me.",
        (SmallTalk::NoWords, true) => {
            "I'm not sure what you need. Tell me in one sentence, and I'll pass it to the desk."
        }
        (SmallTalk::NoWords, false) => {
            "I'm not sure what you need. Mention me again with it, in one sentence, and I'll pass it to the desk."
        }
    })
}

/// Shows a person's words under the card. `ping` is the account of the assignee on the card's platform, if the words
/// ping the assignee.
#[must_use]
pub fn mirrored(ticket: &Ticket, author: &Person, text: &str, voice: Voice, ping: Option<&PersonRef>) -> Message {
    let mut line = vec![quoted(first_name(author))];
    line.push(said(match voice {
        Voice::Requester => ": ",
        Voice::Agent => " answered in the thread: ",
        Voice::Third => " (also in the thread): ",
        Voice::Note => " noted: ",
        Voice::Before => " (earlier): ",
    }));
    if let Some(account) = ping {
        line.extend([Span::Ping(account.clone()), said(" ")]);
    }
    let words = cut(text, limits::LINE_CHARS);
    let is_cut = words != text;
    line.push(quoted(words));
    let mut lines = vec![Line(line)];
    if is_cut {
        lines.push(Line(if ticket.origin.is_direct() {
            vec![said("There's more; all of it is on record.")]
        } else {
            let to = ticket.origin_message.clone();
            vec![said("There's more: "), Span::Link { to, label: "read all of it there".to_owned() }, said(".")]
        }));
    }
    let message = Message::new(lines);
    match voice {
        Voice::Requester => message.with([acts::REPLY.spec.button(ticket.tag())]),
        Voice::Agent | Voice::Third | Voice::Note | Voice::Before => message,
    }
}

/// Shows several records, with their current words, in one message under the card. If they do not fit into `most`
/// characters together, the longest are cut, so that a part of each can be read.
#[must_use]
pub fn lines<'p>(
    ticket: &Ticket,
    said: &[&Record],
    ping: impl Fn(&Record) -> Option<&'p PersonRef>,
    most: usize,
) -> Message {
    let shown = |most: usize| {
        said.iter().fold(Message::default(), |message, record| {
            let mut line = mirrored(ticket, &record.author, &cut(&record.text, most), record.voice, ping(record));
            if let Some(last) = line.lines.last_mut().filter(|_| record.edited_at.is_some()) {
                last.0.push(self::said(" (edited)"));
            }
            message.and(line)
        })
    };
    let whole = shown(usize::MAX);
    let (chars, mut lengths) =
        (whole.max_chars(), said.iter().map(|record| max_chars_of(&record.text)).collect::<Vec<_>>());
    if said.len() < 2 || chars <= most {
        return whole;
    }
    let frame = chars.saturating_sub(lengths.iter().sum());
    shown(fair_share(&mut lengths, most.saturating_sub(frame)))
}

/// Returns the length to which texts of these lengths must be cut to fit into `room` together. `usize::MAX`: they fit.
fn fair_share(lengths: &mut [usize], room: usize) -> usize {
    lengths.sort_unstable();
    let (mut left, mut others) = (room, lengths.len());
    for length in lengths {
        let share = left / others;
        if *length > share {
            return share;
        }
        left -= *length;
        others -= 1;
    }
    usize::MAX
}

/// Says under the card that an agent's reply has reached the requester.
#[must_use]
pub fn reply_sent(by: &Person, to: &Person, text: &str) -> Message {
    Message::new([Line(vec![quoted(first_name(by)), said(" to "), quoted(first_name(to)), said(": "), quoted(text)])])
}

/// Tells the desk that a message could not be delivered to the requester: an agent's reply (`text`), or an update by
/// the bot.
#[must_use]
pub fn not_delivered(ticket: &Ticket, reason: Undeliverable, text: Option<&str>) -> Message {
    let mut line = match text {
        Some(_) => vec![said("Not delivered: ")],
        None => vec![quoted(first_name(&ticket.requester)), said(" hasn't got my last update: ")],
    };
    match reason {
        Undeliverable::DirectClosed => {
            line.extend([quoted(first_name(&ticket.requester)), said("'s direct messages are closed.")]);
        }
        Undeliverable::Deactivated => {
            line.extend([
                quoted(first_name(&ticket.requester)),
                said("'s account is deactivated, so nobody would read it."),
            ]);
        }
        Undeliverable::ChannelClosed => {
            line.push(said("I can't write in that channel any more (archived, or I was taken out of it)."))
        }
        Undeliverable::ChannelGone => line.push(said("the channel where it was asked is gone.")),
        Undeliverable::Gone => line.push(said("the place where it was asked is gone.")),
        Undeliverable::NotPermitted => {
            line.push(said("I'm missing a permission there; the operator's log says which."))
        }
        Undeliverable::Expired
        | Undeliverable::Invalid
        | Undeliverable::Stuck
        | Undeliverable::Unreadable
        | Undeliverable::GivenUp => {
            line.push(said("the platform didn't accept it; the operator's log says why."));
        }
    }
    let is_kept = reason.is_mendable();
    line.push(said(if is_kept {
        " I've kept it and will send it once that's fixed. If it can't wait, please reach "
    } else {
        " Please reach "
    }));
    line.push(quoted(first_name(&ticket.requester)));
    line.push(said(" another way."));
    if let Some(text) = text {
        line.extend([said("\nThe message was: "), quoted(text)]);
    }
    Message::new([Line(line)])
}

/// Says under the card that `count` earlier messages of the thread went on record. `truncated`: the thread holds older
/// ones.
#[must_use]
pub fn read_back(count: usize, truncated: bool) -> Message {
    let what = if count == 1 { "1 earlier message".to_owned() } else { format!("{count} earlier messages") };
    let more = if truncated { " (there are older ones in the thread, too)" } else { "" };
    Message::said(format!("I've added {what} from that thread{more}. To read everything, press More…, then Show."))
}

/// Refuses words under a card by a person who is no agent.
#[must_use]
pub fn notes_are_for_agents() -> Message {
    Message::said(
        "Only the desk's agents can leave notes under a card, so I haven't kept yours. Whoever runs this bot can add you.",
    )
}

/// Answers a person who has added words to a ticket by a form or command.
#[must_use]
pub fn details_added(ticket: &Ticket) -> Message {
    Message::said(format!("Added to {}. The desk can see it.", ticket.key))
}

/// Answers an agent whose reply was queued.
#[must_use]
pub fn reply_on_its_way(ticket: &Ticket) -> Message {
    Message::new([Line(vec![
        said("On its way to "),
        quoted(first_name(&ticket.requester)),
        said(". You'll see it under the card once it's delivered."),
    ])])
}

/// Refuses a command in words whose text begins with the key of another ticket than that of the place.
#[must_use]
pub fn names_another(here: &TicketKey, named: &TicketKey) -> Message {
    Message::said(format!(
        "I haven't done anything: this is about {here}, but your words begin with {named}. If you mean {here}, put another \
         word before the key. If you mean {named}, use its own thread or card, or give its key with /desk."
    ))
}

/// Tells the desk, under the card, what a person did with a ticket.
#[must_use]
pub fn happened(actor: &Person, what: &str) -> Message {
    Message::new([Line(vec![quoted(first_name(actor)), said(format!(" {what}"))])])
}

/// Tells the desk, under the card, who has reopened a ticket. `ping`: the assignee's account on the card's platform, if
/// somebody else has reopened it.
#[must_use]
pub fn reopened_by(by: &Person, is_requester: bool, ping: Option<&PersonRef>) -> Message {
    let mut line: Vec<Span> = ping.map(|account| vec![Span::Ping(account.clone()), said(" ")]).unwrap_or_default();
    line.push(quoted(first_name(by)));
    line.push(said(if is_requester { " needs it after all." } else { " reopened it." }));
    Message::new([Line(line)])
}

/// Tells the desk, under the card, that an agent was given a ticket. `ping`: that agent's account on the card's
/// platform.
#[must_use]
pub fn assigned(by: &Person, to: &Person, ping: Option<&PersonRef>) -> Message {
    let to = ping.map_or_else(|| quoted(first_name(to)), |account| Span::Ping(account.clone()));
    Message::new([Line(vec![quoted(first_name(by)), said(" gave this to "), to, said(".")])])
}

/// Tells the desk that a ticket is no longer on hold. `ping`: the assignee's account on the card's platform.
#[must_use]
pub fn wait_is_over(agent: Option<&Person>, ping: Option<&PersonRef>) -> Message {
    let mut line = vec![said("The wait is over")];
    match (agent, ping) {
        (_, Some(account)) => line.extend([said(": "), Span::Ping(account.clone()), said(" has it.")]),
        (Some(agent), None) => line.extend([said(": "), quoted(first_name(agent)), said(" has it.")]),
        (None, None) => line.push(said(", and nobody has it yet.")),
    }
    Message::new([Line(line)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_evenly_where_they_do_not_fit_together() {
        for (lengths, room, most) in [
            (&mut [10, 20, 30][..], 60, usize::MAX),
            (&mut [300, 10, 20], 100, 70),
            (&mut [300, 10, 400], 110, 50),
            (&mut [5, 5], 0, 0),
        ] {
            assert_eq!(fair_share(lengths, room), most, "{lengths:?} in {room}");
        }
    }
}
