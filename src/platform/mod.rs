//! The port to a chat platform: the trait that each adapter implements, and the types of deliveries and their results.
//!
//! The inbound half of an adapter translates each payload into one [`crate::domain::event::Event`], hands it to
//! [`crate::intake::Intake`], and acknowledges it to the platform only after that call has returned. Adapters do not
//! know what a ticket is.

pub mod catch_up;
pub mod discord;
mod lenient;
pub mod slack;

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::domain::effect::{Sent, SilentAct, Undeliverable};
use crate::domain::event::{Found, ReplyHandle, Said};
use crate::domain::ids::{EffectId, MessageRef, PersonRef, Place, PlatformName};
use crate::domain::message::Message;
pub use crate::domain::permission::Listed;
use crate::intake::{Intake, StoreError};

/// The largest answer that is read from a platform, in bytes: far more than platforms ever send, and small enough to be
/// held in memory.
pub(crate) const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// The platform cannot be reached at the moment, or an answer is not in the platform's own form. No operator needs to
/// act; another try may succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unreached {
    pub what: String,
    /// The wait that the platform asked for, if it named one.
    pub retry_after: Option<Duration>,
}

/// A platform refuses the bot's token: an operator must renew it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TokenRefused {
    /// What the platform says, and what the operator must do.
    pub what: String,
}

/// A connected chat platform.
#[async_trait]
pub trait Platform: Send + Sync {
    /// Returns which platform it is.
    fn name(&self) -> PlatformName;

    /// Receives events and hands them to `intake` until `stop`. The adapter itself replaces broken connections. Returns
    /// early only if continuing is pointless (a revoked token).
    ///
    /// # Errors
    /// If an operator must fix something.
    async fn run(&self, intake: Intake, stop: CancellationToken) -> anyhow::Result<()>;

    /// Whether events are being received now.
    fn is_connected(&self) -> bool;

    /// Whether another replica receives the events, and this one waits to take over.
    fn stands_by(&self) -> bool {
        false
    }

    /// Whether the adapter may have missed events that it has not yet read from the platform's history.
    fn is_behind(&self) -> bool;

    /// Returns how many incoming events the adapter has finished with since the start: committed, dropped, or (on
    /// Slack) not acknowledged, so that Slack sends them again.
    fn received(&self) -> u64;

    /// Carries out one delivery, within a time limit.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError>;

    /// Looks for the result of an earlier try of this delivery. Returns `None` if no message of that try is visible, or
    /// if the delivery may be repeated without harm. A history may show a post late ([`Platform::history_lag`]). A
    /// whisper cannot be looked for: it is reported as [`Receipt::Whispered`], so that it is sent at most once.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn find(&self, delivery: &Delivery) -> Result<Option<Receipt>, DeliveryError>;

    /// Returns hashes of the texts that a try would send, if [`Platform::find`] must compare texts. `None` if it needs
    /// only the effect's mark.
    fn fingerprint(&self, effect: &EffectId, operation: &Operation) -> Option<Sent>;

    /// Returns how long after a post the platform's history may not show it yet, in the clock's time.
    fn history_lag(&self) -> Duration;

    /// Finds a duplicate of this delivery, left behind by a call that timed out and was carried out late. `known` are
    /// the messages of the worker that took the effect over. Only a certain match counts. Returns `None` also if the
    /// platform itself prevents duplicates.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn find_second(&self, delivery: &Delivery, known: &[MessageRef])
    -> Result<Option<MessageRef>, DeliveryError>;

    /// Returns the accounts in a user group or with a role.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn members(&self, group: &str) -> Result<Listed, DeliveryError>;

    /// Asks the platform now whether an account is in a user group or has a role.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn prove(&self, group: &str, who: &PersonRef) -> Result<Proven, DeliveryError>;

    /// Checks tokens, scopes and intents, and whether the bot can use everything that `wanted` names. The findings say
    /// what to fix.
    async fn check(&self, wanted: &Wanted) -> Vec<Finding>;
}

/// Named leases for work that one replica at a time may do.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes or renews the lease with this name. Returns whether this process holds it now.
    ///
    /// # Errors
    /// If the database is away.
    async fn take_lease(&self, name: &str) -> Result<bool, StoreError>;

    /// Gives the lease back.
    async fn release_lease(&self, name: &str);

    /// Returns how long a lease lasts, in real time.
    fn lease_duration(&self) -> Duration;
}

/// The answer to whether an account is in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proven {
    /// The platform answers for this account alone.
    One(bool),
    /// The platform lists all accounts at once.
    All(Listed),
}

/// An effect that is delivered by one call, and what is needed to find the message of an earlier try.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The same id for every try. It is part of the mark by which a post can be found.
    pub effect: EffectId,
    /// When the effect was decided. None of its messages is older.
    pub since: jiff::Timestamp,
    /// The text hashes of earlier tries, oldest first, whose messages may have been posted.
    pub sent: Vec<Sent>,
    pub operation: Operation,
}

/// A call to a platform, with every address known.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Post a message. If the place is a thread that does not exist yet, start it.
    Post {
        to: Place,
        message: Message,
        /// The name for the thread, if it must be started. It may hold people's words, which the adapter neutralises.
        thread_title: Option<String>,
    },
    /// Change a message of the bot.
    Update {
        place: Place,
        message: MessageRef,
        /// The content that replaces the present one.
        to: Message,
    },
    /// Do something that posts no text.
    Silent(SilentAct),
    /// Tell one person privately; never in public.
    Whisper {
        to: PersonRef,
        /// The place where the person should see the message, if the platform can show a private message there.
        near: Option<Place>,
        /// Answers the person's interaction, if the message is an answer to one.
        via: Option<ReplyHandle>,
        message: Message,
    },
    /// Answer a message that is no request: privately where possible, otherwise by a public reply that is removed
    /// later.
    Hint {
        to: PersonRef,
        place: Place,
        /// The message that the hint answers.
        reply_to: MessageRef,
        message: Message,
    },
}

/// The result of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum Receipt {
    /// Posted as this message.
    Posted(MessageRef),
    /// Posted in several parts, because it was too long for one message. The last one carries the controls.
    PostedInParts(Vec<MessageRef>),
    /// Posted as this message, which the dispatcher must have removed after this time.
    PostedBriefly(MessageRef, Duration),
    /// Changed or removed as wanted.
    Changed,
    /// Shown to one person alone. A whisper that is looked for counts as shown, too.
    Whispered,
    /// The direct conversation was found.
    Opened(Place),
    /// The message as it is now, and the messages before it.
    Looked(Box<Found>),
    /// The messages of a thread, oldest first, and whether some of the thread's messages are missing from the list.
    Read(Vec<Said>, bool),
}

/// Why a platform as a whole accepts no calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Absence {
    /// No connection can be made.
    Unreachable,
    /// The platform reports a failure of its own, or does not answer.
    Failing,
    /// The platform refuses the bot's token.
    Token,
    /// A proxy or firewall between this machine and the platform answers in its place.
    Between,
}

impl Absence {
    /// Returns the cause's name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Failing => "failing",
            Self::Token => "token",
            Self::Between => "between",
        }
    }

    /// Returns a description for operators. It may be shown in public, so it contains no secrets.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Unreachable => "it cannot be reached",
            Self::Failing => "it answers that it fails, or does not answer",
            Self::Token => "it refuses the bot's token",
            Self::Between => "somebody between (a proxy, a firewall) answers in its place",
        }
    }
}

/// Why a delivery did not succeed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeliveryError {
    /// Nothing was done; the platform asks to wait.
    #[error("rate limited for {retry_after:?}")]
    RateLimited {
        /// In the clock's time.
        retry_after: Duration,
        /// Whether the limit applies to every call, not only to calls like this one.
        global: bool,
    },
    /// Nothing was done: the platform as a whole accepts no calls at the moment.
    #[error("away: {detail}")]
    Away {
        cause: Absence,
        /// The error of the connection, or the platform's answer, for operators.
        detail: String,
    },
    /// The platform itself says that nothing was done; the same call may succeed later.
    #[error("temporary: {0}")]
    Temporary(String),
    /// The delivery may have been carried out: look for its result before repeating it. The platform has not answered
    /// in its own words.
    #[error("outcome unknown: {detail}")]
    Unknown {
        cause: Absence,
        /// The error of the connection, or the platform's answer, for operators.
        detail: String,
    },
    /// The message was posted in another place, since the intended place is gone.
    #[error("the message was posted in another place than intended")]
    Astray {
        /// The message in the wrong place.
        message: MessageRef,
        /// Whether that message has been removed already.
        is_removed: bool,
    },
    /// The platform itself refuses the delivery for good.
    #[error("{reason}: {detail}")]
    Permanent {
        reason: Undeliverable,
        /// The platform's own error, for operators.
        detail: String,
    },
}

impl DeliveryError {
    /// Returns how long the platform asks to wait; zero if it does not.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            Self::Away { .. }
            | Self::Temporary(_)
            | Self::Unknown { .. }
            | Self::Astray { .. }
            | Self::Permanent { .. } => Duration::ZERO,
        }
    }

    /// Returns the cause and the details, if this error suggests that the platform as a whole accepts no calls.
    #[must_use]
    pub fn absence(&self) -> Option<(Absence, &str)> {
        match self {
            Self::Away { cause, detail } | Self::Unknown { cause, detail } => Some((*cause, detail)),
            Self::RateLimited { .. } | Self::Temporary(_) | Self::Astray { .. } | Self::Permanent { .. } => None,
        }
    }
}

/// The channels, groups, people and rights that `check` tests.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Channels that the bot must be able to read and write, each with its purpose.
    pub channels: Vec<(String, &'static str)>,
    /// User groups or roles that must exist.
    pub groups: Vec<String>,
    /// Accounts that must exist, each with its purpose.
    pub people: Vec<(String, &'static str)>,
    /// Channels to which outages are announced.
    pub followers: Vec<Place>,
    /// The `followers` that may get announcements although people of other organisations read there.
    pub shared: Vec<Place>,
    /// Channels in which the guard watches pings of staff, by their ids in the settings.
    pub guarded: Vec<String>,
    /// Whether an act may make the bot mention everybody.
    pub mentions_everybody: bool,
}

/// One result of `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    /// The tested thing and the result.
    pub what: String,
    /// How to fix it; empty if there is nothing to fix.
    pub mend: String,
}

/// Lists the first ten of these names, and how many more there are.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but something is missing or restricted. `check` succeeds nevertheless.
    Degraded,
    /// It does not work, and `check` ends with a failure.
    Bad,
}

/// Generates texts that imitate lines of the bot, with every kind of line break, for the property tests of the
/// renderers.
#[cfg(test)]
pub(crate) fn imitations() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;

    let piece = prop_oneof![
        prop::sample::select(vec!["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"])
            .prop_map(str::to_owned),
        Just("Agent noted: identity verified by phone".to_owned()),
        Just("Jeff: yes, send the code".to_owned()),
        Just("> ".to_owned()),
        Just("```".to_owned()),
        Just("](".repeat(230)),
        Just("&".repeat(390)),
        Just("x&".repeat(700)),
        Just("x".repeat(700)),
        Just("word ".repeat(130)),
        Just(" Mia\u{a0}(IT):\u{a0}Your\u{a0}account\u{a0}is\u{a0}unlocked".to_owned()),
        "[ -~]{0,12}",
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}
