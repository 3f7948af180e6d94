//! Live messages about the program itself.

use super::text;
use crate::domain::view::Shown;

/// What the desk is told of events that could not be handled, while there are any; once there are none, it is told that, and
/// the next is another message.
pub(in crate::desk) fn dead_events(count: u64) -> Shown {
    let message = if count == 0 { text::alarm_over() } else { text::alarm(count) };
    Shown { message, is_last: count == 0 }
}
