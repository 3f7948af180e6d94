//! What people do with a ticket, by button, form or command: one place for rights, refusals and what follows.

use jiff::Timestamp;

use super::text;
use crate::desk::closing::decide::{close_at, closing_timer};
use crate::desk::conversation::decide::NOTICE;
use crate::desk::conversation::state::{Record, Voice};
use crate::desk::decision::{Change, Decision};
use crate::desk::facts::Facts;
use crate::desk::plan::{Plan, Words};
use crate::desk::tickets::state::{CancelReason, Refusal, Status, Ticket};
use crate::desk::{conversation, help};
use crate::domain::action::Action;
use crate::domain::command::{Parsed, Verb};
use crate::domain::effect::{Awaited, Destination, EffectKind, Lane, Post, Sign, SilentAct};
use crate::domain::event::{ActionTaken, Choice, CommandGiven, FormSubmitted, ReplyHandle, TimerKind};
use crate::domain::form::FormKind;
use crate::domain::ids::{Conversation, Person, Place};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::permission::Roster;
use crate::domain::priority::Priority;

/// Who acts, from where, and how they are answered.
pub(in crate::desk) struct Actor<'a> {
    pub(in crate::desk) person: &'a Person,
    pub(in crate::desk) place: Option<&'a Place>,
    pub(in crate::desk) via: Option<&'a ReplyHandle>,
    /// Whether a success must be answered too (a command waits for words; a button shows by its card).
    pub(in crate::desk) wants_answer: bool,
}

/// What is done.
pub(in crate::desk) enum Deed {
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
pub(in crate::desk) fn button(facts: &Facts, taken: &ActionTaken) -> Decision {
    let plan = Plan::new(facts, Some(&taken.actor), Some(&taken.place));
    // A choice from a menu shows nothing by itself, so it is answered.
    let wants_answer = taken.choice.is_some() || does_release(taken);
    let actor = Actor { person: &taken.actor, place: Some(&taken.place), via: Some(&taken.reply), wants_answer };
    let Some(does) = &taken.does else { return refuse(plan, &actor, help::text::unknown_button()) };
    let Some(ticket) = known(&plan, &actor) else { return refuse(plan, &actor, help::text::unknown_subject()) };
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
            Err(_) => return refuse(plan, &actor, help::text::unknown_button()),
        },
        (Action::BelongsTo, _) => {
            return match facts.chosen.as_ref().filter(|other| plan.may_know(actor.person, other)) {
                Some(other) => belongs(plan, &actor, ticket, other),
                None => refuse(plan, &actor, help::text::unknown_subject()),
            };
        }
        (Action::OwnRequest, _) => return part(plan, &actor, ticket),
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
        ) => return refuse(plan, &actor, help::text::unknown_button()),
    };
    carry_out(plan, &actor, ticket, deed)
}

fn does_release(taken: &ActionTaken) -> bool {
    taken.does.as_ref().is_some_and(|does| does.action == Action::Release)
}

/// Somebody sent a form.
pub(in crate::desk) fn form(facts: &Facts, sent: &FormSubmitted, at: Timestamp) -> Decision {
    let mut plan = Plan::new(facts, Some(&sent.actor), sent.place.as_ref());
    let actor = Actor { person: &sent.actor, place: sent.place.as_ref(), via: Some(&sent.reply), wants_answer: false };
    let Some(form) = &sent.form else { return refuse(plan, &actor, help::text::unknown_button()) };
    let Some(ticket) = known(&plan, &actor) else { return refuse(plan, &actor, help::text::unknown_subject()) };
    let words = sent.values.get("text").map(|text| text.trim().to_owned()).unwrap_or_default();
    if words.is_empty() && form.kind != FormKind::Pending {
        return refuse(plan, &actor, text::empty_field());
    }
    match form.kind {
        FormKind::Details => carry_out(plan, &actor, ticket, Deed::Add(words)),
        FormKind::Reply => carry_out(plan, &actor, ticket, Deed::Reply(words)),
        FormKind::Pending => carry_out(plan, &actor, ticket, Deed::Wait(words)),
        FormKind::Resolve => carry_out(plan, &actor, ticket, Deed::Resolve(words)),
        FormKind::NewRequest => {
            if !plan.same(&ticket.requester, actor.person) || !ticket.is_private() {
                return refuse(plan, &actor, text::requester_only(ticket));
            }
            let words = Words::given(ticket.origin_message.clone(), at, words);
            let opened = plan.open(actor.person, ticket.origin.clone(), &[words], None);
            plan.end(Outcome::Opened(opened.key))
        }
    }
}

/// Somebody gave a command.
pub(in crate::desk) fn command(facts: &Facts, given: &CommandGiven) -> Decision {
    let mut plan = Plan::new(facts, Some(&given.actor), Some(&given.place));
    let actor = Actor { person: &given.actor, place: Some(&given.place), via: Some(&given.reply), wants_answer: true };
    let command = match given.read(&facts.rules.desk.key_prefix) {
        Parsed::Command(command) => command,
        Parsed::Malformed(usage) => return refuse(plan, &actor, help::text::malformed(usage)),
        Parsed::Words if given.is_bare() => {
            let agent = plan.rights(actor.person).agent;
            answer(&mut plan, &actor, help::text::help(agent));
            return plan.end(Outcome::Done(None));
        }
        Parsed::Words => return refuse(plan, &actor, help::text::unknown_command()),
    };
    if command.verb == Verb::Help {
        let agent = plan.rights(actor.person).agent;
        answer(&mut plan, &actor, help::text::help(agent));
        return plan.end(Outcome::Done(None));
    }
    match (known(&plan, &actor), &command.ticket) {
        (Some(ticket), _) => carry_out(plan, &actor, ticket, Deed::from(command.verb)),
        (None, Some(key)) => refuse(plan, &actor, help::text::unknown_ticket(key)),
        (None, None) => refuse(plan, &actor, help::text::which_ticket()),
    }
}

/// Whether this person may know that the ticket exists: in a public place that belongs to it (`is_there`), where it is to be
/// seen anyway, as its requester, or as an agent. It is asked before every act, by whichever way it comes in; who may not is
/// answered as if there were none.
#[must_use]
pub fn may_know(roster: &Roster, person: &Person, ticket: &Ticket, is_there: bool, now: Timestamp) -> bool {
    let is_seen = is_there && !ticket.is_private();
    is_seen || roster.same(&ticket.requester.who, &person.who) || roster.rights(person, now).agent
}

/// The ticket that is meant, if this person may know of it: whichever way somebody acts, this comes first.
fn known<'f>(plan: &Plan<'f>, actor: &Actor<'_>) -> Option<&'f Ticket> {
    plan.facts.named.as_ref().filter(|ticket| plan.may_know(actor.person, ticket))
}

/// Does it, if this person may, and the ticket lets it be done.
pub(in crate::desk) fn carry_out(mut plan: Plan<'_>, actor: &Actor<'_>, ticket: &Ticket, deed: Deed) -> Decision {
    let rights = plan.rights(actor.person);
    let requester = plan.same(&ticket.requester, actor.person);
    if !rights.agent {
        match &deed {
            Deed::Show | Deed::Cancel | Deed::Reopen | Deed::Add(_) if !requester => {
                return refuse(plan, actor, text::requester_only(ticket));
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
            | Deed::Reply(_) => return refuse(plan, actor, text::agents_only(Some(ticket), requester)),
        }
    }
    match attempt(&mut plan, actor, ticket, deed, requester) {
        Ok(after) => {
            if actor.wants_answer
                && let Some(after) = after
            {
                answer(&mut plan, actor, text::done(&after));
            }
            plan.end(Outcome::Done(Some(ticket.key.clone())))
        }
        Err(No::Ticket(refusal)) => {
            let why = refused(&plan, actor, ticket, requester, &refusal);
            refuse(plan, actor, why)
        }
        Err(No::Say(why)) => refuse(plan, actor, why),
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
    plan: &mut Plan<'_>,
    actor: &Actor<'_>,
    ticket: &Ticket,
    deed: Deed,
    requester: bool,
) -> Result<Option<Ticket>, No> {
    let facts = plan.facts;
    let now = facts.now;
    let person = actor.person;
    let mut after = ticket.clone();
    match deed {
        Deed::Show => {
            let whole = plan.rights(person).agent;
            answer(plan, actor, text::show(ticket, &facts.records, &facts.audit, whole, now));
            Ok(None)
        }
        Deed::Menu => {
            answer(plan, actor, text::menu(ticket));
            Ok(None)
        }
        Deed::Claim => {
            after.take(person, |one, other| facts.roster.same(&one.who, &other.who))?;
            let after = plan.put(ticket, after, "claimed");
            plan.tell_requester(&after, text::taken(person), NOTICE);
            Ok(Some(after))
        }
        Deed::Assign(to) => {
            if !plan.rights(&to).agent {
                return Err(No::Say(text::not_an_agent(&to)));
            }
            after.assign(&to)?;
            let after = plan.put(ticket, after, "assigned");
            plan.tell_requester(&after, text::given_to(&to), NOTICE);
            tell_assignee(plan, &after, person);
            Ok(Some(after))
        }
        Deed::Release => {
            after.release()?;
            let after = plan.put(ticket, after, "released");
            Ok(Some(after))
        }
        Deed::Wait(reason) => {
            after.wait(&reason)?;
            let after = plan.put(ticket, after, "set to pending");
            plan.tell_requester(&after, text::waits(&after, &reason), NOTICE);
            Ok(Some(after))
        }
        Deed::Resolve(resolution) => {
            after.resolve(now, person, &resolution)?;
            after.answered_at = after.answered_at.or(Some(now));
            let after = plan.put(ticket, after, "resolved");
            if let Some(due) = close_at(facts, now) {
                plan.change(Change::SetTimer(closing_timer(ticket.id, due)));
            }
            plan.tell_requester(&after, text::resolved(&after, &resolution), NOTICE);
            Ok(Some(after))
        }
        Deed::Reopen => {
            after.reopen()?;
            let after = plan.put(ticket, after, "reopened");
            plan.change(Change::ClearTimer { on: ticket.id.into(), kind: TimerKind::AutoClose, slot: 0 });
            plan.tell_requester(&after, text::reopened(&after), NOTICE);
            if requester {
                plan.under_cards(&after, None, |_| text::happened(person, "needs it after all."));
            }
            Ok(Some(after))
        }
        Deed::Cancel if requester => {
            after.cancel(now, person, CancelReason::TakenBack)?;
            let after = plan.put(ticket, after, "cancelled");
            plan.tell_requester(&after, text::cancelled(&after), None);
            Ok(Some(after))
        }
        Deed::Cancel | Deed::NotARequest => {
            after.cancel(now, person, CancelReason::NotARequest)?;
            let after = plan.put(ticket, after, "found to be no request");
            plan.tell_requester(&after, text::no_request(&after), NOTICE);
            Ok(Some(after))
        }
        Deed::Prioritise(priority) => {
            if !ticket.status.is_open() {
                return Err(Refusal::NotNow.into());
            }
            after.priority = priority;
            let after = plan.put(ticket, after, "prioritised");
            Ok(Some(after))
        }
        Deed::Reply(words) => {
            if matches!(ticket.status, Status::Cancelled { why: CancelReason::Merged, .. }) {
                return Err(Refusal::NotNow.into());
            }
            let (to, message) = (Destination::Place(ticket.origin.clone()), conversation::text::reply(person, &words));
            let awaited = Awaited::Reply { by: Person::new(person.who.clone(), person.name.clone()), text: words };
            let reply = EffectKind::Say(Post { awaited: Some(awaited), ..Post::new(to, message, Lane::Answer) });
            plan.effect(Some(ticket.id), reply);
            if actor.wants_answer {
                answer(plan, actor, conversation::text::reply_on_its_way(ticket));
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
            plan.record(ticket, person, voice, &words);
            if requester && matches!(ticket.status, Status::Resolved { .. }) {
                after.reopen()?;
                let after = plan.put(ticket, after, "reopened by writing");
                plan.change(Change::ClearTimer { on: ticket.id.into(), kind: TimerKind::AutoClose, slot: 0 });
                plan.tell_requester(&after, text::reopened(&after), NOTICE);
            } else if requester && matches!(ticket.status, Status::Pending { .. }) {
                after.go_on();
                plan.put(ticket, after, "went on");
            } else {
                plan.touch(ticket, after, now);
            }
            plan.audit(ticket, "details added", Vec::new());
            plan.mirror(ticket, None, person, &words, voice);
            answer(plan, actor, conversation::text::details_added(ticket));
            Ok(None)
        }
    }
}

/// The requester says that one direct request is part of another.
fn belongs(mut plan: Plan<'_>, actor: &Actor<'_>, ticket: &Ticket, other: &Ticket) -> Decision {
    let facts = plan.facts;
    let owns = |ticket: &Ticket| facts.roster.same(&ticket.requester.who, &actor.person.who);
    if !owns(ticket) || !owns(other) {
        return refuse(plan, actor, text::requester_only(if owns(ticket) { other } else { ticket }));
    }
    // What was said in private stays there: only private requests can be joined to one another.
    if ticket.id == other.id || !other.status.is_open() || ticket.is_private() != other.is_private() {
        let why = text::not_now(other, true, |person| facts.roster.same(&person.who, &actor.person.who), facts.now);
        return refuse(plan, actor, why);
    }
    let mut after = ticket.clone();
    if let Err(refusal) = after.cancel(facts.now, actor.person, CancelReason::Merged) {
        let why = refused(&plan, actor, ticket, true, &refusal);
        return refuse(plan, actor, why);
    }
    after.merged_into = Some(other.key.clone());
    plan.put(ticket, after, "joined to another");
    plan.change(Change::Move { from: ticket.id, to: other.id });
    plan.touch(other, other.clone(), facts.now);
    plan.under_cards(other, None, |_| {
        text::happened(actor.person, &format!("says that {} is part of this: press More…, then Show.", ticket.key))
    });
    answer(&mut plan, actor, text::belongs(&other.key));
    plan.end(Outcome::Done(Some(other.key.clone())))
}

/// The requester says that what was joined to their request is one of its own.
fn part(mut plan: Plan<'_>, actor: &Actor<'_>, ticket: &Ticket) -> Decision {
    let facts = plan.facts;
    if !plan.same(&ticket.requester, actor.person) {
        return refuse(plan, actor, text::requester_only(ticket));
    }
    let is_joined = |record: &&Record| record.joined && record.deleted_at.is_none();
    let Some((record, message)) =
        facts.record.as_ref().filter(is_joined).and_then(|record| Some((record, record.message.as_ref()?)))
    else {
        return refuse(plan, actor, conversation::text::no_longer_joined(ticket));
    };
    let channel =
        Place { tenant: message.tenant.clone(), at: Conversation::Channel { channel: message.channel.clone() } };
    let origin = if ticket.is_private() { ticket.origin.clone() } else { channel.thread(&message.id) };
    let words = Words { is_joined: true, ..Words::standing(message.clone(), record.at, record.text.clone()) };
    if facts.chosen.is_some() {
        return refuse(plan, actor, conversation::text::thread_is_taken());
    }
    let opened = plan.open(&record.author, origin, &[words], None);
    plan.audit(ticket, "message made a request of its own", Vec::new());
    // What follows in a direct conversation is about the new one.
    plan.touch(ticket, ticket.clone(), ticket.active_at);
    plan.refresh_mirrors(ticket, message);
    plan.effect(Some(opened.id), SilentAct::React { message: message.clone(), sign: Sign::Joined, is_on: false });
    plan.whisper(
        Some(&opened),
        &actor.person.who,
        actor.place,
        actor.via,
        conversation::text::of_its_own(ticket, &opened),
    );
    plan.end(Outcome::Opened(opened.key))
}

/// An agent who was given a ticket by somebody else hears of it under the card.
fn tell_assignee(plan: &mut Plan<'_>, ticket: &Ticket, by: &Person) {
    let facts = plan.facts;
    let Some(agent) = ticket.assignee.as_ref().filter(|agent| !facts.roster.same(&agent.who, &by.who)) else { return };
    plan.under_cards(ticket, None, |channel| {
        let account = facts.roster.account_on(&agent.who, channel.platform());
        text::assigned(by, agent, account.as_ref())
    });
}

fn refused(plan: &Plan<'_>, actor: &Actor<'_>, ticket: &Ticket, requester: bool, refusal: &Refusal) -> Message {
    let facts = plan.facts;
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

fn refuse(mut plan: Plan<'_>, actor: &Actor<'_>, why: Message) -> Decision {
    answer(&mut plan, actor, why);
    plan.end(Outcome::Refused)
}

fn answer(plan: &mut Plan<'_>, actor: &Actor<'_>, message: Message) {
    let about = plan.facts.named.as_ref();
    plan.whisper(about, &actor.person.who, actor.place, actor.via, message);
}
