//! Renders the message that shows the number of dead events.

use super::text;
use crate::domain::view::RenderedView;

/// Renders the number of dead events. At zero the message says so and is not updated any more (`is_last`): the next
/// dead event is told in a new message.
pub(in crate::desk) fn dead_events(count: u64) -> RenderedView {
    let message = if count == 0 { text::alarm_over() } else { text::alarm(count) };
    RenderedView { message, is_last: count == 0 }
}
