//! Every sentence that the bot says.
//!
//! Short, warm, plain: what happened, what happens next, what the person can do. Never blame, no desk jargon to
//! employees, and every error names the way out.

use jiff::{SignedDuration, Timestamp};
use unicode_segmentation::UnicodeSegmentation as _;

use super::action::{Action, TicketAction};
use super::effect::Undeliverable;
use super::form::{Field, Form, FormKind, FormRef};
use super::ids::{MessageRef, Person, PersonRef, PlatformName, TicketKey};
use super::limits;
use super::message::{Control, Line, Message, Span, Style, room_of};
use super::plain::{is_blank_letter, is_line_break, one_line};
use super::priority::Priority;
use super::record::{AuditEntry, Record, TicketRef, Voice};
use super::small_talk::SmallTalk;
use super::ticket::{CancelReason, Status, Ticket};

fn said(text: impl Into<String>) -> Span {
    Span::Said(text.into())
}

fn quoted(text: impl Into<String>) -> Span {
    Span::Quoted(text.into())
}

fn strong(text: impl ToString) -> Span {
    Span::Strong(text.to_string())
}

/// What a person is called in a sentence: the first part of the display name.
#[must_use]
pub fn first_name(person: &Person) -> &str {
    // No name brings a mark of the bot's with it.
    let is_end = |c: char| c.is_whitespace() || is_blank_letter(c) || "():".contains(c);
    person.name.split(is_end).find(|part| !part.is_empty()).unwrap_or("somebody")
}

// ---- to the requester ------------------------------------------------------------------------------------------------

/// A request was heard.
#[must_use]
pub fn confirmation(ticket: &Ticket, others: &[TicketRef]) -> Message {
    let key = strong(&ticket.key);
    let name = quoted(first_name(&ticket.requester));
    let line = match (&ticket.follows, ticket.is_private()) {
        (Some(before), _) => vec![
            said("Noted as "),
            key,
            said(format!(", following on from {before}. The desk has it, and answers here.{}", reads_along(ticket))),
        ],
        (None, true) => vec![
            said("Thanks for telling us, "),
            name,
            said(": "),
            key,
            said(". Only you and the desk can see this; the answer comes here."),
        ],
        (None, false) => vec![
            said("Got it, "),
            name,
            said(": "),
            key,
            said(format!(". The desk has it, and answers here.{}", reads_along(ticket))),
        ],
    };
    let tag = ticket.tag();
    let mut controls =
        vec![Control::button("Add details", Action::AddDetails, &tag), Control::button("Cancel", Action::Cancel, &tag)];
    if ticket.is_private() {
        controls.push(Control::button("New request", Action::NewRequest, &tag));
        if !others.is_empty() {
            let options =
                others.iter().map(|other| (format!("{} {}", other.tag.key, other.title), other.tag.to_string()));
            controls.push(Control::Choice {
                label: "Belongs to…".to_owned(),
                does: TicketAction::new(Action::BelongsTo, tag.clone()),
                options: options.take(20).map(|(label, value)| (shorten(&label, 70), value)).collect(),
            });
        }
    } else {
        controls.push(Control::button("Desk…", Action::DeskMenu, &tag));
    }
    Message::new([Line(line)]).with(controls)
}

/// Others speak in a thread, too: wherever their words are kept, they are told so.
fn reads_along(ticket: &Ticket) -> &'static str {
    if ticket.is_private() { "" } else { " It reads along in this thread." }
}

/// What was said is part of a request that its author had just made. Told privately, with the way to make it another one.
#[must_use]
pub fn joined(ticket: &Ticket, message: &MessageRef, words: &str) -> Message {
    let does =
        TicketAction { message: Some(message.id.clone()), ..TicketAction::new(Action::OwnRequest, ticket.tag()) };
    let label = "Make it a request of its own".to_owned();
    let mut line = vec![
        said("I've added “"),
        quoted(shorten(&title(words), 40)),
        said(format!("” to {}, since it came right after. ", ticket.key)),
    ];
    if !ticket.is_private() {
        line.extend([
            Span::Link { to: ticket.origin_message.clone(), label: "Go on there".to_owned() },
            said(" with whatever else belongs to it. "),
        ]);
    }
    line.push(said("Is it about something else?"));
    Message::new([Line(line)]).with([Control::Button { label, does, style: Style::Plain }])
}

/// What had been joined to a request is one of its own now. Told privately.
#[must_use]
pub fn of_its_own(before: &Ticket, ticket: &Ticket) -> Message {
    Message::said(format!("Done: that is {} now, and no part of {} any more.", ticket.key, before.key))
}

/// Under what is to be a request of its own stands somebody's request already.
#[must_use]
pub fn thread_is_taken() -> Message {
    Message::said(
        "Somebody has asked for something else under that message meanwhile, so its thread is theirs. \
         Please mention me once more in the channel with what you need.",
    )
}

/// What is to be a request of its own is one already, or gone.
#[must_use]
pub fn no_longer_joined(ticket: &Ticket) -> Message {
    Message::said(format!(
        "That is no part of {} any more, so there is nothing to take out. To ask for something else, mention me.",
        ticket.key
    ))
}

/// Somebody has taken the request.
#[must_use]
pub fn taken(by: &Person) -> Message {
    Message::new([Line(vec![quoted(first_name(by)), said(" is on it.")])])
}

/// It was given to somebody.
#[must_use]
pub fn given_to(to: &Person) -> Message {
    Message::new([Line(vec![quoted(first_name(to)), said(" has it now.")])])
}

/// It waits for something.
#[must_use]
pub fn waits(ticket: &Ticket, reason: &str) -> Message {
    let key = ticket.key.to_string();
    Message::new([Line(match reason {
        "" => vec![said(format!("{key} has to wait a little. You will hear here as soon as it goes on."))],
        reason => vec![
            said(format!("{key} has to wait: ")),
            quoted(reason),
            said("\nYou will hear here as soon as it goes on."),
        ],
    })])
}

/// It is done.
#[must_use]
pub fn resolved(ticket: &Ticket, resolution: &str) -> Message {
    Message::new([Line(vec![
        said(format!("{} is resolved: ", ticket.key)),
        quoted(resolution),
        said("\nNot right? Just write here."),
    ])])
}

/// It is not done after all. Told in the request's thread.
#[must_use]
pub fn reopened(ticket: &Ticket) -> Message {
    Message::new([Line(match &ticket.assignee {
        Some(agent) => vec![said("Reopened. "), quoted(first_name(agent)), said(" knows.")],
        None => vec![said("Reopened. The desk knows.")],
    })])
}

/// The requester took it back.
#[must_use]
pub fn cancelled(ticket: &Ticket) -> Message {
    Message::said(format!("{} is cancelled, as you asked. Changed your mind?", ticket.key)).with([Control::button(
        "Ask again",
        Action::AskAgain,
        &ticket.tag(),
    )])
}

/// The desk found that it is no request.
#[must_use]
pub fn no_request(ticket: &Ticket) -> Message {
    Message::said(format!("The desk thinks that {} needs nothing done. If it does, press the button:", ticket.key))
        .with([Control::button("Ask again", Action::AskAgain, &ticket.tag())])
}

/// It belongs to another request of the same person.
#[must_use]
pub fn belongs(to: &TicketKey) -> Message {
    Message::said(format!("Done: that is part of {to} now."))
}

/// An agent's words, signed.
#[must_use]
pub fn reply(by: &Person, text: &str) -> Message {
    Message::new([Line(vec![quoted(first_name(by)), said(" (IT): "), quoted(text)])])
}

/// An answer that could not be given when it was due: the same, with an excuse before it.
#[must_use]
pub fn late(answer: Message) -> Message {
    let excuse = Line::said("Sorry for the wait, I couldn't get through until now.");
    Message { lines: std::iter::once(excuse).chain(answer.lines).collect(), controls: answer.controls }
}

// ---- to whoever wrote no request -------------------------------------------------------------------------------------

/// The bot was mentioned, and nothing else was said.
#[must_use]
pub fn nothing_said() -> Message {
    Message::said("Tell me what's wrong in one sentence, and I'll pass it to the desk.")
}

/// A request of which nothing is to be seen.
#[must_use]
pub fn nothing_to_see(ticket: &Ticket) -> Message {
    Message::said(format!(
        "I can't see any words in that, so all the desk has is {}. Tell it there in one sentence what's wrong.",
        ticket.key
    ))
}

/// Small talk, answered.
#[must_use]
pub fn small_talk(kind: SmallTalk) -> Message {
    Message::said(match kind {
        SmallTalk::Greeting => "Hello! Tell me what you need in one sentence, and I'll pass it to the desk.",
        SmallTalk::Thanks => "You're welcome! If there is anything else, just tell me.",
        SmallTalk::NoWords => {
            "I can't read that as a request. Tell me what's wrong in one sentence, and I'll pass it to the desk."
        }
    })
}

/// What the bot can do.
#[must_use]
pub fn help(agent: bool) -> Message {
    let mut lines = vec![
        Line(vec![strong("How to reach the desk")]),
        Line::said(
            "• Mention me with what is wrong (\"@desk the printer on 3 is jammed\"), or write to me directly: that stays between you and the desk.",
        ),
        Line::said("• The answer comes where you asked. Whatever you add there is on the record."),
        Line::said(
            "• /desk show IT-1042 shows how your request stands; /desk cancel IT-1042 takes it back; /desk help shows this.",
        ),
    ];
    if agent {
        lines.extend([
            Line(vec![strong("For the desk's people")]),
            Line::said("• On a card: Take it, Not a request, More…. What you write under a card stays with the desk; Reply to requester goes out, signed with your name."),
            Line::said("• In a request's thread what you write is your answer. Or mention me there: claim, assign @name, release, pending why, resolve how, reopen, priority P2, show, cancel."),
            Line::said("• Elsewhere the same with a key: /desk claim IT-1042, /desk resolve IT-1042 new fuser, /desk reply IT-1042 your words."),
        ]);
    }
    Message::new(lines)
}

// ---- to the desk -----------------------------------------------------------------------------------------------------

/// The card of a ticket in a desk's channel.
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
        Status::Pending { reason } if !reason.is_empty() => lines.push(Line(vec![said("Waits: "), quoted(reason)])),
        Status::Resolved { resolution, .. } | Status::Closed { resolution, .. } => {
            lines.push(Line(vec![said("Resolved: "), quoted(resolution)]));
        }
        Status::Cancelled { why: CancelReason::TakenBack, .. } => lines.push(Line::said("The requester took it back.")),
        Status::Cancelled { why: CancelReason::NotARequest, by, .. } => {
            lines.push(Line(vec![quoted(&by.name), said(" found that it is no request.")]));
        }
        Status::Cancelled { why: CancelReason::Merged, .. } => {
            let into = ticket.merged_into.as_ref().map_or_else(|| "another one".to_owned(), ToString::to_string);
            lines.push(Line::said(format!("Part of {into} now.")));
        }
        Status::New | Status::InProgress | Status::Pending { .. } => {}
    }
    let controls = match (&ticket.status, &ticket.assignee) {
        (status, None) if status.is_open() => vec![
            Control::styled("Take it", Action::Take, &tag, Style::Primary),
            Control::button("Not a request", Action::NotARequest, &tag),
            Control::button("More…", Action::More, &tag),
        ],
        (status, Some(_)) if status.is_open() => vec![
            Control::styled("Reply to requester", Action::Reply, &tag, Style::Primary),
            Control::button("Not a request", Action::NotARequest, &tag),
            Control::button("More…", Action::More, &tag),
        ],
        _ => vec![Control::button("More…", Action::More, &tag)],
    };
    Message::new(lines).with(controls)
}

/// How a ticket stands, in a word or two.
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

/// Something was said on the requester's side: shown under the card. `ping` is the assignee's account there.
#[must_use]
pub fn mirrored(ticket: &Ticket, author: &Person, text: &str, voice: Voice, ping: Option<&PersonRef>) -> Message {
    let mut line = vec![quoted(first_name(author))];
    line.push(said(match voice {
        Voice::Requester => ": ",
        Voice::Agent => " answered in the thread: ",
        Voice::Third => " (not the requester): ",
        Voice::Note => " noted: ",
        Voice::Before => " (before): ",
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
            vec![said("That was longer; all of it is on record.")]
        } else {
            let to = ticket.origin_message.clone();
            vec![said("That was longer: "), Span::Link { to, label: "read all of it there".to_owned() }, said(".")]
        }));
    }
    let message = Message::new(lines);
    match voice {
        Voice::Requester => message.with([Control::button("Reply to requester", Action::Reply, &ticket.tag())]),
        Voice::Agent | Voice::Third | Voice::Note | Voice::Before => message,
    }
}

/// The same once an author has changed or deleted some of these words: all of them as they are now, nobody pinged again.
/// If several do not fit into `most` characters together, the longest are cut, so that something of each can be read.
#[must_use]
pub fn mirrored_again(ticket: &Ticket, said: &[Record], most: usize) -> Message {
    let shown = |most: usize| {
        said.iter().fold(Message::default(), |message, record| {
            let mut line = mirrored(ticket, &record.author, &cut(&record.text, most), record.voice, None);
            if let Some(last) = line.lines.last_mut().filter(|_| record.edited_at.is_some()) {
                last.0.push(self::said(" (edited)"));
            }
            message.and(line)
        })
    };
    let whole = shown(usize::MAX);
    let (room, mut lengths) = (whole.room(), said.iter().map(|record| room_of(&record.text)).collect::<Vec<_>>());
    if said.len() < 2 || room <= most {
        return whole;
    }
    let frame = room.saturating_sub(lengths.iter().sum());
    shown(fair_share(&mut lengths, most.saturating_sub(frame)))
}

/// To which length texts of these lengths must be cut to fit into `room` together.
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

/// An agent's reply has reached the requester: shown under the card.
#[must_use]
pub fn reply_sent(by: &Person, to: &Person, text: &str) -> Message {
    Message::new([Line(vec![quoted(first_name(by)), said(" to "), quoted(first_name(to)), said(": "), quoted(text)])])
}

/// Something did not reach the requester: an agent's words (`text`), or a notice of how it stands.
#[must_use]
pub fn not_delivered(ticket: &Ticket, reason: Undeliverable, text: Option<&str>) -> Message {
    let mut line = vec![said(if text.is_some() { "Not delivered: " } else { "I couldn't tell them how it stands: " })];
    match reason {
        Undeliverable::DirectClosed => {
            line.extend([quoted(first_name(&ticket.requester)), said("'s direct messages are closed.")]);
        }
        Undeliverable::Deactivated => {
            line.extend([
                quoted(first_name(&ticket.requester)),
                said("'s account is deactivated, so nobody reads that."),
            ]);
        }
        Undeliverable::ChannelClosed => {
            line.push(said("I can't write in that channel any more (archived, or I was taken out of it)."))
        }
        Undeliverable::ChannelGone => line.push(said("the channel where it was asked is gone.")),
        Undeliverable::Gone => line.push(said("the place where it was asked is gone.")),
        Undeliverable::NotPermitted => line.push(said("I lack a permission there; the operator's log says which.")),
        Undeliverable::Expired
        | Undeliverable::Invalid
        | Undeliverable::Stuck
        | Undeliverable::Unreadable
        | Undeliverable::GivenUp => {
            line.push(said("the platform did not take it; the operator's log says why."));
        }
    }
    let is_kept = reason.is_mendable();
    line.push(said(if is_kept {
        " I keep it, and send it once that is mended. If it can't wait, please reach "
    } else {
        " Please reach "
    }));
    line.push(quoted(first_name(&ticket.requester)));
    line.push(said(" another way."));
    if let Some(text) = text {
        line.extend([said("\nIt said: "), quoted(text)]);
    }
    Message::new([Line(line)])
}

/// Something that people sent could not be handled by a fault of ours: told to the desk, without a word of theirs.
#[must_use]
pub fn alarm() -> Message {
    Message::said(
        "I couldn't handle something that was sent to the desk: a fault of mine, not theirs. It is kept, and nothing else \
         is held up by it. An operator can see it with “deskbell events”, and have it handled again with \
         “deskbell events replay”. (I say this once an hour at most.)",
    )
}

const fn platform_name(platform: PlatformName) -> &'static str {
    match platform {
        PlatformName::Slack => "Slack",
        PlatformName::Discord => "Discord",
    }
}

/// A platform takes nothing of what is to be said there. `detail` is for operators, and holds no secrets.
#[must_use]
pub fn takes_nothing(platform: PlatformName, detail: &str) -> Message {
    let name = platform_name(platform);
    Message::said(format!(
        "I can't get through to {name} just now ({detail}). What people there are to hear from the desk waits, and goes out \
         once {name} takes it again."
    ))
}

/// A platform refuses the bot's token.
#[must_use]
pub fn refuses_the_token(platform: PlatformName) -> Message {
    let name = platform_name(platform);
    Message::said(format!(
        "{name} refuses my token. What people there are to hear from the desk waits until an operator has renewed it \
         (“deskbell check” says what to do)."
    ))
}

/// Nothing is heard of a platform.
#[must_use]
pub fn hears_nothing(platform: PlatformName) -> Message {
    let name = platform_name(platform);
    Message::said(format!(
        "I hear nothing from {name} just now. What is said there meanwhile I read once I'm connected again."
    ))
}

/// The desk's channel on a platform cannot be written to.
#[must_use]
pub fn desk_is_shut(platform: PlatformName, detail: &str) -> Message {
    let name = platform_name(platform);
    Message::said(format!(
        "The desk's channel on {name} can't be written to ({detail}). Requests are heard and answered; their cards there wait \
         until an operator has mended that, or named another channel."
    ))
}

/// The bot is not in a guild that it is to serve.
#[must_use]
pub fn put_out(detail: &str) -> Message {
    Message::said(format!(
        "I've been put out of a Discord server that I'm to serve ({detail}): nobody there can reach the desk by me."
    ))
}

/// Requests of a platform are refused at the port.
#[must_use]
pub fn door_refuses(platform: PlatformName, detail: &str) -> Message {
    let name = platform_name(platform);
    Message::said(format!(
        "I have to refuse what {name} sends me ({detail}): nobody there can reach the desk by me until an operator has mended that."
    ))
}

/// Who is on the desk cannot be read.
#[must_use]
pub fn roster_unread(platform: PlatformName) -> Message {
    let name = platform_name(platform);
    Message::said(format!(
        "I can't read any more who is in the desk's groups on {name}. An hour after I last could, people who are on the desk \
         by a group alone can't work tickets there, until an operator has mended that."
    ))
}

/// A condition on a platform is over.
#[must_use]
pub fn well_again(platform: PlatformName) -> Message {
    Message::said(format!("{} is fine again: whatever waited for that is on its way.", platform_name(platform)))
}

/// Earlier words of a thread are on record now.
#[must_use]
pub fn read_back(count: usize, truncated: bool) -> Message {
    let what = if count == 1 { "1 earlier message".to_owned() } else { format!("{count} earlier messages") };
    let more = if truncated { " (there are older ones in the thread)" } else { "" };
    Message::said(format!("{what} of that thread on record, too{more}: press More…, then Show."))
}

/// What happened to a ticket, for the desk.
#[must_use]
pub fn happened(actor: &Person, what: &str) -> Message {
    Message::new([Line(vec![quoted(first_name(actor)), said(format!(" {what}"))])])
}

/// An agent was given a ticket by another; `ping` is that agent's account there.
#[must_use]
pub fn assigned(by: &Person, to: &Person, ping: Option<&PersonRef>) -> Message {
    let to = ping.map_or_else(|| quoted(first_name(to)), |account| Span::Ping(account.clone()));
    Message::new([Line(vec![quoted(first_name(by)), said(" gave this to "), to, said(".")])])
}

/// The agents' menu for a ticket.
#[must_use]
pub fn menu(ticket: &Ticket) -> Message {
    let (key, tag) = (&ticket.key, ticket.tag());
    let open = ticket.status.is_open();
    let mut controls = Vec::new();
    if open && ticket.assignee.is_none() {
        controls.push(Control::styled("Take it", Action::Take, &tag, Style::Primary));
    }
    if open {
        controls.push(Control::button("Reply to requester", Action::Reply, &tag));
        controls.push(Control::button("Resolve…", Action::Resolve, &tag));
        controls.push(Control::button("Pending…", Action::Pending, &tag));
    }
    if open && ticket.assignee.is_some() {
        controls.push(Control::button("Release", Action::Release, &tag));
    }
    if matches!(ticket.status, Status::Resolved { .. } | Status::Cancelled { .. }) {
        controls.push(Control::button("Reopen", Action::Reopen, &tag));
    }
    controls.push(Control::button("Show", Action::Show, &tag));
    if open {
        controls.push(Control::styled("Not a request", Action::NotARequest, &tag, Style::Danger));
        controls.push(Control::People {
            label: "Assign to…".to_owned(),
            does: TicketAction::new(Action::Assign, tag.clone()),
        });
        controls.push(Control::Choice {
            label: format!("Priority ({})", ticket.priority),
            does: TicketAction::new(Action::SetPriority, tag),
            options: Priority::ALL.iter().map(|p| (priority(*p).to_owned(), p.to_string())).collect(),
        });
    }
    Message::new([Line(vec![strong(key), said("  "), quoted(&ticket.title)])]).with(controls)
}

const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::P1 => "P1 critical",
        Priority::P2 => "P2 high",
        Priority::P3 => "P3 normal",
        Priority::P4 => "P4 low",
    }
}

/// A ticket as one person may see it: `whole` for agents, else the requester's part.
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
            Voice::Before => " (before)",
            Voice::Third => " (not the requester)",
            Voice::Requester => "",
        };
        let mut line = vec![said("• "), quoted(first_name(&record.author)), said(format!("{mark}: ")), words];
        if record.edited_at.is_some() && record.deleted_at.is_none() {
            line.push(said(" (edited)"));
        }
        lines.push(Line(line));
    }
    if whole && !audit.is_empty() {
        lines.push(Line(vec![strong("What was done")]));
        for entry in audit {
            let who = entry.actor.as_ref().map_or(said("the clock"), |actor| quoted(first_name(actor)));
            lines.push(Line(vec![said("• "), who, said(format!(": {}, {}", entry.act, ago(entry.at, now)))]));
        }
    }
    Message::new(lines)
}

// ---- refusals and answers to acts, private ---------------------------------------------------------------------------

/// Only agents may do that.
#[must_use]
pub fn agents_only(ticket: Option<&Ticket>, is_requester: bool) -> Message {
    let mut line = vec![said("That is for the desk's people.")];
    if let Some(ticket) = ticket.filter(|_| is_requester) {
        match &ticket.assignee {
            Some(agent) => line.extend([said(" Yours is with "), quoted(first_name(agent)), said(".")]),
            None => line.push(said(" Yours is with the desk; just write in its thread to add something.")),
        }
    }
    Message::new([Line(line)])
}

/// Only the requester (or an agent) may do that.
#[must_use]
pub fn requester_only(ticket: &Ticket) -> Message {
    Message::new([Line(vec![
        said(format!("{} is ", ticket.key)),
        quoted(first_name(&ticket.requester)),
        said(
            "'s request, so only they and the desk can do that. To ask for something yourself, mention me or write to me.",
        ),
    ])])
}

/// There is no such ticket (or none that this person may know of).
#[must_use]
pub fn unknown_ticket(key: &TicketKey) -> Message {
    Message::said(format!(
        "I know no {key} that you could see. The key stands in my answer to the request, like IT-1042."
    ))
}

/// A button or form belongs to a ticket that is not known, or that this person may not know of.
#[must_use]
pub fn unknown_subject() -> Message {
    Message::said(
        "I don't know the request that this belongs to: perhaps it is from before my record was restored. \
         Nothing was changed. Please write here what you need, or mention me.",
    )
}

/// Words under a request begin with the key of another one.
#[must_use]
pub fn names_another(here: &TicketKey, named: &TicketKey) -> Message {
    Message::said(format!(
        "Nothing was done: this is about {here}, and your words begin with {named}. If you mean {here}, put another word \
         before the key. If you mean {named}, use its own thread or card, or give the key with /desk."
    ))
}

/// A command needs a ticket, and none was named.
#[must_use]
pub fn which_ticket() -> Message {
    Message::said("Which one? Say it with the key, like /desk show IT-1042, or in the request's own thread.")
}

/// Somebody else has it.
#[must_use]
pub fn held_by(ticket: &Ticket, holder: &Person) -> Message {
    Message::new([Line(vec![
        quoted(first_name(holder)),
        said(format!(" took {} a moment ago. To take it over, use More… and Assign to….", ticket.key)),
    ])])
}

/// The actor has it already.
#[must_use]
pub fn already_yours(ticket: &Ticket) -> Message {
    Message::said(format!("{} is yours already.", ticket.key))
}

/// Nobody has it.
#[must_use]
pub fn held_by_nobody(ticket: &Ticket) -> Message {
    Message::said(format!("Nobody has {}, so there is nothing to release.", ticket.key))
}

/// It cannot be done in the state that the ticket is in.
#[must_use]
pub fn not_now(
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
                let into = ticket.merged_into.as_ref().map_or_else(String::new, ToString::to_string);
                return Message::said(format!("{key} is part of {into} now. Please go on there."));
            }
            let by = if is_actor(by) { said("you") } else { quoted(first_name(by)) };
            let message = Message::new([Line(vec![said(format!("{key} was cancelled {when} by ")), by, said(".")])]);
            if actor_is_requester {
                message.with([Control::button("Ask again", Action::AskAgain, &ticket.tag())])
            } else {
                message
            }
        }
        Status::Resolved { at, .. } => Message::said(format!(
            "{key} was resolved {}. If that is not right, write in its thread, and it is reopened.",
            ago(*at, now)
        )),
        Status::Closed { at, .. } => Message::said(format!(
            "{key} was closed {}. Write in its thread to start a new one that follows on.",
            ago(*at, now)
        )),
        Status::New | Status::InProgress | Status::Pending { .. } => {
            Message::said(format!("{key} is open ({}); nothing to do there.", status(&ticket.status)))
        }
    }
}

/// The button is of no kind that is known any more.
#[must_use]
pub fn unknown_button() -> Message {
    Message::said("That button is out of date. Write in the thread instead, or use /desk help.")
}

/// The person to whom it was to be given is not on the desk.
#[must_use]
pub fn not_an_agent(person: &Person) -> Message {
    Message::new([Line(vec![
        quoted(first_name(person)),
        said(" is not on the desk's list, so can't be given tickets. An operator can add them."),
    ])])
}

/// A command is not complete.
#[must_use]
pub fn malformed(usage: &str) -> Message {
    Message::said(format!("Nearly: write it as \"{usage}\". /desk help lists what I understand."))
}

/// A command is none that is known.
#[must_use]
pub fn unknown_command() -> Message {
    Message::said(
        "I don't know that one. /desk help lists what I understand; to ask for something, mention me or write to me.",
    )
}

/// A field was left empty.
#[must_use]
pub fn empty_field() -> Message {
    Message::said("There was nothing in it. Please fill it in and send it again.")
}

/// A note by somebody who is not on the desk was not taken.
#[must_use]
pub fn notes_are_for_agents() -> Message {
    Message::said("Notes under a card are kept only from the desk's people. Ask an operator to put you on the list.")
}

/// Details were added.
#[must_use]
pub fn details_added(ticket: &Ticket) -> Message {
    Message::said(format!("Added to {}. The desk sees it.", ticket.key))
}

/// An act was carried out: the answer to a command.
#[must_use]
pub fn done(ticket: &Ticket) -> Message {
    let mut line = vec![said(format!("Done: {} is {}", ticket.key, status(&ticket.status)))];
    if ticket.status.is_open() {
        line.push(said(format!(", {}", ticket.priority)));
        match &ticket.assignee {
            Some(agent) => line.extend([said(", with "), quoted(first_name(agent))]),
            None => line.push(said(", with nobody yet")),
        }
    }
    line.push(said("."));
    Message::new([Line(line)])
}

/// A reply is on its way: the answer to a command.
#[must_use]
pub fn reply_on_its_way(ticket: &Ticket) -> Message {
    Message::new([Line(vec![
        said("On its way to "),
        quoted(first_name(&ticket.requester)),
        said(". It shows under the card as soon as it is there."),
    ])])
}

/// Something that a person did could not be handled, by a fault of ours.
#[must_use]
pub fn our_fault() -> Message {
    Message::said(
        "Sorry, something went wrong on my side, and this did not get through. An operator can see it. \
         If it can't wait, please reach the desk another way.",
    )
}

/// What somebody did takes longer than usual: told to them, so that they need not do it again.
#[must_use]
pub fn takes_a_while() -> Message {
    Message::said("That takes a little longer than usual. No need to do it again: I'll tell you here how it ends.")
}

/// What took a while is done. Told where nothing else says so.
#[must_use]
pub fn is_done() -> Message {
    Message::said("Done, that went through now. Sorry for the wait.")
}

/// The database is away: told to somebody who pressed a button or gave a command.
#[must_use]
pub fn try_again() -> Message {
    Message::said("I can't do that right now. Please try again in a minute; nothing was changed.")
}

// ---- forms -----------------------------------------------------------------------------------------------------------

/// A form, as it is opened. `value` is what stands in its first field.
#[must_use]
pub fn form(form: &FormRef, value: &str) -> Form {
    let key = &form.ticket.key;
    let (title, submit, label, hint) = match form.kind {
        FormKind::Details => (
            format!("Add to {key}"),
            "Add",
            "What else should the desk know?",
            "What you see, since when, on which machine",
        ),
        FormKind::NewRequest => ("A new request".to_owned(), "Send", "What do you need?", "One sentence is enough"),
        FormKind::Reply => {
            (format!("Reply on {key}"), "Send", "Your words to the requester", "Goes out signed with your name")
        }
        FormKind::Pending => (
            format!("{key} waits"),
            "Save",
            "What does it wait for? (the requester sees it)",
            "Parts, an answer, a date",
        ),
        FormKind::Resolve => {
            (format!("Resolve {key}"), "Resolve", "How was it resolved? (the requester sees it)", "A short sentence")
        }
    };
    let field = Field {
        id: "text",
        label: label.to_owned(),
        hint: hint.to_owned(),
        multiline: true,
        required: form.kind != FormKind::Pending,
        value: value.chars().take(MAX_FIELD_CHARS).collect(),
        max_chars: MAX_FIELD_CHARS,
    };
    Form { form: form.clone(), title, submit: submit.to_owned(), fields: vec![field] }
}

const MAX_FIELD_CHARS: usize = 3_000;

// ---- words for things ------------------------------------------------------------------------------------------------

/// The first line of what was said, at most 80 characters as people count them.
#[must_use]
pub fn title(text: &str) -> String {
    let mut lines = text.split(is_line_break).map(str::trim);
    let line = lines.find(|line| !is_blank(line) && !line.starts_with("```")).unwrap_or("(no words)");
    shorten(&one_line(line), 80)
}

/// Whether nothing of a text is to be seen: it is empty, or of spaces, marks without an extent, and letters that are blank.
///
/// Source: the property `Default_Ignorable_Code_Point` of Unicode, and the blanks that are no spaces (Braille, Hangul).
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || c.is_control()
            || is_blank_letter(c)
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
    })
}

/// What stands in place of a title whose words were deleted.
#[must_use]
pub fn deleted_title() -> String {
    "(deleted by its author)".to_owned()
}

/// What stands in place of a title whose author was taken out of the record, or that was kept long enough.
#[must_use]
pub fn erased_title() -> String {
    "(erased)".to_owned()
}

/// What somebody is called who was taken out of the record.
#[must_use]
pub fn erased_name() -> String {
    "Somebody".to_owned()
}

/// A file, as words on the record.
#[must_use]
pub fn file(name: &str, url: &str) -> String {
    if url.is_empty() { format!("[file: {name}]") } else { format!("[file: {name} {url}]") }
}

/// Whether a line of words on the record stands for a file.
#[must_use]
pub fn is_file(line: &str) -> bool {
    line.starts_with("[file: ") && line.ends_with(']')
}

/// What of a text takes at most so many characters.
fn cut(text: &str, most: usize) -> String {
    if room_of(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |grapheme: &&str| {
        let (fits, room) = (room_of(grapheme) <= left, room_of(grapheme));
        left = left.saturating_sub(room);
        fits
    };
    let kept: String = text.graphemes(true).take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

fn shorten(text: &str, most: usize) -> String {
    let mut graphemes = text.graphemes(true);
    let start: String = graphemes.by_ref().take(most).collect();
    if graphemes.next().is_none() {
        return start;
    }
    let kept: String = start.graphemes(true).take(most - 1).collect();
    format!("{}…", kept.trim_end())
}

/// How long ago, in words.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(then).max(SignedDuration::ZERO);
    let (minutes, hours) = (passed.as_mins(), passed.as_hours());
    match (minutes, hours) {
        (0, _) => "a moment ago".to_owned(),
        (1, _) => "a minute ago".to_owned(),
        (2..60, _) => format!("{minutes} minutes ago"),
        (_, 1) => "an hour ago".to_owned(),
        (_, 2..24) => format!("{hours} hours ago"),
        (_, 24..48) => "yesterday".to_owned(),
        (_, hours) => format!("{} days ago", hours / 24),
    }
}

#[cfg(test)]
mod tests {
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
            assert!(is_blank(blank), "{blank:?}");
            assert_eq!(title(blank), "(no words)", "{blank:?}");
        }
        assert_eq!(title("\u{3164}\nprinter"), "printer");
        for words in ["한글", ".", "🔥", "a\u{3164}"] {
            assert!(!is_blank(words), "{words}");
        }
    }

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
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("👩‍👩‍👧‍👧👩‍👩‍👧‍👧", 15), "👩‍👩‍👧‍👧…", "what is one sign stays one");
        assert_eq!(cut("&&&", 11), "&&…", "with room for escapes");
    }

    #[test]
    fn time_is_told_in_words() {
        let at = |s: i64| Timestamp::from_second(s).expect("a time");
        for (passed, words) in [
            (5, "a moment ago"),
            (61, "a minute ago"),
            (7_200, "2 hours ago"),
            (90_000, "yesterday"),
            (300_000, "3 days ago"),
        ] {
            assert_eq!(ago(at(0), at(passed)), words);
        }
        assert_eq!(ago(at(10), at(0)), "a moment ago");
    }
}
