//! A platform that only delivers, by a function of the test, and a dispatcher for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deskbell::domain::effect::Sent;
use deskbell::domain::ids::{EffectId, MessageRef, PersonRef, PlatformName};
use deskbell::health::Health;
use deskbell::intake::Intake;
use deskbell::outbox::{Dispatcher, Timing};
use deskbell::platform::{Delivery, DeliveryError, Finding, Listed, Operation, Platform, Proven, Receipt, Wanted};
use deskbell::store::{Store, WorkerId};
use tokio_util::sync::CancellationToken;

use crate::store_contract::kit::intake;

/// The test's part of the platform.
#[async_trait]
pub trait Delivers: Send + Sync {
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError>;

    /// Returns a copy of this delivery that is not among the known messages; `None` unless a test overrides it.
    async fn find_second(&self, _: &Delivery, _: &[MessageRef]) -> Option<MessageRef> {
        None
    }
}

/// Returns a dispatcher without limits, with a worker id of its own, as in a process of its own.
pub fn dispatcher(store: &Arc<dyn Store>, delivers: &Arc<impl Delivers + 'static>, timing: Timing) -> Dispatcher {
    limited(&intake(Arc::clone(store)), store, delivers, timing).without_limits()
}

/// Returns a dispatcher with Slack's limits, on the clock of this intake.
pub fn limited(
    intake: &Intake,
    store: &Arc<dyn Store>,
    delivers: &Arc<impl Delivers + 'static>,
    timing: Timing,
) -> Dispatcher {
    let platform = Arc::new(Bare(Arc::clone(delivers)));
    Dispatcher::new(platform, Arc::clone(store), intake.clone(), timing, WorkerId::new(), Health::default())
}

struct Bare<D>(Arc<D>);

#[async_trait]
impl<D: Delivers> Platform for Bare<D> {
    fn name(&self) -> PlatformName {
        PlatformName::Slack
    }

    async fn run(&self, _: Intake, stop: CancellationToken) -> anyhow::Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn is_behind(&self) -> bool {
        false
    }

    fn received(&self) -> u64 {
        0
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        self.0.deliver(delivery).await
    }

    async fn find(&self, delivery: &Delivery) -> Result<Option<Receipt>, DeliveryError> {
        Ok(self.0.find_second(delivery, &[]).await.map(Receipt::Posted))
    }

    async fn find_second(
        &self,
        delivery: &Delivery,
        known: &[MessageRef],
    ) -> Result<Option<MessageRef>, DeliveryError> {
        Ok(self.0.find_second(delivery, known).await)
    }

    fn fingerprint(&self, _: &EffectId, _: &Operation) -> Option<Sent> {
        None
    }

    fn history_lag(&self) -> Duration {
        Duration::ZERO
    }

    async fn members(&self, _: &str) -> Result<Listed, DeliveryError> {
        Ok(Listed::default())
    }

    async fn prove(&self, _: &str, _: &PersonRef) -> Result<Proven, DeliveryError> {
        Ok(Proven::One(false))
    }

    async fn check(&self, _: &Wanted) -> Vec<Finding> {
        Vec::new()
    }
}
