//! The delivery of a parcel: it is sent, acknowledged, sent again, or given up.

use super::FAREWELL;
use super::Inner;
use super::LATE_RETRIES;
use super::Next;
use super::OVERTAKEN_WITHIN;
use super::Out;
use super::Parcel;
use super::ParcelKind;
use super::PendingDelivery;
use super::RETRIES;
use super::SOCKETS;
use super::Socket;
use super::as_written;
use crate::clock::real;
use crate::sandbox::slack::Core;
use crate::sandbox::traffic::Direction;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

impl Core {
    /// Sends an event. An injected fault may double it, delay it, or let the next event overtake it.
    pub(in crate::sandbox::slack) fn dispatch(self: &Arc<Self>, parcel: Parcel) {
        let mut inner = self.hub.lock();
        let doubled = inner.doubles > 0;
        inner.doubles = inner.doubles.saturating_sub(1);
        let id = inner.add(parcel, doubled, None);
        if let Some(by) = inner.late.pop_front() {
            self.send_later(id, by);
        } else if inner.swaps > 0 {
            inner.swaps -= 1;
            inner.held.push(id);
            self.send_later(id, OVERTAKEN_WITHIN);
        } else {
            self.send(&mut inner, id, "");
            for overtaken in std::mem::take(&mut inner.held) {
                self.send(&mut inner, overtaken, "");
            }
        }
    }

    /// Sends an event after a delay, unless it was sent meanwhile.
    fn send_later(self: &Arc<Self>, id: u64, after: Duration) {
        let core = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = real::sleep(after) => {}
                () = core.stop.cancelled() => return,
            }
            let mut inner = core.hub.lock();
            inner.held.retain(|held| *held != id);
            let is_new = |delivery: &PendingDelivery| delivery.sent == 0;
            if inner.pending.get(&id).is_some_and(is_new) && !inner.waiting.contains(&id) {
                core.send(&mut inner, id, "");
            }
        });
    }

    /// Sends a click, a form or a command, and waits for its acknowledgement and the answer in it.
    ///
    /// # Errors
    /// If nobody is connected, or no acknowledgement comes in time.
    pub(in crate::sandbox::slack) async fn ask(self: &Arc<Self>, parcel: Parcel) -> Result<Option<Value>, ()> {
        let (sender, receiver) = oneshot::channel();
        let id = {
            let mut inner = self.hub.lock();
            if inner.target.is_none() && inner.sockets.is_empty() {
                return Err(());
            }
            let id = inner.add(parcel, false, Some(sender));
            self.send(&mut inner, id, "");
            id
        };
        let answer = tokio::time::timeout(self.ack_deadline, receiver).await;
        self.hub.lock().remove(id);
        answer.map_err(|_| ())?.map_err(|_| ())
    }

    /// Gives up every event that was not acknowledged.
    pub(in crate::sandbox::slack) fn forget(&self) {
        let mut inner = self.hub.lock();
        let is_event = |delivery: &PendingDelivery| delivery.parcel.kind == ParcelKind::Event;
        let lost: Vec<u64> =
            inner.pending.iter().filter(|(_, delivery)| is_event(delivery)).map(|(id, _)| *id).collect();
        for id in lost {
            self.give_up(&mut inner, id);
        }
        let Inner { pending, waiting, .. } = &mut *inner;
        waiting.retain(|id| pending.contains_key(id));
    }

    /// Adds an open socket, sends its hello, and sends the waiting parcels. Returns its id; `None` if the app has
    /// ten sockets already.
    pub(in crate::sandbox::slack) fn socket_opened(self: &Arc<Self>, out: mpsc::UnboundedSender<Out>) -> Option<u64> {
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
        for id in waiting {
            self.send(&mut inner, id, "");
        }
        drop(inner);
        self.hub.set_connected(true);
        Some(id)
    }

    /// Removes a socket. Events that the bot did not acknowledge over it go to another socket; clicks, forms and
    /// commands are given up.
    pub(in crate::sandbox::slack) fn socket_closed(self: &Arc<Self>, id: u64) {
        let mut inner = self.hub.lock();
        if inner.sockets.remove(&id).is_none() {
            return;
        }
        self.note("disconnected", json!({"socket": id, "sockets": inner.sockets.len()}));
        self.hub.set_connected(!inner.sockets.is_empty() || inner.target.is_some());
        let orphans: Vec<u64> = inner.pending.iter().filter(|(_, f)| f.socket == Some(id)).map(|(id, _)| *id).collect();
        for orphan in orphans {
            match inner.pending.get(&orphan).map(|delivery| delivery.parcel.kind) {
                Some(ParcelKind::Event) => self.send(&mut inner, orphan, "connection_failed"),
                _ => inner.remove(orphan),
            }
        }
    }

    /// Settles the parcel of an envelope that the bot has acknowledged.
    pub(in crate::sandbox::slack) fn acknowledged(&self, envelope: &str, answer: Option<Value>) {
        let mut inner = self.hub.lock();
        let Some(id) = inner.envelopes.get(envelope).copied() else { return };
        self.settle(&mut inner, id, answer);
    }

    /// Cuts every connection without a close frame.
    pub(in crate::sandbox::slack) fn drop_sockets(self: &Arc<Self>) {
        let ids: Vec<u64> = {
            let inner = self.hub.lock();
            inner.sockets.values().for_each(|socket| drop(socket.out.send(Out::Cut)));
            inner.sockets.keys().copied().collect()
        };
        ids.into_iter().for_each(|id| self.socket_closed(id));
    }

    /// Asks the bot to replace its open sockets by new ones.
    pub(in crate::sandbox::slack) fn ask_reconnect(self: &Arc<Self>) {
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
    pub(in crate::sandbox::slack) fn set_http_target(self: &Arc<Self>, base_url: String) {
        self.hub.lock().target = Some(base_url.trim_end_matches('/').to_owned());
        tokio::spawn(Arc::clone(self).verify_target());
    }

    /// Sends the parcels that waited for the bot's HTTP endpoints.
    pub(in crate::sandbox::slack) fn flush_waiting(self: &Arc<Self>) {
        let mut inner = self.hub.lock();
        let waiting: Vec<u64> = inner.waiting.drain(..).collect();
        for id in waiting {
            self.send(&mut inner, id, "");
        }
    }

    /// Sends a parcel by HTTP, or over the next socket. Without a socket, the parcel waits for one.
    fn send(self: &Arc<Self>, inner: &mut Inner, id: u64, reason: &str) {
        if inner.target.is_some() {
            tokio::spawn(Arc::clone(self).deliver_by_http(id));
            return;
        }
        let Some(socket) = inner.next_socket() else {
            if let Some(delivery) = inner.pending.get_mut(&id) {
                delivery.socket = None;
                inner.waiting.push_back(id);
            }
            return;
        };
        let copies =
            if inner.pending.get(&id).is_some_and(|delivery| delivery.doubled && delivery.sent == 0) { 2 } else { 1 };
        for _ in 0..copies {
            let envelope = inner.mint.uuid();
            let Some(delivery) = inner.pending.get_mut(&id) else { return };
            let attempt = delivery.sent;
            let reason = match (attempt, reason) {
                (0, _) => "",
                (_, "") => "timeout",
                (_, reason) => reason,
            };
            delivery.sent += 1;
            delivery.socket = Some(socket);
            delivery.envelopes.push(envelope.clone());
            let parcel = Arc::clone(&delivery.parcel);
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
        let sent = inner.pending.get(&id).map_or(0, |delivery| delivery.sent);
        let core = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = real::sleep(core.ack_deadline) => core.overdue(id, sent),
                () = core.stop.cancelled() => {}
            }
        });
    }

    /// Sends an event again, or gives it up, if it was not acknowledged in time after its `sent`-th sending.
    fn overdue(self: &Arc<Self>, id: u64, sent: u32) {
        let mut inner = self.hub.lock();
        let Some(delivery) = inner.pending.get_mut(&id) else { return };
        if delivery.sent != sent || delivery.socket.is_none() || delivery.parcel.kind != ParcelKind::Event {
            return;
        }
        delivery.late += 1;
        if delivery.late > RETRIES {
            self.give_up(&mut inner, id);
        } else {
            self.send(&mut inner, id, "timeout");
        }
    }

    fn give_up(&self, inner: &mut Inner, id: u64) {
        if let Some(delivery) = inner.pending.get(&id) {
            self.note("dropped", json!({"event": delivery.parcel.event, "attempt": delivery.sent.saturating_sub(1)}));
        }
        inner.remove(id);
    }

    fn settle(&self, inner: &mut Inner, id: u64, answer: Option<Value>) {
        let Some(delivery) = inner.pending.get_mut(&id) else { return };
        let parcel = Arc::clone(&delivery.parcel);
        let mut entry = parcel.about.clone();
        entry.insert("event".into(), json!(parcel.event));
        entry.insert("attempt".into(), json!(delivery.sent.saturating_sub(1)));
        self.note("acked", Value::Object(entry));
        if let Some(answer) = answer.as_ref().filter(|answer| !answer.is_null()) {
            self.traffic.keep(Direction::FromBot, "acknowledgement", || answer.clone());
        }
        if !parcel.takes_answer && answer.as_ref().is_some_and(|answer| !answer.is_null()) {
            self.fault(format!("an acknowledgement of {} carries an answer", parcel.event));
        }
        if let Some(sender) = delivery.answer.take() {
            let _ = sender.send(answer.filter(|answer| !answer.is_null()));
        }
        inner.remove(id);
    }

    /// Notes in the journal that a parcel is sent.
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
                () = real::sleep(after) => {
                    if let Some(socket) = core.hub.lock().sockets.get(&id) {
                        let _ = socket.out.send(Out::Close);
                    }
                }
                () = core.stop.cancelled() => {}
            }
        });
    }

    /// Begins a try over HTTP. Returns the parcel, the number of earlier sendings, and the number of copies to send.
    pub(in crate::sandbox::slack) fn http_try(&self, id: u64) -> Option<(Arc<Parcel>, u32, u32)> {
        let mut inner = self.hub.lock();
        let delivery = inner.pending.get_mut(&id)?;
        let (parcel, attempt) = (Arc::clone(&delivery.parcel), delivery.sent);
        let copies = if delivery.doubled && attempt == 0 { 2 } else { 1 };
        delivery.sent += copies;
        drop(inner);
        (0..copies).for_each(|copy| self.note_delivered(&parcel, attempt + copy));
        Some((parcel, attempt, copies))
    }

    /// Returns the parcel of a delivery that is still under way.
    pub(in crate::sandbox::slack) fn http_parcel(&self, id: u64) -> Option<Arc<Parcel>> {
        self.hub.lock().pending.get(&id).map(|delivery| Arc::clone(&delivery.parcel))
    }

    /// Settles a parcel that the bot has answered with 2xx.
    pub(in crate::sandbox::slack) fn http_accepted(&self, id: u64, answer: Option<Value>) {
        self.settle(&mut self.hub.lock(), id, answer);
    }

    /// Counts a try over HTTP that was refused, failed or took too long. Returns when to try again.
    pub(in crate::sandbox::slack) fn http_refused(&self, id: u64, no_retry: bool) -> Next {
        let mut inner = self.hub.lock();
        let sends_late = inner.sends_late;
        let Some(delivery) = inner.pending.get_mut(&id) else { return Next::Never };
        delivery.late += 1;
        let is_retried = delivery.parcel.kind == ParcelKind::Event && !no_retry;
        match delivery.late {
            ..=RETRIES if is_retried => Next::AtOnce,
            late if is_retried && sends_late && late <= RETRIES + LATE_RETRIES => Next::InAnHour,
            _ => {
                self.give_up(&mut inner, id);
                Next::Never
            }
        }
    }
}
