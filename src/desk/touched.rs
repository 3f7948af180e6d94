//! The locks and the read-ahead of an event, derived from the event's own data before anything is read.

use crate::desk::{conversation, tickets};
use crate::domain::event::{DeliverySettled, Event, EventKind, Said, Timer};
use crate::domain::ids::{Conversation, MessageRef, PersonRef, Place, Tenant};
use crate::domain::permission::Roster;
use crate::domain::rules::Rules;
use crate::domain::subject::Subject;
use crate::store::{Scope, keys};

/// The person, the place and the messages that an event is about, according to its own data.
struct Touched<'e> {
    who: Option<&'e PersonRef>,
    place: Option<&'e Place>,
    messages: Vec<&'e MessageRef>,
    read_ahead: ReadAhead<'e>,
}

/// The first read for a decision, if it can be foreseen.
#[derive(Clone, Copy)]
enum ReadAhead<'e> {
    Unforeseen,
    /// The ticket of this thread.
    Thread(&'e Place),
    /// The ticket that the author opened in this place a moment ago.
    Burst(&'e Said),
}

impl<'e> Touched<'e> {
    fn by(event: &'e Event) -> Self {
        let nothing = Self { who: None, place: None, messages: Vec::new(), read_ahead: ReadAhead::Unforeseen };
        match &event.what {
            EventKind::MessagePosted(said) | EventKind::MessageEdited(said) => Self {
                who: Some(&said.author.who),
                place: Some(&said.place),
                messages: std::iter::once(&said.message).chain(&said.reply_to).collect(),
                read_ahead: match &event.what {
                    EventKind::MessagePosted(_) => ReadAhead::of(said),
                    _ => ReadAhead::Unforeseen,
                },
            },
            EventKind::MessageDeleted { message } => Self { messages: vec![message], ..nothing },
            EventKind::Acted(acted) => Self { who: Some(&acted.actor.who), ..nothing },
            EventKind::DirectOpened { request, place } => {
                Self { who: Some(&request.by.who), place: place.as_ref().ok(), ..nothing }
            }
            EventKind::Looked { look, found } => Self {
                who: found.as_ref().and_then(|found| found.message.as_ref()).map(|said| &said.author.who),
                place: Some(&look.place),
                messages: vec![&look.message],
                ..nothing
            },
            EventKind::ThreadRead { about, .. }
            | EventKind::DeliverySettled(DeliverySettled { about, .. })
            | EventKind::CallEnded { about, .. }
            | EventKind::TimerFired(Timer { on: about, .. }) => match about {
                Subject::Person(who) => Self { who: Some(who), ..nothing },
                // Tickets, articles and outages are written only in the version that was read, so they need no lock.
                Subject::Ticket(_) | Subject::Article(_) | Subject::Outage(_) | Subject::Notice(_) | Subject::Desk => {
                    nothing
                }
            },
        }
    }

    /// Returns the names to lock during the decision: those of the person's accounts, the conversation and the
    /// messages. Two first messages of one person must not open two tickets, and the words of two people must not open
    /// two tickets for one thread. Tickets need no lock, since they are written only in the version that was read.
    fn names(&self, roster: &Roster) -> Vec<String> {
        // A thread has the name of its root message.
        let name =
            |tenant: &Tenant, channel: &str, id: &str| format!("at:{}:{}:{channel}:{id}", tenant.platform, tenant.id);
        let accounts = self.who.into_iter().flat_map(|who| roster.accounts(who));
        let people = accounts.map(|account| format!("person:{account}"));
        let places = self.place.into_iter().filter_map(|place| match (&place.at, place.root()) {
            (Conversation::Direct { channel }, _) => Some(name(&place.tenant, channel, "")),
            (_, root) => root.map(|root| name(&place.tenant, place.channel(), root)),
        });
        let messages = self.messages.iter().map(|message| name(&message.tenant, &message.channel, &message.id));
        let mut names: Vec<String> = people.chain(places).chain(messages).collect();
        names.sort();
        names.dedup();
        names
    }
}

impl<'e> ReadAhead<'e> {
    fn of(said: &'e Said) -> Self {
        if said.place.root().is_some() {
            Self::Thread(&said.place)
        } else if said.addresses_desk() && said.reply_to.is_none() {
            Self::Burst(said)
        } else {
            Self::Unforeseen
        }
    }
}

/// Returns the names that an event locks and the statements that are read ahead for it.
#[must_use]
pub fn about(event: &Event, rules: &Rules, roster: &Roster) -> Scope {
    let touched = Touched::by(event);
    let mut ahead = vec![keys::known(&event.key)];
    match touched.read_ahead {
        ReadAhead::Unforeseen => {}
        ReadAhead::Thread(place) => ahead.push(conversation::record::ticket_query(place)),
        ReadAhead::Burst(said) => {
            let by = roster.accounts(&said.author.who);
            ahead.extend(tickets::record::bursts(&by, &said.place, rules.burst_since(said.at), said.at));
        }
    }
    Scope { names: touched.names(roster), ahead }
}
