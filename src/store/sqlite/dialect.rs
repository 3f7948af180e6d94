//! What only SQLite has: its types, its own texts, its faults, and ids from counters that one writer keeps.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use sqlx::error::ErrorKind;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Either, Executor as _, Sqlite, SqliteConnection};
use ulid::Ulid;

use super::record::one;
use super::rows;
use crate::clock::Clock;
use crate::domain::ids::{EffectId, TicketId};
use crate::domain::ticket::Ticket;
use crate::store::statement::{self, Statement, statement};
use crate::store::{StoreError, sql};

pub type Db = Sqlite;
pub type Conn = SqliteConnection;
pub type Row = SqliteRow;
pub type Arguments = SqliteArguments;

/// The counter of ticket ids.
const IDS: &str = "ticket_id";
/// The counter of the numbers that people quote.
const NUMBERS: &str = "ticket_number";

sql::texts! {
    /// Begins a transaction that will write.
    BEGIN = "BEGIN IMMEDIATE";
    /// Ends it.
    COMMIT = "COMMIT";
    /// Gives it up.
    ROLLBACK = "ROLLBACK";
    /// Begins one work inside it.
    SAVEPOINT = "SAVEPOINT work";
    /// Keeps the work.
    RELEASE = "RELEASE SAVEPOINT work";
    /// Gives the work up.
    ROLLBACK_TO = "ROLLBACK TO SAVEPOINT work";

    /// What a counter shows: the next value to be taken.
    COUNTER = "SELECT value FROM counters WHERE name = $1";
    /// A value was taken.
    TAKE_COUNTER = "UPDATE counters SET value = $2 + 1 WHERE name = $1 AND value <= $2";
    /// The greatest id in the outbox.
    LAST_EFFECT = "SELECT max(id) AS id FROM effects";
    /// An effect is to be delivered.
    ENQUEUE = sql::enqueue!("$1");
    /// A card is to be shown.
    ENQUEUE_CARD = sql::enqueue_card!("$1", "");
    /// An effect is being delivered.
    LEASE = sql::lease!("$1");
    /// Counts what other connections have committed.
    DATA_VERSION = "PRAGMA data_version";
    /// Writes the log into the file and empties it.
    EMPTY_LOG = "PRAGMA wal_checkpoint(TRUNCATE)";
    /// What a former owner was delivering when it died: it is certainly dead since now.
    RECOVER = "UPDATE effects SET lease_until_ms = $1 WHERE state = 'leased'";
}

/// Milliseconds of real time since the Unix epoch.
pub async fn real_ms(_: &mut Conn) -> Result<i64, StoreError> {
    Ok(now_ms())
}

/// The same, without asking a connection.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Nothing to do: there is one writer.
pub async fn lock(_: &mut Conn, _: &[String]) -> Result<(), StoreError> {
    Ok(())
}

/// What a fault of the database means to the core.
#[must_use]
pub fn fault(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match &error {
        Error::Database(refused) => {
            // The lowest byte of the extended code: https://www.sqlite.org/rescode.html
            let code = refused.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default() & 0xff;
            match code {
                // PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL
                3 | 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15 => StoreError::Away(error.to_string()),
                // CORRUPT, NOTADB
                11 | 26 => StoreError::Corrupt(error.to_string()),
                _ => StoreError::Work(error.to_string()),
            }
        }
        Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed | Error::BeginFailed => {
            StoreError::Away(error.to_string())
        }
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::ColumnNotFound(_) | Error::TypeNotFound { .. } => {
            StoreError::Corrupt(error.to_string())
        }
        _ => StoreError::Work(error.to_string()),
    }
}

/// The same, where a value that must be unique and is taken means that somebody else was faster.
#[must_use]
pub fn fault_or_conflict(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(refused) if refused.kind() == ErrorKind::UniqueViolation => StoreError::Conflict,
        _ => fault(error),
    }
}

/// How many statements go in one trip at most. The texts that are made of them stay prepared, so that there must not be
/// too many different ones.
const IN_ONE_TRIP: usize = 16;

/// Runs statements in as few trips to SQLite's thread as is sensible.
pub async fn run_all(conn: &mut Conn, statements: &[Statement]) -> Result<Vec<u64>, StoreError> {
    let mut touched = Vec::with_capacity(statements.len());
    for some in statements.chunks(IN_ONE_TRIP) {
        touched.extend(run_some(conn, some).await?);
    }
    Ok(touched)
}

async fn run_some(conn: &mut Conn, statements: &[Statement]) -> Result<Vec<u64>, StoreError> {
    let (text, values) = statement::joined(statements);
    let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text)), rows::bind_value);
    let mut ended = conn.fetch_many(query);
    let mut touched = Vec::with_capacity(statements.len());
    while let Some(step) = ended.next().await {
        if let Either::Left(done) = step.map_err(fault_or_conflict)? {
            touched.push(done.rows_affected());
        }
    }
    Ok(touched)
}

/// Gives out ids: of effects, each greater than the one before, and of tickets, without gaps.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    last: Ulid,
    /// The next id and number of a ticket, as far as they are known.
    next: Option<(i64, i64)>,
}

impl Ids {
    /// Ids above every one that the outbox holds.
    pub async fn above_known(conn: &mut Conn, clock: Clock) -> Result<Self, StoreError> {
        let mut ids = Self { clock, last: Ulid::nil(), next: None };
        ids.go_on_above(conn).await?;
        Ok(ids)
    }

    /// Goes on above every one that the outbox holds, whoever gave it out.
    pub async fn go_on_above(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let row = one(conn, statement(LAST_EFFECT)).await?;
        if let Some(id) = row.map(|row| rows::get::<Option<String>>(&row, "id")).transpose()?.flatten() {
            let known = Ulid::from_string(&id);
            self.last = self.last.max(known.map_err(|_| StoreError::Corrupt("an effect's id is no ULID".to_owned()))?);
        }
        Ok(())
    }

    /// The next id of an effect: of this moment, or just above the last one where the clock has not moved on.
    pub fn next_effect(&mut self) -> EffectId {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        let fresh = |at_ms| Ulid::from_parts(at_ms, rand::random());
        self.last = if now_ms > self.last.timestamp_ms() {
            fresh(now_ms)
        } else {
            self.last.increment().unwrap_or_else(|| fresh(self.last.timestamp_ms() + 1))
        };
        EffectId(self.last.to_string())
    }

    /// The number that the next ticket gets.
    pub async fn next_number(&mut self, conn: &mut Conn) -> Result<i64, StoreError> {
        self.next(conn).await.map(|(_, number)| number)
    }

    /// The id that the next ticket gets.
    pub async fn next_id(&mut self, conn: &mut Conn) -> Result<TicketId, StoreError> {
        self.next(conn).await.map(|(id, _)| TicketId(id))
    }

    /// What writes down that a ticket was opened with its id and number.
    pub fn take(&mut self, ticket: &Ticket) -> Vec<Statement> {
        if let Some((id, number)) = &mut self.next {
            (*id, *number) = ((*id).max(ticket.id.0 + 1), (*number).max(ticket.key.number() + 1));
        }
        let taken = [(IDS, ticket.id.0), (NUMBERS, ticket.key.number())];
        taken.map(|(counter, taken)| statement(TAKE_COUNTER).bind(counter).bind(taken)).to_vec()
    }

    /// Something was rolled back: what was taken may be free again.
    pub const fn forget(&mut self) {
        self.next = None;
    }

    async fn next(&mut self, conn: &mut Conn) -> Result<(i64, i64), StoreError> {
        let next = match self.next {
            Some(next) => next,
            None => (counter(conn, IDS).await?, counter(conn, NUMBERS).await?),
        };
        self.next = Some(next);
        Ok(next)
    }
}

async fn counter(conn: &mut Conn, counter: &'static str) -> Result<i64, StoreError> {
    let row = one(conn, statement(COUNTER).bind(counter)).await?;
    rows::get(&row.ok_or_else(|| StoreError::Corrupt(format!("the counter {counter} is missing")))?, "value")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn ids_grow_though_the_clock_stands_still_or_is_behind() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 0.0);
        let mut ids = Ids { clock: clock.clone(), last: Ulid::from_parts(1_000, u128::MAX), next: None };
        let mut last = EffectId(ids.last.to_string());
        for step in 0..2_000 {
            if step == 1_000 {
                clock.advance(Duration::from_secs(60));
            }
            let next = ids.next_effect();
            assert!(next > last, "{next} is not above {last}");
            last = next;
        }
        assert_eq!(ids.last.timestamp_ms(), 60_000);
    }
}
