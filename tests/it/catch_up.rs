//! What is said while the bot is down, or cut off, is found afterwards; what it has handled is not handled again.

mod discord;
mod slack;
