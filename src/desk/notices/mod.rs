//! Notices: the same message in many places.

pub mod record;
