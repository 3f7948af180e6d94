//! Renders the lines under a card, which show the words of people.

use super::state::{Record, Voice};
use super::text;
use crate::desk::tickets::state::Ticket;
use crate::domain::effect::joined_chars;
use crate::domain::ids::MessageRef;
use crate::domain::permission::Roster;
use crate::domain::view::{RenderedView, ViewRequest};

/// Renders the current words of the messages `of`, whose records are in `said`. `None`: no words are left. In the first
/// post of the lines, the requester's words ping the assignee.
pub(in crate::desk) fn lines(
    ticket: &Ticket,
    of: &[MessageRef],
    said: &[Record],
    wanted: &ViewRequest,
    roster: &Roster,
) -> Option<RenderedView> {
    // Records that a merge has moved to another ticket are still shown under this card. A record that became a request
    // of its own is not.
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
