//! Deskbell: Slack and Discord as a front door to the IT service desk.
//!
//! # The way of a message
//!
//! 1. An inbound adapter ([`platform::slack`], [`platform::discord`]) verifies a payload, translates it into one
//!    [`domain::event::Event`] and hands it to [`intake::Intake::handle`]. It decides nothing.
//! 2. The intake has it classified ([`desk::hear()`]), calls the pure [`desk::decide`], and commits what follows:
//!    dedupe key, changes, audit and effects, in one transaction of the [`store::Store`].
//! 3. Only then is the platform told that the event was received.
//! 4. The dispatcher ([`outbox`]) leases effects, keeps each platform's limits, delivers through the outbound adapter
//!    ([`platform::Platform`]), stores the receipt, and retries what is temporary.
//! 5. What comes back by itself (a delivery that somebody waits for, a read-back, a timer) is an event through the same
//!    door.
//!
//! [`domain`] knows nobody; [`store`] knows `domain`; [`desk`] has a folder for each capability; [`intake`] knows these three;
//! adapters and [`outbox`] know `domain` and call `intake`;
//! only [`app`] knows everyone. [`sandbox`] is a Slack and a Discord of its own, to try and to test it all against.

pub mod app;
pub mod asking;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod desk;
pub mod domain;
pub mod health;
pub mod http;
pub mod intake;
pub mod logging;
pub mod metrics;
pub mod outbox;
pub mod platform;
pub mod sandbox;
pub mod search;
pub mod store;
pub mod trial;
