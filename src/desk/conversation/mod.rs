//! Conversations: the words of people, and the tickets that they belong to.

pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub mod view;
