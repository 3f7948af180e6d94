//! The guard: finds messages that ping staff with a request for help, and offers their authors the desk, so that staff
//! are not interrupted.

pub(in crate::desk) mod acts;
pub(in crate::desk) mod decide;
pub mod record;
pub mod state;
pub mod text;
