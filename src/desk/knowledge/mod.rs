//! Knowledge: searching for articles, suggesting one for a request, and sending one to a requester.

pub(in crate::desk) mod acts;
pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub(in crate::desk) mod view;
