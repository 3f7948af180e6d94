//! Silent acts: what the bot does on a platform without posting a message.

use serde::{Deserialize, Serialize};

use super::{Lane, Sign, at};
use crate::domain::event::{DirectRequest, Look, LookFor};
use crate::domain::ids::{MessageRef, Place, PlatformName};
use crate::domain::limits::{Limit, discord, slack};

/// An act on a platform that posts no message. It may be repeated, so the outbox does not look for it before a repeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilentAct {
    /// Delete a message of the bot. A message that is gone already counts as a success.
    Remove { message: MessageRef },
    /// Add a sign (a reaction) to a person's message, or remove it. If the platform refuses, the sign is left out,
    /// since nothing depends on it.
    React {
        message: MessageRef,
        sign: Sign,
        /// Whether the sign is added, not removed.
        is_on: bool,
    },
    /// Find or open the direct conversation with a requester who has asked elsewhere. The conversation, or the reason
    /// why there is none, comes back as an event.
    OpenDirect { request: Box<DirectRequest> },
    /// Read a message and the messages before it. The result comes back as an event.
    Look(Box<Look>),
    /// Read the last hundred messages of a thread before a given one. The result comes back as an event.
    ReadThread {
        place: Place,
        /// The message before which to read.
        before: MessageRef,
    },
}

/// The properties of a silent act that the outbox needs.
#[derive(Clone, Debug, PartialEq)]
pub struct SilentSpec<'a> {
    /// Its name in the database, in logs and in metrics.
    pub name: &'static str,
    pub lane: Lane,
    /// The kind of right that it needs. A place that refuses one act of a kind refuses all acts of that kind.
    pub verb: &'static str,
    /// Its order key. Acts of one order key are carried out in the order of the decisions.
    pub order_key: String,
    /// The platform that carries it out.
    pub platform: PlatformName,
    /// The channel that it needs.
    pub channel: &'a str,
    /// The thread that it needs.
    pub root: Option<&'a str>,
    /// The limit that it counts against on Slack, which holds for the workspace.
    pub slack: Limit,
    /// The limit that it counts against on Discord, besides the limit of all calls. It holds for the channel or thread.
    pub discord: Limit,
    /// Whether an erasure withdraws the act if it is about a ticket of the erased person, since the act can bring words
    /// into the record. (An act about the person is withdrawn in any case.)
    pub brings_words: bool,
}

impl SilentAct {
    /// Returns the properties that the outbox needs.
    #[must_use]
    pub fn spec(&self) -> SilentSpec<'_> {
        match self {
            Self::Remove { message } => SilentSpec {
                name: "remove",
                lane: Lane::Note,
                slack: Limit::halved("delete", slack::DELETE),
                discord: Limit::shared("change", discord::REQUESTS),
                ..SilentSpec::on("rm", "change", message)
            },
            Self::React { message, .. } => SilentSpec {
                name: "react",
                lane: Lane::Answer,
                slack: Limit::shared("sign", slack::REACTION),
                discord: Limit::shared("sign", discord::REACTION_PER_CHANNEL),
                ..SilentSpec::on("sign", "sign", message)
            },
            Self::ReadThread { place, .. } => SilentSpec {
                name: "read_thread",
                lane: Lane::Note,
                slack: Limit::shared("replies", slack::HISTORY),
                discord: Limit::shared("read", discord::REQUESTS),
                brings_words: true,
                ..SilentSpec::within("read", place)
            },
            Self::Look(look) => SilentSpec {
                name: "look",
                lane: Lane::Answer,
                order_key: match &look.why {
                    // The order key of private messages to this person, so that an erasure of the person withdraws the
                    // look, too.
                    LookFor::Behalf { by, .. } => format!("to:{}", by.who),
                    _ => format!("look:{}:{}:{}", look.place.platform(), look.message.channel, look.message.id),
                },
                slack: match look.place.root() {
                    Some(_) => Limit::shared("replies", slack::HISTORY),
                    None => Limit::shared("history", slack::HISTORY),
                },
                discord: Limit::shared("read", discord::REQUESTS),
                ..SilentSpec::within("look", &look.place)
            },
            Self::OpenDirect { request } => SilentSpec {
                name: "open_direct",
                lane: Lane::Answer,
                order_key: match &request.passed_on {
                    Some(passed_on) => format!("to:{}", passed_on.by.who),
                    None => format!("direct:{}", request.by.who),
                },
                platform: request.by.who.platform,
                brings_words: true,
                ..SilentSpec::of("direct")
            },
        }
    }
}

impl<'a> SilentSpec<'a> {
    /// Returns the base for an act on a message.
    fn on(order: &str, verb: &'static str, message: &'a MessageRef) -> Self {
        let platform = message.tenant.platform;
        Self {
            order_key: format!("{order}:{platform}:{}:{}", message.channel, message.id),
            platform,
            channel: &message.channel,
            root: None,
            ..Self::of(verb)
        }
    }

    /// Returns the base for an act in a thread or channel.
    fn within(verb: &'static str, place: &'a Place) -> Self {
        Self {
            order_key: format!("{verb}:{}", at(place)),
            platform: place.platform(),
            channel: place.channel(),
            root: place.root(),
            ..Self::of(verb)
        }
    }

    fn of(verb: &'static str) -> Self {
        Self {
            name: verb,
            lane: Lane::Note,
            verb,
            order_key: String::new(),
            platform: PlatformName::Slack,
            channel: "",
            root: None,
            slack: Limit::shared("other", slack::OTHER),
            discord: Limit::shared(verb, discord::REQUESTS),
            brings_words: false,
        }
    }
}
