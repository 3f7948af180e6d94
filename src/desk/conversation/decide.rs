//! Decides about the words of people: a new request, more words on a ticket, a note, or words that do not concern the
//! desk.

use jiff::{SignedDuration, Timestamp};

use super::text::{self, Joined};
use crate::desk::acts::{self, Actor};
use crate::desk::conversation::state::{Record, Side, SkippedMention, Voice};
use crate::desk::decision::{Change, Decision};
use crate::desk::drafts::decide::keep_values;
use crate::desk::hear::{ActData, Command, Desk, NewWords};
use crate::desk::plan::{Plan, Words, full_text, origin_of};
use crate::desk::tickets::state::{CancelReason, Status, Ticket};
use crate::desk::{help, knowledge, tickets};
use crate::domain::act::{ActRef, Args, Fault, Given, On, Spec, Value};
use crate::domain::audit::Did;
use crate::domain::effect::{Awaited, EffectKind, SilentAct, Undeliverable};
use crate::domain::event::{DedupeKey, DeliverySettled, DirectRequest, Said, TimerKind, Way};
use crate::domain::ids::{MessageRef, Person, PingId, Place};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::plain::one_line;
use crate::domain::small_talk::{is_satisfied, small_talk};
use crate::domain::subject::Subject;
use crate::domain::words;

/// Tells an agent what is missing or wrong in a command.
pub(in crate::desk) fn misspelt(desk: &Desk, said: &Said, spec: &'static Spec, faults: &[Fault]) -> Decision {
    refuse_words(
        Plan::by(desk, &said.author, Some(&said.place)),
        said,
        help::text::malformed(spec, faults, said.place.root().is_some()),
    )
}

/// Completes the decision about an edit that is treated like a posted message. The record gets the time of the edit,
/// because an earlier edit may arrive later.
pub(in crate::desk) fn posted_by_edit(mut decision: Decision, said: &Said, at: Timestamp) -> Decision {
    for change in &mut decision.changes {
        if let Change::Record(record) = change
            && record.message.as_ref() == Some(&said.message)
        {
            record.edited_at = Some(at);
        }
    }
    if said.addresses_desk() && decision.outcome != Outcome::Ignored {
        // The message is no longer only a ping: a later edit of it is not treated like a posted message again.
        decision.changes.push(Change::EndPingByEdit(PingId::of(&DedupeKey::message(&said.message))));
    }
    decision
}

/// Begins a request by a command or form, which nobody else reads. The request is answered in the direct conversation,
/// so this only queues the effect that opens that conversation. [`asked_directly`] decides about its result.
pub(in crate::desk) fn ask(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &ActData) -> Decision {
    let by = Person::new(actor.person.who.clone(), actor.person.name.clone());
    let about = Subject::Person(by.who.clone());
    let request = DirectRequest {
        by,
        words: args.text("text").to_owned(),
        at: plan.desk.now,
        near: actor.place.cloned(),
        via: actor.via.cloned(),
        passed_on: None,
    };
    plan.effect_about(about, SilentAct::OpenDirect { request: Box::new(request) }.into());
    plan.end(Outcome::Done(None))
}

/// Refuses a `/desk` command that the bot does not know. Its words are stored as the draft of a request, since people
/// try to ask for help this way.
pub(in crate::desk) fn unknown_command(mut plan: Plan<'_>, actor: &Actor<'_>, words: &str) -> Decision {
    let does = keep_request(&mut plan, actor.person, words);
    acts::answer(&mut plan, actor, text::unknown_command(does));
    plan.end(Outcome::Refused)
}

/// Stores words as the draft of a request. Returns the act for the button that opens the form with them.
fn keep_request(plan: &mut Plan<'_>, person: &Person, words: &str) -> ActRef {
    let given = Given::from([("text".to_owned(), Value::text(words))]);
    keep_values(plan, person, &ActRef::bare(tickets::acts::ASK.spec.act()), given)
}

/// Decides about the result of opening a direct conversation for a request: opens the ticket, or tells the person who
/// asked that the requester cannot be written to. `is_known`: the passed-on message already belongs to a ticket.
pub(in crate::desk) fn asked_directly(
    desk: &Desk,
    request: &DirectRequest,
    place: Result<&Place, Undeliverable>,
    is_known: bool,
) -> Decision {
    let actor = request.passed_on.as_ref().map_or(&request.by, |passed| &passed.by);
    let mut plan = Plan::by(desk, actor, place.ok());
    let (to, near, via) = (request.asker(), request.near.as_ref(), request.via.as_ref());
    let place = match place {
        Ok(place) => place,
        Err(why) => {
            let message = match &request.passed_on {
                Some(_) => text::no_direct_for_another(),
                None => text::no_direct(&request.words, why),
            };
            plan.whisper(None, to, near, via, message);
            return plan.end(Outcome::Refused);
        }
    };
    if is_known {
        plan.whisper(None, to, near, via, text::is_with_the_desk_already());
        return plan.end(Outcome::Done(None));
    }
    if let Some(passed) = &request.passed_on {
        // The words go on record as those of the message, so that the message is passed on only once.
        let words = Words::in_message(passed.message.clone(), request.at, request.words.clone());
        let ticket = plan.open(&request.by, place.clone(), &[words], None);
        if plan.same(&passed.by, &request.by) {
            plan.whisper(Some(&ticket), to, near, via, text::asked_directly(&ticket, &request.words));
        } else {
            plan.tell_requester_first(&ticket, text::passed_on_by_another(&ticket, &request.words));
            plan.whisper(Some(&ticket), to, near, via, text::is_passed_on(&ticket.key));
        }
        return plan.end(Outcome::Opened(ticket.key));
    }
    // No message holds these words.
    let near_message =
        MessageRef { tenant: place.tenant.clone(), channel: place.channel().to_owned(), id: String::new() };
    let words = Words::typed(near_message, request.at, request.words.clone());
    let ticket = plan.open(&request.by, place.clone(), &[words], None);
    plan.whisper(Some(&ticket), to, near, via, text::asked_directly(&ticket, &request.words));
    plan.end(Outcome::Opened(ticket.key))
}

/// Decides about an edit of a message that is on record.
pub(in crate::desk) fn reworded(desk: &Desk, said: &Said, record: &Record, ticket: &Ticket, at: Timestamp) -> Decision {
    let mut plan = Plan::by(desk, &said.author, Some(&said.place)).on(Some(ticket));
    let words = full_text(said);
    let is_outdated = record.edited_at.is_some_and(|newer| newer > at);
    if record.text == words || record.deleted_at.is_some() || is_outdated {
        return plan.end(Outcome::Ignored);
    }
    plan.change(Change::Rewrite { message: said.message.clone(), text: words.clone(), at });
    let key = ticket.key.clone();
    if makes_title(&plan, record, ticket) {
        // The new words are empty if, for example, the only file was removed. A later edit may add words again.
        let title = if words.is_empty() { tickets::text::deleted_title() } else { tickets::text::title(&words) };
        let after = Ticket { title, ..ticket.clone() };
        plan.update_with_audit(ticket, after, Did::WordsChanged);
    } else {
        plan.audit(ticket, Did::WordsChanged, Vec::new());
    }
    plan.refresh_mirrors(ticket, &said.message);
    plan.end(Outcome::Recorded(key))
}

/// Decides about a deleted message: its words are removed from the record.
pub(in crate::desk) fn deleted(
    desk: &Desk,
    message: &MessageRef,
    recorded: Option<(&Record, &Ticket)>,
    was_skipped: bool,
    at: Timestamp,
) -> Decision {
    let mut plan = Plan::of(desk).on(recorded.map(|(_, ticket)| ticket));
    if was_skipped {
        plan.change(Change::DeleteSkipped { message: message.clone() });
    }
    match recorded {
        None => plan.end(if was_skipped { Outcome::Done(None) } else { Outcome::Ignored }),
        Some((record, _)) if record.deleted_at.is_some() => plan.end(Outcome::Ignored),
        Some((record, ticket)) => erased(plan, record, ticket, message, at),
    }
}

/// Whether the ticket's title was taken from this message: an edit or deletion then changes the title too. If the
/// ticket stores no message as the source of its title (`titled_by`), the message counts as the source if the requester
/// wrote it and its words give the same title.
fn makes_title(plan: &Plan<'_>, record: &Record, ticket: &Ticket) -> bool {
    match &ticket.titled_by {
        Some(message) => record.message.as_ref() == Some(message),
        None => {
            plan.same(&record.author, &ticket.requester)
                && tickets::text::title(&record.text) == one_line(&ticket.title)
        }
    }
}

/// Completes the decision about a deleted message: its words are removed from the record, and from the title if the
/// title was taken from them.
fn erased(mut plan: Plan<'_>, record: &Record, ticket: &Ticket, message: &MessageRef, at: Timestamp) -> Decision {
    plan.change(Change::Erase { message: message.clone(), at });
    if makes_title(&plan, record, ticket) {
        let after = Ticket { title: tickets::text::deleted_title(), ..ticket.clone() };
        plan.update_with_audit(ticket, after, Did::WordsDeleted);
    } else {
        plan.audit(ticket, Did::WordsDeleted, Vec::new());
    }
    plan.refresh_mirrors(ticket, message);
    plan.end(Outcome::Recorded(ticket.key.clone()))
}

/// Decides about a command in words.
pub(in crate::desk) fn commanded(desk: &Desk, said: &Said, command: &Command) -> Decision {
    let Command { meaning, on, home, data } = command;
    let spec = &meaning.act.spec;
    let in_thread = home.as_ref().filter(|(_, side)| *side == Side::Request).map(|(ticket, _)| ticket.id);
    let in_direct = on.as_ref().filter(|ticket| said.place.is_direct() && ticket.origin == said.place);
    let thread_ticket = in_thread.or(in_direct.map(|ticket| ticket.id));
    let mut plan = Plan::by(desk, &said.author, Some(&said.place)).on(on.as_ref()).thread_ticket(thread_ticket);
    if spec.name == help::acts::HELP.spec.name {
        let agent = plan.is_agent(&said.author);
        hint(&mut plan, said, help::text::help(agent));
        if home.is_none() {
            keep(&mut plan, said);
        }
        return plan.end(Outcome::Done(None));
    }
    let actor = |wants_answer| Actor {
        person: &said.author,
        place: Some(&said.place),
        via: None,
        wants_answer,
        in_private: false,
        is_form: false,
        filled_in: None,
        way: Way::Command,
        at: None,
        typed: "",
    };
    if spec.on == On::Nothing {
        return acts::perform(plan, &actor(true), meaning, data, said.at);
    }
    let carries_words = spec.takes_words();
    if carries_words
        && !plan.is_agent(&said.author)
        && let Some((home, Side::Request)) = home
        && meaning.target.key.as_ref().is_some_and(|named| *named != home.key)
    {
        // On the requester's side of a ticket, a person who is no agent names another ticket: the text counts as words
        // on the ticket of the place.
        return on_ticket(plan, said, home);
    }
    let Some(ticket) = on.as_ref().filter(|ticket| plan.may_know(&said.author, ticket)) else {
        let unknown = meaning.target.key.as_ref().map_or_else(help::text::which_ticket, help::text::unknown_ticket);
        return refuse_words(plan, said, unknown);
    };
    if carries_words
        && let Some((home, _)) = home
        && home.id != ticket.id
        && let Some(named) = &meaning.target.key
    {
        // "resolve IT-7 is the same" under IT-8 may mean either ticket, and words must not go to the wrong one.
        return refuse_words(plan, said, text::names_another(&home.key, named));
    }
    let own_thread = thread_ticket == Some(ticket.id);
    // In the request's own thread, the bot reports the act (`is_told`), so its actor needs no other answer.
    let shows = own_thread && spec.is_told;
    if carries_words && own_thread && !plan.is_agent(&said.author) {
        return not_allowed(desk, said, Some(ticket));
    }
    acts::perform(plan, &actor(!shows), meaning, data, said.at)
}

/// Decides about a command for agents from somebody without the right to it. The person is told so. If the place tells
/// which ticket is meant, the text goes on its record as words. It is meant as a command, so it reopens nothing.
pub(in crate::desk) fn not_allowed(desk: &Desk, said: &Said, ticket: Option<&Ticket>) -> Decision {
    let mut plan = Plan::by(desk, &said.author, Some(&said.place)).on(ticket);
    let Some(ticket) = ticket else {
        return refuse_words(plan, said, tickets::text::agents_only(None, false));
    };
    plan = plan.thread_ticket(Some(ticket.id));
    let requester = plan.same(&ticket.requester, &said.author);
    let why = text::is_for_the_desk(ticket, requester);
    plan.whisper(Some(ticket), &said.author.who, Some(&said.place), None, why);
    recorded_on(plan, said, ticket, true)
}

/// Asks which ticket is meant by a command that names none. It may be one of the author's `open` tickets.
pub(in crate::desk) fn which_ticket(desk: &Desk, said: &Said, spec: &Spec, open: &[Ticket]) -> Decision {
    let plan = Plan::by(desk, &said.author, Some(&said.place));
    refuse_words(plan, said, text::which_one(spec, open, said.place.is_direct()))
}

/// Decides about words under a card: a note for the desk.
pub(in crate::desk) fn note(desk: &Desk, said: &Said, ticket: &Ticket) -> Decision {
    let mut plan = Plan::by(desk, &said.author, Some(&said.place));
    let words = Words::of(said);
    if words.text.is_empty() {
        return plan.end(Outcome::Ignored);
    }
    if !plan.is_agent(&said.author) {
        return refuse_words(plan, said, text::notes_are_for_agents());
    }
    plan.record(ticket, &said.author, Voice::Note, &words);
    plan.update_activity(ticket, ticket.clone(), said.at);
    plan.mirror(ticket, Some(&said.place), &said.author, &words, Voice::Note);
    plan.end(Outcome::Recorded(ticket.key.clone()))
}

/// Decides about words on the requester's side of a ticket.
pub(in crate::desk) fn on_ticket(mut plan: Plan<'_>, said: &Said, ticket: &Ticket) -> Decision {
    if Words::of(said).text.is_empty() {
        if said.mentions_bot {
            hint(&mut plan, said, text::nothing_said());
            return plan.end(Outcome::Skipped);
        }
        return plan.end(Outcome::Ignored);
    }
    // Thanks, for example, ask for nothing more.
    let is_reply_enough = said.files.is_empty() && is_satisfied(&said.text, &said.mentions);
    recorded_on(plan, said, ticket, is_reply_enough)
}

/// Decides about words that are not empty, on the requester's side of a ticket. `is_reply_enough`: they ask for nothing
/// more, so they change no status.
fn recorded_on(mut plan: Plan<'_>, said: &Said, ticket: &Ticket, is_reply_enough: bool) -> Decision {
    let words = Words::of(said);
    let requester = plan.same(&ticket.requester, &said.author);
    let wants_more = match &ticket.status {
        Status::Closed { .. } => (requester || said.mentions_bot) && !is_reply_enough,
        Status::Cancelled { .. } if requester && is_reopened_by_words(ticket) => false,
        Status::Cancelled { .. } => said.mentions_bot && !is_reply_enough,
        Status::New | Status::InProgress | Status::Pending { .. } | Status::Resolved { .. } => false,
    };
    if wants_more {
        let origin = origin_of(&said.place, &said.message);
        let opened = plan.open(&said.author, origin, &[words], Some(ticket));
        return plan.end(Outcome::Opened(opened.key));
    }
    let voice = match (requester, plan.is_agent(&said.author)) {
        (true, _) => Voice::Requester,
        (false, true) => Voice::Agent,
        (false, false) => Voice::Third,
    };
    plan.record(ticket, &said.author, voice, &words);
    let mut after = ticket.clone();
    after.active_at = after.active_at.max(said.at);
    match voice {
        Voice::Requester if is_reopened_by_words(ticket) && !is_reply_enough => {
            // This does not fail: such a ticket can be reopened.
            let _ = after.reopen();
            let after = plan.update_with_audit(ticket, after, Did::ReopenedByWriting);
            plan.change(Change::ClearTimer { on: ticket.id.into(), kind: TimerKind::AutoClose, slot: 0 });
            plan.tell_requester(&after, tickets::text::reopened(&after), NOTICE);
        }
        Voice::Requester if matches!(ticket.status, Status::Pending { .. }) && !is_reply_enough => {
            after.go_on();
            plan.update_with_audit(ticket, after, Did::WentOn);
        }
        Voice::Agent if ticket.answered_at.is_none() => {
            after.answered_at = Some(said.at);
            plan.update_activity(ticket, after, said.at);
        }
        Voice::Requester | Voice::Agent | Voice::Third | Voice::Note | Voice::Before => {
            // Thanks or a refused command on a cancelled ticket do not count as activity, so that the words after them
            // are still answered as the first ones after the cancellation (see below).
            let is_thanks = is_reply_enough && matches!(ticket.status, Status::Cancelled { .. });
            plan.update_activity(ticket, after, if is_thanks { ticket.active_at } else { said.at });
        }
    }
    if voice == Voice::Requester {
        knowledge::decide::escalate(&mut plan, ticket);
    }
    if said.mentions_bot && voice == Voice::Third && !is_reply_enough {
        let ask = keep_request(&mut plan, &said.author, &words.text);
        let told = text::added_for_another(ticket, ask);
        plan.whisper(Some(ticket), &said.author.who, Some(&said.place), None, told);
    } else if (said.mentions_bot || said.place.is_direct()) && voice != Voice::Agent {
        plan.sign_as_joined(ticket, said);
    }
    // Only the first words after the cancellation are answered: people may go on talking in the thread.
    if voice == Voice::Requester
        && !is_reply_enough
        && let Status::Cancelled { at, .. } = &ticket.status
        && ticket.status.can_be_reopened()
        && !is_reopened_by_words(ticket)
        && ticket.active_at <= *at
    {
        let why = tickets::text::is_cancelled(ticket);
        plan.whisper(Some(ticket), &said.author.who, Some(&said.place), None, why);
    }
    plan.mirror(ticket, None, &said.author, &words, voice);
    plan.end(Outcome::Recorded(ticket.key.clone()))
}

/// Whether words of the requester reopen the ticket: it is resolved, or an agent saw no request in it.
const fn is_reopened_by_words(ticket: &Ticket) -> bool {
    matches!(ticket.status, Status::Resolved { .. } | Status::Cancelled { why: CancelReason::NotARequest, .. })
}

/// Decides about words to the desk in a place that belongs to no ticket.
pub(in crate::desk) fn new_words(desk: &Desk, said: &Said, new: &NewWords) -> Decision {
    let mut plan = Plan::by(desk, &said.author, Some(&said.place));
    let words = Words::of(said);
    if words.text.is_empty() {
        if !said.addresses_desk() {
            return plan.end(Outcome::Ignored);
        }
        hint(&mut plan, said, text::nothing_said());
        keep(&mut plan, said);
        return plan.end(Outcome::Skipped);
    }
    if let Some(ticket) = &new.direct {
        // Words right after a request, or some time after the last word about it, may be another request, so they are
        // joined: their author can then separate them. If several tickets of the conversation are open, the time is the
        // window of a burst, else `LULL`.
        let is_burst = new.burst.as_ref().is_some_and(|burst| burst.id == ticket.id);
        let lull_since = said.at.checked_sub(LULL).unwrap_or(Timestamp::MIN);
        let quiet_since = if new.is_one_of_several { desk.rules.burst_since(said.at) } else { lull_since };
        let is_later = ticket.status.is_open() && ticket.active_at < quiet_since;
        let may_be_another = said.reply_to.is_none() && small_talk(&said.text, &said.mentions).is_none();
        return match may_be_another {
            true if is_burst => join(plan, said, &words, ticket, Joined::Burst),
            true if is_later => join(plan, said, &words, ticket, Joined::Later),
            _ => on_ticket(plan, said, ticket),
        };
    }
    if let Some(ticket) = &new.burst {
        return join(plan, said, &words, ticket, Joined::Burst);
    }
    if desk.rules.intake.greeting_filter
        && said.files.is_empty()
        && let Some(kind) = small_talk(&said.text, &said.mentions)
    {
        if !said.addresses_desk() {
            return plan.end(Outcome::Ignored);
        }
        hint(&mut plan, said, text::small_talk(kind, said.place.is_direct()));
        keep(&mut plan, said);
        return plan.end(Outcome::Skipped);
    }
    let (origin, all) = with_skipped(&mut plan, said, words, new.skipped.as_ref());
    let ticket = plan.open(&said.author, origin, &all, None);
    if said.files.is_empty() && all.iter().all(|words| words::is_blank(&words.text)) {
        hint(&mut plan, said, text::nothing_to_see(&ticket));
    }
    if said.place.root().is_some() && new.skipped.is_none() {
        let read = SilentAct::ReadThread { place: said.place.clone(), before: said.message.clone() };
        plan.effect(Some(ticket.id), read);
    }
    plan.end(Outcome::Opened(ticket.key))
}

/// After this long without activity on the only open ticket of a direct conversation, words there may be about
/// something else.
const LULL: SignedDuration = SignedDuration::from_mins(10);

/// Joins words to a ticket that their author has opened in this place. In a channel, answers to these words do not
/// belong to the ticket.
fn join(mut plan: Plan<'_>, said: &Said, words: &Words, ticket: &Ticket, why: Joined) -> Decision {
    plan.join(ticket, said, words, why);
    let mut after = ticket.clone();
    if matches!(ticket.status, Status::Pending { .. }) {
        after.go_on();
        plan.update_with_audit(ticket, after, Did::WentOn);
    } else {
        plan.update_activity(ticket, after, said.at);
    }
    knowledge::decide::escalate(&mut plan, ticket);
    plan.mirror(ticket, None, &said.author, words, Voice::Requester);
    plan.end(Outcome::Merged(ticket.key.clone()))
}

/// Returns the place where words are answered, and the words. Words that continue a skipped mention come after the
/// words of that mention, and are answered under it.
fn with_skipped(
    plan: &mut Plan<'_>,
    said: &Said,
    words: Words,
    skipped: Option<&SkippedMention>,
) -> (Place, Vec<Words>) {
    let Some(skipped) = skipped else {
        return (origin_of(&said.place, &said.message), vec![words]);
    };
    plan.change(Change::DeleteSkipped { message: skipped.message.clone() });
    let first = Words::in_message(skipped.message.clone(), skipped.at, skipped.text.clone());
    (origin_of(&skipped.place, &skipped.message), vec![first, words])
}

/// Stores a mention that opened no ticket, since further words may continue it.
fn keep(plan: &mut Plan<'_>, said: &Said) {
    plan.change(Change::StoreSkipped(SkippedMention {
        message: said.message.clone(),
        place: said.place.clone(),
        author: said.author.clone(),
        at: said.at,
        text: said.text.clone(),
    }));
}

fn hint(plan: &mut Plan<'_>, said: &Said, message: Message) {
    let hint = EffectKind::Hint {
        to: said.author.who.clone(),
        place: said.place.clone(),
        reply_to: said.message.clone(),
        message,
    };
    plan.effect(None, hint);
}

fn refuse_words(mut plan: Plan<'_>, said: &Said, why: Message) -> Decision {
    let about = plan.on;
    plan.whisper(about, &said.author.who, Some(&said.place), None, why);
    plan.end(Outcome::Refused)
}

/// The `awaited` of a message that the requester must get: if it cannot be delivered, the desk is told.
pub(in crate::desk) const NOTICE: Option<Awaited> = Some(Awaited::Notice);

/// Decides about the end of an awaited delivery.
pub(in crate::desk) fn delivered(desk: &Desk, settled: &DeliverySettled, ticket: &Ticket) -> Decision {
    let mut plan = match &settled.awaited {
        Awaited::Reply { by, .. } => Plan::by(desk, by, None),
        Awaited::Notice => Plan::of(desk),
    };
    match (&settled.awaited, &settled.result) {
        (Awaited::Notice, Ok(_)) => return plan.end(Outcome::Ignored),
        (Awaited::Notice, Err(reason)) => {
            plan.audit(ticket, Did::NotTold, Vec::new());
            plan.under_cards(ticket, None, |_| text::not_delivered(ticket, *reason, None));
        }
        (Awaited::Reply { by, text: words }, Ok(message)) => {
            let said = Words::in_message(message.clone(), desk.now, words.clone());
            plan.record(ticket, by, Voice::Agent, &said);
            let mut after = ticket.clone();
            after.answered_at = after.answered_at.or(Some(desk.now));
            plan.update_activity(ticket, after, desk.now);
            plan.audit(ticket, Did::Replied, Vec::new());
            plan.under_cards(ticket, None, |_| text::reply_sent(by, &ticket.requester, words));
        }
        (Awaited::Reply { by, text: words }, Err(reason)) => {
            let said = Words::typed(ticket.origin_message.clone(), desk.now, words.clone());
            plan.record(ticket, by, Voice::Note, &said);
            plan.audit(ticket, Did::ReplyNotDelivered, Vec::new());
            plan.under_cards(ticket, None, |_| text::not_delivered(ticket, *reason, Some(words)));
            let near = desk.rules.triage.iter().find(|channel| channel.platform() == by.who.platform);
            plan.whisper(Some(ticket), &by.who, near, None, text::not_delivered(ticket, *reason, Some(words)));
        }
    }
    plan.end(Outcome::Recorded(ticket.key.clone()))
}

/// Decides about the messages of a thread from before it became a request: they go on record.
pub(in crate::desk) fn thread_read(desk: &Desk, ticket: &Ticket, messages: &[Said], truncated: bool) -> Decision {
    let mut plan = Plan::of(desk);
    let worth: Vec<&Said> = messages.iter().filter(|said| !full_text(said).is_empty()).collect();
    if worth.is_empty() {
        return plan.end(Outcome::Ignored);
    }
    for said in &worth {
        plan.record(ticket, &said.author, Voice::Before, &Words::of(said));
    }
    plan.audit(ticket, Did::ThreadReadBack, Vec::new());
    plan.under_cards(ticket, None, |_| text::read_back(worth.len(), truncated));
    plan.end(Outcome::Recorded(ticket.key.clone()))
}
