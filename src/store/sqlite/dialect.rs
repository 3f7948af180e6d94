//! What only SQLite has: its types, its own texts, its faults, and ids from counters that one writer keeps.

use std::borrow::Cow;
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
use crate::store::statement::{self, Merged, Rows, Statement, statement};
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
    /// Values up to these were taken.
    TAKE_COUNTERS =
        "UPDATE counters SET value = max(value, 1 + CASE name WHEN 'ticket_id' THEN $1 ELSE $2 END) \
         WHERE name IN ('ticket_id', 'ticket_number')";
    /// Numbers are left out.
    SKIP_NUMBERS = "UPDATE counters SET value = value + $1 WHERE name = 'ticket_number'";
    /// The greatest id in the outbox.
    LAST_EFFECT = "SELECT max(id) AS id FROM effects";
    /// An effect is to be delivered.
    ENQUEUE = sql::enqueue!("$1");
    /// A card is to be shown.
    ENQUEUE_CARD = sql::enqueue_card!("$1", "");
    /// The last effect of an order key that has not ended.
    LAST_IN_ORDER = sql::last_in_order!("");
    /// Effects that may be delivered now, of every gate but these.
    DUE_BESIDE = sql::due_beside!(
        "SELECT value FROM json_each($6)",
        concat!("JOIN effects AS e ON e.id IN ", sql::due_of_gate!("d.id"))
    );
    /// What waits of an order key, from one effect on.
    WAITING_FROM = sql::waiting_from!("");
    /// An effect is being delivered.
    LEASE = sql::lease!("");
    /// Which of these effects still wait.
    WAITING =
        "SELECT json_group_array(id) AS ids FROM effects WHERE state = 'pending' \
         AND id IN (SELECT value FROM json_each($1))";
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

/// One connection writes, so that there can be many texts.
pub const ROWS: Rows = Rows::UpTo(12);
/// How many statements go in one trip at most. The texts that are made of them stay prepared, so that there must not be
/// too many different ones.
const IN_ONE_TRIP: usize = 16;

/// Runs what each of several works writes: few statements in one trip to SQLite's thread, many as few with many rows,
/// since that thread wakes ours at the end of each. How many rows they touched.
pub async fn run_all(conn: &mut Conn, works: Vec<Vec<Statement>>) -> Result<u64, StoreError> {
    let mut sum = 0;
    if works.iter().map(Vec::len).sum::<usize>() <= IN_ONE_TRIP {
        return run_some(conn, &works.concat()).await;
    }
    for Merged { text, values, rows, or_conflict } in statement::merged(works, ROWS) {
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(nameless(text, rows))), rows::bind_value);
        let touched = query.execute(&mut *conn).await.map_err(fault_or_conflict)?.rows_affected();
        if or_conflict && touched < rows as u64 {
            return Err(StoreError::Conflict);
        }
        sum += touched;
    }
    Ok(sum)
}

/// Asks queries, those of one text as few with many rows; the rows of each.
pub async fn ask_all(conn: &mut Conn, mut queries: Vec<Statement>) -> Result<Vec<(Statement, Vec<Row>)>, StoreError> {
    queries.sort_by_key(|query| query.text);
    let mut answers = Vec::with_capacity(queries.len());
    for alike in queries.chunk_by(|one, next| one.text == next.text) {
        for (Merged { text, values, rows, .. }, asked) in statement::merged_queries(alike.to_vec(), ROWS) {
            let first = answers.len();
            answers.extend(asked.into_iter().map(|query| (query, Vec::new())));
            let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(nameless(text, rows))), rows::bind_value);
            for row in query.fetch_all(&mut *conn).await.map_err(fault)? {
                let number = usize::try_from(rows::get::<i64>(&row, "n")?).unwrap_or(usize::MAX);
                let asked = answers.get_mut(first.saturating_add(number));
                asked.ok_or_else(|| StoreError::Work("an answer to no question".to_owned()))?.1.push(row);
            }
        }
    }
    Ok(answers)
}

/// A text of many rows, whose values come in the order of their numbers, without the numbers: for SQLite they are names,
/// each of which the library looks up among all of them for every value.
fn nameless(text: Cow<'static, str>, rows: usize) -> String {
    if rows == 1 {
        return text.into_owned();
    }
    let mut parts = text.split('$');
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        bare.push('?');
        bare.push_str(part.trim_start_matches(|sign: char| sign.is_ascii_digit()));
    }
    bare
}

/// Leases what still waits; the ids of that.
pub async fn lease(
    conn: &mut Conn,
    leases: Vec<Statement>,
    effects: &[&EffectId],
) -> Result<Vec<EffectId>, StoreError> {
    // Nobody else writes meanwhile. One row tells sooner than many.
    let waiting = one(conn, statement(WAITING).bind(rows::json(&effects)?)).await?;
    let waiting = waiting.map(|row| rows::read(&row, "ids")).transpose()?;
    run_all(conn, leases.into_iter().map(|lease| vec![lease]).collect()).await?;
    Ok(waiting.unwrap_or_default())
}

async fn run_some(conn: &mut Conn, statements: &[Statement]) -> Result<u64, StoreError> {
    if statements.is_empty() {
        return Ok(0);
    }
    let (text, values) = statement::joined(statements);
    let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text)), rows::bind_value);
    let mut steps = conn.fetch_many(query);
    let (mut sum, mut ended) = (0, statements.iter());
    while let Some(step) = steps.next().await {
        if let Either::Left(done) = step.map_err(fault_or_conflict)? {
            if ended.next().is_some_and(|one| one.or_conflict) && done.rows_affected() == 0 {
                return Err(StoreError::Conflict);
            }
            sum += done.rows_affected();
        }
    }
    Ok(sum)
}

/// Gives out ids: of effects, each greater than the one before, and of tickets, without gaps.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    last: Ulid,
    /// The next id and number of a ticket, as far as they are known.
    next: Option<(i64, i64)>,
    /// What was taken of them, and is not written down.
    taken: Option<(i64, i64)>,
}

impl Ids {
    /// Ids above every one that the outbox holds.
    pub async fn above_known(conn: &mut Conn, clock: Clock) -> Result<Self, StoreError> {
        let mut ids = Self { clock, last: Ulid::nil(), next: None, taken: None };
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

    /// A ticket was opened with its id and number. That is written down once for all of a transaction.
    pub fn take(&mut self, ticket: &Ticket) -> Option<Statement> {
        let (id, number) = (ticket.id.0, ticket.key.number());
        if let Some(next) = &mut self.next {
            *next = (next.0.max(id + 1), next.1.max(number + 1));
        }
        let taken = self.taken.get_or_insert((id, number));
        *taken = (taken.0.max(id), taken.1.max(number));
        None
    }

    /// What writes down what was taken.
    pub fn write_down(&mut self) -> Option<Statement> {
        self.taken.take().map(|(id, number)| statement(TAKE_COUNTERS).bind(id).bind(number))
    }

    /// Something was rolled back: what was taken may be free again.
    pub const fn forget(&mut self) {
        (self.next, self.taken) = (None, None);
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
        let mut ids = Ids { clock: clock.clone(), last: Ulid::from_parts(1_000, u128::MAX), next: None, taken: None };
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
