//! Privacy: erasing people from the record.

pub mod record;
pub mod state;
pub mod text;
