//! Adds suggested articles to the card and the confirmation of a ticket.

use super::state::Suggestion;
use super::text;
use crate::desk::tickets::state::{Status, Ticket};
use crate::domain::message::Message;
use crate::domain::view::RenderedView;

/// Adds the suggested article to the confirmation of a new ticket that no agent has. If an article has solved the
/// ticket, the confirmation says so.
pub(in crate::desk) fn confirmation(
    shown: RenderedView,
    ticket: &Ticket,
    suggestion: Option<&Suggestion>,
) -> RenderedView {
    let solved_by = suggestion.and_then(|suggestion| suggestion.offered(suggestion.solved_by.as_ref()?));
    if let (Some(by), Status::Resolved { .. }) = (solved_by, &ticket.status) {
        let message = Message::new([text::solved(ticket, by)]).with(shown.message.controls);
        return RenderedView { message, ..shown };
    }
    let is_open = ticket.status == Status::New && ticket.assignee.is_none();
    let Some((suggestion, first)) = suggestion.filter(|_| is_open).and_then(|one| Some((one, one.open()?))) else {
        return shown;
    };
    let mut message = text::offer(ticket, first, suggestion.found.offered.len() > 1);
    let mut lines = shown.message.lines;
    lines.append(&mut message.lines);
    message.lines = lines;
    message.controls.extend(shown.message.controls);
    message.controls.push(text::feedback(ticket, &first.key));
    RenderedView { message, ..shown }
}

/// Adds the suggested article, and other articles that may help the agents, to the card.
pub(in crate::desk) fn card(mut shown: RenderedView, ticket: &Ticket, suggestion: Option<&Suggestion>) -> RenderedView {
    shown.message.lines.extend(suggestion.map(|suggestion| text::on_card(suggestion, ticket)).unwrap_or_default());
    shown
}
