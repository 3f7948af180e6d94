//! Classifies pings of staff, and reads the data for deciding about them.

use crate::desk::guard::state::{PingContext, PingOutcome};
use crate::desk::hear::{Desk, Heard, Looked};
use crate::desk::plan::origin_of;
use crate::desk::{conversation, guard, on_call, outages, tickets};
use crate::domain::event::{DedupeKey, Found, Look, LookFor, Said};
use crate::domain::ids::{PersonRef, PingId};
use crate::domain::rules::GuardMode;
use crate::store::{StoreError, Tx};

/// How many running outages are compared with a ping.
const OUTAGES: u32 = 20;

/// Classifies a message that does not address the desk: it may ping staff.
pub(in crate::desk) async fn pinged<'e>(tx: &mut dyn Tx, desk: &Desk, said: &'e Said) -> Result<Heard<'e>, StoreError> {
    let names_nobody = said.mentions.is_empty() && said.groups.is_empty() && said.notifies.is_none();
    if names_nobody || !desk.rules.may_be_guarded(&said.place) {
        return Ok(Heard::Nobody);
    }
    let roster = &desk.roster;
    // The guard lets pings by staff, and by people whom the settings exempt, pass.
    if roster.is_exempt(&said.author, desk.now) {
        return Ok(Heard::Nobody);
    }
    let staff = guard::state::staff_pinged(said, roster, desk.now);
    if staff.is_empty() {
        return Ok(Heard::Nobody);
    }
    let known = known(tx, desk, said, staff).await?;
    if known.mode == GuardMode::Off {
        return Ok(Heard::Nobody);
    }
    Ok(Heard::Pinged(said, Box::new(known)))
}

/// Classifies the result of a [`Look`]: a message was read from the platform because of a ping of staff, or to make it
/// a request on behalf of its author.
pub(in crate::desk) async fn looked<'e>(
    tx: &mut dyn Tx,
    desk: &Desk,
    look: &'e Look,
    found: Option<&'e Found>,
) -> Result<Heard<'e>, StoreError> {
    let ping = match &look.why {
        LookFor::Judge(id) | LookFor::Request { ping: id, .. } => guard::record::by_id(tx, id).await?,
        LookFor::Behalf { .. } => None,
    };
    let on_call = on_call::record::now(tx, &desk.roster, desk.now).await?;
    let mut known = PingContext { on_call, ..PingContext::default() };
    if let (Some(ping), Some(said)) = (&ping, found.and_then(|found| found.message.as_ref())) {
        known = self::known(tx, desk, said, ping.staff.clone()).await?;
    }
    let thread = origin_of(&look.place, &look.message);
    let mut existing_ticket = conversation::record::ticket_at(tx, &thread).await?.map(|(ticket, _)| ticket);
    if existing_ticket.is_none() {
        existing_ticket = conversation::record::ticket_of_message(tx, &look.message).await?.map(|(ticket, _)| ticket);
    }
    // A ping in a channel counts as part of a request that its author has just made there.
    if let (None, None, LookFor::Judge(_), Some(ping)) = (&existing_ticket, look.place.root(), &look.why, &ping) {
        let (by, since) = (desk.roster.accounts(&ping.author), desk.rules.burst_since(ping.at));
        existing_ticket = tickets::record::burst(tx, &by, &look.place, since, desk.now).await?;
    }
    Ok(Heard::Looked(look, found, Box::new(Looked { ping, known, existing_ticket })))
}

/// Reads the circumstances of a message that pings these members of the staff.
async fn known(tx: &mut dyn Tx, desk: &Desk, said: &Said, staff: Vec<String>) -> Result<PingContext, StoreError> {
    let roster = &desk.roster;
    let mut known = guard::record::pinged(tx, said, staff, (roster, &desk.rules), desk.now).await?;
    let pings = |who: &PersonRef| roster.accounts(who).iter().any(|account| known.staff.contains(&account.to_string()));
    if known.on_call.iter().any(|one| pings(&one.who)) {
        let running = outages::record::running(tx, OUTAGES).await?;
        let is_down =
            |key: &str| running.iter().any(|outage| outage.content.services.iter().any(|service| service.key == key));
        let mut services = desk.rules.services.iter();
        known.is_about_outage = services.any(|service| is_down(&service.key) && service.is_named_in(&said.text));
    }
    Ok(known)
}

/// Whether an edit addresses the desk for the first time, and the message is stored as a ping of staff. The dedupe key
/// of such a message is known, but the message has opened no ticket.
pub(in crate::desk) async fn is_now_for_desk(tx: &mut dyn Tx, said: &Said) -> Result<bool, StoreError> {
    let ping = PingId::of(&DedupeKey::message(&said.message));
    let ping = guard::record::by_id(tx, &ping).await?.filter(|ping| ping.end != Some(PingOutcome::Addressed));
    Ok(said.addresses_desk() && ping.is_some())
}
