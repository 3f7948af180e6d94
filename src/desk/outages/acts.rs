//! What people can do with outages and services.

use super::decide;
use crate::desk::acts::{Act, Reads, acts};
use crate::domain::act::{Begins, Command, FormWords, May, Param, Spec, Takes};
use crate::domain::message::Style;
use crate::domain::right::Right;

/// An act of those who announce outages.
const ANNOUNCERS: Spec = Spec { may: May::Has(Right::OutageAnnounce), ..Spec::BASE };
/// Which outage.
const OUTAGE: Param = Param {
    name: "outage",
    takes: Takes::Outage,
    says: "Key of the outage, like MI-7",
    usage: "MI-7",
    asks: "Which outage? Its key, like MI-7",
    hint: "The key stands on its card, like MI-7.",
    ..Param::BASE
};
/// How far it has come.
const PHASE: Param = Param {
    name: "phase",
    takes: Takes::Choice(&[
        ("investigating", "We are looking into it"),
        ("identified", "We know what it is"),
        ("monitoring", "It is mended, and we watch it"),
    ]),
    asks: "How far has it come?",
    hint: "Choose one",
    begins_with: Begins::Outage,
    ..Param::BASE
};
/// What is known.
const KNOWN: Param = Param {
    name: "known",
    is_required: false,
    asks: "What is known? (everybody reads it)",
    hint: "No new connections since 9:40. Whoever is connected stays so.",
    ..Param::BASE
};
/// What people can do.
const WORKAROUND: Param = Param {
    name: "workaround",
    is_required: false,
    asks: "What can people do meanwhile?",
    hint: "Use the web version at …",
    ..Param::BASE
};
/// When there will be news.
const NEXT: Param = Param {
    name: "next",
    takes: Takes::Future,
    is_required: false,
    asks: "When will there be news?",
    hint: "10:30, in 30 min",
    ..Param::BASE
};
/// For the desk alone.
const INTERNAL: Param = Param {
    name: "internal",
    is_required: false,
    asks: "For the desk alone",
    hint: "What nobody else is to read",
    ..Param::BASE
};
/// What does not work.
const TITLE: Param = Param { name: "title", asks: "What does not work?", hint: "New connections fail", ..Param::BASE };
/// How bad it is.
const SEVERITY: Param = Param {
    name: "severity",
    takes: Takes::Choice(&[
        ("high", "High: many cannot work"),
        ("medium", "Medium: some cannot, or many work worse"),
        ("low", "Low: few notice"),
    ]),
    asks: "How bad is it?",
    hint: "Choose one",
    ..Param::BASE
};
/// Which services.
const SERVICES: Param = Param {
    name: "services",
    says: "Services or tags, with commas between",
    usage: "services",
    asks: "Which services? With commas between",
    hint: "vpn, mail",
    ..Param::BASE
};

/// The same field, with what the outage says.
const fn as_it_is(param: Param) -> Param {
    Param { begins_with: Begins::Outage, ..param }
}

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
    .reading(Reads::Outages);

    OUTAGES = Act::alone(
        Spec {
            name: "outages",
            label: "Outages",
            command: Some(Command::new("See the outages that are announced, or announce one")),
            ..ANNOUNCERS
        },
        decide::list,
    )
    .reading(Reads::Outages);

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
    );

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
            name: "announce_outage",
            label: "Announce an outage…",
            style: Style::Danger,
            takes: &[TITLE, SERVICES, SEVERITY, KNOWN, NEXT, WORKAROUND, INTERNAL],
            form: Some(FormWords { title: "An outage", submit: "Preview" }),
            audit: "outage written",
            ..ANNOUNCERS
        },
        decide::announce,
    )
    .reading(Reads::NextOutage("services"));

    DECLARE = Act::to_ticket(
        Spec {
            name: "declare",
            label: "Declare an outage…",
            takes: &[
                Param { begins_with: Begins::TicketTitle, ..TITLE },
                SERVICES,
                SEVERITY,
                KNOWN,
                NEXT,
                WORKAROUND,
                INTERNAL,
            ],
            form: Some(FormWords { title: "An outage", submit: "Preview" }),
            audit: "outage declared",
            ..ANNOUNCERS
        },
        decide::declare,
    )
    .reading(Reads::NextOutage("services"))
    .in_menu(|ticket| ticket.status.is_open());

    SEND_OUTAGE = Act::alone(
        Spec {
            name: "send_outage",
            label: "Announce it now",
            style: Style::Danger,
            takes: &[OUTAGE],
            audit: "outage announced",
            ..ANNOUNCERS
        },
        decide::send,
    )
    .reading(Reads::Outage("outage"));

    OUTAGE_SHOWN = Act::alone(
        Spec {
            name: "outage",
            label: "Where it went",
            takes: &[OUTAGE],
            command: Some(Command::new("See an outage, and where it was announced")),
            ..ANNOUNCERS
        },
        decide::show,
    )
    .reading(Reads::Outage("outage"));

    UPDATE_OUTAGE = Act::alone(
        Spec {
            name: "update_outage",
            label: "Update…",
            style: Style::Primary,
            takes: &[OUTAGE, PHASE, as_it_is(KNOWN), NEXT, as_it_is(WORKAROUND), as_it_is(INTERNAL)],
            form: Some(FormWords { title: "News of an outage", submit: "Tell everybody" }),
            audit: "outage updated",
            ..ANNOUNCERS
        },
        decide::update,
    )
    .reading(Reads::Outage("outage"));

    RESOLVE_OUTAGE = Act::alone(
        Spec {
            name: "resolve_outage",
            label: "It is over…",
            takes: &[OUTAGE, Param {
                name: "known",
                is_required: false,
                asks: "What was it? (everybody reads it)",
                hint: "A certificate had expired. Everything works again.",
                ..Param::BASE
            }],
            form: Some(FormWords { title: "The outage is over", submit: "Tell everybody" }),
            audit: "outage resolved",
            ..ANNOUNCERS
        },
        decide::resolve,
    )
    .reading(Reads::Outage("outage"));

    RETRACT_OUTAGE = Act::alone(
        Spec {
            name: "retract_outage",
            label: "Retract",
            style: Style::Danger,
            takes: &[OUTAGE],
            audit: "outage retracted",
            ..ANNOUNCERS
        },
        decide::retract,
    )
    .reading(Reads::Outage("outage"));
}
