//! Tickets: the record of one requester's need.

pub(in crate::desk) mod acts;
pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub mod view;
