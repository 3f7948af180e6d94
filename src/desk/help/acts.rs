//! The act `help`.

use super::decide;
use crate::desk::acts::{Act, acts};
use crate::domain::act::{Command, Spec};

acts! {
    HELP = Act::alone(
        Spec {
            name: "help",
            label: "Help",
            command: Some(Command::new("What the desk can do").helping("to see this")),
            ..Spec::BASE
        },
        decide::help,
    );
}
