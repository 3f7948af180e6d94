//! Wake-ups between processes. They only save time: every waiting task also looks on its own from time to time.
//!
//! `NOTIFY` takes a lock that every commit containing one waits for. So it is no part of the transactions: one task
//! sends the notifications, one for many commits.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinSet;

use super::lent::Lent;
use super::link::{NOTIFY, fault};
use crate::clock::real;
use crate::store::StoreError;

const CHANNEL: &str = "deskbell";
/// How long further wake-ups are gathered before the next notification.
const PAUSE: Duration = Duration::from_millis(20);
/// How long to wait before listening again after a failure.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The tasks that notify and listen.
#[derive(Debug)]
pub struct Notifier {
    due: Arc<Notify>,
    tasks: Mutex<JoinSet<()>>,
}

impl Notifier {
    /// Starts to notify and to listen. `changed` moves with every notification of another process, and every
    /// `look_every` in any case.
    pub async fn begin(
        pool: &PgPool,
        options: PgConnectOptions,
        changed: &watch::Sender<u64>,
        look_every: Duration,
    ) -> Result<Self, StoreError> {
        // A separate connection, so that the pool is free for work. Notifications of this process itself are ignored.
        let own = real::unique_name();
        let heard = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let heard = heard.connect_lazy_with(options);
        let listener = listening(&heard).await?;
        let due = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(heard, listener, own.clone(), changed.clone()));
        tasks.spawn(notify_others(pool.clone(), own, Arc::clone(&due)));
        tasks.spawn(look(changed.clone(), look_every));
        Ok(Self { due, tasks: Mutex::new(tasks) })
    }

    /// Notifies the other processes soon.
    pub fn notify(&self) {
        self.due.notify_one();
    }

    /// Stops the tasks, and waits until they have ended. From then on nobody is notified and nothing is heard.
    pub async fn end(&self) {
        self.tasks.lock().await.shutdown().await;
    }
}

/// Wakes the tasks that wait for a change.
pub fn bump(changed: &watch::Sender<u64>) {
    changed.send_modify(|count| *count = count.wrapping_add(1));
}

async fn listening(pool: &PgPool) -> Result<PgListener, StoreError> {
    let mut listener = PgListener::connect_with(pool).await.map_err(fault)?;
    listener.listen(CHANNEL).await.map_err(fault)?;
    Ok(listener)
}

async fn listen(pool: PgPool, mut listener: PgListener, own: String, changed: watch::Sender<u64>) {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) if notification.payload() == own => {}
            // Notifications were missed while the connection was lost.
            Ok(_) => bump(&changed),
            Err(error) => {
                tracing::warn!(%error, "the connection that listens for changes is lost; it is opened again soon");
                drop(listener);
                listener = loop {
                    real::sleep(LISTEN_AGAIN_AFTER).await;
                    if let Ok(listener) = listening(&pool).await {
                        break listener;
                    }
                };
                bump(&changed);
            }
        }
    }
}

async fn notify_others(pool: PgPool, own: String, due: Arc<Notify>) {
    loop {
        due.notified().await;
        let notified = async {
            let notify = async |conn: &mut PgConnection| {
                sqlx::query(NOTIFY).bind(&own).execute(conn).await.map(drop).map_err(fault)
            };
            Lent::of(&pool).await?.run(notify).await
        };
        if let Err(error) = notified.await {
            tracing::debug!(%error, "other processes cannot be told of a change; they look for changes by themselves");
        }
        real::sleep(PAUSE).await;
    }
}

async fn look(changed: watch::Sender<u64>, every: Duration) {
    loop {
        real::sleep(every).await;
        bump(&changed);
    }
}
