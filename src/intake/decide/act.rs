//! What people do with a ticket, by button, form or command: one place for rights, refusals and what follows.

use jiff::Timestamp;

use super::draft::{Draft, Words};
use super::message::{NOTICE, close_at};
use crate::domain::action::Action;
use crate::domain::command::{Parsed, Verb};
use crate::domain::decision::{Change, Decision, Outcome};
use crate::domain::effect::{Awaited, Destination, EffectKind, Lane, Sign};
use crate::domain::event::{ActionTaken, Choice, CommandGiven, FormSubmitted, ReplyHandle, TimerKind};
use crate::domain::form::FormKind;
use crate::domain::ids::{Conversation, Person, Place};
use crate::domain::message::Message;
use crate::domain::priority::Priority;
use crate::domain::record::{Record, Voice};
use crate::domain::text;
use crate::domain::ticket::{CancelReason, Refusal, Status, Ticket};
use crate::intake::facts::Facts;

/// Who acts, from where, and how they are answered.
pub(super) struct Actor<'a> {
    pub(super) person: &'a Person,
    pub(super) place: Option<&'a Place>,
    pub(super) via: Option<&'a ReplyHandle>,
    /// Whether a success must be answered too (a command waits for words; a button shows by its card).
    pub(super) wants_answer: bool,
}

/// What is done.
pub(super) enum Deed {
    Show,
    Menu,
    Claim,
    Assign(Person),
    Release,
    Wait(String),
    Resolve(String),
    Reopen,
    Cancel,
    NotARequest,
    Prioritise(Priority),
    Reply(String),
    Add(String),
}

impl From<Verb> for Deed {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Help | Verb::Show => Self::Show,
            Verb::Claim => Self::Claim,
            Verb::Assign(person) => Self::Assign(person),
            Verb::Release => Self::Release,
            Verb::Pending(reason) => Self::Wait(reason),
            Verb::Resolve(resolution) => Self::Resolve(resolution),
            Verb::Reopen => Self::Reopen,
            Verb::Cancel => Self::Cancel,
            Verb::Priority(priority) => Self::Prioritise(priority),
            Verb::Reply(words) => Self::Reply(words),
        }
    }
}

/// Somebody used a button or a menu.
pub(super) fn button(facts: &Facts, taken: &ActionTaken) -> Decision {
    let draft = Draft::new(facts, Some(&taken.actor), Some(&taken.place));
    // A choice from a menu shows nothing by itself, so it is answered.
    let wants_answer = taken.choice.is_some() || does_release(taken);
    let actor = Actor { person: &taken.actor, place: Some(&taken.place), via: Some(&taken.reply), wants_answer };
    let Some(does) = &taken.does else { return refuse(draft, &actor, text::unknown_button()) };
    let Some(ticket) = known(&draft, &actor) else { return refuse(draft, &actor, text::unknown_subject()) };
    let deed = match (does.action, &taken.choice) {
        (Action::Take, _) => Deed::Claim,
        (Action::Release, _) => Deed::Release,
        (Action::Cancel, _) => Deed::Cancel,
        (Action::NotARequest, _) => Deed::NotARequest,
        (Action::Reopen | Action::AskAgain, _) => Deed::Reopen,
        (Action::Show, _) => Deed::Show,
        (Action::More | Action::DeskMenu, _) => Deed::Menu,
        (Action::Assign, Some(Choice::Person(person))) => Deed::Assign(person.clone()),
        (Action::SetPriority, Some(Choice::Value(value))) => match value.parse() {
            Ok(priority) => Deed::Prioritise(priority),
            Err(_) => return refuse(draft, &actor, text::unknown_button()),
        },
        (Action::BelongsTo, _) => {
            return match facts.chosen.as_ref().filter(|other| draft.may_know(actor.person, other)) {
                Some(other) => belongs(draft, &actor, ticket, other),
                None => refuse(draft, &actor, text::unknown_subject()),
            };
        }
        (Action::OwnRequest, _) => return part(draft, &actor, ticket),
        // These open forms: a press arrives here only where the platform could not open one.
        (
            Action::AddDetails
            | Action::NewRequest
            | Action::Reply
            | Action::Pending
            | Action::Resolve
            | Action::Assign
            | Action::SetPriority,
            _,
        ) => return refuse(draft, &actor, text::unknown_button()),
    };
    carry_out(draft, &actor, ticket, deed)
}

fn does_release(taken: &ActionTaken) -> bool {
    taken.does.as_ref().is_some_and(|does| does.action == Action::Release)
}

/// Somebody sent a form.
pub(super) fn form(facts: &Facts, sent: &FormSubmitted, at: Timestamp) -> Decision {
    let mut draft = Draft::new(facts, Some(&sent.actor), sent.place.as_ref());
    let actor = Actor { person: &sent.actor, place: sent.place.as_ref(), via: Some(&sent.reply), wants_answer: false };
    let Some(form) = &sent.form else { return refuse(draft, &actor, text::unknown_button()) };
    let Some(ticket) = known(&draft, &actor) else { return refuse(draft, &actor, text::unknown_subject()) };
    let words = sent.values.get("text").map(|text| text.trim().to_owned()).unwrap_or_default();
    if words.is_empty() && form.kind != FormKind::Pending {
        return refuse(draft, &actor, text::empty_field());
    }
    match form.kind {
        FormKind::Details => carry_out(draft, &actor, ticket, Deed::Add(words)),
        FormKind::Reply => carry_out(draft, &actor, ticket, Deed::Reply(words)),
        FormKind::Pending => carry_out(draft, &actor, ticket, Deed::Wait(words)),
        FormKind::Resolve => carry_out(draft, &actor, ticket, Deed::Resolve(words)),
        FormKind::NewRequest => {
            if !draft.same(&ticket.requester, actor.person) || !ticket.is_private() {
                return refuse(draft, &actor, text::requester_only(ticket));
            }
            let words = Words::given(ticket.origin_message.clone(), at, words);
            let opened = draft.open(actor.person, ticket.origin.clone(), &[words], None);
            draft.end(Outcome::Opened(opened.key))
        }
    }
}

/// Somebody gave a command.
pub(super) fn command(facts: &Facts, given: &CommandGiven) -> Decision {
    let mut draft = Draft::new(facts, Some(&given.actor), Some(&given.place));
    let actor = Actor { person: &given.actor, place: Some(&given.place), via: Some(&given.reply), wants_answer: true };
    let command = match given.read(&facts.rules.key_prefix) {
        Parsed::Command(command) => command,
        Parsed::Malformed(usage) => return refuse(draft, &actor, text::malformed(usage)),
        Parsed::Words if given.is_bare() => {
            let agent = draft.rights(actor.person).agent;
            answer(&mut draft, &actor, text::help(agent));
            return draft.end(Outcome::Done(None));
        }
        Parsed::Words => return refuse(draft, &actor, text::unknown_command()),
    };
    if command.verb == Verb::Help {
        let agent = draft.rights(actor.person).agent;
        answer(&mut draft, &actor, text::help(agent));
        return draft.end(Outcome::Done(None));
    }
    match (known(&draft, &actor), &command.ticket) {
        (Some(ticket), _) => carry_out(draft, &actor, ticket, Deed::from(command.verb)),
        (None, Some(key)) => refuse(draft, &actor, text::unknown_ticket(key)),
        (None, None) => refuse(draft, &actor, text::which_ticket()),
    }
}

/// The ticket that is meant, if this person may know of it: whichever way somebody acts, this comes first.
fn known<'f>(draft: &Draft<'f>, actor: &Actor<'_>) -> Option<&'f Ticket> {
    draft.facts.named.as_ref().filter(|ticket| draft.may_know(actor.person, ticket))
}

/// Does it, if this person may, and the ticket lets it be done.
pub(super) fn carry_out(mut draft: Draft<'_>, actor: &Actor<'_>, ticket: &Ticket, deed: Deed) -> Decision {
    let rights = draft.rights(actor.person);
    let requester = draft.same(&ticket.requester, actor.person);
    if !rights.agent {
        match &deed {
            Deed::Show | Deed::Cancel | Deed::Reopen | Deed::Add(_) if !requester => {
                return refuse(draft, actor, text::requester_only(ticket));
            }
            Deed::Show | Deed::Cancel | Deed::Reopen | Deed::Add(_) => {}
            Deed::Menu
            | Deed::Claim
            | Deed::Assign(_)
            | Deed::Release
            | Deed::Wait(_)
            | Deed::Resolve(_)
            | Deed::NotARequest
            | Deed::Prioritise(_)
            | Deed::Reply(_) => return refuse(draft, actor, text::agents_only(Some(ticket), requester)),
        }
    }
    match attempt(&mut draft, actor, ticket, deed, requester) {
        Ok(after) => {
            if actor.wants_answer
                && let Some(after) = after
            {
                answer(&mut draft, actor, text::done(&after));
            }
            draft.end(Outcome::Done(Some(ticket.key.clone())))
        }
        Err(No::Ticket(refusal)) => {
            let why = refused(&draft, actor, ticket, requester, &refusal);
            refuse(draft, actor, why)
        }
        Err(No::Say(why)) => refuse(draft, actor, why),
    }
}

/// Why it was not done.
enum No {
    /// The ticket does not let it be done.
    Ticket(Refusal),
    /// For another reason, told in these words.
    Say(Message),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Ticket(refusal)
    }
}

/// Does it. Returns the changed ticket where a command is to be answered with it.
fn attempt(
    draft: &mut Draft<'_>,
    actor: &Actor<'_>,
    ticket: &Ticket,
    deed: Deed,
    requester: bool,
) -> Result<Option<Ticket>, No> {
    let facts = draft.facts;
    let now = facts.now;
    let person = actor.person;
    let mut after = ticket.clone();
    match deed {
        Deed::Show => {
            let whole = draft.rights(person).agent;
            answer(draft, actor, text::show(ticket, &facts.records, &facts.audit, whole, now));
            Ok(None)
        }
        Deed::Menu => {
            answer(draft, actor, text::menu(ticket));
            Ok(None)
        }
        Deed::Claim => {
            after.take(person, |one, other| facts.roster.same(&one.who, &other.who))?;
            let after = draft.put(ticket, after, "claimed");
            draft.tell_requester(&after, text::taken(person), NOTICE, false);
            Ok(Some(after))
        }
        Deed::Assign(to) => {
            if !draft.rights(&to).agent {
                return Err(No::Say(text::not_an_agent(&to)));
            }
            after.assign(&to)?;
            let after = draft.put(ticket, after, "assigned");
            draft.tell_requester(&after, text::given_to(&to), NOTICE, false);
            tell_assignee(draft, &after, person);
            Ok(Some(after))
        }
        Deed::Release => {
            after.release()?;
            let after = draft.put(ticket, after, "released");
            Ok(Some(after))
        }
        Deed::Wait(reason) => {
            after.wait(&reason)?;
            let after = draft.put(ticket, after, "set to pending");
            draft.tell_requester(&after, text::waits(&after, &reason), NOTICE, false);
            Ok(Some(after))
        }
        Deed::Resolve(resolution) => {
            after.resolve(now, person, &resolution)?;
            after.answered_at = after.answered_at.or(Some(now));
            let after = draft.put(ticket, after, "resolved");
            if let Some(due) = close_at(facts, now) {
                draft.change(Change::SetTimer { ticket: ticket.id, timer: TimerKind::AutoClose, due });
            }
            draft.tell_requester(&after, text::resolved(&after, &resolution), NOTICE, false);
            Ok(Some(after))
        }
        Deed::Reopen => {
            after.reopen()?;
            let after = draft.put(ticket, after, "reopened");
            draft.change(Change::ClearTimer { ticket: ticket.id, timer: TimerKind::AutoClose });
            draft.tell_requester(&after, text::reopened(&after), NOTICE, false);
            if requester {
                draft.under_cards(&after, None, None, |_| text::happened(person, "needs it after all."));
            }
            Ok(Some(after))
        }
        Deed::Cancel if requester => {
            after.cancel(now, person, CancelReason::TakenBack)?;
            let after = draft.put(ticket, after, "cancelled");
            draft.tell_requester(&after, text::cancelled(&after), None, false);
            Ok(Some(after))
        }
        Deed::Cancel | Deed::NotARequest => {
            after.cancel(now, person, CancelReason::NotARequest)?;
            let after = draft.put(ticket, after, "found to be no request");
            draft.tell_requester(&after, text::no_request(&after), NOTICE, false);
            Ok(Some(after))
        }
        Deed::Prioritise(priority) => {
            if !ticket.status.is_open() {
                return Err(Refusal::NotNow.into());
            }
            after.priority = priority;
            let after = draft.put(ticket, after, "prioritised");
            Ok(Some(after))
        }
        Deed::Reply(words) => {
            if matches!(ticket.status, Status::Cancelled { why: CancelReason::Merged, .. }) {
                return Err(Refusal::NotNow.into());
            }
            let reply = EffectKind::Post {
                to: Destination::Place(ticket.origin.clone()),
                message: text::reply(person, &words),
                mirrors: Vec::new(),
                awaited: Some(Awaited::Reply { by: Person::new(person.who.clone(), person.name.clone()), text: words }),
                thread_title: None,
                urgency: Lane::Answer,
            };
            draft.effect(Some(ticket.id), reply);
            if actor.wants_answer {
                answer(draft, actor, text::reply_on_its_way(ticket));
            }
            Ok(None)
        }
        Deed::Add(words) => {
            if !matches!(
                ticket.status,
                Status::New | Status::InProgress | Status::Pending { .. } | Status::Resolved { .. }
            ) {
                return Err(Refusal::NotNow.into());
            }
            let voice = if requester { Voice::Requester } else { Voice::Note };
            let words = Words::given(ticket.origin_message.clone(), now, words);
            draft.record(ticket, person, voice, &words);
            if requester && matches!(ticket.status, Status::Resolved { .. }) {
                after.reopen()?;
                let after = draft.put(ticket, after, "reopened by writing");
                draft.change(Change::ClearTimer { ticket: ticket.id, timer: TimerKind::AutoClose });
                draft.tell_requester(&after, text::reopened(&after), NOTICE, false);
            } else if requester && matches!(ticket.status, Status::Pending { .. }) {
                after.go_on();
                draft.put(ticket, after, "went on");
            } else {
                draft.touch(ticket, after, now);
            }
            draft.audit(ticket, "details added", Vec::new());
            draft.mirror(ticket, person, &words, voice);
            answer(draft, actor, text::details_added(ticket));
            Ok(None)
        }
    }
}

/// The requester says that one direct request is part of another.
fn belongs(mut draft: Draft<'_>, actor: &Actor<'_>, ticket: &Ticket, other: &Ticket) -> Decision {
    let facts = draft.facts;
    let owns = |ticket: &Ticket| facts.roster.same(&ticket.requester.who, &actor.person.who);
    if !owns(ticket) || !owns(other) {
        return refuse(draft, actor, text::requester_only(if owns(ticket) { other } else { ticket }));
    }
    // What was said in private stays there: only private requests can be joined to one another.
    if ticket.id == other.id || !other.status.is_open() || ticket.is_private() != other.is_private() {
        let why = text::not_now(other, true, |person| facts.roster.same(&person.who, &actor.person.who), facts.now);
        return refuse(draft, actor, why);
    }
    let mut after = ticket.clone();
    if let Err(refusal) = after.cancel(facts.now, actor.person, CancelReason::Merged) {
        let why = refused(&draft, actor, ticket, true, &refusal);
        return refuse(draft, actor, why);
    }
    after.merged_into = Some(other.key.clone());
    draft.put(ticket, after, "joined to another");
    draft.change(Change::Move { from: ticket.id, to: other.id });
    draft.touch(other, other.clone(), facts.now);
    draft.under_cards(other, None, None, |_| {
        text::happened(actor.person, &format!("says that {} is part of this: press More…, then Show.", ticket.key))
    });
    answer(&mut draft, actor, text::belongs(&other.key));
    draft.end(Outcome::Done(Some(other.key.clone())))
}

/// The requester says that what was joined to their request is one of its own.
fn part(mut draft: Draft<'_>, actor: &Actor<'_>, ticket: &Ticket) -> Decision {
    let facts = draft.facts;
    if !draft.same(&ticket.requester, actor.person) {
        return refuse(draft, actor, text::requester_only(ticket));
    }
    let is_joined = |record: &&Record| record.joined && record.deleted_at.is_none();
    let Some((record, message)) =
        facts.record.as_ref().filter(is_joined).and_then(|record| Some((record, record.message.as_ref()?)))
    else {
        return refuse(draft, actor, text::no_longer_joined(ticket));
    };
    let channel =
        Place { tenant: message.tenant.clone(), at: Conversation::Channel { channel: message.channel.clone() } };
    let origin = if ticket.is_private() { ticket.origin.clone() } else { channel.thread(&message.id) };
    let words = Words { is_joined: true, ..Words::standing(message.clone(), record.at, record.text.clone()) };
    if facts.chosen.is_some() {
        return refuse(draft, actor, text::thread_is_taken());
    }
    let opened = draft.open(&record.author, origin, &[words], None);
    draft.audit(ticket, "message made a request of its own", Vec::new());
    // What follows in a direct conversation is about the new one.
    draft.touch(ticket, ticket.clone(), ticket.active_at);
    draft.refresh_mirrors(ticket, message);
    draft.effect(Some(opened.id), EffectKind::React { message: message.clone(), sign: Sign::Joined, is_on: false });
    draft.whisper(Some(&opened), &actor.person.who, actor.place, actor.via, text::of_its_own(ticket, &opened));
    draft.end(Outcome::Opened(opened.key))
}

/// An agent who was given a ticket by somebody else hears of it under the card.
fn tell_assignee(draft: &mut Draft<'_>, ticket: &Ticket, by: &Person) {
    let facts = draft.facts;
    let Some(agent) = ticket.assignee.as_ref().filter(|agent| !facts.roster.same(&agent.who, &by.who)) else { return };
    draft.under_cards(ticket, None, None, |channel| {
        let account = facts.roster.account_on(&agent.who, channel.platform());
        text::assigned(by, agent, account.as_ref())
    });
}

fn refused(draft: &Draft<'_>, actor: &Actor<'_>, ticket: &Ticket, requester: bool, refusal: &Refusal) -> Message {
    let facts = draft.facts;
    match refusal {
        Refusal::HeldBy(holder) => text::held_by(ticket, holder),
        Refusal::AlreadyYours => text::already_yours(ticket),
        Refusal::HeldByNobody => text::held_by_nobody(ticket),
        Refusal::NotNow => {
            let is_actor = |person: &Person| facts.roster.same(&person.who, &actor.person.who);
            text::not_now(ticket, requester, is_actor, facts.now)
        }
    }
}

fn refuse(mut draft: Draft<'_>, actor: &Actor<'_>, why: Message) -> Decision {
    answer(&mut draft, actor, why);
    draft.end(Outcome::Refused)
}

fn answer(draft: &mut Draft<'_>, actor: &Actor<'_>, message: Message) {
    let about = draft.facts.named.as_ref();
    draft.whisper(about, &actor.person.who, actor.place, actor.via, message);
}
