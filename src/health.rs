//! The health of the program: whether its parts work, and which conditions keep people from being answered or seen.
//!
//! *Checks* are parts that work or do not (the database, the connection to each platform). *Conditions* are problems
//! that an operator should know of although all parts work: a platform that takes nothing, a channel of the desk that
//! refuses. The part that notices a condition raises it, and clears it when it is over. `/readyz`, the metrics and the
//! desk on the other platform show it. Nothing here contains secrets, names or words of people, since anybody who
//! reaches the operators' port can read `/readyz`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::domain::ids::PlatformName;

/// The checks and conditions of the program. Clones share one state.
#[derive(Clone, Debug)]
pub struct Health {
    board: Arc<watch::Sender<Board>>,
}

/// All checks and conditions at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    checks: Vec<Check>,
    conditions: BTreeMap<(PlatformName, Kind), Condition>,
}

/// A part that works or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `database`, or the name of a platform.
    pub name: String,
    pub ready: bool,
    /// More about it, for operators. `/readyz` shows it: no secrets, no names.
    pub detail: String,
}

/// Something on a platform that keeps people from being answered or seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    pub platform: PlatformName,
    pub kind: Kind,
    pub since: Timestamp,
    /// More about it, for operators. `/readyz` shows it: no secrets, no names.
    pub detail: String,
}

/// The kinds of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The platform takes no messages.
    Delivery,
    /// The platform refuses the bot's token.
    Token,
    /// No messages are received from the platform.
    Connection,
    /// The desk's channel there cannot be written to.
    Triage,
    /// The bot is not in a guild that it is to serve.
    Guild,
    /// The members of the desk's groups or roles cannot be read.
    Roster,
    /// The platform's requests are refused at the port: a wrong secret, or a wrong clock.
    Door,
    /// In some channel the guard may not read the messages before a ping of staff. Pings there are only counted.
    Guard,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Delivery,
        Self::Token,
        Self::Connection,
        Self::Triage,
        Self::Guild,
        Self::Roster,
        Self::Door,
        Self::Guard,
    ];

    /// Returns its name in metrics and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Token => "token",
            Self::Connection => "connection",
            Self::Triage => "triage",
            Self::Guild => "guild",
            Self::Roster => "roster",
            Self::Door => "door",
            Self::Guard => "guard",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new([""; 0])
    }
}

impl Health {
    /// Creates a check for each name. No part works yet.
    #[must_use]
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let starting = |name: N| Check { name: name.into(), ready: false, detail: "starting".to_owned() };
        let board = Board { checks: names.into_iter().map(starting).collect(), conditions: BTreeMap::new() };
        Self { board: Arc::new(watch::channel(board).0) }
    }

    /// Sets the state of a part. A new name adds a part.
    pub fn set(&self, name: &str, ready: bool, detail: impl Into<String>) {
        let new = Check { name: name.to_owned(), ready, detail: detail.into() };
        self.board.send_if_modified(|board| match board.checks.iter_mut().find(|check| check.name == name) {
            Some(check) if *check == new => false,
            Some(check) => {
                *check = new;
                true
            }
            None => {
                board.checks.push(new);
                true
            }
        });
    }

    /// Whether every part works.
    #[must_use]
    pub fn all(&self) -> bool {
        self.board.borrow().checks.iter().all(|check| check.ready)
    }

    /// Returns the state of every part.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        self.board.borrow().checks.clone()
    }

    /// Waits until every part works.
    pub async fn wait(&self) {
        let mut board = self.board.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = board.wait_for(|board| board.checks.iter().all(|check| check.ready)).await;
    }

    /// Raises a condition. If it exists already, only its detail changes, not its `since`.
    pub fn raise(&self, platform: PlatformName, kind: Kind, detail: impl Into<String>, now: Timestamp) {
        let (detail, mut is_new) = (detail.into(), false);
        self.board.send_if_modified(|board| match board.conditions.get_mut(&(platform, kind)) {
            Some(known) if known.detail == detail => false,
            Some(known) => {
                known.detail.clone_from(&detail);
                true
            }
            None => {
                let condition = Condition { platform, kind, since: now, detail: detail.clone() };
                board.conditions.insert((platform, kind), condition);
                is_new = true;
                true
            }
        });
        if is_new {
            tracing::warn!(
                %platform, %kind, detail,
                "a condition is raised: people there may not be answered or seen; see its `kind` in the README"
            );
        }
    }

    /// Clears a condition, and logs its end. Nothing happens if it was not raised.
    pub fn clear(&self, platform: PlatformName, kind: Kind) {
        if self.board.send_if_modified(|board| board.conditions.remove(&(platform, kind)).is_some()) {
            tracing::info!(%platform, %kind, "a condition is over");
        }
    }

    /// Returns a receiver that is notified of every change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Board> {
        self.board.subscribe()
    }

    /// Returns the present conditions.
    #[must_use]
    pub fn conditions(&self) -> Vec<Condition> {
        self.board.borrow().conditions.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_goes_on_since_it_began_until_it_is_cleared() {
        let health = Health::new(["database"]);
        let at = |secs| Timestamp::from_second(secs).expect("a time");
        health.raise(PlatformName::Slack, Kind::Delivery, "503", at(1));
        health.raise(PlatformName::Slack, Kind::Delivery, "no connection", at(5));
        health.raise(PlatformName::Discord, Kind::Triage, "gone", at(6));
        let known: Vec<_> = health.conditions().into_iter().map(|one| (one.kind, one.since, one.detail)).collect();
        let slack = (Kind::Delivery, at(1), "no connection".to_owned());
        assert_eq!(known, [slack, (Kind::Triage, at(6), "gone".to_owned())]);
        health.clear(PlatformName::Slack, Kind::Delivery);
        health.clear(PlatformName::Slack, Kind::Delivery);
        assert_eq!(health.conditions().len(), 1);
        assert!(!health.all(), "clearing a condition does not change a check");
        health.set("database", true, "answers");
        assert!(health.all());
    }
}
