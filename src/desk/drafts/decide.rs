//! Decides about forms that are not finished: their values are stored as drafts. Pure.

use super::state::Draft;
use super::text;
use crate::desk::acts::{Actor, admit, answer, refuse};
use crate::desk::decision::{Change, Decision};
use crate::desk::meant::Unfinished;
use crate::desk::plan::Plan;
use crate::domain::act::{ActRef, Given, Value};
use crate::domain::ids::{DraftId, Person};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;

/// Stores the values of an unfinished form as a draft, and tells the actor how to continue (`says`). Refuses an actor
/// without the right to the act.
pub(in crate::desk) fn go_on(
    mut plan: Plan<'_>,
    actor: &Actor<'_>,
    unfinished: &Unfinished,
    says: impl Fn(&ActRef, &DraftId) -> Message,
) -> Decision {
    let Unfinished { spec, target, does, given, page } = unfinished;
    let about = spec.person().and_then(|param| given.get(param.name)).and_then(Value::person);
    if let Err(why) = admit(&plan, actor.person, spec, target, about) {
        return refuse(plan, actor, why);
    }
    let desk = plan.desk;
    let id = does.draft.clone().unwrap_or_else(|| desk.next.draft.clone());
    let message = says(does, &id);
    let (who, does, given) = (actor.person.who.clone(), does.clone(), given.clone());
    plan.change(Change::KeepDraft(Box::new(Draft { id, who, does, given, page: *page, at: desk.now })));
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}

/// Refuses a form and stores its values as a draft. The answer has a button that opens the form with them again.
pub(in crate::desk) fn refuse_to_correct(mut plan: Plan<'_>, actor: &Actor<'_>, why: Message) -> Decision {
    let Some(does) = keep(&mut plan, actor) else { return refuse(plan, actor, why) };
    answer(&mut plan, actor, why.and(text::can_be_corrected(&does)));
    plan.end(Outcome::Refused)
}

/// Stores the values of a form as a draft, for an hour. Returns the act for the button that opens the form again.
/// `None`: the actor sent no form.
pub(in crate::desk) fn keep(plan: &mut Plan<'_>, actor: &Actor<'_>) -> Option<ActRef> {
    let (does, given) = actor.filled_in?;
    Some(keep_values(plan, actor.person, does, given.clone()))
}

/// Stores values as the draft of a form of this person, for an hour. Returns the act for the button that opens the form.
pub(in crate::desk) fn keep_values(plan: &mut Plan<'_>, person: &Person, does: &ActRef, given: Given) -> ActRef {
    let (id, at, who) = (plan.desk.next.draft.clone(), plan.desk.now, person.who.clone());
    let does = ActRef { draft: Some(id.clone()), ..does.clone() };
    plan.change(Change::KeepDraft(Box::new(Draft { id, who, does: does.clone(), given, page: 0, at })));
    does
}
