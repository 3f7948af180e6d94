//! What only PostgreSQL has: its types, its own texts, its faults, and ids from sequences that many processes share.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use sqlx::error::ErrorKind;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Postgres, Row as _};

use super::record::{all_of, one};
use super::rows;
use crate::domain::ids::{EffectId, TicketId};
use crate::domain::ticket::Ticket;
use crate::store::statement::{self, Merged, Rows, Statement, statement};
use crate::store::{StoreError, sql};

pub type Db = Postgres;
pub type Conn = PgConnection;
pub type Row = PgRow;
pub type Arguments = PgArguments;

/// Each connection keeps its own texts prepared, and the server a plan for each.
pub const ROWS: Rows = Rows::Powers;
/// The table of what is to be delivered.
const OUTBOX: &str = "effects";
/// By how much the number that people quote is greater than the ticket's id.
const NUMBERS_BEGIN_AT: i64 = 1_000;
/// The digits of the part of an effect's id that is chance: Crockford's, as in a ULID.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

sql::texts! {
    /// Begins a transaction.
    BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED";
    /// Ends it. A transaction in which a statement has failed would be rolled back by `COMMIT` without a word; what stands
    /// before it fails then.
    COMMIT = "SELECT 1; COMMIT";
    /// Gives it up.
    ROLLBACK = "ROLLBACK";
    /// The time of the machine that everybody shares.
    REAL_MS = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms";
    /// Tells other processes that there is something to do.
    TELL = "SELECT pg_notify('deskbell', $1)";

    /// The next ticket's id.
    NEXT_TICKET = "SELECT nextval('ticket_ids') AS id";
    /// Ids up to this one are taken.
    SKIP_TICKETS = "SELECT setval('ticket_ids', greatest($1, (SELECT last_value FROM ticket_ids)))";
    /// Numbers are left out.
    SKIP_NUMBERS = "SELECT setval('ticket_ids', (SELECT last_value FROM ticket_ids) + $1)";
    /// Where the database lies: a copy of it lies elsewhere, or was made anew.
    LIES_IN =
        "SELECT (SELECT oid::text FROM pg_database WHERE datname = current_database()) || '/' \
         || 'tickets'::regclass::oid::text AS value";
    /// The same of the server: its identity, and how often it has begun anew from a copy. Not everybody may ask.
    LIES_ON =
        "SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' \
         || (SELECT timeline_id::text FROM pg_control_checkpoint()) AS value";
    /// Whether a ticket has this id.
    IS_TICKET = "SELECT 1 FROM tickets WHERE id = $1";
    /// An effect is to be delivered. Its id grows by the database's own count, whatever clocks say.
    ENQUEUE = sql::enqueue!("lpad(nextval('effect_ids')::text, 16, '0') || $1");
    /// A card is to be shown. One that is being leased just now shows what was before.
    ENQUEUE_CARD = sql::enqueue_card!("lpad(nextval('effect_ids')::text, 16, '0') || $1", " FOR UPDATE");
    /// The last effect of an order key that has not ended. While it is locked, nobody leases it.
    LAST_IN_ORDER = sql::last_in_order!(" FOR UPDATE");
    /// Effects that may be delivered now, of every gate but these.
    DUE_BESIDE = sql::due_beside!(
        "SELECT value FROM json_array_elements_text($6::json)",
        concat!("CROSS JOIN LATERAL ", sql::due_of_gate!("d.*"), " AS e")
    );
    /// What waits of an order key, from one effect on. While it is locked, nobody leases or changes it.
    WAITING_FROM = sql::waiting_from!(" FOR UPDATE");
    /// An effect is being delivered.
    LEASE = sql::lease!(
        " AND effects.id IN (SELECT e.id FROM effects AS e WHERE e.id IN (SELECT v.id FROM v) AND e.state = 'pending' \
         FOR UPDATE SKIP LOCKED) RETURNING effects.id"
    );
}

/// Milliseconds of real time since the Unix epoch, by the database's clock.
pub async fn real_ms(conn: &mut Conn) -> Result<i64, StoreError> {
    let row = sqlx::query(REAL_MS).fetch_one(conn).await.map_err(fault)?;
    rows::get(&row, "now_ms")
}

/// Begins a transaction, waits for whoever else decides about any of these names, and keeps everybody else waiting until
/// the commit. What is read afterwards is newer than what they wrote.
pub fn begin_about(names: &[String]) -> String {
    // In one order everywhere, so that nobody waits in a circle.
    let locks: BTreeSet<i64> = names.iter().map(|name| lock_of(name)).collect();
    let mut text = BEGIN.to_owned();
    for lock in locks {
        // Writing into a text cannot fail.
        let _ = write!(text, "; SELECT pg_advisory_xact_lock({lock})");
    }
    text
}

/// The number that stands for a name in every process: <https://www.postgresql.org/docs/current/explicit-locking.html>.
fn lock_of(name: &str) -> i64 {
    let hash = Sha256::digest(name.as_bytes());
    hash.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

/// Leases what still waits and nobody else leases just now; the ids of that.
pub async fn lease(conn: &mut Conn, leases: Vec<Statement>, _: &[&EffectId]) -> Result<Vec<EffectId>, StoreError> {
    all_of(conn, leases, |row| rows::get(row, "id").map(EffectId)).await
}

/// Runs what each of several works writes in few round trips: statements of one text with many rows, and what goes into
/// different tables together. How many rows they touched.
pub async fn run_all(conn: &mut Conn, works: Vec<Vec<Statement>>) -> Result<u64, StoreError> {
    let mut sum = 0;
    let mut together: Vec<Merged> = Vec::new();
    for next in statement::merged(works, ROWS) {
        if !can_join(&together, &next) {
            sum += run_together(conn, std::mem::take(&mut together)).await?;
        }
        together.push(next);
    }
    Ok(sum + run_together(conn, together).await?)
}

/// Whether a statement can go with others, all of which see the database as it was before any of them: if each writes a
/// table of its own. What is to be delivered goes alone: its ids are drawn once the ticket's row is this transaction's.
fn can_join(together: &[Merged], next: &Merged) -> bool {
    let Some(table) = table_of(&next.text) else { return together.is_empty() };
    let is_apart = |other: &Merged| table_of(&other.text).is_some_and(|other| other != table && other != OUTBOX);
    together.iter().all(is_apart) && (table != OUTBOX || together.is_empty())
}

/// The table that a statement writes, where it can be part of another: it reads none.
fn table_of(text: &str) -> Option<&str> {
    if text.contains("SELECT") {
        return None;
    }
    let rest = ["INSERT INTO ", "UPDATE ", "DELETE FROM "].iter().find_map(|verb| text.strip_prefix(verb))?;
    rest.split_once(' ').map(|(table, _)| table)
}

async fn run_together(conn: &mut Conn, mut together: Vec<Merged>) -> Result<u64, StoreError> {
    if together.len() <= 1 {
        let Some(Merged { text, values, rows, or_conflict }) = together.pop() else { return Ok(0) };
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text.into_owned())), rows::bind_value);
        let touched = query.execute(conn).await.map_err(fault_or_conflict)?.rows_affected();
        return if or_conflict && touched < rows as u64 { Err(StoreError::Conflict) } else { Ok(touched) };
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
    let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text)), rows::bind_value);
    let row = query.fetch_one(conn).await.map_err(fault_or_conflict)?;
    let mut sum = 0;
    for (number, one) in together.iter().enumerate() {
        let touched = u64::try_from(row.try_get::<i64, _>(number).map_err(fault)?).unwrap_or_default();
        if one.or_conflict && touched < one.rows as u64 {
            return Err(StoreError::Conflict);
        }
        sum += touched;
    }
    Ok(sum)
}

/// What a fault of the database means to the core: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
#[must_use]
pub fn fault(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match &error {
        Error::Database(refused) => match refused.code().as_deref().unwrap_or_default() {
            // A serialization failure, a deadlock.
            "40001" | "40P01" => StoreError::Conflict,
            // Data or an index is damaged.
            "XX001" | "XX002" => StoreError::Corrupt(error.to_string()),
            // Completion unknown; read only (a standby); idle for too long; a lock that is not to be had.
            "40003" | "25006" | "25P03" | "55P03" => StoreError::Away(error.to_string()),
            // The connection; who may connect; which database; resources; an operator's doing; the system.
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
        // Ended by an operator, by a crash, or while the server starts.
        sqlx::Error::Database(refused) => refused.code().is_some_and(|code| code.starts_with("57P0")),
        _ => false,
    }
}

/// As [`fault`], where a value that must be unique and is taken means that somebody else was faster.
#[must_use]
pub fn fault_or_conflict(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(refused) if refused.kind() == ErrorKind::UniqueViolation => StoreError::Conflict,
        _ => fault(error),
    }
}

/// Ids that this process has drawn and not used: they are used first, so that numbers have hardly any gaps.
#[derive(Clone, Debug, Default)]
pub struct FreeIds(Arc<Mutex<BTreeSet<i64>>>);

impl FreeIds {
    fn ids(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives out ids within one transaction.
#[derive(Debug)]
pub struct Ids {
    free: FreeIds,
    drawn: Option<i64>,
    used: Vec<i64>,
}

impl Ids {
    pub const fn new(free: FreeIds) -> Self {
        Self { free, drawn: None, used: Vec::new() }
    }

    /// The part of an effect's id that is chance; the part before it is the database's.
    pub fn next_effect(&mut self) -> EffectId {
        let mut rng = rand::rng();
        EffectId((0..10).map(|_| char::from(DIGITS[rng.random_range(0..DIGITS.len())])).collect())
    }

    /// The number that the next ticket gets.
    pub async fn next_number(&mut self, conn: &mut Conn) -> Result<i64, StoreError> {
        self.draw(conn).await.map(|id| NUMBERS_BEGIN_AT + id)
    }

    /// The id that the next ticket gets.
    pub async fn next_id(&mut self, conn: &mut Conn) -> Result<TicketId, StoreError> {
        self.draw(conn).await.map(TicketId)
    }

    /// What writes down that a ticket was opened with its id and number: nothing, unless they are its own.
    pub fn take(&mut self, ticket: &Ticket) -> Vec<Statement> {
        let id = ticket.id.0;
        if self.drawn == Some(id) {
            self.drawn = None;
            self.used.push(id);
            return Vec::new();
        }
        self.free.ids().remove(&id);
        vec![statement(SKIP_TICKETS).bind(id)]
    }

    /// The transaction was committed: what it used is gone.
    pub fn committed(self) {
        self.free.ids().extend(self.drawn);
    }

    /// The transaction left nothing: what it used can be used.
    pub fn rolled_back(self) {
        self.free.ids().extend(self.drawn.into_iter().chain(self.used));
    }

    /// The transaction left nothing because somebody was faster. If that was about an id, it is theirs.
    pub async fn lost(mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let ids: Vec<i64> = self.drawn.take().into_iter().chain(std::mem::take(&mut self.used)).collect();
        for id in ids {
            if one(conn, statement(IS_TICKET).bind(id)).await?.is_none() {
                self.free.ids().insert(id);
            }
        }
        Ok(())
    }

    async fn draw(&mut self, conn: &mut Conn) -> Result<i64, StoreError> {
        if let Some(id) = self.drawn {
            return Ok(id);
        }
        let known = self.free.ids().pop_first();
        let id = match known {
            Some(id) => id,
            None => sqlx::query(NEXT_TICKET).fetch_one(conn).await.and_then(|row| row.try_get("id")).map_err(fault)?,
        };
        self.drawn = Some(id);
        Ok(id)
    }
}
