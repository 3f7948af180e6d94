//! The guard: whoever pings an expert with a request is offered the desk, and the expert is left to their work.

pub(in crate::desk) mod acts;
pub(in crate::desk) mod decide;
pub mod record;
pub mod state;
pub mod text;
