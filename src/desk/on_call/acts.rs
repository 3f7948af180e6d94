//! The acts about being on call.

use super::decide;
use crate::desk::acts::{Act, ActReads, acts};
use crate::domain::act::{Command, May, Param, Spec, Takes};
use crate::domain::right::Right;

/// The base of the acts below: acts of the desk's agents.
const AGENTS: Spec = Spec { may: May::Has(Right::TicketWork), ..Spec::BASE };

acts! {
    WHO = Act::alone(
        Spec {
            name: "oncall who",
            label: "Who is on call?",
            command: Some(Command::new("Who is called when something cannot wait")),
            ..AGENTS
        },
        decide::who,
    )
    .reading(ActReads::OnCall);

    UNTIL = Act::alone(
        Spec {
            name: "oncall until",
            label: "Be on call",
            takes: &[Param {
                name: "until",
                takes: Takes::Future,
                says: "Until when you are on call, like: 18:00, tomorrow 8, mon 9:00",
                usage: "18:00",
                label: "Until when?",
                ..Param::BASE
            }],
            command: Some(Command::new("You are called until then when something cannot wait")),
            audit: "on call",
            ..AGENTS
        },
        decide::until,
    );

    END = Act::alone(
        Spec {
            name: "oncall end",
            label: "End on-call duty",
            command: Some(Command::new("You are not on call any more")),
            audit: "on call no more",
            // A person who is no longer an agent may still have an entry to end.
            may: May::Anyone,
            ..AGENTS
        },
        decide::end,
    )
    .reading(ActReads::OnCall);
}
