//! The bot's sentences about being on call. Each function returns a message, or a part of one.

use jiff::Timestamp;

use super::state::OnCall;
use crate::domain::ids::PersonRef;
use crate::domain::message::{Line, Message, Span, said};
use crate::domain::permission::Roster;

/// Lists the people on call, for a reader on the platform of `reader`.
#[must_use]
pub fn who(on_call: &[OnCall], reader: &PersonRef, roster: &Roster) -> Message {
    if on_call.is_empty() {
        return Message::said(
            "Nobody is on call right now. To be on call, say “/desk oncall until 18:00”; the settings can list people, too \
             (desk.on_call).",
        );
    }
    let one = |on_call: &OnCall| {
        let mut spans = vec![said("• "), person(&on_call.who, reader, roster)];
        match on_call.until {
            Some(until) => spans.extend([said(" until "), Span::At(until)]),
            None => spans.push(said(", listed in the settings")),
        }
        Line(spans)
    };
    let lines = std::iter::once(Line::said("On call now:")).chain(on_call.iter().map(one));
    Message::new(lines)
}

/// Returns a person's name for a reader on the platform of `reader`: a mention, or “somebody on” the other platform.
fn person(who: &PersonRef, reader: &PersonRef, roster: &Roster) -> Span {
    match roster.account_on(who, reader.platform) {
        Some(account) => Span::Ping(account),
        None => said(format!("somebody on {}", who.platform.title())),
    }
}

/// Returns the names of the people on call as a part of a sentence, for a reader on the platform of `reader`.
#[must_use]
pub fn names(on_call: &[OnCall], reader: &PersonRef, roster: &Roster) -> Vec<Span> {
    let mut spans = Vec::new();
    for (at, one) in on_call.iter().enumerate() {
        if at > 0 {
            spans.push(said(if at + 1 == on_call.len() { " and " } else { ", " }));
        }
        spans.push(person(&one.who, reader, roster));
    }
    spans
}

/// Asks for the time until which the person is on call.
#[must_use]
pub fn until_when() -> Message {
    Message::said("Until when? Say it like “/desk oncall until 18:00” or “/desk oncall until tomorrow 8”.")
}

/// Refuses a time that is more than 31 days away.
#[must_use]
pub fn too_long() -> Message {
    Message::said("That's too far away: pick a time within the next 31 days, and say it again then.")
}

/// Refuses to put a person on call whom the desk could not mention in any of its channels.
#[must_use]
pub fn cannot_be_mentioned() -> Message {
    Message::said(
        "The desk has no channel here where I could mention you. Say this where it has one, or ask whoever runs this bot to link \
         your accounts ([[people]] in the settings).",
    )
}

/// Confirms that the person is on call.
#[must_use]
pub fn is_on_call(until: Timestamp) -> Message {
    Message::new([Line(vec![
        said("You are on call until "),
        Span::At(until),
        said(
            ". When something can't wait, I'll mention you in the desk's channel. “/desk oncall end” ends it earlier.",
        ),
    ])])
}

/// Confirms that the person is no longer on call.
#[must_use]
pub fn is_not_on_call() -> Message {
    Message::said("You're no longer on call.")
}

/// Tells a person who wanted to end being on call that they were not on call.
#[must_use]
pub fn was_not_on_call() -> Message {
    Message::said("You weren't on call.")
}

/// Tells a person that the settings list them as on call, which no command can change.
#[must_use]
pub fn is_listed() -> Message {
    Message::said("The settings list you as on call (desk.on_call), so only whoever runs this bot can change that.")
}
