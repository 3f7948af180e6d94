//! A Slack workspace.
