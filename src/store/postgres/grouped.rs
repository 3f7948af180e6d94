//! Groups statements that come outside of any work, such as the ends of deliveries. Alone, each would cost a
//! transaction and a wait for the disk. The order of statements that arrive at the same time does not matter.

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use super::lent::{Lent, in_time};
use super::link;
use crate::store::StoreError;
use crate::store::statement::Statement;

/// The largest number of queued writes ([`Alone`]) that share a transaction.
const TOGETHER: usize = 64;

/// Statements, and where to report that they are committed.
#[derive(Debug)]
pub struct Alone {
    pub statements: Vec<Statement>,
    pub answer: oneshot::Sender<Result<(), StoreError>>,
}

/// Commits statements until the channel is closed.
pub async fn run(pool: PgPool, mut brought: mpsc::Receiver<Alone>) {
    let mut some = Vec::with_capacity(TOGETHER);
    while brought.recv_many(&mut some, TOGETHER).await > 0 {
        let all = some.iter().map(|alone| alone.statements.clone()).collect();
        match store(&pool, all).await {
            // One of the writes cannot be made, for example because its worker has lost a lease. Running the writes one
            // by one shows which of them fail.
            Err(StoreError::Conflict | StoreError::Work(_) | StoreError::Corrupt(_)) => {
                for alone in some.drain(..) {
                    let stored = store(&pool, vec![alone.statements.clone()]).await;
                    answer(alone, stored);
                }
            }
            Err(error) => {
                let why = error.to_string();
                some.drain(..).for_each(|alone| answer(alone, Err(StoreError::Away(why.clone()))));
            }
            Ok(()) => some.drain(..).for_each(|alone| answer(alone, Ok(()))),
        }
    }
}

async fn store(pool: &PgPool, all: Vec<Vec<Statement>>) -> Result<(), StoreError> {
    let mut lent = Lent::in_transaction(pool, &[]).await?;
    let stored = in_time(link::run_all(lent.conn(), all)).await;
    lent.end(stored).await.0
}

/// The caller may be gone; the stored data stays stored.
fn answer(alone: Alone, stored: Result<(), StoreError>) {
    let _ = alone.answer.send(stored);
}
