//! Serves connections in a way that no client can block the port. Each connection has ten seconds for a request's head,
//! and the number of connections is limited. At the limit, a new connection replaces the one that has waited longest
//! for a head.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::real;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// How long a connection may take for a request's head, or stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests under way may take after a stop was requested.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest number of connections. Slack opens a few dozen. A connection that waits for a head takes about ten
/// kilobytes.
const CONNECTIONS: u64 = 2_048;
/// File descriptors that are kept free for the database, the platforms and the log.
const OTHER_DESCRIPTORS: u64 = 256;
/// The pause after a failed `accept`, for example while no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(100);

/// Raises the process's limit of file descriptors to the maximum. Returns the number of connections that it allows.
fn max_connections() -> usize {
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
    let connections = CONNECTIONS.min(descriptors.saturating_sub(OTHER_DESCRIPTORS).max(descriptors / 4));
    usize::try_from(connections).unwrap_or(usize::MAX)
}

/// Serves until `stop`, then gives requests under way ten seconds to finish.
///
/// # Errors
/// None at present: a failure of the listener is logged, and `accept` is tried again.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    let seats = Seats::new(max_connections());
    let tracker = TaskTracker::new();
    let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_of_the_connection(&error) => continue,
            Err(error) => {
                tracing::warn!(address, %error, "a port cannot accept a connection; trying again");
                real::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(seat) = seats.take() else {
            tracing::warn!(
                address,
                connections = seats.most,
                "a port refuses a connection: it has as many as it may have, and all are busy with requests"
            );
            continue;
        };
        tracker.spawn(one(TokioIo::new(stream), seat, router.clone(), stop.clone()));
    }
    tracker.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, tracker.wait()).await.is_err() {
        tracing::warn!(address, "requests that were still under way ten seconds after the stop were cut off");
    }
    Ok(())
}

/// Whether an error of `accept` concerns only that one connection.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection to its end.
async fn one(io: TokioIo<tokio::net::TcpStream>, seat: Seat, router: Router, stop: CancellationToken) {
    let service = service_fn(|request: hyper::Request<Incoming>| {
        seat.set_busy(true);
        let (response, seat) = (router.clone().oneshot(request.map(Body::new)), &seat);
        async move {
            let response = response.await;
            seat.set_busy(false);
            response
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut served = pin!(http.serve_connection(io, service));
    tokio::select! {
        // An error here is the client's, and is ignored.
        _ = served.as_mut() => {}
        () = seat.leave.cancelled() => {}
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, served).await;
        }
    }
}

/// The open connections, each of which holds a [`Seat`].
#[derive(Clone)]
struct Seats {
    most: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    taken: usize,
    next: u64,
    /// The connections that wait for a head, longest wait first.
    waiting: BTreeMap<u64, CancellationToken>,
}

impl Seats {
    fn new(most: usize) -> Self {
        Self { most, inner: Arc::default() }
    }

    /// Takes a seat. At the limit, closes the connection that has waited longest for a head. `None`: all are busy.
    fn take(&self) -> Option<Seat> {
        let mut inner = lock(&self.inner);
        if inner.taken >= self.most {
            inner.waiting.pop_first()?.1.cancel();
        }
        inner.taken += 1;
        let leave = CancellationToken::new();
        let seat = Seat { seats: Arc::clone(&self.inner), waits_as: Mutex::default(), leave };
        let number = inner.wait(&seat.leave);
        drop(inner);
        *lock(&seat.waits_as) = Some(number);
        Some(seat)
    }
}

impl Inner {
    fn wait(&mut self, leave: &CancellationToken) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, leave.clone());
        self.next
    }
}

/// The seat of one connection. It is freed when dropped.
struct Seat {
    seats: Arc<Mutex<Inner>>,
    /// Its key in `Inner::waiting`, while the connection waits for a head.
    waits_as: Mutex<Option<u64>>,
    /// Cancelled when the connection must close to make room.
    leave: CancellationToken,
}

impl Seat {
    fn set_busy(&self, is_busy: bool) {
        let (mut waits_as, mut inner) = (lock(&self.waits_as), lock(&self.seats));
        if let Some(number) = waits_as.take() {
            inner.waiting.remove(&number);
        }
        if !is_busy {
            *waits_as = Some(inner.wait(&self.leave));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.set_busy(true);
        lock(&self.seats).taken -= 1;
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_head_the_longest_makes_room_and_the_busy_stay() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take().expect("a seat"), seats.take().expect("a seat"));
        first.set_busy(true);
        let third = seats.take().expect("the second's");
        assert!(second.leave.is_cancelled() && !first.leave.is_cancelled());
        drop(second);
        third.set_busy(true);
        assert!(seats.take().is_none(), "all are busy");
        first.set_busy(false);
        let fourth = seats.take().expect("the first's");
        assert!(first.leave.is_cancelled());
        drop((first, third, fourth));
        assert_eq!(lock(&seats.inner).taken, 0);
        assert!(lock(&seats.inner).waiting.is_empty());
    }
}
