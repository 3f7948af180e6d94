//! What comes back by itself: the end of a delivery, a read-back, a moment that was waited for.

use super::draft::{Draft, Words, full_text};
use super::message::close_at;
use crate::domain::decision::{Change, Decision, Outcome};
use crate::domain::effect::Awaited;
use crate::domain::event::{DeliverySettled, Said, TimerKind};
use crate::domain::record::Voice;
use crate::domain::text;
use crate::domain::ticket::Status;
use crate::intake::facts::Facts;

/// A delivery that somebody waited for has ended.
pub(super) fn delivered(facts: &Facts, settled: &DeliverySettled) -> Decision {
    let by = match &settled.awaited {
        Awaited::Reply { by, .. } => Some(by),
        Awaited::Notice => None,
    };
    let mut draft = Draft::new(facts, by, None);
    let Some(ticket) = &facts.named else { return draft.end(Outcome::Ignored) };
    match (&settled.awaited, &settled.result) {
        (Awaited::Notice, Ok(_)) => return draft.end(Outcome::Ignored),
        (Awaited::Notice, Err(reason)) => {
            draft.audit(ticket, "not told", Vec::new());
            draft.under_cards(ticket, None, None, |_| text::not_delivered(ticket, *reason, None));
        }
        (Awaited::Reply { by, text: words }, Ok(message)) => {
            let said = Words::standing(message.clone(), facts.now, words.clone());
            draft.record(ticket, by, Voice::Agent, &said);
            let mut after = ticket.clone();
            after.answered_at = after.answered_at.or(Some(facts.now));
            draft.touch(ticket, after, facts.now);
            draft.audit(ticket, "replied", Vec::new());
            draft.under_cards(ticket, None, None, |_| text::reply_sent(by, &ticket.requester, words));
        }
        (Awaited::Reply { by, text: words }, Err(reason)) => {
            let said = Words::given(ticket.origin_message.clone(), facts.now, words.clone());
            draft.record(ticket, by, Voice::Note, &said);
            draft.audit(ticket, "reply not delivered", Vec::new());
            draft.under_cards(ticket, None, None, |_| text::not_delivered(ticket, *reason, Some(words)));
            let near = facts.rules.triage.iter().find(|channel| channel.platform() == by.who.platform);
            draft.whisper(Some(ticket), &by.who, near, None, text::not_delivered(ticket, *reason, Some(words)));
        }
    }
    draft.end(Outcome::Recorded(ticket.key.clone()))
}

/// What was said in a thread before it became a request.
pub(super) fn thread_read(facts: &Facts, messages: &[Said], truncated: bool) -> Decision {
    let mut draft = Draft::new(facts, None, None);
    let Some(ticket) = &facts.named else { return draft.end(Outcome::Ignored) };
    let worth: Vec<&Said> = messages.iter().filter(|said| !full_text(said).is_empty()).collect();
    if worth.is_empty() {
        return draft.end(Outcome::Ignored);
    }
    for said in &worth {
        draft.record(ticket, &said.author, Voice::Before, &Words::of(said));
    }
    draft.audit(ticket, "thread read back", Vec::new());
    draft.under_cards(ticket, None, None, |_| text::read_back(worth.len(), truncated));
    draft.end(Outcome::Recorded(ticket.key.clone()))
}

/// A moment has come.
pub(super) fn timer(facts: &Facts, timer: TimerKind) -> Decision {
    let mut draft = Draft::new(facts, None, None);
    let Some(ticket) = &facts.named else { return draft.end(Outcome::Ignored) };
    match timer {
        TimerKind::AutoClose => {
            let mut after = ticket.clone();
            let due = match &ticket.status {
                Status::Resolved { at, .. } => close_at(facts, *at),
                _ => None,
            };
            // Timers are kept to the millisecond.
            if due.is_some_and(|due| due.as_millisecond() > facts.now.as_millisecond()) {
                // It was reopened and resolved again meanwhile, or the settings give it longer.
                if let Some(due) = due {
                    draft.change(Change::SetTimer { ticket: ticket.id, timer, due });
                }
                return draft.end(Outcome::Done(None));
            }
            draft.change(Change::ClearTimer { ticket: ticket.id, timer });
            // Without a moment it is not resolved any more, or nothing is closed by itself any more.
            if due.is_none() || after.close(facts.now).is_err() {
                return draft.end(Outcome::Done(None));
            }
            draft.put(ticket, after, "closed");
            draft.end(Outcome::Done(Some(ticket.key.clone())))
        }
    }
}
