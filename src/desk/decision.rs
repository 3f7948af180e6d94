//! The decision about one event: its outcome, changes, audit entries and effects, which are committed together.

use jiff::Timestamp;

use super::conversation::state::{Record, Side, SkippedMention};
use super::drafts::state::Draft;
use super::guard::state::Ping;
use super::knowledge::state::{Article, Kept, Mark, Suggestion};
use super::outages::state::Outage;
use super::tickets::state::{Stage, Ticket};
use crate::domain::audit::AuditEntry;
use crate::domain::effect::Effect;
use crate::domain::event::{Timer, TimerKind};
use crate::domain::ids::{
    ArticleId, ArticleKey, DraftId, MessageRef, OutageId, Person, PersonRef, PingId, Place, TicketId,
};
use crate::domain::outcome::Outcome;
use crate::domain::rules::GuardMode;
use crate::domain::subject::Subject;
use crate::domain::view::View;

/// The decision about one event. All of it is written in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The outcome of the event, for logs, metrics and the replay.
    pub outcome: Outcome,
    pub changes: Vec<Change>,
    pub audit: Vec<AuditEntry>,
    pub effects: Vec<Effect>,
}

impl Decision {
    /// Whether the decision opens a ticket, for which a number must be drawn.
    #[must_use]
    pub fn opens_ticket(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Open(_)))
    }
}

/// One change of the stored data. [`apply`](super::apply) writes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Inserts a ticket. Its number was drawn before.
    Open(Box<Ticket>),
    /// Updates a ticket. Its `version` is one more than the version that was read. Requester and origin never change.
    Put {
        /// The stage of the version that was read.
        before: Stage,
        after: Box<Ticket>,
    },
    /// Binds a place to a ticket. The place then belongs to no other ticket.
    Bind {
        place: Place,
        ticket: TicketId,
        /// Whether the place is on the requester's side or under the card.
        side: Side,
    },
    /// Inserts the record of words on a ticket, unless their message is on record already.
    Record(Record),
    /// Replaces the words of a recorded message.
    Rewrite {
        message: MessageRef,
        text: String,
        /// The time of the edit.
        at: Timestamp,
    },
    /// Removes the words of a recorded message.
    Erase {
        message: MessageRef,
        /// The time of the deletion.
        at: Timestamp,
    },
    /// Moves a joined message to another ticket. The message is then no longer marked as joined.
    Separate { message: MessageRef, to: TicketId },
    /// Moves all records and places of a ticket to another ticket, and its standing messages except views such as the
    /// card.
    Move { from: TicketId, to: TicketId },
    /// Stores a mention that opened no ticket. It replaces the stored mention of the same message.
    StoreSkipped(SkippedMention),
    /// Deletes the stored mention of this message.
    DeleteSkipped { message: MessageRef },
    /// Inserts or updates the draft of a form.
    KeepDraft(Box<Draft>),
    /// Deletes a draft of a form.
    ForgetDraft(DraftId),
    /// Inserts the suggestion for a ticket, whether or not the requester is shown it.
    Suggest(Box<Suggestion>),
    /// Writes that an article solved a ticket.
    SolvedBy { ticket: TicketId, article: ArticleKey },
    /// Writes that a requester wants a person in spite of the suggested article.
    Escalate { ticket: TicketId, at: Timestamp },
    /// Adds a mark of an article on a ticket: shown, read, solved, helpful or unhelpful. Each mark counts once for each
    /// ticket.
    MarkArticle { article: ArticleId, mark: Mark, ticket: TicketId, at: Timestamp },
    /// Inserts an article and its first version.
    WriteArticle {
        /// The article, with the number and key that were drawn for it.
        article: Box<Article>,
        by: Person,
    },
    /// Updates an article. If another transaction has changed it since `before` was read, this transaction conflicts.
    PutArticle { before: Box<Kept>, after: Box<Article>, by: Person },
    /// Inserts the draft of an outage.
    WriteOutage(Box<Outage>),
    /// Updates an outage. Its `version` is one more than the version that was read.
    PutOutage(Box<Outage>),
    /// Releases the copies of an outage that are held because their channels refused them, so that they are tried
    /// again.
    RetryOutage { outage: OutageId, at: Timestamp },
    /// Gives up the copies of an outage that are held because their channels refused them.
    GiveUpOutage { outage: OutageId, at: Timestamp },
    /// Makes a channel follow a service.
    FollowService {
        /// The key of the service in the settings (`[[services]]`).
        service: String,
        place: Place,
        at: Timestamp,
    },
    /// Ends the following of a service by a channel.
    UnfollowService {
        /// The key of the service in the settings (`[[services]]`).
        service: String,
        place: Place,
        at: Timestamp,
    },
    /// Inserts or updates a ping of staff.
    KeepPing(Box<Ping>),
    /// Makes the guard say nothing about further pings of the same staff by this author until `until`.
    Mute {
        author: PersonRef,
        /// The staff who were pinged: an account, or a group as the settings write it.
        staff: String,
        until: Timestamp,
    },
    /// Sets the guard mode of a channel: how pings of staff are handled there.
    SetGuard {
        place: Place,
        /// The mode. `None`: the mode of the settings applies.
        mode: Option<GuardMode>,
        at: Timestamp,
    },
    /// Writes that a guard mode is announced in a channel. If that mode was the last one announced there, the
    /// transaction conflicts.
    AnnounceGuard { place: Place, mode: GuardMode, at: Timestamp },
    /// Ends the ping of this id, if it is stored: an edit has addressed its message to the desk.
    EndPingByEdit(PingId),
    /// Sets whether a member of the staff wants to be pinged in a channel.
    WantPings { who: PersonRef, place: Place, is_on: bool, at: Timestamp },
    /// Sets until when a member of the staff is away.
    BeAway {
        who: PersonRef,
        /// The end of the absence. `None`: the person is back.
        until: Option<Timestamp>,
    },
    /// Writes that a member of the staff was told how the guard works. Each member is told once.
    TellStaff { who: PersonRef, at: Timestamp },
    /// Sets until when a person is on call.
    BeOnCall {
        who: PersonRef,
        /// The end of the call duty. `None`: the person is no longer on call.
        until: Option<Timestamp>,
    },
    /// Sets whether the guard may ask a person, in a channel, to make a ping of theirs a request.
    OptOut {
        who: PersonRef,
        /// The channel, or a place in it.
        place: Place,
        /// Whether the person does not want to be asked.
        is_out: bool,
        at: Timestamp,
    },
    /// Delays the first posting of a view of a subject, unless a delivery has been tried.
    HoldBack { about: Subject, view: View, until: Timestamp },
    /// Sets a timer. It replaces the timer of the same kind, subject and slot.
    SetTimer(Timer),
    /// Clears a timer, if it is set.
    ClearTimer {
        on: Subject,
        kind: TimerKind,
        /// The timer's slot, where a subject has several timers of a kind.
        slot: u16,
    },
}

impl Change {
    /// Returns the update of a ticket that was read as `before`.
    #[must_use]
    pub fn put(before: &Ticket, after: Ticket) -> Self {
        Self::Put { before: before.status.stage(), after: Box::new(after) }
    }
}
