//! Lines that are joined to an effect while a dispatcher leases it, or has a card posted before it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deskbell::desk::conversation::state::{Record, Voice};
use deskbell::desk::decision::Change;
use deskbell::desk::tickets::state::Ticket;
use deskbell::domain::effect::Effect;
use deskbell::domain::ids::{MessageRef, TicketId};
use deskbell::domain::message::Span;
use deskbell::domain::outcome::Outcome;
use deskbell::domain::view::View;
use deskbell::outbox::Timing;
use deskbell::platform::{Delivery, DeliveryError, Operation, Receipt};
use deskbell::store::{Store, StoreError, Work};
use tokio_util::sync::CancellationToken;

use crate::bare::{self, Delivers};
use crate::harness::patiently;
use crate::looks::{ReadRecord as _, WriteRecord as _};
use crate::store_contract::kit::*;

/// The number of tickets, and of lines for each.
const TICKETS: i64 = 12;
const LINES: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_or_doubled_between_waiting_and_being_sent_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    every_line_is_sent_once(open(&folder.path().join("desk.db")).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_or_doubled_between_waiting_and_being_sent_on_postgres() {
    let Some(url) = crate::postgres::database().await else { return };
    every_line_is_sent_once(open_postgres(&url).await).await;
}

async fn every_line_is_sent_once(store: Arc<dyn Store>) {
    let mut tickets = Vec::new();
    for number in 1..=TICKETS {
        tickets.push(opened(&store, number, &channel("C1"), "U1", at(0)).await);
    }
    let platform = Arc::new(Recorder::default());
    let timing = Timing {
        lease: Duration::from_secs(60),
        call_timeout: Duration::from_secs(10),
        take_over_pause: Duration::from_secs(5),
        retry_limit: Duration::from_secs(900),
        gather: Duration::ZERO,
    };
    let stop = CancellationToken::new();
    let delivering = tokio::spawn(bare::dispatcher(&store, &platform, timing).run(stop.clone()));

    // No card is posted yet: the first line of each ticket causes one, which is delivered before the line.
    for number in 0..LINES {
        for ticket in &tickets {
            let words = format!("{}:{number}", ticket.id.0);
            say(&store, about(ticket, line_under("C9", &words, 10))).await;
        }
    }
    let mut changed = store.changed();
    patiently("everything is delivered", async {
        while store.counts().await.expect("counts").waiting > 0 {
            changed.changed().await.expect("the store lives");
        }
    })
    .await;
    stop.cancel();
    patiently("it stops", delivering).await.expect("it stops");

    let posts = platform.posts.lock().expect("nobody panicked").clone();
    let mut said: HashMap<i64, Vec<usize>> = HashMap::new();
    for (number, line) in posts.iter().flatten().filter_map(|words| words.split_once(':')) {
        said.entry(number.parse().expect("a number")).or_default().push(line.parse().expect("a number"));
    }
    for ticket in &tickets {
        assert_eq!(said[&ticket.id.0], (0..LINES).collect::<Vec<_>>(), "of ticket {}", ticket.id.0);
    }
    assert!(posts.len() < said.len() * LINES, "no lines share a message");
    for ticket in 1..=TICKETS {
        let standing = store.standing(TicketId(ticket)).await.expect("they stand");
        assert_eq!(standing.iter().filter(|one| one.is_card()).count(), 1);
        assert_eq!(standing.iter().filter(|one| one.shows().is_some()).count(), LINES, "one for each line");
    }
    store.close().await;
}

/// Queues a line as a decision does: together with a change of the ticket, and again after a conflict.
async fn say(store: &Arc<dyn Store>, line: Effect) {
    let work: Work = Arc::new(move |tx| {
        let line = line.clone();
        Box::pin(async move {
            let id = line.about.ticket().expect("it is about a ticket");
            let ticket = tx.ticket(id).await?.expect("a ticket");
            tx.apply(&Change::put(&ticket, Ticket { version: ticket.version + 1, ..ticket.clone() }))?;
            for of in line.what.view().map(View::shows).unwrap_or_default() {
                let said = Record { message: Some(of.clone()), ..record(id, &of.id, Voice::Third, at(0), &of.id) };
                tx.apply(&Change::Record(said))?;
            }
            tx.enqueue(&line, at(0)).await?;
            Ok(Outcome::Done(None))
        })
    });
    loop {
        match store.transact(Arc::clone(&work)).await {
            Err(StoreError::Conflict) => tokio::task::yield_now().await,
            ended => {
                ended.expect("it is committed");
                return;
            }
        }
    }
}

/// A platform that takes everything, and keeps the lines of each message under a card.
#[derive(Default)]
struct Recorder {
    posts: Mutex<Vec<Vec<String>>>,
    ids: AtomicU64,
}

#[async_trait]
impl Delivers for Recorder {
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let Operation::Post { to, message, .. } = &delivery.operation else { return Ok(Receipt::Changed) };
        if to.root().is_some() {
            let words = message.lines.iter().filter_map(|line| match line.0.last() {
                Some(Span::Quoted(words)) => Some(words.clone()),
                _ => None,
            });
            self.posts.lock().expect("nobody panicked").push(words.collect());
        }
        let id = self.ids.fetch_add(1, Ordering::Relaxed).to_string();
        Ok(Receipt::Posted(MessageRef { tenant: to.tenant.clone(), channel: to.channel().to_owned(), id }))
    }
}
