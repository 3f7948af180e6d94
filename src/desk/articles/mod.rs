//! Articles: writing, editing, publishing, reviewing and retiring them, and the lists of articles that need somebody's
//! work.

pub(in crate::desk) mod acts;
pub mod decide;
pub(in crate::desk) mod text;
