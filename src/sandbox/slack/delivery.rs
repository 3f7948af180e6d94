//! The delivery of events, clicks, forms and commands to the bot.
//!
//! An event without an acknowledgement is sent again up to three times, as on Slack. While the bot has no connection,
//! events wait. A click, form or command is sent once, and its person sees a failure. The connections take turns, so an
//! event that is sent again can come over another one. If a connection ends, the events that it did not acknowledge go
//! to the next one, and use up no retry.

mod pending;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot, watch};

use super::ids::Mint;
use crate::sandbox::Nonsense;

/// How often an event without an acknowledgement is sent again.
const RETRIES: u32 = 3;
/// How often it is sent again afterwards, once an hour, if the app has switched on Delayed Events.
/// Source: <https://docs.slack.dev/apis/events-api/#delayed-events>.
const LATE_RETRIES: u32 = 24;

/// When a refused parcel is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    AtOnce,
    InAnHour,
    Never,
}
/// How long an event that is to be delivered out of order waits for another to overtake it, in real time.
const OVERTAKEN_WITHIN: Duration = Duration::from_millis(250);
/// How long a socket that was asked to reconnect stays open if nothing replaces it, in real time.
const FAREWELL: Duration = Duration::from_secs(10);
/// Connections that an app may have at a time (<https://docs.slack.dev/apis/events-api/using-socket-mode/>).
const SOCKETS: usize = 10;

/// An event, click, form or command for the bot.
pub(super) struct Parcel {
    pub kind: ParcelKind,
    /// Its id in the journal.
    pub event: String,
    pub payload: Value,
    /// Further fields for the journal.
    pub about: Map<String, Value>,
    /// Whether the acknowledgement may carry an answer.
    pub takes_answer: bool,
}

/// A character that stands for half of a surrogate pair, which no Rust string can hold, until the JSON is written.
const HALF: &str = "\u{e000}";

/// Returns JSON as it is sent, with the halves of surrogate pairs.
pub(super) fn as_written(value: &Value) -> String {
    value.to_string().replace(HALF, "\\ud83d")
}

impl Parcel {
    pub(super) fn event(event: String, payload: Value, about: Map<String, Value>) -> Self {
        Self { kind: ParcelKind::Event, event, payload, about, takes_answer: false }
    }
}

/// The kind of a parcel.
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

/// An order to the task of a socket.
#[derive(Debug)]
pub(super) enum Out {
    Frame(String),
    /// Send a frame that Slack would not send.
    Nonsense(Nonsense),
    /// Close the connection with a close frame.
    Close,
    /// Cut the connection without one.
    Cut,
}

/// The parcels under way, and the connections.
pub(super) struct Hub {
    app: String,
    inner: Mutex<Inner>,
    connected: watch::Sender<bool>,
    open_count: watch::Sender<usize>,
    /// Held by the one task that tests whether the bot's HTTP endpoint accepts connections.
    pub(super) door: tokio::sync::Mutex<()>,
}

struct Inner {
    mint: Mint,
    sockets: BTreeMap<u64, Socket>,
    next_id: u64,
    turn: usize,
    tickets: HashSet<String>,
    /// All tickets that were ever issued.
    issued: Vec<String>,
    pending: BTreeMap<u64, PendingDelivery>,
    envelopes: HashMap<String, u64>,
    waiting: VecDeque<u64>,
    target: Option<String>,
    doubles: u32,
    /// The delays of the next events, in real time.
    late: VecDeque<Duration>,
    /// The number of further events that are held until another one overtakes them.
    swaps: u32,
    /// The deliveries that wait to be overtaken.
    held: Vec<u64>,
    /// Whether events are sent again every hour after their usual retries.
    sends_late: bool,
    /// Types of events, each with the additional fields of its next event.
    odd: VecDeque<(String, String)>,
    /// The texts that replace the hello of the next connections.
    greetings: VecDeque<String>,
}

struct Socket {
    out: mpsc::UnboundedSender<Out>,
    leaving: bool,
    muted: bool,
}

struct PendingDelivery {
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
            pending: BTreeMap::new(),
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

    /// Issues a ticket, which opens one socket.
    pub(super) fn ticket(&self) -> String {
        let mut inner = self.lock();
        let ticket = inner.mint.uuid();
        inner.tickets.insert(ticket.clone());
        inner.issued.push(ticket.clone());
        ticket
    }

    /// Returns all tickets that were ever issued.
    pub(super) fn tickets_issued(&self) -> Vec<String> {
        self.lock().issued.clone()
    }

    /// Uses up a ticket. Returns false if it was never issued, or was used already.
    pub(super) fn admit(&self, ticket: &str) -> bool {
        self.lock().tickets.remove(ticket)
    }

    /// Sends events again every hour after their usual retries.
    pub(super) fn send_late(&self) {
        self.lock().sends_late = true;
    }

    /// Adds fields to the next `times` events of this type.
    pub(super) fn make_odd(&self, event: &str, fields: &str, times: u32) {
        self.lock().odd.extend((0..times).map(|_| (event.to_owned(), fields.to_owned())));
    }

    /// Returns an event with the additional fields that were injected for it, if any.
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

    /// Delivers the next `times` events twice.
    pub(super) fn double(&self, times: u32) {
        self.lock().doubles += times;
    }

    /// Sends the next `times` events late.
    pub(super) fn delay(&self, by: Duration, times: u32) {
        self.lock().late.extend((0..times).map(|_| by));
    }

    /// Holds the next `times` events until another one overtakes them.
    pub(super) fn swap(&self, times: u32) {
        self.lock().swaps += times;
    }

    /// Cancels the doubled, late, held and greeting deliveries that are still to come. An event that is delayed already
    /// stays late.
    pub(super) fn calm(&self) {
        let mut inner = self.lock();
        (inner.doubles, inner.swaps) = (0, 0);
        inner.late.clear();
        inner.greetings.clear();
    }

    /// Sends this frame over every connection.
    pub(super) fn bring(&self, nonsense: &Nonsense) {
        self.lock().sockets.values().for_each(|socket| drop(socket.out.send(Out::Nonsense(nonsense.clone()))));
    }

    /// Replaces the hello of the next `times` connections.
    pub(super) fn greet_by(&self, text: &str, times: u32) {
        self.lock().greetings.extend((0..times).map(|_| text.to_owned()));
    }

    /// Makes the open sockets deliver nothing more.
    pub(super) fn mute(&self) {
        self.lock().sockets.values_mut().for_each(|socket| socket.muted = true);
    }

    /// Returns the number of events that were not acknowledged, including those that were not sent.
    pub(super) fn undelivered(&self) -> usize {
        self.lock().pending.values().filter(|delivery| delivery.parcel.kind == ParcelKind::Event).count()
    }

    /// Returns a receiver of whether the bot can be reached.
    pub(super) fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    /// Sets whether the bot can be reached.
    pub(super) fn set_connected(&self, connected: bool) {
        self.connected.send_replace(connected);
    }

    /// Waits until no socket is open.
    pub(super) async fn all_closed(&self) {
        let mut open = self.open_count.subscribe();
        let _ = open.wait_for(|count| *count == 0).await;
    }

    /// Changes the number of tasks that serve a socket.
    pub(super) fn count_tasks(&self, change: impl FnOnce(&mut usize)) {
        self.open_count.send_modify(change);
    }

    /// Returns the address of the bot's HTTP endpoints, if events are sent to it by HTTP.
    pub(super) fn target(&self) -> Option<String> {
        self.lock().target.clone()
    }
}

impl Inner {
    fn add(&mut self, parcel: Parcel, doubled: bool, answer: Option<oneshot::Sender<Option<Value>>>) -> u64 {
        self.next_id += 1;
        let parcel = Arc::new(parcel);
        let delivery =
            PendingDelivery { parcel, sent: 0, late: 0, socket: None, envelopes: Vec::new(), doubled, answer };
        self.pending.insert(self.next_id, delivery);
        self.next_id
    }

    fn remove(&mut self, id: u64) {
        if let Some(delivery) = self.pending.remove(&id) {
            for envelope in &delivery.envelopes {
                self.envelopes.remove(envelope);
            }
        }
    }

    /// Returns the next socket in turn. Sockets that are about to close are used only if there is no other.
    fn next_socket(&mut self) -> Option<u64> {
        let staying: Vec<u64> = self.sockets.iter().filter(|(_, s)| !s.leaving).map(|(id, _)| *id).collect();
        let open = if staying.is_empty() { self.sockets.keys().copied().collect() } else { staying };
        self.turn = self.turn.wrapping_add(1);
        if open.is_empty() { None } else { Some(open[self.turn % open.len()]) }
    }
}
