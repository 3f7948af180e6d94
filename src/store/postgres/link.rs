//! The parts specific to PostgreSQL: sending statements, its errors, and sequences shared by many processes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use sqlx::error::ErrorKind;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};

use crate::clock::real;
use crate::domain::ids::EffectId;
use crate::store::StoreError;
use crate::store::port::Sequence;
use crate::store::row::Row;
use crate::store::statement::{self, DialectStatement, Merged, Rows, Statement, Value};
use crate::store::tx::TxConnection;

/// Only powers of two: each connection prepares its own texts, and the server keeps a plan for each.
const ROWS: Rows = Rows::Powers;
/// The table of the outbox.
const OUTBOX: &str = "effects";
/// The digits of the random part of an effect's id: Crockford's, as in a ULID.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Commits a transaction. `COMMIT` alone would silently roll back a transaction in which a statement has failed; the
/// `SELECT` before it fails in that case.
pub const COMMIT: &str = "SELECT 1; COMMIT";
/// Rolls back a transaction.
pub const ROLLBACK: &str = "ROLLBACK";
/// Reads the time of the database server, which all processes share.
const REAL_MS: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms";
/// Notifies other processes that there is something to do.
pub const NOTIFY: &str = "SELECT pg_notify('deskbell', $1)";
/// Draws the next number from the sequence of tickets.
const NEXT_TICKET: &str = "SELECT nextval('ticket_ids') AS id";
/// Skips numbers of that sequence.
const SKIP_TICKETS: &str = "SELECT setval('ticket_ids', (SELECT last_value FROM ticket_ids) + $1)";
/// Identifies the database by object ids. A database that was restored from a dump has other ids.
pub const DATABASE_IDENTITY: &str = "SELECT (SELECT oid::text FROM pg_database WHERE datname = current_database()) || '/' \
     || 'tickets'::regclass::oid::text AS value";
/// Identifies the server and its timeline, which changes when the server is restored from a copy. Not every account may
/// ask this.
pub const SERVER_IDENTITY: &str = "SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' \
     || (SELECT timeline_id::text FROM pg_control_checkpoint()) AS value";

/// A connection as a transaction uses it.
pub struct PgTx<'c>(pub &'c mut PgConnection);

#[async_trait]
impl TxConnection for PgTx<'_> {
    async fn rows(&mut self, query: Statement) -> Result<Vec<Row>, StoreError> {
        rows(self.0, query).await
    }

    async fn rows_of(&mut self, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        rows_of(self.0, queries).await
    }

    async fn real_ms(&mut self) -> Result<i64, StoreError> {
        real_ms(self.0).await
    }

    async fn run_all(&mut self, works: Vec<Vec<Statement>>) -> Result<(), StoreError> {
        run_all(self.0, works).await
    }

    async fn next(&mut self, sequence: Sequence) -> Result<i64, StoreError> {
        let text = match sequence {
            Sequence::Tickets => NEXT_TICKET,
        };
        sqlx::query(text).fetch_one(&mut *self.0).await.and_then(|row| row.try_get("id")).map_err(fault)
    }

    async fn skip(&mut self, sequence: Sequence, by: i64) -> Result<(), StoreError> {
        let text = match sequence {
            Sequence::Tickets => SKIP_TICKETS,
        };
        sqlx::query(text).bind(by).execute(&mut *self.0).await.map(drop).map_err(fault)
    }

    /// Draws the random part of an effect's id; the database adds the part before it.
    fn effect_id(&mut self) -> EffectId {
        EffectId((0..10).map(|_| char::from(DIGITS[real::below(DIGITS.len())])).collect())
    }
}

/// Returns the rows of a query.
pub async fn rows(conn: &mut PgConnection, query: Statement) -> Result<Vec<Row>, StoreError> {
    let DialectStatement { text, values, .. } = query.for_postgres();
    let found = values.into_iter().fold(sqlx::query(text), bind).fetch_all(conn).await.map_err(fault_or_conflict)?;
    Ok(found.into_iter().map(Row::from).collect())
}

/// Returns the rows of several queries of one text, sent as few queries.
pub async fn rows_of(conn: &mut PgConnection, queries: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::with_capacity(queries.len());
    let queries = queries.into_iter().map(Statement::for_postgres).collect();
    for Merged { text, values, .. } in statement::merged([queries], ROWS) {
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text.into_owned())), bind);
        found.extend(query.fetch_all(&mut *conn).await.map_err(fault_or_conflict)?.into_iter().map(Row::from));
    }
    Ok(found)
}

/// Returns the milliseconds of real time since the Unix epoch, by the database's clock.
pub async fn real_ms(conn: &mut PgConnection) -> Result<i64, StoreError> {
    sqlx::query(REAL_MS).fetch_one(conn).await.and_then(|row| row.try_get("now_ms")).map_err(fault)
}

fn bind(query: Query<'_, Postgres, PgArguments>, value: Value) -> Query<'_, Postgres, PgArguments> {
    match value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
    }
}

/// Returns the text that begins a transaction and takes the locks of these names. It waits for transactions that hold
/// one of them, and others wait until this one commits. So later reads see what those transactions wrote.
pub fn begin_about(names: &[String]) -> String {
    // Every process uses the same order, so that no deadlock arises.
    let locks: BTreeSet<i64> = names.iter().map(|name| lock_of(name)).collect();
    let mut text = BEGIN.to_owned();
    for lock in locks {
        // Writing into a string cannot fail.
        let _ = write!(text, "; SELECT pg_advisory_xact_lock({lock})");
    }
    text
}

/// Returns the lock number of a name, the same in every process:
/// <https://www.postgresql.org/docs/current/explicit-locking.html>.
fn lock_of(name: &str) -> i64 {
    let hash = Sha256::digest(name.as_bytes());
    hash.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

/// Runs the writes of several works in few round trips: statements of one text become one with many rows, and writes to
/// different tables are sent together.
pub async fn run_all(conn: &mut PgConnection, works: Vec<Vec<Statement>>) -> Result<(), StoreError> {
    let works = works.into_iter().map(|work| work.into_iter().map(Statement::for_postgres).collect::<Vec<_>>());
    let mut together: Vec<Merged> = Vec::new();
    for next in statement::merged(works, ROWS) {
        if !can_join(&together, &next) {
            run_together(conn, std::mem::take(&mut together)).await?;
        }
        together.push(next);
    }
    run_together(conn, together).await
}

/// Whether a statement can be sent together with others. All of them see the database as it was before any of them, so
/// each must write a table of its own. Inserts into the outbox go alone, because their ids must be drawn after the
/// ticket's row is locked by this transaction.
fn can_join(together: &[Merged], next: &Merged) -> bool {
    let Some(table) = table_of(&next.text) else { return together.is_empty() };
    let is_apart = |other: &Merged| table_of(&other.text).is_some_and(|other| other != table && other != OUTBOX);
    together.iter().all(is_apart) && (table != OUTBOX || together.is_empty())
}

/// Returns the table that a statement writes, if the statement can be part of another one: it reads no table and
/// returns no rows.
fn table_of(text: &str) -> Option<&str> {
    if text.contains("SELECT") || text.contains("RETURNING") {
        return None;
    }
    let rest = ["INSERT INTO ", "UPDATE ", "DELETE FROM "].iter().find_map(|verb| text.strip_prefix(verb))?;
    rest.split_once(' ').map(|(table, _)| table)
}

async fn run_together(conn: &mut PgConnection, mut together: Vec<Merged>) -> Result<(), StoreError> {
    if together.len() <= 1 {
        let Some(Merged { text, values, rows, or_conflict }) = together.pop() else { return Ok(()) };
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text.into_owned())), bind);
        let touched = query.execute(conn).await.map_err(fault_or_conflict)?.rows_affected();
        return if or_conflict && touched < rows as u64 { Err(StoreError::Conflict) } else { Ok(()) };
    }
    let (mut parts, mut counts, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (number, one) in together.iter_mut().enumerate() {
        let mut part = format!("part{number} AS (");
        statement::counted_on(&mut part, &one.text, values.len());
        part.push_str(" RETURNING 1)");
        parts.push(part);
        counts.push(format!("(SELECT count(*) FROM part{number})"));
        values.append(&mut one.values);
    }
    let text = format!("WITH {} SELECT {}", parts.join(", "), counts.join(", "));
    let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text)), bind);
    let row = query.fetch_one(conn).await.map_err(fault_or_conflict)?;
    for (number, one) in together.iter().enumerate() {
        let touched = u64::try_from(row.try_get::<i64, _>(number).map_err(fault)?).unwrap_or_default();
        if one.or_conflict && touched < one.rows as u64 {
            return Err(StoreError::Conflict);
        }
    }
    Ok(())
}

/// Translates an error of the database: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
#[must_use]
pub fn fault(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match &error {
        Error::Database(refused) => match refused.code().as_deref().unwrap_or_default() {
            // A serialization failure, a deadlock.
            "40001" | "40P01" => StoreError::Conflict,
            // Data or an index is damaged.
            "XX001" | "XX002" => StoreError::Corrupt(error.to_string()),
            // Completion unknown; read-only (a standby); idle for too long; a lock that is not available.
            "40003" | "25006" | "25P03" | "55P03" => StoreError::Away(error.to_string()),
            // Connection; authorization; database name; resources; intervention by an operator; system errors.
            code if ["08", "28", "3D", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
                StoreError::Away(error.to_string())
            }
            _ => StoreError::Work(error.to_string()),
        },
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::BeginFailed => StoreError::Away(error.to_string()),
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::ColumnNotFound(_) | Error::TypeNotFound { .. } => {
            StoreError::Corrupt(error.to_string())
        }
        _ => StoreError::Work(error.to_string()),
    }
}

/// Whether a connection was closed before it could be used.
pub fn is_closed(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // Closed by an operator, by a crash, or during the server's start.
        sqlx::Error::Database(refused) => refused.code().is_some_and(|code| code.starts_with("57P0")),
        _ => false,
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
