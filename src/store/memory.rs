//! What is to be known again at the next start, who may do what one process at a time may do, and is the database there.

use std::time::Duration;

use super::port::Tx;
use super::statement::{Text, statement, texts};
use super::{Store, StoreError, WorkerId};

texts! {
    /// A write that changes nothing of meaning.
    PING = Text::both("UPDATE counters SET value = value + 1 WHERE name = 'pings'");
    /// What was remembered by this name.
    REMEMBERED = Text::both("SELECT value FROM remembered WHERE name = $1");
    /// It is remembered by this name.
    KEEP_IN_MIND = Text::both("INSERT INTO remembered (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    /// What aliases are made with is kept, unless it is.
    KEEP_SALT = Text::both("INSERT INTO counters (name, value) VALUES ('salt', $1) ON CONFLICT (name) DO NOTHING");
    /// What aliases are made with.
    SALT = Text::both("SELECT value FROM counters WHERE name = 'salt'");
    /// A named lease is taken or renewed.
    HOLD = Text::both(
        "INSERT INTO holds (name, held_by, until_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET \
         held_by = excluded.held_by, until_ms = excluded.until_ms \
         WHERE holds.held_by = excluded.held_by OR holds.until_ms <= $4 RETURNING name"
    );
    /// A named lease is given back.
    LET_GO = Text::both("DELETE FROM holds WHERE name = $1 AND held_by = $2");
}

/// Under this name it is remembered that the database is a copy; empty: it is none.
pub const COPY: &str = "copy";

/// What aliases are made with: a number that only this database knows. `fresh` is taken if it has none yet.
///
/// # Errors
/// If the database is away.
pub async fn salt(tx: &mut dyn Tx, fresh: i64) -> Result<i64, StoreError> {
    tx.write(statement(KEEP_SALT).bind(fresh))?;
    let salt = tx.rows(statement(SALT)).await?;
    salt.first().ok_or_else(|| StoreError::Corrupt("the salt is missing".to_owned()))?.get("value")
}

impl dyn Store + '_ {
    /// What was kept in mind by this name.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn remembered(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.reader().await?.one(statement(REMEMBERED).bind(name), |row| row.get("value")).await
    }

    /// Keeps something in mind for the next start.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn keep_in_mind(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let keep = statement(KEEP_IN_MIND).bind(name).bind(value);
        self.within(move |tx| Box::pin(std::future::ready(tx.write(keep.clone())))).await
    }

    /// Takes, or renews, what one process at a time may have, for this real time; whether it is this worker's now. Where a
    /// database has one owner, whatever there is to hold is that one's.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn hold(&self, name: &str, by: &WorkerId, lasting: Duration) -> Result<bool, StoreError> {
        if !self.is_shared() {
            return Ok(true);
        }
        let (hold, lasting) = (statement(HOLD).bind(name).bind(&by.0), i64::try_from(lasting.as_millis()));
        let lasting = lasting.unwrap_or(i64::MAX / 4);
        self.within(move |tx| {
            let hold = hold.clone();
            Box::pin(async move {
                let now_ms = tx.real_ms().await?;
                Ok(!tx.rows(hold.bind(now_ms + lasting).bind(now_ms)).await?.is_empty())
            })
        })
        .await
    }

    /// Gives that back.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn let_go(&self, name: &str, by: &WorkerId) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        let let_go = statement(LET_GO).bind(name).bind(&by.0);
        self.within(move |tx| Box::pin(std::future::ready(tx.write(let_go.clone())))).await
    }

    /// Answers if the database can be written to.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.within(|tx| Box::pin(std::future::ready(tx.write(statement(PING))))).await
    }
}
