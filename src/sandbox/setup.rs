//! Whom and what a workspace is made of, the same for both.

/// A person.
#[derive(Clone, Debug)]
pub struct Member {
    /// Short name (`jeff`).
    pub handle: String,
    /// Display name (`Jeff`).
    pub name: String,
    /// What the page shows beside the name.
    pub part: String,
}

/// A channel.
#[derive(Clone, Debug)]
pub struct ChannelSetup {
    /// Name without `#`.
    pub name: String,
    /// Only members see it.
    pub private: bool,
    /// Handles of the members of a private channel; everybody is in a public one.
    pub members: Vec<String>,
    /// Whether the bot is in it.
    pub bot: bool,
}
