//! The people and channels that a sandbox starts with, in the same form for both platforms.

/// A person of a workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// The short name, by which tests and the page name the person: `jeff`.
    pub handle: String,
    /// The display name: `Jeff Park`.
    pub name: String,
    /// The person's role, such as `employee`: the page shows it beside the name.
    pub part: String,
}

/// A channel that a workspace starts with.
#[derive(Clone, Debug)]
pub struct ChannelSetup {
    /// The name, without `#`.
    pub name: String,
    /// Whether only members see it.
    pub private: bool,
    /// Handles of the members of a private channel; everybody is in a public one.
    pub members: Vec<String>,
    /// Whether the bot is in it.
    pub bot: bool,
}
