//! Who is on call: whoever the settings list, and whoever says so by a command, until then.

pub(in crate::desk) mod acts;
pub(in crate::desk) mod decide;
pub mod record;
pub mod state;
pub mod text;
