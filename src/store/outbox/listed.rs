//! The outbox as operators see it.

use jiff::Timestamp;

use crate::domain::effect::{EffectKind, Outlet};
use crate::domain::ids::EffectId;
use crate::domain::subject::Subject;
use crate::store::port::Ask;
use crate::store::row::{Row, ms};
use crate::store::statement::{Text, statement, texts};
use crate::store::{Store, StoreError};

/// Selects effects with the columns of the operators' list.
macro_rules! listed {
    ($rest:literal) => {
        concat!(
            "SELECT e.id, e.outlet, e.kind, e.view, e.order_key, e.state, e.attempts, e.last_error, e.created_at_ms, \
             e.due_at_ms, e.held_in, e.held_at_ms, e.settled_at_ms, e.subject_kind, e.subject_id FROM effects AS e ",
            $rest
        )
    };
}
texts! {
    /// Selects effects that failed for good, newest first.
    FAILED = Text::both(listed!("WHERE e.state = 'failed' AND e.id < $1 \
         AND (CAST($3 AS TEXT) IS NULL OR (e.subject_kind = $3 AND e.subject_id = $4)) ORDER BY e.id DESC LIMIT $2"));
    /// Selects held effects, newest first.
    HELD = Text::both(listed!("WHERE e.state = 'held' AND e.outlet IN ('slack', 'discord', 'local') AND e.id < $1 \
         AND (CAST($3 AS TEXT) IS NULL OR (e.subject_kind = $3 AND e.subject_id = $4)) ORDER BY e.id DESC LIMIT $2"));
    /// Selects waiting effects, newest first.
    LISTED_WAITING = Text::both(listed!("WHERE e.state IN ('pending', 'leased') AND e.order_key > '' AND e.id < $1 \
         AND (CAST($3 AS TEXT) IS NULL OR (e.subject_kind = $3 AND e.subject_id = $4)) ORDER BY e.id DESC LIMIT $2"));
    /// Counts the effects that show a view of a subject.
    COUNTS_ABOUT = Text::both(
        "SELECT (SELECT count(*) FROM effects WHERE state IN ('pending', 'leased') AND subject_kind = $1 AND subject_id = $2 AND view = $3 AND outlet = $4) AS waiting, \
         (SELECT count(*) FROM effects WHERE state = 'held' AND subject_kind = $1 AND subject_id = $2 AND view = $3 AND outlet = $4) AS held, \
         (SELECT count(DISTINCT order_key) FROM effects WHERE state = 'failed' AND subject_kind = $1 AND subject_id = $2 AND view = $3 AND outlet = $4 \
         AND settled_at_ms >= $5) AS failed"
    );
    /// Selects the held effects of a view of a subject, and why they are held.
    HELD_ABOUT = Text::both(
        "SELECT what_json, last_error FROM effects WHERE state = 'held' AND outlet IN ('slack', 'discord', 'local') \
         AND subject_kind = $1 AND subject_id = $2 AND view = $3 LIMIT $4"
    );
    /// Counts effects by state, for operators.
    COUNTS = Text::both(
        "SELECT (SELECT count(*) FROM effects WHERE state IN ('pending', 'leased')) AS waiting, \
         (SELECT count(*) FROM effects WHERE state = 'leased') AS leased, \
         (SELECT count(*) FROM effects WHERE state = 'failed') AS failed, \
         (SELECT count(*) FROM effects WHERE state = 'held') AS held, \
         (SELECT count(*) FROM dead_events) AS dead, \
         (SELECT min(due_at_ms) FROM effects WHERE state IN ('pending', 'leased')) AS oldest_waiting_at_ms"
    );
}

/// Counts of the effects that show a view of a subject, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountsAbout {
    /// Effects that wait or are being delivered.
    pub waiting: u64,
    pub held: u64,
    /// The places (order keys) in which an effect has failed for good since the moment that was asked for.
    pub failed: u64,
}

/// Returns some held effects of this view of a subject, and why they are held.
///
/// # Errors
/// If the database is away.
pub async fn held_about(
    ask: &mut dyn Ask,
    about: &Subject,
    view: &str,
    limit: usize,
) -> Result<Vec<(EffectKind, String)>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let asked = statement(HELD_ABOUT).bind_subject(about).bind(view).bind(limit);
    ask.all(asked, |row| Ok((row.json("what_json")?, row.get("last_error")?))).await
}

/// Counts the effects that show this view of a subject through this outlet: how many wait, how many are held, and in
/// how many places one has failed since a moment.
///
/// # Errors
/// If the database is away.
pub async fn counts_about(
    ask: &mut dyn Ask,
    about: &Subject,
    view: &str,
    outlet: Outlet,
    since: Timestamp,
) -> Result<CountsAbout, StoreError> {
    let read = |row: &Row| {
        Ok(CountsAbout { waiting: row.count("waiting")?, held: row.count("held")?, failed: row.count("failed")? })
    };
    let asked = statement(COUNTS_ABOUT).bind_subject(about).bind(view).bind(outlet.as_str()).bind(ms(since));
    Ok(ask.one(asked, read).await?.unwrap_or_default())
}

/// The state of the effects to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Effects that wait or are being delivered.
    Waiting,
    /// Effects that a place refuses, that fail again and again by themselves, or that cannot be read.
    Held,
    Failed,
}

/// An effect as operators see it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ListedEffect {
    pub id: EffectId,
    /// Its platform, or `local`.
    #[serde(rename = "platform")]
    pub outlet: Outlet,
    /// `pending`, `leased`, `held` or `failed`.
    pub state: String,
    /// The kind of the effect. If it shows a view, `_` and the name of the view follow.
    pub kind: String,
    /// Where it goes: its order key.
    pub place: String,
    pub about: Subject,
    /// The number of failed tries. Waiting for a limit, or for a platform that takes nothing, does not count.
    pub attempts: u32,
    /// Why it failed, is held, or was not delivered at the last try.
    pub error: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it is tried next, if it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Where it is held: the place that refuses it, `effect:` and its id if it fails by itself, or `unreadable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_in: Option<String>,
    /// Since when it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_at: Option<Timestamp>,
    /// When it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

/// Counts of the outbox, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Effects that wait or are being delivered.
    pub waiting: u64,
    /// Effects that are being delivered.
    pub leased: u64,
    pub failed: u64,
    pub held: u64,
    /// Dead events.
    pub dead: u64,
    /// The earliest due time of the effects that wait or are being delivered. It is in the future if all of them are
    /// postponed.
    pub oldest_waiting_at: Option<Timestamp>,
}

impl dyn Store + '_ {
    /// Lists effects in a state, newest first; only those about a subject, if one is given.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn listed(
        &self,
        which: Listed,
        about: Option<&Subject>,
        before: Option<EffectId>,
        limit: u32,
    ) -> Result<Vec<ListedEffect>, StoreError> {
        // `~` sorts after every id, since ids consist of 0-9 and A-Z.
        let before = before.map_or_else(|| "~".to_owned(), |id| id.0);
        let text = match which {
            Listed::Waiting => LISTED_WAITING,
            Listed::Held => HELD,
            Listed::Failed => FAILED,
        };
        let is_waiting = which == Listed::Waiting;
        let effect = |row: &Row| {
            Ok(ListedEffect {
                id: EffectId(row.get("id")?),
                outlet: row.named("outlet")?,
                state: row.get("state")?,
                kind: match row.get::<Option<&str>>("view")? {
                    Some(view) => format!("{}_{view}", row.get::<&str>("kind")?),
                    None => row.get("kind")?,
                },
                place: row.get("order_key")?,
                about: row.subject()?,
                attempts: row.count("attempts")?,
                error: row.get::<Option<String>>("last_error")?.unwrap_or_default(),
                created_at: row.moment("created_at_ms")?,
                due_at: row.moment_if("due_at_ms")?.filter(|_| is_waiting),
                held_in: row.get("held_in")?,
                held_at: row.moment_if("held_at_ms")?.filter(|_| which == Listed::Held),
                failed_at: row.moment_if("settled_at_ms")?,
            })
        };
        let query = statement(text).bind(before).bind(i64::from(limit)).bind(about.map(Subject::kind));
        self.reader().await?.all(query.bind(about.map(Subject::id)), effect).await
    }

    /// Counts the outbox for operators, cheaply enough for a call every few seconds. Also updates the metrics of the
    /// connections.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.measure();
        let counts = |row: &Row| {
            Ok(Counts {
                waiting: row.count("waiting")?,
                leased: row.count("leased")?,
                held: row.count("held")?,
                failed: row.count("failed")?,
                dead: row.count("dead")?,
                oldest_waiting_at: row.moment_if("oldest_waiting_at_ms")?,
            })
        };
        let counted = self.reader().await?.one(statement(COUNTS), counts).await?;
        counted.ok_or_else(|| StoreError::Corrupt("the counts are missing".to_owned()))
    }
}
