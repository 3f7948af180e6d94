//! What people write: a new request, more about one, a note of the desk, or nothing that concerns it.

use jiff::{SignedDuration, Timestamp};

use super::act::{self, Actor, Deed};
use super::draft::{Draft, Words, full_text, origin_of};
use crate::domain::command::{self, Parsed, Verb};
use crate::domain::decision::{Change, Decision, Outcome};
use crate::domain::effect::{Awaited, EffectKind};
use crate::domain::event::{Said, TimerKind};
use crate::domain::ids::{MessageRef, Place};
use crate::domain::message::Message;
use crate::domain::plain::one_line;
use crate::domain::record::{Opening, Record, Side, Voice};
use crate::domain::small_talk::{is_content, small_talk};
use crate::domain::text;
use crate::domain::ticket::{Status, Ticket};
use crate::intake::facts::Facts;

/// Somebody wrote something.
pub(super) fn posted(facts: &Facts, said: &Said) -> Decision {
    let draft = Draft::new(facts, Some(&said.author), Some(&said.place));
    if said.addresses_desk() {
        match command::parse(&said.text, &said.mentions, facts.where_said(said), &facts.rules.key_prefix) {
            Parsed::Command(command) => return commanded(draft, said, command),
            // Somebody who is not on the desk has no use for a grammar: these are words.
            Parsed::Malformed(usage) if draft.rights(&said.author).agent => {
                return refuse_words(draft, said, text::malformed(usage));
            }
            Parsed::Malformed(_) => {}
            Parsed::Words => {}
        }
    }
    match &facts.home {
        Some((ticket, Side::Card)) => note(draft, said, ticket),
        Some((ticket, Side::Request)) => on_ticket(draft, said, ticket),
        None => elsewhere(draft, said),
    }
}

/// Somebody changed the words of a message.
pub(super) fn edited(facts: &Facts, said: &Said, at: Timestamp) -> Decision {
    let mut draft = Draft::new(facts, Some(&said.author), Some(&said.place));
    let words = full_text(said);
    let (Some(record), Some(ticket)) = (&facts.record, &facts.named) else {
        // The edit may be what first addresses the desk; what was carried out or answered once is not done again.
        let reworded = facts.opening.as_ref().is_some_and(|opening| opening.text != said.text);
        return if reworded || (facts.opening.is_none() && !facts.known_as_posted) {
            let fresh = Facts { opening: None, ..facts.clone() };
            let mut decision = posted(&fresh, said);
            for change in &mut decision.changes {
                // An earlier edit may come later.
                if let Change::Record(record) = change
                    && record.message.as_ref() == Some(&said.message)
                {
                    record.edited_at = Some(at);
                }
            }
            decision
        } else {
            draft.end(Outcome::Ignored)
        };
    };
    let is_outdated = record.edited_at.is_some_and(|newer| newer > at);
    if record.text == words || record.deleted_at.is_some() || is_outdated {
        return draft.end(Outcome::Ignored);
    }
    draft.change(Change::Rewrite { message: said.message.clone(), text: words.clone(), at });
    let key = ticket.key.clone();
    if makes_title(&draft, record, ticket) {
        // Nothing may be left of it: its file was all there was. Words may come back.
        let title = if words.is_empty() { text::deleted_title() } else { text::title(&words) };
        let after = Ticket { title, ..ticket.clone() };
        draft.put(ticket, after, "words changed");
    } else {
        draft.audit(ticket, "words changed", Vec::new());
    }
    draft.refresh_mirrors(ticket, &said.message);
    draft.end(Outcome::Recorded(key))
}

/// A message was deleted: its words go from the record.
pub(super) fn deleted(facts: &Facts, message: &MessageRef, at: Timestamp) -> Decision {
    let mut draft = Draft::new(facts, None, None);
    if facts.opening.is_some() {
        draft.change(Change::Forget { message: message.clone() });
    }
    let (Some(record), Some(ticket)) = (&facts.record, &facts.named) else {
        let outcome = if facts.opening.is_some() { Outcome::Done(None) } else { Outcome::Ignored };
        return draft.end(outcome);
    };
    if record.deleted_at.is_some() {
        return draft.end(Outcome::Ignored);
    }
    erased(draft, record, ticket, message, at)
}

/// Whether a message's words make the ticket's title: then they change and go there as well. Others may write the same.
fn makes_title(draft: &Draft<'_>, record: &Record, ticket: &Ticket) -> bool {
    match &ticket.titled_by {
        Some(message) => record.message.as_ref() == Some(message),
        None => draft.same(&record.author, &ticket.requester) && text::title(&record.text) == one_line(&ticket.title),
    }
}

/// The words of a message go from the record.
fn erased(mut draft: Draft<'_>, record: &Record, ticket: &Ticket, message: &MessageRef, at: Timestamp) -> Decision {
    draft.change(Change::Erase { message: message.clone(), at });
    if makes_title(&draft, record, ticket) {
        let after = Ticket { title: text::deleted_title(), ..ticket.clone() };
        draft.put(ticket, after, "words deleted");
    } else {
        draft.audit(ticket, "words deleted", Vec::new());
    }
    draft.refresh_mirrors(ticket, message);
    draft.end(Outcome::Recorded(ticket.key.clone()))
}

fn commanded(mut draft: Draft<'_>, said: &Said, command: command::Command) -> Decision {
    let facts = draft.facts;
    if command.verb == Verb::Help {
        let agent = draft.rights(&said.author).agent;
        hint(&mut draft, said, text::help(agent));
        if facts.home.is_none() {
            keep(&mut draft, said);
        }
        return draft.end(Outcome::Done(None));
    }
    let carries_words = matches!(command.verb, Verb::Resolve(_) | Verb::Pending(_) | Verb::Reply(_));
    if carries_words
        && !draft.rights(&said.author).agent
        && let Some((home, Side::Request)) = &facts.home
        && command.ticket.as_ref().is_some_and(|named| *named != home.key)
    {
        // Somebody who cannot have meant the command: these are words.
        return on_ticket(draft, said, home);
    }
    let known = facts.named.as_ref().filter(|ticket| draft.may_know(&said.author, ticket));
    let Some(ticket) = known else {
        let unknown = command.ticket.as_ref().map_or_else(text::which_ticket, text::unknown_ticket);
        return refuse_words(draft, said, unknown);
    };
    if carries_words
        && let Some((home, _)) = &facts.home
        && home.id != ticket.id
        && let Some(named) = &command.ticket
    {
        // "resolve IT-7 is the same" under IT-8 may mean either: words never go to another ticket on a guess.
        return refuse_words(draft, said, text::names_another(&home.key, named));
    }
    let own_thread = matches!(&facts.home, Some((home, Side::Request)) if home.id == ticket.id);
    // In the request's own thread most acts show by what the bot says there.
    let shows = own_thread && !matches!(command.verb, Verb::Release | Verb::Priority(_));
    let actor = Actor { person: &said.author, place: Some(&said.place), via: None, wants_answer: !shows };
    if carries_words && own_thread && !draft.rights(&said.author).agent {
        // Words of somebody who cannot have meant the command: they are told so, and nothing of what they said is lost.
        let requester = draft.same(&ticket.requester, &said.author);
        let why = text::agents_only(Some(ticket), requester);
        draft.whisper(Some(ticket), &said.author.who, Some(&said.place), None, why);
        return on_ticket(draft, said, ticket);
    }
    act::carry_out(draft, &actor, ticket, Deed::from(command.verb))
}

/// Under a card: a note for the desk.
fn note(mut draft: Draft<'_>, said: &Said, ticket: &Ticket) -> Decision {
    let words = Words::of(said);
    if words.text.is_empty() {
        return draft.end(Outcome::Ignored);
    }
    if !draft.rights(&said.author).agent {
        return refuse_words(draft, said, text::notes_are_for_agents());
    }
    draft.record(ticket, &said.author, Voice::Note, &words);
    draft.touch(ticket, ticket.clone(), said.at);
    draft.under_cards(ticket, Some(&said.place), words.source(), |_| {
        text::mirrored(ticket, &said.author, &words.text, Voice::Note, None)
    });
    draft.end(Outcome::Recorded(ticket.key.clone()))
}

/// On the requester's side of a ticket.
fn on_ticket(mut draft: Draft<'_>, said: &Said, ticket: &Ticket) -> Decision {
    let words = Words::of(said);
    if words.text.is_empty() {
        if said.mentions_bot {
            hint(&mut draft, said, text::nothing_said());
            return draft.end(Outcome::Skipped);
        }
        return draft.end(Outcome::Ignored);
    }
    let is_reply_enough = said.files.is_empty() && is_content(&said.text, &said.mentions);
    let requester = draft.same(&ticket.requester, &said.author);
    let wants_more = match &ticket.status {
        Status::Closed { .. } => (requester || said.mentions_bot) && !is_reply_enough,
        Status::Cancelled { .. } => said.mentions_bot && !is_reply_enough,
        Status::New | Status::InProgress | Status::Pending { .. } | Status::Resolved { .. } => false,
    };
    if wants_more {
        let origin = origin_of(&said.place, &said.message);
        let opened = draft.open(&said.author, origin, &[words], Some(ticket));
        return draft.end(Outcome::Opened(opened.key));
    }
    let voice = match (requester, draft.rights(&said.author).agent) {
        (true, _) => Voice::Requester,
        (false, true) => Voice::Agent,
        (false, false) => Voice::Third,
    };
    draft.record(ticket, &said.author, voice, &words);
    let mut after = ticket.clone();
    after.active_at = after.active_at.max(said.at);
    match voice {
        Voice::Requester if matches!(ticket.status, Status::Resolved { .. }) && !is_reply_enough => {
            // A resolved ticket can be reopened, so this does not fail.
            let _ = after.reopen();
            let after = draft.put(ticket, after, "reopened by writing");
            draft.change(Change::ClearTimer { ticket: ticket.id, timer: TimerKind::AutoClose });
            draft.tell_requester(&after, text::reopened(&after), None, false);
        }
        Voice::Requester if matches!(ticket.status, Status::Pending { .. }) && !is_reply_enough => {
            after.go_on();
            draft.put(ticket, after, "went on");
        }
        Voice::Agent if ticket.answered_at.is_none() => {
            after.answered_at = Some(said.at);
            draft.touch(ticket, after, said.at);
        }
        Voice::Requester | Voice::Agent | Voice::Third | Voice::Note | Voice::Before => {
            draft.touch(ticket, after, said.at);
        }
    }
    draft.mirror(ticket, &said.author, &words, voice);
    draft.end(Outcome::Recorded(ticket.key.clone()))
}

/// Where no ticket is (yet).
fn elsewhere(mut draft: Draft<'_>, said: &Said) -> Decision {
    let facts = draft.facts;
    if !said.addresses_desk() && facts.opening.is_none() {
        return draft.end(Outcome::Ignored);
    }
    let words = Words::of(said);
    if words.text.is_empty() {
        if !said.addresses_desk() {
            return draft.end(Outcome::Ignored);
        }
        hint(&mut draft, said, text::nothing_said());
        keep(&mut draft, said);
        return draft.end(Outcome::Skipped);
    }
    if let Some(ticket) = facts.direct.as_ref().filter(|_| said.place.is_direct()) {
        // What comes right after a request may be another one: its author decides.
        let is_burst = facts.burst.as_ref().is_some_and(|burst| burst.id == ticket.id)
            && said.reply_to.is_none()
            && small_talk(&said.text, &said.mentions).is_none();
        return if is_burst { join(draft, said, &words, ticket) } else { on_ticket(draft, said, ticket) };
    }
    if let Some(ticket) = &facts.burst {
        return join(draft, said, &words, ticket);
    }
    if facts.rules.greeting_filter
        && said.files.is_empty()
        && let Some(kind) = small_talk(&said.text, &said.mentions)
    {
        if !said.addresses_desk() {
            return draft.end(Outcome::Ignored);
        }
        hint(&mut draft, said, text::small_talk(kind));
        keep(&mut draft, said);
        return draft.end(Outcome::Skipped);
    }
    let (origin, all) = with_opening(&mut draft, said, words);
    let ticket = draft.open(&said.author, origin, &all, None);
    if said.files.is_empty() && all.iter().all(|words| text::is_blank(&words.text)) {
        hint(&mut draft, said, text::nothing_to_see(&ticket));
    }
    if said.place.root().is_some() && facts.opening.is_none() {
        let read = EffectKind::ReadThread { place: said.place.clone(), before: said.message.clone() };
        draft.effect(Some(ticket.id), read);
    }
    draft.end(Outcome::Opened(ticket.key))
}

/// The author has just opened a ticket here: these words are part of it, and nothing that others say about them is.
fn join(mut draft: Draft<'_>, said: &Said, words: &Words, ticket: &Ticket) -> Decision {
    draft.join(ticket, said, words);
    let mut after = ticket.clone();
    if matches!(ticket.status, Status::Pending { .. }) {
        after.go_on();
        draft.put(ticket, after, "went on");
    } else {
        draft.touch(ticket, after, said.at);
    }
    draft.mirror(ticket, &said.author, words, Voice::Requester);
    draft.end(Outcome::Merged(ticket.key.clone()))
}

/// The words with those of the kept mention that they answer, and the place that both belong to.
fn with_opening(draft: &mut Draft<'_>, said: &Said, words: Words) -> (Place, Vec<Words>) {
    let Some(opening) = &draft.facts.opening else {
        return (origin_of(&said.place, &said.message), vec![words]);
    };
    draft.change(Change::Forget { message: opening.message.clone() });
    let first = Words::standing(opening.message.clone(), opening.at, opening.text.clone());
    (origin_of(&opening.place, &opening.message), vec![first, words])
}

fn keep(draft: &mut Draft<'_>, said: &Said) {
    draft.change(Change::Keep(Opening {
        message: said.message.clone(),
        place: said.place.clone(),
        author: said.author.clone(),
        at: said.at,
        text: said.text.clone(),
    }));
}

fn hint(draft: &mut Draft<'_>, said: &Said, message: Message) {
    let hint = EffectKind::Hint {
        to: said.author.who.clone(),
        place: said.place.clone(),
        reply_to: said.message.clone(),
        message,
    };
    draft.effect(None, hint);
}

fn refuse_words(mut draft: Draft<'_>, said: &Said, why: Message) -> Decision {
    let about = draft.facts.named.as_ref();
    draft.whisper(about, &said.author.who, Some(&said.place), None, why);
    draft.end(Outcome::Refused)
}

/// What the requester must hear: if it cannot be delivered, the desk is told.
pub(super) const NOTICE: Option<Awaited> = Some(Awaited::Notice);

/// When a ticket that was resolved at `at` is closed.
pub(super) fn close_at(facts: &Facts, at: Timestamp) -> Option<Timestamp> {
    let after: SignedDuration = facts.rules.auto_close?;
    at.checked_add(after).ok()
}
