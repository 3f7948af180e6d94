//! The desk: it classifies events ([`hear()`]), decides about them ([`decide`]) and writes the decisions ([`write()`]).
//! Each capability has a folder of its own.

mod act_data;
pub mod acts;
pub mod alarms;
pub mod articles;
mod closing;
pub mod conversation;
pub mod decision;
pub mod drafts;
pub mod guard;
pub mod hear;
pub mod help;
pub mod knowledge;
mod meant;
pub mod notices;
pub mod on_call;
pub mod outages;
mod pings;
mod plan;
pub mod privacy;
pub mod services;
pub mod tickets;
mod touched;

#[cfg(test)]
mod cases;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use self::decision::{Change, Decision};
pub use self::hear::{Desk, Heard, hear};
use self::outages::state::Outage;
use self::plan::Plan;
use self::tickets::record::Which;
use crate::domain::effect::Prior;
use crate::domain::event::TimerKind;
use crate::domain::ids::{MessageRef, OutageId, Person, PersonRef, Place, TicketId};
use crate::domain::outcome::Outcome;
use crate::domain::permission::Roster;
use crate::domain::rules::Rules;
use crate::domain::standing::Standing;
use crate::domain::subject::Subject;
use crate::domain::view::{RenderedView, View, ViewRequest};
use crate::store::outbox::{enqueue, hold_back};
use crate::store::{Ask, Statement, StoreError, Tx, audit, dead, standing, timers};

/// Returns the decision about a classified event. Reads neither the database nor a clock.
#[must_use]
pub fn decide(desk: &Desk, heard: &Heard<'_>) -> Decision {
    match heard {
        Heard::Suggested(ticket, found) => knowledge::decide::suggested(desk, ticket, found.as_ref()),
        Heard::Searched(search, found) => knowledge::decide::searched(desk, search, found.as_ref()),
        Heard::Nobody | Heard::SkippedAgain | Heard::CallEnded => Plan::of(desk).end(match heard {
            // `Skipped` keeps the dedupe key of the edit, so that a redelivery after a later edit changes nothing.
            Heard::SkippedAgain => Outcome::Skipped,
            Heard::CallEnded => Outcome::Done(None),
            _ => Outcome::Ignored,
        }),
        Heard::Act(acted, asked, at) => {
            let plan = Plan::by(desk, &acted.actor, acted.place.as_ref());
            acts::acted(plan.on(asked.on.as_ref()).thread_ticket(asked.thread_ticket), acted, asked, *at)
        }
        Heard::Command(said, command) => conversation::decide::commanded(desk, said, command),
        Heard::Misspelt(said, spec, faults) => conversation::decide::misspelt(desk, said, spec, faults),
        Heard::NotAllowed(said, ticket) => conversation::decide::not_allowed(desk, said, ticket.as_deref()),
        Heard::WhichTicket(said, spec, open) => conversation::decide::which_ticket(desk, said, spec, open),
        Heard::Note(said, ticket) => conversation::decide::note(desk, said, ticket),
        Heard::OnTicket(said, ticket) => {
            conversation::decide::on_ticket(Plan::by(desk, &said.author, Some(&said.place)), said, ticket)
        }
        Heard::NewWords(said, new) => conversation::decide::new_words(desk, said, new),
        Heard::Reworded { said, record, ticket, at } => conversation::decide::reworded(desk, said, record, ticket, *at),
        Heard::PostedByEdit(said, heard, at) => conversation::decide::posted_by_edit(decide(desk, heard), said, *at),
        Heard::Deleted { message, recorded, was_skipped, at } => {
            let recorded = recorded.as_ref().map(|(record, ticket)| (&**record, &**ticket));
            conversation::decide::deleted(desk, message, recorded, *was_skipped, *at)
        }
        Heard::ThreadRead { ticket, messages, truncated } => {
            conversation::decide::thread_read(desk, ticket, messages, *truncated)
        }
        Heard::Settled(settled, ticket) => conversation::decide::delivered(desk, settled, ticket),
        Heard::DraftWaits(timer, article) => articles::decide::draft_waits(desk, timer, article.as_deref()),
        Heard::ProgressDue(timer, seen) => outages::decide::progress_is_due(desk, timer, seen.as_deref()),
        Heard::NewsDue(timer, outage) => outages::decide::news_are_due(desk, timer, outage.as_deref()),
        Heard::Pinged(said, known) => guard::decide::pinged(desk, said, known),
        Heard::Looked(look, found, about) => guard::decide::look_ended(
            desk,
            look,
            *found,
            about.ping.as_ref(),
            &about.known,
            about.existing_ticket.as_ref(),
        ),
        Heard::DirectOpened(request, place, is_known) => {
            conversation::decide::asked_directly(desk, request, *place, *is_known)
        }
        Heard::Due(timer, ticket) => match timer.kind {
            TimerKind::AutoClose => closing::decide::close_by_itself(desk, timer, ticket.as_deref()),
            // `hear` classifies timers of articles and outages as variants of their own.
            TimerKind::ArticleDraft | TimerKind::OutageNews | TimerKind::OutageProgress => {
                Plan::of(desk).end(Outcome::Ignored)
            }
            TimerKind::WaitOver => tickets::decide::wait_is_over(desk, timer, ticket.as_deref()),
        },
    }
}

/// Writes a decision: its changes, its audit entries and its effects.
///
/// # Errors
/// If the database is away, or if another transaction has changed the same rows meanwhile.
pub async fn write(tx: &mut dyn Tx, decision: &Decision, now: Timestamp) -> Result<(), StoreError> {
    let (mut opened, mut queued) = (None, Vec::new());
    for change in &decision.changes {
        apply(tx, change)?;
        if let Change::Open(ticket) = change {
            opened = Some(Subject::Ticket(ticket.id));
        }
    }
    for entry in &decision.audit {
        audit::append(tx, entry)?;
    }
    for effect in &decision.effects {
        // For a ticket that this decision opens, only this decision has queued effects. So the first effect of each
        // order key finds no waiting one.
        let order_key = effect.order_key();
        let is_new = opened.as_ref() == Some(&effect.about) && !queued.contains(&order_key);
        queued.push(order_key);
        let prior = if is_new { Prior::NewSubject } else { Prior::Unknown };
        enqueue(tx, effect, prior, now).await?;
    }
    Ok(())
}

/// Writes one change to the record of its capability.
///
/// # Errors
/// If the database is away.
pub fn apply(tx: &mut dyn Tx, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Open(ticket) => tickets::record::insert(tx, ticket),
        Change::Put { before, after } => tickets::record::update(tx, *before, after),
        Change::Bind { place, ticket, side } => conversation::record::bind(tx, place, *ticket, *side),
        Change::Record(said) => conversation::record::insert(tx, said),
        Change::Rewrite { message, text, at } => conversation::record::reword(tx, message, text, *at),
        Change::Erase { message, at } => conversation::record::delete_words(tx, message, *at),
        Change::Separate { message, to } => conversation::record::separate(tx, message, *to),
        Change::Move { from, to } => {
            conversation::record::give(tx, *from, *to)?;
            standing::move_to_ticket(tx, *from, *to)
        }
        Change::StoreSkipped(skipped) => conversation::record::store_skipped(tx, skipped),
        Change::DeleteSkipped { message } => conversation::record::delete_skipped(tx, message),
        Change::KeepDraft(draft) => drafts::record::keep(tx, draft),
        Change::ForgetDraft(draft) => drafts::record::forget(tx, draft),
        Change::Suggest(suggestion) => knowledge::record::suggest(tx, suggestion),
        Change::SolvedBy { ticket, article } => knowledge::record::solved(tx, *ticket, article),
        Change::Escalate { ticket, at } => knowledge::record::escalated(tx, *ticket, *at),
        Change::MarkArticle { article, mark, ticket, at } => knowledge::record::mark(tx, *article, *mark, *ticket, *at),
        Change::WriteArticle { article, by } => knowledge::record::insert_as(tx, article, Some(by)),
        Change::PutArticle { before, after, by } => knowledge::record::update(tx, before, (**after).clone(), Some(by)),
        Change::WriteOutage(outage) => outages::record::insert(tx, outage),
        Change::PutOutage(outage) => outages::record::update(tx, outage),
        Change::RetryOutage { outage, at } => outages::record::retry(tx, *outage, *at),
        Change::GiveUpOutage { outage, at } => outages::record::give_up(tx, *outage, *at),
        Change::FollowService { service, place, at } => services::record::follow(tx, service, place, *at),
        Change::UnfollowService { service, place, at } => services::record::unfollow(tx, service, place, *at),
        Change::KeepPing(ping) => guard::record::keep(tx, ping),
        Change::Mute { author, staff, until } => guard::record::leave_alone(tx, author, staff, *until),
        Change::OptOut { who, place, is_out, at } => guard::record::opt_out(tx, who, place, *is_out, *at),
        Change::AnnounceGuard { place, mode, at } => guard::record::announce(tx, place, *mode, *at),
        Change::EndPingByEdit(ping) => guard::record::address(tx, ping),
        Change::SetGuard { place, mode, at } => guard::record::put_mode(tx, place, *mode, *at),
        Change::WantPings { who, place, is_on, at } => guard::record::want(tx, who, place, *is_on, *at),
        Change::BeAway { who, until } => guard::record::be_away(tx, who, *until),
        Change::TellStaff { who, at } => guard::record::record_told(tx, who, *at),
        Change::BeOnCall { who, until } => on_call::record::put(tx, who, *until),
        Change::HoldBack { about, view, until } => hold_back(tx, about, view, *until),
        Change::SetTimer(timer) => timers::set(tx, timer),
        Change::ClearTimer { on, kind, slot } => timers::clear(tx, on, *kind, *slot),
    }
}

/// Deletes the expired rows of all capabilities. Skipped mentions expire if they are from before `then`, notices if
/// they are older still by the longest hold of an effect. These two are deleted in portions. Returns whether another
/// portion may be left.
///
/// # Errors
/// If the database is away.
pub async fn tidy(tx: &mut dyn Tx, now: Timestamp, then: Timestamp) -> Result<bool, StoreError> {
    drafts::record::tidy(tx, now)?;
    outages::record::tidy(tx, now)?;
    on_call::record::tidy(tx, now)?;
    guard::record::tidy(tx, now.checked_sub(guard::decide::KEPT).unwrap_or(Timestamp::MIN), now)?;
    Ok(conversation::record::tidy(tx, then).await? || notices::record::tidy(tx, then).await?)
}

/// Deletes the data of an account outside of tickets, or replaces the account by `alias` where a row must be kept.
/// Returns a description of each kind of data, for the operator, with the number of rows.
///
/// # Errors
/// If the database is away.
pub async fn forget(
    tx: &mut dyn Tx,
    account: &PersonRef,
    alias: &PersonRef,
    now: Timestamp,
) -> Result<Vec<(&'static str, u64)>, StoreError> {
    let nobody = Person::new(alias.clone(), privacy::text::erased_name());
    Ok(vec![
        ("greetings and bare mentions that were kept", conversation::record::forget_of(tx, account).await?),
        ("forms that were begun and not finished", drafts::record::forget_of(tx, account).await?),
        ("articles and versions of them: the name", knowledge::record::rename(tx, account, &nobody).await?),
        ("what was done with articles: the name", audit::rename(tx, "article", account, &nobody).await?),
        ("outages: the name", outages::record::rename(tx, account, &nobody, now).await?),
        (
            "what was done with outages: the name",
            audit::rename(tx, "outage", account, &nobody).await? + audit::rename(tx, "desk", account, &nobody).await?,
        ),
        (
            "pings of staff, and with whom and where they are left alone",
            guard::record::forget_of(tx, account, alias).await?,
        ),
        ("until when they are on call", on_call::record::forget_of(tx, account).await?),
        ("moments that were waited for", timers::forget(tx, &Subject::Person(account.clone())).await?),
    ])
}

/// How many open tickets of the requester are read for a confirmation, which offers to add its request to one of them.
const OTHERS: u32 = 20;

/// Renders these views from the database, in their order. `None`: the view has nothing (left) to show.
///
/// # Errors
/// If the database is away, or if a record cannot be read.
pub async fn show(
    ask: &mut dyn Ask,
    wanted: &[ViewRequest],
    roster: &Roster,
    rules: &Rules,
) -> Result<Vec<Option<RenderedView>>, StoreError> {
    let ids: BTreeSet<TicketId> = wanted.iter().filter_map(|one| one.about.ticket()).collect();
    let tickets = tickets::record::these(ask, &Vec::from_iter(ids)).await?;
    let with_suggestion = wanted.iter().filter(|one| matches!(one.view, View::Card | View::Confirmation));
    let with_suggestion: BTreeSet<TicketId> = with_suggestion.filter_map(|one| one.about.ticket()).collect();
    let suggestions = knowledge::record::suggestions(ask, &Vec::from_iter(with_suggestion)).await?;
    let messages: HashSet<&MessageRef> = wanted.iter().flat_map(|one| one.view.shows()).collect();
    let said = conversation::record::of_messages(ask, messages.into_iter()).await?;
    let (mut shown, mut known) = (Vec::with_capacity(wanted.len()), HashMap::new());
    let mut shown_of_outages = show_outages(ask, wanted, rules).await?.into_iter();
    for one in wanted {
        let ticket = tickets.iter().find(|ticket| one.about == Subject::Ticket(ticket.id));
        let suggestion = suggestions.iter().find(|suggestion| one.about == Subject::Ticket(suggestion.ticket));
        shown.push(match (&one.view, ticket) {
            (View::Card, Some(ticket)) => {
                let card = tickets::view::card(ticket, &one.place, roster);
                Some(knowledge::view::card(card, ticket, suggestion))
            }
            (View::Confirmation, Some(ticket)) => {
                let others = if ticket.is_private() {
                    let accounts = roster.accounts(&ticket.requester.who);
                    tickets::record::open_of(ask, &accounts, Which::Private, OTHERS).await?
                } else {
                    Vec::new()
                };
                let confirmation = tickets::view::confirmation(ticket, &others);
                Some(knowledge::view::confirmation(confirmation, ticket, suggestion))
            }
            (View::Lines { of, .. }, Some(ticket)) => conversation::view::lines(ticket, of, &said, one, roster),
            (View::DeadEvents, _) => Some(alarms::view::dead_events(dead::count(ask).await?)),
            (View::Outage | View::OutageNews { .. } | View::OutageCard, _) => shown_of_outages.next().flatten(),
            (View::Notice, _) => match &one.about {
                Subject::Notice(name) => {
                    if !known.contains_key(name) {
                        let says = notices::record::message(ask, name).await?;
                        known.insert(name.clone(), says);
                    }
                    known.get(name).cloned().flatten().map(RenderedView::from)
                }
                Subject::Ticket(_) | Subject::Article(_) | Subject::Outage(_) | Subject::Person(_) | Subject::Desk => {
                    None
                }
            },
            (View::Card | View::Confirmation | View::Lines { .. }, None) => None,
        });
    }
    Ok(shown)
}

/// Renders the views of outages among `wanted`, in their order.
async fn show_outages(
    ask: &mut dyn Ask,
    wanted: &[ViewRequest],
    rules: &Rules,
) -> Result<Vec<Option<RenderedView>>, StoreError> {
    let mut shown = Vec::new();
    let mut known: HashMap<OutageId, (Option<Outage>, HashSet<Place>)> = HashMap::new();
    for one in wanted {
        if !matches!(one.view, View::Outage | View::OutageNews { .. } | View::OutageCard) {
            continue;
        }
        let Subject::Outage(id) = one.about else {
            shown.push(None);
            continue;
        };
        if let Entry::Vacant(unknown) = known.entry(id) {
            let outage = outages::record::by_id(ask, id).await?;
            let firsts = wanted.iter().filter(|it| it.about == one.about && it.view == View::Outage && it.is_first);
            let firsts: Vec<Place> = firsts.map(|it| it.place.clone()).collect();
            let hearing = match &outage {
                Some(outage) if !firsts.is_empty() => outages::record::hearing(ask, outage, &firsts, rules).await?,
                _ => HashSet::new(),
            };
            unknown.insert((outage, hearing));
        }
        let Some((Some(outage), hearing)) = known.get(&id) else {
            shown.push(None);
            continue;
        };
        shown.push(match &one.view {
            View::OutageCard => Some(outages::view::card(outage, &outages::record::ledger(ask, outage).await?)),
            View::OutageNews { version, .. } if *version == outage.content.news => {
                let channel = one.place.parent_channel();
                let copy = standing::views(ask, &[(one.about.clone(), View::Outage.name(), channel)]).await?;
                outages::view::news(outage, copy.first().map(|copy| &copy.message), &rules.outages)
            }
            View::OutageNews { .. } => None,
            _ => outages::view::copy(outage, one.is_first, hearing.contains(&one.place)),
        });
    }
    Ok(shown)
}

/// Returns the places of a view's audience whose number is greater than `after`, `limit` at most, each with its number.
///
/// # Errors
/// If the database is away.
pub async fn audience(
    ask: &mut dyn Ask,
    (about, view): (&Subject, &View),
    after: u64,
    limit: usize,
    rules: &Rules,
) -> Result<Vec<(u64, Place)>, StoreError> {
    match (about, view) {
        (Subject::Notice(name), View::Notice) => notices::record::places(ask, name, after, limit).await,
        (Subject::Outage(id), View::Outage) => match outages::record::by_id(ask, *id).await? {
            Some(outage) => outages::record::audience(ask, &outage, after, limit).await,
            None => Ok(Vec::new()),
        },
        (Subject::Outage(id), View::OutageNews { through, .. }) => match outages::record::by_id(ask, *id).await? {
            Some(outage) => outages::record::beside_copies(ask, &outage, (after, *through), limit, rules).await,
            None => Ok(Vec::new()),
        },
        _ => Ok(Vec::new()),
    }
}

/// Returns the statement to write together with the receipt of a message of the bot, if the message needs one: for a
/// card, the statement binds the thread under it to its ticket.
///
/// # Errors
/// If the statement's values cannot be written as JSON, which is a fault of the program.
pub fn card_thread_binding(standing: &Standing) -> Result<Option<Statement>, StoreError> {
    conversation::record::card_thread_binding(standing)
}

/// Raises the version of a subject, if it is a ticket. A concurrent transaction that has already read the ticket then
/// conflicts, and its event is decided again.
///
/// # Errors
/// If the database is away.
pub async fn bump_version(tx: &mut dyn Tx, about: &Subject) -> Result<(), StoreError> {
    if let Subject::Ticket(id) = about
        && let Some(mut ticket) = tickets::record::by_id(tx, *id).await?
    {
        ticket.version += 1;
        tickets::record::update(tx, ticket.status.stage(), &ticket)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{conversation, drafts, guard, knowledge, notices, on_call, outages, privacy, services, tickets};
    use crate::store::{Text, plans};

    /// Every SQL text of the program.
    fn texts() -> Vec<(&'static str, Text)> {
        let own = [
            conversation::record::TEXTS,
            drafts::record::TEXTS,
            guard::record::TEXTS,
            knowledge::record::TEXTS,
            notices::record::TEXTS,
            on_call::record::TEXTS,
            outages::record::TEXTS,
            privacy::record::TEXTS,
            services::record::TEXTS,
            tickets::record::TEXTS,
        ];
        [plans::of_the_store(), own.concat()].concat()
    }

    #[tokio::test]
    async fn every_text_is_valid_on_sqlite_and_finds_its_rows_by_an_index() {
        plans::hold_on_sqlite(&texts()).await;
    }

    #[tokio::test]
    async fn every_text_is_valid_on_postgres_and_finds_its_rows_by_an_index() {
        plans::hold_on_postgres(&texts()).await;
    }

    #[test]
    fn values_of_rows_come_in_the_order_of_their_numbers() {
        plans::hold_in_order(&texts());
    }
}
