//! Drafts: what was filled in of an unfinished form, which has another page to fill in or a field to correct. Only its
//! person may use a draft. It is kept for an hour.

pub mod record;
pub mod state;
pub(in crate::desk) mod text;
