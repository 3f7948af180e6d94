//! What stands in place of words and names that were taken out.

/// What stands in place of a title whose author was taken out of the record, or that was kept long enough.
#[must_use]
pub fn erased_title() -> String {
    "(erased)".to_owned()
}

/// What somebody is called who was taken out of the record.
#[must_use]
pub fn erased_name() -> String {
    "Somebody".to_owned()
}
