//! Drafts: the values of an unfinished form, which has another page to fill in or a field to correct. Only the person
//! who filled it in may use a draft. It is kept for an hour.

pub(in crate::desk) mod decide;
pub mod record;
pub mod state;
pub(in crate::desk) mod text;
