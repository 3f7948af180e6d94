//! Outages, and the channels that follow services.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::state::{Content, Ledger, Outage, Reach, Seen};
use crate::domain::effect::{Effect, EffectKind};
use crate::domain::ids::{OutageId, OutageKey, Person, PersonRef, Place, PlatformName};
use crate::domain::outage::Phase;
use crate::domain::subject::Subject;
use crate::domain::view::View;
use crate::store::row::{Row, account_anywhere, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, outbox, standing, statement};

/// How long a draft of an announcement is kept.
const DRAFT_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The columns that [`outage`] reads.
macro_rules! outages {
    ($rest:literal) => {
        concat!(
            "SELECT id, key, phase, severity, content_json, owner_json, version, opened_at_ms, changed_at_ms, ended_at_ms \
             FROM outages ",
            $rest
        )
    };
}

texts! {
    /// An outage by its number.
    OUTAGE = Text::both(outages!("WHERE id = $1"));
    /// An outage by its key.
    OUTAGE_BY_KEY = Text::both(outages!("WHERE key = $1"));
    /// Outages of a phase, the oldest first.
    OUTAGES_IN = Text::both(outages!("WHERE phase = $1 ORDER BY changed_at_ms, id LIMIT $2"));
    /// The number of the next outage: who draws one keeps others from drawing until then.
    NEXT_OUTAGE = Text::both("UPDATE counters SET value = value + 1 WHERE name = 'outage_ids' RETURNING value");
    /// A new outage.
    INSERT_OUTAGE = Text::both(
        "INSERT INTO outages (id, key, phase, severity, content_json, owner, owner_json, version, opened_at_ms, changed_at_ms, \
         ended_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    );
    /// An outage as it is now.
    UPDATE_OUTAGE = Text::both(
        "UPDATE outages SET key = $2, phase = $3, severity = $4, content_json = $5, owner = $6, owner_json = $7, version = $8, \
         opened_at_ms = $9, changed_at_ms = $10, ended_at_ms = $11 WHERE id = $1 AND version = $12"
    );
    /// Drafts from before a moment are forgotten.
    FORGET_DRAFTS = Text::both("DELETE FROM outages WHERE phase = 'drafted' AND changed_at_ms < $1");
    /// Outages that an account announced.
    OUTAGES_BY = Text::both("SELECT id, owner_json FROM outages WHERE id > $1 AND owner_json LIKE $2");
    /// Who announced an outage.
    SIGN_OUTAGE =
        Text::both("UPDATE outages SET owner = $2, owner_json = $3, version = version + 1 WHERE id = $1");
    /// A channel follows a service.
    FOLLOW = Text::both(
        "INSERT INTO followed_services (service, place_json, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (place_json, service) DO UPDATE SET until_ms = NULL"
    );
    /// A channel follows a service no more: it hears the end of what it has heard of.
    UNFOLLOW = Text::both("UPDATE followed_services SET until_ms = $3 WHERE place_json = $1 AND service = $2 AND until_ms IS NULL");
    /// Channels that follow a service, in the order in which they began to.
    FOLLOWERS = Text::both(
        "SELECT number, place_json FROM followed_services WHERE service = $1 AND number > $2 \
         AND (until_ms IS NULL OR until_ms > $3) ORDER BY number LIMIT $4"
    );
    /// What a channel follows.
    FOLLOWED = Text::both(
        "SELECT service, number, place_json FROM followed_services WHERE place_json = $1 AND (until_ms IS NULL OR until_ms > $2)"
    );
    /// Every channel that follows a service now.
    FOLLOW_NOW = Text::both("SELECT place_json FROM followed_services WHERE service = $1 AND until_ms IS NULL");
}

/// An outage by its number.
///
/// # Errors
/// If the database is away.
pub async fn by_id(ask: &mut dyn Ask, id: OutageId) -> Result<Option<Outage>, StoreError> {
    ask.one(statement(OUTAGE).bind(id.0), outage).await
}

/// An outage by its key.
///
/// # Errors
/// If the database is away.
pub async fn by_key(ask: &mut dyn Ask, key: &OutageKey) -> Result<Option<Outage>, StoreError> {
    ask.one(statement(OUTAGE_BY_KEY).bind(key.to_string()), outage).await
}

/// What those who announce see of the outage of this key.
///
/// # Errors
/// If the database is away.
pub async fn seen(ask: &mut dyn Ask, key: &OutageKey) -> Result<Option<Seen>, StoreError> {
    let Some(outage) = by_key(ask, key).await? else { return Ok(None) };
    let about = Subject::from(outage.id);
    let copies = View::Outage.name();
    let counts = outbox::counts_about(ask, &about, copies).await?;
    let stands = standing::places(ask, &about, copies).await?;
    let ledger = Ledger { stands, waiting: counts.waiting, held: counts.held, failed: counts.failed };
    Ok(Some(Seen { outage, ledger }))
}

/// Outages that are running, the one that was changed longest ago first.
///
/// # Errors
/// If the database is away.
pub async fn running(ask: &mut dyn Ask, limit: u32) -> Result<Vec<Outage>, StoreError> {
    let mut found = Vec::new();
    for phase in Phase::ALL.into_iter().filter(|phase| phase.is_running()) {
        found.extend(ask.all(statement(OUTAGES_IN).bind(phase.as_str()).bind(i64::from(limit)), outage).await?);
    }
    Ok(found)
}

/// The number and the key of the next outage.
///
/// # Errors
/// If the database is away.
pub async fn next(tx: &mut dyn Tx, prefix: &str) -> Result<(OutageId, OutageKey), StoreError> {
    let drawn = tx.rows(statement(NEXT_OUTAGE)).await?;
    let row = drawn.first().ok_or_else(|| StoreError::Corrupt("there are no numbers of outages".to_owned()))?;
    let id = row.get("value")?;
    Ok((OutageId(id), OutageKey::new(prefix, id)))
}

/// Writes a new outage.
///
/// # Errors
/// If the database is away.
pub fn insert(tx: &mut dyn Tx, outage: &Outage) -> Result<(), StoreError> {
    tx.write(bind_all(statement(INSERT_OUTAGE), outage)?)
}

/// Writes an outage as it is now; its version is one more than what was read. A conflict if somebody else changed it meanwhile.
///
/// # Errors
/// If the database is away.
pub fn update(tx: &mut dyn Tx, outage: &Outage) -> Result<(), StoreError> {
    tx.write(bind_all(statement(UPDATE_OUTAGE), outage)?.bind(outage.version - 1).or_conflict())
}

/// A channel follows a service from now on.
///
/// # Errors
/// If the database is away.
pub fn follow(tx: &mut dyn Tx, service: &str, place: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(FOLLOW).bind(service).bind(json(place)?).bind(ms(now)))
}

/// A channel follows a service no more.
///
/// # Errors
/// If the database is away.
pub fn unfollow(tx: &mut dyn Tx, service: &str, place: &Place, now: Timestamp) -> Result<(), StoreError> {
    tx.write(statement(UNFOLLOW).bind(json(place)?).bind(service).bind(ms(now)))
}

/// The next channels that are to hear of an outage, behind this one, each once and with its number: those that follow one of its
/// services, and those that did when it was announced.
///
/// # Errors
/// If the database is away.
pub async fn followers(
    ask: &mut dyn Ask,
    outage: &Outage,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Place)>, StoreError> {
    let (services, since) = (keys(outage), ms(outage.opened_at));
    let (mut after, mut found) = (after, Vec::new());
    loop {
        let mut rows: Vec<(u64, String)> = Vec::new();
        for service in &services {
            let asked = statement(FOLLOWERS).bind(service).bind(i64::try_from(after).unwrap_or(i64::MAX)).bind(since);
            let read = |row: &Row| Ok((row.count("number")?, row.get("place_json")?));
            rows.extend(ask.all(asked.bind(i64::try_from(limit).unwrap_or(i64::MAX)), read).await?);
        }
        rows.sort_by_key(|(number, _)| *number);
        rows.truncate(limit);
        let is_last = rows.len() < limit;
        let firsts =
            if services.len() > 1 { first_numbers(ask, &services, since, &rows).await? } else { HashMap::new() };
        for (number, place) in rows {
            after = number;
            if firsts.get(&place).is_none_or(|first| *first == number) {
                let place = serde_json::from_str(&place).map_err(|error| StoreError::Corrupt(error.to_string()))?;
                found.push((number, place));
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// The numbers under which these channels are first met among the followers of these services.
async fn first_numbers(
    ask: &mut dyn Ask,
    services: &[String],
    since: i64,
    rows: &[(u64, String)],
) -> Result<HashMap<String, u64>, StoreError> {
    let asked = rows.iter().map(|(_, place)| statement(FOLLOWED).bind(place).bind(since)).collect();
    let read =
        |row: &Row| Ok((row.get::<String>("service")?, row.count::<u64>("number")?, row.get::<String>("place_json")?));
    let mut firsts: HashMap<String, u64> = HashMap::new();
    for (service, number, place) in ask.all_of(asked, read).await? {
        if services.contains(&service) {
            firsts.entry(place).and_modify(|first| *first = number.min(*first)).or_insert(number);
        }
    }
    Ok(firsts)
}

/// How many channels follow one of these services now.
///
/// # Errors
/// If the database is away.
pub async fn reach(ask: &mut dyn Ask, services: &[String]) -> Result<Reach, StoreError> {
    let mut met = HashSet::new();
    for service in services {
        met.extend(ask.all(statement(FOLLOW_NOW).bind(service), |row| row.get::<String>("place_json")).await?);
    }
    let mut reach = Reach::default();
    for place in met {
        let place: Place = serde_json::from_str(&place).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        match place.platform() {
            PlatformName::Slack => reach.slack += 1,
            PlatformName::Discord => reach.discord += 1,
        }
    }
    Ok(reach)
}

/// The keys of an outage's services.
#[must_use]
pub fn keys(outage: &Outage) -> Vec<String> {
    outage.content.services.iter().map(|service| service.key.clone()).collect()
}

/// Forgets announcements that were written and never sent.
///
/// # Errors
/// If the database is away.
pub fn tidy(tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
    let then = now.checked_sub(DRAFT_KEPT).unwrap_or(Timestamp::MIN);
    tx.write(statement(FORGET_DRAFTS).bind(ms(then)))
}

/// Puts `alias` in the place of an account that announced outages, on the desk's cards, too; how many there were.
///
/// # Errors
/// If the database is away.
pub async fn rename(tx: &mut dyn Tx, account: &PersonRef, alias: &Person, now: Timestamp) -> Result<u64, StoreError> {
    let mut found = 0;
    for row in tx.rows(statement(OUTAGES_BY).bind(0).bind(account_anywhere(account)?)).await? {
        if row.json::<Person>("owner_json")?.who != *account {
            continue;
        }
        found += 1;
        let id = OutageId(row.get("id")?);
        // Whoever changes it meanwhile decides again, so that the name does not come back.
        tx.write(statement(SIGN_OUTAGE).bind(id.0).bind(alias.who.to_string()).bind(json(alias)?))?;
        for stands in standing::of(tx, &id.into()).await? {
            if stands.view == View::OutageCard.name() {
                let refresh = EffectKind::Refresh { view: View::OutageCard, at: stands.place };
                outbox::enqueue(tx, &Effect::about(Subject::from(id), refresh), false, now).await?;
            }
        }
    }
    Ok(found)
}

fn bind_all(query: crate::store::Statement, outage: &Outage) -> Result<crate::store::Statement, StoreError> {
    Ok(query
        .bind(outage.id.0)
        .bind(outage.key.to_string())
        .bind(outage.phase.as_str())
        .bind(outage.severity.as_str())
        .bind(json(&outage.content)?)
        .bind(outage.owner.who.to_string())
        .bind(json(&outage.owner)?)
        .bind(outage.version)
        .bind(ms(outage.opened_at))
        .bind(ms(outage.changed_at))
        .bind(outage.ended_at.map(ms)))
}

fn outage(row: &Row) -> Result<Outage, StoreError> {
    let content: Content = row.json("content_json")?;
    Ok(Outage {
        id: OutageId(row.get("id")?),
        key: row.named("key")?,
        phase: row.named("phase")?,
        severity: row.named("severity")?,
        content,
        owner: row.json("owner_json")?,
        version: row.get("version")?,
        opened_at: row.moment("opened_at_ms")?,
        changed_at: row.moment("changed_at_ms")?,
        ended_at: row.moment_if("ended_at_ms")?,
    })
}
