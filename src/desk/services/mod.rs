//! Services, and the channels that follow them.

pub mod record;
