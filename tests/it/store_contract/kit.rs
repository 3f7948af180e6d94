//! Helpers for the contracts: stores, values of the domain, and short ways to commit, lease and settle.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deskbell::clock::Clock;
use deskbell::desk::conversation::record::card_thread_binding;
use deskbell::desk::conversation::state::{Record, Voice};
use deskbell::desk::decision::Change;
use deskbell::desk::tickets::state::{Status, Ticket};
use deskbell::domain::effect::{Destination, Effect, EffectKind, Lane, Post};
use deskbell::domain::event::{DedupeKey, Event, EventKind, Said};
use deskbell::domain::ids::{
    Conversation, EffectId, MessageRef, Person, PersonRef, Place, PlatformName, Tenant, TicketId, TicketKey, TicketUid,
};
use deskbell::domain::message::{Message, Span};
use deskbell::domain::outcome::Outcome;
use deskbell::domain::permission::Roster;
use deskbell::domain::priority::Priority;
use deskbell::domain::rules::{DeskSettings, Rules};
use deskbell::domain::standing::{SAID, Standing};
use deskbell::domain::view::View;
use deskbell::intake::Intake;
use deskbell::store::postgres::{PostgresSettings, PostgresStore};
use deskbell::store::sqlite::SqliteStore;
use deskbell::store::{Claim, Queued, Settlement, Store, StoreError, Tx, Work, WorkerId};
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::looks::WriteRecord as _;

pub async fn open(path: &Path) -> Arc<dyn Store> {
    SqliteStore::open(path, clock()).await.expect("it opens")
}

pub async fn open_postgres(url: &str) -> Arc<dyn Store> {
    PostgresStore::open(&postgres(url)).await.expect("it opens")
}

/// Settings with which a store looks for work without a notification only once an hour, so that a test that waits for a
/// notification does not pass without it.
pub fn postgres(url: &str) -> PostgresSettings {
    PostgresSettings { look_every: LONG, ..PostgresSettings::new(url) }
}

pub fn clock() -> Clock {
    Clock::starting_at(at(0), 0.0)
}

/// An intake with default rules, one channel of the desk, and no automatic closing.
pub fn intake(store: Arc<dyn Store>) -> Intake {
    let desk = DeskSettings { auto_close_days: 0, ..DeskSettings::default() };
    let rules = Rules { desk, triage: vec![channel("C9")], ..Rules::default() };
    Intake::new(store, clock(), rules, Roster::default())
}

/// Commits changes and effects.
pub async fn write(
    store: &Arc<dyn Store>,
    changes: impl IntoIterator<Item = Change>,
    effects: impl IntoIterator<Item = Effect>,
) {
    let work = applying(changes.into_iter().collect(), effects.into_iter().collect());
    store.transact(work).await.expect("it is committed");
}

pub fn applying(changes: Vec<Change>, effects: Vec<Effect>) -> Work {
    Arc::new(move |tx| {
        let (changes, effects) = (changes.clone(), effects.clone());
        Box::pin(async move {
            for change in &changes {
                tx.apply(change)?;
            }
            for effect in &effects {
                tx.enqueue(effect, at(0)).await?;
            }
            Ok(Outcome::Done(None))
        })
    })
}

/// Runs `read` in a transaction, and returns its result.
pub async fn within<T, F>(store: &Arc<dyn Store>, read: F) -> T
where
    T: Send + 'static,
    F: for<'t> Fn(&'t mut dyn Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + Sync + 'static,
{
    store.within(read).await.expect("it is read")
}

/// Leases the most urgent effect that is due within 1,000 seconds, and settles it.
pub async fn lease_and_settle(store: &Arc<dyn Store>, end: Settlement) {
    let queued = due(store, 1_000).await.remove(0);
    lease_as_it_is(store, &queued.id).await;
    store.settle(&queued.id, &worker(), end, at(0)).await.expect("it is settled");
}

/// The end of a delivery as these messages, with the standing messages to record.
pub fn posted(messages: Vec<MessageRef>, stands: Vec<Standing>) -> Settlement {
    let also = stands.iter().filter_map(|one| card_thread_binding(one).expect("it is written")).collect();
    Settlement::Posted { messages, stands, also }
}

/// A time longer than any test.
pub const LONG: Duration = Duration::from_secs(3_600);

/// The worker as which the contracts lease and settle.
pub fn worker() -> WorkerId {
    WorkerId("01WORKER".to_owned())
}

/// The claim for an effect that was not changed since it was queued.
pub fn claim(effect: &EffectId) -> Claim {
    Claim { effect: effect.clone(), revision: 0, costs: vec!["post".to_owned()], sent: Vec::new() }
}

/// Leases a waiting effect with its present revision.
pub async fn lease_as_it_is(store: &Arc<dyn Store>, effect: &EffectId) {
    let waiting = due(store, 100_000).await.into_iter().find(|queued| queued.id == *effect).expect("it waits");
    let claim = Claim { revision: waiting.revision, ..claim(effect) };
    let ours = store.lease(&worker(), &[claim], LONG).await.expect("an answer");
    assert_eq!(ours, std::slice::from_ref(effect), "it is leased");
}

/// Leases all these effects.
pub async fn lease(store: &Arc<dyn Store>, effects: &[EffectId]) {
    let claims: Vec<Claim> = effects.iter().map(claim).collect();
    let ours = store.lease(&worker(), &claims, LONG).await.expect("an answer");
    assert_eq!(ours, effects, "they are leased");
}

pub async fn due(store: &Arc<dyn Store>, second: i64) -> Vec<Queued> {
    store.due(PlatformName::Slack, at(second), None, &[], 100).await.expect("effects").ready
}

pub fn texts(queued: &[Queued]) -> Vec<String> {
    queued
        .iter()
        .map(|queued| match &queued.effect.what {
            EffectKind::Say(Post { message, .. }) => match &message.lines[0].0[0] {
                Span::Said(text) => text.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect()
}

pub async fn opened(store: &Arc<dyn Store>, number: i64, place: &Place, requester: &str, at: Timestamp) -> Ticket {
    let ticket = ticket(number, place, requester, at);
    write(store, [Change::Open(Box::new(ticket.clone()))], []).await;
    ticket
}

pub fn ticket(number: i64, place: &Place, requester: &str, at: Timestamp) -> Ticket {
    let requester = person(PlatformName::Slack, requester, "Jeff");
    Ticket {
        id: TicketId(number),
        key: TicketKey::new("IT", 1_000 + number),
        uid: TicketUid::of(&deskbell::domain::event::DedupeKey::stored(number.to_string())),
        title: "printer".to_owned(),
        titled_by: Some(message(place.channel(), "1.0")),
        opened_by: requester.clone(),
        requester,
        origin: place.clone(),
        origin_message: message(place.channel(), "1.0"),
        opened_at: at,
        status: Status::New,
        assignee: None,
        priority: Priority::P3,
        answered_at: None,
        active_at: at,
        follows: None,
        merged_into: None,
        version: 1,
    }
}

pub fn record(ticket: TicketId, id: &str, voice: Voice, at: Timestamp, text: &str) -> Record {
    Record {
        ticket,
        message: Some(message("C1", id)),
        author: person(PlatformName::Slack, "U1", "Jeff"),
        voice,
        at,
        text: text.to_owned(),
        edited_at: None,
        deleted_at: None,
        joined: false,
    }
}

pub fn about(ticket: &Ticket, what: EffectKind) -> Effect {
    Effect::about(ticket.id, what)
}

pub fn show_card(id: &str) -> EffectKind {
    let at = Destination::Place(channel(id));
    EffectKind::Show { view: View::Card, at, awaited: None, thread_title: None }
}

pub fn said(place: Place, text: &str, urgency: Lane) -> EffectKind {
    EffectKind::Say(Post::new(Destination::Place(place), Message::said(text), urgency))
}

pub fn post(to: Destination, text: &str) -> EffectKind {
    EffectKind::Say(Post::new(to, Message::said(text), Lane::Note))
}

/// A line under the card in channel `id`. It shows the words of message `of`, which take `room` characters.
pub fn line_under(id: &str, of: &str, room: usize) -> EffectKind {
    EffectKind::Show {
        view: View::Lines { of: vec![message("C1", of)], room },
        at: Destination::UnderCard(channel(id)),
        awaited: None,
        thread_title: Some("IT-1001".to_owned()),
    }
}

/// Returns the ids of the messages whose words a waiting effect will show.
pub async fn shown_by(store: &Arc<dyn Store>, effect: &EffectId) -> Vec<String> {
    let waiting = due(store, 100_000).await.into_iter().find(|queued| queued.id == *effect);
    shown(&waiting.expect("it waits").effect.what)
}

/// Returns the ids of the messages whose words an effect shows.
pub fn shown(what: &EffectKind) -> Vec<String> {
    what.view().map(View::shows).unwrap_or_default().iter().map(|of| of.id.clone()).collect()
}

/// The standing message of a ticket's card.
pub fn card_of(ticket: &Ticket, place: &Place, id: &str) -> Standing {
    Standing::of(ticket.id, &View::Card, place.clone(), message(place.channel(), id))
}

/// The standing message of a post for a ticket that is no view.
pub fn said_for(ticket: &Ticket, place: &Place, id: &str) -> Standing {
    Standing { view: SAID.to_owned(), slot: "an effect".to_owned(), ..card_of(ticket, place, id) }
}

/// The standing message of a line under a card that shows the words of message `of`.
pub fn line_of(ticket: &Ticket, place: &Place, of: &MessageRef, id: &str) -> Standing {
    let view = View::Lines { of: vec![of.clone()], room: 0 };
    Standing { slot: of.to_string(), ..Standing::of(ticket.id, &view, place.clone(), message(place.channel(), id)) }
}

pub fn person(platform: PlatformName, id: &str, name: &str) -> Person {
    Person::new(PersonRef::new(platform, id), name)
}

pub fn account(id: &str) -> PersonRef {
    PersonRef::new(PlatformName::Slack, id)
}

pub fn channel(id: &str) -> Place {
    Place { tenant: tenant(), at: Conversation::Channel { channel: id.to_owned() } }
}

pub fn direct(id: &str) -> Place {
    Place { tenant: tenant(), at: Conversation::Direct { channel: id.to_owned() } }
}

pub fn message(channel: &str, id: &str) -> MessageRef {
    MessageRef { tenant: tenant(), channel: channel.to_owned(), id: id.to_owned() }
}

pub fn tenant() -> Tenant {
    Tenant { platform: PlatformName::Slack, id: "T1".to_owned() }
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a moment")
}

/// A new message in channel `C1` that mentions the bot.
pub fn mention(author: &str, id: &str, words: &str) -> Event {
    let message = message("C1", id);
    let said = Said {
        author: person(PlatformName::Slack, author, "Jeff"),
        place: channel("C1"),
        message: message.clone(),
        at: at(0),
        text: words.to_owned(),
        mentions: Vec::new(),
        groups: Vec::new(),
        notifies: None,
        mentions_bot: true,
        reply_to: None,
        files: Vec::new(),
    };
    Event { key: DedupeKey::message(&message), at: at(0), what: EventKind::MessagePosted(said) }
}
