//! The people on call: those whom the settings list, and those who have put themselves on call by a command, until the
//! time that they gave.

pub(in crate::desk) mod acts;
pub(in crate::desk) mod decide;
pub mod record;
pub mod state;
pub mod text;
