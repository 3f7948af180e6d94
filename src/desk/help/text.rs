//! The text of the help, and answers to commands, forms and buttons that the bot cannot take. Each function returns a
//! message, or a part of one.

use crate::desk::acts::specs;
use crate::domain::act::{Fault, May, On, Spec, Takes, Why};
use crate::domain::ids::TicketKey;
use crate::domain::message::{Line, Message, quoted, said, strong};
use crate::domain::right::Right;

/// Lists what the bot can do. `agent`: also what agents can do.
#[must_use]
pub fn help(agent: bool) -> Message {
    let mut lines = vec![
        Line(vec![strong("How to reach the desk")]),
        Line::said(
            "• Mention me and say what's wrong (\"@desk the printer on 3 is jammed\"), or write to me directly: that stays between you and the desk.",
        ),
        Line::said("• You'll get the answer where you asked. Whatever you add there reaches the desk, too."),
        Line::said(format!("• You can also use commands: {}.", of_requesters())),
    ];
    if agent {
        lines.extend([
            Line(vec![strong("For the desk's agents")]),
            Line::said("• On a card: Take it, Not a request, More…. What you write under a card stays with the desk; Reply to requester sends your words out, signed with your name."),
            Line::said(format!("• In a request's thread, what you write is your answer. You can also mention me there with a command: {}.", in_threads())),
            Line::said("• When something fails for many people: /desk outage announce tells every channel that follows that service, /desk outages lists what's announced, /desk subscribe vpn makes a channel follow the VPN."),
            Line::said("• When people ping you directly: /desk guard report shows what came of it, /desk guard me off stops me from stepping in, /desk guard away tomorrow 9 says that you're away, /desk oncall until 18:00 lets me call you when something can't wait."),
            Line::said("• Anywhere else, add the key: /desk claim IT-1042, /desk resolve IT-1042 new fuser, /desk reply IT-1042 your words."),
        ]);
    }
    Message::new(lines)
}

/// Returns the commands for requesters, each with its purpose.
fn of_requesters() -> String {
    let written =
        |spec: &Spec| if spec.on == On::Ticket { format!("{} IT-1042", spec.name) } else { spec.name.to_owned() };
    let commands = specs().filter_map(|spec| {
        let helps = spec.command.map(|command| command.helps).filter(|helps| !helps.is_empty())?;
        Some(format!("/desk {} {helps}", written(spec)))
    });
    commands.collect::<Vec<_>>().join(", ")
}

/// Returns the usage of the commands that agents give by mentioning the bot in a request's thread.
fn in_threads() -> String {
    let is_one =
        |spec: &&Spec| spec.on == On::Ticket && spec.command.is_some_and(|command| !command.is_plain_in_thread);
    specs().filter(is_one).map(Spec::usage).collect::<Vec<_>>().join(", ")
}

/// Says what is wrong with the value of a form's field, on platforms that show this at the field.
#[must_use]
pub fn faulty_field(fault: &Fault) -> Message {
    Message::said(faulty_words(fault))
}

const fn faulty_words(fault: &Fault) -> &'static str {
    match fault.why {
        Why::Missing => "This is still empty. Please fill it in.",
        Why::NotOffered => "That isn't one of the choices. Please pick one of them.",
        Why::NoKey => "That isn't a key. It looks like KB-7, and you'll find it just before the title.",
        Why::NoPerson => "I can't find anybody by that name. Please pick a person from the list.",
        Why::Past => "That time has already passed. Please give a later one.",
        Why::NoDate => "I can't read that as a time. Write it like 14:30, tomorrow 9, in 30 min or 2026-12-01 14:30.",
    }
}

/// Refuses a command that lacks an argument, or has one that its act cannot take. Shows how to write the command: as a
/// mention in a request's thread, else as `/desk` with the request's key.
#[must_use]
pub fn malformed(spec: &Spec, faults: &[Fault], is_in_thread: bool) -> Message {
    // If a time cannot be taken, the command is otherwise written correctly, so its usage is not shown.
    let time = faults.iter().find_map(|fault| match fault.why {
        Why::NoDate | Why::Past => Some(faulty_words(fault)),
        Why::Missing | Why::NotOffered | Why::NoPerson | Why::NoKey => None,
    });
    if let Some(why) = time {
        return Message::said(format!("{why} Nothing was done."));
    }
    // Words and times need no hint.
    let is_told = |takes| !matches!(takes, Takes::Text | Takes::Date | Takes::Future);
    let is_written = !spec.command.is_some_and(|command| command.opens_form);
    let hints = spec.takes.iter().filter(|param| is_written && is_told(param.takes) && !param.hint.is_empty());
    let hints: String = hints.map(|param| format!(" {}", param.hint)).collect();
    let takes_time = spec.in_words().any(|param| matches!(param.takes, Takes::Date | Takes::Future));
    let times = if takes_time { " Times look like 14:30, tomorrow 9, in 30 min or 2026-12-01 14:30." } else { "" };
    let usage = match spec.on {
        _ if is_in_thread => format!("@desk {}", spec.usage()),
        On::Ticket => format!("/desk {}", spec.usage().replacen(spec.name, &format!("{} IT-1042", spec.name), 1)),
        On::Nothing => format!("/desk {}", spec.usage()),
    };
    Message::said(format!("Almost there: write it as \"{usage}\".{hints}{times} /desk help lists what I understand."))
}

/// Refuses a command whose ticket key is malformed.
#[must_use]
pub fn no_key() -> Message {
    Message::said("That isn't a key. A key looks like IT-1042, and you'll find it in my answer to the request.")
}

/// Lists the commands of a group, such as "guard", for somebody who has written its name alone or with a word that
/// names none of them. `agent`: also those of agents. `None`: the first of these words names no group for this person.
#[must_use]
pub fn commands_of_group(words: &str, agent: bool) -> Option<Message> {
    let group = words.split_whitespace().next()?.to_lowercase();
    let is_open = |may| agent || !matches!(may, May::Has(_) | May::HasEither(..) | May::Staff);
    let of_group = |spec: &&Spec| {
        let is_in = spec.name.strip_prefix(&*group).is_some_and(|rest| rest.starts_with(' '));
        is_in && spec.command.is_some() && is_open(spec.may)
    };
    let usages: Vec<String> = specs().filter(of_group).map(|spec| format!("/desk {}", spec.usage())).collect();
    let list = usages.join(", ");
    (!usages.is_empty()).then(|| Message::said(format!("Almost there. There is: {list}. /desk help says more.")))
}

/// Asks for the ticket of a command that names none.
#[must_use]
pub fn which_ticket() -> Message {
    Message::said(
        "Which request? Add its key, like /desk show IT-1042, or say it in the request's own thread. /desk requests \
         lists yours.",
    )
}

/// Says that a message belongs to no request, or to none that this person may know of.
#[must_use]
pub fn no_request_here() -> Message {
    Message::said("I can't find a request for that message. If you need something, mention me or write to me.")
}

/// Gives back the words that a person typed into a form, since the form was refused.
#[must_use]
pub fn your_words(words: &str) -> Message {
    Message::new([Line(vec![said("Nothing was sent. Your words: "), quoted(words)])])
}

/// Says that there is no such ticket, or none that this person may know of.
#[must_use]
pub fn unknown_ticket(key: &TicketKey) -> Message {
    Message::said(format!(
        "I can't find {key} among the requests you can see. /desk requests lists yours; the key is also in my answer to each, \
         like IT-1042."
    ))
}

/// Refuses a button or form of a ticket that is unknown, or that this person may not know of.
#[must_use]
pub fn unknown_subject() -> Message {
    Message::said(
        "I can't find the request that this belongs to, perhaps because my records were restored from a backup. \
         Nothing was changed. Please write to me or mention me, and say what you need.",
    )
}

/// Refuses a button of an earlier version that this version cannot read.
#[must_use]
pub fn unknown_button() -> Message {
    Message::said("That button is out of date. Please write to me instead, or see /desk help.")
}

/// Tells an agent which right is missing for an act.
#[must_use]
pub fn right_is_missing(right: Right) -> Message {
    Message::said(format!("You need the right {} for that. Whoever runs this bot can give it to you.", right.as_str()))
}

/// Says that a form could not be opened: the values that it shows could not be read, or have changed meanwhile.
#[must_use]
pub fn form_not_opened() -> Message {
    Message::said(
        "I couldn't open that form: what it shows has changed, or I couldn't read it just now. Please look it up again and retry.",
    )
}
