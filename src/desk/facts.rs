//! What a decision may see, and how it is loaded: only what the event at hand needs.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::desk::acts::Reads;
use crate::desk::conversation::state::{Opening, Record, Side};
use crate::desk::meant::{Meaning, Meant, Target};
use crate::desk::tickets::state::Ticket;
use crate::desk::{conversation, drafts, tickets};
use crate::domain::act::{ActRef, On, Spec, SubjectRef, Takes, Where};
use crate::domain::audit::AuditEntry;
use crate::domain::event::{Acted, DedupeKey, DeliverySettled, Event, EventKind, Said, Timer, Way};
use crate::domain::ids::{
    Conversation, DraftId, MessageRef, PersonRef, Place, Tenant, TicketId, TicketKey, TicketTag, TicketUid,
};
use crate::domain::permission::Roster;
use crate::domain::rules::Rules;
use crate::domain::subject::Subject;
use crate::store::{About, Sequence, StoreError, Tx, audit, keys, outbox};

/// By how much the number that people quote is greater than the ticket's id.
const NUMBERS_BEGIN_AT: i64 = 1_000;
/// How much of a ticket's story is shown.
const STORY: u32 = 50;
/// How many other open tickets of a requester are offered.
const OTHERS: u32 = 20;

/// What is known of the work that an event makes, before it begins.
#[must_use]
pub fn about(event: &Event, rules: &Rules, roster: &Roster) -> About {
    let mut ahead = vec![keys::known(&event.key)];
    if let EventKind::MessagePosted(said) = &event.what {
        if said.place.root().is_some() {
            ahead.push(conversation::record::at(&said.place));
        } else if said.addresses_desk() && said.reply_to.is_none() {
            let by = roster.accounts(&said.author.who);
            ahead.extend(tickets::record::bursts(&by, &said.place, rules.burst_since(said.at), said.at));
        }
    }
    About { names: names(event, roster), ahead }
}

/// Names of what nobody else may decide about meanwhile: the people who did it, the conversation, and the message. Two
/// first messages of one person must not open two tickets, nor two people's words one thread's. What is about a ticket
/// needs none: a ticket is written only as it was read.
fn names(event: &Event, roster: &Roster) -> Vec<String> {
    let (who, places, messages) = match &event.what {
        EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => {
            (Some(&said.author), Some(&said.place), std::iter::once(&said.message).chain(&said.reply_to).collect())
        }
        EventKind::MessageDeleted { message } => (None, None, vec![message]),
        EventKind::Acted(acted) => (Some(&acted.actor), None, Vec::new()),
        EventKind::ThreadRead { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::CallEnded { .. }
        | EventKind::TimerFired(_) => (None, None, Vec::new()),
    };
    // A thread goes by the name of the message that it hangs under.
    let name =
        |tenant: &Tenant, channel: &str, id: &str| format!("at:{}:{}:{channel}:{id}", tenant.platform, tenant.id);
    let people = who.into_iter().flat_map(|who| roster.accounts(&who.who)).map(|account| format!("person:{account}"));
    let places = places.into_iter().filter_map(|place| match (&place.at, place.root()) {
        (Conversation::Direct { channel }, _) => Some(name(&place.tenant, channel, "")),
        (_, root) => root.map(|root| name(&place.tenant, place.channel(), root)),
    });
    let messages = messages.into_iter().map(|message| name(&message.tenant, &message.channel, &message.id));
    let mut names: Vec<String> = people.chain(places).chain(messages).collect();
    names.sort();
    names.dedup();
    names
}

/// For so long after a ticket was opened a button without its uid is taken for its own: an earlier version that still runs
/// beside this one during an update draws such.
const DRAWN_WITHOUT_UID: SignedDuration = SignedDuration::from_hours(24);

/// The ticket that a button or form carries: one that merely has its key, since a restore, is another.
async fn by_tag(tx: &mut dyn Tx, tag: &TicketTag, now: Timestamp) -> Result<Option<Ticket>, StoreError> {
    let found = tickets::record::by_key(tx, &tag.key).await?;
    let is_meant = |ticket: &Ticket| {
        ticket.uid == tag.uid || (tag.uid.is_empty() && now.duration_since(ticket.opened_at) < DRAWN_WITHOUT_UID)
    };
    Ok(found.filter(is_meant))
}

/// Everything that a decision may see.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time of deciding.
    pub now: Timestamp,
    /// The settings.
    pub rules: Arc<Rules>,
    /// Who is on the desk.
    pub roster: Arc<Roster>,
    /// What the next ticket is called.
    pub next: (TicketId, TicketKey, TicketUid),
    /// What the next draft is called.
    pub next_draft: DraftId,
    /// What somebody who acts, or words that may be a command, mean.
    pub(in crate::desk) meant: Option<Meant>,
    /// The ticket that the place, or the answered message, belongs to.
    pub home: Option<(Ticket, Side)>,
    /// The ticket that a key, a button, a form, a timer or a delivery names.
    pub named: Option<Ticket>,
    /// The ticket that was chosen from a menu.
    pub chosen: Option<Ticket>,
    /// The ticket that the author opened here a moment ago.
    pub burst: Option<Ticket>,
    /// The ticket that this direct conversation is about.
    pub direct: Option<Ticket>,
    /// The mention that opened nothing, and that this message answers (or changes).
    pub opening: Option<Opening>,
    /// What is on record of the message.
    pub record: Option<Record>,
    /// Whether the message was handled when it was posted.
    pub known_as_posted: bool,
    /// Other open tickets of the author.
    pub others: Vec<Ticket>,
    /// What was said on the ticket that is to be shown.
    pub records: Vec<Record>,
    /// What was done on it.
    pub audit: Vec<AuditEntry>,
}

impl Facts {
    /// Loads what `event` needs.
    ///
    /// # Errors
    /// If the database is away, or it is too early to decide.
    pub async fn load(
        tx: &mut dyn Tx,
        event: &Event,
        rules: Arc<Rules>,
        roster: Arc<Roster>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let next = (TicketId(0), rules.key(0), TicketUid::of(&event.key));
        let mut facts = Self {
            now,
            rules,
            roster,
            next,
            next_draft: DraftId::of(&event.key),
            meant: None,
            home: None,
            named: None,
            chosen: None,
            burst: None,
            direct: None,
            opening: None,
            record: None,
            known_as_posted: false,
            others: Vec::new(),
            records: Vec::new(),
            audit: Vec::new(),
        };
        match &event.what {
            EventKind::MessagePosted(said) => facts.load_message(tx, said).await?,
            EventKind::MessageEdited(said) => {
                facts.record = conversation::record::of_message(tx, &said.message).await?;
                match &facts.record {
                    Some(record) => facts.named = tickets::record::by_id(tx, record.ticket).await?,
                    None => {
                        facts.known_as_posted = keys::knows(tx, &DedupeKey::message(&said.message)).await?;
                        let kept = conversation::record::opening(tx, &said.message).await?;
                        facts.load_message(tx, said).await?;
                        facts.opening = kept;
                    }
                }
            }
            EventKind::MessageDeleted { message } => {
                facts.record = conversation::record::of_message(tx, message).await?;
                facts.opening = conversation::record::opening(tx, message).await?;
                if let Some(record) = &facts.record {
                    facts.named = tickets::record::by_id(tx, record.ticket).await?;
                }
            }
            EventKind::Acted(acted) => facts.load_act(tx, acted).await?,
            EventKind::ThreadRead { about, .. }
            | EventKind::CallEnded { about, .. }
            | EventKind::TimerFired(Timer { on: about, .. })
            | EventKind::DeliverySettled(DeliverySettled { about, .. }) => {
                if let Subject::Ticket(id) = about {
                    facts.named = tickets::record::by_id(tx, *id).await?;
                }
            }
        }
        Ok(facts)
    }

    /// Every account of the person whose account this is.
    #[must_use]
    pub fn accounts(&self, who: &PersonRef) -> Vec<PersonRef> {
        self.roster.accounts(who)
    }

    /// Where words in a mention stand, for the grammar of commands.
    #[must_use]
    pub fn where_said(&self, said: &Said) -> Where {
        match (&self.home, said.place.is_direct()) {
            (Some((_, Side::Card)), _) => Where::CardThread,
            (Some((_, Side::Request)), false) if said.place.root().is_some() => Where::TicketThread,
            _ => Where::Elsewhere,
        }
    }

    async fn load_message(&mut self, tx: &mut dyn Tx, said: &Said) -> Result<(), StoreError> {
        self.load_home(tx, &said.place, said.reply_to.as_ref()).await?;
        if self.home.is_none() {
            self.load_opening(tx, said).await?;
        }
        if self.home.is_none() && self.opening.is_none() {
            self.wait_for_card(tx, said).await?;
        }
        if self.home.is_none() && self.opening.is_none() && !said.addresses_desk() {
            return Ok(());
        }
        if said.addresses_desk() {
            let (place, prefix) = (self.where_said(said), &self.rules.desk.key_prefix);
            let now = self.rules.now(self.now, &said.author);
            let meant = Meant::of_words(&said.text, &said.mentions, place, prefix, &now);
            if let Meant::Act(meaning) = &meant {
                self.load_meaning(tx, meaning, &said.author.who, true).await?;
            }
            self.meant = Some(meant);
        }
        // In a thread that is not the ticket's own, others speak; and who answers a mention of theirs goes on with that.
        if self.home.is_none() && self.opening.is_none() && said.place.root().is_none() {
            let by = self.accounts(&said.author.who);
            let burst = tickets::record::burst(tx, &by, &said.place, self.rules.burst_since(said.at), said.at).await?;
            // What was taken back at once is nothing to go on from.
            self.burst = burst.filter(|ticket| ticket.title != tickets::text::deleted_title());
        }
        if said.place.is_direct() {
            self.direct = tickets::record::latest_direct(tx, &said.place, self.rules.direct_since(said.at)).await?;
            self.others = tickets::record::open_of(tx, &self.accounts(&said.author.who), OTHERS).await?;
        }
        Ok(())
    }

    async fn load_home(
        &mut self,
        tx: &mut dyn Tx,
        place: &Place,
        reply_to: Option<&MessageRef>,
    ) -> Result<(), StoreError> {
        if place.root().is_some() {
            self.home = conversation::record::ticket_at(tx, place).await?;
        }
        if let (None, Some(answered)) = (&self.home, reply_to) {
            if !place.is_direct() {
                self.home = conversation::record::ticket_at(tx, &place.thread(&answered.id)).await?;
            }
            if self.home.is_none() {
                // Where no line of the bot stands, nobody knows that words are kept.
                let is_unseen = !place.is_direct()
                    && conversation::record::of_message(tx, answered).await?.is_some_and(|record| record.joined);
                self.home =
                    if is_unseen { None } else { conversation::record::ticket_of_message(tx, answered).await? };
            }
        }
        Ok(())
    }

    /// Words under something unknown in the desk's channel may be a note under a card that is posted and not known yet:
    /// then nothing can be decided about them for now.
    async fn wait_for_card(&self, tx: &mut dyn Tx, said: &Said) -> Result<(), StoreError> {
        let is_reply = said.place.root().is_some() || said.reply_to.is_some();
        if is_reply && self.rules.is_triage(&said.place) && outbox::is_card_under_way(tx, &said.place).await? {
            return Err(StoreError::Early);
        }
        Ok(())
    }

    async fn load_opening(&mut self, tx: &mut dyn Tx, said: &Said) -> Result<(), StoreError> {
        let above = said.place.root().map(|root| MessageRef {
            tenant: said.place.tenant.clone(),
            channel: said.place.channel().to_owned(),
            id: root.to_owned(),
        });
        for message in above.iter().chain(said.reply_to.as_ref()) {
            let kept = conversation::record::opening(tx, message).await?;
            self.opening = kept.filter(|opening| self.roster.same(&opening.author.who, &said.author.who));
            if self.opening.is_some() {
                break;
            }
        }
        Ok(())
    }

    async fn load_act(&mut self, tx: &mut dyn Tx, acted: &Acted) -> Result<(), StoreError> {
        // A thread may have seen several requests: the message says more than its place.
        if let Some(at) = &acted.at {
            self.home = conversation::record::ticket_of_message(tx, at).await?;
        }
        if let (None, Some(place)) = (&self.home, &acted.place) {
            self.load_home(tx, place, None).await?;
        }
        let draft = match acted.asks.does().and_then(|does| does.draft.as_ref()) {
            Some(id) => drafts::record::of(tx, id, &self.accounts(&acted.actor.who), self.now).await?,
            None => None,
        };
        let now = self.rules.now(self.now, &acted.actor);
        let meant = Meant::of(acted, draft.as_ref(), &self.rules.desk.key_prefix, &now);
        match (&meant, acted.asks.does()) {
            // A button and a form carry their subject; a command may mean that of its place, and what is done at a message
            // that of the message.
            (Meant::Act(meaning), _) => {
                let may_be_home = acted.way == Way::Command || acted.at.is_some();
                self.load_meaning(tx, meaning, &acted.actor.who, may_be_home).await?;
            }
            (Meant::Unfinished(unfinished), _) => {
                let (spec, target) = (unfinished.spec, &unfinished.target);
                self.load_subject(tx, spec, target, acted.at.is_some()).await?;
            }
            // Whoever is told what is wrong is told so about this ticket.
            (_, Some(ActRef { on: Some(SubjectRef::Ticket(tag)), .. })) => {
                self.named = by_tag(tx, tag, self.now).await?;
            }
            (_, Some(_) | None) => {}
        }
        self.meant = Some(meant);
        Ok(())
    }

    /// Loads the subject of an act. `may_be_home`: without a name the ticket of the place is meant.
    async fn load_subject(
        &mut self,
        tx: &mut dyn Tx,
        spec: &Spec,
        target: &Target,
        may_be_home: bool,
    ) -> Result<(), StoreError> {
        if spec.on == On::Ticket {
            self.named = match (&target.tag, &target.key) {
                (Some(tag), _) => by_tag(tx, tag, self.now).await?,
                (None, Some(key)) => tickets::record::by_key(tx, key).await?,
                (None, None) if may_be_home => self.home.as_ref().map(|(ticket, _)| ticket.clone()),
                (None, None) => None,
            };
        }
        Ok(())
    }

    /// Loads the subject of an act, and what the act must see. `may_be_home`: without a name the ticket of the place is meant.
    async fn load_meaning(
        &mut self,
        tx: &mut dyn Tx,
        meaning: &Meaning,
        who: &PersonRef,
        may_be_home: bool,
    ) -> Result<(), StoreError> {
        let spec = &meaning.act.spec;
        self.load_subject(tx, spec, &meaning.target, may_be_home).await?;
        match meaning.act.reads {
            Reads::Nothing => {}
            Reads::Story => self.load_story(tx).await?,
            Reads::Others => self.others = tickets::record::open_of(tx, &self.accounts(who), OTHERS).await?,
            Reads::Requests => {
                let person = spec.person().and_then(|param| meaning.args.person(param.name));
                let of = self.accounts(person.map_or(who, |person| &person.who));
                self.others = tickets::record::open_of(tx, &of, OTHERS).await?;
            }
        }
        for param in spec.takes {
            let given = meaning.args.text(param.name);
            match param.takes {
                Takes::Ticket => {
                    if let Ok(tag) = given.parse() {
                        self.chosen = by_tag(tx, &tag, self.now).await?;
                    }
                }
                Takes::Message => self.load_joined(tx, given).await?,
                Takes::Text
                | Takes::Choice(_)
                | Takes::Person
                | Takes::Flag
                | Takes::Date
                | Takes::Future
                | Takes::Files => {}
            }
        }
        Ok(())
    }

    /// Loads a message that was joined to the named ticket, to be made a request of its own.
    async fn load_joined(&mut self, tx: &mut dyn Tx, message: &str) -> Result<(), StoreError> {
        let Some(ticket) = &self.named else { return Ok(()) };
        let message = MessageRef {
            tenant: ticket.origin.tenant.clone(),
            channel: ticket.origin.channel().to_owned(),
            id: message.to_owned(),
        };
        self.record = conversation::record::of_message(tx, &message).await?.filter(|record| record.ticket == ticket.id);
        if !ticket.is_private() {
            // Somebody may have asked for something of their own under it meanwhile.
            let channel =
                Place { tenant: message.tenant.clone(), at: Conversation::Channel { channel: message.channel } };
            self.chosen =
                conversation::record::ticket_at(tx, &channel.thread(&message.id)).await?.map(|(ticket, _)| ticket);
        }
        Ok(())
    }

    async fn load_story(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if let Some(ticket) = &self.named {
            self.records = conversation::record::last_of_ticket(tx, ticket.id, STORY).await?;
            self.audit = audit::last_of(tx, &ticket.id.into(), STORY).await?;
        }
        Ok(())
    }

    /// Draws the id and the key of the ticket that is to be opened.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn number(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let id = tx.next(Sequence::Tickets).await?;
        (self.next.0, self.next.1) = (TicketId(id), self.rules.key(NUMBERS_BEGIN_AT + id));
        Ok(())
    }
}
