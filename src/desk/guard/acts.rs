//! What people can do about pings of staff.

use super::decide;
use crate::desk::acts::{Act, Reads, acts};
use crate::domain::act::{Command, May, Param, Spec, Takes};
use crate::domain::message::Style;
use crate::domain::right::Right;

/// The ping that a notice is about, by its id.
const PING: Param = Param { name: "ping", takes: Takes::Message, ..Param::BASE };

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
    .reading(Reads::Ping("ping"));

    NO_REQUEST = Act::alone(
        Spec { name: "no_request", label: "Not a request", takes: &[PING], ..Spec::BASE },
        decide::dismiss,
    )
    .reading(Reads::Ping("ping"));

    WHY_ASKED = Act::alone(
        Spec { name: "why_asked", label: "Why did I get this?", takes: &[PING], ..Spec::BASE },
        decide::explain,
    )
    .reading(Reads::Ping("ping"));

    NOT_HERE = Act::alone(
        Spec { name: "not_here", label: "Don't ask me in this channel", takes: &[PING], ..Spec::BASE },
        decide::opt_out,
    )
    .reading(Reads::Ping("ping"));

    SEND_TO_DESK = Act::alone(
        Spec { name: "send_to_desk", label: "Send to desk", menu: Some("Send to desk"), ..Spec::BASE },
        decide::send_to_desk,
    );

    GUARD = Act::alone(
        Spec {
            name: "guard",
            label: "Pings of staff",
            command: Some(Command::new("How often you were pinged directly, and what became of it; for admins, everybody")
                .helping("to see how often you were pinged")),
            may: May::Has(Right::TicketWork),
            ..Spec::BASE
        },
        decide::report,
    )
    .reading(Reads::Pings);
}
