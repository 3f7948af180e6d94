//! Outages in the database, and their audience: the channels to which they are announced.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::state::{Audience, Content, Delivered, Ledger, Outage, OutageWithLedger, Reach, Trouble, Unreached};
use crate::desk::services;
use crate::domain::channel::{Access, Channel};
use crate::domain::effect::{Effect, EffectKind, Outlet, Prior};
use crate::domain::ids::{OutageId, OutageKey, Person, PersonRef, Place, PlatformName};
use crate::domain::outage::{Phase, services_named_in};
use crate::domain::rules::Rules;
use crate::domain::subject::Subject;
use crate::domain::view::View;
use crate::store::row::{Row, account_anywhere, json, ms};
use crate::store::statement::texts;
use crate::store::{Ask, StoreError, Text, Tx, channels, outbox, standing, statement};

/// The places of an audience are numbered. Numbers from here on belong to channels that follow no service, which
/// therefore come last.
const EVERYWHERE: u64 = 1 << 62;
/// The word in the form that stands for every channel that the bot can write into.
const EVERYWHERE_WORD: &str = "everywhere";
/// How many channels one name in the form stands for at most.
const SAME_NAME: u32 = 500;
/// How many of the channels that other organisations read are searched at most for those that the settings allow.
const SHARED_AT_MOST: usize = 5_000;
/// How many unreached channels are named at most, for each reason.
const NAMED: usize = 5;
/// How many channels with a copy are named at most.
const SHOWN: usize = 10;
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
    OUTAGE = Text::both(outages!("WHERE id = $1"));
    OUTAGE_BY_KEY = Text::both(outages!("WHERE key = $1"));
    /// Selects the outages of a phase, the one changed longest ago first.
    OUTAGES_IN = Text::both(outages!("WHERE phase = $1 ORDER BY changed_at_ms, id LIMIT $2"));
    /// Draws the number of the next outage. The row's lock keeps other transactions from drawing until the commit.
    NEXT_OUTAGE = Text::both("UPDATE counters SET value = value + 1 WHERE name = 'outage_ids' RETURNING value");
    /// Skips numbers of outages.
    SKIP_OUTAGES = Text::both("UPDATE counters SET value = value + $1 WHERE name = 'outage_ids'");
    INSERT_OUTAGE = Text::both(
        "INSERT INTO outages (id, key, phase, severity, content_json, owner, owner_json, version, opened_at_ms, changed_at_ms, \
         ended_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    );
    UPDATE_OUTAGE = Text::both(
        "UPDATE outages SET key = $2, phase = $3, severity = $4, content_json = $5, owner = $6, owner_json = $7, version = $8, \
         opened_at_ms = $9, changed_at_ms = $10, ended_at_ms = $11 WHERE id = $1 AND version = $12"
    );
    /// Deletes drafts from before a moment.
    FORGET_DRAFTS = Text::both("DELETE FROM outages WHERE phase = 'drafted' AND changed_at_ms < $1");
    /// Selects the outages that an account announced. `LIKE` may find others, too.
    OUTAGES_BY = Text::both("SELECT id, owner_json FROM outages WHERE id > $1 AND owner_json LIKE $2");
    /// Replaces the owner of an outage.
    SIGN_OUTAGE =
        Text::both("UPDATE outages SET owner = $2, owner_json = $3, version = version + 1 WHERE id = $1");
    /// Selects the channels that follow a service, or stopped following it after a moment, in the order of their
    /// numbers.
    FOLLOWERS = Text::both(
        "SELECT number, place_json FROM followed_services WHERE service = $1 AND number > $2 \
         AND (until_ms IS NULL OR until_ms > $3) ORDER BY number LIMIT $4"
    );
    /// Selects the services that a channel follows, or stopped following after a moment.
    FOLLOWED = Text::both(
        "SELECT service, number, place_json FROM followed_services WHERE place_json = $1 AND (until_ms IS NULL OR until_ms > $2)"
    );
    /// Selects the services that a channel follows now.
    FOLLOWS_NOW = Text::both(
        "WITH v (place_json) AS (VALUES ($1)) SELECT f.place_json, f.service FROM v JOIN followed_services AS f \
         ON f.place_json = v.place_json WHERE f.until_ms IS NULL"
    );
}

/// Reads an outage by its id.
///
/// # Errors
/// If the database is away.
pub async fn by_id(ask: &mut dyn Ask, id: OutageId) -> Result<Option<Outage>, StoreError> {
    ask.one(statement(OUTAGE).bind(id.0), outage).await
}

/// Reads an outage by its key.
///
/// # Errors
/// If the database is away.
pub async fn by_key(ask: &mut dyn Ask, key: &OutageKey) -> Result<Option<Outage>, StoreError> {
    ask.one(statement(OUTAGE_BY_KEY).bind(key.to_string()), outage).await
}

/// Reads the outage of this key with its ledger, as announcers see it.
///
/// # Errors
/// If the database is away.
pub async fn seen(ask: &mut dyn Ask, key: &OutageKey) -> Result<Option<OutageWithLedger>, StoreError> {
    match by_key(ask, key).await? {
        Some(outage) => with_ledger(ask, outage).await.map(Some),
        None => Ok(None),
    }
}

/// Reads the outage of this id with its ledger, as announcers see it.
///
/// # Errors
/// If the database is away.
pub async fn seen_by_id(ask: &mut dyn Ask, id: OutageId) -> Result<Option<OutageWithLedger>, StoreError> {
    match by_id(ask, id).await? {
        Some(outage) => with_ledger(ask, outage).await.map(Some),
        None => Ok(None),
    }
}

async fn with_ledger(ask: &mut dyn Ask, outage: Outage) -> Result<OutageWithLedger, StoreError> {
    let ledger = ledger(ask, &outage).await?;
    let about = Subject::from(outage.id);
    let refused = match ledger.total().held {
        0 => Vec::new(),
        _ => outbox::held_about(ask, &about, View::Outage.name(), NAMED).await?,
    };
    let placed = |(what, why): (EffectKind, String)| match what {
        EffectKind::Show { at, .. } => Some((at.place().clone(), why)),
        EffectKind::Refresh { at, .. } => Some((at, why)),
        _ => None,
    };
    let refused: Vec<(Place, String)> = refused.into_iter().filter_map(placed).collect();
    let some = standing::page_after(ask, &about, View::Outage.name(), (0, u64::MAX), SHOWN).await?;
    let copies: Vec<Place> = some.into_iter().map(|(_, copy)| copy.place).collect();
    let places: Vec<Place> = refused.iter().map(|(place, _)| place.clone()).chain(copies.iter().cloned()).collect();
    let known = channels::these(ask, &places).await?;
    let name = |place: &Place| known.get(place).map(|channel| channel.name.clone()).unwrap_or_default();
    let copies = copies.iter().map(|place| (place.clone(), name(place))).collect();
    let trouble = |(place, why): (Place, String)| {
        let name = name(&place);
        Trouble { place, name, why }
    };
    Ok(OutageWithLedger { outage, ledger, copies, troubles: refused.into_iter().map(trouble).collect() })
}

/// Reads the ledger of an outage: how far it has been delivered to its channels.
///
/// # Errors
/// If the database is away.
pub async fn ledger(ask: &mut dyn Ask, outage: &Outage) -> Result<Ledger, StoreError> {
    let (about, copies) = (Subject::from(outage.id), View::Outage.name());
    // Read first: a spread may end between two reads. Read last, it would look as if nothing had ever waited.
    let is_spreading = outbox::counts_about(ask, &about, copies, Outlet::Local, outage.changed_at).await?.waiting > 0;
    let mut of = Vec::new();
    for platform in PlatformName::ALL {
        let counts = outbox::counts_about(ask, &about, copies, platform.into(), outage.changed_at).await?;
        let stands = standing::places(ask, &about, copies, platform).await?;
        of.push(Delivered { stands, waiting: counts.waiting, held: counts.held, failed: counts.failed });
    }
    let last_copy = standing::last(ask, &about, copies).await?;
    Ok(Ledger { slack: of[0], discord: of[1], is_spreading, last_copy })
}

/// Reads the running outages, at most `limit` of each phase. Within a phase, the one changed longest ago comes first.
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

/// Draws the id and the key for the next outage.
///
/// # Errors
/// If the database is away.
pub async fn next(tx: &mut dyn Tx, prefix: &str) -> Result<(OutageId, OutageKey), StoreError> {
    let drawn = tx.rows(statement(NEXT_OUTAGE)).await?;
    let row = drawn.first().ok_or_else(|| StoreError::Corrupt("the sequence outage_ids is missing".to_owned()))?;
    let id = row.get("value")?;
    Ok((OutageId(id), OutageKey::new(prefix, id)))
}

/// Skips the next `by` keys.
///
/// # Errors
/// If the database is away.
pub async fn skip_keys(tx: &mut dyn Tx, by: i64) -> Result<(), StoreError> {
    tx.write(statement(SKIP_OUTAGES).bind(by))
}

/// Inserts an outage.
///
/// # Errors
/// If the database is away.
pub fn insert(tx: &mut dyn Tx, outage: &Outage) -> Result<(), StoreError> {
    tx.write(bind_all(statement(INSERT_OUTAGE), outage)?)
}

/// Updates an outage, whose version is one more than the version that was read. Conflicts if the outage was changed
/// meanwhile.
///
/// # Errors
/// If the database is away.
pub fn update(tx: &mut dyn Tx, outage: &Outage) -> Result<(), StoreError> {
    tx.write(bind_all(statement(UPDATE_OUTAGE), outage)?.bind(outage.version - 1).or_conflict())
}

/// Reads at most `limit` channels of an outage's audience with a number greater than `after`, each once with its
/// number. First come the channels that follow one of its services or former services, or did so when it was announced,
/// and the channels that were named for it. Then, if it goes everywhere, come all others.
///
/// # Errors
/// If the database is away.
pub async fn audience(
    ask: &mut dyn Ask,
    outage: &Outage,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Place)>, StoreError> {
    let mut found = if after < EVERYWHERE { followers(ask, outage, after, limit).await? } else { Vec::new() };
    let mut after = after.saturating_sub(EVERYWHERE);
    while outage.content.everywhere && found.len() < limit {
        let page = channels::behind(ask, Access::Open, after, limit).await?;
        let Some((last, ..)) = page.last() else { break };
        after = *last;
        let places: Vec<String> = page.iter().map(|(_, place, _)| json(place)).collect::<Result<_, _>>()?;
        let rows: Vec<(u64, String)> = places.iter().map(|place| (0, place.clone())).collect();
        let followers = first_numbers(ask, &keys(outage), ms(outage.opened_at), &rows).await?;
        let others = page.into_iter().zip(places).filter(|(_, place)| !followers.contains_key(place));
        found.extend(others.map(|((number, place, _), _)| (EVERYWHERE + number, place)).take(limit - found.len()));
    }
    Ok(found)
}

/// Reads at most `limit` places for news beside the copies of an outage, with the numbers of these copies, which are
/// greater than `after` and at most `through`. On Slack the place is the thread under the copy. On Discord an update of
/// a copy takes no longer than a post, so a place (the channel) is returned only if [`Outage::ends_anew`].
///
/// # Errors
/// If the database is away.
pub async fn beside_copies(
    ask: &mut dyn Ask,
    outage: &Outage,
    (after, through): (u64, u64),
    limit: usize,
    rules: &Rules,
) -> Result<Vec<(u64, Place)>, StoreError> {
    let (about, is_over) = (Subject::from(outage.id), outage.ends_anew(&rules.outages));
    let mut after = after;
    let mut found = Vec::new();
    while found.len() < limit {
        let page =
            standing::page_after(ask, &about, View::Outage.name(), (after, through), limit - found.len()).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        found.extend(page.into_iter().filter_map(|(number, copy)| match copy.place.platform() {
            PlatformName::Slack => Some((number, copy.place.thread(&copy.message.id))),
            PlatformName::Discord => is_over.then_some((number, copy.place)),
        }));
    }
    Ok(found)
}

/// Reads the part of [`audience`] that consists of followers: of a service, of a former service, or of the outage
/// itself. A channel that follows several of them comes at its lowest number.
async fn followers(
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

/// Reads the lowest number of each of these channels among the followers of these services.
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

/// Returns those of `places` in which an outage may be posted for the first time: channels that follow one of its
/// services now or were named for it, or all channels if it goes everywhere. Left out are the desk's own channels, and
/// channels that people of other organisations read, unless the settings allow these.
///
/// # Errors
/// If the database is away.
pub async fn hearing(
    ask: &mut dyn Ask,
    outage: &Outage,
    places: &[Place],
    rules: &Rules,
) -> Result<HashSet<Place>, StoreError> {
    let known = channels::these(ask, places).await?;
    let mut asked = Vec::with_capacity(places.len());
    for place in places {
        asked.push(statement(FOLLOWS_NOW).bind(json(place)?));
    }
    let now: Vec<String> = outage.content.services.iter().map(|service| service.key.clone()).collect();
    let named = outage.key.to_string();
    let rows = ask.all_of(asked, |row| Ok((row.get::<String>("place_json")?, row.get::<String>("service")?))).await?;
    let following: HashSet<String> = rows
        .into_iter()
        .filter(|(_, service)| now.contains(service) || *service == named)
        .map(|(place, _)| place)
        .collect();
    let mut hearing = HashSet::new();
    for place in places {
        let access = known.get(place).map(|channel| channel.access);
        let is_meant = outage.content.everywhere || following.contains(&json(place)?);
        if is_meant && !rules.is_triage(place) && (access != Some(Access::Shared) || rules.outages.takes_shared(place))
        {
            hearing.insert(place.clone());
        }
    }
    Ok(hearing)
}

/// Draws the id and the key for a new outage, and reads its audience. `services`: the services as the form names them.
/// `also`: further channels by their names, or the word `everywhere`, separated by commas or lines.
///
/// # Errors
/// If the database is away.
pub async fn drafting(
    tx: &mut dyn Tx,
    rules: &Rules,
    services: &str,
    also: &str,
) -> Result<(OutageId, OutageKey, Audience), StoreError> {
    let (id, key) = next(tx, &rules.outages.key_prefix).await?;
    let services = services_named_in(&rules.services, services).unwrap_or_default();
    let mut audience = Audience::default();
    for word in also.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty()) {
        if word.eq_ignore_ascii_case(EVERYWHERE_WORD) {
            audience.everywhere = true;
            continue;
        }
        let (platform, name) = match word.split_once(':') {
            Some((platform, name)) => (platform.trim().to_lowercase().parse::<PlatformName>().ok(), name.trim()),
            None => (None, word),
        };
        let name = name.trim_start_matches('#').to_lowercase();
        let found = channels::named(tx, &name, platform, SAME_NAME).await?;
        if found.is_empty() {
            audience.unknown.get_or_insert_with(|| word.to_owned());
        }
        audience.also.extend(found.into_iter().map(|(place, _)| place));
    }
    if audience.everywhere {
        // `everywhere` reaches only open channels. Shared ones that the settings allow are added by their places.
        let shared = channels::behind(tx, Access::Shared, 0, SHARED_AT_MOST).await?.into_iter();
        audience.also.extend(shared.map(|(_, place, _)| place).filter(|place| rules.outages.takes_shared(place)));
    }
    let services: Vec<String> = services.into_iter().map(|service| service.key.clone()).collect();
    audience.reach = reach(tx, &services, &audience, rules).await?;
    Ok((id, key, audience))
}

/// Counts the channels that follow one of these services now or are in this audience, and those of them that cannot be
/// reached.
///
/// # Errors
/// If the database is away.
pub async fn reach(
    ask: &mut dyn Ask,
    services: &[String],
    audience: &Audience,
    rules: &Rules,
) -> Result<Reach, StoreError> {
    let mut met: HashSet<Place> = audience.also.iter().cloned().collect();
    for service in services {
        met.extend(services::record::followers_now(ask, service).await?);
    }
    let mut met = Vec::from_iter(met);
    met.retain(|place| !rules.is_triage(place));
    met.sort();
    let known = channels::these(ask, &met).await?;
    let mut reach = Reach::default();
    for place in met {
        let channel = known.get(&place);
        let is_left_out = match channel.map(|channel| channel.access) {
            Some(Access::Closed) => {
                reach.closed += 1;
                true
            }
            Some(Access::Shared) if !rules.outages.takes_shared(&place) => {
                reach.shared += 1;
                true
            }
            // All open channels are counted together below.
            Some(Access::Open) if audience.everywhere => false,
            _ => {
                match place.platform() {
                    PlatformName::Slack => reach.slack += 1,
                    PlatformName::Discord => reach.discord += 1,
                }
                false
            }
        };
        if let Some(channel) = channel.filter(|_| is_left_out) {
            leave_out(&mut reach, place, channel.clone());
        }
    }
    if audience.everywhere {
        for access in [Access::Closed, Access::Shared] {
            let known = channels::behind(ask, access, 0, NAMED).await?;
            let others = known.into_iter().filter(|(_, place, _)| !rules.outages.takes_shared(place));
            others.for_each(|(_, place, channel)| leave_out(&mut reach, place, channel));
        }
        reach.closed = channels::count_with(ask, Access::Closed).await?;
        let allowed = audience.also.iter().filter(|place| rules.outages.takes_shared(place)).count() as u64;
        reach.shared = channels::count_with(ask, Access::Shared).await?.saturating_sub(allowed);
        // The desk's own channels have cards instead of copies.
        let ours = |name| rules.triage.iter().filter(|place| place.platform() == name).count() as u64;
        for (platform, count) in PlatformName::ALL.into_iter().zip([&mut reach.slack, &mut reach.discord]) {
            *count += channels::open_on(ask, platform).await?.saturating_sub(ours(platform));
        }
    }
    Ok(reach)
}

/// Adds a channel to the named unreached ones, unless enough are named for its reason already.
fn leave_out(reach: &mut Reach, place: Place, channel: Channel) {
    let named = reach.unreached.iter().filter(|one| one.channel.access == channel.access).count();
    if named < NAMED && reach.unreached.iter().all(|one| one.place != place) {
        reach.unreached.push(Unreached { place, channel });
    }
}

/// Returns the keys of which the audience follows at least one: those of the services and former services, and the
/// outage's own key, which channels follow that were named for it.
#[must_use]
pub fn keys(outage: &Outage) -> Vec<String> {
    let services = outage.content.services.iter().map(|service| service.key.clone());
    services.chain(outage.content.former.iter().cloned()).chain([outage.key.to_string()]).collect()
}

/// Releases the held effects of an outage, so that they are tried again.
///
/// # Errors
/// If the database is away.
pub fn retry(tx: &mut dyn Tx, id: OutageId, now: Timestamp) -> Result<(), StoreError> {
    outbox::release_about(tx, &id.into(), View::Outage.name(), now)
}

/// Gives up the held effects of an outage.
///
/// # Errors
/// If the database is away.
pub fn give_up(tx: &mut dyn Tx, id: OutageId, now: Timestamp) -> Result<(), StoreError> {
    outbox::give_up_about(tx, &id.into(), View::Outage.name(), now)
}

/// Deletes drafts that were never announced, one day after they were written.
///
/// # Errors
/// If the database is away.
pub fn tidy(tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
    let then = now.checked_sub(DRAFT_KEPT).unwrap_or(Timestamp::MIN);
    tx.write(statement(FORGET_DRAFTS).bind(ms(then)))
}

/// Replaces an account by `alias` as the owner of outages, and refreshes the desk's cards. Returns the number of
/// outages.
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
        // The new version makes a concurrent change of the outage conflict, so that it cannot write the name back.
        tx.write(statement(SIGN_OUTAGE).bind(id.0).bind(alias.who.to_string()).bind(json(alias)?))?;
        for stands in standing::of(tx, &id.into()).await? {
            if stands.view == View::OutageCard.name() {
                let refresh = EffectKind::Refresh { view: View::OutageCard, at: stands.place };
                outbox::enqueue(tx, &Effect::about(Subject::from(id), refresh), Prior::Unknown, now).await?;
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
