//! What follows when outages are announced and go on: pure.

use jiff::Timestamp;

use super::acts::{ANNOUNCE, RESOLVE_OUTAGE, RETRACT_OUTAGE, SEND_OUTAGE, SUBSCRIBE, UNSUBSCRIBE, UPDATE_OUTAGE};
use super::state::{Content, LONGEST_TITLE, Named, Outage, Seen};
use super::text;
use crate::desk::acts::{Actor, Deed, Done, No, answer, refuse};
use crate::desk::decision::{Change, Decision};
use crate::desk::hear::{Desk, Sees};
use crate::desk::plan::Plan;
use crate::domain::act::{Args, Given, Spec, Value};
use crate::domain::audit::FieldChange;
use crate::domain::effect::{Destination, EffectKind};
use crate::domain::event::{Timer, TimerKind};
use crate::domain::ids::{Conversation, OutageId, Person, Place};
use crate::domain::limits;
use crate::domain::message::Message;
use crate::domain::outage::{Phase, Service, Severity, meant};
use crate::domain::outcome::Outcome;
use crate::domain::plain::one_line;
use crate::domain::right::Right;
use crate::domain::subject::Subject;
use crate::domain::view::View;

/// How many outages of each phase are listed.
pub const LISTED: u32 = 20;

/// What the fields of an outage's form begin with.
#[must_use]
pub fn begun(outage: &Outage) -> Given {
    let content = &outage.content;
    let fields = [
        ("phase", outage.phase.as_str().to_owned()),
        ("known", content.known.clone()),
        ("workaround", content.workaround.clone()),
        ("internal", content.internal.clone()),
    ];
    fields.into_iter().map(|(name, text)| (name.to_owned(), Value::Text(text))).collect()
}

/// Somebody looks how the services are.
pub(super) fn services(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    let services = text::services(&plan.desk.rules.services, running(sees));
    answer(&mut plan, actor, services);
    plan.end(Outcome::Done(None))
}

/// Somebody who announces looks at what is announced.
pub(super) fn list(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, sees: &Sees) -> Decision {
    if !plan.desk.rules.outages.enabled {
        return refuse(plan, actor, text::is_off());
    }
    answer(&mut plan, actor, text::list(running(sees)));
    plan.end(Outcome::Done(None))
}

/// A channel is to hear of outages of these services.
pub(super) fn subscribe(plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &Sees) -> Decision {
    subscription(plan, actor, args, true)
}

/// A channel is to hear of them no more.
pub(super) fn unsubscribe(plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &Sees) -> Decision {
    subscription(plan, actor, args, false)
}

fn subscription(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, is_on: bool) -> Decision {
    let desk = plan.desk;
    let Some(channel) = actor.place.filter(|place| !place.is_direct()).map(channel_of) else {
        return refuse(plan, actor, text::only_in_channels());
    };
    let services = match meant_of(desk, args) {
        Ok(services) => services,
        Err(why) => return refuse(plan, actor, why),
    };
    for service in &services {
        let (service, place) = (service.key.clone(), channel.clone());
        plan.change(match is_on {
            true => Change::FollowService { service, place, at: desk.now },
            false => Change::UnfollowService { service, place, at: desk.now },
        });
    }
    plan.audit_about(Subject::Desk, if is_on { &SUBSCRIBE.spec } else { &UNSUBSCRIBE.spec }, Vec::new());
    answer(&mut plan, actor, text::subscribed(&services, is_on));
    plan.end(Outcome::Done(None))
}

/// The channel that a place is, or that its thread is in.
fn channel_of(place: &Place) -> Place {
    Place { tenant: place.tenant.clone(), at: Conversation::Channel { channel: place.channel().to_owned() } }
}

/// The services that are named.
fn meant_of<'d>(desk: &'d Desk, args: &Args) -> Result<Vec<&'d Service>, Message> {
    let all = &desk.rules.services;
    match meant(all, args.text("services")) {
        Ok(services) if services.is_empty() => Err(text::which_service(all)),
        Ok(services) => Ok(services),
        Err(word) => Err(text::unknown_service(&word, all)),
    }
}

/// Somebody writes an announcement, and sees it before anybody else does.
pub(super) fn announce(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &Sees) -> Decision {
    match written(&plan, actor, args, sees) {
        Ok(outage) => {
            plan.change(Change::WriteOutage(Box::new(outage.clone())));
            plan.audit_about(outage.id.into(), &ANNOUNCE.spec, Vec::new());
            answer(&mut plan, actor, text::preview(&outage));
            plan.end(Outcome::Done(None))
        }
        Err(why) => refuse(plan, actor, why),
    }
}

/// Somebody finds that what is asked for on a ticket is an outage.
pub(super) fn declare(plan: &mut Plan<'_>, deed: &Deed<'_>) -> Result<Done, No> {
    let outage = written(plan, deed.actor, deed.args, deed.sees).map_err(No::Say)?;
    plan.change(Change::WriteOutage(Box::new(outage.clone())));
    plan.audit_about(outage.id.into(), &ANNOUNCE.spec, Vec::new());
    plan.audit(deed.ticket, deed.spec, Vec::new());
    Ok(Done::told(text::preview(&outage)))
}

/// The announcement that a form makes, which nobody has seen yet; why it cannot be made.
fn written(plan: &Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &Sees) -> Result<Outage, Message> {
    let desk = plan.desk;
    let Sees::NextOutage(id, key, reach) = sees else { return Err(text::unknown("")) };
    let severity: Severity = args.text("severity").parse().unwrap_or(Severity::Medium);
    let services = meant_of(desk, args)?;
    may_be(plan, actor, severity)?;
    let named = |service: &&Service| Named { key: service.key.clone(), name: service.name.clone() };
    let outage = Outage {
        id: *id,
        key: key.clone(),
        phase: Phase::Drafted,
        severity,
        content: Content {
            title: one_line(args.text("title").trim()),
            services: services.iter().map(named).collect(),
            known: args.text("known").to_owned(),
            workaround: args.text("workaround").to_owned(),
            internal: args.text("internal").to_owned(),
            next_at: args.date("next"),
            reach: *reach,
        },
        owner: author(actor),
        version: 1,
        opened_at: desk.now,
        changed_at: desk.now,
        ended_at: None,
    };
    fits(&outage)?;
    Ok(outage)
}

/// Somebody announces what they have written.
pub(super) fn send(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &Sees) -> Decision {
    let seen = match known(&plan, actor, args, sees) {
        Ok(seen) if seen.outage.phase == Phase::Drafted => seen,
        Ok(seen) => return refuse(plan, actor, text::is_announced_already(&seen.outage)),
        Err(why) => return refuse(plan, actor, why),
    };
    if let Err(why) = may_be(&plan, actor, seen.outage.severity) {
        return refuse(plan, actor, why);
    }
    let now = plan.desk.now;
    // A moment that has passed meanwhile is no promise.
    let next_at = seen.outage.content.next_at.filter(|next| *next > now);
    let content = Content { next_at, ..seen.outage.content.clone() };
    let after = Outage { phase: Phase::Investigating, content, opened_at: now, ..seen.outage.clone() };
    let after = put(&mut plan, &seen.outage, after, &SEND_OUTAGE.spec);
    answer(&mut plan, actor, text::is_sent(&after));
    plan.end(Outcome::Done(None))
}

/// Somebody looks where an outage was announced.
pub(super) fn show(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &Sees) -> Decision {
    match known(&plan, actor, args, sees) {
        Ok(seen) => {
            answer(&mut plan, actor, text::shown(seen));
            plan.end(Outcome::Done(None))
        }
        Err(why) => refuse(plan, actor, why),
    }
}

/// There are news.
pub(super) fn update(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &Sees) -> Decision {
    let seen = match running_one(&plan, actor, args, sees) {
        Ok(seen) => seen,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &seen.outage;
    let content = Content {
        known: args.text("known").to_owned(),
        workaround: args.text("workaround").to_owned(),
        internal: args.text("internal").to_owned(),
        next_at: args.date("next"),
        ..before.content.clone()
    };
    let phase = args.text("phase").parse().unwrap_or(before.phase);
    let after = Outage { phase, content, ..before.clone() };
    if let Err(why) = fits(&after) {
        return refuse(plan, actor, why);
    }
    let after = put(&mut plan, before, after, &UPDATE_OUTAGE.spec);
    answer(&mut plan, actor, text::is_updated(&after));
    plan.end(Outcome::Done(None))
}

/// It is over.
pub(super) fn resolve(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &Sees) -> Decision {
    let seen = match running_one(&plan, actor, args, sees) {
        Ok(seen) => seen,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &seen.outage;
    let content = Content { known: args.text("known").to_owned(), next_at: None, ..before.content.clone() };
    let after = Outage { phase: Phase::Resolved, content, ended_at: Some(plan.desk.now), ..before.clone() };
    if let Err(why) = fits(&after) {
        return refuse(plan, actor, why);
    }
    let after = put(&mut plan, before, after, &RESOLVE_OUTAGE.spec);
    answer(&mut plan, actor, text::is_resolved(&after));
    plan.end(Outcome::Done(None))
}

/// It was announced by mistake.
pub(super) fn retract(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &Sees) -> Decision {
    let seen = match running_one(&plan, actor, args, sees) {
        Ok(seen) => seen,
        Err(why) => return refuse(plan, actor, why),
    };
    let before = &seen.outage;
    let content = Content { next_at: None, ..before.content.clone() };
    let after = Outage { phase: Phase::Retracted, content, ended_at: Some(plan.desk.now), ..before.clone() };
    let after = put(&mut plan, before, after, &RETRACT_OUTAGE.spec);
    answer(&mut plan, actor, text::is_retracted(&after));
    plan.end(Outcome::Done(None))
}

/// The moment has come for which news were announced: whoever announced the outage is reminded, once.
pub(in crate::desk) fn news_are_due(desk: &Desk, timer: &Timer, outage: Option<&Outage>) -> Decision {
    let mut plan = Plan::of(desk);
    let running = outage.filter(|outage| outage.phase.is_running());
    // Timers are kept to the millisecond.
    let later = running
        .and_then(|outage| outage.content.next_at)
        .filter(|next| next.as_millisecond() > desk.now.as_millisecond());
    if let (Some(outage), Some(due)) = (running, later) {
        // The moment was moved meanwhile.
        plan.change(Change::SetTimer(news_timer(outage.id, due)));
        return plan.end(Outcome::Done(None));
    }
    plan.change(Change::ClearTimer { on: timer.on.clone(), kind: timer.kind, slot: timer.slot });
    if let Some(outage) = running.filter(|outage| outage.content.next_at.is_some() && !outage.owner.who.is_erased()) {
        plan.whisper(None, &outage.owner.who, None, None, text::news_are_due(outage));
    }
    plan.end(Outcome::Done(None))
}

/// Writes a changed outage, and brings it to every channel that follows its services and to the desk.
fn put(plan: &mut Plan<'_>, before: &Outage, after: Outage, spec: &'static Spec) -> Outage {
    let now = plan.desk.now;
    let after = Outage { version: before.version + 1, changed_at: now, ..after };
    plan.change(Change::PutOutage(Box::new(after.clone())));
    let (from, to) = (before.phase, after.phase);
    let phase = (from != to).then(|| FieldChange {
        field: "phase".to_owned(),
        from: Some(from.as_str().to_owned()),
        to: Some(to.as_str().to_owned()),
    });
    let about = Subject::from(after.id);
    plan.audit_about(about.clone(), spec, phase.into_iter().collect());
    for channel in &plan.desk.rules.triage {
        let at = Destination::Place(channel.clone());
        let show = EffectKind::Show { view: View::OutageCard, at, awaited: None, thread_title: None };
        plan.effect_about(about.clone(), show);
    }
    plan.effect_about(about, EffectKind::Spread { view: View::Outage, after: 0 });
    plan.change(match after.content.next_at {
        Some(due) => Change::SetTimer(news_timer(after.id, due)),
        None => Change::ClearTimer { on: after.id.into(), kind: TimerKind::OutageNews, slot: 0 },
    });
    after
}

fn news_timer(outage: OutageId, due: Timestamp) -> Timer {
    Timer { on: outage.into(), kind: TimerKind::OutageNews, slot: 0, due }
}

fn running(sees: &Sees) -> &[Outage] {
    if let Sees::Outages(running) = sees { running } else { &[] }
}

/// The outage that is meant; a draft is its author's alone.
fn known<'s>(plan: &Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &'s Sees) -> Result<&'s Seen, Message> {
    if !plan.desk.rules.outages.enabled {
        return Err(text::is_off());
    }
    let named = args.key("outage").map(|outage| outage.key.to_string()).unwrap_or_default();
    let Sees::Outage(Some(seen)) = sees else { return Err(text::unknown(&named)) };
    let is_theirs = seen.outage.phase != Phase::Drafted || plan.same(&seen.outage.owner, actor.person);
    if is_theirs { Ok(seen) } else { Err(text::unknown(&named)) }
}

/// The outage that is meant, if it is running and still as it was seen.
fn running_one<'s>(plan: &Plan<'_>, actor: &Actor<'_>, args: &Args, sees: &'s Sees) -> Result<&'s Seen, Message> {
    let seen = known(plan, actor, args, sees)?;
    if !seen.outage.phase.is_running() {
        return Err(text::is_over(&seen.outage));
    }
    let version = args.key("outage").and_then(|outage| outage.version);
    match version.is_some_and(|version| version != seen.outage.version) {
        true => Err(text::changed_meanwhile(&seen.outage)),
        false => Ok(seen),
    }
}

/// Whether this person may announce something as bad as this.
fn may_be(plan: &Plan<'_>, actor: &Actor<'_>, severity: Severity) -> Result<(), Message> {
    if !plan.desk.rules.outages.enabled {
        return Err(text::is_off());
    }
    if severity == Severity::High && !plan.may(actor.person, Right::OutageAnnounceHigh) {
        return Err(text::not_so_bad());
    }
    Ok(())
}

/// Whether all of it stands in one message wherever it is shown: what is in several is not changed together.
fn fits(outage: &Outage) -> Result<(), Message> {
    let is_short = outage.content.title.chars().count() <= LONGEST_TITLE;
    match is_short && text::card(outage).room() <= limits::discord::TEXT_CHARS {
        true => Ok(()),
        false => Err(text::too_long()),
    }
}

fn author(actor: &Actor<'_>) -> Person {
    Person::new(actor.person.who.clone(), actor.person.name.clone())
}
