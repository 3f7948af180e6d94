//! What the door itself says: that something takes long, did not get through, or comes late.

pub use crate::desk::help::text::faulty_field;
use crate::domain::message::{Line, Message};

/// An answer that could not be given when it was due: the same, with an excuse before it.
#[must_use]
pub fn late(answer: Message) -> Message {
    let excuse = Line::said("Sorry for the wait, I couldn't get through until now.");
    Message { lines: std::iter::once(excuse).chain(answer.lines).collect(), ..answer }
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
