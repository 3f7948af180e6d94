//! Decides about announcing, updating and ending outages: pure.

use jiff::{SignedDuration, Timestamp};

use super::acts::{
    ANNOUNCE, CHANGE_OUTAGE, DECLARE, GIVE_UP_OUTAGE, RESOLVE_OUTAGE, RETRACT_OUTAGE, RETRY_OUTAGE, SEND_OUTAGE,
    SUBSCRIBE, UNSUBSCRIBE, UPDATE_OUTAGE,
};
use super::state::{Content, LONGEST_TITLE, Ledger, Named, Outage, OutageWithLedger};
use super::text;
use crate::desk::acts::{ActResult, Actor, Denial, TicketAct, answer, refuse};
use crate::desk::decision::{Change, Decision};
use crate::desk::drafts;
use crate::desk::drafts::decide::{keep, refuse_to_correct};
use crate::desk::hear::{ActData, Desk};
use crate::desk::plan::Plan;
use crate::domain::act::{Args, Given, Spec, Value};
use crate::domain::audit::FieldChange;
use crate::domain::channel::Access;
use crate::domain::effect::{Destination, EffectKind, Lane, Post};
use crate::domain::event::{Timer, TimerKind};
use crate::domain::ids::{OutageId, Person, Place};
use crate::domain::message::Message;
use crate::domain::outage::{Phase, STEPS, Service, Severity, services_named_in};
use crate::domain::outcome::Outcome;
use crate::domain::plain::one_line;
use crate::domain::right::Right;
use crate::domain::subject::Subject;
use crate::domain::view::View;
use crate::domain::{limits, machine, when};

/// How many outages of each phase are listed at most.
pub const LISTED: u32 = 20;
/// The shortest and the longest interval between refreshes of the card during an announcement, in the clock's time.
const PROGRESS_EVERY: SignedDuration = SignedDuration::from_secs(10);
const PROGRESS_AT_LEAST_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// The longest interval between these refreshes while channels refuse the announcement, in the clock's time.
const REFUSED_AT_LEAST_EVERY: SignedDuration = SignedDuration::from_hours(6);
/// The slots of the timer for promised news. The owner of the outage is reminded first, then the admins.
const OWNER: u16 = 0;
const ADMINS: u16 = 1;
/// How many admins are mentioned in each channel at most.
const ADMINS_TOLD: usize = 5;

/// Returns the values of an outage with which the fields of its forms begin.
#[must_use]
pub fn form_values(outage: &Outage) -> Given {
    let content = &outage.content;
    let services: Vec<&str> = content.services.iter().map(|service| service.key.as_str()).collect();
    let fields = [
        ("title", content.title.clone()),
        ("services", services.join(", ")),
        ("severity", outage.severity.as_str().to_owned()),
        ("phase", outage.phase.as_str().to_owned()),
        ("known", content.public_text.clone()),
        ("workaround", content.workaround.clone()),
        ("internal", content.internal.clone()),
    ];
    let texts = fields.into_iter().map(|(name, text)| (name.to_owned(), Value::Text(text)));
    texts.chain(content.next_at.map(|next| ("next".to_owned(), Value::Date(next)))).collect()
}

/// Shows the state of the services.
pub(super) fn services(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    // Only agents are told the owner of a service, so that other people do not write to the owner.
    let names_owners = plan.may(actor.person, Right::TicketWork);
    let services = text::services(&plan.desk.rules.services, running(data), names_owners, plan.desk.now);
    answer(&mut plan, actor, services);
    plan.end(Outcome::Done(None))
}

/// Shows an announcer the running outages.
pub(super) fn list(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    if !plan.desk.rules.outages.enabled {
        return refuse(plan, actor, text::is_off());
    }
    answer(&mut plan, actor, text::list(running(data)));
    plan.end(Outcome::Done(None))
}

/// Makes a channel follow services.
pub(super) fn subscribe(plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    subscription(plan, actor, args, data, true)
}

/// Makes a channel stop following services.
pub(super) fn unsubscribe(plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    subscription(plan, actor, args, data, false)
}

fn subscription(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData, is_on: bool) -> Decision {
    let desk = plan.desk;
    let Some(channel) = actor.place.filter(|place| !place.is_direct()).map(Place::parent_channel) else {
        return refuse(plan, actor, text::only_in_channels());
    };
    let services = match meant_of(desk, args) {
        Ok(services) => services,
        Err(why) => return refuse(plan, actor, why),
    };
    let known = if let ActData::Channel(known) = data { known.as_ref() } else { None };
    if is_on && known.is_some_and(Option::is_none) {
        return refuse(plan, actor, text::only_in_text_channels());
    }
    let access = known.and_then(|channel| channel.as_ref()).map(|channel| channel.access);
    let is_left_out = access == Some(Access::Shared) && !desk.rules.outages.takes_shared(&channel);
    for service in &services {
        let (service, place) = (service.key.clone(), channel.clone());
        plan.change(match is_on {
            true => Change::FollowService { service, place, at: desk.now },
            false => Change::UnfollowService { service, place, at: desk.now },
        });
    }
    plan.audit_about(Subject::Desk, if is_on { &SUBSCRIBE.spec } else { &UNSUBSCRIBE.spec }, Vec::new());
    let is_in = access == Some(Access::Open);
    answer(&mut plan, actor, text::subscribed(&services, is_on, is_left_out, is_in));
    plan.end(Outcome::Done(None))
}

/// Returns the services that the arguments name.
fn meant_of<'d>(desk: &'d Desk, args: &Args) -> Result<Vec<&'d Service>, Message> {
    let all = &desk.rules.services;
    match services_named_in(all, args.text("services")) {
        Ok(services) if services.is_empty() => Err(text::which_service(all)),
        Ok(services) => Ok(services),
        Err(word) => Err(text::unknown_service(&word, all)),
    }
}

/// Stores the draft of an announcement, and shows it to its author.
pub(super) fn announce(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    match written(&plan, actor, args, data) {
        Ok(outage) => {
            plan.change(Change::WriteOutage(Box::new(outage.clone())));
            plan.audit_about(outage.id.into(), &ANNOUNCE.spec, Vec::new());
            let edit = keep(&mut plan, actor);
            answer(&mut plan, actor, text::preview(&outage, edit));
            plan.end(Outcome::Done(None))
        }
        Err(why) => refuse_to_correct(plan, actor, why),
    }
}

/// Stores the draft of an announcement from a ticket, and shows it to its author.
pub(super) fn declare(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let outage = match written(plan, act.actor, act.args, act.data) {
        Ok(outage) => Outage { content: Content { declared_on: Some(act.ticket.id), ..outage.content }, ..outage },
        Err(why) => {
            return Err(Denial::Say(match keep(plan, act.actor) {
                Some(does) => why.and(drafts::text::can_be_corrected(&does)),
                None => why,
            }));
        }
    };
    plan.change(Change::WriteOutage(Box::new(outage.clone())));
    plan.audit_about(outage.id.into(), &ANNOUNCE.spec, Vec::new());
    let edit = keep(plan, act.actor);
    Ok(ActResult::without_menu(text::preview(&outage, edit)))
}

/// Returns the draft of an outage from the fields of a form, or the refusal.
fn written(plan: &Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Result<Outage, Message> {
    let desk = plan.desk;
    let ActData::NextOutage(id, key, audience) = data else { return Err(text::unknown("")) };
    let severity: Severity = args.text("severity").parse().unwrap_or(Severity::Medium);
    let services = meant_of(desk, args)?;
    if let Some(name) = &audience.unknown {
        return Err(text::unknown_channel(name));
    }
    let outage = Outage {
        id: *id,
        key: key.clone(),
        phase: Phase::Drafted,
        severity,
        content: Content {
            title: one_line(args.text("title").trim()),
            services: services.into_iter().map(named).collect(),
            public_text: or_template(desk, args.text("known"), Phase::Investigating),
            workaround: args.text("workaround").to_owned(),
            internal: args.text("internal").to_owned(),
            next_at: args.date("next"),
            former: Vec::new(),
            also: audience.also.clone(),
            everywhere: audience.everywhere,
            mentions_all: args.is_set("mention"),
            news: 0,
            declared_on: None,
            reach: audience.reach.clone(),
        },
        owner: author(actor),
        version: 1,
        opened_at: desk.now,
        changed_at: desk.now,
        ended_at: None,
    };
    may_announce(plan, actor, &outage)?;
    fits(&outage)?;
    Ok(outage)
}

fn named(service: &Service) -> Named {
    Named { key: service.key.clone(), name: service.name.clone() }
}

/// Returns the written text, or the settings' template for this phase if the text is empty.
fn or_template(desk: &Desk, written: &str, phase: Phase) -> String {
    if written.is_empty() { desk.rules.outages.template(phase).trim().to_owned() } else { written.to_owned() }
}

/// Announces a draft.
pub(super) fn send(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let seen = match named_outage(&plan, actor, args, data) {
        Ok(seen) if seen.outage.phase.can("announce") => seen,
        Ok(seen) => return refuse(plan, actor, text::is_announced_already(&seen.outage)),
        Err(why) => return refuse(plan, actor, why),
    };
    if let Err(why) = may_announce(&plan, actor, &seen.outage) {
        return refuse(plan, actor, why);
    }
    let now = plan.desk.now;
    for place in &seen.outage.content.also {
        let (service, place) = (seen.outage.key.to_string(), place.clone());
        plan.change(Change::FollowService { service, place, at: now });
    }
    // If the time promised for the next news has passed meanwhile, it is dropped.
    let next_at = seen.outage.content.next_at.filter(|next| *next > now);
    let is_late = next_at != seen.outage.content.next_at;
    let content = Content { next_at, ..seen.outage.content.clone() };
    let after = Outage { phase: Phase::Investigating, content, opened_at: now, ..seen.outage.clone() };
    let after = store_and_spread(&mut plan, seen, after, &SEND_OUTAGE.spec);
    if let Some(ticket) = after.content.declared_on {
        let key = FieldChange { field: "outage".to_owned(), from: None, to: Some(after.key.to_string()) };
        plan.audit_about(ticket.into(), &DECLARE.spec, vec![key]);
    }
    answer(&mut plan, actor, text::is_sent(&after, is_late));
    plan.end(Outcome::Done(None))
}

/// Shows an announcer an outage, and where it was announced.
pub(super) fn show(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    match named_outage(&plan, actor, args, data) {
        Ok(seen) => {
            answer(&mut plan, actor, text::shown(seen));
            plan.end(Outcome::Done(None))
        }
        Err(why) => refuse(plan, actor, why),
    }
}

/// Updates a running outage.
pub(super) fn update(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let seen = match running_one(&plan, actor, args, data) {
        Ok(seen) => seen,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &seen.outage;
    let phase = args.text("phase").parse().unwrap_or(before.phase);
    // A form shows the former values, so an empty field is a value that the actor has removed. A command leaves out the
    // values that stay.
    let now = |param: &str, before: &str| match args.text(param) {
        "" if !actor.is_form => before.to_owned(),
        text => text.to_owned(),
    };
    let promised = before.content.next_at;
    let next_at = match args.date("next") {
        Some(next) => promised.filter(|promised| when::is_same_minute(*promised, next)).or(Some(next)),
        // A command keeps a time promised before, unless it has passed.
        None => promised.filter(|next| !actor.is_form && *next > plan.desk.now),
    };
    let content = Content {
        public_text: or_template(plan.desk, &now("known", &before.content.public_text), phase),
        workaround: now("workaround", &before.content.workaround),
        internal: now("internal", &before.content.internal),
        next_at,
        ..before.content.clone()
    };
    let after = Outage { phase, content, ..before.clone() };
    if after == *before {
        return refuse_to_correct(plan, actor, text::nothing_to_change(before));
    }
    if let Err(why) = fits(&after) {
        return refuse_to_correct(plan, actor, why);
    }
    let after = store_and_spread(&mut plan, seen, after, &UPDATE_OUTAGE.spec);
    answer(&mut plan, actor, text::is_updated(&after));
    plan.end(Outcome::Done(None))
}

/// Resolves an outage.
pub(super) fn resolve(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let seen = match running_one(&plan, actor, args, data) {
        Ok(seen) => seen,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &seen.outage;
    let public_text = or_template(plan.desk, args.text("known"), Phase::Resolved);
    let content = Content { public_text, next_at: None, ..before.content.clone() };
    let after = Outage { phase: Phase::Resolved, content, ended_at: Some(plan.desk.now), ..before.clone() };
    if let Err(why) = fits(&after) {
        return refuse_to_correct(plan, actor, why);
    }
    let after = store_and_spread(&mut plan, seen, after, &RESOLVE_OUTAGE.spec);
    answer(&mut plan, actor, text::is_resolved(&after));
    plan.end(Outcome::Done(None))
}

/// Retracts an outage that was announced by mistake.
pub(super) fn retract(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let seen = match running_one(&plan, actor, args, data) {
        Ok(seen) => seen,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &seen.outage;
    let content = Content { next_at: None, ..before.content.clone() };
    let after = Outage { phase: Phase::Retracted, content, ended_at: Some(plan.desk.now), ..before.clone() };
    let after = store_and_spread(&mut plan, seen, after, &RETRACT_OUTAGE.spec);
    answer(&mut plan, actor, text::is_retracted(&after));
    plan.end(Outcome::Done(None))
}

/// Changes the title, the services or the severity of an outage. Channels that follow only a former service get further
/// news if they have a copy.
pub(super) fn change(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let seen = match running_one(&plan, actor, args, data) {
        Ok(seen) => seen,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &seen.outage;
    let services = match args.text("services") {
        "" => before.content.services.clone(),
        _ => match meant_of(plan.desk, args) {
            Ok(services) => services.into_iter().map(named).collect(),
            Err(why) => return refuse_to_correct(plan, actor, why),
        },
    };
    let once = before.content.services.iter().map(|service| service.key.clone());
    let mut former: Vec<String> = before.content.former.iter().cloned().chain(once).collect();
    former.retain(|key| services.iter().all(|service| service.key != *key));
    let title = match args.text("title") {
        "" => before.content.title.clone(),
        title => one_line(title.trim()),
    };
    let content = Content { title, services, former, ..before.content.clone() };
    let severity = args.text("severity").parse().unwrap_or(before.severity);
    let after = Outage { severity, content, ..before.clone() };
    if after == *before {
        return refuse(plan, actor, text::nothing_to_change(before));
    }
    // A change from or to high severity needs the right to announce high severity.
    let is_high = [before.severity, severity].contains(&Severity::High) && before.severity != severity;
    if is_high && !plan.may(actor.person, Right::OutageAnnounceHigh) {
        return refuse_to_correct(plan, actor, text::not_so_bad());
    }
    if let Err(why) = fits(&after) {
        return refuse_to_correct(plan, actor, why);
    }
    let after = store_and_spread(&mut plan, seen, after, &CHANGE_OUTAGE.spec);
    answer(&mut plan, actor, text::is_updated(&after));
    plan.end(Outcome::Done(None))
}

/// Releases the held posts and updates of an outage, so that they are tried again.
pub(super) fn retry(plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let again = |outage, at| Change::RetryOutage { outage, at };
    with_the_refused(plan, actor, (args, data), again, &RETRY_OUTAGE.spec, text::is_tried_again)
}

/// Gives up the held posts and updates of an outage.
pub(super) fn give_up(plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let no_more = |outage, at| Change::GiveUpOutage { outage, at };
    with_the_refused(plan, actor, (args, data), no_more, &GIVE_UP_OUTAGE.spec, text::is_given_up)
}

/// Applies a change to the effects of an outage that are held, because their channels refuse them. Answers with `says`.
fn with_the_refused(
    mut plan: Plan<'_>,
    actor: &Actor<'_>,
    (args, data): (&Args, &ActData),
    change: impl Fn(OutageId, Timestamp) -> Change,
    spec: &'static Spec,
    says: fn(&Outage) -> Message,
) -> Decision {
    let outage = match named_outage(&plan, actor, args, data) {
        Ok(seen) => &seen.outage,
        Err(why) => return refuse(plan, actor, why),
    };
    plan.change(change(outage.id, plan.desk.now));
    watch(&mut plan, outage.id);
    plan.audit_about(outage.id.into(), spec, Vec::new());
    answer(&mut plan, actor, says(outage));
    plan.end(Outcome::Done(None))
}

/// Refreshes the card with the progress of an announcement, and sets the timer again until the announcement has ended.
pub(in crate::desk) fn progress_is_due(desk: &Desk, timer: &Timer, seen: Option<&OutageWithLedger>) -> Decision {
    let mut plan = Plan::of(desk);
    plan.change(Change::ClearTimer { on: timer.on.clone(), kind: timer.kind, slot: timer.slot });
    if let Some(seen) = seen {
        for channel in &desk.rules.triage {
            let refresh = EffectKind::Refresh { view: View::OutageCard, at: channel.clone() };
            plan.effect_about(seen.outage.id.into(), refresh);
        }
        // The interval grows with the age of the last change. If all that is left is held, which may last for days, the
        // interval is longer.
        let since = desk.now.duration_since(seen.outage.changed_at);
        let wait = match (seen.ledger.is_under_way(), seen.ledger.total().held) {
            (true, _) => Some((since / 60).clamp(PROGRESS_EVERY, PROGRESS_AT_LEAST_EVERY)),
            (false, 0) => None,
            (false, _) => Some((since / 10).clamp(PROGRESS_AT_LEAST_EVERY, REFUSED_AT_LEAST_EVERY)),
        };
        if let Some(wait) = wait {
            plan.change(Change::SetTimer(progress_timer(seen.outage.id, desk.now + wait)));
        }
    }
    plan.end(Outcome::Done(None))
}

/// Reminds the owner of an outage, once, at the time for which news were promised. If there are still no news after
/// `outages.overdue`, reminds the admins, in the desk's channels.
pub(in crate::desk) fn news_are_due(desk: &Desk, timer: &Timer, outage: Option<&Outage>) -> Decision {
    let mut plan = Plan::of(desk);
    let running = outage.filter(|outage| outage.phase.is_running());
    // Timers are stored in milliseconds, so the times are compared in milliseconds.
    let later = running
        .and_then(|outage| outage.content.next_at)
        .filter(|next| next.as_millisecond() > desk.now.as_millisecond());
    if let (Some(outage), Some(due)) = (running, later) {
        // The news are promised for a later time by now.
        plan.change(Change::ClearTimer { on: timer.on.clone(), kind: timer.kind, slot: timer.slot });
        plan.change(Change::SetTimer(news_timer(outage.id, due)));
        return plan.end(Outcome::Done(None));
    }
    plan.change(Change::ClearTimer { on: timer.on.clone(), kind: timer.kind, slot: timer.slot });
    let Some(outage) = running.filter(|outage| outage.content.next_at.is_some()) else {
        return plan.end(Outcome::Done(None));
    };
    if timer.slot == OWNER {
        if !outage.owner.who.is_erased() {
            plan.whisper(None, &outage.owner.who, None, None, text::news_are_due(outage));
        }
        let overdue = SignedDuration::try_from(desk.rules.outages.overdue).unwrap_or(SignedDuration::MAX);
        if !overdue.is_zero()
            && let Some(Ok(due)) = outage.content.next_at.map(|next| next.checked_add(overdue))
        {
            plan.change(Change::SetTimer(Timer { slot: ADMINS, ..news_timer(outage.id, due) }));
        }
        return plan.end(Outcome::Done(None));
    }
    // Each channel mentions the admins of its platform.
    let admins = desk.roster.known_admins(desk.now);
    for channel in &desk.rules.triage {
        let here = admins.iter().filter(|admin| admin.platform == channel.platform()).take(ADMINS_TOLD);
        let to = Destination::Place(channel.clone());
        let say = EffectKind::Say(Post::new(to, text::news_are_overdue(outage, here), Lane::Act));
        plan.effect_about(outage.id.into(), say);
    }
    plan.end(Outcome::Done(None))
}

/// Stores a changed outage as its next version. Queues the spread of its copies, its cards on the desk and, if needed,
/// the spread of its news beside the copies. Sets its timers.
fn store_and_spread(plan: &mut Plan<'_>, seen: &OutageWithLedger, after: Outage, spec: &'static Spec) -> Outage {
    let (now, before) = (plan.desk.now, &seen.outage);
    let version = before.version + 1;
    let content = Content { news: version, ..after.content };
    let after = Outage { version, changed_at: now, content, ..after };
    plan.change(Change::PutOutage(Box::new(after.clone())));
    let changed = |field: &str, from: &str, to: &str| {
        (from != to).then(|| FieldChange {
            field: field.to_owned(),
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
        })
    };
    debug_assert!(machine::follows(&STEPS, before.phase.as_str(), after.phase.as_str()), "outages have no such step");
    let phase = changed("phase", before.phase.as_str(), after.phase.as_str());
    let severity = changed("severity", before.severity.as_str(), after.severity.as_str());
    let about = Subject::from(after.id);
    plan.audit_about(about.clone(), spec, phase.into_iter().chain(severity).collect());
    for channel in &plan.desk.rules.triage {
        let at = Destination::Place(channel.clone());
        let show = EffectKind::Show { view: View::OutageCard, at, awaited: None, thread_title: None };
        plan.effect_about(about.clone(), show);
    }
    plan.effect_about(about.clone(), EffectKind::Spread { view: View::Outage, after: 0 });
    if is_said_anew(plan.desk, &after, &seen.ledger) {
        let view = View::OutageNews { version, through: seen.ledger.last_copy };
        plan.effect_about(about, EffectKind::Spread { view, after: 0 });
    }
    watch(plan, after.id);
    // If the promised time is unchanged, its timer is set already or has fired.
    if after.content.next_at != before.content.next_at || before.phase == Phase::Drafted {
        let clear = |slot| Change::ClearTimer { on: after.id.into(), kind: TimerKind::OutageNews, slot };
        plan.change(clear(ADMINS));
        plan.change(match after.content.next_at {
            Some(due) => Change::SetTimer(news_timer(after.id, due)),
            None => clear(OWNER),
        });
    }
    after
}

/// Whether news are also posted as new messages beside the copies: if updating all copies takes long, or if
/// [`Outage::ends_anew`].
fn is_said_anew(desk: &Desk, after: &Outage, ledger: &Ledger) -> bool {
    let takes = text::seconds(ledger.slack.stands, limits::slack::BROADCAST_UPDATE);
    let is_slow = takes > limits::SLOW_NEWS.as_secs_f64();
    after.phase != Phase::Drafted && (is_slow || (ledger.total().stands > 0 && after.ends_anew(&desk.rules.outages)))
}

/// Sets the timer for the next refresh of the card with the progress of the announcement.
fn watch(plan: &mut Plan<'_>, outage: OutageId) {
    plan.change(Change::SetTimer(progress_timer(outage, plan.desk.now + PROGRESS_EVERY)));
}

fn news_timer(outage: OutageId, due: Timestamp) -> Timer {
    Timer { on: outage.into(), kind: TimerKind::OutageNews, slot: OWNER, due }
}

fn progress_timer(outage: OutageId, due: Timestamp) -> Timer {
    Timer { on: outage.into(), kind: TimerKind::OutageProgress, slot: 0, due }
}

fn running(data: &ActData) -> &[Outage] {
    if let ActData::Outages(running) = data { running } else { &[] }
}

/// Returns the outage that the arguments name, or the refusal. Only its author may see a draft.
fn named_outage<'s>(
    plan: &Plan<'_>,
    actor: &Actor<'_>,
    args: &Args,
    data: &'s ActData,
) -> Result<&'s OutageWithLedger, Message> {
    if !plan.desk.rules.outages.enabled {
        return Err(text::is_off());
    }
    let named = args.key("outage").map(|outage| outage.key.to_string()).unwrap_or_default();
    let ActData::Outage(Some(seen)) = data else { return Err(text::unknown(&named)) };
    let is_theirs = seen.outage.phase != Phase::Drafted || plan.same(&seen.outage.owner, actor.person);
    if is_theirs { Ok(seen) } else { Err(text::unknown(&named)) }
}

/// Returns the outage that the arguments name, or the refusal. It must be running, and still have the version of the
/// actor's button or form, if these carry one.
fn running_one<'s>(
    plan: &Plan<'_>,
    actor: &Actor<'_>,
    args: &Args,
    data: &'s ActData,
) -> Result<&'s OutageWithLedger, Message> {
    let seen = named_outage(plan, actor, args, data)?;
    if !seen.outage.phase.is_running() {
        return Err(text::is_over(&seen.outage));
    }
    let version = args.key("outage").and_then(|outage| outage.version);
    match version.is_some_and(|version| version != seen.outage.version) {
        true => Err(text::changed_meanwhile(&seen.outage)),
        false => Ok(seen),
    }
}

/// Checks that this person may announce an outage of this severity to this audience.
fn may_announce(plan: &Plan<'_>, actor: &Actor<'_>, outage: &Outage) -> Result<(), Message> {
    if !plan.desk.rules.outages.enabled {
        return Err(text::is_off());
    }
    let may = |right| plan.may(actor.person, right);
    if outage.severity == Severity::High && !may(Right::OutageAnnounceHigh) {
        return Err(text::not_so_bad());
    }
    if outage.content.everywhere && !may(Right::OutageAnnounceHigh) {
        return Err(text::not_everywhere());
    }
    if outage.content.mentions_all && !may(Right::OutageMentionAll) {
        return Err(text::not_everybody());
    }
    Ok(())
}

/// Checks that the outage fits into one message wherever it is shown. An outage in several messages could not be
/// updated in one step.
fn fits(outage: &Outage) -> Result<(), Message> {
    let is_short = outage.content.title.chars().count() <= LONGEST_TITLE;
    match is_short && text::longest(outage).max_chars() <= limits::discord::TEXT_CHARS {
        true => Ok(()),
        false => Err(text::too_long()),
    }
}

fn author(actor: &Actor<'_>) -> Person {
    Person::new(actor.person.who.clone(), actor.person.name.clone())
}
