//! The text in place of erased words and names.

/// Returns the text in place of an erased title or resolution.
#[must_use]
pub fn erased_title() -> String {
    "(erased)".to_owned()
}

/// Returns the name of every erased person.
#[must_use]
pub fn erased_name() -> String {
    "Somebody".to_owned()
}
