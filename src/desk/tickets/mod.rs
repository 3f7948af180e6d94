//! Tickets: requests and the desk's work on them.

pub(in crate::desk) mod acts;
pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub mod view;
