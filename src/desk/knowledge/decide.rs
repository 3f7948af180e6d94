//! Decides about searching for articles and suggesting them: pure.

use super::acts::SOLVED;
use super::state::{Answered, Article, Mark, Offered, Search, Suggestion};
use super::text;
use crate::desk::acts::{ActResult, Actor, Denial, TicketAct, answer};
use crate::desk::closing::decide::{close_at, closing_timer};
use crate::desk::decision::{Change, Decision};
use crate::desk::drafts::state::Draft;
use crate::desk::hear::{ActData, Desk};
use crate::desk::plan::Plan;
use crate::desk::tickets::acts::ASK;
use crate::desk::tickets::state::{Refusal, Status, Ticket};
use crate::domain::act::{ActRef, Args, Given, Value};
use crate::domain::article::Audience;
use crate::domain::effect::{Awaited, Call, EffectKind};
use crate::domain::ids::{Person, Place};
use crate::domain::message::Control;
use crate::domain::outcome::Outcome;
use crate::domain::priority::Priority;
use crate::domain::right::Right;
use crate::domain::rules::Suggestions;
use crate::domain::subject::Subject;
use crate::domain::view::View;

/// The name of the call that searches for a suggestion. Its result is an [`Answered`].
pub const SUGGEST: &str = "knowledge.suggest";
/// The name of the call for a search that a person asked for.
pub const SEARCH: &str = "knowledge.search";
/// The time limit of a search that a person asked for, in milliseconds of real time.
const FOUND_WITHIN_MS: u64 = 5_000;

/// Returns the call that searches for articles for a new ticket.
pub(in crate::desk) fn call(desk: &Desk, ticket: &Ticket) -> Call {
    Call {
        name: SUGGEST.to_owned(),
        input: serde_json::json!({ "ticket": ticket.id.0 }),
        within_ms: u64::try_from(desk.rules.knowledge.search_within.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Whether a request from this place starts a search for articles.
pub(in crate::desk) fn is_asked(desk: &Desk, origin: &Place) -> bool {
    desk.has_articles && desk.rules.suggestions(origin) != Suggestions::Off
}

/// Whether the requester may have seen a suggestion on this ticket to which they have not reacted. If they write again,
/// this means that they want a person.
pub(in crate::desk) fn may_be_open(desk: &Desk, ticket: &Ticket) -> bool {
    ticket.status == Status::New && ticket.answered_at.is_none() && is_asked(desk, &ticket.origin)
}

/// Records that the requester wants a person, and sends a card that is held back.
pub(in crate::desk) fn escalate(plan: &mut Plan<'_>, ticket: &Ticket) {
    if may_be_open(plan.desk, ticket) {
        plan.change(Change::Escalate { ticket: ticket.id, at: plan.desk.now });
        plan.show_cards(ticket);
    }
}

/// Decides about the result of the search for a suggestion: sends the confirmation and the card. If an article is
/// likely to help and suggestions are shown, the confirmation offers the article, and the card is held back for
/// `knowledge.hold`, unless the ticket is P1.
pub(in crate::desk) fn suggested(desk: &Desk, ticket: &Ticket, found: Option<&Answered>) -> Decision {
    let mut plan = Plan::of(desk).on(Some(ticket));
    let rules = &desk.rules.knowledge;
    let mode = desk.rules.suggestions(&ticket.origin);
    let likely = found.filter(|found| found.likely >= rules.confidence && !found.offered.is_empty());
    let is_shown =
        likely.is_some() && mode == Suggestions::On && ticket.status == Status::New && ticket.assignee.is_none();
    if let Some(found) = found.filter(|found| likely.is_some() || !found.fits.is_empty()) {
        let found = if likely.is_some() { found.clone() } else { Answered { offered: Vec::new(), ..found.clone() } };
        if let Some(first) = found.offered.first().filter(|_| is_shown) {
            let shown = Mark::Shown;
            plan.change(Change::MarkArticle { article: first.article, mark: shown, ticket: ticket.id, at: desk.now });
        }
        let (ticket, at) = (ticket.id, desk.now);
        let suggestion = Suggestion { ticket, found, is_shown, at, solved_by: None, escalated_at: None };
        plan.change(Change::Suggest(Box::new(suggestion)));
    }
    let hold = jiff::SignedDuration::try_from(rules.hold).unwrap_or(jiff::SignedDuration::ZERO);
    let until = ticket.opened_at.checked_add(hold).unwrap_or(desk.now);
    let is_held = is_shown && ticket.priority != Priority::P1 && until > desk.now;
    if is_held {
        plan.change(Change::HoldBack { about: ticket.id.into(), view: View::Card, until });
        // `HoldBack` has no effect on a card that has already been tried. This later update adds the suggestion to it.
        plan.show_cards_at(ticket, Some(until));
    } else {
        plan.show_cards(ticket);
    }
    plan.confirm(ticket);
    plan.end(Outcome::Done(Some(ticket.key.clone())))
}

/// Answers a search that a person asked for.
pub(in crate::desk) fn searched(desk: &Desk, search: &Search, found: Option<&Answered>) -> Decision {
    let mut plan = Plan::of(desk);
    // The words are kept as a draft of the act `ask`, so that the person need not type them again.
    let draft = desk.next.draft.clone();
    let given = Given::from([("text".to_owned(), Value::Text(search.words.clone()))]);
    let (who, does) = (search.who.clone(), ActRef { draft: Some(draft.clone()), ..ActRef::bare(ASK.spec.act()) });
    plan.change(Change::KeepDraft(Box::new(Draft {
        id: draft,
        who,
        does: does.clone(),
        given,
        page: 0,
        at: desk.now,
    })));
    let message = match found {
        Some(found) if search.by_agent => text::found(&search.words, &found.fits),
        Some(found) => text::found(&search.words, &found.offered),
        None => text::cannot_look(&search.words),
    };
    let message = message.with([Control::button("Ask the desk with these words", does)]);
    plan.whisper(None, &search.who, search.near.as_ref(), search.via.as_ref(), message);
    plan.end(Outcome::Done(None))
}

/// Queues a search for articles, which `searched` answers.
pub(super) fn search(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &ActData) -> Decision {
    let words = args.text("words").to_owned();
    if !plan.desk.has_articles {
        answer(&mut plan, actor, text::no_articles());
        return plan.end(Outcome::Done(None));
    }
    let search = Search {
        words,
        who: actor.person.who.clone(),
        by_agent: plan.is_agent(actor.person),
        near: actor.place.cloned(),
        via: actor.via.cloned(),
    };
    let input = serde_json::to_value(&search).unwrap_or_default();
    let call = Call { name: SEARCH.to_owned(), input, within_ms: FOUND_WITHIN_MS };
    plan.effect_about(Subject::Person(search.who), EffectKind::Do(call));
    plan.end(Outcome::Done(None))
}

/// Returns the article if this person may read it. Agents, and people who may publish articles, may also read drafts,
/// retired articles and articles for agents.
fn readable<'s>(plan: &Plan<'_>, person: &Person, data: &'s ActData) -> Option<&'s Article> {
    let ActData::Article(Some(article), _) = data else { return None };
    let is_keeper = || plan.is_agent(person) || plan.may(person, Right::ArticlePublish);
    Some(&**article).filter(|article| is_for_everybody(article) || is_keeper())
}

fn is_for_everybody(article: &Article) -> bool {
    article.is_published() && article.content.audience == Audience::Everyone
}

/// Returns the article that fits a ticket best, among those that the requester may read.
#[must_use]
pub fn to_send(suggestion: &Suggestion) -> Option<&Offered> {
    suggestion.found.offered.first()
}

fn suggestion(data: &ActData) -> Option<&Suggestion> {
    match data {
        ActData::Article(_, suggestion) => suggestion.as_deref(),
        _ => None,
    }
}

/// Shows an article to the person who asked for it.
pub(super) fn read(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let (message, outcome) = match readable(&plan, actor.person, data) {
        Some(article) => (text::article(article), Outcome::Done(None)),
        None => (text::unknown_article(args.text("article")), Outcome::Refused),
    };
    answer(&mut plan, actor, message);
    plan.end(outcome)
}

/// Shows the suggested article. If the requester reads it, it is marked as read.
pub(super) fn read_suggested(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let Some(article) = readable(plan, act.actor.person, act.data) else {
        return Err(Denial::Say(text::unknown_article(act.args.text("article"))));
    };
    let message = text::article(article);
    if !act.is_requester {
        return Ok(ActResult::told(message));
    }
    mark(plan, act, article, Mark::Read);
    plan.audit(act.ticket, act.spec, Vec::new());
    let is_open = act.ticket.status.is_open();
    Ok(ActResult::told(if is_open { message.with(text::about(&article.key, act.ticket)) } else { message }))
}

/// Resolves a ticket whose requester says that an article solved it.
pub(super) fn solved(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let Some(article) = readable(plan, act.actor.person, act.data) else {
        return Err(Denial::Say(text::unknown_article(act.args.text("article"))));
    };
    let desk = plan.desk;
    let mut after = act.ticket.clone();
    after.resolve(desk.now, act.actor.person, &text::resolution(article))?;
    plan.change(Change::SolvedBy { ticket: after.id, article: article.key.clone() });
    mark(plan, act, article, Mark::Solved);
    let after = plan.update_with_audit(act.ticket, after, &SOLVED.spec);
    if let Some(due) = close_at(desk, desk.now) {
        plan.change(Change::SetTimer(closing_timer(after.id, due)));
    }
    Ok(ActResult::changed(after))
}

/// Records that the requester wants a person instead of the suggested article, and sends the card.
pub(super) fn person(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let is_open = suggestion(act.data).is_some_and(|suggestion| suggestion.open().is_some());
    if !is_open || !act.ticket.status.is_open() {
        return Ok(ActResult::told(text::a_person_comes(act.ticket)));
    }
    plan.change(Change::Escalate { ticket: act.ticket.id, at: plan.desk.now });
    plan.audit(act.ticket, act.spec, Vec::new());
    plan.show_cards(act.ticket);
    plan.confirm(act.ticket);
    Ok(ActResult::quietly(text::a_person_comes(act.ticket)))
}

/// Shows the requester the other articles that were found.
pub(super) fn more(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let others =
        suggestion(act.data).map_or(&[][..], |suggestion| suggestion.found.offered.get(1..).unwrap_or_default());
    plan.audit(act.ticket, act.spec, Vec::new());
    Ok(ActResult::told(text::more(others, act.ticket)))
}

/// Sends the requester an article that an agent has chosen.
pub(super) fn send(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let ActData::Article(Some(article), _) = act.data else {
        return Err(Denial::Say(text::unknown_article(act.args.text("article"))));
    };
    if !is_for_everybody(article) {
        return Err(Denial::Say(text::not_for_requesters(article)));
    }
    if !act.ticket.status.is_open() {
        return Err(Refusal::NotNow.into());
    }
    mark(plan, act, article, Mark::Shown);
    plan.audit(act.ticket, act.spec, Vec::new());
    let (agent, ticket) = (act.actor.person, act.ticket);
    plan.tell_requester(ticket, text::sent(agent, article, ticket), Some(Awaited::Notice));
    plan.under_cards(ticket, None, |_| text::was_sent(agent, article));
    Ok(ActResult::quietly(text::is_sent(ticket, article)))
}

/// Marks an article as helpful.
pub(super) fn helpful(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let Some(article) = readable(plan, act.actor.person, act.data) else {
        return Err(Denial::Say(text::unknown_article(act.args.text("article"))));
    };
    mark(plan, act, article, Mark::Helpful);
    plan.audit(act.ticket, act.spec, Vec::new());
    Ok(ActResult::told(text::thanks(article, act.ticket)))
}

/// Marks an article as not helpful, and sends a card that is held back. Works on a retired article, too.
pub(super) fn unhelpful(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let article = match act.data {
        ActData::Article(Some(article), _) if article.content.audience == Audience::Everyone => article,
        _ => return Err(Denial::Say(text::unknown_article(act.args.text("article")))),
    };
    mark(plan, act, article, Mark::Unhelpful);
    plan.audit(act.ticket, act.spec, Vec::new());
    escalate(plan, act.ticket);
    plan.confirm(act.ticket);
    Ok(ActResult::told(text::sorry(act.ticket)))
}

fn mark(plan: &mut Plan<'_>, act: &TicketAct<'_>, article: &Article, mark: Mark) {
    let at = plan.desk.now;
    plan.change(Change::MarkArticle { article: article.id, mark, ticket: act.ticket.id, at });
}
