//! Being on call: pure.

use super::acts::{END, UNTIL};
use super::state::OnCall;
use super::text;
use crate::desk::acts::{Actor, answer, refuse};
use crate::desk::decision::{Change, Decision};
use crate::desk::hear::Sees;
use crate::desk::plan::Plan;
use crate::domain::act::Args;
use crate::domain::outcome::Outcome;
use crate::domain::subject::Subject;

fn on_call(sees: &Sees) -> &[OnCall] {
    if let Sees::OnCall(on_call) = sees { on_call } else { &[] }
}

/// Who is on call?
pub(super) fn who(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    let message = text::who(on_call(sees), &actor.person.who, &plan.desk.roster);
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}

/// Somebody is on call until then.
pub(super) fn until(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &Sees) -> Decision {
    let Some(until) = args.date("until") else { return refuse(plan, actor, text::until_when()) };
    plan.change(Change::BeOnCall { who: actor.person.who.clone(), until: Some(until) });
    plan.audit_about(Subject::Desk, &UNTIL.spec, Vec::new());
    answer(&mut plan, actor, text::is_on_call(until));
    plan.end(Outcome::Done(None))
}

/// Somebody is on call no more.
pub(super) fn end(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    let roster = &plan.desk.roster;
    let own: Vec<&OnCall> = on_call(sees).iter().filter(|one| roster.same(&one.who, &actor.person.who)).collect();
    let message = match own.as_slice() {
        [] => text::was_not_on_call(),
        own if own.iter().all(|one| one.until.is_none()) => text::is_listed(),
        own => {
            for one in own.iter().filter(|one| one.until.is_some()) {
                plan.change(Change::BeOnCall { who: one.who.clone(), until: None });
            }
            plan.audit_about(Subject::Desk, &END.spec, Vec::new());
            text::is_not_on_call()
        }
    };
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}
