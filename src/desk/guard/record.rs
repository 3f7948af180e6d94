//! Pings of staff, and the guard's settings of channels and people, in the database. The words of a ping are not kept.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::{ChannelGuard, Ping, PingContext, PingOutcome, Ruling, channel_of, is_news, speaks};
use crate::asking::Reason;
use crate::desk::on_call;
use crate::domain::channel::Access;
use crate::domain::event::Said;
use crate::domain::ids::{MessageRef, PersonRef, PingId, Place};
use crate::domain::permission::Roster;
use crate::domain::rules::{GuardMode, Rules};
use crate::store::row::{Row, account_anywhere, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, channels, statement};

texts! {
    PING = Text::both(
        "SELECT id, author, at_ms, told_at_ms, mode, ruling, ending, message_json, place_json, staff_json, judged_json, \
         ticket FROM pings WHERE id = $1"
    );
    KEEP = Text::both(
        "INSERT INTO pings (id, author, at_ms, told_at_ms, mode, ruling, ending, message_json, place_json, staff_json, \
         judged_json, ticket) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO UPDATE SET \
         told_at_ms = excluded.told_at_ms, ruling = excluded.ruling, ending = excluded.ending, \
         judged_json = excluded.judged_json, ticket = excluded.ticket"
    );
    /// Sets the end of a ping.
    ADDRESS = Text::both("UPDATE pings SET ending = $2 WHERE id = $1");
    /// When an author was last told about a ping of theirs.
    LAST_TOLD = Text::both("SELECT max(told_at_ms) AS told_at_ms FROM pings WHERE author = $1");
    /// Whether an author is not to be asked about pings of a member of the staff, for now.
    QUIET = Text::both("SELECT 1 AS found FROM ping_quiet WHERE author = $1 AND staff = $2 AND until_ms > $3");
    /// Stores until when an author is not asked about pings of a member of the staff.
    LEAVE_ALONE = Text::both(
        "INSERT INTO ping_quiet (author, staff, until_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (author, staff) DO UPDATE SET until_ms = excluded.until_ms"
    );
    /// Whether a person does not want to be asked in a channel.
    OUT = Text::both("SELECT 1 AS found FROM guard_out WHERE person = $1 AND channel = $2");
    /// Records that a person does not want to be asked in a channel.
    OPT_OUT = Text::both(
        "INSERT INTO guard_out (person, channel, at_ms) VALUES ($1, $2, $3) ON CONFLICT (person, channel) DO NOTHING"
    );
    /// Records that a person may be asked in a channel again.
    OPT_IN = Text::both("DELETE FROM guard_out WHERE person = $1 AND channel = $2");
    /// The newest pings since a moment, with what became of them.
    SINCE = Text::both(
        "SELECT ruling, ending, told_at_ms, staff_json, place_json, message_json FROM pings WHERE at_ms >= $1 \
         ORDER BY at_ms DESC LIMIT $2"
    );
    MODE = Text::both("SELECT mode FROM guard_modes WHERE channel = $1");
    SET_MODE = Text::both(
        "INSERT INTO guard_modes (channel, mode, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (channel) DO UPDATE SET mode = excluded.mode, at_ms = excluded.at_ms"
    );
    /// Removes the guard mode that a command has set for a channel, so that the settings apply.
    UNSET_MODE = Text::both("DELETE FROM guard_modes WHERE channel = $1");
    /// The guard mode that was last announced in a channel.
    ANNOUNCED = Text::both("SELECT mode FROM guard_announced WHERE channel = $1");
    /// Records that a guard mode is announced in a channel. Changes no row if that mode was announced last.
    ANNOUNCE = Text::both(
        "INSERT INTO guard_announced (channel, mode, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (channel) DO UPDATE SET mode = excluded.mode, at_ms = excluded.at_ms \
         WHERE guard_announced.mode <> excluded.mode"
    );
    /// Whether a member of the staff wants to be pinged in a channel.
    WANTED = Text::both("SELECT 1 AS found FROM guard_wanted WHERE person = $1 AND channel = $2");
    /// Records that a member of the staff wants to be pinged in a channel.
    WANT = Text::both(
        "INSERT INTO guard_wanted (person, channel, at_ms) VALUES ($1, $2, $3) ON CONFLICT (person, channel) DO NOTHING"
    );
    /// Records that a member of the staff no longer wants to be pinged in a channel.
    UNWANT = Text::both("DELETE FROM guard_wanted WHERE person = $1 AND channel = $2");
    /// Until when a member of the staff is away, if they are away now.
    AWAY = Text::both("SELECT until_ms FROM guard_away WHERE person = $1 AND until_ms > $2");
    BE_AWAY = Text::both(
        "INSERT INTO guard_away (person, until_ms) VALUES ($1, $2) \
         ON CONFLICT (person) DO UPDATE SET until_ms = excluded.until_ms"
    );
    /// Records that a member of the staff is back.
    BE_BACK = Text::both("DELETE FROM guard_away WHERE person = $1");
    /// Deletes the absence of an erased account.
    FORGET_AWAY = Text::both("DELETE FROM guard_away WHERE person = $1 RETURNING person");
    /// Whether a member of the staff was told how the guard works.
    WAS_BRIEFED = Text::both("SELECT 1 AS found FROM guard_told WHERE person = $1");
    /// Records that a member of the staff was told how the guard works. Changes no row if they were told before.
    RECORD_BRIEFED = Text::both("INSERT INTO guard_told (person, at_ms) VALUES ($1, $2) ON CONFLICT (person) DO NOTHING");
    /// Deletes the channels in which an account wants to be pinged.
    FORGET_WANTED = Text::both("DELETE FROM guard_wanted WHERE person = $1 RETURNING person");
    /// Deletes the record that an account was told how the guard works.
    FORGET_TOLD = Text::both("DELETE FROM guard_told WHERE person = $1 RETURNING person");
    /// Deletes absences that are over.
    TIDY_AWAY = Text::both("DELETE FROM guard_away WHERE until_ms < $1");
    /// Replaces the author of an account's pings by an alias.
    RENAME_AUTHOR = Text::both("UPDATE pings SET author = $2 WHERE author = $1 RETURNING id");
    /// Replaces an account by an alias among the staff of pings.
    RENAME_STAFF = Text::both(
        "UPDATE pings SET staff_json = replace(staff_json, $2, $3) WHERE at_ms >= $1 AND staff_json LIKE $4 RETURNING id"
    );
    /// Deletes the staff about whom an account is not to be asked.
    FORGET_QUIET_OF = Text::both("DELETE FROM ping_quiet WHERE author = $1 RETURNING author");
    /// Deletes the authors who are not to be asked about pings of an account.
    FORGET_QUIET_WITH = Text::both("DELETE FROM ping_quiet WHERE staff = $1 RETURNING author");
    /// Deletes the channels in which an account does not want to be asked.
    FORGET_OUT = Text::both("DELETE FROM guard_out WHERE person = $1 RETURNING person");
    /// Deletes pings from before a moment.
    TIDY = Text::both("DELETE FROM pings WHERE at_ms < $1");
    /// Deletes the entries by which authors were not to be asked and that are over.
    TIDY_QUIET = Text::both("DELETE FROM ping_quiet WHERE until_ms < $1");
}

/// For how many of the staff that one message pings absences and exceptions are read.
const STAFF_ASKED: usize = 10;
/// How many pings a report counts at most.
const REPORTED: i64 = 10_000;

/// The classifier's result for a ping, as the column `judged_json` holds it.
#[derive(Serialize, Deserialize)]
struct Judged {
    probability: Option<f32>,
    why: Vec<Reason>,
}

/// A ping as a report counts it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportedPing {
    pub ruling: Ruling,
    /// What became of the ping.
    pub end: Option<PingOutcome>,
    /// Whether its author was asked, or told that the ping became a request.
    pub told: bool,
    /// The staff who were pinged.
    pub staff: Vec<String>,
    pub place: Place,
    pub message: MessageRef,
}

/// Reads the ping of this id.
///
/// # Errors
/// If the database is away.
pub async fn by_id(ask: &mut dyn Ask, id: &PingId) -> Result<Option<Ping>, StoreError> {
    ask.one(statement(PING).bind(id.as_str()), read).await
}

/// Inserts or updates a ping.
///
/// # Errors
/// If the database is away.
pub fn keep(tx: &mut dyn Tx, ping: &Ping) -> Result<(), StoreError> {
    let judged = Judged { probability: ping.probability, why: ping.why.clone() };
    let whose = statement(KEEP).bind(ping.id.as_str()).bind(ping.author.to_string()).bind(ms(ping.at));
    let became = whose.bind(ping.asked_at.map(ms)).bind(ping.mode.name()).bind(ping.ruling.name());
    let what = became.bind(ping.end.map(PingOutcome::name)).bind(json(&ping.message)?).bind(json(&ping.place)?);
    let judged = what.bind(json(&ping.staff)?).bind(json(&judged)?);
    tx.write(judged.bind(ping.ticket.as_ref().map(ToString::to_string)))
}

/// Records that an edit of this ping's message addressed the desk. Does nothing if there is no such ping.
///
/// # Errors
/// If the database is away.
pub fn address(tx: &mut dyn Tx, id: &PingId) -> Result<(), StoreError> {
    tx.write(statement(ADDRESS).bind(id.as_str()).bind(PingOutcome::Addressed.name()))
}

/// Reads what is known about a message that pings these members of the staff.
///
/// # Errors
/// If the database is away.
pub async fn pinged(
    ask: &mut dyn Ask,
    said: &Said,
    staff: Vec<String>,
    (roster, rules): (&Roster, &Rules),
    now: Timestamp,
) -> Result<PingContext, StoreError> {
    let mode = mode(ask, &said.place, rules).await?;
    let mut known = PingContext { staff, mode, staff_want_pings: true, ..PingContext::default() };
    known.announced = announced(ask, &said.place).await?;
    let is_found = |_: &Row| Ok(());
    let mut away = Some(Timestamp::MAX);
    for staff in known.staff.iter().take(STAFF_ASKED) {
        let (mut is_wanted, mut until) = (false, None);
        for account in accounts(roster, staff) {
            let wanted = statement(WANTED).bind(&account).bind(channel_of(&said.place));
            is_wanted |= ask.one(wanted, is_found).await?.is_some();
            let row = ask.one(statement(AWAY).bind(&account).bind(ms(now)), |row| row.moment("until_ms")).await?;
            until = until.max(row);
        }
        known.staff_want_pings &= is_wanted;
        away = away.zip(until).map(|(away, until)| away.min(until));
    }
    known.away_until = away.filter(|_| !known.staff.is_empty());
    let would_speak = speaks(mode) || known.away_until.is_some();
    if would_speak && access(ask, &said.place).await? == Some(Access::Closed) {
        // The bot cannot write there, so it could neither announce a mode nor ask anybody.
        (known.mode, known.announced, known.away_until) = (GuardMode::Observe, GuardMode::Observe, None);
    } else if speaks(mode) && is_news(known.announced, mode) {
        known.untold = untold(ask, roster, now).await?;
    }
    known.on_call = on_call::record::now(ask, roster, now).await?;
    let mut dismissed = HashSet::new();
    for account in roster.accounts(&said.author.who) {
        let author = account.to_string();
        let told = |row: &Row| row.moment_if("told_at_ms");
        known.asked_at = known.asked_at.max(ask.one(statement(LAST_TOLD).bind(&author), told).await?.flatten());
        let out = statement(OUT).bind(&author).bind(channel_of(&said.place));
        known.has_opted_out |= ask.one(out, is_found).await?.is_some();
        for staff in known.staff.iter().take(STAFF_ASKED) {
            let quiet = statement(QUIET).bind(&author).bind(staff).bind(ms(now));
            if ask.one(quiet, is_found).await?.is_some() {
                dismissed.insert(staff);
            }
        }
    }
    let asked = known.staff.iter().take(STAFF_ASKED).collect::<HashSet<_>>();
    known.is_dismissed_lately = !asked.is_empty() && asked.is_subset(&dismissed);
    Ok(known)
}

/// Stores until when an author is not asked about pings of a member of the staff, or of a group.
///
/// # Errors
/// If the database is away.
pub fn leave_alone(tx: &mut dyn Tx, author: &PersonRef, staff: &str, until: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(LEAVE_ALONE).bind(author.to_string()).bind(staff).bind(ms(until)))
}

/// Stores whether a person may be asked in the channel of this place. `is_out`: not to be asked.
///
/// # Errors
/// If the database is away.
pub fn opt_out(
    tx: &mut dyn Tx,
    who: &PersonRef,
    place: &Place,
    is_out: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    match is_out {
        true => tx.write(statement(OPT_OUT).bind(who.to_string()).bind(channel_of(place)).bind(ms(now))),
        false => tx.write(statement(OPT_IN).bind(who.to_string()).bind(channel_of(place))),
    }
}

/// Reads the guard mode of a place: the mode set by a command, else that of the settings. Where the settings switch the
/// guard off, no command switches it on.
///
/// # Errors
/// If the database is away.
pub async fn mode(ask: &mut dyn Ask, place: &Place, rules: &Rules) -> Result<GuardMode, StoreError> {
    if !rules.may_be_guarded(place) {
        return Ok(GuardMode::Off);
    }
    Ok(set_mode(ask, place).await?.unwrap_or_else(|| rules.guard(place)))
}

async fn set_mode(ask: &mut dyn Ask, place: &Place) -> Result<Option<GuardMode>, StoreError> {
    let read = |row: &Row| Ok(GuardMode::named(row.get("mode")?));
    Ok(ask.one(statement(MODE).bind(channel_of(place)), read).await?.flatten())
}

/// Reads the data needed to set the guard mode of a place.
///
/// # Errors
/// If the database is away.
pub async fn setting(
    ask: &mut dyn Ask,
    place: &Place,
    roster: &Roster,
    now: Timestamp,
) -> Result<ChannelGuard, StoreError> {
    let lacks_access = match access(ask, place).await? {
        Some(access) => access == Access::Closed,
        None => channels::knows_any(ask, &place.tenant).await?,
    };
    let (mode, announced) = (set_mode(ask, place).await?, announced(ask, place).await?);
    Ok(ChannelGuard { mode, announced, untold: untold(ask, roster, now).await?, lacks_access })
}

/// Returns the bot's access to the channel of this place, if the platform has reported it.
async fn access(ask: &mut dyn Ask, place: &Place) -> Result<Option<Access>, StoreError> {
    let channel = place.parent_channel();
    let known = channels::these(ask, std::slice::from_ref(&channel)).await?.remove(&channel);
    Ok(known.map(|known| known.access))
}

/// Reads the guard mode that was last announced in a channel. Before any announcement it is `Observe`: pings are only
/// counted.
async fn announced(ask: &mut dyn Ask, place: &Place) -> Result<GuardMode, StoreError> {
    let read = |row: &Row| Ok(GuardMode::named(row.get("mode")?));
    Ok(ask.one(statement(ANNOUNCED).bind(channel_of(place)), read).await?.flatten().unwrap_or(GuardMode::Observe))
}

/// Records that a guard mode is announced in a channel. Conflicts if another transaction has just announced the same
/// mode.
///
/// # Errors
/// If the database is away.
pub fn announce(tx: &mut dyn Tx, place: &Place, mode: GuardMode, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(ANNOUNCE).bind(channel_of(place)).bind(mode.name()).bind(ms(now)).or_conflict())
}

/// Reads one account of each member of the staff who was not told yet how the guard works.
async fn untold(ask: &mut dyn Ask, roster: &Roster, now: Timestamp) -> Result<Vec<PersonRef>, StoreError> {
    let (mut untold, mut seen) = (Vec::new(), HashSet::new());
    for who in roster.known_staff(now) {
        let accounts = roster.accounts(&who);
        if accounts.iter().any(|account| !seen.insert(account.clone())) {
            continue;
        }
        let mut is_told = false;
        for account in accounts {
            is_told |= ask.one(statement(WAS_BRIEFED).bind(account.to_string()), |_| Ok(())).await?.is_some();
        }
        if !is_told {
            untold.push(who);
        }
    }
    Ok(untold)
}

/// Stores the guard mode that a command sets for the channel of a place. `None`: the settings apply.
///
/// # Errors
/// If the database is away.
pub fn put_mode(tx: &mut dyn Tx, place: &Place, mode: Option<GuardMode>, now: Timestamp) -> Result<(), StoreError> {
    match mode {
        Some(mode) => tx.write(statement(SET_MODE).bind(channel_of(place)).bind(mode.name()).bind(ms(now))),
        None => tx.write(statement(UNSET_MODE).bind(channel_of(place))),
    }
}

/// Stores whether a member of the staff wants to be pinged in the channel of this place.
///
/// # Errors
/// If the database is away.
pub fn want(tx: &mut dyn Tx, who: &PersonRef, place: &Place, is_on: bool, now: Timestamp) -> Result<(), StoreError> {
    match is_on {
        true => tx.write(statement(WANT).bind(who.to_string()).bind(channel_of(place)).bind(ms(now))),
        false => tx.write(statement(UNWANT).bind(who.to_string()).bind(channel_of(place))),
    }
}

/// Stores until when a member of the staff is away. `None`: the person is back.
///
/// # Errors
/// If the database is away.
pub fn be_away(tx: &mut dyn Tx, who: &PersonRef, until: Option<Timestamp>) -> Result<(), StoreError> {
    match until {
        Some(until) => tx.write(statement(BE_AWAY).bind(who.to_string()).bind(ms(until))),
        None => tx.write(statement(BE_BACK).bind(who.to_string())),
    }
}

/// Records that a member of the staff was told how the guard works. Conflicts if they were told before.
///
/// # Errors
/// If the database is away.
pub fn record_told(tx: &mut dyn Tx, who: &PersonRef, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(RECORD_BRIEFED).bind(who.to_string()).bind(ms(now)).or_conflict())
}

/// Reads the pings since this moment, newest first, 10,000 at most.
///
/// # Errors
/// If the database is away.
pub async fn counted(ask: &mut dyn Ask, since: Timestamp) -> Result<Vec<ReportedPing>, StoreError> {
    let read = |row: &Row| {
        Ok(ReportedPing {
            ruling: ruling(row)?,
            end: row.get::<Option<String>>("ending")?.and_then(|name| PingOutcome::named(&name)),
            told: row.moment_if("told_at_ms")?.is_some(),
            staff: row.json("staff_json")?,
            place: row.json("place_json")?,
            message: row.json("message_json")?,
        })
    };
    ask.all(statement(SINCE).bind(ms(since)).bind(REPORTED), read).await
}

/// Replaces an account by an alias in the pings, and deletes the guard's settings and exceptions of the account.
/// Returns the number of rows.
///
/// # Errors
/// If the database is away.
pub async fn forget_of(tx: &mut dyn Tx, account: &PersonRef, alias: &PersonRef) -> Result<u64, StoreError> {
    let (account_text, alias) = (account.to_string(), alias.to_string());
    let authored = tx.rows(statement(RENAME_AUTHOR).bind(&account_text).bind(&alias)).await?.len();
    // The condition on the time is always true. It makes the database use the index by time.
    let named = statement(RENAME_STAFF).bind(i64::MIN).bind(format!("\"{account_text}\"")).bind(format!("\"{alias}\""));
    let named = tx.rows(named.bind(account_anywhere(account)?)).await?.len();
    let quiet = tx.rows(statement(FORGET_QUIET_OF).bind(&account_text)).await?.len()
        + tx.rows(statement(FORGET_QUIET_WITH).bind(&account_text)).await?.len();
    let mut own = 0;
    for text in [FORGET_OUT, FORGET_WANTED, FORGET_AWAY, FORGET_TOLD] {
        own += tx.rows(statement(text).bind(&account_text)).await?.len();
    }
    Ok((authored + named + quiet + own) as u64)
}

/// Deletes pings from before `then`. Also deletes absences that are over, and expired entries by which authors are not
/// asked.
///
/// # Errors
/// If the database is away.
pub fn tidy(tx: &mut dyn Tx, then: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(TIDY_QUIET).bind(ms(now)))?;
    tx.write(statement(TIDY_AWAY).bind(ms(now)))?;
    tx.write(statement(TIDY).bind(ms(then)))
}

/// Returns all accounts of a member of the staff, in the format of [`Ping::staff`]. A group has none.
fn accounts(roster: &Roster, staff: &str) -> Vec<String> {
    let person = staff.parse::<PersonRef>().ok();
    person.iter().flat_map(|person| roster.accounts(person)).map(|account| account.to_string()).collect()
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
        asked_at: row.moment_if("told_at_ms")?,
        end: row.get::<Option<String>>("ending")?.and_then(|name| PingOutcome::named(&name)),
        ticket: ticket.and_then(|key| key.parse().ok()),
    })
}
