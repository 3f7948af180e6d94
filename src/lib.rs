//! Deskbell: Slack and Discord as a front door to the IT service desk.
//!
//! # The way of a message
//!
//! 1. An inbound adapter ([`platform::slack`], [`platform::discord`]) verifies a payload, translates it into one
//!    [`domain::event::Event`] and hands it to [`intake::Intake::handle`]. It decides nothing.
//! 2. The intake classifies the event ([`desk::hear()`]), calls the pure [`desk::decide`], and commits dedupe key,
//!    changes, audit and effects in one transaction of the [`store::Store`].
//! 3. Slack's events are acknowledged only after this commit. Discord's gateway has no acknowledgement.
//! 4. The dispatcher ([`outbox`]) leases effects, obeys each platform's limits, delivers through the outbound adapter
//!    ([`platform::Platform`]), stores the receipt, and retries temporary failures.
//! 5. The end of an awaited delivery, the result of reading from a platform, and a timer that fires are events, too.
//!    They also enter through [`intake::Intake::handle`].
//!
//! [`domain`] is the vocabulary and names no other module. [`desk`] has a folder for each capability. [`app`] puts all
//! parts together. [`sandbox`] is a Slack and a Discord that speak the real protocols, for trying and testing.
//! ARCHITECTURE.md lists which module may name which; `tests/it/layers.rs` checks that.

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
