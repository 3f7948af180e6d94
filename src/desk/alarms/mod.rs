//! Alarms: what the desk is told about the program itself.

pub mod text;
