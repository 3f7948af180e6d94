//! The live messages of an outage.

use super::state::Outage;
use super::text;
use crate::domain::outage::Phase;
use crate::domain::view::Shown;

/// An outage in one of the channels that follow its services. Who has not heard of it before it ended hears nothing.
pub(in crate::desk) fn copy(outage: &Outage, is_first: bool) -> Option<Shown> {
    let is_ended = !outage.phase.is_running();
    if outage.phase == Phase::Drafted || (is_ended && is_first) { None } else { Some(text::copy(outage).into()) }
}

/// An outage in a channel of the desk.
pub(in crate::desk) fn card(outage: &Outage) -> Shown {
    text::card(outage).into()
}
