//! The acts on tickets.

use super::decide;
use super::state::Ticket;
use crate::desk::acts::{Act, ActReads, acts};
use crate::desk::conversation;
use crate::domain::act::{Begins, Command, Emoji, FormWords, May, Param, Spec, Takes};
use crate::domain::message::Style;
use crate::domain::right::Right;

/// The base of acts of the desk's agents.
const AGENTS: Spec = Spec { may: May::Has(Right::TicketWork), ..Spec::BASE };
/// The base of acts of the requester and of the desk's agents.
const BOTH: Spec = Spec { may: May::RequesterOr(Right::TicketWork), ..Spec::BASE };
/// The base of acts of the requester alone.
const REQUESTERS: Spec = Spec { may: May::Requester, ..Spec::BASE };

/// The priorities, each with its label in menus.
const LEVELS: &[(&str, &str)] = &[("P1", "P1 critical"), ("P2", "P2 high"), ("P3", "P3 normal"), ("P4", "P4 low")];

const fn is_open(ticket: &Ticket) -> bool {
    ticket.status.is_open()
}

acts! {
    CLAIM = Act::to_ticket(
        Spec {
            name: "claim",
            synonyms: &["take"],
            label: "Take it",
            style: Style::Primary,
            command: Some(Command::new("Take a ticket")),
            menu: Some("Take the request"),
            sign: Some(Emoji { slack: "eyes", discord: "👀" }),
            audit: "claimed",
            is_told: true,
            ..AGENTS
        },
        decide::claim,
    )
    .in_menu(|ticket| is_open(ticket) && ticket.assignee.is_none());

    REPLY = Act::to_ticket(
        Spec {
            name: "reply",
            label: "Reply to requester",
            takes: &[Param {
                name: "text",
                says: "What the requester is told",
                usage: "your words",
                label: "Your words to the requester",
                hint: "Goes out signed with your name",
                ..Param::BASE
            }],
            form: Some(FormWords { title: "Reply on {key}", submit: "Send" }),
            menu: Some("Reply to the requester"),
            command: Some(Command { is_plain_in_thread: true, ..Command::new("Answer the requester") }),
            audit: "replied",
            is_told: true,
            ..AGENTS
        },
        decide::reply,
    )
    .in_menu(is_open);

    RESOLVE = Act::to_ticket(
        Spec {
            name: "resolve",
            label: "Resolve…",
            takes: &[Param {
                name: "resolution",
                says: "How it was resolved, in a sentence",
                usage: "how it was solved",
                label: "How was it resolved? (the requester sees it)",
                hint: "A short sentence",
                ..Param::BASE
            }],
            form: Some(FormWords { title: "Resolve {key}", submit: "Resolve" }),
            command: Some(Command::new("Say that a ticket is done")),
            audit: "resolved",
            is_told: true,
            ..AGENTS
        },
        decide::resolve,
    )
    .in_menu(is_open);

    PENDING = Act::to_ticket(
        Spec {
            name: "pending",
            label: "Pending…",
            takes: &[Param {
                name: "reason",
                is_required: false,
                says: "What it waits for",
                usage: "what it waits for",
                label: "What does it wait for? (requester sees it)",
                hint: "Parts, an answer, a date",
                ..Param::BASE
            }, Param {
                name: "until",
                takes: Takes::Future,
                is_required: false,
                says: "Until when: then it goes on by itself",
                usage: "until when",
                label: "Until when? Then it goes on by itself",
                hint: "fri 9:00, tomorrow 14:30, in 2 days, 2027-01-15",
                ..Param::BASE
            }],
            form: Some(FormWords { title: "{key} waits", submit: "Save" }),
            command: Some(Command::new("Say what a ticket waits for")),
            audit: "set to pending",
            is_told: true,
            ..AGENTS
        },
        decide::wait,
    )
    .in_menu(is_open);

    RELEASE = Act::to_ticket(
        Spec {
            name: "release",
            label: "Release",
            command: Some(Command::new("Give a ticket back to the queue")),
            audit: "released",
            ..AGENTS
        },
        decide::release,
    )
    .in_menu(|ticket| is_open(ticket) && ticket.assignee.is_some());

    REOPEN = Act::to_ticket(
        Spec {
            name: "reopen",
            label: "Reopen",
            command: Some(Command::new("Take up a ticket again").helping("to take it up again")),
            audit: "reopened",
            is_told: true,
            ..BOTH
        },
        decide::reopen,
    )
    .in_menu(|ticket| ticket.status.can_be_reopened());

    SHOW = Act::to_ticket(
        Spec {
            name: "show",
            label: "Show",
            command: Some(Command::new("Show a ticket").helping("to see how it stands")),
            menu: Some("Show the request"),
            is_told: true,
            ..BOTH
        },
        decide::show,
    )
    .reading(ActReads::Story)
    .in_menu(|_| true);

    NOT_A_REQUEST = Act::to_ticket(
        Spec {
            name: "not_a_request",
            label: "Not a request",
            style: Style::Danger,
            audit: "found to be no request",
            is_told: true,
            ..AGENTS
        },
        decide::not_a_request,
    )
    .in_menu(is_open);

    ASSIGN = Act::to_ticket(
        Spec {
            name: "assign",
            label: "Assign to…",
            takes: &[Param {
                name: "person",
                takes: Takes::Person,
                says: "Who takes it",
                usage: "@name",
                hint: "Pick the name from the list that opens after the @.",
                ..Param::BASE
            }],
            command: Some(Command::new("Give a ticket to somebody")),
            audit: "assigned",
            is_told: true,
            ..AGENTS
        },
        decide::assign,
    )
    .in_menu(is_open);

    PRIORITY = Act::to_ticket(
        Spec {
            name: "priority",
            label: "Priority…",
            takes: &[Param {
                name: "level",
                takes: Takes::Choice(LEVELS),
                says: "From P1 (critical) to P4 (low)",
                usage: "P1",
                hint: "Or P2, P3, P4.",
                ..Param::BASE
            }],
            command: Some(Command::new("Set how urgent a ticket is")),
            audit: "prioritised",
            ..AGENTS
        },
        decide::prioritise,
    )
    .in_menu(is_open);

    CANCEL = Act::to_ticket(
        Spec {
            name: "cancel",
            label: "Cancel",
            command: Some(Command::new("Take back a request of yours").helping("to take it back")),
            audit: "cancelled",
            is_told: true,
            ..BOTH
        },
        decide::cancel,
    );

    DETAILS = Act::to_ticket(
        Spec {
            name: "details",
            label: "Add details",
            takes: &[Param {
                name: "text",
                label: "What else should the desk know?",
                hint: "What you see, since when, on which machine",
                ..Param::BASE
            }],
            form: Some(FormWords { title: "Add to {key}", submit: "Add" }),
            audit: "details added",
            ..BOTH
        },
        decide::add,
    );

    ASK = Act::alone(
        Spec {
            name: "ask",
            label: "Ask the desk",
            takes: &[Param {
                name: "text",
                says: "What you need, in a sentence",
                usage: "what you need",
                label: "What do you need?",
                hint: "One sentence is enough",
                ..Param::BASE
            }],
            form: Some(FormWords { title: "Ask the desk", submit: "Send" }),
            command: Some(Command::new("Ask the desk, where nobody else reads it").helping("to ask the desk, privately")),
            audit: "opened",
            ..Spec::BASE
        },
        conversation::decide::ask,
    );

    NEW_REQUEST = Act::to_ticket(
        Spec {
            name: "new_request",
            label: "New request",
            takes: &[Param {
                name: "text",
                label: "What do you need?",
                hint: "One sentence is enough",
                begins_with: Begins::LastWords,
                ..Param::BASE
            }],
            form: Some(FormWords { title: "A new request", submit: "Send" }),
            audit: "opened",
            ..REQUESTERS
        },
        decide::begin_another,
    );

    OWN_REQUEST = Act::to_ticket(
        Spec {
            name: "own_request",
            label: "Make it a request of its own",
            takes: &[Param { name: "message", takes: Takes::Message, ..Param::BASE }],
            audit: "message made a request of its own",
            ..REQUESTERS
        },
        decide::split_off,
    )
    .reading(ActReads::Joined("message"));

    BELONGS_TO = Act::to_ticket(
        Spec {
            name: "belongs_to",
            label: "Add to another request…",
            takes: &[Param { name: "other", takes: Takes::Ticket, ..Param::BASE }],
            audit: "joined to another",
            ..REQUESTERS
        },
        decide::merge,
    )
    .reading(ActReads::Chosen("other"));

    REQUESTS = Act::alone(
        Spec {
            name: "requests",
            label: "Requests",
            takes: &[Param {
                name: "person",
                takes: Takes::Person,
                is_required: false,
                says: "Whose, if not your own (agents)",
                usage: "@name",
                ..Param::BASE
            }],
            command: Some(Command::new("List your open requests; for agents, somebody's").helping("to see what you asked for")),
            person_menu: Some("Show their open requests"),
            may: May::OneselfOr(Right::TicketWork),
            ..Spec::BASE
        },
        decide::requests,
    )
    .reading(ActReads::Requests);

    /// Opens the agents' menu, by a button of the card and by "Desk…" in the confirmation in a public thread.
    MENU = Act::to_ticket(Spec { name: "menu", label: "More…", is_told: true, ..AGENTS }, decide::menu);
}

#[cfg(test)]
mod tests {
    use super::LEVELS;
    use crate::domain::priority::Priority;

    #[test]
    fn every_priority_is_a_level() {
        let levels: Vec<_> = LEVELS.iter().map(|(value, _)| value.parse::<Priority>()).collect();
        assert_eq!(levels, Priority::ALL.map(Ok));
    }
}
