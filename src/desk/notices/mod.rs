//! Notices: messages of the program that are posted in many places, and updated in all of them.

pub mod record;
