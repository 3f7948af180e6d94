//! Knowledge: articles, looking for them, and suggesting the one that answers.

pub(in crate::desk) mod acts;
pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub(in crate::desk) mod view;
