//! What is on its way to the bot: given out once, given out again until it is acknowledged, kept while nobody listens.
//!
//! Events are retried up to three times like Slack's; clicks, forms and commands are given once, and the person sees
//! the failure. Each goes to one of the connections, which take turns, and to whichever is next when it is given again.
//! A connection that dies does not use up a retry: what it had not acknowledged goes to the next one.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use super::Core;
use super::ids::Mint;
use crate::sandbox::Nonsense;
use crate::sandbox::traffic::Direction;

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

impl Core {
    /// Sends an event.
    pub(super) fn dispatch(self: &Arc<Self>, parcel: Parcel) {
        let mut inner = self.hub.lock();
        let doubled = inner.doubles > 0;
        inner.doubles = inner.doubles.saturating_sub(1);
        let id = inner.board(parcel, doubled, None);
        if let Some(by) = inner.late.pop_front() {
            self.launch_later(id, by);
        } else if inner.swaps > 0 {
            inner.swaps -= 1;
            inner.held.push(id);
            self.launch_later(id, OVERTAKEN_WITHIN);
        } else {
            self.launch(&mut inner, id, "");
            for overtaken in std::mem::take(&mut inner.held) {
                self.launch(&mut inner, overtaken, "");
            }
        }
    }

    /// Sends an event in a while, unless it was sent meanwhile.
    fn launch_later(self: &Arc<Self>, id: u64, after: Duration) {
        let core = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(after) => {}
                () = core.stop.cancelled() => return,
            }
            let mut inner = core.hub.lock();
            inner.held.retain(|held| *held != id);
            let is_new = |flight: &Flight| flight.sent == 0;
            if inner.flights.get(&id).is_some_and(is_new) && !inner.waiting.contains(&id) {
                core.launch(&mut inner, id, "");
            }
        });
    }

    /// Sends a click, a form or a command, and waits for its acknowledgement and the answer in it.
    ///
    /// # Errors
    /// If nobody is connected, or no acknowledgement comes in time.
    pub(super) async fn ask(self: &Arc<Self>, parcel: Parcel) -> Result<Option<Value>, ()> {
        let (sender, receiver) = oneshot::channel();
        let id = {
            let mut inner = self.hub.lock();
            if inner.target.is_none() && inner.sockets.is_empty() {
                return Err(());
            }
            let id = inner.board(parcel, false, Some(sender));
            self.launch(&mut inner, id, "");
            id
        };
        let answer = tokio::time::timeout(self.ack_deadline, receiver).await;
        self.hub.lock().land(id);
        answer.map_err(|_| ())?.map_err(|_| ())
    }

    /// Gives up every event that was not acknowledged.
    pub(super) fn forget(&self) {
        let mut inner = self.hub.lock();
        let is_event = |flight: &Flight| flight.parcel.kind == ParcelKind::Event;
        let lost: Vec<u64> = inner.flights.iter().filter(|(_, flight)| is_event(flight)).map(|(id, _)| *id).collect();
        for id in lost {
            self.give_up(&mut inner, id);
        }
        let Inner { flights, waiting, .. } = &mut *inner;
        waiting.retain(|id| flights.contains_key(id));
    }

    /// A socket was opened; nothing if the app has as many as it may have.
    pub(super) fn socket_opened(self: &Arc<Self>, out: mpsc::UnboundedSender<Out>) -> Option<u64> {
        let mut inner = self.hub.lock();
        if inner.sockets.len() >= SOCKETS {
            self.note("refused", json!({"method": "socket", "error": "too_many_websockets"}));
            return None;
        }
        inner.next_id += 1;
        let id = inner.next_id;
        let leaving: Vec<u64> = inner.sockets.iter().filter(|(_, s)| s.leaving).map(|(id, _)| *id).collect();
        inner.sockets.insert(id, Socket { out: out.clone(), leaving: false, muted: false });
        let hello = json!({"type": "hello", "num_connections": inner.sockets.len(), "connection_info": {"app_id": self.hub.app},
            "debug_info": {"host": "applink-sandbox", "build_number": 10, "approximate_connection_time": 18060}});
        self.traffic.keep(Direction::ToBot, "hello", || hello.clone());
        let _ = out.send(Out::Frame(inner.greetings.pop_front().unwrap_or_else(|| hello.to_string())));
        self.note("connected", json!({"socket": id, "sockets": inner.sockets.len()}));
        for old in leaving {
            self.close_later(old, self.ack_deadline);
        }
        let waiting: Vec<u64> = inner.waiting.drain(..).collect();
        for flight in waiting {
            self.launch(&mut inner, flight, "");
        }
        drop(inner);
        self.hub.set_connected(true);
        Some(id)
    }

    /// A socket is gone: what it did not acknowledge goes elsewhere.
    pub(super) fn socket_closed(self: &Arc<Self>, id: u64) {
        let mut inner = self.hub.lock();
        if inner.sockets.remove(&id).is_none() {
            return;
        }
        self.note("disconnected", json!({"socket": id, "sockets": inner.sockets.len()}));
        self.hub.set_connected(!inner.sockets.is_empty() || inner.target.is_some());
        let orphans: Vec<u64> = inner.flights.iter().filter(|(_, f)| f.socket == Some(id)).map(|(id, _)| *id).collect();
        for flight in orphans {
            match inner.flights.get(&flight).map(|flight| flight.parcel.kind) {
                Some(ParcelKind::Event) => self.launch(&mut inner, flight, "connection_failed"),
                _ => inner.land(flight),
            }
        }
    }

    /// The bot acknowledged an envelope.
    pub(super) fn acknowledged(&self, envelope: &str, answer: Option<Value>) {
        let mut inner = self.hub.lock();
        let Some(id) = inner.envelopes.get(envelope).copied() else { return };
        self.settle(&mut inner, id, answer);
    }

    /// Cuts every connection without a word.
    pub(super) fn drop_sockets(self: &Arc<Self>) {
        let ids: Vec<u64> = {
            let inner = self.hub.lock();
            inner.sockets.values().for_each(|socket| drop(socket.out.send(Out::Cut)));
            inner.sockets.keys().copied().collect()
        };
        ids.into_iter().for_each(|id| self.socket_closed(id));
    }

    /// Asks the bot to open new sockets for its present ones.
    pub(super) fn ask_reconnect(self: &Arc<Self>) {
        let mut inner = self.hub.lock();
        let count = inner.sockets.len();
        let frame = json!({"type": "disconnect", "reason": "refresh_requested", "num_connections": count,
            "debug_info": {"host": "applink-sandbox"}, "connection_info": {"app_id": self.hub.app}});
        self.traffic.keep(Direction::ToBot, "disconnect", || frame.clone());
        for (id, socket) in &mut inner.sockets {
            socket.leaving = true;
            let _ = socket.out.send(Out::Frame(frame.to_string()));
            self.close_later(*id, FAREWELL);
        }
    }

    /// Delivers by HTTP from now on.
    pub(super) fn set_http_target(self: &Arc<Self>, base_url: String) {
        self.hub.lock().target = Some(base_url.trim_end_matches('/').to_owned());
        tokio::spawn(Arc::clone(self).verify_target());
    }

    /// Sends what waited for the bot's HTTP endpoints.
    pub(super) fn flush_waiting(self: &Arc<Self>) {
        let mut inner = self.hub.lock();
        let waiting: Vec<u64> = inner.waiting.drain(..).collect();
        for flight in waiting {
            self.launch(&mut inner, flight, "");
        }
    }

    /// Gives a parcel to a connection, or lets it wait for one.
    fn launch(self: &Arc<Self>, inner: &mut Inner, id: u64, reason: &str) {
        if inner.target.is_some() {
            tokio::spawn(Arc::clone(self).deliver_by_http(id));
            return;
        }
        let Some(socket) = inner.next_socket() else {
            if let Some(flight) = inner.flights.get_mut(&id) {
                flight.socket = None;
                inner.waiting.push_back(id);
            }
            return;
        };
        let copies =
            if inner.flights.get(&id).is_some_and(|flight| flight.doubled && flight.sent == 0) { 2 } else { 1 };
        for _ in 0..copies {
            let envelope = inner.mint.uuid();
            let Some(flight) = inner.flights.get_mut(&id) else { return };
            let attempt = flight.sent;
            let reason = match (attempt, reason) {
                (0, _) => "",
                (_, "") => "timeout",
                (_, reason) => reason,
            };
            flight.sent += 1;
            flight.socket = Some(socket);
            flight.envelopes.push(envelope.clone());
            let parcel = Arc::clone(&flight.parcel);
            inner.envelopes.insert(envelope.clone(), id);
            let mut frame = json!({"envelope_id": envelope, "payload": parcel.payload, "type": parcel.kind.envelope_type(),
                "accepts_response_payload": parcel.takes_answer});
            if parcel.kind == ParcelKind::Event {
                frame["retry_attempt"] = json!(attempt);
                frame["retry_reason"] = json!(reason);
            }
            self.note_delivered(&parcel, attempt);
            self.traffic.keep(Direction::ToBot, parcel.kind.envelope_type(), || frame.clone());
            if let Some(socket) = inner.sockets.get(&socket).filter(|socket| !socket.muted) {
                let _ = socket.out.send(Out::Frame(as_written(&frame)));
            }
        }
        let sent = inner.flights.get(&id).map_or(0, |flight| flight.sent);
        let core = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(core.ack_deadline) => core.overdue(id, sent),
                () = core.stop.cancelled() => {}
            }
        });
    }

    /// No acknowledgement came in time for what was sent `sent` times.
    fn overdue(self: &Arc<Self>, id: u64, sent: u32) {
        let mut inner = self.hub.lock();
        let Some(flight) = inner.flights.get_mut(&id) else { return };
        if flight.sent != sent || flight.socket.is_none() || flight.parcel.kind != ParcelKind::Event {
            return;
        }
        flight.late += 1;
        if flight.late > RETRIES {
            self.give_up(&mut inner, id);
        } else {
            self.launch(&mut inner, id, "timeout");
        }
    }

    fn give_up(&self, inner: &mut Inner, id: u64) {
        if let Some(flight) = inner.flights.get(&id) {
            self.note("dropped", json!({"event": flight.parcel.event, "attempt": flight.sent.saturating_sub(1)}));
        }
        inner.land(id);
    }

    fn settle(&self, inner: &mut Inner, id: u64, answer: Option<Value>) {
        let Some(flight) = inner.flights.get_mut(&id) else { return };
        let parcel = Arc::clone(&flight.parcel);
        let mut entry = parcel.about.clone();
        entry.insert("event".into(), json!(parcel.event));
        entry.insert("attempt".into(), json!(flight.sent.saturating_sub(1)));
        self.note("acked", Value::Object(entry));
        if let Some(answer) = answer.as_ref().filter(|answer| !answer.is_null()) {
            self.traffic.keep(Direction::FromBot, "acknowledgement", || answer.clone());
        }
        if !parcel.takes_answer && answer.as_ref().is_some_and(|answer| !answer.is_null()) {
            self.fault(format!("an acknowledgement of {} carries an answer", parcel.event));
        }
        if let Some(sender) = flight.answer.take() {
            let _ = sender.send(answer.filter(|answer| !answer.is_null()));
        }
        inner.land(id);
    }

    /// Writes down that a parcel is handed over.
    fn note_delivered(&self, parcel: &Parcel, attempt: u32) {
        let mut entry = parcel.about.clone();
        entry.insert("event".into(), json!(parcel.event));
        entry.insert("attempt".into(), json!(attempt));
        entry.insert("envelope".into(), json!(parcel.kind.envelope_type()));
        self.note("delivered", Value::Object(entry));
    }

    fn close_later(self: &Arc<Self>, id: u64, after: Duration) {
        let core = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(after) => {
                    if let Some(socket) = core.hub.lock().sockets.get(&id) {
                        let _ = socket.out.send(Out::Close);
                    }
                }
                () = core.stop.cancelled() => {}
            }
        });
    }

    /// One more try over HTTP begins: the parcel, how often it was sent before, how many copies to send.
    pub(super) fn http_try(&self, id: u64) -> Option<(Arc<Parcel>, u32, u32)> {
        let mut inner = self.hub.lock();
        let flight = inner.flights.get_mut(&id)?;
        let (parcel, attempt) = (Arc::clone(&flight.parcel), flight.sent);
        let copies = if flight.doubled && attempt == 0 { 2 } else { 1 };
        flight.sent += copies;
        drop(inner);
        (0..copies).for_each(|copy| self.note_delivered(&parcel, attempt + copy));
        Some((parcel, attempt, copies))
    }

    /// The parcel of a flight that is still under way.
    pub(super) fn http_parcel(&self, id: u64) -> Option<Arc<Parcel>> {
        self.hub.lock().flights.get(&id).map(|flight| Arc::clone(&flight.parcel))
    }

    /// The bot answered 2xx.
    pub(super) fn http_accepted(&self, id: u64, answer: Option<Value>) {
        self.settle(&mut self.hub.lock(), id, answer);
    }

    /// The bot refused or was late; when to try again.
    pub(super) fn http_refused(&self, id: u64, no_retry: bool) -> Next {
        let mut inner = self.hub.lock();
        let sends_late = inner.sends_late;
        let Some(flight) = inner.flights.get_mut(&id) else { return Next::Never };
        flight.late += 1;
        let is_retried = flight.parcel.kind == ParcelKind::Event && !no_retry;
        match flight.late {
            ..=RETRIES if is_retried => Next::AtOnce,
            late if is_retried && sends_late && late <= RETRIES + LATE_RETRIES => Next::InAnHour,
            _ => {
                self.give_up(&mut inner, id);
                Next::Never
            }
        }
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
