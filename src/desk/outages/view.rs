//! The live messages of an outage.

use super::state::{Ledger, Outage};
use super::text;
use crate::domain::ids::MessageRef;
use crate::domain::message::Tone;
use crate::domain::outage::{Phase, Severity};
use crate::domain::view::Shown;

/// An outage in one of its channels. Who has not heard of it before it ended, or is not to hear of it any more, hears nothing.
pub(in crate::desk) fn copy(outage: &Outage, is_first: bool, is_to_hear: bool) -> Option<Shown> {
    let is_late = is_first && (!outage.phase.is_running() || !is_to_hear);
    if outage.phase == Phase::Drafted || is_late {
        return None;
    }
    let tone = if outage.severity == Severity::Low { Tone::Silent } else { Tone::Usual };
    let copy = match is_first && outage.content.mentions_all {
        true => text::to_everybody(outage),
        false => text::copy(outage),
    };
    Some(copy.in_tone(tone).into())
}

/// The newest of an outage beside one of its copies: in the thread under it, or, how it ended, for the whole channel.
pub(in crate::desk) fn news(outage: &Outage, copy: Option<&MessageRef>) -> Option<Shown> {
    let message = match outage.phase {
        Phase::Investigating | Phase::Identified | Phase::Monitoring => text::news(outage).in_tone(Tone::Silent),
        Phase::Resolved => {
            let tone = copy.map_or(Tone::Usual, |copy| Tone::Anew(Box::new(copy.clone())));
            text::copy(outage).in_tone(tone)
        }
        Phase::Drafted | Phase::Retracted => return None,
    };
    Some(Shown { message, is_last: true })
}

/// An outage in a channel of the desk.
pub(in crate::desk) fn card(outage: &Outage, ledger: &Ledger) -> Shown {
    text::card(outage, ledger).into()
}
