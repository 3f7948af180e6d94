//! Live messages about the program itself.

use super::text;
use crate::domain::view::Shown;

/// Renders the number of dead events. Once there are none, the message says so and is over: the next dead event brings
/// a new message.
pub(in crate::desk) fn dead_events(count: u64) -> Shown {
    let message = if count == 0 { text::alarm_over() } else { text::alarm(count) };
    Shown { message, is_last: count == 0 }
}
