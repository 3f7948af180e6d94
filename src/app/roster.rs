//! Reads the members of the desk's groups from the platforms.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::clock::real;
use crate::domain::effect::Undeliverable;
use crate::domain::ids::{PersonRef, PlatformName};
use crate::domain::permission::GroupRef;
use crate::health::{Health, Kind};
use crate::intake::{Intake, Prover};
use crate::outbox::backoff;
use crate::platform::{DeliveryError, Platform, Proven};

/// How long to wait before reading the roster again after a failure, in the clock's time.
const ROSTER_AGAIN_AFTER: Duration = Duration::from_secs(30);
const CANNOT_BE_READ: &str = "who is in the desk's groups cannot be read";

/// The result of reading a platform's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// All groups are known.
    Whole,
    /// The platform refuses the missing groups: an operator must fix that.
    Refused,
    /// A group could not be read; another try is worthwhile after this time.
    NotYet(Duration),
}

/// Reads the members of groups until the platform has answered, or refused. An agent's words count as an act only if
/// the agent is known, so no event may be decided before. The waits are real time, as at any start.
pub(super) async fn learn_roster(platform: &dyn Platform, intake: &Intake, health: &Health) -> Reading {
    let mut tries = 0;
    loop {
        let reading = refresh_roster(platform, intake).await;
        let Reading::NotYet(asked) = reading else { return reading };
        tries += 1;
        let wait = asked.max(backoff::wait(tries, real::random()));
        let (part, again_in_s) = (platform.name().as_str(), wait.as_secs_f64());
        tracing::warn!(
            part,
            again_in_s,
            "cannot start yet: the members of the desk's groups cannot be read; trying again"
        );
        health.set(part, false, "who is on the desk cannot be read; trying again");
        real::sleep(wait).await;
    }
}

/// Reads the roster again after each `every`, or soon after a failure, in the clock's time.
pub(super) async fn watch_roster(
    platform: Arc<dyn Platform>,
    intake: Intake,
    health: Health,
    every: Duration,
    mut last: Reading,
    stop: CancellationToken,
) {
    loop {
        raise_or_clear(&health, &intake, platform.name(), last);
        let wait = match last {
            Reading::Whole => every,
            Reading::Refused => ROSTER_AGAIN_AFTER,
            Reading::NotYet(asked) => asked.max(ROSTER_AGAIN_AFTER),
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = intake.clock().sleep(wait) => last = refresh_roster(platform.as_ref(), &intake).await,
        }
    }
}

/// Raises a condition while groups cannot be read, since the memberships known so far expire soon.
fn raise_or_clear(health: &Health, intake: &Intake, name: PlatformName, reading: Reading) {
    match reading {
        Reading::Whole => health.clear(name, Kind::Roster),
        Reading::Refused | Reading::NotYet(_) => health.raise(name, Kind::Roster, CANNOT_BE_READ, intake.clock().now()),
    }
}

/// Reads the members of groups once. For a group that cannot be read, the last proofs count until they expire after an
/// hour.
pub(super) async fn refresh_roster(platform: &dyn Platform, intake: &Intake) -> Reading {
    let mut reading = Reading::Whole;
    for group in intake.roster().groups_on(platform.name()) {
        let at = intake.clock().now();
        let error = match platform.members(&group.id).await {
            Ok(listed) => {
                intake.learn_members(&group, listed, at);
                continue;
            }
            Err(error) => error,
        };
        tracing::warn!(
            platform = %platform.name(), group = group.id, %error,
            "the members of a group cannot be read: the last known members count for an hour, a deleted group has none"
        );
        if matches!(error, DeliveryError::Permanent { reason: Undeliverable::Gone, .. }) {
            intake.change_members(&group, |members| members.end(at));
        }
        reading = match (reading, error) {
            (Reading::Whole, DeliveryError::Permanent { .. }) => Reading::Refused,
            (reading, DeliveryError::Permanent { .. }) => reading,
            (reading, error) => {
                let before = if let Reading::NotYet(before) = reading { before } else { Duration::ZERO };
                Reading::NotYet(before.max(error.retry_after()))
            }
        };
    }
    reading
}

/// Proves memberships by asking a platform.
pub(super) struct PlatformProver(pub(super) Arc<dyn Platform>);

#[async_trait]
impl Prover for PlatformProver {
    async fn prove(&self, intake: &Intake, group: &GroupRef, who: &PersonRef) -> bool {
        let at = intake.clock().now();
        match self.0.prove(&group.id, who).await {
            Ok(Proven::One(is_member)) => intake.learn_member(group, who, is_member, at),
            Ok(Proven::All(listed)) => intake.learn_members(group, listed, at),
            Err(error) => {
                tracing::warn!(
                    platform = %group.platform, group = group.id, person = %who, %error,
                    "a person's membership in a group cannot be read: the last proof counts for an hour"
                );
                return false;
            }
        }
        true
    }
}
