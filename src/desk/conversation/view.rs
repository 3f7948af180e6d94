//! Live messages about what people say: the lines under a card.

use super::state::{Record, Voice};
use super::text;
use crate::desk::tickets::state::Ticket;
use crate::domain::effect::joined_chars;
use crate::domain::ids::MessageRef;
use crate::domain::permission::Roster;
use crate::domain::view::{Shown, Wanted};

/// The words of these messages as they are now; `None` if nothing of them is left. `said` is what is on record of them.
/// Posted for the first time, the requester's words ping the assignee.
pub(in crate::desk) fn lines(
    ticket: &Ticket,
    of: &[MessageRef],
    said: &[Record],
    wanted: &Wanted,
    roster: &Roster,
) -> Option<Shown> {
    // Words that went to another ticket with all of this one are still shown under its card; those that went alone are not.
    let is_here = |record: &&Record| record.ticket == ticket.id || ticket.merged_into.is_some();
    let is_left = |record: &&Record| record.deleted_at.is_none() && !record.text.is_empty();
    let of_message = |message: &MessageRef| said.iter().find(|record| record.message.as_ref() == Some(message));
    let left: Vec<&Record> = of.iter().filter_map(of_message).filter(is_here).filter(is_left).collect();
    if left.is_empty() {
        return None;
    }
    let platform = wanted.place.platform();
    let assignee = ticket.assignee.as_ref().filter(|_| wanted.is_first);
    let ping = assignee.and_then(|agent| roster.account_on(&agent.who, platform));
    let ping_for = |record: &Record| ping.as_ref().filter(|_| record.voice == Voice::Requester);
    Some(text::lines(ticket, &left, ping_for, joined_chars(platform)).into())
}
