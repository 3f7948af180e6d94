//! The port to a chat platform: what the dispatcher asks of an adapter, and what an adapter can do.
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

/// The longest answer that is read from a platform, in bytes: far more than platforms ever send, and small enough for
/// memory.
pub(crate) const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A platform cannot be reached at the moment, or its answer is not in its own form. No operator needs to act; trying
/// again may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unreached {
    /// What happened.
    pub what: String,
    /// How long the platform asked to wait, if it did.
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

    /// Whether events may have been missed that are still to be read.
    fn is_behind(&self) -> bool;

    /// Returns how many events have been received and fully handled (dropped or committed) since the start.
    fn received(&self) -> u64;

    /// Carries out one delivery, within a time limit.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError>;

    /// Finds out whether an earlier try of this delivery was carried out. `None`: nothing of it is visible, or the
    /// delivery may simply be repeated. A history may show a post a little late ([`Platform::history_lag`]). For a
    /// delivery that cannot be found (a whisper) the answer is [`Receipt::Whispered`], so that it is sent at most once.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn find(&self, delivery: &Delivery) -> Result<Option<Receipt>, DeliveryError>;

    /// Returns hashes of the texts that a try would send, if a look-up must compare texts. `None`: the effect's mark is
    /// enough.
    fn fingerprint(&self, effect: &EffectId, act: &Act) -> Option<Sent>;

    /// Returns how long after a try the history may still lack its message, in the clock's time.
    fn history_lag(&self) -> Duration;

    /// Finds a duplicate of this delivery other than `known`, the messages posted by another worker. A try whose
    /// outcome is unknown may have come through late. Only a certain match counts. `None` also if the platform itself
    /// prevents duplicates.
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

    /// Checks tokens, scopes and intents, and that the bot can use these channels and groups. Says what to fix.
    async fn check(&self, wanted: &Wanted) -> Vec<Finding>;
}

/// Named leases for work that one replica at a time may do.
#[async_trait]
pub trait Turn: Send + Sync {
    /// Takes or renews the lease of this name. Returns whether this process holds it now.
    ///
    /// # Errors
    /// If the database is away.
    async fn take_lease(&self, name: &str) -> Result<bool, StoreError>;

    /// Gives the lease back.
    async fn release_lease(&self, name: &str);

    /// Returns how long a lease lasts, in real time.
    fn lasting(&self) -> Duration;
}

/// The answer to whether an account is in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proven {
    /// The platform answers for this account alone.
    One(bool),
    /// The platform lists all accounts at once.
    All(Listed),
}

/// One delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The effect's id, the same for every try. It is part of the mark by which a post can be found.
    pub effect: EffectId,
    /// When the effect was decided: no message of it is older.
    pub since: jiff::Timestamp,
    /// What earlier tries sent that may stand.
    pub sent: Vec<Sent>,
    /// The call to make.
    pub act: Act,
}

/// A call to a platform, with every address known.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Post a message; start the thread if there is none yet.
    Post {
        /// The place.
        to: Place,
        /// The message.
        message: Message,
        /// The name of the thread, if one must be started (people's words, neutralised by the adapter).
        thread_title: Option<String>,
    },
    /// Change a message of the bot.
    Update {
        /// Where it stands.
        place: Place,
        /// The message to change.
        message: MessageRef,
        /// Its new content.
        to: Message,
    },
    /// Do something that posts no words.
    Silent(SilentAct),
    /// Tell one person privately; never in public.
    Whisper {
        /// The person.
        to: PersonRef,
        /// The place near which the person sees it best.
        near: Option<Place>,
        /// How to answer an interaction of the person, if it answers one.
        via: Option<ReplyHandle>,
        /// The message.
        message: Message,
    },
    /// Answer a message that is no request: privately where possible, otherwise by a public reply that is removed
    /// later.
    Hint {
        /// The person.
        to: PersonRef,
        /// The place.
        place: Place,
        /// The message that it answers.
        reply_to: MessageRef,
        /// The message.
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
    /// Posted as this message, which must be removed after this time.
    PostedBriefly(MessageRef, Duration),
    /// Changed or removed as wanted.
    Changed,
    /// Said privately.
    Whispered,
    /// The direct conversation was found.
    Opened(Place),
    /// The message as it is now, and the messages before it.
    Looked(Box<Found>),
    /// The messages of the thread, oldest first, and whether older ones were left unread.
    Read(Vec<Said>, bool),
}

/// Why a platform as a whole takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Absence {
    /// No connection can be made.
    Unreachable,
    /// The platform reports a failure of its own, or does not answer.
    Failing,
    /// The platform refuses the bot's token.
    Token,
    /// A proxy or firewall in between answers in the platform's place.
    Between,
}

impl Absence {
    /// Returns its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Failing => "failing",
            Self::Token => "token",
            Self::Between => "between",
        }
    }

    /// Returns its text for operators, which may be public: no secrets.
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
        /// How long, in the clock's time.
        retry_after: Duration,
        /// Whether it applies to every call, not only to calls like this.
        global: bool,
    },
    /// Nothing was done: the platform as a whole takes no calls at the moment.
    #[error("away: {detail}")]
    Away {
        /// What is known about the cause.
        cause: Absence,
        /// Details for operators.
        detail: String,
    },
    /// The platform itself says that nothing was done; it may work later.
    #[error("temporary: {0}")]
    Temporary(String),
    /// It may have been done: look for it before repeating. The platform has not answered in its own words.
    #[error("outcome unknown: {detail}")]
    Unknown {
        /// What is known about the cause.
        cause: Absence,
        /// Details for operators.
        detail: String,
    },
    /// It was done in the wrong place, since the intended one is gone.
    #[error("it went to another place than it was meant for")]
    Astray {
        /// The message in the wrong place.
        message: MessageRef,
        /// Whether it has been removed already.
        is_removed: bool,
    },
    /// The platform itself refuses it for good.
    #[error("{reason}: {detail}")]
    Permanent {
        /// The reason, as the desk learns it.
        reason: Undeliverable,
        /// The platform's own words, for operators.
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

    /// Returns the cause and the details, if this error shows that the platform as a whole takes nothing.
    #[must_use]
    pub fn absence(&self) -> Option<(Absence, &str)> {
        match self {
            Self::Away { cause, detail } | Self::Unknown { cause, detail } => Some((*cause, detail)),
            Self::RateLimited { .. } | Self::Temporary(_) | Self::Astray { .. } | Self::Permanent { .. } => None,
        }
    }
}

/// What `check` is to test.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Channels that the bot must be able to read and write, with what they are for.
    pub channels: Vec<(String, &'static str)>,
    /// User groups or roles that must exist.
    pub groups: Vec<String>,
    /// Accounts that must exist, with what they are for.
    pub people: Vec<(String, &'static str)>,
    /// Channels to which outages are announced.
    pub followers: Vec<Place>,
    /// Those of the `followers` that get announcements although people of other organisations read there.
    pub shared: Vec<Place>,
    /// Channels in which the guard watches pings of staff, by their ids in the settings.
    pub guarded: Vec<String>,
    /// Whether an act may make the bot mention everybody.
    pub mentions_everybody: bool,
}

/// One result of `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How good or bad it is.
    pub verdict: Verdict,
    /// What was tested, and what was found.
    pub what: String,
    /// What to do about it; empty if nothing.
    pub mend: String,
}

/// Lists some of these names, and how many more there are.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works with restrictions.
    Degraded,
    /// Does not work.
    Bad,
}

/// Generates words with line breaks of every kind that imitate lines of the bot, for the property tests of the
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
