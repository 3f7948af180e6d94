//! Decides about the act `help`: pure.

use super::text;
use crate::desk::acts::{Actor, answer};
use crate::desk::decision::Decision;
use crate::desk::hear::ActData;
use crate::desk::plan::Plan;
use crate::domain::act::Args;
use crate::domain::outcome::Outcome;

/// Tells a person what they can do.
pub(in crate::desk) fn help(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, _: &ActData) -> Decision {
    let message = text::help(plan.is_agent(actor.person));
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}
