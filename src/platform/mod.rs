//! The port to a chat platform: what the dispatcher asks of an adapter, and what an adapter can do.
//!
//! An adapter's other half, inbound, translates each payload into one [`crate::domain::event::Event`], hands it to
//! [`crate::intake::Intake`], and acknowledges the platform only after that returned. Adapters do not know what a ticket is.

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

/// The longest answer of a platform that is read, in bytes: far more than either ever sends, and little enough to hold.
pub(crate) const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A platform cannot be reached just now, or is not itself: nothing for an operator to mend, it is worth trying again.
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
    /// What it says, and what to do.
    pub what: String,
}

/// A chat platform, connected.
#[async_trait]
pub trait Platform: Send + Sync {
    /// Which one.
    fn name(&self) -> PlatformName;

    /// Receives events and hands them to `intake` until `stop`. Returns only when stopped or when going on is senseless
    /// (a revoked token); connections that break are made again inside.
    ///
    /// # Errors
    /// What an operator must mend.
    async fn run(&self, intake: Intake, stop: CancellationToken) -> anyhow::Result<()>;

    /// Whether events are being received now.
    fn is_connected(&self) -> bool;

    /// Whether another replica receives them, and this one would take over.
    fn stands_by(&self) -> bool {
        false
    }

    /// Whether something may have been missed that is still to be read.
    fn is_behind(&self) -> bool;

    /// How many events have been received and dealt with (dropped, or committed) since the start.
    fn received(&self) -> u64;

    /// Carries out one delivery, within a time-out.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError>;

    /// Looks whether an earlier try of this delivery was carried out after all. `None`: nothing of it can be seen, or it is
    /// idempotent. A history may show what was posted a little later ([`Platform::history_lag`]). Unfindable ones
    /// (whispers) answer with [`Receipt::Whispered`], so that they are sent at most once.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn find(&self, delivery: &Delivery) -> Result<Option<Receipt>, DeliveryError>;

    /// What a try at this would send, as hashes, where a look for it must compare texts. `None`: the effect's mark is enough.
    fn fingerprint(&self, effect: &EffectId, act: &Act) -> Option<Sent>;

    /// How long after a try its message may not be seen in a history yet, in the clock's time.
    fn history_lag(&self) -> Duration;

    /// Looks whether it stands besides `known`, which somebody else posted: a try whose outcome is unknown may have come
    /// through after all. Only what certainly is a copy of it; `None` where the platform itself keeps the second one out.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn find_second(&self, delivery: &Delivery, known: &[MessageRef])
    -> Result<Option<MessageRef>, DeliveryError>;

    /// The accounts in a user group or with a role.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn members(&self, group: &str) -> Result<Listed, DeliveryError>;

    /// Whether an account is in a user group or has a role, asked now.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn prove(&self, group: &str, who: &PersonRef) -> Result<Proven, DeliveryError>;

    /// Tests tokens, scopes, intents and that the bot can use these channels and groups; tells what to mend.
    async fn check(&self, wanted: &Wanted) -> Vec<Finding>;
}

/// Whose turn it is to do what one replica at a time may do.
#[async_trait]
pub trait Turn: Send + Sync {
    /// Takes, or renews, what is named so; whether it is this process's now.
    ///
    /// # Errors
    /// If the database is away.
    async fn hold(&self, name: &str) -> Result<bool, StoreError>;

    /// Gives it back.
    async fn let_go(&self, name: &str);

    /// How long a hold lasts, in real time.
    fn lasting(&self) -> Duration;
}

/// What came of asking whether an account is in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proven {
    /// The platform tells of this one.
    One(bool),
    /// It tells of all at once.
    All(Listed),
}

/// One thing to be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Names the effect; the same for every try. Part of what makes a post findable.
    pub effect: EffectId,
    /// When the effect was decided: nothing of it can stand from before.
    pub since: jiff::Timestamp,
    /// What earlier tries have sent that may stand.
    pub sent: Vec<Sent>,
    /// What to do.
    pub act: Act,
}

/// What to do, with every address known.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Post a message; start the thread if there is none yet.
    Post {
        /// Where.
        to: Place,
        /// What.
        message: Message,
        /// The name of the thread, if one must be started (people's words, neutralised by the adapter).
        thread_title: Option<String>,
    },
    /// Make a message of the bot look like this.
    Update {
        /// Where it stands.
        place: Place,
        /// Which.
        message: MessageRef,
        /// How it is to look.
        to: Message,
    },
    /// Do something without saying anything.
    Silent(SilentAct),
    /// Tell one person privately; never in public.
    Whisper {
        /// Whom.
        to: PersonRef,
        /// Near which place it is best seen.
        near: Option<Place>,
        /// How to answer an act of theirs.
        via: Option<ReplyHandle>,
        /// What.
        message: Message,
    },
    /// Answer a message that was no request: privately where possible, else by a public reply that is to be removed.
    Hint {
        /// Whom.
        to: PersonRef,
        /// Where.
        place: Place,
        /// Which message.
        reply_to: MessageRef,
        /// What.
        message: Message,
    },
}

/// What came of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum Receipt {
    /// The message stands there.
    Posted(MessageRef),
    /// It stands there in parts, since it was too long for one; the last carries its controls.
    PostedInParts(Vec<MessageRef>),
    /// The message stands there, and is to be removed after this time.
    PostedBriefly(MessageRef, Duration),
    /// It looks as wanted, or is gone as wanted.
    Changed,
    /// It was told privately.
    Whispered,
    /// This is the direct conversation.
    Opened(Place),
    /// The message as it stands now, and what was said before it.
    Looked(Box<Found>),
    /// What was said in the thread, oldest first, and whether older messages were left unread.
    Read(Vec<Said>, bool),
}

/// Why a platform as a whole takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Absence {
    /// No connection can be made.
    Unreachable,
    /// It answers that it cannot, or does not answer.
    Failing,
    /// It refuses the bot's token.
    Token,
    /// Somebody between (a proxy, a firewall) answers in its place.
    Between,
}

impl Absence {
    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Failing => "failing",
            Self::Token => "token",
            Self::Between => "between",
        }
    }

    /// What an operator is told of it, in public: no secrets.
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
    /// The platform asks to wait. Nothing was done.
    #[error("rate limited for {retry_after:?}")]
    RateLimited {
        /// How long, in the clock's time.
        retry_after: Duration,
        /// Whether every call is concerned, not just ones like this.
        global: bool,
    },
    /// Nothing was done: the platform as a whole takes nothing now, whatever it is asked.
    #[error("away: {detail}")]
    Away {
        /// What is known of it.
        cause: Absence,
        /// More, for operators.
        detail: String,
    },
    /// Nothing was done, as the platform itself says; it may work later.
    #[error("temporary: {0}")]
    Temporary(String),
    /// It may have been done: look before repeating. The platform has not answered in its own words.
    #[error("outcome unknown: {detail}")]
    Unknown {
        /// What is known of it.
        cause: Absence,
        /// More, for operators.
        detail: String,
    },
    /// It was done in another place than it was meant for, since that one is gone.
    #[error("it went to another place than it was meant for")]
    Astray {
        /// What stands there.
        message: MessageRef,
        /// Whether it has been removed already.
        is_removed: bool,
    },
    /// The platform itself refuses it.
    #[error("{reason}: {detail}")]
    Permanent {
        /// Why, for the core.
        reason: Undeliverable,
        /// The platform's own word, for operators.
        detail: String,
    },
}

impl DeliveryError {
    /// How long the platform asks to wait; zero if it does not.
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

    /// The evidence that the platform as a whole takes nothing, if this is any.
    #[must_use]
    pub fn absence(&self) -> Option<(Absence, &str)> {
        match self {
            Self::Away { cause, detail } | Self::Unknown { cause, detail } => Some((*cause, detail)),
            Self::RateLimited { .. } | Self::Temporary(_) | Self::Astray { .. } | Self::Permanent { .. } => None,
        }
    }
}

/// What `check` wants to know.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Channels that the bot must be able to read and write, with what they are for.
    pub channels: Vec<(String, &'static str)>,
    /// User groups or roles that must exist.
    pub groups: Vec<String>,
    /// Accounts that must exist, with what they are for.
    pub people: Vec<(String, &'static str)>,
    /// Channels that are to hear of outages.
    pub followers: Vec<Place>,
    /// Those of them that may hear of them though people of other organisations read there.
    pub shared: Vec<Place>,
    /// Channels in which pings of staff are to be looked at, by their ids in the settings.
    pub guarded: Vec<String>,
    /// Whether somebody may let the bot mention everybody.
    pub mentions_everybody: bool,
}

/// One result of `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was looked at, and what was found.
    pub what: String,
    /// What to do about it; empty where nothing is.
    pub mend: String,
}

/// Some of these names, and how many more there are.
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
    /// Works, with less.
    Degraded,
    /// Does not work.
    Bad,
}

/// Words with line breaks of every kind, in which lines of the bot are imitated: for the properties of the renderers.
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
