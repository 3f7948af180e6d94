//! Property tests of the core with random events: one fact has one outcome, however often and late its event comes; the
//! audit replays to the state; and the outbox keeps its order.

mod outbox;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use deskbell::clock::Clock;
use deskbell::desk::conversation::state::Record;
use deskbell::desk::tickets::state::Ticket;
use deskbell::desk::tickets::text;
use deskbell::domain::act::{CHOSEN, Given, Spec, Value};
use deskbell::domain::audit::AuditEntry;
use deskbell::domain::effect::{Awaited, Undeliverable};
use deskbell::domain::event::{Acted, Asks, DedupeKey, DeliverySettled, Event, EventKind, ReplyHandle, Said, Way};
use deskbell::domain::ids::{Conversation, EffectId, MessageRef, Person, PersonRef, Place, PlatformName, Tenant};
use deskbell::domain::outcome::Outcome;
use deskbell::domain::permission::{Principal, Roster};
use deskbell::domain::rules::Rules;
use deskbell::intake::{Intake, acts};
use deskbell::store::sqlite::SqliteStore;
use deskbell::store::{Counts, Store};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use tempfile::TempDir;

use self::outbox::{End, Outbox};
use crate::looks::ReadRecord as _;

/// Two requesters and two agents.
const PEOPLE: [&str; 4] = ["U1", "U2", "U8", "U9"];
const WORDS: [&str; 8] = [
    "the printer jams",
    "the printer on floor 3 jams again and the light blinks",
    "hi all",
    "thanks, works now",
    "claim",
    "resolve it was the cable",
    "help",
    "my badge opens no door",
];

/// One step of a random history. The numbers choose among the people, words, tickets, messages and acts that exist
/// then.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody mentions the bot in a channel.
    Mention { who: usize, words: usize },
    /// Somebody talks in a channel without a mention.
    Chatter { who: usize },
    /// Somebody writes to the bot directly.
    Direct { who: usize, words: usize },
    /// Somebody writes in the thread of a request, with or without a mention.
    Reply { who: usize, ticket: usize, words: usize, mention: bool },
    /// Somebody changes the words of a message.
    Edit { message: usize, words: usize },
    /// A message is deleted.
    Delete { message: usize },
    /// Somebody uses a button or menu.
    Press { who: usize, ticket: usize, action: usize, choice: usize },
    /// Somebody merges one request into another.
    Merge { who: usize, ticket: usize, other: usize },
    /// Somebody sends a form.
    Submit { who: usize, ticket: usize, form: usize, words: usize },
    /// Somebody gives the command.
    Command { who: usize, ticket: usize, command: usize },
    /// A reply of an agent has, or has not, been delivered.
    Delivered { who: usize, ticket: usize, well: bool },
    /// Days pass, and the timers that are due fire.
    Wait { days: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, words, some) = (0..PEOPLE.len(), 0..WORDS.len(), 0..64_usize);
    let step = prop_oneof![
        3 => (who.clone(), words.clone()).prop_map(|(who, words)| Step::Mention { who, words }),
        1 => who.clone().prop_map(|who| Step::Chatter { who }),
        3 => (who.clone(), words.clone()).prop_map(|(who, words)| Step::Direct { who, words }),
        5 => (who.clone(), some.clone(), words.clone(), any::<bool>())
            .prop_map(|(who, ticket, words, mention)| Step::Reply { who, ticket, words, mention }),
        3 => (some.clone(), words.clone()).prop_map(|(message, words)| Step::Edit { message, words }),
        2 => some.clone().prop_map(|message| Step::Delete { message }),
        8 => (who.clone(), some.clone(), some.clone(), some.clone())
            .prop_map(|(who, ticket, action, choice)| Step::Press { who, ticket, action, choice }),
        2 => (who.clone(), some.clone(), some.clone()).prop_map(|(who, ticket, other)| Step::Merge { who, ticket, other }),
        3 => (who.clone(), some.clone(), some.clone(), words.clone())
            .prop_map(|(who, ticket, form, words)| Step::Submit { who, ticket, form, words }),
        3 => (who.clone(), some.clone(), some.clone())
            .prop_map(|(who, ticket, command)| Step::Command { who, ticket, command }),
        1 => (who, some, any::<bool>()).prop_map(|(who, ticket, well)| Step::Delivered { who, ticket, well }),
        1 => (0..9_u64).prop_map(|days| Step::Wait { days }),
    ];
    proptest::collection::vec(step, 10..26)
}

/// The repeated deliveries of an event: for each, how many events later it comes.
type Repeats = Vec<usize>;

fn deliveries() -> impl Strategy<Value = Vec<(Repeats, bool)>> {
    let repeats = proptest::collection::vec(prop_oneof![3 => Just(0), 2 => 1..4_usize, 1 => Just(1_000)], 0..4);
    proptest::collection::vec((repeats, any::<bool>()), 64)
}

/// An intake with a database of its own, on a clock that only the test moves.
struct Fixture {
    intake: Intake,
    store: Arc<dyn Store>,
    clock: Clock,
    _folder: TempDir,
}

/// All tickets with their messages and audit, and the counts of the outbox.
#[derive(Debug, PartialEq)]
struct Snapshot {
    tickets: Vec<(Ticket, Vec<Record>, Vec<AuditEntry>)>,
    counts: Counts,
}

impl Fixture {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::starting_at(at(0), 0.0);
        let store = SqliteStore::open(&folder.path().join("desk.db"), clock.clone()).await.expect("it opens");
        let agents = ["U8", "U9"].map(|id| Principal::Person(PersonRef::new(PlatformName::Slack, id)));
        let roster = Roster { agents: agents.to_vec(), ..Roster::default() };
        let rules = Rules { triage: vec![channel("C9")], ..Rules::default() };
        let store: Arc<dyn Store> = store;
        Self { intake: Intake::new(store.clone(), clock.clone(), rules, roster), store, clock, _folder: folder }
    }

    async fn handle(&self, event: &Event) -> Outcome {
        let outcome = self.intake.handle(event.clone()).await.expect("the database is there");
        assert_ne!(outcome, Outcome::Dead, "a fault of ours: {event:?}");
        outcome
    }

    async fn tickets(&self) -> Vec<Ticket> {
        let mut tickets = self.store.tickets(None, 1_000).await.expect("tickets");
        tickets.reverse();
        tickets
    }

    async fn snapshot(&self) -> Snapshot {
        let mut tickets = Vec::new();
        for ticket in self.tickets().await {
            let records = self.store.records(ticket.id).await.expect("records");
            let audit = self.store.audit(ticket.id).await.expect("an audit");
            tickets.push((ticket, records, audit));
        }
        Snapshot { tickets, counts: self.store.counts().await.expect("counts") }
    }

    async fn assert_audited(&self) {
        for ticket in self.tickets().await {
            let audit = self.store.audit(ticket.id).await.expect("an audit");
            assert_eq!(replayed(&audit), audited_fields(&ticket), "{}: {audit:#?}", ticket.key);
        }
    }
}

/// One entry of the history of the first run, for the second run.
#[derive(Clone, Debug)]
enum HistoryEntry {
    /// An event, and the keys of the tickets that it is about: it may change places with an event about others. `None`
    /// if its outcome may depend on other events before it.
    Event(Box<Event>, Option<BTreeSet<String>>),
    /// The clock was moved by this time.
    Moved(Duration),
}

/// Runs the steps, checks the audit after each, and returns the history.
async fn run_steps(fixture: &Fixture, steps: &[Step]) -> Vec<HistoryEntry> {
    let mut history = Vec::new();
    let mut said: Vec<Said> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if let Step::Wait { days } = step {
            let by = Duration::from_secs(days * 24 * 3600);
            fixture.clock.advance(by);
            history.push(HistoryEntry::Moved(by));
            let due = fixture.store.due_timers(fixture.clock.now(), 100).await.expect("timers");
            for timer in due {
                let key = DedupeKey::timer(&timer);
                let event = Event { key, at: fixture.clock.now(), what: EventKind::TimerFired(timer) };
                fixture.handle(&event).await;
                history.push(HistoryEntry::Event(Box::new(event), None));
            }
            fixture.assert_audited().await;
            continue;
        }
        let tickets = fixture.tickets().await;
        let now = fixture.clock.now() + SignedDuration::from_secs(i64::try_from(index).expect("few"));
        let Some((event, about)) = event(step, index, now, &tickets, &said) else { continue };
        if let EventKind::MessagePosted(posted) | EventKind::MessageEdited(posted) = &event.what {
            said.retain(|known| known.message != posted.message);
            said.push(posted.clone());
        }
        let outcome = fixture.handle(&event).await;
        let settled = matches!(outcome, Outcome::Recorded(_) | Outcome::Done(Some(_)) | Outcome::Refused);
        history.push(HistoryEntry::Event(Box::new(event), about.filter(|about| settled && !about.is_empty())));
        fixture.assert_audited().await;
    }
    history
}

/// Returns the event of a step and the keys of the tickets that it is about. `None` if the ticket or message that the
/// step needs does not exist.
fn event(
    step: &Step,
    index: usize,
    at: Timestamp,
    tickets: &[Ticket],
    said: &[Said],
) -> Option<(Event, Option<BTreeSet<String>>)> {
    fn pick<T>(all: &[T], number: usize) -> Option<&T> {
        all.get(number.checked_rem(all.len())?)
    }
    let id = format!("{}.{index:06}", at.as_second());
    let click = |who: usize| DedupeKey::slack_click(&tenant(), PEOPLE[who], &id, "a", &id);
    let about = |tickets: &[&Ticket]| Some(tickets.iter().map(|ticket| ticket.key.to_string()).collect());
    let acted = |who: usize, place: Place, way: Way, asks: Asks| {
        let (actor, reply) = (person(PEOPLE[who]), ReplyHandle(String::new()));
        EventKind::Acted(Acted { actor, place: Some(place), way, at: None, asks, in_private: false, reply })
    };
    let post = |who: usize, place: Place, text: &str, mentions_bot: bool| Said {
        author: person(PEOPLE[who]),
        message: MessageRef { tenant: tenant(), channel: place.channel().to_owned(), id: id.clone() },
        place,
        at,
        text: text.to_owned(),
        mentions: Vec::new(),
        groups: Vec::new(),
        notifies: None,
        mentions_bot,
        reply_to: None,
        files: Vec::new(),
    };
    let posted = |said: Said| (DedupeKey::message(&said.message), EventKind::MessagePosted(said));
    let (about, (key, what)) = match step {
        Step::Mention { who, words } => (None, posted(post(*who, channel("C1"), WORDS[*words], true))),
        Step::Chatter { who } => (None, posted(post(*who, channel("C1"), "lunch?", false))),
        Step::Direct { who, words } => {
            let at = Conversation::Direct { channel: format!("D{}", PEOPLE[*who]) };
            (None, posted(post(*who, Place { tenant: tenant(), at }, WORDS[*words], false)))
        }
        Step::Reply { who, ticket, words, mention } => {
            let public: Vec<&Ticket> = tickets.iter().filter(|ticket| !ticket.is_private()).collect();
            let ticket = *pick(&public, *ticket)?;
            (about(&[ticket]), posted(post(*who, ticket.origin.clone(), WORDS[*words], *mention)))
        }
        Step::Edit { message, words } => {
            let said = Said { text: WORDS[*words].to_owned(), ..pick(said, *message)?.clone() };
            (None, (DedupeKey::edit(&said.message, &id), EventKind::MessageEdited(said)))
        }
        Step::Delete { message } => {
            let message = pick(said, *message)?.message.clone();
            (None, (DedupeKey::deletion(&message), EventKind::MessageDeleted { message }))
        }
        Step::Press { who, ticket, action, choice } => {
            let ticket = pick(tickets, *ticket)?;
            let spec = *pick(&acts().collect::<Vec<_>>(), *action)?;
            let choice = match spec.name {
                "assign" => Some(Value::Person(person(pick(&PEOPLE, *choice)?))),
                "priority" => Some(Value::Text(format!("P{}", choice % 6))),
                _ => None,
            };
            let given = choice.map(|choice| (CHOSEN.to_owned(), choice)).into_iter().collect();
            let way = Way::Button;
            let asks = Asks::Act { does: spec.on(ticket.tag()), given };
            let acted = acted(*who, channel("C9"), way, asks);
            (about(&[ticket]), (click(*who), acted))
        }
        Step::Merge { who, ticket, other } => {
            let (ticket, other) = (pick(tickets, *ticket)?, pick(tickets, *other)?);
            let given = Given::from([(CHOSEN.to_owned(), Value::text(other.tag().to_string()))]);
            let acted = acted(
                *who,
                ticket.origin.clone(),
                Way::Menu,
                Asks::Act { does: spec("belongs_to").on(ticket.tag()), given },
            );
            (about(&[ticket, other]), (click(*who), acted))
        }
        Step::Submit { who, ticket, form, words } => {
            let ticket = pick(tickets, *ticket)?;
            let forms: Vec<&Spec> = acts().filter(|spec| spec.opens_form()).collect();
            let spec = *pick(&forms, *form)?;
            let field = spec.takes[0].name.to_owned();
            let given = Given::from([(field, Value::text(WORDS[*words]))]);
            let sent = acted(*who, channel("C9"), Way::Form, Asks::Act { does: spec.on(ticket.tag()), given });
            (about(&[ticket]), (DedupeKey::slack_form(&tenant(), &id, "h"), sent))
        }
        Step::Command { who, ticket, command } => {
            let ticket = pick(tickets, *ticket)?;
            let commands =
                ["claim", "release", "show", "reopen", "cancel", "pending", "resolve", "priority", "reply", "assign"];
            let mentions = vec![person("U9")];
            let words = match *pick(&commands, *command)? {
                "resolve" => format!("resolve {} a new cable", ticket.key),
                "pending" => format!("pending {} for parts", ticket.key),
                "reply" => format!("reply {} look at the cable", ticket.key),
                "priority" => format!("priority P{} {}", 1 + command % 4, ticket.key),
                "assign" => format!("assign @{} {}", mentions[0].name, ticket.key),
                bare => format!("{bare} {}", ticket.key),
            };
            let given = acted(*who, channel("C2"), Way::Command, Asks::Words { words, mentions });
            (about(&[ticket]), (DedupeKey::slack_command(&tenant(), &id), given))
        }
        Step::Delivered { who, ticket, well } => {
            let ticket = pick(tickets, *ticket)?;
            let stands = MessageRef { tenant: tenant(), channel: ticket.origin.channel().to_owned(), id: id.clone() };
            let effect = EffectId(format!("effect {id}"));
            let key = DedupeKey::effect(&effect);
            let settled = DeliverySettled {
                effect,
                about: ticket.id.into(),
                awaited: Awaited::Reply { by: person(PEOPLE[*who]), text: "look at the cable".to_owned() },
                result: if *well { Ok(stands) } else { Err(Undeliverable::ChannelClosed) },
            };
            (about(&[ticket]), (key, EventKind::DeliverySettled(settled)))
        }
        Step::Wait { .. } => return None,
    };
    Some((Event { key, at, what }, about))
}

/// Returns the history as it may be delivered: neighbouring events about different tickets may change places, and
/// events may come again later.
fn redelivered(history: &[HistoryEntry], how: &[(Repeats, bool)]) -> Vec<HistoryEntry> {
    let mut first = history.to_vec();
    let mut index = 0;
    while index + 1 < first.len() {
        let apart = match (&first[index], &first[index + 1]) {
            (HistoryEntry::Event(_, Some(one)), HistoryEntry::Event(_, Some(other))) => one.is_disjoint(other),
            _ => false,
        };
        if apart && how[index % how.len()].1 {
            first.swap(index, index + 1);
            index += 1;
        }
        index += 1;
    }
    let mut later: BTreeMap<usize, Vec<HistoryEntry>> = BTreeMap::new();
    let mut all = Vec::new();
    for (index, one) in first.into_iter().enumerate() {
        if matches!(one, HistoryEntry::Event(..)) {
            for by in &how[index % how.len()].0 {
                later.entry(index + by).or_default().push(one.clone());
            }
        }
        all.push(one);
        all.extend(later.remove(&index).unwrap_or_default());
    }
    all.extend(later.into_values().flatten());
    all
}

/// Replays the fields of an audit to a state. Panics if a change does not begin with the state before it.
fn replayed(audit: &[AuditEntry]) -> BTreeMap<&str, String> {
    let mut state = BTreeMap::new();
    for change in audit.iter().flat_map(|entry| &entry.fields) {
        assert_eq!(state.get(change.field.as_str()), change.from.as_ref(), "{} changed from what it was", change.field);
        match &change.to {
            Some(to) => state.insert(change.field.as_str(), to.clone()),
            None => state.remove(change.field.as_str()),
        };
    }
    state
}

/// Returns the fields that the audit covers, as the ticket has them.
fn audited_fields(ticket: &Ticket) -> BTreeMap<&'static str, String> {
    let fields = [
        ("status", Some(ticket.status.name().to_owned())),
        ("assignee", ticket.assignee.as_ref().map(|agent| agent.who.to_string())),
        ("priority", Some(ticket.priority.to_string())),
        ("follows", ticket.follows.as_ref().map(ToString::to_string)),
        ("merged_into", ticket.merged_into.as_ref().map(ToString::to_string)),
    ];
    fields.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// After every step, the audit replays to the state, too.
    #[test]
    fn one_fact_has_one_outcome_however_it_is_delivered(steps in steps(), how in deliveries()) {
        block_on(async {
            let once = Fixture::open().await;
            let history = run_steps(&once, &steps).await;
            let again = Fixture::open().await;
            for one in redelivered(&history, &how) {
                match one {
                    HistoryEntry::Event(event, _) => drop(again.handle(&event).await),
                    HistoryEntry::Moved(by) => again.clock.advance(by),
                }
            }
            again.assert_audited().await;
            let (once, again) = (once.snapshot().await, again.snapshot().await);
            prop_assert_eq!(once, again);
            Ok(())
        })?;
    }

    #[test]
    fn the_newest_words_stand_in_whatever_order_they_come(
        order in Just((0..5_usize).collect::<Vec<_>>()).prop_shuffle(),
        deleted in any::<bool>(),
        again in proptest::collection::vec(0..6_usize, 0..6),
    ) {
        block_on(async {
            let mut events: Vec<Event> = order.iter().map(|number| version(*number, VERSIONS[*number])).collect();
            if deleted {
                let what = EventKind::MessageDeleted { message: versioned() };
                events.insert(3, Event { key: DedupeKey::deletion(&versioned()), at: at(9), what });
            }
            for index in again {
                events.push(events[index % events.len()].clone());
            }
            let (newest, deleted_title) = (VERSIONS[4], text::deleted_title());
            let wanted = if deleted { ("", deleted_title.as_str()) } else { (newest, newest) };
            let (words, title) = words_and_title(&events).await;
            prop_assert_eq!((words.as_str(), title.as_str()), wanted);
            Ok(())
        })?;
    }

    #[test]
    fn the_outbox_keeps_the_order_and_loses_nothing(acts in outbox::acts()) {
        block_on(async {
            let mut outbox = Outbox::open().await;
            // By order key: the numbers of the effects that were queued, and of those that have ended.
            let mut decided: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
            let mut ended: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
            let mut leased: Vec<outbox::Entry> = Vec::new();
            let mut next = 0;
            for act in acts {
                match act {
                    outbox::Act::Put { key, lane } => {
                        outbox.put(key, next, lane).await;
                        decided.entry(key).or_default().push(next);
                        next += 1;
                    }
                    outbox::Act::Lease { most } => {
                        let due = outbox.due(most).await;
                        for one in outbox.lease(&due).await {
                            prop_assert!(leased.iter().all(|other| other.key != one.key), "two of one order key are leased");
                            let before = ended.get(&one.key).map_or(0, Vec::len);
                            prop_assert_eq!(decided[&one.key][before], one.number, "out of order");
                            leased.push(one);
                        }
                    }
                    outbox::Act::LeaseAgain => {
                        prop_assert_eq!(outbox.lease(&leased).await, vec![], "a leased effect is leased again");
                    }
                    outbox::Act::Settle { which, end } => {
                        if let Some(index) = which.checked_rem(leased.len()) {
                            let one = leased.remove(index);
                            outbox.settle(&one, end).await;
                            if !matches!(end, End::Retry { .. }) {
                                ended.entry(one.key).or_default().push(one.number);
                            }
                        }
                    }
                    outbox::Act::Wait { seconds } => outbox.wait(seconds),
                    outbox::Act::Restart => {
                        outbox = outbox.restart().await;
                        leased.clear();
                    }
                }
            }
            for one in leased {
                outbox.settle(&one, End::Done).await;
                ended.entry(one.key).or_default().push(one.number);
            }
            outbox.wait(1_000);
            loop {
                let due = outbox.due(100).await;
                if due.is_empty() {
                    break;
                }
                for one in outbox.lease(&due).await {
                    outbox.settle(&one, End::Done).await;
                    ended.entry(one.key).or_default().push(one.number);
                }
            }
            prop_assert_eq!(ended, decided);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn an_edit_that_comes_before_its_post_is_not_undone_by_an_earlier_one() {
    let events = [version(2, "it jams on floor 4"), version(0, "it jams"), version(1, "it jams on floor 3")];
    assert_eq!(words_and_title(&events).await, ("it jams on floor 4".to_owned(), "it jams on floor 4".to_owned()));
}

#[tokio::test]
async fn an_earlier_edit_that_comes_late_leaves_the_title_alone() {
    // The first edit changes no word, so its key is not kept, and the edit is not recognised when it comes again.
    let unchanged = version(1, "it jams");
    let events = [version(0, "it jams"), unchanged.clone(), version(2, "it jams on floor 4"), unchanged];
    assert_eq!(words_and_title(&events).await, ("it jams on floor 4".to_owned(), "it jams on floor 4".to_owned()));
}

#[tokio::test]
async fn what_was_deleted_before_its_post_came_is_not_kept() {
    let fixture = Fixture::open().await;
    let id = format!("{}.000100", at(0).as_second());
    let message = MessageRef { id, ..versioned() };
    let mut post = version(0, "my password is hunter2");
    let EventKind::MessagePosted(said) = &mut post.what else { panic!("a post") };
    said.message = message.clone();
    post.key = DedupeKey::message(&message);
    let deleted = |at| Event {
        key: DedupeKey::deletion(&message),
        at,
        what: EventKind::MessageDeleted { message: message.clone() },
    };
    assert_eq!(fixture.handle(&deleted(at(5))).await, Outcome::Ignored);
    assert_eq!(fixture.handle(&post).await, Outcome::Repeated);
    assert!(fixture.tickets().await.is_empty());
}

const VERSIONS: [&str; 5] =
    ["it jams", "it jams badly", "it jams on floor 3", "it jams on floor 4", "it jams on floor 5"];

/// The post (0) or an edit (1 and on) of one message. The event comes after `number` seconds.
fn version(number: usize, words: &str) -> Event {
    let message = versioned();
    let said = Said {
        author: person("U1"),
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
    let (key, what) = match number {
        0 => (DedupeKey::message(&message), EventKind::MessagePosted(said)),
        _ => (DedupeKey::edit(&message, &number.to_string()), EventKind::MessageEdited(said)),
    };
    Event { key, at: at(i64::try_from(number).expect("few")), what }
}

fn versioned() -> MessageRef {
    MessageRef { tenant: tenant(), channel: "C1".to_owned(), id: "1.0".to_owned() }
}

/// Handles these events. Returns the recorded words of the one message, and the title of its one ticket.
async fn words_and_title(events: &[Event]) -> (String, String) {
    let fixture = Fixture::open().await;
    for event in events {
        fixture.handle(event).await;
    }
    let snapshot = fixture.snapshot().await;
    let [(ticket, records, _)] = snapshot.tickets.as_slice() else { panic!("not one ticket: {snapshot:?}") };
    let [record] = records.as_slice() else { panic!("not one record: {records:?}") };
    (record.text.clone(), ticket.title.clone())
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

fn spec(name: &str) -> &'static Spec {
    acts().find(|spec| spec.name == name).expect("it is an act")
}

fn person(id: &str) -> Person {
    Person::new(PersonRef::new(PlatformName::Slack, id), format!("Person {id}"))
}

fn channel(id: &str) -> Place {
    Place { tenant: tenant(), at: Conversation::Channel { channel: id.to_owned() } }
}

fn tenant() -> Tenant {
    Tenant { platform: PlatformName::Slack, id: "T1".to_owned() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a moment")
}
