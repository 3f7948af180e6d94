//! Alarms: messages that tell the desk about the program itself.

pub mod record;
pub mod text;
pub mod view;
