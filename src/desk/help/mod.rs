//! Help: what the bot can do.

pub(in crate::desk) mod acts;
pub(in crate::desk) mod decide;
pub mod text;
