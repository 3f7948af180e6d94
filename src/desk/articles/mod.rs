//! Keeping articles: writing, publishing, reviewing and retiring them, and the lists of those that wait for somebody.

pub(in crate::desk) mod acts;
pub mod decide;
pub(in crate::desk) mod text;
