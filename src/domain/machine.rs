//! State machines as tables: the code decides by them, and the diagrams in `docs/architecture/states.md` are made of them.

/// One step of a state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The state that it leaves; [`START`] where something new comes into being.
    pub from: &'static str,
    /// What makes the step: an act, or an event.
    pub by: &'static str,
    /// The state that it leads to; [`END`] where the thing is deleted.
    pub to: &'static str,
}

/// Before there is anything.
pub const START: &str = "[*]";
/// After it is deleted.
pub const END: &str = "[*]";

/// A step from one state to another.
#[must_use]
pub const fn step(from: &'static str, by: &'static str, to: &'static str) -> Step {
    Step { from, by, to }
}

/// Whether a state can be left by this.
#[must_use]
pub fn can(steps: &[Step], from: &str, by: &str) -> bool {
    steps.iter().any(|step| step.from == from && step.by == by)
}

/// Whether one state follows another, by anything; a state may stay as it is.
#[must_use]
pub fn follows(steps: &[Step], from: &str, to: &str) -> bool {
    from == to || steps.iter().any(|step| step.from == from && step.to == to)
}
