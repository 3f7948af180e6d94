//! A decision in the making: the few ways to change a ticket, with the audit entries and cards that belong to each, and
//! the ways to queue effects.

use jiff::{SignedDuration, Timestamp};

use crate::desk::decision::{Change, Decision};
use crate::desk::{conversation, knowledge, tickets};
use crate::domain::words;

use crate::desk::conversation::state::{Record, Side, Voice};
use crate::desk::conversation::text::Joined;
use crate::desk::hear::{Desk, Next};
use crate::desk::tickets::decide::may_know;
use crate::desk::tickets::state::Ticket;
use crate::domain::audit::{AuditEntry, Did, FieldChange};
use crate::domain::effect::{Awaited, Destination, Effect, EffectKind, Lane, Post, Sign, SilentAct};
use crate::domain::event::{ReplyHandle, Said};
use crate::domain::ids::{MessageRef, Person, PersonRef, Place, TicketId};
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;
use crate::domain::priority::Priority;
use crate::domain::right::Right;
use crate::domain::subject::Subject;
use crate::domain::view::View;

/// The longest time that the confirmation of a request waits for the search for articles.
const ANSWER_WAITS: SignedDuration = SignedDuration::from_millis(200);
/// The longest time that the card of a request waits for the search for articles.
const CARD_WAITS: SignedDuration = SignedDuration::from_secs(1);

/// A decision in the making, by one actor from one place.
pub(in crate::desk) struct Plan<'f> {
    pub(in crate::desk) desk: &'f Desk,
    /// The ticket that the decision is about. Whether its actor may know of it is not decided yet.
    pub(in crate::desk) on: Option<&'f Ticket>,
    /// The ticket of the place, if the place is on the requester's side of it (and not under its card).
    thread_ticket: Option<TicketId>,
    actor: Option<&'f Person>,
    from: Option<&'f Place>,
    decision: Decision,
}

impl<'f> Plan<'f> {
    /// Begins a decision about an event that a person has caused in the place `from`.
    pub(in crate::desk) fn by(desk: &'f Desk, actor: &'f Person, from: Option<&'f Place>) -> Self {
        Self { actor: Some(actor), from, ..Self::of(desk) }
    }

    /// Begins a decision without an actor, such as about a timer.
    pub(in crate::desk) const fn of(desk: &'f Desk) -> Self {
        let decision =
            Decision { outcome: Outcome::Ignored, changes: Vec::new(), audit: Vec::new(), effects: Vec::new() };
        Self { desk, on: None, thread_ticket: None, actor: None, from: None, decision }
    }

    /// Sets the ticket that the decision is about.
    pub(in crate::desk) fn on(self, ticket: Option<&'f Ticket>) -> Self {
        Self { on: ticket, ..self }
    }

    /// Sets the ticket of the place, if the place is on the requester's side of it.
    pub(in crate::desk) fn thread_ticket(self, thread_ticket: Option<TicketId>) -> Self {
        Self { thread_ticket, ..self }
    }

    pub(in crate::desk) fn end(mut self, outcome: Outcome) -> Decision {
        self.decision.outcome = outcome;
        self.decision
    }

    pub(in crate::desk) fn may(&self, person: &Person, right: Right) -> bool {
        self.desk.roster.may(person, right, self.desk.now)
    }

    /// Whether this person works tickets.
    pub(in crate::desk) fn is_agent(&self, person: &Person) -> bool {
        self.may(person, Right::TicketWork)
    }

    /// Whether a person may know that this ticket exists, from the place where they act: see [`may_know`].
    pub(in crate::desk) fn may_know(&self, person: &Person, ticket: &Ticket) -> bool {
        may_know(&self.desk.roster, person, ticket, self.thread_ticket == Some(ticket.id), self.desk.now)
    }

    pub(in crate::desk) fn same(&self, one: &Person, other: &Person) -> bool {
        self.desk.roster.same(&one.who, &other.who)
    }

    pub(in crate::desk) fn change(&mut self, change: Change) {
        self.decision.changes.push(change);
    }

    /// Queues an effect about any subject.
    pub(in crate::desk) fn effect_about(&mut self, about: Subject, what: EffectKind) {
        self.decision.effects.push(Effect::about(about, what));
    }

    /// Queues an effect about any subject, to be delivered at `not_before` at the earliest.
    pub(in crate::desk) fn effect_later(&mut self, not_before: Option<Timestamp>, about: Subject, what: EffectKind) {
        self.decision.effects.push(Effect { not_before, ..Effect::about(about, what) });
    }

    /// Queues an effect about a ticket. Without a ticket, the subject is the person who gets a private message, else
    /// the desk.
    pub(in crate::desk) fn effect(&mut self, ticket: Option<TicketId>, what: impl Into<EffectKind>) {
        let what = what.into();
        let about = match (ticket, &what) {
            (Some(ticket), _) => Subject::Ticket(ticket),
            (None, EffectKind::Whisper { to, .. } | EffectKind::Hint { to, .. }) => Subject::Person(to.clone()),
            (None, _) => Subject::Desk,
        };
        self.decision.effects.push(Effect::about(about, what));
    }

    /// Opens a ticket for `author` with these words (one entry at least). The message of the first entry becomes the
    /// ticket's `origin_message`.
    pub(in crate::desk) fn open(
        &mut self,
        author: &Person,
        origin: Place,
        words: &[Words],
        follows: Option<&Ticket>,
    ) -> Ticket {
        let Next { ticket: id, key, uid, .. } = self.desk.next.clone();
        let first = &words[0];
        let said = words.iter().rfind(|words| !words.text.is_empty());
        let author = Person::new(author.who.clone(), author.name.clone());
        // The last entry with text gives the title: an entry before it may be a greeting.
        let title = tickets::text::title(said.map(|words| words.text.as_str()).unwrap_or_default());
        let ticket = Ticket {
            id,
            key,
            uid,
            title,
            titled_by: said.and_then(Words::source).cloned(),
            requester: author.clone(),
            opened_by: author.clone(),
            origin: origin.clone(),
            origin_message: first.message.clone(),
            opened_at: first.at,
            status: crate::desk::tickets::state::Status::New,
            assignee: None,
            priority: Priority::default(),
            answered_at: None,
            active_at: words.last().map_or(first.at, |last| if last.is_joined { self.desk.now } else { last.at }),
            follows: follows.map(|ticket| ticket.key.clone()),
            merged_into: None,
            version: 1,
        };
        self.change(Change::Open(Box::new(ticket.clone())));
        if !origin.is_direct() {
            self.change(Change::Bind { place: origin.clone(), ticket: id, side: Side::Request });
        }
        for words in words.iter().filter(|words| !words.text.is_empty()) {
            if words.is_joined {
                self.change(Change::Separate { message: words.message.clone(), to: id });
            } else {
                self.record(&ticket, &author, Voice::Requester, words);
            }
        }
        let fields = changes(None, &ticket);
        self.audit(&ticket, Did::Opened, fields);
        let from = self.decision.effects.len();
        self.confirm(&ticket);
        self.show_cards(&ticket);
        if knowledge::decide::is_asked(self.desk, &ticket.origin) {
            // Confirmation and card wait a moment, so that they can show an article that is found in time.
            for effect in &mut self.decision.effects[from..] {
                let within = if effect.what.view() == Some(&View::Card) { CARD_WAITS } else { ANSWER_WAITS };
                effect.not_before = self.desk.now.checked_add(within).ok();
            }
            self.effect(Some(id), EffectKind::Do(knowledge::decide::call(self.desk, &ticket)));
        }
        // The card shows the title only. Words that are longer than their title are shown in full under the card.
        for words in words.iter().filter(|words| tickets::text::title(&words.text) != words.text.trim()) {
            self.mirror(&ticket, None, &author, words, Voice::Requester);
        }
        ticket
    }

    /// Writes a changed ticket with its audit entry, and brings its cards up to date.
    pub(in crate::desk) fn update_with_audit(
        &mut self,
        before: &Ticket,
        mut after: Ticket,
        did: impl Into<Did>,
    ) -> Ticket {
        after.version = before.version + 1;
        after.active_at = after.active_at.max(self.desk.now);
        let fields = changes(Some(before), &after);
        self.change(Change::put(before, after.clone()));
        self.audit(&after, did, fields);
        self.show_cards(&after);
        // Of the fields that change while a ticket is worked on, the confirmation shows these alone.
        let of = |ticket: &Ticket| (ticket.status.clone(), ticket.assignee.clone(), ticket.merged_into.clone());
        if of(before) != of(&after) {
            self.effect(Some(after.id), EffectKind::Refresh { view: View::Confirmation, at: after.origin.clone() });
        }
        after
    }

    /// Writes a ticket on which something was said at `at`. Adds no audit entry and leaves the cards as they are.
    pub(in crate::desk) fn update_activity(&mut self, before: &Ticket, mut after: Ticket, at: Timestamp) -> Ticket {
        after.version = before.version + 1;
        after.active_at = before.active_at.max(at);
        self.change(Change::put(before, after.clone()));
        after
    }

    pub(in crate::desk) fn audit(&mut self, ticket: &Ticket, did: impl Into<Did>, fields: Vec<FieldChange>) {
        self.audit_about(ticket.id.into(), did, fields);
    }

    /// Adds an audit entry about any subject.
    pub(in crate::desk) fn audit_about(&mut self, about: Subject, did: impl Into<Did>, fields: Vec<FieldChange>) {
        self.decision.audit.push(AuditEntry {
            about,
            at: self.desk.now,
            actor: self.actor.map(|actor| Person::new(actor.who.clone(), actor.name.clone())),
            act: did.into().to_string(),
            from: self.from.cloned(),
            fields,
        });
    }

    pub(in crate::desk) fn record(&mut self, ticket: &Ticket, author: &Person, voice: Voice, words: &Words) {
        self.record_as(ticket, author, voice, words, false);
    }

    /// Joins words to a ticket. The words go on record without a public answer. A sign (reaction) on the message shows
    /// its author at once that the words were joined. A private message offers to make the words a request of their
    /// own.
    pub(in crate::desk) fn join(&mut self, ticket: &Ticket, said: &Said, words: &Words, why: Joined) {
        self.record_as(ticket, &said.author, Voice::Requester, words, true);
        self.audit(ticket, Did::Joined, Vec::new());
        self.sign_as_joined(ticket, said);
        self.whisper(
            Some(ticket),
            &said.author.who,
            Some(&said.place),
            None,
            conversation::text::joined(ticket, &said.message, &words.text, why),
        );
    }

    /// Puts the sign on a message that its words are on the ticket, which its author sees at once.
    pub(in crate::desk) fn sign_as_joined(&mut self, ticket: &Ticket, said: &Said) {
        let sign = SilentAct::React { message: said.message.clone(), sign: Sign::Joined, is_on: true };
        self.effect(Some(ticket.id), sign);
    }

    fn record_as(&mut self, ticket: &Ticket, author: &Person, voice: Voice, words: &Words, joined: bool) {
        self.change(Change::Record(Record {
            ticket: ticket.id,
            message: words.in_message.then(|| words.message.clone()),
            author: Person::new(author.who.clone(), author.name.clone()),
            voice,
            at: words.at,
            text: words.text.clone(),
            edited_at: None,
            deleted_at: None,
            joined,
        }));
    }

    /// Posts a message in the place where the requester is answered.
    pub(in crate::desk) fn tell_requester(&mut self, ticket: &Ticket, message: Message, awaited: Option<Awaited>) {
        let to = Destination::Place(ticket.origin.clone());
        let post = Post { awaited, ..Post::new(to, message, Lane::Act) };
        self.effect(Some(ticket.id), EffectKind::Say(post));
    }

    /// Posts a message to the requester, ahead of the effects that this decision has queued so far.
    pub(in crate::desk) fn tell_requester_first(&mut self, ticket: &Ticket, message: Message) {
        self.tell_requester(ticket, message, None);
        self.decision.effects.rotate_right(1);
    }

    /// Queues the confirmation of a ticket. A confirmation that already waits is replaced.
    pub(in crate::desk) fn confirm(&mut self, ticket: &Ticket) {
        let show = EffectKind::Show {
            view: View::Confirmation,
            at: Destination::Place(ticket.origin.clone()),
            awaited: Some(Awaited::Notice),
            // The name of a thread stays when words are deleted, so it is the ticket's key and holds no words.
            thread_title: ticket.origin.root().map(|_| ticket.key.to_string()),
        };
        self.effect(Some(ticket.id), show);
    }

    /// Updates the ticket's card in every channel of the desk.
    pub(in crate::desk) fn show_cards(&mut self, ticket: &Ticket) {
        self.show_cards_at(ticket, None);
    }

    /// Updates the ticket's card in every channel of the desk, at `not_before` at the earliest.
    pub(in crate::desk) fn show_cards_at(&mut self, ticket: &Ticket, not_before: Option<Timestamp>) {
        for channel in &self.desk.rules.triage {
            let at = Destination::Place(channel.clone());
            let card = EffectKind::Show { view: View::Card, at, awaited: None, thread_title: None };
            let effect = Effect { not_before, ..Effect::about(ticket.id, card) };
            if !self.decision.effects.contains(&effect) {
                self.decision.effects.push(effect);
            }
        }
    }

    /// Posts a message under the ticket's card in every channel of the desk, except the channel of `except`.
    pub(in crate::desk) fn under_cards(
        &mut self,
        ticket: &Ticket,
        except: Option<&Place>,
        message: impl Fn(&Place) -> Message,
    ) {
        self.under_cards_in(Lane::Note, ticket, except, message);
    }

    /// Posts a message like [`under_cards`](Self::under_cards), in the lane `urgency`.
    pub(in crate::desk) fn under_cards_in(
        &mut self,
        urgency: Lane,
        ticket: &Ticket,
        except: Option<&Place>,
        message: impl Fn(&Place) -> Message,
    ) {
        let desk = self.desk;
        for channel in desk.rules.triage.iter().filter(|channel| !is_in(channel, except)) {
            let post = Post::new(Destination::UnderCard(channel.clone()), message(channel), urgency);
            let post = Post { thread_title: Some(ticket.key.to_string()), ..post };
            self.effect(Some(ticket.id), EffectKind::Say(post));
        }
    }

    /// Shows a person's words under the ticket's cards, except in the channel of `except`. The requester's words ping
    /// the assignee. Words that stand in a message are shown as lines, which follow its edits.
    pub(in crate::desk) fn mirror(
        &mut self,
        ticket: &Ticket,
        except: Option<&Place>,
        author: &Person,
        words: &Words,
        voice: Voice,
    ) {
        let desk = self.desk;
        let line = |channel: &Place| {
            let assignee = ticket.assignee.as_ref().filter(|_| voice == Voice::Requester);
            let ping = assignee.and_then(|agent| desk.roster.account_on(&agent.who, channel.platform()));
            conversation::text::mirrored(ticket, author, &words.text, voice, ping.as_ref())
        };
        let Some(message) = words.source() else {
            return self.under_cards(ticket, except, line);
        };
        for channel in desk.rules.triage.iter().filter(|channel| !is_in(channel, except)) {
            let show = EffectKind::Show {
                view: View::Lines { of: vec![message.clone()], room: line(channel).max_chars() },
                at: Destination::UnderCard(channel.clone()),
                awaited: None,
                thread_title: Some(ticket.key.to_string()),
            };
            self.effect(Some(ticket.id), show);
        }
    }

    /// Refreshes the lines under the cards that mirror a message, after its words were edited or deleted.
    pub(in crate::desk) fn refresh_mirrors(&mut self, ticket: &Ticket, of: &MessageRef) {
        for channel in &self.desk.rules.triage {
            let view = View::Lines { of: vec![of.clone()], room: 0 };
            self.effect(Some(ticket.id), EffectKind::Refresh { view, at: channel.clone() });
        }
    }

    /// Sends a private message to one person. `about`: the ticket whose words or people the message names, so that an
    /// erasure finds it.
    pub(in crate::desk) fn whisper(
        &mut self,
        about: Option<&Ticket>,
        to: &PersonRef,
        near: Option<&Place>,
        via: Option<&ReplyHandle>,
        message: Message,
    ) {
        let whisper = EffectKind::Whisper { to: to.clone(), near: near.cloned(), via: via.cloned(), message };
        self.effect(about.map(|ticket| ticket.id), whisper);
    }
}

/// Words that become records of a ticket.
pub(in crate::desk) struct Words {
    pub(in crate::desk) message: MessageRef,
    pub(in crate::desk) at: Timestamp,
    pub(in crate::desk) text: String,
    /// Whether the words stand in `message`. Words from a form or command do not; `message` is then only near them.
    pub(in crate::desk) in_message: bool,
    /// Whether the words are on record already, joined to another ticket.
    pub(in crate::desk) is_joined: bool,
}

impl Words {
    /// Returns words that stand in a message.
    pub(in crate::desk) const fn in_message(message: MessageRef, at: Timestamp, text: String) -> Self {
        Self { message, at, text, in_message: true, is_joined: false }
    }

    /// Returns words from a form or command. `near` is a message that they belong to.
    pub(in crate::desk) const fn typed(near: MessageRef, at: Timestamp, text: String) -> Self {
        Self { message: near, at, text, in_message: false, is_joined: false }
    }

    /// Returns the message in which the words stand, if any.
    pub(in crate::desk) fn source(&self) -> Option<&MessageRef> {
        self.in_message.then_some(&self.message)
    }

    pub(in crate::desk) fn of(said: &Said) -> Self {
        Self::in_message(said.message.clone(), said.at, full_text(said))
    }
}

/// Whether `place` is this channel, or is in it.
fn is_in(channel: &Place, place: Option<&Place>) -> bool {
    place.is_some_and(|place| place.tenant == channel.tenant && place.channel() == channel.channel())
}

/// Returns the text of a message, followed by a line for each file.
pub(in crate::desk) fn full_text(said: &Said) -> String {
    let files = said.files.iter().map(|file| words::file(&file.name, &file.url));
    let words = (!said.text.trim().is_empty()).then(|| said.text.clone());
    words.into_iter().chain(files).collect::<Vec<_>>().join("\n")
}

/// Returns the place where a message is answered: the thread or direct conversation that it stands in, else its own
/// thread.
pub(in crate::desk) fn origin_of(place: &Place, message: &MessageRef) -> Place {
    if place.root().is_some() { place.clone() } else { place.thread(&message.id) }
}

/// Returns the audited fields in which two versions of a ticket differ. Without `before`, all fields that are set.
fn changes(before: Option<&Ticket>, after: &Ticket) -> Vec<FieldChange> {
    type Read = fn(&Ticket) -> Option<String>;
    const FIELDS: [(&str, Read); 5] = [
        ("status", |ticket| Some(ticket.status.name().to_owned())),
        ("assignee", |ticket| ticket.assignee.as_ref().map(|agent| agent.who.to_string())),
        ("priority", |ticket| Some(ticket.priority.to_string())),
        ("follows", |ticket| ticket.follows.as_ref().map(ToString::to_string)),
        ("merged_into", |ticket| ticket.merged_into.as_ref().map(ToString::to_string)),
    ];
    let change = |(field, read): &(&str, Read)| {
        let (from, to) = (before.and_then(read), read(after));
        (from != to).then(|| FieldChange { field: (*field).to_owned(), from, to })
    };
    FIELDS.iter().filter_map(change).collect()
}
