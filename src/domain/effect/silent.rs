//! What the bot does on a platform without saying anything.

use serde::{Deserialize, Serialize};

use super::{Lane, Sign, at};
use crate::domain::event::{DirectRequest, Look, LookFor};
use crate::domain::ids::{MessageRef, Place, PlatformName};
use crate::domain::limits::{Limit, discord, slack};

/// An act on a platform that says nothing. It may be repeated, so that nobody looks for it before a repeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilentAct {
    /// Delete a message of the bot; that it is gone already is a success.
    Remove {
        /// Which message.
        message: MessageRef,
    },
    /// Put a sign on somebody's message, or take it away: a reaction. Where that cannot be, it is left out: nothing hangs on
    /// it.
    React {
        /// Which message.
        message: MessageRef,
        /// Which sign.
        sign: Sign,
        /// Whether it is to be there.
        is_on: bool,
    },
    /// Look up the direct conversation with somebody who asks for something elsewhere. It comes back as an event, be it that
    /// there is none.
    OpenDirect {
        /// Who asks for what.
        request: Box<DirectRequest>,
    },
    /// Read a message, and what was said before it. They come back as an event.
    Look(Box<Look>),
    /// Read the last hundred messages of a thread that stand before one. They come back as an event.
    ReadThread {
        /// Which thread.
        place: Place,
        /// Before which message.
        before: MessageRef,
    },
}

/// Everything that the outbox has to know of a silent act.
#[derive(Clone, Debug, PartialEq)]
pub struct SilentSpec<'a> {
    /// Its name in the database, in logs and in metrics.
    pub name: &'static str,
    /// How urgent it is.
    pub lane: Lane,
    /// The kind of right that it needs: a place that refuses one act of this kind refuses all.
    pub verb: &'static str,
    /// Acts of one order key are carried out in the order in which they were decided.
    pub order_key: String,
    /// Which platform carries it out.
    pub platform: PlatformName,
    /// The channel that it needs.
    pub channel: &'a str,
    /// The thread that it needs.
    pub root: Option<&'a str>,
    /// What it counts against on Slack: a limit of the workspace.
    pub slack: Limit,
    /// What it counts against on Discord, besides the limit of all calls: a limit of the channel or thread.
    pub discord: Limit,
    /// Whether it brings words of people into the record: an erasure takes it back.
    pub brings_words: bool,
}

impl SilentAct {
    /// Everything that the outbox has to know of it.
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
                    // In the order of what this person is told: it goes if they are erased.
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
    /// An act on a message.
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

    /// An act in a thread or channel.
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
