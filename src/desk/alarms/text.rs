//! What the desk is told about the program itself.

use crate::domain::ids::PlatformName;
use crate::domain::message::Message;

/// Something that people sent could not be handled by a fault of ours: told to the desk, without a word of theirs.
#[must_use]
pub fn alarm(count: u64) -> Message {
    let what = match count {
        1 => "something that was sent to the desk: that's my fault, not the sender's. I've kept it, and it holds nothing else up."
            .to_owned(),
        _ => format!(
            "{count} things that were sent to the desk: that's my fault, not the senders'. I've kept them, and they hold nothing \
             else up."
        ),
    };
    Message::said(format!(
        "I couldn't handle {what} An operator can look at that with “deskbell events” and try it again with \
         “deskbell events replay”. (I keep this message up to date, and say here when it's over.)"
    ))
}

/// Nothing that people sent is left that could not be handled.
#[must_use]
pub fn alarm_over() -> Message {
    Message::said("All is well again: what I couldn't handle has been handled since, or an operator dismissed it.")
}

/// A platform takes nothing of what is to be said there. `detail` is for operators, and holds no secrets.
#[must_use]
pub fn takes_nothing(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can't get through to {name} just now ({detail}). What the desk has to say there is waiting, and goes out as soon as \
         {name} accepts it again."
    ))
}

/// A platform refuses the bot's token.
#[must_use]
pub fn refuses_the_token(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "{name} refuses my token. What the desk has to say there is waiting until an operator renews the token \
         (“deskbell check” says what to do)."
    ))
}

/// Nothing is heard of a platform.
#[must_use]
pub fn hears_nothing(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can't hear {name} just now. I'll catch up on what people say there once I'm connected again."
    ))
}

/// The desk's channel on a platform cannot be written to.
#[must_use]
pub fn desk_is_shut(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can't write in the desk's channel on {name} ({detail}). Requests are still heard and answered, but their cards there \
         wait until an operator fixes that or names another channel."
    ))
}

/// The bot is not in a guild that it is to serve.
#[must_use]
pub fn put_out(detail: &str) -> Message {
    Message::said(format!(
        "I've been removed from a Discord server that I should serve ({detail}): nobody there can reach the desk through me."
    ))
}

/// Requests of a platform are refused at the port.
#[must_use]
pub fn door_refuses(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I have to refuse what {name} sends me ({detail}): nobody there can reach the desk through me until an operator fixes that."
    ))
}

/// Who is on the desk cannot be read.
#[must_use]
pub fn roster_unread(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can no longer read who is in the desk's groups on {name}. An hour after I last could, agents who are on the desk \
         only through a group can't work tickets there until an operator fixes that."
    ))
}

/// What was said before a ping of staff may not be read. `detail`: in how many channels.
#[must_use]
pub fn guard_is_blind(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I may not read what is said on {name} {detail}, so when somebody pings the desk's people there, I can only count it. \
         An operator can fix that (“deskbell check” says which right is missing)."
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
    Message::said(format!("{} is fine again, and whatever was waiting is on its way.", platform.title()))
}
