//! Pings of staff in the database: whom they concern and what became of them, without any words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::{End, Ping, Pinged, Ruling};
use crate::asking::Reason;
use crate::domain::event::Said;
use crate::domain::ids::{PersonRef, PingId, Place};
use crate::domain::permission::Roster;
use crate::domain::rules::GuardMode;
use crate::store::row::{Row, account_anywhere, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, statement};

texts! {
    /// A ping.
    PING = Text::both(
        "SELECT id, author, at_ms, told_at_ms, mode, ruling, ending, message_json, place_json, staff_json, judged_json, \
         ticket FROM pings WHERE id = $1"
    );
    /// A ping is this.
    KEEP = Text::both(
        "INSERT INTO pings (id, author, at_ms, told_at_ms, mode, ruling, ending, message_json, place_json, staff_json, \
         judged_json, ticket) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO UPDATE SET \
         told_at_ms = excluded.told_at_ms, ruling = excluded.ruling, ending = excluded.ending, \
         judged_json = excluded.judged_json, ticket = excluded.ticket"
    );
    /// When somebody was told of a ping of theirs last.
    LAST_TOLD = Text::both("SELECT max(told_at_ms) AS told_at_ms FROM pings WHERE author = $1");
    /// Whether somebody has said of a ping of one of these that it was no request.
    QUIET = Text::both("SELECT 1 AS found FROM ping_quiet WHERE author = $1 AND staff = $2 AND until_ms > $3");
    /// Two are left alone for a while.
    LEAVE_ALONE = Text::both(
        "INSERT INTO ping_quiet (author, staff, until_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (author, staff) DO UPDATE SET until_ms = excluded.until_ms"
    );
    /// Whether somebody does not want to be asked in a channel.
    OUT = Text::both("SELECT 1 AS found FROM guard_out WHERE person = $1 AND channel = $2");
    /// Somebody does not want to be asked in a channel.
    OPT_OUT = Text::both(
        "INSERT INTO guard_out (person, channel, at_ms) VALUES ($1, $2, $3) ON CONFLICT (person, channel) DO NOTHING"
    );
    /// What became of the pings since a moment.
    SINCE = Text::both("SELECT ruling, ending, told_at_ms, staff_json, place_json FROM pings WHERE at_ms >= $1 ORDER BY at_ms LIMIT $2");
    /// Pings of an account are another's.
    RENAME_AUTHOR = Text::both("UPDATE pings SET author = $2 WHERE author = $1 RETURNING id");
    /// Pings that name an account name another.
    RENAME_STAFF = Text::both(
        "UPDATE pings SET staff_json = replace(staff_json, $2, $3) WHERE at_ms >= $1 AND staff_json LIKE $4 RETURNING id"
    );
    /// With whom an account is left alone goes.
    FORGET_QUIET_OF = Text::both("DELETE FROM ping_quiet WHERE author = $1 RETURNING author");
    /// Who is left alone with an account goes.
    FORGET_QUIET_WITH = Text::both("DELETE FROM ping_quiet WHERE staff = $1 RETURNING author");
    /// Where an account does not want to be asked goes.
    FORGET_OUT = Text::both("DELETE FROM guard_out WHERE person = $1 RETURNING person");
    /// Pings from before a moment go.
    TIDY = Text::both("DELETE FROM pings WHERE at_ms < $1");
    /// Who is left alone no longer goes.
    TIDY_QUIET = Text::both("DELETE FROM ping_quiet WHERE until_ms < $1");
}

/// Of so many people whom one message pings it is asked whether its author is left alone with them.
const STAFF_ASKED: usize = 10;
/// So many pings a report looks at.
const REPORTED: i64 = 10_000;

/// What was judged of a ping.
#[derive(Serialize, Deserialize)]
struct Judged {
    probability: Option<f32>,
    why: Vec<Reason>,
}

/// What came of a ping.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// What the guard made of it.
    pub ruling: Ruling,
    /// What came of it.
    pub end: Option<End>,
    /// Whether its author was told.
    pub told: bool,
    /// Whom it pinged.
    pub staff: Vec<String>,
    /// Where.
    pub place: Place,
}

/// The ping of this id.
///
/// # Errors
/// If the database is away.
pub async fn by_id(ask: &mut dyn Ask, id: &PingId) -> Result<Option<Ping>, StoreError> {
    ask.one(statement(PING).bind(id.as_str()), read).await
}

/// A ping is this from now on.
///
/// # Errors
/// If the database is away.
pub fn keep(tx: &mut dyn Tx, ping: &Ping) -> Result<(), StoreError> {
    let judged = Judged { probability: ping.probability, why: ping.why.clone() };
    let whose = statement(KEEP).bind(ping.id.as_str()).bind(ping.author.to_string()).bind(ms(ping.at));
    let became = whose.bind(ping.told_at.map(ms)).bind(ping.mode.name()).bind(ping.ruling.name());
    let what = became.bind(ping.end.map(End::name)).bind(json(&ping.message)?).bind(json(&ping.place)?);
    let judged = what.bind(json(&ping.staff)?).bind(json(&judged)?);
    tx.write(judged.bind(ping.ticket.as_ref().map(ToString::to_string)))
}

/// What is known when a message pings these.
///
/// # Errors
/// If the database is away.
pub async fn pinged(
    ask: &mut dyn Ask,
    said: &Said,
    staff: Vec<String>,
    roster: &Roster,
    now: Timestamp,
) -> Result<Pinged, StoreError> {
    let mut known = Pinged { staff, ..Pinged::default() };
    let is_found = |_: &Row| Ok(());
    for account in roster.accounts(&said.author.who) {
        let author = account.to_string();
        let told = |row: &Row| row.moment_if("told_at_ms");
        known.told_at = known.told_at.max(ask.one(statement(LAST_TOLD).bind(&author), told).await?.flatten());
        let out = statement(OUT).bind(&author).bind(channel(&said.place));
        known.is_out |= ask.one(out, is_found).await?.is_some();
        for staff in known.staff.iter().take(STAFF_ASKED) {
            let quiet = statement(QUIET).bind(&author).bind(staff).bind(ms(now));
            known.is_quiet |= ask.one(quiet, is_found).await?.is_some();
        }
    }
    Ok(known)
}

/// The author of a ping and whom it pings are left alone until then.
///
/// # Errors
/// If the database is away.
pub fn leave_alone(tx: &mut dyn Tx, author: &PersonRef, staff: &str, until: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(LEAVE_ALONE).bind(author.to_string()).bind(staff).bind(ms(until)))
}

/// Somebody does not want to be asked in the channel of this place.
///
/// # Errors
/// If the database is away.
pub fn opt_out(tx: &mut dyn Tx, who: &PersonRef, place: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(OPT_OUT).bind(who.to_string()).bind(channel(place)).bind(ms(now)))
}

/// What became of the first pings since this moment.
///
/// # Errors
/// If the database is away.
pub async fn counted(ask: &mut dyn Ask, since: Timestamp) -> Result<Vec<Counted>, StoreError> {
    let read = |row: &Row| {
        Ok(Counted {
            ruling: ruling(row)?,
            end: row.get::<Option<String>>("ending")?.and_then(|name| End::named(&name)),
            told: row.moment_if("told_at_ms")?.is_some(),
            staff: row.json("staff_json")?,
            place: row.json("place_json")?,
        })
    };
    ask.all(statement(SINCE).bind(ms(since)).bind(REPORTED), read).await
}

/// Puts an alias in the place of an account, and forgets with whom and where it is left alone; how much there was of it.
///
/// # Errors
/// If the database is away.
pub async fn forget_of(tx: &mut dyn Tx, account: &PersonRef, alias: &PersonRef) -> Result<u64, StoreError> {
    let (account_text, alias) = (account.to_string(), alias.to_string());
    let authored = tx.rows(statement(RENAME_AUTHOR).bind(&account_text).bind(&alias)).await?.len();
    // From the earliest moment on, so that the index by age is used.
    let named = statement(RENAME_STAFF).bind(i64::MIN).bind(format!("\"{account_text}\"")).bind(format!("\"{alias}\""));
    let named = tx.rows(named.bind(account_anywhere(account)?)).await?.len();
    let quiet = tx.rows(statement(FORGET_QUIET_OF).bind(&account_text)).await?.len()
        + tx.rows(statement(FORGET_QUIET_WITH).bind(&account_text)).await?.len();
    let out = tx.rows(statement(FORGET_OUT).bind(&account_text)).await?.len();
    Ok((authored + named + quiet + out) as u64)
}

/// Forgets the pings from before `then`, and who is not left alone any more.
///
/// # Errors
/// If the database is away.
pub fn tidy(tx: &mut dyn Tx, then: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(TIDY_QUIET).bind(ms(now)))?;
    tx.write(statement(TIDY).bind(ms(then)))
}

fn channel(place: &Place) -> String {
    format!("{}:{}", place.platform(), place.channel())
}

fn ruling(row: &Row) -> Result<Ruling, StoreError> {
    Ruling::named(row.get("ruling")?).ok_or_else(|| StoreError::Corrupt("a ping's ruling".to_owned()))
}

fn read(row: &Row) -> Result<Ping, StoreError> {
    let Judged { probability, why } = row.json("judged_json")?;
    let ticket: Option<String> = row.get("ticket")?;
    Ok(Ping {
        id: PingId::stored(row.get("id")?).map_err(|_| StoreError::Corrupt("a ping's id".to_owned()))?,
        message: row.json("message_json")?,
        place: row.json("place_json")?,
        author: row.named("author")?,
        staff: row.json("staff_json")?,
        at: row.moment("at_ms")?,
        mode: GuardMode::named(row.get("mode")?).unwrap_or_default(),
        probability,
        why,
        ruling: ruling(row)?,
        told_at: row.moment_if("told_at_ms")?,
        end: row.get::<Option<String>>("ending")?.and_then(|name| End::named(&name)),
        ticket: ticket.and_then(|key| key.parse().ok()),
    })
}
