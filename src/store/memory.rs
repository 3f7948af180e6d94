//! Values kept across restarts, named leases for work that only one process at a time may do, and a check that the
//! database accepts writes.

use std::time::Duration;

use super::port::Tx;
use super::statement::{Text, statement, texts};
use super::{Store, StoreError, WorkerId};

texts! {
    /// Changes a value that nothing reads, to test whether the database accepts writes.
    PING = Text::both("UPDATE counters SET value = value + 1 WHERE name = 'pings'");
    /// Reads the value that is stored under a name.
    REMEMBERED = Text::both("SELECT value FROM remembered WHERE name = $1");
    /// Stores a value under a name.
    KEEP_IN_MIND = Text::both("INSERT INTO remembered (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    /// Stores the salt of aliases, unless there is one.
    KEEP_SALT = Text::both("INSERT INTO counters (name, value) VALUES ('salt', $1) ON CONFLICT (name) DO NOTHING");
    /// Reads the salt of aliases.
    SALT = Text::both("SELECT value FROM counters WHERE name = 'salt'");
    /// Takes or renews a named lease.
    TAKE_LEASE = Text::both(
        "INSERT INTO holds (name, held_by, until_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET \
         held_by = excluded.held_by, until_ms = excluded.until_ms \
         WHERE holds.held_by = excluded.held_by OR holds.until_ms <= $4 RETURNING name"
    );
    /// Releases a named lease, if this worker holds it.
    RELEASE_LEASE = Text::both("DELETE FROM holds WHERE name = $1 AND held_by = $2");
}

/// The name of the stored value that marks the database as a copy of another one. An empty value is no mark.
pub const COPY: &str = "copy";

/// Returns the salt from which the aliases of erased people are made: a number that only this database knows. If it has
/// none yet, `fresh` becomes the salt.
///
/// # Errors
/// If the database is away.
pub async fn salt(tx: &mut dyn Tx, fresh: i64) -> Result<i64, StoreError> {
    tx.write(statement(KEEP_SALT).bind(fresh))?;
    let salt = tx.rows(statement(SALT)).await?;
    salt.first().ok_or_else(|| StoreError::Corrupt("the salt is missing".to_owned()))?.get("value")
}

impl dyn Store + '_ {
    /// Returns the value stored under this name.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn remembered(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.reader().await?.one(statement(REMEMBERED).bind(name), |row| row.get("value")).await
    }

    /// Stores a value under a name for the next start.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn keep_in_mind(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let keep = statement(KEEP_IN_MIND).bind(name).bind(value);
        self.within(move |tx| Box::pin(std::future::ready(tx.write(keep.clone())))).await
    }

    /// Takes or renews a named lease for `lasting` (real time). Returns whether this worker holds it now. On a database
    /// that is not shared, the only owner holds every lease, so nothing is written and the result is `true`.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn take_lease(&self, name: &str, by: &WorkerId, lasting: Duration) -> Result<bool, StoreError> {
        if !self.is_shared() {
            return Ok(true);
        }
        let (take, lasting) = (statement(TAKE_LEASE).bind(name).bind(&by.0), i64::try_from(lasting.as_millis()));
        let lasting = lasting.unwrap_or(i64::MAX / 4);
        self.within(move |tx| {
            let take = take.clone();
            Box::pin(async move {
                let now_ms = tx.real_ms().await?;
                Ok(!tx.rows(take.bind(now_ms + lasting).bind(now_ms)).await?.is_empty())
            })
        })
        .await
    }

    /// Releases a named lease, if this worker holds it.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn release_lease(&self, name: &str, by: &WorkerId) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        let release = statement(RELEASE_LEASE).bind(name).bind(&by.0);
        self.within(move |tx| Box::pin(std::future::ready(tx.write(release.clone())))).await
    }

    /// Checks that the database accepts writes.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.within(|tx| Box::pin(std::future::ready(tx.write(statement(PING))))).await
    }
}
