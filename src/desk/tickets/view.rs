//! Renders the live messages of a ticket: its card and its confirmation.

use super::state::{Ticket, TicketRef};
use super::text;
use crate::domain::ids::Place;
use crate::domain::permission::Roster;
use crate::domain::view::RenderedView;

/// Renders the card in a channel of the desk.
pub(in crate::desk) fn card(ticket: &Ticket, channel: &Place, roster: &Roster) -> RenderedView {
    let assignee = ticket.assignee.as_ref();
    let here = assignee.and_then(|agent| roster.account_on(&agent.who, channel.platform()));
    text::card(ticket, here.as_ref()).into()
}

/// Renders the confirmation in the place where the requester is answered. `others`: the requester's open tickets, from
/// which those are offered that this one may be merged into.
pub(in crate::desk) fn confirmation(ticket: &Ticket, others: &[Ticket]) -> RenderedView {
    let is_other = |other: &&Ticket| other.id != ticket.id && other.is_private() == ticket.is_private();
    let others: Vec<TicketRef> = others.iter().filter(is_other).map(Ticket::reference).collect();
    text::confirmation(ticket, &others).into()
}
