//! The guard: a person who pings staff with a request is offered the desk, so that the staff are not interrupted.

pub(in crate::desk) mod acts;
pub(in crate::desk) mod decide;
pub mod record;
pub mod state;
pub mod text;
