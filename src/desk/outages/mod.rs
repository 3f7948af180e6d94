//! Outages (major incidents): announcing them to the channels that follow a service, and spreading news of them.

pub(in crate::desk) mod acts;
pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub(in crate::desk) mod view;
