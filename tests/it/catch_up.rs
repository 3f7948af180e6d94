//! Messages that come while the bot is down or cut off are found afterwards, and handled once.

mod discord;
mod slack;
