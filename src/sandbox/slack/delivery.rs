//! What is on its way to the bot: given out once, given out again until it is acknowledged, kept while nobody listens.
//!
//! Events are retried up to three times like Slack's; clicks, forms and commands are given once, and the person sees
//! the failure. Each goes to one of the connections, which take turns, and to whichever is next when it is given again.
//! A connection that dies does not use up a retry: what it had not acknowledged goes to the next one.

mod flights;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot, watch};

use super::ids::Mint;
use crate::sandbox::Nonsense;

/// Times that an event without an acknowledgement is sent again.
const RETRIES: u32 = 3;
/// How often it is sent again afterwards, every hour, if the app wants that.
/// Source: <https://docs.slack.dev/apis/events-api/#delayed-events>.
const LATE_RETRIES: u32 = 24;

/// When something is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    AtOnce,
    InAnHour,
    Never,
}
/// How long an event that is to come out of order waits for another to overtake it, in real time.
const OVERTAKEN_WITHIN: Duration = Duration::from_millis(250);
/// How long a socket that was asked to reconnect stays open if nothing replaces it, in real time.
const FAREWELL: Duration = Duration::from_secs(10);
/// Connections that an app may have at a time (<https://docs.slack.dev/apis/events-api/using-socket-mode/>).
const SOCKETS: usize = 10;

/// What the bot is to get.
pub(super) struct Parcel {
    pub kind: ParcelKind,
    /// Names it in the journal.
    pub event: String,
    pub payload: Value,
    /// More for the journal.
    pub about: Map<String, Value>,
    /// Whether the acknowledgement may carry an answer.
    pub takes_answer: bool,
}

/// Stands for half of a surrogate pair, which no text of this program can hold, until it is written to the wire.
const HALF: &str = "\u{e000}";

/// JSON as it goes over the wire.
pub(super) fn as_written(value: &Value) -> String {
    value.to_string().replace(HALF, "\\ud83d")
}

impl Parcel {
    pub(super) fn event(event: String, payload: Value, about: Map<String, Value>) -> Self {
        Self { kind: ParcelKind::Event, event, payload, about, takes_answer: false }
    }
}

/// What kind of parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParcelKind {
    Event,
    Interactive,
    Command,
}

impl ParcelKind {
    fn envelope_type(self) -> &'static str {
        match self {
            Self::Event => "events_api",
            Self::Interactive => "interactive",
            Self::Command => "slash_commands",
        }
    }
}

/// What a socket's task is told to do.
#[derive(Debug)]
pub(super) enum Out {
    /// Send this frame.
    Frame(String),
    /// Send what Slack would not.
    Nonsense(Nonsense),
    /// Close in good order.
    Close,
    /// Cut the line.
    Cut,
}

/// The parcels and the connections.
pub(super) struct Hub {
    app: String,
    inner: Mutex<Inner>,
    connected: watch::Sender<bool>,
    open_count: watch::Sender<usize>,
    /// Whoever holds it finds out whether the bot's HTTP endpoint takes connections.
    pub(super) door: tokio::sync::Mutex<()>,
}

struct Inner {
    mint: Mint,
    sockets: BTreeMap<u64, Socket>,
    next_id: u64,
    turn: usize,
    tickets: HashSet<String>,
    /// All tickets that were ever given.
    issued: Vec<String>,
    flights: BTreeMap<u64, Flight>,
    envelopes: HashMap<String, u64>,
    waiting: VecDeque<u64>,
    target: Option<String>,
    doubles: u32,
    /// How much later the next events are sent.
    late: VecDeque<Duration>,
    /// How many of the next events are to be overtaken.
    swaps: u32,
    /// Those that wait to be overtaken.
    held: Vec<u64>,
    /// Whether what was refused often enough is sent again every hour.
    sends_late: bool,
    /// What the next events of these types carry besides.
    odd: VecDeque<(String, String)>,
    /// What the next connections are greeted by.
    greetings: VecDeque<String>,
}

struct Socket {
    out: mpsc::UnboundedSender<Out>,
    leaving: bool,
    muted: bool,
}

struct Flight {
    parcel: Arc<Parcel>,
    /// How often it was sent.
    sent: u32,
    /// How often the acknowledgement did not come in time.
    late: u32,
    socket: Option<u64>,
    envelopes: Vec<String>,
    doubled: bool,
    answer: Option<oneshot::Sender<Option<Value>>>,
}

impl Hub {
    pub(super) fn new(seed: u64, app: String) -> Self {
        let inner = Inner {
            mint: Mint::new(seed ^ 0xe9e10e),
            sockets: BTreeMap::new(),
            next_id: 0,
            turn: 0,
            tickets: HashSet::new(),
            issued: Vec::new(),
            flights: BTreeMap::new(),
            envelopes: HashMap::new(),
            waiting: VecDeque::new(),
            target: None,
            doubles: 0,
            late: VecDeque::new(),
            swaps: 0,
            sends_late: false,
            odd: VecDeque::new(),
            held: Vec::new(),
            greetings: VecDeque::new(),
        };
        Self {
            app,
            inner: Mutex::new(inner),
            connected: watch::channel(false).0,
            open_count: watch::channel(0).0,
            door: tokio::sync::Mutex::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A ticket for one socket.
    pub(super) fn ticket(&self) -> String {
        let mut inner = self.lock();
        let ticket = inner.mint.uuid();
        inner.tickets.insert(ticket.clone());
        inner.issued.push(ticket.clone());
        ticket
    }

    /// All tickets that were ever given.
    pub(super) fn tickets_issued(&self) -> Vec<String> {
        self.lock().issued.clone()
    }

    /// Takes a ticket; false if it was never given or already used.
    pub(super) fn admit(&self, ticket: &str) -> bool {
        self.lock().tickets.remove(ticket)
    }

    /// Delivers the next events twice.
    /// What was refused often enough is sent again every hour.
    pub(super) fn send_late(&self) {
        self.lock().sends_late = true;
    }

    /// The next events of this type carry these fields besides.
    pub(super) fn make_odd(&self, event: &str, fields: &str, times: u32) {
        self.lock().odd.extend((0..times).map(|_| (event.to_owned(), fields.to_owned())));
    }

    /// An event as it is told, with the fields that it is to carry besides.
    pub(super) fn odd(&self, mut event: Value) -> Value {
        let mut inner = self.lock();
        let Some(at) = inner.odd.iter().position(|(kind, _)| event["type"] == kind.as_str()) else { return event };
        let fields = inner.odd.remove(at).map(|(_, fields)| format!("{{{fields}}}").replace("\\ud83d", HALF));
        let fields: Option<Map<String, Value>> = fields.and_then(|fields| serde_json::from_str(&fields).ok());
        if let (Some(event), Some(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        event
    }

    pub(super) fn double(&self, times: u32) {
        self.lock().doubles += times;
    }

    /// Sends the next events late.
    pub(super) fn delay(&self, by: Duration, times: u32) {
        self.lock().late.extend((0..times).map(|_| by));
    }

    /// Lets the next events be overtaken.
    pub(super) fn swap(&self, times: u32) {
        self.lock().swaps += times;
    }

    /// Delivers as it should again; what is late already still comes late.
    pub(super) fn calm(&self) {
        let mut inner = self.lock();
        (inner.doubles, inner.swaps) = (0, 0);
        inner.late.clear();
        inner.greetings.clear();
    }

    /// Every connection brings this now.
    pub(super) fn bring(&self, nonsense: &Nonsense) {
        self.lock().sockets.values().for_each(|socket| drop(socket.out.send(Out::Nonsense(nonsense.clone()))));
    }

    /// The next connections are greeted by this.
    pub(super) fn greet_by(&self, text: &str, times: u32) {
        self.lock().greetings.extend((0..times).map(|_| text.to_owned()));
    }

    /// The sockets that are open bring nothing more.
    pub(super) fn mute(&self) {
        self.lock().sockets.values_mut().for_each(|socket| socket.muted = true);
    }

    /// Events that were not acknowledged, or not even sent.
    pub(super) fn undelivered(&self) -> usize {
        self.lock().flights.values().filter(|flight| flight.parcel.kind == ParcelKind::Event).count()
    }

    /// Whether the bot can be reached.
    pub(super) fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    /// Says whether the bot can be reached.
    pub(super) fn set_connected(&self, connected: bool) {
        self.connected.send_replace(connected);
    }

    /// Waits until no socket is open.
    pub(super) async fn all_closed(&self) {
        let mut open = self.open_count.subscribe();
        let _ = open.wait_for(|count| *count == 0).await;
    }

    /// Counts the tasks that serve a socket.
    pub(super) fn count_tasks(&self, change: impl FnOnce(&mut usize)) {
        self.open_count.send_modify(change);
    }

    /// Address of the bot's HTTP endpoints, if it is reached that way.
    pub(super) fn target(&self) -> Option<String> {
        self.lock().target.clone()
    }
}

impl Inner {
    fn board(&mut self, parcel: Parcel, doubled: bool, answer: Option<oneshot::Sender<Option<Value>>>) -> u64 {
        self.next_id += 1;
        let parcel = Arc::new(parcel);
        let flight = Flight { parcel, sent: 0, late: 0, socket: None, envelopes: Vec::new(), doubled, answer };
        self.flights.insert(self.next_id, flight);
        self.next_id
    }

    fn land(&mut self, id: u64) {
        if let Some(flight) = self.flights.remove(&id) {
            for envelope in &flight.envelopes {
                self.envelopes.remove(envelope);
            }
        }
    }

    /// The sockets take turns; those that are about to close only serve if there is no other.
    fn next_socket(&mut self) -> Option<u64> {
        let staying: Vec<u64> = self.sockets.iter().filter(|(_, s)| !s.leaving).map(|(id, _)| *id).collect();
        let open = if staying.is_empty() { self.sockets.keys().copied().collect() } else { staying };
        self.turn = self.turn.wrapping_add(1);
        if open.is_empty() { None } else { Some(open[self.turn % open.len()]) }
    }
}
