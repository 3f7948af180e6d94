//! Help: the list of what the bot can do, and answers to commands and buttons that it does not understand.

pub(in crate::desk) mod acts;
pub(in crate::desk) mod decide;
pub mod text;
