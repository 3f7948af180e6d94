//! What follows from an event: everything that is committed together.

use jiff::Timestamp;

use super::conversation::state::{Opening, Record, Side};
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
    /// What became of the event, for logs, metrics and the replay.
    pub outcome: Outcome,
    /// What changes in the record.
    pub changes: Vec<Change>,
    /// Who did what.
    pub audit: Vec<AuditEntry>,
    /// What the bot is to do.
    pub effects: Vec<Effect>,
}

impl Decision {
    /// Whether a ticket is opened, for which a number must be drawn.
    #[must_use]
    pub fn opens_ticket(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Open(_)))
    }
}

/// A change of the record.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new ticket; its number is taken from the counter.
    Open(Box<Ticket>),
    /// A ticket as it is now; its `version` is one more than what was read. Whose it is and where it came from never change.
    Put(Box<Ticket>),
    /// This place belongs to the ticket from now on (and to no other any more).
    Bind {
        /// The place.
        place: Place,
        /// The ticket.
        ticket: TicketId,
        /// As what.
        side: Side,
    },
    /// Something was said.
    Record(Record),
    /// The words of a recorded message are these now.
    Rewrite {
        /// Which message.
        message: MessageRef,
        /// Its words.
        text: String,
        /// Since when.
        at: Timestamp,
    },
    /// The words of a recorded message are gone.
    Erase {
        /// Which message.
        message: MessageRef,
        /// Since when.
        at: Timestamp,
    },
    /// What was joined to one ticket belongs to another, and is joined no more.
    Part {
        /// Which message.
        message: MessageRef,
        /// To this ticket.
        to: TicketId,
    },
    /// Everything said on one ticket, and every place of it, belongs to another.
    Move {
        /// From this ticket.
        from: TicketId,
        /// To that one.
        to: TicketId,
    },
    /// A mention that opened nothing is kept (a later one of the same message replaces it).
    Keep(Opening),
    /// A kept mention has served.
    Forget {
        /// Which message.
        message: MessageRef,
    },
    /// What was filled in of a form is kept.
    KeepDraft(Box<Draft>),
    /// A draft has served.
    ForgetDraft(DraftId),
    /// Something is suggested to a ticket's requester, or would be.
    Suggest(Box<Suggestion>),
    /// An article solved a ticket.
    SolvedBy {
        /// The ticket.
        ticket: TicketId,
        /// The article.
        article: ArticleKey,
    },
    /// A requester wants a person nevertheless.
    Escalate {
        /// On this ticket.
        ticket: TicketId,
        /// When.
        at: Timestamp,
    },
    /// Something became of an article on a ticket.
    MarkArticle {
        /// The article.
        article: ArticleId,
        /// What.
        mark: Mark,
        /// The ticket.
        ticket: TicketId,
        /// When.
        at: Timestamp,
    },
    /// A new article, and its first version.
    WriteArticle {
        /// The article, with the number and key that were drawn for it.
        article: Box<Article>,
        /// Who wrote it.
        by: Person,
    },
    /// An article as it is now; a conflict if somebody else changed it since it was read.
    PutArticle {
        /// As it was read.
        before: Box<Kept>,
        /// As it is now.
        after: Box<Article>,
        /// Who changed it.
        by: Person,
    },
    /// A new outage.
    WriteOutage(Box<Outage>),
    /// An outage as it is now; its `version` is one more than what was read.
    PutOutage(Box<Outage>),
    /// What channels refuse of an outage is tried again.
    RetryOutage {
        /// Which.
        outage: OutageId,
        /// When.
        at: Timestamp,
    },
    /// What channels refuse of an outage is not tried any more.
    GiveUpOutage {
        /// Which.
        outage: OutageId,
        /// When.
        at: Timestamp,
    },
    /// A channel hears of outages of a service from now on.
    FollowService {
        /// The service's key.
        service: String,
        /// The channel.
        place: Place,
        /// When.
        at: Timestamp,
    },
    /// It hears of them no more.
    UnfollowService {
        /// The service's key.
        service: String,
        /// The channel.
        place: Place,
        /// Since when.
        at: Timestamp,
    },
    /// A ping of staff is this.
    KeepPing(Box<Ping>),
    /// Somebody and whom they pinged are left alone.
    LeaveAlone {
        /// Who pinged.
        author: PersonRef,
        /// Whom: an account, or a group as the settings write it.
        staff: String,
        /// Until when.
        until: Timestamp,
    },
    /// This is to become of pings of staff in a channel.
    SetGuard {
        /// The channel.
        place: Place,
        /// What; `None`: what the settings say.
        mode: Option<GuardMode>,
        /// When.
        at: Timestamp,
    },
    /// People in a channel are told what becomes of pings of staff from now on: a conflict if they were told just that.
    AnnounceGuard {
        /// The channel.
        place: Place,
        /// What.
        mode: GuardMode,
        /// When.
        at: Timestamp,
    },
    /// The message of a ping, if it is one, was turned to the desk by an edit.
    AddressByEdit(PingId),
    /// Somebody of the staff wants to be pinged in a channel, or not any more.
    WantPings {
        /// Who.
        who: PersonRef,
        /// The channel.
        place: Place,
        /// Whether they want it.
        is_on: bool,
        /// When.
        at: Timestamp,
    },
    /// Somebody of the staff is away.
    BeAway {
        /// Who.
        who: PersonRef,
        /// Until when; `None`: is back.
        until: Option<Timestamp>,
    },
    /// Somebody of the staff is told how they are guarded, which is done once.
    TellStaff {
        /// Whom.
        who: PersonRef,
        /// When.
        at: Timestamp,
    },
    /// Somebody is on call.
    BeOnCall {
        /// Who.
        who: PersonRef,
        /// Until when; `None`: not any more.
        until: Option<Timestamp>,
    },
    /// Somebody does not want to be asked in a channel whether the desk may take something, or may be asked again.
    OptOut {
        /// Who.
        who: PersonRef,
        /// The channel, or a place in it.
        place: Place,
        /// Whether they do not want to be asked.
        is_out: bool,
        /// Since when.
        at: Timestamp,
    },
    /// Views of a subject that wait to be posted for the first time wait until then, if nobody has tried to post them.
    HoldBack {
        /// Of what.
        about: Subject,
        /// Which view.
        view: View,
        /// Until when.
        until: Timestamp,
    },
    /// A moment is waited for: one of its kind, subject and slot.
    SetTimer(Timer),
    /// It is not waited for any more.
    ClearTimer {
        /// For what.
        on: Subject,
        /// Which kind.
        kind: TimerKind,
        /// Which of several.
        slot: u16,
    },
}
