//! The parts that are specific to SQLite: running statements, mapping its errors, and giving out ids, which only the
//! one writer does.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Rows, ToSql, ffi};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};
use ulid::Ulid;

use crate::clock::Clock;
use crate::clock::real;
use crate::domain::ids::EffectId;
use crate::store::StoreError;
use crate::store::port::Sequence;
use crate::store::row::{OwnRow, Row};
use crate::store::statement::{self, DialectStatement, Merged, Statement, Text, Value, statement, texts};
use crate::store::tx::{ReadAhead, TxConnection};

texts! {
    /// Selects the next free value of a counter.
    COUNTER = Text::both("SELECT value FROM counters WHERE name = $1");
    /// Raises a counter to `$2`. All values below it are taken.
    TAKE_COUNTER = Text::both("UPDATE counters SET value = max(value, $2) WHERE name = $1");
    /// Selects the greatest id in the outbox.
    LAST_EFFECT = Text::both("SELECT max(id) AS id FROM effects");
}

/// Returns a number that changes when another connection has committed.
const DATA_VERSION: &str = "PRAGMA data_version";

/// The writer's connection. Its statements run in the writer's own thread. A connection of the pool has a separate
/// thread instead: each statement wakes that thread, and its end wakes the calling thread.
pub struct WriteConnection {
    conn: Connection,
    /// The column names of each query, by the query's text.
    columns: HashMap<&'static str, Arc<[String]>>,
}

impl WriteConnection {
    /// Takes an open connection.
    pub fn new(conn: Connection) -> Self {
        Self { conn, columns: HashMap::new() }
    }

    /// Runs a statement without values that returns no rows.
    pub fn execute(&self, text: &'static str) -> Result<(), StoreError> {
        let run = self.conn.prepare_cached(text).and_then(|mut statement| statement.raw_execute());
        run.map(drop).map_err(write_fault)
    }

    /// Runs a query and returns its rows.
    pub fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        let DialectStatement { text, values, .. } = query.for_sqlite();
        let mut statement = self.conn.prepare_cached(text).map_err(write_fault)?;
        bind_all(&mut statement, &values).map_err(write_fault)?;
        let columns = self
            .columns
            .entry(text)
            .or_insert_with(|| statement.column_names().into_iter().map(str::to_owned).collect());
        read(statement.raw_query(), columns).map_err(write_fault)
    }

    /// Runs the pending statements of several works, in order.
    pub fn run_all(&mut self, works: Vec<Vec<Statement>>) -> Result<(), StoreError> {
        for DialectStatement { text, values, or_conflict } in works.into_iter().flatten().map(Statement::for_sqlite) {
            let mut statement = self.conn.prepare_cached(text).map_err(write_fault)?;
            bind_all(&mut statement, &values).map_err(write_fault)?;
            let touched = statement.raw_execute().map_err(write_fault_or_conflict)?;
            if or_conflict && touched == 0 {
                return Err(StoreError::Conflict);
            }
        }
        Ok(())
    }

    /// Runs several queries and returns the rows of each.
    pub fn ask_all(&mut self, queries: Vec<Statement>) -> Result<ReadAhead, StoreError> {
        queries.into_iter().map(|query| Ok((query.clone(), self.rows(query)?))).collect()
    }

    /// Returns a number that changes when another connection has committed.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        let version = self.conn.prepare_cached(DATA_VERSION);
        version.and_then(|mut version| version.query_row([], |row| row.get(0))).map_err(write_fault)
    }

    /// Truncates SQLite's write-ahead log; returns whether that was complete.
    pub fn scrub(&self) -> Result<bool, StoreError> {
        let busy = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        busy.map(|busy| busy == 0).map_err(write_fault)
    }

    /// Closes the connection. Unlike a drop, this returns the error with which SQLite refuses to close it.
    pub fn close(self) -> Result<(), StoreError> {
        self.conn.close().map_err(|(_, error)| write_fault(error))
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(Some(number)) => ValueRef::Integer(*number),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Int(None) | Self::Text(None) => ValueRef::Null,
        }))
    }
}

/// Binds the values. For SQLite, `$2` is a name and not a number: it numbers the names in the order of their first
/// appearance in the text. So the number of a value is read from the name.
fn bind_all(statement: &mut rusqlite::CachedStatement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for at in 1..=statement.parameter_count() {
        let number = statement.parameter_name(at).and_then(|name| name[1..].parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(values.len(), at))?;
        statement.raw_bind_parameter(at, value)?;
    }
    Ok(())
}

fn read(mut rows: Rows<'_>, columns: &Arc<[String]>) -> rusqlite::Result<Vec<Row>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).map(|at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => Value::Int(None),
                ValueRef::Integer(number) => Value::Int(Some(number)),
                ValueRef::Text(text) => Value::Text(Some(String::from_utf8_lossy(text).into_owned())),
                other @ (ValueRef::Real(_) | ValueRef::Blob(_)) => {
                    return Err(rusqlite::Error::InvalidColumnType(at, columns[at].clone(), other.data_type()));
                }
            })
        });
        let values = values.collect::<rusqlite::Result<Vec<Value>>>()?;
        found.push(OwnRow::new(Arc::clone(columns), values).into());
    }
    Ok(found)
}

/// The writer's connection as a transaction uses it.
pub struct SqliteTx<'w> {
    pub conn: &'w mut WriteConnection,
    pub ids: &'w mut Ids,
}

#[async_trait]
impl TxConnection for SqliteTx<'_> {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        self.conn.rows(query)
    }

    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        let found = queries.into_iter().map(|query| self.conn.rows(query));
        Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    async fn real_ms(&mut self) -> Result<i64, StoreError> {
        Ok(real::epoch_ms())
    }

    async fn run_all(&mut self, works: Vec<Vec<Statement>>) -> Result<(), StoreError> {
        self.conn.run_all(works)
    }

    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError> {
        self.ids.take(self.conn, sequence, 1)
    }

    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError> {
        self.ids.take(self.conn, sequence, by).map(drop)
    }

    fn effect_id(&mut self) -> EffectId {
        self.ids.next_effect()
    }
}

/// Runs a query on a connection of the pool and returns its rows.
pub async fn rows(conn: &mut SqliteConnection, query: Statement) -> Result<Vec<Row>, StoreError> {
    let found = to_query(query.for_sqlite()).fetch_all(conn).await.map_err(fault)?;
    Ok(found.into_iter().map(Row::from).collect())
}

/// Runs several queries of one text on a connection of the pool, merged into few, and returns all their rows.
pub async fn rows_of(conn: &mut SqliteConnection, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::with_capacity(queries.len());
    let queries = queries.into_iter().map(Statement::for_sqlite).collect();
    for Merged { text, values, rows, .. } in statement::merged([queries], ROWS) {
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(nameless(text, rows))), bind);
        found.extend(query.fetch_all(&mut *conn).await.map_err(fault)?.into_iter().map(Row::from));
    }
    Ok(found)
}

/// Maps a SQLite result code to the store's error: <https://www.sqlite.org/rescode.html>.
fn by_code(code: i32, what: String) -> StoreError {
    // The lowest byte of an extended code is the primary code.
    match code & 0xff {
        // PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL
        3 | 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15 => StoreError::Away(what),
        // CORRUPT, NOTADB
        11 | 26 => StoreError::Corrupt(what),
        _ => StoreError::Work(what),
    }
}

/// Maps an error of the writer's connection to the store's error.
pub fn write_fault(error: rusqlite::Error) -> StoreError {
    match &error {
        rusqlite::Error::SqliteFailure(refused, _) => by_code(refused.extended_code, error.to_string()),
        rusqlite::Error::InvalidColumnType(..) => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Work(error.to_string()),
    }
}

/// Like [`write_fault`], but a violated unique constraint means that another process was faster.
fn write_fault_or_conflict(error: rusqlite::Error) -> StoreError {
    let unique = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_ROWID];
    match &error {
        rusqlite::Error::SqliteFailure(refused, _) if unique.contains(&refused.extended_code) => StoreError::Conflict,
        _ => write_fault(error),
    }
}

/// Maps an error of a connection of the pool to the store's error.
#[must_use]
pub fn fault(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match &error {
        Error::Database(refused) => {
            let code = refused.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
            by_code(code, error.to_string())
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

/// The numbers of rows that merged queries may have. Each number makes a separate text to prepare. The pool has few
/// connections, so each can keep many prepared texts.
const ROWS: statement::Rows = statement::Rows::UpTo(12);

/// Converts a statement for the pool's library.
fn to_query(statement: DialectStatement) -> Query<'static, Sqlite, SqliteArguments> {
    statement.values.into_iter().fold(sqlx::query(statement.text), bind)
}

fn bind(query: Query<'_, Sqlite, SqliteArguments>, value: Value) -> Query<'_, Sqlite, SqliteArguments> {
    match value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
    }
}

/// Replaces the numbered parameters of a text with many rows by `?`. For SQLite, `$1` is a name, and the library would
/// look up each name for every value.
fn nameless(text: std::borrow::Cow<'static, str>, rows: usize) -> String {
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

/// Gives out the ids of effects, each greater than the one before, and the numbers of sequences.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    last: Ulid,
    /// The next number of each sequence, as far as it is known.
    next: HashMap<Sequence, i64>,
    /// The sequences from which numbers were drawn that are not stored yet.
    drawn: Vec<Sequence>,
}

impl Ids {
    /// Returns an `Ids` that begins above every effect id in the outbox.
    pub fn above_known(conn: &mut WriteConnection, clock: Clock) -> Result<Self, StoreError> {
        let mut ids = Self { clock, last: Ulid::nil(), next: HashMap::new(), drawn: Vec::new() };
        ids.go_on_above(conn)?;
        Ok(ids)
    }

    /// Continues above every effect id in the outbox and every stored number, since another process may have given them
    /// out.
    pub fn go_on_above(&mut self, conn: &mut WriteConnection) -> Result<(), StoreError> {
        self.next.clear();
        let found = conn.rows(statement(LAST_EFFECT))?;
        if let Some(id) = found.first().map(|row| row.get::<Option<String>>("id")).transpose()?.flatten() {
            let known = Ulid::from_string(&id);
            self.last = self.last.max(known.map_err(|_| StoreError::Corrupt("an effect's id is no ULID".to_owned()))?);
        }
        Ok(())
    }

    /// Returns the next id of an effect, with the present moment as its time. If the clock has not moved on since the
    /// last id, the id is the one directly above the last.
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

    /// Returns the statements that store which numbers were drawn, once for all works of a transaction.
    pub fn write_down(&mut self) -> Vec<Statement> {
        let next = &self.next;
        let drawn = self.drawn.drain(..).filter_map(|sequence| Some((sequence, *next.get(&sequence)?)));
        drawn.map(|(sequence, next)| statement(TAKE_COUNTER).bind(sequence.as_str()).bind(next)).collect()
    }

    /// Forgets the numbers that were drawn, after a rollback: they may be free again. The counters are read again.
    pub fn forget(&mut self) {
        self.next.clear();
        self.drawn.clear();
    }

    /// Takes `count` numbers of a sequence. Returns the first of them.
    fn take(&mut self, conn: &mut WriteConnection, sequence: Sequence, count: i64) -> Result<i64, StoreError> {
        let next = match self.next.get(&sequence) {
            Some(next) => *next,
            None => counter(conn, sequence)?,
        };
        self.next.insert(sequence, next + count);
        if !self.drawn.contains(&sequence) {
            self.drawn.push(sequence);
        }
        Ok(next)
    }
}

fn counter(conn: &mut WriteConnection, sequence: Sequence) -> Result<i64, StoreError> {
    let found = conn.rows(statement(COUNTER).bind(sequence.as_str()))?;
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
