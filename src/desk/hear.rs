//! The only place that classifies events. It runs inside the transaction and reads the data that the decision needs;
//! [`decide`](super::decide) reads nothing.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub(in crate::desk) use crate::desk::act_data::ActData;
use crate::desk::conversation::state::{Record, Side, SkippedMention};
use crate::desk::guard::state::{Ping, PingContext};
use crate::desk::knowledge::state::{Answered, Article, Search};
use crate::desk::meant::{Meaning, Meant, Target};
use crate::desk::outages::state::Outage;
use crate::desk::tickets::record::Which;
use crate::desk::tickets::state::Ticket;
pub use crate::desk::touched::about;
use crate::desk::{act_data, conversation, drafts, knowledge, outages, pings, tickets};
use crate::domain::act::{ActRef, Fault, On, Spec, SubjectRef, Where};
use crate::domain::effect::{Call, Undeliverable};
use crate::domain::event::{
    Acted, DedupeKey, DeliverySettled, DirectRequest, Event, EventKind, Found, Look, Said, Timer, TimerKind, Way,
};
use crate::domain::ids::{DraftId, MessageRef, Person, Place, TicketId, TicketKey, TicketTag, TicketUid};
use crate::domain::permission::Roster;
use crate::domain::right::Right;
use crate::domain::rules::Rules;
use crate::domain::subject::Subject;
use crate::store::{Sequence, StoreError, Tx, keys, outbox};

/// The difference between a ticket's number, which people quote, and its id in the database.
const NUMBER_OFFSET: i64 = 1_000;

/// The data for every decision: the time, the settings, the roster and the next ids.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The time of the decision.
    pub now: Timestamp,
    pub rules: Arc<Rules>,
    pub roster: Arc<Roster>,
    pub next: Next,
    /// Whether the search index holds any article.
    pub has_articles: bool,
}

/// The ids that the next ticket and the next draft get.
#[derive(Clone, Debug)]
pub struct Next {
    pub ticket: TicketId,
    pub key: TicketKey,
    /// The ticket's uid, which no restored database gives to another ticket.
    pub uid: TicketUid,
    pub draft: DraftId,
}

impl Desk {
    /// Returns the desk for the decision about an event. The id and key of the next ticket are placeholders until
    /// [`number`](Self::number) draws them.
    #[must_use]
    pub fn for_event(event: &Event, rules: Arc<Rules>, roster: Arc<Roster>, now: Timestamp) -> Self {
        let (ticket, key) = (TicketId(0), rules.key(0));
        let next = Next { ticket, key, uid: TicketUid::of(&event.key), draft: DraftId::of(&event.key) };
        Self { now, rules, roster, next, has_articles: false }
    }

    /// Draws the id and the key for the ticket that is about to be opened.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn number(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let id = tx.next(Sequence::Tickets).await?;
        (self.next.ticket, self.next.key) = (TicketId(id), self.rules.key(NUMBER_OFFSET + id));
        Ok(())
    }

    fn is_agent(&self, person: &Person) -> bool {
        self.roster.may(person, Right::TicketWork, self.now)
    }
}

/// Whether the message that a person has passed on already belongs to a ticket.
pub type IsKnown = bool;

/// A classified event, with the data that its decision needs.
#[derive(Clone, Debug)]
pub enum Heard<'e> {
    /// The event does not concern the desk.
    Nobody,
    /// Somebody asks for an act by a button, menu, form, reaction or `/desk`.
    Act(&'e Acted, Box<Asked>, Timestamp),
    /// Somebody gives a command in words.
    Command(&'e Said, Box<Command>),
    /// An agent writes a command in words; something in it is missing or wrong.
    Misspelt(&'e Said, &'static Spec, Vec<Fault>),
    /// Somebody who is no agent writes a command for agents, and something in it is missing or wrong. The ticket is the
    /// one on whose requester's side the place is, or the only one that may be meant in a direct conversation.
    NotAllowed(&'e Said, Option<Box<Ticket>>),
    /// A command that names no ticket, in a place that tells none. It may mean one of these tickets of the author.
    WhichTicket(&'e Said, &'static Spec, Vec<Ticket>),
    /// Somebody writes under a ticket's card: a note.
    Note(&'e Said, Box<Ticket>),
    /// Somebody writes on the requester's side of a ticket.
    OnTicket(&'e Said, Box<Ticket>),
    /// Somebody writes to the desk in a place that belongs to no ticket, or continues a mention of theirs that opened
    /// no ticket.
    NewWords(&'e Said, Box<NewWords>),
    /// A message that is on record was edited.
    Reworded {
        /// The message with its new words.
        said: &'e Said,
        record: Box<Record>,
        ticket: Box<Ticket>,
        /// The time of the edit.
        at: Timestamp,
    },
    /// An edit addresses the desk for the first time, or changes a mention that opened no ticket. The message is
    /// classified as if it were posted now.
    PostedByEdit(&'e Said, Box<Self>, Timestamp),
    /// An edit leaves the words of a mention that opened no ticket as they are.
    SkippedAgain,
    /// A message was deleted.
    Deleted {
        message: &'e MessageRef,
        /// The record of the message and its ticket, if it is on record.
        recorded: Option<(Box<Record>, Box<Ticket>)>,
        /// Whether the message was a mention that opened no ticket.
        was_skipped: bool,
        /// The time of the deletion.
        at: Timestamp,
    },
    /// The messages of a thread from before it became the ticket's thread were read.
    ThreadRead {
        ticket: Box<Ticket>,
        /// The messages, oldest first.
        messages: &'e [Said],
        /// Whether the thread holds more messages than were read.
        truncated: bool,
    },
    /// A delivery about a ticket has ended.
    Settled(&'e DeliverySettled, Box<Ticket>),
    /// A timer has fired. The ticket is `None` if the timer is about something else or the ticket is gone.
    Due(&'e Timer, Option<Box<Ticket>>),
    /// The timer of an article's draft has fired. If the article is still a draft, its owner is reminded.
    DraftWaits(&'e Timer, Option<Box<Article>>),
    /// The timer for the next news that an outage's announcement has promised has fired.
    NewsDue(&'e Timer, Option<Box<Outage>>),
    /// The timer of an outage's progress has fired: its card is to show how far the announcement has come.
    ProgressDue(&'e Timer, Option<Box<outages::state::OutageWithLedger>>),
    /// Somebody pings staff in a place that belongs to no request.
    Pinged(&'e Said, Box<PingContext>),
    /// A message was read from the platform, with the messages before it, because of a ping of staff or a request on
    /// behalf of its author.
    Looked(&'e Look, Option<&'e Found>, Box<Looked>),
    /// The direct conversation for a request by a command was opened, or could not be opened.
    DirectOpened(&'e DirectRequest, Result<&'e Place, Undeliverable>, IsKnown),
    /// The search for articles that may help a requester has ended.
    Suggested(Box<Ticket>, Option<Answered>),
    /// Somebody's search has ended.
    Searched(Search, Option<Answered>),
    /// A call has ended, and nothing follows: this version of the program does not know the call or its input, or the
    /// ticket is gone.
    CallEnded,
}

/// An act that is asked for by a button, menu, form, reaction or `/desk`.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The act with its arguments, or the reason why none could be read.
    pub(in crate::desk) meant: Meant,
    /// The ticket that the act is done to. Whether the actor may know of the ticket is not decided yet.
    pub(in crate::desk) on: Option<Ticket>,
    /// The ticket of the place, if the place is on the requester's side of it (and not under its card).
    pub(in crate::desk) thread_ticket: Option<TicketId>,
    pub(in crate::desk) data: ActData,
}

/// An act that is asked for in words.
#[derive(Clone, Debug)]
pub struct Command {
    /// The act and its arguments.
    pub(in crate::desk) meaning: Meaning,
    /// The ticket that the act is done to. Whether the actor may know of the ticket is not decided yet.
    pub(in crate::desk) on: Option<Ticket>,
    /// The ticket that the place belongs to, and on which side.
    pub(in crate::desk) home: Option<(Ticket, Side)>,
    pub(in crate::desk) data: ActData,
}

/// The stored data about a message that was read from the platform because of a [`Look`].
#[derive(Clone, Debug)]
pub struct Looked {
    /// The ping of staff in the message, if it is stored.
    pub ping: Option<Ping>,
    /// The circumstances of the ping at this moment, such as the guard mode of the channel.
    pub known: PingContext,
    /// The ticket that the message opened, or whose thread the message is in.
    pub existing_ticket: Option<Ticket>,
}

/// The tickets and mentions that new words to the desk may belong to.
#[derive(Clone, Debug, Default)]
pub struct NewWords {
    /// The ticket that the author opened in this place a moment ago. Further words of the same burst belong to it.
    pub burst: Option<Ticket>,
    /// The open ticket of this direct conversation that was last active, or if there is none, the resolved one.
    pub direct: Option<Ticket>,
    /// Whether several tickets of this direct conversation are open.
    pub is_one_of_several: bool,
    /// The author's mention that opened no ticket and that the words continue.
    pub skipped: Option<SkippedMention>,
}

/// Classifies an event.
///
/// # Errors
/// If the database is away, or if it is too early to decide (`StoreError::Early`).
pub async fn hear<'e>(tx: &mut dyn Tx, desk: &Desk, event: &'e Event) -> Result<Heard<'e>, StoreError> {
    match &event.what {
        EventKind::MessagePosted(said) => posted(tx, desk, said, true).await,
        EventKind::MessageEdited(said) => edited(tx, desk, said, event.at).await,
        EventKind::MessageDeleted { message } => {
            let was_skipped = conversation::record::skipped_mention(tx, message).await?.is_some();
            let recorded = recorded(tx, message).await?;
            if recorded.is_none() && !was_skipped {
                return Ok(Heard::Nobody);
            }
            Ok(Heard::Deleted { message, recorded, was_skipped, at: event.at })
        }
        EventKind::Acted(acted) => Ok(Heard::Act(acted, Box::new(asked(tx, desk, acted).await?), event.at)),
        EventKind::ThreadRead { about, messages, truncated } => Ok(match ticket_of(tx, about).await? {
            Some(ticket) => Heard::ThreadRead { ticket, messages, truncated: *truncated },
            None => Heard::Nobody,
        }),
        EventKind::DeliverySettled(settled) => {
            let ticket = ticket_of(tx, &settled.about).await?;
            Ok(ticket.map_or(Heard::Nobody, |ticket| Heard::Settled(settled, ticket)))
        }
        EventKind::Looked { look, found } => pings::looked(tx, desk, look, found.as_deref()).await,
        EventKind::DirectOpened { request, place } => {
            let is_known = match &request.passed_on {
                Some(passed) => conversation::record::ticket_of_message(tx, &passed.message).await?.is_some(),
                None => false,
            };
            Ok(Heard::DirectOpened(request, place.as_ref().map_err(|why| *why), is_known))
        }
        EventKind::TimerFired(timer) if timer.kind == TimerKind::ArticleDraft => {
            let article = match timer.on {
                Subject::Article(id) => knowledge::record::by_id(tx, id).await?,
                _ => None,
            };
            Ok(Heard::DraftWaits(timer, article.map(|kept| Box::new(kept.article))))
        }
        EventKind::TimerFired(timer) if timer.kind == TimerKind::OutageNews => {
            let outage = match timer.on {
                Subject::Outage(id) => outages::record::by_id(tx, id).await?,
                _ => None,
            };
            Ok(Heard::NewsDue(timer, outage.map(Box::new)))
        }
        EventKind::TimerFired(timer) if timer.kind == TimerKind::OutageProgress => {
            let seen = match timer.on {
                Subject::Outage(id) => outages::record::seen_by_id(tx, id).await?,
                _ => None,
            };
            Ok(Heard::ProgressDue(timer, seen.map(Box::new)))
        }
        EventKind::TimerFired(timer) => Ok(Heard::Due(timer, ticket_of(tx, &timer.on).await?)),
        EventKind::CallEnded { about, call, found } => called(tx, about, call, found.as_ref()).await,
    }
}

/// Classifies the end of a call. A result that cannot be read counts as nothing found.
async fn called<'e>(
    tx: &mut dyn Tx,
    about: &Subject,
    call: &Call,
    found: Option<&serde_json::Value>,
) -> Result<Heard<'e>, StoreError> {
    let found = found.and_then(|found| serde_json::from_value::<Answered>(found.clone()).ok());
    match call.name.as_str() {
        knowledge::decide::SUGGEST => {
            Ok(ticket_of(tx, about).await?.map_or(Heard::CallEnded, |ticket| Heard::Suggested(ticket, found)))
        }
        knowledge::decide::SEARCH => Ok(match serde_json::from_value(call.input.clone()) {
            Ok(search) => Heard::Searched(search, found),
            Err(_) => Heard::CallEnded,
        }),
        _ => Ok(Heard::CallEnded),
    }
}

/// Classifies a posted message. `may_continue`: the message may continue a mention of its author's that opened no
/// ticket.
async fn posted<'e>(tx: &mut dyn Tx, desk: &Desk, said: &'e Said, may_continue: bool) -> Result<Heard<'e>, StoreError> {
    let home = home(tx, &said.place, said.reply_to.as_ref()).await?;
    let skipped = if home.is_none() && may_continue { skipped_above(tx, desk, said).await? } else { None };
    let is_elsewhere = home.is_none() && skipped.is_none();
    if is_elsewhere {
        wait_for_card(tx, desk, said).await?;
        if !said.addresses_desk() {
            return pings::pinged(tx, desk, said).await;
        }
    }
    if said.addresses_desk() {
        let place = match (&home, said.place.is_direct()) {
            (Some((_, Side::Card)), _) => Where::CardThread,
            (Some((_, Side::Request)), false) if said.place.root().is_some() => Where::TicketThread,
            _ => Where::Elsewhere,
        };
        let now = desk.rules.now(desk.now, &said.author);
        match Meant::of_words(&said.text, &said.mentions, place, &desk.rules.desk.key_prefix, &now) {
            Meant::Act(meaning) => {
                let place_ticket = home.as_ref().map(|(ticket, _)| ticket);
                let spec = &meaning.act.spec;
                let mut on = subject(tx, desk, spec, &meaning.target, place_ticket).await?;
                if on.is_none() && spec.on == On::Ticket && meaning.target.key.is_none() {
                    let mut open = maybe_meant(tx, desk, said).await?;
                    on = if said.place.is_direct() && open.len() == 1 { open.pop() } else { None };
                    if on.is_none() {
                        return Ok(Heard::WhichTicket(said, spec, open));
                    }
                }
                let data =
                    act_data::read(tx, desk, &meaning, on.as_ref(), (&said.author.who, Some(&said.place))).await?;
                return Ok(Heard::Command(said, Box::new(Command { meaning, on, home, data })));
            }
            // Faulty commands are explained to agents only. Anybody else who gives a faulty command on a ticket is told
            // that only the desk can do that, and if the place tells which ticket is meant, their words go on its
            // record. Their other faulty commands are handled as plain words.
            Meant::Malformed(spec) if desk.is_agent(&said.author) => {
                return Ok(Heard::Misspelt(said, spec, Vec::new()));
            }
            Meant::Faulty(spec, faults) if desk.is_agent(&said.author) => {
                return Ok(Heard::Misspelt(said, spec, faults));
            }
            Meant::Malformed(spec) | Meant::Faulty(spec, _) if spec.on == On::Ticket => {
                let ticket = match home {
                    Some((ticket, Side::Request)) => Some(ticket),
                    None if said.place.is_direct() => {
                        let mut open = maybe_meant(tx, desk, said).await?;
                        if open.len() == 1 { open.pop() } else { None }
                    }
                    _ => None,
                };
                return Ok(Heard::NotAllowed(said, ticket.map(Box::new)));
            }
            _ => {}
        }
    }
    match home {
        Some((ticket, Side::Card)) => Ok(Heard::Note(said, Box::new(ticket))),
        Some((ticket, Side::Request)) => Ok(Heard::OnTicket(said, Box::new(ticket))),
        None => Ok(Heard::NewWords(said, Box::new(new_words(tx, desk, said, skipped).await?))),
    }
}

/// Reads the tickets that a command without a key may mean. In a direct conversation, these are the author's open
/// tickets there, or if none is open, the resolved one that was last active. Elsewhere, they are all open tickets of
/// the author.
async fn maybe_meant(tx: &mut dyn Tx, desk: &Desk, said: &Said) -> Result<Vec<Ticket>, StoreError> {
    let by = desk.roster.accounts(&said.author.who);
    if !said.place.is_direct() {
        return tickets::record::open_of(tx, &by, Which::All, MAYBE_MEANT).await;
    }
    let open = open_in_direct(tx, desk, said).await?;
    if open.is_empty() {
        let latest = tickets::record::latest_direct(tx, &said.place, desk.rules.direct_since(said.at)).await?;
        return Ok(latest.into_iter().collect());
    }
    Ok(open)
}

/// The greatest number of tickets that are read to find the one that is meant.
const MAYBE_MEANT: u32 = 20;

/// Reads the author's open tickets of a direct conversation, last active first.
async fn open_in_direct(tx: &mut dyn Tx, desk: &Desk, said: &Said) -> Result<Vec<Ticket>, StoreError> {
    let by = desk.roster.accounts(&said.author.who);
    let mut open = tickets::record::open_of(tx, &by, Which::Private, MAYBE_MEANT).await?;
    open.retain(|ticket| ticket.origin == said.place);
    Ok(open)
}

/// Reads the tickets that new words to the desk may belong to, in a place that belongs to no ticket.
async fn new_words(
    tx: &mut dyn Tx,
    desk: &Desk,
    said: &Said,
    skipped: Option<SkippedMention>,
) -> Result<NewWords, StoreError> {
    let mut new = NewWords { skipped, ..NewWords::default() };
    // A thread that is not the ticket's own belongs to other people, so words there join no burst. Words that continue
    // a skipped mention belong to that mention.
    if new.skipped.is_none() && said.place.root().is_none() {
        let by = desk.roster.accounts(&said.author.who);
        let burst = tickets::record::burst(tx, &by, &said.place, desk.rules.burst_since(said.at), said.at).await?;
        // New words do not join a request whose own words were deleted.
        new.burst = burst.filter(|ticket| ticket.title != tickets::text::deleted_title());
    }
    if said.place.is_direct() {
        new.direct = tickets::record::latest_direct(tx, &said.place, desk.rules.direct_since(said.at)).await?;
        new.is_one_of_several = new.direct.is_some() && open_in_direct(tx, desk, said).await?.len() > 1;
    }
    Ok(new)
}

/// Classifies an edited message.
async fn edited<'e>(tx: &mut dyn Tx, desk: &Desk, said: &'e Said, at: Timestamp) -> Result<Heard<'e>, StoreError> {
    if let Some((record, ticket)) = recorded(tx, &said.message).await? {
        return Ok(Heard::Reworded { said, record, ticket, at });
    }
    // The edit may address the desk for the first time. A message that was handled when it was posted is not handled
    // again, unless it was a ping of staff and now addresses the desk.
    match conversation::record::skipped_mention(tx, &said.message).await? {
        Some(skipped) if skipped.text == said.text => Ok(Heard::SkippedAgain),
        None if keys::knows(tx, &DedupeKey::message(&said.message)).await?
            && !pings::is_now_for_desk(tx, said).await? =>
        {
            Ok(Heard::Nobody)
        }
        Some(_) | None => {
            let heard = posted(tx, desk, said, false).await?;
            Ok(Heard::PostedByEdit(said, Box::new(heard), at))
        }
    }
}

/// Reads the record of a message, and its ticket.
async fn recorded(tx: &mut dyn Tx, message: &MessageRef) -> Result<Option<(Box<Record>, Box<Ticket>)>, StoreError> {
    let Some(record) = conversation::record::of_message(tx, message).await? else { return Ok(None) };
    let ticket = tickets::record::by_id(tx, record.ticket).await?;
    Ok(ticket.map(|ticket| (Box::new(record), Box::new(ticket))))
}

async fn ticket_of(tx: &mut dyn Tx, about: &Subject) -> Result<Option<Box<Ticket>>, StoreError> {
    match about {
        Subject::Ticket(id) => Ok(tickets::record::by_id(tx, *id).await?.map(Box::new)),
        Subject::Article(_) | Subject::Outage(_) | Subject::Notice(_) | Subject::Person(_) | Subject::Desk => Ok(None),
    }
}

/// Reads the ticket that a place, or the message that is answered there, belongs to.
async fn home(
    tx: &mut dyn Tx,
    place: &Place,
    reply_to: Option<&MessageRef>,
) -> Result<Option<(Ticket, Side)>, StoreError> {
    if place.root().is_some()
        && let Some(home) = conversation::record::ticket_at(tx, place).await?
    {
        return Ok(Some(home));
    }
    let Some(answered) = reply_to else { return Ok(None) };
    if !place.is_direct()
        && let Some(home) = conversation::record::ticket_at(tx, &place.thread(&answered.id)).await?
    {
        return Ok(Some(home));
    }
    // The bot does not answer visibly under a joined message, so people there do not know that words are kept.
    // Therefore replies to a joined message do not belong to its ticket.
    let is_unseen =
        !place.is_direct() && conversation::record::of_message(tx, answered).await?.is_some_and(|record| record.joined);
    if is_unseen { Ok(None) } else { conversation::record::ticket_of_message(tx, answered).await }
}

/// Fails with [`StoreError::Early`] for a reply to an unknown message in the desk's channel while a card is being
/// posted there: the reply may be a note under that card.
async fn wait_for_card(tx: &mut dyn Tx, desk: &Desk, said: &Said) -> Result<(), StoreError> {
    let is_reply = said.place.root().is_some() || said.reply_to.is_some();
    if is_reply && desk.rules.is_triage(&said.place) && outbox::is_card_under_way(tx, &said.place).await? {
        return Err(StoreError::Early);
    }
    Ok(())
}

/// Reads the mention that these words continue: it is by the same person, it opened no ticket, and the words stand
/// under it or answer it.
async fn skipped_above(tx: &mut dyn Tx, desk: &Desk, said: &Said) -> Result<Option<SkippedMention>, StoreError> {
    let above = said.place.root().map(|root| MessageRef {
        tenant: said.place.tenant.clone(),
        channel: said.place.channel().to_owned(),
        id: root.to_owned(),
    });
    for message in above.iter().chain(said.reply_to.as_ref()) {
        let kept = conversation::record::skipped_mention(tx, message).await?;
        if let Some(skipped) = kept.filter(|skipped| desk.roster.same(&skipped.author.who, &said.author.who)) {
            return Ok(Some(skipped));
        }
    }
    Ok(None)
}

/// Reads the act that a button, menu, form, reaction or `/desk` asks for, with its ticket and the data that it needs.
async fn asked(tx: &mut dyn Tx, desk: &Desk, acted: &Acted) -> Result<Asked, StoreError> {
    // A thread may have held several requests, so the ticket of the message takes precedence over that of the place.
    let mut home_of = None;
    if let Some(at) = &acted.at {
        home_of = conversation::record::ticket_of_message(tx, at).await?;
    }
    if let (None, Some(place)) = (&home_of, &acted.place) {
        home_of = home(tx, place, None).await?;
    }
    let draft = match acted.asks.does().and_then(|does| does.draft.as_ref()) {
        Some(id) => drafts::record::of(tx, id, &desk.roster.accounts(&acted.actor.who), desk.now).await?,
        None => None,
    };
    let now = desk.rules.now(desk.now, &acted.actor);
    let meant = Meant::of(acted, draft.as_ref(), &desk.rules.desk.key_prefix, &now);
    let thread_ticket = home_of.as_ref().filter(|(_, side)| *side == Side::Request).map(|(ticket, _)| ticket.id);
    let (mut on, mut data) = (None, ActData::Nothing);
    match (&meant, acted.asks.does()) {
        // Buttons and forms carry their subject. A command may mean the ticket of its place; an act on a message may
        // mean the ticket of the message.
        (Meant::Act(meaning), _) => {
            let may_be_home = acted.way == Way::Command || acted.at.is_some();
            let place_ticket = home_of.as_ref().map(|(ticket, _)| ticket).filter(|_| may_be_home);
            on = subject(tx, desk, &meaning.act.spec, &meaning.target, place_ticket).await?;
            data = act_data::read(tx, desk, meaning, on.as_ref(), (&acted.actor.who, acted.place.as_ref())).await?;
        }
        (Meant::Unfinished(unfinished) | Meant::Late(unfinished) | Meant::ToCorrect(_, unfinished), _) => {
            let place_ticket = home_of.as_ref().map(|(ticket, _)| ticket).filter(|_| acted.at.is_some());
            on = subject(tx, desk, unfinished.spec, &unfinished.target, place_ticket).await?;
        }
        // No act is done. The ticket is read for the answer, which says what is wrong.
        (_, Some(ActRef { on: Some(SubjectRef::Ticket(tag)), .. })) => on = by_tag(tx, tag, desk.now).await?,
        (_, Some(_) | None) => {}
    }
    Ok(Asked { meant, on, thread_ticket, data })
}

/// Reads the ticket that an act is done to. `place_ticket`: the ticket of the place, if the act may mean it.
async fn subject(
    tx: &mut dyn Tx,
    desk: &Desk,
    spec: &Spec,
    target: &Target,
    place_ticket: Option<&Ticket>,
) -> Result<Option<Ticket>, StoreError> {
    match (spec.on, &target.tag, &target.key) {
        (On::Nothing, ..) => Ok(None),
        (On::Ticket, Some(tag), _) => by_tag(tx, tag, desk.now).await,
        (On::Ticket, None, Some(key)) => tickets::record::by_key(tx, key).await,
        (On::Ticket, None, None) => Ok(place_ticket.cloned()),
    }
}

/// For this long after a ticket was opened, a button with its key but without its uid is accepted. An earlier version
/// that still runs during an update draws such buttons.
const DRAWN_WITHOUT_UID: SignedDuration = SignedDuration::from_hours(24);

/// Reads the ticket that a button or form carries. A ticket with the same key but another uid (after a restore) is
/// another ticket.
pub(in crate::desk) async fn by_tag(
    tx: &mut dyn Tx,
    tag: &TicketTag,
    now: Timestamp,
) -> Result<Option<Ticket>, StoreError> {
    let found = tickets::record::by_key(tx, &tag.key).await?;
    let is_meant = |ticket: &Ticket| {
        ticket.uid == tag.uid || (tag.uid.is_empty() && now.duration_since(ticket.opened_at) < DRAWN_WITHOUT_UID)
    };
    Ok(found.filter(is_meant))
}
