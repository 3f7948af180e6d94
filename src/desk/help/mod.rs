//! Help: what the bot can do.

pub mod text;
