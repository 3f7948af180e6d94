//! Groups statements that come outside of any work, such as the ends of deliveries. Alone, each would cost a
//! transaction and a wait for the disk. The order of statements that arrive at the same time does not matter.

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use super::lent::{Lent, in_time};
use super::link;
use crate::store::StoreError;
use crate::store::statement::Statement;

/// The largest number of queued writes ([`QueuedWrite`]) that share a transaction.
const WRITES_PER_COMMIT: usize = 64;

/// Statements, and where to report that they are committed.
#[derive(Debug)]
pub struct QueuedWrite {
    pub statements: Vec<Statement>,
    pub answer: oneshot::Sender<Result<(), StoreError>>,
}

/// Commits statements until the channel is closed.
pub async fn run(pool: PgPool, mut queued: mpsc::Receiver<QueuedWrite>) {
    let mut some = Vec::with_capacity(WRITES_PER_COMMIT);
    while queued.recv_many(&mut some, WRITES_PER_COMMIT).await > 0 {
        let all = some.iter().map(|write| write.statements.clone()).collect();
        match store(&pool, all).await {
            // One of the writes cannot be made, for example because its worker has lost a lease. Running the writes one
            // by one shows which of them fail.
            Err(StoreError::Conflict | StoreError::Work(_) | StoreError::Corrupt(_)) => {
                for write in some.drain(..) {
                    let stored = store(&pool, vec![write.statements.clone()]).await;
                    answer(write, stored);
                }
            }
            Err(error) => {
                let why = error.to_string();
                some.drain(..).for_each(|write| answer(write, Err(StoreError::Away(why.clone()))));
            }
            Ok(()) => some.drain(..).for_each(|write| answer(write, Ok(()))),
        }
    }
}

async fn store(pool: &PgPool, all: Vec<Vec<Statement>>) -> Result<(), StoreError> {
    let mut lent = Lent::in_transaction(pool, &[]).await?;
    let stored = in_time(link::run_all(lent.conn(), all)).await;
    lent.end(stored).await.0
}

/// The caller may be gone; the stored data stays stored.
fn answer(write: QueuedWrite, stored: Result<(), StoreError>) {
    let _ = write.answer.send(stored);
}
