//! What the desk is told about the program itself.

use crate::domain::ids::PlatformName;
use crate::domain::message::Message;

/// Something that people sent could not be handled by a fault of ours: told to the desk, without a word of theirs.
#[must_use]
pub fn alarm(count: u64) -> Message {
    let what = match count {
        1 => "something that was sent to the desk: a fault of mine, not theirs. It is kept, and nothing else is held up by it."
            .to_owned(),
        _ => format!(
            "{count} things that were sent to the desk: a fault of mine, not theirs. They are kept, and nothing else is held up \
             by them."
        ),
    };
    Message::said(format!(
        "I couldn't handle {what} An operator can see that with “deskbell events”, and have it handled again with \
         “deskbell events replay”. (I keep the count here, and say when it is over.)"
    ))
}

/// Nothing that people sent is left that could not be handled.
#[must_use]
pub fn alarm_over() -> Message {
    Message::said("All is well again: what I couldn't handle has been handled since, or was dismissed by an operator.")
}

/// A platform takes nothing of what is to be said there. `detail` is for operators, and holds no secrets.
#[must_use]
pub fn takes_nothing(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can't get through to {name} just now ({detail}). What people there are to hear from the desk waits, and goes out \
         once {name} takes it again."
    ))
}

/// A platform refuses the bot's token.
#[must_use]
pub fn refuses_the_token(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "{name} refuses my token. What people there are to hear from the desk waits until an operator has renewed it \
         (“deskbell check” says what to do)."
    ))
}

/// Nothing is heard of a platform.
#[must_use]
pub fn hears_nothing(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I hear nothing from {name} just now. What is said there meanwhile I read once I'm connected again."
    ))
}

/// The desk's channel on a platform cannot be written to.
#[must_use]
pub fn desk_is_shut(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
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
    let name = platform.title();
    Message::said(format!(
        "I have to refuse what {name} sends me ({detail}): nobody there can reach the desk by me until an operator has mended that."
    ))
}

/// Who is on the desk cannot be read.
#[must_use]
pub fn roster_unread(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can't read any more who is in the desk's groups on {name}. An hour after I last could, people who are on the desk \
         by a group alone can't work tickets there, until an operator has mended that."
    ))
}

/// What was said before a ping of staff may not be read. `detail`: in how many channels.
#[must_use]
pub fn guard_is_blind(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I may not read what is said on {name} {detail}, so I can only count it there when somebody pings the desk's people. An          operator can mend that (“deskbell check” says which right is missing)."
    ))
}

/// What was said before a ping of staff can be read again.
#[must_use]
pub fn guard_sees(platform: PlatformName) -> Message {
    Message::said(format!(
        "I can read what is said on {} again, so I look at pings of the desk's people there as before.",
        platform.title()
    ))
}

/// A condition on a platform is over.
#[must_use]
pub fn well_again(platform: PlatformName) -> Message {
    Message::said(format!("{} is fine again: whatever waited for that is on its way.", platform.title()))
}
