//! What the guard makes of a message that pings staff: pure.

use jiff::{SignedDuration, Timestamp};

use super::state::{CLASSIFIER, End, LOOKED_BACK, Ping, Pinged, Ruling, context, judged_words, staff_pinged};
use super::text;
use crate::asking::Context;
use crate::desk::acts::{Actor, answer, refuse};
use crate::desk::decision::{Change, Decision};
use crate::desk::hear::{Desk, Sees};
use crate::desk::plan::{Plan, Words, origin_of};
use crate::desk::tickets::state::Ticket;
use crate::domain::act::Args;
use crate::domain::effect::{EffectKind, Sign, SilentAct};
use crate::domain::event::{DedupeKey, Found, Look, LookFor, ReplyHandle, Said};
use crate::domain::ids::{Person, PingId};
use crate::domain::outcome::Outcome;
use crate::domain::right::Right;
use crate::domain::rules::GuardMode;
use crate::domain::subject::Subject;

/// A ping that is heard of later than this, having been read back, is only counted.
const FRESH: SignedDuration = SignedDuration::from_mins(1);
/// For how long pings are kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);
/// What a report tells of.
pub const REPORTED: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Somebody pings staff where no request is.
pub(in crate::desk) fn pinged(desk: &Desk, said: &Said, known: &Pinged) -> Decision {
    let mut plan = Plan::by(desk, &said.author, Some(&said.place));
    let mut ping = Ping {
        id: PingId::of(&DedupeKey::message(&said.message)),
        message: said.message.clone(),
        place: said.place.clone(),
        author: said.author.who.clone(),
        staff: known.staff.clone(),
        at: said.at,
        mode: desk.rules.guard(&said.place),
        probability: None,
        why: Vec::new(),
        ruling: Ruling::Talk,
        told_at: None,
        end: None,
        ticket: None,
    };
    let answered = said.notifies.as_ref().map(|person| person.who.to_string());
    let is_answer = answered.is_some_and(|answered| known.staff.iter().all(|staff| *staff == answered));
    let classifier = CLASSIFIER.as_ref();
    match (is_answer, known, classifier) {
        (true, ..) => ping.ruling = Ruling::Answer,
        (_, Pinged { is_quiet: true, .. }, _) => ping.ruling = Ruling::Quiet,
        (_, _, Some(classifier)) => {
            let alone = classifier.read(&judged_words(said));
            // Nothing that was said before could speak more for a request than silence does.
            let at_best = classifier.within(&alone, &Context { quiet_minutes: 60, ..Context::default() });
            if at_best.asks || alone.asks {
                ping.ruling = Ruling::Waiting;
            }
            (ping.probability, ping.why) = (Some(alone.probability), alone.why);
        }
        (_, _, None) => {}
    }
    if ping.ruling == Ruling::Waiting && desk.now.duration_since(said.at) > FRESH {
        ping.ruling = Ruling::Unread;
    }
    if ping.ruling == Ruling::Waiting {
        look(&mut plan, &ping, LookFor::Judge(ping.id.clone()));
    }
    plan.change(Change::KeepPing(Box::new(ping)));
    plan.end(Outcome::Done(None))
}

/// Has a ping's message read, with what was said before it.
fn look(plan: &mut Plan<'_>, ping: &Ping, why: LookFor) {
    let before = if matches!(why, LookFor::Judge(_)) { LOOKED_BACK } else { 0 };
    let (message, place, at) = (ping.message.clone(), ping.place.clone(), plan.desk.now);
    let look = Look { message, place, before, at, why };
    plan.effect_about(Subject::Person(ping.author.clone()), SilentAct::Look(Box::new(look)).into());
}

/// What a ping's message says now, and what was said before it, is known, or cannot be read.
pub(in crate::desk) fn looked(
    desk: &Desk,
    look: &Look,
    found: Option<&Found>,
    ping: Option<&Ping>,
    known: &Pinged,
    there: Option<&Ticket>,
) -> Decision {
    match (&look.why, ping) {
        (LookFor::Judge(_), Some(ping)) if ping.ruling == Ruling::Waiting => {
            judge(desk, look, found, ping, known, there)
        }
        (LookFor::Request { via, .. }, Some(ping)) => make_request(desk, via.as_ref(), found, ping, there),
        (LookFor::Behalf { by, via }, _) => pass_on_for(desk, (look, by, via.as_ref()), found, there),
        (LookFor::Judge(_) | LookFor::Request { .. }, _) => Plan::of(desk).end(Outcome::Ignored),
    }
}

/// Judges a ping by what was said before it, and does what the channel's mode says.
fn judge(
    desk: &Desk,
    look: &Look,
    found: Option<&Found>,
    ping: &Ping,
    known: &Pinged,
    there: Option<&Ticket>,
) -> Decision {
    let mut after = ping.clone();
    let said = found.and_then(|found| found.message.as_ref());
    let (Some(found), Some(said), Some(classifier), false) =
        (found, said, CLASSIFIER.as_ref(), look.is_in_vain(desk.now))
    else {
        after.ruling = Ruling::Unread;
        let mut plan = Plan::of(desk);
        plan.change(Change::KeepPing(Box::new(after)));
        return plan.end(Outcome::Done(None));
    };
    let (context, takes_part) = context(ping, &found.before, &desk.roster, &desk.rules);
    // It may have been edited meanwhile.
    let alone = classifier.read(&judged_words(said));
    let reading = classifier.within(&alone, &context);
    let pings_nobody = staff_pinged(said, &desk.roster, desk.now).is_empty();
    (after.probability, after.why) = (Some(reading.probability), reading.why);
    let every = SignedDuration::try_from(desk.rules.guard.notice_every).unwrap_or(SignedDuration::MAX);
    let was_told = known.told_at.is_some_and(|told| ping.at.duration_since(told) < every);
    after.ruling = match () {
        () if takes_part => Ruling::TakesPart,
        () if !reading.asks || pings_nobody => Ruling::Talk,
        () if known.is_out => Ruling::OptedOut,
        () if was_told && ping.mode == GuardMode::Nudge => Ruling::Recently,
        () => Ruling::Request,
    };
    let mut plan = Plan::by(desk, &said.author, Some(&ping.place));
    let mut outcome = Outcome::Done(None);
    match (after.ruling, ping.mode) {
        // It is a request already: there is nothing to say.
        (Ruling::Request, _) if there.is_some() => after.ruling = Ruling::WithDesk,
        (Ruling::Request, GuardMode::Nudge) => {
            after.told_at = Some(desk.now);
            hint(&mut plan, said, text::nudge(&ping.id, known.told_at.is_some()));
        }
        (Ruling::Request, GuardMode::Route) => {
            let ticket = open(&mut plan, said);
            (after.told_at, after.end, after.ticket) = (Some(desk.now), Some(End::Routed), Some(ticket.key.clone()));
            hint(&mut plan, said, text::routed(&ping.id, &ticket));
            outcome = Outcome::Opened(ticket.key);
        }
        _ => {}
    }
    plan.change(Change::KeepPing(Box::new(after)));
    plan.end(outcome)
}

/// A ping's author makes it a request.
fn make_request(
    desk: &Desk,
    via: Option<&ReplyHandle>,
    found: Option<&Found>,
    ping: &Ping,
    there: Option<&Ticket>,
) -> Decision {
    let said = found.and_then(|found| found.message.as_ref());
    let author = said.map_or_else(|| Person::new(ping.author.clone(), String::new()), |said| said.author.clone());
    let mut plan = Plan::by(desk, &author, Some(&ping.place));
    let own = there.filter(|ticket| desk.roster.same(&ticket.requester.who, &ping.author));
    let known = own.map(|ticket| ticket.key.clone()).or_else(|| ping.ticket.clone());
    let (message, outcome) = match (known, said) {
        (Some(key), _) => (text::became(&key), Outcome::Done(None)),
        (None, _) if there.is_some() => (text::thread_of_another(), Outcome::Done(None)),
        (None, Some(said)) => {
            let ticket = open(&mut plan, said);
            let (end, key) = (Some(End::Accepted), ticket.key.clone());
            plan.change(Change::KeepPing(Box::new(Ping { end, ticket: Some(key.clone()), ..ping.clone() })));
            (text::is_with_the_desk(&key), Outcome::Opened(key))
        }
        (None, None) if found.is_some() => (text::is_gone(), Outcome::Refused),
        (None, None) => (text::cannot_be_read(), Outcome::Refused),
    };
    plan.whisper(None, &ping.author, Some(&ping.place), via, message);
    plan.end(outcome)
}

/// Somebody has a message of another made a request of its author's.
fn pass_on_for(
    desk: &Desk,
    (look, by, via): (&Look, &Person, Option<&ReplyHandle>),
    found: Option<&Found>,
    there: Option<&Ticket>,
) -> Decision {
    let said = found.and_then(|found| found.message.as_ref());
    let mut plan = Plan::by(desk, by, Some(&look.place));
    let (message, outcome) = match (there, said) {
        // Whether they may know of that request is not asked: it is not named.
        (Some(_), _) => (text::is_with_the_desk_already(), Outcome::Done(None)),
        (None, Some(said)) if Words::of(said).text.is_empty() => (text::nothing_in_it(), Outcome::Refused),
        (None, Some(said)) => {
            let ticket = open(&mut plan, said);
            if !desk.roster.same(&by.who, &said.author.who) {
                hint(&mut plan, said, text::passed_on_by_another(&ticket));
            }
            (text::is_passed_on(&ticket.key), Outcome::Opened(ticket.key))
        }
        (None, None) if found.is_some() => (text::of_no_person(), Outcome::Refused),
        (None, None) => (text::cannot_be_read(), Outcome::Refused),
    };
    plan.whisper(None, &by.who, Some(&look.place), via, message);
    plan.end(outcome)
}

/// Opens a request of a message, on which whom it pings sees that.
fn open(plan: &mut Plan<'_>, said: &Said) -> Ticket {
    let ticket = plan.open(&said.author, origin_of(&said.place, &said.message), &[Words::of(said)], None);
    plan.effect(Some(ticket.id), SilentAct::React { message: said.message.clone(), sign: Sign::Request, is_on: true });
    if said.place.root().is_some() {
        let read = SilentAct::ReadThread { place: said.place.clone(), before: said.message.clone() };
        plan.effect(Some(ticket.id), read);
    }
    ticket
}

fn hint(plan: &mut Plan<'_>, said: &Said, message: crate::domain::message::Message) {
    let (to, place, reply_to) = (said.author.who.clone(), said.place.clone(), said.message.clone());
    plan.effect(None, EffectKind::Hint { to, place, reply_to, message });
}

/// The ping that a notice is about, if whoever acts wrote it.
fn own<'s>(plan: &Plan<'_>, actor: &Actor<'_>, sees: &'s Sees) -> Option<&'s Ping> {
    let Sees::Ping(Some(ping)) = sees else { return None };
    plan.desk.roster.same(&ping.author, &actor.person.who).then_some(&**ping)
}

/// Whoever was asked wants the desk to take it: the message is read as it stands now.
pub(in crate::desk) fn pass_on(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    let Some(ping) = own(&plan, actor, sees) else { return refuse(plan, actor, text::not_yours()) };
    if let Some(key) = &ping.ticket {
        let message = text::became(key);
        answer(&mut plan, actor, message);
        return plan.end(Outcome::Done(None));
    }
    look(&mut plan, ping, LookFor::Request { ping: ping.id.clone(), by: ping.author.clone(), via: actor.via.cloned() });
    plan.end(Outcome::Done(None))
}

/// Somebody wants a message, whoever wrote it, to be with the desk: it is read as it stands now.
pub(in crate::desk) fn send_to_desk(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, _: &Sees) -> Decision {
    let (Some(message), Some(place)) = (actor.at, actor.place) else {
        return refuse(plan, actor, text::which_message());
    };
    if plan.desk.rules.is_triage(place) {
        return refuse(plan, actor, text::not_from_here());
    }
    let by = Person::new(actor.person.who.clone(), actor.person.name.clone());
    let why = LookFor::Behalf { by, via: actor.via.cloned() };
    let (message, place, at) = (message.clone(), place.clone(), plan.desk.now);
    let look = Look { message, place, before: 0, at, why };
    plan.effect_about(Subject::Person(actor.person.who.clone()), SilentAct::Look(Box::new(look)).into());
    plan.end(Outcome::Done(None))
}

/// Whoever was asked says that it is no request: the two are left alone for a while.
pub(in crate::desk) fn dismiss(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    let Some(ping) = own(&plan, actor, sees) else { return refuse(plan, actor, text::not_yours()) };
    let days = plan.desk.rules.guard.quiet_days;
    let for_so_long = SignedDuration::from_hours(24 * i64::from(days));
    let until = plan.desk.now.checked_add(for_so_long).unwrap_or(Timestamp::MAX);
    for staff in &ping.staff {
        plan.change(Change::LeaveAlone { author: ping.author.clone(), staff: staff.clone(), until });
    }
    if ping.end.is_none() {
        plan.change(Change::KeepPing(Box::new(Ping { end: Some(End::Dismissed), ..ping.clone() })));
    }
    answer(&mut plan, actor, text::is_dismissed(days));
    plan.end(Outcome::Done(None))
}

/// Whoever was asked wants to know why.
pub(in crate::desk) fn explain(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    let Some(ping) = own(&plan, actor, sees) else { return refuse(plan, actor, text::not_yours()) };
    answer(&mut plan, actor, text::why(ping));
    plan.end(Outcome::Done(None))
}

/// Whoever was asked does not want to be asked in this channel any more.
pub(in crate::desk) fn opt_out(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    let Some(ping) = own(&plan, actor, sees) else { return refuse(plan, actor, text::not_yours()) };
    let (who, place, at) = (ping.author.clone(), ping.place.clone(), plan.desk.now);
    plan.change(Change::OptOut { who, place, at });
    answer(&mut plan, actor, text::is_out());
    plan.end(Outcome::Done(None))
}

/// Staff see how often they were pinged, and admins how often anybody was.
pub(in crate::desk) fn report(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    let counted = if let Sees::Pings(counted) = sees { counted.as_slice() } else { &[] };
    let own = plan.desk.roster.accounts(&actor.person.who);
    let is_admin = plan.may(actor.person, Right::GuardSet);
    let message = text::report(counted, &own, is_admin, plan.desk.rules.guard.mode);
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}
