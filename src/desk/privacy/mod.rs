//! Privacy: taking people out of the record.

pub mod record;
pub mod state;
pub mod text;
