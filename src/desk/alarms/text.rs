//! The sentences for the desk about the program itself: dead events, and conditions of its health that begin or end.

use crate::domain::ids::PlatformName;
use crate::domain::message::Message;

/// Says how many events could not be handled because of a fault of the program. The message holds no words of people.
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

/// Says that no dead events are left.
#[must_use]
pub fn alarm_over() -> Message {
    Message::said("All is well again: what I couldn't handle has been handled since, or an operator dismissed it.")
}

/// Says that a platform takes no messages. `detail` is for operators and holds no secrets.
#[must_use]
pub fn takes_nothing(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can't get through to {name} just now ({detail}). What the desk has to say there is waiting, and goes out as soon as \
         {name} accepts it again."
    ))
}

/// Says that a platform refuses the bot's token.
#[must_use]
pub fn refuses_the_token(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "{name} refuses my token. What the desk has to say there is waiting until an operator renews the token \
         (“deskbell check” says what to do)."
    ))
}

/// Says that no messages are received from a platform.
#[must_use]
pub fn hears_nothing(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can't hear {name} just now. I'll catch up on what people say there once I'm connected again."
    ))
}

/// Says that the bot cannot write in the desk's channel on a platform.
#[must_use]
pub fn triage_refused(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can't write in the desk's channel on {name} ({detail}). Requests are still heard and answered, but their cards there \
         wait until an operator fixes that or names another channel."
    ))
}

/// Says that the bot is not in a Discord guild that it should serve.
#[must_use]
pub fn removed_from_guild(detail: &str) -> Message {
    Message::said(format!(
        "I've been removed from a Discord server that I should serve ({detail}): nobody there can reach the desk through me."
    ))
}

/// Says that the HTTP port refuses a platform's requests, because of a wrong secret or a wrong clock.
#[must_use]
pub fn port_refuses(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I have to refuse what {name} sends me ({detail}): nobody there can reach the desk through me until an operator fixes that."
    ))
}

/// Says that the members of the desk's groups on a platform cannot be read.
#[must_use]
pub fn roster_unread(platform: PlatformName) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I can no longer read who is in the desk's groups on {name}. An hour after I last could, agents who are on the desk \
         only through a group can't work tickets there until an operator fixes that."
    ))
}

/// Says that the guard may not read the messages before a ping of staff. `detail`: in how many channels.
#[must_use]
pub fn guard_is_blind(platform: PlatformName, detail: &str) -> Message {
    let name = platform.title();
    Message::said(format!(
        "I may not read what is said on {name} {detail}, so when somebody pings the desk's people there, I can only count it. \
         An operator can fix that (“deskbell check” says which right is missing)."
    ))
}

/// Says that the guard can read the messages before a ping of staff again.
#[must_use]
pub fn guard_sees(platform: PlatformName) -> Message {
    Message::said(format!(
        "I can read what is said on {} again, so I look at pings of the desk's people there as before.",
        platform.title()
    ))
}

/// Says that a condition on a platform has ended.
#[must_use]
pub fn well_again(platform: PlatformName) -> Message {
    Message::said(format!("{} is fine again, and whatever was waiting is on its way.", platform.title()))
}
