//! Closing: a ticket that was resolved is closed after a while.

pub mod decide;
