//! Drafts: what was filled in of a form that is not finished, be it that a page of it is still to come or that a field must be
//! corrected. A draft is its person's alone, and is kept for an hour.

pub mod record;
pub mod state;
pub(in crate::desk) mod text;
