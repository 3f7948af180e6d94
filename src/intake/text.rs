//! Sentences of the intake itself: that an act takes long, did not get through, or is answered late.

pub use crate::desk::help::text::faulty_field;
use crate::domain::message::{Line, Message};

/// Puts an apology before an answer that could not be given in time.
#[must_use]
pub fn late(answer: Message) -> Message {
    let excuse = Line::said("Sorry for the wait: I couldn't get through until now.");
    Message { lines: std::iter::once(excuse).chain(answer.lines).collect(), ..answer }
}

/// Tells a person that their act could not be handled, by a fault of the program.
#[must_use]
pub fn our_fault() -> Message {
    Message::said(
        "Sorry, something went wrong on my side, and this didn't get through. The people who run me can see that. \
         If it can't wait, please reach the desk another way.",
    )
}

/// Tells a person that their act takes longer than usual, so that they do not repeat it.
#[must_use]
pub fn takes_a_while() -> Message {
    Message::said("This is taking a little longer than usual. No need to do it again: I'll tell you here how it went.")
}

/// Tells a person that an act that took long is done, where nothing else says so.
#[must_use]
pub fn is_done() -> Message {
    Message::said("Done, it went through. Sorry for the wait.")
}

/// Tells a person that their act changed nothing, since the database is away or a form could not be opened.
#[must_use]
pub fn try_again() -> Message {
    Message::said("I can't do that right now, so nothing was changed. Please try again in a minute.")
}
