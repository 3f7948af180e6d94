//! State machines as tables. Decisions use the tables, and the diagrams in `docs/architecture/states.md` are generated
//! from them.

/// One step of a state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The state before the step; [`START`] for a thing that is created.
    pub from: &'static str,
    /// The act or event that makes the step.
    pub by: &'static str,
    /// The state after the step; [`END`] for a thing that is deleted.
    pub to: &'static str,
}

/// The state of a thing that does not exist yet.
pub const START: &str = "[*]";
/// The state of a thing that was deleted.
pub const END: &str = "[*]";

/// Returns the step from one state to another.
#[must_use]
pub const fn step(from: &'static str, by: &'static str, to: &'static str) -> Step {
    Step { from, by, to }
}

/// Whether the act or event `by` is possible in the state `from`.
#[must_use]
pub fn can(steps: &[Step], from: &str, by: &str) -> bool {
    steps.iter().any(|step| step.from == from && step.by == by)
}

/// Whether any step leads from `from` to `to`, or the two are the same state.
#[must_use]
pub fn follows(steps: &[Step], from: &str, to: &str) -> bool {
    from == to || steps.iter().any(|step| step.from == from && step.to == to)
}
