//! Who is on the desk, as the platforms say.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::intake::Intake;
use crate::outbox::backoff;
use crate::platform::{DeliveryError, Platform};

/// How long to wait before the roster is read again if it could not be read, in the clock's time.
const ROSTER_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// What came of reading a platform's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// All are known.
    Whole,
    /// What is missing is refused: an operator must mend it.
    Refused,
    /// Something could not be read just now; it is worth trying again after this long.
    NotYet(Duration),
}

/// Asks who is in which group until the platform has said it, or has said that it will not: an agent's words are an act
/// only for who knows the agent, so that nothing may be decided before. The waits are real time, as at any start.
pub(super) async fn learn_roster(platform: &dyn Platform, intake: &Intake, health: &Health) -> Reading {
    let mut tries = 0;
    loop {
        let reading = refresh_roster(platform, intake).await;
        let Reading::NotYet(asked) = reading else { return reading };
        tries += 1;
        let wait = asked.max(backoff::wait(tries, rand::random()));
        let (part, again_in_s) = (platform.name().as_str(), wait.as_secs_f64());
        tracing::warn!(part, again_in_s, "cannot start yet: who is on the desk is not known; trying again");
        health.set(part, false, "who is on the desk cannot be read; trying again");
        tokio::time::sleep(wait).await;
    }
}

/// Reads the roster again, `every` so often, in the clock's time.
pub(super) async fn watch_roster(
    platform: Arc<dyn Platform>,
    intake: Intake,
    every: Duration,
    mut last: Reading,
    stop: CancellationToken,
) {
    loop {
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

/// Asks who is in which group; what cannot be read stays as it was last known.
pub(super) async fn refresh_roster(platform: &dyn Platform, intake: &Intake) -> Reading {
    let mut reading = Reading::Whole;
    for group in intake.roster().groups_on(platform.name()) {
        let error = match platform.members(&group.id).await {
            Ok(members) => {
                intake.set_members(platform.name(), &group.id, members);
                continue;
            }
            Err(error) => error,
        };
        tracing::warn!(
            platform = %platform.name(), group = group.id, %error,
            "who is in this group cannot be read; what was last known stays"
        );
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
