//! Decides about acts on tickets: pure. `desk::acts` has checked the rights before.

use jiff::Timestamp;

use super::text;
use crate::desk::acts::{ActResult, Actor, Denial, TicketAct, all, answer};
use crate::desk::closing::decide::{close_at, closing_timer};
use crate::desk::conversation::decide::NOTICE;
use crate::desk::conversation::state::{Record, Voice};
use crate::desk::decision::{Change, Decision};
use crate::desk::hear::{ActData, Desk};
use crate::desk::plan::{Plan, Words};
use crate::desk::tickets::state::{CancelReason, Refusal, Status, Ticket};
use crate::desk::{conversation, help};
use crate::domain::act::Args;
use crate::domain::audit::Did;
use crate::domain::effect::{Awaited, Destination, EffectKind, Lane, Post, Sign, SilentAct};
use crate::domain::event::{Timer, TimerKind};
use crate::domain::ids::{Conversation, Person, Place};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::permission::Roster;
use crate::domain::right::Right;

/// Whether this person may know that the ticket exists: its requester, an agent, or anybody in a public place on the
/// requester's side of the ticket (`is_there`), where everybody sees it. Every act on a ticket is checked with this
/// function first. Other people are answered as if the ticket did not exist.
#[must_use]
pub fn may_know(roster: &Roster, person: &Person, ticket: &Ticket, is_there: bool, now: Timestamp) -> bool {
    let is_seen = is_there && !ticket.is_private();
    is_seen || roster.same(&ticket.requester.who, &person.who) || roster.may(person, Right::TicketWork, now)
}

pub(super) fn show(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let whole = plan.is_agent(act.actor.person);
    let (records, audit) = match act.data {
        ActData::Story(records, audit) => (records.as_slice(), audit.as_slice()),
        _ => (&[][..], &[][..]),
    };
    let shown = text::show(act.ticket, records, audit, whole, plan.desk.now);
    Ok(ActResult::told(match (whole, act.actor.in_private) {
        // `desk::acts` adds the menu to an answer that replaces one.
        (true, true) => shown,
        (true, false) => shown.with(text::menu(act.ticket, all()).controls),
        (false, _) => shown.with(text::requesters_controls(act.ticket)),
    }))
}

pub(super) fn menu(_: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    if act.actor.in_private {
        return Ok(ActResult::told(Message::default()));
    }
    Ok(ActResult::told(text::menu(act.ticket, all())))
}

pub(super) fn claim(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let (roster, person) = (&plan.desk.roster, act.actor.person);
    let mut after = act.ticket.clone();
    after.take(person, |one, other| roster.same(&one.who, &other.who))?;
    let after = plan.update_with_audit(act.ticket, after, act.spec);
    plan.tell_requester(&after, text::taken(&after, person), NOTICE);
    Ok(ActResult::changed(after))
}

pub(super) fn assign(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let Some(to) = act.args.person("person") else { return Err(Refusal::NotNow.into()) };
    if !plan.is_agent(to) {
        return Err(Denial::Say(text::not_an_agent(to)));
    }
    let mut after = act.ticket.clone();
    after.assign(to)?;
    let after = plan.update_with_audit(act.ticket, after, act.spec);
    plan.tell_requester(&after, text::given_to(&after, to), NOTICE);
    tell_assignee(plan, &after, act.actor.person);
    Ok(ActResult::changed(after))
}

pub(super) fn release(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let mut after = act.ticket.clone();
    after.release()?;
    let after = plan.update_with_audit(act.ticket, after, act.spec);
    let told = match act.ticket.status {
        Status::Pending { .. } => text::goes_on(&after),
        _ => text::released(&after),
    };
    plan.tell_requester(&after, told, NOTICE);
    Ok(ActResult::changed(after))
}

pub(super) fn wait(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let (reason, until) = (act.args.text("reason"), act.args.date("until"));
    let mut after = act.ticket.clone();
    after.wait(reason, until)?;
    let after = plan.update_with_audit(act.ticket, after, act.spec);
    if let Some(due) = until {
        plan.change(Change::SetTimer(Timer { on: after.id.into(), kind: TimerKind::WaitOver, slot: 0, due }));
    }
    plan.tell_requester(&after, text::waits(&after, reason, until), NOTICE);
    Ok(ActResult::changed(after))
}

/// Ends the wait of a ticket whose timer has fired. If the ticket waits longer by now, the timer is set again.
pub(in crate::desk) fn wait_is_over(desk: &Desk, timer: &Timer, ticket: Option<&Ticket>) -> Decision {
    let mut plan = Plan::of(desk);
    let until = ticket.and_then(|ticket| match &ticket.status {
        Status::Pending { until, .. } => *until,
        _ => None,
    });
    // Timers are stored in milliseconds, so the times are compared in milliseconds.
    let is_over = until.is_some_and(|until| until.as_millisecond() <= desk.now.as_millisecond());
    if let Some(due) = until.filter(|_| !is_over) {
        // The ticket waits for a later time by now.
        plan.change(Change::SetTimer(Timer { due, ..timer.clone() }));
        return plan.end(Outcome::Done(None));
    }
    plan.change(Change::ClearTimer { on: timer.on.clone(), kind: timer.kind, slot: timer.slot });
    let Some(ticket) = ticket.filter(|_| is_over) else { return plan.end(Outcome::Done(None)) };
    let mut after = ticket.clone();
    after.go_on();
    let after = plan.update_with_audit(ticket, after, Did::WaitOver);
    plan.tell_requester(&after, text::goes_on(&after), NOTICE);
    plan.under_cards(&after, None, |channel| {
        let agent = after.assignee.as_ref();
        let account = agent.and_then(|agent| desk.roster.account_on(&agent.who, channel.platform()));
        conversation::text::wait_is_over(agent, account.as_ref())
    });
    plan.end(Outcome::Done(Some(ticket.key.clone())))
}

pub(super) fn resolve(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let (desk, resolution) = (plan.desk, act.args.text("resolution"));
    let mut after = act.ticket.clone();
    after.resolve(desk.now, act.actor.person, resolution)?;
    after.answered_at = after.answered_at.or(Some(desk.now));
    let after = plan.update_with_audit(act.ticket, after, act.spec);
    if let Some(due) = close_at(desk, desk.now) {
        plan.change(Change::SetTimer(closing_timer(after.id, due)));
    }
    plan.tell_requester(&after, text::resolved(&after, resolution), NOTICE);
    Ok(ActResult::changed(after))
}

pub(super) fn reopen(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let mut after = act.ticket.clone();
    after.reopen()?;
    let after = plan.update_with_audit(act.ticket, after, act.spec);
    plan.change(Change::ClearTimer { on: after.id.into(), kind: TimerKind::AutoClose, slot: 0 });
    plan.tell_requester(&after, text::reopened(&after), NOTICE);
    let (desk, by) = (plan.desk, act.actor.person);
    let holder = after.assignee.as_ref().filter(|agent| !desk.roster.same(&agent.who, &by.who));
    if act.is_requester || holder.is_some() {
        plan.under_cards(&after, None, |channel| {
            let account = holder.and_then(|agent| desk.roster.account_on(&agent.who, channel.platform()));
            conversation::text::reopened_by(by, act.is_requester, account.as_ref())
        });
    }
    Ok(ActResult::changed(after))
}

/// Cancels a ticket. A requester takes it back; an agent marks it as not a request.
pub(in crate::desk) fn cancel(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    if !act.is_requester {
        return not_a_request(plan, &TicketAct { spec: &super::acts::NOT_A_REQUEST.spec, ..*act });
    }
    let mut after = act.ticket.clone();
    after.cancel(plan.desk.now, act.actor.person, CancelReason::TakenBack)?;
    let after = plan.update_with_audit(act.ticket, after, act.spec);
    plan.tell_requester(&after, text::cancelled(&after), None);
    Ok(ActResult::changed(after))
}

pub(super) fn not_a_request(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let mut after = act.ticket.clone();
    after.cancel(plan.desk.now, act.actor.person, CancelReason::NotARequest)?;
    let after = plan.update_with_audit(act.ticket, after, act.spec);
    plan.tell_requester(&after, text::no_request(&after, act.actor.person), NOTICE);
    Ok(ActResult::changed(after))
}

pub(super) fn prioritise(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let priority = act.args.text("level").parse().map_err(|_| Refusal::NotNow)?;
    if !act.ticket.status.is_open() {
        return Err(Refusal::NotNow.into());
    }
    let after = Ticket { priority, ..act.ticket.clone() };
    Ok(ActResult::changed(plan.update_with_audit(act.ticket, after, act.spec)))
}

pub(super) fn reply(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let (ticket, person, words) = (act.ticket, act.actor.person, act.args.text("text"));
    if matches!(ticket.status, Status::Cancelled { why: CancelReason::Merged, .. }) {
        return Err(Refusal::NotNow.into());
    }
    let (to, message) = (Destination::Place(ticket.origin.clone()), conversation::text::reply(person, words));
    let by = Person::new(person.who.clone(), person.name.clone());
    let awaited = Awaited::Reply { by, text: words.to_owned() };
    let reply = EffectKind::Say(Post { awaited: Some(awaited), ..Post::new(to, message, Lane::Answer) });
    plan.effect(Some(ticket.id), reply);
    Ok(ActResult::quietly(conversation::text::reply_on_its_way(ticket)))
}

pub(super) fn add(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let (ticket, person, requester, now) = (act.ticket, act.actor.person, act.is_requester, plan.desk.now);
    if !matches!(ticket.status, Status::New | Status::InProgress | Status::Pending { .. } | Status::Resolved { .. }) {
        return Err(Refusal::NotNow.into());
    }
    let voice = if requester { Voice::Requester } else { Voice::Note };
    let words = Words::typed(ticket.origin_message.clone(), now, act.args.text("text").to_owned());
    plan.record(ticket, person, voice, &words);
    let mut after = ticket.clone();
    if requester && matches!(ticket.status, Status::Resolved { .. }) {
        after.reopen()?;
        let after = plan.update_with_audit(ticket, after, Did::ReopenedByWriting);
        plan.change(Change::ClearTimer { on: ticket.id.into(), kind: TimerKind::AutoClose, slot: 0 });
        plan.tell_requester(&after, text::reopened(&after), NOTICE);
    } else if requester && matches!(ticket.status, Status::Pending { .. }) {
        after.go_on();
        plan.update_with_audit(ticket, after, Did::WentOn);
    } else {
        plan.update_activity(ticket, after, now);
    }
    plan.audit(ticket, act.spec, Vec::new());
    plan.mirror(ticket, None, person, &words, voice);
    Ok(ActResult::told(conversation::text::details_added(ticket)))
}

/// Lists the open requests of the actor, or of the person in the arguments.
pub(super) fn requests(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let desk = plan.desk;
    let other = args.person("person").filter(|person| !desk.roster.same(&person.who, &actor.person.who));
    let open = if let ActData::Requests(open) = data { open.as_slice() } else { &[] };
    answer(&mut plan, actor, text::requests(other, open));
    plan.end(Outcome::Done(None))
}

/// Opens another request in a direct conversation, from the words of a form.
pub(super) fn begin_another(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let ticket = act.ticket;
    if !ticket.is_private() {
        return Err(Denial::Say(text::requester_only(ticket)));
    }
    let words = Words::typed(ticket.origin_message.clone(), act.at, act.args.text("text").to_owned());
    let opened = plan.open(act.actor.person, ticket.origin.clone(), &[words], None);
    Ok(ActResult::opened(opened.key))
}

/// Merges a direct request into another one of the same requester.
pub(super) fn merge(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let (desk, ticket, actor) = (plan.desk, act.ticket, act.actor);
    let chosen = if let ActData::Chosen(chosen) = act.data { chosen.as_deref() } else { None };
    let Some(other) = chosen.filter(|other| plan.may_know(actor.person, other)) else {
        return Err(Denial::Say(help::text::unknown_subject()));
    };
    if !plan.same(&other.requester, actor.person) {
        return Err(Denial::Say(text::requester_only(other)));
    }
    // Private words must not become public, so a private request is merged only into a private one, and a public one
    // only into a public one.
    if ticket.id == other.id || ticket.is_private() != other.is_private() {
        return Err(Denial::Say(text::cannot_join(ticket, other)));
    }
    if !other.status.is_open() {
        let is_actor = |person: &Person| desk.roster.same(&person.who, &actor.person.who);
        return Err(Denial::Say(text::wrong_status(other, true, is_actor, desk.now)));
    }
    let mut after = ticket.clone();
    after.cancel(desk.now, actor.person, CancelReason::Merged)?;
    after.merged_into = Some(other.key.clone());
    plan.update_with_audit(ticket, after, act.spec);
    plan.change(Change::Move { from: ticket.id, to: other.id });
    plan.update_activity(other, other.clone(), desk.now);
    plan.under_cards(other, None, |_| {
        conversation::text::happened(
            actor.person,
            &format!("says that {} is part of this: press More…, then Show.", ticket.key),
        )
    });
    Ok(ActResult::told(text::belongs(&other.key)).ending(Outcome::Done(Some(other.key.clone()))))
}

/// Opens a request of its own from a message that a burst has joined to another request.
pub(super) fn split_off(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let (ticket, actor) = (act.ticket, act.actor);
    let (record, is_taken) = match act.data {
        ActData::Joined(record, is_taken) => (record.as_deref(), *is_taken),
        _ => (None, false),
    };
    let is_joined = |record: &&Record| record.joined && record.deleted_at.is_none();
    let Some((record, message)) = record.filter(is_joined).and_then(|record| Some((record, record.message.as_ref()?)))
    else {
        return Err(Denial::Say(conversation::text::no_longer_joined(ticket)));
    };
    let channel =
        Place { tenant: message.tenant.clone(), at: Conversation::Channel { channel: message.channel.clone() } };
    let origin = if ticket.is_private() { ticket.origin.clone() } else { channel.thread(&message.id) };
    let words = Words { is_joined: true, ..Words::in_message(message.clone(), record.at, record.text.clone()) };
    if is_taken {
        return Err(Denial::Say(conversation::text::thread_is_taken()));
    }
    let opened = plan.open(&record.author, origin, &[words], None);
    plan.audit(ticket, act.spec, Vec::new());
    // The time of its last activity is kept, so that further words in a direct conversation belong to the new ticket.
    plan.update_activity(ticket, ticket.clone(), ticket.active_at);
    plan.refresh_mirrors(ticket, message);
    plan.effect(Some(opened.id), SilentAct::React { message: message.clone(), sign: Sign::Joined, is_on: false });
    let told = conversation::text::of_its_own(ticket, &opened);
    plan.whisper(Some(&opened), &actor.person.who, actor.place, actor.via, told);
    Ok(ActResult::opened(opened.key))
}

/// Tells the assignee under the cards, unless the actor is the assignee, that the ticket was given to them.
fn tell_assignee(plan: &mut Plan<'_>, ticket: &Ticket, by: &Person) {
    let desk = plan.desk;
    let Some(agent) = ticket.assignee.as_ref().filter(|agent| !desk.roster.same(&agent.who, &by.who)) else { return };
    plan.under_cards(ticket, None, |channel| {
        let account = desk.roster.account_on(&agent.who, channel.platform());
        conversation::text::assigned(by, agent, account.as_ref())
    });
}

/// Returns the message about a refusal by the ticket's state.
pub(in crate::desk) fn refused(plan: &Plan<'_>, act: &TicketAct<'_>, refusal: &Refusal) -> Message {
    let (desk, ticket) = (plan.desk, act.ticket);
    match refusal {
        Refusal::HeldBy(holder) => text::held_by(ticket, holder),
        Refusal::AlreadyYours => text::already_yours(ticket),
        Refusal::HeldByNobody => text::held_by_nobody(ticket),
        Refusal::NotNow => {
            let is_actor = |person: &Person| desk.roster.same(&person.who, &act.actor.person.who);
            text::wrong_status(ticket, act.is_requester, is_actor, desk.now)
        }
    }
}
