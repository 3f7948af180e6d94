//! Deskbell.

pub mod clock;
pub mod domain;
pub mod intake;
pub mod outbox;
pub mod platform;
pub mod sandbox;
pub mod store;
