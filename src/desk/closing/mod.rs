//! Closing: a timer closes a resolved ticket after the days in the settings.

pub mod decide;
