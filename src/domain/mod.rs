//! The vocabulary of the program: ids, subjects, views, events, effects, acts, rights, forms and limits. It is pure: no
//! async, no IO, no SDK, no clock.

pub mod act;
pub mod article;
pub mod audit;
pub mod channel;
pub mod effect;
pub mod event;
pub mod form;
pub mod hours;
pub mod ids;
pub mod limits;
pub mod link;
pub mod machine;
pub mod markdown;
pub mod message;
pub mod outage;
pub mod outcome;
pub mod permission;
pub mod plain;
pub mod priority;
pub mod right;
pub mod rules;
pub mod settings;
pub mod small_talk;
pub mod standing;
pub mod subject;
pub mod view;
pub mod when;
pub mod words;
