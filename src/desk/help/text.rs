//! What the bot can do, told to whoever asks, or asks for something that it does not know.

use crate::domain::ids::TicketKey;
use crate::domain::message::{Line, Message, strong};

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

/// A command needs a ticket, and none was named.
#[must_use]
pub fn which_ticket() -> Message {
    Message::said("Which one? Say it with the key, like /desk show IT-1042, or in the request's own thread.")
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

/// The button is of no kind that is known any more.
#[must_use]
pub fn unknown_button() -> Message {
    Message::said("That button is out of date. Write in the thread instead, or use /desk help.")
}
