//! Decides about the acts of being on call: pure.

use jiff::SignedDuration;

use super::acts::{END, UNTIL};
use super::state::{OnCall, reachable};
use super::text;
use crate::desk::acts::{Actor, answer, refuse};
use crate::desk::decision::{Change, Decision};
use crate::desk::hear::ActData;
use crate::desk::plan::Plan;
use crate::domain::act::Args;
use crate::domain::outcome::Outcome;
use crate::domain::subject::Subject;

/// The longest time on call by one command. It is limited since a person who leaves the desk may forget to end it.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 31);

fn on_call(data: &ActData) -> &[OnCall] {
    if let ActData::OnCall(on_call) = data { on_call } else { &[] }
}

/// Shows who is on call.
pub(super) fn who(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let message = text::who(on_call(data), &actor.person.who, &plan.desk.roster);
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}

/// Records that the actor is on call until a given time.
pub(super) fn until(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &ActData) -> Decision {
    let Some(until) = args.date("until") else { return refuse(plan, actor, text::until_when()) };
    if until.duration_since(plan.desk.now) > LONGEST {
        return refuse(plan, actor, text::too_long());
    }
    let own = OnCall { who: actor.person.who.clone(), until: Some(until) };
    if reachable(std::slice::from_ref(&own), &plan.desk.rules.triage, &plan.desk.roster).is_empty() {
        return refuse(plan, actor, text::cannot_be_mentioned());
    }
    // The new entry replaces entries of the person's other accounts.
    for who in plan.desk.roster.accounts(&own.who) {
        let until = own.until.filter(|_| who == own.who);
        plan.change(Change::BeOnCall { who, until });
    }
    plan.audit_about(Subject::Desk, &UNTIL.spec, Vec::new());
    answer(&mut plan, actor, text::is_on_call(until));
    plan.end(Outcome::Done(None))
}

/// Records that the actor is no longer on call. A person whom only the settings list stays on call.
pub(super) fn end(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let roster = &plan.desk.roster;
    let own: Vec<&OnCall> = on_call(data).iter().filter(|one| roster.same(&one.who, &actor.person.who)).collect();
    let message = match own.as_slice() {
        [] => text::was_not_on_call(),
        own if own.iter().all(|one| one.until.is_none()) => text::is_listed(),
        _ => {
            for who in plan.desk.roster.accounts(&actor.person.who) {
                plan.change(Change::BeOnCall { who, until: None });
            }
            plan.audit_about(Subject::Desk, &END.spec, Vec::new());
            text::is_not_on_call()
        }
    };
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}
