//! The gate before every act: a person who may not know of a ticket learns nothing about it, by whichever way the act
//! comes in. The events here are as from a modified client: they name any id, whatever the platform has shown the
//! person.

use std::sync::Arc;
use std::time::Duration;

use crate::looks::ReadRecord as _;
use deskbell::clock::Clock;
use deskbell::desk::tickets::decide::may_know;
use deskbell::desk::tickets::state::{Status, Ticket};
use deskbell::domain::act::{ActName, ActRef, CHOSEN, Given, KEY, On, Spec, SubjectRef, Takes, Value};
use deskbell::domain::effect::EffectKind;
use deskbell::domain::event::{Acted, Asks, DedupeKey, Event, EventKind, ReplyHandle, Said, Way};
use deskbell::domain::ids::{
    Conversation, MessageRef, Person, PersonRef, Place, PlatformName, Tenant, TicketKey, TicketTag, TicketUid,
};
use deskbell::domain::message::{Message, Span};
use deskbell::domain::outcome::Outcome;
use deskbell::domain::permission::{GroupRef, Listed, Principal, Roster};
use deskbell::domain::rules::{DeskSettings, IntakeSettings, Rules};
use deskbell::intake::{Intake, Prover, acts};
use deskbell::store::sqlite::SqliteStore;
use deskbell::store::{Settlement, Store, WorkerId};
use jiff::Timestamp;
use tempfile::TempDir;

const REQUESTER: &str = "U1";
const OUTSIDER: &str = "U2";
const AGENT: &str = "U9";
const ADMIN: &str = "U8";

/// The intake of a desk with two tickets of the requester: IT-1001 was asked in public, IT-1002 in private.
struct Fixture {
    intake: Intake,
    store: Arc<dyn Store>,
    count: std::cell::Cell<u32>,
    _folder: TempDir,
}

fn tenant() -> Tenant {
    Tenant { platform: PlatformName::Slack, id: "T1".to_owned() }
}

fn place(at: Conversation) -> Place {
    Place { tenant: tenant(), at }
}

fn channel(channel: &str) -> Place {
    place(Conversation::Channel { channel: channel.to_owned() })
}

fn direct(who: &str) -> Place {
    place(Conversation::Direct { channel: format!("D{who}") })
}

fn person(id: &str) -> Person {
    Person::new(PersonRef::new(PlatformName::Slack, id), format!("Person {id}"))
}

fn reply() -> ReplyHandle {
    ReplyHandle("{}".to_owned())
}

/// Returns a tag with the same key and another uid, as from before a restore.
fn other_uid(tag: &TicketTag) -> TicketTag {
    TicketTag { uid: TicketUid::of(&DedupeKey::stored("another".to_owned())), ..tag.clone() }
}

fn unknown_tag() -> TicketTag {
    TicketTag { uid: TicketUid::of(&DedupeKey::stored("nobody's".to_owned())), ..TicketKey::new("IT", 1_999).into() }
}

impl Fixture {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::starting_at(Timestamp::from_second(1_700_000_000).expect("a time"), 0.0);
        let store = SqliteStore::open(&folder.path().join("desk.db"), clock.clone()).await.expect("it opens");
        let listed = |id: &str| vec![Principal::Person(PersonRef::new(PlatformName::Slack, id))];
        let (agents, admins) = (listed(AGENT), listed(ADMIN));
        let desk = DeskSettings { auto_close_days: 0, ..DeskSettings::default() };
        let intake =
            IntakeSettings { burst_window: Duration::ZERO, direct_window: Duration::ZERO, ..IntakeSettings::default() };
        let rules = Rules { desk, intake, triage: vec![channel("C9")], ..Rules::default() };
        let store: Arc<dyn Store> = store;
        let intake = Intake::new(store.clone(), clock, rules, Roster { agents, admins, ..Roster::default() });
        let fixture = Self { intake, store, count: std::cell::Cell::new(0), _folder: folder };
        fixture.say(REQUESTER, channel("C1"), "my screen is black").await;
        fixture.say(REQUESTER, direct(REQUESTER), "my salary is wrong").await;
        fixture
    }

    async fn ticket(&self, number: i64) -> Ticket {
        let key = TicketKey::new("IT", number);
        self.store.ticket_by_key(&key).await.expect("a database").expect("it is there")
    }

    fn next(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    async fn handle(&self, what: EventKind) -> Outcome {
        let key = DedupeKey::stored(format!("test {}", self.next()));
        let at = self.intake.clock().now();
        self.intake.handle(Event { key, at, what }).await.expect("handled")
    }

    async fn say(&self, who: &str, at: Place, text: &str) -> Outcome {
        let id = format!("{}.0", 1_700_000_000 + self.next());
        let message = MessageRef { tenant: tenant(), channel: at.channel().to_owned(), id };
        let mentions_bot = !at.is_direct();
        let said = Said {
            author: person(who),
            place: at,
            message,
            at: self.intake.clock().now(),
            text: text.to_owned(),
            mentions: Vec::new(),
            groups: Vec::new(),
            notifies: None,
            mentions_bot,
            reply_to: None,
            files: Vec::new(),
        };
        self.handle(EventKind::MessagePosted(said)).await
    }

    async fn act(&self, way: Way, who: &str, at: Place, asks: Asks) -> Outcome {
        let acted =
            Acted { actor: person(who), place: Some(at), way, at: None, asks, in_private: false, reply: reply() };
        self.handle(EventKind::Acted(acted)).await
    }

    async fn press(&self, who: &str, at: Place, does: ActRef, choice: Option<Value>) -> Outcome {
        let way = if choice.is_some() { Way::Menu } else { Way::Button };
        let given = choice.map(|choice| (CHOSEN.to_owned(), choice)).into_iter().collect();
        self.act(way, who, at, Asks::Act { does, given }).await
    }

    /// Acts on a ticket by one of the ways in. The way decides which act it is.
    async fn act_by(&self, entry: Entry, who: &str, at: Place, tag: &TicketTag) -> Outcome {
        let key = tag.key.to_string();
        match entry {
            Entry::Button => self.press(who, at, spec("show").on(tag.clone()), None).await,
            Entry::Menu => {
                let own = self.own_of(who).await;
                self.press(who, at, spec("belongs_to").on(own), Some(Value::text(tag.to_string()))).await
            }
            Entry::Form => {
                let given = Given::from([("text".to_owned(), Value::text("more"))]);
                self.act(Way::Form, who, at, Asks::Act { does: spec("details").on(tag.clone()), given }).await
            }
            Entry::Command => {
                let words = format!("show {key}");
                self.act(Way::Command, who, at, Asks::Words { words, mentions: Vec::new() }).await
            }
            Entry::Fields => {
                let given = Given::from([(KEY.to_owned(), Value::text(key))]);
                self.act(Way::Command, who, at, Asks::Act { does: bare("show"), given }).await
            }
            Entry::Words => self.say(who, at, &format!("show {key}")).await,
        }
    }

    /// Opens a private request of this person, and returns its tag.
    async fn own_of(&self, who: &str) -> TicketTag {
        self.say(who, direct(who), "another thing").await;
        self.store.tickets(None, 1).await.expect("tickets")[0].tag()
    }

    /// Returns the text of the newest whisper to this person, or nothing if there was none since the last call. All
    /// whispers to a person have one order key, so each shows only when the one before it has ended.
    async fn told(&self, who: &str) -> String {
        let now = self.intake.clock().now();
        let mut newest = String::new();
        loop {
            let due = self.store.due(PlatformName::Slack, now, None, &[], 1_000).await.expect("due");
            let whisper = due.ready.into_iter().find_map(|queued| match &queued.effect.what {
                EffectKind::Whisper { to, message, .. } if to.id == who => Some((queued.id, plain(message))),
                _ => None,
            });
            let Some((effect, text)) = whisper else { return newest };
            self.store.settle(&effect, &WorkerId::new(), Settlement::Done, now).await.expect("it ends");
            newest = text;
        }
    }
}

fn plain(message: &Message) -> String {
    let span = |span: &Span| match span {
        Span::Said(words)
        | Span::Strong(words)
        | Span::Quoted(words)
        | Span::Written(words)
        | Span::Struck(words)
        | Span::Code(words) => words.clone(),
        Span::Everybody
        | Span::Ping(_)
        | Span::Web { .. }
        | Span::Link { .. }
        | Span::In { .. }
        | Span::Ago(_)
        | Span::At(_) => String::new(),
    };
    message.lines.iter().flat_map(|line| line.0.iter().map(span)).collect()
}

/// Checks `may_know`, the gate itself.
#[tokio::test]
async fn the_gate_is_a_table() {
    let fixture = Fixture::open().await;
    let (roster, now) = (fixture.intake.roster(), fixture.intake.clock().now());
    // The person; whether the ticket is private; whether the person is in its place; whether they may know of it.
    let table = [
        (REQUESTER, false, false, true),
        (REQUESTER, true, false, true),
        (AGENT, false, false, true),
        (AGENT, true, false, true),
        (OUTSIDER, false, true, true),
        (OUTSIDER, false, false, false),
        (OUTSIDER, true, true, false),
        (OUTSIDER, true, false, false),
    ];
    for (who, is_private, is_there, may) in table {
        let ticket = fixture.ticket(if is_private { 1002 } else { 1001 }).await;
        assert_eq!(ticket.is_private(), is_private);
        let knows = may_know(&roster, &person(who), &ticket, is_there, now);
        assert_eq!(knows, may, "{who}, in private: {is_private}, there: {is_there}");
    }
}

fn spec(name: &str) -> &'static Spec {
    acts().find(|spec| spec.name == name).expect("it is an act")
}

/// A reference to this act that names no ticket.
fn bare(name: &'static str) -> ActRef {
    ActRef::bare(ActName::new(name))
}

/// Returns a valid value for each parameter of an act.
fn fitting(spec: &Spec, other: &TicketTag) -> Given {
    let value = |takes| match takes {
        Takes::Text => Value::text("a new cable"),
        Takes::Choice(options) => Value::text(options[0].0),
        Takes::Person => Value::Person(person(AGENT)),
        Takes::Ticket => Value::text(other.to_string()),
        Takes::Message => Value::text("1700000001.0"),
        Takes::Article | Takes::Outage => Value::text("KB-7"),
        Takes::Flag => Value::Flag(true),
        Takes::Files => Value::Files(Vec::new()),
        Takes::Date | Takes::Future => Value::text("tomorrow 9"),
    };
    spec.takes.iter().map(|param| (param.name.to_owned(), value(param.takes))).collect()
}

/// Whether outsider, requester, agent and admin may do each act. The table is independent of the declarations of the
/// acts, and in their order.
const MAY: &[(&str, [bool; 4])] = &[
    ("claim", [false, false, true, true]),
    ("reply", [false, false, true, true]),
    ("resolve", [false, false, true, true]),
    ("pending", [false, false, true, true]),
    ("release", [false, false, true, true]),
    ("reopen", [false, true, true, true]),
    ("show", [false, true, true, true]),
    ("not_a_request", [false, false, true, true]),
    ("assign", [false, false, true, true]),
    ("priority", [false, false, true, true]),
    ("cancel", [false, true, true, true]),
    ("details", [false, true, true, true]),
    ("ask", [true, true, true, true]),
    ("new_request", [false, true, false, false]),
    ("own_request", [false, true, false, false]),
    ("belongs_to", [false, true, false, false]),
    // Here the requests of the agent: other people's requests are listed for agents alone.
    ("requests", [false, false, true, true]),
    ("menu", [false, false, true, true]),
    ("search", [true, true, true, true]),
    ("read", [true, true, true, true]),
    ("solved", [false, true, false, false]),
    ("read_suggested", [true, true, true, true]),
    ("person", [false, true, false, false]),
    ("more_articles", [false, true, false, false]),
    ("helpful", [false, true, false, false]),
    ("send", [false, false, true, true]),
    ("unhelpful", [false, true, false, false]),
    ("articles", [false, false, true, true]),
    ("article", [false, false, true, true]),
    ("write_article", [false, false, true, true]),
    ("edit_article", [false, false, true, true]),
    ("publish_article", [false, false, true, true]),
    ("review_article", [false, false, true, true]),
    ("retire_article", [false, false, true, true]),
    ("services", [true, true, true, true]),
    ("outages", [false, false, true, true]),
    ("subscribe", [false, false, true, true]),
    ("unsubscribe", [false, false, true, true]),
    ("outage announce", [false, false, true, true]),
    ("outage seen", [false, false, true, true]),
    ("declare", [false, false, true, true]),
    ("outage send", [false, false, true, true]),
    ("outage show", [false, false, true, true]),
    ("outage update", [false, false, true, true]),
    ("outage resolve", [false, false, true, true]),
    ("outage retract", [false, false, true, true]),
    ("outage change", [false, false, true, true]),
    ("outage retry", [false, false, true, true]),
    ("outage give_up", [false, false, true, true]),
    // These acts ask for no right: they check that the person wrote the message that the guard asked about.
    ("pass_on", [true, true, true, true]),
    ("no_request", [true, true, true, true]),
    ("why_asked", [true, true, true, true]),
    ("not_here", [true, true, true, true]),
    ("send_to_desk", [true, true, true, true]),
    ("undo", [false, true, false, false]),
    ("urgent", [true, true, true, true]),
    ("call", [true, true, true, true]),
    ("guard report", [false, false, true, true]),
    ("guard mode", [false, false, false, true]),
    ("guard me", [true, true, true, true]),
    ("guard away", [false, false, true, true]),
    ("guard back", [false, false, true, true]),
    ("guard why", [false, false, true, true]),
    ("oncall who", [false, false, true, true]),
    ("oncall until", [false, false, true, true]),
    ("oncall end", [true, true, true, true]),
    ("help", [true, true, true, true]),
];

#[tokio::test]
async fn every_act_is_open_to_whom_the_table_says_and_to_nobody_else() {
    let declared: Vec<&str> = acts().map(|spec| spec.name).collect();
    let tabled: Vec<&str> = MAY.iter().map(|(name, _)| *name).collect();
    assert_eq!(declared, tabled, "each act has its row");
    for (name, may) in MAY {
        for (who, may) in [OUTSIDER, REQUESTER, AGENT, ADMIN].into_iter().zip(*may) {
            for way in Way::ALL {
                let fixture = Fixture::open().await;
                let (ticket, other) = (fixture.ticket(1001).await, fixture.ticket(1002).await);
                let on = (spec(name).on == On::Ticket).then(|| SubjectRef::from(ticket.tag()));
                let does = ActRef { on, ..bare(name) };
                let asks = Asks::Act { does, given: fitting(spec(name), &other.tag()) };
                // In the request's own place everybody may know of it. So a refusal there is due to a missing right.
                let outcome = fixture.act(way, who, ticket.origin.clone(), asks).await;
                let told = fixture.told(who).await;
                let at_gate =
                    ["Sorry, only the desk can do that", "You need the right"].iter().any(|why| told.starts_with(why))
                        || told.contains("'s request, so only");
                // `new_request` is for private requests. On a public one even its requester is refused, in the same
                // words.
                let at_gate = at_gate && !(*name == "new_request" && who == REQUESTER);
                // A reaction of somebody without the right is ignored: it gets no answer.
                let is_reaction = way == Way::Reaction;
                assert_eq!(at_gate, !may && !is_reaction, "{name} by {who}, {way:?}: {told}");
                if !may {
                    let expected = if is_reaction { Outcome::Ignored } else { Outcome::Refused };
                    assert_eq!(outcome, expected, "{name} by {who}, {way:?}");
                    assert_eq!(fixture.ticket(1001).await, ticket, "{name} by {who}, {way:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_typed_into_a_field_is_that_field_whatever_it_says() {
    let words = "IT-1002 is the same, see there";
    let fixture = Fixture::open().await;
    let ticket = fixture.ticket(1001).await;
    let fields =
        |of: &[(&str, &str)]| Given::from_iter(of.iter().map(|(name, text)| ((*name).to_owned(), Value::text(*text))));
    let typed = async |act: &'static str, given: Given| {
        fixture.act(Way::Command, AGENT, ticket.origin.clone(), Asks::Act { does: bare(act), given }).await
    };
    // A text that is no key names no ticket, and the ticket of the place is not taken instead.
    for junk in ["KB-7", "IT-1001 please", "7"] {
        assert_eq!(typed("claim", fields(&[(KEY, junk)])).await, Outcome::Refused, "{junk}");
        assert!(fixture.told(AGENT).await.starts_with("That isn't a key"), "{junk}");
        assert_eq!(fixture.ticket(1001).await, ticket, "{junk}");
    }
    // White space does not count as words, and a key among the words is not read as the key.
    assert_eq!(typed("resolve", fields(&[("resolution", " \n")])).await, Outcome::Refused);
    assert!(matches!(typed("resolve", fields(&[(KEY, " "), ("resolution", words)])).await, Outcome::Done(_)));
    let after = fixture.ticket(1001).await;
    assert!(matches!(&after.status, Status::Resolved { resolution, .. } if resolution == words), "{:?}", after.status);
    assert_eq!(fixture.ticket(1002).await.status, Status::New);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Button,
    Menu,
    Form,
    Command,
    Fields,
    Words,
}

const ENTRIES: [Entry; 6] = [Entry::Button, Entry::Menu, Entry::Form, Entry::Command, Entry::Fields, Entry::Words];

#[tokio::test]
async fn each_way_in_is_open_to_who_may_know_and_shut_to_who_may_not() {
    for entry in ENTRIES {
        for number in [1001, 1002] {
            // People who may know. (Only one's own requests can be merged, so the menu is open to the requester alone.)
            for who in if entry == Entry::Menu { &[REQUESTER][..] } else { &[REQUESTER, AGENT] } {
                let fixture = Fixture::open().await;
                let tag = fixture.ticket(number).await.tag();
                let outcome = fixture.act_by(entry, who, channel("C5"), &tag).await;
                // The private request is not merged into a public one. The person was let in: the refusal names the
                // ticket.
                let is_refused = outcome == Outcome::Refused && !(entry == Entry::Menu && number == 1001);
                assert!(!is_refused, "{entry:?} by {who} on {number}: {}", fixture.told(who).await);
            }
            // A person who may not know is told the same as about a ticket that never existed.
            let fixture = Fixture::open().await;
            let before = fixture.ticket(number).await;
            let outcome = fixture.act_by(entry, OUTSIDER, channel("C5"), &before.tag()).await;
            assert_eq!(outcome, Outcome::Refused, "{entry:?} on {number}");
            let told = fixture.told(OUTSIDER).await;
            let elsewhere = Fixture::open().await;
            elsewhere.act_by(entry, OUTSIDER, channel("C5"), &unknown_tag()).await;
            let of_unknown = elsewhere.told(OUTSIDER).await;
            assert!(!told.is_empty());
            assert_eq!(told, of_unknown.replace("IT-1999", &before.key.to_string()), "{entry:?} on {number}");
            assert!(!told.contains("U1"), "{told}");
            assert_eq!(fixture.ticket(number).await, before, "{entry:?}");
        }
    }
}

#[tokio::test]
async fn who_stands_where_it_was_asked_knows_that_it_is_there_and_no_more() {
    let fixture = Fixture::open().await;
    let ticket = fixture.ticket(1001).await;
    for entry in [Entry::Button, Entry::Form, Entry::Command, Entry::Fields, Entry::Words] {
        let outcome = fixture.act_by(entry, OUTSIDER, ticket.origin.clone(), &ticket.tag()).await;
        assert_eq!(outcome, Outcome::Refused, "{entry:?}");
        assert_eq!(fixture.ticket(1001).await, ticket, "{entry:?}");
    }
    let told = fixture.told(OUTSIDER).await;
    assert!(told.starts_with("IT-1001 is Person's request"), "{told}");
    // An event that claims to come from the private conversation reveals nothing.
    let private = fixture.ticket(1002).await;
    for entry in [Entry::Button, Entry::Form, Entry::Command, Entry::Fields] {
        let fresh = Fixture::open().await;
        fresh.act_by(entry, OUTSIDER, private.origin.clone(), &private.tag()).await;
        let told = fresh.told(OUTSIDER).await;
        assert!(
            told.contains("I can't find IT-1002") || told.contains("I can't find the request"),
            "{entry:?}: {told}"
        );
    }
}

#[tokio::test]
async fn a_button_from_before_a_restore_acts_on_nothing() {
    for act in acts().filter(|spec| spec.on == On::Ticket) {
        for who in [REQUESTER, AGENT, OUTSIDER] {
            let fixture = Fixture::open().await;
            let before = fixture.ticket(1001).await;
            let does = act.on(other_uid(&before.tag()));
            let given = fitting(act, &before.tag());
            let outcome = fixture.act(Way::Button, who, channel("C9"), Asks::Act { does, given }).await;
            assert_eq!(outcome, Outcome::Refused, "{} by {who}", act.name);
            let told = fixture.told(who).await;
            assert!(told.contains("my records were restored"), "{} by {who}: {told}", act.name);
            assert_eq!(fixture.ticket(1001).await, before);
        }
    }
}

#[tokio::test]
async fn a_form_from_before_a_restore_acts_on_nothing() {
    for form in acts().filter(|spec| spec.opens_form() && spec.on == On::Ticket) {
        let fixture = Fixture::open().await;
        let before = fixture.ticket(1002).await;
        for who in [REQUESTER, AGENT] {
            let does = form.on(other_uid(&before.tag()));
            let asks = Asks::Act { does, given: fitting(form, &before.tag()) };
            let outcome = fixture.act(Way::Form, who, before.origin.clone(), asks).await;
            assert_eq!(outcome, Outcome::Refused, "{}", form.name);
        }
        assert_eq!(fixture.ticket(1002).await, before);
        assert_eq!(fixture.store.total().await.expect("a number"), 2, "{}", form.name);
    }
}

#[tokio::test]
async fn words_never_go_to_another_ticket_on_a_guess() {
    let fixture = Fixture::open().await;
    fixture.say("U3", channel("C2"), "the scanner jams").await;
    let (here, there) = (fixture.ticket(1003).await, fixture.ticket(1001).await);
    for verb in ["resolve", "pending"] {
        let words = format!("{verb} IT-1001 is the same, see there");
        let outcome = fixture.say(AGENT, here.origin.clone(), &words).await;
        assert_eq!(outcome, Outcome::Refused, "{verb}");
        let told = fixture.told(AGENT).await;
        assert!(told.contains("IT-1003") && told.contains("IT-1001"), "{told}");
    }
    assert_eq!((fixture.ticket(1003).await.status, fixture.ticket(1001).await), (here.status, there));
}

/// Answers, once the test allows it, that the person is no member.
struct Slow {
    may_answer: tokio::sync::Notify,
    asked: std::sync::atomic::AtomicU32,
}

#[async_trait::async_trait]
impl Prover for Slow {
    async fn prove(&self, intake: &Intake, group: &GroupRef, who: &PersonRef) -> bool {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.may_answer.notified().await;
        intake.learn_member(group, who, false, intake.clock().now());
        true
    }
}

#[tokio::test]
async fn who_acts_while_it_is_asked_who_they_are_waits_for_the_answer() {
    let fixture = Fixture::open().await;
    let group = GroupRef { platform: PlatformName::Discord, id: "42".to_owned() };
    let mia = Person::new(PersonRef::new(PlatformName::Discord, "7"), "Mia");
    let mut roster = Roster { agents: vec![Principal::Group(group.clone())], ..Roster::default() };
    let listed = Listed { guild: Some("A".to_owned()), members: vec![mia.who.clone()], is_complete: true };
    roster.members.entry(group.clone()).or_default().list(listed, fixture.intake.clock().now());
    let intake =
        Intake::new(fixture.store.clone(), fixture.intake.clock().clone(), (*fixture.intake.rules()).clone(), roster);
    let prover = Arc::new(Slow { may_answer: tokio::sync::Notify::new(), asked: 0.into() });
    intake.ask_for_proof(PlatformName::Discord, prover.clone());
    intake.clock().advance(std::time::Duration::from_secs(120));
    let act = |number: u32| {
        let given = Given::from([
            (KEY.to_owned(), Value::text("IT-1001")),
            ("resolution".to_owned(), Value::text("nothing to see here")),
        ]);
        let acted = Acted {
            actor: mia.clone(),
            place: Some(channel("C5")),
            way: Way::Command,
            at: None,
            asks: Asks::Act { does: bare("resolve"), given },
            in_private: false,
            reply: reply(),
        };
        let key = DedupeKey::stored(format!("act {number}"));
        let event = Event { key, at: intake.clock().now(), what: EventKind::Acted(acted) };
        let intake = intake.clone();
        tokio::spawn(async move { intake.handle(event).await.expect("handled") })
    };
    let acts = [act(1), act(2), act(3)];
    while prover.asked.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    prover.may_answer.notify_one();
    for done in acts {
        assert_eq!(done.await.expect("no panic"), Outcome::Refused, "she is no longer on the desk");
    }
    assert_eq!(prover.asked.load(std::sync::atomic::Ordering::Relaxed), 1, "all three acts wait for one proof");
    assert_eq!(fixture.ticket(1001).await.status.name(), "new");
}

#[tokio::test]
async fn an_earlier_version_beside_this_one_draws_buttons_that_work_for_a_day() {
    let fixture = Fixture::open().await;
    let bare = TicketTag::from(TicketKey::new("IT", 1001));
    let take = spec("claim").on(bare.clone());
    assert!(matches!(fixture.press(AGENT, channel("C9"), take.clone(), None).await, Outcome::Done(_)));
    fixture.intake.clock().advance(std::time::Duration::from_secs(25 * 3600));
    let release = spec("release").on(bare);
    assert_eq!(fixture.press(AGENT, channel("C9"), release, None).await, Outcome::Refused);
}
