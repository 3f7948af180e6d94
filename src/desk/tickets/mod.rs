//! Tickets: the record of one requester's need.

pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub mod view;
