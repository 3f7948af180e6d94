//! The table of all acts, how an act is carried out, and the check of rights before every act.

use jiff::Timestamp;

use crate::desk::decision::{Change, Decision};
use crate::desk::hear::{ActData, Asked};
use crate::desk::meant::{Meaning, Meant, Target};
use crate::desk::plan::Plan;
use crate::desk::tickets::state::{Refusal, Ticket};
use crate::desk::{articles, conversation, drafts, guard, help, knowledge, on_call, outages, tickets};
use crate::domain::act::{ActName, ActRef, Args, Begins, Given, May, On, Spec, SubjectRef, Takes, Value};
use crate::domain::event::{Acted, Asks, ReplyHandle, Way};
use crate::domain::ids::{DraftId, MessageRef, Person, Place, TicketKey};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::right::Right;

/// The acts of every capability, in the order of commands and help. A capability with acts is listed here.
static TABLES: &[&[&Act]] = &[
    tickets::acts::ACTS,
    knowledge::acts::ACTS,
    articles::acts::ACTS,
    outages::acts::ACTS,
    guard::acts::ACTS,
    on_call::acts::ACTS,
    help::acts::ACTS,
];

/// Declares the acts of a capability: each as a constant of its own, and all of them, in their order, as `ACTS`.
macro_rules! acts {
    ($($(#[$meta:meta])* $name:ident = $act:expr;)+) => {
        $($(#[$meta])* pub(in crate::desk) static $name: $crate::desk::acts::Act = $act;)+

        /// Every act of this capability.
        pub(in crate::desk) static ACTS: &[&$crate::desk::acts::Act] = &[$(&$name),+];
    };
}
pub(in crate::desk) use acts;

/// An act: its declaration, when the agents' menu shows it, what it reads, and its function.
#[derive(Debug)]
pub(in crate::desk) struct Act {
    pub(in crate::desk) spec: Spec,
    /// Whether the agents' menu of a ticket shows the act.
    pub(in crate::desk) in_menu: fn(&Ticket) -> bool,
    pub(in crate::desk) reads: ActReads,
    pub(in crate::desk) does: Handler,
}

/// The data that an act needs besides its subject and its arguments. The text in a variant is the name of the parameter
/// that says what to read. [`ActData`] holds the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::desk) enum ActReads {
    Nothing,
    /// The ticket's messages and audit entries.
    Story,
    /// The open tickets of the person that the act is about, else of the actor.
    Requests,
    /// The ticket whose tag the parameter holds.
    Chosen(&'static str),
    /// The message whose id the parameter holds, and which was joined to the ticket.
    Joined(&'static str),
    /// The article whose key the parameter holds, and the suggestion on the ticket.
    Article(&'static str),
    /// The article whose key the parameter holds, with the counts of its marks and its latest complaints.
    Overview(&'static str),
    /// The articles in the lists that the parameter chooses.
    Articles(&'static str),
    /// The number and key for a new article.
    NextArticle,
    /// The outage whose key the parameter holds, with the places where it was announced.
    Outage(&'static str),
    /// The running outages: announced and not over.
    Outages,
    /// The ping of staff whose id the parameter holds, and the people on call.
    Ping(&'static str),
    /// The ping of staff in the message that the parameter links to.
    PingAt(&'static str),
    /// The guard's setting in the channel of the act, and the staff who were not yet told how the guard works.
    Guard,
    /// The people on call.
    OnCall,
    /// The latest pings of staff with their rulings and ends, and the guard mode in the channel of the act.
    Pings,
    /// The entry of the act's channel in the stored list of channels.
    Here,
    /// The number and key for a new outage, and its audience.
    NextOutage {
        /// The parameter that names the outage's services.
        services: &'static str,
        /// The parameter that names channels besides those that follow the services.
        also: &'static str,
    },
}

/// The function that carries out an act.
#[derive(Debug)]
pub(in crate::desk) enum Handler {
    /// An act without a subject.
    Alone(fn(Plan<'_>, &Actor<'_>, &Args, &ActData) -> Decision),
    /// An act on a ticket.
    ToTicket(fn(&mut Plan<'_>, &TicketAct<'_>) -> Result<ActResult, Denial>),
}

impl Act {
    /// The `in_menu` of an act that the agents' menu of no ticket shows.
    pub(in crate::desk) const NO_MENU: fn(&Ticket) -> bool = |_| false;

    /// Returns an act on a ticket that no menu shows.
    pub(in crate::desk) const fn to_ticket(
        spec: Spec,
        does: fn(&mut Plan<'_>, &TicketAct<'_>) -> Result<ActResult, Denial>,
    ) -> Self {
        let spec = Spec { on: On::Ticket, ..spec };
        Self { spec, in_menu: Self::NO_MENU, reads: ActReads::Nothing, does: Handler::ToTicket(does) }
    }

    /// Returns an act without a subject.
    pub(in crate::desk) const fn alone(
        spec: Spec,
        does: fn(Plan<'_>, &Actor<'_>, &Args, &ActData) -> Decision,
    ) -> Self {
        let spec = Spec { on: On::Nothing, ..spec };
        Self { spec, in_menu: Self::NO_MENU, reads: ActReads::Nothing, does: Handler::Alone(does) }
    }

    /// Shows the act in the agents' menu of the tickets for which `when` holds.
    pub(in crate::desk) const fn in_menu(self, when: fn(&Ticket) -> bool) -> Self {
        Self { in_menu: when, ..self }
    }

    /// Sets the data that the act needs.
    pub(in crate::desk) const fn reading(self, reads: ActReads) -> Self {
        Self { reads, ..self }
    }
}

/// Returns the declarations of all acts.
pub fn specs() -> impl Iterator<Item = &'static Spec> + Clone {
    all().map(|act| &act.spec)
}

/// Returns the declaration of the act of this name.
#[must_use]
pub fn spec(name: &ActName) -> Option<&'static Spec> {
    find(name).map(|act| &act.spec)
}

pub(in crate::desk) fn all() -> impl Iterator<Item = &'static Act> + Clone {
    TABLES.iter().copied().flatten().copied()
}

pub(in crate::desk) fn find(name: &ActName) -> Option<&'static Act> {
    all().find(|act| act.spec.name == name.as_str())
}

/// The person who acts, the place they act from, and how they are answered.
pub(in crate::desk) struct Actor<'a> {
    pub(in crate::desk) person: &'a Person,
    pub(in crate::desk) place: Option<&'a Place>,
    pub(in crate::desk) via: Option<&'a ReplyHandle>,
    /// Whether a success is answered too. A command expects words; the effect of a button shows on its card.
    pub(in crate::desk) wants_answer: bool,
    /// Whether the person acted by a message that only they see. The answer replaces that message.
    pub(in crate::desk) in_private: bool,
    /// Whether the person sent a form. Arguments that are missing were left empty in it.
    pub(in crate::desk) is_form: bool,
    /// The act and the values from all pages, if the person sent a form.
    pub(in crate::desk) filled_in: Option<&'a (ActRef, Given)>,
    pub(in crate::desk) way: Way,
    /// The message that the act is done on, if any.
    pub(in crate::desk) at: Option<&'a MessageRef>,
    /// The words that the person typed into a form. A refusal repeats them, so that they need not be typed again.
    pub(in crate::desk) typed: &'a str,
}

/// An act on a ticket that has passed the check of rights.
pub(in crate::desk) struct TicketAct<'a> {
    pub(in crate::desk) spec: &'static Spec,
    pub(in crate::desk) actor: &'a Actor<'a>,
    pub(in crate::desk) ticket: &'a Ticket,
    /// Whether the actor is the ticket's requester.
    pub(in crate::desk) is_requester: bool,
    pub(in crate::desk) args: &'a Args,
    pub(in crate::desk) data: &'a ActData,
    pub(in crate::desk) at: Timestamp,
}

/// The result of an act: the changed ticket, and the answer to the actor.
pub(in crate::desk) struct ActResult {
    /// The ticket after the act, if the act changed it.
    after: Option<Box<Ticket>>,
    answer: Option<Message>,
    /// Whether the answer is given even if the actor does not wait for one.
    is_always_told: bool,
    /// Whether the answer is about something other than the ticket. It is then given without the ticket's menu.
    without_menu: bool,
    /// The outcome of the event. `None`: [`Outcome::Done`] with the ticket's key.
    outcome: Option<Outcome>,
}

impl ActResult {
    /// Returns the result of an act that changed the ticket. An expected answer tells the ticket's new state.
    pub(in crate::desk) fn changed(after: Ticket) -> Self {
        let answer = Some(tickets::text::done(&after));
        Self { after: Some(Box::new(after)), answer, is_always_told: false, without_menu: false, outcome: None }
    }

    /// Returns a result with an answer that the actor gets in any case.
    pub(in crate::desk) const fn told(answer: Message) -> Self {
        Self { after: None, answer: Some(answer), is_always_told: true, without_menu: false, outcome: None }
    }

    /// Returns a result with an answer that the actor gets in any case, without the ticket's menu.
    pub(in crate::desk) fn without_menu(answer: Message) -> Self {
        Self { without_menu: true, ..Self::told(answer) }
    }

    /// Returns a result with an answer that the actor gets only if they wait for one.
    pub(in crate::desk) fn quietly(answer: Message) -> Self {
        Self { is_always_told: false, ..Self::told(answer) }
    }

    /// Returns the result of an act that opened a ticket. The ticket's confirmation is the answer.
    pub(in crate::desk) const fn opened(key: TicketKey) -> Self {
        let outcome = Some(Outcome::Opened(key));
        Self { after: None, answer: None, is_always_told: false, without_menu: false, outcome }
    }

    /// Sets the outcome of the event.
    pub(in crate::desk) fn ending(self, outcome: Outcome) -> Self {
        Self { outcome: Some(outcome), ..self }
    }
}

/// Why an act was not done.
pub(in crate::desk) enum Denial {
    /// The ticket's state does not allow it.
    Ticket(Refusal),
    /// Another reason. The message is the answer to the actor.
    Say(Message),
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Self::Ticket(refusal)
    }
}

/// Decides about an act by a button, a menu, a form, a reaction or a `/desk` command.
pub(in crate::desk) fn acted(plan: Plan<'_>, acted: &Acted, asked: &Asked, at: Timestamp) -> Decision {
    let meant = &asked.meant;
    let (is_command, is_form) = (acted.way == Way::Command, acted.way == Way::Form);
    // Most reactions do not concern the desk. A reaction that is an act is ignored if its author has no right to the
    // act, or may not know of the request.
    if acted.way == Way::Reaction && !is_open_to(&plan, acted, meant) {
        return plan.end(Outcome::Ignored);
    }
    // An act done in the direct conversation, on a request from elsewhere, changes nothing visible there.
    let is_elsewhere = |place: &Place| place.is_direct() && plan.on.is_some_and(|ticket| ticket.origin != *place);
    let shows_nowhere = acted.place.as_ref().is_some_and(is_elsewhere);
    let wants_answer = |spec: &Spec| match acted.way {
        Way::Command | Way::Menu | Way::MessageMenu | Way::PersonMenu => true,
        // The bot reports an act that `is_told` on the card or in the thread.
        Way::Button | Way::Reaction => !spec.is_told || shows_nowhere,
        Way::Form => acted.is_answered(),
    };
    let typed = match (acted.way, meant) {
        // The words typed on all pages.
        (Way::Form, Meant::Act(meaning)) => {
            let texts = meaning.act.spec.takes.iter().filter(|param| param.takes == Takes::Text);
            words_of(texts.map(|param| meaning.args.text(param.name)))
        }
        _ => typed_words(acted),
    };
    let filled_in = match (is_form, acted.asks.does(), meant) {
        (true, Some(does), Meant::Act(meaning)) => Some((does.clone(), meaning.args.given())),
        _ => None,
    };
    let actor = |wants_answer| Actor {
        person: &acted.actor,
        place: acted.place.as_ref(),
        via: Some(&acted.reply),
        wants_answer,
        in_private: acted.in_private,
        is_form,
        filled_in: filled_in.as_ref(),
        way: acted.way,
        at: acted.at.as_ref(),
        typed: &typed,
    };
    let draft = acted.asks.does().and_then(|does| does.draft.as_ref());
    // If the actor may not do the act at all, the refusal says that, rather than what is missing or wrong.
    if let Meant::Faulty(spec, _) | Meant::Malformed(spec) = meant
        && !is_form
        && let Err(why) = match (spec.may, acted.asks.does().and_then(|does| does.on.as_ref())) {
            (May::Has(_) | May::HasEither(..) | May::Staff, _) => {
                check_right(&plan, &acted.actor, spec.may, None, None).map(drop)
            }
            (May::Requester | May::RequesterOr(_), Some(SubjectRef::Ticket(tag))) => {
                let target = Target { tag: Some(tag.clone()), ..Target::default() };
                admit(&plan, &acted.actor, spec, &target, None).map(drop)
            }
            _ => Ok(()),
        }
    {
        return refuse(plan, &actor(true), why);
    }
    let why = match meant {
        Meant::Act(meaning) => {
            let mut decision = perform(plan, &actor(wants_answer(&meaning.act.spec)), meaning, &asked.data, at);
            if decision.outcome != Outcome::Refused {
                decision.changes.extend(draft.map(|draft| Change::ForgetDraft(draft.clone())));
            }
            return decision;
        }
        Meant::Unfinished(unfinished) => {
            return drafts::decide::go_on(plan, &actor(true), unfinished, drafts::text::next);
        }
        Meant::Late(unfinished) => return drafts::decide::go_on(plan, &actor(true), unfinished, drafts::text::late),
        Meant::ToCorrect(faults, unfinished) => {
            let why = |does: &ActRef, draft: &DraftId| drafts::text::to_correct(faults, does, draft);
            return drafts::decide::go_on(plan, &actor(true), unfinished, why);
        }
        Meant::DraftExpired(spec, does) => drafts::text::is_gone(spec, does),
        Meant::Nothing => return help::decide::help(plan, &actor(true), &Args::default(), &ActData::Nothing),
        Meant::Malformed(spec) => help::text::malformed(spec, &[], false),
        Meant::Faulty(spec, faults) if is_command => help::text::malformed(spec, faults, false),
        Meant::InvalidKey => help::text::no_key(),
        Meant::Unknown if is_command => {
            let words = if let Asks::Words { words, .. } = &acted.asks { words.trim() } else { "" };
            match help::text::commands_of_group(words, plan.is_agent(&acted.actor)) {
                Some(why) => why,
                None => return conversation::decide::unknown_command(plan, &actor(true), words),
            }
        }
        // The form shows stored values, and was not opened because they could not be read or have changed.
        Meant::Faulty(spec, _)
            if spec.takes.iter().any(|param| matches!(param.begins_with, Begins::Article | Begins::Outage)) =>
        {
            help::text::form_not_opened()
        }
        // A button with an unknown act or faulty arguments was drawn by an earlier version of the program.
        Meant::Unknown | Meant::Faulty(..) => help::text::unknown_button(),
    };
    refuse(plan, &actor(true), why)
}

/// Carries out an act if the actor may know of its subject and has the right, and if the subject's state allows it.
pub(in crate::desk) fn perform(
    mut plan: Plan<'_>,
    actor: &Actor<'_>,
    meaning: &Meaning,
    data: &ActData,
    at: Timestamp,
) -> Decision {
    let spec = &meaning.act.spec;
    let admitted = match admit(&plan, actor.person, spec, &meaning.target, meaning.person()) {
        Ok(admitted) => admitted,
        Err(why) => return refuse(plan, actor, why),
    };
    let (does, (ticket, is_requester)) = match (&meaning.act.does, admitted) {
        (Handler::ToTicket(does), Some(admitted)) => (does, admitted),
        (Handler::ToTicket(_), None) => return refuse(plan, actor, help::text::which_ticket()),
        (Handler::Alone(does), _) => return does(plan, actor, &meaning.args, data),
    };
    let act = TicketAct { spec, actor, ticket, is_requester, args: &meaning.args, data, at };
    match does(&mut plan, &act) {
        Ok(done) => {
            let is_told = done.is_always_told || actor.wants_answer || actor.in_private;
            if let Some(message) = done.answer.filter(|_| is_told) {
                let message = match &done.after {
                    None if done.without_menu => message,
                    Some(after) if !plan.is_agent(actor.person) => {
                        with_menu(&plan, actor, after, tickets::text::done_for_requester(after))
                    }
                    Some(after) => with_menu(&plan, actor, after, message),
                    None => with_menu(&plan, actor, ticket, message),
                };
                answer(&mut plan, actor, message);
            }
            plan.end(done.outcome.unwrap_or_else(|| Outcome::Done(Some(ticket.key.clone()))))
        }
        Err(denial) => {
            let why = match denial {
                Denial::Ticket(refusal) => tickets::decide::refused(&plan, &act, &refusal),
                Denial::Say(why) => why,
            };
            let why = with_menu(&plan, actor, ticket, why);
            refuse(plan, actor, why)
        }
    }
}

/// Checks that a person may do an act. Returns the ticket that the act is done to, if any, and whether the person is
/// the ticket's requester. The error is the refusal. `about` is the person that the act takes.
pub(in crate::desk) fn admit<'f>(
    plan: &Plan<'f>,
    person: &Person,
    spec: &Spec,
    target: &Target,
    about: Option<&Person>,
) -> Result<Option<(&'f Ticket, bool)>, Message> {
    if spec.on == On::Nothing {
        return check_right(plan, person, spec.may, None, about).map(|_| None);
    }
    let Some(ticket) = plan.on.filter(|ticket| plan.may_know(person, ticket)) else {
        return Err(match (&target.key, &target.tag) {
            (Some(key), _) => help::text::unknown_ticket(key),
            (None, Some(_)) => help::text::unknown_subject(),
            (None, None) if target.at.is_some() => help::text::no_request_here(),
            (None, None) => help::text::which_ticket(),
        });
    };
    Ok(Some((ticket, check_right(plan, person, spec.may, Some(ticket), about)?)))
}

/// Adds the ticket's current menu to an answer that replaces a menu.
fn with_menu(plan: &Plan<'_>, actor: &Actor<'_>, ticket: &Ticket, answer: Message) -> Message {
    if !actor.in_private {
        answer
    } else if plan.is_agent(actor.person) {
        answer.and(tickets::text::menu(ticket, all()))
    } else if plan.same(&ticket.requester, actor.person) {
        answer.and(Message::default().with(tickets::text::requesters_controls(ticket)))
    } else {
        answer
    }
}

/// Whether an act can be read, and the actor may do it and know of its ticket.
fn is_open_to(plan: &Plan<'_>, acted: &Acted, meant: &Meant) -> bool {
    let Meant::Act(meaning) = meant else { return false };
    let ticket = plan.on.filter(|ticket| plan.may_know(&acted.actor, ticket));
    let spec = &meaning.act.spec;
    (ticket.is_some() || spec.on == On::Nothing)
        && check_right(plan, &acted.actor, spec.may, ticket, meaning.person()).is_ok()
}

/// Returns the free text that a person typed into a form, valid or not.
fn typed_words(acted: &Acted) -> String {
    let (Way::Form, Some((does, given))) = (acted.way, acted.asks.does().zip(acted.asks.given())) else {
        return String::new();
    };
    let params = spec(&does.act).map_or(&[][..], |spec| spec.takes).iter().filter(|param| param.takes == Takes::Text);
    words_of(params.filter_map(|param| match given.get(param.name) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    }))
}

/// Joins texts with line breaks. Empty texts are left out.
fn words_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(str::trim).filter(|words| !words.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Checks that `may` admits a person. Returns whether they are the ticket's requester. The error is the refusal.
fn check_right(
    plan: &Plan<'_>,
    person: &Person,
    may: May,
    ticket: Option<&Ticket>,
    about: Option<&Person>,
) -> Result<bool, Message> {
    let is_requester = ticket.is_some_and(|ticket| plan.same(&ticket.requester, person));
    let has = |right: Right| plan.may(person, right);
    let is_allowed = match may {
        May::Anyone => true,
        May::Requester => is_requester,
        May::RequesterOr(right) => is_requester || has(right),
        May::OneselfOr(right) => about.is_none_or(|about| plan.desk.roster.same(&about.who, &person.who)) || has(right),
        May::Has(right) => has(right),
        May::HasEither(one, other) => has(one) || has(other),
        May::Staff => plan.desk.roster.is_staff(person, plan.desk.now) || has(Right::GuardSet),
    };
    match (may, ticket) {
        _ if is_allowed => Ok(is_requester),
        (May::Requester | May::RequesterOr(_), Some(ticket)) => Err(tickets::text::requester_only(ticket)),
        (May::Has(right), None) if plan.is_agent(person) => Err(help::text::right_is_missing(right)),
        (_, ticket) => Err(tickets::text::agents_only(ticket, is_requester)),
    }
}

pub(in crate::desk) fn refuse(mut plan: Plan<'_>, actor: &Actor<'_>, why: Message) -> Decision {
    let why = if actor.typed.is_empty() { why } else { why.and(help::text::your_words(actor.typed)) };
    answer(&mut plan, actor, why);
    plan.end(Outcome::Refused)
}

pub(in crate::desk) fn answer(plan: &mut Plan<'_>, actor: &Actor<'_>, message: Message) {
    let about = plan.on;
    plan.whisper(about, &actor.person.who, actor.place, actor.via, message);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::domain::audit::Did;
    use crate::domain::ids::{TicketKey, TicketTag};

    /// The limits are the stricter ones of both platforms (`domain::limits`, Slack's and Discord's reference of forms).
    #[test]
    fn every_act_has_a_name_of_its_own_and_fits_both_platforms() {
        let mut names = HashSet::new();
        for spec in specs() {
            for name in std::iter::once(&spec.name).chain(spec.synonyms) {
                assert!(names.insert(*name), "{name} is the name of two acts");
            }
            let tag = TicketTag::from(TicketKey::new("IT", 1));
            let carried: Result<ActRef, _> = spec.on(tag).to_string().parse();
            assert_eq!(carried.map(|does| does.act), Ok(spec.act()), "a button can carry it");
            assert!((1..=75).contains(&spec.label.chars().count()), "{}", spec.name);
            assert!(spec.menu.is_none_or(|menu| (1..=24).contains(&menu.chars().count())), "{}", spec.name);
            // A message's menu and a reaction carry only the message. Other required values need a form.
            let is_bare = spec.takes.iter().all(|param| !param.is_required || param.takes == Takes::Message);
            assert!(spec.menu.is_none() || spec.opens_form() || is_bare, "{}", spec.name);
            assert!(spec.sign.is_none() || is_bare, "{}", spec.name);
            let person = spec.person().map(|param| param.name);
            let is_all = spec.takes.iter().all(|param| !param.is_required || Some(param.name) == person);
            assert!(spec.person_menu.is_none_or(|menu| (1..=32).contains(&menu.chars().count())), "{}", spec.name);
            assert!(spec.person_menu.is_none() || (person.is_some() && (is_all || spec.opens_form())), "{}", spec.name);
            for words in spec.form.iter() {
                let title = words.title.replace("{key}", "IT-1000000");
                assert!((1..=24).contains(&title.chars().count()), "{}: {title}", spec.name);
                assert!((1..=24).contains(&words.submit.chars().count()), "{}", spec.name);
                for param in spec.takes.iter().filter(|param| param.takes.is_field()) {
                    assert!((1..=45).contains(&param.label.chars().count()), "{}: {}", spec.name, param.label);
                    assert!(param.hint.chars().count() <= 100, "{}", spec.name);
                }
            }
        }
    }

    /// Slack takes ten shortcuts (<https://docs.slack.dev/reference/app-manifest>), Discord fifteen message commands.
    #[test]
    fn the_menu_of_a_message_has_room_for_every_act_in_it() {
        let menus: Vec<&str> = specs().filter_map(|spec| spec.menu).collect();
        assert!(menus.len() <= 10, "{menus:?}");
        assert_eq!(menus.iter().collect::<HashSet<_>>().len(), menus.len(), "a menu is named twice");
        let menus: Vec<&str> = specs().filter_map(|spec| spec.person_menu).collect();
        assert!(menus.len() <= 15, "{menus:?}");
        assert_eq!(menus.iter().collect::<HashSet<_>>().len(), menus.len(), "a person's menu is named twice");
    }

    #[test]
    fn what_the_audit_says_names_one_thing() {
        let others = Did::OTHERS.iter().map(|did| did.as_str());
        let of_acts = specs().map(|spec| spec.audit).filter(|name| !name.is_empty());
        let mut names = HashSet::new();
        for name in others.chain(of_acts) {
            // Some acts share this name with a deed that is no act: a reply is audited when it was delivered, and a
            // request by a form or command is audited like any opened ticket.
            let is_shared = ["replied", "opened"].contains(&name);
            assert!(names.insert(name) || is_shared, "{name} is the name of two things");
        }
    }

    #[test]
    fn an_act_is_done_to_what_its_function_takes() {
        for act in all() {
            let expected = match act.does {
                Handler::Alone(_) => On::Nothing,
                Handler::ToTicket(_) => On::Ticket,
            };
            assert_eq!(act.spec.on, expected, "{}", act.spec.name);
            let is_requesters = matches!(act.spec.may, May::Requester | May::RequesterOr(_));
            assert!(!is_requesters || act.spec.on == On::Ticket, "{}: only a ticket has a requester", act.spec.name);
        }
    }
}
