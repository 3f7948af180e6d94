//! Outages (major incidents): announcing them to every channel that follows a service, and saying how they go.

pub(in crate::desk) mod acts;
pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub(in crate::desk) mod view;
