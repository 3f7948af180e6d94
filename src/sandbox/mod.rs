//! A Slack workspace and a Discord guild in this process, which speak the real protocols over loopback.
//!
//! The production adapters connect to them. Tests, the replay and the page act as *people* through [`World`], and read
//! what each person sees. `slack`, `discord` and `world` know nothing of tickets; `stage`, `run` and `replay` connect
//! them to the program. Nothing here runs in production.

pub mod discord;
pub mod journal;
pub mod page;
pub mod replay;
pub mod run;
pub mod setup;
pub mod slack;
pub mod stage;
pub mod traffic;
pub mod world;

pub use journal::{Entry, Journal};
pub use traffic::{Direction, Record};
pub use world::{
    Absence, ChannelInfo, ChannelView, ControlKind, ControlView, Fault, FormField, FormView, MessageAt, MessageView,
    Nonsense, OptionView, PersonInfo, Spot, View, World, WorldError,
};
