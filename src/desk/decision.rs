//! What a decision consists of: everything that one event causes, committed together.

use jiff::Timestamp;

use super::conversation::state::{Record, Side, SkippedMention};
use super::drafts::state::Draft;
use super::guard::state::Ping;
use super::knowledge::state::{Article, Kept, Mark, Suggestion};
use super::outages::state::Outage;
use super::tickets::state::Ticket;
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

/// Everything that follows from one event, in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The outcome of the event, for logs, metrics and the replay.
    pub outcome: Outcome,
    /// The changes of the record.
    pub changes: Vec<Change>,
    /// The audit entries.
    pub audit: Vec<AuditEntry>,
    /// The effects to be queued.
    pub effects: Vec<Effect>,
}

impl Decision {
    /// Whether the decision opens a ticket, for which a number must be drawn.
    #[must_use]
    pub fn opens_ticket(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Open(_)))
    }
}

/// A change of the record.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Inserts a ticket. Its number was drawn before.
    Open(Box<Ticket>),
    /// Updates a ticket. Its `version` is one more than the version that was read. Requester and origin never change.
    Put(Box<Ticket>),
    /// Binds a place to a ticket. The place then belongs to no other ticket.
    Bind {
        /// The place.
        place: Place,
        /// The ticket.
        ticket: TicketId,
        /// Which side of the ticket the place is.
        side: Side,
    },
    /// Puts words on record.
    Record(Record),
    /// Replaces the words of a recorded message.
    Rewrite {
        /// The message.
        message: MessageRef,
        /// The new words.
        text: String,
        /// The time of the edit.
        at: Timestamp,
    },
    /// Removes the words of a recorded message.
    Erase {
        /// The message.
        message: MessageRef,
        /// The time of the deletion.
        at: Timestamp,
    },
    /// Moves a joined message to another ticket. The message is no longer joined.
    Part {
        /// The message.
        message: MessageRef,
        /// The ticket that gets the message.
        to: TicketId,
    },
    /// Moves all words and places of a ticket to another.
    Move {
        /// The ticket that loses them.
        from: TicketId,
        /// The ticket that gets them.
        to: TicketId,
    },
    /// Keeps a mention that opened no ticket. A later mention by the same message replaces it.
    Keep(SkippedMention),
    /// Deletes a kept mention.
    Forget {
        /// The message.
        message: MessageRef,
    },
    /// Keeps what was filled in of a form.
    KeepDraft(Box<Draft>),
    /// Deletes a draft of a form.
    ForgetDraft(DraftId),
    /// Writes which article is suggested to a ticket's requester, or would be.
    Suggest(Box<Suggestion>),
    /// Writes that an article solved a ticket.
    SolvedBy {
        /// The ticket.
        ticket: TicketId,
        /// The article.
        article: ArticleKey,
    },
    /// Writes that a requester wants a person in spite of the suggested article.
    Escalate {
        /// The ticket.
        ticket: TicketId,
        /// When.
        at: Timestamp,
    },
    /// Marks what became of an article on a ticket.
    MarkArticle {
        /// The article.
        article: ArticleId,
        /// The mark.
        mark: Mark,
        /// The ticket.
        ticket: TicketId,
        /// When.
        at: Timestamp,
    },
    /// Inserts an article and its first version.
    WriteArticle {
        /// The article, with the number and key that were drawn for it.
        article: Box<Article>,
        /// The author.
        by: Person,
    },
    /// Updates an article. A conflict if somebody else has changed it since it was read.
    PutArticle {
        /// The article as it was read.
        before: Box<Kept>,
        /// The article as it is now.
        after: Box<Article>,
        /// The person who changed it.
        by: Person,
    },
    /// Inserts an outage.
    WriteOutage(Box<Outage>),
    /// Updates an outage. Its `version` is one more than the version that was read.
    PutOutage(Box<Outage>),
    /// Tries the held effects of an outage again, which channels have refused.
    RetryOutage {
        /// The outage.
        outage: OutageId,
        /// When.
        at: Timestamp,
    },
    /// Gives up the held effects of an outage, which channels have refused.
    GiveUpOutage {
        /// The outage.
        outage: OutageId,
        /// When.
        at: Timestamp,
    },
    /// Makes a channel follow a service.
    FollowService {
        /// The service's key.
        service: String,
        /// The channel.
        place: Place,
        /// When.
        at: Timestamp,
    },
    /// Makes a channel follow a service no longer.
    UnfollowService {
        /// The service's key.
        service: String,
        /// The channel.
        place: Place,
        /// When.
        at: Timestamp,
    },
    /// Writes a ping of staff as it is now.
    KeepPing(Box<Ping>),
    /// Leaves further pings by this author of the same staff alone for a while.
    LeaveAlone {
        /// The author of the ping.
        author: PersonRef,
        /// The staff who were pinged: an account, or a group as the settings write it.
        staff: String,
        /// Until when.
        until: Timestamp,
    },
    /// Sets the guard mode of a channel: how pings of staff are handled there.
    SetGuard {
        /// The channel.
        place: Place,
        /// The mode. `None`: the mode of the settings applies.
        mode: Option<GuardMode>,
        /// When.
        at: Timestamp,
    },
    /// Writes that the people in a channel are told its guard mode. A conflict if they were told the same mode last.
    AnnounceGuard {
        /// The channel.
        place: Place,
        /// The mode.
        mode: GuardMode,
        /// When.
        at: Timestamp,
    },
    /// Writes that an edit has addressed the message of a ping, if there is one, to the desk.
    AddressByEdit(PingId),
    /// Sets whether a member of the staff wants to be pinged in a channel.
    WantPings {
        /// The person.
        who: PersonRef,
        /// The channel.
        place: Place,
        /// Whether they want to be pinged.
        is_on: bool,
        /// When.
        at: Timestamp,
    },
    /// Sets until when a member of the staff is away.
    BeAway {
        /// The person.
        who: PersonRef,
        /// Until when. `None`: the person is back.
        until: Option<Timestamp>,
    },
    /// Writes that a member of the staff is told how the guard works. Each is told once.
    TellStaff {
        /// The person.
        who: PersonRef,
        /// When.
        at: Timestamp,
    },
    /// Sets until when a person is on call.
    BeOnCall {
        /// The person.
        who: PersonRef,
        /// Until when. `None`: no longer on call.
        until: Option<Timestamp>,
    },
    /// Sets whether a person may be asked, in a channel, if the desk shall take a ping of theirs as a request.
    OptOut {
        /// The person.
        who: PersonRef,
        /// The channel, or a place in it.
        place: Place,
        /// Whether the person opts out.
        is_out: bool,
        /// When.
        at: Timestamp,
    },
    /// Delays the first posting of a view of a subject, unless a delivery has been tried.
    HoldBack {
        /// The subject.
        about: Subject,
        /// The view.
        view: View,
        /// Until when.
        until: Timestamp,
    },
    /// Sets a timer. It replaces the timer of the same kind, subject and slot.
    SetTimer(Timer),
    /// Clears a timer.
    ClearTimer {
        /// The subject.
        on: Subject,
        /// The timer's kind.
        kind: TimerKind,
        /// The timer's slot, where a subject has several timers of a kind.
        slot: u16,
    },
}
