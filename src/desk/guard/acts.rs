//! The acts about pings of staff.

use super::decide;
use crate::desk::acts::{Act, ActReads, acts};
use crate::domain::act::{AUTHOR, Begins, Command, FormWords, May, Param, SAID, Spec, Takes};
use crate::domain::message::Style;
use crate::domain::right::Right;

/// The guard modes that can be set for a channel.
pub(super) const MODES: [(&str, &str); 5] = [
    ("off", "Nobody looks at them"),
    ("observe", "They are counted, and nobody is told"),
    ("nudge", "Whoever asks for help so is asked whether the desk may take it"),
    ("route", "Requests go to the desk at once, and can be taken back"),
    (DEFAULT, "What the settings say"),
];
/// The choice that removes the channel's own mode, so that the settings apply.
pub(super) const DEFAULT: &str = "default";

/// The ping that the button belongs to. The button carries the ping's id, a hash, and not the id of a message.
const PING: Param = Param { name: "ping", takes: Takes::Message, ..Param::BASE };

/// The base of acts that only staff, and people who may set the guard, can do.
const STAFF: Spec = Spec { may: May::Staff, ..Spec::BASE };

acts! {
    PASS_ON = Act::alone(
        Spec {
            name: "pass_on",
            label: "Make it a request",
            style: Style::Primary,
            takes: &[PING],
            ..Spec::BASE
        },
        decide::pass_on,
    )
    .reading(ActReads::Ping("ping"));

    NO_REQUEST = Act::alone(
        Spec { name: "no_request", label: "Not a request", takes: &[PING], ..Spec::BASE },
        decide::dismiss,
    )
    .reading(ActReads::Ping("ping"));

    WHY_ASKED = Act::alone(
        Spec { name: "why_asked", label: "Why did I get this?", takes: &[PING], ..Spec::BASE },
        decide::explain,
    )
    .reading(ActReads::Ping("ping"));

    NOT_HERE = Act::alone(
        Spec { name: "not_here", label: "Don't ask me in this channel", takes: &[PING], ..Spec::BASE },
        decide::opt_out,
    )
    .reading(ActReads::Ping("ping"));

    SEND_TO_DESK = Act::alone(
        Spec {
            name: "send_to_desk",
            label: "Send to desk",
            menu: Some("Send to desk"),
            // Where the bot is not a member, the message and its author are known only from the menu's payload.
            takes: &[
                Param { name: SAID, begins_with: Begins::Said, is_required: false, ..Param::BASE },
                Param { name: AUTHOR, takes: Takes::Person, is_required: false, ..Param::BASE },
            ],
            ..Spec::BASE
        },
        decide::send_to_desk,
    );

    /// Cancels a ticket that the guard, or another person, has opened for the requester.
    UNDO = Act::to_ticket(
        Spec {
            name: "undo",
            label: "Undo",
            takes: &[Param { is_required: false, ..PING }],
            may: May::Requester,
            is_told: true,
            ..Spec::BASE
        },
        decide::undo,
    )
    .reading(ActReads::Ping("ping"));

    URGENT = Act::alone(
        Spec { name: "urgent", label: "It's urgent", takes: &[PING], ..Spec::BASE },
        decide::urgent,
    )
    .reading(ActReads::Ping("ping"));

    CALL = Act::alone(
        Spec {
            name: "call",
            label: "Call them…",
            style: Style::Danger,
            takes: &[
                PING,
                Param {
                    name: "reason",
                    label: "Why can't it wait?",
                    hint: "What stops, and for how many people",
                    ..Param::BASE
                },
            ],
            form: Some(FormWords { title: "It can't wait", submit: "Call" }),
            audit: "called",
            ..Spec::BASE
        },
        decide::call,
    )
    .reading(ActReads::Ping("ping"));

    REPORT = Act::alone(
        Spec {
            name: "guard report",
            label: "Pings of staff",
            command: Some(Command::new("How often you were pinged directly, and what became of it; for admins, everybody")),
            ..STAFF
        },
        decide::report,
    )
    .reading(ActReads::Pings);

    MODE = Act::alone(
        Spec {
            name: "guard mode",
            label: "What becomes of pings here",
            takes: &[Param {
                name: "mode",
                takes: Takes::Choice(&MODES),
                says: "What becomes of pings of staff in this channel",
                usage: "nudge",
                hint: "Or off, observe, route, default.",
                label: "What becomes of pings here?",
                ..Param::BASE
            }],
            command: Some(Command::new("Set what becomes of pings of staff in this channel")),
            may: May::Has(Right::GuardSet),
            audit: "guard set",
            ..Spec::BASE
        },
        decide::set_mode,
    )
    .reading(ActReads::Guard);

    ME = Act::alone(
        Spec {
            name: "guard me",
            label: "Pings of you here",
            takes: &[Param {
                name: "guarded",
                takes: Takes::Choice(&[("on", "The guard looks at them"), ("off", "The guard leaves them alone")]),
                says: "Whether the guard looks at pings of you in this channel; if you are not of the staff: by you",
                usage: "off",
                hint: "Or on.",
                label: "Does the guard look at pings of you here?",
                ..Param::BASE
            }],
            command: Some(Command::new("Have the guard leave you alone in this channel, or not any more")),
            ..Spec::BASE
        },
        decide::guard_me,
    );

    AWAY = Act::alone(
        Spec {
            name: "guard away",
            label: "You are away",
            takes: &[Param {
                name: "until",
                takes: Takes::Future,
                says: "Until when you are away, like: tomorrow 9, mon, 2026-12-24",
                usage: "tomorrow 9",
                label: "Until when?",
                ..Param::BASE
            }],
            command: Some(Command::new("Whoever pings you until then with a request is offered the desk")),
            ..STAFF
        },
        decide::be_away,
    );

    BACK = Act::alone(
        Spec {
            name: "guard back",
            label: "You are back",
            command: Some(Command::new("You are not away any more")),
            ..STAFF
        },
        decide::be_back,
    );

    EXPLAIN = Act::alone(
        Spec {
            name: "guard why",
            label: "Why did the guard do that?",
            takes: &[Param {
                name: "link",
                says: "The link of a message that pings staff",
                usage: "link",
                label: "The link of the message",
                ..Param::BASE
            }],
            command: Some(Command::new("What was made of a message that pings staff, and by which rules and figures")),
            may: May::Has(Right::TicketWork),
            ..Spec::BASE
        },
        decide::explain_link,
    )
    .reading(ActReads::PingAt("link"));
}
