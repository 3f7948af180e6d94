//! The desk itself: pure. No async, no IO, no SDK, no clock.

pub mod action;
pub mod command;
pub mod decision;
pub mod effect;
pub mod erasure;
pub mod event;
pub mod form;
pub mod ids;
pub mod limits;
pub mod message;
pub mod permission;
pub mod plain;
pub mod priority;
pub mod record;
pub mod rules;
pub mod small_talk;
pub mod text;
pub mod ticket;
