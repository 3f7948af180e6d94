//! Ends of deliveries, written together: each would cost a transaction and a wait for the disk, and nobody waits for the
//! order of those that come at once.

use jiff::Timestamp;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use super::lent::{Lent, in_time};
use super::outbox::{self, Ending};
use crate::domain::ids::EffectId;
use crate::store::{Settled, Settlement, StoreError, WorkerId};

/// How many share a transaction at most.
const TOGETHER: usize = 64;

/// How one delivery ended, and who waits until that is stored.
#[derive(Debug)]
pub struct Ended {
    pub effect: EffectId,
    pub by: WorkerId,
    pub end: Settlement,
    pub now: Timestamp,
    pub answer: oneshot::Sender<Result<Settled, StoreError>>,
}

impl Ended {
    fn ending(&self) -> Ending<'_> {
        Ending { effect: &self.effect, by: &self.by, end: &self.end, now: self.now }
    }
}

/// Stores ends of deliveries until nobody can bring any.
pub async fn run(pool: PgPool, mut brought: mpsc::Receiver<Ended>) {
    let mut some = Vec::with_capacity(TOGETHER);
    while brought.recv_many(&mut some, TOGETHER).await > 0 {
        match store_all(&pool, &some).await {
            // Somebody else's meanwhile, or in each other's way: whose that is shows one by one.
            Err(StoreError::Conflict | StoreError::Work(_) | StoreError::Corrupt(_)) => {
                for ended in some.drain(..) {
                    let settled = store_one(&pool, &ended).await;
                    answer(ended, settled);
                }
            }
            Err(error) => {
                let why = error.to_string();
                some.drain(..).for_each(|ended| answer(ended, Err(StoreError::Away(why.clone()))));
            }
            Ok(()) => some.drain(..).for_each(|ended| answer(ended, Ok(Settled::Kept))),
        }
    }
}

async fn store_all(pool: &PgPool, all: &[Ended]) -> Result<(), StoreError> {
    let endings: Vec<Ending<'_>> = all.iter().map(Ended::ending).collect();
    let mut lent = Lent::in_transaction(pool, &[]).await?;
    let stored = in_time(outbox::settle_all(lent.conn(), &endings)).await;
    lent.end(stored).await.0
}

async fn store_one(pool: &PgPool, ended: &Ended) -> Result<Settled, StoreError> {
    let mut lent = Lent::in_transaction(pool, &[]).await?;
    let settled = in_time(outbox::settle(lent.conn(), &ended.ending())).await;
    lent.end(settled).await.0
}

/// Who asked may have gone; what was stored stays stored.
fn answer(ended: Ended, settled: Result<Settled, StoreError>) {
    let _ = ended.answer.send(settled);
}
