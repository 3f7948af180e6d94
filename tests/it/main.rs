//! One binary, one file a capability. Each test reads as a conversation and ends by asserting silence.

mod backlog;
mod bare;
mod harness;

mod away;
mod browser;
mod bursts;
mod catch_up;
mod commands;
mod crash;
mod desk;
mod fairness;
mod held;
mod joined;
mod layers;
mod metrics;
mod nonsense;
mod odd;
mod operate;
mod permissions;
mod platform_away;
mod port;
mod postgres;
mod privacy;
mod program;
mod properties;
mod ready;
mod redelivery;
mod replay;
mod rolling;
mod rules;
mod second_copy;
mod specs;
mod store_contract;
mod tickets;
mod words;
