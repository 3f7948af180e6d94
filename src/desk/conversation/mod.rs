//! Conversations: what people say, and which ticket it belongs to.

pub mod decide;
pub mod record;
pub mod state;
pub mod text;
pub mod view;
