//! The ticket and its transitions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{MessageRef, Person, Place, TicketId, TicketKey, TicketTag, TicketUid};
use crate::domain::machine::{START, Step, step};
use crate::domain::priority::Priority;

/// A ticket: one request, and the state of the desk's work on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its id in the database.
    pub id: TicketId,
    /// The key that people quote.
    pub key: TicketKey,
    /// Identifies the ticket in buttons and forms, besides its key. Unlike a key, it is not given again after a restore
    /// of the database.
    pub uid: TicketUid,
    /// The first line of the requester's words. See [`title`](super::text::title).
    pub title: String,
    /// The message that the title was taken from. `None` if the words came by a form or command, or if the ticket is
    /// from a version that did not store this.
    pub titled_by: Option<MessageRef>,
    /// The person whose request it is.
    pub requester: Person,
    /// The person who wrote it.
    pub opened_by: Person,
    /// The place where the requester is answered.
    pub origin: Place,
    /// The message that opened it. Its id is empty if the ticket was opened by a command.
    pub origin_message: MessageRef,
    /// When `origin_message` was written.
    pub opened_at: Timestamp,
    pub status: Status,
    /// The agent who works on it.
    pub assignee: Option<Person>,
    pub priority: Priority,
    /// When an agent first answered the requester.
    pub answered_at: Option<Timestamp>,
    /// When something was last said or done.
    pub active_at: Timestamp,
    /// The ticket that it follows on from.
    pub follows: Option<TicketKey>,
    /// The ticket that it was merged into.
    pub merged_into: Option<TicketKey>,
    /// The number of its current version. An update conflicts if the stored version is not the one before.
    pub version: i64,
}

/// The state machine of a ticket. A ticket that is reopened, or whose wait ends, becomes `in_progress` if it has an
/// assignee, and `new` otherwise.
pub const STEPS: [Step; 21] = [
    step(START, "open", "new"),
    step("new", "take", "in_progress"),
    step("new", "assign", "in_progress"),
    step("in_progress", "release", "new"),
    step("pending", "release", "new"),
    step("new", "wait", "pending"),
    step("in_progress", "wait", "pending"),
    step("pending", "wait", "pending"),
    step("pending", "go on", "new"),
    step("pending", "go on", "in_progress"),
    step("new", "resolve", "resolved"),
    step("in_progress", "resolve", "resolved"),
    step("pending", "resolve", "resolved"),
    step("new", "cancel", "cancelled"),
    step("in_progress", "cancel", "cancelled"),
    step("pending", "cancel", "cancelled"),
    step("resolved", "reopen", "new"),
    step("resolved", "reopen", "in_progress"),
    step("cancelled", "reopen", "new"),
    step("cancelled", "reopen", "in_progress"),
    step("resolved", "close", "closed"),
];

/// The status of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Status {
    /// The ticket is open, and nobody has taken it.
    New,
    /// An agent works on it.
    InProgress,
    /// The ticket waits for somebody or something.
    Pending {
        /// What it waits for, in an agent's words. May be empty.
        reason: String,
        /// When the wait ends at the latest, if that is known. The ticket is then no longer pending.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The ticket is done, but can be reopened.
    Resolved {
        at: Timestamp,
        /// The person who did it.
        by: Person,
        /// How it was resolved, in an agent's words.
        resolution: String,
    },
    /// The ticket is done, and cannot be reopened.
    Closed { at: Timestamp, resolution: String },
    /// The request was taken back, marked as not a request, or merged into another one.
    Cancelled {
        at: Timestamp,
        /// The person who did it.
        by: Person,
        why: CancelReason,
    },
}

/// Why a ticket was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The requester took it back.
    TakenBack,
    /// An agent found that it is no request.
    NotARequest,
    /// It was merged into another ticket.
    Merged,
}

/// How far a ticket is. Changes less often than its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The desk still has to do something.
    Open,
    /// The ticket is done, but its requester or an agent can reopen it.
    Resolved,
    /// The ticket is closed or cancelled.
    Over,
}

impl Stage {
    /// Returns the stage's name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Over => "over",
        }
    }
}

impl Status {
    /// Returns the status's name in the database and in the audit.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InProgress => "in_progress",
            Self::Pending { .. } => "pending",
            Self::Resolved { .. } => "resolved",
            Self::Closed { .. } => "closed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Returns how far a ticket of this status is.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self {
            Self::New | Self::InProgress | Self::Pending { .. } => Stage::Open,
            Self::Resolved { .. } => Stage::Resolved,
            Self::Closed { .. } | Self::Cancelled { .. } => Stage::Over,
        }
    }

    /// Whether the desk still has to do something.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage(), Stage::Open)
    }

    /// Whether a ticket of this status can be reopened.
    #[must_use]
    pub const fn can_be_reopened(&self) -> bool {
        match self {
            Self::Resolved { .. } => true,
            Self::Cancelled { why, .. } => matches!(why, CancelReason::TakenBack | CancelReason::NotARequest),
            Self::New | Self::InProgress | Self::Pending { .. } | Self::Closed { .. } => false,
        }
    }
}

/// Why a transition of a ticket is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Another agent has the ticket.
    HeldBy(Box<Person>),
    /// The actor has the ticket already.
    AlreadyYours,
    /// Nobody has the ticket, so it cannot be given back.
    HeldByNobody,
    /// The ticket's status does not allow the transition, or is the requested one already.
    NotNow,
}

impl Ticket {
    /// Returns the ticket's tag and title, for a list.
    #[must_use]
    pub fn reference(&self) -> TicketRef {
        TicketRef { tag: self.tag(), title: self.title.clone() }
    }

    /// Returns the tag by which buttons and forms carry the ticket.
    #[must_use]
    pub fn tag(&self) -> TicketTag {
        TicketTag { key: self.key.clone(), uid: self.uid.clone() }
    }

    /// Whether the requester is answered in a direct conversation. No words of the ticket may then appear in public.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        self.origin.is_direct()
    }

    /// Assigns the ticket to the agent who takes it. `same`: whether two accounts belong to one person.
    ///
    /// # Errors
    /// If the ticket has an assignee, or is not open.
    pub fn take(&mut self, by: &Person, same: impl Fn(&Person, &Person) -> bool) -> Result<(), Refusal> {
        if !self.status.is_open() {
            return Err(Refusal::NotNow);
        }
        match &self.assignee {
            Some(holder) if same(holder, by) => return Err(Refusal::AlreadyYours),
            Some(holder) => return Err(Refusal::HeldBy(Box::new(holder.clone()))),
            None => {}
        }
        self.assign(by)
    }

    /// Assigns the ticket to `to`, even if it has another assignee.
    ///
    /// # Errors
    /// If it is not open.
    pub fn assign(&mut self, to: &Person) -> Result<(), Refusal> {
        if !self.status.is_open() {
            return Err(Refusal::NotNow);
        }
        self.assignee = Some(Person::new(to.who.clone(), to.name.clone()));
        if self.status == Status::New {
            self.status = Status::InProgress;
        }
        Ok(())
    }

    /// Gives the ticket back to the queue, as a new ticket without assignee.
    ///
    /// # Errors
    /// If the ticket has no assignee, or is not open.
    pub fn release(&mut self) -> Result<(), Refusal> {
        if !self.status.is_open() {
            return Err(Refusal::NotNow);
        }
        if self.assignee.take().is_none() {
            return Err(Refusal::HeldByNobody);
        }
        self.status = Status::New;
        Ok(())
    }

    /// Makes the ticket wait, until `until` if that is known.
    ///
    /// # Errors
    /// If the ticket is not open, or waits with the same reason and end already.
    pub fn wait(&mut self, reason: &str, until: Option<Timestamp>) -> Result<(), Refusal> {
        if !self.status.is_open() {
            return Err(Refusal::NotNow);
        }
        let waits = Status::Pending { reason: reason.to_owned(), until };
        if self.status == waits {
            return Err(Refusal::NotNow);
        }
        self.status = waits;
        Ok(())
    }

    /// Ends the wait of a pending ticket. Does nothing in any other status.
    pub fn go_on(&mut self) {
        if matches!(self.status, Status::Pending { .. }) {
            self.status = if self.assignee.is_some() { Status::InProgress } else { Status::New };
        }
    }

    /// Resolves the ticket.
    ///
    /// # Errors
    /// If it is not open.
    pub fn resolve(&mut self, at: Timestamp, by: &Person, resolution: &str) -> Result<(), Refusal> {
        if !self.status.is_open() {
            return Err(Refusal::NotNow);
        }
        let by = Person::new(by.who.clone(), by.name.clone());
        self.status = Status::Resolved { at, by, resolution: resolution.to_owned() };
        Ok(())
    }

    /// Reopens the ticket.
    ///
    /// # Errors
    /// If the ticket is open, closed, or merged into another one.
    pub fn reopen(&mut self) -> Result<(), Refusal> {
        if !self.status.can_be_reopened() {
            return Err(Refusal::NotNow);
        }
        self.status = if self.assignee.is_some() { Status::InProgress } else { Status::New };
        Ok(())
    }

    /// Cancels the ticket.
    ///
    /// # Errors
    /// If it is not open.
    pub fn cancel(&mut self, at: Timestamp, by: &Person, why: CancelReason) -> Result<(), Refusal> {
        if !self.status.is_open() {
            return Err(Refusal::NotNow);
        }
        self.status = Status::Cancelled { at, by: Person::new(by.who.clone(), by.name.clone()), why };
        Ok(())
    }

    /// Closes a resolved ticket.
    ///
    /// # Errors
    /// If it is not resolved.
    pub fn close(&mut self, at: Timestamp) -> Result<(), Refusal> {
        match &self.status {
            Status::Resolved { resolution, .. } => {
                self.status = Status::Closed { at, resolution: resolution.clone() };
                Ok(())
            }
            _ => Err(Refusal::NotNow),
        }
    }
}

/// A ticket in a list: its tag and its title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRef {
    pub tag: TicketTag,
    pub title: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::ids::{Conversation, PersonRef, PlatformName, Tenant};

    fn person(id: &str) -> Person {
        Person::new(PersonRef::new(PlatformName::Slack, id), id)
    }

    fn ticket(status: Status, assignee: Option<Person>) -> Ticket {
        let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
        Ticket {
            id: TicketId(1),
            key: "IT-1".parse().expect("a key"),
            uid: TicketUid::default(),
            title: String::new(),
            titled_by: None,
            requester: person("U1"),
            opened_by: person("U1"),
            origin: Place { tenant: tenant.clone(), at: Conversation::Channel { channel: "C1".to_owned() } },
            origin_message: MessageRef { tenant, channel: "C1".to_owned(), id: "1.0".to_owned() },
            opened_at: Timestamp::UNIX_EPOCH,
            status,
            assignee,
            priority: Priority::default(),
            answered_at: None,
            active_at: Timestamp::UNIX_EPOCH,
            follows: None,
            merged_into: None,
            version: 1,
        }
    }

    type Handler = fn(&mut Ticket) -> Result<(), Refusal>;

    /// Every method that changes a ticket.
    const WAYS: [(&str, Handler); 8] = [
        ("take", |ticket| ticket.take(&person("U2"), |one, other| one == other)),
        ("assign", |ticket| ticket.assign(&person("U2"))),
        ("release", Ticket::release),
        ("wait", |ticket| ticket.wait("the provider", None)),
        ("resolve", |ticket| ticket.resolve(Timestamp::UNIX_EPOCH, &person("U2"), "done")),
        ("reopen", Ticket::reopen),
        ("cancel", |ticket| ticket.cancel(Timestamp::UNIX_EPOCH, &person("U2"), CancelReason::TakenBack)),
        ("close", |ticket| ticket.close(Timestamp::UNIX_EPOCH)),
    ];

    #[test]
    fn the_table_of_steps_is_what_tickets_do() {
        let (at, by, resolution) = (Timestamp::UNIX_EPOCH, person("U2"), String::new());
        let cancelled = |why| Status::Cancelled { at, by: by.clone(), why };
        let states = [
            Status::New,
            Status::InProgress,
            Status::Pending { reason: "parts".to_owned(), until: None },
            Status::Resolved { at, by: by.clone(), resolution: resolution.clone() },
            Status::Closed { at, resolution },
            cancelled(CancelReason::TakenBack),
            cancelled(CancelReason::NotARequest),
            cancelled(CancelReason::Merged),
        ];
        let mut seen = BTreeSet::from([step(START, "open", "new")]);
        for status in states {
            // A new ticket has no assignee, and a ticket in progress has one.
            let assignees: &[Option<Person>] = match status {
                Status::New => &[None],
                Status::InProgress => &[Some(by.clone())],
                _ => &[None, Some(by.clone())],
            };
            for before in assignees.iter().map(|assignee| ticket(status.clone(), assignee.clone())) {
                let mut goes_on = before.clone();
                goes_on.go_on();
                let mut afters = vec![("go on", goes_on)];
                for (by, does) in WAYS {
                    let mut after = before.clone();
                    if does(&mut after).is_ok() {
                        afters.push((by, after));
                    }
                }
                for (by, after) in afters.into_iter().filter(|(_, after)| after.status != before.status) {
                    seen.insert(step(before.status.name(), by, after.status.name()));
                }
            }
        }
        assert_eq!(seen, BTreeSet::from(STEPS));
    }
}
