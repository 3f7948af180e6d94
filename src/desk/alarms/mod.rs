//! Alarms: what the desk is told about the program itself.

pub mod record;
pub mod text;
pub mod view;
