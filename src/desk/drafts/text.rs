//! The sentences for a person whose form is not finished.

use crate::domain::act::{ActRef, Fault, Spec, Why};
use crate::domain::ids::DraftId;
use crate::domain::message::{Control, Message, Style};

/// Asks for the next page of a form. The button opens it.
#[must_use]
pub fn next(does: &ActRef, draft: &DraftId) -> Message {
    Message::said("So far, so good. There's a bit more to fill in: press Next within the hour.")
        .with([onward("Next", does, draft)])
}

/// Says that the form could not be opened in time. The button tries again.
#[must_use]
pub fn late(does: &ActRef, draft: &DraftId) -> Message {
    Message::said("I couldn't open the form in time. What you typed is still there: press Go on.")
        .with([onward("Go on", does, draft)])
}

/// Says which field is missing or not valid. The button opens the form again with the values.
#[must_use]
pub fn to_correct(faults: &[Fault], does: &ActRef, draft: &DraftId) -> Message {
    let why = match faults.first().map(|fault| fault.why) {
        Some(Why::NotOffered) => "One of the fields has something that I can't use there.",
        Some(Why::NoPerson) => "I can't find the person you named. Please pick one from the list.",
        Some(Why::NoKey) => "I can't read the key. Write it like KB-7.",
        Some(Why::NoDate) => {
            "I can't read one of the times. Write it like 14:30, tomorrow 9, in 30 min or 2026-12-01 14:30."
        }
        Some(Why::Past) => "One of the times has already passed. Please give a later one.",
        Some(Why::Missing) | None => "One of the required fields is still empty.",
    };
    Message::said(format!("{why} Nothing has been sent, and what you typed is still there: press Correct it."))
        .with([onward("Correct it", does, draft)])
}

/// Says that nothing was sent. The button opens the form again with the values. Follows the reason of a refusal.
#[must_use]
pub fn can_be_corrected(does: &ActRef) -> Message {
    Message::said("Nothing has been sent, and what you typed is still there: press Correct it.")
        .with([Control::button("Correct it", does.clone())])
}

/// Says that the draft no longer exists: it was submitted, or it has expired. The button opens an empty form.
#[must_use]
pub fn is_gone(spec: &Spec, does: &ActRef) -> Message {
    let anew = ActRef { draft: None, ..does.clone() };
    Message::said(
        "I no longer have what you filled in there: it was sent, or it's more than an hour old. You can start again:",
    )
    .with([Control::button(spec.label, anew)])
}

fn onward(label: &str, does: &ActRef, draft: &DraftId) -> Control {
    let does = ActRef { draft: Some(draft.clone()), ..does.clone() };
    Control::button(label, does).styled(Style::Primary)
}
