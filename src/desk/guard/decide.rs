//! The guard's decisions about messages that ping staff: pure.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::acts::{CALL, MODE};
use super::state::{
    CLASSIFIER, ChannelGuard, LOOKED_BACK, Ping, PingContext, PingOutcome, Ruling, channel_of, context, is_news,
    judged_words, speaks, staff_pinged,
};
use super::text;
use crate::asking::Context;
use crate::desk::acts::{ActResult, Actor, Denial, TicketAct, answer, refuse};
use crate::desk::conversation::state::Voice;
use crate::desk::conversation::text::{is_passed_on, is_with_the_desk_already};
use crate::desk::decision::{Change, Decision};
use crate::desk::hear::{ActData, Desk};
use crate::desk::help::text::your_words;
use crate::desk::on_call::state::{OnCall, reachable, reached_on};
use crate::desk::plan::{Plan, Words, origin_of};
use crate::desk::tickets::acts::CANCEL;
use crate::desk::tickets::decide::cancel;
use crate::desk::tickets::state::Ticket;
use crate::domain::act::{AUTHOR, Args, SAID};
use crate::domain::audit::FieldChange;
use crate::domain::effect::{Destination, EffectKind, Lane, Post, Sign, SilentAct};
use crate::domain::event::{DedupeKey, DirectRequest, Found, Handed, Look, LookFor, PassedOn, ReplyHandle, Said, Way};
use crate::domain::ids::{Person, PersonRef, PingId, Place, TicketKey};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::priority::Priority;
use crate::domain::right::Right;
use crate::domain::rules::GuardMode;
use crate::domain::subject::Subject;

/// The greatest age at which a ping is judged. Older pings come from a catch-up and are only counted.
const FRESH: SignedDuration = SignedDuration::from_mins(1);
/// The interval between the messages that tell the staff how the guard works.
const TOLD_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// How long pings are kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);
/// The period that a report covers.
pub const REPORTED: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Decides about a message that pings staff in a place that belongs to no request.
pub(in crate::desk) fn pinged(desk: &Desk, said: &Said, known: &PingContext) -> Decision {
    let mut plan = Plan::by(desk, &said.author, Some(&said.place));
    let mut ping = Ping {
        id: PingId::of(&DedupeKey::message(&said.message)),
        message: said.message.clone(),
        place: said.place.clone(),
        author: said.author.who.clone(),
        staff: known.staff.clone(),
        at: said.at,
        mode: mode_of(known),
        probability: None,
        why: Vec::new(),
        ruling: Ruling::Talk,
        asked_at: None,
        end: None,
        ticket: None,
    };
    let answered = said.notifies.as_ref().map(|person| person.who.to_string());
    let is_answer = answered.is_some_and(|answered| known.staff.iter().all(|staff| *staff == answered));
    let classifier = CLASSIFIER.as_ref();
    match (is_answer, known, classifier) {
        (true, ..) => ping.ruling = Ruling::Answer,
        (_, PingContext { is_about_outage: true, .. }, _) => ping.ruling = Ruling::OnCall,
        (_, PingContext { staff_want_pings: true, .. }, _) => ping.ruling = Ruling::Wanted,
        (_, PingContext { is_dismissed_lately: true, .. }, _) => ping.ruling = Ruling::Quiet,
        _ if desk.rules.is_exempt_at(said.at) => ping.ruling = Ruling::Hours,
        (_, _, Some(classifier)) => {
            let alone = classifier.read(&judged_words(said));
            // The messages before the ping are not read yet. An hour of silence before a message makes a request most
            // likely, so hardly any context would give a higher probability than `at_best`. If even that is too low,
            // the messages before need not be read.
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
        queue_look(&mut plan, &ping, LookFor::Judge(ping.id.clone()));
        // The mode of the settings is announced in a channel before it is applied there for the first time.
        announce(&mut plan, &said.place, (known.announced, known.mode), None, &known.untold);
    }
    plan.change(Change::KeepPing(Box::new(ping)));
    plan.end(Outcome::Done(None))
}

/// Announces the guard mode in a channel, if [`is_news`] says so. If the guard speaks to people in the new mode, also
/// tells the staff in `untold` how it works. `by`: the person who set the mode by a command, if one did.
fn announce(
    plan: &mut Plan<'_>,
    place: &Place,
    (before, after): (GuardMode, GuardMode),
    by: Option<&Person>,
    untold: &[PersonRef],
) {
    if !is_news(before, after) {
        return;
    }
    let (channel, at) = (place.parent_channel(), plan.desk.now);
    plan.change(Change::AnnounceGuard { place: channel.clone(), mode: after, at });
    let about = by.map_or(Subject::Desk, |by| Subject::Person(by.who.clone()));
    let message = text::from_now_on(after, by.map(|by| by.name.as_str()));
    plan.effect_about(about, EffectKind::Say(Post::new(Destination::Place(channel), message, Lane::Act)));
    if speaks(after) {
        tell_staff(plan, untold);
    }
}

/// Returns the guard mode for a ping. Where pings are only counted, the author is asked nevertheless if all pinged
/// staff are away.
fn mode_of(known: &PingContext) -> GuardMode {
    match known.mode {
        GuardMode::Observe if known.away_until.is_some() => GuardMode::Nudge,
        mode => mode,
    }
}

/// Queues a look at a ping's message as it is now. A look to judge the ping also reads the messages before it.
fn queue_look(plan: &mut Plan<'_>, ping: &Ping, why: LookFor) {
    let before = if matches!(why, LookFor::Judge(_)) { LOOKED_BACK } else { 0 };
    let (message, place, at) = (ping.message.clone(), ping.place.clone(), plan.desk.now);
    let look = Look { message, place, before, at, why };
    plan.effect_about(Subject::Person(ping.author.clone()), SilentAct::Look(Box::new(look)).into());
}

/// Decides about the result of reading a message from the platform.
pub(in crate::desk) fn look_ended(
    desk: &Desk,
    look: &Look,
    found: Option<&Found>,
    ping: Option<&Ping>,
    known: &PingContext,
    existing_ticket: Option<&Ticket>,
) -> Decision {
    match (&look.why, ping) {
        (LookFor::Judge(_), Some(ping)) if ping.ruling == Ruling::Waiting => {
            judge(desk, look, found, ping, known, existing_ticket)
        }
        (LookFor::Request { via, urgent, .. }, Some(ping)) => {
            make_request(desk, (via.as_ref(), urgent.as_deref()), found, (ping, known), existing_ticket)
        }
        (LookFor::Behalf { by, via, handed }, _) => {
            pass_on_for(desk, (look, by, via.as_ref()), (found, handed.as_deref()), existing_ticket)
        }
        (LookFor::Judge(_) | LookFor::Request { .. }, _) => Plan::of(desk).end(Outcome::Ignored),
    }
}

/// Judges a ping by the messages before it, and does what the channel's mode says.
fn judge(
    desk: &Desk,
    look: &Look,
    found: Option<&Found>,
    ping: &Ping,
    known: &PingContext,
    existing_ticket: Option<&Ticket>,
) -> Decision {
    let mut after = ping.clone();
    let said = found.and_then(|found| found.message.as_ref());
    let (Some(found), Some(said), Some(classifier), false) =
        (found, said, CLASSIFIER.as_ref(), look.is_too_late(desk.now))
    else {
        after.ruling = Ruling::Unread;
        let mut plan = Plan::of(desk);
        plan.change(Change::KeepPing(Box::new(after)));
        return plan.end(Outcome::Done(None));
    };
    let (context, takes_part) = context(ping, &found.before, &desk.roster, &desk.rules);
    // The message may have been edited meanwhile, so it is classified again.
    let alone = classifier.read(&judged_words(said));
    let reading = classifier.within(&alone, &context);
    let pings_nobody = staff_pinged(said, &desk.roster, desk.now).is_empty();
    (after.probability, after.why) = (Some(reading.probability), reading.why);
    let every = SignedDuration::try_from(desk.rules.guard.notice_every).unwrap_or(SignedDuration::MAX);
    let was_told = known.asked_at.is_some_and(|told| ping.at.duration_since(told) < every);
    after.ruling = match () {
        () if takes_part => Ruling::TakesPart,
        () if !reading.asks || pings_nobody => Ruling::Talk,
        () if known.has_opted_out => Ruling::OptedOut,
        () if was_told && ping.mode == GuardMode::Nudge => Ruling::Recently,
        () => Ruling::Request,
    };
    let mut plan = Plan::by(desk, &said.author, Some(&ping.place));
    let mut outcome = Outcome::Done(None);
    match (after.ruling, ping.mode) {
        // The message belongs to a request already, so its author is not asked.
        (Ruling::Request, _) if existing_ticket.is_some() => after.ruling = Ruling::WithDesk,
        (Ruling::Request, GuardMode::Nudge) => {
            after.asked_at = Some(desk.now);
            let (again, is_anybody_on_call) = (known.asked_at.is_some(), !on_call_of(desk, &known.on_call).is_empty());
            hint(&mut plan, said, text::nudge(ping, again, known.away_until, is_anybody_on_call));
        }
        (Ruling::Request, GuardMode::Route) => {
            let ticket = open(&mut plan, said);
            (after.asked_at, after.end, after.ticket) =
                (Some(desk.now), Some(PingOutcome::Routed), Some(ticket.key.clone()));
            hint(&mut plan, said, text::routed(&ping.id, &ticket));
            outcome = Outcome::Opened(ticket.key);
        }
        _ => {}
    }
    plan.change(Change::KeepPing(Box::new(after)));
    plan.end(outcome)
}

/// Turns a ping into a request of its author, who has asked for that. `urgent`: the author's reason why it cannot wait.
fn make_request(
    desk: &Desk,
    (via, urgent): (Option<&ReplyHandle>, Option<&str>),
    found: Option<&Found>,
    (ping, known): (&Ping, &PingContext),
    existing_ticket: Option<&Ticket>,
) -> Decision {
    let said = found.and_then(|found| found.message.as_ref());
    let own = existing_ticket.filter(|ticket| desk.roster.same(&ticket.requester.who, &ping.author));
    // If the message is gone, the author's name is taken from the ticket.
    let author = said.map(|said| &said.author).or(own.map(|ticket| &ticket.requester)).cloned();
    let author = author.unwrap_or_else(|| Person::new(ping.author.clone(), String::new()));
    let mut plan = Plan::by(desk, &author, Some(&ping.place));
    let key = own.map(|ticket| ticket.key.clone()).or_else(|| ping.ticket.clone());
    let nobody_called = |message: Message| match urgent {
        Some(reason) => message.and(text::nobody_was_called()).and(your_words(reason)),
        None => message,
    };
    let (message, outcome) = match (key, own, said, urgent) {
        (Some(key), Some(_), ..) if ping.end == Some(PingOutcome::Urgent) => {
            (text::was_called(&key), Outcome::Done(None))
        }
        (Some(key), Some(ticket), _, Some(reason)) if ticket.status.is_open() => {
            keep_end(&mut plan, ping, PingOutcome::Urgent, &key);
            (call_out(&mut plan, ticket, ping, known, reason), Outcome::Done(Some(key)))
        }
        (Some(key), ..) => (nobody_called(text::became(&key)), Outcome::Done(None)),
        (None, ..) if existing_ticket.is_some() => (nobody_called(text::thread_of_another()), Outcome::Done(None)),
        (None, _, Some(said), _) => {
            let ticket = open(&mut plan, said);
            keep_end(
                &mut plan,
                ping,
                if urgent.is_some() { PingOutcome::Urgent } else { PingOutcome::Accepted },
                &ticket.key,
            );
            let message = match urgent {
                Some(reason) => call_out(&mut plan, &ticket, ping, known, reason),
                None => text::is_with_the_desk(&ticket.key),
            };
            (message, Outcome::Opened(ticket.key))
        }
        (None, _, None, _) if found.is_some() => (nobody_called(text::is_gone()), Outcome::Refused),
        (None, _, None, _) => (nobody_called(text::cannot_be_read()), Outcome::Refused),
    };
    plan.whisper(None, &ping.author, Some(&ping.place), via, message);
    plan.end(outcome)
}

/// Returns the people on call who can be mentioned in at least one of the desk's channels.
fn on_call_of(desk: &Desk, on_call: &[OnCall]) -> Vec<OnCall> {
    reachable(on_call, &desk.rules.triage, &desk.roster)
}

/// Stores how a ping ended, and the ticket that it became.
fn keep_end(plan: &mut Plan<'_>, ping: &Ping, end: PingOutcome, key: &TicketKey) {
    let ticket = Some(key.clone());
    plan.change(Change::KeepPing(Box::new(Ping { end: Some(end), ticket, ..ping.clone() })));
}

/// Mentions the people on call in messages under the cards of a ticket. Sets its priority to P1, since the cards of a
/// P1 ticket are not held back for a suggestion. Returns the answer to the requester.
fn call_out(plan: &mut Plan<'_>, ticket: &Ticket, ping: &Ping, known: &PingContext, reason: &str) -> Message {
    let (desk, author) = (plan.desk, &ticket.requester);
    let on_call = on_call_of(desk, &known.on_call);
    let after = plan.update_with_audit(ticket, Ticket { priority: Priority::P1, ..ticket.clone() }, &CALL.spec);
    let words = Words::typed(ping.message.clone(), desk.now, reason.to_owned());
    plan.record(&after, author, Voice::Requester, &words);
    plan.under_cards_in(Lane::Act, ticket, None, |channel| {
        let called = reached_on(&on_call, channel.platform(), &desk.roster);
        text::call(author, reason, &called, on_call.is_empty())
    });
    text::is_urgent_at_the_desk(&ticket.key, &on_call, &ping.author, &desk.roster)
}

/// Turns a message into a request of its author. `by`: the person who passed the message on.
fn pass_on_for(
    desk: &Desk,
    (look, by, via): (&Look, &Person, Option<&ReplyHandle>),
    (found, handed): (Option<&Found>, Option<&Handed>),
    existing_ticket: Option<&Ticket>,
) -> Decision {
    let said = found.and_then(|found| found.message.as_ref());
    let mut plan = Plan::by(desk, by, Some(&look.place));
    if let (None, None, Some(handed)) =
        (existing_ticket, found, handed.filter(|handed| !handed.words.trim().is_empty()))
    {
        // The bot is not in this place, so the request is opened in the author's direct conversation.
        let request = DirectRequest {
            by: handed.author.clone(),
            words: handed.words.clone(),
            at: desk.now,
            near: Some(look.place.clone()),
            via: via.cloned(),
            passed_on: Some(PassedOn { by: by.clone(), message: look.message.clone() }),
        };
        let about = Subject::Person(handed.author.who.clone());
        plan.effect_about(about, SilentAct::OpenDirect { request: Box::new(request) }.into());
        return plan.end(Outcome::Done(None));
    }
    let (message, outcome) = match (existing_ticket, said) {
        // The answer does not name the ticket, so there is no need to check whether the person may know of it.
        (Some(_), _) => (is_with_the_desk_already(), Outcome::Done(None)),
        (None, Some(said)) if Words::of(said).text.is_empty() => (text::nothing_in_it(), Outcome::Refused),
        (None, Some(said)) => {
            let ticket = open(&mut plan, said);
            if desk.roster.same(&by.who, &said.author.who) {
                (text::is_with_the_desk(&ticket.key), Outcome::Opened(ticket.key))
            } else {
                hint(&mut plan, said, text::passed_on_by_another(&ticket));
                (is_passed_on(&ticket.key), Outcome::Opened(ticket.key))
            }
        }
        (None, None) if found.is_some() => (text::of_no_person(), Outcome::Refused),
        (None, None) => (text::cannot_be_read(), Outcome::Refused),
    };
    plan.whisper(None, &by.who, Some(&look.place), via, message);
    plan.end(outcome)
}

/// Opens a ticket from a message. A reaction on the message shows the people whom it pings that it became a request.
fn open(plan: &mut Plan<'_>, said: &Said) -> Ticket {
    let ticket = plan.open(&said.author, origin_of(&said.place, &said.message), &[Words::of(said)], None);
    plan.effect(Some(ticket.id), SilentAct::React { message: said.message.clone(), sign: Sign::Request, is_on: true });
    if said.place.root().is_some() {
        let read = SilentAct::ReadThread { place: said.place.clone(), before: said.message.clone() };
        plan.effect(Some(ticket.id), read);
    }
    ticket
}

fn hint(plan: &mut Plan<'_>, said: &Said, message: Message) {
    let (to, place, reply_to) = (said.author.who.clone(), said.place.clone(), said.message.clone());
    plan.effect(None, EffectKind::Hint { to, place, reply_to, message });
}

/// Returns the ping that the act is about, if the actor is its author.
fn own<'s>(plan: &Plan<'_>, actor: &Actor<'_>, data: &'s ActData) -> Option<&'s Ping> {
    let ActData::Ping(Some(ping), _) = data else { return None };
    plan.desk.roster.same(&ping.author, &actor.person.who).then_some(&**ping)
}

/// Lets the author of a ping make it a request. Queues a look at the message; `make_request` opens the ticket when the
/// result arrives.
pub(in crate::desk) fn pass_on(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let Some(ping) = own(&plan, actor, data) else { return refuse(plan, actor, text::not_yours()) };
    if let Some(key) = &ping.ticket {
        let message = text::became(key);
        answer(&mut plan, actor, message);
        return plan.end(Outcome::Done(None));
    }
    ask_for(&mut plan, actor, ping, None);
    plan.end(Outcome::Done(None))
}

/// Queues a look at a ping's message as it is now, to make it a request.
fn ask_for(plan: &mut Plan<'_>, actor: &Actor<'_>, ping: &Ping, urgent: Option<String>) {
    let (by, via) = (ping.author.clone(), actor.via.cloned());
    queue_look(plan, ping, LookFor::Request { ping: ping.id.clone(), by, via, urgent });
}

/// Tells the author of a ping, who says that it is urgent, which people on call can be called.
pub(in crate::desk) fn urgent(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let Some(ping) = own(&plan, actor, data) else { return refuse(plan, actor, text::not_yours()) };
    let on_call = if let ActData::Ping(_, on_call) = data { on_call_of(plan.desk, on_call) } else { Vec::new() };
    let message = match &ping.ticket {
        Some(key) if ping.end == Some(PingOutcome::Urgent) => text::was_called(key),
        _ if on_call.is_empty() => text::nobody_is_on_call(ping),
        _ => text::who_is_called(ping, &on_call, &plan.desk.roster),
    };
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}

/// Lets the author of a ping make it an urgent request, with the reason that the author has typed. Queues a look at the
/// message, like `pass_on`.
pub(in crate::desk) fn call(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let Some(ping) = own(&plan, actor, data) else { return refuse(plan, actor, text::not_yours()) };
    if let (Some(key), Some(PingOutcome::Urgent)) = (&ping.ticket, ping.end) {
        let message = text::was_called(key);
        answer(&mut plan, actor, message);
        return plan.end(Outcome::Done(None));
    }
    ask_for(&mut plan, actor, ping, Some(args.text("reason").to_owned()));
    plan.end(Outcome::Done(None))
}

/// Lets anybody pass on a message, their own or another person's. Queues a look at the message; `pass_on_for` opens the
/// ticket when the result arrives.
pub(in crate::desk) fn send_to_desk(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &ActData) -> Decision {
    let (Some(message), Some(place)) = (actor.at, actor.place) else {
        return refuse(plan, actor, text::which_message());
    };
    if plan.desk.rules.is_triage(place) {
        return refuse(plan, actor, text::not_from_here());
    }
    let by = Person::new(actor.person.who.clone(), actor.person.name.clone());
    let words = args.text(SAID).to_owned();
    // In other ways than the menu of a message, the actor could have made up another person's message.
    let author = args.person(AUTHOR).filter(|_| actor.way == Way::MessageMenu);
    let handed = author.map(|author| Box::new(Handed { author: author.clone(), words }));
    let about = handed.as_ref().map_or_else(|| actor.person.who.clone(), |handed| handed.author.who.clone());
    let why = LookFor::Behalf { by, via: actor.via.cloned(), handed };
    let (message, place, at) = (message.clone(), place.clone(), plan.desk.now);
    let look = Look { message, place, before: 0, at, why };
    plan.effect_about(Subject::Person(about), SilentAct::Look(Box::new(look)).into());
    plan.end(Outcome::Done(None))
}

/// Dismisses a ping whose author says that it is no request. For `guard.quiet_days`, the author is not asked about
/// pings of these staff.
pub(in crate::desk) fn dismiss(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let Some(ping) = own(&plan, actor, data) else { return refuse(plan, actor, text::not_yours()) };
    if let Some(key) = &ping.ticket {
        let message = text::became(key);
        answer(&mut plan, actor, message);
        return plan.end(Outcome::Done(None));
    }
    let days = plan.desk.rules.guard.quiet_days;
    leave_alone(&mut plan, ping);
    if ping.end.is_none() {
        plan.change(Change::KeepPing(Box::new(Ping { end: Some(PingOutcome::Dismissed), ..ping.clone() })));
    }
    answer(&mut plan, actor, text::is_dismissed(days));
    plan.end(Outcome::Done(None))
}

/// Lets the author of a ping ping the same staff for `guard.quiet_days` without being asked.
fn leave_alone(plan: &mut Plan<'_>, ping: &Ping) {
    let for_so_long = SignedDuration::from_hours(24 * i64::from(plan.desk.rules.guard.quiet_days));
    let until = plan.desk.now.checked_add(for_so_long).unwrap_or(Timestamp::MAX);
    let roster = &plan.desk.roster;
    let (authors, mut staff) = (roster.accounts(&ping.author), BTreeSet::new());
    for one in &ping.staff {
        // A group has no accounts of its own.
        let accounts = one.parse::<PersonRef>().map(|one| roster.accounts(&one)).unwrap_or_default();
        staff.extend(accounts.iter().map(ToString::to_string).chain([one.clone()]));
    }
    for (author, staff) in authors.iter().flat_map(|author| staff.iter().map(move |staff| (author, staff))) {
        plan.change(Change::Mute { author: author.clone(), staff: staff.clone(), until });
    }
}

/// Cancels a ticket that the guard or another person opened for its requester, and removes the reaction from the
/// message. If the ticket came from the ping of this button, the ping is dismissed as in `dismiss`.
pub(in crate::desk) fn undo(plan: &mut Plan<'_>, act: &TicketAct<'_>) -> Result<ActResult, Denial> {
    let done = cancel(plan, &TicketAct { spec: &CANCEL.spec, ..*act })?;
    let message = act.ticket.origin_message.clone();
    plan.effect(Some(act.ticket.id), SilentAct::React { message, sign: Sign::Request, is_on: false });
    if let ActData::Ping(Some(ping), _) = act.data
        && ping.ticket.as_ref() == Some(&act.ticket.key)
    {
        leave_alone(plan, ping);
        plan.change(Change::KeepPing(Box::new(Ping { end: Some(PingOutcome::Dismissed), ..(**ping).clone() })));
    }
    Ok(done)
}

/// Explains to the author of a ping why they were asked.
pub(in crate::desk) fn explain(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let Some(ping) = own(&plan, actor, data) else { return refuse(plan, actor, text::not_yours()) };
    let calls = matches!(data, ActData::Ping(_, on_call) if !on_call_of(plan.desk, on_call).is_empty());
    answer(&mut plan, actor, text::why(ping, calls));
    plan.end(Outcome::Done(None))
}

/// Records that the author of a ping does not want to be asked in its channel.
pub(in crate::desk) fn opt_out(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let Some(ping) = own(&plan, actor, data) else { return refuse(plan, actor, text::not_yours()) };
    let (who, place, at) = (ping.author.clone(), ping.place.clone(), plan.desk.now);
    plan.change(Change::OptOut { who, place, is_out: true, at });
    answer(&mut plan, actor, text::is_out());
    plan.end(Outcome::Done(None))
}

/// Reports the pings of the last [`REPORTED`]: to staff those of themselves, to people who may set the guard also those
/// of everybody.
pub(in crate::desk) fn report(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let is_admin = plan.may(actor.person, Right::GuardSet);
    let (counted, here) =
        if let ActData::Pings(counted, here) = data { (counted.as_slice(), *here) } else { (&[][..], None) };
    let own = plan.desk.roster.accounts(&actor.person.who);
    let message = text::report(counted, &own, is_admin, &plan.desk.roster, (here, plan.desk.rules.guard.mode));
    answer(&mut plan, actor, message);
    plan.end(Outcome::Done(None))
}

/// Sets the guard mode of a channel.
pub(in crate::desk) fn set_mode(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, data: &ActData) -> Decision {
    let desk = plan.desk;
    let Some(place) = actor.place.filter(|place| !place.is_direct() && !desk.rules.is_triage(place)) else {
        return refuse(plan, actor, text::only_where_people_talk());
    };
    if !desk.rules.may_be_guarded(place) {
        return refuse(plan, actor, text::is_switched_off());
    }
    let setting = if let ActData::Guard(setting) = data { (**setting).clone() } else { ChannelGuard::default() };
    if setting.lacks_access {
        return refuse(plan, actor, text::not_in_channel());
    }
    let by_settings = desk.rules.guard(place);
    let (before, chosen) = (setting.mode.unwrap_or(by_settings), GuardMode::named(args.text("mode")));
    let after = chosen.unwrap_or(by_settings);
    plan.change(Change::SetGuard { place: place.parent_channel(), mode: chosen, at: desk.now });
    let (from, to) = (Some(before.name().to_owned()), Some(after.name().to_owned()));
    let field = FieldChange { field: format!("guard of {}", channel_of(place)), from, to };
    plan.audit_about(Subject::Desk, &MODE.spec, vec![field]);
    let by = Person::new(actor.person.who.clone(), actor.person.name.clone());
    announce(&mut plan, place, (setting.announced, after), Some(&by), &setting.untold);
    answer(&mut plan, actor, text::is_set(after, after == before));
    plan.end(Outcome::Done(None))
}

/// Tells each of these members of the staff how the guard works. The messages are sent [`TOLD_EVERY`] apart, so that
/// other messages need not wait behind them.
fn tell_staff(plan: &mut Plan<'_>, untold: &[PersonRef]) {
    let now = plan.desk.now;
    for (number, who) in (0..).zip(untold) {
        plan.change(Change::TellStaff { who: who.clone(), at: now });
        let message = text::how_it_looks_for_staff();
        let whisper = EffectKind::Whisper { to: who.clone(), near: None, via: None, message };
        let not_before = now.checked_add(TOLD_EVERY * number).ok();
        let about = Subject::Person(who.clone());
        plan.effect_later(not_before, about, whisper);
    }
}

/// Switches the guard on or off for one person in a channel: for staff whether it looks at pings of them, for others
/// whether it may ask them.
pub(in crate::desk) fn guard_me(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &ActData) -> Decision {
    let rules = &plan.desk.rules;
    let Some(place) = actor.place.filter(|place| !place.is_direct() && !rules.is_triage(place)) else {
        return refuse(plan, actor, text::only_where_people_talk());
    };
    let (place, at) = (place.parent_channel(), plan.desk.now);
    let is_left_alone = args.text("guarded") == "off";
    let is_staff = plan.desk.roster.is_staff(actor.person, at);
    for who in plan.desk.roster.accounts(&actor.person.who) {
        // Both settings are written, since the person may join or leave the staff later. `WantPings` has an effect only
        // for staff, and `OptOut` only for others.
        plan.change(Change::WantPings { who: who.clone(), place: place.clone(), is_on: is_left_alone, at });
        plan.change(Change::OptOut { who, place: place.clone(), is_out: is_left_alone, at });
    }
    answer(&mut plan, actor, if is_staff { text::pings_pass(is_left_alone) } else { text::asks_here(!is_left_alone) });
    plan.end(Outcome::Done(None))
}

/// Records until when a member of the staff is away.
pub(in crate::desk) fn be_away(mut plan: Plan<'_>, actor: &Actor<'_>, args: &Args, _: &ActData) -> Decision {
    let Some(until) = args.date("until") else { return refuse(plan, actor, text::until_when()) };
    // The time is stored for the account that acts. Former times of the person's other accounts are deleted.
    for who in plan.desk.roster.accounts(&actor.person.who) {
        let until = Some(until).filter(|_| who == actor.person.who);
        plan.change(Change::BeAway { who, until });
    }
    answer(&mut plan, actor, text::is_away(until));
    plan.end(Outcome::Done(None))
}

/// Records that a member of the staff is back.
pub(in crate::desk) fn be_back(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, _: &ActData) -> Decision {
    for who in plan.desk.roster.accounts(&actor.person.who) {
        plan.change(Change::BeAway { who, until: None });
    }
    answer(&mut plan, actor, text::is_back());
    plan.end(Outcome::Done(None))
}

/// Explains to an agent the guard's ruling about a message.
pub(in crate::desk) fn explain_link(mut plan: Plan<'_>, actor: &Actor<'_>, _: &Args, data: &ActData) -> Decision {
    let ActData::Ping(Some(ping), _) = data else { return refuse(plan, actor, text::no_ping_there()) };
    answer(&mut plan, actor, text::explained(ping));
    plan.end(Outcome::Done(None))
}
