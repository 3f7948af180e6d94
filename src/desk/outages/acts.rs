//! The acts about outages, services and the channels that follow them.

use super::decide;
use crate::desk::acts::{Act, ActReads, acts};
use crate::domain::act::{Begins, Command, FormWords, May, Param, Spec, Takes};
use crate::domain::message::Style;
use crate::domain::right::Right;

/// The base of acts that need the right to announce outages.
const ANNOUNCERS: Spec = Spec { may: May::Has(Right::OutageAnnounce), ..Spec::BASE };
/// The outage that an act is about, by its key.
const OUTAGE: Param = Param {
    name: "outage",
    takes: Takes::Outage,
    says: "Key of the outage, like MI-7",
    usage: "MI-7",
    label: "Which outage? Its key, like MI-7",
    hint: "The key stands on its card, like MI-7.",
    ..Param::BASE
};
const PHASE: Param = Param {
    name: "phase",
    says: "How far it has come",
    usage: "identified",
    takes: Takes::Choice(&[
        ("investigating", "We are looking into it"),
        ("identified", "We know what it is"),
        ("monitoring", "It is fixed, and we keep an eye on it"),
    ]),
    label: "How far has it come?",
    hint: "It is investigating, identified or monitoring.",
    begins_with: Begins::Outage,
    ..Param::BASE
};
/// What is known of the outage, for everybody.
const KNOWN: Param = Param {
    name: "known",
    is_required: false,
    says: "What is known, for everybody",
    usage: "what is known",
    label: "What is known? (everybody reads it)",
    hint: "No new connections since 9:40. Whoever is connected stays so.",
    ..Param::BASE
};
/// What people can do until the outage is over.
const WORKAROUND: Param = Param {
    name: "workaround",
    is_required: false,
    says: "What people can do meanwhile",
    label: "What can people do meanwhile?",
    hint: "Use the web version at …",
    ..Param::BASE
};
/// When the next news are promised.
const NEXT: Param = Param {
    name: "next",
    takes: Takes::Future,
    is_required: false,
    says: "When there will be news: 10:30, in 30 min",
    // In a command, words such as "Tomorrow we replace the switch" belong to `known`.
    is_only_a_field: true,
    label: "When will there be news?",
    hint: "10:30, in 30 min",
    ..Param::BASE
};
/// Text for the desk alone.
const INTERNAL: Param = Param {
    name: "internal",
    is_required: false,
    says: "For the desk alone",
    label: "For the desk alone",
    hint: "What nobody else is to read",
    ..Param::BASE
};
/// The title: what does not work.
const TITLE: Param = Param {
    name: "title",
    says: "What does not work",
    label: "What does not work?",
    hint: "New connections fail",
    ..Param::BASE
};
const SEVERITY: Param = Param {
    name: "severity",
    says: "How bad it is",
    usage: "high",
    takes: Takes::Choice(&[
        ("high", "High: many cannot work"),
        ("medium", "Medium: some cannot, or many work worse"),
        ("low", "Low: few notice"),
    ]),
    label: "How bad is it?",
    hint: "It is high, medium or low.",
    ..Param::BASE
};
/// The services that an outage concerns, by their keys or names.
const SERVICES: Param = Param {
    name: "services",
    says: "Services or tags, with commas between",
    usage: "services",
    label: "Which services? With commas between",
    hint: "vpn, mail",
    ..Param::BASE
};

/// Further channels to which the outage is announced, although they follow none of its services.
const ALSO: Param = Param {
    name: "also",
    is_required: false,
    label: "Where besides those who follow these?",
    hint: "#sales, #support; or: everywhere",
    ..Param::BASE
};
/// Whether the first post in a channel mentions everybody there.
const MENTION: Param = Param {
    name: "mention",
    takes: Takes::Flag,
    is_required: false,
    label: "Mention everybody there?",
    hint: "Yes (it needs a right of its own)",
    ..Param::BASE
};
/// The parameters of an announcement.
const ANNOUNCED: [Param; 9] = [TITLE, SERVICES, SEVERITY, KNOWN, NEXT, WORKAROUND, INTERNAL, ALSO, MENTION];
/// The data that the acts read that write a draft.
const DRAFTING: ActReads = ActReads::NextOutage { services: "services", also: "also" };

/// Returns the parameters of an announcement, with this initial value of the title.
const fn titled_by(begins_with: Begins) -> [Param; 9] {
    let [title, rest @ ..] = ANNOUNCED;
    let [services, severity, known, next, workaround, internal, also, mention] = rest;
    let title = Param { begins_with, ..title };
    [title, services, severity, known, next, workaround, internal, also, mention]
}

/// Returns the parameter with the outage's current value as its initial value.
const fn as_it_is(param: Param) -> Param {
    Param { begins_with: Begins::Outage, ..param }
}

/// The parameters of an announcement from a ticket.
const DECLARED: [Param; 9] = titled_by(Begins::TicketTitle);
/// The parameters of an announcement from the menu of a message, which may come from a monitoring system.
const SEEN_AND_ANNOUNCED: [Param; 10] = {
    let [title, services, severity, known, next, workaround, internal, also, mention] = titled_by(Begins::Said);
    let message = Param { name: "message", takes: Takes::Message, is_required: false, ..Param::BASE };
    [message, title, services, severity, known, next, workaround, internal, also, mention]
};

acts! {
    SERVICES_NOW = Act::alone(
        Spec {
            name: "services",
            label: "Services",
            command: Some(Command::new("See how each service is").helping("to see what works and what does not")),
            ..Spec::BASE
        },
        decide::services,
    )
    .reading(ActReads::Outages);

    OUTAGES = Act::alone(
        Spec {
            name: "outages",
            label: "Outages",
            command: Some(Command::new("See the outages that are announced, or announce one")),
            ..ANNOUNCERS
        },
        decide::list,
    )
    .reading(ActReads::Outages);

    SUBSCRIBE = Act::alone(
        Spec {
            name: "subscribe",
            label: "Subscribe",
            takes: &[SERVICES],
            command: Some(Command::new("Let this channel hear of outages of these services")),
            audit: "subscribed",
            ..ANNOUNCERS
        },
        decide::subscribe,
    )
    .reading(ActReads::Here);

    UNSUBSCRIBE = Act::alone(
        Spec {
            name: "unsubscribe",
            label: "Unsubscribe",
            takes: &[SERVICES],
            command: Some(Command::new("Let this channel hear of them no more")),
            audit: "unsubscribed",
            ..ANNOUNCERS
        },
        decide::unsubscribe,
    );

    ANNOUNCE = Act::alone(
        Spec {
            name: "outage announce",
            label: "Announce an outage…",
            style: Style::Danger,
            takes: &ANNOUNCED,
            form: Some(FormWords { title: "An outage", submit: "Preview" }),
            command: Some(Command::new("Announce an outage: opens a form").opening_a_form()),
            audit: "outage written",
            ..ANNOUNCERS
        },
        decide::announce,
    )
    .reading(DRAFTING);

    ANNOUNCE_SEEN = Act::alone(
        Spec {
            name: "outage seen",
            label: "Announce an outage…",
            takes: &SEEN_AND_ANNOUNCED,
            form: Some(FormWords { title: "An outage", submit: "Preview" }),
            menu: Some("Announce an outage"),
            ..ANNOUNCERS
        },
        decide::announce,
    )
    .reading(DRAFTING);

    DECLARE = Act::to_ticket(
        Spec {
            name: "declare",
            label: "Declare an outage…",
            takes: &DECLARED,
            form: Some(FormWords { title: "An outage", submit: "Preview" }),
            audit: "outage declared",
            ..ANNOUNCERS
        },
        decide::declare,
    )
    .reading(DRAFTING)
    .in_menu(|ticket| ticket.status.is_open());

    SEND_OUTAGE = Act::alone(
        Spec {
            name: "outage send",
            label: "Announce it now",
            style: Style::Danger,
            takes: &[OUTAGE],
            audit: "outage announced",
            ..ANNOUNCERS
        },
        decide::send,
    )
    .reading(ActReads::Outage("outage"));

    OUTAGE_SHOWN = Act::alone(
        Spec {
            name: "outage show",
            label: "Where it went",
            takes: &[OUTAGE],
            command: Some(Command::new("See an outage, and where it was announced")),
            ..ANNOUNCERS
        },
        decide::show,
    )
    .reading(ActReads::Outage("outage"));

    UPDATE_OUTAGE = Act::alone(
        Spec {
            name: "outage update",
            label: "Update…",
            style: Style::Primary,
            command: Some(Command::new("Tell everybody how an outage goes on")),
            takes: &[OUTAGE, PHASE, as_it_is(KNOWN), NEXT, as_it_is(WORKAROUND), as_it_is(INTERNAL)],
            form: Some(FormWords { title: "News of an outage", submit: "Tell everybody" }),
            audit: "outage updated",
            ..ANNOUNCERS
        },
        decide::update,
    )
    .reading(ActReads::Outage("outage"));

    RESOLVE_OUTAGE = Act::alone(
        Spec {
            name: "outage resolve",
            label: "It is over…",
            command: Some(Command::new("Tell everybody that an outage is over")),
            takes: &[OUTAGE, Param {
                name: "known",
                is_required: false,
                says: "What it was, for everybody",
                usage: "what it was",
                label: "What was it? (everybody reads it)",
                begins_with: Begins::Resolved,
                hint: "A certificate had expired. Everything works again.",
                ..Param::BASE
            }],
            form: Some(FormWords { title: "The outage is over", submit: "Tell everybody" }),
            audit: "outage resolved",
            ..ANNOUNCERS
        },
        decide::resolve,
    )
    .reading(ActReads::Outage("outage"));

    RETRACT_OUTAGE = Act::alone(
        Spec {
            name: "outage retract",
            label: "Retract",
            style: Style::Danger,
            takes: &[OUTAGE],
            command: Some(Command::new("Take back an outage that was announced by mistake")),
            audit: "outage retracted",
            ..ANNOUNCERS
        },
        decide::retract,
    )
    .reading(ActReads::Outage("outage"));

    CHANGE_OUTAGE = Act::alone(
        Spec {
            name: "outage change",
            label: "Change…",
            takes: &[
                OUTAGE,
                Param { is_required: false, ..as_it_is(SEVERITY) },
                Param { is_required: false, ..as_it_is(SERVICES) },
                Param { is_required: false, ..as_it_is(TITLE) },
            ],
            form: Some(FormWords { title: "Change an outage", submit: "Change it" }),
            command: Some(Command::new("Change how bad an outage is, and what it is about")),
            audit: "outage changed",
            ..ANNOUNCERS
        },
        decide::change,
    )
    .reading(ActReads::Outage("outage"));

    RETRY_OUTAGE = Act::alone(
        Spec {
            name: "outage retry",
            label: "Try again",
            takes: &[OUTAGE],
            audit: "outage tried again",
            ..ANNOUNCERS
        },
        decide::retry,
    )
    .reading(ActReads::Outage("outage"));

    GIVE_UP_OUTAGE = Act::alone(
        Spec {
            name: "outage give_up",
            label: "Give up",
            style: Style::Danger,
            takes: &[OUTAGE],
            audit: "outage given up in some channels",
            ..ANNOUNCERS
        },
        decide::give_up,
    )
    .reading(ActReads::Outage("outage"));
}
