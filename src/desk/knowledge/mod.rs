//! Knowledge: articles, looking for them, and suggesting the one that answers.

pub mod record;
pub mod state;
