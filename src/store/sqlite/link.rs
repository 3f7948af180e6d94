//! The parts specific to SQLite: sending statements, its errors, and ids from counters that a single writer keeps.

use std::borrow::Cow;
use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use sqlx::error::ErrorKind;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Either, Executor as _, Row as _, Sqlite, SqliteConnection};
use ulid::Ulid;

use crate::clock::Clock;
use crate::clock::real;
use crate::domain::ids::EffectId;
use crate::store::StoreError;
use crate::store::port::Sequence;
use crate::store::row::Row;
use crate::store::statement::{self, Merged, Rows, Spoken, Statement, Text, Value, statement, texts};
use crate::store::tx::{Known, Link};

texts! {
    /// Reads a counter: the next free value.
    COUNTER = Text::both("SELECT value FROM counters WHERE name = $1");
    /// Raises a counter: values below this one are taken.
    TAKE_COUNTER = Text::both("UPDATE counters SET value = max(value, $2) WHERE name = $1");
    /// Reads the greatest id in the outbox.
    LAST_EFFECT = Text::both("SELECT max(id) AS id FROM effects");
}

/// Reads a number that changes with the commits of other connections.
const DATA_VERSION: &str = "PRAGMA data_version";

/// The write connection as a transaction uses it.
pub struct SqliteLink<'w> {
    pub conn: &'w mut SqliteConnection,
    pub ids: &'w mut Ids,
}

#[async_trait]
impl Link for SqliteLink<'_> {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        rows(self.conn, query).await
    }

    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        rows_of(self.conn, queries).await
    }

    async fn real_ms(&mut self) -> Result<i64, StoreError> {
        Ok(real::epoch_ms())
    }

    async fn run_all(&mut self, works: Vec<Vec<Statement>>) -> Result<(), StoreError> {
        run_all(self.conn, works).await
    }

    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError> {
        self.ids.next(self.conn, sequence).await
    }

    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError> {
        self.ids.skip(self.conn, sequence, by).await
    }

    fn effect_id(&mut self) -> EffectId {
        self.ids.next_effect()
    }
}

/// Returns the rows of a query.
pub async fn rows(conn: &mut SqliteConnection, query: Statement) -> Result<Vec<Row>, StoreError> {
    let found = spoken(query.for_sqlite()).fetch_all(conn).await.map_err(fault)?;
    Ok(found.into_iter().map(Row::from).collect())
}

/// Returns the rows of several queries of one text, sent as few queries.
pub async fn rows_of(conn: &mut SqliteConnection, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::with_capacity(queries.len());
    let queries = queries.into_iter().map(Statement::for_sqlite).collect();
    for Merged { text, values, rows, .. } in statement::merged([queries], ROWS) {
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(nameless(text, rows))), bind);
        found.extend(query.fetch_all(&mut *conn).await.map_err(fault)?.into_iter().map(Row::from));
    }
    Ok(found)
}

/// Returns SQLite's data version, which changes with the commits of other connections.
pub async fn data_version(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    let row = sqlx::query(DATA_VERSION).fetch_one(conn).await.map_err(fault)?;
    row.try_get(0).map_err(fault)
}

/// Translates an error of the database.
#[must_use]
pub fn fault(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match &error {
        Error::Database(refused) => {
            // The lowest byte of the extended error code: https://www.sqlite.org/rescode.html
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

/// Like [`fault`], except that a violated unique constraint is a conflict: another process was faster.
#[must_use]
pub fn fault_or_conflict(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(refused) if refused.kind() == ErrorKind::UniqueViolation => StoreError::Conflict,
        _ => fault(error),
    }
}

/// Only one connection writes, so there can be many texts.
const ROWS: Rows = Rows::UpTo(12);
/// The largest number of statements per round trip. The texts made of them stay prepared, so there must not be too many
/// different ones.
const IN_ONE_TRIP: usize = 16;

/// Runs the writes of several works. A few statements go in one round trip to SQLite's thread; many are merged into few
/// with many rows, since that thread wakes this one at the end of each statement.
pub async fn run_all(conn: &mut SqliteConnection, works: Vec<Vec<Statement>>) -> Result<(), StoreError> {
    let works = works.into_iter().map(|work| work.into_iter().map(Statement::for_sqlite).collect::<Vec<_>>());
    let works: Vec<Vec<Spoken>> = works.collect();
    if works.iter().map(Vec::len).sum::<usize>() <= IN_ONE_TRIP {
        return run_some(conn, &works.concat()).await;
    }
    for Merged { text, values, rows, or_conflict } in statement::merged(works, ROWS) {
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(nameless(text, rows))), bind);
        let touched = query.execute(&mut *conn).await.map_err(fault_or_conflict)?.rows_affected();
        if or_conflict && touched < rows as u64 {
            return Err(StoreError::Conflict);
        }
    }
    Ok(())
}

/// Runs queries, merging those of one text into few with many rows. Returns the rows of each.
pub async fn ask_all(conn: &mut SqliteConnection, mut queries: Vec<Statement>) -> Result<Known, StoreError> {
    queries.sort_by_key(|query| query.text.sqlite);
    let mut answers = Vec::with_capacity(queries.len());
    for alike in queries.chunk_by(|one, next| one.text == next.text) {
        let first = answers.len();
        answers.extend(alike.iter().map(|query| (query.clone(), Vec::new())));
        let spoken = alike.iter().cloned().map(Statement::for_sqlite).collect();
        let mut asked = first;
        for Merged { text, values, rows, .. } in statement::merged_queries(spoken, ROWS) {
            let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(nameless(text, rows))), bind);
            for row in query.fetch_all(&mut *conn).await.map_err(fault)? {
                let number = usize::try_from(row.try_get::<i64, _>("n").map_err(fault)?).unwrap_or(usize::MAX);
                let answer = answers.get_mut(asked.saturating_add(number));
                let answer = answer.ok_or_else(|| StoreError::Work("an answer to no question".to_owned()))?;
                answer.1.push(row.into());
            }
            asked += rows;
        }
    }
    Ok(answers)
}

/// Converts a statement to the library's type.
fn spoken(statement: Spoken) -> Query<'static, Sqlite, SqliteArguments> {
    statement.values.into_iter().fold(sqlx::query(statement.text), bind)
}

fn bind(query: Query<'_, Sqlite, SqliteArguments>, value: Value) -> Query<'_, Sqlite, SqliteArguments> {
    match value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
    }
}

/// Removes the numbers from the placeholders of a text with many rows, whose values come in order. For SQLite the
/// numbers are names, and the library looks up each of them among all names for every value.
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

async fn run_some(conn: &mut SqliteConnection, statements: &[Spoken]) -> Result<(), StoreError> {
    if statements.is_empty() {
        return Ok(());
    }
    let (text, values) = statement::joined(statements);
    let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text)), bind);
    let mut steps = conn.fetch_many(query);
    let mut ended = statements.iter();
    while let Some(step) = steps.next().await {
        if let Either::Left(done) = step.map_err(fault_or_conflict)?
            && ended.next().is_some_and(|one| one.or_conflict)
            && done.rows_affected() == 0
        {
            return Err(StoreError::Conflict);
        }
    }
    Ok(())
}

/// Gives out ids of effects, each greater than the one before, and the numbers of sequences.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    last: Ulid,
    /// The next number of each sequence, where known.
    next: HashMap<Sequence, i64>,
    /// The sequences with drawn numbers that are not written to the database yet.
    drawn: Vec<Sequence>,
}

impl Ids {
    /// Starts above all ids in the outbox.
    pub async fn above_known(conn: &mut SqliteConnection, clock: Clock) -> Result<Self, StoreError> {
        let mut ids = Self { clock, last: Ulid::nil(), next: HashMap::new(), drawn: Vec::new() };
        ids.go_on_above(conn).await?;
        Ok(ids)
    }

    /// Continues above all ids in the outbox and all numbers taken, whichever process gave them out.
    pub async fn go_on_above(&mut self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        self.next.clear();
        let found = rows(conn, statement(LAST_EFFECT)).await?;
        if let Some(id) = found.first().map(|row| row.get::<Option<String>>("id")).transpose()?.flatten() {
            let known = Ulid::from_string(&id);
            self.last = self.last.max(known.map_err(|_| StoreError::Corrupt("an effect's id is no ULID".to_owned()))?);
        }
        Ok(())
    }

    /// Returns the next id of an effect: of this moment, or just above the last one if the clock has not advanced.
    pub fn next_effect(&mut self) -> EffectId {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        let fresh = |at_ms| Ulid::from_parts(at_ms, real::random());
        self.last = if now_ms > self.last.timestamp_ms() {
            fresh(now_ms)
        } else {
            self.last.increment().unwrap_or_else(|| fresh(self.last.timestamp_ms() + 1))
        };
        EffectId(self.last.to_string())
    }

    /// Returns the statements that store the drawn numbers, once for all works of a transaction.
    pub fn write_down(&mut self) -> Vec<Statement> {
        let next = &self.next;
        let drawn = self.drawn.drain(..).filter_map(|sequence| Some((sequence, *next.get(&sequence)?)));
        drawn.map(|(sequence, next)| statement(TAKE_COUNTER).bind(sequence.as_str()).bind(next)).collect()
    }

    /// Forgets all known numbers after a rollback: drawn numbers may be free again.
    pub fn forget(&mut self) {
        self.next.clear();
        self.drawn.clear();
    }

    async fn next(&mut self, conn: &mut SqliteConnection, sequence: Sequence) -> Result<i64, StoreError> {
        self.take(conn, sequence, 1).await
    }

    async fn skip(&mut self, conn: &mut SqliteConnection, sequence: Sequence, by: i64) -> Result<(), StoreError> {
        self.take(conn, sequence, by).await.map(drop)
    }

    /// Draws `count` numbers and returns the first.
    async fn take(&mut self, conn: &mut SqliteConnection, sequence: Sequence, count: i64) -> Result<i64, StoreError> {
        let next = match self.next.get(&sequence) {
            Some(next) => *next,
            None => counter(conn, sequence).await?,
        };
        self.next.insert(sequence, next + count);
        if !self.drawn.contains(&sequence) {
            self.drawn.push(sequence);
        }
        Ok(next)
    }
}

async fn counter(conn: &mut SqliteConnection, sequence: Sequence) -> Result<i64, StoreError> {
    let found = rows(conn, statement(COUNTER).bind(sequence.as_str())).await?;
    let row =
        found.first().ok_or_else(|| StoreError::Corrupt(format!("the counter {} is missing", sequence.as_str())))?;
    row.get("value")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn ids_grow_though_the_clock_stands_still_or_is_behind() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 0.0);
        let mut ids = Ids {
            clock: clock.clone(),
            last: Ulid::from_parts(1_000, u128::MAX),
            next: HashMap::new(),
            drawn: Vec::new(),
        };
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
